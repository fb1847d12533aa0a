"""The page of a network with components from an installed package: formulas, sources and numbers are theirs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import chromium
from conftest import Run
from explained import looked_at
from playwright.sync_api import Page

pytestmark = pytest.mark.slow

EXPLAIN = """
import json, sys
import numpy as np
import chainrule as cr

activation, x, y = sys.argv[1], np.array([[0.0, 1.0], [1.0, 1.0], [2.0, -1.0]]), np.array([0, 1, 1])
hidden = {"name": "dense", "units": 4, "activation": activation}
network = cr.Network([hidden, {"name": "dense", "units": 1, "activation": "sigmoid"}], (2,), "binary_cross_entropy")
explanation = cr.explain(network, x, y, {"name": "heavy_ball", "lr": 0.05}, lr=0.05)
explanation.save("page.html")
step = explanation.step
print(json.dumps({
    "y": step.operation(f"0.dense.{activation}").y.tolist(),
    "after": step.parameters["0.dense.W"].after.tolist(),
    "prediction": network.predict([[0.3, -2.0]])[0].tolist(),
}))
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


def explained(run: Run, activation: str) -> dict[str, Any]:
    done = run("-W", "ignore", "-c", EXPLAIN, activation)
    assert done.returncode == 0, done.stderr
    numbers: dict[str, Any] = json.loads(done.stdout)
    return numbers


def told(page: Page, title: str) -> list[float]:
    buttons = page.locator(f'.array:has(h3:text-is("{title}")) button')
    labels = buttons.evaluate_all("buttons => buttons.map(button => button.getAttribute('aria-label'))")
    return [float(label.rpartition(": ")[2]) for label in labels]


@pytest.mark.parametrize("activation", ["squareplus", "soft_abs"])
def test_a_third_partys_components_are_explained_as_ours_are(
    browser: Any, run: Run, tmp_path: Path, activation: str
) -> None:
    numbers = explained(run, activation)
    with looked_at(browser, tmp_path / "page.html") as page:
        stage, moment = page.locator("#stage"), page.locator("#moment")
        moment.fill("1")
        assert stage.locator("h2").inner_text() == f"Forward 0.dense.{activation}"
        assert stage.locator("math").count() >= 1
        assert "return " in str(stage.locator("pre").first.text_content())
        assert "np.hypot(z" in str(stage.locator("pre").first.text_content())
        assert np.allclose(told(page, f"y of 0.dense.{activation}"), np.ravel(numbers["y"]), rtol=1e-5)
        moment.fill("9")
        assert stage.locator("h2").inner_text() == "Update 0.dense.W, by heavy_ball"
        assert "A running sum of gradients moves the weights." in stage.inner_text()
        assert stage.locator("math").count() >= 1
        assert "v *= self.beta" in str(stage.locator("pre").first.text_content())
        assert np.allclose(told(page, "after of 0.dense.W"), np.ravel(numbers["after"]), rtol=1e-5)
        page.locator("#tab-try").click()
        if activation == "squareplus":  # which has no to_onnx
            assert "Squareplus does not say its forward pass as operators" in page.locator("#try .cannot").inner_text()
        else:
            assert page.locator("#try .cannot").count() == 0
            assert np.allclose(page.evaluate("chainrule.predict([0.3, -2])"), numbers["prediction"], atol=1e-6)
