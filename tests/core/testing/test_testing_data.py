"""Each check of metrics, callbacks, datasets and models finds a component that is broken in just its way."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from breaking import Breakages, Broken, assert_found, assert_right

import chainrule as cr

breaks = Breakages()

# ---- metrics


@dataclass
class SquaredError(cr.Metric):
    """How far off, squared: $sum (p - t)^2 / n$."""

    tasks = ("regression", "binary")
    goal = "min"

    def reset(self) -> None:
        self.total, self.count = 0.0, 0

    def update(self, prediction: cr.Array, target: cr.Array) -> None:
        self.total += float(((prediction - target) ** 2).sum())
        self.count += target.size

    def compute(self) -> float:
        return self.total / self.count


@dataclass
class AmongTheBest(cr.Metric):
    """The share of samples whose class is among the k most probable ones, which tell $1$ from $0$.

    Args:
        k: how many, at least 1; default 5.
    """

    k: int = 5
    tasks = ("multiclass",)
    goal = "max"

    def __post_init__(self) -> None:
        self.require("k", self.k >= 1, "at least 1")

    def reset(self) -> None:
        self.hits, self.count = 0, 0

    def update(self, prediction: cr.Array, target: cr.Array) -> None:
        best = np.argsort(-prediction, axis=1, kind="stable")[:, : self.k]
        self.hits += int((best == target[:, None]).sum())
        self.count += len(target)

    def compute(self) -> float:
        return self.hits / self.count


@breaks("declares_tasks", says=r"tasks is \(\)")
class NoTasks(SquaredError):
    tasks = ()


@breaks("declares_tasks", says="goal is 'least'")
class OddGoal(SquaredError):
    goal = "least"  # type: ignore[assignment]


@breaks("value", says="compute gives None for a regression task")
class NoValue(SquaredError):
    def compute(self) -> float:
        return None  # type: ignore[return-value]


@breaks("value", says=r"compute gives [\d.]+, and called again [\d.]+")
class Consumes(SquaredError):
    def compute(self) -> float:
        self.count += 1
        return super().compute()


@breaks(
    "any_cut", says=r"for 24 rows of a regression task at once it gives [\d.]+, and in batches of 1, 23 rows [\d.]+"
)
class MeanOfMeans(SquaredError):
    def update(self, prediction: cr.Array, target: cr.Array) -> None:
        self.total += float(((prediction - target) ** 2).mean())
        self.count += 1


@breaks("reset_forgets", says=r"after other rows and a reset it gives [\d.]+, and a new one [\d.]+")
class KeepsTotal(SquaredError):
    def reset(self) -> None:
        self.total, self.count = getattr(self, "total", 0.0), 0


@breaks(
    "instances_apart",
    also=("continues_from_state",),
    says=r"with another instance at work it gives [\d.]+ in place of [\d.]+",
)
class SharedTotals(SquaredError):
    totals = [0.0, 0]

    def reset(self) -> None:
        self.totals[:] = [0.0, 0]

    def update(self, prediction: cr.Array, target: cr.Array) -> None:
        self.totals[0] += float(((prediction - target) ** 2).sum())
        self.totals[1] += target.size

    def compute(self) -> float:
        return self.totals[0] / self.totals[1]


@breaks("inputs_left_alone", says="it writes to the prediction: 48 of its 48 numbers changed")
class WritesToPrediction(SquaredError):
    tasks = ("regression",)

    def update(self, prediction: cr.Array, target: cr.Array) -> None:
        super().update(prediction, target)
        prediction -= target


@breaks("goal", says="goal is 'max', and for a regression task it gives 0 where all is right, 9 where all is wrong")
class WrongWay(SquaredError):
    goal = "max"


@breaks("continues_from_state", says="taken up in the middle by a new instance, it gives")
class GathersElsewhere(SquaredError):
    def state(self) -> dict[str, Any]:
        return {}


# ---- callbacks


@dataclass
class Shrinks(cr.Callback):
    """Makes weights smaller after every update, less and less; first is by how much at first."""

    first: float = 0.01

    def __post_init__(self) -> None:
        self.require("first", 0 <= self.first < 1, "at least 0 and less than 1")
        self.updates = 0

    def on_train_start(self, trainer: cr.Training) -> None:
        if trainer.epoch == 0:
            self.updates = 0

    def on_batch_end(self, trainer: cr.Training) -> None:
        self.updates += 1
        trainer.network.parameters.theta[...] *= 1 - self.first / self.updates

    def state(self) -> dict[str, Any]:
        return {"updates": self.updates}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.updates = state["updates"]


@breaks("declares_logs", says="logs is 'length'")
class OneName(Shrinks):
    logs = "length"  # type: ignore[assignment]


class Bar:
    """What no file can keep."""


@breaks("listens", says="it writes none of the events")
class Deaf(cr.Callback):
    """Hears nothing."""


@breaks("trains", says="a training with it ends in an error: no such thing is measured")
class Refuses(Shrinks):
    def on_epoch_end(self, trainer: cr.Training) -> None:
        raise cr.ConfigError("no such thing is measured")


@breaks("trains", says="after a training with it, parameters are not finite")
class Blows(Shrinks):
    def on_train_end(self, trainer: cr.Training) -> None:
        trainer.network.parameters.theta[0] = np.inf


@breaks(
    "deterministic",
    also=("starts_anew", "continues_from_state", "resumes"),
    says="two trainings, each with a new instance, end with parameters that differ by",
)
class GlobalDice(Shrinks):
    def on_train_end(self, trainer: cr.Training) -> None:
        trainer.network.parameters.theta[0] += 0.001 * np.random.random()  # noqa: NPY002


@breaks("starts_anew", says="in its second training, of another network, parameters end up")
class CountsOn(Shrinks):
    def on_train_start(self, trainer: cr.Training) -> None:
        pass


@breaks(
    "continues_from_state",
    also=("resumes",),
    says="replaced after 3 epochs by a new instance with its state, parameters are off by",
)
class NoState(Shrinks):
    def state(self) -> dict[str, Any]:
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        pass


@breaks("resumes", says="saved after update 1 and taken up with a new instance, parameters are off by")
class CountsInTheEpoch(Shrinks):
    def on_epoch_start(self, trainer: cr.Training) -> None:
        self.in_epoch = 0

    def on_train_start(self, trainer: cr.Training) -> None:
        super().on_train_start(trainer)
        self.in_epoch = 0

    def on_batch_end(self, trainer: cr.Training) -> None:
        super().on_batch_end(trainer)
        self.in_epoch += 1
        if self.in_epoch == 3:
            trainer.network.parameters.theta[...] *= 0.99


@breaks("resumes", says=r"its state cannot be saved: callbacks\[0\]\[1\].bar holds a Bar, which no file can keep")
class KeepsABar(Shrinks):
    def state(self) -> dict[str, Any]:
        return {"updates": self.updates, "bar": Bar()}


@breaks("hears_failure", says=r"when a training failed in its second step, on_exception raised \[AttributeError\(")
class FailsTwice(Shrinks):
    def on_exception(self, trainer: cr.Training, error: BaseException) -> None:
        self.bar.close()  # type: ignore[attr-defined]


@breaks("fields_kept_by_use", says="a training changes first from 0.01 to 0.5")
class ChangesFirst(Shrinks):
    def on_train_end(self, trainer: cr.Training) -> None:
        self.first = 0.5

    def on_train_start(self, trainer: cr.Training) -> None:
        super().on_train_start(trainer)
        self.first = 0.01


@dataclass
class OfImages(Shrinks):
    """Shrinks weights, for images of 4x3 pixels alone; first is by how much at first."""

    check_input_shapes = ((4, 3),)

    def on_train_start(self, trainer: cr.Training) -> None:
        super().on_train_start(trainer)
        assert trainer.network.input_shape == (4, 3)

    def on_batch(
        self, trainer: cr.Training, x: cr.Array, y: cr.Array, rng: np.random.Generator
    ) -> tuple[cr.Array, cr.Array]:
        return x[:, :, rng.permutation(3)], y


@dataclass
class OfTokens(Shrinks):
    """Shrinks weights, for networks over five tokens alone; first is by how much at first."""

    check_tokens = 5

    def on_train_start(self, trainer: cr.Training) -> None:
        super().on_train_start(trainer)
        network = trainer.network
        assert network.output_shape == (*network.input_shape, 5)
        given = network.predict(np.arange(3)[None] + 2)
        np.testing.assert_allclose(given.sum(axis=-1), 1)
        np.testing.assert_array_equal(network.predict([[2, 4, 4]])[0, 1:], given[0, [2, 2]])


@breaks("trains", says="following takes whole numbers from 0 to 4, got -1")
class Minus(OfTokens):
    def on_train_start(self, trainer: cr.Training) -> None:
        super().on_train_start(trainer)
        trainer.network.predict([[0, 1, -1]])


# ---- datasets


@dataclass
class Bands(cr.Dataset):
    """Three bands of a plane; seed is that of the points, 0 or more."""

    seed: int = 0

    def __post_init__(self) -> None:
        self.require("seed", self.seed >= 0, "at least 0")

    def points(self) -> tuple[cr.Array, cr.Array]:
        x = np.random.default_rng(self.seed).random((60, 2))
        return x, (x[:, 0] * 3).astype(int)

    def parts(self) -> list[cr.Array]:
        return cr.split_indices(60, [0.2, 0.2], seed=0)

    def load(self) -> cr.Data:
        x, y = self.points()
        validation, test, train = (cr.Split(x[part], y[part]) for part in self.parts())
        return cr.Data(train, "multiclass", validation, test, class_names=("left", "middle", "right"))


@breaks("loads", says="it cannot be loaded: the train data holds values that are infinite or not a number")
class Holes(Bands):
    def points(self) -> tuple[cr.Array, cr.Array]:
        x, y = super().points()
        x[:, 1] = np.nan
        return x, y


@breaks("loads", says="load gives tuple")
class PlainTuple(Bands):
    def load(self) -> cr.Data:
        return super().points()  # type: ignore[return-value]


@breaks("preparation_is_kept", says="its columns become 1 inputs, and the data has inputs of shape")
class OtherColumns(Bands):
    def load(self) -> cr.Data:
        return replace(super().load(), preparation=cr.Preparation((cr.Number("x1"),)))


@breaks("preparation_is_kept", says="its preparation cannot be kept as JSON")
class ArraysInColumns(Bands):
    def load(self) -> cr.Data:
        columns = (cr.Number("x1", np.float32(1)), cr.Number("x2"))  # type: ignore[arg-type]
        return replace(super().load(), preparation=cr.Preparation(columns))


@dataclass
class Filed(Bands):
    """The same from a file, twice as large.

    Args:
        seed: of the order, 0 or more; default 0.
        path: of the file; default none.
    """

    path: str = ""

    @classmethod
    def check_examples_in(cls, folder: Path) -> Sequence[Mapping[str, Any]]:
        np.save(folder / "points.npy", Bands().points()[0])
        return [{"path": str(folder / "points.npy")}]

    def points(self) -> tuple[cr.Array, cr.Array]:
        x = np.load(self.path)[np.random.default_rng(self.seed).permutation(60)]
        return 2 * x, (x[:, 0] * 3).astype(int)

    def read(self, content: bytes, name: str) -> cr.Array:
        array: cr.Array = np.load(io.BytesIO(content))
        return 2 * array


@breaks("reads_what_it_loads", says="36 of 36 training samples are not among what read gives, prepared")
class ReadsOtherwise(Filed):
    def read(self, content: bytes, name: str) -> cr.Array:
        return super().read(content, name) / 2


@breaks("names_its_files", says="files_read does not give the file of path, .*points.npy: when it changed, a sweep")
class HidesItsFile(Filed):
    def files_read(self) -> Sequence[str]:
        return []


@breaks("shapes", says="the train inputs are int64")
class WholeNumbers(Bands):
    def points(self) -> tuple[cr.Array, cr.Array]:
        x, y = super().points()
        return (x * 1e6).astype(np.int64), y


@dataclass
class Named(Bands):
    """The bands as tokens, which have names; seed is that of the points, 0 or more."""

    def load(self) -> cr.Data:
        x, y = super().points()
        ids = (x * 100).astype(np.int64)
        validation, test, train = (cr.Split(ids[part], y[part]) for part in self.parts())
        names = [f"token {k}" for k in range(100)]
        left_to_right = ("left", "middle", "right")
        return cr.Data(train, "multiclass", validation, test, class_names=left_to_right, token_names=names)


@breaks("shapes", says="the train images have pixels from 0 to 255")
class Bytes(Bands):
    def points(self) -> tuple[cr.Array, cr.Array]:
        x, y = super().points()
        images = np.repeat(x[:, :, None], 3, axis=2)
        images[:, 0, 0], images[:, 1, 1] = 0, 255
        return images, y


@breaks("finite", says=r"the train inputs reach \S+e\+39, which float32 cannot hold")
class TooLarge(Bands):
    def points(self) -> tuple[cr.Array, cr.Array]:
        x, y = super().points()
        return x * 1e40, y


@breaks("splits_disjoint", says=r"12 of the 12 validation samples are among the 48 for training, of which 0.0% repeat")
class Leaks(Bands):
    def parts(self) -> list[cr.Array]:
        validation, test, train = super().parts()
        return [validation, test, np.concatenate([train, validation])]


@breaks("every_class_trained", says="no training sample is of class right")
class Forgets(Bands):
    def points(self) -> tuple[cr.Array, cr.Array]:
        x, y = super().points()
        return x, np.minimum(y, 1)


@breaks("same_data_again", says=r"loaded a second time, \d+ of 72 numbers of the train inputs differ")
class AlwaysOther(Bands):
    def points(self) -> tuple[cr.Array, cr.Array]:
        x, y = super().points()
        return np.random.permutation(x), y  # noqa: NPY002


@breaks("same_data_again", says=r"loaded a second time, 72 of 72 numbers of the train inputs differ")
class HandsOutItsOwn(Bands):
    cache = None

    def load(self) -> cr.Data:
        if HandsOutItsOwn.cache is None:
            HandsOutItsOwn.cache = super().load()
        return HandsOutItsOwn.cache


@dataclass
class Flowing(Bands):
    """The same three bands, read batch by batch; seed is that of the points, 0 or more."""

    def load(self) -> cr.Data:
        data = super().load()

        def stream(split: cr.Split) -> cr.Stream:
            return cr.Stream(len(split.x), (2,), lambda size, rng: self.batches(split, size, rng))

        train, validation = (stream(part) for part in (data.train, data.validation))
        names, digest = data.class_names, f"bands {self.seed}"
        return cr.Data(train, "multiclass", validation, class_names=names, source_digest=digest)

    def batches(self, split: cr.Split, size: int, rng: np.random.Generator | None) -> Any:
        order = self.order(len(split.x), rng)
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            yield split.x[rows], split.y[rows]

    def order(self, n: int, rng: np.random.Generator | None) -> cr.Array:
        return np.arange(n) if rng is None else rng.permutation(n)


@breaks("stream_order", says="with other random numbers, the train stream gives its samples in the same order")
class NeverShuffled(Flowing):
    def order(self, n: int, rng: np.random.Generator | None) -> cr.Array:
        return np.arange(n)


@breaks("stream_order", says="the train stream does not give each of its 36 samples once")
class WithReplacement(Flowing):
    def order(self, n: int, rng: np.random.Generator | None) -> cr.Array:
        return np.arange(n) if rng is None else rng.integers(n, size=n)


# ---- models


@dataclass
class OneHidden(cr.Model):
    """A hidden layer; width is its size, 1 or more."""

    width: int = 6

    def __post_init__(self) -> None:
        self.require("width", self.width >= 1, "at least 1")

    def build(self, input_shape: cr.Shape, units: int, activation: str) -> list[Any]:
        hidden = {"name": "dense", "units": self.width, "activation": "tanh"}
        return [hidden, {"name": "dense", "units": units, "activation": activation}]


@breaks("builds", says=r"its layers make no network: .*one instance of Dense is used twice")
class Twice(OneHidden):
    def build(self, input_shape: cr.Shape, units: int, activation: str) -> list[Any]:
        hidden = cr.make("layer", "dense", units=self.width)
        return [hidden, hidden, *super().build(input_shape, units, activation)[1:]]


@breaks("builds", says=r"for input of shape \(4,\), 1 units and sigmoid, the network ends in shape \(1,\) and linear")
class ItsOwnEnd(OneHidden):
    def build(self, input_shape: cr.Shape, units: int, activation: str) -> list[Any]:
        return [*super().build(input_shape, units, activation)[:1], {"name": "dense", "units": units}]


@breaks("trains", says="a step of a binary task gives a gradient of zero")
class Cut(OneHidden):
    def build(self, input_shape: cr.Shape, units: int, activation: str) -> list[Any]:
        zero = {"initializer": "zeros", "bias": False}
        return [{**layer, **zero} for layer in super().build(input_shape, units, activation)]


@breaks("fields_count", says="with 4 other values of width its layers are the same")
class AlwaysSix(OneHidden):
    def build(self, input_shape: cr.Shape, units: int, activation: str) -> list[Any]:
        hidden = {"name": "dense", "units": 6, "activation": "tanh"}
        return [hidden, {"name": "dense", "units": units, "activation": activation}]


@breaks("same_layers_again", says="built twice, it gives 3 layers and then 4")
class Grows(OneHidden):
    builds = 0

    def build(self, input_shape: cr.Shape, units: int, activation: str) -> list[Any]:
        self.builds += 1
        return ["tanh"] * self.builds + super().build(input_shape, units, activation)


@breaks("same_layers_again", says="building changes width from 6 to 1")
class ChangesWidth(OneHidden):
    def build(self, input_shape: cr.Shape, units: int, activation: str) -> list[Any]:
        self.width = 1
        return super().build(input_shape, units, activation)


@dataclass
class Tagger(cr.Model):
    """An answer for each of a sequence's tokens; width is that of their vectors, 1 or more."""

    width: int = 3

    check_input_shapes = ((4,),)

    def __post_init__(self) -> None:
        self.require("width", self.width >= 1, "at least 1")

    def build(self, input_shape: cr.Shape, units: int, activation: str) -> list[Any]:
        words = {"name": "embedding", "tokens": 7, "units": self.width}
        return [words, {"name": "dense_per_step", "units": units, "activation": activation}]


@breaks("builds", says=r"1 units and sigmoid, the network ends in shape \(4, 2\) and sigmoid")
class TagsOneMore(Tagger):
    def build(self, input_shape: cr.Shape, units: int, activation: str) -> list[Any]:
        return super().build(input_shape, units + 1, activation)


@breaks("trains", says="a step of a binary task gives a gradient of zero")
class TagsNothing(Tagger):
    def build(self, input_shape: cr.Shape, units: int, activation: str) -> list[Any]:
        zero = {"initializer": "zeros", "bias": False}
        words, output = super().build(input_shape, units, activation)
        return [{**words, "initializer": "zeros"}, {**output, **zero}]


RIGHT = [SquaredError, AmongTheBest, Shrinks, OfImages, OfTokens, Bands, Named, OneHidden, Tagger]


@pytest.mark.parametrize("cls", RIGHT, ids=lambda cls: cls.__name__)
def test_right_components_pass(cls: type) -> None:
    assert_right(cls)


@pytest.mark.parametrize("broken", breaks, ids=lambda broken: broken.id)
def test_what_is_broken_is_found(broken: Broken) -> None:
    assert_found(broken)
