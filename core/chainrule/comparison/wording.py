"""A comparison in words: names of groups, and what may and what may not be concluded."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator

from chainrule.comparison.groups import Comparison, Group
from chainrule.comparison.inference import Paired, seeds_needed
from chainrule.words import cut, listed, number, p_value

WHY = 300  # characters
NAMED = 5
"""So many runs of one sort are named; of more there is the number."""


def headings(by: tuple[str, ...]) -> list[str]:
    """What people call the params: the shortest name that is clear.

    >>> headings(("optimizer.name", "optimizer.lr", "dataset.seed", "model.hidden"))
    ['optimizer', 'lr', 'dataset.seed', 'hidden']
    """
    short = []
    for key in by:
        group, _, field = key.rpartition(".")
        short.append(group if group and field == "name" else key if field == "seed" or "." in group else field)
    counts = Counter(short)
    return [name if counts[name] == 1 else key for name, key in zip(short, by)]


def settings(comparison: Comparison, group: Group) -> list[str]:
    """The values of the params that tell it apart, as far as there is room; a dash where it has no such param."""
    shown = comparison.shown
    return ["-" if value is None else shown[key][value] for key, value in group.settings.items()]


def group_name(comparison: Comparison, group: Group) -> str:
    """``optimizer=adam, lr=0.01``, as in the overrides that made it."""
    named = zip(headings(comparison.by), settings(comparison, group))
    return ", ".join(f"{heading}={value}" for heading, value in named) or "all runs"


def heading(comparison: Comparison) -> str:
    """What is compared."""
    counted = sum(len(group.runs) for group in comparison.groups)
    return f"{comparison.title}: {comparison.metric} of {counted} runs, {comparison.goal.word} is better"


def findings(comparison: Comparison) -> list[str]:
    """What there is to say beside the table, a sentence or two each."""
    said = [*_judging(comparison), *_pairs(comparison), *_outliers(comparison), *_left_out(comparison)]
    if comparison.beside:
        said.append(f"With these, other params differ: {listed(comparison.beside, 12)}.")
    if comparison.idle:
        said.append(f"Without effect on a result, and so no group of its own: {listed(comparison.idle, 12)}.")
    return said


def _judging(comparison: Comparison) -> Iterator[str]:
    """Where it is not what the runs were to be judged by, or no sound way to judge them."""
    metric, objective = comparison.metric, comparison.objective
    if metric.startswith("test/") and metric != objective and len(comparison.counted) > 1:
        yield (
            "Ranked by test data: what is chosen by it has none left to say how good it is. "
            f"The objective: --metric {objective}."
        )
    elif metric.startswith("train/") and objective not in (metric, *comparison.further):
        yield (
            f"No run measured the objective, {objective}. {metric} says how well they fit what they were trained on, "
            "and no more. Another metric: --metric NAME."
        )


def _pairs(comparison: Comparison) -> Iterator[str]:
    best, *others = comparison.counted
    if not others:
        yield "There is one group: nothing to compare it with."
    elif all(len(group.runs) == 1 for group in comparison.counted):
        yield "One seed each: any difference may be chance. Repeat with seed=0,1,2,3,4."
    else:
        yield (
            f"Best: {group_name(comparison, best)}. By how much, over the seeds in common with each of the next ones "
            "(95 % intervals, p of paired t tests by Holm's method, Cohen's d_z):"
        )
        for group, test in zip(comparison.groups[1:], comparison.pairs):
            yield f"{group_name(comparison, group)}: {_verdict(comparison, test)}"


def _verdict(comparison: Comparison, test: Paired | None) -> str:
    if test is None:
        return "no seed in common. A test needs two or more, better five."
    gained = functools.partial(comparison.goal.gain, b=0.0)  # by how much the first of the pair is better
    gain = number(gained(test.difference))
    if test.n == 1:
        return f"{gain} with the one seed in common, which may be chance. A test needs two or more, better five."
    if test.d_z is None or test.p_holm is None or test.low is None or test.high is None:
        equal = "equal" if test.difference == 0 else gain
        return f"{equal} with each of {test.n} seeds. No spread, so no test."
    low, high = sorted((gained(test.low), gained(test.high)))
    interval, p, d_z = f"{number(low)} to {number(high)}", p_value(test.p_holm), f"{gained(test.d_z):.2g}"
    told = f"{gain} ({interval}), p {p}, d_z {d_z}, {test.n} seeds"
    if test.told_apart:
        return f"{told}."
    needed = _many(seeds_needed(test.d_z, len(comparison.pairs))) if test.d_z else "ever more"
    return f"{told}: too few to tell. To show a difference like this takes about {needed}."


def _many(seeds: int) -> str:
    return str(seeds) if seeds <= 1000 else "more than 1000"


def _outliers(comparison: Comparison) -> Iterator[str]:
    for group in comparison.counted:
        far = [f"seed {group.runs[index].seed} with {number(group.values[index])}" for index in group.outliers]
        rest = [number(value) for index, value in enumerate(group.values) if index not in group.outliers]
        lowest, highest = min(rest, key=float), max(rest, key=float)
        if far:
            between = lowest if lowest == highest else f"{lowest} to {highest}"
            yield (
                f"{group_name(comparison, group)}: {listed(far, NAMED)} {'stand' if far[1:] else 'stands'} far out; "
                f"the others have {between}. Look there before you trust the mean."
            )


def _left_out(comparison: Comparison) -> Iterator[str]:
    kinds: dict[str, list[str]] = {}
    for group in comparison.groups:
        for left in group.left_out:
            why = f" ({cut(left.why, WHY)})" if left.why else ""
            kinds.setdefault(left.kind, []).append(f"{group_name(comparison, group)}, seed {left.run.seed}{why}")
    older = len(kinds.pop("older", []))
    for kind, named in sorted(kinds.items()):
        yield f"Not counted, {len(named)} {kind}: {listed(named, NAMED, '; ')}."
    if older:
        yield f"Not counted, {older} older: a later run has the same settings and seed."
    failed, jobs = comparison.no_run
    if failed:
        which = listed(jobs, NAMED, "; ") if jobs else "their sweep named them at its end"
        yield f"Not counted, {failed} that failed before they became runs: {which}."
    if comparison.others:
        yield f"Not counted, {comparison.others} that chainrule train did not record."
