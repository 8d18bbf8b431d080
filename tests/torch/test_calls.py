"""Arguments and results: dtypes, memory, containers, constants."""

import collections
import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import frechet as fr

Pair = collections.namedtuple("Pair", "first second")


@dataclasses.dataclass
class Model:
    weights: object
    scale: float


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64, torch.complex128])
def test_dtypes_stay(dtype):
    x = torch.tensor([1.0, 2.0], dtype=dtype, requires_grad=True)
    y = fr.torch.wrap(lambda x: x * x)(x)
    assert y.dtype == dtype
    (g,) = torch.autograd.grad(y, x, torch.ones(2, dtype=dtype))
    assert g.dtype == dtype
    torch.testing.assert_close(g, 2 * x.detach())


shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)


@given(
    hnp.arrays(np.float64, shapes, elements=st.floats(-3, 3)),
    st.booleans(),
)
def test_values_and_gradients_are_those_of_numpy(x, transposed):
    """Of any shape, empty ones and numbers too, contiguous or not."""

    def f(x):
        return np.sin(x) * 2.0 + np.sum(x**2)

    x = x.T if transposed else x
    t = torch.from_numpy(x.copy().T.copy()).permute(tuple(reversed(range(x.ndim)))).requires_grad_()
    value, pullback = fr.vjp(f, x)
    y = fr.torch.wrap(f)(t)
    # NumPy sums in the order in which the numbers lie, so to rounding only.
    np.testing.assert_allclose(y.detach().numpy(), value, rtol=1e-14, atol=1e-13)
    w = np.cos(np.arange(float(x.size))).reshape(x.shape)
    (g,) = torch.autograd.grad(y, t, torch.from_numpy(w))
    assert g.shape == t.shape
    np.testing.assert_allclose(g.numpy(), pullback(w)[0], rtol=1e-14, atol=1e-13)


def test_views_of_other_memory():
    """Slices, conjugated and negated views, which PyTorch keeps unevaluated."""
    f = fr.torch.wrap(lambda x: x * 1.0)
    z = torch.tensor([1 + 2j, 3 - 1j, 2 + 0j], dtype=torch.complex128)
    for view in (z[::2], z.conj(), z.conj().imag, z.imag, z.real.flip(0), z.conj()[1:]):
        torch.testing.assert_close(f(view), view.resolve_conj().resolve_neg().clone())
    w = z.clone().requires_grad_()
    y = f(w)
    (g,) = torch.autograd.grad(y, w, z.conj())
    torch.testing.assert_close(g, z.conj().resolve_conj())


def test_memory_is_shared():
    seen = []
    x = torch.zeros(1000)
    fr.torch.wrap(lambda a: seen.append(a) or a * 1.0)(x)
    assert seen[0].__array_interface__["data"][0] == x.data_ptr()


def test_results_have_memory_of_their_own():
    x = torch.ones(3, dtype=torch.float64)
    kept = np.ones(3)
    for f in (lambda x: x, lambda x: x[:2], lambda x: (x, x), lambda x: [x + 1] * 2):
        results = fr.torch.wrap(f)(x)
        for y in results if isinstance(results, (tuple, list)) else [results]:
            y.add_(1)
        assert torch.equal(x, torch.ones(3, dtype=torch.float64))
        if isinstance(results, (tuple, list)):
            assert torch.equal(results[0], results[1])
            assert results[0].data_ptr() != results[1].data_ptr()
    assert kept.sum() == 3


def test_gradients_have_memory_of_their_own():
    """PyTorch adds to gradients in place: one handed to two arguments would be counted twice."""
    x, y = (torch.ones(2, dtype=torch.float64, requires_grad=True) for _ in "xy")
    f = fr.torch.wrap(lambda x, y: x + y)
    w = torch.ones(2, dtype=torch.float64)
    for _ in range(3):
        f(x, y).backward(w)
    assert torch.equal(x.grad, torch.full((2,), 3.0).double())
    assert torch.equal(y.grad, x.grad)
    assert torch.equal(w, torch.ones(2).double())
    f(x, y)
    with torch.autograd.forward_ad.dual_level():
        t = torch.ones(2, dtype=torch.float64)
        dual = torch.autograd.forward_ad.make_dual(x.detach(), t)
        out = torch.autograd.forward_ad.unpack_dual(fr.torch.wrap(lambda x: x)(dual)).tangent
        assert out.data_ptr() != t.data_ptr()


def test_arguments_are_read_only():
    def change(x):
        x += 1
        return x

    with pytest.raises(ValueError, match="read-only"):
        fr.torch.wrap(change)(torch.zeros(2))
    with pytest.raises(fr.InPlaceError, match="in place"):
        fr.torch.wrap(change)(torch.zeros(2, requires_grad=True))


