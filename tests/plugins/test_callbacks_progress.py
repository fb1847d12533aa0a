"""progress, heard by real trainings, with a terminal and without."""

import io
import re
import time
from dataclasses import dataclass

import numpy as np
import pytest

import chainrule as cr
from chainrule_plugins.callbacks import Progress
from chainrule_plugins.layers import Dense

X = np.array([[1.0], [2.0], [3.0]])
Y = 2 * X


def trainer(**fields):
    return cr.Trainer(cr.Network([Dense(1)], (1,), "mse"), {"name": "sgd", "lr": 0.01}, 1, **fields)


def test_a_line_for_each_epoch_where_there_is_no_terminal(capsys):
    trained = trainer(metrics=["mean_absolute_error"])
    history = trained.fit((X, Y), 3, validation=(X, Y), callbacks=["progress"])
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert len(lines) == 3
    number = r"[\d.]{5}"  # four digits
    for epoch, line in enumerate(lines, start=1):
        assert re.fullmatch(
            rf"epoch {epoch}/3  loss {number}  mean absolute error {number}  "
            rf"validation loss {number}  validation mean absolute error {number}  [\d,]+/s",
            line,
        )
    assert f"  loss {history['train/loss'][1]:#.4g}  " in lines[1]
    assert f"  validation loss {history['validation/loss'][2]:#.4g}  " in lines[2]


def test_lines_are_aligned(capsys):
    trainer().fit((X, Y), 10, callbacks=[Progress()])
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("epoch  1/10  loss ")
    assert lines[9].startswith("epoch 10/10  loss ")


def test_thousands_of_epochs_print_a_line_a_second_and_the_last(capsys):
    start = time.perf_counter()
    trainer().fit((X, Y), 1000, callbacks=["progress"])
    seconds = time.perf_counter() - start
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("epoch    1/1000  ")
    assert lines[-1].startswith("epoch 1000/1000  ")
    assert len(lines) <= 2 + seconds


def test_the_last_epoch_is_shown_where_training_stops_early(capsys):
    @dataclass
    class Stop(cr.Callback):
        def on_epoch_end(self, trainer):
            if trainer.epoch == 7:
                trainer.stop("enough")

    trainer().fit((X, Y), 1000, callbacks=["progress", Stop()])
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("epoch    7/1000  ")
    assert sum("   7/1000" in line for line in lines) == 1


def test_a_second_fit_counts_on(capsys):
    trained = trainer()
    trained.fit((X, Y), 2, callbacks=["progress"])
    trained.fit((X, Y), 2, callbacks=["progress"])
    assert [line.split("  ")[0] for line in capsys.readouterr().err.splitlines()] == [
        "epoch 1/2",
        "epoch 2/2",
        "epoch 3/4",
        "epoch 4/4",
    ]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def terminal(monkeypatch):
    """A terminal in place of stderr. (Not a fixture: pytest puts its own stderr back once fixtures are made.)"""
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    return stream


def visible(stream):
    """What was written, without the codes that move the cursor and color the text."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())


def cursor_is_back(stream):
    """It is hidden while a bar lives."""
    return stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")


def test_a_live_bar_with_loss_metrics_and_rate_on_a_terminal(monkeypatch):
    stream = terminal(monkeypatch)
    trainer(metrics=["mean_absolute_error"]).fit((X, Y), 3, callbacks=["progress"])
    text = visible(stream)
    assert re.search(r"epoch 1/3 ━.* loss [\d.]{5}  mean absolute error [\d.]{5}  [\d,]+/s", text)
    assert "epoch 3/3  loss" in text  # the lines stand on a terminal too
    assert cursor_is_back(stream)


def test_a_line_is_as_short_as_a_terminal_needs_it(monkeypatch):
    """Nothing wraps, and what is left out is what matters least."""
    lines = {}
    for columns in (140, 112, 97, 80, 50, 30):
        stream = terminal(monkeypatch)
        monkeypatch.setenv("COLUMNS", str(columns))
        metrics = ["mean_absolute_error"]
        trainer(metrics=metrics).fit((X, Y), 1, validation=(X, Y), callbacks=["progress"])
        (lines[columns],) = re.findall(r"epoch 1/1  .*", visible(stream))
        assert len(lines[columns].rstrip()) <= columns
    expected = {
        140: r"epoch 1/1  loss #  mean absolute error #  validation loss #  validation mean absolute error #  [\d,]+/s",
        112: r"epoch 1/1  loss #  mean absolute error #  val loss #  val mean absolute error #  [\d,]+/s",
        97: "epoch 1/1  loss #  mean absolute error #  val loss #  val mean absolute error #",
        80: "epoch 1/1  loss #  val loss #  val mean absolute error #",
        50: "epoch 1/1  loss #  val loss #",
        30: "epoch 1/1  val loss #",
    }
    for columns, line in lines.items():
        assert re.fullmatch(expected[columns].replace("#", r"[\d.]{5}"), line.rstrip())


def test_the_bar_is_gone_after_an_error(monkeypatch):
    stream = terminal(monkeypatch)

    @dataclass
    class Fail(cr.Callback):
        def on_batch_end(self, trainer):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer().fit((X, Y), 3, callbacks=["progress", Fail()])
    assert cursor_is_back(stream)


def test_an_error_before_the_first_epoch_is_not_hidden_by_progress():
    @dataclass
    class Fail(cr.Callback):
        def on_train_start(self, trainer):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        trainer().fit((X, Y), 3, callbacks=[Fail(), "progress"])


def test_progress_only_shows():
    """A sweep, whose runs share one screen, leaves such callbacks out; and it changes no number."""
    assert Progress.display
    silent, shown = trainer(), trainer()
    silent.fit((X, Y), 3)
    shown.fit((X, Y), 3, callbacks=["progress"])
    np.testing.assert_array_equal(silent.network.parameters.theta, shown.network.parameters.theta)
