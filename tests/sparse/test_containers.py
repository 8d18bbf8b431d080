"""Sparse arrays as arguments and results: their spaces, containers that hold them, messages."""

import warnings

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp

import frechet as fr
from frechet.testing import check_rule
from tests.sparse.samples import ARRAYS, MATRICES, ODD, on_pattern, sample, values

x = values(6, float, 2)
CLOSE = {"rtol": 1e-12, "atol": 1e-12}  # rounding over some tens of terms


def energy(A):
    return np.sum(np.abs(A @ x) ** 2)


def same_pattern(a, b):
    names = {"coo": ("row", "col"), "dia": ("offsets",)}.get(a.format, ("indices", "indptr"))
    return all(np.array_equal(getattr(a, n), getattr(b, n)) for n in names)


# --- gradients ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("name", [*ARRAYS, *MATRICES, *ODD])
def test_gradients_have_the_class_pattern_and_dtype_of_the_argument(name, dtype):
    A = sample(name, dtype)
    g = fr.grad(energy)(A)
    assert type(g) is type(A)
    assert g.dtype == dtype
    assert g.shape == A.shape
    assert g.data.shape == A.data.shape
    assert same_pattern(g, A)
    G = fr.grad(energy)(A.toarray().astype(complex if A.dtype.kind == "c" else float))
    # for single precision: its rounding, over some tens of terms of size ten
    tolerance = 1e-4 if A.dtype.itemsize < 8 or dtype is np.complex64 else 1e-12
    np.testing.assert_allclose(g.data, on_pattern(G, A), rtol=tolerance, atol=tolerance)


def pattern_mask(A):
    B = A.copy()
    B.data = np.ones_like(B.data)
    return B.toarray() != 0


@pytest.mark.parametrize("name", ["lil_array", "dok_array", "lil_matrix", "dok_matrix"])
def test_lil_and_dok_count_as_csr(name):
    A = sample("csr_array")
    A.eliminate_zeros()
    B = getattr(sp, name)(A)
    g = fr.grad(energy)(B)
    assert g.format == "csr"
    assert isinstance(g, sp.sparray) == name.endswith("array")
    np.testing.assert_allclose(g.toarray(), fr.grad(energy)(A).toarray(), **CLOSE)


def test_integers_count_as_float64():
    A = sp.csr_array(np.array([[1, 0], [2, 3]]))
    g = fr.grad(lambda A: np.sum((A @ np.array([1, 2])) ** 2))(A)
    assert g.dtype == np.float64
    np.testing.assert_array_equal(g.toarray(), [[2.0, 0.0], [16.0, 32.0]])
    assert A.dtype.kind == "i"


def test_padding_of_dia_has_no_tangent():
    A = sp.dia_array((np.arange(1.0, 7.0).reshape(2, 3), [1, -1]), shape=(3, 3))
    s = fr.space(A).spaces[0]
    assert s == fr.space(A.copy()).spaces[0]
    ones = s.project(np.ones((2, 3)))
    np.testing.assert_array_equal(ones, [[0, 1, 1], [1, 1, 0]])
    np.testing.assert_array_equal(s.project(ones), ones)
    g = fr.grad(lambda A: np.sum(A.data**2))(A)
    np.testing.assert_array_equal(g.data, [[0, 4, 6], [8, 10, 0]])
    check_rule(lambda A: A @ np.ones(3), A)
    check_rule(lambda A: A.data * 2.0, A)


def test_stored_arrays_are_seen_in_the_formats_order():
    for name in (*ARRAYS, *ODD):
        A = sample(name)
        g = fr.grad(lambda A: np.sum(A.data**3))(A)
        expected = 3 * A.data**2 * (fr.space(A).spaces[0].project(np.ones_like(A.data)))
        np.testing.assert_allclose(g.data, expected, **CLOSE)


