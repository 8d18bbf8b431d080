"""Sparse arrays under differentiation: every operation on every format, against full arrays."""

import numpy as np
import pytest
import scipy.sparse as sp

import frechet as fr
from frechet.testing import check_rule
from tests.sparse.samples import ARRAYS, MATRICES, ODD, on_pattern, sample, values

# Rounding of double precision over some tens of terms; with float32 of single precision.
CLOSE = {"rtol": 1e-12, "atol": 1e-12}

B = sample("csr_array", float, (4, 6), 7)
D = values(24, float, 3).reshape(4, 6)
P = sample("csc_array", float, (6, 3), 5)
X = values(12, float, 2).reshape(6, 2)
Z = values(8, float, 4).reshape(2, 4)


def full(y):
    """A sparse result as a full array."""
    return y.toarray() if hasattr(y, "toarray") else y


def sums(A, axis):
    """The sums along an axis as a vector; those of SciPy's matrices are an np.matrix."""
    y = A.sum(axis=axis)
    return np.asarray(y).ravel() if sp.issparse(A) else y.ravel()


# Each operation, on the sparse array and on the full one.
OPERATIONS = {
    "toarray": (lambda A: A.toarray(), lambda A: A),
    "negative": (lambda A: -A, lambda A: -A),
    "multiple": (lambda A: 2.5 * A, lambda A: 2.5 * A),
    "multiple on the right": (lambda A: A * 2.5, lambda A: 2.5 * A),
    "quotient": (lambda A: A / 3.0, lambda A: A / 3.0),
    "sum with itself": (lambda A: A + A, lambda A: A + A),
    "sum": (lambda A: A + B, lambda A: A + B.toarray()),
    "sum on the right": (lambda A: B + A, lambda A: A + B.toarray()),
    "difference": (lambda A: A - B, lambda A: A - B.toarray()),
    "difference on the right": (lambda A: B - A, lambda A: B.toarray() - A),
    "sum with a full array": (lambda A: A + D, lambda A: A + D),
    "difference of a full array": (lambda A: D - A, lambda A: D - A),
    "zero": (lambda A: A + 0, lambda A: A),
    "multiply sparse": (lambda A: A.multiply(B), lambda A: A * B.toarray()),
    "multiply itself": (lambda A: A.multiply(A), lambda A: A * A),
    "multiply full": (lambda A: A.multiply(D), lambda A: A * D),
    "multiply row": (lambda A: A.multiply(D[0]), lambda A: A * D[0]),
    "multiply column": (lambda A: A.multiply(D[:, :1]), lambda A: A * D[:, :1]),
    "multiply sparse row": (lambda A: A.multiply(B[:1]), lambda A: A * B[:1].toarray()),
    "multiply sparse column": (lambda A: A.multiply(B[:, [1]]), lambda A: A * B[:, [1]].toarray()),
    "divide by full": (lambda A: A / (D**2 + 1), lambda A: A / (D**2 + 1)),
    "power": (lambda A: A.power(3), lambda A: A**3),
    "matrix and vector": (lambda A: A @ X[:, 0], lambda A: A @ X[:, 0]),
    "matrix and matrix": (lambda A: A @ X, lambda A: A @ X),
    "vector and matrix": (lambda A: Z[0] @ A, lambda A: Z[0] @ A),
    "full and sparse": (lambda A: Z @ A, lambda A: Z @ A),
    "dot": (lambda A: A.dot(X), lambda A: A @ X),
    "sparse product": (lambda A: A @ P, lambda A: A @ P.toarray()),
    "sparse product on the right": (lambda A: P.T @ A.T, lambda A: P.T.toarray() @ A.T),
    "Gram": (lambda A: A.T @ A, lambda A: A.T @ A),
    "transpose": (lambda A: A.T, lambda A: A.T),
    "conjugate transpose": (lambda A: A.conj().T, lambda A: A.conj().T),
    "transpose()": (lambda A: A.transpose(), lambda A: A.T),
    "conj": (lambda A: A.conj(), np.conj),
    "real": (lambda A: A.real, np.real),
    "imag": (lambda A: A.imag, np.imag),
    "sum of all": (lambda A: A.sum(), np.sum),
    "sum of columns": (lambda A: sums(A, 0), lambda A: A.sum(0)),
    "sum of rows": (lambda A: sums(A, 1), lambda A: A.sum(1)),
    "mean": (lambda A: A.mean(), np.mean),
    "trace": (lambda A: A.trace(), np.trace),
    "trace above": (lambda A: A.trace(1), lambda A: np.trace(A, 1)),
    "diagonal": (lambda A: A.diagonal(), np.diagonal),
    "diagonal below": (lambda A: A.diagonal(-2), lambda A: np.diagonal(A, -2)),
    "tocsr": (lambda A: A.tocsr(), lambda A: A),
    "tocsc": (lambda A: A.tocsc(), lambda A: A),
    "tocoo": (lambda A: A.tocoo(), lambda A: A),
    "todia": (lambda A: A.todia(), lambda A: A),
    "tobsr": (lambda A: A.tobsr((2, 3)) if A.format != "bsr" else A, lambda A: A),
    "reshape": (lambda A: A.reshape((3, 8)), lambda A: A.reshape(3, 8)),
    "reshape by columns": (lambda A: A.reshape((3, 8), order="F"), lambda A: A.reshape((3, 8), order="F")),
    "slice": (lambda A: A.tocsr()[1:3, ::2], lambda A: A[1:3, ::2]),
    "rows": (lambda A: A.tocsr()[[2, 0, 2]], lambda A: A[[2, 0, 2]]),
    "columns": (lambda A: A.tocsc()[:, [3, 1]], lambda A: A[:, [3, 1]]),
    "entry": (lambda A: A.tocsr()[0, 1], lambda A: A[0, 1]),
    "tril": (lambda A: fr.sparse.tril(A, 1), lambda A: np.tril(A, 1)),
    "triu": (lambda A: fr.sparse.triu(A, -1, format="csr"), lambda A: np.triu(A, -1)),
    "hstack": (lambda A: fr.sparse.hstack([A, B, 2 * A]), lambda A: np.hstack([A, B.toarray(), 2 * A])),
    "vstack": (lambda A: fr.sparse.vstack([B, A], format="csc"), lambda A: np.vstack([B.toarray(), A])),
    "block_array": (lambda A: fr.sparse.block_array([[A, None], [B, A]]),
                    lambda A: np.block([[A, 0 * A], [B.toarray(), A]])),
    "block_diag": (lambda A: fr.sparse.block_diag([A, [[1.0, 2.0]], A]),
                   lambda A: np.block([[A, np.zeros((4, 8))],
                                       [np.zeros((1, 6)), np.array([[1.0, 2.0]]), np.zeros((1, 6))],
                                       [np.zeros((4, 8)), A]])),
    "kron": (lambda A: fr.sparse.kron(A, P), lambda A: np.kron(A, P.toarray())),
    "kron on the right": (lambda A: fr.sparse.kron(P, A, format="csr"), lambda A: np.kron(P.toarray(), A)),
    "kron with a full one": (lambda A: fr.sparse.kron(A, sp.csr_array(D)), lambda A: np.kron(A, D)),
    "kron with itself": (lambda A: fr.sparse.kron(A, A), lambda A: np.kron(A, A)),
    "sin": (lambda A: A.sin(), np.sin),
    "expm1": (lambda A: A.expm1(), np.expm1),
    "tanh": (lambda A: A.tanh(), np.tanh),
    "round trip": (lambda A: fr.sparse.csr_array(A.tocsc()), lambda A: A),
}  # fmt: skip


