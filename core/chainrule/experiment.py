"""One run from a composed config, to be read from top to bottom: data, network, trainer, tracking, figures, result."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.arguments import require_count
from chainrule.components import Callback, Dataset, Loss
from chainrule.config import flattened
from chainrule.data import Data
from chainrule.errors import ConfigError, UnknownName, did_you_mean, within
from chainrule.network import Network, load_network
from chainrule.provenance import provenance
from chainrule.registry import make, registry
from chainrule.trainer import History, Trainer, best_epoch

if TYPE_CHECKING:
    from chainrule.composition import Job


UNRECORDED = ("objective", "tracking")
"""Keys of a config that are no params of its run: they change nothing in it."""


@dataclass(frozen=True)
class Result:
    """What a run gave.

    ``metrics`` holds the last value of each metric by name (``"test/accuracy"``), and the best ones (``"best/..."``);
    ``history`` one value per epoch. ``run_id`` is MLflow's, None for an untracked run; ``folder`` holds its files.
    ``seconds``: wall time. ``link``: the line that opens MLflow on it. ``stopped``: why it ended early, if it did.
    ``reused``: whether it was not run again, since an equal run had finished.
    """

    name: str
    run_id: str | None
    metrics: dict[str, float]
    network: Network
    history: History
    folder: Path
    seconds: float
    link: str | None
    stopped: str | None
    reused: bool = False


def train(overrides: Sequence[str] = (), config_dir: str | None = None) -> Result:
    """One run, as ``chainrule train`` does it, from Python: ``train(["experiment=mnist", "optimizer.lr=0.01"])``.

    Args:
        overrides: Hydra's; where they name neither an experiment nor a dataset, ``experiment=xor``.
        config_dir: a folder with configs of your own.

    Raises:
        ConfigError: the config is wrong; the message names the key and what would be right.
        Whatever else ended the run; its status in MLflow is then FAILED.
    """
    from chainrule.composition import run_once

    result: Result = run_once(overrides, run, config_dir)
    return result


def load_run(run_id: str, uri: str | None = None) -> Result:
    """The result of a run that MLflow recorded: its network with the trained weights, its metrics and history.

    Args:
        run_id: as ``Result.run_id`` and MLflow's pages give it.
        uri: the store; None for ``MLFLOW_TRACKING_URI``, else ``mlflow.db`` in the working directory.

    Raises:
        TrackingError: there is no such run or store. UnknownName: the network needs a component that is not installed.
    """
    return _loaded(run_id, uri, None)


def take_over(job: Job, run_id: str, tracking: Any) -> Result:
    """The result of an equal run that has finished, with its files in the folder of this job."""
    if job.sweep is not None:
        tracking.reused_by(job.sweep, run_id)
    return dataclasses.replace(_loaded(run_id, tracking.uri, job.folder), name=run_name(job), reused=True)


def _loaded(run_id: str, uri: str | None, folder: Path | None) -> Result:
    from chainrule.records import recorded

    record = recorded(run_id, uri, folder)
    network = load_network(record.folder / "model" / "weights.safetensors")
    history = History()
    for values in record.epochs:
        history.append(values)
    seconds, link = record.seconds, record.link
    return Result(record.name, run_id, record.metrics, network, history, record.folder, seconds, link, None)


def run(job: Job) -> Result:
    """Do one composed job."""
    from chainrule.environment import blas_threads
    from chainrule.tracking import tracking_of

    start = time.perf_counter()
    config = job.config
    tracking = tracking_of(config["tracking"])
    tracking.warm_up()  # MLflow's import and a new store take seconds; meanwhile the data is read

    data = load_data(config["dataset"])
    network = build_network(config, data)
    trainer = build_trainer(config, network)
    callbacks = build_callbacks(config, quiet=job.sweep is not None)
    check_objective(job, data, trainer)

    with blas_threads(config["trainer"]["threads"]):
        tags = describe(job, data, network, trainer, callbacks)
        earlier = tracking.finished(tags["config_digest"]) if config["tracking"]["reuse"] else None
        if earlier is not None:
            return take_over(job, earlier, tracking)
        with tracking.run(
            name=run_name(job),
            params=flattened({key: value for key, value in config.items() if key not in UNRECORDED}),
            tags=tags,
            dataset=(config["dataset"]["name"], data.digest),
            folder=job.folder,
        ) as tracked:
            write_config(job)  # not before: a run that cannot begin leaves nothing behind
            try:
                epochs = config["trainer"]["epochs"]
                history = trainer.fit(data.train, epochs, data.validation, callbacks=[*callbacks, Recorder(tracked)])
                metrics, arrays = final_metrics(trainer, data)
                tracked.summary(metrics, step=trainer.epoch)
                tracked.tag("weights_digest", weights_digest(network))
                if config["tracking"]["figures"]:
                    draw(job, history, data, network, arrays)
            finally:  # of a run that fails or is interrupted, what there is
                save_model(network, job.folder / "model")
                tracked.artifacts(job.folder)

    seconds = time.perf_counter() - start
    return Result(
        run_name(job),
        tracked.run_id,
        metrics,
        network,
        history,
        job.folder,
        seconds,
        tracked.where,
        trainer.stop_reason,
    )


def load_data(spec: Mapping[str, Any]) -> Data:
    """The dataset that the config names, loaded."""
    with within("dataset"):
        dataset: Dataset = make("dataset", spec)
        return dataset.load()


def build_network(config: Mapping[str, Any], data: Data) -> Network:
    """The model for this data and loss."""
    with within("loss"):
        loss = choose_loss(config.get("loss"), data)
        units, activation = loss.output(data.task, data.classes)
    with within("model"):
        model = make("model", config["model"])
        layers = model.build(data.input_shape, units, activation)
    try:
        return Network(layers, data.input_shape, loss, config["seed"], config["dtype"], data.task)
    except ConfigError as error:
        if error.key.startswith("layers"):
            error.key = f"model.{error.key}"
        raise


def choose_loss(spec: Mapping[str, Any] | None, data: Data) -> Loss:
    """The loss that the config names, or the one that is meant for the data's task."""
    if spec is not None:
        named: Loss = make("loss", spec)
        return named
    for entry in registry():
        if issubclass(entry.cls, Loss) and data.task in entry.cls.default_for:
            return entry.cls()
    raise ConfigError(f"no installed loss is meant for a {data.task} task; name one with loss=...")


