"""How many steps back can a recurrent layer remember?

The adding problem (Hochreiter, Schmidhuber 1997, section 5.4): of a sequence of numbers two are marked, one in each
half, and their sum is asked for at the end. `experiment=adding` with 32 units learns it in 40 epochs from 8,100
sequences, of 25, 50 or 100 steps each, with a plain recurrent layer, a GRU and an LSTM, from 3 seeds. Each has, at each
length, the better one of 2 learning rates, by the validation loss over the first 2 seeds; the test sequences are looked
at for that rate alone. The figure shows the test loss by length, and the learning curves at 100 steps.

    python experiments/sequences.py
"""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure
from study import BLUE, GREEN, VERMILLION, arguments, draw_curve, finish_curves, log_scale, publish, rate, tuned, values

from chainrule.comparison import GREY, Group, band

SETTINGS = ["experiment=adding", "model.units=[32]", "trainer.epochs=40"]
CELLS = {"simple_rnn": VERMILLION, "gru": GREEN, "lstm": BLUE}
LENGTHS = (25, 50, 100)
DRAWN = 100
RATES = (0.001, 0.003)
KNOWING_NOTHING = 1 / 6
"""The mean squared error of who says 1 each time: the variance of the sum of two numbers from 0 to 1."""
SOLVED = KNOWING_NOTHING / 10
COLUMNS = ["layer, steps", "rate", "test loss, mean", "of each seed", "solved"]
NOTE = """\
The loss is the mean squared error; who says 1 each time has 0.167. Solved: a tenth of that, or less. Batches of 50,
Adam, gradients cut to the length 1; rates tried: 0.001 and 0.003. More epochs, more sequences, other rates or initial
weights can take any of them further: Le, Jaitly, Hinton (2015) show how far a plain one goes that begins as the
identity."""
Found = Mapping[tuple[str, int], Group]


def main() -> None:
    options = arguments(__doc__, seeds=3)
    found = {}
    for cell in CELLS:
        for length in LENGTHS:
            settings = [*SETTINGS, f"model.cell={cell}", f"dataset.length={length}", *options.overrides]
            found[cell, length] = tuned("sequences", options.seeds, settings, "optimizer.lr", RATES)
    rows = [row(cell, length, group) for (cell, length), group in found.items()]
    publish(options.results, "sequences", COLUMNS, rows, figure(found), NOTE, conclusion(found))


def row(cell: str, length: int, group: Group) -> list[str]:
    losses = values(group, "test/loss")
    return [
        f"{cell}, {length}",
        f"{rate(group):g}",
        f"{sum(losses) / len(losses):.4f}",
        ", ".join(f"{loss:.4f}" for loss in losses),
        f"{solved(group)} of {len(losses)}",
    ]


def solved(group: Group) -> int:
    return sum(loss <= SOLVED for loss in values(group, "test/loss"))


def conclusion(found: Found) -> str:
    told = []
    for cell in CELLS:
        seeds = len(found[cell, LENGTHS[0]].runs)
        counts = ", ".join(f"{solved(found[cell, length])} of {seeds}" for length in LENGTHS)
        told.append(f"{cell} {counts}")
    lengths = ", ".join(map(str, LENGTHS))
    return f"Of sequences of {lengths} steps, so many seeds solve the adding problem: {'; '.join(told)}"


def figure(found: Found) -> Figure:
    drawing = Figure(figsize=(11, 4.5), layout="constrained")
    by_length, curves = drawing.subplots(1, 2)
    for cell, color in CELLS.items():
        losses = zip(*(values(found[cell, length], "test/loss") for length in LENGTHS))
        band(by_length, list(LENGTHS), list(losses), color, cell, marker="o", markersize=4)
        group = found[cell, DRAWN]
        draw_curve(curves, group, "validation/loss", color, f"{cell}, rate {rate(group):g}")
    for axes in (by_length, curves):
        axes.axhline(KNOWING_NOTHING, color=GREY, linestyle="--", linewidth=1)
        axes.axhline(SOLVED, color=GREY, linestyle=":", linewidth=1)
    by_length.set(xlabel="steps", ylabel="test loss", title="Dashed: nothing is known; dotted: solved")
    by_length.set_xscale("log")
    by_length.set_xticks(LENGTHS, [str(length) for length in LENGTHS])
    by_length.minorticks_off()
    log_scale(by_length)
    by_length.legend()
    finish_curves(curves, f"Validation loss at {DRAWN} steps")
    return drawing


if __name__ == "__main__":
    main()
