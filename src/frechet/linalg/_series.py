"""Taylor series of scalar functions: truncated power series that NumPy's functions act on.

A function written with NumPy's functions, called with a `Series`, returns its own Taylor coefficients.  Sums,
products and quotients act on the coefficients; every other elementwise function g goes by its rule, y' =
g'(x) x', where the factor g'(x) is a series again, to one order less, and is found in the same way.  So the
cost is a polynomial in the order, where a nest of pushforwards doubles with every derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..errors import NotDifferentiableError
from ..linear_map import Identity, LinearMap, Scale, zero
from ..maps import Broadcast, Diagonal
from ..rule import Composed, Constant, Rule, carriers, function_name, load_chapters, primal, table

__all__ = ["Series"]

Array = Any


class Series(NDArrayOperatorsMixin):
    """Σ c_k t^k up to an order, for every entry of an array.

    Parameters
    ----------
    value : array
        c_0.
    order : int
        The last power that is kept.
    make : callable
        Returns the coefficients, an array of shape (order + 1, *value.shape), when they are first needed.

    Attributes
    ----------
    value : array
        c_0: what the series stands for where a decision is made (a comparison, a test).

    Examples
    --------
    >>> import numpy as np
    >>> np.exp(Series.variable(np.array([0.0]), 3)).coefficients[:, 0]
    array([1.        , 1.        , 0.5       , 0.16666667])
    """

    def __init__(self, value: Array, order: int, make: Callable[[], Array]) -> None:
        self.value = value
        self.order = order
        self._make = make
        self._coefficients: Array = None
        self.memo: dict[Any, Series] = {}  # functions of this series, by rule, order and constants

    @classmethod
    def variable(cls, z: Array, order: int, unit: Any = 1) -> Series:
        """The series z + unit t."""
        coefficients = np.zeros((order + 1, *z.shape), z.dtype)
        coefficients[0] = z
        coefficients[1:2] = unit
        return cls(z, order, lambda: coefficients)

    @property
    def coefficients(self) -> Array:
        """The c_k, along the first axis."""
        if self._coefficients is None:
            self._coefficients = self._make()
        return self._coefficients

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of c_0."""
        return np.shape(self.value)

    @property
    def ndim(self) -> int:
        """The number of axes of c_0."""
        return np.ndim(self.value)

    @property
    def size(self) -> int:
        """The number of entries of c_0."""
        return int(np.size(self.value))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of c_0."""
        return np.result_type(self.value)

    @property
    def real(self) -> Series:
        """The series itself, if it is real; the real part is not complex differentiable."""
        return np.real(self)

    def truncated(self, order: int) -> Series:
        """The series to a lower order."""
        result = Series(self.value, order, lambda: self.coefficients[: order + 1])
        result.memo = self.memo
        return result

    def derivative(self) -> Series:
        """The derivative, to one order less."""
        return Series(self.coefficients[1], self.order - 1, lambda: _times_order(self.coefficients[1:]))

    def __bool__(self) -> bool:
        raise TypeError("a power series is neither true nor false")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        raise TypeError("the function makes a plain array of its argument, which loses its derivatives")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs:
            _refuse(function_name(ufunc), "in-place operations and ufunc methods keep no series")
        return _call(ufunc, inputs, {})

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _call(function, args, kwargs)


def _call(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if function in _DIRECT:
        return _DIRECT[function](*args, **kwargs)
    if function in _OF_VALUES:
        return function(*map(primal, args), **kwargs)
    entry = table.get(function) or load_chapters(function)
    if isinstance(entry, Rule) and not kwargs:
        return _chain(entry, args)
    if type(entry) is Composed:
        return entry.function(*args, **kwargs)
    if type(entry) is Constant:
        result = entry.function(*map(primal, args), **{k: primal(v) for k, v in kwargs.items()})
        if np.result_type(result).kind != "c":
            return result
    return _refuse(function_name(function), "it has no derivative as a function of one complex variable here")


def _refuse(name: str, reason: str) -> Any:
    raise NotDifferentiableError(f"{name} has no Taylor series: {reason}")


# --- arithmetic: on the coefficients ------------------------------------------------------------------------


def _operands(a: Any, b: Any) -> tuple[int, Any, Callable[[], tuple[Array, Array]]]:
    """The order of a result, and the coefficients of both operands with aligned axes."""
    order = min(x.order for x in (a, b) if type(x) is Series)
    ndim = max(np.ndim(primal(a)), np.ndim(primal(b)))

    def coefficients(x: Any) -> Array:
        c = x.coefficients[: order + 1] if type(x) is Series else np.asarray(x)[None]
        return c.reshape(len(c), *(1,) * (ndim + 1 - c.ndim), *c.shape[1:])

    return order, ndim, lambda: (coefficients(a), coefficients(b))


def _sum(ufunc: np.ufunc, a: Any, b: Any) -> Series:
    """The sum or the difference; a constant has c_0 alone."""
    value = ufunc(primal(a), primal(b))
    order, _, operands = _operands(a, b)

    def make() -> Array:
        p, q = operands()
        result = np.zeros((order + 1, *np.shape(value)), np.result_type(value, p, q))
        result[0] = value
        result[1 : len(p)] = p[1:]
        result[1 : len(q)] = ufunc(result[1 : len(q)], q[1:])
        return result

    return Series(value, order, make)


def _negative(a: Any) -> Series:
    return Series(-a.value, a.order, lambda: -a.coefficients)


def _multiply(a: Any, b: Any) -> Series:
    order, _, operands = _operands(a, b)

    def make() -> Array:
        p, q = operands()
        if len(p) == 1 or len(q) == 1:  # a constant
            return p * q
        return np.stack([np.sum(p[: k + 1] * q[k::-1], axis=0) for k in range(order + 1)])

    return Series(np.multiply(primal(a), primal(b)), order, make)


def _divide(a: Any, b: Any) -> Series:
    # q b = a:  q_k = (a_k − Σ_{j<k} q_j b_{k−j}) / b_0
    value = np.true_divide(primal(a), primal(b))
    order, _, operands = _operands(a, b)

    def make() -> Array:
        p, q = operands()
        if len(q) == 1:
            return p / q
        result = np.zeros((order + 1, *np.shape(value)), np.result_type(p, q))
        result[: len(p)] = p
        for k in range(order + 1):
            result[k] = (result[k] - np.sum(result[:k] * q[k:0:-1], axis=0)) / q[0]
        return result

    return Series(value, order, make)


# --- functions with rules -----------------------------------------------------------------------------------


def _chain(entry: Rule, args: tuple[Any, ...]) -> Series:
    """y = g(x) from y' = Σ g'(x) x', to one order less."""
    series = [a for a in args if type(a) is Series]
    if not series:
        _refuse(entry.name, "its argument is a list")
    order = min(a.order for a in series)
    constants = tuple("x" if type(a) is Series else a for a in args)
    key: Any = None
    if len(series) == 1 and all(isinstance(c, (str, int, float, complex)) for c in constants):
        key = entry, order, constants
        if key in series[0].memo:
            return series[0].memo[key]
    value = entry.function(*map(primal, args))

    def make() -> Array:
        result = np.empty((order + 1, *np.shape(value)), np.result_type(value))
        result[0] = value
        if order == 0:
            return result
        lower = tuple(a.truncated(order - 1) if type(a) is Series else a for a in args)
        total: Any = 0
        for a, m in zip(args, _maps(entry, lower, np.shape(value)), strict=False):
            if type(a) is Series and m is not None and m is not zero:
                _require_complex_linear(m, a.value, entry.name)
                total = total + m.push(a.derivative().truncated(order - 1))
        if type(total) is Series:
            slopes = total.coefficients
            result = result.astype(np.result_type(result, slopes), copy=False)
            result[1:] = slopes / np.arange(1, order + 1).reshape(-1, *(1,) * np.ndim(value))
        else:
            result[1:] = 0
            result[1] = total
        return result

    y = Series(value, order, make)
    if key is not None:
        series[0].memo[key] = y
    return y


