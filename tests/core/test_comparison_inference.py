"""What a few seeds can tell, against scipy's own tests and against simulated seeds."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

import chainrule as cr
from chainrule.comparison.inference import (
    corrected,
    critical_deviates,
    extreme_deviates,
    holm,
    outliers,
    paired,
    seeds_needed,
    summary,
)

NUMBERS = st.floats(-1e6, 1e6).map(lambda x: round(x, 6))
VALUES = st.lists(NUMBERS, min_size=2, max_size=20)


@given(VALUES)
def test_a_summary_is_that_of_numpy_and_of_students_t(values: list[float]) -> None:
    known = summary(values)
    assert known.n == len(values)
    assert known.mean == pytest.approx(np.mean(values), rel=1e-9, abs=1e-9)
    assert known.sd == pytest.approx(np.std(values, ddof=1), rel=1e-6, abs=1e-6)
    if known.sd:
        interval = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
        assert (known.low, known.high) == pytest.approx(interval, rel=1e-6, abs=1e-6)


def test_one_value_has_no_spread_and_equal_ones_have_exactly_none() -> None:
    assert summary([0.1]).sd is summary([0.1]).low is summary([0.1]).high is None
    equal = summary([0.1] * 3)
    assert (equal.mean, equal.sd, equal.low, equal.high) == (0.1, 0, 0.1, 0.1)


def test_ninety_five_of_a_hundred_intervals_hold_the_mean() -> None:
    rng = np.random.default_rng(0)
    hits = [known.low <= 3 <= known.high for known in map(summary, rng.normal(3, 2, (2000, 5)).tolist())]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.015)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=20))
def test_a_paired_test_is_scipys(pairs: list[tuple[float, float]]) -> None:
    first, second = map(list, zip(*pairs))
    differences = np.subtract(first, second)
    assume(np.std(differences) > 1e-6 * np.abs(pairs).max())
    test, other = paired(first, second), stats.ttest_rel(first, second)
    assert test.p == pytest.approx(other.pvalue, rel=1e-6, abs=1e-12)
    assert (test.low, test.high) == pytest.approx(tuple(other.confidence_interval(0.95)), rel=1e-5, abs=1e-5)
    assert test.difference == pytest.approx(differences.mean(), rel=1e-9, abs=1e-9)
    assert test.d_z == pytest.approx(differences.mean() / differences.std(ddof=1), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("first", "second"), [([0.3], [0.1]), ([0.3, 0.5, 0.7], [0.1, 0.3, 0.5])])
def test_without_a_spread_there_is_no_test(first: list[float], second: list[float]) -> None:
    """Rounding makes 0.2, 0.2 and 0.19999999999999996 of the differences."""
    test = paired(first, second)
    assert test.difference == pytest.approx(0.2)
    assert test.n == len(first)
    assert test.d_z is test.p is test.low is test.high is None


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holms_p_values_are_those_of_their_definition(p_values: list[float]) -> None:
    """Each is the largest of min(1, (m - j + 1) p_j) over the p_j that are no larger than it, in ascending order."""
    m = len(p_values)
    ascending = np.argsort(p_values, kind="stable")
    expected = np.empty(m)
    for rank, index in enumerate(ascending):
        expected[index] = max(min(1.0, (m - j) * p_values[ascending[j]]) for j in range(rank + 1))
    assert holm(p_values) == pytest.approx(expected)


def test_what_was_not_tested_makes_no_other_test_weaker() -> None:
    assert holm([0.02, None, 0.04, None]) == [0.04, None, 0.04, None]
    clear, none, close = paired([1, 2, 4], [0.5, 1.4, 3.6]), paired([1], [2]), paired([1, 2, 4], [0.9, 2.4, 3.6])
    tests = corrected([close, None, none, clear])
    assert [test and test.p_holm for test in tests] == [close.p, None, None, 2 * (clear.p or 0)]
    assert [test and test.told_apart for test in tests] == [False, None, False, True]
    assert clear.p_holm == clear.p, "alone"


def power(n: int, d_z: float, level: float) -> float:
    """Of a paired t test with n pairs, exactly, by the noncentral t distribution."""
    edge, center = stats.t.ppf(1 - level / 2, n - 1), d_z * math.sqrt(n)
    return float(stats.nct.sf(edge, n - 1, center) + stats.nct.cdf(-edge, n - 1, center))


@pytest.mark.parametrize("tests", [1, 5])
@pytest.mark.parametrize("d_z", [0.2, 0.5, 0.8, 1.2, 2.0])
def test_so_many_seeds_as_are_said_to_be_needed_show_the_difference_four_times_in_five(d_z: float, tests: int) -> None:
    n = seeds_needed(d_z, tests)
    assert power(n + 2, d_z, 0.05 / tests) > 0.8 > power(n - 2, d_z, 0.05 / tests)


def test_a_smaller_difference_needs_more_seeds() -> None:
    needed = [seeds_needed(d) for d in (3, 1, 0.3, 0.1)]
    assert needed == sorted(needed)
    assert seeds_needed(0.5) == seeds_needed(-0.5)


# ---- a seed that stands far out

NIELSEN = [0.9502, 0.9531, 0.8563, 0.9489, 0.9517]
"""Five seeds of Nielsen's first network; one never learns a digit."""


