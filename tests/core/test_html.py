"""What a notebook shows of public objects as HTML: the same numbers as in text, in well-formed tables, all escaped."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.comparison import Comparison, Group, paired
from chainrule.comparison.formats import as_csv, findings
from chainrule.comparison.inference import summary
from chainrule.comparison.runs import StoredRun
from chainrule.training.sketch import BOTTOM, LEFT, RIGHT, TOP, sketch

VOID = {"br", "hr", "img"}
HOSTILE = "<script>a && b</script>"


class Page(HTMLParser):
    """What is in an HTML text; each element is closed by its own end."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], str]] = []
        self._open: list[int] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in VOID
        self._open.append(len(self.elements))
        self.elements.append((tag, dict(attrs), ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self._open.pop()][0] == tag

    def handle_data(self, data: str) -> None:
        for at in self._open:
            tag, attributes, text = self.elements[at]
            self.elements[at] = (tag, attributes, text + data)

    def texts(self, *tags: str) -> list[str]:
        return [text for tag, _, text in self.elements if tag in tags]

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes, _ in self.elements if name == tag]

    @property
    def rows(self) -> list[list[str]]:
        """The cells of the table, row by row."""
        found: list[list[str]] = []
        for tag, _, text in self.elements:
            if tag == "tr":
                found.append([])
            elif tag in ("th", "td"):
                found[-1].append(text)
        return found


def page(thing: Any) -> Page:
    return Page(thing._repr_html_())


DENSE = {"name": "dense", "units": 16, "activation": "relu"}
NETWORK = cr.Network([DENSE, {"name": "dense", "units": 1, "activation": "sigmoid"}], (2,), "binary_cross_entropy")
METRICS = {
    "train/loss": 0.1,
    "validation/loss": 0.2,
    "best/validation/loss": 0.15,
    "best_epoch/validation/loss": 7.0,
    "test/loss": 0.3,
}


def history(train: list[float], validation: list[float]) -> cr.History:
    found = cr.History()
    for ours, held_out in zip(train, validation, strict=True):
        found.append({"train/loss": ours, "validation/loss": held_out, "seconds": 0.25})
    return found


HISTORY = history([0.5, 0.3, 0.1], [0.6, 0.2, 0.4])
RESULT = cr.Result(
    "xor", "abc", METRICS, NETWORK, HISTORY, Path("out"), 1.25, "http://host/#/runs/abc?a=1&b=2", "it was enough",
    remarks=("few rows", "a < b"), objective="validation/loss",
)  # fmt: skip


def group(name: str, *values: float) -> Group:
    runs = tuple(
        StoredRun(f"{name}{seed}", "1", "FINISHED", 0, str(seed), {}, {"validation/loss": value}, {}, None)
        for seed, value in enumerate(values)
    )
    return Group({"optimizer.name": name}, runs, values, summary(values), (), (), {"test/loss": summary((0.5, 0.7))})


def comparison(*groups: Group) -> Comparison:
    by, further = ("optimizer.name",), ("test/loss",)
    pairs = tuple(paired(groups[0].values, other.values) for other in groups[1:])
    return Comparison(
        "sweep s", "validation/loss", "validation/loss", further, cr.Goal.MIN, by, (), (), groups, pairs, 2
    )


COMPARISON = comparison(group("adam", 0.25, 0.375, 0.3), group("sgd", 0.5, 0.75, 0.6))
SHOWN = [NETWORK, HISTORY, RESULT, COMPARISON]


# ---- the numbers


def test_a_network_is_the_table_of_its_summary_with_a_total() -> None:
    table = page(NETWORK)
    text = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in NETWORK.summary().splitlines()]
    heading, *steps, total = table.rows
    assert heading == text[0]
    below_the_line = text[2:-1]
    assert [[cell for cell in row if cell] for row in steps] == below_the_line
    assert total == ["total", "", f"{NETWORK.parameters.theta.size:,}"]
    assert sum(int(row[2] or 0) for row in steps) == NETWORK.parameters.theta.size
    assert table.texts("caption") == [f"Network: {NETWORK.summary().splitlines()[-1]}"]
    assert "loss binary_cross_entropy" in table.texts("caption")[0]


