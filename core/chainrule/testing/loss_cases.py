"""What a loss is checked with: targets, logits and predictions for each task that it says it can be used for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast, get_args

import numpy as np

from chainrule.contract.arrays import Array, Shape, Task
from chainrule.contract.kinds import Activation, Loss
from chainrule.errors import ConfigError
from chainrule.registry.making import make
from chainrule.registry.registry import registry
from chainrule.testing.arrays import MARGIN
from chainrule.testing.bench import BATCH
from chainrule.testing.subject import Subject

CLASSES = 3
STEPS = 2
DRAWS = 100


@dataclass(frozen=True)
class Form:
    """What is special about a case: its targets, how many rows it has, how large its logits are."""

    named: str = ""
    targets: str = "whole"
    batch: int = BATCH
    size: float = 1.0
    steps: Shape = ()
    classes: int = 0  # of several, or outputs; as usual where 0
    errors: bool = False  # for what depends on differences alone


PLAIN = Form()
FORMS = (
    PLAIN,
    Form(" with soft targets", targets="soft"),
    Form(" without one of the classes", targets="missing"),
    Form(" with a class that one row alone has", targets="single"),
    Form(" with three rows, one of them alone in its class", batch=3, targets="single"),
    Form(" with one row", batch=1),
    Form(" with logits ten times as large", size=10.0),
    Form(" with a prediction for each of several steps", steps=(STEPS,)),
    Form(" with one output", classes=1),
    Form(" with twelve outputs", classes=12, size=0.3),
    Form(" with errors a hundred times as large", size=100.0, errors=True),
    Form(" with soft targets for each of several steps", targets="soft", steps=(STEPS,)),
)


@dataclass(frozen=True)
class LossCase:
    """What a loss is given for one task: logits, the prediction that the output's activation makes of them, targets."""

    task: Task
    activation: Activation
    logits: Array
    prediction: Array
    target: Array  # shaped as the prediction, or as the loss says
    form: Form
    one_hot: bool = False

    @property
    def named(self) -> str:
        """``"a binary task with soft targets"``"""
        return f"a {self.task} task{self.form.named}"

    def targets(self, loss: Loss) -> Array:
        """In the form that the loss takes."""
        return self.target.argmax(axis=-1) if self.one_hot and loss.integer_targets else self.target.copy()

    @property
    def saturated(self) -> bool:
        """Whether the activation lets some numbers come so close to its bounds that differences would reach beyond."""
        return self.form.size > 1 and not np.array_equal(self.prediction, self.logits)

    def fused(self, loss: Loss) -> bool:
        """Whether the loss can take the activation over."""
        return registry().name_of(self.activation) == loss.fuses_with


def fuses(cls: type) -> bool:
    return cast(type[Loss], cls).fuses_with is not None


def outputs_of(loss: Loss, classes: int = 0) -> dict[Task, tuple[int, str]]:
    """For each task that the loss takes, how the network ends; of several classes two at least."""
    found = {}
    for task in cast("tuple[Task, ...]", get_args(Task)):
        try:
            least, usual = (2, CLASSES) if task == "multiclass" else (1, 2)
            found[task] = loss.output(task, max(classes, least) if classes else usual)
        except ConfigError:
            continue
    return found


def cases(
    subject: Subject, index: int = 0, dtype: str = "float64", logits: Array | None = None, form: Form = PLAIN
) -> Iterator[LossCase]:
    """One for each task that the loss takes; the same for the same index. No error lies close to a kink."""
    loss = subject.usable()
    for task, (units, name) in outputs_of(loss, form.classes).items():
        for sample in subject.usable().check_input_shapes or [(*form.steps, units)]:
            rng = subject.rng(index)
            batch = form.batch if logits is None else len(logits)
            shape = (batch, *sample)
            asked = loss.target_shape(tuple(sample))
            if asked is None:
                target = _target(task, rng, shape, form)
            else:
                target = _other(loss, rng, (batch, *asked), shape[-1], form)
            for _ in range(DRAWS):
                z = form.size * rng.normal(size=shape) if logits is None else _by_column(logits, shape)
                activation = make("activation", name)
                prediction = activation.forward(z.astype(dtype)).copy()
                if logits is not None or asked is not None or _clear_of_kinks(subject, prediction - target):
                    break
            one_hot = asked is None and task == "multiclass" and form.targets != "soft"
            target = target if loss.target_dtype and asked is not None else target.astype(dtype)
            yield LossCase(task, activation, z.astype(dtype), prediction, target, form, one_hot)


