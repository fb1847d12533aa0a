"""In how many threads a run multiplies matrices."""

import re
import time
from dataclasses import dataclass

import numpy as np
import pytest

import chainrule as cr
from chainrule.contract.data import Data, Split
from chainrule.process.threads import blas, cores
from chainrule.runs import threads
from chainrule.runs.threads import candidates, chosen_threads

QUICK = ["experiment=digits", "trainer.epochs=1", "tracking.figures=false", "callbacks=[]"]
DENSE = {"name": "dense", "units": 1, "activation": "sigmoid"}


@dataclass
class Broken(cr.Activation):
    """Fails in its forward pass."""

    def forward(self, z):
        raise KeyError("broken")

    def backward(self, da):
        return da


def choose(network, named=None):
    data = Data(Split(np.ones((9, 2)), np.arange(9) % 2), "binary", class_names=("a", "b"))
    return chosen_threads(named, network, data, batch_size=4)


def network(*layers):
    return cr.Network([*layers, DENSE], (2,), "binary_cross_entropy", task="binary")


@pytest.mark.parametrize(
    ("milliseconds", "chosen", "tried"),
    [
        ({1: 1.9}, 1, [1]),  # too small to be shared out
        ({1: 4, 2: 3.5}, 1, [1, 2]),  # a second thread gains too little
        ({1: 4, 2: 9}, 1, [1, 2]),  # the other core is busy
        ({1: 6, 2: 4, 4: 3.9}, 2, [1, 2, 4]),
        ({1: 12, 2: 8, 4: 5, 8: 3}, 8, [1, 2, 4, 8]),
    ],
    ids=str,
)
def test_as_many_as_pay_are_chosen(monkeypatch, milliseconds, chosen, tried):
    """On a machine of eight cores, where a step takes so many milliseconds."""
    monkeypatch.setattr(threads, "blas_limit", lambda: 8)
    asked = []
    monkeypatch.setattr(
        threads, "_seconds", lambda step, number, of: asked.append(number) or milliseconds[number] / 1000
    )
    assert choose(network()) == chosen
    assert asked == tried


def test_a_step_is_timed_in_as_many_threads():
    """The least time of at least two."""
    seen = []

    def step():
        seen.append(blas())
        time.sleep(0.06 if len(seen) == 2 else 0.03)

    assert threads._seconds(step, 1, network()) >= 0.03
    assert {re.search(r"\d+ threads", text)[0] for text in seen} == {"1 threads"}
    assert len(seen) >= 3  # the first of them is not counted


def test_a_number_that_is_named_is_not_tried():
    assert choose(network(Broken()), named=2) == 2


def test_a_layer_that_fails_is_left_to_the_training_which_names_it():
    assert choose(network(Broken())) == 1


def test_trying_leaves_no_trace_in_the_network():
    layers = [{"name": "dense", "units": 400}, {"name": "batch_norm"}, {"name": "dropout"}, DENSE]
    network = cr.Network(layers, (300,), "binary_cross_entropy", task="binary")
    data = Data(Split(np.ones((900, 300)), np.arange(900) % 2), "binary", class_names=("a", "b"))
    before, stream = network.snapshot(), network.random_state()
    chosen_threads(None, network, data, batch_size=900)
    after = network.snapshot()
    assert (before.theta == after.theta).all()
    assert all((then == now).all() for then, now in zip(before.buffers, after.buffers))
    assert network.random_state() == stream


@pytest.mark.parametrize(("limit", "expected"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])])
def test_each_doubling_is_tried_and_the_limit(monkeypatch, limit, expected):
    monkeypatch.setattr(threads, "blas_limit", lambda: limit)
    assert candidates(None) == expected
    assert candidates(5) == [5]


def test_small_products_are_not_shared_out_and_what_is_taken_is_recorded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from mlflow.tracking import MlflowClient

    run = cr.train(QUICK)
    assert MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").get_run(run.run_id).data.tags["blas"].endswith(", 1 threads")


def test_a_run_with_any_number_that_might_be_chosen_is_reused(tmp_path, monkeypatch):
    """What was chosen hangs on how busy the machine was, and a run is not to be made twice for that."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(threads, "blas_limit", lambda: 2)
    earlier = cr.train([*QUICK, "trainer.threads=2"])
    assert cr.train([*QUICK, "tracking.reuse=true"]).run_id == earlier.run_id
    assert cr.train([*QUICK, "trainer.threads=1", "tracking.reuse=true"]).run_id != earlier.run_id


@pytest.mark.parametrize(
    "call", [lambda: cr.train([*QUICK, "trainer.threads=99"]), lambda: cr.reproduce("x", threads=99)]
)
def test_more_threads_than_cores_are_refused(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(cr.ConfigError, match=rf"threads: got 99, expected at most {cores()}: so many cores are there"):
        call()
    assert not list(tmp_path.glob("outputs"))
