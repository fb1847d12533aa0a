"""A run's model in MLflow's form: MLflow loads, registers and evaluates it, and it answers as the run does."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.tracking import MlflowClient
from packaging.requirements import Requirement

import chainrule as cr
from chainrule.bridges.mlflow_model import add_mlflow_files
from chainrule.bridges.requirements import requirement_of, requirements_of
from chainrule.network.updates import Updates
from chainrule.tracking.tags import LOGGED_MODELS

pytestmark = [
    # MLflow's own models use a loader strategy that SQLAlchemy 2.1 deprecates.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    # What MLflow says of classes of its own, once it imports them.
    pytest.mark.filterwarnings("ignore:.*type hint is inferred as AnyType:UserWarning"),
]

OWN = {"weights.safetensors", "architecture.json", "preparation.json"}
MLFLOWS = {"MLmodel", "requirements.txt", "python_env.yaml", "conda.yaml"}
EXAMPLES = {"input_example.json", "serving_input_example.json"}
SHORT = ("trainer.epochs=2", "tracking.figures=false")
RNG = np.random.default_rng(0)
PEOPLE = pd.DataFrame(
    {
        "age": RNG.integers(20, 80, 120),
        "town": RNG.choice(["Ulm", "Köln", "Bonn"], 120),
        "code": RNG.choice(["1", "2"], 120),
        "day": (pd.Timestamp("2020-01-01") + pd.to_timedelta(RNG.integers(0, 900, 120), "D")).strftime("%Y-%m-%d"),
    }
)
PEOPLE["is"] = np.where(PEOPLE["age"] + 10 * (PEOPLE["town"] == "Ulm") > 50, "old", "young")
PLANE = pd.DataFrame({"a": RNG.normal(size=100), "b": RNG.normal(size=100)})
PLANE["sum"], PLANE["difference"] = PLANE["a"] + PLANE["b"], PLANE["a"] - PLANE["b"]
PLANE["where"] = (np.sign(PLANE["a"]) + 2 * np.sign(PLANE["b"])).astype(int)
PLANE.loc[[3, 7], "a"] = np.nan


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """In which all runs of this module are recorded, and where MLflow looks for them."""
    folder = tmp_path_factory.mktemp("models")
    PEOPLE.to_csv(folder / "people.csv", index=False)
    PLANE.to_csv(folder / "plane.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        yield folder


@pytest.fixture(scope="module")
def people(folder: Path) -> cr.Result:
    given = ["dataset=csv", "dataset.path=people.csv", "dataset.target=is", "dataset.categories=[code]"]
    return cr.train([*SHORT, *given])


def model_of(result: cr.Result) -> Any:
    return mlflow.pyfunc.load_model(f"runs:/{result.run_id}/model")


def as_mlflow_reads(file: Path, model: Any) -> pd.DataFrame:
    """A CSV file as MLflow's server reads it: by the signature."""
    schema = model.metadata.get_input_schema()
    return pd.read_csv(file, dtype=dict(zip(schema.input_names(), schema.pandas_types())))


def test_a_run_has_a_model_that_mlflow_knows(people: cr.Result) -> None:
    assert people.run_id is not None
    client = MlflowClient()
    there = {file.path.removeprefix("model/") for file in client.list_artifacts(people.run_id, "model")}
    assert there == OWN | MLFLOWS | EXAMPLES
    model = Model.load(f"runs:/{people.run_id}/model")
    assert (model.run_id, model.artifact_path) == (people.run_id, "model")
    flavor = model.flavors["python_function"]
    assert {*model.flavors} == {"python_function"}
    assert flavor["loader_module"] == "chainrule.bridges.mlflow_model"
    assert not {*flavor} & {"code", "python_model", "cloudpickle_version"}, "no code, and no pickle"
    inputs = [(spec.name, spec.type.name, spec.required) for spec in model.get_input_schema()]
    assert inputs == [
        ("age", "double", True),
        ("town", "string", True),
        ("code", "string", True),
        ("day", "string", True),
    ]
    assert [spec.type.name for spec in model.get_output_schema()] == ["string"]
    assert {spec.name: (spec.dtype.name, spec.default) for spec in model.get_params_schema()} == {
        "proba": ("boolean", False),
        "threshold": ("double", 0.5),
    }
    [known] = json.loads(client.get_run(people.run_id).data.tags[LOGGED_MODELS])
    assert (known["artifact_path"], known["run_id"], [*known["flavors"]]) == (
        "model",
        people.run_id,
        ["python_function"],
    )


