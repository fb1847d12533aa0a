"""A network computes what its layers say, leaves what it is given alone, and comes back from a file as it was."""

from __future__ import annotations

import copy
import json
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import chainrule as cr
from chainrule.contract.arrays import batches
from chainrule.registry.discovery import Plugin
from chainrule.registry.provenance import require_installed
from chainrule.registry.registry import Registrar, Registry

RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 5))
LABELS = RNG.integers(0, 3, 7)
NUMBERS = RNG.normal(size=(7, 2))
HIDDEN: list[Any] = [{"name": "dense", "units": 6, "activation": "tanh"}, "dropout"]


def dense(units: int, activation: str = "linear") -> dict[str, Any]:
    return {"name": "dense", "units": units, "activation": activation}


def classifier(dtype: str = "float32", seed: int = 0) -> cr.Network:
    return cr.Network([*HIDDEN, dense(3, "softmax")], (5,), "categorical_cross_entropy", seed, dtype)


def regressor(dtype: str = "float32", seed: int = 0) -> cr.Network:
    return cr.Network([*HIDDEN, dense(2)], (5,), "mse", seed, dtype)


@dataclass
class Averaging(cr.Layer):
    """Keeps a running mean of its inputs in a buffer, and takes it from them."""

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.mean = self.buffer("mean", input_shape)
        return input_shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        if training:
            self.mean.value = 0.9 * self.mean.value + 0.1 * x.mean(axis=0)
        return x - self.mean.value

    def backward(self, dy: cr.Array) -> cr.Array:
        return dy


@pytest.fixture
def averaging(monkeypatch: pytest.MonkeyPatch) -> None:
    """``Averaging`` is registered while a test runs."""
    registry = Registry().load()
    registrar = Registrar(Plugin("layers", "acme", "2.0"))
    registrar.add(Averaging)
    registry.admit(registrar)
    for module in [module for name, module in sys.modules.items() if name.startswith("chainrule.")]:
        if getattr(module, "registry", None) is cr.registry:
            monkeypatch.setattr(module, "registry", lambda: registry)


