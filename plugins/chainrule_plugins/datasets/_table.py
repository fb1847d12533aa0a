"""A table in a text file: its form is checked, and whatever is wrong with a cell is told by line and column."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from chainrule import Array, DataError, UnknownName, did_you_mean
from chainrule_plugins.datasets._preparation import LARGEST, TOO_LARGE

MISSING_MARKS = ("NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "NULL", "null", "None", "?", "-")


@dataclass
class Table:
    """A CSV file as text: the cells of each column, and the line on which each row starts."""

    path: Path
    columns: Mapping[str, Sequence[str]]
    lines: Sequence[int]

    @classmethod
    def read(cls, given: str, separator: str) -> "Table":
        """Read it, and check its form.

        Raises:
            DataError: it is not a table with named columns and rows of equal length.
        """
        path = Path(given).expanduser()
        text = read_text(path)
        require_separator(path, text, separator)
        rows, lines, line = [], [], 1
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True)
        try:
            for cells in reader:
                row = [cell.strip() for cell in cells]
                if row not in ([], [""]):
                    rows.append(row)
                    lines.append(line)
                line = reader.line_num + 1
        except csv.Error as error:
            raise DataError(f"{path}, line {line}: {error}") from None
        if not rows:
            raise DataError(f"{path} is empty")
        header = rows[0]
        for position, name in enumerate(header):
            if not name:
                index = "" if position else " (pandas writes its index there; to_csv(path, index=False) does not)"
                raise DataError(
                    f"{path}, line {lines[0]}: column {position + 1} has no name; name it or leave it out{index}"
                )
            if name in header[:position]:
                raise DataError(f'{path}, line {lines[0]}: two columns have the name "{name}"')
        if len(rows) == 1:
            raise DataError(f"{path} has a header, but no rows")
        for row, line in zip(rows, lines):
            if len(row) != len(header):
                raise DataError(f"{path}, line {line}: the row has {len(row)} cells, the header has {len(header)}")
        columns = {name: [row[position] for row in rows[1:]] for position, name in enumerate(header)}
        return cls(path, columns, lines[1:])

    def require_columns(self, field: str, names: Sequence[str]) -> None:
        """Refuse names that no column has, as the value of a dataset's ``field``."""
        for name in names:
            if name not in self.columns:
                known = did_you_mean(name, self.columns)
                raise UnknownName(f'{self.path} has no column "{name}" in its first line. {known}', key=field)

    def cells(self, name: str) -> Sequence[str]:
        """The text of a column, none of it missing."""
        for row, cell in enumerate(self.columns[name]):
            if not cell:
                self.refuse(row, name, "the value is missing; fill it in, or leave the row out")
            if cell in MISSING_MARKS:
                reason = (
                    f'"{cell}" marks a missing value; fill it in, leave the row out, or use another word for a value'
                )
                self.refuse(row, name, reason)
        return self.columns[name]

    def numbers(self, name: str) -> Array:
        """A column of numbers, none of them too large."""
        values = []
        for row, cell in enumerate(self.cells(name)):
            value = number(cell)
            if value is None:
                self.refuse_decimal_comma(row, name)
                self.refuse(
                    row, name, f'"{cell}" is not a finite number; encode text as numbers, or leave the column out'
                )
            if abs(value) > LARGEST:
                self.refuse(row, name, f"{cell} {TOO_LARGE}")
            values.append(value)
        return np.array(values)

    def refuse_decimal_comma(self, row: int, column: str) -> None:
        """Refuse a cell that is a number only to those who write 0.5 as 0,5."""
        cell = self.columns[column][row]
        whole, comma, fraction = cell.partition(",")
        pointed = f"{whole.replace('.', '')}.{fraction}"
        if comma and number(pointed) is not None:
            self.refuse(
                row, column, f'"{cell}" has a comma; write {pointed} if it is a decimal comma, else leave it out'
            )

    def refuse(self, row: int, column: str, reason: str) -> NoReturn:
        raise DataError(f'{self.path}, line {self.lines[row]}, column "{column}": {reason}')


def require_separator(path: Path, text: str, separator: str) -> None:
    """Refuse a file whose first line shows that its cells are separated by something else."""
    lines = enumerate(text.splitlines(), start=1)
    position, first = next(((position, line) for position, line in lines if line.strip()), (1, ""))
    if first.strip('"').lower().startswith("sep="):
        given = first.strip('"')[4:5] or separator
        option = "" if given == separator else f", and give {separator_option(given)}"
        raise DataError(f'{path}, line {position}: "sep=" is a word to Excel alone; delete the line{option}')
    other = next((other for other in ";\t|," if other in first), None)
    if other and separator not in first:
        raise DataError(
            f"{path}, line {position}: the header has no {shown(separator)}, but a {shown(other)}; where that "
            f"separates the cells, give {separator_option(other)}"
        )


def shown(separator: str) -> str:
    return "tab" if separator == "\t" else f'"{separator}"'


def separator_option(separator: str) -> str:
    """As it stands on a command line: the shell takes the outer quotes, Hydra the inner ones."""
    return "dataset.separator=tab" if separator == "\t" else f"\"dataset.separator='{separator}'\""


def read_text(path: Path) -> str:
    """A text file in UTF-8, with or without a byte order mark, its line ends as they are."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"there is no file {path} (looked for from {Path.cwd()})") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: not UTF-8; save the file in that encoding") from None


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
