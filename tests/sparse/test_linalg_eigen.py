"""eigsh, svds and eigs."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg
from scipy.sparse.linalg import aslinearoperator

import frechet as fr
from frechet.sparse.linalg import eigs, eigsh, svds
from frechet.testing import check_rule
from tests.sparse.sparse_examples import dense, hermitian_sparse, of_values, poisson, random_sparse

# Functions of vectors are those of |v|²: they do not depend on a sign or phase.
WHICH = [{"which": "LA"}, {"sigma": 3.0}]


def squares(V):
    return np.real(np.conj(V) * V)


def linked(f, pattern):
    """A function of values p as one of q with p = q + qᴴ."""
    places = pattern.transposed[1]
    return lambda q: f(q + np.conj(q[places]))


@pytest.mark.parametrize("dtype", ["d", "D"])
@pytest.mark.parametrize("options", WHICH)
def test_eigsh(dtype, options):
    A = hermitian_sparse(9, dtype)

    def both(A):
        w, V = eigsh(A, 3, **options)
        return w, squares(V)

    f, p, pattern = of_values(A, both)
    w, S = f(p)
    all_w, all_V = np.linalg.eigh(A.toarray())
    chosen = [int(np.argmin(np.abs(all_w - x))) for x in w]
    np.testing.assert_allclose(w, all_w[chosen], rtol=1e-12)
    np.testing.assert_allclose(S, squares(all_V[:, chosen]), rtol=1e-9, atol=1e-12)
    check_rule(linked(f, pattern), p / 2)


@pytest.mark.parametrize("dtype", ["d", "D"])
@pytest.mark.parametrize("options", [{"which": "LA"}, {"which": "SA"}, {"which": "LM"}, {"sigma": 6.3}])
def test_eigenvalues_ascend_whatever_the_start(dtype, options):
    A = hermitian_sparse(7, dtype)
    for seed in range(5):
        v0 = np.random.default_rng(seed).standard_normal(7).astype(dtype)
        for B in (A, aslinearoperator(A)):
            w, V = eigsh(B, 3, v0=v0, **({"which": "LA"} if B is not A else options))
            assert (np.diff(w) > 0).all()
            np.testing.assert_allclose(A @ V, V * w, atol=1e-10)


@pytest.mark.parametrize("dtype", ["d", "D"])
def test_eigenvalues_alone(dtype):
    A = hermitian_sparse(8, dtype)
    f, p, pattern = of_values(A, lambda A: eigsh(A, 2, which="SA", return_eigenvectors=False))
    check_rule(linked(f, pattern), p / 2)
    _, pull = fr.vjp(f, p)
    weights = np.array([1.0, -2.0])
    _, V = np.linalg.eigh(A.toarray())
    full = (V[:, :2] * weights) @ V[:, :2].conj().T
    np.testing.assert_allclose(pull(weights)[0], full[pattern.rows, pattern.indices], rtol=1e-9, atol=1e-12)


def test_eigenvalues_need_no_factorization(monkeypatch):
    monkeypatch.setattr(scipy.sparse.linalg, "splu", None)
    f, p, _ = of_values(hermitian_sparse(8), lambda A: np.sum(eigsh(A, 2)[0] ** 2))
    assert np.isfinite(fr.grad(f)(p)).all()


def test_gradient_in_a_vector_is_that_of_eigh():
    A = hermitian_sparse(10)
    weights = np.random.default_rng(5).standard_normal(10)
    f, p, pattern = of_values(A, lambda A: weights @ squares(eigsh(A, 1, which="LA")[1])[:, 0])
    g = fr.grad(lambda A: weights @ squares(fr.linalg.eigh(A)[1])[:, -1])(A.toarray())
    ours = fr.grad(f)(p)
    np.testing.assert_allclose(ours, g[pattern.rows, pattern.indices], rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(ours, ours[pattern.transposed[1]], rtol=1e-12)  # symmetric


def test_a_grid():
    m = 40
    A = poisson(m, 1 + np.random.default_rng(0).random((2, m * m)))
    f, p, _ = of_values(A, lambda A: np.sum(squares(eigsh(A, 2, sigma=0.0)[1])[0] * 1e3))
    g = fr.grad(f)(p)
    v = np.random.default_rng(1).standard_normal(p.shape)
    _, pattern = of_values(A, None)[1:]
    v = v + v[pattern.transposed[1]]
    h = 1e-6  # with ‖h v‖ some 1e-3 of the gap of the eigenvalues, the error of differences is its square
    np.testing.assert_allclose(g @ v, (f(p + h * v) - f(p - h * v)) / (2 * h), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["d", "D"])
@pytest.mark.parametrize("m", [9, 6])
def test_svds(dtype, m):
    A = random_sparse(6, dtype, m=9, density=0.4)
    A = A if m == 9 else sp.csr_array(A.conj().T)

    def all_of(A):
        u, s, vh = svds(A, 2)
        return squares(u), s, squares(vh), np.real(np.conj(u[0] * vh[:, 1]) * (u[0] * vh[:, 1]))

    f, p, pattern = of_values(A, all_of)
    np.testing.assert_allclose(f(p)[1], np.linalg.svd(A.toarray())[1][1::-1], rtol=1e-12)
    check_rule(f, p)
    f, p, _ = of_values(A, lambda A: svds(A, 2, return_singular_vectors=False))
    check_rule(f, p)
    weights = np.array([1.0, 0.0])
    u, _, vh = np.linalg.svd(A.toarray())
    full = np.outer(u[:, 1], vh[1])
    np.testing.assert_allclose(
        fr.vjp(f, p)[1](weights)[0], full[pattern.rows, pattern.indices], rtol=1e-9, atol=1e-12
    )


def test_reconstruction_by_svds():
    # u s vᴴ does not depend on signs: derivatives of u and v fit together
    A = random_sparse(5, "D", m=7, density=0.5)

    def truncated(A):
        u, s, vh = svds(A, 2)
        return (u * s) @ vh

    f, p, pattern = of_values(A, truncated)
    check_rule(f, p)

    def full(p):
        u, s, vh = np.linalg.svd(dense(p, pattern), full_matrices=False)
        return (u[:, :2] * s[:2]) @ vh[:2]

    w = np.random.default_rng(0).standard_normal((7, 5)) + 0j
    np.testing.assert_allclose(fr.vjp(f, p)[1](w)[0], fr.vjp(full, p)[1](w)[0], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("dtype", ["d", "D"])
@pytest.mark.parametrize("options", [{"which": "LR"}, {"sigma": 2.5}])
def test_eigs(dtype, options):
    A = random_sparse(9, dtype, density=0.4)

    def both(A):
        w, V = eigs(A, 2, **options)
        order = np.argsort(fr.stop_gradient(np.imag(w)))  # ARPACK may exchange conjugate pairs
        return w[order], squares(V[:, order])

    f, p, _ = of_values(A, both)
    check_rule(f, p)
    w = f(p)[0]
    all_w = np.linalg.eigvals(A.toarray())
    np.testing.assert_allclose(np.abs(all_w[:, None] - w).min(axis=0), 0, atol=1e-11)
    f, p, _ = of_values(A, lambda A: np.sum(eigs(A, 2, return_eigenvectors=False, **options) ** 2))
    check_rule(f, p)


def test_orderings(monkeypatch):
    # as for solutions: by minimum degree where A − λI has good pivots on its diagonal
    seen = []
    original = scipy.sparse.linalg.splu
    monkeypatch.setattr(scipy.sparse.linalg, "splu", lambda K, **o: seen.append(o) or original(K, **o))
    f, p, _ = of_values(poisson(8), lambda A: squares(eigsh(A, 1, which="SA")[1])[0, 0])
    fr.grad(f)(p)
    f, p, _ = of_values(random_sparse(9, "d"), lambda A: squares(svds(A, 1)[0])[0, 0])
    fr.grad(f)(p)
    g, p, _ = of_values(random_sparse(9, density=0.4), lambda A: squares(eigs(A, 1)[1])[0, 0])
    fr.grad(g)(p)
    assert [o.get("permc_spec") for o in seen] == ["MMD_AT_PLUS_A", "MMD_AT_PLUS_A", None]


def test_full_matrices_and_operators():
    A = hermitian_sparse(8).toarray()
    check_rule(lambda Q: eigsh(Q + Q.T, 2, return_eigenvectors=False), A / 2)
    check_rule(lambda A: svds(A, 2, return_singular_vectors=False), A)
    for f in (eigsh, eigs):
        w = f(aslinearoperator(A), 2, return_eigenvectors=False)
        np.testing.assert_allclose(w, f(A, 2, return_eigenvectors=False), rtol=1e-10)
    np.testing.assert_allclose(svds(aslinearoperator(A), 2)[1], svds(A, 2)[1], rtol=1e-10)
    assert svds(A, 2, return_singular_vectors="u")[2] is None


# --- where there is no derivative --------------------------------------------------------------------------


def test_equal_eigenvalues():
    A = sp.csr_array(np.diag([5.0, 5.0, 3.0, 2.0, 1.0, 0.5]))
    symmetric, p, _ = of_values(A, lambda A: np.sum(eigsh(A, 2)[0]))
    np.testing.assert_allclose(fr.grad(symmetric)(p), [1, 1, 0, 0, 0, 0], atol=1e-12)
    one, _, _ = of_values(A, lambda A: eigsh(A, 2)[0][0])
    with pytest.raises(fr.NotDifferentiableError, match="eigsh: two of the values are equal"):
        fr.grad(one)(p)
    vector, _, _ = of_values(A, lambda A: np.sum(squares(eigsh(A, 2)[1])[0]))
    with pytest.raises(fr.NotDifferentiableError, match="eigsh: two of the values are equal"):
        fr.grad(vector)(p)
    with pytest.raises(fr.NotDifferentiableError, match="eigsh: two of the values are equal"):
        fr.jvp(vector, (p,), (p,))
    np.testing.assert_allclose(fr.jvp(symmetric, (p,), (p,))[1], 10, rtol=1e-12)
    # the other one of an equal pair is not among those chosen
    outside, _, _ = of_values(A, lambda A: squares(eigsh(A, 1)[1])[0, 0])
    with pytest.raises(fr.NotDifferentiableError, match="equal to another one, or nearly"):
        fr.grad(outside)(p)
    triple, _, _ = of_values(A, lambda A: eigs(A, 1)[0][0].real)
    with pytest.raises(fr.NotDifferentiableError, match="eigs: an eigenvalue"):
        fr.grad(triple)(p)


def test_phase():
    A = hermitian_sparse(6, "D")
    for f in (lambda A: eigsh(A, 1)[1][0, 0].imag, lambda A: eigs(A, 1)[1][0, 0].imag):
        g, p, _ = of_values(A, f)
        with pytest.raises(fr.NotDifferentiableError, match="depends on the phase of an eigenvector"):
            fr.grad(g)(p)


def test_errors():
    A = hermitian_sparse(6)
    with pytest.raises(ValueError, match="eigsh: A must be Hermitian; eigs takes other matrices"):
        eigsh(random_sparse(6), 2)
    for f in (eigsh, eigs):
        g, p, _ = of_values(A, lambda A, f=f: f(A, 2, sp.eye_array(6))[0][0].real)
        with pytest.raises(fr.NotDifferentiableError, match="a generalized problem has no derivative here"):
            fr.grad(g)(p)
        w = f(A, 2, sp.eye_array(6, format="csc"), return_eigenvectors=False)
        np.testing.assert_allclose(w, f(A, 2, return_eigenvectors=False), rtol=1e-10)
    with pytest.raises(ValueError, match="eigs: A must be square"):
        eigs(random_sparse(6, m=7), 2)
    with pytest.raises(ValueError, match="svds: A must not contain infs or NaNs"):
        svds(A * np.nan, 2)
