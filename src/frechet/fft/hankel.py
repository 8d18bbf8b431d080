"""The fast Hankel transforms of scipy.fft, on plain and traced arrays.

fht is E F E up to a factor, with E = diag(exp(−bias (n − n_c) dln)), and F a circular convolution by a real
sequence, read backwards (Hamilton 2000, FFTLog): F[k, n] = c[(N − 1 − k − n) mod N].  So its matrix is
symmetric, and as it is real, it is its own adjoint.  The same holds for ifht.
"""

from __future__ import annotations

from typing import Any

from ..linear_map import Array
from ..rules.fft_maps import Transform, library
from .arguments import EXAMPLES, scipy_function

PARAMETERS = (
    """
    Parameters
    ----------
    {a} : real array
        Traced or plain; the last axis is transformed.
    dln, mu, offset, bias : float
        As SciPy takes them; there is no derivative with respect to them.

    Raises
    ------
    NotDifferentiableError
        Where dln, mu, offset or bias is traced.
    TypeError
        For complex input.
"""
    + EXAMPLES
)


class Hankel(Transform):
    """fht or ifht along the last axis."""

    __slots__ = ("inverse", "parameters")

    def __init__(self, inverse: bool, parameters: tuple[Any, ...]) -> None:
        self.inverse, self.parameters = inverse, parameters

    def forward(self, v: Array) -> Array:
        return (library().ifht if self.inverse else library().fht)(v, *self.parameters)

    def backward(self, w: Array) -> Array:
        return self.forward(w)


@scipy_function(PARAMETERS.format(a="a"))
def fht(a: Array, dln: float, mu: float, offset: float = 0.0, bias: float = 0.0) -> Any:
    """Fast Hankel transform of a sequence with logarithmic spacing, of the shape of a.  Its own adjoint.

    Cost of value, pushforward and pullback: two real Fourier transforms each.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> r = np.logspace(-2, 2, 16)
    >>> fr.grad(lambda a: np.sum(fht(a, dln=0.5, mu=0.0)))(np.exp(-(r**2))).shape
    (16,)
    """
    m = Hankel(False, (dln, mu, offset, bias))
    return m.push(a), m


@scipy_function(PARAMETERS.format(a="A"))
def ifht(A: Array, dln: float, mu: float, offset: float = 0.0, bias: float = 0.0) -> Any:
    """Inverse of `fht` with the same parameters, of the shape of A.  Its own adjoint.

    Cost of value, pushforward and pullback: two real Fourier transforms each.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda a: ifht(fht(a, 0.5, 1.0), 0.5, 1.0)[0])(np.ones(3)).round(12)
    array([1., 0., 0.])
    """
    m = Hankel(True, (dln, mu, offset, bias))
    return m.push(A), m