def test_it_answers_raw_rows_as_the_run_does(people: cr.Result, folder: Path) -> None:
    assert people.run_id is not None
    model, again = model_of(people), cr.load_run(people.run_id)
    rows = as_mlflow_reads(folder / "people.csv", model)
    expected = again.predict(PEOPLE)
    assert set(expected) == {"old", "young"}
    assert (model.predict(rows) == expected).all()
    shuffled = rows[["day", "is", "code", "town", "age"]]
    assert (model.predict(shuffled) == expected).all()
    assert (model.predict(shuffled.to_dict("list")) == expected).all()
    probabilities = model.predict(shuffled, params={"proba": True})
    assert [*probabilities.columns] == ["old", "young"]
    assert (probabilities.to_numpy() == again.predict_proba(PEOPLE)).all()
    for threshold in (0.1, 0.5, 0.9):
        found = model.predict(rows, params={"threshold": threshold})
        assert (found == again.predict(PEOPLE, threshold)).all()


def test_what_does_not_fit_is_named_to_who_asks(people: cr.Result, folder: Path) -> None:
    model = model_of(people)
    rows = as_mlflow_reads(folder / "people.csv", model).head(3)
    for wrong, said in (
        (rows.drop(columns="age"), r"missing inputs \['age'\]"),
        (rows.assign(age=[1.0, np.nan, 2.0]), 'row 1, column "age": the value is missing'),
        (rows.assign(day="yesterday"), 'row 0, column "day": "yesterday" is no date'),
    ):
        with pytest.raises(MlflowException, match=said):
            model.predict(wrong)
    with pytest.raises(MlflowException, match=r"threshold: got 2\.0, expected a number from 0 to 1"):
        model.predict(rows, params={"threshold": 2.0})


def test_its_example_is_of_the_right_kind_and_is_nobodys(people: cr.Result) -> None:
    model = model_of(people)
    assert len(model.predict(model.input_example)) == 2
    assert [*model.input_example.columns] == ["age", "town", "code", "day"]
    merged = model.input_example.astype(str).merge(PEOPLE.astype(str))
    assert merged.empty, "no row of the data is in the file"
    served = json.loads((people.folder / "model" / "serving_input_example.json").read_text(encoding="utf-8"))
    assert pd.DataFrame(**served["dataframe_split"])["town"].tolist() == ["Bonn", "Köln"]


