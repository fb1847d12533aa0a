"""``chainrule plugins``: what is installed, for people to read. Broken plugins: tests/thirdparty."""

import inspect
import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from chainrule import registry
from chainrule.contract.kinds import KINDS, Callback
from chainrule.contract.training import Training
from chainrule.registry.discovery import Plugin
from chainrule.registry.registry import Registrar, Registry

WIDE = {"COLUMNS": "200"}


def rows(text):
    """The cells of the first column: the names; what goes on over several lines has none."""
    return [line.split()[0] for line in text.splitlines() if line.startswith(" ") and line[1:2].isalpha()]


def test_all_components_are_listed_by_kind(program):
    ran = program("plugins", **WIDE)
    assert ran.status == 0
    titles = [line.strip() for line in ran.out.splitlines() if not line.startswith(" ") and line.strip()]
    assert titles == [*(kind for kind in KINDS if registry().names(kind)), "plugins"]
    plugins = [plugin.id for plugin in registry().plugins]
    listed = [name for name in rows(ran.out) if name not in ("name", "id")]
    assert listed == [*(entry.name for entry in registry()), *plugins]


def test_plugins_are_listed_with_version_number_of_components_and_load_time(program):
    last = program("plugins", **WIDE).out.rpartition("plugins ")[2]
    [row] = [line.split() for line in last.splitlines() if " chainrule:optimizers " in line]
    assert row[1:3] == [registry().get("optimizer", "adam").version, str(len(registry().names("optimizer")))]
    assert row[3].isdecimal()
    assert row[4] == "ms"


def test_a_component_is_listed_with_its_fields_its_description_and_where_it_comes_from(program):
    out = program("plugins", "optimizer", **WIDE).out.partition("\nInstalled:\n")[2]
    assert [name for name in rows(out) if name != "name"] == registry().names("optimizer")
    adam = registry().get("optimizer", "adam")
    assert adam.description in out
    assert "lr: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-08, weight_decay: " in out
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


def test_its_kind_tells_one_of_them(program):
    assert program("plugins", "schedule.constant").out.startswith("schedule constant, from")


def test_a_field_that_must_be_given_has_no_default(program):
    assert "\n    path: str\n" in program("plugins", "csv").out
    assert "path: str, target: str | Sequence[str], " in " ".join(program("plugins", "dataset", **WIDE).out.split())


def test_a_field_that_holds_a_component_is_listed_with_its_class_alone(program):
    listed = " ".join(program("plugins", "model", **WIDE).out.split())
    assert "activation: Activation = 'relu'" in listed
    assert "layers: Sequence[Layer | Activation] = ('flatten',)" in listed


# ---- the page of a kind


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_of_a_kind_has_its_contract_with_signatures(program, kind):
    base = KINDS[kind]
    page = program("plugins", kind).out.partition("A minimal example")[0]
    assert page.startswith(f"{kind}: {inspect.getdoc(base)}\n")
    public = {name for name in vars(base) if not name.startswith("_") or name == "__call__"}
    for name in public - {"kind", "required"}:
        assert f"\n    {name}" in page
        documented = inspect.getdoc(vars(base)[name]) if callable(vars(base)[name]) else ""
        assert documented.partition("\n")[0] in page
    for name, arguments in base.required.items():
        written = [line for line in page.partition("May be")[0].splitlines() if line.startswith(f"    {name}(self")]
        assert len(written) == 1
        assert all(f" {argument}: " in written[0] for argument in arguments)
    assert "\n    require(self, field: str, condition: bool, expected: str) -> None\n" in page


def test_the_page_says_what_layers_may_call_and_what_attributes_mean(program):
    called = program("plugins", "layer").out.partition("May be written, set or called:\n\n")[2]
    arguments = "name: str, shape: Shape, initializer: Any, decay: bool = True, trainable: bool = True"
    assert f"\n    parameter(self, {arguments}) -> Parameter\n" in called
    assert "\n    shared(self, name: str) -> Parameter\n" in called
    page = program("plugins", "optimizer").out
    assert "\n    whole_parameters: true for one call per parameter, in its own shape" in page
    assert "\n    whole_parameters: bool = False\n" in page


def test_the_page_of_callbacks_has_all_that_they_may_touch(program):
    page = program("plugins", "callback").out.partition("\n\nTraining: ")[2].partition("Every component")[0]
    for name, member in vars(Training).items():
        if not name.startswith("_"):
            assert f"\n    {name}: " in page or f"\n    {name}(self" in page
            assert inspect.getdoc(member).partition("\n")[0] in page


# ---- one component, one package


