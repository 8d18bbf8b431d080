"""Matrices given by parameters: products, solutions and their derivatives in the parameters themselves.

A structure says how parameters p (the bands of a matrix, the first column and row of a Toeplitz matrix)
make a matrix A(p), linearly over the reals.  It gives two bilinear functions of plain arrays,

    times:  p, X ↦ A(p) X  or  A(p)ᴴ X        outer:  W, X ↦ P with ⟨P, dp⟩ = ⟨W, A(dp) X⟩ for all dp,

the second being the part of W Xᴴ that the parameters see.  Everything else follows, with no matrix written
out: each of the two is linear in each argument, with the other as its adjoint, and for A(p) X = B

    dX = A⁻¹ (dB − A(dp) X),        B̄ = A⁻ᴴ X̄,        p̄ = −outer(B̄, X).
"""

from __future__ import annotations

from typing import Any, Protocol

from ..linear_map import Array, LinearMap, compose, linear
from ..maps import spread
from ..rule import Rule

__all__ = ["Structure", "Times", "outer", "solve", "times"]


class Structure(Protocol):
    """A way of making matrices from parameters.

    The methods take plain arrays with any leading axes, which broadcast.  X has two further axes, the
    parameters have ``ndim``.
    """

    ndim: int

    def times(self, p: Array, X: Array, adjoint: bool) -> Array:
        """A(p) X, or A(p)ᴴ X."""

    def outer(self, W: Array, X: Array) -> Array:
        """The parameters P with ⟨P, q⟩ = ⟨W, A(q) X⟩ for all q."""


class Factor(Protocol):
    """A factorization of a plain A(p)."""

    def solve(self, B: Array, adjoint: bool) -> Array:
        """A⁻¹ B or A⁻ᴴ B; axes of B in front of those of the stack are directions."""


class Times(LinearMap):
    """X ↦ A(p) X or A(p)ᴴ X."""

    __slots__ = ("adjoint_taken", "p", "structure")

    def __init__(self, p: Array, structure: Structure, adjoint: bool) -> None:
        self.p, self.structure, self.adjoint_taken = p, structure, adjoint

    def push(self, v: Array) -> Array:
        return times(self.p, v, self.structure, self.adjoint_taken)

    def pull(self, w: Array) -> Array:
        return times(self.p, w, self.structure, not self.adjoint_taken)


# --- the rules: linear and bilinear maps that are each other's derivatives ---------------------------------


def _times_body(p: Array, X: Array, structure: Structure, adjoint: bool) -> Any:
    Y = times(p, X, structure, adjoint)
    lead = Y.shape[:-2]
    in_p = linear(
        lambda v: times(v, X, structure, adjoint),
        (lambda w: outer(X, w, structure)) if adjoint else (lambda w: outer(w, X, structure)),
    )
    in_X = Times(p, structure, adjoint)
    return Y, (spread(in_p, p.shape, lead, structure.ndim), spread(in_X, X.shape, lead, 2))


def _outer_body(W: Array, X: Array, structure: Structure) -> Any:
    # ⟨outer(W, X), g⟩ = ⟨W, A(g) X⟩ = ⟨A(g)ᴴ W, X⟩
    P = outer(W, X, structure)
    lead = P.shape[: P.ndim - structure.ndim]
    in_W = linear(lambda v: outer(v, X, structure), lambda g: times(g, X, structure, False))
    in_X = linear(lambda v: outer(W, v, structure), lambda g: times(g, W, structure, True))
    return P, (spread(in_W, W.shape, lead, 2), spread(in_X, X.shape, lead, 2))


def _solve_body(p: Array, B: Array, structure: Structure, factor: Factor, adjoint: bool) -> Any:
    X = solve(p, B, structure, factor, adjoint)
    lead = X.shape[:-2]
    S = linear(
        lambda v: solve(p, v, structure, factor, adjoint),
        lambda w: solve(p, w, structure, factor, not adjoint),
    )
    minus = -X
    change = linear(
        lambda v: times(v, minus, structure, adjoint),
        (lambda w: outer(minus, w, structure)) if adjoint else (lambda w: outer(w, minus, structure)),
    )
    return X, (compose(S, spread(change, p.shape, lead, structure.ndim)), S)


times = Rule(
    lambda p, X, structure, adjoint: structure.times(p, X, adjoint),
    _times_body,
    "frechet.linalg: the product with a structured matrix",
)
outer = Rule(
    lambda W, X, structure: structure.outer(W, X),
    _outer_body,
    "frechet.linalg: the product with a structured matrix",
)
# A⁻¹ B or A⁻ᴴ B, for B with all leading axes of p, and with a factorization of the plain value of A(p).
solve = Rule(
    lambda p, B, structure, factor, adjoint: factor.solve(B, adjoint),
    _solve_body,
    "frechet.linalg: the solution of a structured system",
)
