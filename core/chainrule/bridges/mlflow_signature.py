"""What an MLflow model says of its inputs, answers and parameters, and rows to try it with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.columns import Category, Column, Date
from chainrule.contract.named import each, items
from chainrule.prediction.predictor import Predictor

THRESHOLD, PROBA = "threshold", "proba"
"""Parameters that may come with rows."""
LARGEST_EXAMPLE = 1024
"""So many numbers an example has at most: it is kept as JSON, twice."""


def signature_of(predictor: Predictor) -> Any:
    """MLflow's ``ModelSignature``.

    Numbers are doubles, for a whole number becomes one without loss, and ``long`` would cut the fraction off another.
    MLflow's servers take whole numbers for them; in Python MLflow refuses a column of int64, so a table is to be read
    as its servers do, ``pandas.read_csv(file, dtype=dict(zip(schema.input_names(), schema.pandas_types())))``.
    Categories and dates are texts, as files hold them. No column may be left out, for then a misspelt name would be
    answered; a value may be missing where it is filled in.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    network, preparation = predictor.network, predictor.preparation
    if preparation.columns:
        inputs: list[Any] = [
            ColSpec("double" if column.kind == "number" else "string", column.name) for column in preparation.columns
        ]
    else:
        inputs = [_tensor(array, name) for name, array in items(_samples(predictor))]
    params = []
    if _has_probabilities(predictor):
        params.append(ParamSpec(PROBA, "boolean", False))
        if network.task == "binary":
            params.append(ParamSpec(THRESHOLD, "double", 0.5))
    return ModelSignature(Schema(inputs), Schema(_outputs(predictor)), ParamSchema(params))


def _has_probabilities(predictor: Predictor) -> bool:
    network, names = predictor.network, predictor.preparation.class_names
    if network.task not in ("binary", "multiclass") or network.loss.scores:
        return False
    return len(names) == (2 if network.task == "binary" else network.output_shape[-1])


def _outputs(predictor: Predictor) -> list[Any]:
    """By what the answer to a sample is that nobody has given."""
    from mlflow.types import ColSpec

    network, targets = predictor.network, predictor.preparation.targets
    nothing = each(lambda shape: np.zeros((1, *shape), network.dtype), network.output_shape)
    answers = predictor.answers(nothing)
    if isinstance(answers, Mapping):
        return [_tensor(array, name) for name, array in answers.items()]
    kind = {"b": "boolean", "i": "long", "O": "string", "f": "float" if answers.itemsize == 4 else "double"}[
        answers.dtype.kind
    ]
    if answers.ndim == 1:
        return [ColSpec(kind)]
    if answers.ndim == 2 and answers.shape[1] == len(targets):
        return [ColSpec(kind, name) for name in targets]
    return [_tensor(answers, "")]


def example_of(predictor: Predictor) -> Any:
    """Rows of the right kind, which nobody has given: the model can be tried with them, and they tell nothing of the
    data but what the preparation does, such as means and names of categories.

    Returns:
        Two rows of a table, as ``{"columns": [...], "data": [...]}``; else one sample of zeros, as nested lists, of
        several inputs by name. None where that would be large.
    """
    columns = predictor.preparation.columns
    if columns:
        rows = [[_cell(column, k) for column in columns] for k in range(2)]
        return {"columns": [column.name for column in columns], "data": rows}
    samples = _samples(predictor)
    large = sum(array.size for _, array in items(samples)) > LARGEST_EXAMPLE
    return None if large else each(Array.tolist, samples)


def _cell(column: Column, k: int) -> Any:
    """Of the row ``k`` of an example: a usual value, and one that lies a width, or a category, further on."""
    if isinstance(column, Category):
        return column.categories[k % len(column.categories)]
    value: float = column.shift + k * column.width  # type: ignore[attr-defined]
    if isinstance(column, Date):
        days = min(max(math.floor(value), -700_000), 2_900_000)  # of what Python takes for a date
        return (date(1970, 1, 1) + timedelta(days)).isoformat()
    return float(f"{value:.4g}")


def _samples(predictor: Predictor) -> Any:
    """A sample of zeros, ``(1, *input_shape)``, as arrays come; of several inputs by name."""
    network, scaling = predictor.network, predictor.preparation.scaling
    whole = dict(items(network.whole_numbers))
    # Where inputs are brightnesses from 0 to 1, files hold them as bytes. Other numbers come as doubles, which lose
    # nothing.
    usual = np.uint8 if scaling is not None and scaling.white == 1.0 else np.float64
    samples = {
        name: np.zeros((1, *shape), usual if whole.get(name) is None else np.int64)
        for name, shape in items(network.input_shape)
    }
    return samples if isinstance(network.input_shape, dict) else samples[""]


def _tensor(array: Array, name: str) -> Any:
    """MLflow's ``TensorSpec`` of any number of samples like these."""
    from mlflow.types import TensorSpec

    return TensorSpec(array.dtype, (-1, *array.shape[1:]), name or None)
