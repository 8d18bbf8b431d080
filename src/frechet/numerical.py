"""Numerical derivatives for black boxes: complex step and extrapolated central differences, as linear maps.

Complex step: f'(x) v = Im f(x + i h v) / h, exact to rounding for h so small that h² vanishes, for functions
that are analytic and accept complex arguments (Squire & Trapp, SIAM Review 40 (1998) 110-112).  Central
differences are extrapolated to step zero with an error estimate (Ridders 1982, see frechet.differences).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .differences import numerical_pushforward
from .errors import NotDifferentiableError
from .linear_map import Array, LinearMap
from .rule import carriers, primal
from .space import NoTangent, Space, space

_STEP = 1e-30  # its square is zero against one in double precision
_METHODS = ("complex-step", "central")


class NumericalDerivative(LinearMap):
    """The joint derivative of a black box in all its numeric arguments, as a matrix built when first needed.

    The matrix acts on the real and, for complex arguments, imaginary parts of all arguments, one after the
    other.
    """

    __slots__ = (
        "_columns", "args", "function", "kwargs", "method",
        "n_arguments", "name", "several", "spaces", "values",
    )  # fmt: skip

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        spaces: list[Space],
        value: Any,
        method: str,
        name: str,
    ) -> None:
        if method not in _METHODS:
            raise ValueError(f"numerical= takes one of {_METHODS}, got {method!r}")
        if method == "complex-step" and any(s.dtype.kind == "c" for s in spaces):
            raise NotDifferentiableError(
                f"{name}: the complex step needs real arguments; use numerical='central'"
            )
        if any(type(a) in carriers for a in args):
            raise NotDifferentiableError(
                f"the rule for {name} is numerical and has no second derivative. Give the derivative by "
                "frechet=, adjoint= or jacobian= in NumPy functions"
            )
        self.function, self.args, self.kwargs = function, args, kwargs
        self.spaces, self.method, self.name = spaces, method, name
        self.several = isinstance(value, (tuple, list))
        self.values = [np.asarray(y) for y in (value if self.several else (value,))]
        self.n_arguments = len(spaces)
        self._columns: list[list[list[Array]]] | None = None

    def along(self, direction: list[Any]) -> list[Array]:
        """The derivative along one direction (an array per numeric argument), for each result."""
        positions = [k for k, a in enumerate(self.args) if _is_numeric(a)]

        def at(t: Any) -> list[Array]:
            moved = list(self.args)
            for k, d in zip(positions, direction, strict=True):
                if np.any(d):  # arguments that stay keep their type: an integer stays one
                    moved[k] = self.args[k] + t * d
            out = self.function(*moved, **self.kwargs)
            return [np.asarray(y) for y in (out if isinstance(out, (tuple, list)) else (out,))]

        if self.method == "complex-step":
            return [
                self._imaginary(y, value) / _STEP
                for y, value in zip(at(1j * _STEP), self.values, strict=True)
            ]
        size = max(float(np.max(np.abs(np.asarray(self.args[k])), initial=0.0)) for k in positions)
        width = max(float(np.max(np.abs(d), initial=0.0)) for d in direction)
        derivative, error = numerical_pushforward(at, 0.02 * max(size, 1e-3) / max(width, 1e-300))
        scale = max(float(np.max(np.abs(d), initial=0.0)) for d in derivative)
        values = max(float(np.max(np.abs(y), initial=0.0)) for y in at(0.0))
        if not error <= 1e-5 * max(scale, values, 1e-12):
            raise NotDifferentiableError(
                f"{self.name}: central differences do not converge at this point (error estimate {error:.1e} "
                f"for a derivative of size {scale:.1e}); the function is not smooth here, or noisy"
            )
        return derivative

    def _imaginary(self, y: Array, value: Array) -> Array:
        """The imaginary part of f(x + i h v), if the function is seen to have carried it through."""
        if value.dtype.kind not in "fc":
            return np.zeros(y.shape)
        same = y.shape == value.shape and np.allclose(y.real, value, rtol=1e-8, atol=1e-12, equal_nan=True)
        if y.dtype.kind != "c" or not same:
            why = (
                "drops the imaginary part of its argument"
                if same
                else "has another value at x + 0i than at x"
            )
            raise NotDifferentiableError(
                f"the complex step does not work for {self.name}: it {why} (np.abs, a comparison, a cast, a "
                "plain real array that is filled, ...). Use numerical='central'"
            )
        return y.imag

    @property
    def columns_by_argument(self) -> list[list[list[Array]]]:
        """For each argument, the derivatives along its real (then imaginary) unit vectors, by result."""
        if self._columns is None:
            everything = []
            for k, s in enumerate(self.spaces):
                columns = []
                for unit in (1.0, 1j) if s.dtype.kind == "c" else (1.0,):
                    for at in np.ndindex(s.shape):
                        direction = [np.zeros(z.shape, z.dtype) for z in self.spaces]
                        direction[k][at] = unit
                        columns.append(self.along(direction))
                everything.append(columns)
            self._columns = everything
        return self._columns

    def push(self, v: Any) -> Any:
        stack = np.shape(v[0])[: np.ndim(v[0]) - len(self.spaces[0].shape)]
        if not stack and not any(type(x) in carriers for x in v):
            results = self.along([np.asarray(x) for x in v])
            return tuple(results) if self.several else results[0][()]
        total: Any = None
        for x, s, columns in zip(v, self.spaces, self.columns_by_argument, strict=True):
            flat = np.reshape(x, (*stack, int(np.prod(s.shape))))
            if s.dtype.kind == "c":
                flat = np.concatenate([np.real(flat), np.imag(flat)], axis=-1)
            terms = []
            for j in range(len(columns[0]) if columns else 0):
                matrix = np.stack([c[j] for c in columns])
                terms.append(np.tensordot(flat, matrix, 1))
            if terms:
                total = terms if total is None else [a + b for a, b in zip(total, terms, strict=True)]
        return tuple(total) if self.several else total[0]

    def pull(self, w: Any) -> tuple[Any, ...]:
        ws = w if isinstance(w, tuple) else (w,)
        gradients = []
        for s, columns in zip(self.spaces, self.columns_by_argument, strict=True):
            n = int(np.prod(s.shape))
            flat: Any = None
            stack: tuple[int, ...] = ()
            for j, wj in enumerate(ws):
                if wj is None or not columns:
                    continue
                matrix = np.stack([c[j] for c in columns])
                out_ndim = matrix.ndim - 1
                stack = np.shape(wj)[: np.ndim(wj) - out_ndim]
                rows = np.reshape(wj, (*stack, int(np.prod(matrix.shape[1:]))))
                term = np.real(
                    np.matmul(rows[..., None, :], np.conj(np.reshape(matrix, (len(columns), -1))).T)
                )[..., 0, :]
                flat = term if flat is None else flat + term
            if flat is None:
                gradients.append(s.zeros())
                continue
            if s.dtype.kind == "c":
                flat = flat[..., :n] + 1j * flat[..., n:]
            gradients.append(np.reshape(flat, stack + s.shape))
        return tuple(gradients)


def _is_numeric(a: Any) -> bool:
    plain = primal(a)
    return isinstance(plain, (np.ndarray, np.generic, float, complex, int)) and not isinstance(
        space(plain), NoTangent
    )
