"""Eigenvalues and eigenvectors of Hermitian band matrices and of real symmetric tridiagonal ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..linear_map import Array
from ..rule import carriers, primal
from ..rules.linalg_equal_eigenvalues import Spectrum
from ..rules.linalg_gaps import Tolerances
from ._arguments import as_matrix, as_vector, same_dtype, stack_shape, to_stack
from ._band_spectrum import band_eigenpairs, band_eigenvalues, lower_from_upper
from ._capability import capability
from ._eigh import Subset, selected

__all__ = ["eig_banded", "eigh_tridiagonal", "eigvals_banded", "eigvalsh_tridiagonal"]


@capability("as eigh")
def eig_banded(
    a_band: Array,
    lower: bool = False,
    eigvals_only: bool = False,
    overwrite_a_band: bool = False,
    select: Any = "a",
    select_range: Any = None,
    max_ev: int = 0,
    check_finite: bool = True,
    *,
    degeneracy_tol: float | None = None,
    gauge_tol: float | None = None,
) -> Any:
    """Eigenvalues and eigenvectors of a Hermitian band matrix, as in SciPy, with gradients in the bands.

    Parameters
    ----------
    a_band : (..., r + 1, n) array
        The bands: ``a_band[r + i - j, j] = a[i, j]`` for i ≤ j, or ``a_band[i - j, j] = a[i, j]`` for i ≥ j
        if `lower`.  Leading axes are a batch.
    lower : bool, optional
        Whether these are the bands below the diagonal.
    eigvals_only : bool, optional
        Leave the eigenvectors out.
    overwrite_a_band : bool, optional
        For SciPy's signature; nothing is overwritten.
    select : {"a", "v", "i"}, optional
        All, those in the interval (min, max] of `select_range`, or those with indices min to max.
    select_range : (min, max), optional
        See `select`.
    max_ev : int, optional
        For SciPy's signature.
    check_finite : bool, optional
        Whether nan and inf are refused.
    degeneracy_tol, gauge_tol : float, optional
        As in `eigh`.

    Returns
    -------
    w : (..., m) array
        The eigenvalues, ascending.
    v : (..., n, m) array
        The eigenvectors, as columns of length one.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where the computation does not converge.
    ValueError
        For wrong shapes and selections, nan and inf.
    NotDifferentiableError
        As `eigh`.

    Notes
    -----
    The derivatives are those of `eigh`, restricted to the bands: a gradient has the shape of a_band, with
    zeros at the ends of the bands, which are not read.  That of the eigenvalues alone takes r n² operations
    beside the decomposition, and no product of matrices.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> bands = np.array([[2.0, 2.0], [1.0, 0.0]])  # [[2, 1], [1, 2]]
    >>> fr.linalg.eig_banded(bands, lower=True, eigvals_only=True)
    array([1., 3.])
    >>> fr.grad(lambda a: fr.linalg.eig_banded(a, lower=True)[0][1])(bands)
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    tolerances = Tolerances(degeneracy_tol, gauge_tol)
    return _banded(
        "eig_banded", a_band, lower, not eigvals_only, select, select_range, check_finite, tolerances
    )


@capability("as eigvalsh")
def eigvals_banded(
    a_band: Array,
    lower: bool = False,
    overwrite_a_band: bool = False,
    select: Any = "a",
    select_range: Any = None,
    check_finite: bool = True,
    *,
    degeneracy_tol: float | None = None,
    gauge_tol: float | None = None,
) -> Array:
    """The eigenvalues of a Hermitian band matrix: `eig_banded` with ``eigvals_only=True``.

    Parameters
    ----------
    a_band, lower, overwrite_a_band, select, select_range, check_finite, degeneracy_tol, gauge_tol
        As in `eig_banded`.

    Returns
    -------
    (..., m) array
        The eigenvalues, ascending.

    Raises
    ------
    numpy.linalg.LinAlgError, ValueError, NotDifferentiableError
        As `eig_banded`.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.linalg.eigvals_banded(np.array([[0.0, 1.0], [2.0, 2.0]]))
    array([1., 3.])
    """
    tolerances = Tolerances(degeneracy_tol, gauge_tol)
    result: Array = _banded(
        "eigvals_banded", a_band, lower, False, select, select_range, check_finite, tolerances
    )
    return result


