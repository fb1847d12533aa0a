"""Raw rows in, answers out: what was done to a dataset's rows is done to new ones, and nothing else."""

from __future__ import annotations

import json
import logging

import numpy as np
import pandas as pd
import pyarrow
import pytest

import chainrule as cr

CALM = ["tracking=none", "trainer.epochs=3", "tracking.figures=false"]


def table(n: int = 120) -> pd.DataFrame:
    """A number on another scale, a category, a date, and whether the first is large."""
    rng = np.random.default_rng(0)
    age = rng.normal(50, 20, n).round(3)
    town = rng.choice(["Ulm", "Köln", "Bonn"], n)
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), "D")
    old = np.where(age + 10 * (town == "Ulm") > 50, "old", "young")
    return pd.DataFrame({"age": age, "town": town, "day": day.strftime("%Y-%m-%d"), "is": old})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    table().to_csv(folder / "people.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield cr.train([*CALM[1:], "dataset=csv", "dataset.path=people.csv", "dataset.target=is"])


def by_hand(result: cr.Result, frame: pd.DataFrame) -> np.ndarray:
    """What the network is to be given, computed from the training rows by the formulas of the documentation."""
    whole = table()
    test, validation, train = (part.x for part in parts_of(whole))
    assert len(test) + len(validation) + len(train) == len(whole)
    seen = whole.iloc[train]
    days = (pd.to_datetime(seen["day"]) - pd.Timestamp("1970-01-01")).dt.days
    new = (pd.to_datetime(frame["day"]) - pd.Timestamp("1970-01-01")).dt.days
    cycles = [f(2 * np.pi * new / period) for period in (365.2425, 7) for f in (np.sin, np.cos)]
    towns = [(frame["town"] == town).astype(float) for town in ("Bonn", "Köln", "Ulm")]
    columns = [
        (frame["age"] - seen["age"].mean()) / seen["age"].std(ddof=0),
        *towns,
        (new - days.mean()) / days.std(ddof=0),
        *cycles,
    ]
    return np.stack(columns, axis=1)


def parts_of(whole: pd.DataFrame) -> tuple:
    from chainrule_plugins.datasets import Csv
    from chainrule_plugins.datasets._preparation import split

    y = (whole["is"] == "young").to_numpy().astype(int)
    train, validation, test = split(
        Csv(path="", target="is"), np.arange(len(whole)), y, stratified=True, quantities=False
    )
    return test, validation, train


def test_new_rows_go_the_way_of_those_that_were_trained_on(trained):
    frame = table(200).iloc[120:]
    expected = trained.network.predict(by_hand(trained, frame))[:, 0]
    proba = trained.predict_proba(frame.drop(columns="is"))
    np.testing.assert_allclose(proba[:, 1], expected, rtol=1e-6)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert trained.predict(frame).tolist() == np.where(expected > 0.5, "young", "old").tolist()


def test_a_recorded_run_answers_as_the_one_that_was_just_made(trained):
    again = cr.load_run(trained.run_id)
    frame = table(200)
    assert (again.predict(frame) == trained.predict(frame)).all()
    assert (again.predict_proba(frame) == trained.predict_proba(frame)).all()
    assert again.preparation == trained.preparation
    in_folder = cr.Predictor.load(trained.folder / "model")
    assert (in_folder.predict(frame) == trained.predict(frame)).all()


def test_a_table_may_come_in_any_form_and_order(trained):
    frame = table(140).drop(columns="is")
    expected = trained.predict_proba(frame)
    forms = {
        "shuffled columns": frame[["day", "age", "town"]],
        "dicts": frame.to_dict("records"),
        "columns": frame.to_dict("list"),
        "an array": frame.to_numpy(),
        "lists": frame.to_numpy().tolist(),
        "texts": frame.astype(str),
        "dates": frame.assign(day=pd.to_datetime(frame["day"])),
        "categories of pandas": frame.astype({"town": "category"}),
        "texts of Arrow": frame.astype({"town": "string[pyarrow]", "day": "string[pyarrow]"}),
        "another index": frame.set_axis(range(1000, 1140)),
    }
    for form, given in forms.items():
        assert (trained.predict_proba(given) == expected).all(), form


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="age"), 'the column "age" is missing. Known: town, day.'),
        (lambda f: f.rename(columns={"age": "Age"}), 'the column "age" is missing. Did you mean "Age"?'),
        (lambda f: f[["day"]], 'the columns "age", "town" are missing; the table has "day"'),
        (lambda f: f.assign(age=["31", "x", *["3"] * 8]), 'row 1, column "age": "x" is not a finite number'),
        (lambda f: f.assign(age=[1, None, *[2] * 8]), 'row 1, column "age": the value is missing'),
        (lambda f: f.assign(age=1e30), 'row 0, column "age": 1e+30 is too large'),
        (lambda f: f.assign(town=[None, *["Ulm"] * 9]), 'row 0, column "town": the value is missing'),
        (lambda f: f.assign(town=5), 'row 0, column "town": 5 is a number, and the column is one of texts'),
        (lambda f: f.assign(day="yesterday"), 'row 0, column "day": "yesterday" is no date'),
        (lambda f: f.assign(day=20200101), 'row 0, column "day": "20200101" is no date'),
        (lambda f: f.to_numpy()[:, :2], "or an array (n, 3) of the columns \"age\""),
        (lambda f: f.iloc[0].to_dict(), "a column must be a list of cells, got "),
        (lambda f: 3, "expected a DataFrame, a list of dicts, or an array (n, 3)"),
        (lambda f: {"age": [1], "town": ["Ulm", "Ulm"], "day": ["2020-01-01"]}, "must be of one length"),
        (lambda f: pd.concat([f, f["age"]], axis=1), 'the table has two columns "age"'),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(trained, change, message):
    frame = table(10).drop(columns="is")
    with pytest.raises(cr.DataError) as refused:
        trained.predict(change(frame))
    assert message in str(refused.value)


