"""A real sweep of 30 runs on a real MLflow server: the numbers are those that its REST interface gives by hand."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pytest
from environments import variables
from scipy import stats
from serving import free_port, served

from chainrule.tracking.store import prepare_store

pytestmark = pytest.mark.slow

GRID = {
    "optimizer.name": ("sgd", "adam", "rmsprop"),
    "optimizer.lr": ("0.01", "0.03"),
    "seed": ("0", "1", "2", "3", "4"),
}
METRIC = "test/loss"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("swept")


@pytest.fixture(scope="module")
def uri(folder: Path) -> Iterator[str]:
    prepare_store(f"sqlite:///{folder}/mlflow.db", "xor")
    command = [sys.executable, "-m", "chainrule", "ui", "--port", str(free_port())]
    with served(command, folder, variables()) as address:
        yield address.partition("#")[0].rstrip("/")


@pytest.fixture(scope="module")
def swept(program_in: Callable[..., Any], folder: Path, uri: str) -> None:
    overrides = [f"{key.removesuffix('.name')}={','.join(values)}" for key, values in GRID.items()]
    short = ("trainer.epochs=60", "tracking.figures=false")
    done = program_in("train", "-m", "experiment=xor", *overrides, *short, folder=folder, MLFLOW_TRACKING_URI=uri)
    assert done.status == 0, done.err


@pytest.fixture(scope="module")
def by_hand(uri: str, swept: None) -> dict[tuple[str, str], dict[str, float]]:
    """For each optimizer and learning rate, the metric by seed, straight from the server."""
    found = ask(uri, "experiments/get-by-name?experiment_name=xor")["experiment"]["experiment_id"]
    runs = ask(uri, "runs/search", {"experiment_ids": [found], "max_results": 1000})["runs"]
    assert len(runs) == math.prod(map(len, GRID.values())) == 30
    groups: defaultdict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for run in runs:
        params = {param["key"]: param["value"] for param in run["data"]["params"]}
        metrics = {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}
        groups[params["optimizer.name"], params["optimizer.lr"]][params["seed"]] = metrics[METRIC]
    return groups


def ask(uri: str, path: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(f"{uri}/api/2.0/mlflow/{path}", data, {"Content-Type": "application/json"})) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def rows(program_in: Callable[..., Any], folder: Path, uri: str, swept: None) -> list[dict[str, str]]:
    done = program_in("compare", "--metric", METRIC, "--csv", folder=folder, MLFLOW_TRACKING_URI=uri)
    assert done.status == 0, done.err
    return list(csv.DictReader(io.StringIO(done.out)))


Groups = dict[tuple[str, str], dict[str, float]]


def test_mean_deviation_and_interval_of_every_group(rows: list[dict[str, str]], by_hand: Groups) -> None:
    assert [(row["optimizer.name"], row["optimizer.lr"]) for row in rows] == sorted(
        by_hand, key=lambda group: np.mean(list(by_hand[group].values()))
    )
    assert set(by_hand) == set(itertools.product(GRID["optimizer.name"], GRID["optimizer.lr"]))
    for row in rows:
        values = np.array(list(by_hand[row["optimizer.name"], row["optimizer.lr"]].values()))
        sd = math.sqrt(((values - values.mean()) ** 2).sum() / (len(values) - 1))
        half = stats.t.ppf(0.975, len(values) - 1) * sd / math.sqrt(len(values))
        expected = (len(values), values.mean(), sd, values.mean() - half, values.mean() + half)
        assert [float(row[key]) for key in ("n", "mean", "sd", "low", "high")] == pytest.approx(expected, rel=1e-9)


def test_paired_tests_of_the_leading_groups(rows: list[dict[str, str]], by_hand: Groups) -> None:
    best, *others = [by_hand[row["optimizer.name"], row["optimizer.lr"]] for row in rows]
    tests = [stats.ttest_rel([best[seed] for seed in GRID["seed"]], [o[seed] for seed in GRID["seed"]]) for o in others]
    p_values = [float(test.pvalue) for test in tests]
    ascending = sorted(p_values)
    for row, test in zip(rows[1:], tests, strict=True):
        assert float(row["p"]) == pytest.approx(test.pvalue, rel=1e-9)
        interval = test.confidence_interval(0.95)
        assert [float(row["difference_low"]), float(row["difference_high"])] == pytest.approx(list(interval), rel=1e-9)
        rank = ascending.index(test.pvalue)
        assert float(row["p_holm"]) == pytest.approx(
            max(min(1, (len(tests) - j) * ascending[j]) for j in range(rank + 1)), rel=1e-9
        )


def test_the_comparison_is_recorded_on_the_server_with_links_to_all_runs(
    program_in: Callable[..., Any], folder: Path, uri: str, rows: list[dict[str, str]]
) -> None:
    done = program_in("compare", folder=folder, MLFLOW_TRACKING_URI=uri)
    assert done.status == 0, done.err
    [page] = [line.split()[1] for line in done.out.splitlines() if line.startswith("MLflow ")]
    assert page.startswith(f"{uri}/#/experiments/")
    run_id = page.partition("/runs/")[2].partition("?")[0]
    tags = {tag["key"]: tag["value"] for tag in ask(uri, f"runs/get?run_id={run_id}")["run"]["data"]["tags"]}
    assert len(tags["runs"].split(",")) == 30
    assert tags["mlflow.note.content"].count("[seed ") == 30
    files = ask(uri, f"artifacts/list?run_id={run_id}")["files"]
    assert {"curves.png", "groups.png", "comparison.json"} < {file["path"] for file in files}
