"""Sparse Jacobians and Hessians of ordinary functions: prepared once, applied many times."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from ..derivative import Derivative, require_complex_linear
from ..errors import NotDifferentiableError, SpaceError
from ..linear_map import Array
from ..rule import function_name, primal
from ..tracing.linearization import Linearization
from ..transforms import grad
from ._coloring import Compression, direct, fewest, symmetric
from ._sparsity import sparsity_of

Function = Callable[..., Any]
_AT_ONCE = 1 << 20  # bytes of directions that are pushed as a stack; longer ones one by one, in the caches


class SparseDerivative:
    """A Jacobian or Hessian of known pattern: calling it at a point gives a scipy.sparse.csr_array.

    Attributes
    ----------
    sparsity : scipy.sparse.csr_array
        With a one wherever the derivative may be nonzero.
    directions : int
        How many directions are pushed forward, or pulled back, for one evaluation.
    """

    def __init__(self, f: Function, name: str, pattern: Any, compression: Compression, reverse: bool) -> None:
        self._f, self._name = f, name
        self.sparsity = pattern
        self._compression = compression
        self._reverse = reverse
        self.directions = compression.directions

    @cached_property
    def _by_color(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each colour the entries that it gives, and where they are in its column."""
        order = np.argsort(self._compression.colors, kind="stable")
        ends = np.searchsorted(self._compression.colors[order], np.arange(1, self.directions))
        return [(entries, self._compression.rows[entries]) for entries in np.split(order, ends)]

    def __call__(self, x: Array) -> Any:
        """The derivative at x, an array of the shape that it was prepared for."""
        lin = Linearization(self._name, self._f, (0,), (x,))
        try:
            derivative = self._evaluated(lin)
            lin.tape.check_locked()
        finally:
            lin.tape.release()
        return derivative

    def of(self, derivative: Derivative) -> Any:
        """The derivative at the point where the function was linearised: the same without another run."""
        return self._evaluated(derivative._lin)

    def _evaluated(self, lin: Linearization) -> Any:
        import scipy.sparse as sp

        (s,) = _only_array(lin.in_spaces, self._name)
        (out,) = _only_array(lin.results.spaces, self._name)
        shape = (int(np.prod(out.shape)), int(np.prod(s.shape)))
        if shape != self.sparsity.shape:
            raise SpaceError(
                f"the derivative of {self._name} was prepared for the shape {self.sparsity.shape}, "
                f"here it has the shape {shape}"
            )
        require_complex_linear(lin)
        plan = self._compression
        space = out if self._reverse else s
        directions = plan.seeds.astype(space.dtype, copy=False).reshape(plan.directions, *space.shape)
        apply = lin.pull if self._reverse else lin.push
        values = np.zeros(self.sparsity.nnz, np.result_type(s.dtype, out.dtype))
        # The pullback Re Jᴴ w of a real argument gives Re J for w = 1, and Im J for w = i.
        parts = (1, 1j) if self._reverse and out.dtype.kind == "c" and s.dtype.kind != "c" else (1,)
        for part in parts:
            seeds = directions if part == 1 else part * directions
            if directions.nbytes <= _AT_ONCE:
                (columns,) = apply([seeds], (plan.directions,))
                if columns is not None:
                    columns = np.reshape(columns, (plan.directions, shape[1 if self._reverse else 0]))
                    values += part * columns[plan.colors, plan.rows]
                continue
            for seed, (entries, rows) in zip(seeds, self._by_color, strict=True):
                (column,) = apply([seed])
                if column is not None:
                    values[entries] += part * np.reshape(column, -1)[rows]
        P = self.sparsity
        return sp.csr_array((values, P.indices.copy(), P.indptr.copy()), shape=P.shape)

    def __repr__(self) -> str:
        m, n = self.sparsity.shape
        return (
            f"<sparse derivative of {self._name}: {m} x {n}, {self.sparsity.nnz} entries from "
            f"{self.directions} directions>"
        )


