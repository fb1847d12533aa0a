"""A stack of layers with a loss: forward, backward, predict, save, summary.

The forward pass computes $y = f_L(... f_2(f_1(x)))$; the backward pass hands the loss's gradient back through the same
layers in reverse, each applying the chain rule to its own function (Rumelhart, Hinton, Williams 1986).
"""

from __future__ import annotations

import contextlib
import json
import numbers
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args

import numpy as np

from chainrule.contract.arguments import real_numbers, require_count, require_dtype, require_list, require_shape
from chainrule.contract.arrays import Array, Shape, Task, batches, stream
from chainrule.contract.kinds import Activation, Layer, Loss, Metric
from chainrule.contract.parameters import Parameters
from chainrule.errors import ConfigError, ContractError, DataError, FieldError, ShapeError, within
from chainrule.network.files import read, write
from chainrule.network.measuring import metrics_for
from chainrule.network.stack import Blueprint, Stack
from chainrule.network.summary import summary_of
from chainrule.network.targets import Targets, listed, prepared, task_of
from chainrule.registry.making import fresh, spec_of
from chainrule.registry.provenance import provenance, require_installed, supplier
from chainrule.registry.registry import registry

ROUNDING = 1e-3  # by which probabilities may miss 0 and 1


TASKS: tuple[Task, ...] = get_args(Task)


class Snapshot(NamedTuple):
    """A copy of all that a network has learned."""

    theta: Array
    buffers: list[Array]


