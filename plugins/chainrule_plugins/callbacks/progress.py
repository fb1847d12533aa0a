from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chainrule import Callback, Training

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

FEW_EPOCHS = 100
REFRESH = 0.1  # seconds from one drawing of the bar to the next


@dataclass
class Progress(Callback):
    """Shows how a training goes: a line for each epoch, and on a terminal a live bar below them.

    Of more than 100 epochs it prints at most one line a second, and the last one. All of it goes to stderr. Where a
    terminal is too narrow for a line, "validation" is shortened, then the rate is left out, then metrics are.

    Example:
        >>> import chainrule as cr
        >>> network = cr.Network([{"name": "dense", "units": 1}], input_shape=(1,), loss="mse")
        >>> trainer = cr.Trainer(network, "sgd")
        >>> _ = trainer.fit(([[1.0]], [2.0]), epochs=2, callbacks=["progress"])  # prints two lines
    """

    display = True
    _bar = None

    def state(self) -> dict[str, Any]:
        return {}  # what is shown is no part of a training

    def load_state(self, state: Mapping[str, Any]) -> None:
        pass

    def on_train_start(self, trainer: Training) -> None:
        self._bar = _Bar(trainer) if sys.stderr.isatty() else None
        self._every_epoch = trainer.epochs - trainer.epoch <= FEW_EPOCHS
        self._printed_epoch = trainer.epoch
        self._printed_at = -math.inf

    def on_epoch_start(self, trainer: Training) -> None:
        if self._bar is not None:
            self._bar.start_epoch()

    def on_batch_end(self, trainer: Training) -> None:
        if self._bar is not None:
            self._bar.advance(trainer)

    def on_epoch_end(self, trainer: Training) -> None:
        if self._every_epoch or time.perf_counter() - self._printed_at >= 1:
            self._print(trainer)

    def on_train_end(self, trainer: Training) -> None:
        if self._printed_epoch != trainer.epoch:
            self._print(trainer)
        self._close()

    def on_exception(self, trainer: Training, error: BaseException) -> None:
        self._close()

    def _print(self, trainer: Training) -> None:
        # While a bar is shown, rich takes over stderr and puts the line above it.
        width = math.inf if self._bar is None else self._bar.width
        print(_epoch_line(trainer, width), file=sys.stderr, flush=True)
        self._printed_epoch, self._printed_at = trainer.epoch, time.perf_counter()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class _Bar:
    """A live bar over all steps of the training, with the running epoch's loss, metrics and rate."""

    def __init__(self, trainer: Training) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = [TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[values]}")]
        self._first_step = trainer.step
        # Drawn from the training loop, as a thread of rich's own would take turns with NumPy.
        self._progress: RichProgress = Progress(
            *columns, TimeRemainingColumn(), console=Console(stderr=True), auto_refresh=False, transient=True
        )
        steps = (trainer.epochs - trainer.epoch) * trainer.steps_per_epoch
        self._task = self._progress.add_task(f"epoch {trainer.epoch + 1}/{trainer.epochs}", total=steps, values="")
        self._progress.start()
        self._drawn_at = -math.inf
        self.start_epoch()  # one that is taken up in the middle is not told to start

    @property
    def width(self) -> int:
        """Of the terminal, in characters."""
        return self._progress.console.width

    def start_epoch(self) -> None:
        self._epoch_start, self._batches = time.perf_counter(), 0

    def advance(self, trainer: Training) -> None:
        now = time.perf_counter()
        self._batches += 1
        if now - self._drawn_at < REFRESH:
            return
        self._drawn_at = now
        rate = self._batches * trainer.batch_size / (now - self._epoch_start)
        self._progress.update(
            self._task,
            completed=trainer.step - self._first_step,
            description=f"epoch {trainer.epoch}/{trainer.epochs}",
            values=f"{_values(trainer.running())}  {rate:,.0f}/s",
        )
        self._progress.refresh()

    def close(self) -> None:
        self._progress.stop()


def _epoch_line(trainer: Training, width: float) -> str:
    """``epoch  3/10  loss 0.1234  accuracy 0.9800  validation loss 0.1402  61,234/s``, or as much of it as fits."""
    lines = list(_epoch_lines(trainer))
    return next((line for line in lines if len(line) <= width), lines[-1])


def _epoch_lines(trainer: Training) -> Iterator[str]:
    """The line in ever shorter forms."""
    metrics = trainer.metrics
    epoch = f"epoch {trainer.epoch:{len(str(trainer.epochs))}}/{trainer.epochs}"
    rate = f"{metrics['examples_per_second']:,.0f}/s"
    shown = {name: value for name, value in metrics.items() if name.startswith(("train/", "validation/"))}
    yield "  ".join([epoch, _values(shown), rate])
    shown = {name.replace("validation/", "val/"): value for name, value in shown.items()}
    yield "  ".join([epoch, _values(shown), rate])
    yield "  ".join([epoch, _values(shown)])  # the bar below has the rate
    # Of training and of validation the loss comes first. What says least is dropped first: the others of training.
    for name in sorted(shown, key=lambda name: (name.endswith("/loss"), name.startswith("val/")))[:-1]:
        del shown[name]
        yield "  ".join([epoch, _values(shown)])


def _values(metrics: Mapping[str, float]) -> str:
    return "  ".join(f"{_words(name)} {value:#.4g}" for name, value in metrics.items())


def _words(name: str) -> str:
    """``validation/binary_accuracy`` as people say it; what is of the training needs no mention of that."""
    return name.removeprefix("train/").replace("/", " ").replace("_", " ")
