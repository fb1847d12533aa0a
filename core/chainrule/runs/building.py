"""From a composed config to data, network, trainer and callbacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from chainrule.contract.arguments import require_count
from chainrule.contract.data import Data
from chainrule.contract.kinds import Callback, Dataset, Loss, Model
from chainrule.errors import ConfigError, UnknownName, did_you_mean, within
from chainrule.network.network import Network
from chainrule.network.weighing import name_of
from chainrule.registry.defaults import usual_loss
from chainrule.registry.making import make
from chainrule.runs.length import open_end, open_epochs
from chainrule.runs.loading import KEPT, loaded
from chainrule.runs.threads import require_threads
from chainrule.training.trainer import Trainer

if TYPE_CHECKING:
    from chainrule.config.jobs import Job


def load_data(config: Mapping[str, Any], shared: bool = False) -> tuple[Dataset, Data]:
    """The dataset that the config names, and what it gives; ``shared``: or gave to the job before."""
    with within("dataset"):
        dataset: Dataset = make("dataset", config["dataset"])
        return dataset, KEPT.load(dataset, config["dataset"]) if shared else loaded(dataset)


def build_network(config: Mapping[str, Any], data: Data) -> tuple[Model, Network]:
    """The model that the config names, and what it makes for this data and loss."""
    with within("loss"):
        loss = choose_loss(config.get("loss"), data)
        units, activation = loss.output(data.task, data.classes)
    with within("model"):
        model: Model = make("model", config["model"])
        layers = model.build(data.input_shape, units, activation)
    usual = type(loss).target_shape is Loss.target_shape
    scale = data.target_scale if loss.of_differences and usual else None
    try:
        return model, Network(layers, data.input_shape, loss, config["seed"], config["dtype"], data.task, scale)
    except ConfigError as error:
        if error.key.startswith("layers"):
            error.key = f"model.{error.key}"
        raise


def choose_loss(spec: Mapping[str, Any] | None, data: Data) -> Loss:
    """The loss that the config names, or the one that is meant for the data's task."""
    if spec is not None:
        named: Loss = make("loss", spec)
        return named
    return usual_loss(data.task)


def build_trainer(config: Mapping[str, Any], network: Network, engine: str | None = None) -> Trainer:
    """Optimizer, schedule, regularizer and metrics as the config names them; the engine, where none is given."""
    metrics = []
    for name, spec in (config.get("metrics") or {}).items():
        with within(f"metrics.{name}"):
            metrics.append(make("metric", spec))
    options = config["trainer"]
    with within("trainer"):
        if options["epochs"] is not None:
            require_count("epochs", options["epochs"])
        batch_size = require_count("batch_size", options["batch_size"])
        if options["threads"] is not None:
            require_threads(options["threads"])
    return Trainer(
        network,
        optimizer=config["optimizer"],
        schedule=config.get("schedule") or None,  # the option none is an empty config
        regularizer=config.get("regularizer") or None,
        batch_size=batch_size,
        shuffle=options["shuffle"],
        groups=options.get("groups") or (),
        engine=engine or options["engine"],
        metrics=metrics or None,
        seed=config["seed"],
    )


def build_callbacks(config: Mapping[str, Any], data: Data, quiet: bool) -> list[Callback]:
    """The callbacks that the config names; where it is to be quiet, without those that only show something. Where it
    does not say for how many epochs, what ends the training comes first, so that those that are named have the last
    word at its end."""
    callbacks: list[Callback] = []
    for name, spec in (config.get("callbacks") or {}).items():
        with within(f"callbacks.{name}"):
            callback: Callback = make("callback", spec)
            if not (quiet and callback.display):
                callbacks.append(callback)
    return callbacks if config["trainer"]["epochs"] is not None else [*open_end(data, callbacks), *callbacks]


def planned_epochs(config: Mapping[str, Any], data: Data, trainer: Trainer) -> int:
    """As many as the config says, or else as suit the data."""
    named: int | None = config["trainer"]["epochs"]
    return open_epochs(data.train.rows, trainer.batch_size) if named is None else named


def check_objective(job: Job, data: Data, trainer: Trainer, callbacks: Sequence[Callback]) -> None:
    """Refuse an objective that no run measures, and, in a search, one that this run does not: before it trains."""
    objective = job.config["objective"]
    if objective is None or any(fnmatchcase(objective, logged) for callback in callbacks for logged in callback.logs):
        return
    names = ["loss", *(name_of(metric) for metric in trainer.all_metrics() if not metric.array)]
    there = {"train": data.train, "validation": data.validation, "test": data.test}
    known = {f"{split}/{name}" for split in there for name in names}
    known |= {f"best/validation/{name}" for name in names}
    if objective not in known:
        raise UnknownName(f'no run measures "{objective}". {did_you_mean(objective, known, 30)}', key="objective")
    split = objective.split("/")[-2]
    if job.searches and there[split] is None:
        raise ConfigError(f'got "{objective}", but the data has no {split} samples: name another', key="objective")