def build_trainer(config: Mapping[str, Any], network: Network) -> Trainer:
    """Optimizer, schedule, regularizer and metrics as the config names them."""
    made = {}
    for key in ("optimizer", "schedule", "regularizer"):
        with within(key):
            made[key] = make(key, config[key]) if config.get(key) else None
    metrics = []
    for name, spec in (config.get("metrics") or {}).items():
        with within(f"metrics.{name}"):
            metrics.append(make("metric", spec))
    options = config["trainer"]
    with within("trainer"):
        require_count("epochs", options["epochs"])
        return Trainer(
            network,
            **made,
            batch_size=options["batch_size"],
            shuffle=options["shuffle"],
            metrics=metrics or None,
            seed=config["seed"],
        )


def build_callbacks(config: Mapping[str, Any], quiet: bool) -> list[Callback]:
    """The callbacks that the config names; where it is to be quiet, without those that only show something."""
    callbacks = []
    for name, spec in (config.get("callbacks") or {}).items():
        with within(f"callbacks.{name}"):
            callback: Callback = make("callback", spec)
            if not (quiet and callback.display):
                callbacks.append(callback)
    return callbacks


class Recorder(Callback):
    """Hands the metrics of each epoch to the run's record."""

    def __init__(self, tracked: Any) -> None:
        self.tracked = tracked

    def on_epoch_end(self, trainer: Trainer) -> None:
        self.tracked.log(trainer.metrics, step=trainer.epoch)


def final_metrics(trainer: Trainer, data: Data) -> tuple[dict[str, float], dict[str, Any]]:
    """The last and best values of all metrics, and the test set's, at which this is the only look; then the arrays.

    The validation set is measured again: a callback may have taken the weights of an earlier epoch back.
    """
    measured: dict[str, Any] = dict(trainer.metrics)
    if data.validation is not None:
        again = trainer.evaluate(*data.validation)
        measured |= {f"validation/{name}": value for name, value in again.items() if np.ndim(value) == 0}
    for name in trainer.history:
        best = best_epoch(trainer.history, name) if name.startswith("validation/") else None
        if best is not None:
            measured[f"best/{name}"], measured[f"best_epoch/{name}"] = best
    if data.test is not None:
        measured |= {f"test/{name}": value for name, value in trainer.evaluate(*data.test).items()}
    arrays = {name: value for name, value in measured.items() if np.ndim(value) > 0}
    metrics = {name: float(value) for name, value in measured.items() if name not in arrays}
    return metrics, arrays


