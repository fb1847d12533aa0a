from __future__ import annotations

from dataclasses import dataclass

from chainrule_plugins.optimizers.adam import Adam


@dataclass
class AdamW(Adam):
    r"""Adam whose weights also shrink a little at each step, by a share that no gradient has a part in.

    It is adam, whose weight_decay is decoupled too, with a default that is not zero. An L2 penalty is something else:
    its gradient would pass through m and v, and weights with large gradients would hardly shrink.

    Update:
        $\theta = (1 - lr \cdot weight\_decay) \, \theta$ for weights, not for biases
        then as adam: $\theta = \theta - lr \, \hat m / (\sqrt{\hat v} + eps)$

    In the paper a schedule multiplies the decay, and the learning rate does not; here, as is usual, both do.

    Args:
        lr: the learning rate, above 0 and finite; default 0.001.
        beta1: the share of the past in the mean of gradients, at least 0 and less than 1; default 0.9.
        beta2: the share of the past in the mean of their squares, at least 0 and less than 1; default 0.999.
        eps: keeps the divisor from zero, above 0 and finite; default 1e-8.
        weight_decay: the strength of decoupled decay of weights, at least 0 and finite; default 0.01.

    Raises:
        FieldError: a value is out of range.

    Reference:
        Loshchilov, Hutter (2019), "Decoupled Weight Decay Regularization", ICLR, algorithm 2.

    Example:
        >>> import chainrule as cr
        >>> cr.make("optimizer", "adamw")
        AdamW(lr=0.001, beta1=0.9, beta2=0.999, eps=1e-08, weight_decay=0.01)
    """

    weight_decay: float = 0.01
