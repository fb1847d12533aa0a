"""What the columns of a table become: categories, dates, missing values, weights, an index; from Parquet too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import chainrule as cr
from chainrule_plugins.datasets import Csv

ALL = {"validation_fraction": 0.0, "test_fraction": 0.0}


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write ``data.csv`` into the working directory, which is an empty one."""
    monkeypatch.chdir(tmp_path)

    def write(content: str | pd.DataFrame) -> str:
        if isinstance(content, pd.DataFrame):
            content.to_csv("data.csv", index=False)
        else:
            Path("data.csv").write_text(content, encoding="utf-8")
        return "data.csv"

    return write


def people(n: int = 80, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 12, n).round(1),
            "rooms": rng.integers(1, 5, n).astype(float),
            "town": rng.choice(["Ulm", "Bonn", "Köln", "Jena"], n),
            "size": rng.normal(170, 9, n),  # by which rows are told apart
            "y": rng.choice(["no", "yes"], n),
        }
    )
    for column in ("age", "rooms", "town"):
        frame.loc[rng.choice(n, n // 8, replace=False), column] = None
    return frame


def training_rows(data: cr.Data, frame: pd.DataFrame) -> np.ndarray:
    """Which rows of the file were trained on: by their inputs, which no two of these have in common."""
    x = data.prepared.inputs(frame)
    kept = {row.tobytes() for row in data.train.x}
    return np.array([row.tobytes() in kept for row in x])


@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent"])
def test_it_is_prepared_as_by_scikit_learn(write, strategy):
    frame = people()
    data = Csv(write(frame), target="y", missing=strategy).load()
    train = frame[training_rows(data, frame)]
    assert len(train) == len(data.train.x) < len(frame)
    numbers = make_pipeline(SimpleImputer(strategy=strategy), StandardScaler())
    texts = make_pipeline(SimpleImputer(strategy="most_frequent", missing_values=None), OneHotEncoder())
    frame["town"] = frame["town"].astype(object).where(frame["town"].notna(), None)
    theirs = ColumnTransformer(
        [("n", numbers, ["age", "rooms"]), ("t", texts, ["town"]), ("s", numbers, ["size"])], sparse_threshold=0
    )
    theirs.fit(frame[training_rows(data, frame)])
    np.testing.assert_allclose(data.prepared.inputs(frame), theirs.transform(frame), rtol=1e-12, atol=1e-12)
    towns = [f"town={town}" for town in ("Bonn", "Jena", "Köln", "Ulm")]
    assert list(data.feature_names) == ["age (scaled)", "rooms (scaled)", *towns, "size (scaled)"]
    words = strategy.replace("_", " ")
    told = f"missing values were filled in ({words} of the training rows): age (10), rooms (10), town (10)"
    assert told in data.remarks
    assert "columns of text became an input for each category: town (4)" in data.remarks


def test_rows_that_are_dropped_take_nothing_with_them(write):
    frame = people()
    data = Csv(write(frame), target="y", missing="drop", **ALL).load()
    whole = frame.dropna()
    assert len(data.train.x) == len(whole)
    np.testing.assert_allclose(data.train.x[:, 0], (whole["age"] - whole["age"].mean()) / whole["age"].std(ddof=0))
    assert f"{len(frame) - len(whole)} of 80 rows miss a value and are left out" in data.remarks
    with pytest.raises(cr.DataError, match='column "age": the value is missing, as in 10 of 80 rows, and the network'):
        data.prepared.inputs(frame)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_a_category_is_one_where_it_stands_and_nothing_else(tmp_path_factory, data):
    texts = data.draw(st.lists(st.sampled_from(["a", "b b", "ä;", "x,y", "3 m", "Zoë"]), min_size=24, max_size=40))
    if len(set(texts)) == 1:
        texts[0] = "other"
        texts[1] = "other"
    path = tmp_path_factory.mktemp("table") / "data.csv"
    pd.DataFrame({"c": texts, "y": np.arange(len(texts)) / 7}).to_csv(path, index=False)
    loaded = Csv(str(path), target="y", **ALL).load()
    names = sorted(set(texts))
    assert list(loaded.feature_names) == [f"c={name}" for name in names]
    assert (loaded.train.x == [[float(text == name) for name in names] for text in texts]).all()


def test_a_category_that_no_training_row_has_is_told_and_is_zeros_or_refused(write):
    rows = [f"{'rare' if i == 7 else 'ab'[i % 2]},{i / 3}" for i in range(60)]
    for seed in range(40):
        data = Csv(write("c,y\n" + "\n".join(rows)), target="y", seed=seed).load()
        if "c=rare" not in data.feature_names:
            break
    assert (data.prepared.inputs([{"c": "rare"}]) == 0).all()
    assert 'column "c": "rare" was not there in training, and tells nothing in 1 row' in data.remarks
    with pytest.raises(cr.DataError) as refused:
        Csv("data.csv", target="y", seed=seed, unseen="refuse").load()
    assert str(refused.value) == 'data.csv, line 9, column "c": "rare" was not there in training: take "a", "b"'


def test_numbers_that_are_codes_become_categories_where_that_is_said(write):
    write("code,a,y\n" + "".join(f"{(1, 2, 10)[i % 3]},{i},{i / 2}\n" for i in range(12)))
    data = Csv("data.csv", target="y", categories=["code"], **ALL).load()
    assert list(data.feature_names) == ["code=1", "code=2", "code=10", "a (scaled)"]
    assert data.train.x[:3, :3].tolist() == np.eye(3).tolist()
    assert (data.prepared.inputs(pd.DataFrame({"code": [10.0, 1.0], "a": [0, 0]}))[:, :3] == np.eye(3)[[2, 0]]).all()
    with pytest.raises(cr.UnknownName, match=r'categories: data\.csv has no column "b"'):
        Csv("data.csv", target="y", categories=["b"]).load()
    with pytest.raises(cr.FieldError, match='categories: "y" is not among the features'):
        Csv("data.csv", target="y", categories=["y"]).load()


def test_whole_numbers_are_the_same_however_pandas_has_written_them(write):
    """Of a column with an empty cell it makes floats."""
    frame = pd.DataFrame({"code": [1, 2, None] * 8, "a": np.arange(24) / 7, "y": [0.0, 1.0, 1.0] * 8})
    path = write(frame)
    assert "1.0" in Path(path).read_text()
    dataset = Csv(path, target="y", categories=["code"], missing="most_frequent", **ALL)
    data = dataset.load()
    assert data.feature_names[:2] == ["code=1", "code=2"]
    assert list(data.class_names) == ["0", "1"]
    rows = dataset.read(Path(path).read_bytes(), "new.csv")
    for table in (frame, frame.dropna().astype({"code": int, "y": int}), rows, pd.read_csv(path, dtype=str)):
        there = np.ones(len(frame), bool) if len(table) == len(frame) else frame.notna().all(axis=1)
        assert (data.prepared.answers(table) == data.train.y[there]).all()
        assert (data.prepared.inputs(table) == data.train.x[there]).all()


def test_dates_become_how_late_it_is_and_where_in_the_year_and_week(write):
    days = pd.date_range("2020-01-31", periods=50, freq="29D")
    frame = pd.DataFrame({"when": days.strftime("%Y-%m-%d"), "y": np.arange(50) / 3})
    data = Csv(write(frame), target="y", **ALL).load()
    t = (days - pd.Timestamp("1970-01-01")).days.to_numpy()
    circles = [f(2 * np.pi * t / period) for period in (365.2425, 7) for f in (np.sin, np.cos)]
    np.testing.assert_allclose(data.train.x.T, [(t - t.mean()) / t.std(), *circles], atol=1e-9)
    assert data.feature_names[:3] == ["when (scaled)", "when (sin of year)", "when (cos of year)"]
    assert "taken for dates: when" in data.remarks


def test_times_of_the_day_are_a_cycle_too_and_zones_are_known(write):
    frame = pd.DataFrame({"at": [f"2026-03-01T{hour:02}:30" for hour in range(24)], "y": np.arange(24) / 3})
    data = Csv(write(frame), target="y", **ALL).load()
    assert data.feature_names == ["at (scaled)", "at (sin of day)", "at (cos of day)"]
    hours = 2 * np.pi * (np.arange(24) + 0.5) / 24
    np.testing.assert_allclose(data.train.x[:, 1], np.sin(hours), atol=1e-6)
    same = ["2026-03-01T12:30Z", "2026-03-01T14:30+02:00", "2026-03-01 12:30:00"]
    x = data.prepared.inputs({"at": same})
    np.testing.assert_allclose(x, [data.train.x[12]] * 3, atol=1e-6)


def test_a_missing_date_is_filled_in(write):
    frame = pd.DataFrame({"day": ["2020-01-01", None, "2020-01-03"] * 8, "y": np.arange(24) / 3})
    data = Csv(write(frame), target="y", missing="mean", **ALL).load()
    assert (
        data.train.x[:, 0] == data.prepared.inputs({"day": ["2020-01-01", "2020-01-02", "2020-01-03"] * 8})[:, 0]
    ).all()


def test_weights_come_from_a_column(write):
    frame = people().dropna().assign(w=lambda f: np.arange(len(f)) % 3)
    data = Csv(write(frame), target="y", weight="w").load()
    assert "w (scaled)" not in data.feature_names
    x = data.prepared.inputs(frame)
    by_row = {row.tobytes(): w for row, w in zip(x, frame["w"])}
    for part in data.splits.values():
        assert [by_row[row.tobytes()] for row in part.x] == part.weight.tolist()
    for bad, told in ((-1, "-1 is no weight: it must be 0 or more"), ("x", '"x" is not a finite number')):
        write(frame.assign(w=[bad, *[1] * (len(frame) - 1)]))
        with pytest.raises(cr.DataError, match=rf'data\.csv, line 2, column "w": {told}'):
            Csv("data.csv", target="y", weight="w").load()
    write(frame.assign(w=0))
    with pytest.raises(cr.DataError, match='column "w": all weights are 0'):
        Csv("data.csv", target="y", weight="w").load()


def test_an_index_is_kept_out_and_a_column_has_one_role(write):
    frame = people().dropna().reset_index(names="id")
    data = Csv(write(frame), target="y", index="id").load()
    assert data.prepared.index == "id"
    assert not [name for name in data.feature_names if name.startswith("id")]
    for fields, message in (
        ({"index": "y"}, 'index: "y" is the target; it cannot be the index too'),
        ({"index": "id", "weight": "id"}, 'weight: "id" is the index; it cannot be the weight too'),
        ({"index": "id", "features": ["id"]}, 'features: "id" is the index; it cannot be a feature too'),
        ({"index": "ids"}, 'index: data.csv has no column "ids" in its first line. Did you mean "id"?'),
        ({"weight": "idd"}, 'weight: data.csv has no column "idd" in its first line. Did you mean "id"?'),
    ):
        with pytest.raises(cr.ConfigError) as refused:
            Csv("data.csv", target="y", **fields).load()
        assert str(refused.value).startswith(message)


def test_parquet_gives_what_csv_does(write):
    frame = people().assign(day=pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(80), "D"), wide=np.pi * 1e-7)
    given = {"target": "y", "missing": "median"}
    csv = Csv(write(frame), **given).load()
    frame.to_parquet("data.parquet")
    parquet = Csv("data.parquet", **given).load()
    assert csv.prepared == parquet.prepared
    for name, part in csv.splits.items():
        assert (part.x == parquet.splits[name].x).all()
    frame.set_index(pd.Index([f"row {i}" for i in range(80)], name="who")).to_parquet("named.parquet")
    named = Csv("named.parquet", **given).load()
    assert (named.train.x == csv.train.x).all(), "an index is no feature"
    Path("bad.parquet").write_bytes(b"PAR1 and nothing else PAR1")
    with pytest.raises(cr.DataError, match=r"bad\.parquet is not a sound Parquet file: "):
        Csv("bad.parquet", target="y").load()


def test_texts_that_are_as_many_as_rows_are_no_categories(write):
    names = "".join(f"name {i},{i % 3},{i / 7}\n" for i in range(60))
    write("name,a,y\n" + names)
    with pytest.raises(cr.DataError) as refused:
        Csv("data.csv", target="y").load()
    assert "of 60 rows, name (60). To predict without the column: " in str(refused.value)
    assert "2026-03-01" not in str(refused.value)
    write("on,a,y\n" + "".join(f"{i // 12 + 1}/{i % 12 + 1}/2024,{i % 3},{i / 7}\n" for i in range(60)))
    with pytest.raises(cr.DataError, match=r"on \(60\)\. .*\. For dates, write on as 2026-03-01$"):
        Csv("data.csv", target="y").load()
    write("name,a,y\n" + names)
    assert Csv("data.csv", target="y", leave_out=["name"]).load().feature_names == ["a (scaled)"]
    data = Csv("data.csv", target="y", categories=["name"], **ALL).load()
    assert len(data.feature_names) == 61


def test_a_column_without_any_value_says_so(write):
    write("a,b,y\n1,,0.5\n2,,1.5\n3,NA,2.5\n")
    with pytest.raises(cr.DataError, match='column "b" has no value at all'):
        Csv("data.csv", target="y", missing="mean").load()


def test_nothing_of_other_rows_leaks_into_how_training_rows_are_prepared(write):
    frame = people()
    first = Csv(write(frame), target="y", missing="mean").load()
    others = ~training_rows(first, frame)
    frame.loc[others, "age"] = 1e6
    second = Csv(write(frame), target="y", missing="mean").load()
    assert first.prepared == second.prepared
    assert (first.train.x == second.train.x).all()


def test_what_is_made_of_a_file_is_made_of_its_cells_again(write):
    """``read`` gives the cells, and the preparation the inputs, as ``load`` did."""
    frame = people()
    dataset = Csv(write(frame), target="y", missing="median", **ALL)
    data = dataset.load()
    rows = dataset.read(Path("data.csv").read_bytes(), "new.csv")
    assert (data.prepared.inputs(rows) == data.train.x).all()
    assert (data.prepared.answers(rows) == data.train.y).all()
    with pytest.raises(cr.DataError, match=r'new\.csv, line 2, column "age": "x" is not a finite number'):
        data.prepared.inputs(dataset.read(b"age,rooms,town,size\nx,1,Ulm,3\n", "new.csv"))


def test_rows_without_a_target_may_be_left_out_while_features_are_filled_in(write):
    frame = people()
    frame.loc[[3, 5], "y"] = None
    write(frame)
    with pytest.raises(cr.DataError, match=r"leave such rows out with dataset\.missing_target=drop"):
        Csv("data.csv", target="y", missing="mean").load()
    data = Csv("data.csv", target="y", missing="mean", missing_target="drop", **ALL).load()
    assert len(data.train.x) == 78
    assert "2 of 80 rows miss a value and are left out" in data.remarks


def test_what_parquet_says_of_its_columns_is_heard(tmp_path):
    """A category is one although it is a number, a duration is a number of days, and an index with a name is one."""
    frame = pd.DataFrame(
        {
            "c": pd.Categorical.from_codes(np.arange(40) % 3, [3, 1, 2]),
            "took": pd.to_timedelta(np.arange(40) * 6, "h"),
            "y": np.arange(40) / 7,
        }
    ).set_index(pd.Index([f"row {i}" for i in range(40)], name="who"))
    frame.to_parquet(tmp_path / "data.parquet")
    data = Csv(str(tmp_path / "data.parquet"), target="y", scale="none", **ALL).load()
    assert list(data.feature_names) == ["c=1", "c=2", "c=3", "took"]
    assert data.train.x[:, 3].tolist() == (np.arange(40) / 4).tolist()
    assert data.prepared.index == "who"
    assert (data.prepared.inputs(frame) == data.train.x).all()


def test_codes_and_columns_that_never_change_are_told(write):
    write("zip,a,same,y\n" + "".join(f"{i:05},{i % 7},3,{i / 7}\n" for i in range(20)))
    remarks = Csv("data.csv", target="y").load().remarks
    codes = 'leading zeros in "zip", as codes have, were taken for those of numbers: for categories give '
    assert f"{codes}\"dataset.categories=['zip']\"" in remarks
    assert 'the same in every training row, which tells nothing: "same"' in remarks


@pytest.mark.parametrize(("cells", "plain"), [("$2,184.50", "2184.50"), ("30%", "30"), ("-€5", "-5")])
def test_amounts_and_percentages_are_no_categories(write, cells, plain):
    write("p,y\n" + "".join(f'"{cells}",{i / 7}\n' for i in range(20)))
    with pytest.raises(cr.DataError) as refused:
        Csv("data.csv", target="y").load()
    assert f'column "p": "{cells}" is no plain number; write {plain}, or for categories give ' in str(refused.value)
    assert Csv("data.csv", target="y", categories=["p"], **ALL).load().feature_names == [f"p={cells}"]


def test_another_separator_is_told_where_a_comma_stands_in_a_name(write):
    write("a\tName, full\tc\ty\n1\tx\t2\t0\n")
    with pytest.raises(
        cr.DataError, match=r"the header has 2; where tab separates the cells, give dataset\.separator=tab"
    ):
        Csv("data.csv", target="y").load()


def test_classes_that_are_codes_keep_their_zeros(write):
    write("a,y\n" + "".join(f"{i},{('001', '002', '010')[i % 3]}\n" for i in range(30)))
    data = Csv("data.csv", target="y", **ALL).load()
    assert (data.task, list(data.class_names)) == ("multiclass", ["001", "002", "010"])
    assert data.prepared.answers([{"a": 1, "y": "010"}]).tolist() == [2]


def test_a_bad_date_among_dates_is_named(write):
    days = pd.date_range("2020-01-01", periods=30).strftime("%Y-%m-%d").tolist()
    days[7] = "2020-02-30"
    write(pd.DataFrame({"d": days, "y": np.arange(30) / 7}))
    with pytest.raises(cr.DataError) as refused:
        Csv("data.csv", target="y").load()
    assert 'data.csv, line 9, column "d": "2020-02-30" is no date, as others are' in str(refused.value)
    assert len(Csv("data.csv", target="y", categories=["d"], **ALL).load().feature_names) == 30
