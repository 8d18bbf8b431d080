"""Polynomials by their coefficients, highest power first (NumPy's np.poly* functions)."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.polynomial import polynomial

from ..errors import NotDifferentiableError
from ..linear_map import Array, LinearMap, compose, zero
from ..maps import Diagonal, zeros_like
from ..rule import Rule, composed, primal, rule_for
from .products import as_array


def _coefficients(p: Array, name: str) -> Array:
    """p as an array of one axis; poly1d objects are refused, for they cannot hold traced values."""
    if isinstance(primal(p), np.poly1d):
        raise NotDifferentiableError(
            f"{name} was given a poly1d beside a traced value; give its coefficients, p.coeffs"
        )
    return np.atleast_1d(p)


# --- values -------------------------------------------------------------------------------------------------


class Evaluation(LinearMap):
    """p ↦ p(x), for n coefficients, by Horner's scheme; the adjoint sums conj(x)^k w."""

    __slots__ = ("_n", "_x")

    def __init__(self, x: Array, n: int) -> None:
        self._x, self._n = x, n

    def push(self, v: Array) -> Array:
        shape = (*np.shape(v)[:-1], *[1] * np.ndim(self._x))
        y = np.reshape(v[..., 0], shape) + 0 * self._x
        for k in range(1, self._n):
            y = y * self._x + np.reshape(v[..., k], shape)
        return y

    def pull(self, w: Array) -> Array:
        axes = tuple(range(-np.ndim(self._x), 0))
        z = np.conjugate(self._x)
        parts = [np.sum(w, axis=axes)]
        for _ in range(1, self._n):
            w = w * z
            parts.append(np.sum(w, axis=axes))
        return np.stack(parts[::-1], axis=-1)


def _polyval(p: Array, x: Array) -> Any:
    y = polyval_at(p, x)
    n, shape = np.size(p), np.shape(x)
    in_x: LinearMap = zero
    if n > 1:
        in_x = Diagonal(lambda p, x: np.polyval(np.polyder(p), x), (p, x), shape, np.shape(y))
    return y, (Evaluation(x, n) if n else zero, in_x)


polyval_at = Rule(np.polyval, _polyval, "np.polyval")


@composed(np.polyval)
def polyval(p: Array, x: Array) -> Array:
    if isinstance(primal(x), np.poly1d):
        raise NotDifferentiableError(
            "np.polyval of a poly1d composes two polynomials; give an array of points"
        )
    p = _coefficients(p, "np.polyval")
    if np.ndim(p) == 1:
        return polyval_at(p, x)
    y: Any = np.zeros_like(x)
    for coefficient in p:
        y = y * x + coefficient
    return y


def _ascending(x: Array, c: Array, tensor: bool) -> Array:
    """Σ c_k x^k over the first axis of c: at every x (tensor), or with the last axes of c as those of x."""
    if tensor:
        c = np.reshape(c, np.shape(c) + (1,) * np.ndim(x))
    y = c[-1] + 0 * x
    for k in range(2, len(c) + 1):
        y = c[-k] + y * x
    return y


@composed(polynomial.polyval2d)
def polyval2d(x: Array, y: Array, c: Array) -> Array:
    """Σ c_ij x^i y^j at the points (x, y)."""
    x, y, c = as_array(x), as_array(y), as_array(c)
    if np.shape(x) != np.shape(y):
        raise ValueError("np.polynomial.polynomial.polyval2d: x and y must have the same shape")
    return _ascending(y, _ascending(x, c, True), False)


@composed(polynomial.polygrid2d)
def polygrid2d(x: Array, y: Array, c: Array) -> Array:
    """Σ c_ij x^i y^j on the grid of all x and y."""
    x, y, c = as_array(x), as_array(y), as_array(c)
    return _ascending(y, _ascending(x, c, True), True)


# --- arithmetic ---------------------------------------------------------------------------------------------


