"""Functions of a matrix by a scalar function of one's own."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..linear_map import Array
from ..rule import primal
from ._arguments import as_matrix
from ._capability import capability
from ._hermitian_functions import hermitian_function
from ._primary_function import PrimaryFunction
from ._scalar_function import Derivatives, ScalarFunction
from ._schur_parlett import SchurParlett

__all__ = ["funm"]


@capability("func has no derivative at an eigenvalue, or none is known: NotDifferentiableError")
def funm(
    A: Array,
    func: Callable[..., Any],
    disp: bool = True,
    *,
    derivatives: Derivatives | None = None,
    assume: str | None = None,
    degeneracy_tol: float | None = None,
) -> Any:
    """The function f(A) of a matrix by a scalar function f, as scipy.linalg.funm, with derivatives.

    Parameters
    ----------
    A : (..., n, n) array
        Real or complex, plain or traced; leading axes are a batch.
    func : callable
        f.  It takes a vector of eigenvalues, complex128, and returns that of their images; with
        ``assume="hermitian"`` they are real, float64.
    disp : bool, optional
        Warn where the error of the result is estimated to be large, instead of returning the estimate.
    derivatives : sequence of callables, or callable, optional
        f′, f″, …, or one function ``derivatives(k, z)``, the k-th at z.  By default they are found from func,
        which then has to be written with NumPy's functions (or SciPy's special ones).
    assume : {None, "hermitian"}, optional
        "hermitian": A is Hermitian (or real symmetric).  Its lower triangle is read.
    degeneracy_tol : float, optional
        The distance at which eigenvalues of a general matrix are first taken together.  By default all of
        them if they lie within 0.1; else 0.1 (0.01 where that would make large blocks, 1 where the
        eigenvectors are ill conditioned), times the largest abs(λ) if that is below one.  They stay together
        only as far as the Taylor series of f converges.

    Returns
    -------
    f(A) : (..., n, n) array
        Real for real A where f takes conjugate numbers to conjugate ones on the spectrum; float32 and
        complex64 stay single.
    errest : float or array
        Only for ``disp=False``: an estimate of the relative error, one for each matrix.

    Raises
    ------
    NotDifferentiableError
        Where f, or a derivative of f that is needed, does not exist at an eigenvalue or is not known; where
        func depends on a value under differentiation.
    ValueError
        Where A is not square or not finite, or func returns something of a wrong shape.

    Warns
    -----
    scipy.linalg.LinAlgWarning
        For ``disp=True``, where more than about three digits are lost.

    Notes
    -----
    General matrices: the Schur–Parlett algorithm with reordering and blocking (Davies & Higham,
    SIAM J. Matrix Anal. Appl. 25:464, 2003).  Unlike SciPy's, it is accurate at equal and at close
    eigenvalues, where derivatives of f enter.  The Schur form is backward stable; for the whole no bound is
    known.  About 30 n³ operations, and 4 products of matrices for each direction of a derivative: L(A, E)
    comes from the same Schur form, by the eigenvectors if they are well conditioned, or else as a block of
    f([[A, E], [0, A]]); the adjoint is G ↦ L(A, Gᴴ)ᴴ.  A derivative needs f′ at every eigenvalue.

    Hermitian matrices: f(A) = V f(Λ) Vᴴ and L(A, E) = V (f[λi, λj] ∘ (Vᴴ E V)) Vᴴ with divided differences
    that are accurate at close eigenvalues and exact at equal ones (Daleckiĭ & Kreĭn 1965); so are all higher
    derivatives, of order m in n^(m+1) operations.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A = np.array([[1.0, 3.0], [1.0, 4.0]])
    >>> fr.linalg.funm(A, lambda x: x * x)
    array([[ 4., 15.],
           [ 5., 19.]])
    >>> fr.grad(lambda A: np.trace(fr.linalg.funm(A, np.exp, assume="hermitian")))(np.eye(2))
    array([[2.71828183, 0.        ],
           [0.        , 2.71828183]])
    """
    if assume not in (None, "hermitian"):
        raise ValueError(f"funm: assume is None or 'hermitian', got {assume!r}")
    A = as_matrix(A, "funm: A", square=True)
    f = ScalarFunction(func, derivatives)
    if assume == "hermitian":
        F = hermitian_function(A, f)
        errors = np.full(A.shape[:-2], np.finfo(A.dtype).eps)
    else:
        factor = FunmFactor.of(primal(A), f, degeneracy_tol)
        F = _function(A, factor)
        errors = factor.errors
    if not disp:
        return F, errors[()]
    if errors.max(initial=0) > 1000 * np.finfo(A.dtype).eps:
        from scipy.linalg import LinAlgWarning

        message = f"funm: the result may be inaccurate, estimated relative error {errors.max():.1e}"
        warnings.warn(message, LinAlgWarning, stacklevel=2)
    return F


class FunmFactor:
    """f(A) for a matrix or a stack of them, prepared for derivatives.

    Parameters
    ----------
    shape : tuple
        The shape of A.
    dtype : dtype
        That of the value.
    parts : list of SchurParlett
        One for each matrix: of D A D⁻¹.
    scales : list of ndarray
        The diagonals of D.  In [[A, E], [0, A]] they make E as large as A, whatever its size, lest the
        derivative in its direction be lost in rounding.
    """

    value: Array  # f(A)
    refusal: str | None = None  # where there is no derivative, the parts say so

    def __init__(
        self, shape: tuple[int, ...], dtype: Any, parts: list[SchurParlett], scales: list[Array]
    ) -> None:
        self.shape, self.dtype, self.parts, self.scales = shape, np.dtype(dtype), parts, scales
        values = [part.value * d / d[:, None] for part, d in zip(parts, scales, strict=True)]
        self.value = self._result(np.stack(values) if values else np.zeros(shape), shape, self.dtype)

    @classmethod
    def of(cls, A: Array, f: ScalarFunction, distance: float | None) -> FunmFactor:
        """The preparation of a plain matrix, of a type that LAPACK knows."""
        wide = A.astype("D" if A.dtype.kind == "c" else "d", copy=False)
        parts = [
            SchurParlett.of(one, f, distance)
            for one in wide.reshape(int(np.prod(A.shape[:-2])), *A.shape[-2:])
        ]
        dtype = A.dtype
        if not all(part.real and _conjugates(part.T.diagonal(), part.f) for part in parts):
            dtype = np.result_type(dtype, np.complex64)
        return cls(A.shape, dtype, parts, [np.ones(A.shape[-1])] * len(parts))

    @property
    def errors(self) -> Array:
        """Estimates of the relative errors, of the shape of the stack."""
        eps = np.finfo(self.dtype).eps
        return np.array([max(part.error, eps) for part in self.parts]).reshape(self.shape[:-2])

    def frechet(self, E: Array) -> Array:
        """L(A, E) for directions of A's shape or with further axes in front."""
        directions = self._each(E)
        result = np.empty(directions.shape, complex)
        for k, (part, d) in enumerate(zip(self.parts, self.scales, strict=True)):
            result[:, k] = part.frechet(directions[:, k] * d[:, None] / d) * d / d[:, None]
        return self._result(result, E.shape, np.result_type(E, self.dtype))

    def doubled(self, E: Array) -> FunmFactor:
        """The preparation of [[A, E], [0, A]], for E of A's shape or with further axes in front."""
        n = self.shape[-1]
        parts, scales = [], []
        for each in self._each(E):
            for part, d, one in zip(self.parts, self.scales, each, strict=True):
                scaled = one * d[:, None] / d
                s = part.scale_for(scaled)
                parts.append(part.doubled(scaled * s))
                scales.append(np.concatenate([s * d, d]))
        dtype = np.result_type(E, self.dtype)
        return FunmFactor((*E.shape[:-2], 2 * n, 2 * n), dtype, parts, scales)

    def _each(self, E: Array) -> Array:
        """Directions as an array (number of them, number of matrices, n, n)."""
        count = int(np.prod(E.shape[: E.ndim - len(self.shape)]))
        return E.reshape(count, len(self.parts), *self.shape[-2:])

    def _result(self, X: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        X = X.reshape(shape)
        return (X if dtype.kind == "c" else X.real).astype(dtype, copy=False)


def _conjugates(w: Array, f: ScalarFunction) -> bool:
    """Whether f takes the conjugates of eigenvalues to conjugates, real ones to real numbers."""
    values = f(w)
    if values.dtype.kind != "c":
        return True
    mirrored = np.where(w.imag == 0, values, f(w.conj())).conj()
    tolerance = 100 * np.finfo(float).eps * np.abs(values).max(initial=0)
    return not np.any(np.abs(values - mirrored) > tolerance)


_function = PrimaryFunction("funm", "derivatives=(f', f'', ...)")
