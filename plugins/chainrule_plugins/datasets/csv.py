"""The user's own data as a table in a text file."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from chainrule import Array, Data, DataError, Dataset, FieldError, Task
from chainrule_plugins.datasets._files import brief
from chainrule_plugins.datasets._hints import list_option, no_separator, remark_on_header
from chainrule_plugins.datasets._preparation import (
    Scale,
    are_classes,
    names_scaled,
    remark_on_single,
    remark_on_task,
    require_fractions,
    scaled,
    split,
    task_for,
)
from chainrule_plugins.datasets._table import Table, number

MOST_CLASSES = 20  # that whole numbers are taken for; more of them are plainly a quantity
ROWS_EACH = 5  # on average, of a whole number that is a class


@dataclass
class Csv(Dataset):
    r"""A table of your own: the target column is what to predict, the other columns are what to predict it from.

    The first row names the columns; every cell of a feature must be a number. The file is UTF-8, or UTF-16 with a byte
    order mark, compressed by gzip or not; cells may be quoted, blank lines are passed over. A missing value, a row with
    a cell too many or too few, text in place of a number, or a number beyond 1e19, whose square float32 cannot hold, is
    an error that names line and column: nothing is guessed or dropped, but a first column without a name, as pandas and
    R write an index. A cell is missing where it is empty, or NA, N/A, NaN, null, None, ? or -, in a target of text too.

    Classes are split so that each part has its share of every one, and the training rows all of them. Features are
    scaled by what they are in the training rows, so that nothing of the other rows leaks into training:

    $x' = (x - mean) / std$ (standard), $x' = (x - min) / (max - min)$ (minmax)

    A column that is constant there becomes 0. Outside the training rows minmax may leave 0 to 1. Figures mark the name
    of a feature that was scaled. A regression is learned in standard deviations of the target from its mean, by the
    training rows: a loss is then without unit (a mean squared error of 1 is what the mean itself gives), while
    predictions, all other metrics and figures are in the unit of the file.

    Shapes:
        x: (rows, features) in all
        y: (rows,) in all; for several targets (rows, targets)

    Args:
        path: of the file, from the working directory; ``~`` is the home directory.
        target: the column to predict; a list of columns is a regression with several outputs.
        features: the columns to predict from; by default all but the target. On the command line names with blanks or
            parentheses need quotes within quotes, as in ``"dataset.features=['sepal length (cm)']"``.
        leave_out: columns that are neither; by default none.
        drop_missing: whether rows in which a feature or target is missing are left out; by default they are an error.
        task: binary, multiclass, regression, or auto (the default): text is classes, numbers are a regression, and
            whole numbers are classes where there are two of them (binary), or up to 20 of at most three digits, each
            for at least 5 rows on average; a run says at its end what up to 20 were taken for. Classes are numbered in
            sorted order.
        separator: between cells, one character, or "tab"; default a comma. On the command line a semicolon needs
            quotes within quotes, as in ``"dataset.separator=';'"``.
        scale: standard (the default), minmax or none.
        standardize_targets: whether a regression is learned so; default true. A loss for which that makes no sense,
            such as one of counts, is given the targets as they are all the same.
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
    leave_out: Sequence[str] = ()
    drop_missing: bool = False
    task: Literal["auto", "binary", "multiclass", "regression"] = "auto"
    separator: str = ","
    scale: Scale = "standard"
    standardize_targets: bool = True
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
        not_features = {*targets, *self.leave_out}
        features = list(self.features or [name for name in table.columns if name not in not_features])
        for field, names in (("target", targets), ("features", features), ("leave_out", list(self.leave_out))):
            table.require_columns(field, names)
            for name, count in Counter(names).items():
                if count > 1:
                    raise FieldError(f'"{name}" is there twice', key=field)
        for name in features:
            if name in not_features:
                what = "the target; it cannot be a feature too" if name in targets else "to be left out too"
                raise FieldError(f'"{name}" is {what}', key="features")
        if not features:
            hint = no_separator(table.separator, list(table.columns))
            raise DataError(f"{table.path} has no column beside the target. Is the separator right?{hint}")

        whole = table
        table = dataclasses.replace(whole, columns={name: whole.columns[name] for name in [*features, *targets]})
        if self.drop_missing:
            table = table.without_missing([*features, *targets])
        x = table.numbers(features)
        y, task, class_names, remarks = self._targets(table, targets)
        if len(table.rows) < len(whole.rows):
            dropped = len(whole.rows) - len(table.rows)
            remarks.append(f"{dropped:,} of {len(whole.rows):,} rows miss a value and are left out")
        if whole.has_index:
            remarks.append("the first column has no name and is left out, as pandas and R write an index so")
        remarks += remark_on_header(list(whole.columns), whole.numeric_names)
        remarks += remark_on_index(features, x)
        if task != "regression":
            remarks += remark_on_single(y, class_names)
        classes = task != "regression"
        text = classes and any(number(name) is None for name in class_names)
        parts = scaled(self.scale, *split(self, x, y, stratified=classes, quantities=not text))
        feature_names = names_scaled(self.scale, features)
        return Data(
            parts[0],
            task,
            *parts[1:],
            class_names=class_names,
            feature_names=feature_names,
            standardize_targets=self.standardize_targets,
            remarks=remarks,
        )

    def _targets(self, table: Table, names: Sequence[str]) -> tuple[Array, Task, Sequence[str], list[str]]:
        """Targets, task, class names, and what is to be said of how the task was chosen."""
        if self.task in ("binary", "multiclass") and len(names) > 1:
            raise FieldError(f"got {len(names)} columns, a {self.task} task has one", key="target")
        if self.task == "regression" or len(names) > 1:
            y = table.numbers(names)
            return (y[:, 0] if len(names) == 1 else y), "regression", (), []

        (name,) = names
        cells = table.cells(name)
        values = [number(cell) for cell in cells]
        text = None in values
        if text and self.task == "auto":
            row = values.index(None)
            table.refuse_decimal_comma(row, name, cells[row])
            if any(value is not None for value in values):
                reason = f'"{brief(cells[row])}" is not a number, as others are; for classes give task=multiclass'
                table.refuse(row, name, reason)
        labels = np.array(cells if text else values)
        where, remarks = f'{table.path}, column "{name}"', []
        if not text:
            whole = labels % 1 == 0
            if self.task == "auto" and whole.all():
                classes = are_classes(labels, ROWS_EACH) and looks_coded(labels)
                if len(np.unique(labels)) <= MOST_CLASSES:
                    remarks = remark_on_task(f'column "{name}"', labels, classes)
            if self.task == "auto" and not (whole.all() and classes):
                return table.numbers([name])[:, 0], "regression", (), remarks
            if not whole.all():
                row = int(np.argmin(whole))
                table.refuse(row, name, f'"{brief(cells[row])}" is not a class; classes are text or whole numbers')
        distinct, y = np.unique(labels, return_inverse=True)
        class_names = distinct.tolist() if text else [f"{label:.0f}" for label in distinct]
        return y, task_for(self.task, class_names, where), class_names, remarks


def looks_coded(values: Array) -> bool:
    """Whether whole numbers can be codes of classes: two, or up to 20 of at most three digits, which no year has.

    >>> looks_coded(np.array([1, 2, 7])), looks_coded(np.array([1998, 1999, 2001])), looks_coded(np.arange(21))
    (True, False, False)
    """
    distinct = np.unique(values)
    return len(distinct) <= 2 or (len(distinct) <= MOST_CLASSES and float(np.abs(distinct).max()) < 1000)


def remark_on_index(names: Sequence[str], x: Array) -> list[str]:
    """What to say of features that do nothing but count the rows."""
    counting = np.flatnonzero(np.isin(x[0], (0, 1)) & (x[-1] - x[0] == len(x) - 1))
    found = [names[int(k)] for k in counting if len(x) > 2 and (np.diff(x[:, k]) == 1).all()]
    if not found:
        return []
    return [f'column "{found[0]}" counts the rows: if it is an index, give {list_option("leave_out", found)}']
