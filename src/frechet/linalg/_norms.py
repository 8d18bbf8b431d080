"""Norms of vectors and matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..linear_map import Array
from ..rule import primal
from ..rules.linalg_norms import p_norm
from ._arguments import as_inexact, as_matrix, require_finite
from ._capability import capability
from ._svd import svdvals

__all__ = ["norm", "schatten_norm"]


@capability("zero vectors, zero entries, ties of a maximum, zero singular values: a subgradient (see there)")
def norm(
    a: Array, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True
) -> Array:
    """Norms of vectors and matrices, as in SciPy, with derivatives.

    Parameters
    ----------
    a : array
        Real or complex; a vector or a matrix if `axis` is None, unless `ord` is None.
    ord : {float, inf, -inf, "fro", "nuc"}, optional
        For vectors (Σ abs(x)^p)^(1/p), with its limits for ±inf, and the number of entries ≠ 0 for 0; by
        default 2.  For matrices "fro" (the default), "nuc" (the sum of the singular values), 2 and -2
        (the largest and the smallest of them), 1 and -1 (sums of columns), inf and -inf (sums of rows).
    axis : int or (int, int), optional
        The axis of vectors, or the two of matrices; the others are a batch.
    keepdims : bool, optional
        Whether these stay as axes of length one.
    check_finite : bool, optional
        Whether nan and inf are refused.

    Returns
    -------
    float or array
        The norms.

    Raises
    ------
    ValueError
        For nan and inf, and an order that does not exist.

    Notes
    -----
    The gradient of the p-norm is (abs(x)/‖x‖)^(p−1) sign(x), of the nuclear norm U Vᴴ, of the spectral norm
    u₁ v₁ᴴ.  Where there is none, a subgradient of the convex ones is taken: 0 at a zero vector or matrix; 0
    for zero entries if p = 1; for the nuclear norm of a singular matrix, U Vᴴ of the positive singular
    values; at ties of a maximum (inf, and 1 and 2 of matrices) the mean of the gradients of those that are
    tied.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> float(fr.linalg.norm(np.array([3.0, 4.0])))
    5.0
    >>> fr.grad(fr.linalg.norm)(np.array([3.0, 4.0]))
    array([0.6, 0.8])
    >>> fr.grad(lambda A: fr.linalg.norm(A, "nuc"))(2 * np.eye(2))
    array([[1., 0.],
           [0., 1.]])
    """
    a = as_inexact(a, "norm: a")
    if check_finite:
        require_finite(a, "norm: a")
    axes = tuple(range(np.ndim(a))) if axis is None else axis
    if ord in (None, "fro", "f"):
        power = 2.0
    elif isinstance(ord, str) or (np.ndim(axes) and len(axes) > 1):
        power = 1.0  # of sums and of singular values
    else:
        power = float(ord)
    return _in_range(lambda x: np.linalg.norm(x, ord, axis, keepdims), a, axes, power)


def _in_range(f: Callable[[Array], Array], a: Array, axes: Any, power: float) -> Array:
    """A norm f(a), also where the powers of entries that it adds up overflow or underflow.

    There ‖a‖ = m ‖a/m‖ with the size m of the entry that counts most: the largest, or the smallest for a
    negative power.
    """
    with np.errstate(all="ignore"):
        y = f(a)
        if power in (0, 1, np.inf, -np.inf) or _safe(primal(y), power):
            return y
        size = np.abs(primal(a))
        most = (
            np.min(size, axis=axes, keepdims=True, initial=np.inf)
            if power < 0
            else np.max(size, axis=axes, keepdims=True, initial=0)
        )
        m = np.where(np.isfinite(most) & (most > 0), most, 1).astype(most.dtype)
        y = f(a / m)
        return y * np.reshape(m, np.shape(y))


def _safe(y: Array, power: float) -> bool:
    """Whether no powers have left the range of numbers on the way to norms."""
    limits = np.finfo(y.dtype)
    exponent = np.abs(np.frexp(y)[1]) * max(abs(power), 2.0)
    return bool((np.isfinite(y) & (y > 0) & (exponent < limits.maxexp - limits.nmant - 2)).all())


@capability("zero singular values and ties of the largest: a subgradient, as in norm")
def schatten_norm(A: Array, p: float = 2, *, check_finite: bool = True) -> Array:
    """The Schatten norm (Σ sᵢ^p)^(1/p) of the singular values of a matrix.

    Parameters
    ----------
    A : (..., m, n) array
        Real or complex; leading axes are a batch.
    p : float, optional
        At least 1, or inf.  1 is the nuclear norm, 2 the Frobenius norm, inf the spectral norm.
    check_finite : bool, optional
        Whether nan and inf are refused.

    Returns
    -------
    (...) array
        The norms.

    Raises
    ------
    ValueError
        For p < 1, nan and inf, and where A is no matrix.

    Notes
    -----
    The gradient is U diag((s/‖s‖)^(p−1)) Vᴴ.  It is exact at equal singular values, and so is the second
    derivative; and a subgradient where there is none: 0 at the zero matrix; without the zero singular values
    if p = 1; the mean over the largest singular values if p = inf.

    Examples
    --------
    >>> import numpy as np
    >>> float(schatten_norm(np.diag([3.0, 4.0]), 1))
    7.0
    >>> float(schatten_norm(np.diag([3.0, 4.0]), np.inf))
    4.0
    """
    A = as_matrix(A, "schatten_norm: A", check_finite=check_finite)
    p = float(p)
    if not p >= 1:
        raise ValueError(f"schatten_norm: p must be at least 1, got {p}")
    if p == 2:
        return _in_range(lambda x: p_norm(x, 2.0, (-2, -1), False), A, (-2, -1), 2.0)
    s = svdvals(A, check_finite=False)
    return _in_range(lambda x: p_norm(x, p, (-1,), False), s, (-1,), p)
