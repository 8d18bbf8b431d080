"""Residuals, equations and constraints: vector functions with their Jacobians, once per point, counted."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

from ..linear_map import Array
from ..rule import function_name
from ..sparse import SparseDerivative
from ..sparse import jacobian as sparse_jacobian
from ..transforms import grad, linearize
from ._objective import Counts, Function, composed
from ._progress import Bar
from ._variables import Variables, ravel, refuse_traced


class Residuals:
    """A function from the vector that SciPy works on to a vector, with exact derivatives.

    The function is linearised whenever a value is asked for, so that the Jacobian at the same point costs no
    further run.

    Parameters
    ----------
    fun : callable
        From the variables, args and kwargs to numbers, an array or a container of such.
    variables : Variables
        How vectors are taken to what fun takes.
    args, kwargs : tuple, dict
        Further arguments.
    own_jacobian : bool, optional
        Whether the user has given the Jacobian: then nothing is linearised.
    bar : Bar, optional
        It is moved at each run, with the norm of the values.
    """

    def __init__(
        self,
        fun: Function,
        variables: Variables,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        own_jacobian: bool = False,
        bar: Bar | None = None,
    ) -> None:
        name = function_name(fun)
        self._variables, self._args, self._kwargs = variables, args, kwargs or {}
        self._own_jacobian, self._bar = own_jacobian, bar

        def vector(out: Any) -> Array:
            if variables.has_form_of(out):  # as many equations as variables
                return variables.coordinates(out, f"what {name} returned")
            return ravel(out, name, variables.plain, complex_step=own_jacobian and variables.plain)

        self.function = composed(fun, variables, args, vector, kwargs)
        self.counts = Counts()
        self._at: bytes | None = None
        self._value: Any = None
        self._derivative: Any = None
        self._kept: Any = None
        self._kept_at: bytes | None = None
        self._sparse: SparseDerivative | None = None
        self._second_at: tuple[np.ndarray, np.ndarray] | None = None
        self._second: Any = None

    def value_alone(self, v: np.ndarray) -> Any:
        """The values at v, without any derivative."""
        self.counts.values += 1
        value = self.function(v)
        self._show(value)
        return value

    def _show(self, value: Any) -> None:
        if self._bar is not None:
            self._bar.show(residuals=float(np.linalg.norm(np.ravel(value))))

    def value(self, v: np.ndarray) -> Any:
        """The values at v; the derivative is found with them."""
        if self._own_jacobian:
            return self.value_alone(v)
        self._linearize(v)
        return np.array(self._value)

    def _linearize(self, v: np.ndarray) -> None:
        at = np.array(v)
        key = at.tobytes()
        if key == self._at:
            return
        self._at = None
        self.counts.values += 1
        self._value, self._derivative = linearize(self.function, at)
        refuse_traced((self._value,), f"{function_name(self.function)} closes over")
        self._at = key
        self._show(self._value)

    def jacobian(self, v: np.ndarray) -> Array:
        """The Jacobian at v, written out: residuals × coordinates."""
        self._linearize(v)
        self.counts.firsts += 1
        return np.reshape(self._derivative.to_dense(), (-1, np.size(v)))

    def kept_jacobian(self, v: np.ndarray) -> Array:
        """The same, evaluated once per point: MINPACK asks twice for that at the start."""
        key = np.asarray(v).tobytes()
        if key != self._kept_at:
            self._kept, self._kept_at = self.jacobian(v), key
        return np.array(self._kept)

    def operator(self, v: np.ndarray) -> LinearOperator:
        """The Jacobian at v as a linear operator: a pushforward or a pullback for each product."""
        self._linearize(v)
        self.counts.firsts += 1
        L, shape, dtype = self._derivative, np.shape(self._value), np.asarray(self._value).dtype
        at_type = np.asarray(v).dtype

        def matvec(p: np.ndarray) -> Array:
            return np.reshape(L(np.reshape(p, np.shape(v)).astype(at_type, copy=False)), (-1,))

        def rmatvec(w: np.ndarray) -> Array:
            return L.adjoint(np.reshape(w, shape).astype(dtype, copy=False))

        size = (int(np.size(self._value)), int(np.size(v)))
        return LinearOperator(size, matvec=matvec, rmatvec=rmatvec, dtype=np.result_type(dtype, at_type))

    def prepare_sparse(self, v: np.ndarray, sparsity: Any) -> None:
        """Find the pattern of the Jacobian, unless it is given, and what directions to push."""

        def counted(u: Any) -> Any:
            self.counts.values += 1
            return self.function(u)

        self._sparse = sparse_jacobian(counted, np.array(v), sparsity=sparsity)

    def sparse(self, v: np.ndarray) -> Any:
        """The Jacobian at v as a scipy.sparse.csr_array."""
        assert self._sparse is not None
        self._linearize(v)
        self.counts.firsts += 1
        return self._sparse.of(self._derivative)

    def curvature(self, v: np.ndarray, multipliers: np.ndarray) -> LinearOperator:
        """Σ multipliers[k] · (the Hessian of value k) at v, as a linear operator."""
        w = np.array(multipliers, float)
        at = np.array(v)

        def matvec(p: np.ndarray) -> Array:
            if self._second_at is None or not all(map(np.array_equal, self._second_at, (at, w))):
                self._second_at = None
                self.counts.values += 1
                self.counts.firsts += 1
                self._second = linearize(grad(lambda x: np.sum(w * self.function(x))), at)[1]
                self._second_at = at, w
            self.counts.seconds += 1
            return self._second(np.reshape(p, np.shape(at)).astype(at.dtype, copy=False))

        return LinearOperator((at.size, at.size), matvec=matvec, rmatvec=matvec, dtype=float)

    def given_jacobian(self, jac: Any) -> Any:
        """A user's function for the Jacobian, counted; what is no function stays as it is."""
        if not callable(jac):
            return jac

        def counted(v: np.ndarray) -> Any:
            self.counts.firsts += 1
            return jac(self._variables.at(v), *self._args, **self._kwargs)

        return counted
