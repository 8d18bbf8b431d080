"""Value and all gradients of nonuniform Fourier transforms, beside pytorch-finufft's and jax-finufft's.

Each contender is given the largest tolerance with which value and gradients are within the row's error,
measured against direct sums at a sample of their entries.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property, partial
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.context import Context, Run
from benchmarks.harness import Contender, Floor, Row, Target
from benchmarks.nufft import Problem, axes, contenders, floor_of, frechet, made, shortly
from benchmarks.nufft_accuracy import (
    at_modes,
    direct1,
    direct2,
    direct3,
    error,
    match,
    sample_of_modes,
    sample_size,
)

EPS = 1e-6
FASTER = {1: 4, 2: 6, 3: 8}  # than the better peer, by dimension
OF_PLAIN = 3.0  # times our own transform without gradients
PLAIN = "frechet, value alone"
WHY_TOLERANCE = "the error of each, measured at a sample of the entries; of the value alone, its tolerance"
PEERS = ("pytorch-finufft", "jax-finufft, jit")


class Pullback:
    """A transform with the cotangent w of its result: the value, and the gradients of Re⟨w, value⟩.

    Results are listed as value, gradient in the data, and one gradient for each coordinate of the points.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        rng = np.random.default_rng(21)
        shape = problem.n_modes if problem.kind == 1 else (problem.count,)
        self.w = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)

    @cached_property
    def _exact(self) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
        """Some points, some modes, and the results there by direct sums."""
        p = self.problem
        rng = np.random.default_rng(13)
        number = sample_size(p.count, math.prod(p.n_modes))
        j = rng.integers(0, p.count, number)
        k = sample_of_modes(p.n_modes, number, rng)
        values, modes = (p.data, self.w) if p.kind == 1 else (self.w, p.data)
        # type 1 pulls back with the opposite sign: Σ_k w_k e^{∓ik·x}
        sign = -p.sign if p.kind == 1 else p.sign
        at_j, *slopes = direct2(p.points[j], modes, sign, gradient=True)
        at_k = direct1(p.points, values, k, -sign)
        by_points = [np.real(np.conj(values[j]) * slope) for slope in slopes]
        first, second = (at_k, at_j) if p.kind == 1 else (at_j, at_k)
        return j, k, [first, second, *by_points]

    def error(self, results: Any) -> float:
        """The largest relative error of value and gradients."""
        j, k, exact = self._exact
        value, by_data, *by_points = results
        at_k, at_j = (value, by_data) if self.problem.kind == 1 else (by_data, value)
        sampled = [at_modes(at_k, k), at_j[j]]
        if self.problem.kind == 2:
            sampled.reverse()
        return error([*sampled, *(g[j] for g in by_points)], exact)


def transform(fr: ModuleType, q: Pullback, threads: int, eps: float) -> Callable[[Any, Any], Any]:
    """nufft1 or nufft2 as a function of points and data."""
    p = q.problem
    options = {"eps": eps, "isign": p.sign, "nthreads": threads}
    if p.kind == 1:
        return lambda x, c: fr.nufft.nufft1(x, c, p.n_modes, **options)
    return lambda x, f: fr.nufft.nufft2(x, f, **options)


def ours(fr: ModuleType, q: Pullback, threads: int, eps: float) -> Run:
    """Value and pullback of nufft1 or nufft2."""
    p, function = q.problem, transform(fr, q, threads, eps)

    def run() -> Any:
        value, pullback = fr.vjp(function, p.points, p.data)
        by_points, by_data = pullback(q.w)
        return value, by_data, *by_points.T

    return run


def pytorch_finufft(_: ModuleType, q: Pullback, threads: int, eps: float) -> Run:
    """Value and pullback; its tensor of points is (d, M)."""
    import torch
    from pytorch_finufft import functional

    p = q.problem
    options = {"eps": eps, "isign": p.sign, "modeord": 0, "nthreads": threads}
    points = torch.from_numpy(np.array(p.columns)).requires_grad_()
    data, w = torch.from_numpy(p.data).requires_grad_(), torch.from_numpy(q.w)

    def run() -> Any:
        if p.kind == 1:
            value = functional.finufft_type1(points, data, p.n_modes, **options)
        else:
            value = functional.finufft_type2(points, data, **options)
        by_points, by_data = torch.autograd.grad(value, (points, data), w)
        return value.detach().numpy(), by_data.resolve_conj().numpy(), *by_points.numpy()

    return run


