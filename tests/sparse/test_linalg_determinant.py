"""logdet, slogdet, inv_diagonal and trace_inv of sparse matrices."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

import frechet as fr
from frechet.sparse._pattern import values_and_pattern
from frechet.sparse.linalg import _determinant, inv_diagonal, logdet, slogdet, splu, spsolve, trace_inv
from frechet.testing import check_rule
from tests.sparse.sparse_examples import dense, hermitian_sparse, of_values, poisson, random_sparse

DTYPES = ["d", "D", "f"]
FUNCTIONS = {
    logdet: lambda A: np.linalg.slogdet(A)[1],
    slogdet: np.linalg.slogdet,
    inv_diagonal: lambda A: np.diagonal(np.linalg.inv(A)),
    trace_inv: lambda A: np.trace(np.linalg.inv(A)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_value_and_derivatives(function, dtype):
    A = random_sparse(8, dtype)
    f, p, _ = of_values(A, function)
    for ours, full in zip(np.atleast_1d(f(p)), np.atleast_1d(FUNCTIONS[function](A.toarray())), strict=True):
        assert ours.dtype == full.dtype
        # float32: rounding in an elimination of eight rows
        np.testing.assert_allclose(ours, full, rtol=1e-5 if dtype == "f" else 1e-12)
    check_rule(lambda p: list(f(p)) if function is slogdet else f(p), p)


@pytest.mark.parametrize("dtype", ["d", "D"])
@pytest.mark.parametrize("function", [logdet, inv_diagonal, trace_inv])
def test_positive_definite(function, dtype):
    A = hermitian_sparse(7, dtype)
    f, p, pattern = of_values(A, lambda A: function(A, assume_a="pos"))
    np.testing.assert_allclose(f(p), function(A), rtol=1e-12)
    places = pattern.transposed[1]
    check_rule(lambda q: f(q + np.conj(q[places])), p / 2)  # which stays Hermitian
    _, pull = fr.vjp(f, p)
    _, pull_full = fr.vjp(lambda p: FUNCTIONS[function](dense(p, pattern)), p)
    w = np.ones_like(f(p))
    np.testing.assert_allclose(pull(w)[0], pull_full(w)[0], rtol=1e-10, atol=1e-14)


def test_third_derivative():
    A = random_sparse(5)
    f, p, pattern = of_values(A, logdet)
    v = np.random.default_rng(2).standard_normal(p.shape)

    def third(f):
        along = lambda g: lambda t: fr.jvp(g, (t,), (1.0,))[1]
        return along(along(along(lambda t: f(p + t * v))))(0.0)

    # d³/dt³ log det(A + t V) = 2 tr (A⁻¹V)³
    B = np.linalg.solve(A.toarray(), dense(v, pattern))
    np.testing.assert_allclose(third(f), 2 * np.trace(B @ B @ B), rtol=1e-10)


@given(st.integers(1, 25), st.sampled_from("dD"), st.integers(0, 10**6), st.booleans())
def test_gradient_is_the_inverse_on_the_pattern(n, dtype, seed, permuted):
    A = random_sparse(n, dtype, seed, shift=8.0)
    if permuted:  # so that pivots are off the diagonal
        A = A[np.random.default_rng(seed).permutation(n)]
    f, p, pattern = of_values(A, logdet)
    inverse = np.linalg.inv(A.toarray())
    error = np.abs(fr.grad(f)(p) - inverse[pattern.indices, pattern.rows].conj())
    assert error.max() <= 1e-12 * np.abs(inverse).max()  # well-conditioned
    sign, log = slogdet(A)
    full = np.linalg.slogdet(A.toarray())
    np.testing.assert_allclose([sign, log], full, rtol=1e-10, atol=1e-12)


def test_values_that_are_zero_and_cancel():
    # stored zeros, and a block in which elimination cancels: LU's pattern lacks entries of the gradient
    A = sp.csr_array(np.array([[1.0, 1, 1, 0], [1, 2, 1, 0], [1, 1, 3, 9], [0, 0, 9, 4]]))
    A.data[A.data == 9] = 0
    f, p, pattern = of_values(A, logdet)
    inverse = np.linalg.inv(A.toarray())
    np.testing.assert_allclose(fr.grad(f)(p), inverse[pattern.indices, pattern.rows], rtol=1e-12, atol=1e-15)


def test_a_grid_of_some_size():
    m = 60
    A = poisson(m, 1 + np.random.default_rng(0).random((2, m * m)))
    f, p, pattern = of_values(A, lambda A: logdet(A, assume_a="pos"))
    g = fr.grad(f)(p)
    for k in (0, 1234, len(p) - 1):
        column = spsolve(A, np.eye(m * m)[:, pattern.rows[k]])
        np.testing.assert_allclose(g[k], column[pattern.indices[k]], rtol=1e-11)
    # differences in an entry, of second order: error about (1e-4)² and 1e-16 · 1e4 / 1e-4
    e = np.zeros_like(p)
    e[500] = 1e-4
    f, _, _ = of_values(A, logdet)
    np.testing.assert_allclose((f(p + e) - f(p - e)) / 2e-4, g[500], rtol=1e-6)


def test_columns_in_several_parts(monkeypatch):
    A = random_sparse(9)
    f, p, _ = of_values(A, trace_inv)
    once = fr.hvp(f, (p,), (p,))[0]
    monkeypatch.setattr(_determinant, "_AT_ONCE", 36)  # four columns at a time
    np.testing.assert_allclose(fr.hvp(f, (p,), (p,))[0], once, rtol=1e-12)


def test_of_a_factorization():
    A = random_sparse(6)
    f, p, _ = of_values(A, lambda A: splu(A).logdet())
    assert f(p) == logdet(A)
    check_rule(f, p)
    assert splu(A).slogdet() == slogdet(A)


def test_value_alone_computes_no_inverse(monkeypatch):
    A = random_sparse(6)
    f, p, _ = of_values(A, logdet)
    monkeypatch.setattr(_determinant, "_inverse_at", None)
    value, _ = fr.vjp(f, p)
    assert value == f(p)


def test_errors():
    with pytest.raises(np.linalg.LinAlgError, match="logdet: A is singular"):
        logdet(sp.csr_array(np.ones((2, 2))))
    with pytest.raises(np.linalg.LinAlgError, match="logdet: A is not positive definite"):
        logdet(sp.csr_array(np.array([[1.0, 2.0], [2.0, 1.0]])), assume_a="pos")
    with pytest.raises(np.linalg.LinAlgError, match="trace_inv: A is not Hermitian"):
        trace_inv(random_sparse(4), assume_a="pos")
    with pytest.raises(ValueError, match="inv_diagonal: assume_a is None"):
        inv_diagonal(random_sparse(4), assume_a="diagonal")
    with pytest.raises(ValueError, match="slogdet: A must be square"):
        slogdet(random_sparse(3, m=4))
    with pytest.raises(ValueError, match="logdet: A must not contain infs or NaNs"):
        logdet(random_sparse(3) * np.inf)
    tiny = sp.csr_array(np.diag([1e-310, 1.0]))
    with pytest.raises(np.linalg.LinAlgError, match="the inverse of A overflows"):
        fr.grad(of_values(tiny, logdet)[0])(values_and_pattern(tiny, "A")[0])


def test_gradient_on_a_large_grid_is_that_of_differences():
    # 10⁵ nodes: a precision matrix, whose values vary so that no two entries have the same derivative.
    m = 316
    A = poisson(m, 1 + np.random.default_rng(3).random((2, m * m)))
    f, p, pattern = of_values(A, logdet)
    gradient = fr.grad(f)(p)
    middle = m * m // 2 + m // 3
    for i, j in [(middle, middle), (middle, middle + 1), (5, 5 + m)]:
        (k,) = pattern.places(np.array([i]), np.array([j]))
        assert k >= 0
        h = 1e-3 * abs(p[k])
        ends = []
        for step in (h, -h):
            q = p.copy()
            q[k] += step
            ends.append(f(q))
        # The logarithm is about 10⁵, so its last digit is 10⁻¹¹, and a step of 10⁻³ leaves 10⁻⁸; the error of
        # the difference quotient is of the order h² = 10⁻⁶, relatively.
        assert gradient[k] == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=2e-5)


@pytest.mark.parametrize("dtype", ["d", "D", "f"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_matrix_without_rows(function, dtype):
    A = sp.csr_array((0, 0), dtype=dtype)
    value, pull = fr.vjp(lambda A: np.sum(function(A)[1] if function is slogdet else function(A)), A)
    full = FUNCTIONS[function](A.toarray())
    assert value == np.sum(full[1] if function is slogdet else full)
    assert pull(value)[0].dtype == dtype
