"""The network of a run, taken elsewhere: as an ONNX file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chainrule.network.onnx_file import in_words, onnx_path, write_model
from chainrule.runs.result import network_of


@dataclass(frozen=True)
class Exported:
    """What was written: the file, and its inputs and outputs by name, in words."""

    path: Path
    inputs: dict[str, str]
    outputs: dict[str, str]


def export(what: str, path: str | Path, uri: str | None = None) -> Exported:
    """Write the network of a run, by its id or its folder, or of a file, as ``Network.to_onnx`` does.

    Args:
        path: ends in ``.onnx``.
        uri: the store; None for ``MLFLOW_TRACKING_URI``, else ``mlflow.db`` in the working directory.

    Raises:
        ChainruleError: as ``network_of`` and ``Network.to_onnx`` do.
    """
    file = onnx_path(path)  # before a store is asked
    model = network_of(what, uri).onnx_model()
    write_model(file, model)
    return Exported(file, in_words(model.graph.input), in_words(model.graph.output))
