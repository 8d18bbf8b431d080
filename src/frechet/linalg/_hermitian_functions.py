"""Functions of Hermitian matrices, with derivatives of every order that are exact at equal eigenvalues.

For A = V Λ Vᴴ let T(A; E_1, …, E_m) be V X Vᴴ with

    X_(i0 im) = Σ f[λ_i0, …, λ_im] (VᴴE_1V)_(i0 i1) … (VᴴE_mV)_(i(m−1) im).

T(A) = f(A), T(A; E) is the Fréchet derivative (Daleckiĭ & Kreĭn 1965), and these are closed under derivation:

* The derivative of T(A; E_1, …, E_m) in A along H is the sum of T with H put in at each of the m + 1
  places.
* T is linear in each E_p.  Divided differences do not depend on the order of their points; so with a
  cotangent G, Re tr(Gᴴ T(A; E_1, …, E_m)) = Re tr(T(A; E_(p+1), …, E_m, Gᴴ, E_1, …, E_(p−1)) E_p), and the
  pullback in E_p is the adjoint of that T.

So one rule serves all orders, forward and reverse, with one eigendecomposition.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, adjoint_matrix, compose
from ..maps import Broadcast
from ..rule import Rule, primal
from ..rules.linalg_factorizations import reading
from ._arguments import unit_for
from ._divided_differences import DividedDifferences
from ._scalar_function import ScalarFunction

__all__ = ["hermitian_function"]


def hermitian_function(A: Array, f: ScalarFunction) -> Array:
    """f(A) of Hermitian matrices (..., n, n), of which the lower triangle is read, with derivatives.

    Where A is Hermitian (to half of the digits), gradients are Hermitian; else they lie in the lower
    triangle.
    """
    return _function(A, factor=_HermitianFactor(primal(A), f))


class _HermitianFactor:
    """The eigendecomposition of a matrix or a stack of them, and divided differences on their eigenvalues."""

    def __init__(self, A: Array, f: ScalarFunction) -> None:
        self.dtype = A.dtype
        w, self.V = np.linalg.eigh(A.astype("D" if A.dtype.kind == "c" else "d", copy=False))
        self.unit = unit_for(np.abs(w).max(axis=-1, keepdims=True, initial=0))  # of each matrix
        self.w = w / self.unit
        self.f = f.in_units(np.broadcast_to(self.unit, w.shape).reshape(-1))
        self.values = self.f(self.w.reshape(-1)).reshape(w.shape)

    @cached_property
    def differences(self) -> DividedDifferences:
        """On the eigenvalues of all matrices in a row."""
        return DividedDifferences(self.f, self.w.reshape(-1), self.values.reshape(-1))

    def table(self, *fixed: int) -> Array:
        """f[λ_fixed, …, λ_i, λ_j] as a matrix, for each matrix of the stack."""
        if not fixed:
            return self._first
        return self._table(fixed)

    @cached_property
    def _first(self) -> Array:
        return self._table(())

    def _table(self, fixed: tuple[int, ...]) -> Array:
        n, stack = self.w.shape[-1], self.w.shape[:-1]
        i, j = np.indices((n, n))
        places = [*(np.full((n, n), k) for k in fixed), i, j]
        offsets = n * np.arange(int(np.prod(stack))).reshape(*stack, 1, 1)
        return self.differences.at(np.stack([np.broadcast_to(offsets + p, (*stack, n, n)) for p in places]))

    def apply(self, *Es: Array) -> Array:
        """T(A; E_1, …, E_m)."""
        V, VH = self.V, adjoint_matrix(self.V)
        if not Es:
            X = (V * self.values[..., None, :]) @ VH
            X = (X + adjoint_matrix(X)) / 2 if self.values.dtype.kind != "c" else X
        else:
            unit = self.unit[..., None]  # a divided difference of order m is one in units over unit^m
            X = V @ self._contract((), [VH @ (E / unit) @ V for E in Es]) @ VH
        single = self.dtype.char in "fF"
        return X.astype(("F" if single else "D") if X.dtype.kind == "c" else self.dtype, copy=False)

    def _contract(self, fixed: tuple[int, ...], Es: list[Array]) -> Array:
        """X_ij = Σ f[λ_fixed, λ_i, …, λ_j] E_1 … E_m, row by row: row i has f[λ_i, ·] in the place of f."""
        if len(Es) == 1:
            return np.asarray(self.table(*fixed) * Es[0])
        rows = [
            Es[0][..., i : i + 1, :] @ self._contract((*fixed, i), Es[1:]) for i in range(self.w.shape[-1])
        ]
        if not rows:
            return np.zeros(np.broadcast_shapes(*(E.shape for E in Es)), Es[0].dtype)
        return np.concatenate(rows, axis=-2)


def _value(A: Array, *Es: Array, factor: _HermitianFactor) -> Array:
    return factor.apply(*Es)


def _body(A: Array, *Es: Array, factor: _HermitianFactor) -> Any:
    value = _function(A, *Es, factor=factor)
    shape = np.shape(value)
    in_A = compose(_along(_Insertion(A, Es, factor), np.shape(A), shape), reading(A))
    return value, (in_A, *(_along(_Place(A, Es, p, factor), np.shape(E), shape) for p, E in enumerate(Es)))


_function: Any = Rule(_value, _body, "frechet.linalg.funm")


def _along(m: LinearMap, in_shape: tuple[int, ...], shape: tuple[int, ...]) -> LinearMap:
    return m if in_shape == shape else compose(m, Broadcast(in_shape, shape))


class _Insertion(LinearMap):
    """H ↦ Σ_p T(A; E_1, …, E_p, H, E_(p+1), …, E_m)."""

    __slots__ = ("A", "Es", "factor")

    def __init__(self, A: Array, Es: tuple[Array, ...], factor: _HermitianFactor) -> None:
        self.A, self.Es, self.factor = A, Es, factor

    def push(self, v: Array) -> Array:
        Es = self.Es
        return sum(_function(self.A, *Es[:p], v, *Es[p:], factor=self.factor) for p in range(len(Es) + 1))

    def pull(self, w: Array) -> Array:
        Es, wH = self.Es, adjoint_matrix(w)
        return adjoint_matrix(
            sum(_function(self.A, *Es[p:], wH, *Es[:p], factor=self.factor) for p in range(len(Es) + 1))
        )


class _Place(LinearMap):
    """V ↦ T(A; E_1, …, V, …, E_m), in place p."""

    __slots__ = ("A", "Es", "factor", "p")

    def __init__(self, A: Array, Es: tuple[Array, ...], p: int, factor: _HermitianFactor) -> None:
        self.A, self.Es, self.p, self.factor = A, Es, p, factor

    def push(self, v: Array) -> Array:
        return _function(self.A, *self.Es[: self.p], v, *self.Es[self.p + 1 :], factor=self.factor)

    def pull(self, w: Array) -> Array:
        Es, p = self.Es, self.p
        return adjoint_matrix(_function(self.A, *Es[p + 1 :], adjoint_matrix(w), *Es[:p], factor=self.factor))