# ---- building


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dtype": "float16"}, "dtype: got 'float16', expected float32 or float64"),
        ({"dtype": None}, "dtype: got None, expected float32 or float64"),
        ({"dtype": "single precision"}, "dtype: got 'single precision', expected float32 or float64"),
        ({"seed": -1}, "seed: got -1, expected a whole number, 0 or more"),
        ({"seed": 1.5}, "seed: got 1.5, expected a whole number, 0 or more"),
        ({"seed": True}, "seed: got True, expected a whole number, 0 or more"),
        ({"layers": []}, "layers: a network needs at least one layer"),
        ({"layers": "dense"}, "layers: got 'dense', expected a list of layers"),
        ({"layers": {"name": "flatten"}}, "layers: got {'name': 'flatten'}, expected a list of layers"),
        ({"input_shape": 5}, "input_shape: got 5, expected the shape of one sample, such as (5,) or (28, 28)"),
        ({"input_shape": (0,)}, "input_shape: got (0,), expected the shape of one sample, such as"),
        ({"input_shape": (True,)}, "input_shape: got (True,), expected the shape of one sample, such as"),
        (
            {"input_shape": np.ones((1, 1), int)},
            "input_shape: got ndarray of shape (1, 1) and type int64, exp",
        ),
        ({"input_shape": (2.5,)}, "input_shape: got (2.5,), expected the shape of one sample, such as"),
        ({"loss": "msee"}, 'loss: there is no loss "msee". Did you mean "mse"?'),
        ({"task": "clustering"}, "task: got 'clustering', expected one of binary, multiclass, regression"),
    ],
)
def test_what_cannot_be_built(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(cr.ConfigError) as caught:
        cr.Network(**{"layers": [dense(2)], "input_shape": (5,), "loss": "mse", **changes})
    assert str(caught.value).startswith(message)


def test_numpy_numbers_shapes_and_dtypes_are_taken() -> None:
    net = cr.Network([dense(2)], np.array([5]), "mse", np.int64(3), np.float32)  # type: ignore[arg-type]
    assert net.architecture() == cr.Network([dense(2)], (5,), "mse", 3, "float32").architecture()
    assert [type(value) for value in (net.seed, *net.input_shape)] == [int, int]
    assert len(net.predict(X, batch_size=np.int64(2))) == 7  # type: ignore[arg-type]
    assert cr.Network([dense(2)], (5,), "mse", dtype=np.dtype("float64")).dtype == "float64"  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_network() -> None:
    first, same, other = regressor(seed=3), regressor(seed=3), regressor(seed=4)
    assert np.array_equal(first.parameters.theta, same.parameters.theta)
    assert not np.array_equal(first.parameters.theta, other.parameters.theta)
    for _ in range(2):
        results = [net.loss_and_gradient(X, NUMBERS) for net in (first, same)]
        assert results[0][0] == results[1][0]
        assert np.array_equal(results[0][1], results[1][1])


def test_biases_do_not_decay() -> None:
    net = regressor()
    decaying = {p.name for p in net.parameters if p.decay}
    assert decaying == {"0.dense.W", "2.dense.W"}


def test_the_summary() -> None:
    net = cr.Network(["flatten", dense(128, "relu"), dense(10, "softmax")], (28, 28), "categorical_cross_entropy")
    assert net.shapes == [(784,), (128,), (128,), (10,), (10,)]
    rows = [line.split() for line in net.summary().splitlines()]
    assert [row for row in rows if not set("".join(row)) <= set("─━ ")] == [
        ["layer", "output", "parameters"],
        ["input", "(28,", "28)"],
        ["0.flatten", "(784,)"],
        ["1.dense", "(128,)", "100,480"],
        ["1.dense.relu", "(128,)"],
        ["2.dense", "(10,)", "1,290"],
        ["2.dense.softmax", "(10,)"],
        ["101,770", "parameters,", "float32,", "loss", "categorical_cross_entropy", "(fused", "with", "softmax)"],
    ]


def test_the_summary_is_plain_text_wherever_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = regressor().summary()
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert regressor().summary() == plain
    assert "\x1b" not in plain
    assert plain.endswith("50 parameters, float32, loss mse")


# ---- computing


def test_forward_and_backward_by_hand() -> None:
    net = cr.Network([dense(4, "tanh"), dense(2)], (5,), "mse", dtype="float64")
    W1, W2 = net.parameters["0.dense.W"].value, net.parameters["1.dense.W"].value
    b1, b2 = net.parameters["0.dense.b"].value, net.parameters["1.dense.b"].value
    b1[...], b2[...] = 0.1, -0.2
    a = np.tanh(X @ W1 + b1)
    y = a @ W2 + b2
    loss, gradient = net.loss_and_gradient(X, NUMBERS)
    assert np.isclose(loss, ((y - NUMBERS) ** 2).mean(), rtol=1e-14)
    dy = 2 * (y - NUMBERS) / y.size
    dz = dy @ W2.T * (1 - a**2)
    for name, expected in {
        "0.dense.W": X.T @ dz,
        "0.dense.b": dz.sum(axis=0),
        "1.dense.W": a.T @ dy,
        "1.dense.b": dy.sum(axis=0),
    }.items():
        assert np.allclose(net.parameters[name].grad, expected, rtol=1e-12)
    assert np.array_equal(gradient, net.parameters.grad)
    assert not np.shares_memory(gradient, net.parameters.grad)


def test_predict_is_the_same_in_any_cut_and_a_new_array() -> None:
    for net in (classifier("float64"), regressor("float64")):
        whole = net.predict(X)
        cut = net.predict(X, batch_size=2)
        assert np.allclose(whole, cut, rtol=1e-14)
        kept = whole.copy()
        net.loss_and_gradient(X + 1, LABELS if net.fused else NUMBERS)
        net.predict(X - 1)
        assert np.array_equal(whole, kept)


def test_predict_gives_probabilities_where_the_loss_is_fused() -> None:
    net = classifier("float64")
    assert net.fused
    assert np.allclose(net.predict(X).sum(axis=1), 1)
    assert net.predict(X[:0]).shape == (0, 3)


def test_predict_does_not_drop() -> None:
    assert np.array_equal(regressor().predict(X), regressor().predict(X))


def test_evaluate_is_the_loss_and_metrics_of_all_samples() -> None:
    net = classifier("float64")
    found = net.evaluate(X, LABELS, ["accuracy"], batch_size=2)
    p = net.predict(X)
    assert np.isclose(found["loss"], -np.log(p[np.arange(7), LABELS]).mean(), rtol=1e-12)
    assert found["accuracy"] == (p.argmax(axis=1) == LABELS).mean()
    assert list(found) == ["loss", "accuracy"]


def test_trace_gives_a_copy_of_what_each_step_gives() -> None:
    net = classifier("float64")
    steps = net.trace(X)
    assert [name for name, _ in steps] == ["0.dense", "0.dense.tanh", "1.dropout", "2.dense", "2.dense.softmax"]
    values = dict(steps)
    assert np.allclose(values["0.dense"], X @ net.parameters["0.dense.W"].value)
    assert np.allclose(values["0.dense.tanh"], np.tanh(values["0.dense"]))
    assert np.array_equal(values["1.dropout"], values["0.dense.tanh"])
    assert np.array_equal(values["2.dense.softmax"], net.predict(X))
    kept = copy.deepcopy(values)
    net.loss_and_gradient(X + 1, LABELS)
    assert all(np.array_equal(values[name], kept[name]) for name in values)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_everything_has_the_networks_dtype(dtype: str) -> None:
    for net, y in ((classifier(dtype), LABELS), (regressor(dtype), NUMBERS)):
        loss, gradient = net.loss_and_gradient(X, y)
        assert type(loss) is float
        arrays = [gradient, net.parameters.theta, net.predict(X), net.prediction, *(a for _, a in net.trace(X))]
        assert {array.dtype for array in arrays} == {np.dtype(dtype)}


def test_what_is_given_is_not_written_to() -> None:
    for net, y in ((classifier("float64"), LABELS), (regressor("float64"), NUMBERS)):
        x, target = X.copy(), y.copy()
        x.flags.writeable = target.flags.writeable = False
        net.loss_and_gradient(x, target)
        net.predict(x)
        net.evaluate(x, target)
        net.trace(x)
        assert np.array_equal(x, X)
        assert np.array_equal(target, y)


# ---- fused losses

FUSING = [entry for entry in cr.registry() if entry.kind == "loss" and getattr(entry.cls, "fuses_with", None)]


def test_softmax_and_sigmoid_have_a_loss_that_fuses() -> None:
    assert {entry.cls.fuses_with for entry in FUSING} == {"sigmoid", "softmax"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("entry", FUSING, ids=lambda entry: entry.name)
@pytest.mark.parametrize("form", ["classes", "probabilities"])
def test_fused_equals_unfused(entry: cr.Entry, form: str) -> None:
    unfused = type("Unfused", (entry.cls,), {"fuses_with": None})()
    activation = entry.cls.fuses_with  # type: ignore[attr-defined]
    units, task = (3, "multiclass") if activation == "softmax" else (1, "binary")
    layers = [dense(6, "tanh"), dense(units, activation)]
    nets = [cr.Network(layers, (5,), loss, dtype="float64", task=task) for loss in (entry.name, unfused)]
    assert [net.fused for net in nets] == [True, False]
    if form == "classes":
        y = LABELS if units == 3 else LABELS % 2
    else:
        y = RNG.dirichlet(np.ones(3), 7) if units == 3 else RNG.random(7)
    for net in nets:
        net.parameters.theta *= 2  # away from the even predictions of small weights
    (loss, gradient), (plain_loss, plain_gradient) = (net.loss_and_gradient(X, y) for net in nets)
    assert np.isclose(loss, plain_loss, rtol=1e-12, atol=0)
    assert np.abs(gradient - plain_gradient).max() <= 1e-12 * np.abs(plain_gradient).max()
    assert np.allclose(nets[0].prediction, nets[1].prediction, rtol=1e-12, atol=0)
    assert np.allclose(nets[0].predict(X), nets[1].predict(X), rtol=1e-12, atol=0)
    metric = "accuracy" if units == 3 else "binary_accuracy"
    results = [net.evaluate(X, y, [metric]) for net in nets]
    assert results[0][metric] == results[1][metric]


def test_a_fused_loss_need_not_give_the_prediction() -> None:
    @dataclass
    class Lean(cr.Loss):
        """A cross-entropy that leaves the prediction to the activation."""

        fuses_with = "sigmoid"

        def output(self, task: cr.Task, classes: int) -> tuple[int, str]:
            return 1, "sigmoid"

        def forward(self, prediction: cr.Array, target: cr.Array) -> float:
            raise NotImplementedError

        def backward(self) -> cr.Array:
            raise NotImplementedError

        def forward_logits(self, logits: cr.Array, target: cr.Array) -> float:
            self.z, self.t = logits.copy(), target
            return float((np.logaddexp(0, logits) - target * logits).mean())

        def backward_logits(self) -> cr.Array:
            return (1 / (1 + np.exp(-self.z)) - self.t) / self.z.size

    net = cr.Network([dense(1, "sigmoid")], (5,), Lean(), dtype="float64", task="binary")
    for x in (X, X + 1):
        net.loss_and_gradient(x, LABELS > 0)
        prediction = net.prediction.copy()
        assert np.array_equal(prediction, net.predict(x))
    assert max(cr.gradient_check(net, X, LABELS > 0).values()) < 1e-6


def test_a_loss_does_not_fuse_with_another_activation() -> None:
    net = cr.Network([dense(3, "sigmoid")], (5,), "categorical_cross_entropy", dtype="float64")
    assert not net.fused
    z = X @ net.parameters["0.dense.W"].value
    assert np.allclose(net.predict(X), 1 / (1 + np.exp(-z)))


def test_an_unregistered_activation_of_the_same_name_is_not_taken_for_the_built_in() -> None:
    @dataclass
    class Softmax(cr.Activation):
        """Half of each input: not what the built-in of that name does."""

        def forward(self, z: cr.Array) -> cr.Array:
            return z / 2

        def backward(self, da: cr.Array) -> cr.Array:
            return da / 2

    net = cr.Network([dense(3), Softmax()], (5,), "categorical_cross_entropy", dtype="float64")
    assert not net.fused
    assert np.allclose(net.predict(X), X @ net.parameters["0.dense.W"].value / 2)


LOGITS = [("categorical_cross_entropy", 3, "softmax", LABELS), ("binary_cross_entropy", 1, "sigmoid", LABELS % 2)]


@pytest.mark.parametrize(("loss", "units", "ending", "y"), LOGITS)
@pytest.mark.parametrize("activation", ["linear", "tanh"])
def test_a_cross_entropy_refuses_what_is_no_probability(
    loss: str, units: int, ending: str, y: Any, activation: str
) -> None:
    net = cr.Network([dense(units, activation)], (5,), loss)
    uses = (net.loss_and_gradient, net.evaluate, lambda x, y: cr.Trainer(net, "sgd").fit((x, y), epochs=1))
    for use in uses:
        with pytest.raises(cr.ConfigError) as caught:
            use(X, y)
        message = str(caught.value)
        assert message.startswith(f"{loss} takes probabilities, and the network's output lies outside 0 to 1 (-")
        assert message.endswith(f"): end it in {ending}")


def test_any_activation_that_gives_probabilities_will_do() -> None:
    @dataclass
    class Normalized(cr.Activation):
        """A row of positive numbers over its sum."""

        def forward(self, z: cr.Array) -> cr.Array:
            e = np.exp(z)
            self.a: cr.Array = e / e.sum(axis=1, keepdims=True)
            return self.a

        def backward(self, da: cr.Array) -> cr.Array:
            return self.a * (da - (da * self.a).sum(axis=1, keepdims=True))

    nets = [
        cr.Network([dense(3), ending], (5,), "categorical_cross_entropy", dtype="float64")
        for ending in (Normalized(), "softmax")
    ]
    assert [net.fused for net in nets] == [False, True]
    (loss, gradient), (fused_loss, fused_gradient) = (net.loss_and_gradient(X, LABELS) for net in nets)
    assert np.isclose(loss, fused_loss, rtol=1e-12)
    assert np.allclose(gradient, fused_gradient, rtol=1e-12)


def test_a_loss_for_regression_may_fuse_with_what_gives_no_probabilities() -> None:
    @dataclass
    class Poisson(cr.Loss):
        """Counts, whose rate an exponential gives."""

        fuses_with = "exponential"

        def output(self, task: cr.Task, classes: int) -> tuple[int, str]:
            return classes, "exponential"

        def forward(self, prediction: cr.Array, target: cr.Array) -> float:
            return float((prediction - target * np.log(prediction)).mean())

        def backward(self) -> cr.Array:
            raise NotImplementedError

    net = cr.Network([dense(2), "softplus"], (5,), Poisson())
    assert net.evaluate(X * 10, NUMBERS**2)["loss"] > 0
    assert net.prediction.max() > 2


# ---- what goes in


@pytest.mark.parametrize(
    ("x", "shape"), [(X[:, :4], "(7, 4)"), (X[0], "(5,)"), (np.float64(1), "()"), (X[:, :, None], "(7, 5, 1)")]
)
def test_inputs_of_another_shape_are_refused(x: Any, shape: str) -> None:
    with pytest.raises(cr.ShapeError) as caught:
        regressor().predict(x)
    assert str(caught.value) == f"the network takes inputs of shape (n, 5), got {shape}"


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X, NUMBERS[:1], "the given data has 7 inputs and 1 targets; they must be as many, and at least one"),
        (X[:1], NUMBERS, "the given data has 1 inputs and 7 targets; they must be as many, and at least one"),
        ([["a"] * 5], NUMBERS, "inputs must be real numbers, got <U1"),
        ([[None] * 5], NUMBERS, "inputs must be real numbers, got object"),
        ([{}], NUMBERS, "inputs must be real numbers, got object"),
        (X * 1j, NUMBERS, "inputs must be real numbers, got complex128"),
        (X, NUMBERS * 1j, "targets must be real numbers, got complex128"),
        ([[1.0], [1.0, 2.0]], NUMBERS, "inputs must be an array of numbers: setting an array element with a sequence"),
        (X, [[1.0], [1.0, 2.0]], "targets must be an array of numbers: setting an array element with a sequence"),
        (X[:0], NUMBERS[:0], "the given data has 0 inputs and 0 targets; they must be as many, and at least one"),
        (X, ["a"] * 7, "targets must be real numbers, got <U1: give each class as a whole number from 0"),
        (X, [None] * 7, "targets must be real numbers, got object: give each class as a whole number from 0"),
    ],
)
def test_pairs_that_do_not_fit_are_refused(x: Any, y: Any, message: str) -> None:
    net = regressor()
    for use in (net.loss_and_gradient, net.evaluate):
        with pytest.raises(cr.DataError) as caught:
            use(x, y)
        assert str(caught.value).startswith(message)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_what_is_not_finite_is_refused(value: float) -> None:
    net = regressor()
    pairs = [(np.where(X[3, 2] == X, value, X), NUMBERS), (X, np.where(NUMBERS[6, 0] == NUMBERS, value, NUMBERS))]
    for x, y in pairs:
        for use in (net.loss_and_gradient, net.evaluate):
            with pytest.raises(cr.DataError) as caught:
                use(x, y)
            assert str(caught.value) == ("the given data holds values that are infinite or not a number as float32")


