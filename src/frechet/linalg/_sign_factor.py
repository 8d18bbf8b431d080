"""The matrix sign function on a Schur form.

With the eigenvalues of the left half plane first, T = [T1 T12; 0 T2], the sign is S = [−I Z; 0 I] with
T S = S T: T1 Z − Z T2 = −2 T12, one triangular Sylvester equation.  N = S T has the square T² and all its
eigenvalues in the right half plane; it is upper triangular with T.

Small matrices of a stack are not reordered, which each needs on its own: their signs come entry by entry, for
all of them at once, from S² = I where s_ii = s_jj and from T S = S T elsewhere,

    s_ij (s_ii + s_jj) = −Σ s_ik s_kj,    s_ij (t_ii − t_jj) = t_ij (s_ii − s_jj) + Σ (s_ik t_kj − t_ik s_kj)

with sums over i < k < j (Higham, Functions of Matrices, algorithm 5.5), on complex forms.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._arguments import unit_for
from ._root_factor import Double, DoubleFactor
from ._triangular_form import TriangularForm
from ._triangular_sylvester import TriangularSylvester

__all__ = ["SignFactor"]

Array = NDArray[Any]

_SMALL, _SEVERAL = 16, 4  # rows and matrices for which signs are found for all of a stack at once


class SignFactor(DoubleFactor):
    """The sign of a matrix or of a stack of them, prepared for derivatives; `solve` is for N = sign(A) A.

    Parameters
    ----------
    A : (..., n, n) ndarray
        Finite; float32, float64, complex64 or complex128.

    Notes
    -----
    The Schur form takes about 25 n³ operations, its order and the sign up to 10 n³ more; `solve` takes 10 n³
    for each direction.
    """

    def __init__(self, A: Array) -> None:
        self.unit = unit_for(np.abs(A).max(axis=(-2, -1), keepdims=True, initial=0))  # sign(A) = sign(A/unit)
        super().__init__(A / self.unit)
        real = self.form.eigenvalues.real
        on_axis = np.abs(real) <= _threshold(self.form)[:, None]
        self.refusal = None
        if on_axis.any():
            self.refusal = "A has an eigenvalue on the imaginary axis, where the sign jumps"
        self.parts = []
        together = ~on_axis.any(-1) & (self.count >= _SEVERAL and A.shape[-1] <= _SMALL)
        if together.any():
            form = self.form[together].complex()
            S = _signs(form)
            self.parts.append((np.flatnonzero(together), Double(form, S, S @ form.T)))
        for k in np.flatnonzero(~together):
            form, one = _sign(self.form[k : k + 1])
            self.parts.append((np.array([k]), Double(form, one[None], one @ form.T)))
        self.value = self.collected(self.dtype)
        signs = np.where(on_axis, 0, np.sign(real))
        if A.size:  # I, −I and 0 without rounding
            uniform = (signs == signs[:, :1]).all(-1)
            each = self.value.reshape(self.form.T.shape)
            each[uniform] = signs[uniform, :1, None] * np.eye(A.shape[-1])

    def solve(self, F: Array) -> Array:
        """Return L with N L + L N = F, the forms being those of A/unit and N/unit."""
        return super().solve(F / self.unit)


def _threshold(form: TriangularForm) -> Array:
    """The size of real parts that count as zero, as in SciPy."""
    w = form.eigenvalues
    return np.asarray(1000 * np.finfo(w.dtype).eps * np.abs(w).max(-1, initial=0.0))


def _signs(form: TriangularForm) -> Array:
    """The signs of a stack of triangular T, none with eigenvalues on the imaginary axis."""
    T, n = form.T, form.T.shape[-1]
    w, s = form.eigenvalues, np.sign(form.eigenvalues.real)
    S = np.zeros_like(T)
    np.einsum("kii->ki", S)[...] = s
    for j in range(n):
        for i in range(j - 1, -1, -1):
            row, column = S[:, i, i + 1 : j], S[:, i + 1 : j, j]
            same = s[:, i] == s[:, j]
            squares = (row * column).sum(-1)
            commuted = (row * T[:, i + 1 : j, j] - T[:, i, i + 1 : j] * column).sum(-1)
            divisor = np.where(same, 1, w[:, i] - w[:, j])
            parted = (T[:, i, j] * (s[:, i] - s[:, j]) + commuted) / divisor
            S[:, i, j] = np.where(same, -0.5 * s[:, i] * squares, parted)
    return S


def _sign(form: TriangularForm) -> tuple[TriangularForm, Array]:
    """One matrix' form with its eigenvalues in the order of their signs −1, 0, 1, and the sign of its T.

    From T S = S T the blocks above the diagonal
    solve T_ii S_ij − S_ij T_jj = S_ii T_ij − T_ij S_jj + Σ_(i<k<j) (S_ik T_kj − T_ik S_kj).
    """
    threshold = _threshold(form)[0]
    for count in (1, 2):  # first the negative ones, then these and the zeros
        real = form.eigenvalues.real
        below = real < -threshold if count == 1 else real <= threshold
        if (np.diff(below.astype(int)) > 0).any():
            form = form.reordered(below)
    real = form.eigenvalues[0].real
    T, n = form.T[0], form.T.shape[-1]
    cuts = [0, int(np.sum(real < -threshold)), int(np.sum(real <= threshold)), n]
    signs, parts = (-1, 0, 1), [slice(i, j) for i, j in pairwise(cuts)]
    S = np.zeros_like(T)
    for sign, part in zip(signs, parts, strict=True):
        S[part, part] = sign * np.eye(part.stop - part.start)
    for i, j in ((0, 1), (1, 2), (0, 2)):
        first, between, last = parts[i], slice(cuts[i + 1], cuts[j]), parts[j]
        right = (signs[i] - signs[j]) * T[first, last]
        right += S[first, between] @ T[between, last] - T[first, between] @ S[between, last]
        S[first, last] = TriangularSylvester(T[first, first], -T[last, last]).solve(right)
    return form, S