def _maps(entry: Rule, args: tuple[Any, ...], shape: tuple[int, ...]) -> list[LinearMap | None]:
    """The derivative of a rule in each of its arguments."""
    if entry.derivatives is not None:
        y = _chain(entry, args)
        return [
            make(y, args, a.shape, shape) if type(a) is Series else None
            for make, a in zip(entry.derivatives, args, strict=False)
        ]
    found: Any = entry.body(*args)[1]
    maps: list[LinearMap | None] = list(found) if isinstance(found, tuple) else [found]
    if not all(m is None or m is zero or isinstance(m, _FACTORS) for m in maps):
        _refuse(entry.name, "it does not act entry by entry")
    return maps


_FACTORS = (Diagonal, Identity, Broadcast, Scale)


def _require_complex_linear(m: LinearMap, x: Array, name: str) -> None:
    """A complex function has a series where its derivative is a complex factor."""
    if not np.iscomplexobj(x) or isinstance(m, _FACTORS):
        return
    one = np.ones(np.shape(x), np.result_type(x))
    along, across = primal(m.push(one)), primal(m.push(1j * one))
    if not np.array_equal(1j * along, across):
        _refuse(name, "it is not complex differentiable")


def _where(condition: Any, a: Any, b: Any) -> Any:
    condition, value = primal(condition), np.where(primal(condition), primal(a), primal(b))
    if type(a) is not Series and type(b) is not Series:
        return value
    zero = Series.variable(value, min(x.order for x in (a, b) if type(x) is Series)) * 0
    a, b = zero + a, zero + b
    return Series(value, zero.order, lambda: np.where(condition, a.coefficients, b.coefficients))


def _broadcast_to(a: Any, shape: Any) -> Any:
    value = np.broadcast_to(a.value, shape)
    return Series(value, a.order, lambda: (a + np.zeros(shape)).coefficients)


def _real(a: Any) -> Any:
    return _refuse("np.real", "it is not complex differentiable") if np.iscomplexobj(a.value) else a


def _polyval(p: Any, x: Any) -> Any:
    result = x * 0
    for coefficient in p:
        result = result * x + coefficient
    return result


def _times_order(c: Array) -> Array:
    return c * np.arange(1, len(c) + 1).reshape(-1, *(1,) * (c.ndim - 1))


_DIRECT: dict[Any, Callable[..., Any]] = {
    np.add: lambda a, b: _sum(np.add, a, b),
    np.subtract: lambda a, b: _sum(np.subtract, a, b),
    np.negative: _negative,
    np.positive: lambda a: a,
    np.multiply: _multiply,
    np.true_divide: _divide,
    np.square: lambda a: _multiply(a, a),
    np.reciprocal: lambda a: _divide(1.0, a),
    np.where: _where,
    np.broadcast_to: _broadcast_to,
    np.full_like: lambda a, fill_value, **kwargs: np.zeros_like(primal(a), **kwargs) + fill_value,
    np.real: _real,
    np.polyval: _polyval,
}
_OF_VALUES: frozenset[Any] = frozenset(
    {
        *(np.shape, np.ndim, np.size, np.iscomplexobj, np.isrealobj, np.result_type),
        *(np.zeros_like, np.ones_like, np.all, np.any),
    }
)


def _evaluate(rule: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call of a rule of this package, by its own name, with a series among its arguments."""
    return _refuse(rule.name, "it was called with keyword arguments") if kwargs else _chain(rule, args)


carriers[Series] = _evaluate
