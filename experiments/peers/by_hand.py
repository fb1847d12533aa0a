"""The steps of chainrule written out for one network, and nothing around them: no layers, metrics, callbacks or epochs.

The same products, compiled loops and rule, on the same arrays. What chainrule takes more is the cost of a framework;
what this takes more than the products alone is what there is to do beside them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import chainrule as cr
from chainrule.contract.formulas import formulas
from chainrule.contract.rules import recorded
from chainrule.engine.use import using
from chainrule.network.updates import FLUSH_EVERY, TINY
from chainrule_plugins.layers._sums import feature_sums, product_back
from chainrule_plugins.losses._loops import softmax_error, softmax_loss
from peers import EPOCHS, Peer, Work


class ByHand:
    def __init__(self, work: Work) -> None:
        self.work, self.network = work, work.network()
        self.parameters = self.network.parameters
        self.optimizer = cr.make("optimizer", work.optimizer, lr=work.lr)
        theta = self.parameters.theta
        self.arrays = [theta, self.parameters.grad, *(np.zeros_like(theta) for _ in self.optimizer.slots)]
        self.weights = [parameter for parameter in self.parameters if len(parameter.shape) == 2]
        self.biases = [parameter for parameter in self.parameters if len(parameter.shape) == 1]
        shapes = [self.weights[0].shape[:1], *(parameter.shape for parameter in self.biases)]
        self.outputs, self.gradients = (
            [np.empty((work.batch_size, *shape), np.float32) for shape in shapes] for _ in range(2)
        )
        self.p, self.losses, self.mean = np.empty_like(self.outputs[-1]), np.empty(work.batch_size), np.empty(1)
        self.slopes = [np.empty_like(output) for output in self.outputs]
        self.step, self.rng = 0, np.random.default_rng(0)

    def train(self, epochs: int = EPOCHS) -> None:
        x, y = self.work.x.reshape(len(self.work.x), -1), self.work.y
        with using("numba"), np.errstate(all="ignore"):
            relu = formulas(cr.make("activation", "relu"))
            add_bias, rule = relu.biased.loop(x.dtype), recorded(self.optimizer).rule
            assert add_bias is not None, "it is compiled"
            weights, biases = ([p.value for p in parameters] for parameters in (self.weights, self.biases))
            weight_gradients, bias_gradients = ([p.grad for p in ps] for ps in (self.weights, self.biases))
            last = len(weights) - 1
            outputs, slopes, gradients = self.outputs, self.slopes, self.gradients
            for _ in range(epochs):
                order = self.rng.permutation(len(x))
                for start in range(0, len(x), self.work.batch_size):
                    rows = order[start : start + self.work.batch_size]
                    x.take(rows, 0, outputs[0], "clip")
                    for k, W in enumerate(weights):
                        np.dot(outputs[k], W, outputs[k + 1])
                        if k < last:
                            add_bias(outputs[k + 1], biases[k])
                    outputs[-1] += biases[-1]
                    target = y.take(rows)
                    softmax_loss(outputs[-1], target, self.p, self.losses, self.mean)
                    softmax_error(self.p, target, gradients[-1])
                    for k in reversed(range(len(weights))):
                        np.dot(outputs[k].T, gradients[k + 1], weight_gradients[k])
                        feature_sums(gradients[k + 1], out=bias_gradients[k])
                        if k:
                            product_back(gradients[k + 1], weights[k], slopes[k])
                            relu.backward(outputs[k], slopes[k], gradients[k])
                    self.step += 1
                    # Without this, averages of what is always 0 become subnormal numbers: with Adam twice as slow.
                    tiny = TINY if self.step % FLUSH_EVERY == 0 else 0.0
                    rule.run(self.arrays, (self.step, self.work.lr), tiny=tiny)

    def loss(self) -> float:
        return float(self.network.evaluate(self.work.x, self.work.y)["loss"])


def by_hand(work: Work) -> ByHand | None:
    """None for what it is not written for."""
    dense = work.kinds == {"flatten", "dense"} and work.loss == "categorical_cross_entropy"
    return ByHand(work) if dense else None


PEERS: dict[str, Callable[[Work], Peer | None]] = {"by hand": by_hand}
