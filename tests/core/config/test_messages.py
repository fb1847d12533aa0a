"""What is wrong in what a user writes: one or two lines, exit status 2, and nothing left behind.

A message names the key or the file, what stands there, and what would be right.
"""

import contextlib
import gzip
import sqlite3
import struct
import subprocess
import sys

import numpy as np
import pytest

from chainrule.tracking.store import prepare_store

# Arguments of `chainrule train`, and under them how the message begins.
WRONG = """
# Names
optimizer=admm
    optimizer: there is no optimizer "admm". Did you mean "adam"?
experiment=mnsit
    experiment: there is no experiment "mnsit". Did you mean "mnist"? Known: adding, digits, mnist,
dataset=xorr
    dataset: there is no dataset "xorr". Did you mean "xor"?
model=mnist/clasic
    model: there is no model "mnist/clasic". Did you mean "mnist/classic"? Known: adding/modern,
optimizer=nosuch
    optimizer: there is no optimizer "nosuch". Known: adadelta, adagrad, adam, adamw, adan,
dataset=mnist/hole
    dataset: there is no dataset "mnist/hole". Did you mean "mnist/whole"? Known: adding,
model=xor
    model: there is no model "xor". It is a folder of presets: xor/classic, xor/modern.
mnist=classic
    mnist: there is no group or key "mnist". It is a folder of presets: choose one with dataset=mnist/... or model=mnist
model/mnist=classic
    model/mnist: there is no group or key "model/mnist". It is a folder of presets: choose one with model=mnist/...
+model/mnist=classic
    model.mnist: mlp has no field "mnist". Known: activation, bias_initializer, dropout,
experiment=mnist/classic
    experiment: there is no experiment "mnist/classic". Did you mean "mnist_classic"? Known: adding, digits,
-m model=mnist/classic,xor/modrn
    model: there is no model "xor/modrn". Did you mean "xor/modern"? Known: adding/modern,
loss=contrastive
    loss: there is no loss "contrastive". Known: binary_cross_entropy,
schedule=cosin
    schedule: there is no schedule "cosin". Did you mean "cosine"?
metrics=[acuracy]
    metrics: there is no metric "acuracy". Did you mean "accuracy"?
callbacks=[early_stoping]
    callbacks: there is no callback "early_stoping". Did you mean "early_stopping"?
tracking=mlfow
    tracking: there is no tracking "mlfow". Did you mean "mlflow"?
model.activation=rellu
    model.activation: there is no activation "rellu". Did you mean "relu"?
model.initializer=he
    model.initializer: there is no initializer "he". Known:
optimizer.name=foo
    optimizer: there is no optimizer "foo". Known: adadelta, adagrad, adam,
hydra/launcher=[1,2]
    a list of options holds their names, and nothing else
hydra/launcher=rq
    hydra/launcher: there is no hydra/launcher "rq". Known: basic
optimizer.learnrate=1
    optimizer.learnrate: adam has no field "learnrate". Known: beta1, beta2, eps, lr,
+optimizer.learnrate=1
    optimizer.learnrate: optimizer adam has no field "learnrate". Known: beta1,
model.hiden=[3]
    model.hiden: mlp has no field "hiden". Did you mean "hidden"? Known: activation,
model.layers.0.units=3
    model.layers: mlp has no field "layers". Known: activation,
model.activation={name:leaky_relu,slop:1}
    model.activation.slop: activation leaky_relu has no field "slop". Did
trainer.epoch=3
    trainer.epoch: there is no key "epoch" here. Did you mean "epochs"? Known: batch_size, engine, epochs,
+trainer.epoch=3
    trainer.epoch: there is no key "epoch" here. Did you mean "epochs"? Known: batch_size, engine, epochs,
callbacks=[progress,{name:early_stopping,patience:3}]
    a list of options holds their names; fields come after it: callbacks=[progress,early_stopping]
+tracking.url=3
    tracking.url: there is no key "url" here. Did you mean "uri"?
+optimizr.lr=5
    optimizr: there is no group or key "optimizr". Did you mean "optimizer"?
+bogus=1
    bogus: there is no group or key "bogus". Known: callbacks, dataset, dtype, experiment, explain,
+lr=5
    lr: there is no group or key "lr". Did you mean "optimizer.lr"?
epochs=5
    epochs: there is no group or key "epochs". Did you mean "trainer.epochs"?
experiment.epochs=5
    experiment: its options are whole files: choose one with experiment=... or +experiment=...
hydra.jobs=1
    hydra.jobs: there is no key "jobs" here. Did you mean "job"?
schedule.name=cosine
    schedule: no schedule is chosen: schedule=... chooses one. Known: constant, cosine,
schedule=none schedule.warmup=3
    schedule: no schedule is chosen: schedule=... chooses one. Known: constant, cosine,
optimizer.name=sgd
    optimizer.name: the fields that stand here are those of adam: choose the other with optimizer=sgd (in a file: "-
model.activation.name=relu
    model.activation.name: model.activation holds a name alone: write model.activation=...
model.activation.slope=0.2
    model.activation.slope: model.activation holds a name alone: write 'model.activation={name: ..., slope: ...}'
model=sequential model.layers=[tanh] model.layers.0.units=8
    model.layers.0.units: model.layers.0 holds a name alone: write 'model.layers.0={name: ..., units: ...}'
optimizr=adam
    optimizr: there is no group or key "optimizr". Did you mean "optimizer"?
optimiser.lr=3
    optimiser: there is no group or key "optimiser". Did you mean "optimizer"?
sed=3
    sed: there is no group or key "sed". Did you mean "seed"?
callbacks.early_stopping.patience=9
    callbacks.early_stopping: "early_stopping" is not among the chosen callbacks: callbacks=[progress,nan_guard,

# Words that are no overrides
--nonsense
    --nonsense: there is no such option.
--cgf job
    --cgf: there is no such option. Did you mean "--cfg"?
--experiment=xor
    --experiment=xor: a key stands without dashes: experiment=xor
--experiment xor
    --experiment: a key stands without dashes: experiment=xor
optimizer=sgd --seed 3
    --seed: a key stands without dashes: seed=3
-experiment
    -experiment: a key stands without dashes: experiment=...
--optimizer.lr 0.1
    --optimizer.lr: a key stands without dashes: optimizer.lr=0.1
experiment xor
    cannot read the override 'experiment': write it as experiment=xor
optimizer.lr 0.1
    cannot read the override 'optimizer.lr': write it as optimizer.lr=0.1
xor
    cannot read the override 'xor': write experiment=xor
nesterov
    cannot read the override 'nesterov': write optimizer=nesterov
nothing seed=3
    cannot read the override 'nothing': write it as key=value
--resolve
    --resolve: it is for showing a config, and trains nothing: --cfg job --resolve
--package optimizer seed=1
    --package: it is for showing a config, and trains nothing: --cfg job --package
-m --cfg job optimizer=sgd,adam
    --cfg: it shows the config of one job: leave -m out, and give one value of each
--config-path conf
    --config-path: chainrule does not take this option of Hydra's; see --config-dir

# Types and values
seed=0..3
    seed: got "0..3", expected a whole number; to sweep over these -m 'seed=range(0,4)'
-m seed=0-3
    seed: got "0-3", expected a whole number; to sweep over these -m 'seed=range(0,4)'
-m seed=1,2..4
    seed: got "2..4", expected a whole number; to sweep over these -m 'seed=range(2,5)'
-m trainer.epochs=1:3
    trainer.epochs: got "1:3", expected a whole number; to sweep over these -m 'trainer.epochs=range(1,4)'
optimizer.lr=fast
    optimizer.lr: got "fast", expected a number
optimizer.lr=null
    optimizer.lr: it cannot be null
optimizer.lr=-0.1
    optimizer.lr: got -0.1, must be above 0
optimizer.lr=nan
    optimizer.lr: got nan, must be above 0
optimizer.lr=inf
    optimizer.lr: got inf, must be above 0 and finite
trainer.epochs=1.5
    trainer.epochs: got 1.5, expected a whole number
trainer.epochs=true
    trainer.epochs: got true, expected a whole number
trainer.epochs=0
    trainer.epochs: got 0, expected a whole number, 1 or more
trainer.batch_size=0
    trainer.batch_size: got 0, expected a whole number, 1 or more
trainer.shuffle=perhaps
    trainer.shuffle: got "perhaps", expected true or false
name=null
    name: a run needs it
name=../../evil
    name: got "../../evil", expected text that can name a folder, without / and \\
name={long}
    name: got a name of 240 letters, 480 bytes: a folder takes its name, of 255 bytes at most
hydra.run.dir={long}
    hydra.run.dir, hydra.sweep.dir or hydra.sweep.subdir: the run's folder would be éééé
--config-dir {long}
    --config-dir: there is no folder
experiment={long}
    experiment: there is no experiment "éééé
name=a/b
    name: got "a/b", expected text that can name a folder
name=..
    name: got "..", expected text that can name a folder
name=
    name: got "", expected text that can name a folder
name=[a]
    name: got ['a'], expected text that can name a folder
name=${nothing}
    name: ${nothing} stands for a key that is not there; for that text write 'name=\\${nothing}'
-m name=a,b/c
    name: got "b/c", expected text that can name a folder
seed=-1
    seed: got -1, expected a whole number, 0 or more
seed=x
    seed: got 'x', expected a whole number, 0 or more
dtype=float16
    dtype: got 'float16', expected float32 or float64
model.hidden=3
    model.hidden: expected a list, as 'model.hidden=[...]'
model=sequential model.layers={name:dense}
    model.layers: expected a list, as 'model.layers=[...]'
model.hidden=[a]
    model.hidden.0: got "a", expected a whole number
model.hidden=[0]
    model.hidden: got [0], must be sizes of at least 1
model.dropout=1
    model.dropout: got 1.0, must be at least 0 and less than 1
schedule=step schedule.every=0
    schedule.every: got 0, must be at least 1
regularizer=l2 regularizer.strength=-1
    regularizer.strength: got -1.0, must be at least 0
callbacks=[early_stopping] callbacks.early_stopping.mode=up
    callbacks.early_stopping.mode: got "up", expected "auto" or "min" or "max"
optimizer.lr=${nothing}
    optimizer.lr: ${nothing} stands for a key that is not there
optimizer.lr=${dataset.name}
    optimizer.lr: got "xor", expected a number
dataset=csv
    dataset.path: this must be given, as dataset.path=...

# What does not fit together
loss=categorical_cross_entropy
    loss: categorical_cross_entropy is for multiclass tasks, and the data is binary: take binary_cross_entropy,
dataset=csv dataset.target=y dataset.path={data}/binary.csv loss=categorical_cross_entropy
    loss: categorical_cross_entropy is for multiclass tasks, and the data is binary
metrics=[accuracy]
    metrics: accuracy is for multiclass, and the targets are binary: take binary_accuracy
dataset=digits model=sequential model.layers=[{name:dense,units:4}]
    model.layers.0: dense takes vectors, of shape (features,), got input of shape (8, 8): put a flatten before it
dataset=digits model=sequential model.layers=[flatten,{name:dense,units:4},{name:dens}]
    model.layers.2: there is no layer "dens". Did you mean "dense"?
model=sequential model.layers=[tanh,{name:dense,units:4,activation:relo}]
    model.layers.1.activation: there is no activation "relo"
model=sequential model.layers=[tanh,{name:dense}]
    model.layers.1.units: layer dense needs a value for this field (int)
model=sequential model.layers=[{name:dense,units:-4}]
    model.layers.0.units: got -4, must be at least 1
model=sequential model.layers=[{units:4}]
    model.layers.0: got {'units': 4}, expected the name of a component of kind layer
model=sequential model.layers=[3]
    model.layers: got [3], expected a list, each element the name of a layer or {name: ..., ...}

# Overrides that Hydra does not take
seed=1,2
    seed: got 1,2; to sweep over these values add -m, to give a list write 'seed=[1,2]'
optimizer=adam,sgd
    optimizer: got adam,sgd; to sweep over these values add -m
optimizer=[adam,sgd]
    optimizer: it takes one option; to sweep over several add -m, and leave the brackets out
experiment=[xor,digits]
    experiment: it takes one option; to sweep over several add -m, and leave the brackets out
dataset=xor ~callbacks
    callbacks: there is nothing to remove: none is chosen; choose some with callbacks=...
-m name='${hydra:job.num}' seed=0,1
    hydra.sweep.dir: what it is made of holds ${hydra:...}, which is known in a job alone, not here
optimizer
    cannot read the override 'optimizer': write it as optimizer=...
optimizer.lr==3
    cannot read the override 'optimizer.lr==3': write one =, as optimizer.lr=3
name=a=b
    cannot read the override 'name=a=b': text with =, commas, brackets or quotes needs quotes of its own within the
übung=3
    cannot read the override 'übung=3': no key has such letters
dataset=csv dataset.target=null dataset.path={data}/binary.csv
    dataset.target: got null, expected text or a list, each element text; in quotes of its own, as it stands there, it
+optimizer.lr=1
    optimizer.lr: it is there already: leave out the + before it
model.hidden=[64,
    cannot read the override 'model.hidden=[64,': it ends within a bracket; where there are blanks, put all of it in
dataset.path=data(1).csv
    cannot read the override 'dataset.path=data(1).csv': text with =, commas, brackets or quotes needs quotes
schedule=null
    schedule: it cannot be null; schedule=none stands for none. Known: constant, cosine,
callbacks=null
    callbacks: it cannot be null; callbacks=[] stands for none. Known: augment,
dataset=null
    dataset: it cannot be null. Known: adding,
experiment=null
    experiment: it cannot be null. Known: adding, digits, mnist,
~name
    name: a run needs it
~model.hidden
    model.hidden: a field cannot be removed: give it another value
~optimizer
    optimizer: a run needs it
~seed
    seed: a run needs it
model=sequential model.layers=[tanh] ~model.layers.0
    an element of a list cannot be removed: write the whole list
model=sequential model.layers=[tanh] model.layers.2=relu
    model.layers.2: the list is not so long (positions count from 0); write the whole list, as 'model.layers=[...]'
model=sequential model.layers=[{name:dense,units:3}] model.layers.0.bias=false
    model.layers.0.bias: this dense is written without "bias": to add it, +model.layers.0.bias=...
-m seed=1,2 optimizer=admm
    optimizer: there is no optimizer "admm". Did you mean "adam"?
-m optimizer=adam,sgd optimizer.beta1=0.8
    optimizer.beta1: adam has it, sgd has not: leave it out, or sweep over those that have it by themselves

# Options
--config-dir nowhere experiment=xor
    --config-dir: there is no folder
--config-dir {data}/binary.csv
    --config-dir: there is no folder {data}/binary.csv
--config-name=x
    --config-name: chainrule does not take this option of Hydra's; see --config-dir
--config-path=x
    --config-path: chainrule does not take this option of Hydra's; see --config-dir
--experimental-rerun=x
    --experimental-rerun: chainrule does not take this option of Hydra's
hydra.run.dir={data}/binary.csv/runs
    {data}/binary.csv/runs: Not a directory
hydra.run.dir=.
    hydra.run.dir: a run needs a folder of its own, which cannot be the working directory
hydra.job.chdir=true
    hydra.job.chdir: a run stays in the folder in which it was started

# The user's own data
dataset=csv dataset.target=y dataset.path={data}/nothing.csv
    there is no file {data}/nothing.csv
dataset=csv dataset.target=y dataset.path={data}/missing.csv
    {data}/missing.csv, line 3, column "b": the value is missing; fill it in, leave such rows out
dataset=csv dataset.target=y dataset.path={data}/ragged.csv
    {data}/ragged.csv, line 3: the row has 2 cells, the header has 3
dataset=csv dataset.target=y dataset.path={data}/text.csv
    {data}/text.csv, line 2, column "a": "red" is not a finite number
-m seed=0,,1
    cannot read the override 'seed=0,,1': nothing stands beside one of its commas: leave the comma out, or write ''
dataset=csv dataset.target=y dataset.path={data}/binary.csv dataset.leave_out=[null]
    dataset.leave_out: got null, expected text; for the text "null" write "dataset.leave_out=['null']"
dataset=csv dataset.path={data}/binary.csv dataset.target=z
    dataset.target: {data}/binary.csv has no column "z" in its first line. Known: a, b, y.
dataset=csv dataset.target=y dataset.path={data}/binary.csv dataset.task=multi
    dataset.task: got "multi", expected "auto" or "binary" or "multiclass"
dataset=csv dataset.target=y dataset.path={data}/binary.csv dataset.test_fraction=2
    dataset.test_fraction: got 2.0, must be at least 0 and less than 1
dataset=npz dataset.path={data}/nothing.npz
    there is no file {data}/nothing.npz
dataset=npz dataset.path={data}/negative.npz
    {data}/negative.npz, y_train: label -1 of sample 4 is negative; classes are numbered from 0
dataset=npz dataset.path={data}/gap.npz
    {data}/gap.npz: of the classes 0 to 9,
dataset=npz dataset.path={data}/objects.npz
    {data}/objects.npz, y: it holds pickled Python objects, which could run code
dataset=npz dataset.path={data}/truncated.npz
    {data}/truncated.npz is not an .npz file, or is truncated

# Stores
tracking.uri=sqlite:///{data}/binary.csv/a.db
    the tracking store sqlite:///{data}/binary.csv/a.db cannot be used:
tracking.uri=sqlite:///{data}
    the tracking store sqlite:///{data} cannot be used: it is a directory
tracking.uri=sqlite:///{data}/binary.csv
    the tracking store sqlite:///{data}/binary.csv cannot be used: file is not a database
    Name another with tracking.uri or MLFLOW_TRACKING_URI, or run without: tracking=none
tracking.uri=runs.db
    the tracking URI "runs.db" has no scheme: write sqlite:///runs.db
"""

