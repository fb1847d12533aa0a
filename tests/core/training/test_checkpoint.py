"""A training that is saved between two updates goes on to the last bit, whatever it is made of; a file that is damaged
is never taken for a whole one."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzzing import CASES, damaged, fuzz
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.training.checkpoint import KEPT, Checkpoints, read
from chainrule.training.encoding import decoded, encoded

TIMES = ("seconds", "examples_per_second")
RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(14, 2)), np.arange(14) % 2
IMAGES, DIGITS = RNG.normal(size=(10, 6, 6, 1)), np.arange(10) % 3
DENSE = [
    {"name": "dense", "units": 5, "activation": "tanh"},
    {"name": "dropout", "rate": 0.3},
    {"name": "batch_norm"},
    {"name": "dense", "units": 1, "activation": "sigmoid"},
]
CONVOLUTION = [
    {"name": "conv2d", "filters": 2, "kernel": 3},
    {"name": "batch_norm"},
    {"name": "dropout", "rate": 0.2},
    "flatten",
    {"name": "dense", "units": 3, "activation": "softmax"},
]
OPTIMIZERS = [entry.name for entry in cr.registry() if entry.kind == "optimizer"]
SCHEDULES: list[Any] = [entry.name for entry in cr.registry() if entry.kind == "schedule"]
CALLBACKS: dict[str, list[Any]] = {
    "none": [],
    "stopping": [{"name": "early_stopping", "monitor": "validation/loss", "patience": 1}],
    "average": [{"name": "weight_average", "decay": 0.8}],
}
Make = Callable[[], cr.Trainer]


class Saving(cr.Callback):
    """Keeps the state after every update."""

    def __init__(self) -> None:
        self.states: list[tuple[str, dict[str, Any]]] = []

    def state(self) -> dict[str, Any]:
        return {}

    def on_batch_end(self, trainer: Any) -> None:
        trainer.rest.when(lambda: self.states.append(encoded(trainer.state())))

    on_epoch_end = on_batch_end


def dense(optimizer: Any, schedule: Any = None) -> cr.Trainer:
    network = cr.Network(DENSE, (2,), "binary_cross_entropy", seed=1)
    return cr.Trainer(network, optimizer, batch_size=4, schedule=schedule, regularizer="l2", seed=2)


def convolution() -> cr.Trainer:
    return cr.Trainer(cr.Network(CONVOLUTION, (6, 6, 1), "categorical_cross_entropy", dtype="float64"), "adam", 4)


def fit(trainer: cr.Trainer, callbacks: Sequence[Any], epochs: int = 3) -> dict[str, Any]:
    """All that comes of it."""
    x, y = (IMAGES, DIGITS) if trainer.network.input_shape == (6, 6, 1) else (X, Y)
    trainer.fit((x, y), epochs, validation=(x[:5], y[:5]), callbacks=callbacks)
    return what_came_of(trainer)


def what_came_of(trainer: cr.Trainer) -> dict[str, Any]:
    history = {name: column for name, column in trainer.history.items() if name not in TIMES}
    buffers = [buffer.value.copy() for buffer in trainer.network.buffers]
    return {"theta": trainer.network.parameters.theta.copy(), "buffers": buffers, "history": history}


def assert_equal(found: dict[str, Any], expected: dict[str, Any]) -> None:
    np.testing.assert_array_equal(found["theta"], expected["theta"])
    for one, other in zip(found["buffers"], expected["buffers"], strict=True):
        np.testing.assert_array_equal(one, other)
    assert found["history"] == expected["history"]


def assert_goes_on_from_everywhere(make: Make, callbacks: Sequence[Any]) -> None:
    saving = Saving()
    expected = fit(make(), [*callbacks, saving], epochs=2)
    assert len(saving.states) > 6
    for text, arrays in saving.states:
        again = make()
        again.load_state(decoded(text, arrays))
        assert_equal(fit(again, callbacks, epochs=2), expected)


@pytest.mark.parametrize("callbacks", CALLBACKS.values(), ids=CALLBACKS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_training_goes_on_to_the_last_bit_from_between_any_two_updates(optimizer, callbacks):
    for schedule in (None, "cosine", "one_cycle"):
        assert_goes_on_from_everywhere(lambda schedule=schedule: dense(optimizer, schedule), callbacks)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_so_with_every_schedule(schedule):
    assert_goes_on_from_everywhere(lambda: dense("sgd", schedule), [])


def test_so_for_images_with_all_callbacks_at_once():
    rest = [{"name": "clip_norm", "limit": 0.5}, {"name": "max_norm", "limit": 2.0}, "nan_guard"]
    assert_goes_on_from_everywhere(convolution, [*rest, *CALLBACKS["stopping"], *CALLBACKS["average"]])
    assert_goes_on_from_everywhere(convolution, ["lr_range_test"])


def test_a_rate_that_was_set_goes_on(tmp_path):
    class Halving(cr.Callback):
        def on_epoch_end(self, trainer: Any) -> None:
            trainer.learning_rate /= 2

    assert_goes_on_from_everywhere(lambda: dense("momentum", "cosine"), [Halving()])


def test_between_two_calls_callbacks_know_what_they_knew(tmp_path):
    """The network holds the average then, and another fit takes up the weights that were trained."""
    ending = []
    for saved in (False, True):
        trainer, average = dense("adam"), {"name": "weight_average", "decay": 0.8}
        callback = cr.make("callback", average)
        fit(trainer, [callback])
        if saved:
            trainer.save(tmp_path / "training.safetensors")
            trainer, callback = dense("adam"), cr.make("callback", average)
            trainer.load(tmp_path / "training.safetensors")
        ending.append(fit(trainer, [callback]))
    assert_equal(*ending)


def test_a_training_that_had_ended_is_trained_further(tmp_path):
    """Saved before its end, more epochs are as if they had been asked for at first."""
    path = tmp_path / "training.safetensors"

    class AtItsEnd(cr.Callback):
        def on_epoch_end(self, trainer: Any) -> None:
            if trainer.epoch == 2:
                trainer.save(path)

    fit(dense("adam"), [AtItsEnd(), *CALLBACKS["average"]], epochs=2)
    further = dense("adam")
    further.load(path)
    found = fit(further, CALLBACKS["average"], epochs=5)
    assert_equal(found, fit(dense("adam"), CALLBACKS["average"], epochs=5))


def test_what_is_saved_in_an_event_is_what_all_have_heard(tmp_path):
    path = tmp_path / "training.safetensors"

    class First(cr.Callback):
        def on_gradient(self, trainer: Any) -> None:
            if trainer.step == 5:
                trainer.save(path)

    average = CALLBACKS["average"]
    expected = fit(dense("adam"), [First(), *average])
    again = dense("adam")
    again.load(path)
    assert again.step == 6
    assert_equal(fit(again, average), expected)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_waits_for_the_end_of_the_update(tmp_path, signals_at_default, number):
    class Interrupted(cr.Callback):
        def on_gradient(self, trainer: Any) -> None:
            if trainer.step == 5:
                os.kill(os.getpid(), number)

    from chainrule.process.signals import ended_by_signals

    expected = fit(dense("adam"), CALLBACKS["average"])
    cut = dense("adam")
    with ended_by_signals(), pytest.raises(KeyboardInterrupt):
        fit(cut, [Interrupted(), *CALLBACKS["average"]])
    assert cut.step == 6
    cut.save(tmp_path / "training.safetensors")
    again = dense("adam")
    again.load(tmp_path / "training.safetensors")
    assert_equal(fit(again, CALLBACKS["average"]), expected)


def test_a_second_interrupt_ends_it_at_once(signals_at_default):
    class Interrupted(cr.Callback):
        def on_gradient(self, trainer: Any) -> None:
            if trainer.step == 5:
                for _ in range(2):
                    os.kill(os.getpid(), signal.SIGINT)

    cut = dense("sgd")
    with pytest.raises(KeyboardInterrupt):
        fit(cut, [Interrupted()])
    assert cut.step == 5
    fit(cut, [])
    assert cut.history.epochs == 4, "the epoch that was cut short is not counted"


def saved(path: Path, make: Make = lambda: dense("adam"), at: int = 6) -> Path:
    class Once(cr.Callback):
        def on_batch_end(self, trainer: Any) -> None:
            if trainer.step == at:
                trainer.save(path)

    fit(make(), [Once()])
    return path


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: dense("sgd"), r'optimizer.name was "adam", here it is "sgd"'),
        (lambda: dense({"name": "adam", "lr": 0.5}), r"optimizer.lr was 0.001, here it is 0.5"),
        (lambda: dense("adam", "cosine"), r'schedule.name was None, here it is "cosine"'),
        (convolution, r"another training: network\..*; network\..*; \.\.\."),
    ],
)
def test_the_state_of_another_training_is_refused(tmp_path, make, says):
    path = saved(tmp_path / "training.safetensors")
    trainer = make()
    before = trainer.network.parameters.theta.copy()
    with pytest.raises(cr.DataError, match=says):
        trainer.load(path)
    np.testing.assert_array_equal(trainer.network.parameters.theta, before)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"train": (X[:9], Y[:9])}, "train: got 9 samples, but the call of fit that was cut, and goes on, had 14"),
        ({"epochs": 1}, "epochs: got 1, but .* has come to epoch 2 of its own"),
    ],
)
def test_a_call_that_goes_on_is_given_what_it_had(tmp_path, given, says):
    trainer = dense("adam")
    trainer.load(saved(tmp_path / "training.safetensors"))
    with pytest.raises(cr.ConfigError, match=says):
        trainer.fit(**{"train": (X, Y), "epochs": 3, **given})


def test_a_callback_that_had_gathered_something_is_missed(tmp_path):
    path = tmp_path / "training.safetensors"

    class Once(cr.Callback):
        def on_batch_end(self, trainer: Any) -> None:
            if trainer.step == 6:
                trainer.save(path)

    fit(dense("adam"), [*CALLBACKS["average"], Once()])
    trainer = dense("adam")
    trainer.load(path)
    with pytest.raises(cr.ConfigError, match="callbacks: the training that was saved has a callback weight_average"):
        fit(trainer, [])


# ---- files

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.builds(lambda n: np.arange(n, dtype="float32"), st.integers(0, 4))
    | st.builds(np.float64, st.floats(allow_nan=False)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.lists(inner, max_size=3).map(lambda values: deque(values, maxlen=5))
        | st.dictionaries(st.text() | st.integers() | st.sampled_from(["~array", "~"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple, deque)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, (np.ndarray, np.generic)):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    return repr(one) == repr(other)


@given(PLAIN)
def test_plain_values_come_back_as_they_were(value):
    text, arrays = encoded({"value": value})
    assert same(decoded(text, arrays)["value"], value)


def test_what_is_not_finite_and_generators_come_back_too():
    rng = np.random.default_rng(3)
    rng.random(7, dtype="float32")
    value = decoded(*encoded([math.nan, math.inf, -math.inf, rng, np.random.Generator(np.random.MT19937(1))]))
    assert [str(number) for number in value[:3]] == ["nan", "inf", "-inf"]
    np.testing.assert_array_equal(value[3].random(5), rng.random(5))
    np.testing.assert_array_equal(value[4].random(5), np.random.Generator(np.random.MT19937(1)).random(5))


@pytest.mark.parametrize("value", [object(), {1, 2}, lambda: 0, np.array(["a"]), np.array([1j]), b"bytes", Path()])
def test_what_no_file_can_keep_is_named(value):
    with pytest.raises(cr.ContractError, match=r"callbacks\[1\].bar holds a \w+, which no file can keep"):
        encoded({"callbacks": [0, {"bar": value}]})


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return saved(tmp_path_factory.mktemp("checkpoint") / "000001.safetensors")


@CASES
def test_a_damaged_file_is_never_taken_for_a_whole_one(cases, whole, tmp_path):
    content, path = whole.read_bytes(), tmp_path / "000001.safetensors"

    def takes(other: bytes) -> None:
        path.write_bytes(other)
        with pytest.raises(cr.DataError, match=r"is no checkpoint|is damaged|is no state"):
            read(path)

    fuzz(takes, damaged(st.just(content)).filter(lambda other: other != content), cases)


def test_cut_anywhere_or_with_the_header_of_another_it_is_not_taken(whole, tmp_path):
    content, another = whole.read_bytes(), saved(tmp_path / "another", at=4).read_bytes()
    path = tmp_path / "000001.safetensors"
    for length in range(0, len(content), 97):
        path.write_bytes(content[:length])
        with pytest.raises(cr.DataError, match=r"is no checkpoint|is damaged"):
            read(path)
    end = 8 + int.from_bytes(another[:8], "little")
    path.write_bytes(another[:end] + content[8 + int.from_bytes(content[:8], "little") :])
    with pytest.raises(cr.DataError, match="is damaged"):
        read(path)


WRONG = [None, "x", -1.5, [], {}, [0], True, np.zeros(3), {"~": 1}]


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each value in a tree, those of its branches too."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, (list, tuple)) else ()
    return [path, *itertools.chain.from_iterable(places(inner, (*path, key)) for key, inner in items)]


def with_another(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The tree with another value in that place, or with none: ``...`` takes it away."""
    if not path:
        return value
    items = dict(tree.items() if isinstance(tree, dict) else enumerate(tree))
    items[path[0]] = with_another(items[path[0]], path[1:], value)
    left = {key: inner for key, inner in items.items() if inner is not ...}
    return left if isinstance(tree, dict) else type(tree)(left.values())


