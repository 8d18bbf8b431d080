"""The matrix sign function on an ordered Schur form.

With the eigenvalues of the left half plane first, T = [T1 T12; 0 T2], the sign is S = [−I Z; 0 I] with
T S = S T: T1 Z − Z T2 = −2 T12, one triangular Sylvester equation.  N = S T has the square T² and all its
eigenvalues in the right half plane; it is upper triangular with T.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._root_factor import Double, DoubleFactor
from ._triangular_form import TriangularForm
from ._triangular_sylvester import TriangularSylvester

__all__ = ["SignFactor"]

Array = NDArray[Any]


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
        super().__init__(A)
        self.refusal = None
        self.parts = []
        for i in range(self.count):
            form, S = _sign(self.form[i : i + 1])
            signs = np.diagonal(S)
            if (signs == 0).any():
                self.refusal = "A has an eigenvalue on the imaginary axis, where the sign jumps"
            self.parts.append((np.array([i]), Double(form, S[None], S @ form.T)))
        self.value = self.collected(self.dtype)
        for k, part in self.parts:  # I, −I and 0 without rounding
            signs = np.diagonal(part.value[0])
            if len(signs) and (signs == signs[0]).all():
                self.value.reshape(self.count, *A.shape[-2:])[k] = part.value


def _sign(form: TriangularForm) -> tuple[TriangularForm, Array]:
    """One matrix' form with its eigenvalues in the order of their signs −1, 0, 1, and the sign of its T.

    A real part of rounding size counts as zero, as in SciPy.  From T S = S T the blocks above the diagonal
    solve T_ii S_ij − S_ij T_jj = S_ii T_ij − T_ij S_jj + Σ_(i<k<j) (S_ik T_kj − T_ik S_kj).
    """
    w = form.eigenvalues
    threshold = 1000 * np.finfo(w.dtype).eps * np.abs(w).max(initial=0.0)
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
