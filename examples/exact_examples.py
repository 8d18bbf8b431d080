"""Small examples that must come out exactly, each with its expected value.

Expected values are known in closed form, written out by hand in NumPy, or taken from differences of the
function itself; none of them comes from Frechet.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from estimation import central_differences
from report import Check, print_checks, progress

import frechet as fr
from frechet.linalg import expm, solve_continuous_lyapunov


def kind(x: Any) -> str:
    """What sort of object a gradient is: 'float64 array', 'list of float', …"""
    if isinstance(x, np.ndarray):
        return f"{x.dtype} array"
    if isinstance(x, list):
        return f"list of {type(x[0]).__name__}"
    return type(x).__name__


def fourier_gradients() -> list[Check]:
    """A complex transform of a real signal: its gradient is real."""

    def first(x: np.ndarray) -> float:
        return np.abs(np.fft.fft(x)[0])

    gradient = fr.grad(first)(np.array([1, 2, 3]))  # integers
    checks = [
        Check("grad |fft(x)[0]| at [1, 2, 3]", np.ones(3), gradient, 1e-15),
        Check("… real, at a point of integers", "float64 array", kind(gradient)),
    ]

    def total(x: np.ndarray) -> float:
        return np.abs(np.sum(np.fft.fft(x)))

    x = np.random.default_rng(1).standard_normal(10)
    gradient = fr.grad(total)(x)
    # The transform's values add up to N x[0].
    expected = 10 * np.sign(x[0]) * np.eye(10)[0]
    return [
        *checks,
        # Rounding of ten terms of order 1 around zeros that are exact.
        Check("grad |Σ fft(x)| = 10 sign(x₀) e₀", expected, gradient, 1e-14),
        # |x₀| is linear around the point, so that differences have nothing but their rounding, 1e-16 / 1e-3.
        Check("… and by differences", central_differences(total, x), gradient, 1e-11),
        Check("… real", "float64 array", kind(gradient)),
    ]


def transposed(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, g: np.ndarray) -> np.ndarray:
    """The adjoint of a real-linear function at the cotangent g, from its values on a basis of x's space."""
    basis = [*np.eye(x.size)] + [1j * e for e in np.eye(x.size)] * np.iscomplexobj(x)
    return sum(b * np.real(np.vdot(f(b), g)) for b in basis)


