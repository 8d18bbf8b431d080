"""Matrix functions that XLA compiles, against frechet.linalg and differences."""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from frechet import linalg as numpy_linalg
from frechet.jax import _compiled_linalg as linalg
from tests.jax.arrays import REFUSED

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]
NAMES = ["expm", "solve_continuous_lyapunov", "solve_discrete_lyapunov", "solve_sylvester"]


def arguments(name, n, stack=(), dtype=np.float64, seed=0):
    """Of a well-conditioned problem."""
    rng = np.random.default_rng(seed)

    def normal(*shape):
        a = rng.normal(size=shape) + (1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else 0)
        return a.astype(dtype)

    A = normal(*stack, n, n) / np.asarray(2.5 * np.sqrt(n), dtype)
    eye = np.eye(n, dtype=dtype)
    if name == "expm":
        return (3 * A,)
    if name == "solve_sylvester":
        B = normal(*stack, n + 1, n + 1) / np.asarray(2.5 * np.sqrt(n + 1), dtype)
        return A, B + 2 * np.eye(n + 1, dtype=dtype), normal(*stack, n, n + 1)
    if name == "solve_continuous_lyapunov":
        A = A - 2 * eye
    return A, normal(*stack, n, n)


def close(a, b, dtype):
    """To some rounding errors of the largest value: the conditions are below 100 or so."""
    return np.max(np.abs(np.asarray(a) - b)) <= 500 * np.finfo(dtype).eps * np.max(np.abs(b))


