"""A table of what a run's network answers to new rows."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.contract.rows import Rows
from chainrule.errors import ConfigError
from chainrule.prediction.predictor import labels
from chainrule.runs.new_rows import read_rows
from chainrule.runs.trained import trained

if TYPE_CHECKING:
    from pandas import DataFrame

log = logging.getLogger(__name__)

ANSWER = "prediction"


def predicted(
    run: str, source: str, uri: str | None = None, proba: bool = False, threshold: float | None = None
) -> DataFrame:
    """The answers to new rows, in their order: what says which row each is, if anything does; ``prediction``, or a
    column for each target; with ``proba`` a column ``probability of ...`` for each class.

    Args:
        run: its id, or its folder.
        source: as ``read_rows`` takes it.
        uri: the store; None for the default one.
        threshold: as ``Predictor.predict`` takes it.

    Raises:
        TrackingError: there is no such run or store. DataError: the rows are not what the network takes. ConfigError:
            there are no probabilities, or no two classes.
    """
    import pandas

    found = trained(run, uri)
    predictor = found.predictor
    if threshold is not None:
        predictor.require_threshold(threshold)
    if proba:
        predictor.require_probabilities()
    rows = read_rows(found, source)
    table, complete, count = rows.table, None, 0
    if isinstance(table, Rows) and predictor.preparation.drops:
        table = predictor.preparation.rows(table)
        complete, count = predictor.preparation.complete(table), len(table)
        if len(complete) < count:
            log.warning("%d of %d rows miss a value and have no answer", count - len(complete), count)
        table = table.at(complete)
    outputs = predictor.outputs(table)
    if isinstance(outputs, dict):
        raise ConfigError("the network has several outputs: from Python, load_run(RUN).predict gives each by name")
    columns: dict[str, Any] = {}
    answers = predictor.answers(outputs, threshold)
    if answers.ndim == 1:
        columns[ANSWER] = answers
    else:
        flat = answers.reshape(len(answers), -1)
        targets = predictor.preparation.targets
        several = flat.shape[1]
        names = targets if len(targets) == several else [f"{ANSWER}_{k}" for k in range(several)]
        columns |= dict(zip(names, flat.T))
    if proba:
        for name, column in zip(
            labels(predictor.preparation.class_names), np.moveaxis(predictor.proba(outputs), -1, 0)
        ):
            columns[f"probability of {name}"] = column
    frame = pandas.DataFrame(columns, index=complete)
    frame = frame if complete is None else frame.astype(object).reindex(range(count))
    if rows.index is not None:
        name, cells = rows.index
        frame.insert(0, f"{name} (index)" if name in (ANSWER, *predictor.preparation.targets) else name, cells)
    return frame
