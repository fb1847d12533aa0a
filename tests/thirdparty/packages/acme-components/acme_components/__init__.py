"""A third party's components: nothing but chainrule's public names."""

from dataclasses import dataclass

import chainrule


@dataclass
class Scale(chainrule.Layer):
    """One learned factor for each feature."""

    initial: float = 1.0

    def build(self, input_shape):
        self.s = self.parameter("s", input_shape, chainrule.make("initializer", "constant", value=self.initial))
        return input_shape

    def forward(self, x, training):
        self.x = x
        return self.s.value * x

    def backward(self, dy):
        self.s.grad[...] = (dy * self.x).sum(axis=0)
        return self.s.value * dy


@dataclass
class Momentum(chainrule.Optimizer):
    """A running sum of gradients moves the weights."""

    lr: float = 0.01
    beta: float = 0.9
    slots = ("v",)

    def update(self, theta, grad, slots, step, lr):  # lr is the scheduled rate; step counts from 1
        v = slots["v"]
        v *= self.beta
        v += grad
        theta -= lr * v


@chainrule.hookimpl
def register_components(registry):
    registry.add(Scale)
    registry.add(Momentum, name="heavy_ball")


@chainrule.hookimpl
def config_search_path():
    return "pkg://acme_components/conf"
