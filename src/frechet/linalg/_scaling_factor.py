"""Logarithms and fractional powers of matrices by inverse scaling and squaring, with their derivatives.

    log A = 2^s log(A^(1/2^s)),        A^t = (A^(t/2^s))^(2^s)

with s square roots, until X = A^(1/2^s) − I is small.  For small X both functions have the same kind of Padé
approximant, a sum of partial fractions whose poles are nodes of Gaussian quadrature:

    log(I + X)      = ∫₀¹ X (I + uX)⁻¹ du                                ≈ Σ w_j X (I + u_j X)⁻¹,
    (I + X)^t − I   = c ∫₀¹ X (I + uX)⁻¹ u^(−t) (1−u)^t du, −1 < t < 1,  ≈ the same with other nodes, weights

(Gauss–Legendre: Dieci, Morini & Papini, SIAM J. Matrix Anal. Appl. 17:570, 1996; Gauss–Jacobi with
c = sin(πt)/π, from y^t = c ∫₀^∞ y/(y + σ) σ^(t−1) dσ for y = 1 + x and σ = (1 − u)/u).  As x/(1 + ux) has the
slope 1/(1 + ux)², the derivative is Σ w_j (I + u_j X)⁻¹ E (I + u_j X)⁻¹, on the inverses that the value has
computed.  The derivative of a square root R solves R dR + dR R = dT, a triangular Sylvester equation; that of
a squaring is U dU + dU U.

All of it takes place on a Schur form.  Diagonal and superdiagonal of X and of the result are computed from
the eigenvalues themselves, without the cancellation in A^(1/2^s) − I.

Number of roots, s, and of nodes, m.  Let r be the approximant of log(1 + x) and h(x) = e^(r(x)) − 1 − x =
Σ_(k>2m) h_k x^k.  Then r(X) = log(I + X + h(X)), the exact logarithm of a matrix near I + X: ‖h(X)‖ ≤ u‖X‖ if
Σ |h_k| α^(k−1) ≤ u, with α = max(‖X^p‖^(1/p), ‖X^(p+1)‖^(1/(p+1))) for a p with p (p − 1) ≤ 2m (Al-Mohy &
Higham 2009).  The derivative asks for Σ k |h_k| α^(k−1) ≤ u.  ``_LIMITS`` holds the largest α of this second,
stricter kind; those of fractional powers lie above, and approach these for t → 0.

References
----------
A. H. Al-Mohy and N. J. Higham, SIAM J. Matrix Anal. Appl. 31:970 (2009); SIAM J. Sci. Comput. 34:C153 (2012).
A. H. Al-Mohy, N. J. Higham and S. D. Relton, SIAM J. Sci. Comput. 35:C394 (2013): the derivative of log.
N. J. Higham and L. Lin, SIAM J. Matrix Anal. Appl. 32:1056 (2011); 34:1341 (2013): powers and derivatives.
"""

from __future__ import annotations

import math
from functools import cache, cached_property, partial
from typing import Any, Self

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from .._stacks import product
from ..rules.lapack import lapack
from ._matrix_equation import norms
from ._triangular_form import (
    FormStack,
    FunctionOnForms,
    TriangularForm,
    quasi_triangular_inverse,
    square_root,
)
from ._triangular_sylvester import TriangularSylvester

__all__ = ["LogFactor", "PowerFactor"]

Array = NDArray[Any]

# For m = 1, 2, … nodes.
_LIMITS = (
    2.107e-8, 2.514e-4, 5.934e-3, 0.02889, 0.0739, 0.1361, 0.2075, 0.2809, 0.3517, 0.4174, 0.4767, 0.5297,
)  # fmt: skip
_TINY = 1e-20  # what stands for a zero eigenvalue in a logarithm, as in SciPy


