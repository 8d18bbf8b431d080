"""Fits by BFGS to the end: the total time with gradients from each package, in the same SciPy optimiser.

Everybody minimises the same function from the same start to the same tolerance of the gradient, and the
minima are compared.  PyTorch and autograd hand value and gradient to scipy.optimize.minimize, which asks once
per point; so does JAX, compiled, and a fit includes its compilation, as a user's first fit does.  A
contender beside it has the compiled function at hand.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import scipy.optimize

from benchmarks.context import Context, build_if
from benchmarks.harness import Contender, Floor, Row, Target

ROSENBROCK = 100
SAMPLES, PARAMETERS = 2000, 50
GRADIENT = 1e-5  # the norm at which BFGS stops: SciPy's default
DIFFERENCES = "SciPy's differences"
JAX, JAX_COMPILED = "JAX, with compiling", "JAX, compiled before"


def rosenbrock(x: Any, xp: ModuleType) -> Any:
    """The sum over neighbours, with its minimum at ones."""
    return xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def logistic(A: Any, y: Any, w: Any, xp: ModuleType) -> Any:
    """The mean loss of a logistic regression of y = ±1 on the rows of A, and a penalty on the weights."""
    return xp.mean(_softplus(-y * (A @ w), xp)) + 0.005 * xp.sum(w * w)


def _softplus(z: Any, xp: ModuleType) -> Any:
    """log(1 + exp(z)), as one writes it with each package."""
    return xp.nn.functional.softplus(z) if xp.__name__ == "torch" else xp.logaddexp(0.0, z)


def _samples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    A = rng.standard_normal((SAMPLES, PARAMETERS))
    y = np.where(A @ rng.standard_normal(PARAMETERS) + rng.standard_normal(SAMPLES) > 0, 1.0, -1.0)
    return A, y


def fit(value_and_gradient: Callable[[np.ndarray], Any], x0: np.ndarray) -> np.ndarray:
    """Where SciPy's BFGS stops, and the value there, with a function that returns value and gradient."""
    return fitted_by(scipy.optimize.minimize, value_and_gradient, x0, jac=True)


def fitted_by(
    minimize: Callable[..., Any], fun: Callable[..., Any], x0: np.ndarray, **more: Any
) -> np.ndarray:
    """The same with a minimize of SciPy's signature."""
    options = {"gtol": GRADIENT, "maxiter": 10_000}
    result = minimize(fun, x0, method="BFGS", options=options, **more)
    return np.append(result.x, result.fun)


def _contenders(
    context: Context, x0: np.ndarray, call: Callable[..., Any], data: tuple[np.ndarray, ...] = ()
) -> tuple[Contender, list[Contender]]:
    """Ours and the others, for ``call(*data, x, namespace)``."""

    def frechet(fr: ModuleType) -> Callable[[], Any]:
        return lambda: fitted_by(fr.optimize.minimize, lambda x: call(*data, x, np), x0)

    def differences() -> np.ndarray:
        return fitted_by(scipy.optimize.minimize, lambda x: call(*data, x, np), x0)

    def autograd(autograd: ModuleType) -> Callable[[], Any]:
        import autograd.numpy as anp

        both = autograd.value_and_grad(lambda x: call(*data, x, anp))
        return lambda: fit(both, x0)

    def torch(torch: ModuleType) -> Callable[[], Any]:
        constants = [torch.from_numpy(part) for part in data]
        return by_torch(torch, lambda x: call(*constants, x, torch), x0)

    def jax(jax: ModuleType) -> Callable[[Any], Any]:
        return lambda x: call(*data, x, jax.numpy)

    ours = Contender("frechet", build_if(context.frechet, frechet))
    return ours, peers(context, x0, differences, autograd, torch, jax)


