"""Sparse arrays made of traced values, and of other sparse arrays."""

import numpy as np
import pytest
import scipy.sparse as sp

import frechet as fr
from frechet.testing import check_rule
from tests.sparse.samples import ARRAYS, MATRICES, sample, values

v = values(5, float, 1)
rows, columns = np.array([2, 0, 1, 0, 2]), np.array([1, 0, 2, 2, 1])  # unsorted, and an entry given twice

# Arguments other than the values, and keyword arguments.
FORMS = {
    "csr by coordinates": ("csr", ((rows, columns),), {"shape": (3, 4)}),
    "csc by coordinates": ("csc", ((rows, columns),), {"shape": (3, 4)}),
    "bsr by coordinates": ("bsr", ((rows, columns),), {"shape": (4, 4), "blocksize": (2, 2)}),
    "coo": ("coo", ((rows, columns),), {}),
    "coo with a shape": ("coo", ((rows, columns),), {"shape": (5, 3)}),
    "csr": ("csr", (np.array([2, 0, 1, 1, 0]), np.array([0, 2, 5, 5])), {}),
    "csr of lists": ("csr", ([2, 0, 1, 1, 0], [0, 2, 5, 5]), {"shape": (3, 6)}),
    "csc": ("csc", (np.array([2, 0, 1, 1, 0]), np.array([0, 2, 5])), {"shape": (3, 2)}),
}


@pytest.mark.parametrize("family", ["array", "matrix"])
@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("form", FORMS)
def test_of_values_and_indices(form, dtype, family):
    format_, index, options = FORMS[form]
    name = f"{format_}_{family}"
    scipys, ours = getattr(sp, name), getattr(fr.sparse, name)
    data = values(5, dtype, 1)
    index = index if len(index) > 1 else (index[0],)
    expected = scipys((data, *index), **options)
    made = fr.vjp(lambda u: ours((u, *index), **options), data)[0]
    assert type(made) is type(expected)
    assert made.shape == expected.shape
    np.testing.assert_array_equal(made.toarray(), expected.toarray())
    check_rule(lambda u: ours((u, *index), **options).toarray(), data)
    plain = ours((data, *index), **options)
    assert type(plain) is scipys
    np.testing.assert_array_equal(plain.toarray(), expected.toarray())


def test_of_diagonals_and_blocks():
    check_rule(
        lambda d: fr.sparse.dia_array((d, [0, -1]), shape=(4, 3)).toarray(), values(6, float).reshape(2, 3)
    )
    blocks = values(12, complex).reshape(2, 2, 3)
    check_rule(lambda b: fr.sparse.bsr_array((b, [1, 0], [0, 1, 2])).toarray(), blocks)
    check_rule(lambda b: fr.sparse.bsr_array((b, [1, 0], [0, 1, 2])) @ np.ones(6), blocks)
    out = fr.vjp(lambda b: fr.sparse.bsr_array((b, [1, 0], [0, 1, 2])), blocks)[0]
    np.testing.assert_array_equal(out.toarray(), sp.bsr_array((blocks, [1, 0], [0, 1, 2])).toarray())


def test_of_lists_of_traced_numbers():
    def f(t):
        return fr.sparse.coo_array(([t, 2 * t], ([0, 1], [1, 0]))) @ np.array([1.0, 10.0])

    np.testing.assert_array_equal(fr.jacobian(f)(3.0), [10, 2])


@pytest.mark.parametrize("to", [*ARRAYS, *MATRICES])
def test_conversions(to):
    for name in ("csr_array", "dia_matrix", "coo_duplicates", "bsr_array"):
        A = sample(name)
        expected = getattr(sp, to)(A)
        convert = getattr(fr.sparse, to)
        made = fr.vjp(convert, A)[0]
        assert type(made) is type(expected)
        np.testing.assert_allclose(made.toarray(), expected.toarray(), rtol=1e-14)  # sums of two
        g = fr.grad(lambda A, convert=convert: np.sum(convert(A).toarray() ** 2))(A)
        twice = A.copy()
        if name == "coo_duplicates":
            twice.data = 2 * A.toarray()[A.row, A.col]
        else:
            twice.data = 2 * fr.space(A).spaces[0].project(A.data)
        assert type(g) is type(A)
        np.testing.assert_allclose(g.data, twice.data, rtol=1e-14)
    single = fr.vjp(lambda A: getattr(fr.sparse, to)(A, dtype=np.float32), sample("csr_array"))[0]
    assert single.dtype == np.float32


