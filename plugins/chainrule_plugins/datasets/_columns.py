"""The columns of a table: what each holds, and how its training rows say that it becomes inputs."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

import numpy as np

from chainrule import Array, Category, Column, DataError, Date, FieldError, Number, Rows
from chainrule_plugins.datasets._files import brief
from chainrule_plugins.datasets._hints import MOST_NAMED, list_option
from chainrule_plugins.datasets._preparation import Scale, shift_and_width
from chainrule_plugins.datasets._table import Table, decimal_comma, is_missing

Missing = Literal["refuse", "drop", "mean", "median", "most_frequent"]
Unseen = Literal["ignore", "refuse"]
Kind = type[Number] | type[Category] | type[Date]

MOST_CATEGORIES = 50  # that texts are taken for by themselves
PRICE = re.compile(r"-?[$€£¥]?\s?-?\d{1,3}(,?\d{3})*(\.\d+)?\s?[$€£¥%]?")  # an amount with a sign, or a percentage
DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b")  # in one of the ways that people write it
MOSTLY = 0.5
ROWS_EACH = 2  # on average, of a text that is a category


@dataclass
class Seen:
    """What a column holds: how many cells of each sort, and where the first of it stands; ``first_other``: of the texts
    that are no dates."""

    numbers: int = 0
    words: int = 0
    dates: int = 0
    first_missing: int | None = None
    first_text: int | None = None
    first_other: int | None = None
    texts: set[str] = field(default_factory=set)


def kinds_of(table: Table, names: Sequence[str], categories: Set[str], missing: Missing) -> dict[str, Kind]:
    """What each of these columns is taken for. Those in ``categories`` are; else numbers alone are numbers, dates alone
    dates, and texts alone categories, as long as they are few.

    Raises:
        DataError: names the first cell that does not fit, by line and column, or the column that cannot be taken.
    """
    seen = {name: Seen() for name in names}
    for row, cells in enumerate(table.parted(names)):
        for (name, found), cell in zip(seen.items(), cells):
            if is_missing(cell):
                found.first_missing = row if found.first_missing is None else found.first_missing
            elif name in categories:
                found.texts.add(cell)
            elif Rows.number(cell) is not None:
                found.numbers += 1
            else:
                dated = Date.parse(cell) is not None
                found.words += 1
                found.dates += dated
                found.first_other = row if found.first_other is None and not dated else found.first_other
                found.first_text = row if found.first_text is None else found.first_text
                found.texts.add(cell)
    kinds: dict[str, Kind] = {}
    wrong: list[tuple[int, int, str]] = []
    for position, (name, found) in enumerate(seen.items()):
        texts = len(found.texts)
        if found.first_missing is not None and missing == "refuse":
            wrong.append((found.first_missing, position, "missing"))
        if not (found.numbers or texts):
            if missing != "refuse":
                raise DataError(
                    f'{table.path}: column "{brief(name)}" has no value at all; {list_option("leave_out", [name])}'
                )
        elif name in categories:
            kinds[name] = Category
        elif not texts:
            kinds[name] = Number
        elif not found.numbers and found.dates == found.words:
            kinds[name] = Date
        elif not found.numbers and found.dates > MOSTLY * found.words:
            assert found.first_other is not None
            wrong.append((found.first_other, position, "date"))
        elif found.numbers or all(decimal_comma(text) or PRICE.fullmatch(text) for text in found.texts):
            assert found.first_text is not None
            wrong.append((found.first_text, position, "text"))
        else:
            kinds[name] = Category
    if wrong:
        row, position, what = min(wrong)
        refuse(table, row, names[position], what)
    refuse_many(table, {name: seen[name].texts for name, kind in kinds.items() if kind is Category}, categories)
    return kinds


def refuse(table: Table, row: int, name: str, what: str) -> NoReturn:
    """Refuse a cell that does not fit the others of its column, or is ``"missing"``."""
    cell = table.cell(row, name)
    categories = f"for categories give {list_option('categories', [name])}"
    if what == "missing":
        table.refuse_missing(row, name, cell, feature=True)
    if what == "date":
        table.refuse(row, name, f'"{brief(cell)}" is no date, as others are: write it as 2026-03-01, or {categories}')
    table.refuse_decimal_comma(row, name, cell)
    if PRICE.fullmatch(cell):
        plain = re.sub(r"[^0-9.-]", "", cell)
        table.refuse(row, name, f'"{brief(cell)}" is no plain number; write {plain}, or {categories}')
    advice = f"mend it, leave the column out, or {categories}"
    table.refuse(row, name, f'"{brief(cell)}" is not a finite number, as others are; {advice}')


def refuse_many(table: Table, texts: Mapping[str, Set[str]], categories: Set[str]) -> None:
    """Refuse texts that are too many to be categories, such as names, unless they are named as such."""
    most = min(MOST_CATEGORIES, len(table.rows) // ROWS_EACH)
    many = [name for name, there in texts.items() if len(there) > max(most, 2) and name not in categories]
    if not many:
        return
    told = ", ".join(f"{brief(name)} ({len(texts[name]):,})" for name in many[:MOST_NAMED])
    those = "these columns" if len(many) > 1 else "the column"
    dated = [name for name in many if all(map(DATE.match, texts[name]))]
    hint = f". For dates, write {', '.join(map(brief, dated[:MOST_NAMED]))} as 2026-03-01" if dated else ""
    raise DataError(
        f"{table.path}: texts that differ from row to row tell nothing: of {len(table.rows):,} rows, {told}. To "
        f"predict without {those}: {list_option('leave_out', many)}; to take them for categories all the same: "
        f"{list_option('categories', many)}{hint}"
    )


def require_categories(categories: Sequence[str], features: Sequence[str]) -> None:
    """Refuse a category that is no feature."""
    for name in categories:
        if name not in features:
            raise FieldError(f'"{name}" is not among the features', key="categories")


def fitted(
    rows: Rows, kinds: Mapping[str, Kind], train: Array, scale: Scale, missing: Missing, unseen: Unseen
) -> tuple[Column, ...]:
    """How each column becomes inputs, by its training rows alone.

    Args:
        rows: all of them.
        train: which of them are for training.
    """
    numbers = [name for name, kind in kinds.items() if kind is Number]
    dates = [name for name, kind in kinds.items() if kind is Date]
    days = {name: Date(name).days(rows) for name in dates}
    moments = {**{name: rows.numbers(name) for name in numbers}, **days}
    fills = {name: usual(values[train], missing) for name, values in moments.items()}
    columns: dict[str, Column] = {}
    if numbers:
        values = np.stack([filled(moments[name], fills[name])[train] for name in numbers], axis=1)
        for name, shift, width in zip(numbers, *(each.tolist() for each in shift_and_width(scale, values))):
            columns[name] = Number(name, shift, width, fills[name])
    for name in dates:
        values = filled(days[name], fills[name])[train]
        # Days since 1970 are tens of thousands: they are scaled whatever becomes of numbers.
        shift, width = (each.item() for each in shift_and_width("standard" if scale == "none" else scale, values))
        columns[name] = Date(name, shift, width, cycles_of(values), fills[name])
    for name, kind in kinds.items():
        if kind is Category:
            texts = [text for row, text in enumerate(rows.texts(name)) if train[row] and text is not None]
            frequent = None if missing in ("refuse", "drop") else Counter(sorted(texts)).most_common(1)[0][0]
            columns[name] = Category(name, tuple(sorted({*texts}, key=in_order)), unseen, frequent)
    return tuple(columns[name] for name in kinds)


def usual(values: Array, missing: Missing) -> float | None:
    """What is taken for a value that is missing."""
    known = values[~np.isnan(values)]
    if missing in ("refuse", "drop") or not len(known):
        return None
    if missing == "most_frequent":
        distinct, counts = np.unique(known, return_counts=True)
        return float(distinct[counts.argmax()])
    return float(np.mean(known) if missing == "mean" else np.median(known))


def filled(values: Array, fill: float | None) -> Array:
    return values if fill is None else np.where(np.isnan(values), fill, values)


def cycles_of(days: Array) -> tuple[str, ...]:
    """The cycles that points in time go through, twice at least: a week and a year where they span two of them, a day
    where they are not all at one time of it."""
    span = float(np.ptp(days))
    cycles = [cycle for cycle, period in (("year", 365.2425), ("week", 7.0)) if span >= 2 * period]
    return (*cycles, *(["day"] if len(np.unique(days % 1)) > 1 else []))


def in_order(text: str) -> tuple[bool, float, str]:
    """Numbers by their size, before texts by their letters."""
    value = Rows.number(text)
    return (value is None, value or 0.0, text)


def remarks_on(columns: Sequence[Column], rows: Rows, missing: Missing) -> list[str]:
    """What is to be said of how columns were taken."""
    remarks = []
    categories = [column for column in columns if isinstance(column, Category)]
    if categories:
        told = ", ".join(f"{brief(c.name)} ({len(c.categories)})" for c in categories[:MOST_NAMED])
        remarks.append(f"columns of text became an input for each category: {told}")
    dates = [brief(column.name) for column in columns if isinstance(column, Date)]
    if dates:
        remarks.append(f"taken for dates: {', '.join(dates[:MOST_NAMED])}")
    counts = {
        column.name: sum(text is None for text in rows.texts(column.name)) for column in columns if filling(column)
    }
    told = ", ".join(f"{brief(name)} ({count:,})" for name, count in counts.items() if count)
    if told:
        remarks.append(f"missing values were filled in ({missing.replace('_', ' ')} of the training rows): {told}")
    return remarks + [remark for column in columns for remark in column.remarks(rows)]


def filling(column: Any) -> bool:
    """Whether it has something that stands for a missing value."""
    return column.fill is not None
