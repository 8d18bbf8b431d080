"""Variables of any form: there and back, gradients in their form, bounds, callbacks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import Bounds

import frechet as fr
from frechet.optimize._variables import Variables

RNG = np.random.default_rng(5)


@dataclass
class Model:
    weights: Any
    bias: Any
    name: str = "model"


arrays = st.one_of(
    st.integers(-5, 5),
    st.floats(-5, 5),
    st.complex_numbers(max_magnitude=5),
    *[
        hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, max_side=3), elements=st.integers(-5, 5))
        for dtype in (np.float64, np.float32, np.int64, np.complex128)
    ],
)
containers = st.recursive(
    arrays,
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
)


@given(st.tuples(arrays, containers))
def test_there_and_back(x0):
    x0 = {"first": x0[0], "rest": x0[1], "label": "text"}
    variables = Variables(x0, "test")
    assert variables.start.dtype == np.float64
    back = variables.at(variables.start)

    def same(a, b):
        if isinstance(a, dict):
            return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
        if isinstance(a, list):
            return len(a) == len(b) and all(map(same, a, b))
        if isinstance(a, str):
            return a == b
        integer = np.asarray(a).dtype.kind == "i"
        return (
            np.array_equal(a, b)
            and np.shape(a) == np.shape(b)
            and np.asarray(b).dtype == (np.float64 if integer else np.asarray(a).dtype)
        )

    assert same(x0, back)
    np.testing.assert_array_equal(variables.coordinates(back, "x"), variables.start)


def _hermitian(n):
    Z = RNG.standard_normal((n, n)) + 1j * RNG.standard_normal((n, n))
    return Z + Z.conj().T


STRUCTURED = {
    "symmetric": (lambda: fr.Symmetric(RNG.standard_normal((3, 3))), 6),
    "complex symmetric": (lambda: fr.Symmetric(_hermitian(3)), 12),
    "stacked symmetric": (lambda: fr.Symmetric(RNG.standard_normal((2, 3, 3))), 12),
    "Hermitian": (lambda: fr.Hermitian(_hermitian(3)), 9),
    "skew": (lambda: fr.SkewSymmetric(RNG.standard_normal((3, 3))), 3),
    "upper": (lambda: fr.UpperTriangular(RNG.standard_normal((3, 3))), 6),
    "lower": (lambda: fr.LowerTriangular(RNG.standard_normal((3, 3))), 6),
    "unit lower": (lambda: fr.UnitLowerTriangular(RNG.standard_normal((3, 3))), 3),
    "diagonal": (lambda: fr.Diagonal(RNG.standard_normal(3)), 3),
    "tridiagonal": (lambda: fr.SymTridiagonal(RNG.standard_normal(4), RNG.standard_normal(3)), 7),
    "Toeplitz": (lambda: fr.Toeplitz(RNG.standard_normal(3), RNG.standard_normal(3)), 5),
    "circulant": (lambda: fr.Circulant(RNG.standard_normal(3)), 3),
    "banded": (lambda: fr.Banded(RNG.standard_normal((3, 4)), (1, 1)), 10),
}


@pytest.mark.parametrize("kind", STRUCTURED)
def test_structured_matrices_have_independent_coordinates_and_the_gradient_of_grad(kind):
    make, n = STRUCTURED[kind]
    A = make()
    target = RNG.standard_normal(A.shape) + (1j * RNG.standard_normal(A.shape) if A.dtype.kind == "c" else 0)

    def f(A):
        X = A.to_dense()
        return np.sum(np.abs(X - target) ** 2 + 0.1 * np.real(X * np.conj(X)) ** 2)

    variables = Variables(A, "test")
    assert variables.start.size == n
    np.testing.assert_array_equal(variables.at(variables.start).to_dense(), A.to_dense())
    partials = fr.grad(lambda v: f(variables.at(v)))(variables.start)
    gradient = fr.grad(f)(A)
    # rounding of a few sums of terms of size 10
    np.testing.assert_allclose(variables.gradient(partials).to_dense(), gradient.to_dense(), atol=1e-13)
    np.testing.assert_allclose(variables.partials(gradient, "g"), partials, atol=1e-13)
    result = fr.optimize.minimize(f, A, tol=1e-8)
    assert type(result.x) is type(result.jac) is type(A)
    np.testing.assert_allclose(result.jac.to_dense(), fr.grad(f)(result.x).to_dense(), atol=1e-12)
    # the diagonal of a unit triangular matrix is no part of it
    assert max(np.max(np.abs(part)) for part in result.jac.parts) < 1e-6
    # no direction is without effect: the Hessian by the coordinates is positive definite
    exact = fr.optimize.minimize(f, A, method="dogleg", tol=1e-8)
    np.testing.assert_allclose(exact.x.to_dense(), result.x.to_dense(), atol=1e-6)


@pytest.mark.parametrize("kind", ["csr", "coo", "dia"])
def test_sparse_arrays(kind):
    A = sp.csr_array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0], [4.0, 0.0, 5.0]]).asformat(kind)
    x, y = np.array([1.0, 2.0, 3.0]), np.ones(3)
    result = fr.optimize.minimize(lambda A: np.sum((A @ x - y) ** 2), A)
    assert type(result.x) is type(result.jac) is type(A)
    np.testing.assert_allclose(result.x @ x, y, atol=1e-6)
    assert np.all(result.x.toarray()[[0, 1, 1, 2], [1, 0, 2, 1]] == 0)


def test_every_kind_of_leaf_at_once():
    x0 = {
        "scale": 1,
        "W": np.ones((2, 3), np.float32),
        "z": np.zeros(2, complex),
        "S": fr.Symmetric(np.eye(2)),
        "inner": [np.zeros(1), Model(np.zeros(2), 0.0)],
        "label": "fixed",
    }
    T = np.array([[1.0, 3.0], [1.0, 2.0]])

    def fun(p):
        assert p["label"] == "fixed"
        model = p["inner"][1]
        return (
            (p["scale"] - 2) ** 2
            + np.sum((p["W"] - 0.5) ** 2)
            + np.sum(np.abs(p["z"] - np.array([1j, 2.0])) ** 2)
            + np.sum((p["S"].to_dense() - T) ** 2)
            + np.sum((p["inner"][0] + 1) ** 2)
            + np.sum((model.weights - 3) ** 2)
            + (model.bias - 4) ** 2
        )

    seen = []
    result = fr.optimize.minimize(fun, x0, callback=seen.append)
    for x in (result.x, seen[-1]):
        assert x["scale"] == pytest.approx(2, abs=1e-5)
        assert type(x["scale"]) is float
        assert x["W"].dtype == np.float32
        np.testing.assert_allclose(x["W"], 0.5, atol=1e-5)
        np.testing.assert_allclose(x["z"], [1j, 2], atol=1e-5)
        np.testing.assert_allclose(x["S"].to_dense(), [[1, 2], [2, 2]], atol=1e-5)
        np.testing.assert_allclose(x["inner"][0], [-1], atol=1e-5)
        assert isinstance(x["inner"][1], Model)
        np.testing.assert_allclose(x["inner"][1].weights, [3, 3], atol=1e-5)
        assert x["inner"][1].bias == pytest.approx(4, abs=1e-5)
    gradient = fr.grad(fun)(result.x)
    assert result.jac["label"] is gradient["label"] is None
    np.testing.assert_allclose(result.jac["z"], gradient["z"], atol=1e-12)
    np.testing.assert_allclose(result.jac["S"].to_dense(), gradient["S"].to_dense(), atol=1e-12)


@pytest.mark.parametrize("method", ["trust-ncg", "trust-exact", "trust-constr", "Nelder-Mead"])
def test_methods_on_a_container(method):
    def fun(p):
        return np.sum((p["a"] - np.array([[1.0], [2.0]])) ** 2) + (p["b"] - 3) ** 4 + (p["b"] - 3) ** 2

    points = []

    def callback(intermediate_result):
        points.append(intermediate_result.x)

    x0 = {"a": np.zeros((2, 1)), "b": 0.0}
    result = fr.optimize.minimize(fun, x0, method=method, callback=callback)
    np.testing.assert_allclose(result.x["a"], [[1], [2]], atol=1e-3)
    assert points[-1].keys() == {"a", "b"}
    if method == "trust-constr":
        assert result.grad["a"].shape == (2, 1)
    elif method != "Nelder-Mead":
        assert result.jac["a"].shape == (2, 1)


def test_own_derivatives_on_a_container():
    target = np.array([[1.0, 2.0], [3.0, 4.0]])

    def fun(p):
        return float(np.sum((p["S"].to_dense() - target) ** 2))

    def jac(p):
        G = p["S"].to_dense() * 2 - target - target.T
        return {"S": fr.Symmetric(G)}

    def hessp(p, d):
        return {"S": fr.Symmetric(2 * d["S"].to_dense())}

    for arguments in ({}, {"method": "trust-ncg", "hessp": hessp}):
        result = fr.optimize.minimize(fun, {"S": fr.Symmetric(np.eye(2))}, jac=jac, **arguments)
        np.testing.assert_allclose(result.x["S"].to_dense(), [[1, 2.5], [2.5, 4]], atol=1e-5)
        np.testing.assert_allclose(result.jac["S"].to_dense(), 0, atol=1e-4)
    both = fr.optimize.minimize(lambda p: (fun(p), jac(p)), {"S": fr.Symmetric(np.eye(2))}, jac=True)
    np.testing.assert_allclose(both.x["S"].to_dense(), [[1, 2.5], [2.5, 4]], atol=1e-5)


def test_own_gradient_of_another_form():
    with pytest.raises(ValueError, match="what jac returned has the structure"):
        fr.optimize.minimize(lambda p: p["a"] ** 2, {"a": 1.0}, jac=lambda p: np.zeros(1))
    with pytest.raises(ValueError, match=r"what jac returned has the shape \(3,\) where \(2,\) is due"):
        fr.optimize.minimize(lambda p: 1.0, {"a": np.ones(2)}, jac=lambda p: {"a": np.zeros(3)})


def test_matrices_and_complex_numbers():
    A = np.array([[1.0, 2.0], [3.0, 4.0]])
    result = fr.optimize.minimize(lambda X: np.sum((X - A) ** 2), np.zeros((2, 2)))
    np.testing.assert_allclose(result.x, A, atol=1e-6)
    assert result.jac.shape == (2, 2)
    result = fr.optimize.minimize(lambda z: np.abs(z - (1 + 2j)) ** 2, 0j)
    assert result.x == pytest.approx(1 + 2j)
    assert type(result.x) is complex
    nested = fr.optimize.minimize(lambda X: np.sum((X - A) ** 2), [[0, 0], [0, 0]])
    np.testing.assert_allclose(nested.x, A, atol=1e-6)


# --- bounds -----------------------------------------------------------------------------------------


def quadratic(p):
    return np.sum((p["a"] - np.array([1.0, 2.0])) ** 2) + (p["b"] - 3) ** 2 + np.abs(p["z"] - (1 + 1j)) ** 2


X0 = {"a": np.zeros(2), "b": 0.5, "z": 0j}


@pytest.mark.parametrize(
    "bounds",
    [
        {"a": (0, [0.5, 3.0]), "b": (None, 1), "z": (None, 0.5 + 2j)},
        {"a": Bounds([0, 0], [0.5, 3]), "b": Bounds(-np.inf, 1), "z": (-np.inf, 0.5 + 2j)},
        Bounds(-np.inf, [0.5, 3, 1, 0.5, 2]),
    ],
)
@pytest.mark.parametrize("method", ["L-BFGS-B", "trust-constr"])
def test_bounds_of_the_form_of_x0(bounds, method):
    result = fr.optimize.minimize(quadratic, X0, bounds=bounds, method=method, tol=1e-9)
    np.testing.assert_allclose(result.x["a"], [0.5, 2], atol=1e-5)
    assert result.x["b"] == pytest.approx(1, abs=1e-5)
    assert result.x["z"] == pytest.approx(0.5 + 1j, abs=1e-5)


def test_bounds_of_matrices():
    A = np.array([[1.0, 2.0], [2.0, 5.0]])

    def fun(X):
        return np.sum((X - A) ** 2)

    result = fr.optimize.minimize(fun, np.zeros((2, 2)), bounds=(0, A / 2))
    np.testing.assert_allclose(result.x, A / 2, atol=1e-6)
    symmetric = fr.optimize.minimize(
        lambda S: fun(S.to_dense()), fr.Symmetric(np.zeros((2, 2))), bounds=(None, A / 2)
    )
    np.testing.assert_allclose(symmetric.x.to_dense(), A / 2, atol=1e-6)
    symmetric = fr.optimize.minimize(
        lambda p: fun(p["S"].to_dense()), {"S": fr.Symmetric(np.zeros((2, 2)))}, bounds={"S": (0, 1.5)}
    )
    np.testing.assert_allclose(symmetric.x["S"].to_dense(), [[1, 1.5], [1.5, 1.5]], atol=1e-6)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"a": None, "b": None}, "bounds are not of the form of x0"),
        ({"a": 1, "b": None, "z": None}, r"bounds have 1 where a pair \(lower, upper\)"),
        ({"a": (0, np.ones(3)), "b": None, "z": None}, r"shape \(3,\) does not fit entries of shape \(2,\)"),
        ({"a": None, "b": None, "z": (0, 1)}, "a real bound for complex entries is ambiguous"),
    ],
)
def test_bounds_that_do_not_fit(bounds, message):
    with pytest.raises(ValueError, match=f"fr.optimize.minimize: .*{message}"):
        fr.optimize.minimize(quadratic, X0, bounds=bounds)


def test_spaces_that_cannot_be_varied():
    with pytest.raises(ValueError, match="object"):
        fr.optimize.minimize(lambda p: 0.0, {"a": np.array([1, "x"], object)})
