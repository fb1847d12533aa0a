"""How much more than its matrix products does a training step cost, here and in other libraries?

The same networks on the same images (MNIST), trained in chainrule through its `Trainer`, with the metrics and callbacks
of `chainrule train`; in PyTorch, eager and compiled; in JAX, a jitted function for each step; in scikit-learn; and a
floor that runs the matrix products alone. Rounds are interleaved in one process; a figure is the median over the rounds
of the ratio to the floor in the same round. `python -m pip install -e ".[bench,fast]"` installs the others; those that
are missing are left out, and named.

Parts, all by default: `steps` (that table), `growth` (cost as batch, width and depth grow), `kinds` (where the time
goes), `engines` (what is compiled, beside NumPy), `whole` (two experiments from the command line, and the same in
PyTorch and Keras), `memory` (peaks of two experiments, and of the same in PyTorch), `tracking` (what MLflow, figures
and callbacks add to `experiment=mnist`), `sweep` (24 jobs in one process and in two; what one more job costs beside its
training), `kept` (what is gained by what core has for speed alone: when garbage is searched, config files that are
merged once).

    python experiments/speed.py
"""

from __future__ import annotations

import argparse
import functools
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from matplotlib import colormaps
from matplotlib.figure import Figure
from peers import MODULES, Work, missing, peer
from peers.engines import of_engines
from peers.measure import Timing, in_own_process, machine, time_works
from peers.stopwatch import kinds_of_work
from peers.wholes import whole_runs
from study import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION, publish

import chainrule as cr

COLOURS = dict(zip(MODULES, [BLUE, SKY, VERMILLION, ORANGE, GREEN, PURPLE, "#222222", "#999999", "#555555"]))
RATES = {"sgd": 0.01, "adam": 0.001}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=0.2, help="of a round of the floor (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="at most (default: one for each core)")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results", help="where tables go")
    parser.add_argument(
        "--override", action="append", default=[], help="for the runs of memory and tracking, such as trainer.epochs=1"
    )
    options = parser.parse_intermixed_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if min(options.rounds, options.threads) < 1 or options.seconds <= 0:
        parser.error("--rounds and --threads must be at least 1, --seconds above 0")
    options.note = machine()
    print(options.note)
    if missing():
        print(f'left out, as not installed: {", ".join(missing())} (python -m pip install -e ".[bench,fast]")')
    for part in options.parts or PARTS:
        PARTS[part](options)


# ---- the networks


def dense(units: int, activation: str = "relu") -> dict[str, Any]:
    return {"name": "dense", "units": units, "activation": activation}


def conv(filters: int, kernel: int) -> dict[str, Any]:
    return {"name": "conv2d", "filters": filters, "kernel": kernel, "activation": "relu"}


FLATTEN, POOL = {"name": "flatten"}, {"name": "max_pool2d"}
CLASSES = dense(10, "softmax")
NETWORKS = {
    "784-128-10": [FLATTEN, dense(128), CLASSES],
    "784-512-512-10": [FLATTEN, dense(512), dense(512), CLASSES],
    "LeNet-like": [conv(20, 5), POOL, conv(40, 5), POOL, FLATTEN, dense(100), CLASSES],
    "Keras mnist_cnn": [conv(32, 3), conv(64, 3), POOL, FLATTEN, dense(128), CLASSES],
}


@functools.cache
def mnist() -> tuple[cr.Array, cr.Array]:
    train = cr.make("dataset", "mnist").load().train
    return train.x.astype(np.float32, copy=False), train.y


def images(name: str, layers: list[dict[str, Any]], batch_size: int, optimizer: str) -> Work:
    x, y = mnist()
    return Work(name, layers, "categorical_cross_entropy", x, y, batch_size, optimizer, RATES[optimizer])


def xor(optimizer: str = "sgd") -> Work:
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    layers = [dense(4, "tanh"), dense(1, "sigmoid")]
    return Work("XOR 2-4-1", layers, "binary_cross_entropy", x, np.array([0, 1, 1, 0]), 4, optimizer, 0.1)


def network(name: str, batch_size: int, optimizer: str) -> Callable[[], Work]:
    return functools.partial(images, name, NETWORKS[name], batch_size, optimizer)


# ---- parts


