"""fr.linalg's functions on structured matrices; what is not here is called on full arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..rule import structured_answers
from ._functions import call_function, require_square
from ._matrix import StructuredMatrix


def linalg(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter what answers a call of fr.linalg's function of this name."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        structured_answers[name] = function
        return function

    return enter


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
    if transposed and isinstance(a, StructuredMatrix):
        a = a.mT
    return call_function(np.linalg.solve, (a, b), {})


@linalg("inv")
def _inv(a: Any, overwrite_a: bool = False, check_finite: bool = True, **options: Any) -> Any:
    require_square(a, "inv")
    return a.inv()


@linalg("det")
def _det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    require_square(a, "det")
    return a.det()


@linalg("slogdet")
def _slogdet(a: Any, *args: Any, **kwargs: Any) -> Any:
    return call_function(np.linalg.slogdet, (a,), {})


@linalg("logdet")
def _logdet(a: Any, *, assume_a: Any = None, lower: bool = False, check_finite: bool = True) -> Any:
    require_square(a, "logdet")
    if assume_a is None:
        return a.slogdet()[1]
    if assume_a != "pos" or not hasattr(a, "cholesky"):
        return NotImplemented
    L = a.cholesky()
    if L is NotImplemented:
        return L
    return 2 * np.sum(np.log(np.real(np.diagonal(L, 0, -2, -1))), -1)


@linalg("cholesky")
def _cholesky(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    require_square(a, "cholesky")
    return a.cholesky(upper=not lower) if hasattr(a, "cholesky") else NotImplemented


@linalg("norm")
def _norm(
    a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True
) -> Any:
    return np.linalg.norm(a, ord, axis, keepdims)


def _plain_call(name: str) -> Callable[..., Any]:
    """A function that a method answers where nothing but the matrix is given."""

    def call(a: Any, *args: Any, **kwargs: Any) -> Any:
        method = getattr(a, name, None)
        if method is None or args or kwargs:
            return NotImplemented
        require_square(a, name)
        return method()

    return call


def _matrix_function(f: np.ufunc) -> Callable[..., Any]:
    """A matrix function by its scalar function."""

    def call(A: Any, *args: Any, **kwargs: Any) -> Any:
        if args or kwargs:
            return NotImplemented
        require_square(A, "a function of a matrix")
        return A.function_of(f)

    return call


for _name in ("eigh", "eigvalsh", "eig", "eigvals", "svd", "svdvals", "pinv"):
    structured_answers[_name] = _plain_call(_name)
for _name, _f in {
    "expm": np.exp,
    "logm": np.log,
    "sqrtm": np.sqrt,
    "cosm": np.cos,
    "sinm": np.sin,
    "tanm": np.tan,
    "coshm": np.cosh,
    "sinhm": np.sinh,
    "tanhm": np.tanh,
}.items():
    structured_answers[_name] = _matrix_function(_f)


@linalg("funm")
def _funm(A: Any, func: Any, *args: Any, **options: Any) -> Any:
    if args or options.keys() - {"assume"}:
        return NotImplemented
    require_square(A, "funm")
    return A.function_of(func)
