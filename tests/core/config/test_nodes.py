"""From a component's signature to a config node, and from a config to flat keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from omegaconf.errors import ValidationError

import chainrule as cr
from chainrule.config.nodes import node_of
from chainrule.registry.discovery import Plugin
from chainrule.registry.registry import Entry
from chainrule.tracking.tags import flattened


@dataclass
class Everything(cr.Layer):
    """A field of each type."""

    needed: int
    number: float = 0.5
    whole: int = 3
    switch: bool = True
    text: str = "some"
    choice: Literal["a", "b"] = "a"
    sizes: Sequence[int] = (1, 2)
    perhaps: float | None = None
    activation: str | Mapping[str, Any] | cr.Activation = "relu"
    layers: Sequence[str | Mapping[str, Any] | cr.Layer] = ("flatten",)


ENTRY = Entry("layer", "everything", Everything, Plugin("parts", "acme", "1.0"))


@pytest.fixture
def node():
    return OmegaConf.structured(node_of(ENTRY))


def test_a_node_has_the_fields_of_the_component_its_defaults_and_its_name(node):
    assert OmegaConf.to_container(node) == {
        "name": "everything",
        "needed": "???",
        "number": 0.5,
        "whole": 3,
        "switch": True,
        "text": "some",
        "choice": "a",
        "sizes": [1, 2],
        "perhaps": None,
        "activation": "relu",
        "layers": ["flatten"],
    }


@pytest.mark.parametrize(
    ("field", "right", "wrong"),
    [
        ("needed", 3, "three"),
        ("number", 2, "two"),
        ("whole", 4, 4.5),
        ("switch", False, "perhaps"),
        ("sizes", [7], ["many"]),
        ("perhaps", 0.1, "maybe"),
    ],
)
def test_a_node_takes_what_fits_its_type_and_nothing_else(node, field, right, wrong):
    node[field] = right
    assert node[field] == right
    with pytest.raises(ValidationError):
        node[field] = wrong


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("choice", "neither"),  # OmegaConf knows no Literal
        ("perhaps", None),
        ("activation", {"name": "leaky_relu", "slope": 0.2}),
        ("layers", ["tanh", {"name": "dense", "units": 3}]),
    ],
)
def test_what_a_node_cannot_check_is_left_to_the_component(node, field, value):
    node[field] = value
    assert node[field] == value


def test_nodes_share_no_default(node):
    node.sizes.append(3)
    assert OmegaConf.structured(node_of(ENTRY)).sizes == [1, 2]


def test_a_component_as_a_default_is_written_out():
    @dataclass
    class Holder(cr.Layer):
        """Holds a component."""

        activation: str | Mapping[str, Any] | cr.Activation = field(
            default_factory=lambda: cr.make("activation", "leaky_relu", slope=0.3)
        )

    node = OmegaConf.structured(node_of(Entry("layer", "holder", Holder, Plugin("parts", "acme", "1.0"))))
    assert node.activation == {"name": "leaky_relu", "slope": 0.3}


def test_a_config_is_flattened_with_lists_of_mappings_by_position():
    config = {
        "seed": 0,
        "optimizer": {"name": "adam", "lr": 0.1},
        "model": {"hidden": [8, 4], "layers": [{"name": "dense", "units": 3}, "tanh"]},
        "callbacks": {},
    }
    assert flattened(config) == {
        "seed": 0,
        "optimizer.name": "adam",
        "optimizer.lr": 0.1,
        "model.hidden": [8, 4],
        "model.layers.0.name": "dense",
        "model.layers.0.units": 3,
        "model.layers.1": "tanh",
        "callbacks": {},
    }


LEAVES = st.one_of(st.integers(), st.none(), st.text(max_size=3), st.lists(st.integers(), max_size=2))
KEYS = st.text("abc", min_size=1, max_size=3)


@given(st.dictionaries(KEYS, st.one_of(LEAVES, st.dictionaries(KEYS, LEAVES, min_size=1)), max_size=4))
def test_nothing_is_lost_by_flattening(config):
    rebuilt = {}
    for path, value in flattened(config).items():
        outer, _, inner = path.partition(".")
        if inner:
            rebuilt.setdefault(outer, {})[inner] = value
        else:
            rebuilt[outer] = value
    assert rebuilt == config


def test_the_seed_and_dtype_of_an_experiment_are_not_overwritten(program, tmp_path):
    (tmp_path / "own" / "experiment").mkdir(parents=True)
    (tmp_path / "own" / "experiment" / "mine.yaml").write_text("# @package _global_\nseed: 7\ndtype: float64\n")
    shown = ("train", "--config-dir", "own", "experiment=mine", "--cfg", "job")
    assert program(*shown).out.splitlines()[1:3] == ["seed: 7", "dtype: float64"]
    assert program(*shown, "seed=8").out.splitlines()[1] == "seed: 8"


def test_what_is_trained_where_nothing_is_named(program):
    def composed(*overrides):
        return program("train", *overrides, "--cfg", "job").out

    assert composed() == composed("experiment=xor")
    assert composed("optimizer.lr=0.3") == composed("experiment=xor", "optimizer.lr=0.3")
    assert "epochs: null\n" in composed("dataset=moons"), "a dataset that is named is not trained as XOR is"


def test_a_schedule_and_a_regularizer_can_be_left_out(program):
    out = program("train", "experiment=mnist", "schedule=none", "regularizer=none", "--cfg", "job").out
    assert "schedule: {}\n" in out
    assert "regularizer: {}\n" in out
    assert "name: cosine" in program("train", "experiment=mnist", "--cfg", "job").out
    ran = program("train", "-m", "schedule=none,cosine", "tracking=none", "tracking.figures=false", "trainer.epochs=1")
    assert ran.status == 0, ran.err
