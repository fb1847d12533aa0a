"""prelu: a leaky ReLU whose slopes are parameters of the network."""

import numpy as np
import pytest

import chainrule as cr

CLOSE = {"rtol": 1e-10, "atol": 1e-12}


def built(shape, dtype="float64", **fields):
    """The activation within a network, with slopes that all differ, and the parameter that holds them."""
    network = cr.Network([{"name": "prelu", **fields}], shape, "mse", dtype=dtype, task="regression")
    (slope,) = network.parameters
    slope.value = np.linspace(-0.5, 1.5, slope.size)
    return network.steps[0].layer, slope


@pytest.mark.parametrize("one_slope", [False, True])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (4, 2, 3)])
def test_it_is_the_papers(shape, one_slope):
    """He et al. 2015, equations 1 to 4, number by number."""
    prelu, slope = built(shape, one_slope=one_slope)
    z, da = (np.random.default_rng(seed).normal(size=(5, *shape)) for seed in (0, 1))
    z[0, ..., 0] = 0.0
    a, dz, ds = np.zeros_like(z), np.zeros_like(z), np.zeros(slope.size)
    for i in np.ndindex(z.shape):
        which = 0 if one_slope else i[-1]
        s = slope.value[which]
        a[i] = z[i] if z[i] > 0 else s * z[i]
        dz[i] = da[i] * (1 if z[i] > 0 else s)
        ds[which] += 0 if z[i] > 0 else da[i] * z[i]
    np.testing.assert_allclose(prelu.forward(z), a, **CLOSE)
    np.testing.assert_allclose(prelu.backward(da), dz, **CLOSE)
    np.testing.assert_allclose(slope.grad, ds, **CLOSE)


@pytest.mark.parametrize(("one_slope", "shape"), [(False, (3,)), (True, (1,))])
def test_what_it_declares(one_slope, shape):
    """As many slopes as channels, the last axis; they start alike, and no decay acts on them, as in the paper."""
    fields = {"slope": 0.1, "one_slope": one_slope}
    network = cr.Network([{"name": "prelu", **fields}], (4, 4, 3), "mse", dtype="float64", task="regression")
    (slope,) = network.parameters
    assert (slope.name, slope.shape, slope.decay) == ("0.prelu.slope", shape, False)
    np.testing.assert_array_equal(slope.value, 0.1)


def test_each_layer_that_names_it_has_slopes_of_its_own_and_learns_them():
    """The size of a number: right slopes are those of a straight line turned over, -1."""
    layers = [{"name": "dense", "units": 4, "activation": "prelu"}, {"name": "dense", "units": 1}]
    network = cr.Network(layers, (1,), "mse", dtype="float64", task="regression")
    names = [parameter.name for parameter in network.parameters if parameter.name.endswith("slope")]
    assert len(names) == 1
    x = np.linspace(-2, 2, 41)[:, None]
    assert max(cr.gradient_check(network, x, np.abs(x)).values()) < 1e-6
    cr.Trainer(network, {"name": "adam", "lr": 0.02}, batch_size=41).fit((x, np.abs(x)), epochs=300)
    assert network.evaluate(x, np.abs(x))["loss"] < 1e-3
    assert not np.allclose(network.parameters[names[0]].value, 0.25, atol=0.05)


def test_it_is_saved_and_loaded(tmp_path):
    layers = [{"name": "dense", "units": 2, "activation": {"name": "prelu", "one_slope": True}}]
    network = cr.Network(layers, (3,), "mse", task="regression")
    network.parameters.theta[...] = np.arange(network.parameters.theta.size)
    network.save(tmp_path / "network")
    x = np.random.default_rng(0).normal(size=(4, 3))
    np.testing.assert_array_equal(cr.load_network(tmp_path / "network").predict(x), network.predict(x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_computes_in_the_dtype_of_the_network(dtype):
    prelu, slope = built((3,), dtype)
    z = np.array([[-1e30, 0, 1e30]], dtype)
    assert prelu.forward(z).dtype == prelu.backward(np.ones_like(z)).dtype == slope.grad.dtype == dtype


@pytest.mark.parametrize("slope", [-0.1, 1.0])
def test_slopes_that_are_refused(slope):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("activation", "prelu", slope=slope)
    assert str(caught.value) == f"slope: got {slope}, must be at least 0 and less than 1 (PReLU)"


def test_single_numbers_have_no_channels():
    network = [{"name": "reshape", "shape": []}, "prelu"]
    with pytest.raises(cr.ConfigError, match="prelu takes samples of shape"):
        cr.Network(network, (1,), "mse")
