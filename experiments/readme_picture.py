"""The page that ``explain=true`` leaves, in a browser: the picture at the top of the README.

Left, a step of XOR: the number that is chosen is written out as the sum of the products that made it. Right, the
training of spirals at one of its epochs. It needs Playwright, which the extra ``test`` brings along, and Chromium on
the PATH.

    python experiments/readme_picture.py
"""

from __future__ import annotations

import argparse
import io
import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from playwright.sync_api import Page, sync_playwright

import chainrule as cr

RESULTS = Path(__file__).parent / "results"
COMMON = ["explain=true", "tracking.experiment=study_readme_picture", "tracking.figures=false", "callbacks=[nan_guard]"]
WIDTH, HEIGHT = 940, 940
VIEWS = {
    "experiment=xor": 'v=step&m=2&e=1&n={"array":"y","operation":"1.dense","index":1}',
    "experiment=spirals": "v=training&f=5",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the picture goes")
    options = parser.parse_args()
    pages = [cr.train([experiment, *COMMON]).folder / "explanation.html" for experiment in VIEWS]
    options.results.mkdir(parents=True, exist_ok=True)
    plt.imsave(options.results / "readme_picture.png", photographed(pages), pil_kwargs={"optimize": True})
    print(f"wrote {options.results / 'readme_picture.png'}")


def photographed(pages: list[Path]) -> cr.Array:
    """Both, side by side: ``(height, width, 3)``."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        views = [view(browser.new_page(), *given) for given in zip(pages, VIEWS.values())]
        browser.close()
    return np.round(31 * np.hstack(views)) / 31  # so many shades take a third of the room


def view(page: Page, file: Path, address: str) -> cr.Array:
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    page.goto(f"{file.as_uri()}#{address}")
    page.wait_for_selector("main h2 >> visible=true")
    pixels = plt.imread(io.BytesIO(page.screenshot()))
    return np.ascontiguousarray(pixels[:, :, :3])


if __name__ == "__main__":
    main()