@capability("as eigh; complex d and e: TypeError, as in SciPy", complex=False)
def eigh_tridiagonal(
    d: Array,
    e: Array,
    eigvals_only: bool = False,
    select: Any = "a",
    select_range: Any = None,
    check_finite: bool = True,
    tol: float = 0.0,
    lapack_driver: str = "auto",
    *,
    degeneracy_tol: float | None = None,
    gauge_tol: float | None = None,
) -> Any:
    """Eigenvalues and eigenvectors of a real symmetric tridiagonal matrix, as in SciPy, with derivatives.

    Parameters
    ----------
    d : (..., n) array
        The diagonal; leading axes broadcast.
    e : (..., n - 1) array
        The diagonals beside it.
    eigvals_only : bool, optional
        Leave the eigenvectors out.
    select, select_range
        As in `eig_banded`.
    check_finite : bool, optional
        Whether nan and inf are refused.
    tol : float, optional
        The absolute accuracy that the driver "stebz" aims at.
    lapack_driver : {"auto", "stemr", "stebz", "sterf", "stev", "stevd"}, optional
        LAPACK's routine; by default stevd.
    degeneracy_tol, gauge_tol : float, optional
        As in `eigh`.

    Returns
    -------
    w : (..., m) array
        The eigenvalues, ascending.
    v : (..., n, m) array
        The eigenvectors, as columns of length one.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where the computation does not converge.
    TypeError
        For complex d or e.
    ValueError
        For wrong shapes, selections and drivers, nan and inf.
    NotDifferentiableError
        As `eigh`.

    Notes
    -----
    dλ = Σᵢ vᵢ² ddᵢ + 2 Σᵢ vᵢ vᵢ₊₁ deᵢ; the vectors as in `eigh`.  Gradients are vectors; no matrix is formed
    from d and e.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> w, v = fr.linalg.eigh_tridiagonal(np.full(3, 2.0), np.full(2, -1.0))
    >>> w
    array([0.58578644, 2.        , 3.41421356])
    >>> fr.grad(lambda e: fr.linalg.eigh_tridiagonal(np.full(3, 2.0), e)[0][2])(np.full(2, -1.0))
    array([-0.70710678, -0.70710678])
    """
    tolerances = Tolerances(degeneracy_tol, gauge_tol)
    return _tridiagonal(
        "eigh_tridiagonal",
        d,
        e,
        not eigvals_only,
        select,
        select_range,
        check_finite,
        tol,
        lapack_driver,
        tolerances,
    )


@capability("as eigvalsh; complex d and e: TypeError, as in SciPy", complex=False)
def eigvalsh_tridiagonal(
    d: Array,
    e: Array,
    select: Any = "a",
    select_range: Any = None,
    check_finite: bool = True,
    tol: float = 0.0,
    lapack_driver: str = "auto",
    *,
    degeneracy_tol: float | None = None,
    gauge_tol: float | None = None,
) -> Array:
    """The eigenvalues of a real symmetric tridiagonal matrix: `eigh_tridiagonal` with ``eigvals_only=True``.

    Parameters
    ----------
    d, e, select, select_range, check_finite, tol, lapack_driver, degeneracy_tol, gauge_tol
        As in `eigh_tridiagonal`.

    Returns
    -------
    (..., m) array
        The eigenvalues, ascending.

    Raises
    ------
    numpy.linalg.LinAlgError, TypeError, ValueError, NotDifferentiableError
        As `eigh_tridiagonal`.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.linalg.eigvalsh_tridiagonal(np.array([2.0, 2.0]), np.array([1.0]))
    array([1., 3.])
    """
    tolerances = Tolerances(degeneracy_tol, gauge_tol)
    result: Array = _tridiagonal(
        "eigvalsh_tridiagonal",
        d,
        e,
        False,
        select,
        select_range,
        check_finite,
        tol,
        lapack_driver,
        tolerances,
    )
    return result


def _banded(
    call: str,
    a_band: Array,
    lower: bool,
    vectors: bool,
    select: Any,
    select_range: Any,
    check_finite: bool,
    tolerances: Tolerances,
) -> Any:
    """What `eig_banded` returns."""
    ab = as_matrix(a_band, f"{call}: a_band", check_finite=check_finite)
    n = np.shape(ab)[-1]
    subset = _checked_select(select, select_range, n, call)
    if not np.shape(ab)[-2]:
        raise ValueError(f"{call}: a_band must have a row for the diagonal, got shape {np.shape(ab)}")
    if not lower and n:
        ab = lower_from_upper(ab)

    def decompose(x: Array, with_vectors: bool) -> Any:
        import scipy.linalg

        return scipy.linalg.eig_banded(x, lower=True, eigvals_only=not with_vectors, check_finite=False)

    return _of_bands(ab, decompose, vectors, subset, tolerances, call)


