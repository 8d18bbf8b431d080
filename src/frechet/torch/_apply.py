"""One torch.autograd.Function for every operator.

Its backward applies it to the operator's pullback, its jvp to the pushforward, its vmap to the operator along
an axis.  These are operators as well, so that derivatives of any order, in any mixture of the modes, are
calls of the same Function.

The derivative is made together with the value where it will be asked for: `Call` keeps it, and the calls that
apply it find it there.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.autograd.forward_ad import unpack_dual

from ..linear_map import Array
from ..operators import Arrays, Batched, Derivative, Indices, Operator, Pullback, Pushforward
from ._host import from_host, is_inexact, outline, to_host
from ._loops import each, is_batch
from ._registered import is_recorded, recorded, transforms_active

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

    __slots__ = ("derivative", "in_batch", "operator", "use", "varied")

    def __init__(self, operator: Operator, varied: Indices, use: Use | None = None) -> None:
        self.operator, self.varied, self.use = operator, varied, use
        self.derivative: Derivative | None = None
        self.in_batch: Call | None = None  # the call for a whole batch that this one is an entry of

    def __call__(self, arrays: Arrays) -> list[np.ndarray]:
        """The results.

        What applies the derivative of another call is not linearized itself before that is needed: PyTorch
        says of each backward within torch.func.grad that its derivative may be asked for.
        """
        operator = self.operator
        known = None if self.use is None else _by_known(self.use, operator, arrays)
        if known is not None:
            return known
        if self.varied:
            values, self.derivative = operator.linearize(arrays, self.varied)
            return values
        return operator(*arrays)

    def derivative_at(self, point: Arrays, use: Use) -> Derivative:
        """The derivative that has been made, or is made now and kept, in the arguments of a use of it."""
        derivative = self.derivative
        if derivative is None or not set(use.arguments) <= set(derivative.arguments):
            arguments = tuple(sorted({*use.arguments, *(derivative.arguments if derivative else ())}))
            derivative = self.derivative = self.operator.linearize(point, arguments)[1]
        return derivative


def _by_known(use: Use, operator: Operator, arrays: Arrays) -> list[np.ndarray] | None:
    """The results of a derivative at a point by the one that is kept for this point, if there can be one."""
    source, point, directions = use.source, arrays[: use.n], list(arrays[use.n :])
    if isinstance(operator, Batched):
        marked = operator.marked
        if isinstance(operator.base, Batched):
            return None
        size = next(len(a) for a, m in zip(arrays, marked, strict=True) if m)
        directions = [
            d if m else np.broadcast_to(d, (size, *d.shape))
            for d, m in zip(directions, marked[use.n :], strict=True)
        ]
        if any(marked[: use.n]):
            # The derivative of the whole batch is that of each entry, where no argument is common to them.
            whole = source.in_batch
            if whole is None or not all(marked[k] for k in use.arguments):
                return None
            assert isinstance(whole.operator, Batched)
            if whole.operator.marked != marked[: use.n]:
                return None
            if whole.derivative and not all(marked[k] for k in whole.derivative.arguments):
                return None
            source = whole
    if use.n == 0 and source.derivative is None:  # the adjoint of a linear function
        return None
    return _applied(use, source.derivative_at(point, use), directions)


def _applied(use: Use, derivative: Derivative, directions: Sequence[Array | None]) -> list[np.ndarray]:
    """A derivative in some arguments of some results, by one that may be in more of more."""
    takes, gives = derivative.arguments, derivative.results
    given, wanted = use.arguments, use.results
    if use.pulls:
        takes, gives, given, wanted = gives, takes, wanted, given
    if given != takes:
        some = dict(zip(given, directions, strict=True))
        directions = [some.get(k) for k in takes]
    found = derivative.pull(directions) if use.pulls else derivative.push(directions)
    return found if wanted == gives else [found[gives.index(k)] for k in wanted]


def evaluate(operator: Operator, tensors: Sequence[Tensor], use: Use | None = None) -> tuple[Tensor, ...]:
    """The results of an operator at tensors."""
    varied = _varied(tensors)
    call = Call(operator, varied, use)
    if not varied and not transforms_active():
        return _results(call, tensors)
    function = TransformedFrechetCall if transforms_active() else FrechetCall
    results: tuple[Tensor, ...] = function.apply(call, *tensors)
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


def _results(call: Call, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The results of a call at tensors, about whose derivatives nothing is recorded here."""
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


