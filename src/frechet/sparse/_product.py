"""Products of two sparse matrices, at the entries of a pattern.

For values x and y on their patterns, let z be the entries of X Y on a third pattern, where X may stand for Xᴴ,
and Y for Yᴴ.  z is linear in x and in y.  From ⟨W, dX Y⟩ = ⟨W Yᴴ, dX⟩ and ⟨W, X dY⟩ = ⟨Xᴴ W, dY⟩, with W that
has w on the third pattern, the adjoints are such products again, at the entries of X and of Y:

    in x:  W Yᴴ, or where X is adjoint, (W Yᴴ)ᴴ = Y Wᴴ
    in y:  Xᴴ W, or where Y is adjoint, (Xᴴ W)ᴴ = Wᴴ X

so that derivatives of all orders are such products, in the time of SciPy's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, linear
from ..rule import Rule
from ._layout import pattern_places
from ._pattern import Pattern

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
        A, B = (A.conj().T.tocsr() if x_adjoint else A), (B.conj().T.tocsr() if y_adjoint else B)
        C = A @ B
        C.sum_duplicates()  # which sorts
        if C.nnz == Z.nnz and np.array_equal(C.indices, Z.indices) and np.array_equal(C.indptr, Z.indptr):
            z[at] = C.data
            continue
        places = pattern_places(Pattern(C.indices, C.indptr, C.shape), Z.rows, Z.indices)
        there = places >= 0
        z[at][there] = C.data[places[there]]
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
