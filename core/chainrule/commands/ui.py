"""``chainrule ui``: MLflow's own pages on the store in use."""

from __future__ import annotations

import argparse
from typing import Any

NAME = "ui"


def add(commands: Any) -> None:
    """Its options."""
    parser = commands.add_parser(NAME, help="open MLflow's pages on the recorded runs")
    parser.add_argument("run_id", nargs="?", metavar="RUN", help="open the page of this run")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=5000, help="port to listen on (default: %(default)s)")
    parser.add_argument("--uri", help="the store (default: MLFLOW_TRACKING_URI, else mlflow.db in this folder)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve the pages until interrupted; the exit status."""
    from chainrule.comparison.looking import latest_runs
    from chainrule.tracking.pages import page_of, serve_ui
    from chainrule.tracking.store import find_run

    def find_page(client: Any) -> str:
        return page_of(find_run(client, options.run_id).info) if options.run_id else latest_runs(client)

    return serve_ui(find_page, options.host, options.port, options.uri)


def _port(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f'got "{text}", expected a port, 1 to 65535')
    return int(text)
