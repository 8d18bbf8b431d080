"""Factorizations of SciPy that have no derivative here, with the reasons."""

from __future__ import annotations

from typing import Any

from .._scipy import from_scipy
from ._capability import refused

__all__ = ["cossin", "interp_decomp", "ordqz", "qr_delete", "qr_insert", "qr_update", "qz"]

_UPDATE = (
    "the updated factors depend on Q and R apart from their product, and on the rotations that update them. "
    "Form the changed matrix and call fr.linalg.qr"
)
_PENCIL = (
    "the triangular factors depend on phases, on the order of the eigenvalues and on LAPACK's scaling of "
    "2 × 2 blocks. For generalized eigenvalues use fr.linalg.eigvals(A, B), for vectors fr.linalg.eig(A, B)"
)
_COSINE_SINE = (
    "its unitary factors are determined up to signs or phases, and rotations where angles are equal. For the "
    "angles use fr.linalg.svdvals of a block, or fr.linalg.subspace_angles; for vectors fr.linalg.svd"
)


_INTERPOLATIVE = (
    "an interpolative decomposition chooses columns, with random numbers or a tolerance, and jumps where the "
    "choice changes. For a fixed choice of columns use fr.linalg.qr(pivoting=True) or fr.linalg.lstsq"
)


def _refused(name: str, reason: str, subpackage: str = "linalg") -> Any:
    def function(*args: Any, **kwargs: Any) -> Any:
        return from_scipy(subpackage, name)(*args, **kwargs)

    function.__name__ = name
    return refused(function, reason)


qr_delete = _refused("qr_delete", _UPDATE)
qr_insert = _refused("qr_insert", _UPDATE)
qr_update = _refused("qr_update", _UPDATE)
qz = _refused("qz", _PENCIL)
ordqz = _refused("ordqz", _PENCIL)
cossin = _refused("cossin", _COSINE_SINE)
interp_decomp = _refused("interp_decomp", _INTERPOLATIVE, "linalg.interpolative")
