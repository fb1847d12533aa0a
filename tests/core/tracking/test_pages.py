"""MLflow's own pages on recorded runs, looked at in a real browser: what was recorded is what is seen there."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import chromium
from environments import variables
from matplotlib.image import imread
from mlflow.tracking import MlflowClient
from playwright.sync_api import Page, expect
from serving import free_port, served

from chainrule.comparison.looking import latest_runs

pytestmark = pytest.mark.slow

SECONDS = 1000


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 2400, "height": 1600})
        page.set_default_timeout(60 * SECONDS)
        yield page


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def runs(program_in: Callable[..., Any], folder: Path) -> list[Any]:
    """Those of a sweep, as MLflow has them."""
    grid = ("optimizer=sgd,adam", "optimizer.lr=0.01,0.001")
    short = ("trainer.epochs=2", "tracking.figures=false")
    done = program_in("train", "-m", "experiment=digits", *grid, *short, folder=folder)
    assert done.status == 0, done.err
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("digits")
    assert experiment is not None
    found: list[Any] = client.search_runs([experiment.experiment_id])
    assert len(found) == 4
    return found


@pytest.fixture(scope="module")
def printed(program_in: Callable[..., Any], folder: Path, runs: list[Any]) -> str:
    """The command that a run prints at its end, for its page."""
    done = program_in("train", "experiment=digits", "trainer.epochs=2", folder=folder)
    assert done.status == 0, done.err
    [line] = [line for line in done.out.splitlines() if line.startswith("MLflow ")]
    return line.removeprefix("MLflow ").strip()


@pytest.fixture(scope="module")
def address(folder: Path, printed: str) -> Iterator[str]:
    """Where that command says that the page of the run is."""
    name, *arguments = shlex.split(printed)
    assert name == "chainrule"
    command = [sys.executable, "-m", name, *arguments, "--port", str(free_port())]
    with served(command, folder, variables()) as address:
        yield address


def see(page: Page, text: str) -> None:
    expect(page.get_by_text(text, exact=True).first).to_be_visible(timeout=60 * SECONDS)


def picture(page: Page, path: Path) -> None:
    page.screenshot(path=path)
    assert imread(path).shape[:2] == (1600, 2400)
    assert imread(path).std() > 0.02  # it is not blank


def test_the_experiments_page_lists_the_runs(page: Page, address: str, runs: list[Any], tmp_path: Path) -> None:
    base = address.partition("#")[0]
    page.goto(f"{base}#/experiments/{runs[0].info.experiment_id}/runs")
    for run in runs:
        see(page, run.info.run_name)
    expect(page.get_by_text("5 matching runs")).to_be_visible()
    picture(page, tmp_path / "runs.png")


def test_the_compare_page_shows_what_differs(page: Page, address: str, runs: list[Any], tmp_path: Path) -> None:
    base = address.partition("#")[0]
    ids = json.dumps([run.info.run_id for run in runs])
    page.goto(f"{base}#/compare-runs?runs={ids}&experiments={json.dumps([runs[0].info.experiment_id])}")
    see(page, "Comparing 4 Runs from 1 Experiment")
    for switch in page.get_by_role("switch").all():
        switch.click()  # "Show diff only"
    for run in runs:
        see(page, run.info.run_name)
    for name in ("optimizer.name", "optimizer.lr", "optimizer.beta1", "validation/accuracy", "best/validation/loss"):
        see(page, name)
    expect(page.get_by_text("trainer.epochs", exact=True)).to_have_count(0)  # it is the same in all
    page.get_by_text("Comparing 4 Runs").scroll_into_view_if_needed()
    picture(page, tmp_path / "compare.png")


def test_a_comparison_leads_to_the_runs_side_by_side(
    page: Page, address: str, program_in: Callable[..., Any], folder: Path, tmp_path: Path
) -> None:
    """Its page has the table, and a link to MLflow's own page, the one that it prints too."""
    done = program_in("compare", folder=folder)
    assert done.status == 0, done.err
    base, ways = address.partition("#")[0], dict(line.split(maxsplit=1) for line in done.out.splitlines()[-2:])
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    run = client.get_run(ways["MLflow"].split()[-1])
    page.goto(f"{base}#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}?workflowType=machine_learning")
    for heading in ("optimizer", "lr", "validation/loss"):
        expect(page.get_by_role("columnheader", name=heading, exact=True)).to_be_visible(timeout=60 * SECONDS)
    picture(page, tmp_path / "comparison.png")
    link = page.get_by_role("link", name="The runs together: table and charts").evaluate("link => link.href")
    way = base + ways["compare"].split()[0].partition("5000/")[2]
    assert link == way
    page.goto("about:blank")
    page.goto(way)
    expect(page.get_by_text("4 matching runs")).to_be_visible(timeout=60 * SECONDS)
    see(page, "What differs")
    for axis in ("optimizer.name", "optimizer.lr"):
        expect(page.locator(".parcoords").get_by_text(axis).first).to_be_visible(timeout=60 * SECONDS)
    expect(page.get_by_text("optimizer.beta1")).to_have_count(0)
    picture(page, tmp_path / "together.png")


