"""The action of the matrix exponential, for dense, sparse and abstract matrices."""

import warnings

import mpmath
import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
import scipy.sparse.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.linalg._taylor_plan import _DOUBLE, _SINGLE
from frechet.testing import check_rule
from tests.linalg.matrix_function_references import jordan

rng = np.random.default_rng(15)
A = rng.standard_normal((4, 4))
Z = A + 1j * rng.standard_normal((4, 4))
B = rng.standard_normal((4, 2))
AS_OPERATOR = scipy.sparse.linalg.aslinearoperator
b = rng.standard_normal(4)
SPARSE = scipy.sparse.csr_array(A * (np.abs(A) > 0.3))
OPERATOR = scipy.sparse.linalg.aslinearoperator(Z)
em = fr.linalg.expm_multiply


def at_time(a, x, t):
    return fr.linalg.expm_multiply(a, x, t=t)


def of_sparse(x, t):
    return fr.linalg.expm_multiply(SPARSE, x, t=t)


def of_operator(x, t):
    return fr.linalg.expm_multiply(OPERATOR, x, traceA=0.5, t=t)


CASES = [
    (em, (A, b)),
    (em, (A, B)),
    (em, (Z, B)),
    (em, (5 * A, b)),
    (em, (A, Z[:, :2].copy())),
    (em, (A.astype(np.float32), B.astype(np.float32))),
    (em, (np.zeros((3, 3)), np.ones(3))),
    (em, (jordan(0.1, 4), B)),
    (at_time, (A, B, 0.7)),
    (lambda x, t: fr.linalg.expm_multiply(A, x, t=t), (B, 0.7)),
    (lambda x, t: fr.linalg.expm_multiply(A, x, t=t), (b, 0.7 + 0.2j)),
    (lambda t, x: fr.linalg.expm_multiply(t * A, x), (1.3, b)),
    (of_sparse, (b, 1.2)),
    (of_sparse, (Z[:, :2].copy(), -0.4)),
    (of_operator, (B, 0.6)),
    (lambda a, x: fr.linalg.expm_multiply(a, x, 0.0, 1.0, 5), (A, B)),
    (lambda a, x: fr.linalg.expm_multiply(a, x, 0.0, 1.0, 40), (A, b)),
    (lambda x, s, e: fr.linalg.expm_multiply(SPARSE, x, s, e, 4), (B, 0.1, 1.0)),
    (lambda x, s, e: fr.linalg.expm_multiply(SPARSE, x, s, e, 40, endpoint=False), (b, 0.1, 1.0)),
]
CASES_STACKED = [
    (em, (np.stack([A, 2 * A]), np.stack([B, B[::-1]]))),
    (em, (np.stack([A, 2 * A]), B)),
    (em, (A, np.stack([B, B[::-1]]))),
    (lambda x, t: fr.linalg.expm_multiply(np.stack([A, A.T]), x, t=t), (B, 0.7)),
]


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


@given(
    n=st.integers(1, 5),
    size=st.sampled_from([1e-3, 0.1, 1.0, 30.0]),
    complex=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=12)
def test_rule_at_drawn_matrices(n, size, complex, seed):
    draw = np.random.default_rng(seed)
    a = draw.standard_normal((n, n)) + (1j * draw.standard_normal((n, n)) if complex else 0)
    a *= size / np.linalg.norm(a, 2)
    a = a - a.conj().T if size > 1 else a  # of large norm, and bounded
    # Differences of a function that turns at a rate of 60 lose digits.
    check_rule(em, a, draw.standard_normal((n, 2)), tolerance=1e-4 if size > 1 else None)


@pytest.mark.parametrize(
    "a",
    [A, Z, 10 * A, jordan(0.5, 4), np.triu(30 * A), -50 * np.eye(4) + A, np.diag([1e3, -1e3, 0, 1.0]) * 1j],
)
def test_value_and_gradient_in_50_digits(a):
    with mpmath.workdps(50 + 30):
        block = mpmath.matrix(np.block([[a, B @ B.T], [np.zeros((4, 4)), a]]).tolist())
        exact = np.array(mpmath.expm(block).tolist(), complex)
    value, slope = (
        fr.jvp(em, (a, B), (B @ B.T, 0 * B))
        if a.dtype == float
        else fr.jvp(em, (a, B.astype(complex)), ((B @ B.T).astype(complex), 0j * B))
    )
    # Rounding times the norm, as the backward error is relative to A; times the growth of the series.
    scale = 1e-15 * max(np.linalg.norm(a), 10)
    bound = np.linalg.norm(exact[:4, :4]) * np.linalg.norm(B)
    np.testing.assert_allclose(value, exact[:4, :4] @ B, atol=10 * scale * bound)
    bound = np.linalg.norm(exact[:4, 4:]) * np.linalg.norm(B) + bound
    np.testing.assert_allclose(slope, exact[:4, 4:] @ B, atol=10 * scale * bound)


