"""The target columns of a table: classes or quantities, and what is said of how that was told."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from chainrule import Array, FieldError, Rows, Task
from chainrule_plugins.datasets._files import brief
from chainrule_plugins.datasets._preparation import are_classes, remark_on_task, task_for
from chainrule_plugins.datasets._table import Table

Given = Literal["auto", "binary", "multiclass", "regression"]

MOST_CLASSES = 20  # that whole numbers are taken for; more of them are plainly a quantity
ROWS_EACH = 5  # on average, of a whole number that is a class


def targets_of(table: Table, names: Sequence[str], given: Given) -> tuple[Array, Task, Sequence[str], list[str]]:
    """Targets, task, class names, and what is to be said of how the task was chosen."""
    if given in ("binary", "multiclass") and len(names) > 1:
        raise FieldError(f"got {len(names)} columns, a {given} task has one", key="target")
    if given == "regression" or len(names) > 1:
        y = table.numbers(names)
        return (y[:, 0] if len(names) == 1 else y), "regression", (), []

    (name,) = names
    cells = table.cells(name)
    values = [Rows.number(cell) for cell in cells]
    codes = any(len(cell) > 1 and cell[0] == "0" and cell.isdecimal() for cell in cells)  # 001 is no number
    text = None in values or codes
    if None in values and given == "auto":
        row = values.index(None)
        table.refuse_decimal_comma(row, name, cells[row])
        if any(value is not None for value in values):
            reason = f'"{brief(cells[row])}" is not a number, as others are; for classes give task=multiclass'
            table.refuse(row, name, reason)
    labels = np.array(cells if text else values)
    where, remarks = f'{table.path}, column "{name}"', []
    if not text:
        whole = labels % 1 == 0
        if given == "auto" and whole.all():
            classes = are_classes(labels, ROWS_EACH) and looks_coded(labels)
            if len(np.unique(labels)) <= MOST_CLASSES:
                remarks = remark_on_task(f'column "{name}"', labels, classes)
        if given == "auto" and not (whole.all() and classes):
            return table.numbers([name])[:, 0], "regression", (), remarks
        if not whole.all():
            row = int(np.argmin(whole))
            table.refuse(row, name, f'"{brief(cells[row])}" is not a class; classes are text or whole numbers')
    distinct, y = np.unique(labels, return_inverse=True)
    class_names = distinct.tolist() if text else [f"{label:.0f}" for label in distinct]
    return y, task_for(given, class_names, where), class_names, remarks


def looks_coded(values: Array) -> bool:
    """Whether whole numbers can be codes of classes: two, or up to 20 of at most three digits, which no year has.

    >>> looks_coded(np.array([1, 2, 7])), looks_coded(np.array([1998, 1999, 2001])), looks_coded(np.arange(21))
    (True, False, False)
    """
    distinct = np.unique(values)
    return len(distinct) <= 2 or (len(distinct) <= MOST_CLASSES and float(np.abs(distinct).max()) < 1000)
