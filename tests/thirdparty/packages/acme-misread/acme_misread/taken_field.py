from dataclasses import dataclass

import chainrule


@dataclass
class Labelled(chainrule.Schedule):
    """Has a field that configs need for themselves."""

    name: str = "mine"

    def __call__(self, step, total):
        return 1.0


@chainrule.hookimpl
def register_components(registry):
    registry.add(Labelled)
