"""Balancing and sketching: linear maps whose matrix is chosen by the entries, or at random."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap
from ..rule import Rule, primal
from ._arguments import as_matrix
from ._capability import capability

__all__ = ["clarkson_woodruff_transform", "matrix_balance"]


@capability("where the scaling changes to the next power of two: it is taken as constant, which it is nearby")
def matrix_balance(
    A: Array, permute: bool = True, scale: bool = True, separate: bool = False, overwrite_a: bool = False
) -> Any:
    """A matrix balanced by a diagonal similarity, as scipy.linalg.matrix_balance, with derivatives.

    Parameters
    ----------
    A : (..., n, n) array_like
        Real or complex, plain or traced; leading axes are a batch.
    permute, scale : bool, optional
        Whether rows and columns are permuted to isolate eigenvalues, and whether they are scaled.
    separate : bool, optional
        Whether scaling and permutation are returned instead of the transformation.
    overwrite_a : bool, optional
        For SciPy's signature; nothing is overwritten.

    Returns
    -------
    B : (..., n, n) array
        T⁻¹ A T.
    T : (..., n, n) array
        A permuted diagonal matrix of powers of two; with separate, the pair (scale, perm) of arrays (..., n).

    Raises
    ------
    ValueError
        For a matrix that is not square, nan and inf.

    Notes
    -----
    T is constant between points where a power of two or the permutation changes, so dB = T⁻¹ dA T; the
    multiplications are exact.  For the method see James, Langou & Lowery, arXiv:1401.5766.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A = np.array([[1.0, 1024.0], [1.0, 2.0]])
    >>> fr.linalg.matrix_balance(A)
    (array([[ 1., 32.],
           [32.,  2.]]), array([[32.,  0.],
           [ 0.,  1.]]))
    >>> fr.grad(lambda A: fr.linalg.matrix_balance(A)[0][0, 1])(A)
    array([[0.     , 0.03125],
           [0.     , 0.     ]])
    """
    A = as_matrix(A, "matrix_balance: A", square=True)
    shape = A.shape
    n = shape[-1]
    if not A.size:
        factors, order = np.ones(shape[:-1], primal(A).real.dtype), np.zeros(shape[:-1], int)
        return np.zeros(shape, A.dtype), ((factors, order) if separate else np.zeros(shape, factors.dtype))
    from scipy.linalg import matrix_balance

    plain = primal(A).reshape(-1, n, n)
    found = [matrix_balance(one, permute, scale, separate=True)[1] for one in plain]
    factors = np.array([f for f, _ in found]).reshape(shape[:-1])
    order = np.array([p for _, p in found]).reshape(shape[:-1])
    if A.dtype.char in "fF":
        factors = factors.astype("f")
    if order.ndim == 1:
        permuted = A[order][:, order]
    else:
        permuted = np.take_along_axis(np.take_along_axis(A, order[..., None], -2), order[..., None, :], -1)
    B = permuted * (factors[..., None, :] / factors[..., :, None])
    if separate:
        return B, (factors, order)
    T = np.zeros(shape, factors.dtype)
    np.put_along_axis(T, order[..., None, :], factors[..., None, :], axis=-2)
    return B, T


@capability("nowhere: it is linear, for the random matrix that the seed determines")
def clarkson_woodruff_transform(
    input_matrix: Array, sketch_size: int, rng: Any = None, *, seed: Any = None
) -> Array:
    """A random sketch S A of a matrix, as scipy.linalg.clarkson_woodruff_transform, with derivatives.

    Parameters
    ----------
    input_matrix : (..., m, n) array_like
        Plain or traced; leading axes are a batch, for which S is the same.  A sparse matrix of SciPy has a
        sparse sketch.
    sketch_size : int
        The number of rows of the sketch.
    rng : seed, or numpy.random.Generator, optional
        Of the random S.  A function that is to be differentiated more than once, or compared with
        differences, needs the same seed in every call.
    seed : int, optional
        SciPy's former name of rng.

    Returns
    -------
    (..., sketch_size, n) array
        S A, where each column of S has one entry, 1 or −1, in a random row.

    Raises
    ------
    ValueError
        For nan and inf.
    TypeError
        If both rng and seed are given.

    Notes
    -----
    The adjoint is Sᵀ; S is sparse, and each takes O(m n) operations.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A = np.arange(8.0).reshape(4, 2)
    >>> fr.linalg.clarkson_woodruff_transform(A, 3, rng=0).shape
    (3, 2)
    >>> fr.grad(lambda A: np.sum(fr.linalg.clarkson_woodruff_transform(A, 3, rng=0)))(A)[:, 0] ** 2
    array([1., 1., 1., 1.])
    """
    from scipy.linalg import clarkson_woodruff_transform
    from scipy.sparse import eye_array, issparse

    options = {} if seed is None else {"seed": seed}
    if rng is not None:
        options["rng"] = rng
    if issparse(input_matrix):
        return clarkson_woodruff_transform(input_matrix, sketch_size, **options)
    A = as_matrix(input_matrix, "clarkson_woodruff_transform: input_matrix")
    identity = eye_array(A.shape[-2], dtype=primal(A).real.dtype, format="csc")
    S = clarkson_woodruff_transform(identity, sketch_size, **options).astype(identity.dtype)
    return _sketch(A, S)


def _sketch_body(A: Array, S: Any) -> Any:
    return _sketch(A, S), _Sketch(S)


def _sketch_value(A: Array, S: Any) -> Array:
    rows = np.moveaxis(A, -2, 0)
    Y = S @ rows.reshape(rows.shape[0], -1)
    return np.moveaxis(Y.reshape(-1, *rows.shape[1:]), 0, -2)


_sketch = Rule(_sketch_value, _sketch_body, "frechet.linalg.clarkson_woodruff_transform")


class _Sketch(LinearMap):
    """A ↦ S A for a sparse real S."""

    __slots__ = ("S",)

    def __init__(self, S: Any) -> None:
        self.S = S

    def push(self, v: Array) -> Array:
        return _sketch(v, self.S)

    def pull(self, w: Array) -> Array:
        return _sketch(w, self.S.T)
