"""``chainrule check`` over other people's packages."""

import subprocess
from collections.abc import Callable

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_a_package_that_keeps_its_contract_and_one_that_cannot_be_loaded(run: Run) -> None:
    done = run("-W", "ignore", "-m", "chainrule", "check", "acme-components")
    assert done.returncode == 0, done.stdout
    assert " 0 failed, 0 not applicable" in done.stdout.splitlines()[-1]
    for kind in ("layer", "activation", "loss", "optimizer", "initializer", "regularizer", "schedule", "metric"):
        assert f" {kind}." in done.stdout

    done = run("-W", "ignore", "-m", "chainrule", "check", "acme-broken-import")
    assert done.returncode == 1
    assert "acme-broken-import:parts (acme-broken-import 0.3): failed to load\n  ModuleNotFoundError: " in done.stdout
    assert "CHAINRULE_DISABLE_PLUGINS=acme-broken-import:parts" in done.stdout
    assert done.stdout.splitlines()[-1] == "0 components, 0 checks: 0 passed, 0 failed, 0 not applicable"


def test_a_rule_that_another_package_writes_is_checked_and_trained_by_each_engine(run: Run) -> None:
    done = run("-W", "ignore", "-m", "chainrule", "check", "optimizer.soft_sign", "--json")
    assert done.returncode == 0, done.stdout
    assert '"engines_agree"' in done.stdout

    trained = """
import numpy as np, chainrule as cr
x = np.random.default_rng(0).standard_normal((40, 3))
for engine in ("numpy", "numba"):
    network = cr.Network([{"name": "dense", "units": 1}], (3,), "mse")
    cr.Trainer(network, "soft_sign", engine=engine).fit((x, x[:, :1]), epochs=5)
    print(network.parameters.theta.tobytes().hex())
"""
    done = run("-W", "ignore", "-c", trained)
    assert done.returncode == 0, done.stderr
    assert len(set(done.stdout.split())) == 1
