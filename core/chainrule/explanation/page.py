"""The step as one HTML page: scripts, styles and numbers stand in it, and nothing is loaded from elsewhere."""

from __future__ import annotations

import base64
import html
import json
import math
from collections.abc import Sequence
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.explanation.arrays import Arrays
from chainrule.explanation.documented import description, formulas, sources, typeset
from chainrule.explanation.forward import forward_of
from chainrule.explanation.shown import Shown
from chainrule.explanation.structure import explains
from chainrule.explanation.training import training_of
from chainrule.network.step_trace import SILENT, Operation
from chainrule.registry.registry import registry
from chainrule.words import quoted

ASSETS = files("chainrule.explanation").joinpath("assets")
MODULES = sorted(file.name.removesuffix(".js") for file in ASSETS.iterdir() if file.name.endswith(".js"))
FLOWING = ("x", "y", "dy", "dx")
"""What an operation takes and gives, forward and backward."""
MANY = 20_000
"""Numbers of a parameter up to which the optimizer's slots are shown."""


@SILENT
def page_of(shown: Shown) -> str:
    """The page. Its scripts are modules, which find one another by name."""
    modules = {name: f"data:text/javascript;base64,{_base64(_asset(f'{name}.js').encode())}" for name in MODULES}
    return Template(_asset("page.html")).substitute(
        title=html.escape(shown.title),
        summary=html.escape(repr(shown.network).strip("<>")),
        style=_asset("page.css") + _asset("try.css"),
        modules=json.dumps({"imports": modules}),
        data=json.dumps(_sayable(data_of(shown)), allow_nan=False).replace("</", "<\\/"),
    )


def _sayable(value: Any) -> Any:
    """JSON has no words for infinity and NaN: they stand as text, which the page knows."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"~{value}"
    if isinstance(value, dict):
        return {key: _sayable(one) for key, one in value.items()}
    return [_sayable(one) for one in value] if isinstance(value, (list, tuple)) else value


def data_of(shown: Shown) -> dict[str, Any]:
    """All that the page shows, as plain values; arrays by number in ``"arrays"``, each once."""
    step, kept = shown.step, Arrays()
    # What does not find room is the least of it: a prediction takes all of its arrays, a film was asked for, and of
    # what each operation took and gave the small ones are the most.
    forward = forward_of(shown, kept.add)
    film = shown.film
    training = None if film is None else training_of(film, shown.findings, shown.network, shown.class_names, kept)
    for flowing in sorted(_of_operations(step.operations), key=lambda array: array.size):
        kept.add(flowing)
    boxes = {name: o.name for o in reversed(step.operations) for name in o.parameters}
    size = len(step.x if isinstance(step.x, np.ndarray) else next(iter(step.x.values())))
    labels = _labels(step.target, step.task, shown.class_names, size)
    data: dict[str, Any] = {
        "forward": forward,
        "batch": {
            "shape": quoted(shown.network.input_shape),
            "size": size,
            "target": kept.add(step.target),
            "labels": labels,
            "names": [
                f"{i}{f': {label}' if label else ''}{f', row {row}' if row is not None else ''}"
                for i, (label, row) in enumerate(zip(labels, [*shown.positions, *[None] * size]))
            ],
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
        "training": training,
    }
    # Again the small before the large, values before gradients.
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


def _of_operations(operations: Sequence[Operation]) -> list[Array]:
    arrays = [getattr(operation, name) for operation in operations for name in FLOWING]
    return [array for array in arrays if isinstance(array, np.ndarray)]


def _operation(operation: Operation, shown: Shown, kept: Arrays) -> dict[str, Any]:
    structure = shown.structures[operation.name]
    shape = operation.y.shape[1:] if isinstance(operation.y, np.ndarray) else "several"
    count = sum(moved.value.size for name, moved in shown.step.parameters.items() if name in operation.parameters)
    arrays = {name: kept.add(getattr(operation, name)) for name in FLOWING}
    return {
        **_documented(operation.layer),
        "name": operation.name,
        "inside": operation.inside,
        "fused": operation.fused,
        "shape": quoted(shape),
        "count": f"{count:,}" if count else "",
        "parameters": list(operation.parameters),
        "structure": {
            **structure,
            **{name: kept.add(structure.get(name)) for name in ("slope", "slopes")},
            "by_parameter": {name: kept.add(slopes) for name, slopes in structure.get("by_parameter", {}).items()},
        },
        **arrays,
        "left_out": [n for n in FLOWING if arrays[n] is None and isinstance(getattr(operation, n), np.ndarray)],
    }


def _parameter(name: str, shown: Shown, box: str | None) -> dict[str, Any]:
    moved = shown.step.parameters[name]
    chosen, estimated = shown.estimates[name]
    return {
        "box": box,
        "size": f"{moved.value.size:,}",
        "plain": any(explains(o, shown.structures[o.name], moved) for o in shown.step.operations),
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


def _rows(rows: Array | None) -> list[float] | None:
    return None if rows is None or rows.ndim != 1 else [float(value) for value in rows]


def _labels(target: Any, task: Any, classes: Any, size: int) -> list[str]:
    """What each example is called: its class, where it has one."""
    if isinstance(target, np.ndarray) and task == "binary" and target.size == size:
        target = target.reshape(size).astype(int)
    if not isinstance(target, np.ndarray) or target.dtype.kind not in "iu" or target.ndim != 1:
        return [""] * size
    return [str(classes[int(label)]) if int(label) < len(classes) else str(int(label)) for label in target]


def _asset(name: str) -> str:
    return ASSETS.joinpath(name).read_text(encoding="utf-8")


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
