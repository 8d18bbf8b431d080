"""Rules by users, five ways: `fr.rule`.

    @fr.rule                                                     # value and linear maps together
    @fr.rule(np.linalg.inv)                                      # the same, in place of NumPy's rule
    fr.rule(f, frechet=lambda Y, A: lambda dA: -Y @ dA @ Y)      # a Fréchet derivative; its adjoint is found
    fr.rule(f, adjoint=lambda Y, A: lambda G: -Y.T @ G @ Y.T)    # the pullback; the pushforward is found
    fr.rule(f, jacobian=lambda Y, A: J)                          # the Jacobian, shape: output's, then input's
    fr.rule(f, numerical="complex-step")                         # numerically ("central" too)

All but the first describe the derivative as one linear map from the tangents of all numeric arguments to that
of the value.  A rule needs a map for each argument; these share the joint map as their outermost factor,
which the engine then applies once.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import CoercionError, NotDifferentiableError, RuleError
from .linear_map import Array, LinearMap
from .numerical import NumericalDerivative
from .rule import Rule, carriers, function_name, primal, table
from .space import NO_TANGENT, NoTangent, Space, space
from .transforms import vjp

Description = Callable[..., Any]


def rule(
    function: Callable[..., Any],
    *,
    frechet: Description | None = None,
    adjoint: Description | None = None,
    jacobian: Description | None = None,
    numerical: str | None = None,
) -> Any:
    """A function with a derivative of your own.

    Parameters
    ----------
    function : callable
        With no other argument, either a rule body, which returns (value, linear maps) — ``@fr.rule`` — or a
        function of NumPy or SciPy, for which the decorated body becomes the rule in this program —
        ``@fr.rule(np.linalg.inv)``.  With one of the following, the function itself, which may call anything;
        given as a method, it has the instance as an argument without tangent.
    frechet : callable, optional
        ``frechet(value, *args, **kwargs)`` returns the Fréchet derivative, a linear function of the tangents
        of the numeric arguments, in order (trailing arguments in which there is no derivative may be left
        out).  The adjoint is found by transposing it, unless ``adjoint`` is given too.
    adjoint : callable, optional
        ``adjoint(value, *args, **kwargs)`` returns the pullback, a linear function of the cotangent that
        returns the cotangents of the numeric arguments (a tuple for several; None where there is no
        derivative).
    jacobian : callable, optional
        ``jacobian(value, *args, **kwargs)`` returns the Jacobian, of shape value.shape + argument.shape (a
        tuple for several arguments).
    numerical : {"complex-step", "central"}, optional
        "complex-step" for functions of real arguments that accept complex ones (accurate to rounding),
        "central" for any function (differences, extrapolated; about ten digits).  One evaluation,
        respectively some twenty, for each direction, and in reverse for each entry of the arguments; no
        second derivatives.

    Returns
    -------
    callable
        It has the signature of ``function`` and takes plain and traced values.

    Raises
    ------
    RuleError
        While differentiating, where the description returns a wrong number, shape or kind of results.
    NotDifferentiableError
        Where a second derivative, or the other direction, needs code differentiated that cannot be.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> inv = fr.rule(np.linalg.inv, frechet=lambda Y, A: lambda dA: -Y @ dA @ Y)
    >>> fr.grad(lambda A: np.sum(inv(A)))(np.diag([1.0, 2.0]))
    array([[-1.  , -0.5 ],
           [-0.5 , -0.25]])
    """
    given = [k for k, v in (("jacobian", jacobian), ("numerical", numerical)) if v is not None]
    if frechet is not None or adjoint is not None:
        given.append("frechet/adjoint")
    if len(given) > 1:
        raise TypeError(
            "fr.rule takes one description of the derivative (frechet and adjoint may go together), "
            f"got {given}"
        )
    if not callable(function):
        raise TypeError(f"fr.rule needs a function, got {type(function).__name__}")
    if not given:
        if _is_library_function(function):
            return lambda body: _library_rule(function, body)
        return Rule(_value_of(function), _checked_body(function), function_name(function))

    name = function_name(function)
    signature = _signature(function)

    def joint(value: Any, args: tuple[Any, ...], kwargs: dict[str, Any], spaces: list[Space]) -> _Joint:
        if numerical is not None:
            return NumericalDerivative(function, args, kwargs, spaces, value, numerical, name)
        if jacobian is not None:
            return _FromJacobian(lambda: jacobian(value, *args, **kwargs), value, spaces, name)
        return _Described(
            None if frechet is None else frechet(value, *args, **kwargs),
            None if adjoint is None else adjoint(value, *args, **kwargs),
            spaces,
            _output_spaces(value),
            name,
        )

    def body(*args: Any, **kwargs: Any) -> Any:
        value = entry(*args, **kwargs)
        if signature is not None:  # which arguments are numeric does not depend on how they are passed
            bound = signature.bind(*args, **kwargs)
            args, kwargs = bound.args, bound.kwargs
        positions, spaces = _numeric_arguments(args)
        derivative = joint(value, args, kwargs, spaces)
        maps: list[LinearMap | None] = [None] * len(args)
        for k, position in enumerate(positions):
            if k < derivative.n_arguments:
                maps[position] = derivative @ _Place(k, spaces, name)
        return value, tuple(maps)

    if signature is not None:
        vars(body)["__signature__"] = signature
    entry = Rule(function, body, name)
    return entry


def _is_library_function(function: Callable[..., Any]) -> bool:
    module = getattr(function, "__module__", None) or ""
    return isinstance(function, np.ufunc) or module.partition(".")[0] in ("numpy", "scipy")


def _signature(function: Callable[..., Any]) -> Any:
    import inspect  # here, because it is slow to load

    try:
        return inspect.signature(function)
    except ValueError:  # functions in C without one: keyword arguments cannot be traced then
        return None


def _library_rule(function: Callable[..., Any], body: Callable[..., Any]) -> Rule:
    entry = Rule(function, _checked_body(body), function_name(function))
    table[function] = entry
    return entry


def _checked_body(body: Callable[..., Any]) -> Callable[..., Any]:
    """A user's rule body, with its results checked, and errors that say what a higher derivative needs."""
    name = function_name(body)

    @functools.wraps(body)
    def checked(*args: Any, **kwargs: Any) -> Any:
        try:
            result = body(*args, **kwargs)
        except (CoercionError, NotDifferentiableError) as error:
            if not any(type(a) in carriers for a in args):
                raise
            raise NotDifferentiableError(
                f"the rule {name} was asked for a higher derivative, for which its body is differentiated "
                "itself, but it calls code that cannot be: write it with NumPy functions, or give the "
                f"function that it calls a rule of its own. ({error})"
            ) from error
        if not (isinstance(result, tuple) and len(result) == 2):
            raise RuleError(f"the rule {name} must return (value, linear maps), it returned {result!r:.60}")
        if isinstance(result[1], tuple) and len(result[1]) > len(args):
            raise RuleError(
                f"the rule {name} returned {len(result[1])} linear maps for {len(args)} arguments"
            )
        return result

    return checked