def test_what_is_new_is_told_and_tells_nothing(trained, caplog):
    frame = table(10).assign(height=1.8)
    frame.loc[[2, 3], "town"] = ["Wien", "Graz"]
    with caplog.at_level(logging.WARNING):
        proba = trained.predict_proba(frame)
    assert [record.getMessage() for record in caplog.records] == [
        'not read, as they were not there in training: "height"',
        'column "town": "Wien", "Graz" was not there in training, and tells nothing in 2 rows',
    ]
    x = by_hand(trained, frame)
    assert (x[2:4, 1:4] == 0).all()
    np.testing.assert_allclose(proba[:, 1], trained.network.predict(x)[:, 0], rtol=1e-6)


def test_a_threshold_moves_the_answer(trained):
    frame = table(100)
    p = trained.predict_proba(frame)[:, 1]
    for threshold in (0.0, 0.3, float(np.median(p)), 1.0):
        assert ((trained.predict(frame, threshold) == "young") == (p > threshold)).all()
    with pytest.raises(cr.FieldError, match=r"threshold: got 2, expected a number from 0 to 1"):
        trained.predict(frame, 2)


def small(task: str, units: int, loss: str, activation: str, **given) -> cr.Network:
    return cr.Network([{"name": "dense", "units": units, "activation": activation}], (2,), loss, task=task, **given)


X = np.random.default_rng(1).normal(size=(40, 2))


def test_answers_of_each_task():
    columns = (cr.Number("a"), cr.Number("b"))
    regression = cr.Predictor(small("regression", 1, "mse", "linear"), cr.Preparation(columns))
    assert (regression.predict(X) == regression.network.predict(X)[:, 0]).all()
    several = cr.Predictor(small("regression", 3, "mse", "linear"), cr.Preparation(columns))
    assert (several.predict(X) == several.network.predict(X)).all()
    digits = cr.Preparation(columns, class_names=("3", "5", "-1"))
    classes = cr.Predictor(small("multiclass", 3, "categorical_cross_entropy", "softmax"), digits)
    expected = np.array([3, 5, -1])[classes.network.predict(X).argmax(axis=1)]
    assert classes.predict(X).dtype.kind == "i"
    assert (classes.predict(X) == expected).all()
    for refused in (regression.predict_proba, lambda x: classes.predict(x, 0.5)):
        with pytest.raises(cr.ConfigError, match=r"not probabilities|it is for two classes"):
            refused(X)


def test_scores_of_a_margin_are_no_probabilities():
    network = small("binary", 1, "hinge", "linear")
    margin = cr.Predictor(network, cr.Preparation(class_names=("no", "yes")))
    assert (margin.predict(X) == np.where(network.predict(X)[:, 0] > 0, "yes", "no")).all()
    with pytest.raises(cr.ConfigError, match="the network gives scores, not probabilities"):
        margin.predict_proba(X)
    with pytest.raises(cr.FieldError, match="the network's loss makes it give scores"):
        margin.predict(X, 0.3)


def test_arrays_are_scaled_and_pixels_known():
    scaling = cr.Scaling([1.0, 2.0], [2.0, 4.0])
    assert cr.Preparation(scaling=scaling).inputs([[3, 6]]).tolist() == [[1, 1]]
    pixels = np.array([[0, 255]], np.uint8)
    assert cr.Preparation(scaling=cr.Scaling(white=1.0)).inputs(pixels).tolist() == [[0, 1]]
    assert cr.Preparation(scaling=cr.Scaling(width=16.0, white=16.0)).inputs(pixels).tolist() == [[0, 1]]
    assert cr.Preparation().inputs({"a": [[1]], "b": [[2]]})["b"].tolist() == [[2]]


