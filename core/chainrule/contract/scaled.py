"""Numbers that stay as they came, bytes say, and become inputs where they are read."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.contract.arrays import Array, Shape
from chainrule.contract.preparation import Scaling
from chainrule.errors import DataError
from chainrule.words import quoted


class Scaled(np.lib.mixins.NDArrayOperatorsMixin):
    """The array ``scaling.encode(raw[rows])``, of which no more is ever computed than is asked for.

    It stands in a ``Split`` where that array would. A batch is read from it as floats of the network's dtype, equal to
    the last bit to those of the array; so are ``x[5]``, ``x[:100]`` and ``x[[3, 1]]``. Whatever else is done with it,
    ``np.asarray(x)``, ``x.mean()``, ``2 * x``, is done with all of them, as a new array.

    Args:
        raw: whole numbers, ``(n, *features)``. They are not copied, so that they can be pages of a file, which
            processes share: ``np.load(path, mmap_mode="r")``, or what ``mmap`` gives.
        scaling: how they become inputs; that of the ``preparation`` of the same data.
        rows: which samples of ``raw``, and in which order, ``(m,)``; None: all.
        dtype: of the inputs, floats; None: what ``scaling`` makes of them, for pixels float32.

    Raises:
        DataError: one of them is not so.

    Example:
        >>> import numpy as np
        >>> import chainrule as cr
        >>> images = np.array([[[0, 255]], [[51, 102]]], np.uint8)
        >>> x = cr.Scaled(images, cr.Scaling(white=1.0), rows=np.array([1]))
        >>> x
        <Scaled float32 of shape (1, 1, 2), of uint8>
        >>> x[0]
        array([[0.2, 0.4]], dtype=float32)
    """

    def __init__(self, raw: Array, scaling: Scaling, rows: Array | None = None, dtype: Any = None) -> None:
        if not (isinstance(raw, np.ndarray) and raw.dtype.kind in "iu" and raw.ndim):
            given = f"{raw.dtype} of shape {raw.shape}" if isinstance(raw, np.ndarray) else quoted(raw)
            raise DataError(f"numbers that are scaled as they are read must be an array of whole ones, got {given}")
        if not isinstance(scaling, Scaling):
            raise DataError(f"a scaling must be a Scaling, got {quoted(scaling)}")
        if rows is not None:
            rows = np.asarray(rows)
            fits = rows.ndim == 1 and rows.dtype.kind in "iu" and not ((rows < 0) | (rows >= len(raw))).any()
            if not fits:
                raise DataError(f"rows must be positions from 0 to {len(raw) - 1}, got {quoted(rows)}")
        self._raw, self._scaling, self._rows = raw, scaling, rows
        made = scaling.encode(raw[:0]).dtype if dtype is None else np.dtype(dtype)
        self.dtype: np.dtype[Any] = made if made.kind == "f" else np.dtype(np.float32)

    # ---- what is known without reading

    def __len__(self) -> int:
        return len(self._raw if self._rows is None else self._rows)

    @property
    def shape(self) -> Shape:
        """``(n, *features)``."""
        return (len(self), *self._raw.shape[1:])

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return self._raw.ndim

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def extremes(self) -> Array:
        """What the least and the greatest number of each feature become, ``(2, *features)``: all others are between
        them. Of bytes they are those that there can be, which none need be read for."""
        raw, known = self._raw, np.iinfo(self._raw.dtype)
        narrow = known.bits == 8
        ends = [np.full(raw.shape[1:], end, raw.dtype) for end in (known.min, known.max)] if narrow else []
        return self._encoded(np.stack(ends or [raw.min(axis=0), raw.max(axis=0)]))

    def as_type(self, dtype: Any) -> Scaled:
        """The same, read as another dtype."""
        return Scaled(self._raw, self._scaling, self._rows, dtype)

    # ---- what is read

    def __getitem__(self, which: Any) -> Any:
        if isinstance(which, tuple) and which and isinstance(which[0], slice):
            return self[which[0]][(slice(None), *which[1:])]
        if which is None or which is Ellipsis or isinstance(which, tuple) or np.ndim(which) > 1:
            return np.asarray(self)[which]
        return self._encoded(self._raw[which if self._rows is None else self._rows[which]])

    def take(self, indices: Any, axis: int | None = None, out: Array | None = None, mode: Any = "raise") -> Array:
        """As that of an array."""
        if axis != 0:
            return np.asarray(self).take(indices, axis, out, mode)
        chosen = indices if self._rows is None else self._rows.take(indices, mode=mode)
        return self._encoded(self._raw.take(chosen, 0, mode=mode), out)

    def _encoded(self, raw: Array, out: Array | None = None) -> Array:
        with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite
            found: Array = self._scaling.encode(raw, out)
            return found.astype(self.dtype, copy=False) if out is None else found

    # ---- as an array, in all else

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if copy is False:
            raise ValueError("what is scaled as it is read has no array to share: leave copy=False out")
        whole: Array = self[:]
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **given: Any) -> Any:
        read = [np.asarray(value) if isinstance(value, Scaled) else value for value in inputs]
        return getattr(ufunc, method)(*read, **given)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # of protocols that look for what an array has, and of copies that are half made
            raise AttributeError(f"a Scaled has no {name}")
        return getattr(np.asarray(self), name)

    def __repr__(self) -> str:
        return f"<Scaled {self.dtype} of shape {self.shape}, of {self._raw.dtype}>"
