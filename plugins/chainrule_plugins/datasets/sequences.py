"""Sequences computed from a formula: what they ask for stands many steps before it is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from chainrule import Array, Data, Dataset, stream
from chainrule_plugins.datasets._preparation import require_fractions, split

LETTERS = "abcdefghijklmnopqrstuvwxyz"
BLANK, RECALL = "-", ":"


@dataclass
class Adding(Dataset):
    r"""The sum of two marked numbers among many: a network must carry the first one to the end of the sequence.

    At each of $T$ steps a number is drawn evenly from 0 to 1. Two are marked, one in the first half of the sequence and
    one in the second, each place as likely as another:

    $x_t = (number_t, 1)$ where it is marked, else $(number_t, 0)$
    $y = number_i + number_j$ with $i < T / 2 \le j$, in whole steps

    Who says 1 each time has a mean squared error of $1/6$, the variance of y. In the second reference the marks are
    placed as here; in the first the numbers lie between -1 and 1, and the target is scaled.

    Shapes:
        x: (samples, length, 2) in all; after a sequence that is shorter, zeros
        y: (samples,) in all
        mask: (samples, length) in all, true for the steps of the sequence; where shortest is given

    Args:
        length: the number of steps T, at least 2; default 50.
        shortest: the lengths are drawn evenly from shortest to length; from 2 to length, or null (the default) where
            all are as long.
        samples: how many sequences, of all parts together: at least 10; default 10000.
        validation_fraction: of the samples that are not for testing, from 0 up to but not 1; default 0.1.
        test_fraction: of all samples, from 0 up to but not 1; default 0.1.
        seed: of the sequences and of the split, 0 or more; default 0. It is not the seed of the training.

    Raises:
        FieldError: a field outside its range.

    Reference:
        Hochreiter, Schmidhuber 1997, Long Short-Term Memory, Neural Computation 9, section 5.4; Arjovsky, Shah, Bengio
        2016, Unitary Evolution Recurrent Neural Networks, ICML, section 5.2.

    Example:
        >>> import chainrule as cr
        >>> x, y = cr.make("dataset", "adding", length=6, samples=10).load().train
        >>> bool((x[..., 0] * x[..., 1]).sum(axis=1)[0] == y[0])
        True
    """

    length: int = 50
    shortest: int | None = None
    samples: int = 10_000
    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    seed: int = 0

    check_examples = ({"length": 6, "samples": 60}, {"length": 9, "shortest": 3, "samples": 60})

    def __post_init__(self) -> None:
        self.require("length", self.length >= 2, "at least 2")
        shortest = self.shortest
        expected = f"from 2 to length, which is {self.length}, or null for that one alone"
        self.require("shortest", shortest is None or 2 <= shortest <= self.length, expected)
        self.require("samples", self.samples >= 10, "at least 10")
        require_fractions(self)

    def files_read(self) -> Sequence[str]:
        return []

    def load(self) -> Data:
        rng, n = stream(self.seed, "sequences"), self.samples
        lengths, mask = varied(rng, n, self.shortest, self.length)
        x = np.zeros((n, self.length, 2), np.float32)
        x[..., 0] = rng.random((n, self.length), np.float32) * mask
        first, second = rng.integers(0, lengths // 2), rng.integers(lengths // 2, lengths)
        rows = np.arange(n)
        x[rows, first, 1] = x[rows, second, 1] = 1
        y = x[rows, first, 0] + x[rows, second, 0]
        parts = split(self, x, y, mask=None if self.shortest is None else mask)
        return Data(parts[0], "regression", *parts[1:])


@dataclass
class Copy(Dataset):
    r"""Some letters, a long wait, and then the letters once more, from memory.

    The letters come first, then blanks, and a colon when they are to be said; while they are, blanks are shown. What is
    to be said before is a blank at each step:

    $x = l_1 ... l_n - - ... - : - ... -$
    $y = - ... ... ... - - - l_1 ... l_n$, with $delay - 1$ blanks before the colon

    Where the letters alone are scored, the other steps weigh nothing, and who cannot remember is right once in
    ``letters`` times. As in the reference all steps count alike, and most of them ask for a blank.

    Shapes:
        x: (samples, delay + 2 copied) in all; integers: a letter, the blank or the colon
        y: as x; integers: a letter, or the blank
        weight: as x; 1 where a letter is to be said, else 0; with scored letters
        mask: as x; true for the steps of the sequence; where shortest is given

    Args:
        delay: how many steps lie between the letters and their copy, at least 1; default 20.
        shortest: the delays are drawn evenly from shortest to delay; from 1 to delay, or null (the default) where all
            are as long.
        copied: how many letters are to be remembered, at least 1; default 10.
        letters: how many different ones there are, from 2 to 26; default 8.
        scored: which steps count: letters (the default), or all.
        samples: how many sequences, of all parts together: at least 10; default 10000.
        validation_fraction: of the samples that are not for testing, from 0 up to but not 1; default 0.1.
        test_fraction: of all samples, from 0 up to but not 1; default 0.1.
        seed: of the sequences and of the split, 0 or more; default 0. It is not the seed of the training.

    Raises:
        FieldError: a field outside its range.

    Reference:
        Arjovsky, Shah, Bengio 2016, Unitary Evolution Recurrent Neural Networks, ICML, section 5.1, after Hochreiter,
        Schmidhuber 1997, Long Short-Term Memory, Neural Computation 9.

    Example:
        >>> import chainrule as cr
        >>> data = cr.make("dataset", "copy", delay=3, copied=2, letters=4, samples=10).load()
        >>> for split in (data.train.x, data.train.y):
        ...     print("".join(data.token_names[k] for k in split[0]))
        ba--:--
        -----ba
    """

    delay: int = 20
    shortest: int | None = None
    copied: int = 10
    letters: int = 8
    scored: Literal["letters", "all"] = "letters"
    samples: int = 10_000
    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    seed: int = 0

    check_examples = (
        {"delay": 3, "samples": 60},
        {"delay": 5, "shortest": 2, "copied": 6, "letters": 4, "scored": "all", "samples": 60},
    )

    def __post_init__(self) -> None:
        self.require("delay", self.delay >= 1, "at least 1")
        expected = f"from 1 to delay, which is {self.delay}, or null for that one alone"
        self.require("shortest", self.shortest is None or 1 <= self.shortest <= self.delay, expected)
        self.require("copied", self.copied >= 1, "at least 1")
        self.require("letters", 2 <= self.letters <= len(LETTERS), f"from 2 to {len(LETTERS)}")
        self.require("samples", self.samples >= 10, "at least 10")
        require_fractions(self)

    def files_read(self) -> Sequence[str]:
        return []

    def load(self) -> Data:
        rng, n = stream(self.seed, "sequences"), self.samples
        shortest = None if self.shortest is None else self.shortest + 2 * self.copied
        lengths, mask = varied(rng, n, shortest, self.delay + 2 * self.copied)
        said = rng.integers(0, self.letters, (n, self.copied))
        blank = self.letters
        x, y = np.full(mask.shape, blank), np.full(mask.shape, blank)
        x[:, : self.copied] = said
        rows, recalled = np.arange(n)[:, None], lengths[:, None] - self.copied + np.arange(self.copied)
        x[rows[:, 0], recalled[:, 0] - 1] = blank + 1
        y[rows, recalled] = said
        weight = (y != blank).astype(np.float32) if self.scored == "letters" else None
        parts = split(self, x, y, weight=weight, mask=None if self.shortest is None else mask)
        spoken = (*LETTERS[: self.letters], BLANK)
        return Data(parts[0], "multiclass", *parts[1:], class_names=spoken, token_names=(*spoken, RECALL))


def varied(rng: np.random.Generator, n: int, shortest: int | None, longest: int) -> tuple[Array, Array]:
    """The length of each of n sequences, and which steps are theirs: ``(n,)`` and ``(n, longest)``."""
    lengths = rng.integers(longest if shortest is None else shortest, longest + 1, n)
    return lengths, np.arange(longest) < lengths[:, None]
