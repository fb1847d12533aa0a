"""``chainrule plugins``: what is installed, for people to read. Broken plugins: tests/thirdparty."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chainrule import registry
from chainrule.components import KINDS
from chainrule.plugins import Plugin
from chainrule.registry import Registry

WIDE = {"COLUMNS": "200"}


def rows(text):
    """The cells of the first column: the names; what goes on over several lines has none."""
    return [line.split()[0] for line in text.splitlines() if line.startswith(" ") and line[1:2].isalpha()]


def test_all_components_are_listed_by_kind(program):
    ran = program("plugins", **WIDE)
    assert ran.status == 0
    titles = [line.strip() for line in ran.out.splitlines() if not line.startswith(" ") and line.strip()]
    assert titles == [kind for kind in KINDS if registry().names(kind)]
    assert [name for name in rows(ran.out) if name != "name"] == [entry.name for entry in registry()]


def test_a_component_is_listed_with_its_fields_its_description_and_where_it_comes_from(program):
    out = program("plugins", "optimizer", **WIDE).out
    assert [name for name in rows(out) if name != "name"] == registry().names("optimizer")
    adam = registry().get("optimizer", "adam")
    assert adam.description in out
    assert "lr=0.001, beta1=0.9, beta2=0.999, eps=1e-08, weight_decay=0.0" in out
    assert f"chainrule {adam.version}" in out


@pytest.mark.parametrize("name", ["adam", "optimizer.adam"])
def test_one_component_is_shown_in_full(program, name):
    out = program("plugins", name, COLUMNS="40").out
    adam = registry().get("optimizer", "adam")
    assert out.startswith(f"optimizer adam, from chainrule {adam.version} (chainrule:optimizers)\n")
    assert inspect.getdoc(adam.cls) in out, "formulas are not broken, however narrow the terminal"
    assert "\n    beta1: float = 0.9\n" in out


def test_a_name_of_several_kinds_shows_each(program):
    out = program("plugins", "constant").out
    assert "initializer constant, from" in out
    assert "schedule constant, from" in out


def test_a_kind_hides_no_component_of_its_name(program):
    assert "relu" in program("plugins", "activation").out
    assert program("plugins", "layer.activation").out.startswith("layer activation, from")


def test_a_field_that_must_be_given_has_no_default(program):
    assert "\n    path: str\n" in program("plugins", "csv").out
    assert "path, target, " in " ".join(program("plugins", "dataset", **WIDE).out.split())


def test_an_unknown_name_is_told_with_the_nearest(program):
    ran = program("plugins", "adm")
    assert ran.status == 2
    assert ran.err == 'chainrule: there is no kind or component "adm". Did you mean "adam"?\n'
    assert "Known: accuracy, activation, adadelta, " in program("plugins", "zzz").err


def test_plugins_that_failed_to_load_are_listed_with_what_to_do(program, monkeypatch):
    there = Registry()
    there.plugins = [Plugin("parts", "acme", "1.0", error="ImportError: no [module] of that name")]
    monkeypatch.setattr("chainrule.listing.registry", lambda: there)
    assert program("plugins", **WIDE).out == (
        "failed to load: acme:parts (acme 1.0)\n"
        "  ImportError: no [module] of that name\n"
        "  mend or uninstall it, or leave it out: CHAINRULE_DISABLE_PLUGINS=acme:parts\n"
    )


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    """As in ``chainrule plugins | head -1``: its pipe is closed before anything is written."""
    read, write = os.pipe()
    os.close(read)
    with subprocess.Popen(
        [sys.executable, "-m", "chainrule", "plugins"], cwd=tmp_path, stdout=write, stderr=subprocess.PIPE
    ) as listing:
        os.close(write)
        _, err = listing.communicate()
    assert err == b""
    assert listing.returncode == 1


def test_a_listing_loads_neither_hydra_nor_mlflow(tmp_path):
    script = (
        "import sys; from chainrule.cli import main; main(['plugins', 'adam']); print(*sys.modules, file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert not {"hydra", "omegaconf", "mlflow", "matplotlib", "sklearn", "pandas"} & set(ran.stderr.split())
    assert not list(Path(tmp_path).iterdir())
