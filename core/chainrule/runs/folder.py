"""What a run writes into its folder, but for its own figures and checkpoints."""

from __future__ import annotations

import json
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.errors import DataError
from chainrule.network.network import Network
from chainrule.pictures.page import save
from chainrule.redaction import without_secrets
from chainrule.tracking.written import OVERRIDES

if TYPE_CHECKING:
    from chainrule.config.jobs import Job

log = logging.getLogger(__name__)


def write_config(job: Job) -> None:
    """Put ``config.yaml`` and ``overrides.yaml`` into the run's folder."""
    from omegaconf import OmegaConf

    job.folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(OmegaConf.create(without_secrets(job.config)), job.folder / "config.yaml")
    OmegaConf.save(OmegaConf.create(list(job.overrides)), job.folder / OVERRIDES)


def keep_model(network: Network, folder: Path) -> None:
    """Save it in the run's folder; where that takes nothing any more, in one for temporary files, which is said."""
    elsewhere = Path(tempfile.gettempdir()) / f"{folder.name}-model"
    for place, after in (
        (folder / "model", f"it is in {elsewhere} now, and its run without it"),
        (elsewhere, "it is lost"),
    ):
        try:
            save_model(network, place)
            return
        except (OSError, DataError) as error:
            log.warning("The model cannot be saved in %s (%s): %s", place, error, after)


def save_model(network: Network, folder: Path) -> None:
    """Weights as safetensors, and the architecture as JSON for people and programs that only want to read it."""
    folder.mkdir(parents=True, exist_ok=True)
    network.save(folder / "weights.safetensors")
    (folder / "architecture.json").write_text(json.dumps(network.architecture(), indent=2) + "\n", encoding="utf-8")


def keep_figure(folder: Path, name: str, figure: Any) -> None:
    """Draw a callback's figure among those of the run."""
    save(lambda: figure, folder / "figures" / f"{name}.png")
