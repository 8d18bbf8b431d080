"""What holds for every class of structured matrices."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest

import frechet as fr
from frechet.structured import StructuredMatrix
from frechet.structured._matrix import _arrays
from frechet.tree import flatten

rng = np.random.default_rng(5)


def numbers(dtype, *shape):
    """Random ones of a dtype."""
    x = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(dtype)


# Each makes a 4 × 4 matrix, or a stack of them, of a dtype.
MAKERS = {
    "Diagonal": lambda dtype, *stack: fr.Diagonal(numbers(dtype, *stack, 4)),
    "Symmetric": lambda dtype, *stack: fr.Symmetric(numbers(dtype, *stack, 4, 4)),
    "Hermitian": lambda dtype, *stack: fr.Hermitian(numbers(dtype, *stack, 4, 4)),
    "SkewSymmetric": lambda dtype, *stack: fr.SkewSymmetric(numbers(dtype, *stack, 4, 4)),
    "UpperTriangular": lambda dtype, *stack: fr.UpperTriangular(numbers(dtype, *stack, 4, 4)),
    "LowerTriangular": lambda dtype, *stack: fr.LowerTriangular(numbers(dtype, *stack, 4, 4)),
    "UnitUpperTriangular": lambda dtype, *stack: fr.UnitUpperTriangular(numbers(dtype, *stack, 4, 4)),
    "UnitLowerTriangular": lambda dtype, *stack: fr.UnitLowerTriangular(numbers(dtype, *stack, 4, 4)),
    "Bidiagonal": lambda dtype, *stack: fr.Bidiagonal(numbers(dtype, *stack, 4), numbers(dtype, *stack, 3)),
    "Tridiagonal": lambda dtype, *stack: fr.Tridiagonal(
        numbers(dtype, *stack, 3), numbers(dtype, *stack, 4), numbers(dtype, *stack, 3)
    ),
    "SymTridiagonal": lambda dtype, *stack: fr.SymTridiagonal(
        numbers(dtype, *stack, 4), numbers(dtype, *stack, 3)
    ),
    "Banded": lambda dtype, *stack: fr.Banded(numbers(dtype, *stack, 4, 4), (2, 1)),
    "Toeplitz": lambda dtype, *stack: fr.Toeplitz(numbers(dtype, *stack, 4), numbers(dtype, *stack, 4)),
    "Circulant": lambda dtype, *stack: fr.Circulant(numbers(dtype, *stack, 4)),
    "Kronecker": lambda dtype, *stack: fr.Kronecker(
        numbers(dtype, *stack, 2, 2), numbers(dtype, *stack, 2, 2)
    ),
    "Kronecker of structured": lambda dtype, *stack: fr.Kronecker(
        fr.Toeplitz(numbers(dtype, *stack, 2)), fr.Diagonal(numbers(dtype, *stack, 2))
    ),
    "LowRank": lambda dtype, *stack: fr.LowRank(numbers(dtype, *stack, 4, 2), numbers(dtype, *stack, 4, 2)),
    "LowRankPlusDiagonal": lambda dtype, *stack: fr.LowRankPlusDiagonal(
        numbers(dtype, *stack, 4), numbers(dtype, *stack, 4, 2), numbers(dtype, *stack, 4, 2)
    ),
    "LowRankPlusDiagonal of one factor": lambda dtype, *stack: fr.LowRankPlusDiagonal(
        numbers(dtype, *stack, 4), numbers(dtype, *stack, 4, 2)
    ),
    "BlockDiagonal": lambda dtype, *stack: fr.BlockDiagonal(
        [numbers(dtype, *stack, 3, 1), numbers(dtype, *stack, 1, 3)]
    ),
    "BlockDiagonal of structured": lambda dtype, *stack: fr.BlockDiagonal(
        [fr.Symmetric(numbers(dtype, *stack, 2, 2)), fr.Circulant(numbers(dtype, *stack, 2))]
    ),
}
# Those without parts, which have no dtype and no stacks.
CONSTANT = {"Permutation": lambda *_: fr.Permutation([2, 0, 3, 1])}
ALL = MAKERS | CONSTANT
EMPTY = {
    "Diagonal": lambda: fr.Diagonal(np.zeros(0)),
    "Symmetric": lambda: fr.Symmetric(np.zeros((0, 0))),
    "Toeplitz": lambda: fr.Toeplitz(np.zeros(0)),
    "Circulant": lambda: fr.Circulant(np.zeros(0)),
    "Kronecker": lambda: fr.Kronecker(np.zeros((0, 0)), np.eye(2)),
    "LowRank": lambda: fr.LowRank(np.zeros((0, 2)), np.zeros((0, 2))),
    "LowRankPlusDiagonal": lambda: fr.LowRankPlusDiagonal(np.zeros(0), np.zeros((0, 2))),
    "BlockDiagonal": lambda: fr.BlockDiagonal([np.zeros((0, 0))]),
    "Permutation": lambda: fr.Permutation(np.zeros(0, int)),
}

each = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
all_of_them = pytest.mark.parametrize("make", ALL.values(), ids=ALL)
each_linear = pytest.mark.parametrize("make", [make for make in MAKERS.values() if make(np.float64).linear])
STACKS = {"one": (), "stack": (3,), "two axes": (2, 1)}
DTYPES = (np.float64, np.complex128, np.float32, np.complex64)
stacks = pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
dtypes = pytest.mark.parametrize("dtype", DTYPES)
cases = pytest.mark.parametrize(
    ("make", "stack", "dtype"),
    [
        *(
            pytest.param(make, stack, dtype, id=f"{name}-{which}-{dtype.__name__}")
            for name, make in MAKERS.items()
            for which, stack in STACKS.items()
            for dtype in DTYPES
        ),
        *(pytest.param(make, (), np.float64, id=name) for name, make in CONSTANT.items()),
    ],
)


@pytest.fixture(autouse=True)
def _without_warnings():
    """Full arrays are made silently here; which operations make them, the tests of each class say."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fr.DensifyWarning)
        yield


