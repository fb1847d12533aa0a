"""early_stopping and nan_guard, heard by real trainings."""

import logging
import re
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule_plugins.callbacks import EarlyStopping, NanGuard
from chainrule_plugins.layers import Dense

X = np.array([[1.0], [2.0], [3.0]])
Y = 2 * X


def trainer(layers=("linear_layer",), lr=0.01, batch_size=1, dtype="float32", **fields):
    layers = [Dense(1)] if layers == ("linear_layer",) else layers
    return cr.Trainer(cr.Network(layers, (1,), "mse", dtype=dtype), {"name": "sgd", "lr": lr}, batch_size, **fields)


@dataclass
class Script(cr.Callback):
    """Puts the given values into the record, one for each epoch, and keeps the weights of each epoch."""

    values: tuple
    name: str = "validation/loss"

    def on_train_start(self, trainer):
        self.weights = []

    def on_epoch_end(self, trainer):
        trainer.metrics[self.name] = self.values[trainer.epoch - 1]
        self.weights.append(trainer.network.parameters.theta.copy())


# early stopping


def test_it_stops_when_patience_is_over_and_takes_the_best_weights_back(caplog):
    caplog.set_level(logging.INFO)
    script = Script((5.0, 3.0, 2.0, 2.5, 2.1, 9.0, 1.0))
    trained = trainer()
    trained.fit((X, Y), 7, callbacks=[script, EarlyStopping(patience=3)])
    assert trained.epoch == 6
    assert trained.stop_reason == "validation/loss has not improved for 3 epochs"
    np.testing.assert_array_equal(trained.network.parameters.theta, script.weights[2])
    assert caplog.messages == ["the weights are those of epoch 3 again, where validation/loss was 2"]


def test_the_best_weights_come_back_where_all_epochs_were_run_too():
    script = Script((5.0, 3.0, 4.0))
    trained = trainer()
    trained.fit((X, Y), 3, callbacks=[script, EarlyStopping(patience=3)])
    assert trained.stop_reason is None
    np.testing.assert_array_equal(trained.network.parameters.theta, script.weights[1])


def test_nothing_is_said_or_done_where_the_last_epoch_was_the_best(capsys):
    script = Script((5.0, 4.0, 3.0))
    trained = trainer()
    trained.fit((X, Y), 3, callbacks=[script, EarlyStopping()])
    np.testing.assert_array_equal(trained.network.parameters.theta, script.weights[2])
    assert capsys.readouterr().err == ""


def test_the_last_weights_stay_without_restore_best(capsys):
    script = Script((5.0, 6.0, 7.0))
    trained = trainer()
    trained.fit((X, Y), 9, callbacks=[script, EarlyStopping(patience=1, restore_best=False)])
    assert trained.stop_reason == "validation/loss has not improved for 1 epoch"
    np.testing.assert_array_equal(trained.network.parameters.theta, script.weights[1])
    assert capsys.readouterr().err == ""


def test_buffers_come_back_with_the_weights():
    @dataclass
    class Counter(cr.Layer):
        def build(self, input_shape):
            self.calls = self.buffer("calls", (1,))
            return input_shape

        def forward(self, x, training):
            self.calls.value += 1.0 * training
            return x

        def backward(self, dy):
            return dy

    trained = trainer([Counter(), Dense(1)], batch_size=3)
    trained.fit((X, Y), 5, callbacks=[Script((5.0, 3.0, 4.0, 4.0, 4.0)), EarlyStopping()])
    assert trained.network.buffers[0].value.tolist() == [2.0]


@pytest.mark.parametrize(
    ("monitor", "mode", "best"),
    [
        ("validation/loss", "auto", 2),
        ("validation/accuracy", "auto", 3),
        ("validation/mean_absolute_error", "auto", 2),
        ("train/penalty", "auto", 2),
        ("validation/loss", "max", 3),
        ("validation/accuracy", "min", 2),
    ],
)
def test_which_way_is_better_is_known_from_the_metric_or_given(monitor, mode, best):
    script = Script((0.5, 0.1, 0.9, 0.4), monitor)
    trained = trainer()
    trained.fit((X, Y), 4, callbacks=[script, EarlyStopping(monitor=monitor, mode=mode)])
    np.testing.assert_array_equal(trained.network.parameters.theta, script.weights[best - 1])


