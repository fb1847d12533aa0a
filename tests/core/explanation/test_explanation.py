"""A step of learning, explained: in tables, in a notebook, by the command line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow.tracking import MlflowClient

import chainrule as cr
from chainrule.explanation.documented import LATEX, formulas, sources, typeset
from chainrule.explanation.page import data_of

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([0, 1, 1, 0])


def network() -> cr.Network:
    layers = [
        {"name": "dense", "units": 3, "activation": "tanh"},
        {"name": "dense", "units": 1, "activation": "sigmoid"},
    ]
    return cr.Network(layers, (2,), "binary_cross_entropy", seed=1)


def test_the_tables_hold_the_formulas_and_the_numbers() -> None:
    explanation = cr.explain(network(), X, Y, {"name": "sgd", "lr": 0.5}, title="XOR")
    text, step = str(explanation), explanation.step
    assert text.startswith("XOR\n")
    assert "$y = x W + b$" in text
    assert f"loss {step.loss:.6g}\n" in text
    assert f"loss after the step {step.loss_after:.6g}: a change of {step.change:+.6g}" in text
    value, grad = step.parameters["0.dense.W"].value[1, 2], step.parameters["0.dense.W"].grad[1, 2]
    [row] = [line.split() for line in text.splitlines() if re.match(r"\s*0\.dense\.W +\[1, 2\]", line)]
    assert row[3:5] == [f"{value:.4g}", f"{grad:.4g}"]
    assert float(row[5]) == pytest.approx(float(grad), rel=1e-3)
    assert max(map(len, text.splitlines())) <= 100


def test_without_an_optimizer_nothing_moves() -> None:
    explanation = cr.explain(network(), X, Y)
    assert explanation.step.change == explanation.step.promised == 0
    assert not any(moved.update.any() for moved in explanation.step.parameters.values())
    assert "UPDATE by no optimizer: the gradients alone" in explanation.text()
    assert explanation.page().startswith("<!DOCTYPE html>")


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(cr.ConfigError, match="expected a Network"):
        cr.explain("xor", X, Y, "sgd")  # type: ignore[arg-type]


def test_a_notebook_shows_the_page_in_a_frame_of_its_own() -> None:
    shown = cr.explain(network(), X, Y, "sgd", title='a "step"')._repr_html_()
    assert shown.startswith('<iframe title="a &quot;step&quot;"')
    assert "<script" not in shown  # it is quoted
    assert "&lt;script" in shown


def test_the_page_says_which_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(cr.ConfigError, match="there is no folder"):
        cr.explain(network(), X, Y, "sgd").save(tmp_path / "no" / "page.html")


@pytest.mark.parametrize("entry", list(cr.registry()), ids=lambda entry: f"{entry.kind}.{entry.name}")
def test_every_formula_of_a_component_is_typeset(entry: cr.Entry) -> None:
    component = object.__new__(entry.cls)
    for lines in formulas(component).values():
        for line in lines:
            html = typeset(line)
            assert html.count("<math") == len(LATEX.findall(line))
            assert "$" not in html
            assert "<code>" not in html


def test_what_cannot_be_typeset_stays_as_it_was_written() -> None:
    assert typeset(r"of $\left( x$ & more") == r"of <code>\left( x</code> &amp; more"


def test_an_experiment_is_explained_in_one_command(program_in: Callable[..., Any], tmp_path: Path) -> None:
    done = program_in("explain", "experiment=xor", "--out", "xor.html", folder=tmp_path)
    assert (done.status, done.out) == (0, f"page     {tmp_path / 'xor.html'}\n"), done.err
    page = (tmp_path / "xor.html").read_text(encoding="utf-8")
    assert 60_000 < len(page) < 1_000_000
    assert not re.search(r"""(src|href)=["']https?:""", page)
    assert [path.name for path in tmp_path.iterdir()] == ["xor.html"]
    text = program_in("explain", "experiment=xor", "optimizer=sgd", "--text", "--examples", "1,2", folder=tmp_path).out
    assert "UPDATE by sgd" in text
    assert "x (2, 2)" in text


def test_a_run_is_explained_with_its_trained_weights(program_in: Callable[..., Any], tmp_path: Path) -> None:
    trained = program_in("train", "experiment=xor", "trainer.epochs=30", folder=tmp_path)
    assert trained.status == 0, trained.err
    [run_id] = re.findall(r"\b[0-9a-f]{32}\b", trained.out)[:1]
    text = program_in("explain", run_id, "--text", folder=tmp_path).out
    weights = next((tmp_path / "outputs").rglob("weights.safetensors"))
    value = cr.load_network(weights).parameters["0.dense.W"].value[0, 0]
    [row] = [line.split() for line in text.splitlines() if re.match(r"\s*0\.dense\.W +\[0, 0\]", line)]
    assert row[3] == f"{value:.4g}"


