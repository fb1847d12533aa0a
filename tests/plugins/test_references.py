"""What each built-in component computes is what its reference, the formula of its docstring in plain NumPy, gives."""

import numpy as np
import pytest

import chainrule as cr

CLOSE = {"rtol": 1e-10, "atol": 1e-10}
KINDS = ("activation", "optimizer", "initializer", "regularizer", "schedule")


def cases(kind):
    """Each built-in component of a kind, with each of its examples of fields."""
    entries = [entry for entry in cr.registry() if entry.kind == kind and entry.distribution == "chainrule"]
    return [(entry.name, dict(fields)) for entry in entries for fields in entry.cls.check_examples or ({},)]


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("kind", KINDS)
def test_every_built_in_has_one(kind):
    assert [name for name, _ in cases(kind) if not hasattr(cr.registry().get(kind, name).cls, "reference")] == []


@pytest.mark.parametrize(("name", "fields"), cases("activation"))
def test_activations(name, fields):
    for shape in ((5, 3), (2, 4, 3)):
        network = cr.Network([{"name": name, **fields}], shape[1:], "mse", dtype="float64")
        activation = network.steps[0].layer
        z = 4 * rng().normal(size=shape)
        expected = activation.reference(z.copy())
        np.testing.assert_allclose(activation.forward(z), expected, **CLOSE)


@pytest.mark.parametrize(("name", "fields"), cases("optimizer"))
def test_optimizers(name, fields):
    """Each step has a batch of its own, with gradients of different sizes, some of them zero, and a rate of its own."""
    optimizer = cr.make("optimizer", name, **fields)
    theta, grad = rng().normal(size=9), np.zeros(9)
    slots = {slot: np.zeros(9) for slot in optimizer.slots}
    rates = [optimizer.lr / (1 + step) ** 0.5 for step in range(50)]
    step = 0

    def batch():
        """The place to which it draws, and how strongly."""
        noise = rng([1, step])
        return noise.normal(size=9), np.logspace(-1.5, 1.5, 9) * (noise.random(9) < 0.8)

    def gradient(at):
        place, steep = batch()
        return steep * (at - place)

    def evaluate():
        place, steep = batch()
        grad[...] = gradient(theta)
        return float(np.sum(steep * (theta - place) ** 2) / 2)

    expected = optimizer.reference(theta.copy(), gradient, rates)
    for lr in rates:
        step += 1
        other = next(expected)
        grad[...] = gradient(theta)
        optimizer.update(theta, grad, slots, step, lr, **({"evaluate": evaluate} if optimizer.whole_vector else {}))
        np.testing.assert_allclose(theta, other, **CLOSE)


@pytest.mark.parametrize(("name", "fields"), cases("schedule"))
def test_schedules(name, fields):
    schedule = cr.make("schedule", name, **fields)
    for total in (1, 2, 5, 6, 100, 3500):
        for step in {*range(20), 999, 1000, 1004, 1005, 3000, 3004, 3005, total - 1, total, total + 1, 3 * total}:
            assert schedule(step, total) == pytest.approx(schedule.reference(step, total), rel=1e-10, abs=1e-10)


@pytest.mark.parametrize(("name", "fields"), cases("initializer"))
def test_initializers(name, fields):
    initializer = cr.make("initializer", name, **fields)
    for shape in ((6, 4), (4, 6), (5,), (3, 2, 4, 5), (3, 4, 5), (1, 1)):
        expected = initializer.reference(shape, rng())
        assert expected.shape == shape
        np.testing.assert_allclose(initializer(shape, rng(), np.dtype("float64")), expected, **CLOSE)


@pytest.mark.parametrize("strength", [1e-4, 0.5])
@pytest.mark.parametrize("name", ["l1", "l2"])
def test_regularizers(name, strength):
    regularizer, theta = cr.make("regularizer", name, strength=strength), rng().normal(size=50)
    assert regularizer.penalty(theta) == pytest.approx(regularizer.reference(theta), rel=1e-10)
