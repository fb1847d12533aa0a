"""The two pictures of a comparison."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy
from compared import METRIC, Store, of_rates, sweep
from matplotlib.axes import Axes

from chainrule import comparison
from chainrule.comparison import pictures
from chainrule.comparison.groups import grouped
from chainrule.comparison.pictures import by_group, curves
from chainrule.comparison.runs import Found, StoredRun
from chainrule.pictures.page import save

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
