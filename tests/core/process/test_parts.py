"""Work that is shared out among threads: all of it is done, once, and what goes wrong in a part is told."""

import contextlib
import os
import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule.process import threads
from chainrule.process.threads import LEAST, LEAST_BESIDE, all_in_parts, blas, blas_threads, in_parts, products_in_parts

LARGE = 10 * LEAST


@pytest.fixture
def three():
    """Threads of the parts; that of matrix products is left alone."""
    with all_in_parts(3):
        yield


def parts_of(count, numbers, products=False):
    found = []
    in_parts(found.append, count, numbers, products)
    return sorted(found, key=lambda part: part.start)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 100])
def test_each_is_done_once(three, count):
    done = np.zeros(count, int)

    def add(part):
        done[part] += 1

    in_parts(add, count, LARGE)
    assert (done == 1).all()
    assert len(parts_of(count, LARGE)) == max(min(count, 3), 1)


def test_parts_run_in_threads_of_their_own_at_once(three):
    meeting = threading.Barrier(3, timeout=20)
    in_parts(lambda part: meeting.wait(), 3, LARGE)  # where one waited for another, this would break


def test_what_is_little_is_one_part():
    with blas_threads(1):
        assert len(parts_of(100, LARGE)) == 1
    if threads.cores() > 1:
        with blas_threads(2), products_in_parts():
            assert len(parts_of(100, LARGE)) == 2
            assert parts_of(100, 2 * LEAST - 1) == [slice(0, 100)]
            assert parts_of(1, LARGE) == [slice(0, 1)]


def test_beside_the_threads_of_products_a_part_is_larger():
    """They keep the cores busy for a while after each product: what is shared out then waits for them."""
    if threads.cores() > 1:
        with blas_threads(2):
            assert parts_of(100, 2 * LEAST_BESIDE - 1) == [slice(0, 100)]
            assert len(parts_of(100, 2 * LEAST_BESIDE)) == 2


def test_products_are_one_part_but_where_they_are_left_to_layers():
    if threads.cores() < 2:
        return
    with blas_threads(2):
        before = blas()
        assert len(parts_of(100, LARGE, products=True)) == 1
        with products_in_parts():
            assert "1 thread" in blas()
            assert len(parts_of(100, LARGE, products=True)) == 2
            with products_in_parts():
                assert len(parts_of(100, LARGE, products=True)) == 2
        assert blas() == before
        with products_in_parts(at_all=False):
            assert blas() == before


def test_products_have_their_threads_again_once_the_last_thread_lets_go():
    """Of two that overlap, the first to come is the first to go."""
    before, first_in, second_in, first_out = blas(), *(threading.Event() for _ in range(3))

    def first():
        with all_threads(2), products_in_parts():
            first_in.set()
            assert second_in.wait(20)
        first_out.set()

    def second():
        assert first_in.wait(20)
        with all_threads(2), products_in_parts():
            second_in.set()
            assert first_out.wait(20)
            assert blas().endswith("1 threads")

    working = [threading.Thread(target=work) for work in (first, second)]
    for thread in working:
        thread.start()
    for thread in working:
        thread.join()
    assert blas() == before


@contextlib.contextmanager
def all_threads(number):
    """As a run has them, but for the library, of which a process has one."""
    token = threads._number.set(number)
    yield
    threads._number.reset(token)


def test_within_a_part_nothing_is_shared_out(three):
    found = []
    in_parts(lambda part: found.append(len(parts_of(10, LARGE))), 3, LARGE)
    assert found == [1, 1, 1]


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_an_error_in_a_part_is_raised_once_all_have_ended(three, failing):
    ended = []

    def fail(part):
        if part.start == failing:
            raise ArithmeticError(f"part {part.start}")
        ended.append(part.start)

    with pytest.raises(ArithmeticError, match=f"part {failing}"):
        in_parts(fail, 3, LARGE)
    assert sorted(ended) == [part for part in range(3) if part != failing]


def test_parts_treat_what_overflows_as_the_caller_does(three):
    x = np.full(9, 1e308)
    with np.errstate(over="ignore"):
        in_parts(lambda part: np.multiply(x[part], 10, out=x[part]), 9, LARGE)
    assert np.isinf(x).all()
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        in_parts(lambda part: np.full(3, 1e308) * 10, 9, LARGE)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_has_threads_of_its_own(three):
    assert len(parts_of(3, LARGE)) == 3
    child = os.fork()
    if child == 0:
        os._exit(0 if len(parts_of(3, LARGE)) == 3 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def trained(number):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 14, 14, 6)).astype(np.float32), rng.integers(3, size=64)
    layers = [
        {"name": "conv2d", "filters": 8, "kernel": 3, "activation": "relu", "padding": "same"},
        "max_pool2d",
        "flatten",
        {"name": "dense", "units": 3, "activation": "softmax"},
    ]
    network = cr.Network(layers, x.shape[1:], "categorical_cross_entropy", seed=0)
    if number == 1:
        y_of = network.predict(x)
    else:
        with all_in_parts(number):
            y_of = network.predict(x)
    trainer = cr.Trainer(network, {"name": "adam", "lr": 0.01}, batch_size=64)
    if number == 1:
        trainer.fit((x, y), epochs=4)
    else:
        with all_in_parts(number):
            trainer.fit((x, y), epochs=4)
    return y_of, network.parameters.theta


def test_a_convolutional_network_learns_the_same_on_any_number_of_threads():
    """To the last bit what it answers; to rounding what is summed over the batch, again and again the same."""
    alone, shared, again = trained(1), trained(3), trained(3)
    assert (alone[0] == shared[0]).all()
    np.testing.assert_allclose(shared[1], alone[1], rtol=0, atol=1e-5)
    assert (shared[1] == again[1]).all()
