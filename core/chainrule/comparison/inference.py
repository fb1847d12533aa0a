"""What a few seeds can tell: intervals, paired tests, how many seeds would be needed, and a seed that stands far out.

Student's t is used throughout. With the usual five seeds a test by ranks (Wilcoxon's) can never give a p below 0.0625,
whatever the values are.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np

from chainrule.errors import ConfigError

LEVEL = 0.05
"""What p is held against; intervals are those of 95 % to go with it."""
POWER = 0.8
OUTLIER_LEVEL = 0.01
"""Of a sweep's many groups, few are to be named where nothing is wrong."""


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
    its size (the difference over its standard deviation), ``p`` of the paired t test, ``p_holm`` the same corrected for
    all tests that were made with this one (see ``corrected``). Where every seed has the same difference, or there is
    one seed only, nothing is known of its spread: None.
    """

    n: int
    difference: float
    low: float | None = None
    high: float | None = None
    d_z: float | None = None
    p: float | None = None
    p_holm: float | None = None

    @property
    def told_apart(self) -> bool:
        """Whether the difference is more than the seeds' spread explains."""
        return self.p_holm is not None and self.p_holm < LEVEL


def summary(values: Sequence[float]) -> Summary:
    """Mean, standard deviation (of a sample: divided by n - 1) and 95 % interval of the mean, by Student's t.

    Args:
        values: at least one, in any unit, which the results have too.

    Raises:
        statistics.StatisticsError: there is none.

    Example:
        >>> known = summary([1, 2, 3])
        >>> f"{known.mean:.2f} ({known.low:.2f} to {known.high:.2f})"
        '2.00 (-0.48 to 4.48)'
    """
    n, mean = len(values), statistics.mean(values)
    if n == 1:
        return Summary(n, mean)
    sd = statistics.stdev(values)
    half = _t(n) * sd / math.sqrt(n)
    return Summary(n, mean, sd, mean - half, mean + half)


def paired(first: Sequence[float], second: Sequence[float]) -> Paired:
    """Compare two groups by their values for the same seeds: the paired t test, two-sided.

    Args:
        first, second: a value for each seed, in the same order; at least one.

    Raises:
        ValueError: one has more values than the other. statistics.StatisticsError: there is none.

    Reference:
        Student (1908), "The probable error of a mean", Biometrika 6(1).
        Cohen (1988), "Statistical power analysis for the behavioral sciences", for $d_z$.
    """
    from scipy.special import stdtr

    differences = [a - b for a, b in zip(first, second, strict=True)]
    known = summary(differences)
    if known.sd is None or _is_rounding(known.sd, (*first, *second)):
        return Paired(known.n, known.mean)
    d_z = known.mean / known.sd
    p = 2 * float(stdtr(known.n - 1, -abs(d_z) * math.sqrt(known.n)))
    return Paired(known.n, known.mean, known.low, known.high, d_z, p, p)


@overload
def corrected(tests: Sequence[Paired]) -> list[Paired]: ...
@overload
def corrected(tests: Sequence[Paired | None]) -> list[Paired | None]: ...
def corrected(tests: Sequence[Paired | None]) -> Sequence[Paired | None]:
    """The same, each with its ``p_holm`` for that all of them were made; None where two groups have no seed in common.

    Reference:
        Holm (1979): see ``holm``.
    """
    p_values = holm([None if test is None else test.p for test in tests])
    return [None if test is None else replace(test, p_holm=p) for test, p in zip(tests, p_values)]


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    r"""The same, corrected for that several were looked at: $p_{(j)}$, the j-th smallest of $m$, becomes
    $\max_{i \le j} \min(1, (m - i + 1) \, p_{(i)})$. None, where there was no test, stays None and does not count.

    Reference:
        Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6(2).

    Example:
        >>> holm([0.01, 0.04, None, 0.03])
        [0.03, 0.06, None, 0.06]
    """
    tested = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, index) in enumerate(tested):
        highest = max(highest, min(1.0, p * (len(tested) - rank)))
        adjusted[index] = highest
    return adjusted


