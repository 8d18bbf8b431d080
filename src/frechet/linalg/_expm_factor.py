"""The matrix exponential, kept in the form that its Fréchet derivative and the adjoint of that need.

Scaling and squaring, e^A = (e^(A/2^s))^(2^s), with a Taylor-like polynomial of A/2^s in place of the usual Padé
approximant.  The polynomial is evaluated by a short program: every step multiplies two linear combinations of the
steps before it.  Such a program has three properties that this file lives on.

* It is cheap.  Sastre's schemes agree with exp to order 15 with four matrix products and to order 21 with five, and
  there is no linear system to solve.
* Its derivative is a program of the same shape.  Differentiating Z = P Q in the direction E gives dZ = dP Q + P dQ,
  and dP, dQ are the same linear combinations of the earlier dZ.  So a derivative costs two products for each one of
  the value, on the P and Q that the value has computed.  A squaring is one more such step.
* Its adjoint needs no program of its own: with ⟨X, Y⟩ = Re tr(Xᴴ Y), the adjoint of E ↦ L(A, E) takes G to
  L(Aᴴ, G) = L(A, Gᴴ)ᴴ, because exp has real Taylor coefficients.

Scaling.  Let p be the polynomial, of order m, and h(x) = log(e^(−x) p(x)) = Σ_(k>m) h_k x^k.  Then p(A) = exp(A + h(A)),
the exact exponential of a matrix near A: ‖h(A)‖ ≤ u ‖A‖ if Σ |h_k| α^(k−1) ≤ u for an α with ‖A^(k−1)‖ ≤ α^(k−1).  The
derivative asks for Σ k |h_k| α^(k−1) ≤ u (Al-Mohy & Higham 2009b, section 4).  ``Scheme.limit`` is the largest α of the
second, stricter kind, so value and derivative are both backward stable in the working precision u.

References
----------
A. H. Al-Mohy and N. J. Higham, SIAM J. Matrix Anal. Appl. 31:970 (2009a) and 30:1639 (2009b).
J. Sastre, J. Ibáñez and E. Defez, Appl. Math. Comput. 340:206 (2019): the schemes of order 15 and 21.
P. Bader, S. Blanes and F. Casas, Mathematics 7:1174 (2019): the scheme of order 8.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = ["ExpmFactor"]

Array = NDArray[Any]
Operand = int | tuple[float, ...]  # a step, or the coefficients of a linear combination of the steps so far


@dataclass(frozen=True)
class Scheme:
    """A polynomial that agrees with exp to a given order, as a program of matrix products.

    Step 0 is A; ``products`` lists the operands of the steps after it; the polynomial is I + Σ result[j] · step j.
    ``limit`` holds the largest norm of A for double and for single precision.
    """

    order: int
    limit: tuple[float, float]
    products: tuple[tuple[Operand, Operand], ...]
    result: tuple[float, ...]


def _order_8() -> Scheme:
    # A₄ = A₂ (x1 A + x2 A₂); z = (x3 A₂ + A₄)(x5 A + x6 A₂ + x7 A₄); p = I + A + (y2 + x3 x4) A₂ + x4 A₄ + z: equations
    # (13) and (14) of Bader, Blanes and Casas with x3 = 2/3 and the term x4 I of the second factor multiplied out.
    r = math.sqrt(177)
    x1, x2, x3, x4 = (1 + r) / 132, (1 + r) / 528, 2 / 3, (29 * r - 271) / 210
    x5, x6, x7 = 11 * (r - 1) / 840, 11 * (r - 9) / 3360, (89 - r) / 2240
    products = ((0, 0), (1, (x1, x2)), ((0.0, x3, 1.0), (x5, x6, x7)))
    return Scheme(8, (0.037958209, 0.44508002), products, (1.0, (857 - 58 * r) / 630 + x3 * x4, x4, 1.0))


# Sastre's two schemes, with the powers of A first (A₂; A₂ and A₃), then y0, z1, z2 and y1 = z1 + (multiples of y0 and
# the powers) multiplied out.  The coefficients solve p = exp + O(x^(m+1)); these are the published ones, taken by
# Newton's method in 60 digits to more digits than a double holds.


def _order_15() -> Scheme:
    c1, c2 = 4.0187616102010354629e-4, 2.9455314402796829805e-3
    c3, c4, c5 = -8.7090665768376759677e-3, 0.40175684406735678015, 3.230762888122312082e-2
    c6, c7, c8, c9 = 5.7689885130261447291, 2.3385760342712988337e-2, 0.23810703738709872247, 2.2242091724963735612
    c10, c11 = -5.7923617070732605218, -4.130276365929782911e-2
    c12, c13, c14 = 10.408017352313543646, -63.317124558833707162, 0.34846658633645740854
    products = (
        (0, 0),
        (1, (c2, c1)),
        ((c4, c3, 1.0), (0.0, c5, 1.0)),
        ((c9, c7 + c8, c6, 1.0), (c11, c7, c6 + c10, 1.0)),
    )
    return Scheme(15, (0.56477645, 1.9785088), products, (1.0, c14 + c12 * c7, c13 + c12 * c6, c12, 1.0))


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
    result = (1.0, c20 + c17 * c11, c19 + c17 * c10, c18 + c17 * c9, c17, 1.0)
    return Scheme(21, (1.4628495, 3.4624305), products, result)


_ORDER_4 = Scheme(4, (2.2718555e-4, 0.034288619), ((0, 0), (1, (1 / 6, 1 / 24))), (1.0, 0.5, 1.0))
_DOUBLE = (_ORDER_4, _order_8(), _order_15(), _order_21())
_SINGLE = _DOUBLE[:3]  # in single precision order 21 would allow less than one halving more, for one product more


class ExpmFactor:
    """The exponential of a square matrix or of a stack of them, prepared for derivatives.

    Parameters
    ----------
    A : (..., n, n) array_like
        float32, float64, complex64 or complex128; any other real type is computed in float64, and any other complex
        type in complex128.

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
    With s squarings the value takes k + s matrix products, k = 2 ... 5; `frechet` and `adjoint` take 2 (k + s) per
    direction and nothing of them is computed before they are called.  About 2k + s matrices are kept.

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

    def __init__(self, A: ArrayLike) -> None:
        A = _as_matrices(A)
        self.shape, self.dtype = A.shape, A.dtype
        self._small = A.shape[-1] < 2
        if self._small:  # a number, or nothing: L(a, E) = e^a E
            if not np.isfinite(A).all():
                raise ValueError("expm: the matrix contains nan or inf")
            self.value = np.exp(A)
            self._exp = self.value.copy()
            return
        scheme, halvings, square = _plan(A)
        self._scheme = scheme
        steps = np.empty((len(scheme.products) + 1, *A.shape), A.dtype)
        self._scale: Array | float = 1.0
        most = int(halvings.max(initial=0))
        if most:
            self._scale = (0.5**halvings)[..., None, None].astype(A.real.dtype)
        np.multiply(A, self._scale, out=steps[0])
        # P and Q of every product; the first one, A A, may have been computed for the plan already.
        self._operands: list[tuple[Array, Array]] = []
        for k, step in enumerate(scheme.products, 1):
            P, Q = _operands(step, steps)
            if k == 1 and square is not None and most < 64:
                np.multiply(square, self._scale**2, out=steps[1])
            else:
                np.matmul(P, Q, out=steps[k])
            self._operands.append((P, Q))
        X = _combine((scheme.result,), steps)[0]
        np.einsum("...ii->...i", X)[...] += 1
        # Squarings: (which matrices of the stack, their X).  A matrix of the stack is squared as often as it was halved.
        self._squarings: list[tuple[Any, Array]] = []
        for i in range(most):
            todo = halvings > i
            if todo.all():
                self._squarings.append((..., X))
                X = X @ X
            else:
                self._squarings.append(((..., todo, slice(None), slice(None)), X[todo]))
                X = X.copy()
                X[todo] = self._squarings[-1][1] @ self._squarings[-1][1]
        self.value = X

    def frechet(self, E: ArrayLike) -> Array:
        """Return the Fréchet derivative L(A, E) of the exponential at A in the direction E.

        Parameters
        ----------
        E : (..., n, n) array_like
            The shape of A, or that with further axes in front (stacked directions).  It may be complex for real A.

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
        if E.dtype.kind == "c" and self.dtype.kind != "c":  # L(A, ·) is real: one pass over two real directions
            L = self.frechet(np.stack((E.real, E.imag)))
            return np.asarray(L[0] + 1j * L[1])
        if self._small:
            return np.asarray(self._exp * E)
        # dZ = dP Q + P dQ for every product Z = P Q, with the linear combinations of the value.
        steps = np.empty((len(self._scheme.products) + 1, *E.shape), E.dtype)
        np.multiply(E, self._scale, out=steps[0])
        for k, (step, (P, Q)) in enumerate(zip(self._scheme.products, self._operands, strict=True), 1):
            dP, dQ = _operands(step, steps)
            np.matmul(dP, Q, out=steps[k])
            steps[k] += P @ dQ
        L = _combine((self._scheme.result,), steps)[0]
        for which, X in self._squarings:  # d(X X) = dX X + X dX
            dX = L[which]
            dY = dX @ X
            dY += X @ dX
            if which is ...:
                L = dY
            else:
                L[which] = dY
        return L

    def adjoint(self, G: ArrayLike) -> Array:
        """Return L(Aᴴ, G) = L(A, Gᴴ)ᴴ, the adjoint of `frechet` with respect to ⟨X, Y⟩ = Re tr(Xᴴ Y).

        Parameters
        ----------
        G : (..., n, n) array_like
            The shape of A, or that with further axes in front (stacked directions).  It may be complex for real A.

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
        return _conjugate_transpose(self.frechet(_conjugate_transpose(G)))


