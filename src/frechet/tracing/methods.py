"""The methods and attributes of ndarray on traced arrays, in terms of NumPy's functions; and the guards.

A guard is a protocol by which Python or NumPy would turn a traced value into a plain number or array.  It
raises.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from ..errors import CoercionError
from ..linear_map import identity
from ..rule import carriers, primal, table
from .apply import apply
from .indexing import refuse_fixed, setitem
from .traced import Traced, checked


def _function(name: str) -> Callable[..., Any]:
    """The method that is np.name(self, …)."""
    function = getattr(np, name)

    def method(self: Traced, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__ = name
    return method


# Methods that are functions of the same name (and the same order of parameters).
SAME = (
    "all", "any", "argmax", "argmin", "argpartition", "argsort", "choose", "clip", "copy", "cumprod",
    "cumsum", "diagonal", "dot", "max", "mean", "min", "nonzero", "prod", "put", "ravel", "repeat", "round",
    "searchsorted", "squeeze", "std", "sum", "swapaxes", "take", "trace", "var",
)  # fmt: skip


def _reshape(self: Traced, *shape: Any, **kwargs: Any) -> Any:
    return np.reshape(self, shape[0] if len(shape) == 1 else shape, **kwargs)


def _transpose(self: Traced, *axes: Any) -> Any:
    if not axes or axes == (None,):
        return np.transpose(self)
    return np.transpose(self, axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes)


def _transposed(self: Traced) -> Any:
    rule: Any = table[np.transpose]
    return apply(rule, (self,), {})


def _flatten(self: Traced, order: Any = "C") -> Any:
    return np.copy(np.ravel(self, order=order))


def _astype(self: Any, dtype: Any, *args: Any, **kwargs: Any) -> Any:
    return np.astype(self, np.dtype(dtype), copy=kwargs.get("copy", True))


def _conj(self: Traced) -> Any:
    return self if self.dtype.kind != "c" else np.conjugate(self)


def _compress(self: Traced, condition: Any, axis: Any = None) -> Any:
    return np.compress(condition, self, axis=axis)


def _item(self: Traced, *index: Any) -> Any:
    if not index:
        if np.size(self) != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        index = (0,)
    if not _is_array(self):
        return _python_number(self)
    if len(index) == 1 and not isinstance(index[0], tuple):
        return _python_number(np.reshape(self, -1)[index[0]])
    return _python_number(self[index[0] if len(index) == 1 else index])


def _python_number(x: Traced) -> Any:
    """A traced NumPy scalar as a traced Python number."""
    inner = x.value
    if isinstance(inner, Traced):
        value = _python_number(inner)
    else:
        value = inner.item() if hasattr(inner, "item") else inner
    return x.tape.record(value, ((x.node, identity),), "item")


def _tolist(self: Traced) -> Any:
    return [_tolist(row) for row in self] if np.ndim(self) else _item(self)


def _fill(self: Traced, value: Any) -> None:
    setitem(self, Ellipsis, value)


def _sort(self: Traced, axis: int = -1, kind: Any = None, order: Any = None) -> None:
    refuse_fixed(self, "x.sort()")
    setitem(self, Ellipsis, np.sort(self, axis=axis, kind=kind, order=order))


def _partition(self: Traced, kth: Any, axis: int = -1, kind: Any = "introselect", order: Any = None) -> None:
    refuse_fixed(self, "x.partition()")
    setitem(self, Ellipsis, np.partition(self, kth, axis=axis, kind=kind, order=order))


def _iter(self: Traced) -> Iterator[Any]:
    if np.ndim(self) == 0:
        raise TypeError("iteration over a 0-d array")
    return (self[k] for k in range(len(self)))


def _len(self: Traced) -> int:
    return len(primal(checked(self)))


def _is_array(x: Traced) -> bool:
    return isinstance(primal(x), np.ndarray)


def _contains(self: Traced, item: Any) -> bool:
    return primal(checked(item) if isinstance(item, Traced) else item) in primal(checked(self))


def _repr(self: Traced) -> str:
    return f"Traced({primal(self)!r})"


def _format(self: Traced, spec: str) -> str:
    return format(primal(checked(self)), spec)


def _to_device(self: Traced, device: str, /, *, stream: Any = None) -> Traced:
    if device != "cpu" or stream is not None:
        raise ValueError(f"NumPy arrays live on the CPU, not on {device!r}")
    return self


def _same(self: Traced, *_: Any) -> Any:
    return np.copy(self)


def _real(self: Traced) -> Any:
    return np.real(self)


def _imag(self: Traced) -> Any:
    return np.imag(self)


def _set_part(scale: Any, keep: Callable[[Any], Any]) -> Callable[[Traced, Any], None]:
    def setter(self: Traced, value: Any) -> None:
        setitem(self, Ellipsis, keep(self) + scale * value)

    return setter


def _attribute(name: str) -> property:
    """Metadata, answered from the underlying value."""

    def read(self: Traced) -> Any:
        x = self.value
        while type(x) in carriers:
            x = x.value
        try:
            return getattr(x, name)
        except AttributeError:
            return getattr(np.asarray(x), name)

    return property(read)


# --- guards -----------------------------------------------------------------------------------------------

_DETACH = "If the result is meant to be constant, pass fr.stop_gradient(x)."


def _guard(what: str, advice: str) -> Callable[..., NoReturn]:
    def method(self: Traced, *args: Any, **kwargs: Any) -> NoReturn:
        error = CoercionError(
            f"{what} would turn a traced value into a plain one and lose its derivative{_offending_call()}. "
            f"{advice} {_DETACH}"
        )
        self.tape.refusal = error
        raise error

    return method


def _offending_call() -> str:
    """Where the conversion was asked for: the library function that did it, the user's line that did."""
    import linecache

    frame: Any = sys._getframe(2)
    library = ""
    while frame is not None:
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if package in ("numpy", "scipy", "copy", "pickle"):
            library = f"{frame.f_globals['__name__']}.{frame.f_code.co_name}"
        elif package != __name__.partition(".")[0]:
            break
        frame = frame.f_back
    if frame is None:
        return ""
    code = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    by = f", by {library}," if library else ""
    line = f"`{code}` " if code else ""
    return f":{by} in {line}({frame.f_code.co_filename}, line {frame.f_lineno})"