def test_diags():
    a, b, c = values(4, float), values(3, float), values(1, float)
    for f in (
        lambda a, b: fr.sparse.diags_array([a, b], offsets=[0, 1]),
        lambda a, b: fr.sparse.diags_array([a, b], offsets=[0, -1], format="csr"),
        lambda a, b: fr.sparse.diags_array((b, a, b), offsets=(1, 0, -4), shape=(7, 4)),
    ):
        expected = f(a, b)
        made = fr.vjp(f, a, b)[0]
        assert type(made) is type(expected)
        np.testing.assert_array_equal(made.toarray(), expected.toarray())
        check_rule(lambda a, b, f=f: f(a, b).toarray(), a, b)
    check_rule(lambda a: fr.sparse.diags_array(a).toarray(), a)
    check_rule(lambda a: fr.sparse.diags_array(a, offsets=-1).toarray(), a)
    check_rule(lambda c: fr.sparse.diags_array([c], offsets=[1], shape=(4, 4)).toarray(), c)
    check_rule(lambda c: fr.sparse.diags_array([c[0], 2.0], offsets=[0, 1], shape=(4, 4)).toarray(), c)
    assert type(fr.sparse.diags_array(a)) is sp.dia_array
    assert fr.vjp(lambda a: fr.sparse.diags_array(a, dtype=np.complex64), a)[0].dtype == np.complex64
    with pytest.raises(ValueError, match="Diagonal length"):
        fr.grad(lambda a: fr.sparse.diags_array([a], offsets=[0], shape=(9, 9)).sum())(a)


def test_plain_values_give_plain_arrays():
    A, B = sample("csr_array"), sample("csc_array", seed=4)
    calls = {
        "hstack": ([A, B],), "vstack": ([A, B],), "block_array": ([[A, None], [None, B]],),
        "block_diag": ([A, B],), "kron": (A, B), "tril": (A,), "triu": (A,), "csr_array": (B,),
        "csc_matrix": (np.eye(3),), "coo_array": ((3, 4),),
    }  # fmt: skip
    for name, args in calls.items():
        got, expected = getattr(fr.sparse, name)(*args), getattr(sp, name)(*args)
        assert type(got) is type(expected), name
        np.testing.assert_array_equal(got.toarray(), expected.toarray())
    assert type(fr.sparse.eye_array(3)) is type(sp.eye_array(3))
    assert fr.sparse.identity is sp.identity
    A = fr.sparse.asarray(B)
    for y, expected in (
        (A + A, B + B),
        (A @ A.T, B @ B.T),
        (2 * A, 2 * B),
        (A.tocsr(), B.tocsr()),
        (A.T, B.T),
    ):
        assert sp.issparse(y)
        np.testing.assert_array_equal(y.toarray(), expected.toarray())


def test_formats_of_joined_arrays():
    A, B = sample("csr_array"), sample("csc_array", seed=4)
    for f in (
        lambda A, B: fr.sparse.hstack([A, B]), lambda A, B: fr.sparse.vstack([A, B], format="csr"),
        lambda A, B: fr.sparse.block_array([[A, B]]), lambda A, B: fr.sparse.block_diag([A, B]),
        fr.sparse.kron, lambda A, B: fr.sparse.kron(A, B, format="coo"),
        lambda A, B: fr.sparse.tril(A), lambda A, B: fr.sparse.triu(B, format="csc"),
    ):  # fmt: skip
        made = fr.vjp(f, A, B)[0]
        assert type(made) is type(f(A, B))
        np.testing.assert_allclose(made.toarray(), f(A, B).toarray(), rtol=1e-14)
    assert fr.vjp(lambda A: fr.sparse.hstack([A, B], dtype=np.float32), A)[0].dtype == np.float32


def test_a_large_assembly():
    """A stiffness matrix of many small contributions to few entries, whose sums are one linear map."""
    n, rng = 2000, np.random.default_rng(0)
    i, j = rng.integers(0, 50, n), rng.integers(0, 50, n)
    x, k = rng.standard_normal(50), rng.standard_normal(n)
    g = fr.grad(lambda k: np.sum((fr.sparse.coo_array((k, (i, j)), shape=(50, 50)) @ x) ** 2))(k)
    y = sp.coo_array((k, (i, j)), shape=(50, 50)) @ x
    np.testing.assert_allclose(g, 2 * y[i] * x[j], rtol=1e-12, atol=1e-12)  # sums of some 40 terms


def test_messages():
    def refuses(error, match, f, x=v):
        with pytest.raises(error, match=match):
            fr.vjp(f, x)

    refuses(
        TypeError, r"csr_array: a full traced array has no pattern", lambda x: fr.sparse.csr_array(x[None])
    )
    refuses(
        TypeError,
        r"hstack: a block is a full traced array",
        lambda x: fr.sparse.hstack([x[None], sp.eye_array(1)]),
    )
    refuses(
        ValueError,
        "coo_array: the values must be an array",
        lambda x: fr.sparse.coo_array((x[0], ([0], [0]))),
    )
    refuses(ValueError, "same length", lambda x: fr.sparse.coo_array((x, ([0], [0]))))
    refuses(
        ValueError, "indices", lambda x: fr.sparse.csr_array((x, [0, 9, 0, 1, 2], [0, 2, 5]), shape=(2, 3))
    )
    refuses(
        ValueError,
        "dimensions",
        lambda x: fr.sparse.vstack([fr.sparse.csr_array((x, ([0] * 5, range(5)))), sp.eye_array(2)]),
    )
