"""What is done to samples once they are read: split, scaled, checked. It means the same in every dataset.

The test samples are set aside first, as a fraction of all; the validation samples are a fraction of what is left. So a
change of ``validation_fraction`` does not change what the network is tested on.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np

from chainrule import Array, DataError, Scaling, Split, Task, split_indices

Parts = tuple[Split, Split | None, Split | None]
"""Training, validation and test data."""

Scale = Literal["standard", "minmax", "none"]


class Fractions(Protocol):
    """A dataset with these fields."""

    validation_fraction: float
    test_fraction: float
    seed: int

    def require(self, field: str, condition: bool, expected: str) -> None: ...


def require_fractions(dataset: Fractions) -> None:
    """Refuse bad values of the three fields."""
    for field in ("validation_fraction", "test_fraction"):
        dataset.require(field, 0 <= getattr(dataset, field) < 1, "at least 0 and less than 1")
    dataset.require("seed", dataset.seed >= 0, "at least 0")


def split(
    dataset: Fractions,
    x: Array,
    y: Array,
    stratified: bool = False,
    quantities: bool = True,
    weight: Array | None = None,
    mask: Array | None = None,
) -> Parts:
    """Cut shuffled samples into training, validation and test data; a part whose fraction is 0 is None.

    Args:
        weight, mask: of the samples, as ``Split`` takes them.
        stratified: whether ``y`` are classes, of which each part gets its share, and the training data at least one
            sample.
        quantities: whether classes are numbers, and may be none.

    Raises:
        DataError: there are too few samples for a part to get any.
    """
    tested, validated = dataset.test_fraction, dataset.validation_fraction * (1 - dataset.test_fraction)
    cut = stratified_indices(y, [tested, validated], dataset.seed, quantities) if stratified else None
    test, validation, train = cut or split_indices(len(x), [tested, validated], dataset.seed)
    for part, indices, wanted in (("test", test, tested), ("validation", validation, validated), ("train", train, 1)):
        if wanted > 0 and len(indices) == 0:
            raise DataError(
                f"{len(x)} samples are too few: with test_fraction={dataset.test_fraction:g} and "
                f"validation_fraction={dataset.validation_fraction:g} there are none for the {part} data"
            )

    def pick(indices: Array) -> Split:
        return Split(x[indices], y[indices], *(more if more is None else more[indices] for more in (weight, mask)))

    return pick(train), pick(validation) if len(validation) else None, pick(test) if len(test) else None


def stratified_indices(classes: Array, fractions: Sequence[float], seed: int, quantities: bool = True) -> list[Array]:
    """As ``split_indices`` cuts, but class by class: each part has its share of every class, to within about one, and
    the last one, which is what remains, at least one sample of each.

    Raises:
        DataError: that leaves too few for the other parts.
    """
    order = np.random.default_rng(seed).permutation(len(classes))
    order = order[np.argsort(classes[order], kind="stable")]
    kept = np.unique(classes[order], return_index=True)[1]
    left = np.delete(order, kept)
    parts = []
    for fraction in fractions:
        count = round(len(classes) * fraction)
        if count > len(left):
            other = " or, if these are quantities, dataset.task=regression" if quantities else ", or join rare classes"
            raise DataError(
                f"{len(classes)} samples of {len(kept)} classes are too few: the training data gets one of each class, "
                "and the rest is less than validation_fraction and test_fraction ask for; give more of each class"
                f"{other}"
            )
        taken = ((np.arange(count) + 0.5) * len(left) / max(count, 1)).astype(int)  # evenly, so from all classes
        parts.append(np.sort(left[taken]))
        left = np.delete(left, taken)
    return [*parts, np.sort(np.append(order[kept], left))]


def shift_and_width(how: Scale, x: Array) -> tuple[Array, Array]:
    """By what the features of training samples are scaled, $x' = (x - shift) / width$; a constant one becomes 0."""
    low, high = x.min(axis=0), x.max(axis=0)
    if how == "none":
        return np.zeros(x.shape[1:]), np.ones(x.shape[1:])
    if how == "standard":
        # float32 would lose digits in the sum over many samples
        shift, width = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
    else:
        shift, width = low, high - low
    # Rounding can leave the deviation of a constant feature at 1e-17; that its bounds are equal is exact.
    return shift, np.where(low == high, 1, width)