# Operators of SciPy's sparse arrays, and its functions that carry them out, which leave an operand that is no
# array to the operand itself.
_SCIPYS_OPERATORS = ("__matmul__", "__mul__", "__truediv__", "__rmul__", "__rmatmul__")


def for_scipys_operators(x: Any) -> np.ndarray | None:
    """What __array__ answers where an operator of a scipy.sparse array asks whether x is an array; else None.

    ``A @ x`` asks so by np.asanyarray(x).  For what is no array it expects an array of dtype object without
    axes, returns NotImplemented, and Python then asks x: x.__rmatmul__(A).  Methods such as A.multiply(x) ask
    in the same way, but have nobody to pass the question on to: they are told apart by their name.  So is
    x in a list, which would become an array of objects.
    """
    frame: Any = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("scipy.sparse._"):
        if frame.f_code.co_name in _SCIPYS_OPERATORS and frame.f_locals.get("other") is x:
            opaque = np.empty((), object)
            opaque[()] = x
            return opaque
        frame = frame.f_back
    return None


def _array(self: Traced, dtype: Any = None, copy: bool | None = None) -> Any:
    opaque = for_scipys_operators(self)
    return _refuse_array(self) if opaque is None else opaque


def _bool(self: Traced) -> bool:
    value = primal(checked(self))
    if np.ndim(value) == 0 and not isinstance(value, np.ndarray):
        raise CoercionError(
            "bool(x) of a traced number (if x:, while x:, x and y, ...): write the comparison that is meant, "
            "such as x != 0. Comparisons give plain booleans and need no derivative"
        )
    return bool(value)


