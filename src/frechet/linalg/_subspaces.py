"""Ranges and null spaces: bases, the projectors onto them, and the angles between them."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array, LinearMap, adjoint_matrix
from ..rule import Rule, primal
from ..rules.linalg_gaps import DEFAULT, Tolerances, refuse
from ..rules.linalg_least_squares import pinv_of
from ._arguments import as_matrix, same_dtype, stack_shape, to_stack
from ._capability import capability

__all__ = ["null_space", "null_space_projector", "orth", "range_projector", "subspace_angles"]


@capability("a tangent changes the rank, or the cotangent depends on the basis: NotDifferentiableError")
def null_space(
    A: Array,
    rcond: float | None = None,
    *,
    overwrite_a: bool = False,
    check_finite: bool = True,
    lapack_driver: str = "gesdd",
    gauge_tol: float | None = None,
) -> Array:
    """An orthonormal basis of the null space of a matrix, as scipy.linalg.null_space.

    Parameters
    ----------
    A : (..., m, n) array_like
        Real or complex, plain or traced; the matrices of a stack must have one rank.
    rcond : float, optional
        Singular values of at most this times the largest count as zero; by default max(m, n)·eps.
    overwrite_a : bool, optional
        For SciPy's signature; nothing is overwritten.
    check_finite : bool, optional
        Whether nan and inf are refused.
    lapack_driver : {"gesdd", "gesvd"}, optional
        The routine for the singular value decomposition.
    gauge_tol : float, optional
        How much of a cotangent, relative to its largest entry, may depend on the choice of the basis; by
        default √eps.

    Returns
    -------
    (..., n, k) array
        Z with A Z = 0 and Zᴴ Z = I.

    Raises
    ------
    NotDifferentiableError
        Where the cotangent depends on the basis, which A does not determine, or a tangent changes the rank.
        The projector Z Zᴴ, `null_space_projector`, has no such choice.
    ValueError
        For matrices of different rank in a stack, fewer than two axes, nan and inf.

    Notes
    -----
    Among matrices of the same rank, dZ = −A⁺ dA Z, up to a rotation of the basis, which is taken to be zero.
    The singular value decomposition of the value gives A⁺.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A = np.array([[1.0, 0.0]])
    >>> np.abs(fr.linalg.null_space(A))
    array([[0.],
           [1.]])
    >>> def first_component(A):  # of the null vector, up to its sign
    ...     return np.sum(np.abs(fr.linalg.null_space(A)[0]))
    >>> fr.grad(first_component)(np.array([[3.0, 4.0]]))
    array([[-0.096,  0.072]])
    """
    A = as_matrix(A, "null_space: A", check_finite=check_finite)
    factor = RankFactor(primal(A), rcond, "null_space", full=True, driver=lapack_driver)
    return _null_basis(A, factor=factor, tolerances=Tolerances(gauge=gauge_tol))


@capability("a tangent changes the rank, or the cotangent depends on the basis: NotDifferentiableError")
def orth(A: Array, rcond: float | None = None, *, gauge_tol: float | None = None) -> Array:
    """An orthonormal basis of the range of a matrix, as scipy.linalg.orth.

    Parameters
    ----------
    A : (..., m, n) array_like
        Real or complex, plain or traced; the matrices of a stack must have one rank.
    rcond : float, optional
        Singular values of at most this times the largest count as zero; by default max(m, n)·eps.
    gauge_tol : float, optional
        How much of a cotangent, relative to its largest entry, may depend on the choice of the basis; by
        default √eps.

    Returns
    -------
    (..., m, k) array
        Q with the range of A and Qᴴ Q = I.

    Raises
    ------
    NotDifferentiableError
        Where the cotangent depends on the basis, or a tangent changes the rank.  The projector Q Qᴴ,
        `range_projector`, has no such choice; for a basis that is determined use `qr` or np.linalg.svd.
    ValueError
        For matrices of different rank in a stack, fewer than two axes, nan and inf.

    Notes
    -----
    Among matrices of the same rank, dQ = (I − Q Qᴴ) dA A⁺ Q, up to a rotation of the basis, which is taken to
    be zero.  The singular value decomposition of the value gives A⁺.

    Examples
    --------
    >>> import numpy as np
    >>> np.abs(orth(np.array([[3.0, 3.0], [4.0, 4.0]])))
    array([[0.6],
           [0.8]])
    """
    A = as_matrix(A, "orth: A")
    return _range_basis(
        A, factor=RankFactor(primal(A), rcond, "orth"), tolerances=Tolerances(gauge=gauge_tol)
    )


@capability("a tangent changes the rank: NotDifferentiableError")
def range_projector(A: Array, rcond: float | None = None) -> Array:
    """The orthogonal projector onto the range of a matrix, A A⁺.

    Parameters
    ----------
    A : (..., m, n) array_like
        Real or complex, plain or traced; the matrices of a stack must have one rank.
    rcond : float, optional
        Singular values of at most this times the largest count as zero; by default max(m, n)·eps.

    Returns
    -------
    (..., m, m) array
        Hermitian, P² = P.

    Raises
    ------
    NotDifferentiableError
        Where a tangent changes the rank, for which the projector jumps.
    ValueError
        For matrices of different rank in a stack, fewer than two axes, nan and inf.

    Notes
    -----
    Among matrices of the same rank, dP = (I − P) dA A⁺ + ((I − P) dA A⁺)ᴴ (Golub & Pereyra, SIAM J. Numer.
    Anal. 10:413, 1973).  A pullback gives the gradient among those matrices.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.linalg.range_projector(np.array([[1.0], [0.0]]))
    array([[1., 0.],
           [0., 0.]])
    >>> fr.grad(lambda A: fr.linalg.range_projector(A)[0, 1])(np.array([[1.0], [0.0]]))
    array([[0.],
           [1.]])
    """
    A = as_matrix(A, "range_projector: A")
    return _projector(A, factor=RankFactor(primal(A), rcond, "range_projector"))


@capability("a tangent changes the rank: NotDifferentiableError")
def null_space_projector(A: Array, rcond: float | None = None) -> Array:
    """The orthogonal projector onto the null space of a matrix, I − A⁺ A.

    Parameters
    ----------
    A : (..., m, n) array_like
        Real or complex, plain or traced; the matrices of a stack must have one rank.
    rcond : float, optional
        Singular values of at most this times the largest count as zero; by default max(m, n)·eps.

    Returns
    -------
    (..., n, n) array
        Hermitian, P² = P.

    Raises
    ------
    NotDifferentiableError, ValueError
        As `range_projector`.

    Notes
    -----
    I minus the `range_projector` of Aᴴ.

    Examples
    --------
    >>> import numpy as np
    >>> np.allclose(null_space_projector(np.array([[1.0, 0.0]])), [[0, 0], [0, 1]])
    True
    """
    Ah = adjoint_matrix(as_matrix(A, "null_space_projector: A"))
    P = _projector(Ah, factor=RankFactor(primal(Ah), rcond, "null_space_projector"))
    return np.eye(np.shape(Ah)[-2], dtype=P.dtype) - P


@capability(
    "the cotangent of an angle of 0 or 90 degrees is not zero, unless it is 0 for all subspaces of these "
    "dimensions: NotDifferentiableError"
)
def subspace_angles(A: Array, B: Array, *, degeneracy_tol: float | None = None) -> Array:
    """The angles between the column spaces of two matrices, as scipy.linalg.subspace_angles.

    Parameters
    ----------
    A, B : (..., m, n) and (..., m, k) array_like
        Real or complex, plain or traced; leading axes broadcast, and in a stack the ranks must be the same.
    degeneracy_tol : float, optional
        How close to 0 or π/2 an angle counts as that; by default 10·m·eps.

    Returns
    -------
    (..., j) array
        The angles in descending order, in radians; j is the smaller of the ranks.

    Raises
    ------
    NotDifferentiableError
        Where a cotangent asks for an angle of 0 or π/2, or a pushforward meets one: there the angles fold
        over, as abs(x) does at 0.  Differentiable there: the squares of their sines, 1 − svdvals(Qᴬᴴ Qᴮ)², or
        functions of the projectors (range_projector).  Subspaces of dimensions p and q with p + q > m have
        p + q − m directions in common, whose angles are constant, of derivative 0.
    ValueError
        For different numbers of rows, fewer than two axes, nan and inf.

    Notes
    -----
    With orthonormal bases the cosines are the singular values of Qᴬᴴ Qᴮ, the sines those of the part of one
    basis outside of the other space; each angle is taken from the smaller of the two (Knyazev & Argentati,
    SIAM J. Sci. Comput. 23:2008, 2002), and so is its derivative.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda t: subspace_angles([[1.0], [0.0]], [[np.cos(t)], [np.sin(t)]])[0])(0.3)
    1.0
    """
    A, B = as_matrix(A, "subspace_angles: A"), as_matrix(B, "subspace_angles: B")
    m = np.shape(A)[-2]
    if np.shape(B)[-2] != m:
        raise ValueError(
            f"subspace_angles: A and B must have one number of rows, got shapes {np.shape(A)}, {np.shape(B)}"
        )
    A, B = same_dtype(A, B)
    stack = stack_shape("subspace_angles", A, B)
    first, second = orth(to_stack(A, stack)), orth(to_stack(B, stack))
    if np.shape(first)[-1] < np.shape(second)[-1]:
        first, second = second, first
    cosines = np.matmul(adjoint_matrix(first), second)
    outside = second - np.matmul(first, cosines)
    cos, sin = np.linalg.svdvals(cosines)[..., ::-1], np.linalg.svdvals(outside)
    small = primal(sin) ** 2 <= 0.5
    half = np.asarray(0.5, sin.dtype)
    # Each function sees only the values that it is used for; the others are replaced by one in its domain.
    angles = np.where(small, np.arcsin(np.where(small, sin, half)), np.arccos(np.where(small, half, cos)))
    plain = primal(angles)
    tol = 10 * m * np.finfo(plain.dtype).eps if degeneracy_tol is None else degeneracy_tol
    # The last ones are zero for all subspaces of these dimensions.
    count = plain.shape[-1]
    varies = np.arange(count) < count - max(np.shape(first)[-1] + np.shape(second)[-1] - m, 0)
    return _angles(angles, varies=varies, degenerate=((plain <= tol) | (plain >= np.pi / 2 - tol)) & varies)


# --- the factorization -------------------------------------------------------------------------------------


class RankFactor:
    """The singular value decomposition of a plain matrix, or of each of a stack, cut at the rank.

    Attributes
    ----------
    U, V : (..., m, r) and (..., n, r) array
        Singular vectors of the r singular values that are not zero.
    N : (..., n, n − r) array
        Those of the null space; only with ``full``.
    """

    reads = None  # all of the matrix, for pinv_of

    def __init__(
        self, A: Array, rcond: float | None, call: str, full: bool = False, driver: str = "gesdd"
    ) -> None:
        self.call = call
        m, n = A.shape[-2:]
        if driver not in ("gesdd", "gesvd"):
            raise ValueError(f"{call}: lapack_driver is 'gesdd' or 'gesvd', got {driver!r}")
        if driver == "gesdd" or not A.size:
            U, s, Vh = np.linalg.svd(A, full_matrices=full)
        else:
            U, s, Vh = _svd_by_gesvd(A, full)
        tol = max(m, n) * np.finfo(s.dtype).eps if rcond is None else rcond
        ranks = np.sum(s > tol * np.max(s, axis=-1, initial=0)[..., None], axis=-1)
        r = int(np.max(ranks, initial=0))
        if np.any(ranks != r):
            raise ValueError(
                f"{call}: the matrices of a stack have different ranks, from {np.min(ranks)} to {r}, and so "
                "results of different shapes. Call it for those of one rank at a time"
            )
        self.full_rank = r == min(m, n)
        self.U, self.s, self.V = U[..., :r], s[..., :r], adjoint_matrix(Vh[..., :r, :])
        self.N = adjoint_matrix(Vh[..., r:, :])

    @cached_property
    def pinv(self) -> Array:
        """A⁺."""
        return np.matmul(self.V / self.s[..., None, :], adjoint_matrix(self.U))

    def require_same_rank(self, v: Array) -> None:
        """Raise where a plain tangent moves the matrix to another rank."""
        if self.full_rank:
            return
        U, V = self.U, self.V
        part = v - np.matmul(U, np.matmul(adjoint_matrix(U), v))
        part = part - np.matmul(np.matmul(part, V), adjoint_matrix(V))
        refuse(
            part,
            v,
            f"fr.linalg.{self.call}: the tangent changes the rank of the matrix, for which its range and "
            "null space jump. Keep the rank fixed (by a product of factors), or regularize",
        )


def _svd_by_gesvd(A: Array, full: bool) -> Any:
    import scipy.linalg

    parts = [
        scipy.linalg.svd(one, full_matrices=full, lapack_driver="gesvd")
        for one in A.reshape(-1, *A.shape[-2:])
    ]
    return [
        np.reshape(part, (*A.shape[:-2], *part[0].shape)) for part in map(np.stack, zip(*parts, strict=True))
    ]


class _RankMap(LinearMap):
    """What the derivatives have in common: the matrix, traced or not, its factorization and A⁺."""

    __slots__ = ("A", "X", "_inverse", "factor", "tolerances")

    def __init__(self, A: Array, X: Array, factor: RankFactor, tolerances: Tolerances = DEFAULT) -> None:
        self.A, self.X = A, X
        self.factor = factor
        self.tolerances = tolerances
        self._inverse: Array = None

    @property
    def inverse(self) -> Array:
        """A⁺."""
        if self._inverse is None:
            self._inverse = pinv_of(self.A, self.factor)
        return self._inverse

    def require_free(self, w: Array, message: str) -> None:
        """Raise where a cotangent depends on a rotation of the basis X."""
        M = np.matmul(adjoint_matrix(primal(self.X)), primal(w))
        refuse(M - adjoint_matrix(M), primal(w), message, self.tolerances)


# --- bases and projectors ----------------------------------------------------------------------------------


class NullBasisMap(_RankMap):
    """dZ = −A⁺ dA Z; adjoint Z̄ ↦ −A⁺ᴴ Z̄ Zᴴ."""

    __slots__ = ()

    def push(self, v: Array) -> Array:
        self.factor.require_same_rank(primal(v))
        return -np.matmul(self.inverse, np.matmul(v, self.X))

    def pull(self, w: Array) -> Array:
        self.require_free(w, BASIS.format("null_space", "null_space_projector"))
        return -np.matmul(np.matmul(adjoint_matrix(self.inverse), w), adjoint_matrix(self.X))


class RangeBasisMap(_RankMap):
    """dQ = (I − Q Qᴴ) dA A⁺ Q; adjoint Q̄ ↦ (I − Q Qᴴ) Q̄ (A⁺ Q)ᴴ."""

    __slots__ = ()

    def push(self, v: Array) -> Array:
        self.factor.require_same_rank(primal(v))
        Q = self.X
        moved = np.matmul(v, np.matmul(self.inverse, Q))
        return moved - np.matmul(Q, np.matmul(adjoint_matrix(Q), moved))

    def pull(self, w: Array) -> Array:
        self.require_free(w, BASIS.format("orth", "range_projector"))
        Q = self.X
        outside = w - np.matmul(Q, np.matmul(adjoint_matrix(Q), w))
        return np.matmul(outside, adjoint_matrix(np.matmul(self.inverse, Q)))


BASIS = (
    "fr.linalg.{}: the basis is determined up to a rotation only, and the function depends on it, so it has "
    "no derivative. (Call the function once and use its result: two calls count as two bases.) Use the "
    "projector, fr.linalg.{}, or a function that is the same for every basis"
)


class ProjectorMap(_RankMap):
    """dP = D + Dᴴ, D = (I − P) dA A⁺; adjoint P̄ ↦ (I − P)(P̄ + P̄ᴴ) A⁺ᴴ."""

    __slots__ = ()

    def push(self, v: Array) -> Array:
        self.factor.require_same_rank(primal(v))
        moved = np.matmul(v, self.inverse)
        D = moved - np.matmul(self.X, moved)
        return D + adjoint_matrix(D)

    def pull(self, w: Array) -> Array:
        both = w + adjoint_matrix(w)
        return np.matmul(both - np.matmul(self.X, both), adjoint_matrix(self.inverse))


def _null_basis_body(A: Array, factor: RankFactor, tolerances: Tolerances) -> Any:
    Z = _null_basis(A, factor=factor, tolerances=tolerances)
    return Z, NullBasisMap(A, Z, factor, tolerances)


def _range_basis_body(A: Array, factor: RankFactor, tolerances: Tolerances) -> Any:
    Q = _range_basis(A, factor=factor, tolerances=tolerances)
    return Q, RangeBasisMap(A, Q, factor, tolerances)


def _projector_body(A: Array, factor: RankFactor) -> Any:
    P = _projector(A, factor=factor)
    return P, ProjectorMap(A, P, factor)


_null_basis = Rule(
    lambda A, factor, tolerances: factor.N.copy(), _null_basis_body, "frechet.linalg.null_space"
)
_range_basis = Rule(lambda A, factor, tolerances: factor.U.copy(), _range_basis_body, "frechet.linalg.orth")
_projector = Rule(
    lambda A, factor: np.matmul(factor.U, adjoint_matrix(factor.U)),
    _projector_body,
    "frechet.linalg.range_projector",
)


# --- angles ------------------------------------------------------------------------------------------------


class _Angles(LinearMap):
    """The identity on angles that vary, where they have a derivative; zero on those that do not vary."""

    __slots__ = ("degenerate", "varies")

    def __init__(self, varies: Array, degenerate: Array) -> None:
        self.varies, self.degenerate = varies, degenerate

    def push(self, v: Array) -> Array:
        if self.degenerate.any():
            raise NotDifferentiableError(FOLD)
        return v * self.varies

    def pull(self, w: Array) -> Array:
        refuse(primal(w) * self.degenerate, primal(w), FOLD)
        return w * self.varies


FOLD = (
    "fr.linalg.subspace_angles: an angle of 0 or 90 degrees has no derivative: angles fold over there, as "
    "|x| does at 0. Use functions of range_projector(A) and range_projector(B), or leave those angles out"
)


def _angles_body(angles: Array, varies: Array, degenerate: Array) -> Any:
    return angles * varies, _Angles(varies, degenerate)


_angles = Rule(
    lambda angles, varies, degenerate: angles * varies, _angles_body, "frechet.linalg.subspace_angles"
)
