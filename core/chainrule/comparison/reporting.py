"""All that ``chainrule compare`` leaves of a comparison: what it prints, its files, its run in MLflow."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from chainrule.comparison.as_run import EXPERIMENT, log_comparison
from chainrule.comparison.comparing import curves_of
from chainrule.comparison.formats import as_csv, as_json, latex, markdown, show
from chainrule.comparison.groups import Comparison
from chainrule.comparison.looking import followed, side_by_side, together
from chainrule.comparison.pictures import MOST_CURVES, by_group, curves
from chainrule.pictures.page import save
from chainrule.redaction import redacted
from chainrule.tracking.store import connect, usable
from chainrule.tracking.uris import resolved

FORMATS: dict[str, Callable[[Comparison], str]] = {
    ".csv": as_csv,
    ".json": as_json,
    ".md": markdown,
    ".tex": latex,
}
"""By the ending of their files."""


def report(comparison: Comparison, uri: str | None, form: str | None, logged: bool) -> None:
    """Show it, draw it, and log it.

    Args:
        uri: the store; None for the default one.
        form: one of ``FORMATS``, which then is all that goes to stdout; None for a table for people.
        logged: whether it becomes a run in MLflow.

    Raises:
        TrackingError: the store cannot be used.
    """
    uri = resolved(uri)
    if form is None:
        show(comparison)
    else:
        print(FORMATS[form](comparison), end="")
    folder = Path("outputs") / EXPERIMENT / f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}"
    write(comparison, folder, uri)
    beside = sys.stdout if form is None else sys.stderr
    print(f"files    {folder}", file=beside)
    page = side_by_side(comparison)
    if logged:
        with usable(uri):
            page = together(connect(uri), comparison)
        print(f"MLflow   {log_comparison(comparison, folder.absolute(), uri, page)}", file=beside)
    print(f"compare  {_link(page, uri)}", file=beside)


def write(comparison: Comparison, folder: Path, uri: str) -> None:
    """Put the pictures and the table in every format into a folder."""
    folder.mkdir(parents=True)
    save(partial(by_group, comparison), folder / "groups.png")
    for ending, form in FORMATS.items():
        (folder / f"comparison{ending}").write_text(form(comparison), encoding="utf-8")
    metric = followed(comparison)
    if metric is not None:
        series = curves_of(comparison.counted[:MOST_CURVES], metric, uri)
        save(partial(curves, comparison, metric, series), folder / "curves.png")


def _link(page: str, uri: str) -> str:
    """The address of a page of MLflow's."""
    if uri.startswith("http"):
        return f"{redacted(uri.rstrip('/'))}/{page}"
    return f"http://127.0.0.1:5000/{page} (while chainrule ui runs)"
