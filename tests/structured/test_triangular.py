"""Triangular matrices and unit triangular ones, against full arrays."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(5)
CLASSES = [fr.UpperTriangular, fr.LowerTriangular, fr.UnitUpperTriangular, fr.UnitLowerTriangular]
UNIT = CLASSES[2:]
WIDE = {c: CLASSES[k % 2] for k, c in enumerate(CLASSES)}
TRANSPOSED = dict(zip(CLASSES, (CLASSES[1], CLASSES[0], CLASSES[3], CLASSES[2]), strict=True))


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def full(make, n, *stack):
    """Random matrices with triangles that are well conditioned."""
    return 0.4 * make(*stack, n, n) + 2 * np.eye(n)


def triangle(cls, A):
    """The full array that cls(A) stands for."""
    T = np.tril(A) if cls in (fr.LowerTriangular, fr.UnitLowerTriangular) else np.triu(A)
    return T - T * np.eye(len(A[0])) + np.eye(len(A[0])) if cls in UNIT else T


def dense(x):
    return x.to_dense() if isinstance(x, fr.structured.StructuredMatrix) else np.asarray(x)


B = full(real, 3)
OPERATIONS = {
    "sum": lambda A: A + A.conj(),
    "difference": lambda A: A - 2.0 * A,
    "multiple": lambda A: A * 3.0,
    "with an array": lambda A: A + B,
    "entrywise": lambda A: A * A,
    "entrywise with an array": lambda A: A * B,
    "product": lambda A: A @ A,
    "product with the transpose": lambda A: A @ A.mT,
    "product with an array": lambda A: A @ B,
    "array times it": lambda A: B @ A,
    "vector times it": lambda A: B[0] @ A,
    "with a number": lambda A: A / 2.0,
    "solve": lambda A: np.linalg.solve(A, B),
    "solve a vector": lambda A: np.linalg.solve(A, B[0]),
    "fr.linalg.solve": lambda A: fr.linalg.solve(A, B),
    "solve with the transpose": lambda A: np.linalg.solve(A.mT, B),
    "inv": np.linalg.inv,
    "power": lambda A: np.linalg.matrix_power(A, -2),
    "trace": np.trace,
    "diagonal": lambda A: np.diagonal(A, 1, -2, -1),
    "main diagonal": lambda A: np.diagonal(A, 0, -2, -1),
    "norm": lambda A: np.linalg.norm(A, axis=(-2, -1)),
    "real part": lambda A: A.real,
    "imaginary part": lambda A: A.imag,
    "adjoint": lambda A: A.mT.conj(),
}


@pytest.mark.parametrize("make", [real, cplx])
@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(name, cls, make):
    for stack in ((), (2,)):
        A = full(make, 3, *stack)
        if name in ("solve a vector",) and stack:
            continue
        op = OPERATIONS[name]
        got, expected = op(cls(A)), op(triangle(cls, A))
        np.testing.assert_allclose(dense(got), expected, rtol=1e-12, atol=1e-13)
        if make is real and name == "imaginary part":
            continue
        if name == "main diagonal" and cls in UNIT:  # constant
            continue
        if name == "trace" and cls in UNIT:
            continue
        check_rule(op, cls(A))


@pytest.mark.parametrize("make", [real, cplx])
@pytest.mark.parametrize("cls", CLASSES)
def test_gradients_are_those_of_the_full_array_on_the_triangle(cls, make):
    A, W = full(make, 4), make(4, 4)

    def f(A):
        return np.real(np.sum(W * dense_traced(A @ np.linalg.solve(A, W)))) + np.real(
            np.sum(np.conj(W) * dense_traced(np.linalg.inv(A @ A)))
        )

    def dense_traced(x):
        return x.to_dense() if isinstance(x, fr.structured.StructuredMatrix) else x

    g = fr.grad(f)(cls(A))
    expected = fr.grad(f)(triangle(cls, A))
    assert type(g) is cls
    off = expected - expected * np.eye(4) if cls in UNIT else expected
    kept = np.tril(off) if "Lower" in cls.__name__ else np.triu(off)
    np.testing.assert_allclose(g.data, kept, rtol=1e-11, atol=1e-11)
    outer = fr.grad(lambda X: f(cls(X)))(A)  # in the array that the matrix is made of
    np.testing.assert_allclose(outer, kept, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("cls", CLASSES)
def test_what_the_results_are(cls):
    A = cls(full(real, 3))
    D = fr.Diagonal(real(3))
    assert type(A @ A) is type(np.linalg.inv(A)) is type(np.linalg.solve(A, A)) is cls
    assert type(np.linalg.matrix_power(A, 3)) is cls
    for result in (A + A, A - D, D + A, 2 * A, A * A, D @ A, A @ D, np.linalg.solve(A, D)):
        assert type(result) is WIDE[cls]
    assert type(A.T) is type(A.H) is TRANSPOSED[cls]
    assert type(A.T @ A) is type(A @ A.T) is np.ndarray
    assert type(np.stack([A, A])) is cls
    assert type(A + WIDE[cls](full(real, 3))) is WIDE[cls]


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("make", [real, cplx])
def test_determinants_and_eigenvalues(cls, make):
    A = full(make, 4, 2) * np.array([1, -1, 1, 1.0])
    T = triangle(cls, A)
    np.testing.assert_allclose(np.linalg.det(cls(A)), np.linalg.det(T))
    for got, expected in zip(np.linalg.slogdet(cls(A)), np.linalg.slogdet(T), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
    assert np.array_equal(np.linalg.eigvals(cls(A)), np.diagonal(T, 0, -2, -1))
    assert np.array_equal(fr.linalg.logdet(cls(A)), np.linalg.slogdet(cls(A))[1])
    singular = cls(A * 0)
    if cls not in UNIT:
        assert np.all(np.linalg.det(singular) == 0)
        assert np.all(np.linalg.slogdet(singular)[0] == 0)
        assert np.all(np.linalg.slogdet(singular)[1] == -np.inf)
    if cls not in UNIT:
        check_rule(np.linalg.det, cls(A))
        check_rule(lambda A: np.linalg.slogdet(A)[1], cls(A))
        check_rule(np.linalg.eigvals, cls(A))


@pytest.mark.parametrize("cls", CLASSES)
def test_entries(cls):
    A = full(real, 4)
    T = triangle(cls, A)
    for i, j in ((0, 0), (1, 2), (-1, 0), (3, -1)):
        assert cls(A)[i, j] == T[i, j]
    i, j = np.array([0, 1, 3]), np.array([0, 3, 1])
    assert np.array_equal(cls(A)[i, j], T[i, j])
    check_rule(lambda A: A[i, j], cls(A))
    assert np.array_equal(np.asarray(cls(A)), T)
    W = real(4, 4)
    (P,) = cls(A).restrict(W)
    other = cls(full(real, 4)).data
    assert np.isclose(np.sum(P * other), np.sum(W * other))


def test_the_other_triangle_is_not_read():
    A = np.full((3, 3), np.nan)
    A[np.tril_indices(3)] = 1.0
    assert np.array_equal(fr.LowerTriangular(A).to_dense(), np.tril(np.ones((3, 3))))
    assert np.array_equal(np.linalg.solve(fr.LowerTriangular(A), np.ones(3)), [1, 0, 0])
    A[np.diag_indices(3)] = np.nan
    assert np.array_equal(fr.UnitLowerTriangular(A).to_dense(), np.tril(np.ones((3, 3))))


def test_a_gradient_in_a_space_is_projected_at_once():
    s = fr.space(fr.UnitUpperTriangular(np.ones((2, 2)))).spaces[0]
    W = real(2, 2)
    assert np.array_equal(s.project(W), np.triu(W, 1))
    assert np.array_equal(s.project(s.project(W)), s.project(W))


@pytest.mark.parametrize("cls", CLASSES)
def test_single_precision_stays(cls):
    A = cls(full(real, 3).astype("f"))
    x = np.ones(3, "f")
    for result in (A @ x, np.linalg.solve(A, x), np.linalg.inv(A), A @ A, A + A, np.linalg.det(A)):
        assert result.dtype == np.float32
    check_rule(lambda A: np.linalg.solve(A, x), A)
    assert fr.grad(lambda A: np.sum(np.linalg.solve(A, x)))(A).dtype == np.float32


def test_cholesky_factors_are_triangular():
    S = fr.Symmetric(full(real, 3) @ full(real, 3).T + 4 * np.eye(3))
    L = np.linalg.cholesky(S)
    assert type(L) is fr.LowerTriangular
    np.testing.assert_allclose((L @ L.T), S.to_dense(), rtol=1e-12)
    assert type(np.linalg.cholesky(S, upper=True)) is fr.UpperTriangular
    check_rule(lambda S: np.linalg.solve(np.linalg.cholesky(S), np.ones(3)), S)


@pytest.mark.parametrize("cls", CLASSES)
def test_functions_of_triangular_matrices_are_triangular(cls):
    A = full(real, 3) + (0 if cls in UNIT else np.diag([0.0, 1, 2]))
    T = triangle(cls, A)
    for name in ("expm", "logm", "sqrtm", "cosm", "tanhm"):
        F = getattr(fr.linalg, name)(cls(A))
        assert type(F) is WIDE[cls]
        np.testing.assert_allclose(F.to_dense(), getattr(fr.linalg, name)(T), rtol=1e-12, atol=1e-13)
    check_rule(fr.linalg.expm, cls(A))
    check_rule(fr.linalg.sqrtm, cls(A))
    if cls not in UNIT:
        F = fr.linalg.funm(cls(A), np.exp)
        np.testing.assert_allclose(F.to_dense(), scipy.linalg.expm(T), rtol=1e-11, atol=1e-12)


def test_bad_input():
    with pytest.raises(ValueError, match=r"UpperTriangular: A has the shape \(2, 3\) where square"):
        fr.UpperTriangular(np.ones((2, 3)))
    with pytest.raises(ValueError, match="UnitLowerTriangular: A has the shape"):
        fr.UnitLowerTriangular(np.ones(3))
    with pytest.raises(TypeError, match="LowerTriangular: A is of dtype"):
        fr.LowerTriangular([["a"]])
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        np.linalg.solve(fr.LowerTriangular([[1.0, 0.0], [1.0, 0.0]]), np.ones(2))
    with pytest.raises(ValueError, match="solve: shapes"):
        np.linalg.solve(fr.LowerTriangular(np.eye(2)), np.ones(3))
    with pytest.raises(ValueError, match="do not fit together"):
        fr.LowerTriangular(np.eye(2)) @ fr.LowerTriangular(np.eye(3))
    with pytest.raises(AttributeError, match="immutable"):
        fr.LowerTriangular(np.eye(2)).parts = ()


def test_empty():
    for cls in CLASSES:
        A = cls(np.zeros((0, 0)))
        assert A.shape == (0, 0)
        assert np.linalg.det(A) == 1
        assert np.linalg.solve(A, np.zeros((0, 2))).shape == (0, 2)


@settings(deadline=None, max_examples=50)
@given(
    hnp.arrays(
        float, hnp.array_shapes(min_dims=1, max_dims=2, min_side=1, max_side=3), elements=st.floats(-1, 1)
    ),
    st.integers(1, 6),
    st.sampled_from(CLASSES),
)
def test_solutions_of_any_size(b, n, cls):
    b = np.resize(b, (n, *b.shape[1:]))
    A = full(real, n)
    np.testing.assert_allclose(
        np.linalg.solve(cls(A), b), np.linalg.solve(triangle(cls, A), b), rtol=1e-10, atol=1e-12
    )


def test_solve_is_scipys():
    A, b = full(real, 30), real(30)
    x = scipy.linalg.solve_triangular(A, b)
    np.testing.assert_allclose(np.linalg.solve(fr.UpperTriangular(A), b), x, rtol=1e-10)