@pytest.mark.parametrize("n", [30, 120])
def test_gradient_is_that_of_the_exponential(n):
    a = rng.standard_normal((n, n)) / np.sqrt(n)
    x, w = rng.standard_normal((2, n, 3))
    got = fr.vjp(em, a, x)[1](w)
    expected = fr.vjp(lambda a, x: fr.linalg.expm(a) @ x, a, x)[1](w)
    for g, e in zip(got, expected, strict=True):
        np.testing.assert_allclose(g, e, atol=1e-13 * n * np.abs(e).max())  # rounding


def test_higher_derivatives_at_small_norms():
    # The polynomial is chosen for the norm of A: each derivative takes one degree more.
    def thrice(f):
        return fr.jacobian(fr.jacobian(fr.jacobian(f)))(0.0)

    for size in (0.0, 1e-3):
        a = size * A
        third = thrice(lambda t, a=a: em(a + t * Z, B + 0j))
        exact = thrice(lambda t, a=a: fr.linalg.expm(a + t * Z) @ B)
        np.testing.assert_allclose(third, exact, atol=1e-11 * np.abs(exact).max())  # θ⁵/5! at the least


KEYWORDS = [
    {},
    {"start": 0, "stop": 1},
    {"start": 0.5, "stop": 2, "num": 3},
    {"start": 0.5, "stop": 2, "num": 4, "endpoint": False},
    {"start": 0, "stop": 3, "num": 60, "endpoint": True},
]


@pytest.mark.parametrize("keywords", KEYWORDS)
@pytest.mark.parametrize("a", [A, Z, SPARSE, SPARSE.tocsc(), scipy.sparse.coo_matrix(A)])
@pytest.mark.parametrize("x", [b, B, B.astype(np.float32), B * 1j])
def test_value_is_scipys(a, x, keywords):
    got, expected = em(a, x, **keywords), scipy.sparse.linalg.expm_multiply(a, x, **keywords)
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, atol=1e-12 * np.abs(expected).max())  # rounding, growth


def test_scipys_other_arguments():
    single = em(A.astype(np.float32), B.astype(np.float32), 0.0, 1.0, 3)
    assert single.dtype == np.float32  # SciPy's is double
    sparse = em(SPARSE, scipy.sparse.csr_array(B))
    assert scipy.sparse.issparse(sparse)
    np.testing.assert_allclose(sparse.toarray(), em(SPARSE, B), rtol=1e-14)
    np.testing.assert_allclose(em(A, B, traceA=3.0), em(A, B), rtol=1e-12)
    assert em(np.zeros((0, 0)), np.zeros((0, 2))).shape == (0, 2)
    assert em(A.tolist(), b.tolist()).shape == (4,)
    assert em([[1, 2], [3, 4]], [1, 1]).dtype == np.float64


