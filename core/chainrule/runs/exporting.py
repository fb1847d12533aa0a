"""The network of a run, taken elsewhere: as an ONNX file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chainrule.contract.arguments import require_text
from chainrule.network.loading import load_network
from chainrule.network.onnx_file import in_words, onnx_path, write_model
from chainrule.prediction.predictor import PREPARATION, WEIGHTS, Predictor, load_preparation
from chainrule.runs.trained import FILE, model_folder


@dataclass(frozen=True)
class Exported:
    """What was written: the file, and its inputs and outputs by name, in words."""

    path: Path
    inputs: dict[str, str]
    outputs: dict[str, str]
    raw: bool = False
    """Whether it takes a table's raw columns."""


def export(what: str, path: str | Path, uri: str | None = None) -> Exported:
    """Write the network of a run, by its id or its folder, with the preparation of its data, as ``Predictor.to_onnx``
    does; or the network of a file, as ``Network.to_onnx`` does.

    Args:
        path: ends in ``.onnx``.
        uri: the store; None for ``MLFLOW_TRACKING_URI``, else ``mlflow.db`` in the working directory.

    Raises:
        ConfigError: the folder is no run's. TrackingError: there is no run of this id, or its weights are not there.
        DataError: the file is not there, or holds no network. UnknownName: it needs a component that is not installed.
        ChainruleError: as ``Network.to_onnx`` does.
    """
    require_text("run", what, "the id of a run, its folder, or a network's file")
    file = onnx_path(path)  # before a store is asked
    raw = False
    if what.endswith(FILE):
        model = load_network(what).onnx_model()
    else:
        folder = model_folder(what, uri)
        prepared = (folder / PREPARATION).is_file()
        model = Predictor.load(folder).onnx_model() if prepared else load_network(folder / WEIGHTS).onnx_model()
        raw = prepared and bool(load_preparation(folder).columns)
    write_model(file, model)
    return Exported(file, in_words(model.graph.input), in_words(model.graph.output), raw)
