"""max_norm, clip_norm, clip_value, weight_average and lr_range_test, heard by real trainings."""

import copy
import math
import re
from dataclasses import dataclass, field

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


@dataclass
class Watch(cr.Callback):
    """Keeps a copy of theta after each update, and of the gradient before it."""

    thetas: list = field(default_factory=list)
    grads: list = field(default_factory=list)

    def on_gradient(self, trainer):
        self.grads.append(trainer.network.parameters.grad.copy())

    def on_batch_end(self, trainer):
        self.thetas.append(trainer.network.parameters.theta.copy())


@dataclass
class Gradient(cr.Callback):
    """Puts a gradient of its own in place of the network's."""

    values: list = field(default_factory=list)

    def on_gradient(self, trainer):
        trainer.network.parameters.grad[:] = np.resize(self.values, trainer.network.parameters.grad.size)


# clip_norm, clip_value


@pytest.mark.parametrize("limit", [1e-3, 0.5, 1e3])
def test_clip_norm_shortens_and_keeps_the_direction(limit):
    before, after = Watch(), Watch()
    trainer().fit((X, Y), 1, callbacks=[before, {"name": "clip_norm", "limit": limit}, after])
    for given, clipped in zip(before.grads, after.grads, strict=True):
        norm = math.sqrt(math.fsum(given**2))
        np.testing.assert_allclose(clipped, given * min(1, limit / norm), rtol=1e-14)


@pytest.mark.parametrize("limit", [1e-3, 0.05, 1e3])
def test_clip_value_cuts_off_each_number(limit):
    before, after = Watch(), Watch()
    trainer().fit((X, Y), 1, callbacks=[before, {"name": "clip_value", "limit": limit}, after])
    for given, clipped in zip(before.grads, after.grads, strict=True):
        assert clipped.tolist() == [max(-limit, min(number, limit)) for number in given.tolist()]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["clip_norm", "clip_value"])
def test_an_exploded_gradient_is_clipped_and_not_lost(name, dtype):
    """Numbers of 1e30, whose squares float32 does not reach."""
    watch = Watch()
    net = network(dtype)
    trainer(net).fit((X, Y), 1, callbacks=[Gradient([1e30, -1e30]), {"name": name, "limit": 1.0}, watch])
    grad = watch.grads[0]
    assert grad.dtype == dtype
    expected = 1 if name == "clip_value" else 1 / math.sqrt(grad.size)
    np.testing.assert_allclose(grad, np.resize([expected, -expected], grad.size), rtol=1e-6)


@pytest.mark.parametrize("name", ["clip_norm", "clip_value"])
def test_a_gradient_of_zero_stays_zero(name):
    watch = Watch()
    trainer().fit((X, Y), 1, callbacks=[Gradient([0.0]), name, watch])
    assert not any(grad.any() for grad in watch.grads)


def test_what_is_clipped_holds_the_penalty_too():
    watch = Watch()
    strong = {"name": "l2", "strength": 1e6}
    trainer(regularizer=strong, lr=1e-9).fit((X, Y), 1, callbacks=[{"name": "clip_norm", "limit": 1.0}, watch])
    np.testing.assert_allclose([np.linalg.norm(grad) for grad in watch.grads], 1, rtol=1e-12)


