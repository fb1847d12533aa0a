"""Each figure that teaches is one command, and what it shows is right."""

from __future__ import annotations

import ast
import importlib
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from environments import variables
from mlflow.tracking import MlflowClient

import chainrule as cr

ROOM = Path(__file__).parents[2] / "experiments"
RESULTS = ROOM / "results"
FIGURES = sorted(path.stem for path in ROOM.glob("show_*.py"))
TAKES_LONG = {"show_optimizers", "show_signals", "show_landscape"}
SLOW = [pytest.param(name, marks=pytest.mark.slow if name in TAKES_LONG else ()) for name in FIGURES]
LARGEST = 300_000
"""Bytes of a picture that everybody downloads who clones this."""


def module(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A file of the room, as it finds the others when it is run there."""
    monkeypatch.syspath_prepend(str(ROOM))
    return importlib.import_module(name)


def table(path: Path) -> list[list[str]]:
    """The cells of the Markdown table in a file, heading first."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if not line.startswith("|-")]


def run(name: str, folder: Path, *overrides: str) -> str:
    command = [sys.executable, str(ROOM / f"{name}.py"), "--results", "mine", *overrides]
    done = subprocess.run(
        command, cwd=folder, env=variables(OPENBLAS_NUM_THREADS="1"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    return done.stdout


# ---- all of them


@pytest.mark.parametrize("name", SLOW)
def test_a_figure_is_one_command_and_shows_what_is_committed(name: str, tmp_path: Path) -> None:
    """The same rows, of what is installed; another processor may round their numbers in another way."""
    told = run(name, tmp_path)
    mine, shown = tmp_path / "mine" / f"{name}.md", RESULTS / f"{name}.md"
    assert mine.read_text(encoding="utf-8") in told
    assert (tmp_path / "mine" / f"{name}.png").stat().st_size > 10_000
    assert [row[0] for row in table(mine)] == [row[0] for row in table(shown)]
    assert table(mine)[0] == table(shown)[0]
    assert f"`python experiments/{name}.py`" in " ".join(shown.read_text(encoding="utf-8").split())


@pytest.mark.slow
def test_the_picture_of_a_page_is_one_command(tmp_path: Path) -> None:
    if shutil.which("chromium") is None:
        pytest.skip("needs chromium, which no PATH leads to (Debian: apt-get install chromium)")
    assert "wrote mine/readme_picture.png" in run("readme_picture", tmp_path)
    mine, shown = (plt.imread(folder / "readme_picture.png") for folder in (tmp_path / "mine", RESULTS))
    assert mine.shape == shown.shape
    assert min(half.std() for half in np.split(mine, 2, axis=1)) > 0.05  # neither of them is blank


@pytest.mark.parametrize("name", FIGURES)
def test_the_rooms_page_leads_to_it(name: str) -> None:
    page = (ROOM / "README.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith(f"| `python experiments/{name}.py` |")]
    assert f"(results/{name}.md)" in row
    assert f"(results/{name}.png)" in row
    text = ast.get_docstring(ast.parse((ROOM / f"{name}.py").read_text(encoding="utf-8")))
    assert text
    assert text.splitlines()[-1] == f"    python experiments/{name}.py"
    assert (RESULTS / f"{name}.png").stat().st_size < LARGEST


# ---- activations


def test_every_installed_activation_is_drawn_and_agrees_with_its_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = list(module("show_activations", monkeypatch).installed())
    assert [one.name for one in drawn] == [entry.name for entry in cr.registry() if entry.kind == "activation"]
    assert {one.name: one.error for one in drawn if one.error > 1e-9} == {}
    assert [one.name for one in drawn if not one.elementwise] == ["softmax"]


def test_a_derivative_is_the_one_that_books_have(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = module("show_activations", monkeypatch)
    z = shown.Z
    sigmoid = 1 / (1 + np.exp(-z))
    np.testing.assert_allclose(shown.Drawn("sigmoid").slope, sigmoid * (1 - sigmoid), rtol=1e-12)
    np.testing.assert_allclose(shown.Drawn("tanh").slope, 1 / np.cosh(z) ** 2, rtol=1e-12)
    np.testing.assert_array_equal(shown.Drawn("relu").slope, z > 0)
    p = np.exp(z) / (np.exp(z) + 2)
    np.testing.assert_allclose(shown.Drawn("softmax").slope, p * (1 - p), rtol=1e-12)


def test_a_wrong_derivative_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = module("show_activations", monkeypatch)
    monkeypatch.setattr(cr.registry().get("activation", "sigmoid").cls, "backward", lambda self, da: da * 0.25)
    assert shown.Drawn("sigmoid").error == pytest.approx(0.25 - 0.0177, abs=1e-3)


# ---- optimizers


def test_the_gradients_of_the_surfaces_are_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = module("show_optimizers", monkeypatch)
    for surface in (shown.VALLEY, shown.BEND):
        for x in np.random.default_rng(0).normal(size=(20, 2)):
            steps = 1e-6 * np.eye(2)
            estimate = [(surface.value(x + h) - surface.value(x - h)) / 2e-6 for h in steps]
            np.testing.assert_allclose(surface.gradient(x), estimate, rtol=1e-5, atol=1e-6)
        assert surface.value(np.array(surface.minimum)) == 0
        assert not np.any(surface.gradient(np.array(surface.minimum)))


def test_gradient_descent_walks_as_its_closed_form_says(monkeypatch: pytest.MonkeyPatch) -> None:
    r"""On a quadratic each coordinate along an axis of it shrinks by $1 - \eta \lambda$ a step."""
    shown = module("show_optimizers", monkeypatch)
    rate = 0.02
    walk = shown.walk(cr.make("optimizer", "sgd"), shown.VALLEY, rate)
    curvatures, axes = np.linalg.eigh(shown.HESSIAN)
    np.testing.assert_allclose(curvatures, shown.CURVATURES, rtol=1e-12)
    steps = np.arange(shown.STEPS + 1)[:, None]
    expected = ((axes.T @ shown.VALLEY.start) * (1 - rate * curvatures) ** steps) @ axes.T
    np.testing.assert_allclose(walk.points, expected, rtol=1e-6, atol=1e-9)


def test_the_rate_is_chosen_by_the_rule_that_is_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that never are higher than the start, the soonest at a thousandth of it for good, computed anew."""
    shown = module("show_optimizers", monkeypatch)
    curvatures, axes = np.linalg.eigh(shown.HESSIAN)
    start = axes.T @ shown.VALLEY.start
    taken: dict[float, float] = {}
    for rate in shown.RATES:
        steps = np.arange(shown.STEPS + 1)[:, None]
        with np.errstate(over="ignore", invalid="ignore"):
            values = ((start * (1 - rate * curvatures) ** steps) ** 2 @ curvatures) / 2
        if np.nanmax(values) == values[0]:
            below = values < values[0] / 1000
            taken[rate] = next((step for step in steps[:, 0] if below[step:].all()), math.inf)
    best = shown.best_walk("sgd", shown.VALLEY)
    assert best.rate == min(taken, key=taken.__getitem__)
    assert best.arrived == taken[best.rate]


def test_every_elementwise_optimizer_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    names, apart = module("show_optimizers", monkeypatch).installed()
    assert sorted([*names, *apart]) == [entry.name for entry in cr.registry() if entry.kind == "optimizer"]
    assert apart == ["lbfgs", "muon", "sam"]
    assert names == [name for name, *_ in table(RESULTS / "show_optimizers.md")[1:]]


# ---- signals


@pytest.mark.parametrize(
    ("activation", "initializer", "variance"), [("relu", "he_normal", 1.0), ("relu", "glorot_normal", 0.5)]
)
def test_a_layer_multiplies_variances_as_its_authors_say(
    activation: str, initializer: str, variance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """He et al. (2015), section 2.2: $n Var(w) / 2$, both ways."""
    found = module("show_signals", monkeypatch).measure(activation, initializer, networks=2)
    up, up_expected, down, down_expected = (factor**2 for factor in found.factors)
    assert (up, down) == pytest.approx((variance, variance), rel=0.05)
    assert (up_expected, down_expected) == pytest.approx((variance, variance), rel=1e-6)


def test_the_gradients_are_those_of_a_step_of_learning(monkeypatch: pytest.MonkeyPatch) -> None:
    shown, signals = module("show_signals", monkeypatch), module("signals", monkeypatch)
    monkeypatch.setattr(shown, "HIDDEN", 4)
    network, (x, y) = shown.deep("tanh", "he_normal", 0), shown.batch(0)
    sizes, gradients = signals.signals(network, x, y)
    operations = [one for one in network.trace_step(x, y).operations if one.name.endswith("tanh")]
    assert sizes == pytest.approx([one.y.std() for one in operations])
    assert gradients == pytest.approx([one.dx.std() for one in operations])


# ---- the landscape

LAYERS = [{"name": "dense", "units": 8, "activation": "tanh"}, "batch_norm", {"name": "dense", "units": 3}]


def trained() -> tuple[cr.Network, cr.Array, cr.Split]:
    """A network after some steps, the weights that it began with, and what it learned from."""
    rng = np.random.default_rng(0)
    split = cr.Split(rng.normal(size=(64, 2)), rng.normal(size=(64, 3)), rng.uniform(0.5, 2, 64))
    network = cr.Network(LAYERS, (2,), "mse", seed=7)
    begin = network.parameters.theta.copy()
    cr.Trainer(network, "adam", batch_size=16).fit(split, 3)
    return network, begin, split


def test_the_middle_of_the_plane_and_the_end_of_the_line_are_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = module("show_landscape", monkeypatch)
    network, begin, split = trained()
    theta = network.parameters.theta.copy()
    loss = network.evaluate(*split, metrics=[], weight=split.weight)["loss"]
    plane = shown.around(network, split)
    middle = len(shown.PLANE) // 2
    assert plane[middle, middle] == pytest.approx(loss, rel=1e-6)

    first = shown.initial(network)
    np.testing.assert_array_equal(first.parameters.theta, begin)
    line = shown.between(first, network, {"train": split})["train"]
    assert line[shown.place(1.0)] == pytest.approx(loss, rel=1e-6)
    np.testing.assert_array_equal(network.parameters.theta, theta, "what was trained stays")


def test_a_direction_is_as_long_as_the_weights_of_each_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = module("show_landscape", monkeypatch)
    network = cr.Network([{"name": "conv2d", "filters": 4}, "flatten", *LAYERS], (6, 6, 2), "mse")
    direction = shown.random_direction(network, np.random.default_rng(0))
    other = network.copy()
    other.parameters.theta[...] = direction
    for d, own in zip(other.parameters, network.parameters):
        if own.name.endswith("W"):
            for unit in range(own.shape[-1]):
                expected = np.linalg.norm(own.value[..., unit])
                assert np.linalg.norm(d.value[..., unit]) == pytest.approx(expected, rel=1e-5)
            assert not np.allclose(d.value, own.value)
        else:
            assert not np.any(d.value), own.name


@pytest.mark.slow
def test_the_landscape_of_any_run_is_shown_with_the_losses_that_it_ended_with(tmp_path: Path) -> None:
    told = run("show_landscape", tmp_path, "experiment=xor", "trainer.epochs=200", "callbacks=[]", "seed=3")
    shown = {where: losses for where, *losses in table(tmp_path / "mine" / "show_landscape.md")}
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (experiment,) = [one for one in client.search_experiments() if one.name == "study_show_landscape"]
    (recorded,) = client.search_runs([experiment.experiment_id])
    assert recorded.data.params["seed"] == "3"
    result = cr.load_run(recorded.info.run_id, f"sqlite:///{tmp_path}/mlflow.db")
    loss = result.network.evaluate(*cr.make("dataset", "xor").load().train)["loss"]
    assert float(shown["trained weights"][0]) == pytest.approx(loss, rel=1e-3)
    before = cr.Network(**result.network.architecture()).evaluate(*cr.make("dataset", "xor").load().train)["loss"]
    assert float(shown["initial weights"][0]) == pytest.approx(before, rel=1e-3)
    assert "show_landscape.py experiment=xor trainer.epochs=200 'callbacks=[]' seed=3`" in " ".join(told.split())
