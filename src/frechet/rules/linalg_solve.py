"""numpy.linalg: inverses, linear systems, determinants, powers and chains of matrices."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, compose, linear
from ..rule import Rule, composed, primal, rule_for
from .linalg_factors import (
    LU,
    Factorization,
    Stacked,
    factorized,
    inverse_rule,
    solve_rule,
    through_reading,
)
from .products import as_array

# --- inverses and linear systems ---------------------------------------------------------------------------


@rule_for(np.linalg.inv)
def inv(a: Array) -> Any:
    a = as_array(a)
    return inverse_rule.body(a, factorized(a))


@rule_for(np.linalg.solve)
def solve(a: Array, b: Array) -> Any:
    # NumPy takes b as a vector if it has one axis, else as a stack of matrices.
    a, b = as_array(a), as_array(b)
    A = factorized(a, b)
    vector = np.ndim(b) == 1
    if np.shape(a)[-1:] != (np.shape(b) if vector else np.shape(b)[-2:-1]):
        return np.linalg.solve(a, b), None  # which raises NumPy's error
    if not vector or np.ndim(a) == 2:
        return solve_rule.body(a, b, A, False)
    # A vector b is shared by the matrices of a stack.
    as_column = linear(lambda v: v[..., None], lambda w: w[..., 0])
    of_column: Any = solve_rule.body(a, b[:, None], A, False)
    x, (in_a, in_b) = of_column
    return x[..., 0], (compose(as_column.adjoint, in_a), compose(as_column.adjoint, in_b, as_column))


@composed(np.linalg.tensorinv)
def tensorinv(a: Array, ind: int = 2) -> Array:
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    shape = np.shape(a)
    rows = int(np.prod(shape[ind:]))
    return np.reshape(np.linalg.inv(np.reshape(a, (rows, -1))), shape[ind:] + shape[:ind])


@composed(np.linalg.tensorsolve)
def tensorsolve(a: Array, b: Array, axes: Any = None) -> Array:
    a, b = as_array(a), as_array(b)
    n = np.ndim(a)
    if axes is not None:
        axes = [k % n for k in axes]
        a = np.transpose(a, [k for k in range(n) if k not in axes] + axes)
    shape = np.shape(a)[-(n - np.ndim(b)) :]
    size = int(np.prod(shape))
    if np.size(a) != size**2:
        raise np.linalg.LinAlgError(
            "Input arrays must satisfy the requirement prod(a.shape[b.ndim:]) == prod(a.shape[:b.ndim])"
        )
    return np.reshape(np.linalg.solve(np.reshape(a, (size, size)), np.reshape(b, -1)), shape)


# --- determinants ------------------------------------------------------------------------------------------


@rule_for(np.linalg.det)
def det(a: Array) -> Any:
    a = as_array(a)
    return det_rule.body(a, factorized(a))


def _plain_det(a: Array, A: LU | Stacked) -> Array:
    if type(A) is LU:
        return A.det
    sign, logdet = A.slogdet
    return sign * np.exp(logdet)


def _det(a: Array, A: LU | Stacked) -> Any:
    d = det_rule(a, A)
    return d, Determinant(a, d, A)


det_rule = Rule(_plain_det, _det, "np.linalg.det")


class Determinant(LinearMap):
    """Δ ↦ Σ C_ij Δ_ij with the cofactors C."""

    __slots__ = ("A", "_cofactors", "a", "d")

    def __init__(self, a: Array, d: Array, A: Factorization) -> None:
        self.a = a
        self.d = d
        self.A = A
        self._cofactors: Array = None

    @property
    def cofactors(self) -> Array:
        """The matrix of cofactors: det A · A⁻ᵀ away from the singular matrices, else (adj A)ᵀ."""
        if self._cofactors is None:
            inverse = None if self.A.singular else self.A.inverse
            if inverse is None or _ill_conditioned(primal(self.a), inverse):
                self._cofactors = np.swapaxes(_adjugate(self.a), -1, -2)
            else:
                self._cofactors = self._from_inverse()
        return self._cofactors

    def _from_inverse(self) -> Array:
        transposed = np.swapaxes(inverse_rule(self.a, self.A), -1, -2)
        size = np.abs(primal(self.d))
        if np.all((size >= np.finfo(size.dtype).tiny) & (size < np.inf)):
            return transposed * _for_matrices(self.d)
        # det A leaves the range of numbers; its root does so later, and the cofactors need not.
        sign, logdet = slogdet_rule(self.a, self.A)
        root = _for_matrices(np.exp(logdet * 0.5))
        return transposed * root * _for_matrices(sign) * root

    def push(self, v: Array) -> Array:
        return np.sum(self.cofactors * v, axis=(-2, -1))

    def pull(self, w: Array) -> Array:
        return _for_matrices(w) * np.conj(self.cofactors)


def _for_matrices(w: Array) -> Array:
    """Numbers as factors of a stack of matrices."""
    return np.reshape(w, (*np.shape(w), 1, 1)) if np.ndim(w) else w


def _ill_conditioned(A: Array, inverse: Array) -> bool:
    # n max|A| max|A⁻¹| is the condition number to within a factor n; beyond half of the digits it counts as
    # bad.
    size = np.max(np.abs(A), axis=(-2, -1), initial=0) * np.max(np.abs(inverse), axis=(-2, -1), initial=0)
    return bool(np.any(size * A.shape[-1] > np.finfo(inverse.dtype).eps ** -0.5))


def _adjugate(a: Array) -> Array:
    """The adjugate adj A = (cofactors)ᵀ at and near singular matrices, with derivatives of every order.

    With the singular vectors of the plain value as constant bases, M = Uᴴ A V is nearly diagonal: its leading
    block M₁ is well conditioned, and the r rows and columns of small singular values are eliminated to D =
    M₂₂ − Z M₁₂ with Z = M₂₁ M₁⁻¹ and X = M₁⁻¹ M₁₂.  Then det A = c det M₁ det D with c = det U det Vᴴ, and
    the adjugate is

        adj A = c det M₁ ( det D · V₁ M₁⁻¹ U₁ᴴ  +  (V₂ − V₁ X) adj D (U₂ᴴ − Z U₁ᴴ) ).

    det D and adj D are polynomials in the entries of the small matrix D: nothing is divided by a small
    number.
    """
    U, s, Vh = np.linalg.svd(primal(a))
    small = s <= np.sqrt(np.finfo(s.dtype).eps) * s[..., :1]
    k = s.shape[-1] - int(np.max(np.sum(small, axis=-1), initial=0))
    c = np.linalg.det(U) * np.linalg.det(Vh)
    Uh, V = U.conj().swapaxes(-1, -2), Vh.conj().swapaxes(-1, -2)
    U1, U2, V1, V2 = Uh[..., :k, :], Uh[..., k:, :], V[..., :k], V[..., k:]
    aV1, aV2 = np.matmul(a, V1), np.matmul(a, V2)
    M1 = np.matmul(U1, aV1)
    inverse = np.linalg.inv(M1)
    Z, X = np.matmul(np.matmul(U2, aV1), inverse), np.matmul(inverse, np.matmul(U1, aV2))
    det_D, adj_D = _polynomial_det_and_adjugate(np.matmul(U2 - np.matmul(Z, U1), aV2))
    regular = np.matmul(np.matmul(V1, inverse), U1) * det_D[..., None, None]
    singular = np.matmul(np.matmul(V2 - np.matmul(V1, X), adj_D), U2 - np.matmul(Z, U1))
    return (c * np.linalg.det(M1))[..., None, None] * (regular + singular)


def _polynomial_det_and_adjugate(D: Array) -> tuple[Array, Array]:
    """det D and adj D as polynomials (Faddeev, LeVerrier): B ← D B + c I with c = −tr(D B)/k, from B = I."""
    r = np.shape(D)[-1]
    eye = np.eye(r, dtype=D.dtype)
    B, c = np.broadcast_to(eye, np.shape(D)), np.ones(np.shape(D)[:-2], D.dtype)
    for k in range(1, r + 1):
        adjugate = B
        DB = np.matmul(D, B)
        c = np.sum(DB * eye, axis=(-2, -1)) * (-1 / k)
        B = DB + c[..., None, None] * eye
    if r == 0:
        return c, B
    return c * (-1) ** r, adjugate * (-1) ** (r - 1)


SlogdetResult = type(np.linalg.slogdet(np.eye(1)))


@rule_for(np.linalg.slogdet)
def slogdet(a: Array) -> Any:
    a = as_array(a)
    return slogdet_rule.body(a, factorized(a))


def _slogdet(a: Array, A: Factorization) -> Any:
    sign, logdet = slogdet_rule(a, A)
    return SlogdetResult(sign, logdet), through_reading(LogDeterminant(a, sign, A), A)


slogdet_rule = Rule(lambda a, A: A.slogdet, _slogdet, "np.linalg.slogdet")


class LogDeterminant(LinearMap):
    """Δ ↦ the tangents of the sign and of log|det A|.

    With t = tr(A⁻¹ Δ), log det A varies by t: its real part is the tangent of log|det A|, its imaginary part
    turns a complex sign, d sign = i Im(t) sign.  A real sign does not vary.
    """

    __slots__ = ("A", "a", "sign")

    def __init__(self, a: Array, sign: Array, A: Factorization) -> None:
        self.a = a
        self.sign = sign
        self.A = A

    def _transposed_inverse(self) -> Array:
        return np.swapaxes(inverse_rule(self.a, self.A), -1, -2)

    def push(self, v: Array) -> Any:
        t = np.sum(self._transposed_inverse() * v, axis=(-2, -1))
        if not np.iscomplexobj(self.sign):
            return np.zeros(np.shape(t), self.sign.dtype), t
        return self.sign * (1j * np.imag(t)), np.real(t)

    def pull(self, w: Any) -> Array:
        t, logdet = w
        t = logdet + 1j * np.imag(np.conj(self.sign) * t) if np.iscomplexobj(self.sign) else logdet
        return _for_matrices(t) * np.conj(self._transposed_inverse())


# --- powers and chains -------------------------------------------------------------------------------------


@composed(np.linalg.matrix_power)
def matrix_power(a: Array, n: int) -> Array:
    n = operator.index(n)
    if n == 0:
        return np.linalg.matrix_power(primal(a), 0)
    if n < 0:
        a, n = np.linalg.inv(a), -n
    result = None
    while True:
        n, odd = divmod(n, 2)
        if odd:
            result = a if result is None else np.matmul(result, a)
        if not n:
            return result
        a = np.matmul(a, a)


@composed(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Array], *, out: None = None) -> Array:
    factors = [as_array(a) for a in arrays]
    if len(factors) < 2:
        raise ValueError("Expecting at least two arrays.")
    if any(np.ndim(a) != 2 for a in factors[1:-1]) or any(np.ndim(a) not in (1, 2) for a in factors):
        raise np.linalg.LinAlgError(
            "np.linalg.multi_dot takes matrices; the first and the last may be vectors"
        )
    # The vector at an end is left a vector: the cheapest order treats it as a matrix of one row or column.
    shapes = [np.shape(a) for a in factors]
    lengths = [1 if len(shapes[0]) == 1 else shapes[0][0], *(s[0] for s in shapes[1:])]
    lengths.append(1 if len(shapes[-1]) == 1 else shapes[-1][1])
    return _chain(factors, _chain_order(lengths), 0, len(factors) - 1)


def _chain(factors: list[Array], split: dict[tuple[int, int], int], i: int, j: int) -> Array:
    """The product of the factors i to j, divided where the cheapest order divides it."""
    if i == j:
        return factors[i]
    k = split[i, j]
    return np.matmul(_chain(factors, split, i, k), _chain(factors, split, k + 1, j))


def _chain_order(lengths: Sequence[int]) -> dict[tuple[int, int], int]:
    """Where to divide each partial product, for the fewest multiplications (Cormen et al., section 15.2).

    >>> _chain_order([10, 100, 5, 50])[0, 2]  # (AB)C
    1
    """
    n = len(lengths) - 1
    cost = {(i, i): 0 for i in range(n)}
    split = {}
    for span in range(1, n):
        for i in range(n - span):
            j = i + span
            costs = {
                k: cost[i, k] + cost[k + 1, j] + lengths[i] * lengths[k + 1] * lengths[j + 1]
                for k in range(i, j)
            }
            split[i, j] = min(costs, key=lambda k: costs[k])
            cost[i, j] = costs[split[i, j]]
    return split
