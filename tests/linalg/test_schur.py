"""schur, rsf2csf, cdf2rdf, and the refused qz, ordqz and cossin."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.errors import NotDifferentiableError
from frechet.testing import check_rule

rng = np.random.default_rng(12)  # not the seed of check_rule's directions


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def adjoint(A):
    return np.conj(np.swapaxes(A, -1, -2))


def separated(make, n):
    """A matrix whose eigenvalues stay apart and real under small changes."""
    return np.diag(3.0 * np.arange(n)) + 0.3 * make(n, n) + np.triu(np.ones((n, n)), 1)


# Pairs of complex eigenvalues, with b and c of a block of different size, beside real ones.
PAIRS = np.array(
    [
        [1.0, 4, 0.5, 0.2, 1],
        [-2, 1.3, 0.3, 1, 0.7],
        [0.1, 0.2, 7, 1, 0.3],
        [0, 0.3, 0.2, 14, 5],
        [0.2, 0, 0, -2, 15],
    ]
)


def schur(**options):
    """The real decomposition, of which signs are all that is not determined."""
    return lambda A: fr.linalg.schur(A, **options)[:2]


def phase_free(output="complex"):
    """What of a complex decomposition does not depend on phases."""

    def call(A):
        T, Z = fr.linalg.schur(A, output)
        half = Z[..., : (A.shape[-1] + 1) // 2]
        projector = np.matmul(half, adjoint(half))
        return np.diagonal(T, axis1=-2, axis2=-1), np.abs(T) ** 2, np.abs(Z) ** 2, projector

    return call


CASES = [
    (schur(), (separated(real, 4),)),
    (schur(), (np.array([[2.0]]),)),
    (schur(), (PAIRS,)),
    (schur(), (PAIRS[:2, :2],)),
    (schur(sort="rhp"), (separated(real, 4) - 4 * np.eye(4),)),
    (phase_free(), (separated(real, 4),)),
    (phase_free(), (PAIRS,)),
    (phase_free(), (cplx(4, 4),)),
    (phase_free(), (separated(cplx, 3),)),
]
CASES_STACKED = [
    # LAPACK's signs may flip within the steps of the differences, on some machines
    (phase_free("real"), (np.stack([PAIRS, separated(real, 5)]),)),
    (phase_free(), (np.stack([separated(cplx, 3), separated(cplx, 3)]),)),
]
T, Z = scipy.linalg.schur(PAIRS)


def quasi_triangular(t):
    """t below the blocks replaced by zeros: what rsf2csf takes."""
    return T + np.triu(t - T)


W, V = np.linalg.eig(PAIRS)
COMPLEX = W.imag != 0  # perturbations of real eigenvalues must be real


CASES_CONVERSIONS = [
    (lambda t, z: fr.linalg.rsf2csf(quasi_triangular(t), z), (T, Z)),
    (lambda t, z: fr.linalg.rsf2csf(np.triu(t), z), (cplx(3, 3), cplx(3, 3))),
    (lambda w, v: fr.linalg.cdf2rdf(np.real(w) + 1j * COMPLEX * np.imag(w), v), (W, V)),
    (fr.linalg.cdf2rdf, (np.arange(1.0, 4), real(3, 3))),
]
CASES_CONVERSIONS_STACKED = [
    (lambda t, z: fr.linalg.rsf2csf(quasi_triangular(t), z), (np.stack([T, T + np.triu(0.1 * T)]), Z)),
    (
        lambda w, v: fr.linalg.cdf2rdf(np.real(w) + 1j * COMPLEX * np.imag(w), v),
        (np.stack([W, 2 * W]), cplx(2, 5, 5)),
    ),
]


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [(*c, {})[:3] for c in CASES + CASES_STACKED + CASES_CONVERSIONS + CASES_CONVERSIONS_STACKED],
)
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


@settings(max_examples=10)
@given(n=st.integers(1, 5), kind=st.sampled_from("dD"), seed=st.integers(0, 99))
def test_any_size(n, kind, seed):
    draw = np.random.default_rng(seed)
    A = np.diag(4.0 * np.arange(n)) + 0.3 * (draw.standard_normal((n, n)) + 1j * draw.standard_normal((n, n)))
    if kind == "d":
        check_rule(schur(), A.real)
    elif n > 1:  # of one row the factor alone has modulus one, a constant
        check_rule(phase_free(), A)


# --- values ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (5, 5), (2, 4, 4)])
@pytest.mark.parametrize("kind", "fdFD")
@pytest.mark.parametrize("output", ["real", "complex"])
def test_values_are_scipys(shape, kind, output):
    A = (real(*shape) if kind in "fd" else cplx(*shape)).astype(kind)
    got, expected = fr.linalg.schur(A, output), scipy.linalg.schur(A, output)
    for x, y in zip(got, expected, strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)
    if len(shape) == 2 and output == "real" and kind in "fd":
        got, expected = fr.linalg.rsf2csf(*got), scipy.linalg.rsf2csf(*got)
        for x, y in zip(got, expected, strict=True):
            assert x.dtype == y.dtype
            np.testing.assert_allclose(x, y, rtol=0, atol=50 * np.finfo(kind).eps)


@pytest.mark.parametrize("sort", ["lhp", "rhp", "iuc", "ouc", lambda x, y=0: np.real(x) > 2])
def test_sorting_is_scipys(sort):
    for A in (PAIRS - 5 * np.eye(5), cplx(4, 4)):
        T, _, sdim = fr.linalg.schur(A, sort=sort)
        expected = scipy.linalg.schur(A, sort=sort)
        assert sdim == expected[2]
        np.testing.assert_array_equal(T, expected[0])
    assert fr.linalg.schur(np.stack([np.eye(2), -np.eye(2)]), sort="lhp")[2].tolist() == [0, 2]


def test_conversion_to_blocks_is_scipys():
    for w, v in (np.linalg.eig(PAIRS), np.linalg.eig(np.stack([PAIRS, PAIRS.T])), np.linalg.eig(np.eye(2))):
        for x, y in zip(fr.linalg.cdf2rdf(w, v), scipy.linalg.cdf2rdf(w, v), strict=True):
            np.testing.assert_allclose(x, y, atol=1e-15)


# --- derivatives -------------------------------------------------------------------------------------------


def test_eigenvalues_and_projectors_against_sixty_digits():
    """T's diagonal, and the projector on the first columns, along E; the eigenvalues are simple."""
    n = 4
    A, E = separated(real, n), real(n, n)
    with mpmath.workdps(60):
        step = mpmath.mpf(10) ** -20
        diagonals, projectors = [], []
        for sign in (1, -1):
            Q, R = mpmath.schur(mpmath.matrix(A.tolist()) + sign * step * mpmath.matrix(E.tolist()))
            order = sorted(range(n), key=lambda k: mpmath.re(R[k, k]))
            diagonals.append([R[k, k] for k in order])
            assert order[0] == 0  # so that the first column spans the same space as LAPACK's
            projectors.append(Q[:, 0] * Q[:, 0].H)
        slope = [complex((a - b) / (2 * step)).real for a, b in zip(*diagonals, strict=True)]
        exact = (projectors[0] - projectors[1]) / (2 * step)
    (T, Z), (dT, dZ) = fr.jvp(schur(sort=lambda x, y: x < 1.5), (A,), (E,))
    order = np.argsort(np.diag(T))
    np.testing.assert_allclose(np.diag(dT)[order], slope, rtol=1e-12)
    moved = np.outer(dZ[:, 0], Z[:, 0])
    exact = np.array([[complex(exact[i, j]).real for j in range(n)] for i in range(n)])
    np.testing.assert_allclose(moved + moved.T, exact, atol=1e-13)


