"""How numbers were made is told from the numbers, and what is told adds up to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(4)


def explained(layers: list[Any], shape: tuple[int, ...], rows: int = 3) -> cr.Explanation:
    network = cr.Network([*layers, "flatten", {"name": "dense", "units": 3, "activation": "softmax"}], shape, "hinge")
    return cr.explain(network, RNG.normal(size=(rows, *shape)), RNG.integers(0, 3, rows), "sgd")


CONVOLUTIONS: list[tuple[dict[str, Any], tuple[int, ...]]] = [
    ({"name": "conv2d", "filters": 3}, (7, 6, 2)),
    ({"name": "conv2d", "filters": 3, "padding": "same"}, (7, 6, 2)),
    ({"name": "conv2d", "filters": 2, "kernel": 2, "padding": "same", "stride": 2}, (7, 6, 2)),
    ({"name": "conv2d", "filters": 2, "stride": 3, "bias": False}, (11, 9, 1)),
    ({"name": "conv1d", "filters": 4, "kernel": 3, "padding": "same"}, (8, 2)),
]


@pytest.mark.parametrize(("layer", "shape"), CONVOLUTIONS)
def test_a_convolution_is_told_with_its_stride_and_the_room_before_it(layer: Any, shape: tuple[int, ...]) -> None:
    explanation = explained([layer], shape)
    operation, step = explanation.step.operations[0], explanation.step
    told = explanation.structures[operation.name]
    assert told["how"] == "convolution"
    weights = step.parameters[told["weights"]].value
    bias = 0 if told["bias"] is None else step.parameters[told["bias"]].value
    # Written out, number by number.
    y = np.zeros_like(operation.y) + bias
    for o in np.ndindex(y.shape[1:-1]):
        for a in np.ndindex(tuple(told["kernel"])):
            at = tuple(told["stride"] * i + k - p for i, k, p in zip(o, a, told["low"]))
            if all(0 <= i < size for i, size in zip(at, shape)):
                y[(slice(None), *o)] += operation.x[(slice(None), *at)] @ weights[a]
    assert np.allclose(y, operation.y, atol=1e-5)


@pytest.mark.parametrize("of", ["max", "average"])
@pytest.mark.parametrize("size", [2, 3])
def test_pooling_is_told_with_its_window(of: str, size: int) -> None:
    explanation = explained([{"name": f"{of}_pool2d", "size": size}], (9, 6, 2))
    told = explanation.structures[f"0.{of}_pool2d"]
    assert (told["how"], told["of"]) == ("pooled", {"max": "max", "average": "mean"}[of])
    assert (told["kernel"], told["stride"]) == ([size, size], size)


MIXED = [
    "layer_norm",
    {"name": "self_attention", "heads": 2},
    {"name": "simple_rnn", "units": 3},
    "rms_norm",
    "softmax",
]


@pytest.mark.parametrize("layer", MIXED, ids=str)
def test_what_mixes_all_numbers_of_an_example_is_told_by_its_slopes(layer: Any) -> None:
    explanation = explained([layer], (3, 4))
    operation, step = explanation.step.operations[0], explanation.step
    told = explanation.structures[operation.name]
    assert told["how"] == "mixed"
    together = np.einsum("nj,nji->ni", operation.dy.reshape(3, -1), told["slopes"])
    assert np.allclose(together, operation.dx.reshape(3, -1), atol=1e-5)
    for name in operation.parameters:
        slopes = told["by_parameter"][name]
        assert np.allclose(
            np.einsum("nj,njk->k", operation.dy.reshape(3, -1), slopes), step.parameters[name].grad.ravel(), atol=1e-5
        )


def test_a_mask_is_a_scale_and_what_is_left_to_chance_or_depends_on_others_is_not_told() -> None:
    explanation = explained([{"name": "dropout", "rate": 0.5}, "batch_norm"], (3, 4))
    told = explanation.structures
    assert told["0.dropout"]["how"] == "scaled"
    assert set(np.unique(told["0.dropout"]["slope"])) <= {0.0, 2.0}
    assert told["1.batch_norm"]["how"] == "other"


def test_a_softmax_that_the_loss_takes_over_is_not_called_elementwise() -> None:
    network = cr.Network([{"name": "dense", "units": 3, "activation": "softmax"}], (2,), "categorical_cross_entropy")
    explanation = cr.explain(network, np.eye(2), np.array([0, 2]), "sgd")
    assert explanation.structures["0.dense.softmax"]["how"] == "mixed"
    slopes = explanation.structures["0.dense.softmax"]["slopes"]
    a = explanation.step.operation("0.dense.softmax").y
    assert np.allclose(slopes, np.einsum("ni,ij->nij", a, np.eye(3)) - a[:, :, None] * a[:, None, :], atol=1e-6)
