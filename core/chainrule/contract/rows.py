"""Rows of a table as they come: a DataFrame, a list of dicts, a mapping of columns, the cells of a file."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.errors import DataError, did_you_mean
from chainrule.words import as_written, cut, quoted

SHOWN = 80
WHOLE = re.compile(r"^(-?[0-9]+)\.0+$")


@dataclass(frozen=True)
class Rows:
    """A table: columns of cells, by name.

    Args:
        columns: each an array ``(n,)`` of numbers or of anything that has a text; all of one length.
        place: what messages call a row, by its position: ``"new.csv, line 3"``; by default ``"row 0"`` and so on.

    Attributes:
        MISSING: what stands in a cell that has no value.
        LARGEST: what a number may be at most, above or below 0: float32 ends at 3.4e38, and must hold its square.
        TOO_LARGE: what is said of others.

    Raises:
        DataError: columns are not of one length.

    Example:
        >>> import chainrule as cr
        >>> rows = cr.Rows.of([{"age": 31, "sex": "f"}, {"age": "NA", "sex": "m"}])
        >>> rows.numbers("age"), list(rows.texts("sex"))
        (array([31., nan]), ['f', 'm'])
    """

    MISSING: ClassVar[frozenset[str]] = frozenset(
        ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "NaT", "NULL", "null", "None", "?", "-")
    )  # fmt: skip
    LARGEST: ClassVar[float] = 1e19
    TOO_LARGE: ClassVar[str] = (
        f"is too large: values go to {LARGEST:.0e} at most, as float32 must hold their squares; take a larger unit"
    )

    columns: Mapping[str, Array]
    place: Callable[[int], str] = "row {}".format

    def __post_init__(self) -> None:
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len({*lengths.values()}) > 1:
            told = ", ".join(f'"{name}" has {n}' for name, n in list(lengths.items())[:5])
            raise DataError(f"the columns of a table must be of one length: {told}")

    @classmethod
    def of(cls, table: Any, names: Sequence[str] = ()) -> Rows:
        """A table of whatever kind.

        Args:
            table: a DataFrame, of pandas or one like it; a mapping of columns; a list of mappings, one for each row,
                in which what is left out is missing; or an array ``(n, columns)``, or lists, whose columns are in the
                order of ``names``.

        Raises:
            DataError: it is none of these.
        """
        if isinstance(table, Rows):
            return table
        if hasattr(table, "column_names") and hasattr(table, "to_pandas"):  # a table of Arrow's
            table = table.to_pandas()
        if hasattr(table, "columns") and hasattr(table, "__getitem__"):
            for name, count in Counter(map(str, table.columns)).items():
                if count > 1:
                    raise DataError(f'the table has two columns "{cut(name, SHOWN)}"')
            return cls({str(column): np.asarray(table[column]) for column in table.columns})
        if isinstance(table, Mapping):
            return cls({str(name): _column(cells) for name, cells in table.items()})
        if isinstance(table, Sequence) and table and all(isinstance(row, Mapping) for row in table):
            there = dict.fromkeys(str(name) for row in table for name in row)
            return cls({name: _column([row.get(name) for row in table]) for name in there})
        try:
            array = np.asarray(table)
        except ValueError:
            array = np.empty(0)
        if array.ndim != 2 or array.shape[1] != len(names):
            shape = f"an array of shape {array.shape}" if array.ndim else type(table).__name__
            raise DataError(
                f"expected a DataFrame, a list of dicts, or an array (n, {len(names)}) of the columns "
                f"{', '.join(map(as_written, names[:8]))}{', ...' if len(names) > 8 else ''}, got {shape}"
            )
        return cls(dict(zip(names, array.T)))

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def at(self, positions: Array) -> Rows:
        """The rows at these positions, which keep their places."""
        kept = {name: column[positions] for name, column in self.columns.items()}
        return Rows(kept, lambda row: self.place(int(positions[row])))

    def column(self, name: str) -> Array:
        """The cells of a column.

        Raises:
            DataError: there is no such column.
        """
        if name not in self.columns:
            known = did_you_mean(name, self.columns, ordered=True)
            raise DataError(f'the column "{cut(name, SHOWN)}" is missing. {known}')
        return self.columns[name]

    def texts(self, name: str) -> Iterator[str | None]:
        """What stands in each cell of a column, without blanks around it; a whole number is written as one, however it
        is stored. None where there is no value."""
        known: dict[Any, str | None] = {}
        for cell in self.column(name):
            key = (cell.__class__, cell)  # 1 and True are equal
            try:
                text = known[key]
            except KeyError:
                text = known[key] = self.text(cell)
            except TypeError:  # a list, say
                text = self.text(cell)
            yield text

    def numbers(self, name: str) -> Array:
        """A column of numbers, ``(n,)`` in float64; NaN where there is no value.

        Raises:
            DataError: names the first cell that is none, or is too large.
        """
        column = self.column(name)
        if column.dtype.kind == "m":
            column = column / np.timedelta64(1, "D")  # a duration is a number of days
        if column.dtype.kind in "biuf":
            values = column.astype(np.float64)
        else:
            values = np.array([self._number(name, row, cell) for row, cell in enumerate(column)], np.float64)
        too_large = np.abs(values) > self.LARGEST
        if too_large.any():
            row = int(too_large.argmax())
            self.refuse(row, name, f"{cut(str(column[row]), SHOWN)} {self.TOO_LARGE}")
        return values

    def _number(self, name: str, row: int, cell: Any) -> float:
        text = self.text(cell)
        if text is None:
            return math.nan
        value = self.number(text)
        if value is None:
            self.refuse(row, name, f'"{cut(text, SHOWN)}" is not a finite number, and the column is one of numbers')
        return value

    @classmethod
    def text(cls, cell: Any) -> str | None:
        """What stands in a cell, without blanks around it; None where that is no value. A whole number is written as
        one: pandas makes 3.0 of a 3 where another cell of its column is empty.

        >>> Rows.text(" red "), Rows.text(3.0), Rows.text("3.0"), Rows.text("03"), Rows.text(float("nan"))
        ('red', '3', '3', '03', None)
        """
        if isinstance(cell, (float, np.floating)) and float(cell).is_integer():
            return f"{cell:.0f}"
        text = str(cell).strip()
        return None if text in cls.MISSING else WHOLE.sub(r"\1", text)

    @staticmethod
    def number(text: str) -> float | None:
        """The finite number that a text holds, or None. Python's own notation for long numbers, 1_000, is not one.

        >>> Rows.number("1e3"), Rows.number("inf"), Rows.number("1_000")
        (1000.0, None, None)
        """
        try:
            value = float(text)
        except ValueError:
            return None
        return value if math.isfinite(value) and "_" not in text else None

    def refuse(self, row: int, name: str, reason: str) -> NoReturn:
        """Raise ``DataError`` of one cell."""
        raise DataError(f'{self.place(row)}, column "{cut(name, SHOWN)}": {reason}')


def _column(cells: Any) -> Array:
    try:
        column = np.asarray(cells)
    except ValueError:
        column = np.empty(0)
    if column.ndim != 1 or len(column) != len(cells):
        raise DataError(f"a column must be a list of cells, got {quoted(cells)}; a single row is given as [row]")
    mixed = column.dtype.kind in "US" and any(not isinstance(cell, str) for cell in cells)
    return np.array(cells, object) if mixed else column  # NumPy would write None and True as texts of its own
