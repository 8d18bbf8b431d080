"""What has no derivative: it is SciPy's, and traced arrays are looked at or refused."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

import frechet as fr
from frechet.errors import NotDifferentiableError


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("hadamard", (4,)),
        ("hadamard", (2, complex)),
        ("helmert", (4,)),
        ("helmert", (4, True)),
        ("hilbert", (4,)),
        ("invhilbert", (4,)),
        ("invhilbert", (16, True)),
        ("pascal", (4,)),
        ("pascal", (4, "lower", False)),
        ("invpascal", (4,)),
        ("invpascal", (4, "upper")),
        ("dft", (4,)),
        ("dft", (4, "sqrtn")),
    ],
)
def test_matrices_are_scipys(name, args):
    ours, theirs = getattr(fr.linalg, name)(*args), getattr(scipy.linalg, name)(*args)
    np.testing.assert_array_equal(ours, theirs)
    assert ours.dtype == theirs.dtype


def test_structure_of_traced_arrays():
    seen = []

    def f(A):
        seen.append((fr.linalg.bandwidth(A), fr.linalg.issymmetric(A), fr.linalg.ishermitian(A)))
        return np.sum(A**2)

    A = np.array([[1.0, 2.0, 0.0], [2.0, 3.0, 0.0], [0.0, 0.0, 4.0]])
    np.testing.assert_array_equal(fr.grad(f)(A), 2 * A)
    fr.hessian(f)(A)
    assert set(seen) == {((1, 1), True, True)}
    assert not fr.linalg.issymmetric([[1.0, 2.0], [2.1, 3.0]])
    assert fr.linalg.issymmetric([[1.0, 2.0], [2.1, 3.0]], rtol=0.1)
    assert not fr.linalg.ishermitian([[1j]])
    below, above = fr.linalg.bandwidth(np.stack([A, np.triu(A)]))
    np.testing.assert_array_equal(below, [1, 0])
    np.testing.assert_array_equal(above, [1, 1])
    np.testing.assert_array_equal(fr.linalg.issymmetric(np.stack([A, np.triu(A)])), [True, False])


@pytest.mark.parametrize("name", ["get_blas_funcs", "get_lapack_funcs", "find_best_blas_type"])
def test_compiled_routines_are_not_for_traced_arrays(name):
    args = () if name.startswith("find") else ("gemm" if "blas" in name else "gesv",)
    function = getattr(fr.linalg, name)
    assert type(function(*args, (np.eye(2),))) is type(getattr(scipy.linalg, name)(*args, (np.eye(2),)))
    with pytest.raises(NotDifferentiableError, match=f"{name}.*fr.rule"):
        fr.grad(lambda A: function(*args, (A,)))(np.eye(2))


def test_errors_and_warnings_are_scipys():
    assert fr.linalg.LinAlgError is scipy.linalg.LinAlgError
    assert fr.linalg.LinAlgWarning is scipy.linalg.LinAlgWarning