def _value_of(body: Callable[..., Any]) -> Callable[..., Any]:
    checked = _checked_body(body)

    @functools.wraps(body)
    def function(*args: Any, **kwargs: Any) -> Any:
        return checked(*args, **kwargs)[0]

    return function


def _numeric_arguments(args: tuple[Any, ...]) -> tuple[list[int], list[Space]]:
    """Positions and spaces of the arguments that are numbers or numeric arrays."""
    positions, spaces = [], []
    for k, a in enumerate(args):
        plain = primal(a)
        if isinstance(plain, (np.ndarray, np.generic, float, complex, int)):
            s = space(plain)
            if not isinstance(s, NoTangent):
                positions.append(k)
                spaces.append(s)
    return positions, spaces


def _output_spaces(value: Any) -> list[Space] | Space:
    def one(v: Any) -> Space:
        s = space(primal(v))
        varies = s.dtype is not None and np.result_type(primal(v)).kind in "fc"
        return s if varies else NO_TANGENT  # an integer result has no tangent

    return [one(v) for v in value] if isinstance(value, (tuple, list)) else one(value)


class _Place(LinearMap):
    """The tangent of one argument among zeros for the others: v ↦ (0, …, v, …, 0)."""

    __slots__ = ("k", "name", "spaces")

    def __init__(self, k: int, spaces: list[Space], name: str) -> None:
        self.k = k
        self.spaces = spaces
        self.name = name

    def push(self, v: Array) -> Any:
        stack = np.shape(v)[: np.ndim(v) - len(self.spaces[self.k].shape)]
        return tuple(v if j == self.k else s.zeros(stack) for j, s in enumerate(self.spaces))

    def pull(self, w: Any) -> Array:
        if w[self.k] is None:
            raise NotDifferentiableError(
                f"the derivative given for {self.name} says nothing about its argument {self.k}"
            )
        return w[self.k]


