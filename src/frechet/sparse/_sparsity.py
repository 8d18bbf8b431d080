"""Which entries of a function's results depend on which of its arguments, found from its linear maps.

The tape of a function holds one linear map for each step.  The pattern of the derivative is the product and
sum of the patterns of these maps.  Most maps of NumPy code take each entry of their result from one entry of
their argument (elementwise functions, slices, broadcasting, shapes), or send each entry of the argument to
one of the result (sums, assignments).  That is found by applying them: with positive random numbers r and the
numbers c of the entries, M(r c) / M(r) is the number of the entry that a result comes from, and equal for
different r only where there is a single one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array, Composition, Identity, LinearMap, Scale, Shape, Sum
from ..maps import Broadcast, Diagonal
from ..tracing.linearization import Linearization
from ..tracing.trace import Clear, Select, rule_name

MOST = 1 << 27  # entries of a pattern that are no longer sparse
_SMALL = 256  # entries of an argument whose unit vectors are tried one by one


def sparsity_of(lin: Linearization) -> list[Any]:
    """The pattern of the derivative of each result: scipy.sparse.csr_array, results' by arguments' entries.

    Raises
    ------
    NotDifferentiableError
        Where a step mixes so many entries that its pattern is not sparse; the message names it.
    """
    import scipy.sparse as sp

    shapes: list[Any] = [s.shape for s in lin.in_spaces]
    sizes = [math.prod(shape) for shape in shapes]
    width = sum(sizes)
    patterns: list[Any] = []
    for k, size in enumerate(sizes):
        start = sum(sizes[:k])
        columns = np.arange(start, start + size)
        patterns.append(_csr(np.arange(size), columns, (size, width)))
    for _, edges, rule in lin.nodes[lin.n_inputs :]:
        pattern, shape = None, None
        for parent, m in edges:
            if patterns[parent] is None:
                continue
            if type(m) is Select:
                part, of = patterns[parent][m.k], shapes[parent][m.k]
            elif type(m) is Clear:
                part, of = _cleared(patterns[parent], shapes[parent], m.index), shapes[parent]
            else:
                part, of = _through(m, patterns[parent], shapes[parent], rule)
            pattern = part if pattern is None else _union(pattern, part)
            shape = of
        patterns.append(pattern)
        shapes.append(shape)
    found = []
    for node, s in zip(lin.results.nodes, lin.results.spaces, strict=True):
        pattern = None if node is None else patterns[node]
        found.append(sp.csr_array((math.prod(s.shape), width)) if pattern is None else pattern)
    return found


def _through(m: LinearMap, pattern: Any, shape: Any, rule: Any) -> tuple[Any, Any]:
    """The pattern and the shape of m's result, where its argument has the pattern and the shape given."""
    if isinstance(pattern, list):  # of several results, which a shared factor takes together
        raise NotDifferentiableError(_mixes(rule))
    if isinstance(m, Composition):
        for factor in reversed(m.maps):
            pattern, shape = _through(factor, pattern, shape, rule)
        return pattern, shape
    if isinstance(m, Sum):
        total, out = _through(m.maps[0], pattern, shape, rule)
        for term in m.maps[1:]:
            total = _union(total, _through(term, pattern, shape, rule)[0])
        return total, out
    if isinstance(m, (Identity, Scale)):
        return pattern, shape
    if isinstance(m, Diagonal):  # its factor may happen to be zero here
        if m.in_shape == m.out_shape:
            return pattern, shape
        m = Broadcast(m.in_shape, m.out_shape)
    image = _apply(m.push, np.zeros(shape))
    if isinstance(image, tuple):
        parts = [_times(_pattern(_Part(m, k), shape, np.shape(y)), pattern, rule) for k, y in enumerate(image)]
        return parts, [np.shape(y) for y in image]
    out = np.shape(image)
    return _times(_pattern(m, shape, out), pattern, rule), out


class _Part(LinearMap):
    """One of several results of a map."""

    __slots__ = ("k", "map")

    def __init__(self, map: LinearMap, k: int) -> None:
        self.map, self.k = map, k

    def push(self, v: Array) -> Array:
        return self.map.push(v)[self.k]


