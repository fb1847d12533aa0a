"""Runs that nobody ended: SIGKILL, or a machine that went off, left no time to give them a status."""

from __future__ import annotations

from typing import Any

from chainrule.process.liveness import is_gone
from chainrule.tracking.tags import ERROR, PROCESS


def close_orphans(client: Any) -> list[str]:
    """Give the status KILLED to each run of a store that is RUNNING, and whose process is gone; their ids, the latest
    first."""
    closed = []
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    for run in client.search_runs(experiments, "attributes.status = 'RUNNING'"):
        told = run.data.tags.get(PROCESS)
        # Looked at again: it may have ended well since, and then gone.
        if told and is_gone(told) and client.get_run(run.info.run_id).info.status == "RUNNING":
            client.set_tag(run.info.run_id, ERROR, "its process was killed", synchronous=True)
            client.set_terminated(run.info.run_id, "KILLED")
            closed.append(run.info.run_id)
    return closed
