"""Variables: numbers, arrays and containers as the vector of real numbers that SciPy works on, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import NotDifferentiableError, SpaceError
from ..linear_map import Array
from ..rule import primal, structured_types
from ..space import NoTangent, leaf_spaces, space
from ..tracing.apply import innermost
from ..tree import flatten, is_container, node_types, same_structure
from ._coordinates import Leaf, leaf_of


class Variables:
    """What an optimiser varies: x0, its coordinates as a vector of real numbers, and the way back.

    Numbers, arrays of at most one axis and lists of numbers are what they are for SciPy: the vector itself.

    Attributes
    ----------
    plain : bool
        Whether the vector is handed on as it is.
    start : array
        The coordinates of x0.
    varied : dict
        The leaves that have coordinates, by their place among all leaves.
    treedef
        The structure of a container; None for an array.
    caller : str
        Who asks, for messages.
    """

    def __init__(self, x0: Any, caller: str) -> None:
        self.caller = caller
        if isinstance(x0, (list, tuple)) and type(x0) in (list, tuple) and _numbers_only(x0):
            x0 = np.asarray(x0)
        if innermost(flatten(x0)[0] if is_container(x0) else (x0,)) is not None:
            raise NotDifferentiableError(
                f"{caller}: x0 is traced, and the iteration from it is not differentiated. Pass "
                "fr.stop_gradient(x0): a solution does not depend on where the search for it began"
            )
        array = not is_container(x0)
        self.plain = array and np.ndim(x0) <= 1 and not np.iscomplexobj(x0)
        self.treedef: Any = None
        self._leaves: list[Any] = [x0]
        if self.plain:
            if isinstance(x0, np.ma.MaskedArray):
                raise ValueError(f"{caller}: x0 is a masked array: use x0.filled(...) or x0.compressed()")
            self.start = np.atleast_1d(np.asarray(x0))
            if self.start.dtype.kind in "iu":
                self.start = self.start.astype(float)
            self._check_start(self.start.dtype.kind == "f", x0)
            return
        try:
            if array:
                self._leaves = [np.asarray(x0)] if isinstance(x0, np.ndarray) else [x0]
                spaces = [space(self._leaves[0])]
            else:
                self._leaves, self.treedef = flatten(x0)
                spaces = leaf_spaces(x0, self._leaves)
        except SpaceError as error:
            raise ValueError(f"{caller}: x0: {error}") from None
        self.varied: dict[int, Leaf] = {}
        at = 0
        for k, s in enumerate(spaces):
            if not isinstance(s, NoTangent):
                self.varied[k] = leaf = leaf_of(at, s)
                at = leaf.stop
        self.start = np.asarray(self._flat(self._leaves) if self.varied else [], float)
        self._check_start(True, x0)

    def _check_start(self, numbers: bool, x0: Any) -> None:
        if not numbers or not self.start.size:
            raise ValueError(f"{self.caller}: x0 has no numbers that can be varied: {x0!r:.60}")
        if not np.all(np.isfinite(self.start)):
            raise ValueError(f"{self.caller}: x0 contains NaN or infinity")

    @property
    def x0(self) -> Any:
        """What the search begins with, as it was given."""
        return self._leaves[0] if self.treedef is None else self.treedef.unflatten(self._leaves)

    def at(self, v: Array) -> Any:
        """The variables at the vector v, which may be traced."""
        if self.plain:
            return v
        if np.iscomplexobj(primal(v)):
            raise ValueError(
                f"{self.caller}: the complex step varies vectors only, x0 has another form. Leave jac out: "
                "the derivative is exact then"
            )
        return self._with(list(self._leaves), v)

    def _with(self, leaves: list[Any], v: Array) -> Any:
        for k, leaf in self.varied.items():
            leaves[k] = leaf.entries(v)
        return leaves[0] if self.treedef is None else self.treedef.unflatten(leaves)

    def coordinates(self, x: Any, what: str) -> Array:
        """The vector of an x of the form of x0; ``what`` names it in messages."""
        if self.plain:
            return x
        leaves = [x]
        if self.treedef is not None:
            leaves, treedef = flatten(x)
            if not same_structure(treedef, self.treedef):
                raise ValueError(
                    f"{what} has the structure {treedef} where that of x0, {self.treedef}, is due"
                )
        for k, leaf in self.varied.items():
            if np.shape(leaves[k]) != leaf.space.shape:
                raise ValueError(
                    f"{what} has the shape {np.shape(leaves[k])} where {leaf.space.shape} is due"
                )
        return self._flat(leaves)

    def _flat(self, leaves: Sequence[Any]) -> Array:
        pieces = [piece for k, leaf in self.varied.items() for piece in leaf.coordinates(leaves[k])]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def has_form_of(self, x: Any) -> bool:
        """Whether x is a container like x0."""
        return (
            not self.plain
            and self.treedef is not None
            and is_container(x)
            and same_structure(flatten(x)[1], self.treedef)
        )

    # An entry of a structured matrix may occur several times in it.  With x = U v, and the inner product over
    # all entries, the partial derivatives by v are p = Uᵀ g for the gradient g; g is in the range of U, and
    # UᵀU is diagonal, with the multiplicities: g = U (p / multiplicity).

    def gradient(self, partials: np.ndarray) -> Any:
        """The gradient, as fr.grad gives it, of what has these partial derivatives by the coordinates."""
        if self.plain:
            return partials
        return self._with([None] * len(self._leaves), partials / self._multiplicity())

    def partials(self, gradient: Any, what: str) -> np.ndarray:
        """The partial derivatives by the coordinates of what has this gradient."""
        if self.plain:
            flat = np.asarray(gradient)
            if flat.size != self.start.size:
                raise ValueError(f"{what} has the shape {flat.shape} where {self.start.shape} is due")
            return flat.reshape(self.start.shape)
        return np.asarray(self.coordinates(gradient, what) * self._multiplicity())

    def _multiplicity(self) -> np.ndarray:
        return np.concatenate([leaf.multiplicity() for leaf in self.varied.values()])


def ravel(out: Any, name: str, keep: bool, complex_step: bool = False) -> Array:
    """What a function returned as a vector of real numbers.

    With ``keep`` the shape of arrays is left for SciPy to judge; with ``complex_step`` complex ones stay.
    """
    plain = primal(out)
    as_it_is = isinstance(plain, np.ndarray) and (plain.ndim == 1 or (keep and plain.ndim > 1))
    if as_it_is and (complex_step or plain.dtype.kind != "c"):
        return out
    leaves = [out]
    if is_container(plain):
        leaves, treedef = flatten(out)
        if any(kind in structured_types for kind in node_types(treedef)):
            raise NotDifferentiableError(
                f"{name} returned a structured matrix, whose entries may stand for several residuals each. "
                "Return them as an array: A.to_dense(), or the arrays that it consists of"
            )
    pieces: list[Array] = []
    for leaf in leaves:
        halves = (np.real(leaf), np.imag(leaf)) if np.iscomplexobj(primal(leaf)) else (leaf,)
        pieces += [np.reshape(half, (-1,)) for half in halves]
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def refuse_traced(values: Any, what: str) -> None:
    """Refuse values that belong to a transformation around the iteration, which is not differentiated."""
    if innermost(values) is not None:
        raise NotDifferentiableError(
            f"{what} traced values, but the iteration is not differentiated. For the derivative of a "
            "solution by parameters, solve with plain values, and give it by fr.rule, from the equations "
            "that the solution satisfies"
        )


def _numbers_only(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return bool(len(x)) and type(x) in (list, tuple) and all(map(_numbers_only, x))
    return isinstance(x, (int, float, np.integer, np.floating)) and not isinstance(x, bool)