@pytest.mark.parametrize("x", [[[None] * 5], [{}], X * 1j, [["a"] * 5]])
def test_predict_takes_numbers_only(x: Any) -> None:
    with pytest.raises(cr.DataError, match=r"^inputs must be real numbers, got "):
        regressor().predict(x)


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "8"])
def test_predict_and_evaluate_need_a_batch_size(value: Any) -> None:
    for use in (lambda net: net.predict(X, value), lambda net: net.evaluate(X, NUMBERS, batch_size=value)):
        with pytest.raises(cr.FieldError) as caught:
            use(regressor())
        assert str(caught.value) == f"batch_size: got {value!r}, expected a whole number, 1 or more"


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ("accuracy", "metrics: got 'accuracy', expected a list"),
        (["acuracy"], 'metrics: there is no metric "acuracy". Did you mean "accuracy"?'),
        (["binary_accuracy"], "metrics: binary_accuracy is for binary, and the targets are multiclass: take accuracy"),
    ],
)
def test_metrics_that_evaluate_refuses(metrics: Any, message: str) -> None:
    with pytest.raises(cr.ConfigError) as caught:
        classifier().evaluate(X, LABELS, metrics)
    assert str(caught.value).startswith(message)


def test_evaluate_leaves_a_given_metric_alone() -> None:
    metric = cr.make("metric", "accuracy")
    before = dict(vars(metric))
    classifier().evaluate(X, LABELS, [metric])
    assert vars(metric) == before


