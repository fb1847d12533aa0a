"""An optimizer that writes a rule: as an object like any other, and what its rule may know."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.contract.rules import recorded
from chainrule.engine.use import using
from chainrule.errors import ContractError

ENTRIES = [entry for entry in cr.registry() if entry.kind == "optimizer"]
BY_RULE = [entry.name for entry in ENTRIES if entry.cls.rule is not None]  # type: ignore[attr-defined]
DENSE = {"name": "dense", "units": 1}
AROUND = [
    {"name": "lookahead", "optimizer": {"name": "adam", "lr": 0.01}, "k": 3},
    {"name": "lookahead", "optimizer": {"name": "lookahead", "optimizer": "momentum", "k": 2}, "k": 3},
    {"name": "sam", "optimizer": {"name": "momentum", "lr": 0.05}},
]


@dataclass
class Descent(cr.Optimizer):
    """Plain, or by signs."""

    lr: float = 0.1
    factor: float = 1.0
    signs: bool = False

    def rule(self, theta: Any, grad: Any, lr: float) -> Any:
        return theta - lr * self.factor * (np.sign(grad) if self.signs else grad)


def step_of(optimizer: cr.Optimizer, lr: float = 0.5) -> list[float]:
    theta = np.zeros(3)
    optimizer.update(theta, np.array([1.0, -2.0, 4.0]), {name: np.zeros(3) for name in optimizer.slots}, 1, lr)
    return list(theta)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_one_that_was_used_can_be_copied(copied):
    optimizer = Descent(factor=2.0)
    assert step_of(optimizer) == [-1.0, 2.0, -4.0]
    other = copied(optimizer)
    assert other == optimizer
    other.factor = 1.0
    assert step_of(other) == [-0.5, 1.0, -2.0]
    assert step_of(optimizer) == [-1.0, 2.0, -4.0]


@pytest.mark.parametrize("name", BY_RULE)
def test_a_pickle_holds_no_more_after_use_than_before(name):
    """What was recorded belongs to the version of chainrule that did so."""
    used, fresh = cr.make("optimizer", name), cr.make("optimizer", name)
    before = step_of(used, lr=0.01)
    assert b"engine" not in pickle.dumps(used)
    again = pickle.loads(pickle.dumps(used))
    assert step_of(again, lr=0.01) == step_of(fresh, lr=0.01) == before


def test_a_field_that_is_changed_counts_from_then_on():
    optimizer = Descent()
    assert step_of(optimizer) == [-0.5, 1.0, -2.0]
    optimizer.factor = 4.0
    assert step_of(optimizer) == [-2.0, 4.0, -8.0]
    optimizer.signs = True
    assert step_of(optimizer) == [-2.0, 2.0, -2.0]
    assert step_of(dataclasses.replace(optimizer, factor=1.0)) == [-0.5, 0.5, -0.5]


def test_so_does_a_list_that_changes_in_place():
    @dataclass
    class Several(cr.Optimizer):
        factors: list[float] = field(default_factory=lambda: [1.0, 0.5])

        def rule(self, theta, grad, lr):
            return theta - lr * self.factors[0] * self.factors[1] * grad

    optimizer = Several()
    before = step_of(optimizer)
    optimizer.factors[1] = 2.0
    assert step_of(optimizer) == [4 * moved for moved in before]


def test_one_of_which_nothing_may_be_changed_works():
    @dataclass(frozen=True)
    class Fixed(cr.Optimizer):
        lr: float = 0.1

        def rule(self, theta: Any, grad: Any, lr: float) -> Any:
            return theta - lr * grad

    assert step_of(Fixed()) == [-0.5, 1.0, -2.0]


def test_update_may_be_written_around_the_rule():
    @dataclass
    class Halved(Descent):
        def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
            grad /= 2
            super().update(theta, grad, slots, step, lr)

    assert step_of(Halved()) == [-0.25, 0.5, -1.0]


def test_one_without_rule_and_update_is_refused_by_its_name():
    @dataclass
    class Idle(cr.Optimizer):
        lr: float = 0.1

    with pytest.raises(ContractError, match=r"^Idle writes neither rule nor update$"):
        step_of(Idle())


def test_a_rule_that_cannot_be_recorded_is_refused_by_the_name_of_its_class():
    @dataclass
    class Branching(Descent):
        def rule(self, theta: Any, grad: Any, lr: float) -> Any:
            return theta - lr if grad > 0 else theta

    with pytest.raises(ContractError, match=r"^rule of Branching: .* choose by np.where\(condition, a, b\)$"):
        recorded(Branching())


@pytest.mark.parametrize("name", BY_RULE)
def test_each_rule_can_be_called_with_numbers_and_with_arrays(name):
    optimizer = cr.make("optimizer", name)
    slots = dict.fromkeys(optimizer.slots, 0.25)
    asked = inspect.signature(optimizer.rule).parameters
    scalars = {name: value for name, value in {"step": 2, "lr": 0.01}.items() if name in asked}
    by_numbers = optimizer.rule(theta=1.0, grad=np.float64(0.5), **slots, **scalars)
    by_arrays = optimizer.rule(
        theta=np.ones(2), grad=np.full(2, 0.5), **{slot: np.full(2, 0.25) for slot in slots}, **scalars
    )
    theta, grad, arrays = np.ones(2), np.full(2, 0.5), {slot: np.full(2, 0.25) for slot in slots}
    optimizer.update(theta, grad, arrays, 2, 0.01)
    for given in (by_numbers, by_arrays):
        values = given if isinstance(given, tuple) else (given,)
        for value, moved in zip(values, (theta, *arrays.values())):
            np.testing.assert_allclose(moved, value, rtol=1e-12)


@pytest.mark.parametrize("around", AROUND, ids=lambda spec: f"{spec['name']} around {spec['optimizer']['name']}")
def test_optimizers_around_others_give_the_same_by_each_engine(around):
    pytest.importorskip("numba")
    x = np.random.default_rng(0).standard_normal((40, 3))
    results = []
    for engine in ("numpy", "numba"):
        network = cr.Network([{"name": "dense", "units": 5, "activation": "tanh"}, DENSE], (3,), "mse", seed=1)
        trainer = cr.Trainer(network, around, batch_size=8, engine=engine)
        trainer.fit((x, x[:, :1] ** 2), epochs=15)
        results.append([network.parameters.theta, *trainer._updates.slots.values()])
    assert all(map(np.array_equal, *results))
    assert np.isfinite(results[0][0]).all()


def test_the_engine_is_that_of_the_thread_and_of_the_block_alone():
    from chainrule.engine.use import engine_in_use

    with using("numba"):
        with using("numpy"):
            assert engine_in_use() == "numpy"
        assert engine_in_use() == "numba"
    assert engine_in_use() == "numpy"
