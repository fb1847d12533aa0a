"""Names become components and components names; a class that does not keep its contract is refused, with the reason."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.contract.fields import fit, type_name
from chainrule.registry.discovery import Plugin
from chainrule.registry.making import fresh
from chainrule.registry.registry import Registrar, Registry, snake_case
from chainrule_plugins.layers import Dense

ACME = Plugin("parts", "acme", "2.0")
ENTRIES = [pytest.param(entry, id=f"{entry.kind}.{entry.name}") for entry in cr.registry()]


def example_of(entry: cr.Entry) -> cr.Component:
    """A component of this entry: from its defaults; for each field that has none, from its first example, or something
    fitting."""

    def sample(field: Any) -> Any:
        if field.kind is not None:
            return cr.registry().names(field.kind)[0]
        text = "str" in type_name(field.annotation)
        return "a.txt" if text else fit(field.annotation, 3)

    example = next(iter(entry.cls.check_examples), {})
    needed = {field.name: example.get(field.name) or sample(field) for field in entry.fields if field.required}
    component: cr.Component = cr.make(entry.kind, entry.name, **needed)
    return component


# ---- make


def test_make_by_name_by_mapping_and_by_instance() -> None:
    by_name = cr.make("layer", "dropout", rate=0.25)
    assert by_name == cr.make("layer", {"name": "dropout", "rate": 0.25})
    assert by_name == cr.make("layer", {"name": "dropout"}, rate=0.25)
    assert cr.make("layer", by_name) is by_name


def test_make_leaves_the_mapping_alone() -> None:
    given = {"name": "dropout", "rate": 0.25}
    cr.make("layer", given)
    assert given == {"name": "dropout", "rate": 0.25}


@pytest.mark.parametrize(
    ("kind", "given", "fields", "error", "message"),
    [
        ("layre", "dense", {}, cr.UnknownName, 'there is no kind of component "layre". Did you mean "layer"? Known: '),
        ("layer", "dens", {}, cr.UnknownName, 'there is no layer "dens". Did you mean "dense"?'),
        ("optimizer", "admm", {}, cr.UnknownName, 'there is no optimizer "admm". Did you mean "adam"?'),
        ("layer", "dropout", {"p": 1}, cr.UnknownName, 'p: layer dropout has no field "p". Known: rate.'),
        ("layer", {"name": "dropout", "rate": 1}, {}, cr.FieldError, "rate: got 1.0, must be at least 0 and less than"),
        ("layer", "dropout", {"rate": "high"}, cr.FieldError, 'rate: got "high", expected a number (Dropout)'),
        ("layer", "dense", {}, cr.FieldError, "units: layer dense needs a value for this field (int)"),
        ("layer", 3, {}, cr.FieldError, "got 3, expected the name of a component of kind layer, or {name: ..., ...}"),
        ("layer", {"units": 3}, {}, cr.FieldError, "got {'units': 3}, expected the name of a component of kind layer"),
        ("layer", None, {}, cr.FieldError, "got None, expected the name of a component of kind layer"),
    ],
)
def test_what_make_refuses(
    kind: str, given: Any, fields: dict[str, Any], error: type[cr.ConfigError], message: str
) -> None:
    with pytest.raises(error) as caught:
        cr.make(kind, given, **fields)
    assert str(caught.value).startswith(message)


def test_an_instance_must_be_of_the_kind_and_takes_no_fields() -> None:
    dropout = cr.make("layer", "dropout")
    with pytest.raises(cr.FieldError, match="got Dropout, expected a component of kind loss"):
        cr.make("loss", dropout)
    with pytest.raises(cr.FieldError, match="got Dropout, expected fields for a name only"):
        cr.make("layer", dropout, rate=0.1)


@pytest.mark.parametrize("entry", ENTRIES)
def test_spec_of_is_the_inverse_of_make(entry: cr.Entry) -> None:
    component = example_of(entry)
    spec = cr.spec_of(component)
    assert spec["name"] == entry.name
    assert cr.make(entry.kind, spec) == component
    assert cr.make(entry.kind, json.loads(json.dumps(spec))) == component


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_fresh_one_is_equal_and_another(entry: cr.Entry) -> None:
    component = example_of(entry)
    copy = fresh(component)
    assert copy == component
    assert copy is not component


def test_spec_of_writes_components_in_fields_as_plain_values() -> None:
    dense = cr.make("layer", "dense", units=2, activation=cr.make("activation", "leaky_relu"))
    spec = cr.spec_of(dense)
    assert spec["activation"] == cr.spec_of(cr.make("activation", "leaky_relu"))
    assert cr.spec_of(cr.make("layer", spec)) == spec


def test_spec_of_writes_numpys_numbers_as_plain_ones() -> None:
    spec = cr.spec_of(Dense(units=np.int64(3)))
    assert json.loads(json.dumps(spec))["units"] == 3


# ---- the registry


def test_the_registry_is_built_once() -> None:
    assert cr.registry() is cr.registry()


def test_iterating_gives_entries_by_kind_and_name() -> None:
    order = list(cr.KINDS)
    keys = [(order.index(entry.kind), entry.name) for entry in cr.registry()]
    assert keys == sorted(keys)
    assert len(keys) == len(cr.registry()) == len(set(keys))


def test_every_kind_has_a_component() -> None:
    assert {entry.kind for entry in cr.registry()} == set(cr.KINDS)


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_says_what_it_is_and_where_it_came_from(entry: cr.Entry) -> None:
    assert (entry.distribution, entry.version) == ("chainrule", cr.__version__)
    assert entry.description
    assert cr.registry().get(entry.kind, entry.name) is entry
    assert cr.registry().entry_of(example_of(entry)) is entry
    assert cr.registry().name_of(entry.cls) == entry.name


def test_an_unregistered_class_has_the_name_that_it_would_get_and_no_entry() -> None:
    assert cr.registry().name_of(Good()) == "good"
    assert cr.registry().entry_of(Good()) is None


def test_an_unknown_name_mentions_plugins_that_failed() -> None:
    registry = Registry()
    registry.plugins = [Plugin("parts", "acme", "2.0", error="ImportError: no"), Plugin("fine", "acme", "2.0")]
    with pytest.raises(cr.UnknownName) as caught:
        registry.get("layer", "scale")
    message = 'there is no layer "scale". None is known. (Plugins that failed to load: acme:parts.)'
    assert str(caught.value) == message


def test_two_components_of_one_kind_and_name_name_both_plugins_and_take_in_nothing() -> None:
    registry = Registry()
    first, second = Registrar(ACME), Registrar(Plugin("more", "zeta", "1.1"))
    first.add(Good)
    registry.admit(first)
    second.add(Good, name="better")
    second.add(Good)
    with pytest.raises(cr.PluginError) as caught:
        registry.admit(second)
    assert str(caught.value) == (
        'activation "good" is already there, from acme:parts (acme 2.0); rename it or disable one of the two plugins '
        "with CHAINRULE_DISABLE_PLUGINS=zeta:more"
    )
    assert [entry.name for entry in registry] == ["good"]


def test_one_name_in_two_kinds_is_no_conflict() -> None:
    registrar = Registrar(ACME)
    registrar.add(Good, name="same")
    registrar.add(Twice, name="same")
    assert set(registrar.entries) == {("activation", "same"), ("layer", "same")}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Dense", "dense"), ("BatchNorm2d", "batch_norm2d"), ("L2", "l2"), ("MSELoss", "mse_loss"), ("aB", "a_b")],
)
def test_snake_case(name: str, expected: str) -> None:
    assert snake_case(name) == expected


# ---- what is refused at registration


@dataclass
class Good(cr.Activation):
    """Keeps its contract."""

    def forward(self, z: cr.Array) -> cr.Array:
        return z

    def backward(self, da: cr.Array) -> cr.Array:
        return da


@dataclass
class Twice(cr.Layer):
    """Keeps its contract."""

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        return input_shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        return 2 * x

    def backward(self, dy: cr.Array) -> cr.Array:
        return 2 * dy


class Forgot(Twice):
    """Its dataclass is the parent's."""

    factor: float = 2.0


