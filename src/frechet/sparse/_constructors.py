"""Sparse arrays made of traced values, and of other sparse arrays, by SciPy's names and signatures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..linear_map import Array, Shape
from ..rule import carriers, primal
from ..transforms import array
from ._base import Stored, from_numbers, put_together, wrapped
from ._layout import kind_of, taken_apart
from ._pattern import is_sparse

__all__ = [
    "block_array",
    "block_diag",
    "bsr_array",
    "bsr_matrix",
    "coo_array",
    "coo_matrix",
    "csc_array",
    "csc_matrix",
    "csr_array",
    "csr_matrix",
    "dia_array",
    "dia_matrix",
    "diags_array",
    "hstack",
    "kron",
    "tril",
    "triu",
    "vstack",
]


def _constructor(name: str, forms: str, example: str) -> Callable[..., Any]:
    kind = getattr(sp, name)
    format_ = name[:3]

    def construct(
        arg1: Any, shape: Shape | None = None, dtype: Any = None, copy: bool = False, **options: Any
    ) -> Any:
        if isinstance(arg1, Stored):
            A = arg1.tobsr(**options) if format_ == "bsr" else arg1.asformat(format_)
            if issubclass(kind, sp.sparray) != wrapped(A).layout.is_array:
                # The same layout in the class of the other kind.
                A = wrapped(A).rearranged(kind)
            return A if dtype is None else A.astype(dtype)
        if type(arg1) in carriers:
            raise TypeError(
                f"{name}: a full traced array has no pattern, since an entry that is zero may change. Give "
                f"its entries on a pattern: {name}({forms})"
            )
        if not (isinstance(arg1, tuple) and arg1 and _is_traced(arg1[0])):
            return kind(arg1, shape=shape, dtype=dtype, copy=copy, **options)
        data = _values(name, arg1[0])
        by_coordinates = len(arg1) == 2 and isinstance(arg1[1], tuple) and format_ != "dia"
        # SciPy checks the indices, and finds the shape, with numbers in place of the values.
        numbers = np.arange(1, np.size(primal(data)) + 1).reshape(np.shape(data))
        if by_coordinates:  # of which some may be given twice: their values are added up in the conversion
            A = kind_of("coo", kind)((numbers, *arg1[1:]), shape=shape, copy=copy)
        else:
            A = kind((numbers, *arg1[1:]), shape=shape, copy=copy, **options)
        if format_ in ("csr", "csc", "bsr") and not by_coordinates:
            A.check_format(full_check=True)
        stored, layout = taken_apart(A)
        if stored.shape == numbers.shape and np.array_equal(stored, numbers):
            A = put_together(layout, (data,))
        else:
            A = from_numbers(np.reshape(data, -1), A)
        if by_coordinates:
            A = A.tobsr(**options) if format_ == "bsr" else A.asformat(format_)
        return A if dtype is None else A.astype(dtype)

    construct.__name__ = construct.__qualname__ = name
    construct.__doc__ = f"""scipy.sparse.{name}, of plain or traced values.

    Parameters
    ----------
    arg1 : tuple or sparse array
        {forms}, with traced or plain data; or a sparse array, traced or not.  What SciPy takes besides,
        it takes for plain values.
    shape : (int, int), optional
        By default what the indices imply.
    dtype : dtype, optional
        Of the values, by default as they are; integers that are traced are float64.
    copy : bool, optional
        Whether index arrays are copied.

    Returns
    -------
    scipy.sparse.{name}, or SparseArray where the values are traced

    Raises
    ------
    TypeError
        For a full array that is traced: which of its entries are stored is not known.
    ValueError
        For indices and values that do not fit together, as SciPy.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> x = np.array([1.0, 2.0])
    >>> def f(x):
    ...     A = fr.sparse.{example}
    ...     return np.sum(A @ np.array([1.0, 10.0]))
    >>> fr.grad(f)(x)
    array([ 1., 10.])
    """
    return construct


csr_array = _constructor(
    "csr_array", "(data, indices, indptr) or (data, (row, col))", "csr_array((x, [0, 1], [0, 1, 2]))"
)
csc_array = _constructor(
    "csc_array", "(data, indices, indptr) or (data, (row, col))", "csc_array((x, [0, 1], [0, 1, 2]))"
)
coo_array = _constructor("coo_array", "(data, (row, col))", "coo_array((x, ([0, 1], [0, 1])))")
dia_array = _constructor("dia_array", "(data, offsets)", "dia_array((x[None], [0]), shape=(2, 2))")
bsr_array = _constructor(
    "bsr_array",
    "(data, indices, indptr) or (data, (row, col))",
    "bsr_array((x[:, None, None], [0, 1], [0, 1, 2]))",
)
csr_matrix = _constructor(
    "csr_matrix", "(data, indices, indptr) or (data, (row, col))", "csr_matrix((x, [0, 1], [0, 1, 2]))"
)
csc_matrix = _constructor(
    "csc_matrix", "(data, indices, indptr) or (data, (row, col))", "csc_matrix((x, [0, 1], [0, 1, 2]))"
)
coo_matrix = _constructor("coo_matrix", "(data, (row, col))", "coo_matrix((x, ([0, 1], [0, 1])))")
dia_matrix = _constructor("dia_matrix", "(data, offsets)", "dia_matrix((x[None], [0]), shape=(2, 2))")
bsr_matrix = _constructor(
    "bsr_matrix",
    "(data, indices, indptr) or (data, (row, col))",
    "bsr_matrix((x[:, None, None], [0, 1], [0, 1, 2]))",
)


def diags_array(
    diagonals: Any,
    /,
    *,
    offsets: Any = 0,
    shape: Shape | None = None,
    format: str | None = None,
    dtype: Any = None,
) -> Any:
    """A sparse array of its diagonals, as scipy.sparse.diags_array, plain or traced.

    Parameters
    ----------
    diagonals : sequence of arrays, or one array
        The diagonals; one of length 1 is repeated.
    offsets : int or sequence of int, optional
        Which diagonal each is: above the main one where positive.
    shape : (int, int), optional
        By default the smallest square one that holds them.
    format : str, optional
        "dia" by default, or "csr", "csc", "coo", "bsr".
    dtype : dtype, optional
        Of the values.

    Returns
    -------
    scipy.sparse array, or SparseArray where a diagonal is traced

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> def energy(k):
    ...     A = fr.sparse.diags_array([k[:-1] + k[1:], -k[1:-1]], offsets=[0, 1], shape=(2, 2))
    ...     return np.ones(2) @ (A @ np.ones(2))
    >>> fr.grad(energy)(np.ones(3))
    array([1., 1., 1.])
    """
    if not _is_traced(diagonals):
        return sp.diags_array(diagonals, offsets=offsets, shape=shape, format=format, dtype=dtype)
    single = np.ndim(offsets) == 0 and (len(diagonals) == 0 or np.ndim(diagonals[0]) == 0)
    parts = [diagonals] if single else list(diagonals)
    parts = [_values("diags_array", np.reshape(part, (1,)) if np.ndim(part) == 0 else part) for part in parts]
    numbers, values = _numbered(parts)
    A = sp.diags_array(
        numbers[0] if single else numbers, offsets=offsets, shape=shape, format=format, dtype=np.int64
    )
    made = from_numbers(values, A)
    return made if dtype is None else made.astype(dtype)


def _rearranged(blocks: Sequence[Any], operation: Callable[[list[Any]], Any]) -> Any:
    """What an operation of SciPy's makes of sparse arrays, which it puts together as they are."""
    arrays = [wrapped(block).summed() for block in blocks]
    start, numbered = 1, []
    for A in arrays:
        numbers = np.arange(start, start + A.layout.size).reshape(A.layout.data_shape)
        numbered.append(A.layout.matrix(numbers))
        start += A.layout.size
    values = np.concatenate([A.values for A in arrays]) if arrays else np.zeros(0)
    return from_numbers(values, operation(numbered))


