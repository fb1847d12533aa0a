"""In how many threads a run multiplies matrices."""

import re
import time
from dataclasses import dataclass
from typing import ClassVar

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
class Waiting(cr.Activation):
    """Takes as long as it is told to, for the number of threads of the moment."""

    milliseconds: ClassVar[dict[int, float]] = {}
    tried: ClassVar[list[int]] = []

    def forward(self, z):
        number = int(re.search(r"(\d+) threads", blas())[1])
        self.tried.append(number)
        time.sleep(self.milliseconds[number] / 1000)
        return z

    def backward(self, da):
        return da


@pytest.fixture
def choose(monkeypatch):
    """The choice on a machine of eight cores, whose threads make a step take so many milliseconds."""
    monkeypatch.setattr(threads, "blas_limit", lambda: 8)
    monkeypatch.setattr(threads, "LARGE_SECONDS", 0.02)  # to look how many threads there are takes milliseconds
    monkeypatch.setattr(Waiting, "tried", [])

    def choice(milliseconds, named=None):
        monkeypatch.setattr(Waiting, "milliseconds", milliseconds)
        network = cr.Network([Waiting(), DENSE], (2,), "binary_cross_entropy", task="binary")
        data = Data(Split(np.ones((9, 2)), np.arange(9) % 2), "binary", class_names=("a", "b"))
        return chosen_threads(named, network, data, batch_size=4)

    return choice


@pytest.mark.parametrize(
    ("milliseconds", "chosen", "tried"),
    [
        ({1: 0.1}, 1, {1}),  # too small to be shared out
        ({1: 40, 2: 38}, 1, {1, 2}),  # a second thread gains too little
        ({1: 40, 2: 90}, 1, {1, 2}),  # the other core is busy
        ({1: 60, 2: 20, 4: 19}, 2, {1, 2, 4}),
        ({1: 120, 2: 80, 4: 45, 8: 15}, 8, {1, 2, 4, 8}),
    ],
    ids=str,
)
def test_as_many_as_pay_are_chosen(choose, milliseconds, chosen, tried):
    assert choose(milliseconds) == chosen
    assert set(Waiting.tried) == tried


def test_a_number_that_is_named_is_not_tried(choose):
    assert choose({}, named=2) == 2
    assert Waiting.tried == []


def test_a_layer_that_fails_is_left_to_the_training_which_names_it(choose):
    assert choose({}) == 1  # with a KeyError, in forward


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
