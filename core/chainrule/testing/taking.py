"""What a layer takes: sequences with masks, whole numbers, and input of other shapes than it was tried with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array, Shape
from chainrule.contract.fields import fields_of
from chainrule.contract.kinds import Layer
from chainrule.contract.named import each
from chainrule.errors import ChainruleError, ConfigError
from chainrule.network.network import Network
from chainrule.testing.arrays import close, distance
from chainrule.testing.bench import BATCH, Bench, NoLoss, inputs, masks, takes_mask
from chainrule.testing.formulas import without_reference
from chainrule.testing.formulas_of_layers import compare_at
from chainrule.testing.kit import CheckFailed, check, expect
from chainrule.testing.slopes import Place, require_slopes
from chainrule.testing.subject import Subject

TOKENS = 600
"""More than a byte holds."""
LONGEST = 64
"""Of the sequences that are tried."""
SHAPES: tuple[Shape, ...] = ((), (1,), (4,), (1, 1), (4, 3), (1, 1, 1), (5, 4, 2), (2, 3, 2, 2))
REFUSED = "where build cannot take a shape, let it raise ShapeError and say which shapes it can take"


@check("layer", when=takes_mask)
def check_masked_steps(subject: Subject) -> None:
    """What stands at steps that do not count changes nothing at those that do, and has no gradient."""
    for shape in subject.input_shapes:
        if len(shape) < 2 and subject.input_range is None:
            continue  # no sequence: it hands masks on to the layers within it
        for training in (True, False):
            for named, mask in masks(subject, shape).items():
                where = f"{'in training' if training else 'at inference'} {named}"
                _compare_masked(subject, shape, training, mask, where)
            everywhere = np.ones((BATCH, shape[0]), bool)
            bench, x = Bench(subject, shape), inputs(subject, shape)
            state = bench.state()
            without = bench.forward(x, training, mask=None).copy()
            bench.restore(state)
            off = distance(bench.forward(x, training, mask=everywhere), without)
            expect(
                off <= 1e-12,
                f"with a mask by which every step counts, forward differs by {off:.3g} from that without a mask",
                "let mask=None mean that all steps count",
            )


def _compare_masked(subject: Subject, shape: Shape, training: bool, mask: Array, where: str) -> None:
    bench = Bench(subject, shape)
    state = bench.state()
    x, other = inputs(subject, shape), inputs(subject, shape, index=1)
    found = []
    for given in (x, np.where(mask.reshape(mask.shape + (1,) * (x.ndim - 2)), x, other)):
        bench.restore(state)
        y = bench.forward(given, training, mask=mask).copy()
        counted = mask if y.shape[1:2] == mask.shape[1:] else np.ones(len(y), bool)
        found.append(y[counted])
    first, second = found
    off = distance(first, second)
    expect(
        close(first, second),
        f"{where}, other input at steps that do not count changes the output by {off:.3g}",
        "leave out, of sums, products and states, the steps at which mask is False",
    )
    dy = subject.rng(1).normal(size=y.shape)
    dy[~counted] = 0
    left = float(np.abs(bench.backward(dy)[~mask]).max(initial=0))
    expect(left == 0, f"{where}, dx at steps that do not count is {left:.3g}, not 0", "let dx be 0 where mask is False")


@check("layer", when=lambda cls: getattr(cls, "input_dtype", None) is not Layer.input_dtype)
def check_whole_numbers(subject: Subject) -> None:
    """A layer that takes whole numbers says which, takes all of them, and gives a dx of zeros."""
    layer = subject.built
    if isinstance(layer.input_dtype, Mapping):
        expect(
            any(dtype is not None for dtype in layer.input_dtype.values()),
            f"input_dtype is {layer.input_dtype!r}, by which no input is of whole numbers",
            "let it be None where it takes none: a layer that takes some must stand first",
        )
    if layer.input_dtype is None or isinstance(layer.input_dtype, Mapping):
        return
    expect(layer.input_dtype == "int64", f"input_dtype is {layer.input_dtype!r}", 'write input_dtype = "int64"')
    expect(
        isinstance(layer.input_range, range) and len(layer.input_range) > 0,
        f"input_range is {layer.input_range!r}",
        "say which whole numbers it takes: a property input_range that returns range(self.tokens)",
    )
    for shape in subject.input_shapes:
        for dtype in ("float32", "float64"):
            bench, x = Bench(subject, shape, dtype), inputs(subject, shape)
            dx = bench.backward(np.ones_like(bench.forward(x)))
            expect(
                dx.dtype == dtype and dx.shape == x.shape and not dx.any(),
                f"backward gives {dx.dtype} of shape {dx.shape}, of which {np.count_nonzero(dx)} are not 0",
                "return np.zeros(x.shape, dy.dtype): there is no gradient with respect to a whole number",
            )


@check(
    "layer",
    when=lambda cls: getattr(cls, "input_dtype", None) is not Layer.input_dtype,
    rests_on=("whole_numbers", "formula_computed", "gradient_elsewhere"),
)
def check_more_whole_numbers(subject: Subject) -> None:
    """Where it takes more whole numbers than a byte holds, large ones are what they are."""
    taken = subject.input_range
    for field in fields_of(subject.cls) if taken is not None else ():
        value = getattr(subject.make(), field.name)
        if type(value) is not int or value != len(taken or ()):
            continue
        more = Subject(subject.cls, {**subject.fields, field.name: TOKENS}, subject.example)
        if len(more.input_range or ()) == TOKENS:
            for shape in subject.input_shapes:
                where = f"with {field.name}={TOKENS}, "
                if without_reference(subject.cls) is None:
                    compare_at(more, shape, where)
                require_slopes(more, shape, Place("in training", training=True), where)
                _compare_alike(more, shape, where)


def _compare_alike(subject: Subject, shape: Shape, where: str) -> None:
    """Numbers that are 256 apart are given apart where neighbours are."""
    bench, taken = Bench(subject, shape), np.asarray(subject.input_range)
    for numbers in (taken[:-256], taken[-257:-256]):
        first = np.resize(numbers, (BATCH, *shape))
        y, next_to, beyond = (bench.forward(first + more, training=False).copy() for more in (0, 1, 256))
        expect(
            bool((y != beyond).any() or (y == next_to).all()),
            f"{where}numbers that are 256 apart give the same",
            "keep the numbers in int64, or in a dtype that holds the largest of them",
        )


@check(
    "layer",
    rests_on=(
        "gradient_elsewhere",
        "formula_computed",
    ),
)
def check_sequences_of_any_length(subject: Subject) -> None:
    """Sequences of one step, and of as many as it takes, are right forwards and backwards."""
    for shape in subject.input_shapes:
        if len(shape) == 2 or (shape and (takes_mask(subject.cls) or subject.input_range is not None)):
            for steps in sorted({1, _longest(subject, shape)}):
                if _builds(subject, (steps, *shape[1:])):
                    where = f"for sequences of {steps} steps, "
                    require_slopes(subject, (steps, *shape[1:]), Place("in training", training=True), where)
                    if without_reference(subject.cls) is None:
                        compare_at(subject, (steps, *shape[1:]), where)


def _longest(subject: Subject, shape: Shape) -> int:
    """So many steps that it refuses one more; as usual where it takes any number."""
    if _builds(subject, (LONGEST, *shape[1:])):
        return shape[0]
    takes, refuses = shape[0], LONGEST
    while refuses - takes > 1:
        middle = (takes + refuses) // 2
        takes, refuses = (middle, refuses) if _builds(subject, (middle, *shape[1:])) else (takes, middle)
    return takes


def _builds(subject: Subject, shape: Shape) -> bool:
    try:
        Bench(subject, shape)
    except ChainruleError:
        return False
    return True


@check(
    "layer",
    "activation",
    rests_on=(
        "shapes",
        "formula_computed",
    ),
)
def check_other_shapes(subject: Subject) -> None:
    """It refuses input of other shapes with a ShapeError while it is built, or takes it and keeps its promise."""
    for shape in _other_shapes(subject):
        try:
            bench = Bench(subject, shape)
        except ConfigError:
            continue
        except Exception as error:
            raise CheckFailed(
                f"built for input of shape {shape}, it raises {type(error).__name__}: {error}", REFUSED
            ) from None
        for training in (True, False):
            x = inputs(subject, shape)
            try:
                y = bench.forward(x, training)
                dx = bench.backward(np.ones_like(y))
            except Exception as error:
                raise CheckFailed(
                    f"it was built for input of shape {shape}, and then raises {type(error).__name__}: {error}", REFUSED
                ) from None
            expect(
                y.shape == (BATCH, *bench.output_shape) and dx.shape == x.shape and bool(np.isfinite(y).all()),
                f"it was built for input of shape {shape}, and then gives output of shape {y.shape} (promised "
                f"{(BATCH, *bench.output_shape)}), dx of shape {dx.shape}, and {np.count_nonzero(~np.isfinite(y))} "
                "numbers that are not finite",
                REFUSED,
            )
            if without_reference(subject.cls) is None:
                compare_at(subject, shape, "")
    for given in subject.make().check_input_shapes:
        if isinstance(given, Mapping):
            _take_other_inputs(subject, given)


def _take_other_inputs(subject: Subject, given: Mapping[str, Shape]) -> None:
    """The same of a layer of several inputs by name: it refuses one, and other names, or works with them."""
    first = next(iter(given))
    others: list[Any] = [*SHAPES, {"other": (3,)}, {**given, "other": (3,)}, {first: given[first]}]
    for shapes in others:
        try:
            network = Network([subject.make()], shapes, NoLoss(), dtype="float64", task="regression")
        except ConfigError:
            continue
        except Exception as error:
            raise CheckFailed(f"built for {shapes}, it raises {type(error).__name__}: {error}", REFUSED) from None
        layer: Any = network.layers[0]
        if subject.input_range is not None or isinstance(layer.input_dtype, Mapping):
            continue
        x = each(lambda shape: subject.rng().normal(size=(BATCH, *shape)), shapes)
        try:
            dy = each(np.ones_like, layer.forward(x, training=True))
            layer.backward(dy)
            getattr(layer, "backward_parameters", layer.backward)(dy)
        except Exception as error:
            raise CheckFailed(
                f"it was built for {shapes}, and then raises {type(error).__name__}: {error}", REFUSED
            ) from None


def _other_shapes(subject: Subject) -> Iterator[Shape]:
    """Of other numbers of axes, and those that it declares with one axis longer or shorter."""
    yield from SHAPES
    for shape in subject.input_shapes:
        for axis, size in enumerate(shape):
            for other in (*range(1, min(size, 4) + 2), 2 * size):
                yield (*shape[:axis], other, *shape[axis + 1 :])
