"""What a config file may hold: nothing that grows without bounds, and nothing that reads what lies outside."""

import contextlib
import textwrap

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from chainrule.config.files import DEEPEST, MOST_NODES, RESOLVERS, refuse_file
from chainrule.config.nodes import config_folder
from chainrule.errors import ConfigError, UnsafeConfig

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi")
)
# A file, and what is said of it.
REFUSED = {
    "aliases of aliases": (BOMB, f"line 4: a config has up to {MOST_NODES} values, with what its aliases stand for"),
    "the same, merged": (
        BOMB.replace("[*", "{<<: [*").replace("]\n", "]}\n").replace("x]}", "x]"),
        "a config has up to",
    ),
    "itself": ("name: &a [*a]", "line 1: *a stands within what it stands for"),
    "lists in lists": (f"name: {'[' * 400}{']' * 400}", f"a config's values lie in each other up to {DEEPEST} deep"),
    "the same by aliases": (
        "a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}]\n" for n in range(400)),
        f"a config's values lie in each other up to {DEEPEST} deep",
    ),
    "mappings in mappings": ("".join(f"{' ' * n}a:\n" for n in range(400)), "lie in each other up to"),
    "many values": (f"name: [{'1, ' * MOST_NODES}]", "a config has up to"),
    "an object": ("name: !!python/object/apply:pathlib.Path ['${oc.env', ':HOME}']", "this is no YAML of a config"),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_grows_without_bounds_is_refused_before_it_is_read(text, said):
    with pytest.raises(ConfigError) as caught:
        refuse_file("evil.yaml", text)
    assert str(caught.value).startswith("evil.yaml, line ")
    assert said in str(caught.value)


OUTSIDE = [
    "${oc.env:HOME}",
    "http://host/${oc.env:AWS_SECRET_ACCESS_KEY}",
    "${oc.env:NO_SUCH,${oc.env:HOME}}",
    "${oc.select:nothing,${oc.env:HOME}}",
    "${oc.select:nothing,'${oc.env:HOME}'}",
    "${oc.${word}:HOME}",
    "${${word}:HOME}",
    "${oc.decode:'$\\{oc.env:HOME}'}",
    "${oc.create:{a:1}}",
    "${somebodys.own:x}",
    "${ oc.env : HOME }",
]


@pytest.mark.parametrize("text", OUTSIDE)
@pytest.mark.parametrize("place", ["name: {}", "{}: 1", "defaults: [override /optimizer: {}]", "a: [{{b: {}}}]"])
def test_a_file_that_would_read_what_lies_outside_is_refused(text, place):
    quoted = "'" + text.replace("'", "''") + "'"
    with pytest.raises(UnsafeConfig, match=r"evil\.yaml, line 1: \".*\" in a file could read what lies outside"):
        refuse_file("evil.yaml", place.format(quoted))


def test_a_file_may_ask_the_config_itself():
    for resolver in RESOLVERS:
        refuse_file("good.yaml", f"name: '${{{resolver}:a}} ${{dataset.name}} ${{.name}}'")
    for file in config_folder().rglob("*.yaml"):
        refuse_file(str(file), file.read_text())
    refuse_file("good.yaml", "a: &a {b: 1}\nc: {<<: *a}\nd: [*a, *a]")


@given(st.text(st.sampled_from(list("abc:&*[]{}-?!|>'\"\n ${}.%#@,<")), max_size=80))
def test_a_text_is_read_or_told(text):
    """Whatever is let through is of bounded size for YAML too."""
    with contextlib.suppress(ConfigError, yaml.YAMLError):
        refuse_file("any.yaml", text)
        yaml.compose(text, Loader=yaml.SafeLoader)


def write(folder, **files):
    for name, text in files.items():
        path = folder / "conf" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# @package _global_\n{textwrap.dedent(text)}")


# What stands in an experiment, and how the message begins. Each once ended in an error that was none of ours, or never.
KEPT = {
    "aliases": (BOMB, "FILE, line 5: a config has up to"),
    "itself": ("defaults: [/experiment/evil@_global_]", "it goes on without end: a file has itself in its defaults"),
    "metrics of base 60": ("metrics: 1:30:45", "metrics: got 5445, expected the fields of a metric"),
    "a name for callbacks": (
        "callbacks: npz",
        'callbacks: got "npz", expected the fields of a callback; one is chosen',
    ),
    "null in words": ("metrics: 'null'", 'metrics: got "null", expected the fields of a metric'),
    "a number for a schedule": ("schedule: 1.5", "schedule: got 1.5, expected the fields of a schedule"),
    "text like an interpolation": ("loss: '\\${a}'", 'loss: got "${a}", expected the fields of a loss'),
    "an interpolation": ("loss: ${name}", 'loss: got "xor", expected the fields of a loss'),
    "an empty objective": ("objective: {}", "objective: got {}, expected text"),
    "a list of nothing": ("objective: [null]", "objective: got [None], expected text"),
    "a mapping of types": ("dtype: {a: 1}", "dtype: got {'a': 1}, expected text"),
    "a key of null": ("model: {hidden: [{null: 1}]}", "model.hidden0: a key within it is null"),
    "hydra is nothing": ("hydra:", "hydra: got null, expected fields"),
    "a callback of Hydra's is nothing": (
        "hydra: {callbacks: {mine: null}}",
        "hydra.callbacks.mine: got null, expected a callback of Hydra's own",
    ),
    "digits": (f"seed: 1{'0' * 5000}", "Exceeds the limit"),
}


@pytest.mark.parametrize(("text", "said"), KEPT.values(), ids=KEPT)
def test_what_once_ended_otherwise_is_told(tmp_path, program, text, said):
    write(tmp_path, **{"experiment/evil": text})
    ran = program("train", "--config-dir", "conf", "experiment=evil", "tracking=none", "trainer.epochs=1")
    assert ran.status == 2, ran
    assert ran.err.startswith("chainrule: " + said.replace("FILE", f"{tmp_path}/conf/experiment/evil.yaml"))
    assert "Traceback" not in ran.err
