"""What callbacks owe: a training with them runs, can be taken up again, and can be run a second time."""

from __future__ import annotations

import contextlib

import numpy as np

from chainrule.contract.kinds import Callback
from chainrule.errors import ChainruleError
from chainrule.registry.making import spec_of
from chainrule.testing.arrays import distance, global_randomness
from chainrule.testing.kit import CheckFailed, check, expect
from chainrule.testing.subject import Subject, changed_fields
from chainrule.testing.training import Failing, Saving, fit, trainer
from chainrule.training.trainer import Trainer


@check("callback", first=True)
def check_listens(subject: Subject) -> None:
    """It listens to at least one event."""
    events = [name for name in dir(Callback) if name.startswith("on_")]
    expect(
        any(getattr(subject.cls, name) is not getattr(Callback, name) for name in events),
        "it writes none of the events",
        f"write one or more of {', '.join(events)}",
    )


@check("callback", first=True)
def check_declares_logs(subject: Subject) -> None:
    """What it logs is declared as a list of names."""
    logs = subject.make().logs
    expect(
        isinstance(logs, (list, tuple)) and all(isinstance(name, str) and name for name in logs),
        f"logs is {logs!r}",
        'write a tuple of names, or of patterns of them: logs = ("gradient/norm", "share/*")',
    )


@check("callback", first=True)
def check_trains(subject: Subject) -> None:
    """A training with it runs, and leaves the network's numbers finite."""
    try:
        theta = fit(trainer(subject.make()), [subject.make()])
    except ChainruleError as error:
        raise CheckFailed(
            f"a training with it ends in an error: {error}",
            "listen, and call trainer.stop(reason) where a training should end; declare examples that suit a small "
            "training with the metrics loss and validation/loss in check_examples",
        ) from None
    expect(
        bool(np.isfinite(theta).all()), "after a training with it, parameters are not finite", "look at what it sets"
    )


@check("callback")
def check_deterministic(subject: Subject) -> None:
    """Two trainings, each with a new instance, end the same."""
    found = []
    for seed in (1, 2):
        with global_randomness(seed):
            found.append(fit(trainer(subject.make()), [subject.make()]))
    off = distance(*found)
    expect(
        off == 0,
        f"two trainings, each with a new instance, end with parameters that differ by {off:.3g}",
        "keep state on self, not on the class, and let randomness come from a field seed",
    )


@check("callback")
def check_starts_anew(subject: Subject) -> None:
    """In a second training an instance does what a new one does."""
    used = subject.make()
    fit(trainer(used), [used])
    off = distance(fit(trainer(used), [used]), fit(trainer(subject.make()), [subject.make()]))
    expect(
        off == 0,
        f"in its second training, of another network, parameters end up {off:.3g} from those with a new instance",
        "set its state back in on_train_start where trainer.epoch is 0: a new training begins",
    )


@check("callback")
def check_continues_from_state(subject: Subject) -> None:
    """A new instance that takes over its state goes on exactly as it would have."""
    found = []
    for replaced in (False, True):
        callback, running = subject.make(), trainer(subject.make())
        fit(running, [callback])
        if replaced:
            state = callback.state()
            callback = subject.make()
            callback.load_state(state)
        found.append(fit(running, [callback]))
    off = distance(*found)
    expect(
        off == 0,
        f"replaced after 3 epochs by a new instance with its state, parameters are off by {off:.3g} after 3 more",
        "return all that it gathers from state(), and take it over in load_state(state)",
    )


@check("callback")
def check_resumes(subject: Subject) -> None:
    """A training that is saved between any two updates, and taken up with a new instance, ends as it would have."""
    saving = Saving()
    expected = fit(trainer(subject.make()), [subject.make(), saving])
    for step, state in enumerate(saving.states, start=1):
        again = trainer(subject.make())
        again.load_state(state)
        off = distance(fit(again, [subject.make()]), expected)
        expect(
            off == 0,
            f"saved after update {step} and taken up with a new instance, parameters are off by {off:.3g} at the end",
            "keep what it gathers on self, or return all of it from state() and take it over in load_state(state), "
            "after on_train_start; on_epoch_start is not called again for an epoch that has begun",
        )


@check("callback")
def check_hears_failure(subject: Subject) -> None:
    """Where a training fails, on_exception raises nothing of its own."""
    callback, errors = subject.make(), []
    written = callback.on_exception

    def listened(trainer: Trainer, error: BaseException) -> None:
        try:
            written(trainer, error)
        except Exception as own:
            errors.append(own)

    callback.on_exception = listened
    with contextlib.suppress(InterruptedError):
        fit(trainer(callback), [callback, Failing()])
    expect(
        not errors,
        f"when a training failed in its second step, on_exception raised {errors[:1]!r}",
        "use in on_exception only what is there after on_train_start",
    )


@check("callback")
def check_fields_kept_by_use(subject: Subject) -> None:
    """A training leaves its fields as they were given."""
    callback = subject.make()
    before = spec_of(callback)
    fit(trainer(callback), [callback])
    changed = changed_fields(before, callback)
    expect(
        not changed,
        f"a training changes {changed}",
        "keep what changes under another name: configs are written from the fields",
    )
