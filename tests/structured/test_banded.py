"""Banded, tridiagonal, symmetric tridiagonal and bidiagonal matrices, against full arrays."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.structured import StructuredMatrix
from frechet.testing import check_rule

rng = np.random.default_rng(6)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def banded(l, u):
    def make(draw, n, *stack):
        ab = draw(*stack, l + u + 1, n)
        ab[..., u, :] += 2 * (l + u + 1)
        return fr.Banded(ab, (l, u))

    return make


def tridiagonal(draw, n, *stack):
    return fr.Tridiagonal(draw(*stack, n - 1), 5 + draw(*stack, n), draw(*stack, n - 1))


def symmetric(draw, n, *stack):
    return fr.SymTridiagonal(5 + draw(*stack, n), draw(*stack, n - 1))


def bidiagonal(form):
    return lambda draw, n, *stack: fr.Bidiagonal(5 + draw(*stack, n), draw(*stack, n - 1), form)


MAKERS = {
    "banded 1 2": banded(1, 2),
    "banded 2 0": banded(2, 0),
    "banded 0 0": banded(0, 0),
    "tridiagonal": tridiagonal,
    "symmetric": symmetric,
    "upper": bidiagonal("upper"),
    "lower": bidiagonal("lower"),
}
SIDES = {"upper": (1,), "lower": (-1,), None: (1, -1)}  # where e is


def dense(x):
    return x.to_dense() if isinstance(x, StructuredMatrix) else x


def reference(A):
    """The full array, entry by entry."""
    n, lead = A.shape[-1], A.shape[:-2]
    M = np.zeros(A.shape, A.dtype)
    for at in np.ndindex(lead):
        for i in range(n):
            for j in range(n):
                if isinstance(A, fr.Banded):
                    row = A.form[1] + i - j
                    if 0 <= row < A.ab.shape[-2]:
                        M[(*at, i, j)] = A.ab[(*at, row, j)]
                elif i == j:
                    M[(*at, i, j)] = A.d[(*at, i)]
                elif isinstance(A, fr.Tridiagonal) and abs(i - j) == 1:
                    M[(*at, i, j)] = A.lower[(*at, j)] if i > j else A.upper[(*at, i)]
                elif not isinstance(A, fr.Tridiagonal) and j - i in SIDES[A.form]:
                    M[(*at, i, j)] = A.e[(*at, min(i, j))]
    return M


N = 4
B = real(N, N)
d = fr.Diagonal(real(N))
OPERATIONS = {
    "to_dense": dense,
    "sum": lambda A: A + A.conj(),
    "difference": lambda A: A - 0.5 * A.mT,
    "multiple": lambda A: -A * 3.0 / 2,
    "sum with an array": lambda A: A + B,
    "entrywise": lambda A: A * A,
    "entrywise with the transpose": lambda A: A * A.mT,
    "entrywise with an array": lambda A: A * B,
    "product": lambda A: A @ A,
    "product with the transpose": lambda A: A @ A.mT,
    "product with an array": lambda A: A @ B,
    "array times it": lambda A: B @ A,
    "with a vector": lambda A: A @ B[0],
    "vector times it": lambda A: B[0] @ A,
    "rows scaled": lambda A: (d if isinstance(A, StructuredMatrix) else d.to_dense()) @ A,
    "columns scaled": lambda A: A @ (d if isinstance(A, StructuredMatrix) else d.to_dense()),
    "sum with a diagonal": lambda A: A + (d if isinstance(A, StructuredMatrix) else d.to_dense()),
    "solve": lambda A: np.linalg.solve(A, B),
    "solve with the adjoint": lambda A: np.linalg.solve(A.mT.conj(), B),
    "inv": np.linalg.inv,
    "power": lambda A: np.linalg.matrix_power(A, 3),
    "slogdet": lambda A: tuple(np.linalg.slogdet(A)),
    "det": np.linalg.det,
    "trace": lambda A: np.trace(A, axis1=-2, axis2=-1),
    "diagonal": lambda A: np.diagonal(A, 0, -2, -1),
    "diagonal above": lambda A: np.diagonal(A, 1, -2, -1),
    "diagonal below": lambda A: np.diagonal(A, -1, -2, -1),
    "diagonal far away": lambda A: np.diagonal(A, 3, -2, -1),
    "norm": lambda A: np.linalg.norm(A, axis=(-2, -1)),
    "norm 1": lambda A: np.linalg.norm(A, 1, (-2, -1)),
    "norm inf": lambda A: np.linalg.matrix_norm(A, ord=np.inf),
    "real part": lambda A: A.real,
    "imaginary part": lambda A: A.imag,
}


def test_full_arrays():
    for make in MAKERS.values():
        for draw in (real, cplx):
            for shape in ((1,), (2,), (5,), (4, 2), (3, 2, 1)):
                A = make(draw, *shape)
                assert np.array_equal(A.to_dense(), reference(A))
                assert np.array_equal(A.mT.to_dense(), np.swapaxes(reference(A), -1, -2))
                assert A.shape == reference(A).shape
                W = draw(*A.shape)
                Q = make(draw, *shape)
                inner = sum(np.sum(np.conj(p) * q) for p, q in zip(A.restrict(W), Q.parts, strict=True))
                assert np.isclose(inner, np.sum(np.conj(W) * Q.to_dense()))


def constant(A, name):
    """Whether there is nothing to differentiate."""
    nothing = {"imaginary part"} if A.dtype.kind != "c" else set()
    if isinstance(A, fr.Banded) and A.form[1] == 0:
        nothing |= {"diagonal above", "diagonal far away"}
    if isinstance(A, fr.Banded) and A.form[0] == 0:
        nothing |= {"diagonal below"}
    if isinstance(A, fr.Bidiagonal):
        nothing |= {"diagonal below" if A.form == "upper" else "diagonal above"}
    return name in nothing | {"diagonal far away"}


@pytest.mark.parametrize("draw", [real, cplx])
@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(name, kind, draw):
    op = OPERATIONS[name]
    for stack in ((), (2,)):
        A = MAKERS[kind](draw, N, *stack)
        got, expected = op(A), op(reference(A))
        for a, b in zip(*((x if isinstance(x, tuple) else (x,)) for x in (got, expected)), strict=True):
            np.testing.assert_allclose(dense(a), b, rtol=1e-11, atol=1e-11)
        if constant(A, name) or (stack and draw is cplx):
            continue
        check_rule(op, A)


@pytest.mark.parametrize("draw", [real, cplx])
@pytest.mark.parametrize("kind", MAKERS)
def test_gradients_are_those_of_the_full_array_on_the_structure(kind, draw):
    W = draw(5, 5)

    def f(A):
        X = np.linalg.solve(A, W)
        return (
            np.real(np.sum(W * X)) + np.real(np.linalg.slogdet(A)[1]) + np.real(np.sum((A @ X) * (A.mT @ W)))
        )

    A = MAKERS[kind](draw, 5)
    g, G = fr.grad(f)(A), fr.grad(f)(A.to_dense())
    assert type(g) is type(A)
    assert g.form == A.form
    for got, expected, s in zip(g.parts, A.restrict(G), A.part_spaces(), strict=True):
        np.testing.assert_allclose(got, s.gradient(expected), rtol=1e-10, atol=1e-11)


def test_what_the_results_are():
    A = {name: make(real, 5) for name, make in MAKERS.items()}
    T, S, U, L, Bd = (A[k] for k in ("tridiagonal", "symmetric", "upper", "lower", "banded 1 2"))
    D = fr.Diagonal(real(5))
    for result, cls, form in (
        (T + T, fr.Tridiagonal, None),
        (T + S, fr.Tridiagonal, None),
        (S + S, fr.SymTridiagonal, None),
        (S - D, fr.SymTridiagonal, None),
        (S + fr.Symmetric(real(5, 5)), fr.Symmetric, None),
        (U + U, fr.Bidiagonal, "upper"),
        (D + L, fr.Bidiagonal, "lower"),
        (U - D, fr.Bidiagonal, "upper"),
        (U + L, fr.Tridiagonal, None),
        (U * L, fr.Diagonal, None),
        (U + S, fr.Tridiagonal, None),
        (U @ U, fr.Banded, (0, 2)),
        (U @ L, fr.Banded, (1, 1)),
        (S @ T, fr.Banded, (2, 2)),
        (D @ S, fr.Tridiagonal, None),
        (U @ D, fr.Bidiagonal, "upper"),
        (D @ Bd, fr.Banded, (1, 2)),
        (Bd + A["banded 2 0"], fr.Banded, (2, 2)),
        (Bd * A["banded 2 0"], fr.Banded, (1, 0)),
        (Bd + D, fr.Banded, (1, 2)),
        (Bd @ T, fr.Banded, (2, 3)),
        (Bd @ Bd @ Bd, fr.Banded, (3, 4)),
        (Bd.T, fr.Banded, (2, 1)),
        (U.T, fr.Bidiagonal, "lower"),
        (S.T, fr.SymTridiagonal, None),
        (np.linalg.inv(S), fr.Symmetric, None),
        (np.linalg.inv(U), fr.UpperTriangular, None),
        (np.linalg.inv(L), fr.LowerTriangular, None),
        (np.linalg.cholesky(S), fr.Bidiagonal, "lower"),
        (np.linalg.cholesky(S, upper=True), fr.Bidiagonal, "upper"),
        (fr.linalg.expm(S), fr.Symmetric, None),
        (D + fr.UpperTriangular(real(5, 5)), fr.UpperTriangular, None),
        (D + fr.Symmetric(real(5, 5)), fr.Symmetric, None),
        (np.stack([Bd, Bd]), fr.Banded, (1, 2)),
        (np.stack([S, S])[0], fr.SymTridiagonal, None),
    ):
        assert type(result) is cls
        assert result.form == form
    assert type(np.linalg.inv(T)) is np.ndarray
    np.testing.assert_allclose(dense(D + L), reference(D.converted(fr.Banded)) + reference(L))


def test_entries():
    for make in MAKERS.values():
        A = make(real, 4)
        M = reference(A)
        i, j = np.divmod(np.arange(16), 4)
        assert np.array_equal(A[i, j], M[i, j])
        assert A[-1, 2] == M[-1, 2]
        assert A[0, 3] == M[0, 3]
        check_rule(lambda A, i=i, j=j: A[i, j], A)
        assert np.array_equal(np.asarray(A), M)


def test_the_symmetric_tridiagonal_gradient_is_shared_by_two_entries():
    A = fr.SymTridiagonal([1.0, 2.0], [3.0])
    g = fr.grad(lambda A: A[0, 1])(A)
    assert np.array_equal(g.to_dense(), [[0, 0.5], [0.5, 0]])
    assert np.array_equal(fr.grad(lambda e: fr.SymTridiagonal(np.ones(2), e)[0, 1])(np.ones(1)), [1])


def test_corners_are_not_read():
    ab = np.array([[np.nan, 1.0, 1], [2, 2, 2], [1, 1, np.nan]])
    A = fr.Banded(ab, (1, 1))
    assert np.array_equal(A.to_dense(), [[2, 1, 0], [1, 2, 1], [0, 1, 2]])
    g = fr.grad(lambda ab: np.sum(fr.Banded(ab, (1, 1)).ab ** 2))(ab)
    assert np.array_equal(g, [[0, 2, 2], [4, 4, 4], [2, 2, 0]])
    s = fr.space(A).spaces[0]
    assert s.project(A.ab) is A.ab  # nothing to do
    assert np.array_equal(s.project(np.ones((3, 3))), [[0, 1, 1], [1, 1, 1], [1, 1, 0]])


# --- spectra and factors -----------------------------------------------------------------------------------


def test_eigenvalues_of_symmetric_tridiagonal_matrices():
    for stack in ((), (2,)):
        A = symmetric(real, 4, *stack)
        w, V = np.linalg.eigh(A)
        np.testing.assert_allclose(np.linalg.eigvalsh(A), np.linalg.eigvalsh(reference(A)))
        np.testing.assert_allclose(V * w[..., None, :] @ np.swapaxes(V, -1, -2), reference(A), atol=1e-12)
        assert np.linalg.eigh(A).eigenvalues.shape == (*stack, 4)
        check_rule(np.linalg.eigvalsh, A)
        check_rule(lambda A: np.linalg.eigh(A)[1] ** 2, A)
    U = bidiagonal("upper")(real, 4)
    assert np.array_equal(np.linalg.eigvals(U), U.d)
    with pytest.warns(fr.DensifyWarning):  # complex symmetric matrices have no spectral theorem
        np.linalg.eigvalsh(symmetric(cplx, 3))


def test_cholesky_factors():
    A = symmetric(real, 5)
    L = np.linalg.cholesky(A)
    np.testing.assert_allclose((L @ L.T).to_dense(), reference(A), atol=1e-13)
    U = np.linalg.cholesky(A, upper=True)
    np.testing.assert_allclose((U.T @ U).to_dense(), reference(A), atol=1e-13)
    check_rule(np.linalg.cholesky, A)
    with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
        np.linalg.cholesky(fr.SymTridiagonal([1.0, 1.0], [2.0]))


def test_functions_of_symmetric_tridiagonal_matrices():
    A = symmetric(real, 4)
    expected = scipy.linalg.expm(reference(A))
    # Both are exact to rounding relative to the largest entry.
    np.testing.assert_allclose(fr.linalg.expm(A).to_dense(), expected, atol=1e-13 * expected.max())
    check_rule(fr.linalg.expm, A)


# --- determinants ------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 40),
    l=st.integers(0, 4),
    u=st.integers(0, 4),
    draw=st.sampled_from([real, cplx]),
    shift=st.sampled_from([0.0, 3.0]),
)
def test_the_inverse_on_the_bands(n, l, u, draw, shift):
    """Also where nothing is dominant, so that larger blocks or an LU with pivoting must be taken."""
    ab = draw(l + u + 1, n)
    ab[u] += shift
    A = fr.Banded(ab, (l, u))
    M = reference(A)
    condition = np.linalg.cond(M)
    if condition > 1e9:
        return
    g = fr.grad(lambda A: np.linalg.slogdet(A)[1])(A).to_dense()
    expected = fr.Banded.of(A.restrict(np.conj(np.linalg.inv(M).T)), A.form).to_dense()
    # Elimination without interchanges between blocks loses some digits more than the LU; what loses many is
    # found out.
    np.testing.assert_allclose(g, expected, atol=1e-11 * condition * np.abs(expected).max())
    sign, logdet = np.linalg.slogdet(M)
    assert np.isclose(np.linalg.slogdet(A)[0], sign)
    assert np.isclose(np.linalg.slogdet(A)[1], logdet)


@pytest.mark.parametrize("n", [1, 2, 7, 30])
@pytest.mark.parametrize("l", [1, 2])
def test_a_zero_diagonal(n, l):
    """Blocks of the smallest size are singular."""
    ab = real(2 * l + 1, 2 * n)
    ab[l] = 0
    A = fr.Banded(ab, (l, l))
    expected = fr.Banded.of(A.restrict(np.linalg.inv(reference(A)).T), A.form)
    g = fr.grad(lambda A: np.linalg.slogdet(A)[1])(A)
    np.testing.assert_allclose(
        g.to_dense(), expected.to_dense(), rtol=1e-8, atol=1e-8 * np.abs(expected.ab).max()
    )
    if n == 7:
        check_rule(lambda A: np.linalg.slogdet(A)[1], A, tolerance=1e-5)


def test_a_matrix_that_takes_pivoting(monkeypatch):
    """A cyclic shift by many places: blocks on its diagonal are singular up to the size that is tried."""
    n, k = 300, 150
    ab = np.zeros((2 * k + 1, n))
    ab[0, k:] = 1.0 + np.arange(k)  # A[i, i + k]
    ab[2 * k, :k] = 2.0
    A = fr.Banded(ab, (k, k))
    g = fr.grad(lambda A: np.linalg.slogdet(A)[1])(A)
    np.testing.assert_allclose(g.to_dense(), np.linalg.inv(reference(A)).T)
    from frechet.linalg import _cyclic_reduction

    small = tridiagonal(real, 6)
    by_blocks = fr.hvp(lambda A: np.linalg.slogdet(A)[1], (small,), (small,))[0]
    monkeypatch.setattr(_cyclic_reduction, "_tested", lambda *arguments: None)
    monkeypatch.setattr(_cyclic_reduction, "_LARGEST_CHUNK", 12)
    np.testing.assert_allclose(
        fr.hvp(lambda A: np.linalg.slogdet(A)[1], (small,), (small,))[0].to_dense(), by_blocks.to_dense()
    )
    check_rule(lambda A: np.linalg.slogdet(A)[1], small)
    check_rule(lambda A: np.linalg.slogdet(A)[1], tridiagonal(cplx, 4, 2))


def test_singular_matrices():
    A = fr.Tridiagonal([1.0], [1.0, 1.0], [1.0])
    assert tuple(np.linalg.slogdet(A)) == (0, -np.inf)
    assert np.linalg.det(A) == 0
    with pytest.raises(
        np.linalg.LinAlgError, match=r"singular, where the derivative .* np.linalg.det\(A.to_dense"
    ):
        fr.grad(np.linalg.det)(A)
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        np.linalg.solve(A, np.ones(2))
    G = fr.grad(lambda A: np.linalg.det(A.to_dense()))(A)
    np.testing.assert_allclose(G.to_dense(), [[1, -1], [-1, 1]])


def test_third_derivatives_of_a_determinant():
    A = fr.Tridiagonal(real(3), 3 + real(4), real(3))
    V = fr.Tridiagonal(real(3), real(4), real(3))

    def third(f):
        def along(t):
            return f(t)

        return fr.grad(fr.grad(fr.grad(along)))(0.3)

    M, W = reference(A), reference(V)
    got = third(lambda t: np.linalg.slogdet(A + t * V)[1])
    assert np.isclose(got, third(lambda t: np.linalg.slogdet(M + t * W)[1]), rtol=1e-9)


# --- memory, precision, input ------------------------------------------------------------------------------


def test_no_full_array_is_made():
    n = 200_000
    b = real(n)
    tracemalloc.start()
    for A in (
        fr.Tridiagonal(real(n - 1), 5 + real(n), real(n - 1)),
        fr.SymTridiagonal(5 + real(n), real(n - 1)),
        banded(1, 1)(real, n),
        fr.Bidiagonal(5 + real(n), real(n - 1), "lower"),
    ):
        g = fr.grad(lambda A: np.sum(A @ np.linalg.solve(A @ A, b)) + np.linalg.slogdet(A)[1])(A)
        assert type(g) is type(A)
    assert tracemalloc.get_traced_memory()[1] < 1000 * n * 8  # a full array has 200 times as much
    tracemalloc.stop()


@pytest.mark.parametrize("kind", MAKERS)
def test_single_precision_stays(kind):
    A = MAKERS[kind](real, 4).astype("f")
    x = np.ones(4, "f")
    for result in (A @ x, np.linalg.solve(A, x), A @ A, A + A, np.linalg.slogdet(A)[1], A.to_dense()):
        assert result.dtype == np.float32
    check_rule(lambda A: np.linalg.solve(A, x), A)
    check_rule(lambda A: np.linalg.slogdet(A)[1], A)
    assert fr.grad(lambda A: np.linalg.slogdet(A)[1])(A).dtype == np.float32


def test_broadcast_parts():
    A = fr.SymTridiagonal(5 + real(3, 4), real(3))
    assert A.shape == (3, 4, 4)
    assert np.array_equal(A[1].e, A.e[0])
    check_rule(lambda d, e: np.linalg.solve(fr.SymTridiagonal(d, e), B), 5 + real(3, 4), real(3))


def test_bad_input():
    for call, message in (
        (
            lambda: fr.Banded(np.ones((2, 4)), (1, 1)),
            r"Banded: ab must have l \+ u \+ 1 rows for .*\(1, 1\), got",
        ),
        (lambda: fr.Banded(np.ones((1, 4)), (1, -1)), "Banded: ab must have"),
        (lambda: fr.Banded(np.ones(4), (0, 0)), "Banded: ab has the shape"),
        (
            lambda: fr.Tridiagonal(np.ones(3), np.ones(3), np.ones(2)),
            "Tridiagonal: lower has the shape .* one entry",
        ),
        (lambda: fr.SymTridiagonal(np.ones(3), np.ones(3)), "SymTridiagonal: e has the shape"),
        (lambda: fr.SymTridiagonal(np.ones((2, 3)), np.ones((3, 2))), "do not broadcast"),
        (
            lambda: fr.Bidiagonal(np.ones(3), np.ones(2), "both"),
            "Bidiagonal: form is 'upper' or 'lower', got 'both'",
        ),
        (lambda: tridiagonal(real, 3) + tridiagonal(real, 4), "do not fit together"),
        (lambda: np.linalg.solve(tridiagonal(real, 3), np.ones(4)), "solve: shapes"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError):
        fr.Banded(np.ones((1, 4)), (0.0, 0))
    with pytest.raises(IndexError, match="out of bounds"):
        tridiagonal(real, 3)[0, 3]
    with pytest.warns(fr.DensifyWarning, match="np.linalg.svd has no method for Tridiagonal"):
        np.linalg.svd(tridiagonal(real, 3))


def test_empty():
    for A in (
        fr.Banded(np.zeros((3, 0)), (1, 1)),
        fr.Tridiagonal([], [], []),
        fr.SymTridiagonal([], []),
        fr.Bidiagonal([], [], "upper"),
    ):
        assert A.shape == (0, 0)
        assert A.to_dense().shape == (0, 0)
        assert tuple(np.linalg.slogdet(A)) == (1, 0)
        assert np.linalg.solve(A, np.zeros((0, 2))).shape == (0, 2)
        assert (A @ A).shape == (0, 0)


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 6),
    widths=st.tuples(*[st.integers(0, 3)] * 4),
    draw=st.sampled_from([real, cplx]),
)
def test_arithmetic_of_any_widths(n, widths, draw):
    """Also where there are more diagonals than the matrix has."""
    l, u, p, q = widths
    X, Y = banded(l, u)(draw, n), banded(p, q)(draw, n)
    M, K = reference(X), reference(Y)
    for got, expected in ((X + Y, M + K), (X @ Y, M @ K), (X * Y, M * K), (X.T @ Y, M.T @ K)):
        assert isinstance(got, fr.Banded)
        np.testing.assert_allclose(got.to_dense(), expected, atol=1e-10)
        assert np.array_equal(got.to_dense(), reference(got))