def tolerance(dtype):
    """Rounding in a few operations with entries of size one."""
    return 200 * float(np.finfo(dtype).eps)


def agree(A, dense, dtype):
    """A, structured or not, has these entries, and this shape and dtype."""
    full = A.to_dense() if isinstance(A, StructuredMatrix) else np.asarray(A)
    assert A.shape == dense.shape
    assert A.dtype == dense.dtype == full.dtype
    np.testing.assert_allclose(full, dense, atol=tolerance(dtype) * max(1, np.abs(dense).max(initial=0)))


def element(A):
    """A random element of the tangent space at A, as a matrix whose parts are the directions of A's parts."""
    leaves, treedef = flatten(A)
    spaces = fr.space(A).spaces
    return treedef.unflatten(
        [s.project(numbers(s.dtype, *s.shape)) for s, leaf in zip(spaces, leaves, strict=True)]
    )


def inner(a, b):
    return np.sum(np.conj(a) * b).real


def inner_of_parts(P, Q):
    """That of two elements, with the weights of their spaces."""
    leaves = zip(flatten(P)[0], flatten(Q)[0], fr.space(Q).spaces, strict=True)
    return sum(inner(s.partials(p), q) for p, q, s in leaves)


# --- the tangent space -------------------------------------------------------------------------------------


@each
@stacks
@dtypes
def test_restrict_is_the_adjoint_of_the_derivative_of_to_dense(make, stack, dtype):
    A = make(dtype, *stack)
    V, G = element(A), numbers(dtype, *A.shape)
    _, pushed = fr.jvp(lambda A: A.to_dense(), (A,), (V,))
    partials = A.like(*A.restrict(G))
    assert [p.shape for p in _arrays(partials)] == [v.shape for v in _arrays(V)]
    pulled = sum(inner(p, v) for p, v in zip(_arrays(partials), _arrays(V), strict=True))
    assert pulled == pytest.approx(inner(G, pushed), rel=tolerance(dtype), abs=tolerance(dtype))


@each_linear
def test_the_projection_of_a_full_array_is_orthogonal(make):
    A = make(np.float64)
    space = fr.space(A)
    G = rng.standard_normal(A.shape)
    P = space.project(G)
    assert type(P) is type(A)
    again = space.project(P)
    np.testing.assert_allclose(again.to_dense(), P.to_dense(), atol=1e-14)
    # what is left of G is orthogonal to every matrix of the structure; a unit diagonal is no direction
    B = space.project(rng.standard_normal(A.shape))
    full = [np.array(M.to_dense()) - np.array(space.zeros().to_dense()) for M in (P, B)]
    assert np.sum((G - full[0]) * full[1]) == pytest.approx(0, abs=1e-12)


@each_linear
@stacks
@dtypes
def test_the_inner_product_is_that_of_the_full_arrays(make, stack, dtype):
    A = make(dtype, *stack)
    P, Q = element(A), element(A)
    full = inner(P.to_dense(), Q.to_dense())
    assert inner_of_parts(P, Q) == pytest.approx(full, rel=tolerance(dtype), abs=tolerance(dtype))


