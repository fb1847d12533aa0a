"""What is held back for validation and test tells nothing to the training: statistics are those of the training rows.

Where a dataset reads small files that its author wrote for the kit, one row after another is changed in copies of them.
A row that is held back leaves the training inputs as they were. Where no row does, each of them has a part in what the
training inputs are scaled by.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.kinds import Component
from chainrule.errors import ChainruleError
from chainrule.testing.datasets import arrays_of, splits_of
from chainrule.testing.kit import check, expect
from chainrule.testing.subject import Subject

Write: TypeAlias = Callable[[int, Path], None]
"""Writes the file with one row changed."""
CENTRED = 1e-5
ROWS = 400
"""Of a file that is looked at."""
QUANTITY = 20
"""More whole numbers than these are no classes, by which a split may go."""


def _reads_files(cls: type[Component]) -> bool:
    return cls.check_examples_in.__func__ is not Component.check_examples_in.__func__  # type: ignore[attr-defined]


@check("dataset", rests_on=("loads", "splits_disjoint", "statistics_of_training_rows"))
def check_scaled_by_training_rows(subject: Subject) -> None:
    """No column has mean 0 and deviation 1 over all rows, those that are held back among them."""
    splits = splits_of(subject)
    for which, train in splits["train"].items():
        if len(splits) == 1 or train.dtype.kind != "f" or train.ndim > 2:
            continue
        rows, every = train.reshape(len(train), -1), [part[which] for part in splits.values()]
        together = np.concatenate([part.reshape(len(part), -1) for part in every]).astype(np.float64)
        for column in range(rows.shape[1]):
            numbers, own = together[:, column], rows[:, column].astype(np.float64)
            if len(np.unique(numbers)) < len(numbers) // 2:
                continue  # codes, or a grid, which may be balanced by design
            over_all = abs(numbers.mean()) < CENTRED and min(abs(numbers.std(ddof=i) - 1) for i in (0, 1)) < CENTRED
            expect(
                not over_all or abs(own.mean()) < CENTRED,
                f"column {column} of the {which} has mean {numbers.mean():.1g} and deviation {numbers.std():.6g} over "
                f"all {len(numbers)} rows, and mean {own.mean():.3g} over those for training: it is scaled by all",
                "take means and deviations from the training rows alone, after the split, and apply them to all",
            )


@check("dataset", when=_reads_files, rests_on=("loads", "same_data_again"))
def check_statistics_of_training_rows(subject: Subject) -> None:
    """A row that is held back for validation or test changes nothing in the training data."""
    data = subject.make().load()
    if data.validation is None and data.test is None:
        return
    known = _training_arrays(subject.make())
    for field, value in subject.fields.items():
        if isinstance(value, str) and Path(value).is_file():
            for column, rows, write in _columns(Path(value)):
                with tempfile.TemporaryDirectory() as folder:
                    changed = Path(folder) / Path(value).name
                    told = 0
                    for row in subject.rng().permutation(rows):
                        write(int(row), changed)
                        with contextlib.suppress(ChainruleError):  # such a value may be refused
                            arrays = _training_arrays(subject.make(**{field: str(changed)}))
                            told += 1
                            if all(np.array_equal(array, known[name]) for name, array in arrays.items()):
                                break
                    else:
                        expect(
                            told == 0,
                            f"whichever row of {column} is changed in {Path(value).name}, the training data changes: "
                            "those that are held back have a part in them",
                            "take means, deviations, ranges and vocabularies from the training rows alone, after the "
                            "split, and apply them to all",
                        )


def _training_arrays(dataset: Any) -> dict[str, Array]:
    return arrays_of(dataset.load().splits["train"])


def _columns(path: Path) -> Iterator[tuple[str, int, Write]]:
    """What holds numbers in a file, how many rows it has, and what writes the file with one of them changed."""
    if path.suffix == ".npz":
        with np.load(path) as loaded:
            arrays = dict(loaded)
        for name, array in arrays.items():
            if array.ndim and 1 < len(array) <= ROWS and array.dtype.kind in "fu":
                yield name, len(array), _arrays_with(arrays, name)
    elif path.suffix in (".csv", ".tsv", ".txt"):
        lines = path.read_text(encoding="utf-8").splitlines()
        separator = next((mark for mark in "\t;," if lines and mark in lines[0]), ",")
        table = [line.split(separator) for line in lines[1 : ROWS + 1] if line]
        for column, name in enumerate(lines[0].split(separator) if lines else ()):
            cells = [row[column].strip() for row in table if len(row) > column]
            whole = all(cell.isdigit() for cell in cells) and len(set(cells)) > QUANTITY
            if table and len(cells) == len(table) and (whole or all(map(_is_number, cells))):
                yield f'the column "{name}"', len(table), _table_with(lines[0], table, separator, column)


def _arrays_with(arrays: dict[str, Any], name: str) -> Write:
    def write(row: int, path: Path) -> None:
        array = arrays[name].copy()
        array[row] = 255 - array[row] if array.dtype.kind == "u" else 3 * array[row] + 100
        np.savez(path, **{**arrays, name: array})

    return write


def _table_with(head: str, table: list[list[str]], separator: str, column: int) -> Write:
    def write(row: int, path: Path) -> None:
        changed = list(table[row])
        number = float(changed[column])
        changed[column] = str(int(3 * number + 100)) if changed[column].strip().isdigit() else repr(3 * number + 100)
        rows = [changed if i == row else other for i, other in enumerate(table)]
        path.write_text("\n".join([head, *(separator.join(cells) for cells in rows)]), encoding="utf-8")

    return write


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?\d*\.\d+(e[-+]?\d+)?", text.strip(), flags=re.IGNORECASE) is not None
