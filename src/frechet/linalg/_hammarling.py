"""The Cholesky factor of the solution of a Lyapunov or Stein equation, without the solution.

Hammarling's method (IMA J. Numer. Anal. 2:303, 1982), with lower triangular matrices.  With the Schur form
Aᴴ = Z T Zᴴ, A = Z Λ Zᴴ with Λ = Tᴴ lower triangular, and Zᴴ B Bᴴ Z = R Rᴴ, R lower triangular, the factor U
of Zᴴ X Z = U Uᴴ is found column by column.  With the first row and column split off,

    Λ = [λ 0; ℓ Λ₂],    R = [ρ 0; r R₂],    U = [υ 0; u U₂],

and α = ρ̄/υ, the equation Λ U Uᴴ + U Uᴴ Λᴴ + R Rᴴ = 0 says

    υ = |ρ|/√(−2 Re λ),    (Λ₂ + λ̄ I) u = −(υ ℓ + α r),    |α|² = −2 Re λ,

and the same equation for U₂, with R₂ R₂ᴴ + y yᴴ in the place of R Rᴴ, y = r − ᾱ u, because by the line before
Λ₂ u uᴴ + υ ℓ uᴴ + (…)ᴴ + r rᴴ = y yᴴ.  For U Uᴴ = Λ U Uᴴ Λᴴ + R Rᴴ

    υ = |ρ|/√(1 − |λ|²),    (I − λ̄ Λ₂) u = λ̄ υ ℓ + α r,    |α|² = 1 − |λ|²,

and, with w = υ ℓ + Λ₂ u, u = λ̄ w + α r is one column of the product of [w r] with a unitary matrix; y = λ r
− ᾱ w is the other, so that w wᴴ + r rᴴ − u uᴴ = y yᴴ.

R₂ R₂ᴴ + y yᴴ is made triangular again by a QR factorization of a triangle with a row under it (LAPACK's
tpqrt).  Complex arithmetic spares the 2 × 2 blocks of real Schur forms; the result of real A and B is real,
since X = Re U (Re U)ᵀ + Im U (Im U)ᵀ then.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from ..rules.lapack import lapack
from ._matrix_equation import judge
from ._schur_form import SchurForm

__all__ = ["hammarling"]

Array = NDArray[Any]

_UNSTABLE = {
    "lyapunov": "A is not stable: it has an eigenvalue in the closed right half plane, to working precision",
    "stein": "A is not stable: it has an eigenvalue of modulus one or more, to working precision",
}


def hammarling(A: Array, B: Array, equation: str) -> Array:
    """Return the lower triangular L, with diagonal ≥ 0, of X = L Lᴴ with A X + X Aᴴ + B Bᴴ = 0.

    Parameters
    ----------
    A : (n, n) ndarray
        Finite; float32, float64, complex64 or complex128.
    B : (n, k) ndarray
        Of the same dtype.
    equation : {"lyapunov", "stein"}
        With "stein", X = A X Aᴴ + B Bᴴ instead.

    Raises
    ------
    numpy.linalg.LinAlgError
        If A is not stable.
    """
    n, k = B.shape
    if n == 0:
        return np.zeros((0, 0), A.dtype)
    char = "F" if A.dtype.char in "fF" else "D"
    form = SchurForm(A.conj().T.astype(char))
    _require_stable(form, equation)
    Lambda = np.asfortranarray(form.T.conj().T)
    R = np.zeros((n, n), char)  # Rᴴ
    R[: min(n, k)] = np.linalg.qr(B.conj().T @ form.Z, "r")
    step = _lyapunov_column if equation == "lyapunov" else _stein_column
    tpqrt = lapack("tpqrt", char)
    U = np.zeros_like(R)
    for j in range(n):
        following = slice(j + 1, n)
        rho, r = R[j, j].conj(), R[j, following].conj()
        U[j, j], U[following, j], y = step(
            Lambda[j, j], Lambda[following, j], Lambda[following, following], rho, r
        )
        size = n - j - 1
        if size:
            rest = R[following, following]
            rest[...] = tpqrt(0, min(size, 32), rest, y.conj()[None, :])[0]
    U = form.Z @ U
    rows = np.concatenate([U.real.T, U.imag.T]) if A.dtype.kind != "c" else U.conj().T
    R = np.asarray(np.linalg.qr(rows, "r"))
    L = R.conj().T
    diagonal = L.diagonal()
    size = np.abs(diagonal)
    phase = np.where(size > 0, diagonal, 1) / np.where(size > 0, size, 1)
    L = L * phase.conj()
    np.fill_diagonal(L, size)
    return np.ascontiguousarray(L, A.dtype)


def _lyapunov_column(head: Any, below: Array, rest: Array, rho: Any, r: Array) -> tuple[Any, Array, Array]:
    root = math.sqrt(-2 * head.real)
    upsilon, alpha = abs(rho) / root, root * _unit(rho).conj()
    u = _solve_lower(rest, head.conj(), 1, -(upsilon * below + alpha * r))
    return upsilon, u, r - alpha.conj() * u


def _stein_column(head: Any, below: Array, rest: Array, rho: Any, r: Array) -> tuple[Any, Array, Array]:
    root = math.sqrt((1 - abs(head)) * (1 + abs(head)))
    upsilon, alpha = abs(rho) / root, root * _unit(rho).conj()
    u = _solve_lower(rest, 1, -head.conj(), head.conj() * upsilon * below + alpha * r)
    w = upsilon * below + rest @ u
    return upsilon, u, head * r - alpha.conj() * w


def _solve_lower(L: Array, shift: Any, factor: Any, b: Array) -> Array:
    """(shift I + factor L)⁻¹ b."""
    if not b.size:
        return b
    M = factor * L
    M[np.diag_indices(len(M))] += shift
    x, info = lapack("trtrs", M.dtype.char)(M, b, lower=1)
    if info:
        raise LinAlgError("a divisor of Hammarling's method is zero")
    return np.asarray(x).reshape(b.shape)


def _unit(rho: Any) -> Any:
    size = abs(rho)
    return rho / size if size else rho + 1


def _require_stable(form: SchurForm, equation: str) -> None:
    w = form.eigenvalues
    eps = float(np.finfo(form.T.dtype).eps)
    if equation == "lyapunov":
        margin, size = -2 * w.real.max(), form.norm
    else:
        largest = np.abs(w).max()
        margin, size = (1 - largest) * (1 + largest), 1 + 2 * form.norm * largest
    judge(size / margin * eps if margin > 0 else math.inf, _UNSTABLE[equation])
