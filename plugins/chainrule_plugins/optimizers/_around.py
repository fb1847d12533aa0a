"""What optimizers around another one have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from chainrule import Array, Optimizer, make, within


@dataclass
class Around(Optimizer):
    """An optimizer that leaves the steps to another one, ``inner``, and so has its rate, decay and slots.

    A slot ``m`` of the inner one is ``"inner.m"`` here: an outer one may have slots of its own, and be within another.
    """

    optimizer: str | Mapping[str, Any] | Optimizer = "sgd"

    own_slots: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        with within("optimizer"):
            self.inner: Optimizer = dataclasses.replace(make("optimizer", self.optimizer))  # nobody else's

    @property
    def lr(self) -> float:  # type: ignore[override]
        return self.inner.lr

    @property
    def weight_decay(self) -> float:
        return float(getattr(self.inner, "weight_decay", 0.0))

    @property
    def slots(self) -> tuple[str, ...]:  # type: ignore[override]
        return (*(f"inner.{name}" for name in self.inner.slots), *self.own_slots)

    def move(self, theta: Array, grad: Array, slots: dict[str, Array], step: int, lr: float, **told: Any) -> None:
        """One update of the inner optimizer. ``told``: what it may ask for beside, as far as that is known."""
        inner_slots = {name: slots[f"inner.{name}"] for name in self.inner.slots}
        self.inner.update(theta, grad, inner_slots, step, lr, **self.inner.asks_for(told))
