"""The matrix exponential, kept in the form that its Fréchet derivative and the adjoint of that need.

Scaling and squaring, e^A = (e^(A/2^s))^(2^s), with a Taylor-like polynomial of A/2^s in place of the usual
Padé approximant.  The polynomial is evaluated by a short program: every step multiplies two linear
combinations of the steps before it.  This file has the programs, as tables; the kernels of `_core` choose the
program and the scaling and run it.  Such a program has three properties that all of this lives on.

* It is cheap.  Sastre's schemes agree with exp to order 15 with four matrix products and to order 21 with
  five, and there is no linear system to solve.
* Its derivative is a program of the same shape.  Differentiating Z = P Q in the direction E gives dZ = dP Q +
  P dQ, and dP, dQ are the same linear combinations of the earlier dZ.  So a derivative costs two products for
  each one of the value, on the P and Q that the value has computed.  A squaring is one more such step.
* Its adjoint needs no program of its own: with ⟨X, Y⟩ = Re tr(Xᴴ Y), the adjoint of E ↦ L(A, E) takes G to
  L(Aᴴ, G) = L(A, Gᴴ)ᴴ, because exp has real Taylor coefficients.

Scaling.  Let p be the polynomial, of order m, and h(x) = log(e^(−x) p(x)) = Σ_(k>m) h_k x^k.  Then p(A) =
exp(A + h(A)), the exact exponential of a matrix near A: ‖h(A)‖ ≤ u ‖A‖ if Σ |h_k| α^(k−1) ≤ u for an α with
‖A^(k−1)‖ ≤ α^(k−1).  The derivative asks for Σ k |h_k| α^(k−1) ≤ u (Al-Mohy & Higham 2009b, section 4).
``Scheme.limit`` is the largest α of the second, stricter kind, so value and derivative are both backward
stable in the working precision u.  Which α is taken, and how needless halvings are avoided, stands in
src/core/expm_scaling.hpp; only the bound of a large matrix's norm is found here.

References
----------
A. H. Al-Mohy and N. J. Higham, SIAM J. Matrix Anal. Appl. 31:970 (2009a) and 30:1639 (2009b).
J. Sastre, J. Ibáñez and E. Defez, Appl. Math. Comput. 340:206 (2019): the schemes of order 15 and 21.
P. Bader, S. Blanes and F. Casas, Mathematics 7:1174 (2019): the scheme of order 8.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .. import _stacks as stacks
from ..linear_map import adjoint_matrix

__all__ = ["ExpmFactor"]

Array = NDArray[Any]
Operand = int | tuple[float, ...]  # a step, or the coefficients of a linear combination of the steps so far


class Scheme:
    """A polynomial that agrees with exp to a given order, as a program of matrix products.

    Step 0 is A; ``products`` lists the two factors of each step after it: earlier steps, or coefficients of a
    linear combination of the earlier steps.  The polynomial is I + the last step + Σ result[j] · step j over
    the others.  ``limit`` holds the largest norm of A for double and for single precision.
    """

    def __init__(
        self,
        order: int,
        limit: tuple[float, float],
        products: tuple[tuple[Operand, Operand], ...],
        result: tuple[float, ...],
    ) -> None:
        self.order, self.limit, self.products, self.result = order, limit, products, result


def _order_8() -> Scheme:
    # A₄ = A₂ (x1 A + x2 A₂); z = (x3 A₂ + A₄)(x5 A + x6 A₂ + x7 A₄); p = I + A + (y2 + x3 x4) A₂ + x4 A₄ + z:
    # equations (13) and (14) of Bader, Blanes and Casas with x3 = 2/3 and the term x4 I of the second factor
    # multiplied out.
    r = math.sqrt(177)
    x1, x2, x3, x4 = (1 + r) / 132, (1 + r) / 528, 2 / 3, (29 * r - 271) / 210
    x5, x6, x7 = 11 * (r - 1) / 840, 11 * (r - 9) / 3360, (89 - r) / 2240
    products = ((0, 0), (1, (x1, x2)), ((0.0, x3, 1.0), (x5, x6, x7)))
    return Scheme(8, (0.037958209, 0.44508002), products, (1.0, (857 - 58 * r) / 630 + x3 * x4, x4))


# Sastre's two schemes, with the powers of A first (A₂; A₂ and A₃), then y0, z1, z2 and y1 = z1 + (multiples
# of y0 and the powers) multiplied out.  The coefficients solve p = exp + O(x^(m+1)); these are the published
# ones, taken by Newton's method in 60 digits to more digits than a double holds.


def _order_15() -> Scheme:
    c1, c2 = 4.0187616102010354629e-4, 2.9455314402796829805e-3
    c3, c4, c5 = -8.7090665768376759677e-3, 0.40175684406735678015, 3.230762888122312082e-2
    c6, c7 = 5.7689885130261447291, 2.3385760342712988337e-2
    c8, c9 = 0.23810703738709872247, 2.2242091724963735612
    c10, c11 = -5.7923617070732605218, -4.130276365929782911e-2
    c12, c13, c14 = 10.408017352313543646, -63.317124558833707162, 0.34846658633645740854
    products = (
        (0, 0),
        (1, (c2, c1)),
        ((c4, c3, 1.0), (0.0, c5, 1.0)),
        ((c9, c7 + c8, c6, 1.0), (c11, c7, c6 + c10, 1.0)),
    )
    return Scheme(15, (0.56477645, 1.9785088), products, (1.0, c14 + c12 * c7, c13 + c12 * c6, c12))


def _order_21() -> Scheme:
    c1, c2, c3 = 1.1616588344448804063e-6, 4.5008527395730100715e-6, 5.3747088031148203606e-5
    c4, c5, c6 = 2.0054039772929014586e-3, 6.9743482695444243128e-2, 0.9418613214806352213
    c7, c8 = 2.8529605127143150006e-3, -7.5448371535866707951e-3
    c9, c10, c11 = 1.829773504500423755, 3.1513827116083153214e-2, 0.1392249143769798228
    c12, c13, c14 = -2.2691012412693510894e-3, -5.3940988468664019639e-2, 0.31122162279824073938
    c15, c16, c17 = 9.3438512619380465123, 0.68657063556628340416, 3.2333701630853798595
    c18, c19, c20 = -5.7263797872609663896, -1.4135500993096670539e-2, -0.16384131147120155805
    products = (
        (0, 0),
        (1, 0),
        (2, (c3, c2, c1)),
        ((c6, c5, c4, 1.0), (0.0, c8, c7, 1.0)),
        ((c14, c11 + c13, c10 + c12, c9, 1.0), (c16, c11, c10, c9 + c15, 1.0)),
    )
    result = (1.0, c20 + c17 * c11, c19 + c17 * c10, c18 + c17 * c9, c17)
    return Scheme(21, (1.4628495, 3.4624305), products, result)


_ORDER_4 = Scheme(4, (2.2718555e-4, 0.034288619), ((0, 0), (1, (1 / 6, 1 / 24))), (1.0, 0.5))
_DOUBLE = (_ORDER_4, _order_8(), _order_15(), _order_21())
_SINGLE = _DOUBLE[:3]  # in single precision order 21 would save less than one squaring, for one product


class ExpmFactor:
    """The exponential of a square matrix or of a stack of them, prepared for derivatives.

    Parameters
    ----------
    A : (..., n, n) array_like
        float32, float64, complex64 or complex128; any other real type is computed in float64, and any other
        complex type in complex128.

    Attributes
    ----------
    value : (..., n, n) ndarray
        e^A.  It overflows to inf and nan, with NumPy's warning, as ``scipy.linalg.expm`` does.

    Raises
    ------
    TypeError
        If A is not numeric.
    ValueError
        If A is not square or not finite.

    Notes
    -----
    With s squarings the value takes k + s matrix products, k = 2 ... 5; `frechet` and `adjoint` take
    2 (k + s) per direction and nothing of them is computed before they are called.  For each matrix up to
    11 + s are kept; its scheme and its squarings are its own.  Stacks of small matrices are computed side by
    side, and nothing is kept: `frechet` takes 3 (k + s) there, and some matrices share a scheme.

    Examples
    --------
    >>> import numpy as np
    >>> factor = ExpmFactor([[0.0, 1.0], [0.0, 0.0]])
    >>> factor.value
    array([[1., 1.],
           [0., 1.]])
    >>> factor.frechet(np.eye(2))
    array([[1., 1.],
           [0., 1.]])
    """

    value: Array
    refusal: str | None = None  # there is a derivative everywhere

    def __init__(self, A: ArrayLike) -> None:
        self._A = A = _as_matrices(A)
        self.shape, self.dtype = A.shape, A.dtype
        self._stack: Array | None = None
        self._exponential: _core.Exponential | None = None
        if A.shape[-1] < 2 or A.size == 0:  # numbers, or nothing: L(a, E) = e^a E
            _require_finite(A)
            self._exp = np.exp(A)
            self.value = self._exp.copy()
            return
        self.value = np.empty(A.shape, A.dtype)
        if stacks.fits(A):
            self._stack = np.array(A, order="C")
            finite = _core.expm(self._stack, self.value, _programs())
        else:
            matrices = _as_stack(A)
            bounds = _norm_bounds(matrices)
            self._exponential = _core.Exponential(matrices, _as_stack(self.value), bounds, _programs())
            finite = self._exponential.finite
        if not finite:
            _require_finite(A)
            np.exp(np.finfo(A.dtype).max)  # gives NumPy's warning or error of an overflow

    def frechet(self, E: ArrayLike) -> Array:
        """Return the Fréchet derivative L(A, E) of the exponential at A in the direction E.

        Parameters
        ----------
        E : (..., n, n) array_like
            The shape of A, or that with further axes in front (stacked directions).  It may be complex for
            real A.

        Returns
        -------
        (..., n, n) ndarray
            The shape of E, the precision of A.

        Raises
        ------
        ValueError
            If the last axes of E are not the shape of A.
        """
        E = _as_directions(E, self.shape, self.dtype)
        if E.dtype.kind == "c" and self.dtype.kind != "c":  # L(A, ·) is real: two real directions
            L = self.frechet(np.stack((E.real, E.imag)))
            return np.asarray(L[0] + 1j * L[1])
        if self._stack is not None:
            return self._frechet_of_stack(self._stack, E, adjoint=False)
        if self._exponential is None:
            return np.asarray(self._exp * E)
        L = np.empty(E.shape, E.dtype)
        self._exponential.frechet(_as_stack(E), _as_stack(L))
        return L

    def adjoint(self, G: ArrayLike) -> Array:
        """Return L(Aᴴ, G) = L(A, Gᴴ)ᴴ, the adjoint of `frechet` with respect to ⟨X, Y⟩ = Re tr(Xᴴ Y).

        Parameters
        ----------
        G : (..., n, n) array_like
            The shape of A, or that with further axes in front (stacked directions).  It may be complex for
            real A.

        Returns
        -------
        (..., n, n) ndarray
            The shape of G, the precision of A.

        Raises
        ------
        ValueError
            If the last axes of G are not the shape of A.
        """
        G = _as_directions(G, self.shape, self.dtype)
        if self._stack is not None and G.dtype == self.dtype:
            return self._frechet_of_stack(self._stack, G, adjoint=True)
        return np.asarray(adjoint_matrix(self.frechet(adjoint_matrix(G))))

    def doubled(self, E: Array) -> ExpmFactor:
        """The preparation of [[A, E], [0, A]], for E of A's shape or with further axes in front."""
        A = np.broadcast_to(self._A, E.shape)
        return ExpmFactor(np.block([[A, E], [np.zeros_like(A), A]]))

    def _frechet_of_stack(self, A: Array, E: Array, adjoint: bool) -> Array:
        E = stacks.in_order(E)
        L = np.empty_like(E)
        _core.expm_frechet(A, E, L, _programs(), adjoint)
        return L


