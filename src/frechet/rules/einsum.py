"""np.einsum, in every form.

An einsum is linear in each operand.  With the subscripts written out (one label per axis), the derivative in
operand p is the same einsum with p replaced by its tangent.  Its adjoint is an einsum too: the cotangent,
labelled as the result, takes the place of p, the other operands are conjugated, and the result is labelled as
p was.  What then is left to do: a label of p alone was summed over, so the adjoint spreads along it; a label
that p carries twice reads a diagonal, so the adjoint writes one; an axis of length one that was broadcast is
summed over.

With ``optimize`` and three operands or more the path is found once and followed in steps of two operands,
each differentiated by itself, so that the intermediate products serve the value and all derivatives.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..linear_map import Array, LinearMap, Shape
from ..rule import Rule, composed, constant, primal
from .products import as_array

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # the labels, in NumPy's order
# Above this many products of entries, a contraction by matrix products (optimize) is worth its preparation.
LARGE = 100_000

constant(np.einsum_path)


class Equation(NamedTuple):
    """Subscripts written out: a label for each axis of each operand and of the result, and the shapes."""

    operands: tuple[str, ...]
    result: str
    shapes: tuple[Shape, ...]

    @property
    def sizes(self) -> dict[str, int]:
        """The length of each label: that of an axis that is not of length one, if there is one."""
        sizes: dict[str, int] = {}
        for labels, shape in zip(self.operands, self.shapes, strict=True):
            for label, n in zip(labels, shape, strict=True):
                if sizes.get(label, 1) == 1:
                    sizes[label] = n
        return sizes

    @property
    def subscripts(self) -> str:
        """The equation as np.einsum takes it."""
        return f"{','.join(self.operands)}->{self.result}"


@composed(np.einsum)
def einsum(*operands: Any, out: None = None, optimize: Any = False, **kwargs: Any) -> Array:
    subscripts, arrays = _subscripts_and_arrays(operands)
    equation = equation_of(subscripts, tuple(np.shape(a) for a in arrays))
    if optimize is False or len(arrays) < 3 or kwargs:
        return einsum_rule(equation, optimize, kwargs, *arrays)
    path = np.einsum_path(equation.subscripts, *[primal(a) for a in arrays], optimize=optimize)[0][1:]
    return _along_path(equation, path, arrays)


def _along_path(equation: Equation, path: Sequence[tuple[int, ...]], arrays: list[Array]) -> Array:
    """The einsum in the steps of a path, as np.einsum_path gives it."""
    labels = list(equation.operands)
    for k, step in enumerate(path):
        chosen = [(labels[i], arrays[i]) for i in step]
        for i in sorted(step, reverse=True):
            del labels[i], arrays[i]
        if k == len(path) - 1:
            kept = equation.result
        else:
            needed = {*equation.result}.union(*labels)
            kept = "".join(dict.fromkeys(c for operand, _ in chosen for c in operand if c in needed))
        shapes = tuple(np.shape(a) for _, a in chosen)
        step_equation = Equation(tuple(operand for operand, _ in chosen), kept, shapes)
        arrays.append(einsum_rule(step_equation, True, {}, *(a for _, a in chosen)))
        labels.append(kept)
    return arrays[0]


def _evaluate(equation: Equation, optimize: Any, kwargs: dict[str, Any], *arrays: Array) -> Array:
    return np.einsum(equation.subscripts, *arrays, optimize=optimize, **kwargs)


def _einsum(equation: Equation, optimize: Any, kwargs: dict[str, Any], *arrays: Array) -> Any:
    y = einsum_rule(equation, optimize, kwargs, *arrays)
    return y, (None, None, None, *(Operand(equation, p, arrays, optimize) for p in range(len(arrays))))


einsum_rule = Rule(_evaluate, _einsum, "np.einsum")


class Operand(LinearMap):
    """The einsum as a function of operand p."""

    __slots__ = ("arrays", "equation", "optimize", "p")

    def __init__(self, equation: Equation, p: int, arrays: tuple[Array, ...], optimize: Any) -> None:
        self.equation = equation
        self.p = p
        self.arrays: tuple[Array, ...] = tuple(None if k == p else a for k, a in enumerate(arrays))
        self.optimize = optimize

    def push(self, v: Array) -> Array:
        equation, p = self.equation, self.p
        labels = [f"...{c}" if k == p else c for k, c in enumerate(equation.operands)]
        operands = [v if k == p else a for k, a in enumerate(self.arrays)]
        return np.einsum(
            f"{','.join(labels)}->...{equation.result}", *operands, optimize=self._strategy(False)
        )

    def pull(self, w: Array) -> Array:
        equation, p = self.equation, self.p
        own, shape, sizes = equation.operands[p], equation.shapes[p], equation.sizes
        others = "".join(c for k, c in enumerate(equation.operands) if k != p)
        # The labels that the cotangent and the other operands determine, each once.
        known = [
            c
            for c in dict.fromkeys(own)
            if (c in others or c in equation.result) and shape[own.index(c)] == sizes[c]
        ]
        labels = [f"...{equation.result}" if k == p else c for k, c in enumerate(equation.operands)]
        operands = [w if k == p else np.conj(a) for k, a in enumerate(self.arrays)]
        g = np.einsum(f"{','.join(labels)}->...{''.join(known)}", *operands, optimize=self._strategy(True))
        stack = np.shape(g)[: np.ndim(g) - len(known)]
        determined = dict(zip(known, np.shape(g)[len(stack) :], strict=True))
        once = dict.fromkeys(own)
        kept = tuple(determined.get(c, 1) for c in once)
        full = tuple(shape[own.index(c)] for c in once)
        if len(known) < len(once):
            g = np.reshape(g, stack + kept)
        if kept != full:
            g = np.broadcast_to(g, stack + full)
        if len(once) == len(own):
            return g
        # δ_ik writes what belongs to label i on the diagonal of the axes i and k.
        spare = iter(c for c in LETTERS if c not in own)
        seen: set[str] = set()
        written, deltas, eyes = "", "", []
        for c in own:
            if c in seen:
                new = next(spare)
                written += new
                deltas += f",{c}{new}"
                eyes.append(np.eye(shape[own.index(c)], dtype=g.dtype))
            else:
                written += c
            seen.add(c)
        return np.einsum(f"...{''.join(once)}{deltas}->...{written}", g, *eyes)

    def _strategy(self, adjoint: bool) -> Any:
        """The optimize argument: the caller's; an explicit path fits the pushforward only."""
        explicit = not isinstance(self.optimize, (bool, str))
        if self.optimize is False or (explicit and self.optimize[0] is False):
            return math.prod(self.equation.sizes.values()) > LARGE
        return "greedy" if explicit and adjoint else self.optimize


