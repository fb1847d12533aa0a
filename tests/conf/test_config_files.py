"""The YAML that is shipped: it keeps its rules (see conf/README.md), and every choice of it composes and builds."""

import re
from pathlib import Path

import hydra
import pytest
import yaml
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from chainrule import make, registry, spec_of
from chainrule.config.nodes import GROUPS, MANY, TrackingOptions, TrainerOptions, config_folder, node_of, store_nodes
from chainrule.contract.kinds import KINDS

CONF = config_folder()
EXPERIMENTS = sorted(path.stem for path in CONF.glob("experiment/*.yaml"))
WHOLE = ("experiment", "launcher", "hparams_search")  # groups whose files hold parts of the whole config
PRESETS = sorted(
    path.relative_to(CONF).with_suffix("").as_posix()
    for path in CONF.rglob("*.yaml")
    if path.parent != CONF and path.relative_to(CONF).parts[0] not in WHOLE
)
"""As ``model/mnist/classic``, at any depth."""
OF_SEVERAL = {  # that are named for what they are, as they belong to no experiment more than to another
    "dataset/mnist/whole": "all 60,000 images, for what was published without a validation part",
    "dataset/mnist/nielsen": "his 50,000 and 10,000 images, for the four networks of his book",
}
KIND = {group: kind for kind, group in GROUPS.items()}
COMPONENTS = [entry for entry in registry() if entry.kind in GROUPS]


@pytest.fixture(scope="module")
def compose():
    """A composed config as plain values, by Hydra's own public function; as a run takes it, without what a dataset may
    be given beside its fields and was not."""
    store_nodes()

    def composed(*overrides):
        config = OmegaConf.to_container(hydra.compose("config", list(overrides)))
        assert config["dataset"].pop("class_weight") is None
        return config

    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        yield composed


def loaded(path):
    return yaml.safe_load(path.read_text())


def options(group):
    """Every choice of a group: the components, and the presets made of them."""
    names = [entry.name for entry in COMPONENTS if GROUPS[entry.kind] == group]
    return sorted([*names, *(path.removeprefix(f"{group}/") for path in PRESETS if path.startswith(f"{group}/"))])


def chosen():
    """What the experiments choose: ``model/mnist/classic`` to the names of those that do."""
    found = {}
    for name in EXPERIMENTS:
        for choice in loaded(CONF / "experiment" / f"{name}.yaml")["defaults"]:
            [(group, option)] = choice.items()
            for one in option if isinstance(option, list) else [option]:
                found.setdefault(f"{group.removeprefix('override /')}/{one}", []).append(name)
    return found


def test_the_folders_are_groups_and_hold_nothing_but_yaml():
    assert {path.partition("/")[0] for path in PRESETS} <= set(GROUPS.values())
    assert {path.name for path in CONF.rglob("*") if path.is_file() and path.suffix != ".yaml"} == {"README.md"}
    for group in WHOLE:
        assert all(path.suffix == ".yaml" for path in (CONF / group).iterdir()), "these have no folders"


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_named_for_an_experiment_that_selects_it(preset):
    """A listing of the folder reads like a table of contents: a folder for a family, a file for each of its
    experiments, of which the plain one is the modern one: ``xor`` has xor/modern, ``xor_classic`` xor/classic."""
    _, family, variant = preset.split("/")
    experiments = chosen().get(preset, [])
    if preset in OF_SEVERAL:
        assert len(experiments) > 1
        assert {name.partition("_")[0] for name in experiments} == {family}
    else:
        assert (family if variant == "modern" else f"{family}_{variant}") in experiments