def test_a_dict_returns_the_fitting_entries():
    S = fr.Symmetric(np.array([[2.0, 1.0], [1.0, 3.0]]))
    A = sp.csr_array(np.array([[1.0, 0.0], [2.0, 3.0]]))
    d = {"S": S, "A": A, "v": np.ones(2, np.float32), "n": 3, "name": "text", "mask": A > 1.5}

    def f(d):
        return d["n"] * np.sum((d["S"] @ (d["A"] @ d["v"])) * d["mask"].sum())

    g = fr.grad(f)(d)
    assert set(g) == set(d)
    assert isinstance(g["S"], fr.Symmetric)
    assert type(g["A"]) is sp.csr_array
    assert g["v"].dtype == np.float32
    assert type(g["n"]) is float
    assert g["name"] is None
    assert g["mask"] is None
    M = S.to_dense()
    np.testing.assert_allclose(
        g["A"].toarray(), np.where(A.toarray() != 0, 6 * M.sum(0)[:, None], 0), **CLOSE
    )
    check_rule(lambda S, A, v: f({"S": S, "A": A, "v": v, "n": 3, "mask": A > 1.5}), S, A, np.ones(2))


def test_a_list_of_sparse_arrays():
    As = [sample("csr_array"), sample("bsr_array", seed=2)]
    g = fr.grad(lambda As: energy(As[0] + As[1]))(As)
    assert [type(a) for a in g] == [type(a) for a in As]
    check_rule(lambda As: As[0] @ (As[1].T @ np.ones(4)), As)


# --- results, cotangents, tangents -------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ARRAYS, "csr_matrix"])
def test_sparse_results_and_cotangents(name):
    A = sample(name)
    value, pullback = fr.vjp(lambda A: 3 * A, A)
    assert type(value) is type(A)
    np.testing.assert_allclose(value.toarray(), 3 * A.toarray(), **CLOSE)
    w = A.copy()
    w.data = values(A.data.size, float, 8).reshape(A.data.shape)
    (g,) = pullback(w)
    assert type(g) is type(A)
    np.testing.assert_allclose(g.toarray(), 3 * w.toarray(), **CLOSE)
    check_rule(lambda A: 3 * A, A)


@pytest.mark.parametrize("name", [*ARRAYS, "csr_matrix"])
def test_sparse_tangents(name):
    A = sample(name)
    v = A.copy()
    v.data = values(A.data.size, float, 8).reshape(A.data.shape)
    value, tangent = fr.jvp(lambda A: (A @ x, A.T), (A,), (v,))
    np.testing.assert_allclose(tangent[0], v @ x, **CLOSE)
    assert type(tangent[1]) is type(value[1]) is type(A.T)
    np.testing.assert_allclose(tangent[1].toarray(), v.toarray().T, **CLOSE)
    _, L = fr.linearize(lambda A: A @ x, A)
    np.testing.assert_allclose(L(v), v @ x, **CLOSE)


def test_second_order():
    A, v = sample("csc_array"), sample("csc_array")
    v.data = values(len(A.data), float, 8)

    def quartic(A):
        return np.sum((A.T @ (A @ x)) ** 2)

    (h,) = fr.hvp(quartic, (A,), (v,))
    assert type(h) is sp.csc_array
    t = 1e-5
    difference = (fr.grad(quartic)(A + t * v).data - fr.grad(quartic)(A - t * v).data) / (2 * t)
    # truncation t² and rounding ε / t of the differences
    np.testing.assert_allclose(h.data, difference, rtol=1e-6, atol=1e-6 * np.abs(h.data).max())
    check_rule(quartic, A)

    # nested: a sparse cotangent is given to a pullback inside of a differentiated function
    def inner(A):
        value, pullback = fr.vjp(lambda A: A.power(2), A)
        (g,) = pullback(value)
        return np.sum(g.data)

    np.testing.assert_allclose(fr.grad(inner)(A).data, 6 * A.data**2, **CLOSE)

    def pushed(A):
        return np.sum(fr.jvp(lambda A: A.power(3), (A,), (v,))[1].data)

    np.testing.assert_allclose(fr.grad(pushed)(A).data, 6 * A.data * v.data, **CLOSE)


