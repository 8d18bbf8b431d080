"""Tridiagonal systems, differentiated in the three diagonals."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, compose, linear
from ..maps import spread
from ..rule import Rule, primal
from ._arguments import as_inexact, linear_system, same_dtype
from ._band_factor import TridiagonalLU, band_lu
from ._factor import each_factor
from ._structured import Factor

__all__ = ["solve_tridiagonal"]


def solve_tridiagonal(lower: Array, d: Array, upper: Array, B: Array) -> Array:
    """The solution X of A X = B for diagonals of n − 1, n and n − 1 entries, and B of shape (..., n, k).

    It does what `solve_banded` does, without putting the diagonals into one array and taking gradients apart.
    """
    lower, d, upper = same_dtype(
        as_inexact(lower, "solve"), as_inexact(d, "solve"), as_inexact(upper, "solve")
    )
    d, B, _ = linear_system("solve", d, B, d.shape[-1], core=1, check_finite=False)
    if not B.size:
        return B
    lower, _, upper = same_dtype(lower, d, upper)
    return _solve(lower, d, upper, B, _factor(*map(primal, (lower, d, upper))), False)


def _factor(lower: Array, d: Array, upper: Array) -> Any:
    if d.ndim == 1 and len(d) > 2:
        return TridiagonalLU(lower, d, upper)
    ab = np.zeros((*d.shape[:-1], 3, d.shape[-1]), d.dtype)
    ab[..., 0, 1:], ab[..., 1, :], ab[..., 2, :-1] = upper, d, lower
    return each_factor(ab, 2, lambda one: band_lu(one, 1, 1))


def _body(lower: Array, d: Array, upper: Array, B: Array, factor: Factor, adjoint: bool) -> Any:
    # dX = A⁻¹ (dB − dA X), or A⁻ᴴ (dB − dAᴴ X), and the gradients are entries of −W Xᴴ, or −X Wᴴ, with the
    # solution W of the adjoint system.
    X = _solve(lower, d, upper, B, factor, adjoint)
    lead = X.shape[:-2]
    S = linear(
        lambda v: _solve(lower, d, upper, v, factor, adjoint),
        lambda w: _solve(lower, d, upper, w, factor, not adjoint),
    )
    maps = (_minus_diagonal_times(X, offset, adjoint) for offset in (-1, 0, 1))
    in_diagonals = (
        compose(S, spread(m, x.shape, lead, 1)) for m, x in zip(maps, (lower, d, upper), strict=True)
    )
    return X, (*in_diagonals, S)


def _minus_diagonal_times(X: Array, offset: int, adjoint: bool) -> LinearMap:
    """v ↦ −V X, or −Vᴴ X, where V has the diagonal v, with V[i, i + offset] beside the main one."""
    n = X.shape[-2]
    rows, columns = slice(max(-offset, 0), n - max(offset, 0)), slice(max(offset, 0), n - max(-offset, 0))
    to, of = (columns, rows) if adjoint else (rows, columns)
    x = X[..., of, :]

    def push(v: Array) -> Array:
        y = (np.conj(v) if adjoint else v)[..., None] * -x
        if not offset:
            return y
        end = np.zeros((*y.shape[:-2], 1, y.shape[-1]), y.dtype)
        return np.concatenate([end, y] if to.start else [y, end], -2)

    def pull(w: Array) -> Array:
        w = w[..., to, :]
        a, b = (x, w) if adjoint else (w, x)
        return -np.einsum("...ik,...ik->...i", a, np.conj(b) if b.dtype.kind == "c" else b)

    return linear(push, pull)


# A⁻¹ B or A⁻ᴴ B, for B with all leading axes of the diagonals and a factorization of the plain A.
_solve = Rule(
    lambda lower, d, upper, B, factor, adjoint: factor.solve(B, adjoint),
    _body,
    "frechet.linalg: the solution of a tridiagonal system",
)
