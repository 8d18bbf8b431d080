"""Sparse linear systems by factorization: spsolve, splu, factorized."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from ...errors import NotDifferentiableError
from ...linalg._arguments import as_inexact, linear_system
from ...linalg._structured import solve as structured_solve
from ...linear_map import Array
from ...rule import carriers, primal
from .._pattern import Pattern
from ._arguments import dense_right_side, sparse_matrix
from ._capability import capability
from ._cholmod import positive_factor
from ._superlu import SparseLU

__all__ = ["SuperLU", "factorized", "splu", "spsolve"]


@capability("A is singular: LinAlgError")
def spsolve(
    A: Any,
    b: Array,
    permc_spec: str | None = None,
    use_umfpack: bool = True,
    *,
    assume_a: str | None = None,
) -> Array:
    """The solution x of ``A @ x = b`` for a sparse A, as scipy.sparse.linalg.spsolve, with derivatives.

    Parameters
    ----------
    A : (n, n) sparse array
        Plain, or with traced values; of any format.  A full array is taken, with a warning.
    b : (n,) or (n, k) array
        Plain or traced.  A sparse b is written out, with a warning.
    permc_spec : {"COLAMD", "MMD_AT_PLUS_A", "MMD_ATA", "NATURAL"}, optional
        The ordering of the columns.  By default MMD_AT_PLUS_A where A has the pattern of its transpose and
        no diagonal entry is less than a tenth of the largest of its column, else COLAMD.
    use_umfpack : bool, optional
        For SciPy's signature; the factorization is always SuperLU's.
    assume_a : {None, "gen", "pos"}, optional
        "pos" for a Hermitian positive definite A, which is checked to be Hermitian with a positive diagonal:
        by CHOLMOD where scikit-sparse (0.5 or later) is installed, else, or with a permc_spec, by SuperLU
        without pivoting.  CHOLMOD notices any indefinite matrix, SuperLU one that spoils the solution.

    Returns
    -------
    (n,) or (n, k) array
        x, of the shape of b.

    Raises
    ------
    numpy.linalg.LinAlgError
        If A is singular; a row or column without entries is named.
    TypeError
        If A is no matrix of numbers.
    ValueError
        For wrong shapes, nan and inf.

    Warns
    -----
    DensifyWarning
        For a sparse b.
    scipy.sparse.SparseEfficiencyWarning
        For a full A.

    Notes
    -----
    One factorization serves the value and derivatives of all orders: b̄ = A⁻ᴴ x̄ is one more solution, and the
    gradient in the values of A is −b̄ xᴴ on the pattern, in O(nnz) operations for each right side.  A and the
    factors are kept, once.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> from frechet.sparse.linalg import spsolve
    >>> A = sp.csr_array([[2.0, 0.0], [1.0, 4.0]])
    >>> spsolve(A, np.array([2.0, 5.0]))
    array([1., 1.])
    >>> fr.grad(lambda b: spsolve(A, b)[1])(np.array([2.0, 5.0]))
    array([-0.125,  0.25 ])
    """
    p, pattern = sparse_matrix(A, "spsolve")
    return _Factorized("spsolve", p, pattern, assume_a, permc_spec=permc_spec).solve(b)


class _Factorized:
    """Values and pattern of a sparse matrix, traced or not, beside a factorization of the plain value."""

    def __init__(
        self, call: str, p: Array, pattern: Pattern, assume_a: str | None = None, **options: Any
    ) -> None:
        if assume_a not in (None, "gen", "pos"):
            raise ValueError(f"{call}: assume_a is None, 'gen' or 'pos', got {assume_a!r}")
        self.call, self.p, self.pattern = call, p, pattern
        self.assume_a = assume_a
        self.options = {key: value for key, value in options.items() if value is not None}

    @cached_property
    def factor(self) -> Any:
        """The factorization of the plain value; None for a matrix without rows."""
        if not self.pattern.shape[0]:
            return None
        make = positive_factor if self.assume_a == "pos" else SparseLU
        return make(np.asarray(primal(self.p)), self.pattern, self.call, **self.options)

    @cached_property
    def wide(self) -> _Factorized:
        """The same in double precision."""
        p = self.p.astype("D" if self.p.dtype.kind == "c" else "d")
        return _Factorized(self.call, p, self.pattern, self.assume_a, **self.options)

    def solve(self, b: Array, trans: str = "N") -> Array:
        """The solution for a right side, as `SuperLU.solve` gives it."""
        b = as_inexact(dense_right_side(b, self.call), f"{self.call}: b")
        if self.p.dtype.char in "fF" and b.dtype.char in "dD":
            return self.wide.solve(b, trans)
        p, b, vector = linear_system(self.call, self.p, b, self.pattern.shape[0], core=1)
        if not b.size:
            return b[..., 0] if vector else b
        if trans == "T" and b.dtype.kind == "c":  # Aᵀ x = b is Aᴴ conj(x) = conj(b)
            x = np.conj(structured_solve(p, np.conj(b), self.pattern, self.factor, True))
        else:
            x = structured_solve(p, b, self.pattern, self.factor, trans != "N")
        return x[..., 0] if vector else x


class SuperLU:
    """The LU factorization of a sparse matrix, to solve with and for its determinant; see `splu`.

    Attributes
    ----------
    shape : (int, int)
        Of the matrix.
    nnz : int
        The number of values in the factors.
    perm_r, perm_c : array of int
        The permutations, as in scipy.sparse.linalg.SuperLU.
    L, U : scipy.sparse.csc_array
        The factors, for a matrix that is not traced.

    Those four are there for what SuperLU has factorized.
    """

    def __init__(self, factorized: _Factorized) -> None:
        self._of = factorized
        _ = factorized.factor  # made now, so that a singular matrix is refused here
        self.shape = factorized.pattern.shape

    def solve(self, b: Array, trans: str = "N") -> Array:
        """The solution of a system with the matrix, with derivatives in it and in b.

        Parameters
        ----------
        b : (n,) or (n, k) array
            Plain or traced.
        trans : {"N", "T", "H"}, optional
            Whether to solve with A, Aᵀ or Aᴴ.

        Returns
        -------
        (n,) or (n, k) array
            The solution, of the shape of b.

        Raises
        ------
        ValueError
            For wrong shapes, nan and inf, an unknown trans.
        """
        if trans not in ("N", "T", "H"):
            raise ValueError(f"splu: trans is 'N', 'T' or 'H', got {trans!r}")
        return self._of.solve(b, trans)

    def slogdet(self) -> Any:
        """The sign and the logarithm of the absolute value of the determinant, as `slogdet` gives them."""
        from ._determinant import slogdet_result

        return slogdet_result(self._of.p, self._of.pattern, self._of.factor)

    def logdet(self) -> Array:
        """The logarithm of the absolute value of the determinant, as `logdet` gives it."""
        return self.slogdet()[1]

    @property
    def nnz(self) -> int:
        return int(self._plain("nnz", constant=True))

    @property
    def perm_r(self) -> Array:
        return self._plain("perm_r", constant=True)

    @property
    def perm_c(self) -> Array:
        return self._plain("perm_c", constant=True)

    @property
    def L(self) -> Any:
        return self._plain("L")

    @property
    def U(self) -> Any:
        return self._plain("U")

    def _plain(self, name: str, constant: bool = False) -> Any:
        if not constant and type(self._of.p) in carriers:
            raise NotDifferentiableError(
                f"splu: {name} of a matrix with traced values would lose its derivative. Use solve, logdet "
                "or slogdet of the factorization"
            )
        if not isinstance(self._of.factor, SparseLU):
            raise AttributeError(f"splu: there is no {name} of this factorization; assume_a=None has it")
        return getattr(self._of.factor.lu, name)


@capability("A is singular: LinAlgError")
def splu(
    A: Any,
    permc_spec: str | None = None,
    diag_pivot_thresh: float | None = None,
    relax: int | None = None,
    panel_size: int | None = None,
    options: dict[str, Any] | None = None,
    *,
    assume_a: str | None = None,
) -> SuperLU:
    """The LU factorization of a sparse matrix, as scipy.sparse.linalg.splu, to be differentiated through.

    Parameters
    ----------
    A : (n, n) sparse array
        Plain, or with traced values; of any format.
    permc_spec : str, optional
        As in `spsolve`.
    diag_pivot_thresh, relax, panel_size, options
        SciPy's, which hands them on to SuperLU.
    assume_a : {None, "gen", "pos"}, optional
        As in `spsolve`.

    Returns
    -------
    SuperLU
        With ``solve(b, trans)``, ``logdet()`` and ``slogdet()``.

    Raises
    ------
    numpy.linalg.LinAlgError
        If A is singular; a row or column without entries is named.
    TypeError
        If A is no matrix of numbers.
    ValueError
        For a matrix that is not square, nan and inf.

    Notes
    -----
    The object holds the values, traced or not, beside the factors of their plain value; derivatives of all
    orders of all that is solved with it use these.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> lu = fr.sparse.linalg.splu(sp.csc_array([[2.0, 0.0], [1.0, 4.0]]))
    >>> lu.solve(np.array([2.0, 5.0]))
    array([1., 1.])
    >>> fr.grad(lambda b: lu.solve(b, "T")[0])(np.array([2.0, 5.0]))
    array([ 0.5  , -0.125])
    """
    p, pattern = sparse_matrix(A, "splu")
    given = {"permc_spec": permc_spec, "diag_pivot_thresh": diag_pivot_thresh, "relax": relax}
    return SuperLU(_Factorized("splu", p, pattern, assume_a, panel_size=panel_size, options=options, **given))


@capability("A is singular: LinAlgError")
def factorized(A: Any) -> Callable[[Array], Array]:
    """A function that solves ``A @ x = b`` for b, with one factorization of the sparse A.

    Parameters
    ----------
    A : (n, n) sparse array
        Plain, or with traced values; of any format.

    Returns
    -------
    callable
        b ↦ x, with derivatives in A and b: ``splu(A).solve``.

    Raises
    ------
    numpy.linalg.LinAlgError, TypeError, ValueError
        As `splu`.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> solve = fr.sparse.linalg.factorized(sp.csc_array([[2.0, 0.0], [1.0, 4.0]]))
    >>> solve(np.array([2.0, 5.0]))
    array([1., 1.])
    """
    p, pattern = sparse_matrix(A, "factorized")
    return SuperLU(_Factorized("factorized", p, pattern)).solve
