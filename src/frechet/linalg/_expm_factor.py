"""The matrix exponential, kept in the form that its Fréchet derivative and the adjoint of that need.

Scaling and squaring, e^A = (e^(A/2^s))^(2^s), with a Taylor-like polynomial of A/2^s in place of the usual
Padé approximant.  The polynomial is evaluated by a short program: every step multiplies two linear
combinations of the steps before it.  Such a program has three properties that this file lives on.

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
stable in the working precision u.

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
from ..rules.lapack import blas

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
        # The combinations that every product needs, and with the last one the result, as matrices in both
        # precisions.
        rows = [[row for row in operands if isinstance(row, tuple)] for operands in products]
        rows[-1].append(result)
        precisions = {"single": np.float32, "double": np.float64}
        self.rows = {name: [np.array(row, dtype) for row in rows] for name, dtype in precisions.items()}


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
    2 (k + s) per direction and nothing of them is computed before they are called.  Up to 11 + s matrices
    are kept.  A stack shares one scheme; each of its matrices has its own number of squarings.  Stacks of
    small matrices go through the kernels of `_core`, which keep nothing: `frechet` takes 3 (k + s) there.

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
        if A.shape[-1] > 1 and stacks.fits(A):
            A = np.array(A, order="C")
            self.value = np.empty_like(A)
            if _core.expm(A, self.value, _programs()):
                self._stack = A
                return  # else A is not finite, or the exponential overflows: NumPy gives its error or warning
        bound = _norm_bound(A)
        if A.shape[-1] < 2 or A.size == 0:  # numbers, or nothing: L(a, E) = e^a E
            self._scheme: Scheme | None = None
            self._exp = np.exp(A)
            self.value = self._exp.copy()
            return
        single = A.dtype.char in "fF"
        worst = bound if A.ndim == 2 else bound.max()
        for scheme in _SINGLE if single else _DOUBLE:
            limit = scheme.limit[single]
            if worst <= limit:
                break
        self._scheme, self._rows = scheme, scheme.rows["single" if single else "double"]
        steps = np.empty((len(scheme.products), *A.shape), A.dtype)
        halvings: Any = 0  # one number for all matrices, or one for each
        self._scale: Any = 1.0
        if worst > limit:
            halvings = np.ceil(np.log2(np.maximum(bound, limit) / limit))
            self._scale = _power_of_2(-halvings, bound.dtype)
            np.multiply(A, self._scale, out=steps[0])
            np.matmul(steps[0], steps[0], out=steps[1])
            excess = _needless_halvings(steps[0], steps[1], bound * np.exp2(-halvings), limit, scheme.order)
            if excess is not None:
                excess = np.minimum(excess, halvings)
                halvings = halvings - excess
                self._scale = self._scale * _power_of_2(excess, bound.dtype)
                steps[0] *= _power_of_2(excess, bound.dtype)
                steps[1] *= _power_of_2(2 * excess, bound.dtype)
        else:
            steps[0] = A
            np.matmul(steps[0], steps[0], out=steps[1])
        # P and Q of every product.
        self._factors = [(steps[0], steps[0])]
        for k in range(2, len(steps)):
            P, Q, _ = self._combinations(k, steps)
            np.matmul(P, Q, out=steps[k])
            self._factors.append((P, Q))
        P, Q, rest = self._combinations(len(steps), steps)
        self._factors.append((P, Q))
        X = P @ Q
        X += rest
        X.reshape(-1, X.shape[-1] ** 2)[:, :: X.shape[-1] + 1] += 1
        # The squarings: which matrices of the stack (each is squared as often as it was halved), and what is
        # squared.
        self._squarings: list[tuple[Any, Array]] = []
        least, most = (int(halvings),) * 2 if A.ndim == 2 else (int(np.min(halvings)), int(np.max(halvings)))
        for i in range(most):
            if i < least:
                self._squarings.append((..., X))
                X = X @ X
            else:
                which = (..., halvings > i, slice(None), slice(None))
                self._squarings.append((which, X[which]))
                X = X.copy()
                X[which] = self._squarings[-1][1] @ self._squarings[-1][1]
        self.value = X

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
        if self._scheme is None:
            return np.asarray(self._exp * E)
        # dZ = dP Q + P dQ for every product Z = P Q, with the linear combinations of the value.
        steps = np.empty((len(self._factors), *E.shape), E.dtype)
        np.multiply(E, self._scale, out=steps[0])
        room = np.empty((3, *E.shape), E.dtype)  # for the combinations; the third only for the last step
        for k, (P, Q) in enumerate(self._factors, 1):
            dP, dQ, rest = self._combinations(k, steps, room)
            last = k == len(steps)
            L = np.matmul(dP, Q, out=None if last else steps[k])
            _add_product(L, P, dQ, steps[0] if last else room[2])
        L += rest
        for which, X in self._squarings:  # d(X X) = dX X + X dX
            dX = L[which]
            dY = dX @ X
            if which is ...:
                _add_product(dY, X, dX, steps[0])
                L = dY
            else:
                dY += X @ dX
                L[which] = dY
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

    def _combinations(self, k: int, steps: Array, room: Array | None = None) -> tuple[Array, Array, Array]:
        """Return the two factors of step k, or their derivatives if steps holds derivatives, and a third.

        For the last step that is the polynomial without I and without the step; for the others it is not
        used.
        """
        assert self._scheme is not None
        left, right = self._scheme.products[k - 1]
        if isinstance(right, int):
            assert isinstance(left, int)
            return steps[left], steps[right], steps[right]
        rows = self._rows[k - 1]
        if room is None:
            room = np.empty((len(rows), *steps.shape[1:]), steps.dtype)
        combined = _combine(rows, steps, room[: len(rows)])
        if isinstance(left, int):
            return steps[left], combined[0], combined[-1]
        return combined[0], combined[1], combined[-1]


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


def _combine(rows: Array, steps: Array, out: Array) -> Array:
    """Return Σ_j rows[i, j] · steps[j] for every i in one pass over memory, as a product of matrices."""
    flat = steps[: rows.shape[1]].reshape(rows.shape[1], -1).view(rows.dtype)
    np.dot(rows, flat, out=out.reshape(len(rows), -1).view(rows.dtype))
    return out


def _add_product(total: Array, P: Array, Q: Array, room: Array) -> None:
    """Add P Q to the total in place.

    One matrix at a time BLAS adds while it multiplies.  It takes the transposes of row-major matrices, which
    are column-major, for (P Q)ᵀ = Qᵀ Pᵀ.
    """
    if total.ndim == 2 and P.dtype == Q.dtype:
        blas("gemm", total.dtype.char)(1.0, Q.T, P.T, 1.0, total.T, overwrite_c=1)
    else:
        total += np.matmul(P, Q, out=room)


def _power_of_2(exponent: Any, dtype: np.dtype[Any]) -> Any:
    """Return 2^exponent, ready to multiply one matrix or a stack."""
    power = np.exp2(exponent, dtype=dtype)
    return power[..., None, None] if power.ndim else power


def _norm_bound(A: Array) -> Any:
    """Return for each matrix a bound for one of its norms: the 1-norm, or the 2-norm if it is large.

    The 2-norm is at most √n times the 1-norm but often far smaller, which saves squarings.  A few steps of
    Golub and Kahan's bidiagonalization find it from below, to a tenth where it is hardest and mostly far
    better; 15 per cent are added.  They cost ten products with a vector, which pays once a product of
    matrices costs much more than these.
    """
    if A.shape[-1] >= 128:
        with np.errstate(over="ignore", invalid="ignore"):
            flat = A.reshape(*A.shape[:-2], A.shape[-1] ** 2)
            frobenius = np.sqrt(np.vecdot(flat, flat).real)
            if np.isfinite(frobenius).all():
                return np.minimum(frobenius, 1.15 * _bidiagonal_norm(A)).astype(frobenius.dtype)
    norm = _norm1(A)
    if not (norm < np.inf if A.ndim == 2 else (norm < np.inf).all()):
        if not np.isfinite(A).all():
            raise ValueError("expm: the matrix contains nan or inf")
        norm = np.minimum(norm, np.finfo(norm.dtype).max)
    return norm


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


def _needless_halvings(A: Array, square: Array, bound: Any, limit: float, order: int) -> Any:
    """Return how many halvings were needless, for matrices whose powers stay far below those of their norm.

    Squaring such a matrix as often as its norm asks for loses digits (Al-Mohy & Higham 2009a).  For
    truncation α = max(‖A⁶‖^(1/6), ‖A⁸‖^(1/8)) will do: every even number from 12 on is a sum of sixes and
    eights, so ‖A^k‖ ≤ α^k for even k and ≤ ‖A‖ α^(k−1) for odd k, and one factor ‖A‖ is what a relative
    backward error may have.  For rounding, which grows with the powers of |A|, the same limit is put on
    (‖ |A|^k ‖ / ‖A‖)^(1/(k−1)), k = order + 1.  Whether any of this can help, the fourth power of |A| tells.
    """
    size = np.abs(A).astype(np.float64, copy=False)
    row = first = size.sum(-2, keepdims=True)
    for _ in range(3):
        row = row @ size
    extreme = row.max((-1, -2)) ** 0.25 < bound / 8
    if not np.any(extreme):
        return None
    for _ in range(order - 3):
        row = row @ size
    rounding = (row.max((-1, -2)) / np.maximum(first.max((-1, -2)), np.finfo(float).tiny)) ** (1 / order)
    square = square.astype(np.result_type(square, np.float64), copy=False)
    fourth = square @ square
    sixth, eighth = _norm1(square @ fourth) ** (1 / 6), _norm1(fourth @ fourth) ** (1 / 8)
    needed = np.where(extreme, np.maximum(np.maximum(sixth, eighth), rounding), limit)
    return np.floor(np.log2(limit / np.clip(needed, np.finfo(float).tiny, limit)))


def _norm1(A: Array) -> Any:
    return np.abs(A).sum(-2).max(-1, initial=0)


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