def test_jacobians_have_the_entries_in_front():
    A = sample("csr_array")
    J = fr.jacobian(lambda A: A @ x)(A)
    assert isinstance(J, fr.sparse.SparseArray)
    assert J.data.shape == (4, A.nnz)
    rows = A.tocoo().row
    np.testing.assert_allclose(J.data, (rows == np.arange(4)[:, None]) * x[A.indices], **CLOSE)
    with pytest.raises(ValueError, match=r"take A\.data"):
        J.toarray()


@pytest.mark.parametrize("name", ["csr_array", "coo_duplicates"])
def test_the_derivative_does_not_see_later_changes(name):
    A = sample(name)
    y, pullback = fr.vjp(lambda A: A @ x, A)
    (expected,) = pullback(y)
    expected = expected.toarray()
    B = A.copy()
    A.data[:] = 0
    A.eliminate_zeros()  # which moves the index arrays' entries in place
    (g,) = pullback(y)
    np.testing.assert_allclose(g.toarray(), expected, **CLOSE)
    g.data[:] = 0
    g.eliminate_zeros()
    np.testing.assert_allclose(pullback(y)[0].toarray(), expected, **CLOSE)
    assert same_pattern(pullback(y)[0], B)


@pytest.mark.parametrize("name", ["csr_array", "csc_array", "bsr_array", "csr_unsorted"])
def test_later_changes_of_constants_are_not_seen_or_an_error(name):
    A, z = sample(name), values(4, float, 1)
    A.data[:2] = 0
    _, pullback = fr.vjp(lambda x: A @ x, x)
    expected = z @ A.toarray()
    A.eliminate_zeros()
    if name in ("csr_array", "csc_array"):
        with pytest.raises(fr.InPlaceError, match=r"A\.eliminate_zeros\(\) for example\) before"):
            pullback(z)
    else:
        np.testing.assert_allclose(pullback(z)[0], expected, **CLOSE)


def test_auxiliary_results_and_stop_gradient_are_plain():
    A = sample("csr_array")
    _, aux = fr.grad(lambda A: (energy(A), {"A": 2 * A}), has_aux=True)(A)
    assert type(aux["A"]) is sp.csr_array
    g = fr.grad(lambda A: np.sum(fr.stop_gradient(A).multiply(2) @ x) + np.sum(A @ x))(A)
    np.testing.assert_allclose(g.data, x[A.indices], **CLOSE)


# --- what is kept, and messages -----------------------------------------------------------------------------


def test_what_cancels_is_not_lost():
    A = sp.csr_array(np.array([[1.0, 2.0], [0.0, 3.0]]))
    M = sp.csr_array(np.array([[-1.0, 0.0], [0.0, 4.0]]))
    value = fr.vjp(lambda A: A + M, A)[0]
    assert value.nnz == 3
    g = fr.grad(lambda A: np.sum((A + M).multiply(5.0).toarray()))(A)
    np.testing.assert_array_equal(g.toarray(), [[5, 5], [0, 5]])
    g = fr.grad(lambda A: (A @ sp.csr_array(np.array([[2.0], [-1.0]]))).sum())(A)  # row 0 cancels
    np.testing.assert_array_equal(g.toarray(), [[2, -1], [0, -1]])


def test_entries():
    A = sample("csr_array")
    i, j = A.tocoo().row[0], A.tocoo().col[0]
    g = fr.grad(lambda A: A[i, j] ** 2)(A)
    assert g.data[0] == 2 * A.data[0]
    assert not g.data[1:].any()
    missing = np.argwhere(~pattern_mask(A))[0]
    assert fr.vjp(lambda A: A[missing[0], missing[1]] * 1.0, A)[0] == 0.0


def refuses(error, match, f, A=None):
    A = sample("csr_array") if A is None else A
    with pytest.raises(error, match=match):
        fr.vjp(f, A)