@pytest.mark.parametrize(
    ("n", "stack", "dtype"),
    [
        (1, (), 0),
        (2, (), 1),
        (5, (3,), 2),
        (3, (2, 3), 3),
        (7, (), 3),
        (8, (2, 3), 1),
        (17, (3,), 0),
        (40, (), 2),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_numpy(name, n, stack, dtype):
    dtype = DTYPES[dtype]
    given = arguments(name, n, stack, dtype)
    ours = getattr(linalg, name)(*given)
    assert ours.dtype == dtype
    assert close(ours, getattr(numpy_linalg, name)(*given), dtype)


def test_a_large_exponential():
    (A,) = arguments("expm", 150)
    assert close(linalg.expm(A), numpy_linalg.expm(A), np.float64)


@pytest.mark.parametrize(("n", "stack", "dtype"), [(2, (2,), np.complex128), (8, (), np.float64)])
@pytest.mark.parametrize("name", NAMES)
def test_derivatives(name, n, stack, dtype):
    """Forward and reverse, to second order; central differences with steps of 1e-4."""
    function = jax.jit(getattr(linalg, name))
    check_grads(function, arguments(name, n, stack, dtype), 2, eps=1e-4, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES[:2])
def test_derivatives_of_third_order(name):
    function = jax.jit(getattr(linalg, name))  # which is compiled once for all differences
    check_grads(function, arguments(name, 2), 3, eps=1e-3, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_are_those_of_numpy(name):
    import frechet as fr

    given = arguments(name, 9)
    weight = np.random.default_rng(1).normal(size=given[-1].shape)
    numbers = tuple(range(len(given)))
    ours = jax.jit(jax.grad(lambda *a: jnp.sum(weight * getattr(linalg, name)(*a)), argnums=numbers))(*given)
    theirs = fr.grad(lambda *a: np.sum(weight * getattr(numpy_linalg, name)(*a)), argnums=numbers)(*given)
    for a, b in zip(ours, theirs, strict=True):
        assert close(a, b, np.float64)


@pytest.mark.parametrize(("name", "n"), [(NAMES[0], 2), (NAMES[1], 9), (NAMES[2], 2), (NAMES[3], 9)])
def test_vmap(name, n):
    given = arguments(name, n, (3,))
    function = jax.jit(getattr(linalg, name))
    assert close(jax.vmap(function)(*given), np.asarray(function(*given)), np.float64)
    moved = jax.vmap(function, 1)(*[np.moveaxis(a, 0, 1) for a in given])
    assert close(moved, np.asarray(function(*given)), np.float64)
    if name != "expm":  # of right sides alone
        *matrices, Q = [a[0] for a in given]
        several = np.stack([Q, 2 * Q, -Q])
        ours = jax.vmap(lambda Q: function(*matrices, Q))(several)
        assert close(ours, np.stack([function(*matrices, q) for q in several]), np.float64)
    one = [a[0] for a in given]
    forward, reverse = jax.jacfwd(function)(*one), jax.jacrev(function)(*one)
    assert close(forward, np.asarray(reverse), np.float64)
    stacked = jax.jit(jax.vmap(jax.jacfwd(function)))(*given)
    assert close(stacked[0], np.asarray(forward), np.float64)


def test_vmap_over_nothing():
    x = jnp.zeros((0, 3, 3))
    solve = jax.vmap(linalg.solve_continuous_lyapunov, in_axes=(None, 0))
    assert jax.vmap(linalg.expm)(x).shape == (0, 3, 3)
    assert jax.eval_shape(jax.vmap(jax.jacrev(linalg.expm)), x).shape == (0, 3, 3, 3, 3)
    assert jax.eval_shape(solve, -jnp.eye(3), x).shape == (0, 3, 3)


@pytest.mark.parametrize("n", [3, 9])
@pytest.mark.parametrize("name", NAMES[1:3])
def test_hermitian_solutions_are_exactly_so(name, n):
    A, Q = arguments(name, n, dtype=np.complex128)
    X = getattr(linalg, name)(A, Q + Q.conj().T)
    assert np.array_equal(X, X.conj().T)


def test_one_schur_form_for_a_gradient():
    A, Q = arguments("solve_continuous_lyapunov", 9)
    function = jax.value_and_grad(lambda A: jnp.sum(linalg.solve_continuous_lyapunov(A, Q) ** 2))
    text = jax.jit(function).lower(A).compile().as_text()
    found = {k: len(re.findall(f'custom_call_target="frechet_{k}"', text)) for k in ("schur", "triangular")}
    assert found == {"schur": 1, "triangular": 2}


def test_exponentials_that_overflow():
    assert np.isinf(linalg.expm(np.array([[1000.0]]))).all()


# --- bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 10])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("solve_continuous_lyapunov", r"A X \+ X A\^H = Q has no unique solution"),
        ("solve_discrete_lyapunov", r"X = A X A\^H \+ Q has no unique solution"),
        ("solve_sylvester", r"A X \+ X B = Q has no unique solution"),
    ],
)
def test_singular_equations(name, message, n):
    A = np.diag([1.0, -1.0] + [3.0] * (n - 2))
    given = (A, A, np.eye(n)) if name == "solve_sylvester" else (A, np.eye(n))
    with pytest.raises(REFUSED, match=f"{name}: {message}"):
        jax.block_until_ready(jax.jit(getattr(linalg, name))(*given))


@pytest.mark.parametrize("n", [2, 30])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_exponentials_of_what_is_not_finite(value, n):
    A = np.zeros((2, n, n))
    A[1, 0, 1] = value
    with pytest.raises(REFUSED, match="expm: the matrix contains nan or inf"):
        jax.block_until_ready(linalg.expm(A))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: linalg.expm(np.zeros((2, 3))), ValueError, "expm: A must be square"),
        (lambda: linalg.expm(np.zeros(3)), ValueError, "expm: A must be square"),
        (lambda: linalg.expm(jnp.zeros((2, 2), jnp.float16)), TypeError, "expm: A must be float32"),
        (
            lambda: linalg.solve_sylvester(np.eye(2), np.eye(3), np.eye(2)),
            ValueError,
            r"solve_sylvester: q must have shape \(..., 2, 3\)",
        ),
        (
            lambda: linalg.solve_continuous_lyapunov(np.eye(65), np.eye(65)),
            ValueError,
            "solve_continuous_lyapunov: the compiled function takes matrices of at most 64 rows, got 65",
        ),
    ],
)
def test_wrong_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("n", [2, 10])
@pytest.mark.parametrize("name", NAMES[1:])
def test_equations_of_what_is_not_finite(name, n, value):
    """As for frechet.linalg: an error, not a solution of nan; a derivative may be nan."""
    given = arguments(name, n)
    function = getattr(linalg, name)
    for k in range(len(given)):
        bad = [a.copy() for a in given]
        bad[k][0, 1] = value
        if (name, n, k) == ("solve_discrete_lyapunov", 10, 0):
            message = "no unique solution"  # there is no Cayley transform of it
        else:
            message = f"{name}: a matrix contains nan or inf"
        with pytest.raises(REFUSED, match=message):
            jax.block_until_ready(function(*bad))
    tangent = np.full_like(given[-1], value)
    _, moved = jax.jvp(lambda q: function(*given[:-1], q), (given[-1],), (tangent,))
    assert not np.all(np.isfinite(moved))
