"""The Schur forms of a square matrix or of a stack of them, as what is computed with them needs them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from .. import _core, _stacks
from ..rules.lapack import lapack, no_order
from ._matrix_equation import norms

__all__ = ["SchurForm"]

Array = NDArray[Any]

_NONE_FOUND = "A has no Schur form to be found: the QR algorithm did not converge"


class SchurForm:
    """A = Z T Zᴴ with unitary Z and upper triangular T; for real A, T is real and quasi-triangular.

    Parameters
    ----------
    A : (..., n, n) ndarray
        Finite; float32, float64, complex64 or complex128.

    Attributes
    ----------
    T, Z : (..., n, n) ndarray
        Of the dtype of A; T has 2 × 2 blocks [a b; c a], b c < 0, on its diagonal for complex pairs of
        eigenvalues of a real A.
    eigenvalues : (..., n) ndarray
        In the order of the diagonal, of a pair the one with positive imaginary part first; real only where
        all are.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the QR algorithm does not converge.

    Notes
    -----
    About 25 n³ operations: up to 64 rows in a compiled kernel for the whole stack, beyond that by LAPACK's
    gees.  The computed form is that of a matrix A + E with ‖E‖ of the size of rounding in A (Golub & Van
    Loan, Matrix Computations, section 7.5).

    Examples
    --------
    >>> import numpy as np
    >>> form = SchurForm(np.array([[0.0, 1.0], [1.0, 0.0]]))
    >>> np.allclose(form.Z @ form.T @ form.Z.T, [[0, 1], [1, 0]])
    True
    """

    def __init__(self, A: Array) -> None:
        self.T, self.Z = _schur(A)
        self.eigenvalues = _eigenvalues(self.T)

    @property
    def norm(self) -> Any:
        """The Frobenius norm of A, for each of the stack."""
        return norms(self.T)


@lru_cache(maxsize=256)
def _workspace(char: str, n: int) -> int:
    """The size of LAPACK's work array with which it is fastest."""
    return int(lapack("gees", char)(no_order, np.empty((n, n), char), lwork=-1)[-2][0].real)


def _schur(A: Array) -> tuple[Array, Array]:
    if A.shape[-1] <= _core.largest_matrix:
        T, Z, failures = _stacks.schur(A)
        if not failures:  # the kernel gives up on a few graded matrices on which LAPACK does not
            return T, Z
        if not np.isfinite(A).all():  # which LAPACK passes on where a matrix is small
            raise LinAlgError(f"{_NONE_FOUND}, as it is not finite")
    return _by_lapack(A)


def _by_lapack(A: Array) -> tuple[Array, Array]:
    if not A.size:
        return A.copy(), A.copy()
    char = A.dtype.char
    gees, size = lapack("gees", char), _workspace(char, A.shape[-1])
    pairs = []
    for one in A.reshape(-1, *A.shape[-2:]):
        T, *_, Z, _, info = gees(no_order, one, lwork=size)
        if info:
            raise LinAlgError(f"{_NONE_FOUND} ({info=})")
        pairs.append((T, Z))
    if A.ndim == 2:
        return pairs[0]
    return np.stack([T for T, _ in pairs]).reshape(A.shape), np.stack([Z for _, Z in pairs]).reshape(A.shape)


def _eigenvalues(T: Array) -> Array:
    w = np.diagonal(T, 0, -2, -1)
    if T.dtype.kind == "c":
        return w.copy()
    lower = np.diagonal(T, -1, -2, -1)
    if not lower.any():
        return w.copy()
    # √|b| √|c|, as b c might overflow or underflow
    size = np.where(lower == 0, 0, np.sqrt(np.abs(np.diagonal(T, 1, -2, -1)))) * np.sqrt(np.abs(lower))
    result = w.astype(np.result_type(T, np.complex64))
    result.imag[..., :-1] += size
    result.imag[..., 1:] -= size
    return result
