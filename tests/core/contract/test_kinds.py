"""What all components share: refusing values, and arrays that are kept from step to step."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

import chainrule as cr


@dataclass
class Rated(cr.Layer):
    """Has one field."""

    rate: float = 0.5

    def __post_init__(self) -> None:
        self.require("rate", 0 <= self.rate < 1, "at least 0 and less than 1")


def test_a_bad_value_is_refused_with_field_value_and_what_would_be_right() -> None:
    assert Rated(0.25).rate == 0.25
    with pytest.raises(cr.FieldError) as caught:
        Rated(2.0)
    assert str(caught.value) == "rate: got 2.0, must be at least 0 and less than 1 (Rated)"


@pytest.mark.parametrize(
    ("kind", "name", "fields", "message"),
    [
        ("optimizer", "sgd", {"lr": "0.1"}, 'lr: got "0.1", expected a number (SGD)'),
        ("layer", "dense", {"units": 8.0}, "units: got 8.0, expected a whole number (Dense)"),
        ("model", "mlp", {"hidden": 64}, "hidden: got 64, expected a list, each element a whole number (MLP)"),
    ],
)
def test_a_constructor_refuses_what_does_not_fit_a_fields_type(
    kind: str, name: str, fields: dict[str, object], message: str
) -> None:
    with pytest.raises(cr.FieldError) as caught:
        cr.registry().get(kind, name).cls(**fields)
    assert str(caught.value) == message


def test_types_are_checked_with_and_without_a_post_init_and_in_subclasses() -> None:
    @dataclass
    class Plain(cr.Layer):
        """Refuses nothing by itself."""

        size: int = 1

    @dataclass
    class Sized(Rated):
        """Adds a field."""

        size: int = 1

    for cls in (Plain, Sized):
        assert cls(size=np.int64(3)).size == 3  # type: ignore[arg-type]
        with pytest.raises(cr.FieldError) as caught:
            cls(size="many")  # type: ignore[arg-type]
        assert str(caught.value) == f'size: got "many", expected a whole number ({cls.__name__})'


def test_a_default_is_right_whatever_its_fields_type() -> None:
    @dataclass
    class Loose(cr.Layer):
        """Has a default that make would refuse."""

        size: int = None  # type: ignore[assignment]

    assert Loose().size is None


def test_a_type_that_no_config_can_hold_is_left_to_the_registry() -> None:
    @dataclass
    class Strange(cr.Layer):
        """No registry takes it."""

        names: set[int] = field(default_factory=set)

    assert Strange({1}).names == {1}


def test_work_is_kept_by_name_and_gives_a_smaller_batch_the_first_rows() -> None:
    layer = Rated()
    whole = layer.work("y", (4, 3), np.float32)
    assert (whole.shape, whole.dtype) == ((4, 3), np.float32)
    assert layer.work("y", (4, 3), np.float32) is whole
    part = layer.work("y", (2, 3), np.float32)
    assert part.shape == (2, 3)
    assert part.base is whole
    assert layer.work("y", (4, 3), np.float32) is whole
    assert not np.shares_memory(layer.work("dx", (4, 3), np.float32), whole)


@pytest.mark.parametrize(("shape", "dtype"), [((5, 3), "float32"), ((4, 2), "float32"), ((4, 3), "float64")])
def test_work_is_made_anew_where_it_does_not_fit(shape: cr.Shape, dtype: str) -> None:
    layer = Rated()
    first = layer.work("y", (4, 3), np.float32)
    other = layer.work("y", shape, dtype)
    assert (other.shape, other.dtype) == (shape, np.dtype(dtype))
    assert not np.shares_memory(first, other)


def test_work_is_no_part_of_a_component() -> None:
    layer = Rated()
    layer.work("y", (4, 3), np.float32)
    assert layer == Rated()
    assert "work" not in repr(layer)
    assert cr.spec_of(layer) == {"name": "rated", "rate": 0.5}


def test_every_kind_is_named_after_its_class() -> None:
    assert {kind: base.__name__.lower() for kind, base in cr.KINDS.items()} == {kind: kind for kind in cr.KINDS}
    assert len(cr.KINDS) == 11


@pytest.mark.parametrize("kind", cr.KINDS)
def test_a_method_that_an_author_must_write_says_so(kind: str) -> None:
    base = cr.KINDS[kind]
    for method, arguments in base.required.items():
        with pytest.raises(NotImplementedError):
            getattr(base, method)(base(), *arguments)


def test_streams_depend_on_seed_purpose_and_index() -> None:
    drawn = {tuple(cr.stream(*key).random(3)) for key in ((0, "a"), (1, "a"), (0, "b"), (0, "a", 1))}
    assert len(drawn) == 4
    assert tuple(cr.stream(0, "a").random(3)) in drawn
