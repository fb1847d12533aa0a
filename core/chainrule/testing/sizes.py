"""What holds for a few rows and small samples holds for many rows and larger samples, and for the smaller batch after.

An algorithm may change its way where there is much to do, and a kept array may hold more rows than a batch has. Both
are wrong in their own way only there.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule.contract.arrays import Array, Shape
from chainrule.errors import ChainruleError
from chainrule.testing.arrays import close, distance
from chainrule.testing.bench import BATCH, Bench, inputs
from chainrule.testing.exactness import require_formula
from chainrule.testing.formulas import without_reference
from chainrule.testing.formulas_of_layers import reference_of
from chainrule.testing.kit import check, expect
from chainrule.testing.slopes import Place, require_slopes
from chainrule.testing.subject import Subject

MANY = 131
"""Rows, more than a usual batch has, and an odd number."""
LEFT_ALONE = "inference_changes_nothing"
AFTER = (MANY, 7, 3, 1)
MODES = (("in training", True), ("at inference", False))


@check(
    "layer",
    "activation",
    rests_on=("gradient_elsewhere", "rows_apart_at_inference", "any_batch_size", "formula_computed", LEFT_ALONE),
)
def check_many_rows(subject: Subject) -> None:
    """A large batch is computed as small ones are, forwards and backwards."""
    for shape in subject.input_shapes:
        for mode, training in MODES:
            if "rows_apart_at_inference" not in subject.not_applicable:
                _compare_parts(subject, shape, training, mode)
            where = f"for {MANY} rows, "
            require_slopes(subject, shape, Place(mode, training, batch=MANY), where, attempts=2, smooth=False)
            if _has_formula(subject):
                _compare_formula(subject, shape, MANY, training, mode)


def _has_formula(subject: Subject) -> bool:
    return without_reference(subject.cls) is None and "formula_computed" not in subject.not_applicable


def _compare_formula(subject: Subject, shape: Shape, batch: int, training: bool, mode: str) -> None:
    bench, x = Bench(subject, shape), inputs(subject, shape, batch)
    state = bench.state()
    expected, _ = reference_of(bench, x.copy(), training, None)
    bench.restore(state)
    require_formula("y", f"{mode}, for x of shape {x.shape}", bench.forward(x, training), expected)


def _compare_parts(subject: Subject, shape: Shape, training: bool, mode: str) -> None:
    """Where a row does not depend on the others of its batch, it does not in a large one either."""
    x = inputs(subject, shape, MANY)
    whole, parts = Bench(subject, shape), Bench(subject, shape)
    for bench in (whole, parts):
        bench.forward(inputs(subject, shape, index=1))  # so that buffers hold more than zeros
    state = whole.state()
    y = whole.forward(x, training).copy()
    dy = subject.rng(1).normal(size=y.shape)
    dx, grads = whole.backward(dy).copy(), whole.gradients()
    after, buffers = whole.state()[1], whole.buffers()
    if not training:
        first = parts.buffers()
        parts.forward(x[:1], training)
        for rows, random, kept in ((MANY, after, buffers), (1, parts.state()[1], parts.buffers())):
            expect(
                random == state[1] and all(np.array_equal(kept[name], first[name]) for name in first),
                f"at inference, for {rows} row{'s' * (rows > 1)}, it changes a buffer or draws random numbers",
                "change state, and draw random numbers, only where training is true",
            )
    elif after != state[1] or not _rows_apart(parts, x[:BATCH]):
        return
    ys, dxs, sums = [], [], {name: np.zeros_like(grad) for name, grad in grads.items()}
    for start in range(0, MANY, BATCH):
        parts.restore(state)
        ys.append(parts.forward(x[start : start + BATCH], training).copy())
        dxs.append(parts.backward(dy[start : start + BATCH]).copy())
        for name, grad in parts.gradients().items():
            sums[name] += grad
    found = {"y": (y, np.concatenate(ys)), "dx": (dx, np.concatenate(dxs))}
    for name, (given, expected) in {**found, **{f"{n}.grad": (grads[n], sums[n]) for n in grads}}.items():
        expect(
            close(given, expected),
            f"{mode}, {name} of a batch of {MANY} rows differs by {distance(given, expected):.3g} from that of the "
            f"same rows in batches of {BATCH}",
            "compute a large batch as a small one; what is done in parts must reach the last row",
        )


def _rows_apart(bench: Bench, x: Array) -> bool:
    """Whether in training a row depends on itself alone."""
    state = bench.state()
    together = bench.forward(x).copy()
    bench.restore(state)
    alone = np.concatenate([bench.forward(x[i : i + 1]).copy() for i in range(len(x))])
    bench.restore(state)
    return close(together, alone)


@check("layer", "activation", rests_on=("any_batch_size", "used_again", "gradients_written", "many_rows"))
def check_smaller_batch_after(subject: Subject) -> None:
    """After a larger batch, in training too, a smaller one gives what it gives a new instance."""
    for shape in subject.input_shapes:
        for mode, training in MODES:
            used = Bench(subject, shape)
            start = used.state()
            for batch in AFTER:
                x, found = inputs(subject, shape, batch), []
                for bench in (used, Bench(subject, shape)):
                    bench.restore(start)
                    y = bench.forward(x, training).copy()
                    dx = bench.backward(subject.rng(1).normal(size=y.shape)).copy()
                    grads = {f"{name}.grad": grad for name, grad in bench.gradients().items()}
                    found.append({"y": y, "dx": dx, **grads, **bench.buffers()})
                for name, expected in found[1].items():
                    expect(
                        close(found[0][name], expected),
                        f"{mode}, after a larger batch, {name} of {batch} rows differs by "
                        f"{distance(found[0][name], expected):.3g} from that of a new instance",
                        "take the number of rows from x each time, and of a kept array only so many: "
                        "self.work(name, x.shape, x.dtype)",
                    )


@check("layer", "activation", rests_on=("other_shapes", "gradient_elsewhere", "formula_computed"))
def check_larger_samples(subject: Subject) -> None:
    """Samples that are larger along an axis, where it takes them, are computed as small ones are."""
    for shape in _larger(subject):
        where = f"for samples of shape {shape}, "
        for mode, training in MODES:
            if _has_formula(subject):
                _compare_formula(subject, shape, 2, training, mode)
            require_slopes(subject, shape, Place(mode, training, batch=2), where, attempts=2, smooth=False)


def _larger(subject: Subject) -> Iterator[Shape]:
    for shape in subject.input_shapes:
        for axis, size in enumerate(shape):
            larger = (*shape[:axis], 4 * size + 17, *shape[axis + 1 :])
            try:
                Bench(subject, larger)
            except ChainruleError:
                continue
            yield larger


@check("layer", rests_on=("gradient_elsewhere",))
def check_gradient_at_first(subject: Subject) -> None:
    """With the parameters that it starts with, such as zeros, the gradients are right, and for inputs of 100, too."""
    for shape in subject.input_shapes:
        for mode, training in MODES:
            place = Place(f"{mode}, with the first parameters", training, moved=False)
            require_slopes(subject, shape, place, attempts=2, smooth=False)
            place = Place(f"{mode} for inputs a hundred times as large", training, size=100.0)
            require_slopes(subject, shape, place, attempts=2, smooth=False)
