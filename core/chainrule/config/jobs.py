"""What passes between Hydra and what runs a job: plain values, free of Hydra."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from chainrule.config.mailbox import Mailbox


@dataclass(frozen=True)
class Job:
    """One run, composed: ``config`` is plain and resolved; ``folder`` is its own, and exists."""

    config: dict[str, Any]
    overrides: list[str]
    folder: Path
    sweep: str | None = None  # what the runs of one sweep share
    differs: tuple[str, ...] = ()  # the overrides in which it differs from the other jobs of its sweep
    searches: bool = False  # whether a sweeper chooses the next jobs by what this one gives
    again: bool = False  # whether it had begun before in this sweep, on a node that was lost


@dataclass(frozen=True)
class Done:
    """What a job of a sweep gave.

    ``text``: what is to be said of it, on one line; ``figures``: the metrics in it. ``judged``: that of them by which
    it is told apart from the others, None for none. ``run_id``: None for an untracked run.
    """

    text: str
    figures: Mapping[str, float]
    judged: str | None
    run_id: str | None
    reused: bool = False


@dataclass(frozen=True)
class Failure:
    """What a single job returns that failed: only then is it known that the error is not Hydra's."""

    error: Exception


@dataclass(frozen=True)
class Sweep:
    """A sweep, while its jobs run.

    ``objective``: the metric by which its jobs are told apart, None for none.
    ``jobs()``: how many there will be, as far as is known now.
    """

    folder: Path
    mailbox: Mailbox
    objective: str | None
    jobs: Callable[[], int]

    @property
    def name(self) -> str:
        """What its runs share: the name of its folder, which holds the time."""
        return self.folder.name


class Watcher(Protocol):
    """Who sees to a sweep as a whole, in the parent of its jobs."""

    def prepare(self, tracking: Mapping[str, Any] | None) -> None:
        """Before the first job starts: the section ``tracking`` of each one's config, None where it is not known."""

    def watch(self, sweep: Sweep) -> AbstractContextManager[Any]:
        """Beside the jobs, and to their end; it hears from ``Sweep.mailbox``."""
