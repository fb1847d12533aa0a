"""What ends a run whose config does not say for how long it trains: that it no longer improves."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.contract.data import Data
from chainrule.contract.kinds import Callback
from chainrule.registry.defaults import usual_stopping
from chainrule.registry.making import make


def open_end(data: Data, callbacks: Sequence[Callback]) -> list[Callback]:
    """What ends such a training once it no longer improves: an installed callback that is meant for it, unless one is
    among those that were named, or there is no validation data to tell by."""
    if data.validation is None or any(callback.ends_open_training for callback in callbacks):
        return []
    meant = usual_stopping()
    return [] if meant is None else [make("callback", meant)]