def steps(options: argparse.Namespace) -> None:
    """The table of ratios."""
    sizes = [("784-128-10", 32), ("784-128-10", 64), ("784-128-10", 512)]
    sizes += [("784-512-512-10", 32), ("784-512-512-10", 64), ("784-512-512-10", 128), ("784-512-512-10", 512)]
    makers = [network(name, batch, optimizer) for name, batch in sizes for optimizer in RATES]
    makers += [network(name, 64, "sgd") for name in ("LeNet-like", "Keras mnist_cnn")]
    makers += [xor]
    timings: list[Timing] = []
    for threads in sorted({1, options.threads}):
        timings += in_own_process(threads, time_works, makers, list(MODULES), options.rounds, options.seconds)
    names = [name for name in MODULES if name not in missing()]
    rows = [
        [
            timing.work,
            f"{timing.batch_size}",
            timing.optimizer,
            f"{timing.threads}",
            microseconds(timing.step("floor")),
            microseconds(timing.step("chainrule")),
            *(f"{timing.ratio(name):.2f}" if name in timing.seconds else "-" for name in names),
        ]
        for timing in timings
    ]
    columns = ["network", "batch", "optimizer", "threads", "floor, µs", "chainrule, µs", *names]
    publish(
        options.results, "speed", columns, rows, ratios([t for t in timings if t.threads == 1], names), options.note
    )


def growth(options: argparse.Namespace) -> None:
    """Time a step as the work grows, one thread."""
    scales: dict[str, dict[int, Callable[[], Work]]] = {
        "batch size": {n: network("784-128-10", n, "sgd") for n in (1, 4, 16, 64, 256, 1024)},
        "width": {
            n: functools.partial(images, f"784-{n}-{n}-10", [FLATTEN, dense(n), dense(n), CLASSES], 64, "sgd")
            for n in (16, 32, 64, 128, 256, 512, 1024)
        },
        "depth": {
            n: functools.partial(images, f"{n} x 128", [FLATTEN, *[dense(128)] * n, CLASSES], 64, "sgd")
            for n in (1, 2, 4, 8, 16, 32)
        },
    }
    names = [name for name in ("chainrule", "PyTorch") if name not in missing()]
    makers = [make for of_scale in scales.values() for make in of_scale.values()]
    found = iter(in_own_process(1, time_works, makers, names, options.rounds, options.seconds))
    timings = {scale: dict(zip(of_scale, itertools.islice(found, len(of_scale)))) for scale, of_scale in scales.items()}
    rows = [
        [
            scale,
            f"{n}",
            microseconds(timing.step("floor")),
            microseconds(timing.step("chainrule")),
            *(f"{timing.ratio(name):.2f}" for name in names),
        ]
        for scale, of_scale in timings.items()
        for n, timing in of_scale.items()
    ]
    columns = ["what grows", "to", "floor, µs", "chainrule, µs", *names]
    publish(options.results, "speed_growth", columns, rows, curves(timings, names), options.note)


def kinds(options: argparse.Namespace) -> None:
    """Where the time of a step goes, one thread."""
    works = {
        "784-128-10, SGD": (network("784-128-10", 64, "sgd"), 10_000),
        "784-128-10, Adam": (network("784-128-10", 64, "adam"), 10_000),
        "Keras mnist_cnn, SGD": (network("Keras mnist_cnn", 64, "sgd"), 100),
        "XOR, SGD": (xor, 100_000),
    }
    engines = {"chainrule": "", "chainrule compiled": ", compiled"}
    spent = {
        f"{name}{engine}": in_own_process(1, kinds_of_work, make, int(options.seconds * rate), library)
        for name, (make, rate) in works.items()
        for library, engine in engines.items()
        if library not in missing()
    }
    for of_work in spent.values():
        whole = sum(of_work.values())
        for kind in [kind for kind, seconds in of_work.items() if seconds < whole / 100 and kind != "the rest"]:
            of_work["the rest"] += of_work.pop(kind)
    found = {kind for of_work in spent.values() for kind in of_work}
    order = ["matrix products", *sorted(found - {"matrix products", "the rest"}), "the rest"]
    rows = [[kind, *(part(of_work, kind) for of_work in spent.values())] for kind in order]
    rows.append(["whole step", *(f"{microseconds(sum(of_work.values()))} µs" for of_work in spent.values())])
    publish(options.results, "speed_kinds", ["kind of work", *spent], rows, stacks(spent, order), options.note)


def engines(options: argparse.Namespace) -> None:
    """What is compiled beside NumPy's passes: rules of optimizers, and layers and losses that write loops."""
    rows = in_own_process(1, of_engines, max(options.rounds, 5), options.seconds)
    columns = ["what", "of", "NumPy, µs", "compiled, µs", "times as fast"]
    publish(options.results, "speed_engines", columns, rows, note=options.note)


def whole(options: argparse.Namespace) -> None:
    """Whole experiments from the command line, and the same in other libraries, turn about: time and peak memory."""
    rows = []
    for experiment in ("mnist", "mnist_cnn"):
        for name, taken in whole_runs(experiment, options).items():
            seconds, megabytes, accuracy = zip(*taken)
            shown = f"{statistics.median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f})"
            peak = f"{statistics.median(megabytes):.0f} MB"
            rows.append([experiment, name, shown, peak, f"{100 * statistics.mean(accuracy):.2f} %"])
    columns = ["experiment", "program", "whole command, and its range", "peak memory", "test accuracy"]
    given = f"; with {' '.join(options.override)}" if options.override else ""
    publish(options.results, "speed_whole", columns, rows, note=f"{options.note}{given}")


