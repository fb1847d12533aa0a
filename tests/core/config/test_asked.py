"""What is asked for from Python is answered with Python's names, and a list that is none is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import chainrule as cr

LIST = 'expected a list, such as ["experiment=xor", "seed=1"]'


@pytest.mark.parametrize("call", [cr.train, cr.sweep])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("experiment=xor", f"overrides: got 'experiment=xor', {LIST}"),
        ({"seed": 1}, f"overrides: got {{'seed': 1}}, {LIST}"),
        (7, f"overrides: got 7, {LIST}"),
        (["seed=1", 3], 'overrides: got 3 in the list, expected text such as "seed=1"'),
        (["-m", "seed=0,1"], "overrides: -m is an option of the command line: chainrule.sweep([...]) makes a sweep"),
        (["--config-dir=conf"], 'overrides: --config-dir is an option of the command line: give config_dir="..." '),
        (["--cfg", "job"], "overrides: --cfg is an option of the command line: from Python give overrides alone"),
    ],
)
def test_overrides_are_a_list_of_texts(call: Callable[[Any], Any], given: Any, message: str) -> None:
    with pytest.raises(cr.ConfigError) as caught:
        call(given)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["seed=0,1"], "seed: got 0,1; to sweep over these values call chainrule.sweep, to give a list write 'seed=[0"),
        (["optimizer=[sgd,adam]"], "optimizer: it takes one option; to sweep over several call chainrule.sweep, and l"),
        (["experiment=digits", "hparams_search=optuna_mlp"], "it is a search, of many runs: call chainrule.sweep, "),
        ([f"seed={','.join(map(str, range(5000)))}"], "seed: got 0,1,2,3,"),
        ([f"model.hidden=[{','.join(map(str, range(5000)))}"], "cannot read the override 'model.hidden=[0,1,2,"),
    ],
)
def test_several_values_are_for_chainrule_sweep(overrides: list[str], message: str) -> None:
    with pytest.raises(cr.ConfigError) as caught:
        cr.train(overrides)
    assert str(caught.value).startswith(message)
    assert "-m" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert caught.value.__cause__ is None  # Hydra's hundred lines


def test_a_folder_of_configs_is_called_as_the_argument_is(tmp_path: Path, program: Callable[..., Any]) -> None:
    with pytest.raises(cr.ConfigError, match=r"^config_dir: there is no folder "):
        cr.train(config_dir=str(tmp_path / "none"))
    assert program("train", "--config-dir", "none").err.startswith("chainrule: --config-dir: there is no folder ")
