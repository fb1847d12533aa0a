"""Which group and which job of a sweep is the best."""

import math

import pytest

from chainrule.config.mailbox import Ended
from chainrule.runs.ranking import best_group, best_of, comparable, groups, means, settings


def job(number, value, *overrides, metric="validation/loss", **figures):
    return Ended(number, overrides, figures={metric: value, **figures}, judged=metric)


def test_groups_go_before_runs():
    """The best run may be of a group that is the worse one: each of its seeds is chance."""
    lucky, unlucky = job(0, 0.1, "lr=1", "seed=0"), job(1, 0.9, "lr=1", "seed=1")
    steady = [job(2, 0.3, "lr=2", "seed=0"), job(3, 0.4, "lr=2", "+seed=1")]
    jobs = [lucky, unlucky, *steady]
    assert best_of(jobs) is lucky
    assert groups(jobs) == [[lucky, unlucky], steady]
    assert best_group(jobs) == steady
    assert means(steady) == {"validation/loss": pytest.approx(0.35)}
    assert settings(lucky) == ("lr=1",)


def test_another_seed_than_the_runs_is_a_setting():
    assert settings(job(0, 1, "dataset.seed=1", "seed=1")) == ("dataset.seed=1",)


def test_higher_is_better_where_the_metric_says_so():
    jobs = [job(n, value, f"lr={n}", metric="validation/accuracy") for n, value in enumerate((0.5, 0.9, 0.7, 0.9))]
    assert best_of(jobs) is jobs[1]
    assert best_group(jobs) == [jobs[1]]


def test_what_diverged_or_was_judged_by_another_metric_is_not_compared():
    diverged = [job(n, value) for n, value in enumerate((math.nan, math.inf, -math.inf))]
    fallback, failed, real = job(3, 0.1, metric="train/loss"), Ended(4, (), failed="why"), job(5, 0.5)
    assert comparable([*diverged, fallback, failed, real], "validation/loss") == [real]
    assert comparable([*diverged, fallback, failed], "validation/loss") == [fallback]
    assert comparable([*diverged, failed], "validation/loss") == []
    assert best_of([]) is None


def test_a_figure_that_not_all_have_has_no_mean():
    assert means([job(0, 1.0, **{"test/loss": 2.0}), job(1, 3.0)]) == {"validation/loss": 2.0}