def test_no_preset_that_is_named_as_one_of_several_is_gone():
    assert set(OF_SEVERAL) <= set(PRESETS)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_selects_and_sets_no_field_of_a_component(name):
    text = (CONF / "experiment" / f"{name}.yaml").read_text()
    content = yaml.safe_load(text)
    assert text.startswith("# @package _global_\n# "), "the second line says what it is"
    assert set(content) <= {"defaults", "name", "seed", "dtype", "trainer", "tracking"}
    assert content["name"] == name
    for choice in content["defaults"]:
        [(group, option)] = choice.items()
        assert group.startswith("override /")
        several = option if isinstance(option, list) else [option]
        assert {*several} <= {*options(group.removeprefix("override /"))}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_a_component_with_other_values(compose, preset):
    group, _, option = preset.partition("/")
    kind = KIND[group]
    content = loaded(CONF / f"{preset}.yaml")
    included, this = content["defaults"]
    assert this == "_self_"
    component = included.removeprefix(f"/{group}/").removesuffix("@_here_")
    assert included == f"/{group}/{component}@_here_", "in full, so that a preset may be made of it too"
    assert component in registry().names(kind)
    fields = {key: value for key, value in content.items() if key != "defaults"}
    plain = spec_of(make(kind, component))
    assert set(fields) <= set(plain)
    assert compose(f"{group}={option}")[group] == {**plain, **fields}


@pytest.mark.parametrize(
    ("choice", "wrong"),
    [
        ("dataset=mnist/whole", "dataset.validation_size=many"),
        ("model=mnist/classic", "model.dropout=many"),
        ("optimizer=xor/classic", "optimizer.lr=many"),
        ("regularizer=mnist/nielsen_cnn", "regularizer.strength=many"),
    ],
)
def test_a_preset_knows_the_types_of_its_component(compose, choice, wrong):
    """What is composed is the component's own node, though it lies a folder deeper, and no mapping that takes all."""
    with pytest.raises(hydra.errors.ConfigCompositionException):
        compose(choice, wrong)


def test_a_component_and_a_folder_of_presets_share_a_name(compose):
    """``dataset=mnist`` and ``dataset=mnist/whole``."""
    assert {"mnist", "mnist/whole"} <= set(options("dataset"))
    assert compose("dataset=mnist")["dataset"] == spec_of(make("dataset", "mnist"))
    assert compose("dataset=mnist/whole")["dataset"] == spec_of(make("dataset", "mnist")) | {"validation_size": 0}


def test_the_experiment_comes_after_all_that_it_overrides():
    """Or what stands in config.yaml itself, such as the seed, would overwrite it in silence."""
    choices = loaded(CONF / "config.yaml")["defaults"]
    assert choices[0] == "_self_"
    groups = [next(iter(choice)) for choice in choices[1:]]
    assert [group for group in groups if not group.startswith("override ")][-1] == "experiment"
    assert {*GROUPS.values(), "trainer", "tracking"} <= set(groups)


def test_every_kind_that_a_config_chooses_alone_has_a_group():
    inside = {"layer", "activation", "initializer"}  # named within the fields of others
    assert set(GROUPS) == set(KINDS) - inside


def test_each_component_is_an_option_of_its_group(compose):
    loader = GlobalHydra.instance().config_loader()
    for group in {*GROUPS.values()}:
        components = {option for option in options(group) if "/" not in option}
        assert components <= {*loader.get_group_options(group)}


@pytest.mark.parametrize("entry", COMPONENTS, ids=lambda entry: f"{entry.kind}.{entry.name}")
def test_a_component_builds_from_its_node_and_every_field_can_be_set(compose, entry):
    """To its default, as one writes it on the command line."""
    group = GROUPS[entry.kind]
    example = {} if not entry.cls.check_examples else entry.cls.check_examples[0]
    given = {field.name: example.get(field.name, "somewhere") for field in entry.fields if field.required}
    component = entry.cls(**given)
    assert make(entry.kind, OmegaConf.to_container(OmegaConf.structured(node_of(entry))) | given) == component

    values = spec_of(component)
    prefix, choice = (f"{group}.{entry.name}", f"[{entry.name}]") if group in MANY else (group, entry.name)
    overrides = [f"{prefix}.{field.name}={written(values[field.name])}" for field in entry.fields]
    node = compose(f"{group}={choice}", *overrides)[group]
    assert (node[entry.name] if group in MANY else node) == values


