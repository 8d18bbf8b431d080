"""The kernel for entries of the inverse of a sparse matrix, from its LU factorization."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from frechet import _core


def factors(n, seed, density, kind):
    """Sparse triangular factors with moderate entries: L by columns, U by rows."""
    rng = np.random.default_rng(seed)

    def strict(k):
        # rows whose absolute values sum to one or so: the bound of rounding below stays small
        X = np.where(rng.random((n, n)) < density, rng.uniform(-0.5, 0.5, (n, n)), 0)
        X *= min(1, 4 / (n * density)) if density else 1
        if kind == "D":
            X = X * np.exp(2j * np.pi * rng.random((n, n)))
        return np.tril(X, -1) if k < 0 else np.triu(X, 1)

    L, U = strict(-1) + np.eye(n), strict(1) + np.diag(rng.uniform(1, 2, n))
    return L.astype(kind), U.astype(kind)


def selected(L, U, rows, columns):
    l, u = sp.csc_array(L), sp.csr_array(U)
    Z = np.empty(len(rows), L.dtype)
    places = np.asarray(rows, np.int32), np.asarray(columns, np.int32)
    _core.selected_inverse(l.data, l.indices, l.indptr, u.data, u.indices, u.indptr, *places, Z)
    return Z


def error_bound(L, U):
    """The size of rounding: the sums of the absolute values of all terms, by the M-matrix of comparison."""
    n = len(L)
    absolute = np.linalg.inv(2 * np.eye(n) - np.abs(L))
    d = np.abs(np.diag(U))
    upper = np.linalg.inv(np.diag(2 * d) - np.abs(U))
    return 50 * n * np.finfo(float).eps * upper @ absolute


@given(
    st.integers(1, 70),
    st.integers(0, 10**6),
    st.sampled_from([0.0, 0.02, 0.1, 0.5, 1.0]),
    st.sampled_from("dD"),
)
def test_any_entries(n, seed, density, kind):
    L, U = factors(n, seed, density if n < 20 else density / 4, kind)
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(0, n, (2, 3 * n))  # also outside of the filled pattern, and twice
    Z = selected(L, U, rows, columns)
    exact = np.linalg.inv(U) @ np.linalg.inv(L)
    assert (np.abs(Z - exact[rows, columns]) <= error_bound(L, U)[rows, columns] + 1e-14).all()


@pytest.mark.parametrize("kind", "dD")
def test_blocks_wider_than_the_leaves_of_the_recursion(kind):
    # full factors are one block of 100 columns; with a zero in the first columns there are several
    rng = np.random.default_rng(3)
    n = 100
    L, U = factors(n, 5, 1.0, kind)
    L, U = np.eye(n) + (L - np.eye(n)) / 10, np.diag(np.diag(U)) + (U - np.diag(np.diag(U))) / 10
    for zeros in (0, 40):
        L[zeros:80, :zeros] = 0
        U[:zeros, zeros:80] = 0
        rows, columns = np.divmod(rng.permutation(n * n)[:2000], n)
        exact = np.linalg.inv(U) @ np.linalg.inv(L)
        # entries of moderate size, off the diagonal a tenth: a few digits of the last place
        np.testing.assert_allclose(selected(L, U, rows, columns), exact[rows, columns], rtol=1e-9, atol=1e-13)


def test_nothing_asked_and_nothing_there():
    L, U = factors(5, 0, 0.5, "d")
    assert selected(L, U, [], []).shape == (0,)
    empty = np.zeros(0), np.zeros(0, np.int32), np.zeros(1, np.int32)
    _core.selected_inverse(*empty, *empty, np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0))


def arguments():
    l = sp.csc_array(np.eye(3))
    index = np.arange(3, dtype=np.int32)
    return [l.data, l.indices, l.indptr, l.data, l.indices, l.indptr, index, index, np.empty(3)]


@pytest.mark.parametrize(
    ("which", "wrong", "error", "message"),
    [
        (0, np.ones(3, "f"), TypeError, "U and selected_inverse: L must have the same dtype"),
        (0, np.ones(2), ValueError, "L must be a vector as long as its indices"),
        (1, np.array([0, 1, 3], np.int32), ValueError, "L_indices must hold the numbers of rows or columns"),
        (1, np.array([0, 1, 2], np.int64), TypeError, "L_indices must have dtype int32"),
        (2, np.array([0, 2, 1, 3], np.int32), ValueError, "L_indptr must not decrease"),
        (5, np.array([0, 1, 2], np.int32), ValueError, "U_indptr must begin with 0 and end"),
        (6, np.array([0, 1, -1], np.int32), ValueError, "rows must hold the numbers"),
        (7, np.array([0, 1, 3], np.int32), ValueError, "columns must hold the numbers"),
        (8, np.empty(2), ValueError, "Z must be as long as rows and columns"),
        (8, np.empty(6)[::2], ValueError, "Z must be C-contiguous"),
    ],
)
def test_wrong_arguments(which, wrong, error, message):
    args = arguments()
    _core.selected_inverse(*args)
    args[which] = wrong
    with pytest.raises(error, match=message):
        _core.selected_inverse(*args)


def test_single_precision_is_converted_by_the_caller():
    args = arguments()
    for k in (0, 3, 8):
        args[k] = args[k].astype("f")
    with pytest.raises(ValueError, match="L must have dtype float64 or complex128"):
        _core.selected_inverse(*args)
