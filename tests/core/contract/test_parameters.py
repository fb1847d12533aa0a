"""All parameters lie in one flat vector, those that decay first, and every name is a view of its place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr


def declared(*specs: tuple[str, tuple[int, ...], bool]) -> list[cr.Parameter]:
    return [cr.Parameter(name, shape, "zeros", decay) for name, shape, decay in specs]


def two_layers() -> list[cr.Parameter]:
    return declared(("0.W", (2, 3), True), ("0.b", (3,), False), ("1.W", (3, 1), True), ("1.b", (1,), False))


def test_weights_come_first_and_each_half_keeps_the_order_of_layers() -> None:
    parameters = cr.Parameters.allocate(two_layers(), np.dtype("float64"))
    parameters.theta[...] = np.arange(13)
    assert [p.name for p in parameters] == ["0.W", "0.b", "1.W", "1.b"]
    assert parameters["0.W"].value.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert parameters["1.W"].value.tolist() == [[6], [7], [8]]
    assert parameters["0.b"].value.tolist() == [9, 10, 11]
    assert parameters["1.b"].value.tolist() == [12]
    assert parameters.decaying == slice(0, 9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_and_gradients_are_views_of_contiguous_vectors(dtype: str) -> None:
    parameters = cr.Parameters.allocate(two_layers(), np.dtype(dtype))
    for vector in (parameters.theta, parameters.grad):
        assert (vector.dtype, vector.shape, vector.flags["C_CONTIGUOUS"]) == (np.dtype(dtype), (13,), True)
        assert not vector.any()
    for p in parameters:
        assert np.shares_memory(p.value, parameters.theta)
        assert np.shares_memory(p.grad, parameters.grad)
        assert not np.shares_memory(p.value, parameters.grad)


def test_assigning_copies_into_the_view() -> None:
    parameters = cr.Parameters.allocate(two_layers(), np.dtype("float32"))
    given = np.array([1.0, 2.0, 3.0])
    parameters["0.b"].value = given
    parameters["0.b"].grad = 5
    given[:] = 0
    assert parameters["0.b"].value.dtype == np.float32
    assert parameters.theta[9:12].tolist() == [1, 2, 3]
    assert parameters.grad[9:12].tolist() == [5, 5, 5]
    with pytest.raises(ValueError, match="broadcast"):
        parameters["0.b"].value = np.zeros(4)


def test_before_the_network_is_built_there_is_no_value() -> None:
    [parameter] = declared(("0.W", (2, 3), True))
    with pytest.raises(cr.ContractError, match=r"parameter 0\.W has no value before the whole network is built"):
        _ = parameter.value
    with pytest.raises(cr.ContractError, match=r"parameter 0\.W has no gradient before the whole network is built"):
        _ = parameter.grad


def test_an_unknown_name_lists_the_known_ones() -> None:
    parameters = cr.Parameters.allocate(two_layers(), np.dtype("float32"))
    with pytest.raises(KeyError, match=r'. Did you mean "0\.b"\? Known: 0\.W, 0\.b, 1\.W, 1\.b\.'):
        parameters["0.w"]


def test_a_parameter_shows_what_it_is() -> None:
    assert repr(declared(("0.b", (3,), False))[0]) == "Parameter('0.b', shape=(3,), decay=False)"


def test_a_buffer_is_copied_into() -> None:
    buffer = cr.Buffer("0.mean", np.zeros(2, np.float32))
    kept = buffer.value
    buffer.value = np.array([1.0, 2.0])
    assert kept.tolist() == [1, 2]
    assert kept.dtype == np.float32


shapes = st.lists(st.tuples(st.lists(st.integers(1, 4), max_size=3).map(tuple), st.booleans()), max_size=6)


@given(shapes)
def test_the_views_tile_the_vector(specs: list[tuple[tuple[int, ...], bool]]) -> None:
    named = declared(*((f"p{i}", shape, decay) for i, (shape, decay) in enumerate(specs)))
    parameters = cr.Parameters.allocate(named, np.dtype("float64"))
    for p in parameters:
        p.value[...] += 1
        p.grad[...] += 1
    assert (parameters.theta == 1).all()
    assert (parameters.grad == 1).all()
    assert len(parameters) == len(specs)
    assert parameters.theta.size == sum(p.size for p in parameters)
    parameters.theta[parameters.decaying] = 7
    for p in parameters:
        assert (p.value == (7 if p.decay else 1)).all()
