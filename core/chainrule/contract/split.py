"""Samples: inputs with their targets, and what each of them counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.contract.arguments import require_count, require_pair, require_shape
from chainrule.contract.arrays import Array
from chainrule.contract.named import each, items, one_of, plain, rows_of
from chainrule.errors import DataError, FieldError
from chainrule.words import quoted


class Split(tuple[Any, Any]):
    """A pair of inputs ``x``, ``(n, *features)``, and targets ``y``, as ``Data`` says; ``x, y = split`` takes it apart.

    Of several inputs, or targets, ``x``, or ``y``, is a mapping of arrays, by name.

    Args:
        weight: how much each sample counts, in the loss and in metrics: 0 or more, ``(n,)``; where there is a target
            for each step, ``(n, *steps)`` too. None: all alike.
        mask: which samples, ``(n,)``, or which steps of each, ``(n, *steps)``, count: true or false. It is given to the
            layers that ask for it; where there is a target for each step, those that do not count are left out of the
            loss and of metrics, whatever class or number stands there, as long as it is one. None: all of them. Layers
            that do not ask for it see what stands in such steps: a convolution, a norm over the batch.
    """

    weight: Array | None
    mask: Array | None

    def __new__(cls, x: Any, y: Any, weight: Array | None = None, mask: Array | None = None) -> Split:
        split = super().__new__(cls, (plain(x), plain(y)))
        split.weight, split.mask = weight, mask
        return split

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (*self, self.weight, self.mask)

    @property
    def x(self) -> Any:
        """The inputs."""
        return self[0]

    @property
    def y(self) -> Any:
        """The targets."""
        return self[1]

    def first(self, n: int) -> Split:
        """Its first samples."""
        return self.at(slice(n))

    def at(self, some: slice | Sequence[int]) -> Split:
        """Its samples at these positions."""
        weight, mask = (None if given is None else given[some] for given in (self.weight, self.mask))
        return Split(rows_of(self.x, some), rows_of(self.y, some), weight, mask)

    @property
    def arrays(self) -> list[Array]:
        """All inputs and targets."""
        return [array for part in self for _, array in items(part)]

    @property
    def weighing(self) -> dict[str, Array]:
        """Weights and mask, as far as they are there."""
        return {name: array for name in ("weight", "mask") if (array := getattr(self, name)) is not None}

    @property
    def rows(self) -> int:
        """How many samples there are."""
        return len(one_of(self.x))

    @classmethod
    def of(cls, name: str, given: Any) -> Split:
        """A pair as one; ``name`` is what messages call it.

        Raises:
            FieldError: it is no pair.
        """
        x, y = require_pair(name, given)
        return cls(x, y, getattr(given, "weight", None), getattr(given, "mask", None))

    def __repr__(self) -> str:
        told = "".join(f", {name}={quoted(array)}" for name, array in self.weighing.items())
        return f"Split(x={quoted(self.x)}, y={quoted(self.y)}{told})"


@dataclass(frozen=True)
class Stream:
    """Samples that are read batch by batch, of data that is larger than memory. It stands in ``Data`` where a ``Split``
    would; no batch is kept.

    Args:
        rows: how many samples there are; at least 1.
        input_shape: of one sample; of several inputs by name.
        batches: ``batches(size, rng)`` gives an epoch as an iterator of pairs ``(x, y)``, or each a ``Split``, of so
            many samples, the last one of what remains. With a ``rng``, a stream of random numbers of that epoch's own,
            in an order drawn from it, the same for the same one; with None in the order in which they lie. What it
            gives is turned into numbers of the network's dtype, and looked at, batch by batch.
        target_shape: of one sample's target; default (), one number or class.

    Raises:
        FieldError: a number or shape is none.
    """

    rows: int
    input_shape: Any
    batches: Callable[[int, np.random.Generator | None], Iterable[Any]]
    target_shape: Any = ()

    def __post_init__(self) -> None:
        require_count("rows", self.rows)
        object.__setattr__(self, "input_shape", require_shape("input_shape", self.input_shape))
        if not callable(self.batches):
            raise FieldError(f"got {quoted(self.batches)}, expected a function batches(size, rng)", key="batches")

    def first(self, n: int) -> Split:
        """Its first samples, at most so many.

        Raises:
            DataError: it gives none.
        """
        for batch in self._read(min(n, self.rows), None):
            return batch
        raise DataError(f"a stream of {self.rows} samples gave no batch")

    def epoch(self, size: int, rng: np.random.Generator | None) -> Iterator[Split]:
        """All of its batches.

        Raises:
            DataError: they are more or fewer samples than it says, or a batch is not of the size that was asked for.
        """
        left = self.rows
        for batch in self._read(size, rng):
            if batch.rows != min(size, left):
                raise DataError(
                    f"a stream of {self.rows} samples gave a batch of {batch.rows}, where {min(size, left)} were due"
                )
            left -= batch.rows
            yield batch
        if left:
            raise DataError(f"a stream of {self.rows} samples gave only {self.rows - left}")

    def _read(self, size: int, rng: np.random.Generator | None) -> Iterator[Split]:
        given = self.batches(size, rng)
        if not isinstance(given, Iterable):
            raise DataError(f"batches of a stream gave {quoted(given)}, expected an iterator of pairs (x, y)")
        for pair in given:
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise DataError(f"batches of a stream gave {quoted(pair)}, expected pairs (x, y)")
            batch = Split.of("batch", pair)
            shape = each(lambda x: tuple(np.shape(x)[1:]), batch.x)
            if shape != self.input_shape:
                raise DataError(f"a stream gave inputs of shape {shape}, and says that they are {self.input_shape}")
            yield batch

    @property
    def arrays(self) -> list[Array]:
        """None of them is at hand."""
        return []
