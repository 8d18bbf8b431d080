"""Eigenvalues and eigenvectors of Hermitian matrices, standard and generalized."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, adjoint_matrix, left, right
from ..rule import Rule, carriers, primal
from ..rules.lapack import lapack
from ..rules.linalg_equal_eigenvalues import Spectrum
from ..rules.linalg_factorizations import reading
from ..rules.linalg_factors import triangular_solve
from ..rules.linalg_gaps import Tolerances, UndefinedTangent
from ..rules.linalg_spectral import eigenvalues, eigh_of
from ._arguments import as_matrix, same_dtype, stack_shape, to_stack
from ._capability import capability

__all__ = ["eigh", "eigvalsh"]


@capability(
    "eigenvectors of equal eigenvalues, and a cotangent that depends on their phase: NotDifferentiableError "
    "that names spectral_projector; symmetric functions of equal eigenvalues: exact to second order, then "
    "NotDifferentiableError"
)
def eigh(
    a: Array,
    b: Array | None = None,
    *,
    lower: bool = True,
    eigvals_only: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Any = None,
    subset_by_value: Any = None,
    driver: str | None = None,
    degeneracy_tol: float | None = None,
    gauge_tol: float | None = None,
) -> Any:
    """Eigenvalues and eigenvectors of a Hermitian matrix, or of a Hermitian pencil, as in SciPy.

    Parameters
    ----------
    a : (..., n, n) array
        Real symmetric or complex Hermitian; leading axes are a batch.
    b : (..., n, n) array, optional
        Hermitian and positive definite: the generalized problem.
    lower : bool, optional
        Which triangle of a and b is read.
    eigvals_only : bool, optional
        Leave the eigenvectors out.
    overwrite_a, overwrite_b : bool, optional
        For SciPy's signature; nothing is overwritten.
    type : {1, 2, 3}, optional
        a v = w b v, a b v = w v, or b a v = w v.
    check_finite : bool, optional
        Whether nan and inf are refused.
    subset_by_index : (int, int), optional
        The first and the last index of the eigenvalues that are wanted.
    subset_by_value : (float, float), optional
        The half-open interval (low, high] of those that are wanted.  In a batch it must hold equally many of
        each matrix.
    driver : str, optional
        One of SciPy's names.  For the standard problem it is the routine that computes all eigenpairs, by
        default evd; a generalized problem is reduced by the Cholesky factor of b and goes to evd.
    degeneracy_tol : float, optional
        Eigenvalues that differ by no more than this times the largest count as equal; default 10 n eps.
    gauge_tol : float, optional
        A cotangent is refused if what depends on the phase of a vector, or on the choice of vectors of equal
        eigenvalues, is more than this times its largest entry; default sqrt(eps).

    Returns
    -------
    w : (..., m) array
        The eigenvalues, ascending.
    v : (..., n, m) array
        The eigenvectors, as columns: vᴴ v = 1, vᴴ b v = 1 (types 1 and 2) or vᴴ b⁻¹ v = 1 (type 3).

    Raises
    ------
    numpy.linalg.LinAlgError
        Where b is not positive definite, or the computation does not converge.
    ValueError
        For wrong shapes and arguments, nan and inf.
    NotDifferentiableError
        Where a derivative is asked for that depends on the choice of eigenvectors (see Notes).

    Notes
    -----
    With E = Vᴴ da V:  dλ = diag E,  dV = V (E ∘ F),  F_ij = 1/(λ_j − λ_i) (Giles, 2008).  A derivative costs
    three matrix products; one decomposition serves every order.  The derivative of a subset of the vectors
    needs the others too, so all pairs are computed.  Where a is Hermitian, gradients are; else they lie in
    the triangle that is read.

    Vectors are determined up to a factor of modulus one, and where eigenvalues are equal up to a basis of the
    eigenspace.  A pushforward takes the choice that moves the vectors least; a pullback raises if the
    function depends on the choice.  Functions of the matrix (`expm`) and projectors (`spectral_projector`)
    are differentiable there.  A function that is symmetric in equal eigenvalues has the exact first and
    second derivatives; a second one by two pushforwards, and higher ones, are refused.  Where a function
    treats equal eigenvalues differently (the largest of them) there is no gradient, and what is returned is
    one of its one-sided ones.

    The eigenvalues are those of a + Δ with ‖Δ‖ of the order of eps ‖a‖ (LAPACK Users' Guide, section 4.7); of
    a pencil, this holds with the condition number of b as a factor.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> w, v = fr.linalg.eigh(A)
    >>> w
    array([1., 3.])
    >>> fr.grad(lambda A: fr.linalg.eigh(A)[0][1])(A)
    array([[0.5, 0.5],
           [0.5, 0.5]])

    Exact where all eigenvalues are equal: Σ λ³ = tr A³ has the second derivative 6 E in the direction E at I.

    >>> cubes = lambda A: np.sum(fr.linalg.eigh(A, eigvals_only=True) ** 3)
    >>> bool(np.allclose(fr.hvp(cubes, (np.eye(2),), (A,))[0], 6 * A))
    True
    """
    return _solved(
        "eigh",
        a,
        b,
        bool(lower),
        eigvals_only,
        type,
        check_finite,
        subset_by_index,
        subset_by_value,
        driver,
        Tolerances(degeneracy_tol, gauge_tol),
    )


@capability(
    "symmetric functions of equal eigenvalues: exact to second order; two pushforwards and higher "
    "derivatives there: NotDifferentiableError"
)
def eigvalsh(
    a: Array,
    b: Array | None = None,
    *,
    lower: bool = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Any = None,
    subset_by_value: Any = None,
    driver: str | None = None,
    degeneracy_tol: float | None = None,
    gauge_tol: float | None = None,
) -> Array:
    """The eigenvalues of a Hermitian matrix or pencil, ascending: `eigh` with ``eigvals_only=True``.

    Parameters
    ----------
    a, b, lower, overwrite_a, overwrite_b, type, check_finite, subset_by_index, subset_by_value, driver
        As in `eigh`.
    degeneracy_tol, gauge_tol : float, optional
        As in `eigh`; the second derivative of a function that does not treat equal eigenvalues alike, to
        within gauge_tol of its gradient, is refused.

    Returns
    -------
    (..., m) array
        The eigenvalues.

    Raises
    ------
    numpy.linalg.LinAlgError, ValueError, NotDifferentiableError
        As `eigh`.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.linalg.eigvalsh(np.diag([3.0, 1.0]))
    array([1., 3.])
    >>> fr.grad(lambda A: np.prod(fr.linalg.eigvalsh(A)))(np.diag([3.0, 1.0]))
    array([[1., 0.],
           [0., 3.]])
    """
    result: Array = _solved(
        "eigvalsh",
        a,
        b,
        bool(lower),
        True,
        type,
        check_finite,
        subset_by_index,
        subset_by_value,
        driver,
        Tolerances(degeneracy_tol, gauge_tol),
    )
    return result


def _solved(
    call: str,
    a: Array,
    b: Array | None,
    lower: bool,
    eigvals_only: bool,
    kind: int,
    check_finite: bool,
    by_index: Any,
    by_value: Any,
    driver: str | None,
    tolerances: Tolerances,
) -> Any:
    """What `eigh` returns."""
    a = as_matrix(a, f"{call}: a", square=True, check_finite=check_finite)
    if b is not None:
        b = as_matrix(b, f"{call}: b", square=True, check_finite=check_finite)
        if b.shape[-1] != a.shape[-1]:
            raise ValueError(f"{call}: wrong b dimensions {b.shape}, should be {a.shape}")
        if kind not in (1, 2, 3):
            raise ValueError(f'{call}: "type" keyword only accepts 1, 2, and 3.')
    subset = _checked_subset(call, by_index, by_value, a.shape[-1])
    _check_driver(call, driver, b is not None, subset is not None)
    if b is not None:
        return _generalized(call, a, b, lower, eigvals_only, kind, subset, tolerances)
    driver = driver if driver in ("ev", "evr", "evx") else None
    return _standard(call, a, lower, eigvals_only, subset, driver, tolerances)


# --- arguments ----------------------------------------------------------------------------------------------

Subset = tuple[str, float, float]


def _checked_subset(call: str, by_index: Any, by_value: Any, n: int) -> Subset | None:
    if by_index is not None and by_value is not None:
        raise ValueError(f"{call}: either index or value subset can be requested")
    if by_index is not None:
        first, last = (int(k) for k in by_index)
        if not 0 <= first <= last < n:
            raise ValueError(
                f"{call}: requested eigenvalue indices are not valid: the range is [0, {n - 1}] and start <= "
                f"end, but start={first}, end={last} is given"
            )
        return "index", first, last
    if by_value is not None:
        low, high = by_value
        if not -np.inf <= low < high <= np.inf:
            raise ValueError(
                f"{call}: requested eigenvalue bounds are not valid: the range is (-inf, inf) and low < "
                f"high, but low={low}, high={high} is given"
            )
        return "value", low, high
    return None


def _check_driver(call: str, driver: str | None, generalized: bool, subset: bool) -> None:
    standard, of_pencils = ("ev", "evd", "evr", "evx"), ("gv", "gvd", "gvx")
    if driver is None:
        return
    if driver not in standard + of_pencils:
        raise ValueError(
            f'{call}: "{driver}" is unknown. Possible values are None, {", ".join(standard + of_pencils)}'
        )
    if generalized and driver in standard:
        raise ValueError(f'{call}: "{driver}" does not accept input b array for standard eigenvalue problems')
    if not generalized and driver in of_pencils:
        raise ValueError(f"{call}: {driver} requires input b array to be supplied")
    if subset and driver in ("ev", "evd", "gv", "gvd"):
        raise ValueError(f'{call}: "{driver}" cannot compute subsets of eigenvalues')


def selected(w: Array, subset: Subset | None, name: str) -> slice | None:
    """The columns of a subset, from the plain ascending eigenvalues."""
    if subset is None:
        return None
    kind, low, high = subset
    if kind == "index":
        return slice(int(low), int(high) + 1)
    first, last = ((w <= limit).sum(axis=-1).ravel() for limit in (low, high))
    if not first.size:
        return slice(0, 0)
    if (first != first[0]).any() or (last != last[0]).any():
        raise ValueError(
            f"{name}: the interval ({low}, {high}] holds other eigenvalues of one matrix of the batch than "
            "of another, counted in ascending order; select by index"
        )
    return slice(int(first[0]), int(last[0]))


# --- the standard problem -----------------------------------------------------------------------------------


def _standard(
    call: str,
    a: Array,
    lower: bool,
    values_only: bool,
    subset: Subset | None,
    driver: str | None,
    tolerances: Tolerances,
) -> Any:
    plain = primal(a)
    if values_only and type(a) not in carriers and driver is None:
        w = decomposed(plain, lower, vectors=False)[0]
        columns = selected(w, subset, call)
        return w if columns is None else w[..., columns]
    spectrum = Spectrum(*_eigenpairs(plain, lower, driver), tolerances)
    columns = selected(spectrum.w, subset, call)
    if values_only:
        w = eigenvalues(a, lower, spectrum)
        return w if columns is None else w[..., columns]
    w, v = eigh_of(a, lower, spectrum, columns)
    return (w if columns is None else w[..., columns]), v


def _eigenpairs(a: Array, lower: bool, driver: str | None) -> tuple[Array, Array]:
    """All eigenpairs of plain matrices."""
    if driver is None:
        return decomposed(a, lower)
    import scipy.linalg

    flat = a.reshape(math.prod(a.shape[:-2]), *a.shape[-2:])
    pairs = [scipy.linalg.eigh(x, lower=lower, driver=driver, check_finite=False) for x in flat]
    w = np.array([w for w, _ in pairs], a.real.dtype).reshape(a.shape[:-1])
    return w, np.array([V for _, V in pairs], a.dtype).reshape(a.shape)


def decomposed(a: Array, lower: bool, vectors: bool = True) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of plain matrices by LAPACK's syevd or heevd."""
    if a.ndim != 2 or not a.size:
        w, V = np.linalg.eigh(a, "L" if lower else "U")
        return w, V
    # LAPACK takes matrices by columns: the transpose of a, which is its conjugate.
    routine = lapack("heevd" if a.dtype.kind == "c" else "syevd", a.dtype.char)
    w, V, info = routine(a.T, compute_v=vectors, lower=not lower)
    if info:
        raise np.linalg.LinAlgError("eigh: the eigenvalues did not converge")
    return w, V.conj() if a.dtype.kind == "c" else V


# --- the generalized problem --------------------------------------------------------------------------------
#
# With b = L Lᴴ it is the standard problem for C = L⁻¹ a L⁻ᴴ (type 1) or Lᴴ a L (types 2 and 3), C u = w u, as
# in LAPACK's sygst; v = L⁻ᴴ u (types 1 and 2) or L u (type 3).


def _generalized(
    call: str,
    a: Array,
    b: Array,
    lower: bool,
    values_only: bool,
    kind: int,
    subset: Subset | None,
    tolerances: Tolerances,
) -> Any:
    a, b = same_dtype(a, b)
    stack = stack_shape(call, a, b)
    A, B = read_triangle(to_stack(a, stack), lower), read_triangle(to_stack(b, stack), lower)
    try:
        L = np.linalg.cholesky(B)
    except np.linalg.LinAlgError:
        raise np.linalg.LinAlgError(
            f"{call}: b is not positive definite; its factorization could not be completed and no "
            "eigenvalues or eigenvectors were computed"
        ) from None
    if kind == 1:
        half = triangular_solve(L, A, True, False)
        C = adjoint_matrix(triangular_solve(L, adjoint_matrix(half), True, False))
    else:
        C = np.matmul(adjoint_matrix(L), np.matmul(A, L))
    result = _standard(call, C, True, values_only, subset, None, tolerances)
    if values_only:
        return result
    w, u = result
    return w, _back(L, u, kind == 3)


def _read_value(a: Array, lower: bool) -> Array:
    if (a == adjoint_matrix(a)).all():
        return a
    triangle = np.tril(a, -1) if lower else np.triu(a, 1)
    eye = np.eye(a.shape[-1], dtype=a.real.dtype)
    return triangle + adjoint_matrix(triangle) + np.real(a) * eye


def _read_body(a: Array, lower: bool) -> Any:
    return read_triangle(a, lower), reading(a, lower)


# The Hermitian matrix that is read from one triangle.
read_triangle = Rule(_read_value, _read_body, "frechet.linalg.eigh")


def _back_value(L: Array, u: Array, multiply: bool) -> Array:
    return np.matmul(L, u) if multiply else triangular_solve(L, u, True, True)


def _back_body(L: Array, u: Array, multiply: bool) -> Any:
    if multiply:
        return _back(L, u, multiply), (right(u), _Passing(left(L)))
    _, maps = triangular_solve.body(L, u, True, True)
    in_L, in_u = maps  # type: ignore[misc]  # two maps, for two arguments
    return _back(L, u, multiply), (in_L, _Passing(in_u))


# Eigenvectors of the generalized problem from those of the standard one.
_back = Rule(_back_value, _back_body, "frechet.linalg.eigh")


class _Passing(LinearMap):
    """A map that hands on tangents that do not exist: they do no harm where only eigenvalues are used."""

    __slots__ = ("map",)

    def __init__(self, map: LinearMap) -> None:
        self.map = map

    def push(self, v: Array) -> Array:
        return v if isinstance(v, UndefinedTangent) else self.map.push(v)

    def pull(self, w: Array) -> Array:
        return self.map.pull(w)