class _Described(LinearMap):
    """The joint derivative as described by a user, in one or both directions, one direction at a time."""

    __slots__ = ("adjoint_function", "frechet", "n_arguments", "name", "out", "spaces")

    def __init__(
        self, frechet: Any, adjoint: Any, spaces: list[Space], out: list[Space] | Space, name: str
    ) -> None:
        self.frechet, self.adjoint_function = frechet, adjoint
        self.out, self.name = out, name
        self.n_arguments = len(spaces)
        for what, function in (("Fréchet derivative", frechet), ("pullback", adjoint)):
            if function is not None and not callable(function):
                raise RuleError(
                    f"the {what} given for {name} must be a function, got {type(function).__name__}"
                )
        if frechet is not None:
            self.n_arguments = min(self.n_arguments, _positional_parameters(frechet))
        self.spaces = spaces[: self.n_arguments]

    def push(self, v: Any) -> Any:
        return _each_direction(self._push_one, v[: self.n_arguments], self.spaces)

    def pull(self, w: Any) -> Any:
        several = isinstance(self.out, list)
        ws = tuple(w) if several else (w,)
        spaces: list[Space] = self.out if isinstance(self.out, list) else [self.out]
        return _each_direction(self._pull_one, ws, spaces)

    def _push_one(self, *tangents: Any) -> Any:
        if self.frechet is None:
            return self._transposed(self._call_adjoint, self.out, tangents)
        result = _guarded(self.frechet, tangents, f"the Fréchet derivative given for {self.name}")
        return self._fitted(result, self.out, f"the Fréchet derivative given for {self.name}", "the value")

    def _pull_one(self, *cotangents: Any) -> Any:
        if self.adjoint_function is None:
            several = isinstance(self.out, list)
            w = tuple(cotangents) if several else cotangents[0]
            return self._transposed(lambda vs: self._push_one(*vs), tuple(self.spaces), w)
        return self._call_adjoint(tuple(cotangents) if isinstance(self.out, list) else cotangents[0])

    def _call_adjoint(self, w: Any) -> tuple[Any, ...]:
        what = f"the pullback given for {self.name}"
        result = _guarded(self.adjoint_function, (w,), what)
        results = tuple(result) if isinstance(result, (tuple, list)) else (result,)
        results += (None,) * (len(self.spaces) - len(results))
        if len(results) > len(self.spaces):
            raise RuleError(
                f"{what} returned {len(results)} cotangents for {len(self.spaces)} numeric arguments"
            )
        return tuple(
            None if g is None else self._one(g, s, what, f"argument {k}")
            for k, (g, s) in enumerate(zip(results, self.spaces, strict=True))
        )

    def _transposed(self, function: Callable[[Any], Any], spaces: Any, w: Any) -> Any:
        """The transpose of a linear function, by differentiating it: it is its own derivative."""
        if isinstance(spaces, (tuple, list)):
            zeros: Any = tuple(s.zeros() for s in spaces)
        else:
            zeros = spaces.zeros()
        try:
            return vjp(function, zeros)[1](w)[0]
        except (CoercionError, NotDifferentiableError) as error:
            raise NotDifferentiableError(
                f"{self.name} was given only {'a Fréchet derivative' if self.frechet else 'a pullback'}, and "
                "the other direction is found by differentiating it, which failed because it calls code that "
                f"cannot be differentiated. Give both frechet= and adjoint=. ({error})"
            ) from error

    def _fitted(self, result: Any, out: Any, what: str, where: str) -> Any:
        if isinstance(out, list):
            if not isinstance(result, (tuple, list)) or len(result) != len(out):
                raise RuleError(f"{what} must return {len(out)} tangents, one for each result")
            return tuple(
                self._one(r, s, what, f"result {k}") for k, (r, s) in enumerate(zip(result, out, strict=True))
            )
        return self._one(result, out, what, where)

    def _one(self, g: Any, s: Space, what: str, where: str) -> Any:
        """One tangent or cotangent of the right shape and kind; errors name the rule and the place."""
        if isinstance(s, NoTangent):
            return None
        if g is None:
            raise RuleError(f"{what} returned None for {where}")
        plain = primal(g)
        if isinstance(plain, (list, tuple)):
            plain = g = np.asarray(g)
        kind = getattr(
            plain, "dtype", np.dtype(type(plain) if isinstance(plain, (int, float, complex)) else object)
        ).kind
        if kind not in "fciu":
            raise RuleError(f"{what} returned {type(plain).__name__} for {where}, where numbers are due")
        if np.shape(plain) != s.shape:
            raise RuleError(f"{what} returned shape {np.shape(plain)} for {where}, which has shape {s.shape}")
        return g  # dtype and realness are the engine's affair: it projects, and says so in its log


