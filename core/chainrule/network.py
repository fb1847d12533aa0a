"""A stack of layers: shapes, forward, backward, loss, predict, summary.

The forward pass computes $y = f_L(... f_2(f_1(x)))$; the backward pass hands the loss's gradient back through the same
layers in reverse, each applying the chain rule to its own function (Rumelhart, Hinton, Williams 1986).
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from chainrule.arrays import Array, Shape, stream
from chainrule.components import Activation, Component, Layer, Loss, Metric, Task
from chainrule.errors import (
    ConfigError,
    ContractError,
    DataError,
    FieldError,
    ShapeError,
    UnknownName,
    did_you_mean,
    within,
)
from chainrule.parameters import Buffer, Parameter, Parameters
from chainrule.registry import fresh, make, registry, spec_of
from chainrule.signature import fields_of

DTYPES = ("float32", "float64")


class Blueprint:
    """What is gathered while the layers of a network are built."""

    def __init__(self, seed: int, dtype: np.dtype[Any]) -> None:
        self.seed = seed
        self.dtype = dtype
        self.parameters: list[Parameter] = []
        self.buffers: list[Buffer] = []
        self.components: list[Component] = []
        self.generators: dict[str, np.random.Generator] = {}
        self._given: set[int] = set()

    def component(self, kind: str, given: Any) -> Any:
        """A private instance of what was given; the same instance may be given only once."""
        if isinstance(given, Component):
            if id(given) in self._given:
                raise ConfigError(
                    f"one instance of {type(given).__name__} is used twice in this network; make one for each place"
                )
            self._given.add(id(given))
        component = fresh(make(kind, given))
        self.components.append(component)
        return component


class LayerScope:
    """What a layer may do while it is built (see ``components.Scope``)."""

    def __init__(self, name: str, blueprint: Blueprint) -> None:
        self.name = name
        self.dtype = blueprint.dtype
        self.activation: Activation | None = None
        self._blueprint = blueprint
        self._taken: set[str] = set()

    def parameter(self, name: str, shape: Shape, initializer: Any, decay: bool) -> Parameter:
        parameter = Parameter(self._full(name), shape, self._blueprint.component("initializer", initializer), decay)
        self._blueprint.parameters.append(parameter)
        return parameter

    def buffer(self, name: str, shape: Shape, value: Any) -> Buffer:
        buffer = Buffer(self._full(name), np.full(shape, value, self.dtype))
        self._blueprint.buffers.append(buffer)
        return buffer

    def child(self, owner: Layer, field: str, given: Any) -> Any:
        kind = {f.name: f.kind for f in fields_of(type(owner))}.get(field)
        if kind is None:
            raise ContractError(f"{type(owner).__name__} has no field {field!r} whose type names a kind of component")
        with within(field):
            if kind == "layer":
                several = isinstance(given, Sequence) and not isinstance(given, str)
                return Stack(given if several else [given], self._blueprint, prefix=f"{self.name}.{field}.")
            component = self._blueprint.component(kind, given)
        if kind == "activation" and field == "activation":
            self.activation = component
        return component

    def rng(self) -> np.random.Generator:
        generators = self._blueprint.generators
        if self.name not in generators:
            generators[self.name] = stream(self._blueprint.seed, f"layer {self.name}")
        return generators[self.name]

    def _full(self, name: str) -> str:
        if name in self._taken:
            raise ContractError(f"{self.name} declares {name!r} twice")
        self._taken.add(name)
        return f"{self.name}.{name}"


class _Activate:
    """An activation as a step of a stack."""

    def __init__(self, activation: Activation) -> None:
        self.forward = lambda z, training: activation.forward(z)
        self.backward = activation.backward


class Stack:
    """Layers one after another, each layer's ``activation`` unfolded into a step of its own.

    ``layers`` holds the components in order, ``names`` what each is called, ``shapes`` the shape of one sample after it.
    """

    def __init__(self, given: Sequence[Any], blueprint: Blueprint, prefix: str = "") -> None:
        self._blueprint = blueprint
        self._prefix = prefix
        self._given: list[Layer | Activation] = []
        for position, spec in enumerate(given):
            with within(str(position)):
                self._given.append(blueprint.component(_kind_in_stack(spec), spec))

    def build(self, input_shape: Shape) -> Shape:
        """Build each layer for the shape that the one before it gives, and return the last one's."""
        self.layers: list[Layer | Activation] = []
        self.names: list[str] = []
        self.shapes: list[Shape] = []
        self._first_trained: int | None = None  # position of the first layer that has parameters
        shape = tuple(input_shape)
        for position, layer in enumerate(self._given):
            name = f"{self._prefix}{position}.{registry().name_of(layer)}"
            with within(str(position)):
                if isinstance(layer, Activation):
                    self._append(layer, name, shape)
                    continue
                scope = LayerScope(name, self._blueprint)
                layer.__dict__["_lent_scope"] = scope
                before = len(self._blueprint.parameters)
                shape = _checked_shape(name, layer.build(shape))
                if self._first_trained is None and len(self._blueprint.parameters) > before:
                    self._first_trained = len(self.layers)
                self._append(layer, name, shape)
                if scope.activation is not None:
                    self._append(scope.activation, f"{name}.{registry().name_of(scope.activation)}", shape)
        self.link()
        return shape

    def _append(self, layer: Layer | Activation, name: str, shape: Shape) -> None:
        self.layers.append(layer)
        self.names.append(name)
        self.shapes.append(shape)

    def link(self, without_last: bool = False) -> None:
        """Prepare the passes; ``without_last`` leaves the last step to a loss that fuses with it."""
        steps = [_Activate(layer) if isinstance(layer, Activation) else layer for layer in self.layers]
        steps = steps[:-1] if without_last else steps
        self._forward = [step.forward for step in steps]
        self._backward = [step.backward for step in reversed(steps)]
        first = self._first_trained
        self._backward_trained = [] if first is None else [step.backward for step in reversed(steps[first + 1 :])]

    def forward(self, x: Array, training: bool) -> Array:
        """``x``: ``(batch, *input_shape)``."""
        for forward in self._forward:
            x = forward(x, training)
        return x

    def backward(self, dy: Array) -> Array:
        """Returns ``dx``; every parameter's ``grad`` is written on the way."""
        for backward in self._backward:
            dy = backward(dy)
        return dy

    def backward_parameters(self, dy: Array) -> None:
        """As ``backward``, without what nobody needs: ``dx``, and the way down to it below the first parameters."""
        if self._first_trained is None:
            return
        for backward in self._backward_trained:
            dy = backward(dy)
        cast(Layer, self.layers[self._first_trained]).backward_parameters(dy)


