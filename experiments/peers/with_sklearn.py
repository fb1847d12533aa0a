"""scikit-learn's ``MLPClassifier``, an epoch for each call of ``partial_fit``."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

from peers import EPOCHS, Peer, Work


class Sklearn:
    def __init__(self, work: Work) -> None:
        *hidden, _ = [layer for layer in work.layers if layer["name"] == "dense"]
        self.x, self.y = work.x.reshape(len(work.x), -1), work.y
        self.classes = np.arange(work.network().output_shape[0] if work.loss == "categorical_cross_entropy" else 2)
        self.classifier = MLPClassifier(
            [layer["units"] for layer in hidden],
            activation=hidden[0]["activation"],
            solver=work.optimizer,
            alpha=0.0,
            batch_size=work.batch_size,
            learning_rate_init=work.lr,
            momentum=0.0,
            random_state=0,
        )

    def train(self, epochs: int = EPOCHS) -> None:
        for _ in range(epochs):
            self.classifier.partial_fit(self.x, self.y, classes=self.classes)

    def loss(self) -> float:
        return float(log_loss(self.y, self.classifier.predict_proba(self.x), labels=self.classes))


def sklearn_or_none(work: Work) -> Peer | None:
    return None if "conv2d" in work.kinds else Sklearn(work)


PEERS = {"scikit-learn": sklearn_or_none}