@pytest.mark.parametrize("A", [PAIRS, separated(cplx, 6), separated(real, 6)])
@pytest.mark.parametrize("single", [False, True])
def test_tangents_keep_the_form(A, single):
    """A = Z T Zᴴ to first order, Z stays unitary, T stays (quasi-)triangular with LAPACK's blocks."""
    E = (cplx if np.iscomplexobj(A) else real)(*A.shape)
    if single:
        A, E = (X.astype("F" if np.iscomplexobj(A) else "f") for X in (A, E))
    close = {"rtol": 0, "atol": 1e-4 if single else 1e-12}
    (T, Z), (dT, dZ) = fr.jvp(fr.linalg.schur, (A,), (E,))
    assert dT.dtype == dZ.dtype == A.dtype
    np.testing.assert_allclose(dZ @ T @ adjoint(Z) + Z @ dT @ adjoint(Z) + Z @ T @ adjoint(dZ), E, **close)
    np.testing.assert_allclose(adjoint(Z) @ dZ + adjoint(dZ) @ Z, 0, **close)
    np.testing.assert_array_equal(dT[np.tril(T == 0, -1)], 0)
    first = np.flatnonzero(np.diag(T, -1))
    np.testing.assert_allclose(np.diag(dT)[first], np.diag(dT)[first + 1], **close)


def test_a_trace_has_an_exact_gradient():
    A = cplx(4, 4)
    g = fr.grad(lambda A: np.real(np.sum(np.diagonal(fr.linalg.schur(A)[0]))))(A)
    np.testing.assert_allclose(g, np.eye(4), atol=1e-13)


# --- what has no derivative, and bad input ------------------------------------------------------------------


