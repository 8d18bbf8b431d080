"""The matrix exponential and its Fréchet derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, adjoint_matrix, compose, linear
from ..maps import Broadcast
from ..rule import Rule, primal
from ._arguments import as_matrix
from ._capability import capability
from ._expm_factor import ExpmFactor

__all__ = ["expm", "expm_frechet"]


@capability("nowhere; where exp(A) overflows, value and derivative have inf and nan, with NumPy's warning")
def expm(A: Array) -> Array:
    """The matrix exponential, as scipy.linalg.expm, with derivatives.

    Parameters
    ----------
    A : (..., n, n) array
        Real or complex, plain or traced; leading axes are a batch.

    Returns
    -------
    (..., n, n) array
        Of A's dtype (float64 for integers).

    Raises
    ------
    ValueError
        Where A is not square or not finite.

    Notes
    -----
    The derivative is L(A, E) = ∫₀¹ exp(sA) E exp((1−s)A) ds, and its adjoint G ↦ L(Aᴴ, G).  Both reuse what
    the value has computed and cost about twice the value for each direction (Al-Mohy & Higham, SIAM J. Matrix
    Anal. Appl. 30:1639, 2009).  Higher derivatives exponentiate 2n × 2n block matrices (Higham & Relton,
    SIAM J. Matrix Anal. Appl. 35:1019, 2014).

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.linalg.expm(np.array([[0.0, 1.0], [0.0, 0.0]]))
    array([[1., 1.],
           [0., 1.]])
    >>> fr.grad(lambda t: fr.linalg.expm(t * np.diag([1.0, 2.0]))[1, 1])(0.0)
    2.0
    """
    return _expm(as_matrix(A, "expm: A", square=True))


@capability("nowhere; overflow as in expm")
def expm_frechet(
    A: Array, E: Array, method: str | None = None, compute_expm: bool = True, check_finite: bool = True
) -> Array | tuple[Array, Array]:
    """The matrix exponential and its Fréchet derivative in a direction: exp(A), L(A, E).

    Parameters
    ----------
    A : (..., n, n) array
        Real or complex, plain or traced.
    E : array
        Of A's shape, or with further axes in front (several directions).
    method : {None, "SPS", "blockEnlarge"}, optional
        For SciPy's signature; there is one way to compute it.
    compute_expm : bool, optional
        Whether exp(A) is returned too.
    check_finite : bool, optional
        Whether nan and inf in E are refused; those in A always are.

    Returns
    -------
    exp(A) : array
        Of A's shape; left out if `compute_expm` is False.
    L(A, E) : array
        Of E's shape.

    Raises
    ------
    ValueError
        Where A is not square or not finite, E does not fit A, or the method is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> expm_frechet(np.zeros((2, 2)), np.ones((2, 2)))[1]
    array([[1., 1.],
           [1., 1.]])
    """
    if method not in (None, "SPS", "blockEnlarge"):
        raise ValueError(f"expm_frechet: method is 'SPS', 'blockEnlarge' or None, got {method!r}")
    A = as_matrix(A, "expm_frechet: A", square=True)
    E = as_matrix(E, "expm_frechet: E", check_finite=check_finite)
    factor = ExpmFactor(primal(A))
    L = _derivative(A, E, factor=factor)
    return (_expm(A, factor=factor), L) if compute_expm else L


# Rules.  `factor` is the numeric preparation of the underlying value of A; every order of derivative passes
# it on.


def _expm_body(A: Array, factor: ExpmFactor | None = None) -> Any:
    if factor is None:
        factor = ExpmFactor(primal(A))
    return _expm(A, factor=factor), _FrechetDerivative(A, factor)


def _expm_value(A: Array, factor: ExpmFactor | None = None) -> Array:
    return (ExpmFactor(A) if factor is None else factor).value


_expm = Rule(_expm_value, _expm_body, "frechet.linalg.expm")


class _FrechetDerivative(LinearMap):
    """E ↦ L(A, E), with adjoint G ↦ L(A, Gᴴ)ᴴ."""

    __slots__ = ("A", "_factor")

    def __init__(self, A: Array, factor: ExpmFactor | None = None) -> None:
        self.A = A
        self._factor = factor

    @property
    def factor(self) -> ExpmFactor:
        """The preparation of A, made when first needed."""
        if self._factor is None:
            self._factor = ExpmFactor(primal(self.A))
        return self._factor

    def push(self, v: Array) -> Array:
        return _derivative(self.A, v, factor=self.factor)

    def pull(self, w: Array) -> Array:
        return adjoint_matrix(_derivative(self.A, adjoint_matrix(w), factor=self.factor))


def _derivative_body(A: Array, E: Array, factor: ExpmFactor) -> Any:
    return _derivative(A, E, factor=factor), (_second_derivative(A, E), _FrechetDerivative(A, factor))


def _derivative_value(A: Array, E: Array, factor: ExpmFactor) -> Array:
    return factor.frechet(E)


_derivative = Rule(_derivative_value, _derivative_body, "frechet.linalg.expm_frechet")


def _second_derivative(A: Array, E: Array) -> LinearMap:
    """The derivative of A ↦ L(A, E): Δ ↦ the upper right block of L(M, diag(Δ, Δ)), M = [[A, E], [0, A]].

    exp(M) has L(A, E) as its upper right block; M moves by diag(Δ, Δ) when A moves by Δ.
    """
    n, in_shape, shape = A.shape[-1], A.shape, E.shape

    def block_diagonal(v: Array) -> Array:
        zero = np.zeros_like(v)
        return np.concatenate([np.concatenate([v, zero], -1), np.concatenate([zero, v], -1)], -2)

    def sum_of_blocks(w: Array) -> Array:
        return w[..., :n, :n] + w[..., n:, n:]

    def upper_right(v: Array) -> Array:
        return v[..., :n, n:]

    def into_upper_right(w: Array) -> Array:
        zero = np.zeros_like(w)
        return np.concatenate([np.concatenate([zero, w], -1), np.concatenate([zero, zero], -1)], -2)

    A = np.broadcast_to(A, shape)
    zero = np.zeros_like(A)
    M = np.concatenate([np.concatenate([A, E], -1), np.concatenate([zero, A], -1)], -2)
    m = compose(
        linear(upper_right, into_upper_right), _FrechetDerivative(M), linear(block_diagonal, sum_of_blocks)
    )
    return m if in_shape == shape else compose(m, Broadcast(in_shape, shape))