def _sparse_block(block: Any, call: str) -> Any:
    if is_sparse(block):
        return block
    if _is_traced(block):
        raise TypeError(
            f"{call}: a block is a full traced array, whose pattern is not known; give it by its entries, "
            "fr.sparse.coo_array((data, (row, col)))"
        )
    return sp.coo_array(np.atleast_2d(block))


def hstack(blocks: Any, format: str | None = None, dtype: Any = None) -> Any:
    """Sparse arrays side by side, as scipy.sparse.hstack, plain or traced.

    Parameters
    ----------
    blocks : sequence of sparse arrays
        With equal numbers of rows.
    format : str, optional
        Of the result.
    dtype : dtype, optional
        Of the values.

    Returns
    -------
    scipy.sparse array, or SparseArray where a block is traced

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> A = sp.csr_array([[1.0, 0.0], [2.0, 3.0]])
    >>> fr.grad(lambda A: np.sum(fr.sparse.hstack([A, 2 * A]) @ np.ones(4)))(A).toarray()
    array([[3., 0.],
           [3., 3.]])
    """
    if not _is_traced(blocks):
        return sp.hstack(blocks, format, dtype)
    return _stacked([_sparse_block(b, "hstack") for b in blocks], lambda bs: sp.hstack(bs, format), dtype)