@pytest.fixture(scope="module")
def cut_short(tmp_path_factory) -> Any:
    path = tmp_path_factory.mktemp("forged") / "training.safetensors"

    class Once(cr.Callback):
        def on_batch_end(self, trainer: Any) -> None:
            if trainer.step == 6:
                trainer.save(path)

    fit(dense("adam", "cosine"), [Once(), *CALLBACKS["stopping"], *CALLBACKS["average"]])
    return read(path)


@given(data=st.data())
def test_a_file_with_a_right_checksum_and_another_content_is_refused_or_trains(cut_short, data):
    """As somebody might have made it by hand: one error of ours, whatever stands where; but what a callback or a metric
    gathered is for it alone to understand."""
    trainer = dense("adam", "cosine")
    gathered = [("callbacks", 0, 1), ("callbacks", 1, 1), ("running", "metrics", "binary_accuracy")]
    ours = [path for path in places(cut_short) if path and not any(path[: len(g)] == g for g in gathered)]
    place = data.draw(st.sampled_from(ours))
    forged = with_another(cut_short, place, data.draw(st.sampled_from([..., *WRONG])))
    with contextlib.suppress(cr.ChainruleError):
        trainer.load_state(forged)
        fit(trainer, [*CALLBACKS["stopping"], *CALLBACKS["average"]])


