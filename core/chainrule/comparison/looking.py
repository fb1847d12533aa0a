"""Where MLflow's own pages show runs, so that they open on what matters: objective, test figures, what differs."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

from chainrule.comparison.groups import Comparison, ranking, telling_apart
from chainrule.comparison.runs import recent
from chainrule.registry.goals import OBJECTIVE, Goal
from chainrule.tracking.views import View, runs_page, shared

LATEST = "latest"
"""The view that ``latest_runs`` keeps: a later one takes its place."""
MOST_RUNS = 50
"""On the page of a comparison."""
SIDE_BY_SIDE = 10
"""Columns of MLflow's page for runs of several experiments that people can still read."""


def latest_runs(client: Any) -> str:
    """The place of the table that holds the run that was trained last; MLflow's start page, where none was."""
    from mlflow.exceptions import MlflowException

    runs = recent(client)
    if not runs:
        return ""
    experiment = runs[0].experiment_id
    finished = [run for run in runs if run.status == "FINISHED" and run.metrics]
    _, metric, further = ranking(finished) if finished else ("", OBJECTIVE, ())
    by, _ = telling_apart([run.params for run in runs])
    try:
        return shared(client, experiment, View([metric, *further], [*by, "seed"]), LATEST)
    except MlflowException:  # of a server that lets one look, and not write
        return runs_page(experiment)


def together(client: Any, comparison: Comparison) -> str:
    """The place of a page with table and charts of its runs, the best first."""
    runs = [run for group in comparison.counted for run in group.runs]
    if len({run.experiment_id for run in runs}) > 1:
        return side_by_side(comparison)
    if len(runs) > MOST_RUNS:
        runs = [group.runs[0] for group in comparison.counted[:MOST_RUNS]]
    curve = followed(comparison)
    view = View(
        [comparison.metric, *comparison.further],
        [*comparison.by, "seed"],
        [run.run_id for run in runs],
        (comparison.metric, comparison.goal is Goal.MIN),
        curve,
    )
    return shared(client, runs[0].experiment_id, view)


def side_by_side(comparison: Comparison) -> str:
    """The place of MLflow's own page that compares runs; of many, one of each of the best groups."""
    runs = [run for group in comparison.counted for run in group.runs]
    if len(runs) > SIDE_BY_SIDE:
        runs = [group.runs[0] for group in comparison.counted[:SIDE_BY_SIDE]]
    parts = [run.run_id for run in runs], sorted({run.experiment_id for run in runs})
    ids, experiments = (urllib.parse.quote(json.dumps(part, separators=(",", ":"))) for part in parts)
    return f"#/compare-runs?runs={ids}&experiments={experiments}"


def followed(comparison: Comparison) -> str | None:
    """The metric by epoch that goes with the one that is compared: of validation, or else of training."""
    name = comparison.metric.rpartition("/")[2]
    known = {key for group in comparison.counted for run in group.runs for key in run.metrics}
    return next((key for key in (f"validation/{name}", f"train/{name}") if key in known), None)