def vstack(blocks: Any, format: str | None = None, dtype: Any = None) -> Any:
    """Sparse arrays on top of each other, as scipy.sparse.vstack, plain or traced.

    Parameters
    ----------
    blocks : sequence of sparse arrays
        With equal numbers of columns.
    format : str, optional
        Of the result.
    dtype : dtype, optional
        Of the values.

    Returns
    -------
    scipy.sparse array, or SparseArray where a block is traced

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> A = sp.csr_array([[1.0, 0.0], [2.0, 3.0]])
    >>> fr.grad(lambda A: np.sum(fr.sparse.vstack([A, A]) @ np.ones(2)))(A).toarray()
    array([[2., 0.],
           [2., 2.]])
    """
    if not _is_traced(blocks):
        return sp.vstack(blocks, format, dtype)
    return _stacked([_sparse_block(b, "vstack") for b in blocks], lambda bs: sp.vstack(bs, format), dtype)


def _stacked(blocks: list[Any], operation: Callable[[list[Any]], Any], dtype: Any) -> Any:
    made = _rearranged(blocks, operation)
    return made if dtype is None else made.astype(dtype)


def block_array(blocks: Any, *, format: str | None = None, dtype: Any = None) -> Any:
    """A sparse array of blocks, as scipy.sparse.block_array, plain or traced.

    Parameters
    ----------
    blocks : nested sequence of sparse arrays
        By rows; None stands for zeros.
    format : str, optional
        Of the result.
    dtype : dtype, optional
        Of the values.

    Returns
    -------
    scipy.sparse array, or SparseArray where a block is traced

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> A = sp.csr_array([[1.0, 0.0], [2.0, 3.0]])
    >>> fr.grad(lambda A: np.sum(fr.sparse.block_array([[A, None], [None, A.T]]) @ np.ones(4)))(A).toarray()
    array([[2., 0.],
           [2., 2.]])
    """
    if not _is_traced(blocks):
        return sp.block_array(blocks, format=format, dtype=dtype)
    rows = [[None if b is None else _sparse_block(b, "block_array") for b in row] for row in blocks]

    def assembled(numbered: list[Any]) -> Any:
        entries = iter(numbered)
        filled = [[None if b is None else next(entries) for b in row] for row in rows]
        return sp.block_array(filled, format=format)

    return _stacked([b for row in rows for b in row if b is not None], assembled, dtype)


def block_diag(mats: Any, format: str | None = None, dtype: Any = None) -> Any:
    """A sparse array with blocks on its diagonal, as scipy.sparse.block_diag, plain or traced.

    Parameters
    ----------
    mats : sequence of sparse arrays
        The blocks.
    format : str, optional
        Of the result.
    dtype : dtype, optional
        Of the values.

    Returns
    -------
    scipy.sparse array, or SparseArray where a block is traced

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> A = sp.csr_array([[1.0, 0.0], [2.0, 3.0]])
    >>> fr.grad(lambda A: np.sum(fr.sparse.block_diag([A, -3 * A]) @ np.ones(4)))(A).toarray()
    array([[-2.,  0.],
           [-2., -2.]])
    """
    if not _is_traced(mats):
        return sp.block_diag(mats, format, dtype)
    blocks = [_sparse_block(b, "block_diag") for b in mats]
    return _stacked(blocks, lambda bs: sp.block_diag(bs, format), dtype)


