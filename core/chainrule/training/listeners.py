"""The callbacks of a training: who hears which event, and what each has gathered."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from chainrule.contract.kinds import Callback
from chainrule.contract.training import Training
from chainrule.errors import ConfigError
from chainrule.registry.registry import registry

log = logging.getLogger(__name__)

Listener: TypeAlias = Callable[[Training], None]
EVENTS = ("on_train_start", "on_epoch_start", "on_gradient", "on_batch_end", "on_epoch_end", "on_train_end")


class Listeners:
    """The callbacks of one call of ``fit``."""

    def __init__(self, callbacks: Sequence[Callback] = ()) -> None:
        self._callbacks = callbacks
        # The bound methods of those that write an event: silence costs nothing.
        self._of: dict[str, list[Listener]] = {
            event: [getattr(c, event) for c in callbacks if getattr(type(c), event) is not getattr(Callback, event)]
            for event in EVENTS
        }

    def of(self, event: str) -> list[Listener]:
        """What is to be called at an event, in order."""
        return self._of[event]

    def tell(self, event: str, trainer: Training) -> None:
        for listen in self._of[event]:
            listen(trainer)

    def tell_failed(self, trainer: Training, error: BaseException) -> None:
        """What ended the training is told, and every callback hears it."""
        for callback in self._callbacks:
            try:
                callback.on_exception(trainer, error)
            except Exception as another:
                log.warning("on_exception of %s failed: %r", registry().name_of(callback), another)

    def state(self) -> list[list[Any]]:
        """What each has gathered, with its name, in order; those that gather nothing are left out."""
        named = ([registry().name_of(callback), callback.state()] for callback in self._callbacks)
        return [[name, state] for name, state in named if state]

    def load_state(self, saved: Sequence[Sequence[Any]], all_of_it: bool) -> None:
        """Give back what ``state`` gave, to the callbacks of the same names, those of one name in their order.

        Args:
            all_of_it: whether none of it may be left over.

        Raises:
            ConfigError: there is no callback for one of them.
        """
        waiting = list(self._callbacks)
        for name, state in saved:
            found = next((callback for callback in waiting if registry().name_of(callback) == name), None)
            if found is not None:
                waiting.remove(found)
                found.load_state(state)
            elif all_of_it:
                raise ConfigError(
                    f"the training that was saved has a callback {name}, without which it does not go on as it would "
                    "have: give fit the same callbacks",
                    key="callbacks",
                )
