"""``chainrule resume``: a run that was cut goes on where it was, in the same folder and as the same run of MLflow."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from chainrule.contract.arguments import require_count
from chainrule.errors import ConfigError, ResumeError
from chainrule.process.claims import claimed
from chainrule.registry.provenance import require_installed
from chainrule.runs.cut import Cut, at_work, loaded_yaml, run_in
from chainrule.runs.result import Result
from chainrule.runs.run import run
from chainrule.tracking.store import connect, find_run, usable
from chainrule.tracking.tags import FOLDER, SWEEP, components_of
from chainrule.tracking.uris import resolved
from chainrule.tracking.written import CONFIG, OVERRIDES


def resume(
    run_id: str | None = None, overrides: Sequence[str] = (), uri: str | None = None, anyway: bool = False
) -> Result:
    """Go on with a run that was cut, as ``chainrule resume`` does: weights, history and metrics become those of a run
    that was never interrupted, to the last bit.

    Args:
        run_id: as ``Result.run_id`` and MLflow's pages give it, or the folder of a run that was not recorded; None for
            the latest run that was cut.
        overrides: ``["trainer.epochs=40"]`` trains longer, a finished run too. A schedule is then planned for all 40:
            the rate goes on from where a plan of 40 epochs would have it by then.
        uri: the store; None for ``MLFLOW_TRACKING_URI``, else ``mlflow.db`` in the working directory.
        anyway: go on where something differs here that can change the result; it is recorded.

    Raises:
        ResumeError: there is nothing to go on with, or it would not go on as it would have; says why.
        TrackingError: there is no such run or store.
        Whatever else ends the run.
    """
    from chainrule.config.jobs import Job

    epochs = _epochs_in(overrides)
    cut, name, sweep = _found(run_id, uri, anyway)
    require_installed(components_of(cut.tags))
    config = copy.deepcopy(dict(cut.config))
    if epochs is not None:
        cut.require_epochs(epochs)
        config["trainer"]["epochs"] = epochs
    given = loaded_yaml(cut.folder / OVERRIDES) if (cut.folder / OVERRIDES).exists() else []
    with claimed(cut.folder, "run", "RUN"):
        return run(Job(config, [*given, *overrides], cut.folder, sweep, (name,) if name else ()), cut)


def latest_cut(client: Any) -> str | None:
    """The id of the latest run that was begun and did not come to its end."""
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    found = client.search_runs(
        experiments, "attributes.status != 'FINISHED'", order_by=["attributes.start_time DESC"], max_results=100
    )
    return next((run.info.run_id for run in found if FOLDER in run.data.tags and not at_work(run)), None)


def _found(run_id: str | None, uri: str | None, anyway: bool) -> tuple[Cut, str | None, str | None]:
    """What is left of the run, its name, and its sweep."""
    if run_id is not None and (Path(run_id) / CONFIG).is_file():
        folder = Path(run_id)
        run_id = run_in(folder)
        if run_id is None:
            return Cut(None, folder, loaded_yaml(folder / CONFIG), anyway=anyway), None, None
    uri = resolved(uri)
    with usable(uri):
        client = connect(uri)
        run_id = run_id or latest_cut(client)
        if run_id is None:
            raise ResumeError("no run in this store was cut: chainrule runs lists all of them")
        recorded = find_run(client, run_id)
    return Cut.recorded(uri, recorded, anyway), recorded.info.run_name, recorded.data.tags.get(SWEEP)


def _epochs_in(overrides: Iterable[str]) -> int | None:
    """The epochs that they ask for, which is all that they may ask for."""
    epochs = None
    for override in overrides:
        key, _, value = override.partition("=")
        if key != "trainer.epochs":
            raise ConfigError(
                f'got "{override}": a run that goes on takes trainer.epochs=N alone; to change more, train anew',
                key=key,
            )
        epochs = require_count("trainer.epochs", int(value) if value.isdecimal() else value)
    return epochs
