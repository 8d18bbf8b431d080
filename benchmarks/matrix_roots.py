"""Value and pullback of the matrix square root and of the matrix logarithm."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.context import Context, build_if
from benchmarks.harness import Contender, Floor, Row, Target


def build_root(name: str, n: int, context: Context) -> Row:
    """X = f(A) and its pullback at a random G, for f = sqrtm or logm."""
    import scipy.linalg

    rng = np.random.default_rng(6)
    A = rng.standard_normal((n, n)) / np.sqrt(n) + 1.5 * np.eye(n)  # eigenvalues in a disk off the cut
    G = rng.standard_normal((n, n))
    theirs = getattr(scipy.linalg, name)

    def frechet(fr: ModuleType) -> Callable[[], Any]:
        function = getattr(fr.linalg, name)

        def run() -> Any:
            X, pullback = fr.vjp(function, A)
            return X, pullback(G)

        return run

    def block_form() -> Any:
        # L*(A, G) = L(Aᵀ, G), the upper right block of f([[Aᵀ, G], [0, Aᵀ]]).
        F = theirs(np.block([[A.T, G], [np.zeros((n, n)), A.T]]))
        return F[:n, :n].T, F[:n, n:]

    return Row(
        work=f"{name}, n = {n}, value and pullback",
        ours=Contender("frechet", build_if(context.frechet, frechet)),
        others=[
            Contender("our value", build_if(context.frechet, lambda fr: lambda: getattr(fr.linalg, name)(A))),
            Contender("SciPy's value", lambda: theirs(A)),
            Contender("SciPy, block form", block_form),
        ],
        targets=[Target(("SciPy's value",), 2.0, "≤ 2")],
        floor=Floor("one real Schur form, 25n³ flops", lambda: scipy.linalg.schur(A)),
        tolerance=1e-6,
        why_tolerance="the block form parts double eigenvalues by the root of rounding, 1.5e-8, times some n",
    )


ROWS = {f"{name}-{n}": partial(build_root, name, n) for name in ("sqrtm", "logm") for n in (50, 200)}
