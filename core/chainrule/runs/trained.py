"""What is left of a training, found again by whatever name it has: to be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.contract.arguments import require_text
from chainrule.contract.kinds import Dataset
from chainrule.errors import ConfigError, DataError, within
from chainrule.prediction.predictor import Predictor
from chainrule.registry.making import make
from chainrule.runs.folder import recorded_config
from chainrule.runs.result import MODEL, WEIGHTS
from chainrule.tracking.reading import read_run
from chainrule.tracking.written import CONFIG

FILE = ".safetensors"
"""How the name of a network's file ends."""


@dataclass(frozen=True)
class Trained:
    """A trained network with its preparation.

    ``name``: of its run; ``run_id``: MLflow's, None where it was named by its folder; ``folder``: of its files;
    ``config``: with which it was trained; ``metrics``, ``tags``: as MLflow has them, nothing of a folder.
    """

    name: str
    run_id: str | None
    folder: Path
    config: Mapping[str, Any]
    predictor: Predictor
    metrics: Mapping[str, float]
    tags: Mapping[str, str]

    @property
    def dataset(self) -> Dataset:
        """The dataset that its config names; its data need not be there any more.

        Raises:
            UnknownName: it is not installed.
        """
        with within("dataset"):
            dataset: Dataset = make("dataset", self.config["dataset"])
        return dataset


def lies_here(what: str) -> bool:
    """Whether a word that stands for a run or a network is a file's name, or that of a folder, and no run's id."""
    return what.endswith(FILE) or (bool(what) and "=" not in what and Path(what).is_dir())


def model_folder(run: str, uri: str | None = None) -> Path:
    """Where the model of a run is, which is named by its id, its folder, or ``"latest"``.

    Raises:
        ConfigError: the folder is no run's. TrackingError: there is no run of this id, or its weights are not there.
    """
    require_text("run", run, "the id of a run, or its folder")
    if not lies_here(run):
        return read_run(run, uri, needs=WEIGHTS).folder / MODEL
    _require_weights(Path(run))
    return Path(run) / MODEL


def trained(run: str, uri: str | None = None) -> Trained:
    """A run's network, with what its data was made with.

    Args:
        run: its id, its folder, or "latest".
        uri: the store; None for ``MLFLOW_TRACKING_URI``, else ``mlflow.db`` in the working directory.

    Raises:
        TrackingError: there is no such run or store, or its files are not there. ConfigError: the folder is none of a
            run. DataError: it was recorded without its preparation, or is damaged.
    """
    require_text("run", run, "the id of a run, or its folder")
    if lies_here(run):
        folder = Path(run)
        _require_weights(folder)
        return _of_folder(folder, folder.absolute().name, None, {}, {})
    record = read_run(run, uri, needs=WEIGHTS)
    return _of_folder(record.folder, record.name, record.run_id, record.metrics, record.tags)


def _require_weights(folder: Path) -> None:
    if not (folder / WEIGHTS).is_file():
        raise ConfigError(f"{folder} is no folder of a run: it has no {WEIGHTS}")


def _of_folder(
    folder: Path, name: str, run_id: str | None, metrics: Mapping[str, float], tags: Mapping[str, str]
) -> Trained:
    if not (folder / CONFIG).is_file():
        raise DataError(f"{folder} has no {CONFIG}, which says what the run was trained on")
    config, predictor = recorded_config(folder / CONFIG), Predictor.load(folder / MODEL)
    return Trained(name, run_id, folder, config, predictor, metrics, tags)
