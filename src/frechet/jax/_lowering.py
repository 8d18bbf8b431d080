"""How an operator gets into a compiled program: as a call back into Python."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.interpreters import mlir

from ..errors import NotDifferentiableError, RuleError
from ..operators import Operator, Outline, outline
from ._compiled import available, call, register


def lowered(ctx: Any, *operands: Any, operator: Operator) -> Any:
    """The operator in a program that is being compiled."""
    if ctx.module_context.lowering_parameters.for_export:
        raise NotDifferentiableError(
            f"{operator.name} runs in Python, in a callback of the compiled program, and a program with "
            "callbacks cannot be exported: jax.export writes down what runs without this Python process. "
            "Export the parts around it"
        )
    declared = [(aval.shape, np.dtype(aval.dtype)) for aval in ctx.avals_out]
    is_empty = any(0 in shape for shape, _ in declared)
    if available() and tuple(ctx.module_context.platforms) == ("cpu",) and not is_empty:
        number = _number(operator, tuple(declared))
        due = [jax.ShapeDtypeStruct(*result) for result in declared]
        return mlir.lower_fun(lambda *arrays: call(number, due, *arrays), multiple_results=True)(
            ctx, *operands
        )
    results, _, _ = mlir.emit_python_callback(
        ctx,
        callback(operator, declared),
        None,
        list(operands),
        ctx.avals_in,
        ctx.avals_out,
        # The compiler leaves out what has no entries, and with it the check that there are none.
        has_side_effect=is_empty,
    )
    return results


@functools.cache
def _number(operator: Operator, declared: tuple[Outline, ...]) -> int:
    """The number of an operator for the functions that XLA calls; it has it for good."""
    return register(callback(operator, list(declared)))


def callback(operator: Operator, declared: list[Outline]) -> Callable[..., tuple[np.ndarray, ...]]:
    """The operator as a function of read-only NumPy arrays, whose results are as the program expects them."""

    def evaluate(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(fitted(operator, operator(*arrays), declared))

    return evaluate


def fitted(operator: Operator, results: list[np.ndarray], declared: list[Outline]) -> list[np.ndarray]:
    """The results of a call in the dtypes of JAX, if they have the shapes that were said before."""
    outlines = [outline(a) for a in results]
    if outlines == declared:
        return results
    if not can_hold(declared, outlines):
        raise RuleError(
            f"{operator.name} returned {listed(outlines)}, where {listed(declared)} was due. JAX needs "
            "shapes and dtypes that do not depend on values: these were found by a run on sample values, or "
            "said by result="
        )
    return [a.astype(dtype, copy=False) for a, (_, dtype) in zip(results, declared, strict=True)]


def can_hold(declared: list[Outline], found: list[Outline]) -> bool:
    """Whether arrays can be cast to what was declared, such as float64 to float32, in the same shapes."""
    return [shape for shape, _ in declared] == [shape for shape, _ in found] and all(
        np.can_cast(a, b, "same_kind") for (_, a), (_, b) in zip(found, declared, strict=True)
    )


def listed(outlines: Sequence[Outline]) -> str:
    """Shapes and dtypes in a message."""
    return ", ".join(f"{dtype}{list(shape)}" for shape, dtype in outlines) or "nothing"
