"""MLflow's own pages: where they are, and serving them."""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from chainrule.errors import TrackingError
from chainrule.process.signals import ended_by_signals
from chainrule.redaction import redacted
from chainrule.tracking.store import connect, usable
from chainrule.tracking.uris import artifact_root, default_uri, resolved, sqlite_path


def page_of(run: Any) -> str:
    """The place of a run's page, below MLflow's address: among its pages for model training, not those for chatbots."""
    return f"#/experiments/{run.experiment_id}/runs/{run.run_id}?workflowType=machine_learning"


def way_to(uri: str, run: Any) -> str:
    """The address of a run's page, where the store is a server; else the command that opens it."""
    if uri.startswith("http"):
        return f"{redacted(uri.rstrip('/'))}/{page_of(run)}"
    other = "" if uri == default_uri() else f" --uri {shlex.quote(uri)}"
    return f"chainrule ui {run.run_id}{other}"


def serve_ui(find_page: Callable[[Any], str], host: str, port: int, uri: str | None) -> int:
    """Serve MLflow's own pages on a store until interrupted; for a store that is a server, say where they are.

    Args:
        find_page: given an ``MlflowClient``, the place below MLflow's address to show the way to.
        uri: the store; None for the default.

    Returns:
        The exit status.

    Raises:
        TrackingError: there is no such store, or the port is taken. Whatever ``find_page`` raises.
    """
    uri = resolved(uri)
    path = sqlite_path(uri)
    with usable(uri):
        page = find_page(connect(uri))
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
