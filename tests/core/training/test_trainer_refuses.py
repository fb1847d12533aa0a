"""What a training refuses: what it is given, and components that do not keep their contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from trainings import (
    LABELS,
    NUMBERS,
    Recording,
    X,
    classifier,
    dense,
    numbers_of,
    regressor,
    trainer,
)

import chainrule as cr
from chainrule.network.rehearsal import rehearse


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "8"])
def test_sizes_must_be_whole_and_positive(value: Any) -> None:
    with pytest.raises(cr.FieldError) as caught:
        trainer(batch_size=value)
    assert str(caught.value) == f"batch_size: got {value!r}, expected a whole number, 1 or more"
    with pytest.raises(cr.FieldError) as caught:
        trainer().fit((X, LABELS), epochs=value)
    assert str(caught.value) == f"epochs: got {value!r}, expected a whole number, 1 or more"


@pytest.mark.parametrize("value", [-1, 2.5, True, "8"])
def test_the_seed_must_be_whole_and_not_negative(value: Any) -> None:
    with pytest.raises(cr.FieldError) as caught:
        trainer(seed=value)
    assert str(caught.value) == f"seed: got {value!r}, expected a whole number, 0 or more"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer": "admm"}, 'optimizer: there is no optimizer "admm". Did you mean "adam"?'),
        ({"optimizer": {"name": "sgd", "lr": -1.0}}, "optimizer.lr: got -1.0, must be"),
        ({"schedule": "cosinus"}, 'schedule: there is no schedule "cosinus". Did you mean "cosine"?'),
        ({"regularizer": {"name": "l2", "strength": "a"}}, 'regularizer.strength: got "a", expected a number'),
    ],
)
def test_components_that_are_wrong_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(cr.ConfigError) as caught:
        trainer(**changes)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("train", "validation", "message"),
    [
        ((X, LABELS[:3]), None, "the train data has 22 inputs and 3 targets; they must be as many, and at least one"),
        ((X, LABELS), (X[:2], LABELS), "the validation data has 2 inputs and 22 targets; they must be as many, and"),
        ((X[:0], LABELS[:0]), None, "the train data has 0 inputs and 0 targets; they must be as many, and at least"),
        ((X, LABELS + 1), None, "label 3 of sample "),
    ],
)
def test_data_that_does_not_fit_is_refused(train: Any, validation: Any, message: str) -> None:
    with pytest.raises(cr.DataError) as caught:
        trainer().fit(train, epochs=1, validation=validation)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("train", "found"),
    [(X, "ndarray"), ((X, LABELS, X), "3 values"), (None, "NoneType"), (0.2, "float"), ({"x": X, "y": X}, "dict")],
)
def test_data_is_a_pair(train: Any, found: str) -> None:
    with pytest.raises(cr.FieldError) as caught:
        trainer().fit(train, 1)
    assert str(caught.value) == f"train: got {found}, expected a pair (x, y), as train=(x, y)"
    if train is not None:
        with pytest.raises(cr.FieldError) as caught:
            trainer().fit((X, LABELS), 1, validation=train)
        assert str(caught.value) == f"validation: got {found}, expected a pair (x, y), as validation=(x, y)"


def test_data_that_is_not_finite_is_refused() -> None:
    for x, y in ((np.where(X[0, 0] == X, np.nan, X), NUMBERS), (X, np.where(NUMBERS > 0, np.inf, NUMBERS))):
        for given in ({"train": (x, y)}, {"train": (X, NUMBERS), "validation": (x, y)}):
            with pytest.raises(cr.DataError) as caught:
                trainer(regressor()).fit(epochs=1, **given)
            assert str(caught.value) == (
                f"the {list(given)[-1]} data holds values that are infinite or not a number as float64"
            )


def test_a_network_is_what_is_trained() -> None:
    with pytest.raises(cr.FieldError, match=r"^network: got 'net', expected a Network$"):
        cr.Trainer("net", "sgd")  # type: ignore[arg-type]


def test_numpy_numbers_are_taken() -> None:
    counted: Any = np.int64(3)
    fitted = trainer(batch_size=counted, seed=counted)
    same = trainer(batch_size=3, seed=3)
    assert numbers_of(fitted.fit((X, LABELS), epochs=counted)) == numbers_of(same.fit((X, LABELS), epochs=3))
    assert [type(value) for value in (fitted.batch_size, fitted.epochs)] == [int, int]


@pytest.mark.parametrize("given", ["progress", None, 3])
def test_callbacks_are_a_list(given: object) -> None:
    with pytest.raises(cr.FieldError, match=r"^callbacks: got .*, expected a list$"):
        trainer().fit((X, LABELS), 1, callbacks=given)  # type: ignore[arg-type]


# ---- components that do not keep their contract


@dataclass
class Wide(cr.Activation):
    """Gives what it is told to."""

    what: str = "dtype"

    def forward(self, z: cr.Array) -> Any:
        return {"dtype": z.astype(float), "shape": z[:, :1], "nothing": None}[self.what]

    def backward(self, da: cr.Array) -> cr.Array:
        return da


@pytest.mark.parametrize(
    ("what", "found"),
    [("dtype", "float64 of shape (3, 8)"), ("shape", "float32 of shape (3, 1)"), ("nothing", "None")],
)
def test_a_step_that_gives_something_else_is_named(what: str, found: str) -> None:
    net = cr.Network([dense(8), Wide(what), dense(3, "softmax")], (4,), "categorical_cross_entropy")
    heard = Recording()
    with pytest.raises(cr.ContractError) as caught:
        trainer(net).fit((X, LABELS), epochs=1, callbacks=[heard])
    said = f"given 3 samples, forward of 1.wide (class Wide) gave {found}, not float32 of shape (3, 8)"
    assert str(caught.value) == said
    assert heard.events == [("train_start",), ("exception", "ContractError")]


def test_a_loss_that_gives_no_number_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    net = regressor()
    monkeypatch.setattr(type(net.loss), "forward", lambda self, prediction, target: None)
    with pytest.raises(cr.ContractError) as caught:
        trainer(net).fit((X, NUMBERS), epochs=1)
    assert str(caught.value) == f"the loss mse (chainrule {cr.__version__}) gave None, not a number"


def test_a_metric_that_gives_no_number_is_named() -> None:
    @dataclass
    class Silent(cr.Metric):
        tasks = ("multiclass",)

        def reset(self) -> None:
            pass

        def update(self, prediction: cr.Array, target: cr.Array) -> None:
            pass

        def compute(self) -> Any:
            return None

    with pytest.raises(cr.ContractError) as caught:
        trainer(metrics=[Silent()]).fit((X, LABELS), epochs=1)
    assert str(caught.value) == "the metric silent (class Silent) gave None, not a number"


def test_the_look_at_the_first_batch_leaves_the_training_as_it_is() -> None:
    nets = [classifier("float32", 0, "dropout", "batch_norm") for _ in range(2)]
    x, targets = nets[1].pair(X, LABELS)
    rehearse(nets[1], x, targets)
    histories = [numbers_of(trainer(net).fit((X, LABELS), epochs=2)) for net in nets]
    assert histories[0] == histories[1]
    assert np.array_equal(nets[0].parameters.theta, nets[1].parameters.theta)


def test_the_look_is_at_a_few_samples_and_in_the_first_call_alone() -> None:
    sizes: list[tuple[int, bool]] = []

    @dataclass
    class Noted(cr.Layer):
        def build(self, input_shape: cr.Shape) -> cr.Shape:
            return input_shape

        def forward(self, x: cr.Array, training: bool) -> cr.Array:
            sizes.append((len(x), training))
            return x

        def backward(self, dy: cr.Array) -> cr.Array:
            return dy

    taught = trainer(cr.Network([Noted(), dense(3, "softmax")], (4,), "categorical_cross_entropy"), batch_size=8)
    taught.fit((X, LABELS), epochs=1)
    looked = [size for size, training in sizes if not training]
    assert set(looked) == {3}
    taught.fit((X, LABELS), epochs=1)
    assert [size for size, training in sizes if not training] == looked


def test_an_error_in_on_exception_hides_nothing(caplog: pytest.LogCaptureFixture) -> None:
    @dataclass
    class Clumsy(cr.Callback):
        def on_exception(self, trainer: cr.Training, error: BaseException) -> None:
            raise ValueError("oh")

    def fail(trainer: cr.Trainer) -> None:
        raise RuntimeError("the first")

    heard = Recording(("batch_end", 1, 2), fail)
    with pytest.raises(RuntimeError, match="the first"):
        trainer().fit((X, LABELS), epochs=1, callbacks=[Clumsy(), heard])
    assert heard.events[-1] == ("exception", "RuntimeError")
    assert [record.getMessage() for record in caplog.records] == ["on_exception of clumsy failed: ValueError('oh')"]


def test_an_unknown_callback_is_refused() -> None:
    with pytest.raises(cr.UnknownName, match=r'there is no callback "progres"\. Did you mean "progress"\?'):
        trainer().fit((X, LABELS), epochs=1, callbacks=["progres"])
