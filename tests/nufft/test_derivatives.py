"""Derivatives of nonuniform transforms in every argument, to third order, and what they cost.

`check_rule` compares with extrapolated differences and needs transforms that are smooth to its tolerance: eps
is far below it, since the kernel's error jumps where points change their window.
"""

from __future__ import annotations

import numpy as np
import pytest

import frechet as fr
from frechet import nufft
from frechet.errors import CoercionError, NotDifferentiableError
from frechet.nufft._fourier import Counter
from frechet.nufft._operators import OnGrid
from frechet.testing import check_rule
from tests.nufft.direct_sums import Direct, norm

MODES = {1: (6,), 2: (4, 5), 3: (3, 4, 2)}
POINTS = 5


def random(*shape, seed=0, dtype=complex):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(dtype)


def points_of(d, dtype=float):
    return np.random.default_rng(d).uniform(-3, 3, (POINTS, d)).astype(dtype)


FINE = {"eps": 1e-12}
STACKS = [(), (2,), (2, 1)]


def all_cases():
    for d in (1, 2, 3):
        x, n = points_of(d), MODES[d]
        half = (*n[:-1], n[-1] // 2 + 1)
        for stack in STACKS if d == 2 else STACKS[:1]:
            c, f = random(*stack, POINTS), random(*stack, *n, seed=1)
            yield f"nufft1-{d}-{stack}", nufft.nufft1, (x, c, n), {}
            yield f"nufft2-{d}-{stack}", nufft.nufft2, (x, f), {}
            yield f"nufft2-gradient-{d}-{stack}", nufft.nufft2, (x, f), {"gradient": True}
            dipoles = random(*stack, POINTS, d, seed=2)
            with_dipoles = lambda x, c, p, n=n, **k: nufft.nufft1(x, c, n, dipoles=p, **k)
            yield f"dipoles-{d}-{stack}", with_dipoles, (x, c, dipoles), {}
            real = random(*stack, POINTS, dtype=float)
            yield f"rnufft1-{d}-{stack}", nufft.rnufft1, (x, real, n), {}
            yield f"rnufft2-{d}-{stack}", nufft.rnufft2, (x, random(*stack, *half, seed=1), n), {}
            yield f"nufft3-{d}-{stack}", nufft.nufft3, (x, c, 2 * points_of(d)[:4] - 1), {}
        yield f"rnufft2-gradient-{d}", nufft.rnufft2, (x, random(*half), n), {"gradient": True}
        yield f"real-values-{d}", nufft.nufft1, (x, random(POINTS, dtype=float), n), {}
        yield f"real-modes-{d}", nufft.nufft2, (x, random(*n, dtype=float)), {}
        yield f"order-{d}", nufft.nufft1, (x, random(POINTS), n), {"modeord": 1, "isign": -1, "period": 3.0}
        yield f"order-2-{d}", nufft.nufft2, (x, random(*n)), {"modeord": 1, "isign": 1, "period": 3.0}
    x = points_of(1)[:, 0]
    yield "one-axis-1", nufft.nufft1, (x, random(POINTS), 6), {}
    yield "one-axis-2", nufft.nufft2, (x, random(6)), {"gradient": True}
    yield "one-axis-3", nufft.nufft3, (x, random(POINTS), x + 1), {}
    yield "scipy", nufft.nufft2, (x, random(6)), {"fft": "scipy"}
    yield "no points", nufft.nufft1, (np.empty((0, 2)), random(0), (3, 4)), {}


CASES = list(all_cases())


@pytest.mark.parametrize(("f", "args", "kwargs"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_rule(f, args, kwargs):
    check_rule(f, *args, **FINE, **kwargs)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_rules_in_single_precision(d):
    """The rules of float32 against differences of the double-precision transform of the same arguments."""
    x, n = points_of(d, np.float32), MODES[d]
    c, f = random(POINTS, dtype=np.complex64), random(*n, dtype=np.complex64)
    for call, args in (
        (nufft.nufft1, (x, c, n)),
        (nufft.nufft2, (x, f)),
        (nufft.nufft3, (x, c, x + 1)),
        (nufft.rnufft1, (x, c.real.copy(), n)),
    ):
        check_rule(call, *args, eps=1e-6)


def test_mixed_precision():
    """Values decide about a transform's precision; gradients have the dtype of their arguments."""
    x, c = points_of(2), random(POINTS, dtype=np.complex64)
    y, pull = fr.vjp(lambda x, c: nufft.nufft1(x, c, (4, 5)), x, c)
    by_x, by_c = pull(np.ones_like(y))
    assert (y.dtype, by_x.dtype, by_c.dtype) == (np.complex64, np.float64, np.complex64)
    x = x.astype(np.float32)
    y, pull = fr.vjp(lambda x, c: nufft.nufft1(x, c, (4, 5)), x, c.astype(complex))
    by_x, by_c = pull(np.ones_like(y))
    assert (y.dtype, by_x.dtype, by_c.dtype) == (np.complex128, np.float32, np.complex128)


# --- higher orders -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
def test_third_order(d):
    """∂³ of type 2 along a direction, against Σ f (i k·v)³ e^{ik·x}."""
    x, v, n = points_of(d), random(POINTS, d, dtype=float), MODES[d]
    f = random(*n)
    direct = Direct(x, n, -1)
    slope = lambda h: lambda t: fr.jvp(h, (t,), (1.0,))[1]
    g = slope(slope(slope(lambda t: nufft.nufft2(x + t * v, f, eps=1e-12))))
    expected = 0.0
    for axes in np.ndindex((d,) * 3):
        alpha = tuple(np.bincount(axes, minlength=d))
        expected = expected + np.prod(v[:, list(axes)], axis=1) * direct.at_points(f, alpha)
    assert norm(g(0.0) - expected) < 1e-9 * norm(expected)  # the kernel's second derivative has 1e-10 or so


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("transform", ["type 1", "type 2", "type 3"])
def test_hessians_and_their_derivatives(d, transform):
    """Second and third derivatives of a real function in forward and reverse mode, in any order, agree."""
    x, n = points_of(d), MODES[d]
    c, f, s = random(POINTS), random(*n), points_of(d)[:3] + 1

    def energy(x):
        if transform == "type 1":
            y = nufft.nufft1(x, c, n, eps=1e-12)
        elif transform == "type 2":
            y = nufft.nufft2(x, f, eps=1e-12)
        else:
            y = nufft.nufft3(x, c, s, eps=1e-12)
        return np.sum(np.abs(y) ** 2 * np.linspace(1, 2, y.size).reshape(y.shape))

    v, w = random(POINTS, d, dtype=float), random(POINTS, d, seed=4, dtype=float)
    gradient = fr.grad(energy)
    forward = fr.jvp(gradient, (x,), (v,))[1]
    reverse = fr.grad(lambda x: np.sum(gradient(x) * v))(x)
    pushed = fr.grad(lambda x: fr.jvp(energy, (x,), (v,))[1])(x)
    assert norm(forward - reverse) < 1e-8 * norm(forward)
    assert norm(forward - pushed) < 1e-8 * norm(forward)
    third = lambda x: fr.jvp(gradient, (x,), (v,))[1]
    left = np.sum(fr.jvp(third, (x,), (w,))[1] * v)
    right = np.sum(fr.grad(lambda x: np.sum(third(x) * w))(x) * v)
    assert abs(left - right) < 1e-7 * abs(left)
    h = 1e-4
    differences = (gradient(x + h * v) - gradient(x - h * v)) / (2 * h)
    assert norm(forward - differences) < 1e-5 * norm(forward)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_forces_and_training_on_forces(d):
    """E = Σ_k g_k |ρ_k(x)|²: forces −∂E/∂x, and the gradient of a function of forces by all three."""
    n, x = {1: (9,), 2: (7, 8), 3: (5, 4, 5)}[d], points_of(d)
    q, g = random(POINTS, dtype=float), np.abs(random(*n, dtype=float))
    target = random(POINTS, d, dtype=float)

    def forces(x, q, g):
        return -fr.grad(lambda x: np.sum(g * np.abs(nufft.nufft1(x, q, n, eps=1e-12)) ** 2))(x)

    def loss(x, q, g):
        return np.sum((forces(x, q, g) - target) ** 2)

    direct = Direct(x, n, 1)
    rho = direct.from_points(q)
    exact = np.stack(
        [
            -2 * q * np.real(Direct(x, n, 1).at_points(np.conj(rho) * g, tuple(e)))
            for e in np.eye(d, dtype=int)
        ],
        axis=-1,
    )
    assert norm(forces(x, q, g) - exact) < 1e-9 * norm(exact)
    gradients = fr.grad(loss, argnums=(0, 1, 2))(x, q, g)
    directions = [random(*np.shape(a), seed=6, dtype=float) for a in (x, q, g)]
    h = 1e-5
    ahead, behind = (
        loss(*(a + s * h * v for a, v in zip((x, q, g), directions, strict=True))) for s in (1, -1)
    )
    slope = sum(np.sum(a * v) for a, v in zip(gradients, directions, strict=True))
    assert abs(slope - (ahead - behind) / (2 * h)) < 1e-6 * abs(slope)


@pytest.mark.parametrize("d", [1, 2])
def test_dense_jacobians(d):
    """jacobian in both modes, entry by entry, against the matrix e^{ik·x}."""
    x, n = points_of(d), MODES[d]
    f, c = random(*n), random(POINTS)
    direct = Direct(x, n, -1)
    eye = np.eye(f.size).reshape(f.size, *n)
    matrix = direct.at_points(eye).T
    y, L = fr.linearize(lambda f: nufft.nufft2(x, f, eps=1e-12), f)
    assert np.allclose(y, matrix @ f.ravel(), rtol=0, atol=1e-10)
    pushed = np.stack([L(e) for e in eye.astype(complex)], axis=-1)
    assert np.allclose(pushed, matrix, rtol=0, atol=1e-10)
    pulled = np.stack([L.adjoint(e).ravel() for e in np.eye(POINTS, dtype=complex)])
    assert np.allclose(pulled, np.conj(matrix), rtol=0, atol=1e-10)
    _, L = fr.linearize(lambda x: nufft.nufft1(x, c, n, isign=1, eps=1e-12), x)
    back = Direct(x, n, 1)
    for j in range(POINTS):
        for a in range(d):
            v = np.zeros_like(x)
            v[j, a] = 1
            alpha = tuple(int(b == a) for b in range(d))
            expected = back.from_points(np.where(np.arange(POINTS) == j, c, 0), alpha)
            assert np.allclose(L(v), expected, rtol=0, atol=1e-9)


# --- an "ik" route -----------------------------------------------------------------------------------------


def gradient_by_modes(x, f, n, isign, **options):
    """The gradient at points by as many transforms of type 2 of modes times ik."""
    direct = Direct(x, n, isign, options.get("modeord", 0), options.get("period", 2 * np.pi))
    parts = []
    for a, slope in enumerate(direct.slopes):
        factor = slope.astype(complex).reshape(-1, *(1,) * (len(n) - 1 - a))
        parts.append(nufft.nufft2(x, f * factor, isign=isign, **options))
    return np.stack(parts, axis=-1)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("decaying", [False, True])
def test_gradients_against_multiplied_modes(d, decaying):
    """The kernel's derivatives are as accurate as eps says, and so are transforms of multiplied modes."""
    n = {1: (64,), 2: (40, 33), 3: (33, 32, 34)}[d]
    x = np.random.default_rng(0).uniform(-9, 9, (200, d))
    f = random(*n)
    if decaying:
        for a, m in enumerate(n):
            k = np.fft.ifftshift(np.arange(m) - m // 2)
            f = f * np.exp(-16 * np.abs(2 * k / m)).reshape(-1, *(1,) * (d - 1 - a))
    for eps in (1e-3, 1e-7, 1e-11):
        options = {"eps": eps, "modeord": 1, "period": 3.0}
        _, slopes = nufft.nufft2(x, f, gradient=True, isign=-1, **options)
        reference = gradient_by_modes(x, f, n, -1, **options)
        assert norm(slopes - reference) <= 4 * eps * norm(reference)  # 2 eps of each


# --- the cost ----------------------------------------------------------------------------------------------


def transforms_of(call, *args):
    before = Counter.grids
    call(*args)
    return Counter.grids - before


def squared(function):
    return lambda *args: np.sum(np.abs(function(*args)) ** 2)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("stack", [(), (3,)])
def test_number_of_fourier_transforms(d, stack):
    x, n = points_of(d), MODES[d]
    times = 3 if stack else 1
    half = (*n[:-1], n[-1] // 2 + 1)
    c, f, s = random(*stack, POINTS), random(*stack, *n), points_of(d) + 1
    real, halves = random(*stack, POINTS, dtype=float), random(*stack, *half)
    type1 = lambda x, c: nufft.nufft1(x, c, n)
    type2 = nufft.nufft2
    type3 = nufft.nufft3
    real1, real2 = (lambda x, c: nufft.rnufft1(x, c, n)), (lambda x, f: nufft.rnufft2(x, f, n))
    both = {"argnums": (0, 1)}
    count = lambda call, *args: transforms_of(call, *args) / times

    for function, data in ((type1, c), (type2, f), (real1, real), (real2, halves)):
        assert count(function, x, data) == 1
        assert count(fr.value_and_grad(squared(function), **both), x, data) == 2
        assert count(fr.value_and_grad(squared(function), argnums=1), x, data) == 2
        assert count(lambda: fr.jvp(function, (x, data), (x, data))) == 2  # noqa: B023
    assert count(fr.value_and_grad(squared(type2)), x, f) == 1
    assert count(fr.value_and_grad(squared(real2)), x, halves) == 1
    assert count(fr.value_and_grad(squared(type1)), x, c) == 2
    assert count(lambda: nufft.nufft2(x, f, gradient=True)) == 1
    assert count(lambda: nufft.nufft1(x, c, n, dipoles=random(*stack, POINTS, d))) == 1
    # derivatives of a gradient in the points alone, along a direction: from the same pass over the grid
    assert count(lambda: fr.jvp(fr.grad(lambda x: squared(type2)(x, f)), (x,), (x,))) == 1
    assert count(lambda: fr.hvp(lambda x: squared(type2)(x, f), (x,), (x,))) == 1
    assert count(type3, x, c, s) == 1
    assert count(fr.value_and_grad(squared(type3), argnums=(0, 1, 2)), x, c, s) == 2


# --- what has no derivative --------------------------------------------------------------------------------


def test_period_has_no_derivative():
    x, f = points_of(1), random(6)
    with pytest.raises(
        NotDifferentiableError, match="no derivative with respect to period; scale the points"
    ):
        fr.grad(lambda p: np.sum(np.abs(nufft.nufft2(x, f, period=p))))(2.0)
    with pytest.raises(CoercionError, match="would turn a traced value into a plain one"):
        fr.grad(lambda p: np.sum(np.abs(nufft.nufft2(points_of(2), random(3, 4), period=[p, 1.0]))))(2.0)


def test_a_mode_of_frequency_zero_has_no_slope():
    x, f = points_of(2), random(1, 1)
    _, slopes = nufft.nufft2(x, f, gradient=True, eps=1e-10)
    assert np.all(np.abs(slopes) <= 2e-10 * np.abs(f))


@pytest.mark.parametrize("d", [1, 2, 3])
def test_grids_as_data(d):
    """Interpolation alone, as in type 3: derivatives beyond the kernel's are taken of the grid."""
    from frechet.nufft._grid import choose_grid
    from frechet.nufft._operators import SortedPoints
    from frechet.nufft._rules import at_points, from_points

    x = points_of(d)
    grid = choose_grid((8, 9, 7)[:d], 8, 1e-13, False, True, 0.0, False)
    points = SortedPoints(x, (2 * np.pi,) * d, grid, 1, "test")
    operator = OnGrid(points)
    g = random(*grid.sizes)
    for order in (0, 1, 2):
        v = at_points(x, g, operator, order)
        w = random(*v.shape, seed=3)
        left, right = np.vdot(w, v), np.vdot(from_points(x, w, operator, order), g)
        assert abs(left - right) < 1e-11 * norm(w) * norm(v)
    third = at_points(x, g, operator, 3)
    w = random(*third.shape, seed=3)
    left, right = np.vdot(w, third), np.vdot(from_points(x, w, operator, 3), g)
    assert abs(left - right) < 1e-10 * norm(w) * norm(third)
