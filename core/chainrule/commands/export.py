"""``chainrule export``: the network of a run as an ONNX file, which other programs run."""

from __future__ import annotations

import argparse
from typing import Any

from chainrule.process.signals import ended_by_signals

NAME = "export"


def add(commands: Any) -> None:
    """Its options."""
    parser = commands.add_parser(NAME, help="the network of a run as an ONNX file, which other programs run")
    parser.add_argument("what", metavar="RUN", help="a run's id, latest, its folder, or a file of Network.save")
    parser.add_argument("path", metavar="FILE", help="what is written: model.onnx")
    parser.add_argument("--uri", help="the store (default: MLFLOW_TRACKING_URI, else mlflow.db in this folder)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the file, and say what is in it and how to run it."""
    from chainrule.runs.exporting import export

    with ended_by_signals():
        exported = export(options.what, options.path, options.uri)
    print(f"onnx     {exported.path} ({exported.path.stat().st_size:,} bytes)")
    for word, described in (("input", exported.inputs), ("output", exported.outputs)):
        for name, told in described.items():
            print(f"{word:8} {name}: {told}")
    if exported.raw:
        print("note     columns are raw: missing numbers are NaN, missing texts empty; dates are days since 1970-01-01")
    given = ", ".join(f"{name!r}: {name if name.isidentifier() else '...'}" for name in exported.inputs)
    print(f"Python   session = onnxruntime.InferenceSession({str(exported.path)!r})")
    print(f"         outputs = session.run(None, {{{given}}})")
    return 0
