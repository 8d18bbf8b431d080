"""Products of two sparse matrices, at the entries of a pattern.

For values x and y on their patterns, let z be the entries of X Y on a third pattern, where X may stand for
Xᴴ, and Y for Yᴴ.  z is linear in x and in y.  From ⟨W, dX Y⟩ = ⟨W Yᴴ, dX⟩ and ⟨W, X dY⟩ = ⟨Xᴴ W, dY⟩, for
W that has w on the third pattern, the adjoints are such products again, at the entries of X and of Y:

    in x:  W Yᴴ, or where X is adjoint, (W Yᴴ)ᴴ = Y Wᴴ
    in y:  Xᴴ W, or where Y is adjoint, (Xᴴ W)ᴴ = Wᴴ X

so that derivatives of all orders are such products.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ..linear_map import Array, linear
from ..rule import Rule
from ._pattern import Pattern
from ._selection import Selection, add_up, take

_LOOKUP = 8  # the time to find an entry, in that of a term of a product
_SHORT = 64  # entries of a row that need not be sorted to find one
_AT_ONCE = 1 << 22  # terms, to bound the memory

__all__ = ["product", "product_pattern"]


def product_pattern(a: Pattern, b: Pattern) -> Pattern:
    """The pattern of a product: where it can differ from zero, whatever the values are."""
    C = a.matrix(np.ones(a.nnz)) @ b.matrix(np.ones(b.nnz))
    C.sort_indices()
    return Pattern(C.indices, C.indptr, C.shape)


def _sampled(
    x: Array, y: Array, X: Pattern, Y: Pattern, Z: Pattern, x_adjoint: bool, y_adjoint: bool
) -> Array:
    lead = np.broadcast_shapes(x.shape[:-1], y.shape[:-1])
    xs, ys = np.broadcast_to(x, lead + x.shape[-1:]), np.broadcast_to(y, lead + y.shape[-1:])
    z = np.zeros((*lead, Z.nnz), np.result_type(x, y))
    for at in np.ndindex(lead):
        A, B = X.matrix(np.ascontiguousarray(xs[at])), Y.matrix(np.ascontiguousarray(ys[at]))
        A = A.conj(copy=False).T.tocsr() if x_adjoint else A
        B = B.conj(copy=False).T.tocsr() if y_adjoint else B
        # The whole product may have far more entries than are asked for.
        whole = np.sum(np.diff(B.indptr)[A.indices], dtype=np.int64)
        asked = np.sum(np.diff(A.indptr)[Z.rows], dtype=np.int64)
        z[at] = _by_product(A, B, Z) if whole <= _LOOKUP * asked else _by_rows(A, B, Z)
    return z


def _by_product(A: Any, B: Any, Z: Pattern) -> Array:
    """The entries of A B on a pattern, out of all of them."""
    C = A @ B
    if C.nnz == Z.nnz or C.nnz > _SHORT * C.shape[0]:
        C.sort_indices()
    if C.nnz == Z.nnz and np.array_equal(C.indices, Z.indices) and np.array_equal(C.indptr, Z.indptr):
        product: Array = C.data
        return product
    # SciPy goes through each row where they are not in order, which is the quickest for short ones.
    return np.ravel(C[Z.rows, Z.indices])


def _by_rows(A: Any, B: Any, Z: Pattern) -> Array:
    """The same, each as the product of a row of A and a column of B, some at a time to bound the memory."""
    B.sort_indices()
    at_B = Pattern(B.indices, B.indptr, B.shape)
    z = np.zeros(Z.nnz, np.result_type(A.data, B.data))
    counts = np.diff(A.indptr)[Z.rows]
    ends = np.cumsum(counts, dtype=np.int64)
    bounds = np.searchsorted(ends, np.arange(_AT_ONCE, ends[-1] + _AT_ONCE, _AT_ONCE), side="right")
    for first, last in pairwise(np.unique([0, *bounds.tolist(), Z.nnz]).tolist()):
        count = counts[first:last]
        entry = np.repeat(np.arange(last - first), count)  # which entry of z each term belongs to
        begin = A.indptr[Z.rows[first:last]] - (np.cumsum(count) - count)
        terms = np.arange(len(entry)) + begin[entry]  # of A
        places = at_B.places(A.indices[terms], Z.indices[first:last][entry])
        products = A.data[terms] * take(B.data, Selection(places, B.nnz))
        z[first:last] = add_up(products, Selection(entry, last - first))
    return z


def _product_body(
    x: Array, y: Array, X: Pattern, Y: Pattern, Z: Pattern, x_adjoint: bool, y_adjoint: bool
) -> Any:
    z = product(x, y, X, Y, Z, x_adjoint, y_adjoint)
    in_x = linear(
        lambda v: product(v, y, X, Y, Z, x_adjoint, y_adjoint),
        (lambda w: product(y, w, Y, Z, X, y_adjoint, True))
        if x_adjoint
        else (lambda w: product(w, y, Z, Y, X, False, not y_adjoint)),
    )
    in_y = linear(
        lambda v: product(x, v, X, Y, Z, x_adjoint, y_adjoint),
        (lambda w: product(w, x, Z, X, Y, True, x_adjoint))
        if y_adjoint
        else (lambda w: product(x, w, X, Z, Y, not x_adjoint, False)),
    )
    return z, (in_x, in_y)


product = Rule(_sampled, _product_body, "frechet.sparse: the product of two sparse matrices")
