from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chainrule import Callback, Training

LINES = 20  # of the printed curve, about
WIDTH = 30  # of its longest bar
DIVERGED = "the loss has diverged"
NOTHING_YET: dict[str, Any] = {"rates": [], "losses": [], "smoothed": []}


@dataclass
class LRRangeTest(Callback):
    r"""Tries out learning rates: the rate grows from step to step until the loss diverges, and a curve shows it all.

    At step $k = 0, ..., N - 1$ of the N that are planned, $lr = low \, (high / low)^{k / (N - 1)}$, whatever the
    optimizer's lr. The losses of the batches are smoothed by an exponential moving average. Such a training is a
    measurement: what it trained is of no use, and the training proper starts anew.

    What it leaves: a curve and a suggestion on stderr, and the attributes ``rates``, ``losses`` and ``smoothed``, one
    number for each step, and ``suggestion``. Where the smoothed loss was least, the rate was about to be too large; the
    suggestion is a tenth of that one. A few hundred steps will do: one epoch, or a few.

    Args:
        low: the first rate, above 0; default 1e-6.
        high: the last rate, above low; default 10.0.
        smoothing: the share of the past in the smoothed loss, at least 0 and less than 1; default 0.9.
        diverged: training stops once the smoothed loss is as many times the least one so far, above 1; default 4.0.

    Raises:
        FieldError: a value is out of range.

    Reference:
        Smith (2017), "Cyclical Learning Rates for Training Neural Networks", WACV, section 3.3. There the rate grows
        linearly and accuracy is what is watched.

    Example:
        >>> import chainrule as cr
        >>> network = cr.Network([{"name": "dense", "units": 1}], input_shape=(1,), loss="mse")
        >>> test = cr.make("callback", "lr_range_test", low=0.001, high=1000.0)
        >>> trainer = cr.Trainer(network, "sgd", batch_size=1)
        >>> _ = trainer.fit(([[1.0], [1.0]], [2.0, 3.0]), epochs=100, callbacks=[test])  # prints the curve
        >>> trainer.stop_reason
        'the loss has diverged'
        >>> 0.001 < test.suggestion < 0.5 < test.rates[-1]  # from 0.5 on, no step of this network can settle
        True
    """

    low: float = 1e-6
    high: float = 10.0
    smoothing: float = 0.9
    diverged: float = 4.0

    def __post_init__(self) -> None:
        self.require("low", 0 < self.low < math.inf, "above 0 and finite")
        self.require("high", self.low < self.high < math.inf, f"above low, which is {self.low}, and finite")
        self.require("smoothing", 0 <= self.smoothing < 1, "at least 0 and less than 1")
        self.require("diverged", self.diverged > 1, "above 1")

        self.load_state(NOTHING_YET)

    def state(self) -> dict[str, Any]:
        return {"rates": list(self.rates), "losses": list(self.losses), "smoothed": list(self.smoothed)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.rates: list[float] = list(state["rates"])
        self.losses: list[float] = list(state["losses"])
        self.smoothed: list[float] = list(state["smoothed"])
        self._least = min(self.smoothed, default=math.inf)

    @property
    def suggestion(self) -> float:
        """A tenth of the rate at which the smoothed loss was least; NaN before the first step."""
        return self.rates[self.smoothed.index(self._least)] / 10 if self.rates else math.nan

    def on_train_start(self, trainer: Training) -> None:
        if trainer.epoch == 0:
            self.load_state(NOTHING_YET)  # of an earlier training
        self._set_rate(trainer)

    def on_batch_end(self, trainer: Training) -> None:
        if not math.isfinite(trainer.batch_loss):
            trainer.stop(DIVERGED)
            return
        self.rates.append(self._rate)
        self.losses.append(trainer.batch_loss)
        weight = (1 - self.smoothing) / (1 - self.smoothing ** len(self.losses))  # as of an average that began at 0
        before = self.smoothed[-1] if self.smoothed else 0.0
        self.smoothed.append((1 - weight) * before + weight * trainer.batch_loss)
        self._least = min(self._least, self.smoothed[-1])
        if self.smoothed[-1] > self.diverged * self._least:
            trainer.stop(DIVERGED)
        self._set_rate(trainer)

    def on_train_end(self, trainer: Training) -> None:
        self._print(trainer.stop_reason)

    def on_exception(self, trainer: Training, error: BaseException) -> None:
        self._print(None)

    def _set_rate(self, trainer: Training) -> None:
        done = trainer.step / max(trainer.total_steps - 1, 1)
        self._rate = trainer.learning_rate = self.low * (self.high / self.low) ** done

    def _print(self, stop_reason: str | None) -> None:
        if not self.rates:
            return
        end = f": {stop_reason}" if stop_reason else ""
        lines = [f"learning rate range test, {len(self.rates)} steps{end}", "      rate  smoothed loss"]
        least = self.smoothed.index(self._least)
        full = max(self.smoothed[: least + 1])  # what comes after it may be beyond all measure
        steps = len(self.rates)
        for index in sorted({*range(0, steps, math.ceil(steps / LINES)), least, steps - 1}):
            value = self.smoothed[index]
            bar = "#" * round(WIDTH * min(value / full, 1)) if full > 0 else ""
            lines.append(f"{self.rates[index]:10.3g}  {value:13.4g}  {bar}{'  least' if index == least else ''}")
        if least == len(self.rates) - 1:
            lines.append("the loss was least at the last rate: a larger high would show where it rises")
        lines.append(f"suggestion: lr={self.suggestion:.2g}, a tenth of the rate where the loss was least")
        print("\n".join(lines), file=sys.stderr)