@pytest.mark.parametrize(
    "place", [("network", 0), ("network", 1, 0), ("slots", "M"), ("history", "train/loss"), ("step",)]
)
def test_what_an_update_changes_is_checked_before_it_is_taken_over(cut_short, place):
    trainer = dense("adam", "cosine")
    before = trainer.state()["slots"]["M"].copy()
    with pytest.raises(cr.DataError, match="no state that a training saved"):
        trainer.load_state(with_another(cut_short, place, np.zeros(1)))
    np.testing.assert_array_equal(trainer.state()["slots"]["M"], before)


def test_the_last_two_are_kept_and_a_damaged_one_gives_way_to_the_one_before(tmp_path, caplog):
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    assert checkpoints.latest() is None
    for number in range(5):
        checkpoints.save({"number": number})
    checkpoints.wait()
    files = sorted(path.name for path in checkpoints.folder.iterdir())
    assert files == ["000004.safetensors", "000005.safetensors"]
    assert len(files) == KEPT
    newest = checkpoints.folder / files[-1]
    assert checkpoints.latest() == ({"number": 4}, newest)
    newest.write_bytes(newest.read_bytes()[:-1])
    assert checkpoints.latest() == ({"number": 3}, checkpoints.folder / files[0])
    assert "000005.safetensors is" in caplog.text
    assert "The checkpoint before it is taken" in caplog.text


