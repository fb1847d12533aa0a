"""What is handed over from Python and is wrong is named in a line, however long it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

import chainrule as cr

X = np.random.default_rng(0).normal(size=(5000, 2))
Y = np.arange(5000) % 2
FRAME = pd.DataFrame(X)
LONG = "x" * 10_000


def network(**given: Any) -> cr.Network:
    return cr.Network(**{"layers": [{"name": "dense", "units": 1}], "input_shape": (2,), "loss": "mse", **given})


def fit(*given: Any, **more: Any) -> cr.History:
    return cr.Trainer(network(), "sgd").fit(*given, **more)


def trainer(**given: Any) -> cr.Trainer:
    return cr.Trainer(**{"network": network(), "optimizer": "sgd", **given})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: fit(X, Y),
            "train: got ndarray, expected a pair (x, y), as train=(x, y)",
        ),
        (
            lambda: fit(FRAME, epochs=1),
            "train: got DataFrame, expected a pair (x, y), as train=(x, y)",
        ),
        (
            lambda: fit((X, Y), Y),
            "epochs: got ndarray of shape (5000,) and type int64, expected a whole number, 1 or more",
        ),
        (
            lambda: fit((X, Y), pd.Series(Y)),
            "epochs: got Series of shape (5000,) and type int64, expected a whole number, 1 or more",
        ),
        (lambda: fit((X, Y), 1, validation=X), "validation: got ndarray, expected a pair (x, y), as validation=(x, y)"),
        (lambda: fit((X, Y), 1, callbacks="progress"), "callbacks: got 'progress', expected a list"),
        (lambda: trainer(batch_size=X.tolist()), "batch_size: got [[0.1257302"),
        (lambda: trainer(network=FRAME), "network: got DataFrame of shape (5000, 2), expected a Network"),
        (lambda: trainer(schedule=FRAME), "schedule: got DataFrame of shape (5000, 2), expected the name of a"),
        (lambda: trainer(regularizer=X), "regularizer: got ndarray of shape (5000, 2) and type float64, expected"),
        (lambda: trainer(metrics="accuracy"), "metrics: got 'accuracy', expected a list"),
        (lambda: fit((np.ma.masked_greater(X, 1), Y), 1), "inputs hold masked values: fill them, or leave"),
        (lambda: fit((X, np.ma.masked_equal(Y, 1)), 1), "targets hold masked values: fill them, or leave"),
        (
            lambda: fit((csr_array(X), Y), 1),
            "inputs are a sparse csr_array of shape (5000, 2) and type float64: give inputs.toarray()",
        ),
        (lambda: fit((X.astype(object), Y), 1), "inputs must be real numbers, got object: its objects are numbers, so"),
        (
            lambda: fit((FRAME.convert_dtypes(), Y), 1),
            "inputs must be real numbers, got object: its objects are numbers, so give .astype(float) of it",
        ),
        (lambda: network(layers="dense"), "layers: got 'dense', expected a list of layers"),
        (lambda: network(layers=[[*range(10_000)]]), "layers.0: got [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,"),
        (lambda: network(input_shape=X), "input_shape: got ndarray of shape (5000, 2) and type float64, expected the"),
        (lambda: network(dtype=X), "dtype: got ndarray of shape (5000, 2) and type float64, expected float32 or float"),
        (lambda: network(task=X), "task: got ndarray of shape (5000, 2) and type float64, expected one of binary"),
        (lambda: network(layers=[LONG[:200]]), 'layers.0: there is no layer "xxx'),
        (lambda: network().save({"a": 1}), "path: got {'a': 1}, expected the path of a file"),
        (lambda: network().predict(X, batch_size=FRAME), "batch_size: got DataFrame of shape (5000, 2), expected a"),
        (lambda: cr.load_network(X), "path: got ndarray of shape (5000, 2) and type float64, expected the path of"),
        (lambda: cr.load_run(network()), "run_id: got <Network (2,) to (1,) by 0.dense"),
        (lambda: cr.reproduce(["a"]), "run_id: got ['a'], expected the id of a run, as Result.run_id has it"),
        (lambda: cr.compare(["digits"]), "which: got ['digits'], expected text"),
        (lambda: cr.compare(metric=X), "metric: got ndarray of shape (5000, 2) and type float64, expected text"),
        (lambda: cr.split_indices(10, "0.5", 0), "fractions: got '0.5', expected a list of numbers"),
        (lambda: cr.make("optimizer", X), "got ndarray of shape (5000, 2) and type float64, expected the name of a"),
        (lambda: cr.make("optimizer", LONG), 'there is no optimizer "xxx'),
        (lambda: cr.make(LONG, "sgd"), 'there is no kind of component "xxx'),
        (lambda: cr.make("optimizer", "sgd", **{LONG: 1}), 'optimizer sgd has no field "xxx'),
        (lambda: cr.make("optimizer", "sgd", lr=LONG), 'lr: got "xxx'),
        (lambda: cr.make("optimizer", "sgd", lr=X), "lr: got ndarray of shape (5000, 2) and type float64, expected a"),
        (lambda: cr.make("layer", "dense", units=-(10**3000)), "units: got -1000"),
        (lambda: cr.make("optimizer", "sgd", lr=10**400), "lr: got 1000"),
        (lambda: cr.make("optimizer", "sgd", lr=10**5000), "lr: got a number of 16,610 bits, which no floating-point"),
        (lambda: cr.make("layer", "dense", units=-(10**5000)), "units: got a number of 16,610 bits, must be at least"),
        (lambda: cr.make("layer", "conv2d", filters=1, padding=X), "padding: got ndarray of shape (5000, 2)"),
        (lambda: cr.make(X, "sgd"), "there is no kind of component ndarray of shape (5000, 2)"),
        (lambda: cr.make(["optimizer"], "sgd"), "there is no kind of component ['optimizer']"),
        (lambda: cr.registry().get("layer", {}), "there is no layer {}"),
        (lambda: cr.spec_of(dict), "got <class 'dict'>, expected a component"),
        (lambda: cr.spec_of(cr.Layer()), "expected a component"),
        (lambda: cr.goal_of(None), "name: got None, expected the name of a metric"),
        (lambda: cr.stream(-1, "order"), "seed: got -1, expected a whole number, 0 or more"),
        (lambda: cr.stream(0, X), "purpose: got ndarray of shape (5000, 2) and type float64, expected text"),
        (lambda: cr.split_indices(10**13, [0.5], 0), "an order of 10000000000000 samples takes 80,000.0 GB of memory"),
        (
            lambda: cr.split_indices(10, [X], 0),
            "fractions: got ndarray of shape (5000, 2) and type float64, expected a",
        ),
        (lambda: cr.split_indices(10, [0.5], None), "seed: got None, expected a whole number, 0 or more"),
        (lambda: cr.load_network(slice), "path: got <class 'slice'>, expected the path of a file"),
        (lambda: network().save(dict), "path: got <class 'dict'>, expected the path of a file"),
        (lambda: network().save("model\0"), "path: got 'model\\x00', expected the path of a file"),
        (lambda: network().save("\ud800"), "path: got '\\ud800', expected the path of a file"),
        (lambda: network().save("."), ". cannot be written: "),
        (lambda: cr.load_network(LONG), "path: got 'xxx"),
        (lambda: network(dtype=[[1]]), "dtype: got [[1]], expected float32 or float64"),
        (
            lambda: network().copy(X),
            "dtype: got ndarray of shape (5000, 2) and type float64, expected float32 or float",
        ),
        (lambda: network(target_scale=X.astype(complex)), "target_scale: got ndarray of shape (5000, 2) and type comp"),
        (lambda: network(target_scale=[["1"], ["1"]]), "target_scale: got [['1'], ['1']], expected 1 finite means"),
        (lambda: cr.gradient_check(None, X, Y), "network: got None, expected a Network"),
        (lambda: cr.gradient_check(network(), X, Y, step=-1), "step: got -1, expected a number above 0, and 1 at most"),
        (lambda: network().predict([[10**400, 1]]), "inputs must be real numbers, got object"),
        (
            lambda: network().predict(np.broadcast_to(1.0, (10**12, 2))),
            "a copy of the inputs takes 8,000.0 GB of memory",
        ),
        (lambda: cr.Data(X, "regression"), "train: got ndarray, expected a pair (x, y), as train=(x, y)"),
        (
            lambda: cr.Data((X, np.array(1.0)), "regression"),
            "the train data must be arrays of real numbers, got float6",
        ),
        (lambda: cr.Data((X, 1j * Y), "regression"), "the train data must be arrays of real numbers, got complex128"),
        (
            lambda: cr.Data((X, Y), X),
            "there is no task ndarray of shape (5000, 2) and type float64: take binary, multi",
        ),
        (lambda: cr.Data((X, Y), "binary", class_names=2), "class names must be a list, got 2"),
        (lambda: cr.make("model", "mlp", hidden=[*range(10_000)]), "hidden: got [0, 1, 2, 3, 4, 5,"),
    ],
)
def test_what_is_wrong_is_named_in_a_line(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(cr.ChainruleError) as caught:
        call()
    told = str(caught.value)
    assert message in told
    assert len(told) < 400
    assert "\n" not in told
