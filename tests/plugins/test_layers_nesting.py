"""residual and branches against the same network written out, and what they do to gradients, buffers and files."""

from dataclasses import dataclass

import numpy as np
import pytest

import chainrule as cr
from chainrule_plugins.layers import Branches, Residual


def sample(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def dense(units=4, **fields):
    return {"name": "dense", "units": units, **fields}


def network(*layers, shape=(4,), dtype="float64", **rest):
    return cr.Network([*layers], shape, "mse", dtype=dtype, task="regression", **rest)


# ---- residual


def test_residual_adds_its_input_forwards_and_dy_backwards():
    net = network(Residual([dense(3, activation="tanh"), dense(4)]))
    W, b, V, c = (p.value for p in net.parameters)
    b[...], c[...] = sample(3, seed=5), sample(4, seed=6)
    x, dy, layer = sample(5, 4), sample(5, 4, seed=1), net.layers[0]
    h = np.tanh(np.einsum("nf,fu->nu", x, W) + b)
    np.testing.assert_allclose(layer.forward(x, True), x + np.einsum("nf,fu->nu", h, V) + c, rtol=1e-12)
    dz = np.einsum("nu,fu->nf", dy, V) * (1 - h**2)
    np.testing.assert_allclose(layer.backward(dy), dy + np.einsum("nu,fu->nf", dz, W), rtol=1e-10, atol=1e-10)
    for parameter, grad in zip(net.parameters, [x.T @ dz, dz.sum(axis=0), h.T @ dy, dy.sum(axis=0)]):
        np.testing.assert_allclose(parameter.grad, grad, rtol=1e-10, atol=1e-10)


def test_a_shortcut_takes_the_place_of_the_input():
    net = network(Residual([dense(3)], shortcut=[dense(3, bias=False)]))
    assert [p.name for p in net.parameters] == [
        "0.residual.layers.0.dense.W",
        "0.residual.layers.0.dense.b",
        "0.residual.shortcut.0.dense.W",
    ]
    W, b, V = (p.value for p in net.parameters)
    x, dy, layer = sample(5, 4), sample(5, 3, seed=1), net.layers[0]
    np.testing.assert_allclose(layer.forward(x, True), x @ (W + V) + b, rtol=1e-12)
    np.testing.assert_allclose(layer.backward(dy), dy @ (W + V).T, rtol=1e-12)
    np.testing.assert_allclose(net.parameters["0.residual.shortcut.0.dense.W"].grad, x.T @ dy, rtol=1e-12)


def test_a_block_of_convolutions_with_batch_norm_has_right_gradients_and_keeps_its_statistics(tmp_path):
    block = Residual(
        [
            {"name": "conv2d", "filters": 3, "padding": "same", "stride": 2, "bias": False},
            "batch_norm",
            "tanh",
            {"name": "conv2d", "filters": 3, "padding": "same"},
        ],
        shortcut=[{"name": "conv2d", "filters": 3, "kernel": 1, "stride": 2, "bias": False}],
    )
    net = network(block, "tanh", Residual(["layer_norm", "sigmoid"]), "flatten", dense(2), shape=(5, 6, 2))
    assert max(cr.gradient_check(net, sample(6, 5, 6, 2), sample(6, 2)).values()) < 1e-6
    assert [b.name.rpartition(".")[0] for b in net.buffers] == ["0.residual.layers.1.batch_norm"] * 2
    for seed in range(3):
        net.loss_and_gradient(sample(6, 5, 6, 2, seed=seed) + 3, sample(6, 2))
    assert net.buffers[0].value.any()
    x = sample(4, 5, 6, 2)
    net.save(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(cr.load_network(tmp_path / "net.safetensors").predict(x), net.predict(x))
    assert "layer.batch_norm" in net.provenance()


def test_a_hundred_of_them_hand_the_gradient_down():
    """Dense layers alone, as narrow, shrink it to nothing; beside their inputs they do not."""
    small = {"name": "normal", "std": 0.1}
    parts = [dense(8, activation="tanh", initializer=small) for _ in range(100)]
    sizes = []
    for net in (network(*parts, shape=(8,)), network(*[Residual([part]) for part in parts], shape=(8,))):
        net.loss_and_gradient(sample(16, 8), sample(16, 8, seed=1))
        first, last = (net.parameters[p.name].grad for p in (net.parameters.named[1], net.parameters.named[-1]))
        sizes.append(np.abs(first).max() / np.abs(last).max())
    assert sizes[0] < 1e-20
    assert sizes[1] > 1e-2


def test_layers_that_change_the_shape_are_refused_with_both_shapes():
    with pytest.raises(cr.ShapeError) as caught:
        network(Residual([dense(3)]))
    assert str(caught.value) == (
        "layers.0: residual adds what its layers give, of shape (3,), to another shape: without a shortcut its input "
        "keeps (4,); take layers, or layers of a shortcut, that give the same"
    )
    with pytest.raises(cr.ShapeError) as caught:
        network(Residual([dense(3)], shortcut=[dense(5)]))
    assert str(caught.value) == (
        "layers.0: residual adds what its layers give, of shape (3,), to another shape: its shortcut (5,); take "
        "layers, or layers of a shortcut, that give the same"
    )


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Residual([dense(4), dense(0)]), "layers.0.layers.1.units: got 0, must be at least 1"),
        (Residual([dense(3)], shortcut=["dens"]), 'layers.0.shortcut.0: there is no layer "dens"'),
        (Branches([[], [dense(0)]]), "layers.0.branches.1.0.units: got 0, must be at least 1"),
        (Branches([["tanh", "tahn"]]), 'layers.0.branches.0.1: there is no layer "tahn"'),
    ],
)
def test_errors_name_the_place_of_an_inner_layer(layer, message):
    with pytest.raises(cr.ConfigError) as caught:
        network(layer)
    assert str(caught.value).startswith(message)


