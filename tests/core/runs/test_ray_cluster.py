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


def test_jobs_of_nodes_that_die_run_again_elsewhere_as_the_same_runs(cluster: Any, store: str, tmp_path: Path) -> None:
    nodes = [cluster.add_node(num_cpus=1, **SMALL) for _ in range(NODES)]
    cluster.wait_for_nodes()
    sweep = [
        sys.executable,
        "-m",
        "chainrule",
        "train",
        "-m",
        "launcher=ray",
        "experiment=xor",
        "tracking.figures=false",
    ]
    sweep += [f"seed=range(0,{JOBS})", "trainer.epochs=600", f"hydra.launcher.ray.init.address={cluster.address}"]
    settings = variables(MLFLOW_TRACKING_URI=store)
    said, ended, victims = "", 0, itertools.cycle(range(NODES))
    with subprocess.Popen(
        sweep, cwd=tmp_path, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            said += line
            if re.match(rf"\d+/{JOBS}  ", line):
                ended += 1
                if ended in DEATHS:
                    victim = next(victims)
                    cluster.remove_node(nodes[victim], allow_graceful=False)
                    nodes[victim] = cluster.add_node(num_cpus=1, **SMALL)
    assert running.returncode == 0, said
    assert ended == JOBS
    assert "Task _run_job failed" in said, "no job was cut: nothing was tried"
    client = MlflowClient(store)
    runs = client.search_runs([client.get_experiment_by_name("xor").experiment_id], max_results=1000)
    assert Counter(run.info.status for run in runs) == {"FINISHED": JOBS}
    assert sorted(int(run.data.params["seed"]) for run in runs) == list(range(JOBS))
    assert list(Path.cwd().iterdir()) == [], "everything is where the sweep was begun"
    (tmp_path / "said").write_text(said)
