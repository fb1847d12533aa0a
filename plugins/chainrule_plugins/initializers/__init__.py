"""The built-in initializers."""

from chainrule_plugins.initializers.variance_scaling import register_components

__all__ = ["register_components"]
