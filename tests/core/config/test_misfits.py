"""Sweeps over options of a group, with a field that only they have, or only some of them."""

import pytest
from omegaconf import OmegaConf

import chainrule as cr

pytestmark = pytest.mark.slow

QUICK = ("tracking=none", "trainer.epochs=1", "hydra.sweep.dir=swept")
MINE = """# @package _global_
defaults: [override /schedule: cosine]
hydra:
  mode: MULTIRUN
  sweeper:
    params: {optimizer: "momentum,nesterov", optimizer.lr: "0.1,0.2"}
"""
SEARCH = "hparams_search=optuna_mlp hydra.sweeper.storage=null hydra.sweeper.n_trials=2 hydra.sweeper.sampler.seed=1"

# What is swept, and what its jobs then have under a key.
FITTING = [
    ("-m optimizer=momentum,nesterov optimizer.momentum=0.8", "optimizer.momentum", [0.8, 0.8]),
    ("-m optimizer.momentum=0.7,0.8 optimizer=choice(momentum,nesterov)", "optimizer.momentum", [0.7, 0.7, 0.8, 0.8]),
    ("-m optimizer=glob(*/classic) optimizer.lr=0.5", "optimizer.lr", [0.5, 0.5]),
    ("-m schedule=cosine,constant schedule.warmup=1", "schedule.warmup", [1, 1]),
    ("-m optimizer=sgd,xor/classic schedule=cosine,constant schedule.warmup=1", "schedule.warmup", [1] * 4),
    ("-m optimizer=xor/modern,adamw optimizer.beta2=0.9", "optimizer.beta2", [0.9, 0.9]),
    (
        "-m callbacks=[early_stopping],[early_stopping,nan_guard] callbacks.early_stopping.patience=2",
        "callbacks.early_stopping.patience",
        [2, 2],
    ),
    ("--config-dir conf experiment=mine optimizer.momentum=0.8", "optimizer.momentum", [0.8] * 4),
    ("--config-dir conf experiment=mine optimizer=momentum optimizer.momentum=0.8", "optimizer.lr", [0.1, 0.2]),
    (
        "--config-dir conf -m experiment=mine,xor schedule=cosine schedule.warmup=1 optimizer=sgd optimizer.lr=1",
        *("schedule.warmup", [1, 1]),
    ),
    (f"{SEARCH} optimizer=momentum,nesterov optimizer.momentum=0.8", "optimizer.momentum", [0.8, 0.8]),
    pytest.param(
        "-m launcher=parallel optimizer=momentum,nesterov optimizer.momentum=0.8",
        *("optimizer.momentum", [0.8, 0.8]),
        marks=pytest.mark.slow,
    ),
]

# What is swept, and how it is refused.
MISFITTING = {
    "-m optimizer=sgd,adam optimizer.beta1=0.8": "optimizer.beta1: adam has it, sgd has not: leave it out, or",
    "-m optimizer=adam,sgd,adamw +optimizer.beta1=0.8": "optimizer.beta1: it is there already: leave out the +",
    "-m optimizer=momentum,nesterov,lion optimizer.momentum=0.8": "optimizer.momentum: momentum, nesterov have",
    "-m optimizer=sgd,adam schedule=none,cosine schedule.warmup=1": "schedule.warmup: cosine has it, none has not",
    "-m optimizer=xor/classic,xor/modern optimizer.eps=1": "optimizer.eps: xor/modern has it, xor/classic has not",
    "-m optimizer=glob(*m,exclude=m*/*) optimizer.momentum=1": "optimizer.momentum: momentum has it, adam, nadam",
    "-m experiment=xor,xor_classic optimizer.beta1=1": "optimizer.beta1: experiment xor has it, experiment xor_classic",
    "-m callbacks=[early_stopping],[] callbacks.early_stopping.patience=2": (
        "callbacks.early_stopping.patience: [early_stopping] has it, [] has not"
    ),
    "--config-dir conf experiment=mine optimizer=momentum,adam optimizer.momentum=0.8": (
        "optimizer.momentum: momentum has it, adam has not"
    ),
    f"{SEARCH} optimizer=adam,momentum optimizer.momentum=interval(0.5,0.9)": "optimizer.momentum: momentum has",
    f"{SEARCH} model=mlp,sequential": "model.hidden: mlp has it, sequential has not",
    # Hydra would sweep over mine alone, and drop what it sweeps over itself.
    "--config-dir conf -m experiment=mine,xor optimizer=sgd": (
        "hydra.sweeper.params: the job experiment=mine, optimizer=sgd, tracking=none, and 1 more has a sweep of its "
        "own, 'optimizer.lr=0.1,0.2', which is left out in a sweep over such jobs: sweep over each alone"
    ),
    # What fits none of them is told as ever.
    "-m optimizer=sgd,adam optimizer.betta1=0.8": 'optimizer.betta1: sgd has no field "betta1". Known: lr,',
    "-m optimizer=sgd,admm optimizer.lr=1": 'optimizer: there is no optimizer "admm". Did you mean "adam"?',
    "-m seed=1,2 schedule.warmup=1": "schedule: no schedule is chosen: schedule=... chooses one.",
}


@pytest.fixture
def swept(program, tmp_path):
    """Runs ``chainrule train`` beside an experiment of one's own that sweeps."""
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "mine.yaml").write_text(MINE)
    return lambda line: program("train", *line.split(), *QUICK)


@pytest.mark.parametrize(("line", "key", "values"), FITTING)
def test_a_field_that_only_the_swept_options_have(swept, tmp_path, line, key, values):
    ran = swept(line)
    assert ran.status == 0, ran.err
    configs = [OmegaConf.load(path) for path in sorted(tmp_path.glob("swept/*/config.yaml"))]
    assert [OmegaConf.select(config, key) for config in configs] == values


@pytest.mark.parametrize(("line", "message"), MISFITTING.items())
def test_a_field_that_only_some_of_the_swept_options_have(swept, tmp_path, line, message):
    ran = swept(line)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(f"chainrule: {message}")
    assert ran.err.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"conf"}, "nothing is left behind"


def test_from_python(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cr.sweep(["optimizer=momentum,nesterov", "optimizer.momentum=0.8", *QUICK])
    assert len(list(tmp_path.glob("swept/*/config.yaml"))) == 2
    with pytest.raises(cr.UnknownName, match=r"^optimizer\.momentum: momentum has it, sgd has not"):
        cr.sweep(["optimizer=momentum,sgd", "optimizer.momentum=0.8", *QUICK])
