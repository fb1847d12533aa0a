"""What layers and activations owe on the way forward, and to the arrays that they are given and give."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule.contract.arrays import Array, Shape
from chainrule.errors import ChainruleError, ShapeError
from chainrule.testing.arrays import STABLE, close, distance, extremes, strictly
from chainrule.testing.bench import BATCH, Bench, inputs
from chainrule.testing.kit import CheckFailed, check, expect
from chainrule.testing.subject import Subject

SIZES = (BATCH, 1, 7)
MODES = (True, False)
LARGE = 3000


@check("layer", "activation", first=True)
def check_runs(subject: Subject) -> None:
    """It is built for its input, and runs forwards and backwards."""
    for shape in subject.input_shapes:
        try:
            bench = Bench(subject, shape)
        except ShapeError as error:
            raise CheckFailed(
                f"it cannot be built for input of shape {shape}: {error}",
                "declare the shapes of the samples that it takes: check_input_shapes = ((8, 8, 3),)",
            ) from None
        except ChainruleError as error:
            raise CheckFailed(
                f"it cannot be built for input of shape {shape}: {error}", "see chainrule plugins layer"
            ) from None
        bench.backward(np.ones_like(bench.forward(inputs(subject, shape))))


@check("layer", "activation", first=True)
def check_shapes(subject: Subject) -> None:
    """The output has the shape that build promised, and dx that of x, for batches of any size, one included."""
    for shape, batch, training in _runs(subject):
        bench = Bench(subject, shape)
        x = inputs(subject, shape, batch)
        y = bench.forward(x, training)
        promised = (batch, *bench.output_shape)
        expect(
            y.shape == promised,
            f"for x of shape {x.shape}, forward gives shape {y.shape}, and build promised {promised}",
            "return (batch, *output_shape) from forward, and output_shape, without the batch, from build; keep the "
            "batch axis for a batch of one too",
        )
        dx = bench.backward(np.ones_like(y))
        expect(
            isinstance(dx, np.ndarray) and dx.shape == x.shape,
            f"for x of shape {x.shape}, backward gives {'shape ' + str(dx.shape) if dx is not None else 'None'}",
            "return the gradient with respect to x, in the shape of x",
        )


@check("layer", "activation")
def check_keeps_dtype(subject: Subject) -> None:
    """Float32 stays float32, and float64 stays float64, forwards and backwards."""
    for shape in subject.input_shapes:
        for dtype in ("float32", "float64"):
            for modes in ((True, False, True), (False,)):
                bench = Bench(subject, shape, dtype)
                for position, training in enumerate(modes):
                    y = bench.forward(inputs(subject, shape, dtype=dtype), training)
                    dx = bench.backward(np.ones(y.shape, dtype))
                    for what, array in (("forward", y), ("backward", dx)):
                        expect(
                            array.dtype == dtype,
                            f"{what} gives {array.dtype} for {dtype}{' in training' if training else ' at inference'}"
                            f"{', after other batches' if position else ''}",
                            "make arrays with the dtype of x (np.zeros(shape, x.dtype)), and take numbers that are "
                            "Python's: a NumPy float64 scalar makes float32 arrays float64",
                        )


@check("layer", "activation")
def check_inputs_left_alone(subject: Subject) -> None:
    """It writes neither to x nor to dy."""
    for shape in subject.input_shapes:
        for training in MODES:
            bench = Bench(subject, shape)
            x = inputs(subject, shape)
            given = x.copy()
            y = bench.forward(given, training, copy=False)
            dy = subject.rng(1).normal(size=y.shape)
            _expect_same("forward", "x", given, x)
            given_dy = dy.copy()
            bench.backward(given_dy, copy=False)
            _expect_same("backward", "dy", given_dy, dy)
            _expect_same("backward", "x", given, x)


def _expect_same(method: str, name: str, now: Array, before: Array) -> None:
    changed = np.count_nonzero(now != before)
    expect(
        not changed,
        f"{method} writes to {name}: {changed} of its {before.size} numbers changed",
        f"compute in a new array, or in a kept one: np.multiply(..., out=self.work('y', {name}.shape, {name}.dtype))",
    )


@check("layer", "activation")
def check_arrays_last(subject: Subject) -> None:
    """What forward returns lasts until the next forward, and what backward returns until the next backward."""
    for shape in subject.input_shapes:
        bench = Bench(subject, shape)
        y = bench.forward(inputs(subject, shape))
        kept_y = y.copy()
        dx = bench.backward(subject.rng(1).normal(size=y.shape))
        overwritten = np.count_nonzero(y != kept_y)
        expect(
            not overwritten,
            f"backward overwrites what forward returned: {overwritten} of its {y.size} numbers changed",
            "give kept arrays names of their own, self.work('y', ...) and self.work('dx', ...), or make new ones",
        )
        kept_dx = dx.copy()
        bench.forward(inputs(subject, shape, index=1))
        overwritten = np.count_nonzero(dx != kept_dx)
        expect(
            not overwritten,
            f"the next forward overwrites what backward returned: {overwritten} of its {dx.size} numbers changed",
            "give kept arrays names of their own, self.work('y', ...) and self.work('dx', ...), or make new ones",
        )


@check("layer", "activation")
def check_any_batch_size(subject: Subject) -> None:
    """After batches of another size, it gives what a new instance gives."""
    for shape in subject.input_shapes:
        used = Bench(subject, shape)
        for batch in (4, 7, 3, 1):
            x = inputs(subject, shape, batch)
            new = Bench(subject, shape)
            found = []
            for bench in (used, new):
                y = bench.forward(x, training=False).copy()
                found.append((y, bench.backward(subject.rng(1).normal(size=y.shape)).copy()))
            for what, mine, expected in zip(("forward", "backward"), *found):
                expect(
                    close(mine, expected),
                    f"after a batch of another size, {what} of {batch} rows differs by {distance(mine, expected):.3g} "
                    "from that of a new instance",
                    "take the number of rows from x each time: the last batch of an epoch is smaller",
                )


@check(
    "layer",
    "activation",
    rests_on=("any_batch_size", "gradient_at_inference", "gradients_written", "rows_apart_at_inference"),
)
def check_large_batch(subject: Subject) -> None:
    """In a batch of thousands of rows, each is what it is in a small one, and gradients are the sum over all."""
    for shape in subject.input_shapes:
        bench, times = Bench(subject, shape), LARGE // BATCH
        x = inputs(subject, shape)
        y = bench.forward(x, training=False).copy()
        dy = subject.rng(1).normal(size=y.shape)
        found = []
        for repeated in (1, times):
            rows = [np.concatenate([array] * repeated) for array in (x, dy)]
            y = bench.forward(rows[0], training=False).copy()
            dx = bench.backward(rows[1]).copy()
            gradients = {f"{name}.grad": gradient / repeated for name, gradient in bench.gradients().items()}
            found.append({"forward": y, "backward": dx, **gradients})
        for name, small in found[0].items():
            large = found[1][name]
            expected = np.concatenate([small] * times) if name in ("forward", "backward") else small
            expect(
                close(large, expected, 1e-8),
                f"for {LARGE} rows, {BATCH} of them again and again, {name} is off by "
                f"{distance(large, expected):.3g} from what these few give",
                "where a batch is computed in parts, let every row be in one of them, and sums go over all",
            )


@check("layer", "activation")
def check_rows_apart_at_inference(subject: Subject) -> None:
    """At inference a row's output does not depend on what else is in the batch."""
    for shape in subject.input_shapes:
        bench = Bench(subject, shape)
        bench.forward(inputs(subject, shape, index=1), training=True)
        x = inputs(subject, shape)
        together = bench.forward(x, training=False).copy()
        alone = np.concatenate([bench.forward(x[i : i + 1], training=False).copy() for i in range(len(x))])
        expect(
            close(together, alone),
            f"at inference, a row among {len(x)} differs from the same row alone by {distance(together, alone):.3g}",
            "compute along the axes of a sample only; statistics over the batch belong to training, and are kept for "
            "inference in a self.buffer",
        )


