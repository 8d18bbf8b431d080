"""Linear systems and inverses, by the structure of the matrix."""

from __future__ import annotations

import numpy as np

from ..linear_map import Array
from ..rule import primal
from ..rules.linalg_factors import inverse_rule, solve_rule
from ._arguments import as_inexact, as_matrix, linear_system, require_finite, same_dtype
from ._banded import diagonals_of, solve_bands
from ._capability import capability
from ._dense_factor import dense_factor, structure_named
from ._factor import NOT_POSITIVE, SINGULAR, condition_warning

__all__ = ["inv", "solve"]


@capability("a is singular: LinAlgError; ill-conditioned: LinAlgWarning")
def solve(
    a: Array,
    b: Array,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: str | None = None,
    transposed: bool = False,
) -> Array:
    """The solution x of the linear system ``a @ x = b``, as scipy.linalg.solve, with derivatives.

    Parameters
    ----------
    a : (..., n, n) array_like
        Real or complex, plain or traced; leading axes are a batch and broadcast against those of b.
    b : (n,) or (..., n, k) array_like
        The right side.
    lower : bool, optional
        Which triangle of a symmetric, Hermitian or positive definite matrix is read.
    overwrite_a, overwrite_b : bool, optional
        For SciPy's signature; nothing is overwritten.
    check_finite : bool, optional
        Whether nan and inf are refused.
    assume_a : str, optional
        "general" ("gen"), "diagonal", "tridiagonal", "banded", "upper triangular", "lower triangular",
        "symmetric" ("sym"), "hermitian" ("her"), "positive definite" ("pos").  None looks at the entries
        for a structure, and "banded" for the width of the band; all entries are then read, and the
        derivative is that in all of them.
    transposed : bool, optional
        Whether to solve ``a.T @ x = b``; for real a only.

    Returns
    -------
    (n,) or (..., n, k) array
        The solution.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a is exactly singular, or not positive definite where that is assumed.
    ValueError
        For wrong shapes, nan and inf, an unknown structure.
    NotImplementedError
        For transposed=True with a complex matrix.

    Warns
    -----
    scipy.linalg.LinAlgWarning
        If the reciprocal condition number of a is estimated to be below the rounding unit.

    Notes
    -----
    dx = a⁻¹ (db − da x); the adjoint solves aᴴ b̄ = x̄, and ā = −b̄ xᴴ (Giles 2008).  One factorization serves
    value, pushforward, pullback and all higher derivatives: n³/3 operations for positive definite matrices,
    2n³/3 for general ones, and 2n² for each further right side or direction.  The factorizations are backward
    stable: x solves a system with a matrix that differs from a by a modest multiple of n ε ‖a‖ (Higham,
    Accuracy and Stability of Numerical Algorithms, 2002, chapters 8–11).

    The gradient in a where a structure is given: zero in the entries that are not read, with these
    exceptions. For a matrix that is symmetric or Hermitian as given (to half of the digits), the gradient is
    that in the symmetric matrix, and is symmetric; else it lies in the triangle that is read.

    Examples
    --------
    The weights of the portfolio of least variance, and how they depend on the variance of the first asset:

    >>> import numpy as np
    >>> import frechet as fr
    >>> def weights(C):
    ...     w = fr.linalg.solve(C, np.ones(2), assume_a="pos")
    ...     return w / np.sum(w)
    >>> C = np.array([[0.04, 0.01], [0.01, 0.09]])
    >>> weights(C)
    array([0.72727273, 0.27272727])
    >>> fr.jacobian(weights)(C)[:, 0, 0]
    array([-6.61157025,  6.61157025])
    """
    structure = structure_named("solve", assume_a)
    a = as_inexact(a, "solve: a")
    if a.ndim < 2:  # SciPy's atleast_2d
        a = np.reshape(a, (1, -1))
    a = as_matrix(a, "solve: a", square=True, check_finite=check_finite)
    b = as_inexact(b, "solve: b")
    b = np.reshape(b, (1,)) if b.ndim == 0 else b
    if check_finite:
        require_finite(b, "solve: b")
    a, b = same_dtype(a, b)
    if transposed and a.dtype.kind == "c":
        raise NotImplementedError(
            "solve: transposed=True takes real matrices; for a complex one solve with a.T or a.conj().T"
        )
    if a.size == 1:
        return _number(a, b, structure)
    banded = structure if structure in ("diagonal", "tridiagonal") else None
    column = banded is not None or a.ndim > 2  # a vector beside one dense matrix needs no traced reshaping
    a, b, vector = linear_system("solve", a, b, a.shape[-1], check_finite=False, column=column)
    if not a.size or not b.size:
        x = np.zeros(b.shape, b.dtype)
    elif banded is not None:
        x = _by_diagonals(a, b, banded, transposed)
    else:
        factor = dense_factor(primal(a), structure, lower)
        condition_warning(factor.rcond, a.dtype)
        x = solve_rule(a, b, factor, transposed)
    return x[..., 0] if vector and column else x


