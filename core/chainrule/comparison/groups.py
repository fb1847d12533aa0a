"""From runs to groups: what differs, which seeds repeat it, what each measured, and how the leading ones compare."""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from chainrule.comparison.inference import Paired, Summary, corrected, outliers, paired, summary
from chainrule.comparison.runs import Found, StoredRun
from chainrule.errors import TrackingError, UnknownName, did_you_mean
from chainrule.registry.effects import without_effect
from chainrule.registry.goals import OBJECTIVE, Goal, goal_of, judging
from chainrule.words import abridged, distinct, listed, number

PAIRS = 5
"""The best group is tested against so many of the next ones: each further test makes all of them weaker."""
ENDED = {"FINISHED": "finished", "FAILED": "failed", "KILLED": "killed"}


@dataclass(frozen=True)
class LeftOut:
    """A run that does not count, and why: ``kind`` in a word or two, ``why`` where there is more to say."""

    run: StoredRun
    kind: str
    why: str = ""


@dataclass(frozen=True)
class Group:
    """Runs that differ in nothing but their seed.

    ``runs``: those that count, one for each seed; ``values``: the metric's, in the same order; ``outliers``: the
    positions of those that stand far out. ``summary`` is None where no run counts. ``further``: the metrics that stand
    beside it, of those runs that have them.
    """

    settings: dict[str, str | None]
    runs: tuple[StoredRun, ...]
    values: tuple[float, ...]
    summary: Summary | None
    outliers: tuple[int, ...]
    left_out: tuple[LeftOut, ...]
    further: dict[str, Summary]

    def __repr__(self) -> str:
        settings = ",".join(f"{key}={abridged(str(value))}" for key, value in self.settings.items()) or "all alike"
        mean = f", mean {number(self.summary.mean)}" if self.summary else ""
        return f"<Group {settings}: {len(self.runs)} runs{mean}>"

    @property
    def by_seed(self) -> dict[str, float]:
        return {run.seed: value for run, value in zip(self.runs, self.values)}


@dataclass(frozen=True)
class Comparison:
    """What ``chainrule compare`` found.

    ``metric``: by which the groups are ranked and tested; ``objective``: by which their runs were to be judged;
    ``further``: the metrics that stand beside it, and rank nothing. ``by``: the params that tell the groups apart;
    ``beside``: those that differ with them; ``idle``: those that differ and make no group, as they are without effect
    on a result. ``groups``: the best first; ``pairs``: by how much the best one is above each of the next ones, in
    their order, None without a seed in common. ``others``: how many runs of other programs were found and left out;
    ``no_run``: of how many jobs it is known that they failed before they became runs, and which.
    """

    title: str
    metric: str
    objective: str
    further: tuple[str, ...]
    goal: Goal
    by: tuple[str, ...]
    beside: tuple[str, ...]
    idle: tuple[str, ...]
    groups: tuple[Group, ...]
    pairs: tuple[Paired | None, ...]
    others: int
    no_run: tuple[int, tuple[str, ...]] = (0, ())
    _repr_html_: ClassVar[Callable[[Any], str]]
    """For a notebook: ``formats.html``, which its module puts here, as it stands on this class."""

    def __repr__(self) -> str:
        groups = listed([repr(group) for group in self.groups], 3)
        return f"<Comparison of {self.title} by {self.metric}, best first: {groups}>"

    @functools.cached_property
    def shown(self) -> dict[str, dict[str, str]]:
        """Of each param that tells groups apart the values, each as it is shown: long ones cut."""
        values = {key: [group.settings[key] for group in self.groups] for key in self.by}
        return {key: distinct(value for value in some if value is not None) for key, some in values.items()}

    @property
    def counted(self) -> list[Group]:
        """The groups of which runs count."""
        return [group for group in self.groups if group.runs]


def grouped(found: Found, metric: str | None = None, further: Sequence[str] | None = None) -> Comparison:
    """Group runs by what differs between them, and compare the groups.

    Args:
        metric: by which they are ranked; None for the objective of most of them. Where that was not measured, as in
            data without validation samples, it is the same one of training: never one of test data unless asked.
        further: those that stand beside it, and rank nothing; None for the objective and what was measured of test
            data.

    Raises:
        UnknownName: no run has that metric. TrackingError: no run has finished.
    """
    finished = [run for run in found.runs if run.status == "FINISHED"]
    if not finished:
        states = [ENDED.get(run.status, "running") for run in found.runs]
        told = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
        raise TrackingError(f"{found.title}: of {len(found.runs)} runs none has finished ({told})")
    objective, metric, beside_it = ranking(finished, metric, further)

    params = [run.params for run in found.runs]
    by, beside = telling_apart(params)
    together = defaultdict(list)
    for run in found.runs:
        together[tuple(run.params.get(key) for key in by)].append(run)
    goal = goal_of(metric)
    groups = [_group(dict(zip(by, values)), runs, metric, beside_it) for values, runs in together.items()]
    groups.sort(key=lambda group: [value or "" for value in group.settings.values()])  # of equal ones
    groups.sort(key=lambda group: (group.summary is None, goal.gain(0.0, group.summary.mean) if group.summary else 0))
    return Comparison(
        found.title,
        metric,
        objective,
        beside_it,
        goal,
        by,
        beside,
        _differing(params, _idle(params)),
        tuple(groups),
        _pairs(groups),
        found.others,
        _without_run(found.runs),
    )


