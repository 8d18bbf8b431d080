"""The Schur decomposition, and conversions between real and complex forms."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, adjoint_matrix, compose, conjugate_transpose, left, right
from ..maps import Broadcast
from ..rule import Rule, primal
from ..rules.linalg_factors import real_char
from ..rules.linalg_gaps import Tolerances, refuse
from ._arguments import as_inexact, as_matrix, require_finite, same_dtype, stack_shape, to_stack
from ._capability import capability
from ._schur_blocks import SchurBlocks

__all__ = ["cdf2rdf", "rsf2csf", "schur"]


@capability(
    "equal eigenvalues, or a cotangent that depends on the phases of complex Schur vectors: "
    "NotDifferentiableError"
)
def schur(
    a: Array,
    output: str = "real",
    lwork: int | None = None,
    overwrite_a: bool = False,
    sort: Any = None,
    check_finite: bool = True,
    *,
    degeneracy_tol: float | None = None,
    gauge_tol: float | None = None,
) -> tuple[Any, ...]:
    """The Schur decomposition A = Z T Zᴴ, as scipy.linalg.schur.

    Parameters
    ----------
    a : (..., n, n) array_like
        Real or complex, plain or traced.
    output : {"real", "complex"}, optional
        For a real matrix: whether T is real, with 2 × 2 blocks for pairs of complex eigenvalues, or complex
        and triangular.
    lwork, overwrite_a : optional
        For SciPy's signature; nothing is overwritten.
    sort : None, callable or {"lhp", "rhp", "iuc", "ouc"}, optional
        Which eigenvalues come first.
    check_finite : bool, optional
        Whether nan and inf are refused.
    degeneracy_tol : float, optional
        Eigenvalues count as equal where they differ by at most this times the Frobenius norm of A; by default
        10 n·eps.  Used where a derivative is asked for.
    gauge_tol : float, optional
        How much of a cotangent, relative to its largest entry, may depend on phases; by default √eps.

    Returns
    -------
    T : (..., n, n) array
        Triangular, or quasi-triangular.
    Z : (..., n, n) array
        Unitary.
    sdim : int, or array of int
        How many eigenvalues were sorted first; only with sort.

    Raises
    ------
    NotDifferentiableError
        Where a derivative is asked for and eigenvalues are equal: the Schur vectors then jump.  Where the
        cotangent depends on the phase of a column of a complex Z, which A does not determine.  For the
        eigenvalues alone use eigvals; for the space of the first columns, spectral_projector; for a function
        of the matrix, funm and its kin, which have derivatives there.
    numpy.linalg.LinAlgError
        If the decomposition or the sorting fails.
    ValueError
        If a is not square or not finite; for an unknown output.

    Notes
    -----
    With E = Zᴴ dA Z and Ω = Zᴴ dZ, dT = E + T Ω − Ω T, whose part below the (block) diagonal is zero: this is
    a triangular Sylvester equation for that part X of Ω = X − Xᴴ, solved column by column.  LAPACK gives a
    2 × 2 block [a b; c d] the form a = d, which fixes the rotation within it, but for right angles, unless b
    = −c, and its derivative here keeps that form.  It is that of the continuous branch: for matrices nearby
    LAPACK may choose other signs of real Schur vectors, and turn a block by a right angle to [a −c; −b a].
    Of complex ones, the pushforward takes the phases that move the vectors least.  The cost of a derivative
    is O(n³), in n steps.
    The computed T is that of a matrix within a modest multiple of n·eps·‖A‖ (Golub & Van Loan, Matrix
    Computations, 7.5).

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A = np.array([[1.0, 2.0], [0.0, 3.0]])
    >>> T, Z = fr.linalg.schur(A)
    >>> T
    array([[1., 2.],
           [0., 3.]])
    >>> fr.grad(lambda A: fr.linalg.schur(A)[0][1, 1])(A)
    array([[0., 0.],
           [1., 1.]])
    """
    if output not in ("real", "complex", "r", "c"):
        raise ValueError(f"schur: output is 'real' or 'complex', got {output!r}")
    a = as_matrix(a, "schur: a", square=True, check_finite=check_finite)
    if output in ("complex", "c") and a.dtype.kind != "c":
        a = a.astype("F" if a.dtype.char == "f" else "D")
    form = SchurBlocks(primal(a), sort, degeneracy_tol)
    T, Z = _schur(a, form=form, tolerances=Tolerances(gauge=gauge_tol))
    return (T, Z) if sort is None else (T, Z, form.sdim)


def _schur_body(a: Array, form: SchurBlocks, tolerances: Tolerances) -> Any:
    form.require_gaps()
    T, Z = _schur(a, form=form, tolerances=tolerances)
    return (T, Z), SchurMap(T, Z, form, tolerances)


_schur = Rule(lambda a, form, tolerances: (form.T.copy(), form.Z.copy()), _schur_body, "frechet.linalg.schur")


class SchurMap(LinearMap):
    """The tangents of T and Z, and the adjoint.

    Below the (block) diagonal X of Ω solves X T − T X = E there.  With Ω₁ = X − Xᴴ and F = E + T Ω₁ − Ω₁ T, a
    block [a b; c a] is turned by ω J, J = [0 −1; 1 0]: T J − J T = (b + c) diag(1, −1), so that the equality
    of its diagonal entries asks for ω = −(F₁₁ − F₂₂)/(2(b + c)).  Then Ω = Ω₁ + ω J.
    """

    __slots__ = ("T", "Z", "form", "tolerances")

    def __init__(self, T: Array, Z: Array, form: SchurBlocks, tolerances: Tolerances) -> None:
        self.T, self.Z = T, Z
        self.form = form
        self.tolerances = tolerances

    def push(self, v: Array) -> Any:
        T, Z, form = self.T, self.Z, self.form
        E = np.matmul(np.matmul(adjoint_matrix(Z), v), Z)
        X = commutator_solve(T, E, False, form=form)
        omega = X - adjoint_matrix(X)
        F = E + np.matmul(T, omega) - np.matmul(omega, T)
        if form.two_rowed:
            d = np.diagonal(F, axis1=-2, axis2=-1)
            difference = (d - _next(d)) * form.first
            refuse(primal(difference) * self.form.round, primal(F), ROUND, self.tolerances)
            over = (difference * self._turning())[..., None] * np.eye(np.shape(T)[-1], k=1, dtype=T.dtype)
            turn = over - np.swapaxes(over, -1, -2)
            omega = omega + turn
            F = F + np.matmul(T, turn) - np.matmul(turn, T)
        return F * (1 - form.lower), np.matmul(Z, omega)

    def pull(self, w: Any) -> Array:
        T, Z, form = self.T, self.Z, self.form
        Th = adjoint_matrix(T)
        wT, K = w[0] * (1 - form.lower), np.matmul(adjoint_matrix(Z), w[1])
        first, second = np.matmul(Th, wT), np.matmul(wT, Th)
        omega = K + first - second  # the cotangent of Ω
        size = np.abs(primal(K)) + np.abs(primal(first)) + np.abs(primal(second))
        if form.two_rowed:
            turning = np.diagonal(omega, 1, -2, -1) - np.diagonal(omega, -1, -2, -1)
            turning = _padded(turning) * form.first
            refuse(primal(turning) * self.form.round, size, ROUND, self.tolerances)
            d = turning * self._turning()
            wT = wT + (d - _previous(d))[..., None] * np.eye(np.shape(T)[-1], dtype=T.dtype)
            omega = K + np.matmul(Th, wT) - np.matmul(wT, Th)
        if np.iscomplexobj(Z):
            phases = np.imag(np.diagonal(primal(omega), axis1=-2, axis2=-1))
            refuse(phases, size, PHASE, self.tolerances)
        E = wT + commutator_solve(T, omega - adjoint_matrix(omega), True, form=form)
        return np.matmul(np.matmul(Z, E), adjoint_matrix(Z))

    def _turning(self) -> Array:
        """1/(2(b + c)) in the first row of each block that is not round, else 0."""
        T, skipped = self.T, 1 - self.form.first * (1 - self.form.round)
        both = _padded(np.diagonal(T, 1, -2, -1) + np.diagonal(T, -1, -2, -1))
        return (1 - skipped) / (2 * both * (1 - skipped) + skipped)


PHASE = (
    "fr.linalg.schur: a Schur vector of a complex decomposition is determined up to a factor of modulus one "
    "only, and the function depends on that factor, so it has no derivative. Make it independent of the "
    "phases: use diag(T), abs(T), z zᴴ; or spectral_projector, funm, eigvals"
)
ROUND = (
    "fr.linalg.schur: a 2 × 2 block [a b; -b a] is the same in every rotated basis, and the function depends "
    "on the rotation (or a tangent destroys that form), so it has no derivative. Use output='complex', "
    "spectral_projector, or eigvals"
)


def _padded(d: Array) -> Array:
    """d with a zero behind its last entry."""
    return np.concatenate([d, np.zeros((*np.shape(d)[:-1], 1), d.dtype)], axis=-1)


def _next(d: Array) -> Array:
    """In each place the next entry; zero in the last."""
    return _padded(d[..., 1:])


def _previous(d: Array) -> Array:
    """In each place the entry before it; zero in the first."""
    return np.concatenate([np.zeros((*np.shape(d)[:-1], 1), d.dtype), d[..., :-1]], axis=-1)


# The solution X of X T − T X = E below the (block) diagonal, where alone it is not zero and E is read; with
# ``adjoint`` that of X Tᴴ − Tᴴ X = E there, the adjoint map.  From the first, X dT + dX T − dT X − T dX = dE.


def _commutator_value(T: Array, E: Array, adjoint: bool, form: Any) -> Array:
    return form.solve_below(E, adjoint)


def _commutator_body(T: Array, E: Array, adjoint: bool, form: Any) -> Any:
    X = commutator_solve(T, E, adjoint, form=form)
    S = _CommutatorSolve(T, adjoint, form)
    in_T = compose(S, right(X) - left(X))
    if adjoint:
        in_T = compose(in_T, conjugate_transpose)
    if np.shape(T) != np.shape(X):
        in_T = compose(in_T, Broadcast(np.shape(T), np.shape(X)))
    return X, (in_T, S)


commutator_solve = Rule(_commutator_value, _commutator_body, "frechet.linalg.schur")


class _CommutatorSolve(LinearMap):
    """E ↦ X, or its adjoint."""

    __slots__ = ("T", "form", "is_adjoint")

    def __init__(self, T: Array, adjoint: bool, form: Any) -> None:
        self.T = T
        self.is_adjoint = adjoint
        self.form = form

    def push(self, v: Array) -> Array:
        return commutator_solve(self.T, v, self.is_adjoint, form=self.form)

    def pull(self, w: Array) -> Array:
        return commutator_solve(self.T, w, not self.is_adjoint, form=self.form)


# --- conversions -------------------------------------------------------------------------------------------


@capability("a block of two rows with equal eigenvalues: inf or nan, with NumPy's warning")
def rsf2csf(T: Array, Z: Array, check_finite: bool = True) -> tuple[Array, Array]:
    """A real Schur form converted to a complex one, as scipy.linalg.rsf2csf.

    Parameters
    ----------
    T, Z : (..., n, n) array_like
        The real Schur form: T is quasi-triangular.  Plain or traced; leading axes broadcast.
    check_finite : bool, optional
        Whether nan and inf are refused.

    Returns
    -------
    T, Z : (..., n, n) array
        The complex Schur form.

    Raises
    ------
    ValueError
        If T and Z are not square matrices of one size, not finite, or T is not quasi-triangular.

    Notes
    -----
    Each 2 × 2 block [a b; c d] is turned by the unitary G = [conj(γ) σ; −σ γ] with (γ, σ) = (λ − d, c)/r, of
    length one, where λ is its eigenvalue with positive imaginary part: T ↦ G T Gᴴ, Z ↦ Z Gᴴ.

    Examples
    --------
    >>> import numpy as np
    >>> T, Z = rsf2csf(np.array([[0.0, 1.0], [-1.0, 0.0]]), np.eye(2))
    >>> np.allclose(np.diag(T), [1j, -1j])
    True
    """
    T = as_matrix(T, "rsf2csf: T", square=True, check_finite=check_finite)
    Z = as_matrix(Z, "rsf2csf: Z", square=True, check_finite=check_finite)
    if np.shape(T)[-1] != np.shape(Z)[-1]:
        raise ValueError(f"rsf2csf: T and Z must have one size, got shapes {np.shape(T)} and {np.shape(Z)}")
    T, Z = same_dtype(T, Z)
    n, real = np.shape(T)[-1], real_char(T)
    stack = stack_shape("rsf2csf", T, Z)
    T, Z = (to_stack(x.astype("F" if real == "f" else "D"), stack) for x in (T, Z))
    below = np.diagonal(T, -1, -2, -1)
    d = np.diagonal(T, 0, -2, -1)
    size = np.abs(primal(d))
    blocks = np.abs(primal(below)) > np.finfo(np.float64).eps * (size[..., 1:] + size[..., :-1])
    if (blocks[..., 1:] & blocks[..., :-1]).any():
        raise ValueError("rsf2csf: T is not quasi-triangular: it has more than two rows in a block")
    if not blocks.any():
        return np.triu(T), Z
    mask = blocks.astype(real)
    # In every row but the last, with harmless numbers (a = 1, b = c = 0, d = 0) where no block starts:
    first = d[..., :-1] * mask + (1 - mask)
    second, b, c = d[..., 1:] * mask, np.diagonal(T, 1, -2, -1) * mask, below * mask
    half = (first - second) / 2
    # γ and σ depend on the quotients of half, b and c alone; their squares stay in the range of numbers.
    size = np.maximum(np.maximum(np.abs(primal(half)), np.abs(primal(b))), np.abs(primal(c)))
    scale = np.ldexp(np.ones_like(size), -np.frexp(size)[1])
    half, b, c = half * scale, b * scale, c * scale
    mu = half + np.sqrt(half * half + b * c)  # λ − d, scaled
    r = np.sqrt(np.real(mu * np.conj(mu)) + np.real(c * np.conj(c)))
    gamma, sigma = _padded(mu / r), _padded(c / r)
    mask = _padded(mask)
    diagonal = 1 + mask * (np.conj(gamma) - 1) + _previous(mask * (gamma - 1) + mask * 1) - _previous(mask)
    over = (mask * sigma)[..., None] * np.eye(n, k=1, dtype=real)
    G = diagonal[..., None] * np.eye(n, dtype=real) + over - np.swapaxes(over, -1, -2)
    Gh = adjoint_matrix(G)
    return np.triu(np.matmul(np.matmul(G, T), Gh)), np.matmul(Z, Gh)


@capability("nowhere: the result is linear in w and in v")
def cdf2rdf(w: Array, v: Array) -> tuple[Array, Array]:
    """Complex eigenvalues and eigenvectors as real blocks and vectors, as scipy.linalg.cdf2rdf.

    Parameters
    ----------
    w : (..., n) array_like
        Eigenvalues, conjugate ones in pairs that do not interleave.
    v : (..., n, n) array_like
        Their eigenvectors.

    Returns
    -------
    wr : (..., n, n) array
        Real, with λ on the diagonal and a 2 × 2 block [α β; −β α] for each pair α ± iβ.
    vr : (..., n, n) array
        Real, with X vr = vr wr where X v = v diag(w).

    Raises
    ------
    ValueError
        For shapes that do not fit, nan and inf, and an odd number of complex eigenvalues.

    Examples
    --------
    >>> import numpy as np
    >>> wr, vr = cdf2rdf([1 + 2j, 1 - 2j], np.array([[1, 1], [1j, -1j]]))
    >>> wr
    array([[ 1.,  2.],
           [-2.,  1.]])
    """
    w, v = as_inexact(w, "cdf2rdf: w"), as_matrix(v, "cdf2rdf: v", square=True)
    require_finite(w, "cdf2rdf: w")
    n = np.shape(v)[-1]
    if np.shape(w) != np.shape(v)[:-1]:
        raise ValueError(
            "cdf2rdf: w holds the eigenvalues for the columns of v, shapes (..., n) and (..., n, n); got "
            f"{np.shape(w)} and {np.shape(v)}"
        )
    imaginary = np.imag(primal(w)) != 0
    if (imaginary.sum(-1) % 2).any():
        raise ValueError("cdf2rdf: complex eigenvalues must come in conjugate pairs")
    *at, place = np.nonzero(imaginary)
    stack = tuple(i[::2] for i in at)
    j, k = place[::2], place[1::2]
    pairs = np.zeros(np.shape(v), real_char(w))
    pairs[(*stack, j, k)] = pairs[(*stack, k, j)] = 1
    eye = np.eye(n, dtype=real_char(w))
    wr = np.real(w)[..., None] * eye + np.imag(w)[..., None] * pairs
    # The columns of a pair, v and conj(v), become (i/2)(v − conj v) and (v + conj v)/2: −Im v and Re v.
    u = np.broadcast_to(np.eye(n), np.shape(v)).astype("F" if real_char(v) == "f" else "D")
    u[(*stack, j, j)], u[(*stack, j, k)] = 0.5j, 0.5
    u[(*stack, k, j)], u[(*stack, k, k)] = -0.5j, 0.5
    return wr, np.real(np.matmul(v, u))
