"""``chainrule compare``: runs grouped by what differs, with means over seeds, and what may be concluded from them.

``compare`` reads and computes; ``report`` does with it all that is asked for on the command line.

What may not live here: running anything.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from chainrule.comparison import formats
from chainrule.comparison.as_run import EXPERIMENT, log_comparison, side_by_side
from chainrule.comparison.groups import Comparison, grouped
from chainrule.comparison.pictures import MOST_CURVES, by_group, curves
from chainrule.comparison.runs import by_epoch, find, names
from chainrule.pictures.page import save
from chainrule.tracking.store import connect, usable
from chainrule.tracking.uris import absolute_uri, default_uri
from chainrule.words import redacted

__all__ = ["FORMATS", "Comparison", "compare", "named", "report"]

FORMATS: dict[str, Callable[[Comparison], str]] = {
    ".csv": formats.as_csv,
    ".json": formats.as_json,
    ".md": formats.markdown,
}
"""By the ending of their files."""
SIDE_BY_SIDE = 10
"""Columns of MLflow's page that people can still read."""


def compare(
    which: str | None = None, where: str | None = None, metric: str | None = None, uri: str | None = None
) -> Comparison:
    """The runs of a sweep or an experiment, grouped and compared.

    Args:
        which: its name; None for the latest sweep, or, with a filter, for all runs.
        where: a filter as MLflow's search takes it: ``params.optimizer.lr = '0.01'``.
        metric: None for a test metric that all have.
        uri: the store; None for the default one.

    Raises:
        UnknownName: there is no such sweep, experiment or metric. ConfigError: MLflow does not understand the filter.
        TrackingError: the store cannot be used, or no run is found that has finished.
    """
    uri = _uri(uri)
    with usable(uri):
        return grouped(find(connect(uri), which, where), metric)


def report(comparison: Comparison, uri: str | None, form: str | None, logged: bool) -> None:
    """Show it, draw it, and log it.

    Args:
        uri: the store; None for the default one.
        form: one of ``FORMATS``, which then is all that goes to stdout; None for a table for people.
        logged: whether it becomes a run in MLflow.
    """
    uri = _uri(uri)
    if form is None:
        formats.show(comparison)
    else:
        print(FORMATS[form](comparison), end="")
    folder = Path("outputs") / EXPERIMENT / f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}"
    write(comparison, folder, uri)
    beside = sys.stdout if form is None else sys.stderr
    print(f"files    {folder}", file=beside)
    if logged:
        print(f"MLflow   {log_comparison(comparison, folder.absolute(), uri)}", file=beside)
    print(f"compare  {_link(comparison, uri)}", file=beside)


def write(comparison: Comparison, folder: Path, uri: str) -> None:
    """Put the pictures and the table in every format into a folder."""
    folder.mkdir(parents=True)
    save(by_group(comparison), folder / "groups.png")
    for ending, form in FORMATS.items():
        (folder / f"comparison{ending}").write_text(form(comparison), encoding="utf-8")
    metric = _followed(comparison)
    if metric is not None:
        with usable(uri):
            client = connect(uri)
            best = comparison.counted[:MOST_CURVES]
            series = [[by_epoch(client, run.run_id, metric) for run in group.runs] for group in best]
        save(curves(comparison, metric, series), folder / "curves.png")


def named() -> list[str]:
    """What can be compared: the experiments and sweeps of the default store."""
    with usable(default_uri()):
        return names(connect(default_uri()))


def _uri(given: str | None) -> str:
    return absolute_uri(given) if given else default_uri()


def _followed(comparison: Comparison) -> str | None:
    """The metric by epoch that goes with the one that is compared: of validation, or else of training."""
    name = comparison.metric.rpartition("/")[2]
    known = {key for group in comparison.counted for run in group.runs for key in run.metrics}
    return next((key for key in (f"validation/{name}", f"train/{name}") if key in known), None)


def _link(comparison: Comparison, uri: str) -> str:
    """MLflow's page with the runs side by side; of many, one of each of the best groups."""
    runs = [run for group in comparison.counted for run in group.runs]
    if len(runs) > SIDE_BY_SIDE:
        runs = [group.runs[0] for group in comparison.counted[:SIDE_BY_SIDE]]
    page = side_by_side(runs)
    if uri.startswith("http"):
        return f"{redacted(uri.rstrip('/'))}/{page}"
    return f"http://127.0.0.1:5000/{page} (while chainrule ui runs)"
