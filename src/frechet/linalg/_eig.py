"""Eigenvalues and eigenvectors of general matrices and pencils."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array, adjoint_matrix
from ..rule import carriers, primal
from ..rules.linalg_gaps import Tolerances
from ..rules.linalg_spectral import Pairs, eig_of, eig_pencil_of, eigvals_of, eigvals_pencil_of
from ._arguments import as_matrix, same_dtype, stack_shape, to_stack
from ._capability import capability

__all__ = ["eig", "eigvals"]


@capability(
    "defective matrices, singular b, vectors of equal eigenvalues, a phase that LAPACK does not fix: "
    "NotDifferentiableError; sums over equal eigenvalues: exact"
)
def eig(
    a: Array,
    b: Array | None = None,
    left: bool = False,
    right: bool = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    homogeneous_eigvals: bool = False,
    *,
    degeneracy_tol: float | None = None,
    gauge_tol: float | None = None,
) -> Any:
    """Eigenvalues and eigenvectors of a matrix, or of a pencil a v = w b v, as in SciPy, with derivatives.

    Parameters
    ----------
    a, b : (..., n, n) array
        Real or complex; leading axes broadcast.  Without b, the standard problem.
    left, right : bool, optional
        Which eigenvectors are returned: uᴴ a = w uᴴ b, a v = w b v.
    overwrite_a, overwrite_b : bool, optional
        For SciPy's signature; nothing is overwritten.
    check_finite : bool, optional
        Whether nan and inf are refused.
    homogeneous_eigvals : bool, optional
        Return the eigenvalues as pairs (α, β), w = α/β.  Of a pencil these have no derivative.
    degeneracy_tol : float, optional
        Eigenvalues that differ by no more than this times the largest count as equal; default 10 n eps.
    gauge_tol : float, optional
        A cotangent is refused if what depends on the choice of vectors is more than this times its largest
        entry; default sqrt(eps).

    Returns
    -------
    w : (..., n) or (..., 2, n) array
        The eigenvalues, complex, in LAPACK's order.
    u : (..., n, n) array
        Left eigenvectors as columns of length one, if asked for.
    v : (..., n, n) array
        Right eigenvectors as columns of length one.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where the computation does not converge.
    ValueError
        For wrong shapes, nan and inf.
    NotDifferentiableError
        Where there is no basis of eigenvectors, b is singular, or a cotangent asks for what is not
        determined.

    Notes
    -----
    With E = V⁻¹ da V (for a pencil (b V)⁻¹ (da V − db V Λ)):  dΛ = diag E, dV = V (E ∘ F) with F_ij =
    1/(λ_j − λ_i), up to multiples of each column, which LAPACK's normalization fixes: length one, and the
    largest component real (Boeddeker et al., arXiv:1701.00392, and a term for that).  The vectors of complex
    pencils have an arbitrary phase; a function that depends on it is refused.  Errors are those of rounding
    times the condition of V.  Vectors of equal eigenvalues are refused, and second derivatives with them; for
    functions of the matrix there are `expm` and `funm`, for subspaces `spectral_projector`.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A = np.array([[0.0, 1.0], [-2.0, -3.0]])
    >>> fr.linalg.eig(A, right=False)
    array([-1.+0.j, -2.+0.j])
    >>> fr.grad(lambda A: fr.linalg.eig(A)[0].real.max())(A).round(12)
    array([[ 2., -2.],
           [ 1., -1.]])
    """
    return _solved("eig", a, b, left, right, check_finite, homogeneous_eigvals, degeneracy_tol, gauge_tol)


def _solved(
    call: str,
    a: Array,
    b: Array | None,
    left: bool,
    right: bool,
    check_finite: bool,
    homogeneous_eigvals: bool,
    degeneracy_tol: float | None,
    gauge_tol: float | None,
) -> Any:
    """What `eig` returns."""
    a = as_matrix(a, f"{call}: a", square=True, check_finite=check_finite)
    tolerances = Tolerances(degeneracy_tol, gauge_tol)
    if b is None:
        w, vectors = _standard(call, a, left, right, tolerances)
        w = w + 0j
        if homogeneous_eigvals:
            w = np.stack([w, np.ones(np.shape(w), w.dtype)], axis=-2)
    else:
        b = as_matrix(b, f"{call}: b", square=True, check_finite=check_finite)
        if np.shape(b)[-1] != np.shape(a)[-1]:
            raise ValueError(f"{call}: a and b must have the same shape")
        w, vectors = _pencil(call, a, b, left, right, homogeneous_eigvals, tolerances)
    return (w, *vectors) if vectors else w


@capability("defective matrices, singular b: NotDifferentiableError; sums over equal eigenvalues: exact")
def eigvals(
    a: Array,
    b: Array | None = None,
    overwrite_a: bool = False,
    check_finite: bool = True,
    homogeneous_eigvals: bool = False,
    *,
    degeneracy_tol: float | None = None,
    gauge_tol: float | None = None,
) -> Array:
    """The eigenvalues of a matrix or pencil: `eig` without vectors.

    Parameters
    ----------
    a, b, overwrite_a, check_finite, homogeneous_eigvals, degeneracy_tol, gauge_tol
        As in `eig`.

    Returns
    -------
    (..., n) or (..., 2, n) array
        The eigenvalues, complex.

    Raises
    ------
    numpy.linalg.LinAlgError, ValueError, NotDifferentiableError
        As `eig`.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.linalg.eigvals(np.array([[0.0, 1.0], [-1.0, 0.0]]))
    array([0.+1.j, 0.-1.j])
    >>> fr.grad(lambda A: np.sum(fr.linalg.eigvals(A) ** 2).real)(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[2., 6.],
           [4., 8.]])
    """
    result: Array = _solved(
        "eigvals", a, b, False, False, check_finite, homogeneous_eigvals, degeneracy_tol, gauge_tol
    )
    return result


def _standard(
    call: str, a: Array, left: bool, right: bool, tolerances: Tolerances
) -> tuple[Array, list[Array]]:
    plain = primal(a)
    if not (left or right) and type(a) not in carriers:
        return np.linalg.eigvals(plain), []
    if left:
        w, U, V = _scipys(plain, None)
    else:
        w, V = np.linalg.eig(plain)
    pairs = Pairs(w, V, tolerances=tolerances, call=call)
    if not (left or right):
        return eigvals_of(a, pairs), []
    values, v = eig_of(a, pairs)
    vectors = []
    if left:  # the right eigenvectors of aᴴ
        vectors.append(eig_of(adjoint_matrix(a), Pairs(np.conj(w), U, tolerances=tolerances))[1])
    return values, [*vectors, v] if right else vectors


def _pencil(
    call: str, a: Array, b: Array, left: bool, right: bool, homogeneous: bool, tolerances: Tolerances
) -> tuple[Array, list[Array]]:
    a, b = same_dtype(a, b)
    stack = stack_shape(call, a, b)
    a, b = to_stack(a, stack), to_stack(b, stack)
    traced = type(a) in carriers or type(b) in carriers
    w, U, V = _scipys(primal(a), primal(b))
    if traced and homogeneous:
        raise NotDifferentiableError(
            f"{call}: the pairs (α, β) of a pencil have no derivative, as only their quotient is determined. "
            "Use homogeneous_eigvals=False"
        )
    if traced and not np.isfinite(w).all():
        raise NotDifferentiableError(
            f"{call}: the pencil has infinite or undetermined eigenvalues, as b is singular, and no "
            "derivative. Exchange a and b for the reciprocals of the eigenvalues"
        )
    if homogeneous:
        w = _scipys(primal(a), primal(b), True)[0]
        return w, [x for x, wanted in ((U, left), (V, right)) if wanted]
    pairs = Pairs(w, V, False, tolerances, call)
    if not (left or right):
        return eigvals_pencil_of(a, b, pairs), []
    values, v = eig_pencil_of(a, b, pairs)
    vectors = []
    if left:
        adjoint = Pairs(np.conj(w), U, False, tolerances)
        vectors.append(eig_pencil_of(adjoint_matrix(a), adjoint_matrix(b), adjoint)[1])
    return values, [*vectors, v] if right else vectors


def _scipys(a: Array, b: Array | None, homogeneous: bool = False) -> tuple[Array, Array, Array]:
    """SciPy's eigenvalues and left and right eigenvectors of plain matrices."""
    import scipy.linalg

    stack, n = a.shape[:-2], a.shape[-1]
    flat = a.reshape(math.prod(stack), n, n)
    others = [None] * len(flat) if b is None else list(b.reshape(math.prod(stack), n, n))
    parts = [
        scipy.linalg.eig(x, y, True, True, check_finite=False, homogeneous_eigvals=homogeneous)
        for x, y in zip(flat, others, strict=True)
    ]
    if not parts:
        dtype = np.result_type(a, np.complex64)
        return np.empty((*stack, n), dtype), np.empty(a.shape, dtype), np.empty(a.shape, dtype)
    w, U, V = (np.array([p[k] for p in parts]) for k in range(3))
    return w.reshape(stack + w.shape[1:]), U.reshape(a.shape), V.reshape(a.shape)
