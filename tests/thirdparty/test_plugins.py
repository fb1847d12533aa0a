"""Other people's packages, really built, installed and loaded: what works is used, and what is broken does no harm."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from environments import variables

import chainrule

WARNED = {
    "acme-broken-import:parts": (
        "plugin acme-broken-import:parts (acme-broken-import 0.3) is left out: ModuleNotFoundError: No module named "
        "'acme_forgotten_dependency'"
    ),
    "acme-duplicate:parts": (
        'plugin acme-duplicate:parts (acme-duplicate 2.0) is left out: activation "relu" is already there, from '
        "chainrule:activations (chainrule 0.1.0); rename it or disable one of the two plugins with "
        "CHAINRULE_DISABLE_PLUGINS=acme-duplicate:parts"
    ),
    "acme-misread:exits": (
        "plugin acme-misread:exits (acme-misread 0.9) is left out: SystemExit: this module is a script"
    ),
    "acme-misread:failing-search-path": (
        "plugin acme-misread:failing-search-path (acme-misread 0.9) is left out: FileNotFoundError: the folder conf "
        "is not packaged"
    ),
    "acme-misread:hookless": (
        "plugin acme-misread:hookless (acme-misread 0.9) is left out: it implements no hook; did it forget "
        "@chainrule.hookimpl?"
    ),
    "acme-misread:looks-up": (
        "plugin acme-misread:looks-up (acme-misread 0.9) is left out: it looks components up (make, registry) while "
        "plugins are being loaded: do so in functions that run later"
    ),
    "acme-misread:misspelt-hook": (
        "plugin acme-misread:misspelt-hook (acme-misread 0.9) is left out: PluginValidationError: unknown hook "
        "'register_component' in plugin <module 'acme_misread.misspelt_hook' from "
    ),
    "acme-misread:odd-search-path": (
        "plugin acme-misread:odd-search-path (acme-misread 0.9) is left out: config_search_path gave 'conf', where no "
        'configs are; give a package that holds YAML files, as "pkg://my_package/conf"'
    ),
    "acme-misread:taken-field": (
        "plugin acme-misread:taken-field (acme-misread 0.9) is left out: schedule Labelled has a field name, which is "
        "where configs write the component's own name: rename it"
    ),
    "acme-misread:undecorated": (
        "plugin acme-misread:undecorated (acme-misread 0.9) is left out: activation Snake is not a dataclass: write "
        "@dataclass above it"
    ),
    "acme-misread:wrong-signature": (
        "plugin acme-misread:wrong-signature (acme-misread 0.9) is left out: PluginValidationError: Plugin "
        "'acme-misread:wrong-signature' for hook 'register_components' hookimpl definition: "
        "register_components(components) Argument(s) {'components'} are declared in the hookimpl but can not be found "
        "in the hookspec"
    ),
}
BROKEN = ",".join(WARNED)

LOADED = """
import json, sys, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import chainrule as cr
    registry = cr.registry()
print(json.dumps({
    "warnings": [str(warning.message) for warning in caught],
    "plugins": [[plugin.id, plugin.error] for plugin in registry.plugins],
    "components": {f"{e.kind}.{e.name}": f"{e.distribution} {e.version}" for e in registry},
}))
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


def loaded(run: Run, **environment: str) -> dict[str, Any]:
    done = run("-c", LOADED, **environment)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def assert_one_warning_each(lines: list[str], prefix: str) -> None:
    for line, message in zip(lines, WARNED.values(), strict=True):
        assert line.startswith(prefix + message)
        assert line.endswith(" [see: chainrule plugins]")


def test_each_broken_plugin_gives_one_warning_and_the_others_load(run: Run) -> None:
    found = loaded(run)
    assert_one_warning_each(found["warnings"], prefix="")
    assert [name for name, error in found["plugins"] if error] == list(WARNED)
    components = found["components"]
    assert components["layer.scale"] == "acme-components 1.2"
    assert components["optimizer.heavy_ball"] == "acme-components 1.2"
    assert components["activation.cubed"] == "acme-misread 0.9"
    assert components["activation.relu"] == "chainrule 0.1.0"
    assert not {"activation.unharmed", "activation.snake", "schedule.halfway"} & set(components)


