"""Parts that are arrays or structured matrices again: what both can do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..linear_map import Array, linear
from ..rule import Rule, carriers, primal
from ._arguments import as_part
from ._matrix import StructuredMatrix, _arrays

Part = Any  # an array, plain or traced, or a structured matrix


def as_matrices(matrices: Any, what: str) -> tuple[Part, ...]:
    """Matrices as parts with the same leading axes.

    Raises
    ------
    TypeError
        If one is not numeric.
    ValueError
        If there is none, if one has too few axes, or if the leading axes do not fit together.
    """
    parts = [
        A if isinstance(A, StructuredMatrix) else as_part(A, f"{what} {k}", 2) for k, A in enumerate(matrices)
    ]
    if not parts:
        raise ValueError(f"{what}: at least one matrix is due")
    stacks = [A.shape[:-2] for A in parts]
    if len(set(stacks)) == 1:
        return tuple(parts)
    try:
        stack = np.broadcast_shapes(*stacks)
    except ValueError:
        raise ValueError(f"{what}: the leading axes {stacks} do not broadcast") from None
    for k, A in enumerate(parts):
        if A.shape[:-2] != stack:
            if isinstance(A, StructuredMatrix):
                raise ValueError(
                    f"{what} {k}: a {type(A).__name__} of shape {A.shape} among matrices with the leading "
                    f"axes {stack}: give it the same ones"
                )
            parts[k] = np.broadcast_to(A, stack + A.shape[-2:])
    return tuple(parts)


def on_one_stack(call: str, parts: Sequence[Array], axes: Sequence[int]) -> tuple[Array, ...]:
    """Arrays with the same leading axes, those in front of the last 1 or 2 that belong to each matrix.

    Raises
    ------
    ValueError
        If they do not broadcast.
    """
    leading = [part.ndim - k for part, k in zip(parts, axes, strict=True)]
    stacks = [part.shape[:k] for part, k in zip(parts, leading, strict=True)]
    try:
        stack = np.broadcast_shapes(*stacks)
    except ValueError:
        shapes = ", ".join(str(part.shape) for part in parts)
        raise ValueError(f"{call}: the leading axes of shapes {shapes} do not broadcast") from None
    return tuple(
        part if own == stack else np.broadcast_to(part, stack + part.shape[k:])
        for part, own, k in zip(parts, stacks, leading, strict=True)
    )


def is_square(A: Part) -> bool:
    """Whether its matrices are square."""
    return bool(A.shape[-1] == A.shape[-2])


def dense(A: Part) -> Array:
    """The full array."""
    return A.to_dense() if isinstance(A, StructuredMatrix) else A


def transposed(A: Part) -> Part:
    """The transpose of each matrix."""
    return A.mT if isinstance(A, StructuredMatrix) else np.swapaxes(A, -1, -2)


def adjoint(A: Part) -> Part:
    """The conjugate transpose of each matrix."""
    return conjugate(transposed(A))


def conjugate(x: Any) -> Any:
    """The complex conjugate; of a real array, itself, which np.conj would copy."""
    return x if x.dtype.kind != "c" else np.conj(x)


def diagonal(A: Part) -> Array:
    """The diagonal of each matrix."""
    return A.diagonal() if isinstance(A, StructuredMatrix) else np.diagonal(A, 0, -2, -1)


def entries(A: Part, i: Any, j: Any) -> Array:
    """The entries A[..., i, j], for (arrays of) integers from 0 on; of structured ones, if single."""
    return A.entries(i, j) if isinstance(A, StructuredMatrix) else A[..., i, j]


def sparse_entries(A: Part) -> tuple[Array, Any, Any]:
    """The values, rows and columns of the entries that a sparse array has; all those of a full array."""
    found = A._sparse_entries() if isinstance(A, StructuredMatrix) else None
    if found is not None:
        return found
    rows, columns = np.indices(A.shape).reshape(2, -1)
    return np.ravel(dense(A)), rows, columns


def squared_norm(A: Part) -> Any:
    """The sum of the squared absolute values of the entries."""
    if isinstance(A, StructuredMatrix):
        return A.squared_norm()
    squares = np.real(A) ** 2 + np.imag(A) ** 2 if A.dtype.kind == "c" else A**2
    return np.sum(squares, (-2, -1))


def restricted(A: Part, G: Array) -> Part:
    """What the entries of a full array G add up to for each entry of A's parts; a part like A itself."""
    return A.like(*A.restrict(G)) if isinstance(A, StructuredMatrix) else G


#: The matrix functions of full arrays, by their scalar functions.
FUNCTIONS = {
    np.exp: "expm",
    np.log: "logm",
    np.sqrt: "sqrtm",
    np.cos: "cosm",
    np.sin: "sinm",
    np.tan: "tanm",
    np.cosh: "coshm",
    np.sinh: "sinhm",
    np.tanh: "tanhm",
}


def matrix_function(A: Part, f: Any) -> Part:
    """The matrix function of a scalar function."""
    from .. import linalg

    return getattr(linalg, FUNCTIONS[f])(A) if f in FUNCTIONS else linalg.funm(A, f)


def is_real_on_reals(f: Any, x: Callable[[], Array]) -> bool:
    """Whether a scalar function is real at plain real numbers, which x computes where that is in question."""
    if f in FUNCTIONS and f not in (np.log, np.sqrt):
        return True
    values = x()
    if f in FUNCTIONS:
        return bool(values.min(initial=0) >= 0)
    return not np.any(np.imag(f(values + 0j)))


def sign_and_log(x: Array) -> tuple[Any, Any]:
    """The sign of the product of numbers along the last axis, and the logarithm of its absolute value."""
    return np.prod(np.sign(x), -1), log_of_product(x)


def _root_body(x: Array) -> Any:
    # The norm has a kink at zero, where 0 is a subgradient.
    y = root(x)
    zero = primal(y) == 0
    slope = np.where(zero, 0, 0.5 / np.where(zero, 1, y))
    return y, linear(lambda v: slope * v, lambda w: slope * w)


#: The norm, by its square, which may be negative by rounding; at zero with np.linalg.norm's derivative, 0.
root = Rule(lambda x: np.sqrt(np.maximum(x, 0)), _root_body, "frechet: the norm of a matrix")


def _log_of_product_value(x: Array) -> Any:
    with np.errstate(divide="ignore"):  # of zeros it is −inf, as in np.linalg.slogdet
        return np.sum(np.log(np.abs(x)), -1)


def _log_of_product_body(x: Array) -> Any:
    # d log|x| = Re(dx / x)
    def inverse() -> Array:
        if not np.all(primal(x)):
            raise np.linalg.LinAlgError(SINGULAR_LOG)
        return 1 / x

    return log_of_product(x), linear(
        lambda v: np.sum(np.real(v * inverse()), -1),
        lambda w: np.expand_dims(w, -1) * conjugate(inverse()),
    )


SINGULAR_LOG = "slogdet: the matrix is singular, where the logarithm of the determinant has no derivative"
#: The logarithm of the absolute value of the product of numbers along the last axis.
log_of_product = Rule(_log_of_product_value, _log_of_product_body, "frechet: the logarithm of a determinant")


def singular_slogdet(A: StructuredMatrix) -> tuple[Any, Any]:
    """The sign and logarithm, 0 and −inf, of the determinant of matrices that are singular by structure."""
    if any(type(part) in carriers for part in _arrays(A)):
        raise np.linalg.LinAlgError(SINGULAR_LOG)
    stack = A.shape[:-2]
    return np.zeros(stack, A.dtype)[()], np.full(stack, -np.inf, np.finfo(A.dtype).dtype)[()]
