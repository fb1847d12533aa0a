from dataclasses import dataclass

import chainrule


@dataclass
class Unharmed(chainrule.Activation):
    """Nothing is wrong with this one."""

    def forward(self, z):
        return z

    def backward(self, da):
        return da


@dataclass
class Relu(Unharmed):
    """The name of a built-in."""


@chainrule.hookimpl
def register_components(registry):
    registry.add(Unharmed)
    registry.add(Relu)
