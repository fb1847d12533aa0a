"""Whole experiments as commands, and the same in other libraries, each in a process of its own, turn about."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

import chainrule as cr

LIBRARIES = {"torch": "PyTorch", "keras-torch": "Keras on PyTorch", "keras-jax": "Keras on JAX"}
PACKAGES = {"torch": ["torch"], "keras-torch": ["keras", "torch"], "keras-jax": ["keras", "jax"]}
MOST_ROUNDS = 3
ACCURACY = re.compile(r"(?:test/accuracy |accuracy │ *[\d.]+ │ *[\d.]+ │ *)([\d.]+)")
"""Of the test set: a line of its own, or the third column of chainrule's table."""


def whole_runs(experiment: str, options: argparse.Namespace) -> dict[str, list[tuple[float, float, float]]]:
    """Of each program: seconds, peak in MB and accuracy of its rounds. Chainrule's record all that they record."""
    env = {**os.environ, "OMP_NUM_THREADS": str(options.threads)}
    train = [sys.executable, "-m", "chainrule", "train", f"experiment={experiment}", *options.override]
    engines = {"numpy": "chainrule train", "numba": "chainrule train, compiled"}
    if importlib.util.find_spec("numba") is None:
        del engines["numba"]
    found: dict[str, list[tuple[float, float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(min(options.rounds, MOST_ROUNDS)):
            for engine, name in engines.items():
                found.setdefault(name, []).append(taken([*train, f"trainer.engine={engine}"], folder, env))
            job = Path(folder) / "job.json"
            job.write_text(json.dumps(same_as(Path(folder))), encoding="utf-8")
            for library, name in LIBRARIES.items():
                if all(map(importlib.util.find_spec, PACKAGES[library])):
                    program = [sys.executable, str(Path(__file__).parent / "whole.py"), library, str(job)]
                    found.setdefault(name, []).append(taken(program, folder, env))
    return found


def taken(command: list[str], folder: str, env: dict[str, str]) -> tuple[float, float, float]:
    """Seconds of a whole command, its peak, and the test accuracy that it prints."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{text}")
    accuracy = float(ACCURACY.findall(text)[-1])
    unit = 2**20 if sys.platform == "darwin" else 2**10
    print(f"{' '.join(command[1:])}: {seconds:.1f} s", file=sys.stderr, flush=True)
    return seconds, usage.ru_maxrss / unit, accuracy


def same_as(folder: Path) -> dict[str, Any]:
    """What another library needs to train as the run in this folder did."""
    [*_, config_file] = sorted(folder.glob("outputs/*/*/config.yaml"), key=lambda path: path.stat().st_mtime)
    config = yaml.safe_load(config_file.read_text(encoding="utf-8"))
    [weights] = config_file.parent.glob("model/*.safetensors")
    layers = cr.load_network(weights).architecture()["layers"]
    for layer in layers:
        activation = layer.get("activation")
        layer["activation"] = activation["name"] if isinstance(activation, dict) else activation
    return {
        "layers": layers,
        "epochs": config["trainer"]["epochs"],
        "batch_size": config["trainer"]["batch_size"],
        "lr": config["optimizer"]["lr"],
        "train_size": config["dataset"].get("train_size"),
        "data": str((Path(os.environ["CHAINRULE_DATA"]) / "mnist").absolute()),
    }
