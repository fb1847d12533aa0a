"""The life of a run, read back from a real SQLite store."""

import contextlib
import hashlib
import itertools
import json
import logging
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.utils import validation

from chainrule import TrackingError
from chainrule.process.liveness import is_gone
from chainrule.tracking import delivery, tags, tracking
from chainrule.tracking import run as recording
from chainrule.tracking import series as thinning
from chainrule.tracking.environment import environment
from chainrule.tracking.nothing import NoTracking
from chainrule.tracking.records import batch, deliver
from chainrule.tracking.resending import resend
from chainrule.tracking.store import prepare_store

# MLflow's own models use a loader strategy that SQLAlchemy 2.1 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    uri = f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"
    prepare_store(uri, "xor")
    return uri


@pytest.fixture
def record(uri, tmp_path):
    """Records a run, and gives it back as the store has it."""

    def record(during=lambda run: None, **given):
        described = {"name": "n", "params": {}, "tags": {}, "dataset": ("xor", "d" * 64), "folder": tmp_path, **given}
        with tracking.Tracking(uri, "xor").run(**described) as run:
            during(run)
        return MlflowClient(uri).get_run(run.run_id)

    return record


def points(uri, run, key):
    return [(metric.step, metric.value) for metric in MlflowClient(uri).get_metric_history(run.info.run_id, key)]


def test_a_run_holds_what_was_recorded(uri, record, tmp_path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "loss.png").write_bytes(b"png")
    (tmp_path / "config.yaml").write_text("seed: 0\n")
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "hydra.yaml").write_text("")

    def during(run):
        for epoch in range(1, 31):
            run.log({"train/loss": 1 / epoch, "validation/loss": np.float32(2 / epoch)}, step=epoch)
        run.summary({"train/loss": 1 / 30, "best/validation/loss": 0.5}, step=30)
        run.tag("weights_digest", "abc")
        run.artifacts(tmp_path)
        run.text("hello", "notes.txt")

    params = {"optimizer.lr": 0.1, "model.hidden": [4, 4], "loss": None}
    run = record(during, name="lr=0.1", params=params, tags={"sweep": "s1"})
    assert run.info.status == "FINISHED"
    assert run.info.end_time >= run.info.start_time
    assert run.info.run_name == "lr=0.1"
    assert run.data.params == {"optimizer.lr": "0.1", "model.hidden": "[4, 4]", "loss": "None"}
    assert run.data.tags["sweep"] == "s1"
    assert run.data.tags["weights_digest"] == "abc"
    assert points(uri, run, "train/loss") == [(epoch, 1 / epoch) for epoch in range(1, 31)]
    assert len(points(uri, run, "validation/loss")) == 30
    assert points(uri, run, "best/validation/loss") == [(0, 0.5)], "MLflow draws what is at step 0 as a bar"
    files = {file.path for file in MlflowClient(uri).list_artifacts(run.info.run_id)}
    assert files == {"config.yaml", "figures", "notes.txt"}
    [dataset] = [used.dataset for used in run.inputs.dataset_inputs]
    assert (dataset.name, dataset.digest) == ("xor", "d" * 8)
    assert run.data.tags["dataset.digest"] == "d" * 64


def test_artifacts_lie_beside_the_store(uri, record):
    run = record(lambda run: run.text("hello", "notes.txt"))
    folder = Path(uri.removeprefix("sqlite:///")).parent / "mlartifacts"
    assert (folder / run.info.run_id / "artifacts" / "notes.txt").read_text() == "hello"


def test_tags_say_what_ran(record):
    tags = record().data.tags
    assert tags["numpy.version"] == np.__version__
    assert tags["python.version"] == ".".join(map(str, sys.version_info[:3]))
    assert tags["chainrule.version"]
    assert not is_gone(tags["process"])
    assert tags["processor"].split(" (family")[0]
    cpu = Path("/proc/cpuinfo")
    if cpu.exists() and "cpu family" in cpu.read_text():  # what tells generations of one name apart
        assert re.search(r" \(family \d+, model \d+\)$", tags["processor"])
    assert tags["mlflow.user"]
    assert tags["mlflow.source.name"]


