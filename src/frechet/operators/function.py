"""A user's function as an operator."""

from __future__ import annotations

import functools
import re
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import NotDifferentiableError, RuleError
from ..linear_map import Array
from ..rule import function_name, primal, structured_types
from ..tree import TreeDef, flatten, is_container, node_types
from .derivatives import Pullback
from .operator import Arrays, Derivative, Indices, Operator, Outline, outline, own, placed
from .sample import samples

Rebuild = Callable[[Arrays], tuple[Sequence[Any], dict[str, Any]]]


class Function(Operator):
    """A user's function of arrays, with all else about its call fixed.

    Parameters
    ----------
    f : callable
        The function, of numbers, arrays and containers.
    rebuild : callable
        ``rebuild(arrays)`` gives the arguments and the keyword arguments of the call.
    key : tuple
        What tells this call from others of f; it can be hashed.
    linear : bool
        Whether f is linear in all its arrays together.
    signature : str, optional
        What f does with leading axes, as in `numpy.vectorize`: "(n,n),(n)->(n)".  Without it nothing is
        assumed, and a batch is a loop.
    result : callable, optional
        ``result(*arguments, **keywords)``, of objects with shape and dtype in place of arrays, returns such
        objects in place of what f returns.  Without it, f is run on sample values where that is to be known.
    leading : int
        How many axes, in front of those of the call, are the axes of batches.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        rebuild: Rebuild,
        key: tuple[Any, ...],
        linear: bool = False,
        signature: str | None = None,
        result: Callable[..., Any] | None = None,
        leading: int = 0,
    ) -> None:
        self.f, self.rebuild, self.signature, self.result = f, rebuild, signature, result
        self.is_linear = linear
        self.linear = 0 if linear else None
        self.name = function_name(f)
        self.call = key
        self.key = (_identity(f), key, linear, signature, _identity(result), leading)
        self._cores = None if signature is None else core_dimensions(signature)
        self._leading = leading
        self._last = threading.local()
        self._known: dict[tuple[Outline, ...], tuple[list[Outline], TreeDef | None]] = {}

    def trace(self, *arrays: Array) -> tuple[Any, ...]:
        args, kwargs = self.rebuild(self._aligned(arrays) if self._leading else arrays)
        return self._leaves(self.f(*args, **kwargs))

    def __call__(self, *arrays: Array) -> list[np.ndarray]:
        return self.noted(arrays, super().__call__(*arrays))

    def linearize(
        self, arrays: Arrays, arguments: Indices, results: Indices | None = None
    ) -> tuple[list[np.ndarray], Derivative]:
        values, derivative = super().linearize(arrays, arguments, results)
        return self.noted(arrays, values), derivative

    def directions(self, point: Arrays, stacks: Arrays, axes: int) -> list[np.ndarray] | None:
        of = [(np.shape(s)[axes:], s.dtype) for s in stacks]
        if not self.is_linear or not all(dtype.kind in "fc" for _, dtype in of):
            return None
        # A linear function is its own derivative, at any point.
        values, derivative = self.linearize([np.zeros(*o) for o in of], tuple(range(len(of))))
        return derivative.push(stacks) if len(derivative.results) == len(values) else None

    def _leaves(self, out: Any) -> tuple[Any, ...]:
        if is_container(out):
            leaves, treedef = flatten(out)
            for kind in node_types(treedef):
                if kind in structured_types or kind.__module__.startswith(("scipy.sparse", "frechet.sparse")):
                    raise NotDifferentiableError(
                        f"{self.name} returned a {kind.__name__}, for which other frameworks have no type. "
                        "Return a full array, or the arrays that it consists of"
                    )
        else:
            leaves, treedef = [out], None
        for leaf in leaves:
            x = primal(leaf)
            if not isinstance(x, (np.ndarray, np.number, np.bool, float, complex, int)) or (
                isinstance(x, np.ndarray) and x.dtype.kind not in "biufc"
            ):
                raise NotDifferentiableError(
                    f"{self.name} returned {x!r:.60}; other frameworks take numbers and arrays, "
                    "and containers of such"
                )
        self._last.treedef = treedef
        return tuple(leaves)

    @property
    def treedef(self) -> TreeDef | None:
        """The structure of what the last call in this thread returned; None for an array on its own.

        Where only the outlines of the results were asked for, it is the structure of these.
        """
        return self._last.treedef

    def structure(self, arguments: Sequence[Outline]) -> TreeDef | None:
        """The structure of what f returns for arguments of such shapes and dtypes."""
        return self._outlined(arguments)[1]

    def outlines(self, arguments: Sequence[Outline]) -> list[Outline]:
        return self._outlined(arguments)[0]

    def _outlined(self, arguments: Sequence[Outline]) -> tuple[list[Outline], TreeDef | None]:
        key = tuple(arguments)
        if key not in self._known:
            self._known[key] = self._declared(key) if self.result else self._found(key)
        known = self._known[key]
        self._last.treedef = known[1]
        return known

    def noted(self, arrays: Arrays, values: list[np.ndarray]) -> list[np.ndarray]:
        """The values of a call, which shows what the shapes, the dtypes and the structure are."""
        key = tuple([outline(a) for a in arrays])
        if key not in self._known:
            self._known[key] = [outline(v) for v in values], self.treedef
        return values

    def _declared(self, arguments: Sequence[Outline]) -> tuple[list[Outline], TreeDef | None]:
        """What the user's ``result`` says."""
        assert self.result is not None
        args, kwargs = self.rebuild([np.broadcast_to(np.zeros((), d), s) for s, d in arguments])
        leaves, treedef = flatten(self.result(*args, **kwargs))
        try:
            outlines = [(tuple(leaf.shape), np.dtype(leaf.dtype)) for leaf in leaves]
        except AttributeError:
            raise RuleError(
                f"result= of {self.name} must return, in place of each array, an object with shape and "
                f"dtype; it returned {leaves!r:.60}"
            ) from None
        return outlines, None if treedef.num_nodes == 1 else treedef

    def _found(self, arguments: Sequence[Outline]) -> tuple[list[Outline], TreeDef | None]:
        """What f returns for sample values."""
        first: Exception | None = None
        for values in samples(arguments):
            try:
                with warnings.catch_warnings(), np.errstate(all="ignore"):
                    warnings.simplefilter("ignore")
                    results = [np.asarray(leaf) for leaf in self.trace(*values)]
            except NotDifferentiableError:
                raise  # what it returns is of no type that will do
            except Exception as error:  # noqa: BLE001  # any error of the user's function: it says why
                first = first or error
                continue
            return [outline(a) for a in results], self.treedef
        raise RuleError(
            f"the shapes of what {self.name} returns are needed before its values, and were to be found by "
            f"running it on sample values, which failed with {type(first).__name__}: {first}. Say them: "
            "wrap(f, result=lambda *arguments: ...), which returns an object with shape and dtype for each "
            "array"
        ) from first

    def transposed(self, arguments: Indices, results: Indices, outlines: Sequence[Outline]) -> Operator:
        return AdjointOperator(self, arguments, results, outlines)

    def everywhere(self, arguments: Indices, results: Indices, outlines: Sequence[Outline]) -> Derivative:
        """The derivative of a linear function, which is the same at all points.

        It is made anew: the matrix may be another one than in the last call.
        """
        return self.linearize([np.zeros(*o) for o in outlines], arguments, results)[1]

    def stacked(self, arguments: Sequence[Outline]) -> Operator | None:
        if self._cores is None or len(arguments) != len(self._cores):
            return None
        if any(
            len(shape) < core + self._leading for (shape, _), core in zip(arguments, self._cores, strict=True)
        ):
            return None
        stacked = Function(
            self.f, self.rebuild, self.call, self.is_linear, self.signature, self.result, self._leading + 1
        )
        stacked._last = self._last  # what it returns has the same structure
        return stacked

    def _aligned(self, arrays: Arrays) -> Arrays:
        """The arrays with axes put between those of the batches and their own, so that they broadcast."""
        assert self._cores is not None
        n = self._leading
        loops = [np.ndim(a) - core - n for a, core in zip(arrays, self._cores, strict=True)]
        most = max(loops, default=0)
        return [
            a if loop == most else np.reshape(a, np.shape(a)[:n] + (1,) * (most - loop) + np.shape(a)[n:])
            for a, loop in zip(arrays, loops, strict=True)
        ]


