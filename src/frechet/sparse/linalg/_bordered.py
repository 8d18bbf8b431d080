"""Derivatives of an eigenpair of a sparse matrix, by one linear system that is regular.

Of A v = λ v and vᴴv = 1 the tangents are, for a simple eigenvalue and the v that moves least (vᴴ dv = 0),

    K (dv, −dλ) = (−dA v, 0),    K = [[A − λI, v], [vᴴ, 0]].

K is as sparse as A but for its border, and its factorization serves derivatives of all orders: it is linear
in the values of A, λ and v, and so a structure (see `linalg._structured`), of which these are the parameters.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import NotDifferentiableError
from ...linalg._factor import OneMatrix
from ...linalg._structured import solve as structured_solve
from ...linear_map import Array
from ...rule import primal
from .._pattern import Pattern, values_and_pattern
from ._superlu import BY_DEGREE, diagonal_leads

__all__ = ["Pairs", "solve_bordered"]


class Bordered:
    """K as a structure; its parameters are the values of A, λ and v, in one vector."""

    ndim = 1

    def __init__(self, pattern: Pattern) -> None:
        self.pattern, self.n, self.nnz = pattern, pattern.shape[0], pattern.nnz

    def _split(self, q: Array) -> tuple[Array, Array, Array]:
        return q[..., : self.nnz], q[..., self.nnz, None, None], q[..., self.nnz + 1 :, None]

    def times(self, q: Array, X: Array, adjoint: bool) -> Array:
        """K X or Kᴴ X."""
        p, value, v = self._split(q)
        x, last = X[..., : self.n, :], X[..., self.n :, :]
        value = np.conj(value) if adjoint else value
        above = self.pattern.times(p, x, adjoint) - value * x + v * last
        below = np.sum(np.conj(v) * x, axis=-2, keepdims=True)
        return np.concatenate([above, below], axis=-2)

    def outer(self, W: Array, X: Array) -> Array:
        """The parameters of ⟨w, dA x − dλ x + dv μ⟩ + ⟨ω, dvᴴ x⟩, for W = (w, ω) and X = (x, μ)."""
        (w, omega), (x, mu) = (np.split(Y, [self.n], axis=-2) for Y in (W, X))
        of_value = -np.sum(w * np.conj(x), axis=(-2, -1))[..., None]
        of_v = np.sum(w * np.conj(mu) + np.conj(omega) * x, axis=-1)
        return np.concatenate([self.pattern.outer(w, x), of_value, of_v], axis=-1)


class _BorderedLU(OneMatrix):
    """A factorization of the plain K."""

    def __init__(self, p: Array, pattern: Pattern, value: Any, v: Array, call: str) -> None:
        import scipy.sparse as sp
        from scipy.sparse.linalg import splu

        self.call, self.reads = call, None
        shifted, column = pattern.matrix(p) - value * sp.eye_array(len(v)), sp.csc_array(v[:, None])
        options = BY_DEGREE if diagonal_leads(*values_and_pattern(shifted, call)) else {}
        K = sp.block_array([[shifted, column], [column.conj().T, None]], format="csc")
        self.n, self.dtype = K.shape[0], K.dtype
        try:
            self.lu = splu(K, **options)
        except RuntimeError as error:
            if "singular" not in str(error):
                raise
            raise self._multiple() from None
        # ‖K⁻¹‖ is the inverse of the distance to the next eigenvalue, or more; where that is of the size of
        # rounding, there is no derivative.  Two steps of the power method tell.
        x = np.random.default_rng(0).standard_normal((self.n, 1)).astype(self.dtype)
        for adjoint in (False, True):
            x = self._solve_columns(x / np.linalg.norm(x), adjoint)
        if not np.linalg.norm(x) <= 1e-2 / (np.finfo(self.dtype).eps * float(abs(K).sum(axis=1).max())):
            raise self._multiple()

    def _solve_columns(self, B: Array, adjoint: bool) -> Array:
        return np.asarray(self.lu.solve(np.asfortranarray(B), "H" if adjoint else "N"))

    def _multiple(self) -> NotDifferentiableError:
        return NotDifferentiableError(
            f"{self.call}: an eigenvalue (or singular value) is equal to another one, or nearly, so that its "
            "vectors have no derivative: they are an arbitrary basis. Functions of all of them are "
            "differentiable: logdet, trace_inv, expm_multiply"
        )


class Pairs:
    """Plain eigenpairs of a plain matrix, with the factorizations that their derivatives need.

    Parameters
    ----------
    call : str
        For messages.
    p : (nnz,) array
        The values of the matrix.
    pattern : Pattern
        Of the matrix.
    w : (k,) array
        The eigenvalues.
    V : (n, k) array
        The eigenvectors, as columns of length one.
    """

    def __init__(self, call: str, p: Array, pattern: Pattern, w: Array, V: Array) -> None:
        self.call, self.p, self.pattern, self.w, self.V = call, p, pattern, w, V
        self.structure = Bordered(pattern)
        self._factors: dict[int, _BorderedLU] = {}

    def factor(self, k: int) -> _BorderedLU:
        """That of K for pair k."""
        if k not in self._factors:
            self._factors[k] = _BorderedLU(self.p, self.pattern, self.w[k], self.V[:, k], self.call)
        return self._factors[k]

    def require_phase(self, cotangent: Array, V: Array) -> None:
        """Raise where a function of complex vectors depends on their phases, which are arbitrary."""
        if self.V.dtype.kind != "c":
            return
        turned = np.abs(np.imag(np.sum(np.conj(self.V) * primal(cotangent), axis=-2)))
        size = np.max(np.abs(primal(cotangent)), initial=0)
        if np.max(turned, initial=0) > np.sqrt(np.finfo(self.V.dtype).eps) * size:
            raise NotDifferentiableError(
                f"{self.call}: the function depends on the phase of an eigenvector, which is arbitrary. "
                "Use what does not, such as abs(v) or v vᴴ"
            )


def solve_bordered(
    p: Array, w: Array, V: Array, F: Array, G: Array | None, pairs: Pairs, adjoint: bool
) -> tuple[Array, Array]:
    """K⁻¹ (f, g) or K⁻ᴴ (f, g) for each pair, f being a column of F and g an entry of G (or zero).

    Parameters
    ----------
    p, w, V : array
        Plain or traced: the parameters of K.
    F : (..., n, k) array
        The upper parts of the right sides; leading axes are directions.
    G : (..., k) array or None
        The last entries.
    pairs : Pairs
        With the factorizations.
    adjoint : bool
        Whether with Kᴴ.

    Returns
    -------
    (..., n, k) and (..., k) arrays
        The upper parts and the last entries of the solutions.
    """
    upper, last = [], []
    n = np.shape(V)[0]
    for k in range(np.shape(V)[1]):
        f = F[..., k]
        g = np.zeros((*f.shape[:-1], 1), primal(f).dtype) if G is None else G[..., k, None]
        dtype = np.result_type(primal(p), primal(w), primal(V))
        q = np.concatenate([p.astype(dtype), w[k : k + 1].astype(dtype), V[:, k].astype(dtype)])
        right = np.concatenate([f, g], axis=-1)
        right = right.astype(np.result_type(primal(right), dtype))[..., None]
        x = structured_solve(q, right, pairs.structure, pairs.factor(k), adjoint)[..., 0]
        upper.append(x[..., :n])
        last.append(x[..., n])
    return np.stack(upper, axis=-1), np.stack(last, axis=-1)
