"""What is handed over from Python, odd as it may be, is taken or refused by an error of chainrule's own."""

from __future__ import annotations

import datetime
import decimal
import fractions
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fuzzing import CASES, fuzz, mostly
from hypothesis import strategies as st

import chainrule as cr
from chainrule.sklearn import NetworkClassifier

X = np.random.default_rng(0).normal(size=(12, 3))
Y = np.arange(12) % 2


def itself() -> list[Any]:
    """A list that holds itself."""
    inner: list[Any] = []
    inner.append(inner)
    return inner


def deep() -> list[Any]:
    inner: list[Any] = []
    for _ in range(3000):
        inner = [inner]
    return inner


# Each is made anew: what holds itself could not be copied, and what was handed over may be kept.
ODD: list[Callable[[], Any]] = [
    lambda: None, lambda: True, lambda: -1, lambda: 0, lambda: 1, lambda: 2, lambda: 10**13, lambda: 10**400,
    lambda: -(10**5000), lambda: 0.5, lambda: -0.0, lambda: 1e308, lambda: float("nan"), lambda: float("inf"),
    lambda: 1j, lambda: "", lambda: "relu", lambda: "dense", lambda: "x" * 5000, lambda: "\0", lambda: "\ud800",
    lambda: "~nobody/x", lambda: "/dev/zero", lambda: b"bytes", lambda: b"\xff", lambda: bytearray(b"x"), list, dict,
    set, tuple, object, lambda: [[]], lambda: [None], lambda: [1, "a"], lambda: [[1, 2], [3]], lambda: [0.5, 0.5],
    lambda: [1, 2], lambda: [-1], lambda: (3,), lambda: (X, Y), lambda: [X, Y], lambda: (1, 2, 3), lambda: {1: 2},
    lambda: {"name": "dense"}, lambda: {"name": "dense", "units": 1}, lambda: {"name": 1}, lambda: {None: None},
    lambda: {"name": "sgd", 1: 2}, lambda: {"name": "sgd", "x" * 5000: 2}, lambda: slice(None), lambda: int,
    lambda: np.float32, lambda: len, lambda: Ellipsis, lambda: NotImplemented, lambda: range(3), lambda: iter([1]),
    lambda: (k for k in range(2)), lambda: map(str, [1]), lambda: np.array(1.0), lambda: np.array([]), lambda: X,
    lambda: Y, lambda: X.astype(object), lambda: X.astype(str), lambda: X.astype(complex), lambda: X[:, :, None],
    lambda: np.full((12, 3), np.nan), lambda: np.full((12, 3), 1e300), lambda: np.zeros((0, 3)),
    lambda: np.zeros((12, 0)),    lambda: np.full(12, 1e30), lambda: np.full(12, -(2**63)),
    lambda: np.full(12, 2**63, np.uint64), lambda: X > 0,
    lambda: np.zeros(12, [("a", "f8")]), lambda: np.zeros(12, "M8[s]"), lambda: np.ma.masked_greater(X, 0),
    lambda: np.broadcast_to(np.float32(0), (10**7, 10**6)), lambda: np.float64(0.5), lambda: np.int64(3),
    lambda: np.float64("nan"), lambda: np.datetime64("2020"), lambda: np.dtype("f4"), lambda: np.longdouble(1),
    lambda: pd.DataFrame(X), lambda: pd.Series(Y), lambda: pd.NA,
    lambda: decimal.Decimal("1e999"), lambda: fractions.Fraction(1, 3), lambda: datetime.date(2020, 1, 1),
    lambda: Path("/nowhere/file"), lambda: Path(), lambda: memoryview(b"x"), itself, deep,
    lambda: cr.make("layer", "dense", units=1), lambda: cr.make("optimizer", "sgd"), lambda: cr.make("loss", "mse"),
    lambda: cr.Layer, lambda: cr.Component(), lambda: cr.Layer(), lambda: cr.Split(X, Y), lambda: ValueError("x"),
]  # fmt: skip


def network(**given: Any) -> cr.Network:
    return cr.Network(**{"layers": [{"name": "dense", "units": 1}], "input_shape": (3,), "loss": "mse", **given})


def trainer(**given: Any) -> cr.Trainer:
    return cr.Trainer(**{"network": network(), "optimizer": "sgd", **given})


def fit(**given: Any) -> Any:
    if isinstance(given.get("epochs"), int) and given["epochs"] > 9:
        return None  # nothing is wrong with it
    return trainer().fit(**{"train": (X, Y), "epochs": 1, **given})


def classifier(**given: Any) -> Any:
    layers = [{"name": "dense", "units": 3, "activation": "softmax"}]
    return cr.Network(layers, (3,), "categorical_cross_entropy").evaluate(**{"x": X, "y": Y, **given})


def estimator(**given: Any) -> Any:
    if callable(given.get("model")):
        return None  # what a function of the user's own raises is its own
    return NetworkClassifier(random_state=0).set_params(**{"epochs": 1, **given}).fit(X, Y)


def nested(**given: Any) -> Any:
    return NetworkClassifier().set_params(**given)


