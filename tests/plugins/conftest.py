import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def mnist_folder() -> Path:
    """The folder of the real MNIST files, which may not be committed: where there is none, the test is skipped."""
    data = Path(os.environ.get("CHAINRULE_DATA") or REPOSITORY.parent / "shared" / "data")
    folder = data / "mnist"
    if not folder.is_dir():
        pytest.skip(f"needs the real MNIST files, and there is no {folder} (CHAINRULE_DATA says where they are)")
    return folder
