"""What ``chainrule compare`` prints, records, offers to studies, and says of what is wrong."""

from __future__ import annotations

import base64
import csv
import functools
import inspect
import io
import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest
from compared import METRIC, Store, of_rates, stored_run, sweep
from matplotlib.figure import Figure
from matplotlib.image import imread
from mlflow.tracking import MlflowClient

import chainrule as cr
from chainrule import comparison
from chainrule.comparison import compare
from chainrule.comparison.as_run import TAG_LENGTH, note
from chainrule.comparison.formats import as_csv, latex, markdown
from chainrule.comparison.groups import grouped
from chainrule.comparison.looking import latest_runs
from chainrule.comparison.runs import Found
from chainrule.comparison.wording import settings
from chainrule.tracking.tags import params_of
from chainrule.tracking.tracking import Tracking

NOT_UNDERSTOOD = "--where: MLflow does not understand"


# ---- what it prints


def test_the_table_is_for_people_and_fits_a_terminal(store: Store, program: Callable[..., Any]) -> None:
    sweep(store)
    store.add(9, None, sweep="s", status="FAILED", optimizer__lr=0.2)
    done = program("compare")
    assert (done.status, done.err) == (0, "")
    assert "test/accuracy of 10 runs, higher is better" in done.out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.out.splitlines() if line[:1] == "│"]
    assert rows == [
        ["0.1", "5", "0.92", "0.01581", "0.9004 to 0.9396", "", "0.08"],
        ["0.2", "5", "0.806", "0.006595", "0.7978 to 0.8142", "1", "0.194"],
    ]
    assert max(map(len, done.out.partition("files ")[0].splitlines())) <= 80


def test_csv_and_json_hold_the_same_numbers_and_nothing_else_is_on_stdout(
    store: Store, program: Callable[..., Any]
) -> None:
    sweep(store)
    lines, whole = program("compare", "--csv"), program("compare", "--json")
    rows = list(csv.DictReader(io.StringIO(lines.out)))
    known = json.loads(whole.out)
    assert [row["optimizer.lr"] for row in rows] == ["0.1", "0.2"]
    for row, group in zip(rows, known["groups"], strict=True):
        for key in ("n", "mean", "sd", "low", "high"):
            assert float(row[key]) == group[key]
        for kind, key in (("", "mean"), ("_sd", "sd")):
            assert float(row[f"test/loss{kind}"]) == group["further"]["test/loss"][key]
    [pair] = known["pairs"]
    assert float(rows[1]["p_holm"]) == pair["p_holm"]
    assert float(rows[1]["difference"]) == pair["difference"]
    assert known["groups"][0]["seeds"]["3"]["value"] == 0.93
    for done in (lines, whole):
        assert re.search(r"^files +outputs/comparisons/", done.err, re.MULTILINE)
        assert re.search(r"^MLflow +chainrule ui \w{32}$", done.err, re.MULTILINE)


def test_markdown_is_a_table_whatever_the_values_hold(store: Store, program: Callable[..., Any]) -> None:
    store.add(0, 0.5, dataset__path="a|b[bold].csv")
    store.add(0, 0.4, dataset__path="c.csv")
    out = program("compare", "digits", "--markdown", "--no-record").out
    assert (
        "| path | n | test/accuracy | test/loss |\n| --- | ---: | ---: | ---: |\n| a\\|b[bold].csv | 1 | 0.5 | 0.5 |\n"
        in out
    )
    assert "a|b[bold].csv" in program("compare", "digits", "--no-record").out


def test_mlflows_own_page_for_the_runs_is_named(store: Store, program: Callable[..., Any]) -> None:
    ids = [store.add(seed, 0.5) for seed in range(3)]
    out = program("compare", "digits", "--no-record").out
    [page] = re.findall(
        r"^compare +http://127.0.0.1:5000/#/compare-runs\?(\S+) \(while chainrule ui runs\)$", out, re.M
    )
    named = {key: json.loads(value) for key, [value] in parse_qs(page).items()}
    assert named == {"runs": ids, "experiments": [store.experiments["digits"]]}