class Targets(NamedTuple):
    """Targets in the form that a loss and the metrics work with."""

    loss: Array
    metric: Array

    def rows(self, which: Any) -> Targets:
        return Targets(self.loss[which], self.metric[which])


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
        if dtype not in DTYPES:
            raise FieldError(f'got "{dtype}", expected {" or ".join(DTYPES)}', key="dtype")
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise FieldError(f"got {seed!r}, expected a whole number, 0 or more", key="seed")
        if not layers:
            raise ConfigError("a network needs at least one layer", key="layers")
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
        self.fused = isinstance(last, Activation) and registry().name_of(last) == self.loss.fuses_with
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
        loss = self.compute_loss(self.inputs(x), self.targets(y).loss, training=True)
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
        return self.evaluate_prepared(self.inputs(x), self.targets(y), made, batch_size)

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
            ShapeError: it is not ``(batch, *input_shape)``.
        """
        x = np.asarray(x, self.dtype)
        if x.shape[1:] != self.input_shape or x.ndim == 0:
            raise ShapeError(f"the network takes inputs of shape (batch, {_listed(self.input_shape)}), got {x.shape}")
        return x

    def targets(self, y: Any) -> Targets:
        """``y`` as the loss and the metrics want it. The first ones tell the task, where it was not given.

        Raises:
            DataError: labels out of range. ShapeError: targets that do not fit the output.
        """
        y = np.asarray(y)
        if self.task is None:
            self.task = _task_of(y, self.output_shape)
        if self.task == "multiclass":
            return self._class_targets(y)
        target = y.astype(self.dtype)
        if target.ndim == 1 and self.output_shape == (1,):
            target = target[:, None]  # never broadcast (n,) against (n, 1)
        if target.shape[1:] != self.output_shape:
            raise ShapeError(
                f"targets of shape {y.shape} do not fit the output, (batch, {_listed(self.output_shape)})"
                + (
                    "; a loss for classes over two or more units takes a multiclass task"
                    if self.task == "binary"
                    else ""
                )
            )
        if self.task == "binary" and not ((target >= 0) & (target <= 1)).all():
            raise DataError(f"targets of a binary task must be 0 or 1, got {_first_outside(target)!r}")
        return Targets(target, target)

    def _class_targets(self, y: Array) -> Targets:
        if len(self.output_shape) != 1 or self.output_shape[0] < 2:
            raise ShapeError(
                f"a multiclass task needs one output unit per class, and the output is {_listed(self.output_shape)}; "
                "for two classes in one column use a sigmoid output and a binary loss"
            )
        classes = self.output_shape[0]
        if y.ndim == 1:
            labels = y.astype(np.int64)
            if (labels != y).any():
                raise DataError(f"classes must be whole numbers, got {y[labels != y][0]}")
            wrong = np.flatnonzero((labels < 0) | (labels >= classes))
            if len(wrong):
                raise DataError(
                    f"label {labels[wrong[0]]} of sample {wrong[0]} is out of range: the network has {classes} "
                    f"outputs, for labels 0 to {classes - 1}"
                )
            if self.loss.integer_targets:
                return Targets(labels, labels)
            return Targets(np.eye(classes, dtype=self.dtype)[labels], labels)
        if y.shape[1:] != (classes,):
            raise ShapeError(
                f"targets of shape {y.shape} do not fit {classes} output units: give classes as integers of shape "
                f"(n,), or one-hot of shape (n, {classes})"
            )
        return Targets(y.astype(self.dtype), y.argmax(axis=1))

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
        twin = Network(
            [fresh(layer) for layer in self._stack._given],
            self.input_shape,
            fresh(self.loss),
            self.seed,
            dtype or self.dtype.name,
            self.task,
        )
        twin.restore(self.snapshot())
        return twin

    def save(self, path: str | Path) -> None:
        """Write parameters and buffers to a safetensors file, with the architecture as JSON in its metadata.

        The file takes its place only once it is whole.
        """
        from safetensors.numpy import save

        tensors = {item.name: np.ascontiguousarray(item.value) for item in [*self.parameters, *self.buffers]}
        metadata = {"architecture": json.dumps(self.architecture()), "components": json.dumps(self.provenance())}
        path = Path(path)
        partial = path.with_name(path.name + ".partial")
        partial.write_bytes(save(tensors, metadata={"format": "chainrule", **metadata}))
        partial.replace(path)

    def provenance(self) -> dict[str, str]:
        """Which distribution supplied each component: ``{"layer.dense": "chainrule 0.1.0"}``."""
        return provenance(self.components)

    def random_state(self) -> dict[str, Any]:
        """The state of each layer's stream of random numbers."""
        return {name: generator.bit_generator.state for name, generator in self._generators.items()}

    def set_random_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``random_state`` gave."""
        for name, value in state.items():
            self._generators[name].bit_generator.state = value

    def summary(self) -> str:
        """A table: each layer, the shape of its output, and its number of parameters."""
        from rich import box
        from rich.console import Console
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("layer")
        table.add_column("output", justify="right")
        table.add_column("parameters", justify="right")
        table.add_row("input", f"({_listed(self.input_shape)})", "")
        for name, shape in zip(self.names, self._stack.shapes):
            own = [p for p in self.parameters if p.name.startswith(f"{name}.")] if name.count(".") == 1 else []
            count = f"{sum(p.size for p in own):,}" if own else ""
            table.add_row(name, f"({_listed(shape)})", count)
        out = io.StringIO()
        console = Console(file=out, width=100)
        console.print(table)
        loss = registry().name_of(self.loss)
        fused = f" (fused with {self.loss.fuses_with})" if self.fused else ""
        total = f"{self.parameters.theta.size:,} parameters, {self.dtype.name}, loss {loss}{fused}"
        lines = [line.rstrip() for line in out.getvalue().splitlines() if line.strip()]
        return "\n".join([*lines, total])


def load_network(path: str | Path) -> Network:
    """The network that ``Network.save`` wrote.

    Raises:
        DataError: the file is not there, or is not such a file. UnknownName: it needs a component that is not
            installed; the message says which package had it.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        architecture = json.loads(metadata["architecture"])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise DataError(f"{path} is not a network that chainrule saved: {error}") from None
    require_installed(json.loads(metadata.get("components", "{}")))
    network = Network(**architecture)
    for item in [*network.parameters, *network.buffers]:
        item.value = tensors[item.name]
    return network