def test_a_disk_that_takes_nothing_is_one_warning(tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    checkpoints = Checkpoints(tmp_path / "file" / "checkpoints")
    for number in range(3):
        checkpoints.save({"number": number})
    checkpoints.wait()
    assert caplog.text.count("A checkpoint cannot be written") == 1


def test_what_a_killed_process_left_half_written_goes(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    (tmp_path / "000001.safetensors.partial").write_bytes(b"half")
    checkpoints.save({})
    checkpoints.wait()
    assert [path.name for path in tmp_path.iterdir()] == ["000001.safetensors"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills processes that it forks")
@pytest.mark.parametrize("update", range(1, 12))
def test_killed_at_any_update_it_goes_on_from_the_last_checkpoint(tmp_path, update):
    """With SIGKILL, as a checkpoint may be half written."""

    class Killed(cr.Callback):
        def on_gradient(self, trainer: Any) -> None:
            if trainer.step == update:
                os.kill(os.getpid(), signal.SIGKILL)

    class Kept(cr.Callback):
        def __init__(self) -> None:
            self.checkpoints = Checkpoints(tmp_path)

        def state(self) -> dict[str, Any]:
            return {}

        def on_batch_end(self, trainer: Any) -> None:
            trainer.rest.when(lambda: self.checkpoints.save(trainer.state()))

    average = CALLBACKS["average"]
    child = os.fork()
    if child == 0:
        try:
            fit(dense("adam", "cosine"), [*average, Killed(), Kept()])
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    newest = Checkpoints(tmp_path).latest()
    again = dense("adam", "cosine")
    if newest is not None:
        again.load_state(newest[0])
        assert update - 1 <= again.step + 1 <= update + 1, "at most the update before it was still on its way"
    assert_equal(fit(again, average), fit(dense("adam", "cosine"), average))


def test_every_kind_of_callback_is_among_those_that_were_tried():
    """A new built-in callback has to be tried here too, or show something alone."""
    tried = {name["name"] if isinstance(name, dict) else name for name in itertools.chain(*CALLBACKS.values())}
    tried |= {"clip_norm", "max_norm", "nan_guard", "lr_range_test"}
    tried |= {"augment", "text_sample"}  # which draw from streams of their own: see test_feeding.py
    shown = {"progress", "clip_value"}
    assert {entry.name for entry in cr.registry() if entry.kind == "callback"} - shown <= tried