@dataclass
class Annotated(cr.Optimizer):
    """Its slots would be a hyperparameter."""

    lr: float = 0.1
    slots: tuple[str, ...] = ("v",)

    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None: ...


@dataclass
class AnnotatedExamples(Good):
    """Its examples would be a hyperparameter."""

    check_examples: tuple[str, ...] = ()  # type: ignore[misc,assignment]


@dataclass
class AnnotatedKinks(Good):
    """Its kinks would be a hyperparameter."""

    check_kinks: Sequence[float] = (0.0,)


@dataclass
class TakesDtype(Twice):
    """Its field hides what a layer has."""

    dtype: str = "float32"  # type: ignore[assignment]


@dataclass
class TakesWork(Twice):
    """Its field hides what every component has."""

    work: int = 3  # type: ignore[assignment]


@dataclass
class Rateless(cr.Optimizer):
    """Has no learning rate of its own."""

    rate: float = 0.1

    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None: ...


@dataclass
class Idle(cr.Optimizer):
    """Says in no way how it moves."""

    lr: float = 0.1


@dataclass
class AsksTooMuch(cr.Optimizer):
    """Its rule wants what there is not."""

    lr: float = 0.1
    slots = ("v",)

    def rule(self, theta: Any, grad: Any, v: Any, rate: float, epoch: int) -> Any: ...