# ---- branches


@pytest.mark.parametrize("merge", ["sum", "mean", "concatenate"])
def test_branches_put_together_what_each_gives_and_add_up_their_gradients(merge):
    net = network(Branches([[dense(4)], ["tanh"], []], merge))
    W, b = (p.value for p in net.parameters)
    b[...] = sample(4, seed=5)
    x, layer = sample(5, 4), net.layers[0]
    parts = [x @ W + b, np.tanh(x), x]
    expected = np.concatenate(parts, axis=1) if merge == "concatenate" else sum(parts) / (3 if merge == "mean" else 1)
    y = layer.forward(x, True)
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    assert net.output_shape == y.shape[1:]
    dy = sample(*y.shape, seed=1)
    if merge == "concatenate":
        first, second, third = dy[:, :4], dy[:, 4:8], dy[:, 8:]
    else:
        first = second = third = dy / (3 if merge == "mean" else 1)
    np.testing.assert_allclose(layer.backward(dy), first @ W.T + second * (1 - np.tanh(x) ** 2) + third, rtol=1e-10)
    np.testing.assert_allclose(net.parameters["0.branches.branches.0.0.dense.W"].grad, x.T @ first, rtol=1e-10)
    np.testing.assert_allclose(net.parameters["0.branches.branches.0.0.dense.b"].grad, first.sum(axis=0), rtol=1e-10)


@pytest.mark.parametrize("merge", ["sum", "mean", "concatenate"])
def test_gradients_through_branches_of_convolutions(merge):
    module = Branches(
        [
            [{"name": "conv2d", "filters": 2, "kernel": 1, "activation": "tanh"}],
            [{"name": "conv2d", "filters": 3, "kernel": 1}, {"name": "conv2d", "filters": 2, "padding": "same"}],
            [
                {"name": "depthwise_conv2d", "padding": "same"},
                "batch_norm",
                Residual(["sigmoid"]),
            ],
        ],
        merge,
    )
    net = network(module, "tanh", "flatten", dense(2), shape=(4, 5, 2))
    assert max(cr.gradient_check(net, sample(6, 4, 5, 2), sample(6, 2)).values()) < 1e-6


@pytest.mark.parametrize("merge", ["sum", "mean", "concatenate"])
def test_backward_parameters_of_what_is_nested_writes_the_same_gradients(merge):
    inner = Branches([[dense(4, activation="tanh")], [], [dense(4), "dropout"]], merge)
    net = network(Residual([dense(4), inner, dense(4)]), dense(2))
    net.loss_and_gradient(sample(5, 4), sample(5, 2))
    fast = net.parameters.grad.copy()
    net.parameters.grad[...] = np.nan
    net._stack.backward(net.loss.backward())
    np.testing.assert_array_equal(net.parameters.grad, fast)


def test_a_copy_shares_no_layer_with_the_first_network():
    net = network(Branches([[cr.make("layer", "dense", units=4)], [Residual([cr.make("layer", "batch_norm")])]]))
    twin = net.copy()
    x = sample(5, 4)
    np.testing.assert_array_equal(twin.predict(x), net.predict(x))
    twin.loss_and_gradient(x + 9, sample(5, 4))
    assert twin.buffers[0].value.any()
    assert not net.buffers[0].value.any()


def test_from_yaml_lists_of_lists_are_branches():
    net = network({"name": "branches", "branches": [[dense(2), "tanh"], ["flatten"]], "merge": "concatenate"})
    assert net.output_shape == (6,)
    assert net.architecture()["layers"][0]["branches"][1] == ["flatten"]
    assert {"layer.branches", "layer.dense", "layer.flatten", "activation.tanh"} <= {*net.provenance()}


