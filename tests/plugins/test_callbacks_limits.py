"""clip_norm, clip_value and max_norm, heard by real trainings."""

import math
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
    """Keeps a copy of the gradient before each update."""

    grads: list = field(default_factory=list)

    def on_gradient(self, trainer):
        self.grads.append(trainer.network.parameters.grad.copy())


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


@pytest.mark.parametrize(("dtype", "size"), [("float32", 1e30), ("float32", 3e38), ("float64", 1e200)])
def test_a_gradient_whose_square_overflows_is_clipped_to_its_length(dtype, size):
    after = Watch()
    trainer(network(dtype)).fit((X, Y), 1, callbacks=[Gradient([3 * size / 4, -size]), "clip_norm", after])
    expected = np.resize([0.75, -1.0], after.grads[0].size)
    np.testing.assert_allclose(after.grads[0], expected / np.linalg.norm(expected), rtol=1e-6)


@pytest.mark.parametrize(("dtype", "size"), [("float32", 1e20), ("float32", 1e38), ("float64", 1e200)])
def test_weights_whose_squares_overflow_are_held_and_not_wiped_out(dtype, size):
    net, column = network(dtype), np.array([[3.0], [4.0], [0.0]])
    net.parameters["0.dense.W"].value = column * [0.0, 0.1, size / 4, -size / 4]
    trainer(net, lr=1e-300, batch_size=20).fit((X, Y), 1, callbacks=[{"name": "max_norm", "limit": 5.0}])
    held = net.parameters["0.dense.W"].value
    np.testing.assert_allclose(held, column * [0.0, 0.1, 1.0, -1.0], rtol=1e-6, atol=1e-30)


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


# what is refused


@pytest.mark.parametrize(
    ("name", "cls"), [("max_norm", "MaxNorm"), ("clip_norm", "ClipNorm"), ("clip_value", "ClipValue")]
)
@pytest.mark.parametrize("limit", [0.0, -1.0, math.nan])
def test_a_limit_that_is_not_above_zero_is_refused(name, cls, limit):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("callback", name, limit=limit)
    assert str(caught.value) == f"limit: got {limit}, must be above 0 ({cls})"
