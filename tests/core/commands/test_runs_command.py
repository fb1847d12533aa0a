"""``chainrule runs``: what is listed, and that nothing is deleted that was not shown and said yes to."""

from __future__ import annotations

from mlflow.tracking import MlflowClient

GIVEN = ("experiment=xor", "tracking.figures=false", "trainer.threads=1")


def test_runs_are_listed_renamed_and_deleted(program, tmp_path):
    nothing = program("runs")
    assert nothing.status == 2
    program("train", *GIVEN, "trainer.epochs=7", "tracking.run_name=good")
    failed = program("train", *GIVEN, "optimizer.lr=1e38", "tracking.run_name=bad")
    assert failed.status == 1
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    bad, good = client.search_runs(["1"], order_by=["attributes.start_time DESC"])
    client.update_run(good.info.run_id, "KILLED")

    listed = program("runs").out
    rows = [line.split("│")[1:-1] for line in listed.splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row[:4]] for row in rows] == [
        [bad.info.run_id, "bad", "xor", "FAILED"],
        [good.info.run_id, "good", "xor", "CUT"],
    ]
    assert rows[1][5].strip() == "7/7"
    assert rows[1][4].split()[0] in ("validation/loss", "train/loss")
    assert f"To go on with one that was cut: chainrule resume {good.info.run_id}" in listed

    assert program("runs", "rename", good.info.run_id, "better").out == "good is better now\n"
    assert client.get_run(good.info.run_id).info.run_name == "better"

    unasked = program("runs", "delete", bad.info.run_id)
    assert unasked.status == 2
    assert "nobody is there to be asked: add --yes" in unasked.err
    assert len(client.search_runs(["1"])) == 2
    assert "2 deleted" in program("runs", "delete", "--failed", "--yes").out
    assert client.search_runs(["1"]) == []
    assert len(list(tmp_path.glob("outputs/xor/*"))) == 2, "their folders stay"


def test_what_cannot_be_listed_or_deleted(program):
    program("train", *GIVEN, "trainer.epochs=2")
    assert 'there is no experiment "xo" in this store' in program("runs", "--experiment", "xo").err
    assert 'there is no run "nothing"' in program("runs", "delete", "nothing").err
    assert "name the runs by their ids" in program("runs", "delete").err
    assert "no such run" in program("runs", "delete", "--failed").out