def test_an_unknown_name_is_told_with_the_nearest(program):
    ran = program("plugins", "adm")
    assert ran.status == 2
    assert ran.err == 'chainrule: there is no kind, component or plugin "adm". Did you mean "adam"?\n'
    assert "Known: accuracy, activation, activations, adadelta, " in program("plugins", "zzz").err
    assert program("plugins", "adm", "--json").out == ""


def test_plugins_that_failed_to_load_are_listed_with_what_to_do(program, monkeypatch):
    there = Registry()
    there.plugins = [Plugin("parts", "acme", "1.0", error="ImportError: no [module] of that name")]
    monkeypatch.setattr("chainrule.commands.plugins.registry", lambda: there)
    assert program("plugins", **WIDE).out.partition("failed to")[2] == (
        " load: acme:parts (acme 1.0)\n"
        "  ImportError: no [module] of that name\n"
        "  mend or uninstall it, or leave it out: CHAINRULE_DISABLE_PLUGINS=acme:parts\n"
    )


@pytest.mark.parametrize("name", ["chainrule", "chainrule:optimizers", "optimizers"])
def test_what_a_package_or_plugin_brought(program, name):
    out = program("plugins", name, **WIDE).out
    assert set(registry().names("optimizer")) <= set(rows(out))
    assert ("relu" in rows(out)) == (name == "chainrule")
    assert f"chainrule:optimizers {registry().get('optimizer', 'adam').version} " in " ".join(out.split())


# ---- for programs


def test_json_holds_every_component_and_plugin(program):
    ran = program("plugins", "--json")
    assert (ran.status, ran.err) == (0, "")
    listed = json.loads(ran.out)
    assert [(c["kind"], c["name"], c["version"]) for c in listed["components"]] == [
        (entry.kind, entry.name, entry.version) for entry in registry()
    ]
    [adam] = [component for component in listed["components"] if component["name"] == "adam"]
    assert adam["fields"][0] == {"name": "lr", "type": "float", "required": False, "default": 0.001}
    assert adam["class"] == "chainrule_plugins.optimizers.adam.Adam"
    assert adam["plugin"] == "chainrule:optimizers"
    assert adam["description"] == registry().get("optimizer", "adam").description
    [csv] = [component for component in listed["components"] if component["name"] == "csv"]
    assert csv["fields"][0] == {"name": "path", "type": "str", "required": True}
    assert [plugin["id"] for plugin in listed["plugins"]] == [plugin.id for plugin in registry().plugins]
    assert {plugin["status"] for plugin in listed["plugins"]} == {"loaded"}
    assert all(plugin["seconds"] > 0 and plugin["remedy"] is None for plugin in listed["plugins"])


@pytest.mark.parametrize("which", ["optimizer", "adam", "optimizer.adam", "optimizers"])
def test_json_of_a_part(program, which):
    listed = json.loads(program("plugins", which, "--json").out)
    assert {component["kind"] for component in listed["components"]} == {"optimizer"}
    assert len(listed["components"]) == (1 if which.endswith("adam") else len(registry().names("optimizer")))


def test_json_has_what_failed_and_defaults_that_are_not_finite(program, monkeypatch):
    @dataclass
    class Bounded(Callback):
        """Has a default that JSON has no number for."""

        limit: float = math.inf

    broken = Plugin("parts", "acme", "1.0", error="ImportError: nothing there")
    left_out = Plugin("other", "acme", "1.0", disabled=True)
    there = Registry()
    registrar = Registrar(Plugin("fine", "acme", "1.0"))
    registrar.add(Bounded)
    there.admit(registrar)
    there.plugins = [broken, left_out]
    monkeypatch.setattr("chainrule.commands.plugins.registry", lambda: there)
    listed = json.loads(program("plugins", "--json").out)
    assert listed["components"][0]["fields"][0]["default"] == "inf"
    assert [(p["status"], p["error"]) for p in listed["plugins"]] == [
        ("failed", "ImportError: nothing there"),
        ("left out", None),
    ]
    assert listed["plugins"][0]["remedy"].endswith("CHAINRULE_DISABLE_PLUGINS=acme:parts")
    assert "acme:other 1.0 0 left out" in " ".join(program("plugins", **WIDE).out.split())


# ---- the program


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
        "import sys; from chainrule.commands.main import main; main(['plugins', 'adam']); "
        "print(*sys.modules, file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert not {"hydra", "omegaconf", "mlflow", "matplotlib", "sklearn", "pandas"} & set(ran.stderr.split())
    assert not list(Path(tmp_path).iterdir())
