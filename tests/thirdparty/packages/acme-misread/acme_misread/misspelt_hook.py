import chainrule


@chainrule.hookimpl
def register_component(registry):
    pass
