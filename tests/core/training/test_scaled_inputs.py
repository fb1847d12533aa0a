"""A network is trained, measured and asked the same, to the last bit, whether images are floats, or bytes that are
scaled as they are read."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.sklearn import NetworkClassifier

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (90, 6, 6)).astype(np.uint8)
CLASSES = np.arange(90) % 3
ROWS = RNG.permutation(90)[:70]
SCALINGS = [cr.Scaling(white=1.0), cr.Scaling(RNG.random((6, 6)).tolist(), 0.3, 1.0)]


def dense(units: int, activation: str) -> dict[str, Any]:
    return {"name": "dense", "units": units, "activation": activation}


def softmax(dtype: str = "float32") -> cr.Network:
    layers = ["flatten", dense(8, "tanh"), dense(3, "softmax")]
    return cr.Network(layers, (6, 6), "categorical_cross_entropy", dtype=dtype)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("callbacks", [[], ["augment"]])
def test_trained_parameters_and_metrics_are_equal_to_the_last_bit(scaling, dtype, callbacks):
    scaled = cr.Scaled(IMAGES, scaling, ROWS)
    floats = scaling.encode(IMAGES[ROWS])
    trainers = [cr.Trainer(softmax(dtype), "adam", batch_size=16) for _ in range(2)]
    for trainer, x in zip(trainers, (floats, scaled)):
        y = CLASSES[ROWS]
        trainer.fit((x, y), epochs=3, validation=(x[:20], y[:20]), callbacks=callbacks)
        trainer.fit(cr.Split(x, y), epochs=1, validation=cr.Split(x, y))
    one, other = trainers
    assert (one.network.parameters.theta == other.network.parameters.theta).all()
    assert one.history["validation/loss"] == other.history["validation/loss"]
    assert one.evaluate(floats, CLASSES[ROWS])["loss"] == other.evaluate(scaled, CLASSES[ROWS])["loss"]
    assert np.array_equal(one.network.predict(floats), other.network.predict(scaled))
    assert one.network.evaluate(floats, CLASSES[ROWS]) == other.network.evaluate(scaled, CLASSES[ROWS])


def test_they_are_what_gradient_descent_written_down_here_gives():
    """Softmax regression on pixels divided by 255, in an order of its own."""
    x = IMAGES.reshape(90, 36).astype(np.float32) / np.float32(255)
    network = cr.Network(["flatten", dense(3, "softmax")], (6, 6), "categorical_cross_entropy")
    W, b = (parameter.value.copy() for parameter in network.parameters)
    trainer = cr.Trainer(network, {"name": "sgd", "lr": 0.5}, batch_size=30, shuffle=False)
    trainer.fit((cr.Scaled(IMAGES, cr.Scaling(white=1.0)), CLASSES), epochs=2)
    for start in (0, 30, 60, 0, 30, 60):
        rows = slice(start, start + 30)
        z = x[rows] @ W + b
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        dz = (p - np.eye(3, dtype=np.float32)[CLASSES[rows]]) / 30
        W -= np.float32(0.5) * (x[rows].T @ dz)
        b -= np.float32(0.5) * dz.sum(axis=0)
    for parameter, expected in zip(network.parameters, (W, b)):
        np.testing.assert_allclose(parameter.value, expected, rtol=1e-5, atol=1e-6)


def test_targets_may_be_images_too():
    scaling = cr.Scaling(white=1.0)
    scaled = (cr.Scaled(IMAGES, scaling), cr.Scaled(IMAGES.reshape(90, 36), scaling))
    floats = tuple(np.asarray(part) for part in scaled)
    networks = [cr.Network(["flatten", dense(5, "tanh"), dense(36, "sigmoid")], (6, 6), "mse") for _ in range(2)]
    for network, (x, y) in zip(networks, (floats, scaled)):
        trainer = cr.Trainer(network, "adam", batch_size=16, metrics=["mean_absolute_error"])
        trainer.fit((x, y), epochs=3, validation=(x, y))
        assert network.task == "regression"
    assert (networks[0].parameters.theta == networks[1].parameters.theta).all()
    assert networks[0].loss_and_gradient(*floats)[0] == networks[1].loss_and_gradient(*scaled)[0]
    classes = cr.Network(["flatten", dense(4, "softmax")], (6, 6), "categorical_cross_entropy")
    one_hot = np.eye(4, dtype=np.uint8)[CLASSES]
    as_bytes = classes.evaluate(scaled[0], cr.Scaled(one_hot, cr.Scaling()))
    assert as_bytes == classes.evaluate(floats[0], one_hot)


def test_several_inputs_by_name():
    x = {"a": cr.Scaled(IMAGES, SCALINGS[0]), "b": cr.Scaled(IMAGES[:, :2], SCALINGS[0], np.arange(90)[::-1])}
    floats = {name: np.asarray(array) for name, array in x.items()}
    layers = [{"name": "join", "towers": {"a": ["flatten"], "b": ["flatten"]}}, dense(3, "softmax")]
    networks = [cr.Network(layers, {"a": (6, 6), "b": (2, 6)}, "categorical_cross_entropy") for _ in range(2)]
    for network, given in zip(networks, (floats, x)):
        cr.Trainer(network, "sgd", batch_size=16).fit((given, CLASSES), epochs=2, validation=(given, CLASSES))
    assert (networks[0].parameters.theta == networks[1].parameters.theta).all()


def test_what_looks_inside_sees_floats(tmp_path):
    scaling = SCALINGS[0]
    scaled, floats = cr.Scaled(IMAGES, scaling), scaling.encode(IMAGES)
    network = softmax("float64")
    assert network.inputs(scaled).dtype == np.float64
    assert isinstance(network.inputs(scaled), np.ndarray)
    for one, other in zip(network.trace(scaled), network.trace(floats)):
        assert one[0] == other[0]
        assert np.array_equal(one[1], other[1])
    assert max(cr.gradient_check(network, scaled[:4], CLASSES[:4]).values()) < 1e-6
    step = network.trace_step(scaled, CLASSES, "sgd")
    assert np.array_equal(step.operation("0.flatten").x, floats.astype(np.float64))
    pages = []
    for x in (scaled, floats):
        trainer, film = cr.Trainer(softmax(), "sgd"), cr.Film((x, CLASSES), (x, CLASSES))
        trainer.fit((x, CLASSES), epochs=2, callbacks=[film])
        cr.explain(trainer.network, x, CLASSES, "sgd", film=film).save(tmp_path / "page.html")
        pages.append((tmp_path / "page.html").read_text())
    assert pages[0] == pages[1]


def test_whole_numbers_for_an_embedding_are_refused_where_they_are_scaled():
    layers = [{"name": "embedding", "tokens": 300, "units": 2}, "flatten", dense(1, "sigmoid")]
    network = cr.Network(layers, (6,), "binary_cross_entropy")
    with pytest.raises(cr.DataError, match=r"takes whole numbers from 0 to 299, got 0\."):
        network.predict(cr.Scaled(IMAGES[:, 0], SCALINGS[0]))


def test_a_stream_may_give_such_batches():
    def batches(size, rng):
        order = np.arange(90) if rng is None else rng.permutation(90)
        for start in range(0, 90, size):
            rows = order[start : start + size]
            yield cr.Scaled(IMAGES, SCALINGS[0], rows), CLASSES[rows]

    network = softmax()
    trainer = cr.Trainer(network, "sgd", batch_size=20)
    stream = cr.Stream(90, (6, 6), batches)
    trainer.fit(stream, epochs=1, validation=stream)
    floats = np.asarray(cr.Scaled(IMAGES, SCALINGS[0]))
    assert trainer.history["validation/loss"][0] == pytest.approx(network.evaluate(floats, CLASSES)["loss"])


def test_estimators_take_them():
    scaled = cr.Scaled(IMAGES.reshape(90, 36), SCALINGS[0])
    estimator = NetworkClassifier(epochs=2, random_state=0)
    found = estimator.fit(scaled, CLASSES).predict_proba(scaled)
    again = NetworkClassifier(epochs=2, random_state=0).fit(np.asarray(scaled), CLASSES)
    assert np.array_equal(found, again.predict_proba(np.asarray(scaled)))


def test_training_makes_no_floats_but_those_of_a_batch():
    raw = RNG.integers(0, 256, (20_000, 400)).astype(np.uint8)  # 8 MB, as float32 32 MB
    x, y = cr.Scaled(raw, SCALINGS[0]), np.arange(20_000) % 2
    network = cr.Network([dense(1, "sigmoid")], (400,), "binary_cross_entropy")
    trainer = cr.Trainer(network, "sgd", batch_size=100)
    data = cr.Data((x, y), "binary", (x, y), class_names=("a", "b"))
    tracemalloc.start()
    try:
        trainer.fit(data.train, epochs=1, validation=data.validation)
        network.predict(x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < raw.nbytes / 2
