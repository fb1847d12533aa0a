"""What layers and activations owe about state: where it lives, when it changes, and that it can be had again."""

from __future__ import annotations

import tempfile
import weakref
from pathlib import Path

import numpy as np

from chainrule.contract.kinds import Layer, Loss
from chainrule.contract.parameters import Parameters
from chainrule.network.blueprint import Blueprint, LayerScope
from chainrule.network.loading import load_network
from chainrule.network.network import Network
from chainrule.network.stack import Stack
from chainrule.process.garbage import searched_later
from chainrule.registry.making import spec_of
from chainrule.registry.registry import registry
from chainrule.testing.arrays import close, distance, global_randomness
from chainrule.testing.bench import Bench, inputs
from chainrule.testing.kit import check, expect
from chainrule.testing.subject import Subject, changed_fields


@check("layer")
def check_inference_changes_nothing(subject: Subject) -> None:
    """At inference it changes no parameter and no buffer, draws no random number, and gives the same each time."""
    for shape in subject.input_shapes:
        bench = Bench(subject, shape)
        x = inputs(subject, shape)
        bench.forward(x, training=True)
        snapshot, randomness = bench.state()
        first = bench.forward(x, training=False).copy()
        second = bench.forward(x, training=False).copy()
        after, after_randomness = bench.state()
        changed = [p.name for p in bench.network.parameters if not np.array_equal(after.theta, snapshot.theta)]
        changed += [
            buffer.name
            for buffer, old, new in zip(bench.network.buffers, snapshot.buffers, after.buffers)
            if not np.array_equal(old, new)
        ]
        mend = "change state, and draw random numbers, only where training is true"
        expect(not changed, f"forward at inference changes {', '.join(changed)}", mend)
        expect(after_randomness == randomness, "forward at inference draws random numbers", mend)
        expect(
            np.array_equal(first, second),
            f"forward at inference, called twice, differs by {distance(first, second):.3g}",
            mend,
        )


@check("layer", "activation")
def check_deterministic(subject: Subject) -> None:
    """Built with the same seed, it starts, draws and computes the same."""
    for shape in subject.input_shapes:
        found = []
        for seed in (1, 2):
            with global_randomness(seed):
                bench = Bench(subject, shape)
                ys = [bench.forward(inputs(subject, shape, index=i)).copy() for i in (0, 1)]
                dx = bench.backward(subject.rng(1).normal(size=ys[1].shape)).copy()
                found.append({"the initial parameters": bench.initial, "forward": np.stack(ys), "backward": dx})
        for what, first in found[0].items():
            off = distance(first, found[1][what])
            expect(
                off == 0,
                f"two instances built with the same seed differ in {what}, by {off:.3g}",
                "draw random numbers from self.rng (an initializer: from its rng), not from np.random or random",
            )


@check("layer")
def check_randomness_continues(subject: Subject) -> None:
    """A new instance, given what a checkpoint keeps of the old one, draws what that would have drawn."""
    for shape in subject.input_shapes:
        old, new = Bench(subject, shape), Bench(subject, shape)
        old.forward(inputs(subject, shape))
        new.restore(old.state())
        x = inputs(subject, shape, index=1)
        off = distance(old.forward(x).copy(), new.forward(x))
        expect(
            off == 0,
            f"taken up after one forward pass by a new instance, the second one differs by {off:.3g}",
            "draw random numbers from self.rng alone, and declare what training gathers with self.buffer: nothing else "
            "is in a checkpoint",
        )


@check(
    "layer",
    rests_on=(
        "deterministic",
        "randomness_continues",
    ),
)
def check_draws_anew(subject: Subject) -> None:
    """What it draws is other with another seed, and other at the next step."""
    for shape in subject.input_shapes:
        first, other = Bench(subject, shape), Bench(subject, shape, seed=4)
        other.network.parameters.theta[...] = first.network.parameters.theta
        x = inputs(subject, shape)
        ys = [bench.forward(x).copy() for bench in (first, other, first)]
        if not first.network.random_state():
            continue
        for y, when in ((ys[1], "with another seed"), (ys[2], "at the next step")):
            expect(
                bool((y != ys[0]).any()),
                f"it draws random numbers in training, and {when} its output for the same x is the same",
                "draw each time from self.rng, which is this layer's own stream: it goes on from call to call",
            )


