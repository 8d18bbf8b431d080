"""The action of the matrix exponential on vectors and matrices: e^(tA) B without e^(tA)."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, adjoint_matrix, compose, linear
from ..maps import Broadcast
from ..rule import Rule, carriers, primal
from ._arguments import as_inexact, as_matrix, require_finite
from ._capability import capability
from ._operators import Operator, product
from ._structured import times
from ._taylor_plan import Plan, plan_for

__all__ = ["expm_multiply"]


@capability("a LinearOperator is a constant; in t and B there is a derivative everywhere")
def expm_multiply(
    A: Any,
    B: Array,
    start: Any = None,
    stop: Any = None,
    num: int | None = None,
    endpoint: bool | None = None,
    traceA: Any = None,
    *,
    t: Any = 1.0,
) -> Array:
    """The action e^(tA) B of the matrix exponential, as scipy.sparse.linalg.expm_multiply, with derivatives.

    Parameters
    ----------
    A : (n, n) array, sparse array or LinearOperator; or (..., n, n) array
        Arrays may be traced, sparse ones in their values; dense ones may be stacks.  LinearOperators are
        constant.
    B : (n,) or (n, k) array, or (..., n, k) array
        Plain or traced (or sparse and plain).
    start, stop : number, optional
        The first and the last of a sequence of times, plain or traced.
    num : int, optional
        How many times; by default 50.
    endpoint : bool, optional
        Whether ``stop`` is one of them; by default it is.
    traceA : number, optional
        The trace of A; an approximate one will do.  It is computed for matrices and estimated for
        LinearOperators.
    t : number, optional
        A time, plain or traced, by which A is multiplied.

    Returns
    -------
    array
        e^(tA) B, of B's shape; with start, stop or num a stack, along a first axis, of e^(τ t A) B at the
        times τ = linspace(start, stop, num).  Sparse for a sparse B without times.

    Raises
    ------
    ValueError
        Where A is not square, B does not fit, or either is not finite; for fewer than two times.
    NotDifferentiableError
        In reverse, for a LinearOperator that has no product with its adjoint.

    Warns
    -----
    UserWarning
        For a LinearOperator without ``traceA``.

    Notes
    -----
    Taylor polynomials of (t/s)A in s steps, their degree and s chosen such that the result is
    e^(tA + δ) B with ‖δ‖ ≤ u‖tA‖, u the unit roundoff (Al-Mohy & Higham, SIAM J. Sci. Comput. 33:488, 2011);
    a stricter bound than theirs, for the derivative in A.

    In B the derivative is e^(tA) and its adjoint e^(t̄ Aᴴ); in t it is A e^(tA) B.  In a dense A it is that
    of the polynomials: 2 products with A for each of the value's, forward; reverse also 2, and the gradient
    is added up in one product of matrices for each step, from the vectors of the value, which are kept.  In a
    sparse A it is the same with one product on the pattern for each product of the value.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A, B = np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([1.0, 2.0])
    >>> fr.linalg.expm_multiply(A, B)
    array([3., 2.])
    >>> fr.grad(lambda t: fr.linalg.expm_multiply(A, B, t=t)[0])(1.0)
    2.0
    """
    values, pattern = A.canonical() if hasattr(A, "canonical") else (None, None)  # a traced sparse array
    A, dense = _checked_matrix(A if pattern is None else pattern.matrix(primal(values)))
    is_sparse, B = _dense_right_side(B)
    B, t = as_inexact(B, "expm_multiply: B"), _number(t, "t")
    require_finite(B, "expm_multiply: B")
    n, shape = A.shape[-1], np.shape(B)
    vector = len(shape) == 1 and len(A.shape) == 2
    if not shape or shape[0 if vector else max(len(shape) - 2, 0)] != n or (len(shape) == 1 and not vector):
        raise ValueError(f"expm_multiply: shapes of matrices A {A.shape} and B {shape} are incompatible")
    if vector:
        B = np.reshape(B, (n, 1))
    shift = None if traceA is None else primal(traceA) / max(n, 1)
    operator = Operator(primal(A) if dense else A, shift)
    dtype = np.result_type(operator.dtype, B.dtype, *(np.complex64,) * np.iscomplexobj(primal(t)))
    stack = np.broadcast_shapes(A.shape[:-2], np.shape(B)[:-2])
    B = np.broadcast_to(B.astype(dtype), (*stack, *np.shape(B)[-2:]))
    matrix = A.astype(operator.dtype) if dense and type(A) in carriers else None
    action = _Action(operator, matrix) if pattern is None else _SparseAction(operator, values, pattern)
    if start is None and stop is None and num is None and endpoint is None:
        Y = action.at(B, t)
        Y = Y[..., 0] if vector else Y
        return Y if is_sparse is None else is_sparse(Y)
    if start is None or stop is None:
        raise ValueError("expm_multiply: a sequence of times needs both start and stop")
    first, last = _number(start, "start"), _number(stop, "stop")
    count = 50 if num is None else int(num)
    if count < 2:
        raise ValueError("expm_multiply: at least two time points are required")
    step = (last - first) / (count if endpoint is False else count - 1)
    Y = action.sequence(B, t * first, t * step, count)
    return Y[..., 0] if vector else Y


def _checked_matrix(A: Any) -> tuple[Any, bool]:
    """A, and whether it is a dense array."""
    from scipy import sparse  # here, because it is slow to load
    from scipy.sparse.linalg import LinearOperator

    if not (sparse.issparse(A) or isinstance(A, LinearOperator)):
        return as_matrix(A, "expm_multiply: A", square=True), True
    if len(A.shape) != 2 or A.shape[0] != A.shape[1]:
        raise ValueError(f"expm_multiply: expected A to be like a square matrix, got shape {A.shape}")
    if sparse.issparse(A):
        require_finite(A.tocoo().data, "expm_multiply: A")
    return A, False


def _dense_right_side(B: Any) -> tuple[Any, Any]:
    """For a sparse B the function that makes a result sparse like it, else None; and B as an array."""
    from scipy import sparse

    return (type(B), B.toarray()) if sparse.issparse(B) else (None, B)


def _number(x: Any, name: str) -> Any:
    """A number, traced or plain; a plain one as Python's, which leaves single precision single."""
    if type(x) not in carriers:
        x = np.asarray(x)
    if np.ndim(x) != 0:
        raise ValueError(f"expm_multiply: {name} must be a number, got shape {np.shape(x)}")
    if not np.isfinite(primal(x)):
        raise ValueError(f"expm_multiply: {name} must be finite, got {primal(x)}")
    if type(x) in carriers:
        return x
    return complex(x) if np.iscomplexobj(x) else float(x)


