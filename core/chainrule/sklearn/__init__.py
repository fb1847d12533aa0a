"""Networks as scikit-learn's estimators, for pipelines, searches and whatever else takes such.

Public: ``NetworkClassifier`` and ``NetworkRegressor``.

What may not live here: a way of training that ``Trainer`` has not; what scikit-learn does itself, as scaling inputs.
"""

from chainrule.sklearn.classifier import NetworkClassifier
from chainrule.sklearn.regressor import NetworkRegressor

__all__ = ["NetworkClassifier", "NetworkRegressor"]
