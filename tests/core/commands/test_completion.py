"""TAB, as a shell does it: with the function that ``chainrule -sc install=bash`` gives."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chainrule.commands.main import COMMANDS
from chainrule.config.loader import SafeLoader

pytestmark = pytest.mark.slow

COMPLETE = """
eval "$(chainrule -sc install=bash)"
COMP_LINE="$1" COMP_POINT=${#1} COMP_WORDS=($1)
[[ "$1" == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
complete -p chainrule | grep -q -- "-F chainrule_bash_completion chainrule" && chainrule_bash_completion
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def completed(tmp_path):
    """What the shell offers for a line that ends where the cursor is; nothing may be written beside it."""

    def completed(line):
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        command = ["bash", "--norc", "-c", COMPLETE, "bash", line]
        ran = subprocess.run(
            command, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True
        )
        assert ran.stderr == ""
        offered = ran.stdout.splitlines()
        if len(offered) == 1:
            assert offered[0].endswith(("=", ".", "/", " ")), "a word that is whole is followed by a space"
        return ran.stdout.split()

    return completed


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("chainrule ", [*COMMANDS]),
        ("chainrule tr", ["train"]),
        ("chainrule train opt", ["optimizer.", "optimizer="]),
        ("chainrule train mode", ["model.", "model="]),
        ("chainrule train -m optimizer=dig", ["optimizer=digits/modern"]),
        ("chainrule train model=mnist/c", ["model=mnist/classic", "model=mnist/cnn"]),
        (
            "chainrule train dataset=mn",
            ["dataset=mnist", "dataset=mnist/autoencoder", "dataset=mnist/nielsen", "dataset=mnist/whole"],
        ),
        ("chainrule train optimizer=adam optimizer.l", ["optimizer.lr="]),
        ("chainrule train optimizer=momentum optimizer.m", ["optimizer.momentum="]),
        ("chainrule train experiment=xo", ["experiment=xor", "experiment=xor_classic"]),
        ("chainrule train tracking.figures=", ["tracking.figures=true"]),
        ("chainrule train -m optimizer=sgd,dig", ["optimizer=sgd,digits/modern"]),
        ("chainrule train -m seed=1,2 schedule=step,constant,cosine_", ["schedule=step,constant,cosine_restarts"]),
        ("chainrule train optimizer=sgd,adam", ["optimizer=sgd,adam", "optimizer=sgd,adamw"]),
        (
            "chainrule train optimizer=sgd,adam,ada",
            [f"optimizer=sgd,adam,{name}" for name in ("adadelta", "adagrad", "adamw", "adan")],
        ),
        ("chainrule plugins rmsp", ["rmsprop"]),
        ("chainrule compare --m", ["--metric", "--markdown"]),
        ("chainrule reproduce --t", ["--threads"]),
        ("chainrule new my-swish --k", ["--kind"]),
        ("chainrule new my-swish --kind ca", ["callback"]),
    ],
)
def test_what_is_offered(completed, line, offered):
    assert completed(line) == offered


def test_the_files_are_read_once_for_all_groups(program, monkeypatch):
    read, find = [], SafeLoader._parse_overrides_and_create_caching_repo
    name = "_parse_overrides_and_create_caching_repo"
    monkeypatch.setattr(SafeLoader, name, lambda *given: read.append(given) or find(*given))
    assert "optimizer=" in program("-sc", "query=bash", COMP_LINE="chainrule train ").out.split()
    assert len(read) <= 2


def test_groups_and_fields_are_offered_from_the_start(completed):
    offered = completed("chainrule train ")
    assert {"experiment=", "optimizer=", "optimizer.", "seed=", "trainer.", "tracking="} <= set(offered)


def query(program, line, shell="bash"):
    """As the shell's function asks; the rest of it is tested above."""
    return program("-sc", f"query={shell}", COMP_LINE=line)


@pytest.mark.parametrize(
    "line", ["chainrule train optimizr=adam model.", "chainrule train [ opt", "chainrule train --h"]
)
def test_what_is_wrong_in_the_line_is_passed_over_in_silence(program, line):
    ran = query(program, line)
    assert (ran.status, ran.err) == (0, "")


def test_configs_of_ones_own_are_offered(program, tmp_path):
    (tmp_path / "own" / "experiment").mkdir(parents=True)
    (tmp_path / "own" / "experiment" / "mine.yaml").write_text("# @package _global_\nseed: 1\n")
    (tmp_path / "own" / "model" / "mine" / "deep").mkdir(parents=True)
    (tmp_path / "own" / "model" / "mine" / "deep" / "er.yaml").write_text("defaults: [/model/mlp@_here_, _self_]\n")
    for option in ("--config-dir own", "--config-dir=own"):
        assert query(program, f"chainrule train {option} experiment=m").out.split()[0] == "experiment=mine"
        assert query(program, f"chainrule train {option} model=mi").out.split() == ["model=mine/deep/er"]


def test_a_config_that_would_run_code_is_not_composed_for_a_completion_either(program):
    ran = query(program, "chainrule train +hydra.callbacks.evil._target_=os.abort optimizer.")
    assert (ran.status, ran.out.strip(), ran.err) == (0, "", "")


def test_other_shells(program):
    assert query(program, "chainrule pl", shell="fish").out.split() == [*COMMANDS]
    assert query(program, "chainrule train opt", shell="fish").out.split() == ["optimizer.", "optimizer="]
    assert "hydra_fish_completion" in program("-sc", "install=fish").out
    ran = program("-sc", "install=cmd")
    assert ran.status == 2
    assert ran.err == "chainrule: No completion plugin for 'cmd' found, available : bash fish zsh\n"
