"""Runs, from the command line and from Python, as the files and the store have them afterwards."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import hydra
import numpy as np
import pytest
import yaml
from mlflow.tracking import MlflowClient
from safetensors.numpy import load_file

import chainrule as cr
from chainrule.config.nodes import config_folder, store_nodes
from chainrule.pictures import boundary
from chainrule.process.claims import claimed
from chainrule.tracking.store import prepare_store
from chainrule.tracking.tags import flattened
from chainrule.tracking.written import files_in

OWN = ("weights.safetensors", "architecture.json", "preparation.json")
MLFLOWS = (
    *("MLmodel", "requirements.txt", "python_env.yaml", "conda.yaml"),
    *("input_example.json", "serving_input_example.json"),
)
MODEL = {f"model/{name}" for name in (*OWN, *MLFLOWS)}
FIGURES = {f"figures/{name}.png" for name in ("confusion_matrix", "curves", "decision_boundary")}
QUICK = ("trainer.epochs=3", "tracking.figures=false", "callbacks=[nan_guard]")


class Store:
    """A store, as one reads it."""

    def __init__(self, folder):
        self.uri = f"sqlite:///{folder}/mlflow.db"
        self.client = MlflowClient(self.uri)

    def runs(self, filter_string=""):
        experiments = [experiment.experiment_id for experiment in self.client.search_experiments()]
        return self.client.search_runs(experiments, filter_string, order_by=["attributes.start_time"])

    def steps(self, run, key):
        return [(point.step, point.value) for point in self.client.get_metric_history(run.info.run_id, key)]

    def artifacts(self, run, path=None):
        return {file.path for file in self.client.list_artifacts(run.info.run_id, path)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The working directory of the runs below, with one store."""
    folder = tmp_path_factory.mktemp("runs")
    prepare_store(f"sqlite:///{folder}/mlflow.db", "xor")
    return folder


@pytest.fixture(scope="module")
def store(folder):
    return Store(folder)


@pytest.fixture(scope="module")
def train(program_in, folder):
    """``train("seed=1")`` in that folder."""
    return lambda *arguments, **settings: program_in("train", *arguments, folder=folder, **settings)


