"""A real MLflow server for the tests of this folder."""

import os
import signal
import subprocess
import sys

import pytest
from serving import free_port, wait_for

from chainrule.tracking.store import prepare_store


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A real server, as ``(uri, process group)``."""
    folder = tmp_path_factory.mktemp("server")
    uri = f"sqlite:///{folder}/mlflow.db"
    prepare_store(uri, "xor")
    port = free_port()
    command = ["mlflow", "server", "--backend-store-uri", uri, "--artifacts-destination", str(folder / "artifacts")]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    wait_for(f"http://127.0.0.1:{port}/health", process)
    yield f"http://127.0.0.1:{port}", process.pid
    os.killpg(process.pid, signal.SIGCONT)
    os.killpg(process.pid, signal.SIGTERM)
    process.wait()