class _FromJacobian(LinearMap):
    """The joint derivative by Jacobian matrices, which are computed when first needed."""

    __slots__ = ("_compute", "_matrices", "n_arguments", "name", "spaces", "value_space")

    def __init__(self, compute: Callable[[], Any], value: Any, spaces: list[Space], name: str) -> None:
        if isinstance(value, (tuple, list)):
            raise RuleError(f"{name} returns several results; give its derivative by frechet= or adjoint=")
        self._compute = compute
        self._matrices: list[Any] | None = None
        self.value_space, self.spaces, self.name = space(primal(value)), spaces, name
        self.n_arguments = len(spaces)

    @property
    def matrices(self) -> list[Any]:
        """Per numeric argument a matrix (entries of the value × entries of the argument), or None."""
        if self._matrices is None:
            found = _guarded(self._compute, (), f"the Jacobian given for {self.name}")
            found = list(found) if isinstance(found, (tuple, list)) else [found]
            if len(found) > len(self.spaces):
                raise RuleError(
                    f"the function given for the Jacobian of {self.name} returned {len(found)} matrices for "
                    f"{len(self.spaces)} numeric arguments"
                )
            out = self.value_space.shape
            matrices: list[Any] = []
            for k, (J, s) in enumerate(zip(found, self.spaces, strict=False)):
                if np.shape(J) != out + s.shape:
                    raise RuleError(
                        f"the Jacobian given for {self.name} has shape {np.shape(J)} for argument {k}, where "
                        f"{out + s.shape} is due: the shape of the value, then that of the argument"
                    )
                matrices.append(np.reshape(J, (_size(out), _size(s.shape))))
            matrices += [None] * (len(self.spaces) - len(matrices))
            self._matrices = matrices
        return self._matrices

    def push(self, v: Any) -> Array:
        total: Any = None
        for vk, s, J in zip(v, self.spaces, self.matrices, strict=True):
            stack = np.shape(vk)[: np.ndim(vk) - len(s.shape)]
            if J is None:
                if np.any(primal(vk)):
                    raise NotDifferentiableError(
                        f"the Jacobian given for {self.name} leaves out an argument in use"
                    )
                continue
            term = np.reshape(
                np.matmul(np.reshape(vk, (*stack, 1, J.shape[1])), J.T), stack + self.value_space.shape
            )
            total = term if total is None else total + term
        return total

    def pull(self, w: Array) -> tuple[Any, ...]:
        stack = np.shape(w)[: np.ndim(w) - len(self.value_space.shape)]
        row = np.reshape(w, (*stack, 1, _size(self.value_space.shape)))
        return tuple(
            None if J is None else np.reshape(np.matmul(row, np.conj(J)), stack + s.shape)
            for s, J in zip(self.spaces, self.matrices, strict=True)
        )


_Joint = NumericalDerivative | _Described | _FromJacobian


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape))


def _positional_parameters(function: Callable[..., Any]) -> int:
    """How many positional arguments a function must be given; a large number where that is not known."""
    import inspect

    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return sys.maxsize
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return sys.maxsize
    return sum(
        p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty for p in parameters
    )


def _guarded(function: Callable[..., Any], args: tuple[Any, ...], what: str) -> Any:
    """Call a user's description; where it coerces a traced value, say that it must be differentiable."""
    try:
        return function(*args)
    except (CoercionError, NotDifferentiableError) as error:
        raise NotDifferentiableError(
            f"{what} cannot itself be differentiated, which a higher derivative (or transposing it) needs: "
            f"write it with NumPy functions, or give the function that it calls a rule. ({error})"
        ) from error


def _each_direction(function: Callable[..., Any], arrays: Any, spaces: Any) -> Any:
    """Call a function that knows no stacks for every direction of a stack."""
    stack: tuple[int, ...] = ()
    for a, s in zip(arrays, spaces, strict=True):
        if a is not None and s.dtype is not None:
            stack = np.shape(a)[: np.ndim(a) - len(s.shape)]
            break
    if not stack:
        return function(*arrays)
    results = [function(*(None if a is None else a[at] for a in arrays)) for at in np.ndindex(*stack)]

    def restack(parts: Any) -> Any:
        if any(p is None for p in parts):
            return None
        together = np.stack(parts)
        return np.reshape(together, stack + np.shape(parts[0]))

    if isinstance(results[0], tuple):
        return tuple(restack([r[k] for r in results]) for k in range(len(results[0])))
    return restack(results)
