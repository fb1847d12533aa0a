"""The conformance kit as its users have it; the checks of every kind; and that no check is left untested."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_planted_defects
import test_planted_defects_engines
import test_planted_defects_far
import test_planted_defects_learning
import test_planted_defects_more
import test_testing_data
import test_testing_exported
import test_testing_layers
import test_testing_learning
from breaking import Breakages, Broken, assert_found, assert_right

import chainrule as cr
from chainrule.testing import CheckFailed, Outcome, check_component, checks_for, parametrize_with_checks
from chainrule.testing.formulas import SIGNATURES
from chainrule.testing.kit import CHECKS
from chainrule.testing.running import reasons_of
from chainrule.testing.subject import Examined

breaks = Breakages()


@dataclass
class Curve(cr.Activation):
    """A curve: $a = tanh(steepness z)$.

    Args:
        steepness: above 0 and finite; default 1.
    """

    steepness: float = 1.0

    def __post_init__(self) -> None:
        self.require("steepness", 0 < self.steepness < math.inf, "above 0 and finite")

    def reference(self, z: cr.Array) -> cr.Array:
        e = np.exp(-2 * self.steepness * np.abs(z))
        return np.sign(z) * (1 - e) / (1 + e)

    def forward(self, z: cr.Array) -> cr.Array:
        self.a = np.tanh(self.steepness * z)
        return self.a

    def backward(self, da: cr.Array) -> cr.Array:
        return self.steepness * da * (1 - self.a**2)


class Undecorated(Curve):
    """A curve: $a = tanh(steepness z)$."""


breaks.append(
    Broken(
        Undecorated, "registration", frozenset(), "activation Undecorated is not a dataclass: write @dataclass above it"
    )
)


@breaks("registration", says=r"activation OneWay does not write backward\(da\)")
class OneWay(cr.Activation):
    """There is no way back: $a = z$."""

    def forward(self, z: cr.Array) -> cr.Array:
        return z


@dataclass
class Powered(cr.Activation):
    """A power: $a = z^power$; power is 1 or more."""

    power: int

    def __post_init__(self) -> None:
        self.require("power", self.power >= 1, "at least 1")

    def forward(self, z: cr.Array) -> cr.Array:
        self.z = z
        return z**self.power

    def backward(self, da: cr.Array) -> cr.Array:
        return self.power * da * self.z ** (self.power - 1)


breaks.append(
    Broken(Powered, "constructible", frozenset(), "Powered has no default for power, and no example that gives a value")
)


@breaks("constructible", says=r"it cannot be made from the fields {'power': 0}: power: got 0, must be at least 1")
class BadExample(Powered):
    check_examples = ({"power": 0},)


@breaks("declarations", says=r"check_input_shapes is \(4, 3\)")
class OneShape(Curve):
    check_input_shapes = (4, 3)  # type: ignore[assignment]


@breaks("declarations", says="check_kinks is 'zero'")
class NamedKink(Curve):
    check_kinks = "zero"  # type: ignore[assignment]


@breaks("declarations", says="checks_not_applicable names 'keeps_type', and there is no such check")
class NoSuchCheck(Curve):
    checks_not_applicable = {"keeps_type": "it changes it on purpose"}


@breaks("declarations", says=r"checks_not_applicable\['keeps_dtype'\] gives no reason, but ' '")
class NoReason(Curve):
    checks_not_applicable = {"keeps_dtype": " "}


@breaks("docstring", also=("formula",), says="it has no docstring")
class Undocumented(Curve):
    __doc__ = ""


@breaks("docstring", says=r"the docstring's first line is 'A curve \$a\$ that', which is no sentence of its own")
class Flowing(Curve):
    """A curve $a$ that
    goes on; steepness."""


@breaks("docstring", says="the docstring does not explain the field steepness")
class Unexplained(Curve):
    """A curve: $a = tanh(z)$."""


@breaks("formula", says="the docstring has no dollar signs, where its formula would stand between two")
class NoFormula(Curve):
    """A curve of some steepness."""


@breaks("formula", says="a backslash of a formula has become a control character")
class NotRaw(Curve):
    """A curve: $a = \tanh(steepness z)$."""


@breaks("formula", says="a backslash of a formula has become a control character")
class NotRawElsewhere(Curve):
    """A curve: $a = \alpha(steepness z)$."""


@breaks("refuses_bad_values", says="steepness=nan is accepted")
class TakesAll(Curve):
    def __post_init__(self) -> None:
        pass


@breaks("refuses_bad_values", says=r"steepness=0.0 is refused with ZeroDivisionError: ")
class Divides(Curve):
    def __post_init__(self) -> None:
        self.require("steepness", math.isfinite(self.steepness), "finite")
        self._width = 1 / self.steepness


@breaks("refuses_bad_values", says=r"the error for steepness=nan does not name the field: wrong value")
class Nameless(Curve):
    def __post_init__(self) -> None:
        if not 0 < self.steepness < math.inf:
            raise cr.FieldError("wrong value")


@breaks("refuses_bad_values", says=r"power=-1000000000 is accepted")
class AnyPower(Powered):
    check_examples = ({"power": 3},)

    def __post_init__(self) -> None:
        pass


@breaks("fields_kept", says="steepness was given as 2.0, and is 4.0 after __post_init__")
class Squares(Curve):
    check_examples = ({"steepness": 2.0},)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.steepness = 4.0


@breaks("config_round_trip", says="made again from its own config it differs: table: {1: 2.0} became {'1': 2.0}")
class Keyed(Curve):
    """A curve: $a = tanh(steepness z)$; table is not used."""

    table: Mapping[str, Any] | None = None

    check_examples = ({"table": {1: 2.0}},)


@breaks("config_round_trip", says="its fields cannot be written as JSON: Object of type complex")
class Unwritable(Curve):
    """A curve: $a = tanh(steepness z)$; table is not used."""

    table: Mapping[str, Any] | None = None

    check_examples = ({"table": {"z": 1j}},)


def test_right_components_pass() -> None:
    assert_right(Curve)
    assert_right(Powered(3))


@pytest.mark.parametrize("broken", breaks, ids=lambda broken: broken.id)
def test_what_is_broken_is_found(broken: Broken) -> None:
    assert_found(broken)


BREAKING = (test_testing_layers, test_testing_learning, test_testing_data, test_testing_exported)
PLANTING = (
    test_planted_defects,
    test_planted_defects_learning,
    test_planted_defects_more,
    test_planted_defects_far,
    test_planted_defects_engines,
)
ALL_BROKEN = [*breaks, *(broken for module in (*BREAKING, *PLANTING) for broken in module.breaks)]


def test_no_check_is_left_without_a_component_that_it_finds() -> None:
    tested = {(kind.kind, kind.check) for kind in ALL_BROKEN}
    untested = [check.name for check in CHECKS if not tested & {(kind, check.name) for kind in check.kinds}]
    assert untested == []


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.run.__module__.rpartition('.')[2]}-{check.name}")
def test_checks_say_what_they_ask_for(check: Any) -> None:
    assert check.description.endswith(".")


@pytest.mark.parametrize("kind", cr.KINDS)
def test_names_of_a_kinds_checks_are_unique(kind: str) -> None:
    names = [check.name for check in CHECKS if kind in check.kinds]
    assert len(names) == len(set(names))
    assert len(names) >= 8 + 3


LEAST = {
    "layer": 68, "activation": 52, "loss": 37, "optimizer": 30, "initializer": 21, "regularizer": 24, "schedule": 21,
    "metric": 33, "callback": 20, "dataset": 22, "model": 16,
}  # fmt: skip
"""How many checks each kind has: to be raised where one is added, and lowered by nobody."""


@pytest.mark.parametrize("kind", cr.KINDS)
def test_no_check_gets_lost(kind: str) -> None:
    assert len([check for check in CHECKS if kind in check.kinds]) >= LEAST[kind]


def test_checks_rest_on_checks_that_there_are() -> None:
    of_kind = {kind: {check.name for check in CHECKS if kind in check.kinds} for kind in cr.KINDS}
    for check in CHECKS:
        known = set.union(*(of_kind[kind] for kind in check.kinds))
        assert {*check.rests_on} <= known - {check.name}, check.name


@pytest.mark.parametrize(
    "entry", [e for e in cr.registry() if e.kind in SIGNATURES], ids=lambda e: f"{e.kind}.{e.name}"
)
def test_every_built_in_component_of_these_kinds_has_its_formula(entry: Any) -> None:
    assert callable(entry.cls.reference)
    assert "formula_computed" not in reasons_of(Examined(entry))


# ---- as people use it


def test_a_failing_component_raises_one_error_that_lists_every_failure() -> None:
    with pytest.raises(CheckFailed) as caught:
        check_component(test_testing_layers.ForgetsBias)
    assert isinstance(caught.value, AssertionError)
    text = str(caught.value)
    assert text.startswith(
        f"layer.forgets_bias fails 3 checks of {len(checks_for(test_testing_layers.ForgetsBias))}\n- "
    )
    for check in ("gradients_written", "gradient_of_parameters", "gradient_at_inference"):
        assert re.search(rf"^- {check}: .+\n  To mend it: ", text, flags=re.MULTILINE)


def test_a_name_a_class_and_an_instance_can_be_checked() -> None:
    by_name = check_component("layer.dense")
    assert by_name == check_component(cr.registry().get("layer", "dense").cls)
    assert by_name == check_component(cr.make("layer", "dense", units=2, activation=cr.make("activation", "tanh")))
    assert by_name[0] == Outcome("layer.dense", "registration", "passed")


def test_an_instance_is_its_own_only_example() -> None:
    assert_right(Powered(3))
    [failed] = [o for o in check_component(Powered, on_fail="return") if o.status == "failed"]
    assert failed.check == "constructible"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dens", 'there is no component "dens". Did you mean "dense"?'),
        ("constant", 'several components are named "constant": write initializer.constant or schedule.constant'),
    ],
)
def test_an_unknown_and_an_ambiguous_name(name: str, message: str) -> None:
    with pytest.raises(cr.UnknownName) as caught:
        check_component(name)
    assert str(caught.value) == message


def test_what_is_no_component_is_refused() -> None:
    with pytest.raises(TypeError, match="got <class 'dict'>, expected a component, its class or its name"):
        check_component(dict)


def test_of_several_examples_the_failing_one_is_named() -> None:
    @dataclass
    class SometimesWrong(Curve):
        __doc__ = Curve.__doc__
        check_examples = ({}, {"steepness": 2.0})

        def backward(self, da: cr.Array) -> cr.Array:
            return super().backward(da) / self.steepness

    [failed] = [o for o in check_component(SometimesWrong, on_fail="return") if o.status == "failed"]
    assert failed.message.startswith("example 1, {'steepness': 2.0}: dx is off by 0.5 of its largest number")


@dataclass
class OnPurpose(Curve):
    """A curve that is float64 on purpose: $a = tanh(steepness z)$."""

    checks_not_applicable = {"keeps_dtype": "it computes in float64 on purpose"}

    def forward(self, z: cr.Array) -> cr.Array:
        return super().forward(z.astype(np.float64))


def test_a_check_that_does_not_apply_is_reported_with_its_reason() -> None:
    outcomes = {outcome.check: outcome for outcome in check_component(OnPurpose)}
    assert outcomes["keeps_dtype"] == Outcome(
        "activation.on_purpose", "keeps_dtype", "not applicable", "it computes in float64 on purpose"
    )
    assert [outcome.status for outcome in outcomes.values()].count("passed") == len(outcomes) - 1


def test_a_check_without_a_reason_runs_all_the_same() -> None:
    @dataclass
    class Quiet(OnPurpose):
        __doc__ = OnPurpose.__doc__
        checks_not_applicable = {"keeps_dtype": ""}

    failed = [o.check for o in check_component(Quiet, on_fail="return") if o.status == "failed"]
    assert failed == ["declarations"]
    assert "keeps_dtype" not in failed  # the first failure ends it; with the reason mended, it would run


def test_where_others_rest_on_a_check_that_does_not_apply_they_do_not_either() -> None:
    @dataclass
    class Elsewhere(test_testing_data.Bands):
        """Data that is elsewhere; seed."""

        checks_not_applicable = {"loads": "it is elsewhere"}

        def load(self) -> cr.Data:
            raise cr.DataError("not here")

    statuses = {outcome.check: outcome.status for outcome in check_component(Elsewhere)}
    assert statuses["splits_disjoint"] == statuses["loads"] == "not applicable"
    assert statuses["docstring"] == "passed"


@parametrize_with_checks([Curve, "activation.tanh"])
def test_each_check_is_a_test(check: Callable[[], None]) -> None:
    check()
    assert re.fullmatch(r"activation\.(curve|tanh)-\w+", repr(check))


AUTHORS_TEST = """
from dataclasses import dataclass
import chainrule
from chainrule.testing import parametrize_with_checks

