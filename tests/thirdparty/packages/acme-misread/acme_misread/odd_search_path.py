import chainrule


@chainrule.hookimpl
def config_search_path():
    return "conf"
