"""What is secret stays here: in no record and no message, and with no host but the one that the environment names."""

import http.server
import os
import subprocess
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.tracking import MlflowClient

from chainrule.errors import TrackingError
from chainrule.redaction import override_without_secrets, redacted, without_secrets
from chainrule.tracking import environment, store, uris
from chainrule.tracking.tags import TAG_LENGTH, capped

# MLflow's own models use a loader strategy that SQLAlchemy 2.1 deprecates.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
]
SECRET = "hunter2-is-a-secret"
TEXTS = """
postgresql://me:HIDE@host/runs
http://HIDE@host:5000
mysql+pymysql://me:a/HIDE@host/x
https://x-access-token:HIDE@github.com/me/repository.git
postgresql://host/x?user=me&password=HIDE
dataset.password=HIDE seed=1
+dataset.db_password='HIDE'
"api_key": "HIDE", "seed": 1
{name: csv, hf_token: HIDE}
dataset={name: csv, credentials: HIDE, a: 1}
dataset.password: got "HIDE", expected a number
AWS_SECRET_ACCESS_KEY=HIDE
PGPASSWORD=HIDE
of the environment: HIDE
"""


@pytest.mark.parametrize("text", TEXTS.strip().splitlines())
def test_no_text_holds_a_secret(monkeypatch, text):
    if text.startswith("of the environment"):
        monkeypatch.setenv("SOMEBODYS_API_KEY", SECRET)
    assert SECRET not in redacted(text.replace("HIDE", SECRET))
    assert "***" in redacted(text.replace("HIDE", SECRET))


PLAIN = ["http://host:5000/#/a@b", "sqlite:////a/b:c@d/e.db", "max_tokens=3", 'there is no key "token". Known: a, b']


@pytest.mark.parametrize("text", PLAIN)
def test_other_text_stays(text):
    assert redacted(text) == text


@given(
    st.sampled_from(["password", "dataset.token", "A_SECRET", "x.api_key", "credentials.user"]),
    st.text(st.characters(codec="utf-8", exclude_characters="*"), min_size=1),
)
def test_nothing_is_left_of_a_value_under_a_secret_key(key, value):
    assert override_without_secrets(f"{key}={value}") == f"{key}=***"
    assert without_secrets({key: value, "a": [{key: value}]}) == {key: "***", "a": [{key: "***"}]}
    assert set(capped({key: value}, TAG_LENGTH).values()) == {"***"}


def test_a_run_records_no_secret(tmp_path, program, monkeypatch):
    monkeypatch.setenv("SOMEBODYS_TOKEN", SECRET)
    monkeypatch.setattr("sys.argv", ["chainrule", "train", f"dataset.password={SECRET}", f"x=http://a:{SECRET}@host"])
    environment.environment.cache_clear()
    ran = program("train", "name=${oc.env:SOMEBODYS_TOKEN}", "tracking.experiment=xor", "trainer.epochs=1")
    environment.environment.cache_clear()
    assert ran.status == 0, ran.err
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name("xor").experiment_id])
    texts = [*run.data.params.values(), *run.data.tags.values(), run.info.run_name]
    texts += [path.read_text() for path in tmp_path.rglob("*.yaml")]
    assert len(texts) > 10
    assert [text for text in texts if SECRET in text] == []


@pytest.fixture
def evil_repository(tmp_path):
    """Whose own configuration names a program for each occasion that git has, which leaves a mark."""
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/mark\ncat\n")
    program.chmod(0o755)
    folder = tmp_path / "repository"
    folder.mkdir()

    def git(*command):
        quiet = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", *quiet, *command], cwd=folder, check=True, capture_output=True)

    git("init")
    (folder / "file").write_text("a")
    (folder / ".gitattributes").write_text("* filter=evil=a\n*.b filter=long\n")
    (folder / "other.b").write_text("b")
    git("add", ".")
    git("commit", "-m", "first")
    git("config", "core.fsmonitor", str(program))
    git("config", "remote.origin.url", f"https://me:{SECRET}@host/x.git")
    for name in ("evil=a", "long"):
        for kind in ("clean", "smudge", "process"):
            git("config", f"filter.{name}.{kind}", str(program))
        git("config", f"filter.{name}.required", "true")
    hook = folder / ".git" / "hooks" / "post-index-change"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(program.read_text())
    hook.chmod(0o755)
    for file in ("file", "other.b"):
        os.utime(folder / file, (1, 1))  # so that git has to look into them
    return folder


def test_asking_git_runs_nothing_that_a_repository_names(evil_repository, tmp_path):
    tags = environment._commit(evil_repository)
    assert not (tmp_path / "mark").exists()
    assert tags["git.dirty"] == "false"
    assert len(tags["mlflow.source.git.commit"]) == 40
    assert SECRET not in str(tags)
    (evil_repository / "file").write_text("another")
    assert environment._commit(evil_repository)["git.dirty"] == "true"
    assert not (tmp_path / "mark").exists()
    subprocess.run(["git", "status"], cwd=evil_repository, capture_output=True)
    assert (tmp_path / "mark").exists()  # which it would have


@pytest.fixture
def listener():
    """A server that answers nothing well, and keeps what it was sent."""
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def handle_any(self):
            got.append((self.path, dict(self.headers)))
            self.send_error(404)

        do_GET = do_POST = handle_any

        def log_message(self, *arguments):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", got
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("name", uris.CREDENTIALS)
@pytest.mark.parametrize("named", [None, "http://other:5000", "https://127.0.0.1:PORT"])
def test_credentials_go_to_no_host_that_the_environment_does_not_name(listener, monkeypatch, name, named):
    uri, got = listener
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if named is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", named.replace("PORT", uri.rpartition(":")[2]))
    monkeypatch.setenv(name, SECRET)
    with pytest.raises(TrackingError) as caught:
        store.prepare_store(uri, "xor")
    assert str(caught.value).startswith(f"nothing was sent to {uri}: it would get {name}, which is meant for the host")
    assert SECRET not in str(caught.value)
    assert got == []


def test_credentials_in_a_file_neither(listener, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / ".mlflow").mkdir()
    (tmp_path / ".mlflow" / "credentials").touch()
    with pytest.raises(TrackingError, match=r"it would get .*/\.mlflow/credentials"):
        store.prepare_store(listener[0], "xor")
    assert listener[1] == []


def test_the_host_that_the_environment_names_gets_them(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", SECRET)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://host/a")
    for uri in ("https://host/a", "https://host:443", "sqlite:///a.db", "databricks"):
        uris.refuse_credentials(uri)


def test_an_address_in_a_file_is_said_before_anything_is_sent(listener, program, tmp_path, monkeypatch):
    uri, got = listener
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    address = uri.replace("//", f"//me:{SECRET}@")
    text = f"# @package _global_\ntracking: {{uri: '{address}'}}\n"
    (tmp_path / "conf" / "experiment" / "mine.yaml").write_text(text)
    given = ("train", "--config-dir", "conf", "experiment=mine", "trainer.epochs=1")
    said = f"chainrule: runs are sent to {uri.replace('//', '//***@')}, as a config says (tracking.uri)"
    for more in ((), ("-m", "seed=0,1")):
        ran = program(*given, *more)
        assert ran.err.splitlines()[0] == said
        assert SECRET not in ran.err + ran.out
    assert got
    before = len(got)
    ran = program(*given, MLFLOW_TRACKING_PASSWORD="secret-of-mine")
    assert ran.err.splitlines()[0] == said
    assert len(got) == before
    assert said not in program(*given, f"tracking.uri={uri}").err
