"""Where a sweep was begun, for jobs that begin elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chainrule.config.surroundings import Surroundings
from chainrule.errors import ConfigError


def test_a_job_that_begins_elsewhere_is_where_its_sweep_was_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, node = tmp_path / "begun", tmp_path / "node"
    for folder in (begun, node):
        folder.mkdir()
    monkeypatch.chdir(begun)
    monkeypatch.delenv("CHAINRULE_MIRROR", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://of.the.sweep:5000")
    monkeypatch.setenv("CHAINRULE_DATA", "/data")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "of whoever began it")
    taken = Surroundings.here()
    assert "of whoever" not in repr(taken), "a node has its own"
    monkeypatch.chdir(node)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://of.the.node:5000")
    monkeypatch.setenv("CHAINRULE_MIRROR", "of the node")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "of the node")
    monkeypatch.delenv("CHAINRULE_DATA")
    taken.enter()
    assert Path.cwd() == begun
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://of.the.sweep:5000"
    assert os.environ["CHAINRULE_DATA"] == "/data"
    assert "CHAINRULE_MIRROR" not in os.environ
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "of the node"
    assert Surroundings.here() == taken


def test_a_machine_that_does_not_see_the_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no folder .*nowhere.*: its jobs need a file system that all nodes see"):
        Surroundings(str(tmp_path / "nowhere"), Surroundings.here().settings).enter()
