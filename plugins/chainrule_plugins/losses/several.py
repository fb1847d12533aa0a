"""The loss of a network with several outputs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from chainrule import Array, ConfigError, Graph, Loss, Task, make, within


@dataclass
class ByOutput(Loss):
    r"""Several outputs, each with a loss of its own: their weighted sum.

    Each output is judged by what its head gives, its activation included; none is fused.

    Forward:
        $loss = \sum_k w_k \, loss_k(prediction_k, target_k)$

    Backward:
        $d\_prediction_k = w_k \, d\_loss_k$

    Shapes:
        prediction, target: for each output as its loss takes them

    Args:
        losses: for each output, by its name, a loss; at least one.
        weights: $w_k$ for the outputs that shall not have 1, each 0 or more and finite; default {}.

    Raises:
        FieldError: there is no loss, or a weight of an output that has none, or out of range.
        ConfigError: the data has other targets.

    Reference:
        Caruana (1997), "Multitask Learning", Machine Learning 28; with weights: Kendall, Gal, Cipolla (2018),
        "Multi-Task Learning Using Uncertainty to Weigh Losses", CVPR, equation 1.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> both = cr.make("loss", "by_output", losses={"a": "mse", "b": "mae"}, weights={"b": 10.0})
        >>> one = np.ones((1, 1))
        >>> both.forward({"a": 2 * one, "b": 4 * one}, {"a": one, "b": one})
        31.0
    """

    losses: Mapping[str, str | Mapping[str, Any] | Loss]
    weights: Mapping[str, float] = field(default_factory=dict)

    check_examples = ({"losses": {"a": "mse", "b": "mae"}, "weights": {"b": 0.3}},)

    def __post_init__(self) -> None:
        named = len(self.losses) >= 1 and all(isinstance(name, str) for name in self.losses)
        self.require("losses", named, "a mapping of at least one output, by name, to its loss")
        right = all(
            name in self.losses and isinstance(w, (int, float)) and not isinstance(w, bool) and 0 <= w < math.inf
            for name, w in self.weights.items()
        )
        self.require("weights", right, f"a number, 0 or more, for any of {', '.join(self.losses)}")
        self._parts: dict[str, Loss] = {}
        for name, given in self.losses.items():
            with within(f"losses.{name}"):
                self._parts[name] = replace(make("loss", given))

    def reference(self, prediction: Any, target: Any) -> float:
        losses = {k: part.reference(prediction[k], target[k]) for k, part in self._parts.items()}  # type: ignore[attr-defined]
        return float(sum(self.weights.get(k, 1.0) * loss for k, loss in losses.items()))

    @property
    def parts(self) -> Mapping[str, Loss]:
        return self._parts

    def output(self, task: Task, classes: int) -> tuple[int, str]:
        if not isinstance(task, Mapping) or {*task} != {*self.losses}:
            found = f"the outputs {', '.join(task)}" if isinstance(task, Mapping) else f"one output, of a {task} task"
            raise ConfigError(f"by_output has losses for {', '.join(self.losses)}, and the data has {found}")
        ends = {name: part.output(task[name], classes[name]) for name, part in self._parts.items()}
        return {k: units for k, (units, _) in ends.items()}, {k: name for k, (_, name) in ends.items()}

    def _weight(self, name: str) -> float:
        return float(self.weights.get(name, 1.0))

    def forward(self, prediction: Any, target: Any) -> float:
        self.batch = len(next(iter(prediction.values())))
        return sum(self._weight(k) * part.forward(prediction[k], target[k]) for k, part in self._parts.items())

    def to_onnx(self, graph: Graph, prediction: Any, target: Any) -> str:
        losses = []
        for name, part in self._parts.items():
            losses.append(graph.add("Mul", part.to_onnx(graph, prediction[name], target[name]), self._weight(name)))
        return graph.add("Sum", *losses)

    def rows(self) -> Array:
        total: Array = np.zeros(self.batch)
        for name, part in self._parts.items():
            total = total + self._weight(name) * part.rows().reshape(self.batch, -1).mean(axis=1)
        return total

    def backward(self) -> Any:
        return {name: self._weight(name) * part.backward() for name, part in self._parts.items()}