# The second line of an experiment file, and under it how the message begins.
IN_AN_EXPERIMENT = """
optimizer: {learnrate: 1}
    optimizer.learnrate: adam has no field "learnrate". Known: beta1,
trainer: {epochs: many}
    trainer.epochs: got "many", expected a whole number
defaults: [override /optimizer: sgdd]
    optimizer: there is no optimizer "sgdd". Did you mean "sgd"?
defaults: [override /optimizer: xor/clasic]
    optimizer: there is no optimizer "xor/clasic". Did you mean "xor/classic"?
defaults: [override /optimizer: xor]
    optimizer: there is no optimizer "xor". It is a folder of presets: xor/classic, xor/modern.
defaults: [override /mnist: classic]
    mnist: there is no group or key "mnist" (in experiment/mine). It is a folder of presets: choose one with dataset=mn
defaults: [override /model/mnist: classic]
    model/mnist: there is no group or key "model/mnist" (in experiment/mine). It is a folder of presets: choose one with
defaults: [{mnist: classic}]
    mnist: there is no group or key "mnist" (in experiment/mine). It is a folder of presets: choose one with dataset=mn
defaults: [{model: mnist/classic}]
    defaults.model: an experiment overrides what config.yaml chose: write "- override /model: mnist/classic"
defaults: [{model/mnist: classic}]
    defaults.model: an experiment overrides what config.yaml chose: write "- override /model: mnist/classic"
defaults: [mnist/classic]
    mnist: there is no group or key "mnist" (in experiment/mine). It is a folder of presets: choose one with dataset=mn
defaults: [override hydra/launcher: basic]
    experiment/mine: a group of Hydra's begins with /: write "- override /hydra/launcher: ..."
defaults: [override /dataset: xor, {/callbacks: [progress]}]
    in the defaults of a file a list of options stands after an override; to choose these alone write it as "- override
defaults: [{foo: bar}]
    foo: there is no group or key "foo" (in experiment/mine). Known: callbacks, dataset,
defaults: [override /optimiser: sgd]
    optimiser: there is no group or key "optimiser" (in experiment/mine). Did you mean "optimizer"?
defaults: [{optimizer: sgd}]
    defaults.optimizer: an experiment overrides what config.yaml chose: write "- override /optimizer: sgd"
optimizr: {lr: 3}
    optimizr: there is no group or key "optimizr" (in experiment/mine). Did you mean "optimizer"?
epochs: 3
    epochs: there is no group or key "epochs" (in experiment/mine). Did you mean "trainer.epochs"?
trainer: {epoch: 3}
    trainer.epoch: there is no key "epoch" here. Did you mean "epochs"?
optimizer: {name: sgd}
    optimizer.name: the fields that stand here are those of adam: choose the other with optimizer=sgd (in a file: "-
optimizer: sgd
    experiment/mine: got sgd where the fields of a group are expected; which option is taken stands in its defaults, as
- a
    experiment/mine: a list stands where fields are expected, or fields where a list is
defaults: {optimizer: sgd}
    Invalid defaults list in 'experiment/mine', defaults must be a list
seed: [1
    conf/experiment/mine.yaml, line 3: this is no YAML of a config: expected ',' or ']'
seed: {a b: [}
    conf/experiment/mine.yaml, line 2: this is no YAML of a config:
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """With no run in it."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"
    prepare_store(uri, "xor")
    return uri


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    rows = "".join(f"{n},{n * n},{n % 2}\n" for n in range(20))
    (folder / "binary.csv").write_text(f"a,b,y\n{rows}")
    (folder / "missing.csv").write_text("a,b,y\n1,2,0\n3,,1\n")
    (folder / "ragged.csv").write_text("a,b,y\n1,2,0\n3,4\n5,6,1\n")
    (folder / "text.csv").write_text("a,b,y\nred,2,0\n3,4,1\n")
    x = np.zeros((10, 2))
    np.savez(folder / "negative.npz", x=x, y=np.array([0, 1, 2, 3, -1] * 2))
    np.savez(folder / "gap.npz", x=x, y=np.array([0, 1, 2, 3, 9] * 2))
    np.savez(folder / "objects.npz", x=x, y=np.array([object()] * 10))
    (folder / "truncated.npz").write_bytes((folder / "gap.npz").read_bytes()[:100])
    return folder


