"""``chainrule compare``: which runs it finds and groups, what it leaves out and says so, what it prints and records."""

from __future__ import annotations

import base64
import contextlib
import csv
import functools
import inspect
import io
import json
import re
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest
import sqlalchemy
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread
from mlflow.entities import Metric, Param
from mlflow.tracking import MlflowClient

import chainrule as cr
from chainrule import comparison
from chainrule.comparison import compare, pictures, runs
from chainrule.comparison.as_run import TAG_LENGTH, note
from chainrule.comparison.formats import as_csv, latex, markdown
from chainrule.comparison.groups import PAIRS, Comparison, grouped, telling_apart
from chainrule.comparison.looking import latest_runs
from chainrule.comparison.pictures import by_group, curves
from chainrule.comparison.runs import Found, StoredRun
from chainrule.comparison.wording import findings, headings, settings
from chainrule.pictures.page import save
from chainrule.tracking.store import prepare_store
from chainrule.tracking.tags import params_of
from chainrule.tracking.tracking import Tracking

METRIC = "test/accuracy"
NOT_UNDERSTOOD = "--where: MLflow does not understand"


@dataclass
class Store:
    """A real store in a folder, for runs as ``chainrule train`` records them."""

    folder: Path
    clock: int = 0
    experiments: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.uri = f"sqlite:///{self.folder}/mlflow.db"
        self.client: Any = None

    def add(
        self,
        seed: int,
        accuracy: float | None = 0.5,
        *,
        experiment: str = "digits",
        sweep: str | None = None,
        status: str = "FINISHED",
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        epochs: int = 3,
        **params: object,
    ) -> str:
        if experiment not in self.experiments:
            self.experiments[experiment] = prepare_store(self.uri, experiment)
            self.client = MlflowClient(self.uri)
        self.clock += 1000
        labels = {"objective": METRIC, **({"sweep": sweep} if sweep else {}), **(tags or {})}
        run_id: str = self.client.create_run(self.experiments[experiment], self.clock, labels).info.run_id
        given = {key.replace("__", "."): value for key, value in params.items()}
        described = {"seed": seed, "dataset.seed": 0, "trainer.epochs": 3, **given}
        finals = {METRIC: accuracy, "test/loss": 1 - accuracy, "best_epoch/validation/loss": 2} if accuracy else {}
        values = [Metric(key, value, 0, epochs) for key, value in {**finals, **(metrics or {})}.items()]
        values += [Metric("validation/accuracy", e / 10, e, e) for e in range(1, epochs + 1)]
        self.client.log_batch(run_id, values, [Param(key, str(value)) for key, value in described.items()])
        if status != "RUNNING":
            self.client.set_terminated(run_id, status)
        return run_id

    def compared(self, *arguments: Any, **options: Any) -> Comparison:
        return compare(*arguments, **options, uri=self.uri)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new store, of which each test has a copy: to make one takes a second."""
    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    prepare_store(f"sqlite:///{path}", "Default")
    return path


@pytest.fixture
def store(tmp_path: Path, empty: Path) -> Store:
    shutil.copy(empty, tmp_path)
    return Store(tmp_path)


def of_rates(table: Sequence[Sequence[float]]) -> Comparison:
    """Without a store: a row for each learning rate, a value for each seed."""
    found = [
        StoredRun(
            f"{lr:016}{seed:016}",
            "1",
            "FINISHED",
            0,
            str(seed),
            {"optimizer.lr": str(lr)},
            {METRIC: value},
            {},
            None,
            METRIC,
        )
        for lr, row in enumerate(table)
        for seed, value in enumerate(row)
    ]
    return grouped(Found("experiment digits", tuple(found), 0))


def stored_run(params: Mapping[str, str], seed: int) -> StoredRun:
    whole = {"seed": str(seed), **params}
    name = f"{zlib.crc32(repr(whole).encode())}"
    return StoredRun(name, "1", "FINISHED", 0, str(seed), whole, {"validation/loss": seed + 1.0}, {}, None)


def values(comparison: Comparison) -> list[tuple[tuple[str | None, ...], tuple[float, ...]]]:
    return [(tuple(group.settings.values()), group.values) for group in comparison.groups]


def sweep(store: Store, name: str = "s") -> None:
    """Two learning rates, five seeds each."""
    for seed in range(5):
        store.add(seed, 0.9 + seed / 100, sweep=name, optimizer__lr=0.1)
        store.add(seed, 0.8 + seed**2 / 1000, sweep=name, optimizer__lr=0.2)


# ---- what is found


def test_without_a_name_it_is_the_latest_sweep(store: Store) -> None:
    store.add(0, 0.1, sweep="older")
    store.add(0, 0.2, sweep="latest", experiment="xor")
    store.add(0, 0.3)
    compared = store.compared()
    assert compared.title == "sweep latest"
    assert values(compared) == [((), (0.2,))]


def test_a_sweep_an_experiment_or_a_search(store: Store) -> None:
    store.add(0, 0.1, sweep="s", experiment="xor", optimizer__name="adam")
    store.add(0, 0.2, sweep="s", experiment="digits", optimizer__name="sgd")
    store.add(1, 0.3, experiment="digits", optimizer__name="adam")
    assert values(store.compared("s")) == [(("sgd",), (0.2,)), (("adam",), (0.1,))]
    assert values(store.compared("digits")) == [(("adam",), (0.3,)), (("sgd",), (0.2,))]
    assert values(store.compared(where="params.optimizer.name = 'adam'")) == [((), (0.1, 0.3))]
    for metric in (
        "`test/accuracy`",
        '"test/accuracy"',
        "test/accuracy",
    ):  # MLflow itself takes no slash without quotes
        found = store.compared("digits", f"params.optimizer.name = 'adam' and metrics.{metric} > 0")
        assert values(found) == [((), (0.3,))]


def test_more_runs_than_a_page_holds_are_all_found(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "PAGE", 7)
    for seed in range(23):
        store.add(seed, seed / 100 + 0.1, sweep="s")
    assert [group.summary.n for group in store.compared("s").groups if group.summary] == [23]


def test_comparisons_and_runs_of_other_programs_are_no_part_of_it(store: Store, program: Callable[..., Any]) -> None:
    sweep(store)
    first = store.compared()
    assert program("compare").status == 0
    other = store.client.create_run(store.experiments["digits"]).info.run_id
    store.client.log_metric(other, METRIC, 1.0)
    assert store.compared() == first
    everything = store.compared(where="attributes.status != 'FAILED'")
    assert values(everything) == values(first)
    assert "Not counted, 1 that chainrule train did not record." in findings(everything)


# ---- what is grouped


def test_only_the_seed_is_a_repetition(store: Store) -> None:
    for seed in (0, 1):
        for split in (0, 1):
            store.add(seed, 0.25 + seed / 2 + split / 8, dataset__seed=split)
    compared = store.compared("digits")
    assert compared.by == ("dataset.seed",)
    assert values(compared) == [(("1",), (0.375, 0.875)), (("0",), (0.25, 0.75))]


def test_few_params_tell_the_groups_apart_and_the_others_are_named(store: Store) -> None:
    store.add(0, 0.5, optimizer__name="adam", optimizer__lr=0.001, optimizer__beta1=0.9)
    store.add(0, 0.4, optimizer__name="adam", optimizer__lr=0.002, optimizer__beta1=0.9)
    store.add(0, 0.3, optimizer__name="sgd", optimizer__lr=0.01)
    store.add(0, 0.2, optimizer__name="sgd", optimizer__lr=0.001)
    compared = store.compared("digits")
    assert compared.by == ("optimizer.name", "optimizer.lr")
    assert compared.beside == ("optimizer.beta1",)
    assert "With these, other params differ: optimizer.beta1." in findings(compared)


def test_what_is_without_effect_on_a_result_makes_no_group(store: Store) -> None:
    """As a sweep that began under OMP_NUM_THREADS=1 and went on with launcher=parallel, and has another name now."""
    shown = {"callbacks__progress__name": "progress", "callbacks__progress__every": 1}
    for seed, what in enumerate([{"trainer__threads": None, **shown}, {"trainer__threads": 1, "callbacks": {}}]):
        store.add(seed, name="digits" if seed else "mine", optimizer__name="sgd", **what)
    found = store.compared("digits")
    assert values(found) == [((), (0.5, 0.5))]
    idle = ("callbacks", "callbacks.progress.every", "callbacks.progress.name", "name", "trainer.threads")
    assert (found.by, found.beside, found.idle) == ((), (), idle)
    said = f"Without effect on a result, and so no group of its own: {', '.join(idle)}."
    assert findings(found)[-1] == said


def test_what_tells_apart_makes_as_many_groups_as_all_that_differs() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        settings = [{key: str(rng.integers(3)) for key in "abcde" if rng.random() < 0.8} for _ in range(8)]
        by, beside = telling_apart(settings)
        kinds = {tuple(sorted(params.items())) for params in settings}
        assert len({tuple(params.get(key) for key in by) for params in settings}) == len(kinds)
        assert not set(by) & set(beside)


def test_names_of_params_are_as_short_as_is_clear() -> None:
    assert headings(("optimizer.name", "name", "seed", "dataset.seed")) == ["optimizer", "name", "seed", "dataset.seed"]
    assert headings(("optimizer.lr", "schedule.lr")) == ["optimizer.lr", "schedule.lr"]
    assert headings(("callbacks.early_stopping.patience",)) == ["callbacks.early_stopping.patience"]


def test_a_param_that_a_group_does_not_have_is_a_dash(store: Store, program: Callable[..., Any]) -> None:
    store.add(0, 0.5, schedule__name="cosine")
    store.add(0, 0.4)
    table = program("compare", "digits", "--markdown").out
    assert "| cosine | 1 | 0.5 | 0.5 |" in table
    assert "| - | 1 | 0.4 | 0.6 |" in table


def test_a_table_for_a_paper(store: Store, program: Callable[..., Any]) -> None:
    """With every sign that LaTeX gives a meaning to."""
    store.add(0, 0.5, dataset__path=r"[a_b] & 50%, $x^2$ #1 {~\}", optimizer__lr=0.1)
    store.add(0, 0.4, dataset__path="plain", optimizer__lr=0.1)
    lines = program("compare", "digits", "--latex").out.splitlines()
    assert lines[0].startswith("% experiment digits: ")
    assert lines[1] == r"% \usepackage{booktabs}"
    assert [line for line in lines if line.startswith("\\")] == [
        *(r"\begin{tabular}{lrrr}", r"\toprule", r"\midrule", r"\bottomrule", r"\end{tabular}")
    ]
    odd = r"{[}a\_b{]} \& 50\%, \$x\textasciicircum{}2\$ \#1 \{\textasciitilde{}\textbackslash{}\}"
    assert rf"{odd} & 1 & 0.5 & 0.5 \\" in lines
    assert r"plain & 1 & 0.4 & 0.6 \\" in lines


def test_the_best_comes_first_by_the_metrics_own_goal(store: Store) -> None:
    sweep(store)
    assert [group.settings["optimizer.lr"] for group in store.compared().groups] == ["0.1", "0.2"]
    assert store.compared(metric="test/loss").goal == "min"
    assert [group.settings["optimizer.lr"] for group in store.compared(metric="test/loss").groups] == ["0.1", "0.2"]


def test_the_numbers_are_those_of_a_computation_by_hand(store: Store) -> None:
    """Of 0.90 to 0.94 the mean is 0.92 and the variance 0.00025; t with four degrees of freedom is 2.776."""
    sweep(store)
    best, second = store.compared().groups
    assert best.summary is not None
    assert second.summary is not None
    assert (best.summary.n, best.summary.mean) == (5, pytest.approx(0.92))
    assert best.summary.sd == pytest.approx(0.00025**0.5)
    assert best.summary.high == pytest.approx(0.92 + 2.776445 * (0.00025 / 5) ** 0.5)
    assert second.summary.mean == pytest.approx(0.806)
    [pair] = store.compared().pairs
    assert pair is not None
    assert pair.difference == pytest.approx(0.114)
    assert pair.p == pair.p_holm


# ---- which metric


def judged(store: Store, objectives: Sequence[str | None], **metrics: float) -> None:
    """A run for each objective, of a learning rate of its own; a metric falls or rises with it."""
    for number, objective in enumerate(objectives):
        tags = {"objective": objective} if objective else {}
        values = {name.replace("__", "/"): value + number / 100 for name, value in metrics.items()}
        run_id = store.add(0, None, metrics=values, tags=tags, optimizer__lr=number)
        if objective is None:
            store.client.delete_tag(run_id, "objective")


@pytest.mark.parametrize("objective", ["validation/loss", "validation/binary_accuracy", "test/loss"])
def test_groups_are_ranked_by_the_objective_of_their_runs_and_test_figures_stand_beside(
    store: Store, program: Callable[..., Any], objective: str
) -> None:
    """A loss is the better the lower it is: by test accuracy the order would be the other one."""
    judged(store, [objective] * 2, **{objective.replace("/", "__"): 0.25, "test__accuracy": 0.5})
    compared = store.compared("digits")
    best_first = ["1", "0"] if objective == "validation/binary_accuracy" else ["0", "1"]
    assert (compared.metric, compared.objective, compared.further) == (objective, objective, (METRIC,))
    assert [group.settings["optimizer.lr"] for group in compared.groups] == best_first
    assert [group.further[METRIC].mean for group in compared.groups] == [0.5 + int(lr) / 100 for lr in best_first]
    table = program("compare", "digits", "--markdown", "--no-record").out
    assert f"| lr | n | {objective} | test/accuracy |" in table
    assert "test data" not in table


def test_who_asks_for_a_test_metric_gets_it_and_is_told_what_that_means(store: Store) -> None:
    judged(store, ["validation/loss"] * 2, validation__loss=0.25, test__accuracy=0.5)
    compared = store.compared("digits", metric=METRIC)
    assert (compared.metric, compared.further) == (METRIC, ("validation/loss",))
    assert [group.settings["optimizer.lr"] for group in compared.groups] == ["1", "0"]
    said = "Ranked by test data: what is chosen by it has none left to say how good it is. The objective: --metric "
    assert f"{said}validation/loss." in findings(compared)


def test_several_metrics_are_several_columns_and_the_first_ranks(store: Store, program: Callable[..., Any]) -> None:
    sweep(store)
    asked = ("--metric", "test/loss", "--metric", METRIC, "--metric", "best_epoch/validation/loss")
    done = program("compare", "s", *asked, "--csv", "--no-record")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    far = (pytest.approx(0.194), pytest.approx(0.806))  # seeds squared over 1000 are 0.006 in the mean
    means = [(row["optimizer.lr"], row["metric"], float(row["mean"]), float(row[METRIC])) for row in rows]
    assert means == [("0.1", "test/loss", pytest.approx(0.08), pytest.approx(0.92)), ("0.2", "test/loss", *far)]
    assert [row["best_epoch/validation/loss"] for row in rows] == ["2.0", "2.0"]
    asked_wrongly = program("compare", "s", "--metric", METRIC, "--metric", "test/acuracy")
    assert '--metric: no run has a metric "test/acuracy". Did you mean' in asked_wrongly.err


def test_without_validation_samples_it_is_training_and_never_the_test_set(store: Store) -> None:
    judged(store, ["validation/loss"] * 2, train__loss=0.25, test__loss=0.5, test__accuracy=0.5)
    compared = store.compared("digits")
    assert (compared.metric, compared.further) == ("train/loss", ("test/loss", METRIC))
    assert findings(compared)[0].startswith("No run measured the objective, validation/loss. train/loss says how well")


@pytest.mark.parametrize(
    ("objectives", "chosen"),
    [
        ([None, None], "validation/loss"),
        (["validation/accuracy", "validation/accuracy", "validation/loss"], "validation/accuracy"),
    ],
)
def test_runs_that_name_none_or_several_are_ranked_by_one(
    store: Store, objectives: list[str | None], chosen: str
) -> None:
    judged(store, objectives, validation__loss=0.25, test__accuracy=0.5)
    assert store.compared("digits").metric == chosen


def test_a_sweep_that_took_runs_over_judges_them_by_its_own_objective(store: Store) -> None:
    taken = {"sweep.later": "5000", "objective.sweep.later": "test/loss"}
    store.add(0, 0.5, sweep="earlier", tags=taken)
    assert [store.compared(name).metric for name in ("earlier", "later")] == [METRIC, "test/loss"]


def test_a_metric_that_was_not_a_number_counts_as_one_that_the_run_has(store: Store) -> None:
    store.add(0, 0.5)
    store.add(1, None, metrics={"train/loss": 1}, tags={f"nonfinite.{METRIC}": "nan at step 3"})
    compared = store.compared("digits")
    assert compared.metric == METRIC
    assert f"Not counted, 1 without {METRIC}: all runs, seed 1 (nan at step 3)." in findings(compared)


# ---- what does not count


def test_what_did_not_finish_is_counted_and_named(store: Store, program: Callable[..., Any]) -> None:
    sweep(store)
    store.add(5, None, sweep="s", status="FAILED", optimizer__lr=0.1, tags={"error": "NonFiniteError: loss is nan"})
    store.add(6, None, sweep="s", status="KILLED", optimizer__lr=0.1)
    store.add(7, None, sweep="s", status="RUNNING", optimizer__lr=0.2)
    store.add(0, None, sweep="s", status="FAILED", optimizer__lr=9)
    compared = store.compared()
    assert [(len(group.runs), len(group.left_out)) for group in compared.groups] == [(5, 2), (5, 1), (0, 1)]
    said = findings(compared)
    assert "Not counted, 2 failed: lr=0.1, seed 5 (NonFiniteError: loss is nan); lr=9, seed 0." in said
    assert "Not counted, 1 killed: lr=0.1, seed 6." in said
    assert "Not counted, 1 running: lr=0.2, seed 7." in said
    assert "| 9 | 0 |  |  |  | 1 |  |" in program("compare", "--markdown").out


def test_of_two_runs_of_one_config_and_seed_the_later_one_that_finished_counts(store: Store) -> None:
    store.add(0, 0.1)
    store.add(0, 0.2)
    store.add(0, 0.3, status="FAILED")
    store.add(1, 0.4)
    compared = store.compared("digits")
    assert values(compared) == [((), (0.2, 0.4))]
    assert "Not counted, 1 older: a later run has the same settings and seed." in findings(compared)
    assert "Not counted, 1 failed: all runs, seed 0." in findings(compared)


# ---- what may be concluded


def said_of(store: Store, first: list[float], second: list[float], seeds: list[int]) -> str:
    for seed, value in enumerate(first):
        store.add(seed, value, optimizer__lr=0.1)
    for seed, value in zip(seeds, second):
        store.add(seed, value, optimizer__lr=0.2)
    return "\n".join(findings(store.compared("digits")))


def test_a_clear_difference_is_told_with_its_size(store: Store) -> None:
    said = said_of(store, [0.90, 0.91, 0.92], [0.50, 0.52, 0.51], [0, 1, 2])
    assert re.search(r"lr=0.2: 0.4 \(0.375\d* to 0.424\d*\), p 0.000\d+, d_z 40, 3 seeds\.$", said, re.MULTILINE)


def test_too_few_seeds_are_told_with_how_many_it_takes(store: Store) -> None:
    """Of the differences 0.05, -0.06 and 0.11 the mean is 0.39 of the standard deviation: (2.8 / 0.388) ** 2 + 1.9."""
    said = said_of(store, [0.90, 0.80, 0.95], [0.85, 0.86, 0.84], [0, 1, 2])
    assert re.search(r"3 seeds: too few to tell. To show a difference like this takes about 55\.", said)


@pytest.mark.parametrize(
    ("first", "second", "seeds", "told"),
    [
        ([0.9, 0.8], [0.7, 0.6], [5, 6], "lr=0.2: no seed in common. A test needs two or more, better five."),
        ([0.9, 0.8], [0.7, 0.6], [1, 6], "lr=0.2: 0.1 with the one seed in common, which may be chance."),
        ([0.9, 0.8], [0.9, 0.8], [0, 1], "lr=0.2: equal with each of 2 seeds. No spread, so no test."),
        ([0.9, 0.8], [0.8, 0.7], [0, 1], "lr=0.2: 0.1 with each of 2 seeds. No spread, so no test."),
        ([0.9], [0.8], [0], "One seed each: any difference may be chance. Repeat with seed=0,1,2,3,4."),
        ([0.9, 0.8], [], [], "There is one group: nothing to compare it with."),
    ],
)
def test_what_cannot_be_tested_is_said(
    store: Store, first: list[float], second: list[float], seeds: list[int], told: str
) -> None:
    assert told in said_of(store, first, second, seeds)


def test_the_sign_is_that_of_a_gain_whichever_way_the_metric_is_better(store: Store) -> None:
    sweep(store)
    [gain] = [line for line in findings(store.compared(metric="test/loss")) if line.startswith("lr=0.2")]
    assert gain.startswith("lr=0.2: 0.114 (0.102 to 0.126), ")


def test_only_the_leading_pairs_are_tested_and_corrected_for_one_another() -> None:
    rng = np.random.default_rng(0)
    compared = of_rates([rng.normal(0.9 - lr / 100, 0.01, 4).tolist() for lr in range(8)])
    assert len(compared.pairs) == PAIRS == 5
    alone = sorted(pair.p for pair in compared.pairs if pair and pair.p)
    assert min(pair.p_holm for pair in compared.pairs if pair and pair.p_holm) == pytest.approx(min(1, 5 * alone[0]))


def test_a_seed_that_never_learns_is_named(store: Store) -> None:
    for seed, value in enumerate([0.9502, 0.9531, 0.8563, 0.9489, 0.9517]):
        store.add(seed, value)
    said = findings(store.compared("digits"))
    assert (
        "all runs: seed 2 with 0.8563 stands far out; the others have 0.9489 to 0.9531. "
        "Look there before you trust the mean."
    ) in said


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


# ---- the pictures


def test_each_group_has_its_points_mean_and_interval(store: Store) -> None:
    sweep(store)
    compared = store.compared()
    [axes] = by_group(compared).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["lr=0.1", "lr=0.2"]
    points = [line.get_xdata() for line in axes.lines if line.get_marker() == "o"]
    assert [tuple(xs) for xs in points] == [group.values for group in compared.groups]
    for bar, group in zip(axes.patches, compared.groups, strict=True):
        assert group.summary is not None
        ends = (group.summary.low, group.summary.high)
        assert (bar.get_x(), bar.get_x() + bar.get_width()) == pytest.approx(ends)


def test_the_store_is_asked_as_often_for_many_runs_as_for_few(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = []
    for count in (4, 40):
        for seed in range(count):
            store.add(seed, experiment=f"of {count}", lr=seed % 2)
        with queries() as statements:
            comparison.report(store.compared(f"of {count}"), store.uri, ".csv", logged=False)
        asked.append(len(statements))
    assert asked[0] == asked[1] < 80


@contextlib.contextmanager
def queries() -> Iterator[list[str]]:
    """The statements that databases are sent inside."""
    statements: list[str] = []

    def sent(connection: Any, cursor: Any, statement: str, *others: Any) -> None:
        statements.append(statement)

    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", sent)
    try:
        yield statements
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", sent)


def test_the_mean_is_drawn_for_as_long_as_all_seeds_train_and_dotted_beyond(store: Store) -> None:
    for seed in range(2):
        store.add(seed, 0.5)
    short, long = {1: 0.0, 2: 0.2}, {1: 0.2, 2: 0.4, 3: 0.9, 4: 1.0}
    [axes] = curves(store.compared("digits"), "validation/accuracy", [[short, long]]).axes
    whole, beyond = axes.lines
    assert whole.get_ydata() == pytest.approx([0.1, 0.3, np.nan, np.nan], nan_ok=True)
    assert beyond.get_ydata() == pytest.approx([0.1, 0.3, 0.9, 1.0])
    assert beyond.get_linestyle() == ":"


def arrows(axes: Axes) -> list[tuple[str, float]]:
    return [(line.get_marker(), line.get_ydata()[0]) for line in axes.lines if line.get_marker() in ("<", ">")]


@pytest.mark.parametrize("best", [0.9, 0.97, 0.999])
def test_intervals_end_inside_the_axes(best: float) -> None:
    """Also beyond 1, which no accuracy is."""
    compared = of_rates(
        [[best + shift / 1000 for shift in (-9, 1, -1, 1, 1)], [best - shift / 50 for shift in range(5)]]
    )
    [axes] = by_group(compared).axes
    low, high = axes.get_xlim()
    room = 0.03 * (high - low)
    for group in compared.groups:
        assert group.summary is not None
        assert low + room < group.summary.low < group.summary.high < high - room
    assert not arrows(axes)


def test_wide_intervals_of_two_seeds_do_not_hide_the_points() -> None:
    """They are cut where the seeds have a third of the width, and arrows at the edge of their row say so."""
    figure = by_group(of_rates([[0.95, 0.951, 0.952], [0.8, 0.9]]))
    [axes] = figure.axes
    low, high = axes.get_xlim()
    assert low < 0.66
    assert high > 0.952
    assert (0.952 - 0.8) / (high - low) > 0.3
    assert arrows(axes) == [("<", 1), (">", 1)]
    assert "arrow: it goes on" in figure.texts[1].get_text()


def test_a_loss_that_is_a_thousand_times_the_others_leaves_them_their_room(store: Store) -> None:
    """By decades; there an interval may begin below 0, which is nowhere."""
    for seed in range(3):
        store.add(seed, metrics={"test/loss": 0.1 + seed / 100}, optimizer__lr=0.1)
        store.add(seed, metrics={"test/loss": 1000.0 * (1 + seed)}, optimizer__lr=9.0)
    [axes] = by_group(store.compared("digits", metric="test/loss")).axes
    assert axes.get_xscale() == "log"
    best = axes.lines[1].get_xdata()
    places = axes.transAxes.inverted().transform(axes.transData.transform([(x, 0) for x in best]))[:, 0]
    assert np.ptp(places) > 0.01
    assert arrows(axes) == [("<", 1)]


def test_a_seed_far_out_is_named_inside_the_page() -> None:
    figure = by_group(of_rates([[0.9 + seed / 1000 for seed in range(9)] + [0.99], [0.8, 0.81, 0.82]]))
    figure.draw_without_rendering()
    [named] = figure.axes[0].texts
    assert named.get_text() == "seed 9"
    assert named.get_window_extent().x1 < figure.bbox.width


@pytest.mark.parametrize("name", ["$x^{$", "_hidden", "猫" * 30, "a\tb", ""])
def test_any_text_may_be_the_name_of_a_group_or_a_sweep(name: str, tmp_path: Path) -> None:
    """No run has ended with such a name for its figures to be lost in the comparison."""
    named = [
        StoredRun(f"{place:032}", "1", "FINISHED", 0, "0", {"dataset.target": target}, {METRIC: 0.5}, {}, None, METRIC)
        for place, target in enumerate((name, "b"))
    ]
    compared = grouped(Found(name, tuple(named), 0))
    series = [[{1: 0.5, 2: 0.6}], [{1: 0.5, 2: 0.7}]]
    for draw in (lambda: by_group(compared), lambda: curves(compared, "validation/accuracy", series)):
        assert save(draw, tmp_path / "picture.png")
    assert len(curves(compared, "validation/accuracy", series).axes[0].get_legend().get_texts()) == 2


def test_a_picture_that_cannot_be_drawn_fails_no_comparison(
    store: Store, program: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store.add(0, 0.5)

    def broken(*given: object) -> None:
        raise MemoryError

    monkeypatch.setattr(pictures, "strip", broken)
    assert program("compare", "digits", "--no-record").status == 0
    assert caplog.messages == ["groups.png is not drawn: MemoryError"]
    assert {path.name for path in store.folder.glob("outputs/comparisons/*/*")} == {
        "comparison.csv", "comparison.json", "comparison.md", "comparison.tex", "curves.png",
    }  # fmt: skip


@pytest.mark.parametrize("count", [1, 9, 60])
def test_any_number_of_groups_is_drawn(count: int) -> None:
    by_group(of_rates([[0.2 + lr / 100] for lr in range(count)]))


def test_a_metric_that_nothing_follows_by_epoch_has_no_curves(store: Store, program: Callable[..., Any]) -> None:
    store.add(0, 0.5)
    assert program("compare", "digits", "--metric", "best_epoch/validation/loss", "--no-record").status == 0
    assert not list(store.folder.glob("outputs/comparisons/*/curves.png"))


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