def _pattern(m: LinearMap, shape: Shape, out: Shape) -> Any:
    """The pattern of a map, out entries by in entries; None where every entry may depend on every other."""
    n_in, n_out = math.prod(shape), math.prod(out)
    if n_in == 0 or n_out == 0:
        return _csr(np.zeros(0, int), np.zeros(0, int), (n_out, n_in))
    sources = _sources(m.push, shape, n_out)
    if sources is not None:
        rows = np.flatnonzero(sources >= 0)
        return _csr(rows, sources[rows], (n_out, n_in))
    if type(m) is not _Part:
        targets = _sources(m.pull, out, n_in)
        if targets is not None:
            columns = np.flatnonzero(targets >= 0)
            return _csr(targets[columns], columns, (n_out, n_in))
    if n_in <= _SMALL:
        rows, columns = np.nonzero(np.reshape(_apply(m.push, _units(shape)), (n_in, n_out)).T)
        return _csr(rows, columns, (n_out, n_in))
    return None


def _sources(apply: Any, shape: Shape, n_out: int) -> np.ndarray | None:
    """For each entry of the result the one of the argument that it is a multiple of, −1 where it is zero.

    None if an entry depends on several.
    """
    rng = np.random.default_rng(20)
    codes = np.arange(1.0, math.prod(shape) + 1).reshape(shape)
    found = None
    nonzero = np.zeros(n_out, bool)
    for _ in range(2):
        r = rng.uniform(1, 2, shape)
        plain, coded = (np.reshape(_apply(apply, v), -1) for v in (r, r * codes))
        with np.errstate(all="ignore"):
            ratio = coded / plain
        nonzero |= (plain != 0) | (coded != 0)
        whole = np.rint(np.real(ratio))
        with np.errstate(invalid="ignore"):
            single = np.abs(ratio - whole) <= 64 * np.finfo(float).eps * np.abs(whole)
        if not np.all(single | (plain == 0) & (coded == 0)):
            return None
        whole[~single] = 0
        if found is not None and np.any((found != whole) & (found != 0) & (whole != 0)):
            return None
        found = whole if found is None else np.where(found == 0, whole, found)
    assert found is not None
    sources: np.ndarray = np.where(nonzero, found, 0).astype(np.int64) - 1
    return sources


def _apply(function: Any, v: Array) -> Any:
    with np.errstate(all="ignore"):
        return function(v)


def _units(shape: Shape) -> Array:
    n = math.prod(shape)
    return np.eye(n).reshape((n, *shape))


def _cleared(pattern: Any, shape: Shape, index: Any) -> Any:
    """A pattern without the rows that an assignment replaces."""
    import scipy.sparse as sp

    kept = np.ones(shape)
    kept[index] = 0
    cleared = sp.csr_array(sp.diags_array(kept.reshape(-1)) @ pattern)
    cleared.eliminate_zeros()
    return cleared


def _times(map_pattern: Any, pattern: Any, rule: Any) -> Any:
    """The pattern of a map after a pattern; None is a map that mixes everything."""
    import scipy.sparse as sp

    if map_pattern is None:
        raise NotDifferentiableError(_mixes(rule))
    # The products of the rows' lengths bound the work and the result.
    lengths = np.diff(pattern.indptr)
    if float(np.sum(lengths[map_pattern.indices], dtype=float)) > MOST:
        raise NotDifferentiableError(
            f"the derivative is not sparse: after {rule_name(rule)} its pattern has more than {MOST} entries"
        )
    product = sp.csr_array(map_pattern @ pattern)
    product.data[:] = 1
    return product


def _mixes(rule: Any) -> str:
    return (
        f"the pattern of the derivative cannot be found: {rule_name(rule)} may mix all entries of its argument. "
        "Give the pattern: sparsity=…, a sparse array with an entry wherever the derivative may be nonzero"
    )


def _union(a: Any, b: Any) -> Any:
    if isinstance(a, list):
        return [_union(x, y) for x, y in zip(a, b, strict=True)]
    total = (a + b).tocsr()
    total.data[:] = 1
    return total


def _csr(rows: np.ndarray, columns: np.ndarray, shape: Shape) -> Any:
    import scipy.sparse as sp

    return sp.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)