@pytest.fixture
def refused(program, store, tmp_path):
    """Runs ``chainrule train``, which must refuse its arguments, and returns what it says."""

    def refused(*arguments, **settings):
        before = set(tmp_path.iterdir())
        ran = program("train", *arguments, **{"MLFLOW_TRACKING_URI": store, **settings})
        assert ran.status == 2, ran
        assert ran.err.startswith("chainrule: ")
        assert ran.err.count("\n") <= 2, ran.err
        assert ran.out == ""
        left = set(tmp_path.iterdir()) - before
        assert {path.name for path in left} <= {"multirun"} if "-m" in arguments else not left
        assert recorded(store) == []
        return ran.err.removeprefix("chainrule: ")

    return refused


def recorded(store):
    """The ids of all runs; not by MLflow's own client, which takes longer than what is tested."""
    with contextlib.closing(sqlite3.connect(store.removeprefix("sqlite:///"))) as database:
        return database.execute("SELECT run_uuid FROM runs").fetchall()


def cases(table):
    """Pairs of what is given and the beginning of what is to be told, which stands under it."""
    lines = [line for line in table.splitlines() if line and not line.startswith("#")]
    given = [index for index, line in enumerate(lines) if not line.startswith(" ")]
    told = [lines[start + 1 : end] for start, end in zip(given, [*given[1:], len(lines)], strict=True)]
    return [(lines[at], "\n".join(map(str.strip, message))) for at, message in zip(given, told, strict=True)]


