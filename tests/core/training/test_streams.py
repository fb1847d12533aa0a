"""Data that is read batch by batch: the same numbers as in memory, and no more memory than a batch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stepwise import SquaredOff

import chainrule as cr

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, size=(50, 6)).astype(np.uint8)
Y = RNG.integers(0, 3, size=50)
LAYERS = [{"name": "dense", "units": 5, "activation": "tanh"}, "dropout", {"name": "dense", "units": 3}, "softmax"]


def batches(size: int, rng: np.random.Generator | None) -> Iterator[tuple[Any, Any]]:
    order = np.arange(50) if rng is None else rng.permutation(50)
    for start in range(0, 50, size):
        rows = order[start : start + size]
        yield X[rows] / np.float32(255), Y[rows]


STREAM = cr.Stream(50, (6,), batches)


def trainer(shuffle: bool = True) -> cr.Trainer:
    network = cr.Network(LAYERS, (6,), "categorical_cross_entropy", seed=2, task="multiclass")
    return cr.Trainer(network, {"name": "adam", "lr": 0.01}, batch_size=8, seed=3, shuffle=shuffle)


def numbers(history: cr.History) -> dict[str, list[float]]:
    return {name: column for name, column in history.items() if "second" not in name}


def test_in_order_a_stream_is_the_same_training_as_the_samples_in_memory() -> None:
    streamed, held = trainer(shuffle=False), trainer(shuffle=False)
    pair = (X / np.float32(255), Y)
    assert numbers(streamed.fit(STREAM, 4, validation=STREAM)) == numbers(held.fit(pair, 4, validation=pair))
    assert np.array_equal(streamed.network.parameters.theta, held.network.parameters.theta)
    assert streamed.evaluate_split(STREAM)["loss"] == held.evaluate(*pair)["loss"]


def test_each_epoch_has_an_order_of_its_own_and_the_same_one_again() -> None:
    first, again = trainer(), trainer()
    assert numbers(first.fit(STREAM, 3)) == numbers(again.fit(STREAM, 3))
    assert not np.array_equal(first.network.parameters.theta, trainer(False).network.parameters.theta)


@pytest.mark.parametrize("at", [1, 5, 9])
def test_one_that_is_cut_goes_on_to_the_last_bit(at: int, tmp_path: Path) -> None:
    whole = trainer()
    whole.fit(STREAM, 3)

    class Saves(cr.Callback):
        def on_batch_end(self, trainer: Any) -> None:
            if trainer.step == at:
                trainer.save(tmp_path / "state.safetensors")

        def state(self) -> dict[str, Any]:
            return {}

    trainer().fit(STREAM, 3, callbacks=[Saves()])
    resumed = trainer()
    resumed.load(tmp_path / "state.safetensors")
    assert numbers(resumed.fit(STREAM, 3)) == numbers(whole.history)
    assert np.array_equal(resumed.network.parameters.theta, whole.network.parameters.theta)


def test_batches_may_have_weights() -> None:
    weight = np.linspace(0.1, 2, 50)

    def weighted(size: int, rng: np.random.Generator | None) -> Iterator[cr.Split]:
        for start in range(0, 50, size):
            rows = slice(start, start + size)
            yield cr.Split(X[rows] / np.float32(255), Y[rows], weight[rows])

    streamed, held = trainer(False), trainer(False)
    split = cr.Split(X / np.float32(255), Y, weight)
    history = streamed.fit(cr.Stream(50, (6,), weighted), 2)
    assert numbers(history) == numbers(held.fit(split, 2))


def test_what_a_later_batch_weighs_counts_in_every_metric_and_nothing_of_one_may_count() -> None:
    """The first batch has weights of 1 alone, the third of 0."""
    weight = np.concatenate([np.ones(8), np.linspace(0, 2, 8), np.zeros(8), np.linspace(1, 3, 26)])

    def weighted(size: int, rng: np.random.Generator | None) -> Iterator[cr.Split]:
        for start in range(0, 50, size):
            rows = slice(start, start + size)
            yield cr.Split(X[rows] / np.float32(255), Y[rows], weight[rows])

    def fitted(data: Any) -> cr.Trainer:
        network = cr.Network(LAYERS, (6,), "categorical_cross_entropy", seed=2, task="multiclass")
        one = cr.Trainer(network, "adam", 8, shuffle=False, metrics=["accuracy", SquaredOff()])
        one.fit(data, 2, validation=data)
        return one

    streamed, held = fitted(cr.Stream(50, (6,), weighted)), fitted(cr.Split(X / np.float32(255), Y, weight))
    assert numbers(streamed.history) == numbers(held.history)
    assert np.array_equal(streamed.network.parameters.theta, held.network.parameters.theta)


def test_weights_come_with_all_batches_or_with_none() -> None:
    def some(size: int, rng: np.random.Generator | None) -> Iterator[cr.Split]:
        for start in range(0, 50, size):
            rows = slice(start, start + size)
            yield cr.Split(X[rows] / np.float32(255), Y[rows], np.ones(len(Y[rows])) if start else None)

    with pytest.raises(cr.DataError, match="the train data has weights, or masks of targets, with some batches alone"):
        trainer(False).fit(cr.Stream(50, (6,), some), 1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda size, rng: iter([]), "a stream of 50 samples gave no batch"),
        (lambda size, rng: [(X[:size], Y[:size])] * 7, "gave a batch of 8, where 2 were due"),
        (lambda size, rng: [(X[:size], Y[:size])] * 2, "a stream of 50 samples gave only 16"),
        (lambda size, rng: [(X[:3], Y[:3])] * 20, "gave a batch of 3, where 8 were due"),
        (
            lambda size, rng: [(np.full((size, 6), np.nan), Y[:size])] * 9,
            "the train data holds values that are infinite",
        ),
        (lambda size, rng: [(X[:size], Y[:size] + 9)] * 9, "label .* is out of range: the network has 3 outputs"),
    ],
)
def test_what_a_stream_gives_is_looked_at_batch_by_batch(given: Any, message: str) -> None:
    with pytest.raises(cr.DataError, match=message):
        trainer().fit(cr.Stream(50, (6,), given), 2)


def test_data_of_streams_needs_a_digest_and_knows_its_shapes() -> None:
    with pytest.raises(cr.DataError, match="give source_digest"):
        cr.Data(STREAM, "multiclass", class_names=["a", "b", "c"])
    data = cr.Data(STREAM, "multiclass", (X[:9] / 255.0, Y[:9]), class_names=["a", "b", "c"], source_digest="4711")
    assert (data.input_shape, data.classes, data.digest) == ((6,), 3, "4711")
    values = cr.Data(cr.Stream(50, (6,), batches, target_shape=(4,)), "regression", source_digest="1")
    assert values.classes == 4
    with pytest.raises(cr.FieldError, match="let the stream give batches with weights"):
        data.with_class_weights("balanced")


MAPPED = """
import sys
import numpy as np
import chainrule as cr

