"""What a few seeds can tell: intervals, paired tests, how many seeds would be needed, and a seed that stands far out.

Student's t is used throughout. With the usual five seeds a test by ranks (Wilcoxon's) can never give a p below 0.0625,
whatever the values are.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

LEVEL = 0.05
POWER = 0.8
FEWEST_FOR_OUTLIERS = 4


@dataclass(frozen=True)
class Summary:
    """Of n values; ``low`` to ``high`` is the 95 % interval of their mean. One value has no spread: None."""

    n: int
    mean: float
    sd: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Paired:
    """What n seeds that both groups have in common say of the difference between them.

    ``difference`` is the mean of first minus second, ``low`` to ``high`` its 95 % interval, ``d_z`` Cohen's measure of
    its size (the difference over its standard deviation), ``p`` of the paired t test. Where every seed has the same
    difference, or there is one seed only, nothing is known of its spread: None.
    """

    n: int
    difference: float
    low: float | None = None
    high: float | None = None
    d_z: float | None = None
    p: float | None = None


def summary(values: Sequence[float]) -> Summary:
    """Mean, standard deviation (of a sample: divided by n - 1) and interval of at least one value."""
    n, mean = len(values), statistics.mean(values)
    if n == 1:
        return Summary(n, mean)
    sd = statistics.stdev(values)
    half = _t(n) * sd / math.sqrt(n)
    return Summary(n, mean, sd, mean - half, mean + half)


def paired(first: Sequence[float], second: Sequence[float]) -> Paired:
    """Compare two groups by their values for the same seeds, in the same order; at least one."""
    from scipy.special import stdtr

    differences = [a - b for a, b in zip(first, second, strict=True)]
    known = summary(differences)
    largest = max(map(abs, (*first, *second)))
    if known.sd is None or known.sd <= 1e-12 * largest:  # rounding makes a spread out of equal differences
        return Paired(known.n, known.mean)
    d_z = known.mean / known.sd
    p = 2 * float(stdtr(known.n - 1, -abs(d_z) * math.sqrt(known.n)))
    return Paired(known.n, known.mean, known.low, known.high, d_z, p)


def holm(p_values: Sequence[float]) -> list[float]:
    """The same, corrected for that several were looked at: Holm (1979), "A simple sequentially rejective multiple test
    procedure".

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, p_values[index] * (len(p_values) - rank)))
        corrected[index] = highest
    return corrected


def seeds_needed(d_z: float, tests: int = 1) -> int:
    """About how many common seeds would show a difference of this size four times in five.

    The normal approximation with Guenther's (1981) correction for t, at the level of the hardest of so many tests.
    """
    normal = statistics.NormalDist()
    z = normal.inv_cdf(1 - LEVEL / tests / 2)
    return math.ceil(((z + normal.inv_cdf(POWER)) / d_z) ** 2 + z**2 / 2)


def outliers(values: Sequence[float]) -> list[int]:
    """The positions of values that stand far out from the others, of at least four.

    By the modified z-score of Iglewicz and Hoaglin (1993), $0.6745 |x - median| / MAD$. Their limit of 3.5 would name a
    seed in one of five groups of five where nothing is wrong; this one does in one of a hundred, and comes near to
    theirs with many seeds. Where more than half of the values are equal (accuracies often are), MAD is 0: then what
    differs from them by more than a twentieth stands out, if no more than a quarter differ.
    """
    if len(values) < FEWEST_FOR_OUTLIERS:
        return []
    median = statistics.median(values)
    away = [abs(value - median) for value in values]
    mad = statistics.median(away)
    if mad == 0 and sum(distance > 0 for distance in away) > len(values) / 4:
        return []
    limit = mad * (4.3 + 350 / len(values) ** 2) / 0.6745 if mad else abs(median) / 20
    return [index for index, distance in enumerate(away) if distance > limit]


def _t(n: int) -> float:
    """How many standard errors the interval of a mean of n values reaches to either side."""
    from scipy.special import stdtrit

    return float(stdtrit(n - 1, 1 - LEVEL / 2))
