"""The commands beside ``train``, and what all of them share. Their answers: test_listing, test_completion."""

import argparse
import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from mlflow.tracking import MlflowClient

import chainrule as cr
from chainrule.commands.main import COMMANDS, main
from chainrule.config.nodes import GROUPS
from chainrule.tracking.store import prepare_store


def test_help_names_every_command_and_what_each_does(program):
    ran = program("--help")
    assert (ran.status, ran.err) == (0, "")
    for command in COMMANDS:
        [line] = [line for line in ran.out.splitlines() if line.startswith(f"    {command} ")]
        assert len(line.split()) > 3
    assert "CHAINRULE_DEBUG=1" in ran.out
    assert 'eval "$(chainrule -sc install=bash)"' in " ".join(ran.out.split())


def test_the_program_alone_shows_its_help(program):
    assert program() == program("--help")


def test_version(program):
    assert program("--version").out == program("-V").out == f"chainrule {cr.__version__}\n"
    assert program("train", "--version").out == f"chainrule {cr.__version__}\n"


def test_the_help_of_train_names_every_group_and_option(program):
    ran = program("train", "--help")
    assert (ran.status, ran.err) == (0, "")
    groups = dict(line.split(": ", 1) for line in ran.out.partition("== Config")[0].splitlines() if ": " in line)
    assert {*GROUPS.values(), "trainer", "tracking", "experiment"} <= set(groups)
    for kind, group in GROUPS.items():
        assert set(cr.registry().names(kind)) <= set(groups[group].split(", "))
    config = ran.out.partition("== Config (key=value) ==")[2]
    for key in ("seed: 0", "dtype: float32", "lr: 0.05", "epochs: 200", "figures: true"):
        assert key in config
    assert "--config-dir" in ran.out


def test_the_help_of_train_shows_what_overrides_change(program):
    out = program("train", "experiment=spirals", "optimizer=momentum", "--help").out
    assert "name: spirals\n" in out
    assert "momentum: 0.9\n" in out


def test_the_help_of_train_names_no_option_that_is_refused_and_links_no_page_of_hydra(program):
    options = program("train", "--help").out.partition("== Options ==")[2]
    assert "--multirun,-m" in options
    for absent in ("--config-path", "--config-name", "--experimental-rerun", "--shell-completion", "https://"):
        assert absent not in options


def test_options_are_taken_and_completed_where_argparse_reads_each_help_text_as_it_is_added(program, monkeypatch):
    """What Python 3.14 does by itself: one of Hydra 1.3's texts is none yet."""
    add = argparse.ArgumentParser._add_action

    def check_and_add(parser, action):
        parser._check_help(action)
        return add(parser, action)

    monkeypatch.setattr(argparse.ArgumentParser, "_check_help", lambda _, action: "%" in (action.help or ""), False)
    monkeypatch.setattr(argparse.ArgumentParser, "_add_action", check_and_add)
    assert "experiment: adding, digits" in program("train", "--help").out
    offered = program("-sc", "query=bash", COMP_LINE="chainrule train opt").out.split()
    assert offered == ["optimizer.", "optimizer="]
    with pytest.raises(TypeError):
        argparse.ArgumentParser().add_argument("--odd", help=object())


def test_every_hydra_option_is_taken_or_refused_with_the_reason(program):
    """An option that is new in Hydra must be thought about."""
    from chainrule.config.options import parser

    known = {
        *("help", "hydra_help", "version", "overrides", "cfg", "resolve", "package", "run", "multirun"),
        *("shell_completion", "config_dir", "info"),
    }
    refused = {"config_path", "config_name", "experimental_rerun"}
    assert {action.dest for action in parser()._actions} == known | refused
    for option in refused:
        ran = program("train", f"--{option.replace('_', '-')}=x")
        assert ran.status == 2
        assert "chainrule does not take this option of Hydra's; see --config-dir" in ran.err


def test_what_one_command_composes_leaves_nothing_for_the_next(program):
    shown = program("train", "--cfg", "job").out
    assert program("train", "experiment=nothing").status == 2
    assert program("train", "-m", "seed=1,2", "--cfg", "job").status == 2
    assert program("train", "--cfg", "job").out == shown


def test_an_error_of_ours_says_where_more_is_to_be_seen(program, monkeypatch):
    monkeypatch.setattr("chainrule.commands.plugins.show", lambda which: 1 / 0)
    ran = program("plugins")
    assert ran.status == 1
    assert ran.err == "chainrule: ZeroDivisionError: division by zero (CHAINRULE_DEBUG=1 shows where)\n"
    assert "Traceback" in program("plugins", CHAINRULE_DEBUG="1").err


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("trian", 'there is no command "trian". Did you mean "train"? Known: card, check, compare, '),
        ("xor", "train, ui. To train: chainrule train experiment=xor\n"),
        ("seed=3", "train, ui. To train: chainrule train seed=3\n"),
    ],
)
def test_a_command_that_does_not_exist(program, word, told):
    ran = program(word)
    assert (ran.status, ran.out) == (2, "")
    assert told in ran.err


