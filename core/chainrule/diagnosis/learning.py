"""Rules about what was learned: too little, by heart, or nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from chainrule.diagnosis.course import Course
from chainrule.diagnosis.finding import Finding
from chainrule.diagnosis.mechanics import HERE
from chainrule.diagnosis.remedies import Remedies
from chainrule.words import number

RISEN = 0.2
"""By which the validation loss lies above its best. Prechelt (1998) stops at 5 % and looks at up to 50 %."""
FAR = 0.5
"""The same where the loss is small altogether."""
GAP = 0.15
"""Between validation and training, of the loss of a constant answer; and"""
BY_HEART = 0.25
"""the training loss, of the validation loss."""
NOTHING = 0.93
"""Of that loss: what is not below has learned nothing that holds for other data."""
HIGH = 0.3
"""Of that loss: what is above is far from learned."""
UPDATES = 500
"""With fewer, that nothing was learned says little."""
LARGE_TARGET = 10.0
"""Standard deviations of targets, or their mean: an output layer begins at about 1."""


def overfitting(course: Course, remedies: Remedies) -> Iterator[Finding]:
    """Better and better on what it has seen, worse on what it has not."""
    seen, unseen = course.train, course.validation
    if course.film.split == "train" or not unseen or not all(map(math.isfinite, [unseen[-1], course.level])):
        return
    best = int(np.nanargmin(unseen))
    # Where a callback ended it, the weights are those of its choice, by habit the best.
    at = best if course.film.stopped else len(unseen) - 1
    risen = unseen[at] / unseen[best] - 1 if unseen[best] > 0 else 0.0
    gap, height = (unseen[at] - seen[at]) / course.trivial, unseen[at] / course.trivial
    rises = (risen > RISEN and height > GAP / 2) or (risen > FAR and height > 0.02)
    share = seen[at] / unseen[at] if unseen[at] > 0 else 1.0
    if not ((rises and share < 0.7) or (gap > GAP and share < BY_HEART)):
        return
    lowest = f"; it was least, {number(unseen[best])}, in epoch {best + 1}" if rises else ""
    yield Finding(
        "overfitting",
        "The network learns its examples by heart: it knows those that it has seen far better than others.",
        f"The training loss is {number(seen[at])}, the validation loss {number(unseen[at])}{lowest}.",
        f"a validation loss {RISEN:.0%} above its best, or four times that of training and {GAP:.0%} of a constant "
        "answer's loss above it",
        f"Prechelt (1998), Early Stopping - But When?, on generalization loss; the second was {HERE}",
        ("Give it more examples, or hold its weights back.", *(("Or stop in time.",) if rises else ())),
        (f"trainer.epochs={best + 1}",) if rises and remedies.epochs(1) else remedies.held_back(),
        epoch=at + 1 if not rises else best + 1,
    )


def targets_unscaled(course: Course, remedies: Remedies) -> Iterator[Finding]:
    """Numbers that are far from where an output layer begins."""
    targets = course.film.targets
    if targets is None or course.level < HIGH * course.trivial:
        return
    mean, std = targets
    if max(abs(mean), std) > LARGE_TARGET:
        yield Finding(
            "targets_unscaled",
            "The targets are not scaled: the output begins near 0, and has a long way to go to them.",
            f"They have mean {number(mean)} and standard deviation {number(std)}; the training loss is still "
            f"{number(course.level)}, that of always giving their mean {number(course.trivial)}.",
            f"a mean or standard deviation above {LARGE_TARGET:g}, where little was learned",
            f"LeCun, Bottou, Orr, Müller (1998), Efficient BackProp, section 4.5, on targets; the number was {HERE}",
            ("Learn them in standard deviations from their mean.",),
            remedies.scaled(),
            epoch=0,
            hides=("targets_unrelated", "underfitting", "too_short", "learning_rate_too_low"),
        )


def disturbed(course: Course, remedies: Remedies) -> Iterator[Finding]:
    """What is done to a network in training only, such as dropout, keeps it from learning."""
    if course.film.split == "train" or not course.validation or course.level < HIGH * course.trivial:
        return
    if course.validation[-1] < 0.6 * course.level:
        yield Finding(
            "disturbed",
            "What disturbs the network in training only, such as dropout, noise or changed images, keeps it from "
            "learning: without that it does far better.",
            f"The training loss is {number(course.level)}, the validation loss {number(course.validation[-1])}.",
            f"a training loss above {HIGH:.0%} of a constant answer's, and a validation loss below 60 % of it",
            HERE,
            ("Disturb it less.",),
            remedies.calmer(0.3),
            epoch=course.frames[-1].epoch,
            hides=("underfitting", "too_short"),
        )


def nothing_in_common(course: Course, remedies: Remedies) -> Iterator[Finding]:
    """Targets that the inputs say nothing of."""
    unseen = [loss for loss in course.validation if math.isfinite(loss)]
    if course.film.split == "train" or not unseen or min(unseen) < NOTHING * course.trivial:
        return
    by_heart = course.level < NOTHING * course.trivial
    if not by_heart and course.film.step < UPDATES:
        return
    yield Finding(
        "targets_unrelated",
        "The inputs seem to say nothing of the targets: what is learned of the training examples does not hold for "
        "others. Labels may be shuffled, or stand at the wrong rows."
        if by_heart
        else "Nothing was learned that is better than always giving the same answer. The inputs may say nothing of the "
        "targets, as where labels are shuffled or stand at the wrong rows; or the network is too small to see it, or "
        "needs longer.",
        f"The validation loss was at best {number(min(unseen))}; always giving the mean of the targets costs "
        f"{number(course.trivial)}. The training loss came to {number(course.level)}.",
        f"a validation loss that never fell below {NOTHING:.0%} of a constant answer's",
        f"Zhang, Bengio, Hardt, Recht, Vinyals (2017), on random labels; the number was {HERE}",
        ("Look at some rows with their labels: is each what it says?",),
        () if by_heart else remedies.more_units(),
        epoch=course.frames[-1].epoch,
        hides=("overfitting", "underfitting", "too_short"),
    )


def too_short(course: Course, remedies: Remedies) -> Iterator[Finding]:
    """A training that ends while it learns."""
    losses = course.train
    if course.level < HIGH * course.trivial or course.film.stopped or not losses:
        return
    began = max(course.frames[0].loss, losses[0])
    fifth = max(len(losses) // 5, 1)
    late = losses[-fifth - 1] - losses[-1] if len(losses) > fifth else began - losses[-1]
    few = course.film.step < UPDATES and course.level > NOTHING * course.trivial
    if few or late > max(0.1 * (began - losses[-1]), 0.01 * course.trivial):
        yield Finding(
            "too_short",
            "The training ended while it was still learning.",
            f"After {course.film.step:,} updates the training loss is {number(course.level)}"
            + (f", and fell by {number(late)} in the last fifth of the epochs" if late > 0 else "")
            + f"; always giving the mean of the targets costs {number(course.trivial)}.",
            f"a training loss above {HIGH:.0%} of a constant answer's that still falls by a tenth of its way, or fewer "
            f"than {UPDATES} updates",
            HERE,
            ("Train longer, or take a higher learning rate.",),
            remedies.epochs(5),
            epoch=course.frames[-1].epoch,
            hides=("underfitting",),
        )


def underfitting(course: Course, remedies: Remedies) -> Iterator[Finding]:
    """A loss that stays where it is, and high."""
    losses = course.train
    if len(losses) < 5 or course.level < HIGH * course.trivial:
        return
    fifth = max(len(losses) // 5, 1)
    before, late = float(np.mean(losses[-2 * fifth : -fifth])), float(np.mean(losses[-fifth:]))
    if before - late < 0.01 * course.trivial:
        yield Finding(
            "underfitting",
            "The network has learned what it can, and that is little: it may have too few units for what is to be "
            "learned, or the targets are not to be told from these inputs.",
            f"The training loss has stayed at {number(late)}; always giving the mean of the targets costs "
            f"{number(course.trivial)}.",
            f"a training loss above {HIGH:.0%} of a constant answer's, which the last fifth of the epochs made better "
            "by less than 1 % of it",
            f"Goodfellow, Bengio, Courville (2016), section 5.2, on the phenomenon; the numbers were {HERE}",
            ("Give it more units or layers, or hold its weights less back.",),
            remedies.weaker(0.01) or remedies.more_units(),
            epoch=course.frames[-1].epoch,
        )