def test_chainrules_own_plugins_come_first_then_by_distribution_and_entry_point(run: Run) -> None:
    order = [name.split(":") for name, _ in loaded(run)["plugins"]]
    own = [pair for pair in order if pair[0] == "chainrule"]
    assert order[: len(own)] == own == sorted(own)
    assert order[len(own) :] == sorted(order[len(own) :])


def test_strict_makes_a_broken_plugin_fatal(run: Run) -> None:
    done = run("-c", LOADED, CHAINRULE_STRICT_PLUGINS="1")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"chainrule.errors.PluginError: {WARNED['acme-broken-import:parts']}"
    assert not loaded(run, CHAINRULE_STRICT_PLUGINS="1", CHAINRULE_DISABLE_PLUGINS=BROKEN)["warnings"]

    done = run("-m", "chainrule", "plugins", CHAINRULE_STRICT_PLUGINS="1")
    assert (done.returncode, done.stderr) == (2, f"chainrule: {WARNED['acme-broken-import:parts']}\n")


@pytest.mark.parametrize("part", ["acme-components", "acme-components:parts", "none,parts", " parts , none "])
def test_a_plugin_is_left_out_by_either_part_of_its_id_or_the_whole(run: Run, part: str) -> None:
    found = loaded(run, CHAINRULE_DISABLE_PLUGINS=f"{BROKEN},{part}")
    assert found["warnings"] == []
    assert "layer.scale" not in found["components"]
    assert "activation.cubed" in found["components"]


def test_leaving_out_the_built_in_frees_its_name(run: Run) -> None:
    found = loaded(run, CHAINRULE_DISABLE_PLUGINS="activations,acme-broken-import,acme-misread")
    assert found["warnings"] == []
    assert found["components"]["activation.relu"] == "acme-duplicate 2.0"


def test_an_unknown_name_mentions_the_plugins_that_failed(run: Run) -> None:
    code = "import chainrule as cr; cr.make('activation', 'snake')"
    done = run("-W", "ignore", "-c", code)
    last = done.stderr.splitlines()[-1]
    assert last.startswith('chainrule.errors.UnknownName: there is no activation "snake". ')
    assert last.endswith(f"(Plugins that failed to load: {', '.join(WARNED)}.)")


TRAINED = """
import json
import numpy as np
import chainrule as cr

x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y = np.array([0, 1, 1, 0])
layers = [{"name": "dense", "units": 8, "activation": "tanh"}, {"name": "scale", "initial": 0.5}, "scale",
          {"name": "dense", "units": 1, "activation": "sigmoid"}]
network = cr.Network(layers, (2,), "binary_cross_entropy", seed=0)
trainer = cr.Trainer(network, {"name": "heavy_ball", "lr": 0.1}, batch_size=4)
history = trainer.fit((x, y), epochs=500)
network.save("net.safetensors")
again = cr.load_network("net.safetensors")
print(json.dumps({
    "accuracy": history["train/binary_accuracy"][-1],
    "names": [parameter.name for parameter in network.parameters],
    "scaled": network.parameters["1.scale.s"].value.tolist(),
    "equal": bool((again.predict(x) == network.predict(x)).all()),
    "provenance": network.provenance(),
    "worst": max(cr.gradient_check(network, x, y).values()),
}))
"""


def test_a_third_partys_layer_and_optimizer_train_like_built_ins(run: Run, tmp_path: Path) -> None:
    done = run("-c", TRAINED, CHAINRULE_DISABLE_PLUGINS=BROKEN)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["accuracy"] == 1.0
    assert found["names"] == ["0.dense.W", "0.dense.b", "1.scale.s", "2.scale.s", "3.dense.W", "3.dense.b"]
    assert len(set(found["scaled"])) == 8
    assert found["equal"]
    assert found["provenance"]["layer.scale"] == "acme-components 1.2"
    assert found["worst"] < 1e-6

    load = "import chainrule as cr; cr.load_network('net.safetensors')"
    done = run("-c", load, CHAINRULE_DISABLE_PLUGINS=f"{BROKEN},acme-components")
    assert done.stderr.splitlines()[-1] == (
        'chainrule.errors.UnknownName: layer "scale" came from acme-components 1.2, whose plugin '
        "acme-components:parts is left out here: see CHAINRULE_DISABLE_PLUGINS"
    )
    command = [sys.executable, "-c", load]
    without = subprocess.run(command, cwd=tmp_path, env=variables(), capture_output=True, text=True)
    assert without.stderr.splitlines()[-1] == (
        'chainrule.errors.UnknownName: layer "scale" came from acme-components 1.2, which is not installed here: '
        "pip install acme-components==1.2"
    )


