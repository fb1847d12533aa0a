"""``chainrule serve``: MLflow's scoring server on a run's model, to be asked over HTTP."""

from __future__ import annotations

import argparse
from typing import Any

NAME = "serve"


def add(commands: Any) -> None:
    """Its options."""
    parser = commands.add_parser(NAME, help="answer rows over HTTP with a run's model, as mlflow models serve does")
    parser.add_argument("run_id", metavar="RUN", help="a run's id, or its folder; latest is the one trained last")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=5001, help="port to listen on, 0: any (default: %(default)s)")
    parser.add_argument("--uri", help="the store (default: MLFLOW_TRACKING_URI, else mlflow.db in this folder)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve until interrupted; the exit status."""
    from chainrule.bridges.serving import serve
    from chainrule.prediction.predictor import Predictor
    from chainrule.runs.trained import model_folder

    predictor = Predictor.load(model_folder(options.run_id, options.uri))
    return serve(predictor, options.host, options.port)


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f'got "{text}", expected a port, 0 to 65535')
    return int(text)