def require_installed(components: Mapping[str, str]) -> None:
    """Refuse where a recorded component is not installed.

    Args:
        components: as ``provenance`` gives them.

    Raises:
        UnknownName: naming the component and the package that had it.
    """
    for key, distribution in components.items():
        kind, _, name = key.partition(".")
        if name not in registry().names(kind):
            raise UnknownName(
                f'{kind} "{name}" came from {distribution}, which is not installed here: '
                f"pip install {distribution.replace(' ', '==')}"
            )


def provenance(components: Sequence[Component]) -> dict[str, str]:
    """Which distribution supplied each of these components, those that are registered."""
    entries = [registry().entry_of(component) for component in components]
    found = {f"{e.kind}.{e.name}": f"{e.distribution} {e.version}" for e in entries if e is not None}
    return dict(sorted(found.items()))


def gradient_check(network: Network, x: Any, y: Any, entries: int = 100, step: float = 1e-4) -> dict[str, float]:
    """Compare the backward pass with finite differences, in float64, on a copy of the network.

    The derivative by differences is the five-point formula, whose error is of order ``step``^4 (Abramowitz, Stegun
    1964, table 25.2): $f'(t) = (f(t-2h) - 8 f(t-h) + 8 f(t+h) - f(t+2h)) / 12 h$. A kink (of a ReLU, say) that lies
    within ``2 * step`` spoils it. Layers that draw random numbers draw the same ones each time.

    Args:
        x, y: a batch, as for ``loss_and_gradient``.
        entries: how many numbers of each parameter are tried, the same ones each time.
        step: h.

    Returns:
        For each parameter, the largest difference over the largest gradient of that parameter (or 1e-8, if that is
        larger: where a gradient is zero, such as that of a bias before a softmax that is shared by all classes, only
        rounding is left to compare).
    """
    twin = network.copy("float64")
    inputs = twin.inputs(x)
    target = twin.targets(y).loss
    twin.compute_loss(inputs, target, training=True)  # each stream of random numbers exists from here on
    state, buffers = twin.random_state(), twin.snapshot().buffers

    def loss() -> float:
        twin.set_random_state(state)
        for buffer, value in zip(twin.buffers, buffers):
            buffer.value = value
        return twin.compute_loss(inputs, target, training=True)

    loss()
    twin.compute_gradient()
    gradient = twin.parameters.grad.copy()
    theta = twin.parameters.theta
    rng = np.random.default_rng(0)
    errors = {}
    for parameter in twin.parameters:
        chosen = rng.permutation(parameter.size)[:entries] + parameter.offset
        numeric = np.empty(len(chosen))
        for row, i in enumerate(chosen):
            kept = theta[i]
            weighted = 0.0
            for distance, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
                theta[i] = kept + distance * step
                weighted += weight * loss()
            theta[i] = kept
            numeric[row] = weighted / (12 * step)
        exact = gradient[chosen]
        scale = max(np.abs(exact).max(), np.abs(numeric).max(), 1e-8)
        errors[parameter.name] = float(np.abs(exact - numeric).max() / scale)
    return errors


