"""How long does it take until a program has begun: chainrule's import, and a whole run of XOR with all that it leaves?

Each is a new process, and related to one that does nothing but import what it cannot be without: NumPy for the import
of chainrule, MLflow for a run that is recorded. All are started turn about; a figure is the median over the rounds, a
ratio that of the ratios within a round, in which what slows the machine for a while cancels out. A round before the
first is not counted: in it Python writes down what it has compiled.

    python experiments/start.py
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from matplotlib.figure import Figure
from study import BLUE, ORANGE, RESULTS, publish

from chainrule.tracking.environment import processor

TRAIN = ["-m", "chainrule", "train", "experiment=xor"]
BARE = [*TRAIN, "tracking=none", "tracking.figures=false"]
NUMPY, MLFLOW = "import numpy", "import mlflow"
PROGRAMS = {
    NUMPY: ["-c", NUMPY],
    "import chainrule": ["-c", "import chainrule"],
    "chainrule --help": ["-m", "chainrule", "--help"],
    "chainrule train experiment=xor, neither recorded nor drawn": BARE,
    MLFLOW: ["-c", MLFLOW],
    "chainrule train experiment=xor": TRAIN,
    "chainrule train experiment=xor, the first in a folder": TRAIN,
}
"""What is started, in this order; each is related to the import that stands above it."""
AFRESH = [name for name in PROGRAMS if name.endswith("the first in a folder")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="(default: %(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where table and figure go")
    parser.add_argument("--override", action="append", default=[], help="for the runs, such as trainer.epochs=1")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    taken: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    with tempfile.TemporaryDirectory() as place:
        for number in range(options.rounds + 1):
            for name, program in PROGRAMS.items():
                more = options.override if "train" in program else []
                seconds = started([*program, *more], Path(place, "afresh" if name in AFRESH else "again"))
                if number:
                    taken[name].append(seconds)
            shutil.rmtree(Path(place, "afresh"))
            print(f"round {number} of {options.rounds}", file=sys.stderr, flush=True)
    found = {name: statistics.median(seconds) for name, seconds in taken.items()}
    ratios = {name: statistics.median(a / b for a, b in zip(taken[name], taken[to])) for name, to in related().items()}
    rows = [
        [f"`{name}`" if name in (NUMPY, MLFLOW) else name, f"{found[name]:.2f} s", of(name, ratios)]
        for name in PROGRAMS
    ]
    versions = ", ".join(f"{package} {version(package)}" for package in ("numpy", "mlflow", "hydra-core", "matplotlib"))
    publish(
        options.results,
        "start",
        ["process", f"median of {options.rounds}", "ratio"],
        rows,
        drawing(found),
        f"{processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, {versions}",
        verdict(found, ratios),
    )


def started(program: list[str], folder: Path) -> float:
    """The seconds of a process, from its start to its end."""
    folder.mkdir(exist_ok=True)
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run([sys.executable, *program], cwd=folder, env=settings, check=True, capture_output=True)
    return time.perf_counter() - start


def related() -> dict[str, str]:
    """To which import each of the others is related."""
    found, to = {}, ""
    for name in PROGRAMS:
        if name in (NUMPY, MLFLOW):
            to = name
        else:
            found[name] = to
    return found


def of(name: str, ratios: dict[str, float]) -> str:
    return f"{ratios[name]:.2f} times {related()[name]}" if name in ratios else ""


def verdict(found: dict[str, float], ratios: dict[str, float]) -> str:
    _, imported, _, _, _, again, first = PROGRAMS
    return (
        f"The import {found[imported] - found[NUMPY]:.2f} s beyond NumPy's; a run of XOR with all that it leaves "
        f"{found[again]:.1f} s, {ratios[again]:.1f} times as long as MLflow's import alone, the first in a folder "
        f"{found[first]:.1f} s, {ratios[first]:.1f} times"
    )


def drawing(found: dict[str, float]) -> Figure:
    """A bar for each, those that only import in another colour."""
    figure = Figure(figsize=(8, 3.2))
    axes = figure.add_subplot()
    colours = [ORANGE if name in (NUMPY, MLFLOW) else BLUE for name in found]
    axes.barh(range(len(found)), list(found.values()), color=colours)
    axes.set_yticks(range(len(found)), list(found))
    axes.invert_yaxis()
    axes.set_xlabel("seconds")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    main()