# max_norm


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_after_each_update_no_unit_has_longer_incoming_weights(dtype):
    """By the plain rule, applied to plain gradient descent in the test."""
    limit, lr, net = 0.6, 0.5, network(dtype)
    names = [parameter.name for parameter in net.parameters]
    expected = {name: net.parameters[name].value.astype("float64") for name in names}
    twin = net.copy()

    @dataclass
    class Compare(cr.Callback):
        """Takes the same step by hand."""

        clipped: int = 0

        def on_batch_end(self, trainer):
            x, y = trainer.batch
            for name in names:
                twin.parameters[name].value = expected[name]
            twin.loss_and_gradient(x, y.loss)
            for name in names:
                expected[name] = expected[name] - lr * twin.parameters[name].grad.astype("float64")
                if name.endswith("W"):
                    for unit in range(expected[name].shape[1]):
                        length = math.sqrt(math.fsum(expected[name][:, unit] ** 2))
                        if length > limit:
                            self.clipped += 1
                            expected[name][:, unit] *= limit / length
                np.testing.assert_allclose(
                    trainer.network.parameters[name].value, expected[name], rtol=1e-3 if dtype == "float32" else 1e-9
                )
                assert trainer.network.parameters[name].value.dtype == dtype

    compare = Compare()
    trainer(net, lr=lr).fit((X, Y), 5, callbacks=[{"name": "max_norm", "limit": limit}, compare])
    assert compare.clipped > 10


def test_max_norm_takes_all_axes_but_the_last_for_what_leads_into_a_unit():
    """A kernel (height, width, in, out): one length for each filter; biases and what does not decay are left alone."""

    @dataclass
    class Parts(cr.Layer):
        """Parameters of every form, without a part in the output."""

        def build(self, input_shape):
            ones = {"name": "constant", "value": 1.0}
            self.kernel = self.parameter("kernel", (2, 3, 4, 5), ones)
            self.b = self.parameter("b", (40,), ones)
            self.table = self.parameter("table", (6, 7), ones, decay=False)
            return input_shape

        def forward(self, x, training):
            return x

        def backward(self, dy):
            for parameter in (self.kernel, self.b, self.table):
                parameter.grad = 0
            return dy

    net = cr.Network([Parts()], (2,), "mse", dtype="float64")
    cr.Trainer(net, "sgd").fit((X[:, :2], Y), 1, callbacks=[{"name": "max_norm", "limit": 2.0}])
    np.testing.assert_allclose(net.parameters["0.parts.kernel"].value, 2 / math.sqrt(24), rtol=1e-14)
    assert (net.parameters["0.parts.b"].value == 1).all()
    assert (net.parameters["0.parts.table"].value == 1).all()


def test_weights_of_zero_are_left_at_zero():
    net = network(initializer="zeros")
    net.parameters.theta[:] = 0
    trainer(net).fit((X, 0 * Y), 1, callbacks=["max_norm"])
    assert not net.parameters.theta.any()


# weight_average


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.999])
def test_the_network_ends_with_the_weighted_mean_of_all_thetas(decay):
    """Kingma, Ba 2015, section 7.2: of theta_1 ... theta_n, with weights decay^(n - k), which sum up to 1."""
    watch, fitted = Watch(), trainer()
    fitted.fit((X, Y), 3, callbacks=[{"name": "weight_average", "decay": decay}, watch])
    weights = decay ** np.arange(len(watch.thetas) - 1, -1, -1)
    expected = (weights[:, None] * np.array(watch.thetas)).sum(axis=0) / weights.sum()
    np.testing.assert_allclose(fitted.network.parameters.theta, expected, rtol=1e-12)


def test_training_itself_and_its_validation_are_not_changed_by_it():
    plain, averaged = trainer(), trainer()
    one = plain.fit((X, Y), 3, validation=(X, Y))
    other = averaged.fit((X, Y), 3, validation=(X, Y), callbacks=["weight_average"])
    assert one["train/loss"] == other["train/loss"]
    assert one["validation/loss"] == other["validation/loss"]
    assert not np.array_equal(plain.network.parameters.theta, averaged.network.parameters.theta)


def test_two_fits_are_one_longer_fit():
    whole, parts = trainer(), trainer()
    whole.fit((X, Y), 4, callbacks=["weight_average"])
    average = cr.make("callback", "weight_average")
    parts.fit((X, Y), 1, callbacks=[average])
    parts.fit((X, Y), 3, callbacks=[average])
    np.testing.assert_array_equal(parts.network.parameters.theta, whole.network.parameters.theta)


