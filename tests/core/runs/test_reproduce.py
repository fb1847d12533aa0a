"""Recorded runs, trained again: equal to the last bit, or what differs is named. Of other people's components:
tests/thirdparty."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from mlflow.tracking import MlflowClient
from safetensors.numpy import load_file

import chainrule as cr
from chainrule.commands.main import main
from chainrule.process.threads import cores
from chainrule.runs.changes import changes, threads_of
from chainrule.tracking.store import prepare_store

pytestmark = pytest.mark.slow

QUICK = ("tracking.figures=false", "callbacks=[nan_guard]")
SHORT = ("trainer.epochs=3", *QUICK)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The working directory of all runs below, with one store."""
    folder = tmp_path_factory.mktemp("runs")
    prepare_store(f"sqlite:///{folder}/mlflow.db", "xor")
    return folder


@pytest.fixture(autouse=True)
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def client(folder):
    return MlflowClient(f"sqlite:///{folder}/mlflow.db")


@pytest.fixture
def reproduce(program_in, folder):
    """``chainrule reproduce``: its exit status, and the last line that it printed."""

    def reproduce(*arguments):
        ran = program_in("reproduce", *arguments, folder=folder)
        return ran.status, (ran.out or ran.err).splitlines()[-1]

    return reproduce


def all_runs(client):
    found = client.search_experiments()
    return {run.info.run_id: run.to_dictionary() for run in client.search_runs([e.experiment_id for e in found])}


# ---- equal

BATCH_NORM = "model.layers=[flatten,{name:dense,units:32},batch_norm,relu,{name:dropout,rate:0.3}]"
EARLY = ("callbacks=[early_stopping]", "callbacks.early_stopping.patience=2")
RUNS = {
    "xor": QUICK,
    "dropout and batch_norm": ("experiment=digits", "model=sequential", BATCH_NORM, *SHORT),
    "weights taken back": ("experiment=spirals", "optimizer.lr=1.0", "tracking.figures=false", *EARLY),
    "float64": ("dataset=moons", "dtype=float64", "regularizer=l2", "schedule=cosine", "seed=7", *SHORT),
    "more epochs than points are kept": ("trainer.epochs=2501", *QUICK, *EARLY, EARLY[1] + "000"),
    "no number": ("optimizer=sgd", "optimizer.lr=1e20", "model.activation=relu", *SHORT[:-1], "callbacks=[]"),
}


@pytest.mark.parametrize("overrides", RUNS.values(), ids=RUNS)
def test_a_run_is_equal_to_the_last_bit(reproduce, client, overrides):
    first = cr.train(overrides)
    before = all_runs(client)
    assert reproduce(first.run_id) == (
        0,
        f"verdict  equal to the last bit: {len(first.metrics) - 2} metrics and the weights",
    )
    assert all_runs(client) == before, "nothing is added to the store"


def test_these_runs_are_what_they_are_called(client):
    """Or the tests above would show less than they say."""
    runs = [client.get_run(run_id) for run_id in all_runs(client)]
    assert any("nonfinite.train/loss" in run.data.tags for run in runs)
    back = [run for run in runs if run.data.params["optimizer.lr"] == "1.0"]
    points = client.get_metric_history(back[0].info.run_id, "validation/loss")
    assert len(points) > len({point.step for point in points}), "measured again after the last epoch"
    long = [run for run in runs if run.data.params["trainer.epochs"] == "2501"]
    assert len(client.get_metric_history(long[0].info.run_id, "train/loss")) < 2000


def test_the_new_run_has_a_folder_of_its_own_and_no_figures(program_in, folder):
    first = cr.train(["trainer.epochs=3", "callbacks=[nan_guard]"])
    ran = program_in("reproduce", first.run_id, folder=folder)
    files = folder / re.search(r"^files +(outputs/reproductions/\S+)$", ran.out, re.MULTILINE)[1]
    assert {path.name for path in files.iterdir()} == {"config.yaml", "overrides.yaml", "model", "checkpoints"}
    then, now = (load_file(place / "model" / "weights.safetensors") for place in (first.folder, files))
    assert {name: array.tobytes() for name, array in then.items()} == {n: a.tobytes() for n, a in now.items()}
    assert yaml.safe_load((files / "config.yaml").read_text())["tracking"]["enabled"] is False


