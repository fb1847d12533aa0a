"""One run that is being recorded: what it tells, and how it ends.

``mlflow.start_run`` records an interrupted run as finished, or leaves it running; a value logged by itself costs 3 ms,
and 0.1 ms in a batch; a server that stops answering blocks. So the life of a run is owned here, values wait in a
buffer, and a thread brings them to the store while training goes on.
"""

from __future__ import annotations

import math
import time
import traceback
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chainrule.process.liveness import process
from chainrule.process.signals import signals_wait
from chainrule.redaction import redacted
from chainrule.tracking.delivery import Delivery
from chainrule.tracking.environment import environment
from chainrule.tracking.folders import folder_tag
from chainrule.tracking.histories import of_run
from chainrule.tracking.making import Making
from chainrule.tracking.pages import way_to
from chainrule.tracking.records import batch, batches
from chainrule.tracking.resending import resend
from chainrule.tracking.series import Series
from chainrule.tracking.store import connect, find_run, is_outage, usable
from chainrule.tracking.tags import (
    CONFIG_DIGEST,
    DATASET_DIGEST,
    ERROR,
    FOLDER,
    NAME_LENGTH,
    PARAM_LENGTH,
    PROCESS,
    PROGRAM,
    RESUMED,
    TAG_LENGTH,
    capped,
    key_of,
    nonfinite_tag,
    short_digest,
    status_of,
    stored,
)
from chainrule.tracking.uris import is_remote
from chainrule.tracking.written import State, written
from chainrule.words import error_in_words, one_line

ANSWER_SECONDS = 0.7
"""How long training waits for a server to make a run, which else is made beside it."""


