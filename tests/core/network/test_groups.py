"""Groups of parameters: each is trained as it would be alone with its rate and decay, and one that says what holds
anyway changes nothing, to the last bit."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trainings import LABELS, NUMBERS, X, classifier, dense, numbers_of

import chainrule as cr
from chainrule.network import updates
from chainrule.network.updates import Updates
from chainrule.runs.result import WEIGHTS

ENTRIES = [entry for entry in cr.registry() if entry.kind == "optimizer"]
ELEMENTWISE = [entry for entry in ENTRIES if not entry.cls.whole_vector]  # type: ignore[attr-defined]
DECAYING = [entry for entry in ELEMENTWISE if any(field.name == "weight_decay" for field in entry.fields)]
WITH_RATES = [entry for entry in ELEMENTWISE if any(field.name == "lr" for field in entry.fields)]
PARTS = {"0.*": slice(0, 2), "2.*": slice(2, 4)}


def optimizer_of(entry: cr.Entry, **fields: Any) -> Any:
    return entry.cls(**{**(entry.cls.check_examples or ({},))[0], **fields})


def parameters() -> cr.Parameters:
    """Weights and biases of two layers, with values."""
    named = [
        cr.Parameter("0.dense.W", (4, 5), "zeros", True),
        cr.Parameter("0.dense.b", (5,), "zeros", False),
        cr.Parameter("2.dense.W", (5, 4), "zeros", True),
        cr.Parameter("2.dense.b", (4,), "zeros", False),
    ]
    laid = cr.Parameters.allocate(named, np.dtype("float64"))
    laid.theta[...] = np.random.default_rng(0).normal(size=laid.theta.size)
    return laid


def moved(optimizer: Any, groups: Any = (), lr: float | None = None) -> cr.Parameters:
    """After five updates with the same gradients for all, at the rate that a schedule gives."""
    laid, rng = parameters(), np.random.default_rng(1)
    applied = Updates(optimizer, laid, groups)
    for step in range(1, 6):
        laid.grad[...] = rng.normal(size=laid.grad.size)
        applied.apply(step, (optimizer.lr if lr is None else lr) / step)
    return laid


@pytest.mark.parametrize("entry", WITH_RATES, ids=lambda entry: entry.name)
def test_each_group_moves_as_all_would_at_its_rate(entry, monkeypatch):
    monkeypatch.setattr(updates, "BLOCK", 7)
    rates = {"0.*": 0.003, "2.*": 0.07}
    found = moved(optimizer_of(entry, lr=0.02), [{"parameters": part, "lr": lr} for part, lr in rates.items()])
    for part, lr in rates.items():
        alone = moved(optimizer_of(entry, lr=lr))
        for parameter, expected in [*zip(found, alone)][PARTS[part]]:
            np.testing.assert_allclose(parameter.value, expected.value, rtol=1e-11)
            assert not np.allclose(parameter.value, parameters()[parameter.name].value)


@pytest.mark.parametrize("entry", DECAYING, ids=lambda entry: entry.name)
def test_each_group_decays_as_all_would_and_biases_do_not(entry):
    decays = {"0.*": 0.0, "2.*": 0.3}
    groups = [{"parameters": part, "weight_decay": decay, "lr": 0.05} for part, decay in decays.items()]
    found = moved(optimizer_of(entry, lr=0.02, weight_decay=0.9), groups)
    for part, decay in decays.items():
        alone = moved(optimizer_of(entry, lr=0.05, weight_decay=decay))
        for parameter, expected in [*zip(found, alone)][PARTS[part]]:
            np.testing.assert_allclose(parameter.value, expected.value, rtol=1e-11)
    assert np.array_equal(found["0.dense.b"].value, moved(optimizer_of(entry, lr=0.05))["0.dense.b"].value)


def test_a_group_has_a_decay_of_its_own_where_the_optimizer_has_none():
    class Plain(cr.Optimizer):
        lr = 0.1

        def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
            theta -= lr * grad

    found, alone = moved(Plain(), [{"parameters": "2.*", "weight_decay": 0.5}]), moved(Plain())
    start = parameters()["2.dense.W"].value
    assert np.array_equal(found["0.dense.W"].value, alone["0.dense.W"].value)
    assert np.array_equal(found["2.dense.b"].value, alone["2.dense.b"].value)
    decayed, rng = start.copy(), np.random.default_rng(1)
    for step in range(1, 6):
        gradient = rng.normal(size=49)[20:40].reshape(5, 4)
        decayed = decayed * (1 - 0.1 / step * 0.5) - 0.1 / step * gradient
    np.testing.assert_allclose(found["2.dense.W"].value, decayed, rtol=1e-12)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
@pytest.mark.parametrize("pattern", ["*", "*.b", "2.*", "0.dense.W"])
def test_a_group_that_says_what_holds_anyway_changes_no_bit(entry, pattern):
    def trained(groups: Any) -> tuple[cr.Array, Any]:
        trainer = cr.Trainer(classifier(), optimizer_of(entry), 8, schedule="cosine", groups=groups)
        return trainer.network.parameters.theta, numbers_of(trainer.fit((X, LABELS), epochs=3))

    optimizer = optimizer_of(entry)
    alike = {"lr": optimizer.lr, "weight_decay": getattr(optimizer, "weight_decay", 0.0), "trainable": True}
    alone, history = trained(())
    theta, its_history = trained([{"parameters": pattern if pattern != "2.*" else "1.*", **alike}])
    assert np.array_equal(theta, alone)
    assert its_history == history


def test_the_schedule_and_whoever_sets_the_rate_move_all_groups_alike():
    class Doubles(cr.Callback):
        def on_epoch_end(self, trainer: cr.Training) -> None:
            trainer.learning_rate *= 2

    def steps(groups: Any) -> cr.Array:
        trainer = cr.Trainer(classifier(), {"name": "sgd", "lr": 0.1}, 22, schedule="cosine", groups=groups)
        before = trainer.network.parameters.theta.copy()
        trainer.fit((X, LABELS), epochs=2, callbacks=[Doubles()], total_epochs=4)
        return trainer.network.parameters["1.dense.b"].value - before[-3:]

    # Biases of the last layer, whose gradient of the first steps hardly depends on where the others are.
    frozen = [{"parameters": "0.*", "trainable": False}, {"parameters": "1.dense.W", "trainable": False}]
    tenth = [*frozen, {"parameters": "1.dense.b", "lr": 1e-7}]
    small = steps(tenth)
    trainer = cr.Trainer(classifier(), "sgd", 22)
    gradient = trainer.network.loss_and_gradient(X, LABELS)[1][-3:]
    factors = [cr.make("schedule", "cosine")(step, 4) for step in (0, 1)]
    np.testing.assert_allclose(small, -1e-7 * (factors[0] + 2 * factors[1]) * gradient, rtol=1e-5)


def test_of_what_groups_say_of_one_parameter_the_last_counts():
    network = classifier()
    before = network.parameters.theta.copy()
    groups = [{"parameters": "*", "trainable": False}, {"parameters": "1.*", "trainable": True}]
    trainer = cr.Trainer(network, "sgd", groups=groups)
    trainer.fit((X, LABELS), epochs=1)
    moved_names = [p.name for p in network.parameters if not np.array_equal(p.value.ravel(), of(before, p))]
    assert moved_names == ["1.dense.W", "1.dense.b"]
    assert [parameter.name for parameter in trainer.trained] == moved_names
    found = moved(optimizer_of(ENTRIES[0]), [{"parameters": "*", "lr": 0.5}, {"parameters": "2.*", "lr": 0.001}])
    alone = moved(optimizer_of(ENTRIES[0]), [{"parameters": "0.*", "lr": 0.5}, {"parameters": "2.*", "lr": 0.001}])
    assert np.array_equal(found.theta, alone.theta)


def of(theta: cr.Array, parameter: cr.Parameter) -> cr.Array:
    return theta[parameter.offset : parameter.offset + parameter.size]


def test_a_rate_of_0_moves_nothing_and_decays_nothing():
    found = moved(cr.make("optimizer", "adamw"), [{"parameters": "0.*", "lr": 0}])
    assert np.array_equal(found["0.dense.W"].value, parameters()["0.dense.W"].value)
    assert np.array_equal(found["0.dense.b"].value, parameters()["0.dense.b"].value)


@pytest.mark.parametrize("lr", [None, 0.5])
def test_whole_parameters_have_the_rate_of_their_group(lr):
    class InShapes(cr.Optimizer):
        lr = 0.1
        whole_parameters = True

        def __init__(self) -> None:
            self.told: list[Any] = []

        def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float, name: str, decay: bool) -> None:
            self.told.append((name, theta.shape, decay, lr))
            theta -= lr * grad

    optimizer = InShapes()
    laid = parameters()
    groups = [{"parameters": "2.*", "lr": 0.05}, {"parameters": "0.dense.b", "trainable": False}]
    Updates(optimizer, laid, groups).apply(1, 0.1)
    assert optimizer.told == [
        ("0.dense.W", (4, 5), True, 0.1),
        ("2.dense.W", (5, 4), True, 0.05),
        ("2.dense.b", (4,), False, 0.05),
    ]


def test_one_vector_has_one_rate_and_its_parts_may_decay_and_be_frozen():
    class Vector(cr.Optimizer):
        lr = 0.1
        whole_vector = True
        slots = ("m",)

        def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
            slots["m"] += 1  # whatever the gradient is
            theta -= lr * (grad + slots["m"])

    with pytest.raises(cr.ConfigError, match=r"^groups: Vector moves all parameters as one vector, at one rate: give"):
        Updates(Vector(), parameters(), [{"parameters": "*.b", "lr": 1.0}])
    found = moved(Vector(), [{"parameters": "0.dense.W", "trainable": False}, {"parameters": "2.*", "weight_decay": 1}])
    assert np.array_equal(found["0.dense.W"].value, parameters()["0.dense.W"].value)
    alone = moved(Vector())
    assert np.array_equal(found["0.dense.b"].value, alone["0.dense.b"].value)
    assert not np.allclose(found["2.dense.W"].value, alone["2.dense.W"].value)


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        ({"parameters": "*"}, cr.FieldError, "trainer.groups: got {'parameters': '*'}, expected a list of mappings"),
        ("*.b", cr.FieldError, "trainer.groups: got '*.b', expected a list of mappings {parameters: ..., lr: ...}"),
        ([{"lr": 1}], cr.FieldError, "trainer.groups.0: got {'lr': 1}, expected a mapping with parameters, a pattern"),
        (["*.b"], cr.FieldError, "trainer.groups.0: got '*.b', expected a mapping with parameters, a pattern of their"),
        (
            [{"parameters": "*", "lr": 1}, {"parameters": "*", "rate": 1}],
            cr.UnknownName,
            "trainer.groups.1.rate: a group has no field 'rate'. Did you mean \"parameters\"? Known: lr, parame",
        ),
        (
            [{"parameters": "*.c"}],
            cr.UnknownName,
            'trainer.groups.0.parameters: no parameter is called "*.c". Known: 0.dense.W, 0.dense.b, 1.dense.W, 1.dens',
        ),
        (
            [{"parameters": "0.dens.W"}],
            cr.UnknownName,
            'trainer.groups.0.parameters: no parameter is called "0.dens.W". Did you mean "0.dense.W"? Known: 0.dens',
        ),
        ([{"parameters": "*", "lr": -1}], cr.FieldError, "trainer.groups.0.lr: got -1, expected a number, 0 or more,"),
        ([{"parameters": "*", "lr": "1"}], cr.FieldError, "trainer.groups.0.lr: got '1', expected a number, 0 or more"),
        ([{"parameters": "*", "lr": True}], cr.FieldError, "trainer.groups.0.lr: got True, expected a number, 0 or mo"),
        ([{"parameters": "*", "lr": np.inf}], cr.FieldError, "trainer.groups.0.lr: got inf, expected a number, 0 or m"),
        (
            [{"parameters": "*", "weight_decay": np.nan}],
            cr.FieldError,
            "trainer.groups.0.weight_decay: got nan, expected a number, 0 or more, and finite",
        ),
        (
            [{"parameters": "*", "trainable": 0}],
            cr.FieldError,
            "trainer.groups.0.trainable: got 0, expected true or false",
        ),
    ],
)
def test_what_is_no_group(groups, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        cr.Trainer(classifier(), "sgd", groups=groups)


def test_null_is_as_not_given():
    groups = [{"parameters": "*.b", "lr": None, "weight_decay": 0.1, "trainable": None}]
    assert cr.Trainer(classifier(), "sgd", groups=groups).groups == [{"parameters": "*.b", "weight_decay": 0.1}]
    with pytest.raises(cr.FieldError, match=r"^trainer\.groups\.0: this group says nothing: give it any of lr, weig"):
        cr.Trainer(classifier(), "sgd", groups=[{"parameters": "*.b", "lr": None}])


# ---- saved, and in configs


def test_a_training_with_groups_is_taken_up_to_the_last_bit_and_with_no_others(tmp_path):
    path = tmp_path / "training.safetensors"

    class Saves(cr.Callback):
        def on_batch_end(self, trainer: Any) -> None:
            if trainer.step == 4:
                trainer.save(path)

    def trainer(rate: float = 0.1) -> cr.Trainer:
        groups = [{"parameters": "*.b", "lr": rate}, {"parameters": "0.*", "trainable": False}]
        return cr.Trainer(classifier(), "momentum", 8, groups=groups)

    whole, again = trainer(), trainer()
    whole.fit((X, LABELS), 3, callbacks=[Saves()])
    again.load(path)
    again.fit((X, LABELS), 3)
    assert np.array_equal(again.network.parameters.theta, whole.network.parameters.theta)
    with pytest.raises(cr.DataError, match=re.escape("groups.0.lr was 0.1, here it is 0.2")):
        trainer(0.2).load(path)


def test_groups_of_a_config_are_those_of_python(program: Callable[..., Any], tmp_path: Path):
    trained = []
    for told in (
        ["optimizer.lr=0.1", "trainer.groups=[{parameters: '*.b', trainable: false}, {parameters: '*.W', lr: 0.02}]"],
        ["optimizer.lr=0.02", "trainer.groups=[{parameters: '*.b', trainable: false}]"],
    ):
        done = program("train", "trainer.epochs=3", "tracking.enabled=false", f"hydra.run.dir={len(trained)}", *told)
        assert done.status == 0, done.err
        trained.append(cr.load_network(tmp_path / str(len(trained)) / WEIGHTS).parameters)
    np.testing.assert_allclose(trained[0].theta, trained[1].theta, rtol=1e-5)
    assert not any(parameter.value.any() for parameter in trained[0] if not parameter.decay)
    for given, message in (
        ("[{parameters: '9.*'}]", 'trainer.groups.0.parameters: no parameter is called "9.*". Known: 0.dense.W, '),
        ("[{lr: 3}]", "trainer.groups.0: got {'lr': 3}, expected a mapping with parameters, a pattern of their names"),
        ("[{parameters: '*', momentum: 3}]", "trainer.groups.0.momentum: a group has no field 'momentum'. Known: lr,"),
    ):
        done = program("train", f"trainer.groups={given}", "tracking.enabled=false")
        assert done.status == 2
        assert message in done.err


def test_what_a_regression_learns_of_two_layers_is_what_each_would_at_its_own_rate():
    """Of a network whose layers do not depend on each other's values: the gradient of a linear one with one frozen."""
    layers = [dense(3), dense(2)]
    frozen = [{"parameters": "0.*", "trainable": False}]
    for rate in (0.01, 0.2):
        grouped = cr.Network(layers, (4,), "mse", dtype="float64")
        alone = cr.Network(layers, (4,), "mse", dtype="float64")
        cr.Trainer(grouped, {"name": "sgd", "lr": 0.05}, groups=[*frozen, {"parameters": "1.*", "lr": rate}]).fit(
            (X, NUMBERS), epochs=3
        )
        cr.Trainer(alone, {"name": "sgd", "lr": rate}, groups=frozen).fit((X, NUMBERS), epochs=3)
        np.testing.assert_allclose(grouped.parameters.theta, alone.parameters.theta, rtol=1e-11)
