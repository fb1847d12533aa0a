"""A table in a text file: its form is checked, and whatever is wrong with a cell is told by line and column."""

import csv
import dataclasses
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from chainrule import Array, DataError, Rows, UnknownName
from chainrule_plugins.datasets._files import brief, unpacked
from chainrule_plugins.datasets._hints import (
    likelier_separator,
    missing_in,
    no_column,
    no_separator,
    require_separator,
    what_it_is,
)
from chainrule_plugins.datasets._parquet import as_csv

GZIP, PARQUET = b"\x1f\x8b", b"PAR1"  # the bytes with which such a file begins
UTF16 = (b"\xff\xfe", b"\xfe\xff")  # its byte order marks


@dataclass
class Table:
    """A CSV file as text: where each column stands, and the text and first line of each row; and what a file with types
    says of its columns: which is an ``index``, which are ``categories``.

    Cells are parted when they are asked for: those of a wide table, all at once, would take a gigabyte.
    """

    path: Path
    columns: Mapping[str, int]
    separator: str
    rows: Sequence[str]
    lines: Sequence[int]
    index: str | None = None
    categories: Sequence[str] = ()

    @classmethod
    def read(cls, path: Path, content: bytes | bytearray, separator: str) -> "Table":
        """Read what a file holds, and check its form. A first column without a name is no column: it is the index of
        pandas or R.

        Raises:
            DataError: it is not a table with named columns and rows of equal length.
        """
        index, categories = None, list[str]()
        if content[:4] == PARQUET:
            content, index, categories = as_csv(path, content)
            separator = ","
        records = _records(path, read_text(path, content), separator)
        line, text, width = next(records, (0, "", 0))
        if not width:
            raise DataError(f"{path} is empty")
        columns: dict[str, int] = {}
        names_line = text
        names = [cell.strip() for cell in _parted(text, separator)]
        # Consecutive numbers from 0 are names that pandas gives.
        if all(Rows.number(name) is not None for name in names) and names != [str(k) for k in range(width)]:
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
                other = likelier_separator(names_line, separator)
                raise DataError(f"{path}, line {line}: the row has {cells} cells, the header has {width}{other}")
            rows.append(text)
            lines.append(line)
        if not rows:
            raise DataError(f"{path} has a header, but no rows")
        return cls(path, columns, separator, rows, lines, index, categories)

    @property
    def has_index(self) -> bool:
        """Whether its first column has no name."""
        return 0 not in self.columns.values()

    @property
    def numeric_names(self) -> int:
        """How many names of columns are numbers, unless they are those that pandas gives."""
        names = list(self.columns)
        return (
            0 if names == [str(k) for k in range(len(names))] else sum(Rows.number(name) is not None for name in names)
        )

    def without_missing(self, names: Sequence[str]) -> "Table":
        """The rows that have a value in each of these columns.

        Raises:
            DataError: there are none.
        """
        positions = [self.columns[name] for name in names]
        kept = []
        for row, text in enumerate(self.rows):
            cells = _parted(text, self.separator)
            if not any(is_missing(cells[position].strip()) for position in positions):
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

    def parted(self, names: Sequence[str]) -> Iterator[list[str]]:
        """Row by row, the text of these columns."""
        positions = [self.columns[name] for name in names]
        for text in self.rows:
            cells = _parted(text, self.separator)
            yield [cells[position].strip() for position in positions]

    def cell(self, row: int, name: str) -> str:
        """The text of one cell."""
        return _parted(self.rows[row], self.separator)[self.columns[name]].strip()

    def cells(self, name: str) -> Sequence[str]:
        """The text of a column, none of it missing."""
        column = [cell for (cell,) in self.parted([name])]
        for row, cell in enumerate(column):
            if is_missing(cell):
                self.refuse_missing(row, name, cell)
        return column

    def as_rows(self, names: Sequence[str]) -> Rows:
        """These columns as texts."""
        columns = zip(*self.parted(names), strict=True)
        return Rows({name: np.array(column, object) for name, column in zip(names, columns)}, self.place)

    def place(self, row: int) -> str:
        """What messages call a row."""
        return f"{self.path}, line {self.lines[row]}"

    def refuse_missing(self, row: int, name: str, cell: str, feature: bool = False) -> NoReturn:
        """Refuse a cell without a value, and say which columns miss how many."""
        reason = f'"{cell}" marks a missing value' if cell else "the value is missing"
        option = "dataset.missing=drop" if feature else "dataset.missing_target=drop"
        ways = ["fill it in", f"leave such rows out with {option}"]
        ways += ["take the mean for it with dataset.missing=mean"] if feature else []
        ways += ["use another word for a value"] if cell else []
        self.refuse(row, name, f"{reason}; {', '.join(ways[:-1])}, or {ways[-1]}{self._missing()}")

    def _missing(self) -> str:
        """Which columns miss values, and how many."""
        counts = dict.fromkeys(self.columns, 0)
        for text in self.rows:
            cells = _parted(text, self.separator)
            for name, position in self.columns.items():
                counts[name] += is_missing(cells[position].strip())
        return missing_in(counts, len(self.rows))

    def numbers(self, names: Sequence[str]) -> Array:
        """Columns of numbers, none of them too large: ``(rows, names)``."""
        plain = self.plain_numbers(names)
        return self._cell_by_cell(names) if plain is None else plain

    def plain_numbers(self, names: Sequence[str]) -> Array | None:
        """The same, as far as NumPy reads them; None where it does not."""
        positions = [self.columns[name] for name in names]
        try:
            values: Array = np.loadtxt(
                self.rows, delimiter=self.separator, quotechar='"', comments=None, usecols=positions, ndmin=2
            )
        except ValueError:
            return None
        right = self.separator != " " and values.shape == (len(self.rows), len(names))
        return values if right and (np.abs(values) <= Rows.LARGEST).all() else None

    def _cell_by_cell(self, names: Sequence[str]) -> Array:
        """The same of cells that NumPy does not take, such as those in quotes after a blank; or what is wrong."""
        values = np.empty((len(self.rows), len(names)))
        for row, cells in enumerate(self.parted(names)):
            for column, (name, cell) in enumerate(zip(names, cells)):
                value = Rows.number(cell)
                if value is None or abs(value) > Rows.LARGEST:
                    self._refuse_number(row, name, cell)
                values[row, column] = value
        return values

    def _refuse_number(self, row: int, name: str, cell: str) -> NoReturn:
        if Rows.number(cell) is not None:
            self.refuse(row, name, f"{brief(cell)} {Rows.TOO_LARGE}")
        self.refuse_decimal_comma(row, name, cell)
        if is_missing(cell):
            self.refuse_missing(row, name, cell)
        self.refuse(row, name, f'"{brief(cell)}" is not a finite number')

    def refuse_decimal_comma(self, row: int, column: str, cell: str) -> None:
        """Refuse a cell that is a number only to those who write 0.5 as 0,5."""
        pointed = decimal_comma(cell)
        if pointed is not None:
            reason = f'"{brief(cell)}" has a comma; write {brief(pointed)} if it is a decimal comma, else leave it out'
            self.refuse(row, column, reason)

    def refuse(self, row: int, column: str, reason: str) -> NoReturn:
        raise DataError(f'{self.place(row)}, column "{brief(column)}": {reason}')


def decimal_comma(cell: str) -> str | None:
    """The number that a cell holds for those who write 0.5 as 0,5, with a point; None of others."""
    whole, comma, fraction = cell.partition(",")
    pointed = f"{whole.replace('.', '')}.{fraction}"
    return pointed if comma and Rows.number(pointed) is not None else None


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


def read_text(path: Path, content: bytes | bytearray) -> str:
    """Text in UTF-8, or in UTF-16 with its byte order mark, which may be compressed by gzip; its line ends are as they
    are."""
    content = unpacked(path, content) if content[:2] == GZIP else content
    other = what_it_is(content)
    if other is not None:
        raise DataError(f"{path} is {other}")
    try:
        return content.decode("utf-16" if content.startswith(UTF16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: not UTF-8; save the file in that encoding") from None


def is_missing(cell: str) -> bool:
    """Whether a cell has no value."""
    return cell in Rows.MISSING
