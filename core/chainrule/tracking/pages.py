"""MLflow's own pages: where they are, and serving them."""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import subprocess
import sys
from typing import Any

from chainrule.errors import TrackingError
from chainrule.process.signals import ended_by_signals
from chainrule.tracking.store import connect, find_run, usable
from chainrule.tracking.uris import artifact_root, default_uri, resolved, sqlite_path
from chainrule.words import redacted


def page_of(run: Any) -> str:
    """The place of a run's page, below MLflow's address: among its pages for model training, not those for chatbots."""
    return f"#/experiments/{run.experiment_id}/runs/{run.run_id}?workflowType=machine_learning"


def way_to(uri: str, run: Any) -> str:
    """The address of a run's page, where the store is a server; else the command that opens it."""
    if uri.startswith("http"):
        return f"{redacted(uri.rstrip('/'))}/{page_of(run)}"
    other = "" if uri == default_uri() else f" --uri {shlex.quote(uri)}"
    return f"chainrule ui {run.run_id}{other}"


def _latest_runs(client: Any) -> str:
    """The place of the table of runs that holds the latest one. MLflow's start page shows experiments of chatbots."""
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    latest = client.search_runs(experiments, max_results=1, order_by=["attributes.start_time DESC"])
    return f"#/experiments/{latest[0].info.experiment_id}/runs?workflowType=machine_learning" if latest else ""


def serve_ui(run_id: str | None, host: str, port: int, uri: str | None) -> int:
    """Serve MLflow's own pages on a store until interrupted; for a store that is a server, say where they are.

    Args:
        run_id: show the way to the page of this run.
        uri: the store; None for the default.

    Returns:
        The exit status.

    Raises:
        TrackingError: there is no such store or run, or the port is taken.
    """
    uri = resolved(uri)
    path = sqlite_path(uri)
    with usable(uri):
        client = connect(uri)
        page = page_of(find_run(client, run_id).info) if run_id else _latest_runs(client)
    if uri.startswith("http"):
        print(f"MLflow: {redacted(uri.rstrip('/'))}/{page}")
        return 0
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        raise TrackingError(f"port {port} of {host} is in use: name another with --port")
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", host, "--port", str(port)]
    command += ["--backend-store-uri", uri]
    if path is not None:
        command += ["--default-artifact-root", artifact_root(path)]
    # One worker serves one user; MLflow's job runners are for language models, and are six processes.
    environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **os.environ}
    print(f"MLflow: http://{host}:{port}/{page} (Ctrl-C ends it)", flush=True)
    with ended_by_signals(), subprocess.Popen(command, env=environment) as server:
        try:
            return server.wait()
        except KeyboardInterrupt:
            server.terminate()
            server.wait()
            return 0