def jax_finufft(jf: ModuleType, q: Pullback, threads: int, eps: float) -> Run:
    """Value and pullback, compiled; conjugated before and after, since JAX's pullback is the transpose."""
    import jax
    from jax_finufft.options import Opts

    p = q.problem
    options = {"iflag": p.sign, "eps": eps, "opts": Opts(nthreads=threads)}
    columns, data, w = (jax.device_put(a) for a in (p.columns, p.data, q.w))
    if p.kind == 1:
        function = lambda data, *x: jf.nufft1(p.n_modes, data, *x, **options)  # noqa: E731  # one line for each case
    else:
        function = lambda data, *x: jf.nufft2(data, *x, **options)  # noqa: E731  # one line for each case

    @jax.jit
    def value_and_pullback(data: Any, columns: Any, w: Any) -> Any:
        value, pullback = jax.vjp(function, data, *columns)
        by_data, *by_points = pullback(jax.numpy.conj(w))
        return value, jax.numpy.conj(by_data), *by_points

    return lambda: jax.block_until_ready(value_and_pullback(data, columns, w))


def transforms_counted(context: Context, kind: int, d: int) -> str:
    """How many grids are Fourier transformed, counted on a tiny problem: it does not depend on sizes."""
    fr = context.frechet
    if fr is None:
        return ""
    from frechet.nufft._fourier import Counter

    q = Pullback(Problem(kind, (6,) * d, 20))
    p = q.problem

    def function(x: Any, data: Any) -> Any:
        if kind == 1:
            return fr.nufft.nufft1(x, data, p.n_modes, eps=1e-3)
        return fr.nufft.nufft2(x, data, eps=1e-3)

    def counted(run: Callable[[], Any]) -> tuple[int, Any]:
        before = Counter.grids
        result = run()
        return Counter.grids - before, result

    def energy(x: Any) -> Any:
        f = function(x, p.data)
        return np.sum(np.real(f) ** 2 + np.imag(f) ** 2)

    value, (_, pullback) = counted(lambda: fr.vjp(function, p.points, p.data))
    back, _ = counted(lambda: pullback(q.w))
    alone, (_, pullback) = counted(lambda: fr.vjp(lambda x: function(x, p.data), p.points))
    points, _ = counted(lambda: pullback(q.w))
    second, _ = counted(lambda: fr.hvp(energy, (p.points,), (np.ones_like(p.points),)))
    return (
        f"FFTs counted: value and gradients in everything {value} + {back}, in the points alone "
        f"{alone} + {points}; Hessian of Σ|f|² in the points times a vector {second}"
    )


def problem(kind: int, d: int, context: Context) -> Problem:
    """About as many points as modes."""
    small, large = {1: (10**5, 10**6), 2: (256, 1024), 3: (48, 128)}[d]
    n_modes = (small if context.quick else large,) * d
    return Problem(kind, n_modes, 10**5 if context.quick else 10**6)


def build(kind: int, d: int, context: Context) -> Row:
    """Value and gradients in everything, of type 1 or 2."""
    q = Pullback(problem(kind, d, context))
    threads = context.threads
    makes = {
        "frechet": made(context.frechet, ours, q, threads),
        PEERS[0]: made(context.pytorch_finufft, pytorch_finufft, q, threads),
        PEERS[1]: made(context.jax_finufft, jax_finufft, q, threads),
    }
    matched = match(
        EPS,
        {
            name: lambda e, make=make: q.error([np.asarray(r) for r in make(e)()])  # type: ignore[misc]  # a default binds it
            for name, make in makes.items()
            if make
        },
    )
    first, *others = contenders(context, makes, matched)
    eps = matched.tolerances.get("frechet", EPS)
    alone = made(context.frechet, frechet, q.problem, threads)
    times = FASTER[d]
    return Row(
        work=f"{q.problem.name}, value and pullback to everything, error ≤ {matched.allowed:.1e}",
        ours=first,
        others=[*others, Contender(PLAIN, alone and alone(eps))],
        targets=[
            Target(PEERS, 1 / times, f"≥ {times} ×"),
            Target((PLAIN,), OF_PLAIN, f"≤ {OF_PLAIN:.0f} ×"),
        ],
        floor=floor_of(q.problem, context, eps, components=2 + d, slopes=True),
        tolerance=3 * max(matched.allowed, eps),
        why_tolerance=WHY_TOLERANCE,
        notes=[*matched.notes, transforms_counted(context, kind, d)],
    )


def build_points(d: int, context: Context) -> Row:
    """Type 2 in its points alone: the gradient needs no Fourier transform of its own."""
    q = Pullback(problem(2, d, context))
    p, options = q.problem, {"eps": EPS, "nthreads": context.threads}

    def run(fr: ModuleType) -> Run:
        def both() -> Any:
            value, pullback = fr.vjp(lambda x: fr.nufft.nufft2(x, p.data, **options), p.points)
            return value, pullback(q.w)

        return both

    alone = made(context.frechet, frechet, p, context.threads)
    return Row(
        work=f"{p.name}, eps {shortly(EPS)}, value and pullback to the points alone",
        ours=Contender("frechet", context.frechet and run(context.frechet)),
        others=[Contender(PLAIN, alone and alone(EPS))],
        targets=[Target((PLAIN,), OF_PLAIN, f"≤ {OF_PLAIN:.0f} ×")],
        floor=floor_of(p, context, EPS, components=1 + d, slopes=True),
        tolerance=3 * EPS,
        why_tolerance="the tolerance of both, which have other kernels",
        notes=[transforms_counted(context, 2, d)],
    )


