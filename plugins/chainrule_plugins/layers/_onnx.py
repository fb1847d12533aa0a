"""How the layers on images say their forward pass in ONNX, whose images are (channels, height, width)."""

from __future__ import annotations

from typing import Any

from chainrule import Graph, Parameter, Shape
from chainrule_plugins.layers._images import Sliding


def with_channels(graph: Graph, x: str, image: Shape) -> str:
    """(batch, height, width, channels), where ``x`` may be without an axis of its one channel."""
    return graph.add("Reshape", x, graph.constant([-1, *image]))


def channels_first(graph: Graph, x: str, image: Shape) -> str:
    """(batch, channels, height, width), as ONNX has images."""
    return graph.add("Transpose", with_channels(graph, x, image), perm=(0, 3, 1, 2))


def channels_last(graph: Graph, y: str) -> str:
    """The way back: (batch, height, width, channels)."""
    return graph.add("Transpose", y, perm=(0, 2, 3, 1))


def window_of(*axes: Sliding) -> dict[str, Any]:
    """The attributes of a window that slides along these axes: zeros before each of them, then behind each."""
    before, behind = zip(*(axis.padding for axis in axes))
    return {
        "kernel_shape": tuple(axis.size for axis in axes),
        "strides": tuple(axis.stride for axis in axes),
        "dilations": tuple(axis.dilation for axis in axes),
        "pads": (*before, *behind),
    }


def biased(graph: Graph, y: str, b: Parameter | None) -> str:
    """$y + b$, where there is a b."""
    return y if b is None else graph.add("Add", y, b)