@pytest.mark.parametrize(("value", "said"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
def test_a_value_that_is_not_finite_becomes_a_tag(uri, record, value, said):
    def during(run):
        run.log({"train/loss": 1.0}, step=1)
        run.log({"train/loss": value}, step=2)
        run.log({"train/loss": value}, step=3)

    run = record(during)
    assert points(uri, run, "train/loss") == [(1, 1.0)]
    assert run.data.tags["nonfinite.train/loss"] == f"{said} at step 2"


def test_limits_are_those_of_the_installed_mlflow():
    assert tags.PARAM_LENGTH == validation.MAX_PARAM_VAL_LENGTH
    assert tags.TAG_LENGTH == validation.MAX_TAG_VAL_LENGTH
    assert tags.DIGEST_LENGTH <= validation.MAX_DATASET_DIGEST_SIZE
    assert tags.KEY_LENGTH == validation.MAX_ENTITY_KEY_LENGTH


def test_what_is_cut_ends_with_a_digest_of_the_whole(record):
    """Else two values that differ beyond the cut would be one."""
    long = {"params": 7000, "tags": 9000, "name": 300, "digest": 50}
    ends = {key: {end: end * length for end in "xy"} for key, length in long.items()}
    runs = {}
    for end in "xy":
        p, t, n, d = ("a" * 8000 + ends[key][end] for key in long)
        runs[end] = record(params={"layers": p, "k" * 300 + end: 1}, tags={"note": t}, name=n, dataset=("xor", d))
        [given] = runs[end].inputs.dataset_inputs
        stored = {6000: runs[end].data.params["layers"], 8000: runs[end].data.tags["note"]}
        stored[250] = runs[end].info.run_name
        assert given.dataset.digest == hashlib.sha256(d.encode()).hexdigest()[:8]
        for (length, text), whole in zip(stored.items(), (p, t, n)):
            assert text == "a" * (length - 17) + "…" + hashlib.sha256(whole.encode()).hexdigest()[:16]
    keys = [{key for key in run.data.params if key != "layers"} for run in runs.values()]
    assert keys[0] != keys[1]
    assert all(len(key) == 250 and key.startswith("k" * 233 + "_") for [key] in keys)


def test_two_sweeps_with_nearly_one_name_are_two():
    names = ["a@b", "a_b", "a/b", "z" * 255, "z" * 254 + "y", "2026-11-29_00-37-09-123456"]
    keys = [tags.reused_tag(name) for name in names]
    assert len(set(keys)) == len(names)
    assert keys[-1] == "sweep.2026-11-29_00-37-09-123456"
    texts = {key: tags.reused_text(name, 7) for key, name in zip(keys, names)}
    assert tags.reusing_sweeps(texts) == [(name, 7) for name in names]


def test_text_that_no_database_holds_is_changed_and_stays_told_apart(uri, record):
    """A NUL, which PostgreSQL refuses, and half a character, which UTF-8 cannot write: of a file name on Linux."""

    def during(run):
        run.text("\udcff", "notes.txt")

    runs = [record(during, name=f"n{odd}", params={"p": odd}) for odd in "\0\udcff"]
    shown = [run.data.params["p"] for run in runs]
    assert [text[:2] for text in shown] == ["\ufffd…"] * 2
    assert shown[0] != shown[1]
    assert [run.info.run_name[:3] for run in runs] == ["n\ufffd…"] * 2
    assert MlflowClient(uri).list_artifacts(runs[0].info.run_id)[0].path == "notes.txt"


def test_a_command_line_of_any_length_is_recorded(uri, record, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(sys, "argv", ["chainrule", "train", "x" * 100_000])
    environment.cache_clear()
    run = record()
    environment.cache_clear()
    assert len(run.data.tags["mlflow.source.name"]) == 8000
    assert run.inputs.dataset_inputs
    assert not caplog.text


def test_more_params_than_one_request_takes(record):
    assert len(record(params={f"p{i}": i for i in range(250)}).data.params) == 250


def test_names_that_mlflow_refuses_are_changed_to_ones_that_it_takes(uri, record):
    names = ["top@5", "a=b", "layers[0]", "a//b", "../x", "/abs", "tail/", ".", "é:", "k" * 300, "x" * 249 + "/y"]
    run = record(
        lambda run: run.log(dict.fromkeys(names, 1.0), step=0), params=dict.fromkeys(names, 1), tags={"a@b": "1"}
    )

    def long(name):
        return f"{name[:233]}_{hashlib.sha256(name.encode()).hexdigest()[:16]}"

    taken = {"top_5", "a_b", "layers_0_", "a/b", "x", "abs", "tail", "_", "é_", long("k" * 300), long("x" * 249 + "/y")}
    assert set(run.data.metrics) == taken
    assert set(run.data.params) == taken
    assert run.data.tags["a_b"] == "1"


def test_many_points_are_thinned_and_the_last_is_kept(uri, record):
    def during(run):
        for step in range(10_000):
            run.log({"loss": step}, step=step)

    steps = [step for step, _ in points(uri, record(during), "loss")]
    strides = [range(1000), range(1000, 2000, 2), range(2000, 4000, 4), range(4000, 8000, 8), range(8000, 10_000, 16)]
    assert steps == [*itertools.chain(*strides), 9_999]


@given(st.lists(st.booleans(), min_size=1, max_size=300))
def test_however_points_are_sent_their_number_is_bounded(flushes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thinning, "POINTS", 8)
        series = thinning.Series()
        sent = []
        for step, flush in enumerate(flushes):
            series.add(0.0, 0, step)
            if flush:
                sent += series.take(last=False)
                series.clear()
        sent += series.take(last=True)
    steps = [step for _, _, step in sent]
    assert steps == sorted(set(steps))
    assert steps[0] == 0
    assert steps[-1] == len(flushes) - 1
    assert len(steps) <= 8 + 4 * np.ceil(np.log2(max(1, len(flushes) / 8))) + 1
    assert set(steps) == set(thinned(len(flushes))), "whenever they were sent"


def thinned(count: int) -> list[int]:
    """Of the first 8 each, of as many again every second, of twice as many every fourth, and so on; and the last."""
    strides = [next(stride for stride in (2**k for k in range(20)) if step < 8 * stride) for step in range(count)]
    return [step for step, stride in enumerate(strides) if step % stride == 0 or step == count - 1]


def test_values_reach_the_store_while_training_goes_on(uri, record):
    seen = []

    def during(run):
        run.log({"loss": 1.0}, step=1)
        run.tag("stage", "two")
        run.log({"loss": 0.5}, step=2)
        while not seen or (seen[-1].data.metrics, seen[-1].data.tags.get("stage")) != ({"loss": 0.5}, "two"):
            seen.append(MlflowClient(uri).get_run(run.run_id))

    run = record(during)
    assert seen[-1].info.status == "RUNNING"
    assert points(uri, run, "loss") == [(1, 1.0), (2, 0.5)]


def ended_with(uri, tmp_path, error):
    described = {"name": "n", "params": {}, "tags": {}, "dataset": ("xor", "d"), "folder": tmp_path}
    runs = []

    def train():
        with tracking.Tracking(uri, "xor").run(**described) as run:
            runs.append(run.run_id)
            run.log({"loss": 1.0}, step=1)
            raise error

    with pytest.raises(type(error)):
        train()
    return MlflowClient(uri).get_run(runs[0])


def test_a_run_that_raises_is_failed_with_its_traceback(uri, tmp_path):
    run = ended_with(uri, tmp_path, ValueError("two\nlines"))
    assert run.info.status == "FAILED"
    assert run.data.metrics == {"loss": 1.0}
    assert run.data.tags["error"] == "ValueError: two lines"
    path = MlflowClient(uri).download_artifacts(run.info.run_id, "traceback.txt", str(tmp_path))
    text = Path(path).read_text()
    assert text.startswith("Traceback (most recent call last)")
    assert "raise error" in text
    assert text.endswith("ValueError: two\nlines\n")


def test_an_interrupted_run_is_killed(uri, tmp_path):
    run = ended_with(uri, tmp_path, KeyboardInterrupt())
    assert run.info.status == "KILLED"
    assert run.data.metrics == {"loss": 1.0}
    assert run.data.tags["error"] == "KeyboardInterrupt"


def test_finishing_twice_changes_nothing(uri, record):
    run = record(lambda run: run.finish(ValueError("first")))
    assert run.info.status == "FAILED"


def test_what_the_store_does_not_take_is_kept_and_sent_later(uri, record, tmp_path, caplog):
    missing = tmp_path / "figure.png"

    def during(run):
        run.artifact(missing)
        run.artifact(missing)
        run.log({"loss": 1.0}, step=1)
        while not caplog.messages:  # of the thread beside; the test's own limit ends it
            time.sleep(0.01)

    run = record(during)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"loss": 1.0}
    first, last = [entry.getMessage() for entry in caplog.records if entry.levelno == logging.WARNING]
    kept = tmp_path / f"unsent-{run.info.run_id}.jsonl"
    assert str(missing) in first
    assert f"is kept in {kept}" in first
    assert last.startswith("2 records of this run do not arrive in MLflow: No such file or directory:")
    assert last.endswith(f"Send them later with: chainrule resend {kept}")
    with pytest.raises(TrackingError, match=r"^2 records that a run kept do not arrive in MLflow: No such file"):
        resend(kept)
    missing.write_bytes(b"png")
    assert resend(kept) == 2
    assert not kept.exists()
    assert [file.path for file in MlflowClient(uri).list_artifacts(run.info.run_id)] == ["figure.png"]


def test_what_does_not_arrive_is_heard_of_where_a_user_asked_for_asynchronous_logging(uri, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_LOGGING", "true")
    with pytest.raises(MlflowException, match="not found"):
        deliver(MlflowClient(uri), "0" * 32, batch([("loss", 1.0, 0, 1)], {}), tmp_path)
    with pytest.raises(TrackingError, match="not found"):
        tracking.Tracking(uri, "xor").reused_by("a sweep", "0" * 32, None)


def test_what_is_kept_is_sent_after_its_project_has_moved(tmp_path):
    old, moved = tmp_path / "old", tmp_path / "moved"
    described = {"name": "n", "params": {}, "tags": {}, "dataset": ("xor", "d"), "folder": old / "runs" / "1"}
    with tracking.Tracking(f"sqlite:///{old}/mlflow.db", "xor").run(**described) as run:
        run.artifact(old / "runs" / "1" / "figures" / "late.png")
    old.rename(moved)
    (moved / "runs" / "1" / "figures").mkdir()
    (moved / "runs" / "1" / "figures" / "late.png").write_bytes(b"png")
    kept = moved / "runs" / "1" / f"unsent-{run.run_id}.jsonl"
    program = "import pathlib, sys; from chainrule.tracking.resending import resend; resend(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", program, kept], check=True)  # MLflow remembers a run's folder in its process
    assert not kept.exists()
    assert (moved / "mlartifacts" / run.run_id / "artifacts" / "figures" / "late.png").exists()


def test_only_what_did_not_arrive_stays_kept(uri, record, tmp_path):
    run = record()
    kept = tmp_path / "kept.jsonl"
    making = {"experiment": "xor", "name": "n", "tags": {}, "start_time": 1}
    head = {"uri": uri, "run_id": run.info.run_id, "folder": ".", "making": making}
    good = {"metrics": [["loss", 1.0, 1, 1]], "params": {}, "tags": {"late": "yes"}}
    bad = {"artifact": str(tmp_path / "missing.png")}
    kept.write_text("".join(json.dumps(line) + "\n" for line in (head, bad, good)))
    with pytest.raises(TrackingError, match=r"^1 records"):
        resend(kept)
    assert [json.loads(line) for line in kept.read_text().splitlines()][1:] == [bad]
    assert MlflowClient(uri).get_run(run.info.run_id).data.tags["late"] == "yes"


def test_kept_records_are_for_their_owner_alone(record, tmp_path):
    record(lambda run: run.artifact(tmp_path / "missing.png"))
    [kept] = tmp_path.iterdir()
    assert kept.stat().st_mode & 0o077 == 0


def test_runs_of_one_folder_keep_their_own(record, tmp_path):
    runs = [record(lambda run: run.artifact(tmp_path / "missing.png")) for _ in range(2)]
    heads = [json.loads(path.read_text().splitlines()[0])["run_id"] for path in tmp_path.iterdir()]
    assert sorted(heads) == sorted(run.info.run_id for run in runs)


@pytest.mark.parametrize(
    "content", ["", "hello\n", "[]\n", '{"uri": "sqlite:///x"}\n', '{"uri": "x", "run_id": "y"}\n{"\n', '{"uri"']
)
def test_resending_another_file_says_so(tmp_path, content):
    path = tmp_path / "other.txt"
    path.write_text(content)
    with pytest.raises(TrackingError, match=r"other\.txt does not hold what a run kept for later"):
        resend(path)


def test_passwords_in_uris_are_not_recorded(record, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/bin/chainrule", "train", "tracking.uri=https://me:secret@host"])
    environment.cache_clear()
    run = record(params={"data.url": "https://me:secret@host/data"}, tags={"from": "https://me:secret@host"})
    environment.cache_clear()
    assert run.data.params["data.url"] == "https://***@host/data"
    assert run.data.tags["mlflow.source.name"] == "chainrule train 'tracking.uri=https://***@host'"
    assert "secret" not in str(run.to_dictionary())


def git(folder, *arguments):
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    run = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return run.stdout.strip()


def test_the_commit_is_that_of_the_directory(tmp_path):
    def tags():
        environment.cache_clear()
        found = environment(tmp_path)
        return found.get("mlflow.source.git.commit"), found.get("git.dirty")

    assert tags() == (None, None)
    git(tmp_path, "init")
    assert tags() == (None, None)
    (tmp_path / "train.py").write_text("1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert tags() == (commit, "false")
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "log").write_text("")
    assert tags() == (commit, "false")
    (tmp_path / "train.py").write_text("2\n")
    assert tags() == (commit, "true")


def test_a_repository_runs_no_program_of_its_own(tmp_path):
    git(tmp_path, "init")
    hook = tmp_path / "hook"
    hook.write_text("#!/bin/sh\ntouch ran\n")
    hook.chmod(0o755)
    git(tmp_path, "config", "core.fsmonitor", str(hook))
    environment.cache_clear()
    environment(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_without_git_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    environment.cache_clear()
    assert "mlflow.source.git.commit" not in environment(tmp_path)


def test_where_is_the_command_that_opens_the_run(uri, tmp_path, monkeypatch):
    described = {"name": "n", "params": {}, "tags": {}, "dataset": ("xor", "d"), "folder": tmp_path}
    with tracking.Tracking(uri, "xor").run(**described) as run:
        pass
    assert run.where == f"chainrule ui {run.run_id} --uri {uri}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with tracking.Tracking(uri, "xor").run(**described) as run:
        pass
    assert run.where == f"chainrule ui {run.run_id}"


def test_options_choose_store_and_experiment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    chosen = tracking.tracking_of({"enabled": True, "uri": None, "experiment": "xor"})
    assert (chosen.uri, chosen.experiment) == (f"sqlite:///{tmp_path}/mlflow.db", "xor")
    assert tracking.tracking_of({"enabled": True, "uri": "sqlite:///a.db", "experiment": "e"}).uri.endswith("/a.db")


def test_no_tracking_has_the_same_interface_and_records_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nothing = tracking.tracking_of({"enabled": False, "uri": None, "experiment": "xor"})
    nothing.warm_up()
    nothing.prepare()
    with nothing.run(name="n", params={}, tags={}, dataset=("xor", "d"), folder=tmp_path) as run:
        run.log({"loss": 1.0}, step=1)
        run.summary({"loss": 1.0}, step=1)
        run.tag("a", "b")
        run.artifact(tmp_path)
        run.artifacts(tmp_path)
        run.text("a", "b")
    assert (run.run_id, run.where) == (None, None)
    assert not list(tmp_path.iterdir())
    for real, other in ((tracking.Tracking, NoTracking), (recording.Run, recording.NoRun)):
        public = {name for name in vars(real) if not name.startswith("_")}
        assert public - {"start", "go_on", "finish"} <= set(dir(other))


def test_an_error_in_the_making_of_a_run_is_told_in_two_lines(uri, tmp_path):
    class Unknown(tracking.Tracking):
        def prepare(self):
            return "999"

    described = {"name": "n", "params": {}, "tags": {}, "dataset": ("xor", "d"), "folder": tmp_path}
    with pytest.raises(TrackingError) as caught, Unknown(uri, "xor").run(**described):
        pass
    assert len(str(caught.value).splitlines()) == 2
    assert "No Experiment with id=999 exists" in str(caught.value)


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_full_disk_leaves_the_way_to_the_status_open(uri, tmp_path, monkeypatch, caplog, elsewhere):
    """What cannot be sent cannot be kept in the run's folder: that is below a file. A temporary folder takes it, or
    none does."""
    (tmp_path / "kept").write_text("")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("temporary" if elsewhere else "kept")))
    monkeypatch.setattr(delivery, "LOCAL_QUIET_SECONDS", 0.5)
    monkeypatch.setattr(delivery, "LOCAL_HURRIED_QUIET_SECONDS", 0.5)
    described = {"name": "n", "params": {}, "tags": {}, "dataset": ("xor", "d"), "folder": tmp_path / "kept" / "folder"}
    missing = tmp_path / "missing"
    with tracking.Tracking(uri, "xor").run(**described) as run:
        run.artifact(missing)
    assert MlflowClient(uri).get_run(run.run_id).info.status == "FINISHED"
    kept = tmp_path / "temporary" / f"unsent-{run.run_id}.jsonl"
    last = caplog.messages[-1]
    if not elsewhere:
        assert last.startswith("1 records of this run do not arrive in MLflow (No such file or directory: ")
        assert last.endswith("and are lost")
        return
    assert last.endswith(f"chainrule resend {kept}")
    missing.write_text("there now")
    assert resend(kept) == 1


@pytest.mark.parametrize("another", [False, True])
def test_a_run_whose_database_was_deleted_is_made_anew(uri, tmp_path, monkeypatch, caplog, another):
    """With all that it told, also what had arrived."""
    monkeypatch.setattr(delivery, "LOCAL_HURRIED_QUIET_SECONDS", 0.2)
    first = Path(uri.removeprefix("sqlite:///"))
    database = tmp_path / "store" / "mlflow.db"
    database.parent.mkdir()
    shutil.copy(first, database)
    there = f"sqlite:///{database}"
    described = {"name": "n", "params": {"lr": 0.1}, "tags": {"a": "b"}, "dataset": ("xor", "d"), "folder": tmp_path}
    with tracking.Tracking(there, "xor").run(**described) as run:
        run.log({"loss": 1.0}, step=1)
        while "loss" not in MlflowClient(there).get_run(run.run_id).data.metrics:
            time.sleep(0.01)
        database.unlink()
        if another:
            shutil.copy(first, database)
        run.log({"loss": 0.5}, step=2)
    kept = tmp_path / f"unsent-{run.run_id}.jsonl"
    said, how = caplog.messages[-1].splitlines()
    assert said.endswith("records of this run do not arrive in MLflow: the run or its database was deleted")
    assert how == f"Make it anew with: chainrule resend {kept} --anew"
    program = [sys.executable, "-m", "chainrule", "resend", str(kept)]  # MLflow has the deleted file open, in here
    told = subprocess.run(program, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert told.stderr == (
        f"chainrule: the run {run.run_id} is not there any more: it or its database was deleted\n"
        f"To make it anew, of what was kept: chainrule resend {kept} --anew\n"
    )
    subprocess.run([*program, "--anew"], check=True)
    assert not kept.exists()
    with contextlib.closing(sqlite3.connect(database)) as made:
        asked = "SELECT name, status, run_uuid FROM runs WHERE name = 'n' ORDER BY start_time DESC LIMIT 1"
        ((_, status, made_id),) = made.execute(asked)
        points = made.execute("SELECT step, value FROM metrics WHERE run_uuid = ? ORDER BY step", (made_id,)).fetchall()
        params = made.execute("SELECT key, value FROM params WHERE run_uuid = ?", (made_id,)).fetchall()
    assert (status, points, params) == ("FINISHED", [(1, 1.0), (2, 0.5)], [("lr", "0.1")])
