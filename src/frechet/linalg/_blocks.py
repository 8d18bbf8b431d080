"""Matrices made of matrices: Kronecker and Khatri–Rao products, blocks on a diagonal."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array
from ..rule import carriers
from ..transforms import array
from ._arguments import stack_shape, to_stack
from ._capability import capability

__all__ = ["block_diag", "diagsvd", "khatri_rao", "kron"]


def _matrix(x: Any) -> Array:
    """x as an array of at least two axes, of the dtype it has."""
    if type(x) not in carriers:
        x = array(x) if isinstance(x, (list, tuple)) else np.asarray(x)
    return np.reshape(x, (1, -1)) if np.ndim(x) < 2 else x


@capability("nowhere: it is bilinear")
def kron(a: Array, b: Array) -> Array:
    """The Kronecker product of matrices.

    Parameters
    ----------
    a : (..., m, n) array_like
        Plain or traced; leading axes are a batch, unlike in numpy.kron.
    b : (..., p, q) array_like
        Likewise; leading axes broadcast.

    Returns
    -------
    (..., m p, n q) array
        The blocks a[i, j] b.

    Examples
    --------
    The covariance of a model with two independent factors of variation:

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.linalg.kron([[1, 2]], [[1], [3]])
    array([[1, 2],
           [3, 6]])
    >>> A, B = np.diag([1.0, 2.0]), np.diag([3.0, 4.0])
    >>> fr.grad(lambda A: fr.linalg.logdet(fr.linalg.kron(A, B)))(A)
    array([[2., 0.],
           [0., 1.]])
    """
    a, b = _matrix(a), _matrix(b)
    c = a[..., :, None, :, None] * b[..., None, :, None, :]
    (m, n), (p, q) = np.shape(a)[-2:], np.shape(b)[-2:]
    return np.reshape(c, (*np.shape(c)[:-4], m * p, n * q))


@capability("nowhere: it is bilinear")
def khatri_rao(a: Array, b: Array) -> Array:
    """The Khatri–Rao product, column by column a Kronecker product, as scipy.linalg.khatri_rao.

    Parameters
    ----------
    a : (..., m, k) array_like
        Plain or traced; leading axes are a batch.
    b : (..., p, k) array_like
        Likewise; leading axes broadcast.

    Returns
    -------
    (..., m p, k) array
        The columns kron(a[:, j], b[:, j]).

    Raises
    ------
    ValueError
        If the numbers of columns differ, or an argument is not a matrix.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.linalg.khatri_rao([[1, 2]], [[1, 1], [0, 3]])
    array([[1, 2],
           [0, 6]])
    >>> b = np.array([[1.0, 1.0], [0.0, 3.0]])
    >>> fr.grad(lambda a: np.sum(fr.linalg.khatri_rao(a, b)))(np.ones((1, 2)))
    array([[1., 4.]])
    """
    a, b = (array(x) if isinstance(x, (list, tuple)) else x for x in (a, b))
    if np.ndim(a) < 2 or np.ndim(b) < 2:
        raise ValueError("khatri_rao: both arrays should be matrices or stacks of matrices")
    k = np.shape(a)[-1]
    if k != np.shape(b)[-1]:
        raise ValueError("khatri_rao: the number of columns for both arrays should be equal")
    c = a[..., :, None, :] * b[..., None, :, :]
    return np.reshape(c, (*np.shape(c)[:-3], np.shape(a)[-2] * np.shape(b)[-2], k))


@capability("nowhere: it is linear")
def block_diag(*arrs: Array) -> Array:
    """A block diagonal matrix, as scipy.linalg.block_diag, with derivatives.

    Parameters
    ----------
    *arrs : (..., m, n) array_like
        The blocks, plain or traced; numbers and vectors are matrices of one row; leading axes broadcast.

    Returns
    -------
    (..., Σ m, Σ n) array
        The blocks along the diagonal, zeros elsewhere.

    Examples
    --------
    The transition matrix of a trend and a cycle, and a derivative of its determinant:

    >>> import numpy as np
    >>> import frechet as fr
    >>> def transition(rho):
    ...     return fr.linalg.block_diag(np.array([[1.0, 1.0], [0.0, 1.0]]), rho)
    >>> transition(0.5)
    array([[1. , 1. , 0. ],
           [0. , 1. , 0. ],
           [0. , 0. , 0.5]])
    >>> fr.grad(lambda rho: fr.linalg.det(transition(rho)))(0.5)
    1.0
    """
    blocks = [_matrix(x) for x in arrs] or [np.zeros((1, 0))]
    stack = stack_shape("block_diag", *blocks)
    dtype = np.result_type(*(b.dtype for b in blocks))
    columns = sum(np.shape(b)[-1] for b in blocks)
    rows, before = [], 0
    for block in blocks:
        m, n = np.shape(block)[-2:]
        left = np.zeros((*stack, m, before), dtype)
        right = np.zeros((*stack, m, columns - before - n), dtype)
        rows.append(np.concatenate([left, to_stack(block, stack), right], axis=-1))
        before += n
    return np.concatenate(rows, axis=-2)


@capability("nowhere: it is linear")
def diagsvd(s: Array, M: int, N: int) -> Array:
    """The rectangular diagonal matrix of singular values, as scipy.linalg.diagsvd, with derivatives.

    Parameters
    ----------
    s : (..., k) array_like
        The diagonal, plain or traced; leading axes are a batch.
    M, N : int
        The shape of the matrix; k is one of them.

    Returns
    -------
    (..., M, N) array
        The matrix.

    Raises
    ------
    ValueError
        If k is neither M nor N.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.linalg.diagsvd([1, 2], 2, 3)
    array([[1, 0, 0],
           [0, 2, 0]])
    >>> fr.grad(lambda s: fr.linalg.diagsvd(s, 3, 2)[1, 1] ** 2)(np.array([1.0, 2.0]))
    array([0., 4.])
    """
    s = _matrix(s)[0] if np.ndim(s) < 2 else _matrix(s)
    k = np.shape(s)[-1]
    if k not in (M, N):
        raise ValueError(f"diagsvd: the length of s must be M or N, got {k} for M = {M}, N = {N}")
    values = s[..., :, None] if k == M else s[..., None, :]
    return np.where(np.eye(M, N, dtype=bool), values, np.zeros((), s.dtype))
