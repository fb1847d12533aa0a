"""A stack of layers with a loss: forward, backward, predict, save, summary.

The forward pass computes $y = f_L(... f_2(f_1(x)))$; the backward pass hands the loss's gradient back through the same
layers in reverse, each applying the chain rule to its own function (Rumelhart, Hinton, Williams 1986).
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args

import numpy as np

from chainrule.arrays import Array, Shape, Task, stream
from chainrule.components import Activation, Layer, Loss, Metric
from chainrule.errors import ConfigError, ContractError, DataError, FieldError, ShapeError, within
from chainrule.parameters import Parameters
from chainrule.provenance import provenance, require_installed
from chainrule.registry import fresh, make, registry, spec_of
from chainrule.stack import Blueprint, Stack
from chainrule.targets import Targets, listed, prepared, task_of
from chainrule.weights import read, write

DTYPES = ("float32", "float64")
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
        _check_arguments(layers, input_shape, seed, dtype, task)
        self.input_shape: Shape = tuple(int(n) for n in input_shape)
        self.seed = seed
        self.dtype = np.dtype(dtype)
        self.task = task
        blueprint = Blueprint(seed, self.dtype)
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

    # ---- one step of learning

    def compute_loss(self, x: Array, target: Array, training: bool) -> float:
        """The forward pass: the mean loss over one batch.

        Args:
            x: ``(batch, *input_shape)``, of the network's dtype.
            target: the ``loss`` part of ``targets(y)``.
        """
        y = self._stack.forward(x, training)
        if self.fused:
            self._logits = y
            self.loss.prediction = None
            return self.loss.forward_logits(y, target)
        self._prediction = y
        return self.loss.forward(y, target)

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
        x = self.inputs(x)
        result = np.empty((len(x), *self.output_shape), self.dtype)
        for rows in batches(len(x), batch_size):
            result[rows] = self._output(x[rows])
        return result

    def evaluate(self, x: Any, y: Any, metrics: Sequence[Any] = (), batch_size: int = 256) -> dict[str, Any]:
        """The loss and each metric over all of ``(x, y)``, by name, without training."""
        made: list[Metric] = [make("metric", metric) for metric in metrics]
        return self.evaluate_prepared(*self.pair(x, y), made, batch_size)

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
        steps = []
        y = self.inputs(x)
        for name, layer in zip(self.names, self.layers):
            y = layer.forward(y) if isinstance(layer, Activation) else layer.forward(y, False)
            steps.append((name, y.copy()))
        return steps

    def _output(self, x: Array) -> Array:
        y = self._stack.forward(x, training=False)
        return cast(Activation, self.layers[-1]).forward(y) if self.fused else y

    # ---- what goes in

    def inputs(self, x: Any) -> Array:
        """``x`` as an array of the network's dtype.

        Raises:
            ShapeError: it is not ``(batch, *input_shape)``. DataError: it does not hold numbers.
        """
        try:
            inputs: Array = np.asarray(x, self.dtype)
        except ValueError as error:  # text, or rows of different lengths
            raise DataError(f"inputs must be an array of numbers: {error}") from None
        if inputs.ndim == 0 or inputs.shape[1:] != self.input_shape:
            raise ShapeError(f"the network takes inputs of shape (n, {listed(self.input_shape)}), got {inputs.shape}")
        return inputs

    def targets(self, y: Any) -> Targets:
        """``y`` as the loss and the metrics want it. The first ones tell the task, where it was not given.

        Raises:
            DataError: labels out of range. ShapeError: targets that do not fit the output.
        """
        try:
            y = np.asarray(y)
        except ValueError as error:  # rows of different lengths
            raise DataError(f"targets must be an array of numbers: {error}") from None
        if not (np.issubdtype(y.dtype, np.number) or y.dtype == np.bool_):
            raise DataError(f"targets must be numbers, got {y.dtype}: give each class as a whole number from 0")
        if self.task is None:
            looks = task_of(y, self.output_shape)
            suited = self._tasks_of_loss()
            self.task = looks if looks in suited or not suited else suited[0]
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
            DataError: they are not as many, or none.
        """
        inputs, targets = self.inputs(x), self.targets(y)
        if len(inputs) != len(targets.loss) or len(inputs) == 0:
            raise DataError(
                f"the {which} data has {len(inputs)} inputs and {len(targets.loss)} targets; they must be as many, "
                "and at least one"
            )
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
            ConfigError: a component is not registered, so that no file can name it.
        """
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
        from rich import box
        from rich.console import Console
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("layer")
        table.add_column("output", justify="right")
        table.add_column("parameters", justify="right")
        table.add_row("input", str(self.input_shape), "")
        for name, shape in zip(self.names, self._stack.shapes):
            own = [p for p in self.parameters if p.name.startswith(f"{name}.")] if name.count(".") == 1 else []
            count = f"{sum(p.size for p in own):,}" if own else ""
            table.add_row(name, str(shape), count)
        out = io.StringIO()
        console = Console(file=out, width=100, force_terminal=False, color_system=None)
        console.print(table)
        loss = registry().name_of(self.loss)
        fused = f" (fused with {self.loss.fuses_with})" if self.fused else ""
        total = f"{self.parameters.theta.size:,} parameters, {self.dtype.name}, loss {loss}{fused}"
        lines = [line.rstrip() for line in out.getvalue().splitlines() if line.strip()]
        return "\n".join([*lines, total])


def _restored(parts: dict[str, Any], snapshot: Snapshot, random_state: dict[str, Any]) -> Network:
    network = Network(**parts)
    network.restore(snapshot)
    network.set_random_state(random_state)
    return network


def _check_arguments(layers: Any, input_shape: Any, seed: Any, dtype: Any, task: Any) -> None:
    if isinstance(layers, str) or not isinstance(layers, Sequence):
        raise FieldError(f"got {layers!r}, expected a list of layers", key="layers")
    if not layers:
        raise ConfigError("a network needs at least one layer", key="layers")
    sizes = input_shape if isinstance(input_shape, Sequence) else [None]
    if not all(isinstance(n, (int, np.integer)) and n > 0 for n in sizes):
        raise FieldError(
            f"got {input_shape!r}, expected the shape of one sample, such as (5,) or (28, 28)", key="input_shape"
        )
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise FieldError(f"got {seed!r}, expected a whole number, 0 or more", key="seed")
    if dtype not in DTYPES:
        raise FieldError(f"got {dtype!r}, expected {' or '.join(DTYPES)}", key="dtype")
    if task not in (None, *TASKS):
        raise FieldError(f"got {task!r}, expected one of {', '.join(TASKS)}", key="task")


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


def batches(n: int, batch_size: int) -> Iterator[slice]:
    """The rows of each batch, in order; the last one may be smaller."""
    for start in range(0, n, batch_size):
        yield slice(start, min(start + batch_size, n))
