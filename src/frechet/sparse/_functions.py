"""NumPy's functions on traced sparse arrays: which method answers a call.  The others are refused."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from ..errors import InPlaceError, NotDifferentiableError
from ..rule import carriers, function_name
from ._base import Stored

_BINARY: dict[np.ufunc, tuple[Callable[[Any, Any], Any], str]] = {
    np.add: (operator.add, "__radd__"),
    np.subtract: (operator.sub, "__rsub__"),
    np.multiply: (operator.mul, "__rmul__"),
    np.true_divide: (operator.truediv, "__rtruediv__"),
    np.matmul: (operator.matmul, "__rmatmul__"),
    np.equal: (operator.eq, "__eq__"),
    np.not_equal: (operator.ne, "__ne__"),
    np.less: (operator.lt, "__gt__"),
    np.less_equal: (operator.le, "__ge__"),
    np.greater: (operator.gt, "__lt__"),
    np.greater_equal: (operator.ge, "__le__"),
}
_UNARY: dict[np.ufunc, Callable[[Any], Any]] = {
    np.negative: operator.neg,
    np.positive: operator.pos,
    np.absolute: abs,
    np.conjugate: lambda A: A.conj(),
    np.square: lambda A: A.applied(np.square),
}
_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.iscomplexobj: lambda x: x.dtype.kind == "c",
    np.isrealobj: lambda x: x.dtype.kind != "c",
    np.result_type: lambda *xs: np.result_type(*(x.dtype if isinstance(x, Stored) else x for x in xs)),
    np.real: lambda val: val.real,
    np.imag: lambda val: val.imag,
    np.sum: lambda a, axis=None, dtype=None, out=None: a.sum(axis, dtype, out),
    np.mean: lambda a, axis=None, dtype=None, out=None: a.mean(axis, dtype, out),
    np.trace: lambda a, offset=0: a.trace(offset),
    np.diagonal: lambda a, offset=0: a.diagonal(offset),
    np.transpose: lambda a, axes=None: a.transpose(axes),
    np.reshape: lambda a, shape, order="C": a.reshape(shape, order=order),
    np.copy: lambda a, order="K", subok=False: a,
    np.astype: lambda x, dtype, copy=True: x.astype(dtype),
}


def call_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """NumPy's protocol for ufuncs (NEP 13)."""
    if kwargs.get("out") is not None:
        raise InPlaceError(f"{function_name(ufunc)}(out=...) is not possible with a traced sparse array")
    if method != "__call__" or kwargs:
        _refuse(ufunc if method == "__call__" else (ufunc, method))
    if len(inputs) == 1:
        (A,) = inputs
        function = _UNARY.get(ufunc) or getattr(type(A), ufunc.__name__, None)
        return _refuse(ufunc) if function is None else function(A)
    entry = _BINARY.get(ufunc)
    if entry is None:
        return _refuse(ufunc)
    a, b = inputs
    if ufunc is np.multiply and (isinstance(a, Stored) or type(a) in carriers):
        # Asked for as such, entry by entry for matrices too.  From NumPy's arrays it may be their operator.
        array: Any = a if isinstance(a, Stored) else b
        return array.multiply(b if array is a else a)
    if isinstance(a, Stored):
        return entry[0](a, b)
    reflected = getattr(type(b), entry[1], None)  # of b, as a's operator may have called this
    return _refuse(ufunc) if reflected is None else reflected(b, a)


def call_function(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """NumPy's protocol for functions (NEP 18)."""
    if func is np.dot and not kwargs and len(args) == 2:
        a, b = args
        return a.dot(b) if isinstance(a, Stored) else b.__rmatmul__(a)  # type: ignore[attr-defined]  # of SparseArray
    function = _FUNCTIONS.get(func)
    if function is None or (args and not isinstance(args[0], Stored) and func is not np.result_type):
        _refuse(func)
    return function(*args, **kwargs)


def _refuse(function: Any) -> NoReturn:
    raise NotDifferentiableError(
        f"{function_name(function)} has no method for traced sparse arrays. Use the array's own methods or "
        "the functions of fr.sparse, or make a full array of it: A.toarray()"
    )
