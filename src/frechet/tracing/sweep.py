"""The two ways through a tape: tangents forwards, cotangents backwards.

Both take leading stack axes, one direction per entry, and visit every step once.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ..linear_map import Array, basis
from ..maps import Gather, Scatter, explicit_index, stack_last
from ..space import Space
from .trace import ALONE, Clear, Select, add, is_viewed, like, outranks, project

Nodes = list[Any]  # (space, edges, rule) of each step; None once a sweep that consumes them is past it
Shape = tuple[int, ...]


class _Unit:
    """All unit vectors of a space at once, not yet written out: maps with structure do that themselves."""


UNIT = _Unit()


def push(nodes: Nodes, tangents: list[Any], stack: Shape = ()) -> list[Any]:
    """The tangents of all nodes, given those of the first ones; None stands for zero."""
    n_inputs = len(tangents)
    tangents = tangents + [None] * (len(nodes) - n_inputs)
    for i in range(n_inputs, len(nodes)):
        space, edges, rule = nodes[i]
        if edges and type(edges[-1][1]) is Clear:
            tangents[i] = _push_assignment(tangents, space, edges, stack)
            continue
        tangent = None
        for parent, m in edges:
            t = tangents[parent]
            if t is not None:
                if t is UNIT:
                    into = nodes[parent][0]
                    t = m.columns(into.shape, into.dtype)
                else:
                    t = m.push(t)
                tangent = t if tangent is None else add(tangent, t)
        if tangent is not None:
            if type(tangent) is not space.type and not space.contains(tangent, stack):
                tangent = project(space, tangent, stack, rule)
            tangents[i] = tangent
    return tangents


def _push_assignment(tangents: list[Any], space: Space, edges: Any, stack: Shape) -> Any:
    # y[index] = v. No step after this one reads y as it was, so its tangent may be changed in place.
    *sources, (before, clear) = edges
    index, ndim = clear.index, len(space.shape)
    written = [(tangents[p], m) for p, m in sources if tangents[p] is not None]
    written = [(basis(stack, space.dtype) if t is UNIT else t, m) for t, m in written]
    tangent = tangents[before]
    tangents[before] = None
    if tangent is None and not written:
        return None
    if tangent is None:
        tangent = space.zeros(stack)
    elif sys.getrefcount(tangent) > ALONE or is_viewed(tangent):
        tangent = np.copy(tangent)
    tangent = without_entries(tangent, index, ndim)
    for t, m in written:
        if outranks(t, tangent):
            tangent = like(t, tangent)
        if stack and type(m) is Scatter and type(tangent) is np.ndarray is type(t):
            m.write(tangent, t)
        elif stack:
            tangent = tangent + m.push(t)
        else:
            tangent[index] = t
    return tangent


def without_entries(a: Array, index: Any, ndim: int) -> Array:
    """a with a[..., index] set to 0, in place where it can be; index and ndim are of the unstacked array."""
    if np.ndim(a) == ndim:
        a[index] = 0
    elif type(a) is np.ndarray:
        stack_last(a, ndim)[explicit_index(index, ndim)] = 0
    else:
        kept = np.ones(np.shape(a)[np.ndim(a) - ndim :], a.dtype)
        kept[index] = 0
        a = a * kept
    return a


def pull(
    nodes: Nodes, cotangents: dict[int, Any], n_inputs: int, stack: Shape = (), consume: bool = False
) -> list[Any]:
    """The cotangents of the first n_inputs nodes, given those of some others; None stands for zero.

    A cotangent that only this sweep refers to (owned) is added to in place.  With ``consume`` every step is
    dropped as soon as it is done, which frees the values that its rule kept.
    """
    last = max(cotangents, default=-1)
    pending: list[Any] = [None] * max(last + 1, n_inputs)
    owned = bytearray(len(pending))
    for i, w in cotangents.items():
        pending[i] = w
    for i in range(last, n_inputs - 1, -1):
        w = pending[i]
        if w is None:
            if consume:
                nodes[i] = None
            continue
        pending[i] = None
        space, edges, rule = nodes[i]
        if consume:
            nodes[i] = None
        if w is UNIT:
            if len(edges) == 1 and not edges[0][1].accumulates:
                g = edges[0][1].rows(space.shape, space.dtype)
                target = nodes[edges[0][0]][0]
                pending[edges[0][0]] = g if target.contains(g, stack) else project(target, g, stack, rule)
                continue
            w = basis(space.shape, space.dtype)
        if type(w) is list:  # of a function with several results
            w = tuple(s.zeros(stack) if x is None else x for x, s in zip(w, space.spaces, strict=True))
        for parent, m in edges:
            if not m.accumulates or (stack and isinstance(m, Gather)):
                g = m.pull(w)
                fresh = False
            elif type(m) is Clear:
                g = w if owned[i] and not is_viewed(w) else np.copy(w)
                g = without_entries(g, m.index, len(space.shape))
                fresh = True
            elif type(m) is Select:
                if pending[parent] is None:
                    pending[parent] = [None] * len(nodes[parent][0].spaces)
                pending[parent][m.k] = add(pending[parent][m.k], w)
                continue
            else:
                pending[parent] = _accumulate(m, nodes[parent][0], pending[parent], owned[parent], w)
                owned[parent] = 1
                continue
            target = nodes[parent][0]
            if type(g) is not target.type and not target.contains(g, stack):
                g = project(target, g, stack, rule)
            accumulated = pending[parent]
            if accumulated is None:
                pending[parent] = g
                owned[parent] = fresh
            elif owned[parent] and type(accumulated) is np.ndarray and type(g) is np.ndarray:
                accumulated += g
            else:
                pending[parent] = accumulated = accumulated + g
                owned[parent] = type(accumulated) is np.ndarray
    return pending[:n_inputs]


def _accumulate(m: Gather, target: Space, buffer: Any, owned: int, w: Array) -> Array:
    """The pull of an indexed read, added into the cotangent of what was read."""
    if buffer is None:
        buffer = np.zeros(target.shape, target.dtype)
    elif not owned or is_viewed(buffer):
        buffer = np.copy(buffer)
    if outranks(w, buffer):
        buffer = like(w, buffer)
    m.accumulate(buffer, w)
    return buffer
