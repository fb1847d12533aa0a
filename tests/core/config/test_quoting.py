"""Text on the command line: with any sign it arrives as it was given, or is told how to be typed."""

import shlex
import subprocess

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from chainrule.config.quoting import as_typed, holds_text, with_quotes

ARRIVES = [
    *("2022", "-3", "007", "1.50", "1e3", "1_000", "0x10", "inf", "NaN", "true", "False"),
    *("übung", "daten/übung.csv", "Größe", "日本", "имя", "اسم", "😀", "C:\\daten\\übung.csv", "C:\\x"),
    *("a#b", "#", "!x", "a!", "~x", "~/data.csv", "a&b", "<x>", "^", "a`b", ";", "|", "a;b"),
    *("$x", "$0", "a@b", "*", "?", "50%", "a:b", "a+b", "-x", "a b", "é è", "ü\\", "x.y"),
]
IS_TOLD = [
    *("a=b", "a=ü", "a==b", "it's", 'a"b', "a\"b'c", "data(1).csv", "ü (1).csv", "x{1}", "a]", "(", "$x(1)"),
    *("a!(b)", "`(", "a,b", "$1,000", "ü(a', b)"),
]


@pytest.fixture
def shown(program):
    """Runs ``--cfg`` with words; gives what it shows of the target, or says."""

    def shown(*words, target="dataset.target"):
        ran = program("train", "dataset=csv", *words, "--cfg", "job", "-p", target)
        return ran.out.removesuffix("\n") if ran.status == 0 else ran.err

    return shown


@pytest.mark.parametrize("text", ARRIVES)
def test_what_can_be_but_text_arrives(text):
    read = OverridesParser.create().parse_override(with_quotes(f"dataset.target={text}"))
    assert read.value() == text


@pytest.mark.parametrize("text", ["2022", "übung", "a#b"])
def test_it_arrives_in_the_config(shown, text):
    for key in ("dataset.target", "name", "tracking.run_name"):
        assert shown(f"{key}={text}", target=key) == text
    assert yaml.safe_load(shown(f"dataset.features=[{text},x]", target="dataset.features")) == [text, "x"]


@pytest.mark.parametrize("text", IS_TOLD)
def test_what_is_told_to_be_typed_is_read_so(shown, text):
    """By a real shell."""
    told = shown(f"dataset.target={text}")
    typed = as_typed("dataset.target", text)
    assert told.endswith(f" {typed}\n")
    words = subprocess.run(["bash", "-c", f"printf %s {typed}"], capture_output=True, text=True, check=True).stdout
    assert [words] == shlex.split(typed)
    assert OverridesParser.create().parse_override(words).value() == text


def test_what_means_something_else_stays():
    for override in (
        *("seed=1,2", "trainer.epochs=3", "optimizer.lr=1e-3", "trainer.shuffle=false", "model.hidden=[64,32]"),
        *("seed=range(0,3)", "optimizer=glob(*,exclude=m*)", "model.layers=[{name:dense,units:4},tanh]", "~name"),
        *("optimizer.lr=tag(log,interval(0.1,1))", "name=null", "dataset.path='1'", "name=${dataset.name}", "name"),
    ):
        assert with_quotes(override) == override


def test_each_of_several_values_is_quoted():
    assert with_quotes("dataset.target=2021,ü") == "dataset.target='2021','ü'"
    assert with_quotes("dataset.target=choice(2021, ü)") == "dataset.target=choice('2021', 'ü')"


def test_fields_that_hold_text_alone():
    for key in (
        "dataset.path",
        "dataset.target",
        "dataset.features",
        "callbacks.early_stopping.monitor",
        "tracking.uri",
    ):
        assert holds_text(key), key
    for key in ("optimizer.lr", "model.hidden", "model.activation", "seed", "tracking.reuse", "dataset.nosuch"):
        assert not holds_text(key), key
