"""Comparing what a store has: runs that are found by a name or a filter, grouped; and their learning curves."""

from __future__ import annotations

import re
from collections.abc import Sequence

from chainrule.comparison.groups import Comparison, Group, grouped
from chainrule.comparison.runs import by_epoch, find, names
from chainrule.contract.arguments import require_list, require_text
from chainrule.tracking.histories import of_runs
from chainrule.tracking.store import connect, usable
from chainrule.tracking.uris import resolved

KEY = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`|\b(metrics?|params?|parameters?|tags?)\.([\w.-]+/[\w./-]+)""")
"""A key with a slash, outside of quotes."""


def compare(
    which: str | None = None,
    where: str | None = None,
    metric: str | None = None,
    uri: str | None = None,
    further: Sequence[str] | None = None,
) -> Comparison:
    """The runs of a sweep or an experiment, grouped and compared.

    Args:
        which: its name; None for the latest sweep, or, with a filter, for all runs.
        where: a filter as MLflow's search takes it: ``params.optimizer.lr = '0.01'``.
        metric: by which groups are ranked and tested; None for the objective of the runs (``grouped`` has more).
        uri: the store; None for the default one.
        further: the metrics that stand beside it, and rank nothing; None for those of test data.

    Raises:
        UnknownName: there is no such sweep, experiment or metric. ConfigError: MLflow does not understand the filter.
        TrackingError: the store cannot be used, or no run is found that has finished.
    """
    for name, given in {"which": which, "where": where, "metric": metric}.items():
        if given is not None:
            require_text(name, given, "text")
    if further is not None:
        require_list("further", further, "a list of metrics")
    uri = resolved(uri)
    with usable(uri):
        return grouped(find(connect(uri), which, where and with_quoted_keys(where)), metric, further)


def with_quoted_keys(where: str) -> str:
    """A filter whose keys with a slash stand in quotes, as MLflow reads them.

    >>> with_quoted_keys("metrics.validation/loss < 0.1 and tags.x = 'metrics.a/b'")
    "metrics.`validation/loss` < 0.1 and tags.x = 'metrics.a/b'"
    """
    return KEY.sub(lambda found: f"{found[1]}.`{found[2]}`" if found[1] else found[0], where)


def learning_curves(group: Group, metric: str, uri: str | None = None) -> list[dict[int, float]]:
    """A metric by epoch, of each run of a group that counts, in their order; empty where a run does not have it.

    Args:
        metric: its whole name: ``validation/loss``.
        uri: the store that the group is from; None for the default one.

    Raises:
        TrackingError: the store cannot be used.
    """
    return curves_of([group], metric, uri)[0]


def curves_of(groups: Sequence[Group], metric: str, uri: str | None = None) -> list[list[dict[int, float]]]:
    """``learning_curves`` of several groups, for which the store is asked once."""
    uri = resolved(uri)
    with usable(uri):
        found = of_runs(connect(uri), uri, [run.run_id for group in groups for run in group.runs], metric)
    return [[by_epoch(found.get(run.run_id, ())) for run in group.runs] for group in groups]


def named() -> list[str]:
    """What can be compared: the experiments and sweeps of the default store.

    Raises:
        TrackingError: the store cannot be used.
    """
    with usable(resolved(None)):
        return names(connect(resolved(None)))
