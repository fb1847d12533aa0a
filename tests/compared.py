"""Runs to compare, as ``chainrule train`` records them, in a real store or without one."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param
from mlflow.tracking import MlflowClient

from chainrule.comparison import compare
from chainrule.comparison.groups import Comparison, grouped
from chainrule.comparison.runs import Found, StoredRun
from chainrule.tracking.store import prepare_store

METRIC = "test/accuracy"


@dataclass
class Store:
    """A real store in a folder, for runs as ``chainrule train`` records them."""

    folder: Path
    clock: int = 0
    experiments: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.uri = f"sqlite:///{self.folder}/mlflow.db"
        self.client: Any = None

    def add(
        self,
        seed: int,
        accuracy: float | None = 0.5,
        *,
        experiment: str = "digits",
        sweep: str | None = None,
        status: str = "FINISHED",
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        epochs: int = 3,
        **params: object,
    ) -> str:
        if experiment not in self.experiments:
            self.experiments[experiment] = prepare_store(self.uri, experiment)
            self.client = MlflowClient(self.uri)
        self.clock += 1000
        labels = {"objective": METRIC, **({"sweep": sweep} if sweep else {}), **(tags or {})}
        run_id: str = self.client.create_run(self.experiments[experiment], self.clock, labels).info.run_id
        given = {key.replace("__", "."): value for key, value in params.items()}
        described = {"seed": seed, "dataset.seed": 0, "trainer.epochs": 3, **given}
        finals = {METRIC: accuracy, "test/loss": 1 - accuracy, "best_epoch/validation/loss": 2} if accuracy else {}
        values = [Metric(key, value, 0, epochs) for key, value in {**finals, **(metrics or {})}.items()]
        values += [Metric("validation/accuracy", e / 10, e, e) for e in range(1, epochs + 1)]
        self.client.log_batch(run_id, values, [Param(key, str(value)) for key, value in described.items()])
        if status != "RUNNING":
            self.client.set_terminated(run_id, status)
        return run_id

    def compared(self, *arguments: Any, **options: Any) -> Comparison:
        return compare(*arguments, **options, uri=self.uri)


def of_rates(table: Sequence[Sequence[float]]) -> Comparison:
    """Without a store: a row for each learning rate, a value for each seed."""
    found = [
        StoredRun(
            f"{lr:016}{seed:016}",
            "1",
            "FINISHED",
            0,
            str(seed),
            {"optimizer.lr": str(lr)},
            {METRIC: value},
            {},
            None,
            METRIC,
        )
        for lr, row in enumerate(table)
        for seed, value in enumerate(row)
    ]
    return grouped(Found("experiment digits", tuple(found), 0))


def stored_run(params: Mapping[str, str], seed: int) -> StoredRun:
    whole = {"seed": str(seed), **params}
    name = f"{zlib.crc32(repr(whole).encode())}"
    return StoredRun(name, "1", "FINISHED", 0, str(seed), whole, {"validation/loss": seed + 1.0}, {}, None)


def values(comparison: Comparison) -> list[tuple[tuple[str | None, ...], tuple[float, ...]]]:
    return [(tuple(group.settings.values()), group.values) for group in comparison.groups]


def sweep(store: Store, name: str = "s") -> None:
    """Two learning rates, five seeds each."""
    for seed in range(5):
        store.add(seed, 0.9 + seed / 100, sweep=name, optimizer__lr=0.1)
        store.add(seed, 0.8 + seed**2 / 1000, sweep=name, optimizer__lr=0.2)
