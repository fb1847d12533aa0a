"""The authors' guide, plugins/README.md, followed from top to bottom by somebody without a copy of the repository."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from mlflow.tracking import MlflowClient
from test_readme import Block, blocks, table

import chainrule as cr
from chainrule.registry.hooks import Hooks

if TYPE_CHECKING:
    from conftest import Author

GUIDE = Path(__file__).parents[2] / "plugins" / "README.md"


def follow(author: Author, block: Block) -> str:
    """Do what a block says; returns what is printed."""
    if block.file:
        (author.folder / block.file).write_text(block.text + "\n", encoding="utf-8")
        return ""
    if block.language == "python":
        (author.folder / "block.py").write_text(block.text + "\n", encoding="utf-8")
        return author.does("python block.py")
    assert block.language == "bash", f"what is one to do with {block}?"
    return author.does(block.text)


@pytest.mark.slow  # twenty programs, one after the other
def test_every_block_of_the_guide_runs_in_its_order(new_author: Callable[[], Author]) -> None:
    author = new_author()
    printed: dict[str, list[str]] = {}
    for block in blocks(GUIDE):
        printed.setdefault(block.section, []).append(follow(author, block))
    steps = ["Write", "Install", "List", "Check", "Train", "Sweep", "Publish"]
    topics = ["Layers", "Losses", "Optimizers, schedules, regularizers", "Callbacks", "Datasets"]
    topics += ["Elsewhere than in NumPy", "The formula twice"]
    assert list(printed) == [*steps, *topics]

    assert 'bent-identity = "bent_identity"' in printed["Write"][-1]
    assert "activation bent_identity, from bent-identity 0.1.0 (bent-identity:bent-identity)" in printed["List"][0]
    assert "bent_identity" not in printed["List"][1].partition("left out")[0].partition("Installed:")[2]
    checks = [line.split(" ", 1) for line in printed["Check"][1].splitlines()]
    assert {status for _, status in checks} == {"passed"}
    assert ["gradient_of_input", "passed"] in checks
    assert printed["Sweep"][1].splitlines()[-1] == "bent-identity 0.1.0"
    said = {topic: printed[topic][0].split() for topic in topics}
    assert said["Layers"][0] == said["Losses"][-1] == "True"
    assert [text.split()[-1] for text in printed["Optimizers, schedules, regularizers"]] == ["True", "True"]
    assert printed["Elsewhere than in NumPy"][0].splitlines()[0] == "('0.gain/Mul',) = Mul ('x', '0.gain.s')"
    assert said["The formula twice"] == ["passed"]
    assert len(said["Callbacks"]) == 2  # a number for each epoch
    assert [path.name for path in (author.folder / "dist").iterdir()] == ["bent_identity-0.1.0-py3-none-any.whl"]

    client = MlflowClient(f"sqlite:///{author.folder}/mlflow.db")
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    swept = [run for run in runs if "sweep" in run.data.tags]
    assert [run.info.status for run in runs] == ["FINISHED"] * len(runs)
    assert len(swept) == 6
    used = [run.data.tags.get("component.activation.bent_identity") for run in swept]
    assert sorted(filter(None, used)) == ["bent-identity 0.1.0"] * 3


def test_every_hook_is_in_the_guide_with_its_arguments() -> None:
    named = [row[0].strip("`") for row in table(GUIDE, "hook")]
    hooks = {name: hook for name, hook in vars(Hooks).items() if not name.startswith("_")}
    assert named == [
        f"{name}({', '.join(list(inspect.signature(hook).parameters)[1:])})" for name, hook in hooks.items()
    ]


def test_what_a_component_may_tell_the_kit_is_in_the_guide() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    declared = [name for name in vars(cr.Component) if name.startswith("check") and name != "check_examples_in"]
    assert declared
    assert [name for name in declared if f"`{name}`" not in text] == []
