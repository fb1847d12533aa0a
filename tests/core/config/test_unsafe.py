"""A config never runs code, whoever wrote it."""

import re
import sys
import textwrap

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hypothesis import given
from hypothesis import strategies as st

from chainrule.config import command_line, files, loader, unsafe
from chainrule.errors import UnsafeConfig

pytestmark = pytest.mark.slow

MARK = "mark.log"
TRAIN = ("train", "--config-dir", "conf", "tracking=none", "tracking.figures=false", "trainer.epochs=1")

# What an experiment file may hold: its YAML, and the key that the message must name. Each runs evil_module.
RUNS_CODE = {
    "a callback": (
        """
        hydra:
          callbacks:
            evil: {_target_: evil_module.run}
        """,
        "hydra.callbacks.evil._target_",
    ),
    "an argument of a callback": (
        """
        hydra:
          callbacks:
            log: {_target_: hydra.experimental.callbacks.LogJobReturnCallback, deep: [{_target_: evil_module.run}]}
        """,
        "hydra.callbacks.log.deep.0._target_",
    ),
    "a callback from elsewhere in the config": (
        """
        elsewhere: {evil: {_target_: evil_module.run}}
        hydra: {callbacks: "${elsewhere}"}
        """,
        "hydra.callbacks",
    ),
    "a callback whose target is an environment variable": (
        """
        hydra:
          callbacks:
            evil: {_target_: "${oc.env:EVIL}"}
        """,
        "hydra.callbacks.evil._target_",
    ),
    "a callback made out of text": (
        """
        hydra:
          callbacks:
            evil: "${oc.create:{_target_: evil_module.run}}"
        """,
        "hydra.callbacks.evil",
    ),
    "a callback decoded from text": (
        """
        hydra:
          callbacks:
            evil: '${oc.decode:"{_target_: evil_module.run}"}'
        """,
        "hydra.callbacks.evil",
    ),
    "a callback decoded from an environment variable": (
        """
        hydra:
          callbacks:
            evil: "${oc.decode:${oc.env:EVIL_CALLBACK}}"
        """,
        "hydra.callbacks.evil",
    ),
    "a resolver whose name is put together": (
        """
        word: create
        hydra:
          callbacks:
            evil: "${oc.${word}:{_target_: evil_module.run}}"
        """,
        "hydra.callbacks.evil",
    ),
    "the default of a selection that finds nothing": (
        """
        hydra:
          callbacks:
            evil: "${oc.select:nothing,{_target_: evil_module.run}}"
        """,
        "hydra.callbacks.evil",
    ),
    "an interpolation that leads to one that makes a callback": (
        """
        elsewhere: "${oc.select:nothing,{_target_: evil_module.run}}"
        hydra:
          callbacks:
            evil: "${elsewhere}"
        """,
        "hydra.callbacks.evil",
    ),
    "the class of a log handler": (
        """
        hydra:
          job_logging: {version: 1, root: {handlers: [evil]}, handlers: {evil: {class: evil_module.Handler}}}
        """,
        "hydra.job_logging.handlers.evil.class",
    ),
    "the maker of a log handler": (
        """
        hydra:
          hydra_logging: {version: 1, root: {handlers: [evil]}, handlers: {evil: {(): evil_module.run}}}
        """,
        "hydra.hydra_logging.handlers.evil.()",
    ),
    "the class of a formatter": (
        """
        hydra:
          job_logging: {version: 1, root: {level: INFO}, formatters: {evil: {class: evil_module.Formatter}}}
        """,
        "hydra.job_logging.formatters.evil.class",
    ),
    "the maker of a filter": (
        """
        hydra:
          job_logging: {version: 1, root: {level: INFO}, filters: {evil: {(): evil_module.run}}}
        """,
        "hydra.job_logging.filters.evil.()",
    ),
    "the stream of a handler": (
        """
        hydra:
          job_logging:
            version: 1
            root: {handlers: [evil]}
            handlers: {evil: {class: logging.StreamHandler, stream: ext://evil_module.stream}}
        """,
        "hydra.job_logging.handlers.evil.stream",
    ),
    "a logging section from elsewhere in the config": (
        """
        elsewhere: {version: 1, root: {level: INFO}, filters: {evil: {(): evil_module.run}}}
        hydra: {job_logging: "${elsewhere}"}
        """,
        "hydra.job_logging",
    ),
    "a part of a logging section from elsewhere": (
        """
        elsewhere: {evil: {(): evil_module.run}}
        hydra:
          job_logging: {version: 1, root: {level: INFO}, filters: "${elsewhere}"}
        """,
        "hydra.job_logging.filters",
    ),
    "a module to import in the name of a log file": (
        """
        hydra:
          job_logging:
            version: 1
            root: {handlers: [evil]}
            handlers: {evil: {class: logging.FileHandler, filename: "ext://evil_module.log"}}
        """,
        "hydra.job_logging.handlers.evil.filename",
    ),
    "the same in two parts": (
        """
        scheme: "ext:/"
        hydra:
          job_logging:
            version: 1
            root: {handlers: [evil]}
            handlers: {evil: {class: logging.FileHandler, filename: "${scheme}/evil_module.log"}}
        """,
        "hydra.job_logging.handlers.evil.filename",
    ),
    "the same in the name of the job": (
        """
        hydra:
          job: {name: "xt://evil_module"}
          job_logging:
            version: 1
            root: {handlers: [evil]}
            handlers: {evil: {class: logging.FileHandler, filename: "e${hydra.job.name}.log"}}
        """,
        "hydra.job_logging.handlers.evil.filename",
    ),
    "the same in the folder of the run": (
        """
        hydra:
          runtime: {output_dir: "ext:/"}
          hydra_logging:
            version: 1
            root: {handlers: [evil]}
            handlers: {evil: {class: logging.FileHandler, filename: "${hydra.runtime.output_dir}/evil_module.log"}}
        """,
        "hydra.runtime.output_dir",
    ),
}

