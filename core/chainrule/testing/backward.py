"""What layers and activations owe on the way back: the gradients of what they compute on the way forward."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.contract.arrays import Array, Shape
from chainrule.contract.kinds import Activation, Component, Layer
from chainrule.testing.bench import BATCH, Bench, inputs
from chainrule.testing.kit import check, expect
from chainrule.testing.numeric import ATTEMPTS, AgainstDifferences, not_smooth, numeric_gradient, require_equal
from chainrule.testing.subject import Subject


def _may_learn(cls: type[Component]) -> bool:
    """Whether it may have parameters: a layer, or an activation that is built."""
    return getattr(cls, "build", None) is not Activation.build


@check("layer", "activation")
def check_gradient_of_input(subject: Subject) -> None:
    """In training, backward returns the gradient with respect to the input."""
    for shape in subject.input_shapes:
        _compare_gradients(subject, shape, training=True, of_input=True)


@check("layer", "activation", when=_may_learn)
def check_gradient_of_parameters(subject: Subject) -> None:
    """In training, backward writes the gradient with respect to every parameter."""
    for shape in subject.input_shapes:
        _compare_gradients(subject, shape, training=True, of_input=False)


@check("layer")
def check_gradient_at_inference(subject: Subject) -> None:
    """After a forward pass at inference, backward gives the gradients of that function."""
    for shape in subject.input_shapes:
        for of_input in (True, False):
            _compare_gradients(subject, shape, training=False, of_input=of_input)


def _compare_gradients(subject: Subject, shape: Shape, training: bool, of_input: bool) -> None:
    for attempt in range(ATTEMPTS):
        bench = Bench(subject, shape)
        x = inputs(subject, shape, index=attempt)
        dy = subject.rng(100 + attempt).normal(size=bench.forward(x, training).shape)
        state = bench.state()

        def projection(bench: Bench = bench, x: Array = x, dy: Array = dy, state: Any = state) -> float:
            bench.network.set_random_state(state[1])
            for buffer, value in zip(bench.network.buffers, state[0].buffers):
                buffer.value = value
            return float(np.vdot(dy, bench.forward(x, training)))

        projection()
        bench.network.parameters.grad[...] = 0
        dx = bench.backward(dy).copy()
        if of_input and subject.input_range is not None:
            found = []  # there is no gradient with respect to whole numbers
        elif of_input:
            found = [("dx", dx, x)]
        else:
            gradients = bench.gradients()
            found = [
                (f"{name}.grad", gradients[name], parameter.value)
                for name, parameter in zip(gradients, bench.network.parameters)
            ]
        mode = "" if training else "at inference, "
        if all(
            require_equal(
                AgainstDifferences(f"{mode}{what}", given, numeric_gradient(projection, at), projection, at),
                "derive backward from the formula of forward, by the chain rule; dy is the gradient of the loss, whose "
                "mean over the batch is in it already",
                BATCH,
            )
            for what, given, at in found
        ):
            return
    raise not_smooth()


@check("activation")
def check_gradient_at_kinks(subject: Subject) -> None:
    """At a kink, backward gives a slope between those of either side."""
    bench = Bench(subject, (4,))
    tiny = 1e-6
    for kink in subject.kinks:
        z = inputs(subject, (4,))
        at, da = (1, 2), np.zeros_like(z)
        da[at] = 1
        values = []
        for distance in (-tiny, tiny, 0.0):
            z[at] = kink + distance
            values.append(float(bench.forward(z)[at]))
        slope = float(bench.backward(da)[at])
        before, after, middle = values
        sides = sorted([(middle - before) / tiny, (after - middle) / tiny])
        expect(
            sides[0] - 1e-3 <= slope <= sides[1] + 1e-3,
            f"at the kink z = {kink:g}, backward gives the slope {slope:.6g}; to its sides it is {sides[0]:.6g} and "
            f"{sides[1]:.6g}",
            "choose the slope of one of the sides, or one between them",
        )


@check("layer", "activation", when=_may_learn)
def check_gradients_written(subject: Subject) -> None:
    """Backward writes every parameter's gradient, and does not add to what stood there."""
    left_over = 1000.0
    for shape in subject.input_shapes:
        found = []
        for before in (0.0, left_over):
            bench = Bench(subject, shape)
            y = bench.forward(inputs(subject, shape))
            bench.network.parameters.grad[...] = before
            bench.backward(subject.rng(1).normal(size=y.shape))
            found.append(bench.gradients())
        for name, gradient in found[0].items():
            other = found[1][name]
            forgotten = np.count_nonzero((other == left_over) & (gradient == 0))
            expect(
                not forgotten,
                f"backward leaves {forgotten} of the {gradient.size} numbers of {name}.grad as they were",
                f"write all of it in backward: self.{name}.grad = ...",
            )
            expect(
                np.allclose(gradient, other, rtol=1e-6, atol=1e-9),
                f"backward adds to {name}.grad: it depends on what stood there, {before:g} or 0",
                f"write it in place of adding: self.{name}.grad = ..., not +=",
            )


@check("layer", "activation", rests_on=("gradients_written",))
def check_backward_twice(subject: Subject) -> None:
    """Called twice after one forward pass, backward gives the same gradients twice."""
    for shape in subject.input_shapes:
        bench = Bench(subject, shape)
        dy = subject.rng(1).normal(size=bench.forward(inputs(subject, shape)).shape)
        found = [{"dx": bench.backward(dy).copy(), **bench.gradients()} for _ in range(2)]
        for name, first in found[0].items():
            off = float(np.abs(found[1][name] - first).max(initial=0))
            expect(
                np.allclose(found[1][name], first, rtol=1e-9, atol=1e-12),
                f"the second backward after one forward gives another {name}, off by {off:.3g}",
                "leave what forward kept as it is: compute in another array, self.work('dx', ...)",
            )


@check("layer", when=lambda cls: vars(cls).get("backward_parameters") is not None)
def check_backward_parameters(subject: Subject) -> None:
    """Its backward_parameters writes the same gradients as backward."""
    for shape in subject.input_shapes:
        bench = Bench(subject, shape)
        assert isinstance(bench.layer, Layer)
        y = bench.forward(inputs(subject, shape))
        dy = subject.rng(1).normal(size=y.shape)
        bench.backward(dy)
        expected = bench.gradients()
        bench.network.parameters.grad[...] = 0
        bench.layer.backward_parameters(dy)
        for name, gradient in bench.gradients().items():
            off = float(np.abs(gradient - expected[name]).max(initial=0))
            expect(
                np.allclose(gradient, expected[name], rtol=1e-9, atol=1e-12),
                f"{name}.grad of backward_parameters differs from that of backward by {off:.3g}",
                "let backward call backward_parameters, or leave it out",
            )