def seeds_needed(d_z: float, tests: int = 1) -> int:
    """About how many common seeds would show a difference of this size four times in five.

    The normal approximation with Guenther's correction for t, at the level of the hardest of so many tests.

    Args:
        d_z: the difference over its standard deviation; of either sign, not 0.

    Raises:
        ZeroDivisionError: no number of seeds shows that there is no difference.

    Reference:
        Guenther (1981), "Sample size formulas for normal theory t tests", The American Statistician 35(4).
    """
    normal = statistics.NormalDist()
    z = normal.inv_cdf(1 - LEVEL / tests / 2)
    return math.ceil(((z + normal.inv_cdf(POWER)) / d_z) ** 2 + z**2 / 2)


def outliers(values: Sequence[float], level: float = OUTLIER_LEVEL, most: int | None = None) -> list[int]:
    r"""The positions of values that stand far out, by the generalized extreme Studentized deviate test, two-sided.

    Of $n$ values, up to $r$ are suspected. One after another, the value farthest from the mean of those that are left
    is taken away; the i-th of them was

    $$R_i = \frac{\max_j |x_j - \bar{x}|}{s}$$

    standard deviations from it, mean $\bar{x}$ and $s$ being those of the $n - i + 1$ values with it. That is held
    against

    $$\lambda_i = \frac{(n - i) \, t_{p, n-i-1}}{\sqrt{(n - i - 1 + t_{p, n-i-1}^2)(n - i + 1)}}, \qquad
    p = 1 - \frac{\alpha}{2 (n - i + 1)}$$

    where $t_{p, \nu}$ is the p-quantile of Student's t with $\nu$ degrees of freedom. The first $i$ stand out, for the
    largest $i$ with $R_i > \lambda_i$: so two of them do not hide one another. Once those that are left are equal,
    nothing more does.

    Args:
        level: $\alpha$, the share of normally distributed groups, of which nothing is wrong, in which a value is named.
            The share is as large from 15 values on; with 8 to 12, about 0.014 of them are named at a level of 0.01.
        most: $r$, at most ``len(values) - 2``; None for a quarter of them: so of fewer than four, none is suspected.

    Raises:
        ConfigError: so many cannot be suspected.

    Reference:
        Rosner (1983), "Percentage points for a generalized ESD many-outlier procedure", Technometrics 25(2).
        NIST/SEMATECH, e-Handbook of Statistical Methods, section 1.3.5.17.3.

    Example:
        >>> outliers([1, 1, 0.75, 1, 1, 1, 0.75, 1, 1, 1])
        [2, 6]
    """
    n = len(values)
    most = n // 4 if most is None else most
    if not 0 <= most <= max(0, n - 2):
        raise ConfigError(f"of {n} values at most {max(0, n - 2)} can be suspected, not {most}")
    taken = extreme_deviates(values, most)
    limits = critical_deviates(n, most, level)
    beyond = [i for i, ((_, deviate), limit) in enumerate(zip(taken, limits), 1) if deviate > limit]
    return sorted(position for position, _ in taken[: max(beyond, default=0)])


def extreme_deviates(values: Sequence[float], most: int) -> list[tuple[int, float]]:
    """Position and $R_i$ of each value that ``outliers`` takes away: so many, or until the others are equal."""
    order = sorted(range(len(values)), key=values.__getitem__)
    left = np.array([values[position] for position in order], float)
    taken: list[tuple[int, float]] = []
    while len(taken) < most:
        mean, sd = float(left.mean()), float(left.std(ddof=1))
        if _is_rounding(sd, left):
            break
        low, high = mean - float(left[0]), float(left[-1]) - mean  # the farthest is at one of the ends
        cut = slice(1, None) if low > high else slice(-1)
        taken.append((order[0] if low > high else order[-1], max(low, high) / sd))
        left, order = left[cut], order[cut]
    return taken


def critical_deviates(n: int, most: int, level: float) -> list[float]:
    r"""What the $R_i$ of ``outliers`` are held against: $\lambda_1$ to $\lambda_r$."""
    from scipy.special import stdtrit

    limits = []
    for i in range(1, most + 1):
        t = float(stdtrit(n - i - 1, 1 - level / (2 * (n - i + 1))))
        limits.append((n - i) * t / math.sqrt((n - i - 1 + t**2) * (n - i + 1)))
    return limits


def _is_rounding(sd: float, values: Iterable[float]) -> bool:
    """Whether so small a spread is what rounding makes out of equal values."""
    return sd <= 1e-12 * max(map(abs, values))


def _t(n: int) -> float:
    """How many standard errors the interval of a mean of n values reaches to either side."""
    from scipy.special import stdtrit

    return float(stdtrit(n - 1, 1 - LEVEL / 2))