@each
@stacks
@dtypes
def test_the_projection_is_idempotent_and_self_adjoint(make, stack, dtype):
    A = make(dtype, *stack)
    s = fr.space(A)
    leaves, treedef = flatten(A)
    G, H = (treedef.unflatten([numbers(dtype, *np.shape(leaf)) for leaf in leaves]) for _ in range(2))
    PG, PH = s.project(G), s.project(H)
    for once, twice in zip(_arrays(PG), _arrays(s.project(PG)), strict=True):
        assert np.array_equal(once, twice)
    left = inner_of_parts(PG, H) if not any(getattr(t, "onto", None) for t in s.spaces) else None
    plain = [
        sum(inner(a, b) for a, b in zip(_arrays(X), _arrays(Y), strict=True)) for X, Y in ((PG, H), (G, PH))
    ]
    assert plain[0] == pytest.approx(plain[1], rel=tolerance(dtype), abs=tolerance(dtype))
    assert left is None or left == pytest.approx(inner_of_parts(G, PH), rel=tolerance(dtype))


@each
@stacks
@dtypes
def test_the_gradient_has_the_class_shape_and_precision_of_the_matrix(make, stack, dtype):
    A = make(dtype, *stack)
    G = numbers(dtype, *A.shape)
    value, gradient = fr.value_and_grad(lambda A: np.sum(np.real(np.conj(G) * A.to_dense())))(A)
    assert np.result_type(value) == np.finfo(dtype).dtype
    assert type(gradient) is type(A)
    assert flatten(gradient)[1] == flatten(A)[1]
    for g, part, s in zip(_arrays(gradient), _arrays(A), fr.space(A).spaces, strict=True):
        assert (g.shape, g.dtype) == (part.shape, dtype)
        assert s.project(g) is g or np.allclose(s.project(g), g, rtol=tolerance(dtype))
    V = element(A)
    _, pushed = fr.jvp(lambda A: A.to_dense(), (A,), (V,))
    assert inner_of_parts(gradient, V) == pytest.approx(
        inner(G, pushed), rel=tolerance(dtype), abs=tolerance(dtype)
    )


# --- as an object ------------------------------------------------------------------------------------------


@all_of_them
def test_it_is_pickled_and_immutable_and_has_a_text(make):
    A = make(np.float64)
    B = pickle.loads(pickle.dumps(A))
    assert type(B) is type(A)
    assert B.form == A.form
    assert np.array_equal(B.to_dense(), A.to_dense())
    with pytest.raises(AttributeError, match="immutable"):
        A.parts = ()
    with pytest.raises(AttributeError):
        A.something = 1
    assert type(A).__name__ in repr(A)


@each
def test_a_traced_matrix_has_a_text_and_is_not_coerced(make):
    seen = []

    def f(A):
        seen.append(repr(A))
        with pytest.raises(fr.CoercionError, match="traced values"):
            np.asarray(A)
        return A[0, 0]

    A = make(np.float64)
    fr.grad(f)(A)
    assert type(A).__name__ in seen[0]


# --- values against full arrays ----------------------------------------------------------------------------


@cases
def test_views_and_parts(make, stack, dtype):
    A = make(dtype, *stack)
    D = A.to_dense()
    assert (A.shape, A.ndim, A.size, A.dtype) == (D.shape, D.ndim, D.size, D.dtype)
    assert np.array_equal(np.asarray(A), D)
    agree(A.mT, D.mT, dtype)
    agree(A.mH, D.mT.conj(), dtype)
    agree(A.conj(), D.conj(), dtype)
    agree(A.real, D.real, dtype)
    agree(A.imag, D.imag, dtype)
    agree(np.transpose(A) if not stack else A.mT, D.mT, dtype)
    if stack:
        with pytest.raises(ValueError, match="mT transposes each"):
            A.T  # noqa: B018  # the access is what raises
    else:
        agree(A.T, D.T, dtype)
        agree(A.H, D.T.conj(), dtype)


