"""How raw rows become a network's inputs, and what it gives becomes answers: kept with a model, as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.columns import Column, column_of
from chainrule.contract.named import each
from chainrule.contract.rows import Rows
from chainrule.errors import DataError
from chainrule.words import cut, listed

FORMAT = 1
UNNAMED = ""
"""The name of a first column that has none, in which pandas and R write an index."""


@dataclass(frozen=True)
class Scaling:
    r"""How arrays become inputs: $x' = (x - shift) / width$.

    Args:
        shift, width: numbers, or nested lists of them, of a sample's shape; the widths above 0.
        white: what whole numbers of one byte stand for, which are the brightness of pixels: 255 is this number, 0 is 0;
            where it is 1, whole numbers of any type are such. None: they are numbers like others.
    """

    shift: Any = 0.0
    width: Any = 1.0
    white: float | None = None

    def encode(self, x: Any, out: Array | None = None) -> Any:
        """The inputs that an array becomes; written into ``out``, floats of their shape, where that is given."""
        array: Array = np.asarray(x)
        moved = (self.shift, self.width) != (0.0, 1.0)
        if self.white is not None and (array.dtype == np.uint8 or (self.white == 1 and array.dtype.kind in "iu")):
            if self.white == 1 and not moved:
                return np.divide(array, 255, out=out, dtype=np.float32)  # in one go: so is each batch of images read
            array = np.divide(array, 255, dtype=np.float32) * np.float32(self.white)
        if moved:
            scaled = (array - np.asarray(self.shift)) / np.asarray(self.width)
            array = scaled.astype(array.dtype) if array.dtype.kind == "f" else scaled
        if out is None:
            return array
        out[...] = array
        return out


@dataclass(frozen=True)
class Preparation:
    """How the rows of a dataset became inputs, and what the network gives becomes answers.

    Args:
        columns: of a table, in the order of the inputs; empty where inputs are arrays.
        scaling: of arrays; None: they are taken as they are.
        targets: the columns that are predicted.
        class_names: one for each class, texts; empty for a regression. Of several targets those of each, by name.
        index: a column that says which row it is, and is neither predicted from nor predicted; None for none.
        weight: a column that says how much each row counts; None for none.
        left_out: columns that are none of these.
        drops: whether rows that miss a value were left out, where nothing stands for it.

    Example:
        >>> import chainrule as cr
        >>> columns = (cr.Number("age", 30.0, 10.0), cr.Category("sex", ("f", "m")))
        >>> preparation = cr.Preparation(columns, class_names=("no", "yes"))
        >>> preparation.inputs([{"sex": "m", "age": 40}])
        array([[1., 0., 1.]])
        >>> cr.Preparation.from_json(preparation.as_json()) == preparation
        True
    """

    columns: tuple[Column, ...] = ()
    scaling: Scaling | None = None
    targets: tuple[str, ...] = ()
    class_names: Any = ()
    index: str | None = None
    weight: str | None = None
    left_out: tuple[str, ...] = ()
    drops: bool = False

    @property
    def feature_names(self) -> list[str]:
        """A name for each input that the columns become."""
        return [name for column in self.columns for name in column.features]

    def inputs(self, table: Any) -> Any:
        """What the network is given for raw rows, ``(n, *input_shape)``.

        Args:
            table: as ``Rows.of`` takes it; where there are no columns an array, or of several inputs a mapping of them.

        Raises:
            DataError: names what is missing, new in a way that cannot be taken, or of another type.
        """
        if self.columns:
            rows = self.rows(table)
            return np.concatenate([column.encode(rows) for column in self.columns], axis=1)
        scaling = self.scaling or Scaling()
        return each(scaling.encode, dict(table) if isinstance(table, Mapping) else table)

    def rows(self, table: Any) -> Rows:
        """The same table, in which every column of these is.

        Raises:
            DataError: names each that is missing.
        """
        rows = Rows.of(table, [column.name for column in self.columns])
        missing = [column.name for column in self.columns if column.name not in rows.columns]
        if len(missing) == 1:
            rows.column(missing[0])
        if missing:
            named = listed([f'"{cut(name, 80)}"' for name in missing], 12)
            there = listed([f'"{cut(name, 80)}"' for name in rows.columns], 12)
            raise DataError(f"the columns {named} are missing; the table has {there}")
        return rows

    def complete(self, rows: Rows, answered: bool = False) -> Array:
        """The positions of the rows that miss no value, where such were left out; else of all.

        Args:
            answered: whether they are to have their targets, too.
        """
        names = [*(column.name for column in self.columns), *(self.targets if answered else ())]
        whole = np.ones(len(rows), bool)
        for name in names if self.drops else ():
            whole &= [text is not None for text in rows.texts(name)]
        return np.flatnonzero(whole)

    def remarks(self, table: Any) -> list[str]:
        """What is to be said of a table: columns that are new, and are not read, and categories that are."""
        if not self.columns:
            return []
        rows = self.rows(table)
        known = {*(c.name for c in self.columns), *self.targets, *self.left_out, self.index, self.weight, UNNAMED}
        new = [f'"{cut(name, 80)}"' for name in rows.columns if name not in known]
        remarks = [f"not read, as they were not there in training: {listed(new, 12)}"] if new else []
        return remarks + [remark for column in self.columns for remark in column.remarks(rows)]

    def answers(self, table: Any) -> Array:
        """The targets of rows that have them: classes as whole numbers ``(n,)``; of a regression numbers, ``(n,)`` or
        ``(n, targets)``.

        Raises:
            DataError: a target's column is missing, or names the first cell that is none.
        """
        rows = Rows.of(table, [*(column.name for column in self.columns), *self.targets])
        if not self.class_names:
            columns = [rows.numbers(name) for name in self.targets]
            for name, column in zip(self.targets, columns):
                if np.isnan(column).any():
                    rows.refuse(int(np.isnan(column).argmax()), name, "the value is missing")
            return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)
        place = {Rows.text(name) or str(name): k for k, name in enumerate(self.class_names)}
        (target,) = self.targets
        classes = np.empty(len(rows), np.int64)
        for row, text in enumerate(rows.texts(target)):
            if text is None:
                rows.refuse(row, target, "the value is missing")
            if text not in place:
                there = listed([f'"{cut(name, 40)}"' for name in place], 12)
                rows.refuse(row, target, f'"{cut(text, 80)}" is none of the classes {there}')
            classes[row] = place[text]
        return classes

    def as_json(self) -> dict[str, Any]:
        """As plain values."""
        scaling = None if self.scaling is None else vars(self.scaling)
        return {
            "format": FORMAT,
            "columns": [column.as_json() for column in self.columns],
            "scaling": scaling,
            "targets": list(self.targets),
            "class_names": each(list, self.class_names),
            "index": self.index,
            "weight": self.weight,
            "left_out": list(self.left_out),
            "drops": self.drops,
        }

    @classmethod
    def from_json(cls, given: Any) -> Preparation:
        """What ``as_json`` wrote.

        Raises:
            DataError: it is something else, or of a later version.
        """
        try:
            fields = dict(given)
            if fields.pop("format") != FORMAT:
                raise DataError("it was written by another version of chainrule")
            scaling = fields["scaling"]
            lists: dict[str, Any] = {name: tuple(fields[name]) for name in ("targets", "left_out")}
            if not all(isinstance(text, str) for texts in lists.values() for text in texts):
                raise TypeError
            names = each(tuple, fields["class_names"])
            return cls(
                **{
                    **fields,
                    **lists,
                    "columns": tuple(column_of(column) for column in fields["columns"]),
                    "scaling": None if scaling is None else _scaling(**scaling),
                    "class_names": names,
                }
            )
        except (TypeError, ValueError, KeyError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError("it holds no preparation of data") from None


def _scaling(shift: Any, width: Any, white: Any) -> Scaling:
    numbers = [np.asarray(one, np.float64) for one in (shift, width, 1.0 if white is None else white)]
    if not (all(np.isfinite(one).all() for one in numbers) and (numbers[1] > 0).all()):
        raise ValueError
    return Scaling(shift, width, white)
