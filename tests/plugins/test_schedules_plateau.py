"""reduce_on_plateau: stairs where epochs bring nothing, counted by hand, and in a training."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr


def factors(values, monitor="validation/loss", **fields):
    """The factor after each epoch."""
    schedule = cr.make("schedule", "reduce_on_plateau", monitor=monitor, **fields)
    found = []
    for value in values:
        schedule.observe({monitor: value, "train/loss": 0.0})
        found.append(schedule(0, 100))
    return found


def test_before_the_first_epoch_the_rate_is_as_it_is():
    assert cr.make("schedule", "reduce_on_plateau")(7, 100) == 1.0


@pytest.mark.parametrize(
    ("values", "fields", "stairs"),
    [
        ([3, 2, 1, 0, -1], {"patience": 1}, [0, 0, 0, 0, 0]),
        ([1, 1, 1, 1, 1], {"patience": 2}, [0, 0, 1, 1, 2]),
        ([1, 2, 0.5, 2, 2, 2], {"patience": 2}, [0, 0, 0, 0, 1, 1]),
        ([1, 1, 1, 1, 1, 1], {"patience": 1, "cooldown": 2}, [0, 1, 1, 1, 2, 2]),
        ([1, 1, 1, 0, 1, 1], {"patience": 2, "cooldown": 3}, [0, 0, 1, 1, 1, 1]),
        ([5, 4.9, 4.8, 4.7, 4], {"patience": 2, "min_delta": 0.5}, [0, 0, 1, 1, 1]),
        ([math.nan, math.nan, 1, math.nan, math.inf], {"patience": 2}, [0, 1, 1, 1, 2]),
        ([1, 2, 3, 2.5, 2.5], {"patience": 1, "mode": "max"}, [0, 0, 0, 1, 2]),
        ([1, 2, 3, 2.5, 2.5], {"patience": 1, "monitor": "validation/accuracy"}, [0, 0, 0, 1, 2]),
        ([1, 2, 3, 2.5, 2.5], {"patience": 2, "monitor": "validation/accuracy", "mode": "min"}, [0, 0, 1, 1, 2]),
        ([3, 2, 1], {"patience": 1, "monitor": "validation/roc_auc"}, [0, 1, 2]),
    ],
)
def test_a_stair_comes_where_patience_ends(values, fields, stairs):
    assert factors(values, **{"ratio": 0.5, **fields}) == [0.5**n for n in stairs]


def test_no_stair_leads_below_the_floor():
    assert factors([1] * 6, ratio=0.5, patience=1, floor=0.2) == [1, 0.5, 0.25, 0.2, 0.2, 0.2]


def by_hand(values, ratio, patience, cooldown, min_delta):
    """What ReduceLROnPlateau of PyTorch does, with a patience that is one less there, and an absolute threshold."""
    best, bad, rest, factor, found = math.inf, 0, 0, 1.0, []
    for value in values:
        if best - value > min_delta:
            best, bad = value, 0
        else:
            bad += 1
        if rest > 0:
            rest, bad = rest - 1, 0
        if bad > patience - 1:
            factor, rest, bad = factor * ratio, cooldown, 0
        found.append(factor)
    return found


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.integers(0, 8).map(float), max_size=40),
    st.integers(1, 4),
    st.integers(0, 4),
    st.sampled_from([0.0, 1.0, 2.5]),
)
def test_it_is_the_usual_rule(values, patience, cooldown, min_delta):
    rule = {"ratio": 0.5, "patience": patience, "cooldown": cooldown, "min_delta": min_delta}
    assert factors(values, **rule) == by_hand(values, **rule)
    schedule = cr.make("schedule", "reduce_on_plateau", **rule)
    for value, expected in zip(values, by_hand(values, **rule), strict=True):
        schedule.observe({"validation/loss": value})
        assert schedule.reference(3, 10) == pytest.approx(expected, rel=1e-10)


def test_a_warm_up_comes_first():
    schedule = cr.make("schedule", "reduce_on_plateau", warmup=4, patience=1, ratio=0.5)
    for _ in range(2):
        schedule.observe({"validation/loss": 1.0})
    assert [schedule(step, 100) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 0.5, 0.5]


def trainer():
    network = cr.Network([{"name": "dense", "units": 1}], (2,), "mse", dtype="float64", task="regression")
    schedule = {"name": "reduce_on_plateau", "monitor": "train/loss", "patience": 1, "ratio": 0.5, "min_delta": 1.0}
    return cr.Trainer(network, {"name": "sgd", "lr": 0.01}, batch_size=4, schedule=schedule)


DATA = (np.random.default_rng(0).normal(size=(12, 2)), np.ones((12, 1)))


def test_in_a_training_a_stair_begins_with_an_epoch():
    history = trainer().fit(DATA, epochs=4)
    np.testing.assert_allclose(history["learning_rate"], [0.01, 0.01, 0.005, 0.0025])


def test_a_training_that_is_taken_up_goes_on_where_it_was():
    whole, cut = trainer(), trainer()
    whole.fit(DATA, epochs=5)
    cut.fit(DATA, epochs=2, total_epochs=5)
    state, snapshot = cut.state(), cut.network.snapshot()
    other = trainer()
    other.network.restore(snapshot)
    other.load_state(state)
    other.fit(DATA, epochs=3, total_epochs=5)
    assert other.history["learning_rate"] == whole.history["learning_rate"]
    np.testing.assert_array_equal(other.network.parameters.theta, whole.network.parameters.theta)


def test_a_name_that_nothing_has_is_told_with_those_that_there_are():
    schedule = cr.make("schedule", "reduce_on_plateau", monitor="validation/los")
    with pytest.raises(cr.ConfigError) as caught:
        schedule.observe({"train/loss": 1.0, "validation/loss": 1.0})
    assert str(caught.value) == (
        'reduce_on_plateau.monitor: "validation/los" is not measured in this training. Did you mean "validation/loss"? '
        "Known: train/loss, validation/loss."
    )


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("ratio", 1.0, "more than 0 and less than 1"),
        ("patience", 0, "at least 1"),
        ("cooldown", -1, "at least 0"),
        ("min_delta", -0.1, "at least 0 and finite"),
        ("floor", 1.5, "at least 0 and at most 1"),
        ("warmup", -1, "at least 0"),
    ],
)
def test_a_value_out_of_range_is_refused(field, value, expected):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("schedule", "reduce_on_plateau", **{field: value})
    assert str(caught.value) == f"{field}: got {value!r}, must be {expected} (ReduceOnPlateau)"
