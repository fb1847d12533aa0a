"""Rules about units: that they differ, hear something, and let something through."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule.diagnosis.course import Course
from chainrule.diagnosis.finding import Finding
from chainrule.diagnosis.mechanics import FALLING, HERE
from chainrule.diagnosis.remedies import Remedies
from chainrule.film.frames import FLAT
from chainrule.words import number

DEAD = 0.4
"""Of the units of a step. CS231n, "Neural Networks 1": "as much as 40% of your network can be dead"."""
SATURATED = 0.8
"""Of outputs of a step. Ours: planted runs had 0.85 and more, healthy ones at most 0.45; leaky units 0.7."""


def symmetric(course: Course, remedies: Remedies) -> Iterator[Finding]:
    """Units that begin alike learn alike."""
    hidden = course.matrices(course.frames[0])[:-1]
    alike = [name for name, weight in hidden if weight.spread < 1e-3 or weight.value == 0]
    if alike:
        yield Finding(
            "symmetric_weights",
            f"The units of {alike[0]} begin all alike: they get the same gradients, and stay as one unit that is there "
            "many times.",
            "Their weights differ by less than 0.1 % of their size before the first step.",
            "0.1 %",
            "Goodfellow, Bengio, Courville (2016), section 8.4: initial parameters need to break symmetry",
            ("Take an initializer that draws at random.",),
            remedies.another_initializer(),
            epoch=0,
            where=alike[0],
            hides=("vanishing_gradients", "vanishing_signals", "learning_rate_too_low", "dead_units"),
        )


def vanishing_signals(course: Course, remedies: Remedies) -> Iterator[Finding]:
    """What goes forward shrinks from layer to layer, and with it all gradients."""
    frame = course.frames[0]
    sizes = [(name, unit.output) for name, unit in frame.units.items() if unit.flat is not None]
    if course.solved or len(sizes) < 3 or not 0 <= sizes[-2][1] < FALLING * sizes[0][1]:
        return  # the last one may be the output's, of another size
    (first, large), (last, small) = sizes[0], sizes[-2]
    yield Finding(
        "vanishing_signals",
        "Signals vanish on their way forward: the initial weights are so small that each layer gives less than it was "
        "given, and what comes back shrinks with it.",
        f"Before the first step {first} gives {number(large)}, {last} {number(small)} (root mean square).",
        f"a share of {FALLING:g}",
        f"Glorot, Bengio (2010), section 4.2, and He et al. (2015), section 2.2; the number was {HERE}",
        ("Take an initializer that keeps signals at their size.",),
        remedies.another_initializer(),
        epoch=0,
        where=last,
        hides=("dead_units", "saturated_units", "vanishing_gradients", "learning_rate_too_low"),
    )


def dead_units(course: Course, remedies: Remedies) -> Iterator[Finding]:
    """Units that give 0 to every example, and get no gradient by which that could change."""
    last = course.frames[-1]
    worst = max(
        (
            (float((unit.dead == 1).mean()), name, unit.dead)
            for name, unit in last.units.items()
            if unit.dead is not None
        ),
        key=lambda found: found[0],
        default=None,
    )
    if worst is None or worst[0] < DEAD or (course.solved and course.film.rows < 16):
        return
    share, name, dead = worst
    before = course.frames[0].units[name].dead
    born = before is not None and float((before == 1).mean()) >= DEAD
    yield Finding(
        "dead_units",
        f"Units of {name} are dead: they give 0 to every example, so no gradient comes back through them, and they "
        "stay as they are.",
        f"It is so of {round(share * len(dead))} of {len(dead)} units"
        + (", and was before the first step." if born else "."),
        f"{DEAD:.0%} of a layer's units",
        "CS231n, Neural Networks Part 1, on ReLU units that die by a learning rate that is too high",
        (
            "Their initial weights or biases are at fault: take others."
            if born
            else "Take a smaller learning rate, or an activation that lets something through on either side.",
        ),
        remedies.another_activation() or (() if born else remedies.rate(0.1)),
        epoch=last.epoch,
        where=name,
        hides=("learning_rate_too_low", *(("targets_unrelated", "underfitting") if share > 0.9 else ())),
    )


def saturated_units(course: Course, remedies: Remedies) -> Iterator[Finding]:
    """Activations where they are flat, while there is something to learn."""
    shares: dict[str, list[float]] = {}
    for frame in course.frames:
        for name, unit in frame.units.items():
            if unit.flat is not None and unit.dead is not None:
                shares.setdefault(name, []).append(float((unit.flat - unit.dead).mean()))
    worst = max(((float(np.median(found)), name) for name, found in shares.items()), default=None)
    if worst is not None and worst[0] > SATURATED:
        yield Finding(
            "saturated_units",
            f"Units of {worst[1]} are saturated: what comes in is so large that their slope is next to nothing, and "
            "little of a gradient comes through.",
            f"{worst[0]:.0%} of their outputs have a slope below {FLAT:.0%} of the steepest.",
            f"{SATURATED:.0%} of the outputs, at half of the frames",
            f"Glorot, Bengio (2010), section 3, on the phenomenon; the number was {HERE}",
            ("Begin with smaller weights, scale the inputs, or take an activation that does not saturate.",),
            remedies.another_initializer() or remedies.another_activation(),
            epoch=course.frames[0].epoch,
            where=worst[1],
            hides=("learning_rate_too_low",),
        )
