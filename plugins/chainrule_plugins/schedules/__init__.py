"""The built-in schedules."""

from chainrule_plugins.schedules.decay import register_components

__all__ = ["register_components"]
