"""An exported network at work in onnxruntime, for tests that compare it with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime

import chainrule as cr
from chainrule.contract.named import items, rows_of

BATCHES = (1, 3, 17)


def session_of(model: Any) -> onnxruntime.InferenceSession:
    """``model``: the bytes of one, or a file's path."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.log_severity_level = 4  # what it writes to the terminal would be of no test
    return onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])


def outputs_of(session: onnxruntime.InferenceSession, network: cr.Network, x: Any) -> dict[str, Any]:
    """What it gives for a batch, by the name of each output."""
    given = {name: np.ascontiguousarray(array) for name, array in items(network.inputs(x), "x")}
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, given), strict=True))


def worst_difference(network: cr.Network, x: Any, session: onnxruntime.InferenceSession | None = None) -> float:
    """From what NumPy gives for batches of several sizes, of the largest number; shapes and dtypes are the same."""
    session = session or session_of(network.onnx_model().SerializeToString())
    rows, worst = len(next(array for _, array in items(x))), 0.0
    for batch in BATCHES:
        some = rows_of({name: np.asarray(a) for name, a in x.items()} if isinstance(x, dict) else np.asarray(x),
                       np.arange(batch) % rows)  # fmt: skip
        found, expected = outputs_of(session, network, some), dict(items(network.predict(some), "y"))
        for (name, right), given in zip(expected.items(), found.values(), strict=True):
            assert (given.shape, given.dtype) == (right.shape, right.dtype), name
            worst = max(worst, float(np.abs(given - right).max() / (np.abs(right).max() or 1)))
    return worst
