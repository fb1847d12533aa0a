"""The user's own data as a table in a text file."""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from chainrule import Array, Data, DataError, Dataset, FieldError, Number, Preparation, Rows, Split
from chainrule_plugins.datasets._columns import Missing, Unseen, fitted, kinds_of, remarks_on, require_categories
from chainrule_plugins.datasets._files import brief, found, stored
from chainrule_plugins.datasets._hints import MOST_NAMED, list_option, no_separator, remark_on_header
from chainrule_plugins.datasets._hints import option as text_option
from chainrule_plugins.datasets._preparation import (
    Scale,
    remark_on_absent,
    remark_on_single,
    require_fractions,
    split,
)
from chainrule_plugins.datasets._table import Table
from chainrule_plugins.datasets._targets import targets_of

LOOKED_AT = 1000  # rows, for leading zeros


@dataclass
class Csv(Dataset):
    r"""A table of your own: the target column is what to predict, the other columns are what to predict it from.

    The first row names the columns. The file is UTF-8, or UTF-16 with a byte order mark, compressed by gzip or not;
    cells may be quoted, blank lines are passed over; or it is a Parquet file. A row with a cell too many or too few,
    text in a column of numbers, or a number beyond 1e19, whose square float32 cannot hold, is an error that names line
    and column: nothing is guessed or dropped, but a first column without a name, as pandas and R write an index. A cell
    is missing where it is empty, or NA, N/A, NaN, null, None, ? or -, in a target of text too.

    A column of numbers is an input; a column of text, of up to 50 different ones, an input for each, which is 1 where
    that text stands and 0 elsewhere; a column of dates, as 2026-03-01 or 2026-03-01T12:00, becomes how late it is, and
    where in the year, the week and the day; a time without a zone is taken for UTC. What columns were taken for is said
    at a run's end.

    Classes are split so that each part has its share of every one, and the training rows all of them. Features are
    scaled by what they are in the training rows, and missing values filled in, so that nothing of the other rows leaks
    into training:

    $x' = (x - mean) / std$ (standard), $x' = (x - min) / (max - min)$ (minmax)

    A column that is constant there becomes 0. Outside the training rows minmax may leave 0 to 1. Figures mark the name
    of a feature that was scaled. A regression is learned in standard deviations of the target from its mean, by the
    training rows: a loss is then without unit (a mean squared error of 1 is what the mean itself gives), while
    predictions, all other metrics and figures are in the unit of the file. New rows go the same way: see ``chainrule
    predict``.

    Shapes:
        x: (rows, features) in all
        y: (rows,) in all; for several targets (rows, targets)

    Args:
        path: of the file, from the working directory; ``~`` is the home directory.
        target: the column to predict; a list of columns is a regression with several outputs.
        features: the columns to predict from; by default all that are nothing else. On the command line names with
            blanks or parentheses need quotes within quotes, as in ``"dataset.features=['sepal length (cm)']"``.
        leave_out: columns that are not used; by default none.
        index: a column that says which row it is, and goes with the predictions; null for none.
        weight: a column that says how much each row counts, 0 or more, in the loss and in metrics; null for all alike.
        categories: columns that are categories although they look otherwise, such as numbers that are codes.
        unseen: what a category means that no training row has: ``ignore`` (the default), all its inputs are 0, and it
            is told; or refuse.
        missing: what becomes of a missing value: ``refuse`` (the default); ``drop``, its row is left out; or the mean,
            median or ``most_frequent`` value of the training rows; of categories it is the most frequent in all three.
        missing_target: what becomes of a row without a target: ``refuse`` (the default), or ``drop``.
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
    index: str | None = None
    weight: str | None = None
    categories: Sequence[str] = ()
    unseen: Unseen = "ignore"
    missing: Missing = "refuse"
    missing_target: Literal["refuse", "drop"] = "refuse"
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
        path = found(self.path)
        whole = self._table(path, stored(path))
        targets = [self.target] if isinstance(self.target, str) else list(self.target)
        features = self._features(whole, targets)
        categories = {*self.categories} | ({*whole.categories} & {*features})
        index = whole.index if self.index is None else self.index
        used = [*features, *targets, *([self.weight] if self.weight else [])]
        table = dataclasses.replace(whole, columns={name: whole.columns[name] for name in used})
        if self.missing == "drop" or self.missing_target == "drop":
            table = table.without_missing(used if self.missing == "drop" else targets)
        values = None if categories else table.plain_numbers(features)
        if values is None:
            kinds = kinds_of(table, features, categories, self.missing)
            rows = table.as_rows(features)
        else:
            kinds = dict.fromkeys(features, Number)
            rows = Rows(dict(zip(features, values.T)), table.place)
        y, task, class_names, remarks = targets_of(table, targets, self.task)
        if len(table.rows) < len(whole.rows):
            dropped = len(whole.rows) - len(table.rows)
            remarks.append(f"{dropped:,} of {len(whole.rows):,} rows miss a value and are left out")
        if whole.has_index:
            remarks.append("the first column has no name and is left out, as pandas and R write an index so")
        remarks += remark_on_header(list(whole.columns), whole.numeric_names)
        numbers = {name: rows.numbers(name) for name, kind in kinds.items() if kind is Number}
        remarks += remark_on_index(numbers) + remark_on_codes(table, list(numbers))
        classes = task != "regression"
        if classes:
            remarks += remark_on_single(y, class_names)
        text = classes and any(Rows.number(name) is None for name in class_names)
        weight = None if self.weight is None else weights(table, self.weight)
        positions = np.arange(len(y))
        parts = split(self, positions, y, stratified=classes, quantities=not text, weight=weight)
        trained = np.isin(positions, parts[0].x)
        columns = fitted(rows, kinds, trained, self.scale, self.missing, self.unseen)
        remarks += remarks_on(columns, rows, self.missing)
        remarks += remark_on_constant({name: values[trained] for name, values in numbers.items()})
        if classes:
            remarks += remark_on_absent(parts, class_names)
        kept = {*used, index}
        preparation = Preparation(
            columns,
            targets=tuple(targets),
            index=index,
            weight=self.weight,
            left_out=tuple(name for name in whole.columns if name not in kept),
            drops=self.missing == "drop",
        )
        x = preparation.inputs(rows)
        train, validation, test = (part and Split(x[part.x], part.y, part.weight) for part in parts)
        return Data(
            train,
            task,
            validation,
            test,
            class_names=class_names,
            feature_names=preparation.feature_names,
            standardize_targets=self.standardize_targets,
            remarks=remarks,
            preparation=preparation,
        )

    def files_read(self) -> Sequence[Path]:
        return [found(self.path)]

    def read(self, content: bytes, name: str) -> Rows:
        table = self._table(Path(name), content)
        return table.as_rows([*table.columns])

    def _table(self, path: Path, content: bytes | bytearray) -> Table:
        return Table.read(path, content, "\t" if self.separator == "tab" else self.separator)

    def _features(self, table: Table, targets: Sequence[str]) -> list[str]:
        """The columns to predict from.

        Raises:
            UnknownName: a column is not there. FieldError: one is there twice, or is to be two things at once.
        """
        roles: dict[str, list[str]] = {
            "target": list(targets),
            "leave_out": list(self.leave_out),
            "index": [name] if (name := self.index or table.index) else [],
            "weight": [self.weight] if self.weight is not None else [],
        }
        taken: dict[str, str] = {}
        for role, names in roles.items():
            for name in names:
                if name in taken and "leave_out" not in (role, taken[name]):
                    what = "there twice" if taken[name] == role else f"the {taken[name]}; it cannot be the {role} too"
                    raise FieldError(f'"{name}" is {what}', key=role)
                taken.setdefault(name, role)
        features = list(self.features or [name for name in table.columns if name not in taken])
        for role, names in {**roles, "features": features, "categories": list(self.categories)}.items():
            table.require_columns(role, names)
            for name, count in Counter(names).items():
                if count > 1:
                    raise FieldError(f'"{name}" is there twice', key=role)
        for name in features:
            if name in taken:
                what = "to be left out" if taken[name] == "leave_out" else f"the {taken[name]}"
                raise FieldError(f'"{name}" is {what}; it cannot be a feature too', key="features")
        require_categories(self.categories, features)
        if not features:
            hint = no_separator(table.separator, list(table.columns))
            raise DataError(f"{table.path} has no column beside the target. Is the separator right?{hint}")
        return features


def remark_on_index(columns: Mapping[str, Array]) -> list[str]:
    """What to say of columns that do nothing but count the rows."""
    found = [
        name
        for name, x in columns.items()
        if len(x) > 2 and x[0] in (0, 1) and x[-1] - x[0] == len(x) - 1 and (np.diff(x) == 1).all()
    ]
    if not found:
        return []
    ways = f"{text_option('index', found[0])}, or {list_option('leave_out', found)}"
    return [f'column "{found[0]}" counts the rows: if it is an index, give {ways}']


def remark_on_codes(table: Table, names: Sequence[str]) -> list[str]:
    """What to say of numbers with leading zeros, as far as the first rows show any: postal codes have them."""
    coded = dict.fromkeys(
        name
        for cells in itertools.islice(table.parted(names), LOOKED_AT)
        for name, cell in zip(names, cells)
        if len(cell) > 1 and cell[0] == "0" and cell.isdecimal()
    )
    if not coded:
        return []
    named = ", ".join(f'"{brief(name)}"' for name in coded)
    told = f"leading zeros in {named}, as codes have, were taken for those of numbers"
    return [f"{told}: for categories give {list_option('categories', list(coded))}"]


def remark_on_constant(columns: Mapping[str, Array]) -> list[str]:
    """What to say of columns that are the same in every training row."""
    known = {name: values[~np.isnan(values)] for name, values in columns.items()}
    same = [name for name, values in known.items() if len(values) and values.min() == values.max()]
    told = ", ".join(f'"{brief(name)}"' for name in same[:MOST_NAMED])
    return [f"the same in every training row, which tells nothing: {told}"] if same else []


def weights(table: Table, name: str) -> Array:
    """How much each row counts.

    Raises:
        DataError: one counts less than nothing, or none counts.
    """
    weight: Array = table.numbers([name])[:, 0]
    if (weight < 0).any():
        row = int((weight < 0).argmax())
        table.refuse(row, name, f"{weight[row]:g} is no weight: it must be 0 or more")
    if not weight.any():
        raise DataError(f'{table.path}, column "{name}": all weights are 0')
    return weight