def memory(options: argparse.Namespace) -> None:
    """Peaks of whole processes: chainrule's with all that a run records, then trainings alone."""
    overrides = options.override or ["trainer.epochs=1"]
    threads = options.threads
    names = [name for name in ("chainrule", "PyTorch") if name not in missing()]
    rows = []
    for experiment in ("mnist", "mnist_cnn"):
        tracked, layers, batch_size = in_own_process(threads, peak_of_run, experiment, overrides)
        alone = [in_own_process(threads, peak_of_training, name, layers, batch_size) for name in names]
        rows.append([experiment, *(f"{megabytes:.0f} MB" for megabytes in [tracked, *alone])])
    publish(options.results, "speed_memory", ["experiment", "chainrule train", *names], rows, note=options.note)


def tracking(options: argparse.Namespace) -> None:
    """Whole commands, turn about: with MLflow, figures and callbacks, and without; one thread, which is steadier.

    What they add does not depend on how many images are trained on. Whole runs can differ by more than that from one
    to the next, so it is measured on few images, over as many epochs, and related to a whole run.
    """
    forms = {"tracked": [], "untracked": ["tracking=none", "tracking.figures=false", "callbacks=[]"]}
    common = ["experiment=mnist", "trainer.threads=1", *options.override]
    few = [*common, "dataset.train_size=2000", "dataset.validation_size=500"]
    whole = commands({form: [*common, *extra] for form, extra in forms.items()}, min(options.rounds, 3))
    short = commands({f"{form}, 2,000 images": [*few, *extra] for form, extra in forms.items()}, options.rounds)
    added = statistics.median(a - b for a, b in zip(*short.values()))
    rows = [
        [form, f"{statistics.median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f})"]
        for form, seconds in (whole | short).items()
    ]
    rows.append(["added, on 2,000 images", f"{added:.1f} s"])
    rows.append(["of a whole run, untracked", f"{100 * added / statistics.median(whole['untracked']):.1f} %"])
    columns = ["chainrule train experiment=mnist trainer.threads=1", "whole command, and its range"]
    publish(options.results, "speed_tracking", columns, rows, note=options.note)


def sweep(options: argparse.Namespace) -> None:
    """Whole commands, turn about: a sweep in one process and in two, and short sweeps with few jobs and with many."""
    jobs = ["-m", "seed=range(0,24)", "experiment=mnist_classic", "trainer.epochs=5", "trainer.threads=1"]
    short = ["-m", "experiment=xor", "trainer.epochs=1", "trainer.threads=1"]
    forms = {
        "24 jobs, one process": [*jobs, *options.override],
        "24 jobs, two processes": [*jobs, "launcher=parallel", "hydra.launcher.n_jobs=2", *options.override],
        "few": [*short, f"seed=range(0,{FEW})"],
        "many": [*short, f"seed=range(0,{MANY})"],
    }
    taken = commands(
        {form: [*overrides, "tracking.figures=false"] for form, overrides in forms.items()}, min(options.rounds, 3)
    )
    one, two, few, many = (statistics.median(seconds) for seconds in taken.values())
    rows = [
        ["24 jobs of mnist_classic, 5 epochs each, in one process", f"{one:.1f} s"],
        ["the same in two processes", f"{two:.1f} s"],
        ["how many times faster", f"{one / two:.2f}"],
        [
            f"a further job of XOR, one epoch (from {FEW} to {MANY} of them)",
            f"{1000 * (many - few) / (MANY - FEW):.0f} ms",
        ],
    ]
    columns = ["chainrule train -m, one thread a job, no figures", "whole command"]
    publish(options.results, "speed_sweep", columns, rows, note=options.note)


def kept(options: argparse.Namespace) -> None:
    """Whole commands, turn about: with what core has for speed alone, and without (``peers/without.py``)."""
    one = ["experiment=digits", "trainer.epochs=1", *options.override]
    many = ["-m", "experiment=xor", "trainer.epochs=1", f"seed=range(0,{MANY})", "tracking.figures=false"]
    rows = []
    for what, overrides in {"pauses": one, "merged_files": [*many, *options.override]}.items():
        taken = commands(dict.fromkeys(("nothing", what), overrides), options.rounds, program_without)
        seconds = [f"{statistics.median(values):.1f} s" for values in taken.values()]
        ratio = statistics.median(without / whole for whole, without in zip(*taken.values()))
        rows.append([what, f"chainrule train {' '.join(overrides)}", *seconds, f"{ratio:.2f}"])
    publish(options.results, "speed_kept", ["", "command", "with", "without", "ratio"], rows, note=options.note)


