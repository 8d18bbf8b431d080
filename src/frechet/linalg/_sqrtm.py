"""The matrix square root."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from ..errors import NotDifferentiableError
from ..linear_map import Array, LinearMap, adjoint_matrix, compose, left, right
from ..maps import Broadcast
from ..rule import Rule, primal
from ._arguments import as_inexact, require_finite
from ._capability import capability
from ._root_factor import DoubleFactor, RootFactor

__all__ = ["sqrtm"]

_ANOTHER_CUT = (
    "sqrtm(A) = exp(i*theta/2) * sqrtm(exp(-i*theta) * A) with a real theta moves the cut elsewhere; "
    "A + delta * I is not singular"
)


@capability(
    "singular A, eigenvalues on the negative real axis (for real A: equal ones): NotDifferentiableError"
)
def sqrtm(A: Array, disp: bool | None = None, blocksize: int | None = None) -> Any:
    """The principal square root X of a matrix, X² = A, as scipy.linalg.sqrtm, with derivatives.

    Parameters
    ----------
    A : (..., n, n) array_like
        Real or complex, plain or traced; leading axes are a batch.
    disp : bool, optional
        Deprecated, as in SciPy.  If False, an estimate of the error is returned, too.
    blocksize : int, optional
        Deprecated and without effect, as in SciPy.

    Returns
    -------
    sqrtm : (..., n, n) array
        Of A's dtype (float64 for integers), or complex for a real A with negative eigenvalues.
    errest : (...) array
        ‖X² − A‖²/‖A‖ in the Frobenius norm; only if ``disp`` is False.  A constant under differentiation.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where A is not a square matrix or a stack of them.
    ValueError
        For nan and inf.
    frechet.errors.NotDifferentiableError
        Where a derivative is asked for and there is none: at singular A, at eigenvalues on the negative real
        axis of a complex A, and at equal ones there of a real A.

    Warns
    -----
    scipy.linalg.LinAlgWarning
        For singular and nearly singular A.  Where zero is a defective eigenvalue there is no square root, and
        the result holds inf and nan.

    Notes
    -----
    From the Schur form A = Q T Qᴴ and the root of T (Björck & Hammarling, Linear Algebra Appl. 52/53:127,
    1983; real arithmetic for real A: Higham, ibid. 88/89:405, 1987; blocks: Deadman, Higham & Ralha, LNCS
    7782:171, 2013).  The computed root has ‖X² − A‖ of the size n u ‖X‖² (Higham, Functions of Matrices,
    section 6.2).  The derivative solves X L + L X = E, its adjoint Xᴴ W + W Xᴴ = G: one triangular Sylvester
    equation with the root of T, about 10 n³ operations beside the 28 n³ of the value.  Higher derivatives are
    such equations again.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> X = fr.linalg.sqrtm(np.array([[1.0, 3.0], [1.0, 4.0]]))
    >>> X @ X
    array([[1., 3.],
           [1., 4.]])
    >>> fr.grad(lambda a: fr.linalg.sqrtm([[a, 1.0], [0.0, 4.0]])[0, 0])(9.0)
    0.16666666666666666
    """
    for name, given in (("disp", disp), ("blocksize", blocksize)):
        if given is not None:
            warnings.warn(
                f"The `{name}` argument is deprecated, as in SciPy, which removes it in 1.18.0.",
                DeprecationWarning,
                stacklevel=2,
            )
    A = as_inexact(A, "sqrtm: A")
    shape = np.shape(A)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise LinAlgError(f"sqrtm: A must be a square matrix or a stack of them, got shape {shape}")
    require_finite(A, "sqrtm: A")
    factor = RootFactor(primal(A))
    if factor.singular or factor.doubtful:
        from scipy.linalg import LinAlgWarning

        what = "singular" if factor.singular else "ill-conditioned"
        warnings.warn(
            f"sqrtm: A is {what}. The result might be inaccurate, or A might not have a square root.",
            LinAlgWarning,
            stacklevel=2,
        )
    X = _sqrtm(A, factor=factor)
    if disp is None or disp:
        return X
    plain, value = primal(A), factor.value
    norm = np.linalg.norm(plain, axis=(-2, -1))
    return X, np.linalg.norm(value @ value - plain, axis=(-2, -1)) ** 2 / norm


# Rules.  `factor` is the Schur form with its root; every order of derivative passes it on.


def _sqrtm_body(A: Array, factor: RootFactor) -> Any:
    X = _sqrtm(A, factor=factor)
    return X, DoubleSolve(X, factor, "sqrtm", _ANOTHER_CUT)


def _sqrtm_value(A: Array, factor: RootFactor) -> Array:
    return factor.value


_sqrtm = Rule(_sqrtm_value, _sqrtm_body, "frechet.linalg.sqrtm")


def _double_body(N: Array, F: Array, factor: DoubleFactor) -> Any:
    # N L + L N = F:  N dL + dL N = dF − (dN L + L dN).
    L = _double(N, F, factor=factor)
    S = DoubleSolve(N, factor)
    in_N = -(S @ (left(L) + right(L)))
    if N.shape != L.shape:
        in_N = compose(in_N, Broadcast(N.shape, L.shape))
    return L, (in_N, S)


def _double_value(N: Array, F: Array, factor: DoubleFactor) -> Array:
    return factor.solve(F)


_double = Rule(_double_value, _double_body, "frechet.linalg.solve_sylvester")


class DoubleSolve(LinearMap):
    """F ↦ L with N L + L N = F; its adjoint G ↦ W with Nᴴ W + W Nᴴ = G, which is (N Wᴴ + Wᴴ N = Gᴴ).

    Parameters
    ----------
    N : (..., n, n) array
        Plain or traced.
    factor : DoubleFactor
        Of its plain value.
    call, way_out : str
        For the message where the factor refuses.
    """

    __slots__ = ("N", "call", "factor", "way_out")

    def __init__(self, N: Array, factor: DoubleFactor, call: str = "", way_out: str = "") -> None:
        self.N, self.factor, self.call, self.way_out = N, factor, call, way_out

    def push(self, v: Array) -> Array:
        if self.factor.refusal is not None:
            raise NotDifferentiableError(
                f"fr.linalg.{self.call}: {self.factor.refusal}. Way out: {self.way_out}."
            )
        return _double(self.N, v, factor=self.factor)

    def pull(self, w: Array) -> Array:
        return adjoint_matrix(self.push(adjoint_matrix(w)))
