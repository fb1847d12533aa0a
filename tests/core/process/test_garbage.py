"""When Python searches for garbage, asked of its own collector, in a process of its own where it matters."""

import gc
import subprocess
import sys

import pytest

from chainrule.process.garbage import MANY, made_to_stay, searched_later


@pytest.mark.parametrize("inside", [searched_later, made_to_stay])
def test_nothing_is_searched_inside_and_everything_as_before_afterwards(inside):
    searched = []
    gc.callbacks.append(lambda phase, info: searched.append(phase))
    try:
        with inside():
            made = [[] for _ in range(10_000)]
            assert searched == []
            assert not gc.isenabled()
    finally:
        gc.callbacks.pop()
    assert gc.isenabled()
    assert len(made) == 10_000


@pytest.mark.parametrize("inside", [searched_later, made_to_stay])
def test_an_error_inside_switches_the_search_on_again(inside):
    with pytest.raises(ValueError, match="broken"), inside():
        raise ValueError("broken")
    assert gc.isenabled()


@pytest.mark.parametrize("inside", [searched_later, made_to_stay])
def test_who_had_switched_it_off_finds_it_off(inside):
    gc.disable()
    try:
        with inside():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_is_made_to_stay_counts_as_old_and_is_found_all_the_same_once_it_is_garbage():
    class Ring:
        found = 0

        def __init__(self):
            self.itself = self

        def __del__(self):
            Ring.found += 1

    with made_to_stay():
        ring = Ring()
        much = [[] for _ in range(2 * MANY)]
    assert any(thing is ring for thing in gc.get_objects(generation=2))
    assert gc.get_freeze_count() == 0
    assert len(much) > MANY
    del ring
    gc.collect()
    assert Ring.found == 1


def test_where_little_is_made_nothing_becomes_old():
    gc.collect()
    with made_to_stay():
        young = [[]]
    assert not any(thing is young for thing in gc.get_objects(generation=2))


def test_in_a_process_of_its_own_what_imports_make_is_never_searched():
    program = """
import gc
from chainrule.process.garbage import MANY, made_to_stay, own_process
own_process()
before = gc.get_freeze_count()
with made_to_stay():
    much = [[] for _ in range(2 * MANY)]
ring = []
ring.append(ring)
del ring
print(before > 0, gc.get_freeze_count() >= before + MANY, gc.collect())
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "True True 1\n"


def test_the_end_of_a_process_with_mlflow_does_not_search_its_modules(tmp_path):
    program = """
import atexit, gc
atexit.register(lambda: print(gc.get_freeze_count() > 100_000))  # the first to be registered is the last to be called
from chainrule.tracking.uris import absolute_uri
from chainrule.tracking.store import prepare_store
prepare_store(absolute_uri("sqlite:///runs.db"), "a")
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ended.stdout == "True\n"