def tril(A: Any, k: int = 0, format: str | None = None) -> Any:
    """The entries on and below a diagonal, as scipy.sparse.tril, plain or traced.

    Parameters
    ----------
    A : sparse array
        The matrix.
    k : int, optional
        The diagonal; 0 is the main one, positive ones lie above.
    format : str, optional
        Of the result.

    Returns
    -------
    scipy.sparse array, or SparseArray where A is traced

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> A = sp.csr_array([[1.0, 4.0], [2.0, 3.0]])
    >>> fr.grad(lambda A: fr.sparse.tril(A).sum())(A).toarray()
    array([[1., 0.],
           [1., 1.]])
    """
    if not isinstance(A, Stored):
        return sp.tril(A, k, format)
    return A.rearranged(lambda P: sp.tril(P, k, format))


def triu(A: Any, k: int = 0, format: str | None = None) -> Any:
    """The entries on and above a diagonal, as scipy.sparse.triu, plain or traced.

    Parameters
    ----------
    A : sparse array
        The matrix.
    k : int, optional
        The diagonal; 0 is the main one, positive ones lie above.
    format : str, optional
        Of the result.

    Returns
    -------
    scipy.sparse array, or SparseArray where A is traced

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> A = sp.csr_array([[1.0, 4.0], [2.0, 3.0]])
    >>> fr.grad(lambda A: fr.sparse.triu(A, 1).sum())(A).toarray()
    array([[0., 1.],
           [0., 0.]])
    """
    if not isinstance(A, Stored):
        return sp.triu(A, k, format)
    return A.rearranged(lambda P: sp.triu(P, k, format))


def kron(A: Any, B: Any, format: str | None = None) -> Any:
    """The Kronecker product of sparse arrays, as scipy.sparse.kron, plain or traced.

    Parameters
    ----------
    A, B : sparse arrays
        The factors.
    format : str, optional
        Of the result.

    Returns
    -------
    scipy.sparse array, or SparseArray where a factor is traced

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> A = sp.csr_array([[1.0, 0.0], [2.0, 3.0]])
    >>> fr.grad(lambda A: np.sum(fr.sparse.kron(A, sp.eye_array(2)) @ np.ones(4)))(A).toarray()
    array([[2., 0.],
           [2., 2.]])
    """
    if not (_is_traced(A) or _is_traced(B)):
        return sp.kron(A, B, format)
    first, second = (wrapped(_sparse_block(X, "kron")).summed() for X in (A, B))

    # Each entry of the product is one of A times one of B.  Numbers in place of the values of one of them,
    # ones in place of those of the other, tell which; the places are the same both times.
    def kept(X: Stored, Y: Stored, x_first: bool) -> Any:
        ones = Y.layout.matrix(np.ones(Y.layout.data_shape, np.int64))

        def product(P: Any) -> Any:
            return sp.kron(P, ones, format) if x_first else sp.kron(ones, P, format)

        return X.rearranged(product)

    left, right = kept(first, second, True), kept(second, first, False)
    return wrapped(left).like(left.data * right.data)


def _is_traced(x: Any) -> bool:
    """Whether x is traced, or a nested list or tuple with something traced inside."""
    if type(x) in (list, tuple):
        return any(_is_traced(entry) for entry in x)
    return type(x) in carriers or isinstance(x, Stored)


def _values(call: str, data: Any) -> Array:
    """Values as an array, of floating-point or complex dtype."""
    if type(data) in (list, tuple):
        data = array(data)
    if not hasattr(primal(data), "dtype") or np.ndim(data) == 0:
        raise ValueError(f"{call}: the values must be an array, got {data!r:.40}")
    return data if primal(data).dtype.kind in "fc" else data.astype(np.float64)


def _numbered(parts: list[Array]) -> tuple[list[np.ndarray], Array]:
    """For vectors the numbers 1, 2, … of their entries, counted through, and all entries."""
    ends = np.cumsum([len(part) for part in parts])
    numbers = [np.arange(end - len(part) + 1, end + 1) for part, end in zip(parts, ends, strict=True)]
    return numbers, np.concatenate(parts)
