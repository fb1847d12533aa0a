"""The same command gives the same weights to the last bit; another seed does not."""

import os
import subprocess
import sys

import pytest
from safetensors.numpy import load_file

import chainrule as cr
from chainrule.runs.identity import weights_digest

# With everything that draws random numbers: data, splits, initial values, order, dropout.
MOONS = (
    *("dataset=moons", "trainer.epochs=2", "model.dropout=0.3", "model.hidden=[64,32]", "regularizer=l2"),
    *("tracking=none", "tracking.figures=false", "callbacks=[]"),
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def digest(*overrides):
    return weights_digest(cr.train([*MOONS, *overrides]).network)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The digest without another override."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("plain"))
        return digest()


def test_the_same_command_twice():
    first, second = (cr.train([*MOONS]) for _ in range(2))
    assert weights_digest(first.network) == weights_digest(second.network)
    assert first.metrics.keys() == second.metrics.keys()
    timing = {"seconds", "examples_per_second"}
    assert {k: v for k, v in first.metrics.items() if k not in timing} == {
        k: v for k, v in second.metrics.items() if k not in timing
    }


def test_in_another_process_too(plain, tmp_path):
    """Whatever hashes strings get there."""
    script = (
        "import sys, chainrule as cr; from chainrule.runs.identity import weights_digest\n"
        "print(weights_digest(cr.train(sys.argv[1:]).network))"
    )
    command = [sys.executable, "-c", script, *MOONS]
    environment = {**os.environ, "PYTHONHASHSEED": "1234"}
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.split()[-1] == plain


@pytest.mark.parametrize(
    "override",
    ["seed=1", "dtype=float64", "dataset.seed=1", "trainer.shuffle=false", "model.dropout=0", "optimizer=sgd"],
)
def test_what_changes_the_weights(plain, override):
    assert digest(override) != plain


@pytest.mark.parametrize(
    "override",
    ["tracking.figures=true", "callbacks=[nan_guard]", "metrics=[binary_accuracy]", "name=other", "dataset.name=moons"],
)
def test_what_does_not_change_the_weights(plain, override):
    """To watch, to name and to draw a training is not to change it."""
    assert digest(override) == plain


def test_a_job_of_a_sweep_gives_what_it_gives_alone(program_in, tmp_path):
    ran = program_in("train", "-m", "seed=0,1,0", *MOONS, folder=tmp_path)
    assert ran.status == 0, ran.err
    first, second, third = (weights(folder) for folder in sorted(tmp_path.glob("multirun/*/*/[0-9]")))
    assert first == third
    assert first != second
    assert weights(cr.train([*MOONS, "seed=1"]).folder) == second


def weights(folder):
    """What a run's file holds, each array to the last bit."""
    return {name: array.tobytes() for name, array in load_file(folder / "model" / "weights.safetensors").items()}