def batches(n: int, batch_size: int) -> Iterator[slice]:
    """The rows of each batch, in order; the last one may be smaller."""
    for start in range(0, n, batch_size):
        yield slice(start, min(start + batch_size, n))


def _kind_in_stack(spec: Any) -> str:
    """Whether what stands in a list of layers is a layer or an activation."""
    if isinstance(spec, Activation):
        return "activation"
    name = spec.get("name") if isinstance(spec, Mapping) else spec
    if not isinstance(name, str):
        return "layer"
    layers, activations = registry().names("layer"), registry().names("activation")
    if name in layers or name not in activations:
        if name not in layers:
            raise UnknownName(f'there is no layer "{name}". {did_you_mean(name, [*layers, *activations])}')
        return "layer"
    return "activation"


def _checked_shape(name: str, shape: Any) -> Shape:
    if not isinstance(shape, tuple) or not all(isinstance(n, (int, np.integer)) and n > 0 for n in shape):
        raise ContractError(f"build of {name} must return the output's shape as a tuple of sizes, got {shape!r}")
    return tuple(int(n) for n in shape)


def _task_of(y: Array, output_shape: Shape) -> Task:
    """What the targets look like."""
    several = len(output_shape) == 1 and output_shape[0] > 1
    if several and y.ndim == 1 and np.issubdtype(y.dtype, np.integer):
        return "multiclass"
    if several and y.ndim == 2 and y.shape[1] == output_shape[0]:
        rows = y.sum(axis=1)
        if (y >= 0).all() and np.allclose(rows, 1):
            return "multiclass"
    return "binary" if np.isin(y, (0, 1)).all() else "regression"


def _first_outside(target: Array) -> float:
    return float(target[(target < 0) | (target > 1)][0])


def _listed(shape: Shape) -> str:
    return ", ".join(map(str, shape))
