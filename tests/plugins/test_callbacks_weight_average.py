"""weight_average, heard by real trainings."""

import copy
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
    """Keeps a copy of theta after each update."""

    thetas: list = field(default_factory=list)

    def on_batch_end(self, trainer):
        self.thetas.append(trainer.network.parameters.theta.copy())


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


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"decay": 1.0}, "decay: got 1.0, must be at least 0 and less than 1 (WeightAverage)"),
        ({"decay": -0.1}, "decay: got -0.1, must be at least 0 and less than 1 (WeightAverage)"),
    ],
)
def test_fields_that_are_refused(fields, message):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("callback", "weight_average", **fields)
    assert str(caught.value) == message
