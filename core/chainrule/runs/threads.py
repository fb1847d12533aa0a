"""In how many threads a run multiplies matrices, where its config names no number: as many as pay, found by trying.

What is shared out has to be waited for. For large products that is little; small ones wait longer than they compute,
and on a machine that is busy with something else a hundred times as long.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.contract.arguments import require_count
from chainrule.contract.data import Data
from chainrule.errors import FieldError
from chainrule.network.network import Network
from chainrule.process.threads import blas_limit, blas_threads, cores, products_in_parts

LARGE_SECONDS = 0.002
"""A step that is faster than this in one thread is not shared out: whatever it gained, it would lose in one wait."""
GAIN = 1.2
"""Twice as many threads have to be this many times as fast."""
TRIAL_SECONDS, TRIALS = 0.05, 5
"""A number of threads is tried for that long, at least twice, and at most so often."""


def candidates(named: int | None) -> list[int]:
    """The numbers of threads that a run may take: the one that is named, or all that can be chosen."""
    if named is not None:
        return [named]
    most = blas_limit()
    return sorted({*(2**power for power in range(most.bit_length())), most})


def require_threads(given: Any) -> int:
    """A number of threads, of which each has a core.

    Raises:
        ConfigError: it is none, or more than the cores that this process may use.
    """
    threads = require_count("threads", given)
    if threads > cores():
        raise FieldError(f"got {threads}, expected at most {cores()}: so many cores are there", key="threads")
    return threads


def chosen_threads(named: int | None, network: Network, data: Data, batch_size: int) -> int:
    """The number that is named, or the one with which the first batch's forward and backward pass is fastest.

    They are tried on a copy of the network.
    """
    first, *more = candidates(named)
    if not more:
        return first

    def step() -> None:
        twin.compute_loss(x, targets, training=True)
        twin.compute_gradient()

    try:
        twin = network.copy()
        x, targets = twin.pair_of(data.train.first(batch_size), "train")
        with np.errstate(all="ignore"):
            chosen, seconds = first, _seconds(step, first, twin)
            for number in more if seconds >= LARGE_SECONDS else ():
                shared = _seconds(step, number, twin)
                if seconds < GAIN * shared:
                    break
                chosen, seconds = number, shared
    except Exception:  # what is wrong with a layer, the training tells, which names it
        return first
    return chosen


def _seconds(step: Callable[[], None], threads: int, network: Network) -> float:
    """The least time of a step, once the threads are there."""
    taken: list[float] = []
    with blas_threads(threads), products_in_parts(network.multiplies_in_parts):
        step()
        while len(taken) < 2 or (len(taken) < TRIALS and sum(taken) < TRIAL_SECONDS):
            start = time.perf_counter()
            step()
            taken.append(time.perf_counter() - start)
    return min(taken)
