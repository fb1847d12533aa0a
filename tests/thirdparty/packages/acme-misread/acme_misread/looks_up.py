import chainrule


@chainrule.hookimpl
def register_components(registry):
    chainrule.make("optimizer", "sgd")
