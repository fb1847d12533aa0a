"""The callbacks of a training: who hears which event, and what each has gathered."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, TypeAlias

from chainrule.contract.kinds import Callback
from chainrule.contract.training import Training
from chainrule.errors import ConfigError, ContractError
from chainrule.registry.registry import registry

log = logging.getLogger(__name__)

Listener: TypeAlias = Callable[[Training], None]
EVENTS = ("on_train_start", "on_epoch_start", "on_gradient", "on_batch_end", "on_epoch_end", "on_train_end")


class Changing(NamedTuple):
    """What a callback does to the order of samples or to a batch; its name; and that of its stream of random numbers,
    which does not depend on callbacks of other names."""

    method: Callable[..., Any]
    name: str
    purpose: str


class Listeners:
    """The callbacks of one call of ``fit``."""

    def __init__(self, callbacks: Sequence[Callback] = ()) -> None:
        self._callbacks = callbacks
        self._logged = [pattern for callback in callbacks for pattern in callback.logs]
        self.of: dict[str, list[Listener]] = {
            event: [getattr(c, event) for c in callbacks if _writes(c, event)] for event in EVENTS
        }
        """What is to be called at an event, in order: the methods of those that write it. Silence costs nothing."""
        # What is logged as an epoch ends is there for whoever monitors it.
        logging_first = sorted(callbacks, key=lambda callback: not callback.logs)
        self.of["on_epoch_end"] = [c.on_epoch_end for c in logging_first if _writes(c, "on_epoch_end")]
        names = [registry().name_of(callback) for callback in callbacks]
        self.changing = {
            event: [
                Changing(getattr(c, event), names[i], f"{event} {names[i]} {names[:i].count(names[i])}")
                for i, c in enumerate(callbacks)
                if _writes(c, event)
            ]
            for event in ("on_order", "on_batch")
        }
        """Those that change what is learned from, by event."""

    def require_declared(self, name: str) -> None:
        """Refuse a name that no callback says it logs.

        Raises:
            ContractError: names it.
        """
        if not any(fnmatchcase(name, pattern) for pattern in self._logged):
            raise ContractError(f'a callback logs "{name}" and does not declare it: logs = ("{name}",) in its class')

    def tell(self, event: str, trainer: Training) -> None:
        for listen in self.of[event]:
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


def _writes(callback: Callback, event: str) -> bool:
    """Whether it does anything at an event."""
    return getattr(type(callback), event) is not getattr(Callback, event)
