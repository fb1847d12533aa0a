"""What the rules look at: the course of a training, read from its film."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chainrule.film.film import Film
from chainrule.film.frames import Frame, Weight

SOLVED = 0.1
"""Of the loss that an answer always the same has: what is less has been learned, whatever it went through."""


@dataclass
class Course:
    """A film, and what is asked of it by several rules."""

    film: Film

    @property
    def frames(self) -> list[Frame]:
        return self.film.frames

    @cached_property
    def train(self) -> list[float]:
        """The training loss of each epoch."""
        return list(self.film.history.get("train/loss", []))

    @cached_property
    def validation(self) -> list[float]:
        """That on the validation data, if there is any."""
        return list(self.film.history.get("validation/loss", []))

    @cached_property
    def trivial(self) -> float:
        """The loss of an answer that is always the same; where that is not known, that before the training."""
        trivial = self.film.trivial
        return self.frames[0].loss if trivial is None or not trivial > 0 else trivial

    @property
    def level(self) -> float:
        """The training loss at the end, of which the last frame tells where no epoch ended."""
        return self.train[-1] if self.train else self.frames[-1].loss

    @property
    def solved(self) -> bool:
        return self.level < SOLVED * self.trivial

    @cached_property
    def learning(self) -> list[Frame]:
        """The frames at which there was still something to learn, and a rate to learn by."""
        return [frame for frame in self.frames if frame.learning_rate > 0 and not frame.loss < SOLVED * self.trivial]

    def matrices(self, frame: Frame) -> list[tuple[str, Weight]]:
        """The weights that lead from unit to unit, in order."""
        return [(name, weight) for name, weight in frame.weights.items() if weight.decays and weight.axes > 1]

    def ratio(self, frame: Frame) -> float:
        """By what share of themselves all weights move together: of lengths, $|\\Delta\\theta| / |\\theta|$."""
        moved = math.sqrt(sum(weight.update**2 * weight.size for _, weight in self.matrices(frame)))
        length = self.length(frame)
        return moved / length if length else math.nan

    def length(self, frame: Frame) -> float:
        """Of all weights together, as of one vector."""
        return math.sqrt(sum(weight.value**2 * weight.size for _, weight in self.matrices(frame)))

    def signals(self, frame: Frame) -> list[tuple[str, float]]:
        """The gradients that come back through activations between steps, in the order of these."""
        return [(name, unit.gradient) for name, unit in frame.units.items() if unit.flat is not None]


def rising(values: list[float]) -> float:
    """The share of the steps from one value to the next that go up."""
    return float(np.mean(np.diff(values) > 0)) if len(values) > 1 else 0.0
