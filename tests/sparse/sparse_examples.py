"""Sparse matrices for tests, and a stand-in for a traced one: values, traced or not, on a pattern."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from frechet.sparse._pattern import Pattern, values_and_pattern


class OnPattern:
    """What a traced sparse array shows to functions of fr.sparse.linalg."""

    def __init__(self, values, pattern):
        self.values, self.pattern, self.shape = values, pattern, pattern.shape

    def canonical(self):
        return self.values, self.pattern


def poisson(m, coefficients=None):
    """The five-point matrix of an m × m grid, with variable coefficients of a positive definite matrix."""
    ones = np.ones(m * m)
    right = ones.copy()
    right[m - 1 :: m] = 0
    A = sp.diags_array([-right[:-1], -ones[:-m]], offsets=[1, m], shape=(m * m, m * m))
    if coefficients is not None:
        A.data *= coefficients.reshape(2, -1)
    A = A + A.T
    return sp.csr_array(A + sp.diags_array(0.1 - np.asarray(A.sum(axis=1))))


def random_sparse(n, dtype="d", seed=0, density=0.2, m=None, shift=3.0):
    """A well-conditioned matrix of no particular pattern (with m rows: a tall one)."""
    rng = np.random.default_rng(seed)
    m = n if m is None else m
    A = sp.random_array((m, n), density=density, rng=rng).toarray()
    A[A != 0] = rng.standard_normal((A != 0).sum())
    A = A.astype(dtype)
    if A.dtype.kind == "c":
        A[A != 0] += 1j * rng.standard_normal((A != 0).sum())
    A[np.arange(n), np.arange(n)] += shift
    return sp.csr_array(A.astype(dtype))


def hermitian_sparse(n, dtype="d", seed=0, shift=6.0):
    """A Hermitian positive definite matrix with distinct eigenvalues."""
    A = random_sparse(n, dtype, seed, shift=0.0)
    A = A + A.conj().T + sp.diags_array(shift + 0.1 * np.arange(n))
    return sp.csr_array(A.astype(dtype))


def of_values(A, function):
    """A function of a sparse matrix as one of its values; with those, and the pattern."""
    values, pattern = values_and_pattern(A, "A")
    return lambda p, *args: function(OnPattern(p, pattern), *args), values, pattern


def dense(values, pattern):
    """The full array of values, which may be traced, on a pattern."""
    full = np.zeros(pattern.shape, values.dtype, like=values)
    full[pattern.rows, pattern.indices] = values
    return full


__all__ = ["OnPattern", "Pattern", "dense", "hermitian_sparse", "of_values", "poisson", "random_sparse"]