def test_what_opens_after_a_comparison_is_the_table_of_runs_with_what_matters(
    page: Page, address: str, program_in: Callable[..., Any], folder: Path, tmp_path: Path
) -> None:
    """Neither a digest nor a source, but the objective, the test figures and what differs."""
    assert program_in("compare", folder=folder).status == 0
    place = latest_runs(MlflowClient(f"sqlite:///{folder}/mlflow.db"))
    page.goto("about:blank")
    page.goto(address.partition("#")[0] + place)
    for heading in ("validation/loss", "test/loss", "test/accuracy", "optimizer.name", "optimizer.lr", "seed"):
        expect(page.get_by_role("columnheader", name=heading, exact=True).first).to_be_visible(timeout=60 * SECONDS)
    for heading in ("Dataset", "Source"):
        expect(page.get_by_role("columnheader", name=heading, exact=True)).to_have_count(0)
    expect(page.get_by_text("5 matching runs")).to_be_visible()
    picture(page, tmp_path / "latest.png")


def test_the_page_that_a_run_names_is_its_own(page: Page, address: str, tmp_path: Path) -> None:
    page.goto(address)
    see(page, "digits")
    for name in ("optimizer.beta1", "model.hidden", "test/accuracy", "component.optimizer.adam"):
        see(page, name)
    expect(page.get_by_text(re.compile(r"^validation/loss: [\d.]+$"))).to_be_visible(timeout=60 * SECONDS)
    expect(page.get_by_role("columnheader", name="best validation (epoch)")).to_be_visible()
    page.get_by_text("Show more").first.click()
    see(page, "chainrule train experiment=digits trainer.epochs=2")
    curves = page.locator("img[src*='curves.png']")
    expect(curves).to_be_visible()
    page.wait_for_function("image => image.naturalWidth > 100", arg=curves.element_handle())
    picture(page, tmp_path / "run.png")


def test_final_figures_are_bars_and_what_has_epochs_curves(page: Page, address: str, tmp_path: Path) -> None:
    place, _, query = address.partition("?")
    page.goto("about:blank")
    page.goto(f"{place}/model-metrics?{query}")
    heads = page.get_by_test_id("experiment-view-compare-runs-section-header")
    for name, drawn in (("best/validation", ".barlayer .bars"), ("train", ".scatterlayer .trace")):
        section = heads.filter(has_text=name).locator("xpath=ancestor::*[contains(@class, 'collapse-item')][1]")
        section.scroll_into_view_if_needed()
        expect(section.locator(drawn).first).to_be_visible(timeout=60 * SECONDS)
    picture(page, tmp_path / "metrics.png")


def test_the_figures_of_a_run_are_shown(page: Page, address: str, tmp_path: Path) -> None:
    place, _, query = address.partition("?")
    page.goto(f"{place}/artifacts/figures/curves.png?{query}")
    for name in ("predictions.png", "confusion_matrix.png", "curves.png", "config.yaml", "overrides.yaml", "model"):
        see(page, name)
    image = page.locator("img[src*='curves.png'], img[src^='blob:']").first
    expect(image).to_be_visible(timeout=60 * SECONDS)
    assert image.evaluate("image => image.naturalWidth") > 100
    picture(page, tmp_path / "figures.png")
