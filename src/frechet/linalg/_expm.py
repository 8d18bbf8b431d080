"""The matrix exponential and its Fréchet derivative."""

from __future__ import annotations

import numpy as np

from ..linear_map import Array
from ..rule import primal
from ._arguments import as_inexact, as_matrix
from ._capability import capability
from ._expm_factor import ExpmFactor
from ._primary_function import PrimaryFunction

__all__ = ["expm", "expm_frechet"]

_expm = PrimaryFunction("expm", "none is needed")


@capability("nowhere; where exp(A) overflows, value and derivative have inf and nan, with NumPy's warning")
def expm(A: Array) -> Array:
    """The matrix exponential, as scipy.linalg.expm, with derivatives.

    Parameters
    ----------
    A : (..., n, n) array
        Real or complex, plain or traced; leading axes are a batch.  A number counts as a 1 × 1 matrix.

    Returns
    -------
    (..., n, n) array
        Of A's dtype (float64 for integers).

    Raises
    ------
    ValueError
        Where A is not square or not finite.

    Notes
    -----
    The derivative is L(A, E) = ∫₀¹ exp(sA) E exp((1−s)A) ds, and its adjoint G ↦ L(Aᴴ, G).  Both reuse what
    the value has computed and cost about twice the value for each direction (Al-Mohy & Higham, SIAM J. Matrix
    Anal. Appl. 30:1639, 2009).  Higher derivatives exponentiate 2n × 2n block matrices (Higham & Relton,
    SIAM J. Matrix Anal. Appl. 35:1019, 2014).

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.linalg.expm(np.array([[0.0, 1.0], [0.0, 0.0]]))
    array([[1., 1.],
           [0., 1.]])
    >>> fr.grad(lambda t: fr.linalg.expm(t * np.diag([1.0, 2.0]))[1, 1])(0.0)
    2.0
    """
    A = as_inexact(A, "expm: A")
    if A.ndim < 2 and A.size == 1:
        A = np.reshape(A, (1, 1))
    A = as_matrix(A, "expm: A", square=True)
    return _expm(A, ExpmFactor(primal(A)))


@capability("nowhere; overflow as in expm")
def expm_frechet(
    A: Array, E: Array, method: str | None = None, compute_expm: bool = True, check_finite: bool = True
) -> Array | tuple[Array, Array]:
    """The matrix exponential and its Fréchet derivative in a direction: exp(A), L(A, E).

    Parameters
    ----------
    A : (..., n, n) array
        Real or complex, plain or traced.
    E : array
        Of A's shape, or with further axes in front (several directions).
    method : {None, "SPS", "blockEnlarge"}, optional
        For SciPy's signature; there is one way to compute it.
    compute_expm : bool, optional
        Whether exp(A) is returned too.
    check_finite : bool, optional
        Whether nan and inf in E are refused; those in A always are.

    Returns
    -------
    exp(A) : array
        Of A's shape; left out if `compute_expm` is False.
    L(A, E) : array
        Of E's shape.

    Raises
    ------
    ValueError
        Where A is not square or not finite, E does not fit A, or the method is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> expm_frechet(np.zeros((2, 2)), np.ones((2, 2)))[1]
    array([[1., 1.],
           [1., 1.]])
    """
    if method not in (None, "SPS", "blockEnlarge"):
        raise ValueError(f"expm_frechet: method is 'SPS', 'blockEnlarge' or None, got {method!r}")
    A = as_matrix(A, "expm_frechet: A", square=True)
    E = as_matrix(E, "expm_frechet: E", check_finite=check_finite)
    factor = ExpmFactor(primal(A))
    L = _expm.derivative(A, E, factor)
    return (_expm(A, factor), L) if compute_expm else L
