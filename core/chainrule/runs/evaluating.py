"""How well a run's network does on new data, recorded as a run that is linked to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from chainrule.contract.arguments import require_count
from chainrule.pictures.drawing import of_metric
from chainrule.pictures.page import save
from chainrule.prediction.evaluation import HEADINGS, RESAMPLES, Evaluation, evaluate
from chainrule.runs.new_rows import STDIN, read_rows, samples_of
from chainrule.runs.trained import Trained, trained
from chainrule.tracking.nothing import NoTracking
from chainrule.tracking.tags import KIND
from chainrule.tracking.tracking import Tracking
from chainrule.tracking.uris import resolved
from chainrule.words import counted

EXPERIMENT = "evaluations"
FOLDER = Path("outputs/evaluations")
EVALUATES = "evaluates"
"""The tag that names the run whose network was measured."""


@dataclass(frozen=True)
class Evaluated:
    """An evaluation, and where it went: ``run_id`` and ``link`` are None where it was not recorded; ``source``: the
    name of what it was measured on."""

    evaluation: Evaluation
    trained: Trained
    folder: Path
    run_id: str | None
    link: str | None
    source: str


def evaluate_run(
    run: str,
    source: str,
    uri: str | None = None,
    metrics: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    record: bool = True,
) -> Evaluated:
    """Measure a run's network on new data with answers.

    Args:
        run: its id, or its folder; what was trained without MLflow is measured, and not recorded either.
        source: a file like that which it was trained on; ``-``, standard input; or a folder of images, in folders named
            by their classes.
        uri: the store; None for ``MLFLOW_TRACKING_URI``, else ``mlflow.db`` in the working directory.
        metrics: names; None for all that are installed for the task.
        resamples: of the bootstrap, 1 or more.
        record: whether the result becomes a run of its own, in the experiment "evaluations".

    Raises:
        TrackingError: there is no such run or store. DataError: the data is not what the network takes.
    """
    require_count("resamples", resamples)
    found = trained(run, uri)
    rows = read_rows(found, source)
    samples = samples_of(found, rows)
    evaluation = evaluate(found.predictor.network, samples, metrics, resamples)
    folder = (FOLDER / f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}").absolute()
    tracking = Tracking(resolved(uri), EXPERIMENT) if record and found.run_id is not None else NoTracking()
    where = "standard input" if source == STDIN else Path(source).name
    name = f"{found.name} on {where}"
    digest = hashlib.sha256(b"".join(array.tobytes() for array in samples.arrays)).hexdigest()
    with tracking.run(
        name=name,
        params={"run": found.run_id, "data": source, "rows": evaluation.rows, "resamples": resamples},
        tags={KIND: "evaluation", EVALUATES: found.run_id or "", "mlflow.parentRunId": found.run_id or ""},
        dataset=(str(found.config["dataset"]["name"]), digest),
        folder=folder,
    ) as tracked:
        write(evaluation, found, name, folder)
        values: dict[str, float] = {}
        for metric, measured in evaluation.metrics.items():
            bounds = {"low": measured.low, "high": measured.high}
            values |= {f"new/{metric}": measured.value}
            values |= {f"new/{metric}/{end}": bound for end, bound in bounds.items() if bound is not None}
        tracked.summary(values, step=0)
        tracked.artifacts(folder)
    return Evaluated(evaluation, found, folder, tracked.run_id, tracked.where, where)


def write(evaluation: Evaluation, found: Trained, title: str, folder: Path) -> None:
    """The numbers as JSON, and a figure of each metric that is an array."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {
        "rows": evaluation.rows,
        "metrics": {name: asdict(measured) for name, measured in evaluation.metrics.items()},
        "arrays": {name: array.tolist() for name, array in evaluation.arrays.items()},
    }
    (folder / "metrics.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    names = found.predictor.preparation.class_names
    for name, array in evaluation.arrays.items():
        draw = of_metric(name, array, () if isinstance(names, dict) else names, title, "")
        if draw is not None:
            save(draw, folder / f"{name.replace('/', '-')}.png")


def show(evaluated: Evaluated) -> None:
    """Print a row for each metric, and where the files went."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    evaluation = evaluated.evaluation
    title = f"{evaluated.trained.name}, on {counted(evaluation.rows, 'row')} of {evaluated.source}"
    table = Table(title=Text(title), title_style="bold", title_justify="left")
    for heading in HEADINGS:
        table.add_column(heading, justify="right" if heading else "left")
    for row in evaluation.cells():
        table.add_row(*row)
    Console(highlight=False).print(table)
