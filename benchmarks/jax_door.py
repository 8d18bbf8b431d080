"""Frechet's functions called from JAX, beside the NumPy interface and JAX's own functions."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.context import Context, Run, build_if
from benchmarks.harness import Contender, Floor, Measured, Row, Target
from benchmarks.nufft import made, shortly
from benchmarks.nufft_accuracy import match
from benchmarks.nufft_gradients import EPS, PEERS, Pullback, jax_finufft, ours, problem, transform

STEPS = 2000  # of a compiled loop
CALLS = 100  # per sample, of each of the two whose difference is the overhead
NUMPY = "frechet, from NumPy"
JAXS = "JAX's own function"
WITHIN = 1.10  # of the NumPy interface


def elementwise(x: Any, xp: ModuleType) -> Any:
    """A function that takes a microsecond."""
    return xp.sin(x) * 2.0


def with_pullback(vjp: Callable[..., Any], f: Callable[..., Any]) -> Callable[..., Any]:
    """Value and pullback."""

    def both(x: Any, w: Any) -> Any:
        value, pullback = vjp(f, x)
        return value, pullback(w)[0]

    return both


def build_overhead(pullback: bool, compiled: bool, limit: float, context: Context) -> Row:
    """The time of a wrapped call less that of the same call through NumPy, on five numbers."""
    x, w = np.arange(1.0, 6.0), np.ones(5)
    numpys = lambda x: elementwise(x, np)  # noqa: E731  # one function, in two namespaces
    what = "value and pullback" if pullback else "value"

    def overhead(fr: ModuleType, jax: ModuleType, f: Callable[..., Any]) -> Run:
        with_jax, with_numpy = f, numpys
        given = (x, w) if pullback else (x,)
        if pullback:
            with_jax, with_numpy = with_pullback(jax.vjp, f), with_pullback(fr.vjp, numpys)
        if compiled:
            with_jax = jax.jit(with_jax)
        arrays = [jax.numpy.asarray(a) for a in given]

        def run() -> Measured:
            spent = [0.0, 0.0]
            for _ in range(CALLS):
                for k, (call, those) in enumerate(((with_jax, arrays), (with_numpy, given))):
                    start = time.perf_counter()
                    result = call(*those)
                    if k == 0:
                        jax.block_until_ready(result)
                    spent[k] += time.perf_counter() - start
            return Measured((spent[0] - spent[1]) / CALLS, (with_jax(*arrays),))

        return run

    def build(f: Callable[[ModuleType], Callable[..., Any]]) -> Run | None:
        return build_if(context.frechet and context.jax, lambda jax: overhead(context.frechet, jax, f(jax)))

    allowed = f"{limit * 1e6:.0f} µs"
    return Row(
        work=f"overhead of a call {'in jax.jit' if compiled else 'from JAX, eager'} over NumPy's, {what}",
        ours=Contender("frechet", build(lambda jax: context.frechet.jax.wrap(numpys))),
        others=[
            Contender(JAXS, build(lambda jax: lambda x: elementwise(x, jax.numpy))),
            Contender(allowed, lambda: Measured(limit)),
        ],
        targets=[Target((allowed,), 1.0, f"≤ {allowed}")],
        floor=Floor("JAX's own machinery: the row of its own function"),
        tolerance=1e-14,
        why_tolerance="the same functions of the same numbers",
        notes=["two callbacks"] if pullback and compiled else [],
    )


def build_inside(name: str, limit: float, context: Context) -> Row:
    """The time of a call on a 3 × 3 matrix within a compiled loop, less that of a product in its place."""
    A = np.array([[0.5, 0.1, 0.0], [0.0, 0.4, 0.2], [0.1, 0.0, 0.3]])

    def product(B: Any) -> Any:
        return B * 0.5

    def step(fr: ModuleType) -> Callable[[Any], Any]:
        if name == "expm":
            return lambda B: fr.linalg.expm(0.01 * B)
        if name == "lyapunov":
            return lambda B: fr.linalg.solve_continuous_lyapunov(B - np.eye(3), B)
        return lambda B: fr.jax.wrap(product)(B)  # noqa: PLW0108  # wrapped where it is compiled

    def inside(jax: ModuleType) -> Run:
        start = jax.numpy.asarray(A)
        loops = [
            jax.jit(lambda B, f=f: jax.lax.fori_loop(0, STEPS, lambda _, B: f(B), B))
            for f in (step(context.frechet), product)
        ]

        def run() -> Measured:
            least = [np.inf, np.inf]
            for _ in range(5):
                for k, loop in enumerate(loops):
                    began = time.perf_counter()
                    jax.block_until_ready(loop(start))
                    least[k] = min(least[k], time.perf_counter() - began)
            return Measured((least[0] - least[1]) / STEPS)

        return run

    allowed = f"{limit * 1e6:.0f} µs"
    return Row(
        work="a call into Python within a compiled program"
        if name == "callback"
        else f"{name} within a compiled program",
        ours=Contender("frechet", build_if(context.frechet and context.jax, inside)),
        others=[Contender(allowed, lambda: Measured(limit))],
        targets=[Target((allowed,), 1.0, f"≤ {allowed}")],
        floor=Floor("of a call into Python, that of the product in NumPy"),
        tolerance=0.0,
        why_tolerance="nothing is compared",
        max_rounds=7,
    )


def build_nufft(kind: int, context: Context) -> Row:
    """Value and gradients in everything, in two dimensions."""
    q = Pullback(problem(kind, 2, context))
    threads = context.threads
    makes = {
        "frechet": made(context.jax and context.frechet, from_jax, q, threads),
        NUMPY: made(context.frechet, ours, q, threads),
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
    runs = {name: make and make(matched.tolerances[name]) for name, make in makes.items()}
    return Row(
        work=f"from JAX, compiled: {q.problem.name}, value and pullback to everything, "
        f"error ≤ {shortly(matched.allowed)}",
        ours=Contender("frechet", runs["frechet"]),
        others=[Contender(name, run) for name, run in runs.items() if name != "frechet"],
        targets=[Target((NUMPY,), WITHIN, f"≤ {WITHIN} ×")],
        floor=Floor("the NumPy interface"),
        tolerance=3 * matched.allowed,
        why_tolerance="the error of each, measured at a sample of the entries",
        notes=matched.notes,
    )


def from_jax(fr: ModuleType, q: Pullback, threads: int, eps: float) -> Run:
    """Value and pullback of nufft1 or nufft2, compiled; conjugated as JAX's pullbacks are transposes."""
    import jax

    p, function = q.problem, transform(fr, q, threads, eps)
    points, data, w = (jax.device_put(a) for a in (p.points, p.data, q.w))

    @jax.jit
    def value_and_pullback(points: Any, data: Any, w: Any) -> Any:
        value, pullback = jax.vjp(function, points, data)
        by_points, by_data = pullback(jax.numpy.conj(w))
        return value, jax.numpy.conj(by_data), *by_points.T

    return lambda: jax.block_until_ready(value_and_pullback(points, data, w))


