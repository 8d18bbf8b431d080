"""Stacks of small matrices: inverses, solutions, Cholesky factors, functions, Lyapunov equations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.context import Context, build_if
from benchmarks.harness import Contender, Floor, Row, Target

COUNT, N = 10_000, 4
WHY_TOLERANCE = "rounding, 2.2e-16, times the condition number of the worst matrix of a stack"


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(6).standard_normal(shape)


def _well_conditioned(count: int, n: int) -> np.ndarray:
    return _random(count, n, n) / np.sqrt(n) + 3 * np.eye(n)


def _row(
    context: Context,
    work: str,
    arguments: tuple[np.ndarray, ...],
    ours: Callable[[ModuleType], Callable[..., Any]],
    torchs: Callable[[ModuleType], Callable[..., Any]],
    jaxs: Callable[[ModuleType], Callable[..., Any]],
    limit: float = 1.0,
    wording: str = "ahead",
    others: tuple[Contender, ...] = (),
    pullback: bool = True,
) -> Row:
    """Three packages at the same function of stacks, with its pullback or alone."""
    count, n = arguments[0].shape[:2]
    G = _random(2, count, n, n)[1]

    def frechet(fr: ModuleType) -> Callable[[], Any]:
        f = ours(fr)

        def run() -> Any:
            Y, pull = fr.vjp(f, *arguments)
            return Y, pull(G)

        return run if pullback else lambda: f(*arguments)

    def torch(torch: ModuleType) -> Callable[[], Any]:
        f = torchs(torch)
        inputs = tuple(torch.from_numpy(x).requires_grad_(pullback) for x in arguments)
        g = torch.from_numpy(G)

        def run() -> Any:
            Y = f(*inputs)
            return Y, torch.autograd.grad(Y, inputs, g)

        return run if pullback else lambda: f(*inputs)

    def jax(jax: ModuleType) -> Callable[[], Any]:
        f = jaxs(jax)
        inputs, g = tuple(jax.numpy.asarray(x) for x in arguments), jax.numpy.asarray(G)

        def value_and_pullback(inputs: Any, g: Any) -> Any:
            Y, pull = jax.vjp(f, *inputs)
            return Y, pull(g)

        compiled = jax.jit(value_and_pullback)
        value = jax.jit(f)
        if not pullback:
            return lambda: jax.block_until_ready(value(*inputs))
        return lambda: jax.block_until_ready(compiled(inputs, g))

    contenders = [
        Contender("PyTorch", build_if(context.torch, torch)),
        Contender("JAX, jit", build_if(context.jax, jax)),
        *others,
    ]
    return Row(
        work=f"{work}, {count} matrices, n = {n}, {'value and pullback' if pullback else 'the value alone'}",
        ours=Contender("frechet", build_if(context.frechet, frechet)),
        others=contenders,
        targets=[Target(tuple(c.name for c in contenders), limit, wording)],
        floor=Floor("one copy of the stack", arguments[0].copy),
        tolerance=1e-10,
        why_tolerance=WHY_TOLERANCE,
    )


def build_inverse(context: Context) -> Row:
    """Y = A⁻¹ and −Yᵀ G Yᵀ."""
    return _row(
        context,
        "inverse",
        (_well_conditioned(COUNT, N),),
        lambda fr: np.linalg.inv,
        lambda torch: torch.linalg.inv,
        lambda jax: jax.numpy.linalg.inv,
    )


def build_solve(context: Context) -> Row:
    """X = A⁻¹ B and its pullback to A and B."""
    return _row(
        context,
        "solve",
        (_well_conditioned(COUNT, N), _random(COUNT, N, N)),
        lambda fr: np.linalg.solve,
        lambda torch: torch.linalg.solve,
        lambda jax: jax.numpy.linalg.solve,
    )


def build_cholesky(context: Context) -> Row:
    """A = L Lᵀ and its pullback."""
    R = _random(COUNT, N, N)
    return _row(
        context,
        "cholesky",
        (R @ R.swapaxes(1, 2) + np.eye(N),),
        lambda fr: np.linalg.cholesky,
        lambda torch: torch.linalg.cholesky,
        lambda jax: jax.numpy.linalg.cholesky,
    )


def build_expm(count: int, n: int, pullback: bool, context: Context) -> Row:
    """e^A and its pullback, or e^A alone."""
    import scipy.linalg

    A = _random(count, n, n) / np.sqrt(n)
    G = _random(2, count, n, n)[1]

    def loop() -> Any:  # the adjoint of the derivative at A is that at Aᵀ
        both = [scipy.linalg.expm_frechet(a.T, g) for a, g in zip(A, G, strict=True)]
        return np.array([Y.T for Y, _ in both]), (np.array([L for _, L in both]),)

    limit, wording = (1.1, "≤ 1.1") if not pullback else (0.75, "≤ 0.75") if n == 10 else (1.0, "ahead")
    others = {
        (10, True): (Contender("SciPy, expm_frechet", loop),),
        (10, False): (Contender("SciPy", lambda: scipy.linalg.expm(A)),),
    }
    return _row(
        context,
        "expm",
        (A,),
        lambda fr: fr.linalg.expm,
        lambda torch: torch.linalg.matrix_exp,
        lambda jax: jax.vmap(jax.scipy.linalg.expm),
        limit,
        wording,
        others.get((n, pullback), ()),
        pullback,
    )


def build_root(name: str, count: int, context: Context) -> Row:
    """X = f(A) and its pullback at a random G, for f = sqrtm or logm; no peer differentiates either."""
    import scipy.linalg

    A = _well_conditioned(count, N)  # eigenvalues in a disk off the cut
    G = _random(2, count, N, N)[1]
    AT = A.swapaxes(1, 2)
    theirs = getattr(scipy.linalg, name)

    def ours(fr: ModuleType) -> Callable[[], Any]:
        function = getattr(fr.linalg, name)

        def run() -> Any:
            X, pullback = fr.vjp(function, A)
            return X, pullback(G)

        return run

    def block_form() -> Any:  # L*(A, G) = L(Aᵀ, G), a block of f([[Aᵀ, G], [0, Aᵀ]]); SciPy takes stacks
        F = theirs(np.block([[AT, G], [np.zeros_like(A), AT]]))
        return F[:, :N, :N].swapaxes(1, 2), F[:, :N, N:]

    def by_hand() -> Any:  # Xᵀ W + W Xᵀ = G
        X = theirs(A)
        return X, np.array([scipy.linalg.solve_sylvester(x.T, x.T, g) for x, g in zip(X, G, strict=True)])

    others = [Contender("SciPy, block form", block_form)]
    if name == "sqrtm":
        others.append(Contender("SciPy and a loop over Sylvester equations", by_hand))
    limit, wording = (0.75, "≤ 0.75") if name == "sqrtm" else (0.02, "≤ 0.02")
    return Row(
        work=f"{name}, {count} matrices, n = {N}, value and pullback",
        ours=Contender("frechet", build_if(context.frechet, ours)),
        others=[*others, Contender("SciPy's value", lambda: theirs(A))],
        targets=[Target(("SciPy, block form",), limit, wording)],
        floor=Floor("one copy of the stack", A.copy),
        tolerance=1e-6,
        why_tolerance="the block form parts double eigenvalues by the root of rounding, 1.5e-8, times some n",
    )


def build_lyapunov(kind: str, count: int, n: int, context: Context) -> Row:
    """A X + X Aᵀ = Q, or X = A X Aᵀ + Q, and the pullback of X to A and Q; neither peer has the function."""
    import scipy.linalg

    discrete = kind == "discrete"
    A = 0.3 * _random(count, n, n) / np.sqrt(n) - (0 if discrete else np.eye(n))
    Q, G = _random(2, count, n, n)

    def ours(fr: ModuleType) -> Callable[[], Any]:
        solve = fr.linalg.solve_discrete_lyapunov if discrete else fr.linalg.solve_continuous_lyapunov

        def run() -> Any:
            X, pullback = fr.vjp(solve, A, Q)
            return X, pullback(G)

        return run

    def continuous(a: np.ndarray, q: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, ...]:
        X = scipy.linalg.solve_continuous_lyapunov(a, q)
        W = scipy.linalg.solve_continuous_lyapunov(a.T, g)  # Aᵀ W + W A = G
        return X, -(W @ X.T + W.T @ X), W

    def stein(a: np.ndarray, q: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, ...]:
        X = scipy.linalg.solve_discrete_lyapunov(a, q)
        W = scipy.linalg.solve_discrete_lyapunov(a.T, g)  # W − Aᵀ W A = G
        return X, W @ a @ X.T + W.T @ a @ X, W

    def loop() -> Any:
        one = stein if discrete else continuous
        X, in_a, in_q = zip(*(one(*each) for each in zip(A, Q, G, strict=True)), strict=True)
        return np.array(X), (np.array(in_a), np.array(in_q))

    return Row(
        work=f"{kind} Lyapunov, {count} matrices, n = {n}, value and pullback",
        ours=Contender("frechet", build_if(context.frechet, ours)),
        others=[Contender("a loop over SciPy's", loop)],
        targets=[Target(("a loop over SciPy's",), *((0.05, "≤ 0.05") if n == N else (0.2, "≤ 0.2")))],
        floor=Floor("one copy of the stack", A.copy),
        tolerance=1e-10,
        why_tolerance=WHY_TOLERANCE,
    )


ROWS = {
    "stacks-inverse": build_inverse,
    "stacks-solve": build_solve,
    "stacks-cholesky": build_cholesky,
    "stacks-expm": partial(build_expm, COUNT, N, True),
    "stacks-expm-10": partial(build_expm, 1000, 10, True),
    "stacks-expm-10-value": partial(build_expm, 1000, 10, False),
    "stacks-sqrtm": partial(build_root, "sqrtm", 1000),
    "stacks-logm": partial(build_root, "logm", 1000),
    **{
        f"stacks-{kind}-lyapunov{suffix}": partial(build_lyapunov, kind, count, n)
        for suffix, count, n in (("", COUNT, N), ("-10", 1000, 10))
        for kind in ("continuous", "discrete")
    },
}
