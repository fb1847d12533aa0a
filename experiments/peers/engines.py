"""Each rule of an optimizer, and each layer, activation and loss that writes loops, by NumPy and compiled."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.contract.rules import recorded
from chainrule.engine.use import Engine, using

ENGINES: tuple[Engine, Engine] = ("numpy", "numba")
SIZES = {"784-128-10": 101_770, "784-512-512-10": 669_706}
BATCH, CLASSES = 64, 10
IMAGES: dict[str, Any] = {"vectors of 512": (512,), "images of 24 x 24 x 64": (24, 24, 64)}


def of_engines(rounds: int, seconds: float) -> list[list[str]]:
    """Rows: what, of how many numbers, both times in microseconds, their ratio within a round (median)."""
    rows = []
    for name, of, work in [*rules(), *layers(), *losses()]:
        taken: dict[str, list[float]] = {engine: [] for engine in ENGINES}
        for engine in ENGINES:
            with using(engine):
                work()  # compiles, allocates
        start = time.perf_counter()
        work()
        times = max(3, int(seconds / 20 / (time.perf_counter() - start)))
        for _ in range(rounds):
            for engine in ENGINES:
                with using(engine):
                    start = time.perf_counter()
                    for _ in range(times):
                        work()
                    taken[engine].append((time.perf_counter() - start) / times)
        by_numpy, compiled = (1e6 * statistics.median(taken[engine]) for engine in ENGINES)
        ratio = statistics.median(slow / fast for slow, fast in zip(*taken.values()))
        rows.append([name, of, f"{by_numpy:,.1f}", f"{compiled:,.1f}", f"{ratio:.2f}"])
    return rows


def rules() -> Iterator[tuple[str, str, Callable[[], None]]]:
    """An update, from one gradient again and again."""
    rng = np.random.default_rng(0)
    for name in cr.registry().names("optimizer"):
        optimizer = cr.make("optimizer", name)
        if optimizer.rule is None:
            continue
        for of, size in SIZES.items():
            theta, gradient = rng.normal(size=(2, size)).astype(np.float32)
            arrays = [theta, gradient.copy(), *np.zeros((len(optimizer.slots), size), np.float32)]

            def update(optimizer: Any = optimizer, arrays: Any = arrays, gradient: Any = gradient) -> None:
                np.copyto(arrays[1], gradient)  # a rule uses the gradient's place
                recorded(optimizer).rule.run(arrays, (1, 1e-6))

            yield name, f"parameters of {of}", update


def layers() -> Iterator[tuple[str, str, Callable[[], None]]]:
    """Forward and backward."""
    rng = np.random.default_rng(0)
    works = [("relu", of) for of in IMAGES] + [("dropout", of) for of in IMAGES] + [("batch_norm", of) for of in IMAGES]
    works += [("max_pool2d", "images of 24 x 24 x 64"), ("conv2d", "images of 24 x 24 x 64")]
    for name, of in works:
        spec = {"name": "conv2d", "filters": 64, "kernel": 3} if name == "conv2d" else name
        network = cr.Network([spec, "flatten", {"name": "dense", "units": 1}], IMAGES[of], "mse")
        step = network.steps[0]
        x = rng.normal(size=(BATCH, *IMAGES[of])).astype(np.float32)
        dy = rng.normal(size=(BATCH, *step.shape)).astype(np.float32)

        def both(step: Any = step, x: Any = x, dy: Any = dy) -> None:
            step.forward(x, True)
            step.backward(dy)

        yield name, f"{BATCH} {of}", both


def losses() -> Iterator[tuple[str, str, Callable[[], None]]]:
    """Loss and gradient, from logits."""
    rng = np.random.default_rng(0)
    for name, outputs in (("categorical_cross_entropy", CLASSES), ("binary_cross_entropy", 1)):
        loss = cr.make("loss", name)
        logits = rng.normal(size=(BATCH, outputs)).astype(np.float32)
        target = rng.integers(CLASSES, size=BATCH) if outputs > 1 else (logits > 0).astype(np.float32)

        def both(loss: Any = loss, logits: Any = logits, target: Any = target) -> None:
            loss.forward_logits(logits, target)
            loss.backward_logits()

        yield name, f"{BATCH} x {outputs} logits", both
