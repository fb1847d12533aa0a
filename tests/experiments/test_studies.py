"""Each study is one command, which asks its question and writes its table and its figure; what is shown is from it."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from environments import variables
from matplotlib.image import imread
from mlflow.tracking import MlflowClient

import chainrule as cr

REPOSITORY = Path(__file__).parents[2]
ROOM = REPOSITORY / "experiments"
RESULTS = ROOM / "results"
SHARED = {"study", "signals", "readme_picture"}
FIGURES = sorted(path.stem for path in ROOM.glob("show_*.py"))  # see test_figures.py
QUESTIONS = sorted({path.stem for path in ROOM.glob("*.py")} - SHARED - {*FIGURES})
# What records no runs: see test_speed.py, test_start.py, test_pages_measured.py, test_onnx_table.py, test_scale.py.
STUDIES = sorted({*QUESTIONS} - {"speed", "start", "pages", "onnx_table", "scale"})
SWEEPS = {"optimizers": 4 * 5, "activations": 11 * 6, "regularization": 26, "sequences": 9 * 2, "rows": 3 * 3}
"""The studies that try settings before they show the best, and how many."""
RUNS = {"adam": 30 + 8, "published": 2 * 7 + 2, "text": 2 * 3, "xor_width": 1, "estimators": 1}
RUNS |= {study: 2 * settings for study, settings in SWEEPS.items()}
"""Of two seeds, where it is not two for each row: adam tries its rates from one, published has one of
convolutions, text counts in its other rows.
"""
NEED_MNIST = {"initializers", "mnist", *RUNS} - {"xor_width", "estimators", "sequences", "text"}
QUICK = {study: ["trainer.epochs=1"] for study in STUDIES} | {
    name: ["--epochs", "9"] for name in ("xor_width", "estimators")
}
QUICK["sequences"].append("dataset.samples=100")
QUICK["text"].append("dataset.stride=2000")
for study in NEED_MNIST:
    QUICK[study].append("dataset.train_size=300")
LAST = {"optimizers": ["launcher=parallel"]}
"""Overrides may stand on both sides of options; each sweep starts workers of its own, which take seconds."""
TAKES_LONG = NEED_MNIST | {"sequences", "text", "spirals", "digits", "estimators"}
SLOW = [pytest.param(study, marks=pytest.mark.slow if study in TAKES_LONG else ()) for study in STUDIES]
PAGE = {line.split(" | ")[0].strip("| `"): line for line in (ROOM / "README.md").read_text("utf-8").splitlines()}


def question(study: str) -> str:
    text = ast.get_docstring(ast.parse((ROOM / f"{study}.py").read_text(encoding="utf-8")))
    assert text
    assert text.splitlines()[-1] == f"    python experiments/{study}.py"
    return text.splitlines()[0]


def table(path: Path) -> list[list[str]]:
    """The cells of the Markdown table in a file, heading first, without the line below the heading."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("|")]
    assert set("".join(rows[1])) == {"-"}
    return [[cell.strip() for cell in row] for row in [rows[0], *rows[2:]]]


