"""Products of sparse matrices: as whole products and entry by entry, of all shapes; selections."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.sparse import _product
from frechet.sparse._pattern import values_and_pattern
from frechet.sparse._selection import Selection, add_up, take
from frechet.testing import check_rule


def sparse(rng, shape, density, dtype):
    full = np.where(rng.random(shape) < density, rng.standard_normal(shape), 0)
    return sp.csr_array(full.astype(dtype) * (1 + 2j if np.dtype(dtype).kind == "c" else 1))


@settings(max_examples=60)
@given(
    st.tuples(*[st.integers(0, 7)] * 3), st.sampled_from([0.0, 0.2, 0.6, 1.0]), st.sampled_from([0.2, 0.7]),
    st.sampled_from([float, complex]), st.sampled_from([float, complex]), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_gradients_of_products_are_those_of_full_arrays(sizes, first, second, a, b, seed):
    m, k, n = sizes
    rng = np.random.default_rng(seed)
    if 0 in sizes:  # SciPy refuses arrays of lists without entries only
        m, k, n = m + 1, k + 1, n + 1
    A, B = sparse(rng, (m, k), first, a), sparse(rng, (k, n), second, b)
    W = rng.standard_normal((m, n)) + 1j * rng.standard_normal((m, n))

    def f(A, B):
        C = A @ B
        return np.sum(np.real(np.conj(W) * (C.toarray() if hasattr(C, "toarray") else C)))

    value, (g, h) = fr.value_and_grad(f, argnums=(0, 1))(A, B)
    expected, (G, H) = fr.value_and_grad(f, argnums=(0, 1))(A.toarray(), B.toarray())
    # sums of fewer than fifty terms of size ten
    np.testing.assert_allclose(value, expected, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(g.toarray(), np.where(A.toarray() != 0, G, 0), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(h.toarray(), np.where(B.toarray() != 0, H, 0), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("at_once", [1, 7, 1 << 22])
def test_both_ways_to_a_product_agree(monkeypatch, dtype, at_once):
    rng = np.random.default_rng(3)
    monkeypatch.setattr(_product, "_AT_ONCE", at_once)
    A, B, C = (
        sparse(rng, (6, 8), 0.4, dtype),
        sparse(rng, (8, 5), 0.5, dtype),
        sparse(rng, (6, 5), 0.5, float),
    )
    A = sp.diags_array([1.0, 1.0, 0.0, 1.0, 1.0, 1.0]) @ A
    A.eliminate_zeros()  # a row without entries
    _, Z = values_and_pattern(C, "C")
    whole, by_rows = _product._by_product(A, B, Z), _product._by_rows(A, B, Z)
    np.testing.assert_allclose(by_rows, whole, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(whole, (A @ B).toarray()[Z.rows, Z.indices], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("lookup", [0, 8, 1e9])
def test_products_of_all_orders(monkeypatch, lookup):
    monkeypatch.setattr(_product, "_LOOKUP", lookup)
    rng = np.random.default_rng(5)
    A, B = sparse(rng, (4, 5), 0.5, complex), sparse(rng, (5, 3), 0.6, float)
    check_rule(lambda A, B: (A @ B).toarray(), A, B)
    check_rule(lambda A: (A.conj().T @ A).toarray(), A)
    check_rule(lambda A: ((A @ A.T) @ A).toarray(), A)
    check_rule(lambda A: fr.grad(lambda A: np.sum(np.abs((A @ A.T).toarray()) ** 2))(A).data, A)


def test_the_gradient_of_a_product_with_a_thin_full_one_is_not_formed_in_full():
    """X̄ = W Yᴴ has n² entries where Y has few columns; n = 3 · 10⁵ would need 720 GB."""
    n = 300_000
    A = sp.diags_array([np.ones(n), np.full(n - 1, 2.0)], offsets=[0, 1]).tocsr()
    B = sp.csr_array(np.ones((n, 2)))
    g, h = fr.grad(lambda A, B: np.sum((A @ B).data ** 2), argnums=(0, 1))(A, B)
    rows = np.repeat(np.arange(n), np.diff(A.indptr))
    C = A @ np.ones(n)
    np.testing.assert_allclose(g.data, 4 * C[rows], rtol=1e-12)
    np.testing.assert_allclose(h.toarray(), (A.T @ (2 * C))[:, None] * np.ones(2), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, float, complex])
@pytest.mark.parametrize("source", [[2, 0, 1], [2, -1, 0], [1, 1, 0, -1, 1], [], [-1, -1]])
def test_selections_and_their_adjoints(source, dtype):
    s = Selection(np.array(source, int), 3)
    v = np.array([1.0, 2.0, 3.0], dtype)
    M = np.array([[k == i for i in range(3)] for k in source], float).reshape(len(source), 3)
    np.testing.assert_array_equal(take(v, s), M @ v)
    w = np.arange(1.0, len(source) + 1).astype(dtype)
    np.testing.assert_array_equal(add_up(w, s), M.T @ w)
    assert take(v, s).dtype == add_up(w, s).dtype == dtype
    check_rule(lambda v: take(v, Selection(s.source, len(v))), v)
    if source:
        check_rule(lambda w: add_up(w, s), w)


def test_float32_remains():
    rng = np.random.default_rng(1)
    A, B = sparse(rng, (5, 4), 0.5, np.float32), sparse(rng, (4, 6), 0.5, np.float32)
    check_rule(lambda A, B: (A @ B).toarray(), A, B)
    check_rule(lambda A: A.sum(axis=0), A)
    check_rule(lambda A: A.multiply(np.ones(4, np.float32)).toarray(), A)
    assert fr.vjp(lambda A: A @ B, A)[0].dtype == np.float32
