"""When a run writes checkpoints: so often that it costs next to nothing, at its end, and where something ends it."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from chainrule.contract.kinds import Callback
from chainrule.errors import ContractError
from chainrule.training.checkpoint import Checkpoints
from chainrule.training.trainer import Trainer

log = logging.getLogger(__name__)

SHARE = 0.01
"""The most of a training's time that checkpoints may take, where they are not asked for at every update."""


class Checkpointing(Callback):
    """Saves the training, with what is said of its run.

    Args:
        checkpoints: where to.
        seconds: from one to the next, where they cost so little; 0 for one after every update, None for none but those
            at the end, and where an interrupt ends the training.
        about: what is known of the run then, kept beside its state.
    """

    def __init__(self, checkpoints: Checkpoints, seconds: float | None, about: Callable[[], dict[str, Any]]) -> None:
        self._checkpoints = checkpoints
        self._seconds = math.inf if seconds is None else seconds
        self._about = about
        self._due = math.inf

    def state(self) -> dict[str, Any]:
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        pass

    def on_train_start(self, trainer: Trainer) -> None:  # type: ignore[override]
        self._due = time.monotonic() + self._seconds

    def on_batch_end(self, trainer: Trainer) -> None:  # type: ignore[override]
        if time.monotonic() >= self._due:
            trainer.rest.when(lambda: self._save(trainer))

    def on_epoch_end(self, trainer: Trainer) -> None:  # type: ignore[override]
        trainer.rest.when(lambda: self._save_last(trainer))

    def on_exception(self, trainer: Trainer, error: BaseException) -> None:  # type: ignore[override]
        if trainer.rest.here:
            self._save(trainer)

    def _save_last(self, trainer: Trainer) -> None:
        """The training ends with this epoch: so it can be drawn, or trained further."""
        if trainer.epoch >= trainer.epochs or trainer.stop_reason is not None or time.monotonic() >= self._due:
            self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        begin = time.monotonic()
        try:
            self._checkpoints.save({**self._about(), "training": trainer.state()})
        except ContractError as error:
            log.warning("This run writes no checkpoints, and cannot be resumed: %s", error)
            self._due = math.inf
            return
        now = time.monotonic()
        cost = now - begin + self._checkpoints.took
        self._due = now + (max(self._seconds, cost / SHARE) if self._seconds else 0)
