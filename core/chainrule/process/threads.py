"""The threads of the matrix products, and one beside the program for what waits."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
LEAST = 131_072
"""Numbers of a part, at least: fewer are computed sooner than another thread has begun."""
LEAST_BESIDE = 1_048_576
"""The same where products have threads of their own, which keep the cores busy for some time after each of them."""
_least: ContextVar[int] = ContextVar("numbers of a part", default=LEAST)
least_of_a_part = _least.get
_number: ContextVar[int | None] = ContextVar("threads", default=None)
_left_to_parts: ContextVar[bool] = ContextVar("products are left to parts", default=False)
_within: ContextVar[bool] = ContextVar("within a part", default=False)
POOL = re.compile(r"(?P<name>\S+ \S+?)(?: (?P<kernels>.+))?, (?P<threads>\d+) threads?")
"""One library in a text of ``blas``; older ones do not have its kernels."""


def blas() -> str:
    """The library that multiplies matrices, its kernels, and the number of threads that it now takes.

    For example ``"openblas 0.3.31 SkylakeX, 2 threads"``.
    """
    return "; ".join(sorted({_in_words(pool) for pool in _pools()}))


def blas_limit() -> int:
    """How many threads it takes by itself: of all cores that the process may use, or as ``OMP_NUM_THREADS`` says."""
    return min(cores(), max((pool["num_threads"] for pool in _pools()), default=1))


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def blas_threads(number: int) -> Iterator[None]:
    """Let matrix products take this many threads inside, 1 or more."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    token = _number.set(number)
    try:
        with threadpool_limits(number, user_api="blas"):
            yield
    finally:
        _number.reset(token)


def threads() -> int:
    """How many matrix products take now, as far as this program says: by default as many as they take by themselves."""
    number = _number.get()
    if number is None:
        number = min(cores(), max((library.num_threads for library in _libraries()), default=1))
    return number


def in_parts(work: Callable[[slice], Any], count: int, numbers: int, products: bool = False) -> None:
    """Do ``work(part)`` for the whole of ``slice(0, count)``, such as the samples of a batch, in as many parts as there
    are threads, all at once, and wait for them.

    It is for work that lets go of Python's lock, as NumPy does in large arrays, and that writes nothing which another
    part reads or writes. What is too little to be worth another thread is one part: most of what there is where the
    library that multiplies matrices has threads of its own, which are in the way for some time after each product.

    Args:
        numbers: how many are computed in all.
        products: whether it multiplies matrices. These take threads of their own, and so are one part, but where that
            is left to the layers: see ``Layer.multiplies_in_parts``.
    """
    left = _left_to_parts.get()
    least = _least.get() if left else LEAST_BESIDE
    parts = 1 if numbers < 2 * least else min(threads(), count, numbers // least)
    if parts < 2 or _within.get() or (products and not left):
        work(slice(0, count))
        return
    bounds = [count * part // parts for part in range(parts + 1)]
    first, *others = map(slice, bounds, bounds[1:])
    token = _within.set(True)
    try:
        # Each has the context of the caller, for example how NumPy treats what overflows.
        waiting = [_pool().submit(contextvars.copy_context().run, work, part) for part in others]
        try:
            work(first)
        finally:
            wait(waiting)
    finally:
        _within.reset(token)
    for part in waiting:
        part.result()


@contextlib.contextmanager
def all_in_parts(number: int) -> Iterator[None]:
    """Inside, whatever can be shared out is, among this many, however little it is: to see whether that is right."""
    tokens = _number.set(number), _least.set(1), _left_to_parts.set(True)
    try:
        yield
    finally:
        _number.reset(tokens[0])
        _least.reset(tokens[1])
        _left_to_parts.reset(tokens[2])


@contextlib.contextmanager
def products_in_parts(at_all: bool = True) -> Iterator[None]:
    """Inside, a matrix product takes one thread, and what ``in_parts`` shares out has as many as there are.

    A library's threads keep a core busy for some time after a product, waiting for the next one. So products do not
    take threads of their own in turn with what is shared out.
    """
    if not at_all or threads() < 2 or _left_to_parts.get():
        yield
        return
    tokens = _number.set(threads()), _left_to_parts.set(True)
    _one_thread.hold()
    try:
        yield
    finally:
        _one_thread.let_go()
        _number.reset(tokens[0])
        _left_to_parts.reset(tokens[1])


def libraries_in(text: str) -> tuple[set[str], set[str], set[str]]:
    """What a text of ``blas`` tells: the names of libraries with their versions, their kernels, numbers of threads."""
    found = [pool for pool in map(POOL.fullmatch, text.split("; ")) if pool]
    names, kernels, threads = ({pool[part] for pool in found if pool[part]} for part in ("name", "kernels", "threads"))
    return names, kernels, threads


class _OneThread:
    """Holds products to one thread as long as anybody asks for it: networks may be at work in several threads."""

    def __init__(self) -> None:
        self._lock, self._holders, self._before = threading.Lock(), 0, list[int]()

    def hold(self) -> None:
        with self._lock:
            if not self._holders:
                self._before = [library.num_threads for library in _libraries()]
                for library in _libraries():
                    library.set_num_threads(1)
            self._holders += 1

    def let_go(self) -> None:
        with self._lock:
            self._holders -= 1
            if not self._holders:
                for library, number in zip(_libraries(), self._before):
                    library.set_num_threads(number)


_one_thread = _OneThread()


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), thread_name_prefix="chainrule")


@functools.cache
def _libraries() -> list[Any]:
    """What multiplies NumPy's matrices, to be told its number of threads."""
    from threadpoolctl import ThreadpoolController

    return [library for library in ThreadpoolController().lib_controllers if library.info() in _pools()]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a child has none of the threads


def _pools() -> list[dict[str, Any]]:
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    # SciPy may bring another, which is there once somebody has imported it; matrix products are NumPy's.
    own = [pool for pool in pools if {"numpy", "numpy.libs"} & {*Path(pool["filepath"]).parts}]
    return own or pools


def _in_words(pool: dict[str, Any]) -> str:
    kernels = f" {pool['architecture']}" if pool.get("architecture") else ""
    return f"{pool['internal_api']} {pool['version']}{kernels}, {pool['num_threads']} threads"


def in_thread(name: str, work: Callable[[], T], *, cut: bool) -> Future[T]:
    """Begin ``work`` in a thread of that name; ``result()`` waits for it, and gives what it returned or raised.

    A signal ends such a wait, whatever library has the control in the thread.

    Args:
        cut: the process may end before the work does.
    """
    future: Future[T] = Future()

    def do() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=do, name=name, daemon=cut).start()
    return future
