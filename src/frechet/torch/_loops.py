"""Calls within PyTorch's first form of batches.

torch.autograd.grad(is_grads_batched=True), torch.autograd.functional.jacobian(vectorize=True) and gradcheck
batch cotangents and tangents in a way of their own, of which a torch.autograd.Function is not told: its
tensors are then batches, whose values cannot be had.  PyTorch loops over the entries of such batches in calls
of registered operators, so that is what a call becomes here: an operator for each number of tensors and
results.
"""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Callable, Sequence
from typing import Any

import torch

Tensor = Any
Evaluate = Callable[..., Sequence[Tensor]]

_library = torch.library.Library("frechet_loops", "DEF")
_numbers = itertools.count()
_running: dict[int, Evaluate] = {}
_lock = threading.Lock()


def is_batch(tensors: Sequence[Tensor]) -> bool:
    """Whether there is such a batch among some tensors."""
    for t in tensors:
        try:
            t.detach()
        except RuntimeError:  # the only sign of it: there is no such batch of views
            return True
    return False


def each(evaluate: Evaluate, n_results: int, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """evaluate(*tensors) for each entry of the batches among the tensors."""
    number = next(_numbers)
    _running[number] = evaluate
    try:
        with _lock:
            operator = _operator(len(tensors), n_results)
        results = operator(number, *tensors)
    finally:
        del _running[number]
    return tuple(results) if n_results > 1 else (results,)


@functools.cache
def _operator(n: int, n_results: int) -> Any:
    """The registered operator for numbers of tensors and of results."""
    name = f"from_{n}_to_{n_results}"
    takes = "".join(f", Tensor t{k}" for k in range(n))
    gives = "Tensor" if n_results == 1 else f"({', '.join(['Tensor'] * n_results)})"
    _library.define(f"{name}(int call{takes}) -> {gives}")

    def run(number: int, *tensors: Tensor) -> Any:
        results = tuple(_running[number](*tensors))
        return results if n_results > 1 else results[0]

    _library.impl(name, run, "CompositeExplicitAutograd")
    return getattr(torch.ops.frechet_loops, name).default
