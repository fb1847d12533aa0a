"""How a column of a table becomes inputs of a network: one way for each kind of column, in plain numbers and names.

A dataset finds these numbers once, in its training rows; whoever has new rows goes the same way with them.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.rows import Rows
from chainrule.errors import DataError
from chainrule.words import counted, cut, listed

PERIODS = {"year": 365.2425, "week": 7.0, "day": 1.0}
"""Of what comes again with dates, in days."""
DAY = 86400.0  # seconds
MOST_TOLD = 5


@dataclass(frozen=True)
class Column:
    """A column of a table, and how it becomes inputs.

    Attributes:
        kind: what it is called in JSON.
        holds: what it holds, for people.
    """

    name: str

    kind: ClassVar[str]
    holds: ClassVar[str]

    @property
    def features(self) -> list[str]:
        """A name for each input that it becomes."""
        raise NotImplementedError

    def encode(self, rows: Rows) -> Array:
        """The inputs that it becomes: ``(n, features)``, float64.

        Raises:
            DataError: it is missing, or names the first cell that cannot be encoded.
        """
        raise NotImplementedError

    def remarks(self, rows: Rows) -> list[str]:
        """What is to be said of these rows, a sentence each."""
        return []

    def as_json(self) -> dict[str, Any]:
        """As plain values, which ``column_of`` takes back."""
        return {"kind": self.kind, **asdict(self)}

    def _filled(self, rows: Rows, values: Array, fill: float | None) -> Array:
        """The same, in which no value is missing."""
        missing = np.isnan(values)
        if fill is None:
            if missing.any():
                rows.refuse(int(missing.argmax()), self.name, not_filled(int(missing.sum()), len(rows)))
            return values
        return np.where(missing, fill, values)


@dataclass(frozen=True)
class Number(Column):
    r"""A column of numbers: $x' = (x - shift) / width$.

    Args:
        shift, width: finite, the width above 0; by default the numbers stay as they are.
        fill: what stands for a missing value, in the unit of the column; None: such a row is refused.

    Example:
        >>> import chainrule as cr
        >>> cr.Number("age", shift=30.0, width=10.0, fill=30.0).encode(cr.Rows.of({"age": [20, None, 50]})).ravel()
        array([-1.,  0.,  2.])
    """

    shift: float = 0.0
    width: float = 1.0
    fill: float | None = None

    kind = "number"
    holds = "numbers"

    @property
    def scaled(self) -> bool:
        """Whether its inputs are in another unit than its own."""
        return (self.shift, self.width) != (0.0, 1.0)

    @property
    def features(self) -> list[str]:
        return [f"{self.name} (scaled)" if self.scaled else self.name]

    def encode(self, rows: Rows) -> Array:
        values = self._filled(rows, rows.numbers(self.name), self.fill)
        return ((values - self.shift) / self.width)[:, None]


@dataclass(frozen=True)
class Category(Column):
    """A column of categories: an input for each of them, which is 1 where it stands and 0 elsewhere (one-hot).

    Args:
        categories: their texts, at least one, each once; a whole number is written as one, ``"3"``.
        unseen: what a category means that is none of these: ``"ignore"``, all its inputs are 0; ``"refuse"``, an error.
        fill: the category that stands for a missing value; None: such a row is refused.

    Example:
        >>> import chainrule as cr
        >>> cr.Category("sex", ("f", "m")).encode(cr.Rows.of({"sex": ["m", "f", "x"]}))
        array([[0., 1.],
               [1., 0.],
               [0., 0.]])
    """

    categories: tuple[str, ...]
    unseen: Literal["ignore", "refuse"] = "ignore"
    fill: str | None = None

    kind = "category"
    holds = "categories"

    @property
    def features(self) -> list[str]:
        return [f"{self.name}={category}" for category in self.categories]

    def encode(self, rows: Rows) -> Array:
        self._require_texts(rows)
        place = {category: k for k, category in enumerate(self.categories)}
        inputs = np.zeros((len(rows), len(self.categories)))
        for row, text in enumerate(rows.texts(self.name)):
            if text is None and self.fill is None:
                rows.refuse(row, self.name, not_filled(sum(one is None for one in rows.texts(self.name)), len(rows)))
            category = self.fill if text is None else text
            k = place.get(str(category))
            if k is not None:
                inputs[row, k] = 1
            elif self.unseen == "refuse":
                there = listed([f'"{cut(one, 40)}"' for one in self.categories], 12)
                rows.refuse(row, self.name, f'"{cut(str(category), 80)}" was not there in training: take {there}')
        return inputs

    def _require_texts(self, rows: Rows) -> None:
        """Refuse numbers where no category is one: such a column is another than it was."""
        column = rows.column(self.name)
        if column.dtype.kind not in "iuf" or any(rows.number(category) is not None for category in self.categories):
            return
        there = np.flatnonzero(~np.isnan(column))
        if len(there):
            rows.refuse(int(there[0]), self.name, f"{column[there[0]]} is a number, and the column is one of texts")

    def remarks(self, rows: Rows) -> list[str]:
        texts = Counter(self.fill if text is None else text for text in rows.texts(self.name))
        known = {*self.categories}
        new = [text for text in texts if text is not None and text not in known]
        if not new:
            return []
        count = sum(texts[text] for text in new)
        told = listed([f'"{cut(text, 40)}"' for text in new], MOST_TOLD)
        return [f'column "{self.name}": {told} was not there in training, and tells nothing in {counted(count, "row")}']


@dataclass(frozen=True)
class Date(Column):
    r"""A column of dates, or points in time: how late it is, and where it lies in each of its cycles.

    $x_0 = (t - shift) / width$ for t in days since 1970, and for each cycle $\sin(2 \pi t / period)$ and
    $\cos(2 \pi t / period)$: the end of a year is as near to the next one's beginning as it is in the world.

    Args:
        shift, width: in days; finite, the width above 0.
        cycles: any of ``"year"``, ``"week"``, ``"day"``.
        fill: what stands for a missing date, in days since 1970; None: such a row is refused.

    Dates are texts as in ISO 8601, ``2026-03-01`` or ``2026-03-01T12:00``, or the objects of Python, NumPy or pandas.
    One without a zone is taken for UTC.

    Example:
        >>> import chainrule as cr
        >>> cr.Date("day", shift=3.0, width=2.0).encode(cr.Rows.of({"day": ["1970-01-06"]}))
        array([[1.]])
    """

    shift: float = 0.0
    width: float = 1.0
    cycles: tuple[str, ...] = ()
    fill: float | None = None

    kind = "date"
    holds = "dates"

    @property
    def features(self) -> list[str]:
        return [f"{self.name} (scaled)", *(f"{self.name} ({f} of {c})" for c in self.cycles for f in ("sin", "cos"))]

    def encode(self, rows: Rows) -> Array:
        t = self._filled(rows, self.days(rows), self.fill)
        angles = [2 * math.pi * t / PERIODS[cycle] for cycle in self.cycles]
        return np.stack([(t - self.shift) / self.width, *(f(a) for a in angles for f in (np.sin, np.cos))], axis=1)

    def days(self, rows: Rows) -> Array:
        """The points in time, in days since 1970, ``(n,)``; NaN where there is none."""
        values = np.full(len(rows), np.nan)
        known: dict[str, float | None] = {}
        for row, text in enumerate(rows.texts(self.name)):
            if text is not None:
                day = known.get(text)
                if day is None:
                    day = known[text] = self.parse(text)
                if day is None:
                    reason = f'"{cut(text, 80)}" is no date, and the column is one of dates: write it as 2026-03-01'
                    rows.refuse(row, self.name, reason)
                values[row] = day
        return values

    @staticmethod
    def parse(text: str) -> float | None:
        """The days since 1970 of a date or time as ISO 8601 writes it; None of another text.

        >>> Date.parse("1970-01-02 12:00"), Date.parse("2 January")
        (1.5, None)
        """
        if text[4:5] != "-":  # 19700102 is a number
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() / DAY


def not_filled(count: int, rows: int) -> str:
    """What to say of a missing value for which nothing stands."""
    more = f", as in {count:,} of {rows:,} rows" if count > 1 else ""
    return f"the value is missing{more}, and the network was trained on rows without missing values: fill it in"


COLUMNS: dict[str, type[Column]] = {cls.kind: cls for cls in (Number, Category, Date)}


def column_of(given: Any) -> Column:
    """The column that ``as_json`` wrote.

    Raises:
        DataError: it wrote no such thing.
    """
    try:
        fields = dict(given)
        kind: Any = COLUMNS[fields.pop("kind")]
        column: Column = kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})
        texts = [column.name]
        numbers: list[float] = []
        if isinstance(column, Category):
            texts += [*column.categories, *([] if column.fill is None else [column.fill])]
            sound = column.unseen in ("ignore", "refuse") and len({*column.categories}) == len(column.categories) > 0
        else:
            assert isinstance(column, (Number, Date))
            numbers = [column.shift, column.width, *([] if column.fill is None else [column.fill])]
            sound = column.width > 0 and (isinstance(column, Number) or {*column.cycles} <= {*PERIODS})
        sound = sound and all(isinstance(text, str) for text in texts) and all(math.isfinite(one) for one in numbers)
    except (TypeError, ValueError, KeyError, AttributeError):
        sound = False
    if not sound:
        raise DataError("it holds what is no column of a table")
    return column
