"""The generalized Sylvester equation, by the QZ algorithm."""

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.linalg import _pencil_factor, solve_generalized_sylvester, solve_sylvester
from frechet.linalg._pencil_factor import PencilFactor
from frechet.testing import check_rule

rng = np.random.default_rng(31)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return real(*shape) + 1j * real(*shape)


def H(A):
    return A.conj().swapaxes(-1, -2)


def problem(m, n, kinds, stacks=((),) * 5):
    """A, B, C, D, Q; well-conditioned, with A and B dominating."""
    shapes = [(m, m), (n, n), (m, m), (n, n), (m, n)]
    args = [k(*s, *shape) for k, s, shape in zip(kinds, stacks, shapes, strict=True)]
    args[0], args[1] = (x / np.sqrt(x.shape[-1]) + 3 * np.eye(x.shape[-1]) for x in args[:2])
    args[2], args[3] = (x / np.sqrt(x.shape[-1]) for x in args[2:4])
    return tuple(args)


CASES = [
    (solve_generalized_sylvester, problem(3, 2, [real] * 5)),
    (solve_generalized_sylvester, problem(8, 7, [real] * 5)),
    (solve_generalized_sylvester, problem(3, 2, [cplx] * 5)),
    (solve_generalized_sylvester, problem(6, 8, [cplx] * 5)),
    (solve_generalized_sylvester, problem(7, 8, [real] * 4 + [cplx])),
    (solve_generalized_sylvester, problem(7, 8, [real, cplx, real, real, real])),
    (solve_generalized_sylvester, tuple(x.astype(np.float32) for x in problem(3, 2, [real] * 5))),
]
CASES_STACKED = [
    (solve_generalized_sylvester, problem(3, 2, [real] * 5, [(2,), (), (), (), ()])),
    (solve_generalized_sylvester, problem(7, 6, [real] * 5, [(), (), (2,), (), ()])),
    (solve_generalized_sylvester, problem(7, 6, [real] * 5, [(), (2,), (), (), (2, 1)])),
]


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


@given(m=st.integers(1, 4), n=st.integers(1, 4), kinds=st.tuples(*[st.sampled_from([real, cplx])] * 5))
@settings(max_examples=8)
def test_rule_of_any_kind(m, n, kinds):
    check_rule(solve_generalized_sylvester, *problem(m, n, kinds))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("sizes", [(1, 1), (3, 5), (9, 4), (31, 44), (7, 90)])
def test_residuals_and_adjoints(sizes, dtype):
    m, n = sizes
    kind = cplx if np.dtype(dtype).kind == "c" else real
    A, B, C, D, Q = (x.astype(dtype) for x in problem(m, n, [kind] * 5))
    G = kind(m, n).astype(dtype)
    factor = PencilFactor(A, B, C, D)
    X, W = factor.solve(Q), factor.adjoint(G)
    assert X.dtype == W.dtype == dtype
    # rounding in the terms (norms up to 25 here), times √(m + n) for the transformations
    small = 1e3 * np.sqrt(m + n) * np.finfo(dtype).eps
    assert np.linalg.norm(A @ X @ B + C @ X @ D - Q) < small * np.linalg.norm(X)
    assert np.linalg.norm(H(A) @ W @ H(B) + H(C) @ W @ H(D) - G) < small * np.linalg.norm(W)
    inner = np.vdot(X, G).real - np.vdot(Q, W).real
    size = np.linalg.norm(X) * np.linalg.norm(G) + np.linalg.norm(Q) * np.linalg.norm(W)
    assert abs(inner) < 100 * np.finfo(dtype).eps * size  # the condition of these equations is below 100


@pytest.mark.parametrize("kind", [real, cplx])
@pytest.mark.parametrize("n", [3, 9, 40])
@pytest.mark.parametrize("symmetry", ["lyapunov", "stein"])
def test_symmetric_equations_need_one_form(symmetry, n, kind, monkeypatch):
    made = []
    of = _pencil_factor._Form.of
    monkeypatch.setattr(_pencil_factor._Form, "of", lambda *args: (made.append(1), of(*args))[1])
    A, E, Q = kind(n, n), kind(n, n) + 4 * np.eye(n), kind(n, n)
    args = (A, H(E), E, H(A)) if symmetry == "lyapunov" else (E, H(E), -A, H(A))
    factor, general = PencilFactor(*args, symmetry=symmetry), PencilFactor(*args)
    for right_side in (Q, Q + H(Q)):
        X, W = factor.solve(right_side), factor.adjoint(right_side)
        assert len(made) == (n > 6)
        if right_side is not Q:
            np.testing.assert_array_equal(X, H(X))
            np.testing.assert_array_equal(W, H(W))
    # both are as accurate as the condition number, below 1e4, allows
    np.testing.assert_allclose(X, general.solve(Q + H(Q)), atol=1e-11 * np.abs(X).max())
    np.testing.assert_allclose(W, general.adjoint(Q + H(Q)), atol=1e-11 * np.abs(W).max())