KINDS = {
    "several classes": (
        ["dataset=csv", "dataset.path=plane.csv", "dataset.target=where", "dataset.missing=mean"],
        "long",
    ),
    "a regression": (["dataset=csv", "dataset.path=plane.csv", "dataset.target=sum", "dataset.missing=drop"], "float"),
    "float64": (
        ["dataset=csv", "dataset.path=plane.csv", "dataset.target=sum", "dataset.missing=mean", "dtype=float64"],
        "double",
    ),
    "several targets": (
        ["dataset=csv", "dataset.path=plane.csv", "dataset.target=[sum,difference]", "dataset.missing=mean"],
        "float",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_tables_of_every_task(folder: Path, kind: str) -> None:
    given, answer = KINDS[kind]
    result = cr.train([*SHORT, *given])
    model = model_of(result)
    rows = as_mlflow_reads(folder / "plane.csv", model)
    rows = rows.dropna() if "drop" in given[3] else rows
    found, expected = model.predict(rows), result.predict(rows)
    assert {spec.type.name for spec in model.metadata.get_output_schema()} == {answer}
    if kind == "several targets":
        assert [*found.columns] == ["sum", "difference"] == model.metadata.get_output_schema().input_names()
    assert (np.asarray(found) == expected).all()
    assert len(np.unique(expected)) > 1
    params = model.metadata.get_params_schema()
    assert [spec.name for spec in params or ()] == (["proba"] if answer == "long" else [])


def test_images(folder: Path) -> None:
    from sklearn.datasets import load_digits

    result = cr.train([*SHORT, "experiment=digits"])
    model, images = model_of(result), load_digits().images
    [spec] = model.metadata.get_input_schema()
    assert (spec.type, spec.shape) == (np.float64, (-1, 8, 8))
    assert (model.predict(images) == result.predict(images)).all()
    proba = model.predict(images, params={"proba": True})
    assert [*proba.columns] == [str(k) for k in range(10)]
    assert (proba.to_numpy() == result.predict_proba(images)).all()
    assert model.predict(model.input_example).shape == (1,)


@pytest.fixture
def saved(tmp_path: Path) -> Any:
    """``saved(network, preparation)``: the model that MLflow loads of them."""

    def saved(network: cr.Network, preparation: cr.Preparation) -> Any:
        predictor = cr.Predictor(network, preparation)
        predictor.save(tmp_path / "model")
        add_mlflow_files(predictor, tmp_path / "model")
        return predictor, mlflow.pyfunc.load_model(str(tmp_path / "model"))

    return saved


def test_bytes_are_bytes_where_inputs_are_brightnesses(saved: Any) -> None:
    network = cr.Network([{"name": "flatten"}, {"name": "dense", "units": 1}], (4, 4), "mse")
    predictor, model = saved(network, cr.Preparation(scaling=cr.Scaling(white=1.0)))
    [spec] = model.metadata.get_input_schema()
    assert (spec.type, spec.shape) == (np.uint8, (-1, 4, 4))
    images = RNG.integers(0, 256, (5, 4, 4)).astype(np.uint8)
    assert (model.predict(images) == predictor.predict(images)).all()
    np.testing.assert_allclose(predictor.predict(images), network.predict(images / 255)[:, 0], rtol=1e-5)


def test_whole_numbers_that_stand_for_something(saved: Any) -> None:
    layers = [
        {"name": "embedding", "tokens": 7, "units": 3},
        {"name": "dense_per_step", "units": 7, "activation": "softmax"},
    ]
    network = cr.Network(layers, (5,), "categorical_cross_entropy", task="multiclass")
    predictor, model = saved(network, cr.Preparation(class_names=tuple("abcdefg")))
    [spec] = model.metadata.get_input_schema()
    assert (spec.type, spec.shape) == (np.int64, (-1, 5))
    tokens = RNG.integers(0, 7, (4, 5))
    found = model.predict(tokens)
    assert found.shape == (4, 5), "a class for each step"
    assert (found == predictor.predict(tokens)).all()
    assert (model.predict(tokens, params={"proba": True}) == predictor.predict_proba(tokens)).all()


def test_several_inputs_and_outputs_by_name(saved: Any) -> None:
    layers = [
        {"name": "join", "towers": {"a": [{"name": "dense", "units": 5}]}},
        {
            "name": "heads",
            "heads": {
                "digit": [{"name": "dense", "units": 3, "activation": "softmax"}],
                "value": [{"name": "dense", "units": 1}],
            },
        },
    ]
    loss = {"name": "by_output", "losses": {"digit": "categorical_cross_entropy", "value": "mse"}}
    network = cr.Network(layers, {"a": (4,), "b": (3, 2)}, loss, task={"digit": "multiclass", "value": "regression"})
    predictor, model = saved(network, cr.Preparation(class_names={"digit": ("x", "y", "z")}))
    x = {"a": RNG.normal(size=(6, 4)), "b": RNG.normal(size=(6, 3, 2))}
    assert {spec.name: spec.shape for spec in model.metadata.get_input_schema()} == {"a": (-1, 4), "b": (-1, 3, 2)}
    found, expected = model.predict(x), predictor.predict(x)
    assert {*found} == {*expected} == {"digit", "value"}
    assert (found["digit"] == expected["digit"]).all()
    assert (found["value"] == expected["value"]).all()
    assert {*model.input_example} == {"a", "b"}


def test_an_example_that_would_be_large_is_left_out(saved: Any, tmp_path: Path) -> None:
    network = cr.Network([{"name": "flatten"}, {"name": "dense", "units": 1}], (64, 64), "mse")
    _, model = saved(network, cr.Preparation())
    assert model.input_example is None
    assert {path.name for path in (tmp_path / "model").iterdir()} == OWN | MLFLOWS


# ---- what MLflow does with it


def test_it_is_registered(people: cr.Result, folder: Path) -> None:
    mlflow.register_model(f"runs:/{people.run_id}/model", "people")
    model = mlflow.pyfunc.load_model("models:/people/1")
    rows = as_mlflow_reads(folder / "people.csv", model)
    assert (model.predict(rows) == people.predict(PEOPLE)).all()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pandas 4: MLflow's evaluation is older
def test_it_is_evaluated(people: cr.Result, folder: Path) -> None:
    rows = as_mlflow_reads(folder / "people.csv", model_of(people))
    settings = {"log_model_explainability": False, "pos_label": "old"}
    evaluated = mlflow.models.evaluate(
        f"runs:/{people.run_id}/model", rows, targets="is", model_type="classifier", evaluator_config=settings
    )
    right = (people.predict(PEOPLE) == PEOPLE["is"]).mean()
    assert evaluated.metrics["accuracy_score"] == pytest.approx(right)


# ---- requirements


def test_its_requirements_are_those_that_pip_takes(people: cr.Result) -> None:
    lines = mlflow.pyfunc.get_model_dependencies(f"runs:/{people.run_id}/model")
    found = {one.name: one for one in map(Requirement, Path(lines).read_text(encoding="utf-8").splitlines())}
    assert {*found} == {"chainrule", "mlflow", "numpy", "scipy"}
    assert str(found["numpy"].specifier) == f"=={np.__version__}"
    assert str(found["mlflow"].specifier) == f"=={mlflow.__version__}"


@pytest.mark.parametrize(
    ("came", "requirement"),
    [
        (None, "acme==1.2"),
        ({"url": "file:///home/a/acme", "dir_info": {"editable": True}}, "acme @ file:///home/a/acme"),
        (
            {
                "url": "https://me:pw@a.org/acme.git",
                "vcs_info": {"vcs": "git", "commit_id": "ab12"},
                "subdirectory": "p",
            },
            "acme @ git+https://***@a.org/acme.git@ab12#subdirectory=p",
        ),
        ({"url": "https://a.org/acme-1.2.whl", "archive_info": {}}, "acme @ https://a.org/acme-1.2.whl"),
    ],
)
def test_a_distribution_is_required_from_where_it_came(
    tmp_path: Path, came: dict[str, Any] | None, requirement: str
) -> None:
    from importlib.metadata import Distribution

    (tmp_path / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.2\n", encoding="utf-8")
    if came is not None:
        (tmp_path / "direct_url.json").write_text(json.dumps(came), encoding="utf-8")
    assert requirement_of("acme", Distribution.at(tmp_path)) == requirement
    Requirement(requirement)


def test_a_component_that_no_package_supplies_needs_none() -> None:
    network = cr.Network([{"name": "dense", "units": 1}], (2,), "mse")
    assert [Requirement(line).name for line in requirements_of(network)] == ["chainrule", "mlflow", "numpy", "scipy"]


# ---- runs that leave it out, fail, or are somebody else's


@pytest.mark.parametrize("given", ["tracking.model=false", "tracking=none"])
def test_it_can_be_left_out(folder: Path, given: str) -> None:
    result = cr.train(["experiment=xor", *SHORT, given])
    assert {path.name for path in (result.folder / "model").iterdir()} == OWN
    assert len(result.predict([{"x1": 0, "x2": 1}])) == 1
    if result.run_id is not None:
        assert LOGGED_MODELS not in MlflowClient().get_run(result.run_id).data.tags


def test_it_does_not_change_what_a_run_is(folder: Path) -> None:
    with_it, without = (cr.train(["experiment=xor", *SHORT, f"tracking.model={given}"]) for given in ("true", "false"))
    runs = [MlflowClient().get_run(str(result.run_id)).data.tags for result in (with_it, without)]
    for tag in ("config_digest", "weights_digest"):
        assert runs[0][tag] == runs[1][tag]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_run_that_ends_early_leaves_a_sound_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    apply = Updates.apply

    def broken(self: Updates, step: int, *given: float) -> None:
        apply(self, step, *given)
        if step == 5:
            raise error("now")

    monkeypatch.setattr(Updates, "apply", broken)
    with pytest.raises((error, cr.ChainruleError)):
        cr.train(["experiment=xor", *SHORT, "trainer.epochs=20", f"tracking.experiment={error.__name__}"])
    client = MlflowClient()
    experiment = client.get_experiment_by_name(error.__name__)
    assert experiment is not None
    [run] = client.search_runs([experiment.experiment_id])
    assert run.info.status in ("KILLED", "FAILED")
    model = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
    assert model.predict(model.input_example).shape == (2,)


def test_where_mlflows_files_cannot_be_written_the_run_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    place = folder / "outputs" / "taken"
    (place / "model" / "MLmodel").mkdir(parents=True)
    with caplog.at_level(logging.WARNING):
        result = cr.train(["experiment=xor", *SHORT, f"hydra.run.dir={place}"])
    assert "The model is without MLflow's files" in caplog.text
    assert cr.Predictor.load(result.folder / "model").predict([{"x1": 0, "x2": 1}]).shape == (1,)


def test_chainrules_own_loader_reads_nothing_of_mlflows(people: cr.Result, tmp_path: Path) -> None:
    """To MLflow the MLmodel of somebody else is a program; here it is a file that nobody reads."""
    cr.Predictor.load(people.folder / "model").save(tmp_path)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "planted.py").write_text("raise SystemExit('planted')", encoding="utf-8")
    flavor = {"loader_module": "planted", "code": "code"}
    (tmp_path / "MLmodel").write_text(json.dumps({"flavors": {"python_function": flavor}}), encoding="utf-8")
    assert (cr.Predictor.load(tmp_path).predict(PEOPLE) == people.predict(PEOPLE)).all()
    assert "planted" not in sys.modules