@pytest.fixture
def here(folder, monkeypatch):
    """That folder as the working directory of this process."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return folder


@pytest.fixture(scope="module")
def bare(train, store, folder):
    """``chainrule train``: how it ended, its run in the store, and its folder."""
    ran = train()
    [run] = store.runs("attributes.run_name = 'xor'")
    [files] = folder.glob("outputs/xor/*")
    return ran, run, files


def test_bare_training_solves_xor(bare):
    ran, run, _ = bare
    assert ran.status == 0, ran.err
    assert run.data.metrics["test/binary_accuracy"] == 1.0
    assert run.info.status == "FINISHED"


def test_it_prints_a_table_and_where_everything_is(bare, folder):
    ran, run, files = bare
    lines = ran.out.splitlines()
    assert lines[0].strip() == "xor"
    heading = [cell.strip() for cell in lines[2].strip("┃").split("┃")]
    assert heading == ["", "train", "validation", "test", "best validation (epoch)"]
    loss, accuracy = ([cell.strip() for cell in line.strip("│").split("│")] for line in lines[4:6])
    assert loss[0] == "loss"
    assert float(loss[3]) == pytest.approx(run.data.metrics["test/loss"], rel=1e-3)
    assert accuracy[:4] == ["binary accuracy", "1", "1", "1"]
    epoch = run.data.metrics["best_epoch/validation/binary_accuracy"]
    assert accuracy[4] == f"1 ({epoch:.0f})"
    assert lines[-4] == f"judged   by validation/loss: {run.data.metrics['validation/loss']:.4g}"
    assert lines[-3].startswith("time     ")
    assert lines[-2] == f"files    {files.relative_to(folder)}"
    assert lines[-1] == f"MLflow   chainrule ui {run.info.run_id}"


def test_its_progress_goes_to_stderr(bare):
    ran, _, _ = bare
    assert ran.err.splitlines()[0].startswith("epoch   1/200  loss ")
    assert ran.err.splitlines()[-1].startswith("epoch 200/200  loss ")


def test_its_parameters_are_the_config_flattened(bare):
    _, run, files = bare
    config = yaml.safe_load((files / "config.yaml").read_text())
    assert config["optimizer"]["lr"] == 0.05
    flat = flattened({key: value for key, value in config.items() if key not in ("tracking", "objective", "explain")})
    assert run.data.params == {key: str(value) for key, value in flat.items()}
    assert run.data.params.items() >= {"optimizer.name": "adam", "optimizer.lr": "0.05", "seed": "0"}.items()


def test_its_metrics_stand_there_for_each_epoch(bare, store):
    _, run, _ = bare
    for key in ("train/loss", "train/binary_accuracy", "validation/loss", "learning_rate", "examples_per_second"):
        steps = [step for step, _ in store.steps(run, key)]
        assert steps == list(range(1, 201)), key
    losses = [value for _, value in store.steps(run, "train/loss")]
    assert losses[-1] < losses[0] / 100


def test_the_test_set_is_looked_at_once_at_the_end(bare, store):
    """What has no value by epoch is at step 0: MLflow draws it as a bar."""
    _, run, _ = bare
    for key in (key for key in run.data.metrics if key.startswith(("test/", "best/"))):
        assert [step for step, _ in store.steps(run, key)] == [0]


def test_the_best_values_are_the_best_of_the_history(bare, store):
    _, run, _ = bare
    for name, best in (("loss", min), ("binary_accuracy", max)):
        history = store.steps(run, f"validation/{name}")
        value = best(value for _, value in history)
        epoch = next(step for step, there in history if there == value)
        assert run.data.metrics[f"best/validation/{name}"] == value
        assert run.data.metrics[f"best_epoch/validation/{name}"] == epoch


def test_its_tags_say_what_ran(bare):
    _, run, _ = bare
    components = {key: value for key, value in run.data.tags.items() if key.startswith("component.")}
    ours = f"chainrule {cr.__version__}"
    assert set(components.values()) == {ours}
    assert components.keys() == {
        f"component.{name}"
        for name in (
            *("activation.sigmoid", "activation.tanh", "callback.nan_guard", "callback.progress", "dataset.xor"),
            *("initializer.glorot_uniform", "initializer.he_normal", "initializer.zeros", "layer.dense"),
            *("loss.binary_cross_entropy", "metric.binary_accuracy", "metric.confusion_matrix", "model.mlp"),
            "optimizer.adam",
        )
    }
    assert len(run.data.tags["config_digest"]) == len(run.data.tags["weights_digest"]) == 64
    assert run.data.tags["chainrule.version"] == cr.__version__
    assert run.data.tags["numpy.version"] == np.__version__
    assert "sweep" not in run.data.tags
    [dataset] = run.inputs.dataset_inputs
    assert dataset.dataset.name == "xor"
    assert run.data.tags["dataset.digest"].startswith(dataset.dataset.digest)


def test_its_note_says_what_came_of_it_and_how_to_have_it_again(bare, folder):
    _, run, files = bare
    judged, table, command, where, curves = run.data.tags["mlflow.note.content"].split("\n\n")
    assert judged == f"**validation/loss: {run.data.metrics['validation/loss']:.4g}**"
    heading, _, loss, accuracy = ([cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines())
    assert heading == ["", "train", "validation", "test", "best validation (epoch)"]
    assert loss[3] == f"{run.data.metrics['test/loss']:.4g}"
    assert accuracy[0] == "binary accuracy"
    assert (command, where) == ("`chainrule train experiment=xor`", f"Files: `{files.relative_to(folder)}`")
    assert curves == f"![Curves](get-artifact?path=figures/curves.png&run_uuid={run.info.run_id})"


def test_its_files_are_its_artifacts(bare, store, tmp_path):
    _, run, files = bare
    assert store.artifacts(run) == {"config.yaml", "overrides.yaml", "figures", "model"}
    assert store.artifacts(run, "figures") == FIGURES
    assert store.artifacts(run, "model") == MODEL
    copy = Path(store.client.download_artifacts(run.info.run_id, "", str(tmp_path)))
    for path in (path for path in files.rglob("*") if path.is_file() and path.parent.name != "checkpoints"):
        assert (copy / path.relative_to(files)).read_bytes() == path.read_bytes()
    assert yaml.safe_load((copy / "overrides.yaml").read_text()) == ["experiment=xor"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in copy.glob("figures/*.png"))


def test_its_model_is_weights_and_an_architecture_to_read(bare):
    _, _, files = bare
    weights = load_file(files / "model" / "weights.safetensors")
    assert {name: array.shape for name, array in weights.items()} == {
        "0.dense.W": (2, 8),
        "0.dense.b": (8,),
        "1.dense.W": (8, 1),
        "1.dense.b": (1,),
    }
    architecture = json.loads((files / "model" / "architecture.json").read_text())
    assert "binary_cross_entropy" in json.dumps(architecture)


def test_a_recorded_run_is_read_back_to_the_last_bit(bare, here):
    _, run, _ = bare
    read = cr.load_run(run.info.run_id)
    trained = cr.train(["tracking=none", "tracking.figures=false", "callbacks=[]"])
    assert read.network.parameters.theta.tobytes() == trained.network.parameters.theta.tobytes()
    assert read.name == "xor"
    assert read.run_id == run.info.run_id
    assert read.metrics["test/loss"] == trained.metrics["test/loss"]
    assert read.history["train/loss"] == trained.history["train/loss"]
    assert list(read.network.predict([[0.0, 0.0], [0.0, 1.0]]).round().ravel()) == [0.0, 1.0]


def test_a_run_that_is_not_there_is_told(here):
    with pytest.raises(cr.TrackingError, match=f'there is no run "{"0" * 32}"'):
        cr.load_run("0" * 32)
    for ask in (cr.load_run, cr.reproduce):
        with pytest.raises(cr.FieldError, match=r"^run_id: got '', expected the id of a run"):
            ask("")


def test_jobs_that_failed_before_they_became_runs_are_named_by_compare(program):
    ran = program("train", "-m", "optimizer.lr=0.1,0.2", "model.hidden=[2],[0]", *QUICK)
    assert ran.status == 1
    said = " ".join(program("compare", "--no-record").out.split())
    why = re.escape("model.hidden: ")
    assert re.search(
        rf"Not counted, 2 that failed before they became runs: optimizer.lr=0.1,model.hidden=\[0\] \({why}.*; "
        rf"optimizer.lr=0.2,model.hidden=\[0\] \({why}",
        said,
    )


def test_training_from_python_gives_what_the_command_line_records(here, store):
    result = cr.train(["seed=5", "tracking.run_name=python", *QUICK])
    [run] = store.runs("attributes.run_name = 'python'")
    assert isinstance(result, cr.Result)
    assert result.run_id == run.info.run_id
    assert result.metrics == pytest.approx(run.data.metrics)
    assert result.history["train/loss"] == [value for _, value in store.steps(run, "train/loss")]
    assert result.folder.is_dir()
    assert result.folder.is_relative_to(here)
    assert result.link == f"chainrule ui {result.run_id}"
    assert result.stopped is None
    assert 0 < result.seconds < 60
    assert run.data.tags["weights_digest"]


def test_an_error_of_a_run_from_python_is_raised_as_it_is(here):
    with pytest.raises(cr.UnknownName, match='there is no optimizer "admm"'):
        cr.train(["optimizer=admm"])
    with pytest.raises(cr.FieldError, match=r"optimizer\.lr: got -1\.0"):
        cr.train(["optimizer.lr=-1"])
    with pytest.raises(cr.ConfigError, match=r"to sweep over these values call chainrule\.sweep"):
        cr.train(["seed=1,2"])
    with pytest.raises(cr.NonFiniteError):
        cr.train(["optimizer.lr=1e38", *QUICK, "tracking=none"])


def test_training_inside_a_program_of_hydras_is_refused_with_the_reason(here):
    store_nodes()
    with (
        hydra.initialize_config_dir(str(config_folder()), version_base="1.3"),
        pytest.raises(cr.ConfigError, match="cannot run inside a program that Hydra runs"),
    ):
        cr.train()


def test_nothing_is_recorded_with_tracking_none(program, tmp_path):
    ran = program("train", "tracking=none", *QUICK)
    assert ran.status == 0
    assert {path.name for path in tmp_path.iterdir()} == {"outputs"}
    assert "MLflow" not in ran.out
    [files] = tmp_path.glob("outputs/xor/*")
    assert {path.name for path in files.iterdir()} == {"config.yaml", "overrides.yaml", "model", "checkpoints"}


def test_figures_may_be_left_out(train, store):
    assert train("tracking.run_name=plain", *QUICK).status == 0
    [run] = store.runs("attributes.run_name = 'plain'")
    assert store.artifacts(run) == {"config.yaml", "overrides.yaml", "model"}


def test_a_run_in_the_folder_of_an_earlier_one_records_what_it_wrote_itself(train, store, folder):
    """``notes.txt`` is of the first run, or of somebody else: the second did not write it, nor any figure."""
    place = "hydra.run.dir=one folder"
    assert train(place, "tracking.run_name=earlier", "trainer.epochs=3", "callbacks=[]").status == 0
    (folder / "one folder" / "notes.txt").write_text("of the first")
    assert train(place, "tracking.run_name=later", "seed=1", *QUICK).status == 0
    [first], [second] = (store.runs(f"attributes.run_name = '{name}'") for name in ("earlier", "later"))
    assert store.artifacts(first, "figures") == FIGURES
    assert store.artifacts(second) == {"config.yaml", "overrides.yaml", "model"}
    assert store.artifacts(second, "model") == MODEL
    kept = {path.name for path in (folder / "one folder").iterdir()}
    assert kept == {"config.yaml", "overrides.yaml", "model", "figures", "notes.txt", "checkpoints"}
    # Around another run's folder: that one's files are not its own.
    assert train("hydra.run.dir=.", *QUICK).status == 2
    assert train("hydra.run.dir=around", "tracking.run_name=around", *QUICK).status == 0
    assert train("hydra.run.dir=around/inner", *QUICK).status == 0
    assert set(files_in(folder / "around")) == {
        "config.yaml",
        "overrides.yaml",
        *MODEL,
    }


def test_a_folder_that_is_in_use_is_refused(train, store, folder):
    count = len(store.runs())
    with claimed(folder / "in use", "run", "hydra.run.dir"), claimed(folder / "swept", "sweep", "hydra.sweep.dir"):
        alone = train("hydra.run.dir=in use", *QUICK)
        swept = train("-m", "hydra.sweep.dir=swept", "seed=0,1", *QUICK)
        job = train("-m", f"hydra.sweep.dir={folder}", "hydra.sweep.subdir=in use", "seed=0", *QUICK)
    assert (alone.status, swept.status, job.status) == (2, 2, 1)
    place = folder / "in use"
    assert alone.err.startswith(f"chainrule: hydra.run.dir: the folder {place} is in use by a run that has not ended")
    assert swept.err.startswith(f"chainrule: hydra.sweep.dir: the folder {folder / 'swept'} is in use by a sweep")
    assert "hydra.sweep.subdir: the folder" in " ".join(job.err.split())
    assert len(store.runs()) == count


@pytest.fixture(scope="module")
def sweep(train, store):
    ran = train("-m", "optimizer=adam,sgd", "seed=0,1", *QUICK)
    runs = [run for run in store.runs() if "optimizer=" in run.info.run_name]
    return ran, runs


def test_a_sweep_is_a_run_for_each_combination(sweep):
    ran, runs = sweep
    assert ran.status == 0, ran.err
    assert [run.info.status for run in runs] == ["FINISHED"] * 4
    assert [run.info.run_name for run in runs] == [
        f"optimizer={optimizer},seed={seed}" for optimizer in ("adam", "sgd") for seed in (0, 1)
    ]
    assert [run.data.params["optimizer.name"] for run in runs] == ["adam", "adam", "sgd", "sgd"]
    assert [run.data.params["seed"] for run in runs] == ["0", "1", "0", "1"]


def test_the_runs_of_a_sweep_share_a_tag_and_its_folder(sweep, folder):
    _, runs = sweep
    [tag] = {run.data.tags["sweep"] for run in runs}
    assert {path.name for path in (folder / "multirun" / "xor" / tag).iterdir()} == {*"0123", "multirun.yaml"}


def test_each_job_of_a_sweep_prints_one_line(sweep):
    ran, runs = sweep
    assert ran.err == ""
    *lines, jobs, judged, group, best_run, folder, compare = ran.out.splitlines()
    name = runs[0].data.tags["sweep"]
    best = min(runs, key=lambda run: run.data.metrics["validation/loss"])
    value = f"{best.data.metrics['validation/loss']:.4g}"
    assert (jobs, judged) == ("jobs     4", "judged   by validation/loss, lower is better")
    assert group.startswith("best     optimizer=")
    assert "  mean of 2 seeds  validation/loss " in group
    assert best_run.startswith(f"best run {best.info.run_name}  validation/loss {value}  test/loss ")
    assert f"  run {best.info.run_id}  multirun/xor/{name}/" in best_run
    assert folder == f"files    multirun/xor/{name}"
    assert compare == f"compare  chainrule compare {name}"
    assert len(lines) == 4
    least = math.inf
    for number, (line, run) in enumerate(zip(lines, runs, strict=True)):
        done, name, objective, loss, accuracy, seconds, files, *more = line.split("  ")
        assert done == f"{number + 1}/4"
        if run.data.metrics["validation/loss"] < least and number > 0:
            assert more.pop(0) == "the best run so far"
        least = min(least, run.data.metrics["validation/loss"])
        assert [words.endswith(" left") for words in more] == ([] if number == 3 else [True])
        assert name == run.info.run_name
        assert objective == f"validation/loss {run.data.metrics['validation/loss']:.4g}"
        assert float(loss.removeprefix("test/loss ")) == pytest.approx(run.data.metrics["test/loss"], rel=1e-3)
        assert accuracy.startswith("test/binary_accuracy ")
        assert seconds.endswith(" s")
        assert files.endswith(f"/{number}")


def test_each_run_of_a_sweep_records_all_of_it(sweep, store):
    _, runs = sweep
    for run in runs:
        assert run.data.metrics.keys() >= {"test/loss", "best/validation/loss", "train/loss"}
        assert [step for step, _ in store.steps(run, "train/loss")] == [1, 2, 3]
        assert run.data.tags[f"component.optimizer.{run.data.params['optimizer.name']}"]
        assert store.artifacts(run) == {"config.yaml", "overrides.yaml", "model"}
    assert len({run.data.tags["config_digest"] for run in runs}) == 4
    assert len({run.data.tags["weights_digest"] for run in runs}) == 4


def test_seeds_are_compared_on_the_same_data(sweep):
    _, runs = sweep
    assert len({run.data.tags["dataset.digest"] for run in runs}) == 1


def test_a_job_that_fails_leaves_the_others_of_its_sweep_alone(train, store):
    ran = train("-m", "optimizer.lr=0.01,1e38,0.02", *QUICK)
    assert ran.status == 1
    first, second, third, jobs, *_ = ran.out.splitlines()
    assert [line.split("  ")[:2] for line in (first, third)] == [
        ["1/3", "optimizer.lr=0.01"],
        ["3/3", "optimizer.lr=0.02"],
    ]
    assert second.split("  ")[:3] == ["2/3", "optimizer.lr=1e+38", "failed"]
    assert jobs == "jobs     3, 1 failed"
    title, _, heading, _, *rows, _ = ran.err.splitlines()
    assert title.strip() == "1 failed"
    assert heading.replace("┃", " ").split() == ["job", "overrides", "why"]
    cells = [[cell.strip() for cell in row.strip("│").split("│")] for row in rows]
    assert cells[0][:2] == ["1", "optimizer.lr=1e+38"]
    why = " ".join(row[2] for row in cells)
    assert why.startswith("the loss is nan in epoch 2, step 2 ")
    first, second, third = [run for run in store.runs() if run.info.run_name.startswith("optimizer.lr=")]
    assert [run.info.status for run in (first, second, third)] == ["FINISHED", "FAILED", "FINISHED"]
    assert second.data.tags["error"].startswith("NonFiniteError: the loss is nan in epoch 2, step 2 ")
    traceback = store.client.download_artifacts(second.info.run_id, "traceback.txt")
    assert "Traceback (most recent call last):" in Path(traceback).read_text()
    assert [step for step, _ in store.steps(second, "train/loss")] == [1], "what was measured before is there"


def test_a_run_that_fails_ends_with_status_1(train, store):
    ran = train("optimizer.lr=1e38", "tracking.run_name=alone", *QUICK)
    assert ran.status == 1
    assert ran.out == ""
    assert ran.err.startswith("chainrule: the loss is nan in epoch 2, step 2 (batch 1 of 1): ")
    assert ran.err.count("\n") == 1
    [run] = store.runs("attributes.run_name = 'alone'")
    assert run.info.status == "FAILED"
    assert run.data.tags["nonfinite.validation/loss"] == "nan at step 1"


def test_which_store_is_taken(train, store, tmp_path):
    """What the config says, else MLFLOW_TRACKING_URI, else mlflow.db in the working directory."""
    named, variable = (f"sqlite:///{tmp_path}/{name}.db" for name in ("named", "variable"))
    for uri in (named, variable):
        prepare_store(uri, "xor")
    before = len(store.runs())
    assert train("tracking.run_name=a", *QUICK, MLFLOW_TRACKING_URI=variable).status == 0
    shown = train("tracking.run_name=b", f"tracking.uri={named}", *QUICK, MLFLOW_TRACKING_URI=variable).out
    assert shown.splitlines()[-1].endswith(f" --uri {named}")
    names = {uri: [run.info.run_name for run in MlflowClient(uri).search_runs(["1"])] for uri in (named, variable)}
    assert names == {named: ["b"], variable: ["a"]}
    assert len(store.runs()) == before


def test_the_experiment_and_the_run_may_be_named(train, store):
    assert train("tracking.experiment=mine", "tracking.run_name=first", *QUICK).status == 0
    [run] = store.runs("attributes.run_name = 'first'")
    assert store.client.get_experiment(run.info.experiment_id).name == "mine"


def test_configs_of_ones_own(train, store, folder):
    own = folder / "own"
    for name, text in {
        "experiment/mine": """
            # @package _global_
            defaults:
              - override /dataset: moons
              - override /model: mine/narrow
              - override /optimizer: momentum
            name: mine
            seed: 3
            trainer: {epochs: 2}
            """,
        "model/mine/narrow": """
            defaults: [/model/mlp@_here_, _self_]
            hidden: [5, 3]
            """,
    }.items():
        path = own / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(line.removeprefix(" " * 12) for line in text.splitlines()[1:]))
    ran = train("--config-dir", str(own), "experiment=mine", "tracking.figures=false")
    assert ran.status == 0, ran.err
    [run] = store.runs("attributes.run_name = 'mine'")
    assert (
        run.data.params.items()
        >= {
            "dataset.name": "moons",
            "model.hidden": "[5, 3]",
            "optimizer.name": "momentum",
            "optimizer.lr": "0.01",
            "seed": "3",
            "trainer.epochs": "2",
        }.items()
    )
    listed = train("--config-dir", str(own), "--help").out
    assert "experiment: adding, digits, mine, mnist, " in listed
    groups = listed.partition("== Groups (group=option) ==")[2].partition("== Config")[0]
    assert "\n  digits/modern\n  mine/narrow\n  mnist/autoencoder, mnist/classic, mnist/cnn, " in groups
    assert "model/" not in groups, "a folder is no group of its own"


def test_data_of_ones_own_with_classes(train, store, folder):
    rows = np.random.default_rng(0).normal(size=(200, 2))
    table = "".join(f"{a:.4f},{b:.4f},{'above' if a + b > 0 else 'below'}\n" for a, b in rows)
    (folder / "classes.csv").write_text(f"a,b,side\n{table}")
    ran = train(
        *("dataset=csv", "dataset.path=classes.csv", "dataset.target=side", "optimizer.lr=0.05"),
        *("tracking.run_name=classes", "tracking.figures=false"),
    )
    assert ran.status == 0, ran.err
    [run] = store.runs("attributes.run_name = 'classes'")
    assert run.data.metrics["test/binary_accuracy"] > 0.9
    assert run.data.tags["component.loss.binary_cross_entropy"]


def warned(caplog):
    """What a user is told; other libraries log besides, where a test before let them."""
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_names_of_classes_and_columns_are_no_formulas(train, store, folder, caplog):
    rows = np.random.default_rng(0).normal(size=(90, 2))
    table = "".join(f"{a:.4f},{b:.4f},{('$', '$$', '$0-$25k')[i % 3]}\n" for i, (a, b) in enumerate(rows))
    (folder / "prices.csv").write_text(f"$x$,a_{{,range\n{table}")
    options = ["dataset=csv", "dataset.path=prices.csv", "dataset.target=range", "tracking.run_name='$x^{$'"]
    ran = train(*options, *QUICK, "tracking.figures=true")
    assert ran.status == 0, ran.err
    run = store.runs()[-1]
    assert run.info.status == "FINISHED"
    figures = FIGURES
    assert store.artifacts(run, "figures") >= figures
    assert not warned(caplog)


def test_a_picture_that_cannot_be_drawn_fails_no_run(train, store, monkeypatch, caplog):
    def broken(said):
        raise MemoryError("no room")

    monkeypatch.setattr(boundary, "leads", broken)
    ran = train("tracking.run_name=undrawn", *QUICK, "tracking.figures=true")
    assert ran.status == 0, ran.err
    [run] = store.runs("attributes.run_name = 'undrawn'")
    assert run.info.status == "FINISHED"
    assert warned(caplog) == ["decision_boundary.png is not drawn: MemoryError: no room"]
    assert store.artifacts(run, "figures") == FIGURES - {"figures/decision_boundary.png"}


def test_data_of_ones_own_with_numbers(train, store, folder):
    rows = np.random.default_rng(0).normal(size=(200, 2))
    table = "".join(f"{a:.4f},{b:.4f},{3 * a - b + 0.5:.4f}\n" for a, b in rows)
    (folder / "numbers.csv").write_text(f"a,b,y\n{table}")
    ran = train(
        *("dataset=csv", "dataset.path=numbers.csv", "dataset.target=y", "optimizer.lr=0.05"),
        *("tracking.run_name=numbers", "tracking.figures=false"),
    )
    assert ran.status == 0, ran.err
    [run] = store.runs("attributes.run_name = 'numbers'")
    assert run.data.metrics["test/mean_absolute_error"] < 0.3
    assert run.data.tags["component.loss.mse"]


def test_a_list_of_layers_is_trained_and_recorded_by_position(train, store):
    layers = "model.layers=[{name:dense,units:6},tanh,{name:dropout,rate:0.1}]"
    assert train("model=sequential", layers, "tracking.run_name=layers", *QUICK).status == 0
    [run] = store.runs("attributes.run_name = 'layers'")
    assert run.data.params["model.layers.0.units"] == "6"
    assert run.data.params["model.layers.1"] == "tanh"
    assert run.data.params["model.layers.2.rate"] == "0.1"


def test_a_sweep_over_lists(train, store):
    ran = train("-m", "model.hidden=[2],[3,2]", "metrics=[binary_accuracy]", *QUICK)
    assert ran.status == 0, ran.err
    runs = [run for run in store.runs() if run.info.run_name.startswith("model.hidden=")]
    assert [run.info.run_name for run in runs] == ["model.hidden=[2]", "model.hidden=[3,2]"]
    assert [run.data.params["model.hidden"] for run in runs] == ["[2]", "[3, 2]"]


def test_early_stopping_ends_a_run_and_the_report_says_so(train, store):
    ran = train(
        *("callbacks=[early_stopping]", "callbacks.early_stopping.patience=2", "optimizer.lr=1e-12"),
        *("callbacks.early_stopping.min_delta=0.1", "tracking.run_name=early", "tracking.figures=false"),
    )
    assert ran.status == 0, ran.err
    assert "stopped  validation/loss has not improved for 2 epochs\n" in ran.out
    [run] = store.runs("attributes.run_name = 'early'")
    assert [step for step, _ in store.steps(run, "train/loss")] == [1, 2, 3]


def measured(store, name):
    """Whether values of that run have reached the store: then it is in the midst of its training."""
    return any("train/loss" in run.data.metrics for run in store.runs(f"attributes.run_name = '{name}'"))


@pytest.mark.usefixtures("signals_at_default")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_in_the_middle_of_a_run_records_it_as_killed(folder, store, number, status):
    name = f"signal{int(number)}"
    command = [sys.executable, "-m", "chainrule", "train", "trainer.epochs=10000000", "callbacks=[]"]
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    with subprocess.Popen(
        [*command, f"tracking.run_name={name}"], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    ) as running:
        deadline = time.monotonic() + 60
        while not measured(store, name) and time.monotonic() < deadline:
            time.sleep(0.05)
        running.send_signal(number)
        try:
            _, err = running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode == status
    [run] = store.runs(f"attributes.run_name = '{name}'")
    assert run.info.status == "KILLED"
    first, second, last = err.splitlines()
    assert first.startswith("the weights as far as they were trained are in outputs/xor/")
    assert second == f"To go on with it: chainrule resume {run.info.run_id}"
    assert last == "chainrule: interrupted"
    assert store.artifacts(run) == {"config.yaml", "overrides.yaml", "model"}


def test_what_the_test_set_holds_changes_nothing_but_its_own_numbers(train, store, folder):
    """So no choice was made by it."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    y = (x[:, 0] > 0).astype(int)
    arrays = {"x_train": x, "y_train": y, "x_validation": x[:10], "y_validation": y[:10], "x_test": x, "y_test": y}
    np.savez(folder / "right.npz", **arrays)
    np.savez(folder / "wrong.npz", **{**arrays, "y_test": 1 - y})
    runs = {}
    for name in ("right", "wrong"):
        path = f"dataset.path={name}.npz"
        assert train("dataset=npz", path, f"tracking.run_name={name}", *QUICK, "callbacks=[early_stopping]").status == 0
        [runs[name]] = store.runs(f"attributes.run_name = '{name}'")
    right, wrong = runs["right"], runs["wrong"]
    assert right.data.tags["weights_digest"] == wrong.data.tags["weights_digest"]
    timing = {"seconds", "examples_per_second"}
    differs = {key for key, value in right.data.metrics.items() if value != wrong.data.metrics[key]} - timing
    assert differs == {"test/loss", "test/binary_accuracy"}


def test_what_is_said_of_validation_is_of_the_weights_that_are_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["callbacks=[early_stopping]", "callbacks.early_stopping.patience=2", "optimizer.lr=1.0"]
    result = cr.train(["experiment=spirals", "trainer.epochs=50", "tracking=none", "tracking.figures=false", *options])
    assert result.stopped
    assert result.history["validation/loss"][-1] > result.metrics["best/validation/loss"]
    assert result.metrics["validation/loss"] == result.metrics["best/validation/loss"]
    assert result.metrics["validation/accuracy"] != result.history["validation/accuracy"][-1]


def test_threads_are_those_that_the_config_names(train, store):
    assert train("trainer.threads=1", *QUICK).status == 0
    assert store.runs()[-1].data.tags["blas"].endswith(" 1 threads")
