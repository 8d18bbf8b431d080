"""Operators as one operator of PyTorch's dispatcher, for its compilers.

A compiled or traced program holds calls ``frechet::call(number, tensors)``; the number says which operator it
is.  The shapes of results are known without their values from `Operator.outlines`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import torch
from torch.fx.experimental.proxy_tensor import get_proxy_mode

from ..errors import RuleError
from ..operators import Batched, Indices, Operator, Outline, Pullback, Remembering
from ._host import from_host, is_inexact, outline, to_host

Tensor = Any

PLAIN = frozenset((torch.Tensor, torch.nn.Parameter))

# Whether vmap, grad or jvp of torch.func is in effect.  PyTorch has no public way to ask; this is how its own
# torch.autograd.Function does.
transforms_active = torch._C._are_functorch_transforms_active

_operators: list[Operator] = []
_numbers: dict[Operator, int] = {}
_lock = threading.Lock()


def number_of(operator: Operator) -> int:
    """The number by which programs refer to an operator; it stays for good."""
    with _lock:
        if operator not in _numbers:
            _numbers[operator] = len(_operators)
            _operators.append(operator)
        return _numbers[operator]


def operator_of(number: int) -> Operator:
    """The operator that a number stands for."""
    return _operators[number]


def is_recorded(tensors: Sequence[Tensor]) -> bool:
    """Whether a compiler or tracer of PyTorch records what is done with the tensors."""
    for t in tensors:
        kind = type(t)
        if kind not in PLAIN and kind.__torch_dispatch__ is not torch.Tensor.__torch_dispatch__:
            return True
    return get_proxy_mode() is not None


def recorded(operator: Operator, varied: Indices, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The results of an operator by a call that is recorded.

    Where a derivative will be asked for, it is made together with the value, and remembered: what is recorded
    are calls between tensors.
    """
    if varied:
        outlines = operator.outlines([concrete(t) for t in tensors])
        results = tuple([j for j, (_, dtype) in enumerate(outlines) if dtype.kind in "fc"])
        if results:
            operator = Remembering(operator, varied, results)
    return tuple(call(number_of(operator), list(tensors)))


@torch.library.custom_op(
    "frechet::call", mutates_args=(), schema="(int operator, Tensor[] tensors) -> Tensor[]"
)
def call(number: int, tensors: Sequence[Tensor]) -> list[Tensor]:
    """The results of an operator at tensors."""
    operator = _operators[number]
    arrays, device = to_host(tensors, operator.name)
    results = operator(*arrays)
    for a, (shape, dtype) in zip(results, operator.outlines([outline(t) for t in tensors]), strict=True):
        if a.shape != shape or a.dtype != dtype:
            raise RuleError(
                f"{operator.name} returned an array of shape {a.shape} and dtype {a.dtype}, where a compiled "
                f"program was told to expect {shape} and {dtype}. What is compiled needs results whose shape "
                "and dtype depend on those of the arguments alone; leave this function out of it "
                "(torch.compiler.disable), or correct wrap(f, result=...)"
            )
    return list(from_host(results, device, operator.name))


@call.register_fake
def _(number: int, tensors: Sequence[Tensor]) -> list[Tensor]:
    outlines = _operators[number].outlines([concrete(t) for t in tensors])
    like = tensors[0] if tensors else torch.empty(0)
    return [like.new_empty(shape, dtype=getattr(torch, dtype.name)) for shape, dtype in outlines]


def concrete(t: Tensor) -> Outline:
    """The outline of a tensor without values; lengths that a program leaves open become those at hand."""
    shape, dtype = outline(t)
    return tuple(map(int, shape)), dtype


def _keep(ctx: Any, inputs: tuple[int, Sequence[Tensor]], output: Sequence[Tensor]) -> None:
    ctx.number, tensors = inputs
    ctx.inexact = [is_inexact(t) for t in output]
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, cotangents: Sequence[Tensor | None]) -> tuple[None, list[Tensor | None]]:
    tensors = ctx.saved_tensors
    needed = ctx.needs_input_grad[1]
    arguments = tuple([k for k, t in enumerate(tensors) if is_inexact(t) and needed[k]])
    results = tuple(
        [
            j
            for j, (w, inexact) in enumerate(zip(cotangents, ctx.inexact, strict=True))
            if inexact and w is not None
        ]
    )
    gradients: list[Tensor | None] = [None] * len(tensors)
    if results and arguments:
        pullback = Pullback(_operators[ctx.number], len(tensors), arguments, results)
        given = [cotangents[j] for j in results]
        found = call(number_of(pullback), [*tensors, *given])
        for k, g in zip(arguments, found, strict=True):
            gradients[k] = g
    return None, gradients


call.register_autograd(_backward, setup_context=_keep)


@call.register_vmap
def _(info: Any, in_dims: Any, number: int, tensors: Sequence[Tensor]) -> Any:
    dims = in_dims[1]
    operator = Batched(_operators[number], tuple([d is not None for d in dims]))
    moved = [t if d is None else t.movedim(d, 0) for t, d in zip(tensors, dims, strict=True)]
    results = call(number_of(operator), moved)
    return results, [0] * len(results)
