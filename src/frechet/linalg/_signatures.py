"""What functions do with leading axes, as in `numpy.vectorize`: a batch in JAX and PyTorch is then one call.

It holds those of which each argument is a matrix, or a stack of matrices, by position.
"""

from __future__ import annotations

_OF_ONE = (
    *("expm", "logm", "sqrtm", "signm", "cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm", "inv", "cholesky"),
    *("pinv", "pinvh", "fractional_matrix_power"),
)

SIGNATURES = {
    **dict.fromkeys(_OF_ONE, "(n,n)->(n,n)"),
    **dict.fromkeys(("det", "logdet"), "(n,n)->()"),
    **dict.fromkeys(("eigvals", "eigvalsh", "svdvals"), "(m,n)->(k)"),
    **dict.fromkeys(("solve", "solve_triangular"), "(n,n),(n,m)->(n,m)"),
    **dict.fromkeys(("solve_continuous_lyapunov", "solve_discrete_lyapunov"), "(n,n),(n,n)->(n,n)"),
    "solve_sylvester": "(m,m),(n,n),(m,n)->(m,n)",
    **dict.fromkeys(("solve_continuous_are", "solve_discrete_are"), "(n,n),(n,m),(n,n),(m,m)->(n,n)"),
    "slogdet": "(n,n)->(),()",
    "eigh": "(n,n)->(n),(n,n)",
    "eig": "(n,n)->(n),(n,n)",
}