def scaling_for(how: Scale, x: Array, white: float | None = None) -> Scaling:
    """How arrays like these training samples become inputs."""
    if how == "none":
        return Scaling(white=white)
    shift, width = shift_and_width(how, x)
    return Scaling(shift.tolist(), width.tolist(), white)


def names_scaled(how: Scale, names: Sequence[str]) -> Sequence[str]:
    """Names of features that say whether their values are still those of the file."""
    return names if how == "none" else [f"{name} (scaled)" for name in names]


def task_for(given: str, class_names: Sequence[str], where: str) -> Task:
    """``given``, or what ``auto`` stands for with these classes.

    Raises:
        DataError: there are too few classes, or too many.
    """
    count = len(class_names)
    if count < 2:
        raise DataError(f"{where} holds one class only, {class_names[0]}: there is nothing to tell apart")
    if given == "binary" and count != 2:
        raise DataError(f"{where} holds {count} classes, a binary task has 2; give task=multiclass")
    return "multiclass" if given == "multiclass" or count > 2 else "binary"


def are_classes(values: Array, rows_each: int) -> bool:
    """Whether whole numbers are classes rather than quantities, as far as their number tells: there are two of them, or
    each is there for so many samples on average.

    >>> are_classes(np.array([3, 1, 2, 7]), rows_each=2), are_classes(np.array([0, 1, 0]), rows_each=2)
    (False, True)
    """
    distinct = len(np.unique(values))
    return distinct <= 2 or len(values) >= rows_each * distinct


def remark_on_task(where: str, values: Array, classes: bool) -> list[str]:
    """What to say where whole numbers were taken for the one or the other; nothing of two of them."""
    distinct = len(np.unique(values))
    if distinct <= 2:
        return []
    taken, other, task = ("classes", "quantities", "regression") if classes else ("quantities", "classes", "multiclass")
    return [
        f"{where} holds {distinct:,} different whole numbers in {len(values):,} samples, taken for {taken}: "
        f"dataset.task={task} takes them for {other}"
    ]


def remark_on_single(y: Array, class_names: Sequence[str]) -> list[str]:
    """What to say where a class has one sample in all."""
    single = np.flatnonzero(np.bincount(y, minlength=len(class_names)) == 1)
    if not len(single):
        return []
    named = ", ".join(class_names[k] for k in single[:5]) + (", ..." if len(single) > 5 else "")
    return [
        f"{len(single)} of {len(class_names)} classes have a single sample ({named}), which is trained on: nothing "
        "tells how well it was learned"
    ]


def remark_on_absent(parts: Parts, class_names: Sequence[str]) -> list[str]:
    """What to say of classes that the validation or test data has no sample of, although they are not single ones."""
    remarks = []
    many = np.bincount(parts[0].y, minlength=len(class_names)) > 1
    for name, part in (("validation", parts[1]), ("test", parts[2])):
        if part is not None:
            absent = np.flatnonzero(many & (np.bincount(part.y, minlength=len(class_names)) == 0))
            if len(absent):
                named = ", ".join(class_names[k] for k in absent[:5]) + (", ..." if len(absent) > 5 else "")
                remarks.append(
                    f"the {name} data has no sample of {named}: nothing in it tells how well that is learned"
                )
    return remarks


def missing_class(y: Array, classes: int) -> int | None:
    """The first class that no label of ``y`` names, and that so cannot be learned; None where all are there.

    >>> missing_class(np.array([0, 3, 1, 0]), classes=4)
    2
    """
    there = np.unique(y)
    gaps = np.flatnonzero(there != np.arange(len(there)))
    first = int(gaps[0]) if len(gaps) else len(there)
    return first if first < classes else None
