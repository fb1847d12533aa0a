"""A whole experiment in another library, as its users would write it: a program by itself, without chainrule.

It reads MNIST from the same files, trains a network of the same layers with batches of the same size, Adam, a rate that
falls to zero as a half cosine, and as many epochs, looks at the validation set after each of them and at the test set
once, and prints the accuracy.

    python experiments/peers/whole.py torch|keras-torch|keras-jax JOB.json
"""

from __future__ import annotations

import gzip
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

VALIDATION = 5_000
Data = dict[str, tuple[Any, Any]]


def images(folder: Path, train_size: int | None) -> Data:
    """Float images and integer classes of each part."""

    def read(name: str, header: int) -> Any:
        plain, packed = folder / name, folder / f"{name}.gz"
        content = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
        return np.frombuffer(content, np.uint8, offset=header)

    found = {}
    for part, prefix in (("train", "train"), ("test", "t10k")):
        x = read(f"{prefix}-images-idx3-ubyte", 16).reshape(-1, 28, 28).astype(np.float32) / 255
        found[part] = x, read(f"{prefix}-labels-idx1-ubyte", 8).astype(np.int64)
    x, y = found["train"]
    held_out = min(VALIDATION, len(x) // 2)
    found["validation"] = x[-held_out:], y[-held_out:]
    found["train"] = x[:-held_out][:train_size], y[:-held_out][:train_size]
    return found


def with_torch(job: dict[str, Any], data: Data) -> float:
    import torch
    from torch import nn

    torch.manual_seed(0)
    convolutions = any(layer["name"] == "conv2d" for layer in job["layers"])
    sets = {
        part: (torch.from_numpy(x[:, None] if convolutions else x), torch.from_numpy(y))
        for part, (x, y) in data.items()
    }
    model = nn.Sequential()
    for layer in job["layers"]:
        match layer["name"]:
            case "flatten":
                model.append(nn.Flatten())
            case "max_pool2d":
                model.append(nn.MaxPool2d(2))
            case "dropout":
                model.append(nn.Dropout(layer["rate"]))
            case "conv2d":
                model.append(nn.LazyConv2d(layer["filters"], layer["kernel"]))
            case "dense":
                model.append(nn.LazyLinear(layer["units"]))
        if layer.get("activation") == "relu":
            model.append(nn.ReLU())
    x, y = sets["train"]
    model(x[:2])  # which makes the parameters of lazy layers
    steps = job["epochs"] * math.ceil(len(x) / job["batch_size"])
    optimizer = torch.optim.Adam(model.parameters(), lr=job["lr"])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    criterion = nn.CrossEntropyLoss()

    def accuracy(part: str) -> float:
        model.eval()
        with torch.no_grad():
            batches = zip(*(array.split(256) for array in sets[part]))
            right = sum(int((model(some).argmax(1) == classes).sum()) for some, classes in batches)
        model.train()
        return right / len(sets[part][1])

    for _ in range(job["epochs"]):
        for rows in torch.randperm(len(x)).split(job["batch_size"]):
            loss = criterion(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        accuracy("validation")
    return accuracy("test")


def with_keras(job: dict[str, Any], data: Data) -> float:
    import keras

    keras.utils.set_random_seed(0)
    layers = []
    for layer in job["layers"]:
        match layer["name"]:
            case "flatten":
                layers.append(keras.layers.Flatten())
            case "max_pool2d":
                layers.append(keras.layers.MaxPooling2D())
            case "dropout":
                layers.append(keras.layers.Dropout(layer["rate"]))
            case "conv2d":
                layers.append(keras.layers.Conv2D(layer["filters"], layer["kernel"], activation=layer["activation"]))
            case "dense":
                layers.append(keras.layers.Dense(layer["units"], activation=layer["activation"]))
    sets = {part: (x[..., None], y) for part, (x, y) in data.items()}
    model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
    steps = job["epochs"] * math.ceil(len(data["train"][0]) / job["batch_size"])
    rate = keras.optimizers.schedules.CosineDecay(job["lr"], steps)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    options = {"batch_size": job["batch_size"], "epochs": job["epochs"], "verbose": 0}
    model.fit(*sets["train"], validation_data=sets["validation"], **options)
    return float(model.evaluate(*sets["test"], batch_size=256, verbose=0)[1])


def main(library: str, job: dict[str, Any]) -> None:
    data = images(Path(job["data"]), job["train_size"])
    if library.startswith("keras-"):
        os.environ["KERAS_BACKEND"] = library.removeprefix("keras-")
    print(f"test/accuracy {(with_torch if library == 'torch' else with_keras)(job, data):.4f}")


if __name__ == "__main__":
    main(sys.argv[1], json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))