class _Action:
    """e^(tA) B at one time and at many, for A as an operator, and as a traced array where it is one."""

    def __init__(self, operator: Operator, matrix: Array) -> None:
        self.operator = operator
        self.matrix = None
        if matrix is not None:
            shift = np.asarray(operator.shift)[..., None, None]
            self.matrix = matrix - shift * np.eye(matrix.shape[-1], dtype=matrix.dtype)

    def plan(self, t: Any, B: Array) -> Plan:
        plan = plan_for(self.operator, abs(complex(primal(t))), np.shape(B)[-1])
        # It serves first derivatives; each further one costs the polynomials one degree.
        return Plan(plan.m + max(_order(self.matrix), _order(t), 1) - 1, plan.s)

    def at(self, B: Array, t: Any, plan: Plan | None = None) -> Array:
        """e^(tA) B."""
        plan = self.plan(t, B) if plan is None else plan
        if self.matrix is None:
            return _action(B, t, self.operator, plan)
        c = t / plan.s
        for _ in range(plan.s):
            B = _taylor(self.matrix, B, c, plan.m) * self._growth(c, B)
        return B

    def sequence(self, B: Array, first: Any, step: Any, count: int) -> Array:
        """e^(τA) B at the times first + k step, k = 0 … count − 1, stacked in front."""
        results = [self.at(B, first)]
        steps = count - 1
        plan = self.plan(steps * primal(step), B)
        if steps <= plan.s:
            plan = self.plan(step, B)
            for _ in range(steps):
                results.append(self.at(results[-1], step, plan))
            return np.stack(results)
        # Several times for each step of the plan: the terms (hA)^p/p! Z serve all of them, times k^p.
        at_once = steps // plan.s
        while len(results) < count:
            ks = np.arange(1, min(at_once, count - len(results)) + 1)
            terms = [results[-1]]
            for p in range(1, plan.m + 1):
                terms.append(self._times(terms[-1]) * (step / p))
            powers = np.asarray(ks[:, None] ** np.arange(plan.m + 1.0), terms[0].dtype)
            sums = np.tensordot(powers, np.stack(terms), 1)
            results.extend(sums[k - 1] * self._growth(k * step, B) for k in ks.tolist())
        return np.stack(results)

    def _times(self, V: Array) -> Array:
        return product(V, self.operator) if self.matrix is None else np.matmul(self.matrix, V)

    def _growth(self, c: Any, B: Array) -> Array:
        return _growth(c, self.operator.shift, B.dtype)


