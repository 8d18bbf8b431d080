"""Which entries of a function's results depend on which of its arguments, found from its linear maps.

The tape of a function holds one linear map for each step.  The pattern of the derivative is the product and
sum of the patterns of these maps.  Most maps of NumPy code take each entry of their result from one entry of
their argument (elementwise functions, slices, broadcasting, shapes), or send each entry of the argument to
one of the result (sums, assignments).  That is found by applying them to random numbers at the entries whose
number has a certain binary digit 1, then at those where it is 0, with exact zeros at the others.  A result
that comes from a single entry is zero one time of the two, for each digit, and tells the number of the entry.
Two entries differ in some digit, and there a result that depends on both is not zero either time, however
small its coefficients are.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..linalg._structured import Times
from ..linear_map import Array, Composition, Identity, LinearMap, Scale, Shape, Sum
from ..maps import Broadcast, Diagonal, Gather, Scatter, SumOver
from ..space import ANY
from ..tracing.linearization import Linearization
from ..tracing.trace import Clear, Select, rule_name
from ._diagonals import Diagonals
from ._pattern import Pattern

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

    zeros: list[Any] = [np.zeros(s.shape, s.dtype) for s in lin.in_spaces]  # of each step's shape and dtype
    sizes = [z.size for z in zeros]
    width = sum(sizes)
    patterns: list[Any] = []
    for k, size in enumerate(sizes):
        start = sum(sizes[:k])
        columns = np.arange(start, start + size)
        patterns.append(_csr(np.arange(size), columns, (size, width)))
    for space, edges, rule in lin.nodes[lin.n_inputs :]:
        pattern, zero = None, None
        for parent, m in edges:
            if patterns[parent] is None:
                continue
            if type(m) is Select:
                part, zero = patterns[parent][m.k], zeros[parent][m.k]
            elif type(m) is Clear:
                part, zero = _cleared(patterns[parent], zeros[parent].shape, m.index), zeros[parent]
            else:
                part, zero = _through(m, patterns[parent], zeros[parent], rule)
            pattern = part if pattern is None else _union(pattern, part)
        if isinstance(zero, np.ndarray) and space is not ANY:
            zero = zero.astype(space.dtype)  # the sum of real and complex terms, projected
        patterns.append(pattern)
        zeros.append(zero)
    found = []
    for node, s in zip(lin.results.nodes, lin.results.spaces, strict=True):
        pattern = None if node is None else patterns[node]
        found.append(sp.csr_array((math.prod(s.shape), width)) if pattern is None else pattern)
    return found


class _Inside(list[tuple[LinearMap, Any, Array]]):
    """What is no array, between two maps that a rule shares among its arguments: the inner maps wait here.

    Each is there with the pattern of its argument, and zeros like that, until the outer map comes.
    """


class _Together(LinearMap):
    """Two maps taken as one."""

    __slots__ = ("inner", "outer")

    def __init__(self, outer: LinearMap, inner: LinearMap) -> None:
        self.outer, self.inner = outer, inner

    def push(self, v: Array) -> Array:
        return self.outer.push(self.inner.push(v))

    def pull(self, w: Array) -> Array:
        return self.inner.pull(self.outer.pull(w))


def _through(m: LinearMap, pattern: Any, zero: Any, rule: Any) -> tuple[Any, Any]:
    """The pattern of m's result, and zeros of its shape and dtype, from those of its argument."""
    import scipy.sparse as sp

    if isinstance(pattern, _Inside):
        total, image = None, None
        for inner, before, at in pattern:
            part, image = _through(_Together(m, inner), before, at, rule)
            total = part if total is None else _union(total, part)
        return total, image
    if isinstance(pattern, list):  # of several results, which are taken together
        raise NotDifferentiableError(_mixes(rule))
    if isinstance(m, Composition):
        for factor in reversed(m.maps):
            pattern, zero = _through(factor, pattern, zero, rule)
        return pattern, zero
    if isinstance(m, Sum):
        total, image = _through(m.maps[0], pattern, zero, rule)
        for term in m.maps[1:]:
            total = _union(total, _through(term, pattern, zero, rule)[0])
        return total, image
    if isinstance(m, Identity):
        return pattern, zero
    image = _apply(m.push, zero)
    if isinstance(image, tuple):
        parts = [
            _times(_pattern(_Part(m, k), zero, np.asarray(y)), pattern, rule) for k, y in enumerate(image)
        ]
        return parts, [np.asarray(y) for y in image]
    if not isinstance(image, (np.ndarray, np.generic, float, complex)):
        return _Inside([(m, pattern, zero)]), None
    image = np.zeros(np.shape(image), np.result_type(image))
    if isinstance(m, Scale) or (isinstance(m, Diagonal) and m.in_shape == m.out_shape):
        return pattern, image
    if isinstance(m, Times) and isinstance(m.structure, (Pattern, Diagonals)) and zero.ndim == 2:
        P = m.structure.matrix(np.ones(m.structure.nnz))
        P = sp.csr_array(sp.kron(P.T if m.adjoint_taken else P, sp.eye_array(zero.shape[-1])))
        return _times(P, pattern, rule), image
    if isinstance(m, Diagonal):  # without its factor, which may happen to be zero here
        m = Broadcast(m.in_shape, m.out_shape)
    return _times(_pattern(m, zero, image), pattern, rule), image


