"""What a loss makes of single rows, of their order, and of predictions that are just right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.kinds import Loss
from chainrule.testing.arrays import close, distance
from chainrule.testing.kit import check, expect
from chainrule.testing.loss_cases import LossCase, all_cases, cases
from chainrule.testing.subject import Subject

ERRORS = (-3.0, -0.5, -0.01, 0.01, 0.5, 3.0)


@check("loss")
def check_rows_in_any_order(subject: Subject) -> None:
    """Rows in another order have the same loss, and each keeps its gradient."""
    for case in all_cases(subject):
        order = subject.rng(1).permutation(len(case.prediction))
        loss = subject.usable()
        target = case.targets(loss)
        value = float(loss.forward(case.prediction.copy(), target.copy()))
        gradient = loss.backward().copy()
        moved = float(loss.forward(case.prediction[order], target[order]))
        moved_gradient = loss.backward().copy()
        expect(
            abs(moved - value) <= 1e-9 * max(abs(value), 1) and close(moved_gradient, gradient[order]),
            f"for {case.named}, the loss is {value:.9g}, and {moved:.9g} for the same rows in another order; their "
            f"gradients differ by {distance(moved_gradient, gradient[order]):.3g}",
            "compute each row from its own prediction and target, and take the mean",
        )


@check("loss", when=lambda cls: getattr(cls, "rows", None) is not Loss.rows)
def check_rows(subject: Subject) -> None:
    """Rows gives the losses of which forward gave the mean, each as that row alone has it."""
    for case in all_cases(subject):
        loss = subject.usable()
        target = case.targets(loss)
        _compare_rows(loss, loss.forward, case.prediction, target, f"for {case.named}")
        if case.fused(loss):
            _compare_rows(loss, loss.forward_logits, case.logits, target, f"from the logits of {case.named}")


def _compare_rows(loss: Loss, forward: Callable[[Array, Array], float], at: Array, target: Array, where: str) -> None:
    value = float(forward(at.copy(), target.copy()))
    rows = np.array(loss.rows())
    expect(
        rows.ndim >= 1 and rows.shape == at.shape[: rows.ndim],
        f"{where}, rows() is of shape {rows.shape}, for predictions of shape {at.shape}",
        "return one loss for each row, (batch,), or for each step or number too: (batch, *steps)",
    )
    expect(
        abs(float(rows.mean()) - value) <= 1e-9 * max(abs(value), 1),
        f"{where}, the mean of rows() is {rows.mean():.9g}, and forward gives {value:.9g}",
        "return the very losses of which forward gives the mean",
    )
    for i in range(len(rows)):
        alone = float(forward(at[i : i + 1].copy(), target[i : i + 1].copy()))
        expect(
            abs(alone - float(rows[i].mean())) <= 1e-9 * max(abs(alone), 1),
            f"{where}, rows() has {float(rows[i].mean()):.9g} for row {i}, whose loss alone is {alone:.9g}",
            "return the losses in the order of the rows, each of that row alone",
        )


@check("loss")
def check_least_at_target(subject: Subject) -> None:
    """A prediction that is just the target is better than one that is far off; of differences, the loss is 0 there."""
    for case in cases(subject):
        loss = subject.usable()
        if loss.target_shape(case.prediction.shape[1:]) is not None:
            continue
        if loss.of_differences and case.task == "regression":
            _compare_differences(subject, case)
        # Between the bounds: a cross-entropy whose targets are smoothed would have none that is sure.
        low, high = (0.02, 0.98) if case.task != "regression" else (0.0, 0.0)
        target = np.clip(case.target, low, high) if high else case.target
        target = target / target.sum(axis=-1, keepdims=True) if case.task == "multiclass" else target
        wrong = np.roll(target, 1, axis=-1) if case.task == "multiclass" else 1 - target
        wrong = wrong if high else target + 3
        given = case.targets(loss)
        right, off = (float(loss.forward(prediction.copy(), given.copy())) for prediction in (target, wrong))
        expect(
            right < off,
            f"for {case.named}, the loss is {right:.6g} where the prediction is the target, and {off:.6g} where it is "
            "far off",
            "let the loss grow with the error: a training makes it small",
        )


def _compare_differences(subject: Subject, case: LossCase) -> None:
    loss: Any = subject.usable()
    value = float(loss.forward(case.target.copy(), case.target.copy()))
    expect(
        abs(value) <= 1e-12,
        f"the loss is {value:.6g} where the prediction is the target",
        "of_differences says that it depends on prediction - target: let it be 0 where that is",
    )
    for error in ERRORS:
        value = float(loss.forward(case.target + error, case.target.copy()))
        expect(
            value > 0,
            f"the loss is {value:.6g} where each prediction is its target {'+' if error > 0 else '-'} {abs(error):g}",
            "let every error cost something, in either direction",
        )
