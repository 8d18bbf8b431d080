"""norm, inv, onenormest and expm_multiply of sparse matrices, and the capability table."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse.linalg

import frechet as fr
from frechet.sparse import linalg
from frechet.sparse.linalg._capability import table
from frechet.testing import check_rule
from tests.sparse.sparse_examples import dense, of_values, random_sparse

ORDERS = [None, "fro", 1, -1, 2, np.inf, -np.inf]


@pytest.mark.parametrize("dtype", ["d", "D"])
@pytest.mark.parametrize("ord", ORDERS)
def test_norm(ord, dtype):
    A = random_sparse(5, dtype, m=7, density=0.5)
    f, p, pattern = of_values(A, lambda A: linalg.norm(A, ord))
    np.testing.assert_allclose(f(p), np.linalg.norm(A.toarray(), "fro" if ord is None else ord), rtol=1e-12)
    check_rule(f, p)
    g = lambda p: np.linalg.norm(dense(p, pattern), "fro" if ord is None else ord)
    np.testing.assert_allclose(fr.grad(f)(p), fr.grad(g)(p), rtol=1e-10, atol=1e-12)


def test_norm_errors():
    A = random_sparse(4)
    with pytest.raises(ValueError, match="axis must be None"):
        linalg.norm(A, axis=0)
    with pytest.raises(ValueError, match="ord is None, 'fro', 1, -1, 2, inf or -inf, got 'nuc'"):
        linalg.norm(A, "nuc")


@pytest.mark.parametrize("dtype", ["d", "D"])
def test_inv(dtype):
    A = random_sparse(5, dtype)
    with pytest.warns(fr.DensifyWarning, match=r"inverse of a sparse matrix is full, of shape \(5, 5\)"):
        Y = linalg.inv(A)
    np.testing.assert_allclose(Y, np.linalg.inv(A.toarray()), rtol=1e-11, atol=1e-13)
    f, p, _ = of_values(A, linalg.inv)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fr.DensifyWarning)
        check_rule(f, p)


def test_onenormest():
    A = random_sparse(5)
    # with as many columns as the matrix it is no estimate
    np.testing.assert_allclose(linalg.onenormest(A, t=5), linalg.norm(A, 1), rtol=1e-12)
    f, p, _ = of_values(A, lambda A: linalg.onenormest(A, 5))
    np.testing.assert_allclose(f(p), linalg.norm(A, 1), rtol=1e-12)
    with pytest.raises(fr.NotDifferentiableError, match=r"use norm\(A, 1\)"):
        fr.grad(f)(p)
    with pytest.raises(fr.NotDifferentiableError, match=r"use norm\(A, 1\)"):
        fr.grad(linalg.onenormest)(A.toarray())


# --- expm_multiply -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["d", "D"])
@pytest.mark.parametrize("k", [None, 2])
def test_expm_multiply(dtype, k):
    A = random_sparse(6, dtype, shift=1.5)
    b = np.random.default_rng(0).standard_normal(6 if k is None else (6, k)).astype(dtype)
    f, p, pattern = of_values(A, lambda A, b, t: linalg.expm_multiply(A, b, t=t))
    np.testing.assert_allclose(f(p, b, 0.7), scipy.linalg.expm(0.7 * A.toarray()) @ b, rtol=1e-11)
    check_rule(f, p, b, 0.7)
    g = lambda p, b, t: fr.linalg.expm(t * dense(p, pattern)) @ b
    for ours, full in zip(fr.vjp(f, p, b, 0.7)[1](b), fr.vjp(g, p, b, 0.7)[1](b), strict=True):
        np.testing.assert_allclose(ours, full, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("num", [3, 40])
def test_expm_multiply_at_many_times(num):
    A, b = random_sparse(5), np.arange(1.0, 6.0)
    f, p, _ = of_values(A, lambda A: linalg.expm_multiply(A, b, 0.0, 0.5, num))
    np.testing.assert_allclose(f(p), scipy.sparse.linalg.expm_multiply(A, b, 0.0, 0.5, num), rtol=1e-10)
    check_rule(f, p)


# --- the table ---------------------------------------------------------------------------------------------

# What scipy.sparse.linalg has besides functions that are here: classes, errors, former modules; and functions
# whose work is another's here, or of which there is none.
ELSEWHERE = {
    *(
        "LinearOperator",
        "LaplacianNd",
        "aslinearoperator",
        "ArpackError",
        "ArpackNoConvergence",
        "MatrixRankWarning",
    ),
    *("dsolve", "eigen", "interface", "isolve", "matfuncs", "use_solver", "is_sptriangular", "spbandwidth"),
    *(
        "expm",
        "matrix_power",
        "lobpcg",
        "spilu",
        "bicg",
        "cgs",
        "gcrotmk",
        "lgmres",
        "qmr",
        "tfqmr",
        "funm_multiply_krylov",
    ),
}


def test_every_public_function_is_in_the_table():
    functions = {name for name in linalg.__all__ if inspect.isfunction(getattr(linalg, name))}
    assert functions - {"expm_multiply"} == set(table)  # which is in fr.linalg's table
    assert not {name for name in linalg.__all__ if not (getattr(linalg, name).__doc__ or "").strip()}


def test_scipys_functions_are_here_or_known_to_be_missing():
    scipys = {name for name in scipy.sparse.linalg.__all__ if not name.startswith("_")}
    assert not scipys - set(linalg.__all__) - ELSEWHERE


def test_signatures_begin_like_scipys():
    for name in set(linalg.__all__) & set(scipy.sparse.linalg.__all__) - {"SuperLU"}:
        ours = list(inspect.signature(getattr(linalg, name)).parameters)
        scipys = list(inspect.signature(getattr(scipy.sparse.linalg, name)).parameters)
        scipys = [p for p in scipys if p != "random_state"]
        assert ours[: len(scipys)] == scipys, name
