"""Some eigenpairs of a sparse matrix that need not be Hermitian."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import NotDifferentiableError
from ...linalg._structured import outer, times
from ...linear_map import Array, LinearMap
from ...rule import Rule, carriers, primal
from ...rules.linalg_gaps import certainly_zero
from ._arguments import sparse_matrix
from ._bordered import Pairs, solve_bordered
from ._capability import capability

__all__ = ["eigs"]


@capability("equal eigenvalues, or a function that depends on the phase of a vector: NotDifferentiableError")
def eigs(
    A: Any,
    k: int = 6,
    M: Any = None,
    sigma: complex | None = None,
    which: str = "LM",
    v0: Array | None = None,
    ncv: int | None = None,
    maxiter: int | None = None,
    tol: float = 0,
    return_eigenvectors: bool = True,
    Minv: Any = None,
    OPinv: Any = None,
    OPpart: str | None = None,
    rng: Any = None,
) -> Any:
    """Some eigenvalues and right eigenvectors of a sparse matrix, as scipy.sparse.linalg.eigs.

    Parameters
    ----------
    A : (n, n) sparse array, array or LinearOperator
        Arrays may have traced values, an operator is constant.
    k : int, optional
        How many pairs, less than n − 1.
    M : optional
        SciPy's, for plain matrices: there is no derivative of a generalized problem.
    sigma : complex, optional
        Pairs near to it are found; constant.
    which : {"LM", "SM", "LR", "SR", "LI", "SI"}, optional
        Which pairs; of largest absolute value by default.
    v0, ncv, maxiter, tol, Minv, OPinv, OPpart, rng
        SciPy's.
    return_eigenvectors : bool, optional
        Whether vectors are returned.

    Returns
    -------
    w : (k,) complex array
        The eigenvalues.
    v : (n, k) complex array
        The eigenvectors, as columns of length one; not with return_eigenvectors=False.

    Raises
    ------
    NotDifferentiableError
        Where a derivative is asked for at equal eigenvalues, or of what depends on a phase; for a traced
        generalized problem.
    scipy.sparse.linalg.ArpackNoConvergence
        If the pairs are not found.
    TypeError
        If A is no matrix of numbers.
    ValueError
        For a matrix that is not square, nan and inf.

    Notes
    -----
    dλ and dv together solve a sparse system with A − λI, bordered by v; the left eigenvectors are not needed.
    One factorization for each pair serves derivatives of all orders.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> A = sp.diags_array([1.0, 2.0, 3.0, 4.0, 5.0])
    >>> abs(fr.sparse.linalg.eigs(A, 2, return_eigenvectors=False)).round(12).max()
    np.float64(5.0)
    """
    from scipy.sparse.linalg import LinearOperator
    from scipy.sparse.linalg import eigs as search

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
        "OPpart": OPpart,
        "rng": rng,
    }
    if isinstance(A, LinearOperator):
        w, V = search(A, M=M, **options)
        return (w, V) if return_eigenvectors else w
    p, pattern = sparse_matrix(A, "eigs")
    if type(p) not in carriers:
        w, V = search(pattern.matrix(p), M=M, **options)
        return (w, V) if return_eigenvectors else w
    if M is not None:
        raise NotDifferentiableError(
            "eigs: a generalized problem has no derivative here; it is the standard one for M⁻¹ A"
        )
    plain = np.asarray(primal(p))
    w, V = search(pattern.matrix(plain), **options)
    w, v = _pairs(p, Pairs("eigs", plain.astype(V.dtype), pattern, w, V))
    return (w, v) if return_eigenvectors else w


def _pairs_body(p: Array, pairs: Pairs) -> Any:
    w, V = _pairs(p, pairs)
    return (w, V), _PairsMap(p, w, V, pairs)


_pairs = Rule(lambda p, pairs: (pairs.w, pairs.V), _pairs_body, "frechet.sparse.linalg.eigs")


class _PairsMap(LinearMap):
    """v ↦ the tangents of eigenvalues and vectors, K⁻¹ (−dA v, 0) = (dv, −dλ); see `_bordered`."""

    __slots__ = ("V", "p", "pairs", "w")

    def __init__(self, p: Array, w: Array, V: Array, pairs: Pairs) -> None:
        self.p, self.w, self.V, self.pairs = p, w, V, pairs

    def push(self, v: Array) -> Any:
        F = -times(v.astype(self.pairs.V.dtype), self.V, self.pairs.pattern, False)
        of_vectors, minus = solve_bordered(self.p, self.w, self.V, F, None, self.pairs, False)
        return -minus, of_vectors

    def pull(self, w: Any) -> Array:
        of_values, of_vectors = w
        if not certainly_zero(of_vectors):
            self.pairs.require_phase(of_vectors, self.V)
        Y = solve_bordered(self.p, self.w, self.V, of_vectors, -of_values, self.pairs, True)[0]
        return -outer(Y, self.V, self.pairs.pattern)