class _Scaled(FunctionOnForms):
    """T^(1/2^s) − I for some of the matrices of a stack, with the partial fractions of a function of it.

    Parameters
    ----------
    form : TriangularForm
        T is float64 or complex128.
    logarithms : (count, n) ndarray
        Of the eigenvalues.
    roots : list of (count, n, n) ndarray
        T^(1/2), T^(1/4), …
    X : (count, n, n) ndarray
        T^(1/2^s) − I.
    nodes : int
        How many nodes the approximant takes.
    exponent : float
        t, or 0 for the logarithm.
    """

    def __init__(
        self,
        form: TriangularForm,
        logarithms: Array,
        roots: list[Array],
        X: Array,
        nodes: int,
        exponent: float,
    ) -> None:
        self.form, self.logarithms, self.roots = form, logarithms, roots
        points, self.weights = _quadrature(nodes, exponent)
        # (I + u_j X)⁻¹ for all nodes and matrices, in one stack
        D = np.eye(X.shape[-1]) + points[:, None, None, None] * X
        pairs = np.tile(form.pairs, (len(D), 1))
        self.inverses = quasi_triangular_inverse(np.concatenate(D), pairs).reshape(D.shape)
        self.sum = np.tensordot(self.weights, self.inverses, 1) @ X

    @classmethod
    def each(cls, form: TriangularForm, exponent: float) -> list[tuple[Array, Self]]:
        """The functions of matrices that take the same number of roots, with their indices in the stack."""
        found = []
        which = np.arange(len(form.T))
        logarithms = np.log(form.eigenvalues.astype(complex))
        current, root = form, form.T
        roots: list[Array] = []
        while which.size:
            p = 1 / 2.0 ** len(roots)
            X = root.copy()
            current.put_blocks(X, np.expm1(logarithms * p))
            current.put_superdiagonal(X, partial(_power_difference, p=p))
            if not np.isfinite(X).all():
                raise LinAlgError(
                    "A has roots beyond the range of numbers: its eigenvalues are too small for its entries"
                )
            nodes = _nodes(X, np.abs(np.expm1(logarithms * p)).max(-1, initial=0.0))
            done, rest = nodes > 0, nodes == 0
            if done.all():
                found.append((which, cls(current, logarithms, roots, X, nodes.max(), exponent)))
                break
            if done.any():
                chosen = [R[done] for R in roots]
                function = cls(current[done], logarithms[done], chosen, X[done], nodes[done].max(), exponent)
                found.append((which[done], function))
                which, current, logarithms = which[rest], current[rest], logarithms[rest]
                roots, root = [R[rest] for R in roots], root[rest]
            values = np.exp(logarithms * p) if roots else current.eigenvalues
            root = square_root(TriangularForm(root, current.Q, values, current.exact))[0]
            roots.append(root)
        return found

    @property
    def count(self) -> int:
        """How many roots have been taken."""
        return len(self.roots)

    @cached_property
    def _equations(self) -> list[TriangularSylvester]:
        return [TriangularSylvester(R) for R in self.roots]

    def sum_derivative(self, E: Array) -> Array:
        """The derivative of the sum in the direction E of T."""
        for equation in self._equations:
            E = equation.solve(E)
        total = np.zeros(E.shape, np.result_type(E, self.sum))
        for w, inverse in zip(self.weights, self.inverses, strict=True):
            total += product(product(inverse, w * E), inverse)
        return total


class _Log(_Scaled):
    """The logarithms of Schur forms."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.value = self.sum * 2.0**self.count
        self.form.put_blocks(self.value, self.logarithms)
        self.form.put_superdiagonal(self.value, _log_difference)

    def derivative(self, E: Array) -> Array:
        """The derivative in the direction E of T."""
        return self.sum_derivative(E) * 2.0**self.count


class _Power(_Scaled):
    """The power t of Schur forms, −1 < t < 1."""

    def __init__(self, form: TriangularForm, *args: Any) -> None:
        super().__init__(form, *args)
        t = args[-1]
        U = self.sum + np.eye(self.sum.shape[-1])
        self.squared: list[Array] = []
        for k in range(self.count, -1, -1):
            if k < self.count:
                self.squared.append(U)
                U = U @ U
            p = t / 2.0**k
            form.put_blocks(U, np.exp(p * self.logarithms))
            form.put_superdiagonal(U, partial(_power_difference, p=p))
        self.value = U

    def derivative(self, E: Array) -> Array:
        """The derivative in the direction E of T."""
        dU = self.sum_derivative(E)
        for U in self.squared:
            dU = product(U, dU) + product(dU, U)
        return dU


class _Factor(FormStack):
    """A function of a matrix or of a stack of them, prepared for derivatives.

    Attributes
    ----------
    value : (..., n, n) ndarray
        Of the precision of A; complex for a real A with negative eigenvalues.
    refusal : str or None
        Why there is no derivative; None where there is one.
    """

    value: Array

    def __init__(self, A: Array, form: TriangularForm | None = None) -> None:
        if form is None:  # single precision is computed in double
            super().__init__(A.astype(np.result_type(A, np.float64), copy=False))
            self.refusal = self.refused()
        else:
            super().__init__(A, form)
            self.refusal = None
        self.dtype = A.dtype
        if self.form.crosses_cut.any():
            self.dtype = np.result_type(A, np.complex64)

    @property
    def condition(self) -> float:
        """The largest condition number of the matrices in the 1-norm; LAPACK's estimate for a single one."""
        T = self.form.T
        if not T.size:
            return 1.0
        if len(T) == 1:
            reciprocal = float(lapack("trcon", T.dtype.char)(T[0])[0])
            return 1 / reciprocal if reciprocal else np.inf
        try:
            inverse = quasi_triangular_inverse(T, self.form.pairs)
        except LinAlgError:
            return np.inf
        return float(np.max(_one_norms(T) * _one_norms(inverse)))

    def frechet(self, E: Array) -> Array:
        """Return the derivative L(A, E) for directions E of A's shape, or with further axes in front."""
        dtype = np.result_type(E, self.value)
        return self.on_each(E.astype(np.result_type(E, np.float64), copy=False), dtype)

    def _doubled(self, E: Array) -> tuple[Array, TriangularForm]:
        """An array of the shape and dtype of [[A, E], [0, A]], and the Schur forms of these."""
        n = self.shape[-1]
        directions = math.prod(E.shape[: E.ndim - len(self.shape)])
        each = E.reshape(directions, self.count, n, n).astype(np.result_type(E, np.float64))
        form = self.form.complex() if self.form.crosses_cut.any() else self.form
        shape = (*E.shape[:-2], 2 * n, 2 * n)
        return np.empty(shape, np.result_type(E, self.dtype)), form.doubled(each)


