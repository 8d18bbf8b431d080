"""Projectors onto the invariant subspaces that belong to sets of eigenvalues, and bases of these."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, adjoint_matrix, compose, left, right
from ..maps import Broadcast
from ..rule import Rule, primal
from ..rules.linalg_gaps import Tolerances, refuse
from ._arguments import as_matrix
from ._capability import capability
from ._eigh import read_triangle
from ._spectral_split import Select, Split, split

__all__ = ["invariant_subspace", "spectral_projector"]


@capability("where the selection separates equal eigenvalues: LinAlgError")
def spectral_projector(
    A: Array,
    select: Any,
    *,
    assume: str | None = None,
    check_finite: bool = True,
    degeneracy_tol: float | None = None,
) -> Array:
    """The projector onto the invariant subspace that belongs to some of the eigenvalues of a matrix.

    It commutes with A, and its null space is the invariant subspace of the other eigenvalues.

    Parameters
    ----------
    A : (..., n, n) array
        Real or complex, plain or traced; leading axes are a batch.
    select : callable, str, slice or array
        Which eigenvalues.  A callable is given those of one matrix, shape (n,) (real and ascending for
        "hermitian", else complex and in no order), and returns a mask of that shape.  "lhp", "rhp", "iuc",
        "ouc": left and right half plane, inside (with the rim) and outside of the unit circle.  For
        "hermitian" also a slice or an array of indices into the ascending eigenvalues.
    assume : {None, "hermitian"}, optional
        Hermitian matrices, of which the lower triangle is read, are split by eigenvectors, others by an
        ordered Schur form.
    check_finite : bool, optional
        Whether nan and inf are refused.
    degeneracy_tol : float, optional
        Selected and other eigenvalues that differ by no more than this times the largest are an error;
        default 10 n eps.

    Returns
    -------
    (..., n, n) array
        P = P².  Real for real A, unless one of a pair of conjugate eigenvalues is selected without the other.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where the selection separates equal eigenvalues.
    ValueError
        For wrong shapes and selections, nan and inf.

    Notes
    -----
    P is a smooth function of A as long as no eigenvalue enters or leaves the selection, however close
    eigenvalues are among the selected or among the others: only differences across enter.  From A P = P A,
    dP is the solution of A dP − dP A = P dA − dA P that maps one subspace to the other: two Sylvester
    equations (Stewart and Sun, Matrix Perturbation Theory, 1990, chapter V).  One factorization of A, of
    some 25 n³ operations, serves value and derivatives of every order; each direction of a derivative takes a
    few products.  The error of P is of the order of eps ‖A‖ ‖P‖²/sep, sep the separation of the two parts.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.linalg.spectral_projector(np.array([[1.0, 3.0], [0.0, 2.0]]), lambda w: w.real < 1.5)
    array([[ 1., -3.],
           [ 0.,  0.]])

    The derivative exists where those of the eigenvectors do not:

    >>> P = lambda A: fr.linalg.spectral_projector(A, slice(0, 2), assume="hermitian")
    >>> E = np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])
    >>> fr.jvp(P, (np.diag([1.0, 1.0, 2.0]),), (E,))[1]
    array([[ 0.,  0., -1.],
           [ 0.,  0., -1.],
           [-1., -1.,  0.]])
    """
    A, parts = _prepared(A, select, assume, check_finite, degeneracy_tol, "spectral_projector")
    return _projector(A, split=parts)


@capability(
    "a cotangent that depends on the choice of the basis: NotDifferentiableError; as spectral_projector"
)
def invariant_subspace(
    A: Array,
    select: Any,
    *,
    assume: str | None = None,
    check_finite: bool = True,
    degeneracy_tol: float | None = None,
    gauge_tol: float | None = None,
) -> Array:
    """An orthonormal basis of the invariant subspace that belongs to some of the eigenvalues of a matrix.

    Parameters
    ----------
    A, select, assume, check_finite, degeneracy_tol
        As in `spectral_projector`.
    gauge_tol : float, optional
        A cotangent is refused if the part of it that depends on the choice of the basis is more than this
        times its largest entry; default sqrt(eps).

    Returns
    -------
    (..., n, k) array
        Q with Qᴴ Q = I, whose columns span the subspace.  In a batch all subspaces must have one dimension.

    Raises
    ------
    numpy.linalg.LinAlgError, ValueError
        As `spectral_projector`.
    NotDifferentiableError
        Where a function of the basis is differentiated that is not one of the subspace.

    Notes
    -----
    Any Q U with unitary U would do as well.  A pushforward takes the motion with Qᴴ dQ = 0: dQ = (I − Q Qᴴ)
    dP Q, P the spectral projector.  A pullback asks whether the function depends on U, that is whether Qᴴ Q̄
    is Hermitian, and raises if it does; for functions of the subspace (of Q Qᴴ) every derivative is exact.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A = np.diag([1.0, 1.0, 2.0])
    >>> fr.linalg.invariant_subspace(A, lambda w: w.real < 1.5).shape
    (3, 2)
    >>> def share(A):  # of the third unit vector in the subspace
    ...     return np.sum(fr.linalg.invariant_subspace(A, slice(0, 2), assume="hermitian")[2] ** 2)
    >>> float(fr.hessian(share)(A)[0, 2, 0, 2])
    0.5
    """
    A, parts = _prepared(A, select, assume, check_finite, degeneracy_tol, "invariant_subspace")
    if parts.basis is None:
        raise ValueError(
            "invariant_subspace: the subspaces of the matrices of the batch differ in dimension; call it for "
            "each"
        )
    return _subspace(A, split=parts, tolerances=Tolerances(gauge=gauge_tol))


def _prepared(
    A: Array, select: Any, assume: str | None, check_finite: bool, degeneracy_tol: float | None, call: str
) -> tuple[Array, Split]:
    A = as_matrix(A, f"{call}: A", square=True, check_finite=check_finite)
    if assume not in (None, "hermitian"):
        raise ValueError(f'{call}: assume is None or "hermitian", got {assume!r}')
    if assume:
        A = read_triangle(A, True)
    test = _as_test(select, bool(assume), call)
    return A, split(primal(A), test, bool(assume), degeneracy_tol, call)


_REGIONS: dict[str, Select] = {
    "lhp": lambda w: np.real(w) < 0,
    "rhp": lambda w: np.real(w) >= 0,
    "iuc": lambda w: np.abs(w) <= 1,
    "ouc": lambda w: np.abs(w) > 1,
}


def _as_test(select: Any, hermitian: bool, call: str) -> Select:
    """The selection as a function from eigenvalues to a mask."""
    if isinstance(select, str):
        if select not in _REGIONS:
            raise ValueError(
                f"{call}: select is one of {', '.join(_REGIONS)}, a callable or indices; got {select!r}"
            )
        return _REGIONS[select]
    if not callable(select):
        if not hermitian:
            raise ValueError(
                f"{call}: the eigenvalues of a general matrix have no order to index into; pass a callable "
                'that returns a mask, or assume="hermitian"'
            )

        def by_index(w: Array) -> Array:
            mask = np.zeros(w.shape, bool)
            index = select if isinstance(select, slice) else np.asarray(select)
            if not isinstance(index, slice):
                index = index if index.size else index.astype(int)
                inside = index.dtype.kind in "iu" and np.all((-w.size <= index) & (index < w.size))
                if not inside and not (index.dtype == bool and index.shape == w.shape):
                    raise ValueError(f"{call}: {select!r} does not index {w.size} eigenvalues")
            mask[index] = True
            return mask

        return by_index

    def test(w: Array) -> Array:
        mask = np.asarray(select(w))
        if mask.shape != w.shape or mask.dtype != bool:
            raise ValueError(
                f"{call}: select must return a mask of shape {w.shape}, got shape {mask.shape} and dtype "
                f"{mask.dtype}"
            )
        return mask

    return test


# --- rules --------------------------------------------------------------------------------------------------
#
# Let Q = I − P.  The part of R across the two subspaces is P R Q + Q R P, and S(R) the solution Y of that
# kind of A Y − Y A = that part of R.  Then A P = P A gives dP = S(P dA − dA P).
#
# The derivative of Y = S(R).  With J = Q − P the part of R across is R − P R P − Q R Q, of tangent
# dR + dP R J + J R dP across; differentiating the equation, A dY − dY A = across(dR + dP R J + J R dP) −
# (dA Y − Y dA), of which the part across gives that of dY.  Its part within the subspaces comes from
# P Y P = 0 and Q Y Q = 0, which give P dY P = −P (dP Y + Y dP) P and Q dY Q = Q (dP Y + Y dP) Q: it is
# J (dP Y + Y dP).


def _projector_body(A: Array, split: Split) -> Any:
    return _projector(A, split=split), _projector_map(A, split)


def _projector_map(A: Array, split: Split) -> LinearMap:
    P = _projector(A, split=split)
    return _Across(A, split) @ (left(P) - right(P))


_projector = Rule(lambda A, split: split.projector, _projector_body, "frechet.linalg.spectral_projector")


class _Across(LinearMap):
    """S: R ↦ Y.  Its adjoint is W ↦ −S(Wᴴ)ᴴ, as Aᴴ Yᴴ − Yᴴ Aᴴ = −(A Y − Y A)ᴴ."""

    __slots__ = ("A", "split")

    def __init__(self, A: Array, split: Split) -> None:
        self.A = A
        self.split = split

    def push(self, v: Array) -> Array:
        return _across(self.A, v, split=self.split)

    def pull(self, w: Array) -> Array:
        return -adjoint_matrix(_across(self.A, adjoint_matrix(w), split=self.split))


def _across_body(A: Array, R: Array, split: Split) -> Any:
    Y, S = _across(A, R, split=split), _Across(A, split)
    P = _projector(A, split=split)
    J = np.eye(np.shape(A)[-1], dtype=primal(P).dtype) - 2 * P
    dP = S @ (left(P) - right(P))
    turned = (right(np.matmul(R, J)) + left(np.matmul(J, R))) @ dP
    in_A = S @ (left(Y) - right(Y) + turned) + left(J) @ (right(Y) + left(Y)) @ dP
    return Y, (compose(in_A, Broadcast(np.shape(A), np.shape(R))), S)


_across = Rule(lambda A, R, split: split.solve(R), _across_body, "frechet.linalg.spectral_projector")


def _subspace_body(A: Array, split: Split, tolerances: Tolerances) -> Any:
    Q = _subspace(A, split=split, tolerances=tolerances)
    return Q, compose(_Motion(Q, tolerances), _projector_map(A, split))


_subspace = Rule(
    lambda A, split, tolerances: split.basis, _subspace_body, "frechet.linalg.invariant_subspace"
)


class _Motion(LinearMap):
    """dP ↦ (I − Q Qᴴ) dP Q."""

    __slots__ = ("Q", "tolerances")

    def __init__(self, Q: Array, tolerances: Tolerances) -> None:
        self.Q = Q
        self.tolerances = tolerances

    def _outside(self, X: Array) -> Array:
        return X - np.matmul(self.Q, np.matmul(adjoint_matrix(self.Q), X))

    def push(self, v: Array) -> Array:
        return self._outside(np.matmul(v, self.Q))

    def pull(self, w: Array) -> Array:
        Q, plain = primal(self.Q), primal(w)
        inside = np.matmul(adjoint_matrix(Q), plain)
        refuse(inside - adjoint_matrix(inside), plain, BASIS, self.tolerances)
        return np.matmul(self._outside(w), adjoint_matrix(self.Q))


BASIS = (
    "invariant_subspace: any orthonormal basis of the subspace would do, and the function depends on which "
    "one, so it has no derivative. Make it a function of Q Qᴴ, or use fr.linalg.spectral_projector"
)
