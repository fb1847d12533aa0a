"""What does a small network learn of English, beyond which letters follow which?

`experiment=text_gpt`: a transformer of two blocks reads 302,000 characters of Python's help, and says what comes next;
beside it a GRU of nearly as many parameters. Each learns at the better one of 2 rates, by the validation loss of seed
0, from 3 seeds; the test characters are looked at for that rate alone. Beside them stands what counting comes to: how
often a character followed the 0 to 5 before it, smoothed as Witten and Bell (1991) do it. The figure shows the
validation loss, epoch by epoch; below the table is what the transformer of seed 0 writes.

    python experiments/text.py
"""

from __future__ import annotations

import math
import sys
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from study import BLUE, GREEN, arguments, interval, publish, runs

import chainrule as cr
from chainrule.comparison import GREY

DATA = cr.make("dataset", "text").load()
NETWORKS = {
    "transformer": [],
    "gru": ["model=recurrent", "model.cell=gru", "model.units=[320]", "model.sequences=true"],
}
COLOURS = {"transformer": BLUE, "gru": GREEN}
RATES = (0.001, 0.003)
BEFORE = (0, 1, 2, 3, 4, 5)
"""How many characters are looked at where they are counted."""
CALLBACKS = "callbacks=[nan_guard,clip_norm,text_sample]"
SHOWN = 600
"""Characters of a text."""
COLUMNS = ["what predicts", "rate", "parameters", "bits a character", "time a run"]
NOTE = """\
Bits: the mean of -log2 of what was given to the character that came, over the test characters. Networks see at most the
64 characters before, and on average half as many, as each window begins anew; counts see what they see of all. Another
version of Python has another text: this is that of {version}.

Written by the transformer of seed 0, character by character, as it gives them (temperature 1):

{text}"""


def main() -> None:
    options = arguments(__doc__, seeds=3)
    tried = {name: trained(name, options.seeds, options.overrides) for name in NETWORKS}
    counts = {f"counts after {before}": counted(before) for before in BEFORE}
    rows = [[name, "", "", f"{bits:.3f}", ""] for name, bits in counts.items()]
    rows += [row(name, rate, found) for name, (rate, found) in tried.items()]
    results = {name: found for name, (_, found) in tried.items()}
    text = (results["transformer"][0].folder / "texts" / "sample.txt").read_text(encoding="utf-8")
    note = NOTE.format(version=".".join(map(str, sys.version_info[:2])), text=indented(text))
    publish(options.results, "text", COLUMNS, rows, figure(results, counts), note, conclusion(results, counts))


def trained(name: str, seeds: int, overrides: Sequence[str]) -> tuple[float, list[cr.Result]]:
    """The better rate by seed 0, and the runs of all seeds with it."""
    given = ["experiment=text_gpt", CALLBACKS, *NETWORKS[name], *overrides]
    if name == "gru":
        given.append(f"model.tokens={len(DATA.token_names)}")
    first = {rate: runs("text", 1, [*given, f"optimizer.lr={rate}"])[0] for rate in RATES}
    best = min(RATES, key=lambda rate: first[rate].metrics["validation/loss"])
    return best, runs("text", seeds, [*given, f"optimizer.lr={best}"])


def counted(before: int) -> float:
    """Bits a test character, by how often each was seen after as many before it: $p_k = (n + T p_{k-1}) / (N + T)$,
    with T different characters of N seen in such a place, n of them this one."""
    train, test = (np.concatenate([x.ravel(), y[-1, -1:]]) for x, y in (DATA.train, DATA.test))
    many = len(DATA.token_names)
    p = np.full(len(test) - before, 1 / many)
    for k in range(before + 1):
        seen, asked = places(train, k, before), places(test, k, before)
        followed, times = np.unique(seen * many + train[before:], return_counts=True)
        different, T = np.unique(followed // many, return_counts=True)
        N = looked_up(*np.unique(seen, return_counts=True), asked)
        n, T = looked_up(followed, times, asked * many + test[before:]), looked_up(different, T, asked)
        p = np.divide(n + T * p, N + T, out=p, where=N > 0)
    return float(-np.log2(p).mean())


def places(ids: cr.Array, k: int, first: int) -> cr.Array:
    """The k characters before each from the given one on, as one number."""
    code = np.zeros(len(ids) - first, np.int64)
    for back in range(k, 0, -1):
        code = code * len(DATA.token_names) + ids[first - back : len(ids) - back]
    return code


def looked_up(keys: cr.Array, found: cr.Array, asked: cr.Array) -> cr.Array:
    """What was found for each, 0 where that was nothing; ``keys`` are sorted."""
    at = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return np.where(keys[at] == asked, found[at], 0)


def bits(results: Sequence[cr.Result]) -> list[float]:
    return [result.metrics["test/loss"] / math.log(2) for result in results]


def row(name: str, rate: float, results: Sequence[cr.Result]) -> list[str]:
    parameters = results[0].network.parameters.theta.size
    seconds = sum(result.seconds for result in results) / len(results)
    return [name, f"{rate:g}", f"{parameters:,}", interval(bits(results), 3), f"{seconds:.0f} s"]


def conclusion(results: Mapping[str, Sequence[cr.Result]], counts: Mapping[str, float]) -> str:
    means = {name: sum(bits(found)) / len(found) for name, found in results.items()}
    best, least = min(counts, key=lambda name: counts[name]), min(counts.values())
    told = " and ".join(f"{name} {interval(bits(found), 3)}" for name, found in results.items())
    verdict = "less" if max(means.values()) < least else "not less"
    return f"So many bits it takes to say the next character: {told}, {verdict} than the {least:.3f} of {best}"


def figure(results: Mapping[str, Sequence[cr.Result]], counts: Mapping[str, float]) -> Figure:
    drawing = Figure(figsize=(8, 4.5), layout="constrained")
    axes = drawing.subplots()
    for name, found in results.items():
        for seed, result in enumerate(found):
            curve = np.divide(result.history["validation/loss"], math.log(2))
            label = name if seed == 0 else None
            axes.plot(range(1, len(curve) + 1), curve, color=COLOURS[name], alpha=0.7, label=label)
    for i, (name, value) in enumerate(counts.items()):
        axes.axhline(value, color=GREY, linestyle="--", linewidth=1)
        beside = (0.99 - 0.16 * (i % 3), value)  # where lines lie close together
        axes.annotate(name, beside, xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8)
    axes.set(xlabel="epoch", ylabel="bits a character", title="Validation; dashed: counts, test")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right", bbox_to_anchor=(1, 0.55))
    return drawing


def indented(text: str) -> str:
    """A block of code, without the heading of the sample."""
    return textwrap.indent(text.partition("\n")[2][:SHOWN].rstrip(), "    ", lambda line: True)


if __name__ == "__main__":
    main()
