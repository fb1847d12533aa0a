"""One step of learning, number by number: what went forward, what came back, and what the update made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.kinds import Activation, Layer, Loss, Optimizer, Regularizer
from chainrule.errors import UnknownName, did_you_mean

SILENT = np.errstate(over="ignore", invalid="ignore", divide="ignore")
"""Of a training that left the numbers, what is shown is just that."""
CLOSE = 1e-4
"""By how much, of the largest number, float32 may round a sum."""


def close(a: Array, b: Array) -> bool:
    """Whether they are equal but for rounding."""
    return bool(np.abs(a - b).max(initial=0) <= CLOSE * max(float(np.abs(b).max(initial=0)), 1e-30))


@dataclass(frozen=True)
class Operation:
    """One layer or activation at work on a batch.

    ``name``: that of its step, ``"0.dense"``; ``inside``: that of the step whose layer holds it, if one does.
    ``x``, ``y``: what it was given and gave; ``dy``, ``dx``: the gradients of the loss with respect to ``y`` and ``x``.
    Of an activation that the loss takes over, which the loss computes from its input, ``dy`` is None, and ``dx`` what
    the loss hands back. Of several inputs or outputs arrays by name.
    """

    name: str
    layer: Layer | Activation
    inside: str | None
    x: Any
    y: Any
    dy: Any
    dx: Any
    parameters: tuple[str, ...]
    fused: bool = False

    @cached_property
    def slope(self) -> Array | None:
        """Of an activation that makes each number of ``y`` from one of ``x``: by how much that number changes with it,
        of the shape of ``y``. None of all others."""
        layer, x, y = self.layer, self.x, self.y
        if not isinstance(layer, Activation) or self.parameters or np.shape(x) != np.shape(y):
            return None
        layer.forward(x)
        slope: Array = layer.backward(np.ones_like(y)).copy()
        # What depends on several numbers of x, a softmax, shows in what it makes of gradients that differ.
        dy = np.cos(np.arange(y.size, dtype=y.dtype)).reshape(y.shape)
        layer.forward(x)
        return slope if close(slope * dy, layer.backward(dy.copy())) else None

    @cached_property
    def steepest(self) -> float:
        """The largest slope that such an activation has from -6 to 6."""
        assert self.slope is not None, f"{self.name} is not elementwise"
        grid = np.linspace(-6, 6, 241, dtype=self.y.dtype).reshape(-1, 1)
        self.layer.forward(np.broadcast_to(grid, (len(grid), self.y.shape[-1])).copy())  # type: ignore[call-arg]
        slopes = self.layer.backward(np.ones((len(grid), self.y.shape[-1]), self.y.dtype))
        return float(np.abs(slopes).max())


@dataclass(frozen=True)
class Moved:
    """A parameter in one step: ``value`` before it, the ``grad`` of loss and penalty, ``after``, and by name the
    optimizer's ``slots`` before and after."""

    name: str
    value: Array
    grad: Array
    after: Array
    slots: Mapping[str, tuple[Array, Array]]

    @property
    def update(self) -> Array:
        """By what it moved: ``after - value``."""
        moved: Array = self.after - self.value
        return moved


@dataclass(frozen=True)
class StepTrace:
    """What ``Network.trace_step`` gives.

    Attributes:
        x, target: the batch, as the network and its loss take it.
        operations: in the order in which they work, those within a layer before that layer.
        prediction: what the output gives, in the targets' units.
        loss: the mean over the batch; ``loss_rows``: of each row, where the loss says it; ``penalty``: of the
            regularizer, beside it.
        d_prediction: the gradient that the loss hands back: with respect to the prediction, or to the logits, where the
            loss takes the last activation over.
        parameters: what became of each, by name.
        learning_rate: of this update; ``step``: its number.
        task: of the network, as the targets tell it where it was not given; of several outputs by name.
        weighed: whether samples have weights or a mask.
        loss_after, penalty_after: on the same batch, with the same random numbers, after the update.
    """

    x: Any
    target: Any
    operations: Sequence[Operation]
    prediction: Any
    loss_of: Loss
    loss: float
    loss_rows: Array | None
    penalty: float
    d_prediction: Any
    optimizer: Optimizer | None
    regularizer: Regularizer | None
    parameters: Mapping[str, Moved]
    learning_rate: float
    step: int
    task: Any
    weighed: bool
    loss_after: float
    penalty_after: float
    _estimate: Callable[[str, Sequence[int], float], Array]

    @property
    def change(self) -> float:
        """By how much loss and penalty changed."""
        return self.loss_after + self.penalty_after - self.loss - self.penalty

    @property
    def promised(self) -> float:
        r"""By how much they would have changed, had the slope stayed as it was: $\sum_i g_i \, \Delta\theta_i$."""
        return float(sum(np.vdot(moved.grad, moved.update) for moved in self.parameters.values()))

    def operation(self, name: str) -> Operation:
        """That of the step of this name.

        Raises:
            UnknownName: there is none.
        """
        by_name = {operation.name: operation for operation in self.operations}
        if name not in by_name:
            raise UnknownName(f'there is no step "{name}". {did_you_mean(name, by_name)}')
        return by_name[name]

    @SILENT
    def estimate(self, parameter: str, entries: Sequence[int] | None = None, step: float = 1e-4) -> Array:
        """The gradient of loss and penalty by finite differences in float64: see ``derivative``.

        Args:
            parameter: its name.
            entries: positions in the flattened parameter; all of them by default, with four passes for each.
            step: by how much each number is moved, to either side.

        Returns:
            One number for each entry.
        """
        if parameter not in self.parameters:
            raise UnknownName(f'there is no parameter "{parameter}". {did_you_mean(parameter, self.parameters)}')
        size = self.parameters[parameter].value.size
        return self._estimate(parameter, range(size) if entries is None else entries, step)
