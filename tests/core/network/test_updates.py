"""An optimizer moves the flat vector block by block, as if it were one; decay acts on weights alone."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, cast

import numpy as np
import pytest

import chainrule as cr
from chainrule.network import updates
from chainrule.network.updates import Updates

OPTIMIZERS = [entry for entry in cr.registry() if entry.kind == "optimizer"]
IN_BLOCKS = [entry.name for entry in OPTIMIZERS if not cr.make("optimizer", entry.name).whole_vector]
DECAYING = [entry.name for entry in OPTIMIZERS if "weight_decay" in {f.name for f in fields(cast(Any, entry.cls))}]


def parameters(dtype: str = "float64") -> cr.Parameters:
    """Five weights and biases of 47 numbers, with values."""
    named = [
        cr.Parameter("0.W", (4, 5), "zeros", True),
        cr.Parameter("0.b", (5,), "zeros", False),
        cr.Parameter("1.W", (5, 4), "zeros", True),
        cr.Parameter("1.b", (2,), "zeros", False),
    ]
    laid = cr.Parameters.allocate(named, np.dtype(dtype))
    laid.theta[...] = np.random.default_rng(0).normal(size=laid.theta.size)
    return laid


def moved(optimizer: cr.Optimizer, dtype: str = "float64", steps: int = 5) -> tuple[cr.Array, dict[str, cr.Array]]:
    """Theta and slots after some updates with gradients that do not depend on theta."""
    laid, rng = parameters(dtype), np.random.default_rng(1)
    applied = Updates(optimizer, laid)
    for step in range(1, steps + 1):
        laid.grad[...] = rng.normal(size=laid.grad.size)
        applied.apply(step, 0.01)
    return laid.theta, applied.slots


@dataclass
class Recording(cr.Optimizer):
    """Plain gradient descent that keeps what it is given."""

    lr: float = 0.1
    seen: Any = field(default_factory=list)
    slots = ("a", "b")

    def update(self, theta: cr.Array, grad: cr.Array, slots: dict[str, cr.Array], step: int, lr: float) -> None:
        self.seen.append((theta.shape, grad.shape, {name: slot.shape for name, slot in slots.items()}, step, lr))
        theta -= lr * grad
        slots["a"] += grad
        slots["b"] += 1


@dataclass
class Whole(Recording):
    """Wants each parameter in its shape."""

    whole_parameters = True


@dataclass
class Decaying(Recording):
    """Has decoupled weight decay."""

    weight_decay: float = 0.5


@pytest.mark.parametrize("name", IN_BLOCKS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_blocks_give_what_the_whole_vector_gives(name: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, whole_slots = moved(cr.make("optimizer", name), dtype)
    monkeypatch.setattr(updates, "BLOCK", 7)
    blocks, block_slots = moved(cr.make("optimizer", name), dtype)
    assert whole.dtype == np.dtype(dtype)
    assert np.array_equal(blocks, whole)
    assert all(np.array_equal(block_slots[slot], whole_slots[slot]) for slot in whole_slots)


def test_the_vector_is_cut_into_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates, "BLOCK", 20)
    optimizer = Recording()
    moved(optimizer, steps=1)
    assert [seen[0] for seen in optimizer.seen] == [(20,), (20,), (7,)]
    assert [seen[2] for seen in optimizer.seen] == [{"a": shape, "b": shape} for shape in [(20,), (20,), (7,)]]


def test_whole_parameters_come_in_their_own_shapes_in_layer_order() -> None:
    optimizer = Whole()
    theta, slots = moved(optimizer, steps=1)
    shapes = [(4, 5), (5,), (5, 4), (2,)]
    assert [seen[:3] for seen in optimizer.seen] == [(shape, shape, {"a": shape, "b": shape}) for shape in shapes]
    flat, flat_slots = moved(Recording(), steps=1)
    assert np.array_equal(theta, flat)
    assert np.array_equal(slots["a"], flat_slots["a"])


def test_slots_start_at_zero_and_are_kept_between_updates() -> None:
    _, slots = moved(Recording(), steps=3)
    assert (slots["b"] == 3).all()
    assert slots["a"].any()
    fresh = Updates(Recording(), parameters("float32"))
    assert {name: (slot.dtype, slot.any()) for name, slot in fresh.slots.items()} == {
        "a": (np.float32, False),
        "b": (np.float32, False),
    }


def test_the_step_counts_from_one_and_the_rate_is_handed_on() -> None:
    optimizer = Recording()
    moved(optimizer, steps=3)
    assert [seen[3:] for seen in optimizer.seen] == [(1, 0.01), (2, 0.01), (3, 0.01)]


def test_weight_decay_shrinks_weights_before_the_update_and_spares_biases() -> None:
    before = parameters()
    gradient = np.random.default_rng(1).normal(size=before.grad.size)
    theta, _ = moved(Decaying(), steps=1)
    weights, biases = slice(0, 40), slice(40, 47)
    assert before.decaying == weights
    shrunk = before.theta[weights] * (1 - 0.01 * 0.5)
    assert np.allclose(theta[weights], shrunk - 0.01 * gradient[weights], rtol=1e-14)
    assert np.allclose(theta[biases], before.theta[biases] - 0.01 * gradient[biases], rtol=1e-14)


@pytest.mark.parametrize("name", DECAYING)
def test_every_optimizers_decay_is_decoupled(name: str) -> None:
    plain, plain_slots = moved(cr.make("optimizer", name, weight_decay=0.0), steps=1)
    decayed, slots = moved(cr.make("optimizer", name, weight_decay=0.5), steps=1)
    start = parameters().theta
    assert np.allclose(plain[:40] - decayed[:40], 0.01 * 0.5 * start[:40], rtol=1e-12, atol=1e-15)
    assert np.array_equal(plain[40:], decayed[40:])
    assert all(np.array_equal(slots[slot], plain_slots[slot]) for slot in slots)


@pytest.mark.parametrize(("dtype", "left"), [("float32", [1e-29, 0, 0, -1e-29, 1, 0]), ("float64", None)])
def test_what_has_all_but_vanished_becomes_zero_in_float32(dtype: str, left: list[float] | None) -> None:
    laid = parameters(dtype)
    applied = Updates(Recording(), laid)
    tiny = [1e-29, 1e-31, -1e-38, -1e-29, 1, 1e-45]
    applied.slots["a"][:6] = tiny
    kept = applied.slots["a"].copy()
    laid.grad[...] = 0
    for step in range(1, 64):
        applied.apply(step, 0.01)
    assert np.array_equal(applied.slots["a"], kept)
    applied.apply(64, 0.01)
    assert applied.slots["a"][:6].tolist() == np.array(left or tiny, dtype).tolist()


def test_a_network_without_parameters_has_nothing_to_update() -> None:
    laid = cr.Parameters.allocate([], np.dtype("float32"))
    for optimizer in (Recording(), Whole(), Decaying()):
        Updates(optimizer, laid).apply(64, 0.1)
        assert optimizer.seen == []
