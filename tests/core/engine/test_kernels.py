"""Loops that a component writes out: computed where that is asked for and possible, and else left to it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine import compiling
from chainrule.engine.use import using

pytest.importorskip("numba")

WRITTEN = """
import numpy as np
import chainrule as cr

@cr.loops
def double(x, y):
    for i in range(len(x)):
        y[i] = x[i] + x[i]

@cr.loops
def of_numpy_alone(x, y):
    y[0] = np.heaviside(x[0], 0.5)
"""


def module_in(folder: Path) -> ModuleType:
    """A package's module, as a new process has it."""
    path = folder / "written_loops.py"
    if not path.exists():
        path.write_text(WRITTEN)
    spec = importlib.util.spec_from_file_location("written_loops", path)
    module = sys.modules["written_loops"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(compiling, "LONG", 3600)  # however busy the machine is
    yield
    sys.modules.pop("written_loops", None)


def doubled(module: ModuleType, dtype: str = "float32") -> bool:
    x, y = np.array([1, 2], dtype), np.zeros(2, dtype)
    with using("numba"):
        done = module.double(x, y)
    assert not done or y.tolist() == [2, 4]
    return done


def test_it_is_computed_by_numba_alone(tmp_path, caplog):
    module = module_in(tmp_path)
    x, y = np.ones(2), np.zeros(2)
    assert module.double(x, y) is False
    assert y.tolist() == [0, 0]
    assert doubled(module)
    assert doubled(module, "float64")
    assert caplog.records == []


def test_what_cannot_be_compiled_is_left_to_numpy_and_told_once(tmp_path, caplog):
    module = module_in(tmp_path)
    with using("numba"):
        assert module.of_numpy_alone.in_use
        assert [module.of_numpy_alone(np.ones(1), np.ones(1)) for _ in range(3)] == [False] * 3
        assert not module.of_numpy_alone.in_use
    [record] = caplog.records
    assert record.getMessage().startswith("of_numpy_alone cannot be compiled (TypingError: Use of unsupported NumPy ")


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
def test_what_is_kept_may_be_damaged(tmp_path, caplog, kind):
    assert doubled(module_in(tmp_path))
    [kept] = (tmp_path / "__pycache__").glob(f"*.{kind}")
    kept.write_bytes(kept.read_bytes()[:99])
    assert doubled(module_in(tmp_path))
    assert caplog.records == []


def test_where_none_can_be_kept_it_is_compiled_nevertheless(tmp_path, caplog, monkeypatch):
    (tmp_path / "__pycache__").write_text("")
    (tmp_path / "cache").write_text("")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert doubled(module_in(tmp_path))
    assert caplog.records == []


def test_one_that_lies_in_no_file_is_compiled(caplog):
    known = {"cr": cr, "np": np}
    exec(WRITTEN, known)
    module = ModuleType("written_loops")
    vars(module).update(known)
    assert doubled(module)
    assert caplog.records == []
