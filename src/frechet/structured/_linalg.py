"""fr.linalg's functions on structured matrices; what is not here is called on full arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..rule import structured_answers
from ._arguments import as_part
from ._banded import Banded
from ._bidiagonal import Bidiagonal
from ._diagonal import Diagonal
from ._functions import call_function, norm, require_square
from ._matrix import StructuredMatrix, _arrays
from ._parts import FUNCTIONS
from ._symmetric import Hermitian, Symmetric
from ._symmetric_tridiagonal import SymTridiagonal
from ._triangular import LowerTriangular, UnitLowerTriangular, UnitUpperTriangular, UpperTriangular
from ._tridiagonal import Tridiagonal


def linalg(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter what answers a call of fr.linalg's function of this name."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        structured_answers[name] = function
        return function

    return enter


def require_finite_parts(A: StructuredMatrix, name: str) -> None:
    """Raise ValueError as fr.linalg's functions do if there are nan or inf."""
    for part in _arrays(A):
        require_finite(part, name)


def require_finite(x: Any, name: str) -> None:
    from ..linalg._arguments import require_finite as require

    require(x, name)


@linalg("solve")
def _solve(
    a: Any,
    b: Any,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: Any = None,
    transposed: bool = False,
) -> Any:
    if not isinstance(a, StructuredMatrix):  # then b is one, and the solution is full
        from ..linalg import solve

        options = {"check_finite": check_finite, "assume_a": assume_a, "transposed": transposed}
        return solve(a, b.to_dense(), lower, **options)
    if not _is_so(a, assume_a):
        return NotImplemented
    if check_finite:
        require_finite_parts(a, "solve: a")
        if isinstance(b, StructuredMatrix):
            require_finite_parts(b, "solve: b")
        else:
            b = as_part(b, "solve: b", 1)
            require_finite(b, "solve: b")
    return call_function(np.linalg.solve, (a.mT if transposed else a, b), {})


def _is_so(a: StructuredMatrix, assume_a: Any) -> bool:
    """Whether what is assumed of a matrix is sure; else it is left to full arrays what is then read of it."""
    if assume_a in (None, "general", "gen"):
        return True
    if assume_a in ("positive definite", "pos") and isinstance(a, (Diagonal, SymTridiagonal)):
        return a.cholesky() is not NotImplemented  # an error if it is not
    return isinstance(a, _SURE.get(assume_a, ()))


_SYMMETRIC = (Diagonal, SymTridiagonal, Symmetric)
_TRIDIAGONAL = (Diagonal, Bidiagonal, SymTridiagonal, Tridiagonal)
_SURE: dict[Any, tuple[type[StructuredMatrix], ...]] = {
    "diagonal": (Diagonal,),
    "tridiagonal": _TRIDIAGONAL,
    "banded": (*_TRIDIAGONAL, Banded),
    "upper triangular": (Diagonal, UpperTriangular, UnitUpperTriangular),
    "lower triangular": (Diagonal, LowerTriangular, UnitLowerTriangular),
    "symmetric": _SYMMETRIC,
    "sym": _SYMMETRIC,
    "hermitian": (Hermitian,),
    "her": (Hermitian,),
}


@linalg("inv")
def _inv(
    a: Any, overwrite_a: bool = False, check_finite: bool = True, *, assume_a: Any = None, lower: bool = False
) -> Any:
    require_square(a, "inv")
    if not _is_so(a, assume_a):
        return NotImplemented
    if check_finite:
        require_finite_parts(a, "inv: a")
    return a.inv()


@linalg("det")
def _det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    require_square(a, "det")
    if check_finite:
        require_finite_parts(a, "det: a")
    if a.parts and a.dtype.char in "fF":  # in double precision, since it overflows early
        a = a.astype(np.result_type(a.dtype, np.float64))
    return a.det()


@linalg("slogdet")
def _slogdet(a: Any, check_finite: bool = True) -> Any:
    if check_finite:
        require_finite_parts(a, "slogdet: a")
    return call_function(np.linalg.slogdet, (a,), {})


@linalg("logdet")
def _logdet(a: Any, *, assume_a: Any = None, lower: bool = False, check_finite: bool = True) -> Any:
    require_square(a, "logdet")
    if check_finite:
        require_finite_parts(a, "logdet: a")
    if assume_a in (None, "general", "gen"):
        return a.slogdet()[1]
    if assume_a not in ("positive definite", "pos") or not hasattr(a, "cholesky"):
        return NotImplemented
    L = a.cholesky(upper=not lower)
    if L is NotImplemented:
        return L
    return 2 * np.sum(np.log(np.real(np.diagonal(L, 0, -2, -1))), -1)


@linalg("cholesky")
def _cholesky(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    require_square(a, "cholesky")
    if check_finite:
        require_finite_parts(a, "cholesky: a")
    return a.cholesky(upper=not lower) if hasattr(a, "cholesky") else NotImplemented


@linalg("norm")
def _norm(
    a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True
) -> Any:
    if check_finite:
        require_finite_parts(a, "norm: a")
    return norm(a, ord, axis, keepdims)


def _plain_call(name: str) -> Callable[..., Any]:
    """A function that a method answers where nothing but the matrix is given."""

    def call(a: Any, *args: Any, **kwargs: Any) -> Any:
        method = getattr(a, name, None)
        # A full array, which a Symmetric has, is left to fr.linalg's function, whose derivatives know more.
        if method is None or args or kwargs or (a.full and name in ("eigh", "eigvalsh")):
            return NotImplemented
        require_square(a, name)
        require_finite_parts(a, f"{name}: a")
        return method()

    return call


def _matrix_function(f: np.ufunc) -> Callable[..., Any]:
    """A matrix function by its scalar function."""

    def call(A: Any, *args: Any, **kwargs: Any) -> Any:
        if args or kwargs:
            return NotImplemented
        require_square(A, "a function of a matrix")
        require_finite_parts(A, "a function of a matrix: A")
        return A.function_of(f)

    return call


for _name in ("eigh", "eigvalsh", "eig", "eigvals", "svd", "svdvals", "pinv"):
    structured_answers[_name] = _plain_call(_name)
for _f, _name in FUNCTIONS.items():
    structured_answers[_name] = _matrix_function(_f)


@linalg("funm")
def _funm(A: Any, func: Any, *args: Any, **options: Any) -> Any:
    of_hermitian = options == {"assume": "hermitian"} and isinstance(A, (Symmetric, Hermitian))
    if args or (options and not of_hermitian):
        return NotImplemented
    require_square(A, "funm")
    require_finite_parts(A, "funm: A")
    return A.function_of(func)
