"""A sweep as a whole: its stores before the first job, its progress, and what is said at its end."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.errors import SweepError, TrackingError, debugging
from chainrule.registry.goals import goal_of
from chainrule.runs.loading import KEPT
from chainrule.runs.measured import in_line, in_short, judged_by
from chainrule.runs.ranking import best_group, best_of, comparable, groups, means, settings
from chainrule.words import duration, number, relative

if TYPE_CHECKING:
    from chainrule.config.jobs import Sweep
    from chainrule.config.mailbox import Ended
    from chainrule.tracking.tracking import Tracking

LOOK_SECONDS = 0.1
COMPOSING = "composing the jobs"
"""What a terminal shows until it is known how many there will be."""
SHOWN = "{n_fmt}/{total_fmt} jobs |{bar}| {elapsed}{postfix}"
"""Afterwards: tqdm's bar, with our estimate in place of its own."""


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
    from chainrule.runs.report import run_and_report

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
        """The job with the best objective so far."""
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
        from chainrule.tracking.nothing import NoTracking
        from chainrule.tracking.tracking import tracking_of

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
            if sweep.jobs() != bar.total:
                bar.total, bar.bar_format = sweep.jobs(), SHOWN
                bar.refresh()
            for ended in sweep.mailbox.told(self._known):
                line = self._heard(ended)
                said = (self._left(), self._counts(), self._best_so_far())
                bar.set_postfix_str(", ".join(filter(None, said)), refresh=False)
                with bar.external_write_mode():
                    print(line if not bar.disable else "  ".join(filter(None, [line, self._left()])), flush=True)
                bar.update()

        def look_often() -> None:
            while not over.wait(LOOK_SECONDS):
                look()

        watching = threading.Thread(target=look_often, name="sweep")
        with tqdm(total=0, bar_format=COMPOSING, leave=False, disable=not sys.stderr.isatty()) as bar:
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
                KEPT.forget()
        if self.failed:
            show_failures(self.failed)
            self._note_failures()
        # A search without a single result ends with an error of its own, where what failed says more.
        nothing = isinstance(error, Exception) and 0 < len(self.failed) == sweep.jobs()
        if error is not None and not nothing:
            self._say_how_to_go_on()
            raise error
        self._report()

    def _note_failures(self) -> None:
        """For ``compare``, in the store in which the others are recorded, where that is one."""
        failed = {",".join(ended.overrides): ended.failed or "" for ended in self.failed}
        for tracking in self._trackings.values() if len(self._trackings) == 1 else ():
            with contextlib.suppress(TrackingError):  # they are told here
                tracking.note_failed(self.sweep.name, failed)

    def _heard(self, ended: Ended) -> str:
        """The line for a job that has ended."""
        self.ended.append(ended)
        self.best = best_of(comparable([*filter(None, [self.best]), ended], self.sweep.objective))
        done, jobs = len(self.ended), self.sweep.jobs()
        words = [f"{done}/{jobs}", ended.text if ended.failed is None else f"{job_name(ended)}  failed"]
        if done > 1 and self.best is ended:
            words.append("the best run so far")
        return "  ".join(words)

    def _left(self) -> str:
        """How long the jobs that have not ended will take; nothing where there are none."""
        done, jobs = len(self.ended), self.sweep.jobs()
        seconds = (time.monotonic() - self._start) / done * (jobs - done)
        return f"{duration(seconds)} left" if done < jobs else ""

    def _counts(self) -> str:
        """How many failed and were reused, where there are any."""
        reused = sum(ended.reused for ended in self.ended)
        counts = ((reused, "reused"), (len(self.failed), "failed"))
        return ", ".join(f"{count} {what}" for count, what in counts if count)

    def _best_so_far(self) -> str:
        best = self.best
        return f"best {best.judged} {number(best.objective)} ({job_name(best)})" if best is not None else ""

    def _report(self) -> None:
        """How the sweep ended: how many jobs, the best group and the best run, how to find all of them."""
        counts = self._counts()
        print(f"jobs     {len(self.ended)}{', ' if counts else ''}{counts}")
        self._report_best()
        print(f"files    {relative(self.sweep.folder)}")
        if self._trackings:
            print(f"compare  chainrule compare {self.sweep.name}")

    def _report_best(self) -> None:
        """Groups before runs: a single one may be the best by chance."""
        jobs, best = comparable(self.ended, self.sweep.objective), self.best
        if best is None or best.judged is None:
            return
        print(f"judged   by {judged_by(best.judged, self.sweep.objective)}, {goal_of(best.judged).word} is better")
        several = len(groups(jobs)) > 1
        group = best_group(jobs)
        if len(groups(jobs)) < len(jobs):
            over = f"mean of {len(group)} seeds" if len(group) > 1 else "one seed"
            words = [in_short(settings(group[0])), over, in_line(means(group))]
            print(f"{'best' if several else 'all':9}{'  '.join(filter(None, words))}")
        where = [f"run {best.run_id}"] if best.run_id is not None else []
        print("best run " + "  ".join([job_name(best), in_line(best.figures), *where, relative(Path(best.folder))]))

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
    return in_short(ended.overrides) or f"job {ended.number}"