def test_containers():
    def f(p, extra, *, scale=1.0):
        return {"x": p["a"] * scale + extra[0], "rest": Pair(p["b"].weights * p["b"].scale, [extra[1] ** 2])}

    a, w, e = (torch.full((2,), float(k), dtype=torch.float64, requires_grad=True) for k in (1, 2, 3))
    out = fr.torch.wrap(f)({"a": a, "b": Model(w, 5.0)}, (e, e), scale=4.0)
    assert list(out) == ["x", "rest"]
    assert isinstance(out["rest"], Pair)
    assert torch.equal(out["x"], 4 * a + e)
    assert torch.equal(out["rest"].first, 5 * w)
    assert torch.equal(out["rest"].second[0], e**2)
    total = out["x"].sum() + out["rest"].first.sum() + out["rest"].second[0].sum()
    ga, gw, ge = torch.autograd.grad(total, (a, w, e))
    assert ga.tolist() == [4.0, 4.0]
    assert gw.tolist() == [5.0, 5.0]
    assert ge.tolist() == [7.0, 7.0]
    model = fr.torch.wrap(lambda x: Model(x * 2, 3.0))(a)
    assert isinstance(model, Model)
    assert model.scale.item() == 3.0


def test_constants():
    f = fr.torch.wrap(lambda x, k, mode, data=None: x**k * (2.0 if mode == "double" else 1.0) * np.sum(data))
    x = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)
    for k, mode, data, expected in [
        (2, "double", np.ones(3), 24.0),
        (3, "plain", np.ones(1), 8.0),
        (2, "double", 1.0, 8.0),
        (2, "double", 2.0, 16.0),
    ]:
        assert f(x, k, mode, data=data).item() == expected
    sign = fr.torch.wrap(lambda x, c: x * np.copysign(1.0, c))
    assert sign(x, 0.0).item() == 2.0
    assert sign(x, -0.0).item() == -2.0
    kind = fr.torch.wrap(lambda x, c: x * (1.0 if c is True else 3.0))
    assert kind(x, True).item() == 2.0
    assert kind(x, 1).item() == 6.0
    assert kind(x, 1.0).item() == 6.0


def test_keys_of_dictionaries_and_their_order():
    """What is kept of a call must not serve for one whose dictionaries are equal, but not the same."""
    two, three = torch.tensor(2.0), torch.tensor(3.0)
    first = fr.torch.wrap(lambda parameters: next(iter(parameters.values())) * 1.0)
    named = fr.torch.wrap(lambda **parameters: next(iter(parameters.values())) * 1.0)
    for _ in range(2):
        assert first({"a": two, "b": three}).item() == 2.0
        assert first({"b": three, "a": two}).item() == 3.0
        assert named(a=two, b=three).item() == 2.0
        assert named(b=three, a=two).item() == 3.0
    nested = fr.torch.wrap(lambda model: next(iter(model.weights[0].values())) * 1.0)
    assert nested(Model([{"a": two, "b": three}], 1.0)).item() == 2.0
    assert nested(Model([{"b": three, "a": two}], 1.0)).item() == 3.0
    keys = fr.torch.wrap(lambda x, table: x * (10.0 if next(iter(table)) is True else 20.0))
    assert keys(two, {True: 0}).item() == 20.0
    assert keys(two, {1: 0}).item() == 40.0


