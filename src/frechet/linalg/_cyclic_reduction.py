"""Those entries of the inverse of a banded matrix that lie on its bands, by cyclic reduction.

The matrix is written as a block tridiagonal one.  With every second block eliminated (E), the Schur
complement S of the kept ones (K) is block tridiagonal with half as many blocks.  The inverse X has
X_KK = S⁻¹, of which the block tridiagonal part is computed in the same way, and then

    X_EK = −A_EE⁻¹ A_EK X_KK,    X_KE = −X_KK A_KE A_EE⁻¹,    X_EE = A_EE⁻¹ − X_EK A_KE A_EE⁻¹,

of which the block tridiagonal part takes no more of X_KK than that (Heller, SIAM J. Numer. Anal. 13:484,
1976, for the elimination).  The eliminated blocks are treated all at once, so that the work is done in log₂ n
steps on long arrays.

Nothing is interchanged between blocks, which is as good as pivoting for diagonally dominant and positive
definite matrices, but may fail for others.  Therefore the result is tested, and larger blocks, which have
pivoting inside, are tried where it fails; in the end columns of the inverse are computed from an LU with
pivoting.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .. import _stacks
from ..linear_map import Array
from ..rule import primal
from ._band_factor import Bands, band_lu
from ._factor import each_factor
from ._structured import solve

__all__ = ["inverse_on_bands"]

_LARGEST_BLOCK = 64  # larger ones are not tried: n blocks² are more work than what comes then
_LARGEST_CHUNK = 2**21  # entries of the columns of the inverse that are computed at once


def inverse_on_bands(ab: Array, below: int, above: int) -> Array:
    """Those entries of A⁻ᵀ that lie on the bands of A, in the storage of these, with zeros in the corners.

    Written with functions that have rules, so that a traced ab gives a P with a derivative.

    Parameters
    ----------
    ab : (..., below + above + 1, n) array
        The bands; the corners outside of the matrix must be zero.
    below, above : int
        The numbers of diagonals beside the main one.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is exactly singular.
    """
    if not ab.size:
        return ab
    plain = primal(ab)
    size, n = max(below, above, 1), ab.shape[-1]
    while size <= max(_LARGEST_BLOCK, below, above):
        P = _tested(plain, below, above, size)
        if P is not None:
            return P if ab is plain else _reduced(ab, below, above, size)
        if size >= n:
            break
        size *= 2
    return _by_columns(ab, below, above)


def _tested(ab: Array, below: int, above: int, size: int) -> Array | None:
    """The result for a plain matrix, or None where it is not exact to working precision."""
    with np.errstate(all="ignore"):  # a block that is singular shows in the result
        try:
            P = _reduced(ab, below, above, size)
        except np.linalg.LinAlgError:
            return None
        # The diagonals of A X and X A take no entries of X but those in P.  Where the elimination is stable
        # they are one up to some roundings of the terms that they are sums of; three digits are left for it.
        terms = ab * P
        allowed = 1e3 * np.finfo(P.dtype).eps * np.sum(np.abs(terms), -2).max(-1, initial=1.0)
        left = np.sum(terms, -2)
        right = np.zeros_like(left)
        for d, rows, columns in Bands(below, above)._diagonals(ab.shape[-1]):
            right[..., rows] += terms[..., d, columns]
        error = np.maximum(np.abs(left - 1).max(-1, initial=0.0), np.abs(right - 1).max(-1, initial=0.0))
    return P if np.all(error <= allowed) else None


def _by_columns(ab: Array, below: int, above: int) -> Array:
    """The same by columns of A⁻ᴴ, as many at a time as memory allows."""
    n = ab.shape[-1]
    factor = each_factor(primal(ab), 2, lambda one: band_lu(one, below, above))
    step = max(1, _LARGEST_CHUNK // n)
    chunks = []
    for start in range(0, n, step):
        j = np.arange(start, min(start + step, n))
        unit = np.zeros((*ab.shape[:-2], n, len(j)), ab.dtype)
        unit[..., j, j - start] = 1
        Y = solve(ab, unit, Bands(below, above), factor, True)
        i = j + np.arange(-above, below + 1)[:, None]
        inside = (i >= 0) & (i < n)
        chunks.append(Y[..., np.where(inside, i, 0), j - start] * inside)
    return np.conj(np.concatenate(chunks, -1))


# --- blocks ------------------------------------------------------------------------------------------------


def _reduced(ab: Array, below: int, above: int, size: int) -> Array:
    """The result with blocks of a size that is at least that of ``below`` and ``above``."""
    n = ab.shape[-1]
    lead = ab.shape[:-2]
    if size == 1:
        zeros = np.zeros((1, *lead, n), ab.dtype)
        rows = np.moveaxis(ab, -2, 0)
        rows = np.concatenate([zeros] * (1 - above) + [rows] + [zeros] * (1 - below), 0)
        U, D, L = np.moveaxis(rows, -1, 1)
        XD, XL, XU = _block_inverse(D, L[:-1], U[1:], np.multiply, _reciprocal, np.ones(lead, ab.dtype))
        zero = np.zeros((1, *lead), ab.dtype)
        all_rows = np.stack([np.concatenate([zero, XL]), XD, np.concatenate([XU, zero])])
        return np.moveaxis(np.moveaxis(all_rows, 1, -1)[1 - above : 2 + below], 0, -2)
    count = -(-n // size)
    eye = np.eye(size, dtype=ab.dtype)
    D, L, U = _blocks(ab, below, above, size, count)
    times, inverse = (_product, _inverse) if type(ab) is np.ndarray else (np.matmul, np.linalg.inv)
    XD, XL, XU = _block_inverse(D, L, U, times, inverse, np.broadcast_to(eye, (*lead, size, size)))
    return _bands_of(XD, XL, XU, below, above, n)


def _reciprocal(D: Array) -> Array:
    return 1 / D


def _product(A: Array, B: Array) -> Array:
    return _stacks.product(A, B)


def _inverse(A: Array) -> Array:
    return _stacks.inverse(A) if _stacks.fits(A) else np.linalg.inv(A)


def _blocks(ab: Array, below: int, above: int, size: int, count: int) -> tuple[Array, Array, Array]:
    """The diagonal, lower and upper blocks; block axis first.  The end is filled up with an identity."""
    n, lead = ab.shape[-1], ab.shape[:-2]
    rest = count * size - n
    if rest:
        end = np.zeros((*lead, below + above + 1, rest), ab.dtype)
        end[..., above, :] = 1
        ab = np.concatenate([ab, end], -1)
    # Column c of a block column has its entries c places further down than column 0 has: rows with one entry
    # too many, read as rows of the right length, are shifted by one place each.
    rows = np.reshape(np.swapaxes(ab, -1, -2), (*lead, count, size, below + above + 1))
    rows = _padded(rows, size - above, 2 * size - below)
    rows = np.reshape(rows, (*lead, count, -1))[..., : 3 * size**2]
    columns = np.moveaxis(np.reshape(rows, (*lead, count, size, 3 * size)), -3, 0)
    blocks = np.swapaxes(columns, -1, -2)
    U, D, L = (blocks[..., k * size : (k + 1) * size, :] for k in range(3))
    return D, L[:-1], U[1:]


def _bands_of(XD: Array, XL: Array, XU: Array, below: int, above: int, n: int) -> Array:
    """The bands of Xᵀ, for the blocks of X."""
    count, size, lead = XD.shape[0], XD.shape[-1], XD.shape[1:-2]
    zero = np.zeros((1, *lead, size, size), XD.dtype)
    rows = np.concatenate([np.concatenate([zero, XL]), XD, np.concatenate([XU, zero])], -1)
    rows = np.reshape(np.moveaxis(rows, 0, -3), (*lead, count, 3 * size**2))
    rows = np.reshape(_padded(rows, 0, size), (*lead, count, size, 3 * size + 1))
    rows = rows[..., size - above : size + below + 1]
    return np.swapaxes(np.reshape(rows, (*lead, count * size, below + above + 1))[..., :n, :], -1, -2)


def _padded(x: Array, before: int, after: int) -> Array:
    """x with zeros before and after, along the last axis."""
    lead = x.shape[:-1]
    return np.concatenate([np.zeros((*lead, before), x.dtype), x, np.zeros((*lead, after), x.dtype)], -1)


def _block_inverse(
    D: Array,
    L: Array,
    U: Array,
    times: Callable[[Array, Array], Array],
    inverse: Callable[[Array], Array],
    identity: Array,
) -> tuple[Array, Array, Array]:
    """The diagonal, lower and upper blocks of the inverse of a block tridiagonal matrix.

    D has N blocks along its first axis, L and U have N − 1: those below and to the right of the first blocks.
    """
    N = D.shape[0]
    if N == 1:
        return inverse(D), L, U
    zero = np.zeros((1, *identity.shape), D.dtype)
    if N % 2 == 0:  # one more block, which is not connected: then eliminated ones are first and last
        D, L, U = (np.concatenate(pair) for pair in ((D, identity[None]), (L, zero), (U, zero)))
    V = inverse(D[0::2])
    # With e the eliminated blocks, 0 … m: a and f couple e with the kept block after it, c and g with the one
    # before it; a and c are in the rows of kept blocks, f and g in those of e.
    a, f = np.concatenate([L[0::2], zero]), np.concatenate([U[0::2], zero])
    c, g = np.concatenate([zero, U[1::2]]), np.concatenate([zero, L[1::2]])
    aV, cV = times(a, V), times(c, V)
    S = D[1::2] - times(aV, f)[:-1] - times(cV, g)[1:]
    kept = _block_inverse(S, -times(aV, g)[1:-1], -times(cV, f)[1:-1], times, inverse, identity)
    after, before = np.concatenate([kept[0], zero]), np.concatenate([zero, kept[0]])
    down, up = (np.concatenate([zero, x, zero]) for x in kept[1:])
    Vf, Vg = times(V, f), times(V, g)
    e_after = -(times(Vf, after) + times(Vg, up))
    e_before = -(times(Vf, down) + times(Vg, before))
    after_e = -(times(after, aV) + times(down, cV))
    before_e = -(times(up, aV) + times(before, cV))
    XE = V - times(e_after, aV) - times(e_before, cV)
    XD = _interleaved(XE, after)[:N]
    XL = _interleaved(after_e[:-1], e_before[1:])[: N - 1]
    XU = _interleaved(e_after[:-1], before_e[1:])[: N - 1]
    return XD, XL, XU


def _interleaved(x: Array, y: Array) -> Array:
    """The blocks x[0], y[0], x[1], y[1] and so on."""
    return np.reshape(np.stack([x, y], 1), (2 * x.shape[0], *x.shape[1:]))