def test_what_was_shown_before_in_the_same_process_changes_nothing(refused, program):
    for shown in (["--help"], ["--cfg", "job"], ["--info", "searchpath"]):
        assert program("train", *shown).status == 0
        told = refused("-m", "name='${hydra:job.num}'", "seed=0,1")
        assert told.startswith("hydra.sweep.dir: what it is made of holds ${hydra:...}")


@pytest.mark.parametrize(("arguments", "message"), cases(WRONG))
def test_wrong_input_is_told_in_a_line_or_two_and_leaves_nothing_behind(refused, data, arguments, message):
    told = refused(*arguments.replace("{data}", str(data)).replace("{long}", "é" * 240).split(" "))
    assert told.startswith(message.replace("{data}", str(data)))


@pytest.mark.parametrize(("text", "message"), cases(IN_AN_EXPERIMENT))
def test_what_is_wrong_in_an_experiment_of_ones_own(refused, tmp_path, text, message):
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "mine.yaml").write_text(f"# @package _global_\n{text}\n")
    told = refused("--config-dir", "conf", "experiment=mine")
    assert told.removeprefix(f"{tmp_path}/").startswith(message)


@pytest.mark.parametrize("given", ["mine", "mine.yml"])
def test_a_file_with_the_other_ending_is_named(refused, tmp_path, given):
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "mine.yml").write_text("# @package _global_\n")
    told = refused("--config-dir", "conf", f"experiment={given}")
    file = tmp_path / "conf" / "experiment" / "mine.yml"
    assert told == f"experiment: {file}: Hydra reads no file but .yaml; give it this ending\n"