def test_a_job_of_a_sweep_has_its_name_and_shows_its_progress(program_in, folder, client):
    assert program_in("train", "-m", "seed=4,5", "trainer.epochs=2", "tracking.figures=false", folder=folder).err == ""
    [run_id] = [run_id for run_id in all_runs(client) if client.get_run(run_id).info.run_name == "seed=5"]
    ran = program_in("reproduce", run_id, folder=folder)
    assert ran.status == 0
    assert ran.out.startswith(f"seed=5, run {run_id}")
    assert ran.err.startswith("epoch 1/2  loss ")


def test_from_python():
    first = cr.train(SHORT)
    again = cr.reproduce(first.run_id)
    assert isinstance(again, cr.Reproduction)
    assert again.equal
    assert again.differences == {}
    assert again.result.run_id is None
    assert again.result.network.parameters.theta.tobytes() == first.network.parameters.theta.tobytes()
    metrics = {metric.name: metric for metric in again.metrics}
    assert metrics.keys() == first.metrics.keys() - {"seconds", "examples_per_second"}
    assert metrics["train/loss"].recorded == metrics["train/loss"].again == first.metrics["train/loss"]
    assert (metrics["train/loss"].steps, metrics["test/loss"].steps) == (3, 1)
    other = cr.train([*SHORT, "seed=1"])
    assert cr.reproduce(other.run_id).weights[1] != again.weights[1]


def test_a_store_may_be_named(program_in, folder, tmp_path):
    first = cr.train(SHORT)
    assert program_in("reproduce", first.run_id, folder=tmp_path).status == 2, "there is none"
    ran = program_in("reproduce", first.run_id, "--uri", f"sqlite:///{folder}/mlflow.db", folder=tmp_path)
    assert ran.status == 0
    assert [path.name for path in tmp_path.iterdir()] == ["outputs"]


def test_an_older_record_without_some_options(client, reproduce):
    first = cr.train(SHORT)
    config = yaml.safe_load((first.folder / "config.yaml").read_text())
    del config["trainer"]["threads"], config["tracking"]["figures"], config["objective"]
    client.log_text(first.run_id, yaml.safe_dump(config), "config.yaml")
    for tag in ("blas", "python.version"):
        client.delete_tag(first.run_id, tag)
    assert reproduce(first.run_id)[0] == 0


# ---- not equal


def table(path, rows):
    path.write_text("a,b,side\n" + "".join(f"{a:.4f},{b:.4f},{int(a + b > 0)}\n" for a, b in rows))


def test_a_data_file_that_was_changed_is_named(program_in, folder):
    rows = np.random.default_rng(0).normal(size=(200, 2))
    table(folder / "mine.csv", rows)
    first = cr.train(["dataset=csv", "dataset.path=mine.csv", "dataset.target=side", *SHORT])
    assert cr.reproduce(first.run_id).differences == {}
    rows[:, 0] *= 1.01
    table(folder / "mine.csv", rows)
    ran = program_in("reproduce", first.run_id, folder=folder)
    assert ran.status == 1
    assert re.search(
        r"verdict  not equal: \d+ of 11 metrics differ, the weights differ; here differs: data digest\n$", ran.out
    )
    assert re.search(r"│ train/loss .* 0 of 3 │", ran.out)
    again = cr.reproduce(first.run_id)
    assert not again.equal
    then, now = again.differences["data digest"]
    assert then != now


def test_where_the_new_run_fails_what_differs_is_said_before(client, caplog):
    first = cr.train(SHORT)
    text = (first.folder / "config.yaml").read_text()
    client.log_text(first.run_id, re.sub(r"\blr: .*", "lr: 1e+38", text), "config.yaml")
    client.set_tag(first.run_id, "numpy.version", "1.0")
    with pytest.raises(cr.NonFiniteError):
        cr.reproduce(first.run_id)
    said = [record.getMessage() for record in caplog.records if record.name == "chainrule.runs.reproduce"]
    assert said == [f"numpy: recorded was 1.0, here it is {np.__version__}"]


