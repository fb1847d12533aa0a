"""What a run gave, now or when MLflow recorded it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.contract.arguments import require_text
from chainrule.contract.arrays import Array
from chainrule.contract.preparation import Preparation
from chainrule.markup import html_facts, html_table
from chainrule.network.loading import load_network
from chainrule.network.network import Network
from chainrule.prediction import predictor
from chainrule.prediction.evaluation import Evaluation
from chainrule.prediction.predictor import Predictor, load_preparation
from chainrule.runs.measured import Report, judged_by
from chainrule.tracking.reading import read_run
from chainrule.training.history import History
from chainrule.words import SHOWN, abridged, number, relative

MODEL = "model"
WEIGHTS = f"{MODEL}/{predictor.WEIGHTS}"
PAGE = "explanation.html"
"""Below a run's folder, and its artifacts."""


@dataclass(frozen=True)
class Result:
    """What a run gave.

    ``metrics`` holds the last value of each metric by name (``"test/accuracy"``), and the best ones (``"best/..."``);
    ``history`` one value per epoch. ``run_id`` is MLflow's, None for an untracked run; ``folder`` holds its files.
    ``seconds``: wall time. ``link``: the line that opens MLflow on it. ``stopped``: why it ended early, if it did.
    ``reused``: whether it was not run again, since an equal run had finished. ``remarks``: what a run that was made now
    has to say of its result, a sentence each; ``objective``: the metric by which its config judges it.
    ``preparation``: how raw rows become what the network takes; None of a run that was recorded before it was kept.
    """

    name: str
    run_id: str | None
    metrics: dict[str, float]
    network: Network
    history: History
    folder: Path
    seconds: float
    link: str | None
    stopped: str | None
    reused: bool = False
    remarks: tuple[str, ...] = ()
    objective: str | None = None
    preparation: Preparation | None = None

    @property
    def predictor(self) -> Predictor:
        """The network with its preparation.

        Raises:
            DataError: the run was recorded without one.
        """
        if self.preparation is None:
            load_preparation(self.folder / MODEL)  # which says what is wrong
        assert self.preparation is not None
        return Predictor(self.network, self.preparation)

    def predict(self, table: Any, threshold: float | None = None) -> Any:
        """The answer for each row, as it comes: the name of its class, or numbers in the unit of the target. See
        ``Predictor.predict``, as for what it raises; ``network.predict`` takes what is prepared already."""
        return self.predictor.predict(table, threshold)

    def predict_proba(self, table: Any) -> Array:
        """The probability of each class, ``(n, classes)``, for rows as they come: see ``Predictor.predict_proba``."""
        return self.predictor.predict_proba(table)

    def evaluate(self, table: Any, metrics: Sequence[Any] | None = None) -> Evaluation:
        """The loss and metrics on rows with answers, as they come, with intervals: see ``Predictor.evaluate``."""
        return self.predictor.evaluate(table, metrics)

    def __repr__(self) -> str:
        splits = ("test/", "validation/", "train/")  # what was measured on the first that there is
        told = next(filter(None, ([name for name in self.metrics if name.startswith(split)] for split in splits)), [])
        values = ", ".join(f"{name} {number(self.metrics[name])}" for name in told)
        run = f"run {self.run_id}" if self.run_id else "not recorded"
        return f"<Result {self.name}: {values}; {self.history.epochs} epochs, {run}, {relative(self.folder)}>"

    def _repr_html_(self) -> str:
        headings, *rows = self.report.rows()
        run = ("run", self.run_id or "not recorded")
        return html_table(abridged(self.name, SHOWN), headings, rows) + html_facts([run, *self.told()])

    @property
    def report(self) -> Report:
        """Its metrics, for people."""
        return Report(self.name, self.metrics, self.objective)

    def told(self) -> Iterator[tuple[str, str]]:
        """What there is to say beside its metrics, each with a word for what it is."""
        judged = self.report.judged
        if judged is not None:
            yield "judged", f"by {judged_by(judged, self.objective)}: {number(self.metrics[judged])}"
        if self.stopped:
            yield "stopped", self.stopped
        yield from (("note", remark) for remark in self.remarks)
        yield "time", f"{self.seconds:.1f} s{', of an equal run that had finished' if self.reused else ''}"
        yield "files", relative(self.folder)
        if (self.folder / PAGE).is_file():
            yield "page", relative(self.folder / PAGE)
        if self.link:
            yield "MLflow", self.link


def load_run(run_id: str, uri: str | None = None) -> Result:
    """The result of a run that MLflow recorded: its network with the trained weights, its metrics and history.

    Args:
        run_id: as ``Result.run_id`` and MLflow's pages give it; ``"latest"`` is the one that was trained last.
        uri: the store; None for ``MLFLOW_TRACKING_URI``, else ``mlflow.db`` in the working directory.

    Raises:
        TrackingError: there is no such run or store, or its weights are not there any more; says where they should be.
        UnknownName: the network needs a component that is not installed.
    """
    require_text("run_id", run_id, "the id of a run, as Result.run_id has it")
    return loaded(run_id, uri, None)


def loaded(run_id: str, uri: str | None, folder: Path | None) -> Result:
    record = read_run(run_id, uri, folder, needs=WEIGHTS)
    network = load_network(record.folder / WEIGHTS)
    history = History()
    for values in record.epochs:
        history.append(values)
    model = record.folder / MODEL
    preparation = load_preparation(model) if (model / predictor.PREPARATION).is_file() else None
    return Result(
        record.name,
        record.run_id,
        record.metrics,
        network,
        history,
        record.folder,
        record.seconds,
        record.link,
        stopped=None,
        preparation=preparation,
    )
