"""How long does a browser take over the pages of `chainrule explain` and `explain=true`?

Networks are trained for a few epochs with `explain=true`, each page is opened in Chromium without a window, and every
control that goes through it is moved: the slider over the operations of The step, to every place; that over the frames
of The training; in Try it an example is taken, and a weight changed. A figure is the time that the page's
main thread works for a change, with what it had put off to the next picture of the screen, and lays the page out; of
each change the least of several rounds. A round opens the page anew, and meets its arrays for the first time. It wants
`chromium` and `python -m pip install -e ".[test]"`.

    python experiments/pages.py
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from playwright.sync_api import Browser, Page, sync_playwright
from study import BLUE, GREEN, ORANGE, PURPLE, RESULTS, publish

import chainrule as cr
from chainrule.tracking.environment import processor

PAGES = {
    "xor": ["experiment=xor"],
    "spirals": ["experiment=spirals"],
    "spirals, L-BFGS": ["experiment=spirals", "optimizer=lbfgs", "trainer.epochs=20"],
    "digits": ["experiment=digits"],
    "mnist, 784-128-10": ["experiment=mnist_classic", "trainer.epochs=5"],
    "mnist_cnn": ["experiment=mnist_cnn", "trainer.epochs=1", "dataset.train_size=2000"],
    "text_gpt": ["experiment=text_gpt", "trainer.epochs=1"],
}
UNRECORDED = ["explain=true", "tracking=none", "tracking.figures=false", "callbacks=[nan_guard]"]
COLUMNS = [
    "page", "bytes", "shown, s", "a step, ms", "worst", "a frame, ms", "worst", "a prediction, ms", "worst",
    "a weight, ms", "worst",
]  # fmt: skip
PARTS = ("steps", "frames", "predictions", "weights")
TARGETS = {
    "shown": ("a page until it is shown", "s", 2, 2),
    "steps": ("a step of the slider", "ms", 1, 50),
    "frames": ("a frame of the training", "ms", 1, 50),
}

SCRIPT = """
const waiting = [];
let collecting = false;
const later = globalThis.requestAnimationFrame.bind(globalThis);
globalThis.requestAnimationFrame = (f) => (collecting ? waiting.push(f) : later(f));
// Changes a control and lays the page out, with what the page had put off to the next picture.
globalThis.change = (element, value, kind) => {
  collecting = true;
  element.value = value;
  element.dispatchEvent(new Event(kind, { bubbles: true }));
  while (waiting.length) waiting.shift()();
  document.body.getBoundingClientRect();
  collecting = false;
};
"""
WHOLE = "slider => Array.from({ length: Number(slider.max) + 1 }, (_, k) => k)"
OPTIONS = "select => [...select.options].map(option => option.value)"
BETWEEN = "({ min, max }) => Array.from({ length: 8 }, (_, k) => Number(min) + (k + 1) / 9 * (max - min))"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", metavar="PAGE", help=f"of {', '.join(PAGES)} (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="(default: %(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the table goes")
    parser.add_argument("--override", action="append", default=[], help="for the trainings, such as trainer.epochs=1")
    options = parser.parse_intermixed_args()
    if unknown := set(options.pages) - set(PAGES):
        parser.error(f"there is no page {', '.join(sorted(unknown))}; there are {', '.join(PAGES)}")
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    executable = shutil.which("chromium")
    if executable is None:
        raise SystemExit("this needs chromium, which no PATH leads to (Debian: apt-get install chromium)")
    rows, measurements = [], {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        for name in options.pages or PAGES:
            result = cr.train([*PAGES[name], *UNRECORDED, f"hydra.run.dir={folder}/{len(rows)}", *options.override])
            page = result.folder / "explanation.html"
            measurements[name] = least([measured(browser, page) for _ in range(options.rounds)])
            rows.append([name, f"{page.stat().st_size:,}", *cells(measurements[name])])
            print("  ".join(rows[-1]), file=sys.stderr, flush=True)
        version = browser.version
        browser.close()
    note = f"Milliseconds of each change: the least of {options.rounds} rounds, of which the median and the worst."
    publish(
        options.results,
        "pages",
        COLUMNS,
        rows,
        drawing(measurements),
        note=f"{note}\n\n{processor()}, {os.cpu_count()} cores; Chromium {version}",
        conclusion=verdict(measurements),
    )


def measured(browser: Browser, file: Path) -> dict[str, list[float]]:
    """Seconds until it is shown, and the milliseconds of each change, by what was changed."""
    page = browser.new_page(viewport={"width": 1250, "height": 900})
    page.add_init_script(SCRIPT)
    start = time.perf_counter()
    page.goto(file.as_uri(), wait_until="commit")
    page.wait_for_selector("#stage h2, #training h2")
    page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    found = {"shown": [time.perf_counter() - start]}
    clock = Clock(page)
    found["frames"] = changes(page, clock, "training", "#frame", WHOLE)
    found["steps"] = changes(page, clock, "step", "#moment", WHOLE)
    found["predictions"] = changes(page, clock, "try", "#try-example", OPTIONS, "change")
    found["weights"] = changes(page, clock, "try", '#try input[type="range"]', BETWEEN)
    page.close()
    return found


class Clock:
    """The milliseconds that a page's main thread has worked, whatever else the machine does."""

    def __init__(self, page: Page) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def __call__(self) -> float:
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        return next(1000 * float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")


def changes(page: Page, clock: Clock, view: str, control: str, values: str, kind: str = "input") -> list[float]:
    """Milliseconds; of a view that has no such control none."""
    page.locator(f"#tab-{view}").click()
    found: Any = page.locator(control)
    if not found.count():
        return []
    handle, taken = found.element_handle(), []
    for value in handle.evaluate(values):
        before = clock()
        handle.evaluate("(element, [value, kind]) => change(element, value, kind)", [value, kind])
        taken.append(clock() - before)
    return taken


def least(rounds: list[dict[str, list[float]]]) -> dict[str, list[float]]:
    """Of each change."""
    return {part: [min(times) for times in zip(*(found[part] for found in rounds))] for part in rounds[0]}


def cells(found: dict[str, list[float]]) -> list[str]:
    told = [f"{found['shown'][0]:.2f}"]
    for part in PARTS:
        told += [f"{of(found[part]):.1f}" if found[part] else "-" for of in (statistics.median, max)]
    return told


def verdict(measurements: dict[str, dict[str, list[float]]]) -> str:
    """How long what has a target takes at the worst, and where that is."""
    told = []
    for part, (words, unit, places, target) in TARGETS.items():
        worst, name = max((max(found[part]), name) for name, found in measurements.items() if found[part])
        told.append(f"{words} {worst:.{places}f} {unit} ({name}; wanted: less than {target})")
    return f"At the worst it takes {', '.join(told)}"


def drawing(measurements: dict[str, dict[str, list[float]]]) -> Figure:
    """Every change as a dot."""
    figure = Figure(figsize=(9, 0.5 * len(measurements) + 1.5), layout="constrained")
    axes = figure.subplots()
    for k, (part, colour, marker) in enumerate(zip(PARTS, (BLUE, ORANGE, GREEN, PURPLE), "os^D")):
        for row, found in enumerate(measurements.values()):
            places = [row + 0.18 * (k - 1.5)] * len(found[part])
            axes.plot(
                found[part], places, marker, color=colour, markersize=4, alpha=0.6, label=part if not row else None
            )
    axes.axvline(50, color="black", linewidth=1)
    axes.set(xscale="log", xlabel="time of a change (ms)", title="What a change takes in the page")
    axes.set_yticks(range(len(measurements)), measurements)
    axes.invert_yaxis()
    axes.grid(alpha=0.3)
    axes.legend(loc="best")
    return figure


if __name__ == "__main__":
    main()