def _of_length(p: Array, n: int) -> Array:
    """p with leading zeros to n coefficients."""
    return p if len(p) >= n else np.concatenate([np.zeros(n - len(p), p.dtype), p])


@composed(np.polyadd)
def polyadd(a1: Array, a2: Array) -> Array:
    a1, a2 = _coefficients(a1, "np.polyadd"), _coefficients(a2, "np.polyadd")
    return _of_length(a1, len(a2)) + _of_length(a2, len(a1))


@composed(np.polysub)
def polysub(a1: Array, a2: Array) -> Array:
    a1, a2 = _coefficients(a1, "np.polysub"), _coefficients(a2, "np.polysub")
    return _of_length(a1, len(a2)) - _of_length(a2, len(a1))


@composed(np.polymul)
def polymul(a1: Array, a2: Array) -> Array:
    a1, a2 = _coefficients(a1, "np.polymul"), _coefficients(a2, "np.polymul")
    a1, a2 = (p if np.size(p) else np.zeros(1, p.dtype) for p in (a1, a2))  # the zero polynomial
    # NumPy leaves out leading zeros first.  The lower coefficients vary with those zeros nevertheless.
    n = max(len(np.trim_zeros(primal(a1), "f")), 1) + max(len(np.trim_zeros(primal(a2), "f")), 1) - 1
    y = np.convolve(a1, a2)
    return y[len(y) - n :]


@composed(np.polydiv)
def polydiv(u: Array, v: Array) -> Any:
    """Quotient and remainder, by long division."""
    u, v = _coefficients(u, "np.polydiv") + 0.0, _coefficients(v, "np.polydiv") + 0.0
    like = u[0] + v[0]
    m, n = len(u) - 1, len(v) - 1
    q, r = zeros_like(like, (max(m - n + 1, 1),)), zeros_like(like, (m + 1,))
    r[...] = u
    for k in range(m - n + 1):
        d = (1 / v[0]) * r[k]
        q[k] = d
        r[k : k + n + 1] = r[k : k + n + 1] - d * v
    # As NumPy does: leading coefficients of the remainder that are 0 but for rounding are left out.
    first = 0
    while first < m and np.allclose(primal(r)[first], 0, rtol=1e-14):
        first += 1
    return q, r[first:]


# --- calculus -----------------------------------------------------------------------------------------------


@composed(np.polyder)
def polyder(p: Array, m: int = 1) -> Array:
    if m < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    p = _coefficients(p, "np.polyder")
    for _ in range(int(m)):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


@composed(np.polyint)
def polyint(p: Array, m: int = 1, k: Any = None) -> Array:
    m = int(m)
    if m < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    p = _coefficients(p, "np.polyint")
    constants: Any = np.zeros(m) if k is None else np.atleast_1d(k)
    if np.size(constants) == 1 and m > 1:
        constants = np.broadcast_to(constants, (m,))
    if len(constants) < m:
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or >m.")
    for j in range(m):
        p = np.concatenate([p / np.arange(len(p), 0, -1), constants[j : j + 1]])
    return p


# --- fitting ------------------------------------------------------------------------------------------------


