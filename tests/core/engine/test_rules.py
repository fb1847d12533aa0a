"""A rule of single numbers computes over vectors what it says, by each engine."""

from __future__ import annotations

import numpy as np

import chainrule as cr


def test_a_rule_can_be_called_with_numbers():
    adam = cr.make("optimizer", "sgd")
    assert adam.rule(theta=3.0, grad=np.float64(2.0), lr=0.5) == 2.0
