"""The forward pass in the page: what a browser computes from a network's graph is what NumPy does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import chromium
from networks import around, network_and_batch
from playwright.sync_api import Page

import chainrule as cr
from chainrule.contract.named import each, items
from chainrule.explanation.page import Arrays, data_of

COMPUTED = """
async ([forward, arrays, batch]) => {
  const { cannot, computed, graphOf } = await import("forward"), { decoded } = await import("arrays");
  const graph = graphOf(forward, (number) => decoded(arrays[number])), why = cannot(graph);
  if (why) return why;
  const inputs = Object.fromEntries(Object.entries(batch).map(([name, number]) => {
    const { shape, values } = decoded(arrays[number]);
    return [name, { shape, values: Float64Array.from(values) }];
  }));
  const values = computed(graph, inputs);
  const told = ({ shape, values }) => ({ shape, values: Array.from(values) });
  return Object.fromEntries(Object.entries(graph.outputs).map(([name, value]) => [name, told(values[value])]));
}
"""
"""What the page's own modules make of a graph."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One page for all: its modules are taken by their names."""
    network, x = network_and_batch(["tanh"], (2,))
    with chromium() as browser:
        page = browser.new_page()
        page.goto(cr.explain(network, x, x).save(tmp_path_factory.mktemp("page") / "page.html").as_uri())
        yield page


def in_the_page(page: Page, network: cr.Network, x: Any) -> Any:
    """The prediction that the page computes: an array, of several outputs by name; or why it cannot."""
    kept, graph = Arrays(), network.to_graph()
    forward = {
        "nodes": [vars(node) for node in graph.nodes],
        "constants": {name: kept.add(array) for name, array in graph.constants.items()},
        "parameters": {name: kept.add(np.array(one.value)) for name, one in graph.parameters.items()},
        "outputs": graph.outputs,
    }
    batch = {name: kept.add(np.asarray(array)) for name, array in items(x, "x")}
    told = page.evaluate(COMPUTED, [forward, kept.arrays, batch])
    if isinstance(told, str):
        return told
    found = {name: np.array(y["values"]).reshape(y["shape"]) for name, y in told.items()}
    return found if isinstance(network.output_shape, dict) else found["y"]


def require_same(page: Page, network: cr.Network, x: Any, called: str = "") -> None:
    found, expected = in_the_page(page, network, network.inputs(x)), network.predict(x)
    assert not isinstance(found, str), (called, found)

    def compare(y: Any, wanted: Any) -> None:
        assert y.shape == wanted.shape, called
        assert np.abs(y - wanted).max() <= 1e-5 * max(1, np.abs(wanted).max()), called

    each(compare, found, expected)


@pytest.mark.parametrize("kind", ["activation", "layer"])
def test_every_built_in_component_is_computed_as_in_numpy(page: Page, kind: str) -> None:
    seen = set()
    for called, network, x in around(kind):
        require_same(page, network, x, called)
        seen.add(called.partition("-")[0].partition(".")[2])
    assert seen == {entry.name for entry in cr.registry() if entry.kind == kind and entry.distribution == "chainrule"}
