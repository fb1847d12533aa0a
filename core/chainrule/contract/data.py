"""What a dataset gives: arrays for training, validation and test, and what they mean."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from chainrule.contract.arguments import (
    require_as_many,
    require_count,
    require_finite,
    require_labels,
    require_list,
    require_memory,
)
from chainrule.contract.arrays import Array, Shape, Task, batches
from chainrule.contract.class_weights import weighed_by_class
from chainrule.contract.columns import Number
from chainrule.contract.named import each, items, plain
from chainrule.contract.preparation import Preparation
from chainrule.contract.scaled import Scaled
from chainrule.contract.split import Split, Stream
from chainrule.contract.target_scale import TargetScale
from chainrule.errors import DataError, FieldError
from chainrule.words import as_written, quoted

HASHED = 1024
"""Rows that are laid out at once for a digest."""


@dataclass(frozen=True)
class Data:
    """A dataset, split.

    Args:
        train, validation, test: pairs ``(x, y)``, or each a ``Split``, or a ``Stream``; the last two may be None.
            Inputs are floats (images: 0 to 1, of shape ``(height, width)`` or ``(height, width, channels)``), which may
            be ``Scaled`` as they are read; or integers, where ``token_names`` says what they stand for. Targets of a
            ``"binary"`` task are integers 0 or 1 of shape ``(n,)``; of a ``"multiclass"`` task integers from 0 of shape
            ``(n,)``, or ``(n, *steps)``, a class for each step, where inputs are ``(n, *steps, features)`` or whole
            numbers ``(n, *steps)``; of a ``"regression"`` task floats of shape ``(n,)``, ``(n, k)`` or
            ``(n, *output_shape)``. Several inputs, or targets, are mappings of such arrays, by name.
        task: which of the three; of several targets that of each, by name.
        class_names: one for each class; empty for regression. Of several targets those of each, by name.
        feature_names: one for each input column, where they have names.
        source_digest: identifies the data where it is known already; else it is computed from the arrays.
        standardize_targets: whether a network for this data is to learn the targets of a regression in standard
            deviations from their mean, by the training data; the arrays here are in units all the same.
        remarks: what the dataset decided by itself, a sentence each, which a run says at its end.
        token_names: what each whole number from 0 stands for, where inputs are such: a character, a word.
        preparation: how raw rows became these inputs, which is kept with a trained network, so that new rows go the
            same way; None: columns with names are taken as they are, so are arrays. Its class names need not be given.

    Raises:
        DataError: shapes, labels or values that do not fit the above.
    """

    train: Any
    task: Any
    validation: Any = None
    test: Any = None
    class_names: Any = ()
    feature_names: Sequence[str] = ()
    source_digest: str | None = None
    standardize_targets: bool = False
    remarks: Sequence[str] = ()
    token_names: Sequence[str] = ()
    preparation: Preparation | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "task", plain(self.task))
        for name, given in {"train": self.train, **self.splits}.items():
            if not isinstance(given, Stream):
                object.__setattr__(self, name, Split.of(name, given))
        for output, task in items(self.task):
            self._check_task(output, task)
        for name, split in self.splits.items():
            if isinstance(split, Stream):
                self._check_stream(name, split)
                continue
            for what, array in [*(("data", array) for array in split.arrays), *split.weighing.items()]:
                kinds = "iuf" if what == "data" else "biuf"
                if not (isinstance(array, (np.ndarray, Scaled)) and array.dtype.kind in kinds and array.ndim):
                    given = getattr(array, "dtype", type(array).__name__)
                    raise DataError(f"the {name} {what} must be arrays of real numbers, got {given}")
                require_as_many(name, split.arrays[0], array, "targets" if what == "data" else f"rows of the {what}")
            if {*dict(items(split.y))} != {*dict(items(self.task))}:
                tasks = "one for each of several outputs" if isinstance(self.task, Mapping) else f"{self.task} alone"
                raise DataError(f"the {name} targets have other names than the tasks, which are {tasks}")
            shape = each(lambda x: tuple(x.shape[1:]), split.x)
            if shape != self.input_shape:
                raise DataError(f"the {name} data has inputs of shape {shape}, not {self.input_shape}")
            require_finite(name, split.arrays)
            for output, task in items(self.task):
                if task != "regression":
                    self._check_labels(name, split, output)
            self._check_tokens(name, split.x)

    def _check_stream(self, name: str, stream: Stream) -> None:
        if stream.input_shape != self.input_shape:
            raise DataError(f"the {name} data has inputs of shape {stream.input_shape}, not {self.input_shape}")
        if self.source_digest is None:
            raise DataError(f"the {name} data is a stream, of which no digest is computed: give source_digest")
        if self.standardize_targets:
            raise DataError(f"the {name} data is a stream, whose targets have no known mean: standardize them in it")

    def _check_tokens(self, name: str, x: Any) -> None:
        tokens = len(self.token_names)
        for _, array in items(x) if tokens else ():
            if not (array.dtype.kind in "iu" and array.min() >= 0 and array.max() < tokens):
                raise DataError(
                    f"the {name} inputs must be whole numbers from 0 to {tokens - 1}, as there are {tokens} token "
                    f"names, got {array.dtype} from {array.min():g} to {array.max():g}"
                )

    def _check_task(self, output: str, task: Any) -> None:
        of = f" of {output}" if output else ""
        if not isinstance(task, str) or task not in get_args(Task):
            raise DataError(f"there is no task {as_written(task)}{of}: take binary, multiclass or regression")
        targets: Any = self.train.target_shape if isinstance(self.train, Stream) else self.train[1]
        if output and not (isinstance(targets, Mapping) and {*targets} == {*self.task}):
            raise DataError(f"targets must be a mapping with an array for each of {', '.join(self.task)}")
        names = self._class_names(output)
        try:
            len(names)
        except TypeError:
            raise DataError(f"class names must be a list, got {quoted(names)}") from None
        if task == "binary" and len(names) != 2:
            raise DataError(f"a binary task has two classes, got {len(names)} class names{of}")
        if task == "multiclass" and len(names) < 2:
            raise DataError(f"a multiclass task needs class names, at least two, got {len(names)}{of}")

    def _class_names(self, output: str) -> Sequence[str]:
        several = output and isinstance(self.class_names, Mapping)
        names: Sequence[str] = self.class_names.get(output, ()) if several else self.class_names
        return names

    def _check_labels(self, name: str, split: Split, output: str) -> None:
        y, classes = split.y[output] if output else split.y, self._classes(output)
        # A class for each step, of inputs that have the same steps; what else has a second axis is one-hot.
        x = split.x if isinstance(split.x, (np.ndarray, Scaled)) else np.empty(0)
        steps = y.shape[1:] == x.shape[1 : y.ndim] and (x.ndim > y.ndim or x.dtype.kind in "iu")
        if not np.issubdtype(y.dtype, np.integer) or not (y.ndim == 1 or steps):
            raise DataError(f"the {name} labels must be integers of shape (n,), got {y.dtype} of shape {y.shape}")
        require_labels(y, classes, f"{name} sample", f"there are {classes} classes")

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {split.rows:,}" for name, split in self.splits.items())
        classes = "" if self.task == "regression" else f", {self.classes} classes"
        return f"<Data {self.task}, inputs of shape {self.input_shape}{classes}: {sizes}>"

    @property
    def splits(self) -> dict[str, Any]:
        """Those that are there, by name."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in named.items() if split is not None}

    @property
    def at_hand(self) -> bool:
        """Whether all of it is in memory: there is no ``Stream``."""
        return not any(isinstance(split, Stream) for split in self.splits.values())

    @property
    def input_shape(self) -> Any:
        """Of one sample; of several inputs by name."""
        if isinstance(self.train, Stream):
            return self.train.input_shape
        return each(lambda x: tuple(np.shape(x)[1:]), self.train[0])

    @property
    def classes(self) -> Any:
        """The number of classes, of which a binary task has two; for regression, of target columns. Of several targets
        by name."""
        if isinstance(self.task, Mapping):
            return {output: self._classes(output) for output in self.task}
        return self._classes("")

    def _classes(self, output: str) -> int:
        if (self.task[output] if output else self.task) == "regression":
            shape = self._target_shape(output)
            return int(shape[-1]) if shape else 1
        return len(self._class_names(output))

    def _target_shape(self, output: str) -> Shape:
        if isinstance(self.train, Stream):
            shape: Shape = self.train.target_shape[output] if output else self.train.target_shape
            return shape
        y = self.train[1][output] if output else self.train[1]
        return tuple(y.shape[1:])

    def with_class_weights(self, given: str | Mapping[Any, float]) -> Data:
        """The same, with training samples that weigh by their class.

        Args:
            given: ``"balanced"``, by which all classes weigh the same together, $n / (classes \\cdot n_k)$ for each
                sample, or step, of a class k that has $n_k$ of those that count (where they have weights of their own,
                n and $n_k$ are sums of these); or a weight for each class, by its name or number: others have 1.

        Raises:
            FieldError: it is none of these; or the task is a regression.
        """
        if self.task not in ("binary", "multiclass"):
            told = f"it is for one target with classes, and the task is {self.task}: leave it out"
            raise FieldError(told, key="class_weight")
        if isinstance(self.train, Stream):
            told = "it is for samples at hand: let the stream give batches with weights"
            raise FieldError(told, key="class_weight")
        train = weighed_by_class(self.train, given, self.class_names)
        return dataclasses.replace(self, train=train, source_digest=self.source_digest)

    @property
    def prepared(self) -> Preparation:
        """How raw rows become its inputs, and classes its names."""
        named = self.input_shape == (len(self.feature_names),)
        own = self.preparation or Preparation(tuple(map(Number, self.feature_names)) if named else ())
        return dataclasses.replace(own, class_names=each(tuple, self.class_names))

    @property
    def target_scale(self) -> TargetScale | None:
        """By what targets are standardized, as ``Network`` takes it; None where they are not to be."""
        return TargetScale.of(self.train.y) if self.standardize_targets and self.task == "regression" else None

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 that identifies the data: of its source where that is known, else of all arrays."""
        if self.source_digest:
            return self.source_digest
        sha = hashlib.sha256()
        for name, split in self.splits.items():
            named = [
                *((name, array) for array in split.arrays),
                *((f"{name} {k}", a) for k, a in split.weighing.items()),
            ]
            for what, array in named:
                sha.update(f"{what} {array.dtype.str} {array.shape}".encode())
                for rows in batches(len(array), HASHED):
                    sha.update(np.ascontiguousarray(array[rows]).tobytes())
        return sha.hexdigest()


def split_indices(n: int, fractions: Sequence[float], seed: int) -> list[Array]:
    """Cut ``range(n)``, shuffled, into parts of the given fractions, rounded to whole samples while there are
    enough; the last part is what remains.

    >>> [len(part) for part in split_indices(10, [0.2, 0.3], seed=0)]
    [2, 3, 5]

    Raises:
        DataError: the fractions make up more than the whole. FieldError: they are no numbers from 0 to 1.
    """
    require_memory(f"an order of {quoted(n)} samples", 8 * require_count("n", n, least=0))
    require_count("seed", seed, least=0)
    for fraction in require_list("fractions", fractions, "a list of numbers"):
        if not isinstance(fraction, (int, float, np.number)) or not 0 <= fraction <= 1 + 1e-9:
            raise FieldError(f"got {quoted(fraction)}, expected a number from 0 to 1", key="fractions")
    if sum(fractions) > 1 + 1e-9:
        raise DataError(f"the fractions {list(fractions)} make up more than the whole")
    order = np.random.default_rng(seed).permutation(n)
    cuts = np.cumsum([round(n * fraction) for fraction in fractions])
    return [np.sort(part) for part in np.split(order, cuts)]