@dataclass
class ForgetsSlot(cr.Optimizer):
    """Its rule does not take one of its slots."""

    lr: float = 0.1
    slots = ("m", "v")

    def rule(self, theta: Any, grad: Any, m: Any, lr: float) -> Any: ...


@dataclass
class NoDerivative(cr.Activation):
    """Has half of it."""

    def rule(self, z):
        return z * z


@dataclass
class TakesA(cr.Activation):
    """Has a field where what it gave is kept."""

    a: float = 1.0

    def rule(self, z):
        return self.a * z

    def derivative(self, a):
        return self.a + 0 * a


@dataclass
class OfNothing(cr.Activation):
    """Takes nothing."""

    def rule(self):
        return 1

    def derivative(self, a):
        return a


@dataclass
class NoBackward(cr.Layer):
    """Cannot go back."""

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        return input_shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        return x


@dataclass
class NoTraining(Twice):
    """Its forward takes too little."""

    def forward(self, x: cr.Array) -> cr.Array:  # type: ignore[override]
        return x


@dataclass
class TooMuch(Twice):
    """Its build takes too much."""

    def build(self, input_shape: cr.Shape, units: int) -> cr.Shape:  # type: ignore[override]
        return input_shape


@dataclass
class NotCallable(cr.Schedule):
    """Has no __call__."""


@dataclass
class HalfFused(cr.Loss):
    """Says that it fuses, and cannot."""

    fuses_with = "softmax"

    def output(self, task: cr.Task, classes: int) -> tuple[int, str]:
        return classes, "softmax"

    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        return 0.0

    def backward(self) -> cr.Array:
        raise NotImplementedError


@dataclass
class Unsupported(Good):
    """Its field fits no config."""

    offset: complex = 0j


@dataclass
class Unresolved(Good):
    """Its annotation names nothing."""

    offset: Nowhere = 0  # type: ignore[name-defined]  # noqa: F821


@dataclass
class Misheard(cr.Callback):
    """Listens to an event that there is not."""

    def on_epoch_ends(self, trainer: cr.Training) -> None: ...


@dataclass
class Deaf(cr.Callback):
    """Does not take the trainer."""

    def on_epoch_end(self) -> None: ...  # type: ignore[override]


@dataclass
class Kindless(cr.Component):
    """Inherits from no kind."""


@pytest.mark.parametrize(
    ("cls", "name", "message"),
    [
        (Forgot, None, "layer Forgot is not a dataclass: write @dataclass above it"),
        (
            Annotated,
            None,
            "optimizer Annotated annotates slots, which makes it a hyperparameter: write slots = ... without a type",
        ),
        (
            AnnotatedExamples,
            None,
            "activation AnnotatedExamples annotates check_examples, which makes it a hyperparameter: write "
            "check_examples = ... without a type",
        ),
        (
            AnnotatedKinks,
            None,
            "activation AnnotatedKinks annotates check_kinks, which makes it a hyperparameter: write check_kinks = ... "
            "without a type",
        ),
        (TakesDtype, None, "layer TakesDtype has a field dtype, which every layer has as something else: rename it"),
        (TakesWork, None, "layer TakesWork has a field work, which every layer has as something else: rename it"),
        (Rateless, None, "optimizer Rateless has no field lr, the learning rate: add lr: float = 0.01"),
        (
            Idle,
            None,
            "optimizer Idle writes neither rule(theta, grad, ...), of single numbers, nor update(theta, grad, slots, ",
        ),
        (
            AsksTooMuch,
            None,
            "optimizer AsksTooMuch: rule asks for rate, epoch; it is given theta, grad, v, step, lr",
        ),
        (ForgetsSlot, None, "optimizer ForgetsSlot: rule must take v"),
        (NoBackward, None, "layer NoBackward does not write backward(dy)"),
        (NoDerivative, None, "activation NoDerivative does not write backward(da)"),
        (TakesA, None, "activation TakesA has a field a, where what its rule gives or takes is kept: rename it"),
        (OfNothing, None, "activation OfNothing: rule(self) must take (self, z)"),
        (NotCallable, None, "schedule NotCallable does not write __call__(step, total)"),
        (HalfFused, None, "loss HalfFused does not write forward_logits(logits, target)"),
        (
            NoTraining,
            None,
            "layer NoTraining: forward(self, x: 'cr.Array') -> 'cr.Array' must take (self, x, train",
        ),
        (TooMuch, None, "layer TooMuch: build(self, input_shape: 'cr.Shape', units: 'int') -> 'cr.Shape' must take (s"),
        (Unsupported, None, "activation Unsupported: field 'offset' of Unsupported has type complex; a field may be"),
        (Unresolved, None, "activation Unresolved: an annotation of Unresolved cannot be resolved: name 'Nowhere' is"),
        (Misheard, None, 'callback Misheard: there is no event on_epoch_ends. Did you mean "on_epoch_end"?'),
        (Deaf, None, "callback Deaf: on_epoch_end(self) -> 'None' must take (self, trainer)"),
        (Kindless, None, " is not a component: inherit from one of Layer, Activation, Loss, Optimizer, Initializer, "),
        (dict, None, "<class 'dict'> is not a component: inherit from one of Layer, Activation"),
        (Good(), None, "Good() is not a component: inherit from one of Layer, Activation"),
        (Good, "Good", '"Good" cannot be a name: use small letters, digits and underscores'),
        (Good, "my-good", '"my-good" cannot be a name: use small letters, digits and underscores'),
        (Good, "2good", '"2good" cannot be a name: use small letters, digits and underscores'),
        (Good, "good\n", '"good\n" cannot be a name: use small letters, digits and underscores'),
    ],
)
def test_what_registration_refuses(cls: Any, name: str | None, message: str) -> None:
    with pytest.raises(cr.PluginError, match=re.escape(message)):
        Registrar(ACME).add(cls, name=name)


