"""Least squares by iteration: lsqr and lsmr, differentiated by the normal equations.

The x that makes ‖A x − b‖² + δ²‖x‖² least, and the residual r = b − A x, solve the system

    K (r, x) = (b, 0),    K = [[I, A], [Aᴴ, −δ²I]],

which is Hermitian, and linear in A up to a constant: so (r, x) is differentiated as the solution of any
linear system (see `linalg._structured`), with K in the place of A.  Its solutions for other right sides,
(c, d), which derivatives are, take

    x = A⁺c − y,    y = (AᴴA + δ²I)⁻¹ d,

where y comes from z = A (AᴴA)⁻¹ d, which is the shortest solution of Aᴴ z = d, and from A y = z; with δ the
matrix is [A; δI].  All of these are found by the same solver, whose errors grow by the condition of A, not
by its square.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import ConvergenceError, NotDifferentiableError
from ...linalg._arguments import as_inexact, require_finite
from ...linalg._factor import OneMatrix
from ...linalg._structured import solve as structured_solve
from ...linear_map import Array
from ...rule import carriers, primal
from ._arguments import dense_right_side
from ._capability import capability
from ._operator import Matrix, as_structure

__all__ = ["lsmr", "lsqr"]

_STEPS = 10  # iterations for each column, where no limit is given: rounding takes more than one


@capability("no convergence, of the value or of a derivative, and dependent columns: ConvergenceError")
def lsqr(
    A: Any,
    b: Array,
    damp: float = 0.0,
    atol: float = 1e-6,
    btol: float = 1e-6,
    conlim: float = 1e8,
    iter_lim: int | None = None,
    show: bool = False,
    calc_var: bool = False,
    x0: Array | None = None,
) -> tuple[Any, ...]:
    """The least-squares solution of ``A @ x = b`` by LSQR, as scipy.sparse.linalg.lsqr, with derivatives.

    Parameters
    ----------
    A : (m, n) sparse array, array or LinearOperator
        Arrays may have traced values, an operator is constant and needs rmatvec.  For derivatives with
        damp = 0 its columns are independent.
    b : (m,) array
        Plain or traced.
    damp : float, optional
        δ: the norm of (A x − b, δ x) is made least; constant.
    atol, btol, conlim, iter_lim
        SciPy's, for the value and for the solutions that derivatives take.  By default iter_lim is ten times
        the smaller of m and n.
    show, calc_var : bool, optional
        SciPy's, for the value.
    x0 : (n,) array, optional
        Where the value's iteration starts; it has no derivative.

    Returns
    -------
    x : (n,) array
        The solution.
    istop, itn, r1norm, r2norm, anorm, acond, arnorm, xnorm, var
        As in SciPy, without derivatives.

    Raises
    ------
    ConvergenceError
        If the iteration ends at a limit (istop 3, 6 or 7), also for a derivative.
    NotDifferentiableError
        For derivatives with more columns than rows, without damp.
    TypeError
        If A is no matrix of numbers.
    ValueError
        For wrong shapes, nan and inf.

    Notes
    -----
    With y = (AᴴA + δ²I)⁻¹ x̄ and r = b − A x, b̄ = A y and Ā = r yᴴ − A y xᴴ, on the pattern for a sparse A
    (Golub & Pereyra, 1973).  A derivative takes three runs of the solver, and is as accurate as atol and
    btol say.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> A, b = sp.csr_array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]), np.array([1.0, 2.0, 3.5])
    >>> fr.sparse.linalg.lsqr(A, b, atol=1e-12, btol=1e-12)[0].round(8)
    array([0.91666667, 1.25      ])
    >>> fr.grad(lambda b: fr.sparse.linalg.lsqr(A, b, atol=1e-12, btol=1e-12)[0][1])(b).round(8)
    array([-0.5,  0. ,  0.5])
    """
    options = {"atol": atol, "btol": btol, "conlim": conlim, "iter_lim": iter_lim}
    return _solved("lsqr", A, b, damp, options, {"show": show, "calc_var": calc_var, "x0": x0})


@capability("no convergence, of the value or of a derivative, and dependent columns: ConvergenceError")
def lsmr(
    A: Any,
    b: Array,
    damp: float = 0.0,
    atol: float = 1e-6,
    btol: float = 1e-6,
    conlim: float = 1e8,
    maxiter: int | None = None,
    show: bool = False,
    x0: Array | None = None,
) -> tuple[Any, ...]:
    """The least-squares solution of ``A @ x = b`` by LSMR, as scipy.sparse.linalg.lsmr, with derivatives.

    Parameters
    ----------
    A, b, damp, atol, btol, conlim, show, x0
        As in `lsqr`.
    maxiter : int, optional
        The largest number of iterations of each run; by default ten times the smaller of m and n.

    Returns
    -------
    x : (n,) array
        The solution.
    istop, itn, normr, normar, norma, conda, normx
        As in SciPy, without derivatives.

    Raises
    ------
    ConvergenceError, NotDifferentiableError, TypeError, ValueError
        As `lsqr`.

    Notes
    -----
    See `lsqr`.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> A, b = sp.csr_array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]), np.array([1.0, 2.0, 3.5])
    >>> fr.sparse.linalg.lsmr(A, b, atol=1e-12, btol=1e-12)[0].round(8)
    array([0.91666667, 1.25      ])
    """
    options = {"atol": atol, "btol": btol, "conlim": conlim, "maxiter": maxiter}
    return _solved("lsmr", A, b, damp, options, {"show": show, "x0": x0})


def _solved(
    call: str, A: Any, b: Array, damp: float, options: dict[str, Any], first: dict[str, Any]
) -> tuple[Any, ...]:
    p, structure = as_structure(A, call, square=False)
    b = as_inexact(dense_right_side(b, call), f"{call}: b")
    require_finite(b, f"{call}: b")
    m, n = structure.shape
    limit = "iter_lim" if call == "lsqr" else "maxiter"
    if options[limit] is None:
        options[limit] = _STEPS * min(m, n)
    if b.shape not in ((m,), (m, 1)):
        raise ValueError(f"{call}: b must be a vector of {m} entries beside this matrix, got shape {b.shape}")
    if type(damp) in carriers:
        raise TypeError(f"{call}: damp is constant; to differentiate in it, append damp times I to A")
    b = np.reshape(b, m)
    if first["x0"] is not None:
        first = {**first, "x0": np.asarray(primal(first["x0"]))}
    solver = _Solver(call, Matrix(p, structure), float(damp), options)
    if not m or not n:
        raise ValueError(f"{call}: A must have rows and columns, got the shape {structure.shape}")
    result = solver.value(np.asarray(primal(b)), first)
    if type(p) not in carriers and type(b) not in carriers:
        return result
    if m < n and not damp:
        raise NotDifferentiableError(
            f"{call}: A of shape {structure.shape} has more columns than rows: its solution is one of many. "
            "Give a damp, or use fr.linalg.lstsq or pinv, whose derivative is that of the shortest one"
        )
    dtype = np.result_type(p.dtype, b.dtype)
    right = np.concatenate([b.astype(dtype), np.zeros(n, dtype)])[:, None]
    x = structured_solve(p, right, _Augmented(structure, float(damp)), solver, False)[m:, 0]
    return (x, *result[1:])


class _Augmented:
    """The part of K that is linear in A, (r, x) ↦ (A x, Aᴴ r), which is all that derivatives see."""

    def __init__(self, structure: Any, damp: float) -> None:
        self.structure, self.damp, self.ndim = structure, damp, structure.ndim
        self.m = structure.shape[0]

    def times(self, p: Array, X: Array, adjoint: bool) -> Array:
        """The product, which is its own adjoint."""
        r, x = X[..., : self.m, :], X[..., self.m :, :]
        of_x, of_r = self.structure.times(p, x, False), self.structure.times(p, r, True)
        return np.concatenate([of_x, of_r], axis=-2)

    def outer(self, W: Array, X: Array) -> Array:
        """⟨(w, u), (A x, Aᴴ r)⟩ = ⟨w xᴴ + r uᴴ, A⟩."""
        (w, u), (r, x) = (np.split(Y, [self.m], axis=-2) for Y in (W, X))
        return self.structure.outer(w, x) + self.structure.outer(r, u)


class _Solver(OneMatrix):
    """K, solved with by iteration."""

    def __init__(self, call: str, matrix: Matrix, damp: float, options: dict[str, Any]) -> None:
        import scipy.sparse.linalg

        self.call, self.matrix, self.damp, self.options = call, matrix, damp, options
        self.m, self.columns = matrix.shape
        self.n, self.dtype, self.reads = self.m + self.columns, matrix.dtype, None
        self.solver = getattr(scipy.sparse.linalg, call)
        self.known: tuple[Array, Array] | None = None

    def value(self, b: Array, first: dict[str, Any]) -> tuple[Any, ...]:
        """SciPy's result."""
        result = tuple(self.solver(self.matrix.plain, b, damp=self.damp, **self.options, **first))
        self._require_converged(result, "the solution", first.get("x0") is None)
        self.known = (b, result[0])
        return result

    def solve(self, B: Array, adjoint: bool) -> Array:
        # the value's own right side, which is solved for already
        if self.known is not None and B.shape == (self.n, 1):
            b, x = self.known
            if np.array_equal(B[: self.m, 0], b) and not B[self.m :].any():
                r = B[: self.m, 0] - self.matrix.plain @ x
                return np.concatenate([r, x])[:, None].astype(B.dtype, copy=False)
        return super().solve(B, adjoint)

    def _solve_columns(self, B: Array, adjoint: bool) -> Array:
        return np.stack([self._one(b) for b in B.T], axis=-1).astype(B.dtype) if B.shape[1] else B

    def _one(self, right: Array) -> Array:
        c, d = right[: self.m], right[self.m :]
        A, zeros = self.extended, np.zeros(self.columns if self.damp else 0, c.dtype)
        x = self._run(A, np.concatenate([c, zeros])) if c.any() else np.zeros_like(d)
        if d.any():
            z = self._run(self.extended_adjoint, d)
            x = x - self._run(A, z)
        return np.concatenate([c - self.matrix.plain @ x, x])

    def _run(self, A: Any, right: Array) -> Array:
        if not right.any():
            return np.zeros(A.shape[1], right.dtype)
        result = self.solver(A, right, **self.options)
        self._require_converged(result, "a solution for a derivative", True)
        return np.asarray(result[0])

    @property
    def extended(self) -> Any:
        """[A; δI], or A without damp."""
        return self._extended(False)

    @property
    def extended_adjoint(self) -> Any:
        """[Aᴴ, δI], or Aᴴ."""
        return self._extended(True)

    def _extended(self, adjoint: bool) -> Any:
        A = self.matrix.adjoint if adjoint else self.matrix.plain
        if not self.damp:
            return A
        from scipy.sparse.linalg import LinearOperator

        plain, other, m, damp = self.matrix.plain, self.matrix.adjoint, self.m, self.damp

        def forward(x: Array) -> Array:
            x = x.ravel()
            return np.concatenate([plain @ x, damp * x])

        def backward(y: Array) -> Array:
            y = y.ravel()
            return other @ y[:m] + damp * y[m:]

        shape = (self.n, self.columns)
        if adjoint:
            return LinearOperator(shape[::-1], matvec=backward, rmatvec=forward, dtype=self.dtype)
        return LinearOperator(shape, matvec=forward, rmatvec=backward, dtype=self.dtype)

    def _require_converged(self, result: Any, what: str, from_zero: bool) -> None:
        istop, steps = int(result[1]), int(result[2])
        if istop in (1, 2, 4, 5) or (istop == 0 and from_zero):
            return
        # of the normal equations: ‖Aᴴ r‖ / (‖A‖ ‖r‖)
        norm_r, norm_A, norm_Ar = (result[k] for k in ((3, 5, 7) if self.call == "lsqr" else (3, 5, 4)))
        residual = float(norm_Ar / (norm_A * norm_r)) if norm_A * norm_r else 0.0
        reason = {
            3: "the condition of A exceeds conlim",
            6: "A is singular to working precision",
        }
        why = reason.get(istop, "the limit of iterations was reached")
        raise ConvergenceError(
            f"{self.call}: {what} did not converge: {why}. The residual of the normal equations is "
            f"{residual:.1e} after {steps} iterations. Allow for more of them, scale the columns, or give a "
            "damp",
            residual,
            steps,
        )
