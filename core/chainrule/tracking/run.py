"""One run that is being recorded: buffered metrics, artifacts, status.

``mlflow.start_run`` records an interrupted run as finished, or leaves it running; a value logged by itself costs 3 ms,
and 0.1 ms in a batch; a server that stops answering blocks. So the life of a run is owned here, values wait in a
buffer, and what the store does not take is kept in a file of the run's folder while training goes on.
"""

from __future__ import annotations

import json
import logging
import math
import time
import traceback
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chainrule.errors import TrackingError
from chainrule.process.liveness import process
from chainrule.process.signals import signals_wait
from chainrule.tracking.delivery import Line, beside, resend_by
from chainrule.tracking.environment import environment
from chainrule.tracking.folders import folder_tag
from chainrule.tracking.histories import of_run
from chainrule.tracking.pages import way_to
from chainrule.tracking.series import Series
from chainrule.tracking.store import connect, find_run, reason, usable
from chainrule.tracking.tags import (
    DATASET_DIGEST,
    ERROR,
    FOLDER,
    NAME_LENGTH,
    PARAM_LENGTH,
    PROCESS,
    PROGRAM,
    TAG_LENGTH,
    capped,
    key_of,
    nonfinite_tag,
    short_digest,
    status_of,
    stored,
)
from chainrule.tracking.written import State, written
from chainrule.words import error_in_words, one_line, redacted

log = logging.getLogger(__name__)

FLUSH_SECONDS = 2.0


