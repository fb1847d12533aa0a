"""The tree of exceptions, the paths that errors gather on their way up, and the names that messages suggest."""

import inspect
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import errors

CONFIG_ERRORS = [cr.ConfigError, cr.UnknownName, cr.FieldError, cr.ShapeError, cr.UnsafeConfig]


def test_each_level_adds_its_part_to_the_key() -> None:
    with pytest.raises(cr.FieldError) as caught, cr.within("model"), cr.within("layers"), cr.within("0"):
        raise cr.FieldError("got 0, must be at least 1", key="units")
    assert caught.value.key == "model.layers.0.units"
    assert str(caught.value) == "model.layers.0.units: got 0, must be at least 1"


def test_a_key_is_made_where_there_was_none() -> None:
    with pytest.raises(cr.ConfigError, match=r"^loss: wrong$"), cr.within("loss"):
        raise cr.ConfigError("wrong")


def test_an_error_without_a_key_is_its_message_alone() -> None:
    assert str(cr.ConfigError("wrong")) == "wrong"


def test_within_leaves_other_errors_and_success_alone() -> None:
    with cr.within("model"):
        pass
    with pytest.raises(cr.DataError, match=r"^damaged$"), cr.within("dataset"):
        raise cr.DataError("damaged")


@pytest.mark.parametrize("kind", CONFIG_ERRORS)
def test_config_errors_survive_pickling(kind: type[cr.ConfigError]) -> None:
    copy = pickle.loads(pickle.dumps(kind("got 0", key="a.b")))
    assert (type(copy), copy.message, copy.key, str(copy)) == (kind, "got 0", "a.b", "a.b: got 0")


def fail_in_a_worker() -> None:
    with cr.within("optimizer"):
        raise cr.FieldError("got -1, must be more than 0", key="lr")


def test_a_config_error_crosses_processes_with_its_key() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        error = pool.submit(fail_in_a_worker).exception()
    assert isinstance(error, cr.FieldError)
    assert str(error) == "optimizer.lr: got -1, must be more than 0"
    with pytest.raises(cr.FieldError, match=r"^0\.optimizer\.lr: got"), cr.within("0"):
        raise error


def test_every_exception_hangs_in_the_tree_of_the_module_docstring() -> None:
    tree = errors.__doc__ or ""
    for cls in vars(errors).values():
        if inspect.isclass(cls) and issubclass(cls, BaseException):
            assert issubclass(cls, cr.ChainruleError)
            assert cls.__name__ in tree


def test_exit_status_tells_a_failed_run_from_what_the_user_can_mend() -> None:
    assert cr.NonFiniteError.exit_status == 1
    assert {cr.ConfigError.exit_status, cr.DataError.exit_status, cr.TrackingError.exit_status} == {2}


@pytest.mark.parametrize(
    ("name", "known", "message"),
    [
        ("admm", ["sgd", "adam"], 'Did you mean "adam"? Known: adam, sgd.'),
        ("xyz", ["sgd", "adam"], "Known: adam, sgd."),
        ("anything", [], "None is known."),
        (7, ["seven"], "Known: seven."),
        ("name_07", [f"name_{i:02}" for i in range(13)], 'Did you mean "name_07"?'),
    ],
)
def test_did_you_mean(name: object, known: list[str], message: str) -> None:
    assert cr.did_you_mean(name, known) == message


def test_many_names_are_all_listed_where_none_is_close() -> None:
    known = [f"name_{i}" for i in range(20)]
    assert all(name in cr.did_you_mean("qqq", known) for name in known)


@given(st.text(alphabet="abcdefgh_", min_size=3, max_size=12))
def test_a_name_with_one_letter_too_many_is_recognized(name: str) -> None:
    assert f'Did you mean "{name}"?' in cr.did_you_mean(name + "z", [name, "0000", "1111"])