class _SparseAction(_Action):
    """e^(tA) B for a sparse A with traced values: the polynomials, by products on the pattern."""

    def __init__(self, operator: Operator, values: Array, pattern: Any) -> None:
        super().__init__(operator, None)
        self.matrix, self.pattern = values, pattern

    def at(self, B: Array, t: Any, plan: Plan | None = None) -> Array:
        plan = self.plan(t, B) if plan is None else plan
        c = t / plan.s
        for _ in range(plan.s):
            term = total = B
            for j in range(1, plan.m + 1):
                term = self._times(term) * (c / j)
                total = total + term
            B = total * self._growth(c, B)
        return B

    def _times(self, V: Array) -> Array:
        return times(self.matrix, V, self.pattern, False) - self.operator.shift * V


def _order(x: Any) -> int:
    """How many derivatives are being taken with respect to x."""
    order = 0
    while type(x) in carriers:
        x, order = x.value, order + 1
    return order


def _growth(c: Any, shift: Any, dtype: Any) -> Array:
    """e^(cμ), to multiply matrices of a dtype."""
    return np.exp(c * np.asarray(shift)[..., None, None]).astype(dtype)


# --- a constant A -------------------------------------------------------------------------------------------
#
# Y = e^(tA) B is linear in B, with adjoint W ↦ e^(t̄ Aᴴ) W, and dY = dt A Y.  With `adjoint`, Y = e^(t̄ Aᴴ) B.


def _action_value(B: Array, t: Any, operator: Operator, plan: Plan, adjoint: bool = False) -> Array:
    t, shift = np.asarray(t).item(), operator.shift
    if adjoint:
        t, shift = np.conj(t).item(), np.conj(shift)
    c = t / plan.s
    growth = _growth(c, shift, B.dtype)
    tolerance = np.finfo(B.dtype).eps / 2
    for _ in range(plan.s):
        term, total = B, B.copy()
        before = np.abs(term).max(initial=0)
        for j in range(1, plan.m + 1):
            term = operator.times(term, adjoint) * (c / j)
            total += term
            size = np.abs(term).max(initial=0)
            if before + size <= tolerance * np.abs(total).max(initial=0):
                break
            before = size
        B = growth * total
    return B


def _action_body(B: Array, t: Any, operator: Operator, plan: Plan, adjoint: bool = False) -> Any:
    Y = _action(B, t, operator, plan, adjoint)
    in_B = linear(
        lambda v: _action(v, t, operator, plan, adjoint), lambda w: _action(w, t, operator, plan, not adjoint)
    )
    shift = np.asarray(operator.shift)[..., None, None]
    in_t = _Multiples(
        lambda: product(Y, operator, adjoint) + (np.conj(shift) if adjoint else shift) * Y, adjoint
    )
    return Y, (in_B, in_t)


_action = Rule(_action_value, _action_body, "frechet.linalg.expm_multiply")


