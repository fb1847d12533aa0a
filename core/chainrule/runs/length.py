"""How long a run trains where its config does not say, ``trainer.epochs`` being null.

As long as it improves, by the validation data: so long as suits the data, be it 50 rows or a million. The number of
epochs that is planned is what a schedule spreads over, and the most that there can be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from chainrule.contract.data import Data
from chainrule.contract.kinds import Callback
from chainrule.registry.defaults import usual_stopping
from chainrule.registry.making import make

UPDATES = 10_000
"""As many are planned: enough for Adam at 0.001 to bring a small network as far as it gets."""
FEWEST, MOST = 20, 1000  # epochs


def open_epochs(rows: int, batch_size: int) -> int:
    """The epochs that are planned for so many training rows.

    >>> [open_epochs(rows, batch_size=32) for rows in (50, 1_000, 10_000, 1_000_000)]
    [1000, 313, 32, 20]
    """
    return min(max(math.ceil(UPDATES / math.ceil(rows / batch_size)), FEWEST), MOST)


def open_end(data: Data, callbacks: Sequence[Callback]) -> list[Callback]:
    """What ends such a training once it no longer improves: an installed callback that is meant for it, unless one is
    among those that were named, or there is no validation data to tell by."""
    if data.validation is None or any(callback.ends_open_training for callback in callbacks):
        return []
    meant = usual_stopping()
    return [] if meant is None else [make("callback", meant)]
