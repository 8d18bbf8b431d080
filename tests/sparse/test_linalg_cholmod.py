"""Positive definite matrices where scikit-sparse is installed: here by a stand-in with its interface."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest
import scipy.sparse as sp

import frechet as fr
from frechet.sparse.linalg import inv_diagonal, logdet, splu, spsolve
from frechet.sparse.linalg._cholmod import SparseCholesky, positive_factor
from frechet.testing import check_rule
from tests.sparse.sparse_examples import hermitian_sparse, of_values


class NotPositiveDefiniteError(Exception):
    pass


class Factor:
    """What is used of sksparse.cholmod.CholeskyFactor, version 0.5, by NumPy; rows in reverse order."""

    def __init__(self, A, *, order):
        assert A.format == "csc"
        assert A.dtype.char in "dD"
        assert order == "default"
        self.perm = np.arange(A.shape[0])[::-1]

    def factorize(self, A):
        self.A = A.toarray()
        try:
            self.L = np.linalg.cholesky(self.A[np.ix_(self.perm, self.perm)])
        except np.linalg.LinAlgError:
            raise NotPositiveDefiniteError from None
        return self

    def solve(self, b):
        assert b.dtype == self.A.dtype
        return np.linalg.solve(self.A, b)

    def get_factor(self, kind, lower):
        assert (kind, lower) == ("LL", True)
        return sp.csc_array(self.L)


@pytest.fixture(autouse=True)
def _cholmod(monkeypatch):
    module = ModuleType("sksparse.cholmod")
    module.CholeskyFactor, module.CholmodNotPositiveDefiniteError = Factor, NotPositiveDefiniteError
    package = ModuleType("sksparse")
    package.cholmod = module
    monkeypatch.setitem(sys.modules, "sksparse", package)
    monkeypatch.setitem(sys.modules, "sksparse.cholmod", module)


@pytest.mark.parametrize("dtype", ["d", "D", "f"])
def test_solutions_determinants_and_inverses(dtype):
    A = hermitian_sparse(7, dtype)
    b = np.arange(1.0, 8.0).astype(dtype)
    rtol = 1e-5 if dtype == "f" else 1e-11
    full = A.toarray()
    x = spsolve(A, b, assume_a="pos")
    assert x.dtype == dtype
    np.testing.assert_allclose(x, np.linalg.solve(full, b), rtol=rtol)
    np.testing.assert_allclose(logdet(A, assume_a="pos"), np.linalg.slogdet(full)[1], rtol=rtol)
    np.testing.assert_allclose(inv_diagonal(A, assume_a="pos"), np.diag(np.linalg.inv(full)), rtol=rtol)
    for function in (lambda A: logdet(A, assume_a="pos"), lambda A: spsolve(A, b, assume_a="pos")):
        f, p, pattern = of_values(A, function)
        places = pattern.transposed[1]
        check_rule(lambda q, f=f, places=places: f(q + np.conj(q[places])), p / 2)


def test_it_is_used_unless_options_of_superlu_are_given():
    _, p, pattern = of_values(hermitian_sparse(5), None)
    assert isinstance(positive_factor(p, pattern, "test"), SparseCholesky)
    assert not isinstance(positive_factor(p, pattern, "test", permc_spec="COLAMD"), SparseCholesky)
    with pytest.raises(AttributeError, match="there is no perm_r of this factorization"):
        splu(hermitian_sparse(5), assume_a="pos").perm_r  # noqa: B018  # asking for it is what raises


def test_errors():
    with pytest.raises(np.linalg.LinAlgError, match="spsolve: A is not positive definite"):
        spsolve(sp.csr_array(np.array([[1.0, 2.0], [2.0, 1.0]])), np.ones(2), assume_a="pos")
    with pytest.raises(np.linalg.LinAlgError, match="logdet: A is not Hermitian"):
        logdet(sp.csr_array(np.array([[1.0, 2.0], [0.0, 1.0]])), assume_a="pos")
    f, p, _ = of_values(hermitian_sparse(5), lambda A: logdet(A, assume_a="pos"))
    assert np.isfinite(fr.grad(f)(p)).all()
