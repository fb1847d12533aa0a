"""A sweep on a Ray cluster of several nodes, of which some die: no job is lost, none is recorded twice."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from environments import variables
from mlflow.tracking import MlflowClient
from serving import free_port, served

from chainrule.tracking.store import prepare_store

pytestmark = pytest.mark.soak  # needs the extra [ray], and takes minutes
NODES = 3
JOBS = 48
DEATHS = (6, 18, 30)
"""A node is killed when so many jobs have ended; another one takes its place."""
SMALL = {"object_store_memory": 80 * 2**20}


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Its nodes were begun in another folder than the sweep will be. The head computes nothing, and stays."""
    utility = pytest.importorskip("ray.cluster_utils", reason="needs the extra [ray]")
    monkeypatch.chdir(tmp_path_factory.mktemp("nodes"))
    made = utility.Cluster(True, head_node_args={"num_cpus": 0, "include_dashboard": False, **SMALL})
    yield made
    made.shutdown()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[str]:
    prepare_store(f"sqlite:///{tmp_path}/mlflow.db", "xor")
    command = [sys.executable, "-m", "chainrule", "ui", "--port", str(free_port())]
    with served(command, tmp_path, variables()) as address:
        yield address.partition("#")[0].rstrip("/")


def swept(cluster: Any, store: str, folder: Path, jobs: int, deaths: tuple[int, ...], *more: str) -> tuple[int, str]:
    """Status and words of a sweep on nodes of which some are killed in the middle."""
    nodes = [cluster.add_node(num_cpus=1, **SMALL) for _ in range(NODES)]
    cluster.wait_for_nodes()
    sweep = [sys.executable, "-m", "chainrule", "train", "-m", "experiment=xor", f"seed=range(0,{jobs})"]
    sweep += ["trainer.epochs=600", "tracking.figures=false"]
    sweep += ["launcher=ray", f"hydra.launcher.ray.init.address={cluster.address}", *more]
    said, ended, victims = "", 0, itertools.cycle(range(NODES))
    with subprocess.Popen(
        sweep,
        cwd=folder,
        env=variables(MLFLOW_TRACKING_URI=store),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            said += line
            if re.match(rf"\d+/{jobs}  ", line):
                ended += 1
                if ended in deaths:
                    victim = next(victims)
                    cluster.remove_node(nodes[victim], allow_graceful=False)
                    nodes[victim] = cluster.add_node(num_cpus=1, **SMALL)
    print(said)
    return running.returncode, said


def recorded(store: str) -> list[Any]:
    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("xor")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id], max_results=1000))


def test_jobs_of_nodes_that_die_run_again_elsewhere_as_the_same_runs(cluster: Any, store: str, tmp_path: Path) -> None:
    status, said = swept(cluster, store, tmp_path, JOBS, DEATHS)
    assert status == 0
    assert f"jobs     {JOBS}\n" in said
    assert "Task _run_job failed" in said, "no job was cut: nothing was tried"
    runs = recorded(store)
    assert Counter(run.info.status for run in runs) == {"FINISHED": JOBS}
    assert sorted(int(run.data.params["seed"]) for run in runs) == list(range(JOBS))
    assert list(Path.cwd().iterdir()) == [], "everything is where the sweep was begun"


def test_a_sweep_that_is_given_up_goes_on_with_the_same_command(cluster: Any, store: str, tmp_path: Path) -> None:
    """As one is of which a job is lost more often than Ray begins it again."""
    never = "hydra.launcher.ray.remote.max_retries=0"
    status, said = swept(cluster, store, tmp_path, 24, tuple(range(4, 24, 2)), never)
    assert status == 1
    assert "the sweep was cut short; with tracking.reuse=true it goes on where it was" in said
    assert "Traceback" not in said.partition("the sweep was cut short")[2]
    status, said = swept(cluster, store, tmp_path, 24, (), "tracking.reuse=true")
    assert status == 0
    runs = recorded(store)
    finished = [run for run in runs if run.info.status == "FINISHED"]
    assert sorted(int(run.data.params["seed"]) for run in finished) == list(range(24))
    assert {run.info.status for run in runs} <= {"FINISHED", "KILLED"}, "none stays running"
