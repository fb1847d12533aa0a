"""A stack of layers with a loss: forward, backward, predict, save, summary.

The forward pass computes $y = f_L(... f_2(f_1(x)))$; the backward pass hands the loss's gradient back through the same
layers in reverse, each applying the chain rule to its own function (Rumelhart, Hinton, Williams 1986).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.contract.arguments import (
    require_as_many,
    require_count,
    require_dtype,
    require_finite,
    require_list,
    require_shape,
)
from chainrule.contract.arrays import Array, Shape, Task, batches, stream
from chainrule.contract.kinds import Activation, Layer, Loss
from chainrule.contract.named import each, items, one_of, plain, rows_of
from chainrule.contract.parameters import Parameters
from chainrule.contract.split import Split
from chainrule.errors import ConfigError, FieldError, within
from chainrule.network.blueprint import Blueprint
from chainrule.network.ending import TASKS, ending_of, require_parts, tasks_of, usual_task
from chainrule.network.graph import Exported
from chainrule.network.keeping import Kept
from chainrule.network.measuring import in_batches, measured, metrics_for
from chainrule.network.stack import Stack, Step, whole_numbers_of
from chainrule.network.summary import described, html_of, summary_of
from chainrule.network.targets import (
    Targets,
    as_inputs,
    as_many,
    as_numbers,
    prepared,
    require_names,
    required_scale,
    shaped,
    task_of,
)
from chainrule.network.traced import Traced
from chainrule.network.weighing import steps_that_count, weighed
from chainrule.process.threads import products_in_parts
from chainrule.registry.registry import registry
from chainrule.words import quoted


class Network(Kept, Traced, Exported):
    """A network and its loss.

    Args:
        layers: each an instance, a name, or ``{name: ..., ...}``; activations may stand among them.
        input_shape: of one sample, without the batch axis; of several inputs the shape of each, by name.
        loss: a ``Loss``, its name, or ``{name: ..., ...}``.
        seed: 0 or more; of the initial values and of the layers' randomness.
        dtype: ``"float32"`` or ``"float64"``.
        task: ``"binary"``, ``"multiclass"`` or ``"regression"``, of several outputs by name; where it is not given, the
            first targets tell.
        target_scale: by which the loss is given the targets of a regression standardized: a list of means and one of
            standard deviations, as ``Data.target_scale`` gives them. ``prediction``, ``predict`` and metrics are in the
            targets' units all the same (in float64); what the layers give, the loss and its gradient are not.

    Raises:
        ConfigError: a layer is unknown, has a bad field, or does not fit the shape before it; ``key`` is its position.

    Example:
        >>> network = Network(["flatten", {"name": "dense", "units": 10, "activation": "softmax"}],
        ...                   input_shape=(28, 28), loss="categorical_cross_entropy")
        >>> network.output_shape, network.parameters.theta.size
        ((10,), 7850)
    """

    def __init__(
        self,
        layers: Sequence[Any],
        input_shape: Sequence[int] | Mapping[str, Sequence[int]],
        loss: Any,
        seed: int = 0,
        dtype: str = "float32",
        task: Task | Mapping[str, Task] | None = None,
        target_scale: Sequence[Sequence[float]] | None = None,
    ) -> None:
        if not require_list("layers", layers, "a list of layers"):
            raise ConfigError("a network needs at least one layer", key="layers")
        if not all(one is None or (isinstance(one, str) and one in TASKS) for _, one in items(plain(task))):
            raise FieldError(f"got {quoted(task)}, expected one of {', '.join(TASKS)}", key="task")
        self.input_shape = require_shape("input_shape", input_shape)
        self.seed = require_count("seed", seed, least=0)
        self.dtype = require_dtype("dtype", dtype)
        self.task = plain(task)
        blueprint = Blueprint(self.seed, self.dtype)
        with within("loss"):
            self.loss: Loss = blueprint.component("loss", loss)
        with within("layers"):
            self._stack = Stack(layers, blueprint, fuses_with=self.loss.fuses_with)
            self.output_shape = self._stack.build(self.input_shape)
        require_parts(self.loss, self.output_shape)
        self.whole_numbers: Any = whole_numbers_of(self.steps)
        self.parameters = Parameters.allocate(blueprint.parameters, self.dtype)
        self.shared = blueprint.shared
        for shared, first in self.shared:
            shared.follow(first)
        self.buffers = blueprint.buffers
        self.components = blueprint.components
        self._streams = blueprint.streams
        self.multiplies_in_parts = any(getattr(layer, "multiplies_in_parts", False) for layer in self.components)
        self.parameters.initialize(stream(self.seed, "initialization"))
        self._ending = ending_of(self.loss, self.steps[-1])
        self._predicting = threading.Lock()  # layers keep arrays of their own from one forward pass to the next
        self.target_scale = None if target_scale is None else required_scale(target_scale, self.output_shape)
        if self.target_scale and usual_task("regression", self.loss, self.output_shape) != self.task:
            told = 'is for task="regression" and a loss whose targets are shaped as the output, got'
            raise FieldError(f"{told} {task!r} and {registry().name_of(self.loss)}", key="target_scale")

    @property
    def steps(self) -> list[Step]:
        """What the network is, in order; all that walk it (summary, trace, an exporter) walk this list. A layer with
        layers of its own is one step, which holds a ``Stack`` with steps of its own."""
        return self._stack.steps

    @property
    def layers(self) -> list[Layer | Activation]:
        """The network's own instances, in order; a layer's ``activation`` stands behind it."""
        return [step.layer for step in self.steps]

    @property
    def names(self) -> list[str]:
        """What each of ``layers`` is called: ``"0.dense"``, ``"0.dense.relu"``."""
        return [step.name for step in self.steps]

    @property
    def shapes(self) -> list[Any]:
        """The shape of a sample after each of ``layers``."""
        return [step.shape for step in self.steps]

    @property
    def fused(self) -> bool:
        """Whether the loss takes over the last activation."""
        return self.steps[-1].fused

    # ---- one step of learning

    def compute_loss(self, x: Any, targets: Targets, training: bool) -> float:
        """The forward pass: the mean loss over one batch; ``x`` and ``targets`` as ``pair`` gives them.

        Raises:
            ConfigError: the loss takes probabilities, and the output is none.
        """
        return self._ending.forward(self._stack.forward(x, training, targets.mask), targets.loss, targets.weight)

    @property
    def prediction(self) -> Any:
        """What the output layer gives for the batch of the last ``compute_loss``, in the targets' units; valid until
        the next one."""
        prediction = self._ending.prediction
        return prediction if self.target_scale is None else self.target_scale.in_units(prediction)

    def compute_gradient(self) -> None:
        """The backward pass: writes the gradient of the last ``compute_loss`` into ``parameters.grad``."""
        self._stack.backward_parameters(self._ending.backward())
        for shared, first in self.shared:
            first.grad += shared.grad

    def loss_and_gradient(self, x: Any, y: Any, weight: Any = None, mask: Any = None) -> tuple[float, Array]:
        """The loss of one training step, and its gradient: a copy of ``parameters.grad``.

        Args:
            x: ``(batch, *input_shape)``.
            y: integer classes ``(batch,)``, one-hot ``(batch, classes)``, or numbers shaped as the output.
            weight, mask: as ``Split`` has them.
        """
        inputs, targets = self.pair(x, y, weight=weight, mask=mask)
        loss = self.compute_loss(inputs, targets, training=True)
        self.compute_gradient()
        return loss, self.parameters.grad.copy()

    # ---- use

    def predict(self, x: Any, batch_size: int = 256, mask: Any = None) -> Any:
        """What the output layer gives, in the targets' units: ``(n, *output_shape)``, a new array; ``mask`` as
        ``Split`` has it. Threads may ask at once: they are answered one after the other."""
        batch_size = require_count("batch_size", batch_size)
        x = self._held_inputs(x)
        n = len(one_of(x))
        steps = None if mask is None else steps_that_count(mask, n, self.input_shape)
        result = each(lambda shape: np.empty((n, *shape), self.dtype), self.output_shape)
        with self._predicting, products_in_parts(self.multiplies_in_parts):
            for rows in batches(n, batch_size):
                given = rows_of(x, rows)
                y = self._stack.forward(given, training=False, mask=None if steps is None else steps[rows])
                each(lambda all_rows, some: np.copyto(all_rows[rows], some), result, self._ending.output(y))  # noqa: B023
        return result if self.target_scale is None else self.target_scale.in_units(result)

    def evaluate(
        self,
        x: Any,
        y: Any,
        metrics: Sequence[Any] = (),
        batch_size: int = 256,
        weight: Any = None,
        mask: Any = None,
    ) -> dict[str, Any]:
        """The loss and each metric over all of ``(x, y)``, by name, without training; ``weight`` and ``mask`` as
        ``Split`` has them."""
        batch_size = require_count("batch_size", batch_size)
        require_list("metrics", metrics)
        inputs, targets = self.held(Split(x, y, weight, mask), "given")
        given = in_batches(inputs, targets, batch_size)
        with products_in_parts(self.multiplies_in_parts):
            return measured(self, given, targets, metrics_for(self.task, metrics))

    # ---- what goes in

    def inputs(self, x: Any) -> Any:
        """``x`` as an array of the network's dtype, or of whole numbers, where its first layer takes such.

        Raises:
            ShapeError: it is not ``(batch, *input_shape)``. DataError: it does not hold numbers, or not those that the
                first layer takes.
        """
        return each(np.asarray, self._held_inputs(x))

    def _held_inputs(self, x: Any) -> Any:
        if not isinstance(self.input_shape, Mapping):
            return as_inputs(x, self.input_shape, self.dtype, self.whole_numbers)
        require_names("inputs", x, self.input_shape)
        whole = self.whole_numbers or {}
        return as_many({n: as_inputs(x[n], s, self.dtype, whole.get(n)) for n, s in self.input_shape.items()})

    def targets(self, y: Any) -> Targets:
        """``y`` as the loss and the metrics want it. The first ones tell the task, where it was not given.

        Raises:
            DataError: labels out of range. ShapeError: targets that do not fit the output.
        """
        return self._held_targets(y).read()

    def _held_targets(self, y: Any) -> Targets:
        if not isinstance(self.output_shape, Mapping):
            if self.task is None:
                self.task = self._task_of(y, self.output_shape, self.loss)
            return self._prepared(y, self.task, self.output_shape, self.loss)
        require_names("targets", y, self.output_shape)
        parts = self.loss.parts or {}
        if self.task is None:
            self.task = {name: self._task_of(y[name], self.output_shape[name], part) for name, part in parts.items()}
        found = {name: self._prepared(y[name], self.task[name], self.output_shape[name], parts[name]) for name in parts}
        return Targets.of_outputs(found)

    def _task_of(self, y: Any, shape: Shape, loss: Loss) -> Task:
        return task_of(as_numbers(y), shape, tasks_of(loss, shape))

    def _prepared(self, y: Any, task: Task, output_shape: Shape, loss: Loss) -> Targets:
        y, shape = as_numbers(y), loss.target_shape(output_shape)
        if shape is not None:
            return shaped(np.asarray(y), shape, np.dtype(loss.target_dtype or self.dtype), registry().name_of(loss))
        return prepared(y, task, output_shape, self.dtype, loss.integer_targets, self.target_scale)

    def pair(
        self, x: Any, y: Any, which: str = "given", weight: Any = None, mask: Any = None, part: bool = False
    ) -> tuple[Any, Targets]:
        """``inputs(x)`` and ``targets(y)``, as many of the one as of the other; ``which`` is what messages call them;
        ``weight`` and ``mask`` as ``Split`` has them. In a ``part`` of the samples it may be that none counts.

        Raises:
            DataError: they are not as many, or none, or not finite.
        """
        inputs, targets = self.held(Split(x, y, weight, mask), which, part)
        return each(np.asarray, inputs), targets.read()

    def pair_of(self, samples: Split, which: str, part: bool = False) -> tuple[Any, Targets]:
        """``pair`` of a split, with what its samples weigh."""
        return self.pair(*samples, which, samples.weight, samples.mask, part)

    def held(self, samples: Split, which: str, part: bool = False) -> tuple[Any, Targets]:
        """As ``pair_of``, but what is ``Scaled`` as it is read stays so, for those who read it batch by batch."""
        inputs, targets = self._held_inputs(samples.x), self._held_targets(samples.y)
        arrays = [array for given in (inputs, targets.loss) for _, array in items(given)]
        for array in arrays[1:]:
            require_as_many(which, arrays[0], array)
        require_finite(which, arrays, f" as {self.dtype}")
        weight, mask = samples.weight, samples.mask
        asked = mask is None or any(step.takes_mask for step in self.steps)
        return inputs, weighed(targets, weight, mask, self.input_shape, self.output_shape, asked, part)

    def summary(self) -> str:
        """A table: each layer, the shape of its output, and its number of parameters."""
        return summary_of(self.input_shape, self.steps, self.loss, self.dtype.name, self.target_scale)

    def _repr_html_(self) -> str:
        return html_of(self.input_shape, self.steps, self.loss, self.dtype.name, self.target_scale)

    def __repr__(self) -> str:
        return f"<Network {described(self.input_shape, self.steps, self.loss, self.dtype.name)}>"
