import os
from dataclasses import dataclass

import chainrule

if "ACME_TALKS" in os.environ:
    print("a plugin that talks while it is imported")


@dataclass
class Cubed(chainrule.Activation):
    """$a = z^3$: beside broken plugins of the same distribution, this one works."""

    def forward(self, z):
        self.z = z
        return z**3

    def backward(self, da):
        return da * 3 * self.z**2


@chainrule.hookimpl
def register_components(registry):
    registry.add(Cubed)
