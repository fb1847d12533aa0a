"""The page of a step, in a real browser: its numbers are NumPy's, its sums add up, and nothing is loaded."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

import chainrule as cr
from chainrule.explanation.page import data_of

pytestmark = pytest.mark.slow

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([0, 1, 1, 0])


UNNAMED = """
[...document.querySelectorAll("button, canvas, input, select, a")]
  .filter((e) => !(e.ariaHidden || e.getAttribute("aria-label") || e.innerText || e.labels?.length)).length
"""


def dense(units: int, activation: str | None = None) -> dict[str, Any]:
    return {"name": "dense", "units": units, **({"activation": activation} if activation else {})}


def xor() -> cr.Explanation:
    network = cr.Network([dense(3, "tanh"), dense(1, "sigmoid")], (2,), "binary_cross_entropy", seed=1)
    return cr.explain(network, X, Y, {"name": "adam", "lr": 0.05}, title="XOR <step>")


def images() -> cr.Explanation:
    """A network whose arrays are drawn as pictures, with layers within a layer, and a penalty."""
    inner = {"name": "residual", "layers": [dense(48, "relu")]}
    layers = ["flatten", dense(48, "relu"), inner, {"name": "dropout", "rate": 0.2}, dense(10, "softmax")]
    network = cr.Network(layers, (24, 24), "categorical_cross_entropy", seed=2)
    rng = np.random.default_rng(0)
    x, y = rng.random((5, 24, 24)), np.array([3, 1, 4, 1, 5])
    names = [f"digit {k}" for k in range(10)]
    return cr.explain(network, x, y, "momentum", title="images", class_names=names, regularizer="l2")


def windows() -> cr.Explanation:
    """Convolutions, pooling, norms, dropout and a softmax in the middle."""
    layers = [
        {"name": "conv2d", "filters": 3, "padding": "same", "activation": "tanh"},
        "max_pool2d",
        {"name": "conv2d", "filters": 2, "stride": 2},
        "flatten",
        "layer_norm",
        {"name": "dropout", "rate": 0.4},
        dense(4, "softmax"),
        dense(3, "softmax"),
    ]
    network = cr.Network(layers, (9, 8, 2), "categorical_cross_entropy", seed=2)
    x = np.random.default_rng(0).normal(size=(3, 9, 8, 2))
    return cr.explain(network, x, np.array([2, 0, 1]), "sgd", title="windows")


def numbers(page: Page, title: str) -> list[float]:
    """What stands in the table of that name, with all digits that it shows."""
    labels = page.locator(f'.array:has(h3:text-is("{title}")) button').evaluate_all(
        "buttons => buttons.map(button => button.getAttribute('aria-label'))"
    )
    return [float(label.rpartition(": ")[2]) for label in labels]


def test_every_moment_shows_the_numbers_of_numpy(opened: Any) -> None:
    explanation = xor()
    page, step = opened(explanation), explanation.step
    slider = page.locator("#moment")
    assert page.title() == "XOR <step>"
    names = [operation.name for operation in step.operations]
    moments = 2 * len(names) + 2 + len(step.parameters)
    assert slider.get_attribute("max") == str(moments - 1)
    for i, operation in enumerate(step.operations):
        slider.fill(str(i))
        for array in ("x", "y"):
            expected = getattr(operation, array).ravel()
            assert np.allclose(numbers(page, f"{array} of {operation.name}"), expected, rtol=1e-5)
        slider.fill(str(moments - 2 - len(step.parameters) - i))
        back = step.operations[i]
        assert back.name in page.locator("#stage h2").inner_text()
        for array in ("dy", "dx"):
            if getattr(back, array) is not None:
                assert np.allclose(numbers(page, f"{array} of {back.name}"), getattr(back, array).ravel(), rtol=1e-5)
    slider.fill(str(len(names)))
    assert page.locator("#loss").inner_text() == f"loss {step.loss:.6g}"
    for i, (name, moved) in enumerate(step.parameters.items()):
        slider.fill(str(2 * len(names) + 1 + i))
        for array in ("value", "grad", "update", "after"):
            assert np.allclose(
                numbers(page, f"{array} of {name}"), getattr(moved, array).ravel(), rtol=1e-5, atol=1e-12
            )
        for slot, (before, after) in moved.slots.items():
            assert np.allclose(numbers(page, f"{slot}, before of {name}"), before.ravel(), rtol=1e-5, atol=1e-12)
            assert np.allclose(numbers(page, f"{slot}, after of {name}"), after.ravel(), rtol=1e-5, atol=1e-12)
    slider.fill(str(moments - 1))
    assert page.locator("#after").inner_text() == f"{step.loss_after:.6g}"


PLACES = (
    [{"array": "y", "operation": "0.dense", "index": i} for i in (3, 11)]
    + [{"array": "dx", "operation": "1.dense", "index": i} for i in (0, 7)]
    + [{"array": "dx", "operation": "0.dense.tanh", "index": 4}]
    + [{"array": "grad", "parameter": "0.dense.W", "index": 5}, {"array": "grad", "parameter": "1.dense.b", "index": 0}]
    + [{"array": "after", "parameter": "1.dense.W", "index": 2}, {"array": "dy", "operation": "0.dense", "index": 1}]
)


IN_WINDOWS = (
    [{"array": "y", "operation": "0.conv2d", "index": i} for i in (0, 100, 431)]
    + [{"array": "y", "operation": "1.max_pool2d", "index": 17}, {"array": "dx", "operation": "2.conv2d", "index": 50}]
    + [
        {"array": "dx", "operation": "4.layer_norm", "index": 3},
        {"array": "dx", "operation": "6.dense.softmax", "index": 5},
    ]
    + [{"array": "dx", "operation": "5.dropout", "index": 2}, {"array": "y", "operation": "5.dropout", "index": 2}]
    + [
        {"array": "grad", "parameter": "0.conv2d.W", "index": 37},
        {"array": "grad", "parameter": "2.conv2d.b", "index": 1},
        {"array": "grad", "parameter": "4.layer_norm.gamma", "index": 1},
    ]
)


@pytest.mark.parametrize("place", IN_WINDOWS, ids=lambda place: f"{place['array']}-{list(place.values())[1]}")
def test_sums_over_windows_and_of_what_depends_on_all_numbers_add_up(opened: Any, place: Any) -> None:
    explanation = windows()
    page, step = opened(explanation), explanation.step
    page.evaluate("place => { location.hash = `v=step&m=0&e=0&n=${encodeURIComponent(JSON.stringify(place))}` }", place)
    page.wait_for_selector("#sum")
    owner = step.parameters[place["parameter"]] if "parameter" in place else step.operation(place["operation"])
    value = float(getattr(owner, place["array"]).ravel()[place["index"]])
    assert np.isclose(float(page.locator("#sum").get_attribute("data-sum") or "nan"), value, rtol=1e-4, atol=1e-6)
    page.locator(".number .sum button").first.click()
    assert page.locator(".number strong").count() == 1


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place['array']}-{place['index']}")
def test_a_number_is_the_sum_of_its_terms_and_each_leads_to_where_it_came_from(opened: Any, place: Any) -> None:
    explanation = xor()
    page, step = opened(explanation), explanation.step
    page.evaluate("place => { location.hash = `m=0&e=0&n=${encodeURIComponent(JSON.stringify(place))}` }", place)
    page.wait_for_selector("#sum")
    if "parameter" in place:
        array = getattr(step.parameters[place["parameter"]], place["array"])
    else:
        array = getattr(step.operation(place["operation"]), place["array"])
    value = float(array.ravel()[place["index"]])
    total = float(page.locator("#sum").get_attribute("data-sum") or "nan")
    assert np.isclose(total, value, rtol=1e-4, atol=1e-7)
    factor = page.locator(".number .sum button").first
    named, digits = str(factor.get_attribute("title")), factor.inner_text()
    factor.click()
    assert named in page.locator(".number strong").inner_text()
    assert float(page.locator(".number strong").inner_text().rpartition("= ")[2]) == pytest.approx(
        float(digits), rel=1e-3
    )
    assert page.locator("td.chosen").count() == 1
    assert json.loads(page.evaluate("new URLSearchParams(location.hash.slice(1)).get('n')"))["index"] >= 0


def test_a_copied_address_opens_the_same_view(opened: Any) -> None:
    explanation = xor()
    page = opened(explanation)
    page.locator("#example").select_option("2")
    for _ in range(3):
        page.locator("#on").click()
    page.locator("#back").click()
    address, heading = page.url, page.locator("#stage h2").inner_text()
    page.goto("about:blank")
    page.goto(address)
    assert page.locator("#stage h2").inner_text() == heading == "Forward 1.dense"
    assert page.locator("#example").input_value() == "2"


def test_large_arrays_are_pictures_that_the_keyboard_reads(opened: Any) -> None:
    explanation = images()
    page, step = opened(explanation), explanation.step
    page.locator("#example").select_option("3")
    assert page.locator("#example option").nth(3).inner_text() == "3: digit 1"
    page.locator("#moment").fill("1")
    canvas = page.locator("canvas").first
    canvas.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        canvas.press(key)
    told = str(canvas.get_attribute("aria-label"))
    assert told.startswith("x of 1.dense, example 3, in rows of 24, 24 by 24, at [2, 1] = ")
    assert float(told.rpartition("= ")[2]) == pytest.approx(float(step.operation("1.dense").x[3, 49]), rel=1e-5)
    canvas.press("Enter")
    assert "x of 1.dense, at [3, 49]" in page.locator(".number strong").inner_text()


def test_boxes_of_the_map_lead_to_their_step_and_layers_within_layers_are_marked(opened: Any) -> None:
    page = opened(images())
    page.locator('#graph a[data-box="2.residual.layers.0.dense"]').click()
    assert page.locator("#stage h2").inner_text() == "Forward 2.residual.layers.0.dense, within 2.residual"
    page.locator('#graph a[data-box="loss"]').click()
    assert "penalty" in page.locator("#stage").inner_text()
    assert page.locator('h3:text-is("l2")').count() == 1
    assert page.locator('#graph a[aria-current="step"]').get_attribute("data-box") == "loss"


def test_a_phone_has_no_more_than_its_width_and_buttons_have_names(opened: Any) -> None:
    page = opened(xor())
    page.set_viewport_size({"width": 360, "height": 740})
    for moment in range(0, 14, 3):
        page.locator("#moment").fill(str(moment))
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.evaluate(UNNAMED) == 0


def test_what_finds_no_room_is_left_out_and_said(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.explanation.arrays.NUMBERS", 40_000)
    explanation = images()
    assert sum(parameter["update"] is None for parameter in data_of(explanation)["parameters"].values()) >= 1
    page = opened(explanation)
    last = int(page.locator("#moment").get_attribute("max") or 0)
    page.locator("#moment").fill(str(last - 6))
    assert "would make this page too large" in page.locator("#stage").inner_text()


def test_a_third_partys_components_explain_themselves(opened: Any) -> None:
    @dataclass
    class Doubled(cr.Activation):
        r"""Twice what it is given.

        Forward:
            $a = 2 z$

        Backward:
            $dz = 2 \, da$
        """

        def forward(self, z: Any) -> Any:
            return 2 * z

        def backward(self, da: Any) -> Any:
            return 2 * da

    network = cr.Network([dense(3), Doubled(), dense(1)], (2,), "mse")
    explanation = cr.explain(network, X, Y[:, None].astype(float), "sgd")
    page = opened(explanation)
    page.locator("#moment").fill("2")
    stage = page.locator("#stage")
    assert "Twice what it is given." in stage.inner_text()
    assert stage.locator("math").count() == 1
    assert "return 2 * z" in stage.locator("pre").first.text_content()
    page.locator("#moment").fill("8")
    assert np.allclose(numbers(page, "slope of 1.Doubled"), 2)


# ---- the training


def spirals(lr: float = 0.01, epochs: int = 12) -> cr.Explanation:
    rng = np.random.default_rng(0)
    turn, arm = rng.random(150), rng.integers(0, 3, 150)
    angle = 5 * turn + 2 * np.pi * arm / 3
    x = np.stack([turn * np.cos(angle), turn * np.sin(angle)], axis=1)
    network = cr.Network([dense(24, "relu"), dense(16, "relu"), dense(3, "softmax")], (2,), "categorical_cross_entropy")
    film = cr.Film((x[:100], arm[:100]), (x[100:], arm[100:]))
    cr.Trainer(network, {"name": "adam", "lr": lr}, 16).fit(
        (x[:100], arm[:100]), epochs, (x[100:], arm[100:]), callbacks=[film]
    )
    return cr.explain(network, x[:4], arm[:4], "adam", class_names=["a", "b", "c <"], film=film)


def test_every_frame_of_a_training_shows_its_numbers(opened: Any) -> None:
    explanation = spirals()
    page, film = opened(explanation), explanation.film
    page.locator("#tab-training").click()
    assert page.locator("#stage").is_hidden()
    slider = page.locator("#frame")
    assert slider.get_attribute("max") == str(len(film.frames) - 1) == slider.input_value()
    for i in (0, 3, len(film.frames) - 1):
        slider.fill(str(i))
        frame = film.frames[i]
        assert page.locator("#where").inner_text().startswith(f"{frame.epoch} of 12, learning rate 0.01, loss ")
        for name, unit in frame.units.items():
            cells = page.locator(f'#training tr[data-step="{name}"] td').all_inner_texts()
            assert float(cells[1]) == pytest.approx(unit.output, rel=1e-3)
            if unit.dead is not None:
                assert cells[3] == f"{int((unit.dead == 1).sum())} of {len(unit.dead)}"
        for name, weight in frame.weights.items():
            row = page.locator(f'#training tr:has(button:text-is("{name}")) td').all_inner_texts()
            told = [float(text) for text in row[1:4]]
            assert told == pytest.approx([weight.value, weight.gradient, weight.update], rel=1e-3)
            assert row[4] == "of 0" if weight.value == 0 else float(row[4]) == pytest.approx(weight.ratio, rel=0.06)
    wrong = int((film.frames[-1].prediction.argmax(axis=1) != film.seen.y).sum())
    assert page.locator("#examples-summary").inner_text().startswith(f"{wrong} of 50 examples of the validation data")
    page.locator("#which").select_option("all")
    card = page.locator(".cards li:visible").first.inner_text()
    label = film.seen.y[0]
    assert f"example 0: {['a', 'b', 'c <'][label]}" in card
    shares = sorted(film.frames[-1].prediction[0], reverse=True)
    assert [float(text) for text in re.findall(r"([\d.]+) %", card)] == [round(100 * float(s), 1) for s in shares]


def test_a_training_plays_and_its_address_can_be_copied(opened: Any) -> None:
    page = opened(spirals())
    page.locator("#tab-training").click()
    page.locator("#frame").fill("2")
    page.locator('#training button:text-is("1.dense.W")').click()
    page.locator("#unit").fill("7")
    page.locator("#unit").press("Enter")
    page.locator("#which").select_option("all")
    page.locator('.cards button:text-is("example 3")').click()
    assert page.locator("#weight h3").first.inner_text() == "Numbers of 1.dense.W"
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    assert page.locator("#tab-training").get_attribute("aria-selected") == "true"
    assert page.locator("#frame").input_value() == "2"
    assert page.locator("#unit").input_value() == "7"
    assert "The 4 largest of 24 numbers of unit 7" in page.locator("#weight").inner_text()
    assert page.locator('.cards button[aria-pressed="true"]').all_inner_texts() == ["example 3"]
    assert page.locator("#weight h3").first.inner_text() == "Numbers of 1.dense.W"
    page.locator("#play").click()
    page.wait_for_function("document.getElementById('frame').value === '4'")
    page.locator("#play").click()
    at = page.locator("#frame").input_value()
    page.wait_for_timeout(600)
    assert page.locator("#frame").input_value() == at
    page.locator('#graph a[data-box="0.dense"]').click()
    assert page.locator("#weight h3").first.inner_text() == "Numbers of 0.dense.W"
    page.locator("#tab-step").press("ArrowRight")
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate(UNNAMED) == 0


def test_what_is_wrong_with_a_training_stands_beside_it(opened: Any) -> None:
    explanation = spirals(lr=3.0)
    assert explanation.findings[0].kind == "learning_rate_too_high"
    page = opened(explanation)
    page.locator("#tab-training").click()
    told = page.locator("#findings").inner_text()
    assert explanation.findings[0].what in told
    assert explanation.findings[0].threshold in told
    page.locator("#findings button").first.click()
    assert page.locator("#where").inner_text().startswith(f"{explanation.findings[0].epoch} of 12")
    healthy = opened(spirals())
    healthy.locator("#tab-training").click()
    assert "Nothing stands out" in healthy.locator("#findings").inner_text()


def test_without_a_film_the_page_says_how_to_have_one(opened: Any) -> None:
    page = opened(xor())
    page.locator("#tab-training").click()
    assert "explain=true" in page.locator("#training").inner_text()
