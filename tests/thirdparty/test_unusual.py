"""A package of components that are not of the usual kind: each fits on a screen, keeps its contract, and trains."""

from __future__ import annotations

import ast
import itertools
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PACKAGES

import chainrule as cr

PACKAGE = PACKAGES / "acme-unusual"
SOURCES = sorted((PACKAGE / "acme_unusual").glob("*.py"))
MOST_LINES = 45
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def unusual() -> Any:
    """The package itself, as a module of this process."""
    sys.path.insert(0, str(PACKAGE))
    try:
        import acme_unusual
    finally:
        sys.path.remove(str(PACKAGE))
    return acme_unusual


def defined(kind: type) -> Iterator[tuple[str, int, ast.AST]]:
    """Each class, or function, of the package with its number of lines."""
    for source in SOURCES:
        for node in ast.parse(source.read_text(encoding="utf-8")).body:
            if isinstance(node, kind) and isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                yield node.name, (node.end_lineno or 0) - first + 1, node


def test_each_component_fits_on_a_screen_with_what_it_alone_uses() -> None:
    functions = {name: lines for name, lines, _ in defined(ast.FunctionDef)}
    used = {
        name: {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} & set(functions)
        for name, _, node in defined(ast.ClassDef)
    }
    shared = {f for f in functions if sum(f in names for names in used.values()) > 1}
    whole = {name: lines + sum(functions[f] for f in used[name] - shared) for name, lines, _ in defined(ast.ClassDef)}
    assert len(whole) > 25
    assert {name: lines for name, lines in whole.items() if lines > MOST_LINES} == {}


def test_it_needs_nothing_but_public_names() -> None:
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("chainrule"):
                assert node.module == "chainrule"
                assert {alias.name for alias in node.names} <= set(cr.__all__)


@pytest.mark.slow
def test_the_kit_finds_nothing_and_is_told_to_leave_nothing_out(run: Run) -> None:
    assert all("checks_not_applicable" not in source.read_text(encoding="utf-8") for source in SOURCES)
    done = run("-W", "ignore", "-m", "chainrule", "check", "acme-unusual")
    assert done.returncode == 0, done.stdout
    assert ", 0 failed, " in done.stdout.splitlines()[-1]
    left_out = re.findall(r"^\S+: (\w+) not applicable$", done.stdout, flags=re.MULTILINE)
    assert {*left_out} == {"formula_computed"}  # of the few that have no reference


TRAININGS = {
    "vectors": ["experiment=acme_digits"],
    "experts": [
        "dataset=moons",
        "model=sequential",
        "model.layers=[salt_and_pepper, {name: mixture_of_experts, experts: [[{name: dense, units: 5}], [{name: "
        "weight_norm_dense, units: 5}]]}, {name: stochastic_depth, layers: [{name: spectral_norm_dense, units: 5}]}]",
        "optimizer=sharpness_aware",
        "optimizer.optimizer={name: momentum, lr: 0.1}",
    ],
    "images": ["dataset=digits", "model=sequential", "model.layers=[squeeze_excite_of_digits]"],
    "secants": ["dataset=moons", "optimizer=secants", "trainer.batch_size=1000"],
    "layerwise": ["dataset=moons", "optimizer=slow_weights", "optimizer.optimizer=layerwise_rates"],
    "fan": ["dataset=on_disk", "dataset.inputs=x.npy", "dataset.targets=y.npy", "loss=quantile_fan"],
    "cosine": ["dataset=on_disk", "dataset.inputs=x.npy", "dataset.targets=x.npy", "loss=cosine_distance"],
    "tied": [
        "dataset=on_disk",
        "dataset.inputs=x.npy",
        "dataset.targets=x.npy",
        "model=sequential",
        "model.layers=[{name: tied_autoencoder, encoder: {name: dense, units: 2, activation: learned_slope}}]",
    ],
}
FEW = ("vectors", "fan")  # in the default run: each starts a program
DIGITS = "{name: conv2d, filters: 4, kernel: 3}, squeeze_excite, flatten"


@pytest.mark.parametrize(
    "told",
    [pytest.param(told, id=name, marks=() if name in FEW else pytest.mark.slow) for name, told in TRAININGS.items()],
)
def test_a_run_with_them_ends_as_any_other(run: Run, tmp_path: Path, told: list[str]) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", x[:, 0] + 0.1 * rng.normal(size=60).astype(np.float32))
    told = [word.replace("squeeze_excite_of_digits", DIGITS) for word in told]
    common = ["tracking.enabled=false", "hydra.run.dir=run", "seed=1"]
    epochs = [] if told[0].startswith("experiment") else ["trainer.epochs=4"]
    done = run("-m", "chainrule", "train", *common, *epochs, *told)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert "cannot be drawn" not in done.stderr
    names = {path.name for path in (tmp_path / "run" / "figures").iterdir()}
    assert "curves.png" in names
    assert ("gradients.png" in names) == told[0].startswith("experiment")
    again = run(
        "-c", "import chainrule as cr; print(cr.load_network('run/model/weights.safetensors').parameters.theta.size)"
    )
    assert int(again.stdout) > 0, again.stderr