@pytest.mark.parametrize(
    ("supplied", "why"),
    [
        (
            "acme-components 0.7",
            "and acme-components 1.2, which is installed here, does not have it: pip install acme-components==0.7",
        ),
        (
            "acme-broken-import 0.3",
            "whose plugin acme-broken-import:parts failed to load: ModuleNotFoundError: No module named "
            "'acme_forgotten_dependency'",
        ),
    ],
)
def test_a_missing_component_is_told_with_the_reason(run: Run, supplied: str, why: str) -> None:
    code = (
        "from chainrule.registry.provenance import require_installed; "
        f"require_installed({{'layer.gone': {supplied!r}}})"
    )
    done = run("-W", "ignore", "-c", code)
    last = done.stderr.splitlines()[-1]
    assert last == f'chainrule.errors.UnknownName: layer "gone" came from {supplied}, {why}'


def test_the_command_line_lists_what_failed(run: Run) -> None:
    done = run("-m", "chainrule", "plugins")
    assert done.returncode == 0, done.stderr
    shown = " ".join(done.stdout.split())
    for name, message in WARNED.items():
        assert f"failed to load: {name} ({name.partition(':')[0]} " in shown
        assert message.partition(" is left out: ")[2] in shown
        assert f"CHAINRULE_DISABLE_PLUGINS={name}" in shown
    assert_one_warning_each(done.stderr.splitlines(), prefix="chainrule: warning: ")
    assert "acme-components 1.2" in done.stdout
    assert "Traceback (most" not in done.stdout + done.stderr


def test_json_alone_is_on_stdout_whatever_plugins_print_and_tells_what_failed(run: Run) -> None:
    done = run("-m", "chainrule", "plugins", "--json", ACME_TALKS="1")
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    failed = {plugin["id"]: plugin for plugin in listed["plugins"] if plugin["status"] == "failed"}
    assert list(failed) == list(WARNED)
    for name, plugin in failed.items():
        assert plugin["error"].startswith(WARNED[name].partition(" is left out: ")[2])
        assert plugin["remedy"].endswith(f"CHAINRULE_DISABLE_PLUGINS={name}")
    [scale] = [component for component in listed["components"] if component["name"] == "scale"]
    assert (scale["distribution"], scale["version"], scale["plugin"]) == (
        "acme-components",
        "1.2",
        "acme-components:parts",
    )
    assert "a plugin that talks while it is imported" in done.stderr


def test_what_a_package_brought_and_what_of_it_failed(run: Run) -> None:
    done = run("-m", "chainrule", "plugins", "acme-misread", COLUMNS="200")
    assert done.returncode == 0, done.stderr
    shown = " ".join(done.stdout.split())
    assert "cubed $a = z^3$: beside broken plugins" in shown
    assert "acme-misread:fine 0.9 1 " in shown
    assert "acme-misread:exits 0.9 0 failed" in shown
    assert "failed to load: acme-misread:exits (acme-misread 0.9) SystemExit: this module is a script" in shown
    assert "acme-components" not in shown


@pytest.mark.parametrize("first", ["pass", "import importlib_metadata"], ids=["alone", "with another finder"])
def test_entry_points_that_a_broken_uninstall_left_harm_nobody(run: Run, tmp_path: Path, first: str) -> None:
    left = tmp_path / "ghost-1.0.dist-info"
    left.mkdir()
    (left / "entry_points.txt").write_text("[chainrule]\nparts = ghost\n", encoding="utf-8")
    done = run("-c", f"{first}{LOADED}", CHAINRULE_DISABLE_PLUGINS=BROKEN)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [name for name, error in found["plugins"] if error] == ["unknown:parts"]
    assert found["components"]["activation.relu"] == f"chainrule {chainrule.__version__}"


def test_the_command_line_shows_a_third_partys_component(run: Run) -> None:
    done = run("-m", "chainrule", "plugins", "heavy_ball", CHAINRULE_DISABLE_PLUGINS=BROKEN)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("optimizer heavy_ball, from acme-components 1.2 (acme-components:parts)\n\nA running")
    assert "lr: float = 0.01" in done.stdout
    assert done.stderr == ""


