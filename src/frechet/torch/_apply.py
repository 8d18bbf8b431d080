"""One torch.autograd.Function for every operator.

Its backward applies it to the operator's pullback, its jvp to the pushforward, its vmap to the operator along
an axis.  These are operators as well, so that derivatives of any order, in any mixture of the modes, are
calls of the same Function.

The derivative is made together with the value where it will be asked for: `Call` keeps it, and the calls that
apply it find it there.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.autograd.forward_ad import unpack_dual

from ..operators import Arrays, Batched, Derivative, Indices, Operator, Outline, Pullback, Pushforward
from ._host import from_host, is_inexact, outline, to_host
from ._loops import each, is_batch
from ._registered import is_recorded, recorded

Tensor = Any


class Use(NamedTuple):
    """How a call applies the derivative that another call has made, if that has made it."""

    source: Call
    pulls: bool  # the cotangents of results; else it pushes the tangents of arguments
    n: int  # the number of arguments before those
    arguments: Indices
    results: Indices


class Call:
    """A call of an operator: what the Function needs of it beside the tensors.

    Parameters
    ----------
    operator : Operator
        What is evaluated.
    varied : tuple of int
        The arguments in which its derivative will be asked for.
    use : Use, optional
        Where the operator is the derivative of another call's.
    """

    __slots__ = ("arguments", "derivative", "in_batch", "marked", "operator", "results", "use", "varied")

    def __init__(self, operator: Operator, varied: Indices, use: Use | None = None) -> None:
        self.operator, self.varied, self.use = operator, varied, use
        self.derivative: Derivative | None = None
        self.arguments: list[Outline] = []
        self.results: list[Outline] = []
        self.in_batch: Call | None = None  # the call for a whole batch that this one is an entry of

    def __call__(self, arrays: Arrays) -> list[np.ndarray]:
        """The results."""
        operator = self.operator
        if self.varied:
            values, self.derivative = operator.linearize(arrays, self.varied)
            self.arguments = [(a.shape, a.dtype) for a in arrays]
            self.results = [(a.shape, a.dtype) for a in values]
            return values
        known = None if self.use is None else _by_known(self.use, operator, arrays)
        return operator(*arrays) if known is None else known


def _by_known(use: Use, operator: Operator, arrays: Arrays) -> list[np.ndarray] | None:
    """The results of a derivative at a point by the derivative that was made there, if it was."""
    source, directions = use.source, arrays[use.n :]
    if not isinstance(operator, Batched):
        return _applied(use, source, directions, ())
    marked = operator.marked
    size = next(len(a) for a, m in zip(arrays, marked, strict=True) if m)
    directions = [
        d if m else np.broadcast_to(d, (size, *d.shape))
        for d, m in zip(directions, marked[use.n :], strict=True)
    ]
    if not any(marked[: use.n]):
        return None if isinstance(operator.base, Batched) else _applied(use, source, directions, (size,))
    # The derivative of the whole batch is that of each entry, where no argument is common to the entries.
    whole = source.in_batch
    if whole is None or whole.derivative is None:
        return None
    assert isinstance(whole.operator, Batched)
    of = whole.operator.marked
    if of != marked[: use.n] or not all(of[k] for k in whole.derivative.arguments):
        return None
    return None if isinstance(operator.base, Batched) else _applied(use, whole, directions, ())


def _applied(use: Use, source: Call, directions: Arrays, stack: tuple[int, ...]) -> list[np.ndarray] | None:
    """The derivative that a call has made, with zeros for what no direction is given for."""
    derivative = source.derivative
    if derivative is None:
        return None
    if use.pulls:
        takes, gives, outlines = derivative.results, derivative.arguments, source.results
        given, wanted = use.results, use.arguments
    else:
        takes, gives, outlines = derivative.arguments, derivative.results, source.arguments
        given, wanted = use.arguments, use.results
    if not (set(given) <= set(takes) and set(wanted) <= set(gives)):
        return None
    if given != takes:
        some = dict(zip(given, directions, strict=True))
        directions = [
            some[k] if k in some else np.zeros(stack + outlines[k][0], outlines[k][1]) for k in takes
        ]
    found = derivative.pull(directions) if use.pulls else derivative.push(directions)
    return found if wanted == gives else [found[gives.index(k)] for k in wanted]


def evaluate(operator: Operator, tensors: Sequence[Tensor], use: Use | None = None) -> tuple[Tensor, ...]:
    """The results of an operator at tensors."""
    results: tuple[Tensor, ...] = _Apply.apply(Call(operator, _varied(tensors), use), *tensors)
    return results


def _varied(tensors: Sequence[Tensor]) -> Indices:
    """The tensors in which a derivative will be asked for."""
    recorded = torch.is_grad_enabled()
    return tuple([k for k, t in enumerate(tensors) if (recorded and t.requires_grad) or _has_tangent(t)])


def _has_tangent(t: Tensor) -> bool:
    try:
        return unpack_dual(t).tangent is not None
    except RuntimeError:  # of an entry of a batch PyTorch does not say
        return False


class _Bound:
    """Arguments as inspect.BoundArguments has them."""

    __slots__ = ("args", "kwargs")

    def __init__(self, args: tuple[Any, ...]) -> None:
        self.args, self.kwargs = args, {}  # type: ignore[var-annotated]  # it is empty

    def apply_defaults(self) -> None:
        pass


class _Positional(inspect.Signature):
    """The signature of what takes positional arguments only, which binds them at no cost.

    PyTorch binds the arguments of each call to the signature of `forward`, which takes longer than all else.
    """

    def bind(self, *args: Any, **kwargs: Any) -> Any:
        return _Bound(args)


def _by_arrays(call: Call, *tensors: Tensor) -> tuple[Tensor, ...]:
    name = call.operator.name
    arrays, device = to_host(tensors, name)
    return from_host(call(arrays), device, name)


class _Apply(torch.autograd.Function):
    """The results of a call at tensors."""

    @staticmethod
    def forward(call: Call, *tensors: Tensor) -> tuple[Tensor, ...]:
        if is_recorded(tensors):
            return recorded(call.operator, call.varied, tensors)
        try:
            return _by_arrays(call, *tensors)
        except RuntimeError:
            if call.use is None or not is_batch(tensors):
                raise
        use = call.use
        n_results = len(use.arguments if use.pulls else use.results)
        return each(functools.partial(_by_arrays, call), n_results, tensors)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        call, *tensors = inputs
        ctx.call = call
        ctx.set_materialize_grads(False)
        ctx.inexact = [is_inexact(t) for t in output]
        if not all(ctx.inexact):
            ctx.mark_non_differentiable(
                *[t for t, inexact in zip(output, ctx.inexact, strict=True) if not inexact]
            )
        # The adjoint of a linear operator does not depend on where it is taken.
        ctx.outlines = None
        linear = call.operator.linear == 0 and not isinstance(call.operator, Batched)
        if linear and all(map(is_inexact, tensors)) and all(ctx.inexact):
            ctx.outlines = [outline(t) for t in tensors], [outline(t) for t in output]
        else:
            ctx.save_for_backward(*tensors)
            ctx.save_for_forward(*tensors)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        call: Call = ctx.call
        n = len(ctx.needs_input_grad) - 1
        arguments = tuple([k for k in range(n) if ctx.needs_input_grad[k + 1]])
        results = tuple([j for j, w in enumerate(cotangents) if w is not None])
        gradients: list[Tensor | None] = [None] * (n + 1)
        if results:
            point, pullback = _derivative(ctx, Pullback, n, arguments, results)
            use = Use(call, True, len(point), arguments, results)
            given = [w for w in cotangents if w is not None]
            for k, g in zip(arguments, evaluate(pullback, (*point, *given), use), strict=True):
                gradients[k + 1] = g
        return tuple(gradients)

    @staticmethod
    def jvp(ctx: Any, _: None, *tangents: Tensor | None) -> tuple[Tensor | None, ...]:
        call: Call = ctx.call
        arguments = tuple([k for k, t in enumerate(tangents) if t is not None])
        results = tuple([j for j, inexact in enumerate(ctx.inexact) if inexact])
        pushed: list[Tensor | None] = [None] * len(ctx.inexact)
        if results:
            point, pushforward = _derivative(ctx, Pushforward, len(tangents), arguments, results)
            use = Use(call, False, len(point), arguments, results)
            given = [t for t in tangents if t is not None]
            for j, t in zip(results, evaluate(pushforward, (*point, *given), use), strict=True):
                pushed[j] = t
        return tuple(pushed)

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], call: Call, *tensors: Tensor
    ) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        dims = in_dims[1:]
        moved = [t if d is None else t.movedim(d, 0) for t, d in zip(tensors, dims, strict=True)]
        operator = Batched(call.operator, tuple([d is not None for d in dims]))
        varied = tuple(sorted({*call.varied, *_varied(moved)}))
        call.in_batch = Call(operator, varied, call.use)
        results: tuple[Tensor, ...] = _Apply.apply(call.in_batch, *moved)
        return results, (0,) * len(results)


# What `forward` takes is said here, not found out by PyTorch at each call.
_Apply.forward.__signature__ = _Positional()  # type: ignore[attr-defined]  # functions may have one


def _derivative(
    ctx: Any, kind: type[Pullback | Pushforward], n: int, arguments: Indices, results: Indices
) -> tuple[tuple[Tensor, ...], Operator]:
    """The derivative of the call of ctx as an operator, and where it is taken."""
    operator: Operator = ctx.call.operator
    if ctx.outlines is None:
        return ctx.saved_tensors, kind(operator, n, arguments, results)
    ins, outs = ctx.outlines
    adjoint = operator.transposed(arguments, results, ins)
    if kind is Pullback:
        return (), adjoint
    every = tuple(range(len(results))), tuple(range(len(arguments)))
    return (), adjoint.transposed(*every, [outs[j] for j in results])
