"""What losses owe: a mean over the batch, its gradient, and, with logits, the same in a stable form."""

from __future__ import annotations

from typing import Any, cast, get_args

import numpy as np

from chainrule.contract.arrays import Array, Task
from chainrule.contract.kinds import Loss
from chainrule.errors import ChainruleError, ConfigError
from chainrule.registry.registry import registry
from chainrule.testing.arrays import STABLE, close, distance, extremes, is_finite_number, strictly
from chainrule.testing.bench import BATCH
from chainrule.testing.kit import CheckFailed, check, expect
from chainrule.testing.loss_cases import CLASSES, all_cases, cases, fuses, outputs_of
from chainrule.testing.numeric import ATTEMPTS, AgainstDifferences, not_smooth, numeric_gradient, require_equal
from chainrule.testing.subject import Subject


@check("loss", first=True)
def check_output(subject: Subject) -> None:
    """It says how a network ends for each task that it is for, and refuses the others with a ConfigError."""
    loss = subject.usable()
    for task in cast("tuple[Task, ...]", get_args(Task)):
        try:
            given = loss.output(task, CLASSES if task == "multiclass" else 2)
        except ConfigError:
            continue
        ok = isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], int) and given[0] >= 1
        expect(
            ok and given[1] in registry().names("activation"),
            f"output({task!r}, ...) gives {given!r}",
            "return the number of units and the name of a registered activation, such as (classes, 'softmax')",
        )
    expect(
        bool(outputs_of(loss)),
        "output refuses every task",
        "return (units, activation) for the tasks that the loss is for, and raise ConfigError for the others only",
    )


@check("loss", first=True)
def check_runs(subject: Subject) -> None:
    """It gives a number for a prediction and its target, and goes back."""
    for case in cases(subject):
        loss = subject.usable()
        try:
            value = loss.forward(case.prediction, case.targets(loss))
            loss.backward()
        except ChainruleError as error:
            raise CheckFailed(f"it cannot be computed for a {case.task} task: {error}", "see Loss.forward") from None
        expect(
            is_finite_number(value),
            f"forward gives {value!r} for a {case.task} task",
            "return the mean loss as one number: float(losses.sum()) / len(prediction)",
        )


@check("loss")
def check_gradient(subject: Subject) -> None:
    """Backward gives the gradient with respect to the prediction."""
    _compare_gradients(subject, fused=False)


@check("loss", when=fuses)
def check_gradient_of_logits(subject: Subject) -> None:
    """Backward_logits gives the gradient with respect to the logits."""
    _compare_gradients(subject, fused=True)


def _compare_gradients(subject: Subject, fused: bool) -> None:
    for position in range(len(all_cases(subject))):
        for attempt in range(ATTEMPTS):
            case = all_cases(subject, attempt)[position]
            loss, at = subject.usable(), case.logits if fused else case.prediction
            if not case.fused(loss) if fused else case.saturated:
                break
            forward, backward = (loss.forward_logits, loss.backward_logits) if fused else (loss.forward, loss.backward)
            target = case.targets(loss)

            def value(forward: Any = forward, at: Array = at, target: Array = target) -> float:
                return float(forward(at.copy(), target.copy()))  # whether they are written to is a check of its own

            value()
            given = backward().copy()
            if require_equal(
                AgainstDifferences(f"for {case.named}, the gradient", given, numeric_gradient(value, at), value, at),
                "derive backward from the formula of forward; a mean over the batch has its 1/batch in the gradient",
                len(case.prediction),
            ):
                break
        else:
            raise not_smooth()


