"""The matrix exponential, its Fréchet derivative and the adjoint of that, against exact arithmetic."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from frechet.linalg import _expm_factor
from frechet.linalg._expm_factor import ExpmFactor

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]


def random(shape, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(dtype)


def inner(a, b):
    return np.vdot(a, b).real


def exact(A, E):
    """e^A and L(A, E) from the exponential of [[A, E], [0, A]], by Taylor series in 130 digits."""
    n = len(A)
    with mpmath.workdps(130):
        M = mpmath.matrix(np.block([[A, E], [np.zeros_like(A), A]]).tolist())
        s = max(0, math.ceil(math.log2(max(1.0, float(mpmath.mnorm(M, 1)))))) + 4
        B = M / mpmath.mpf(2) ** s
        X = term = mpmath.eye(2 * n)
        for k in range(1, 90):  # the scaled norm is at most 1/16: 16⁻⁹⁰/90! is far below 130 digits
            term = term * B / k
            X = X + term
        for _ in range(s):
            X = X * X
        X = np.array([[complex(X[i, j]) for j in range(2 * n)] for i in range(2 * n)])
    return X[:n, :n], X[:n, n:]


def error(x, reference):
    return np.linalg.norm(x - reference) / np.linalg.norm(reference)


def cases():
    R = random((4, 4))
    orthogonal = np.linalg.qr(R)[0]
    D = np.diag([1e-3, 1e2, 1e-1, 10.0])
    return {
        "tiny": 1e-6 * R,
        "small": 1e-2 * R,
        "medium": 0.1 * R,
        "random": R,
        "large": 8 * R,
        "complex": random((4, 4), np.complex128),
        "nilpotent": np.triu(10 * R, 1),
        "jordan": 3 * np.eye(4) + 50 * np.eye(4, k=1),
        "badly scaled": D @ R @ np.linalg.inv(D),
        "negative definite": -5 * (R @ R.T),
        "shifted": -5 * np.eye(4) + 0.1 * R,
        "skew": 10 * (R - R.T),
        "decaying": orthogonal @ np.diag([-900.0, -50.0, -3.0, -0.1]) @ orthogonal.T,
        "stiff": np.array([[-1e6, 1e6], [1.0, -2.0]]),
        "moler van loan": np.array([[-49.0, 24.0], [-64.0, 31.0]]),
        "huge off-diagonal": np.array([[1.0, 1e6], [0.0, -1.0]]),
        "ward": np.array([[-131.0, 19.0, 18.0], [-390.0, 56.0, 54.0], [-387.0, 57.0, 52.0]]),
    }


@pytest.mark.parametrize("name", cases())
def test_value_and_derivative_agree_with_exact_arithmetic(name):
    A = cases()[name]
    E = random(A.shape, seed=1)
    value, derivative = exact(A, E)
    factor = ExpmFactor(A)
    # Squaring s ≈ log2 ‖A‖ times from a relative error u gives about ‖A‖ u, and ‖A‖ is also the least
    # condition number of exp in norm (Higham 2008, section 10.2).  For small ‖A‖ rounding takes 20 units.
    # The ill-conditioned ones (jordan, badly scaled, huge off-diagonal) keep to this, too.
    tolerance = 2.2e-16 * max(20, 10 * np.linalg.norm(A, 2) ** 0.5, np.linalg.norm(A, 2))
    if name in ("ward", "stiff"):  # condition numbers 1.5e4 and 1e6: norm times condition of the eigenvectors
        tolerance = 2.2e-16 * scipy.linalg.expm_cond(A)
    assert error(factor.value, value) < tolerance
    assert error(factor.frechet(E), derivative) < 2 * tolerance


@pytest.mark.parametrize("name", cases())
def test_not_worse_than_scipy(name):
    A = cases()[name]
    E = random(A.shape, seed=1)
    value, derivative = exact(A, E)
    factor = ExpmFactor(A)
    # Within a factor three of SciPy's error, or at the level that the condition number explains where SciPy
    # is lucky; 3e-15 for the rounding of the last few products.
    floor = 3e-15 + 2.2e-16 * min(scipy.linalg.expm_cond(A), 1e6)
    assert error(factor.value, value) < 3 * error(scipy.linalg.expm(A), value) + floor
    scipy_derivative = scipy.linalg.expm_frechet(A, E, compute_expm=False)
    assert error(factor.frechet(E), derivative) < 3 * error(scipy_derivative, derivative) + floor


@pytest.mark.parametrize("scheme", _expm_factor._DOUBLE, ids=lambda scheme: f"order {scheme.order}")
def test_a_scheme_agrees_with_exp_to_its_order(scheme):
    # Run the program on polynomials in x with exact rational coefficients.
    def combination(coefficients, steps):
        total = [Fraction(0)] * 40
        for c, step in zip(coefficients, steps, strict=False):
            for i, x in enumerate(step):
                total[i] += Fraction(c) * x
        return total

    steps = [[Fraction(i == 1) for i in range(40)]]
    for operands in scheme.products:
        P, Q = (steps[f] if isinstance(f, int) else combination(f, steps) for f in operands)
        product = [Fraction(0)] * 40
        for i, x in enumerate(P):
            for j, y in enumerate(Q[: 40 - i]):
                product[i + j] += x * y
        steps.append(product)
    polynomial = combination((*scheme.result, 1.0), steps)
    polynomial[0] += 1
    for k in range(scheme.order + 1):
        # The coefficients are doubles and the high orders are sums that cancel a little: some units.
        assert float(polynomial[k] * math.factorial(k)) == pytest.approx(1, abs=1e-13)


@pytest.mark.parametrize("scheme", _expm_factor._DOUBLE, ids=lambda scheme: f"order {scheme.order}")
def test_the_limits_bound_the_backward_error(scheme):
    # For a number a at the limit, p(a) = exp(a + h(a)) with |h(a)| ≤ u |a|.
    result = (*scheme.result, 1.0)
    with mpmath.workdps(60):

        def polynomial(x):
            steps = [x]
            for operands in scheme.products:
                P, Q = (
                    steps[f] if isinstance(f, int) else mpmath.fdot(zip(f, steps, strict=False))
                    for f in operands
                )
                steps.append(P * Q)
            return 1 + mpmath.fdot(zip(result, steps, strict=True))

        for limit, u in zip(scheme.limit, (2.0**-53, 2.0**-24), strict=True):
            for sign in (1, -1):
                a = sign * mpmath.mpf(limit)
                backward = abs(mpmath.log(polynomial(a)) - a) / abs(a)
                # The coefficients are rounded to double; their terms sum to e^|a| in modulus, beside e^a.
                rounding = 2.0**-53 * math.exp(2 * limit) / limit
                assert backward < u + (rounding if sign < 0 else 2e-16)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [1e-5, 1e-2, 0.3, 1.0, 5.0])
@pytest.mark.parametrize("n", [2, 5, 40, 150])
def test_sizes_scales_and_precisions(n, scale, dtype):
    A = random((n, n), dtype) * scale / math.sqrt(n)
    A = A.astype(dtype)
    E = random((n, n), dtype, 1)
    wide = np.complex128 if A.dtype.kind == "c" else np.float64
    value, derivative = scipy.linalg.expm_frechet(A.astype(wide), E.astype(wide))
    factor = ExpmFactor(A)
    L = factor.frechet(E)
    assert factor.value.dtype == L.dtype == A.dtype
    # The condition number is about ‖A‖ ≤ 2 · 5 for these random matrices; 200 units leave room for the
    # rounding errors of products of 150 rows and, in double precision, for SciPy's own.
    tolerance = 200 * np.finfo(dtype).eps
    assert error(factor.value, value) < tolerance
    assert error(L, derivative) < tolerance


def test_the_norm_estimate_is_a_bound():
    n = 200
    R = random((n, n)) / math.sqrt(n)
    x, e = np.cos(np.arange(n)), np.eye(n)
    orthogonal = np.linalg.qr(R)[0]
    matrices = {
        "random": R,
        "symmetric": R + R.T,
        "outlier": R + 5 * np.outer(x, np.sin(np.arange(n))) / n,
        "one entry": 0.5 * R + 3 * np.outer(e[7], e[9]),
        "one column": R * (np.arange(n) == 66) + 1e-3 * R,
        "decaying": orthogonal @ np.diag(np.logspace(0, -6, n)) @ orthogonal.T,
        "ones": np.ones((n, n)),
        "balanced signs": np.outer(1 - 2 * (np.arange(n) % 2), np.ones(n)),
        "identity": e,
        "zero": 0 * e,
        "shift": np.eye(n, k=1),
        "complex": random((n, n), np.complex128),
    }
    for name, A in matrices.items():
        two = np.linalg.norm(A, 2)
        bound = _expm_factor._norm_bounds(A[None])[0]
        assert two * 0.999999 <= bound <= 1.2 * two, name
    stack = np.stack([matrices[k] for k in ("random", "outlier", "zero")])
    np.testing.assert_allclose(
        _expm_factor._norm_bounds(stack), [_expm_factor._norm_bounds(A[None])[0] for A in stack], rtol=1e-12
    )


@pytest.mark.parametrize("n", [130, 200])
def test_large_matrices_with_structure(n):
    # Above 128 rows the 2-norm is estimated; an estimate that is too small would show up here.
    laplacian = 40 * (np.eye(n, k=1) + np.eye(n, k=-1) - 2 * np.eye(n))
    outlier = random((n, n)) / math.sqrt(n)
    outlier[3, 5] += 6
    for A in (laplacian, outlier, np.triu(outlier), 30 * (outlier - outlier.T)):
        E = random((n, n), seed=2)
        value, derivative = scipy.linalg.expm_frechet(A, E)
        factor = ExpmFactor(A)
        # Both are rounded: √n · ‖A‖ · u is some 4e-13 at the largest norm here (360).
        assert error(factor.value, value) < 1e-12
        assert error(factor.frechet(E), derivative) < 1e-12


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (40, 40), (2, 3, 4, 4)])
def test_adjoint_is_adjoint_and_is_the_derivative_at_the_conjugate_transpose(shape, dtype):
    A, E, G = (random(shape, dtype, seed) for seed in range(3))
    factor = ExpmFactor(A)
    L, adjoint = factor.frechet(E), factor.adjoint(G)
    assert adjoint.dtype == A.dtype
    size = np.linalg.norm(L) * np.linalg.norm(G)
    assert abs(inner(L, G) - inner(E, adjoint)) < 50 * np.finfo(dtype).eps * size  # sums of 1600 products
    other = ExpmFactor(A.conj().swapaxes(-1, -2)).frechet(G)
    assert error(adjoint, other) < 100 * np.finfo(dtype).eps


def test_complex_step():
    A, E = random((6, 6)), random((6, 6), seed=1)
    # The imaginary part of expm(A + ihE) is h L(A, E) + O(h³): exact to rounding for h = 1e-30.
    step = ExpmFactor(A + 1e-30j * E).value.imag / 1e-30
    assert error(ExpmFactor(A).frechet(E), step) < 1e-14


def test_complex_directions_of_a_real_matrix():
    A = random((2, 5, 5))
    E = random((3, 2, 5, 5), np.complex128)
    factor = ExpmFactor(A)
    for method in (factor.frechet, factor.adjoint):
        L = method(E)
        assert L.dtype == np.complex128
        expected = method(E.real.copy()) + 1j * method(E.imag.copy())
        np.testing.assert_allclose(L, expected, atol=1e-13)
    assert ExpmFactor(A.astype(np.float32)).frechet(E).dtype == np.complex64
    assert ExpmFactor(A.astype(np.complex128)).frechet(E.real).dtype == np.complex128


@pytest.mark.parametrize("shape", [(3, 6, 6), (6, 6), (20, 20), (2, 1, 20, 20)])
def test_stacked_directions_equal_a_loop(shape):
    A = random(shape, np.complex128)
    E = random((4, 2, *shape), np.complex128, 1)
    factor = ExpmFactor(A)
    for method in (factor.frechet, factor.adjoint):
        together = method(E)
        for i in np.ndindex(4, 2):
            np.testing.assert_allclose(together[i], method(E[i]), rtol=1e-12, atol=1e-13)


def test_a_stack_of_very_different_matrices_equals_a_loop():
    # Norms from 1e-8 to 1e6: each matrix keeps its own scaling, so none loses digits to the others.
    R = random((5, 4, 4))
    semidefinite = R[3][:, :3] @ R[3][:, :3].T  # an eigenvalue near 0, so that the exponential is not all 0
    A = np.stack([1e-8 * R[0], 0.1 * R[1], 3 * R[2], -1e6 * semidefinite, np.triu(1e3 * R[4], 1)])
    A = np.stack([A, A[::-1]])
    E = random((3, *A.shape), seed=1)
    factor = ExpmFactor(A)
    L = factor.frechet(E)
    for i in np.ndindex(A.shape[:2]):
        value, _ = exact(A[i], E[0][i])
        # The negative definite matrix has norm 1e7, hence condition number 1e7: 1e7 · u is 2e-9.
        tolerance = 1e-14 if np.linalg.norm(A[i]) < 1e5 else 1e-8
        assert error(factor.value[i], value) < tolerance
        alone = ExpmFactor(A[i])
        for d in range(3):
            assert error(L[d][i], alone.frechet(E[d][i])) < tolerance
    # e^A − I of a tiny matrix: absolute accuracy at the level of 1.
    np.testing.assert_allclose(factor.value[0, 0], np.eye(4) + A[0, 0], atol=4e-16)


@pytest.mark.parametrize("norm", [1e3, 1e5, 1e8])
def test_large_norms_with_decaying_spectrum(norm):
    orthogonal = np.linalg.qr(random((5, 5)))[0]
    eigenvalues = -norm * np.array([1.0, 0.3, 1e-2 / norm, 1.0 / norm, 2.0 / norm])
    A = orthogonal @ np.diag(eigenvalues) @ orthogonal.T
    expected = orthogonal @ np.diag(np.exp(eigenvalues)) @ orthogonal.T
    # A itself carries rounding errors of norm · u, and the condition number is at least the norm.
    assert error(ExpmFactor(A).value, expected) < 1e-15 * norm


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [0, 3], ids=["one matrix", "a stack"])
def test_huge_off_diagonal_is_not_scaled_away(dtype, count):
    # Al-Mohy & Higham's example: the powers of A are tame, so it needs no halving, and no digit is lost.
    A = np.array([[1.0, 1e8], [0.0, -1.0]], dtype)
    if count:
        A = np.stack([A] * count)
    np.testing.assert_allclose(
        ExpmFactor(A).value,
        np.broadcast_to([[math.e, 1e8 * math.sinh(1)], [0, math.exp(-1)]], A.shape),
        rtol=5 * np.finfo(dtype).eps,  # the rounding of a number is half of that
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [20, 130])
def test_needless_halvings_of_large_matrices_are_taken_back(n, dtype):
    # Norm 1e6, and A² = 0: e^A = I + A, and L(A, E) = E + (A E + E A)/2 + A E A/6.
    A = np.zeros((n, n), dtype)
    A[: n // 2, n // 2 :] = random((n // 2, n - n // 2), dtype) * 1e6
    E = random((n, n), dtype, 1)
    factor = ExpmFactor(A)
    wide = "D" if A.dtype.kind == "c" else "d"
    A, E = A.astype(wide), E.astype(wide)
    # nothing is squared, so that only the products of n terms round
    eps = np.finfo(dtype).eps
    assert np.abs(factor.value - np.eye(n) - A).max() <= 2 * eps * np.abs(A).max()
    assert error(factor.frechet(E), E + (A @ E + E @ A) / 2 + A @ E @ A / 6) < 10 * eps


@settings(max_examples=100)
@given(
    n=st.integers(2, 16),
    dtype=st.sampled_from(DTYPES),
    norm=st.floats(1e-6, 20),
    layout=st.sampled_from(["rows", "columns", "strided", "reversed"]),
    seed=st.integers(0, 99),
)
def test_one_matrix_and_a_stack_agree(n, dtype, norm, layout, seed):
    # One matrix takes its products from BLAS and keeps what it computes; small ones of a stack do neither.
    A, E = random((n, n), dtype, seed), random((n, n), dtype, seed + 1)
    A = (A * (norm / np.linalg.norm(A, 1))).astype(dtype)
    if layout == "columns":
        A, E = np.asfortranarray(A), np.asfortranarray(E)
    elif layout == "strided":
        A, E = np.repeat(np.repeat(A, 2, 0), 3, 1)[::2, ::3], np.repeat(E, 2, 1)[:, ::2]
    elif layout == "reversed":
        A, E = A[::-1, ::-1].copy()[::-1, ::-1], E[::-1].copy()[::-1]
    one, stack = ExpmFactor(A), ExpmFactor(A[None])
    # The schemes are the same, and so are the squarings but for norms at a limit; rounding grows with the
    # condition number, which the norm bounds from below, and for these random matrices is of its size.
    tolerance = 50 * (1 + norm) * np.finfo(dtype).eps
    assert error(one.value, stack.value[0]) < tolerance
    assert error(one.frechet(E), stack.frechet(E[None])[0]) < tolerance
    assert error(one.adjoint(E), stack.adjoint(E[None])[0]) < tolerance


def test_threads_share_a_factor():
    A, G = random((3, 30, 30)), random((5, 3, 30, 30), seed=1)
    factor = ExpmFactor(A)
    expected = factor.adjoint(G)
    with ThreadPoolExecutor(4) as pool:
        for pulled in pool.map(factor.adjoint, [G] * 20):
            np.testing.assert_array_equal(pulled, expected)


def test_entries_that_are_not_aligned():
    packed = np.zeros((20, 20), np.dtype([("flag", "u1"), ("entry", "f8")]))
    packed["entry"] = R = random((20, 20))
    A = packed["entry"]
    assert not A.flags.aligned
    for shape in ((20, 20), (4, 10, 10)):
        factor, expected = ExpmFactor(A.reshape(shape)), ExpmFactor(R.reshape(shape))
        np.testing.assert_array_equal(factor.value, expected.value)
        np.testing.assert_array_equal(factor.frechet(A.reshape(shape)), expected.frechet(R.reshape(shape)))


def test_overflow_is_as_in_scipy():
    A = np.array([[1000.0, 1.0], [2.0, 1500.0]])
    with np.errstate(all="ignore"):
        value, expected = ExpmFactor(A).value, scipy.linalg.expm(A)
    assert not np.isfinite(value).any()
    assert not np.isfinite(expected).any()
    for overflowing in (A, A[None], A.astype(np.complex64), [[1000.0]]):
        with pytest.warns(RuntimeWarning, match="overflow encountered in exp"):
            ExpmFactor(overflowing)
        with np.errstate(over="raise"), pytest.raises(FloatingPointError, match="overflow"):
            ExpmFactor(overflowing)
    with np.errstate(all="ignore"):
        assert not np.isfinite(ExpmFactor(np.full((2, 2), 1e308)).value).any()
        assert ExpmFactor(np.array([[1000.0]])).value[0, 0] == np.inf


@pytest.mark.parametrize("shape", [(0, 0), (3, 0, 0), (0, 4, 4), (0, 200, 200), (1, 1), (2, 1, 1)])
def test_empty_and_one_by_one(shape):
    A, E = random(shape), random((5, *shape), seed=1)
    factor = ExpmFactor(A)
    assert factor.value.shape == shape
    assert factor.frechet(E).shape == factor.adjoint(E).shape == E.shape
    if shape[-1] == 1:
        np.testing.assert_allclose(factor.value, np.exp(A))
        np.testing.assert_allclose(factor.frechet(E), np.exp(A) * E)


@pytest.mark.parametrize(
    ("A", "dtype"),
    [
        (np.array([[1, 2], [3, 4]]), np.float64),
        (np.array([[1, 2], [3, 4]], np.float16), np.float64),
        (np.array([[1, 2], [3, 4]], np.longdouble), np.float64),
        (np.array([[1, 2], [3, 4]], np.clongdouble), np.complex128),
        (np.array([[1, 2], [3, 4]], ">f8"), np.float64),
        ([[1, 2], [3, 4]], np.float64),
    ],
)
def test_other_types(A, dtype):
    factor = ExpmFactor(A)
    assert factor.value.dtype == dtype
    assert factor.value.dtype.isnative
    value, _ = exact(np.array([[1.0, 2.0], [3.0, 4.0]]), np.eye(2))
    np.testing.assert_allclose(factor.value, value, rtol=1e-14)
    assert factor.frechet(np.array([[1, 0], [0, 1]])).dtype == dtype


def test_layouts_and_no_mutation():
    base = random((12, 12))
    A = base[::2, ::-2].T
    G = np.broadcast_to(1.0, (6, 6))
    A.flags.writeable = False
    before = base.copy()
    factor = ExpmFactor(A)
    expected = ExpmFactor(np.ascontiguousarray(A)).frechet(np.ones((6, 6)))
    np.testing.assert_allclose(factor.frechet(G), expected, rtol=1e-13)
    assert error(factor.adjoint(G), ExpmFactor(A.T.copy()).frechet(np.ones((6, 6)))) < 1e-14
    np.testing.assert_array_equal(base, before)
    first = factor.frechet(G)
    factor.value[...] = np.nan  # the caller's to change
    base[...] = np.nan
    np.testing.assert_array_equal(factor.frechet(G), first)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, complex(0, np.nan)])
@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 3, 3), (150, 150), (2, 20, 20)])
def test_nan_and_inf_are_refused(shape, bad):
    A = random(shape, np.result_type(bad, 1.0))
    A[..., -1, 0] = bad
    with pytest.raises(ValueError, match="nan or inf"):
        ExpmFactor(A)


def test_bad_input():
    for A in (np.ones(3), np.ones((2, 3)), np.float64(1)):
        with pytest.raises(ValueError, match="square"):
            ExpmFactor(A)
    for A in (np.array([["a"]]), np.array([[None]]), np.array([[True]])):
        with pytest.raises(TypeError, match="numeric"):
            ExpmFactor(A)
    factor = ExpmFactor(np.eye(3))
    for E in (np.ones((2, 2)), np.ones(3), np.ones((3, 3, 2)), np.float64(1)):
        with pytest.raises(ValueError, match="direction"):
            factor.frechet(E)
        with pytest.raises(ValueError, match="direction"):
            factor.adjoint(E)
    with pytest.raises(TypeError, match="numeric"):
        factor.frechet(np.full((3, 3), None))
