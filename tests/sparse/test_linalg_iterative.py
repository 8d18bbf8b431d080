"""cg, gmres, minres, bicgstab, lsqr and lsmr."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg
from scipy.sparse.linalg import LinearOperator, aslinearoperator

import frechet as fr
from frechet.sparse import linalg
from frechet.testing import check_rule
from tests.sparse.sparse_examples import dense, hermitian_sparse, of_values, poisson, random_sparse

SYMMETRIC, GENERAL = ["cg", "minres"], ["gmres", "bicgstab"]


def matrix(name, dtype="d", n=8):
    return hermitian_sparse(n, dtype) if name in SYMMETRIC else random_sparse(n, dtype, shift=6.0)


def vector(n, dtype="d", seed=1):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(n)
    return (x + 1j * rng.standard_normal(n) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def solver(name, **options):
    # The derivative is as accurate as the solution: to see it by check_rule's identities, nearly exact ones.
    options = {"rtol": 1e-14, **options}
    if name == "gmres":
        options["restart"] = 20
    return lambda A, b: getattr(linalg, name)(A, b, **options)[0]


def symmetrized(f, p, pattern):
    """A function of values p as one of q with p = q + qᴴ, which stay those of a Hermitian matrix."""
    places = pattern.transposed[1]
    return (lambda q, b: f(q + np.conj(q[places]), b)), p / 2


CASES = [(name, dtype) for name in SYMMETRIC + GENERAL for dtype in "dD" if (name, dtype) != ("minres", "D")]


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_sparse(name, dtype):
    A, b = matrix(name, dtype), vector(8, dtype)
    f, p, pattern = of_values(A, solver(name))
    np.testing.assert_allclose(f(p, b), np.linalg.solve(A.toarray(), b), rtol=1e-11)
    if name in SYMMETRIC:
        f, p = symmetrized(f, p, pattern)
    check_rule(f, p, b)


@pytest.mark.parametrize("name", SYMMETRIC + GENERAL)
def test_full(name):
    A, b = matrix(name).toarray(), vector(8)
    f = solver(name)
    if name in SYMMETRIC:
        check_rule(lambda Q, b: f(Q + Q.T, b), A / 2, b)
    else:
        check_rule(f, A, b)


@pytest.mark.parametrize("name", GENERAL)
def test_single_precision(name):
    A, b = matrix(name, "f"), vector(8, "f")
    f, p, _ = of_values(A, solver(name, rtol=1e-6))
    assert f(p, b).dtype == "f"
    check_rule(f, p, b, orders=1)  # the second order is a difference of numbers with six digits


@pytest.mark.parametrize("name", SYMMETRIC + GENERAL)
def test_real_matrix_and_complex_right_side(name):
    A, b = matrix(name), vector(8, "D")
    np.testing.assert_allclose(solver(name)(A, b), np.linalg.solve(A.toarray(), b), rtol=1e-11)
    check_rule(lambda b: solver(name)(A, b), b)


@pytest.mark.parametrize("name", SYMMETRIC + GENERAL)
def test_linear_operator(name):
    A, b = matrix(name), vector(8)
    check_rule(lambda b: solver(name)(aslinearoperator(A), b), b)
    # one that does not know its adjoint serves a Hermitian matrix, and else forward derivatives
    half = LinearOperator(A.shape, matvec=lambda x: A @ x, dtype=float)
    f = lambda b: solver(name)(half, b)
    np.testing.assert_allclose(fr.jvp(f, (b,), (b,))[1], f(b), rtol=1e-11)
    if name in SYMMETRIC:
        check_rule(f, b)
    else:
        with pytest.raises(fr.NotDifferentiableError, match=f"{name}: a reverse derivative needs"):
            fr.vjp(f, b)[1](b)


@pytest.mark.parametrize("name", SYMMETRIC + GENERAL)
def test_same_preconditioner_for_the_adjoint(name):
    # an M that is no multiple of the identity, and not Hermitian where it need not be
    A, b = matrix(name), vector(8)
    inverse = np.linalg.inv(A.toarray())
    M = inverse + 1e-3 * np.diag(np.arange(8.0)) + (0 if name in SYMMETRIC else np.triu(inverse, 1) / 10)
    f, p, pattern = of_values(A, solver(name, M=M))
    if name in SYMMETRIC:
        f, p = symmetrized(f, p, pattern)
    check_rule(f, p, b)


def test_preconditioner_is_used():
    # two iterations, forward and back, with the exact inverse: without it there are not enough
    A, b = poisson(15), vector(225)
    lu = scipy.sparse.linalg.splu(A.tocsc())
    M = LinearOperator(A.shape, matvec=lu.solve, rmatvec=lambda x: lu.solve(x, "T"), dtype=float)
    f = lambda b, M: np.sum(linalg.cg(A, b, M=M, maxiter=2, rtol=1e-10)[0] ** 2)
    x = lu.solve(b)
    np.testing.assert_allclose(fr.grad(f)(b, M), 2 * lu.solve(x), rtol=1e-8)
    with pytest.raises(fr.ConvergenceError):
        f(b, None)


def test_start_and_callback_belong_to_the_value():
    A, b = poisson(10), vector(100)
    exact = linalg.spsolve(A, b)
    calls = []
    f = lambda b: np.sum(linalg.cg(A, b, x0=exact, rtol=1e-8, callback=calls.append)[0] ** 2)
    # started at the solution, the value takes no step; the derivative, started at zero, reports none
    np.testing.assert_allclose(fr.grad(f)(b), 2 * linalg.spsolve(A, exact), rtol=1e-5)
    assert calls == []
    linalg.cg(A, b, callback=calls.append)
    assert len(calls) > 5


def test_shift():
    A, b = matrix("minres"), vector(8)
    f, p, pattern = of_values(A, solver("minres", shift=-2.0))
    np.testing.assert_allclose(f(p, b), np.linalg.solve(A.toarray() + 2 * np.eye(8), b), rtol=1e-11)
    check_rule(*symmetrized(f, p, pattern), b)


def test_shape_of_the_right_side():
    A, b = matrix("cg"), vector(8)
    x, info = linalg.cg(A, b[:, None])
    assert x.shape == (8, 1)
    assert info == 0
    assert linalg.gmres(sp.csr_array((0, 0)), np.zeros(0))[0].shape == (0,)


# --- convergence -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SYMMETRIC + GENERAL)
def test_no_convergence(name):
    A, b = poisson(12), vector(144)
    with pytest.raises(fr.ConvergenceError, match=f"{name}: the solution did not converge: its") as e:
        getattr(linalg, name)(A, b, rtol=1e-10, maxiter=2, **({"restart": 2} if name == "gmres" else {}))
    assert 1e-10 < e.value.residual < 10
    assert 1 <= e.value.iterations <= 4
    assert isinstance(e.value, RuntimeError)


def test_no_convergence_of_a_derivative():
    # the value starts at the solution, the derivative has to find its own
    A, b = poisson(12), vector(144)
    x0 = linalg.spsolve(A, b)
    f = lambda b: np.sum(linalg.bicgstab(A, b, x0=x0, rtol=1e-8, maxiter=3)[0] ** 2)
    assert np.isfinite(f(b))
    with pytest.raises(fr.ConvergenceError, match="the solution with Aᴴ for a derivative did not converge"):
        fr.grad(f)(b)


def test_a_matrix_that_is_not_hermitian_is_noticed():
    # cg may reach x from a start, and would then give a derivative for the wrong matrix
    A = random_sparse(8, shift=6.0)
    b = vector(8)
    with pytest.raises(fr.ConvergenceError, match="cg: the solution"):
        fr.grad(lambda b: np.sum(linalg.cg(A, b, rtol=1e-10, x0=linalg.spsolve(A, b))[0]))(b)


def test_errors():
    A, b = matrix("cg"), vector(8)
    with pytest.raises(ValueError, match="cg: b must be a vector of 8 entries"):
        linalg.cg(A, np.ones(7))
    with pytest.raises(ValueError, match="gmres: A must be square"):
        linalg.gmres(random_sparse(4, m=5), np.ones(5))
    with pytest.raises(ValueError, match="cg: b must not contain infs or NaNs"):
        linalg.cg(A, b * np.nan)
    with pytest.raises(TypeError, match="minres: A must be real; gmres takes complex"):
        linalg.minres(hermitian_sparse(8, "D"), b)
    with pytest.raises(TypeError, match="shift is constant"):
        fr.grad(lambda s: linalg.minres(A, b, shift=s)[0][0])(0.1)
    with pytest.raises(TypeError, match="must be an array or a LinearOperator, got the function"):
        linalg.cg(lambda x: x, b)


# --- least squares -----------------------------------------------------------------------------------------

TIGHT = {"atol": 1e-15, "btol": 1e-15}


@pytest.mark.parametrize("name", ["lsqr", "lsmr"])
@pytest.mark.parametrize("dtype", ["d", "D"])
@pytest.mark.parametrize("damp", [0.0, 0.7])
def test_least_squares(name, dtype, damp):
    A, b = random_sparse(5, dtype, m=8, density=0.4), vector(8, dtype)
    f, p, pattern = of_values(A, lambda A, b: getattr(linalg, name)(A, b, damp, **TIGHT)[0])
    full = lambda p, b: np.linalg.solve(
        np.conj(dense(p, pattern)).T @ dense(p, pattern) + damp**2 * np.eye(5),
        np.conj(dense(p, pattern)).T @ b,
    )
    np.testing.assert_allclose(f(p, b), full(p, b), rtol=1e-10)
    check_rule(f, p, b)
    for ours, theirs in zip(fr.vjp(f, p, b)[1](b[:5]), fr.vjp(full, p, b)[1](b[:5]), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", ["lsqr", "lsmr"])
def test_least_squares_of_full_matrices_and_operators(name):
    A, b = random_sparse(4, m=6, density=0.5).toarray(), vector(6)
    f = lambda A, b: getattr(linalg, name)(A, b, **TIGHT)[0]
    check_rule(f, A, b)
    check_rule(lambda b: f(aslinearoperator(A), b), b)


def test_damped_with_more_columns_than_rows():
    A, b = random_sparse(4, density=0.5).T.tocsr()[:3], vector(3)
    f, p, _ = of_values(A, lambda A, b: linalg.lsqr(A, b, 0.5, **TIGHT)[0])
    check_rule(f, p, b)


def test_scipys_tuple():
    A, b = random_sparse(4, m=6), vector(6)
    for name in ("lsqr", "lsmr"):
        ours, scipys = (getattr(m, name)(A, b) for m in (linalg, scipy.sparse.linalg))
        assert len(ours) == len(scipys)
        for x, y in zip(ours, scipys, strict=True):
            np.testing.assert_array_equal(x, y)
    value, _ = fr.vjp(lambda b: linalg.lsqr(A, b, **TIGHT)[0], b)
    np.testing.assert_array_equal(value, linalg.lsqr(A, b, **TIGHT)[0])


def test_least_squares_errors():
    A, b = random_sparse(4, m=6), vector(6)
    with pytest.raises(fr.ConvergenceError, match="lsqr: the solution did not converge: the limit"):
        linalg.lsqr(A, b, iter_lim=1, **TIGHT)
    with pytest.raises(fr.ConvergenceError, match="lsmr: the solution did not converge: the condition of A"):
        linalg.lsmr(sp.csr_array(np.diag([1.0, 1e-6])), np.ones(2), conlim=1e3, **TIGHT)
    wide = A.T.tocsr()
    x = linalg.lsqr(wide, b[:4], **TIGHT)[0]
    np.testing.assert_allclose(x, np.linalg.pinv(wide.toarray()) @ b[:4], rtol=1e-9)
    with pytest.raises(fr.NotDifferentiableError, match=r"\(4, 6\) has more columns than rows"):
        fr.vjp(lambda b: linalg.lsqr(wide, b, **TIGHT)[0], b[:4])
    with pytest.raises(ValueError, match="lsmr: b must be a vector of 6 entries"):
        linalg.lsmr(A, np.ones(5))
    with pytest.raises(TypeError, match="damp is constant"):
        fr.grad(lambda s: linalg.lsqr(A, b, s)[0][0])(0.1)
