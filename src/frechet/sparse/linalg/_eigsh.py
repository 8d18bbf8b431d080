"""Some eigenpairs of a sparse Hermitian matrix, and some singular triples of a sparse matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import NotDifferentiableError
from ...linalg._structured import outer, times
from ...linear_map import Array, LinearMap
from ...rule import Rule, carriers, primal
from ...rules.linalg_gaps import UndefinedTangent, certainly_zero, equal_pairs
from .._pattern import Pattern
from ._arguments import sparse_matrix
from ._bordered import Pairs, solve_bordered
from ._capability import capability
from ._superlu import is_hermitian

__all__ = ["eigsh", "svds"]


@capability(
    "vectors of equal eigenvalues, functions that treat those differently, or that depend on the phase of a "
    "vector: NotDifferentiableError"
)
def eigsh(
    A: Any,
    k: int = 6,
    M: Any = None,
    sigma: float | None = None,
    which: str = "LM",
    v0: Array | None = None,
    ncv: int | None = None,
    maxiter: int | None = None,
    tol: float = 0,
    return_eigenvectors: bool = True,
    Minv: Any = None,
    OPinv: Any = None,
    mode: str = "normal",
    rng: Any = None,
) -> Any:
    """Some eigenvalues and eigenvectors of a sparse Hermitian matrix, as scipy.sparse.linalg.eigsh.

    Parameters
    ----------
    A : (n, n) sparse array, array or LinearOperator
        Hermitian.  Arrays may have traced values, an operator is constant.
    k : int, optional
        How many pairs, less than n.
    M : optional
        SciPy's, for plain matrices: there is no derivative of a generalized problem.
    sigma : float, optional
        Pairs near to it are found; constant.
    which : {"LM", "SM", "LA", "SA", "BE"}, optional
        Which pairs; of largest absolute value by default.
    v0, ncv, maxiter, tol, Minv, OPinv, mode, rng
        SciPy's.
    return_eigenvectors : bool, optional
        Whether vectors are returned.

    Returns
    -------
    w : (k,) array
        The eigenvalues, ascending.
    v : (n, k) array
        The eigenvectors, as columns of length one; not with return_eigenvectors=False.

    Raises
    ------
    NotDifferentiableError
        Where a derivative is asked for that depends on the choice of vectors; for a traced generalized
        problem.
    scipy.sparse.linalg.ArpackNoConvergence
        If the pairs are not found.
    TypeError
        If A is no matrix of numbers.
    ValueError
        For a matrix that is not Hermitian, nan and inf.

    Notes
    -----
    dλ = vᴴ dA v: the gradient of an eigenvalue is v vᴴ on the pattern, with no further work.  dv solves a
    sparse system with A − λI, bordered by v (see Nelson, AIAA J. 14:1201, 1976): one factorization for each
    pair whose vector is differentiated, or whose eigenvalue is so twice.  Gradients are Hermitian.

    Eigenvectors have an arbitrary sign, or phase, which depends on the start v0.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> A = sp.diags_array([1.0, 2.0, 3.0, 4.0])
    >>> fr.sparse.linalg.eigsh(A, 2, return_eigenvectors=False).round(12)
    array([3., 4.])
    """
    from scipy.sparse.linalg import LinearOperator
    from scipy.sparse.linalg import eigsh as search

    options = {
        "k": k,
        "sigma": sigma,
        "which": which,
        "v0": v0,
        "ncv": ncv,
        "maxiter": maxiter,
        "tol": tol,
        "Minv": Minv,
        "OPinv": OPinv,
        "mode": mode,
        "rng": rng,
    }
    if isinstance(A, LinearOperator):
        w, V = _ascending(*search(A, M=M, **options))
        return (w, V) if return_eigenvectors else w
    p, pattern = sparse_matrix(A, "eigsh")
    plain = np.asarray(primal(p))
    if not is_hermitian(plain, pattern):
        raise ValueError("eigsh: A must be Hermitian; eigs takes other matrices")
    if type(p) not in carriers:
        w, V = _ascending(*search(pattern.matrix(p), M=M, **options))
        return (w, V) if return_eigenvectors else w
    if M is not None:
        raise NotDifferentiableError(
            "eigsh: a generalized problem has no derivative here; with M = L Lᴴ it is the standard one for "
            "L⁻¹ A L⁻ᴴ, or use fr.linalg.eigh"
        )
    w, V = _ascending(*search(pattern.matrix(plain), **options))
    p = (p + np.conj(p[pattern.transposed[1]])) * 0.5  # gradients are those of Hermitian matrices
    pairs = Pairs("eigsh", np.asarray(primal(p)), pattern, w, V)
    return _pairs(p, pairs) if return_eigenvectors else _values(p, pairs)


def _ascending(w: Array, V: Array) -> tuple[Array, Array]:
    """Pairs in the order of the values; for complex matrices SciPy's depends on the random start."""
    order = np.argsort(w, kind="stable")
    return w[order], V[:, order]


