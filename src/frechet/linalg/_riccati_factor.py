"""The stabilizing solutions of algebraic Riccati equations, and what their derivatives need.

First the whole stack is solved by doubling (_riccati_doubling.py), for a tenth of what the QZ algorithm
takes.  Where the residual is larger than rounding, steps of Newton's method follow, each a Lyapunov or Stein
equation of the closed loop.  What is accurate and stabilizing then is returned.  The rest -- a closed loop
next to the boundary of stability, data that doubling cannot digest -- goes one by one to SciPy's QZ method,
with steps of Newton's method after it; and if that does not give a solution either, the reason is looked for
and raised.
"""

from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from ..errors import NotDifferentiableError
from ..rules.linalg_factorizations import hermitian_part
from ._lyapunov_factor import LyapunovFactor
from ._riccati_doubling import balancing, cayley, doubling
from ._riccati_equation import Equation
from ._riccati_stability import are_stable, is_stable, is_stable_beyond_doubt, reason

__all__ = ["RiccatiFactor"]

Array = NDArray[Any]

_EPS = float(np.finfo(float).eps)
_GOAL = 8 * _EPS  # a residual that is not improved upon, relative to the terms of the equation
_GOOD = 1e4 * _EPS  # the largest with which another way is not tried
_POOR = 1e-6  # the largest that any solution may have
_NEWTON = 8  # steps at most


class RiccatiFactor:
    """The stabilizing solution X of a Riccati equation, or of each of a stack.

    Parameters
    ----------
    discrete : bool
        Which equation it is.
    balanced : bool
        Whether badly scaled data are balanced.
    a, b, q, r, e, s : (..., n, n), (..., n, m), (..., n, n), (..., m, m), (..., n, n), (..., n, m) ndarray
        Of one type that LAPACK knows and with the same axes in front; e and s may be None.

    Attributes
    ----------
    X : (..., n, n) ndarray
        Exactly Hermitian, in the precision of the data; the work is done in double precision.
    D : (..., n) ndarray or None
        The balancing of the state: D X D, and D⁻¹ A D for a closed loop A, are well scaled.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where there is no stabilizing solution, with the reason.
    """

    def __init__(
        self,
        discrete: bool,
        balanced: bool,
        a: Array,
        b: Array,
        q: Array,
        r: Array,
        e: Array | None,
        s: Array | None,
    ) -> None:
        shape, dtype = a.shape, a.dtype
        wide = np.result_type(dtype, np.float64)

        def stack(M: Array) -> Array:
            return M.reshape(math.prod(shape[:-2]), *M.shape[-2:]).astype(wide, copy=False)

        q, r = hermitian_part(q), hermitian_part(r)
        parts: list[Any] = [None if M is None else stack(M) for M in (a, b, q, r, e, s)]
        equation = Equation(discrete, *parts)
        self.discrete = discrete
        self._closed_loop: LyapunovFactor | None = None
        with np.errstate(all="ignore"):  # what overflows is looked at, and not returned
            X, self.D, self._doubtful = _solutions(equation, balanced)
        self._equation = equation if self.D is None else equation.scaled(self.D)
        self._X = X
        if self.D is not None:
            X = X / self.D[:, :, None] / self.D[:, None, :]
            self.D = self.D.reshape(shape[:-1])
        self.X = X.reshape(shape).astype(dtype)

    def closed_loop(self, A: Array) -> LyapunovFactor:
        """The balanced closed loop A, ready for Lyapunov equations; the same object at every call.

        Raises
        ------
        NotDifferentiableError
            Where it may lie on the boundary of stability.
        """
        if self._closed_loop is None:
            for k in self._doubtful:
                one = slice(k, k + 1)
                if not is_stable_beyond_doubt(self._equation[one], self._X[one]):
                    raise NotDifferentiableError(_critical(self._equation.discrete))
            self._closed_loop = LyapunovFactor(A)
        return self._closed_loop


