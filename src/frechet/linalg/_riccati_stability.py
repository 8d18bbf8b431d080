"""Whether a solution of a Riccati equation is stabilizing, and why there is none where there is none.

For solutions by doubling, powers of the closed loop show it, in a few matrix products.  For the few equations
that doubling does not solve, eigenvalues are computed, one equation at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from ..linear_map import adjoint_matrix
from ._lyapunov_factor import LyapunovFactor
from ._riccati_equation import Equation

__all__ = ["are_stable", "is_stable", "is_stable_beyond_doubt", "reason"]

Array = NDArray[Any]

_EPS = float(np.finfo(float).eps)
# The distance, relative to the norm of the closed loop, at which eigenvalues that lie on the boundary of
# stability are found: they are double ones of the Hamiltonian matrix, and move by the root of the rounding
# errors.
_ROOT = 1e-6
_SQUARINGS = 30  # prove the stability of loops at a distance of 1e-8 from the boundary
_HOPELESS = 1e50  # the norm of a power beyond which there will be none below one


def are_stable(discrete: bool, loop: Array) -> Array:
    """For which of a stack of closed loops powers prove that the eigenvalues are in the region of stability.

    One of the powers C, C², C⁴, ... has a norm below one: of the closed loop, or of its Cayley transform with
    the geometric mean of the moduli of its eigenvalues for a shift.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where the shift is an eigenvalue, or zero.
    """
    power = loop
    if not discrete:
        n = loop.shape[-1]
        sigma = np.exp(np.linalg.slogdet(loop)[1] / max(n, 1))[:, None, None]
        power = np.eye(n) + 2 * sigma * np.linalg.inv(loop - sigma * np.eye(n))
    proved = np.zeros(len(loop), bool)
    for _ in range(_SQUARINGS):
        size = np.linalg.norm(power, axis=(-2, -1))
        proved |= size < 1
        if (proved | ~(size < _HOPELESS)).all():
            break
        power = power @ power
    return proved


def is_stable(equation: Equation, X: Array) -> bool:
    """Whether the closed loop of X, for a stack of one, is stable, or on the boundary and controllable.

    The latter is a limit of stabilizing solutions; SciPy returns it, too.
    """
    loop = equation.closed_loop(equation.residual(X).K)[0]
    margin = _margins(equation.discrete, np.linalg.eigvals(loop)).max(initial=-np.inf)
    size = max(float(np.linalg.norm(loop)), 1.0 if equation.discrete else 0.0)
    if margin < -len(loop) * _EPS * size:
        return True
    return bool(margin <= _ROOT * size) and _uncontrollable(equation) is None


def is_stable_beyond_doubt(equation: Equation, X: Array) -> bool:
    """Whether the closed loop of X, for a stack of one, is stable whatever rounding has done to X.

    If the terms of the equation have errors of the norm τ, X has one between −Y and Y, where Y solves the
    Lyapunov or Stein equation of the closed loop with the right side τI.  A loop that X − Y does not
    stabilize may as well lie on the boundary of stability.
    """
    residual = equation.residual(X)
    try:
        factor = LyapunovFactor(equation.closed_loop(residual.K))
        error = _EPS * residual.size[:, None, None] * np.eye(X.shape[-1])
        Y = factor.stein_adjoint(error) if equation.discrete else factor.lyapunov_adjoint(-error)
        loop = equation.closed_loop(equation.residual(X - Y).K)[0]
    except LinAlgError:
        return False
    return bool(_margins(equation.discrete, np.linalg.eigvals(loop)).max(initial=-np.inf) < 0)


def reason(equation: Equation) -> str:
    """Why a stack of one has no stabilizing solution."""
    name, boundary = ("discrete", "unit circle") if equation.discrete else ("continuous", "imaginary axis")
    call = f"solve_{name}_are: there is no stabilizing solution: "
    fixed = _uncontrollable(equation)
    if fixed is not None:
        return f"{call}the unstable eigenvalue {_text(fixed)} of a (or of e⁻¹ a) cannot be moved by b"
    try:
        w = _spectrum(equation)
    except (LinAlgError, ValueError):  # entries too large for the QZ algorithm
        w = np.zeros(0)
    distance = np.abs(_margins(equation.discrete, w))
    if len(w) and distance.min() <= _ROOT * (1.0 if equation.discrete else np.abs(w).max()):
        kind = "symplectic pencil" if equation.discrete else "Hamiltonian matrix"
        return f"{call}the {kind} has the eigenvalue {_text(w[distance.argmin()])} on the {boundary}"
    return f"{call}none of moderate size satisfies the equation to working precision"


def _text(eigenvalue: complex) -> str:
    small = abs(eigenvalue.imag) <= _ROOT * abs(eigenvalue)
    return f"{eigenvalue.real:.6g}" if small else f"{eigenvalue:.6g}"


def _margins(discrete: bool, w: Array) -> Array:
    """How far eigenvalues are beyond the boundary of stability."""
    return np.abs(w) - 1 if discrete else w.real


def _uncontrollable(equation: Equation) -> complex | None:
    """An eigenvalue of A that is not stable and that no feedback moves, if there is one.

    [A − λE, B] has a rank below n there (Popov, Belevitch and Hautus).
    """
    plain = equation.without_E()
    A, B = plain.A[0], plain.B[0]
    eye, size = np.eye(len(A)), float(np.linalg.norm(np.concatenate([A, B], -1)))
    w = np.linalg.eigvals(A)
    for eigenvalue in w[_margins(equation.discrete, w) >= -len(A) * _EPS * size]:
        s = np.linalg.svdvals(np.concatenate([A - eigenvalue * eye, B], -1))
        if s[-1] <= 10 * len(A) * _EPS * size:
            return complex(eigenvalue)
    return None


def _spectrum(equation: Equation) -> Array:
    """The finite eigenvalues of the Hamiltonian matrix, or of the symplectic pencil, with R not inverted.

    The pencils are those of Van Dooren, SIAM J. Sci. Stat. Comput. 2:121 (1981).
    """
    import scipy.linalg

    plain = equation.without_E()
    A, B, Q, R = plain.A[0], plain.B[0], plain.Q[0], plain.R[0]
    S = np.zeros_like(B) if plain.S is None else plain.S[0]
    n, m = B.shape
    eye, zero, wide = np.eye(n), np.zeros((n, n)), np.zeros((m, n))
    Ah, Bh, Sh = adjoint_matrix(A), adjoint_matrix(B), adjoint_matrix(S)
    if equation.discrete:
        M = np.block([[A, zero, B], [-Q, eye, -S], [Sh, wide, R]])
        N = np.block([[eye, zero, wide.T], [zero, Ah, wide.T], [wide, -Bh, np.zeros((m, m))]])
    else:
        M = np.block([[A, zero, B], [-Q, -Ah, -S], [Sh, Bh, R]])
        N = np.zeros_like(M)
        N[: 2 * n, : 2 * n] = np.eye(2 * n)
    alpha, beta = scipy.linalg.eigvals(M, N, homogeneous_eigvals=True)
    finite = np.abs(beta) > 1e-8 * np.abs(alpha)
    return np.asarray(alpha[finite] / beta[finite])
