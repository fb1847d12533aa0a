"""The life of one MLflow run: buffered metrics, artifacts, status.

``mlflow.start_run`` records an interrupted run as finished, or leaves it running; a value logged by itself costs 3 ms,
and 0.1 ms in a batch; a server that stops answering blocks. So the life of a run is owned here, values wait in a
buffer, and what the store does not take is kept in a file of the run's folder while training goes on.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import math
import re
import time
import traceback
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from chainrule.delivery import Line, resend_by
from chainrule.environment import environment, is_gone, process
from chainrule.errors import TrackingError
from chainrule.signals import ended_by_signals, signals_wait
from chainrule.store import (
    absolute_uri,
    connect,
    cut,
    default_uri,
    in_thread,
    prepare_store,
    reason,
    shown,
    usable,
    way_to,
)

log = logging.getLogger(__name__)

POINTS = 1000
FLUSH_SECONDS = 2.0
PARAM_LENGTH, TAG_LENGTH, DIGEST_LENGTH, KEY_LENGTH = 6000, 8000, 36, 250  # what MLflow takes


def tracking_of(options: Mapping[str, Any]) -> Tracking | NoTracking:
    """What the config group ``tracking`` asks for."""
    if not options["enabled"]:
        return NoTracking()
    return Tracking(absolute_uri(options["uri"]) if options["uri"] else default_uri(), options["experiment"])


class Tracking:
    """One experiment of one store, in which runs are recorded."""

    def __init__(self, uri: str, experiment: str) -> None:
        self.uri = uri
        self.experiment = experiment
        self._warming: Future[str] | None = None

    def warm_up(self) -> None:
        """Begin, in a thread, what takes seconds: MLflow's import and a new store."""
        self._warming = in_thread(self._prepare)

    def prepare(self) -> str:
        """Make sure that store and experiment are there; the experiment's id.

        Runs of it whose process is gone get the status KILLED: one that SIGKILL ended could not give it itself.

        Raises:
            TrackingError: they cannot be.
        """
        return self._warming.result() if self._warming else self._prepare()

    def _prepare(self) -> str:
        experiment_id = prepare_store(self.uri, self.experiment)
        with usable(self.uri):
            client = connect(self.uri)
            for run in client.search_runs([experiment_id], "attributes.status = 'RUNNING'"):
                told = run.data.tags.get("process")
                # Looked at again: it may have ended well since, and then gone.
                if told and is_gone(told) and client.get_run(run.info.run_id).info.status == "RUNNING":
                    client.set_tag(run.info.run_id, "error", "its process was killed")
                    client.set_terminated(run.info.run_id, "KILLED")
        return experiment_id

    def finished(self, config_digest: str) -> str | None:
        """The id of a run of this experiment that is equal in all that can change its result, and has finished.

        Raises:
            TrackingError: the store cannot be used.
        """
        experiment_id = self.prepare()
        with usable(self.uri):
            found = connect(self.uri).search_runs(
                [experiment_id],
                f"tags.config_digest = '{config_digest}' and attributes.status = 'FINISHED'",
                max_results=1,
            )
        return found[0].info.run_id if found else None

    def reused_by(self, sweep: str, run_id: str) -> None:
        """Note that a finished run belongs to a further sweep."""
        with usable(self.uri):
            connect(self.uri).set_tag(run_id, reused_tag(sweep), str(int(time.time() * 1000)))

    @contextlib.contextmanager
    def run(
        self,
        *,
        name: str,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
        dataset: tuple[str, str],
        folder: Path,
    ) -> Iterator[Run]:
        """Record what happens inside as one run, which ends with its status however that ends, signals included.

        Args:
            params: long ones are cut.
            dataset: name and digest.
            folder: the run's own, where it keeps what could not be sent.

        Raises:
            TrackingError: the store cannot be used.
        """
        run = Run(self.uri, folder)
        with ended_by_signals():
            try:
                run.start(self.prepare(), name, params, tags, dataset)
                yield run
                run.finish()
            except BaseException as error:
                try:
                    run.finish(error)
                finally:
                    run.finish(error)  # for a second signal that came before the first call could hold it off
                raise


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
        tags = {**environment(Path.cwd()), "process": process(), "dataset.digest": dataset[1], **tags}
        with usable(self._uri), signals_wait():
            client = connect(self._uri)
            created = client.create_run(experiment_id, tags=_capped(tags, TAG_LENGTH), run_name=name)
            self.run_id = created.info.run_id
            self.where = way_to(self._uri, created.info)
            self._line = Line(client, created.info.run_id)
            self._unsent = self._folder / f"unsent-{self.run_id}.jsonl"
        self._send({"params": _capped(params, PARAM_LENGTH), "metrics": [], "tags": {}})
        self._send({"dataset": dataset[0], "digest": dataset[1][:DIGEST_LENGTH], "source": tags["mlflow.source.name"]})

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
                self.tag(f"nonfinite.{key}", f"{value} at step {step}")
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self._flush()

    def summary(self, metrics: Mapping[str, float], step: int) -> None:
        """Record values of the end of training; those that were logged at this step as they are, are not repeated."""
        known = {name: self._series[key_of(name)].last for name in metrics}
        self.log({name: value for name, value in metrics.items() if known[name] != (value, step)}, step)

    def tag(self, name: str, value: str) -> None:
        """Set a tag; it reaches the store with the next batch."""
        self._tags |= _capped({name: value}, TAG_LENGTH)

    def artifact(self, path: Path) -> None:
        """Record a file, or a folder under its name."""
        self._send({"artifact": str(path.absolute())})

    def artifacts(self, folder: Path) -> None:
        """Record everything in a folder but what is hidden."""
        for path in sorted(folder.iterdir()):
            if not path.name.startswith((".", "unsent-")):
                self.artifact(path)

    def text(self, text: str, name: str) -> None:
        """Record a text as a file of that name."""
        self._send({"text": text, "name": name})

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
                self.tag("error", " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": "))
            if status == "FAILED":
                self.text("".join(traceback.format_exception(error)), "traceback.txt")
            self._flush(last=True)
            self._send({"status": status, "time": int(time.time() * 1000)})
            if self._unsent.exists():
                self._send_unsent()

    def _flush(self, last: bool = False) -> None:
        self._flushed = time.monotonic()
        metrics = [(key, *point) for key, series in self._series.items() for point in series.take(last)]
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
            head = {"uri": self._uri, "run_id": self.run_id}
            self._unsent.parent.mkdir(parents=True, exist_ok=True)
            self._unsent.touch(mode=0o600)  # a URI may hold a password
            self._unsent.write_text(json.dumps(head) + "\n", encoding="utf-8")
            log.warning(
                "MLflow at %s does not take what is logged (%s). Training goes on; what cannot be sent is kept in %s, "
                "and sent at the end.",
                shown(self._uri),
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


class Series:
    """The points of one metric that wait to be sent, each ``(value, milliseconds, step)``.

    Of the first ``POINTS`` that are logged, each is sent, then of as many again every second one, then every fourth
    for twice as long, and so on; the last one always is. As the stride doubles, what still waits is thinned as well.
    """

    def __init__(self) -> None:
        self.last: tuple[float, int] | None = None  # value and step
        self._waiting: list[tuple[int, Point]] = []
        self._left_out: Point | None = None
        self._count = 0
        self._stride = 1

    def add(self, value: float, stamp: int, step: int) -> None:
        if self._count == POINTS * self._stride:
            self._stride *= 2
            self._waiting = [(index, point) for index, point in self._waiting if index % self._stride == 0]
        self._left_out = (value, stamp, step) if self._count % self._stride else None
        if self._left_out is None:
            self._waiting.append((self._count, (value, stamp, step)))
        self._count += 1
        self.last = (value, step)

    def take(self, last: bool) -> list[Point]:
        """What waits; with the last one, if it was left out and is asked for."""
        points = [point for _, point in self._waiting]
        return [*points, self._left_out] if last and self._left_out else points

    def clear(self) -> None:
        self._waiting = []


Point = tuple[float, int, int]


def reused_tag(sweep: str) -> str:
    """The tag of runs that a sweep took over; ``sweep`` itself names the one that made them. Its value: when."""
    return key_of(f"sweep.{sweep}")


def reusing_sweeps(tags: Mapping[str, str]) -> list[tuple[str, int]]:
    """The sweeps that took a run over, and when, in milliseconds."""
    return [(name.removeprefix("sweep."), int(when)) for name, when in tags.items() if name.startswith("sweep.")]


def status_of(error: BaseException | None) -> str:
    """What MLflow calls a run that ended so.

    >>> status_of(None), status_of(KeyboardInterrupt()), status_of(ValueError())
    ('FINISHED', 'KILLED', 'FAILED')
    """
    if error is None:
        return "FINISHED"
    return "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"


@functools.cache
def key_of(name: str) -> str:
    """The nearest name that MLflow takes for a metric, a parameter or a tag.

    >>> key_of("test/top@5[k=1]")
    'test/top_5_k_1_'
    """
    parts = re.sub(r"[^/\w.\- ]", "_", name)[:KEY_LENGTH].split("/")
    return "/".join(part for part in parts if part not in ("", ".", "..")) or "_"


def _capped(values: Mapping[str, Any], length: int) -> dict[str, str]:
    return {key_of(name): cut(shown(str(value)), length) for name, value in values.items()}


class NoTracking:
    """``tracking=none``: the same, and nothing is recorded."""

    def warm_up(self) -> None:
        """Nothing to begin."""

    def prepare(self) -> None:
        """Nothing to prepare."""

    def finished(self, config_digest: str) -> None:
        """Nothing was recorded."""

    def reused_by(self, sweep: str, run_id: str) -> None:
        """Nothing was recorded."""

    @contextlib.contextmanager
    def run(self, **described: Any) -> Iterator[NoRun]:
        """Nothing is recorded of what happens inside."""
        yield NoRun()


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

    def artifacts(self, folder: Path) -> None:
        """Recorded nowhere."""

    def text(self, text: str, name: str) -> None:
        """Recorded nowhere."""