class Run:
    """A run that is being recorded. Once it has started, nothing that the store does ends the training or holds it."""

    def __init__(self, uri: str, folder: Path, experiment: str = "") -> None:
        self._uri = uri
        self._folder = folder.absolute()
        self._experiment = experiment
        self._delivery: Delivery | None = None
        self._finished = False
        self._series: defaultdict[str, Series] = defaultdict(Series)
        self._tags: dict[str, str] = {}
        self._nonfinite: set[str] = set()
        self._stored: set[tuple[str, int, float]] = set()  # points of an earlier process

    @property
    def run_id(self) -> str | None:
        """MLflow's; None as long as no server has given one."""
        return self._delivery.run_id if self._delivery is not None else None

    @property
    def where(self) -> str | None:
        """The page of this run, or the command that opens it."""
        return self._delivery.where if self._delivery is not None else None

    def start(
        self,
        experiment_id: str | None,
        name: str,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
        dataset: tuple[str, str],
    ) -> None:
        """Create the run, with what is known of it before training.

        Args:
            experiment_id: None where a server did not tell yet. The run is then made as soon as it answers.

        Raises:
            TrackingError: the store does not take it.
        """
        place = folder_tag(self._uri, self._folder)
        tags = {**environment(Path.cwd()), PROCESS: process(), DATASET_DIGEST: dataset[1], FOLDER: place, **tags}
        now = int(time.time() * 1000)
        stored_tags = capped(tags, TAG_LENGTH)
        making = Making(self._experiment, stored(name, NAME_LENGTH), stored_tags, now, experiment_id)
        delivery = Delivery(self._uri, self._folder, making, self._collect)
        self._describe(delivery, capped(params, PARAM_LENGTH), tags, dataset)
        self._delivery = delivery
        try:
            delivery.start()
            self._wait_for(delivery, ANSWER_SECONDS if experiment_id is not None else ANSWER_SECONDS / 2)
        except BaseException:
            delivery.abandon()
            self._delivery = None
            raise

    def go_on(self, run_id: str, params: Mapping[str, Any], tags: Mapping[str, str], dataset: tuple[str, str]) -> None:
        """Record what goes on of a run that was cut: what the store has is not sent again.

        Raises:
            TrackingError: the store has no such run, or cannot be used.
        """
        unsent = self._folder / f"unsent-{run_id}.jsonl"
        if unsent.exists():
            resend(unsent)
        with usable(self._uri):
            client = connect(self._uri)
            run = find_run(client, run_id)
            client.update_run(run_id, "RUNNING")
            changed = {name: tags[name] for name in (CONFIG_DIGEST, RESUMED) if name in tags}
            for name, text in capped({PROCESS: process(), **changed}, TAG_LENGTH).items():
                client.set_tag(run_id, name, text, synchronous=True)
            if ERROR in run.data.tags:
                client.delete_tag(run_id, ERROR)
            histories = of_run(client, run_id, run.data.metrics)
        self._stored = {(key, *point) for key, points in histories.items() for point in points}
        self._tags |= capped(tags, TAG_LENGTH)
        info = run.info
        making = Making(self._experiment, info.run_name, dict(run.data.tags), info.start_time, info.experiment_id)
        self._delivery = Delivery(self._uri, self._folder, making, self._collect, run_id)
        self._delivery.where = way_to(self._uri, info)
        unknown = {name: text for name, text in capped(params, PARAM_LENGTH).items() if name not in run.data.params}
        self._describe(self._delivery, unknown, environment(Path.cwd()), dataset)
        self._delivery.start()

    def _describe(
        self, delivery: Delivery, params: Mapping[str, str], tags: Mapping[str, str], dataset: tuple[str, str]
    ) -> None:
        """Hand over what is known before training."""
        delivery.put(batch([], {}, params))
        program = stored(tags[PROGRAM], TAG_LENGTH)
        delivery.put({"dataset": dataset[0], "digest": short_digest(dataset[1]), "source": program})

    def _wait_for(self, delivery: Delivery, seconds: float) -> None:
        """Until the run is there, or a server has not made it within this time."""
        remote = is_remote(self._uri)
        delivery.tried.wait(seconds if remote else None)
        why = delivery.why
        if delivery.run_id is None and why is not None and not (remote and is_outage(why)):
            with usable(self._uri):
                raise why
        if delivery.run_id is None and delivery.outbox.keep():
            delivery.warn()

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Record values at a step. They reach the store in batches, as soon as it costs training next to nothing.

        A value that is infinite or not a number becomes a tag, the first time: MLflow would store 1.8e308.
        """
        delivery = self._delivery
        assert delivery is not None, "a run is started before it is logged to"
        stamp = int(time.time() * 1000)
        with delivery.outbox.lock:
            for name, given in metrics.items():
                key, value = key_of(name), float(given)
                if math.isfinite(value):
                    self._series[key].add(value, stamp, step)
                elif key not in self._nonfinite:
                    self._nonfinite.add(key)
                    self._tags |= capped(dict([nonfinite_tag(key, value, step)]), TAG_LENGTH)
        delivery.look()

    def summary(self, metrics: Mapping[str, float], step: int) -> None:
        """Record values of the end of training; those that were logged at this step as they are, are not repeated.

        What has no value by epoch stands at step 0: MLflow draws it as a bar, not as a curve of one point.
        """
        by_epoch = {name for name in metrics if self._series[key_of(name)].last is not None}
        known = {name: self._series[key_of(name)].last for name in by_epoch}
        self.log({name: metrics[name] for name in by_epoch if known[name] != (metrics[name], step)}, step)
        self.log({name: value for name, value in metrics.items() if name not in by_epoch}, 0)

    def tag(self, name: str, value: str) -> None:
        """Set a tag; it reaches the store with the next batch."""
        delivery = self._delivery
        assert delivery is not None, "a run is started before it is tagged"
        with delivery.outbox.lock:
            self._tags |= capped({name: value}, TAG_LENGTH)
        delivery.look()

    def artifact(self, path: Path) -> None:
        """Record a file: one of the run's folder in its place there, any other at the top."""
        path = path.absolute()
        inside = path.is_relative_to(self._folder)
        self._put({"artifact": (path.relative_to(self._folder) if inside else path).as_posix()})

    def artifacts(self, folder: Path, before: Mapping[str, State] | None = None) -> None:
        """Record what was written into a folder since ``files_in`` gave ``before``, else everything; no hidden file."""
        for name in written(folder, before or {}):
            self.artifact(folder / name)

    def text(self, text: str, name: str) -> None:
        """Record a text as a file of that name, without what looks like a secret."""
        self._put({"text": redacted(text).encode(errors="replace").decode(), "name": name})

    def finish(self, error: BaseException | None = None) -> None:
        """Give the run its status, and wait some seconds for what has not arrived; what then has not, is kept. Done
        once; a signal cuts the wait short, and acts afterwards.

        Args:
            error: what ended the run; None if it came to its end.
        """
        delivery = self._delivery
        if delivery is None or self._finished:
            return
        with signals_wait() as came:
            self._finished = True
            status = status_of(error)
            if error is not None:
                self.tag(ERROR, one_line(error_in_words(error)))
            if status == "FAILED":
                self.text("".join(traceback.format_exception(error)), "traceback.txt")
            with delivery.outbox.lock:
                self._collect(last=error is None)  # of one that may go on, no point that is left out otherwise
                delivery.put({"status": status, "time": int(time.time() * 1000)})
            delivery.finish(came, quickly=status == "KILLED")

    def _put(self, record: Mapping[str, Any]) -> None:
        assert self._delivery is not None, "a run is started before it is given files"
        self._delivery.put(record)

    def _collect(self, last: bool = False) -> None:
        """Hand over what has been logged; called under the outbox's lock."""
        if self._delivery is None:
            return
        points = ((key, *point) for key, series in self._series.items() for point in series.take(last))
        metrics = [point for point in points if (point[0], point[3], point[1]) not in self._stored]
        if metrics or self._tags:
            for record in batches(metrics, self._tags):
                self._delivery.outbox.put(record)
        # Only now: an interrupt in between must not lose it. A store takes the same point twice as one.
        for series in self._series.values():
            series.clear()
        self._tags = {}


class NoRun:
    """A run that nobody records."""

    run_id: str | None = None
    where: str | None = None

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Recorded nowhere."""

    def summary(self, metrics: Mapping[str, float], step: int) -> None:
        """Recorded nowhere."""

    def tag(self, name: str, value: str) -> None:
        """Recorded nowhere."""

    def artifact(self, path: Path) -> None:
        """Recorded nowhere."""

    def artifacts(self, folder: Path, before: Mapping[str, State] | None = None) -> None:
        """Recorded nowhere."""

    def text(self, text: str, name: str) -> None:
        """Recorded nowhere."""