def commands(
    forms: dict[str, list[str]], rounds: int, program: Callable[[str], list[str]] = lambda form: ["-m", "chainrule"]
) -> dict[str, list[float]]:
    """Seconds of whole commands ``chainrule train ...``, turn about, with one store for all."""
    taken: dict[str, list[float]] = {form: [] for form in forms}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for form, overrides in forms.items():
                start = time.perf_counter()
                command = [sys.executable, *program(form), "train", *overrides]
                subprocess.run(command, cwd=folder, check=True, capture_output=True)
                taken[form].append(time.perf_counter() - start)
                print(f"{form}: {taken[form][-1]:.1f} s", file=sys.stderr, flush=True)
    return taken


FEW, MANY = 5, 45


def program_without(form: str) -> list[str]:
    """Which program leaves this out."""
    return [str(Path(__file__).parent / "peers" / "without.py"), form]


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "steps": steps, "growth": growth, "kinds": kinds, "engines": engines, "whole": whole, "memory": memory,
    "tracking": tracking, "sweep": sweep, "kept": kept,
}  # fmt: skip


def peak_of_run(experiment: str, overrides: Sequence[str]) -> tuple[float, list[dict[str, Any]], int]:
    """The peak of this process after a recorded run, in MB; the run's layers and batch size."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        result = cr.train([f"experiment={experiment}", "callbacks=[nan_guard]", *overrides])
        config = yaml.safe_load((result.folder / "config.yaml").read_text(encoding="utf-8"))
    return peak(), result.network.architecture()["layers"], config["trainer"]["batch_size"]


def peak_of_training(name: str, layers: list[dict[str, Any]], batch_size: int) -> float:
    """The peak of this process after training on the same images, in MB."""
    library = peer(name, images("memory", layers, batch_size, "adam"))
    assert library is not None
    library.train(epochs=1)
    return peak()


def peak() -> float:
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


# ---- how they are shown


def microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:,.1f}" if seconds < 1e-4 else f"{seconds * 1e6:,.0f}"


def part(spent: dict[str, float], kind: str) -> str:
    return f"{100 * spent[kind] / sum(spent.values()):.1f} %" if kind in spent else "-"


def ratios(timings: Sequence[Timing], names: Iterable[str]) -> Figure:
    drawing = Figure(figsize=(8, 0.34 * len(timings) + 1.4), layout="constrained")
    axes = drawing.subplots()
    labels = [f"{timing.work}, batch {timing.batch_size}, {timing.optimizer}" for timing in timings]
    for name in names:
        rows = [row for row, timing in enumerate(timings) if name in timing.seconds]
        values = [timings[row].ratio(name) for row in rows]
        axes.plot(values, rows, "o", color=COLOURS[name], label=name, markersize=8 if name == "chainrule" else 6)
    axes.axvline(1, color="black", linewidth=1)
    axes.set(xscale="log", xlabel="time of a step over that of its matrix products, one thread", title="Training steps")
    axes.set_xticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
    axes.set_xticks([], minor=True)
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right")
    return drawing


def curves(timings: dict[str, dict[int, Timing]], names: Sequence[str]) -> Figure:
    drawing = Figure(figsize=(10, 4), layout="constrained")
    for axes, (scale, of_scale) in zip(drawing.subplots(1, len(timings), sharey=True), timings.items()):
        for name in ["floor", *names]:
            milliseconds = [1000 * timing.step(name) for timing in of_scale.values()]
            axes.plot(list(of_scale), milliseconds, "o-", color=COLOURS.get(name, "#888888"), label=name)
        axes.set(xscale="log", yscale="log", xlabel=scale)
        axes.set_xticks(list(of_scale), [f"{n}" for n in of_scale])
        axes.set_xticks([], minor=True)
        axes.grid(alpha=0.3)
    drawing.axes[0].set_ylabel("time of a step (ms)")
    drawing.axes[0].legend()
    drawing.suptitle("Cost as the work grows (784-128-10 and batch 64, but for what grows; SGD, one thread)")
    return drawing


def stacks(spent: dict[str, dict[str, float]], order: Sequence[str]) -> Figure:
    drawing = Figure(figsize=(9, 4), layout="constrained")
    axes = drawing.subplots()
    left = dict.fromkeys(spent, 0.0)
    for kind, colour in zip(order, colormaps["tab20"].colors):
        shares = [100 * of_work.get(kind, 0.0) / sum(of_work.values()) for of_work in spent.values()]
        axes.barh(list(spent), shares, left=list(left.values()), color=colour, label=kind)
        left = {name: start + share for (name, start), share in zip(left.items(), shares)}
    axes.set(xlabel="share of a step (%)", xlim=(0, 100), title="Where the time of a training step goes, one thread")
    axes.invert_yaxis()
    drawing.legend(loc="outside right upper")
    return drawing


if __name__ == "__main__":
    main()
