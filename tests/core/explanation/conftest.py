"""A browser for the pages of these tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from browsing import chromium
from explained import looked_at
from playwright.sync_api import Browser, Page

import chainrule as cr


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Callable[[cr.Explanation], Page]]:
    """Opens explanations; at the end nothing may have gone wrong on their pages, or been asked for elsewhere."""
    with ExitStack() as pages:
        yield lambda explanation: pages.enter_context(looked_at(browser, explanation.save(tmp_path / "page.html")))
