"""When Python searches for garbage: for objects that hold each other, and that nothing else holds.

It searches the young ones for each 700 that are made, and all when those that lived on are a quarter more. MLflow's
import makes 200,000 objects, none of them garbage; a picture makes 20,000, which are garbage once it is drawn.
"""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

MANY = 50_000
"""New objects that only imports make at once."""


@contextmanager
def searched_later() -> Iterator[None]:
    """Do not search inside; what has become garbage there is found afterwards."""
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searching:
            gc.enable()


def own_process() -> None:
    """Say that this process is this program's: of all that is there, and of what imports make, nothing is ever searched
    again. In a process of somebody else some of it may yet become garbage."""
    gc.freeze()


def not_searched_at_exit() -> None:
    """Let Python not look through all objects once more as it ends."""
    atexit.register(gc.freeze)


@contextmanager
def made_to_stay() -> Iterator[None]:
    """Do not search inside, nor, where much is made, what is made there as young objects afterwards: for imports.

    A second time, when the modules are there, nothing becomes old that is not: what is moved to the oldest objects here
    is not counted among those that lived on, and as garbage would wait there for a search that does not come.
    """
    with searched_later():
        yield
        young, *_ = gc.get_count()
        if young > MANY:
            own = gc.get_freeze_count() > 0
            gc.freeze()  # all that there is, as it is, is out of the search, ...
            if not own:
                gc.unfreeze()  # ... or becomes one with the oldest
