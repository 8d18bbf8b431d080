"""One Schur form for Lyapunov and Stein equations, their solutions and the adjoints of these.

With A = Z T Zᴴ, T upper triangular (for real A: quasi-triangular, with 2 × 2 blocks for complex pairs), the
equations become equations in T for Zᴴ X Z.  Three things make the solutions cheap beside the Schur form.

* The adjoint equations have Aᴴ for A.  With J the exchange matrix, Aᴴ = (Z J)(J Tᴴ J)(Z J)ᴴ, and J Tᴴ J is
  upper triangular again: a Schur form of Aᴴ, for the price of two copies.  So an adjoint is the same solution
  on that form.
* T X + X Tᴴ = F is solved by recursive splitting (Jonsson & Kågström, ACM TOMS 28:392, 2002): nearly all the
  work is in matrix products, and LAPACK's unblocked trsyl is left with small blocks.  A Hermitian F halves
  the work.
* X − T X Tᴴ = F is the Lyapunov equation B X + X Bᴴ = −2 P⁻¹ F P⁻ᴴ with P = T + σI and B = P⁻¹(T − σI),
  σ = ±1, because (T − σI) X Pᴴ + P X (T − σI)ᴴ = 2 (T X Tᴴ − X); B is triangular with T, so no second Schur
  form is needed.  Both signs are right; the one that keeps P farther from singular is taken, and a step of
  iterative refinement, where the residual asks for it, removes what P's condition has cost.

Matrices of a few rows go another way: one inverse of the n² × n² matrix of the equation serves solution and
adjoint, for whole stacks at once.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import Any, Literal

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import ArrayLike, NDArray

__all__ = ["SchurFactor"]

Array = NDArray[Any]
Equation = Literal["lyapunov", "stein"]

_KRONECKER = 6  # the largest n for which the n² × n² matrix is the faster way
_LEAF = 64  # the largest block left to trsyl: smaller ones cost more in calls than its loops save
_SLACK = 10  # how many times the rounding error a divisor must exceed to count as nonzero

_NAME = {"lyapunov": "A X + X A^H = Q", "stein": "X = A X A^H + Q"}
_SINGULAR = {
    "lyapunov": "A X + X A^H = Q has no unique solution: A has eigenvalues with "
    "lambda_i + conj(lambda_j) = 0 to working precision",
    "stein": "X = A X A^H + Q has no unique solution: A has eigenvalues with "
    "lambda_i * conj(lambda_j) = 1 to working precision",
}


class SchurFactor:
    """The Schur form of a square matrix, or of each of a stack, with the equations that it solves.

    Parameters
    ----------
    A : (..., n, n) array_like
        float32, float64, complex64 or complex128; any other real type is computed in float64, and any other
        complex type in complex128.

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
    precision of A.  A Hermitian right side gives an exactly Hermitian solution, for n > 6 in less time.  All
    methods raise ``ValueError`` for a right side that is not finite or has the wrong shape, and
    ``numpy.linalg.LinAlgError`` for an equation without a unique solution.

    The Schur form takes about 25 n³ operations and is computed once; each solution takes 10 n³ (Stein: 22 n³,
    or 30 n³ if it is refined), almost all of them in matrix products.

    Examples
    --------
    >>> import numpy as np
    >>> A = np.array([[-1.0, 2.0], [0.0, -2.0]])
    >>> X = SchurFactor(A).lyapunov(-np.eye(2))
    >>> np.allclose(A @ X + X @ A.T, -np.eye(2))
    True
    """

    def __init__(self, A: ArrayLike) -> None:
        A = _as_numeric(A)
        if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
            raise ValueError(f"expected a square matrix or a stack of them, got shape {A.shape}")
        char = A.dtype.char if A.dtype.char in "fdFD" else "D" if A.dtype.kind == "c" else "d"
        A = A.astype(char, copy=False)  # in the machine's byte order, too
        if not np.isfinite(A).all():
            raise ValueError("the matrix A contains nan or inf")
        self.shape, self.dtype = A.shape, A.dtype
        self._forms: list[_Form] = []
        self._inverses: dict[Equation, Array] = {}
        if A.shape[-1] > _KRONECKER:
            self._forms = [_schur(one) for one in A.reshape(-1, *A.shape[-2:])]
        else:
            self._A = A.copy()

    def lyapunov(self, Q: ArrayLike) -> Array:
        """Return X with A X + X Aᴴ = Q."""
        return self._solve("lyapunov", Q, adjoint=False)

    def lyapunov_adjoint(self, W: ArrayLike) -> Array:
        """Return Y with Aᴴ Y + Y A = W: the adjoint of `lyapunov`, on the same Schur form."""
        return self._solve("lyapunov", W, adjoint=True)

    def stein(self, Q: ArrayLike) -> Array:
        """Return X with X = A X Aᴴ + Q, the discrete Lyapunov equation."""
        return self._solve("stein", Q, adjoint=False)

    def stein_adjoint(self, W: ArrayLike) -> Array:
        """Return Y with Y − Aᴴ Y A = W: the adjoint of `stein`, on the same Schur form."""
        return self._solve("stein", W, adjoint=True)

    def _solve(self, equation: Equation, Q: ArrayLike, adjoint: bool) -> Array:
        shape, dtype = self.shape, self.dtype
        Q = _as_numeric(Q)
        if Q.shape[max(Q.ndim - len(shape), 0) :] != shape:
            raise ValueError(
                f"{_NAME[equation]}: a right side has shape {Q.shape}; its last axes must be A's, {shape}"
            )
        if not np.isfinite(Q).all():
            raise ValueError(f"{_NAME[equation]}: the right side contains nan or inf")
        if Q.dtype.kind == "c":
            dtype = np.dtype(np.complex64 if dtype.char in "fF" else np.complex128)
        Q = Q.astype(dtype, copy=False)
        if Q.size == 0:
            return Q.copy()
        if Q.dtype.kind == "c" and self.dtype.kind != "c":  # a real equation: two real right sides
            X = self._solve(equation, np.stack((Q.real, Q.imag)), adjoint)
            return np.asarray(X[0] + 1j * X[1])
        if shape[-1] <= _KRONECKER:
            inverse = self._inverse(equation)
            if adjoint:
                inverse = _conjugate_transpose(inverse)
            X = np.asarray(inverse @ Q.reshape(*Q.shape[:-2], -1, 1)).reshape(Q.shape)
            return np.asarray((X + _conjugate_transpose(X)) / 2) if _is_hermitian(Q) else X
        forms = self._adjoint_forms if adjoint else self._forms
        if len(shape) == 2:
            return forms[0].solve(equation, Q)
        stack = Q.reshape(-1, len(forms), *shape[-2:])
        X = np.empty_like(stack)
        for i, form in enumerate(forms):
            X[:, i] = form.solve(equation, stack[:, i])
        return X.reshape(Q.shape)

    @cached_property
    def _adjoint_forms(self) -> list[_Form]:
        return [form.adjoint() for form in self._forms]

    def _inverse(self, equation: Equation) -> Array:
        """Return the inverse of the matrix K of the equation, acting on the rows of X in one vector.

        A X + X Aᴴ has the entries Σ_jl (A_ij δ_kl + δ_ij conj(A_kl)) X_jl, and X − A X Aᴴ has
        Σ_jl (δ_ij δ_kl − A_ij conj(A_kl)) X_jl.
        """
        if equation not in self._inverses:
            A = self._A
            n = A.shape[-1]
            eye = np.eye(n, dtype=A.dtype)
            left, right = A[..., :, None, :, None], A.conj()[..., None, :, None, :]
            if equation == "lyapunov":
                parts = left * eye[:, None, :], eye[:, None, :, None] * right
            else:
                parts = (eye[:, None, :, None] * eye[:, None, :]), -(left * right)
            K = (parts[0] + parts[1]).reshape(*A.shape[:-2], n * n, n * n)
            try:
                inverse = np.linalg.inv(K)
            except LinAlgError:
                raise LinAlgError(_SINGULAR[equation]) from None
            # ‖ |K⁻¹| |K| ‖, the componentwise condition number (Skeel), with |K| before cancellation: does
            # not depend on how the variables are scaled.
            size = (np.abs(parts[0]) + np.abs(parts[1])).reshape(K.shape)
            condition = (np.abs(inverse) @ size.sum(-1)[..., None]).max()
            if not condition * np.finfo(A.dtype).eps * _SLACK < 1:
                raise LinAlgError(_SINGULAR[equation])
            self._inverses[equation] = inverse
        return self._inverses[equation]


class _Form:
    """A Schur form A = Z T Zᴴ of one matrix, with its eigenvalues, cut into blocks for the recursion."""

    def __init__(self, T: Array, Z: Array, eigenvalues: Array) -> None:
        self.T, self.Z, self.eigenvalues = T, Z, eigenvalues
        self.checked: set[Equation] = set()

    def adjoint(self) -> _Form:
        """Return the Schur form of Aᴴ that this one contains."""
        T = _conjugate_transpose(self.T)[::-1, ::-1].copy()
        form = _Form(T, np.asfortranarray(self.Z[:, ::-1]), self.eigenvalues[::-1].conj())
        form.checked = self.checked
        return form

    def solve(self, equation: Equation, Q: Array) -> Array:
        """Solve the equation for right sides (..., n, n)."""
        self.check(equation)
        hermitian = _is_hermitian(Q)
        Z, ZH = self.Z, _conjugate_transpose(self.Z)
        product = Q @ Z
        F = ZH @ product
        if equation == "lyapunov":
            self.triangular.solve(F, hermitian)
        else:
            F = self._stein(F, hermitian)
        X = np.matmul(np.matmul(Z, F, out=product), ZH, out=F)
        if hermitian:
            X = np.add(X, _conjugate_transpose(X), out=product)
            X /= 2
        return np.asarray(X)

    def _stein(self, F: Array, hermitian: bool) -> Array:
        triangular, inverse = self.bilinear
        TH, inverseH = _conjugate_transpose(self.T), _conjugate_transpose(inverse)
        X = inverse @ (-2 * F) @ inverseH
        triangular.solve(X, hermitian)
        residual = F - X + self.T @ X @ TH
        small = len(inverse) * np.finfo(F.dtype).eps * (np.abs(X).max() + np.abs(F).max())
        if not np.abs(residual).max() <= small:
            correction = inverse @ (-2 * residual) @ inverseH
            triangular.solve(correction, hermitian)
            X += correction
        return np.asarray(X)

    @cached_property
    def triangular(self) -> _Triangular:
        return _Triangular(self.T)

    @cached_property
    def bilinear(self) -> tuple[_Triangular, Array]:
        """B = P⁻¹(T − σI) = I − 2σP⁻¹ and P⁻¹, P = T + σI."""
        eye = np.eye(len(self.T), dtype=self.T.dtype)
        sigma = 1 if np.abs(self.eigenvalues + 1).min() >= np.abs(self.eigenvalues - 1).min() else -1
        inverse = np.linalg.inv(self.T + sigma * eye)
        inverse = np.triu(inverse) + np.where(self.T != 0, np.tril(inverse, -1), 0)
        return _Triangular(eye - 2 * sigma * inverse), inverse

    def check(self, equation: Equation) -> None:
        """Raise LinAlgError if a divisor of the equation is zero to working precision.

        The eigenvalues carry errors of the size ε‖A‖.  If they all lie in the open left or right half plane,
        the sum smallest in modulus is twice the smallest real part; if they all lie in the unit disc, the
        smallest |1 − λ conj μ| is the one of the largest eigenvalue.  Otherwise all pairs are looked at.
        """
        if equation in self.checked:
            return
        w = self.eigenvalues
        error = _SLACK * np.finfo(self.T.dtype).eps
        norm = np.sqrt(np.vdot(self.T, self.T).real)
        if equation == "lyapunov":
            if (w.real < 0).all() or (w.real > 0).all():
                w = w[[np.abs(w.real).argmin()]]
            singular = np.abs(w[:, None] + w.conj()) <= error * norm
        else:
            if (np.abs(w) < 1).all():
                w = w[[np.abs(w).argmax()]]
            size = np.abs(w)
            singular = np.abs(1 - w[:, None] * w.conj()) <= error * (1 + norm * (size[:, None] + size))
        if singular.any():
            raise LinAlgError(_SINGULAR[equation])
        self.checked.add(equation)


class _Triangular:
    """The equation T X + X Tᴴ = F for an upper triangular, or real upper quasi-triangular, T."""

    def __init__(self, T: Array) -> None:
        self.T = T
        n = len(T)
        self.trsyl = _lapack("trsyl", T.dtype.char)
        self.transpose = "C" if T.dtype.kind == "c" else "T"
        # Cuts at equal distances, moved by one where they would cut a 2 × 2 block.
        count = -(-n // _LEAF)
        self.cuts = [0]
        for i in range(1, count):
            cut = i * n // count
            self.cuts.append(cut + 1 if T[cut, cut - 1] != 0 else cut)
        self.cuts.append(n)
        self.blocks = [np.asfortranarray(T[i:j, i:j]) for i, j in zip(self.cuts, self.cuts[1:], strict=False)]

    def solve(self, F: Array, hermitian: bool) -> None:
        """Replace the right sides (..., n, n) by the solutions."""
        if hermitian:
            self._hermitian(F, 0, len(self.blocks))
        else:
            self._general(F, 0, len(self.blocks), 0, len(self.blocks))

    def _hermitian(self, F: Array, i: int, j: int) -> None:
        # With T = [T11 T12; 0 T22]:  T22 X22 + X22 T22ᴴ = F22,  T11 X12 + X12 T22ᴴ = F12 − T12 X22,
        # T11 X11 + X11 T11ᴴ = F11 − T12 X12ᴴ − X12 T12ᴴ,  X21 = X12ᴴ.
        if j - i == 1:
            self._leaf(F, i, i)
            return
        h = (i + j) // 2
        first, second = slice(self.cuts[i], self.cuts[h]), slice(self.cuts[h], self.cuts[j])
        T12 = self.T[first, second]
        self._hermitian(F, h, j)
        F[..., first, second] -= T12 @ F[..., second, second]
        self._general(F, i, h, h, j)
        X12H = _conjugate_transpose(F[..., first, second])
        product = T12 @ X12H
        F[..., first, first] -= product
        F[..., first, first] -= _conjugate_transpose(product)
        self._hermitian(F, i, h)
        F[..., second, first] = X12H

    def _general(self, F: Array, i: int, j: int, k: int, m: int) -> None:
        # The blocks i ... j by k ... m.  Rows split:  T22 X2 + X2 Sᴴ = F2, then T11 X1 + X1 Sᴴ = F1 − T12 X2;
        # columns split:  S X2 + X2 T22ᴴ = F2, then S X1 + X1 T11ᴴ = F1 − X2 T12ᴴ.
        if j - i == 1 and m - k == 1:
            self._leaf(F, i, k)
            return
        cuts = self.cuts
        if j - i >= m - k:
            h = (i + j) // 2
            first, second, columns = slice(cuts[i], cuts[h]), slice(cuts[h], cuts[j]), slice(cuts[k], cuts[m])
            self._general(F, h, j, k, m)
            F[..., first, columns] -= self.T[first, second] @ F[..., second, columns]
            self._general(F, i, h, k, m)
        else:
            h = (k + m) // 2
            first, second, rows = slice(cuts[k], cuts[h]), slice(cuts[h], cuts[m]), slice(cuts[i], cuts[j])
            self._general(F, i, j, h, m)
            F[..., rows, first] -= F[..., rows, second] @ _conjugate_transpose(self.T[first, second])
            self._general(F, i, j, k, h)

    def _leaf(self, F: Array, i: int, k: int) -> None:
        left, right = self.blocks[i], self.blocks[k]
        rows, columns = slice(self.cuts[i], self.cuts[i + 1]), slice(self.cuts[k], self.cuts[k + 1])
        for one in F.reshape(-1, *F.shape[-2:]) if F.ndim > 2 else (F,):
            X, scale, info = self.trsyl(left, right, one[rows, columns], tranb=self.transpose)
            if info:  # LAPACK has put a small number in the place of a zero divisor
                raise LinAlgError(_SINGULAR["lyapunov"])
            one[rows, columns] = X if scale == 1 else X / scale


def _schur(A: Array) -> _Form:
    gees = _lapack("gees", A.dtype.char)
    size = int(gees(_no_order, A, lwork=-1)[-2][0].real)
    T, _, *eigenvalues, Z, _, info = gees(_no_order, A, lwork=size)
    if info:
        raise LinAlgError(f"A has no Schur form to be found: the QR algorithm did not converge ({info=})")
    w = eigenvalues[0] if len(eigenvalues) == 1 else eigenvalues[0] + 1j * eigenvalues[1]
    return _Form(T, Z, w)


@cache
def _lapack(name: str, char: str) -> Any:
    from scipy.linalg import lapack  # here, because it is slow to load

    return getattr(lapack, {"f": "s", "d": "d", "F": "c", "D": "z"}[char] + name)


def _no_order(*eigenvalue: float) -> None:
    """Stand in for the selection that gees can make and is not asked for."""


def _conjugate_transpose(A: Array) -> Array:
    T = A.swapaxes(-1, -2)
    return T.conj() if A.dtype.kind == "c" else T


def _is_hermitian(A: Array) -> bool:
    return bool((_conjugate_transpose(A) == A).all())


def _as_numeric(A: ArrayLike) -> Array:
    A = np.asarray(A)
    if A.dtype.kind not in "iufc":
        raise TypeError(f"expected a numeric matrix, got dtype {A.dtype}")
    return A
