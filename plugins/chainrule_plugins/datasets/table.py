"""The user's own data as a table in a text file."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np

from chainrule import Array, Data, DataError, Dataset, FieldError, Task, UnknownName, did_you_mean
from chainrule_plugins.datasets.preparation import (
    LARGEST,
    TOO_LARGE,
    Scale,
    missing_class,
    names_scaled,
    require_fractions,
    scaled,
    split,
    task_for,
)

MOST_CLASSES = 20  # that whole numbers in a target column are taken for; more of them are a quantity
MISSING_MARKS = ("NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "NULL", "null", "None", "?", "-")


@dataclass
class Csv(Dataset):
    r"""A table of your own: the target column is what to predict, the other columns are what to predict it from.

    The first line names the columns; every cell of a feature must be a number. The file is UTF-8, cells may be quoted,
    blank lines are passed over. A missing value, a row with a cell too many or too few, text in place of a number, or a
    number beyond 1e19, whose square float32 cannot hold, is an error that names line and column: nothing is guessed or
    dropped. A cell is missing where it is empty, or NA, N/A, NaN, null, None, ? or -, in a target of text too.

    Features are scaled by what they are in the training rows, so that nothing of the other rows leaks into training:

    $x' = (x - mean) / std$ (standard), $x' = (x - min) / (max - min)$ (minmax)

    A column that is constant there becomes 0. Outside the training rows minmax may leave 0 to 1. Figures mark the name
    of a feature that was scaled. The targets of a regression are not scaled, so that errors are in their own unit.

    Shapes:
        x: (rows, features) in all
        y: (rows,) in all; for several targets (rows, targets)

    Args:
        path: of the file, from the working directory; ``~`` is the home directory.
        target: the column to predict; a list of columns is a regression with several outputs.
        features: the columns to predict from; by default all but the target. On the command line names with blanks or
            parentheses need quotes within quotes, as in ``"dataset.features=['sepal length (cm)']"``.
        task: binary, multiclass, regression, or auto (the default): text and up to 20 distinct whole numbers are
            classes (two of them: binary), other numbers a regression. Classes are numbered in sorted order.
        separator: between cells, one character, or "tab"; default a comma. On the command line a semicolon needs
            quotes within quotes, as in ``"dataset.separator=';'"``.
        scale: standard (the default), minmax or none.
        validation_fraction: of the rows that are not for testing, from 0 up to but not 1; default 0.2.
        test_fraction: of all rows, from 0 up to but not 1; default 0.2.
        seed: of the split, 0 or more; default 0. It is not the seed of the training.

    Raises:
        DataError: the file is missing or holds what it should not; where, and what it should be.
        UnknownName: there is no such column.

    Example:
        >>> import chainrule as cr
        >>> cr.make("dataset", "csv", path="iris.csv", target="species").scale
        'standard'
    """

    path: str
    target: str | Sequence[str]
    features: Sequence[str] | None = None
    task: Literal["auto", "binary", "multiclass", "regression"] = "auto"
    separator: str = ","
    scale: Scale = "standard"
    validation_fraction: float = 0.2
    test_fraction: float = 0.2
    seed: int = 0

    @classmethod
    def check_examples_in(cls, folder: Path) -> Sequence[Mapping[str, Any]]:
        rng = np.random.default_rng(0)
        rows = [f"{a:.6f},{b:.6f},{a - b:.6f},{'yes' if a > b else 'no'}" for a, b in rng.normal(size=(60, 2))]
        path = folder / "table.csv"
        path.write_text("\n".join(["a,b,difference,larger", *rows]), encoding="utf-8")
        columns = {"path": str(path), "features": ("a", "b")}
        return [{**columns, "target": "larger"}, {**columns, "target": "difference", "scale": "none"}]

    def __post_init__(self) -> None:
        self.require("target", len(self.target) > 0, "the name of a column, or a list of names")
        self.require("features", self.features is None or len(self.features) > 0, "a list of columns, or null for all")
        one = len(self.separator) == 1 and self.separator not in '"\r\n'
        self.require("separator", one or self.separator == "tab", 'one character, or "tab"')
        require_fractions(self)

    def load(self) -> Data:
        table = Table.read(self.path, "\t" if self.separator == "tab" else self.separator)
        targets = [self.target] if isinstance(self.target, str) else list(self.target)
        table.require_columns("target", targets)
        features = list(self.features or [name for name in table.columns if name not in targets])
        table.require_columns("features", features)
        for field, names in (("target", targets), ("features", features)):
            for position, name in enumerate(names):
                if name in names[:position]:
                    raise FieldError(f'"{name}" is there twice', key=field)
        for name in features:
            if name in targets:
                raise FieldError(f'"{name}" is the target; it cannot be a feature too', key="features")
        if not features:
            raise DataError(f"{table.path} has no column beside the target. Is the separator right?")

        x = np.stack([table.numbers(name) for name in features], axis=1)
        y, task, class_names = self._targets(table, targets)
        train, validation, test = scaled(self.scale, *split(self, x, y))
        missing = missing_class(train.y, len(class_names))
        if missing is not None:
            raise DataError(
                f'{table.path}: class "{class_names[missing]}" is in none of the {len(train.y)} rows for training; '
                "try another seed of the dataset, smaller fractions, or more rows of that class"
            )
        return Data(train, task, validation, test, class_names, names_scaled(self.scale, features))

    def _targets(self, table: "Table", names: Sequence[str]) -> tuple[Array, Task, Sequence[str]]:
        """Targets, task and class names."""
        if self.task in ("binary", "multiclass") and len(names) > 1:
            raise FieldError(f"got {len(names)} columns, a {self.task} task has one", key="target")
        if self.task == "regression" or len(names) > 1:
            y = np.stack([table.numbers(name) for name in names], axis=1)
            return (y[:, 0] if len(names) == 1 else y), "regression", ()

        (name,) = names
        cells = table.cells(name)
        values = [number(cell) for cell in cells]
        text = None in values
        if text and self.task == "auto":
            row = values.index(None)
            table.refuse_decimal_comma(row, name)
            if any(value is not None for value in values):
                reason = f'"{cells[row]}" is not a number, as others are; for classes give task=multiclass'
                table.refuse(row, name, reason)
        labels = np.array(cells if text else values)
        if not text:
            whole = labels % 1 == 0
            if self.task == "auto" and not (whole.all() and len(np.unique(labels)) <= MOST_CLASSES):
                return table.numbers(name), "regression", ()
            if not whole.all():
                row = int(np.argmin(whole))
                table.refuse(row, name, f'"{cells[row]}" is not a class; classes are text or whole numbers')
        classes, y = np.unique(labels, return_inverse=True)
        class_names = classes.tolist() if text else [f"{label:.0f}" for label in classes]
        return y, task_for(self.task, class_names, f'{table.path}, column "{name}"'), class_names


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
