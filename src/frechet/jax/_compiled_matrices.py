"""The exponential and linear matrix equations of stacks of small matrices, as primitives of JAX's.

The kernels are those of `frechet.linalg`, called by XLA without Python.  Their derivatives are themselves:

* exp: L(A, Ȧ), whose transpose is L(Aᵀ, ·); and that of L(A, E) in the directions Ȧ and Ė is the upper right
  block of L([[A, E], [0, A]], [[Ȧ, Ė], [0, Ȧ]]) (Higham & Relton, SIAM J. Matrix Anal. Appl. 35:1019, 2014).
* K(A) X = Q for a map K(A) that is linear in X: Ẋ solves the same equation with the right side Q̇ − K̇(A) X,
  and the transpose in Q solves with K(A)ᵀ.

Schur forms are values of their own in the compiled code, so that XLA computes one for an equation, its
derivatives and their transposes.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.interpreters import ad, batching

from ..linalg._expm_factor import _programs
from ..linalg._lyapunov_factor import _SINGULAR as _SINGULAR_LYAPUNOV
from ..linalg._matrix_equation import _SINGULAR as _LIMIT
from ..linalg._sylvester_factor import _SINGULAR as _SINGULAR_SYLVESTER
from ._compiled import ffi_call, module, over_stacks, primitive

__all__ = ["call_of", "expm_p", "solution_p"]

Array = Any

_KRONECKER = 36  # the most unknowns for which the matrix of the equation is the fastest way
_REFUSAL = {**_SINGULAR_LYAPUNOV, "sylvester": _SINGULAR_SYLVESTER}


def _turned(A: Array) -> Array:
    return jnp.swapaxes(A, -1, -2)


def _adjoint(A: Array) -> Array:
    return jnp.conj(_turned(A))


def _like(A: Array) -> Any:
    return jax.ShapeDtypeStruct(A.shape, A.dtype)


def _over_directions(new: Any) -> None:
    """vmap of a primitive of matrices (S, n, n) and, last, right sides (D, S, m, n), like its result."""

    def batched(arrays: Sequence[Any], axes: Sequence[int | None], **parameters: Any) -> Any:
        size = next(a.shape[k] for a, k in zip(arrays, axes, strict=True) if k is not None)
        *matrices, Q = [a if k is None else jnp.moveaxis(a, k, 0) for a, k in zip(arrays, axes, strict=True)]
        if all(k is None for k in axes[:-1]):
            X = new.bind(*matrices, jnp.reshape(Q, (-1, *Q.shape[2:])), **parameters)
            return jnp.reshape(X, Q.shape), 0
        full = [
            a if k is not None else jnp.broadcast_to(a, (size, *a.shape))
            for a, k in zip((*matrices, Q), axes, strict=True)
        ]
        merged = [jnp.reshape(A, (-1, *A.shape[2:])) for A in full[:-1]]
        Q = jnp.moveaxis(full[-1], 1, 0)  # (D, B, S, m, n)
        X = new.bind(*merged, jnp.reshape(Q, (Q.shape[0], -1, *Q.shape[3:])), **parameters)
        return jnp.reshape(X, Q.shape), 1

    batching.primitive_batchers[new] = batched


# --- the exponential ---------------------------------------------------------------------------------------


@functools.cache
def _load_exponentials() -> None:
    module().load_exponentials(_programs())


def _evaluate_expm(A: Array) -> Array:
    _load_exponentials()
    return ffi_call("frechet_expm", _like(A), A)


def _evaluate_frechet(A: Array, E: Array) -> Array:
    _load_exponentials()
    return ffi_call("frechet_expm_frechet", _like(E), A, E)


expm_p = primitive("frechet_expm", _evaluate_expm, lambda A: (A.shape, A.dtype))
over_stacks(expm_p, (0,))
frechet_p = primitive("frechet_expm_frechet", _evaluate_frechet, lambda A, E: (E.shape, E.dtype))
_over_directions(frechet_p)


def _expm_jvp(primals: Any, tangents: Any) -> Any:
    (A,), (tA,) = primals, tangents
    return expm_p.bind(A), frechet_p.bind(A, tA[None])[0]


def _frechet_jvp(primals: Any, tangents: Any) -> Any:
    (A, E), (tA, tE) = primals, tangents
    L = frechet_p.bind(A, E)
    if type(tA) is ad.Zero:
        return L, frechet_p.bind(A, tE)
    n, tE = A.shape[-1], ad.instantiate_zeros(tE)
    blocks, direction = (_blocks(*pair) for pair in ((A, E), (tA, tE)))
    return L, jnp.reshape(frechet_p.bind(blocks, direction[None])[0, :, :n, n:], E.shape)


def _blocks(A: Array, E: Array) -> Array:
    """[[A, E], [0, A]] for each direction E, as one stack."""
    A = jnp.broadcast_to(A, E.shape)
    both = jnp.concatenate(
        [jnp.concatenate([A, E], -1), jnp.concatenate([jnp.zeros_like(A), A], -1)], axis=-2
    )
    return jnp.reshape(both, (-1, *both.shape[-2:]))


def _frechet_transpose(cotangent: Any, A: Any, E: Any) -> Any:
    if type(cotangent) is ad.Zero:
        return None, ad.Zero(E.aval)
    return None, frechet_p.bind(_turned(A), cotangent)


ad.primitive_jvps[expm_p] = _expm_jvp
ad.primitive_jvps[frechet_p] = _frechet_jvp
ad.primitive_transposes[frechet_p] = _frechet_transpose


# --- linear matrix equations -------------------------------------------------------------------------------


def call_of(equation: str) -> str:
    """The function that solves an equation."""
    names = {"lyapunov": "solve_continuous_lyapunov", "stein": "solve_discrete_lyapunov"}
    return names.get(equation, "solve_sylvester")


def _left_side(equation: str, adjoint: bool, coefficients: Sequence[Array], X: Array) -> Array:
    """K(A) X, or K(A)ᴴ X."""
    if equation == "sylvester":
        A, B = map(_adjoint, coefficients) if adjoint else coefficients
        return A @ X + X @ B
    A = _adjoint(coefficients[0]) if adjoint else coefficients[0]
    return A @ X + X @ _adjoint(A) if equation == "lyapunov" else X - A @ X @ _adjoint(A)


def _evaluate_solution(*arrays: Array, equation: str, adjoint: bool, judge: bool) -> Array:
    """X with K(A) X = Q, or K(A)ᴴ X = Q; with ``judge``, an error where that is singular."""
    *coefficients, Q = arrays
    not_finite = f"{call_of(equation)}: a matrix contains nan or inf"
    attributes = {
        "adjoint": adjoint,
        "judge": judge,
        "limit": np.array([_LIMIT]),
        "refusal": f"{call_of(equation)}: {_REFUSAL[equation]}",
        "not_finite": not_finite,
    }
    if Q.shape[-1] * Q.shape[-2] <= _KRONECKER:
        X = _by_kronecker(equation, coefficients, Q, attributes)
    elif equation == "stein":
        X = _by_bilinear(coefficients[0], Q, attributes)
    else:
        pairs = [_schur(A, not_finite) for A in coefficients]
        if equation == "lyapunov":
            pairs.append(_turned_form(*pairs[0]))
        X = _on_schur_forms(pairs[0], pairs[1], Q, attributes)
    if equation == "sylvester":
        return X
    hermitian = jnp.all(_adjoint(Q) == Q, axis=(-2, -1), keepdims=True)
    return jnp.where(hermitian, (X + _adjoint(X)) / 2, X)


def _by_kronecker(equation: str, coefficients: Sequence[Array], Q: Array, attributes: Any) -> Array:
    A, B = (*coefficients, _adjoint(coefficients[0]))[:2]
    m, n = (jnp.eye(k, dtype=Q.dtype)[None] for k in Q.shape[-2:])
    terms = (m, n, -A, B) if equation == "stein" else (A, n, m, B)
    return ffi_call("frechet_kronecker", _like(Q), *terms, Q, **attributes)


def _schur(A: Array, refusal: str) -> tuple[Array, Array]:
    """T and Z with A = Z T Zᴴ; an error where A is not finite."""
    T, Z = ffi_call("frechet_schur", (_like(A), _like(A)), A, refusal=refusal)
    return T, Z


def _turned_form(T: Array, Z: Array) -> tuple[Array, Array]:
    """The Schur form of Aᴴ = (Z J) (J Tᴴ J) (Z J)ᴴ, with the exchange matrix J."""
    return _adjoint(T)[..., ::-1, ::-1], Z[..., ::-1]


def _on_schur_forms(a: tuple[Array, Array], b: tuple[Array, Array], Q: Array, attributes: Any) -> Array:
    """A X + X B = Q with the Schur forms of A and B."""
    (R, U), (S, V) = a, b
    F = _adjoint(U) @ Q @ V
    return U @ ffi_call("frechet_triangular", _like(F), R, S, F, **attributes) @ _adjoint(V)


def _by_bilinear(A: Array, Q: Array, attributes: Any) -> Array:
    """X − A X Aᴴ = Q as B X + X Bᴴ = −2 P⁻¹ Q P⁻ᴴ, P = A + σI, B = I − 2σ P⁻¹; see `_lyapunov_factor`."""
    eye = jnp.eye(A.shape[-1], dtype=A.dtype)
    both = jnp.linalg.inv(jnp.stack([A + eye, A - eye]))
    size = jnp.max(jnp.abs(both), axis=(-2, -1), keepdims=True)
    plus = ~(size[1] < size[0]) & jnp.isfinite(size[0])
    inverse = jnp.where(plus, both[0], both[1])
    # P is singular with both signs where A has the eigenvalues 1 and −1, whose product is −1, and 1 · 1 = 1
    form = _schur(eye - jnp.where(plus, 2, -2).astype(A.dtype) * inverse, attributes["refusal"])
    left, right = (_adjoint(inverse), inverse) if attributes["adjoint"] else (inverse, _adjoint(inverse))

    def solve(Q: Array, **more: Any) -> Array:
        return _on_schur_forms(form, _turned_form(*form), -2 * (left @ Q @ right), {**attributes, **more})

    X = solve(Q)
    # a step of refinement, for what the condition of P has cost
    return X + solve(Q - _left_side("stein", attributes["adjoint"], (A,), X), judge=False)


solution_p = primitive(
    "frechet_solve_matrix_equation",
    _evaluate_solution,
    lambda *arrays, **_: (arrays[-1].shape, arrays[-1].dtype),
)
_over_directions(solution_p)


def _solution_jvp(primals: Any, tangents: Any, *, equation: str, adjoint: bool, judge: bool) -> Any:
    *coefficients, _ = primals
    *moved, tQ = tangents
    X = solution_p.bind(*primals, equation=equation, adjoint=adjoint, judge=judge)
    right = None if type(tQ) is ad.Zero else tQ
    if any(type(t) is not ad.Zero for t in moved):
        _, change = jax.jvp(
            lambda *coefficients: _left_side(equation, adjoint, coefficients, X),
            tuple(coefficients),
            tuple(ad.instantiate_zeros(t) for t in moved),
        )
        right = -change if right is None else right - change
    return X, solution_p.bind(*coefficients, right, equation=equation, adjoint=adjoint, judge=False)


def _solution_transpose(cotangent: Any, *arrays: Any, equation: str, adjoint: bool, judge: bool) -> Any:
    *coefficients, Q = arrays
    nothing = [None] * len(coefficients)
    if type(cotangent) is ad.Zero:
        return (*nothing, ad.Zero(Q.aval))
    W = solution_p.bind(
        *coefficients, jnp.conj(cotangent), equation=equation, adjoint=not adjoint, judge=judge
    )
    return (*nothing, jnp.conj(W))


ad.primitive_jvps[solution_p] = _solution_jvp
ad.primitive_transposes[solution_p] = _solution_transpose
