"""Functions of general matrices: value, derivatives, multiple eigenvalues, bad input."""

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.linalg import _schur_parlett
from frechet.testing import check_rule
from tests.linalg.matrix_function_references import (
    BADLY_SCALED,
    NEAR_THE_CUT,
    NONNORMAL,
    REAL_WITH_CUT,
    ROTATION,
    jordan,
    reference,
)

rng = np.random.default_rng(13)
A = rng.standard_normal((4, 4))
Z = A + 1j * rng.standard_normal((4, 4))
STACK = rng.standard_normal((2, 3, 3))
Q = np.linalg.qr(rng.standard_normal((4, 4)))[0]
QD = Q[:3, :3] * np.sqrt([1, 1 + 1e-10, 2])
CLOSE = np.diag([1, 1 + 1e-7, 1.05, 2, 2 + 1e-12]) + np.triu(rng.standard_normal((5, 5)), 1)


def rational(z):
    return np.sin(z) / (z * z + 30)


def of(f, **options):
    return lambda a: fr.linalg.funm(a, f, **options)


CASES = [
    *((of(f), (x,)) for f in (np.exp, rational) for x in (A, Z, A.astype(np.float32), jordan(2.0, 3))),
    (of(np.exp), (np.eye(3),)),
    (of(np.exp), (np.diag([1, 1 + 1e-9, 2]),)),
    (of(np.cos), (Q @ jordan(1.0, 4) @ Q.T,)),
    (of(np.exp), (Z.astype(np.complex64),)),
    (of(np.exp), (np.array([[0.3]]),)),
    (of(np.log), (REAL_WITH_CUT,)),  # real matrix, complex function
    (of(np.exp, derivatives=(np.exp,) * 6), (A,)),
    (of(np.exp, derivatives=lambda k, z: np.exp(z)), (jordan(1.0, 2),)),
    (of(lambda z: z * z, degeneracy_tol=3.0), (A,)),
]
CASES_STACKED = [(of(np.exp), (STACK,)), (of(rational), (STACK + 1j * STACK[::-1],))]


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


@given(
    spectrum=st.lists(st.sampled_from([0.5, 0.5 + 1e-10, 0.7, 1.0, -1.0, 2.0]), min_size=1, max_size=4),
    complex=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=12)
def test_rule_at_drawn_spectra(spectrum, complex, seed):
    draw = np.random.default_rng(seed)
    n = len(spectrum)
    T = np.diag(spectrum) + np.triu(draw.standard_normal((n, n)), 1)
    if complex:
        T = T + 0.1j * np.triu(draw.standard_normal((n, n)))
    Q = np.linalg.qr(draw.standard_normal((n, n)))[0]
    check_rule(of(rational), Q @ T @ Q.T)


GRCAR = np.eye(6) + np.eye(6, k=1) + np.eye(6, k=2) + np.eye(6, k=3) - np.eye(6, k=-1)
KAHAN = np.triu(np.full((5, 5), -0.9), 1) + np.eye(5)
FRANK = np.array([[min(6 - i, 6 - j) if j >= i - 1 else 0 for j in range(6)] for i in range(6)], float)
FUNCTIONS = [
    (np.exp, mpmath.exp),
    (np.log, mpmath.log),
    (np.sqrt, mpmath.sqrt),
    (lambda z: np.cos(z) / (7 + z * z), lambda z: mpmath.cos(z) / (7 + z * z)),
]


