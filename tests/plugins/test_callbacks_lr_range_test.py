"""lr_range_test, heard by real trainings."""

import math
import re
from dataclasses import dataclass

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 3)), RNG.normal(size=(20, 2))


def network(dtype="float64", **first):
    layers = [{"name": "dense", "units": 4, "activation": "tanh", **first}, {"name": "dense", "units": 2}]
    return cr.Network(layers, (3,), "mse", dtype=dtype)


def trainer(net=None, lr=0.1, batch_size=5, optimizer="sgd", **rest):
    return cr.Trainer(net or network(), {"name": optimizer, "lr": lr}, batch_size, **rest)


def range_test(epochs=50, lr=0.1, schedule=None, optimizer="sgd", **fields):
    test = cr.make("callback", "lr_range_test", **fields)
    fitted = trainer(lr=lr, schedule=schedule, optimizer=optimizer)
    fitted.fit((X, Y), epochs, callbacks=[test])
    return test, fitted


@pytest.mark.parametrize("schedule", [None, "cosine"])
def test_rates_grow_by_the_same_factor_from_low_to_high(schedule):
    used = []

    @dataclass
    class Rates(cr.Callback):
        def on_gradient(self, trainer):
            used.append(trainer.learning_rate)

    test = cr.make("callback", "lr_range_test", low=1e-4, high=1e-2)
    trainer(schedule=schedule).fit((X, Y), 5, callbacks=[test, Rates()])
    np.testing.assert_allclose(test.rates, np.geomspace(1e-4, 1e-2, 20), rtol=1e-12)
    np.testing.assert_allclose(used, test.rates, rtol=1e-12)


def test_losses_are_those_of_the_batches_and_smoothed_is_their_moving_average():
    seen = []

    @dataclass
    class Losses(cr.Callback):
        def on_batch_end(self, trainer):
            seen.append(trainer.batch_loss)

    test = cr.make("callback", "lr_range_test", low=1e-4, high=1e-2, smoothing=0.8)
    trainer().fit((X, Y), 5, callbacks=[test, Losses()])
    assert test.losses == seen
    for n, smoothed in enumerate(test.smoothed, start=1):
        weights = 0.8 ** np.arange(n - 1, -1, -1)
        assert smoothed == pytest.approx((weights * seen[:n]).sum() / weights.sum(), rel=1e-12)


def test_it_stops_where_the_loss_diverges():
    test, fitted = range_test(low=1e-3, high=1e3, diverged=3.0)
    assert fitted.stop_reason == "the loss has diverged"
    assert len(test.rates) == fitted.step < 200
    assert test.smoothed[-1] > 3 * min(test.smoothed)
    assert all(value <= 3 * min(test.smoothed[: n + 1]) for n, value in enumerate(test.smoothed[:-1]))
    assert test.suggestion == test.rates[int(np.argmin(test.smoothed))] / 10


def test_on_a_quadratic_the_edge_of_stability_is_found():
    """Gradient descent on 1/2 c theta^2 diverges for lr > 2 / c, and for no smaller one."""
    net = cr.Network([{"name": "dense", "units": 1, "bias": False}], (1,), "mse", dtype="float64")
    curvature = 2 * 3.0**2  # of the mean of (3 w - y)^2
    test = cr.make("callback", "lr_range_test", low=1e-5, high=1e2, diverged=100.0)
    trainer(net, batch_size=1).fit(([[3.0], [3.0]], [[1.0], [-1.0]]), 2000, callbacks=[test])
    edge = 2 / curvature
    assert edge < test.rates[-1] < 1.5 * edge
    assert test.suggestion < edge


def test_the_suggestion_trains(capsys):
    test, _ = range_test(low=1e-4, high=1e3)
    losses = trainer(lr=test.suggestion).fit((X, Y), 30)["train/loss"]
    assert losses[-1] < 0.9 * losses[0]


def test_a_loss_that_is_not_a_number_ends_it_and_is_left_out(capsys):
    test = cr.make("callback", "lr_range_test", low=1e30, high=1e38, smoothing=0.0, diverged=1e300)
    fitted = trainer(network("float32"))
    fitted.fit((X, Y), 50, callbacks=[test])
    assert fitted.stop_reason == "the loss has diverged"
    assert np.isfinite(test.losses).all()


def test_the_curve_and_the_suggestion_are_printed(capsys):
    test, _ = range_test(low=1e-3, high=1e3)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert lines[0] == f"learning rate range test, {len(test.rates)} steps: the loss has diverged"
    assert lines[1].split() == ["rate", "smoothed", "loss"]
    rows = [re.fullmatch(r" *([\d.e+-]+) +([\d.e+-]+)  (#*)(  least)?", line) for line in lines[2:-1]]
    assert all(rows)
    assert 10 <= len(rows) <= 22
    assert max(len(row[3]) for row in rows) == 30
    assert [float(row[1]) for row in rows] == sorted(float(row[1]) for row in rows)
    least = next(row for row in rows if row[4])
    assert float(least[1]) == pytest.approx(10 * test.suggestion, rel=1e-2)
    assert float(least[2]) == pytest.approx(min(test.smoothed), rel=1e-3)
    assert lines[-1] == f"suggestion: lr={test.suggestion:.2g}, a tenth of the rate where the loss was least"


def test_a_range_that_ends_too_soon_is_told(capsys):
    test = cr.make("callback", "lr_range_test", low=1e-4, high=1e-1)
    trainer(batch_size=20).fit((X, Y), 12, callbacks=[test])
    err = capsys.readouterr().err
    assert err.startswith("learning rate range test, 12 steps\n")
    assert "the loss was least at the last rate: a larger high would show where it rises\n" in err


def test_what_was_measured_is_printed_where_something_ends_it(capsys):
    @dataclass
    class Interrupt(cr.Callback):
        def on_batch_end(self, trainer):
            if trainer.step == 7:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer().fit((X, Y), 5, callbacks=["lr_range_test", Interrupt()])
    assert capsys.readouterr().err.startswith("learning rate range test, 7 steps\n")


def test_nothing_is_printed_where_nothing_was_measured(capsys):
    @dataclass
    class Fail(cr.Callback):
        def on_train_start(self, trainer):
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        trainer().fit((X, Y), 5, callbacks=["lr_range_test", Fail()])
    assert capsys.readouterr().err == ""
    assert math.isnan(cr.make("callback", "lr_range_test").suggestion)


def test_its_state_is_a_copy_that_another_takes_over():
    test, _ = range_test(epochs=2, low=1e-4, high=1e-2)
    other = cr.make("callback", "lr_range_test")
    other.load_state(test.state())
    assert (other.rates, other.losses, other.smoothed) == (test.rates, test.losses, test.smoothed)
    assert other.suggestion == test.suggestion
    test.rates.append(1.0)
    assert len(other.rates) == 8


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"low": 0.0}, "low: got 0.0, must be above 0 and finite (LRRangeTest)"),
        ({"low": 0.1, "high": 0.1}, "high: got 0.1, must be above low, which is 0.1, and finite (LRRangeTest)"),
        ({"smoothing": 1.0}, "smoothing: got 1.0, must be at least 0 and less than 1 (LRRangeTest)"),
        ({"diverged": 1.0}, "diverged: got 1.0, must be above 1 (LRRangeTest)"),
    ],
)
def test_fields_that_are_refused(fields, message):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("callback", "lr_range_test", **fields)
    assert str(caught.value) == message
