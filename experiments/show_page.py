"""The page of a training, as the picture at the top of the README: what ``explain=true`` leaves, in a browser.

Above, a step: the number that is chosen is written out as the sum of the products that made it. Below, the training at
one of its epochs. It needs Playwright, which the extra ``test`` brings along, and Chromium on the PATH.

    python experiments/show_page.py
"""

from __future__ import annotations

import argparse
import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

import chainrule as cr

RESULTS = Path(__file__).parent / "results"
RUN = ["experiment=spirals", "explain=true", "tracking.experiment=study_show_page", "tracking.figures=false"]
WIDTH, HEIGHTS = 1100, (560, 800)
STEP = "v=step&m=2&e=1&n=" + '{"array":"y","operation":"1.dense","index":70}'
TRAINING = "v=training&f=5&w=1.dense.W"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the picture goes")
    options = parser.parse_args()
    result = cr.train(RUN)
    picture = photographed(result.folder / "explanation.html")
    options.results.mkdir(parents=True, exist_ok=True)
    picture.save(options.results / "page.png", optimize=True)
    print(f"wrote {options.results / 'page.png'}")


def photographed(page: Path) -> Image.Image:
    """Both views, one below the other, in as few colours as do."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        views = [view(browser.new_page(), page, *given) for given in zip((STEP, TRAINING), HEIGHTS)]
        browser.close()
    whole = Image.new("RGB", (WIDTH, sum(HEIGHTS)), "white")
    for top, part in zip((0, HEIGHTS[0]), views):
        whole.paste(part, (0, top))
    return whole.quantize(128)


def view(page: Page, file: Path, address: str, height: int) -> Image.Image:
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.goto(f"{file.as_uri()}#{address}")
    page.wait_for_selector("main h2 >> visible=true")
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


if __name__ == "__main__":
    main()
