"""Timing: interleaved rounds in one process, which is a process of its own, so that its threads can be limited."""

from __future__ import annotations

import importlib.util
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context
from typing import Any
from unittest.mock import patch

from threadpoolctl import threadpool_info

from chainrule.tracking.environment import processor
from peers import Peer, Work, peer
from peers.floor import Floor

MOST_STEPS = 8000  # in a round


@dataclass(frozen=True)
class Timing:
    """Of one work: seconds a step, one number for each round, by library; ``"floor"`` is the matrix products."""

    work: str
    batch_size: int
    optimizer: str
    threads: int
    seconds: dict[str, list[float]]
    losses: dict[str, float]

    def step(self, name: str) -> float:
        """The median of the rounds, in seconds."""
        return statistics.median(self.seconds[name])

    def ratio(self, name: str, to: str = "floor") -> float:
        """The median over the rounds of the ratio within a round: what slows the machine for a while cancels out."""
        return statistics.median(a / b for a, b in zip(self.seconds[name], self.seconds[to]))


def in_own_process(threads: int, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call it in a new process whose libraries use so many threads, from their start on.

    One thread is one core too, where the system can hold a process to it: JAX computes while the caller's thread
    already gathers the next batch.
    """
    names = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"]  # the last is XLA's
    limits = dict.fromkeys(names, str(threads))
    if threads == 1:
        limits["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    with patch.dict(os.environ, limits), ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        if threads == 1:
            pool.submit(_hold_to_one_core).result()
        return pool.submit(function, *arguments).result()


def _hold_to_one_core() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def time_works(makers: Sequence[Callable[[], Work]], names: Sequence[str], rounds: int, seconds: float) -> list[Timing]:
    """Time each work in each library that can do it. A round of the floor takes about ``seconds``."""
    threads = int(os.environ["OMP_NUM_THREADS"])
    return [_time(make(), names, threads, rounds, seconds) for make in makers]


def _time(work: Work, names: Sequence[str], threads: int, rounds: int, seconds: float) -> Timing:
    trial = work.of_steps(40)
    floor = Floor(trial)
    floor.train()
    steps = min(max(round(seconds / (_timed(floor) / trial.steps)), 4), MOST_STEPS)
    work = work.of_steps(steps)
    found: dict[str, Peer | None] = {name: peer(name, work) for name in names}
    able: dict[str, Peer] = {name: library for name, library in found.items() if library is not None}
    contenders = {"floor": Floor(work), **able}
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for contender in contenders.values():
        contender.train()  # compiles, allocates
    for _ in range(rounds):
        for name, contender in contenders.items():
            taken[name].append(_timed(contender) / work.steps)
    losses = {name: library.loss() for name, library in able.items()}
    timing = Timing(work.name, work.batch_size, work.optimizer, threads, taken, losses)
    shown = "  ".join(f"{name} {timing.ratio(name):.2f}" for name in able)
    print(
        f"{work.name} batch {work.batch_size} {work.optimizer} threads {threads}: "
        f"floor {timing.step('floor') * 1e6:.1f} us  {shown}",
        file=sys.stderr,
        flush=True,
    )
    return timing


def _timed(contender: Floor | Peer) -> float:
    start = time.perf_counter()
    contender.train()
    return time.perf_counter() - start


def machine() -> str:
    """With what it is measured: processor, versions, and for which processor the matrix products are written."""
    [blas] = {
        f"{pool['internal_api']} {pool['version']} {pool.get('architecture')}"
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    }
    modules = {"jax": "jax", "sklearn": "scikit-learn", "torch": "torch"}
    packages = ["numpy", *(name for module, name in modules.items() if importlib.util.find_spec(module))]
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{processor()}, {os.cpu_count()} cores; {versions}; matrix products of NumPy by {blas}"