class LogFactor(_Factor):
    """The principal logarithm of a matrix or of a stack of them, prepared for derivatives.

    Parameters
    ----------
    A : (..., n, n) ndarray
        Finite; float32, float64, complex64 or complex128.  Single precision is computed in double.
    form : TriangularForm, optional
        The Schur forms, if they are known.

    Attributes
    ----------
    singular, nearly_singular : bool
        Whether an eigenvalue is zero, and whether one is smaller than 1e-20.  For an eigenvalue zero stands
        1e-20, as in SciPy.

    Notes
    -----
    The Schur form takes about 25 n³ operations, each of the s roots n³/3 and each of the m nodes 3 n³.
    `frechet` takes 2 n³ for each root and 4 n³ for each node and direction.
    """

    def __init__(self, A: Array, form: TriangularForm | None = None) -> None:
        super().__init__(A, form)
        w = self.form.eigenvalues
        zero = w == 0
        self.singular = bool(zero.any())
        self.nearly_singular = bool(((np.abs(w) < _TINY).any(-1) & ~zero.any(-1)).any())
        if self.singular:
            self.form.eigenvalues = np.where(zero, _TINY, w)
            np.einsum("kii->ki", self.form.T)[zero] = _TINY
        self.parts = []
        for k, some in self.alike():
            self.parts += [(k[which], function) for which, function in _Log.each(some, 0.0)]
        self.value = self.collected(self.dtype)

    def doubled(self, E: Array) -> LogFactor:
        """The factor of [[A, E], [0, A]]."""
        return LogFactor(*self._doubled(E))


class PowerFactor(_Factor):
    """The power t, −1 < t < 1, of a matrix or of a stack of them, prepared for derivatives.

    Parameters
    ----------
    A : (..., n, n) ndarray
        Finite; float32, float64, complex64 or complex128.  Single precision is computed in double.
    t : float
        The exponent; not negative if A is singular.
    form : TriangularForm, optional
        The Schur forms, if they are known.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where zero is a defective eigenvalue.

    Notes
    -----
    As `LogFactor`, and 2 n³ for each squaring, 4 n³ in `frechet`.
    """

    def __init__(self, A: Array, t: float, form: TriangularForm | None = None) -> None:
        super().__init__(A, form)
        self.t, self.parts = t, []
        singular = (self.form.eigenvalues == 0).any(-1)
        for k, some in self.alike(singular):
            if singular[k[0]]:
                self.parts += [(k[i : i + 1], _SingularPower(some[i : i + 1], t)) for i in range(len(k))]
            else:
                self.parts += [(k[which], function) for which, function in _Power.each(some, t)]
        self.value = self.collected(self.dtype)

    @classmethod
    def of_power(cls, A: Array, p: float) -> tuple[int, PowerFactor]:
        """An integer k and the factor of A^(p−k), with A^p = A^k A^(p−k) in the better conditioned way.

        Higham & Lin (2011), equation (6.4): of the integers beside p, the lower one if t κ^(1−t) ≤ (1−t) κ,
        where t is the fraction and κ the condition number.
        """
        stack = _Factor(A)
        if p < 0 and (stack.form.eigenvalues == 0).any():
            raise LinAlgError("fractional_matrix_power: A is singular, and the power is negative")
        k = int(np.floor(p))
        t, kappa = p - k, stack.condition
        if t * kappa ** (1 - t) > (1 - t) * kappa < np.inf:
            k, t = k + 1, t - 1
        factor = cls(A, t, stack.form)
        factor.refusal = stack.refusal
        return k, factor

    def doubled(self, E: Array) -> PowerFactor:
        """The factor of [[A, E], [0, A]]."""
        M, form = self._doubled(E)
        return PowerFactor(M, self.t, form)


