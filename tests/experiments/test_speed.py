"""The benchmark: what it times is what it says, and its tables have the form of the ones that are shown."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from environments import variables
from matplotlib.image import imread

ROOM = Path(__file__).parents[2] / "experiments"
sys.path.insert(0, str(ROOM))  # as for its own scripts

from peers import EPOCHS, MODULES, Work  # noqa: E402
from peers.floor import Floor  # noqa: E402
from peers.stopwatch import Stopwatch  # noqa: E402
from peers.with_chainrule import Chainrule  # noqa: E402
from peers.with_sklearn import Sklearn  # noqa: E402

sys.path.remove(str(ROOM))  # or its studies could be imported by every other test

DENSE = [
    {"name": "flatten"},
    {"name": "dense", "units": 7, "activation": "relu"},
    {"name": "dense", "units": 3, "activation": "softmax"},
]
CONVOLUTION = [{"name": "conv2d", "filters": 5, "kernel": 3, "activation": "relu"}, *DENSE]
INSTALLED = [name for name, (_, package) in MODULES.items() if importlib.util.find_spec(package)]


def work(layers: list[dict[str, object]], batch_size: int = 8) -> Work:
    """Three classes of images, told apart by their bright third."""
    y = np.arange(240) % 3
    x = np.random.default_rng(0).random((240, 6, 6), np.float32)
    for k in range(3):
        x[y == k, 2 * k : 2 * k + 2] += 0.5
    return Work("tried", layers, "categorical_cross_entropy", x, y, batch_size, "adam", 0.01)


def multiplications(floor: Floor) -> int:
    """Of one step."""
    return sum(layer.times * len(layer.y) * layer.W.size * (2 if layer.dx is None else 3) for layer in floor.layers)


def test_the_floor_multiplies_what_a_step_must() -> None:
    """Forward, the weights' gradient, and, but for the first layer, the input's."""
    batch = 8
    assert multiplications(Floor(work(DENSE))) == batch * (2 * 36 * 7 + 3 * 7 * 3)
    kernel, places = 3 * 3, 4 * 4
    convolution = 2 * places * kernel * 5
    assert multiplications(Floor(work(CONVOLUTION))) == batch * (convolution + 3 * (places * 5) * 7 + 3 * 7 * 3)


def test_a_floor_does_as_many_products_as_its_round_has_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = 0
    dot = np.dot

    def counting(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
        nonlocal counted
        counted += a.shape[0] * a.shape[1] * b.shape[1]
        dot(a, b, out=out)

    of_work = work(DENSE)
    floor = Floor(of_work)
    monkeypatch.setattr(np, "dot", counting)
    floor.train()
    assert counted == of_work.steps * multiplications(floor) == EPOCHS * 30 * multiplications(floor)


@pytest.mark.parametrize("library", [Chainrule, Sklearn])
def test_a_library_learns_the_work(library: type) -> None:
    learner = library(work(DENSE))
    learner.train(epochs=1)
    before = learner.loss()
    learner.train()
    learner.train()
    assert learner.loss() < before / 2


def test_a_work_of_so_many_steps() -> None:
    for steps, samples in [(EPOCHS, 8), (EPOCHS * 30, 240), (EPOCHS * 45, 360), (1, 8)]:
        of_work = work(DENSE).of_steps(steps)
        assert len(of_work.x) == len(of_work.y) == samples
        assert of_work.steps == EPOCHS * samples // 8


def test_the_stopwatch_takes_from_each_what_it_spent_in_others() -> None:
    now = 0.0

    def tick(seconds: float) -> None:
        nonlocal now
        now += seconds

    watch = Stopwatch(clock=lambda: now)
    inner = watch.timed("inner", lambda: tick(2))

    def calls_it_twice() -> None:
        tick(1)
        inner()
        tick(1)
        inner()

    outer = watch.timed("outer", calls_it_twice)
    outer()
    inner()
    assert watch.seconds == {"outer": 2, "inner": 6}


def run(*arguments: str, folder: Path, data: Path) -> str:
    done = subprocess.run(
        [
            sys.executable,
            str(ROOM / "speed.py"),
            *arguments,
            "--rounds",
            "1",
            "--seconds",
            "0.001",
            "--threads",
            "1",
            "--results",
            "mine",
        ],
        cwd=folder,
        env=variables(CHAINRULE_DATA=str(data)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def cells(path: Path) -> list[list[str]]:
    rows = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in [rows[0], *rows[2:]]]


def compared(name: str, folder: Path) -> None:
    """The table, and its shown one; of the libraries those that are here."""
    tried, shown = cells(folder / "mine" / f"{name}.md"), cells(ROOM / "results" / f"{name}.md")
    if "threads" in shown[0]:
        place = shown[0].index("threads")
        shown = [row for row in shown if row[place] in ("threads", "1")]
    assert [column for column in shown[0] if column not in MODULES or column in INSTALLED] == tried[0]
    assert [row[0] for row in tried] == [row[0] for row in shown]


@pytest.mark.slow
def test_the_ratios_and_where_time_goes(tmp_path: Path, data_folder: Path) -> None:
    out = run("steps", "kinds", folder=tmp_path, data=data_folder)
    missing = [name for name in MODULES if name not in INSTALLED]
    if missing:
        assert f'left out, as not installed: {", ".join(missing)} (python -m pip install -e ".[bench,fast]")' in out
    compared("speed", tmp_path)
    for name in ("speed", "speed_kinds"):
        assert (tmp_path / "mine" / f"{name}.md").read_text(encoding="utf-8") in out
        assert imread(tmp_path / "mine" / f"{name}.png").std() > 0.05
    shares = [row[1:] for row in cells(tmp_path / "mine" / "speed_kinds.md")[1:-1]]
    for column in zip(*shares):
        assert sum(float(cell.removesuffix(" %")) for cell in column if cell != "-") == pytest.approx(100, abs=0.5)


@pytest.mark.slow
def test_growth_memory_and_tracking(tmp_path: Path, data_folder: Path) -> None:
    short = ["--override", "trainer.epochs=1", "--override", "dataset.train_size=300"]
    run("growth", "memory", "tracking", *short, folder=tmp_path, data=data_folder)
    for name in ("speed_growth", "speed_memory", "speed_tracking"):
        compared(name, tmp_path)


@pytest.mark.slow
def test_what_is_compiled_and_whole_experiments(tmp_path: Path, data_folder: Path) -> None:
    short = ["--override", "trainer.epochs=1", "--override", "dataset.train_size=300"]
    run("engines", "whole", *short, folder=tmp_path, data=data_folder)
    compared("speed_engines", tmp_path)
    tried, shown = (cells(folder / "speed_whole.md") for folder in (tmp_path / "mine", ROOM / "results"))
    assert tried[0] == shown[0]
    programs = {tuple(row[:2]) for row in tried[1:]}
    assert programs <= {tuple(row[:2]) for row in shown[1:]}
    assert {("mnist", "chainrule train"), ("mnist_cnn", "chainrule train, compiled")} <= programs


@pytest.mark.slow
@pytest.mark.parametrize("what", ["nothing", "pauses", "merged_files"])
def test_without_what_is_for_speed_alone_all_is_as_it_was(tmp_path: Path, what: str) -> None:
    command = [sys.executable, str(ROOM / "peers" / "without.py"), what, "train", "-m", "seed=1,2", "trainer.epochs=2"]
    done = subprocess.run([*command, "tracking=none"], cwd=tmp_path, env=variables(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "jobs     2" in done.stdout


@pytest.mark.soak  # a hundred jobs
def test_sweeps(tmp_path: Path, data_folder: Path) -> None:
    run(
        "sweep",
        "--override",
        "trainer.epochs=1",
        "--override",
        "dataset.train_size=300",
        folder=tmp_path,
        data=data_folder,
    )
    compared("speed_sweep", tmp_path)


def test_a_part_that_there_is_not_is_told(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOM / "speed.py"), "step"], cwd=tmp_path, env=variables(), capture_output=True, text=True
    )
    assert done.returncode == 2
    assert (
        "there is no part step; there are steps, growth, kinds, engines, whole, memory, tracking, sweep, kept"
        in done.stderr
    )