@cache
def _programs() -> Array:
    """The schemes as the table that the kernels of `_core` read: see src/core/programs.hpp."""
    table: list[float] = [len(_DOUBLE), len(_SINGLE)]
    for scheme in _DOUBLE:
        table += [scheme.order, *scheme.limit, len(scheme.products)]
        for operand in (operand for factors in scheme.products for operand in factors):
            table += [0, operand] if isinstance(operand, int) else [len(operand), *operand]
        table += [len(scheme.result), *scheme.result]
    return np.array(table, float)


def _norm_bounds(A: Array) -> Array:
    """Return for each matrix of a stack a bound of its 2-norm, or inf where the 1-norm is bound enough.

    The 2-norm is at most √n times the 1-norm but often far smaller, which saves squarings.  A few steps of
    Golub and Kahan's bidiagonalization find it from below, to a tenth where it is hardest and mostly far
    better; 15 per cent are added.  They cost ten products with a vector, which pays once a product of
    matrices costs much more than these.
    """
    if A.shape[-1] >= 128:
        with np.errstate(over="ignore", invalid="ignore"):
            flat = A.reshape(len(A), A.shape[-1] ** 2)
            frobenius = np.sqrt(np.vecdot(flat, flat).real)
            if np.isfinite(frobenius).all():
                return np.asarray(np.minimum(frobenius, 1.15 * _bidiagonal_norm(A)), np.float64)
    return np.full(len(A), np.inf)