@pytest.mark.parametrize("study", SLOW)
def test_a_study_runs_and_its_shown_result_has_the_same_form(
    study: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    data = {"CHAINRULE_DATA": str(request.getfixturevalue("data_folder"))} if study in NEED_MNIST else {}
    command = [sys.executable, str(ROOM / f"{study}.py"), *QUICK[study], "--seeds", "2", "--results", "mine"]
    command += LAST.get(study, [])
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=variables(OPENBLAS_NUM_THREADS="1", **data),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    written, shown = {path.name for path in (tmp_path / "mine").iterdir()}, {path.name for path in RESULTS.iterdir()}
    assert {f"{study}.md", f"{study}.png"} <= written <= shown
    assert (tmp_path / "mine" / f"{study}.md").read_text(encoding="utf-8") in done.stdout

    tried, final = table(tmp_path / "mine" / f"{study}.md"), table(RESULTS / f"{study}.md")
    assert tried[0] == final[0], "the columns"
    assert sorted(row[0] for row in tried) == sorted(row[0] for row in final), "the best may come first"
    assert {len(row) for row in [*tried, *final]} == {len(tried[0])}

    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    found = client.get_experiment_by_name(f"study_{study}")
    assert found is not None
    runs = client.search_runs([found.experiment_id])
    assert len(runs) == RUNS.get(study, 2 * (len(tried) - 1))
    assert {run.info.status for run in runs} == {"FINISHED"}


@pytest.mark.parametrize("study", QUESTIONS)
def test_a_study_asks_its_question_where_help_is_asked(study: str, tmp_path: Path) -> None:
    assert question(study).endswith("?")
    done = subprocess.run(
        [sys.executable, str(ROOM / f"{study}.py"), "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert question(study) in " ".join(done.stdout.split())


def test_xor_by_width_is_one_run_with_a_value_for_each_width(tmp_path: Path) -> None:
    """Equal to what the table says; nothing of a single hidden unit, which never solves it."""
    command = [sys.executable, str(ROOM / "xor_width.py"), "--seeds", "4", "--epochs", "400", "--results", "mine"]
    subprocess.run(command, cwd=tmp_path, env=variables(OPENBLAS_NUM_THREADS="1"), capture_output=True, check=True)
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    found = client.get_experiment_by_name("study_xor_width")
    assert found is not None
    [run] = client.search_runs([found.experiment_id])
    solved, epochs = (
        {point.step: point.value for point in client.get_metric_history(run.info.run_id, name)}
        for name in ("solved", "epochs")
    )
    _, *rows = table(tmp_path / "mine" / "xor_width.md")
    assert {int(row[0]): row[1] for row in rows} == {width: f"{4 * share:.0f} of 4" for width, share in solved.items()}
    assert {int(row[0]): row[2] for row in rows if row[2] != "never"} == {
        n: f"{value:.0f}" for n, value in epochs.items()
    }
    assert solved[1] == 0
    assert solved[32] == 1
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {
        "epochs.json",
        "xor_width.md",
        "xor_width.png",
    }


@pytest.mark.parametrize("study", QUESTIONS)
def test_the_rooms_page_asks_and_answers_it(study: str) -> None:
    """With numbers that the table has, and, but for the benchmark, in the words above it."""
    _, asked, answer, links = (cell.strip() for cell in PAGE[f"python experiments/{study}.py"].strip("| ").split(" | "))
    assert asked == question(study)
    shown = (RESULTS / f"{study}.md").read_text(encoding="utf-8")
    conclusion, _, below = shown.partition("\n\n")
    if study in {*STUDIES, "onnx_table", "scale"}:
        assert answer == conclusion
        shown = below
    numbers = re.findall(r"\d+\.\d+|\d+ of \d+", answer)
    assert numbers
    assert [number for number in numbers if number not in shown] == []
    assert {f"results/{study}.md", f"results/{study}.png"} <= set(re.findall(r"\(([^)]+)\)", links))


def test_every_activation_is_compared() -> None:
    """But for softmax, which is for outputs, and prelu, which has parameters of its own."""
    text = (ROOM / "activations.py").read_text(encoding="utf-8")
    [named] = [
        ast.literal_eval(line.value)
        for line in ast.parse(text).body
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "INITIALIZERS"
    ]
    built_in = {
        entry.name for entry in cr.registry() if entry.kind == "activation" and entry.distribution == "chainrule"
    }
    assert sorted(name for names in named.values() for name in names) == sorted(built_in - {"softmax", "prelu"})


@pytest.mark.slow
@pytest.mark.parametrize("study", ["xor", "optimizers"])
def test_a_study_with_more_seeds_goes_on_where_it_was(
    study: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    data = {"CHAINRULE_DATA": str(request.getfixturevalue("data_folder"))} if study in NEED_MNIST else {}
    command = [sys.executable, str(ROOM / f"{study}.py"), "--results", "mine", *QUICK[study]]
    ends = []
    for seeds in "1", "2":
        subprocess.run(
            [*command, "--seeds", seeds],
            cwd=tmp_path,
            env=variables(OPENBLAS_NUM_THREADS="1", **data),
            capture_output=True,
            check=True,
        )
        client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
        found = client.get_experiment_by_name(f"study_{study}")
        assert found is not None
        ends.append({run.info.run_id: run.info.end_time for run in client.search_runs([found.experiment_id])})
    first, both = ends
    assert len(both) == 2 * len(first)
    assert first.items() <= both.items(), "these were not run again"


@pytest.mark.slow
def test_a_study_writes_its_conclusion_into_the_rooms_page(tmp_path: Path) -> None:
    """Of one seed: another answer than the one that is shown."""
    room = tmp_path / "experiments"
    shutil.copytree(ROOM, room, ignore=shutil.ignore_patterns("results", "peers"))
    command = [sys.executable, str(room / "xor.py"), "--seeds", "1", "trainer.epochs=1"]
    subprocess.run(command, cwd=tmp_path, env=variables(OPENBLAS_NUM_THREADS="1"), capture_output=True, check=True)
    conclusion = (room / "results" / "xor.md").read_text(encoding="utf-8").splitlines()[0]
    assert conclusion.startswith("No, from 0 of 1 seeds")
    before, after = ((folder / "README.md").read_text(encoding="utf-8").splitlines() for folder in (ROOM, room))
    [(old, new)] = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert new.split(" | ") == [conclusion if number == 2 else cell for number, cell in enumerate(old.split(" | "))]


def test_what_is_held_against_the_published_networks_is_what_their_experiments_say() -> None:
    """The figure is the one in the second line of the experiment, and the training is as long."""
    for name, _, settings, accuracy, *_ in table(RESULTS / "published.md")[1:]:
        text = (REPOSITORY / "conf" / "experiment" / f"{name.partition(',')[0]}.yaml").read_text(encoding="utf-8")
        assert f"Published: {accuracy} %" in text or f"Published: error {100 - float(accuracy):.1f} %" in text
        trainer = yaml.safe_load(text)["trainer"]
        assert settings.endswith(f"batch {trainer['batch_size']}, {trainer['epochs']} epochs")


def test_every_result_is_of_a_study_or_a_figure_and_every_figure_is_a_picture() -> None:
    stems = {path.stem for path in RESULTS.iterdir()}
    assert {*QUESTIONS, *FIGURES} <= stems
    assert [
        stem
        for stem in stems
        if not f"{stem}_".startswith(tuple(f"{name}_" for name in [*QUESTIONS, *FIGURES, "readme_picture"]))
    ] == []
    for path in RESULTS.glob("*.png"):
        assert imread(path).std() > 0.05, f"{path.name} is blank"
