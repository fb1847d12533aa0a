"""The user's own data as NumPy arrays."""

import dataclasses
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from chainrule import Array, Data, DataError, Dataset, Preparation, Rows, Scaled, Split, did_you_mean
from chainrule_plugins.datasets._archive import array_of, opened
from chainrule_plugins.datasets._files import brief, found
from chainrule_plugins.datasets._preparation import (
    Scale,
    are_classes,
    missing_class,
    names_scaled,
    remark_on_single,
    remark_on_task,
    require_fractions,
    scaling_for,
    split,
    task_for,
)

ROWS_EACH = 2  # on average, of an integer that is a class: an array says by its type what it holds, as a table cannot


@dataclass
class Npz(Dataset):
    r"""NumPy arrays of your own, from one .npz file: x and y, or x_train, y_train and what else is split already.

    Arrays ``x_validation, y_validation`` and ``x_test, y_test`` are taken as they are. What the file does not hold is
    cut from ``x_train, y_train`` (or ``x, y``, which is the same) by the fractions; of classes so that each part has
    its share of every one, and the training samples all of them.

    Inputs of unsigned bytes (uint8) are taken for pixels and divided by 255, whatever ``scale`` then does; other inputs
    stay as they are with scale none. The two scales go by what a feature is in the training samples alone, so that
    nothing of the others leaks into training:

    $x' = (x - mean) / std$ (standard), $x' = (x - min) / (max - min)$ (minmax)

    A regression is learned in standard deviations of the target from its mean, by the training samples: a loss is then
    without unit (a mean squared error of 1 is what the mean itself gives), while predictions, all other metrics and
    figures are in the unit of the file.

    A feature that is constant there becomes 0; figures call scaled features of a table x1 (scaled), and so on. What is
    not finite or beyond 1e19, whose square float32 cannot hold, is an error. A file never runs code: pickled Python
    objects in it are refused.

    Shapes:
        x: (samples, features...)
        y: (samples,) integers from 0 for classes, or one-hot (samples, classes); (samples,) or (samples, targets)
            numbers for a regression; (samples, 1) is taken for (samples,)

    Args:
        path: of the file, from the working directory; ``~`` is the home directory.
        task: binary, multiclass, regression, or auto (the default): integers and one-hot rows are classes (binary where
            there are two), other floats a regression; so are integers that are not numbered from 0 without gaps and
            of which each is there for fewer than 2 samples on average; a run says at its end what it took them for.
            For classes that are floats, such as 0.0 and 1.0, give the task.
        scale: standard, minmax or none (the default).
        standardize_targets: whether a regression is learned so; default true. A loss for which that makes no sense,
            such as one of counts, is given the targets as they are all the same.
        validation_fraction: of the samples that are not for testing, from 0 up to but not 1; default 0.2.
        test_fraction: of all samples, from 0 up to but not 1; default 0.2.
        seed: of the split, 0 or more; default 0. It is not the seed of the training.

    Raises:
        DataError: the file is missing or holds what it should not, and what it should be.

    Example:
        >>> import chainrule as cr
        >>> cr.make("dataset", "npz", path="images.npz").scale
        'none'
    """

    path: str
    task: Literal["auto", "binary", "multiclass", "regression"] = "auto"
    scale: Scale = "none"
    standardize_targets: bool = True
    validation_fraction: float = 0.2
    test_fraction: float = 0.2
    seed: int = 0

    @classmethod
    def check_examples_in(cls, folder: Path) -> Sequence[Mapping[str, Any]]:
        rng = np.random.default_rng(0)
        np.savez(folder / "numbers.npz", x=rng.normal(size=(50, 3)), y=rng.normal(size=50))
        np.savez(folder / "images.npz", x=rng.integers(0, 256, (60, 4, 4), np.uint8), y=np.arange(60) % 3)
        return [{"path": str(folder / "numbers.npz"), "scale": "standard"}, {"path": str(folder / "images.npz")}]

    def __post_init__(self) -> None:
        require_fractions(self)

    def load(self) -> Data:
        path = found(self.path)
        arrays = read_npz(path)
        y, remarks = arrays["y_train"], []
        classes = self.task in ("binary", "multiclass")
        if self.task == "auto":
            whole = y.dtype.kind in "iu" and y.ndim == 1
            numbered = whole and missing_class(y, int(y.max()) + 1) is None
            classes = numbered or (are_classes(y, ROWS_EACH) if whole else y.dtype.kind in "iub" or one_hot(y))
            remarks = remark_on_task("y", y, classes) if whole else []
        as_targets = as_labels if classes else as_quantities
        images = [array for name, array in arrays.items() if name.startswith("x")]
        kept = self.scale == "none" and all(array.dtype == np.uint8 for array in images)
        given = {
            part: Split(
                as_inputs(arrays[f"x_{part}"], f"{path}, x_{part}", kept),
                as_targets(arrays[f"y_{part}"], f"{path}, y_{part}"),
            )
            for part in PARTS
            if f"x_{part}" in arrays
        }

        missing_only = dataclasses.replace(
            self,
            test_fraction=0.0 if "test" in given else self.test_fraction,
            validation_fraction=0.0 if "validation" in given else self.validation_fraction,
        )
        train, validation, test = split(missing_only, *given["train"], stratified=classes)
        validation, test = given.get("validation", validation), given.get("test", test)
        white = 1.0 if arrays["x_train"].dtype == np.uint8 else None
        scaling = scaling_for(self.scale, train.x, white)

        def encode(part: Split) -> Split:
            return Split(Scaled(part.x, scaling) if kept else scaling.encode(part.x), part.y)

        train, validation, test = encode(train), validation and encode(validation), test and encode(test)
        preparation = Preparation(scaling=scaling)
        columns = range(train.x.shape[1]) if train.x.ndim == 2 else ()
        feature_names = names_scaled(self.scale, [f"x{column + 1}" for column in columns])
        if not classes:
            return Data(
                train,
                "regression",
                validation,
                test,
                feature_names=feature_names,
                standardize_targets=self.standardize_targets,
                remarks=remarks,
                preparation=preparation,
            )

        count = 1 + max(int(part.y.max()) for part in given.values())
        missing = missing_class(train.y, count)
        if missing is not None:
            there = [f"y_{name}" for name, part in given.items() if missing in part.y]
            advice = "number classes from 0 without gaps, or give dataset.task=regression for quantities"
            raise DataError(
                f"{path}: of the classes 0 to {count - 1}, {missing} is in none of the {len(train.y)} training samples"
                + (f", but in {' and '.join(there)}; what is not trained is not known" if there else f"; {advice}")
            )
        class_names = [str(k) for k in range(count)]
        task = task_for(self.task, class_names, str(path))
        remarks += remark_on_single(train.y, class_names)
        return Data(train, task, validation, test, class_names, feature_names, remarks=remarks, preparation=preparation)

    def files_read(self) -> Sequence[Path]:
        return [found(self.path)]

    def read(self, content: bytes, name: str) -> Any:
        with opened(io.BytesIO(content), name) as archive:
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            if "x" not in members:
                raise DataError(f"{name} must hold x, the new samples; it holds {', '.join(members) or 'no arrays'}")
            arrays = {
                k: np.atleast_1d(array_of(archive, members[k], f"{name}, {k}")) for k in ("x", "y") if k in members
            }
        x = arrays["x"] if arrays["x"].dtype == np.uint8 else as_inputs(arrays["x"], f"{name}, x")
        return (x, arrays["y"]) if "y" in arrays else x


