"""What is shown of a step: the step itself, its network, and what finite differences say of its gradients."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.diagnosis import Finding
from chainrule.explanation.structure import structure_of
from chainrule.film import Film
from chainrule.network.network import Network
from chainrule.network.step_trace import StepTrace

ESTIMATED = 60
"""Numbers of each parameter at most whose gradient is estimated by differences as well."""
SECONDS = 3.0
"""That estimates may take, as far as a number of each parameter is estimated."""


class Shown:
    """A step with what it and its classes are called, and the film of the training before it, where there is one."""

    def __init__(
        self,
        network: Network,
        step: StepTrace,
        title: str,
        class_names: Sequence[str],
        film: Film | None = None,
        findings: Sequence[Finding] = (),
        positions: Sequence[int] = (),
    ) -> None:
        self.network, self.step, self.title, self.class_names = network, step, title, class_names
        self.film, self.findings, self.positions = film, findings, positions

    @cached_property
    def structures(self) -> dict[str, dict[str, Any]]:
        """How the numbers of each operation were made, by its name: see ``structure_of``."""
        return {o.name: structure_of(o, self.step.parameters) for o in self.step.operations}

    @cached_property
    def estimates(self) -> dict[str, tuple[list[int], Array]]:
        """Of each parameter some positions, evenly spread, and the gradient there by finite differences."""
        found = {}
        moved_all = self.step.parameters
        start = time.perf_counter()
        for name in islice(moved_all, 1):
            self.step.estimate(name, [0])
        each = max(time.perf_counter() - start, 1e-6)
        most = min(max(int(SECONDS / each / max(len(moved_all), 1)), 1), ESTIMATED)
        for name, moved in moved_all.items():
            chosen = sorted({int(i) for i in np.linspace(0, moved.value.size - 1, min(moved.value.size, most))})
            found[name] = (chosen, self.step.estimate(name, chosen))
        return found
