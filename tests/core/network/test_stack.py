"""What a layer may do while it is built: parameters, buffers, randomness, and layers inside layers."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.process.garbage import searched_later

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 4))
Y = RNG.normal(size=(5, 4))


@dataclass
class Residual(cr.Layer):
    """$y = x + body(x)$."""

    body: Sequence[str | Mapping[str, Any] | cr.Layer] | str | Mapping[str, Any] | cr.Layer = ()

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.stack = self.child("body", self.body)
        if self.stack.build(input_shape) != input_shape:
            raise cr.ShapeError("the body must keep the shape")
        return input_shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        return x + self.stack.forward(x, training)

    def backward(self, dy: cr.Array) -> cr.Array:
        return dy + self.stack.backward(dy)


@dataclass
class Added(cr.Layer):
    """$y = f_1(x) + f_2(x) + ...$"""

    parts: Sequence[str | cr.Layer | Sequence[str | Mapping[str, Any] | cr.Layer | cr.Activation]] = ()

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.stacks = self.child("parts", self.parts)
        for stack in self.stacks:
            stack.build(input_shape)
        return input_shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        return sum((stack.forward(x, training) for stack in self.stacks), np.zeros_like(x))

    def backward(self, dy: cr.Array) -> cr.Array:
        return sum((stack.backward(dy) for stack in self.stacks), np.zeros_like(dy))


@dataclass
class Gated(cr.Layer):
    """$y = gate(x W) \\odot x$: an activation that the layer applies itself, since its field has another name."""

    gate: str | Mapping[str, Any] | cr.Activation = "sigmoid"
    initializer: str | cr.Initializer = "glorot_uniform"

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.W = self.parameter("W", (*input_shape, *input_shape), self.initializer)
        self.g = self.child("gate", self.gate)
        return input_shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.x = x
        self.a = self.g.forward(x @ self.W.value)
        return self.a * x

    def backward(self, dy: cr.Array) -> cr.Array:
        dz = self.g.backward(dy * self.x)
        self.W.grad = self.x.T @ dz
        return dy * self.a + dz @ self.W.value.T


@dataclass
class Counting(cr.Layer):
    """Counts its training passes in a buffer, and adds the count to x."""

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.count = self.buffer("count", (1,), 3.0)
        return input_shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.count.value += training
        return x + self.count.value

    def backward(self, dy: cr.Array) -> cr.Array:
        return dy


@dataclass
class Noise(cr.Layer):
    """Adds noise, of which it draws as much as it is told."""

    draws: int = 1

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        return input_shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.drawn = [self.rng.normal(size=x.shape) for _ in range(self.draws)]
        return x + self.drawn[0]

    def backward(self, dy: cr.Array) -> cr.Array:
        return dy


def dense(units: int = 4, **fields: Any) -> dict[str, Any]:
    return {"name": "dense", "units": units, **fields}


def network(*layers: Any, shape: tuple[int, ...] = (4,), dtype: str = "float64", **rest: Any) -> cr.Network:
    return cr.Network(list(layers), shape, "mse", dtype=dtype, task="regression", **rest)


# ---- unfolding


def test_a_layers_activation_is_a_step_of_its_own_behind_it() -> None:
    net = network(dense(3, activation="relu"), "tanh", dense(4))
    assert net.names == ["0.dense", "0.dense.relu", "1.tanh", "2.dense", "2.dense.linear"]
    assert [cr.registry().name_of(layer) for layer in net.layers] == ["dense", "relu", "tanh", "dense", "linear"]
    z = X @ net.parameters["0.dense.W"].value
    a = np.tanh(np.maximum(z, 0))
    assert np.allclose(net.predict(X), a @ net.parameters["2.dense.W"].value, rtol=1e-12)


def test_an_activation_in_a_field_of_another_name_is_the_layers_own() -> None:
    net = network(Gated())
    assert net.names == ["0.gated"]
    gate = 1 / (1 + np.exp(-X @ net.parameters["0.gated.W"].value))
    assert np.allclose(net.predict(X), gate * X, rtol=1e-12)
    assert max(cr.gradient_check(net, X, Y).values()) < 1e-6


# ---- layers inside layers


def test_a_residual_block_adds_what_its_layers_give() -> None:
    net = network(
        Residual([dense(7, activation="tanh"), "dropout", dense(4)]), Residual(dense(4, activation="sigmoid"))
    )
    names = [p.name for p in net.parameters]
    assert names == [
        "0.residual.body.0.dense.W",
        "0.residual.body.0.dense.b",
        "0.residual.body.2.dense.W",
        "0.residual.body.2.dense.b",
        "1.residual.body.0.dense.W",
        "1.residual.body.0.dense.b",
    ]
    inner = np.tanh(X @ net.parameters[names[0]].value) @ net.parameters[names[2]].value
    y = X + inner
    expected = y + 1 / (1 + np.exp(-y @ net.parameters[names[4]].value))
    assert np.allclose(net.predict(X), expected, rtol=1e-12)


def test_gradients_pass_through_nested_layers() -> None:
    deep = Residual([Residual([dense(4, activation="tanh"), Gated()]), "sigmoid", "dropout", dense(4)])
    errors = cr.gradient_check(network(dense(4), deep, dense(4)), X, Y)
    assert len(errors) == 9
    assert max(errors.values()) < 1e-6


def test_an_empty_list_of_layers_hands_on() -> None:
    assert np.array_equal(network(Residual([])).predict(X), 2 * X)


def test_lists_of_layers_in_a_list_are_a_stack_each() -> None:
    net = network(Added([[dense(4), "tanh"], [], "sigmoid", [Added([[dense(4, bias=False)]])]]))
    names = ["0.added.parts.0.0.dense.W", "0.added.parts.0.0.dense.b", "0.added.parts.3.0.added.parts.0.0.dense.W"]
    assert [p.name for p in net.parameters] == names
    first, last = (net.parameters[name].value for name in (names[0], names[2]))
    assert np.allclose(net.predict(X), np.tanh(X @ first) + X + 1 / (1 + np.exp(-X)) + X @ last, rtol=1e-12)
    assert max(cr.gradient_check(net, X, Y).values()) < 1e-6
    assert network(Added([])).predict(X).tolist() == np.zeros_like(X).tolist()


def test_a_network_with_lists_of_layers_in_a_list_is_copied_with_instances_of_its_own() -> None:
    net = network(Added([[cr.make("layer", "dense", units=4)], ["dropout"]]))
    twin = net.copy()
    assert np.array_equal(twin.predict(X), net.predict(X))
    layers = [n.layers[0].stacks[0].steps[0].layer for n in (net, twin)]
    assert layers[0] is not layers[1]
    assert net.architecture()["layers"][0]["parts"][0][0]["units"] == 4


def test_one_field_of_layers_cannot_be_taken_twice() -> None:
    class Twice(Residual):
        def build(self, input_shape: cr.Shape) -> cr.Shape:
            self.child("body", self.body)
            return super().build(input_shape)

    with pytest.raises(cr.ContractError, match=r"0\.twice declares 'body' twice"):
        network(Twice([dense(4)]))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([dense(4), "dens"], 'layers.1: there is no layer "dens". Did you mean "dense"?'),
        (["rellu"], 'layers.0: there is no layer "rellu". Did you mean "relu"?'),
        ([dense(4), {"name": "dropout", "rate": 2.0}], "layers.1.rate: got 2.0, must be at least 0 and less than 1"),
        ([dense(0)], "layers.0.units: got 0, must be at least 1"),
        ([dense(4, activation="reluu")], 'layers.0.activation: there is no activation "reluu". Did you mean "relu"?'),
        ([dense(4, initializer="he")], 'layers.0: there is no initializer "he".'),
        (["flatten", 3], "layers.1: got 3, expected the name of a component of kind layer"),
        ([cr.make("loss", "mse")], "layers.0: got "),
        ([Residual([dense(4), dense(3)])], "layers.0: the body must keep the shape"),
        ([Residual([dense(4), dense(0)])], "layers.0.body.1.units: got 0, must be at least 1"),
        ([Residual([dense(4, activation="reluu")])], 'layers.0.body.0.activation: there is no activation "reluu"'),
        ([dense(4), Residual(dense(0))], "layers.1.body.units: got 0, must be at least 1"),
        ([Added([["tanh"], ["tanh", dense(0)]])], "layers.0.parts.1.1.units: got 0, must be at least 1"),
        ([Added(["tanh", "tahn"])], 'layers.0.parts.1: there is no layer "tahn". Did you mean "tanh"?'),
        ([Residual([Residual(["dropuot"])])], 'layers.0.body.0.body.0: there is no layer "dropuot"'),
    ],
)
def test_errors_name_the_place(layers: list[Any], message: str) -> None:
    with pytest.raises(cr.ConfigError) as caught:
        network(*layers)
    assert str(caught.value).startswith(message)


def test_shapes_that_do_not_fit_name_the_layers_position() -> None:
    with pytest.raises(cr.ShapeError) as caught:
        network("relu", dense(3), shape=(2, 2))
    assert str(caught.value) == (
        "layers.1: dense takes vectors, of shape (features,), got input of shape (2, 2): put a flatten before it"
    )
    with pytest.raises(cr.ShapeError, match=r"^layers\.1\.body\.0: dense takes vectors"):
        network("relu", Residual([dense(3)]), shape=(2, 2))


# ---- instances


def test_one_instance_used_twice_is_refused() -> None:
    layer, relu = cr.make("layer", "dense", units=4), cr.make("activation", "relu")
    message = "one instance of Dense is used twice in this network; make one for each place"
    with pytest.raises(cr.ConfigError, match=rf"^layers\.1: {message}"):
        network(layer, layer)
    with pytest.raises(cr.ConfigError, match=rf"^layers\.1\.body\.0: {message}"):
        network(layer, Residual([layer]))
    with pytest.raises(cr.ConfigError, match=r"^layers\.1\.activation: one instance of ReLU is used twice"):
        network(dense(4, activation=relu), dense(4, activation=relu))


def test_an_initializer_may_be_used_for_several_parameters() -> None:
    constant = cr.make("initializer", "constant", value=2.0)
    net = network(dense(4, initializer=constant, bias_initializer=constant), Gated(initializer=constant))
    assert (net.parameters.theta == 2).all()


def test_instances_that_layers_make_for_themselves_are_told_apart() -> None:
    @dataclass
    class Own(cr.Layer):
        activation: str | cr.Activation = "linear"

        def build(self, input_shape: cr.Shape) -> cr.Shape:
            for _ in range(100):  # each may lie where the one before it lay
                self.child("activation", cr.make("activation", "tanh"))
            return input_shape

        def forward(self, x: cr.Array, training: bool) -> cr.Array:
            return x

        def backward(self, dy: cr.Array) -> cr.Array:
            return dy

    assert network(Own(), Own()).names == ["0.own", "0.own.tanh", "1.own", "1.own.tanh"]


def test_the_network_works_on_copies_of_given_instances() -> None:
    layer, loss = cr.make("layer", "dense", units=1), cr.make("loss", "mse")
    fields = dict(vars(layer)), dict(vars(loss))
    nets = [cr.Network([layer], (4,), loss, seed=seed) for seed in (0, 1)]
    nets[0].loss_and_gradient(X, Y[:, 0])
    assert (vars(layer), vars(loss)) == fields
    assert not np.shares_memory(nets[0].parameters.theta, nets[1].parameters.theta)
    assert not np.array_equal(nets[0].parameters.theta, nets[1].parameters.theta)


# ---- parameters, buffers, randomness


@dataclass
class Declares(cr.Layer):
    """Does in ``build`` what it is told."""

    what: str = ""

    def build(self, input_shape: cr.Shape) -> Any:
        if self.what == "early":
            return self.parameter("W", (2,), "zeros").value
        if self.what == "twice":
            self.parameter("W", (2,), "zeros")
            self.buffer("W", (2,))
        if self.what == "nobody":
            self.child("nobody", "relu")
        if self.what == "what":
            self.child("what", "relu")
        if self.what == "misshapen":
            self.parameter("W", (2,), Misshapen())
        return {"list": [4], "none": None, "zero": (0,), "float": (2.0,)}.get(self.what, input_shape)

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        return x

    def backward(self, dy: cr.Array) -> cr.Array:
        return dy


@dataclass
class Misshapen(cr.Initializer):
    """Gives another shape than it was asked for."""

    def __call__(self, shape: cr.Shape, rng: np.random.Generator, dtype: Any) -> cr.Array:
        return np.zeros((1, *shape), dtype)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("early", "parameter 0.declares.W has no value before the whole network is built"),
        ("twice", "0.declares declares 'W' twice"),
        ("nobody", "Declares has no field 'nobody' whose type names a kind of component"),
        ("what", "Declares has no field 'what' whose type names a kind of component"),
        ("list", "build of 0.declares must return the output's shape as a tuple of sizes, got [4]"),
        ("none", "build of 0.declares must return the output's shape as a tuple of sizes, got None"),
        ("zero", "build of 0.declares must return the output's shape as a tuple of sizes, got (0,)"),
        ("float", "build of 0.declares must return the output's shape as a tuple of sizes, got (2.0,)"),
        ("misshapen", "Misshapen gave shape (1, 2) for 0.declares.W, not (2,)"),
    ],
)
def test_a_layer_that_breaks_its_contract_is_named(what: str, message: str) -> None:
    with pytest.raises(cr.ContractError) as caught:
        network(Declares(what))
    assert str(caught.value) == message


@dataclass
class Late(cr.Layer):
    """Declares something after it was built."""

    what: str = ""
    field: str | cr.Layer = "flatten"

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        if self.what == "stack":
            stack = self.child("field", self.field)
            stack.build(input_shape)
            stack.build(input_shape)
        return input_shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        declare = {"parameter": lambda: self.parameter("W", (1,), "zeros"), "buffer": lambda: self.buffer("n", (1,))}
        declare.get(self.what, lambda: self.child("field", self.field))()
        return x


@pytest.mark.parametrize(("what", "name"), [("parameter", "W"), ("buffer", "n"), ("child", "field")])
def test_what_is_declared_after_the_network_was_built_is_refused(what: str, name: str) -> None:
    late = network(Late(what))
    with pytest.raises(cr.ContractError) as caught:
        late.predict(X)
    assert str(caught.value) == f"0.late declares the {what} '{name}' after it was built: declare it in build()"


def test_layers_are_built_once() -> None:
    with pytest.raises(cr.ContractError, match=r"the layers 0\.late\.field\.field, \.\.\. are built twice"):
        network(Late("stack"))


def test_a_network_goes_when_nobody_refers_to_it() -> None:
    with searched_later():
        net = network(Residual([Gated(), "dropout", Residual(dense())]), dense(), "relu")
        net.loss_and_gradient(X, Y)
        network_and_parts = [weakref.ref(thing) for thing in (net, *net.components)]
        del net
        assert [part() for part in network_and_parts] == [None] * len(network_and_parts)


def test_outside_a_network_a_layer_has_nothing() -> None:
    for use in (lambda layer: layer.rng, lambda layer: layer.dtype, lambda layer: layer.build((4,))):
        with pytest.raises(cr.ContractError, match="Gated is not part of a network yet: parameters, buffers, children"):
            use(Gated())


def test_a_buffer_has_the_networks_dtype_and_is_kept() -> None:
    net = network(Counting(), dense(1), dtype="float32")
    [buffer] = net.buffers
    assert (buffer.name, buffer.value.dtype, buffer.value.tolist()) == ("0.counting.count", np.float32, [3])
    kept = net.snapshot()
    net.loss_and_gradient(X, Y[:, 0])
    net.predict(X)
    assert buffer.value.tolist() == [4]
    net.restore(kept)
    assert buffer.value.tolist() == [3]
    assert net.buffers[0] is buffer


def test_each_layer_draws_from_a_stream_of_its_own() -> None:
    once, often = (network(Noise(draws), Noise(), "dropout") for draws in (1, 3))
    for _ in range(2):
        for net in (once, often):
            net.loss_and_gradient(X, Y)
        assert np.array_equal(once.layers[1].drawn[0], often.layers[1].drawn[0])
        assert np.array_equal(once.layers[2].mask, often.layers[2].mask)
    assert not np.array_equal(once.layers[0].drawn[0], once.layers[1].drawn[0])


def test_the_seed_decides_what_layers_draw() -> None:
    first, same, other = (network(Noise(), seed=seed) for seed in (1, 1, 2))
    for net in (first, same, other):
        net.predict(X)
    assert np.array_equal(first.layers[0].drawn[0], same.layers[0].drawn[0])
    assert not np.array_equal(first.layers[0].drawn[0], other.layers[0].drawn[0])


def test_what_layers_draw_does_not_change_the_initial_weights() -> None:
    plain, noisy = network(dense(3), dense(4)), network(dense(3), Noise(5), dense(4))
    assert np.array_equal(plain.parameters.theta, noisy.parameters.theta)


def test_random_state_can_be_taken_up_again() -> None:
    net = network(Noise(), "dropout")
    first = net.loss_and_gradient(X, Y)[0]
    state = net.random_state()
    second = net.loss_and_gradient(X, Y)[0]
    net.set_random_state(state)
    assert net.loss_and_gradient(X, Y)[0] == second != first


# ---- the backward pass


@pytest.mark.parametrize(
    "layers",
    [
        [dense(3, activation="tanh"), dense(4)],
        ["tanh", "dropout", dense(3, activation="relu"), Gated(), dense(4)],
        [Residual([dense(4, activation="sigmoid")]), dense(4)],
        [Gated(), "sigmoid"],
        ["tanh", "sigmoid"],
    ],
)
def test_backward_parameters_gives_the_same_gradient_as_backward(layers: list[Any]) -> None:
    net = network(*layers)
    net.loss_and_gradient(X, Y)
    fast = net.parameters.grad.copy()
    net.parameters.grad[...] = np.nan
    dx = net._stack.backward(net.loss.backward())
    assert np.array_equal(net.parameters.grad, fast)
    assert dx.shape == X.shape


def test_no_layer_below_the_first_parameters_is_asked_to_go_back() -> None:
    @dataclass
    class OneWay(Noise):
        def backward(self, dy: cr.Array) -> cr.Array:
            raise AssertionError("nobody needs this")

    net = network("tanh", OneWay(), dense(3, activation="relu"), dense(4))
    net.loss_and_gradient(X, Y)
    assert net.parameters["2.dense.W"].grad.any()


def test_the_gradient_with_respect_to_the_input_is_right() -> None:
    net = network("tanh", dense(3, activation="sigmoid"), Gated(), Residual([dense(3)]), dense(4))
    targets = net.targets(Y)
    net.compute_loss(X, targets, training=True)
    dx = net._stack.backward(net.loss.backward()).copy()
    numeric = np.empty_like(X)
    for i in np.ndindex(X.shape):
        shifted = [X.copy(), X.copy()]
        shifted[0][i] += 1e-6
        shifted[1][i] -= 1e-6
        up, down = (net.compute_loss(x, targets, training=True) for x in shifted)
        numeric[i] = (up - down) / 2e-6
    assert np.abs(dx - numeric).max() < 1e-8
