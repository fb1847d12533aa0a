"""What metrics owe: one value for the same rows, however they are cut into batches."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, cast, get_args

import numpy as np

from chainrule.contract.arrays import Array, Task
from chainrule.contract.kinds import Metric
from chainrule.contract.signatures import takes
from chainrule.testing.arrays import close, is_finite_number
from chainrule.testing.kit import as_kept, check, expect
from chainrule.testing.subject import Subject

ROWS = 24
CLASSES = 12
"""So many that one of the best five can be wrong."""
CUTS = ((12, 12), (1, 23), (23, 1), (5, 5, 5, 5, 4), (1,) * ROWS)


def data(subject: Subject, task: Task, index: int = 0) -> tuple[Array, Array]:
    """Predictions as an output layer gives them, and targets as metrics take them."""
    rng = subject.rng(index)
    if task == "multiclass":
        scores = np.exp(rng.normal(size=(ROWS, CLASSES)))
        return scores / scores.sum(axis=1, keepdims=True), rng.permutation(np.arange(ROWS) % CLASSES)
    if task == "binary":
        return rng.random((ROWS, 1)), rng.permutation(np.arange(ROWS) % 2).astype(float)[:, None]
    return rng.normal(size=(ROWS, 2)), rng.normal(size=(ROWS, 2))


def sets_of_rows(subject: Subject, task: Task) -> Iterator[tuple[str, Array, Array]]:
    """Rows as they may be, each set with what is special about it."""
    for index in range(2):
        yield "", *data(subject, task, index)
    prediction, target = data(subject, task)
    tied = np.round(prediction * 4) / 4
    yield " with ties", tied if task == "regression" else np.clip(tied, 0.01, 0.99), target
    yield " with one row", prediction[:1], target[:1]
    if task == "regression":
        equal = np.ones_like(target)
        yield " where all is right", target.copy(), target
        yield " whose targets are all equal", prediction, equal
        yield " whose targets are all equal, where some are right", np.where(prediction > 0, 1.0, prediction), equal
        yield " whose targets are all equal, where all is right", equal.copy(), equal
        yield " of numbers far from 0", prediction + 1e4, target + 1e4
    else:
        sure = prediction if task == "multiclass" else np.where(target > 0, 0.99, 0.01)
        yield " where all is right", sure, _best(prediction, target)
        if task == "binary":
            yield " with two outputs", prediction.reshape(-1, 2), target.reshape(-1, 2)
        missing = np.where(target == target.reshape(-1)[0], 1 - target if task == "binary" else 0, target)
        yield " without one of the classes", prediction, missing


def more_rows(subject: Subject, task: Task) -> Iterator[tuple[str, Array, Array]]:
    """Rows that not every metric takes."""
    if task == "binary":
        prediction, target = data(subject, task)
        yield " with smoothed targets", prediction, np.round(subject.rng(2).random(target.shape) * 4) / 4
    yield " with several steps", *rows_of_steps(subject, task)


def rows_of_steps(subject: Subject, task: Task) -> tuple[Array, Array]:
    """Predictions and targets of two steps for each sample."""
    prediction, target = data(subject, task)
    return prediction.reshape(ROWS // 2, 2, -1), target.reshape(ROWS // 2, 2, *target.shape[1:])


def _best(prediction: Array, target: Array) -> Array:
    """Targets that are just what is predicted."""
    return prediction.argmax(axis=1) if target.ndim == 1 else target


def value(metric: Metric, prediction: Array, target: Array, cut: Sequence[int] = (ROWS,)) -> Array:
    """What the metric gives for these rows in batches of these sizes."""
    metric.reset()
    gather(metric, prediction, target, cut)
    return np.asarray(metric.compute())


def gather(metric: Metric, prediction: Array, target: Array, cut: Sequence[int] = (ROWS,)) -> None:
    stop = 0
    for size in cut:
        start, stop = stop, stop + size
        metric.update(prediction[start:stop].copy(), target[start:stop].copy())  # writing to them is found by one check


@check("metric", first=True)
def check_declares_tasks(subject: Subject) -> None:
    """It says for which tasks it is meant, and which way is better."""
    metric, known = subject.make(), get_args(Task)
    expect(
        isinstance(metric.tasks, tuple) and bool(metric.tasks) and set(metric.tasks) <= set(known),
        f"tasks is {metric.tasks!r}",
        f"write a tuple of some of {', '.join(known)}, without a type annotation: tasks = ('regression',)",
    )
    expect(metric.goal in ("min", "max"), f"goal is {metric.goal!r}", "write goal = 'min' or goal = 'max'")


@check("metric", first=True)
def check_value(subject: Subject) -> None:
    """Compute gives a finite number, or an array where array = True, and the same again when asked again."""
    for task in subject.make().tasks:
        metric = subject.make()
        metric.reset()
        gather(metric, *data(subject, task))
        first, second = metric.compute(), metric.compute()
        if metric.array:
            expect(isinstance(first, np.ndarray), f"compute gives {first!r}", "return an array, or write array = False")
        else:
            expect(
                is_finite_number(first),
                f"compute gives {first!r} for a {task} task",
                "return a finite number; a metric that gives an array writes array = True",
            )
        expect(
            np.array_equal(first, second),
            f"compute gives {first!r}, and called again {second!r}",
            "leave what was gathered as it is: compute is called while batches still come in",
        )


@check("metric")
def check_any_cut(subject: Subject) -> None:
    """Batches of any cut give the same value."""
    for task in subject.make().tasks:
        prediction, target = data(subject, task)
        whole = value(subject.make(), prediction, target)
        for cut in CUTS:
            found = value(subject.make(), prediction, target, cut)
            sizes = ", ".join(map(str, cut[:4])) + (", ..." if len(cut) > 4 else "")
            expect(
                close(found, whole),
                f"for {ROWS} rows of a {task} task at once it gives {whole.tolist()}, and in batches of {sizes} rows "
                f"{found.tolist()}",
                "gather sums and counts over rows in update, and divide once, in compute: an average of batch averages "
                "gives the rows of a small batch more weight",
            )


@check("metric")
def check_reset_forgets(subject: Subject) -> None:
    """After reset it is as new."""
    for task in subject.make().tasks:
        used = subject.make()
        value(used, *data(subject, task, index=1))
        found, expected = (value(metric, *data(subject, task)) for metric in (used, subject.make()))
        expect(
            close(found, expected),
            f"after other rows and a reset it gives {found.tolist()}, and a new one {expected.tolist()}",
            "set everything that update gathers back in reset",
        )


@check("metric")
def check_continues_from_state(subject: Subject) -> None:
    """A new instance, given its state in the middle as a file keeps it, gathers on as the old one would have."""
    for task in subject.make().tasks:
        prediction, target = data(subject, task)
        old, new = subject.make(), subject.make()
        whole = value(subject.make(), prediction, target, CUTS[0])
        old.reset()
        gather(old, prediction[: ROWS // 2], target[: ROWS // 2], (ROWS // 2,))
        new.reset()
        new.load_state(as_kept(old.state()))
        gather(new, prediction[ROWS // 2 :], target[ROWS // 2 :], (ROWS // 2,))
        found = np.asarray(new.compute())
        expect(
            np.array_equal(found, whole, equal_nan=True),
            f"taken up in the middle by a new instance, it gives {found}, not {whole}",
            "keep what it gathers on self, not in the module, or write state() and load_state(state)",
        )


@check("metric")
def check_instances_apart(subject: Subject) -> None:
    """Two instances share no state."""
    for task in subject.make().tasks:
        metric, other = subject.make(), subject.make()
        prediction, target = data(subject, task)
        expected = value(subject.make(), prediction, target)
        metric.reset()
        gather(metric, prediction, target)
        other.reset()
        gather(other, *data(subject, task, index=1))
        found = np.asarray(metric.compute())
        expect(
            close(found, expected),
            f"with another instance at work it gives {found.tolist()} in place of {expected.tolist()}",
            "set what update gathers on self, in reset; a list or dict of the class is shared by all instances",
        )


@check("metric")
def check_inputs_left_alone(subject: Subject) -> None:
    """It writes neither to the prediction nor to the target."""
    for task in subject.make().tasks:
        before = data(subject, task)
        given = before[0].copy(), before[1].copy()
        metric = subject.make()
        metric.reset()
        metric.update(*given)
        for name, now, array in zip(("prediction", "target"), given, before):
            changed = np.count_nonzero(now != array)
            expect(
                not changed,
                f"it writes to the {name}: {changed} of its {array.size} numbers changed",
                "compute in a new array: the loss goes back from the same prediction",
            )


@check("metric", when=lambda cls: not getattr(cls, "array", False))
def check_goal(subject: Subject) -> None:
    """Perfect predictions are better than quite wrong ones, in the direction that goal says."""
    for task in subject.make().tasks:
        _, target = data(subject, task)
        if task == "multiclass":
            # All scores differ, so that the class is the first, or the last, without a tie.
            ranks = (np.arange(CLASSES) - target[:, None]) % CLASSES
            perfect, wrong = (0.5 ** (order + 1) for order in (ranks, CLASSES - 1 - ranks))
        else:
            perfect, wrong = target.copy(), 1 - target if task == "binary" else target + 3
        metric = subject.make()
        best, worst = (float(value(metric, prediction, target)) for prediction in (perfect, wrong))
        expect(
            best > worst if metric.goal == "max" else best < worst,
            f"goal is {metric.goal!r}, and for a {task} task it gives {best:.6g} where all is right, {worst:.6g} where "
            "all is wrong",
            f"write goal = {'min' if metric.goal == 'max' else 'max'!r}, or turn the value round",
        )


@check("metric", when=lambda cls: not getattr(cls, "array", False))
def check_rows_in_any_order(subject: Subject) -> None:
    """Rows in another order give the same value."""
    for task in subject.make().tasks:
        prediction, target = data(subject, task)
        order = subject.rng(1).permutation(ROWS)
        found, expected = (value(subject.make(), prediction[i], target[i]) for i in (order, np.arange(ROWS)))
        expect(
            close(found, expected),
            f"for a {task} task it gives {expected.tolist()}, and for the same rows in another order {found.tolist()}",
            "gather sums over rows, or sort what is gathered; where equal scores tie, treat them alike",
        )


@check("metric", when=lambda cls: takes(cast(type[Metric], cls).update, "weight"))
def check_weights(subject: Subject) -> None:
    """A row that weighs 2 is as one that is there twice, and one that weighs 0 as one that is not there."""
    for task in subject.make().tasks:
        prediction, target = data(subject, task)
        _compare_weighed(subject, prediction, target, np.arange(ROWS) % 3)
        _compare_weighed(subject, prediction, target, np.ones(ROWS, int))
        prediction, target = rows_of_steps(subject, task)
        if _takes_steps(subject, task, prediction, target):
            _compare_weighed(subject, prediction, target, np.arange(len(target)) % 3, " of rows of several steps")


def _takes_steps(subject: Subject, task: Task, prediction: Array, target: Array) -> bool:
    """Whether it is for samples of several steps. Classes for each of them come as rows, and not so: of these only what
    has a formula for more."""
    with contextlib.suppress(Exception):
        value(subject.make(), prediction, target, (len(target),))
        return task != "multiclass" or subject.make().reference(prediction.copy(), target.copy()) is not None
    return False


def _compare_weighed(subject: Subject, prediction: Array, target: Array, times: Array, named: str = "") -> None:
    rows, weight = len(target), times.astype(float)
    expected = value(subject.make(), prediction.repeat(times, axis=0), target.repeat(times, axis=0), (times.sum(),))
    for cut in ((rows // 2, rows - rows // 2), (1, rows - 1)):
        metric: Any = subject.make()
        metric.reset()
        stop = 0
        for size in cut:
            start, stop = stop, stop + size
            metric.update(prediction[start:stop].copy(), target[start:stop].copy(), weight[start:stop].copy())
        found = np.asarray(metric.compute())
        expect(
            close(found, expected),
            f"with the weights {weight[:3].tolist()}, ...{named} it gives {found.tolist()}, and "
            f"{expected.tolist()} where each row stands there as often as it weighs",
            "multiply what each row adds to a sum, and what it adds to a count, by its weight; None means 1 for all",
        )
