"""The checks of datasets on several inputs by name and on streams: right ones pass, and each fault is found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.testing import check_component

N = 40


def named(seed: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    rng = np.random.default_rng(seed)
    x = {"a": rng.normal(size=(N, 4)), "b": rng.normal(size=(N, 3, 2))}
    return x, {"digit": np.arange(N) % 3, "value": rng.normal(size=N)}


def classes() -> dict[str, Any]:
    return {"digit": ["0", "1", "2"]}


TASKS = {"digit": "multiclass", "value": "regression"}


@dataclass
class Pairs(cr.Dataset):
    """Two inputs and two targets."""

    def load(self) -> cr.Data:
        return cr.Data(named(0), TASKS, named(1), named(2), class_names=classes())


@dataclass
class Bytes(Pairs):
    """One input is bytes."""

    def load(self) -> cr.Data:
        x, y = named()
        return cr.Data(({**x, "b": (9 * x["b"]).astype(np.uint8)}, y), TASKS, class_names=classes())


@dataclass
class Shared(Pairs):
    """What is trained on is tested with."""

    def load(self) -> cr.Data:
        return cr.Data(named(0), TASKS, named(0), class_names=classes())


@dataclass
class Missing(Pairs):
    """A class of one of the targets is never trained."""

    def load(self) -> cr.Data:
        x, y = named()
        return cr.Data((x, {**y, "digit": y["digit"] % 2}), TASKS, class_names=classes())


@dataclass
class Streamed(cr.Dataset):
    """Samples that are read batch by batch."""

    def order(self, rng: np.random.Generator) -> Any:
        return rng.permutation(N)

    def load(self) -> cr.Data:
        def batches(size: int, rng: np.random.Generator | None) -> Iterator[tuple[Any, Any]]:
            order = np.arange(N) if rng is None else self.order(rng)
            for start in range(0, N, size):
                rows = order[start : start + size]
                yield np.stack([rows, rows], axis=1).astype(np.uint8), rows % 2

        stream = cr.Stream(N, (2,), batches)
        return cr.Data(stream, "binary", class_names=["even", "odd"], source_digest="forty")


@dataclass
class Unshuffled(Streamed):
    """The same order each time."""

    def order(self, rng: np.random.Generator) -> Any:
        return np.arange(N)


@dataclass
class Repeating(Streamed):
    """Drawn with replacement."""

    def order(self, rng: np.random.Generator) -> Any:
        return rng.integers(0, N, N)


@dataclass
class Elsewhere(Streamed):
    """Drawn from another stream of random numbers."""

    def __post_init__(self) -> None:
        self.own = np.random.default_rng(7)

    def order(self, rng: np.random.Generator) -> Any:
        return self.own.permutation(N)


@pytest.mark.parametrize("right", [Pairs, Streamed])
def test_what_is_right_passes(right: type[cr.Dataset]) -> None:
    assert {outcome.status for outcome in check_component(right)} == {"passed"}


@pytest.mark.parametrize(
    ("wrong", "check", "says"),
    [
        (Bytes, "shapes", "the train inputs b are uint8"),
        (Shared, "splits_disjoint", "40 of the 40 validation samples are among the 40 for training"),
        (Missing, "every_class_trained", "no training sample is of class 2"),
        (Unshuffled, "stream_order", "with other random numbers, the train stream gives its samples in the same order"),
        (Repeating, "stream_order", "the train stream does not give each of its 40 samples once"),
        (
            Elsewhere,
            "stream_order",
            "with the same random numbers, the train stream gives its samples in another order",
        ),
    ],
)
def test_each_fault_is_found(wrong: type[cr.Dataset], check: str, says: str) -> None:
    failed = {o.check: o.message for o in check_component(wrong, on_fail="return") if o.status == "failed"}
    assert says in failed[check]
