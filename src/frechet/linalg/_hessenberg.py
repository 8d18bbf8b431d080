"""The Hessenberg form."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array, LinearMap, adjoint_matrix
from ..rule import Rule, primal
from ._arguments import as_matrix
from ._capability import capability
from ._matrix_equation import norms
from ._schur import commutator_solve

__all__ = ["hessenberg"]


@capability("an entry below the diagonal of the form is zero: NotDifferentiableError")
def hessenberg(
    a: Array,
    calc_q: bool = False,
    overwrite_a: bool = False,
    check_finite: bool = True,
    *,
    rank_tol: float | None = None,
) -> Any:
    """The Hessenberg form A = Q H Qᴴ, as scipy.linalg.hessenberg.

    Parameters
    ----------
    a : (..., n, n) array_like
        Real or complex, plain or traced.
    calc_q : bool, optional
        Whether Q is returned too.
    overwrite_a : bool, optional
        For SciPy's signature; nothing is overwritten.
    check_finite : bool, optional
        Whether nan and inf are refused.
    rank_tol : float, optional
        An entry below the diagonal counts as zero where it is at most this times the Frobenius norm of A; by
        default n·eps.  Used where a derivative is asked for.

    Returns
    -------
    H : (..., n, n) array
        Zero below its first subdiagonal, which is real (for n > 2).
    Q : (..., n, n) array
        Unitary, with the first unit vector as its first column.

    Raises
    ------
    NotDifferentiableError
        Where a derivative is asked for and an entry below the diagonal of H is zero: the columns of Q behind
        it are then not determined.
    ValueError
        If a is not square or not finite.

    Notes
    -----
    The first column of Q is constant, and the others follow from it (the implicit Q theorem) up to signs,
    which are kept; LAPACK keeps them for small changes too, but for columns that have nothing to eliminate.
    With E = Qᴴ dA Q and Ω = Qᴴ dQ, dH = E + H Ω − Ω H is a Hessenberg matrix with a real subdiagonal: this
    gives the columns of Ω one after the other, in O(n³) operations and n steps.  A small entry below the
    diagonal makes the derivative large.  The computed H is that of a matrix within a modest multiple of
    n²·eps·‖A‖ (Golub & Van Loan, Matrix Computations, 7.4.2).

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A = np.array([[1.0, 0.0, 0.0], [3.0, 2.0, 0.0], [4.0, 0.0, 2.0]])
    >>> np.allclose(fr.linalg.hessenberg(A), [[1, 0, 0], [-5, 2, 0], [0, 0, 2]])
    True
    >>> fr.grad(lambda A: fr.linalg.hessenberg(A)[1, 0])(A)
    array([[ 0. ,  0. ,  0. ],
           [-0.6,  0. ,  0. ],
           [-0.8,  0. ,  0. ]])
    """
    a = as_matrix(a, "hessenberg: a", square=True, check_finite=check_finite)
    n = np.shape(a)[-1]
    if n <= 2:  # LAPACK is not asked: A is a Hessenberg matrix
        H = a.copy()
        return (H, np.broadcast_to(np.eye(n, dtype=a.dtype), np.shape(a)).copy()) if calc_q else H
    H, Q = _hessenberg(a, form=HessenbergForm(primal(a), rank_tol))
    return (H, Q) if calc_q else H


class HessenbergForm:
    """A = Q H Qᴴ of a plain matrix, or of each of a stack, and the equation for Ω = Qᴴ dQ."""

    def __init__(self, a: Array, rank_tol: float | None) -> None:
        import scipy.linalg

        self.rank_tol = rank_tol
        self.H, self.Q = np.empty(a.shape, a.dtype), np.empty(a.shape, a.dtype)
        for at in np.ndindex(a.shape[:-2]):
            self.H[at], self.Q[at] = scipy.linalg.hessenberg(a[at], calc_q=True, check_finite=False)

    def require_unreduced(self) -> None:
        """Raise where an entry below the diagonal that is divided by is zero."""
        H = self.H
        n = H.shape[-1]
        below = np.abs(np.diagonal(H, -1, -2, -1))
        if H.dtype.kind != "c":
            below = below[..., :-1]  # of the last column of a real Q only the sign is left
        tol = n * np.finfo(H.dtype).eps if self.rank_tol is None else self.rank_tol
        if np.any(below <= tol * norms(H)[..., None]):
            raise NotDifferentiableError(
                "fr.linalg.hessenberg of a matrix whose form has a zero below its diagonal has no "
                "derivative: the columns of Q behind it are arbitrary. For eigenvalues use eigvals, for a "
                "function of the matrix funm and its kin"
            )

    def solve_below(self, E: Array, adjoint: bool) -> Array:
        """Ω from E, or the adjoint of this map, which is linear over the reals.

        Ω is skew-Hermitian with zeros in its first column, and E + H Ω − Ω H has zeros below its subdiagonal
        and a real subdiagonal.
        """
        n, stack = self.H.shape[-1], self.H.shape[:-2]
        extra = E.shape[: E.ndim - self.H.ndim]
        dtype = np.result_type(E, self.H)
        X = np.zeros((*extra, *stack, n, n), dtype)
        for at in np.ndindex(stack):
            here = (slice(None),) * len(extra) + at
            solve = _solve_adjoint if adjoint else _solve
            X[here] = solve(self.H[at], E[here].astype(dtype, copy=False))
        return X


def _solve(H: Array, E: Array) -> Array:
    # Column j of E + H Ω − Ω H, from row j + 1 on:  r − ω_{j+1} h_{j+1,j} with r = e_j + H ω_j − Σ_{k≤j} ω_k
    # h_kj.  It is to be zero below row j + 1 and real in it.
    X = np.zeros_like(E)
    for j in range(_steps(H)):
        r = E[..., j] + X[..., j] @ H.T - X[..., : j + 1] @ H[: j + 1, j]
        column = r[..., j + 1 :] / H[j + 1, j]
        column[..., 0] = 1j * column[..., 0].imag if H.dtype.kind == "c" else 0
        X[..., j + 1 :, j + 1] = column
        X[..., j + 1, j + 1 :] -= np.conj(column)
        X[..., j + 1, j + 1] = column[..., 0]
    return X


def _steps(H: Array) -> int:
    """How many columns of Ω are found: of the last one there is only a phase, and none where H is real."""
    return len(H) - (1 if H.dtype.kind == "c" else 2)


def _solve_adjoint(H: Array, W: Array) -> Array:
    # For skew Ω, ⟨Y, Ω H − H Ω⟩ = ⟨S, Ω⟩ with S = Y Hᴴ − Hᴴ Y, of which S − Sᴴ matters: it is to equal
    # W − Wᴴ but for the first column.  Y is zero above its subdiagonal, which is imaginary.  In column
    # j + 1 of S, (Y Hᴴ)_{i,j+1} = Y_ij h_{j+1,j} + Σ_{k>j} Y_ik conj(h_{j+1,k}): so the columns of Y follow
    # from the last one on.
    K = W - adjoint_matrix(W)
    Hc = H.conj()
    Y = np.zeros_like(W)
    for j in range(_steps(H) - 1, -1, -1):
        product = Y[..., j + 1] @ Hc  # (Hᴴ Y) in column j + 1
        row = Hc[:, j + 1] @ Y[..., j + 1 :]  # (Hᴴ Y) in row j + 1, columns from j + 1 on
        r = K[..., j + 1 :, j + 1] - Y[..., j + 1 :, j + 1 :] @ Hc[j + 1, j + 1 :]
        r = r + product[..., j + 1 :] - np.conj(row)
        r[..., 0] = 0.5j * r[..., 0].imag if H.dtype.kind == "c" else 0
        Y[..., j + 1 :, j] = r / H[j + 1, j]
    return Y


def _hessenberg_body(a: Array, form: HessenbergForm) -> Any:
    form.require_unreduced()
    H, Q = _hessenberg(a, form=form)
    return (H, Q), HessenbergMap(H, Q, form)


_hessenberg = Rule(
    lambda a, form: (form.H.copy(), form.Q.copy()), _hessenberg_body, "frechet.linalg.hessenberg"
)


class HessenbergMap(LinearMap):
    """The tangents of H and Q; the formulas are in `hessenberg`."""

    __slots__ = ("H", "Q", "form", "mask")

    def __init__(self, H: Array, Q: Array, form: HessenbergForm) -> None:
        self.H, self.Q = H, Q
        self.form = form
        n = np.shape(H)[-1]
        self.mask = np.triu(np.ones((n, n), form.H.real.dtype), -1)

    def push(self, v: Array) -> Any:
        H, Q = self.H, self.Q
        E = np.matmul(np.matmul(adjoint_matrix(Q), v), Q)
        omega = commutator_solve(H, E, False, form=self.form)
        return (E + np.matmul(H, omega) - np.matmul(omega, H)) * self.mask, np.matmul(Q, omega)

    def pull(self, w: Any) -> Array:
        H, Q = self.H, self.Q
        Hh = adjoint_matrix(H)
        wH = w[0] * self.mask
        omega = np.matmul(adjoint_matrix(Q), w[1]) + np.matmul(Hh, wH) - np.matmul(wH, Hh)
        E = wH + commutator_solve(H, omega, True, form=self.form)
        return np.matmul(np.matmul(Q, E), adjoint_matrix(Q))