def test_constants_may_be_changed_before_the_derivative_is_taken():
    f = fr.torch.wrap(lambda x, c: np.sin(x * c))
    x = torch.tensor([0.1, 0.2], dtype=torch.float64, requires_grad=True)
    for make in (lambda: np.array([2.0, 3.0]), lambda: np.array([3.0, 2.0])[::-1]):
        c = make()
        y = f(x, c)
        c[:] = 100.0
        (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        (h,) = torch.autograd.grad(g.sum(), x)
        expected = torch.tensor([2.0, 3.0], dtype=torch.float64)
        assert torch.allclose(g, expected * torch.cos(x * expected))
        assert torch.allclose(h, -(expected**2) * torch.sin(x * expected))
    c = make()
    c.flags.writeable = False
    assert f(x, c).requires_grad


def test_results_share_no_memory_with_what_the_function_keeps():
    kept = np.array([2.0, 3.0])
    x, given = torch.ones(2, dtype=torch.float64), np.array([2.0, 3.0])
    for f in (
        lambda x, c: kept,
        lambda x, c: kept[:],
        lambda x, c: c,
        lambda x, c: c.reshape(2, 1),
        lambda x, c: x,
    ):
        fr.torch.wrap(f)(x, given).mul_(7.0)
        assert kept.tolist() == given.tolist() == [2.0, 3.0]
        assert x.tolist() == [1.0, 1.0]


def test_results_that_nothing_refers_to_are_not_copied():
    addresses = []

    def f(x, view):
        y = np.exp(x)
        addresses.append(y.ctypes.data)
        return y.reshape(2, 2) if view else y

    for view in (False, True):
        y = fr.torch.wrap(f)(torch.ones(4), view)
        assert y.data_ptr() == addresses[-1]


def test_a_linear_function_may_become_another():
    M = 2.0 * np.eye(2)
    f = fr.torch.wrap(lambda x: M @ x, linear=True)
    x = torch.eye(2, dtype=torch.float64)
    for factor in (2.0, 5.0):
        M[:] = factor * np.eye(2)
        assert torch.equal(torch.func.vmap(f)(x), factor * x)
        assert torch.equal(torch.func.jacrev(f)(x[0]), factor * x)
        assert torch.equal(torch.func.jacfwd(f)(x[0]), factor * x)


class Subclass(torch.Tensor):
    pass


class OwnParameter(torch.nn.Parameter):
    pass


def test_subclasses_of_tensors():
    positive = fr.torch.wrap(lambda x: x[fr.stop_gradient(x) > 0] * 3.0)  # the shape depends on values
    x = OwnParameter(torch.tensor([1.0, -1.0]))
    positive(x).sum().backward()
    assert x.grad.tolist() == [3.0, 0.0]
    assert positive(torch.tensor([1.0, -1.0]).as_subclass(Subclass)).tolist() == [3.0]
    A = torch.zeros(2, 2).as_subclass(Subclass)
    assert isinstance(fr.linalg.expm(A), torch.Tensor)
    assert fr.linalg.expm(OwnParameter(torch.zeros(2, 2))).requires_grad


def test_calls_with_many_constants_do_not_pile_up():
    f = fr.torch.wrap(lambda x, k: x * k)
    for k in range(1000):
        assert f(torch.tensor(2.0), k).item() == 2.0 * k
    assert len(f.operators._others) <= 256


def test_size_as_an_argument():
    x = torch.ones(2, 3, dtype=torch.float64)
    assert fr.torch.wrap(np.reshape)(x, torch.Size([3, 2])).shape == (3, 2)
    assert fr.fft.fft2(x, s=x.shape).shape == (2, 3)


def test_without_tensors_results_are_tensors_all_the_same():
    y = fr.torch.wrap(lambda x: x * 2)(3.0)
    assert isinstance(y, torch.Tensor)
    assert y.item() == 6.0


def test_integers_and_booleans_are_constants():
    f = fr.torch.wrap(lambda x, i, m: np.where(m, x[i], 0.0))
    x = torch.arange(4.0, requires_grad=True)
    y = f(x, torch.tensor([3, 1, 1]), torch.tensor([True, True, False]))
    assert y.tolist() == [3.0, 1.0, 0.0]
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 0.0, 1.0]


def test_a_subset_of_arguments_requires_gradients():
    """What needs none is not traced: it may pass through code that cannot be."""
    seen = []

    def f(x, y):
        seen.append((type(x), type(y)))
        return x * float(np.asarray(y)[0])

    x, y = torch.ones(2, dtype=torch.float64, requires_grad=True), torch.full((2,), 3.0).double()
    fr.torch.wrap(f)(x, y).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    assert seen[0][1] is np.ndarray
    assert seen[0][0] is not np.ndarray
    with torch.no_grad():
        assert not fr.torch.wrap(f)(x, y).requires_grad
    assert seen[-1] == (np.ndarray, np.ndarray)


def test_decorators_and_methods():
    @fr.torch.wrap
    def plain(x):
        "Twice x."
        return 2 * x

    @fr.torch.wrap(linear=True)
    def linear(x):
        return 2 * x

    class Scale:
        factor = 3.0

        @fr.torch.wrap
        def __call__(self, x):
            return x * self.factor

        @fr.torch.wrap
        def method(self, x, y=1.0):
            return x * self.factor + y

    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    assert plain.__name__ == "plain"
    assert plain.__doc__ == "Twice x."
    assert repr(plain).startswith("<")
    assert torch.equal(plain(x), 2 * x)
    assert torch.equal(linear(x), 2 * x)
    assert torch.equal(Scale()(x), 3 * x)
    assert torch.equal(Scale().method(x, y=2.0), 3 * x + 2)
    (g,) = torch.autograd.grad(Scale().method(x).sum(), x)
    assert g.tolist() == [3.0, 3.0]
