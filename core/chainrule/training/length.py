"""How many epochs are planned where nobody says how many.

A training that is ended by its validation data takes so long as it improves, be it of 50 rows or a million. The number
of epochs that is planned is what a schedule spreads over, and the most that there can be.
"""

from __future__ import annotations

import math

UPDATES = 10_000
"""As many are planned: enough for Adam at 0.001 to bring a small network as far as it gets."""
FEWEST, MOST = 20, 1000  # epochs


def open_epochs(rows: int, batch_size: int) -> int:
    """The epochs that are planned for so many training rows.

    >>> [open_epochs(rows, batch_size=32) for rows in (50, 1_000, 10_000, 1_000_000)]
    [1000, 313, 32, 20]
    """
    return min(max(math.ceil(UPDATES / math.ceil(rows / batch_size)), FEWEST), MOST)
