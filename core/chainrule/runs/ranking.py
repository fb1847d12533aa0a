"""Which group of a sweep's jobs is the best, and which job, by the one metric by which they are judged."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from chainrule.registry.goals import goal_of

if TYPE_CHECKING:
    from chainrule.config.mailbox import Ended

SEED = "seed"
"""What only repeats a job, as ``comparison`` has it."""


def comparable(ended: Iterable[Ended], objective: str | None) -> list[Ended]:
    """The jobs with a finite value of one metric: of data with and without validation samples those with.

    Args:
        objective: that of the sweep.
    """
    judged = [job for job in ended if job.objective is not None and math.isfinite(job.objective)]
    metric = objective if any(job.judged == objective for job in judged) else next((j.judged for j in judged), None)
    return [job for job in judged if job.judged == metric]


def best_of(jobs: Sequence[Ended]) -> Ended | None:
    """Of comparable jobs the best, of equal ones the first; None of none."""
    if not jobs:
        return None
    metric = jobs[0].judged or ""
    best: Ended = goal_of(metric).best(jobs, key=lambda job: job.figures[metric])
    return best


def best_group(jobs: Sequence[Ended]) -> list[Ended]:
    """The jobs that differ in nothing but their seed, and are the best in the mean; of equal groups the first.

    Args:
        jobs: comparable ones, at least one.
    """
    metric = jobs[0].judged or ""
    best: list[Ended] = goal_of(metric).best(groups(jobs), key=lambda group: means(group)[metric])
    return best


def groups(jobs: Iterable[Ended]) -> list[list[Ended]]:
    """The jobs by all that they were given but their seed."""
    together: defaultdict[tuple[str, ...], list[Ended]] = defaultdict(list)
    for job in jobs:
        together[settings(job)].append(job)
    return list(together.values())


def settings(job: Ended) -> tuple[str, ...]:
    """The overrides in which it differs from jobs that are no repetition of it."""
    return tuple(override for override in job.overrides if override.partition("=")[0].lstrip("+") != SEED)


def means(group: Sequence[Ended]) -> Mapping[str, float]:
    """Of every figure that all of them have."""
    names = [name for name in group[0].figures if all(name in job.figures for job in group)]
    return {name: fmean(job.figures[name] for job in group) for name in names}