def test_another_number_of_threads_is_named(program_in, folder):
    """Whether the bits are the same then, is what is found."""
    first = cr.train(["experiment=digits", "trainer.threads=1", *SHORT])
    again = cr.reproduce(first.run_id, threads=2)
    assert again.differences == {"threads": ("1", "2")}
    ran = program_in("reproduce", first.run_id, "--threads", "2", folder=folder)
    assert ran.status == (0 if again.equal else 1)
    assert re.search(r"verdict  (equal|not equal).*differs: threads\n$", ran.out)


def test_without_a_number_of_threads_in_the_config_it_takes_as_many_as_the_run_had(client):
    first = cr.train(SHORT)
    tag = client.get_run(first.run_id).data.tags["blas"]
    client.set_tag(first.run_id, "blas", re.sub(r"\d+ threads", "2 threads", tag))
    again = cr.reproduce(first.run_id)
    assert again.differences == {}
    assert yaml.safe_load((again.result.folder / "config.yaml").read_text())["trainer"]["threads"] == 2


def test_a_run_with_more_threads_than_there_are_cores_here_is_reproduced_with_those(client):
    first = cr.train(SHORT)
    tag = client.get_run(first.run_id).data.tags["blas"]
    client.set_tag(first.run_id, "blas", re.sub(r"\d+ threads", "99 threads", tag))
    assert cr.reproduce(first.run_id).differences == {"threads": ("99", str(cores()))}


@pytest.fixture
def run(client):
    return client.get_run(cr.train(SHORT).run_id)


@pytest.mark.parametrize(("metric", "step"), [("test/loss", 3), ("train/loss", 2), ("train/loss", 4)])
def test_a_metric_that_was_tampered_with(run, client, reproduce, metric, step):
    client.log_metric(run.info.run_id, metric, run.data.metrics[metric] * (1 + 2**-52), step=step)
    assert reproduce(run.info.run_id) == (
        1,
        "verdict  not equal: 1 of 11 metrics differ, the weights are equal; nothing that is recorded of its "
        "environment differs here",
    )
    [unequal] = [metric for metric in cr.reproduce(run.info.run_id).metrics if metric.differs]
    assert (unequal.name, unequal.differs) == (metric, (step,))


def test_a_metric_that_is_not_measured_again(run, client):
    client.log_metric(run.info.run_id, "test/f1", 0.5, step=3)
    [unequal] = [metric for metric in cr.reproduce(run.info.run_id).metrics if metric.differs]
    assert (unequal.name, unequal.recorded, unequal.again) == ("test/f1", 0.5, None)


def test_a_value_that_was_no_number_then(run, client):
    client.set_tag(run.info.run_id, "nonfinite.train/loss", "nan at step 2")
    [unequal] = [metric for metric in cr.reproduce(run.info.run_id).metrics if metric.differs]
    assert (unequal.name, unequal.differs) == ("train/loss", (2,))


def test_fewer_epochs_than_there_are_now(run, client):
    text = Path(client.download_artifacts(run.info.run_id, "config.yaml")).read_text()
    client.log_text(run.info.run_id, text.replace("epochs: 3", "epochs: 4"), "config.yaml")
    again = cr.reproduce(run.info.run_id)
    assert not again.equal
    assert {metric.name: metric.differs for metric in again.metrics}["train/loss"] == (4,)


def test_other_weights(run, client, reproduce):
    client.set_tag(run.info.run_id, "weights_digest", "0" * 64)
    status, said = reproduce(run.info.run_id)
    assert status == 1
    assert said.startswith("verdict  not equal: 0 of 11 metrics differ, the weights differ; nothing that is recorded")
    client.delete_tag(run.info.run_id, "weights_digest")
    assert not cr.reproduce(run.info.run_id).equal, "what was not recorded is not known to be equal"


