"""Where the time of a training goes: each function's own time, without that of the functions it calls."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np

import chainrule as cr
from chainrule.network.updates import Updates
from chainrule.training import feeding
from peers.with_chainrule import PEERS

METHODS = {
    "layer": ["forward", "backward", "backward_parameters"],
    "activation": ["forward", "backward"],
    "loss": ["forward", "backward", "forward_logits", "backward_logits"],
    "metric": ["reset", "update", "compute"],
}


class Stopwatch:
    """Own time by kind of work."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner = [0.0]  # seconds in functions called, for each that is running

    def timed(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            self._inner.append(0.0)
            start = self._clock()
            try:
                return function(*arguments, **named)
            finally:
                whole = self._clock() - start
                self.seconds[kind] += whole - self._inner.pop()
                self._inner[-1] += whole

        return run


@contextmanager
def watching(watch: Stopwatch) -> Iterator[None]:
    """Time every registered component, and the matrix products in them, apart."""
    with ExitStack() as patches:
        for entry in cr.registry():
            for method in METHODS.get(entry.kind, []):
                if method in vars(entry.cls):
                    kind = entry.name if entry.kind in ("layer", "activation") else entry.kind
                    timed = watch.timed(kind, vars(entry.cls)[method])
                    patches.enter_context(patch.object(entry.cls, method, timed))
        for method in METHODS["activation"]:  # of those that write formulas
            patches.enter_context(patch.object(cr.Activation, method, _by_name(watch, getattr(cr.Activation, method))))
        for product in ("dot", "matmul"):
            patches.enter_context(patch.object(np, product, watch.timed("matrix products", getattr(np, product))))
        patches.enter_context(patch.object(Updates, "apply", watch.timed("optimizer", Updates.apply)))
        patches.enter_context(patch.object(feeding, "_gathered", watch.timed("batches", feeding._gathered)))
        yield


def _by_name(watch: Stopwatch, method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of many classes, of which the time of each goes by its name."""

    def run(component: Any, *arguments: Any) -> Any:
        return watch.timed(cr.registry().name_of(component), method)(component, *arguments)

    return run


def kinds_of_work(make: Callable[[], Any], steps: int, name: str = "chainrule") -> dict[str, float]:
    """Seconds a step, by kind of work, of chainrule by the engine of that name; what is left, such as the loop itself,
    is ``"the rest"``."""
    work = make().of_steps(steps)
    watch = Stopwatch()
    with watching(watch):
        library = PEERS[name](work)
        library.train()
        watch.seconds.clear()
        start = time.perf_counter()
        library.train()
        whole = time.perf_counter() - start
    spent = {kind: seconds / work.steps for kind, seconds in watch.seconds.items()}
    return {**spent, "the rest": whole / work.steps - sum(spent.values())}
