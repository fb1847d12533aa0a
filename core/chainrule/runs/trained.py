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
    name, run_id, folder = run, None, Path(run)
    metrics: Mapping[str, float] = {}
    tags: Mapping[str, str] = {}
    if not folder.is_dir():
        record = read_run(run, uri, needs=WEIGHTS)
        name, run_id, folder, metrics, tags = record.name, record.run_id, record.folder, record.metrics, record.tags
    elif not (folder / WEIGHTS).is_file():
        raise ConfigError(f"{folder} is no folder of a run: it has no {WEIGHTS}")
    if not (folder / CONFIG).is_file():
        raise DataError(f"{folder} has no {CONFIG}, which says what the run was trained on")
    name = folder.absolute().name if run_id is None else name
    config, predictor = recorded_config(folder / CONFIG), Predictor.load(folder / MODEL)
    return Trained(name, run_id, folder, config, predictor, metrics, tags)