def _operands(step: tuple[Operand, Operand], steps: Array) -> tuple[Array, Array]:
    """Return the two factors of a step: earlier steps as they are, linear combinations computed together."""
    left, right = step
    if isinstance(left, int):
        P = steps[left]
        return P, steps[right] if isinstance(right, int) else _combine((right,), steps)[0]
    assert not isinstance(right, int)
    P, Q = _combine((left, right), steps)
    return P, Q


def _combine(rows: tuple[tuple[float, ...], ...], steps: Array) -> Array:
    """Return Σ_j rows[i][j] · steps[j] for every i, in one pass over memory: a product with a matrix of few rows."""
    real = steps.real.dtype
    flat = steps[: len(rows[0])].reshape(len(rows[0]), -1).view(real)
    combined = np.array(rows, real) @ flat
    return combined.view(steps.dtype).reshape(len(rows), *steps.shape[1:])


def _plan(A: Array) -> tuple[Scheme, NDArray[np.int64], Array | None]:
    """Choose the scheme for all matrices, the number of halvings of each, and return A² if it was computed."""
    norm = _norm1(A)
    if not np.isfinite(norm).all():
        if not np.isfinite(A).all():
            raise ValueError("expm: the matrix contains nan or inf")
        norm = np.minimum(norm, np.finfo(norm.dtype).max)
    single = norm.dtype == np.float32
    schemes = _SINGLE if single else _DOUBLE
    limits = [scheme.limit[single] for scheme in schemes]
    # The analysis holds in any norm.  The 2-norm is at most the 1-norm times √n and often far smaller; a few products
    # with vectors estimate it.  That pays when a matrix product is much dearer, and something is to be saved.
    worst = norm.max(initial=0.0)
    if A.shape[-1] >= 128 and limits[1] < worst:
        norm = np.minimum(norm, _norm2(A / norm[..., None, None]) * norm)
        worst = norm.max(initial=0.0)
    for scheme, limit in zip(schemes, limits, strict=True):
        if worst <= limit:
            return scheme, np.zeros(norm.shape, np.int64), None
    with np.errstate(over="ignore", invalid="ignore"):
        square = A @ A
        norm = _nonnormal_bound(A, norm, np.sqrt(_norm1(square)), scheme.order + 1)
    halvings = np.ceil(np.log2(norm / limit, where=norm > limit, out=np.zeros_like(norm)))
    return scheme, halvings.astype(np.int64), square


