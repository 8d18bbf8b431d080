"""Which calls inside of JAX's transformations are compiled; the others are those of the function itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import frechet as fr
from frechet.jax._compiled_functions import compiled_call

rng = np.random.default_rng(41)
A = rng.normal(size=(3, 3)) - 4 * np.eye(3)
X = rng.uniform(-3, 3, (7, 2))
C = rng.normal(size=7) + 1j * rng.normal(size=7)
F = rng.normal(size=(4, 5)) + 0j


def is_compiled(function, *args, **kwargs):
    """Whether a call is, with its first argument traced."""
    found = []

    def traced(x):
        found.append(compiled_call(function.__wrapped__, (x, *args[1:]), kwargs) is not None)
        return x

    jax.eval_shape(traced, args[0])
    return found[0]


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (fr.linalg.expm, (A,), {}),
        (fr.linalg.expm, (A.astype(int),), {}),
        (fr.linalg.solve_continuous_lyapunov, (A, A), {}),
        (fr.linalg.solve_sylvester, (A, A, A.astype(complex)), {}),
        (fr.nufft.nufft1, (X, C, (4, 5)), {"eps": 1e-3, "fft": None}),
        (fr.nufft.nufft2, (X,), {"modes": F}),
        (fr.nufft.nufft2d1, (X[:, 0], X[:, 1], C, (4, 5), None, 1e-3, -1), {}),
        (fr.nufft.nufft2d1, (X[:, 0], X[:, 1], C, [4, 5]), {"modeord": 1}),
        (fr.nufft.nufft2d2, (X[:, 0], X[:, 1], F), {"isign": 1}),
    ],
)
def test_calls_that_are_compiled(function, args, kwargs):
    assert is_compiled(function, *args, **kwargs)


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (fr.linalg.expm, (A.astype(np.float16),), {}),
        (fr.linalg.expm, (A[0],), {}),
        (fr.linalg.solve_continuous_lyapunov, (A, A.tolist()), {}),
        (fr.linalg.solve_continuous_lyapunov, (A, np.ma.masked_array(A)), {}),
        (fr.linalg.solve_continuous_lyapunov, (A, None), {}),
        (fr.linalg.solve_continuous_lyapunov, (np.eye(65), np.eye(65)), {}),
        (fr.linalg.solve_discrete_lyapunov, (A, A), {"method": "direct"}),
        (fr.nufft.nufft1, (X, np.ones(7, int), (4, 5)), {}),
        (fr.nufft.nufft1, (X, C, (4, 5)), {"values": C}),
        (fr.nufft.nufft1, (X, C), {}),
        (fr.nufft.nufft1, (X, C, (4, 5)), {"fft": "scipy"}),
        (fr.nufft.nufft2, (X, F.tolist()), {}),
        (fr.nufft.nufft2d1, (X[:, 0], X[:, 1], C, (4, 5)), {"c": C}),
        (fr.nufft.nufft2d1, (X[:, 0], X[:, 1], C), {}),
        (fr.nufft.nufft2d1, (X[:, 0], X[:5, 1], C, (4, 5)), {}),
        (fr.nufft.nufft2d1, (X[:, 0], X[:, 1], C[:5], (4, 5)), {}),
        (fr.nufft.nufft2d2, (X[:, 0], X[:, 1], F), {"out": np.zeros(7, complex)}),
    ],
)
def test_calls_that_are_not(function, args, kwargs):
    assert not is_compiled(function, *args, **kwargs)


def test_options_that_are_traced_are_not_taken_for_numbers():
    found = []

    def traced(period):
        found.append(compiled_call(fr.nufft.nufft1.__wrapped__, (X, C, (4, 5)), {"period": period}))
        return period

    jax.eval_shape(traced, 2.0)
    assert found == [None]


def test_integers_are_transformed_as_by_the_function():
    values = np.arange(7)
    found = jax.jit(lambda x: fr.nufft.nufft1(x, values, (4, 5)))(X)
    np.testing.assert_allclose(found, fr.nufft.nufft1(X, values, (4, 5)), rtol=0, atol=1e-10)


def test_tensors_are_refused():
    """They would be taken for constants, and lose their derivatives."""
    torch = pytest.importorskip("torch")
    with pytest.raises(fr.CoercionError, match="given a Tensor of PyTorch beside an array of JAX"):
        jax.jit(lambda a: fr.linalg.solve_continuous_lyapunov(a, torch.eye(3)))(A)
    with pytest.raises(fr.CoercionError, match="given a Tensor of PyTorch beside an array of JAX"):
        jax.jit(lambda x: fr.nufft.nufft1(x, torch.zeros(7), (4, 5)))(X)


def test_dtypes_that_numpy_does_not_compute_with():
    with pytest.raises(fr.NotDifferentiableError, match="expm was given an array of dtype bfloat16"):
        jax.jit(fr.linalg.expm)(jnp.ones((2, 2), jnp.bfloat16))
