"""Structured matrices with operands and arguments that are easily taken for others."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import frechet as fr
from tests.structured.test_classes import DTYPES, agree, all_of_them, each, numbers

rng = np.random.default_rng(11)


@pytest.fixture(autouse=True)
def _without_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fr.DensifyWarning)
        yield


# --- sums and products -------------------------------------------------------------------------------------


@all_of_them
@pytest.mark.parametrize("dtype", [np.uint8, bool, np.int64])
def test_arrays_of_integers(make, dtype):
    A = make(np.float64)
    D, X = A.to_dense(), np.array([[3, 0, 1, 1]] * 4).astype(dtype)
    agree(A - X, D - X if dtype is not bool else D - X.astype(float), np.float64)
    agree(A + X, D + X, np.float64)
    agree(X - A, X - D, np.float64)
    if A.parts:  # products with a permutation keep the array's dtype
        agree(A @ X, D @ X, np.float64)
        agree(X @ A, X @ D, np.float64)
    agree(A - dtype(1), D - dtype(1), np.float64)


@each
@pytest.mark.parametrize("dtype", DTYPES)
def test_one_matrix_with_a_stack(make, dtype):
    A, B = make(dtype), make(dtype, 3)
    D, E = A.to_dense(), B.to_dense()
    d = fr.Diagonal(numbers(dtype, 3, 4))
    X, c = numbers(dtype, 3, 4, 4), numbers(dtype, 3, 1, 1)
    for found, expected in (
        (A + B, D + E),
        (B - A, E - D),
        (A * B, D * E),
        (A @ B, D @ E),
        (B @ A, E @ D),
        (A @ d, D @ d.to_dense()),
        (d @ A, d.to_dense() @ D),
        (c * A, c * D),
        (A * X, D * X),
        (A @ X, D @ X),
        (X @ A, X @ D),
        (A / c, D / c),
        (A / X, D / X),
    ):
        agree(found, expected, dtype)
        for k in range(3):
            one = found[k]
            np.testing.assert_array_equal(np.asarray(one), np.asarray(found)[k])
    g = fr.grad(lambda c, A: np.sum(np.real(fr.array(c * A))))(c, A)
    np.testing.assert_allclose(
        g, np.full((3, 1, 1), np.conj(np.sum(D))), rtol=1e4 * float(np.finfo(dtype).eps)
    )


@pytest.mark.parametrize("x", [0, 0.0, 0j])
def test_division_by_zero_is_that_of_numpy(x):
    with np.errstate(all="ignore"):
        found = fr.Diagonal([1.0, 2.0]) / x
    assert np.all(np.isinf(np.real(found.d)) | np.isnan(found.d))


def test_division_of_a_number():
    T = fr.Toeplitz([1.0, 2.0, 4.0])
    np.testing.assert_array_equal(2 / T, 2 / T.to_dense())
    np.testing.assert_array_equal(fr.grad(lambda x: (x / T)[0, 1])(3.0), 0.5)


def test_a_matrix_of_one_entry_is_broadcast_as_an_array_is():
    A = fr.Diagonal([2.0])
    np.testing.assert_array_equal(A * np.ones((3, 3)), 2 * np.ones((3, 3)))


def test_determinants_of_stacks_without_entries():
    K = fr.Kronecker(np.zeros((3, 0, 0)), np.zeros((3, 2, 2)))
    assert np.array_equal(np.linalg.det(K), np.ones(3))


def test_infinite_entries():
    d = np.array([np.inf, 1.0])
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(fr.Diagonal(d).to_dense(), np.diag(d))
        np.testing.assert_array_equal(fr.Diagonal(d) + fr.Symmetric(np.ones((2, 2))), np.diag(d) + 1)
        H = fr.Hermitian(np.array([[1.0, np.inf], [0.0, 2.0]], complex))
    np.testing.assert_array_equal(H.to_dense().real, [[1, np.inf], [np.inf, 2]])


# --- warnings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        np.exp,
        np.linalg.svd,
        lambda A: A + 1,
        lambda A: A + np.ones(3),
        lambda A: A + np.ones((1, 1)),
        lambda A: A[0],
        lambda A: np.add(A, A, dtype=complex),
        lambda A: fr.linalg.norm(A, 2),
        fr.linalg.qr,
        lambda A: fr.Toeplitz([1.0, 2.0, 3.0]) @ A,
        lambda A: fr.Permutation([2, 0, 1]) @ A,
        lambda A: np.linalg.solve(A, A),
    ],
)
def test_the_warning_is_given_at_the_line_of_the_user(f):
    with pytest.warns(fr.DensifyWarning, match="full array of shape") as found:
        f(fr.Tridiagonal([1.0, 1.0], [4.0, 4.0, 4.0], [2.0, 2.0]))
    assert {w.filename for w in found} == {__file__}


# --- fr.linalg's arguments ---------------------------------------------------------------------------------

FULL = np.array([[4.0, 2.0, 0.0], [1.0, 5.0, 2.0], [0.0, 1.0, 6.0]])
b = np.array([1.0, 2.0, 3.0])
SQUARE = {
    "Diagonal": fr.Diagonal([4.0, 5.0, 6.0]),
    "Tridiagonal": fr.Tridiagonal([1.0, 1.0], [4.0, 5.0, 6.0], [2.0, 2.0]),
    "SymTridiagonal": fr.SymTridiagonal([4.0, 5.0, 6.0], [2.0, 2.0]),
    "Symmetric": fr.Symmetric(FULL),
    "UpperTriangular": fr.UpperTriangular(FULL),
    "Toeplitz": fr.Toeplitz([4.0, 1.0, 0.5], [4.0, 2.0, 1.0]),
    "BlockDiagonal": fr.BlockDiagonal([FULL[:2, :2], [[6.0]]]),
}
squares = pytest.mark.parametrize("A", SQUARE.values(), ids=SQUARE)


@squares
@pytest.mark.parametrize(
    "options",
    [
        {"lower": True},
        {"transposed": True},
        {"assume_a": "pos"},
        {"assume_a": "pos", "lower": True},
        {"assume_a": "sym"},
        {"assume_a": "her", "lower": True},
        {"assume_a": "tridiagonal"},
        {"assume_a": "banded"},
        {"assume_a": "upper triangular"},
        {"assume_a": "lower triangular", "transposed": True},
        {"assume_a": "diagonal"},
        {"assume_a": "gen", "check_finite": False},
    ],
    ids=str,
)
def test_no_option_of_solve_is_ignored(A, options):
    D = A.to_dense()
    expected = fr.linalg.solve(D, b, **options)
    np.testing.assert_allclose(fr.linalg.solve(A, b, **options), expected, rtol=1e-12)
    np.testing.assert_allclose(fr.linalg.solve(a=A, b=b, **options), expected, rtol=1e-12)
    found = fr.linalg.solve(FULL, A, **options)
    np.testing.assert_allclose(found, fr.linalg.solve(FULL, D, **options), rtol=1e-12)
    if "transposed" not in options and options.get("assume_a") not in ("tridiagonal", "banded"):
        found = fr.linalg.inv(A, **options)
        np.testing.assert_allclose(found, fr.linalg.inv(D, **options), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("A", [fr.Diagonal([1.0, -2.0]), fr.SymTridiagonal([1.0, 1.0], [2.0])])
def test_what_is_assumed_to_be_positive_definite_is_verified(A):
    for f in (fr.linalg.solve, lambda A, b, assume_a: fr.linalg.logdet(A, assume_a=assume_a)):
        with pytest.raises(np.linalg.LinAlgError):
            f(A, np.ones(2), assume_a="pos")


@squares
def test_wrong_options(A):
    with pytest.raises(ValueError, match="assume_a"):
        fr.linalg.solve(A, b, assume_a="round")
    with pytest.raises(TypeError):
        fr.linalg.slogdet(A, sparse=True)
    with pytest.raises(TypeError):
        fr.linalg.inv(A, sparse=True)
    with pytest.raises(ValueError, match="assume"):
        fr.linalg.funm(A, np.exp, assume="round")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize(
    "f",
    [
        *(getattr(fr.linalg, name) for name in ("inv", "det", "slogdet", "logdet", "cholesky", "norm")),
        *(getattr(fr.linalg, name) for name in ("eigvals", "eigvalsh", "expm", "sqrtm")),
        lambda A: fr.linalg.solve(A, np.ones(2)),
        lambda A: fr.linalg.funm(A, np.exp),
    ],
)
def test_nan_and_inf_are_refused_where_scipy_refuses_them(f, bad):
    with pytest.raises(ValueError, match="infs or NaNs"):
        f(fr.Diagonal([1.0, bad]))
    with pytest.raises(ValueError, match="infs or NaNs"):
        fr.linalg.solve(fr.Diagonal([1.0, 2.0]), [1.0, bad])
    found = fr.linalg.solve(fr.Diagonal([1.0, 2.0]), [1.0, bad], check_finite=False)
    np.testing.assert_array_equal(found, [1, bad])


@squares
@pytest.mark.parametrize("ord", [None, "fro", "f", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
@pytest.mark.parametrize("options", [{}, {"keepdims": True}, {"axis": (0, 1)}, {"axis": (-1, -2)}], ids=str)
def test_norms(A, ord, options):
    found = fr.linalg.norm(A, ord, **options)
    np.testing.assert_allclose(found, fr.linalg.norm(A.to_dense(), ord, **options), rtol=1e-12)
    assert np.shape(found) == np.shape(fr.linalg.norm(A.to_dense(), ord, **options))


def test_determinants_of_float32_are_in_double_precision():
    A = fr.Diagonal(np.full(4, 1e10, np.float32))
    assert fr.linalg.det(A) == pytest.approx(1e40, rel=1e-6)
    assert fr.grad(fr.linalg.det)(A).dtype == np.float32


@pytest.mark.parametrize(
    "options", [{}, {"eigvals_only": True}, {"lower": False}, {"subset_by_index": [0, 1]}]
)
def test_eigh(options):
    A = SQUARE["Symmetric"]
    for found, expected in zip(
        fr.linalg.eigh(A, **options), fr.linalg.eigh(A.to_dense(), **options), strict=True
    ):
        np.testing.assert_allclose(found, expected)


def test_a_list_as_right_side():
    A = SQUARE["Diagonal"]
    np.testing.assert_array_equal(np.linalg.solve(A, [4.0, 5.0, 6.0]), np.ones(3))
    with pytest.raises(ValueError, match=r"solve: shapes \(3, 3\) and \(2,\) do not fit together"):
        np.linalg.solve(A, [4.0, 5.0])
    with pytest.raises(ValueError, match=r"solve: shapes \(3, 3\) and \(2, 2\) do not fit together"):
        np.linalg.solve(A, fr.Diagonal([4.0, 5.0]))


def test_solutions_that_keep_their_structure():
    A, T, P = SQUARE["Diagonal"], SQUARE["Tridiagonal"], fr.Permutation([2, 0, 1])
    for left, right, kind in ((A, A, fr.Diagonal), (A, T, fr.Tridiagonal), (P, P, fr.Permutation)):
        found = np.linalg.solve(left, right)
        assert type(found) is kind
        np.testing.assert_allclose(
            found.to_dense(), np.linalg.solve(left.to_dense(), right.to_dense()), atol=1e-15
        )


# --- functions, norms --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["logm", "sqrtm"])
def test_functions_that_are_not_real(name):
    f = getattr(fr.linalg, name)
    for A in (fr.Diagonal([-1.0, 2.0]), fr.BlockDiagonal([fr.Diagonal([-1.0]), [[2.0]]])):
        np.testing.assert_allclose(f(A), f(A.to_dense()))
    g = fr.grad(lambda A: np.sum(np.imag(fr.array(f(A)))))(fr.Diagonal([-1.0, 2.0]))
    h = fr.grad(lambda A: np.sum(np.imag(f(A))))(np.diag([-1.0, 2.0]))
    np.testing.assert_allclose(g.d, np.diag(h), atol=1e-14)


@pytest.mark.parametrize("f", [lambda x: np.exp(1j * x), lambda x: x**1.5, lambda x: x * x])
@pytest.mark.parametrize(
    "A",
    [
        fr.Hermitian(np.array([[1.0, 2j], [0, 2]])),
        fr.Hermitian(np.array([[1.0, 2.0], [2.0, 2.0]])),
        fr.Symmetric(np.array([[1.0, 2.0], [2.0, 2.0]])),
        fr.Diagonal([-1.0, 2.0]),
    ],
)
def test_functions_of_ones_own(A, f):
    np.testing.assert_allclose(fr.linalg.funm(A, f), fr.linalg.funm(A.to_dense(), f), atol=1e-13)


@all_of_them
def test_the_norm_of_blocks(make):
    A = fr.BlockDiagonal([make(np.float64), np.ones((1, 2))])
    assert np.linalg.norm(A) == pytest.approx(np.linalg.norm(A.to_dense()))
    K = fr.Kronecker(A, np.ones((2, 1)))
    assert np.linalg.norm(K) == pytest.approx(np.linalg.norm(K.to_dense()))


def test_the_norm_at_zero_has_the_subgradient_zero():
    assert np.array_equal(fr.grad(np.linalg.norm)(fr.Diagonal([0.0, 0.0])).d, [0, 0])
    A = fr.LowRankPlusDiagonal([-1.0, 0.1], [[1.0], [0.0]], [[1.0], [0.0]])
    assert np.linalg.norm(A - fr.Diagonal([0.0, 0.1])) == pytest.approx(0, abs=1e-15)


# --- memory, dtypes ----------------------------------------------------------------------------------------


@all_of_them
def test_a_matrix_is_not_changed_by_way_of_results(make):
    A = make(np.float64)
    before = np.array(A)
    copy = np.array(A)
    copy[:] = 7  # a copy of one's own
    for f in (
        np.linalg.eigvals,
        lambda A: np.diagonal(A, 0),
        lambda A: np.diagonal(A, 1),
        np.asarray,
        np.diag,
    ):
        found = f(A)
        if found.flags.writeable:
            found[:] = 7
    assert np.array_equal(A.to_dense(), before)


@all_of_them
def test_conversions_to_other_dtypes(make):
    A = make(np.float64)
    D = A.to_dense()
    for dtype in (np.float32, np.complex128, int, "float64"):
        assert np.asarray(A, dtype=dtype).dtype == dtype
        assert np.array_equal(np.asarray(A, dtype=dtype), D.astype(dtype))
        assert np.array(A, dtype=dtype).flags.writeable
    agree(A.astype(np.float32), D.astype(np.float32), np.float32)
    agree(A.astype(complex), D.astype(complex), complex)
    if A.parts:
        with pytest.raises(TypeError, match=r"astype: a .* has none of dtype int64. A.to_dense\(\)"):
            A.astype(int)
        with pytest.raises(TypeError, match=r"A\.real the real part"):
            make(complex).astype(float)


def test_a_full_array_is_not_projected_onto_blocks_that_are_no_linear_space():
    A = fr.BlockDiagonal([fr.LowRank(np.ones((2, 1)), np.ones((2, 1)))])
    with pytest.raises(fr.SpaceError, match="no linear space"):
        fr.space(A).project(np.ones((2, 2)))


@pytest.mark.parametrize("make", [np.real, lambda x: x])
def test_skew_symmetric_matrices_of_odd_size_are_singular(make):
    A = fr.SkewSymmetric(make(numbers(complex, 3, 3)))
    assert np.linalg.det(A) == 0
    assert tuple(np.linalg.slogdet(A)) == (0, -np.inf)
    assert not np.any(fr.grad(lambda A: np.real(np.linalg.det(A)))(A).data)
    for f in (np.linalg.inv, lambda A: np.linalg.solve(A, np.ones(3))):
        with pytest.raises(np.linalg.LinAlgError, match="of odd size is singular"):
            f(A)
    with pytest.raises(np.linalg.LinAlgError, match="no derivative"):
        fr.grad(lambda A: np.linalg.slogdet(A)[1])(A)


def test_messages():
    for f in (np.linalg.inv, lambda A: np.linalg.solve(A, np.ones(2))):
        with pytest.raises(np.linalg.LinAlgError, match=r"(inv|solve): the circulant matrix is singular"):
            f(fr.Circulant([1.0, 1.0]))
    for l_and_u in ((1.0, 1.0), 1, (1, 1, 1)):
        with pytest.raises(TypeError, match="Banded: l_and_u is a pair of integers, got"):
            fr.Banded(np.ones((3, 3)), l_and_u)


def test_other_structures_are_projected_but_not_contained():
    s, T = fr.space(fr.Diagonal([0.0, 0.0])), fr.Toeplitz([1.0, 2.0])
    assert s.contains(fr.Diagonal([3.0, 4.0]))
    assert not s.contains(T)
    assert not s.contains(np.eye(2))
    assert not s.contains(fr.Diagonal([3.0]))
    assert np.array_equal(s.project(T).d, [1, 1])
    with pytest.raises(fr.SpaceError, match="no linear space"):
        fr.space(fr.LowRank(np.ones((2, 1)), np.ones((2, 1)))).project(T)


def test_check_of_a_matrix_that_is_traced_twice():
    A = np.array([[2.0, 1.0], [1.0, 3.0]])
    H = fr.hessian(lambda A: np.linalg.det(fr.Symmetric(A, check=True)))(A)
    assert H[0, 0, 1, 1] == 1


def test_diagonals_of_different_dtypes():
    for A in (
        fr.SymTridiagonal([1.0, 2.0], [1j]),
        fr.Bidiagonal([1.0, 2.0], [1j]),
        fr.Tridiagonal([1j], [1.0, 2.0], np.ones(1, np.float32)),
    ):
        for f in (np.diag, np.trace, np.linalg.det):
            agree(f(A), f(A.to_dense()), complex)
        assert fr.grad(lambda A: np.real(np.trace(A)))(A).d.dtype == float
