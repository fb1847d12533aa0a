"""The step as one HTML page: scripts, styles and numbers stand in it, and nothing is loaded from elsewhere."""

from __future__ import annotations

import base64
import html
import json
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.explanation.documented import description, formulas, sources, typeset
from chainrule.explanation.forward import forward_of
from chainrule.explanation.shown import Shown
from chainrule.explanation.structure import structure_of
from chainrule.network.step_trace import Operation
from chainrule.registry.registry import registry
from chainrule.words import quoted

MODULES = (
    "arrays", "dom", "graph", "heat", "main", "model", "sums",
    "tensors", "windows", "recurrence", "operators", "forward",
    "try", "point", "pad", "numbers", "prediction", "weights",
)  # fmt: skip
NUMBERS = 880_000
"""In one page, some 4.7 MB. What is left out is said there."""
MANY = 20_000
"""Numbers of a parameter up to which the optimizer's slots are shown."""


def page_of(shown: Shown) -> str:
    """The page. Its scripts are modules, which find one another by name."""
    modules = {name: f"data:text/javascript;base64,{_base64(_asset(f'{name}.js').encode())}" for name in MODULES}
    return Template(_asset("page.html")).substitute(
        title=html.escape(shown.title),
        summary=html.escape(repr(shown.network).strip("<>")),
        style=_asset("page.css") + _asset("try.css"),
        modules=json.dumps({"imports": modules}),
        data=json.dumps(data_of(shown), allow_nan=True).replace("</", "<\\/"),
    )


def data_of(shown: Shown) -> dict[str, Any]:
    """All that the page shows, as plain values; arrays by number in ``"arrays"``, each once."""
    step, kept = shown.step, Arrays()
    forward = forward_of(shown, kept.add)  # first, as without all of its arrays there is no prediction
    boxes = {name: o.name for o in reversed(step.operations) for name in o.parameters}
    size = len(step.x if isinstance(step.x, np.ndarray) else next(iter(step.x.values())))
    data: dict[str, Any] = {
        "forward": forward,
        "batch": {
            "shape": quoted(shown.network.input_shape),
            "size": size,
            "target": kept.add(step.target),
            "labels": _labels(step.target, shown.class_names, size),
        },
        "operations": [_operation(operation, shown, kept) for operation in step.operations],
        "loss": {
            **_documented(step.loss_of),
            "value": step.loss,
            "penalty": step.penalty,
            "after": step.loss_after + step.penalty_after,
            "change": step.change,
            "promised": step.promised,
            "rows": _rows(step.loss_rows),
        },
        "optimizer": None
        if step.optimizer is None
        else {**_documented(step.optimizer), "rate": step.learning_rate, "step": step.step},
        "regularizer": None if step.regularizer is None else _documented(step.regularizer),
        "parameters": {name: _parameter(name, shown, boxes.get(name)) for name in step.parameters},
    }
    # The small before the large, values before gradients: so that what does not find room is the least of it.
    parameters = sorted(step.parameters.values(), key=lambda moved: moved.value.size)
    for array in ("value", "grad", "update", "after"):
        for moved in parameters:
            data["parameters"][moved.name][array] = kept.add(getattr(moved, array))
    for moved in parameters:
        slots = moved.slots.items() if moved.value.size <= MANY else ()
        pairs = {slot: {"before": kept.add(before), "after": kept.add(after)} for slot, (before, after) in slots}
        data["parameters"][moved.name]["slots"] = {
            slot: pair for slot, pair in pairs.items() if None not in pair.values()
        }
    return {**data, "arrays": kept.arrays}


class Arrays:
    """The arrays of a page: each as base64 of its numbers, with shape and type, and each once."""

    def __init__(self) -> None:
        self.arrays: list[dict[str, Any]] = []
        self._numbers = 0
        self._known: dict[tuple[Any, ...], int] = {}

    def add(self, array: Any) -> int | None:
        """Its number; None of what is none, of several by name, and of what finds no room."""
        if not isinstance(array, np.ndarray):
            return None
        kind = {"f": array.dtype.str[1:], "i": "i8", "u": "i8", "b": "i8"}[array.dtype.kind]
        raw = np.ascontiguousarray(array, np.dtype(f"<{kind}")).tobytes()
        key = (array.shape, kind, raw)
        if key not in self._known:
            if self._numbers + len(raw) // 4 > NUMBERS:
                return None
            self._numbers += len(raw) // 4
            self._known[key] = len(self.arrays)
            self.arrays.append({"shape": list(array.shape), "type": kind, "data": _base64(raw)})
        return self._known[key]


def _operation(operation: Operation, shown: Shown, kept: Arrays) -> dict[str, Any]:
    structure = structure_of(operation, shown.step.parameters)
    shape = operation.y.shape[1:] if isinstance(operation.y, np.ndarray) else "several"
    count = sum(moved.value.size for name, moved in shown.step.parameters.items() if name in operation.parameters)
    return {
        **_documented(operation.layer),
        "name": operation.name,
        "inside": operation.inside,
        "fused": operation.fused,
        "shape": quoted(shape),
        "count": f"{count:,}" if count else "",
        "parameters": list(operation.parameters),
        "structure": {**structure, "slope": kept.add(structure.get("slope"))},
        **{name: kept.add(getattr(operation, name)) for name in ("x", "y", "dy", "dx")},
    }


def _parameter(name: str, shown: Shown, box: str | None) -> dict[str, Any]:
    moved = shown.step.parameters[name]
    chosen, estimated = shown.estimates[name]
    return {
        "box": box,
        "size": f"{moved.value.size:,}",
        "plain": _plain(shown, name),
        "scale": float(np.abs(moved.grad).max(initial=0)),
        "estimates": [[at, float(moved.grad.flat[at]), float(value)] for at, value in zip(chosen, estimated)],
    }


def _documented(component: Any) -> dict[str, Any]:
    written = {name: [typeset(line) for line in lines] for name, lines in formulas(component).items()}
    return {
        "name": registry().name_of(component),
        "description": description(component),
        "formulas": written,
        "sources": sources(component),
    }


def _plain(shown: Shown, name: str) -> bool:
    """Whether its gradient is that of the loss through one layer alone: no penalty, and no other layer shares it."""
    moved, step = shown.step.parameters[name], shown.step
    for operation in step.operations:
        x, dy = operation.x, operation.dy
        if name in operation.parameters and isinstance(x, np.ndarray) and isinstance(dy, np.ndarray):
            flat_x, flat_dy = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
            if len(flat_x) != len(flat_dy):
                continue
            for product in (flat_x.T @ flat_dy, flat_dy.sum(axis=0)):
                if product.shape == moved.grad.shape and np.allclose(product, moved.grad, rtol=1e-3, atol=1e-6):
                    return True
    return False


def _rows(rows: Array | None) -> list[float] | None:
    return None if rows is None or rows.ndim != 1 else [float(value) for value in rows]


def _labels(target: Any, classes: Any, size: int) -> list[str]:
    """What each example is called: its class, where it has one."""
    if not isinstance(target, np.ndarray) or target.dtype.kind not in "iu" or target.ndim != 1:
        return [""] * size
    return [str(classes[int(label)]) if int(label) < len(classes) else str(int(label)) for label in target]


def _asset(name: str) -> str:
    return files("chainrule.explanation").joinpath("assets", name).read_text(encoding="utf-8")


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