CASES = [
    *((name, dtype) for name in ARRAYS for dtype in (float, complex)),
    *((name, complex) for name in ODD),
]


@pytest.mark.parametrize(("name", "dtype"), CASES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_operations(operation, name, dtype):
    sparse, dense = OPERATIONS[operation]
    A = sample(name, dtype)

    def f(A):
        return full(sparse(A.copy()))  # as some of SciPy's methods add up duplicates in place

    before = A.copy()
    y = f(A)
    expected = dense(A.toarray())
    np.testing.assert_allclose(y, expected, **CLOSE)
    check_rule(f, A)
    # the gradient on the pattern is that of the full array there
    w = values(np.size(expected), complex, 9).reshape(np.shape(expected))

    def real_part(f):
        return lambda A: np.sum(np.real(np.conj(w) * f(A)))

    g = fr.grad(real_part(f))(A)
    G = fr.grad(real_part(dense))(A.toarray())
    assert type(g) is type(A)
    assert g.dtype == A.dtype
    np.testing.assert_allclose(g.data, on_pattern(G, A), **CLOSE)
    np.testing.assert_array_equal(A.data, before.data)


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize(
    "operation", ["multiple", "sum", "matrix and vector", "full and sparse", "sum of columns", "sum of rows",
                  "sparse product", "multiply sparse", "slice", "hstack", "transpose"]
)  # fmt: skip
def test_matrices(operation, name):
    test_operations(operation, name, float)
    A = sample(name)
    out = fr.vjp(OPERATIONS[operation][0], A)[0]
    if operation in ("multiple", "sum", "sparse product", "multiply sparse", "slice", "transpose"):
        assert isinstance(out, sp.spmatrix)


SQUARE = {
    "star": (lambda A: A * A, lambda A: A @ A),
    "star with a vector": (lambda A: A * X[:4, 0], lambda A: A @ X[:4, 0]),
    "vector star": (lambda A: X[:4, 0] * A, lambda A: X[:4, 0] @ A),
    "matrix power": (lambda A: A**3, lambda A: A @ A @ A),
    "zeroth power": (lambda A: A**0 + A, lambda A: np.eye(4) + A),
    "H": (lambda A: A.getH() @ A, lambda A: A.conj().T @ A),
}


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("operation", SQUARE)
def test_the_star_of_matrices_multiplies_them(operation, name):
    sparse, dense = SQUARE[operation]
    A = sample(name, complex, (4, 4))
    np.testing.assert_allclose(full(sparse(A)), dense(A.toarray()), **CLOSE)
    check_rule(lambda A: full(sparse(A)), A)


@pytest.mark.parametrize("name", ARRAYS)
def test_the_star_of_arrays_is_entry_by_entry(name):
    A = sample(name, float)
    np.testing.assert_allclose((A * A).toarray(), A.toarray() ** 2, **CLOSE)
    check_rule(lambda A: (A * A).toarray(), A)
    check_rule(lambda A: (A * D).toarray(), A)
    check_rule(lambda A: (D * A).toarray(), A)
    check_rule(lambda A: (A**2).toarray(), A)


# --- both operands -----------------------------------------------------------------------------------------

TWO = {
    "sum": lambda A, B: A + B,
    "difference": lambda A, B: A - B,
    "multiply": lambda A, B: A * B,
    "product": lambda A, B: A @ B.T,
    "Gram": lambda A, B: A.conj().T @ B,
    "kron": fr.sparse.kron,
    "hstack": lambda A, B: fr.sparse.hstack([A, B]),
}


@pytest.mark.parametrize(("a", "b"), [(float, float), (complex, float), (float, complex), (complex, complex)])
@pytest.mark.parametrize("operation", TWO)
def test_two_traced_arrays(operation, a, b):
    f = TWO[operation]
    for first, second in (
        ("csr_array", "csc_array"),
        ("coo_duplicates", "dia_array"),
        ("bsr_array", "csr_unsorted"),
    ):
        check_rule(lambda A, B: full(f(A, B)), sample(first, a), sample(second, b, seed=3))


@pytest.mark.parametrize("first", ARRAYS)
@pytest.mark.parametrize("second", ARRAYS)
def test_results_have_scipys_format(first, second):
    A, B = sample(first), sample(second, seed=3)
    for f in TWO.values():
        traced = fr.vjp(lambda A, B, f=f: f(A, B), A, B)[0]
        assert traced.format == f(A, B).format
        np.testing.assert_allclose(traced.toarray(), f(A, B).toarray(), **CLOSE)


@pytest.mark.parametrize("name", ["csr_array", "csc_array", "dia_array"])
@pytest.mark.parametrize(("a", "x"), [(float, complex), (complex, float), (complex, complex)])
def test_traced_array_and_traced_full_array(name, a, x):
    A, x = sample(name, a), values(12, x, 5).reshape(6, 2)
    check_rule(lambda A, x: A @ x, A, x)
    check_rule(lambda A, x: A @ x, A, x[:, 0])
    check_rule(lambda A, x: x.T @ A.T, A, x)
    check_rule(lambda A, x: A.multiply(x[:, 0]).toarray(), A, x)
    check_rule(lambda A, x: A + x[:, 0], A, x)
    check_rule(lambda A, x: (A * x[0, 0]).toarray(), A, x)
    check_rule(lambda A, x: (x[0, 0] * A).toarray(), A, x)


@pytest.mark.parametrize("name", [*ARRAYS, *MATRICES, "lil_array", "dok_array", *ODD])
def test_plain_sparse_arrays_meet_traced_full_ones(name):
    A = sample("csr_array").asformat(name[:3]) if name[:3] in ("lil", "dok") else sample(name)
    x, z = X[:, 0], Z[0]
    check_rule(lambda x: A @ x, x)
    check_rule(lambda X: A @ X, X)
    check_rule(lambda z: z @ A, z)
    check_rule(lambda Z: Z @ A, Z)
    check_rule(lambda s: (A * s).toarray(), 2.0)
    check_rule(lambda s: (s * A).toarray(), 2.0)
    check_rule(lambda s: (A / s).toarray(), 2.0)
    check_rule(lambda D: fr.sparse.asarray(A).multiply(D).toarray(), D)
    if isinstance(A, sp.sparray):
        check_rule(lambda D: (A * D).toarray(), D)
        check_rule(lambda D: (D * A).toarray(), D)
        check_rule(lambda D: A + D, D)
        check_rule(lambda D: D - A, D)
    else:
        check_rule(lambda x: A * x, x)
        check_rule(lambda z: z * A, z)
    J = fr.jacobian(lambda x: A @ x)(x)
    np.testing.assert_allclose(J, A.toarray(), **CLOSE)


NUMPYS = {
    "dot": (np.dot, lambda A, x: A @ x),
    "dot from the left": (lambda A, x: np.dot(x, A), lambda A, x: x @ A),
    "method dot": (lambda A, x: x.dot(A), lambda A, x: x @ A),
    "matmul": (np.matmul, lambda A, x: A @ x),
    "matmul from the left": (lambda A, x: np.matmul(x, A), lambda A, x: x @ A),
    "multiply": (lambda A, x: np.multiply(A, x).toarray(), lambda A, x: A * x),
    "multiply from the left": (lambda A, x: np.multiply(x, A).toarray(), lambda A, x: A * x),
    "add": (np.add, lambda A, x: A + x),
    "subtract": (lambda A, x: np.subtract(x, A), lambda A, x: x - A),
    "divide": (lambda A, x: np.divide(A, x).toarray(), lambda A, x: A / x),
}


@pytest.mark.parametrize("name", [*ARRAYS, *MATRICES, "lil_array", "dok_matrix"])
@pytest.mark.parametrize("function", NUMPYS)
def test_numpys_functions_of_plain_sparse_arrays_and_traced_ones(function, name):
    # NumPy takes such an array for a number, in an array of objects.
    A = sample("csr_array", shape=(4, 4))
    A, full, x = getattr(sp, name)(A), A.toarray(), values(16, float, 6).reshape(4, 4)
    f, reference = NUMPYS[function]
    value, tangent = fr.jvp(lambda x: f(A, x), (x,), (x + 1,))
    expected, its = fr.jvp(lambda x: reference(full, x), (x,), (x + 1,))
    np.testing.assert_allclose(value, expected, **CLOSE)
    np.testing.assert_allclose(tangent, its, **CLOSE)


def test_numpys_functions_that_sparse_arrays_do_not_have_are_named():
    A = sample("csr_array", shape=(4, 4))
    with pytest.raises(fr.NotDifferentiableError, match=r"np\.inner has no method for traced sparse arrays"):
        fr.grad(lambda x: np.sum(np.inner(x, A)))(np.ones(4))
    with pytest.raises(
        fr.NotDifferentiableError, match=r"np\.maximum has no method for traced sparse arrays"
    ):
        fr.grad(lambda x: np.sum(np.maximum(x, A)))(np.ones((4, 4)))


def test_a_list_of_traced_values_beside_a_plain_sparse_array_is_refused():
    A = sample("csr_array", shape=(4, 4))
    with pytest.raises(fr.errors.CoercionError, match=r"fr\.array\(\[\.\.\.\]\) for a list of traced values"):
        fr.grad(lambda x: np.sum(A @ [x[0], x[1], x[2], x[3]]))(np.ones(4))


# --- arrays without entries ---------------------------------------------------------------------------------

OF_EMPTY = [
    lambda A: A @ np.ones(A.shape[1]), lambda A: A.T @ np.ones(A.shape[0]), lambda A: (A + 2 * A).data,
    lambda A: (A @ A.T).toarray(), lambda A: A.sum(axis=0), lambda A: A.sum(), lambda A: (A * A).toarray(),
    lambda A: A.toarray(), lambda A: A.diagonal(), lambda A: fr.sparse.hstack([A, A]).toarray(),
    lambda A: fr.sparse.kron(A, A).toarray(), lambda A: A.tocoo().tocsc().toarray(),
    lambda A: A.multiply(np.ones(A.shape)).toarray(), lambda A: A.sin().toarray(),
]  # fmt: skip


@pytest.mark.parametrize("shape", [(3, 4), (0, 4), (3, 0), (0, 0)])
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_without_entries(name, shape):
    A = getattr(sp, name)(shape)
    done = 0
    for operation in OF_EMPTY:
        try:
            expected = operation(A)
        except (ValueError, TypeError, RuntimeError):  # SciPy refuses some of these for some formats
            continue
        y, pullback = fr.vjp(operation, A)
        np.testing.assert_array_equal(y, expected)
        (g,) = pullback(np.ones_like(y) if np.ndim(y) else 1.0)
        assert type(g) is type(A)
        assert g.shape == A.shape
        done += 1
    assert done >= 7
