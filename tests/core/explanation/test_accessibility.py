"""The page for everyone: what axe finds, in both colour schemes and at two widths; the keyboard; motion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from explained import Doubled, looked_at, page_of
from playwright.sync_api import Page

import chainrule as cr

pytestmark = pytest.mark.slow

WIDTHS = {"desktop": {"width": 1250, "height": 900}, "phone": {"width": 390, "height": 800}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The page of a training by its name, each made once."""
    folder, files = tmp_path_factory.mktemp("pages"), dict[str, Path]()

    def page(name: str) -> Path:
        if name not in files:
            files[name] = uncomputed(folder) if name == "uncomputed" else page_of(name, folder)
        return files[name]

    return page


def uncomputed(folder: Path) -> Path:
    """Of a network that the page cannot compute, and of which there is no film."""
    network = cr.Network([{"name": "dense", "units": 3}, Doubled(), {"name": "dense", "units": 1}], (2,), "mse")
    return cr.explain(network, np.eye(2), np.eye(2)[:, :1], "adam").save(folder / "uncomputed.html")


def require_nothing_wrong(page: Page, where: str) -> None:
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    told = [f"{one['id']}: {one['help']}: {node['html'][:200]}" for one in found for node in one["nodes"]]
    assert told == [], where


def each_view(page: Page) -> Iterator[str]:
    page.locator("#tab-step").click()
    slider, stage = page.locator("#moment"), page.locator("#stage")
    last = int(slider.get_attribute("max") or 0)
    loss = page.locator("#graph a").count() - 2
    for moment in sorted({0, loss, loss + 1, 2 * loss + 1, last}):
        slider.fill(str(moment))
        if stage.locator("td button").count():
            stage.locator("td button").first.click()
        for summary in stage.locator("summary").all():
            summary.click()
        yield f"operation {moment}"
    page.locator("#tab-training").click()
    if page.locator("#frame").count():
        page.locator("#training th button").first.click()
        for frame in ("0", page.locator("#frame").get_attribute("max") or ""):
            page.locator("#frame").fill(frame)
            page.locator("#which").select_option("all")
            yield f"frame {frame}"
    else:
        yield "no frames"
    page.locator("#tab-try").click()
    if page.locator("#try details").count():
        page.locator("#try summary").click()
        page.wait_for_selector("#try details .array")
    yield "try"


@pytest.mark.parametrize(("scheme", "width"), [("light", "desktop"), ("dark", "phone")])  # colours know no width
@pytest.mark.parametrize("name", ["xor", "spirals", "digits", "uncomputed"])
def test_axe_finds_nothing(browser: Any, made: Callable[[str], Path], name: str, scheme: str, width: str) -> None:
    with looked_at(browser, made(name), color_scheme=scheme, viewport=WIDTHS[width]) as page:
        for where in each_view(page):
            require_nothing_wrong(page, where)
            assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width]["width"], where
            assert page.evaluate(MUTE) == [], where


MUTE = """
[...document.querySelectorAll("canvas, svg[role=img]")]
  .filter((e) => e.checkVisibility() && !e.getAttribute("aria-label") && !e.closest("[aria-hidden]"))
  .map((e) => e.outerHTML)
"""

FOCUSED = """
() => {
  const at = document.activeElement, box = at.getBoundingClientRect(), style = getComputedStyle(at);
  const rect = at.querySelector("rect"), drawn = rect && getComputedStyle(rect);
  const name = at.id || at.dataset.box || at.getAttribute("aria-label") || at.innerText || at.tagName;
  const seen = style.outlineStyle !== "none" || (drawn && parseFloat(drawn.strokeWidth) >= 2);
  return { name, seen: seen && box.bottom > 0 && box.top < innerHeight, panel: at.closest("main > div")?.id ?? "" };
}
"""


CONTROLS = {"step": ["back", "moment", "on", "example"], "training": ["play", "frame"], "try": []}
"""What stands above a view, in its order."""


