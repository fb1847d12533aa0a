"""Everything on a page that can be operated is operated: nothing goes wrong, and nothing is asked for elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from explained import TRAININGS, looked_at, page_of
from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", TRAININGS)
def test_every_control_of_a_page_does_its_work(browser: Any, tmp_path: Path, name: str) -> None:
    with looked_at(browser, page_of(name, tmp_path)) as page:
        operate_training(page)
        operate_step(page)
        if name != "high_rate":  # whose predictions are the same everywhere
            operate_trial(page)
        for tab in ("training", "step", "try"):
            page.locator(f"#tab-{tab}").click()
            for box in page.locator("#graph a").all():
                box.click()
        if name == "high_rate":
            page.locator("#tab-training").click()
            page.locator("#findings button").first.click()
            assert page.locator("#findings li").count() >= 1


def through(slider: Locator) -> None:
    for value in range(int(slider.get_attribute("max") or 0) + 1):
        slider.fill(str(value))
        assert slider.get_attribute("aria-valuetext")


def through_options(select: Locator) -> None:
    for value in select.locator("option").evaluate_all("options => options.map(option => option.value)"):
        select.select_option(value)
        assert select.input_value() == value


def operate_training(page: Page) -> None:
    assert page.locator("#tab-training").get_attribute("aria-selected") == "true"
    through(page.locator("#frame"))
    through_options(page.locator("#which"))
    for parameter in page.locator("#training th button").all():
        parameter.click()
        assert page.locator("#weight .array, #weight .histogram").count() >= 1
    page.locator(".chart svg").first.click(position={"x": 80, "y": 40})
    page.locator("#play").click()
    last = page.locator("#frame").get_attribute("max")
    page.wait_for_function("last => document.getElementById('frame').value !== '0' || last === '0'", arg=last)
    if "pause" in page.locator("#play").inner_text():
        page.locator("#play").click()
    assert page.locator("#play").inner_text() == "▶ play"


def operate_step(page: Page) -> None:
    page.locator("#tab-step").click()
    slider, stage = page.locator("#moment"), page.locator("#stage")
    through_options(page.locator("#example"))
    for moment in range(int(slider.get_attribute("max") or 0) + 1):
        slider.fill(str(moment))
        for part in stage.locator("summary").all():
            part.click()
        for button in (stage.locator("td button").first, stage.locator("td button").last):
            if button.count():
                button.click()
                assert stage.locator(".number strong").count() == 1
        if stage.locator("canvas").count():
            stage.locator("canvas").last.click(position={"x": 3, "y": 3})
            stage.locator("canvas").last.focus()
            for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "Enter"):
                page.keyboard.press(key)
            assert stage.locator(".number strong").count() == 1
        if stage.locator(".sum button").count():
            stage.locator(".sum button").last.click()
            assert stage.locator(".number strong").count() == 1
    page.locator("#back").click()
    page.locator("#on").click()


def operate_trial(page: Page) -> None:
    page.locator("#tab-try").click()
    place = page.locator("#try")
    assert place.locator(".cannot").count() == 0
    through_options(place.locator("#try-example"))
    place.locator("details > summary").click()
    drawn_on = place.locator(".pad, .plane")
    if drawn_on.count():
        drawn_on.scroll_into_view_if_needed()
        box = drawn_on.bounding_box()
        assert box
        before = place.locator(".predicted").inner_text()
        page.mouse.move(box["x"] + 60, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + 180, box["y"] + 200, steps=5)
        page.mouse.up()
        for key in (" ", "ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", " "):
            drawn_on.press(key)
        page.wait_for_function("before => document.querySelector('#try .predicted').innerText !== before", arg=before)
    for button in place.get_by_role("button", name="clear").all():
        button.click()
    place.get_by_role("button", name="as it is").click()
    through_options(place.locator("#weight-of"))
    for at in (1, 0):
        place.locator("#weight-entry").fill(str(at))
    loss = place.locator("#batch-loss")
    before = loss.get_attribute("data-after")
    low, high = (float(place.locator('input[type="range"]').get_attribute(name) or 0) for name in ("min", "max"))
    for share in (0, 0.3, 1):
        place.locator('input[type="range"]').evaluate(
            "(slider, at) => { slider.value = at; slider.dispatchEvent(new Event('input')); }",
            low + share * (high - low),
        )
    page.wait_for_function("before => document.getElementById('batch-loss').dataset.after !== before", arg=before)
    place.get_by_role("button", name="all as they were").click()
    page.wait_for_function("before => document.getElementById('batch-loss').dataset.after === before", arg=before)