def _nonnormal_bound(A: Array, norm: Array, root: Array, k: int) -> Array:
    """Return a smaller bound than the norm for matrices whose powers grow far slower than powers of their norm.

    Halving such a matrix as often as its norm asks for loses digits in the squarings (Al-Mohy & Higham 2009a).  Even
    powers obey ‖A^(2j)‖ ≤ root^(2j) with root = ‖A²‖^(1/2), and odd ones only enter the relative backward error with one
    factor ‖A‖ apart, so root can take the norm's place as far as truncation is concerned; for the rounding errors,
    which grow like powers of |A|, (‖ |A|^k ‖ / ‖A‖)^(1/(k−1)) must obey the same limit.
    """
    extreme = root < norm / 8
    if not extreme.any():
        return norm
    scaled = np.abs(A).astype(np.float64) / norm[..., None, None]
    v = scaled.sum(-2, keepdims=True)
    first = v.max((-1, -2))
    for _ in range(k - 1):
        v = v @ scaled
    rounding = norm * (v.max((-1, -2)) / first) ** (1 / (k - 1))
    return np.where(extreme, np.minimum(norm, np.maximum(root, rounding)), norm).astype(norm.dtype)


def _norm1(A: Array) -> Array:
    return np.asarray(np.abs(A).sum(-2).max(-1))


