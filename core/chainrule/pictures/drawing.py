"""Every picture that a run leaves: one function builds each as a matplotlib ``Figure``, and ``draw_all`` saves them.

Only figure objects and the Agg canvas are used, no pyplot and nothing else that is shared, so that any thread may draw.
Axes are placed by hand, in inches, and many small things are drawn as one: matplotlib's automatic layout draws a figure
twice, and an artist costs half a millisecond. Nothing in a file depends on the clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.data import Data
from chainrule.pictures.array_metric import array_metric
from chainrule.pictures.boundary import decision_boundary
from chainrule.pictures.confusion import confusion_matrix
from chainrule.pictures.curves import Epochs, curves
from chainrule.pictures.page import save
from chainrule.pictures.predictions import predictions
from chainrule.pictures.regression import fitted_line, predicted_vs_true
from chainrule.pictures.said import Predict
from chainrule.process.garbage import searched_later
from chainrule.words import in_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_all(
    folder: Path, history: Epochs, data: Data, predict: Predict, title: str, arrays: Mapping[str, Array]
) -> list[Path]:
    """Draw what suits the data, and return the paths of the PNG files.

    Args:
        folder: where they go.
        history: one value per epoch, by name: ``"train/loss"``, ``"validation/accuracy"``. May hold NaN.
        predict: takes inputs, ``(batch, *input_shape)``, and gives what the output layer does, ``(batch, units)``.
        title: the run's name, at the top of each picture.
        arrays: array-valued metrics, by name: ``"test/confusion_matrix"``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with searched_later():
        for name, figure in figures(history, data, predict, title, arrays):
            paths.append(folder / f"{name}.png")
            save(figure, paths[-1])
    return paths


def figures(
    history: Epochs, data: Data, predict: Predict, title: str, arrays: Mapping[str, Array]
) -> Iterator[tuple[str, Figure]]:
    """The name and the figure of each picture that suits the data."""
    regression, shape = data.task == "regression", data.input_shape
    if any(len(values) for values in history.values()):
        yield "curves", curves(history, title)
    if not regression and (len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))):
        yield "predictions", predictions(history, data, predict, title)
    if not regression and shape == (2,):
        yield "decision_boundary", decision_boundary(data, predict, title)
    if regression and shape == (1,) and data.classes == 1:
        yield "fit", fitted_line(data, predict, title)
    if regression:
        yield "predicted_vs_true", predicted_vs_true(data, predict, title)
    for metric, (split, array) in of_last_split(arrays).items():
        if array.shape == (data.classes, data.classes) and np.issubdtype(array.dtype, np.integer):
            yield metric, confusion_matrix(array, data.class_names, title, split)
        elif array.ndim in (1, 2):
            yield metric, array_metric(array, data.class_names, title, f"{split} {in_words(metric)}".strip())


def of_last_split(arrays: Mapping[str, Array]) -> dict[str, tuple[str, Array]]:
    """For each metric, the split and the value of its test, or else validation, or else training."""
    chosen: dict[str, tuple[str, Array]] = {}
    for wanted in ("train", "validation", "test"):
        for name, array in arrays.items():
            split, _, metric = name.rpartition("/")
            if split == wanted:
                chosen[metric] = (split, np.asarray(array))
    return chosen
