"""One experiment of one store, in which runs are recorded, or none; and what the config group ``tracking`` chooses."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from chainrule.errors import TrackingError
from chainrule.process.signals import ended_by_signals
from chainrule.process.threads import in_thread
from chainrule.redaction import redacted
from chainrule.tracking.folders import folder_tag
from chainrule.tracking.nothing import NoTracking
from chainrule.tracking.orphans import begun, close_orphans, end
from chainrule.tracking.reading import unsound_file
from chainrule.tracking.run import Run
from chainrule.tracking.store import all_of, connect, find_run, is_outage, prepare_store, usable
from chainrule.tracking.tags import (
    CONFIG_DIGEST,
    NAME_LENGTH,
    NO_RUN,
    SWEEP,
    TAG_LENGTH,
    objective_tag,
    reused_tag,
    reused_text,
    stored,
)
from chainrule.tracking.uris import is_missing, is_remote, resolved
from chainrule.words import abridged, cut, one_line

log = logging.getLogger(__name__)
T = TypeVar("T")
ANSWER_SECONDS = 1.0
"""How long all that is asked of a server before training is waited for, beside MLflow's import."""
EQUALS = 20
"""So many equal runs, the latest first, are looked at for one to reuse."""


def tracking_of(options: Mapping[str, Any]) -> Tracking | NoTracking:
    """What the config group ``tracking`` asks for."""
    if not options["enabled"]:
        return NoTracking()
    return Tracking(resolved(options["uri"]), options["experiment"])


