"""Fréchet derivatives of matrix functions in a direction, and condition numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array
from ..rule import carriers, function_name, primal
from ..transforms import jvp, linearize
from ._arguments import as_matrix
from ._capability import capability, constant
from ._expm import expm
from ._matrix_equation import norms

__all__ = ["expm_cond", "frechet_derivative", "funm_cond"]

_DENSE = 8  # the largest n for which the n² × n² matrix of the derivative is written out


@capability("where f has no derivative, what f raises")
def frechet_derivative(f: Callable[[Array], Array], A: Array, E: Array) -> tuple[Array, Array]:
    """A matrix function and its Fréchet derivative in a direction, f(A) and L(A, E).

    Parameters
    ----------
    f : callable
        A function of matrices (fr.linalg.logm, or one made of such functions).
    A : (..., n, n) array
        Real or complex, plain or traced.
    E : array
        Of A's shape, or with further axes in front (several directions).  With a complex E a real A is taken
        as complex.

    Returns
    -------
    f(A) : array
    L(A, E) : array
        Of f(A)'s shape, with the further axes of E in front.

    Raises
    ------
    ValueError
        Where A is not square or not finite, or E does not fit A.

    Notes
    -----
    L(A, E) is linear in E, and f(A + E) = f(A) + L(A, E) + o(‖E‖).  It is `fr.jvp`, with
    arguments checked; for one A and many directions at different times use `fr.linearize`.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.linalg.frechet_derivative(fr.linalg.expm, np.zeros((2, 2)), np.ones((2, 2)))[1]
    array([[1., 1.],
           [1., 1.]])
    """
    A = as_matrix(A, "frechet_derivative: A", square=True)
    E = as_matrix(E, "frechet_derivative: E")
    shape = np.shape(A)
    if np.shape(E)[np.ndim(E) - len(shape) :] != shape or np.ndim(E) < len(shape):
        raise ValueError(f"frechet_derivative: E has shape {np.shape(E)}; its last axes must be A's, {shape}")
    if np.iscomplexobj(E) and not np.iscomplexobj(A):
        A = A.astype(np.result_type(A.dtype, np.complex64))
    E = E.astype(A.dtype)
    if np.shape(E) == shape:
        value, tangent = jvp(f, (A,), (E,))
        return value, tangent
    value, L = linearize(f, A)
    return value, L(E)


def funm_cond(f: Callable[[Array], Array], A: Array, check_finite: bool = True) -> Any:
    """Relative condition number of a matrix function in the Frobenius norm.

    Parameters
    ----------
    f : callable
        A function of matrices (fr.linalg.logm, or one made of such functions), which is differentiated.
    A : (..., n, n) array
        Real or complex; leading axes are a batch.
    check_finite : bool, optional
        Whether nan and inf are refused.

    Returns
    -------
    float or array
        max ‖L(A, E)‖ ‖A‖ / (‖E‖ ‖f(A)‖) over all directions E (real ones for real A), one number for each
        matrix.

    Raises
    ------
    ValueError
        Where A is not square, or not finite.
    NotDifferentiableError
        Where A is under differentiation: the number is a maximum, found by iteration.

    Notes
    -----
    The norm of L is the largest singular value of an n² × n² matrix.  To n = 8 that is written out; beyond it
    Lanczos's method finds it to working precision from pushforwards and pullbacks, ten to a few dozen of each
    (Higham, Functions of Matrices, 2008, section 3.4, with Lanczos's in place of the power method).

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> round(fr.linalg.funm_cond(np.linalg.inv, np.diag([1.0, 1e-3])), 3)
    1000.0
    """
    return _condition("funm_cond", f, A, check_finite)


def expm_cond(A: Array, check_finite: bool = True) -> Any:
    """Relative condition number of the matrix exponential in the Frobenius norm, as scipy.linalg.expm_cond.

    Parameters
    ----------
    A : (..., n, n) array
        Real or complex; leading axes are a batch.
    check_finite : bool, optional
        Whether nan and inf are refused.

    Returns
    -------
    float or array
        One number for each matrix.

    Raises
    ------
    ValueError
        Where A is not square, or not finite.
    NotDifferentiableError
        Where A is under differentiation.

    Notes
    -----
    ``funm_cond(expm, A)``, which see.  SciPy writes the derivative out, in n⁵ operations; here it takes a few
    dozen derivatives in a direction, of n³ each.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A = np.array([[-0.3, 0.2, 0.6], [0.6, 0.3, -0.1], [-0.7, 1.2, 0.9]])
    >>> round(fr.linalg.expm_cond(A), 6)
    1.778781
    """
    return _condition("expm_cond", expm, A, check_finite)


def _condition(call: str, f: Callable[[Array], Array], A: Array, check_finite: bool) -> Any:
    if type(A) in carriers or (isinstance(A, (list, tuple)) and any(type(row) in carriers for row in A)):
        raise NotDifferentiableError(
            f"{call} is not differentiated: it is a maximum that is found by iteration. "
            "Pass fr.stop_gradient(A)"
        )
    A = as_matrix(A, f"{call}: A", square=True, check_finite=check_finite)
    numbers = np.array(
        [_of_one(f, one) for one in A.reshape(int(np.prod(A.shape[:-2])), *A.shape[-2:])], float
    )
    return numbers.reshape(A.shape[:-2])[()] if A.ndim > 2 else float(numbers[0])


def _of_one(f: Callable[[Array], Array], A: Array) -> float:
    if not A.size:
        return 0.0
    value, L = linearize(f, A)
    if np.shape(value) != A.shape:
        raise ValueError(
            f"funm_cond: {function_name(f)} returned shape {np.shape(value)} for a matrix of shape {A.shape}"
        )
    norm, size = float(norms(primal(value))), float(norms(A))
    return _norm_of_map(L, A, primal(value)) * (size / norm) if norm else np.inf


def _norm_of_map(L: Any, A: Array, value: Array) -> float:
    """The largest singular value of a linear map of matrices; for real A, of its real directions."""
    n = len(A)
    if n <= _DENSE:
        M = L.to_dense().reshape(value.size, A.size)
        if np.iscomplexobj(M) and not np.iscomplexobj(A):
            M = np.concatenate([M.real, M.imag])
        return float(np.linalg.norm(M, 2))
    from scipy.sparse.linalg import LinearOperator, eigsh  # here, because it is slow to load

    dtype = np.result_type(A, value)

    def normal(v: Array) -> Array:  # L* L, which for real A and f(A) is real
        pushed = L(v.reshape(A.shape).astype(A.dtype))
        return np.asarray(L.adjoint(pushed.astype(value.dtype, copy=False))).reshape(-1)

    operator = LinearOperator((A.size, A.size), matvec=normal, dtype=A.dtype)
    start = np.cos(np.arange(A.size) ** 2.0).astype(A.dtype)  # any vector without structure
    largest = eigsh(operator, k=1, v0=start, tol=1e-4 * np.finfo(dtype).eps ** 0.5, return_eigenvectors=False)
    return float(np.sqrt(largest[0]))


constant(expm_cond)
constant(funm_cond)