DATA = {"train": (X, Y), "task": "binary", "class_names": ("a", "b")}
# Each call with the names of its arguments, of which some are odd.
CALLS: list[tuple[Callable[..., Any], tuple[str, ...]]] = [
    (network, ("layers", "input_shape", "loss", "seed", "dtype", "task", "target_scale")),
    (lambda **given: network(task="regression", **given), ("target_scale",)),
    (trainer, ("network", "optimizer", "batch_size", "schedule", "regularizer", "metrics", "seed", "shuffle")),
    (fit, ("train", "epochs", "validation", "callbacks", "total_epochs")),
    (lambda x=X, y=Y: fit(train=(x, y)), ("x", "y")),
    (classifier, ("x", "y", "metrics", "batch_size")),
    (lambda x=X, y=Y: trainer().evaluate(x, y), ("x", "y")),
    (lambda x=X, n=4: network().predict(x, n), ("x", "n")),
    (lambda x=X, y=Y: network().loss_and_gradient(x, y), ("x", "y")),
    (lambda x: network().trace(x), ("x",)),
    (lambda dtype: network().copy(dtype), ("dtype",)),
    (lambda path: network().save(path), ("path",)),
    (lambda path="a.onnx", metadata=None: network().to_onnx(path, metadata), ("path", "metadata")),
    (lambda path: cr.load_network(path), ("path",)),
    (lambda x=X, y=Y, n=2, h=1e-4: cr.gradient_check(network(), x, y, n, h), ("x", "y", "n", "h")),
    (lambda network: cr.gradient_check(network, X, Y), ("network",)),
    (lambda x=X, y=Y, optimizer="sgd", **given: network().trace_step(x, y, optimizer, **given),
     ("x", "y", "optimizer", "lr", "step", "slots", "regularizer", "groups", "weight", "mask")),
    (lambda x=X, y=Y, **given: cr.explain(network(), x, y, "sgd", **given),
     ("x", "y", "class_names", "title", "film", "findings")),
    (lambda train=(X, Y), validation=None: fit(callbacks=[cr.Film(train, validation)]), ("train", "validation")),
    (lambda path: cr.Film.load(path), ("path",)), (lambda path: cr.Film((X, Y)).save(path), ("path",)),
    (lambda kind="layer", given="dropout": cr.make(kind, given), ("kind", "given")),
    (estimator, ("model", "hidden", "activation", "dropout", "loss", "optimizer", "learning_rate", "schedule",
                 "regularizer", "batch_size", "metrics", "callbacks", "class_weight", "early_stopping",
                 "validation_fraction", "dtype")),
    (nested, ("optimizer", "optimizer__lr", "model", "model__hidden", "model__activation__slope", "loss",
              "loss__gamma", "early_stopping", "early_stopping__patience")),
    (lambda component: cr.spec_of(component), ("component",)),
    (lambda name: cr.goal_of(name), ("name",)),
    (lambda name: cr.did_you_mean(name, ["a"]), ("name",)),
    (lambda n=9, fractions=(0.5,), seed=0: cr.split_indices(n, fractions, seed), ("n", "fractions", "seed")),
    (lambda seed=0, purpose="x", index=0: cr.stream(seed, purpose, index), ("seed", "purpose", "index")),
    (lambda kind="layer", name="dense": cr.registry().get(kind, name), ("kind", "name")),
    (lambda kind: cr.registry().names(kind), ("kind",)),
    (lambda **given: cr.Data(**{**DATA, **given}), (*DATA, "validation", "test", "feature_names", "remarks")),
    (lambda x=X, y=Y: cr.Data(train=(x, y), task="binary", class_names=("a", "b")), ("x", "y")),
    (lambda x=X, y=Y: cr.Data(train=(x, y), task="regression", standardize_targets=True).target_scale, ("x", "y")),
]  # fmt: skip


def of_component(entry: cr.Entry) -> tuple[Callable[..., Any], tuple[str, ...]]:
    example: Mapping[str, Any] = next(iter(entry.cls.check_examples), {})
    return lambda **given: cr.make(entry.kind, entry.name, **{**example, **given}), tuple(f.name for f in entry.fields)


CALLS += [of_component(entry) for entry in cr.registry() if entry.fields]


@st.composite
def calls(draw: st.DrawFn) -> tuple[int, dict[str, int]]:
    """Which call, and which odd value for which of its arguments."""
    which = draw(st.integers(0, len(CALLS) - 1))
    names = CALLS[which][1]
    odd = draw(st.lists(st.sampled_from(names), min_size=1, max_size=draw(mostly(1, st.just(2))), unique=True))
    return which, {name: draw(st.integers(0, len(ODD) - 1)) for name in odd}


def call(case: tuple[int, dict[str, int]]) -> None:
    which, odd = case
    function, _ = CALLS[which]
    with np.errstate(all="ignore"):  # of numbers that overflow NumPy warns
        function(**{name: ODD[value]() for name, value in odd.items()})


@CASES
def test_calls(cases: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fuzz(call, calls(), cases)