@given(
    values=st.lists(
        st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, -3.0, float("nan"), float("inf")]), min_size=1, max_size=12
    ),
    patience=st.integers(1, 4),
    min_delta=st.sampled_from([0.0, 0.5]),
    mode=st.sampled_from(["min", "max"]),
)
def test_it_stops_where_the_definition_says(values, patience, min_delta, mode):
    """The first epoch after ``patience`` epochs none of which beat the best before by more than min_delta."""
    best, since, expected = None, 0, len(values)
    for epoch, value in enumerate(values, start=1):
        cost = value if mode == "min" else -value
        a_value = cost < np.inf  # neither infinite nor not a number
        better = a_value and (best is None or cost < best - min_delta)
        best, since = (cost, 0) if better else (best, since + 1)
        if since == patience:
            expected = epoch
            break
    trained = trainer(batch_size=3)
    stopping = EarlyStopping(patience=patience, min_delta=min_delta, mode=mode, restore_best=False)
    trained.fit((X, Y), len(values), callbacks=[Script(tuple(values)), stopping])
    assert trained.epoch == expected


def test_real_overfitting_is_stopped():
    """The validation targets lie the other way: every epoch of training makes them worse."""
    trained = trainer()
    history = trained.fit((X, Y), 50, validation=(X, -Y), callbacks=[{"name": "early_stopping", "patience": 4}])
    assert trained.epoch == 5
    assert history["validation/loss"][0] == pytest.approx(trained.network.evaluate(X, -Y)["loss"])


@dataclass
class Checkpoint(cr.Callback):
    """Keeps what a killed training would have left behind after its last whole epoch."""

    of: cr.Callback

    def on_epoch_end(self, trainer):
        self.weights, self.state_then = trainer.network.snapshot(), dict(self.of.state())


def test_a_training_goes_on_exactly_from_its_state():
    script = Script((5.0, 3.0, 4.0, 4.0, 4.0, 4.0, 1.0))
    whole = trainer()
    whole.fit((X, Y), 7, callbacks=[script, EarlyStopping(patience=3)])

    stopping, parted = EarlyStopping(patience=3), trainer()
    left = Checkpoint(stopping)
    parted.fit((X, Y), 4, callbacks=[script, stopping, left])
    parted.network.restore(left.weights)
    resumed = EarlyStopping(patience=3)
    resumed.load_state(left.state_then)
    parted.fit((X, Y), 3, callbacks=[script, resumed])
    assert parted.epoch == whole.epoch == 5
    np.testing.assert_array_equal(parted.network.parameters.theta, whole.network.parameters.theta)


def test_a_second_fit_has_its_patience_again_and_remembers_the_best():
    script = Script((1.0, 2.0, 2.0, 2.0, 2.0))
    stopping, trained = EarlyStopping(patience=2), trainer()
    trained.fit((X, Y), 5, callbacks=[script, stopping])
    assert trained.epoch == 3
    best = script.weights[0]
    trained.fit((X, Y), 2, callbacks=[script, stopping])
    assert trained.epoch == 5
    np.testing.assert_array_equal(trained.network.parameters.theta, best)


def test_another_training_starts_without_memories():
    stopping = EarlyStopping(patience=2)
    trainer().fit((X, Y), 3, callbacks=[Script((0.1, 2.0, 2.0)), stopping])
    other, script = trainer([Dense(2), Dense(1)]), Script((2.0, 1.0, 3.0))
    other.fit((X, Y), 3, callbacks=[script, stopping])
    np.testing.assert_array_equal(other.network.parameters.theta, script.weights[1])


def test_a_metric_that_is_not_measured():
    with pytest.raises(cr.ConfigError) as caught:
        trainer(metrics=["mean_absolute_error"]).fit((X, Y), 3, callbacks=["early_stopping"])
    assert str(caught.value) == (
        'early_stopping.monitor: "validation/loss" is not measured in this training. Did you mean "train/loss"? Known: '
        "examples_per_second, learning_rate, seconds, train/loss, train/mean_absolute_error."
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"patience": 0}, "patience: got 0, must be at least 1 (EarlyStopping)"),
        ({"min_delta": -0.1}, "min_delta: got -0.1, must be at least 0 and finite (EarlyStopping)"),
        ({"min_delta": float("inf")}, "min_delta: got inf, must be at least 0 and finite (EarlyStopping)"),
        ({"mode": "most"}, 'mode: got "most", expected "auto" or "min" or "max" (EarlyStopping)'),
    ],
)
def test_early_stopping_refuses_what_does_not_fit(fields, message):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("callback", "early_stopping", **fields)
    assert str(caught.value) == message