def test_lists_are_taken_too() -> None:
    assert regressor().loss_and_gradient(X.tolist(), NUMBERS.tolist())[0] > 0


def test_the_first_targets_tell_the_task_and_later_ones_must_fit_it() -> None:
    net = classifier()
    net.loss_and_gradient(X, LABELS)
    assert net.task == "multiclass"
    with pytest.raises(cr.DataError, match=r"classes must be whole numbers, got 0\.5"):
        net.evaluate(X, LABELS * 0.5)


@pytest.mark.parametrize(
    ("loss", "units", "activation", "y", "message"),
    [
        ("binary_cross_entropy", 1, "sigmoid", LABELS + 1, "targets of a binary task must be 0 or 1, got "),
        ("categorical_cross_entropy", 3, "softmax", NUMBERS[:, 0], "classes must be whole numbers, got "),
        (
            "categorical_cross_entropy",
            3,
            "softmax",
            LABELS[:, None],
            "targets of shape (7, 1) do not fit 3 output units",
        ),
        ("categorical_cross_entropy", 1, "softmax", LABELS, "a multiclass task needs one output unit per class"),
    ],
)
def test_targets_that_a_loss_is_not_for_are_refused(
    loss: str, units: int, activation: str, y: Any, message: str
) -> None:
    net = cr.Network([dense(units, activation)], (5,), loss)
    with pytest.raises(cr.ChainruleError) as caught:
        net.loss_and_gradient(X, y)
    assert str(caught.value).startswith(message)


