"""A comparison as a run of its own in MLflow: its table and links as the note, its pictures and files as artifacts."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path

from chainrule.comparison.formats import markdown
from chainrule.comparison.groups import Comparison
from chainrule.comparison.runs import StoredRun
from chainrule.comparison.wording import group_name
from chainrule.tracking.environment import environment
from chainrule.tracking.pages import page_of, way_to
from chainrule.tracking.store import connect, prepare_store, usable
from chainrule.tracking.tags import KIND, NAME_LENGTH, TAG_LENGTH, capped, stored

EXPERIMENT = "comparisons"


def log_comparison(comparison: Comparison, folder: Path, uri: str) -> str:
    """Log it with the files of a folder; where its page is.

    Raises:
        TrackingError: the store does not take it.
    """
    with usable(uri):
        experiment = prepare_store(uri, EXPERIMENT)
        client = connect(uri)
        ids = [run.run_id for group in comparison.counted for run in group.runs]
        tags = {
            **environment(Path.cwd()),
            KIND: "comparison",
            "compared": comparison.title,
            "metric": comparison.metric,
            "runs": ",".join(ids),
            "mlflow.note.content": note(comparison),
        }
        name = stored(f"{comparison.title}: {comparison.metric}", NAME_LENGTH)
        run = client.create_run(experiment, None, capped(tags, TAG_LENGTH), name)
        status = "FAILED"
        try:
            client.log_artifacts(run.info.run_id, str(folder))
            status = "FINISHED"
        finally:
            client.set_terminated(run.info.run_id, status)
    return way_to(uri, run.info)


def note(comparison: Comparison) -> str:
    """Markdown: a link to all runs side by side, the table and what there is to say, links to each, as room allows."""
    every = [run for group in comparison.counted for run in group.runs]
    text = f"{markdown(comparison)}\n"
    together = f"[All {len(every)} runs side by side]({side_by_side(every)})\n\n"
    if len(together) + len(text) <= TAG_LENGTH:
        text = together + text  # on top: MLflow shows the first lines, and the others when asked
    for line in _links(comparison):
        if len(text) + len(line) <= TAG_LENGTH:
            text += line
    return text


def side_by_side(runs: Sequence[StoredRun]) -> str:
    """The place of MLflow's own page that compares runs, below its address."""
    ids = [run.run_id for run in runs]
    experiments = sorted({run.experiment_id for run in runs})
    runs_given, experiments_given = (
        urllib.parse.quote(json.dumps(part, separators=(",", ":"))) for part in (ids, experiments)
    )
    return f"#/compare-runs?runs={runs_given}&experiments={experiments_given}"


def _links(comparison: Comparison) -> Iterator[str]:
    for group in comparison.counted:
        links = (f"[seed {run.seed}]({page_of(run)})" for run in group.runs)
        yield f"- {group_name(comparison, group)}: {', '.join(links)}\n"
