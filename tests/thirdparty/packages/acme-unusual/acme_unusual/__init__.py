"""Components that are not of the usual kind, in nothing but chainrule's public names: each fits on a screen."""

import chainrule
from acme_unusual import callbacks, data, layers, losses, metrics, optimizers, sequences


@chainrule.hookimpl
def register_components(registry):
    for module in (layers, sequences, losses, optimizers, metrics, callbacks, data):
        for cls in module.COMPONENTS:
            registry.add(cls)


@chainrule.hookimpl
def config_search_path():
    return "pkg://acme_unusual/conf"