# ---- keeping


def test_snapshot_and_restore() -> None:
    net = cr.Network([Averaging(), dense(2)], (5,), "mse")
    kept = net.snapshot()
    before = net.predict(X)
    net.loss_and_gradient(X, NUMBERS)
    net.parameters.theta += 1
    assert not np.array_equal(net.predict(X), before)
    net.restore(kept)
    assert np.array_equal(net.predict(X), before)
    net.parameters.theta += 1
    assert not np.shares_memory(kept.theta, net.parameters.theta)
    net.restore(kept)
    assert np.array_equal(net.predict(X), before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_network_comes_back_from_its_file_to_the_last_bit(dtype: str, tmp_path: Path, averaging: None) -> None:
    layers = ["averaging", *HIDDEN, "tanh", dense(3, "softmax")]
    net = cr.Network(layers, (5,), "categorical_cross_entropy", seed=4, dtype=dtype)
    net.loss_and_gradient(X, LABELS)
    net.parameters.theta += RNG.normal(size=net.parameters.theta.size)
    path = tmp_path / "model.safetensors"
    net.save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]

    again = cr.load_network(path)
    assert np.array_equal(again.parameters.theta, net.parameters.theta)
    assert np.array_equal(again.buffers[0].value, net.buffers[0].value)
    assert again.buffers[0].value.any()
    assert np.array_equal(again.predict(X), net.predict(X))
    assert again.architecture() == net.architecture()
    assert (again.dtype, again.seed, again.task) == (np.dtype(dtype), 4, "multiclass")
    assert again.provenance() == net.provenance()


