"""QR and RQ factorizations."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array, adjoint_matrix, compose, linear
from ..rule import Rule, carriers
from ..rules.linalg_factorizations import QRMap, qr_rule
from ..rules.linalg_gaps import DEFAULT, Tolerances
from ._arguments import as_inexact, as_matrix, same_dtype
from ._capability import capability

__all__ = ["qr", "qr_multiply", "rq"]


@capability(
    "the first min(m, n) columns (with pivoting: the chosen ones) are dependent, or with mode='full' the "
    "cotangent depends on the basis of the complement of the range: NotDifferentiableError"
)
def qr(
    a: Array,
    overwrite_a: bool = False,
    lwork: int | None = None,
    mode: str = "full",
    pivoting: bool = False,
    check_finite: bool = True,
    *,
    rank_tol: float | None = None,
    gauge_tol: float | None = None,
) -> tuple[Any, ...]:
    """The QR factorization A = Q R, or A[:, P] = Q R, as scipy.linalg.qr.

    Parameters
    ----------
    a : (..., m, n) array_like
        Real or complex, plain or traced.
    overwrite_a, lwork : optional
        For SciPy's signature; nothing is overwritten.
    mode : {"full", "r", "economic", "raw"}, optional
        Q and R with Q square; R alone; Q and R with k = min(m, n) columns and rows; LAPACK's internal form
        (plain arrays only).
    pivoting : bool, optional
        Whether columns are exchanged so that the diagonal of R decreases; the permutation is returned too.
    check_finite : bool, optional
        Whether nan and inf are refused.
    rank_tol : float, optional
        A column counts as dependent on those before it where the diagonal entry of R is at most this times
        the length of the column; by default max(m, n)·eps.  Used where a derivative is asked for.
    gauge_tol : float, optional
        With mode="full" and m > n, how much of a cotangent, relative to its largest entry, may depend on the
        basis of the complement of the range; by default √eps.

    Returns
    -------
    Q : (..., m, m) or (..., m, k) array
        Not for mode="r"; for mode="raw" the pair (qr, tau).
    R : (..., m, n) or (..., k, n) array
        Upper triangular, with a real diagonal.
    P : (..., n) array of int
        Only with pivoting.

    Raises
    ------
    NotDifferentiableError
        Where a derivative is asked for that does not exist: see the tolerances.
    ValueError
        For an unknown mode, fewer than two axes, nan and inf.

    Notes
    -----
    With C = Qᴴ dA R⁻¹ and Ω the skew-Hermitian matrix with C's entries below the diagonal: dQ = Q Ω +
    (I − QQᴴ) dA R⁻¹, dR = Qᴴ dA − Ω R (Walter, Lehmann and Lamour, 2012).  Signs and, with pivoting, the
    permutation are kept; LAPACK keeps them for small changes too, but for columns that have nothing to
    eliminate (those of a triangular matrix).  The pullback costs about as much as the value.  Q R is within
    c(m, n)·eps of A column by column (Higham, Accuracy and Stability of Numerical Algorithms, theorem 19.4).

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A = np.array([[3.0, 1.0], [4.0, 1.0]])
    >>> Q, R = fr.linalg.qr(A)
    >>> np.allclose(R, [[-5.0, -1.4], [0.0, -0.2]])
    True
    >>> fr.grad(lambda A: fr.linalg.qr(A, mode="r")[0][0, 0])(A)
    array([[-0.6,  0. ],
           [-0.8,  0. ]])
    """
    if mode not in ("full", "qr", "r", "economic", "raw"):
        raise ValueError(f"qr: mode is 'full', 'r', 'economic' or 'raw', got {mode!r}")
    a = as_matrix(a, "qr: a", check_finite=check_finite)
    if mode == "raw":
        raw: tuple[Any, ...] = _raw(a, pivoting)
        return raw
    tolerances = DEFAULT if gauge_tol is rank_tol is None else Tolerances(gauge=gauge_tol, rank=rank_tol)
    numpy_mode = "reduced" if mode == "economic" else "complete"
    if pivoting:
        Q, R, P = _pivoted(a, numpy_mode, tolerances)
        return (R, P) if mode == "r" else (Q, R, P)
    # The rule is called without tolerances where it can be: the engine looks through every argument.
    others = () if tolerances is DEFAULT else (tolerances,)
    if mode != "r":
        Q, R = qr_rule(a, numpy_mode, *others)
        return Q, R
    R = qr_rule(a, "r", *others)
    missing = np.shape(a)[-2] - np.shape(R)[-2]
    if missing:
        R = np.concatenate([R, np.zeros((*np.shape(R)[:-2], missing, np.shape(R)[-1]), R.dtype)], axis=-2)
    return (R,)


def _raw(a: Array, pivoting: bool) -> Any:
    if type(a) in carriers:
        raise NotDifferentiableError(
            "fr.linalg.qr(mode='raw') has no derivative here: it returns LAPACK's internal form. "
            "Use mode='full', 'economic' or 'r'"
        )
    import scipy.linalg

    return scipy.linalg.qr(a, mode="raw", pivoting=pivoting)


# --- with pivoting: A[:, P] = Q R, with P the one of the underlying value ----------------------------------


def _pivoted_value(a: Array, mode: str, tolerances: Tolerances) -> Any:
    import scipy.linalg

    scipys = "economic" if mode == "reduced" else "full"
    if a.ndim == 2:
        return scipy.linalg.qr(a, mode=scipys, pivoting=True)
    stack, (m, n) = a.shape[:-2], a.shape[-2:]
    p = m if mode == "complete" else min(m, n)
    Q, R = np.empty((*stack, m, p), a.dtype), np.empty((*stack, p, n), a.dtype)
    P = np.empty((*stack, n), np.int32)
    for at in np.ndindex(stack):
        Q[at], R[at], P[at] = scipy.linalg.qr(a[at], mode=scipys, pivoting=True)
    return Q, R, P


def _pivoted_body(a: Array, mode: str, tolerances: Tolerances) -> Any:
    Q, R, P = _pivoted(a, mode, tolerances)
    back = np.argsort(P, axis=-1)
    columns = linear(lambda v: _columns(v, P), lambda w: _columns(w, back))
    factors = QRMap(Q, R, tolerances)
    return (Q, R, P), compose(
        linear(lambda v: (*v, None), lambda w: w[:2]),
        factors,
        columns,
    )


_pivoted = Rule(_pivoted_value, _pivoted_body, "frechet.linalg.qr")


def _columns(v: Array, P: Array) -> Array:
    if P.ndim == 1:
        return v[..., P]
    return np.take_along_axis(v, np.broadcast_to(P[..., None, :], np.shape(v)), axis=-1)


# --- products with Q ---------------------------------------------------------------------------------------


@capability(
    "the first min(m, n) columns (with pivoting: the chosen ones) are dependent: NotDifferentiableError"
)
def qr_multiply(
    a: Array,
    c: Array,
    mode: str = "right",
    pivoting: bool = False,
    conjugate: bool = False,
    overwrite_a: bool = False,
    overwrite_c: bool = False,
) -> tuple[Any, ...]:
    """A product with the factor Q of A = Q R, as scipy.linalg.qr_multiply.

    Parameters
    ----------
    a : (..., m, n) array_like
        The matrix that is factorized; k = min(m, n).
    c : (..., p, m) or (..., k, p) array_like, or a vector (m,) or (k,)
        What Q, of shape (m, k), is multiplied with.
    mode : {"right", "left"}, optional
        c Q, or Q c.
    pivoting : bool, optional
        As in `qr`.
    conjugate : bool, optional
        Whether conj(Q) is multiplied.
    overwrite_a, overwrite_c : bool, optional
        Nothing is overwritten; overwrite_c with mode="left" asks, as in SciPy, for a c with m rows, which the
        square Q multiplies.

    Returns
    -------
    CQ : array
        The product.
    R : (..., k, n) array
        The triangular factor.
    P : (..., n) array of int
        Only with pivoting.

    Raises
    ------
    NotDifferentiableError
        As in `qr`.
    ValueError
        For an unknown mode, shapes that do not fit, nan and inf.

    Notes
    -----
    The product of `qr`'s Q, at the cost of forming it.

    Examples
    --------
    >>> import numpy as np
    >>> A = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    >>> np.abs(qr_multiply(A, np.array([[1.0, 2.0, 3.0]]))[0])
    array([[2., 1.]])
    """
    if mode not in ("left", "right"):
        raise ValueError(f"qr_multiply: mode is 'left' or 'right', got {mode!r}")
    a = as_matrix(a, "qr_multiply: a")
    c = as_inexact(c, "qr_multiply: c")
    a, c = same_dtype(a, c)
    vector = np.ndim(c) == 1
    if vector:
        c = c[:, None] if mode == "left" else c[None, :]
    c = as_matrix(c, "qr_multiply: c")
    square = mode == "left" and overwrite_c
    m, n = np.shape(a)[-2:]
    due, got = (m if square else min(m, n), np.shape(c)[-2]) if mode == "left" else (m, np.shape(c)[-1])
    if got != due:
        which = "columns" if mode == "left" else "rows"
        raise ValueError(
            f"qr_multiply: Q of a matrix of shape {np.shape(a)} has {due} {which}; c has shape {np.shape(c)}"
        )
    Q, *others = qr(a, mode="full" if square else "economic", pivoting=pivoting)
    if square:
        others[0] = others[0][..., : min(m, n), :]
    if conjugate:
        Q = np.conj(Q)
    product = np.matmul(Q, c) if mode == "left" else np.matmul(c, Q)
    if vector:
        product = product[..., 0] if mode == "left" else product[..., 0, :]
    return (product, *others)


# --- RQ ----------------------------------------------------------------------------------------------------


@capability(
    "the last min(m, n) rows are dependent, or with mode='full' the cotangent depends on the basis of the "
    "null space: NotDifferentiableError"
)
def rq(
    a: Array,
    overwrite_a: bool = False,
    lwork: int | None = None,
    mode: str = "full",
    check_finite: bool = True,
    *,
    rank_tol: float | None = None,
    gauge_tol: float | None = None,
) -> Any:
    """The RQ factorization A = R Q, as scipy.linalg.rq.

    Parameters
    ----------
    a : (..., m, n) array_like
        Real or complex, plain or traced.
    overwrite_a, lwork : optional
        For SciPy's signature; nothing is overwritten.
    mode : {"full", "r", "economic"}, optional
        R and Q with Q square; R alone; R and Q with k = min(m, n) columns and rows.
    check_finite : bool, optional
        Whether nan and inf are refused.
    rank_tol, gauge_tol : float, optional
        As in `qr`, with rows for columns.

    Returns
    -------
    R : (..., m, n) or (..., m, k) array
        Upper triangular, with respect to its lower right corner.
    Q : (..., n, n) or (..., k, n) array
        Not for mode="r".

    Raises
    ------
    NotDifferentiableError
        Where a derivative is asked for that does not exist.
    ValueError
        For an unknown mode, fewer than two axes, nan and inf.

    Notes
    -----
    With J the exchange matrix, J Aᴴ J = Q' R' is a QR factorization, and R = J R'ᴴ J, Q = J Q'ᴴ J: so value
    and derivative are those of `qr`.

    Examples
    --------
    >>> import numpy as np
    >>> A = np.array([[1.0, 3.0], [0.0, 2.0]])
    >>> R, Q = rq(A)
    >>> np.allclose(R @ Q, A), np.allclose(R[1, 0], 0)
    (True, True)
    """
    if mode not in ("full", "r", "economic"):
        raise ValueError(f"rq: mode is 'full', 'r' or 'economic', got {mode!r}")
    a = as_matrix(a, "rq: a", check_finite=check_finite)
    turned = adjoint_matrix(a)[..., ::-1, ::-1]
    *Q, R = qr(turned, mode=mode, check_finite=False, rank_tol=rank_tol, gauge_tol=gauge_tol)
    if mode == "r":
        return adjoint_matrix(R)[..., ::-1, ::-1]
    return adjoint_matrix(R)[..., ::-1, ::-1], adjoint_matrix(Q[0])[..., ::-1, ::-1]