def fourier_pullbacks() -> list[Check]:
    """The adjoint of a Fourier transform is a Fourier transform, in every norm, for odd and even lengths."""
    rng = np.random.default_rng(2)
    real, plane = rng.standard_normal, lambda n: rng.standard_normal(n) + 1j * rng.standard_normal(n)

    def once(n: int) -> np.ndarray:  # which entries of the half spectrum stand for one frequency, not for two
        return np.isin(np.arange(n // 2 + 1), [0, n / 2])

    def rfft_adjoint(g: np.ndarray, n: int) -> np.ndarray:
        return n * np.fft.irfft(g * np.where(once(n), 1, 0.5), n)

    def irfft_adjoint(g: np.ndarray, n: int) -> np.ndarray:
        return np.fft.rfft(g) * np.where(once(n), 1, 2) / n

    # The function, its argument and its cotangent, and its adjoint in the default norm in closed form.
    cases = {
        "fft": (np.fft.fft, plane, plane, lambda g, n: n * np.fft.ifft(g), "N ifft"),
        "ifft": (np.fft.ifft, plane, plane, lambda g, n: np.fft.fft(g) / n, "fft / N"),
        "rfft": (np.fft.rfft, real, lambda n: plane(n // 2 + 1), rfft_adjoint, "N irfft, halved inside"),
        "irfft": (np.fft.irfft, lambda n: plane(n // 2 + 1), real, irfft_adjoint, "rfft / N, doubled inside"),
    }
    checks = []
    for name, (transform, argument, cotangent, adjoint, formula) in cases.items():
        expected, by_basis, obtained = [], [], []
        for n in 7, 8:
            x, g = argument(n), cotangent(n)
            length = {} if name != "irfft" else {"n": n}
            expected.append(adjoint(g, n))
            obtained.append(fr.vjp(lambda x, t=transform, k=length: t(x, **k), x)[1](g)[0])
            for norm in "backward", "ortho", "forward":
                f = lambda x, t=transform, k=length, norm=norm: t(x, norm=norm, **k)
                by_basis.append((transposed(f, x, g), fr.vjp(f, x)[1](g)[0]))
        # Rounding of sums of eight terms of order 1.
        closed, ours = np.concatenate(expected), np.concatenate(obtained)
        checks.append(Check(f"{name}: {formula}", closed, ours, 1e-14))
        matrix, ours = (np.concatenate(column) for column in zip(*by_basis, strict=True))
        checks.append(Check("… in every norm, by its matrix", matrix, ours, 1e-14))
    return checks


def inverse() -> list[Check]:
    """An entry of C (A + xB)⁻¹, through np.linalg and through inverses that a user gives in three ways."""
    n, x = 40, 0.3
    A, B, C = np.random.default_rng(3).standard_normal((3, n, n))
    inv = np.linalg.inv
    Y = inv(A + x * B)
    expected = (C @ (-Y @ B @ Y))[-1, -1]

    def jacobian(Y: np.ndarray, A: np.ndarray) -> np.ndarray:
        # −A⁻ᵀ ⊗ A⁻¹ on matrices stacked column by column, read as [j, i, l, k] for ∂Y[i, j] / ∂A[k, l].
        return np.kron(-Y.T, Y).reshape(n, n, n, n).transpose(1, 0, 3, 2)

    inverses = {
        "np.linalg.inv": inv,
        "np.linalg.solve": lambda M: np.linalg.solve(M, np.eye(n)),
        "user's rule: Fréchet derivative": fr.rule(inv, frechet=lambda Y, A: lambda dA: -Y @ dA @ Y),
        "user's rule: pullback": fr.rule(inv, adjoint=lambda Y, A: lambda G: -Y.T @ G @ Y.T),
        "user's rule: Jacobian": fr.rule(inv, jacobian=jacobian),
    }
    # Rounding, 1e-16, times the condition number of the matrix, some hundreds, squared.
    return [
        Check(name, expected, fr.grad(lambda x, inv=inv: (C @ inv(A + x * B))[-1, -1])(x), 1e-11)
        for name, inv in inverses.items()
    ]


def real_and_complex() -> list[Check]:
    """Real inputs have real gradients, complex ones complex, whatever happens in between."""
    rng = np.random.default_rng(4)
    a = rng.standard_normal(5)
    z = rng.standard_normal(5) + 1j * rng.standard_normal(5)

    def f(a: np.ndarray, z: np.ndarray) -> float:
        return np.sum(np.abs(a * z + np.exp(1j * a)))

    def from_parts(a: np.ndarray, z: np.ndarray) -> float:
        z = np.real(z) + 1j * np.imag(z)
        w = a * z + np.exp(1j * a)
        w = np.abs(w) * np.exp(1j * np.angle(w))
        radius, angle = np.hypot(w.real, w.imag), np.arctan2(np.imag(w), np.real(w))
        return np.sum(np.abs(radius * np.cos(angle) + 1j * radius * np.sin(angle)))

    # With w = a z + exp(i a) and u = w / |w|, d|w| = Re(ū dw): ∂a = Re(ū (z + i exp(i a))), ∂z = a u.
    w = a * z + np.exp(1j * a)
    u = w / np.abs(w)
    da, dz = np.real(np.conj(u) * (z + 1j * np.exp(1j * a))), a * u
    checks = []
    for name, function in ("f = Σ|a z + exp(i a)|", f), ("… from its parts", from_parts):
        ga, gz = fr.grad(function, argnums=(0, 1))(a, z)
        checks += [
            # A dozen roundings.
            Check(f"{name}: gradient in a", da, ga, 1e-14),
            Check(f"{name}: gradient in z", dz, gz, 1e-14),
            Check(f"{name}: their types", "float64, complex128", f"{ga.dtype}, {gz.dtype}"),
        ]
    small = a.astype(np.float32)
    gradient = fr.grad(f)(small, z)
    return [
        *checks,
        Check("single precision through complex128", "float32 array", kind(gradient)),
        Check("… to single precision", da, gradient, 1e-6),  # 2⁻²⁴ in, 2⁻²⁴ out
    ]


def splatted() -> list[Check]:
    """A function of many arguments, called with all of them in an array or a list."""

    def f(x: float, y: float, z: float) -> float:
        return x * y + np.sin(z)

    gradient = fr.grad(lambda xs: f(*xs))
    points = np.array([2.0, 3.0, 0.0]), [2.0, 3.0, 0.0]
    checks = []
    for point in points:
        checks += [
            Check(f"grad of f(*xs), xs a {kind(point)}", [3.0, 2.0, 1.0], gradient(point)),
            Check("… is the same kind of container", kind(point), kind(gradient(point))),
        ]
    return checks


def hessians() -> list[Check]:
    """Second derivatives through a matrix exponential and a Lyapunov equation."""
    A, B, Q = np.random.default_rng(5).standard_normal((3, 4, 4))

    def through_expm(x: np.ndarray) -> float:
        return np.sum(np.sin(expm(x[0] * A + x[1] * B)))

    def through_lyapunov(x: np.ndarray) -> float:
        stable = x[0] * A - 4 * np.eye(4)
        return np.sum(solve_continuous_lyapunov(stable, x[1] * Q + np.eye(4)) ** 2)

    x = np.array([0.4, 0.7])
    return [
        # The error of the differences of the gradient: some 1e-10 of the largest entry.
        Check(name, central_differences(fr.grad(f), x), fr.hessian(f)(x), 1e-9)
        for name, f in {"expm": through_expm, "solve_continuous_lyapunov": through_lyapunov}.items()
    ]


EXAMPLES = {
    "Gradients through a Fourier transform": fourier_gradients,
    "Pullbacks of Fourier transforms of lengths 7 and 8": fourier_pullbacks,
    "(C @ inv(A + x B))[-1, -1], n = 40, beside (C @ (−Y B Y))[-1, -1] by hand": inverse,
    "Real and complex": real_and_complex,
    "Splatted arguments": splatted,
    "Hessians, by differences of the gradient": hessians,
}


def run() -> list[Check]:
    """Work out every example and print it beside its expected value."""
    found = {}
    with progress() as bar:
        for title, example in bar.track(EXAMPLES.items(), description="Examples"):
            found[title] = example()
    for title, checks in found.items():
        print_checks(title, checks)
    return [check for checks in found.values() for check in checks]


if __name__ == "__main__":
    sys.exit(not all(check.passed for check in run()))
