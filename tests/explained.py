"""Pages of small trainings for tests that look at them in a browser, and what every such test wants of a page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

import chainrule as cr

TRAININGS = {
    "xor": ["experiment=xor", "trainer.epochs=20"],
    "spirals": ["experiment=spirals", "trainer.epochs=6"],
    "digits": ["experiment=digits", "trainer.epochs=4"],
    "mnist": ["experiment=mnist_classic", "trainer.epochs=2", "dataset.train_size=2000"],
    "mnist_cnn": ["experiment=mnist_cnn", "trainer.epochs=1", "dataset.train_size=500"],
    "high_rate": ["experiment=spirals", "trainer.epochs=6", "optimizer.lr=3"],
}
UNRECORDED = ["explain=true", "tracking=none", "tracking.figures=false", "callbacks=[]"]


def page_of(name: str, folder: Path) -> Path:
    """The page of a training, made in this folder."""
    return cr.train([*TRAININGS[name], *UNRECORDED, f"hydra.run.dir={folder / name}"]).folder / "explanation.html"


@dataclass
class Doubled(cr.Activation):
    """Twice what it is given."""

    def forward(self, z: Any) -> Any:
        return 2 * z

    def backward(self, da: Any) -> Any:
        return 2 * da


@contextmanager
def looked_at(browser: Browser, file: Path, **more: Any) -> Iterator[Page]:
    """The page, opened; at the end nothing may have gone wrong on it, or been asked for elsewhere."""
    wrong: list[str] = []
    page = browser.new_page(**{"viewport": {"width": 1250, "height": 900}, **more})
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: request.url.startswith(("file:", "data:")) or wrong.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_selector("#stage h2, #training h2")
    yield page
    page.close()
    assert wrong == []
