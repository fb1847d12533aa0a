"""One experiment of one store, in which runs are recorded, or none; and what the config group ``tracking`` chooses."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from chainrule.process.signals import ended_by_signals
from chainrule.process.threads import in_thread
from chainrule.tracking.orphans import close_orphans
from chainrule.tracking.reading import missing_file
from chainrule.tracking.run import NoRun, Run
from chainrule.tracking.store import connect, prepare_store, usable
from chainrule.tracking.tags import CONFIG_DIGEST, objective_tag, reused_tag, reused_text
from chainrule.tracking.uris import resolved

log = logging.getLogger(__name__)
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
        self._warming: Future[str] | None = None

    def warm_up(self) -> None:
        """Begin, in a thread, what takes seconds: MLflow's import and a new store."""
        self._warming = in_thread("mlflow", lambda: prepare_store(self.uri, self.experiment))

    def prepare(self) -> str:
        """Make sure that store and experiment are there; the experiment's id.

        Raises:
            TrackingError: they cannot be.
        """
        return self._warming.result() if self._warming else prepare_store(self.uri, self.experiment)

    def close_orphans(self) -> None:
        """Give a status to runs of this experiment whose process was killed; a warning says how they go on.

        Raises:
            TrackingError: the store cannot be used.
        """
        experiment_id = self.prepare()
        with usable(self.uri):
            closed = close_orphans(connect(self.uri), experiment_id)
        if closed:
            more = f", as {len(closed) - 1} others of {self.experiment} were" if len(closed) > 1 else ""
            log.warning("The run %s was killed%s. To go on with it: chainrule resume %s", closed[0], more, closed[0])

    def finished(self, config_digest: str, needs: str) -> str | None:
        """The id of a run of this experiment that is equal in all that can change its result, and has finished.

        One whose artifact ``needs`` is gone does not count; where there is none but such, a warning says so.

        Raises:
            TrackingError: the store cannot be used.
        """
        experiment_id = self.prepare()
        equal = f"tags.{CONFIG_DIGEST} = '{config_digest}' and attributes.status = 'FINISHED'"
        missing = None
        with usable(self.uri):
            client = connect(self.uri)
            for run in client.search_runs([experiment_id], equal, max_results=EQUALS):
                missing = missing_file(client, run.info, needs)
                if missing is None:
                    return str(run.info.run_id)
        if missing is not None:
            log.warning("An equal run had finished, but cannot be reused: %s", missing)
        return None

    def unfinished(self, config_digest: str) -> Any:
        """Such a run that was cut, as MLflow has it; None for none.

        Raises:
            TrackingError: the store cannot be used.
        """
        equal = f"tags.{CONFIG_DIGEST} = '{config_digest}' and attributes.status = 'KILLED'"
        with usable(self.uri):
            return next(iter(connect(self.uri).search_runs([self.prepare()], equal, max_results=1)), None)

    def reused_by(self, sweep: str, run_id: str, objective: str | None) -> None:
        """Note that a finished run belongs to a further sweep, and by which metric that one judges it."""
        with usable(self.uri):
            client, text = connect(self.uri), reused_text(sweep, int(time.time() * 1000))
            client.set_tag(run_id, reused_tag(sweep), text, synchronous=True)
            if objective is not None:
                client.set_tag(run_id, objective_tag(sweep), objective, synchronous=True)

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
        run = Run(self.uri, folder)
        with ended_by_signals():
            try:
                if run_id is None:
                    run.start(self.prepare(), name, params, tags, dataset)
                else:
                    run.go_on(run_id, tags)
                yield run
                run.finish()
            except BaseException as error:
                try:
                    run.finish(error)
                finally:
                    run.finish(error)  # for a second signal that came before the first call could hold it off
                raise


class NoTracking:
    """``tracking=none``: the same, and nothing is recorded."""

    uri = ""

    def warm_up(self) -> None:
        """Nothing to begin."""

    def prepare(self) -> None:
        """Nothing to prepare."""

    def close_orphans(self) -> None:
        """Nothing was recorded."""

    def finished(self, config_digest: str, needs: str) -> None:
        """Nothing was recorded."""

    def unfinished(self, config_digest: str) -> None:
        """Nothing was recorded."""

    def reused_by(self, sweep: str, run_id: str, objective: str | None) -> None:
        """Nothing was recorded."""

    @contextlib.contextmanager
    def run(self, **described: Any) -> Iterator[NoRun]:
        """Nothing is recorded of what happens inside."""
        yield NoRun()