def test_a_third_partys_optimizer_is_an_option_of_the_command_line(run: Run) -> None:
    done = run("-m", "chainrule", "train", "optimizer=heavy_ball", "optimizer.beta=0.8", "tracking=none")
    assert done.returncode == 0, done.stderr
    warned = [line for line in done.stderr.splitlines() if line.startswith("chainrule: ")]
    assert_one_warning_each(warned, prefix="chainrule: warning: ")


def test_a_third_partys_fields_are_checked_like_built_ins(run: Run) -> None:
    done = run("-m", "chainrule", "train", "optimizer=heavy_ball", "optimizer.bta=1", CHAINRULE_DISABLE_PLUGINS=BROKEN)
    assert done.returncode == 2
    assert 'heavy_ball has no field "bta". Did you mean "beta"?' in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_a_third_partys_own_experiment_trains(run: Run, tmp_path: Path) -> None:
    done = run("-m", "chainrule", "train", "experiment=acme_xor", "tracking=none", CHAINRULE_DISABLE_PLUGINS=BROKEN)
    assert done.returncode == 0, done.stderr
    [config] = tmp_path.glob("outputs/acme_xor/*/config.yaml")
    assert "name: heavy_ball" in config.read_text(encoding="utf-8")
    assert "name: scale" in config.read_text(encoding="utf-8")


PARTS = """
import chainrule

@chainrule.hookimpl
def config_search_path():
    return {path!r}
"""
GLOBAL = "# @package _global_\ndefaults: "
PRESETS = {
    "spread/conf/experiment/near.yaml": f"{GLOBAL}[xor]\n",
    "else where/spread/conf/experiment/far.yaml": f"{GLOBAL}[xor, override /model: spread/tiny]\n",
    "else where/spread/conf/model/spread/tiny.yaml": "defaults: [/model/sequential@_here_]\nlayers: [flatten]\n",
}


def install(folder: Path, path: str) -> None:
    """A distribution whose plugin gives that search path, where Python looks first."""
    written = {
        "spread-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: spread\nVersion: 1.0\n",
        "spread-1.0.dist-info/entry_points.txt": "[chainrule]\nparts = spread_parts\n",
        "spread_parts.py": PARTS.format(path=path),
        **PRESETS,
    }
    for place, text in written.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(text, encoding="utf-8")


def test_presets_are_found_in_all_folders_of_a_package_without_a_module(run: Run, tmp_path: Path) -> None:
    install(tmp_path, "pkg://spread/conf")
    settings = {"CHAINRULE_DISABLE_PLUGINS": BROKEN, "PYTHONPATH": str(tmp_path / "else where")}

    def trained(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run("-m", "chainrule", "train", *arguments, **settings)

    shown = trained("--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert {"near", "far", "xor"} <= set(shown.stdout.replace(",", " ").split())
    assert "spread/tiny" in shown.stdout
    composed = trained("experiment=far", "--cfg", "job")
    assert "layers:\n  - flatten\n" in composed.stdout, composed.stderr
    missing = trained("experiment=fra")
    assert 'there is no experiment "fra". Did you mean "far"?' in missing.stderr


@pytest.mark.parametrize("path", ["pkg://spread_parts", "pkg://zipped/conf", "pkg://spread/gone", "pkg:///"])
def test_what_is_no_package_with_folders_is_no_search_path(run: Run, tmp_path: Path, path: str) -> None:
    install(tmp_path, path)
    with zipfile.ZipFile(tmp_path / "zipped.zip", "w") as archive:
        for place in ("zipped/", "zipped/conf/", "zipped/conf/model/", "zipped/conf/model/small.yaml"):
            archive.writestr(place, "")
    done = run("-m", "chainrule", "plugins", CHAINRULE_DISABLE_PLUGINS=BROKEN, PYTHONPATH="zipped.zip")
    assert done.returncode == 0, done.stderr
    assert f"spread:parts (spread 1.0) is left out: config_search_path gave {path!r}, where no" in done.stderr


@pytest.mark.parametrize("arguments", [("--help",), ("plugins", "--help"), ("train", "--help")])
def test_help_works_with_broken_plugins_installed(run: Run, arguments: tuple[str, ...]) -> None:
    done = run("-m", "chainrule", *arguments)
    assert done.returncode == 0, done.stderr
    assert "Traceback (most" not in done.stdout + done.stderr
    if arguments[0] == "train":
        assert "heavy_ball" in done.stdout
        assert "acme_xor" in done.stdout
    else:
        assert done.stderr == ""
