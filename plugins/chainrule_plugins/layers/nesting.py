"""Layers made of layers: a detour that is added to its input, and several ways side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from chainrule import Activation, Array, ConfigError, Graph, Layer, Shape, ShapeError
from chainrule_plugins.layers._references import reference_of


@dataclass
class Residual(Layer):
    r"""Adds to its input what a list of layers makes of it, so that these need only learn what is to change.

    However many of them follow one another, gradients reach the first one: each hands dy on as it is, too. A mask goes
    to all layers within.

    Forward:
        $y = f(x) + s(x)$, f being the layers, and s the shortcut, or without one $s(x) = x$

    Backward:
        $dx = dx_f + dx_s$, what f and s give for dy; without a shortcut $dx_s = dy$

    Shapes:
        x: (batch, *any), as the first of the layers takes it
        y: (batch, *output), what the layers give; without a shortcut the shape of x

    Args:
        layers: of which f consists; each a layer or an activation, its name, or `{name: ..., ...}`.
        shortcut: of which s consists, in the same way, where the layers change the shape: a conv2d of kernel 1, say;
            default none.

    Raises:
        ShapeError: the two do not give the same shape.

    Reference:
        He, Zhang, Ren, Sun (2016), "Deep Residual Learning for Image Recognition", CVPR, equations 1 and 2.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> network = cr.Network([cr.make("layer", "residual", layers=["relu"])], input_shape=(2,), loss="mse")
        >>> network.predict(np.array([[3.0, -3.0]]))
        array([[ 6., -3.]], dtype=float32)
    """

    layers: Sequence[str | Mapping[str, Any] | Layer | Activation]
    shortcut: Sequence[str | Mapping[str, Any] | Layer | Activation] = ()

    check_examples = (
        {"layers": ({"name": "dense", "units": 4, "activation": "tanh"}, "dropout", {"name": "dense", "units": 4})},
        {"layers": ("batch_norm", {"name": "dense", "units": 3}), "shortcut": ({"name": "dense", "units": 3},)},
    )

    def reference(self, x: Array, training: bool, mask: Array | None = None) -> tuple[Array, dict[str, Array]]:
        y, buffers = reference_of(self.f, "layers", x, training, mask)
        shortcut, more = reference_of(self.s, "shortcut", x, training, mask)
        return y + shortcut, {**buffers, **more}

    def build(self, input_shape: Shape) -> Shape:
        self.f = self.child("layers", self.layers)
        self.s = self.child("shortcut", self.shortcut)  # an empty one hands x on
        output_shape: Shape = self.f.build(input_shape)
        beside = self.s.build(input_shape)
        if beside != output_shape:
            what = "its shortcut" if self.shortcut else "without a shortcut its input keeps"
            raise ShapeError(
                f"residual adds what its layers give, of shape {output_shape}, to another shape: {what} {beside}; take "
                "layers, or layers of a shortcut, that give the same"
            )
        return output_shape

    def forward(self, x: Array, training: bool, mask: Array | None = None) -> Array:
        changed: Array = self.f.forward(x, training, mask)
        beside: Array = self.s.forward(x, training, mask)
        return np.add(changed, beside, out=self.work("y", changed.shape, changed.dtype))

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("Add", self.f.to_onnx(graph, x), self.s.to_onnx(graph, x))

    def backward(self, dy: Array) -> Array:
        dx: Array = self.f.backward(dy)
        beside: Array = self.s.backward(dy)
        return np.add(dx, beside, out=self.work("dx", dx.shape, dy.dtype))

    def backward_parameters(self, dy: Array) -> None:
        self.f.backward_parameters(dy)
        self.s.backward_parameters(dy)


@dataclass
class Branches(Layer):
    r"""Several lists of layers side by side: each is given x, and what they give is put together.

    A mask goes to all layers within; where each list begins with a layer that takes whole numbers, so do the branches.

    Forward:
        $y = f_1(x) + f_2(x) + ...$ for "sum"
        $y = \frac{1}{k} (f_1(x) + ... + f_k(x))$ for "mean"
        $y = [f_1(x), f_2(x), ...]$ along the last axis for "concatenate"

    Backward:
        $dx = dx_1 + dx_2 + ...$, what each gives for $dy$, for $\frac{1}{k} dy$, or for its part of dy

    Shapes:
        x: (batch, *any), as the first layer of each takes it
        y: (batch, *output), what each gives; for "concatenate" their last axes, channels or features, add up

    Args:
        branches: a list of lists, at least one; each of layers and activations, their names, or `{name: ..., ...}`. An
            empty one hands x on.
        merge: how they are put together: "sum", "concatenate" or "mean"; default "sum".

    Raises:
        FieldError: there are no branches.
        ShapeError: the shapes that they give do not fit together.
        ConfigError: some begin with a layer that takes whole numbers, such as the ids of words, and some do not.

    Reference:
        Szegedy and others (2015), "Going Deeper with Convolutions", CVPR, figure 2, for "concatenate"; Xie, Girshick,
        Dollár, Tu, He (2017), "Aggregated Residual Transformations for Deep Neural Networks", CVPR, equation 2, for
        "sum".

    Example:
        >>> import numpy as np, chainrule as cr
        >>> both = cr.make("layer", "branches", branches=[["relu"], ["tanh"], []], merge="concatenate")
        >>> network = cr.Network([both], input_shape=(2,), loss="mse")
        >>> network.predict(np.array([[0.0, 100.0]]))
        array([[  0., 100.,   0.,   1.,   0., 100.]], dtype=float32)
    """

    branches: Sequence[Sequence[str | Mapping[str, Any] | Layer | Activation]]
    merge: Literal["sum", "concatenate", "mean"] = "sum"

    check_examples = (
        {"branches": (({"name": "dense", "units": 4, "activation": "tanh"}, "dropout"), ("batch_norm",), ())},
        {"branches": (({"name": "dense", "units": 3},), ("tanh",)), "merge": "concatenate"},
        {"branches": (({"name": "dense", "units": 2},), ({"name": "dense", "units": 2},)), "merge": "mean"},
        {"branches": (("flatten",), ()), "merge": "concatenate"},
        {"branches": (("tanh",),)},
        {
            "branches": tuple(({"name": "embedding", "tokens": n, "units": n - 2}, "tanh") for n in (5, 4)),
            "merge": "concatenate",
        },
    )

    def __post_init__(self) -> None:
        self.require("branches", len(self.branches) >= 1, "at least one list of layers")

    def reference(self, x: Array, training: bool, mask: Array | None = None) -> tuple[Array, dict[str, Array]]:
        results = [reference_of(f, f"branches.{i}", x, training, mask) for i, f in enumerate(self.stacks)]
        buffers = {name: value for _, found in results for name, value in found.items()}
        ys = [y for y, _ in results]
        if self.merge == "concatenate":
            return np.concatenate(ys, axis=-1), buffers
        return sum(ys[1:], ys[0]) / (len(ys) if self.merge == "mean" else 1), buffers

    def build(self, input_shape: Shape) -> Shape:
        self.stacks = self.child("branches", self.branches)
        shapes: list[Shape] = [stack.build(input_shape) for stack in self.stacks]
        alike = [shape[:-1] if self.merge == "concatenate" else shape for shape in shapes]
        if alike != [alike[0]] * len(alike) or (self.merge == "concatenate" and () in shapes):
            wanted = "that differ in the last axis alone" if self.merge == "concatenate" else "that are the same"
            raise ShapeError(
                f"branches give shapes {', '.join(map(str, shapes))}, and {self.merge} takes shapes {wanted}"
            )
        if len({dtype for dtype, _ in self._taken()}) > 1:
            raise ConfigError("some branches take whole numbers and some any numbers: begin all of them alike")
        self.widths = [shape[-1] for shape in shapes] if self.merge == "concatenate" else []
        return (*shapes[0][:-1], sum(self.widths)) if self.widths else shapes[0]

    @property
    def input_dtype(self) -> str | None:
        return next((dtype for dtype, _ in self._taken()), None)

    @property
    def input_range(self) -> range | None:
        ranges = [numbers for _, numbers in self._taken() if numbers is not None]
        return range(max(r.start for r in ranges), min(r.stop for r in ranges)) if ranges else None

    def _taken(self) -> list[tuple[str | None, range | None]]:
        """What the first layer of each branch says of the whole numbers that it takes, once they are built."""
        first = [stack.steps[0].layer if stack.steps else None for stack in self.__dict__.get("stacks", ())]
        return [(one.input_dtype, one.input_range) if isinstance(one, Layer) else (None, None) for one in first]

    def forward(self, x: Array, training: bool, mask: Array | None = None) -> Array:
        ys = [stack.forward(x, training, mask) for stack in self.stacks]
        if self.merge == "concatenate":
            y = self.work("y", (*ys[0].shape[:-1], sum(self.widths)), ys[0].dtype)
            return np.concatenate(ys, axis=-1, out=y)
        y = self._added("y", ys)
        if self.merge == "mean":
            y /= len(ys)
        return y

    def to_onnx(self, graph: Graph, x: str) -> str:
        ys = [stack.to_onnx(graph, x) for stack in self.stacks]
        if self.merge == "concatenate":
            return graph.add("Concat", *ys, axis=-1)
        return graph.add("Mean" if self.merge == "mean" else "Sum", *ys)

    def backward(self, dy: Array) -> Array:
        return self._added("dx", [stack.backward(part) for stack, part in zip(self.stacks, self._parts(dy))])

    def backward_parameters(self, dy: Array) -> None:
        for stack, part in zip(self.stacks, self._parts(dy)):
            stack.backward_parameters(part)

    def _parts(self, dy: Array) -> list[Array]:
        """The gradient with respect to what each branch gives."""
        if self.merge == "concatenate":
            return np.split(dy, np.cumsum(self.widths)[:-1], axis=-1)
        return [dy / len(self.stacks) if self.merge == "mean" else dy] * len(self.stacks)

    def _added(self, name: str, arrays: Sequence[Array]) -> Array:
        total = self.work(name, arrays[0].shape, arrays[0].dtype)
        total[...] = arrays[0]
        for array in arrays[1:]:
            total += array
        return total