@check("loss")
def check_mean_over_batch(subject: Subject) -> None:
    """A batch taken twice has the same loss, and half the gradient for each of its rows; so one taken 30 times."""
    for case in cases(subject):
        loss = subject.usable()
        target = case.targets(loss)
        once = float(loss.forward(case.prediction.copy(), target.copy()))
        gradient = loss.backward().copy()
        for times, often in ((2, "twice"), (30, "30 times")):
            more = float(loss.forward(np.concatenate([case.prediction] * times), np.concatenate([target] * times)))
            share = times * np.split(loss.backward(), times)[-1]
            expect(
                abs(more - once) <= 1e-9 * max(abs(once), 1),
                f"the loss of a batch of {BATCH} is {once:.6g}, and that of the same rows taken {often} {more:.6g}",
                "return the mean over the batch, not the sum: divide by len(prediction)",
            )
            expect(
                close(share, gradient),
                f"for the same rows taken {often}, the gradient is not 1/{times} of what it was, but off by "
                f"{distance(share, gradient):.3g}",
                "divide the gradient by the number of rows, as the loss is",
            )


@check("loss", when=lambda cls: cast(type[Loss], cls).of_differences)
def check_of_differences(subject: Subject) -> None:
    """Targets of a regression that move with their predictions have the same loss; predictions may be any number."""
    for case in cases(subject):
        if case.task != "regression":
            continue
        loss, target = subject.usable(), case.targets(subject.usable())
        value = float(loss.forward(case.prediction.copy(), target.copy()))
        moved = float(loss.forward(case.prediction + 1, target + 1))
        expect(
            abs(moved - value) <= 1e-9 * max(abs(value), 1),
            f"the loss is {value:.6g}, and {moved:.6g} where predictions and targets are all larger by 1",
            "leave of_differences out: it says that the loss depends on prediction - target alone",
        )
        expect(
            close(case.prediction, case.logits),
            f"for a regression, output() names {registry().name_of(case.activation)}, which does not give any number",
            "leave of_differences out, as standardized targets lie on both sides of 0, or name linear",
        )


@check("loss", when=fuses, rests_on=("gradient_of_logits", "integer_targets"))
def check_fused_equals_unfused(subject: Subject) -> None:
    """From the logits come the same loss, gradient and prediction as through the activation, to 1e-12."""
    for case in all_cases(subject):
        plain, fused = subject.usable(), subject.usable()
        if not case.fused(plain) or case.saturated:
            continue
        expected = float(plain.forward(case.prediction, case.targets(plain)))
        dz = case.activation.backward(plain.backward())
        found = float(fused.forward_logits(case.logits, case.targets(fused)))
        found_dz = fused.backward_logits()
        mend = "derive forward_logits and backward_logits from the same formula, with the activation put into it"
        expect(
            abs(found - expected) <= 1e-12 * max(abs(expected), 1),
            f"for {case.named}, forward_logits gives {found:.15g}, and forward of the activation's output "
            f"{expected:.15g}",
            mend,
        )
        expect(
            close(found_dz, dz, 1e-12),
            f"for {case.named}, backward_logits differs from backward through the activation by "
            f"{distance(found_dz, dz):.3g}",
            mend,
        )
        activated = fused.activated()
        if activated is not None:
            expect(
                close(activated, case.prediction, 1e-12),
                f"activated() differs from the activation's output by {distance(activated, case.prediction):.3g}",
                "give what the activation gives for the logits of the last forward_logits, or leave activated out",
            )


@check("loss", when=lambda cls: cast(type[Loss], cls).integer_targets)
def check_integer_targets(subject: Subject) -> None:
    """Classes as whole numbers and the same classes one-hot give the same loss and gradient."""
    for case in cases(subject):
        if case.task == "multiclass":
            found = []
            for target in (case.target.argmax(axis=1), case.target):
                loss = subject.usable()
                found.append((float(loss.forward(case.prediction, target)), loss.backward().copy()))
            (whole, d_whole), (one_hot, d_one_hot) = found
            expect(
                abs(whole - one_hot) <= 1e-9 * max(1, abs(whole)) and close(d_whole, d_one_hot),
                f"for classes as whole numbers the loss is {whole:.6g}, for the same ones one-hot {one_hot:.6g}",
                "take both forms: target.ndim is 1 or 2",
            )


