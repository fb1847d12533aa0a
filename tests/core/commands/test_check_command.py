"""``chainrule check``: the kit over what is installed, as a table."""

import json
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


def test_several_names_each_component_once(program):
    ran = program("check", "regularizer", "tanh", "l1")
    assert ran.status == 0
    assert re.findall(r"^ (\w+\.\w+)", ran.out, flags=re.MULTILINE) == [
        "activation.tanh",
        "regularizer.l1",
        "regularizer.l2",
    ]
    ran = program("check", "tanh", "tahn")
    assert (ran.status, ran.out) == (2, "")


def test_as_json_every_check_has_its_status(program):
    ran = program("check", "--json", "xor", "l1")
    assert (ran.status, ran.err) == (0, "")
    found = json.loads(ran.out)
    l1, xor = found["components"]
    assert found["chainrule"] == cr.__version__
    assert (xor["component"], xor["distribution"], l1["component"]) == ("dataset.xor", "chainrule", "regularizer.l1")
    assert {"check": "loads", "status": "passed"} in xor["checks"]
    reason = "the four points are the whole problem: there are no others"
    assert {"check": "splits_disjoint", "status": "not applicable", "message": reason} in xor["checks"]
    checks = len(xor["checks"]) + len(l1["checks"])
    assert len(l1["checks"]) == len(checks_for("l1"))
    assert found["counts"] == {
        "components": 2,
        "checks": checks,
        "passed": checks - 1,
        "failed": 0,
        "not applicable": 1,
    }
    assert found["failed_to_load"] == []


def test_as_json_a_failure_is_told_in_a_line_and_ends_in_status_1(program, monkeypatch):
    cls = cr.registry().get("activation", "tanh").cls
    backward = cls.backward
    monkeypatch.setattr(cls, "backward", lambda self, da: 2 * backward(self, da))
    ran = program("check", "tanh", "--json")
    assert ran.status == 1
    found = json.loads(ran.out)
    [failed] = [check for check in found["components"][0]["checks"] if check["status"] == "failed"]
    assert failed["check"] == "gradient_of_input"
    assert failed["message"].startswith("dx is off by 0.5 of its largest number")
    assert failed["mend"].startswith("derive backward from the formula of forward")
    assert not any("\n" in text for text in failed.values())
    assert found["counts"]["failed"] == 1


def test_an_unknown_name(program):
    ran = program("check", "optimzer")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == 'chainrule: there is no kind, component or plugin "optimzer". Did you mean "optimizer"?\n'


def test_names_are_completed(program):
    offered = program("-sc", "query=bash", COMP_LINE="chainrule check ").out.split()
    assert {"layer", "dense", "chainrule:layers"} <= set(offered)
