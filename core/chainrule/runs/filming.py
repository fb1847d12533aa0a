"""A run that is filmed: what its film tells, and the page of it. Loaded only where ``explain=true`` asks for it."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING

from chainrule.contract.data import Data
from chainrule.diagnosis import Finding, diagnose
from chainrule.errors import ChainruleError
from chainrule.film import Film
from chainrule.runs.explaining import FILM, explained
from chainrule.runs.result import PAGE
from chainrule.training.trainer import Trainer

if TYPE_CHECKING:
    from chainrule.config.jobs import Job

log = logging.getLogger(__name__)


class Filming:
    """The film of one run; ``film`` is to listen as the last of its callbacks."""

    def __init__(self, job: Job, data: Data) -> None:
        self._job, self._data = job, data
        self.film = Film(data.train, data.validation)

    @cached_property
    def findings(self) -> list[Finding]:
        """What the training suffered from, asked for when it has ended."""
        return diagnose(self.film, self._job.config, self._job.overrides)

    def keep(self, trainer: Trainer) -> None:
        """Put film and page into the run's folder; where that cannot be, it is said."""
        if not self.film.frames:
            return
        folder, config = self._job.folder, self._job.config
        try:
            (folder / FILM).parent.mkdir(parents=True, exist_ok=True)
            self.film.save(folder / FILM)
            title = f"{config['name']}: how it learned"
            page = explained(config, self._data, trainer.network, None, "train", title, self.film, self.findings)
            page.save(folder / PAGE)
        except (OSError, ChainruleError) as error:
            log.warning("The page of this training cannot be made: %s", error)
