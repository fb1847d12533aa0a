"""Which way a metric is better, and comparing by it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr

NUMBERS = st.floats(allow_nan=False, width=32)


@pytest.mark.parametrize(
    ("name", "goal"),
    [("validation/loss", "min"), ("test/accuracy", "max"), ("mean_absolute_error", "min"), ("anything", "min")],
)
def test_the_goal_of_a_metric_is_what_it_says_and_of_all_else_down(name: str, goal: str) -> None:
    assert cr.goal_of(name) == goal  # it is text, too
    assert cr.goal_of(name) is cr.Goal(goal)


@given(a=NUMBERS, b=NUMBERS)
def test_better_is_higher_for_max_and_lower_for_min(a: float, b: float) -> None:
    assert cr.Goal.MAX.better(a, b) == (a > b)
    assert cr.Goal.MIN.better(a, b) == (a < b)
    for goal in cr.Goal:
        assert not goal.better(a, a)
        assert not goal.better(a, goal.best(a, b))
        assert not goal.better(goal.worst, a)
        assert not goal.better(math.nan, a)
        assert not goal.better(a, math.nan)


def test_a_gain_is_positive_for_what_is_better() -> None:
    assert cr.Goal.MAX.gain(3.0, 1.0) == cr.Goal.MIN.gain(1.0, 3.0) == 2.0
    assert [goal.word for goal in cr.Goal] == ["lower", "higher"]
