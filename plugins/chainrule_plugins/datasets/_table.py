"""A table in a text file: its form is checked, and whatever is wrong with a cell is told by line and column."""

import csv
import dataclasses
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from chainrule import Array, DataError, UnknownName
from chainrule_plugins.datasets._files import brief, found, stored, unpacked
from chainrule_plugins.datasets._hints import (
    MOST_NAMED,
    list_option,
    missing_in,
    no_column,
    no_separator,
    require_separator,
    what_it_is,
)
from chainrule_plugins.datasets._preparation import LARGEST, TOO_LARGE

MISSING_MARKS = frozenset(
    ("NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "NULL", "null", "None", "?", "-")
)  # fmt: skip
UTF16 = (b"\xff\xfe", b"\xfe\xff")  # its byte order marks


@dataclass
class Table:
    """A CSV file as text: where each column stands, and the text and first line of each row.

    Cells are parted when they are asked for: those of a wide table, all at once, would take a gigabyte.
    """

    path: Path
    columns: Mapping[str, int]
    separator: str
    rows: Sequence[str]
    lines: Sequence[int]

    @classmethod
    def read(cls, given: str, separator: str) -> "Table":
        """Read it, and check its form. A first column without a name is no column: it is the index of pandas or R.

        Raises:
            DataError: it is not a table with named columns and rows of equal length.
        """
        path = found(given)
        records = _records(path, read_text(path), separator)
        line, text, width = next(records, (0, "", 0))
        if not width:
            raise DataError(f"{path} is empty")
        columns: dict[str, int] = {}
        names = [cell.strip() for cell in _parted(text, separator)]
        # Consecutive numbers from 0 are names that pandas gives.
        if all(number(name) is not None for name in names) and names != [str(k) for k in range(width)]:
            raise DataError(
                f"{path}, line {line}: numbers alone are no header; put a line with the columns' names first"
            )
        for position, name in enumerate(names):
            if not name and position:
                raise DataError(f"{path}, line {line}: column {position + 1} has no name; name it or leave it out")
            if name in columns:
                raise DataError(f'{path}, line {line}: two columns have the name "{brief(name)}"')
            if name:
                columns[name] = position
        rows, lines = [], []
        for line, text, cells in records:
            if cells != width:
                raise DataError(f"{path}, line {line}: the row has {cells} cells, the header has {width}")
            rows.append(text)
            lines.append(line)
        if not rows:
            raise DataError(f"{path} has a header, but no rows")
        return cls(path, columns, separator, rows, lines)

    @property
    def has_index(self) -> bool:
        """Whether its first column has no name."""
        return 0 not in self.columns.values()

    @property
    def numeric_names(self) -> int:
        """How many names of columns are numbers, unless they are those that pandas gives."""
        names = list(self.columns)
        return 0 if names == [str(k) for k in range(len(names))] else sum(number(name) is not None for name in names)

    def without_missing(self, names: Sequence[str]) -> "Table":
        """The rows that have a value in each of these columns.

        Raises:
            DataError: there are none.
        """
        positions = [self.columns[name] for name in names]
        kept = []
        for row, text in enumerate(self.rows):
            cells = _parted(text, self.separator)
            if not any(why_missing(cells[position].strip()) for position in positions):
                kept.append(row)
        if not kept:
            raise DataError(f"{self.path}: each row misses a value; leave out columns that have few{self._missing()}")
        rows, lines = [self.rows[row] for row in kept], [self.lines[row] for row in kept]
        return dataclasses.replace(self, rows=rows, lines=lines)

    def require_columns(self, field: str, names: Sequence[str]) -> None:
        """Refuse names that no column has, as the value of a dataset's ``field``."""
        for name in names:
            if name not in self.columns:
                known = no_column(name, list(self.columns), field) + no_separator(self.separator, list(self.columns))
                raise UnknownName(f'{self.path} has no column "{brief(name)}" in its first line. {known}', key=field)

    def cells(self, name: str) -> Sequence[str]:
        """The text of a column, none of it missing."""
        position = self.columns[name]
        column = [_parted(text, self.separator)[position].strip() for text in self.rows]
        for row, cell in enumerate(column):
            missing = why_missing(cell)
            if missing:
                self.refuse(row, name, missing + self._missing())
        return column

    def _missing(self) -> str:
        """Which columns miss values, and how many."""
        counts = dict.fromkeys(self.columns, 0)
        for text in self.rows:
            cells = _parted(text, self.separator)
            for name, position in self.columns.items():
                counts[name] += why_missing(cells[position].strip()) is not None
        return missing_in(counts, len(self.rows))

    def numbers(self, names: Sequence[str]) -> Array:
        """Columns of numbers, none of them too large: ``(rows, names)``."""
        positions = [self.columns[name] for name in names]
        try:
            values: Array = np.loadtxt(
                self.rows, delimiter=self.separator, quotechar='"', comments=None, usecols=positions, ndmin=2
            )
            plain = self.separator != " " and values.shape == (len(self.rows), len(names))
            if plain and (np.abs(values) <= LARGEST).all():
                return values
        except ValueError:
            pass
        return self._cell_by_cell(names, positions)

    def _cell_by_cell(self, names: Sequence[str], positions: Sequence[int]) -> Array:
        """The same of cells that NumPy does not take, such as those in quotes after a blank; or what is wrong."""
        values = np.empty((len(self.rows), len(names)))
        for row, text in enumerate(self.rows):
            cells = _parted(text, self.separator)
            for column, (name, position) in enumerate(zip(names, positions)):
                value = number(cells[position])
                if value is None or abs(value) > LARGEST:
                    self._refuse_number(row, name, cells[position].strip(), names)
                values[row, column] = value
        return values

    def _refuse_number(self, row: int, name: str, cell: str, names: Sequence[str]) -> NoReturn:
        if number(cell) is not None:
            self.refuse(row, name, f"{brief(cell)} {TOO_LARGE}")
        self.refuse_decimal_comma(row, name, cell)
        missing = why_missing(cell)
        reason = missing or f'"{brief(cell)}" is not a finite number; encode text as numbers, or leave the column out'
        self.refuse(row, name, reason + (self._missing() if missing else "") + self._way_out(names))

    def _way_out(self, names: Sequence[str]) -> str:
        """The option that leaves out all columns of text, unless that is all of them, or too many to be named."""
        left, texts = {name: self.columns[name] for name in names}, set[str]()
        for text in self.rows:
            cells = [cell.strip() for cell in _parted(text, self.separator)]
            texts |= {n for n, at in left.items() if number(cells[at]) is None and not why_missing(cells[at])}
            left = {name: at for name, at in left.items() if name not in texts}
        if not left or not 0 < len(texts) <= MOST_NAMED:
            return ""
        several = f"the {len(texts)} columns" if len(texts) > 1 else "the column"
        option = list_option("leave_out", [name for name in names if name in texts])
        return f". To predict without {several} of text: {option}"

    def refuse_decimal_comma(self, row: int, column: str, cell: str) -> None:
        """Refuse a cell that is a number only to those who write 0.5 as 0,5."""
        whole, comma, fraction = cell.partition(",")
        pointed = f"{whole.replace('.', '')}.{fraction}"
        if comma and number(pointed) is not None:
            reason = f'"{brief(cell)}" has a comma; write {brief(pointed)} if it is a decimal comma, else leave it out'
            self.refuse(row, column, reason)

    def refuse(self, row: int, column: str, reason: str) -> NoReturn:
        raise DataError(f'{self.path}, line {self.lines[row]}, column "{brief(column)}": {reason}')


def _records(path: Path, text: str, separator: str) -> Iterator[tuple[int, str, int]]:
    """The first line, text and number of cells of each record; blank lines are none. The first one is the header.

    Raises:
        DataError: quotes are not as they should be, or the header shows that something else separates the cells.
    """
    lines = list(io.StringIO(text, newline=""))
    header = True
    if is_plain(text, separator):  # then a line is a record, and need not be parsed to be counted
        for line, record in enumerate(lines, start=1):
            if not record.isspace() or separator in record:
                if header:
                    require_separator(path, line, record, separator)
                    header = False
                yield line, record.rstrip("\r\n"), record.count(separator) + 1
        return
    reader, end = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True), 0
    while True:
        line = end + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if header:
                require_separator(path, line, "".join(lines[end : reader.line_num]), separator)
            raise DataError(f"{path}, line {line}: {error}") from None
        record, end = "".join(lines[end : reader.line_num]), reader.line_num
        if not record.isspace() or separator in record:
            if header:
                require_separator(path, line, record, separator)
                header = False
            yield line, record.rstrip("\r\n"), len(cells)