def test_a_comparison_that_is_recorded_names_the_page_with_its_charts(
    store: Store, program: Callable[..., Any]
) -> None:
    """Which differ, by which they are ranked, and its curve; not whatever comes first in the alphabet."""
    ids = [store.add(0, 0.5 + lr / 10, optimizer__lr=lr, optimizer__beta1=lr) for lr in range(2)]
    out = program("compare", "digits").out
    [key] = re.findall(
        r"^compare +http://127.0.0.1:5000/#/experiments/1/runs\?workflowType=machine_learning&"
        r"viewStateShareKey=(\w+)&compareRunsMode=CHART \(while chainrule ui runs\)$",
        out,
        re.MULTILINE,
    )
    state = viewed(store, key)
    assert state["searchFilter"] == f"attributes.run_id IN ('{ids[1]}', '{ids[0]}')"
    assert len(store.client.search_runs(["1"], state["searchFilter"])) == 2, "as MLflow's search takes it"
    assert (state["orderByKey"], state["orderByAsc"]) == (f"metrics.`{METRIC}`", False)
    curve, together, *bars = state["compareRunCharts"]
    assert curve["metricKey"] == "validation/accuracy"
    assert (together["selectedParams"], together["selectedMetrics"]) == (["optimizer.lr"], [METRIC])
    assert [bar["metricKey"] for bar in bars] == [METRIC, "test/loss"]


def test_runs_of_several_experiments_are_compared_by_mlflows_own_page(
    store: Store, program: Callable[..., Any]
) -> None:
    for experiment in ("digits", "xor"):
        store.add(0, 0.5, experiment=experiment, sweep="s", dataset__name=experiment)
    assert "#/compare-runs?runs=" in program("compare", "s").out


def test_the_table_of_runs_is_that_of_the_latest_training_with_what_matters_as_columns(
    store: Store, program: Callable[..., Any]
) -> None:
    """Not that of a comparison, nor of another program's run; the view that it had before is replaced."""
    store.add(0, 0.5, optimizer__name="sgd"), store.add(1, 0.5, optimizer__name="adam", optimizer__beta1=0.9)
    program("compare", "digits")
    store.client.create_run(store.client.create_experiment("another program's"))
    place = "#/experiments/1/runs?workflowType=machine_learning&viewStateShareKey=latest"
    for columns in (["optimizer.name", "seed"], ["optimizer.name", "dtype", "seed"]):
        assert latest_runs(store.client) == place
        state = viewed(store, "latest")
        shown = [f"metrics.`{name}`" for name in (METRIC, "test/loss")] + [f"params.`{name}`" for name in columns]
        assert state["selectedColumns"] == state["columnOrder"] == shown
        assert (state["searchFilter"], state["orderByKey"]) == ("", "attributes.start_time")
        store.add(0, None, status="FAILED", dtype="float64", optimizer__name="sgd")


def test_without_any_training_it_is_mlflows_start_page(store: Store) -> None:
    store.client = MlflowClient(store.uri)
    assert latest_runs(store.client) == ""
    store.add(0, None, status="RUNNING")
    assert latest_runs(store.client).startswith("#/experiments/1/runs?")


def viewed(store: Store, key: str) -> Any:
    """What MLflow reads of a shared view: JSON, compressed and in base 64."""
    text = store.client.get_experiment("1").tags[f"mlflow.sharedViewState.{key}"]
    return json.loads(zlib.decompress(base64.b64decode(text.removeprefix("deflate;"))))


# ---- what it leaves