@capability(
    "vectors of equal singular values or of zero, functions that treat those differently, or that depend on "
    "the phase of the vectors: NotDifferentiableError"
)
def svds(
    A: Any,
    k: int = 6,
    ncv: int | None = None,
    tol: float = 0,
    which: str = "LM",
    v0: Array | None = None,
    maxiter: int | None = None,
    return_singular_vectors: bool | str = True,
    solver: str = "arpack",
    rng: Any = None,
    options: dict[str, Any] | None = None,
) -> Any:
    """Some singular values and vectors of a sparse matrix, as scipy.sparse.linalg.svds.

    Parameters
    ----------
    A : (m, n) sparse array, array or LinearOperator
        Arrays may have traced values, an operator is constant.
    k : int, optional
        How many, less than the smaller of m and n (for solver="arpack").
    ncv, tol, which, v0, maxiter, solver, rng, options
        SciPy's.
    return_singular_vectors : {True, False, "u", "vh"}, optional
        Which vectors are returned.

    Returns
    -------
    u : (m, k) array
        The left vectors, as columns; None for "vh".
    s : (k,) array
        The singular values; alone with return_singular_vectors=False.
    vh : (k, n) array
        The right vectors, conjugate, as rows; None for "u".

    Raises
    ------
    NotDifferentiableError
        Where a derivative is asked for that depends on the choice of vectors.
    scipy.sparse.linalg.ArpackNoConvergence
        If they are not found.
    TypeError
        If A is no matrix of numbers.
    ValueError
        For nan and inf.

    Notes
    -----
    A singular value is an eigenvalue of [[0, A], [Aᴴ, 0]], with the vector (u, v)/√2, and is differentiated
    as such (see `eigsh`): the gradient of s is u vᴴ on the pattern.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> A = sp.diags_array([1.0, 2.0, 3.0, 4.0])
    >>> fr.sparse.linalg.svds(A, 2, return_singular_vectors=False).round(12)
    array([3., 4.])
    """
    from scipy.sparse.linalg import LinearOperator
    from scipy.sparse.linalg import svds as search

    given = {
        "k": k,
        "ncv": ncv,
        "tol": tol,
        "which": which,
        "v0": v0,
        "maxiter": maxiter,
        "solver": solver,
        "rng": rng,
        "options": options,
    }
    wanted = return_singular_vectors
    if isinstance(A, LinearOperator):
        return search(A, return_singular_vectors=wanted, **given)
    p, pattern = sparse_matrix(A, "svds", square=False)
    if type(p) not in carriers:
        return search(pattern.matrix(p), return_singular_vectors=wanted, **given)
    u, s, vh = search(pattern.matrix(np.asarray(primal(p))), **given)
    V = np.concatenate([u, vh.conj().T]) * np.sqrt(0.5).astype(s.dtype)
    q, augmented = _augmented(p, pattern)
    pairs = Pairs("svds", np.asarray(primal(q)), augmented, s, V)
    if not wanted:
        return _values(q, pairs)
    s, V = _pairs(q, pairs)
    V = V * np.sqrt(2.0).astype(primal(s).dtype)
    m = pattern.shape[0]
    left, right = V[:m], np.conj(V[m:]).T
    return (None if wanted == "vh" else left), s, (None if wanted == "u" else right)