def _identity(f: Any) -> Any:
    """What tells a function that is kept as long from others: itself, or its place if it has no hash."""
    try:
        hash(f)
    except TypeError:
        return id(f)
    return f


class _OfLinear(Operator):
    """The derivative of a linear function of arguments of certain shapes, which is the same everywhere."""

    linear = 0

    def __init__(
        self, base: Function, arguments: Indices, results: Indices, outlines: Sequence[Outline]
    ) -> None:
        self.base, self.arguments, self.results, self.of = base, arguments, results, tuple(outlines)
        self.key = (base, arguments, results, self.of)

    @functools.cached_property
    def derivative(self) -> Derivative:
        """The derivative of the function, as it is when this is first asked for."""
        return self.base.everywhere(self.arguments, self.results, self.of)

    def directions(self, point: Arrays, stacks: Arrays, axes: int) -> list[np.ndarray] | None:
        return self(*stacks)


class AdjointOperator(_OfLinear):
    """The adjoint of a linear function, of arguments of certain shapes."""

    def __init__(
        self, base: Function, arguments: Indices, results: Indices, outlines: Sequence[Outline]
    ) -> None:
        super().__init__(base, arguments, results, outlines)
        self.pullback = Pullback(base, len(outlines), arguments, results)
        self.name = f"the adjoint of {base.name}"

    def trace(self, *arrays: Array) -> tuple[Any, ...]:
        return self.pullback.trace(*[np.zeros(*o) for o in self.of], *arrays)

    def __call__(self, *arrays: Array) -> list[np.ndarray]:
        return [own(g) for g in self.derivative.pull(arrays)]

    def outlines(self, arguments: Sequence[Outline]) -> list[Outline]:
        return [self.of[k] for k in self.arguments]

    def transposed(self, arguments: Indices, results: Indices, outlines: Sequence[Outline]) -> Operator:
        of, to = tuple(self.arguments[j] for j in results), tuple(self.results[k] for k in arguments)
        return _Part(self.base, of, to, self.of)


