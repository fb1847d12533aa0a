"""A dataset that lies on the disk, and stays there."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chainrule import Data, DataError, Dataset, Split


@dataclass
class OnDisk(Dataset):
    """Two files of NumPy's, of which rows are read as they are needed: the last ones are for validation.

    Args:
        inputs: a .npy file of float32 numbers, a row for each sample.
        targets: another one, of numbers.
        held_out: the share for validation, above 0 and less than 1; default 0.2.
    """

    inputs: str
    targets: str
    held_out: float = 0.2

    @classmethod
    def check_examples_in(cls, folder):
        rng, paths = np.random.default_rng(0), [str(folder / name) for name in ("x.npy", "y.npy")]
        for path, shape in zip(paths, ((40, 3), (40,))):
            np.save(path, rng.normal(size=shape).astype(np.float32))
        return ({"inputs": paths[0], "targets": paths[1]},)

    def __post_init__(self):
        self.require("held_out", 0 < self.held_out < 1, "above 0 and less than 1")

    def load(self):
        arrays, sha = [], hashlib.sha256()
        for path in map(Path, (self.inputs, self.targets)):
            if not path.is_file():
                raise DataError(f"there is no file {path}: give the path of a .npy file")
            arrays.append(np.load(path, mmap_mode="r"))
            with path.open("rb") as file:
                sha.update(hashlib.file_digest(file, "sha256").digest())
        x, y = arrays
        cut = len(x) - max(round(self.held_out * len(x)), 1)
        held_out = Split(x[cut:], y[cut:])
        return Data(Split(x[:cut], y[:cut]), "regression", held_out, source_digest=sha.hexdigest())


COMPONENTS = (OnDisk,)
