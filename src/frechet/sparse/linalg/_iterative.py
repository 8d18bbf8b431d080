"""Linear systems by iteration: SciPy's solvers, differentiated by the implicit rule.

A x = b says how x varies with A and b, however it was found: dx = A⁻¹ (db − dA x), b̄ = A⁻ᴴ x̄, Ā = −b̄ xᴴ.  So
a derivative is a solution with the same solver, with A or with its adjoint, and is as accurate as that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import ConvergenceError
from ...linalg._arguments import as_inexact, require_finite
from ...linalg._factor import OneMatrix
from ...linalg._structured import solve as structured_solve
from ...linear_map import Array
from ...rule import carriers, primal
from ._arguments import dense_right_side
from ._capability import capability
from ._operator import Matrix, as_structure

__all__ = ["bicgstab", "cg", "gmres", "minres"]

# A residual may be this much larger than asked for: SciPy's solvers stop by a recursion for it.
_SLACK = 10.0


@capability("no convergence, of the value or of a derivative: ConvergenceError")
def cg(
    A: Any,
    b: Array,
    x0: Array | None = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    M: Any = None,
    callback: Callable[[Array], Any] | None = None,
) -> tuple[Array, int]:
    """The solution of ``A @ x = b`` by conjugate gradients, as scipy.sparse.linalg.cg, with derivatives.

    Parameters
    ----------
    A : (n, n) sparse array, array or LinearOperator
        Hermitian positive definite.  Arrays may have traced values, an operator is constant.
    b : (n,) or (n, 1) array
        Plain or traced.
    x0 : array, optional
        Where the value's iteration starts; it has no derivative.
    rtol, atol : float, optional
        The residual is at most max(rtol ‖b‖, atol); that of derivatives, rtol times their right side.
    maxiter : int, optional
        The largest number of iterations of each solution.
    M : (n, n) sparse array, array or LinearOperator, optional
        The preconditioner, an approximation of A⁻¹; constant.
    callback : callable, optional
        Called after each iteration of the value's solution.

    Returns
    -------
    x : array
        Of the shape of b.
    info : int
        0: the iteration has converged, since otherwise there is an error.

    Raises
    ------
    ConvergenceError
        If the residual is not reached, also for a derivative; with ``residual`` and ``iterations``.
    TypeError
        If A is no matrix of numbers.
    ValueError
        For wrong shapes, nan and inf.

    Notes
    -----
    x is differentiated as the solution of the system, not through the iteration: a derivative costs one more
    solution for each direction, with the same matrix and preconditioner, and is as accurate as rtol says.
    The residual is computed anew after each.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> A = sp.csr_array([[2.0, 1.0], [1.0, 3.0]])
    >>> x, info = fr.sparse.linalg.cg(A, np.array([3.0, 4.0]), rtol=1e-12)
    >>> x.round(10)
    array([1., 1.])
    >>> fr.grad(lambda b: fr.sparse.linalg.cg(A, b, rtol=1e-12)[0][0])(np.array([3.0, 4.0])).round(10)
    array([ 0.6, -0.2])
    """
    options = {"rtol": rtol, "atol": atol, "maxiter": maxiter}
    return _solved("cg", A, b, x0, M, callback, True, options)


@capability("no convergence, of the value or of a derivative: ConvergenceError", complex=False)
def minres(
    A: Any,
    b: Array,
    x0: Array | None = None,
    *,
    rtol: float = 1e-5,
    shift: float = 0.0,
    maxiter: int | None = None,
    M: Any = None,
    callback: Callable[[Array], Any] | None = None,
    show: bool = False,
    check: bool = False,
) -> tuple[Array, int]:
    """The solution of a real symmetric system by MINRES, as scipy.sparse.linalg.minres, with derivatives.

    Parameters
    ----------
    A : (n, n) sparse array, array or LinearOperator
        Real and symmetric, definite or not.  Arrays may have traced values, an operator is constant.
    b : (n,) or (n, 1) array
        Plain or traced.
    x0 : array, optional
        Where the value's iteration starts; it has no derivative.
    rtol : float, optional
        The residual relative to ‖A‖ ‖x‖ + ‖b‖, as MINRES estimates it.
    shift : float, optional
        The system is (A − shift I) x = b; constant.
    maxiter : int, optional
        The largest number of iterations of each solution.
    M : (n, n) sparse array, array or LinearOperator, optional
        The preconditioner, positive definite; constant.
    callback : callable, optional
        Called after each iteration of the value's solution.
    show, check : bool, optional
        SciPy's: what the value's solution prints, and whether symmetry is tested.

    Returns
    -------
    x : array
        Of the shape of b.
    info : int
        0, as in `cg`.

    Raises
    ------
    ConvergenceError
        If the residual is not reached, also for a derivative.
    TypeError
        If A is complex, or no matrix of numbers.
    ValueError
        For wrong shapes, nan and inf.

    Notes
    -----
    See `cg`.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> A = sp.csr_array([[1.0, 2.0], [2.0, 1.0]])
    >>> x, info = fr.sparse.linalg.minres(A, np.array([3.0, 3.0]), rtol=1e-12)
    >>> x.round(10)
    array([1., 1.])
    """
    if type(shift) in carriers:
        raise TypeError("minres: shift is constant; to differentiate in it, subtract it from A")
    options = {"rtol": rtol, "shift": shift, "maxiter": maxiter, "show": show, "check": check}
    return _solved("minres", A, b, x0, M, callback, True, options)


@capability("no convergence, of the value or of a derivative: ConvergenceError")
def gmres(
    A: Any,
    b: Array,
    x0: Array | None = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    restart: int | None = None,
    maxiter: int | None = None,
    M: Any = None,
    callback: Callable[[Any], Any] | None = None,
    callback_type: str | None = None,
) -> tuple[Array, int]:
    """The solution of ``A @ x = b`` by restarted GMRES, as scipy.sparse.linalg.gmres, with derivatives.

    Parameters
    ----------
    A : (n, n) sparse array, array or LinearOperator
        Arrays may have traced values, an operator is constant; it needs rmatvec for reverse derivatives.
    b : (n,) or (n, 1) array
        Plain or traced.
    x0 : array, optional
        Where the value's iteration starts; it has no derivative.
    rtol, atol, maxiter
        As in `cg`; maxiter counts restarts.
    restart : int, optional
        The number of iterations between restarts; by default 20.
    M : (n, n) sparse array, array or LinearOperator, optional
        The preconditioner, an approximation of A⁻¹; constant.  Solutions with Aᴴ use its adjoint.
    callback : callable, optional
        Called in the value's solution, as callback_type says.
    callback_type : {"x", "pr_norm", "legacy"}, optional
        SciPy's.

    Returns
    -------
    x : array
        Of the shape of b.
    info : int
        0, as in `cg`.

    Raises
    ------
    ConvergenceError
        If the residual is not reached, also for a derivative.
    NotDifferentiableError
        In reverse, for an operator without products with its adjoint.
    TypeError
        If A is no matrix of numbers.
    ValueError
        For wrong shapes, nan and inf.

    Notes
    -----
    See `cg`.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> A = sp.csr_array([[2.0, 1.0], [0.0, 4.0]])
    >>> x, info = fr.sparse.linalg.gmres(A, np.array([3.0, 4.0]), rtol=1e-12)
    >>> x.round(10)
    array([1., 1.])
    """
    options = {"rtol": rtol, "atol": atol, "restart": restart, "maxiter": maxiter}
    return _solved("gmres", A, b, x0, M, callback, False, options, callback_type)


@capability("no convergence, of the value or of a derivative: ConvergenceError")
def bicgstab(
    A: Any,
    b: Array,
    x0: Array | None = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    M: Any = None,
    callback: Callable[[Array], Any] | None = None,
) -> tuple[Array, int]:
    """The solution of ``A @ x = b`` by BiCGSTAB, as scipy.sparse.linalg.bicgstab, with derivatives.

    Parameters
    ----------
    A : (n, n) sparse array, array or LinearOperator
        Arrays may have traced values, an operator is constant; it needs rmatvec for reverse derivatives.
    b : (n,) or (n, 1) array
        Plain or traced.
    x0, rtol, atol, maxiter, callback
        As in `cg`.
    M : (n, n) sparse array, array or LinearOperator, optional
        As in `gmres`.

    Returns
    -------
    x : array
        Of the shape of b.
    info : int
        0, as in `cg`.

    Raises
    ------
    ConvergenceError, NotDifferentiableError, TypeError, ValueError
        As `gmres`.

    Notes
    -----
    See `cg`.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> A = sp.csr_array([[2.0, 1.0], [0.0, 4.0]])
    >>> x, info = fr.sparse.linalg.bicgstab(A, np.array([3.0, 4.0]), rtol=1e-12)
    >>> x.round(10)
    array([1., 1.])
    """
    options = {"rtol": rtol, "atol": atol, "maxiter": maxiter}
    return _solved("bicgstab", A, b, x0, M, callback, False, options)


def _solved(
    call: str,
    A: Any,
    b: Array,
    x0: Array | None,
    M: Any,
    callback: Any,
    hermitian: bool,
    options: dict[str, Any],
    callback_type: str | None = None,
) -> tuple[Array, int]:
    p, structure = as_structure(A, call, hermitian=hermitian)
    b = as_inexact(dense_right_side(b, call), f"{call}: b")
    require_finite(b, f"{call}: b")
    n = structure.shape[0]
    if b.shape not in ((n,), (n, 1)):
        raise ValueError(f"{call}: b must be a vector of {n} entries beside this matrix, got shape {b.shape}")
    if not n:
        return b, 0
    matrix = Matrix(p, structure)
    dtype = np.result_type(matrix.dtype, np.dtype(b.dtype.char.lower()))
    if call == "minres" and dtype.kind == "c":
        raise TypeError("minres: A must be real; gmres takes complex matrices")
    if not matrix.constant and matrix.dtype != dtype:
        p = p.astype(dtype)
    start = None if x0 is None else np.asarray(primal(x0)).reshape(n)
    solver = _Solver(call, matrix.in_dtype(dtype), M, hermitian, options)
    solver.first = {"x0": start, "callback": callback, "callback_type": callback_type}
    column = np.reshape(b, (n, 1))
    column = column.astype(np.result_type(dtype, b.dtype))
    x = structured_solve(p, column, structure, solver, False)
    return np.reshape(x, b.shape), 0


class _Solver(OneMatrix):
    """A matrix with an iterative solver, in the place of a factorization."""

    first: dict[str, Any] | None  # what only the first solution, which is the value, gets

    def __init__(self, call: str, matrix: Matrix, M: Any, hermitian: bool, options: dict[str, Any]) -> None:
        import scipy.sparse.linalg

        self.call, self.matrix, self.hermitian, self.options = call, matrix, hermitian, options
        self.n, self.dtype, self.reads = matrix.shape[0], matrix.dtype, None
        self.solver = getattr(scipy.sparse.linalg, call)
        self.M = None if M is None else scipy.sparse.linalg.aslinearoperator(M)

    def _solve_columns(self, B: Array, adjoint: bool) -> Array:
        X = np.empty_like(B)
        for k in range(B.shape[1]):
            first, self.first = self.first, None
            X[:, k] = self._one(np.ascontiguousarray(B[:, k]), adjoint, first is None, **(first or {}))
        return X

    def _one(
        self,
        b: Array,
        adjoint: bool,
        derivative: bool,
        x0: Any = None,
        callback: Any = None,
        callback_type: Any = None,
    ) -> Array:
        steps = 0

        def count(x: Any) -> None:
            nonlocal steps
            steps += 1
            if callback is not None:
                callback(x)

        M = self.M.H if self.M is not None and adjoint and not self.hermitian else self.M
        options = dict(self.options)
        if self.call == "gmres":
            options["callback_type"] = callback_type if callback is not None else "pr_norm"
        if derivative:
            options |= {key: 0 for key in ("atol", "show", "check") if key in options}
        A = self.matrix.adjoint if adjoint else self.matrix.plain
        x, info = self.solver(A, b, x0, M=M, callback=count, **options)
        residual = b - A @ x
        if "shift" in options:
            residual = residual + options["shift"] * x
        self._require_small(residual, b, x, info, steps, adjoint, options)
        return np.asarray(x)

    def _require_small(
        self, residual: Array, b: Array, x: Array, info: int, steps: int, adjoint: bool, options: Any
    ) -> None:
        size, of_b = float(np.linalg.norm(residual)), float(np.linalg.norm(b))
        terms = self.matrix.norm * float(np.linalg.norm(x)) + of_b
        # MINRES measures the residual by these terms; the others by b, down to rounding.
        wanted = options["rtol"] * (terms if self.call == "minres" else of_b)
        wanted = max(wanted, options.get("atol", 0.0))
        rounding = np.finfo(self.dtype).eps * np.sqrt(self.n) * terms
        if info == 0 and size <= _SLACK * (wanted + rounding):
            return
        relative = size / of_b if of_b else size
        what = "the solution with Aᴴ for a derivative" if adjoint else "the solution"
        raise ConvergenceError(
            f"{self.call}: {what} did not converge: its relative residual is {relative:.1e} after {steps} "
            f"iterations (rtol={options['rtol']:.1e}). Allow for more iterations, give a better "
            "preconditioner M, or use spsolve",
            relative,
            steps,
        )