# nan guard


def guarded(trained, x=X, y=Y, epochs=2, callbacks=()):
    """The message with which the guard ends a training; NumPy's own warnings are not what is tested."""
    with pytest.raises(cr.NonFiniteError) as caught, np.errstate(all="ignore"):
        trained.fit((x, y), epochs, callbacks=[*callbacks, "nan_guard"])
    return str(caught.value)


def test_a_learning_rate_that_is_too_large_is_stopped():
    message = guarded(trainer([Dense(3), Dense(1)], lr=1e6), epochs=100)
    assert re.fullmatch(
        r"the loss is (nan|inf) in epoch \d+, step \d+ \(batch [123] of 3\): .* "
        r"Try a smaller learning rate \(it is 1e\+06\), or scale the data",
        message,
    )


def test_epoch_step_and_batch_are_those_of_the_first_bad_loss():
    @dataclass
    class Spoil(cr.Callback):
        def on_batch_end(self, trainer):
            if trainer.step == 4:
                trainer.network.parameters["1.dense.b"].value = np.nan

    with pytest.raises(cr.NonFiniteError) as caught:
        trainer([Dense(3), Dense(1)]).fit((X, Y), 9, callbacks=["nan_guard", Spoil()])
    assert str(caught.value) == (
        "the loss is nan in epoch 2, step 5 (batch 2 of 3): layer 1.dense is the first that is not finite, in its b. "
        "Try a smaller learning rate (it is 0.01), or scale the data"
    )
    assert caught.value.exit_status == 1


def test_an_output_that_overflows_is_named():
    trained = trainer([Dense(1), Dense(1), Dense(1)], batch_size=3)
    for parameter in trained.network.parameters:
        parameter.value = 1e30
    assert "layer 1.dense is the first that is not finite, in its output." in guarded(trained)


def test_an_activation_that_overflows_is_named():
    @dataclass
    class Exp(cr.Activation):
        def forward(self, z):
            self.a = np.exp(z)
            return self.a

        def backward(self, da):
            return da * self.a

    trained = trainer([Dense(1, initializer={"name": "constant", "value": 1e4}, activation=Exp()), Dense(1)])
    assert "layer 0.dense.exp is the first that is not finite, in its output." in guarded(trained)


def test_a_loss_that_overflows_by_itself():
    trained = trainer(
        [Dense(1, initializer={"name": "constant", "value": 1e200})], lr=1e-300, batch_size=3, dtype="float64"
    )
    assert (
        "the loss is inf in epoch 1, step 1 (batch 1 of 1): every layer is finite, the loss itself is not."
        in guarded(trained)
    )


@dataclass
class Augment(cr.Callback):
    """Writes to the data before an epoch, and not well."""

    array: np.ndarray

    def on_epoch_start(self, trainer):
        self.array[1] = np.nan


def test_inputs_that_are_not_finite():
    x = X.astype(np.float32)
    assert guarded(trainer(batch_size=3), x, callbacks=[Augment(x)]) == (
        "the loss is nan in epoch 1, step 1 (batch 1 of 1): the batch's inputs are not finite. "
        "Correct or leave out such samples"
    )


def test_an_update_that_overflows_is_seen_at_the_end_of_the_epoch():
    message = guarded(trainer([Dense(2), Dense(1)], lr=1e38, batch_size=3), x=1e4 * X)
    assert message.startswith(
        "parameters are not finite in epoch 1, step 1 (batch 1 of 1): layer 0.dense is the first that is not finite, "
        "in its W. Try a smaller learning rate (it is 1e+38)"
    )


def test_the_guard_changes_no_number():
    free, watched = trainer(), trainer()
    free.fit((X, Y), 5)
    watched.fit((X, Y), 5, callbacks=[NanGuard()])
    np.testing.assert_array_equal(free.network.parameters.theta, watched.network.parameters.theta)