def test_a_file_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(cr.ConfigError) as caught:
        regressor().save(tmp_path / "none" / "model")
    assert str(caught.value) == f"path: there is no folder {tmp_path / 'none'}"


def test_the_file_holds_named_arrays_and_where_components_came_from(tmp_path: Path, averaging: None) -> None:
    net = cr.Network(["averaging", dense(2)], (5,), "mse")
    net.save(tmp_path / "model")
    arrays = load_file(tmp_path / "model")
    assert set(arrays) == {"0.averaging.mean", "1.dense.W", "1.dense.b"}
    assert np.array_equal(arrays["1.dense.W"], net.parameters["1.dense.W"].value)
    assert net.provenance()["layer.averaging"] == "acme 2.0"
    assert net.provenance()["layer.dense"] == f"chainrule {cr.__version__}"
    assert net.provenance()["loss.mse"] == f"chainrule {cr.__version__}"


def test_a_component_that_is_not_installed_is_named_with_its_package(
    tmp_path: Path, averaging: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    cr.Network(["averaging", dense(2)], (5,), "mse").save(tmp_path / "model")
    monkeypatch.undo()
    with pytest.raises(cr.UnknownName) as caught:
        cr.load_network(tmp_path / "model")
    assert str(caught.value) == (
        'layer "averaging" came from acme 2.0, which is not installed here: pip install acme==2.0'
    )
    require_installed({"layer.dense": "chainrule 0.0.1"})


def test_what_no_plugin_registers_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(cr.ConfigError, match="Averaging cannot be saved, as no plugin registers it; snapshot"):
        cr.Network([Averaging(), dense(2)], (5,), "mse").save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"not a network", None])