@dataclass
class Half(chainrule.Activation):
    '''Half of it: $a = z / 2$.'''

    checks_not_applicable = {"finite_at_extremes": "there are none"}

    def reference(self, z):
        return 0.5 * z

    def forward(self, z):
        return z / 2

    def backward(self, da):
        return da

@parametrize_with_checks([Half])
def test_half(check):
    check()
"""


def test_pytest_names_what_fails_and_shows_what_does_not_apply(tmp_path: Path) -> None:
    (tmp_path / "test_half.py").write_text(AUTHORS_TEST, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-rfs", "-p", "no:cacheprovider", "test_half.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "FAILED test_half.py::test_half[activation.half-gradient_of_input]" in done.stdout
    assert "Everywhere it is the right one times 2." in done.stdout
    assert "To mend it: derive backward from the formula of forward" in done.stdout
    assert "not applicable: there are none" in done.stdout
    assert "not applicable: it rests on gradient_of_input, which fails" in done.stdout
    assert "1 failed, " in done.stdout
    assert " skipped" in done.stdout


def test_the_kit_needs_no_pytest() -> None:
    code = "import sys, chainrule.testing as t; t.check_component('tanh'); print('pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_checks_leave_the_processs_random_numbers_alone() -> None:
    np.random.seed(0)  # noqa: NPY002
    expected = np.random.random(3)  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    check_component("dropout")
    assert np.array_equal(np.random.random(3), expected)  # noqa: NPY002
