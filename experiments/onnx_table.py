"""Does an exported network compute in other programs what it computes here?

Each installed component that says its operators is exported alone, with each of its examples, and computed for batches
of 1, 3 and 17 samples: by the reference of the package onnx, in float64 and float32, and by onnxruntime, in float32, as
it has no float64 of many operators. A difference is that from NumPy in the same dtype, in parts of the largest number.
Then a convolutional network is trained on MNIST for an epoch, and both classify the 10,000 test images. It wants
`python -m pip install -e ".[onnx]"`, and finds MNIST in CHAINRULE_DATA, or downloads it.

    python experiments/onnx_table.py
"""

from __future__ import annotations

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from matplotlib.figure import Figure
from onnx.reference import ReferenceEvaluator
from study import BLUE, GREEN, ORANGE, RESULTS, publish

import chainrule as cr
from chainrule.testing.bench import Bench, inputs
from chainrule.testing.exported import loss_model, says_it
from chainrule.testing.loss_cases import all_cases
from chainrule.testing.subject import Examined, Subject
from chainrule.tracking.environment import processor

BATCHES = (1, 3, 17)
IMAGES = 1000
"""Of a batch of the test images."""
ROUNDS = 3
JUDGES = ("onnx, float64", "onnx, float32", "onnxruntime, float32")
COLUMNS = ["component", "operators", *JUDGES]
WANTED = 1e-6
EQUAL = 1e-17
"""Where a difference of 0 is drawn."""
UNRECORDED = ["tracking=none", "tracking.figures=false", "callbacks=[nan_guard]"]


@dataclass
class Measured:
    """Of one component: the operators that it is made of, and the worst difference of each judge."""

    operators: set[str] = field(default_factory=set)
    worst: dict[str, float] = field(default_factory=lambda: dict.fromkeys(JUDGES, 0.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, help="where table and figure go")
    parser.add_argument("overrides", nargs="*", help="for the training, as chainrule train takes them")
    options = parser.parse_intermixed_args()
    measured = {f"{entry.kind}.{entry.name}": of_component(entry) for entry in cr.registry() if says_it(entry.cls)}
    rows = [
        [name, ", ".join(sorted(one.operators)), *(f"{one.worst[judge]:.1e}" for judge in JUDGES)]
        for name, one in measured.items()
    ]
    of_judge = {judge: max((one.worst[judge], name) for name, one in measured.items()) for judge in JUDGES}
    worst = "; ".join(f"{judge}: {off:.1e} ({name})" for judge, (off, name) in of_judge.items())
    most = max(off for off, _ in of_judge.values())
    told, note = classified(options.overrides)
    answer = "Yes" if most <= WANTED else "Not all"
    publish(
        options.results,
        "onnx_table",
        COLUMNS,
        rows,
        drawing(measured),
        note=f"{note}\n\n{processor()}, {os.cpu_count()} cores; onnx {onnx.__version__}, onnxruntime "
        f"{onnxruntime.__version__}, one thread each",
        conclusion=f"{answer}. The worst differences of {len(rows)} components, in parts of the largest number: "
        f"{worst}. {told}",
    )


def of_component(entry: cr.Entry) -> Measured:
    """All its examples."""
    measured = Measured()
    for subject in Examined(entry).subjects():
        for dtype in ("float64", "float32"):
            for model, given, expected in (of_loss if entry.kind == "loss" else of_layer)(subject, dtype):
                measured.operators |= {node.op_type for node in model.graph.node} - {"Identity"}
                judges: dict[str, Any] = {f"onnx, {dtype}": ReferenceEvaluator(model)}
                if dtype == "float32":
                    judges[f"onnxruntime, {dtype}"] = session(model.SerializeToString())
                largest = float(np.abs(expected).max()) or 1.0
                for judge, program in judges.items():
                    [found] = program.run(None, given)
                    off = float(np.abs(found - expected).max()) / largest
                    measured.worst[judge] = max(measured.worst[judge], off)
    return measured


Exported = Iterator[tuple[Any, dict[str, cr.Array], cr.Array]]
"""A model, what it is given, and what NumPy makes of that."""


def of_layer(subject: Subject, dtype: str) -> Exported:
    for shape in subject.input_shapes:
        bench = Bench(subject, shape, dtype)
        bench.forward(inputs(subject, shape, index=7, dtype=dtype))
        model, taken = bench.network.onnx_model(), bench.network.to_graph().inputs["x"][1]
        for index, batch in enumerate(BATCHES):
            x = inputs(subject, shape, batch, index, dtype).astype(taken)
            yield model, {"x": x}, bench.network.predict(x)


def of_loss(subject: Subject, dtype: str) -> Exported:
    for case in all_cases(subject, dtype=dtype):
        model, loss = loss_model(subject.usable(), case), subject.usable()
        for rows in (slice(1), slice(None)):
            prediction, target = case.prediction[rows], case.target[rows]
            value = loss.forward(prediction.copy(), case.targets(loss)[rows])
            yield model, {"prediction": prediction, "target": target}, np.array(value)


def drawing(measured: dict[str, Measured]) -> Figure:
    """A row for each component, a dot for each judge; what is equal to the last bit stands at the left edge."""
    figure = Figure(figsize=(9, 0.19 * len(measured) + 1.2), layout="constrained")
    axes = figure.subplots()
    for judge, colour, marker in zip(JUDGES, (BLUE, ORANGE, GREEN), "os^"):
        places = [max(one.worst[judge], EQUAL) for one in measured.values()]
        axes.plot(places, range(len(measured)), marker, color=colour, markersize=5, alpha=0.8, label=judge)
    axes.axvline(WANTED, color="black", linewidth=1)
    axes.set(xscale="log", xlabel="worst difference from NumPy, in parts of the largest number")
    axes.set_title("What other programs compute of exported components")
    axes.set_yticks(range(len(measured)), list(measured), fontsize=8)
    axes.set_ylim(len(measured) - 0.5, -0.5)
    axes.grid(alpha=0.3)
    axes.legend(loc="upper center")
    return figure


def session(model: bytes) -> onnxruntime.InferenceSession:
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])


