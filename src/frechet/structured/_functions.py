"""NumPy's functions on structured matrices: which method of a matrix answers a call.

What is not in the tables is called on full arrays, with a DensifyWarning where those take much more memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import InPlaceError
from ..rule import function_name
from ..rules.linalg_solve import SlogdetResult
from . import _operations
from ._arguments import as_part
from ._matrix import StructuredMatrix, protocols
from ._parts import root

_UFUNCS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: _operations.add,
    np.subtract: _operations.subtract,
    np.multiply: _operations.multiply,
    np.true_divide: _operations.divide,
    np.matmul: _operations.matmul,
    np.negative: lambda A: A.scaled(-1.0),
    np.positive: lambda A: A,
    np.conjugate: lambda A: A.conj(),
}
_FUNCTIONS: dict[Any, Callable[..., Any]] = {}


def call_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """NumPy's protocol for ufuncs (NEP 13)."""
    if any(isinstance(out, StructuredMatrix) for out in kwargs.get("out", ())):
        raise InPlaceError(
            f"{function_name(ufunc)} would write into a structured matrix (out=), which is immutable"
        )
    function = _UFUNCS.get(ufunc)
    if function is not None and method == "__call__" and not kwargs:
        return function(*inputs)
    if method == "__call__":
        return ufunc(*densified(inputs, function_name(ufunc)), **kwargs)
    return getattr(ufunc, method)(*densified(inputs, function_name(ufunc)), **kwargs)


