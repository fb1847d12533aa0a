"""How often a command composes its config: Hydra takes a tenth of a second for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import chainrule as cr
from chainrule.config.loader import SafeLoader

QUICK = ("experiment=xor", "tracking=none", "tracking.figures=false", "trainer.epochs=1")
SEARCH = """# @package _global_
defaults: [override /dataset: xor, override /model: xor/modern, _self_]
trainer: {epochs: 1}
tracking: {enabled: false, figures: false}
hydra:
  mode: MULTIRUN
  sweeper: {params: {seed: "0,1"}}
"""


@pytest.fixture
def composed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The mode of each config that is composed from here on."""
    found: list[Any] = []
    compose = SafeLoader.load_configuration

    def counting(self: SafeLoader, *given: Any, **named: Any) -> Any:
        found.append((named["run_mode"] if "run_mode" in named else given[2]).name)
        return compose(self, *given, **named)

    monkeypatch.setattr(SafeLoader, "load_configuration", counting)
    return found


def test_a_run_is_composed_once(program: Callable[..., Any], composed: list[Any]) -> None:
    done = program("train", *QUICK)
    assert done.status == 0, done.err
    assert composed == ["RUN"]


def test_so_is_one_from_python(composed: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cr.train(QUICK)
    cr.train([*QUICK, "seed=1"])
    assert composed == ["RUN", "RUN"]


def test_a_config_that_asks_for_many_runs_gets_them(program: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    (tmp_path / "mine" / "experiment" / "twice.yaml").write_text(SEARCH)
    for more in ([], ["seed=3,4,5"], ["optimizer.lr=0.1,0.2"]):
        done = program("train", "--config-dir", "mine", "experiment=twice", *more)
        assert done.status == 0, done.err
        assert f"jobs     {4 if more == ['optimizer.lr=0.1,0.2'] else 2 + len(more)}" in done.out
    cut = program("train", "--config-dir", "mine", "experiment=twice", "hydra.mode=RUN")
    assert cut.status == 0, cut.err
    assert "jobs" not in cut.out


def test_an_error_is_told_once(program: Callable[..., Any], composed: list[Any]) -> None:
    done = program("train", *QUICK, "seed=0,1")
    assert done.status == 2
    assert "-m" in done.err
    assert len(done.err.splitlines()) <= 2
    assert program("train", *QUICK, "optimizer.speed=1").status == 2