CUT = """
import numpy as np
import chainrule as cr

rng = np.random.default_rng(0)
x, y = rng.normal(size=(30, 6)), rng.integers(0, 3, 30)
layers = [
    "salt_and_pepper",
    {"name": "gated_linear", "units": 6},
    {"name": "stochastic_depth", "layers": [{"name": "spectral_norm_dense", "units": 6}, "learned_slope"]},
    {"name": "dense", "units": 3, "activation": "softmax"},
]


def trainer():
    network = cr.Network(layers, (6,), "categorical_cross_entropy", seed=2, dtype="float64")
    optimizer = {"name": "sharpness_aware", "optimizer": {"name": "momentum", "lr": 0.05}}
    groups = [{"parameters": "*.b", "weight_decay": 0.1}, {"parameters": "1.*", "trainable": False}]
    metrics = ["fair_top_k", "balanced_accuracy"]
    schedule = {"name": "patience", "epochs": 1, "monitor": "train/loss"}
    return cr.Trainer(network, optimizer, 7, schedule, "orthogonality", metrics, groups=groups)


class Saves(cr.Callback):
    def on_batch_end(self, trainer):
        if trainer.step in (3, 5, 8, 11):
            trainer.save(f"{trainer.step}.safetensors")

    def state(self):
        return {}


def fit(one, *more):
    weight = np.random.default_rng(1).integers(0, 3, 30)
    callbacks = ["easy_first", "mix_up", "gradient_log", *more]
    one.fit(cr.Split(x, y, weight), 4, (x, y), callbacks)
    history = {name: column for name, column in one.history.items() if "second" not in name}
    return one.network.parameters.theta.tobytes(), [b.value.tobytes() for b in one.network.buffers], history


whole = fit(trainer(), Saves())
for step in (3, 5, 8, 11):
    again = trainer()
    again.load(f"{step}.safetensors")
    assert fit(again) == whole, step
print(sorted(whole[2]))
"""


def test_a_training_with_all_of_them_goes_on_to_the_last_bit_wherever_it_was_cut(run: Run) -> None:
    done = run("-W", "error", "-c", CUT, CHAINRULE_DISABLE_PLUGINS="acme-broken-import,acme-duplicate,acme-misread")
    assert done.returncode == 0, done.stderr
    assert "gradient/norm" in done.stdout
    assert "gradient/1." not in done.stdout  # what is frozen has none
    assert "validation/balanced_accuracy" in done.stdout


KILLED = """
import os, signal, sys

import chainrule as cr
from chainrule.network.updates import Updates

apply, folder, at = Updates.apply, sys.argv[1], int(sys.argv[2])


def deadly(self, step, *given):
    apply(self, step, *given)
    if step == at:
        os.kill(os.getpid(), signal.SIGKILL)


Updates.apply = deadly
if sys.argv[3:] == ["resume"]:
    cr.resume(folder)
else:
    told = ["dataset.class_weight=balanced", "tracking.checkpoint_seconds=0", "trainer.threads=1", "trainer.epochs=2"]
    cr.train(["experiment=acme_digits", *told, "tracking.figures=false", f"hydra.run.dir={folder}"])
"""
SAME = """
import chainrule as cr

one, other = (cr.load_network(f"{name}/model/weights.safetensors").parameters.theta for name in ("whole", "killed"))
print((one == other).all())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_run_of_them_that_is_killed_twice_ends_as_if_nothing_had_been(run: Run) -> None:
    """With class weights, groups, an order and batches that callbacks make, and a schedule that observes."""
    assert run("-W", "ignore", "-c", KILLED, "whole", "-1").returncode == 0
    for at, more in ((20, []), (60, ["resume"])):
        assert run("-W", "ignore", "-c", KILLED, "killed", str(at), *more).returncode == -9
    ended = run("-W", "ignore", "-c", KILLED, "killed", "-1", "resume")
    assert ended.returncode == 0, ended.stderr
    assert run("-W", "ignore", "-c", SAME).stdout == "True\n"


# ---- what the kit has no second computation of


def test_labels_that_last_are_the_sum_over_all_ways_to_last(unusual: Any) -> None:
    rng = np.random.default_rng(3)
    p = rng.dirichlet(np.ones(4), (3, 6))
    labels = rng.integers(0, 4, (3, 3))
    loss = unusual.losses.AlignedLabels(labels=3)
    expected = []
    for probabilities, row in zip(p, labels):
        total = 0.0
        for ends in itertools.combinations(range(1, 6), 2):  # where the second and the third begin
            path = [row[sum(t >= end for end in ends)] for t in range(6)]
            total += np.prod([probabilities[t, label] for t, label in enumerate(path)])
        expected.append(-np.log(total))
    assert loss.forward(p, labels) == pytest.approx(np.mean(expected), rel=1e-12)


def test_slow_weights_follow_fast_ones(unusual: Any) -> None:
    theta, gradients = np.array([1.0, -2.0]), np.random.default_rng(0).normal(size=(7, 2))
    optimizer = unusual.optimizers.SlowWeights({"name": "sgd", "lr": 0.1}, k=3, alpha=0.25)
    slots = {"slow": np.zeros(2)}
    fast, slow = theta.copy(), theta.copy()
    for step, gradient in enumerate(gradients, start=1):
        optimizer.update(theta, gradient.copy(), slots, step, 0.1)
        fast -= 0.1 * gradient
        if step % 3 == 0:
            slow = 0.75 * slow + 0.25 * fast
            fast = slow.copy()
        np.testing.assert_allclose(theta, fast, rtol=1e-12)


def test_secants_go_to_the_lowest_place_of_a_parabola_in_as_many_steps_as_it_has_directions(unusual: Any) -> None:
    """On one line a secant is the slope's own, and the second step ends at the bottom."""
    optimizer = unusual.optimizers.Secants()
    theta, grad = np.array([5.0]), np.zeros(1)
    slots = {"theta": np.zeros(1), "grad": np.zeros(1)}

    def evaluate() -> float:
        grad[...] = 0.3 * (theta - 2)
        return float(0.15 * (theta[0] - 2) ** 2)

    for step in (1, 2):
        evaluate()
        optimizer.update(theta, grad, slots, step, 1.0, evaluate)
    assert theta[0] == pytest.approx(2, abs=1e-12)