class Run:
    """A run that is being recorded. Once it has started, nothing that the store does ends the training."""

    def __init__(self, uri: str, folder: Path) -> None:
        self.run_id: str | None = None
        self.where: str | None = None
        """The page of this run, or the command that opens it."""
        self._uri = uri
        self._folder = folder
        self._finished = False
        self._lost = False
        self._series: defaultdict[str, Series] = defaultdict(Series)
        self._tags: dict[str, str] = {}
        self._nonfinite: set[str] = set()
        self._stored: set[tuple[str, int, float]] = set()  # points of an earlier process
        self._flushed = time.monotonic()

    def start(
        self,
        experiment_id: str,
        name: str,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
        dataset: tuple[str, str],
    ) -> None:
        """Create the run, with what is known of it before training.

        Raises:
            TrackingError: the store does not take it.
        """
        place = folder_tag(self._uri, self._folder)
        tags = {**environment(Path.cwd()), PROCESS: process(), DATASET_DIGEST: dataset[1], FOLDER: place, **tags}
        with usable(self._uri), signals_wait():
            client = connect(self._uri)
            created = client.create_run(experiment_id, None, capped(tags, TAG_LENGTH), stored(name, NAME_LENGTH))
            self.run_id = created.info.run_id
            self.where = way_to(self._uri, created.info)
            self._line = Line(client, created.info.run_id, self._folder)
            self._unsent = self._folder / f"unsent-{self.run_id}.jsonl"
        self._send({"params": capped(params, PARAM_LENGTH), "metrics": [], "tags": {}})
        program = stored(tags[PROGRAM], TAG_LENGTH)
        self._send({"dataset": dataset[0], "digest": short_digest(dataset[1]), "source": program})

    def go_on(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Record what goes on of a run that was cut: a point that the store has is not sent again.

        Raises:
            TrackingError: the store has no such run, or cannot be used.
        """
        with usable(self._uri), signals_wait():
            client = connect(self._uri)
            run = find_run(client, run_id)
            self.run_id, self.where = run_id, way_to(self._uri, run.info)
            self._line = Line(client, run_id, self._folder)
            self._unsent = self._folder / f"unsent-{run_id}.jsonl"
            if self._unsent.exists():
                self._send_unsent()
            client.update_run(run_id, "RUNNING")
            if ERROR in run.data.tags:
                client.delete_tag(run_id, ERROR)
            client.set_tag(run_id, PROCESS, process(), synchronous=True)
            histories = of_run(client, run_id, run.data.metrics)
        self._stored = {(key, *point) for key, points in histories.items() for point in points}
        self._tags |= capped(tags, TAG_LENGTH)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Record values at a step. They reach the store in batches, every two seconds.

        A value that is infinite or not a number becomes a tag, the first time: MLflow would store 1.8e308.
        """
        stamp = int(time.time() * 1000)
        for name, given in metrics.items():
            key, value = key_of(name), float(given)
            if math.isfinite(value):
                self._series[key].add(value, stamp, step)
            elif key not in self._nonfinite:
                self._nonfinite.add(key)
                self.tag(*nonfinite_tag(key, value, step))
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self._flush()

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
        self._tags |= capped({name: value}, TAG_LENGTH)

    def artifact(self, path: Path) -> None:
        """Record a file: one of the run's folder in its place there, any other at the top."""
        path = path.absolute()
        folder = self._folder.absolute()
        self._send({"artifact": (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()})

    def artifacts(self, folder: Path, before: Mapping[str, State] | None = None) -> None:
        """Record what was written into a folder since ``files_in`` gave ``before``, else everything; no hidden file."""
        for name in written(folder, before or {}):
            self.artifact(folder / name)

    def text(self, text: str, name: str) -> None:
        """Record a text as a file of that name."""
        self._send({"text": text.encode(errors="replace").decode(), "name": name})

    def finish(self, error: BaseException | None = None) -> None:
        """Give the run its status, and send what waits. Done once; signals wait for it.

        Args:
            error: what ended the run; None if it came to its end.
        """
        if self.run_id is None or self._finished:
            return
        with signals_wait():
            self._finished = True
            self._line.open()
            status = status_of(error)
            if error is not None:
                self.tag(ERROR, one_line(error_in_words(error)))
            if status == "FAILED":
                self.text("".join(traceback.format_exception(error)), "traceback.txt")
            self._flush(last=error is None)  # of one that may go on, no point that is left out otherwise
            self._send({"status": status, "time": int(time.time() * 1000)})
            if self._unsent.exists():
                self._send_unsent()

    def _flush(self, last: bool = False) -> None:
        self._flushed = time.monotonic()
        points = ((key, *point) for key, series in self._series.items() for point in series.take(last))
        metrics = [point for point in points if (point[0], point[3], point[1]) not in self._stored]
        if metrics or self._tags:
            self._send({"metrics": metrics, "params": {}, "tags": self._tags})
        # Only now: an interrupt while it is sent must not lose it. A store takes the same point twice as one.
        for series in self._series.values():
            series.clear()
        self._tags = {}

    def _send(self, record: Mapping[str, Any]) -> None:
        why = self._line.send(record)
        if why is None:
            return
        try:
            self._keep(record, why)
        except OSError as error:  # a full disk must end neither the training nor the run's way to its status
            if not self._lost:
                self._lost = True
                why_not = reason(error)
                log.warning("What MLflow does not take cannot be kept in %s, and is lost: %s", self._unsent, why_not)

    def _keep(self, record: Mapping[str, Any], why: Exception) -> None:
        if not self._unsent.exists():
            head = {"uri": self._uri, "run_id": self.run_id, **beside(self._uri, self._folder)}
            self._unsent.parent.mkdir(parents=True, exist_ok=True)
            self._unsent.touch(mode=0o600)  # a URI may hold a password
            self._unsent.write_text(json.dumps(head) + "\n", encoding="utf-8")
            log.warning(
                "MLflow at %s does not take what is logged (%s). Training goes on; what cannot be sent is kept in %s, "
                "and sent at the end.",
                redacted(self._uri),
                reason(why),
                self._unsent,
            )
        with self._unsent.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def _send_unsent(self) -> None:
        try:
            resend_by(self._unsent, self._line)
        except (TrackingError, OSError) as error:
            log.warning("%s", error)


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
