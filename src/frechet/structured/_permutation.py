"""Permutation matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, Shape, linear
from ..rule import Rule
from ._diagonal import Diagonal
from ._matrix import StructuredMatrix


class Indices:
    """A permutation of 0, …, n − 1 that can be compared and hashed."""

    __slots__ = ("array", "key")

    def __init__(self, array: np.ndarray) -> None:
        array = np.array(array, np.intp)
        array.flags.writeable = False
        self.array = array
        self.key = hash(array.tobytes())

    @property
    def inverse(self) -> Indices:
        """The permutation that undoes it."""
        places = np.empty_like(self.array)
        places[self.array] = np.arange(len(self.array))
        return Indices(places)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Indices) and np.array_equal(self.array, other.array)

    def __hash__(self) -> int:
        return self.key

    def __reduce__(self) -> Any:
        return Indices, (self.array,)

    def __repr__(self) -> str:
        return np.array2string(self.array, separator=", ", threshold=8)


class Permutation(StructuredMatrix):
    """A permutation matrix: A @ x is x[p].

    Parameters
    ----------
    p : (n,) array_like of int
        The column of the 1 in each row: A[i, p[i]] = 1.

    Raises
    ------
    ValueError
        If p does not have each of the integers 0, …, n − 1 once.

    Notes
    -----
    It cannot be varied: its tangent space has dimension 0, and a gradient in it is the matrix itself, without
    meaning.  Everything takes O(n) operations.  Products, inverse and transpose are permutations; sums and
    multiples are full arrays, for which A is of dtype float64; products with an array keep the array's dtype.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> P = fr.Permutation([2, 0, 1])
    >>> P @ np.array([1.0, 2.0, 3.0])
    array([3., 1., 2.])
    >>> P @ P
    Permutation([1, 2, 0])
    >>> np.linalg.det(P)
    1.0
    """

    __slots__ = ()
    linear = False
    closed = True

    def __init__(self, p: Any) -> None:
        p = np.asarray(p)
        if p.ndim != 1 or (p.dtype.kind not in "iu" and p.size):
            raise ValueError(
                f"Permutation: p has the shape {p.shape} and dtype {p.dtype} where a vector of integers is "
                "due"
            )
        if not np.array_equal(np.sort(p), np.arange(len(p))):
            raise ValueError(f"Permutation: p must have each of the integers from 0 to {len(p) - 1} once")
        object.__setattr__(self, "parts", ())
        object.__setattr__(self, "form", Indices(p))

    @property
    def p(self) -> np.ndarray:
        """The column of the 1 in each row."""
        p: np.ndarray = self.form.array
        return p

    @property
    def shape(self) -> Shape:
        return (len(self.p), len(self.p))

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(float)

    def __repr__(self) -> str:
        return f"Permutation({self.form!r})"

    def to_dense(self) -> Array:
        dense = np.zeros(self.shape)
        dense[np.arange(len(self.p)), self.p] = 1
        return dense

    def restrict(self, G: Array) -> tuple[Any, ...]:
        return ()

    @property
    def mT(self) -> Permutation:
        return Permutation.of([], self.form.inverse)

    @property
    def imag(self) -> Diagonal:
        return Diagonal.of([np.zeros(len(self.p))])

    def astype(self, dtype: Any) -> Any:
        """A full array of another dtype; a permutation itself has none but float64."""
        return self.dense_for("astype").astype(dtype)

    def times(self, X: Array) -> Array:
        return permuted(X, self.form)

    def product(self, other: Any) -> Permutation:
        return Permutation.of([], Indices(other.p[self.p]))

    def scaled(self, c: Any) -> Any:
        return c * self.dense_for("*")

    def solve(self, B: Array) -> Array:
        return permuted(B, self.form.inverse)

    def solve_structured(self, B: StructuredMatrix) -> Any:
        return self.mT @ B

    def inv(self) -> Permutation:
        return self.mT

    def det(self) -> float:
        # A cycle of length k is a product of k − 1 transpositions.
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import connected_components

        n = len(self.p)
        if not n:
            return 1.0
        graph = csr_array((np.ones(n, np.int8), self.p, np.arange(n + 1)), shape=self.shape)
        return -1.0 if (n - connected_components(graph, return_labels=False)) % 2 else 1.0

    def slogdet(self) -> tuple[Any, Any]:
        return self.det(), 0.0

    def diagonal(self, offset: int = 0) -> Array:
        n = len(self.p)
        i = np.arange(max(0, -offset), max(0, -offset, min(n, n - offset)))
        return self.entries(i, i + offset)

    def entries(self, i: Any, j: Any) -> Array:
        return np.equal(self.p[i], j).astype(float)

    def _sparse_entries(self) -> tuple[Array, Any, Any]:
        n = len(self.p)
        return np.ones(n), np.arange(n), self.p

    def squared_norm(self) -> float:
        return float(len(self.p))


def _permuted_body(X: Array, indices: Indices) -> Any:
    return permuted(X, indices), linear(
        lambda v: permuted(v, indices), lambda w: permuted(w, indices.inverse)
    )


#: The rows of X of shape (..., n, k) in another order; the derivative, too, is one of these.
permuted = Rule(
    lambda X, indices: np.take(X, indices.array, axis=-2), _permuted_body, "frechet: Permutation @"
)
