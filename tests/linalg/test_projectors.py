"""spectral_projector and invariant_subspace."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.errors import NotDifferentiableError
from frechet.testing import check_rule, numerical_pushforward

rng = np.random.default_rng(16)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def adjoint(X):
    return np.conj(np.swapaxes(X, -1, -2))


def hermitian(X):
    return (X + adjoint(X)) / 2


def left_half(A):
    return fr.linalg.spectral_projector(A, "lhp")


def upper_half(A):
    return fr.linalg.spectral_projector(A, lambda w: w.imag > 0)


def lowest(A):
    return fr.linalg.spectral_projector(hermitian(A), slice(0, 2), assume="hermitian")


def lowest_of_triangle(A):
    return fr.linalg.spectral_projector(A, [0, 1], assume="hermitian")


def onto_subspace(A):
    Q = fr.linalg.invariant_subspace(A, "lhp")
    return np.matmul(Q, adjoint(Q))


def onto_lowest(A):
    Q = fr.linalg.invariant_subspace(hermitian(A), slice(0, 2), assume="hermitian")
    return np.matmul(Q, adjoint(Q))


def with_block(make, n, k, gap=2.0):
    """A matrix with k equal eigenvalues −1 in Jordan blocks and n − k equal ones 1."""
    T = np.diag(np.where(np.arange(n) < k, -gap / 2, gap / 2)) + np.diag(np.ones(n - 1), 1)
    X = np.eye(n) + 0.3 * make(n, n)
    return X @ T @ np.linalg.inv(X)


CASES = [
    *((f, (make(5, 5),)) for make in (real, cplx) for f in (left_half, upper_half, onto_subspace)),
    *((f, (make(4, 4),)) for make in (real, cplx) for f in (lowest, lowest_of_triangle, onto_lowest)),
    *((left_half, (with_block(make, 4, 2),)) for make in (real, cplx)),
    (left_half, (np.array([[1.0]]),)),
]
CASES_STACKED = [
    *((f, (make(2, 3, 3),)) for make in (real, cplx) for f in (left_half, lowest, onto_lowest)),
    (onto_subspace, (np.stack([with_block(real, 3, 2), with_block(real, 3, 2)]),)),
]


# Projectors vary on the scale of the gap between the two parts, which leaves the differences five digits.
@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args, tolerance=1e-5)


@settings(max_examples=12)
@given(st.integers(1, 5), st.integers(0, 5), st.booleans(), st.integers(0, 1000))
def test_rule_for_drawn_spectra(n, k, is_complex, seed):
    local = np.random.default_rng(seed)

    def make(*shape):
        return local.standard_normal(shape) / n + (1j * local.standard_normal(shape) / n if is_complex else 0)

    check_rule(left_half, with_block(make, n, min(k, n), gap=4.0), tolerance=1e-5, seed=seed)


@pytest.mark.parametrize("make", [real, cplx])
@pytest.mark.parametrize("region", ["lhp", "rhp", "iuc", "ouc", lambda w: w.real > 0.5])
def test_a_projector_that_commutes(make, region):
    A = make(6, 6)
    P = fr.linalg.spectral_projector(A, region)
    assert P.dtype == A.dtype
    np.testing.assert_allclose(P @ P, P, atol=1e-12)  # rounding times ‖P‖²/gap
    np.testing.assert_allclose(A @ P, P @ A, atol=1e-12)
    w = np.linalg.eigvals(A)
    tests = {"lhp": w.real < 0, "rhp": w.real >= 0, "iuc": np.abs(w) <= 1, "ouc": np.abs(w) > 1}
    assert np.trace(P).real == pytest.approx(np.count_nonzero(tests.get(region, w.real > 0.5)), abs=1e-11)


def test_one_of_a_conjugate_pair_gives_a_complex_projector():
    A = np.array([[0.0, 1.0], [-1.0, 0.0]])
    P = upper_half(A)
    np.testing.assert_allclose(P, np.array([[1, -1j], [1j, 1]]) / 2, atol=1e-15)


def test_projectors_of_all_and_none():
    A = real(3, 3)
    np.testing.assert_allclose(fr.linalg.spectral_projector(A, lambda w: w.real > -99), np.eye(3), atol=1e-14)
    np.testing.assert_array_equal(fr.linalg.spectral_projector(A, lambda w: w.real > 99), np.zeros((3, 3)))
    assert fr.linalg.invariant_subspace(A, lambda w: w.real > 99).shape == (3, 0)
    assert fr.linalg.spectral_projector(np.zeros((0, 0)), "lhp").shape == (0, 0)
    assert fr.linalg.spectral_projector(np.zeros((2, 0, 0)), "lhp").shape == (2, 0, 0)


def test_single_precision_stays_single():
    A = real(4, 4).astype(np.float32)
    value, tangent = fr.jvp(left_half, (A,), (A @ A,))
    assert value.dtype == tangent.dtype == np.float32
    np.testing.assert_allclose(tangent, np.zeros((4, 4)), atol=1e-4)  # A² commutes with A; rounding


def test_derivatives_in_high_precision():
    # P = (I − sign A)/2, and the sign by Newton's method.
    A, E = with_block(real, 4, 2), real(4, 4)
    tangent = fr.jvp(left_half, (A,), (E,))[1]
    with mpmath.workdps(60):
        M, D = mpmath.matrix(A.tolist()), mpmath.matrix(E.tolist())
        S = mpmath.zeros(8)
        for i in range(4):
            for j in range(4):
                S[i, j] = S[4 + i, 4 + j] = M[i, j]
                S[i, 4 + j] = D[i, j]
        for _ in range(30):  # quadratic convergence; on [[A, E], [0, A]] the corner is the derivative
            S = (S + S**-1) / 2
        exact = np.array([[float(-S[i, 4 + j] / 2) for j in range(4)] for i in range(4)])
    # Rounding over the gap and times the condition of the vectors, whose eigenvalues are in Jordan blocks.
    np.testing.assert_allclose(tangent, exact, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("f", [left_half, onto_subspace])
def test_third_derivatives_at_jordan_blocks(f):
    A, E = with_block(real, 4, 2), real(4, 4)

    def second(A):
        return fr.jvp(lambda A: fr.jvp(f, (A,), (E,))[1], (A,), (E,))[1]

    expected, error = numerical_pushforward(lambda t: [second(A + t * E)], step=1e-3)
    third = fr.jvp(second, (A,), (E,))[1]
    size = np.abs(third).max()
    assert error < 1e-5 * size
    np.testing.assert_allclose(third, expected[0], atol=1e-6 * size)


def test_equal_eigenvalues_inside_and_outside():
    Q = np.linalg.qr(real(4, 4))[0]
    A = hermitian(Q @ np.diag([1.0, 1.0, 3.0, 3.0]) @ Q.T)
    P = Q[:, :2] @ Q[:, :2].T
    E = hermitian(real(4, 4))
    # The resolvent form with one gap: dP = (P E (I − P) + (I − P) E P)/(1 − 3).
    expected = (P @ E @ (np.eye(4) - P) + (np.eye(4) - P) @ E @ P) / (1 - 3)
    np.testing.assert_allclose(fr.jvp(lowest_of_triangle, (A,), (E,))[1], expected, atol=1e-13)
    general = fr.linalg.spectral_projector(A, lambda w: w.real < 2)
    np.testing.assert_allclose(general, P, atol=1e-13)


def test_functions_of_the_basis_are_refused():
    A = with_block(real, 4, 2)
    C = real(4, 2)
    with pytest.raises(NotDifferentiableError, match=r"Q Qᴴ.*spectral_projector"):
        fr.grad(lambda A: np.sum(C * fr.linalg.invariant_subspace(A, "lhp")))(A)
    loose = fr.grad(lambda A: np.sum(C * fr.linalg.invariant_subspace(A, "lhp", gauge_tol=1e3)))
    assert np.isfinite(loose(A)).all()
    np.testing.assert_allclose(
        fr.grad(lambda A: np.sum((C.T @ fr.linalg.invariant_subspace(A, "lhp")) ** 2))(A),
        fr.grad(lambda A: np.sum(C * (onto_subspace(A) @ C)))(A),
        atol=1e-12,
    )


def test_one_factorization_serves_every_order(monkeypatch):
    from frechet.linalg import _spectral_split

    made = []
    original = _spectral_split._ordered_schur
    monkeypatch.setattr(_spectral_split, "_ordered_schur", lambda *a: made.append(1) or original(*a))
    A, E = with_block(real, 4, 2), real(4, 4)
    fr.hvp(lambda A: np.sum(left_half(A) ** 2), (A,), (E,))
    assert len(made) == 1


def test_selections_that_separate_equal_eigenvalues():
    for assume in (None, "hermitian"):
        with pytest.raises(np.linalg.LinAlgError, match="separates eigenvalues that are equal"):
            fr.linalg.spectral_projector(np.eye(3), lambda w: np.arange(3) < 1, assume=assume)
    near = np.diag([1.0, 1.0 + 1e-6, 2.0])
    first = {"select": slice(0, 1), "assume": "hermitian"}
    np.testing.assert_allclose(fr.linalg.spectral_projector(near, **first), np.diag([1.0, 0, 0]), atol=1e-15)
    with pytest.raises(np.linalg.LinAlgError, match="separates"):
        fr.linalg.spectral_projector(near, **first, degeneracy_tol=1e-5)


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((np.ones((2, 3)), "lhp"), {}, "square"),
        ((np.array([[np.nan]]), "lhp"), {}, "infs or NaNs"),
        ((np.eye(2), "left"), {}, "select is one of"),
        ((np.eye(2), slice(0, 1)), {}, "no order"),
        ((np.eye(2), lambda w: True), {}, "mask of shape"),
        ((np.eye(2), lambda w: w.real), {}, "mask of shape"),
        ((np.eye(2), "lhp"), {"assume": "symmetric"}, "assume"),
    ],
)
def test_bad_arguments(args, kwargs, message):
    for f in (fr.linalg.spectral_projector, fr.linalg.invariant_subspace):
        with pytest.raises(ValueError, match=message):
            f(*args, **kwargs)


def test_subspaces_of_different_dimension_do_not_stack():
    A = np.stack([np.diag([-1.0, 1.0]), np.diag([-1.0, -2.0])])
    with pytest.raises(ValueError, match="differ in dimension"):
        fr.linalg.invariant_subspace(A, "lhp")
    assert fr.linalg.spectral_projector(A, "lhp").shape == (2, 2, 2)


def test_selected_eigenvalues_may_differ_by_one():
    # 1/(λ_i − λ_j + 1) stood for the pairs that do not enter, and was 1/0 for λ_j = λ_i + 1.
    A = np.diag([1.0, 2.0, 4.0])
    P = fr.linalg.spectral_projector
    check_rule(lambda A: P(hermitian(A), slice(0, 2), assume="hermitian"), A)
    E = np.ones((3, 3))
    both = [fr.jvp(lambda A, of=of: P(A, **of), (A,), (E,))[1] for of in SELECTIONS]
    np.testing.assert_allclose(both[0], both[1], atol=1e-15)


SELECTIONS = [
    {"select": slice(0, 2), "assume": "hermitian"},
    {"select": lambda w: w.real < 3},
]


@pytest.mark.parametrize("select", [None, [2], [-3], [0.5], [True], True, {1}, "0"])
def test_what_does_not_index_is_refused(select):
    with pytest.raises(ValueError, match=r"^invariant_subspace: .*(does not index 2 eigenvalues|or indices)"):
        fr.linalg.invariant_subspace(np.diag([1.0, 2.0]), select, assume="hermitian")


@pytest.mark.parametrize("select", [[0], 0, -2, [True, False], np.array([0]), slice(-9, 1)])
def test_indices(select):
    projector = fr.linalg.spectral_projector(np.diag([1.0, 2.0]), select, assume="hermitian")
    np.testing.assert_array_equal(projector, np.diag([1.0, 0.0]))
    empty = fr.linalg.spectral_projector(np.diag([1.0, 2.0]), [], assume="hermitian")
    np.testing.assert_array_equal(empty, np.zeros((2, 2)))