PARTS = ("train", "validation", "test")
NAMES = tuple(f"{letter}_{part}" for part in PARTS for letter in "xy")


def read_npz(path: Path) -> Mapping[str, Array]:
    """The arrays of a file, ``x_train`` and ``y_train`` always among them; each x is as long as its y, none is empty,
    and samples have the same shape in all parts.

    Raises:
        DataError: it is no such file, or holds other arrays.
    """
    arrays: dict[str, Array] = {}
    with opened(path, path) as archive:
        members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
        for name, member in members.items():
            full = f"{name}_train" if name in ("x", "y") else name
            if full not in NAMES:
                known = did_you_mean(brief(name), ("x", "y", *NAMES))
                raise DataError(f'{path} holds an array "{brief(name)}". {known}')
            if full in arrays:
                raise DataError(f"{path} holds both {full[0]} and {full}, which mean the same; leave one out")
            arrays[full] = np.atleast_1d(array_of(archive, member, f"{path}, {name}"))
    for part in PARTS:
        x, y = f"x_{part}", f"y_{part}"
        if (x in arrays) != (y in arrays) or "x_train" not in arrays:
            alias = " (or x and y)" if part == "train" else ""
            raise DataError(f"{path} must hold {x} and {y}{alias}; it holds {', '.join(members) or 'no arrays'}")
        if x in arrays and (len(arrays[x]) != len(arrays[y]) or len(arrays[x]) == 0):
            raise DataError(f"{path}: {x} has {len(arrays[x])} samples, {y} has {len(arrays[y])}")
    for name, array in arrays.items():
        if array.ndim == 2 and array.shape[1] == 1 and name.startswith("y"):
            arrays[name] = array = array[:, 0]
        shape, trained = array.shape[1:], arrays[f"{name[0]}_train"].shape[1:]
        if 0 in shape:
            raise DataError(f"{path}, {name}: each sample is empty, in an array of shape {array.shape}")
        if shape != trained:
            raise DataError(f"{path}: {name} has samples of shape {shape}, {name[0]}_train of shape {trained}")
    return arrays


