"""Processes that joblib leaves behind for what this one asks of them next."""

from __future__ import annotations

import sys


def end_idle_workers() -> None:
    """End them: they live on for minutes in the folder, and with the environment and the code, of when they began.

    A sweep in a notebook would write into the folder in which an earlier one was begun, and into its store.
    """
    loky = sys.modules.get("joblib.externals.loky")  # where nobody has loaded it, there are none
    if loky is not None:
        loky.get_reusable_executor().shutdown(wait=True)