@pytest.mark.parametrize(
    "text", ["defaults: [override /optimizer: sgd]\nseed: 1\n", "optimizer: {lr: 3}\n", "epochs: 3\n", "- a\n", ""]
)
def test_an_experiment_without_its_first_line(refused, tmp_path, text):
    """Hydra would put all of it under a key that nobody reads."""
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "mine.yaml").write_text(text)
    told = refused("--config-dir", "conf", "experiment=mine")
    assert 'experiment/mine: its first line must be "# @package _global_"' in told


@pytest.mark.parametrize(
    ("override", "right"),
    [
        ("dataset.path=my data (1).csv", "\"dataset.path='my data (1).csv'\""),
        ("dataset.features=[sepal length (cm)]", "\"dataset.features=['...']\""),
        ("model.hidden=[64,", "'model.hidden=[64, ...]'"),
    ],
)
def test_an_override_that_lacks_quotes_is_told_with_them(refused, override, right):
    assert refused(override).endswith(f": {right}\n")


def test_what_is_told_to_quote_is_read_so(refused):
    given = ("dataset=csv", "dataset.target=y", "dataset.separator=';'", "dataset.features=['sepal length (cm)']")
    assert refused(*given, "dataset.path='my data (1).csv'").startswith("there is no file my data (1).csv")