def test_it_is_recorded_with_its_table_links_and_pictures(store: Store, program: Callable[..., Any]) -> None:
    sweep(store)
    done = program("compare")
    [folder] = (store.folder / "outputs" / "comparisons").iterdir()
    assert f"files    {folder.relative_to(store.folder)}" in done.out
    files = {"comparison.csv", "comparison.json", "comparison.md", "comparison.tex", "curves.png", "groups.png"}
    assert {path.name for path in folder.iterdir()} == files
    for picture in folder.glob("*.png"):
        assert imread(picture).std() > 0.05  # it is not blank

    [experiment] = [e for e in store.client.search_experiments() if e.name == "comparisons"]
    [run] = store.client.search_runs([experiment.experiment_id])
    assert f"chainrule ui {run.info.run_id}" in done.out
    assert run.info.status == "FINISHED"
    assert run.data.tags["chainrule.kind"] == "comparison"
    assert {file.path for file in store.client.list_artifacts(run.info.run_id)} == files
    text = run.data.tags["mlflow.note.content"]
    assert (folder / "comparison.md").read_text(encoding="utf-8") in text
    compared = store.compared("s")
    for group in compared.groups:
        for counted in group.runs:
            assert f"[seed {counted.seed}](#/experiments/{counted.experiment_id}/runs/{counted.run_id}?" in text
            assert counted.run_id in run.data.tags["runs"]


def test_no_record_leaves_mlflow_as_it_is(store: Store, program: Callable[..., Any]) -> None:
    sweep(store)
    done = program("compare", "--no-record")
    assert done.status == 0
    assert "MLflow" not in done.out
    assert {e.name for e in store.client.search_experiments()} == {"Default", "digits"}
    assert len(list(store.folder.glob("outputs/comparisons/*/curves.png"))) == 1


