"""What factorizations of one matrix have in common, stacks of them, and what is said of bad ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from ..linear_map import Array, LinearMap, Shape
from ..rules.linalg_factors import _as_columns
from ..rules.linalg_gaps import EPS
from ._warnings import warn_ill_conditioned

__all__ = ["NOT_POSITIVE", "SINGULAR", "FactorStack", "OneMatrix", "condition_warning", "each_factor"]

SINGULAR = "A singular matrix detected: slice(s) {} are singular."
NOT_POSITIVE = "{}-th leading minor of the array is not positive definite: it is singular or indefinite"


class OneMatrix:
    """What the other factorizations of one matrix have in common."""

    n: int
    dtype: Any
    reads: LinearMap | None
    singular = False  # which is refused when the factorization is made
    rcond: Any  # an estimate of the reciprocal condition number in the 1-norm

    def solve(self, B: Array, adjoint: bool) -> Array:
        """A⁻¹ B or A⁻ᴴ B, for B of shape (..., n, k)."""
        columns, restore = _as_columns(B)
        if columns.dtype.kind == "c" and self.dtype.kind != "c":
            halves = np.concatenate([columns.real, columns.imag], axis=1)
            both = self._solve_columns(halves.astype(self.dtype, copy=False), adjoint)
            k = columns.shape[1]
            return restore(both[:, :k] + 1j * both[:, k:])
        return restore(self._solve_columns(columns.astype(self.dtype, copy=False), adjoint))

    def _solve_columns(self, B: Array, adjoint: bool) -> Array:
        raise NotImplementedError

    @cached_property
    def inverse(self) -> Array:
        """A⁻¹."""
        return self._solve_columns(np.eye(self.n, dtype=self.dtype), False)

    @cached_property
    def slogdet(self) -> tuple[Array, Array]:
        """The sign and the logarithm of the absolute value of det A."""
        raise NotImplementedError


class FactorStack:
    """Factorizations of the matrices of a stack, one by one; of dense matrices or of structured ones."""

    def __init__(self, factors: list[Any], stack: Shape, reads: LinearMap | None = None) -> None:
        self.factors, self.stack, self.reads = factors, stack, reads
        self.singular = False

    def solve(self, B: Array, adjoint: bool) -> Array:
        """A⁻¹ B or A⁻ᴴ B, for B of shape (..., n, k); axes in front of those of the stack are directions."""
        extra = B.ndim - len(self.stack) - 2
        shape = B.shape
        each = B.reshape(*shape[:extra], -1, *shape[-2:])
        X = []
        for k, factor in enumerate(self.factors):
            with _named_slice(k):
                X.append(factor.solve(each[..., k, :, :], adjoint))
        return np.stack(X, axis=-3).reshape(*shape[:-2], *X[0].shape[-2:]) if X else np.zeros_like(B)

    @cached_property
    def inverse(self) -> Array:
        """A⁻¹ of each."""
        Y = np.stack([factor.inverse for factor in self.factors])
        return Y.reshape(*self.stack, *Y.shape[-2:])

    @cached_property
    def slogdet(self) -> tuple[Array, Array]:
        """The signs and the logarithms of the absolute values of the determinants."""
        pairs = [factor.slogdet for factor in self.factors]
        signs, logs = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
        return signs.reshape(self.stack), logs.reshape(self.stack)

    @property
    def rcond(self) -> Array:
        """The reciprocal condition number of each."""
        return np.array([factor.rcond for factor in self.factors])


@contextmanager
def _named_slice(k: int) -> Iterator[None]:
    try:
        yield
    except LinAlgError as error:
        raise LinAlgError(f"slice {k}: {error}") from None


def each_factor(
    matrices: Array, core: int, make: Callable[[Array], Any], reads: LinearMap | None = None
) -> Any:
    """The factorization of a plain matrix given by an array with ``core`` axes, or of each of a stack."""
    if matrices.ndim == core:
        return make(matrices)
    shape = matrices.shape
    stack = shape[: len(shape) - core]
    factors = []
    for k, one in enumerate(matrices.reshape(-1, *shape[len(stack) :])):
        with _named_slice(k):
            factors.append(make(one))
    return FactorStack(factors, stack, reads)


def condition_warning(rcond: Array, dtype: Any) -> None:
    """Warn, as SciPy does, of matrices that are singular to working precision.

    Parameters
    ----------
    rcond : float or array
        The reciprocal condition number of each matrix; LAPACK's are Python floats in either precision.
    dtype : dtype
        That of the matrices.
    """
    eps = EPS[dtype.char]
    if type(rcond) is float and rcond >= eps:  # the common case, quickly
        return
    rcond = np.asarray(rcond).reshape(-1)
    ill = ~(rcond >= eps)  # nan counts as ill, too
    if ill.any():
        found = ",".join(f"slice {k} has rcond = {rcond[k]}" for k in np.flatnonzero(ill))
        warn_ill_conditioned(f"An ill-conditioned matrix detected: {found}.")
