"""The built-in datasets: generated, bundled, downloaded, and tables and arrays of the user's own."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.datasets.csv import Csv
from chainrule_plugins.datasets.digits import Digits
from chainrule_plugins.datasets.generated import Circles, Moons, Spirals, Xor
from chainrule_plugins.datasets.mnist import FashionMnist, Mnist
from chainrule_plugins.datasets.npz import Npz

__all__ = ["Circles", "Csv", "Digits", "FashionMnist", "Mnist", "Moons", "Npz", "Spirals", "Xor"]


@hookimpl
def register_components(registry: Any) -> None:
    for dataset in (Xor, Spirals, Moons, Circles, Digits, Mnist, FashionMnist, Csv, Npz):
        registry.add(dataset)
