"""Each shipped launcher and search composes with each experiment; core/test_launchers.py runs them."""

import hydra
import pytest
import yaml
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from chainrule.config.nodes import config_folder, store_nodes
from chainrule.tracking.tags import flattened

pytestmark = pytest.mark.slow

CONF = config_folder()
EXPERIMENTS = sorted(path.stem for path in CONF.glob("experiment/*.yaml"))
LAUNCHERS = {
    path.stem: yaml.safe_load(path.read_text())["defaults"][0]["override /hydra/launcher"]
    for path in CONF.glob("launcher/*.yaml")
}
SEARCHES = sorted(path.stem for path in CONF.glob("hparams_search/*.yaml"))


@pytest.fixture(scope="module")
def compose():
    """A composed config as plain values, with its hydra section."""
    store_nodes()
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        yield lambda *overrides: OmegaConf.to_container(
            hydra.compose("config", list(overrides), return_hydra_config=True)
        )


def job(config):
    return {key: value for key, value in config.items() if key != "hydra"}


def installed(launcher):
    return LAUNCHERS[launcher] in GlobalHydra.instance().config_loader().get_group_options("hydra/launcher")


def test_every_launcher_but_ray_is_installed_where_the_tests_run(compose):
    assert {launcher for launcher in LAUNCHERS if not installed(launcher)} <= {"ray"}


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_a_launcher_says_where_jobs_run_and_takes_one_thread_for_each(compose, experiment):
    """Whatever the experiment; nothing else of it changes."""
    plain = compose(f"experiment={experiment}")
    for launcher in filter(installed, LAUNCHERS):
        config = compose(f"experiment={experiment}", f"launcher={launcher}")
        assert job(config) == job(plain) | {"trainer": plain["trainer"] | {"threads": 1}}
        assert config["hydra"]["launcher"]["_target_"].startswith("hydra_plugins.")
        assert config["hydra"]["sweeper"] == plain["hydra"]["sweeper"]


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_what_a_launcher_sets_is_overridden(compose, launcher):
    if not installed(launcher):
        return
    settings = flattened(yaml.safe_load((CONF / "launcher" / f"{launcher}.yaml").read_text()))
    settings = {key: value for key, value in settings.items() if isinstance(value, int)}
    config = flattened(compose(f"launcher={launcher}", *(f"{key}={value + 7}" for key, value in settings.items())))
    assert {key: config[key] for key in settings} == {key: value + 7 for key, value in settings.items()}


def test_jobs_of_a_cluster_have_as_many_cpus_as_threads(compose):
    config = compose("launcher=slurm")
    assert config["hydra"]["launcher"]["cpus_per_task"] == config["trainer"]["threads"]


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_what_a_search_tries_composes_with_every_experiment_that_has_its_model(compose, search, experiment):
    """Each choice and the ends of each interval; what a trial does not set stays the experiment's."""
    plain = compose(f"experiment={experiment}")
    config = compose(f"experiment={experiment}", f"hparams_search={search}")
    assert job(config) == job(plain)
    assert config["hydra"]["mode"].name == "MULTIRUN"
    if plain["model"]["name"] != search.partition("_")[2]:
        return
    sweeper = config["hydra"]["sweeper"]
    assert sweeper["study_name"] == f"{'${name}'}_{search}"
    space = {key: tried(key, written) for key, written in sweeper["params"].items()}
    flat = flattened(job(plain))
    assert set(space) <= set(flat)
    for turn in range(max(map(len, space.values()))):
        trial = [f"{key}={values[turn % len(values)]}" for key, values in space.items()]
        changed = flattened(job(compose(f"experiment={experiment}", *trial)))
        assert {key for key, value in changed.items() if value != flat[key]} <= set(space)


def tried(key, written):
    [override] = OverridesParser.create().parse_overrides([f"{key}={written}"])
    if override.is_interval_sweep():
        return [override.value().start, override.value().end]
    assert override.is_choice_sweep()
    return list(override.sweep_string_iterator())
