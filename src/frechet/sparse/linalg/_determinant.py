"""Determinants of sparse matrices, and entries of their inverses, with derivatives on the pattern."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...linalg._arguments import is_finite
from ...linalg._structured import solve, times
from ...linear_map import Array, LinearMap, linear
from ...rule import Rule, primal
from ...rules.linalg_solve import SlogdetResult
from .._pattern import Pattern
from ._arguments import sparse_matrix
from ._capability import capability
from ._cholmod import positive_factor
from ._superlu import SparseLU

__all__ = ["inv_diagonal", "logdet", "slogdet", "slogdet_result", "trace_inv"]

_AT_ONCE = 1 << 23  # entries of the columns of the inverse that are held at a time


@capability("A is singular: LinAlgError")
def slogdet(A: Any) -> Any:
    """The sign of the determinant of a sparse matrix and the logarithm of its absolute value.

    Parameters
    ----------
    A : (n, n) sparse array
        Plain, or with traced values; of any format, real or complex.

    Returns
    -------
    sign : number
        −1 or 1, or a complex number of absolute value one.
    logabsdet : number
        log abs(det A).

    Raises
    ------
    numpy.linalg.LinAlgError
        If A is singular.
    TypeError
        If A is no matrix of numbers.
    ValueError
        For a matrix that is not square, nan and inf.

    Notes
    -----
    See `logdet`.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> fr.sparse.linalg.slogdet(sp.diags_array([-2.0, 4.0]))
    SlogdetResult(sign=np.float64(-1.0), logabsdet=np.float64(2.0794415416798357))
    """
    p, pattern = sparse_matrix(A, "slogdet")
    return slogdet_result(p, pattern, _factor("slogdet", p, pattern, None))


@capability("A is singular: LinAlgError; with assume_a='pos', not positive definite: LinAlgError")
def logdet(A: Any, *, assume_a: str | None = None) -> Array:
    """The logarithm of the absolute value of the determinant of a sparse matrix.

    Parameters
    ----------
    A : (n, n) sparse array
        Plain, or with traced values; of any format, real or complex.
    assume_a : {None, "gen", "pos"}, optional
        "pos" for a Hermitian positive definite matrix, which is checked: an error for others.

    Returns
    -------
    number
        log abs(det A).

    Raises
    ------
    numpy.linalg.LinAlgError
        If A is singular, or not positive definite where that is assumed.
    TypeError
        If A is no matrix of numbers.
    ValueError
        For a matrix that is not square, nan and inf.

    Notes
    -----
    The gradient is A⁻ᴴ on the pattern of A, by the equations of Takahashi, Fagan and Chin (1973) from the
    factors of the value: what of the inverse is not needed is not computed (Erisman & Tinney, Comm. ACM
    18:177, 1975), and the work is like that of the factorization.  A second derivative in the direction V is
    −A⁻ᴴ Vᴴ A⁻ᴴ on the pattern; it is exact and takes two solutions for each column of A.

    Examples
    --------
    The gradient for a precision matrix is the covariance, where the precision has entries:

    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> Q = sp.csr_array([[2.0, -1.0], [-1.0, 2.0]])
    >>> fr.sparse.linalg.logdet(Q, assume_a="pos")
    np.float64(1.098612288668...)
    >>> fr.sparse.linalg.inv_diagonal(Q)
    array([0.66666667, 0.66666667])
    """
    p, pattern = sparse_matrix(A, "logdet")
    return slogdet_result(p, pattern, _factor("logdet", p, pattern, assume_a))[1]


@capability("A is singular: LinAlgError")
def inv_diagonal(A: Any, *, assume_a: str | None = None) -> Array:
    """The diagonal of the inverse of a sparse matrix: for a precision matrix, the variances.

    Parameters
    ----------
    A : (n, n) sparse array
        Plain, or with traced values; of any format, real or complex.
    assume_a : {None, "gen", "pos"}, optional
        As in `logdet`.

    Returns
    -------
    (n,) array
        The diagonal of A⁻¹.

    Raises
    ------
    numpy.linalg.LinAlgError, TypeError, ValueError
        As `logdet`.

    Notes
    -----
    By the selected inverse, as the gradient of `logdet`.  The derivative in the direction V is that of
    −A⁻¹ V A⁻¹ in its diagonal entries, exact, with two solutions for each column of A.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> fr.sparse.linalg.inv_diagonal(sp.csr_array([[2.0, 0.0], [1.0, 4.0]]))
    array([0.5 , 0.25])
    """
    p, pattern = sparse_matrix(A, "inv_diagonal")
    factor = _factor("inv_diagonal", p, pattern, assume_a)
    return _inverse_diagonal(p, pattern, factor)


@capability("A is singular: LinAlgError")
def trace_inv(A: Any, *, assume_a: str | None = None) -> Array:
    """The trace of the inverse of a sparse matrix.

    Parameters
    ----------
    A : (n, n) sparse array
        Plain, or with traced values; of any format, real or complex.
    assume_a : {None, "gen", "pos"}, optional
        As in `logdet`.

    Returns
    -------
    number
        tr A⁻¹.

    Raises
    ------
    numpy.linalg.LinAlgError, TypeError, ValueError
        As `logdet`.

    Notes
    -----
    The sum of `inv_diagonal`, with its cost.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> fr.sparse.linalg.trace_inv(sp.csr_array([[2.0, 0.0], [1.0, 4.0]]))
    np.float64(0.75)
    """
    p, pattern = sparse_matrix(A, "trace_inv")
    factor = _factor("trace_inv", p, pattern, assume_a)
    return np.sum(_inverse_diagonal(p, pattern, factor))


def _factor(call: str, p: Array, pattern: Pattern, assume_a: str | None) -> Any:
    """The factorization of the plain value; None for a matrix without rows."""
    if assume_a not in (None, "gen", "pos"):
        raise ValueError(f"{call}: assume_a is None, 'gen' or 'pos', got {assume_a!r}")
    if not pattern.shape[0]:
        return None
    plain = np.asarray(primal(p))
    if assume_a != "pos":
        return SparseLU(plain, pattern, call)
    factor = positive_factor(plain, pattern, call)
    factor.require_positive(call)
    return factor


def _inverse_diagonal(p: Array, pattern: Pattern, factor: Any) -> Array:
    n = pattern.shape[0]
    if not n:
        return p  # which is as empty
    diagonal = Pattern(np.arange(n, dtype=np.int32), np.arange(n + 1, dtype=np.int32), (n, n))
    return np.conj(_inverse_at(p, pattern, factor, diagonal))


# --- determinants ------------------------------------------------------------------------------------------


def slogdet_result(p: Array, pattern: Pattern, factor: Any) -> Any:
    """The sign and the logarithm of the absolute value of the determinant, as a named tuple."""
    if factor is None:
        zero = p.dtype.type(0)
        return SlogdetResult(zero + 1, zero.real)
    return SlogdetResult(*_slogdet(p, pattern, factor))


def _slogdet_body(p: Array, pattern: Pattern, factor: Any) -> Any:
    sign, log = _slogdet(p, pattern, factor)
    return (sign, log), _LogDeterminant(p, sign, pattern, factor)


_slogdet = Rule(
    lambda p, pattern, factor: factor.slogdet, _slogdet_body, "frechet.sparse.linalg: log-determinant"
)


class _LogDeterminant(LinearMap):
    """v ↦ the tangents of the sign and of log|det A|; as for full matrices, see `rules.linalg_solve`.

    With H = A⁻ᴴ on the pattern, t = tr(A⁻¹ A(v)) = Σ conj(H) v.
    """

    __slots__ = ("_H", "factor", "p", "pattern", "sign")

    def __init__(self, p: Array, sign: Array, pattern: Pattern, factor: Any) -> None:
        self.p, self.sign, self.pattern, self.factor = p, sign, pattern, factor
        self._H: Array = None

    @property
    def H(self) -> Array:
        """A⁻ᴴ on the pattern, made when first needed."""
        if self._H is None:
            self._H = _inverse_at(self.p, self.pattern, self.factor, self.pattern)
        return self._H

    def push(self, v: Array) -> Any:
        t = np.sum(np.conj(self.H) * v, axis=-1)
        if not np.iscomplexobj(self.sign):
            return np.zeros(np.shape(t), self.sign.dtype), t
        return self.sign * (1j * np.imag(t)), np.real(t)

    def pull(self, w: Any) -> Array:
        t, log = w
        t = log + 1j * np.imag(np.conj(self.sign) * t) if np.iscomplexobj(self.sign) else log
        return (np.reshape(t, (*np.shape(t), 1)) if np.ndim(t) else t) * self.H


# --- the selected inverse ----------------------------------------------------------------------------------
#
# H = A⁻ᴴ in the places of a pattern S.  dH = −A⁻ᴴ A(v)ᴴ A⁻ᴴ on S, for v on the pattern P of A; and for w on S
#
#     ⟨w, dH⟩ = ⟨S(w), −A⁻ᴴ A(v)ᴴ A⁻ᴴ⟩ = ⟨−A⁻ᴴ S(w)ᴴ A⁻ᴴ, A(v)⟩,
#
# so the adjoint is the same map with S and P exchanged.


def _inverse_at_value(p: Array, pattern: Pattern, factor: Any, places: Pattern) -> Array:
    H = factor.inverse_at(places.indices, places.rows)
    if not is_finite(H):
        raise np.linalg.LinAlgError("the inverse of A overflows: A is singular to working precision")
    return H.conj()


def _inverse_at_body(p: Array, pattern: Pattern, factor: Any, places: Pattern) -> Any:
    return _inverse_at(p, pattern, factor, places), linear(
        lambda v: -_between(p, pattern, factor, v, pattern, places),
        lambda w: -_between(p, pattern, factor, w, places, pattern),
    )


_inverse_at = Rule(_inverse_at_value, _inverse_at_body, "frechet.sparse.linalg: entries of the inverse")


def _between(p: Array, pattern: Pattern, factor: Any, v: Array, of: Pattern, places: Pattern) -> Array:
    """A⁻ᴴ V(v)ᴴ A⁻ᴴ in some places, V having the pattern ``of``: by columns of the identity, some at once."""
    n = pattern.shape[0]
    step = max(1, _AT_ONCE // n)
    by_columns, order = places.transposed
    parts = []
    for start in range(0, n, step):
        stop = min(start + step, n)
        E = np.zeros((n, stop - start), primal(p).dtype)
        E[np.arange(start, stop), np.arange(stop - start)] = 1
        Y = times(v, solve(p, E, pattern, factor, True), of, True)
        Z = solve(p, Y, pattern, factor, True)
        those = slice(by_columns.indptr[start], by_columns.indptr[stop])
        parts.append(Z[..., by_columns.indices[those], by_columns.rows[those] - start])
    return np.concatenate(parts, axis=-1)[..., np.argsort(order)]