def peers(
    context: Context,
    x0: np.ndarray,
    differences: Callable[[], Any],
    autograd: Callable[[ModuleType], Callable[[], Any]],
    torch: Callable[[ModuleType], Callable[[], Any]],
    jax: Callable[[ModuleType], Callable[[Any], Any]],
) -> list[Contender]:
    """The others: fits by the packages, and of JAX the function to be minimised."""
    return [
        Contender(DIFFERENCES, differences),
        Contender("autograd", build_if(context.autograd, autograd)),
        Contender("PyTorch", build_if(context.torch, torch)),
        Contender(JAX, build_if(context.jax, lambda package: by_jax(package, jax(package), x0, False))),
        Contender(
            JAX_COMPILED, build_if(context.jax, lambda package: by_jax(package, jax(package), x0, True))
        ),
    ]


def by_torch(torch: ModuleType, function: Callable[[Any], Any], x0: np.ndarray) -> Callable[[], Any]:
    """The fit with value and gradient by PyTorch."""

    def both(x: np.ndarray) -> tuple[float, np.ndarray]:
        t = torch.from_numpy(x).requires_grad_()
        value = function(t)
        (gradient,) = torch.autograd.grad(value, t)
        return value.item(), gradient.numpy()

    return lambda: fit(both, x0)


def by_jax(
    jax: ModuleType, function: Callable[[Any], Any], x0: np.ndarray, compiled_before: bool
) -> Callable[[], Any]:
    """The fit with value and gradient by JAX, compiled for each fit or once before."""

    def compiled() -> Callable[[np.ndarray], Any]:
        # A function of its own each time: JAX keeps what it has compiled for one that it knows.
        both = jax.jit(jax.value_and_grad(lambda x: function(x)))  # noqa: PLW0108  # see above

        def evaluated(x: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = both(x)
            return float(value), np.asarray(gradient)

        return evaluated

    if compiled_before:
        ready = compiled()
        return lambda: fit(ready, x0)
    return lambda: fit(compiled(), x0)


AHEAD = [
    Target(("autograd",), 1.0, "ahead"),
    Target(("PyTorch",), 1.0, "ahead"),
    Target((JAX,), 1.0, "ahead"),
]


def build_rosenbrock(context: Context) -> Row:
    """Rosenbrock's function, where the optimiser is most of the time."""
    x0 = np.full(ROSENBROCK, -0.5)
    ours, others = _contenders(context, x0, rosenbrock)

    def by_hand(x: np.ndarray) -> tuple[Any, np.ndarray]:
        return scipy.optimize.rosen(x), scipy.optimize.rosen_der(x)

    return Row(
        work=f"BFGS fit, Rosenbrock's function of {ROSENBROCK} variables",
        ours=ours,
        others=others,
        targets=[*AHEAD, Target((DIFFERENCES,), 0.2, "≤ 0.2")],
        floor=Floor("the same fit with the gradient by hand", lambda: fit(by_hand, x0)),
        tolerance=1e-3,
        why_tolerance="BFGS stops at a gradient of 1e-5; the Hessian's smallest eigenvalue is about 0.5; "
        "differences have errors of 1e-8 times its largest, 1e3",
        max_rounds=15,
    )


def build_logistic(context: Context) -> Row:
    """Logistic regression, where a value takes a product with 2000 × 50 numbers."""
    A, y = _samples()
    x0 = np.zeros(PARAMETERS)
    ours, others = _contenders(context, x0, logistic, (A, y))

    def by_hand(w: np.ndarray) -> tuple[Any, np.ndarray]:
        z = y * (A @ w)
        value = np.mean(np.logaddexp(0.0, -z)) + 0.005 * np.sum(w * w)
        return value, (y * (-1 / (1 + np.exp(z)))) @ A / SAMPLES + 0.01 * w

    return Row(
        work=f"BFGS fit, logistic regression of {SAMPLES:,} samples on {PARAMETERS} parameters",
        ours=ours,
        others=others,
        targets=[*AHEAD, Target((DIFFERENCES,), 0.2, "≤ 0.2")],
        floor=Floor("the same fit with the gradient by hand", lambda: fit(by_hand, x0)),
        tolerance=1e-3,
        why_tolerance="BFGS stops at a gradient of 1e-5, and the penalty makes the Hessian at least 0.01",
        max_rounds=15,
    )


ROWS = {"optimize-rosenbrock": build_rosenbrock, "optimize-logistic": build_logistic}
