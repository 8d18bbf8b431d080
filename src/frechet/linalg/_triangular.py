"""Triangular systems, and systems whose factorization is at hand: Cholesky's, or an LU."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array
from ..rule import primal
from ..rules.linalg_factors import solve_rule
from ._arguments import as_matrix, linear_system
from ._capability import capability
from ._cholesky import cholesky
from ._dense_factor import triangular_factor
from ._lu import permuted_rows

__all__ = ["cho_factor", "cho_solve", "lu_solve", "solve_triangular"]

_TRANS = {0: 0, 1: 1, 2: 2, "N": 0, "T": 1, "C": 2}


@capability("a has a zero on its diagonal: LinAlgError")
def solve_triangular(
    a: Array,
    b: Array,
    trans: int | str = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Array:
    """The solution x of ``a @ x = b`` for a triangular a, as scipy.linalg.solve_triangular, with derivatives.

    Parameters
    ----------
    a : (..., n, n) array_like
        A triangular matrix, plain or traced, real or complex; leading axes are a batch.
    b : (n,) or (..., n, k) array_like
        The right side.
    trans : {0, 1, 2, "N", "T", "C"}, optional
        Whether to solve with a, with aᵀ, or with aᴴ.
    lower : bool, optional
        Which triangle of a is read.
    unit_diagonal : bool, optional
        Whether the diagonal is taken to be all ones and not read.
    overwrite_b : bool, optional
        For SciPy's signature; nothing is overwritten.
    check_finite : bool, optional
        Whether nan and inf are refused.

    Returns
    -------
    (n,) or (..., n, k) array
        The solution.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a is singular.
    ValueError
        For wrong shapes, nan and inf, an unknown trans.

    Notes
    -----
    b̄ solves the system with aᴴ, and ā is the triangle of −b̄ xᴴ that is read; in the entries that are not
    read it is zero.  Substitution is backward stable entry by entry: x solves a system with a matrix that
    differs from a by no more than n ε abs(a) (Higham, Accuracy and Stability of Numerical Algorithms, 2002,
    theorem 8.5).

    Examples
    --------
    The shocks of a recursively identified vector autoregression, from its residuals, and the gradient of one:

    >>> import numpy as np
    >>> import frechet as fr
    >>> impact = np.array([[2.0, 0.0], [1.0, 0.5]])
    >>> residuals = np.array([1.0, 1.5])
    >>> fr.linalg.solve_triangular(impact, residuals, lower=True)
    array([0.5, 2. ])
    >>> fr.grad(lambda B: fr.linalg.solve_triangular(B, residuals, lower=True)[1])(impact)
    array([[ 0.5,  0. ],
           [-1. , -4. ]])
    """
    if trans not in _TRANS:
        raise ValueError(f"solve_triangular: trans is 0, 1, 2, 'N', 'T' or 'C', got {trans!r}")
    a, b, vector = _arguments("solve_triangular", a, b, check_finite)
    if not b.size:
        return b[..., 0] if vector else b
    factor = triangular_factor(primal(a), lower, unit_diagonal)
    which = _TRANS[trans]
    if which == 1 and a.dtype.kind == "c":  # aᵀ x = b is aᴴ conj(x) = conj(b)
        x = np.conj(solve_rule(a, np.conj(b), factor, True))
    else:
        x = solve_rule(a, b, factor, which != 0)
    return x[..., 0] if vector else x


@capability("a is not positive definite: LinAlgError")
def cho_factor(
    a: Array, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Array, bool]:
    """The Cholesky factorization of a matrix for `cho_solve`, as scipy.linalg.cho_factor, with derivatives.

    Parameters
    ----------
    a : (..., n, n) array_like
        Hermitian and positive definite, plain or traced; leading axes are a batch.
    lower : bool, optional
        Which triangle is read, and which factor is computed: L of a = L Lᴴ, or U of a = Uᴴ U.
    overwrite_a : bool, optional
        For SciPy's signature; nothing is overwritten.
    check_finite : bool, optional
        Whether nan and inf are refused.

    Returns
    -------
    c : (..., n, n) array
        The factor.  The other triangle, in which SciPy leaves what happens to be there, is zero.
    lower : bool
        As given.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a is not positive definite.
    ValueError
        For a matrix that is not square, nan and inf.

    Notes
    -----
    The gradient in a is Hermitian where a is, to half of the digits; else it lies in the triangle that is
    read (Murray, arXiv:1602.07527, 2016).

    Examples
    --------
    The log-likelihood of a Gaussian sample, and its gradient in the covariance:

    >>> import numpy as np
    >>> import frechet as fr
    >>> y = np.array([1.0, -2.0])
    >>> def loglik(C):
    ...     c, lower = fr.linalg.cho_factor(C)
    ...     half = np.sum(np.log(np.diag(c)))
    ...     return -half - 0.5 * y @ fr.linalg.cho_solve((c, lower), y)
    >>> fr.grad(loglik)(np.array([[2.0, 0.5], [0.5, 1.0]]))
    array([[ 0.36734694, -1.32653061],
           [-1.32653061,  2.73469388]])
    """
    a = as_matrix(a, "cho_factor: a", square=True, check_finite=check_finite)
    if not a.size:
        return np.zeros(a.shape, a.dtype), lower
    return cholesky(a, lower, check_finite=False), lower


@capability("the factor has a zero on its diagonal: LinAlgError")
def cho_solve(
    c_and_lower: tuple[Array, bool], b: Array, overwrite_b: bool = False, check_finite: bool = True
) -> Array:
    """The solution of ``a @ x = b`` from the Cholesky factorization of a, as scipy.linalg.cho_solve.

    Parameters
    ----------
    c_and_lower : ((..., n, n) array_like, bool)
        What `cho_factor` returns.
    b : (n,) or (..., n, k) array_like
        The right side.
    overwrite_b : bool, optional
        For SciPy's signature; nothing is overwritten.
    check_finite : bool, optional
        Whether nan and inf are refused.

    Returns
    -------
    (n,) or (..., n, k) array
        The solution.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the factor has a zero on its diagonal.
    ValueError
        For wrong shapes, nan and inf.

    Notes
    -----
    Two substitutions, each differentiated in the triangle that it reads; the gradient in the other triangle
    of c is zero.  To differentiate in a and b, factorize with `cho_factor` under differentiation, or call
    ``solve(a, b, assume_a="pos")``, which takes one pass less.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> c = fr.linalg.cho_factor(np.array([[4.0, 2.0], [2.0, 5.0]]))
    >>> fr.linalg.cho_solve(c, np.array([2.0, 1.0]))
    array([0.5, 0. ])
    >>> fr.grad(lambda b: fr.linalg.cho_solve(c, b)[0])(np.array([2.0, 1.0]))
    array([ 0.3125, -0.125 ])
    """
    c, lower = c_and_lower
    c, b, vector = _arguments("cho_solve", c, b, check_finite)
    if not b.size:
        return b[..., 0] if vector else b
    factor = triangular_factor(primal(c), lower, False)
    # a = L Lᴴ, or Uᴴ U
    x = solve_rule(c, solve_rule(c, b, factor, not lower), factor, bool(lower))
    return x[..., 0] if vector else x


@capability("the factor U has a zero on its diagonal: LinAlgError")
def lu_solve(
    lu_and_piv: tuple[Array, Array],
    b: Array,
    trans: int = 0,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Array:
    """The solution of ``a @ x = b`` from the LU factorization of a, as scipy.linalg.lu_solve.

    Parameters
    ----------
    lu_and_piv : ((..., n, n) array_like, (..., n) array_like of int)
        L and U in one matrix, and the pivots, as lu_factor returns them.
    b : (n,) or (..., n, k) array_like
        The right side.
    trans : {0, 1, 2}, optional
        Whether to solve with a, with aᵀ, or with aᴴ.
    overwrite_b : bool, optional
        For SciPy's signature; nothing is overwritten.
    check_finite : bool, optional
        Whether nan and inf are refused.

    Returns
    -------
    (n,) or (..., n, k) array
        The solution.

    Raises
    ------
    numpy.linalg.LinAlgError
        If U has a zero on its diagonal.
    ValueError
        For wrong shapes, nan and inf, an unknown trans.

    Notes
    -----
    Two substitutions, each differentiated in the triangle that it reads: the gradient below the diagonal of
    lu is that in L, the rest that in U.  The pivots are constant.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> lu, piv = np.array([[4.0, 2.0], [0.5, 2.0]]), np.array([1, 1])
    >>> fr.linalg.lu_solve((lu, piv), np.array([1.0, 2.0]))
    array([0.5, 0. ])
    >>> fr.grad(lambda lu: fr.linalg.lu_solve((lu, piv), np.array([1.0, 2.0]))[0])(lu)
    array([[-0.125,  0.   ],
           [ 0.5  ,  0.   ]])
    """
    if trans not in (0, 1, 2):
        raise ValueError(f"lu_solve: trans is 0, 1 or 2, got {trans!r}")
    lu, piv = lu_and_piv
    lu, b, vector = _arguments("lu_solve", lu, b, check_finite)
    if not b.size:
        return b[..., 0] if vector else b
    order = _order("lu_solve", np.asarray(primal(piv)), lu.shape)
    lower, upper = (triangular_factor(primal(lu), low, low) for low in (True, False))
    turned = trans == 1 and lu.dtype.kind == "c"  # aᵀ x = b is aᴴ conj(x) = conj(b)
    b = np.conj(b) if turned else b
    if trans == 0:  # P a = L U
        x = solve_rule(lu, solve_rule(lu, permuted_rows(b, order), lower, False), upper, False)
    else:  # aᴴ = Uᴴ Lᴴ P
        x = permuted_rows(
            solve_rule(lu, solve_rule(lu, b, upper, True), lower, True), np.argsort(order, axis=-1)
        )
    x = np.conj(x) if turned else x
    return x[..., 0] if vector else x


def _order(call: str, piv: Array, shape: Any) -> Array:
    """The rows of a in the order into which the pivots bring them."""
    n = shape[-1]
    integers = piv.dtype.kind in "iu" and piv.shape[-1:] == (n,) and piv.ndim < len(shape)
    if not integers or (piv < 0).any() or (piv >= n).any():
        raise ValueError(
            f"{call}: piv must hold {n} row numbers for each matrix of shape {shape}, got shape {piv.shape}"
        )
    piv = np.broadcast_to(piv, shape[:-1])
    order = np.broadcast_to(np.arange(n), piv.shape).copy()
    for k in range(n):
        other = piv[..., k, None]
        there = np.take_along_axis(order, other, axis=-1)
        np.put_along_axis(order, other, order[..., k, None], axis=-1)
        order[..., k, None] = there
    return order


def _arguments(call: str, a: Any, b: Any, check_finite: bool) -> tuple[Array, Array, bool]:
    """Matrix and right side as `linear_system` returns them."""
    a = as_matrix(a, f"{call}: the matrix", square=True, check_finite=check_finite)
    return linear_system(call, a, b, a.shape[-1], check_finite=check_finite)