class _Multiples(LinearMap):
    """τ ↦ τ D for a number τ, or its conjugate times D; D is made when first needed."""

    def __init__(self, make: Any, conjugate: bool = False) -> None:
        self._make, self._conjugate = make, conjugate

    @cached_property
    def D(self) -> Array:
        return self._make()

    def push(self, v: Array) -> Array:
        v = np.reshape(v, np.shape(v) + (1,) * np.ndim(self.D))
        return (np.conj(v) if self._conjugate else v) * self.D

    def pull(self, w: Array) -> Array:
        total = np.sum(np.conj(self.D) * w, axis=tuple(range(-np.ndim(self.D), 0)))
        return np.conj(total) if self._conjugate else total


# --- one step with a dense A under differentiation ----------------------------------------------------------


def _terms(A: Array, B: Array, c: Any, m: int) -> list[Array]:
    """(cA)^j B / j!, j = 0 … m."""
    terms = [B]
    for j in range(1, m + 1):
        terms.append(np.matmul(A, terms[-1]) * (c / j))
    return terms


def _taylor_value(A: Array, B: Array, c: Any, m: int) -> Array:
    return sum(_terms(A, B, np.asarray(c).item(), m))


def _taylor_body(A: Array, B: Array, c: Any, m: int) -> Any:
    terms = _terms(A, B, c, m)
    value = sum(terms[1:], terms[0])
    both = _TaylorDerivative(A, terms, c)
    # d/dc Σ (cA)^j B/j! = A Σ_(j<m) (cA)^j B/j!
    in_c = _Multiples(lambda: np.matmul(A, value - terms[-1]))
    of_A = (*np.shape(B)[:-2], *np.shape(A)[-2:])  # A's shape with the stack of B, which has all of it
    in_A = compose(both, _Place(0, np.shape(B)), Broadcast(np.shape(A), of_A))
    return value, (in_A, compose(both, _Place(1, of_A)), in_c)


_taylor = Rule(_taylor_value, _taylor_body, "frechet.linalg.expm_multiply")


class _TaylorDerivative(LinearMap):
    """(E, V) ↦ the derivative of Σ K_j, K_0 = B, K_j = (c/j) A K_(j−1), in A along E and in B along V.

    dK_j = (c/j) (A dK_(j−1) + E K_(j−1)).  Adjoint of W: with W_m = W and G_j = (c̄/j) W_j, W_(j−1) = W + Aᴴ
    G_j; the cotangent of B is W_0, and that of A is Σ G_j K_(j−1)ᴴ, one product of matrices.
    """

    __slots__ = ("A", "c", "terms")

    def __init__(self, A: Array, terms: list[Array], c: Any) -> None:
        self.A, self.terms, self.c = A, terms, c

    def push(self, v: Any) -> Array:
        E, term = v
        k = np.shape(self.terms[0])[-1]
        products = np.matmul(E, np.concatenate(self.terms[:-1], axis=-1))
        total = term
        for j in range(1, len(self.terms)):
            term = (np.matmul(self.A, term) + products[..., (j - 1) * k : j * k]) * (self.c / j)
            total = total + term
        return total

    def pull(self, w: Array) -> Any:
        AH, c = adjoint_matrix(self.A), np.conj(self.c)
        G, W = [], w
        for j in range(len(self.terms) - 1, 0, -1):
            G.append(W * (c / j))
            W = w + np.matmul(AH, G[-1])
        K = np.concatenate(self.terms[-2::-1], axis=-1)
        return np.matmul(np.concatenate(G, axis=-1), adjoint_matrix(K)), W


class _Place(LinearMap):
    """v ↦ (v, 0) or (0, v), with zeros of a shape."""

    __slots__ = ("k", "shape")

    def __init__(self, k: int, shape: tuple[int, ...]) -> None:
        self.k, self.shape = k, shape

    def push(self, v: Array) -> Any:
        stack = np.shape(v)[: np.ndim(v) - len(self.shape)]
        zero = np.broadcast_to(np.zeros((), np.result_type(v)), stack + self.shape)
        return (zero, v) if self.k else (v, zero)

    def pull(self, w: Any) -> Array:
        return w[self.k]
