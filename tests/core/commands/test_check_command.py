"""``chainrule check``: the kit over what is installed, as a table."""

import re

import pytest

import chainrule as cr
from chainrule.testing import checks_for


def counts(line):
    """The numbers of the last line: components, checks, passed, failed, not applicable."""
    return [int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", line)]


def test_one_component(program):
    ran = program("check", "layer.dense")
    checks = len(checks_for("layer.dense"))
    assert (ran.status, ran.err) == (0, "")
    assert re.search(rf"^ layer\.dense +chainrule {cr.__version__} +{checks} +$", ran.out, flags=re.MULTILINE)
    assert ran.out.splitlines()[-1] == f"1 component, {checks} checks: {checks} passed, 0 failed, 0 not applicable"


@pytest.mark.parametrize(
    ("which", "names"),
    [
        ("schedule", [f"schedule.{name}" for name in cr.registry().names("schedule")]),
        ("tanh", ["activation.tanh"]),
        ("constant", ["initializer.constant", "schedule.constant"]),
        ("chainrule:regularizers", ["regularizer.l1", "regularizer.l2"]),
    ],
)
def test_a_kind_a_name_or_a_plugin(program, which, names):
    ran = program("check", which)
    assert ran.status == 0
    assert re.findall(r"^ (\w+\.\w+)", ran.out, flags=re.MULTILINE) == names
    assert counts(ran.out.splitlines()[-1])[0] == len(names)


def test_what_does_not_apply_is_shown_with_its_reason(program):
    ran = program("check", "xor")
    assert ran.status == 0
    reason = "  the four points are the whole problem: there are no others"
    assert f"dataset.xor: splits_disjoint not applicable\n{reason}\n" in ran.out
    assert ran.out.splitlines()[-1].endswith("0 failed, 1 not applicable")


def test_checks_that_do_not_apply_for_one_reason_share_a_line(program, tmp_path):
    ran = program("check", "fashion_mnist", CHAINRULE_DATA=str(tmp_path))
    assert ran.status == 0
    assert "dataset.fashion_mnist: loads, shapes, finite, splits_disjoint, " in ran.out
    assert ran.out.count("a check downloads nothing") == 1


def test_a_failure_is_shown_in_full_and_ends_in_status_1(program, monkeypatch):
    cls = cr.registry().get("activation", "tanh").cls
    backward = cls.backward
    monkeypatch.setattr(cls, "backward", lambda self, da: 2 * backward(self, da))
    ran = program("check", "activation")
    assert ran.status == 1
    [line] = re.findall(r"^ activation\.tanh .*", ran.out, flags=re.MULTILINE)
    assert 1 in counts(line)
    assert "activation.tanh: gradient_of_input failed\n  dx is off by 0.5 of its largest number" in ran.out
    assert "Everywhere it is the right one times 2.\n  To mend it: derive backward from the formula" in ran.out
    assert counts(ran.out.splitlines()[-1])[3] == 1


def test_an_unknown_name(program):
    ran = program("check", "optimzer")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == 'chainrule: there is no kind, component or plugin "optimzer". Did you mean "optimizer"?\n'


def test_names_are_completed(program):
    offered = program("-sc", "query=bash", COMP_LINE="chainrule check ").out.split()
    assert {"layer", "dense", "chainrule:layers"} <= set(offered)
