"""What callbacks add to what a training tells: values beside its metrics, figures and texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from chainrule.errors import ContractError
from chainrule.training.epoch import RunningEpoch
from chainrule.training.history import History
from chainrule.training.listeners import Listeners
from chainrule.words import quoted

BESIDE = ("train/penalty", "learning_rate", "seconds", "examples_per_second")
"""What a training measures itself, beside the loss and metrics of each split."""


class Logs:
    """The part of a trainer that takes in what callbacks log; see ``Training``."""

    epoch: int
    metrics: dict[str, float]
    history: History
    figures: dict[str, Any]
    """The last figure of each name."""
    texts: dict[str, str]
    """The last text of each name."""
    keep_figure: Callable[[str, Any], None] | None = None
    """What else is to be done with one, such as to draw it into a file."""
    keep_text: Callable[[str, str], None] | None = None
    """The same of a text."""
    _running: RunningEpoch
    _listeners: Listeners
    _in_epoch: bool

    def log(self, name: str, value: float) -> None:
        """Have a value among the epoch's metrics: see ``Training.log``."""
        if name not in self._running.logged:  # else it was looked at before: many log at every batch
            self._require_free(name)
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise ContractError(f'a callback logs "{name}" with {quoted(value)}, not a number') from None
        if self._in_epoch:
            self._running.log(name, number)
        elif self.history.epochs:
            self.metrics[name] = number
            self.history.amend(name, number)
        else:
            raise ContractError(f'a callback logs "{name}" before the first epoch: do so from on_epoch_start on')

    def _require_free(self, name: str) -> None:
        """Refuse a name that no callback declares, or that the training has taken."""
        self._listeners.require_declared(name)
        own = {f"{split}/{measured}" for split in ("train", "validation") for measured in self._running.names()}
        if name in own or name in BESIDE:
            raise ContractError(f'a callback logs "{name}", which the training measures itself: choose another name')

    def figure(self, name: str, figure: Any) -> None:
        """Have a figure among those of the run: see ``Training.figure``."""
        _require_file_name("a figure", name)
        self.figures[name] = figure
        if self.keep_figure is not None:
            self.keep_figure(name, figure)

    def text(self, name: str, text: str) -> None:
        """Have a text among those of the run: see ``Training.text``."""
        _require_file_name("a text", name)
        if not isinstance(text, str):
            raise ContractError(f'a callback gives {quoted(text)} for the text "{name}", expected a string')
        self.texts[name] = text
        if self.keep_text is not None:
            self.keep_text(name, text)


def _require_file_name(what: str, name: str) -> None:
    """Refuse what a file may not be called, or would lie elsewhere."""
    if not re.fullmatch(r"\w[\w.-]{0,99}", name):
        raise ContractError(f"a callback names {what} {quoted(name)}: take letters, digits, _, - and .")