def test_blocks_of_two_are_not_cut():
    n = 26
    rotations = np.kron(np.eye(n // 2), [[0.2, 0.6], [-0.6, 0.2]]) + np.triu(real(n, n), 2) * 0.02
    Z, Y = np.linalg.qr(real(n, n))[0], np.linalg.qr(real(n, n))[0]
    A, C, Q = Z @ rotations @ Y, Z @ (np.eye(n) + 0.1 * np.triu(real(n, n), 1)) @ Y, real(n, n)
    X = solve_generalized_sylvester(A, np.eye(n), C, 3 * np.eye(n), Q)
    np.testing.assert_allclose(A @ X + 3 * C @ X, Q, atol=1e-12)
    form = _pencil_factor._Form.of(A, C)
    assert all(form.S[cut, cut - 1] == 0 for cut in form.cuts[1:-1])


def test_reduces_to_other_equations():
    for m, n in ((3, 2), (9, 8)):
        A, _, C, D, Q = problem(m, n, [real] * 5)
        eyes = np.eye(m), np.eye(n)
        expected = solve_sylvester(A, D, Q)
        np.testing.assert_allclose(
            solve_generalized_sylvester(A, eyes[1], eyes[0], D, Q), expected, atol=1e-13
        )
        X = solve_generalized_sylvester(A, eyes[1], 0 * C, D, Q)  # a singular coefficient
        np.testing.assert_allclose(X, np.linalg.solve(A, Q), atol=1e-13)


def test_against_50_digits():
    m, n = 3, 2
    A, B, C, D, Q = problem(m, n, [real] * 5)
    G = real(m, n)
    X, pullback = fr.vjp(solve_generalized_sylvester, A, B, C, D, Q)
    with mpmath.workdps(50):
        a, b, c, d = (mpmath.matrix(M.tolist()) for M in (A, B, C, D))
        K = mpmath.matrix(m * n, m * n)
        for i in range(m * n):
            for j in range(m * n):
                K[i, j] = a[i // n, j // n] * b[j % n, i % n] + c[i // n, j // n] * d[j % n, i % n]
        x, w = (mpmath.lu_solve(M, mpmath.matrix(v.ravel().tolist())) for M, v in ((K, Q), (K.T, G)))
        x, w = (mpmath.matrix([[v[n * i + j] for j in range(n)] for i in range(m)]) for v in (x, w))
        gradients = (-w * b.T * x.T, -x.T * a.T * w, -w * d.T * x.T, -x.T * c.T * w, w)
        exact = [np.array(M.tolist(), float) for M in (x, *gradients)]
    for got, expected in zip((X, *pullback(G)), exact, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-13 * np.abs(expected).max())


@pytest.mark.parametrize("n", [3, 9])
def test_one_factorization_serves_everything(n, monkeypatch):
    made = []
    for owner, name in ((_pencil_factor._Form, "of"), (_pencil_factor.KroneckerFactor, "__init__")):
        routine = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *a, f=routine, name=name: (made.append(name), f(*a))[1])
    args = problem(n, n, [real] * 5)
    _, L = fr.linearize(solve_generalized_sylvester, *args)
    for _ in range(3):
        L(*args)
        L.adjoint(args[-1])
    assert made == (["__init__"] if n == 3 else ["of", "of"])


@pytest.mark.parametrize("n", [2, 8])
def test_singular_equations_are_refused(n):
    A, C = real(n, n), real(n, n)
    eye = np.eye(n)
    singular = np.diag(np.r_[np.ones(n - 1), 0])
    for args in (
        (A, eye, eye, -A),  # A and −D share eigenvalues
        (A, C, C, -A),
        (A @ singular, eye, C @ singular, eye),  # a singular pencil
        (singular, singular, eye, 0 * eye + np.diag(np.r_[np.zeros(n - 1), 0])),
    ):
        with pytest.raises(np.linalg.LinAlgError, match="no unique solution"):
            fr.vjp(solve_generalized_sylvester, *args, np.eye(n))


def test_nearly_singular_equations_warn():
    d = np.arange(1.0, 9.0)
    with pytest.warns(scipy.linalg.LinAlgWarning, match="ill-conditioned"):
        solve_generalized_sylvester(np.diag(d), np.eye(8), np.eye(8), -np.diag(d + 5e-13), np.eye(8))


def test_precisions_lists_and_sizes_without_entries():
    args = [x.astype(np.float32) for x in problem(3, 2, [real] * 5)]
    assert solve_generalized_sylvester(*args).dtype == np.float32
    assert solve_generalized_sylvester(*args[:4], args[4].astype(complex)).dtype == np.complex128
    assert solve_generalized_sylvester(*args[:4], args[4].astype(np.complex64)).dtype == np.complex64
    assert solve_generalized_sylvester(*args[:3], args[3].astype(float), args[4]).dtype == np.float64
    np.testing.assert_allclose(solve_generalized_sylvester([[2]], [[1]], [[3]], [[1]], [[10]]), [[2.0]])
    empty = np.ones((0, 0))
    assert solve_generalized_sylvester(empty, np.eye(2), empty, np.eye(2), np.ones((0, 2))).shape == (0, 2)


def test_bad_input():
    eye = np.eye(2)
    for k, name in enumerate("abcd"):
        args = [eye] * 5
        args[k] = np.ones((2, 3))
        with pytest.raises(ValueError, match=f"{name} must be a square matrix"):
            solve_generalized_sylvester(*args)
        args[k] = np.eye(3)
        with pytest.raises(ValueError, match="as many rows as q"):
            solve_generalized_sylvester(*args)
        args[k] = np.full((2, 2), np.nan)
        with pytest.raises(ValueError, match=f"{name} must not contain infs or NaNs"):
            solve_generalized_sylvester(*args)
