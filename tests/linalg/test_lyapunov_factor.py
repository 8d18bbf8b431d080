"""The numerics of Lyapunov and Stein equations of one matrix, against residuals and exact solutions."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import scipy.linalg
from numpy.linalg import LinAlgError

from frechet.linalg import _schur_form, _smith_factor
from frechet.linalg._lyapunov_factor import LyapunovFactor

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]
METHODS = ["lyapunov", "lyapunov_adjoint", "stein", "stein_adjoint"]
# 1 ... 6: the n² × n² matrix; up to 31: the Schur form; beyond: doubling, or the Schur form if that is off.
SIZES = [1, 2, 3, 6, 7, 12, 33, 65, 100]


def random(shape, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(dtype)


def stable(shape, dtype=np.float64, seed=0):
    """A random matrix of spectral radius one half, shifted to |λ| < 1 and mostly Re λ < 0: all is regular."""
    n = max(shape[-1], 1)
    size = 0.5 / np.sqrt(2 * n if np.dtype(dtype).kind == "c" else n)
    return (size * random(shape, dtype, seed) - 0.3 * np.eye(shape[-1])).astype(dtype)


def H(A):
    return A.conj().swapaxes(-1, -2)


def apply(method, A, X):
    """Return the left side of the equation that the method solves."""
    if method == "lyapunov":
        return A @ X + X @ H(A)
    if method == "lyapunov_adjoint":
        return H(A) @ X + X @ A
    return X - A @ X @ H(A) if method == "stein" else X - H(A) @ X @ A


def exact(method, A, Q):
    """Solve by the n² × n² matrix in 60 digits."""
    n = len(A)
    unit = np.eye(n * n).reshape(n * n, n, n)
    exact_A = np.array([[mpmath.mpmathify(x) for x in row] for row in A.tolist()])
    exact_AH = np.array([[mpmath.conj(x) for x in row] for row in exact_A.T])
    left, right = (exact_AH, exact_A) if method.endswith("adjoint") else (exact_A, exact_AH)
    with mpmath.workdps(60):
        columns = []
        for E in unit:
            X = np.array([[mpmath.mpf(x) for x in row] for row in E.tolist()])
            Y = left.dot(X) + X.dot(right) if method.startswith("lyapunov") else X - left.dot(X).dot(right)
            columns.append(Y.ravel().tolist())
        x = mpmath.lu_solve(mpmath.matrix(columns).T, mpmath.matrix(Q.ravel().tolist()))
    return np.array([complex(v) for v in x]).reshape(n, n)


def error(x, reference):
    return np.linalg.norm(x - reference) / np.linalg.norm(reference)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("n", "doubling"), [(n, True) for n in SIZES] + [(33, False), (65, False), (100, False)]
)
@pytest.mark.parametrize("method", METHODS)
def test_residuals(method, n, doubling, dtype):
    A, Q = stable((n, n), dtype), random((n, n), dtype, 1)
    factor = LyapunovFactor(A, doubling=doubling)
    for right_side in (Q, Q + H(Q)):
        X = getattr(factor, method)(right_side)
        assert X.dtype == dtype
        residual = np.linalg.norm(apply(method, A, X) - right_side)
        # A backward stable solution has a residual of some units of rounding times ‖A‖ ‖X‖ (‖A‖ is about 1
        # here); the orthogonal transformations of a Schur form contribute √n each.
        scale = np.linalg.norm(X) + np.linalg.norm(right_side)
        assert residual < 10 * np.sqrt(n) * np.finfo(dtype).eps * scale


@pytest.mark.parametrize("complex_A", [False, True])
@pytest.mark.parametrize("n", [1, 2, 4, 7])
@pytest.mark.parametrize("method", METHODS)
def test_solutions_agree_with_exact_arithmetic(method, n, complex_A):
    dtype = np.complex128 if complex_A else np.float64
    A, Q = stable((n, n), dtype, 3), random((n, n), dtype, 4)
    # The equations of these stable matrices have condition numbers below 100.
    assert error(getattr(LyapunovFactor(A), method)(Q), exact(method, A, Q)) < 1e-13


@pytest.mark.filterwarnings("ignore::scipy.linalg.LinAlgWarning")  # some leave fewer than two digits
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [5, 7])
@pytest.mark.parametrize(
    "kind", ["unstable", "near the circle", "near the axis", "non-normal", "badly scaled", "defective"]
)
def test_harder_matrices(kind, n, method):
    rng = np.random.default_rng(5)
    R = rng.standard_normal((n, n))
    Z = np.linalg.qr(R)[0]
    if kind == "unstable":
        A = 30 * R
    elif (
        kind == "near the circle"
    ):  # both signs: each of the bilinear transformations is ill-conditioned by itself
        A = Z @ np.diag(np.r_[0.9999, -0.9998, rng.uniform(-0.9, 0.9, n - 2)]) @ Z.T
    elif kind == "near the axis":
        A = (
            Z
            @ scipy.linalg.block_diag([[-1e-5, 3.0], [-3.0, -1e-5]], -np.diag(rng.uniform(0.1, 2, n - 2)))
            @ Z.T
        )
    elif kind == "non-normal":
        A = Z @ (np.triu(10 * R, 1) - np.diag(rng.uniform(0.1, 0.9, n))) @ Z.T
    elif kind == "badly scaled":
        d = 10.0 ** rng.uniform(-3, 3, n)
        A = d[:, None] * stable((n, n)) / d
    else:
        A = Z @ (-0.5 * np.eye(n) + np.eye(n, k=1)) @ Z.T
    Q = rng.standard_normal((n, n))
    reference = exact(method, A, Q)
    # The condition number of the equation in norm, from its n² × n² matrix.
    K = np.array([apply(method, A, U).ravel() for U in np.eye(n * n).reshape(n * n, n, n)]).T
    size = 2 * np.linalg.norm(A, 2) if method.startswith("lyapunov") else 1 + np.linalg.norm(A, 2) ** 2
    condition = size * np.linalg.norm(np.linalg.inv(K), 2)
    # Backward stability, times n for the accumulation, times ten for luck.
    assert error(getattr(LyapunovFactor(A), method)(Q), reference) < 10 * n * 2.2e-16 * condition


@pytest.mark.parametrize("n", [4, 10, 40])
def test_agrees_with_scipy(n):
    A, Q = stable((n, n)), random((n, n), seed=1)
    factor = LyapunovFactor(A)
    # Condition numbers are below 100; both solvers are backward stable.
    np.testing.assert_allclose(factor.lyapunov(Q), scipy.linalg.solve_continuous_lyapunov(A, Q), atol=1e-11)
    np.testing.assert_allclose(factor.stein(Q), scipy.linalg.solve_discrete_lyapunov(A, Q), atol=1e-11)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "doubling"), [(1, True), (4, True), (10, True), (70, True), (70, False)])
@pytest.mark.parametrize("equation", ["lyapunov", "stein"])
def test_the_adjoint_is_the_adjoint(equation, n, doubling, dtype):
    A, Q, W = stable((n, n), dtype), random((n, n), dtype, 1), random((n, n), dtype, 2)
    factor = LyapunovFactor(A, doubling=doubling)
    X, Y = getattr(factor, equation)(Q), getattr(factor, equation + "_adjoint")(W)
    size = np.linalg.norm(X) * np.linalg.norm(W) + np.linalg.norm(Q) * np.linalg.norm(Y)
    # ⟨S Q, W⟩ = ⟨Q, S* W⟩: forward errors are condition (< 100) times rounding.
    assert abs(np.vdot(X, W).real - np.vdot(Q, Y).real) < 100 * np.finfo(dtype).eps * size


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
@pytest.mark.parametrize("n", [3, 9, 80])
@pytest.mark.parametrize("method", METHODS)
def test_a_hermitian_right_side_gives_a_hermitian_solution(method, n, dtype):
    A, Q = stable((n, n), dtype), random((n, n), dtype, 1)
    factor = LyapunovFactor(A)
    X = getattr(factor, method)(Q + H(Q))
    np.testing.assert_array_equal(X, H(X))
    # The general way, on the two parts of the sum that are not Hermitian, gives the same.
    general = getattr(factor, method)(Q) + getattr(factor, method)(H(Q).copy())
    np.testing.assert_allclose(X, general, atol=1e-12)


@pytest.mark.parametrize("n", [3, 9, 40])
@pytest.mark.parametrize("method", METHODS)
def test_complex_right_sides_of_a_real_matrix(method, n):
    A, Q = stable((n, n)), random((2, n, n), np.complex128)
    solve = getattr(LyapunovFactor(A), method)
    X = solve(Q)
    assert X.dtype == np.complex128
    np.testing.assert_allclose(X, solve(Q.real.copy()) + 1j * solve(Q.imag.copy()), atol=1e-12)
    assert getattr(LyapunovFactor(A.astype(np.float32)), method)(Q).dtype == np.complex64
    assert getattr(LyapunovFactor(A.astype(complex)), method)(Q.real).dtype == np.complex128


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
@pytest.mark.parametrize("n", [2, 8, 40])
@pytest.mark.parametrize("method", METHODS)
def test_stacks_and_stacked_directions_equal_loops(method, n, dtype):
    A, Q = stable((2, 3, n, n), dtype), random((4, 2, 3, n, n), dtype, 1)
    together = getattr(LyapunovFactor(A), method)(Q)
    for i in np.ndindex(2, 3):
        one = LyapunovFactor(A[i])
        directions = getattr(one, method)(Q[:, *i])
        np.testing.assert_allclose(together[:, *i], directions, atol=1e-12)
        for d in range(4):
            np.testing.assert_allclose(directions[d], getattr(one, method)(Q[d][i]), atol=1e-12)


def test_blocks_of_two_are_not_cut():
    # All eigenvalues complex: every second position is inside a 2 × 2 block; sizes that put cuts there, too.
    for n in range(124, 136, 2):
        rotation = np.array([[-0.2, 0.6], [-0.6, -0.2]])
        shear = np.triu(random((n, n)), 2) * 0.02
        T = np.kron(np.eye(n // 2), rotation) + np.triu(shear, 2)
        Z = np.linalg.qr(random((n, n), seed=n))[0]
        A, Q = Z @ T @ Z.T, random((n, n), seed=1)
        factor = LyapunovFactor(A)
        for method in METHODS:
            X = getattr(factor, method)(Q)
            residual = np.linalg.norm(apply(method, A, X) - Q)
            assert residual < 1e-13 * (np.linalg.norm(X) * np.linalg.norm(A) + np.linalg.norm(Q))


@pytest.mark.parametrize("n", [10, 40])
def test_one_factorization_serves_everything(n, monkeypatch):
    calls = []
    for module, name in ((_schur_form, "_schur"), (_smith_factor, "_powers")):
        numeric = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *A, f=numeric, name=name: (calls.append(name), f(*A))[1])
    factor = LyapunovFactor(random((n, n)) / (5 * np.sqrt(n)) - 0.4 * np.eye(n))  # stable in either sense
    for method in METHODS * 2:
        getattr(factor, method)(np.eye(n))
    # doubling has other powers for either equation
    assert calls == (["_schur"] if n == 10 else ["_powers", "_powers"])
    calls.clear()
    factor = LyapunovFactor(30 * random((n, n)))  # not stable
    for method in METHODS * 2:
        getattr(factor, method)(np.eye(n))
    assert calls.count("_schur") == 1


@pytest.mark.parametrize("equation", ["lyapunov", "stein"])
def test_an_inaccurate_solution_by_doubling_is_not_returned(equation, monkeypatch):
    A, Q = random((40, 40)) / 32 - 0.4 * np.eye(40), random((40, 40), seed=1)  # stable in either sense
    expected = getattr(LyapunovFactor(A, doubling=False), equation)(Q)
    apply_powers = _smith_factor.Smith._apply
    monkeypatch.setattr(
        _smith_factor.Smith, "_apply", lambda *args: 1.01 * apply_powers(*args)
    )  # two steps leave an error of 1e-4
    X = getattr(LyapunovFactor(A), equation)(Q)
    np.testing.assert_array_equal(X, expected)


def singular_cases():
    for n in (1, 2, 3, 6, 7, 20, 50):
        R = random((n, n), seed=n)
        Z = np.linalg.qr(R)[0]
        yield "lyapunov", np.zeros((n, n))
        yield "lyapunov", R - R.T  # eigenvalues on the imaginary axis
        yield "lyapunov", 1j * (R + R.T)
        yield "stein", np.eye(n)
        yield "stein", -np.eye(n)
        yield "stein", Z  # eigenvalues on the unit circle
        if n > 1:
            d = np.linspace(-3, -0.5, n)
            d[:2] = 1.5, -1.5
            yield "lyapunov", Z @ np.diag(d) @ Z.T
            d[:2] = 2, 0.5
            yield "stein", Z @ np.diag(d) @ Z.T
            yield "stein", (Z * d) @ Z.T.astype(np.complex128)


@pytest.mark.parametrize(("equation", "A"), list(singular_cases()))
def test_singular_equations_are_refused(equation, A):
    factor = LyapunovFactor(A)
    condition = (
        r"lambda_i \+ conj\(lambda_j\) = 0" if equation == "lyapunov" else r"lambda_i \* conj\(lambda_j\) = 1"
    )
    for method in (equation, equation + "_adjoint"):
        for _ in range(2):  # the second time, too
            with pytest.raises(LinAlgError, match=condition):
                getattr(factor, method)(np.eye(len(A)))


def test_one_equation_may_be_singular_and_the_other_not():
    A = np.diag([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    factor = LyapunovFactor(A)
    np.testing.assert_allclose(factor.lyapunov(np.eye(7)), np.diag(0.5 / np.diag(A)), rtol=1e-14)
    with pytest.raises(LinAlgError):
        factor.stein(np.eye(7))


@pytest.mark.parametrize("n", [3, 10])
def test_nearly_singular_equations_are_solved(n):
    d = -np.logspace(-6, 4, n)
    X = LyapunovFactor(np.diag(d)).lyapunov(np.eye(n))
    np.testing.assert_allclose(np.diag(X), 1 / (2 * d), rtol=1e-12)
    d = np.linspace(-0.9, 0.9, n)
    d[0] = 1 - 1e-9
    X = LyapunovFactor(np.diag(d)).stein(np.eye(n))
    # 1 − d² loses nine digits.
    np.testing.assert_allclose(np.diag(X), 1 / ((1 - d) * (1 + d)), rtol=1e-6)


@pytest.mark.parametrize("shape", [(0, 0), (3, 0, 0), (0, 4, 4), (0, 9, 9)])
@pytest.mark.parametrize("method", METHODS)
def test_empty(method, shape):
    for Q in (np.ones(shape), np.ones((2, *shape))):
        X = getattr(LyapunovFactor(np.ones(shape)), method)(Q)
        assert X.shape == Q.shape
    n = max(shape[-1], 7)
    assert getattr(LyapunovFactor(stable((n, n))), method)(np.ones((0, n, n))).shape == (0, n, n)


@pytest.mark.parametrize("n", [2, 8])
@pytest.mark.parametrize("dtype", [np.int64, np.float16, np.longdouble, ">f8"])
def test_other_types(n, dtype):
    A = (-2 * np.eye(n) + np.eye(n, k=1)).astype(dtype)
    X = LyapunovFactor(A).lyapunov(np.eye(n, dtype=dtype))
    assert X.dtype == np.float64
    assert X.dtype.isnative
    np.testing.assert_allclose(apply("lyapunov", A.astype(float), X), np.eye(n), atol=1e-14)
    assert LyapunovFactor(A.astype(np.clongdouble)).lyapunov(np.eye(n)).dtype == np.complex128


@pytest.mark.parametrize("n", [3, 10])
@pytest.mark.parametrize("method", METHODS)
def test_layouts_and_no_mutation(method, n):
    base = stable((2 * n, 2 * n))
    A, Q = base[::2, ::2].T, np.broadcast_to(1.0, (2, n, n))
    A.flags.writeable = False
    before = base.copy()
    factor = LyapunovFactor(A)
    X = getattr(factor, method)(Q)
    expected = getattr(LyapunovFactor(A.copy()), method)(np.ones((2, n, n)))
    np.testing.assert_allclose(X, expected, atol=1e-13)
    np.testing.assert_array_equal(base, before)
    X[...] = np.nan  # the caller's to change
    base[...] = np.nan
    np.testing.assert_allclose(getattr(factor, method)(Q), expected, atol=1e-13)


@pytest.mark.parametrize("n", [1, 3, 10])
def test_bad_input(n):
    A = stable((n, n))
    for bad in (np.nan, np.inf):
        broken = A.copy()
        broken[-1, 0] = bad
        with pytest.raises(ValueError, match="nan or inf"):
            LyapunovFactor(broken)
        for method in METHODS:
            with pytest.raises(ValueError, match="nan or inf"):
                getattr(LyapunovFactor(A), method)(broken)
    for broken in (np.ones(n), np.ones((n, n + 1)), np.float64(1)):
        with pytest.raises(ValueError, match="square"):
            LyapunovFactor(broken)
    for method in METHODS:
        for broken in (np.ones((n + 1, n + 1)), np.ones(n), np.ones((n, n, n + 1)), np.float64(1)):
            with pytest.raises(ValueError, match="right side has shape"):
                getattr(LyapunovFactor(A), method)(broken)
        with pytest.raises(TypeError, match="numeric"):
            getattr(LyapunovFactor(A), method)(np.full((n, n), None))
    for broken in (np.array([["a"]]), np.array([[None]]), np.array([[True]])):
        with pytest.raises(TypeError, match="numeric"):
            LyapunovFactor(broken)


@pytest.mark.parametrize("scale", [1e-200, 1e-160, 1e160, 1e200])
@pytest.mark.parametrize(("n", "doubling"), [(4, True), (10, True), (33, True), (33, False)])
def test_scales(n, doubling, scale):
    A, Q = stable((n, n)) - np.eye(n), random((n, n))
    X = LyapunovFactor(scale * A, doubling=doubling).lyapunov(Q)
    np.testing.assert_allclose(scale * X, LyapunovFactor(A).lyapunov(Q), atol=1e-12)