@pytest.mark.parametrize(("f", "exact"), FUNCTIONS)
@pytest.mark.parametrize(
    ("matrix", "tolerance"),
    [
        *((x, 1e-13) for x in (A + 3 * np.eye(4), Z + 4 * np.eye(4), CLOSE, ROTATION, REAL_WITH_CUT)),
        *((x, 1e-13) for x in (NONNORMAL, jordan(0.5, 4), 2 * np.eye(3), KAHAN, GRCAR, BADLY_SCALED)),
        (np.array([[1.0, 3e4], [0.0, 1.0]]), 1e-14),
        (Q @ jordan(2.0, 4) @ Q.T, 1e-12),  # the Schur form has moved the eigenvalues by 1e-4
        (1e-6 * A + 3e-6 * np.eye(4), 1e-13),
        (NEAR_THE_CUT, 1e-12),  # the eigenvalues are 0.01 apart, with the cut between them
        (FRANK, 1e-11),  # condition numbers of the eigenvalues: a thousand
    ],
)
def test_value_and_derivative_in_50_digits(f, exact, matrix, tolerance):
    E = rng.standard_normal(matrix.shape) * np.abs(matrix).max()
    F, L = fr.linalg.frechet_derivative(lambda a: fr.linalg.funm(a, f, disp=False)[0], matrix, E)
    value, slope = reference(exact, matrix, E)
    np.testing.assert_allclose(F, value, atol=tolerance * np.abs(value).max())
    np.testing.assert_allclose(L, slope, atol=10 * tolerance * np.abs(slope).max())


def test_second_derivative_of_a_small_direction_in_50_digits():
    # L(M, diag(D, D)) at M = [[A, E], [0, A]]: its upper right block is L²(A; E, D), linear in E and D.
    x, E, D = A / 2, 1e-9 * Q, 1e-9 * (Q + Q.T)
    block = np.block([[x, E * 1e9], [np.zeros_like(x), x]])
    big = np.kron(np.eye(2), D * 1e9)
    exact = reference(mpmath.exp, block, big)[1][:4, 4:] * 1e-18

    def slope(a):
        return fr.jvp(of(np.exp), (a,), (E,))[1]

    got = fr.jvp(slope, (x,), (D,))[1]
    np.testing.assert_allclose(got, exact, atol=1e-13 * np.abs(exact).max())


def test_ill_conditioned_eigenvectors_and_separate_eigenvalues():
    # Eigenvectors with a condition number of 1e5, poles of f between the eigenvalues: by block matrices.
    x = np.diag([1.0, 2.0, 3.0]) + np.triu(np.full((3, 3), 300.0), 1)

    def f(z):
        return 1 / ((z - 1.5) * (z - 2.5))

    value, slope = reference(lambda z: 1 / ((z - 1.5) * (z - 2.5)), x, A[:3, :3])
    F, L = fr.linalg.frechet_derivative(lambda a: fr.linalg.funm(a, f, disp=False)[0], x, A[:3, :3])
    # 300² and 300⁴ times what the eigenvalues' quotients, of a distance of one, lose.
    np.testing.assert_allclose(F, value, atol=1e-12 * np.abs(value).max())
    np.testing.assert_allclose(L, slope, atol=1e-11 * np.abs(slope).max())


@pytest.mark.parametrize("n", [10, 30])
def test_against_expm(n):
    x = rng.standard_normal((n, n)) / np.sqrt(n)
    e = rng.standard_normal((3, n, n))
    for got, expected in zip(
        fr.linalg.frechet_derivative(of(np.exp), x, e),
        fr.linalg.frechet_derivative(fr.linalg.expm, x, e),
        strict=True,
    ):
        np.testing.assert_allclose(
            got, expected, atol=1e-12 * np.abs(expected).max()
        )  # rounding, eigenvectors


@pytest.mark.parametrize("x", [A, Z, A.astype(np.float32), [[1, 2], [3, 4]]])
def test_value_is_scipys(x):
    got, error = fr.linalg.funm(x, np.exp, disp=False)
    expected, _ = scipy.linalg.funm(x, np.exp, disp=False)
    assert got.dtype == expected.dtype
    assert error < 1e3 * np.finfo(got.dtype).eps
    np.testing.assert_allclose(got, expected, atol=1e3 * np.finfo(got.dtype).eps * np.abs(expected).max())