def test_groups_that_differ_beyond_what_the_store_holds_are_two(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    columns = [f"column {number}" for number in range(1000)]
    for seed, features in ((0, [*columns, "a"]), (1, [*columns, "a"]), (0, [*columns, "b"]), (1, [*columns, "b"])):
        params = params_of({"seed": seed, "dataset": {"features": features}})
        with Tracking(uri, "wide" * 100).run(name="", params=params, tags={}, dataset=("", ""), folder=tmp_path) as run:
            run.log({"validation/loss": seed}, step=1)
    compared = compare("wide" * 100, uri=uri)
    assert compared.by == ("dataset.features",)
    assert [len(group.runs) for group in compared.groups] == [2, 2]


@pytest.mark.parametrize("place", [3, 2500, 4998])
def test_long_settings_are_cut_to_what_tells_groups_apart(
    place: int,
) -> None:
    whole = [0] * 5000
    lists = [str([*whole[:place], value, *whole[place + 1 :]]) for value in (1, 2)]
    params = [{"dataset.features": text} for text in lists]
    compared = grouped(Found("s", tuple(stored_run(p, seed) for p in params for seed in (0, 1)), 0))
    shown = [cells[0] for cells in map(functools.partial(settings, compared), compared.groups)]
    assert len(set(shown)) == 2
    assert all(len(text) <= 60 for text in shown)
    assert [re.sub("[12]", "", text) for text in shown] == [re.sub("[12]", "", shown[0])] * 2
    for text in (markdown(compared), latex(compared), repr(compared)):
        assert len(text) < 2500
    assert len(as_csv(compared)) > 20_000  # for programs: whole


def test_the_note_of_many_runs_is_as_long_as_mlflow_takes() -> None:
    text = note(of_rates([[0.5 + lr / 100 + seed / 1000 for seed in range(5)] for lr in range(30)]), "#/experiments/1")
    assert TAG_LENGTH - 1000 < len(text) <= TAG_LENGTH
    assert text.count("| 5 |") == 30


# ---- what it offers to studies


def test_what_is_public_is_sorted_and_documented() -> None:
    names = comparison.__all__
    assert names == sorted(set(names), key=lambda name: (not name.isupper(), name.islower(), name))
    for thing in (getattr(comparison, name) for name in names):
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert thing.__doc__
            assert not thing.__doc__.startswith(f"{thing.__name__}(")  # what dataclass writes where nobody did


def test_learning_curves_are_those_of_the_runs_that_count(store: Store) -> None:
    store.add(0, 0.5, epochs=2)
    store.add(1, 0.6, epochs=3)
    [group] = store.compared("digits").groups
    found = comparison.learning_curves(group, "validation/accuracy", store.uri)
    assert found == [{1: 0.1, 2: 0.2}, {1: 0.1, 2: 0.2, 3: 0.3}]
    assert comparison.learning_curves(group, "validation/loss", store.uri) == [{}, {}]


def test_a_study_draws_bands_over_whatever_it_varies() -> None:
    """As `optimizers` does over learning rates; the curves of runs are `band`'s in the pictures below."""
    axes = Figure().subplots()
    assert comparison.band(axes, [0.1, 1], [[1, 4], [3, 8]], "#0072B2", "sgd", marker="o")
    [line], [area] = axes.lines, axes.collections
    assert (line.get_label(), line.get_marker(), [*line.get_ydata()]) == ("sgd", "o", [2, 6])
    assert {tuple(point) for point in area.get_paths()[0].vertices} == {(0.1, 1), (0.1, 3), (1, 4), (1, 8)}
    assert not comparison.band(axes, [0.1, 1], [[1, 4], [3, np.nan]], "#0072B2", "sgd")


# ---- what is wrong


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["digit"], 'there is no sweep or experiment "digit". Did you mean "digits"? Known: Default, digits, s.'),
        (["it's"], 'there is no sweep or experiment "it\'s"'),
        (["--metric", "test/acuracy"], '--metric: no run has a metric "test/acuracy". Did you mean "test/accuracy"?'),
        (["--where", "optimizer ="], '--where: MLflow does not understand "optimizer =":'),
        (["--where", "validation/accuracy > 0.5"], f"{NOT_UNDERSTOOD} (write metrics.validation/accuracy)\n"),
        (["--where", "`validation/accuracy` > 0.5"], f"{NOT_UNDERSTOOD} (keys are metrics.NAME, params.NAME"),
        (
            ["--where", "params.optimizer.lr < 0.1"],
            f"{NOT_UNDERSTOOD} (params are text, which is equal or not: write params.optimizer.lr = '0.1')\n",
        ),
        (["--where", "params.seed = '7'"], "runs where params.seed = '7': no run of chainrule train is recorded"),
        (["Default"], "experiment Default: no run of chainrule train is recorded"),
        (["--uri", "mlflow.db"], 'the tracking URI "mlflow.db" has no scheme'),
    ],
)
def test_what_is_wrong_is_told_in_a_line_or_two(
    store: Store, program: Callable[..., Any], arguments: list[str], told: str
) -> None:
    store.add(0, 0.5, sweep="s")
    done = program("compare", *arguments)
    assert done.status == 2
    told, _, hint = told.partition(NOT_UNDERSTOOD)
    assert done.err.startswith(f"chainrule: {told}")
    assert hint in done.err
    assert done.err.count("\n") <= 3
    assert not (store.folder / "outputs").exists()


def test_without_a_store_a_sweep_or_a_finished_run_it_says_so(store: Store, program: Callable[..., Any]) -> None:
    (store.folder / "mlflow.db").unlink()
    assert "there is no store" in program("compare").err
    store.add(0, None, status="FAILED")
    store.add(1, None, status="RUNNING")
    assert program("compare").err.startswith("chainrule: no sweep is recorded here: name an experiment")
    failed = program("compare", "digits")
    assert failed.err == "chainrule: experiment digits: of 2 runs none has finished (1 failed, 1 running)\n"
    with pytest.raises(cr.TrackingError):
        store.compared("digits")


def test_tab_offers_experiments_and_sweeps(store: Store, program: Callable[..., Any]) -> None:
    sweep(store)
    assert program("-sc", "query=bash", COMP_LINE="chainrule compare ").out.split() == ["digits", "Default", "s"]
