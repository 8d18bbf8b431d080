"""Algebraic Riccati equations, continuous and discrete."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, adjoint_matrix, compose, zero
from ..rule import Rule, primal
from ..rules.linalg_factorizations import hermitian_part
from ._arguments import as_inexact, require_finite, same_dtype, stack_shape, to_stack
from ._capability import capability
from ._lyapunov import _solution as lyapunov_solution
from ._matrix_equation import norms
from ._riccati_factor import RiccatiFactor

__all__ = ["solve_continuous_are", "solve_discrete_are"]


@capability("eigenvalues of the closed loop on the imaginary axis: NotDifferentiableError")
def solve_continuous_are(
    a: Array,
    b: Array,
    q: Array,
    r: Array,
    e: Array | None = None,
    s: Array | None = None,
    balanced: bool = True,
) -> Array:
    """The stabilizing solution X of the continuous algebraic Riccati equation, as in SciPy, with derivatives.

        Eᴴ X A + Aᴴ X E − (Eᴴ X B + S) R⁻¹ (Bᴴ X E + Sᴴ) + Q = 0

    Parameters
    ----------
    a : (..., n, n) array_like
        Real or complex, plain or traced, as are all others.  Leading axes are a batch; they broadcast.
    b : (..., n, m) array_like
        The input matrix.
    q : (..., n, n) array_like
        Hermitian.
    r : (..., m, m) array_like
        Hermitian and regular.
    e : (..., n, n) array_like, optional
        Regular; the identity if left out.
    s : (..., n, m) array_like, optional
        Zero if left out.
    balanced : bool, optional
        Whether badly scaled data are balanced.

    Returns
    -------
    (..., n, n) array
        The Hermitian X for which the closed loop E⁻¹ (A − B K), with the gain K = R⁻¹ (Bᴴ X E + Sᴴ), has its
        eigenvalues in the open left half plane.  Where there is none, but a limit of such solutions with
        eigenvalues on the imaginary axis, the limit may be returned, as by SciPy; it has no derivative.

    Raises
    ------
    ValueError
        For shapes that do not fit, q or r that are not Hermitian, r or e singular, nan and inf.
    numpy.linalg.LinAlgError
        Where there is no such solution, with the reason: an unstable eigenvalue that b does not reach, or
        eigenvalues of the Hamiltonian matrix on the imaginary axis.
    NotDifferentiableError
        For a derivative where the closed loop has eigenvalues on the imaginary axis.

    Notes
    -----
    Computed in double precision by structure-preserving doubling (Chu, Fan & Lin, Linear Algebra Appl.
    396:55, 2005), 16 ⅔ n³ operations for each of some ten steps, and by steps of Newton's method where the
    residual is larger than rounding; by SciPy's QZ method, again with Newton's, where doubling does not lead
    to an accurate and stabilizing solution.  What the result leaves of the balanced equation is then a few
    units of rounding of its terms, also where the QZ method loses digits (badly scaled data).

    With C = A − B K and Ã = C E⁻¹, the derivative solves Ãᴴ dX + dX Ã = −E⁻ᴴ W E⁻¹ for the Hermitian part W
    of 2 EᴴX (dA − dB K) + 2 CᴴX dE − 2 dS K + Kᴴ dR K + dQ; its adjoint solves with Ãᴴ in the place of Ã (Kao
    & Hennequin, arXiv:2011.11430, for E = I and S = 0).  One factorization of Ã serves all derivatives, of
    every order.

    Gradients in q and r are Hermitian, and a tangent of q or r counts with its Hermitian part.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> a, b = np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[0.0], [1.0]])
    >>> fr.linalg.solve_continuous_are(a, b, np.diag([1.0, 2.0]), [[1.0]])
    array([[2., 1.],
           [1., 2.]])
    >>> fr.grad(lambda r: fr.linalg.solve_continuous_are(0.0, 1.0, 1.0, r)[0, 0])(4.0)
    0.25
    """
    return _solve("solve_continuous_are", False, a, b, q, r, e, s, balanced)


@capability("eigenvalues of the closed loop on the unit circle: NotDifferentiableError")
def solve_discrete_are(
    a: Array,
    b: Array,
    q: Array,
    r: Array,
    e: Array | None = None,
    s: Array | None = None,
    balanced: bool = True,
) -> Array:
    """The stabilizing solution X of the discrete algebraic Riccati equation, as in SciPy, with derivatives.

        Aᴴ X A − Eᴴ X E − (Aᴴ X B + S) (R + Bᴴ X B)⁻¹ (Bᴴ X A + Sᴴ) + Q = 0

    Parameters
    ----------
    a : (..., n, n) array_like
        Real or complex, plain or traced, as are all others.  Leading axes are a batch; they broadcast.
    b : (..., n, m) array_like
        The input matrix.
    q : (..., n, n) array_like
        Hermitian.
    r : (..., m, m) array_like
        Hermitian; it may be singular.
    e : (..., n, n) array_like, optional
        Regular; the identity if left out.
    s : (..., n, m) array_like, optional
        Zero if left out.
    balanced : bool, optional
        Whether badly scaled data are balanced.

    Returns
    -------
    (..., n, n) array
        The Hermitian X for which the closed loop E⁻¹ (A − B K), with the gain K = (R + Bᴴ X B)⁻¹ (Bᴴ X A +
        Sᴴ), has its eigenvalues in the open unit disc.  Where there is none, but a limit of such solutions
        with eigenvalues on the unit circle, the limit may be returned, as by SciPy; it has no derivative.

    Raises
    ------
    ValueError
        For shapes that do not fit, q or r that are not Hermitian, e singular, nan and inf.
    numpy.linalg.LinAlgError
        Where there is no such solution, with the reason: an unstable eigenvalue that b does not reach, or
        eigenvalues of the symplectic pencil on the unit circle.
    NotDifferentiableError
        For a derivative where the closed loop has eigenvalues on the unit circle.

    Notes
    -----
    Computed in double precision by structure-preserving doubling (Chu, Fan, Lin & Wang, Int. J. Control
    77:767, 2004), with what follows it in `solve_continuous_are`.  With C = A − B K and Ã = C E⁻¹, the
    derivative solves dX − Ãᴴ dX Ã = E⁻ᴴ W E⁻¹ for the Hermitian part W of 2 CᴴX (dA − dB K) − 2 EᴴX dE −
    2 dS K + Kᴴ dR K + dQ.

    Gradients in q and r are Hermitian, and a tangent of q or r counts with its Hermitian part.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> a, b = np.array([[0.0, 1.0], [0.0, -1.0]]), np.array([[1.0, 0.0], [2.0, 1.0]])
    >>> q, r = np.array([[-4.0, -4.0], [-4.0, 7.0]]), np.array([[9.0, 3.0], [3.0, 1.0]])
    >>> fr.linalg.solve_discrete_are(a, b, q, r).round(12)
    array([[-4., -4.],
           [-4.,  7.]])
    >>> fr.grad(lambda r: fr.linalg.solve_discrete_are(1.0, 1.0, 0.5, r)[0, 0])(1.0)
    0.33...
    """
    return _solve("solve_discrete_are", True, a, b, q, r, e, s, balanced)


def _solve(
    call: str, discrete: bool, a: Any, b: Any, q: Any, r: Any, e: Any, s: Any, balanced: bool
) -> Array:
    arguments = _checked(call, discrete, a, b, q, r, e, s)
    plain: list[Any] = [None if x is None else primal(x) for x in arguments]
    factor = RiccatiFactor(discrete, balanced, *plain)
    return _riccati(*arguments, factor=factor)


# --- arguments ---------------------------------------------------------------------------------------------


def _checked(
    call: str, discrete: bool, a: Any, b: Any, q: Any, r: Any, e: Any, s: Any
) -> tuple[Array | None, ...]:
    """The six arguments as matrices of one type, with the same axes in front, or None."""
    given = {
        name: as_row_matrix(x, f"{call}: {name}")
        for name, x in zip("abqres", (a, b, q, r, e, s), strict=True)
        if x is not None
    }
    shapes = {name: np.shape(x)[-2:] for name, x in given.items()}
    n, m = shapes["b"]
    for name, shape in {"a": (n, n), "q": (n, n), "r": (m, m), "e": (n, n), "s": (n, m)}.items():
        if name not in shapes:
            continue
        if name != "s" and shapes[name][0] != shapes[name][1]:
            raise ValueError(f"{call}: {name} must be square, got shape {np.shape(given[name])}")
        if shapes[name] != shape:
            raise ValueError(
                f"{call}: {name} must be a {shape[0]} by {shape[1]} matrix beside b of shape {(n, m)}, got "
                f"shape {np.shape(given[name])}"
            )
    for name in "qr":
        _require_hermitian(call, name, primal(given[name]))
    for name in "e" if discrete else "re":
        if name in given:
            _require_regular(call, name, primal(given[name]))
    stack = stack_shape(call, *given.values())
    same = iter(to_stack(x, stack) for x in same_dtype(*given.values()))
    return tuple(next(same) if name in given else None for name in "abqres")


def as_row_matrix(x: Any, name: str) -> Array:
    """x as a matrix or a stack of them; numbers and vectors become matrices of one row, as in SciPy."""
    x = as_inexact(x, name)
    require_finite(x, name)
    return x if np.ndim(x) >= 2 else np.reshape(x, (1, -1))


def _require_hermitian(call: str, name: str, x: Array) -> None:
    # SciPy's tolerance.
    size = np.abs(x).sum(-2).max(-1, initial=0)
    if (np.abs(x - adjoint_matrix(x)).sum(-2).max(-1, initial=0) > 100 * np.spacing(size)).any():
        raise ValueError(f"{call}: {name} must be symmetric/hermitian")


def _require_regular(call: str, name: str, x: Array) -> None:
    # SciPy's test, σ_min ≥ spacing(1) ‖x‖₁, but the singular values only where the inverse does not show it.
    bound = np.spacing(1.0) * np.abs(x).sum(-2).max(-1, initial=0)
    try:
        if (norms(np.linalg.inv(x)) * bound < 1).all():
            return
    except np.linalg.LinAlgError:
        pass
    s = np.linalg.svdvals(x)[..., -1:]
    if ((s == 0) | (s < bound[..., None])).any():
        raise ValueError(f"{call}: {name} is numerically singular")


# --- the rule ----------------------------------------------------------------------------------------------
# `factor` is the solution for the underlying values, with what factorizes their closed loop; every order of
# derivative passes it on.
#
# Let F(X, A, ...) be the left side of the equation, K the gain and C = A − B K.  As K minimizes the quadratic
# form that F is made of, dK drops out of dF, and with herm V = (V + Vᴴ)/2
#
#     continuous:  dF = Eᴴ dX C + Cᴴ dX E + W,
#                  W = herm(2 EᴴX dA − 2 EᴴX dB K + 2 CᴴX dE − 2 dS K + Kᴴ dR K + dQ),
#     discrete:    dF = Cᴴ dX C − Eᴴ dX E + W,
#                  W = herm(2 CᴴX dA − 2 CᴴX dB K − 2 EᴴX dE − 2 dS K + Kᴴ dR K + dQ),
#
# so that with Ã = C E⁻¹
#
#     continuous:  Ãᴴ dX + dX Ã = −E⁻ᴴ W E⁻¹,        discrete:  dX − Ãᴴ dX Ã = E⁻ᴴ W E⁻¹.
#
# The derivative is one map W ↦ dX, shared by all arguments, after products with matrices from the left and
# the right.


def _body(
    a: Array, b: Array, q: Array, r: Array, e: Array | None, s: Array | None, factor: RiccatiFactor
) -> Any:
    X = _riccati(a, b, q, r, e, s, factor=factor)
    loop = _ClosedLoop(X, a, b, r, e, s, factor)
    S = _Sensitivity(loop)
    discrete = factor.discrete
    before_a = (lambda: loop.CX) if discrete else (lambda: loop.EX)
    in_e = _Product(-2, lambda: loop.EX) if discrete else _Product(2, lambda: loop.CX)
    return X, (
        compose(S, _Product(2, before_a)),
        compose(S, _Product(-2, before_a, lambda: loop.K)),
        S,
        compose(S, _Product(1, lambda: adjoint_matrix(loop.K), lambda: loop.K)),
        zero if e is None else compose(S, in_e),
        zero if s is None else compose(S, _Product(-2, None, lambda: loop.K)),
    )


_riccati = Rule(lambda a, b, q, r, e, s, factor: factor.X, _body, "frechet.linalg.solve_are")


class _ClosedLoop:
    """What the derivatives at a solution are made of, computed when first needed."""

    def __init__(
        self, X: Array, a: Array, b: Array, r: Array, e: Array | None, s: Array | None, factor: RiccatiFactor
    ) -> None:
        self.X, self.a, self.b, self.r, self.e, self.s, self.factor = X, a, b, r, e, s, factor

    @cached_property
    def EX(self) -> Array:
        """EᴴX."""
        return self.X if self.e is None else np.matmul(adjoint_matrix(self.e), self.X)

    @cached_property
    def K(self) -> Array:
        """The gain."""
        return feedback_gain(self.X, self.a, self.b, self.r, self.EX, self.s, self.factor.discrete)

    @cached_property
    def C(self) -> Array:
        """A − B K."""
        return self.a - np.matmul(self.b, self.K)

    @cached_property
    def CX(self) -> Array:
        """CᴴX."""
        return np.matmul(adjoint_matrix(self.C), self.X)

    @cached_property
    def inverse_of_e(self) -> Array:
        """E⁻¹."""
        e: Array = self.e
        return np.linalg.inv(e)

    @cached_property
    def A(self) -> Array:
        """D⁻¹ C E⁻¹ D, with the balancing D of the state."""
        A = self.C if self.e is None else np.matmul(self.C, self.inverse_of_e)
        D = self.factor.D
        if D is None:
            return A
        return A * (D[..., None, :] / D[..., :, None]).astype(np.real(primal(A)).dtype)

    def solve(self, W: Array, adjoint: bool) -> Array:
        """Y with Ãᴴ Y + Y Ã = −W or Y − Ãᴴ Y Ã = W for a Hermitian part W of the argument, or its adjoint."""
        W = hermitian_part(W)
        D, discrete = self.factor.D, self.factor.discrete
        if D is not None:
            balance = (D[..., None, :] * D[..., :, None]).astype(np.real(primal(W)).dtype)
            if adjoint:
                balance = 1 / balance
            W = W * balance
        A = self.A
        equation = "stein" if discrete else "lyapunov"
        Y = lyapunov_solution(A, W, equation, not adjoint, factor=self.factor.closed_loop(primal(A)))
        if D is not None:
            Y = Y / balance
        return Y if discrete else -Y


class _Sensitivity(LinearMap):
    """W ↦ dX, with adjoint G ↦ E⁻¹ S E⁻ᴴ, where S solves the equation with Ãᴴ in the place of Ã."""

    __slots__ = ("loop",)

    def __init__(self, loop: _ClosedLoop) -> None:
        self.loop = loop

    def push(self, v: Array) -> Array:
        loop = self.loop
        if loop.e is not None:
            inverse = loop.inverse_of_e
            v = np.matmul(np.matmul(adjoint_matrix(inverse), v), inverse)
        return loop.solve(v, adjoint=False)

    def pull(self, w: Array) -> Array:
        loop = self.loop
        S = loop.solve(w, adjoint=True)
        if loop.e is None:
            return S
        inverse = loop.inverse_of_e
        return hermitian_part(np.matmul(np.matmul(inverse, S), adjoint_matrix(inverse)))


class _Product(LinearMap):
    """V ↦ c P V R, for matrices P and R that are computed when first needed; None stands for the identity."""

    __slots__ = ("left", "number", "right")

    def __init__(
        self, number: int, left: Callable[[], Array] | None, right: Callable[[], Array] | None = None
    ) -> None:
        self.number, self.left, self.right = number, left, right

    def push(self, v: Array) -> Array:
        if self.left is not None:
            v = np.matmul(self.left(), v)
        if self.right is not None:
            v = np.matmul(v, self.right())
        return v * self.number

    def pull(self, w: Array) -> Array:
        if self.left is not None:
            w = np.matmul(adjoint_matrix(self.left()), w)
        if self.right is not None:
            w = np.matmul(w, adjoint_matrix(self.right()))
        return w * self.number


def feedback_gain(
    X: Array, a: Array, b: Array, r: Array, EX: Array, s: Array | None, discrete: bool
) -> Array:
    """The gain K: R⁻¹ (Bᴴ X E + Sᴴ), or (R + Bᴴ X B)⁻¹ (Bᴴ X A + Sᴴ) of a discrete equation."""
    bh = adjoint_matrix(b)
    if not discrete:
        right = np.matmul(bh, adjoint_matrix(EX))
    else:
        XB = np.matmul(X, b)
        right = np.matmul(adjoint_matrix(XB), a)
        r = r + np.matmul(bh, XB)
    return np.linalg.solve(r, right if s is None else right + adjoint_matrix(s))
