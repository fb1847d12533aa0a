"""Formulas drawn at random, and arrays of numbers that computers get wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

SCALARS = ("lr", "step")
GIVEN = (0.37, 3)
UNARY = ("positive", "negative", "sqrt", "absolute", "sign", "square")
BINARY = ("add", "subtract", "multiply", "divide", "maximum", "minimum")
COMPARISONS = ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")
OF_TRUTHS = ("bitwise_and", "bitwise_or", "logical_and", "logical_or", "invert")
LITERALS = (0.0, -0.0, 2, -1.5, 1.0, float("inf"))


@dataclass(frozen=True)
class Program:
    """What ``steps`` compute from ``vectors`` and ``SCALARS``; ``results`` says what each changed vector becomes.

    A step is the name of an operation, and places of its operands among numbers or truths.
    """

    vectors: tuple[str, ...]
    steps: tuple[tuple[str, tuple[int, ...]], ...]
    results: Mapping[str, int]

    def __call__(self, lr: Any, step: Any, **given: Any) -> tuple[Any, ...]:
        numbers = [given[name] for name in self.vectors]
        others = [lr, 1 - 0.9**step, lr * step, *LITERALS]
        truths = [numbers[0] > numbers[-1], numbers[1] <= 0.5, step > 2]
        for name, places in self.steps:
            one, two, three = (numbers[place % len(numbers)] for place in places)
            if places[2] % 3 == 0:
                two = others[places[1] % len(others)]
            if places[2] % 5 == 0 and name in BINARY:
                one, two = two, one
            truth, other = (truths[place % len(truths)] for place in places[:2])
            if name in COMPARISONS:
                truths.append(getattr(np, name)(one, two))
            elif name == "invert":
                truths.append(~(truth & truths[0]))
            elif name in OF_TRUTHS:
                truths.append(getattr(np, name)(truth, truths[0] if other is truths[2] else other))
            elif name == "where":
                numbers.append(np.where(truth, three, two))
            elif name == "number":
                numbers.append(truth * (one * 0.0 + 1.0))
            elif name in ("maximum", "minimum"):  # of two zeros it may be either
                numbers.append(getattr(np, name)(one, two) + 0.0)
            else:
                numbers.append(getattr(np, name)(*(one, two)[: 1 if name in UNARY else 2]))
        return tuple(numbers[place % len(numbers)] for place in self.results.values())


@st.composite
def programs(draw: st.DrawFn) -> Program:
    vectors = ("a", "b", "c", "d", "e")[: draw(st.integers(2, 5))]
    names = st.sampled_from([*UNARY, *BINARY, *BINARY, *COMPARISONS, *OF_TRUTHS, "where", "where", "number"])
    steps = draw(st.lists(st.tuples(names, st.tuples(*[st.integers(0, 30)] * 3)), max_size=12))
    changed = draw(st.lists(st.sampled_from(vectors), min_size=1, unique=True))
    # The newest numbers and the oldest ones, often of each other's vectors.
    places = st.one_of(st.integers(0, len(vectors) - 1), st.integers(0, 30))
    return Program(vectors, tuple(steps), {name: draw(places) for name in changed})


def awkward(size: int, dtype: str, seed: int) -> np.ndarray[Any, Any]:
    """Numbers of all sizes, among them what is none, infinite, subnormal, and both zeros."""
    rng = np.random.default_rng(seed)
    x = (rng.standard_normal(size) * 10.0 ** rng.integers(-9, 9, size)).astype(dtype)
    tiny, largest = np.finfo(dtype).smallest_subnormal * 5, np.finfo(dtype).max
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, tiny, -tiny, largest, 1.0], dtype)
    at = rng.random(size) < 0.3
    x[at] = rng.choice(special, int(at.sum()))
    return x


def same(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    """To the last bit, but that of what is no number there is one alone."""
    numbers = ~np.isnan(one)
    return np.array_equal(one, other, equal_nan=True) and np.array_equal(
        np.signbit(one[numbers]), np.signbit(other[numbers])
    )