def build_matrices(name: str, context: Context) -> Row:
    """Value and pullback of a function of matrices."""
    n = 50 if context.quick else 200
    rng = np.random.default_rng(23)
    A = rng.standard_normal((n, n)) / np.sqrt(n)
    G, S = rng.standard_normal((2, n, n))
    positive = S @ S.T / n + np.eye(n)
    function, args = {
        "expm": ("expm", (A,)),
        "lyapunov": ("solve_continuous_lyapunov", (A - 2 * np.eye(n), positive)),
        "riccati": ("solve_continuous_are", (A, np.eye(n)[:, : n // 4] + 0.0, positive, np.eye(n // 4))),
    }[name]

    def numpys(fr: ModuleType) -> Run:
        def run() -> Any:
            value, pullback = fr.vjp(getattr(fr.linalg, function), *args)
            return value, *pullback(G)

        return run

    def jaxs(of: Callable[[ModuleType], Any]) -> Callable[[ModuleType], Run]:
        def build(jax: ModuleType) -> Run:
            f = of(jax)

            @jax.jit
            def both(args: Any, G: Any) -> Any:
                value, pullback = jax.vjp(f, *args)
                return value, *pullback(G)

            arrays, g = [jax.numpy.asarray(a) for a in args], jax.numpy.asarray(G)
            return lambda: jax.block_until_ready(both(arrays, g))

        return build

    others = [Contender(NUMPY, build_if(context.frechet, numpys))]
    targets = [Target((NUMPY,), WITHIN, f"≤ {WITHIN} ×")]
    if name == "expm":
        theirs = "jax.scipy.linalg.expm"
        others.append(Contender(theirs, build_if(context.jax, jaxs(lambda jax: jax.scipy.linalg.expm))))
        targets.append(Target((theirs,), 1.0, "ahead"))
    return Row(
        work=f"from JAX, compiled: {function}, n = {n}, value and pullback",
        ours=Contender(
            "frechet",
            build_if(
                context.frechet and context.jax, jaxs(lambda jax: getattr(context.frechet.linalg, function))
            ),
        ),
        others=others,
        targets=targets,
        floor=Floor("the NumPy interface"),
        tolerance=1e-9,
        why_tolerance="rounding, by the condition of the equations",
    )


ROWS = {
    "jax-overhead-eager-value": partial(build_overhead, False, False, 60e-6),
    "jax-overhead-eager-pullback": partial(build_overhead, True, False, 60e-6),
    "jax-overhead-jit-value": partial(build_overhead, False, True, 30e-6),
    "jax-overhead-jit-pullback": partial(build_overhead, True, True, 60e-6),
    "jax-inside-callback": partial(build_inside, "callback", 30e-6),
    "jax-inside-expm": partial(build_inside, "expm", 5e-6),
    "jax-inside-lyapunov": partial(build_inside, "lyapunov", 5e-6),
    **{f"jax-nufft-{kind}-2d": partial(build_nufft, kind) for kind in (1, 2)},
    **{f"jax-{name}": partial(build_matrices, name) for name in ("expm", "lyapunov", "riccati")},
}
