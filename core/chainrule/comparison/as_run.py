"""A comparison as a run of its own in MLflow: its table and links as the note, its pictures and files as artifacts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from chainrule.comparison.formats import markdown
from chainrule.comparison.groups import Comparison
from chainrule.comparison.wording import group_name
from chainrule.tracking.environment import environment
from chainrule.tracking.pages import page_of, way_to
from chainrule.tracking.store import connect, prepare_store, usable
from chainrule.tracking.tags import KIND, NAME_LENGTH, NOTE, TAG_LENGTH, capped, stored

EXPERIMENT = "comparisons"


def log_comparison(comparison: Comparison, folder: Path, uri: str, charts: str) -> str:
    """Log it with the files of a folder; where its page is.

    Args:
        charts: the place of the page that shows its runs together.

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
            NOTE: note(comparison, charts),
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


def note(comparison: Comparison, charts: str) -> str:
    """Markdown: a link to the runs together, the table and what there is to say, links to each, as room allows."""
    text = f"{markdown(comparison)}\n"
    together = f"[The runs together: table and charts]({charts})\n\n"
    if len(together) + len(text) <= TAG_LENGTH:
        text = together + text  # on top: MLflow shows the first lines, and the others when asked
    for line in _links(comparison):
        if len(text) + len(line) <= TAG_LENGTH:
            text += line
    return text


def _links(comparison: Comparison) -> Iterator[str]:
    for group in comparison.counted:
        links = (f"[seed {run.seed}]({page_of(run)})" for run in group.runs)
        yield f"- {group_name(comparison, group)}: {', '.join(links)}\n"
