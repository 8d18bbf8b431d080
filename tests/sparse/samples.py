"""Sparse arrays to test with: each format, with an explicit zero, unsorted and with duplicates."""

import numpy as np
import scipy.sparse as sp

FORMATS = ("csr", "csc", "coo", "dia", "bsr")


def values(n, dtype, seed=0):
    rng = np.random.default_rng(seed)
    v = rng.standard_normal(n)
    if np.dtype(dtype).kind == "c":
        v = v + 1j * rng.standard_normal(n)
    return v.astype(dtype)


def sample(name, dtype=float, shape=(4, 6), seed=0):
    """A sparse array by the name of its class, or of a deviation from it."""
    m, n = shape
    rng = np.random.default_rng(seed + 1)
    full = np.where(rng.random(shape) < 0.5, values(m * n, dtype, seed).reshape(shape), 0)
    full[0, 1] = full[2, 2] = 1.5
    if name == "csr_unsorted":
        A = sp.csr_array(full)
        A.indices, A.data = A.indices.copy(), A.data.copy()
        for i in range(m):
            row = slice(A.indptr[i], A.indptr[i + 1])
            A.indices[row], A.data[row] = A.indices[row][::-1].copy(), A.data[row][::-1].copy()
        return sp.csr_array((A.data, A.indices, A.indptr), shape=shape)
    if name == "csr_duplicates":
        data = values(6, dtype, seed)
        return sp.csr_array((data, np.array([3, 1, 3, 0, 2, 2]), np.array([0, 3, 4, 4, 6])), shape=shape)
    if name == "coo_duplicates":
        data = values(6, dtype, seed)
        return sp.coo_array((data, (np.array([3, 0, 3, 1, 2, 3]), np.array([1, 2, 1, 0, 3, 2]))), shape=shape)
    if name.startswith("dia"):
        data = values(3 * (n - 1), dtype, seed).reshape(3, n - 1)  # shorter than a row, with padding
        return getattr(sp, name)((data, np.array([1, -2, 0])), shape=shape)
    if name.startswith("bsr"):
        return getattr(sp, name)(full, blocksize=(2, 2))  # whose blocks hold zeros
    A = getattr(sp, name)(full)
    A.data[1] = 0  # an explicit zero
    return A


ARRAYS = [f"{f}_array" for f in FORMATS]
MATRICES = [f"{f}_matrix" for f in FORMATS]
ODD = ["csr_unsorted", "csr_duplicates", "coo_duplicates"]


def entries(A):
    """The rows and columns of the stored values, and which of these lie in the matrix, as a reference."""
    if A.format == "dia":
        columns = np.arange(A.data.shape[1])
        rows = columns - A.offsets[:, None]
        columns = np.broadcast_to(columns, rows.shape)
        return rows, columns, (rows >= 0) & (rows < A.shape[0]) & (columns < A.shape[1])
    if A.format == "bsr":
        blocks = np.array([(i, A.indices[k]) for i in range(len(A.indptr) - 1)
                           for k in range(A.indptr[i], A.indptr[i + 1])])  # fmt: skip
        R, C = A.blocksize
        rows = blocks[:, 0, None, None] * R + np.arange(R)[:, None] + np.zeros(C, int)
        columns = blocks[:, 1, None, None] * C + np.zeros((R, 1), int) + np.arange(C)
        return rows, columns, np.ones(rows.shape, bool)
    if A.format == "coo":
        return A.row, A.col, np.ones(len(A.row), bool)
    major = np.repeat(np.arange(len(A.indptr) - 1), np.diff(A.indptr))
    rows, columns = (major, A.indices) if A.format == "csr" else (A.indices, major)
    return rows, columns, np.ones(len(rows), bool)


def on_pattern(G, A):
    """The entries of a full array at the stored values of A, as A.data has them; 0 outside of the matrix."""
    rows, columns, inside = entries(A)
    return np.where(inside, G[np.where(inside, rows, 0), np.where(inside, columns, 0)], 0)