def check_objective(job: Job, data: Data, trainer: Trainer) -> None:
    """Refuse an objective that no run measures, and, in a search, one that this run does not: before it trains."""
    objective = job.config["objective"]
    if objective is None:
        return
    names = ["loss", *(registry().name_of(metric) for metric in trainer.all_metrics() if not metric.array)]
    there = {"train": data.train, "validation": data.validation, "test": data.test}
    known = {f"{split}/{name}" for split in there for name in names}
    known |= {f"best/validation/{name}" for name in names}
    if objective not in known:
        raise UnknownName(f'no run measures "{objective}". {did_you_mean(objective, known, 30)}', key="objective")
    split = objective.split("/")[-2]
    if job.searches and there[split] is None:
        raise ConfigError(f'got "{objective}", but the data has no {split} samples: name another', key="objective")


def describe(job: Job, data: Data, network: Network, trainer: Trainer, callbacks: Sequence[Callback]) -> dict[str, str]:
    """The tags by which a run is found again: its sweep, its config's digest, where each component came from."""
    from chainrule.environment import blas

    named = [make(kind, job.config[kind]) for kind in ("dataset", "model")]
    trained_by = [part for part in (trainer.optimizer, trainer.schedule, trainer.regularizer) if part is not None]
    used = [*network.components, *named, *trained_by, *trainer.all_metrics()]
    tags = {f"component.{name}": supplied for name, supplied in provenance([*used, *callbacks]).items()}
    if job.sweep is not None:
        tags["sweep"] = job.sweep
    working = [callback for callback in callbacks if not callback.display]
    digest = config_digest(job.config, data, provenance([*used, *working]))
    return {**tags, "blas": blas(), "config_digest": digest}


def config_digest(config: Mapping[str, Any], data: Data, components: Mapping[str, str]) -> str:
    """SHA-256 of all that can change a result to its last bit, and of nothing else.

    The config, less what says how a run is named, recorded, compared and shown; the data; who supplied the components,
    in which versions; the libraries that compute, and the threads that they take now.
    """
    from chainrule.environment import blas, numerics

    shown = {entry.name for entry in registry() if issubclass(entry.cls, Callback) and entry.cls.display}
    callbacks = [[name, spec] for name, spec in (config.get("callbacks") or {}).items() if spec["name"] not in shown]
    whole = {
        **{key: value for key, value in config.items() if key not in ("name", "objective", "tracking")},
        "callbacks": callbacks,  # a list: their order may matter
        "trainer": {key: value for key, value in config["trainer"].items() if key != "threads"},  # BLAS knows them
        "data": data.digest,
        "components": dict(components),
        "libraries": [blas(), numerics()],
    }
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def run_name(job: Job) -> str:
    """For a job of a sweep, the overrides that differ; else the name that the config gives."""
    given = job.config["tracking"]["run_name"]
    return given or ",".join(job.differs) or str(job.config["name"])


def write_config(job: Job) -> None:
    """Put ``config.yaml`` and ``overrides.yaml`` into the run's folder."""
    from omegaconf import OmegaConf

    job.folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(OmegaConf.create(job.config), job.folder / "config.yaml")
    OmegaConf.save(OmegaConf.create(list(job.overrides)), job.folder / "overrides.yaml")


def save_model(network: Network, folder: Path) -> None:
    """Weights as safetensors, and the architecture as JSON for people and programs that only want to read it."""
    folder.mkdir(exist_ok=True)
    network.save(folder / "weights.safetensors")
    (folder / "architecture.json").write_text(json.dumps(network.architecture(), indent=2) + "\n", encoding="utf-8")


def draw(job: Job, history: History, data: Data, network: Network, arrays: Mapping[str, Any]) -> None:
    """Every picture that fits this data, into ``figures/`` of the run's folder."""
    from chainrule.figures import draw_all

    folder = job.folder / "figures"
    folder.mkdir(exist_ok=True)
    draw_all(folder, history, data, network.predict, run_name(job), arrays)


def weights_digest(network: Network) -> str:
    """SHA-256 of all parameters and buffers: equal for two networks that are equal to the last bit."""
    digest = hashlib.sha256(network.parameters.theta.tobytes())
    for buffer in network.buffers:
        digest.update(buffer.value.tobytes())
    return digest.hexdigest()