# These do harm later, or elsewhere (in another program, in the job's environment, in a launcher that is not installed
# here), or Hydra would stop them too.
UNSAFE = {
    "a file that a program runs at its start": (
        """
        hydra:
          job_logging:
            version: 1
            root: {handlers: [evil]}
            handlers: {evil: {class: logging.FileHandler, filename: usercustomize.py}}
        """,
        "hydra.job_logging.handlers.evil.filename",
    ),
    "attributes of a handler": (
        """
        hydra:
          job_logging:
            version: 1
            root: {handlers: [evil]}
            handlers: {evil: {class: logging.FileHandler, filename: a.log, delay: true, .: {baseFilename: evil.py}}}
        """,
        "hydra.job_logging.handlers.evil..",
    ),
    "a queue and its listener": (
        """
        hydra:
          job_logging:
            version: 1
            root: {handlers: [evil]}
            handlers: {evil: {class: logging.handlers.QueueHandler, queue: evil_module.run, listener: evil_module.run}}
        """,
        "hydra.job_logging.handlers.evil.class",
    ),
    "what cfg:// refers to": (
        """
        hydra:
          job_logging:
            version: 1
            root: {handlers: [evil]}
            handlers: {evil: {class: logging.StreamHandler, stream: cfg://root}}
        """,
        "hydra.job_logging.handlers.evil.stream",
    ),
    "a library to load into every program": (
        "hydra: {job: {env_set: {LD_PRELOAD: /evil.so}}}",
        "hydra.job.env_set.LD_PRELOAD",
    ),
    "where programs are looked for": ("hydra: {job: {env_set: {PATH: /evil}}}", "hydra.job.env_set.PATH"),
    "where Python looks for modules": (
        "hydra: {job: {env_set: {PYTHONPATH: /evil}}}",
        "hydra.job.env_set.PYTHONPATH",
    ),
    "a library for OpenMP to load": (
        "hydra: {job: {env_set: {OMP_TOOL_LIBRARIES: /evil.so}}}",
        "hydra.job.env_set.OMP_TOOL_LIBRARIES",
    ),
    "what Hydra may instantiate": (
        "hydra: {job: {env_set: {HYDRA_INSTANTIATE_ALLOWLIST_OVERRIDE: '*'}}}",
        "hydra.job.env_set.HYDRA_INSTANTIATE_ALLOWLIST_OVERRIDE",
    ),
    "an environment from elsewhere in the config": (
        """
        hydra:
          job: {env_set: "${oc.select:nothing,{LD_PRELOAD: /evil.so}}"}
        """,
        "hydra.job.env_set",
    ),
    "a variable that is copied": ("hydra: {job: {env_copy: [EVIL]}}", "hydra.job.env_set.EVIL"),
    "a password that is copied": ("hydra: {job: {env_copy: [CHAINRULE_EVIL]}}", "hydra.job.env_set.CHAINRULE_EVIL"),
    "where runs are sent": (
        "hydra: {job: {env_set: {MLFLOW_TRACKING_URI: http://evil}}}",
        "hydra.job.env_set.MLFLOW_TRACKING_URI",
    ),
    "overrides, which could stand for anything": ("hydra: {overrides: {task: [seed=3]}}", "hydra.overrides"),
    "an override in the name of a swept key": (
        'hydra: {sweeper: {params: {"name=\'\\\\${oc.env:EVIL}": "\'"}}}',
        "hydra.sweeper.params.name='\\${oc.env:EVIL}",
    ),
    "a launcher": (
        """
        defaults: [override /hydra/launcher: evil]
        """,
        "hydra.launcher._target_",
    ),
    "a sweeper": (
        """
        defaults: [override /hydra/sweeper: evil]
        """,
        "hydra.sweeper._target_",
    ),
    "a command of a launcher": (
        "defaults: [override /hydra/launcher: setup]",
        "hydra.launcher.setup.0",
    ),
    "a second line of a batch script": (
        "defaults: [override /hydra/launcher: comment]",
        "hydra.launcher.comment",
    ),
    "options of a launcher from elsewhere": (
        "defaults: [override /hydra/launcher: options]",
        "hydra.launcher.ray.init",
    ),
    "a function of a sweeper": (
        "defaults: [override /hydra/sweeper: search_space]",
        "hydra.sweeper.custom_search_space",
    ),
    "a sampler that is none": (
        "defaults: [override /hydra/sweeper: sampler]",
        "hydra.sweeper.sampler._target_",
    ),
    "a study that is named by a value of Hydra's, through the name of the run": (
        """
        defaults: [override /hydra/sweeper: study]
        name: "${oc.select:nothing${hydra:job.num},{_target_: evil_module.run}}"
        """,
        "hydra.sweeper.study_name",
    ),
    "a study that is named by more than the name of the run": (
        """
        defaults: [override /hydra/sweeper: study]
        hydra: {sweeper: {study_name: "${name}_${oc.env:EVIL}"}}
        """,
        "hydra.sweeper.study_name",
    ),
    "the name of the run anywhere else": (
        """
        defaults: [override /hydra/sweeper: study]
        hydra: {sweeper: {storage: "${name}"}}
        """,
        "hydra.sweeper.storage",
    ),
    "a target in a component": (
        """
        optimizer: {_target_: evil_module.run}
        """,
        "optimizer._target_",
    ),
    "a target in a list of layers": (
        """
        defaults: [override /model: sequential]
        model: {layers: [{name: flatten}, {name: dense, initializer: {_target_: evil_module.run}}]}
        """,
        "model.layers.1.initializer._target_",
    ),
}