@cases
def test_arithmetic(make, stack, dtype):
    A, B = make(dtype, *stack), make(dtype, *stack)
    D, E = A.to_dense(), B.to_dense()
    X, x = numbers(dtype, *stack, 4, 2), numbers(dtype, 4)
    agree(2 * A, 2 * D, dtype)
    agree(A * 2, 2 * D, dtype)
    agree(A / 2, D / 2, dtype)
    agree(-A, -D, dtype)
    agree(+A, D, dtype)
    agree(A + B, D + E, dtype)
    agree(A - B, D - E, dtype)
    agree(A * B, D * E, dtype)
    agree(A @ B, D @ E, dtype)
    agree(A @ X, D @ X, dtype)
    agree(X.mT @ A, X.mT @ D, dtype)
    agree(A @ x, D @ x, dtype)
    agree(x @ A, x @ D, dtype)
    for more in (numbers(dtype, 4, 2), numbers(dtype, 3, *(1 for _ in stack), 4, 2)):  # axes that broadcast
        agree(A @ more, D @ more, dtype)
        agree(more.mT @ A, more.mT @ D, dtype)
    agree(A + D, 2 * D, dtype)
    agree(D - A, 0 * D, dtype)
    agree(A * D, D * D, dtype)
    if stack:
        c = numbers(dtype, *stack, 1, 1)
        agree(c * A, c * D, dtype)


@cases
def test_entries(make, stack, dtype):
    A = make(dtype, *stack)
    D = A.to_dense()
    for k in range(-5, 6):
        agree(np.diagonal(A, k, -2, -1), np.diagonal(D, k, -2, -1), dtype)
    agree(np.asarray(np.trace(A, 0, -2, -1)), np.trace(D, 0, -2, -1), dtype)
    agree(np.asarray(np.linalg.matrix_norm(A)), np.linalg.matrix_norm(D), dtype)
    if stack:
        agree(A[0], D[0], dtype)
        agree(A[..., 1:, 0], D[..., 1:, 0], dtype)
        assert len(list(A)) == len(D)
        agree(np.stack([A, A]), np.stack([D, D]), dtype)
        return
    agree(np.diag(A, 1), np.diag(D, 1), dtype)
    agree(np.asarray(np.linalg.norm(A)), np.linalg.norm(D), dtype)
    agree(np.asarray(A[0, 1]), D[0, 1], dtype)
    agree(np.asarray(A[-1, -4]), D[-1, -4], dtype)
    i, j = np.array([[0, 1], [2, 3]]), np.array([3, -2])
    agree(A[i, j], D[i, j], dtype)
    agree(A[1:, 2], D[1:, 2], dtype)
    with pytest.raises(IndexError, match="index 4 is out of bounds"):
        A[0, 4]
    if A.parts:
        agree(np.stack([A, A]), np.stack([D, D]), dtype)


@pytest.mark.parametrize("make", EMPTY.values(), ids=EMPTY)
def test_without_entries(make):
    A = make()
    assert A.shape == A.to_dense().shape == A.mT.shape == (0, 0)
    assert (A @ np.zeros((0, 3))).shape == (0, 3)
    assert np.linalg.solve(A, np.zeros((0, 3))).shape == (0, 3)
    assert (A + A).shape == (A @ A).shape == np.linalg.inv(A).shape == (0, 0)
    assert np.linalg.det(A) == 1
    assert tuple(np.linalg.slogdet(A)) == (1, 0)
    assert np.trace(A) == np.linalg.norm(A) == 0
    assert np.diag(A).shape == (0,)
    if A.parts:
        g = fr.grad(lambda A: np.sum(A @ np.zeros((0, 3))))(A)
        assert [x.shape for x in _arrays(g)] == [x.shape for x in _arrays(A)]


def test_a_singular_diagonal_matrix():
    A = fr.Diagonal([0.0, -2.0])
    assert tuple(np.linalg.slogdet(A)) == (0, -np.inf)
    with pytest.raises(np.linalg.LinAlgError, match="determinant has no derivative"):
        fr.grad(lambda A: np.linalg.slogdet(A)[1])(A)
    np.testing.assert_array_equal(fr.grad(np.linalg.det)(A).d, [-2, 0])
    assert np.array_equal(np.linalg.eigvalsh(A), [-2, 0])


def test_the_makers_are_complete():
    """Every public class is tested here."""
    from frechet import structured

    classes = {
        name
        for name in structured.__all__
        if issubclass(getattr(structured, name), StructuredMatrix) and name != "StructuredMatrix"
    }
    assert classes == {name.split(" of ")[0] for name in ALL}


def test_the_public_face_has_all_names():
    """The list in frechet/__init__.py, which must not import this package, is that of this package."""
    from frechet import structured

    assert {*fr._STRUCTURED} == {*structured.__all__} - {"StructuredMatrix"}