def all_cases(subject: Subject, index: int = 0, dtype: str = "float64") -> Sequence[LossCase]:
    """Those of every form that makes a difference for the task. Of the steps only what the loss can compute."""
    key = f"loss cases {index} {dtype}"
    if key not in subject.memory:
        subject.memory[key] = tuple(_all_cases(subject, index, dtype))
    found: Sequence[LossCase] = subject.memory[key]
    return found


def _all_cases(subject: Subject, index: int, dtype: str) -> Iterator[LossCase]:
    loss = subject.usable()
    for form in FORMS:
        if (form.steps or form.classes) and subject.usable().check_input_shapes:
            continue
        for case in cases(subject, index, dtype, form=form):
            if form.targets == "soft" and case.task == "regression":
                continue
            if form.targets in ("missing", "single") and case.task != "multiclass":
                continue
            own = loss.target_shape(case.prediction.shape[1:]) is not None
            if own and not (form.targets == "whole" or (form.targets == "single" and loss.target_dtype == "int64")):
                continue
            if form.errors and not (loss.of_differences and case.task == "regression"):
                continue
            if not (form.steps or form.classes) or _takes(subject, case):
                yield case


def _takes(subject: Subject, case: LossCase) -> bool:
    """Whether a loss can be given it at all: one that is for plain rows refuses others, in its own words or NumPy's.
    One that has a formula must take what that takes."""
    loss = subject.usable()
    try:
        if callable(getattr(subject.cls, "reference", None)):
            loss.reference(case.prediction.copy(), case.targets(loss))
        elif case.form.targets != "whole":
            return False
        else:
            loss.forward(case.prediction.copy(), case.targets(loss))
            loss.backward()
    except Exception:
        return False
    return True


def _clear_of_kinks(subject: Subject, error: Array) -> bool:
    return all(np.abs(error - kink).min() > MARGIN for kink in subject.kinks)


def _by_column(logits: Array, shape: Shape) -> Array:
    """One number for each row, with signs in turn along the last axis."""
    signs = np.where(np.arange(shape[-1]) % 2 == 0, 1, -1)
    return logits[:, 0].reshape(-1, *[1] * (len(shape) - 1)) * signs * np.ones(shape)


def _target(task: Task, rng: np.random.Generator, shape: Shape, form: Form) -> Array:
    rows = np.arange(int(np.prod(shape[:-1]))).reshape(shape[:-1])
    if task == "multiclass":
        if form.targets == "soft":
            return rng.dirichlet(np.ones(shape[-1]), shape[:-1])
        if form.targets == "single":
            return np.eye(shape[-1])[_with_a_single_one(rows, shape[-1])]
        classes = shape[-1] - 1 if form.targets == "missing" else shape[-1]
        return np.eye(shape[-1])[rows % classes]
    if task == "binary":
        whole = (np.arange(int(np.prod(shape))).reshape(shape) % 2).astype(float)
        return rng.random(shape) if form.targets == "soft" else whole
    return rng.normal(size=shape)


def _with_a_single_one(rows: Array, classes: int) -> Array:
    """The last class for the last row alone; of the others two rows in turn, as far as there are others."""
    return np.where(rows == rows.max(), classes - 1, rows // 2 % max(classes - 1, 1))


def _other(loss: Loss, rng: np.random.Generator, shape: Shape, classes: int, form: Form) -> Array:
    """Targets of a shape that the loss asks for: whole numbers below the number of outputs, or any numbers."""
    if form.targets == "single":
        return _with_a_single_one(np.arange(int(np.prod(shape))).reshape(shape), classes)
    return rng.integers(classes, size=shape) if loss.target_dtype == "int64" else rng.normal(size=shape)