def test_a_network_says_by_what_its_targets_are_standardized() -> None:
    scaled = cr.Network([{"name": "dense", "units": 1}], (2,), "mse", task="regression", target_scale=([3.0], [0.5]))
    assert page(scaled).texts("caption")[0].endswith("targets standardized by mean 3, standard deviation 0.5")


def test_a_history_has_the_first_last_and_best_value_of_each_name() -> None:
    table = page(HISTORY)
    assert table.texts("caption") == ["3 epochs"]
    assert table.rows == [
        ["", "first", "last", "best (epoch)"],
        ["train/loss", "0.5", "0.1", "0.1 (3)"],
        ["validation/loss", "0.6", "0.4", "0.2 (2)"],
        ["seconds", "0.25", "0.25", ""],
    ]


def curves(drawn: Page) -> list[list[list[float]]]:
    """The points of each line that is one of the series: not the axes, nor what stands in the legend."""
    lines = [a["d"] or "" for a in drawn.attributes("path") if a.get("stroke-dasharray")]
    paths = [line for line in lines if " 10h26" not in line]
    return [
        [[float(x) for x in point.removesuffix("h0").split()] for point in path.replace("M", "L").split("L")[1:]]
        for path in paths
    ]


def test_the_curves_of_a_history_stand_where_its_values_are() -> None:
    """In a linear scale from 0.1 to 0.6, from the first epoch to the last."""
    train, validation = curves(page(HISTORY))
    assert [x for x, _ in train] == pytest.approx([LEFT, (LEFT + RIGHT) / 2, RIGHT])
    for points, name in ((train, "train/loss"), (validation, "validation/loss")):
        heights = [0.1 + 0.5 * (BOTTOM - y) / (BOTTOM - TOP) for _, y in points]
        assert heights == pytest.approx(HISTORY[name], abs=0.001)
    svg = page(HISTORY)
    assert {"0.6", "0.1", "1", "3", "epoch", "train/loss", "validation/loss"} == {*svg.texts("text")}
    assert svg.attributes("svg")[0]["aria-label"] == "train/loss and validation/loss by epoch"


def test_the_curves_can_be_told_apart_without_colour_and_lie_on_any_ground() -> None:
    svg = page(HISTORY)
    lines = [a for a in svg.attributes("path") if a.get("stroke-dasharray")]
    assert len({a["stroke-dasharray"] for a in lines}) == 2
    assert len({a["stroke"] for a in lines}) == 2
    (axes,) = (a for a in svg.attributes("path") if not a.get("stroke-dasharray"))
    assert axes["stroke"] == "currentColor"
    assert svg.attributes("svg")[0]["fill"] == "currentColor"
    for color in {a["stroke"] or "" for a in lines}:
        for ground in ("#FFFFFF", "#111111"):
            assert contrast(color, ground) >= 3, "what WCAG 2.2 asks of graphics, 1.4.11"


def contrast(one: str, other: str) -> float:
    """WCAG 2.2: the ratio of two relative luminances."""
    dark, light = sorted(luminance(color) for color in (one, other))
    return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def test_losses_that_fall_by_decades_are_drawn_on_a_log_scale() -> None:
    falling = page(history([1.0, 0.1, 0.01, 0.001], [1.0, 0.5, 0.5, 0.5]))
    heights = [y for _, y in curves(falling)[0]]
    assert np.diff(heights) == pytest.approx([(BOTTOM - TOP) / 3] * 3, abs=0.1)
    assert "epoch, log scale upwards" in falling.texts("text")


def test_a_gap_is_left_where_a_value_is_not_finite() -> None:
    _, first, *_ = page(history([1.0, math.nan, 3.0], [math.inf] * 3)).attributes("path")
    path = first["d"] or ""
    assert path.count("M") == 2
    assert "nan" not in path


@pytest.mark.parametrize("losses", [[0.5], [0.5, 0.5], [1e-320, 1e300], [1e200], [-1.0, 1e99], [0.0, 0.0]])
def test_any_losses_can_be_drawn(losses: list[float]) -> None:
    shown = page(history(losses, losses))
    assert all(TOP <= y <= BOTTOM for line in curves(shown) for _, y in line)


def test_what_cannot_be_drawn_is_left_out() -> None:
    assert page(cr.History()).texts("svg") == []
    assert page(history([math.nan], [math.inf])).texts("svg") == []
    assert sketch({}) == ""


