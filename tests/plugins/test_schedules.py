"""The built-in schedules against closed forms, with a warm-up where they have one and without it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr

TOTAL = 100
# Fields, and the factor t steps after the warm-up, of which n are planned.
CASES = [
    ("constant", {}, lambda t, n: 1),
    ("step", {"every": 7, "ratio": 0.5}, lambda t, n: 1 / 2 ** (t // 7)),
    ("step", {"every": 1000, "ratio": 0.1}, lambda t, n: 1),
    ("exponential", {"every": 7, "ratio": 0.5}, lambda t, n: math.exp(-math.log(2) * t / 7)),
    ("inverse_sqrt", {}, lambda t, n: (t + 1) ** -0.5),
    ("inverse_sqrt", {"scale": 9}, lambda t, n: 3 / math.sqrt(9 + t)),
    ("cosine", {}, lambda t, n: math.cos(math.pi / 2 * min(t, n) / n) ** 2),
    ("cosine", {"floor": 0.2}, lambda t, n: 0.2 + 0.8 * math.cos(math.pi / 2 * min(t, n) / n) ** 2),
]
NAMES = ["constant", "cosine", "cosine_restarts", "exponential", "inverse_sqrt", "step"]  # those with a warm-up
ELSEWHERE = ["one_cycle", "reduce_on_plateau"]


def test_these_are_all():
    assert [e.name for e in cr.registry() if e.plugin.id == "chainrule:schedules"] == sorted([*NAMES, *ELSEWHERE])


@pytest.mark.parametrize("warmup", [0, 1, 10])
@pytest.mark.parametrize(("name", "fields", "closed_form"), CASES)
def test_closed_forms(name, fields, closed_form, warmup):
    schedule = cr.make("schedule", name, **fields, warmup=warmup)
    factors = [schedule(step, TOTAL) for step in range(TOTAL + 20)]
    expected = [(step + 1) / warmup for step in range(warmup)]
    expected += [closed_form(step - warmup, TOTAL - warmup) for step in range(warmup, TOTAL + 20)]
    np.testing.assert_allclose(factors, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_a_factor_is_a_number_from_0_to_1_for_any_step_and_total(name):
    @settings(deadline=None, max_examples=50)
    @given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**6))
    def check(step, total, warmup):
        factor = cr.make("schedule", name, warmup=warmup)(step, total)
        assert type(factor) is float
        assert 0 <= factor <= 1

    check()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("total", [0, 1, 5])
def test_the_first_factor_after_the_warm_up_is_1(name, total):
    assert cr.make("schedule", name)(0, total) == 1
    warm = cr.make("schedule", name, warmup=3)
    assert [warm(step, total) for step in range(4)] == pytest.approx([1 / 3, 2 / 3, 1, 1])


def test_what_is_planned_matters_to_cosine_alone():
    for name in NAMES:
        schedule = cr.make("schedule", name, warmup=2)
        assert (schedule(20, 50) == schedule(20, 100)) == (name != "cosine")


def test_cosine_stays_at_its_floor_beyond_the_end():
    schedule = cr.make("schedule", "cosine", floor=0.1)
    assert [schedule(step, 10) for step in (10, 11, 1000)] == pytest.approx([0.1] * 3)


def test_exponential_meets_the_stairs_of_step_at_each_of_them():
    stairs, slope = (cr.make("schedule", name, every=10, ratio=0.3, warmup=5) for name in ("step", "exponential"))
    for step in (5, 15, 25, 95):
        assert slope(step, TOTAL) == pytest.approx(stairs(step, TOTAL))
    assert slope(14, TOTAL) < stairs(14, TOTAL)


@pytest.mark.parametrize("w", [1, 40])
def test_inverse_sqrt_with_a_scale_of_warmup_is_the_transformers(w):
    """Vaswani et al. (2017), equation 3, as a fraction of its peak: min(s^-1/2, s w^-3/2) / w^-1/2."""
    paper = [min(s**-0.5, s * w**-1.5) / w**-0.5 for s in range(1, 400)]
    schedule = cr.make("schedule", "inverse_sqrt", warmup=w, scale=w)
    factors = [schedule(step, 400) for step in range(400)]
    assert factors[:w] == pytest.approx(paper[:w]), "step for step in the warm-up, which ends at the peak"
    assert factors[w] == factors[w - 1] == 1, "the peak lasts two steps"
    assert factors[w + 1 :] == pytest.approx(paper[w:]), "so that what follows comes one step later"


@pytest.mark.parametrize("entry", [e for e in cr.registry() if e.kind == "schedule"], ids=lambda entry: entry.name)
def test_no_field_has_the_name_of_what_a_schedule_returns(entry):
    assert "factor" not in [field.name for field in entry.fields]


@pytest.mark.parametrize("name", ["step", "exponential", "inverse_sqrt", "cosine"])
def test_after_the_warm_up_no_factor_is_larger_than_the_one_before(name):
    schedule = cr.make("schedule", name, warmup=10)
    factors = [schedule(step, TOTAL) for step in range(10, TOTAL + 20)]
    assert factors == sorted(factors, reverse=True)


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


# what is refused


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        *[(name, {"warmup": -1}, "warmup: got -1, must be at least 0") for name in NAMES],
        ("step", {"every": 0}, "every: got 0, must be at least 1 (StepDecay)"),
        ("step", {"ratio": 0.0}, "ratio: got 0.0, must be more than 0 and at most 1 (StepDecay)"),
        ("step", {"ratio": 1.5}, "ratio: got 1.5, must be more than 0 and at most 1 (StepDecay)"),
        ("exponential", {"every": 0}, "every: got 0, must be at least 1 (Exponential)"),
        ("exponential", {"ratio": math.nan}, "ratio: got nan, must be more than 0 and at most 1 (Exponential)"),
        ("inverse_sqrt", {"scale": 0}, "scale: got 0, must be at least 1 (InverseSqrt)"),
        ("cosine", {"floor": 1.1}, "floor: got 1.1, must be at least 0 and at most 1 (Cosine)"),
        ("cosine", {"floor": -0.1}, "floor: got -0.1, must be at least 0 and at most 1 (Cosine)"),
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
    assert str(caught.value).startswith(message)