class _SingularPower(FunctionOnForms):
    """The power of one singular matrix, its form with the zero eigenvalues last; there is no derivative.

    [T1 T12; 0 0]^t = [P T1⁻¹ P T12; 0 0] with P = T1^t.
    """

    def __init__(self, form: TriangularForm, t: float) -> None:
        zero = form.eigenvalues[0] == 0
        n, k = len(zero), np.count_nonzero(~zero)
        if not zero[k:].all():
            form = form.reordered(~zero[None])
        T = form.T[0]
        if (np.abs(T[k:, k:]) > 10 * np.finfo(T.dtype).eps * norms(T)).any():
            raise LinAlgError(
                "fractional_matrix_power: A is singular with a defective eigenvalue zero, and has no such "
                "power"
            )
        self.form, self.value = form, np.zeros_like(form.T)
        regular = TriangularForm(form.T[:, :k, :k], None, form.eigenvalues[:, :k])
        self.value[:, :k, :k] = P = _Power.each(regular, t)[0][1].value
        if 0 < k < n:
            self.value[0, :k, k:] = np.linalg.solve(T[:k, :k], P[0] @ T[:k, k:])


def _one_norms(X: Array) -> Array:
    return np.asarray(np.abs(X).sum(-2).max(-1, initial=0.0))


def _nodes(X: Array, diagonal: Array) -> Array:
    """How many nodes the approximant needs for each X; 0 where X is too large for any number of them.

    ``diagonal`` is the largest modulus of the eigenvalues of X.
    """
    nodes = np.zeros(len(X), int)
    small = diagonal <= _LIMITS[-1]
    if not small.any():
        return nodes
    X = X if small.all() else X[small]
    second = X @ X
    powers = (second, second @ X, second @ second, second @ (second @ X))
    alphas = [_one_norms(P) ** (1 / p) for p, P in enumerate(powers, 2)]  # ‖X^p‖^(1/p) in the 1-norm
    bound, needed = np.full(len(X), np.inf), np.full(len(X), len(_LIMITS) + 1)
    # The bound of m nodes holds for max(α_p, α_(p+1)) with p (p − 1) ≤ 2m.
    for p, least in ((2, 1), (3, 3), (4, 6)):
        bound = np.minimum(bound, np.maximum(alphas[p - 2], alphas[p - 1]))
        needed = np.minimum(needed, np.maximum(least, 1 + np.searchsorted(_LIMITS, bound)))
    nodes[small] = np.where(needed <= len(_LIMITS), needed, 0)
    return nodes


@cache
def _quadrature(m: int, t: float) -> tuple[Array, Array]:
    """Nodes and weights on [0, 1] for the weight function of the power t; for t = 0 of the logarithm."""
    if t == 0:
        nodes, weights = np.polynomial.legendre.leggauss(m)
        return (1 + nodes) / 2, weights / 2
    from scipy.special import roots_jacobi  # here, because it is slow to load

    nodes, weights = roots_jacobi(m, t, -t)
    return (1 + nodes) / 2, weights * (t / weights.sum())


def _turns(logs: Array) -> Array:
    """The unwinding number of differences of logarithms (Higham, Functions of Matrices, section 11.6.2)."""
    return np.ceil((logs.imag - np.pi) / (2 * np.pi))


def _log_difference(a: Array, b: Array) -> Array:
    """The divided difference log[a, b] = 2 artanh(z)/(b − a), z = (b − a)/(b + a), for near a and b."""
    with np.errstate(divide="ignore", invalid="ignore"):
        la, lb, d = np.log(a), np.log(b), b - a
        near = np.abs(d) <= np.abs(a + b) / 2
        z = np.where(near, d / (a + b), 0)
        half = np.arctanh(z)
        if half.dtype.kind == "c":
            half = half + 1j * np.pi * _turns(lb - la)
        return np.where(d == 0, 1 / a, np.where(near, 2 * half, lb - la) / d)


def _power_difference(a: Array, b: Array, p: float) -> Array:
    """The divided difference (b^p − a^p)/(b − a); Higham & Lin (2011), equation (5.5), for near a and b."""
    with np.errstate(divide="ignore", invalid="ignore"):
        la, lb, d = np.log(a), np.log(b), b - a
        near = np.abs(d) <= np.abs(a + b) / 2
        z = np.where(near, d / (a + b), 0)
        half = np.arctanh(z)
        if half.dtype.kind == "c":
            half = half + 1j * np.pi * _turns(lb - la)
        product = np.exp(p / 2 * (la + lb)) * 2 * np.sinh(p * half)
        return np.where(
            d == 0, p * np.exp((p - 1) * la), np.where(near, product, np.exp(p * lb) - np.exp(p * la)) / d
        )
