"""What datasets owe: sound arrays, splits that share no row, and the same data again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.data import Data
from chainrule.contract.fields import fields_of
from chainrule.contract.kinds import Dataset
from chainrule.contract.named import each, items
from chainrule.contract.preparation import Preparation
from chainrule.contract.split import Split, Stream
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


def arrays_of(split: Any) -> dict[str, Array]:
    """Its arrays, each with what it is called: ``"inputs"``, ``"targets digit"``; of a stream, all of them read."""
    if isinstance(split, Stream):
        read = list(split.epoch(256, None))
        split = Split(*(each(lambda *parts: np.concatenate(parts), *(batch[i] for batch in read)) for i in (0, 1)))
    named: dict[str, Array] = {}
    for which, part in zip(("inputs", "targets"), split):
        named |= {f"{which} {name}".strip(): np.asarray(array) for name, array in items(part)}
    return named


def splits_of(subject: Subject) -> dict[str, dict[str, Array]]:
    """The arrays of each split, by the names of both."""
    if "splits" not in subject.memory:
        subject.memory["splits"] = {name: arrays_of(split) for name, split in loaded(subject).splits.items()}
    splits: dict[str, dict[str, Array]] = subject.memory["splits"]
    return splits


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
    """Inputs are floats, images scaled, or named tokens; there is a name for each column; targets fit the task."""
    data = loaded(subject)
    tasks = {f"targets {output}".strip(): task for output, task in items(data.task)}
    for name, arrays in splits_of(subject).items():
        for which, array in arrays.items():
            if which in tasks:
                expect(
                    tasks[which] != "regression" or np.issubdtype(array.dtype, np.floating),
                    f"the {name} {which} of a regression are {array.dtype}",
                    "make them floats",
                )
                continue
            streamed = isinstance(data.splits[name], Stream)  # whose bytes are turned into floats batch by batch
            expect(
                np.issubdtype(array.dtype, np.floating) or len(data.token_names) > 0 or streamed,
                f"the {name} {which} are {array.dtype}",
                "make them floats, pixels from 0 to 1: x.astype(np.float32) / 255; or name the tokens that they are",
            )
            if array.ndim > 2 and not data.token_names:
                low, high = float(array.min()), float(array.max())
                expect(
                    low >= -10 and high <= 10,
                    f"the {name} images have pixels from {low:g} to {high:g}",
                    "scale pixels to 0 to 1: x / 255",
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
    for name, arrays in splits_of(subject).items():
        for which, array in arrays.items():
            largest = float(np.abs(array).max())
            expect(
                largest <= LARGEST,
                f"the {name} {which} reach {largest:.3g}, which float32 cannot hold",
                "scale them, or refuse such data with a DataError",
            )


@check("dataset")
def check_splits_disjoint(subject: Subject) -> None:
    """No sample of the validation or test data is in another split, beyond what repeats itself in the data."""
    splits = splits_of(subject)
    train = _rows(splits["train"])
    repeated = 1 - len(set(train)) / len(train)
    seen = set(train)
    for name in ("validation", "test"):
        if name in splits:
            rows = _rows(splits[name])
            shared = sum(row in seen for row in rows)
            expect(
                shared <= (2 * repeated + 0.001) * len(rows),
                f"{shared} of the {len(rows)} {name} samples are among the {len(train)} for training"
                f"{' or those for validation' if name == 'test' else ''}, of which {repeated:.1%} repeat another one",
                "split indices once, and take each sample into one part: chainrule.split_indices(n, fractions, seed)",
            )
            seen |= set(rows)


def _rows(arrays: Mapping[str, Array]) -> list[bytes]:
    columns = [np.ascontiguousarray(array) for array in arrays.values()]
    return [b"".join(array[i].tobytes() for array in columns) for i in range(len(columns[0]))]


@check("dataset")
def check_every_class_trained(subject: Subject) -> None:
    """Every class is among the training samples."""
    data = loaded(subject)
    for output, task in items(data.task):
        if task == "regression":
            continue
        names = data.class_names[output] if output else data.class_names
        labels = splits_of(subject)["train"][f"targets {output}".strip()]
        missing = sorted(set(range(len(names))) - set(np.unique(labels).tolist()))
        expect(
            not missing,
            f"no training sample is of class {', '.join(str(names[label]) for label in missing)}",
            "number classes from 0 without gaps, and split so that each is trained on",
        )


@check("dataset")
def check_same_data_again(subject: Subject) -> None:
    """The same fields give the same data, whatever is done with what was loaded before."""
    found = []
    for seed in (1, 2):
        with global_randomness(seed):
            splits = {name: arrays_of(split) for name, split in subject.make().load().splits.items()}
        found.append({name: {k: array.copy() for k, array in arrays.items()} for name, arrays in splits.items()})
        for array in (array for arrays in splits.values() for array in arrays.values() if array.flags.writeable):
            array[...] = 0
    for name, arrays in found[0].items():
        for which, first in arrays.items():
            second = found[1][name][which]
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
    first, other = (
        {name: arrays_of(split) for name, split in subject.make(seed=number).load().splits.items()}
        for number in (seed, seed + 1)
    )
    same = all(
        np.array_equal(array, other.get(name, {}).get(which, ()))
        for name, arrays in first.items()
        for which, array in arrays.items()
    )
    expect(
        not same,
        f"with seed {seed} and with seed {seed + 1} all of its data is the same",
        "draw, and split, from a generator made from the field: np.random.default_rng(self.seed)",
    )


@check("dataset", rests_on=("shapes",))
def check_preparation_is_kept(subject: Subject) -> None:
    """Its preparation is plain values, and its columns become as many inputs as there are."""
    data = loaded(subject)
    prepared = data.prepared
    try:
        again = Preparation.from_json(json.loads(json.dumps(prepared.as_json())))
    except (TypeError, ValueError) as error:
        raise CheckFailed(
            f"its preparation cannot be kept as JSON: {error}",
            "give columns numbers and texts of Python's own: float(x), str(name), tuples of them",
        ) from None
    expect(again == prepared, "its preparation is another after it was kept as JSON", "give it plain values")
    inputs = len(prepared.feature_names)
    expect(
        not prepared.columns or data.input_shape == (inputs,),
        f"its columns become {inputs} inputs, and the data has inputs of shape {data.input_shape}",
        "make the inputs by the preparation itself: x = preparation.inputs(rows)",
    )


@check("dataset", when=lambda cls: getattr(cls, "read", None) is not Dataset.read, rests_on=("preparation_is_kept",))
def check_reads_what_it_loads(subject: Subject) -> None:
    """The file of an example, read as new rows and prepared, gives the inputs that were loaded from it."""
    path = getattr(subject.make(), "path", None)
    if not isinstance(path, str) or not Path(path).is_file():
        return
    data = loaded(subject)
    read = subject.make().read(Path(path).read_bytes(), path)
    x = np.asarray(data.prepared.inputs(read[0] if isinstance(read, tuple) else read))
    there = {row.astype(np.float32).tobytes() for row in x}
    lost = sum(row.astype(np.float32).tobytes() not in there for row in splits_of(subject)["train"]["inputs"])
    expect(
        lost == 0,
        f"{lost} of {data.train.rows} training samples are not among what read gives, prepared",
        "let load and read go the same way: read gives raw rows, and the preparation of the data makes inputs of them",
    )


@check("dataset", when=lambda cls: getattr(cls, "files_read", None) is not Dataset.files_read)
def check_names_its_files(subject: Subject) -> None:
    """Where it says which files it reads, those that its fields name are among them: jobs of a sweep rely on it."""
    named = subject.make().files_read()
    known = None if named is None else {os.path.realpath(path) for path in named}
    for field, value in subject.fields.items():
        expect(
            known is None or not (isinstance(value, str) and Path(value).is_file()) or os.path.realpath(value) in known,
            f"files_read does not give the file of {field}, {value}: when it changed, a sweep would not see it",
            "give the paths of all files that load reads, or None where they are not known",
        )


@check("dataset")
def check_stream_order(subject: Subject) -> None:
    """A stream gives each sample once in an epoch, in batches of any size, in an order from its random numbers."""
    for name, stream in loaded(subject).splits.items():
        if not isinstance(stream, Stream):
            continue
        whole = _rows(splits_of(subject)[name])
        orders = []
        for seed in (1, 1, 2):
            read = [_rows(_columns(batch)) for batch in stream.epoch(3, np.random.default_rng(seed))]
            orders.append([row for batch in read for row in batch])
            expect(
                sorted(orders[-1]) == sorted(whole),
                f"in an order of its own, the {name} stream does not give each of its {len(whole)} samples once",
                "draw an order, rng.permutation(rows), and give the samples in it, each once",
            )
        expect(
            orders[0] == orders[1],
            f"with the same random numbers, the {name} stream gives its samples in another order",
            "draw the order from the argument rng alone",
        )
        expect(
            orders[0] != orders[2] or len(set(whole)) < 3,
            f"with other random numbers, the {name} stream gives its samples in the same order",
            "draw an order from the argument rng where it is not None",
        )


def _columns(split: Split) -> dict[str, Array]:
    return {f"{i}{name}": array for i, part in enumerate(split) for name, array in items(part)}