def test_another_file_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "model"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(cr.DataError, match=r"model is not a network that chainrule saved: "):
        cr.load_network(path)


def test_a_file_of_somebody_elses_arrays_is_refused(tmp_path: Path) -> None:
    save_file({"W": X}, tmp_path / "model")
    with pytest.raises(cr.DataError, match="is not a network that chainrule saved"):
        cr.load_network(tmp_path / "model")


def test_a_file_whose_arrays_do_not_fit_is_refused(tmp_path: Path) -> None:
    net = regressor()
    metadata = {
        "format": "chainrule",
        "architecture": json.dumps(net.architecture()),
        "components": json.dumps(net.provenance()),
    }
    for arrays in ({}, {p.name: p.value for p in net.parameters} | {"0.dense.W": np.zeros((1, 6), np.float32)}):
        save_file(arrays, tmp_path / "model", metadata)
        with pytest.raises(
            cr.DataError, match=r"model holds no 0\.dense\.W of shape \(5, 6\) and type float32: it was"
        ):
            cr.load_network(tmp_path / "model")


def test_a_copy_is_equal_and_independent() -> None:
    net = cr.Network([Averaging(), *HIDDEN, dense(2)], (5,), "mse")
    net.loss_and_gradient(X, NUMBERS)
    twin = net.copy()
    assert np.array_equal(twin.predict(X), net.predict(X))
    assert twin.task == net.task == "regression"
    before = net.predict(X)
    twin.parameters.theta += 1
    twin.loss_and_gradient(X, NUMBERS)
    assert np.array_equal(net.predict(X), before)


def test_a_copy_may_have_another_dtype() -> None:
    net = regressor()
    wide = net.copy("float64")
    assert wide.predict(X).dtype == np.float64
    assert np.array_equal(wide.parameters.theta.astype(np.float32), net.parameters.theta)
    assert np.allclose(wide.predict(X), net.predict(X), atol=1e-6)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_network_survives_deep_copies_and_pickling(again: Any) -> None:
    net = cr.Network([Averaging(), *HIDDEN, dense(2)], (5,), "mse")
    net.loss_and_gradient(X, NUMBERS)
    twin = again(net)
    assert np.array_equal(twin.predict(X), net.predict(X))
    for p in twin.parameters:
        assert np.shares_memory(p.value, twin.parameters.theta)
    results = [n.loss_and_gradient(X, NUMBERS) for n in (net, twin)]  # dropout goes on alike
    assert results[0][0] == results[1][0]
    assert np.array_equal(results[0][1], results[1][1])
    before = net.predict(X)
    twin.parameters.theta += 1
    assert np.array_equal(net.predict(X), before)


def test_random_state_can_be_taken_up_by_a_network_that_has_not_drawn_yet() -> None:
    net, other = (cr.Network(HIDDEN, (5,), "mse", dtype="float64") for _ in range(2))
    target = np.zeros((7, 6))
    net.loss_and_gradient(X, target)
    other.set_random_state(net.random_state())
    assert net.loss_and_gradient(X, target)[0] == other.loss_and_gradient(X, target)[0]


def test_batches_cover_all_rows_in_order() -> None:
    assert list(batches(7, 3)) == [slice(0, 3), slice(3, 6), slice(6, 7)]
    assert list(batches(2, 3)) == [slice(0, 2)]
    assert list(batches(0, 3)) == []


def test_threads_that_ask_at_once_are_each_answered_with_their_own():
    """A server's do; layers keep arrays between one forward pass and the next."""
    layers = [{"name": "dense", "units": 64, "activation": "tanh"}, {"name": "dense", "units": 1}]
    network = cr.Network(layers, (32,), "mse")
    inputs = [np.random.default_rng(k).normal(size=(700, 32)) for k in range(8)]
    expected = [network.predict(x) for x in inputs]
    with ThreadPoolExecutor(8) as threads:
        for _ in range(20):
            assert all(map(np.array_equal, threads.map(network.predict, inputs), expected))
