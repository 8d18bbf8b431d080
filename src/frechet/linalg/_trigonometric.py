"""Trigonometric and hyperbolic functions of a matrix, by its exponential.

They are compositions of `expm`, so that all orders of derivative share what the exponential has computed.
For real A, cos A + i sin A = exp(iA) gives both at once.
"""

from __future__ import annotations

import numpy as np

from ..linear_map import Array
from ._arguments import as_matrix
from ._capability import capability
from ._expm import expm

__all__ = ["coshm", "cosm", "sinhm", "sinm", "tanhm", "tanm"]


@capability("nowhere")
def cosm(A: Array) -> Array:
    """The matrix cosine, as scipy.linalg.cosm, with derivatives.

    Parameters
    ----------
    A : (..., n, n) array
        Real or complex, plain or traced; leading axes are a batch.

    Returns
    -------
    (..., n, n) array
        cos A, real for real A.

    Raises
    ------
    ValueError
        Where A is not square or not finite.

    Notes
    -----
    Re exp(iA) for real A, (exp(iA) + exp(−iA))/2 for complex A.  Backward error: that of `expm`,
    for iA; where the imaginary parts of the eigenvalues are large, so are the exponentials beside the
    cosine's entries.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.linalg.cosm(np.zeros((2, 2)))
    array([[1., 0.],
           [0., 1.]])
    >>> round(fr.grad(lambda t: fr.linalg.cosm(t * np.eye(2))[0, 0])(1.0), 8)
    -0.84147098
    """
    return _cos_sin(as_matrix(A, "cosm: A", square=True))[0]


@capability("nowhere")
def sinm(A: Array) -> Array:
    """The matrix sine, as scipy.linalg.sinm, with derivatives.

    Parameters
    ----------
    A : (..., n, n) array
        Real or complex, plain or traced; leading axes are a batch.

    Returns
    -------
    (..., n, n) array
        sin A, real for real A.

    Raises
    ------
    ValueError
        Where A is not square or not finite.

    Notes
    -----
    Im exp(iA) for real A, (exp(iA) − exp(−iA))/2i for complex A; see `cosm`.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda t: fr.linalg.sinm(t * np.eye(2))[0, 0])(0.0)
    1.0
    """
    return _cos_sin(as_matrix(A, "sinm: A", square=True))[1]


@capability("cos A is singular, so that tan A does not exist: LinAlgError")
def tanm(A: Array) -> Array:
    """The matrix tangent, as scipy.linalg.tanm, with derivatives.

    Parameters
    ----------
    A : (..., n, n) array
        Real or complex, plain or traced; leading axes are a batch.

    Returns
    -------
    (..., n, n) array
        tan A, real for real A.

    Raises
    ------
    ValueError
        Where A is not square or not finite.
    numpy.linalg.LinAlgError
        Where cos A is singular.

    Notes
    -----
    The solution X of cos(A) X = sin(A), with both from the same exponentials.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda t: fr.linalg.tanm(t * np.eye(2))[0, 0])(0.0)
    1.0
    """
    cosine, sine = _cos_sin(as_matrix(A, "tanm: A", square=True))
    return np.linalg.solve(cosine, sine)


@capability("nowhere")
def coshm(A: Array) -> Array:
    """The hyperbolic matrix cosine, as scipy.linalg.coshm, with derivatives.

    Parameters
    ----------
    A : (..., n, n) array
        Real or complex, plain or traced; leading axes are a batch.

    Returns
    -------
    (..., n, n) array
        cosh A, of A's dtype.

    Raises
    ------
    ValueError
        Where A is not square or not finite.

    Notes
    -----
    (exp(A) + exp(−A))/2.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda t: fr.linalg.coshm(t * np.eye(2))[0, 0])(0.0)
    0.0
    """
    return _cosh_sinh(as_matrix(A, "coshm: A", square=True))[0]


@capability("nowhere")
def sinhm(A: Array) -> Array:
    """The hyperbolic matrix sine, as scipy.linalg.sinhm, with derivatives.

    Parameters
    ----------
    A : (..., n, n) array
        Real or complex, plain or traced; leading axes are a batch.

    Returns
    -------
    (..., n, n) array
        sinh A, of A's dtype.

    Raises
    ------
    ValueError
        Where A is not square or not finite.

    Notes
    -----
    (exp(A) − exp(−A))/2.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda t: fr.linalg.sinhm(t * np.eye(2))[0, 0])(0.0)
    1.0
    """
    return _cosh_sinh(as_matrix(A, "sinhm: A", square=True))[1]


@capability("cosh A is singular, so that tanh A does not exist: LinAlgError")
def tanhm(A: Array) -> Array:
    """The hyperbolic matrix tangent, as scipy.linalg.tanhm, with derivatives.

    Parameters
    ----------
    A : (..., n, n) array
        Real or complex, plain or traced; leading axes are a batch.

    Returns
    -------
    (..., n, n) array
        tanh A, of A's dtype.

    Raises
    ------
    ValueError
        Where A is not square or not finite.
    numpy.linalg.LinAlgError
        Where cosh A is singular.

    Notes
    -----
    The solution X of cosh(A) X = sinh(A), with both from the same exponentials.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda t: fr.linalg.tanhm(t * np.eye(2))[0, 0])(0.0)
    1.0
    """
    cosine, sine = _cosh_sinh(as_matrix(A, "tanhm: A", square=True))
    return np.linalg.solve(cosine, sine)


def _cos_sin(A: Array) -> tuple[Array, Array]:
    i = np.complex64(1j) if A.dtype.char in "fF" else 1j
    if not np.iscomplexobj(A):
        X = expm(i * A)
        return np.real(X), np.imag(X)
    X, Y = expm(i * A), expm(-i * A)
    return (X + Y) / 2, (X - Y) / (2 * i)


def _cosh_sinh(A: Array) -> tuple[Array, Array]:
    X, Y = expm(A), expm(-A)
    return (X + Y) / 2, (X - Y) / 2
