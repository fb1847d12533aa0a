"""A trainer that was pickled or copied goes on to the last bit."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule_plugins.callbacks import WeightAverage

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(50, 3)), RNG.integers(0, 3, 50)


def trainer() -> cr.Trainer:
    layers = [{"name": "dense", "units": 8, "activation": "relu"}, "batch_norm", {"name": "dropout", "rate": 0.3}]
    network = cr.Network([*layers, {"name": "dense", "units": 3, "activation": "softmax"}], (3,), "mse")
    groups = [{"parameters": "0.*", "lr": 0.1}]
    return cr.Trainer(network, "nadam", 16, "reduce_on_plateau", "l2", ["accuracy"], seed=5, groups=groups)


def pickled(one: Any) -> Any:
    return pickle.loads(pickle.dumps(one))


@pytest.mark.parametrize("again", [pickled, copy.deepcopy, lambda one: pickled(pickled(one))])
def test_it_goes_on_as_if_it_had_not_been(again: Callable[[Any], Any]) -> None:
    """With what callbacks gathered, which the next call of fit takes over, even if it was pickled twice before."""
    whole, parts = trainer(), trainer()
    average = WeightAverage(decay=0.9)
    for one, heard in ((whole, average), (parts, WeightAverage(decay=0.9))):
        one.fit((X, Y), 2, validation=(X, Y), callbacks=[heard])
    before = parts.network.parameters.theta.copy()
    twin = again(parts)
    for one, heard in ((whole, average), (twin, WeightAverage(decay=0.9))):
        one.fit((X, Y), 3, validation=(X, Y), callbacks=[heard])
    assert twin.network.parameters.theta.tolist() == whole.network.parameters.theta.tolist()
    timed = {"seconds", "examples_per_second"}
    assert all(twin.history[name] == whole.history[name] for name in whole.history.keys() - timed)
    assert (twin.epoch, twin.step, twin.groups) == (whole.epoch, whole.step, whole.groups)
    assert parts.network.parameters.theta.tolist() == before.tolist()


def test_one_that_was_interrupted_goes_on_as_its_twin() -> None:
    cut = trainer()
    with pytest.raises(KeyboardInterrupt):
        cut.fit((X, Y), 3, validation=(X, Y), callbacks=[Interrupts()])
    twin = pickled(pickled(cut))
    for one in (cut, twin):
        one.fit((X, Y), 2, validation=(X, Y))
    assert len(cut.history["train/loss"]) == 3
    assert twin.history["train/loss"] == cut.history["train/loss"]
    assert twin.network.parameters.theta.tolist() == cut.network.parameters.theta.tolist()


class Interrupts(cr.Callback):
    """Ctrl-C in the second epoch."""

    def on_batch_end(self, trainer: cr.Training) -> None:
        if trainer.epoch == 2:
            raise KeyboardInterrupt
