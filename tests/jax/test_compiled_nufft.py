"""Nonuniform transforms that XLA compiles, against NumPy's interface, direct sums and differences."""

from __future__ import annotations

import itertools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from frechet import nufft
from frechet.jax._compiled_nufft import nufft1, nufft2
from tests.jax.arrays import REFUSED

MODES = {1: (11,), 2: (6, 7), 3: (4, 5, 6)}


def draw(d, count=30, stack=(2,), seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-9, 9, (count, d))
    c = rng.normal(size=(*stack, count)) + 1j * rng.normal(size=(*stack, count))
    f = rng.normal(size=(*stack, *MODES[d])) + 1j * rng.normal(size=(*stack, *MODES[d]))
    return x, c, f


def close(a, b, tolerance):
    """Whether the largest difference is small beside the largest value."""
    return np.max(np.abs(np.asarray(a) - b)) <= tolerance * np.max(np.abs(b))


def waves(x, modes, sign):
    """e^{± i k·x} with the modes first."""
    k = np.stack(np.meshgrid(*[np.arange(-(n // 2), n - n // 2) for n in modes], indexing="ij"), -1)
    return np.exp(sign * 1j * (k @ x.T))


# --- values ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("modeord", [0, 1])
@pytest.mark.parametrize("isign", [1, -1])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_values_are_those_of_numpy(d, isign, modeord):
    """The same kernels on the same grids: only the Fourier transforms' rounding differs."""
    x, c, f = draw(d)
    options = {"eps": 1e-11, "isign": isign, "modeord": modeord, "period": 2 * np.pi + 0.1}
    modes = MODES[d]
    ours = jax.jit(lambda x, c: nufft1(x, c, modes, **options))(x, c)
    assert close(ours, nufft.nufft1(x, c, modes, **options), 1e-14)
    ours = jax.jit(lambda x, f: nufft2(x, f, **options))(x, f)
    assert close(ours, nufft.nufft2(x, f, **options), 1e-14)


@pytest.mark.parametrize("eps", [1e-3, 1e-6, 1e-12])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_values_are_direct_sums(d, eps):
    x, c, f = draw(d)
    e = waves(x, MODES[d], 1)
    axes = tuple(range(1, d + 1))
    ours = nufft1(x, c, MODES[d], eps=eps)
    assert np.linalg.norm(ours - np.moveaxis(e @ c.T, -1, 0)) <= 2 * eps * np.linalg.norm(ours)
    ours = nufft2(x, f, eps=eps)
    assert np.linalg.norm(ours - np.tensordot(f, e.conj(), (axes, range(d)))) <= 2 * eps * np.linalg.norm(
        ours
    )


@pytest.mark.parametrize("points", [np.float32, np.float64])
def test_single_precision(points):
    x, c, f = draw(2)
    x, c, f = x.astype(points), c.astype(np.complex64), f.astype(np.complex64)
    ours = nufft1(x, c, MODES[2], eps=1e-4)
    assert ours.dtype == np.complex64
    assert close(ours, nufft.nufft1(x, c, MODES[2], eps=1e-4), 1e-6)
    ours = nufft2(x, f, eps=1e-4)
    assert ours.dtype == np.complex64
    assert close(ours, nufft.nufft2(x, f, eps=1e-4), 1e-6)
    assert jax.grad(lambda x: jnp.sum(jnp.abs(nufft2(x, f)) ** 2))(x).dtype == points


def test_real_data_and_no_stack():
    x, c, f = draw(1, stack=())
    assert close(nufft1(x[:, 0], c.real, 11), nufft.nufft1(x[:, 0], c.real, 11), 1e-14)
    assert close(nufft2(x[:, 0], f.real), nufft.nufft2(x[:, 0], f.real), 1e-14)


def test_many_points_on_a_large_grid():
    """So many that several threads work on many tiles."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-np.pi, np.pi, (40_000, 2))
    c = rng.normal(size=40_000) + 0j
    for threads in (1, 2, 0):
        ours = jax.jit(lambda x, c: nufft1(x, c, (150, 130), nthreads=threads))(x, c)  # noqa: B023  # within this round
        assert close(ours, nufft.nufft1(x, c, (150, 130)), 1e-13)
        ours = nufft2(x, ours, nthreads=threads)
        assert close(ours, nufft.nufft2(x, nufft.nufft1(x, c, (150, 130))), 1e-13)


def test_dipoles_and_gradients():
    x, c, f = draw(2)
    p = np.stack([c, 2 * c], -1)
    ours = nufft1(x, c, MODES[2], dipoles=p, eps=1e-10)
    assert close(ours, nufft.nufft1(x, c, MODES[2], dipoles=p, eps=1e-10), 1e-13)
    value, gradient = nufft2(x, f, gradient=True, eps=1e-10)
    theirs = nufft.nufft2(x, f, gradient=True, eps=1e-10)
    assert close(value, theirs[0], 1e-13)
    assert close(gradient, theirs[1], 1e-13)


def test_no_points_and_no_stack():
    assert np.array_equal(nufft1(np.zeros((0, 2)), np.zeros((3, 0)), (4, 5)), np.zeros((3, 4, 5)))
    assert nufft2(np.zeros((0, 2)), np.zeros((3, 4, 5))).shape == (3, 0)
    assert nufft1(np.zeros((7, 2)), np.zeros((0, 7)), (4, 5)).shape == (0, 4, 5)
    assert nufft2(np.zeros((7, 2)), np.zeros((0, 4, 5))).shape == (0, 7)


# --- derivatives -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "order"), [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (3, 1)])
def test_derivatives(d, order):
    """Forward and reverse, by points and data; steps of 1e-4 leave 1e-7 or so in central differences."""
    x, c, f = draw(d, count=4)
    for function, data in ((lambda x, c: nufft1(x, c, MODES[d], eps=1e-13), c), (nufft2_exact, f)):
        check_grads(function, (x, data), order, eps=1e-4, atol=1e-5, rtol=1e-5)


def nufft2_exact(x, f):
    return nufft2(x, f, eps=1e-13)


def test_derivatives_are_those_of_numpy():
    import frechet as fr

    x, c, f = draw(2, count=50, stack=())
    w = f + 1

    def loss(module, vdot):
        return lambda x, c: vdot(w, module(x, c, MODES[2], eps=1e-9)).real

    ours = jax.jit(jax.grad(loss(nufft1, jnp.vdot), argnums=(0, 1)))(x, c)
    theirs = fr.grad(loss(nufft.nufft1, np.vdot), argnums=(0, 1))(x, c)
    assert close(ours[0], theirs[0], 1e-13)
    assert close(ours[1].conj(), theirs[1], 1e-13)  # JAX's convention


def test_hessian_is_that_of_the_sum():
    x, _, f = draw(1, count=3, stack=())
    k = np.arange(-5, 6)
    second = jax.jit(jax.hessian(lambda x: nufft2(x, f, eps=1e-13).real.sum()))(x)[:, 0, :, 0]
    direct = np.diag((np.exp(-1j * np.outer(x[:, 0], k)) @ (-(k**2) * f)).real)
    assert close(second, direct, 1e-9)


def test_linear_transpose():
    x, c, f = draw(2, stack=())
    (transposed,) = jax.linear_transpose(lambda c: nufft1(x, c, MODES[2]), c)(jnp.asarray(f))
    assert close(transposed, nufft2(x, f, isign=1), 1e-14)
    (transposed,) = jax.linear_transpose(lambda f: nufft2(x, f), f)(jnp.asarray(c))
    assert close(transposed, nufft1(x, c, MODES[2], isign=-1), 1e-14)


def count_in_program(function, *arguments):
    text = jax.jit(function).lower(*arguments).compile().as_text()
    names = ("frechet_sort", "frechet_spread", "frechet_interpolate")
    return [len(re.findall(f'custom_call_target="{name}"', text)) for name in names] + [
        len(re.findall(r" fft\(", text))
    ]


def test_a_gradient_takes_one_pass_and_one_fourier_transform_more():
    """Points are sorted once; type 2 has its gradient by the points from the pass that gives its value."""
    x, c, f = draw(2, stack=())

    def power1(x, c):
        return jnp.sum(jnp.abs(nufft1(x, c, MODES[2])) ** 2)

    def power2(x, f):
        return jnp.sum(jnp.abs(nufft2(x, f)) ** 2)

    both = (0, 1)
    assert count_in_program(jax.value_and_grad(power1, argnums=both), x, c) == [1, 1, 1, 2]
    assert count_in_program(jax.value_and_grad(power2), x, f) == [1, 0, 1, 1]
    assert count_in_program(jax.value_and_grad(power2, argnums=both), x, f) == [1, 1, 1, 2]


# --- vmap and control flow ---------------------------------------------------------------------------------


@pytest.mark.parametrize("over", [(None, 0), (0, None), (0, 0), (None, 1), (2, 0)])
def test_vmap(over):
    x, c, f = draw(2, count=6, stack=())
    rng = np.random.default_rng(2)

    def several(a, axis):
        if axis is None:
            return a
        front = np.stack([a, a + rng.normal(size=a.shape), 2 * a])
        return np.moveaxis(front, 0, axis)

    for function, data in ((lambda x, c: nufft1(x, c, MODES[2]), c), (nufft2, f)):
        args = [several(x, over[0]), several(data, over[1])]
        ours = jax.jit(jax.vmap(function, over))(*args)
        singles = [
            function(*[a if k is None else np.take(a, i, k) for a, k in zip(args, over, strict=True)])
            for i in range(3)
        ]
        assert close(ours, np.stack(singles), 1e-13)
        gradient = jax.vmap(jax.grad(lambda x, a: jnp.sum(jnp.abs(function(x, a)) ** 2)), over)(*args)  # noqa: B023  # within this round
        assert gradient.shape == (3, 6, 2)


def test_vmap_over_values_is_one_call():
    x, c, _ = draw(2)
    counts = count_in_program(jax.vmap(lambda c: nufft1(x, c, MODES[2])), c)
    assert counts == [1, 1, 0, 1]


def test_scan_and_checkpoint():
    x, c, _ = draw(1, stack=())
    w = np.arange(11.0)

    def step(x, _):
        gradient = jax.grad(jax.checkpoint(lambda x: jnp.vdot(w, nufft1(x, c, 11, eps=1e-12)).real))(x)
        return x - 1e-4 * gradient, None

    moved = jax.jit(lambda x: jax.lax.scan(step, x, None, 3)[0])(x)
    expected = x
    for _ in range(3):
        expected, _unused = step(expected, None)
    assert close(moved, expected, 1e-13)


# --- bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_points_that_are_not_finite(value):
    x, c, _ = draw(2)
    x[17, 1] = value
    with pytest.raises(REFUSED, match="point 17 is not finite"):
        jax.block_until_ready(nufft1(x, c, MODES[2]))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda x, c, f: nufft1(x, c[:, 1:], MODES[2]),
            ValueError,
            r"nufft1: values must have shape \(..., 30\)",
        ),
        (lambda x, c, f: nufft1(x[..., None], c, 3), ValueError, r"nufft1: points must have shape \(M, d\)"),
        (lambda x, c, f: nufft1(x, c, 3), ValueError, "n_modes must be as many as the coordinates, 2"),
        (lambda x, c, f: nufft1(x, c, (3, 0)), ValueError, "n_modes must be positive"),
        (lambda x, c, f: nufft1(x.astype(int), c, (3, 3)), TypeError, "nufft1: points must be real"),
        (lambda x, c, f: nufft1(x, c.real.astype(int), (3, 3)), TypeError, "nufft1: values must be float32"),
        (lambda x, c, f: nufft1(x, c, (3, 3), dipoles=c), ValueError, "nufft1: dipoles must have shape"),
        (lambda x, c, f: nufft2(x, f[0, 0]), ValueError, "nufft2: modes must have as many axes"),
        (lambda x, c, f: nufft2(x, f, eps=-1), ValueError, "nufft2: eps must be positive"),
        (lambda x, c, f: nufft2(x, f, upsampfac=9), ValueError, "nufft2: upsampfac must be"),
        (lambda x, c, f: nufft2(x, f, period=-1), ValueError, "nufft2: period must be positive"),
        (lambda x, c, f: nufft1(x, c, (1 << 20, 1 << 20)), MemoryError, "nufft1: the fine grid"),
    ],
)
def test_wrong_arguments(call, error, message):
    x, c, f = draw(2)
    with pytest.raises(error, match=message):
        call(x, c, f)


def test_a_tolerance_out_of_reach():
    x, c, _ = draw(1)
    with pytest.warns(RuntimeWarning, match="eps = 1.0e-20 is not within reach"):
        nufft1(x, c, 11, eps=1e-20)


def test_components_follow_the_axes():
    """The mixed second derivatives of a plane wave, which no symmetry of the data could hide."""
    x = np.array([[0.3, -0.8, 1.1]])
    f = np.zeros(MODES[3], complex)
    f[3, 4, 5] = 1  # k = (1, 2, 2)
    k = np.array([1, 2, 2])
    second = jax.hessian(lambda x: nufft2(x, f, eps=1e-13).real[0])(x)[0, :, 0, :]
    wave = np.exp(-1j * (x @ k))[0]
    for a, b in itertools.product(range(3), repeat=2):
        assert abs(second[a, b] + (k[a] * k[b] * wave).real) < 1e-9