def test_its_state_goes_on_exactly_and_is_a_copy():
    whole, other, average = trainer(), trainer(), cr.make("callback", "weight_average")
    whole.fit((X, Y), 1, callbacks=[average])
    other.fit((X, Y), 1, callbacks=["weight_average"])
    state, kept = average.state(), copy.deepcopy(average.state())
    whole.fit((X, Y), 2, callbacks=[average])
    again = cr.make("callback", "weight_average")
    again.load_state(state)
    other.fit((X, Y), 2, callbacks=[again])
    np.testing.assert_array_equal(other.network.parameters.theta, whole.network.parameters.theta)
    np.testing.assert_equal(state, kept)


def test_another_training_starts_another_average():
    average = cr.make("callback", "weight_average")
    trainer().fit((X + 5, Y), 3, callbacks=[average])
    used, new = trainer(), trainer()
    used.fit((X, Y), 2, callbacks=[average])
    new.fit((X, Y), 2, callbacks=["weight_average"])
    np.testing.assert_array_equal(used.network.parameters.theta, new.network.parameters.theta)


def test_buffers_are_averaged_too_and_float32_stays_float32():
    @dataclass
    class Counting(cr.Layer):
        """Counts its passes of training."""

        def build(self, input_shape):
            self.count = self.buffer("count", (1,))
            return input_shape

        def forward(self, x, training):
            self.count.value += training
            return x

        def backward(self, dy):
            return dy

    net = cr.Network([Counting(), {"name": "dense", "units": 2}], (3,), "mse", dtype="float32")
    average = cr.make("callback", "weight_average", decay=0.5)
    trainer(net, batch_size=20).fit((X, Y), 3, callbacks=[average])
    assert net.buffers[0].value.item() == pytest.approx((1 * 0.25 + 2 * 0.5 + 3) / 1.75)
    assert {array.dtype for array in average.state()["average"]} == {np.dtype("float32")}


def test_the_average_lies_nearer_to_the_least_loss_than_the_noisy_last_step():
    """What it is for: single samples pull theta about its best value, and the average stays there."""
    x = np.ones((200, 1))
    y = RNG.normal(size=(200, 1))
    losses = {}
    for callbacks in ([], [{"name": "weight_average", "decay": 0.99}]):
        net = cr.Network([{"name": "dense", "units": 1, "bias": False}], (1,), "mse", dtype="float64")
        trainer(net, lr=0.2, batch_size=1).fit((x, y), 10, callbacks=callbacks)
        losses[len(callbacks)] = net.evaluate(x, y)["loss"] - y.var()
    assert losses[1] < losses[0] / 5


# lr_range_test


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
    ("name", "fields", "message"),
    [
        *[
            (name, {"limit": value}, f"limit: got {value}, must be above 0 ({cls})")
            for name, cls in (("max_norm", "MaxNorm"), ("clip_norm", "ClipNorm"), ("clip_value", "ClipValue"))
            for value in (0.0, -1.0, math.nan)
        ],
        ("weight_average", {"decay": 1.0}, "decay: got 1.0, must be at least 0 and less than 1 (WeightAverage)"),
        ("weight_average", {"decay": -0.1}, "decay: got -0.1, must be at least 0 and less than 1 (WeightAverage)"),
        ("lr_range_test", {"low": 0.0}, "low: got 0.0, must be above 0 and finite (LRRangeTest)"),
        (
            "lr_range_test",
            {"low": 0.1, "high": 0.1},
            "high: got 0.1, must be above low, which is 0.1, and finite (LRRangeTest)",
        ),
        ("lr_range_test", {"smoothing": 1.0}, "smoothing: got 1.0, must be at least 0 and less than 1 (LRRangeTest)"),
        ("lr_range_test", {"diverged": 1.0}, "diverged: got 1.0, must be above 1 (LRRangeTest)"),
    ],
)
def test_fields_that_are_refused(name, fields, message):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("callback", name, **fields)
    assert str(caught.value) == message
