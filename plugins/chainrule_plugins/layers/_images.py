"""What the layers on images share: the shape of an image, and the places of a window that slides over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from chainrule import Array, Shape, ShapeError

Zeros: TypeAlias = Literal["valid", "same", "causal"]


def image_shape(layer: str, input_shape: Shape) -> tuple[int, int, int]:
    """(height, width, channels); an image of shape (height, width) has one channel.

    Raises:
        ShapeError: this is no image; ``layer`` is what the message calls the layer.
    """
    if len(input_shape) == 2:
        return (*input_shape, 1)
    if len(input_shape) != 3:
        raise ShapeError(
            f"{layer} takes images, of shape (height, width, channels) or (height, width), got input of shape "
            f"{input_shape}"
        )
    return input_shape


@dataclass(frozen=True)
class Sliding:
    """A window that slides along one axis of an image.

    Args:
        length: of the axis.
        size: the number of pixels under the window.
        stride: how far it moves from one place to the next.
        dilation: the distance of the pixels under it.
        zeros: "valid": there are none, and the window lies within the axis; "same": around it, so that the window has
            ceil(length / stride) places, as in TensorFlow; "causal": before it, with as many places, where the last
            pixel under the window is one of the axis.
    """

    length: int
    size: int
    stride: int = 1
    dilation: int = 1
    zeros: Zeros = "valid"

    @property
    def reach(self) -> int:
        """From the first pixel under the window to the last one."""
        return (self.size - 1) * self.dilation + 1

    @property
    def padding(self) -> tuple[int, int]:
        """How many zeros stand before the axis, and how many behind it, where an odd one goes."""
        if self.zeros == "causal":
            return self.reach - 1, 0
        total = max((self.places - 1) * self.stride + self.reach - self.length, 0)
        return total // 2, total - total // 2

    @property
    def places(self) -> int:
        """The number of places of the window: 0 or less where it does not fit."""
        if self.zeros != "valid":
            return -(-self.length // self.stride)
        return (self.length - self.reach) // self.stride + 1

    @property
    def inside(self) -> slice:
        """Where the image lies in the padded axis."""
        return slice(self.padding[0], self.padding[0] + self.length)

    def under(self, offset: int) -> slice:
        """The pixels of the padded axis that lie under element ``offset`` of the window: one for each place."""
        first = offset * self.dilation
        return slice(first, first + (self.places - 1) * self.stride + 1, self.stride)


def pixels_under(x: Array, down: Sliding, across: Sliding) -> list[Array]:
    """The pixels of ``x`` under each element of a window, row by row: views of shape (batch, rows, columns, channels),
    with one pixel for each place of the window."""
    rows = [down.under(u) for u in range(down.size)]
    columns = [across.under(v) for v in range(across.size)]
    return [x[:, i, j] for i in rows for j in columns]


def pooling_windows(height: int, width: int, size: int, stride: int) -> tuple[Sliding, Sliding]:
    """A square window that slides down and across an image.

    Raises:
        ShapeError: it is larger than the image.
    """
    if size > min(height, width):
        raise ShapeError(
            f"a window of {size} by {size} pixels is larger than the image, {height} by {width}: take a smaller size"
        )
    return Sliding(height, size, stride), Sliding(width, size, stride)