@pytest.mark.parametrize(
    ("defaults", "message"),
    [
        ("[mine/base, _self_]", "model: got {'activation': 'relu', 'mine': {"),
        ("[/model/mine/base@_here_, _self_]", None),
        ("[/model/mine/short@_here_, _self_]", 'write "defaults: [/model/mlp@_here_, _self_]"'),
        ("[/model/mpl@_here_, _self_]", 'model: there is no model "mpl". Did you mean "mlp"?'),
        ("[/model/mine/bsae@_here_, _self_]", 'model: there is no model "mine/bsae". Did you mean "mine/base"?'),
    ],
)
def test_a_preset_that_is_made_of_another(program, tmp_path, defaults, message):
    """Hydra takes a name alone for that of a file in the folder in which it stands; not so where that was chosen."""
    folder = tmp_path / "conf" / "model" / "mine"
    folder.mkdir(parents=True)
    (folder / "base.yaml").write_text("defaults: [/model/mlp@_here_, _self_]\nhidden: [3]\n")
    (folder / "short.yaml").write_text("defaults: [mlp, _self_]\nhidden: [3]\n")
    (folder / "top.yaml").write_text(f"defaults: {defaults}\nactivation: relu\n")
    ran = program("train", "--config-dir", "conf", "model=mine/top", "tracking=none", "trainer.epochs=1")
    if message is None:
        assert ran.status == 0, ran.err
    else:
        assert (ran.status, ran.out) == (2, "")
        assert message in ran.err


