"""A run recorded on a server: MLflow finds its model there, registers it, and its pages know it for one."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pytest
from browsing import chromium
from playwright.sync_api import expect

import chainrule as cr

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*type hint is inferred as AnyType:UserWarning"),
]
ROWS = [{"x1": 0.0, "x2": 1.0}, {"x1": 1.0, "x2": 1.0}]


@pytest.fixture
def recorded(server: tuple[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> cr.Result:
    uri, _ = server
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return cr.train(["experiment=xor", "trainer.epochs=2", "tracking.figures=false"])


def test_mlflow_loads_and_registers_what_a_server_has(recorded: cr.Result) -> None:
    expected = recorded.predict(ROWS).tolist()
    model = mlflow.pyfunc.load_model(f"runs:/{recorded.run_id}/model")
    assert model.predict(ROWS).tolist() == expected
    version = mlflow.register_model(f"runs:/{recorded.run_id}/model", "xor")
    assert (version.run_id, version.status) == (recorded.run_id, "READY")
    assert mlflow.pyfunc.load_model("models:/xor/1").predict(ROWS).tolist() == expected


def test_mlflows_pages_show_its_signature_and_offer_to_register_it(recorded: cr.Result) -> None:
    assert recorded.link is not None
    page_of_artifacts = recorded.link.replace("?", "/artifacts/model?")
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1600, "height": 1400})
        page.set_default_timeout(60_000)
        page.goto(page_of_artifacts)
        expect(page.get_by_role("button", name="Register model").first).to_be_visible(timeout=60_000)
        for shown in ("MLflow Model", "Inputs (2)", "double", "Outputs (1)", "long"):
            expect(page.get_by_text(shown, exact=True).first).to_be_visible()