def ranking(
    runs: Sequence[StoredRun], metric: str | None = None, further: Sequence[str] | None = None
) -> tuple[str, str, tuple[str, ...]]:
    """By what runs are judged: the objective of most of them, the metric that ranks them, and those that stand beside.

    Args:
        runs: at least one.
        metric, further: as ``grouped`` takes them.

    Raises:
        UnknownName: no run has that metric.
    """
    known = {name for run in runs for name in (*run.metrics, *run.unreal)}
    objective = Counter(run.objective or OBJECTIVE for run in runs).most_common(1)[0][0]
    metric = judging(objective, known) if metric is None else metric
    for name in (metric, *(further or ())):
        if name not in known:
            raise UnknownName(f'no run has a metric "{name}". {did_you_mean(name, known, 30)}', key="metric")
    if further is not None:
        return objective, metric, tuple(name for name in dict.fromkeys(further) if name != metric)
    beside = [name for name in known if (name == objective or name.startswith("test/")) and name != metric]
    beside.sort(key=lambda name: (name != objective, name != "test/loss", name))
    return objective, metric, tuple(beside)


def telling_apart(settings: Sequence[Mapping[str, str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The params that differ: few that tell all groups apart, and those that differ with them.

    ``seed`` is none of them, nor is what has no effect on a result. Another optimizer has other fields with other
    defaults; its name says it all. So names come first, then what tells most apart.
    """
    differ = _differing(settings, {key for params in settings for key in params} - {"seed", *_idle(settings)})
    values = {key: [params.get(key) for params in settings] for key in differ}

    def groups(chosen: Sequence[str]) -> int:
        return len(set(zip(*(values[key] for key in chosen)))) if chosen else 1

    by: list[str] = []
    while groups(by) < groups(differ):
        refining = [key for key in differ if groups([*by, key]) > groups(by)]
        by.append(
            min(
                refining, key=lambda key: (not key.endswith("name"), None in values[key], -groups([*by, key]), len(key))
            )
        )
    return tuple(by), tuple(key for key in differ if key not in by)


def _idle(settings: Sequence[Mapping[str, str]]) -> set[str]:
    return {key for params in settings for key in without_effect(params)}


def _differing(settings: Sequence[Mapping[str, str]], keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(key for key in sorted(keys) if len({params.get(key) for params in settings}) > 1)


def _group(settings: dict[str, str | None], runs: Sequence[StoredRun], metric: str, further: Sequence[str]) -> Group:
    """Of runs with the same settings and seed, the latest one that finished with the metric counts."""
    counted: dict[str, StoredRun] = {}
    left_out = []
    for run in sorted(runs, key=lambda run: run.start, reverse=True):
        if run.status != "FINISHED":
            left_out.append(LeftOut(run, ENDED.get(run.status, "running"), run.error or ""))
        elif metric not in run.metrics:
            left_out.append(LeftOut(run, f"without {metric}", run.unreal.get(metric, "")))
        elif run.seed in counted:
            left_out.append(LeftOut(run, "older"))
        else:
            counted[run.seed] = run
    ordered = sorted(counted.values(), key=lambda run: (len(run.seed), run.seed))
    values = tuple(run.metrics[metric] for run in ordered)
    known = summary(values) if values else None
    beside = {name: [run.metrics[name] for run in ordered if name in run.metrics] for name in further}
    summaries = {name: summary(there) for name, there in beside.items() if there}
    return Group(settings, tuple(ordered), values, known, tuple(outliers(values)), tuple(left_out), summaries)


def _without_run(runs: Sequence[StoredRun]) -> tuple[int, tuple[str, ...]]:
    told = [run.no_run.splitlines() for run in runs if run.no_run]
    return sum(int(count) for count, *_ in told), tuple(line for _, *lines in told for line in lines)


def _pairs(groups: Sequence[Group]) -> tuple[Paired | None, ...]:
    best, *others = groups
    tested: list[Paired | None] = []
    for other in (group for group in others[:PAIRS] if group.runs):
        common = [seed for seed in best.by_seed if seed in other.by_seed]
        first, second = ([group.by_seed[seed] for seed in common] for group in (best, other))
        tested.append(paired(first, second) if common else None)
    return tuple(corrected(tested))
