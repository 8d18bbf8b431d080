"""The kernels for Schur forms, square roots of triangular matrices and stacks of triangular equations."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from frechet import _core, _stacks
from frechet.linalg._schur_form import SchurForm

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]


def random(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(dtype)


def adjoint(A):
    return A.conj().swapaxes(-1, -2)


def schur(A):
    T, Z = np.empty_like(A), np.empty_like(A)
    return T, Z, _core.schur(A, T, Z)


def check_form(A, bound=10):
    """T and Z of a stack, after all that makes a Schur form of them has been looked at."""
    T, Z, failures = schur(A)
    assert failures == 0
    n, eps = A.shape[-1], np.finfo(A.dtype).eps
    size = np.abs(A).max((-2, -1), keepdims=True)
    size[size == 0] = 1
    error = np.linalg.norm(Z @ (T / size) @ adjoint(Z) - A / size, axis=(-2, -1))
    # Some 10 n transformations of each entry, whose errors add up like random ones.
    assert (error <= bound * np.sqrt(n) * eps * np.linalg.norm(A / size, axis=(-2, -1))).all()
    assert np.abs(adjoint(Z) @ Z - np.eye(n)).max() <= bound * np.sqrt(n) * eps
    if A.dtype.kind == "c":
        assert not np.tril(T, -1).any()
        return T, Z
    assert not np.tril(T, -2).any()
    lower, upper, diagonal = (np.diagonal(T, k, -2, -1) for k in (-1, 1, 0))
    pair = lower != 0
    assert not (pair[:, 1:] & pair[:, :-1]).any()
    assert (np.sign(lower[pair]) == -np.sign(upper[pair])).all()
    assert (diagonal[:, 1:][pair] == diagonal[:, :-1][pair]).all()
    return T, Z


def nasty(n, dtype):
    """Matrices that make trouble for QR algorithms."""
    double = np.finfo(dtype).eps < 1e-10
    grades = np.logspace(-30 if double else -6, 0, n)
    A, B, C = (random((n, n), dtype, k) for k in range(3))
    shift = np.eye(n, k=-1)
    return np.stack(
        [
            np.zeros((n, n)),
            np.eye(n),
            np.ones((n, n)),
            shift,  # nilpotent
            np.eye(n) + shift.T,  # a Jordan block
            np.tril(A),
            np.tril(A, -1),
            np.roll(np.eye(n), 1, 0),  # which shifts of the usual kind leave as it is
            np.diag(np.arange(n))[::-1],
            shift + 1e-9 * np.eye(n, k=3),
            grades[:, None] * A / grades,
            A * grades,
            grades[:, None] * B,
            np.where(np.abs(B) < 1, 0, B),  # with rows and columns to be isolated
            np.round(C),
            np.where(C.real < 0.3, 1, 0),
            A * (1e-305 if double else 1e-36),
            A * (1e305 if double else 1e35),
            np.kron(np.eye(n)[: -(-n // 2), : -(-n // 2)], [[1, 2], [-3, 1]])[:n, :n],  # equal pairs
            A - A.T,
        ]
    ).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 17, 32, 64])
def test_schur_form(n, dtype):
    check_form(np.concatenate([nasty(n, dtype), random((20, n, n), dtype, 9)]))


ENTRIES = [0, 0, 1, -1, 2, 1e-8, 1e-17, 3e9, -1e-300]


@given(
    st.integers(1, 6).flatmap(lambda n: st.lists(st.sampled_from(ENTRIES), min_size=n * n, max_size=n * n)),
    st.booleans(),
)
@settings(max_examples=300)
def test_schur_form_of_drawn_matrices(entries, is_complex):
    n = int(np.sqrt(len(entries)))
    A = np.array(entries).reshape(1, n, n)
    A = A * (1 + 1j * np.tri(n)) if is_complex else A.astype(float)
    assume(schur(A)[2] == 0)  # 3 in 100 000 of these matrices
    # Some take many steps: the worst of 65 000 is off by 21 √n ε, and LAPACK's worst of 28 000 by 14 √n ε.
    check_form(A, bound=40)


def test_what_the_kernel_does_not_find_lapack_finds(monkeypatch):
    A = np.array(
        [
            [1e-08, 1e-17, 3e9, 1e-08, 0],
            [1e-17, -1, 2, 0, 1e-08],
            [-1, 1e-17, -1, 0, 2],
            [2, 0, 2, 2, 3e9],
            [1e-17, 1e-08, 0, -1, 1e-17],
        ]
    )
    for finds in (True, False):  # with some instruction sets the kernel finds it, with others it does not
        if not finds:
            monkeypatch.setattr(_stacks, "schur", lambda A: (A, A, 1))
        for matrices in (A, np.array([np.eye(5), A])):
            form = SchurForm(matrices)
            error = np.linalg.norm(form.Z @ form.T @ adjoint(form.Z) - matrices, axis=(-2, -1))
            assert (error <= 1e-14 * np.linalg.norm(matrices, axis=(-2, -1))).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_eigenvalues_are_lapacks(dtype):
    A = random((50, 6, 6), dtype)
    T, _, _ = schur(A)
    for t, a in zip(T, A, strict=True):
        expected = scipy.linalg.eigvals(a.astype("D"))
        got = scipy.linalg.eigvals(t.astype("D"))
        # Rounding times the condition of the eigenvalues, up to 40 here; in some order.
        distance = np.abs(got[:, None] - expected).min(1).max()
        assert distance <= 2000 * np.finfo(dtype).eps


def test_triangular_matrices_stay_as_they_are():
    for dtype in DTYPES:
        A = np.triu(random((5, 7, 7), dtype))
        T, Z, _ = schur(A)
        assert np.array_equal(T, A)
        assert np.array_equal(Z, np.broadcast_to(np.eye(7), Z.shape))


def test_isolated_eigenvalues_are_exact():
    A = np.array([[[0.0, 0, 0], [1, 0, 0], [5, 1, 0]], [[3.0, 0, 1], [1, 4, 2], [0, 0, 7]]])
    T, _ = check_form(A)
    assert not np.diagonal(T[0]).any()
    assert sorted(np.diagonal(T[1])) == [3, 4, 7]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_no_form_of_nan_and_no_hanging(dtype, bad):
    A = random((2000, 16, 16), dtype)
    A[5:, 3, 7] = bad
    _, _, failures = schur(A)  # without an end to the iteration it would not return
    assert failures == 1995


# --- roots ----------------------------------------------------------------------------------------


def rooted(T):
    """R with R² = T from the kernel, given its diagonal blocks by another way."""
    X = np.triu(T, 1)
    for x, t in zip(X, T, strict=True):
        n, i = len(t), 0
        while i < n:
            size = 2 if i + 1 < n and t[i + 1, i] != 0 else 1
            block = t[i : i + size, i : i + size]
            x[i : i + size, i : i + size] = (
                np.sqrt(block) if size == 1 else scipy.linalg.sqrtm(block.astype("d"))
            )
            i += size
    return X, _core.root(X)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 3, 6, 9, 30])
def test_roots(n, dtype):
    A = random((15, n, n), dtype) / np.sqrt(n).astype(dtype) + 4 * np.eye(n, dtype=dtype)
    T, _, _ = schur(A)
    R, doubtful = rooted(T)
    assert doubtful == 0
    error = np.linalg.norm(R @ R - T, axis=(1, 2)) / np.linalg.norm(R, axis=(1, 2)) ** 2
    assert (error <= 2 * n * np.finfo(dtype).eps).all()  # Higham, Functions of Matrices, equation (6.6)


def test_roots_of_extreme_size():
    T, _, _ = schur(random((15, 6, 6), float) + 5 * np.eye(6))
    R, _ = rooted(T)
    inside = np.eye(6, dtype=bool) | np.tril(T != 0, -1)
    inside = inside | inside.swapaxes(1, 2)  # the diagonal blocks
    assert np.tril(T, -1).any()
    for factor in (1e-150, 1e150):
        X = np.where(inside, R * factor, np.triu(T, 1) * factor * factor)
        assert _core.root(X) == 0
        np.testing.assert_allclose(X, R * factor, rtol=1e-11, atol=1e-13 * factor)


def test_doubtful_roots_are_counted():
    T = np.array([[[1j, 1], [0, -1j]], [[1j, 1], [0, 1j]]])
    X = T.copy()
    assert _core.root(X) == 1
    assert np.isfinite(X).all()


# --- stacks of triangular equations ---------------------------------------------------------------


KINDS = [(False, False, False), (True, True, False), (False, True, False), (True, False, True)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("m", "n"), [(1, 1), (2, 3), (7, 7), (12, 5), (33, 20)])
def test_sylvester_stacks(m, n, dtype):
    T, _, _ = schur(random((6, m, m), dtype) + 2 * np.sqrt(m).astype(dtype) * np.eye(m, dtype=dtype))
    S, _, _ = schur(random((6, n, n), dtype, 1) + 2 * np.sqrt(n).astype(dtype) * np.eye(n, dtype=dtype))
    F = random((3, 6, m, n), dtype, 2)
    for turn_t, turn_s, minus in KINDS:
        left = adjoint(T) if turn_t else T
        right = adjoint(S) if turn_s else S
        if minus:
            left = left + 9 * np.sqrt(m + n).astype(dtype) * np.eye(m, dtype=dtype)
        X = F.copy()
        given = adjoint(left) if turn_t else left
        assert _core.sylvester(given, S, X.reshape(18, m, n), turn_t, turn_s, minus)
        residual = left @ X + (-1 if minus else 1) * (X @ right) - F
        scale = np.linalg.norm(left, axis=(1, 2)) + np.linalg.norm(right, axis=(1, 2))
        allowed = 5 * (m + n) * np.finfo(dtype).eps * scale * np.linalg.norm(X, axis=(-2, -1))
        assert (np.linalg.norm(residual, axis=(-2, -1)) <= allowed).all()
        for k in range(6):  # the same as one by one
            one = F[:, k].copy()
            _core.sylvester(given[k], S[k], one, turn_t, turn_s, minus)
            assert np.array_equal(one, X[:, k])


def test_sylvester_with_one_matrix_for_a_stack():
    T, _, _ = schur(random((6, 4, 4), float) + 4 * np.eye(4))
    S = np.triu(random((3, 3), float, 1)) + 4 * np.eye(3)
    F = random((6, 4, 3), float, 2)
    X = F.copy()
    assert _core.sylvester(T, S, X)
    np.testing.assert_allclose(T @ X + X @ S, F, atol=1e-13)  # rounding
    assert not _core.sylvester(T, -T, np.ones((6, 4, 4)))  # one singular equation is enough


def test_real_form_near_a_double_eigenvalue():
    # Blocks whose eigenvalues are real or not by a hair, against 50 digits.
    for t in (1e-17, -1e-17, 1e-15, -1e-15, 1e-13, -1e-13):
        A = np.array([[[1.0, 1.0], [t, 1.0 + t]]])
        T, _ = check_form(A)
        mpmath.mp.dps = 50
        exact = mpmath.eig(mpmath.matrix(A[0].tolist()), left=False, right=False)
        got = np.linalg.eigvals(T[0])
        # A double eigenvalue moves by the root of rounding.
        assert max(abs(complex(a) - got).min() for a in exact) <= 1e-7
