"""A sweep as a whole: its stores before the first job, its progress, and what is said at its end."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chainrule.errors import SweepError, TrackingError, debugging
from chainrule.runs.report import run_and_report
from chainrule.words import duration, number, relative

if TYPE_CHECKING:
    from chainrule.config.jobs import Sweep
    from chainrule.config.mailbox import Ended
    from chainrule.tracking.tracking import Tracking

LOOK_SECONDS = 0.1


def sweep(overrides: Sequence[str], config_dir: str | None = None) -> str:
    """A sweep, as ``chainrule train -m`` does it, from Python: ``sweep(["experiment=digits", "seed=0,1,2"])``.

    Args:
        overrides: Hydra's; ``"launcher=parallel"`` among them runs several jobs at once.
        config_dir: a folder with configs of your own.

    Returns:
        Its name, as the tag ``sweep`` of its runs and ``compare`` have it.

    Raises:
        ConfigError: a config is wrong; the message names the key and what would be right.
        SweepError: jobs failed; the others have run.
    """
    from chainrule.config.command_line import run_sweep

    supervisor = Supervisor()
    run_sweep(overrides, run_and_report, supervisor, config_dir)
    if supervisor.failed:
        raise SweepError(supervisor.sweep.name, len(supervisor.failed), len(supervisor.ended))
    return supervisor.sweep.name


class Supervisor:
    """Who sees to a sweep in the parent of its jobs. ``sweep`` is there once it has begun."""

    sweep: Sweep

    def __init__(self) -> None:
        self.ended: list[Ended] = []
        self.best: Ended | None = None
        self._trackings: dict[tuple[str, str], Tracking] = {}
        self._known: set[int] = set()

    @property
    def failed(self) -> list[Ended]:
        """The jobs that failed, in the order of their numbers."""
        return sorted((ended for ended in self.ended if ended.failed is not None), key=lambda ended: ended.number)

    def prepare(self, tracking: Mapping[str, Any] | None) -> None:
        """Make the store and experiment of a job, unless another job has the same.

        Raises:
            TrackingError: they cannot be made.
        """
        from chainrule.tracking.tracking import NoTracking, tracking_of

        if not self.ended:  # what is left is reckoned from when the last job was ready
            self._start = time.monotonic()
        made = tracking_of(tracking) if tracking is not None else NoTracking()
        if not isinstance(made, NoTracking) and (made.uri, made.experiment) not in self._trackings:
            made.prepare()
            made.close_orphans()
            self._trackings[made.uri, made.experiment] = made

    @contextlib.contextmanager
    def watch(self, sweep: Sweep) -> Iterator[None]:
        """Say of each job how it ended, as soon as it has, and at last how the sweep did."""
        from tqdm import tqdm

        self.sweep = sweep
        over = threading.Event()

        def look() -> None:
            for ended in sweep.mailbox.told(self._known):
                line = self._heard(ended)
                bar.total = sweep.jobs()
                bar.set_postfix_str(self._counts(), refresh=False)
                with bar.external_write_mode():
                    print(line, flush=True)
                bar.update()

        def look_often() -> None:
            while not over.wait(LOOK_SECONDS):
                look()

        watching = threading.Thread(target=look_often, name="sweep")
        with tqdm(total=sweep.jobs(), unit="job", leave=False, disable=not sys.stderr.isatty()) as bar:
            watching.start()
            error: BaseException | None = None
            try:
                yield
            except BaseException as raised:
                error = raised
            finally:
                over.set()
                watching.join()
                look()
        if self.failed:
            show_failures(self.failed)
        # A search without a single result ends with an error of its own, where what failed says more.
        nothing = isinstance(error, Exception) and 0 < len(self.failed) == sweep.jobs()
        if error is not None and not nothing:
            self._say_how_to_go_on()
            raise error
        self._report()

    def _heard(self, ended: Ended) -> str:
        """The line for a job that has ended."""
        is_best = self._is_best(ended)
        if is_best:
            self.best = ended
        self.ended.append(ended)
        done, jobs = len(self.ended), self.sweep.jobs()
        words = [f"{done}/{jobs}", ended.text if ended.failed is None else f"{job_name(ended)}  failed"]
        if is_best and done > 1:
            words.append("the best so far")
        if done < jobs:
            seconds = (time.monotonic() - self._start) / done * (jobs - done)
            words.append(f"{duration(seconds)} left")
        return "  ".join(words)

    def _is_best(self, ended: Ended) -> bool:
        if ended.objective is None or self.best is None or self.best.objective is None:
            return ended.objective is not None
        return self.sweep.goal.better(ended.objective, self.best.objective)

    def _counts(self) -> str:
        """How many failed and were reused, where there are any, and the best."""
        reused = sum(ended.reused for ended in self.ended)
        counts = [f"{count} {what}" for count, what in ((reused, "reused"), (len(self.failed), "failed")) if count]
        if self.best is not None:
            counts.append(f"best {self.sweep.objective} {number(self.best.objective)} ({job_name(self.best)})")
        return ", ".join(counts)

    def _report(self) -> None:
        """How the sweep ended: what failed and why, to stderr, then how many jobs, the best, how to find the runs."""
        counts = self._counts()
        print(f"jobs     {len(self.ended)}{', ' if counts else ''}{counts}")
        print(f"files    {relative(self.sweep.folder)}")
        if self._trackings:
            print(f"compare  chainrule compare {self.sweep.name}")

    def _say_how_to_go_on(self) -> None:
        for tracking in self._trackings.values():
            with contextlib.suppress(TrackingError):  # what ended the sweep is told
                tracking.close_orphans()  # of workers that are gone
        if self._trackings and self.ended:
            sys.stderr.write("the sweep was cut short; with tracking.reuse=true it goes on where it was\n")


def show_failures(failed: Sequence[Ended]) -> None:
    """A table to stderr: which jobs failed, and why; with tracebacks where they were asked for."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if debugging():
        sys.stderr.write("".join(ended.trace for ended in failed))
    table = Table(title=f"{len(failed)} failed", title_style="bold", title_justify="left")
    for heading in ("job", "overrides", "why"):
        table.add_column(heading, overflow="fold")
    for ended in failed:
        table.add_row(str(ended.number), Text(job_name(ended)), Text(ended.failed or ""))
    Console(stderr=True, highlight=False).print(table)


def job_name(ended: Ended) -> str:
    return ",".join(ended.overrides) or f"job {ended.number}"