def test_one_plugin_cannot_register_a_name_twice() -> None:
    registrar = Registrar(ACME)
    registrar.add(Good)
    with pytest.raises(cr.PluginError, match='it registers activation "good" twice'):
        registrar.add(Good)


def test_what_keeps_its_contract_is_taken_in_under_its_name() -> None:
    registrar = Registrar(ACME)
    registrar.add(Good)
    registrar.add(Twice, name="doubling")
    entry = registrar.entries["layer", "doubling"]
    assert set(registrar.entries) == {("activation", "good"), ("layer", "doubling")}
    assert (entry.description, entry.distribution, entry.version) == ("Keeps its contract.", "acme", "2.0")


def test_a_method_may_take_more_where_it_has_defaults() -> None:
    @dataclass
    class Lenient(Good):
        def forward(self, z: cr.Array, *rest: Any, scale: float = 1.0) -> cr.Array:
            return z * scale

    Registrar(ACME).add(Lenient)


def test_the_rate_of_an_optimizer_may_be_a_property() -> None:
    """That of the one that it is around."""

    @dataclass
    class Borrowing(Rateless):
        @property
        def lr(self) -> float:  # type: ignore[override]
            return 2 * self.rate

    registrar = Registrar(ACME)
    registrar.add(Borrowing)
    assert registrar.entries["optimizer", "borrowing"].cls().lr == 0.2  # type: ignore[attr-defined]


FOR_TYPE_CHECKERS = """
from dataclasses import dataclass
from typing import TYPE_CHECKING

import chainrule as cr

if TYPE_CHECKING:
    from nowhere import Shape, Tensor


@dataclass
class Typed(cr.Layer):
    before: cr.Activation | None = None
    after: Later | None = None

    def build(self, input_shape: Shape) -> Shape:
        return input_shape

    def forward(self, x: Tensor, training: bool) -> Tensor:
        return x

    def backward(self, dy: Tensor) -> Tensor:
        return dy


@dataclass
class Later(cr.Activation):
    def forward(self, z: Tensor) -> Tensor:
        return z

    def backward(self, da: Tensor) -> Tensor:
        return da


@dataclass
class Short(Later):
    def backward(self) -> Tensor: ...
"""


def test_annotations_may_name_what_comes_later_and_what_only_type_checkers_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lazy = "" if sys.version_info >= (3, 14) else "from __future__ import annotations\n"
    (tmp_path / "typed_for_checkers.py").write_text(lazy + FOR_TYPE_CHECKERS)
    monkeypatch.syspath_prepend(tmp_path)
    parts = importlib.import_module("typed_for_checkers")
    registrar = Registrar(ACME)
    registrar.add(parts.Typed)
    kinds = {field.name: field.kind for field in registrar.entries["layer", "typed"].fields}
    assert kinds == {"before": "activation", "after": "activation"}
    with pytest.raises(cr.PluginError, match=re.escape("backward(self) -> 'Tensor' must take (self, da)")):
        registrar.add(parts.Short)


def test_a_mapping_in_a_field_is_kept_as_given() -> None:
    given: Mapping[str, Any] = {"name": "leaky_relu"}
    assert cr.make("layer", "dense", units=1, activation=given).activation == given
