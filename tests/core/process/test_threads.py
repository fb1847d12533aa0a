"""The threads of the matrix products."""

import os
import subprocess
import sys

import pytest

from chainrule.process.threads import blas, blas_limit, blas_threads, cores


def limit(**environment: str) -> int:
    code = "from chainrule.process.threads import blas_limit; import numpy; print(blas_limit())"
    ran = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return int(ran.stdout)


def test_the_limit_is_what_the_library_takes_by_itself():
    assert limit(OMP_NUM_THREADS="1") == 1
    assert limit(OMP_NUM_THREADS="", OPENBLAS_NUM_THREADS="") == cores()


def test_no_more_than_the_cores_whatever_the_library_is_told():
    assert limit(OPENBLAS_NUM_THREADS="64", OMP_NUM_THREADS="64") == cores()


def test_a_process_that_may_use_one_core_has_one():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert cores() == blas_limit() == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize("number", [1, 2])
def test_inside_the_products_take_that_many(number):
    before = blas()
    with blas_threads(number):
        assert blas().endswith(f" {number} threads")
    assert blas() == before