def as_inputs(x: Array, where: str, kept: bool = False) -> Array:
    """Inputs as floats; unsigned bytes as pixels from 0 to 1, or ``kept`` as they are."""
    if x.dtype.kind not in "iubf" or x.ndim < 2:
        raise DataError(f"{where}: inputs must be numbers of shape (samples, features...), got {_form(x)}")
    if x.dtype == np.uint8:
        return x if kept else x.astype(np.float32) / 255
    return finite(x if x.dtype.kind == "f" else x.astype(np.float64), where)


def as_labels(y: Array, where: str) -> Array:
    """Labels as integers with a sign, of whole numbers or one-hot rows."""
    if one_hot(y):
        y = y.argmax(axis=1)
    if y.dtype.kind not in "iubf" or y.ndim != 1:
        raise DataError(
            f"{where}: classes must be whole numbers of shape (samples,), or one-hot of shape (samples, classes) with "
            f"a single 1 in each row, got {_form(y)}"
        )
    fractional = np.flatnonzero(finite(y, where) % 1)
    if len(fractional):
        i = fractional[0]
        raise DataError(
            f"{where}: label {y[i]} of sample {i} is not a class; give dataset.task=regression for quantities"
        )
    if y.min() < 0:
        raise DataError(f"{where}: label {y.min()} of sample {y.argmin()} is negative; classes are numbered from 0")
    return y.astype(np.int64)


def one_hot(y: Array) -> bool:
    """Whether each row is 0 but for a single 1."""
    return y.dtype.kind in "iubf" and y.ndim == 2 and bool(((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all())


def as_quantities(y: Array, where: str) -> Array:
    """Targets of a regression as floats."""
    if y.dtype.kind not in "iubf" or y.ndim > 2:
        raise DataError(
            f"{where}: targets must be integers of shape (samples,) for classes, or numbers of shape (samples,) or "
            f"(samples, targets) for a regression, got {_form(y)}"
        )
    return finite(y.astype(np.float64), where)


def finite(array: Array, where: str) -> Array:
    """The array itself, unless it holds what is infinite, not a number, or too large."""
    wrong = np.argwhere(~(np.abs(array) <= np.float64(Rows.LARGEST)))  # a Python number would overflow in float16
    if len(wrong):
        value = array[tuple(wrong[0])]
        reason = f", which {Rows.TOO_LARGE}" if np.isfinite(value) else "; every value must be finite"
        raise DataError(f"{where}: sample {wrong[0][0]} holds {value}{reason}")
    return array


def _form(array: Array) -> str:
    return f"{array.dtype} of shape {array.shape}"
