from dataclasses import dataclass

import chainrule


@dataclass
class Halfway(chainrule.Schedule):
    """Is not taken in, since its plugin fails after it."""

    def __call__(self, step, total):
        return 0.5


@chainrule.hookimpl
def register_components(registry):
    registry.add(Halfway)


@chainrule.hookimpl
def config_search_path():
    raise FileNotFoundError("the folder conf is not packaged")
