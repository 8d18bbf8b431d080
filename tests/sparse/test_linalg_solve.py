"""spsolve, splu, factorized and spsolve_triangular."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg
from hypothesis import given
from hypothesis import strategies as st

import frechet as fr
from frechet.sparse._pattern import values_and_pattern
from frechet.sparse.linalg import factorized, splu, spsolve, spsolve_triangular
from frechet.testing import check_rule
from tests.sparse.sparse_examples import dense, hermitian_sparse, of_values, poisson, random_sparse

DTYPES = ["d", "D", "f"]


def vector(n, dtype="d", k=None, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(n if k is None else (n, k))
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.standard_normal(x.shape)
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [None, 2])
def test_spsolve(dtype, k):
    A = random_sparse(9, dtype)
    f, p, _ = of_values(A, spsolve)
    b = vector(9, dtype, k)
    x = spsolve(A, b)
    assert x.dtype == dtype
    assert x.shape == b.shape
    # float32: rounding of a well-conditioned system of nine rows
    np.testing.assert_allclose(x, np.linalg.solve(A.toarray(), b), rtol=1e-4 if dtype == "f" else 1e-12)
    check_rule(f, p, b)


@pytest.mark.parametrize(("of_A", "of_b"), [("d", "D"), ("D", "d"), ("f", "d")])
def test_mixed_dtypes(of_A, of_b):
    A, b = random_sparse(7, of_A), vector(7, of_b)
    f, p, _ = of_values(A, spsolve)
    assert f(p, b).dtype == np.result_type(of_A, of_b)
    check_rule(f, p, b)


@pytest.mark.parametrize("dtype", ["d", "D"])
def test_positive_definite(dtype):
    A, b = hermitian_sparse(8, dtype), vector(8, dtype)
    f, p, _ = of_values(A, lambda A, b: spsolve(A, b, assume_a="pos"))
    np.testing.assert_allclose(f(p, b), np.linalg.solve(A.toarray(), b), rtol=1e-12)
    # its values as those of Q + Qᴴ, so that it stays Hermitian
    places = values_and_pattern(A, "A")[1].transposed[1]
    check_rule(lambda q, b: f(q + np.conj(q[places]), b), p / 2, b)


def test_gradient_is_that_of_the_full_matrix():
    A, b = random_sparse(12), vector(12)
    f, p, pattern = of_values(A, lambda A, b: np.sum(spsolve(A, b) ** 3))
    g = lambda p, b: np.sum(np.linalg.solve(dense(p, pattern), b) ** 3)
    for ours, full in zip(fr.grad(f, (0, 1))(p, b), fr.grad(g, (0, 1))(p, b), strict=True):
        np.testing.assert_allclose(ours, full, rtol=1e-9, atol=1e-12)


def test_one_factorization_for_all(monkeypatch):
    count = []
    original = scipy.sparse.linalg.splu
    monkeypatch.setattr(scipy.sparse.linalg, "splu", lambda *a, **k: count.append(1) or original(*a, **k))
    A, b = random_sparse(9), vector(9)
    f, p, _ = of_values(A, lambda A, b: np.sum(spsolve(A, b) ** 2))
    fr.hvp(f, (p, b), (p, b))
    assert len(count) == 1


@given(st.integers(1, 12), st.sampled_from("dDfF"), st.integers(0, 10**6))
def test_any_matrix(n, dtype, seed):
    A, b = random_sparse(n, dtype, seed, shift=10.0), vector(n, dtype, seed=seed)
    x = spsolve(A, b)
    # a well-conditioned matrix: a few units in the last place of each term of a row
    eps = np.finfo(dtype).eps
    assert np.abs(A @ x - b).max() <= 100 * eps * (abs(A) @ np.abs(x) + np.abs(b)).max()


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "dia", "bsr", "lil", "dok"])
def test_formats(form):
    A, b = random_sparse(6), vector(6)
    np.testing.assert_allclose(spsolve(A.asformat(form), b), np.linalg.solve(A.toarray(), b), rtol=1e-12)


def test_orderings():
    # a matrix with good pivots on its diagonal gets the minimum degree of A + Aᵀ, another one COLAMD
    A = poisson(30)
    assert splu(A).nnz == scipy.sparse.linalg.splu(A.tocsc(), permc_spec="MMD_AT_PLUS_A").nnz
    assert splu(A, assume_a="pos", permc_spec="NATURAL").nnz > splu(A, assume_a="pos").nnz
    assert splu(A, assume_a="pos").nnz < 1.01 * splu(A).nnz
    assert splu(A, permc_spec="COLAMD").nnz == scipy.sparse.linalg.splu(A.tocsc()).nnz
    B = sp.csr_array(A - sp.diags_array(A.diagonal()) + 1e-3 * sp.eye_array(900))
    assert splu(B).nnz == scipy.sparse.linalg.splu(B.tocsc()).nnz


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("trans", ["N", "T", "H"])
def test_splu(dtype, trans):
    A, b = random_sparse(7, dtype), vector(7, dtype, 2)
    f, p, _ = of_values(A, lambda A, b: splu(A).solve(b, trans))
    full = {"N": A, "T": A.T, "H": A.conj().T}[trans].toarray()
    np.testing.assert_allclose(f(p, b), np.linalg.solve(full, b), rtol=1e-4 if dtype == "f" else 1e-12)
    check_rule(f, p, b)


def test_splu_has_what_scipys_has():
    A = random_sparse(20)
    ours, scipys = splu(A), scipy.sparse.linalg.splu(A.tocsc())
    assert (ours.L != scipys.L).nnz == 0
    assert (ours.U != scipys.U).nnz == 0
    assert (ours.perm_r == scipys.perm_r).all()
    assert (ours.perm_c == scipys.perm_c).all()
    assert (ours.nnz, ours.shape) == (scipys.nnz, scipys.shape)


def test_factors_of_a_traced_matrix_are_refused():
    f, p, _ = of_values(random_sparse(4), lambda A: splu(A).L.sum())
    with pytest.raises(fr.NotDifferentiableError, match="L of a matrix with traced values would lose"):
        fr.grad(f)(p)


def test_factorized():
    A, b = random_sparse(7), vector(7)
    f, p, _ = of_values(A, lambda A, b: factorized(A)(b))
    np.testing.assert_allclose(f(p, b), np.linalg.solve(A.toarray(), b), rtol=1e-12)
    check_rule(f, p, b)


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
def test_triangular(lower, unit, dtype):
    A = random_sparse(8, dtype)
    A = sp.csr_array(sp.tril(A) if lower else sp.triu(A))
    b = vector(8, dtype, 2)
    f, p, _ = of_values(A, lambda A, b: spsolve_triangular(A, b, lower, unit_diagonal=unit))
    full = A.toarray()
    if unit:
        np.fill_diagonal(full, 1)
    assert f(p, b).dtype == dtype
    # substitution with a unit diagonal: numbers grow, and with them the rounding in float32
    np.testing.assert_allclose(f(p, b), np.linalg.solve(full, b), rtol=2e-3 if dtype == "f" else 1e-11)
    check_rule(f, p, b)


def test_triangular_with_a_diagonal_that_is_not_stored():
    A = sp.csr_array(sp.tril(random_sparse(5), -1))
    x = spsolve_triangular(A, np.ones(5), unit_diagonal=True)
    np.testing.assert_allclose(A @ x + x, np.ones(5), rtol=1e-12)
    B = sp.csr_array((np.array([1.0, 0.0, 2.0]), ([0, 0, 1], [0, 1, 1])), shape=(2, 2))
    np.testing.assert_allclose(spsolve_triangular(B, np.ones(2)), [1, 0.5])  # a zero stored above


# --- bad input ---------------------------------------------------------------------------------------------


def test_sparse_right_side():
    A, b = random_sparse(5), sp.csr_array(vector(5, k=2))
    with pytest.warns(fr.structured.DensifyWarning, match=r"spsolve solves with full right sides.*\(5, 2\)"):
        x = spsolve(A, b)
    np.testing.assert_allclose(x, np.linalg.solve(A.toarray(), b.toarray()), rtol=1e-12)


def test_sparse_traced_right_side():
    A = random_sparse(5)

    def f(b):
        with pytest.warns(fr.structured.DensifyWarning):
            return spsolve(A, b)

    g, p, pattern = of_values(random_sparse(5, seed=4), f)
    np.testing.assert_allclose(g(p), np.linalg.solve(A.toarray(), dense(p, pattern)), rtol=1e-12)
    check_rule(g, p)


def test_full_matrix():
    A, b = random_sparse(5).toarray(), vector(5)

    def f(A, b):
        with pytest.warns(sp.SparseEfficiencyWarning, match=r"fr\.linalg\.solve"):
            return spsolve(A, b)

    np.testing.assert_allclose(f(A, b), np.linalg.solve(A, b), rtol=1e-12)
    check_rule(f, A, b)


def test_singular():
    A = sp.csr_array(np.array([[1.0, 2.0], [2.0, 4.0]]))
    with pytest.raises(np.linalg.LinAlgError, match="spsolve: A is singular: a pivot is zero"):
        spsolve(A, np.ones(2))
    with pytest.raises(np.linalg.LinAlgError, match="rank of 2 at most, of 3 rows"):
        spsolve(sp.csr_array(np.array([[1.0, 1, 1], [1, 0, 0], [1, 0, 0]])), np.ones(3))
    with pytest.raises(np.linalg.LinAlgError, match="its row 1 has no entries"):
        splu(sp.csr_array(np.array([[1.0, 2.0], [0.0, 0.0]])))
    with pytest.raises(np.linalg.LinAlgError, match="its column 0 has no entries"):
        factorized(sp.csr_array(np.array([[0.0, 2.0], [0.0, 1.0]])))
    with pytest.raises(np.linalg.LinAlgError, match="zero entry on diagonal 1"):
        spsolve_triangular(sp.csr_array(np.array([[1.0, 0.0], [1.0, 0.0]])), np.ones(2))


def test_wrong_structure():
    A, b = random_sparse(4), np.ones(4)
    with pytest.raises(np.linalg.LinAlgError, match="A is not Hermitian"):
        spsolve(A, b, assume_a="pos")
    with pytest.raises(np.linalg.LinAlgError, match="A is not positive definite"):
        spsolve(-hermitian_sparse(4), b, assume_a="pos")
    # all is well with its diagonal, and elimination without pivoting loses its digits
    indefinite = sp.csr_array(np.array([[1e-14, 1.0], [1.0, 1.0]]))
    with pytest.raises(np.linalg.LinAlgError, match="A is not positive definite"):
        spsolve(indefinite, np.array([1.0, 3.0]), permc_spec="NATURAL", assume_a="pos")
    with pytest.raises(ValueError, match="assume_a is None, 'gen' or 'pos', got 'sym'"):
        spsolve(A, b, assume_a="sym")
    with pytest.raises(np.linalg.LinAlgError, match="A is not lower triangular: it has an entry in row"):
        spsolve_triangular(random_sparse(4, density=0.9), b)


def test_wrong_arguments():
    A, b = random_sparse(4), np.ones(4)
    with pytest.raises(ValueError, match="A must be square"):
        spsolve(random_sparse(4, m=5), b)
    with pytest.raises(ValueError, match="b must have 4 rows"):
        spsolve(A, np.ones(3))
    with pytest.raises(ValueError, match="b must not contain infs or NaNs"):
        spsolve(A, b * np.nan)
    with pytest.raises(ValueError, match="A must not contain infs or NaNs"):
        splu(A * np.nan)
    with pytest.raises(ValueError, match="trans is 'N', 'T' or 'H', got 'C'"):
        splu(A).solve(b, "C")
    with pytest.raises(TypeError, match="A must be a sparse array, got str"):
        spsolve("matrix", b)


def test_without_rows():
    A = sp.csr_array((0, 0))
    assert spsolve(A, np.zeros((0, 2))).shape == (0, 2)
    assert splu(A).logdet() == 0


def test_one_factorization_of_a_large_grid(monkeypatch):
    count = []
    original = scipy.sparse.linalg.splu
    monkeypatch.setattr(scipy.sparse.linalg, "splu", lambda *a, **k: count.append(1) or original(*a, **k))
    A, b = poisson(100), vector(10_000)
    value, (of_A, of_b) = fr.value_and_grad(lambda A, b: np.sum(spsolve(A, b) ** 2), (0, 1))(A, b)
    assert len(count) == 1
    x = original(A.tocsc()).solve(b)
    np.testing.assert_allclose(value, x @ x, rtol=1e-10)
    adjoint = original(A.tocsc()).solve(2 * x, "T")
    # rounding, relative to the largest: the condition number is 10³
    np.testing.assert_allclose(of_b, adjoint, rtol=0, atol=1e-12 * np.abs(adjoint).max())
    C = A.tocoo()
    np.testing.assert_allclose(of_A.tocoo().data, -adjoint[C.row] * x[C.col], rtol=0, atol=1e-10)