def written(value):
    """As it stands after ``key=``."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{written(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return str(value) if re.fullmatch(r"[\w./-]+", str(value)) else f'"{value}"'


MANY_TO_COMPOSE = [pytest.param(group, marks=pytest.mark.slow) for group in ("loss", "optimizer", "model", "schedule")]


@pytest.mark.parametrize("group", ["regularizer", *MANY_TO_COMPOSE])
def test_every_experiment_composes_with_every_component_and_takes_nothing_over(compose, group):
    """All its fields have its own defaults, whatever the preset said that it replaces."""
    choosing = [name for name in EXPERIMENTS if f"override /{group}:" in (CONF / f"experiment/{name}.yaml").read_text()]
    assert group not in ("optimizer", "model") or choosing == EXPERIMENTS
    for option in (e.name for e in COMPONENTS if GROUPS[e.kind] == group and not any(f.required for f in e.fields)):
        alone = spec_of(make(KIND[group], option))
        for experiment in choosing:
            composed = compose(f"experiment={experiment}", f"{group}={option}")
            assert composed[group] == alone, f"experiment={experiment} {group}={option}"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_what_stands_in_an_experiment_is_what_it_composes_to(compose, name):
    content = loaded(CONF / "experiment" / f"{name}.yaml")
    composed = compose(f"experiment={name}")
    assert composed["name"] == name
    assert composed["trainer"].items() >= content["trainer"].items()
    for choice in content["defaults"]:
        [(group, option)] = choice.items()
        group = group.removeprefix("override /")
        if group not in MANY:
            assert composed[group] == compose(f"{group}={option}")[group]


@pytest.mark.parametrize(
    ("group", "options", "values"),
    [
        (
            "trainer",
            TrainerOptions(),
            {"epochs": 3, "batch_size": 7, "shuffle": False, "threads": 1, "engine": "numpy", "groups": [{"lr": 0.1}]},
        ),
        (
            "tracking",
            TrackingOptions(),
            {
                "enabled": False,
                "checkpoint_seconds": 10.0,
                "uri": "sqlite:///a.db",
                "experiment": "e",
                "run_name": "r",
                "figures": False,
                "model": False,
                "reuse": True,
            },
        ),
    ],
)
def test_every_option_of_trainer_and_tracking_composes(compose, group, options, values):
    assert set(values) == set(vars(options)), "each has its value here"
    given = [f"{group}.{key}={written(value)}" for key, value in values.items()]
    assert compose(*given)[group] == values
    assert compose()[group] == vars(options)


def test_tracking_none_is_tracking_that_is_not_enabled(compose):
    assert compose("tracking=none")["tracking"] == {**vars(TrackingOptions()), "enabled": False}


def test_callbacks_and_metrics_are_lists_of_which_each_has_its_own_fields(compose):
    assert "callbacks" not in compose("callbacks=[]")
    assert list(compose("callbacks=[early_stopping]", "callbacks.early_stopping.patience=9")["callbacks"]) == [
        "early_stopping"
    ]
    both = compose("callbacks=[nan_guard,early_stopping]", "callbacks.early_stopping.patience=9")["callbacks"]
    assert list(both) == ["nan_guard", "early_stopping"]
    assert both["early_stopping"]["patience"] == 9
    assert compose("metrics=[accuracy]")["metrics"] == {"accuracy": {"name": "accuracy"}}


def test_a_list_of_layers_is_overridden_element_by_element(compose):
    given = "model.layers=[{name:dense,units:64,activation:relu},{name:dropout,rate:0.2},tanh]"
    composed = compose("model=sequential", given, "model.layers.0.units=128", "model.layers.1.rate=0.5")
    assert composed["model"]["layers"] == [
        {"name": "dense", "units": 128, "activation": "relu"},
        {"name": "dropout", "rate": 0.5},
        "tanh",
    ]


def test_the_sizes_of_hidden_layers_are_a_list_of_whole_numbers(compose):
    assert compose("model=mlp", "model.hidden=[128,64]")["model"]["hidden"] == [128, 64]
    with pytest.raises(hydra.errors.ConfigCompositionException):
        compose("model=mlp", "model.hidden=[many]")


def test_the_configs_lie_where_the_package_looks_for_them():
    assert (CONF / "config.yaml").is_file()
    assert Path(__file__).parents[2] / "conf" == CONF