def test_kinds_of_results():
    assert fr.linalg.funm(A, np.exp).dtype == np.float64
    assert fr.linalg.funm(A, lambda z: np.exp(1j * z)).dtype == np.complex128
    assert fr.linalg.funm(-np.eye(2), np.log).dtype == np.complex128  # no real logarithm by this branch
    assert fr.linalg.funm(np.eye(2, dtype=np.float32), np.log).dtype == np.float32
    assert fr.linalg.funm(np.zeros((0, 0)), np.exp).shape == (0, 0)
    assert fr.linalg.funm(np.zeros((0, 2, 2)), np.exp).shape == (0, 2, 2)
    value, errors = fr.linalg.funm(STACK, np.exp, disp=False)
    assert (value.shape, errors.shape) == ((2, 3, 3), (2,))


def test_functions_without_derivatives():
    step = np.vectorize(lambda z: 1.0 if z.real > 1 else 0.0)
    # Simple eigenvalues, or a diagonalizable matrix: no derivative of f enters.
    np.testing.assert_allclose(fr.linalg.funm(np.array([[2.0, 1.0], [0.0, 0.5]]), step), [[1, 2 / 3], [0, 0]])
    np.testing.assert_array_equal(fr.linalg.funm(2 * np.eye(2), step), np.eye(2))
    np.testing.assert_array_equal(fr.linalg.funm(np.zeros((2, 2)), np.sqrt), np.zeros((2, 2)))
    with pytest.raises(fr.NotDifferentiableError, match="derivatives of func are needed here"):
        fr.linalg.funm(jordan(2.0, 2), step)
    with pytest.raises(fr.NotDifferentiableError, match="derivatives of func are needed here"):
        fr.jvp(of(step), (np.diag([2.0, 0.5]),), (np.eye(2),))


def test_few_derivatives_given():
    x = Q[:3, :3] @ np.array([[1, 1.0, 0.3], [0, 1, 0.7], [0, 0, 1 + 1e-4]]) @ np.linalg.inv(Q[:3, :3])
    np.testing.assert_allclose(
        fr.linalg.funm(np.triu(x), np.exp, derivatives=(np.exp,) * 2),
        fr.linalg.expm(np.triu(x)),
        atol=1e-11 * np.abs(x).max(),  # quotients by 1e-4 where the two derivatives do not suffice
    )
    with pytest.raises(fr.NotDifferentiableError, match=r"multiplicity 3.*derivatives="):
        fr.linalg.funm(jordan(1.0, 3), np.exp, derivatives=(np.exp,))


def test_more_derivatives_given_than_first_tried():
    # The series about 1.45 needs more than the 20 derivatives: the eigenvalues are then taken one by one.
    given = [
        lambda z, k=k: (-1.0) ** (k - 1) * float(np.prod(np.arange(1.0, k))) * z**-k for k in range(1, 21)
    ]
    x = np.array([[1.0, 1.0], [0.0, 1.9]])
    np.testing.assert_allclose(
        fr.linalg.funm(x, np.log, derivatives=given, degeneracy_tol=1.0), fr.linalg.logm(x), atol=1e-15
    )


