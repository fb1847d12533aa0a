"""What a run writes into its folder, but for its own figures and checkpoints."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.bridges.mlflow_model import add_mlflow_files
from chainrule.config.nodes import TrackingOptions, TrainerOptions
from chainrule.errors import DataError
from chainrule.pictures.page import save
from chainrule.prediction.predictor import Predictor
from chainrule.redaction import without_secrets
from chainrule.tracking.written import CONFIG, OVERRIDES
from chainrule.words import error_in_words

if TYPE_CHECKING:
    from chainrule.config.jobs import Job

log = logging.getLogger(__name__)


def write_config(job: Job) -> None:
    """Put ``config.yaml`` and ``overrides.yaml`` into the run's folder."""
    from omegaconf import OmegaConf

    job.folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(OmegaConf.create(without_secrets(job.config)), job.folder / CONFIG)
    OmegaConf.save(OmegaConf.create(list(job.overrides)), job.folder / OVERRIDES)


@contextmanager
def config_there_first(job: Job, goes_on: bool) -> Iterator[Callable[[], None]]:
    """Inside, a run is made. What it is made of is in its folder before, to go on by, should it be killed in that
    very moment. Where it could not be made, and what this gives was not called, it is gone again.

    Args:
        goes_on: it was made before; the config is written anew once it is at work.
    """
    made = goes_on

    def begin() -> None:
        nonlocal made
        made = True
        if goes_on:
            write_config(job)

    if not goes_on:
        write_config(job)
    try:
        yield begin
    finally:
        if not made:
            for name in (CONFIG, OVERRIDES):
                (job.folder / name).unlink(missing_ok=True)


def keep_model(predictor: Predictor, folder: Path, run_id: str | None, options: Mapping[str, Any]) -> str | None:
    """Save it in the run's folder; where that takes nothing any more, in one for temporary files, which is said.

    Args:
        options: the config group ``tracking``.

    Returns:
        What MLflow's pages know it by; None where it has not MLflow's form, or is not in the run's folder.
    """
    elsewhere = Path(tempfile.gettempdir()) / f"{folder.name}-model"
    for place, after in (
        (folder / "model", f"it is in {elsewhere} now, and its run without it"),
        (elsewhere, "it is lost"),
    ):
        try:
            predictor.save(place)
        except DataError as error:
            log.warning("The model cannot be saved in %s (%s): %s", place, error, after)
            continue
        if place.parent == folder and options["enabled"] and options["model"]:
            try:
                return add_mlflow_files(predictor, place, run_id)
            except Exception as error:  # whatever MLflow makes of it, the run is not lost
                log.warning("The model is without MLflow's files: %s", error_in_words(error))
        break
    return None


def keep_text(folder: Path, name: str, text: str) -> None:
    """Write a callback's text into the run's folder; where that cannot be, it is said."""
    path = folder / "texts" / f"{name}.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="replace", newline="\n")
    except OSError as error:
        log.warning("%s cannot be written: %s", path, error.strerror)


def keep_figure(folder: Path, name: str, figure: Any) -> None:
    """Draw a callback's figure among those of the run."""
    save(lambda: figure, folder / "figures" / f"{name}.png")


def recorded_overrides(folder: Path) -> list[str]:
    """Those of the command that made a run; none where they were not recorded."""
    from omegaconf import OmegaConf

    file = folder / OVERRIDES
    return [str(one) for one in OmegaConf.to_container(OmegaConf.load(file)) or ()] if file.is_file() else []


def recorded_config(file: Path) -> dict[str, Any]:
    """The composed config of a run, as it was recorded; with the defaults of options that the record is older than."""
    from omegaconf import OmegaConf

    config: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(file))  # type: ignore[assignment]
    config.setdefault("objective", None)
    config.setdefault("explain", False)
    config["tracking"] = {**asdict(TrackingOptions()), **config["tracking"]}
    config["trainer"] = {**asdict(TrainerOptions()), **config["trainer"]}
    return config
