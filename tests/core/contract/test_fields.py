"""Which field types a component may have, which values fit them, and what is said where one does not."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Optional, Union

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

import chainrule as cr
from chainrule.contract.fields import config_type, expected, fields_of, fit, require_known, type_name


@dataclass
class Everything(cr.Layer):
    """Has one field of each supported form; its annotations are text (``from __future__ import annotations``)."""

    whole: int
    real: float = 0.5
    flag: bool = False
    text: str = "a"
    choice: Literal["same", "valid", 3] = "same"
    several: Sequence[int] = (1, 2)
    listed: list[float] = field(default_factory=lambda: [0.5])
    fixed: tuple[str, ...] = ("x",)
    bare: Sequence = ()
    table: Mapping[str, int] = field(default_factory=dict)
    table_too: dict[str, Any] = field(default_factory=dict)
    maybe: int | None = None
    old_maybe: Optional[float] = None  # noqa: UP045
    either: Union[int, str] = 1  # noqa: UP007
    activation: str | Mapping[str, Any] | cr.Activation = "linear"
    body: Sequence[str | Mapping[str, Any] | cr.Layer] = ()
    branches: Sequence[Sequence[str | Mapping[str, Any] | cr.Layer]] = ()
    only: cr.Initializer | None = None
    hidden: int = field(default=3, init=False)
    constant: typing.ClassVar[int] = 4


def test_the_fields_are_those_that_the_constructor_takes_in_order() -> None:
    fields = fields_of(Everything)
    assert [f.name for f in fields] == list(Everything.__dataclass_fields__)[:-2]
    assert fields[0].required
    assert not any(f.required for f in fields[1:])


def test_fields_know_which_kind_of_component_they_hold() -> None:
    kinds = {f.name: f.kind for f in fields_of(Everything)}
    held = {name: kind for name, kind in kinds.items() if kind}
    assert held == {"activation": "activation", "body": "layer", "branches": "layer", "only": "initializer"}


def test_fields_know_whether_their_components_stand_in_lists_in_a_list() -> None:
    @dataclass
    class Nested(cr.Layer):
        numbers: Sequence[Sequence[int]] = ()
        one: cr.Layer | Sequence[cr.Layer] = ()
        lists: Sequence[list[cr.Layer]] | None = None
        either: Sequence[cr.Layer | Sequence[cr.Layer]] = ()

    assert [f.name for f in fields_of(Everything) if f.nested] == ["branches"]
    assert [f.name for f in fields_of(Nested) if f.nested] == ["lists", "either"]


def test_a_default_factory_gives_the_default() -> None:
    fields = {f.name: f.default for f in fields_of(Everything)}
    assert fields["listed"] == [0.5]
    assert fields["table"] == {}


def test_a_field_is_shown_as_one_would_write_it() -> None:
    shown = [str(f) for f in fields_of(Everything)]
    assert shown[:6] == [
        "whole: int",
        "real: float = 0.5",
        "flag: bool = False",
        "text: str = 'a'",
        "choice: Literal['same', 'valid', 3] = 'same'",
        "several: Sequence[int] = (1, 2)",
    ]
    assert "fixed: tuple[str, ...] = ('x',)" in shown
    assert "maybe: int | None = None" in shown
    assert "old_maybe: float | None = None" in shown
    assert "activation: str | Mapping[str, Any] | Activation = 'linear'" in shown


def test_inherited_annotations_are_resolved_where_they_were_written() -> None:
    @dataclass
    class Child(Everything):
        more: int = 1

    assert [f.name for f in fields_of(Child)][-1] == "more"


@pytest.mark.parametrize(
    ("annotation", "value", "result"),
    [
        (int, 3, 3),
        (int, np.int64(3), 3),
        (float, 3, 3.0),
        (float, np.float32(0.5), 0.5),
        (float, np.int16(2), 2.0),
        (float, math.inf, math.inf),
        (bool, True, True),
        (str, "", ""),
        (type(None), None, None),
        (Any, [1, {}], [1, {}]),
        (Literal["a", 1], 1, 1),
        (Sequence[float], [1, 2.5], (1.0, 2.5)),
        (list[int], (1, 2), [1, 2]),
        (list, (1, 2), [1, 2]),
        (Sequence, [1, 2], (1, 2)),
        (tuple[int, ...], [1], (1,)),
        (Sequence[Sequence[int]], [[1], []], ((1,), ())),
        (Mapping[str, int], {"a": 1}, {"a": 1}),
        (int | float, 1, 1),
        (float | int, 1, 1),
        (float | None, 1, 1.0),
        (float | None, None, None),
        (int | str, "1", "1"),
        (Sequence[int] | int, [1], (1,)),
        (str | Mapping | cr.Loss, {"name": "mse"}, {"name": "mse"}),
    ],
    ids=str,
)
def test_what_fits(annotation: Any, value: Any, result: Any) -> None:
    fitted = fit(annotation, value)
    assert fitted == result
    assert type(fitted) is type(result)


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (int, 1.0, "got 1.0, expected a whole number"),
        (int, True, "got true, expected a whole number"),
        (int, "3", 'got "3", expected a whole number'),
        (float, "0.1", 'got "0.1", expected a number'),
        (float, False, "got false, expected a number"),
        (float, None, "got null, expected a number"),
        (bool, 1, "got 1, expected true or false"),
        (bool, "yes", 'got "yes", expected true or false'),
        (str, 1, "got 1, expected text; in quotes of its own, as it stands there, it is text"),
        (str, 1e5, "got 100000.0, expected text; in quotes of its own, as it stands there, it is text"),
        (Literal["same", "valid"], "sme", 'got "sme", expected "same" or "valid"'),
        (Literal[1, 2], True, "got true, expected 1 or 2"),
        (Literal[1, 2], 1.0, "got 1.0, expected 1 or 2"),
        (int | None, "a", 'got "a", expected a whole number or null'),
        (Optional[float], "a", 'got "a", expected a number or null'),  # noqa: UP045
        (Sequence[int], 3, "got 3, expected a list, each element a whole number"),
        (Sequence[int], "12", 'got "12", expected a list, each element a whole number'),
        (Sequence[int], [1, 2.5], "got [1, 2.5], expected a list, each element a whole number"),
        (list, 3, "got 3, expected a list"),
        (Mapping[str, int], [1], "got [1], expected a mapping"),
        (cr.Loss, "mse", 'got "mse", expected a loss'),
        (cr.Initializer, 1, "got 1, expected an initializer"),
        (
            str | Mapping[str, Any] | cr.Activation,
            1,
            "got 1, expected the name of an activation or {name: ..., ...}",
        ),
        (
            str | Mapping[str, Any] | cr.Activation | None,
            1,
            "got 1, expected the name of an activation or {name: ..., ...} or null",
        ),
        (
            Sequence[str | Mapping[str, Any] | cr.Layer],
            [1],
            "got [1], expected a list, each element the name of a layer or {name: ..., ...}",
        ),
    ],
    ids=str,
)
def test_what_does_not_fit(annotation: Any, value: Any, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        fit(annotation, value)
    assert str(caught.value) == message


def test_a_component_fits_its_own_kind_only() -> None:
    relu, loss = cr.make("activation", "relu"), cr.make("loss", "mse")
    assert fit(str | cr.Activation, relu) is relu
    with pytest.raises(TypeError, match="expected the name of an activation"):
        fit(str | cr.Activation, loss)


@dataclass
class Small(cr.Layer):
    """Two fields."""

    units: int
    rate: float = 0.5


@dataclass
class Fieldless(cr.Layer):
    """None."""


def test_fields_are_fitted_to_their_types_wherever_the_values_come_from() -> None:
    for component in (Small(np.int64(3), 1), Small(units=3, rate=np.float64(1))):  # type: ignore[arg-type]
        assert component == Small(3, 1.0)
        assert [type(value) for value in vars(component).values()] == [int, float]
    with pytest.raises(cr.FieldError, match=r'^units: got "a", expected a whole number \(Small\)$'):
        Small("a")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cls", "values", "kind", "message"),
    [
        (Small, {"unit": 3}, cr.UnknownName, 'unit: layer small has no field "unit". Did you mean "units"?'),
        (Small, {"qq": 3}, cr.UnknownName, 'qq: layer small has no field "qq". Known: rate, units.'),
        (Fieldless, {"a": 3}, cr.UnknownName, 'a: layer small has no field "a". It has no fields.'),
        (Small, {}, cr.FieldError, "units: layer small needs a value for this field (int)"),
    ],
)
def test_fields_are_known_and_those_without_a_default_given(
    cls: type, values: dict[str, Any], kind: type[cr.ConfigError], message: str
) -> None:
    with pytest.raises(kind) as caught:
        require_known(cls, "layer small", values)
    assert str(caught.value).startswith(message)


@dataclass
class Refused(cr.Layer):
    """Its one field is of a type that no config can hold."""

    field: complex = 0j


@dataclass
class Pair(cr.Layer):
    """A tuple of a fixed length, whose elements differ."""

    pair: tuple[int, str] = (1, "a")


@dataclass
class Deep(cr.Layer):
    """The same, deeper down."""

    deep: Sequence[int | bytes] = ()


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (Refused, "field 'field' of Refused has type complex; a field may be int, float, bool, str, Literal, Sequence"),
        (Pair, "field 'pair' of Pair has type tuple[int, str]; a field may be int"),
        (Deep, "field 'deep' of Deep has type Sequence[int | bytes]; a field may be int"),
    ],
)
def test_a_type_that_no_config_can_hold_is_refused(cls: type, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        fields_of(cls)
    assert str(caught.value).startswith(message)


def test_a_field_that_takes_a_component_alone_is_told_how_configs_could_give_it() -> None:
    @dataclass
    class Alone(cr.Layer):
        initializer: cr.Initializer | None = None

    for written in ("zeros", {"name": "zeros"}):
        with pytest.raises(
            cr.FieldError, match=r"a field that configs give is annotated str \| Mapping\[str, Any\] \| In"
        ):
            Alone(initializer=written)  # type: ignore[abstract, arg-type]


def test_an_annotation_that_cannot_be_resolved_is_named() -> None:
    @dataclass
    class Lost(cr.Layer):
        field: Nowhere = 1  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(TypeError, match="an annotation of Lost cannot be resolved: name 'Nowhere' is not defined"):
        fields_of(Lost)


@pytest.mark.parametrize(
    ("annotation", "node"),
    [
        (int, int),
        (str, str),
        (float | None, Optional[float]),  # noqa: UP045
        (Sequence[int], list[int]),
        (tuple[float, ...], list[float]),
        (Sequence[int] | None, Optional[list[int]]),  # noqa: UP045
        (Literal["a"], Any),
        (int | str, Any),
        (int | str | None, Any),
        (Literal["a"] | None, Any),
        (Mapping[str, int], Any),
        (Sequence[Sequence[int]], Any),
        (str | Mapping | cr.Layer, Any),
    ],
    ids=str,
)
def test_config_type(annotation: Any, node: Any) -> None:
    assert config_type(annotation) == node


# A type, and values that fit it, as they stand in a config.
PLAIN = [
    (int, st.integers(-(2**53), 2**53)),
    (float, st.floats(allow_nan=False) | st.integers(-1000, 1000)),
    (bool, st.booleans()),
    (str, st.text("abc ", max_size=5)),
    (Literal["p", "q"], st.sampled_from(["p", "q"])),
]


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[Any, Any]:
    annotation, values = draw(st.sampled_from(PLAIN))
    if draw(st.booleans()):
        annotation, values = Sequence[annotation], st.lists(values, max_size=4)
    if draw(st.booleans()):
        annotation, values = annotation | None, values | st.none()
    return annotation, draw(values)


def as_config(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@given(typed_values())
def test_a_value_that_fits_is_kept_and_fits_again(typed: tuple[Any, Any]) -> None:
    annotation, value = typed
    fitted = fit(annotation, value)
    assert as_config(fitted) == value
    assert fit(annotation, fitted) == fitted


@given(typed_values())
def test_a_value_goes_through_a_config_node_unchanged(typed: tuple[Any, Any]) -> None:
    annotation, value = typed
    node = dataclasses.make_dataclass("Node", [("field", config_type(annotation), field(default="???"))])
    config = OmegaConf.merge(OmegaConf.structured(node), {"field": value})
    assert OmegaConf.to_container(config) == {"field": value}
    assert as_config(fit(annotation, config["field"])) == value


def refusal(annotation: Any, value: Any) -> str | None:
    try:
        fit(annotation, value)
    except TypeError as error:
        return str(error)
    return None


@given(typed_values(), typed_values())
def test_a_refusal_names_the_value_and_what_is_expected(typed: tuple[Any, Any], other: tuple[Any, Any]) -> None:
    annotation, value = typed[0], other[1]
    message = refusal(annotation, value)
    assert message is None or (message.startswith("got ") and f", expected {expected(annotation)}" in message)


@given(typed_values())
def test_type_names_can_be_read_back(typed: tuple[Any, Any]) -> None:
    annotation, _ = typed
    assert type_name(eval(type_name(annotation), globals())) == type_name(annotation)