TAKEN = ["experiment/xor", "optimizer/adam", "model/xor/classic", "dataset/mnist/whole", "config"]


@pytest.mark.parametrize("taken", TAKEN)
@pytest.mark.parametrize("linked", [False, True])
def test_a_config_of_ones_own_with_a_name_that_is_taken(refused, tmp_path, taken, linked):
    """It would be passed over in silence, or include itself; Hydra follows links too."""
    path = tmp_path / "conf" / f"{taken}.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("seed: 1\n")
    if linked:
        (tmp_path / "linked").mkdir()
        for inner in (tmp_path / "conf").iterdir():
            (tmp_path / "linked" / inner.name).symlink_to(inner)
        path = tmp_path / "linked" / f"{taken}.yaml"
    told = refused("--config-dir", path.parents[taken.count("/")].name, "experiment=xor")
    assert told == f'--config-dir: {path}: the name "{taken.partition("/")[2] or taken}" is taken; give it another\n'


def test_a_folder_of_ones_own_may_have_the_name_of_one_of_chainrules(program, tmp_path):
    """What lies in it stands beside what lies in the other."""
    folder = tmp_path / "conf" / "model" / "xor"
    folder.mkdir(parents=True)
    (folder / "wide.yaml").write_text("defaults: [/model/xor/modern@_here_, _self_]\nhidden: [64]\n")
    for choice, hidden in {"xor/wide": "64", "xor/modern": "8"}.items():
        shown = program("train", "--config-dir", "conf", f"model={choice}", "--cfg", "job").out
        assert f"  hidden:\n  - {hidden}\n  activation: tanh\n" in shown