def test_no_branches_are_refused():
    with pytest.raises(cr.FieldError) as caught:
        Branches([])
    assert str(caught.value) == "branches: got [], must be at least one list of layers (Branches)"
    with pytest.raises(cr.FieldError, match=r"^branches: got \['flatten'\], expected a list, each element a list"):
        Branches(["flatten"])


@pytest.mark.parametrize(
    ("branches", "merge", "shape", "message"),
    [
        ([[dense(3)], []], "sum", (4,), "(3,), (4,), and sum takes shapes that are the same"),
        (
            [["flatten"], []],
            "mean",
            (2, 2),
            "(4,), (2, 2), and mean takes shapes that are the same",
        ),
        (
            [[], ["max_pool2d"]],
            "concatenate",
            (2, 2, 3),
            "(2, 2, 3), (1, 1, 3), and concatenate takes shapes that differ in the last axis alone",
        ),
        (
            [[], []],
            "concatenate",
            (),
            "(), (), and concatenate takes shapes that differ in the last axis alone",
        ),
    ],
)
def test_shapes_that_do_not_fit_together_are_refused(branches, merge, shape, message):
    with pytest.raises(cr.ShapeError) as caught:
        network(Branches(branches, merge), shape=shape)
    assert str(caught.value) == f"layers.0: branches give shapes {message}"


@pytest.mark.parametrize("merge", ["sum", "mean", "concatenate"])
def test_float32_stays_float32_and_nothing_is_written_to(merge):
    net = network(Branches([[Residual([])], [dense(4)], []], merge), dtype="float32")
    x = sample(3, 4).astype("float32")
    x.flags.writeable = False
    y = net.layers[0].forward(x, True)
    dy = y.copy()
    dy.flags.writeable = False
    assert (y.dtype, net.layers[0].backward(dy).dtype) == (np.float32, np.float32)


# ---- masks, and whole numbers


@dataclass
class Masked(cr.Layer):
    """Lets the steps through that count."""

    def build(self, input_shape):
        return input_shape

    def forward(self, x, training, mask=None):
        self.kept = np.ones(x.shape[:2], bool) if mask is None else mask
        return x * self.kept[..., None]

    def backward(self, dy):
        return dy * self.kept[..., None]


@dataclass
class Places(cr.Layer):
    """A learned number for each of so many whole numbers."""

    count: int = 5
    input_dtype = "int64"

    @property
    def input_range(self):
        return range(self.count)

    def build(self, input_shape):
        self.W = self.parameter("W", (self.count,), "normal")
        return input_shape

    def forward(self, x, training):
        self.x = x
        return self.W.value[x]

    def backward(self, dy):
        self.W.grad = 0
        np.add.at(self.W.grad, self.x, dy)
        return np.zeros_like(dy)


@pytest.mark.parametrize("merge", ["sum", "mean", "concatenate"])
def test_the_mask_reaches_layers_at_any_depth(merge):
    net = network(Branches([[Residual([Masked()], shortcut=["tanh", Masked()])], ["tanh"]], merge), shape=(3, 2))
    x, mask = sample(4, 3, 2), np.random.default_rng(0).random((4, 3)) < 0.5
    parts = [(x + np.tanh(x)) * mask[..., None], np.tanh(x)]
    expected = np.concatenate(parts, axis=-1) if merge == "concatenate" else sum(parts) / (2 if merge == "mean" else 1)
    np.testing.assert_allclose(net.layers[0].forward(x, False, mask), expected, rtol=1e-12)
    parts[0] = x + np.tanh(x)
    expected = np.concatenate(parts, axis=-1) if merge == "concatenate" else sum(parts) / (2 if merge == "mean" else 1)
    np.testing.assert_allclose(net.layers[0].forward(x, False), expected, rtol=1e-12)


@pytest.mark.parametrize("merge", ["sum", "concatenate"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_branches_that_begin_with_layers_of_whole_numbers_take_them(merge, dtype):
    net = network(Branches([[Places(5)], [Places(3), "tanh"]], merge), dense(2), shape=(4,), dtype=dtype)
    ids = np.array([[0, 1, 2, 2], [1, 1, 0, 2]])
    first, second = (net.parameters[f"0.branches.branches.{i}.0.places.W"].value for i in (0, 1))
    parts = [first[ids], np.tanh(second[ids])]
    y = net.layers[0].forward(ids, True)
    np.testing.assert_allclose(y, np.concatenate(parts, axis=-1) if merge == "concatenate" else sum(parts), rtol=1e-6)
    assert y.dtype == dtype
    assert net.loss_and_gradient(ids, sample(2, 2))[1].any()
    with pytest.raises(cr.DataError, match="3"):
        net.predict(ids + 1)


def test_branches_of_whole_and_of_any_numbers_are_refused():
    with pytest.raises(cr.ConfigError) as caught:
        network(Branches([[Places()], []]))
    assert str(caught.value) == (
        "layers.0: some branches take whole numbers and some any numbers: begin all of them alike"
    )
