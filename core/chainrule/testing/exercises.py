"""What a component of each kind does, as named arrays: so that what all kinds owe can be checked in one place.

An ``Exercise`` holds one instance, and can be run many times: in each of its variants, with inputs of several indices.
Each run starts from what counts as the start (parameters, buffers, streams of random numbers, slots) and gives all
that comes out. So two runs can be compared: on a used instance and on a new one, with arrays that lie otherwise in
memory, in float32 and in float64, in this process and in another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from chainrule.contract.arrays import Array, Shape
from chainrule.contract.signatures import takes
from chainrule.registry.making import spec_of
from chainrule.testing.bench import Bench, inputs, masks
from chainrule.testing.datasets import arrays_of
from chainrule.testing.descents import Course, Descent, shapes_of
from chainrule.testing.initializers import SHAPES
from chainrule.testing.loss_cases import all_cases
from chainrule.testing.metrics import data
from chainrule.testing.models import endings, network_of, sample_shapes
from chainrule.testing.regularizers import weights
from chainrule.testing.schedules import TOTALS
from chainrule.testing.subject import Subject
from chainrule.testing.training import fit, trainer

Change: TypeAlias = Callable[[str, Array], Array]
"""What is done to an array that goes in, which it names: ``"x"``, ``"dy"``, ``"prediction"``."""
UPDATES = 20


def as_it_is(name: str, array: Array) -> Array:
    return array


class Exercise:
    """One instance at work. ``variants``: what it can be asked to do, in words that begin a sentence."""

    variants: Sequence[str] = ("",)
    component: Any

    def run(self, variant: str, index: int = 0, change: Change = as_it_is) -> dict[str, Array]:
        """From the start on; everything that comes out, as copies."""
        raise NotImplementedError


class OfLayer(Exercise):
    """A layer or an activation, forwards and backwards in each mode, with and without a mask."""

    def __init__(self, subject: Subject, shape: Shape, dtype: str, seed: int = 3) -> None:
        self._subject, self._shape, self._dtype = subject, shape, dtype
        self.bench = Bench(subject, shape, dtype, seed=seed)
        self.component = self.bench.component
        self._start = self.bench.state()
        modes = ("in training", "at inference") if subject.kind == "layer" else ("",)
        named = ["", *masks(subject, shape)] if self.bench.takes_mask else [""]
        sample = f"for samples of shape {shape}"
        self.variants = tuple(" ".join(f"{sample} {mode} {mask}".split()) for mode in modes for mask in named)

    def run(self, variant: str, index: int = 0, change: Change = as_it_is) -> dict[str, Array]:
        bench = self.bench
        bench.restore(self._start)
        bench.network.parameters.grad[...] = 0
        mask = next((change("mask", m) for named, m in self._masks() if variant.endswith(named)), None)
        x = change("x", inputs(self._subject, self._shape, index=index, dtype=self._dtype))
        y = bench.forward(x, "at inference" not in variant, copy=False, mask=mask)
        kept = y.copy()
        dy = self._subject.rng(200 + index).normal(size=kept.shape).astype(np.float32).astype(self._dtype)
        dx = bench.backward(change("dy", dy), copy=False).copy()
        gradients = {f"{name}.grad": gradient for name, gradient in bench.gradients().items()}
        return {"y": kept, "dx": dx, **gradients, **bench.buffers()}

    def again(self, variant: str) -> None:
        """Once more forwards and backwards, from where it stands."""
        x = inputs(self._subject, self._shape, index=1, dtype=self._dtype)
        self.bench.backward(self.bench.forward(x, "at inference" not in variant))

    def _masks(self) -> Iterator[tuple[str, Array]]:
        if self.bench.takes_mask:
            yield from masks(self._subject, self._shape).items()


class OfLoss(Exercise):
    """A loss: its value, rows and gradient for each case, and the same from the logits."""

    def __init__(self, subject: Subject, dtype: str) -> None:
        self._subject, self._dtype = subject, dtype
        self.component = subject.usable()
        cases = list(all_cases(subject))
        fused = [f"from the logits of {case.named}" for case in cases if case.fused(self.component)]
        self.variants = (*(f"for {case.named}" for case in cases), *fused)

    def run(self, variant: str, index: int = 0, change: Change = as_it_is) -> dict[str, Array]:
        case = next(c for c in all_cases(self._subject, index, self._dtype) if variant.endswith(f" {c.named}"))
        loss, target = self.component, change("target", case.targets(self.component))
        if variant.startswith("from "):
            value = loss.forward_logits(change("logits", case.logits.copy()), target)
            found = {"the loss": value, "backward_logits": loss.backward_logits()}
        else:
            value = loss.forward(change("prediction", case.prediction.copy()), target)
            found = {"the loss": value, "backward": loss.backward()}
        return {name: np.array(array) for name, array in found.items()}


class OfOptimizer(Exercise):
    """An optimizer: theta and the slots after some updates, for a parameter of each shape."""

    def __init__(self, subject: Subject, dtype: str) -> None:
        self._subject, self._dtype = subject, dtype
        self.component = subject.make()
        self._shapes = {f"for theta of shape {shape}": shape for shape in shapes_of(self.component)}
        self.variants = tuple(self._shapes)

    def run(self, variant: str, index: int = 0, change: Change = as_it_is) -> dict[str, Array]:
        shape, rng = self._shapes[variant], self._subject.rng(300 + index)
        course = Course(rng, shape, (-1, 1), UPDATES)
        theta = np.asarray(rng.normal(size=shape)).astype(np.float32).astype(self._dtype)
        run = Descent(self.component, theta, course).go(UPDATES)
        return {"theta": run.theta, **run.slots}


class OfMetric(Exercise):
    """A metric: its value for each task, and with weights, where it takes them."""

    def __init__(self, subject: Subject, dtype: str) -> None:
        self._subject, self._dtype = subject, dtype
        self.component = subject.make()
        self._tasks = {f"for a {task} task": task for task in self.component.tasks}
        if takes(self.component.update, "weight"):
            self._tasks |= {f"for a {task} task with weights": task for task in self.component.tasks}
        self.variants = tuple(self._tasks)

    def run(self, variant: str, index: int = 0, change: Change = as_it_is) -> dict[str, Array]:
        prediction, target = data(self._subject, self._tasks[variant], index)
        prediction = prediction.astype(np.float32).astype(self._dtype)
        target = target if target.dtype.kind == "i" else target.astype(np.float32).astype(self._dtype)
        weights = {"weight": np.arange(len(target)) % 3 + 1.0} if variant.endswith("weights") else {}
        self.component.reset()
        self.component.update(change("prediction", prediction), change("target", target), **weights)
        return {"the value": np.array(self.component.compute())}


class OfRegularizer(Exercise):
    """A regularizer: the penalty, and what it adds to a gradient."""

    def __init__(self, subject: Subject, dtype: str) -> None:
        self._subject, self._dtype = subject, dtype
        self.component = subject.make()

    def run(self, variant: str, index: int = 0, change: Change = as_it_is) -> dict[str, Array]:
        theta = weights(self._subject, index).astype(np.float32).astype(self._dtype)
        grad = np.zeros_like(theta)
        penalty = self.component.penalty(change("theta", theta))
        self.component.add_gradient(change("theta", theta), grad)
        return {"the penalty": np.array(penalty), "grad": grad}


class OfInitializer(Exercise):
    """An initializer: what it gives for several shapes."""

    def __init__(self, subject: Subject, dtype: str) -> None:
        self._subject, self._dtype = subject, dtype
        self.component = subject.make()

    def run(self, variant: str, index: int = 0, change: Change = as_it_is) -> dict[str, Array]:
        rng = self._subject.rng(index)
        return {f"of shape {shape}": self.component(shape, rng, np.dtype(self._dtype)).copy() for shape in SHAPES}


class OfCallback(Exercise):
    """A callback: the parameters of a network that was trained with it."""

    def __init__(self, subject: Subject, dtype: str) -> None:
        self.component = subject.make()

    def run(self, variant: str, index: int = 0, change: Change = as_it_is) -> dict[str, Array]:
        return {"theta": fit(trainer(self.component), [self.component])}


class OfDataset(Exercise):
    """A dataset: its arrays."""

    def __init__(self, subject: Subject, dtype: str) -> None:
        self.component = subject.make()

    def run(self, variant: str, index: int = 0, change: Change = as_it_is) -> dict[str, Array]:
        return {
            f"the {name} {which}": array.copy()
            for name, split in self.component.load().splits.items()
            for which, array in arrays_of(split).items()
        }


class OfModel(Exercise):
    """A model: the parameters that a network of its layers starts with, for each way in which it can end."""

    def __init__(self, subject: Subject, dtype: str) -> None:
        self._subject = subject
        self.component = subject.make()

    def run(self, variant: str, index: int = 0, change: Change = as_it_is) -> dict[str, Array]:
        found = {}
        for shape in sample_shapes(self._subject):
            for task, loss, units, activation in endings():
                network = network_of(self._subject, shape, task, loss, units, activation)
                where = f"for input of shape {shape} and a {task} task"
                found[f"the parameters {where}"] = network.parameters.theta.copy()
                named = repr([spec_of(layer) for layer in network.components]).encode()
                found[f"the list of layers, as bytes, {where}"] = np.frombuffer(named, np.uint8)
        return found


class OfSchedule(Exercise):
    """A schedule: its factors over trainings of several lengths."""

    def __init__(self, subject: Subject, dtype: str) -> None:
        self.component = subject.make()

    def run(self, variant: str, index: int = 0, change: Change = as_it_is) -> dict[str, Array]:
        return {
            f"the factors of {total} steps": np.array([self.component(step, total) for step in range(total + 2)])
            for total in TOTALS
        }


KINDS: dict[str, Callable[[Subject, str], Exercise]] = {
    "loss": OfLoss,
    "optimizer": OfOptimizer,
    "metric": OfMetric,
    "regularizer": OfRegularizer,
    "initializer": OfInitializer,
    "schedule": OfSchedule,
    "callback": OfCallback,
    "dataset": OfDataset,
    "model": OfModel,
}


def exercises(subject: Subject, dtype: str = "float64", **options: Any) -> Iterator[Exercise]:
    """New instances at work: of a layer one for each shape of its input, else one."""
    if subject.kind in ("layer", "activation"):
        for shape in subject.input_shapes:
            yield OfLayer(subject, shape, dtype, **options)
    else:
        yield KINDS[subject.kind](subject, dtype)
