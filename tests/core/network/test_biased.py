"""A bias and the activation behind it in one loop: the same numbers, and whoever looks at a layer sees its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.use import using
from chainrule.network.biased import biased
from chainrule.process.threads import all_in_parts

pytest.importorskip("numba")

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(6, 7, 7, 2)).astype(np.float32)
CLASSES = np.arange(6) % 3


def network(activation="relu", bias=True, dtype="float32"):
    hidden = {"bias_initializer": "normal"} if bias else {"bias": False}
    layers = [
        {"name": "conv2d", "filters": 4, "activation": activation, **hidden},
        "flatten",
        {"name": "dense", "units": 5, "activation": activation, **hidden},
        {"name": "dense", "units": 3, "activation": "softmax"},
    ]
    return cr.Network(layers, (7, 7, 2), "categorical_cross_entropy", seed=0, dtype=dtype)


def joined(made):
    steps = made.steps
    return [one.name for one, after in pairwise(steps) if biased(one.layer, after.layer)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", ["relu", {"name": "leaky_relu", "slope": 0.3}])
def test_loss_gradient_and_prediction_are_those_of_numpy_to_the_last_bit(activation, bias, dtype):
    made = network(activation, bias, dtype)
    assert joined(made) == ["0.conv2d", "2.dense"]
    loss, gradient = made.loss_and_gradient(IMAGES, CLASSES)
    prediction = made.predict(IMAGES)
    for parts in (1, 3):
        with using("numba"), all_in_parts(parts):
            again = made.loss_and_gradient(IMAGES, CLASSES)
            assert np.allclose(made.predict(IMAGES), prediction, rtol=1e-6, atol=0)
        assert again[0] == pytest.approx(loss, rel=1e-6)
        np.testing.assert_allclose(again[1], gradient, rtol=1e-4, atol=1e-6)
    stack = made._stack
    inputs = made.inputs(IMAGES)
    by_numpy = stack.forward(inputs, training=True).copy()
    with using("numba"):
        assert np.array_equal(stack.forward(inputs, training=True), by_numpy)


@pytest.mark.parametrize("activation", ["tanh", "softplus", "gelu", "linear", "prelu"])
def test_what_numpy_computes_faster_or_is_more_than_formulas_goes_by_itself(activation):
    assert joined(network(activation)) == []


def test_a_trace_shows_what_a_layer_gives_before_its_activation():
    made = network()

    @dataclass
    class Looking(cr.Callback):
        """Traces a step in the midst of a training."""

        def on_epoch_end(self, trainer):
            assert trainer.engine == "numba"
            traced = {operation.name: operation for operation in trainer.trace_step(IMAGES, CLASSES).operations}
            before, after = traced["2.dense"].y, traced["2.dense.relu"].y
            assert before.min() < 0
            assert np.array_equal(after, np.maximum(before, 0))
            self.seen = True

    looking = Looking()
    trainer = cr.Trainer(made, "sgd", engine="numba")
    trainer.fit((IMAGES, CLASSES), epochs=2, callbacks=[looking])
    assert looking.seen


def test_a_field_that_changes_in_a_training_counts_from_the_next_step_on():
    made = network({"name": "leaky_relu", "slope": 0.5})
    x = made.inputs(IMAGES)
    with using("numba"):
        first = made._stack.forward(x, training=True).copy()
        for layer in made.layers:
            if isinstance(layer, cr.Activation) and hasattr(layer, "slope"):
                layer.slope = 0.1
        second = made._stack.forward(x, training=True).copy()
    assert not np.array_equal(first, second)
    assert np.array_equal(made._stack.forward(x, training=True), second)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_so_does_a_list_that_changes_in_place(engine):
    @dataclass
    class Bent(cr.Activation):
        slopes: list[float] = field(default_factory=lambda: [0.5, 1.0])

        def rule(self, z):
            return np.where(z > 0, self.slopes[1] * z, self.slopes[0] * z)

    bent = Bent()
    with using(engine):
        assert bent.forward(np.array([-2.0, 2.0])).tolist() == [-1.0, 2.0]
        bent.slopes[0] = 0.25
        assert bent.forward(np.array([-2.0, 2.0])).tolist() == [-0.5, 2.0]


def test_an_activation_with_a_forward_of_its_own_is_asked():
    @dataclass
    class Counting(cr.Activation):
        """Counts."""

        def rule(self, z):
            return np.maximum(z, 0)

        def derivative(self, a):
            return a > 0

        def forward(self, z):
            self.asked = getattr(self, "asked", 0) + 1
            return super().forward(z)

    made = cr.Network([{"name": "dense", "units": 3, "activation": Counting()}], (2,), "mse")
    with using("numba"):
        made.loss_and_gradient(np.ones((2, 2)), np.ones((2, 3)))
    assert made.layers[1].asked == 1


@pytest.mark.parametrize("method", ["rule", "derivative"])
def test_a_formula_that_is_none_is_named(method):
    @dataclass
    class Branching(cr.Activation):
        """Branches on a number."""

        def rule(self, z):
            return z if method == "derivative" or z > 0 else -z

        def derivative(self, a):
            return 1.0 * a if method == "rule" or a > 0 else -a

    with pytest.raises(cr.ContractError, match=rf"^{method} of Branching: a formula of single numbers cannot branch"):
        cr.Network([Branching()], (2,), "mse").loss_and_gradient(np.ones((2, 2)), np.ones((2, 2)))


def test_an_activation_is_kept_without_what_was_recorded(tmp_path):
    import pickle

    relu = cr.make("activation", "relu")
    relu.forward(np.ones((1, 1)))
    again = pickle.loads(pickle.dumps(relu))
    assert again.forward(np.array([[-1.0, 2.0]])).tolist() == [[0.0, 2.0]]
