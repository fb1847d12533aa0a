import chainrule


class Snake(chainrule.Activation):
    """Forgets @dataclass."""

    beta: float = 1.0

    def forward(self, z):
        return z

    def backward(self, da):
        return da


@chainrule.hookimpl
def register_components(registry):
    registry.add(Snake)