@pytest.mark.parametrize("exponent", [-900, -400, -66, 66, 400, 900])
@pytest.mark.parametrize("assume", [None, "hermitian"])
def test_very_small_and_large_matrices(exponent, assume):
    # √(sA) = √s √A: Taylor coefficients of √ at 1e-20 and powers of 1e20 left the range of numbers, and
    # differences of close eigenvalues digits.
    s, root = 2.0**exponent, 2.0 ** (exponent // 2)
    x = QD @ QD.T if assume else np.diag([1.0, 1.3, 2.0]) + np.triu(A[:3, :3], 1)
    E = A[:3, :3] + A[:3, :3].T

    def derivatives(f, s):
        value, tangent = fr.jvp(f, (s * x,), (s * E,))
        gradient = fr.grad(lambda a: np.sum(f(a) * E))
        second = fr.jvp(gradient, (s * x,), (s * E,))[1] if abs(exponent) < 500 else gradient(s * x)
        return value, tangent, gradient(s * x) * s, second * s

    scaled = derivatives(of(np.sqrt, assume=assume), s)
    # Quotients of differences of eigenvalues lose two to four digits of this matrix, once for each order.
    for tolerance, got, expected in zip(
        (1e-12, 1e-12, 1e-12, 1e-10), scaled, derivatives(fr.linalg.sqrtm, 1.0), strict=True
    ):
        np.testing.assert_allclose(got / root, expected, rtol=tolerance)


@pytest.mark.parametrize("scale", [1e-12, 1e-7, 1e-4, 1e-2])
@pytest.mark.parametrize("assume", [None, "hermitian"])
def test_functions_that_hardly_vary_keep_their_derivatives(scale, assume):
    # e^A of a small A: f(λ_i) − f(λ_j) is of the size of rounding in f.  Divided by λ_i − λ_j, it left no
    # digit of a second derivative at 1e-7.
    local = np.random.default_rng(7)
    x, E = scale * local.standard_normal((2, 5, 5))
    x, E = (x + x.T, E + E.T) if assume else (x, E)

    def derivatives(f):
        first = fr.jvp(f, (x,), (E,))[1]
        return first, fr.jvp(lambda a: fr.jvp(f, (a,), (E,))[1], (x,), (E,))[1]

    for got, expected in zip(
        derivatives(of(np.exp, assume=assume)), derivatives(fr.linalg.expm), strict=True
    ):
        np.testing.assert_allclose(got, expected, atol=1e-13 * np.abs(expected).max())


def test_where_there_is_no_function():
    with pytest.raises(fr.NotDifferentiableError, match=r"eigenvalue 0\+0j of multiplicity 2"):
        fr.linalg.funm(np.array([[0.0, 1.0], [0.0, 0.0]]), np.sqrt)
    with pytest.raises(fr.NotDifferentiableError, match="derivative 1 of func is needed at an eigenvalue"):
        fr.jvp(of(np.sqrt), (np.diag([0.0, 1.0]),), (np.eye(2),))


@pytest.mark.parametrize("assume", [None, "hermitian"])
def test_parameters_under_differentiation_are_refused(assume):
    with pytest.raises(fr.NotDifferentiableError, match="func depends on a value under differentiation"):
        fr.grad(lambda t: fr.linalg.funm(np.eye(2), lambda z: np.exp(t * z), assume=assume)[0, 0])(1.0)


def test_one_schur_form_serves_all(monkeypatch):
    made = []
    original = _schur_parlett._schur
    monkeypatch.setattr(_schur_parlett, "_schur", lambda x: made.append(x.shape) or original(x))
    _, L = fr.linearize(of(np.exp), A)
    L(A)
    L.adjoint(A)
    fr.hvp(lambda a: np.sum(of(np.exp)(a)), (A,), (A,))
    assert made == [(4, 4)] * 2


def test_loss_of_accuracy_is_announced():
    x = np.array([[1.0, 1e9], [0.0, 1.01]])

    def f(z):
        return 1 / (z - 1.005)  # a pole between the eigenvalues

    with pytest.warns(scipy.linalg.LinAlgWarning, match="funm: the result may be inaccurate"):
        fr.linalg.funm(x, f)
    assert fr.linalg.funm(x, f, disp=False)[1] > 1e-9


def test_bad_input():
    with pytest.raises(ValueError, match="funm: A must be a square matrix"):
        fr.linalg.funm(np.ones((2, 3)), np.exp)
    with pytest.raises(ValueError, match="funm: A must not contain infs or NaNs"):
        fr.linalg.funm([[np.inf]], np.exp)
    with pytest.raises(ValueError, match="assume is None or 'hermitian', got 'sym'"):
        fr.linalg.funm(A, np.exp, assume="sym")