def test_an_unknown_monitor_of_early_stopping_names_what_is_measured(program):
    """What is measured is known after the first epoch only: a callback may measure more."""
    ran = program(
        *("train", "tracking=none", "callbacks=[early_stopping]", "callbacks.early_stopping.monitor=validation/lss")
    )
    assert ran.status == 2
    assert 'monitor: "validation/lss" is not measured in this training. Did you mean "validation/loss"?' in ran.err


def idx(axes, *shape, values):
    return struct.pack(f">{1 + len(shape)}I", 0x0800 + axes, *shape) + bytes(values)


IMAGES = idx(3, 2, 28, 28, values=[0] * (2 * 28 * 28))
NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (f"{NAMES[0]}.gz", gzip.compress(IMAGES, mtime=0)[:-20], "is truncated: its compressed data ends too early"),
        (f"{NAMES[0]}.gz", b"<html>not found</html>", "is not a sound gzip file"),
        (NAMES[0], IMAGES[:-100], "is truncated: its header announces 1,568 bytes of data, it has 1,468"),
        (NAMES[0], IMAGES, "is altered: the SHA-256 of its content is "),
        (NAMES[0], b"", "is truncated: it has 0 bytes, fewer than its header of 16"),
    ],
)
def test_a_damaged_file_of_mnist(refused, tmp_path, name, content, expected):
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    for other in NAMES[1:]:
        (folder / other).write_bytes(IMAGES)
    (folder / name).write_bytes(content)
    told = refused("experiment=mnist", CHAINRULE_DATA=str(tmp_path / "data"))
    assert told.startswith(f"{folder / name} {expected}")
    assert "Replace it with the published file, or unset CHAINRULE_DATA to have it downloaded." in told


def test_a_missing_file_of_mnist(refused, tmp_path):
    told = refused("experiment=mnist", CHAINRULE_DATA=str(tmp_path))
    assert told.startswith(
        f"mnist: there is no train-images-idx3-ubyte.gz (nor train-images-idx3-ubyte) in {tmp_path}/mnist"
    )
    assert "or use experiment=digits, which needs no download." in told


def test_no_network_and_no_cache(refused, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    told = refused("experiment=mnist", CHAINRULE_MIRROR="http://127.0.0.1:1", XDG_CACHE_HOME=str(cache))
    assert told.startswith(
        f"mnist: train-images-idx3-ubyte.gz cannot be downloaded to {cache}/chainrule/mnist (127.0.0.1:1: "
    )
    assert (
        "Put the four files there, or into a folder mnist and set CHAINRULE_DATA to the folder above; or use " in told
    )
    assert "experiment=digits, which needs no download." in told


def test_options_that_do_not_exist(program):
    for arguments, expected in {
        ("--info", "nonsense"): "argument --info/-i: invalid choice: 'nonsense'",
        ("--cfg", "nonsense"): "argument --cfg/-c: invalid choice: 'nonsense'",
    }.items():
        ran = program("train", *arguments)
        assert ran.status == 2
        first, second = ran.err.splitlines()
        assert first == "usage: chainrule train [OPTIONS] [OVERRIDES]"
        assert second.startswith(f"chainrule train: error: {expected}")


def test_wrong_values_in_a_sweep_fail_their_jobs_alone(program, tmp_path):
    ran = program(*("train", "-m", "tracking=none", "trainer.epochs=1", "optimizer.lr=0.1,-1"))
    assert ran.status == 1
    first, second, *_ = ran.out.splitlines()
    assert first.startswith("1/2  optimizer.lr=0.1  ")
    assert second == "2/2  optimizer.lr=-1  failed"
    assert "1 failed" in ran.err
    assert "optimizer.lr: got -1.0" in ran.err


def test_tracebacks_are_for_those_who_ask(program):
    ran = program("train", "optimizer=admm", CHAINRULE_DEBUG="1")
    assert ran.status == 2
    assert "Traceback (most recent call last):" in ran.err
    assert 'UnknownName: optimizer: there is no optimizer "admm".' in ran.err


def test_a_process_says_and_leaves_no_more(tmp_path):
    """As above, without a test around it: in a process of its own, with a store that is not there yet."""
    command = [sys.executable, "-m", "chainrule", "train", "optimizer.lr=-1"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr == "chainrule: optimizer.lr: got -1.0, must be above 0 and finite (Adam)\n"
    assert ran.stdout == ""
    assert not (tmp_path / "outputs").exists()