def is_plain(text: str, separator: str) -> bool:
    """Whether cells end at each separator. Several blanks are one."""
    return '"' not in text and separator != " "


def _parted(record: str, separator: str) -> list[str]:
    """The cells of a record, perhaps with blanks around them."""
    if is_plain(record, separator):
        return record.split(separator)
    (cells,) = csv.reader([record], delimiter=separator, strict=True, skipinitialspace=True)
    return cells


def read_text(path: Path) -> str:
    """A text file in UTF-8, or in UTF-16 with its byte order mark, which may be compressed by gzip; its line ends are
    as they are."""
    content: bytes | bytearray = stored(path)
    other = what_it_is(content)
    if other is not None:
        raise DataError(f"{path} is {other}")
    if content[:2] == b"\x1f\x8b":
        content = unpacked(path, content)
    try:
        return content.decode("utf-16" if content.startswith(UTF16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: not UTF-8; save the file in that encoding") from None


def why_missing(cell: str) -> str | None:
    """What to say of a cell without a value; None of one that has one."""
    if not cell:
        return "the value is missing; fill it in, or leave such rows out with dataset.drop_missing=true"
    if cell in MISSING_MARKS:
        return (
            f'"{cell}" marks a missing value; fill it in, leave such rows out with dataset.drop_missing=true, or use '
            "another word for a value"
        )
    return None


def number(cell: str) -> float | None:
    """The finite number that a cell holds, or None. Python's own notation for long numbers, 1_000, is not one.

    >>> number("1e3"), number("inf"), number("1_000")
    (1000.0, None, None)
    """
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in cell else None