@composed(np.polyfit)
def polyfit(
    x: Array, y: Array, deg: int, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False
) -> Any:
    """Least squares of Vandermonde matrix · c = y, with the columns scaled to length one."""
    n, x, y, w = int(deg) + 1, as_array(x), as_array(y), as_array(w)
    if deg < 0:
        raise ValueError("np.polyfit: expected deg >= 0")
    if np.ndim(x) != 1 or not np.size(x):
        raise TypeError("np.polyfit: expected a non-empty 1D vector for x")
    if np.ndim(y) not in (1, 2) or len(y) != len(x):
        raise TypeError("np.polyfit: expected a 1D or 2D array for y, of the same length as x")
    if w is not None and np.shape(w) != np.shape(x):
        raise TypeError("np.polyfit: expected a 1-d array for weights, of the same length as y")
    matrix, rhs = np.vander(x + 0.0, n), y + 0.0
    if rcond is None:
        rcond = len(x) * np.finfo(matrix.dtype).eps
    if w is not None:
        matrix = matrix * np.reshape(w, (-1, 1))
        rhs = rhs * (np.reshape(w, (-1, 1)) if np.ndim(y) == 2 else w)
    scale = np.sqrt(np.sum(matrix * matrix, axis=0))
    matrix = matrix / scale
    c, residuals, rank, singular = np.linalg.lstsq(matrix, rhs, rcond)
    c = c / (scale if np.ndim(y) == 1 else np.reshape(scale, (-1, 1)))
    if full:
        return c, residuals, rank, singular, rcond
    if rank != n:
        warnings.warn("Polyfit may be poorly conditioned", np.exceptions.RankWarning, stacklevel=2)
    if not cov:
        return c
    covariance = np.linalg.inv(np.matmul(np.transpose(matrix), matrix)) / (np.reshape(scale, (-1, 1)) * scale)
    if cov != "unscaled":
        if len(x) <= n:
            raise ValueError("the number of data points must exceed order to scale the covariance matrix")
        factor = residuals / (len(x) - n)
        return c, covariance * factor if np.ndim(y) == 1 else np.reshape(covariance, (n, n, 1)) * factor
    return c, covariance if np.ndim(y) == 1 else np.reshape(covariance, (n, n, 1))


# --- roots --------------------------------------------------------------------------------------------------


@composed(np.poly)
def poly(seq_of_zeros: Array) -> Any:
    """The monic polynomial with given zeros, or with the eigenvalues of a matrix as zeros."""
    zeros = np.atleast_1d(seq_of_zeros)
    shape = np.shape(zeros)
    if len(shape) == 2 and shape[0] == shape[1] and shape[0]:
        zeros = np.linalg.eigvals(zeros)
    elif len(shape) != 1:
        raise ValueError("input must be 1d or non-empty square 2d array.")
    if not shape[0]:
        return 1.0
    nothing = np.zeros(1, zeros.dtype)
    a: Any = np.ones(1, zeros.dtype)
    for z in zeros:
        a = np.concatenate([a, nothing]) - z * np.concatenate([nothing, a])
    if np.iscomplexobj(a):
        plain = primal(zeros)
        if np.all(np.sort(plain) == np.sort(plain.conj())):
            return np.real(a)
    return a


def _require_simple(p: Array, r: Array, slopes: Array) -> None:
    """Refuse roots that cannot be told from another one.

    To first order, rounding of the coefficients moves the root r by eps Σ|p_k r^k| / |p'(r)|, which for a
    multiple root is as much as the distance to its neighbours.
    """
    size = np.maximum(np.polyval(np.abs(p), np.abs(r)), np.abs(slopes) * np.abs(r))
    eps = np.finfo(np.result_type(slopes)).eps
    gaps = np.abs(r[:, None] - r[None, :])
    np.fill_diagonal(gaps, np.inf)
    gap = np.min(gaps, axis=1, initial=np.inf)
    if np.any(100 * len(p) * eps * size >= gap * np.abs(slopes)):
        raise np.linalg.LinAlgError(
            "np.roots: the polynomial has a multiple root (at working precision), which has no derivative. "
            "Differentiate symmetric functions of the roots, which are functions of the coefficients, instead"
        )


@rule_for(np.roots)
def roots(p: Array) -> Any:
    # p(r) = 0: dr = −dp(r) / p'(r), for simple roots r
    r = np.roots(p)
    p = np.atleast_1d(p)
    if not np.size(r):
        return r, zero

    def factor(p: Array, r: Array) -> Array:
        slopes = np.polyval(np.polyder(p), r)
        _require_simple(primal(p), primal(r), primal(slopes))
        return -1 / slopes

    n = np.shape(r)
    return r, compose(Diagonal(factor, (p, r), n, n), Evaluation(r, np.size(p)))