class _Part(LinearMap):
    """One of several results of a map."""

    __slots__ = ("k", "map")

    def __init__(self, map: LinearMap, k: int) -> None:
        self.map, self.k = map, k

    def push(self, v: Array) -> Array:
        return self.map.push(v)[self.k]


def _pattern(m: LinearMap, zero: Array, image: Array) -> Any:
    """The pattern of a map, result's by argument's entries; None where all may depend on all."""
    n_in, n_out = zero.size, image.size
    if n_in == 0 or n_out == 0:
        return _csr(np.zeros(0, int), np.zeros(0, int), (n_out, n_in))
    if isinstance(m, (Gather, Scatter, Broadcast)):
        sources: Any = _copied(m.push, zero.shape)
    else:
        sources = None if isinstance(m, SumOver) else _sources(m.push, zero, n_out)
    if sources is not None:
        rows = np.flatnonzero(sources >= 0)
        return _csr(rows, sources[rows], (n_out, n_in))
    if isinstance(m, SumOver):
        targets: Any = _copied(SumOver(m.axis, m.in_shape, m.keepdims).pull, image.shape)
    else:
        targets = None if type(m) is _Part else _sources(m.pull, image, n_in)
    if targets is not None:
        columns = np.flatnonzero(targets >= 0)
        return _csr(targets[columns], columns, (n_out, n_in))
    if n_in <= _SMALL:
        units = (np.eye(n_in) * _numbers(zero).reshape(-1)).reshape((n_in, *zero.shape))
        rows, columns = np.nonzero(np.reshape(_apply(m.push, units), (n_in, n_out)).T)
        return _csr(rows, columns, (n_out, n_in))
    return None


def _copied(apply: Any, shape: Shape) -> np.ndarray:
    """For each entry of the result the one of the argument that it is a copy of, −1 where it is zero."""
    numbers = np.arange(1.0, math.prod(shape) + 1).reshape(shape)
    sources: np.ndarray = np.reshape(_apply(apply, numbers), -1).astype(np.int64) - 1
    return sources


def _sources(apply: Any, zero: Array, n_out: int) -> np.ndarray | None:
    """For each entry of the result the one of the argument that it is a multiple of, −1 where it is zero.

    None if an entry depends on several.
    """
    n, digits = zero.size, (zero.size - 1).bit_length()
    numbers = _numbers(zero)
    r = np.zeros(1 << digits, numbers.dtype)
    r[:n] = numbers.reshape(-1)

    def nonzero(v: Array) -> Array:
        return np.reshape(_apply(apply, v[:n].reshape(zero.shape)), n_out) != 0

    sources = np.zeros(n_out, np.int64)
    v = np.empty_like(r)
    for digit in range(digits):
        found = []
        for off in (0, 1):  # the digit of the entries that are zero
            np.copyto(v, r)
            v.reshape(-1, 2, 1 << digit)[:, off] = 0
            found.append(nonzero(v))
        from_one, from_zero = found
        if np.any(from_one & from_zero):
            return None
        sources += from_one * np.int64(1 << digit)
    return np.where(nonzero(r), sources, -1)


def _numbers(zero: Array) -> Array:
    """Random positive numbers; complex ones, so that neither a real nor an imaginary part is zero."""
    rng = np.random.default_rng(20)
    r = rng.uniform(1, 2, zero.shape)
    return r + 1j * rng.uniform(1, 2, zero.shape) if zero.dtype.kind == "c" else r


def _apply(function: Any, v: Array) -> Any:
    with np.errstate(all="ignore"):
        return function(v)


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
        f"the pattern of the derivative cannot be found: {rule_name(rule)} may mix all entries of its "
        "argument. Give the pattern: sparsity=…, a sparse array with an entry wherever the derivative may be "
        "nonzero"
    )


def _union(a: Any, b: Any) -> Any:
    if isinstance(a, _Inside):
        return _Inside([*a, *b])
    if isinstance(a, list):
        return [_union(x, y) for x, y in zip(a, b, strict=True)]
    total = (a + b).tocsr()
    total.data[:] = 1
    return total


def _csr(rows: np.ndarray, columns: np.ndarray, shape: Shape) -> Any:
    import scipy.sparse as sp

    return sp.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)
