"""A store for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from compared import Store

from chainrule.tracking.store import prepare_store


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new store, of which each test has a copy: to make one takes a second."""
    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    prepare_store(f"sqlite:///{path}", "Default")
    return path


@pytest.fixture
def store(tmp_path: Path, empty: Path) -> Store:
    shutil.copy(empty, tmp_path)
    return Store(tmp_path)
