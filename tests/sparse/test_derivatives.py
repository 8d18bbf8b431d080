"""Sparse Jacobians and Hessians: the pattern found, the colours, the entries, against the dense ones."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.linalg._structured import times
from frechet.sparse._coloring import direct, symmetric
from frechet.sparse._pattern import values_and_pattern

RNG = np.random.default_rng(5)


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def brusselator(y, h=0.1, a=1.0, b=3.0, alpha=0.02):
    """The right side of the Brusselator with diffusion, of u and v one after the other."""
    u, v = np.split(y, 2)

    def second_difference(w, left, right):
        w = np.concatenate([[left], w, [right]])
        return (w[:-2] - 2 * w[1:-1] + w[2:]) / h**2

    du = a + u**2 * v - (b + 1) * u + alpha * second_difference(u, 1.0, 1.0)
    dv = b * u - u**2 * v + alpha * second_difference(v, 3.0, 3.0)
    return np.concatenate([du, dv])


def burgers(u, nu=0.01):
    """The periodic Burgers equation, by np.roll."""
    return -u * (np.roll(u, -1) - np.roll(u, 1)) / 2 + nu * (np.roll(u, -1) - 2 * u + np.roll(u, 1))


def laplacian(u):
    """The five-point stencil on a square, with an assignment into zeros."""
    y = np.zeros_like(u)
    y[1:-1, 1:-1] = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1]
    y += np.sin(u)
    return y


def scatter(x):
    """Gathered by an array of indices, and added up."""
    y = x[np.array([0, 3, 3, 1])] * np.arange(1.0, 5)
    return np.stack([y[0] + y[1], y[2] * y[3]])


def modulated(x):
    """Real numbers through complex ones: the imaginary part of a real tangent would be lost."""
    return np.imag(np.exp(1j * x[1:]) * (x[:-1] + 2j))


STENCIL = sp.csr_array(sp.diags_array([np.ones(8), -2 * np.ones(9), np.ones(8)], offsets=[-1, 0, 1]))


def diffusion(u):
    """A sparse matrix times a vector, which is the pattern of that matrix."""
    values, pattern = values_and_pattern(STENCIL, "test")
    return times(values, u[:, None], pattern, False)[:, 0] - u**3


FUNCTIONS = {
    "diffusion": (diffusion, (9,)),
    "modulated": (modulated, (6,)),
    "differences": (lambda x: x[1:] ** 2 - x[:-1], (7,)),
    "brusselator": (brusselator, (24,)),
    "burgers": (burgers, (13,)),
    "laplacian": (laplacian, (6, 5)),
    "scatter": (scatter, (6,)),
    "where": (lambda x: np.where(x > 0, x**2, -x), (9,)),
    "reversed": (lambda x: x[::-1] * x, (8,)),
    "rows": (lambda X: np.sum(X * X, axis=1), (4, 3)),
    "constant rows": (lambda x: np.concatenate([x[:2], np.ones(3)]), (4,)),
    "sorted": (lambda x: np.sort(x) ** 2, (6,)),
    "maximum": (lambda x: np.maximum(x[1:], x[:-1]), (6,)),
    "small and dense": (lambda x: np.linalg.inv(x) ** 2, (3, 3)),
    "transposed": (lambda X: (X.T.reshape(-1) * 2)[3:], (3, 4)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_jacobian_is_that_of_frechet_jacobian(name):
    f, shape = FUNCTIONS[name]
    x = RNG.standard_normal(shape)
    J = fr.sparse.jacobian(f, x)
    for point in (x, x + 1e-3 * RNG.standard_normal(shape)):
        dense = fr.jacobian(f)(point).reshape(-1, x.size)
        sparse = J(point)
        assert sparse.nnz == J.sparsity.nnz <= dense.size
        np.testing.assert_allclose(sparse.toarray(), dense, atol=1e-13)
    assert J.directions <= min(dense.shape)


@pytest.mark.parametrize(
    ("name", "entries", "directions"),
    [("diffusion", 25, 3), ("differences", 12, 2), ("burgers", 39, 4), ("rows", 12, 1), ("reversed", 16, 2)],
)
def test_patterns_and_directions_are_as_few_as_they_should_be(name, entries, directions):
    # Three per row on a ring of 13, which takes a fourth colour; one pullback for rows that share nothing.
    f, shape = FUNCTIONS[name]
    J = fr.sparse.jacobian(f, RNG.standard_normal(shape))
    assert (J.sparsity.nnz, J.directions) == (entries, directions)


def test_a_complex_function_has_a_complex_jacobian():
    z = RNG.standard_normal(6) + 1j * RNG.standard_normal(6)
    f = lambda z: z[1:] * z[:-1] ** 2
    np.testing.assert_allclose(fr.sparse.jacobian(f, z)(z).toarray(), fr.jacobian(f)(z), atol=1e-13)


def test_float32_stays_float32():
    x = RNG.standard_normal(5).astype(np.float32)
    assert fr.sparse.jacobian(lambda x: x[1:] * x[:-1], x)(x).dtype == np.float32


def test_an_entry_that_is_zero_where_the_pattern_is_found_belongs_to_it():
    H = fr.sparse.hessian(lambda x: np.sum(x**4) + np.sum(x[1:] ** 2 * x[:-1] ** 2), np.zeros(5))
    x = RNG.standard_normal(5)
    np.testing.assert_allclose(
        H(x).toarray(), fr.hessian(lambda x: np.sum(x**4) + np.sum(x[1:] ** 2 * x[:-1] ** 2))(x), atol=1e-13
    )


@pytest.mark.parametrize("n", [1, 2, 10])
def test_the_hessian_of_rosenbrocks_function(n):
    x = RNG.standard_normal(n)
    H = fr.sparse.hessian(rosenbrock, x)
    np.testing.assert_allclose(H(x).toarray(), fr.hessian(rosenbrock)(x), rtol=1e-12, atol=1e-12)
    assert H.directions <= 3


def test_a_million_variables_take_three_directions():
    n = 10**6
    x = RNG.standard_normal(n)
    H = fr.sparse.hessian(rosenbrock, x)
    assert H.directions == 3
    h = H(x)
    assert h.shape == (n, n)
    assert h.nnz == 3 * n - 2
    k = 123_456
    # d²/dx_k² of 100 (x_{k+1} − x_k²)² + (1 − x_k)² + 100 (x_k − x_{k−1}²)²
    assert h[k, k] == pytest.approx(1200 * x[k] ** 2 - 400 * x[k + 1] + 202, rel=1e-12)
    assert h[k, k + 1] == h[k + 1, k] == pytest.approx(-400 * x[k], rel=1e-12)


def test_a_given_pattern_is_used():
    x = RNG.standard_normal(6)
    pattern = sp.eye_array(6) + sp.eye_array(6, k=1)
    J = fr.sparse.jacobian(
        lambda x: np.cumsum(x)[5] * 0 + x + np.roll(x, -1) * [1, 1, 1, 1, 1, 0], x, sparsity=pattern
    )
    np.testing.assert_allclose(J(x).toarray(), pattern.toarray(), atol=1e-14)


def test_what_mixes_everything_is_named():
    x = np.ones(1000)
    with pytest.raises(fr.NotDifferentiableError, match=r"np\.fft\.fft may mix all entries.*sparsity="):
        fr.sparse.jacobian(lambda x: np.real(np.fft.fft(x)), x)


def test_what_is_not_sparse_is_named():
    x = np.ones(20_000)
    with pytest.raises(
        fr.NotDifferentiableError, match=r"the derivative is not sparse: after np\.broadcast_to"
    ):
        fr.sparse.hessian(lambda x: np.sum(x) ** 2, x)


def test_other_shapes_and_containers_are_refused():
    J = fr.sparse.jacobian(lambda x: x**2, np.ones(3))
    with pytest.raises(
        fr.SpaceError, match=r"prepared for the shape \(3, 3\), here it has the shape \(4, 4\)"
    ):
        J(np.ones(4))
    with pytest.raises(fr.NotDifferentiableError, match="from one array to one array"):
        fr.sparse.jacobian(lambda x: (x, x), np.ones(3))
    with pytest.raises(fr.NotDifferentiableError, match="x is complex"):
        fr.sparse.hessian(lambda x: np.sum(np.abs(x) ** 2), np.ones(3, complex))


# --- colours -----------------------------------------------------------------------------------------------


@st.composite
def patterns(draw, square=False):
    m = draw(st.integers(1, 12))
    n = m if square else draw(st.integers(1, 12))
    density = draw(st.sampled_from([0.0, 0.1, 0.3, 0.8]))
    dense = np.random.default_rng(draw(st.integers(0, 10**6))).random((m, n)) < density
    return dense | dense.T if square else dense


@given(patterns())
@settings(max_examples=60, deadline=None)
def test_direct_compression_gives_every_entry_back(dense):
    A = dense * RNG.standard_normal(dense.shape)
    pattern = sp.csr_array(dense.astype(float))
    plan = direct(pattern)
    product = A @ plan.seeds.T
    np.testing.assert_array_equal(product[plan.rows, plan.colors], A[dense])
    assert plan.seeds.sum() == A.shape[1]


@given(patterns(square=True))
@settings(max_examples=60, deadline=None)
def test_symmetric_compression_gives_every_entry_back(dense):
    A = RNG.standard_normal(dense.shape)
    A = dense * (A + A.T)
    plan = symmetric(sp.csr_array(dense.astype(float)))
    product = A @ plan.seeds.T
    # sums with zeros: not even a rounding error
    np.testing.assert_array_equal(product[plan.rows, plan.colors], A[dense])
