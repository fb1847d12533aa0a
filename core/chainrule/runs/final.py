"""What a run has come to, at its end."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.contract.data import Data
from chainrule.training.history import best_epoch
from chainrule.training.trainer import Trainer


def final_metrics(trainer: Trainer, data: Data) -> tuple[dict[str, float], dict[str, Any]]:
    """The last and best values of all metrics, and the test set's, at which this is the only look; then the arrays.

    The validation set is measured again: a callback may have taken the weights of an earlier epoch back.
    """
    measured: dict[str, Any] = dict(trainer.metrics)
    if data.validation is not None:
        again = trainer.evaluate_split(data.validation)
        measured |= {f"validation/{name}": value for name, value in again.items() if np.ndim(value) == 0}
    for name in trainer.history:
        best = best_epoch(trainer.history, name) if name.startswith("validation/") else None
        if best is not None:
            measured[f"best/{name}"], measured[f"best_epoch/{name}"] = best
    if data.test is not None:
        measured |= {f"test/{name}": value for name, value in trainer.evaluate_split(data.test).items()}
    arrays = {name: value for name, value in measured.items() if np.ndim(value) > 0}
    metrics = {name: float(value) for name, value in measured.items() if name not in arrays}
    return metrics, arrays
