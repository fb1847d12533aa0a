"""From a component's signature to the config node that Hydra composes, and the options that are not components.

So ``optimizer=adam optimizer.lr=0.01`` needs no YAML, and help, TAB and type checks know third-party components too.
What a node cannot check (``Literal``, nested components) is checked when it is built: ``contract/fields.py``.
"""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.contract.fields import Field, config_type
from chainrule.registry.making import CLASS_WEIGHT, spec_of
from chainrule.registry.registry import Entry, registry

GROUPS = {
    "dataset": "dataset",
    "model": "model",
    "loss": "loss",
    "optimizer": "optimizer",
    "schedule": "schedule",
    "regularizer": "regularizer",
    "metric": "metrics",
    "callback": "callbacks",
}
"""Kind to config group; components of the other kinds are given by name inside these."""
MANY = ("metrics", "callbacks")
"""Groups of which several options are taken at once, each under its own name."""


def is_field(key: str) -> bool:
    """Whether an override is of a component's field, which other components of its group may not have.

    >>> is_field("optimizer.lr"), is_field("optimizer"), is_field("trainer.epochs")
    (True, False, False)
    """
    group, dot, _ = key.lstrip("+~").partition(".")
    return bool(dot) and group in GROUPS.values()


@dataclass
class TrainerOptions:
    """``trainer``: how long and how to train."""

    epochs: int | None = None  # null: until the validation loss no longer improves, as in runs/length.py
    batch_size: int = 32
    shuffle: bool = True
    threads: int | None = None  # of the matrix products; null: as many as pay, which is tried before the first epoch
    engine: str = "auto"  # of optimizers' rules: numpy; numba, compiled, of the extra [fast]; auto: where that pays
    groups: list[Any] = dataclasses.field(default_factory=list)  # of parameters, {parameters: "*.b", lr: 0.1}


@dataclass
class TrackingOptions:
    """``tracking``: where and how a run is recorded."""

    enabled: bool = True
    uri: str | None = None  # null: MLFLOW_TRACKING_URI, else mlflow.db in the working directory
    experiment: str = "${name}"
    run_name: str | None = None  # null: the overrides that differ
    figures: bool = True
    model: bool = True  # with MLflow's files, for mlflow models serve, mlflow.pyfunc.load_model and the registry
    reuse: bool = False  # a run that is equal in all that can change its result, and has finished, is not run again
    checkpoint_seconds: float | None = 10.0  # at least; 0: after every update; null: only where the training ends


def config_folder() -> Path:
    """Where chainrule's own configs lie: beside the package in a wheel, in the repository for an editable install."""
    beside = Path(__file__).parents[1] / "conf"
    return beside if beside.is_dir() else Path(__file__).parents[3] / "conf"


def store_nodes() -> None:
    """Give Hydra a node for every registered component, and for the options above."""
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    for entry in registry():
        group = GROUPS.get(entry.kind)
        if group is not None:
            package = f"{group}.{entry.name}" if group in MANY else group
            store.store(entry.name, node_of(entry), group, package, provider=entry.distribution)
    for group in ("schedule", "regularizer"):
        store.store("none", {}, group, group, provider="chainrule")
    store.store("default", TrainerOptions, "trainer", "trainer", provider="chainrule")
    store.store("mlflow", TrackingOptions, "tracking", "tracking", provider="chainrule")
    store.store("none", TrackingOptions(enabled=False), "tracking", "tracking", provider="chainrule")


def node_of(entry: Entry) -> type:
    """A dataclass with the component's fields, as types that OmegaConf knows, and its ``name``."""
    fields: list[tuple[str, Any, Any]] = [("name", str, dataclasses.field(default=entry.name))]
    fields += [(field.name, config_type(field.annotation), _default(field)) for field in entry.fields]
    if entry.kind == "dataset" and all(field.name != CLASS_WEIGHT for field in entry.fields):
        fields.append((CLASS_WEIGHT, Any, dataclasses.field(default=None)))
    return dataclasses.make_dataclass(f"{entry.kind}_{entry.name}", fields)


def _default(field: Field) -> Any:
    if field.required:
        return dataclasses.field(default="???")  # OmegaConf's mark of a value that must be given
    default = spec_of(field.default) if hasattr(field.default, "kind") else field.default
    default = list(default) if isinstance(default, tuple) else default
    if isinstance(default, (list, dict)):
        return dataclasses.field(default_factory=lambda: copy.deepcopy(default))
    return dataclasses.field(default=default)