# ---- refused


def test_a_run_that_is_not_there(reproduce):
    status, said = reproduce("nothing")
    assert (status, said) == (
        2,
        'chainrule: there is no run "nothing" in this store; chainrule ui shows what is there',
    )


@pytest.mark.parametrize("status", ["RUNNING", "FAILED", "KILLED"])
def test_a_run_that_has_not_finished(run, client, reproduce, status):
    client.update_run(run.info.run_id, status=status)
    assert reproduce(run.info.run_id) == (
        2,
        f"chainrule: the run {run.info.run_id} is {status}; only one that is FINISHED has results to compare with",
    )


def test_a_run_without_its_config(client, reproduce):
    other = client.create_run("1").info.run_id
    client.set_terminated(other)
    status, said = reproduce(other)
    assert status == 2
    assert said.startswith(f"chainrule: the run {other} has no file config.yaml in /")


def test_a_component_that_is_not_installed(run, client, reproduce):
    client.set_tag(run.info.run_id, "component.layer.lost", "acme-parts 1.2")
    assert reproduce(run.info.run_id) == (
        2,
        'chainrule: layer "lost" came from acme-parts 1.2, which is not installed here: pip install acme-parts==1.2',
    )


def test_a_number_of_threads_that_is_none(run, reproduce, capsys):
    status, said = reproduce(run.info.run_id, "--threads", "0")
    assert (status, said) == (2, "chainrule: threads: got 0, expected a whole number, 1 or more")
    with pytest.raises(SystemExit, match="2"):
        main(["reproduce", "--threads", "x", "abc"])
    assert "invalid int value: 'x'" in capsys.readouterr().err


# ---- what differs between two environments


def blas(text):
    return {"blas": text}


@pytest.mark.parametrize(
    ("then", "here", "expected"),
    [
        ("openblas 0.3.30, 2 threads", "openblas 0.3.31, 1 threads", {"BLAS", "threads"}),
        ("openblas 0.3.31 Haswell, 2 threads", "openblas 0.3.31 SkylakeX, 2 threads", {"BLAS kernels"}),
        ("openblas 0.3.31, 2 threads", "openblas 0.3.31 SkylakeX, 2 threads", set()),
        ("openblas 0.3.31, 2 threads", "openblas 0.3.30, 2 threads; openblas 0.3.31, 2 threads", set()),
        ("mkl 2025.1, 2 threads", "openblas 0.3.31 SkylakeX, 2 threads", {"BLAS"}),
        ("openblas None, 1 threads", "", set()),
    ],
)
def test_libraries_that_multiply_matrices(then, here, expected):
    assert changes(blas(then), blas(here)).keys() == expected


def test_the_threads_that_a_record_tells():
    assert threads_of(blas("openblas 0.3.30, 2 threads; openblas 0.3.31 SkylakeX, 2 threads")) == 2
    assert threads_of(blas("")) is None
    assert threads_of({}) is None


def test_only_what_both_tell_is_compared_and_not_how_the_program_was_called():
    then = {"numpy.version": "2.1", "mlflow.source.name": "a", "mlflow.user": "b", "python.version": "3.11.2"}
    here = {"numpy.version": "2.4", "mlflow.source.name": "c", "mlflow.user": "d", "processor": "new"}
    assert changes(then, here) == {"numpy": ("2.1", "2.4")}


def test_names_are_for_people():
    then = {"dataset.digest": "1", "mlflow.source.git.commit": "2", "git.dirty": "true", "processor": "old"}
    found = changes(then, dict.fromkeys(then, "new"))
    assert [*found] == ["data digest", "git commit", "processor", "uncommitted changes"]


def test_packages_of_components():
    then = {"component.layer.dense": "chainrule 0.0.9", "component.loss.mse": "acme 2"}
    then |= {"component.optimizer.sgd": f"chainrule {cr.__version__}"}
    assert changes(then, {}) == {
        "chainrule": ("0.0.9", cr.__version__),
        "loss.mse": ("acme 2", f"chainrule {cr.__version__}"),
    }