# --- subscripts --------------------------------------------------------------------------------------------


def _subscripts_and_arrays(operands: tuple[Any, ...]) -> tuple[str, list[Array]]:
    """The two ways of calling np.einsum as one: ("ij,jk", a, b) and (a, [0, 1], b, [1, 2], [0, 2])."""
    if not operands:
        raise ValueError("np.einsum takes subscripts and operands, got nothing")
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), [as_array(a) for a in operands[1:]]
    arrays, lists = list(operands[: len(operands) - len(operands) % 2 : 2]), list(operands[1::2])
    subscripts = ",".join(_letters(labels) for labels in lists)
    if len(operands) % 2:
        subscripts += "->" + _letters(operands[-1])
    return subscripts, [as_array(a) for a in arrays]


def _letters(labels: Sequence[Any]) -> str:
    found = ""
    for label in labels:
        if label is Ellipsis:
            found += "..."
        elif isinstance(label, (int, np.integer)) and 0 <= label < len(LETTERS):
            found += LETTERS[label]
        else:
            raise ValueError(
                f"np.einsum: a sublist holds integers below {len(LETTERS)} and Ellipsis, got {label!r}"
            )
    return found


@functools.lru_cache(maxsize=256)
def equation_of(subscripts: str, shapes: tuple[Shape, ...]) -> Equation:
    """The subscripts written out for operands of given shapes: no ellipsis, an explicit result.

    >>> equation_of("...ij,jk", ((5, 2, 3), (3, 4))).subscripts
    'Aij,jk->Aik'
    """
    inputs, arrow, result = subscripts.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(shapes):
        raise ValueError(f"np.einsum: {subscripts!r} names {len(terms)} operands, got {len(shapes)}")
    counts = [len(shape) - len(t.replace("...", "")) for t, shape in zip(terms, shapes, strict=True)]
    for term, count, shape in zip(terms, counts, shapes, strict=True):
        if count < 0 or (count > 0 and "..." not in term):
            raise ValueError(f"np.einsum: the subscripts {term!r} do not fit an operand of shape {shape}")
    longest = max((count for t, count in zip(terms, counts, strict=True) if "..." in t), default=0)
    spare = "".join(c for c in LETTERS if c not in subscripts)[:longest]
    if len(spare) < longest:
        raise ValueError(f"np.einsum: {subscripts!r} needs more than {len(LETTERS)} labels")
    written = [t.replace("...", spare[longest - n :]) for t, n in zip(terms, counts, strict=True)]
    for labels, shape in zip(written, shapes, strict=True):
        if len({*zip(labels, shape, strict=True)}) > len({*labels}):
            raise ValueError(
                f"np.einsum: a label of {labels!r} has several lengths in an operand of shape {shape}"
            )
    if arrow:
        result = result.replace("...", spare)
    else:
        everything = "".join(terms).replace("...", "")
        result = spare + "".join(sorted(c for c in set(everything) if everything.count(c) == 1))
    return Equation(tuple(written), result, shapes)
