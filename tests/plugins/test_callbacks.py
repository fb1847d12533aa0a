"""What every built-in callback keeps to. What each of them does: test_callbacks_*.py."""

from dataclasses import dataclass

import numpy as np
import pytest

import chainrule as cr
from chainrule.testing.training import fit, trainer

CALLBACKS = [entry.name for entry in cr.registry() if entry.plugin.id == "chainrule:callbacks"]


@dataclass
class Spoil(cr.Callback):
    """Leaves nothing of the gradient after an update, as an optimizer may."""

    def on_batch_end(self, trainer):
        trainer.network.parameters.grad[:] = np.nan


@pytest.mark.parametrize("name", CALLBACKS)
def test_no_callback_reads_the_gradient_after_the_update(name):
    """In the training that the kit checks it in."""
    ended = []
    for others in ([], [Spoil()]):
        callback = cr.make("callback", name)
        fitted = trainer(callback)
        ended.append((fit(fitted, [*others, callback]), fitted.history["train/loss"]))
    np.testing.assert_equal(ended[1], ended[0])
