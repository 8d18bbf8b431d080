"""Permutation matrices."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import frechet as fr
from frechet.testing import check_rule
from tests.structured.against_full import assert_values

rng = np.random.default_rng(2)
permutations = st.integers(1, 7).flatmap(lambda n: st.permutations(range(n)))


@given(permutations, st.randoms())
def test_values(p, random):
    n = len(p)
    A, B = fr.Permutation(p), fr.Permutation(random.sample(range(n), n))
    assert np.array_equal(A.to_dense(), np.eye(n)[p])
    X = rng.standard_normal((2, n, 3))
    for f in (np.matmul, np.linalg.solve):
        assert_values(f, A, X)
        assert_values(f, A, X[0, :, 0])
        assert type(assert_values(f, A, B)) is fr.Permutation or f is np.linalg.solve
    assert_values(lambda A: X.mT @ A, A)
    for f in (np.linalg.inv, np.transpose, lambda A: np.linalg.matrix_power(A, 3)):
        assert type(assert_values(f, A)) is fr.Permutation
    assert np.linalg.det(A) == round(np.linalg.det(A.to_dense()))
    assert tuple(np.linalg.slogdet(A)) == (np.linalg.det(A), 0)
    for k in range(-n - 1, n + 2):
        assert_values(lambda A, k=k: np.diag(A, k), A)
    assert_values(lambda A: np.asarray(np.trace(A)), A)
    assert_values(lambda A: np.asarray(np.linalg.norm(A)), A)
    i, j = np.indices((n, n))
    assert np.array_equal(A[i, j], A.to_dense())
    assert (A @ A.T).form == fr.Permutation(range(n)).form


def test_the_rules():
    A = fr.Permutation([2, 0, 3, 1])
    for X in (rng.standard_normal(4), rng.standard_normal((2, 4, 3)) + 1j, np.ones((4, 2), np.float32)):
        check_rule(lambda X: A @ X, X)
        check_rule(lambda X: np.linalg.solve(A, X), X)
    check_rule(lambda d: A @ fr.Diagonal(d).to_dense(), rng.standard_normal(4))


def test_it_has_no_tangent():
    A = fr.Permutation([1, 0, 2])
    G = fr.grad(lambda a: np.sum(a["P"] @ a["x"] * np.arange(3)))({"P": A, "x": np.ones(3)})
    assert np.array_equal(G["x"], [1, 0, 2])
    assert G["P"].form == A.form
    with pytest.raises(fr.NotDifferentiableError, match="has no tangent"):
        fr.grad(lambda A: A[0, 0])(A)


def test_the_form_is_compared_and_hashed():
    a, b = fr.Permutation([1, 0, 2]).form, fr.Permutation(np.array([1, 0, 2], np.int8)).form
    assert a == b
    assert hash(a) == hash(b) == hash(pickle.loads(pickle.dumps(a)))
    assert a != fr.Permutation([0, 1, 2]).form
    with pytest.raises(ValueError, match="read-only"):
        fr.Permutation([1, 0]).p[0] = 0


def test_a_vector_keeps_its_precision():
    assert (fr.Permutation([1, 0]) @ np.ones(2, np.float32)).dtype == np.float32


def test_sums_are_full_arrays():
    A = fr.Permutation([1, 0])
    for f in (lambda: A + A, lambda: 2 * A, lambda: -A, lambda: A.astype(np.float32)):
        with pytest.warns(fr.DensifyWarning, match="Permutation"):
            assert isinstance(f(), np.ndarray)


@pytest.mark.parametrize("p", [[0, 0], [1, 2], [-1, 0], [0.0, 1.0], [[0, 1]], 3, [True, False]])
def test_bad_input(p):
    with pytest.raises(ValueError, match="Permutation: p"):
        fr.Permutation(p)
