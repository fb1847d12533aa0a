from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Callback, Network, NonFiniteError, Trainer


@dataclass
class NanGuard(Callback):
    """Stops a training whose numbers have become infinite or not a number, and says where they first did.

    It looks at the loss of each batch, before the update that would spread it to all parameters, and at all parameters
    at the end of each epoch.

    Raises:
        NonFiniteError: naming the epoch, the step and the first layer.

    Example:
        >>> import chainrule as cr
        >>> network = cr.Network([{"name": "dense", "units": 1}], input_shape=(1,), loss="mse")
        >>> network.parameters["0.dense.b"].value = float("inf")
        >>> try:
        ...     cr.Trainer(network, "sgd").fit(([[1.0]], [2.0]), epochs=1, callbacks=["nan_guard"])
        ... except cr.NonFiniteError as error:
        ...     print(str(error).partition(". ")[0])
        the loss is inf in epoch 1, step 1 (batch 1 of 1): layer 0.dense is the first that is not finite, in its b
    """

    def on_gradient(self, trainer: Trainer) -> None:
        if math.isfinite(trainer.batch_loss):
            return
        assert trainer.batch is not None  # its loss is there
        what, step = f"the loss is {trainer.batch_loss}", trainer.step + 1
        x, _ = trainer.batch
        if not np.isfinite(x).all():
            raise _error(trainer, what, step, "the batch's inputs are not finite. Correct or leave out such samples")
        raise _error(trainer, what, step, f"{_first_non_finite(trainer.network, x)}. {_advice(trainer)}")

    def on_epoch_end(self, trainer: Trainer) -> None:
        parameters = trainer.network.parameters
        if np.isfinite(parameters.theta).all():
            return
        layer, _, name = next(p.name for p in parameters if not np.isfinite(p.value).all()).rpartition(".")
        raise _error(trainer, "parameters are not finite", trainer.step, f"{_first(layer, name)}. {_advice(trainer)}")


def _error(trainer: Trainer, what: str, step: int, why: str) -> NonFiniteError:
    batch = f"batch {trainer.batch_index + 1} of {trainer.steps_per_epoch}"
    return NonFiniteError(f"{what} in epoch {trainer.epoch}, step {step} ({batch}): {why}")


def _advice(trainer: Trainer) -> str:
    return f"Try a smaller learning rate (it is {trainer.learning_rate:g}), or scale the data"


def _first_non_finite(network: Network, x: Array) -> str:
    """The first step of a forward pass in which something is not finite, in words."""
    with np.errstate(all="ignore"):  # what it would warn of is what is looked for
        outputs = network.trace(x)
    for layer, y in outputs:
        for parameter in network.parameters:
            if parameter.name.startswith(f"{layer}.") and not np.isfinite(parameter.value).all():
                return _first(layer, parameter.name.removeprefix(f"{layer}."))
        if not np.isfinite(y).all():
            return _first(layer, "output")
    return "every layer is finite, the loss itself is not"


def _first(layer: str, part: str) -> str:
    return f"layer {layer} is the first that is not finite, in its {part}"
