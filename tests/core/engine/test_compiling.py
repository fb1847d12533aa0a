"""What is compiled is kept, and had again; what cannot be, or cannot be kept, ends no training."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chainrule.engine import compiling
from chainrule.engine.rule import Rule
from chainrule.engine.use import using

pytest.importorskip("numba")

DOUBLED = "def loop(x, numbers):\n    for i in range(x.size):\n        x[i] = x[i] + x[i]\n"
FLOAT32 = "(float32[::1], float32[::1])"
# In a process of its own, which must say and warn of nothing: prints results, and what numba took from its cache.
COMPUTING = """
import logging, sys
import numpy as np
from chainrule.engine import compiling
from chainrule.engine.rule import Rule
from chainrule.engine.use import using

compiling.LONG = 3600  # however busy the machine is
logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
rule = Rule(lambda x, g, lr: x - lr * np.sign(g), ("x", "g"), ("lr",), ("x",), {})
sys.stdin.readline()
for dtype in sys.argv[1:]:
    x = np.arange(4, dtype=dtype)
    with using("numba"):
        rule.run([x, np.array([1, -1, 0, 2], dtype)], [0.5])
    stats = rule.compiled(dtype).stats
    assert x.dtype == dtype and x.tolist() == [-0.5, 1.5, 2.0, 2.5], x
    print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, from which nothing is known yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(compiling, "LONG", 3600)  # however busy the machine is
    compiling.compiled.cache_clear()
    yield tmp_path
    compiling.compiled.cache_clear()


def begin(cache: Path, *dtypes: str) -> subprocess.Popen[str]:
    """It waits for a line before it computes."""
    settings = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    settings.pop("NUMBA_CACHE_DIR", None)
    command = [sys.executable, "-W", "error", "-c", COMPUTING, *dtypes]
    return subprocess.Popen(
        command, env=settings, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def ended(process: subprocess.Popen[str]) -> list[str]:
    out, err = process.communicate("\n", timeout=300)
    assert (process.returncode, err) == (0, "")
    return out.splitlines()


def doubled(warned: pytest.LogCaptureFixture) -> dict[str, int]:
    """Whether the loop was had from what is kept, of a loop that works, of which nothing was told."""
    compiling.compiled.cache_clear()
    loop, x = compiling.compiled(DOUBLED, "loop", FLOAT32), np.array([1, 2], np.float32)
    loop(x, x[:0])
    assert x.tolist() == [2, 4]
    assert [record for record in warned.records if record.levelno >= logging.WARNING] == []
    return {"hits": sum(loop.stats.cache_hits.values()), "misses": sum(loop.stats.cache_misses.values())}


@pytest.mark.slow
def test_a_second_process_has_the_loop_from_the_first(tmp_path):
    assert ended(begin(tmp_path, "float32")) == ["0 1"]
    assert ended(begin(tmp_path, "float32", "float64")) == ["1 0", "0 1"]
    assert ended(begin(tmp_path, "float64", "float32")) == ["1 0", "1 0"]


@pytest.mark.slow
def test_processes_that_compile_at_once_do_not_disturb_each_other(tmp_path):
    begun = [begin(tmp_path, *dtypes) for dtypes in (["float32"], ["float64"], ["float32", "float64"])]
    for process in begun:
        process.stdin.write("\n")
        process.stdin.flush()
    assert [len(ended(process)) for process in begun] == [1, 1, 2]
    assert ended(begin(tmp_path, "float32", "float64")) == ["1 0", "1 0"]


def test_each_dtype_has_a_file_of_its_own(cache):
    """Of two in one, numba could take one's code for the other's, where two processes had compiled at once."""
    for types in (FLOAT32, FLOAT32.replace("32", "64")):
        assert compiling.compiled(DOUBLED, "loop", types) is not None
    assert len([*cache.glob("chainrule/loops/*.py")]) == len([*cache.glob("chainrule/loops/*/*.nbi")]) == 2


def test_the_text_of_what_is_compiled_can_be_read(cache):
    compiling.compiled(DOUBLED, "loop", FLOAT32)
    assert [path.read_text() for path in cache.glob("chainrule/loops/*.py")] == [DOUBLED]


@pytest.mark.parametrize("left", [b"", b"\x80\x04garbage", None], ids=["emptied", "garbage", "cut"])
@pytest.mark.parametrize("kind", ["nbi", "nbc"])
def test_a_damaged_file_is_made_anew(cache, caplog, kind, left):
    assert doubled(caplog) == {"hits": 0, "misses": 1}
    [path] = cache.glob(f"chainrule/loops/__pycache__/*.{kind}")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if left is None else left)
    doubled(caplog)
    doubled(caplog)
    assert doubled(caplog) == {"hits": 1, "misses": 0}


def test_a_folder_below_a_file_keeps_nothing_and_tells_nothing(cache, caplog, monkeypatch):
    (cache / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache / "file"))
    assert doubled(caplog)["hits"] == 0
    assert [path.name for path in cache.iterdir()] == ["file"]


def test_where_numba_can_keep_nothing_nothing_is_told(cache, caplog):
    """As in a cache that another user filled."""
    (cache / "chainrule" / "loops").mkdir(parents=True)
    (cache / "chainrule" / "loops" / "__pycache__").write_text("")
    (cache / "numba").write_text("")
    assert doubled(caplog)["hits"] == 0


def test_what_cannot_be_compiled_is_computed_by_numpy_and_told_once(cache, caplog):
    for _ in range(3):
        rule = Rule(lambda x, g, lr: x - lr * np.heaviside(g, 0.5), ("x", "g"), ("lr",), ("x",), {})
        x, g = np.array([1, 2, 3], np.float32), np.array([-1, 0, 1], np.float32)
        with using("numba"):
            for _ in range(3):
                rule.run([x, g.copy()], [1.0])
        assert x.tolist() == [1, 0.5, 0]
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith(
        "A loop cannot be compiled (TypingError: Use of unsupported NumPy function 'nump"
    )
    assert record.getMessage().endswith(": NumPy computes in its place")
    assert "\n" not in record.getMessage()


def test_a_long_wait_is_told(cache, caplog, monkeypatch):
    monkeypatch.setattr(compiling, "LONG", 0.001)
    compiling.compiled(DOUBLED, "loop", FLOAT32)
    assert [record.getMessage() for record in caplog.records] == [
        "Compiling a loop, which is done once for all runs ..."
    ]


def test_a_short_one_is_not(cache, caplog):
    caplog.set_level("INFO")
    compiling.compiled(DOUBLED, "loop", FLOAT32)
    assert caplog.records == []


def test_a_numba_that_does_not_know_this_numpy_is_told_once(caplog, monkeypatch, tmp_path):
    (tmp_path / "numba.py").write_text('raise ImportError("Numba needs NumPy 2.3 or less")')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "numba")
    compiling.numba_version.cache_clear()
    compiling.compiled.cache_clear()
    try:
        assert compiling.numba_version() is compiling.numba_version() is None
        assert compiling.compiled(DOUBLED, "loop", FLOAT32) is None
    finally:
        compiling.numba_version.cache_clear()
        compiling.compiled.cache_clear()
    expected = "numba cannot be used (Numba needs NumPy 2.3 or less): NumPy computes in its place"
    assert [record.getMessage() for record in caplog.records] == [expected]


def test_without_numba_nothing_is_told(caplog, monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    compiling.numba_version.cache_clear()
    try:
        assert compiling.numba_version() is None
    finally:
        compiling.numba_version.cache_clear()
    assert caplog.records == []
