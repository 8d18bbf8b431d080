"""Square roots of matrices, and the equation of their derivative.

X² = A gives X L + L X = E for the derivative L of X in the direction E.  With A = Q T Qᴴ and R² = T,
X = Q R Qᴴ, so value, derivative and adjoint take one Schur form, and a derivative one triangular Sylvester
equation more.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._matrix_equation import norms
from ._triangular_form import FormStack, FunctionOnForms, TriangularForm, square_root
from ._triangular_sylvester import TriangularSylvester

__all__ = ["Double", "DoubleFactor", "RootFactor"]

Array = NDArray[Any]


class Double(FunctionOnForms):
    """The solution of R L + L R = F for some of the matrices of a stack, R upper triangular."""

    def __init__(self, form: TriangularForm, value: Array, R: Array) -> None:
        self.form, self.value, self.R = form, value, R

    @cached_property
    def _equation(self) -> TriangularSylvester:
        return TriangularSylvester(self.R)

    def derivative(self, E: Array) -> Array:
        """L for F = E."""
        return self._equation.solve(E)


class DoubleFactor(FormStack):
    """The equation N L + L N = F for N = Q R Qᴴ, whose eigenvalues lie in the open right half plane.

    Attributes
    ----------
    value : (..., n, n) ndarray
        What the factor was made for.
    parts : list of (indices, Double)
        With R.
    refusal : str or None
        Why there is no derivative; None where there is one.
    """

    value: Array
    refusal: str | None

    def solve(self, F: Array) -> Array:
        """Return L for F of N's shape, or with further axes in front."""
        return self.on_each(F, np.result_type(F.dtype, self.value.dtype))


class RootFactor(DoubleFactor):
    """The principal square root of a matrix or of a stack of them, prepared for derivatives.

    Parameters
    ----------
    A : (..., n, n) ndarray
        Finite; float32, float64, complex64 or complex128.

    Attributes
    ----------
    value : (..., n, n) ndarray
        Complex for a real A with negative eigenvalues.  Inf and nan where there is no root.
    singular, doubtful : bool
        Whether an eigenvalue is zero, and whether two eigenvalues of the root nearly cancel.

    Notes
    -----
    The Schur form takes about 25 n³ operations, the root n³/3; `solve` takes 10 n³ for each direction.
    """

    def __init__(self, A: Array) -> None:
        super().__init__(A)
        zeros = np.count_nonzero(self.form.eigenvalues == 0, axis=-1)
        self.singular = bool(zeros.any())
        self.refusal = self.refused()
        self.doubtful = False
        self.parts = []
        for k, form in self.alike(zeros > 1):
            if zeros[k[0]] > 1:
                for one in range(len(k)):
                    found, R = _root_of_singular(form[one : one + 1])
                    self.parts.append((k[one : one + 1], Double(found, R, R)))
            else:
                R, doubtful = square_root(form)
                self.doubtful |= doubtful
                self.parts.append((k, Double(form, R, R)))
        self.value = self.collected(np.result_type(self.dtype, *(part.value for _, part in self.parts)))


def _root_of_singular(form: TriangularForm) -> tuple[TriangularForm, Array]:
    """The form of one matrix with the zero eigenvalues last, and the root of its T.

    With T = [T1 T12; 0 0] the root is [R1 R12; 0 0] with R1 R12 = T12.  If the last block is not zero, then
    zero is a defective eigenvalue and there is no root: entries divided by zero are inf and nan.
    """
    zero = form.eigenvalues[0] == 0
    n, k = len(zero), np.count_nonzero(~zero)
    if not (zero[k:]).all():
        form = form.reordered(~zero[None])
    T = form.T[0]
    last = T[k:, k:].copy()
    if (np.abs(last) <= 10 * np.finfo(last.dtype).eps * norms(T)).all():
        last[...] = 0
    R = np.zeros_like(T)
    R[:k, :k] = square_root(TriangularForm(form.T[:, :k, :k], None, form.eigenvalues[:, :k]))[0][0]
    # Entry by entry: (r_ii + r_jj) r_ij = t_ij − Σ r_ik r_kj with zeros on the diagonal.
    with np.errstate(all="ignore"):
        for j in range(k, n):
            for i in range(j - 1, k - 1, -1):
                rest = last[i - k, j - k] - R[i, i + 1 : j] @ R[i + 1 : j, j]
                R[i, j] = 0 if rest == 0 else rest / 0.0 if np.isfinite(rest) else np.nan
    if not np.isfinite(R[k:, k:]).all():
        R[:k, k:] = np.nan
    elif 0 < k < n:
        R[:k, k:] = np.linalg.solve(R[:k, :k], T[:k, k:])
    return form, R[None]
