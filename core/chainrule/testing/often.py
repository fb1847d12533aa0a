"""Used as a training uses it: a hundred times, with arrays that are used again, in float32, with what stands beside.

Each of these is checked elsewhere for a plain case; here for all that a component can be asked to do.
"""

from __future__ import annotations

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.testing.arrays import close, distance
from chainrule.testing.bench import BATCH, Bench, inputs, masks
from chainrule.testing.exercises import OfLayer, exercises
from chainrule.testing.kit import check, expect
from chainrule.testing.loss_cases import all_cases
from chainrule.testing.subject import Subject
from chainrule.testing.variants import variants

OFTEN = 120
KINDS = ("layer", "activation", "loss", "metric", "regularizer", "initializer", "schedule")


@check(*KINDS, rests_on=("used_again",))
def check_used_often(subject: Subject) -> None:
    """After it was used more than a hundred times, an instance gives what a new one gives."""
    if "used_again" in subject.not_applicable:
        return
    for used, new in zip(exercises(subject), exercises(subject)):
        last = used.variants[0] if subject.kind != "layer" else next(v for v in used.variants if "in training" in v)
        expected = new.run(last)
        for _ in range(OFTEN):
            _use(used, last)
        for name, array in used.run(last).items():
            expect(
                close(array, expected[name]) or np.array_equal(array, expected[name], equal_nan=True),
                f"{last}{', ' if last else ''}{name} of an instance that was used {OFTEN} times differs by "
                f"{distance(array, expected[name]):.3g} from that of a new one",
                "count nothing that changes what is computed; what lasts is declared: parameters, buffers, slots, and "
                "what reset sets",
            )


def _use(exercise: object, variant: str) -> None:
    if isinstance(exercise, OfLayer):
        exercise.again(variant)
    else:
        exercise.run(variant, index=1)  # type: ignore[attr-defined]


@check("layer", "activation", "loss", "regularizer", rests_on=("used_again", "inputs_left_alone"))
def check_arrays_used_again(subject: Subject) -> None:
    """Given the same array with other numbers in it, it computes from these: arrays are kept and filled anew."""
    if "used_again" in subject.not_applicable:
        return
    for used, new in zip(exercises(subject), exercises(subject)):
        kept: dict[str, Array] = {}

        def same_array(name: str, array: Array, kept: dict[str, Array] = kept) -> Array:
            if name in kept and kept[name].shape == array.shape and kept[name].dtype == array.dtype:
                kept[name][...] = array
            else:
                kept[name] = array.copy()
            return kept[name]

        for variant in used.variants:
            used.run(variant, index=1, change=same_array)
            expected = new.run(variant)
            for name, array in used.run(variant, change=same_array).items():
                expect(
                    close(array, expected[name]) or np.array_equal(array, expected[name], equal_nan=True),
                    f"{variant}{', ' if variant else ''}given an array that it was given before, with other numbers in "
                    f"it, {name} differs by {distance(array, expected[name]):.3g}",
                    "compute anew each time: that an array is the same object does not say that its numbers are",
                )


@check("layer", "activation", "loss", "metric", "regularizer", rests_on=("inputs_left_alone",))
def check_inputs_left_alone_elsewhere(subject: Subject) -> None:
    """It writes to nothing that it is given: in float32, for single rows, with masks, soft targets and weights."""
    if "inputs_left_alone" in subject.not_applicable:
        return
    for dtype in ("float32", "float64"):
        for exercise in exercises(subject, dtype):
            for variant in exercise.variants:
                given: list[tuple[str, Array, Array]] = []

                def watched(name: str, array: Array, given: list[tuple[str, Array, Array]] = given) -> Array:
                    given.append((name, array, array.copy()))
                    return array

                exercise.run(variant, change=watched)
                for name, array, before in given:
                    _expect_same(name, array, before, f"{variant}{', ' if variant else ''}in {dtype}")
    if subject.kind in ("layer", "activation"):
        _layers_inputs(subject)


def _layers_inputs(subject: Subject) -> None:
    for shape in subject.input_shapes:
        for batch in (1, BATCH):
            for training in (True, False):
                bench, x = Bench(subject, shape), inputs(subject, shape, batch)
                theta = bench.network.parameters.theta
                start, where = theta.copy(), f"for {batch} row{'s' * (batch > 1)}"
                given = x.copy()
                y = bench.forward(given, training, copy=False)
                dy = subject.rng(1).normal(size=y.shape)
                given_dy = dy.copy()
                bench.backward(given_dy, copy=False)
                if subject.kind == "layer":
                    bench.layer.backward_parameters(given_dy)  # type: ignore[union-attr]
                _expect_same("x", given, x, where)
                _expect_same("dy", given_dy, dy, where)
                changed = np.count_nonzero(theta != start)
                expect(
                    not changed,
                    f"{where}, forward and backward change {changed} of {theta.size} numbers of its parameters",
                    "only the optimizer moves parameters: compute with a changed copy, or keep what changes in a "
                    "self.buffer",
                )


def _expect_same(name: str, now: Array, before: Array, where: str) -> None:
    changed = np.count_nonzero((now != before) & ~((now != now) & (before != before)))
    expect(
        not changed,
        f"{where}, it writes to {name}: {changed} of its {before.size} numbers changed",
        "compute in a new array: what it is given belongs to others",
    )


@check("layer", "activation", "loss", rests_on=("keeps_dtype", "whole_numbers"))
def check_keeps_dtype_elsewhere(subject: Subject) -> None:
    """Float32 stays float32 for single rows, with masks, with other fields, and for each form of targets."""
    if "keeps_dtype" in subject.not_applicable:
        return
    if subject.kind == "loss":
        for case in all_cases(subject, dtype="float32"):
            loss = subject.usable()
            loss.forward(case.prediction.copy(), case.targets(loss))
            _expect_float32(loss.backward(), "backward", f"for {case.named}")
            if case.fused(loss):
                loss.forward_logits(case.logits.copy(), case.targets(loss))
                _expect_float32(loss.backward_logits(), "backward_logits", f"for {case.named}")
        return
    for fields, each in variants(subject, "keeps_dtype_elsewhere"):
        for shape in each.input_shapes:
            bench = Bench(each, shape, "float32")
            for batch in (BATCH, 1):
                for named, mask in (("", None), *(masks(each, shape, batch).items() if bench.takes_mask else ())):
                    for training in (True, False):
                        where = f"{fields}for {batch} row{'s' * (batch > 1)}{', ' if named else ''}{named}"
                        x = inputs(each, shape, batch, dtype="float32")
                        y = bench.forward(
                            x.astype(np.int64) if each.input_range is not None else x, training, mask=mask
                        )
                        _expect_float32(y, "forward", where)
                        _expect_float32(bench.backward(np.ones(y.shape, np.float32)), "backward", where)


def _expect_float32(array: Array, method: str, where: str) -> None:
    expect(
        array.dtype == np.float32,
        f"{where}, {method} gives {array.dtype} for float32",
        "make arrays with the dtype of x, masks and counts too: mask.astype(x.dtype); and take numbers that are "
        "Python's: a NumPy float64 scalar or array makes float32 arrays float64",
    )
