"""What a sweep's jobs in one process share: the data of an equal dataset, as long as its files stay as they are."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from environments import variables

import chainrule as cr
from chainrule.runs.building import load_data
from chainrule.runs.loading import KEPT, Kept, loaded

LONG_AGO = time.time() - 60


def write(path: Path, seed: int = 0, when: float = LONG_AGO) -> Path:
    rng = np.random.default_rng(seed)
    np.savez(path, x=rng.random((30, 3)), y=np.arange(30) % 2)
    os.utime(path, (when, when))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "data.npz")


def load(kept: Kept, **given: Any) -> cr.Data:
    return kept.load(cr.make("dataset", given), given)


def npz(path: Path, **fields: Any) -> dict[str, Any]:
    return {"name": "npz", "path": str(path), **fields}


def test_an_equal_dataset_is_loaded_once(path):
    kept = Kept()
    first = load(kept, **npz(path))
    assert load(kept, **npz(path)) is first
    assert load(kept, **npz(path, seed=1)) is not first
    assert load(kept, **npz(path)) is not first, "one is kept, the last"
    assert load(kept, **npz(path)).digest == first.digest


def test_other_datasets_and_class_weights_are_others(path):
    kept = Kept()
    plain = load(kept, **npz(path))
    weighed = load(kept, **npz(path, class_weight={"0": 2.0}))
    assert plain.train.weight is None
    assert {*weighed.train.weight} == {1.0, 2.0}
    assert load(kept, **npz(path, class_weight={"0": 2.0})) is weighed
    digits = load(kept, name="digits")
    assert load(kept, name="digits") is digits, "it reads no files but its own"


@pytest.mark.parametrize("when", [LONG_AGO, LONG_AGO - 1, None], ids=["then", "before", "now"])
def test_a_file_that_was_changed_is_read_again(path, when):
    """Whatever time it says."""
    kept = Kept()
    first = load(kept, **npz(path))
    write(path, seed=1, when=time.time() if when is None else when)
    second = load(kept, **npz(path))
    assert second.digest != first.digest
    assert second.digest == loaded(cr.make("dataset", npz(path))).digest


def test_a_file_that_was_just_written_is_not_relied_on(path):
    """A second change within a tick of the clock looks like none."""
    kept = Kept()
    now = time.time()
    write(path, when=now)
    first = load(kept, **npz(path))
    assert load(kept, **npz(path)) is not first


def test_a_file_in_another_folder_is_another(path, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    write(tmp_path / "elsewhere" / "data.npz", seed=1)
    kept, found = Kept(), []
    for folder in (tmp_path, tmp_path / "elsewhere"):
        monkeypatch.chdir(folder)
        found.append(load(kept, **npz(Path("data.npz"))).digest)
    assert found[0] != found[1]


def test_what_does_not_say_what_it_reads_is_loaded_by_each_job():
    kept = Kept()
    assert cr.Dataset().files_read() is None
    assert load(kept, name="spirals") is not load(kept, name="spirals")


def test_a_file_that_is_not_there_is_said_as_ever(tmp_path):
    kept = Kept()
    with pytest.raises(cr.DataError, match=r"there is no file .*none\.npz"):
        load(kept, **npz(tmp_path / "none.npz"))


def test_no_more_than_the_last_is_held_in_memory(path):
    kept = Kept()
    first = weakref.ref(load(kept, **npz(path)))
    gc.collect()
    assert first() is not None
    load(kept, name="spirals")
    gc.collect()
    assert first() is None
    second = weakref.ref(load(kept, **npz(path)))
    kept.forget()
    gc.collect()
    assert second() is None


def test_nobody_can_write_into_what_a_run_is_given(path):
    config = {"dataset": npz(path, class_weight="balanced")}
    for shared in (False, True, True):
        _, data = load_data(config, shared)
        for split in data.splits.values():
            for array in (*split.arrays, *split.weighing.values()):
                with pytest.raises(ValueError, match="read-only"):
                    array[...] = 0
    KEPT.forget()


PLUGIN = '''
from dataclasses import dataclass
from pathlib import Path

import chainrule as cr
import numpy as np


@dataclass
class Counted(cr.Dataset):
    """Numbers of a file, which writes down when it reads it."""

    path: str = "numbers.npy"

    def files_read(self):
        return [self.path]

    def load(self):
        x = np.load(self.path)
        with Path("loads.txt").open("a") as file:
            file.write(f"{x.sum():.3f}\\n")
        return cr.Data((x, (x[:, 0] > 0).astype(int)), "binary", (x, (x[:, 0] > 0).astype(int)), class_names=["a", "b"])


@dataclass
class Rewrites(cr.Callback):
    """Has other numbers in the file when the training ends."""

    def on_train_end(self, trainer):
        np.save("numbers.npy", np.load("numbers.npy") + 1)


@cr.hookimpl
def register_components(registry):
    registry.add(Counted)
    registry.add(Rewrites)
'''


@pytest.fixture
def sweep(tmp_path: Path) -> Callable[..., list[float]]:
    """Three jobs of such a dataset in one process; the sums of the numbers that it read, each time that it did."""
    told = tmp_path / "site" / "counted-1.0.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: counted\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text("[chainrule]\ncounted = counted\n")
    (tmp_path / "site" / "counted.py").write_text(PLUGIN)
    numbers = tmp_path / "numbers.npy"
    np.save(numbers, np.random.default_rng(0).normal(size=(20, 2)))
    os.utime(numbers, (LONG_AGO, LONG_AGO))

    def run(*overrides: str) -> list[float]:
        command = [sys.executable, "-m", "chainrule", "train", "-m", "dataset=counted", "seed=0,1,2", *overrides]
        command += ["trainer.epochs=1", "tracking=none"]
        settings = variables(PYTHONPATH=str(tmp_path / "site"))
        done = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "jobs     3\n" in done.stdout
        return [float(line) for line in (tmp_path / "loads.txt").read_text().split()]

    return run


@pytest.mark.slow
def test_jobs_of_a_sweep_share_what_the_first_one_loaded(sweep):
    assert len(sweep()) == 1


@pytest.mark.slow
def test_jobs_of_a_sweep_see_a_file_that_changed_between_them(sweep):
    first, second, third = sweep("callbacks=[rewrites]")
    assert (round(second - first), round(third - second)) == (40, 40)
