"""The exponential and linear matrix equations of small matrices that XLA compiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._compiled import module
from ._compiled_matrices import call_of, expm_p, solution_p

__all__ = ["expm", "solve_continuous_lyapunov", "solve_discrete_lyapunov", "solve_sylvester"]

Array = Any


def expm(A: Array) -> jax.Array:
    """The matrix exponential: `frechet.linalg.expm` as a function of JAX arrays, compiled.

    Parameters
    ----------
    A : (..., n, n) array
        Real or complex; may be traced.

    Returns
    -------
    (..., n, n) array

    Raises
    ------
    ValueError
        If A is not square.  A matrix that is not finite is an error of JAX's, when it runs.

    Notes
    -----
    On the CPU.  Derivatives of all orders, forward and reverse.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> expm(jnp.array([[0.0, 1.0], [0.0, 0.0]]))
    Array([[1., 1.],
           [0., 1.]], dtype=float32)
    >>> jax.grad(lambda t: expm(t * jnp.diag(jnp.array([1.0, 2.0])))[1, 1])(0.0)
    Array(2., dtype=float32, weak_type=True)
    """
    A = _square(A, "expm", "A")
    stack = A.shape[:-2]
    X = expm_p.bind(jnp.reshape(A, (math.prod(stack), *A.shape[-2:])))
    return jnp.reshape(X, A.shape)


def solve_sylvester(a: Array, b: Array, q: Array) -> jax.Array:
    """X with A X + X B = Q: `frechet.linalg.solve_sylvester` as a function of JAX arrays, compiled.

    Parameters
    ----------
    a : (..., m, m) array
    b : (..., n, n) array
    q : (..., m, n) array
        Real or complex; may be traced.  Leading axes broadcast.  m and n are at most 64.

    Returns
    -------
    (..., m, n) array

    Raises
    ------
    ValueError
        For wrong shapes.  An equation without a unique solution is an error of JAX's, when it runs.

    Notes
    -----
    On the CPU.  Derivatives of all orders, forward and reverse; they are solutions with the same Schur forms.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> solve_sylvester(jnp.array([[1.0, 5.0], [0.0, 2.0]]), jnp.array([[3.0]]), jnp.array([[9.0], [5.0]]))
    Array([[1.],
           [1.]], dtype=float32)
    """
    return _solve("sylvester", (a, b), q)


def solve_continuous_lyapunov(a: Array, q: Array) -> jax.Array:
    """X with A X + X Aᴴ = Q: `frechet.linalg.solve_continuous_lyapunov` of JAX arrays, compiled.

    Parameters
    ----------
    a, q : (..., n, n) array
        Real or complex; may be traced.  Leading axes broadcast.  n is at most 64.

    Returns
    -------
    (..., n, n) array
        Exactly Hermitian if Q is.

    Raises
    ------
    ValueError
        As for `solve_sylvester`.

    Notes
    -----
    As for `solve_sylvester`.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> solve_continuous_lyapunov(jnp.array([[-1.0, 0.0], [0.0, -2.0]]), -jnp.eye(2))
    Array([[0.5 , 0.  ],
           [0.  , 0.25]], dtype=float32)
    """
    return _solve("lyapunov", (a,), q)


def solve_discrete_lyapunov(a: Array, q: Array) -> jax.Array:
    """X with X = A X Aᴴ + Q: `frechet.linalg.solve_discrete_lyapunov` of JAX arrays, compiled.

    Parameters
    ----------
    a, q : (..., n, n) array
        Real or complex; may be traced.  Leading axes broadcast.  n is at most 64.

    Returns
    -------
    (..., n, n) array
        Exactly Hermitian if Q is.

    Raises
    ------
    ValueError
        As for `solve_sylvester`.

    Notes
    -----
    As for `solve_sylvester`.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> solve_discrete_lyapunov(jnp.array([[0.0, 1.0], [0.0, 0.0]]), jnp.eye(2))
    Array([[2., 0.],
           [0., 1.]], dtype=float32)
    """
    return _solve("stein", (a,), q)


def _solve(equation: str, coefficients: Sequence[Any], q: Any) -> jax.Array:
    name = call_of(equation)
    matrices = [_square(A, name, letter) for A, letter in zip(coefficients, "ab", strict=False)]
    Q = _inexact(q, name, "q")
    dtype = jnp.result_type(*matrices, Q)
    shape = (matrices[0].shape[-1], matrices[-1].shape[-1])
    if Q.ndim < 2 or Q.shape[-2:] != shape:
        raise ValueError(f"{name}: q must have shape (..., {shape[0]}, {shape[1]}), got {Q.shape}")
    if max(shape) > module().largest_matrix:
        raise ValueError(
            f"{name}: the compiled function takes matrices of at most {module().largest_matrix} rows, got "
            f"{max(shape)}"
        )
    try:
        stack = np.broadcast_shapes(*(A.shape[:-2] for A in (*matrices, Q)))
    except ValueError:
        shapes = ", ".join(str(A.shape) for A in (*matrices, Q))
        raise ValueError(f"{name}: the leading axes of shapes {shapes} do not broadcast") from None
    arrays = [
        jnp.reshape(
            jnp.broadcast_to(A.astype(dtype), (*stack, *A.shape[-2:])), (math.prod(stack), *A.shape[-2:])
        )
        for A in (*matrices, Q)
    ]
    X = solution_p.bind(*arrays[:-1], arrays[-1][None], equation=equation, adjoint=False, judge=True)
    return jnp.reshape(X, (*stack, *shape))


def _inexact(A: Any, name: str, what: str) -> Array:
    A = jnp.asarray(A)
    if A.dtype.kind in "iub":
        A = A.astype(float)
    if A.dtype not in (np.float32, np.float64, np.complex64, np.complex128):
        raise TypeError(f"{name}: {what} must be float32, float64, complex64 or complex128, got {A.dtype}")
    return A


def _square(A: Any, name: str, what: str) -> Array:
    A = _inexact(A, name, what)
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise ValueError(f"{name}: {what} must be square, or a stack of square matrices, got {A.shape}")
    return A
