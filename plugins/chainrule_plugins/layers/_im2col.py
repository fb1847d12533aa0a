"""Im2col: the pixels under a window that slides over images, as the rows of a matrix, so that a convolution is a matrix
product."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from chainrule import Array, Shape, in_parts, loops
from chainrule_plugins.layers._images import Sliding, pixels_under
from chainrule_plugins.layers._sums import feature_sums

CACHE = 2**20
"""Bytes of pixels that are laid out at a time. They should stay in the processor's second-level cache: with the whole
batch at a time, the same matrix product takes twice as long."""

Work: TypeAlias = Callable[[str, Shape, Any], Array]
"""A layer's ``work``."""


@dataclass(frozen=True)
class Window:
    """A window that slides down and across images with so many channels."""

    down: Sliding
    across: Sliding
    channels: int

    @property
    def size(self) -> int:
        """How many numbers lie under it."""
        return self.down.size * self.across.size * self.channels

    @property
    def places(self) -> tuple[int, int]:
        """Rows and columns of places."""
        return self.down.places, self.across.places

    @property
    def padded_shape(self) -> Shape:
        """Of an image with its zeros around it."""
        height, width = (axis.length + sum(axis.padding) for axis in (self.down, self.across))
        return height, width, self.channels

    @property
    def pads(self) -> bool:
        """Whether images get zeros, any number of them."""
        return (self.down.zeros, self.across.zeros) != ("valid", "valid")

    def padded(self, x: Array, work: Work, name: str = "padded_x") -> Array:
        """Images with their zeros; ``name`` is that of the kept array."""
        if not self.pads:
            return x
        padded = work(name, (len(x), *self.padded_shape), x.dtype)
        padded[...] = 0
        padded[:, self.down.inside, self.across.inside] = x
        return padded

    def unpadded(self, dx: Array, work: Work, name: str = "dx") -> Array:
        """Images without their zeros."""
        if not self.pads:
            return dx
        unpadded = work(name, (len(dx), self.down.length, self.across.length, self.channels), dx.dtype)
        unpadded[...] = dx[:, self.down.inside, self.across.inside]
        return unpadded

    def windows(self, x: Array) -> Array:
        """The pixels under the window at each place, as a view: (batch, rows, columns, height, width, channels)."""
        down, across = self.down, self.across
        views = np.lib.stride_tricks.sliding_window_view(x, (down.reach, across.reach), axis=(1, 2))
        views = views[:, :: down.stride, :: across.stride, :, :: down.dilation, :: across.dilation]
        return views.transpose(0, 1, 2, 4, 5, 3)

    def apply(self, x: Array, W: Array, y: Array, work: Work, finish: Callable[[Array], Any] | None = None) -> Array:
        """Write $y = X W$, and give it. ``x`` has its zeros; ``finish`` is done to some rows of y after others, each
        time while they are in the cache."""

        def multiply(part: slice) -> None:
            for images, X in self._laid_out(x, part, work):
                y_rows = y[images].reshape(-1, y.shape[-1])
                np.dot(X, W.reshape(self.size, -1), out=y_rows)
                if finish is not None:
                    finish(y_rows)

        in_parts(multiply, len(x), len(x) * self._numbers, products=True)
        return y

    def correlate(self, x: Array, dy: Array, dW: Array, db: Array | None, work: Work) -> None:
        """Write $dW = X^T dy$, and the sum of dy over the batch and all places."""
        dW = dW.reshape(self.size, -1)
        sums: dict[int, tuple[Array, Array | None]] = {}  # of each part

        def multiply(part: slice) -> None:
            of_part = dW if part.start == 0 else work(f"dW {part.start}", dW.shape, dW.dtype)
            of_images = work(f"dW of images {part.start}", of_part.shape, dW.dtype)
            of_part[...] = 0
            db_of_part = db if db is None or part.start == 0 else np.zeros_like(db)
            if db_of_part is not None:
                db_of_part[...] = 0
            for images, X in self._laid_out(x, part, work):
                dy_rows = dy[images].reshape(-1, dy.shape[-1])
                of_part += np.dot(X.T, dy_rows, out=of_images)
                if db_of_part is not None:
                    db_of_part += feature_sums(dy_rows)
            sums[part.start] = of_part, db_of_part

        in_parts(multiply, len(x), len(x) * self._numbers, products=True)
        for start in sorted(sums.keys() - {0}):  # in order: else the last bits were those of chance
            dW_of_part, db_of_part = sums[start]
            dW += dW_of_part
            if db is not None:
                db += db_of_part

    def spread(self, dy: Array, W: Array, dx: Array, work: Work, start: Array | float = 0.0) -> None:
        """Write into ``dx``, which has its zeros, ``start`` and the sum of dX over each place and element of the window
        under which a pixel lay, where $dX = dy W$; ``W`` holds a matrix (filters, channels) for each element.

        One product for each of them. As a single one, dX would have rows as long as the window, and each sum would pick
        a few numbers from every row; so it adds long runs of them, and is faster.
        """
        filters = dy.shape[-1]

        def multiply(part: slice) -> None:
            if add_under.in_use and self._spread_at_once(dy, W, dx, start, part, work):
                return
            for images in chunks(dx, dx[0].size + math.prod(self.places) * (filters + self.channels), part):
                dx_images = dx[images]
                dx_images[...] = start
                dy_rows = dy[images].reshape(-1, filters)
                d_pixels = work(f"d_pixels {part.start}", (len(dy_rows), self.channels), dy.dtype)
                for pixels, W_at in zip(pixels_under(dx_images, self.down, self.across), W):
                    pixels += np.dot(dy_rows, W_at, out=d_pixels).reshape(pixels.shape)

        in_parts(multiply, len(dx), len(dx) * self._numbers, products=True)

    def _spread_at_once(self, dy: Array, W: Array, dx: Array, start: Array | float, part: slice, work: Work) -> bool:
        """As a single product, whose numbers a compiled loop adds where they belong, row by row."""
        down, across, channels = self.down, self.across, self.channels
        # Elements side by side in the window lie over pixels side by side, unless these are apart: one long run.
        runs = (1, across.size * channels) if across.dilation == 1 else (across.size, channels)
        together = np.ascontiguousarray(W.transpose(1, 0, 2)).reshape(dy.shape[-1], -1)
        for images in chunks(dx, self._numbers, part):
            dx_images, dy_rows = dx[images], dy[images].reshape(-1, dy.shape[-1])
            dx_images[...] = start
            dX = np.dot(dy_rows, together, out=work(f"dX {part.start}", (len(dy_rows), self.size), dy.dtype))
            laid_out, rows = dX.reshape(-1, *self.places, down.size, *runs), dx_images.reshape(*dx_images.shape[:2], -1)
            across_in_numbers = across.stride * channels, across.dilation * channels
            if not add_under(laid_out, rows, down.stride, down.dilation, *across_in_numbers):
                return False
        return True

    @property
    def _numbers(self) -> int:
        """In X, of an image."""
        return math.prod(self.places) * self.size

    def _laid_out(self, x: Array, part: slice, work: Work) -> Iterator[tuple[slice, Array]]:
        """X, with one row for each place, of some images of a part of the batch at a time: of which, and their X."""
        windows = self.windows(x)
        for images in chunks(x, self._numbers, part):
            yield images, self._matrix(windows[images], work(f"X {part.start}", (windows[images].size,), x.dtype))

    def _matrix(self, windows: Array, X: Array) -> Array:
        if self.across.size * self.channels < self.across.places:
            # Copying is fast along long runs of neighbours in memory. With few channels these are the rows of the
            # image, not of the window: X is laid out as columns. To the matrix product it is all the same.
            turned = windows.transpose(3, 4, 5, 0, 1, 2)
            X.reshape(turned.shape)[...] = turned
            return X.reshape(self.size, -1).T
        X.reshape(windows.shape)[...] = windows
        return X.reshape(-1, self.size)


@loops
def add_under(dX: Array, dx: Array, down: int, down_apart: int, across: int, across_apart: int) -> None:
    """Add each number of dX, (batch, rows, columns, height, runs, numbers of a run), to its pixel of dx, (batch,
    height, numbers of a row). ``down``, ``across``: strides; ``..._apart``: dilations; those across are in numbers."""
    for n, i, j in np.ndindex(dX.shape[:3]):
        for u in range(dX.shape[3]):
            for v in range(dX.shape[4]):
                start = j * across + v * across_apart
                run, pixels = dX[n, i, j, u, v], dx[n, i * down + u * down_apart, start : start + dX.shape[5]]
                for c in range(len(run)):
                    pixels[c] += run[c]


def chunks(x: Array, numbers: int, part: slice | None = None) -> Iterator[slice]:
    """The batch, or a part of it, as many images at a time as stay in the cache, with so many ``numbers`` for each of
    them."""
    count = max(1, CACHE // (numbers * x.itemsize))
    begin, end, _ = (part or slice(None)).indices(len(x))
    for start in range(begin, end, count):
        yield slice(start, min(start + count, end))
