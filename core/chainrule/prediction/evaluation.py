"""How well a trained network does on samples that it has not seen, and how sure that is."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.contract.arguments import require_count
from chainrule.contract.arrays import Array
from chainrule.contract.kinds import Metric
from chainrule.contract.named import each, one_of, rows_of
from chainrule.contract.split import Split
from chainrule.markup import html_table
from chainrule.network.measuring import in_batches, metrics_for
from chainrule.network.network import Network
from chainrule.network.targets import Targets
from chainrule.network.weighing import name_of, tell, weighable
from chainrule.registry.registry import registry
from chainrule.words import counted, in_words, number

RESAMPLES = 1000
LEVEL = 0.95
HEADINGS = ("", "value", "95 % interval")
ROOM = 4_000_000
"""Positions that are drawn at once."""


@dataclass(frozen=True)
class Measured:
    """A value, and its 95 % interval, ``low`` to ``high``; None where these samples tell none: of a single one, or
    where every set of them gives the same, as of answers that are all right."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def interval(self) -> str:
        """In words; empty where there is none."""
        return "" if self.low is None else f"{number(self.low)} to {number(self.high)}"


@dataclass(frozen=True)
class Evaluation:
    """What was measured on ``rows`` samples: ``metrics``, numbers by name; ``arrays``, those that are arrays."""

    rows: int
    metrics: dict[str, Measured]
    arrays: dict[str, Array]

    def cells(self) -> list[tuple[str, str, str]]:
        """For people: each metric, its value, and its interval."""
        return [(in_words(name), number(one.value), one.interval) for name, one in self.metrics.items()]

    def __repr__(self) -> str:
        told = [f"{name} {value}{f' ({interval})' if interval else ''}" for name, value, interval in self.cells()]
        return f"<Evaluation on {counted(self.rows, 'row')}: {', '.join(told)}>"

    def _repr_html_(self) -> str:
        return html_table(f"on {counted(self.rows, 'row')}", HEADINGS, self.cells())


def evaluate(
    network: Network,
    samples: Split,
    metrics: Sequence[Any] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Evaluation:
    """The loss and metrics of a network on samples, each with its bootstrap interval.

    The interval is that of percentiles (Efron, Tibshirani 1993, An Introduction to the Bootstrap, section 13.3): the
    metric of so many sets of as many samples, drawn from these with replacement. It tells what other samples of the
    same kind could have given, with this network; not what another training would.

    Args:
        samples: prepared, as ``Network.predict`` takes them.
        metrics: as ``Trainer`` takes them; None for every installed one that is for the task.
        resamples: 1 or more; how many sets.
        seed: of the draws.

    Raises:
        ConfigError: a metric is for another task. DataError: the samples do not fit the network.
    """
    resamples = require_count("resamples", resamples)
    x, targets = network.pair_of(samples, "given")
    made = weighable(metrics_for(network.task, every_metric(network) if metrics is None else metrics), targets)
    outputs, loss = _forward(network, x, targets)
    _gather(made, outputs, targets)
    values = {name_of(metric): metric.compute() for metric in made}
    measured = {"loss": Measured(loss)}
    for metric in made:
        if not metric.array:
            value = float(values[name_of(metric)])
            measured[name_of(metric)] = _interval(metric, value, outputs, targets, resamples, seed)
    arrays = {name: np.asarray(value) for name, value in values.items() if np.ndim(value) > 0}
    return Evaluation(samples.rows, measured, arrays)


def every_metric(network: Network) -> list[str]:
    """The names of all metrics that are for the network's task, those first that are picked by default."""
    tasks = {*network.task.values()} if isinstance(network.task, dict) else {network.task}
    found = {e.name: e.cls.default for e in registry() if issubclass(e.cls, Metric) and tasks & {*e.cls.tasks}}
    return sorted(found, key=lambda name: not found[name])


def _forward(network: Network, x: Any, targets: Targets) -> tuple[Any, float]:
    """What the network gives for all samples, and the mean loss."""
    outputs: list[Any] = []
    total, weight = 0.0, 0.0
    for rows, some in in_batches(x, targets):
        total += network.compute_loss(rows, some, training=False) * some.weighs
        weight += some.weighs
        outputs.append(each(np.copy, network.prediction))
    if isinstance(outputs[0], dict):
        return {name: np.concatenate([part[name] for part in outputs]) for name in outputs[0]}, total / weight
    return np.concatenate(outputs), total / weight


def _gather(metrics: Sequence[Metric], outputs: Any, targets: Targets) -> None:
    for metric in metrics:
        metric.reset()
    tell(metrics, outputs, targets)


def _interval(metric: Metric, value: float, outputs: Any, targets: Targets, resamples: int, seed: int) -> Measured:
    from scipy.stats import bootstrap

    n = len(one_of(outputs))
    if n < 2 or not math.isfinite(value):
        return Measured(value)

    def statistic(positions: Array) -> float:
        of_them = targets.rows(positions)
        if of_them.weighs == 0:
            return math.nan
        _gather([metric], rows_of(outputs, positions), of_them)
        return float(metric.compute())

    with warnings.catch_warnings():  # of sets in which nothing can be measured
        warnings.simplefilter("ignore", RuntimeWarning)
        drawn = bootstrap(
            (np.arange(n),),
            statistic,
            n_resamples=resamples,
            batch=max(ROOM // n, 1),
            vectorized=False,
            method="percentile",
            confidence_level=LEVEL,
            rng=np.random.default_rng(seed),
        ).bootstrap_distribution
        low, high = np.nanpercentile(drawn, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    told = np.isfinite([low, high]).all() and low < high
    return Measured(value, float(low), float(high)) if told else Measured(value)
