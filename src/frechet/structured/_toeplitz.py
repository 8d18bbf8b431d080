"""Toeplitz matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, Shape
from ..rule import primal
from ..space import EntriesSpace, Space
from ._arguments import as_part
from ._matrix import StructuredMatrix
from ._parts import log_of_product, on_one_stack, sign_and_log


class Toeplitz(StructuredMatrix):
    """A Toeplitz matrix, whose entries are equal along its diagonals.

    Parameters
    ----------
    c : (..., m) array_like
        The first column; plain or traced, real or complex.  Leading axes are a stack.
    r : (..., n) array_like, optional
        The first row, whose first entry is not read; by default conj(c).

    Raises
    ------
    ValueError
        If one of c and r is empty and the other is not, or if their leading axes do not broadcast.

    Notes
    -----
    Products with a vector take O((m + n) log(m + n)) operations (`frechet.linalg.matmul_toeplitz`), solutions
    O(n²) by Levinson's recursion (`frechet.linalg.solve_toeplitz`), which needs nonzero leading principal
    minors; both take O(m + n) memory.  So does the determinant, in O(n²) as well, and its gradient; where a
    leading minor is nearly zero it is that of the full array, with a `DensifyWarning`.  The inverse has no
    method of its own.

    Examples
    --------
    Each entry of a gradient is the average of the entries along a diagonal:

    >>> import numpy as np
    >>> import frechet as fr
    >>> A = fr.Toeplitz([4.0, 1.0], [4.0, 2.0])
    >>> fr.grad(lambda A: np.sum(A @ np.array([1.0, 0.0])))(A)
    Toeplitz([0.5 1. ],
      [0.])
    """

    __slots__ = ()

    def __init__(self, c: Any, r: Any = None) -> None:
        c = as_part(c, "Toeplitz: c", 1)
        r = np.conj(c) if r is None else as_part(r, "Toeplitz: r", 1)
        if (c.shape[-1] == 0) != (r.shape[-1] == 0):
            raise ValueError(f"Toeplitz: c and r have the lengths {c.shape[-1]} and {r.shape[-1]}")
        dtype = np.result_type(c.dtype, r.dtype)
        parts = (x if x.dtype == dtype else x.astype(dtype) for x in (c, r[..., 1:]))
        object.__setattr__(self, "parts", on_one_stack("Toeplitz: c and r", list(parts), [1, 1]))
        object.__setattr__(self, "form", None)

    @property
    def c(self) -> Array:
        """The first column."""
        return self.parts[0]

    @property
    def r(self) -> Array:
        """The first row."""
        return np.concatenate([self.parts[0][..., :1], self.parts[1]], -1)

    @property
    def shape(self) -> Shape:
        m = self.c.shape[-1]
        return (*self.c.shape[:-1], m, self.parts[1].shape[-1] + (m > 0))

    @property
    def diagonals(self) -> Array:
        """The m + n − 1 entries, from the right end of the first row to the lower end of the first column."""
        return np.concatenate([self.parts[1][..., ::-1], self.c], -1)

    def to_dense(self) -> Array:
        from ..linalg import toeplitz

        return toeplitz(self.c, self.r)

    def part_spaces(self) -> list[Space]:
        # An entry of c (of r) occurs once for each place on its diagonal.
        m, n = self.shape[-2:]
        of_c = np.minimum(m - np.arange(m), n).astype(float)
        of_r = np.minimum(n - np.arange(1, max(n, 1)), m).astype(float)
        return [
            EntriesSpace(part.shape, primal(part).dtype, weights=weights)
            for part, weights in zip(self.parts, (of_c, of_r), strict=True)
        ]

    def restrict(self, G: Array) -> tuple[Any, ...]:
        v = _diagonal_sums(G)
        n = self.shape[-1]
        return v[..., n - 1 :] if n else v, v[..., : max(n - 1, 0)][..., ::-1]

    @property
    def mT(self) -> Toeplitz:
        return Toeplitz.of([self.r, self.c[..., 1:]])

    def times(self, X: Array) -> Array:
        from ..linalg import matmul_toeplitz

        return matmul_toeplitz((self.c, self.r), X)

    def solve(self, B: Array) -> Array:
        from ..linalg import solve_toeplitz

        return solve_toeplitz((self.c, self.r), B)

    def slogdet(self) -> tuple[Any, Any]:
        from ._toeplitz_determinant import LevinsonDeterminant, log_determinant

        if not self.c.size:
            sign, log = np.linalg.slogdet(self.to_dense())
            return sign, log
        v = self.diagonals
        factor = LevinsonDeterminant(primal(v))
        if not factor.accurate:
            return super().slogdet()
        total = log_determinant(v, factor)
        if self.dtype.kind != "c":
            return np.prod(np.sign(factor.pivots), -1).astype(self.dtype)[()], total
        return np.exp(1j * np.imag(total)), np.real(total)

    def det(self) -> Any:
        sign, log = self.slogdet()
        return sign * np.exp(log)

    def diagonal(self, offset: int = 0) -> Array:
        m, n = self.shape[-2:]
        if not -m < offset < n:
            return np.zeros((*self.shape[:-2], 0), self.dtype)
        entry = self.parts[1][..., offset - 1] if offset > 0 else self.c[..., -offset]
        length = min(m, n - offset) if offset > 0 else min(m + offset, n)
        return np.broadcast_to(entry[..., None], (*self.shape[:-2], length))

    def entries(self, i: Any, j: Any) -> Array:
        return self.diagonals[i - j + self.shape[-1] - 1]


class Circulant(StructuredMatrix):
    """A circulant matrix, whose columns are the first one, shifted around.

    Parameters
    ----------
    c : (..., n) array_like
        The first column; plain or traced, real or complex.  Leading axes are a stack.

    Notes
    -----
    The discrete Fourier transform diagonalizes all circulant matrices: with F its matrix,
    A = F⁻¹ diag(F c) F.  So products, solutions, determinant and functions of the matrix take O(n log n)
    operations, and sums, products, inverses and functions are circulant.  Sums with Toeplitz matrices are
    Toeplitz.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A = fr.Circulant([4.0, 1.0, 0.0])
    >>> A @ A
    Circulant([16.  8.  1.])
    >>> fr.grad(lambda A: np.linalg.slogdet(A)[1])(A)
    Circulant([ 0.24615385  0.01538462 -0.06153846])
    """

    __slots__ = ()
    wider = (Toeplitz,)
    closed = True

    def __init__(self, c: Any) -> None:
        object.__setattr__(self, "parts", (as_part(c, "Circulant: c", 1),))
        object.__setattr__(self, "form", None)

    @property
    def c(self) -> Array:
        """The first column."""
        return self.parts[0]

    @property
    def shape(self) -> Shape:
        n = self.c.shape[-1]
        return (*self.c.shape[:-1], n, n)

    def converted(self, to: type[StructuredMatrix]) -> Toeplitz:
        return Toeplitz.of([self.c, self.c[..., :0:-1]])

    def to_dense(self) -> Array:
        from ..linalg import circulant

        return circulant(self.c)

    def part_spaces(self) -> list[Space]:
        n = self.c.shape[-1]
        return [EntriesSpace(self.c.shape, primal(self.c).dtype, weights=np.full(n, float(n)))]

    def restrict(self, G: Array) -> tuple[Any, ...]:
        # The diagonals n − k places above are continued by those k below.
        v, n = _diagonal_sums(G), self.shape[-1]
        zero = np.zeros((*v.shape[:-1], 1), v.dtype) if n else v
        return (v[..., max(n - 1, 0) :] + np.concatenate([zero, v[..., : max(n - 1, 0)]], -1),)

    @property
    def mT(self) -> Circulant:
        return Circulant.of([np.concatenate([self.c[..., :1], self.c[..., :0:-1]], -1)])

    def times(self, X: Array) -> Array:
        n = self.shape[-1]
        if not n:
            return np.zeros(X.shape, np.result_type(self.dtype, X.dtype))
        c = self.c[..., None]
        if c.dtype.kind != "c" and X.dtype.kind != "c":
            return np.fft.irfft(np.fft.rfft(c, axis=-2) * np.fft.rfft(X, axis=-2), n, axis=-2)
        return np.fft.ifft(np.fft.fft(c, axis=-2) * np.fft.fft(X, axis=-2), axis=-2)

    def product(self, other: Any) -> Circulant:
        return Circulant.of([self.times(other.c[..., None])[..., 0]])

    def solve(self, B: Array) -> Array:
        return _solved("solve", self.c[..., None, :], B, -2)

    def inv(self) -> Circulant:
        n = self.shape[-1]
        first = np.zeros(n, self.dtype)
        first[:1] = 1
        return Circulant.of([_solved("inv", self.c, first, -1)])

    def eigvals(self) -> Array:
        """The eigenvalues F c, in the order of the frequencies of np.fft."""
        return np.fft.fft(self.c) if self.shape[-1] else self.c + 0j

    def slogdet(self) -> tuple[Any, Any]:
        single, double = self._eigenvalues()
        sign, log = sign_and_log(single)
        return sign, log + 2 * log_of_product(double)

    def det(self) -> Any:
        single, double = self._eigenvalues()
        return np.prod(single, -1) * np.prod(np.real(double) ** 2 + np.imag(double) ** 2, -1)

    def function_of(self, f: Any) -> Any:
        n = self.shape[-1]
        if not n:
            return self
        if self.dtype.kind == "c":
            return Circulant.of([np.fft.ifft(f(np.fft.fft(self.c)))])
        values = np.fft.rfft(self.c)
        if not _is_real_at(f, primal(values)):
            return NotImplemented
        return Circulant.of([np.fft.irfft(f(values), n)])

    def diagonal(self, offset: int = 0) -> Array:
        return self.converted(Toeplitz).diagonal(offset)

    def entries(self, i: Any, j: Any) -> Array:
        return self.c[(i - j) % self.shape[-1]]

    def _eigenvalues(self) -> tuple[Array, Array]:
        """The eigenvalues, and in place of each pair of conjugate ones that a real matrix has, one of it."""
        if self.dtype.kind == "c" or not self.shape[-1]:
            return self.eigvals() if self.shape[-1] else self.c, np.zeros((*self.shape[:-2], 0), self.dtype)
        n = self.shape[-1]
        values = np.fft.rfft(self.c)
        ends = values[..., :: n // 2] if n % 2 == 0 else values[..., :1]
        return np.real(ends), values[..., 1 : (n + 1) // 2]


def _solved(call: str, c: Array, B: Array, axis: int) -> Array:
    from ..linalg import solve_circulant

    try:
        return solve_circulant(c, B, baxis=axis, outaxis=axis)
    except np.linalg.LinAlgError:
        raise np.linalg.LinAlgError(
            f"{call}: the circulant matrix is singular: an entry of np.fft.fft(c), the vector of its "
            "eigenvalues, is zero up to rounding"
        ) from None


def _is_real_at(f: Any, values: Array) -> bool:
    """Whether f is real at those of the values that are real up to rounding.

    Where it is not, as the logarithm of negative numbers, the function of a real matrix is not real, and
    which branch is taken hangs on rounding.
    """
    size = np.max(np.abs(values), initial=0)
    real = np.abs(values.imag) <= 8 * np.finfo(values.dtype).eps * size
    with np.errstate(all="ignore"):
        y = np.asarray(f(values.real[real] + 0j))
    return not np.any(y.imag)


def _diagonal_sums(G: Array) -> Array:
    """The sums along the diagonals of (..., m, n) arrays, from the upper right corner to the lower left one.

    Rows of length m + n − 1, read from an array with rows of one entry more, are shifted by one place each.
    """
    m, n = G.shape[-2:]
    stack = G.shape[:-2]
    if not m or not n:
        return np.zeros((*stack, max(m + n - 1, 0)), G.dtype)
    rows = np.concatenate([G[..., ::-1], np.zeros((*stack, m, m), G.dtype)], -1)
    flat = np.reshape(rows, (*stack, m * (m + n)))[..., : m * (m + n - 1)]
    return np.sum(np.reshape(flat, (*stack, m, m + n - 1)), -2)