class Tracking:
    """One experiment of one store, in which runs are recorded."""

    def __init__(self, uri: str, experiment: str) -> None:
        self.uri = uri
        self.experiment = experiment
        self._imported = threading.Event()
        self._prepared: Future[str] | None = None
        self._patience = ANSWER_SECONDS

    def warm_up(self) -> None:
        """Begin, in a thread, what takes seconds: MLflow's import and a new store."""

        def prepare() -> str:
            try:
                if is_remote(self.uri):
                    connect(self.uri)
            finally:
                self._imported.set()
            return prepare_store(self.uri, self.experiment)

        # A store that is being made is not left half made by a run that is refused.
        self._prepared = in_thread("mlflow", prepare, cut=not is_missing(self.uri))

    def prepare(self) -> str | None:
        """Make sure that store and experiment are there; the experiment's id. None where a server does not answer
        within a second: that is no reason not to train.

        Raises:
            TrackingError: they cannot be.
        """
        if self._prepared is None:
            self.warm_up()
        assert self._prepared is not None
        return self._answer_of(self._prepared)

    def _answer_of(self, asked: Future[T]) -> T | None:
        """What a store answers; None where a server does not: all that it is waited for here, together, is a second."""
        if not is_remote(self.uri):
            return asked.result()
        self._imported.wait()
        start = time.monotonic()
        try:
            return asked.result(self._patience)
        except TimeoutError:
            return None
        except TrackingError as error:
            if error.__cause__ is not None and is_outage(error.__cause__):
                return None
            raise
        finally:
            self._patience = max(0.0, self._patience - (time.monotonic() - start))

    def _ask(self, work: Callable[[Any], T]) -> Future[T]:
        """Begin to ask the store, given its client, in a thread: a signal ends the wait for the answer."""

        def ask() -> T:
            with usable(self.uri):
                return work(connect(self.uri))

        return in_thread("mlflow", ask, cut=True)

    def close_orphans(self) -> None:
        """Give a status to runs of this store whose process was killed, as far as it answers; a warning says how they
        go on.

        Raises:
            TrackingError: the store cannot be used.
        """
        if self.prepare() is None:
            return
        closed = self._answer_of(self._ask(close_orphans))
        if closed:
            more = f", as {len(closed) - 1} others were" if len(closed) > 1 else ""
            log.warning("The run %s was killed%s. To go on with it: chainrule resume %s", closed[0], more, closed[0])

    def finished(self, config_digest: str, needs: str, read: Callable[[Path, Mapping[str, str]], object]) -> str | None:
        """The id of a run of this experiment that is equal in all that can change its result, and has finished.

        One whose artifact ``needs`` is gone or damaged does not count; where there is none but such, a warning says so.

        Args:
            read: as ``unsound_file`` takes it.

        Raises:
            TrackingError: the store cannot be used.
        """
        if self._prepared is None:
            self.warm_up()
        assert self._prepared is not None
        try:
            experiment_id = self._prepared.result()  # waited for: a server that many ask at once may take seconds
        except TrackingError as error:
            if not (is_remote(self.uri) and error.__cause__ is not None and is_outage(error.__cause__)):
                raise
            raise TrackingError(
                f"the server {redacted(self.uri)} does not answer, and tracking.reuse needs to know what has run: try "
                "again later, or train without: tracking.reuse=false"
            ) from error
        equal = f"tags.{CONFIG_DIGEST} = '{config_digest}' and attributes.status = 'FINISHED'"

        def find(client: Any) -> tuple[str | None, list[str]]:
            unsound: list[str] = []
            for run in client.search_runs([experiment_id], equal, max_results=EQUALS):
                why = unsound_file(client, run, needs, read)
                if why is None:
                    return str(run.info.run_id), []
                unsound.append(why)
            return None, unsound

        found, unsound = self._ask(find).result()
        if unsound:
            log.warning("An equal run had finished, but cannot be reused: %s", unsound[0])
        return found

    def unfinished(self, config_digest: str) -> Any:
        """Such a run that was cut, as MLflow has it; None for none.

        Raises:
            TrackingError: the store cannot be used.
        """
        equal = f"tags.{CONFIG_DIGEST} = '{config_digest}' and attributes.status = 'KILLED'"
        places = [self.prepare()]
        return next(iter(self._ask(lambda client: client.search_runs(places, equal, max_results=1)).result()), None)

    def begun(self, sweep: str, folder: Path) -> Any:
        """The latest run of a sweep with its files in that folder, as MLflow has it, waited for; None for none."""
        return self._ask(lambda client: begun(client, sweep, folder_tag(self.uri, folder))).result()

    def lost(self, run_id: str) -> None:
        """Give a status to a run whose machine was lost."""
        self._ask(lambda client: end(client, run_id, "its machine was lost, and its job began again")).result()

    def recorded(self, run_id: str) -> Any:
        """A run as MLflow has it.

        Raises:
            TrackingError: it is not there, or the store cannot be used.
        """
        return self._ask(lambda client: find_run(client, run_id)).result()

    def reused_by(self, sweep: str, run_id: str, objective: str | None) -> None:
        """Note that a finished run belongs to a further sweep, and by which metric that one judges it."""

        def note(client: Any) -> None:
            text = reused_text(sweep, int(time.time() * 1000))
            client.set_tag(run_id, reused_tag(sweep), text, synchronous=True)
            if objective is not None:
                client.set_tag(run_id, objective_tag(sweep), objective, synchronous=True)

        self._ask(note).result()

    def note_failed(self, sweep: str, failed: Mapping[str, str]) -> None:
        """Note, on a run of a sweep, which of its jobs failed before they became runs.

        Args:
            failed: all that failed, each by the name that its run would have, and why.
        """
        if "'" in sweep:  # which no filter of MLflow's can hold
            return
        with usable(self.uri):
            client = connect(self.uri)
            runs = list(all_of(client.search_runs, [self.prepare()], f"tags.{SWEEP} = '{sweep}'"))
            names = {run.info.run_name for run in runs}
            lost = {name: why for name, why in failed.items() if stored(name, NAME_LENGTH) not in names}
            count = len(failed) - sum(run.info.status != "FINISHED" for run in runs)
            if runs and count > 0:
                told = [one_line(f"{abridged(name, 200)} ({cut(why, 200)})") for name, why in lost.items()]
                told = told if len(told) == count else []  # else somebody gave the runs other names
                text = stored("\n".join([str(count), *told]), TAG_LENGTH)
                client.set_tag(runs[0].info.run_id, NO_RUN, text, synchronous=True)

    @contextlib.contextmanager
    def run(
        self,
        *,
        name: str,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
        dataset: tuple[str, str],
        folder: Path,
        run_id: str | None = None,
    ) -> Iterator[Run]:
        """Record what happens inside as one run, which ends with its status however that ends, signals included.

        Args:
            params: long ones are cut.
            dataset: name and digest.
            folder: the run's own, where it keeps what could not be sent.
            run_id: of a run that was cut, to go on with it; its name and params stay as they are.

        Raises:
            TrackingError: the store cannot be used.
        """
        run = Run(self.uri, folder, self.experiment)
        with ended_by_signals():
            try:
                if run_id is None:
                    run.start(self.prepare(), name, params, tags, dataset)
                else:
                    run.go_on(run_id, params, tags, dataset)
                yield run
                run.finish()
            except BaseException as error:
                # Closed without an error: a signal came between the end of the block and the first line of contextlib.
                why = KeyboardInterrupt() if isinstance(error, GeneratorExit) else error
                try:
                    run.finish(why)
                finally:
                    run.finish(why)  # for a second signal that came before the first call could hold it off
                raise