@pytest.mark.parametrize("dataset", ["digits", "mnist", "xor", "spirals"])
def test_what_a_dataset_ships_with_prepares_as_it_does(dataset, request, monkeypatch):
    """Raw images, as their source has them, become what the dataset gives; points are taken as they are."""
    from sklearn.datasets import load_digits

    if dataset == "mnist":
        monkeypatch.setenv("CHAINRULE_DATA", str(request.getfixturevalue("data_folder")))
    data = cr.make("dataset", dataset).load()
    if dataset == "digits":
        raw, prepared = load_digits().images, np.concatenate([data.train.x, data.validation.x, data.test.x])
        x = data.prepared.inputs(raw).astype(np.float32)
        assert {a.tobytes() for a in x} == {a.tobytes() for a in prepared}
    elif dataset == "mnist":
        raw = (data.test.x * 255).round().astype(np.uint8)
        assert (data.prepared.inputs(raw) == data.test.x).all()
    else:
        assert (data.prepared.inputs(data.train.x) == data.train.x).all()


def test_it_is_kept_as_plain_json_and_damage_is_told(trained, tmp_path):
    path = trained.folder / "model" / "preparation.json"
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert [column["kind"] for column in kept["columns"]] == ["number", "category", "date"]
    assert kept["class_names"] == ["old", "young"]
    again = cr.Preparation.from_json(kept)
    assert again == trained.preparation
    trained.predictor.save(tmp_path)
    for damaged in (
        "",
        "[]",
        "{}",
        json.dumps({**kept, "format": 2}),
        json.dumps({**kept, "columns": [{"kind": "code"}]}),
        json.dumps({**kept, "columns": [{**kept["columns"][0], "width": 0}]}),
        json.dumps({**kept, "columns": [{**kept["columns"][1], "categories": []}]}),
        json.dumps({**kept, "columns": [{**kept["columns"][1], "unseen": "guess"}]}),
        json.dumps({**kept, "columns": [{**kept["columns"][2], "cycles": ["moon"]}]}),
        json.dumps({**kept, "more": 1}),
        json.dumps({**kept, "scaling": {"shift": 0, "width": "x", "white": None}}),
    ):
        (tmp_path / "preparation.json").write_text(damaged)
        with pytest.raises(cr.DataError, match=r"preparation\.json is damaged: "):
            cr.Predictor.load(tmp_path)
    (tmp_path / "preparation.json").unlink()
    with pytest.raises(cr.DataError, match="did not keep how rows are prepared"):
        cr.Predictor.load(tmp_path)


def test_several_outputs_are_answered_each_by_name():
    heads = {"yes": [{"name": "dense", "units": 1, "activation": "sigmoid"}], "size": [{"name": "dense", "units": 2}]}
    loss = {"name": "by_output", "losses": {"yes": "binary_cross_entropy", "size": "mse"}}
    for task in ({"yes": "binary", "size": "regression"}, None):
        network = cr.Network([{"name": "heads", "heads": heads}], (2,), loss, task=task)
        names = {"yes": ("no", "yes"), "size": ()}
        found = cr.Predictor(network, cr.Preparation(class_names=names if task else ())).predict(X)
        outputs = network.predict(X)
        said = np.where(outputs["yes"][:, 0] > 0.5, "yes", "no") if task else outputs["yes"][:, 0]
        assert (found["yes"] == said).all()
        assert (found["size"] == outputs["size"]).all()


def test_false_and_true_are_answered_as_such_and_tables_of_arrow_are_taken():
    network = small("binary", 1, "binary_cross_entropy", "sigmoid")
    columns = (cr.Number("a"), cr.Number("b"))
    predictor = cr.Predictor(network, cr.Preparation(columns, class_names=("False", "True")))
    frame = pd.DataFrame(X, columns=["a", "b"])
    found = predictor.predict(pyarrow.Table.from_pandas(frame))
    assert found.dtype == bool
    assert (found == (network.predict(X)[:, 0] > 0.5)).all()


def test_a_table_of_many_columns_is_answered():
    """Looking each name up among all the others took minutes."""
    names = [f"gene {k}" for k in range(20_000)]
    network = cr.Network([{"name": "dense", "units": 1}], (20_000,), "mse", task="regression")
    predictor = cr.Predictor(network, cr.Preparation(tuple(map(cr.Number, names))))
    x = np.random.default_rng(0).normal(size=(3, 20_000))
    found = predictor.predict(pd.DataFrame(x[:, ::-1], columns=names[::-1]))
    assert (found == network.predict(x)[:, 0]).all()