def _tridiagonal(
    call: str,
    d: Array,
    e: Array,
    vectors: bool,
    select: Any,
    select_range: Any,
    check_finite: bool,
    tol: float,
    lapack_driver: str,
    tolerances: Tolerances,
) -> Any:
    """What `eigh_tridiagonal` returns."""
    d = as_vector(d, f"{call}: d", check_finite=check_finite)
    e = as_vector(e, f"{call}: e", check_finite=check_finite)
    d, e = same_dtype(d, e)
    if primal(d).dtype.kind == "c":
        raise TypeError(f"{call}: only real arrays are supported; use eig_banded for complex ones")
    n = np.shape(d)[-1]
    if n != np.shape(e)[-1] + 1:
        raise ValueError(f"{call}: d ({n}) must have one more element than e ({np.shape(e)[-1]})")
    subset = _checked_select(select, select_range, n, call)
    _check_driver(call, lapack_driver, subset is not None, vectors)
    stack = stack_shape(call, d, e, core=1)
    d, e = to_stack(d, stack, core=1), to_stack(e, stack, core=1)
    ab = np.stack([d, np.concatenate([e, np.zeros((*stack, 1), primal(e).dtype)], axis=-1)], axis=-2)

    def decompose(x: Array, with_vectors: bool) -> Any:
        import scipy.linalg

        driver = "auto" if with_vectors and lapack_driver == "sterf" else lapack_driver
        return scipy.linalg.eigh_tridiagonal(
            x[0], x[1, :-1], not with_vectors, check_finite=False, tol=tol, lapack_driver=driver
        )

    return _of_bands(ab, decompose, vectors, subset, tolerances, call)


_SELECT = {"a": "all", "all": "all", 0: "all", "v": "value", "value": "value", 1: "value"}
_SELECT |= {"i": "index", "index": "index", 2: "index"}


def _checked_select(select: Any, select_range: Any, n: int, call: str) -> Subset | None:
    kind = _SELECT.get(select.lower() if isinstance(select, str) else select)
    if kind is None:
        raise ValueError(f'{call}: select is "a", "v" or "i", got {select!r}')
    if kind == "all":
        return None
    limits = np.asarray(select_range)
    if limits.shape != (2,) or limits.dtype.kind not in "iuf" or limits[1] < limits[0]:
        raise ValueError(f"{call}: select_range must hold two numbers in nondecreasing order")
    low, high = limits.tolist()
    if kind == "index":
        if limits.dtype.kind not in "iu":
            raise ValueError(f'{call}: for select="i", select_range must hold integers, got {limits.dtype}')
        if low < 0 or high >= n:
            raise ValueError(f"{call}: select_range is out of bounds for {n} eigenvalues")
    return kind, low, high


def _check_driver(call: str, driver: Any, subset: bool, vectors: bool) -> None:
    if not isinstance(driver, str):
        raise TypeError(f"{call}: lapack_driver must be a string")
    drivers = ("auto", "stemr", "sterf", "stebz", "stev", "stevd")
    if driver not in drivers:
        raise ValueError(f"{call}: lapack_driver must be one of {drivers}, got {driver!r}")
    if subset and driver in ("sterf", "stev", "stevd"):
        raise ValueError(f'{call}: {driver} can only be used with select="a"')
    if driver == "sterf" and vectors:
        raise ValueError(f"{call}: sterf can only be used with eigvals_only=True")


def _of_bands(
    ab: Array, decompose: Any, vectors: bool, subset: Subset | None, tolerances: Tolerances, call: str
) -> Any:
    """The results from the lower bands, given SciPy's way to decompose one plain matrix."""
    plain = primal(ab)
    stack, n = plain.shape[:-2], plain.shape[-1]
    real = plain.real.dtype
    flat = plain.reshape(math.prod(stack), *plain.shape[-2:])
    if not vectors and type(ab) not in carriers:
        values = np.array([decompose(x, False) for x in flat] if n else [], real).reshape(*stack, n)
        columns = selected(values, subset, call)
        return values if columns is None else values[..., columns]
    pairs = [decompose(x, True) for x in flat] if n else []
    values = np.array([w for w, _ in pairs], real).reshape(*stack, n)
    spectrum = Spectrum(
        values, np.array([V for _, V in pairs], plain.dtype).reshape(*stack, n, n), tolerances
    )
    columns = selected(values, subset, call)
    if not vectors:
        w = band_eigenvalues(ab, spectrum)
        return w if columns is None else w[..., columns]
    w, V = band_eigenpairs(ab, spectrum, columns)
    return (w if columns is None else w[..., columns]), V