def classified(overrides: list[str]) -> tuple[str, str]:
    """What NumPy and onnxruntime make of the test images, in a sentence, and with what each takes."""
    result = cr.train(["experiment=mnist_cnn", "trainer.epochs=1", "trainer.threads=1", *UNRECORDED, *overrides])
    images, labels = (np.asarray(part) for part in list(cr.make("dataset", "mnist").load().test)[:2])
    images = images.astype(np.float32)
    program = session(result.network.onnx_model().SerializeToString())

    def batches(of_batch: Callable[[cr.Array], cr.Array]) -> cr.Array:
        return np.concatenate([of_batch(images[start : start + IMAGES]) for start in range(0, len(images), IMAGES)])

    computed, seconds = {}, defaultdict(list)
    for _ in range(ROUNDS):
        for name, of_batch in (
            ("NumPy", result.network.predict),
            ("onnxruntime", lambda x: program.run(None, {"x": x})[0]),
        ):
            start = time.perf_counter()
            computed[name] = batches(of_batch)
            seconds[name].append(time.perf_counter() - start)
    ours, theirs = computed["NumPy"], computed["onnxruntime"]
    same = int((ours.argmax(axis=1) == theirs.argmax(axis=1)).sum())
    off = float(np.abs(ours - theirs).max())
    right = 100 * float((theirs.argmax(axis=1) == labels).mean())
    told = f"Of {len(images):,} test images of MNIST onnxruntime gives {same:,} the class that NumPy does"
    return told, (
        f"MNIST: the probabilities differ by {off:.1e} at most; {right:.2f} % of the classes are right. It takes "
        + " and ".join(f"{name} {min(taken):.2f} s" for name, taken in seconds.items())
        + f", the least of {ROUNDS} rounds, in batches of {IMAGES:,}."
    )


if __name__ == "__main__":
    main()