def _bidiagonal_norm(A: Array) -> Array:
    """Return the 2-norm of the bidiagonal matrix after a few Golub-Kahan steps from a fixed vector."""
    count = 5
    AH = adjoint_matrix(A)
    B = np.zeros((*A.shape[:-2], count, count))
    v, _ = _normalized(np.cos(np.arange(A.shape[-1]) ** 2.0).astype(A.dtype)[:, None])
    u, B[..., 0, 0] = _normalized(A @ v)
    for j in range(1, count):
        v, B[..., j - 1, j] = _normalized(AH @ u - B[..., j - 1, j - 1, None, None].astype(A.dtype) * v)
        u, B[..., j, j] = _normalized(A @ v - B[..., j - 1, j, None, None].astype(A.dtype) * u)
    return np.asarray(np.linalg.norm(B, 2, axis=(-2, -1)))


def _normalized(v: Array) -> tuple[Array, Any]:
    length = np.linalg.norm(v, axis=(-2, -1), keepdims=True)
    return v / np.maximum(length, np.finfo(length.dtype).tiny), length[..., 0, 0]


def _require_finite(A: Array) -> None:
    if not np.isfinite(A).all():
        raise ValueError("expm: the matrix contains nan or inf")


def _as_stack(A: Array) -> Array:
    """Return A as a stack along one axis; a copy only if entries are not aligned or axes do not join."""
    return (A if A.flags.aligned else A.copy()).reshape(-1, *A.shape[-2:])


def _as_matrices(A: ArrayLike) -> Array:
    A = np.asarray(A)
    if A.dtype.kind not in "iufc":
        raise TypeError(f"expm: expected a numeric matrix, got dtype {A.dtype}")
    char = A.dtype.char if A.dtype.char in "fdFD" else "D" if A.dtype.kind == "c" else "d"
    A = A.astype(char, copy=False)  # in the machine's byte order, too
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise ValueError(f"expm: expected a square matrix or a stack of them, got shape {A.shape}")
    return A


def _as_directions(E: ArrayLike, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    E = np.asarray(E)
    if E.dtype.kind not in "iufc":
        raise TypeError(f"expm: expected a numeric direction, got dtype {E.dtype}")
    if E.shape[max(E.ndim - len(shape), 0) :] != shape:
        raise ValueError(f"expm: a direction has shape {E.shape}; its last axes must be those of A, {shape}")
    if E.dtype.kind == "c":
        return E.astype(np.complex64 if dtype.char in "fF" else np.complex128, copy=False)
    return E.astype(dtype, copy=False)