def call_function(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """NumPy's protocol for functions (NEP 18)."""
    function = _FUNCTIONS.get(func)
    if function is not None:
        result = function(*args, **kwargs)
        if result is not NotImplemented:
            return result
    name = function_name(func)
    return func(*densified(args, name), **{key: densified(value, name) for key, value in kwargs.items()})


def densified(x: Any, call: str) -> Any:
    """x with full arrays in place of structured matrices; lists and tuples are looked into."""
    if isinstance(x, StructuredMatrix):
        return x.dense_for(call)
    if type(x) in (list, tuple):
        return type(x)(densified(entry, call) for entry in x)
    return x


def answers(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter what answers a call of NumPy's functions; NotImplemented leaves it to full arrays."""

    def enter(method: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            _FUNCTIONS[function] = method
        return method

    return enter


# --- metadata ----------------------------------------------------------------------------------------------


@answers(np.shape)
def _shape(a: Any) -> Any:
    return a.shape


@answers(np.ndim)
def _ndim(a: Any) -> Any:
    return a.ndim


@answers(np.size)
def _size(a: Any, axis: Any = None) -> Any:
    return a.size if axis is None else a.shape[axis]


@answers(np.iscomplexobj)
def _iscomplexobj(x: Any) -> Any:
    return x.dtype.kind == "c"


@answers(np.isrealobj)
def _isrealobj(x: Any) -> Any:
    return x.dtype.kind != "c"


@answers(np.result_type)
def _result_type(*arrays: Any) -> Any:
    return np.result_type(*(a.dtype if isinstance(a, StructuredMatrix) else a for a in arrays))


def _on_full_arrays(function: Any) -> Callable[..., Any]:
    """A comparison, whose result has a value for each entry: no warning is due."""

    def call(*args: Any, **kwargs: Any) -> Any:
        full = [a.to_dense() if isinstance(a, StructuredMatrix) else a for a in args]
        return function(*full, **kwargs)

    return call


for _function in (np.array_equal, np.allclose, np.isclose):
    _FUNCTIONS[_function] = _on_full_arrays(_function)
for _ufunc in (np.equal, np.not_equal):
    _UFUNCS[_ufunc] = _on_full_arrays(_ufunc)


# --- entries -----------------------------------------------------------------------------------------------


@answers(np.copy)
def _copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    return a


@answers(np.transpose)
def _transpose(a: Any, axes: Any = None) -> Any:
    if a.ndim == 2 and (axes is None or tuple(axes) in ((1, 0), (-1, -2))):
        return a.mT
    return NotImplemented


@answers(np.matrix_transpose, np.linalg.matrix_transpose)
def _matrix_transpose(x: Any, /) -> Any:
    return x.mT


@answers(np.real)
def _real(val: Any) -> Any:
    return val.real


@answers(np.imag)
def _imag(val: Any) -> Any:
    return val.imag


@answers(np.diagonal)
def _diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    if (axis1 % a.ndim, axis2 % a.ndim) == (a.ndim - 2, a.ndim - 1):
        return a.diagonal(offset)
    return NotImplemented


@answers(np.linalg.diagonal)
def _linalg_diagonal(x: Any, /, *, offset: int = 0) -> Any:
    return x.diagonal(offset)


@answers(np.diag)
def _diag(v: Any, k: int = 0) -> Any:
    return v.diagonal(k) if v.ndim == 2 else NotImplemented


@answers(np.trace)
def _trace(
    a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None
) -> Any:
    if (axis1 % a.ndim, axis2 % a.ndim) == (a.ndim - 2, a.ndim - 1) and dtype is None and out is None:
        return np.sum(a.diagonal(offset), -1) if offset else a.trace()
    return NotImplemented


@answers(np.linalg.trace)
def _linalg_trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    if dtype is not None:
        return NotImplemented
    return np.sum(x.diagonal(offset), -1) if offset else x.trace()


@answers(np.stack)
def _stack(arrays: Any, axis: int = 0, out: Any = None, **kwargs: Any) -> Any:
    first = arrays[0]
    alike = all(type(a) is type(first) and a.form == first.form and a.shape == first.shape for a in arrays)
    if not alike or out is not None or kwargs or not -first.ndim - 1 <= axis <= first.ndim:
        return NotImplemented
    axis = axis % (first.ndim + 1)
    if axis > first.ndim - 2:
        return NotImplemented
    return first.like(*(np.stack(parts, axis) for parts in zip(*(a.parts for a in arrays), strict=True)))


# --- linear algebra ----------------------------------------------------------------------------------------


@answers(np.dot)
def _dot(a: Any, b: Any, out: Any = None) -> Any:
    if out is not None or np.ndim(a) not in (1, 2) or np.ndim(b) not in (1, 2):
        return NotImplemented
    return _operations.matmul(a, b)


@answers(np.linalg.matmul)
def _matmul(x1: Any, x2: Any, /) -> Any:
    return _operations.matmul(x1, x2)


@answers(np.linalg.matrix_power)
def _matrix_power(a: Any, n: int) -> Any:
    require_square(a, "matrix_power")
    if n == 0:
        return NotImplemented
    if n < 0:
        a, n = np.linalg.inv(a), -n
    result = None
    while n:
        if n % 2:
            result = a if result is None else _operations.matmul(result, a)
        n //= 2
        if n:
            a = _operations.matmul(a, a) if isinstance(a, StructuredMatrix) else a @ a
    return result


@answers(np.linalg.solve)
def _solve(a: Any, b: Any) -> Any:
    if not isinstance(a, StructuredMatrix):
        return np.linalg.solve(a, b.to_dense())
    require_square(a, "solve")
    b = b if isinstance(b, StructuredMatrix) else as_part(b, "solve: b", 1)
    if b.shape[-1 if b.ndim == 1 else -2] != a.shape[-1]:
        raise ValueError(f"solve: shapes {a.shape} and {b.shape} do not fit together")
    if isinstance(b, StructuredMatrix):
        return a.solve_structured(b)
    return a.solve(b[:, None])[..., 0] if b.ndim == 1 else a.solve(b)


@answers(np.linalg.inv)
def _inv(a: Any) -> Any:
    require_square(a, "inv")
    return a.inv()


@answers(np.linalg.det)
def _det(a: Any) -> Any:
    require_square(a, "det")
    return a.det()


@answers(np.linalg.slogdet)
def _slogdet(a: Any) -> Any:
    require_square(a, "slogdet")
    return SlogdetResult(*a.slogdet())


@answers(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norms that are found from the parts; NotImplemented for others."""
    matrices = axis == (-2, -1) or (axis is None and x.ndim == 2)
    if ord in (None, "fro", "f") and matrices and not keepdims:
        return root(x.squared_norm())
    if ord in (1, np.inf) and matrices and not keepdims and hasattr(x, "column_sums"):
        return np.max((x if ord == 1 else x.mT).column_sums(), -1)
    return NotImplemented


@answers(np.linalg.matrix_norm)
def _matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return norm(x, ord, (-2, -1), keepdims)


def _by_method(name: str) -> Callable[..., Any]:
    """A call that a matrix's method of this name answers, where its class has one."""

    def call(a: Any, *args: Any, **kwargs: Any) -> Any:
        method = getattr(a, name, None)
        return NotImplemented if method is None else method(*args, **kwargs)

    return call


for _name in ("eigh", "eigvalsh", "eig", "eigvals", "svd", "svdvals", "cholesky", "pinv"):
    _FUNCTIONS[getattr(np.linalg, _name)] = _by_method(_name)


def require_square(A: StructuredMatrix, call: str) -> None:
    """Raise as NumPy does where a matrix is not square."""
    if A.shape[-1] != A.shape[-2]:
        raise np.linalg.LinAlgError(f"{call}: the matrix must be square, its shape is {A.shape}")


protocols["ufunc"] = call_ufunc
protocols["function"] = call_function
