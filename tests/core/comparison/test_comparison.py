"""``chainrule compare``: which runs it finds and groups, by which metric, what it leaves out, and what it concludes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from compared import METRIC, Store, of_rates, sweep, values

from chainrule.comparison import runs
from chainrule.comparison.groups import PAIRS, telling_apart
from chainrule.comparison.wording import findings, headings

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
