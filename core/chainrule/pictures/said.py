"""What a network says of the data that a picture shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.data import Data
from chainrule.contract.split import Split
from chainrule.pictures.lettering import fitted

Predict: TypeAlias = Callable[[Array], Array]
MOST_POINTS = 2000  # of a scatter
MOST_PREDICTED = 10_000  # samples that are searched for mistakes


def by_class(output: Array) -> Array:
    """``(batch, classes)``: what the network gives to each class. One unit is the probability of class 1 of two."""
    columns = as_columns(output)
    return np.hstack([1 - columns, columns]) if columns.shape[1] == 1 else columns


def classified(output: Array) -> tuple[Array, Array]:
    """The predicted class of each sample, and what the network gives to it. Of equals the first: 0.5 is class 0."""
    said = by_class(output)
    predicted = said.argmax(axis=1)
    return predicted, said[np.arange(len(said)), predicted]


def as_columns(values: Array) -> Array:
    return values.reshape(len(values), -1)


def accuracies(data: Data, predict: Predict) -> str:
    """Of the training data and of the shown split."""
    splits = {name: [part[:MOST_PREDICTED] for part in split] for name, split in train_and_shown(data).items()}
    right = {name: np.mean(classified(predict(x))[0] == y) for name, (x, y) in splits.items()}
    return f"accuracy: {', '.join(f'{name} {share:.1%}' for name, share in right.items())}"


def shown_split(data: Data) -> tuple[str, Split]:
    """Test data, or else validation, or else training."""
    return list(data.splits.items())[-1]


def train_and_shown(data: Data) -> dict[str, Split]:
    return {"train": data.train} | dict([shown_split(data)])


def data_range(x: Array, margin: float) -> tuple[Array, Array]:
    """The lowest and highest value of each column, and some room beyond them."""
    low, high = x.min(axis=0), x.max(axis=0)
    room = np.where(high > low, (high - low) * margin, 1.0)
    return low - room, high + room


def feature_name(data: Data, column: int) -> str:
    """As the label of an axis."""
    return fitted(data.feature_names[column], 3.0, 10) if len(data.feature_names) else f"x{column + 1}"