def _norm2(A: Array) -> Array:
    """Estimate ‖A‖₂ from above by the power method on Aᴴ A.

    Six steps from a start without structure find the largest singular value to a few per cent, or, if many crowd
    near it, one that is almost as large; a fifth is added for safety.
    """
    x = np.cos(np.arange(A.shape[-1], dtype=np.float64) ** 2).astype(A.dtype)[:, None]
    x = x / np.linalg.norm(x)
    AH = _conjugate_transpose(A)
    size = np.zeros(A.shape[:-2])
    for _ in range(6):
        y = A @ x
        size = np.linalg.norm(y, axis=(-2, -1))
        x = AH @ y
        x = x / np.maximum(np.linalg.norm(x, axis=(-2, -1), keepdims=True), np.finfo(size.dtype).tiny)
    return np.asarray(1.2 * size)


def _conjugate_transpose(A: Array) -> Array:
    T = A.swapaxes(-1, -2)
    return T.conj() if A.dtype.kind == "c" else T


def _as_matrices(A: ArrayLike) -> Array:
    A = np.asarray(A)
    if A.dtype.kind not in "iufc":
        raise TypeError(f"expm: expected a numeric matrix, got dtype {A.dtype}")
    if A.dtype.char not in "fdFD":
        A = A.astype(np.complex128 if A.dtype.kind == "c" else np.float64)
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise ValueError(f"expm: expected a square matrix or a stack of them, got shape {A.shape}")
    return A


def _as_directions(E: ArrayLike, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    E = np.asarray(E)
    if E.dtype.kind not in "iufc":
        raise TypeError(f"expm: expected a numeric direction, got dtype {E.dtype}")
    if E.shape[E.ndim - len(shape) :] != shape:
        raise ValueError(f"expm: a direction has shape {E.shape}; its last axes must be those of A, {shape}")
    precision: DTypeLike = np.result_type(dtype, np.complex64) if E.dtype.kind == "c" else dtype
    return E.astype(precision, copy=False)