def test_an_interrupt_is_one_line(program, monkeypatch):
    def interrupted(which):
        raise KeyboardInterrupt

    monkeypatch.setattr("chainrule.commands.plugins.show", interrupted)
    ran = program("plugins")
    assert (ran.status, ran.err) == (130, "chainrule: interrupted\n")


@pytest.mark.usefixtures("signals_at_default")
@pytest.mark.parametrize(
    ("imported", "command"),
    [
        ("numpy._core.multiarray", "train"),
        ("chainrule.commands.check", "ui"),
        ("hydra.core.plugins", "train"),
        ("rich.console", "plugins"),
        ("chainrule.testing", "check"),
    ],
)
def test_an_interrupt_while_modules_are_imported_is_one_line(tmp_path, imported, command):
    """It comes as soon as one of them is there: once, though what was cut may be imported again at the end."""
    words = [sys.executable, "-X", "importtime", "-m", "chainrule_start", command]
    said, sent = [], False
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        for line in started.stderr:
            if not line.startswith("import time:"):
                said.append(line)
            elif line.rpartition("|")[2].strip() == imported and not sent:
                started.send_signal(signal.SIGINT)
                sent = True
    assert (started.returncode, said) == (130, ["chainrule: interrupted\n"])


@pytest.mark.usefixtures("signals_at_default")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGINT, 130)])
def test_a_signal_before_the_run_is_recorded_leaves_nothing_behind(program, tmp_path, monkeypatch, number, status):
    monkeypatch.setattr("chainrule.runs.report.run", lambda job: signal.raise_signal(number))
    ran = program("train", "tracking=none")
    assert (ran.status, ran.out, ran.err) == (status, "", "chainrule: interrupted\n")
    assert not (tmp_path / "outputs").exists()
    ran = program("train", "-m", "tracking=none", "seed=1,2")
    assert (ran.status, ran.out, ran.err) == (status, "", "chainrule: interrupted\n"), "the other jobs do not run"
    assert not list(tmp_path.glob("multirun/*/*/0"))


@pytest.mark.parametrize("arguments", [("train", "--help"), ("train", "--hydra-help"), ("plugins",), ("--help",)])
def test_a_reader_that_goes_away_is_nothing_to_complain_of(arguments):
    """As ``head -1`` does."""
    command = [sys.executable, "-m", "chainrule", *arguments]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as showing:
        showing.stdout.close()
        assert showing.stderr.read() == b""
    assert showing.returncode == 1


def test_a_bar_shows_how_far_a_sweep_is_where_somebody_looks(program, tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.chdir(tmp_path)
    short = ["tracking=none", "tracking.figures=false", "trainer.epochs=1", "callbacks=[]"]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(Terminal()) as seen:
        assert main(["train", "-m", *short, "optimizer=sgd,adam", "seed=3"]) == 0
    assert len(out.getvalue().splitlines()) == 6, "a line for each job is there as well"
    shown = seen.getvalue().split("\r")
    assert any("1/2" in state and "best validation/loss 0." in state and "(optimizer=" in state for state in shown)
    assert shown[-1].strip() == "", "at the end it is gone"
    assert program("train", "-m", *short, "optimizer=sgd,adam").err == "", "a file is to hold errors alone"


def test_a_warning_is_one_line_without_a_place_in_the_source(program, monkeypatch, recwarn):
    import warnings

    def warning(which):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = sys.modules["chainrule.commands.main"]._show_warning
            warnings.warn("something is odd", UserWarning, stacklevel=1)

    monkeypatch.setattr("chainrule.commands.plugins.show", warning)
    assert program("plugins").err == "chainrule: warning: something is odd\n"


@pytest.mark.parametrize("port", ["99999", "0", "-1", "x"])
def test_a_port_that_is_none(program, port):
    ran = program("ui", f"--port={port}")
    assert ran.status == 2
    assert ran.err.endswith(f': error: argument --port: got "{port}", expected a port, 1 to 65535\n')


def test_pages_of_a_store_that_is_not_there(program, tmp_path):
    ran = program("ui")
    assert ran.status == 2
    assert ran.err.startswith(f"chainrule: there is no store {tmp_path}/mlflow.db yet: ")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow  # MLflow's server takes many seconds to start
def test_the_pages_are_served_until_an_interrupt(tmp_path, signals_at_default):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    prepare_store(uri, "xor")
    run = MlflowClient(uri).create_run("1")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "chainrule", "ui", run.info.run_id, "--port", str(port)]
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as serving:
        try:
            page = f"http://127.0.0.1:{port}/#/experiments/1/runs/{run.info.run_id}"
            assert serving.stdout.readline().startswith(f"MLflow: {page}")
            assert answered(f"http://127.0.0.1:{port}/health") == b"OK"
            assert b"<title>MLflow</title>" in answered(f"http://127.0.0.1:{port}/")
        finally:
            serving.send_signal(signal.SIGINT)
        assert serving.wait(30) == 0


def answered(url, seconds=90):
    """What a server says, once it is up."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