def test_the_seed_that_never_learns_a_digit_is_found() -> None:
    assert outliers(NIELSEN) == [2]


ROSNER = [
    -0.25, 0.68, 0.94, 1.15, 1.20, 1.26, 1.26, 1.34, 1.38, 1.43, 1.49, 1.49, 1.55, 1.56, 1.58, 1.65, 1.69, 1.70,
    1.76, 1.77, 1.81, 1.91, 1.94, 1.96, 1.99, 2.06, 2.09, 2.10, 2.14, 2.15, 2.23, 2.24, 2.26, 2.35, 2.37, 2.40,
    2.47, 2.54, 2.62, 2.64, 2.90, 2.92, 2.92, 2.93, 3.21, 3.26, 3.30, 3.59, 3.68, 4.30, 4.64, 5.34, 5.42, 6.01,
]  # fmt: skip
"""The example of his paper, which section 1.3.5.17.3 of NIST's e-Handbook works out, for up to 10 outliers at 0.05."""
NIST_R = [3.118, 2.942, 3.179, 2.810, 2.815, 2.848, 2.279, 2.310, 2.101, 2.067]
NIST_LAMBDA = [3.158, 3.151, 3.143, 3.136, 3.128, 3.120, 3.111, 3.103, 3.094, 3.085]
CUT = 1.1e-3
"""NIST's last digit is cut, not rounded."""


def test_rosners_example_comes_out_as_nist_has_it() -> None:
    """Three: the first two of them alone would hide one another."""
    deviates = [deviate for _, deviate in extreme_deviates(ROSNER, 10)]
    assert deviates == pytest.approx(NIST_R, abs=CUT)
    assert critical_deviates(54, 10, 0.05) == pytest.approx(NIST_LAMBDA, abs=CUT)
    assert [ROSNER[position] for position in outliers(ROSNER, 0.05, 10)] == [5.34, 5.42, 6.01]
    assert outliers(ROSNER, 0.05, 2) == []


@pytest.mark.parametrize("n", [5, 10, 20])
def test_where_nothing_is_wrong_a_seed_is_named_in_about_one_group_of_a_hundred(n: int) -> None:
    """Of 4,000 groups 40, give or take 6, and a few more with ten seeds, where Rosner's limits are an approximation."""
    groups = np.random.default_rng(n).normal(size=(4000, n)).tolist()
    assert 0.007 < np.mean([bool(outliers(group)) for group in groups]) < 0.018


@given(st.lists(NUMBERS, min_size=4, max_size=20), st.randoms())
def test_the_order_of_the_values_does_not_matter(values: list[float], random: Random) -> None:
    shuffled = random.sample(values, len(values))
    assert sorted(shuffled[index] for index in outliers(shuffled)) == sorted(
        values[index] for index in outliers(values)
    )


@given(VALUES)
def test_a_quarter_stands_out_at_most(values: list[float]) -> None:
    assert len(outliers(values)) <= len(values) // 4


@pytest.mark.parametrize(("n", "most"), [(5, 4), (5, -1), (0, 1)])
def test_more_than_can_be_suspected_is_refused(n: int, most: int) -> None:
    with pytest.raises(cr.ConfigError, match=f"of {n} values at most {max(0, n - 2)} can be suspected, not {most}"):
        outliers([0.0] * n, most=most)


@pytest.mark.parametrize("n", [5, 10, 20])
@pytest.mark.parametrize("away", [-40, 40])
def test_a_seed_far_out_is_named_among_others_that_are_as_they_should(n: int, away: float) -> None:
    rng = np.random.default_rng(0)
    found = [outliers([*rng.normal(size=n - 1).tolist(), away]) == [n - 1] for _ in range(500)]
    assert np.mean(found) > 0.9


def test_two_far_out_of_ten_do_not_hide_one_another() -> None:
    rng = np.random.default_rng(0)
    assert outliers([*rng.normal(0.95, 0.001, 8).tolist(), 0.86, 0.85]) == [8, 9]


@pytest.mark.parametrize(
    ("values", "far"),
    [
        ([1, 1, 1, 1, 0.75], [4]),
        ([1, 1, 1, 0.5, 0.75], []),  # two of five are not far out, the group is of two kinds
        ([1, 0.5, 1, 1, 1, 1, 0.75, 1], [1, 6]),
        ([1.0] * 4 + [0.75] * 2 + [1.0] * 4, [4, 5]),  # XOR from ten seeds, two of which miss one of its patterns
        ([0.972, 0.972, 0.972, 0.972, 0.975], [4]),
        ([0.5] * 5, []),
        ([0.3, 0.3, 0.3, 0.1 + 0.2], []),  # rounding
        ([0.0, 0.0, 0.0, 0.0, 1e-9], [4]),
        ([1, 1, 0.1], []),  # of three nobody can say
        ([0.1], []),
    ],
)
def test_where_most_values_are_equal_what_differs_stands_out(values: list[float], far: list[int]) -> None:
    assert outliers(values) == far


@given(st.lists(st.integers(-1000, 1000), min_size=4, max_size=12), st.integers(-5, 5), st.sampled_from([0.5, 2, 8]))
def test_it_depends_neither_on_the_unit_nor_on_the_origin(values: list[int], shift: int, scale: float) -> None:
    assert outliers([scale * value + shift for value in values]) == outliers(values)