path, rows = sys.argv[1], int(sys.argv[2])
images = np.memmap(path, np.uint8, "r", shape=(rows, 784))

def batches(size, rng):
    for start in range(0, rows, size):
        part = images[start : start + size]
        yield part / np.float32(255), part[:, 0] % 10

def anonymous():
    line = next(line for line in open("/proc/self/status") if line.startswith("RssAnon"))
    return int(line.split()[1]) // 1024

network = cr.Network([{"name": "dense", "units": 10, "activation": "softmax"}], (784,), "categorical_cross_entropy",
                     task="multiclass")
most = 0

class Watch(cr.Callback):
    def on_batch_end(self, trainer):
        global most
        if trainer.step % 20 == 0:
            most = max(most, anonymous())

cr.Trainer(network, "sgd", batch_size=1024).fit(cr.Stream(rows, (784,), batches), 1, callbacks=[Watch()])
print(most)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the process's memory from /proc")
@pytest.mark.parametrize("rows", [300_000, pytest.param(5_300_000, marks=pytest.mark.soak)])
def test_a_mapped_file_that_is_larger_than_the_memory_it_takes(rows: int, tmp_path: Path) -> None:
    """Of bytes: in float32 the smaller one, of 235 MB, would be 941 MB; the larger one has 4.2 GB."""
    path = tmp_path / "images"
    with path.open("wb") as file:
        file.truncate(rows * 784)  # a file with holes takes no room on the disk
    command = [sys.executable, "-c", MAPPED, str(path), str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 200
