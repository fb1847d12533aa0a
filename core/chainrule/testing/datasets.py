"""What datasets owe: sound arrays, splits that share no row, and the same data again."""

from __future__ import annotations

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.data import Data
from chainrule.contract.fields import fields_of
from chainrule.errors import ChainruleError
from chainrule.testing.arrays import global_randomness
from chainrule.testing.kit import CheckFailed, check, expect
from chainrule.testing.subject import Subject

LARGEST = float(np.finfo(np.float32).max)


def loaded(subject: Subject) -> Data:
    """The example's data, loaded once for all checks that only look at it."""
    if "data" not in subject.memory:
        subject.memory["data"] = subject.make().load()
    data: Data = subject.memory["data"]
    return data


@check("dataset", first=True)
def check_loads(subject: Subject) -> None:
    """Load gives a chainrule.Data."""
    try:
        data = loaded(subject)
    except ChainruleError as error:
        raise CheckFailed(
            f"it cannot be loaded: {error}",
            "declare examples that can be loaded anywhere: write small files in check_examples_in(folder); where that "
            "is impossible, say so in checks_not_applicable",
        ) from None
    expect(isinstance(data, Data), f"load gives {type(data).__name__}", "return chainrule.Data(train=(x, y), task=...)")


@check("dataset")
def check_shapes(subject: Subject) -> None:
    """Inputs are floats, of images scaled, not bytes, or tokens that have names; as many names as columns; targets fit
    the task."""
    data = loaded(subject)
    for name, (x, y) in data.splits.items():
        expect(
            np.issubdtype(x.dtype, np.floating) or len(data.token_names) > 0,
            f"the {name} inputs are {x.dtype}",
            "make them floats, pixels from 0 to 1: x.astype(np.float32) / 255; or name the tokens that they are",
        )
        if x.ndim > 2 and not data.token_names:
            low, high = float(x.min()), float(x.max())
            expect(
                low >= -10 and high <= 10,
                f"the {name} images have pixels from {low:g} to {high:g}",
                "scale pixels to 0 to 1: x / 255",
            )
        if data.task == "regression":
            expect(
                np.issubdtype(y.dtype, np.floating),
                f"the {name} targets of a regression are {y.dtype}",
                "make them floats",
            )
    names, columns = len(data.feature_names), data.input_shape
    expect(
        names == 0 or columns == (names,),
        f"there are {names} feature names for inputs of shape {columns}",
        "give one name for each column, or none",
    )


@check("dataset")
def check_finite(subject: Subject) -> None:
    """All numbers are finite in float32 too, in which networks compute."""
    for name, split in loaded(subject).splits.items():
        for which, array in zip(("inputs", "targets"), split):
            largest = float(np.abs(array).max())
            expect(
                largest <= LARGEST,
                f"the {name} {which} reach {largest:.3g}, which float32 cannot hold",
                "scale them, or refuse such data with a DataError",
            )


@check("dataset")
def check_splits_disjoint(subject: Subject) -> None:
    """No sample of the validation or test data is among those trained on, beyond what repeats itself in the data."""
    splits = loaded(subject).splits
    train = _rows(splits["train"])
    repeated = 1 - len(set(train)) / len(train)
    seen = set(train)
    for name in ("validation", "test"):
        if name in splits:
            rows = _rows(splits[name])
            shared = sum(row in seen for row in rows)
            expect(
                shared <= (2 * repeated + 0.001) * len(rows),
                f"{shared} of the {len(rows)} {name} samples are among the {len(train)} for training, of which "
                f"{repeated:.1%} repeat another one",
                "split indices once, and take each sample into one part: chainrule.split_indices(n, fractions, seed)",
            )


def _rows(split: tuple[Array, Array]) -> list[bytes]:
    x, y = (np.ascontiguousarray(array) for array in split)
    return [x[i].tobytes() + y[i].tobytes() for i in range(len(x))]


@check("dataset")
def check_every_class_trained(subject: Subject) -> None:
    """Every class is among the training samples."""
    data = loaded(subject)
    if data.task != "regression":
        missing = sorted(set(range(len(data.class_names))) - set(np.unique(data.train.y).tolist()))
        expect(
            not missing,
            f"no training sample is of class {', '.join(str(data.class_names[label]) for label in missing)}",
            "number classes from 0 without gaps, and split so that each is trained on",
        )


@check("dataset")
def check_same_data_again(subject: Subject) -> None:
    """The same fields give the same data, whatever is done with what was loaded before."""
    found = []
    for seed in (1, 2):
        with global_randomness(seed):
            splits = subject.make().load().splits
        found.append({name: [array.copy() for array in split] for name, split in splits.items()})
        for array in (array for split in splits.values() for array in split if array.flags.writeable):
            array[...] = 0
    for name, arrays in found[0].items():
        for which, first, second in zip(("inputs", "targets"), arrays, found[1][name]):
            same = first.shape == second.shape and np.array_equal(first, second)
            different = np.count_nonzero(first != second) if first.shape == second.shape else first.size
            expect(
                same,
                f"loaded a second time, {different} of {first.size} numbers of the {name} {which} differ",
                "draw from a generator made from a field seed, in load; return new arrays each time",
            )


@check("dataset", when=lambda cls: any(field.name == "seed" for field in fields_of(cls)), rests_on=("same_data_again",))
def check_draws_anew(subject: Subject) -> None:
    """With another seed it gives other data, or splits it otherwise."""
    seed = subject.make().seed
    first, other = (subject.make(seed=number).load().splits for number in (seed, seed + 1))
    same = all(np.array_equal(a, b) for name, split in first.items() for a, b in zip(split, other.get(name, ())))
    expect(
        not same,
        f"with seed {seed} and with seed {seed + 1} all of its data is the same",
        "draw, and split, from a generator made from the field: np.random.default_rng(self.seed)",
    )
