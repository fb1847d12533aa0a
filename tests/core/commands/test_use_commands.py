"""``chainrule predict``, ``evaluate`` and ``card``: what was trained is put to use on files, pipes and images."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
from mlflow.tracking import MlflowClient
from PIL import Image

import chainrule as cr

QUICK = ["trainer.epochs=30", "tracking.figures=false"]


def shop(n: int, seed: int) -> pd.DataFrame:
    """Who bought: ids, a number that is missing here and there, a category."""
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 12, n).round(1)
    sex = rng.choice(["f", "m"], n)
    bought = np.where((age - 40) / 12 + 1.5 * (sex == "f") + rng.normal(0, 0.7, n) > 0.8, "yes", "no")
    age[rng.choice(n, n // 10, replace=False)] = np.nan
    return pd.DataFrame({"id": np.arange(n) + 1000, "age": age, "sex": sex, "bought": bought})


@pytest.fixture(scope="module")
def shopped(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    shop(240, 0).to_csv(folder / "shop.csv", index=False)
    shop(90, 1).to_csv(folder / "new.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        given = ["dataset=csv", "dataset.path=shop.csv", "dataset.target=bought", "dataset.index=id"]
        yield cr.train([*given, "dataset.missing=median", *QUICK]), folder


@pytest.fixture
def ran(shopped, program_in, monkeypatch):
    _, folder = shopped
    monkeypatch.chdir(folder)
    return lambda *arguments: program_in(*arguments, folder=folder)


def test_predictions_of_a_file_are_those_of_python_in_its_order(shopped, ran):
    result, folder = shopped
    new = pd.read_csv(folder / "new.csv").sample(frac=1, random_state=2)
    new[["sex", "id", "age"]].to_csv(folder / "shuffled.csv", index=False)
    printed = ran("predict", result.run_id, "shuffled.csv", "--proba")
    table = pd.read_csv(io.StringIO(printed.out))
    assert list(table.columns) == ["id", "prediction", "probability of no", "probability of yes"]
    assert table["id"].tolist() == new["id"].tolist()
    assert table["prediction"].tolist() == result.predict(new).tolist()
    np.testing.assert_allclose(table.iloc[:, 2:], result.predict_proba(new), rtol=1e-6)

    moved = ran("predict", str(result.folder), "shuffled.csv", "--threshold", "0.2", "--out", "answers.csv")
    assert moved.out == "answers  answers.csv (90 rows)\n"
    assert pd.read_csv(folder / "answers.csv")["prediction"].tolist() == result.predict(new, 0.2).tolist()


def test_standard_input_is_read(shopped):
    result, folder = shopped
    command = [sys.executable, "-m", "chainrule", "predict", result.run_id, "-"]
    text = (folder / "new.csv").read_bytes()
    done = subprocess.run(command, input=text, capture_output=True, cwd=folder, check=True)
    table = pd.read_csv(io.BytesIO(done.stdout))
    assert table["prediction"].tolist() == result.predict(shop(90, 1)).tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("RUN", "no.csv"), "there is no file no.csv (looked for from "),
        (("RUN", "."), ". is a folder, and the network takes no images: give a file"),
        (("RUN", "new.csv", "--threshold", "2"), "threshold: got 2.0, expected a number from 0 to 1"),
        (("nothing", "new.csv"), 'there is no run "nothing" in this store'),
        (("outputs", "new.csv"), "outputs is no folder of a run: it has no model/weights.safetensors"),
        (("RUN", "short.csv"), 'the column "age" is missing. Known: id, sex.'),
        (("RUN", "typed.csv"), 'typed.csv, line 3, column "age": "old" is not a finite number'),
        (("RUN", "new.csv", "--out", "no/answers.csv"), "no/answers.csv cannot be written: No such file"),
        (("RUN", "new.csv", "--out", "new.csv"), "--out: got new.csv, which is the data itself: name another file"),
    ],
)
def test_what_cannot_be_predicted_is_told(shopped, ran, arguments, message):
    result, folder = shopped
    (folder / "short.csv").write_text("id,sex\n1,f\n")
    (folder / "typed.csv").write_text("id,age,sex\n1,30,f\n2,old,m\n")
    refused = ran("predict", *(result.run_id if word == "RUN" else word for word in arguments))
    assert refused.status == 2
    assert refused.err.startswith(f"chainrule: {message}") or message in refused.err


def test_an_evaluation_measures_as_scikit_learn_does_and_becomes_a_run(shopped, ran):
    result, folder = shopped
    printed = ran("evaluate", result.run_id, "new.csv", "--resamples", "200").out
    new = shop(90, 1)
    yes = (new["bought"] == "yes").to_numpy()
    p, said = result.predict_proba(new)[:, 1], result.predict(new) == "yes"
    expected = {
        "binary_accuracy": sk.accuracy_score(yes, said),
        "precision": sk.precision_score(yes, said),
        "recall": sk.recall_score(yes, said),
        "f1": sk.f1_score(yes, said),
        "roc_auc": sk.roc_auc_score(yes, p),
        "log_loss": sk.log_loss(yes, p),
        "loss": sk.log_loss(yes, p),
    }
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("evaluations")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.tags["evaluates"] == run.data.tags["mlflow.parentRunId"] == result.run_id
    assert run.data.tags["chainrule.kind"] == "evaluation"
    for name, value in expected.items():
        assert run.data.metrics[f"new/{name}"] == pytest.approx(value, rel=1e-5), name
        if name != "loss":
            assert run.data.metrics[f"new/{name}/low"] <= value <= run.data.metrics[f"new/{name}/high"]
    assert {a.path for a in client.list_artifacts(run.info.run_id)} == {"metrics.json", "confusion_matrix.png"}
    kept = json.loads(next(folder.glob("outputs/evaluations/*/metrics.json")).read_text())
    assert kept["arrays"]["confusion_matrix"] == sk.confusion_matrix(yes, said).tolist()
    assert "on 90 rows of new.csv" in printed
    measured = result.evaluate(new)
    assert repr(measured).startswith("<Evaluation on 90 rows: loss 0.")
    assert "roc auc" in measured._repr_html_()
    assert {name: value["value"] for name, value in kept["metrics"].items()} == {
        name: one.value for name, one in measured.metrics.items()
    }
    assert "roc auc" in printed
    assert result.run_id in ran("runs").out
    assert run.info.run_id not in ran("runs").out, "it is no training"


def test_the_interval_is_that_of_the_mean(shopped):
    """Of accuracies, which are means of 0 and 1, the normal approximation is near."""
    from chainrule.prediction.evaluation import evaluate

    result, _ = shopped
    new = shop(2000, 3)
    samples = cr.Split(result.preparation.inputs(new), result.preparation.answers(new))
    found = evaluate(result.network, samples, ["binary_accuracy"], resamples=2000).metrics["binary_accuracy"]
    half = 1.96 * np.sqrt(found.value * (1 - found.value) / 2000)
    np.testing.assert_allclose([found.low, found.high], [found.value - half, found.value + half], atol=0.1 * half)
    again = evaluate(result.network, samples, ["binary_accuracy"], resamples=2000).metrics["binary_accuracy"]
    assert found == again
    one = evaluate(result.network, samples.first(1), ["binary_accuracy"]).metrics["binary_accuracy"]
    assert (one.low, one.high) == (None, None)


def test_the_run_that_was_trained_last_has_a_name(shopped, ran):
    """Of those that finished; an evaluation is none, nor what another program records."""
    result, folder = shopped
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    client.set_terminated(client.create_run("0").info.run_id)
    given = ("experiment=xor", "tracking.figures=false", "tracking.experiment=other")
    assert ran("train", *given, "optimizer.lr=1e38", "trainer.epochs=3").status == 1
    ran("evaluate", result.run_id, "new.csv", "--resamples", "10")
    assert cr.load_run("latest").run_id == result.run_id
    assert ran("predict", "latest", "new.csv").out == ran("predict", result.run_id, "new.csv").out
    assert result.run_id in ran("card", "latest").out


def test_what_has_no_answers_cannot_be_measured(shopped, ran):
    result, folder = shopped
    shop(5, 1).drop(columns="bought").to_csv(folder / "open.csv", index=False)
    assert 'the column "bought" is missing' in ran("evaluate", result.run_id, "open.csv").err
    shop(5, 1).assign(bought="maybe").to_csv(folder / "maybe.csv", index=False)
    told = ran("evaluate", result.run_id, "maybe.csv").err
    assert 'maybe.csv, line 2, column "bought": "maybe" is none of the classes "no", "yes"' in told
    assert (
        "is for multiclass, and the targets are binary"
        in ran("evaluate", result.run_id, "new.csv", "--metric", "accuracy").err
    )


def test_a_card_says_what_there_is_to_say(shopped, ran):
    result, folder = shopped
    assert "model_card.md is among the artifacts" in ran("card", result.run_id).out
    text = (folder / "model_card.md").read_text(encoding="utf-8")
    parts = ["Intended use", "Data", "Network", "Training", "Results", "Where it comes from", "Make it again", "Use it"]
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == parts
    assert "| age | numbers | 1 input: " in text
    assert "| sex | categories | 2 inputs: " in text
    assert f"chainrule reproduce {result.run_id}" in text
    assert "with intervals by the bootstrap" in text
    accuracy = next(line for line in text.splitlines() if line.startswith("| binary accuracy |") and " to " in line)
    assert f"{result.metrics['test/binary_accuracy']:.4g}" in accuracy
    (folder / "shop.csv").rename(folder / "gone.csv")
    try:
        assert ran("card", str(result.folder), "--out", "other.md").status == 0
    finally:
        (folder / "gone.csv").rename(folder / "shop.csv")
    assert "Without intervals: the data could not be read again: there is no file shop.csv" in (
        folder / "other.md"
    ).read_text(encoding="utf-8")


@pytest.mark.slow
def test_images_come_from_a_folder(program_in, tmp_path, monkeypatch):
    from sklearn.datasets import load_digits

    monkeypatch.chdir(tmp_path)
    result = cr.train(["experiment=digits", "trainer.epochs=3", "tracking.figures=false"])
    digits = load_digits()
    pixels = (digits.images[:40] * 255 / 16).round().astype(np.uint8)
    for i, (array, digit) in enumerate(zip(pixels, digits.target)):
        for folder in (Path("plain"), Path("known") / str(digit)):
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(folder / f"{i:02}.png")
    printed = program_in("predict", result.run_id, "plain", folder=tmp_path)
    table = pd.read_csv(io.StringIO(printed.out))
    expected = result.network.predict(pixels.astype(np.float32) / 255).argmax(axis=1)
    assert table["file"].tolist() == [f"{i:02}.png" for i in range(40)]
    assert table["prediction"].tolist() == expected.tolist()
    measured = program_in("evaluate", result.run_id, "known", "--no-record", folder=tmp_path).out
    assert "on 40 rows of known" in measured
    assert f"{(expected == digits.target[:40]).mean():.4g}" in measured
    Image.new("L", (9, 8)).save("plain/large.png")
    told = program_in("predict", result.run_id, "plain", folder=tmp_path).err
    assert "plain/large.png is 9 x 8 pixels, and the network takes 8 x 8" in told
    Path("plain/large.png").write_bytes(b"no image")
    assert "plain/large.png is no sound PNG image" in program_in("predict", result.run_id, "plain", folder=tmp_path).err
    told = program_in("evaluate", result.run_id, "outputs", folder=tmp_path).err
    assert "outputs must hold PNG files, or folders of them named by classes (0, 1, 2" in told


def test_arrays_come_from_an_npz_file(program_in, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x = rng.normal(5, 3, (120, 4))
    y = 100 + 3 * x[:, 0] - x[:, 3]
    np.savez("data.npz", x=x, y=y)
    result = cr.train(["dataset=npz", "dataset.path=data.npz", "dataset.scale=standard", *QUICK])
    np.savez("new.npz", x=x[:7])
    table = pd.read_csv(io.StringIO(program_in("predict", result.run_id, "new.npz", folder=tmp_path).out))
    np.testing.assert_allclose(table["prediction"], result.predict(x[:7]), rtol=1e-6)
    assert np.abs(table["prediction"] - y[:7]).mean() < 10, "in the unit of the target"
    np.savez("known.npz", x=x, y=y)
    program_in("evaluate", result.run_id, "known.npz", "--resamples", "20", folder=tmp_path)
    kept = json.loads(next(tmp_path.glob("outputs/evaluations/*/metrics.json")).read_text())
    assert kept["metrics"]["r_squared"]["value"] == pytest.approx(sk.r2_score(y, result.predict(x)), rel=1e-5)
    np.savez("wrong.npz", z=x)
    told = program_in("predict", result.run_id, "wrong.npz", folder=tmp_path).err
    assert "wrong.npz must hold x, the new samples; it holds z" in told


def test_a_dataset_that_reads_no_files_is_asked_by_a_table_with_its_columns(program_in, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = cr.train(["experiment=xor", "trainer.epochs=2", "tracking.figures=false"])
    Path("corners.csv").write_text("x2,x1\n0,0\n1,0\n0,1\n1,1\n")
    said = pd.read_csv(io.StringIO(program_in("predict", result.run_id, "corners.csv", folder=tmp_path).out))
    assert said["prediction"].tolist() == result.predict([[0, 0], [0, 1], [1, 0], [1, 1]]).tolist()
    for text, message in (
        ("x1,x2\n1,a\n", 'wrong.csv, row 0, column "x2": "a" is not a finite number'),
        ("x1\n1\n", 'the column "x2" is missing'),
        ("", "wrong.csv is no CSV file: "),
    ):
        Path("wrong.csv").write_text(text)
        assert message in program_in("predict", result.run_id, "wrong.csv", folder=tmp_path).err
    images = cr.train(["experiment=digits", "trainer.epochs=1", "tracking.figures=false"])
    told = program_in("predict", images.run_id, "corners.csv", folder=tmp_path).err
    assert "Digits does not say how new rows are read: it has no read; give a folder of images" in told
    assert result.predict([[0, 1]]).tolist() == cr.load_run(result.run_id).predict([{"x2": 1, "x1": 0}]).tolist()


def test_rows_that_miss_a_value_have_no_answer_where_such_were_left_out(program_in, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    shop(200, 0).to_csv("shop.csv", index=False)
    new = shop(60, 1)
    new.to_csv("new.csv", index=False)
    given = ["dataset=csv", "dataset.path=shop.csv", "dataset.target=bought", "dataset.index=id"]
    result = cr.train([*given, "dataset.missing=drop", "trainer.epochs=3", "tracking.figures=false"])
    ran = program_in("predict", result.run_id, "new.csv", "--proba", folder=tmp_path)
    assert "6 of 60 rows miss a value and have no answer" in caplog.messages
    table = pd.read_csv(io.StringIO(ran.out))
    whole = new["age"].notna()
    assert table["id"].tolist() == new["id"].tolist()
    assert table["prediction"].notna().tolist() == whole.tolist()
    assert table["prediction"][whole].tolist() == result.predict(new[whole]).tolist()
    measured = program_in("evaluate", result.run_id, "new.csv", "--no-record", folder=tmp_path)
    assert "6 of 60 rows miss a value and are left out, as in training" in caplog.messages
    assert "on 54 rows of new.csv" in measured.out
