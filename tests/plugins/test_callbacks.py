"""What every built-in callback keeps to. What each of them does: test_callbacks_*.py."""

from dataclasses import dataclass

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 3)), RNG.normal(size=(20, 2))
CALLBACKS = [entry.name for entry in cr.registry() if entry.plugin.id == "chainrule:callbacks"]


@dataclass
class Spoil(cr.Callback):
    """Leaves nothing of the gradient after an update, as an optimizer may."""

    def on_batch_end(self, trainer):
        trainer.network.parameters.grad[:] = np.nan


@pytest.mark.parametrize("name", CALLBACKS)
def test_no_callback_reads_the_gradient_after_the_update(name):
    ended = []
    for others in ([], [Spoil()]):
        network = cr.Network([{"name": "dense", "units": 2}], (3,), "mse")
        trainer = cr.Trainer(network, "momentum", batch_size=5)
        history = trainer.fit((X, Y), 3, validation=(X, Y), callbacks=[*others, name])
        ended.append((network.parameters.theta, history["train/loss"]))
    np.testing.assert_equal(ended[1], ended[0])