def test_messages():
    refuses(fr.CoercionError, r"A\.toarray\(\)", np.asarray)
    refuses(fr.CoercionError, r"A\.toarray\(\)", scipy.linalg.norm)
    refuses(fr.NotDifferentiableError, r"np\.linalg\.inv .*A\.toarray", np.linalg.inv)
    refuses(fr.NotDifferentiableError, r"np\.exp .*A\.toarray", np.exp)
    refuses(fr.NotDifferentiableError, r"np\.maximum", lambda A: np.maximum(A, A))
    refuses(fr.NotDifferentiableError, r"np\.add\.reduce", np.add.reduce)
    refuses(AttributeError, "argmax: scipy.sparse.csr_array has it", lambda A: A.argmax())
    refuses(AttributeError, "no attribute 'nothing'", lambda A: A.nothing)
    refuses(AttributeError, "format csr has no attribute 'row'", lambda A: A.row)
    refuses(AttributeError, "getH", lambda A: A.getH())
    refuses(fr.InPlaceError, "immutable", lambda A: A.__setitem__((0, 0), 1.0))
    refuses(NotImplementedError, r"A\.toarray\(\) \+ c", lambda A: A + 1.0)
    refuses(NotImplementedError, r"A\.toarray\(\) / B\.toarray\(\)", lambda A: A / A)
    refuses(NotImplementedError, r"np\.ones\(A\.shape\)", lambda A: A.power(0))
    refuses(NotImplementedError, r"A\[\[i\], :\]", lambda A: A[0])
    refuses(NotImplementedError, "'lil' is not differentiated", lambda A: A.asformat("lil"))
    refuses(ValueError, r"\(4, 6\) and \(5,\) do not fit", lambda A: A @ np.ones(5))
    refuses(ValueError, r"\(4, 6\) and \(4, 6\) do not fit", lambda A: A @ A)
    refuses(ValueError, r"\(4, 6\) and \(6, 4\) do not fit", lambda A: A + A.T)
    refuses(ValueError, r"use \* instead", lambda A: A @ 2.0)
    refuses(ValueError, "too many axes", lambda A: A @ np.ones((2, 6, 6)))
    refuses(ValueError, "ambiguous", bool)
    refuses(TypeError, "ambiguous", len)
    refuses(TypeError, "unsupported operand", lambda A: 1.0 / A)
    refuses(TypeError, "multiply: the other operand is a str", lambda A: A.multiply("a"))
    refuses(TypeError, "square", lambda A: A**2, sample("csr_matrix"))


def test_messages_of_arguments():
    one = sp.coo_array(np.ones(3))
    with pytest.raises(fr.FrechetError, match=r"A\.reshape\(1, -1\)"):
        fr.grad(lambda A: A.sum())(one)
    with pytest.raises(fr.NotDifferentiableError, match="no tangent"):
        fr.grad(lambda A: 1.0)(sp.csr_array(np.ones((2, 2), bool)))
    A, B = sample("csr_array"), sample("csr_array", seed=5)
    _, pullback = fr.vjp(lambda A: 2 * A, A)
    with pytest.raises(fr.SpaceError, match="csr_array of shape 4 x 6 with"):
        pullback(B)
    with pytest.raises(fr.SpaceError, match="csr_array of shape 4 x 6 with"):
        pullback(A.toarray())
    with pytest.raises(fr.SpaceError, match="the tangent for argument 0"):
        fr.jvp(lambda A: A @ x, (A,), (B,))
    with pytest.raises(fr.SpaceError, match="csc_array"):
        fr.jvp(lambda A: A @ x, (A,), (A.tocsc(),))
    with pytest.raises(fr.CoercionError, match=r"fr\.sparse\.asarray\(A\)"):
        fr.grad(lambda x: A.multiply(x).sum())(x)
    with pytest.raises(TypeError, match="asarray: A must be a sparse array, got ndarray"):
        fr.sparse.asarray(np.ones((2, 2)))