class Network:
    """A network and its loss.

    Args:
        layers: each an instance, a name, or ``{name: ..., ...}``; activations may stand among them.
        input_shape: of one sample, without the batch axis.
        loss: a ``Loss``, its name, or ``{name: ..., ...}``.
        seed: 0 or more; of the initial values and of the layers' randomness.
        dtype: ``"float32"`` or ``"float64"``.
        task: ``"binary"``, ``"multiclass"`` or ``"regression"``; where it is not given, the first targets tell.

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
        input_shape: Sequence[int],
        loss: Any,
        seed: int = 0,
        dtype: str = "float32",
        task: Task | None = None,
    ) -> None:
        if not require_list("layers", layers, "a list of layers"):
            raise ConfigError("a network needs at least one layer", key="layers")
        if task not in (None, *TASKS):
            raise FieldError(f"got {task!r}, expected one of {', '.join(TASKS)}", key="task")
        self.input_shape: Shape = require_shape("input_shape", input_shape)
        self.seed = require_count("seed", seed, least=0)
        self.dtype = require_dtype("dtype", dtype)
        self.task = task
        blueprint = Blueprint(self.seed, self.dtype)
        with within("layers"):
            self._stack = Stack(layers, blueprint)
            self.output_shape = self._stack.build(self.input_shape)
        with within("loss"):
            self.loss: Loss = blueprint.component("loss", loss)
        self.parameters = Parameters.allocate(blueprint.parameters, self.dtype)
        self.buffers = blueprint.buffers
        self.components = blueprint.components
        self._generators = blueprint.generators
        self._initialize()

        last = self.layers[-1]
        entry = registry().entry_of(last)  # an unregistered class of the same name may compute something else
        self.fused = isinstance(last, Activation) and entry is not None and entry.name == self.loss.fuses_with
        # What fuses with an activation and is not for regression is a cross-entropy: it takes a logarithm of
        # probabilities, which it cannot make itself where another activation, or none, stands before it.
        self._needs_probabilities = (
            not self.fused and self.loss.fuses_with is not None and "regression" not in self._tasks_of_loss()
        )
        self._stack.link(without_last=self.fused)

    def _initialize(self) -> None:
        rng = stream(self.seed, "initialization")
        for parameter in self.parameters:
            value = parameter.initializer(parameter.shape, rng, self.dtype)
            if np.shape(value) != parameter.shape:
                who = type(parameter.initializer).__name__
                raise ContractError(f"{who} gave shape {np.shape(value)} for {parameter.name}, not {parameter.shape}")
            parameter.value = value

    @property
    def layers(self) -> list[Layer | Activation]:
        """The network's own instances, in order; a layer's ``activation`` stands behind it."""
        return self._stack.layers

    @property
    def names(self) -> list[str]:
        """What each of ``layers`` is called: ``"0.dense"``, ``"0.dense.relu"``."""
        return self._stack.names

    @property
    def shapes(self) -> list[Shape]:
        """The shape of a sample after each of ``layers``."""
        return self._stack.shapes

    # ---- one step of learning

    def compute_loss(self, x: Array, target: Array, training: bool) -> float:
        """The forward pass: the mean loss over one batch.

        Args:
            x: ``(batch, *input_shape)``, of the network's dtype.
            target: the ``loss`` part of ``targets(y)``.

        Raises:
            ConfigError: the loss takes probabilities, and the output is none.
        """
        y = self._stack.forward(x, training)
        if self.fused:
            self._logits = y
            self.loss.prediction = None
            return self.loss.forward_logits(y, target)
        self._prediction = y
        if self._needs_probabilities:
            self._require_probabilities(y)
        return self.loss.forward(y, target)

    def _require_probabilities(self, y: Array) -> None:
        least, most = float(y.min()), float(y.max())
        if least < -ROUNDING or most > 1 + ROUNDING:
            raise ConfigError(
                f"{registry().name_of(self.loss)} takes probabilities, and the network's output lies outside 0 to 1 "
                f"({least:.3g} to {most:.3g}): end it in {self.loss.fuses_with}"
            )

    @property
    def prediction(self) -> Array:
        """What the output layer gives for the batch of the last ``compute_loss``; valid until the next one."""
        if not self.fused:
            return self._prediction
        if self.loss.prediction is None:
            self.loss.prediction = cast(Activation, self.layers[-1]).forward(self._logits)
        return self.loss.prediction

    def compute_gradient(self) -> None:
        """The backward pass: writes the gradient of the last ``compute_loss`` into ``parameters.grad``."""
        dy = self.loss.backward_logits() if self.fused else self.loss.backward()
        self._stack.backward_parameters(dy)

    def loss_and_gradient(self, x: Any, y: Any) -> tuple[float, Array]:
        """The loss of one training step, and its gradient: a copy of ``parameters.grad``.

        Args:
            x: ``(batch, *input_shape)``.
            y: integer classes ``(batch,)``, one-hot ``(batch, classes)``, or numbers shaped as the output.
        """
        inputs, targets = self.pair(x, y)
        loss = self.compute_loss(inputs, targets.loss, training=True)
        self.compute_gradient()
        return loss, self.parameters.grad.copy()

    # ---- use

    def predict(self, x: Any, batch_size: int = 256) -> Array:
        """What the output layer gives: ``(n, *output_shape)``, a new array."""
        batch_size = require_count("batch_size", batch_size)
        x = self.inputs(x)
        result = np.empty((len(x), *self.output_shape), self.dtype)
        for rows in batches(len(x), batch_size):
            result[rows] = self._output(x[rows])
        return result

    def evaluate(self, x: Any, y: Any, metrics: Sequence[Any] = (), batch_size: int = 256) -> dict[str, Any]:
        """The loss and each metric over all of ``(x, y)``, by name, without training."""
        batch_size = require_count("batch_size", batch_size)
        require_list("metrics", metrics)
        inputs, targets = self.pair(x, y)
        return self.evaluate_prepared(inputs, targets, metrics_for(self.task, metrics), batch_size)

    def evaluate_prepared(
        self, x: Array, targets: Targets, metrics: Sequence[Metric], batch_size: int = 256
    ) -> dict[str, Any]:
        """``evaluate`` for what ``inputs`` and ``targets`` gave."""
        total = 0.0
        for metric in metrics:
            metric.reset()
        for rows in batches(len(x), batch_size):
            batch = targets.rows(rows)
            total += self.compute_loss(x[rows], batch.loss, training=False) * len(batch.loss)
            for metric in metrics:
                metric.update(self.prediction, batch.metric)
        named = {registry().name_of(metric): metric.compute() for metric in metrics}
        return {"loss": total / len(x), **named}

    def trace(self, x: Any) -> list[tuple[str, Array]]:
        """What each step gives for ``x`` (a copy each), by name, without training."""
        return [(name, y.copy()) for name, y in self._steps(self.inputs(x))]

    def rehearse(self, x: Array, target: Array) -> None:
        """Look at what each component gives for one batch, as ``compute_loss`` takes it, without training.

        Raises:
            ContractError: one gives another shape or dtype than it should; it is named, with its distribution.
        """
        for component, shape, (name, y) in zip(self.layers, self.shapes, self._steps(x)):
            expected = f"{self.dtype} of shape ({listed((len(x), *shape))})"
            found = f"{y.dtype} of shape ({listed(y.shape)})" if isinstance(y, np.ndarray) else repr(y)
            if found != expected:
                raise ContractError(f"forward of {name} ({supplier(component)}) gave {found}, not {expected}")
        loss = self.compute_loss(x, target, training=False)
        if not isinstance(loss, numbers.Real):
            raise ContractError(
                f"the loss {registry().name_of(self.loss)} ({supplier(self.loss)}) gave {loss!r}, not a number"
            )

    def _steps(self, x: Array) -> Iterator[tuple[str, Array]]:
        for name, layer in zip(self.names, self.layers):
            x = layer.forward(x) if isinstance(layer, Activation) else layer.forward(x, False)
            yield name, x

    def _output(self, x: Array) -> Array:
        y = self._stack.forward(x, training=False)
        return cast(Activation, self.layers[-1]).forward(y) if self.fused else y

    # ---- what goes in

    def inputs(self, x: Any) -> Array:
        """``x`` as an array of the network's dtype.

        Raises:
            ShapeError: it is not ``(batch, *input_shape)``. DataError: it does not hold numbers.
        """
        with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite
            inputs: Array = real_numbers("inputs", x).astype(self.dtype, copy=False)
        if inputs.ndim == 0 or inputs.shape[1:] != self.input_shape:
            raise ShapeError(f"the network takes inputs of shape (n, {listed(self.input_shape)}), got {inputs.shape}")
        return inputs

    def targets(self, y: Any) -> Targets:
        """``y`` as the loss and the metrics want it. The first ones tell the task, where it was not given.

        Raises:
            DataError: labels out of range. ShapeError: targets that do not fit the output.
        """
        y = real_numbers("targets", y, ": give each class as a whole number from 0")
        if self.task is None:
            looks = task_of(y, self.output_shape)
            suited = self._tasks_of_loss()
            self.task = looks if looks in suited or not suited else suited[0]
        with np.errstate(over="ignore"):
            return prepared(y, self.task, self.output_shape, self.dtype, self.loss.integer_targets)

    def _tasks_of_loss(self) -> list[Task]:
        suited = []
        for task in TASKS:
            with contextlib.suppress(ConfigError):
                self.loss.output(task, self.output_shape[-1] if self.output_shape else 1)
                suited.append(task)
        return suited

    def pair(self, x: Any, y: Any, which: str = "given") -> tuple[Array, Targets]:
        """``inputs(x)`` and ``targets(y)``, as many of the one as of the other; ``which`` is what messages call them.

        Raises:
            DataError: they are not as many, or none, or not finite.
        """
        inputs, targets = self.inputs(x), self.targets(y)
        if len(inputs) != len(targets.loss) or len(inputs) == 0:
            raise DataError(
                f"the {which} data has {len(inputs)} inputs and {len(targets.loss)} targets; they must be as many, "
                "and at least one"
            )
        if not (_finite(inputs) and _finite(targets.loss)):
            raise DataError(f"the {which} data holds values that are infinite or not a number as {self.dtype}")
        return inputs, targets

    # ---- keeping

    def snapshot(self) -> Snapshot:
        """A copy of all parameters and buffers, for ``restore``."""
        return Snapshot(self.parameters.theta.copy(), [buffer.value.copy() for buffer in self.buffers])

    def restore(self, snapshot: Snapshot) -> None:
        """Take back what ``snapshot`` kept."""
        self.parameters.theta[...] = snapshot.theta
        for buffer, value in zip(self.buffers, snapshot.buffers):
            buffer.value = value

    def architecture(self) -> dict[str, Any]:
        """All that ``Network`` needs to build it again, as plain values."""
        return {
            "layers": [spec_of(layer) for layer in self._stack._given],
            "input_shape": list(self.input_shape),
            "loss": spec_of(self.loss),
            "seed": self.seed,
            "dtype": self.dtype.name,
            "task": self.task,
        }

    def copy(self, dtype: str | None = None) -> Network:
        """A network of its own with the same values, if need be in another dtype."""
        twin = Network(**{**self._parts(), "dtype": dtype or self.dtype.name})
        twin.restore(self.snapshot())
        return twin

    def _parts(self) -> dict[str, Any]:
        """All that ``Network`` needs to build it again, as components."""
        return {
            "layers": [fresh(layer) for layer in self._stack._given],
            "input_shape": self.input_shape,
            "loss": fresh(self.loss),
            "seed": self.seed,
            "dtype": self.dtype.name,
            "task": self.task,
        }

    def __reduce__(self) -> Any:
        # Pickled and deep-copied as what it is built from: views of one array would come back as arrays of their own.
        return _restored, (self._parts(), self.snapshot(), self.random_state())

    def save(self, path: str | Path) -> None:
        """Write parameters and buffers to a safetensors file, with the architecture as JSON in its metadata.

        The file takes its place only once it is whole.

        Raises:
            ConfigError: a component is not registered, so that no file can name it; or there is no such folder.
        """
        if not Path(path).parent.is_dir():
            raise ConfigError(f"there is no folder {Path(path).parent}", key="path")
        nameless = {type(part).__name__ for part in self.components if registry().entry_of(part) is None}
        if nameless:
            raise ConfigError(
                f"{', '.join(sorted(nameless))} cannot be saved, as no plugin registers it; snapshot() keeps the arrays"
            )
        tensors = {item.name: np.ascontiguousarray(item.value) for item in [*self.parameters, *self.buffers]}
        metadata = {"architecture": json.dumps(self.architecture()), "components": json.dumps(self.provenance())}
        write(Path(path), tensors, metadata)

    def provenance(self) -> dict[str, str]:
        """Which distribution supplied each component: ``{"layer.dense": "chainrule 0.1.0"}``."""
        return provenance(self.components)

    def random_state(self) -> dict[str, Any]:
        """The state of each layer's stream of random numbers."""
        return {name: generator.bit_generator.state for name, generator in self._generators.items()}

    def set_random_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``random_state`` gave."""
        for name, value in state.items():
            # A layer's stream comes into being when the layer first draws.
            generator = self._generators.setdefault(name, stream(self.seed, f"layer {name}"))
            generator.bit_generator.state = value

    def summary(self) -> str:
        """A table: each layer, the shape of its output, and its number of parameters."""
        return summary_of(self)


def _restored(parts: dict[str, Any], snapshot: Snapshot, random_state: dict[str, Any]) -> Network:
    network = Network(**parts)
    network.restore(snapshot)
    network.set_random_state(random_state)
    return network


def load_network(path: str | Path) -> Network:
    """The network that ``Network.save`` wrote.

    Raises:
        DataError: the file is not there, or is not such a file. UnknownName: it needs a component that is not
            installed; the message says which package had it.
    """
    tensors, metadata = read(Path(path))
    architecture = json.loads(metadata["architecture"])
    require_installed(json.loads(metadata.get("components", "{}")))
    network = Network(**architecture)
    for item in [*network.parameters, *network.buffers]:
        saved = tensors.get(item.name)
        if saved is None or saved.shape != item.value.shape:
            raise DataError(
                f"{path} holds no {item.name} of shape {item.value.shape}: it was saved with other versions of its "
                f"components, {metadata['components']}"
            )
        item.value = saved
    return network


def _finite(values: Array) -> bool:
    """Whether all are finite, looked at in parts, so that what NumPy makes of each stays small."""
    return all(np.isfinite(values[rows]).all() for rows in batches(len(values), 256))
