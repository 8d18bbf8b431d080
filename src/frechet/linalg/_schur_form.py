"""The Schur form of a square matrix, as the equations that are solved with it need it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from ..rules.lapack import lapack, no_order
from ._matrix_equation import norms

__all__ = ["SchurForm"]

Array = NDArray[Any]


class SchurForm:
    """A = Z T Zᴴ with unitary Z and upper triangular T; for real A, T is real and quasi-triangular.

    Parameters
    ----------
    A : (n, n) ndarray
        Finite; float32, float64, complex64 or complex128.

    Attributes
    ----------
    T, Z : (n, n) ndarray
        Of the dtype of A; T has 2 × 2 blocks on its diagonal for complex pairs of eigenvalues of a real A.
    eigenvalues : (n,) ndarray
        In the order of the diagonal; real only where all are.

    Raises
    ------
    numpy.linalg.LinAlgError
        If LAPACK's QR algorithm does not converge.

    Notes
    -----
    LAPACK's gees, about 25 n³ operations.  The computed form is that of a matrix A + E with ‖E‖ of the
    size of rounding in A (Golub & Van Loan, Matrix Computations, section 7.5).

    Examples
    --------
    >>> import numpy as np
    >>> form = SchurForm(np.array([[0.0, 1.0], [1.0, 0.0]]))
    >>> np.allclose(form.Z @ form.T @ form.Z.T, [[0, 1], [1, 0]])
    True
    """

    def __init__(self, A: Array) -> None:
        self.T, self.Z, self.eigenvalues = _schur(A)

    @property
    def norm(self) -> float:
        """The Frobenius norm of A."""
        return float(norms(self.T))


@lru_cache(maxsize=256)
def _workspace(char: str, n: int) -> int:
    """The size of LAPACK's work array with which it is fastest."""
    return int(lapack("gees", char)(no_order, np.empty((n, n), char), lwork=-1)[-2][0].real)


def _schur(A: Array) -> tuple[Array, Array, Array]:
    char = A.dtype.char
    size = _workspace(char, len(A))
    T, _, *eigenvalues, Z, _, info = lapack("gees", char)(no_order, A, lwork=size)
    if info:
        raise LinAlgError(f"A has no Schur form to be found: the QR algorithm did not converge ({info=})")
    w = eigenvalues[0]
    if len(eigenvalues) == 2 and eigenvalues[1].any():
        w = w + 1j * eigenvalues[1]
    return T, Z, w
