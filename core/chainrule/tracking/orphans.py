"""Runs that nobody ended: SIGKILL, or a machine that went off, left no time to give them a status."""

from __future__ import annotations

from typing import Any

from chainrule.process.liveness import is_gone
from chainrule.tracking.store import all_of
from chainrule.tracking.tags import ERROR, FOLDER, PROCESS, SWEEP, TAG_LENGTH, capped


def close_orphans(client: Any) -> list[str]:
    """Give the status KILLED to each run of a store that is RUNNING, and whose process is gone; their ids, the latest
    first."""
    closed = []
    for run in list(all_of(client.search_runs, _experiments(client), "attributes.status = 'RUNNING'")):
        told = run.data.tags.get(PROCESS)
        # Looked at again: it may have ended well since, and then gone.
        if told and is_gone(told) and client.get_run(run.info.run_id).info.status == "RUNNING":
            end(client, run.info.run_id, "its process was killed")
            closed.append(run.info.run_id)
    return closed


def end(client: Any, run_id: str, why: str) -> None:
    """Give a run the status KILLED, and say what ended it."""
    client.set_tag(run_id, ERROR, why, synchronous=True)
    client.set_terminated(run_id, "KILLED")


def begun(client: Any, sweep: str, folder: str) -> Any:
    """The latest run of a sweep with that tag of its folder; None for none, or where no filter of MLflow's can name
    them."""
    told = capped({SWEEP: sweep, FOLDER: folder}, TAG_LENGTH)
    if any("'" in text and '"' in text for text in told.values()):
        return None
    quotes = {key: '"' if "'" in text else "'" for key, text in told.items()}
    same = " and ".join(f"tags.{key} = {quotes[key]}{text}{quotes[key]}" for key, text in told.items())
    return next(iter(client.search_runs(_experiments(client), same, max_results=1)), None)


def _experiments(client: Any) -> list[str]:
    return [experiment.experiment_id for experiment in all_of(client.search_experiments)]
