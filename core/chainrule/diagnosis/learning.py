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


def overfitting(course: Course, remedies: Remedies) -> Iterator[Finding]:
    """Better and better on what it has seen, worse on what it has not."""
    seen, unseen = course.train, course.validation
    if course.film.split == "train" or not unseen or not all(map(math.isfinite, [unseen[-1], course.level])):
        return
    best = int(np.nanargmin(unseen))
    risen = unseen[-1] / unseen[best] - 1 if unseen[best] > 0 else 0.0
    gap = (unseen[-1] - seen[-1]) / course.trivial
    height = unseen[-1] / course.trivial
    rises = (risen > RISEN and height > GAP / 2) or (risen > FAR and height > 0.02)
    share = seen[-1] / unseen[-1] if unseen[-1] > 0 else 1.0
    if (rises and share < 0.7) or (gap > GAP and share < BY_HEART):
        lowest = f"it was least, {number(unseen[best])}, in epoch {best + 1}" if rises else "and stays there"
        yield Finding(
            "overfitting",
            "The network learns its examples by heart: it knows those that it has seen far better than others.",
            f"The training loss is {number(seen[-1])}, the validation loss {number(unseen[-1])}; {lowest}.",
            f"a validation loss {RISEN:.0%} above its best, or four times that of training and {GAP:.0%} of a constant "
            "answer's loss above it",
            f"Prechelt (1998), Early Stopping - But When?, on generalization loss; the second was {HERE}",
            ("Give it more examples, hold it back, or stop in time.",),
            remedies.stopped_in_time() if rises else remedies.held_back() or remedies.stopped_in_time(),
            epoch=best + 1 if rises else course.frames[-1].epoch,
        )


def nothing_in_common(course: Course, remedies: Remedies) -> Iterator[Finding]:
    """Targets that the inputs say nothing of."""
    unseen = [loss for loss in course.validation if math.isfinite(loss)]
    if course.film.split == "train" or not unseen or min(unseen) < NOTHING * course.trivial:
        return
    yield Finding(
        "targets_unrelated",
        "The inputs seem to say nothing of the targets: what is learned of the training examples does not hold for any "
        "others. Labels may be shuffled, or stand at the wrong rows.",
        f"The validation loss was at best {number(min(unseen))}; always giving the mean of the targets costs "
        f"{number(course.trivial)}. The training loss came to {number(course.level)}.",
        f"a validation loss that never fell below {NOTHING:.0%} of a constant answer's",
        f"Zhang, Bengio, Hardt, Recht, Vinyals (2017), on random labels; the number was {HERE}",
        ("Look at some rows with their labels: is each what it says? Else more units may see what these do not.",),
        remedies.more_units(),
        epoch=course.frames[-1].epoch,
        hides=("overfitting", "underfitting"),
    )


def underfitting(course: Course, remedies: Remedies) -> Iterator[Finding]:
    """A loss that stays where it is, and high."""
    losses = course.train
    if len(losses) < 5 or course.level < 0.3 * course.trivial:
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
            "a training loss above 30 % of a constant answer's, which the last fifth of the epochs made better by less "
            "than 1 % of it",
            f"Goodfellow, Bengio, Courville (2016), section 5.2, on the phenomenon; the numbers were {HERE}",
            ("Give it more units or layers.",),
            remedies.more_units(),
            epoch=course.frames[-1].epoch,
        )
