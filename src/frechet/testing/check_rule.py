"""`check_rule`: whether a derivative is right, in every way in which it can be used."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..differences import numerical_pushforward
from ..rule import Rule, function_name, load_chapters, primal
from ..space import EntriesSpace, NoTangent, Space, TreeSpace, leaf_spaces, space
from ..transforms import jvp, linearize, value_and_grad, vjp
from ..tree import flatten, is_container

# Relative tolerances by working precision.  Differences: Ridders' extrapolation reaches about 1e-10 for
# functions that vary on a scale of one; a wrong factor or sign shows at order one.  Identities (adjointness,
# linearity, stacks) hold to rounding times the condition of the function, for which three to six digits are
# left.
DIFFERENCES = {"f8": 1e-6, "f4": 5e-3, "f2": 5e-2, "f16": 1e-6}
IDENTITIES = {"f8": 1e-9, "f4": 2e-4, "f2": 3e-2, "f16": 1e-9}


class RuleCheckError(AssertionError):
    """A derivative failed a check; the message names the function, the check, and the figures."""


def check_rule(
    f: Callable[..., Any],
    *args: Any,
    orders: int = 2,
    seed: int = 0,
    tolerance: float | None = None,
    **kwargs: Any,
) -> None:
    """Check the derivative of f at the given arguments, in every way in which it can be used.

    Value against the undifferentiated function; pushforward against extrapolated differences; adjointness
    ⟨Jv, w⟩ = ⟨v, J*w⟩; linearity; stacked directions against a loop; gradients in the space of their
    argument; read-only, stride-0, non-contiguous and empty data; nothing mutated; and all of it again for the
    pullback and the pushforward as functions of the point (second order).

    Parameters
    ----------
    f : callable
        The function or rule.
    *args
        Its positional arguments.  Floating-point and complex arrays and scalars (also in lists and other
        containers) are differentiated; all else, and the keyword arguments, is constant.
    orders : int, optional
        1 leaves the second order out, for rules that cannot have one.
    seed : int, optional
        Of the random directions.
    tolerance : float, optional
        The relative tolerance of the comparison with differences, where the default is too narrow for a
        function that varies quickly.
    **kwargs
        Keyword arguments of f.

    Raises
    ------
    RuleCheckError
        An AssertionError, at the first check that fails; it names the function, the check and the figures.

    Examples
    --------
    >>> import numpy as np
    >>> check_rule(np.linalg.inv, np.array([[2.0, 1.0], [0.5, 3.0]]))

    >>> import frechet as fr
    >>> wrong = fr.rule(np.linalg.inv, adjoint=lambda Y, A: lambda G: -Y @ G @ Y)
    >>> check_rule(wrong, np.array([[2.0, 1.0], [0.5, 3.0]]))
    Traceback (most recent call last):
    ...
    frechet.testing.check_rule.RuleCheckError: ...
    """
    load_chapters()
    check = _Check(f, args, kwargs, seed, tolerance)
    check.value()
    check.pushforward()
    check.adjointness()
    check.linearity()
    check.stacks()
    check.memory()
    if check.structured:
        check.structures()
    else:
        check.empty()
    if orders >= 2 and check.outputs:
        check.second_order()


class _Check:
    """The state of one call: the function of the differentiated leaves, random directions, tolerances."""

    def __init__(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        seed: int,
        tolerance: float | None,
    ) -> None:
        self.name = f.name if isinstance(f, Rule) else function_name(f)
        self.rng = np.random.default_rng(seed)
        leaves, treedef = flatten(args)
        varied = [k for k, leaf in enumerate(leaves) if _is_inexact(leaf)]
        spaces = leaf_spaces(args, leaves)
        self.f, self.args, self.kwargs = f, args, kwargs
        self.in_spaces = [spaces[k] for k in varied]
        self.structured = any(isinstance(s, EntriesSpace) for s in self.in_spaces)
        if not varied:
            raise RuleCheckError(
                f"{self.name}: none of the arguments is a floating-point or complex number or array"
            )
        self.primals = [_read_only(leaves[k]) for k in varied]
        self.original = [np.copy(x) for x in self.primals]

        def call(*xs: Any) -> Any:
            filled = list(leaves)
            for k, x in zip(varied, xs, strict=True):
                filled[k] = x
            return f(*treedef.unflatten(filled), **kwargs)

        def g(*xs: Any) -> list[Any]:
            """The results of f that have a tangent, as a list."""
            out = call(*xs)
            results = flatten(out)[0] if is_container(out) else [out]
            return [y for y in results if _is_inexact(y)]

        self.call, self.g = call, g
        self.plain = g(*self.primals)
        precision = min(
            (np.dtype(np.result_type(x)).type(0).real.dtype.str[1:] for x in (*self.primals, *self.plain)),
            key=lambda s: int(s[1:]),
        )
        self.identity_tolerance = IDENTITIES[precision]
        self.difference_tolerance = DIFFERENCES[precision] if tolerance is None else tolerance
        self.outputs, self.derivative = linearize(g, *self.primals)
        self.tangents = self.tangent_directions()
        self.cotangents = [self.direction(y) for y in self.plain]

    def fail(self, what: str) -> None:
        raise RuleCheckError(f"{self.name}: {what}")

    def tangent_directions(self, stack: tuple[int, ...] = ()) -> list[Any]:
        """Random elements of the spaces of the arguments."""
        return [self.element(s, stack) for s in self.in_spaces]

    def direction(self, x: Any, stack: tuple[int, ...] = ()) -> Any:
        """A random element of the space of x."""
        return self.element(space(primal(x)), stack)

    def element(self, s: Space, stack: tuple[int, ...] = ()) -> Any:
        """A random element of a space."""
        v = self.rng.standard_normal(stack + s.shape)
        if s.dtype.kind == "c":
            v = v + 1j * self.rng.standard_normal(stack + s.shape)
        return s.project(np.asarray(v)[()] if not (stack + s.shape) else v, stack)

    def compare(
        self, what: str, got: list[Any], expected: list[Any], tolerance: float, scale: float = 0.0
    ) -> None:
        """Entries equal up to a tolerance relative to the largest entry (or to a given scale)."""
        for k, pair in enumerate(zip(got, expected, strict=True)):
            a, b = map(np.asarray, pair)
            if a.shape != b.shape:
                self.fail(f"{what}: part {k} has shape {a.shape}, expected {b.shape}")
            if not a.size:
                continue
            size = max(scale, float(np.max(np.abs(b))), float(np.finfo(np.float32).tiny))
            error = float(np.max(np.abs(a - b))) / size
            if not error <= tolerance:
                self.fail(f"{what}: part {k} differs by {error:.1e} of its size, allowed {tolerance:.0e}")

    # --- the checks ---------------------------------------------------------------------------------------

    def value(self) -> None:
        """The traced value equals the plain one, in value, shape and dtype."""
        if len(self.outputs) != len(self.plain):
            self.fail("the differentiated function returns a different number of results than the plain one")
        for k, (y, plain) in enumerate(zip(self.outputs, self.plain, strict=True)):
            if np.result_type(y) != np.result_type(plain):
                self.fail(
                    f"result {k} has dtype {np.result_type(y)} under differentiation, "
                    f"{np.result_type(plain)} without"
                )
        self.compare("value under differentiation", self.outputs, self.plain, self.identity_tolerance)

    def pushforward(self) -> None:
        """Jv equals extrapolated differences, and jvp equals linearize."""
        pushed = self.derivative(*self.tangents)
        self.compare(
            "jvp against linearize",
            jvp(self.g, self.primals, self.tangents)[1],
            pushed,
            self.identity_tolerance,
        )
        self.against_differences("pushforward", self.g, pushed)

    def against_differences(self, what: str, g: Callable[..., list[Any]], pushed: list[Any]) -> None:
        """A pushforward along self.tangents against differences of g, computed in double precision."""
        wide = [_widened(x) for x in self.primals]
        directions = [_widened(v) for v in self.tangents]

        def along(t: float) -> list[Any]:
            with np.errstate(all="ignore"):
                return g(*(x + t * v for x, v in zip(wide, directions, strict=True)))

        scale = max((float(np.max(np.abs(y), initial=0.0)) for y in (primal(p) for p in pushed)), default=0.0)
        step, best, error = 0.05, [], np.inf
        while step > 1e-4:  # a smaller first step where the function varies quickly or is not smooth nearby
            candidate, estimate = numerical_pushforward(along, step)
            if estimate < error:
                best, error = candidate, estimate
            if error <= 0.01 * self.difference_tolerance * max(scale, 1e-3):
                break
            step /= 8
        floor = max(float(np.max(np.abs(y), initial=0.0)) for y in (*map(primal, self.plain), 0.0)) * 1e-6
        if not error <= self.difference_tolerance * max(scale, floor, 1e-3) * 10:
            self.fail(
                f"{what}: differences do not converge here (error estimate {error:.1e}); "
                "choose a smoother point"
            )
        self.compare(
            f"{what} against differences",
            pushed,
            best,
            self.difference_tolerance + 10 * error,
            max(scale, floor),
        )

    def adjointness(self) -> None:
        """⟨Jv, w⟩ = ⟨v, J*w⟩, relative to ‖Jv‖‖w‖ + ‖v‖‖J*w‖; gradients in the spaces of their arguments."""
        pushed = self.derivative(*self.tangents)
        records = _Records()
        with records:
            pulled = _as_tuple(self.derivative.adjoint(list(self.cotangents)))
        for k, (g, x) in enumerate(zip(pulled, self.primals, strict=True)):
            if not space(x).contains(g):
                self.fail(f"the gradient in argument {k} is {_kind(g)}, the argument {_kind(x)}")
        real = not any(np.iscomplexobj(x) for x in (*self.primals, *self.plain))
        for message in records.messages:
            if real and f"rule for {self.name} gave complex" in message:
                self.fail("the rule pulled a real cotangent back to a complex one for a real argument")
        left, right = _inner(pushed, self.cotangents), _inner(self.tangents, pulled)
        scale = _norm(pushed) * _norm(self.cotangents) + _norm(self.tangents) * _norm(pulled)
        if not abs(left - right) <= self.identity_tolerance * scale:
            self.fail(
                f"adjointness: ⟨Jv, w⟩ = {left:.12g}, ⟨v, J*w⟩ = {right:.12g}: "
                "pushforward and pullback disagree"
            )
        # With w = Jv nothing cancels in the first inner product.
        left = _norm(pushed) ** 2
        right = _inner(self.tangents, _as_tuple(self.derivative.adjoint(list(pushed))))
        if not abs(left - right) <= 10 * self.identity_tolerance * left:
            self.fail(
                f"adjointness: ⟨Jv, Jv⟩ = {left:.12g}, ⟨v, J*Jv⟩ = {right:.12g}: "
                "pushforward and pullback disagree"
            )

    def linearity(self) -> None:
        """J(2v − 3u) = 2Jv − 3Ju, and the same of the adjoint."""
        others = self.tangent_directions()
        mixed = [
            space(x).project(2 * v - 3 * u)
            for x, v, u in zip(self.primals, self.tangents, others, strict=True)
        ]
        parts = zip(self.derivative(*self.tangents), self.derivative(*others), strict=True)
        expected = [2 * a - 3 * b for a, b in parts]
        self.compare("linearity of the pushforward", self.derivative(*mixed), expected,
                     self.identity_tolerance, _norm(self.derivative(*self.tangents)))  # fmt: skip
        others = [self.direction(y) for y in self.plain]
        mixed = [
            space(y).project(2 * v - 3 * u)
            for y, v, u in zip(self.plain, self.cotangents, others, strict=True)
        ]
        pulled, second, both = (
            list(_as_tuple(self.derivative.adjoint(w))) for w in (self.cotangents, others, mixed)
        )
        expected = [2 * a - 3 * b for a, b in zip(pulled, second, strict=True)]
        self.compare("linearity of the pullback", both, expected, self.identity_tolerance, _norm(pulled))

    def stacks(self) -> None:
        """A stack of directions gives what a loop over them gives, both ways."""
        lin = self.derivative._lin
        for stack in ((3,), (2, 1)):
            tangents = self.tangent_directions(stack)
            stacked = lin.push(tangents, stack)
            cotangents = [self.direction(y, stack) for y in self.plain]
            pulled = lin.pull(cotangents, stack)
            for at in np.ndindex(stack):
                one = lin.push([np.asarray(v)[at] for v in tangents])
                self.compare_stack("pushforward", one, stacked, at)
                one = lin.pull([np.asarray(w)[at] for w in cotangents])
                self.compare_stack("pullback", one, pulled, at)

    def compare_stack(self, what: str, one: list[Any], stacked: list[Any], at: tuple[int, ...]) -> None:
        for a, b in zip(one, stacked, strict=True):
            if (a is None) != (b is None):
                self.fail(f"{what} of a stack: zero for one direction but not for the stack")
            if a is not None:
                self.compare(
                    f"{what} of a stack", [np.asarray(b)[at]], [a], self.identity_tolerance, _norm([a])
                )

    def memory(self) -> None:
        """Non-contiguous, stride-0 and read-only data give the same; nothing is changed."""
        pulled = _as_tuple(self.derivative.adjoint(list(self.cotangents)))
        strided = [_strided(x) for x in self.primals]
        values: list[Any] = []

        def weighted(*xs: Any) -> Any:
            ys = self.g(*xs)
            values[:] = [primal(y) for y in ys]
            terms = [np.sum(np.real(np.conj(w) * y)) for y, w in zip(ys, self.cotangents, strict=True)]
            return sum(terms[1:], terms[0]) * np.float64(1.0)

        if self.plain:  # value_and_grad, which unlike linearize does not work on copies
            gradients = value_and_grad(weighted, argnums=tuple(range(len(strided))))(*strided)[1]
            self.compare("value at non-contiguous arguments", values, self.plain, self.identity_tolerance)
            self.compare("pullback at non-contiguous arguments", list(gradients), list(pulled),
                         self.identity_tolerance, _norm(pulled))  # fmt: skip
        constant = [_stride_zero(w) for w in self.cotangents]
        full = [np.array(w) if isinstance(w, np.ndarray) else w for w in constant]
        repeated, expected = (list(_as_tuple(self.derivative.adjoint(w))) for w in (constant, full))
        self.compare("pullback of a stride-0 cotangent", repeated, expected,
                     self.identity_tolerance, _norm(pulled))  # fmt: skip
        for k, (x, before) in enumerate(zip(self.primals, self.original, strict=True)):
            if not np.array_equal(x, before, equal_nan=True):
                self.fail(f"argument {k} was changed in place")

    def structures(self) -> None:
        """The gradient in an argument that is or holds a structured matrix has its structure."""

        def weighted(*args: Any) -> Any:
            out = self.f(*args, **self.kwargs)
            results = [y for y in (flatten(out)[0] if is_container(out) else [out]) if _is_inexact(y)]
            terms = [np.sum(np.real(np.conj(w) * y)) for y, w in zip(results, self.cotangents, strict=True)]
            return sum(terms[1:], terms[0]) * np.float64(1.0)

        for k, x in enumerate(self.args):
            s = space(x)
            if not (isinstance(s, TreeSpace) and any(isinstance(part, EntriesSpace) for part in s.spaces)):
                continue
            g = value_and_grad(weighted, argnums=k)(*self.args)[1]
            leaves, treedef = flatten(g)
            if treedef != s.treedef:
                self.fail(f"the gradient in argument {k} is a {treedef}, the argument a {s.treedef}")
            parts = [(p, leaf) for p, leaf in zip(s.spaces, leaves, strict=True) if p.dtype is not None]
            self.compare(
                f"the gradient in argument {k} against its projection onto the argument's space",
                [leaf for _, leaf in parts],
                [p.project(leaf) for p, leaf in parts],
                self.identity_tolerance,
            )

    def empty(self) -> None:
        """Arguments without entries, where the plain function takes them."""
        cuts: tuple[Callable[[Any], Any], ...] = (lambda x: x[:0], lambda x: x[..., :0])
        for cut in cuts:
            emptied = [cut(x) if isinstance(x, np.ndarray) and x.ndim else x for x in self.primals]
            if all(a is b for a, b in zip(emptied, self.primals, strict=True)):
                return
            try:
                with warnings.catch_warnings(), np.errstate(all="ignore"):
                    warnings.simplefilter("error")
                    plain = self.g(*emptied)
            except Exception:  # noqa: BLE001  # whatever the function says to empty arguments
                continue
            try:
                with np.errstate(all="ignore"):
                    y, L = linearize(self.g, *emptied)
                    pushed = L(*[np.zeros_like(x) for x in emptied])
                    pulled = _as_tuple(L.adjoint([space(a).zeros() for a in y]))
            except Exception as error:
                raise RuleCheckError(
                    f"{self.name}: the function takes empty arguments, its derivative does not: {error!r}"
                ) from error
            shapes = [[np.shape(a) for a in group] for group in (y, pushed, pulled)]
            if shapes != [[np.shape(a) for a in group] for group in (plain, plain, emptied)]:
                self.fail(f"wrong shapes of value, pushforward or pullback at empty arguments: {shapes}")

    def second_order(self) -> None:
        """The pullback and the pushforward, as functions of the point, have right derivatives themselves."""

        def pulled(*xs: Any) -> list[Any]:
            y, pullback = vjp(self.g, *xs)
            return list(
                pullback([space(primal(a)).project(w) for a, w in zip(y, self.cotangents, strict=True)])
            )

        def pushed(*xs: Any) -> list[Any]:
            return list(
                jvp(
                    self.g, xs, [space(primal(x)).project(v) for x, v in zip(xs, self.tangents, strict=True)]
                )[1]
            )

        for what, h in (("second order (pullback)", pulled), ("second order (pushforward)", pushed)):
            values, L = linearize(h, *self.primals)
            forward = L(*self.tangents)
            self.against_differences(what, h, forward)
            weights = [self.direction(y) for y in values]
            backward = _as_tuple(L.adjoint(weights))
            left, right = _inner(forward, weights), _inner(self.tangents, backward)
            scale = _norm(forward) * _norm(weights) + _norm(self.tangents) * _norm(backward)
            if not abs(left - right) <= self.identity_tolerance * max(scale, _norm(values) * _norm(weights)):
                self.fail(f"{what}: its pushforward and pullback disagree, {left:.12g} and {right:.12g}")


class _Records(logging.Handler):
    """Collects the engine's debug log, which names the rules whose results had to be projected."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())

    def __enter__(self) -> None:
        log = logging.getLogger("frechet")
        self.before = (log.level, log.propagate)
        log.addHandler(self)
        log.setLevel(logging.DEBUG)
        log.propagate = False

    def __exit__(self, *exc: object) -> None:
        log = logging.getLogger("frechet")
        log.removeHandler(self)
        log.level, log.propagate = self.before


