"""MLflow's scoring server on a predictor: what ``mlflow models serve`` starts, in this process."""

from __future__ import annotations

import shlex
import socket
import tempfile
from pathlib import Path

from chainrule.bridges.mlflow_model import SERVED_EXAMPLE, add_mlflow_files
from chainrule.errors import ConfigError
from chainrule.prediction.predictor import Predictor
from chainrule.process.signals import ended_by_signals
from chainrule.tracking.settings import configure

SHOWN = 600
"""So long an example is shown; a longer one is read from its file."""


def serve(predictor: Predictor, host: str, port: int) -> int:
    """Answer rows over HTTP until interrupted: below ``/invocations``, in the forms that MLflow documents.

    Args:
        port: 0 for any that is free.

    Returns:
        The exit status.

    Raises:
        ConfigError: the address is in use, or is none of this machine's.
    """
    configure()
    import uvicorn
    from mlflow.pyfunc import load_model, scoring_server

    with ended_by_signals(), tempfile.TemporaryDirectory() as folder, _listening(host, port) as listening:
        try:
            predictor.save(folder)
            add_mlflow_files(predictor, Path(folder))
            app = scoring_server.init(load_model(folder))
            where = f"[{host}]" if ":" in host else host
            url = f"http://{where}:{listening.getsockname()[1]}/invocations"
            print(f"Model: {url} (Ctrl-C ends it)\n{_curl(url, Path(folder, SERVED_EXAMPLE))}", flush=True)
            uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])
        except KeyboardInterrupt:
            pass
    return 0


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigError(
            f"port {port} of {host} cannot be had ({error.strerror}): name another with --port or --host"
        ) from error


def _curl(url: str, example: Path) -> str:
    """A line that asks it; empty where there is no example."""
    if not example.is_file():
        return ""
    text = example.read_text(encoding="utf-8")
    given = text if len(text) <= SHOWN else f"@{example}"
    return shlex.join(["curl", url, "-H", "Content-Type: application/json", "-d", given])