class Pullback3:
    """Type 3 with a cotangent: value, and gradients in values, each coordinate of points, and of targets."""

    def __init__(self, d: int, count: int) -> None:
        rng = np.random.default_rng(22)
        self.d, self.extent = d, axes(count, d)[0]
        self.x = rng.uniform(-np.pi, np.pi, (count, d))
        self.s = rng.uniform(-self.extent / 2, self.extent / 2, (count, d))
        self.c, self.w = (rng.standard_normal(count) + 1j * rng.standard_normal(count) for _ in range(2))
        self.j = rng.integers(0, count, sample_size(count, count))

    @cached_property
    def _exact(self) -> list[np.ndarray]:
        x, s, c, w, j = self.x, self.s, self.c, self.w, self.j
        value, *by_s = direct3(x, c, s[j], 1, gradient=True)
        by_c, *by_x = direct3(s, w, x[j], -1, gradient=True)
        pairs = [*((c[j], g) for g in by_x), *((w[j], g) for g in by_s)]
        return [value, by_c, *(np.real(np.conj(a) * g) for a, g in pairs)]

    def error(self, results: Any) -> float:
        """The largest relative error of value and gradients."""
        return error([np.asarray(r)[self.j] for r in results], self._exact)


def ours3(fr: ModuleType, q: Pullback3, threads: int, eps: float) -> Run:
    """Value and pullback of nufft3."""

    def run() -> Any:
        value, pullback = fr.vjp(
            lambda x, c, s: fr.nufft.nufft3(x, c, s, eps=eps, nthreads=threads), q.x, q.c, q.s
        )
        by_x, by_c, by_s = pullback(q.w)
        return value, by_c, *by_x.T, *by_s.T

    return run


def jax_finufft3(jf: ModuleType, q: Pullback3, threads: int, eps: float) -> Run:
    """Value and pullback, compiled."""
    import jax
    from jax_finufft.options import Opts

    columns = [np.ascontiguousarray(a) for a in (*q.x.T, *q.s.T)]
    columns, data, w = (jax.device_put(a) for a in (columns, q.c, q.w))

    @jax.jit
    def value_and_pullback(data: Any, columns: Any, w: Any) -> Any:
        function = partial(jf.nufft3, iflag=1, eps=eps, opts=Opts(nthreads=threads))
        value, pullback = jax.vjp(function, data, *columns)
        by_data, *by_coordinates = pullback(jax.numpy.conj(w))
        return value, jax.numpy.conj(by_data), *by_coordinates

    return lambda: jax.block_until_ready(value_and_pullback(data, columns, w))


def build3(d: int, context: Context) -> Row:
    """Value and gradients in everything, of type 3."""
    count = 10**4 if context.quick else 10**5
    q = Pullback3(d, count)
    makes = {
        "frechet": made(context.frechet, ours3, q, context.threads),
        PEERS[1]: made(context.jax_finufft, jax_finufft3, q, context.threads),
    }
    matched = match(
        EPS,
        {name: lambda e, make=make: q.error(make(e)()) for name, make in makes.items() if make},  # type: ignore[misc]  # a default binds it
    )
    first, *others = contenders(context, makes, matched)

    def value(fr: ModuleType, eps: float) -> Run:
        return lambda: fr.nufft.nufft3(q.x, q.c, q.s, eps=eps, nthreads=context.threads)

    alone = made(context.frechet, value)
    eps = matched.tolerances.get("frechet", EPS)
    run = alone and alone(eps)
    return Row(
        work=f"type 3, {d}d, {shortly(count)} points and targets, {q.extent} cells along an axis, "
        f"error of gradients ≤ {matched.allowed:.1e}, value and pullback to everything",
        ours=first,
        others=[*others, Contender(PLAIN, run)],
        targets=[Target((PEERS[1],), 1 / 6, "≥ 6 ×")],
        floor=Floor("the value alone", run),
        tolerance=3 * max(matched.allowed, eps),
        why_tolerance=WHY_TOLERANCE,
        notes=matched.notes,
    )


ROWS = {
    **{f"nufft-gradient-{kind}-{d}d": partial(build, kind, d) for kind in (1, 2) for d in (1, 2, 3)},
    **{f"nufft-gradient-points-{d}d": partial(build_points, d) for d in (1, 2, 3)},
    **{f"nufft-gradient-3-{d}d": partial(build3, d) for d in (1, 2, 3)},
}