_ARRAYS = (
    "Use fr.array([...]) for a list of traced values, np.zeros(n, like=x) for an array to be written to, "
    "NumPy's function or that of fr.linalg and fr.fft where there is one, fr.sparse.asarray(A) for a sparse "
    "array A whose method was called, or give the function a rule with "
    "fr.rule."
)
_refuse_array = _guard("A conversion to a plain array", _ARRAYS)
GUARDS = {
    "__array__": _array,
    "__float__": _guard(
        "float(x), or a function of math or of C code,",
        "Use x itself, NumPy's function of the same name (np.sin for math.sin), or an array made with "
        "np.zeros(n, like=x) in place of a plain one.",
    ),
    "__complex__": _guard("complex(x), or a function of cmath or of C code,", "Use x itself or x + 0j."),
    "__int__": _guard("int(x)", "An integer has no derivative; round explicitly with np.floor or np.rint."),
    "__index__": _guard("The use of x as an index or a count", "Indices and counts are plain integers."),
    "__round__": _guard("round(x)", "Use np.round(x)."),
    "__trunc__": _guard("math.trunc(x)", "Use np.trunc(x)."),
    "__floor__": _guard("math.floor(x)", "Use np.floor(x)."),
    "__ceil__": _guard("math.ceil(x)", "Use np.ceil(x)."),
    "is_integer": _guard("x.is_integer()", "Compare with np.floor(x)."),
    "hex": _guard("x.hex()", "Work on the number itself."),
    "as_integer_ratio": _guard("x.as_integer_ratio()", "Work on the number itself."),
    "__reduce__": _guard("pickle or copy.deepcopy of x", "Store plain values."),
    "tobytes": _guard("x.tobytes()", "Work on the array itself."),
    "tofile": _guard("x.tofile()", "Work on the array itself."),
    "dump": _guard("x.dump()", "Work on the array itself."),
    "dumps": _guard("x.dumps()", "Work on the array itself."),
    "view": _guard("x.view()", "Use np.real, np.imag or x.astype(dtype); for a copy x.copy()."),
    "byteswap": _guard("x.byteswap()", "Swap bytes before differentiation."),
    "getfield": _guard("x.getfield()", "Structured fields have no derivative."),
    "setfield": _guard("x.setfield()", "Structured fields have no derivative."),
    "resize": _guard("x.resize()", "Use np.resize(x, shape) or np.reshape(x, shape)."),
    "__dlpack__": _guard("Handing x to another array library (DLPack)", "Work on the array itself."),
}

METADATA = ("shape", "ndim", "size", "dtype", "itemsize", "nbytes", "strides", "flags", "device")


def methods() -> dict[str, Any]:
    """All methods and attributes, by name."""
    found: dict[str, Any] = {name: _function(name) for name in SAME}
    found |= {
        "reshape": _reshape,
        "transpose": _transpose,
        "flatten": _flatten,
        "astype": _astype,
        "compress": _compress,
        "conj": _conj,
        "conjugate": _conj,
        "item": _item,
        "tolist": _tolist,
        "fill": _fill,
        "to_device": _to_device,
        "sort": _sort,
        "partition": _partition,
        "__iter__": _iter,
        "__len__": _len,
        "__contains__": _contains,
        "__repr__": _repr,
        "__format__": _format,
        "__copy__": _same,
        "__bool__": _bool,
        "__hash__": object.__hash__,
        "T": property(_transposed),
        "mT": property(lambda self: np.swapaxes(self, -1, -2)),
        "real": property(_real, _set_part(1, lambda x: 1j * np.imag(x))),
        "imag": property(_imag, _set_part(1j, np.real)),
        "flat": property(lambda self: np.reshape(self, -1)),
    }
    found |= {name: _attribute(name) for name in METADATA}
    found |= GUARDS
    return found