def _solutions(equation: Equation, balanced: bool) -> tuple[Array, Array | None, list[int]]:
    """The solutions after balancing, the balancing, and those that may lie on the boundary of stability."""
    try:
        X, D, found = _by_doubling(equation, balanced)
    except LinAlgError:  # a matrix to be inverted is singular
        if len(equation) > 1:
            return _each(equation, balanced)
        X, D, found = np.full_like(equation.A, np.nan), None, np.zeros(1, bool)
    failed = np.flatnonzero(~found).tolist()
    if failed:
        scaled = equation if D is None else equation.scaled(D)
        for k in failed:
            X[k] = _by_qz(scaled[k : k + 1], X[k : k + 1], balanced)
    return X, D, failed


def _by_doubling(equation: Equation, balanced: bool) -> tuple[Array, Array | None, Array]:
    """The solutions after balancing, the balancing, and which of them are accurate and stabilizing.

    Both are looked at: the wrong solution can satisfy the equation to rounding, too, where Q hardly weighs an
    unstable mode.
    """
    A, G, H, added = equation.standard()
    D = balancing(A, G, H) if balanced else None
    if D is not None:
        column, row = D[:, :, None], D[:, None, :]
        A, G, H = A * row / column, G / row / column, H * row * column
        added = None if added is None else added * row * column
        equation = equation.scaled(D)
    if not equation.discrete:
        A, G, H = cayley(A, G, H)
    X = doubling(A, G, H)
    X, relative, K = _refined(equation, X if added is None else X + added)
    return X, D, (relative <= _GOOD) & are_stable(equation.discrete, equation.closed_loop(K))


def _each(equation: Equation, balanced: bool) -> tuple[Array, Array | None, list[int]]:
    """The same, one by one."""
    parts = [_solutions(equation[k : k + 1], balanced) for k in range(len(equation))]
    ones = np.ones(equation.A.shape[1:2])
    D = np.stack([ones if D is None else D[0] for _, D, _ in parts])
    return np.concatenate([X for X, _, _ in parts]), D, [k for k, part in enumerate(parts) if part[2]]


def _refined(equation: Equation, X: Array) -> tuple[Array, Array, Array]:
    """The solutions after as many steps of Newton's method as help, their residuals and gains."""
    X, residual = X.copy(), equation.residual(X)
    relative, K = residual.relative, residual.K
    left = np.flatnonzero((relative > _GOAL) & np.isfinite(relative))  # those worth a step
    residual = residual.of(left)
    for _ in range(_NEWTON):
        if not len(left):
            break
        part = equation if len(left) == len(X) else equation[left]
        try:
            candidate = X[left] + part.correction(residual)
            residual = part.residual(candidate)
        except (LinAlgError, ValueError):  # ValueError: nan or inf, on the way to nowhere
            break
        before, after = relative[left], residual.relative
        better = after < before
        at = left[better]
        X[at], relative[at], K[at] = candidate[better], after[better], residual.K[better]
        # Newton's method converges quadratically; once it does not, what is left is rounding.
        going = (after > _GOAL) & (after < 0.5 * before)
        left, residual = left[going], residual.of(going)
    return X, relative, K


def _by_qz(equation: Equation, start: Array, balanced: bool) -> Array:
    """The solution of a stack of one, where doubling has left only a start, or nan."""
    import scipy.linalg

    solve = scipy.linalg.solve_discrete_are if equation.discrete else scipy.linalg.solve_continuous_are
    balanced = balanced and equation.E is None  # SciPy 1.17 does not apply its balancing to e
    starts = [start] if np.isfinite(start).all() else []
    with contextlib.suppress(LinAlgError, ValueError):  # ValueError: the QZ form could not be reordered
        starts.append(solve(*(None if M is None else M[0] for M in equation.matrices), balanced)[None])
    best, X = np.inf, start
    for one in starts:
        try:
            candidate, relative, _ = _refined(equation, one)
        except LinAlgError:
            continue
        if relative[0] < best and is_stable(equation, candidate):
            best, X = relative[0], candidate
    if not best <= _POOR:
        raise LinAlgError(reason(equation))
    return np.asarray(X[0])


def _critical(discrete: bool) -> str:
    name, place = ("discrete", "unit circle") if discrete else ("continuous", "imaginary axis")
    return (
        f"solve_{name}_are: the closed loop has eigenvalues on the {place}, to working precision. The "
        "solution is a limit of stabilizing ones and has no derivative there. A larger q on the modes in "
        "question, or an a in which they are damped, moves the eigenvalues away"
    )