def test_structured_matrices_are_written_out_with_a_warning():
    A = sample("csr_array")
    D = fr.Diagonal(np.arange(1.0, 7.0))
    with pytest.warns(fr.DensifyWarning, match="sparse array"):
        y = fr.vjp(lambda A: A @ D, A)[0]
    np.testing.assert_allclose(y, A.toarray() * np.arange(1.0, 7.0), **CLOSE)
    S = fr.Symmetric(np.eye(6))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fr.grad(lambda A: np.sum(A @ S))(A)


def test_numpys_functions():
    A = sample("csr_array", complex)
    same = {
        np.sum: (), np.mean: (), np.trace: (), np.diagonal: (), np.transpose: (), np.real: (), np.imag: (),
        np.conj: (), np.negative: (), np.abs: (), np.square: (), np.sin: (), np.sqrt: (), np.copy: (),
    }  # fmt: skip
    for function in same:
        y = fr.vjp(lambda A, function=function: function(A), A)[0]
        np.testing.assert_allclose(
            y.toarray() if sp.issparse(y) else y, function(A.toarray()), **CLOSE, err_msg=str(function)
        )
    D = values(24, float, 1).reshape(4, 6)
    E = values(12, float, 1).reshape(2, 6)
    for f in (
        lambda A: np.add(A, D), lambda A: np.subtract(D, A), lambda A: np.multiply(D, A),
        lambda A: np.matmul(A, D.T), lambda A: np.matmul(E, A.T), lambda A: np.dot(A, D.T), lambda A: D @ A.T,
        lambda A: np.sum(A, axis=0), lambda A: np.mean(A, axis=1), lambda A: np.true_divide(A, 2.0),
    ):  # fmt: skip
        y = fr.vjp(f, A)[0]
        np.testing.assert_allclose(y.toarray() if sp.issparse(y) else y, f(A.toarray()), **CLOSE)

    def metadata(A):
        of_numpy = np.shape(A), np.ndim(A), np.iscomplexobj(A)
        own = (
            A.nnz,
            A.size,
            A.dtype,
            A.format,
            A.has_canonical_format,
            A.has_sorted_indices,
            A.count_nonzero(),
        )
        return *of_numpy, *own

    assert fr.grad(lambda A: (energy(A), metadata(A)), has_aux=True)(A)[1] == (
        *(A.shape, 2, True),
        *(A.nnz, A.size, A.dtype, "csr", True, True, A.count_nonzero()),
    )
    M = sample("csc_matrix", complex)

    def of_matrices(M):
        return M.getnnz(), M.getnnz(0), M.getnnz(1), M.getrow(1), M.getcol(2), M.getH()

    own = fr.grad(lambda M: (energy(M), of_matrices(M)), has_aux=True)(M)[1]
    assert own[0] == M.getnnz()
    np.testing.assert_array_equal(own[1], M.getnnz(0))
    np.testing.assert_array_equal(own[2], M.getnnz(1))
    for got, expected in zip(own[3:], (M.getrow(1), M.getcol(2), M.getH()), strict=True):
        np.testing.assert_array_equal(got.toarray(), expected.toarray())
    mask = fr.grad(lambda A: (energy(A), abs(A) > 0.5), has_aux=True)(A)[1]
    assert (mask != (abs(A) > 0.5)).nnz == 0
    single = fr.vjp(lambda A: A.astype(np.complex64), A)[0]
    assert single.dtype == np.complex64


def test_blocks_of_another_size():
    A = sp.bsr_array(np.arange(36.0).reshape(6, 6), blocksize=(2, 3))
    for blocksize in [(3, 2), (2, 3), None]:
        value, tangent = fr.jvp(lambda A, size=blocksize: A.tobsr(size), (A,), (A,))
        assert value.blocksize == A.tobsr(blocksize).blocksize == tangent.blocksize
        np.testing.assert_array_equal(tangent.toarray(), A.toarray())