def test_linear_operators():
    exact = scipy.linalg.expm(Z) @ B
    with pytest.warns(UserWarning, match="Trace of LinearOperator not available, it will be estimated"):
        np.testing.assert_allclose(em(OPERATOR, B), exact, rtol=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(em(OPERATOR, B, traceA=np.trace(Z)), exact, rtol=1e-12)
    forward_only = scipy.sparse.linalg.LinearOperator((1, 1), matvec=lambda v: 2 * v, dtype=float)
    assert fr.jvp(lambda x: em(forward_only, x, traceA=2.0), (np.ones(1),), (np.ones(1),))[
        1
    ] == pytest.approx(np.exp(2))
    with pytest.raises(fr.NotDifferentiableError, match="products with the adjoint of the LinearOperator"):
        fr.grad(lambda x: em(forward_only, x, traceA=2.0)[0])(np.ones(1))


@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_large_and_nonnormal_matrices(scale):
    n = 300  # beyond what the 1-norm alone decides
    a = scale * scipy.sparse.diags_array([np.ones(n), -2 * np.ones(n), np.ones(n)], offsets=[-1, 0, 1],
                                         shape=(n, n)).tocsr()  # fmt: skip
    x = rng.standard_normal((n, 2))
    w, V = np.linalg.eigh(a.toarray())
    np.testing.assert_allclose(em(a, x), V @ (np.exp(w)[:, None] * (V.T @ x)), atol=1e-12)
    nonnormal = np.triu(np.ones((40, 40)), 1) * scale
    exact = fr.linalg.expm(nonnormal) @ np.ones((40, 1))
    np.testing.assert_allclose(em(nonnormal, np.ones((40, 1))), exact, rtol=1e-10)  # rounding, growth


def test_limits_of_the_polynomials():
    # The largest x with Σ_(k>m) k |h_k| x^(k−1) ≤ u: h′ = −x^m / (m! T_m(x)).
    with mpmath.workdps(60):
        for limits, u in ((_DOUBLE, mpmath.mpf(2) ** -53), (_SINGLE, mpmath.mpf(2) ** -24)):
            for m, limit in limits.items():
                T = [1 / mpmath.factorial(k) for k in range(m + 1)]
                inverse = [mpmath.mpf(1)]
                for k in range(1, 150):
                    inverse.append(-sum(T[j] * inverse[k - j] for j in range(1, min(m, k) + 1)))
                total = sum(abs(c) * mpmath.mpf(limit) ** (m + k) for k, c in enumerate(inverse))
                assert total / mpmath.factorial(m) / u == pytest.approx(
                    1, rel=1e-4
                )  # printed to eight digits


def test_nothing_is_formed():
    class Counting(scipy.sparse.linalg.LinearOperator):
        def __init__(self):
            super().__init__(float, (4, 4))
            self.products = 0

        def _matmat(self, V):
            self.products += V.shape[1]
            return A @ V

        def _rmatmat(self, V):
            self.products += V.shape[1]
            return A.T @ V

    operator = Counting()
    _, pullback = fr.vjp(lambda x: em(operator, x, traceA=np.trace(A)), b)
    forward, operator.products = operator.products, 0
    pullback(b)
    assert operator.products <= forward


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: em(np.ones((2, 3)), np.ones(3)), "square"),
        (lambda: em(scipy.sparse.csr_array(np.ones((2, 3))), np.ones(3)), "like a square matrix"),
        (lambda: em(A, np.ones(3)), "incompatible"),
        (lambda: em(np.stack([A, A]), np.ones(4)), "incompatible"),
        (lambda: em(np.full((2, 2), np.nan), np.ones(2)), "infs or NaNs"),
        (lambda: em(scipy.sparse.csr_array(np.full((2, 2), np.inf)), np.ones(2)), "infs or NaNs"),
        (lambda: em(A, np.full(4, np.nan)), "infs or NaNs"),
        (lambda: em(A, b, t=np.inf), "t must be finite"),
        (lambda: em(A, b, t=np.ones(2)), "t must be a number"),
        (lambda: em(A, b, 0, 1, 1), "at least two time points"),
        (lambda: em(A, b, stop=1.0), "needs both start and stop"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("char", "fF")
@pytest.mark.parametrize("traceA", [None, 2.5])
@pytest.mark.parametrize(
    "make", [np.asarray, scipy.sparse.csr_array, AS_OPERATOR, lambda A: np.stack([A, A])]
)
def test_single_precision_stays_single(char, make, traceA):
    A, B = np.array([[1, 0.5], [0.2, 1.5]], char), np.ones((2, 1), char)
    operator, traceA = make(A), 2.5 if make is AS_OPERATOR else traceA
    for times in ((), (0.0, 1.0, 3)):
        value = fr.linalg.expm_multiply(operator, B, *times, traceA=traceA)
        assert value.dtype == char
    last = value[-1] if value.ndim == 3 else value[-1, 0]
    np.testing.assert_allclose(last, fr.linalg.expm(A) @ B, rtol=1e-5)
    empty = fr.linalg.expm_multiply(np.zeros((0, 0), char), np.zeros((0, 1), char))
    assert (empty.shape, empty.dtype) == ((0, 1), np.dtype(char))
