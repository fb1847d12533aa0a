import chainrule


@chainrule.hookimpl
def register_components(components):
    pass
