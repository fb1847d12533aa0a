"""What Hydra calls for each job of a program: from a composed config to a ``Job``, and back with how it ended."""

from __future__ import annotations

import contextlib
import dataclasses
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from chainrule.config.jobs import Failure, Job
from chainrule.config.loader import plain_of
from chainrule.config.mailbox import Ended, Mailbox, remove_left
from chainrule.config.messages import explained
from chainrule.config.shapes import refuse_shapes
from chainrule.config.surroundings import Surroundings
from chainrule.errors import ChainruleError, ConfigError
from chainrule.process.claims import claimed
from chainrule.redaction import override_without_secrets
from chainrule.registry.making import CLASS_WEIGHT
from chainrule.words import error_in_words


class TaskFunction:
    """What Hydra calls for each job, in this process or in a worker's."""

    def __init__(
        self,
        run: Callable[[Job], Any],
        fixed: Sequence[str] = (),
        mailbox: Mailbox | None = None,
        searches: bool = False,
    ) -> None:
        self._run = run
        self._fixed = {_key(override) for override in fixed}  # what all jobs of a sweep share
        self._mailbox = mailbox
        self._searches = searches
        self._surroundings = Surroundings.here()

    def __call__(self, config: DictConfig) -> Any:
        """What a single job gave, or its ``Failure``; of a job in a sweep what ``Mailbox.tell`` gives."""
        hydra = HydraConfig.get()
        folder = Path(hydra.runtime.output_dir)
        # As they were written: an interpolation among them is resolved in the config.
        overrides = [override_without_secrets(str(override)) for override in plain_of(hydra.overrides.task)]
        differs = tuple(o for o in overrides if _key(o) not in self._fixed) if self._mailbox else ()
        sweep = self._mailbox.sweep if self._mailbox else None
        if self._mailbox is None:
            remove_left(Path(hydra.runtime.cwd, hydra.sweep.dir).parent)
        try:
            self._surroundings.enter()
            plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
            assert isinstance(plain, dict)
            _require(plain, hydra)
            if plain["dataset"].get(CLASS_WEIGHT) is None:
                plain["dataset"].pop(CLASS_WEIGHT, None)  # nobody asked for it
            if self._mailbox is None:  # of a sweep its parent has said it
                GlobalHydra.instance().config_loader().typed.say_address(plain["tracking"])  # type: ignore[attr-defined]
            again = self._mailbox.take(folder, hydra.job.num) if self._mailbox else False
            job = Job(plain, overrides, folder, sweep, differs, self._searches, again)  # type: ignore[arg-type]
            with claimed(folder, "run", "hydra.sweep.subdir" if self._mailbox else "hydra.run.dir", patient=again):
                ended = self._mailbox.told_of(hydra.job.num) if self._mailbox and again else None
                result: Any = self._run(job) if ended is None else None
        except BaseException as error:
            _remove_if_empty(folder, Path(hydra.runtime.cwd))
            if not isinstance(error, Exception):  # an interrupt ends the sweep too
                raise
            if self._mailbox is None:
                return Failure(explained(error))
            if not self._mailbox.is_open():  # nobody would hear of it
                raise
            return self._mailbox.tell(
                Ended(hydra.job.num, differs, failed=_why(explained(error)), trace=traceback.format_exc())
            )
        if self._mailbox is None:
            _remove_if_empty(folder, Path(hydra.runtime.cwd))
            return result
        if ended is None:
            ended = Ended(hydra.job.num, differs, folder=str(folder), **dataclasses.asdict(result))
        return self._mailbox.tell(ended)


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, ChainruleError) else error_in_words(error)


def _key(override: str) -> str:
    """What an override is of: a sweeper may write its value otherwise (``False`` for ``false``)."""
    return override.partition("=")[0]


def _require(config: dict[Any, Any], hydra: Any) -> None:
    """Refuse what composes, but is no run."""
    refuse_shapes(config, resolved=True)
    for key in ("dataset", "model", "optimizer", "trainer", "tracking", "name", "seed", "dtype"):
        if config.get(key) is None:
            raise ConfigError("a run needs it", key=key)
    if hydra.job.chdir:
        raise ConfigError("a run stays in the folder in which it was started", key="hydra.job.chdir")
    if Path(hydra.runtime.cwd).is_relative_to(hydra.runtime.output_dir):
        # What lies there is recorded with the run.
        raise ConfigError("a run needs a folder of its own, which cannot be the working directory", key="hydra.run.dir")


def _remove_if_empty(folder: Path, here: Path) -> None:
    """Hydra makes a job's folder, and those above it, before the job begins; one that wrote nothing leaves none."""
    with contextlib.suppress(OSError):
        for place in (folder, *folder.parents):
            if here.is_relative_to(place) or not (place == folder or place.is_relative_to(here)):
                break
            place.rmdir()
