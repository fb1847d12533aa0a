"""hinge: its published formula, its kink, and what it is for."""

import numpy as np

import chainrule as cr


def passes(name, prediction, target, **fields):
    """Loss and gradient."""
    loss = cr.make("loss", name, **fields)
    return loss.forward(np.asarray(prediction), np.asarray(target)), loss.backward()


def test_hinge_counts_what_is_missing_to_a_margin_of_1():
    value, gradient = passes("hinge", [[2.0], [0.25], [-3.0], [0.5]], [[1.0], [1.0], [0.0], [0.0]])
    assert value == (0 + 0.75 + 0 + 1.5) / 4
    assert gradient.tolist() == [[0], [-0.25], [0], [0.25]]


def test_hinge_asks_for_each_class_against_the_others():
    value, gradient = passes("hinge", [[1.5, -2.0, 0.5]], [[1.0, 0.0, 0.0]])
    assert value == 1.5 / 3
    np.testing.assert_allclose(gradient, [[0, 0, 1 / 3]])


def test_at_its_kink_hinge_is_content():
    assert passes("hinge", [[1.0], [-1.0]], [[1.0], [0.0]])[1].tolist() == [[0], [0]]


def test_hinge_learns_with_the_threshold_of_its_scores():
    """Classes apart along a line: at the end all are right, by a margin."""
    x = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    y = np.array([0, 0, 1, 1])
    network = cr.Network([{"name": "dense", "units": 1}], (1,), "hinge", task="binary", dtype="float64")
    trainer = cr.Trainer(network, {"name": "sgd", "lr": 0.1}, metrics=[{"name": "binary_accuracy", "threshold": 0.0}])
    history = trainer.fit((x, y), epochs=200)
    assert history["train/binary_accuracy"][-1] == 1
    assert history["train/loss"][-1] == 0
    assert (np.abs(network.predict(x)) >= 1 - 1e-12).all()