@check("loss")
def check_keeps_dtype(subject: Subject) -> None:
    """The gradient has the dtype of the prediction."""
    for dtype in ("float32", "float64"):
        for case in cases(subject, dtype=dtype):
            loss = subject.usable()
            loss.forward(case.prediction, case.targets(loss))
            gradients = {"backward": loss.backward()}
            if case.fused(loss):
                loss.forward_logits(case.logits, case.targets(loss))
                gradients["backward_logits"] = loss.backward_logits()
            for what, gradient in gradients.items():
                expect(
                    gradient.dtype == dtype,
                    f"{what} gives {gradient.dtype} for a prediction of {dtype}",
                    "make arrays with the dtype of the prediction, and take numbers that are Python's: a NumPy float64 "
                    "scalar makes float32 arrays float64",
                )


@check("loss")
def check_inputs_left_alone(subject: Subject) -> None:
    """It writes neither to the prediction nor to the target."""
    for case in cases(subject):
        loss = subject.usable()
        target = case.targets(loss)
        given = {"prediction": case.prediction.copy(), "target": target.copy()}
        loss.forward(given["prediction"], given["target"])
        loss.backward()
        if case.fused(loss):
            given["logits"] = case.logits.copy()
            loss.forward_logits(given["logits"], given["target"])
            loss.backward_logits()
        for name, before in (("prediction", case.prediction), ("target", target), ("logits", case.logits)):
            changed = np.count_nonzero(given.get(name, before) != before)
            expect(
                not changed,
                f"it writes to the {name}: {changed} of its {before.size} numbers changed",
                "compute in a new array, or in a kept one: self.work('error', prediction.shape, prediction.dtype)",
            )


@check("loss")
def check_arrays_last(subject: Subject) -> None:
    """The gradient that backward returns lasts until the next backward."""
    for case in cases(subject):
        loss = subject.usable()
        target = case.targets(loss)
        loss.forward(case.prediction, target)
        gradient = loss.backward()
        kept = gradient.copy()
        loss.forward(case.prediction[::-1].copy(), case.targets(loss))
        overwritten = np.count_nonzero(gradient != kept)
        expect(
            not overwritten,
            f"the next forward overwrites what backward returned: {overwritten} of its {kept.size} numbers changed",
            "give kept arrays names of their own, self.work('error', ...) and self.work('d_prediction', ...)",
        )


@check("loss")
def check_instances_apart(subject: Subject) -> None:
    """Two instances share no state: each goes back from its own forward pass."""
    for case in cases(subject):
        found = []
        for interrupted in (False, True):
            loss, other = subject.usable(), subject.usable()
            loss.forward(case.prediction, case.targets(loss))
            if interrupted:
                other.forward(case.prediction[::-1].copy(), case.targets(other))
            found.append(loss.backward().copy())
        off = distance(*found)
        expect(
            off == 0,
            f"another instance's forward changes what backward of this one gives, by {off:.3g}",
            "keep what backward needs on self, in attributes that forward sets; not on the class or in the module",
        )


@check("loss")
def check_finite_at_extremes(subject: Subject) -> None:
    """For outputs that are saturated or far off, loss and gradient are finite, without a warning of NumPy's."""
    for dtype in ("float32", "float64"):
        for named, z in extremes((BATCH, 1), dtype):
            with np.errstate(all="ignore"):
                found = list(cases(subject, dtype=dtype, logits=z))
            for case in found:
                loss = subject.usable()
                target = case.targets(loss)
                where = f"for a {case.task} task and {dtype} logits of {named} (by column + and -)"
                with strictly(where):
                    values = [loss.forward(case.prediction, target), loss.backward()]
                    if case.fused(loss):
                        values += [loss.forward_logits(case.logits, target), loss.backward_logits()]
                for method, value in zip(("forward", "backward", "forward_logits", "backward_logits"), values):
                    expect(bool(np.isfinite(value).all()), f"{where}, {method} gives infinity or NaN", STABLE)
