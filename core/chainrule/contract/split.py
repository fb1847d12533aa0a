"""Samples: inputs with their targets, and what each of them counts."""

from __future__ import annotations

from typing import Any

from chainrule.contract.arguments import require_pair
from chainrule.contract.arrays import Array
from chainrule.contract.named import items, one_of
from chainrule.words import quoted


class Split(tuple[Any, Any]):
    """A pair of inputs ``x``, ``(n, *features)``, and targets ``y``, as ``Data`` says; ``x, y = split`` takes it apart.

    Of several inputs, or targets, ``x``, or ``y``, is a mapping of arrays, by name.

    Args:
        weight: how much each sample counts, in the loss and in metrics: 0 or more, ``(n,)``; where there is a target
            for each step, ``(n, *steps)`` too. None: all alike.
        mask: which samples, ``(n,)``, or which steps of each, ``(n, *steps)``, count: true or false. It is given to the
            layers that ask for it; where there is a target for each step, those that do not count are left out of the
            loss and of metrics. None: all of them.
    """

    weight: Array | None
    mask: Array | None

    def __new__(cls, x: Any, y: Any, weight: Array | None = None, mask: Array | None = None) -> Split:
        split = super().__new__(cls, (x, y))
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

    @property
    def arrays(self) -> list[Array]:
        """All of them: inputs, targets, weights and mask, as far as they are there."""
        weighing = [more for more in (self.weight, self.mask) if more is not None]
        return [array for part in self for _, array in items(part)] + weighing

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
        more = {"weight": self.weight, "mask": self.mask}
        told = "".join(f", {name}={quoted(array)}" for name, array in more.items() if array is not None)
        return f"Split(x={quoted(self.x)}, y={quoted(self.y)}{told})"