def test_equal_eigenvalues_have_no_derivative():
    for A in (np.eye(2), np.array([[1.0, 1.0], [0.0, 1.0]]), np.stack([np.diag([1.0, 2.0]), np.eye(2)])):
        for output in ("real", "complex"):
            with pytest.raises(NotDifferentiableError, match=r"equal eigenvalues.*funm.*spectral_projector"):
                fr.grad(lambda A, o=output: np.sum(np.abs(fr.linalg.schur(A, o)[0])))(A)
    two_equal_pairs = scipy.linalg.block_diag(PAIRS[:2, :2], PAIRS[:2, :2])
    with pytest.raises(NotDifferentiableError, match="equal eigenvalues"):
        fr.grad(lambda A: np.sum(fr.linalg.schur(A)[0]))(two_equal_pairs)
    nearly = np.array([[1.0, 1.0], [0.0, 1 + 1e-9]])
    assert np.isfinite(fr.grad(lambda A: np.sum(fr.linalg.schur(A)[0]))(nearly)).all()
    with pytest.raises(NotDifferentiableError, match="equal eigenvalues"):
        fr.grad(lambda A: np.sum(fr.linalg.schur(A, degeneracy_tol=1e-8)[0]))(nearly)


@pytest.mark.parametrize("k", [0, 1])
def test_phases_are_no_function_of_the_matrix(k):
    def f(A, **options):
        return np.real(np.sum(W * fr.linalg.schur(A, "complex", **options)[k]))

    W = cplx(3, 3)
    for A in (cplx(3, 3), separated(real, 3)):
        with pytest.raises(NotDifferentiableError, match=r"factor of modulus one.*diag\(T\)"):
            fr.grad(f)(A)
    assert fr.grad(f)(cplx(3, 3), gauge_tol=np.inf).shape == (3, 3)  # the part that is determined


def test_a_round_block_has_no_preferred_rotation():
    A = np.array([[1.0, 2.0], [-2.0, 1.0]])
    with pytest.raises(NotDifferentiableError, match="rotated basis"):
        fr.grad(lambda A: fr.linalg.schur(A)[1][0, 1])(A)
    with pytest.raises(NotDifferentiableError, match="rotated basis"):
        fr.jvp(fr.linalg.schur, (A,), (np.diag([1.0, -1.0]),))
    g = fr.grad(lambda A: np.trace(fr.linalg.schur(A)[0]))(A)
    np.testing.assert_allclose(g, np.eye(2), atol=1e-15)
    tangent = fr.jvp(fr.linalg.schur, (A,), (A,))[1]
    np.testing.assert_allclose(tangent[0], fr.linalg.schur(A)[0], atol=1e-15)


def test_refused_functions_are_scipys_for_plain_arrays():
    A, B = real(4, 4), real(4, 4)
    orthogonal = np.linalg.qr(A)[0]
    for name, args in (("qz", (A, B)), ("ordqz", (A, B)), ("cossin", (orthogonal, 2, 2))):
        expected = getattr(scipy.linalg, name)(*args)
        for x, y in zip(getattr(fr.linalg, name)(*args), expected, strict=True):
            np.testing.assert_array_equal(x, y)
        with pytest.raises(NotDifferentiableError, match=f"fr.linalg.{name}: .*use fr.linalg"):
            fr.grad(lambda A, name=name, rest=args[1:]: np.sum(getattr(fr.linalg, name)(A, *rest)[0]))(
                args[0]
            )


def test_bad_arguments_and_types():
    with pytest.raises(ValueError, match="output is 'real' or 'complex'"):
        fr.linalg.schur(np.eye(2), "triangular")
    with pytest.raises(ValueError, match="square"):
        fr.linalg.schur(np.ones((2, 3)))
    with pytest.raises(ValueError, match="infs or NaNs"):
        fr.linalg.schur(np.array([[np.nan]]))
    with pytest.raises(ValueError, match="'sort'"):
        fr.linalg.schur(np.eye(2), sort="up")
    with pytest.raises(ValueError, match="one size"):
        fr.linalg.rsf2csf(np.eye(2), np.eye(3))
    with pytest.raises(ValueError, match="not quasi-triangular"):
        fr.linalg.rsf2csf(np.ones((3, 3)), np.eye(3))
    with pytest.raises(ValueError, match="conjugate pairs"):
        fr.linalg.cdf2rdf([1j, 1], np.eye(2))
    with pytest.raises(ValueError, match="w holds the eigenvalues"):
        fr.linalg.cdf2rdf([1, 1, 2], np.eye(2))
    assert fr.linalg.schur([[2, 1], [1, 3]])[0].dtype == np.float64


@pytest.mark.parametrize("exponent", [-1000, -540, 540, 1000])
def test_blocks_of_very_small_and_large_numbers_become_triangular(exponent):
    s, T = 2.0**exponent, np.array([[1.0, 2.0, 0.5], [-3.0, 1.0, 0.25], [0.0, 0.0, 1.0]])
    E = np.triu(np.ones((3, 3)), -1) * (T != 0)
    for part in (0, 1):
        value, tangent = fr.jvp(lambda T, k=part: fr.linalg.rsf2csf(T, np.eye(3))[k], (T,), (E,))
        scaled, tangent_s = fr.jvp(lambda T, k=part: fr.linalg.rsf2csf(T, np.eye(3))[k], (s * T,), (s * E,))
        size = 1.0 if part else s
        np.testing.assert_allclose(scaled / size, value, rtol=1e-14, atol=1e-15)
        np.testing.assert_allclose(tangent_s / size, tangent, rtol=1e-13, atol=1e-14)
