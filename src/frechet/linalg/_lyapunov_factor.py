"""What Lyapunov and Stein equations of one matrix, their solutions and the adjoints of these have in common.

Three ways to a solution, each with numbers that do not depend on the right side and that serve the equation
and its adjoint:

* a few rows: the inverse of the n² × n² matrix of the equation (_kronecker_factor.py);
* a stable matrix: the powers of the doubling iteration (_smith_factor.py);
* any other: a Schur form A = Z T Zᴴ, on which the equations become triangular ones for Zᴴ X Z.

On the Schur form:

* T X + X Tᴴ = F is a Sylvester equation with two upper triangular coefficients after the columns are put in
  reverse order: with J the exchange matrix, T (X J) + (X J) (J Tᴴ J) = F J.  Its adjoint is that of the
  Sylvester equation.
* X − T X Tᴴ = F is the Lyapunov equation B X + X Bᴴ = −2 P⁻¹ F P⁻ᴴ with P = T + σI and B = P⁻¹(T − σI),
  σ = ±1, because (T − σI) X Pᴴ + P X (T − σI)ᴴ = 2 (T X Tᴴ − X); B is triangular with T, so no second Schur
  form is needed.  Both signs are right; the one that keeps P farther from singular is taken, and a step of
  iterative refinement, where the residual asks for it, removes what P's condition has cost.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._stacks import product
from ..linear_map import adjoint_matrix
from . import _schur_form
from ._arguments import is_finite
from ._kronecker_factor import KroneckerFactor
from ._matrix_equation import MatrixEquation, error_of_quotient, judge
from ._smith_factor import Smith, lyapunov_doubling, stein_doubling
from ._triangular_sylvester import TriangularSylvester

__all__ = ["LyapunovFactor"]

Array = NDArray[Any]
Equation = Literal["lyapunov", "stein"]

_KRONECKER = 6  # the largest n for which the n² × n² matrix is the fastest way
_DOUBLING = 32  # the smallest n for which doubling is

_NAME = {"lyapunov": "A X + X A^H = Q", "stein": "X = A X A^H + Q"}
_SINGULAR = {
    "lyapunov": "A X + X A^H = Q has no unique solution: A has eigenvalues with "
    "lambda_i + conj(lambda_j) = 0 to working precision",
    "stein": "X = A X A^H + Q has no unique solution: A has eigenvalues with "
    "lambda_i * conj(lambda_j) = 1 to working precision",
}


class LyapunovFactor:
    """A square matrix, or a stack of them, ready for the solution of Lyapunov and Stein equations.

    Parameters
    ----------
    A : (..., n, n) array_like
        float32, float64, complex64 or complex128; any other real type is computed in float64, and any other
        complex type in complex128.
    doubling : bool, optional
        Whether solutions by doubling are tried, for stable matrices of some size.

    Raises
    ------
    TypeError
        If A is not numeric.
    ValueError
        If A is not square or not finite.

    Notes
    -----
    The right sides of all methods have the shape of A, or that with further axes in front (stacked
    directions), and may be complex for real A; the solutions have the shape of the right side and the
    precision of A.  A Hermitian right side gives an exactly Hermitian solution.  All methods raise
    ``ValueError`` for a right side that is not finite or has the wrong shape, ``numpy.linalg.LinAlgError``
    for an equation without a unique solution, and warn with ``scipy.linalg.LinAlgWarning`` of one that
    leaves fewer than two digits.

    The Schur form takes about 25 n³ operations and is computed once; each solution takes 12 n³ (Stein: 26 n³,
    or 36 n³ if it is refined), almost all of them in matrix products.  For doubling see there.

    Examples
    --------
    >>> import numpy as np
    >>> A = np.array([[-1.0, 2.0], [0.0, -2.0]])
    >>> X = LyapunovFactor(A).lyapunov(-np.eye(2))
    >>> np.allclose(A @ X + X @ A.T, -np.eye(2))
    True
    """

    def __init__(self, A: ArrayLike, *, doubling: bool = True) -> None:
        A = _as_numeric(A)
        if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
            raise ValueError(f"expected a square matrix or a stack of them, got shape {A.shape}")
        char = A.dtype.char if A.dtype.char in "fdFD" else "D" if A.dtype.kind == "c" else "d"
        A = A.astype(char)  # in the machine's byte order, too, and a copy
        if not is_finite(A):
            raise ValueError("the matrix A contains nan or inf")
        self.A = A
        self.may_double = doubling and A.shape[-1] >= _DOUBLING
        self._equations: dict[Equation, _Equation] = {}

    def lyapunov(self, Q: ArrayLike) -> Array:
        """Return X with A X + X Aᴴ = Q."""
        return self._equation("lyapunov").solve(self._right_side("lyapunov", Q))

    def lyapunov_adjoint(self, W: ArrayLike) -> Array:
        """Return Y with Aᴴ Y + Y A = W: the adjoint of `lyapunov`, on the same numbers."""
        return self._equation("lyapunov").adjoint(self._right_side("lyapunov", W))

    def stein(self, Q: ArrayLike) -> Array:
        """Return X with X = A X Aᴴ + Q, the discrete Lyapunov equation."""
        return self._equation("stein").solve(self._right_side("stein", Q))

    def stein_adjoint(self, W: ArrayLike) -> Array:
        """Return Y with Y − Aᴴ Y A = W: the adjoint of `stein`, on the same numbers."""
        return self._equation("stein").adjoint(self._right_side("stein", W))

    def _right_side(self, name: Equation, Q: ArrayLike) -> Array:
        Q = _as_numeric(Q)
        shape = self.A.shape
        if Q.shape[max(Q.ndim - len(shape), 0) :] != shape:
            raise ValueError(
                f"{_NAME[name]}: a right side has shape {Q.shape}; its last axes must be A's, {shape}"
            )
        if not is_finite(Q):
            raise ValueError(f"{_NAME[name]}: the right side contains nan or inf")
        if Q.dtype.kind == "c":
            return Q.astype(np.complex64 if self.A.dtype.char in "fF" else np.complex128, copy=False)
        return Q.astype(self.A.dtype, copy=False)

    def _equation(self, name: Equation) -> _Equation:
        if name not in self._equations:
            self._equations[name] = _Equation(self, name)
        return self._equations[name]

    @cached_property
    def form(self) -> _schur_form.SchurForm:
        """The Schur form, or those of the stack, for either equation."""
        return _schur_form.SchurForm(self.A)


class _Equation(MatrixEquation):
    """One of the two equations."""

    keeps_hermitian = True

    def __init__(self, factor: LyapunovFactor, name: Equation) -> None:
        self.factor, self.name = factor, name
        self.dtype, self.stack = factor.A.dtype, factor.A.shape[:-2]

    def _solution(self, Q: Array, adjoint: bool) -> Array:
        if Q.shape[-1] <= _KRONECKER:
            return self.by_kronecker.solve(Q, adjoint)
        if self.factor.may_double and self.by_doubling is not None:
            X = self.by_doubling.solve(Q, adjoint)
            if X is not None:
                return X
        return self.by_schur.solve(Q, adjoint)

    @cached_property
    def by_kronecker(self) -> KroneckerFactor:
        A = self.factor.A
        AH, eye = adjoint_matrix(A), np.eye(A.shape[-1], dtype=A.dtype)
        terms = [(A, eye), (eye, AH)] if self.name == "lyapunov" else [(eye, eye), (-A, AH)]
        return KroneckerFactor(terms, _SINGULAR[self.name])

    @cached_property
    def by_doubling(self) -> Smith | None:
        A = self.factor.A
        return lyapunov_doubling(A) if self.name == "lyapunov" else stein_doubling(A)

    @cached_property
    def by_schur(self) -> _LyapunovOnSchurForm | _SteinOnSchurForm:
        kind = _LyapunovOnSchurForm if self.name == "lyapunov" else _SteinOnSchurForm
        return kind(self.factor.form)


class _LyapunovOnSchurForm:
    """A X + X Aᴴ = Q on the Schur forms of a stack."""

    def __init__(self, form: _schur_form.SchurForm) -> None:
        # The eigenvalues carry errors of the size ε‖A‖.  If they all lie in the open left or right half
        # plane, the sum smallest in modulus is twice the smallest real part.
        w = form.eigenvalues
        if ((w.real < 0).all(-1) | (w.real > 0).all(-1)).all():
            divisors = 2 * np.abs(w.real).min(-1)
        else:
            divisors = np.abs(w[..., :, None] + w.conj()[..., None, :]).min((-2, -1))
        judge(error_of_quotient(form.norm, divisors, form.T.dtype), _SINGULAR["lyapunov"])
        self.Z = form.Z
        self.triangular = TriangularSylvester(form.T, _turned(form.T), _SINGULAR["lyapunov"])

    def solve(self, Q: Array, adjoint: bool) -> Array:
        """Solve the equation for right sides (..., n, n)."""
        Z = self.Z
        F = product(Z, product(Q, Z), adjoint_a=True)[..., ::-1]
        X = self.triangular.adjoint(F) if adjoint else self.triangular.solve(F)
        return product(product(Z, X[..., ::-1]), Z, adjoint_b=True)


class _SteinOnSchurForm:
    """X − A X Aᴴ = Q on the Schur forms of a stack."""

    def __init__(self, form: _schur_form.SchurForm) -> None:
        # If the eigenvalues all lie in the unit disc, the smallest |1 − λ conj μ| is that of the largest one.
        w, size = form.eigenvalues, np.abs(form.eigenvalues)
        if (size < 1).all():
            size = size.max(-1)[..., None, None]
            divisors, sizes = 1 - size * size, 2 * size
        else:
            divisors = np.abs(1 - w[..., :, None] * w.conj()[..., None, :])
            sizes = size[..., :, None] + size[..., None, :]
        error = error_of_quotient(1 + form.norm[..., None, None] * sizes, divisors, form.T.dtype)
        judge(error, _SINGULAR["stein"])
        self.T, self.Z = form.T, form.Z
        # B = P⁻¹(T − σI) = I − 2σP⁻¹ and P⁻¹, P = T + σI
        eye = np.eye(form.T.shape[-1], dtype=form.T.dtype)
        plus = np.abs(w + 1).min(-1) >= np.abs(w - 1).min(-1)
        sigma = np.where(plus, 1, -1).astype(form.T.dtype)[..., None, None]
        inverse = np.linalg.inv(form.T + sigma * eye)
        self.inverse = np.triu(inverse) + np.where(form.T != 0, np.tril(inverse, -1), 0)
        B = eye - 2 * sigma * self.inverse
        self.triangular = TriangularSylvester(B, _turned(B), _SINGULAR["stein"])

    def solve(self, Q: Array, adjoint: bool) -> Array:
        """Solve the equation for right sides (..., n, n)."""
        Z, T = self.Z, self.T
        F = product(Z, product(Q, Z), adjoint_a=True)
        X = self._bilinear(F, adjoint)
        residual = F - X + product(product(T, X, adjoint_a=adjoint), T, adjoint_b=not adjoint)
        axes = (-2, -1)
        small = T.shape[-1] * np.finfo(F.dtype).eps * (np.abs(X).max(axes) + np.abs(F).max(axes))
        if not (np.abs(residual).max(axes) <= small).all():
            X = X + self._bilinear(residual, adjoint)
        return product(product(Z, X), Z, adjoint_b=True)

    def _bilinear(self, F: Array, adjoint: bool) -> Array:
        inverse = self.inverse
        if adjoint:
            X = self.triangular.adjoint(-2 * F[..., ::-1])[..., ::-1]
            return product(product(inverse, X, adjoint_a=True), inverse)
        F = product(product(inverse, -2 * F), inverse, adjoint_b=True)
        return self.triangular.solve(F[..., ::-1])[..., ::-1]


def _turned(T: Array) -> Array:
    """J Tᴴ J."""
    return np.ascontiguousarray(adjoint_matrix(T)[..., ::-1, ::-1])


def _as_numeric(A: ArrayLike) -> Array:
    A = np.asarray(A)
    if A.dtype.kind not in "iufc":
        raise TypeError(f"expected a numeric matrix, got dtype {A.dtype}")
    return A
