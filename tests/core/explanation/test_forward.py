"""The forward pass in the page: what a browser computes from a network's graph is what NumPy does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from browsing import chromium
from networks import around, endings_of, network_and_batch
from playwright.sync_api import Page

import chainrule as cr
from chainrule.contract.named import each
from chainrule.explanation.forward import forward_of
from chainrule.explanation.page import Arrays

COMPUTED = """
async ([forward, arrays]) => {
  if (forward.cannot) return forward.cannot;
  const { cannot, computed, graphOf, lossOf } = await import("forward"), { decoded } = await import("arrays");
  const graph = graphOf(forward, (number) => decoded(arrays[number])), why = cannot(graph.nodes);
  if (why) return why;
  const values = computed(graph, graph.batch);
  const told = ({ shape, values }) => ({ shape, values: Array.from(values) });
  const outputs = Object.entries(graph.outputs).map(([name, value]) => [name, told(values[value])]);
  return { outputs: Object.fromEntries(outputs), loss: graph.loss && lossOf(graph) };
}
"""
"""What the page's own modules make of a graph and its batch."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One page for all: its modules are taken by their names."""
    network, x = network_and_batch(["tanh"], (2,))
    with chromium() as browser:
        page = browser.new_page()
        page.goto(cr.explain(network, x, x).save(tmp_path_factory.mktemp("page") / "page.html").as_uri())
        yield page


def in_the_page(page: Page, network: cr.Network, x: Any, y: Any = None) -> Any:
    """The prediction and the loss that the page computes, or why it cannot."""
    kept, y = Arrays(), network.predict(x) if y is None else y
    forward = forward_of(cr.Explanation(network, network.trace_step(x, y), "", ()), kept.add)
    told = page.evaluate(COMPUTED, [forward, kept.arrays])
    if isinstance(told, str):
        return told
    found = {name: np.array(y["values"]).reshape(y["shape"]) for name, y in told["outputs"].items()}
    return found if isinstance(network.output_shape, dict) else found["y"], told["loss"]


def require_same(page: Page, network: cr.Network, x: Any, y: Any = None, called: str = "") -> None:
    found, expected = in_the_page(page, network, x, y), network.predict(x)
    assert not isinstance(found, str), (called, found)

    def compare(computed: Any, wanted: Any) -> None:
        assert computed.shape == wanted.shape, called
        assert np.abs(computed - wanted).max() <= 1e-5 * max(1, np.abs(wanted).max()), called

    each(compare, found[0], expected)
    if y is not None and found[1] is not None:
        assert found[1] == pytest.approx(network.evaluate(x, y)["loss"], rel=1e-5, abs=1e-6), called


def built_in(kind: str) -> set[str]:
    return {entry.name for entry in cr.registry() if entry.kind == kind and entry.distribution == "chainrule"}


@pytest.mark.parametrize("kind", ["activation", "layer"])
def test_every_built_in_component_is_computed_as_in_numpy(page: Page, kind: str) -> None:
    seen = set()
    for called, network, x in around(kind):
        require_same(page, network, x, called=called)
        seen.add(called.partition("-")[0].partition(".")[2])
    assert seen == built_in(kind)


def test_every_built_in_loss_is_computed_as_in_numpy_and_the_others_say_so(page: Page) -> None:
    rng, computed = np.random.default_rng(0), set()
    for name, loss, task, columns, units, activation in endings_of(built_in("loss") - {"by_output"}):
        layers = [{"name": "dense", "units": units, "activation": activation}]
        network = cr.Network(layers, (4,), loss, task=task, seed=1)
        x = rng.standard_normal((5, 4))
        y = (
            rng.standard_normal((5, columns))
            if task == "regression"
            else rng.integers(0, 2 if task == "binary" else 3, 5)
        )
        require_same(page, network, x, y, f"{loss} {task}")
        if in_the_page(page, network, x, y)[1] is not None:
            computed.add(name)
    assert built_in("loss") - computed == {"by_output", "triplet"}  # of which one is below, and one has no to_onnx