def test_a_long_training_is_drawn_by_some_of_its_epochs() -> None:
    long = page(history([1 / (epoch + 1) for epoch in range(50_000)], [1.0] * 50_000))
    line, _ = curves(long)
    assert len(line) == 400
    assert (line[0][0], line[-1][0]) == (LEFT, RIGHT)


def test_a_result_says_all_that_a_run_prints_at_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    from chainrule.runs.report import report_on

    shown = page(RESULT)
    assert shown.texts("caption") == ["xor"]
    assert shown.rows == [
        ["", "train", "validation", "test", "best validation (epoch)"],
        ["loss", "0.1", "0.2", "0.3", "0.15 (7)"],
    ]
    said = dict(zip(shown.texts("dt"), shown.texts("dd")))
    assert said["run"] == "abc"
    assert said["stopped"] == "it was enough"
    assert shown.texts("dd")[shown.texts("dt").index("note") :][:2] == ["few rows", "a < b"]
    assert (said["time"], said["files"]) == ("1.2 s", "out")
    assert shown.attributes("a") == [{"href": RESULT.link}]
    report_on(RESULT)
    printed = capsys.readouterr().out.splitlines()
    for word, text in list(zip(shown.texts("dt"), shown.texts("dd")))[1:]:
        assert f"{word:8} {text}" in printed


def test_a_result_without_a_record_says_so() -> None:
    shown = page(dataclasses.replace(RESULT, run_id=None, link="chainrule ui abc"))
    assert "not recorded" in shown.texts("dd")
    assert shown.attributes("a") == []
    assert page(dataclasses.replace(RESULT, metrics={}, link=None)).texts("caption") == ["xor"]


def test_a_comparison_is_the_table_that_it_prints() -> None:
    shown = page(COMPARISON)
    heading, adam, sgd = shown.rows
    assert heading == ["optimizer", "n", "validation/loss", "sd", "95 % interval", "test/loss"]
    _, best, other = [line.split(",") for line in as_csv(COMPARISON).splitlines()]
    for row, known in ((adam, best), (sgd, other)):
        name, _, n, mean, sd, low, high = known[:7]
        assert row[:2] == [name, n]
        assert [float(row[2]), float(row[3])] == pytest.approx([float(mean), float(sd)], rel=1e-3)
        assert [float(x) for x in row[4].split(" to ")] == pytest.approx([float(low), float(high)], rel=1e-3)
        assert row[5] == "0.6"
    assert shown.texts("caption") == ["sweep s: validation/loss of 6 runs, lower is better"]
    assert shown.texts("li") == findings(COMPARISON)


# ---- the form


@pytest.mark.parametrize("thing", SHOWN, ids=lambda thing: type(thing).__name__)
def test_each_table_says_what_it_is_of_and_each_heading_what_it_heads(thing: Any) -> None:
    shown = page(thing)
    assert len(shown.texts("caption")) == len(shown.texts("table")) == 1
    scopes = [attributes["scope"] for attributes in shown.attributes("th")]
    assert set(scopes) == {"col", "row"}
    assert scopes.count("row") == len(shown.rows) - 1
    assert all(text for text in shown.texts("th")), "an empty heading heads nothing"
    assert len({len(row) for row in shown.rows}) == 1
    assert not {*shown.texts("script", "style", "link")}


@pytest.mark.parametrize(
    "hostile",
    [
        lambda: cr.Network(["join", {"name": "dense", "units": 1}], {HOSTILE: (2,), "b": (2,)}, "mse"),
        lambda: cr.History.of({HOSTILE: [1.0], "train/loss": [1.0]}, 1),
        lambda: dataclasses.replace(
            RESULT, name=HOSTILE, metrics={f"test/{HOSTILE}": 1.0}, remarks=(HOSTILE,), stopped=HOSTILE,
            folder=Path(HOSTILE), link=f"http://{HOSTILE}", run_id=HOSTILE,
        ),
        lambda: dataclasses.replace(comparison(group(HOSTILE, 0.5), group("b", 0.7)), title=HOSTILE, beside=(HOSTILE,)),
    ],
    ids=["Network", "History", "Result", "Comparison"],
)  # fmt: skip
def test_names_are_text_and_never_markup(hostile: Callable[[], Any]) -> None:
    text = hostile()._repr_html_()
    assert HOSTILE not in text
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert HOSTILE in "".join(Page(text).texts("caption", "th", "td", "dd", "li"))