@check("layer", "activation")
def check_instances_apart(subject: Subject) -> None:
    """Two instances share no state: each goes back from its own forward pass."""
    for shape in subject.input_shapes:
        found = []
        for interrupted in (False, True):
            bench, other = Bench(subject, shape), Bench(subject, shape)
            y = bench.forward(inputs(subject, shape))
            if interrupted:
                other.forward(inputs(subject, shape, index=1))
            y = y.copy()
            dx = bench.backward(subject.rng(1).normal(size=y.shape)).copy()
            found.append({"forward": y, "backward": dx, **bench.gradients()})
        for what, expected in found[0].items():
            off = distance(expected, found[1][what])
            expect(
                off == 0,
                f"another instance's forward changes what {what} of this one gives, by {off:.3g}",
                "keep what backward needs on self, in attributes that forward sets; not on the class or in the module",
            )


@check("layer")
def check_fields_kept_by_build(subject: Subject) -> None:
    """Building and running it leaves its fields as they were given."""
    for shape in subject.input_shapes:
        bench = Bench(subject, shape)
        bench.backward(np.ones_like(bench.forward(inputs(subject, shape))))
        changed = changed_fields(spec_of(subject.make()), bench.component)
        expect(
            not changed,
            f"building and running it changes {changed}",
            "keep what build makes of a field under another name: configs are written from the fields",
        )


@check("layer")
def check_built_again(subject: Subject) -> None:
    """Building it a second time starts anew: as many parameters, and the same function of them."""
    for shape in subject.input_shapes:
        bench = Bench(subject, shape)
        layer, network = bench.layer, bench.network
        assert isinstance(layer, Layer)
        x = inputs(subject, shape)
        y = bench.forward(x, training=False).copy()

        blueprint = Blueprint(network.seed, network.dtype)
        layer.__dict__["_lent_scope"] = LayerScope(network.names[0], blueprint, Stack)
        output_shape = layer.build(shape)
        parameters = Parameters.allocate(blueprint.parameters, network.dtype)
        mend = "make lists and whatever else build fills in build itself, not in __post_init__"
        sizes = len(parameters.theta), len(network.parameters.theta)
        expect(
            sizes[0] == sizes[1],
            f"the second build declares parameters of {sizes[0]} numbers, the first one of {sizes[1]}",
            mend,
        )
        expect(
            tuple(output_shape) == bench.output_shape,
            f"the second build promises shape {output_shape}, the first one {bench.output_shape}",
            mend,
        )
        parameters.theta[...] = network.parameters.theta
        again = layer.forward(x, False)
        expect(
            close(again, y),
            f"after a second build, with the same parameters, forward differs by {distance(again, y):.3g}",
            mend,
        )


@check("layer", "activation")
def check_let_go(subject: Subject) -> None:
    """It goes, with all that it keeps, when its network does: nothing that it refers to leads back to it."""
    for shape in subject.input_shapes:
        with searched_later():
            bench = Bench(subject, shape)
            bench.backward(np.ones_like(bench.forward(inputs(subject, shape))))
            layer = weakref.ref(bench.layer)
            del bench
            expect(
                layer() is None,
                "it stays when its network is gone, with the arrays that it keeps, until Python searches for garbage",
                "keep nothing on self that leads back to self: no bound method, no lambda that uses self, no child "
                "that knows its parent",
            )


@check("layer", "activation")
def check_saved_and_loaded(subject: Subject) -> None:
    """A network with it predicts the same after it was saved and loaded."""
    for shape in subject.input_shapes:
        loss = next(e.name for e in registry() if issubclass(e.cls, Loss) and "regression" in e.cls.default_for)
        bench = Bench(subject, shape, loss=loss)
        for index in (1, 2):
            bench.forward(inputs(subject, shape, index=index))
        x = inputs(subject, shape)
        expected = bench.network.predict(x.copy())
        registered = subject.entry and bench.layer is bench.component
        again = _saved_and_loaded(bench.network) if registered else bench.network.copy()
        found = again.predict(x.copy())
        expect(
            np.array_equal(found, expected),
            f"after saving and loading, the prediction differs by {distance(found, expected):.3g}",
            "declare what training learns or gathers with self.parameter or self.buffer: nothing else is saved",
        )


def _saved_and_loaded(network: Network) -> Network:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.safetensors"
        network.save(path)
        return load_network(path)
