"""lstsq, pinv and pinvh: values, derivatives at constant rank, ranks and tolerances."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import example, given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(4)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def adjoint(A):
    return np.conj(np.swapaxes(A, -1, -2))


def smooth_results(out):
    """x, residues and singular values."""
    return [part for part in (out[0], out[1], out[3]) if part is not None]


def lstsq(a, b):
    return smooth_results(fr.linalg.lstsq(a, b))


def lstsq_of_a_product(B, C, b):
    """A matrix of the rank of its thin factors; the singular values that are zero are left out."""
    return smooth_results(fr.linalg.lstsq(B @ C, b, cond=1e-10))[:2]


def pinv_of_a_product(B, C):
    return fr.linalg.pinv(B @ C, rtol=1e-10)


def pinvh_of_a_product(B):
    return fr.linalg.pinvh(B @ np.diag([1.0, -2.0]) @ adjoint(B), rtol=1e-10)


def pinvh(lower):
    return lambda a: fr.linalg.pinvh(a, lower=lower)


def cases(stack, stacked):
    for make in (real, cplx):
        for m, n in ((5, 3), (3, 5), (4, 4), (3, 1)):
            A = make(*stack, m, n)
            yield fr.linalg.pinv, (A,)
            for b in ((m,), (m, 2), (2, m, 1)):
                yield lstsq, (A, make(*b))
        B, C = make(*stack, 5, 2), make(*stack, 2, 4)
        yield pinv_of_a_product, (B, C)
        yield lstsq_of_a_product, (B, C, make(5))
        yield lstsq_of_a_product, (adjoint(C), adjoint(B), make(*stack, 4, 2))
        yield pinvh_of_a_product, (make(*stack, 4, 2),)
        for lower in (False, True):  # not Hermitian, so one triangle is read
            yield pinvh(lower), (make(*stack, 3, 3) + 3 * np.eye(3),)


CASES = [
    *cases((), False),
    (lambda a, b: fr.linalg.lstsq(a, b, lapack_driver="gelsy")[0], (real(4, 2), real(4))),
    (lstsq, (real(4, 2).astype("f"), real(4).astype("f"))),
    (lstsq, (real(4, 2), cplx(4))),
    (lstsq, (np.zeros((3, 0)), real(3))),
    (fr.linalg.pinv, (real(4, 2).astype("f"),)),
    (fr.linalg.pinv, (np.ones((3, 0)),)),
]
CASES_STACKED = list(cases((2,), True))


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


@given(
    m=st.integers(1, 5),
    n=st.integers(1, 5),
    rank=st.integers(1, 5),
    kind=st.sampled_from([np.float64, np.complex128]),
    seed=st.integers(0, 999),
)
@example(m=2, n=3, rank=1, kind=np.float64, seed=0)  # the tangent of A is zero to rounding
@settings(max_examples=15)
def test_sizes_and_ranks(m, n, rank, kind, seed):
    r = np.random.default_rng(seed)
    rank = min(m, n, rank)

    def orthonormal(rows):
        X = r.standard_normal((rows, rank)).astype(kind)
        if kind is np.complex128:
            X.imag = r.standard_normal((rows, rank))
        return np.linalg.qr(X)[0]

    B, C = orthonormal(m) * np.linspace(1, 2, rank), adjoint(orthonormal(n))
    assert fr.linalg.pinv(B @ C, rtol=1e-10, return_rank=True)[1] == rank
    check_rule(pinv_of_a_product, B, C)
    check_rule(lambda B, C, b: fr.linalg.lstsq(B @ C, b, cond=1e-10)[0], B, C, r.standard_normal(m))


@pytest.mark.parametrize("make", [real, cplx])
def test_singular_values_of_a_deficient_matrix_have_second_derivatives(make):
    # They need no vectors of the singular value 0; those of equal positive ones are refused still.
    B, C = make(4, 2), make(2, 5)

    def first_two(B, C):
        return fr.linalg.lstsq(B @ C, np.ones(4), cond=1e-10)[3][:2]

    check_rule(first_two, B, C)
    A, E, F = B @ C, make(4, 5), make(4, 4)  # A + t E is of full rank

    weights = np.array([1.0, 3.0])

    def of_eigenvalues(t):
        X = A + t * E
        return np.sqrt(fr.linalg.eigvalsh(X @ adjoint(X))[[3, 2]]) @ weights

    ours = fr.hessian(lambda t: fr.linalg.lstsq(A + t * E, np.ones(4), 1e-10)[3][:2] @ weights)(0.0)
    np.testing.assert_allclose(ours, fr.hessian(of_eigenvalues)(0.0), rtol=1e-9)
    Q = np.linalg.qr(make(4, 4))[0] * np.array([1.0, 1.0, 0.0, 0.0])
    with pytest.raises(fr.NotDifferentiableError, match="equal values"):
        fr.hessian(lambda t: fr.linalg.lstsq(Q + t * F, np.ones(4), 1e-10)[3][0])(0.0)


@pytest.mark.parametrize("make", [real, cplx])
@pytest.mark.parametrize("driver", [None, "gelsd", "gelsy", "gelss"])
@pytest.mark.parametrize(
    ("a", "b"),
    [((6, 3), (6,)), ((3, 6), (3, 2)), ((4, 4), (4, 1)), ((2, 6, 3), (6,)), ((2, 6, 3), (3, 2, 6, 2))],
)
def test_values_are_scipys(make, driver, a, b):
    A, B = make(*a), make(*b)
    for M, cond in ((A, None), (A[..., :1] * np.ones(a[-1]), 1e-10)):  # of full rank, and of rank one
        ours = fr.linalg.lstsq(M, B, cond, lapack_driver=driver)
        theirs = scipy.linalg.lstsq(M, B, cond, lapack_driver=driver)
        for x, y in zip(ours, theirs, strict=True):
            if x is not None:  # s of gelsy, which is an array of None for a batch of SciPy's
                assert np.shape(x) == np.shape(y)
                np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-12)
    ours, theirs = (f.pinv(A, return_rank=True) for f in (fr.linalg, scipy.linalg))
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-10, atol=1e-12)
    assert np.all(ours[1] == theirs[1])
    H = A @ adjoint(A)  # singular for a tall matrix
    for lower in (False, True):
        ours, theirs = (f.pinvh(H, None, 1e-10, lower, True) for f in (fr.linalg, scipy.linalg))
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-8, atol=1e-9)
        assert np.all(ours[1] == theirs[1])


def test_value_and_derivative_to_the_last_digits():
    """A regression on powers, of condition number 1e3: against 50 digits."""
    A, b = np.vander(np.linspace(0, 1, 6), 4), np.cos(np.linspace(0, 3, 6))
    dA, w = real(6, 4), real(4)
    with mpmath.workdps(50):
        M, y, D = (mpmath.matrix(v.tolist()) for v in (A, b, dA))
        N = M.T * M
        x = mpmath.lu_solve(N, M.T * y)
        # The normal equations AᵀA x = Aᵀb, differentiated
        dx = mpmath.lu_solve(N, D.T * y - D.T * (M * x) - M.T * (D * x))
        z = mpmath.lu_solve(N, mpmath.matrix(w.tolist()))
        g = (y - M * x) * z.T - (M * z) * x.T
        x, dx, g = (np.array(v.tolist(), float) for v in (x, dx, g))
    ours, derivative = fr.jvp(lambda A: fr.linalg.lstsq(A, b)[0], (A,), (dA,))
    np.testing.assert_allclose(ours, x[:, 0], rtol=1e-11)
    np.testing.assert_allclose(derivative, dx[:, 0], rtol=1e-9)
    gradient = fr.vjp(lambda A: fr.linalg.lstsq(A, b)[0], A)[1](w)[0]
    np.testing.assert_allclose(gradient, g, rtol=1e-9, atol=1e-9 * np.abs(g).max())


@pytest.mark.parametrize("make", [real, cplx])
@pytest.mark.parametrize("shape", [(250, 10), (10, 250)])
def test_long_matrices_go_through_qr(make, shape):
    A, b, w = make(*shape), make(shape[0], 2), make(shape[1], 2)
    for M in (A, A * (np.arange(10) < 9).reshape((1, 10) if shape[1] == 10 else (10, 1))):  # and of rank nine
        Y = np.linalg.pinv(M, 1e-10)
        x, residues, rank, s = fr.linalg.lstsq(M, b, cond=1e-10)
        np.testing.assert_allclose(x, Y @ b, rtol=1e-10, atol=1e-12)
        if residues.size:
            np.testing.assert_allclose(residues, np.sum(np.abs(b - M @ x) ** 2, axis=0), rtol=1e-10)
        np.testing.assert_allclose(s, np.linalg.svdvals(M), rtol=1e-11, atol=1e-12)
        assert rank == np.linalg.matrix_rank(M)
        pull = fr.vjp(lambda M, b: fr.linalg.lstsq(M, b, cond=1e-10)[0], M, b)[1]
        expected = fr.vjp(lambda M, b: np.linalg.pinv(M, 1e-10) @ b, M, b)[1]
        for ours, theirs in zip(pull(w), expected(w), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
        pull = fr.vjp(lambda M: fr.linalg.lstsq(M, b, cond=1e-10)[3], M)[1]
        values = np.arange(1.0, 11.0)
        np.testing.assert_allclose(
            pull(values)[0], fr.vjp(np.linalg.svdvals, M)[1](values)[0], rtol=1e-9, atol=1e-11
        )


def test_one_decomposition_serves_everything(monkeypatch):
    calls = []
    svd = np.linalg.svd
    monkeypatch.setattr(np.linalg, "svd", lambda *a, **k: (calls.append(a), svd(*a, **k))[1])
    A, b = real(5, 3), real(5)
    functions = [
        lambda A: np.sum(fr.linalg.lstsq(A, b)[0] ** 2),
        lambda A: fr.linalg.lstsq(A, b)[1],
        lambda A: np.sum(fr.linalg.lstsq(A, b)[3] ** 3),
        lambda A: np.sum(fr.linalg.pinv(A) ** 2),
    ]
    for f in functions:
        for derive in (fr.value_and_grad(f), fr.hessian(f)):
            calls.clear()
            derive(A)
            assert len(calls) == 1


def test_the_rank_is_that_of_the_tolerance():
    A = np.diag([1.0, 1e-5])
    assert fr.linalg.pinv(A, return_rank=True)[1] == 2
    Y, rank = fr.linalg.pinv(A, rtol=1e-3, return_rank=True)
    assert rank == 1
    np.testing.assert_array_equal(Y, np.diag([1.0, 0.0]))
    assert fr.linalg.pinv(A, atol=1e-3, return_rank=True)[1] == 1
    assert fr.linalg.pinvh(-A, atol=1e-3, return_rank=True)[1] == 1
    assert fr.linalg.lstsq(A, np.ones(2), cond=1e-3)[2] == 1
    # So is the derivative: that of the inverse, or that among matrices of rank one.
    g = fr.grad(lambda A: fr.linalg.pinv(A, rtol=1e-3)[0, 0])(A)
    np.testing.assert_allclose(g, np.diag([-1.0, 0.0]), atol=1e-15)
    g = fr.grad(lambda A: fr.linalg.pinv(A)[1, 1])(A)
    np.testing.assert_allclose(g, np.diag([0.0, -1e10]), rtol=1e-9, atol=1e-3)


def test_residues():
    A, b = real(5, 2), real(5)
    r = b - A @ fr.linalg.lstsq(A, b)[0]
    residue = fr.linalg.lstsq(A, b)[1]
    assert residue.shape == ()
    np.testing.assert_allclose(residue, r @ r, rtol=1e-12)
    np.testing.assert_allclose(fr.grad(lambda b: fr.linalg.lstsq(A, b)[1])(b), 2 * r, rtol=1e-12)
    assert fr.linalg.lstsq(A[:2], b[:2])[1].shape == (0,)
    assert fr.linalg.lstsq(np.ones((5, 2)), b)[1].shape == (0,)
    x, residue, rank, s = fr.linalg.lstsq(np.zeros((3, 0)), np.ones(3))
    assert (x.shape, residue, rank, s.shape) == ((0,), 3.0, 0, (0,))
    x, residue, rank, s = fr.linalg.lstsq(np.zeros((0, 3)), np.ones((0, 2)))
    assert (x.shape, residue.shape, rank, s.shape) == ((3, 2), (0,), 0, (0,))
    assert not x.any()


def test_the_gradient_of_pinvh_lies_in_what_is_read():
    A = real(3, 3) + 3 * np.eye(3)
    w = real(3, 3)
    assert not np.triu(fr.vjp(pinvh(True), A)[1](w)[0], 1).any()
    assert not np.tril(fr.vjp(pinvh(False), A)[1](w)[0], -1).any()
    g = fr.vjp(pinvh(True), A + A.T)[1](w)[0]
    np.testing.assert_allclose(g, g.T, rtol=1e-13)


def test_types_are_kept():
    for kind in "fdFD":
        A, b = real(4, 2).astype(kind), real(4).astype(kind)
        x, residue, _, s = fr.linalg.lstsq(A, b)
        assert (x.dtype.char, residue.dtype.char, s.dtype.char) == (kind, kind.lower(), kind.lower())
        assert fr.linalg.pinv(A).dtype.char == kind
        assert fr.linalg.pinvh(A[:2]).dtype.char == kind
    assert fr.linalg.pinv([[1, 2], [3, 4]]).dtype == float


def test_bad_input():
    A, b = real(4, 2), np.ones(4)
    with pytest.raises(ValueError, match="incompatible shapes"):
        fr.linalg.lstsq(A, np.ones(3))
    with pytest.raises(ValueError, match="matrix"):
        fr.linalg.lstsq(b, b)
    with pytest.raises(ValueError, match="driver"):
        fr.linalg.lstsq(A, b, lapack_driver="gels")
    for call in (
        lambda: fr.linalg.lstsq(A * np.nan, b),
        lambda: fr.linalg.lstsq(A, b * np.nan),
        lambda: fr.linalg.pinv(A * np.nan),
        lambda: fr.linalg.pinvh(np.eye(2) * np.nan),
    ):
        with pytest.raises(ValueError, match="infs or NaNs"):
            call()
    with pytest.raises(ValueError, match="negative"):
        fr.linalg.pinv(A, atol=-1.0)
    with pytest.raises(ValueError, match="negative"):
        fr.linalg.pinvh(np.eye(2), rtol=-1.0)
    with pytest.raises(ValueError, match="square"):
        fr.linalg.pinvh(A)


def test_tolerances_that_are_negative_or_not_numbers():
    A, b = np.ones((3, 2)), np.array([1.0, 2.0, 3.0])
    A[0, 0] += 1e-17  # of rank one to working precision
    for ours, theirs in zip(fr.linalg.lstsq(A, b, cond=-1), scipy.linalg.lstsq(A, b, cond=-1), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-14)  # a few ε
    with pytest.raises(ValueError, match="lstsq: cond must be a number, got nan"):
        fr.linalg.lstsq(A, b, cond=np.nan)
    for function in (fr.linalg.pinv, fr.linalg.pinvh):
        for options in ({"rtol": np.nan}, {"atol": np.nan}, {"rtol": -1.0}):
            with pytest.raises(ValueError, match="atol and rtol must not be negative"):
                function(np.eye(2), **options)
