"""Planted failures are named, and nothing is said of trainings that go well."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.config.command_line import run_once
from chainrule.diagnosis import Finding, diagnose
from chainrule.diagnosis.remedies import Remedies, steep
from chainrule.runs.building import build_callbacks, build_network, build_trainer, load_data, planned_epochs

Change = Callable[[cr.Data, cr.Network], cr.Data | None]
DIGITS = ["experiment=digits", "schedule=none", "trainer.epochs=20"]
DEEP = ["model.hidden=[32,32,32,32,32,32,32,32,32,32]"]


def findings_of(overrides: list[str], change: Change | None = None) -> tuple[list[Finding], Mapping[str, Any]]:
    """What is said of a training, and its config."""

    def job(composed: Any) -> Any:
        config = composed.config
        _, data = load_data(config)
        _, network = build_network(config, data)
        if change is not None:
            data = change(data, network) or data
        trainer = build_trainer(config, network)
        film = cr.Film(data.train, data.validation)
        listening = [*build_callbacks(config, data, quiet=True), film]
        try:
            trainer.fit(data.train, planned_epochs(config, data, trainer), data.validation, listening)
        except cr.NonFiniteError:
            assert film.not_finite
        return diagnose(film, config, overrides), config

    result: tuple[list[Finding], Mapping[str, Any]] = run_once(overrides, job, None)
    return result


def with_splits(data: cr.Data, change: Callable[[str, cr.Split], cr.Split]) -> cr.Data:
    parts = {"train": data.train, **data.splits}
    changed = {name: change(name, split) for name, split in parts.items() if split is not None}
    return dataclasses.replace(data, **changed, source_digest="planted")


def dead(data: cr.Data, network: cr.Network) -> None:
    network.parameters["1.dense.b"].value = np.full(network.parameters["1.dense.b"].shape, -50.0)


def larger(factor: float) -> Change:
    def change(data: cr.Data, network: cr.Network) -> None:
        for parameter in network.parameters:
            if parameter.name.endswith(".W"):
                parameter.value = factor * parameter.value

    return change


def alike(data: cr.Data, network: cr.Network) -> None:
    for parameter in network.parameters:
        parameter.value = np.full(parameter.shape, 0.01)


def shuffled(data: cr.Data, network: cr.Network) -> cr.Data:
    rng = np.random.default_rng(0)
    return with_splits(data, lambda name, s: cr.Split(s.x, rng.permutation(s.y)) if name == "train" else s)


def scaled(factor: float) -> Change:
    return lambda data, network: with_splits(data, lambda name, s: cr.Split(s.x * factor, s.y))


def one_feature(data: cr.Data, network: cr.Network) -> cr.Data:
    return with_splits(data, lambda name, s: cr.Split(s.x * [1, 1000], s.y))


def few(rows: int) -> Change:
    return lambda data, network: with_splits(data, lambda name, s: s.first(rows) if name == "train" else s)


PLANTED: dict[str, tuple[str, list[str], Change | None]] = {
    "a dead layer": ("dead_units", DIGITS, dead),
    "rate 100 times too high": ("learning_rate_too_high", [*DIGITS, "optimizer.lr=0.1"], None),
    "the same of spirals": ("learning_rate_too_high", ["experiment=spirals", "optimizer.lr=0.5"], None),
    "the same of xor": ("learning_rate_too_high", ["experiment=xor", "optimizer.lr=5"], None),
    "the same of plain descent": ("learning_rate_too_high", [*DIGITS, "optimizer=sgd", "optimizer.lr=10"], None),
    "rate 100 times too low": ("learning_rate_too_low", [*DIGITS, "optimizer.lr=0.00001"], None),
    "too low of spirals": ("learning_rate_too_low", ["experiment=spirals", "optimizer.lr=0.00005"], None),
    "too low of xor": ("learning_rate_too_low", ["experiment=xor", "optimizer.lr=0.0005"], None),
    "too low of plain descent": ("learning_rate_too_low", [*DIGITS, "optimizer=sgd", "optimizer.lr=0.001"], None),
    "deep and sigmoid": ("vanishing_gradients", [*DIGITS, *DEEP, "model.activation=sigmoid"], None),
    "the same of spirals, deep": (
        "vanishing_gradients",
        ["experiment=spirals", *DEEP, "model.activation=sigmoid"],
        None,
    ),
    "weights four times too large": ("exploding_gradients", [*DIGITS, *DEEP], larger(4)),
    "labels shuffled": ("targets_unrelated", DIGITS, shuffled),
    "labels of spirals shuffled": ("targets_unrelated", ["experiment=spirals"], shuffled),
    "inputs of 0 to 255": ("inputs_unscaled", DIGITS, scaled(255)),
    "one feature in other units": ("inputs_unscaled", ["experiment=spirals"], one_feature),
    "60 examples": ("overfitting", ["experiment=digits", "schedule=none", "trainer.epochs=200"], few(60)),
    "a linear model of spirals": ("underfitting", ["experiment=spirals", "model.hidden=[]"], None),
    "two units for spirals": ("underfitting", ["experiment=spirals", "model.hidden=[2]"], None),
    "tanh far out": ("saturated_units", [*DIGITS, "model.activation=tanh"], larger(40)),
    "sigmoid far out": ("saturated_units", [*DIGITS, "model.activation=sigmoid"], larger(100)),
    "all weights alike": ("symmetric_weights", [*DIGITS, "model.hidden=[32,32]"], alike),
    "a penalty too strong": ("regularized_away", [*DIGITS, "regularizer=l2", "regularizer.strength=1"], None),
    "beyond all numbers": (
        "not_a_number",
        ["experiment=spirals", "optimizer=sgd", "optimizer.lr=1e6", "callbacks=[]"],
        None,
    ),
    "a momentum that runs away": (
        "learning_rate_too_high",
        ["experiment=digits", "optimizer=momentum", "optimizer.lr=0.9"],
        None,
    ),
    "initial weights far too small": (
        "vanishing_signals",
        [*DIGITS, "model.hidden=[64,64,64,64,64,64]", "model.initializer={name:normal,std:0.01}", "optimizer=sgd"],
        None,
    ),
    "dropout of nearly all": ("disturbed", ["experiment=digits", "model.dropout=0.95"], None),
    "a training of two epochs": ("too_short", ["experiment=adding", "trainer.epochs=2"], None),
    "dead before the first step": (
        "dead_units",
        ["experiment=spirals", "model.bias_initializer={name:constant,value:-10}"],
        None,
    ),
    "stopped at a loss that is none": ("not_a_number", [*DIGITS, *DEEP, "optimizer=sgd"], larger(4)),
}
HEALTHY = {
    "xor": ["experiment=xor"],
    "xor with relu": ["experiment=xor", "model.activation=relu"],
    "xor, the classic way": ["experiment=xor_classic"],
    "spirals": ["experiment=spirals"],
    "digits": ["experiment=digits"],
    "digits with tanh": ["experiment=digits", "model.activation=tanh"],
    "digits by plain descent": ["experiment=digits", "optimizer=sgd", "optimizer.lr=0.2", "schedule=none"],
}


TAKES_LONG = {"a training of two epochs"}
CASES = [pytest.param(case, marks=pytest.mark.slow if case in TAKES_LONG else ()) for case in PLANTED]


@pytest.mark.parametrize("case", CASES)
def test_a_planted_failure_is_named_first(case: str) -> None:
    kind, overrides, change = PLANTED[case]
    found, _ = findings_of(overrides, change)
    # What cannot be learned kills units too.
    assert found[0].kind == kind or (kind == "targets_unrelated" and [f.kind for f in found] == ["dead_units", kind])
    told = found[0]
    assert told.what and told.figure and told.threshold and told.source and told.tries  # noqa: PT018
    assert told.command is None or told.command.startswith("chainrule train experiment=")


def test_targets_that_are_not_scaled_are_named_and_early_stopping_is_not_called_overfitting(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    y = 4e5 + 1e5 * (np.sin(2 * x[:, 0]) + x[:, 1])
    rows = [f"{a:.5f},{b:.5f},{c:.2f}" for (a, b), c in zip(x, y)]
    file = tmp_path / "prices.csv"
    file.write_text("\n".join(["a,b,price", *rows]))
    given = ["dataset=csv", f"dataset.path={file}", "dataset.target=price"]
    [first, *_], _ = findings_of([*given, "dataset.standardize_targets=false"])
    assert first.kind == "targets_unscaled"
    assert first.overrides == ("dataset.standardize_targets=true",)
    found, _ = findings_of(given)
    assert found == []


@pytest.mark.parametrize("case", HEALTHY)
def test_nothing_is_said_of_a_training_that_goes_well(case: str) -> None:
    found, _ = findings_of(HEALTHY[case])
    assert found == []


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["mnist", "mnist_cnn"])
def test_nothing_is_said_of_mnist(experiment: str) -> None:
    found, _ = findings_of([f"experiment={experiment}", "trainer.epochs=2", "dataset.train_size=20000"])
    assert found == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        "rate 100 times too high",
        "rate 100 times too low",
        "deep and sigmoid",
        "a penalty too strong",
        "initial weights far too small",
        "dropout of nearly all",
    ],
)
def test_the_command_to_try_composes_and_heals(case: str) -> None:
    kind, overrides, change = PLANTED[case]
    [told, *_], _ = findings_of(overrides, change)
    assert told.command is not None
    again, config = findings_of(shlex.split(told.command)[2:])
    assert kind not in [finding.kind for finding in again]
    assert config["name"] == "digits"


def test_commands_leave_out_what_they_replace() -> None:
    remedies = Remedies({"optimizer": {"lr": 0.1}}, ["experiment=digits", "optimizer.lr=0.1"])
    assert remedies.command(*remedies.rate(0.01)) == "chainrule train experiment=digits optimizer.lr=0.001"
    assert Remedies().rate(0.1) == ()


def test_activations_to_try_let_gradients_through_on_either_side() -> None:
    assert steep()
    for name in steep():
        activation = cr.make("activation", name)
        z = np.array([[-6.0, 6.0]])
        activation.forward(z)
        low, high = activation.backward(np.ones_like(z))[0]
        assert low > 0.001
        assert high > 0.9
    assert not {"relu", "sigmoid", "tanh", "linear"} & set(steep())


def test_a_film_without_a_training_says_nothing() -> None:
    assert diagnose(cr.Film((np.eye(3), np.arange(3)))) == []
