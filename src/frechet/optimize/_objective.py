"""The objective of a minimisation: value, gradient, Hessian and products with it, once per point, counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..linear_map import Array
from ..rule import function_name, primal
from ..transforms import grad, hessian, linearize, value_and_grad
from ._variables import Variables, refuse_traced

Function = Callable[..., Any]


class Counts:
    """How often a function was run, and its first and second derivatives were evaluated.

    Every run of the function counts in ``values``, also where a derivative is evaluated by it; ``seconds``
    counts Hessians and products with a Hessian.
    """

    def __init__(self) -> None:
        self.values = self.firsts = self.seconds = 0


class Objective:
    """A real-valued function of the vector that SciPy works on, with exact derivatives.

    Parameters
    ----------
    fun : callable
        From the variables, and args, to a real number.
    variables : Variables
        How vectors are taken to what fun takes.
    args : tuple
        Further arguments.
    gradient : callable, bool or None
        The user's own gradient, as for scipy.optimize.minimize: True where fun returns it with its value.
    """

    def __init__(self, fun: Function, variables: Variables, args: tuple[Any, ...], gradient: Any) -> None:
        self._fun, self._variables, self._args = fun, variables, args
        self._own_gradient = gradient
        self._exact = gradient is None
        self.counts = Counts()
        self.function = composed(fun, variables, args, _first if gradient is True else _number)
        self._both = value_and_grad(self.function)
        self._gradient_of = grad(self.function)
        self._closure = f"{function_name(fun)} closes over"
        self._at: bytes | None = None  # where value and gradient were evaluated last
        self._value: Any = None
        self._gradient: Any = None
        self._linearized_at: bytes | None = None
        self._second: Any = None  # the derivative of the gradient there, a linear map

    def value_alone(self, v: np.ndarray) -> Any:
        """What fun returns, without any derivative."""
        self.counts.values += 1
        self._value = self.function(v)
        return self._value

    def value(self, v: np.ndarray) -> Any:
        """The value at v; the gradient is found with it."""
        self._evaluate(v)
        return self._value

    def gradient(self, v: np.ndarray) -> np.ndarray:
        """The partial derivatives by the coordinates at v."""
        self._evaluate(v)
        if self._gradient is None:  # by a function of the user's
            self.counts.firsts += 1
            gradient = self._own_gradient(self._variables.at(v), *self._args)
            self._gradient = self._variables.partials(gradient, "what jac returned")
        return np.array(self._gradient)

    def _evaluate(self, v: np.ndarray) -> None:
        at = np.array(v)
        key = at.tobytes()
        if key == self._at:
            return
        self._at = None
        self.counts.values += 1
        if self._exact:
            self.counts.firsts += 1
            self._value, self._gradient = self._both(at)
            refuse_traced((self._value,), self._closure)
        elif self._own_gradient is True:
            self.counts.firsts += 1
            self._value, gradient = self._fun(self._variables.at(at), *self._args)
            self._gradient = self._variables.partials(gradient, "the gradient that fun returned")
        else:
            self._value, self._gradient = self.function(at), None
        self._at = key

    def last(self) -> dict[str, float | None]:
        """The value evaluated last, and the norm of the gradient there if it was evaluated."""
        norm = None if self._gradient is None else float(np.linalg.norm(self._gradient))
        return {"value": self._value, "gradient": norm}

    def product(self, v: np.ndarray, p: np.ndarray) -> Array:
        """The Hessian at v times p, by a pushforward of the gradient."""
        at = np.array(v)
        key = at.tobytes()
        if key != self._linearized_at:
            self._linearized_at = None
            self.counts.values += 1
            self.counts.firsts += 1
            self._second = linearize(self._gradient_of, at)[1]
            self._linearized_at = key
        self.counts.seconds += 1
        return self._second(np.asarray(p, at.dtype))

    def hessian(self, v: np.ndarray) -> Array:
        """The Hessian at v as a matrix."""
        self.counts.values += 1
        self.counts.firsts += 1
        self.counts.seconds += 1
        return hessian(self.function)(np.array(v))

    # --- what a user gives ----------------------------------------------------------------------------------

    def given_hessian(self, hess: Any) -> Any:
        """A user's function for the Hessian, by the coordinates; what is no function stays as it is."""
        if not callable(hess):
            return hess

        def counted(v: np.ndarray) -> Any:
            self.counts.seconds += 1
            return hess(self._variables.at(v), *self._args)

        return counted

    def given_product(self, hessp: Function) -> Function:
        """A user's function for products with the Hessian, by the coordinates."""

        def counted(v: np.ndarray, p: np.ndarray) -> np.ndarray:
            self.counts.seconds += 1
            variables = self._variables
            product = hessp(variables.at(v), variables.at(p), *self._args)
            return variables.partials(product, "what hessp returned")

        return counted


def _number(out: Any) -> Any:
    """A number for an array of one entry, which SciPy takes for one."""
    plain = primal(out)
    return np.reshape(out, ()) if isinstance(plain, np.ndarray) and plain.ndim and plain.size == 1 else out


def _first(out: Any) -> Any:
    """The value, where fun returns it with its gradient."""
    return _number(out[0])


def composed(
    fun: Function,
    variables: Variables,
    args: tuple[Any, ...],
    after: Callable[[Any], Any] | None = None,
    kwargs: dict[str, Any] | None = None,
) -> Function:
    """The function of a vector: the variables at it, then fun, then ``after``; messages name it as fun."""
    further = kwargs or {}
    if not callable(fun):
        raise TypeError(f"the function to work on is not callable: {fun!r:.60}")

    def of_vector(v: Array) -> Any:
        out = fun(variables.at(v), *args, **further)
        return out if after is None else after(out)

    of_vector.__qualname__ = function_name(fun)
    return of_vector