def _augmented(p: Array, pattern: Pattern) -> tuple[Array, Pattern]:
    """Values and pattern of [[0, A], [Aᴴ, 0]]: the rows of A, and below them those of Aᴴ."""
    (m, n), (below, places) = pattern.shape, pattern.transposed
    indices = np.concatenate([pattern.indices + m, below.indices])
    indptr = np.concatenate([pattern.indptr, below.indptr[1:] + pattern.nnz])
    return np.concatenate([p, np.conj(p[places])]), Pattern(indices, indptr, (m + n, m + n))


# --- the rule ----------------------------------------------------------------------------------------------
#
# dλ = Re vᴴ dA v, with the adjoint λ̄ ↦ v λ̄ vᴴ on the pattern; dv is the upper part of K⁻¹ (−dA v, 0), see
# `_bordered`, and K is Hermitian.


def _pairs_body(p: Array, pairs: Pairs) -> Any:
    w, V = _pairs(p, pairs)
    return (w, V), _PairsMap(p, w, V, pairs)


def _values_body(p: Array, pairs: Pairs) -> Any:
    w, V = _pairs(p, pairs)
    return w, _ValuesMap(p, w, V, pairs)


_pairs = Rule(lambda p, pairs: (pairs.w, pairs.V), _pairs_body, "frechet.sparse.linalg.eigsh")
_values = Rule(lambda p, pairs: pairs.w, _values_body, "frechet.sparse.linalg.eigsh")


class _ValuesMap(LinearMap):
    """v ↦ the tangents of the eigenvalues."""

    __slots__ = ("V", "equal", "p", "pairs", "w")

    def __init__(self, p: Array, w: Array, V: Array, pairs: Pairs) -> None:
        self.p, self.w, self.V, self.pairs = p, w, V, pairs
        self.equal = equal_pairs(pairs.w)

    def push(self, v: Array) -> Any:
        return np.real(np.sum(np.conj(self.V) * times(v, self.V, self.pairs.pattern, False), axis=-2))

    def pull(self, w: Array) -> Array:
        if self.equal.any():
            plain = np.asarray(primal(w))
            differ = self.equal * np.abs(plain[..., None, :] - plain[..., :, None])
            if differ.max() > np.sqrt(np.finfo(plain.dtype).eps) * np.abs(plain).max():
                raise self.multiple()
        return outer(self.V * w[..., None, :], self.V, self.pairs.pattern)

    def multiple(self) -> NotDifferentiableError:
        """The error for vectors of equal values."""
        return NotDifferentiableError(
            f"{self.pairs.call}: two of the values are equal, and a function of their vectors, or one that "
            "treats them differently, has no derivative: the vectors are an arbitrary basis. Functions of "
            "all of them are differentiable: logdet, trace_inv, expm_multiply"
        )


class _PairsMap(_ValuesMap):
    """v ↦ the tangents of the eigenvalues and of the vectors."""

    __slots__ = ()

    def push(self, v: Array) -> Any:
        return super().push(v), self._vectors(v)

    def _vectors(self, v: Array) -> Any:
        shape = np.shape(v)[:-1] + np.shape(self.V)
        if self.equal.any():
            return UndefinedTangent(shape, self.pairs.V.dtype, str(self.multiple()))
        F = -times(v, self.V, self.pairs.pattern, False)
        try:
            return solve_bordered(self.p, self.w, self.V, F, None, self.pairs, False)[0]
        except NotDifferentiableError as error:
            return UndefinedTangent(shape, self.pairs.V.dtype, str(error))

    def pull(self, w: Any) -> Array:
        of_values, of_vectors = w
        gradient = super().pull(of_values)
        if certainly_zero(of_vectors):
            return gradient
        if self.equal.any():
            raise self.multiple()
        self.pairs.require_phase(of_vectors, self.V)
        Y = solve_bordered(self.p, self.w, self.V, of_vectors, None, self.pairs, True)[0]
        return gradient - outer(Y, self.V, self.pairs.pattern)