def _is_inexact(x: Any) -> bool:
    s = space(primal(x))
    if isinstance(s, NoTangent) or s.dtype is None:
        return False
    return bool(np.result_type(primal(x)).kind in "fc")


def _read_only(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        x = x.copy(order="K")
        x.flags.writeable = False
    return x


def _widened(x: Any) -> Any:
    """x in double precision (or more)."""
    dtype = np.result_type(x)
    if (
        isinstance(x, np.ndarray)
        or dtype.itemsize < np.dtype(dtype.kind + ("8" if dtype.kind == "f" else "16")).itemsize
    ):
        return np.asarray(x).astype(np.result_type(dtype, np.float64))[()]
    return x


def _strided(x: Any) -> Any:
    """A non-contiguous view with the entries of x."""
    if not isinstance(x, np.ndarray) or x.ndim == 0:
        return x
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    return wide[..., ::2]


def _stride_zero(w: Any) -> Any:
    if not isinstance(w, np.ndarray) or not w.size:
        return w
    return np.broadcast_to(w.reshape(-1)[0], w.shape)


def _as_tuple(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else (x,)


def _inner(a: Any, b: Any) -> float:
    return float(
        sum(
            np.real(np.vdot(np.asarray(x, _wide(x)), np.asarray(y, _wide(y))))
            for x, y in zip(a, b, strict=True)
        )
    )


def _wide(x: Any) -> Any:
    return np.complex128 if np.iscomplexobj(x) else np.float64


def _norm(a: Any) -> float:
    return float(np.sqrt(sum(np.sum(np.abs(np.asarray(x, _wide(x))) ** 2) for x in a)))


def _kind(x: Any) -> str:
    return f"{type(x).__name__} of shape {np.shape(x)} and dtype {np.result_type(x)}"