def test_a_run_that_was_filmed_has_its_page_among_its_artifacts_and_goes_on_where_it_ended(
    program_in: Callable[..., Any], tmp_path: Path
) -> None:
    trained = program_in("train", "experiment=xor", "explain=true", "optimizer.lr=5", folder=tmp_path)
    assert trained.status == 0, trained.err
    [page] = re.findall(r"^page     (.*)$", trained.out, flags=re.MULTILINE)
    assert "note     The learning rate is too high" in trained.out
    html = (tmp_path / page).read_text(encoding="utf-8")
    assert len(html) < 1_000_000
    assert "chainrule train experiment=xor explain=true optimizer.lr=0.05" in html
    [run_id] = re.findall(r"\b[0-9a-f]{32}\b", trained.out)[:1]
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    assert "explanation.html" in {artifact.path for artifact in client.list_artifacts(run_id)}
    assert [artifact.path for artifact in client.list_artifacts(run_id, "explanation")] == [
        "explanation/film.safetensors"
    ]
    assert "explain" not in client.get_run(run_id).data.params
    film = cr.Film.load((tmp_path / page).parent / "explanation" / "film.safetensors")
    text = program_in("explain", run_id, "--text", folder=tmp_path).out
    assert f"UPDATE by adam, learning rate 5, update {film.step + 1}" in text
    assert "TRAINING" in text
    assert "Try: chainrule train experiment=xor explain=true optimizer.lr=0.05" in " ".join(text.split())
    done = program_in("explain", run_id, "--split", "validation", "--out", "held_out.html", folder=tmp_path)
    assert f"is among the artifacts of {run_id}" in done.out
    assert "held_out.html" in {artifact.path for artifact in client.list_artifacts(run_id)}
    # The same network from its file: its run's folder says on what it was trained.
    weights = (tmp_path / page).parent / "model" / "weights.safetensors"
    again = program_in("explain", str(weights), "--text", folder=tmp_path).out
    assert again.split("FORWARD")[1] == text.split("FORWARD")[1]
    moved = tmp_path / "mine.safetensors"
    moved.write_bytes(weights.read_bytes())
    refused = program_in("explain", str(moved), folder=tmp_path)
    assert refused.status == 2
    assert "says nothing of the data that the network is for: name it too" in refused.err
    elsewhere = program_in("explain", str(moved), "experiment=xor", "optimizer=sgd", "--text", folder=tmp_path)
    assert "UPDATE by sgd" in elsewhere.out, elsewhere.err


def test_a_training_that_ends_in_an_error_leaves_its_page(program_in: Callable[..., Any], tmp_path: Path) -> None:
    given = ("experiment=spirals", "optimizer=sgd", "optimizer.lr=1e9", "explain=true")
    done = program_in("train", *given, folder=tmp_path)
    assert done.status != 0
    [page] = (tmp_path / "outputs").rglob("explanation.html")
    assert f"how it came to this is shown in {page.relative_to(tmp_path)}\n" in done.err
    assert "The loss stopped being a number" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("given", ["maybe", "3", "null", "[true]"])
def test_explain_is_true_or_false(program_in: Callable[..., Any], tmp_path: Path, given: str) -> None:
    done = program_in("train", "experiment=xor", f"explain={given}", folder=tmp_path)
    assert done.status == 2
    assert re.match(r"chainrule: explain: got .*, expected true or false", done.err), done.err
    assert not (tmp_path / "outputs").exists()


def test_a_large_network_is_shown_with_fewer_examples_and_what_finds_no_room_is_said() -> None:
    layers = [{"name": "conv2d", "filters": 48, "activation": "relu"}, "flatten", {"name": "dense", "units": 2}]
    network = cr.Network(layers, (40, 40, 1), "mse")
    x, y = np.zeros((9, 40, 40, 1)), np.zeros((9, 2))
    told = data_of(cr.explain(network, x, y, "sgd"))
    left = {operation["name"]: operation["left_out"] for operation in told["operations"]}
    assert any(left.values())
    few = data_of(cr.explain(network, x[:2], y[:2], "sgd"))
    assert not any(operation["left_out"] for operation in few["operations"])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("experiment=xor", "--examples", "some"), '--examples: got "some", expected a number or positions'),
        (("experiment=xor", "--examples", "0,9"), "examples: got [9], expected positions from 0 to 3"),
        (("experiment=xor", "--split", "best"), 'split: got "best", expected one of train, validation, test'),
        (("experiment=xor", "--examples", "999"), "examples: got more than 256"),
        (("nosuchrun",), "there is no store"),
        (("nosuchrun", "optimizer.lr=3"), "nosuchrun: a run is explained as it was: leave optimizer.lr=3 out"),
        ((".",), "is no folder of a run"),
        (("experiment=xor", "optimizer=addam"), "adam"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    program_in: Callable[..., Any], tmp_path: Path, given: tuple[str, ...], says: str
) -> None:
    done = program_in("explain", *given, folder=tmp_path)
    assert done.status == 2
    assert says in done.err
    assert len(done.err.splitlines()) <= 2


@pytest.mark.parametrize(
    ("kind", "asked"),
    [("activation", [{"rule", "forward"}, {"derivative", "backward"}]), ("optimizer", [{"rule", "update"}])],
)
def test_the_lines_of_each_component_are_there_however_it_is_written(kind, asked):
    for name in cr.registry().names(kind):
        shown = {*sources(cr.make(kind, name))}
        assert all(shown & either for either in asked), f"{name} shows {shown or 'nothing'}"
