"""Elsewhere than in NumPy: what ``to_onnx`` says is what ``forward`` computes.

ONNX's own reference, which computes each operator in NumPy, is the judge, in float64. It takes the attributes of some
operators (alpha of Elu, epsilon of LayerNormalization) in float32, as ONNX has them: hence 1e-6, of the largest number.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.contract.arrays import Array, Shape
from chainrule.contract.graph import Graph
from chainrule.contract.kinds import Built, Component, Loss
from chainrule.errors import ContractError, ExportError
from chainrule.network.onnx_file import HOW_TO_INSTALL, model_of
from chainrule.testing.arrays import off_by
from chainrule.testing.bench import Bench, inputs
from chainrule.testing.kit import CheckFailed, check, expect
from chainrule.testing.loss_cases import LossCase, all_cases
from chainrule.testing.subject import Subject
from chainrule.testing.variants import variants

if TYPE_CHECKING:
    from onnx import ModelProto

CLOSE = 1e-6
"""Of the largest number."""
STEPS = 3
"""Of a sample with an axis more, for an activation."""
PASSES = ((1, 1.0), (3, 1.0), (17, 1.0), (17, 10.0))
"""How many samples come, and how large their numbers are."""
MEND = (
    "write to_onnx operator by operator beside the formula of forward(x, training=False), with all fields, parameters "
    "and buffers that it reads"
)
ANY_BATCH = "write -1 or 0 for axis 0 wherever an operator wants a shape; nothing may depend on how many samples come"


def says_it(cls: type[Component]) -> bool:
    """Whether a class writes the method."""
    return getattr(cls, "to_onnx", None) not in (None, Built.to_onnx, Loss.to_onnx)


def without_onnx(cls: type[Component]) -> str | None:
    return None if importlib.util.find_spec("onnx") else HOW_TO_INSTALL


@check("layer", "activation", "loss", when=says_it, unless=without_onnx, rests_on=("formula_computed",))
def check_onnx_agrees(subject: Subject) -> None:
    """What its to_onnx says is what forward computes at inference, to 1e-6 by ONNX's reference, for any batch."""
    for fields, each in variants(subject, "onnx_agrees"):
        try:
            (_of_loss if subject.kind == "loss" else _of_layer)(each, fields)
        except ExportError:  # with these fields there is no way to say it
            continue
        except ContractError as error:
            raise CheckFailed(f"{fields}{error}", MEND) from None


def _of_layer(subject: Subject, fields: str) -> None:
    for shape in _shapes(subject):
        bench = Bench(subject, shape)
        bench.forward(inputs(subject, shape, index=7), training=True)  # which moves what it keeps in buffers
        network = bench.network
        judge, dtype = Judge(network.onnx_model()), network.to_graph().inputs["x"][1]
        for index, (batch, size) in enumerate(PASSES):
            x = inputs(subject, shape, batch, index, size=size).astype(dtype)
            where = f"{fields}for x of shape {x.shape}{f', {size:g} times as large' if size > 1 else ''}, y"
            mend = ANY_BATCH if index and size == 1 else MEND
            judge.compare(where, {"x": x}, network.predict(x), mend)


def _shapes(subject: Subject) -> Sequence[Shape]:
    """Those of samples that it is checked with; an activation's last axis is not its only one, where it takes more."""
    shapes = list(subject.input_shapes)
    if subject.kind == "activation":
        with contextlib.suppress(Exception):  # it need not
            steps = (STEPS, *shapes[0])
            Bench(subject, steps).forward(inputs(subject, steps))
            shapes.append(steps)
    return shapes


def _of_loss(subject: Subject, fields: str) -> None:
    for case in all_cases(subject):
        loss, judge = subject.usable(), Judge(loss_model(subject.usable(), case))
        for rows, mend in ((slice(1), MEND), (slice(None), ANY_BATCH)):
            prediction, target = case.prediction[rows], case.target[rows]
            value = loss.forward(prediction.copy(), case.targets(loss)[rows])
            where = f"{fields}for {case.named} and a batch of {len(target)}, the loss"
            judge.compare(where, {"prediction": prediction, "target": target}, np.array(value), mend)


def loss_model(loss: Any, case: LossCase) -> ModelProto:
    """A loss of a case's dtype alone, with inputs ``"prediction"`` and ``"target"``."""
    graph = Graph(case.prediction.dtype)
    prediction, target = (
        graph.input(name, array.shape[1:], array.dtype)
        for name, array in (("prediction", case.prediction), ("target", case.target))
    )
    with graph.within("loss"):
        graph.outputs["loss"] = loss.to_onnx(graph, prediction, target)
        graph.require_known(graph.outputs)
    return model_of(graph, {"loss": ((), graph.dtype)})


class Judge:
    """ONNX's reference, at work on a model of one output."""

    def __init__(self, model: Any) -> None:
        from onnx.reference import ReferenceEvaluator

        self._reference = ReferenceEvaluator(model)

    def compare(self, where: str, given: Mapping[str, Array], expected: Array, mend: str) -> None:
        """Let it give what NumPy gives.

        Raises:
            CheckFailed: it does not, or cannot compute it.
        """
        try:
            with np.errstate(all="ignore"):
                found, *_ = map(np.asarray, self._reference.run(None, dict(given)))
        except Exception as error:
            raise CheckFailed(f"{where} cannot be computed by ONNX: {type(error).__name__}: {error}", mend) from error
        expect(found.shape == expected.shape, f"{where} has shape {found.shape} in ONNX, here {expected.shape}", mend)
        largest = float(np.abs(expected[np.isfinite(expected)]).max(initial=0))
        off = off_by(found, expected)
        expect(
            off <= CLOSE * (largest or 1),
            f"{where} in ONNX is off by {off:.3g}, where the largest number is {largest:.3g}",
            mend,
        )