HYDRA_FILES = {
    "launcher/evil": "_target_: evil_module.run",
    "launcher/setup": """
        _target_: hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher
        setup: [touch mark.log]
        """,
    "launcher/comment": """
        _target_: hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher
        comment: "a\\nevil"
        """,
    "launcher/options": """
        _target_: hydra_plugins.hydra_ray_launcher.ray_launcher.RayLauncher
        ray: {init: "${elsewhere}"}
        """,
    "sweeper/evil": "_target_: evil_module.run",
    "sweeper/search_space": """
        _target_: hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper
        custom_search_space: evil_module.run
        """,
    "sweeper/study": """
        _target_: hydra._internal.core_plugins.basic_sweeper.BasicSweeper
        max_batch_size: null
        params: null
        study_name: ${name}
        storage: null
        """,
    "sweeper/sampler": """
        _target_: hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper
        sampler: {_target_: evil_module.run}
        """,
}

EVIL_MODULE = f"""
import logging, pathlib
pathlib.Path({MARK!r}).touch()
stream = log = None
Handler, Formatter = logging.NullHandler, logging.Formatter
def run(*args, **kwargs): pass
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """With configs in ``conf/``, and a module that leaves a mark where it is imported."""
    (tmp_path / "evil_module.py").write_text(EVIL_MODULE)
    for name, text in HYDRA_FILES.items():
        path = tmp_path / "conf" / "hydra" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("evil_module", None)


@pytest.fixture
def attack(folder, program):
    """Writes an experiment file, runs the program on it, and tells whether code ran."""

    def attack(text="", *arguments):
        path = folder / "conf" / "experiment" / "evil.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"# @package _global_\n{textwrap.dedent(text)}")
        environment = {
            "EVIL": "evil_module.run",
            "CHAINRULE_EVIL": "secret",
            "EVIL_CALLBACK": "{_target_: evil_module.run}",
        }
        ran = program(*TRAIN, *(arguments or ("experiment=evil",)), **environment)
        return ran, (folder / MARK).exists()

    return attack


def left(folder):
    """What is in a folder beside what the test put there."""
    return {path.name for path in folder.iterdir()} - {"conf", "evil_module.py", "__pycache__"}


def refused(ran, key):
    assert ran.status == 2, ran
    by_file = re.search(r'evil\.yaml, line \d+: "[\w.${}]+" in a file could read what lies outside', ran.err)
    assert by_file or ran.err.startswith(f"chainrule: {key}: "), ran.err
    assert ran.err.count("\n") <= 2
    assert "Traceback" not in ran.err
    return True


@pytest.mark.parametrize(("text", "key"), [*RUNS_CODE.values(), *UNSAFE.values()], ids=[*RUNS_CODE, *UNSAFE])
def test_a_config_that_would_run_code_is_refused_before_hydra_acts_on_it(folder, attack, text, key):
    ran, code_ran = attack(text)
    assert refused(ran, key)
    assert not code_ran
    assert left(folder) == set()


@pytest.mark.parametrize(("text", "key"), RUNS_CODE.values(), ids=RUNS_CODE)
def test_each_of_these_would_run_code_if_it_were_not_refused(attack, monkeypatch, text, key):
    """Else the test above would show nothing."""
    monkeypatch.setattr(command_line, "SafeLoader", ConfigLoaderImpl)
    _, code_ran = attack(text)
    assert code_ran


@pytest.mark.parametrize("text_and_key", [RUNS_CODE["a callback"], UNSAFE["a library to load into every program"]])
def test_a_config_that_only_a_job_of_a_sweep_has_is_refused_before_the_first_job(folder, attack, text_and_key):
    text, key = text_and_key
    ran, code_ran = attack(text, "-m", "experiment=xor,evil")
    assert refused(ran, key)
    assert not code_ran
    assert left(folder) == set()


ON_THE_COMMAND_LINE = {
    "+hydra.callbacks.evil._target_=evil_module.run": "hydra.callbacks.evil._target_",
    "+hydra.callbacks.evil={_target_:evil_module.run}": "hydra.callbacks.evil._target_",
    "++hydra.callbacks.evil=${elsewhere}": "hydra.callbacks.evil",
    "hydra.launcher._target_=evil_module.run": "hydra.launcher._target_",
    "hydra.sweeper._target_=evil_module.run": "hydra.sweeper._target_",
    "+optimizer._target_=evil_module.run": "optimizer._target_",
    "+hydra.job.env_set.LD_PRELOAD=/evil.so": "hydra.job.env_set.LD_PRELOAD",
    "hydra.searchpath=[pkg://evil_module]": "hydra.searchpath",
    "hydra.searchpath=[structured://evil_module]": "hydra.searchpath",
    "hydra.searchpath=[file:///tmp,pkg://evil_module]": "hydra.searchpath",
    "--experimental-rerun=evil.pickle": "--experimental-rerun",
    "--config-path=pkg://evil_module": "--config-path",
    "--config-name=evil": "--config-name",
}


@pytest.mark.parametrize(("argument", "key"), ON_THE_COMMAND_LINE.items(), ids=ON_THE_COMMAND_LINE)
def test_an_override_that_would_run_code_is_refused(folder, attack, argument, key):
    ran, code_ran = attack("", argument)
    assert refused(ran, key)
    assert not code_ran
    assert left(folder) == set()


@pytest.mark.parametrize(
    ("params", "key"),
    [
        ("{+hydra.callbacks.evil._target_: evil_module.run}", "hydra.callbacks.evil._target_"),
        ("{hydra.searchpath: '[pkg://evil_module]'}", "hydra.searchpath"),
        ("{+hydra.job.env_set.LD_PRELOAD: /evil.so}", "hydra.job.env_set.LD_PRELOAD"),
    ],
)
def test_the_overrides_that_a_sweeper_brings_are_refused_too(attack, params, key):
    ran, code_ran = attack(f"hydra: {{sweeper: {{params: {params}}}}}", "-m", "experiment=evil")
    assert key in ran.err
    assert ran.status == 2
    assert not code_ran


NAMES = {
    "{_target_: evil_module.run}": "name._target_",
    '"${oc.decode:${oc.env:EVIL_CALLBACK}}"': "name",
    '"${oc.create:{_target_: evil_module.run}}"': "name",
    "${model}": "name",
}


@pytest.mark.parametrize(("name", "key"), NAMES.items(), ids=NAMES)
def test_a_study_is_named_after_a_run_whose_name_is_text(folder, attack, name, key):
    """Hydra makes the sweeper of what has been looked at."""
    text = f"defaults: [override /hydra/sweeper: study]\nname: {name}"
    ran, code_ran = attack(text, "-m", "experiment=evil")
    assert refused(ran, key)
    assert not code_ran
    assert left(folder) == set()


@pytest.mark.parametrize("name", [name for name in NAMES if name.strip('"').startswith(("{", "${oc.create"))])
def test_each_of_these_names_would_run_code_if_it_were_not_refused(attack, monkeypatch, name):
    for refuse in ("refuse_code", "refuse_name"):
        monkeypatch.setattr(loader, refuse, lambda *arguments: None)
    monkeypatch.setattr(files, "refuse_file", lambda *arguments: None)
    _, code_ran = attack(f"defaults: [override /hydra/sweeper: study]\nname: {name}", "-m", "experiment=evil")
    assert code_ran


@pytest.mark.parametrize("options", [["--cfg", "all"], ["--info", "all"], ["--help"], ["-m"]])
def test_showing_such_a_config_runs_no_code_either(attack, options):
    ran, code_ran = attack(RUNS_CODE["the class of a log handler"][0], *options, "experiment=evil")
    assert refused(ran, "hydra.job_logging.handlers.evil.class")
    assert not code_ran


def test_yaml_cannot_make_objects(folder, attack):
    ran, code_ran = attack("evil: !!python/object/apply:evil_module.run []\n")
    assert refused(ran, f"{folder}/conf/experiment/evil.yaml, line 2")
    assert not code_ran


def test_a_search_path_inside_an_experiment_is_refused(attack):
    ran, code_ran = attack("hydra: {searchpath: [pkg://evil_module]}")
    assert ran.status == 2
    assert "hydra.searchpath" in ran.err
    assert not code_ran


def test_python_files_beside_configs_are_not_imported(folder, attack):
    for place in ("conf", "conf/experiment", "conf/hydra"):
        (folder / place).mkdir(parents=True, exist_ok=True)
        (folder / place / "__init__.py").write_text(EVIL_MODULE)
    ran, code_ran = attack("seed: 3", "experiment=evil", "--cfg", "job")
    assert ran.status == 0
    assert "seed: 3" in ran.out
    assert not code_ran


SHOWN = [["--hydra-help"], ["--info"], ["--cfg", "all"], ["--cfg", "job", "--resolve"], ["--help"], ["--version"]]


@pytest.mark.parametrize("arguments", SHOWN, ids=" ".join)
def test_what_only_shows_something_works(folder, program, arguments):
    ran = program("train", *arguments)
    assert ran.status == 0, ran.err
    assert ran.out
    assert ran.err == ""
    assert left(folder) == set()


HARMLESS = {
    "logging to a file": "hydra/job_logging=default",
    "logging to standard output": "hydra/job_logging=stdout",
    "debugging hydra": "hydra/hydra_logging=hydra_debug",
    "verbose": "hydra.verbose=true",
    "verbose loggers": "hydra.verbose=[chainrule]",
    "a folder of one's own": "hydra.run.dir=here/${dataset.name}/${oc.env:HOME,nowhere}/${now:%Y}",
    "hydra's own launcher": "hydra/launcher=basic",
    "hydra's own sweeper": "hydra/sweeper=basic",
    "hydra's own callback": "+hydra.callbacks.log._target_=hydra.experimental.callbacks.LogJobReturnCallback",
    "threads": "+hydra.job.env_set.OMP_NUM_THREADS=1",
    "configs in another folder": "hydra.searchpath=[file:///tmp]",
    "an interpolation in one's own keys": "name=${dataset.name}_${optimizer.name}",
    "a study that is named after the run": "+hydra.sweeper.study_name=${name}_search",
    "a number from the environment": "seed='${oc.decode:${oc.env:SEED,3}}'",
}


@pytest.mark.parametrize("argument", HARMLESS.values(), ids=HARMLESS)
def test_what_runs_no_code_is_left_alone(program, argument):
    ran = program("train", "tracking=none", "tracking.figures=false", "callbacks=[]", "trainer.epochs=1", argument)
    assert ran.status == 0, ran.err
    assert ran.err == ""


@given(
    st.lists(st.sampled_from(["a", "optimizer", "hydra", "callbacks", 0, "class", "layers"]), min_size=1, max_size=6),
    st.one_of(st.text(), st.integers(), st.none(), st.dictionaries(st.text(), st.text(), max_size=1), st.just([])),
)
def test_no_target_hides_at_any_depth(path, target):
    config = {"_target_": target}
    for step in reversed(path):
        config = [{}, config] if step == 0 else {"before": 1, step: config}
    with pytest.raises(UnsafeConfig):
        unsafe.refuse_code(config if isinstance(config, dict) else {"top": config})
