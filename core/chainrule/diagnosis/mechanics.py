"""Rules about how gradients and weights move: what keeps a training from learning at all."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from chainrule.diagnosis.course import Course, rising
from chainrule.diagnosis.finding import Finding
from chainrule.diagnosis.remedies import Remedies
from chainrule.words import number

FALLING = 0.01
"""Gradient of the first weights, as a share of the last. In Nielsen (2015), chapter 5, four sigmoid layers do."""
GROWING = 1e3
"""The way back through the network; the same, as a factor."""
SLOW = 1e-3
"""CS231n, "Neural Networks 3", on the ratio of updates to weights."""
LARGE_INPUT = 10.0
"""LeCun, Bottou, Orr, Müller (1998), section 4.3, want means near 0 and deviations about 1."""
FOR_LEARNING = "CS231n, Neural Networks Part 3: updates of about 0.001 of the weights"
HERE = "chosen here between healthy runs and planted failures"


def not_a_number(course: Course, remedies: Remedies) -> Iterator[Finding]:
    """The loss left the numbers."""
    film = course.film
    wrong = [epoch for epoch, loss in enumerate(course.train, start=1) if not math.isfinite(loss)]
    bad = [frame.epoch for frame in film.frames if not math.isfinite(frame.loss)]
    if wrong or bad or film.not_finite:
        epoch = min([*wrong, *bad], default=len(course.train) + 1)
        yield Finding(
            "not_a_number",
            "The loss stopped being a number: weights and gradients grew until they overflowed.",
            f"It was not finite in epoch {epoch}" + (f" ({film.error})" if film.error else "") + ".",
            "any loss that is not finite",
            "IEEE 754",
            ("Take a smaller learning rate; where the data is not scaled, scale it.",),
            remedies.rate(0.01),
            epoch=film.frames[-1].epoch if not bad else bad[0],
            hides=(
                "learning_rate_too_high",
                "dead_units",
                "saturated_units",
                "exploding_gradients",
                "vanishing_gradients",
                "overfitting",
            ),
        )


def inputs_unscaled(course: Course, remedies: Remedies) -> Iterator[Finding]:
    """Inputs that are large before anything scales them."""
    inputs, first = course.film.inputs, course.frames[0]
    if inputs is None or not course.matrices(first):
        return
    sizes = np.sqrt((inputs**2).sum(axis=0))
    column, largest = int(sizes.argmax()), float(sizes.max())
    ahead = course.matrices(first)[0][0].rpartition(".")[0]
    for name, unit in first.units.items():
        if name == ahead:
            break
        if unit.output < LARGE_INPUT / 3:
            return  # the network scales them by itself
    if largest > LARGE_INPUT:
        mean, std = inputs[:, column]
        yield Finding(
            "inputs_unscaled",
            "The inputs are not scaled: one step of the first weights moves what comes out of them far, and the other "
            "weights hardly count beside them.",
            f"Feature {column} has mean {number(mean)} and standard deviation {number(std)}.",
            f"a feature whose root mean square is above {LARGE_INPUT:g}",
            "LeCun, Bottou, Orr, Müller (1998), Efficient BackProp, section 4.3: means near 0, deviations near 1",
            ("Subtract from each feature its mean and divide by its standard deviation, both of the training data.",),
            remedies.scaled(),
            epoch=0,
            hides=("learning_rate_too_low", "learning_rate_too_high", "exploding_gradients", "dead_units"),
        )


def rate_too_high(course: Course, remedies: Remedies) -> Iterator[Finding]:
    """Steps that overshoot: the gradient promised less loss, and there was more."""
    scale = course.trivial
    worst = max(course.frames, key=lambda f: f.change if f.promised < 0 and math.isfinite(f.change) else -math.inf)
    # It rose by much, or it was to fall by much and did not.
    overshot = worst.promised < 0 and worst.change > max(0.5 * worst.loss, 0.3 * scale)
    overshot |= worst.promised < -scale and worst.change > 0
    losses = [loss for loss in course.train if math.isfinite(loss)] or [0.0]
    peak, best = max(losses), min(losses)
    rose = peak > 3 * max(course.frames[0].loss, scale)
    lost = not course.solved and losses[-1] > 1.3 * best and losses.index(best) < len(losses) / 3
    if not (overshot or rose or lost):
        return
    if overshot:
        lowered, raised = number(-worst.promised), number(worst.change)
        figure = (
            f"By its gradient, the step after epoch {worst.epoch} should have lowered the loss by {lowered}; it raised "
            f"it by {raised}, and moved the weights by {number(100 * course.ratio(worst))} % of their length."
        )
    elif rose:
        figure = f"The training loss rose to {number(peak)}; it began at {number(course.frames[0].loss)}."
    else:
        at = losses.index(best) + 1
        figure = f"The training loss was {number(best)} in epoch {at}, and {number(losses[-1])} at the end."
    far = course.ratio(worst) > 0.3
    yield Finding(
        "learning_rate_too_high",
        "The learning rate is too high: steps go beyond the place that they are meant for, and the loss rises.",
        figure,
        "a step after which the loss is half as much again, or higher where by its gradient none was left; a loss of "
        "three times what it began with, or one that ends 30 % above its best",
        f"{HERE}; {FOR_LEARNING}",
        ("Take a tenth of it or less.",),
        remedies.rate(0.01 if far else 0.1),
        epoch=worst.epoch if overshot else None,
        hides=("exploding_gradients", "overfitting", "dead_units", "saturated_units", "vanishing_gradients"),
    )


def exploding(course: Course, remedies: Remedies) -> Iterator[Finding]:
    """Gradients that grow on the way back."""
    for frame in course.learning:
        signals = [(name, gradient) for name, gradient in course.signals(frame) if gradient > 0]
        if len(signals) > 1 and signals[0][1] > GROWING * signals[-1][1]:
            (first, large), (last, small) = signals[0], signals[-1]
            yield Finding(
                "exploding_gradients",
                "Gradients explode: each layer hands back more than it was given, so that the first layers are thrown "
                "about while the last ones learn.",
                f"At {first} the gradient is {number(large)}, at {last} {number(small)} (root mean square).",
                f"a factor of {GROWING:g} between the first activation and the last",
                f"Pascanu, Mikolov, Bengio (2013), on the phenomenon; the number was {HERE}",
                ("Begin with smaller weights, of an initializer that suits the activation; or take fewer layers.",),
                remedies.another_initializer() or remedies.fewer_layers(),
                epoch=frame.epoch,
                where=first,
                hides=("learning_rate_too_low", "saturated_units"),
            )
            return


def vanishing(course: Course, remedies: Remedies) -> Iterator[Finding]:
    """Gradients that shrink on the way back."""
    if course.solved:
        return
    for frame in course.learning[: max(len(course.learning) // 3, 1)]:
        matrices = course.matrices(frame)
        if len(matrices) < 3 or any(unit.dead is not None and (unit.dead == 1).all() for unit in frame.units.values()):
            continue
        (first, early), (last, late) = matrices[0], matrices[-1]
        signals = [gradient for _, gradient in course.signals(frame)]
        falls = len(signals) > 1 and signals[0] < 0.1 * signals[-1]
        if falls and 0 < early.gradient < FALLING * late.gradient and early.spread > 1e-3:
            yield Finding(
                "vanishing_gradients",
                "Gradients vanish: each layer hands back less than it was given, and the first layers hardly learn.",
                f"The gradient of {first} is {number(early.gradient)}, that of {last} {number(late.gradient)} (root "
                f"mean square of a weight): {number(late.gradient / early.gradient)} times as large.",
                f"a share of {FALLING:g}, in the first third of the training",
                "Nielsen (2015), chapter 5: four sigmoid layers come to a hundredth; Glorot, Bengio (2010), section 4",
                ("Take an activation whose slope does not vanish on either side, or fewer layers.",),
                remedies.another_activation() or remedies.fewer_layers(),
                epoch=frame.epoch,
                where=first,
            )
            return


def held_down(course: Course, remedies: Remedies) -> Iterator[Finding]:
    """A penalty or decay that takes the weights away."""
    first, last = course.frames[0], course.frames[-1]
    if course.level < 0.9 * course.trivial:
        return

    before, after = course.length(first), course.length(last)
    if after < 0.1 * before:
        yield Finding(
            "regularized_away",
            "The weights are drawn to 0 more strongly than the data can hold them: a penalty or a decay is too strong.",
            f"Their length fell from {number(before)} to {number(after)}, while the loss stayed at "
            f"{number(course.level)}" + (f"; the penalty began at {number(first.penalty)}." if first.penalty else "."),
            "weights of less than a tenth of their first length, and a loss that is no better than a constant answer's",
            HERE,
            ("Make the penalty or the decay a hundred times smaller.",),
            remedies.weaker(0.01),
            epoch=last.epoch,
            hides=("dead_units", "learning_rate_too_low"),
        )


def rate_too_low(course: Course, remedies: Remedies) -> Iterator[Finding]:
    """Steps that do what they promise, and are too small to come anywhere."""
    frames = course.learning
    if course.solved or not frames or rising(course.train) > 0.35:
        return
    ratios = [course.ratio(frame) for frame in frames]
    linear = [frame.promised < 0 and abs(frame.change / frame.promised - 1) < 0.2 for frame in frames]
    if max(ratios) < SLOW and sum(linear) > 0.8 * len(linear):
        yield Finding(
            "learning_rate_too_low",
            "The learning rate is too low: every step does what its gradient promised, and none of them goes far.",
            f"A step moves the weights by at most {number(100 * max(ratios))} % of their length, and the training loss "
            f"came from {number(course.frames[0].loss)} to {number(course.level)} only.",
            f"steps of less than {SLOW:.1%} of the weights' length, while the loss still falls",
            FOR_LEARNING,
            ("Take ten times as much, or more.",),
            remedies.rate(100 if max(ratios) < SLOW / 10 else 10),
            epoch=course.frames[-1].epoch,
            hides=("overfitting",),
        )