def stops(page: Page, most: int = 80) -> list[dict[str, Any]]:
    """Where Tab leads to, from the first tab until it leaves the page."""
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.locator("[role=tab][tabindex='0']").focus()
    found = []
    while len(found) < most and page.evaluate("document.activeElement !== document.body"):
        found.append(page.evaluate(FOCUSED))
        page.keyboard.press("Tab")
    return found


def test_tab_leads_through_a_view_in_its_order_and_every_stop_is_seen(
    browser: Any, made: Callable[[str], Path]
) -> None:
    with looked_at(browser, made("spirals")) as page:
        for view, controls in CONTROLS.items():
            page.locator(f"#tab-{view}").click()
            if view == "step":
                page.locator("#moment").fill("0")
            found = stops(page)
            names = [stop["name"] for stop in found]
            hidden = [stop["name"] for stop in found[1:] if not stop["seen"]]  # the first had the pointer's focus
            assert hidden == []
            assert names[0] == f"tab-{view}"
            assert names[2 : 2 + len(controls)] == controls  # after one stop for all boxes of the map
            panel = {"step": "stage"}.get(view, view)
            assert {stop["panel"] for stop in found[2 + len(controls) :]} <= {panel, ""}
            assert len(found) < 40


def test_arrows_lead_within_a_table_and_the_map_and_focus_stays_at_what_was_chosen(
    browser: Any, made: Callable[[str], Path]
) -> None:
    with looked_at(browser, made("xor")) as page:
        page.locator("#tab-step").click()
        page.locator("#moment").fill("0")
        page.locator('#stage .array:has(h3:text-is("y of 0.dense")) td button').first.focus()
        for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Enter"):
            page.keyboard.press(key)
        assert "y of 0.dense, at [" in page.locator(".number strong").inner_text()
        assert page.evaluate("document.activeElement.dataset.index") == "10"
        page.keyboard.press("End")
        assert page.evaluate("document.activeElement.dataset.index") == "15"
        page.locator(".sum button").first.focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.closest('td').className") == "chosen"
        page.locator('#graph a[tabindex="0"]').focus()
        page.keyboard.press("End")
        page.keyboard.press("Enter")
        assert page.locator("#stage h2").inner_text().startswith("The loss")
        assert page.evaluate("document.activeElement.dataset.box") == "loss"


def test_nothing_plays_by_itself_where_motion_is_not_wanted(browser: Any, made: Callable[[str], Path]) -> None:
    with looked_at(browser, made("xor"), reduced_motion="reduce") as page:
        frame, play = page.locator("#frame"), page.locator("#play")
        frame.fill("0")
        assert play.inner_text() == "▶ next"
        for value in ("1", "2"):
            play.click()
            assert frame.input_value() == value
        page.wait_for_timeout(600)
        assert frame.input_value() == "2"


def test_what_changes_while_it_plays_is_not_read_out(browser: Any, made: Callable[[str], Path]) -> None:
    with looked_at(browser, made("xor")) as page:
        page.locator("#play").click()
        assert page.locator("#training").get_attribute("aria-busy") == "true"
        page.locator("#play").click()
        assert page.locator("#training").get_attribute("aria-busy") is None


DIFFERENT = """
async () => {
  const { COLOURS, key } = await import("plane");
  const drawn = [...key(COLOURS.map((_, k) => String(k))).querySelectorAll("canvas")];
  const shapes = drawn.map((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return Array.from({ length: data.length / 4 }, (_, k) => Number(data[4 * k + 3] > 127));
  });
  return shapes;
}
"""


def test_classes_are_told_apart_by_shape_as_well(browser: Any, made: Callable[[str], Path]) -> None:
    """Whatever somebody sees of colours: of ten classes no two shapes share more than most of their pixels."""
    with looked_at(browser, made("spirals")) as page:
        shapes = np.array(page.evaluate(DIFFERENT))
        assert len(shapes) == 10
        apart = [(a != b).sum() for i, a in enumerate(shapes) for b in shapes[:i]]
        assert min(apart) >= 8
        dashes = (
            page.locator(".chart")
            .first.locator("path.line")
            .evaluate_all("lines => lines.map(line => line.getAttribute('stroke-dasharray'))")
        )
        assert len(dashes) == 4 == 2 * len(set(dashes))  # of the curves, and of their names below
