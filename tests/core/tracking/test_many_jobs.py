"""A thousand jobs into one MLflow server on PostgreSQL: nothing is lost, and no job costs more than those before it."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from databases import postgresql
from environments import variables
from mlflow.tracking import MlflowClient
from serving import free_port, wait_for

pytestmark = pytest.mark.soak  # a quarter of an hour
JOBS = 1000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Its address, and its process."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "2"]
    command += ["--artifacts-destination", str(tmp_path / "artifacts"), "--backend-store-uri"]
    settings = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (
        postgresql() as database,
        (tmp_path / "server.log").open("w") as log,
        subprocess.Popen([*command, database], env=settings, stdout=log, stderr=log, text=True) as serving,
    ):
        try:
            wait_for(f"http://127.0.0.1:{port}/health", serving)
            yield f"http://127.0.0.1:{port}", psutil.Process(serving.pid)
        finally:
            serving.terminate()


def memory(process: psutil.Process) -> float:
    """Of it and all that it began, in MiB; what several share counts once."""
    taken = 0
    for one in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            taken += one.memory_full_info().pss
    return taken / 2**20


def test_a_thousand_jobs_on_two_processes_lose_nothing(server: tuple[str, psutil.Process], tmp_path: Path) -> None:
    uri, serving = server
    sweep = [sys.executable, "-m", "chainrule", "train", "-m", "experiment=xor", f"seed=range(0,{JOBS})"]
    sweep += ["trainer.epochs=1", "tracking.figures=false", "launcher=parallel", "hydra.launcher.n_jobs=2"]
    at, servers, sweeps = [time.monotonic()], [memory(serving)], [0.0]
    with subprocess.Popen(
        sweep, cwd=tmp_path, env=variables(MLFLOW_TRACKING_URI=uri), stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if re.match(rf"\d+/{JOBS}  ", line):
                at.append(time.monotonic())
                if len(at) % (JOBS // 10) == 1:
                    servers.append(memory(serving))
                    sweeps.append(memory(psutil.Process(running.pid)))
                    took = (at[-1] - at[-1 - JOBS // 10]) / (JOBS // 10)
                    print(
                        f"{len(at) - 1} jobs: {took:.2f} s each, server {servers[-1]:.0f} MiB, sweep {sweeps[-1]:.0f}"
                    )
    assert running.returncode == 0
    print(f"{at[1] - at[0]:.0f} s to the first, {at[-1] - at[0]:.0f} s to the last")
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("xor")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], max_results=2 * JOBS)
    assert sorted(int(run.data.params["seed"]) for run in runs) == list(range(JOBS))
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert all({"test/loss", "validation/loss", "train/loss"} <= run.data.metrics.keys() for run in runs)
    assert all(run.data.tags.get("weights_digest") for run in runs)
    assert len({file.path for run in runs[::100] for file in client.list_artifacts(run.info.run_id)}) >= 3
    early, late = (statistics.median(b - a for a, b in itertools.pairwise(some)) for some in (at[1:201], at[-200:]))
    print(f"a job: {early:.3f} s among the first 200, {late:.3f} s among the last 200 (medians)")
    assert not list(tmp_path.glob("multirun/**/unsent-*")), "all arrived"
    start = time.monotonic()
    compare = [sys.executable, "-m", "chainrule", "compare"]
    done = subprocess.run(compare, cwd=tmp_path, env=variables(MLFLOW_TRACKING_URI=uri), capture_output=True, text=True)
    assert f"of {JOBS} runs" in done.stdout, done.stderr
    print(f"compared in {time.monotonic() - start:.1f} s")
