"""A training comes to the same numbers by each engine: by NumPy's passes, and by compiled loops."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine import compiling
from chainrule.engine.use import MANY

DENSE = {"name": "dense", "units": 1}
GROUPS = [
    {"parameters": "0.*", "lr": 0.003},
    {"parameters": "*.b", "weight_decay": 0.5},
    {"parameters": "2.*", "trainable": False},
]
OPTIMIZERS = [
    {"name": "sgd", "lr": 0.05, "weight_decay": 0.1},
    {"name": "momentum", "lr": 0.02, "weight_decay": 0.1},
    {"name": "adam", "lr": 0.01, "weight_decay": 0.1},
]
by_name = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda spec: spec["name"])


@pytest.fixture
def without_numba(monkeypatch):
    """An environment in which it is not installed."""
    monkeypatch.setitem(sys.modules, "numba", None)
    compiling.numba_version.cache_clear()
    yield
    compiling.numba_version.cache_clear()


def trained(optimizer, engine, dtype="float32", scale=1.0, groups=GROUPS, epochs=20):
    """Theta and slots after 100 steps; one of its inputs is always zero, so that averages of its gradients vanish."""
    layers = [{"name": "dense", "units": units, "activation": "tanh"} for units in (6, 5, 4)] + [DENSE]
    network = cr.Network(layers, (3,), "mse", seed=3, dtype=dtype)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 3))
    x[8:, 1] = 0
    trainer = cr.Trainer(network, optimizer, batch_size=8, groups=groups, engine=engine, shuffle=False)
    trainer.fit((x, x[:, :1] * x[:, 2:] * scale), epochs=epochs)
    assert trainer.engine == engine
    return {"theta": network.parameters.theta, **trainer._updates.slots}


def equal(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name], equal_nan=True) for name in one)


@by_name
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_both_engines_come_to_the_same_to_the_last_bit(optimizer, dtype):
    pytest.importorskip("numba")
    results = [trained(optimizer, engine, dtype) for engine in ("numpy", "numba")]
    assert equal(*results)
    assert np.isfinite(results[0]["theta"]).all()


@by_name
@pytest.mark.parametrize("scale", [1e12, 1e30])
def test_so_they_do_with_huge_gradients(optimizer, scale):
    pytest.importorskip("numba")
    results = [trained(optimizer, engine, scale=scale, groups=()) for engine in ("numpy", "numba")]
    assert equal(*results)


def test_so_they_do_where_what_all_but_vanishes_is_set_to_zero():
    pytest.importorskip("numba")
    optimizer = {"name": "momentum", "lr": 0.01, "momentum": 0.1}
    results = []
    for engine in ("numpy", "numba"):
        network = cr.Network([DENSE], (2,), "mse", seed=3, dtype="float32")
        trainer = cr.Trainer(network, optimizer, batch_size=1, engine=engine, shuffle=False)
        x = np.zeros((64, 2))
        x[:30] = 1.0
        x[:, 0] = 1.0
        trainer.fit((x, x[:, :1]), epochs=1)
        results.append({"theta": network.parameters.theta, **trainer._updates.slots})
    assert equal(*results)
    [slot] = trainer._updates.slots.values()
    assert (slot == 0).any()


def test_a_trainer_is_copied_with_its_engine():
    pytest.importorskip("numba")
    network = cr.Network([DENSE], (2,), "mse")
    trainer = cr.Trainer(network, "adam", engine="numba")
    x = np.ones((4, 2))
    trainer.fit((x, x[:, :1]), epochs=2)
    for other in (copy.deepcopy(trainer), pickle.loads(pickle.dumps(trainer))):
        assert other.engine == "numba"
        other.fit((x, x[:, :1]), epochs=2)


def test_a_trainer_that_is_read_where_numba_is_not_goes_on_by_numpy(monkeypatch):
    pytest.importorskip("numba")
    kept = pickle.dumps(cr.Trainer(cr.Network([DENSE], (2,), "mse"), "adam", engine="numba"))
    monkeypatch.setitem(sys.modules, "numba", None)
    compiling.numba_version.cache_clear()
    try:
        assert pickle.loads(kept).engine == "numpy"
    finally:
        compiling.numba_version.cache_clear()


def test_an_unknown_engine_is_refused_with_those_that_there_are():
    network = cr.Network([DENSE], (2,), "mse")
    for given in ("fast", None, 1):
        with pytest.raises(cr.ConfigError, match=r"trainer\.engine: got .*, expected auto, numpy, numba"):
            cr.Trainer(network, "sgd", engine=given)


def test_numba_is_refused_where_it_is_not_installed_and_auto_is_not(without_numba):
    network = cr.Network([{"name": "dense", "units": MANY}], (1,), "mse")
    with pytest.raises(cr.ConfigError, match=r'numba cannot be used here: python -m pip install "chainrule\[fast\]"'):
        cr.Trainer(network, "sgd", engine="numba")
    assert cr.Trainer(network, "sgd").engine == "numpy"


def test_auto_takes_numba_for_many_parameters():
    pytest.importorskip("numba")
    for units, engine in ((MANY // 2, "numba"), (MANY // 2 - 1, "numpy")):
        assert cr.Trainer(cr.Network([{"name": "dense", "units": units}], (1,), "mse"), "sgd").engine == engine


def test_a_small_training_does_not_import_numba():
    script = """
import sys
import numpy as np, chainrule as cr
network = cr.Network([{"name": "dense", "units": 1}], (2,), "mse")
trainer = cr.Trainer(network, "adam")
trainer.fit((np.ones((4, 2)), np.ones((4, 1))), epochs=2)
print(trainer.engine, "numba" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["numpy", "False"]


# ---- what joins an update


@dataclass
class Hears(cr.Callback):
    """Keeps the largest number of the gradient that it hears of."""

    def __post_init__(self):
        self.largest = 0.0

    def on_gradient(self, trainer):
        self.largest = max(self.largest, float(np.abs(trainer.network.parameters.grad).max()))


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", {"name": "lookahead", "optimizer": "sgd"}])
def test_numbers_of_a_gradient_are_cut_off_by_each_engine(engine, optimizer):
    """As they are by hand, whether or not somebody listens behind it."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(8, 3)), 1000 * rng.normal(size=8)
    found = []
    for behind in (False, True):
        network = cr.Network([{"name": "dense", "units": 1}], (3,), "mse", seed=1, dtype="float64")
        hears = Hears()
        trainer = cr.Trainer(network, optimizer, batch_size=4, seed=2, engine=engine)
        trainer.fit(data, 3, callbacks=[{"name": "clip_value", "limit": 0.5}, *([hears] if behind else [])])
        found.append(network.parameters.theta)
        assert hears.largest == (0.5 if behind else 0.0)
    np.testing.assert_array_equal(*found)
    if optimizer == "sgd":
        network = cr.Network([{"name": "dense", "units": 1}], (3,), "mse", seed=1, dtype="float64")
        before, lr = network.parameters.theta.copy(), cr.make("optimizer", "sgd").lr
        assert np.abs(found[0] - before).max() <= 6 * lr * 0.5 * (1 + 1e-12)


def test_a_gradient_is_cut_off_at_once_where_no_update_follows():
    trainer = cr.Trainer(cr.Network([DENSE], (3,), "mse"), "sgd")
    grad = trainer.network.parameters.grad
    grad[...] = [-3.0, -0.5, 0.25, 3.0]
    trainer.limit_gradient(0.5)
    assert grad.tolist() == [-0.5, -0.5, 0.25, 0.5]
