"""cosine_restarts and one_cycle against their papers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr

# cosine_restarts


def sgdr(steps, period, growth, floor):
    """Loshchilov, Hutter 2017, as its section 3 tells it: run i has T_i steps, and T_cur counts them from 0."""
    factors, run = [], period
    while len(factors) < steps:
        factors += [floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * current / run)) for current in range(run)]
        run *= growth
    return factors[:steps]


@pytest.mark.parametrize("warmup", [0, 7])
@pytest.mark.parametrize("floor", [0.0, 0.2])
@pytest.mark.parametrize(("period", "growth"), [(1, 1), (10, 1), (10, 2), (3, 3), (1000, 2)])
def test_restarts_are_the_papers(period, growth, floor, warmup):
    schedule = cr.make("schedule", "cosine_restarts", period=period, growth=growth, floor=floor, warmup=warmup)
    expected = [(step + 1) / warmup for step in range(warmup)] + sgdr(200, period, growth, floor)
    np.testing.assert_allclose([schedule(step, 5) for step in range(warmup + 200)], expected, rtol=1e-12, atol=1e-15)


def test_the_first_dive_is_cosine():
    restarts, cosine = cr.make("schedule", "cosine_restarts", period=50), cr.make("schedule", "cosine")
    assert [restarts(step, 200) for step in range(50)] == pytest.approx([cosine(step, 50) for step in range(50)])


# one_cycle


def test_one_cycle_is_linear_between_its_corners():
    schedule = cr.make("schedule", "one_cycle", start=0.1, cycle=0.8, end=0.01)
    expected = np.interp(np.arange(250) / 200, [0, 0.4, 0.8, 1], [0.1, 1, 0.1, 0.01])
    np.testing.assert_allclose([schedule(step, 200) for step in range(250)], expected, rtol=1e-12)


def test_up_and_down_take_as_long():
    schedule = cr.make("schedule", "one_cycle")
    factors = [schedule(step, 100) for step in range(91)]
    assert factors == pytest.approx(factors[::-1])
    assert max(factors) == factors[45] == 1


@pytest.mark.parametrize("total", [0, 1, 3])
def test_one_cycle_in_trainings_of_few_steps(total):
    schedule = cr.make("schedule", "one_cycle")
    assert schedule(0, total) == pytest.approx(0.1)
    assert [schedule(step, total) for step in (max(total, 1), 10**9)] == pytest.approx([0.001, 0.001])


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0.01, 0.99))
def test_one_cycle_is_a_number_from_0_to_1_for_any_step_and_total(step, total, cycle):
    factor = cr.make("schedule", "one_cycle", cycle=cycle)(step, total)
    assert type(factor) is float
    assert 0 <= factor <= 1


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("cosine_restarts", {"period": 0}, "period: got 0, must be at least 1 (CosineRestarts)"),
        ("cosine_restarts", {"growth": 0}, "growth: got 0, must be at least 1 (CosineRestarts)"),
        ("cosine_restarts", {"floor": 1.1}, "floor: got 1.1, must be at least 0 and at most 1 (CosineRestarts)"),
        ("one_cycle", {"start": -0.1}, "start: got -0.1, must be at least 0 and at most 1 (OneCycle)"),
        ("one_cycle", {"cycle": 1.0}, "cycle: got 1.0, must be more than 0 and less than 1 (OneCycle)"),
        ("one_cycle", {"cycle": math.nan}, "cycle: got nan, must be more than 0 and less than 1 (OneCycle)"),
        ("one_cycle", {"end": 2.0}, "end: got 2.0, must be at least 0 and at most 1 (OneCycle)"),
    ],
)
def test_fields_that_are_refused(name, fields, message):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("schedule", name, **fields)
    assert str(caught.value) == message