def jacobian(f: Function, x: Array, *, sparsity: Any = None) -> SparseDerivative:
    """The sparse Jacobian of a function of one array, prepared at a point of the right shape.

    Parameters
    ----------
    f : callable
        From an array to an array, real or complex differentiable, written with functions that have rules.
    x : array
        A point.  The pattern is found there and close to it, and must be the same wherever the result is
        called: it depends on the branches that f takes, and on which entries np.max and np.sort pick.
    sparsity : sparse array or array, optional
        The pattern, with an entry wherever the derivative may be nonzero; by default it is found by tracing.

    Returns
    -------
    SparseDerivative
        ``J(x)`` is a scipy.sparse.csr_array of the shape (entries of f(x), entries of x).

    Raises
    ------
    NotDifferentiableError
        Where the pattern cannot be found, since a step of f may mix all entries; the message names it.
        When called, for a function of a complex array that is not complex differentiable.

    Notes
    -----
    Columns without a common row share a direction (greedy colouring; Curtis, Powell & Reid, J. Inst. Math.
    Appl. 13:117, 1974); where rows need fewer directions than columns, they are pulled back.  An evaluation
    costs the function and as many pushforwards, all in one pass.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> J = fr.sparse.jacobian(lambda x: x[1:] ** 2 - x[:-1], np.ones(4))
    >>> J.directions
    2
    >>> J(np.arange(4.0)).toarray()
    array([[-1.,  2.,  0.,  0.],
           [ 0., -1.,  4.,  0.],
           [ 0.,  0., -1.,  6.]])
    """
    name = function_name(f)
    pattern = _given(sparsity, "jacobian") if sparsity is not None else _found(f, name, x)
    if np.iscomplexobj(x):  # whose pullback is that of the conjugate
        return SparseDerivative(f, name, pattern, direct(pattern), reverse=False)
    plan, reverse = fewest(pattern)
    return SparseDerivative(f, name, pattern, plan, reverse)


def hessian(f: Function, x: Array, *, sparsity: Any = None) -> SparseDerivative:
    """The sparse Hessian of a real-valued function of one real array, prepared at a point of the right shape.

    Parameters
    ----------
    f, x, sparsity
        As for `jacobian`; f has a real scalar value.

    Returns
    -------
    SparseDerivative
        ``H(x)`` is a scipy.sparse.csr_array of the shape (entries of x, entries of x), symmetric up to
        rounding.

    Notes
    -----
    Directions come from a star colouring (Gebremedhin, Manne & Pothen, SIAM Review 47:629, 2005), in which
    each entry or its mirror image is found directly.  An evaluation costs a gradient and as many
    Hessian-vector products, all in one pass.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> def rosenbrock(x):
    ...     return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    >>> H = fr.sparse.hessian(rosenbrock, np.ones(1000))
    >>> H.directions
    3
    >>> H(np.ones(1000))[:2, :3].toarray()
    array([[ 802., -400.,    0.],
           [-400., 1002., -400.]])
    """
    if np.iscomplexobj(x):
        raise NotDifferentiableError(
            "fr.sparse.hessian: x is complex; make its real and imaginary part one real array"
        )
    name = function_name(f)
    g = grad(f)
    pattern = _given(sparsity, "hessian") if sparsity is not None else _found(g, name, x)
    if pattern.shape[0] != pattern.shape[1]:
        raise SpaceError(f"fr.sparse.hessian: sparsity must be square, its shape is {pattern.shape}")
    pattern = (pattern + pattern.T).tocsr()
    pattern.data[:] = 1
    pattern.sort_indices()
    return SparseDerivative(g, name, pattern, symmetric(pattern), reverse=False)


def _found(f: Function, name: str, x: Array) -> Any:
    pattern = _pattern_at(Linearization(name, f, (0,), (x,)), name)
    # A factor that is zero at x, such as x itself at the origin, hides the entries that it multiplies.  They
    # are seen nearby, where nothing is zero by chance.
    try:
        with np.errstate(all="ignore"):
            lin = Linearization(name, f, (0,), (_nearby(x),))
    except Exception:  # noqa: BLE001  # f may be undefined there, and raise anything
        lin = None
    if lin is not None:
        other = _pattern_at(lin, name)
        if other.shape == pattern.shape:
            pattern = (pattern + other).tocsr()
            pattern.data[:] = 1
    pattern.sort_indices()
    return pattern


def _nearby(x: Array) -> Array:
    """Other numbers close to x, none zero, and rather less than greater, as np.arcsin and np.sqrt want it."""
    at = np.asarray(primal(x))
    by = np.random.default_rng(20).uniform(1, 2, at.shape)
    nearby = np.where(at == 0, by / 16, at * (1 - by / 1024))
    nearby = nearby.astype(at.dtype if at.dtype.kind in "fc" else float)
    return nearby if np.ndim(x) or isinstance(x, np.ndarray) else nearby[()]


def _pattern_at(lin: Linearization, name: str) -> Any:
    try:
        _only_array(lin.in_spaces, name)
        _only_array(lin.results.spaces, name)
        (pattern,) = sparsity_of(lin)
    finally:
        lin.tape.release()
    return pattern


def _given(sparsity: Any, name: str) -> Any:
    import scipy.sparse as sp

    pattern = sp.csr_array(sparsity).astype(float)
    if pattern.ndim != 2:
        raise SpaceError(f"fr.sparse.{name}: sparsity must have two axes, got the shape {pattern.shape}")
    pattern.sum_duplicates()
    pattern.data[:] = 1
    return pattern


def _only_array(spaces: list[Any], name: str) -> list[Any]:
    if len(spaces) != 1 or spaces[0].dtype is None:
        raise NotDifferentiableError(
            f"a sparse derivative is of a function from one array to one array; {name} has others"
        )
    return spaces
