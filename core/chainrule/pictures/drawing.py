"""Every picture that a run leaves: one function builds each as a matplotlib ``Figure``, and ``draw_all`` saves them.

Only figure objects and the Agg canvas are used, no pyplot and nothing else that is shared, so that any thread may draw.
Axes are placed by hand, in inches, and many small things are drawn as one: matplotlib's automatic layout draws a figure
twice, and an artist costs half a millisecond. Nothing in a file depends on the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.data import Data
from chainrule.pictures.array_metric import array_metric
from chainrule.pictures.boundary import decision_boundary
from chainrule.pictures.confusion import confusion_matrix
from chainrule.pictures.curves import Epochs, curves
from chainrule.pictures.importance import importance
from chainrule.pictures.page import save
from chainrule.pictures.predictions import predictions
from chainrule.pictures.reconstructions import are_of_images, reconstructions
from chainrule.pictures.regression import fitted_line, predicted_vs_true
from chainrule.pictures.said import Predict
from chainrule.process.garbage import searched_later
from chainrule.words import in_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_all(
    folder: Path,
    history: Epochs,
    data: Data,
    predict: Predict,
    title: str,
    arrays: Mapping[str, Array],
    importances: Mapping[str, Array] | None = None,
) -> list[Path]:
    """Draw what suits the data, and return the paths of the PNG files. One that cannot be drawn is left out, with a
    warning.

    Args:
        folder: where they go.
        history: one value per epoch, by name: ``"train/loss"``, ``"validation/accuracy"``. May hold NaN.
        predict: takes inputs, ``(batch, *input_shape)``, and gives what the output layer does, ``(batch, units)``.
        title: the run's name, at the top of each picture.
        arrays: array-valued metrics, by name: ``"test/confusion_matrix"``.
        importances: of each column of a table, by name, in each shuffle; measured on the validation samples, or where
            there are none on those for training.
    """
    with searched_later():
        named = figures(history, data, predict, title, arrays)
        if importances:
            split = "train" if data.validation is None else "validation"
            named["importance"] = partial(importance, importances, title, split)
        return [path for name, draw in named.items() if save(draw, path := folder / f"{name}.png")]


def figures(
    history: Epochs, data: Data, predict: Predict, title: str, arrays: Mapping[str, Array]
) -> dict[str, Callable[[], Figure]]:
    """By its name, what draws each picture that suits the data."""
    regression, shape = data.task == "regression", data.input_shape
    named: dict[str, Callable[[], Figure]] = {}
    if any(len(values) for values in history.values()):
        named["curves"] = partial(curves, history, title)
    if isinstance(shape, Mapping) or isinstance(data.task, Mapping) or not data.at_hand:
        return named
    a_class = not regression and data.train.y.ndim == 1  # not one for each of several steps
    if a_class and (len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))):
        named["predictions"] = partial(predictions, history, data, predict, title)
    if a_class and shape == (2,):
        named["decision_boundary"] = partial(decision_boundary, data, predict, title)
    if regression and shape == (1,) and data.classes == 1:
        named["fit"] = partial(fitted_line, data, predict, title)
    if regression and are_of_images(data):
        named["reconstructions"] = partial(reconstructions, data, predict, title)
    elif regression and data.train.y.ndim <= 2:
        named["predicted_vs_true"] = partial(predicted_vs_true, data, predict, title)
    for metric, (split, array) in of_last_split(arrays).items():
        draw = of_metric(metric, array, data.class_names, title, split)
        if draw is not None:
            named[metric] = draw
    return named


def of_metric(
    metric: str, array: Array, class_names: Sequence[str], title: str, split: str
) -> Callable[[], Figure] | None:
    """What draws a metric that is an array; None for one of three axes or more."""
    classes = len(class_names)
    if np.issubdtype(array.dtype, np.floating) and (np.rint(array) == array).all():
        array = array.astype(np.int64)  # sums of weights that are whole
    if classes and array.shape == (classes, classes) and np.issubdtype(array.dtype, np.integer):
        return partial(confusion_matrix, array, class_names, title, split)
    if array.ndim not in (1, 2):
        return None
    return partial(array_metric, array, class_names, title, f"{split} {in_words(metric)}".strip())


def of_last_split(arrays: Mapping[str, Array]) -> dict[str, tuple[str, Array]]:
    """For each metric, the split and the value of its test, or else validation, or else training."""
    chosen: dict[str, tuple[str, Array]] = {}
    for wanted in ("train", "validation", "test"):
        for name, array in arrays.items():
            split, _, metric = name.rpartition("/")
            if split == wanted:
                chosen[metric] = (split, np.asarray(array))
    return chosen
