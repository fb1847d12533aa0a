"""The preparation goes along: onnxruntime is given raw columns, and answers as the predictor does."""

from __future__ import annotations

import json

import numpy as np
import onnxruntime
import pandas as pd
import pytest

import chainrule as cr

COLUMNS = (
    cr.Number("age (years)", 40.0, 12.0, fill=38.5),
    cr.Number("fare", 1e6, 3.0),
    cr.Category("town", ("Bonn", "Köln", "Ulm"), fill="Köln"),
    cr.Category("code", ("1", "2", "10")),
    cr.Date("since", 18000.0, 300.0, ("year", "week", "day"), fill=18050.25),
)


def rows(n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age (years)": rng.normal(40, 12, n),
            "fare": 1e6 + rng.normal(0, 3, n),
            "town": rng.choice(["Bonn", "Köln", "Ulm", "Wien"], n),
            "code": rng.choice(["1", "2", "10"], n),
            "since": (pd.Timestamp("2019-01-01") + pd.to_timedelta(rng.integers(0, 90_000, n), "h")).astype(str),
        }
    )
    for column in ("age (years)", "town", "since"):
        frame.loc[rng.choice(n, n // 6, replace=False), column] = None
    return frame


def asked(predictor: cr.Predictor, frame: pd.DataFrame, path) -> dict[str, np.ndarray]:
    """What onnxruntime answers, given each column as the documentation says."""
    predictor.to_onnx(path)
    session = onnxruntime.InferenceSession(str(path))
    feed = {}
    for column in predictor.preparation.columns:
        cells = frame[column.name]
        if isinstance(column, cr.Category):
            feed[column.name] = np.array([["" if pd.isna(cell) else str(cell)] for cell in cells], object)
        elif isinstance(column, cr.Date):
            since = (pd.to_datetime(cells) - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
            feed[column.name] = since.to_numpy(float)[:, None]
        else:
            feed[column.name] = cells.to_numpy(float)[:, None]
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, feed)))


def network(units: int, activation: str, loss: str, **given) -> cr.Network:
    layers = [
        {"name": "dense", "units": 7, "activation": "tanh"},
        {"name": "dense", "units": units, "activation": activation},
    ]
    return cr.Network(layers, (15,), loss, **given)


@pytest.mark.parametrize(
    ("made", "names"),
    [
        (network(3, "softmax", "categorical_cross_entropy", task="multiclass"), ("a", "b", "ä")),
        (network(1, "sigmoid", "binary_cross_entropy", task="binary"), ("no", "yes")),
        (network(1, "linear", "hinge", task="binary"), ("0", "1")),
    ],
    ids=["classes", "two classes", "scores"],
)
@pytest.mark.parametrize("n", [1, 60])
def test_raw_columns_in_and_the_names_of_answers_out(tmp_path, made, names, n):
    predictor = cr.Predictor(made, cr.Preparation(COLUMNS, class_names=names))
    frame = rows().iloc[:n]
    found = asked(predictor, frame, tmp_path / "model.onnx")
    assert list(found) == ["y", "label"]
    np.testing.assert_allclose(found["y"], predictor.outputs(frame), rtol=1e-5, atol=1e-6)
    assert found["label"].tolist() == predictor.predict(frame).astype(str).tolist()


def test_answers_of_a_regression_are_in_the_unit_of_the_target(tmp_path):
    made = network(1, "linear", "mse", task="regression", target_scale=((2000.0,), (8.0,)))
    predictor = cr.Predictor(made, cr.Preparation(COLUMNS, targets=("year",)))
    found = asked(predictor, rows(), tmp_path / "model.onnx")
    assert list(found) == ["y"]
    np.testing.assert_allclose(found["y"][:, 0], predictor.predict(rows()), rtol=1e-7)


def test_arrays_are_scaled_in_the_file(tmp_path):
    made = cr.Network([{"name": "dense", "units": 2, "activation": "softmax"}], (4,), "categorical_cross_entropy")
    scaling = cr.Scaling([1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 8.0, 16.0])
    predictor = cr.Predictor(made, cr.Preparation(scaling=scaling))
    predictor.to_onnx(tmp_path / "model.onnx")
    x = np.random.default_rng(0).normal(5, 9, (20, 4)).astype(np.float32)
    [y] = onnxruntime.InferenceSession(str(tmp_path / "model.onnx")).run(None, {"x": x})
    np.testing.assert_allclose(y, predictor.outputs(x), rtol=1e-5, atol=1e-7)


def test_the_file_says_how_rows_are_prepared(tmp_path):
    made = network(3, "softmax", "categorical_cross_entropy", task="multiclass")
    predictor = cr.Predictor(made, cr.Preparation(COLUMNS, class_names=("a", "b", "c")))
    told = {prop.key: prop.value for prop in predictor.onnx_model().metadata_props}
    assert json.loads(told["classes"]) == ["a", "b", "c"]
    assert cr.Preparation.from_json(json.loads(told["preparation"])) == predictor.preparation
