"""A run made in its store, once: also where the store's answer is lost, or comes hours later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chainrule.tracking.store import connect, prepare_store
from chainrule.tracking.tags import PROCESS


@dataclass(frozen=True)
class Making:
    """What it takes to make a run, now, later or anew.

    ``tags`` tell the process that trains, and it begins no two runs in one millisecond of ``start_time``: by both a run
    is known again of which nobody has heard the id.
    """

    experiment: str
    name: str
    tags: dict[str, str]
    start_time: int
    experiment_id: str | None = None  # None: not known yet


def make_run(uri: str, making: Making, *, again: bool) -> Any:
    """Make the run, with its experiment if need be; MLflow's ``RunInfo``.

    Args:
        again: it may be there already, of a try whose answer did not come.

    Raises:
        TrackingError: the store cannot be used. Whatever MLflow raises.
    """
    experiment_id = making.experiment_id or prepare_store(uri, making.experiment)
    client = connect(uri)
    found = _made(client, experiment_id, making) if again else []
    if found:
        return found[0].info
    return client.create_run(experiment_id, making.start_time, making.tags, making.name).info


def remove_doubles(client: Any, making: Making, made: Any) -> None:
    """Delete the empty runs of tries whose answers did not come: MLflow itself asks a second time."""
    for run in _made(client, made.experiment_id, making):
        if run.info.run_id != made.run_id:
            client.set_terminated(run.info.run_id, "KILLED")
            client.delete_run(run.info.run_id)


def unmake(client: Any, making: Making, made: Any) -> None:
    """A run that was made when nobody waited for it any more: it goes, if what was kept has made another meanwhile,
    which else finds this one."""
    if any(run.info.run_id != made.run_id for run in _made(client, made.experiment_id, making)):
        client.delete_run(made.run_id)
    else:
        client.set_terminated(made.run_id, "KILLED")


def _made(client: Any, experiment_id: str, making: Making) -> list[Any]:
    same = f"tags.{PROCESS} = '{making.tags[PROCESS]}' and attributes.start_time = {making.start_time}"
    return list(client.search_runs([experiment_id], same))