@check("layer", "activation")
def check_finite_at_extremes(subject: Subject) -> None:
    """Zeros, tiny and large inputs give finite numbers, and no warning of NumPy's."""
    for shape in subject.input_shapes:
        for dtype in ("float32", "float64"):
            for named, x in _extreme_inputs(subject, (BATCH, *shape), dtype):
                for training in MODES if subject.kind == "layer" else (True,):
                    bench = Bench(subject, shape, dtype)
                    where = f"for {dtype} input of {named}{'' if training else ' at inference'}"
                    with strictly(where):
                        y = bench.forward(x, training)
                        dx = bench.backward(np.ones_like(y))
                    for method, array in (("forward", y), ("backward", dx)):
                        wrong = array[~np.isfinite(array)]
                        expect(wrong.size == 0, f"{where}, {method} gives {wrong[:1]}", STABLE)


def _extreme_inputs(subject: Subject, shape: Shape, dtype: str) -> Iterator[tuple[str, Array]]:
    taken = subject.input_range
    if taken is None:
        yield from extremes(shape, dtype)
    else:
        for number in (taken[0], taken[-1]):
            yield f"{number} everywhere", np.full(shape, number)


def _runs(subject: Subject) -> Iterator[tuple[Shape, int, bool]]:
    for shape in subject.input_shapes:
        for batch in SIZES:
            for training in MODES:
                yield shape, batch, training