def _number(a: Array, b: Array, structure: str | None) -> Array:
    """A matrix of one entry divides, whatever the shape of b."""
    if structure in ("hermitian", "positive definite"):
        a = np.real(a)  # as the diagonal of a larger one is read
    number = primal(a).item()
    if number == 0:
        raise np.linalg.LinAlgError("A singular matrix detected.")
    if structure == "positive definite" and number < 0:
        raise np.linalg.LinAlgError(NOT_POSITIVE.format(1))
    if b.ndim == 1:
        return np.reshape(b / np.reshape(a, ()), a.shape[:-2] + b.shape)
    return b / a


def _by_diagonals(a: Array, b: Array, structure: str, transposed: bool) -> Array:
    """Of a only the diagonals are read that the structure has."""
    if structure == "diagonal":
        return b / _regular_diagonal(a)[..., None]
    a = np.swapaxes(a, -1, -2) if transposed else a
    width = min(1, a.shape[-1] - 1)
    return solve_bands((width, width), diagonals_of(a, width, width), b, "solve", warn=True)


def _regular_diagonal(a: Array) -> Array:
    d = np.diagonal(a, axis1=-2, axis2=-1)
    size = np.abs(primal(d))
    smallest = size.min(axis=-1)
    if not smallest.all():
        raise np.linalg.LinAlgError(SINGULAR.format(np.flatnonzero(smallest.reshape(-1) == 0).tolist()))
    condition_warning(smallest / size.max(axis=-1), a.dtype)
    return d


@capability("a is singular: LinAlgError; ill-conditioned: LinAlgWarning")
def inv(
    a: Array,
    overwrite_a: bool = False,
    check_finite: bool = True,
    *,
    assume_a: str | None = None,
    lower: bool = False,
) -> Array:
    """The inverse of a matrix, as scipy.linalg.inv, with derivatives.

    Parameters
    ----------
    a : (..., n, n) array_like
        Real or complex, plain or traced; leading axes are a batch.
    overwrite_a : bool, optional
        For SciPy's signature; nothing is overwritten.
    check_finite : bool, optional
        Whether nan and inf are refused.
    assume_a : str, optional
        "general" ("gen"), "diagonal", "upper triangular", "lower triangular", "symmetric" ("sym"),
        "hermitian" ("her"), "positive definite" ("pos"); None looks at the entries for a structure.
    lower : bool, optional
        Which triangle of a symmetric, Hermitian or positive definite matrix is read.

    Returns
    -------
    (..., n, n) array
        The inverse.  For assume_a="diagonal" it is diagonal, where SciPy leaves other entries of a in it.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a is exactly singular, or not positive definite where that is assumed.
    ValueError
        For a matrix that is not square, nan and inf, an unknown structure.

    Warns
    -----
    scipy.linalg.LinAlgWarning
        If the reciprocal condition number of a is estimated to be below the rounding unit.

    Notes
    -----
    With Y = a⁻¹, dY = −Y da Y, and ā = −Yᴴ Ȳ Yᴴ: two products, 4n³ operations, beside 2n³ for the inverse (n³
    for a positive definite matrix).  Gradients where a structure is given: as in `solve`.  The columns of Y
    are each computed to a small residual; a residual on the right side only is promised (Higham, Accuracy and
    Stability of Numerical Algorithms, 2002, chapter 14).

    Examples
    --------
    The standard errors of a regression, from the inverse of its information matrix, and their gradient:

    >>> import numpy as np
    >>> import frechet as fr
    >>> X = np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 4.0]])
    >>> def slope_error(X):
    ...     return np.sqrt(fr.linalg.inv(X.T @ X, assume_a="pos")[1, 1])
    >>> float(slope_error(X).round(12))
    0.462910049886
    >>> fr.grad(slope_error)(X)[:, 1]
    array([ 0.13226001,  0.033065  , -0.16532502])
    """
    structure = structure_named("inv", assume_a)
    if structure in ("tridiagonal", "banded"):
        raise ValueError(f"inv: assume_a={assume_a!r} is not a structure that inverses have; leave it out")
    a = as_matrix(a, "inv: a", square=True, check_finite=check_finite)
    if not a.size:
        return np.zeros(a.shape, a.dtype)
    if structure == "diagonal":
        return (1 / _regular_diagonal(a))[..., None] * np.eye(a.shape[-1], dtype=a.dtype)
    factor = dense_factor(primal(a), structure, lower)
    condition_warning(factor.rcond, a.dtype)
    return inverse_rule(a, factor)