def _by_arrays(call: Call, *tensors: Tensor) -> tuple[Tensor, ...]:
    name = call.operator.name
    arrays, device = to_host(tensors, name)
    return from_host(call(arrays), device, name)


class TransformedFrechetCall(torch.autograd.Function):
    """The results of a call at tensors."""

    @staticmethod
    def forward(call: Call, *tensors: Tensor) -> tuple[Tensor, ...]:
        return _results(call, tensors)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        _keep(ctx, inputs[0], inputs[1:], output)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        call: Call = ctx.call
        n = len(ctx.needs_input_grad) - 1
        known = _by_kept_derivative(ctx, cotangents)
        if known is not None:
            return known
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
        results: tuple[Tensor, ...] = TransformedFrechetCall.apply(call.in_batch, *moved)
        return results, (0,) * len(results)


class FrechetCall(torch.autograd.Function):
    """The same outside of torch.func's transformations.

    It does in `forward` what these need to be apart, in `setup_context`, which takes PyTorch a while.
    """

    @staticmethod
    def forward(ctx: Any, call: Call, *tensors: Tensor) -> tuple[Tensor, ...]:
        results = _results(call, tensors)
        _keep(ctx, call, tensors, results)
        return results

    backward = TransformedFrechetCall.backward
    jvp = TransformedFrechetCall.jvp


def _keep(ctx: Any, call: Call, tensors: Sequence[Tensor], results: Sequence[Tensor]) -> None:
    """Keep what derivatives of a call need."""
    ctx.call = call
    ctx.set_materialize_grads(False)
    ctx.inexact = inexact = [is_inexact(t) for t in results]
    if False in inexact:
        ctx.mark_non_differentiable(*[t for t, varies in zip(results, inexact, strict=True) if not varies])
    ctx.outlines = None
    if call.operator.linear == 0 and _is_linear_throughout(call.operator, tensors, results):
        # Its adjoint does not depend on where it is taken: the shapes are all that is needed.
        ctx.outlines = [outline(t) for t in tensors], [outline(t) for t in results]
        return
    ctx.save_for_backward(*tensors)
    ctx.save_for_forward(*tensors)


def _is_linear_throughout(operator: Operator, tensors: Sequence[Tensor], results: Sequence[Tensor]) -> bool:
    return not isinstance(operator, Batched) and all(map(is_inexact, (*tensors, *results)))


def _by_kept_derivative(ctx: Any, cotangents: Sequence[Tensor | None]) -> tuple[Tensor | None, ...] | None:
    """The result of a backward of which nothing is recorded, by the derivative made with the value; or None.

    It is what `evaluate` comes to in this case, which is the common one.
    """
    call: Call = ctx.call
    derivative = call.derivative
    if derivative is None or torch.is_grad_enabled() or transforms_active():
        return None
    point = ctx.saved_tensors  # raises where these have been changed or freed
    given = [w for w in cotangents if w is not None]
    if is_recorded(given):
        return None
    for t in (*given, *point):
        if _has_tangent(t):
            return None
    name = call.operator.name
    try:
        arrays, device = to_host(given, name)
    except RuntimeError:
        if is_batch(given):
            return None
        raise
    if len(arrays) != len(derivative.results):
        following = iter(arrays)
        directions: list[Any] = [
            None if cotangents[j] is None else next(following) for j in derivative.results
        ]
    else:
        directions = arrays
    gradients: list[Tensor | None] = [None] * len(ctx.needs_input_grad)
    for k, g in zip(derivative.arguments, from_host(derivative.pull(directions), device, name), strict=True):
        gradients[k + 1] = g
    return tuple(gradients)


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
