"""Sparse systems, determinants and derivatives, beside factorizations and plain gradients."""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.context import Context, Run, build_if
from benchmarks.harness import Contender, Floor, Row, Target


def poisson(n: int, rng: np.random.Generator) -> Any:
    """The five-point stencil of −div(a grad u) on an n × n grid, with random coefficients, as a CSC array."""
    import scipy.sparse as sp

    def difference(count: int) -> Any:
        return sp.diags_array([np.ones(count), -np.ones(count)], offsets=[0, -1], shape=(count + 1, count))

    across = sp.kron(difference(n), sp.eye_array(n))
    along = sp.kron(sp.eye_array(n), difference(n))
    G = sp.vstack([across, along])
    a = rng.uniform(0.5, 2, G.shape[0])
    return (G.T @ sp.diags_array(a) @ G).tocsc()


def build_solve(n: int, context: Context) -> Row:
    """A x = b with n² unknowns, and the gradient in all stored entries and b."""
    import scipy.sparse.linalg as spla

    rng = np.random.default_rng(32)
    A = poisson(n, rng)
    b, w = rng.standard_normal((2, n * n))

    def frechet(fr: ModuleType) -> Run:
        def run() -> Any:
            x, pullback = fr.vjp(fr.sparse.linalg.spsolve, A, b)
            by_A, by_b = pullback(w)
            return x, by_b, by_A.data

        return run

    def factor_and_solve() -> Any:
        return spla.splu(A).solve(b)

    def by_hand() -> Any:
        lu = spla.splu(A)
        x, z = lu.solve(b), lu.solve(w, trans="T")
        columns = np.repeat(np.arange(n * n), np.diff(A.indptr))
        return x, z, -z[A.indices] * x[columns]

    def jax_route(jax: ModuleType) -> Run:
        from jax.experimental.sparse.linalg import spsolve

        R = A.tocsr()
        data, indices, indptr, right, weight = map(jax.numpy.asarray, (R.data, R.indices, R.indptr, b, w))

        @jax.jit
        def both(data: Any, right: Any) -> Any:
            x, pullback = jax.vjp(lambda d, r: spsolve(d, indices, indptr, r), data, right)
            return x, pullback(weight)[1]

        return lambda: jax.block_until_ready(both(data, right))

    peer = "jax.experimental.sparse, jit"
    return Row(
        work=f"spsolve, 2D Poisson, {n * n} unknowns, value and pullback to all entries",
        ours=Contender("frechet", build_if(context.frechet, frechet)),
        others=[
            Contender("SciPy's splu and solve, value alone", factor_and_solve),
            Contender("SciPy by hand", by_hand),
            Contender(peer, None if n > 400 else build_if(context.jax, jax_route)),
        ],
        targets=[
            Target(("SciPy's splu and solve, value alone",), 1.5, "≤ 1.5 ×"),
            Target((peer,), 0.5, "≥ 2 ×"),
        ],
        floor=Floor("one factorization and two solutions"),
        tolerance=1e-8,
        why_tolerance="rounding times the condition number, about the number of unknowns",
        max_rounds=7,
    )


def build_logdet(n: int, context: Context) -> Row:
    """log det of a precision matrix with n² nodes, and its gradient: the inverse on the pattern."""
    import scipy.sparse as sp
    import scipy.sparse.linalg as spla

    rng = np.random.default_rng(33)
    A = (poisson(n, rng) + 0.1 * sp.eye_array(n * n)).tocsc()

    def frechet(fr: ModuleType) -> Run:
        def run() -> Any:
            value, gradient = fr.value_and_grad(fr.sparse.linalg.logdet)(A)
            assert gradient.nnz == A.nnz
            return value

        return run

    def factor() -> Any:
        return np.sum(np.log(np.abs(spla.splu(A).U.diagonal())))

    return Row(
        work=f"logdet, {n * n} nodes of a grid, value and gradient",
        ours=Contender("frechet", build_if(context.frechet, frechet)),
        others=[Contender("SciPy's splu, value alone", factor)],
        targets=[Target(("SciPy's splu, value alone",), 5.0, "≤ 5 ×")],
        floor=Floor("one factorization"),
        tolerance=1e-9,
        why_tolerance="rounding of a sum of as many logarithms",
        max_rounds=7,
    )


def _rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def build_hessian(context: Context) -> Row:
    """The Hessian of Rosenbrock's function in a million variables, beside one gradient."""
    n = 10**5 if context.quick else 10**6
    x = np.random.default_rng(34).standard_normal(n)

    def frechet(fr: ModuleType) -> Run:
        H = fr.sparse.hessian(_rosenbrock, x)
        return lambda: H(x).data

    def gradient(fr: ModuleType) -> Run:
        g = fr.grad(_rosenbrock)
        return lambda: (g(x), ())[1]

    return Row(
        work=f"Hessian of Rosenbrock's function, {n} variables, prepared",
        ours=Contender("frechet", build_if(context.frechet, frechet)),
        others=[Contender("frechet, one gradient", build_if(context.frechet, gradient))],
        targets=[Target(("frechet, one gradient",), 10.0, "≤ 10 ×")],
        floor=Floor("a gradient and three Hessian-vector products"),
        tolerance=0.0,
        why_tolerance="a gradient gives no Hessian to compare: the tests do",
    )


ROWS = {
    "sparse-solve-1e5": partial(build_solve, 316),
    "sparse-solve-1e6": partial(build_solve, 1000),
    "sparse-logdet-1e5": partial(build_logdet, 316),
    "sparse-hessian": build_hessian,
}
LONG = ("sparse-solve-1e6",)
