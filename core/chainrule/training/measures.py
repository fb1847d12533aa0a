"""What a trained network comes to, by the metrics of its training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.contract.kinds import Metric
from chainrule.contract.split import Split, Stream
from chainrule.network.ending import usual_task
from chainrule.network.measuring import measured, metrics_for, renewed
from chainrule.network.network import Network
from chainrule.process.threads import products_in_parts
from chainrule.training.feeding import MEASURED, feed_of


class Measures:
    """The part of a trainer that measures."""

    network: Network
    _given_metrics: Sequence[Any] | None
    _metrics: list[Metric] | None

    def evaluate(self, x: Any, y: Any, weight: Any = None, mask: Any = None) -> dict[str, Any]:
        """The loss and every metric, those that give an array too, over all of ``(x, y)``, by name; ``weight`` and
        ``mask`` as ``Split`` has them."""
        return self.evaluate_split(Split(x, y, weight, mask))

    def evaluate_split(self, split: Split | Stream) -> dict[str, Any]:
        """``evaluate`` of a split, with what its samples weigh, or of a stream."""
        feed = feed_of(self.network, split, "given", MEASURED)
        with (
            np.errstate(over="ignore", invalid="ignore", divide="ignore"),  # as in fit
            products_in_parts(self.network.multiplies_in_parts),
        ):
            metrics = [renewed(metric) for metric in self.all_metrics()]
            return measured(self.network, feed.measured_by(), feed.targets, metrics)

    def all_metrics(self) -> list[Metric]:
        """The metrics that were given, or those that are meant for the network's task: none where a loss says the form
        of its targets, which others do not know."""
        if self._metrics is None:
            network, given = self.network, self._given_metrics
            task = usual_task(network.task, network.loss, network.output_shape) if given is None else network.task
            self._metrics = metrics_for(task, given)
        return self._metrics