class _Part(_OfLinear):
    """A linear function from some of its arguments to some of its results, the other arguments being zero."""

    def __init__(
        self, base: Function, arguments: Indices, results: Indices, outlines: Sequence[Outline]
    ) -> None:
        super().__init__(base, arguments, results, outlines)
        self.name = base.name

    def trace(self, *arrays: Array) -> tuple[Any, ...]:
        everything = self.base.trace(*placed([np.zeros(*o) for o in self.of], self.arguments, arrays))
        return tuple([everything[j] for j in self.results])

    def __call__(self, *arrays: Array) -> list[np.ndarray]:
        return [own(t) for t in self.derivative.push(arrays)]

    def outlines(self, arguments: Sequence[Outline]) -> list[Outline]:
        everything = self.base.outlines(self.of)
        return [everything[j] for j in self.results]

    def transposed(self, arguments: Indices, results: Indices, outlines: Sequence[Outline]) -> Operator:
        of, to = tuple(self.arguments[k] for k in arguments), tuple(self.results[j] for j in results)
        return self.base.transposed(of, to, self.of)


@functools.cache
def core_dimensions(signature: str) -> tuple[int, ...]:
    """How many axes a function takes of each argument, from its signature as in `numpy.vectorize`."""
    if not re.fullmatch(r"\([\w,]*\)(,\([\w,]*\))*->\([\w,]*\)(,\([\w,]*\))*", signature.replace(" ", "")):
        raise ValueError(f'signature={signature!r} is not of the form "(n,n),(n)->(n)"')
    inputs = signature.replace(" ", "").partition("->")[0]
    return tuple(
        len([name for name in part.split(",") if name]) for part in re.findall(r"\(([\w,]*)\)", inputs)
    )
