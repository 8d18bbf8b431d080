"""The algebra of linear maps: adjoints, stacks, written-out forms, and SciPy's iterative solvers on them."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import scipy.sparse.linalg as spla
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.linear_map import (
    LinearMap,
    adjoint_matrix,
    basis,
    compose,
    conjugate,
    conjugate_transpose,
    identity,
    left,
    linear,
    right,
    zero,
)
from frechet.maps import diagonal, imaginary_part, real_part, transpose

# Identities between sums of a few products of numbers of size one: a few units of 2^-52 per operation.
EXACT = 1e-12


def numbers(rng, shape, complex_=False):
    x = rng.standard_normal(shape)
    return x + 1j * rng.standard_normal(shape) if complex_ else x


def inner(a, b):
    """⟨a, b⟩ = Re Σ conj(a)·b."""
    return float(np.real(np.sum(np.conj(a) * b)))


def assert_adjoint(m, in_shape, out_shape, complex_=True, seed=0):
    rng = np.random.default_rng(seed)
    v, w = numbers(rng, in_shape, complex_), numbers(rng, out_shape, complex_)
    assert inner(m(v), w) == pytest.approx(inner(v, m.adjoint(w)), rel=EXACT, abs=EXACT)


# --- random expressions of maps of n × n matrices -------------------------------------------------

N = 3


def leaf(seed, complex_):
    rng = np.random.default_rng(seed)
    return st.sampled_from(
        [
            left(numbers(rng, (N, N), complex_)),
            right(numbers(rng, (N, N), complex_)),
            diagonal(numbers(rng, (N, N), complex_)),
            diagonal(numbers(rng, (N,), complex_), (N, N)),
            transpose((1, 0)),
            identity,
            linear(lambda v: v[..., ::-1, :], lambda w: w[..., ::-1, :]),
        ]
    )


def expressions(complex_):
    leaves = st.integers(0, 50).flatmap(lambda seed: leaf(seed, complex_))
    scalars = st.sampled_from([2.0, -0.5, np.float64(3.0), 1] + ([1j, 0.5 - 2j] if complex_ else []))
    return st.recursive(
        leaves,
        lambda m: st.one_of(
            st.tuples(m, m).map(lambda p: p[0] @ p[1]),
            st.tuples(m, m).map(lambda p: p[0] + p[1]),
            st.tuples(m, m).map(lambda p: p[0] - p[1]),
            st.tuples(scalars, m).map(lambda p: p[0] * p[1]),
            st.tuples(m, scalars).map(lambda p: p[0] * p[1]),
            m.map(lambda a: -a),
            m.map(lambda a: a.adjoint),
        ),
        max_leaves=6,
    )


def as_matrix(m, dtype=float):
    return np.reshape(m.to_dense((N, N), dtype), (N * N, N * N))


def scaled(m):
    """An absolute tolerance at the size of a matrix."""
    return EXACT * max(1.0, float(np.max(np.abs(m))))


@settings(max_examples=60)
@given(expressions(complex_=False), st.integers(0, 100))
def test_real_expression_written_out_is_its_action(m, seed):
    v = np.random.default_rng(seed).standard_normal((N, N))
    M = as_matrix(m)
    np.testing.assert_allclose(M @ v.ravel(), m(v).ravel(), atol=scaled(M) * 10)


@settings(max_examples=60)
@given(expressions(complex_=True), st.integers(0, 100))
def test_complex_expression_written_out_is_its_action(m, seed):
    v = numbers(np.random.default_rng(seed), (N, N), True)
    M = as_matrix(m, complex)
    np.testing.assert_allclose(M @ v.ravel(), m(v).ravel(), atol=scaled(M) * 10)


@settings(max_examples=60)
@given(expressions(complex_=True), st.integers(0, 100))
def test_adjoint_of_expression(m, seed):
    rng = np.random.default_rng(seed)
    v, w = numbers(rng, (N, N), True), numbers(rng, (N, N), True)
    size = float(np.sqrt(inner(m(v), m(v)) * inner(w, w))) + 1.0
    assert abs(inner(m(v), w) - inner(v, m.adjoint(w))) <= 1e-11 * size


@settings(max_examples=60)
@given(expressions(complex_=True))
def test_matrix_of_the_adjoint_is_the_conjugate_transpose(m):
    M = as_matrix(m, complex)
    np.testing.assert_allclose(as_matrix(m.adjoint, complex), M.conj().T, atol=scaled(M))


@settings(max_examples=60)
@given(expressions(complex_=True))
def test_rows_are_the_pullbacks_of_the_unit_vectors(m):
    looped = np.array([m.pull(e.reshape(N, N)) for e in np.eye(N * N, dtype=complex)]).reshape(N, N, N, N)
    np.testing.assert_allclose(m.rows((N, N), complex), looped, atol=scaled(looped))


@settings(max_examples=60)
@given(expressions(complex_=True), st.sampled_from([(1,), (4,), (2, 3), (0,)]))
def test_stack_of_directions_is_a_loop(m, stack):
    rng = np.random.default_rng(1)
    vs = numbers(rng, (*stack, N, N), True)
    for function in (m.push, m.pull):
        stacked = function(vs)
        assert stacked.shape == (*stack, N, N)
        for at in np.ndindex(stack):
            one = function(vs[at])
            np.testing.assert_allclose(stacked[at], one, atol=scaled(one))


@settings(max_examples=30)
@given(expressions(complex_=True), expressions(complex_=True))
def test_laws_of_the_adjoint(m, k):
    rng = np.random.default_rng(2)
    w = numbers(rng, (N, N), True)
    for one, other in [
        ((m @ k).adjoint, k.adjoint @ m.adjoint),
        ((m + k).adjoint, m.adjoint + k.adjoint),
        ((m - k).adjoint, m.adjoint - k.adjoint),
        (((2 - 1j) * m).adjoint, m.adjoint * (2 + 1j)),
        (m.adjoint.adjoint, m),
        ((-m).adjoint, -m.adjoint),
    ]:
        np.testing.assert_allclose(one(w), other(w), atol=1e-11 * (1 + np.max(np.abs(other(w)))))


def test_operand_is_not_changed():
    v = np.ones((2, N, N))
    v.flags.writeable = False
    A = np.arange(9.0).reshape(N, N)
    m = 2 * (left(A) @ right(A) - diagonal(A) @ transpose((1, 0))) + identity
    m(v), m.adjoint(v)
    assert np.array_equal(v, np.ones((2, N, N)))
    stride_0 = np.broadcast_to(np.float64(1.0), (2, N, N))
    np.testing.assert_allclose(m(stride_0), m(v), rtol=EXACT)


# --- maps one by one ------------------------------------------------------------------------------

rng = np.random.default_rng(0)
A, B = numbers(rng, (4, 3), True), numbers(rng, (5, 2), True)  # V ↦ A V B from (3, 5) to (4, 2)


@pytest.mark.parametrize(
    ("m", "in_shape", "out_shape"),
    [
        (left(A), (3, 5), (4, 5)),
        (right(B), (4, 5), (4, 2)),
        (left(A) @ right(B), (3, 5), (4, 2)),
        (right(B) @ left(A), (3, 5), (4, 2)),
        (-2j * (left(A) @ right(B)), (3, 5), (4, 2)),
        (left(A) @ right(B) * -3.0, (3, 5), (4, 2)),
        (left(numbers(rng, (6, 4, 3))), (6, 3, 2), (6, 4, 2)),  # stacked matrices
        (right(numbers(rng, (6, 3, 2))), (6, 4, 3), (6, 4, 2)),
        (left(numbers(rng, (4, 3))), (6, 3, 2), (6, 4, 2)),  # one matrix for a stack
        (conjugate, (3, 2), (3, 2)),
        (conjugate_transpose, (3, 2), (2, 3)),
        (real_part, (3,), (3,)),
        (imaginary_part, (3,), (3,)),
        (identity, (2, 2), (2, 2)),
        (2j * identity, (), ()),
        (conjugate @ left(A) @ conjugate, (3, 5), (4, 5)),
        (
            left(A) @ right(B)
            + linear(
                lambda v: 1j * (A @ np.conj(v) @ B), lambda w: np.conj(-1j * A.conj().T @ w @ B.conj().T)
            ),
            (3, 5),
            (4, 2),
        ),
    ],
)
def test_adjoint(m, in_shape, out_shape):
    assert_adjoint(m, in_shape, out_shape)
    assert_adjoint(m.adjoint, out_shape, in_shape, seed=1)


def test_left_right_is_the_kronecker_product():
    M = (left(A) @ right(B)).to_dense((3, 5), complex)
    assert M.shape == (4, 2, 3, 5)
    np.testing.assert_allclose(M.reshape(8, 15), np.kron(A, B.T), rtol=EXACT)
    for other in (
        right(B) @ left(A),
        -(left(A) @ right(-B)),
        left(A / 2) @ (2 * right(B)),
        compose(right(B), left(A)),
    ):
        np.testing.assert_allclose(other.to_dense((3, 5), complex), M, rtol=EXACT)
    np.testing.assert_allclose(left(A).to_dense((3, 2)).reshape(8, 6), np.kron(A, np.eye(2)), rtol=EXACT)
    np.testing.assert_allclose(right(B).to_dense((3, 5)).reshape(6, 15), np.kron(np.eye(3), B.T), rtol=EXACT)


def test_structured_maps_are_written_out_without_a_pass_over_a_stack():
    # Counted, not timed: writing out a Kronecker product or a diagonal must not push a stack of unit vectors.
    calls = []

    class Counting(np.ndarray):
        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            calls.append(ufunc.__name__)
            inputs = [np.asarray(x) if isinstance(x, Counting) else x for x in inputs]
            return getattr(ufunc, method)(*inputs, **kwargs)

    C = np.eye(4).view(Counting)
    (left(C) @ right(C)).to_dense((4, 4))
    assert "matmul" not in calls
    assert calls.count("multiply") <= 2
    D = diagonal(np.arange(3.0)).to_dense((3,))
    assert np.array_equal(D, np.diag(np.arange(3.0)))


def test_jacobian_of_a_single_rule_is_written_out_directly():
    A = np.random.default_rng(0).standard_normal((4, 4)) + 4 * np.eye(4)
    Y = np.linalg.inv(A)
    np.testing.assert_allclose(fr.jacobian(np.linalg.inv)(A).reshape(16, 16), -np.kron(Y, Y.T), rtol=1e-10)


@pytest.mark.parametrize("n", [1, 4, 5])
def test_fft_is_written_out_as_the_dft_matrix(n):
    k = np.arange(n)
    F = np.exp(-2j * np.pi * np.outer(k, k) / n)
    J = fr.linearize(np.fft.fft, np.zeros(n, complex))[1].to_dense()
    np.testing.assert_allclose(J, F, atol=1e-13 * n)  # the phases lose up to n roundings


def test_sum_of_maps_is_flat_and_associative():
    a, b, c = left(np.eye(2)), right(np.eye(2)), transpose((1, 0))
    v = np.arange(4.0).reshape(2, 2)
    for m in ((a + b) + c, a + (b + c), functools.reduce(LinearMap.__add__, [a, b, c])):
        assert np.array_equal(m(v), 2 * v + v.T)
        assert np.array_equal((m.adjoint)(v), 2 * v + v.T)


def test_composition_drops_identities():
    a = left(np.eye(2))
    assert identity @ a is a
    assert a @ identity is a
    assert identity @ identity is identity
    assert compose() is identity


def test_scalars():
    v = np.array([1.0 + 2j, -3j])
    for c in (2, 2.0, np.float32(2), np.float64(2), np.int64(2), 1j, np.complex64(1j), np.array(2.0)):
        np.testing.assert_allclose((c * identity)(v), c * v, rtol=EXACT)
        np.testing.assert_allclose((identity * c)(v), c * v, rtol=EXACT)
        np.testing.assert_allclose((identity * c).adjoint(v), np.conj(c) * v, rtol=EXACT)
    assert isinstance(np.float64(2) * identity, LinearMap)


def test_a_real_factor_commutes_with_real_linear_maps_and_a_complex_one_stays_outside():
    v = np.array([1 + 2j])
    assert (2.0 * conjugate)(v) == 2 - 4j
    assert (1j * conjugate)(v) == 1j * (1 - 2j)
    assert (conjugate @ (1j * identity))(v) == np.conj(1j * (1 + 2j))


@pytest.mark.parametrize("other", [np.ones(3), np.ones((3, 3)), [1, 2], "two", None, np.array([2.0])])
def test_what_is_no_scalar_is_refused_as_a_factor(other):
    with pytest.raises(TypeError):
        identity * other
    with pytest.raises(TypeError):
        other * identity


@pytest.mark.parametrize("other", [np.ones((3, 3)), 2.0, None, "two"])
def test_what_is_no_map_is_refused_in_sums_and_products(other):
    for operation in (
        lambda: identity + other,
        lambda: identity - other,
        lambda: identity @ other,
        lambda: other + identity,
        lambda: other @ identity,
    ):
        with pytest.raises((TypeError, ValueError)):
            operation()


def test_zero_says_why_it_cannot_be_applied():
    with pytest.raises(TypeError, match="zero map"):
        zero(np.ones(2))


def test_abstract_map():
    with pytest.raises(NotImplementedError):
        LinearMap().push(1.0)
    with pytest.raises(NotImplementedError):
        LinearMap().pull(1.0)


def test_basis():
    assert basis(()).shape == ()
    assert basis(()) == 1.0
    assert np.array_equal(basis((2, 3)).reshape(6, 6), np.eye(6))
    assert basis((0,)).shape == (0, 0)
    assert basis((2,), np.float32).dtype == np.float32


def test_empty_and_scalar_spaces():
    E = left(np.zeros((0, 3)))
    assert E(np.zeros((3, 2))).shape == (0, 2)
    assert E.to_dense((3, 2)).shape == (0, 2, 3, 2)
    assert left(np.zeros((2, 0))).to_dense((0, 1)).shape == (2, 1, 0, 1)
    assert np.array_equal(left(np.zeros((2, 0)))(np.zeros((0, 1))), np.zeros((2, 1)))
    assert (3.0 * identity).to_dense(()) == 3.0


def test_float32_stays_float32():
    A = np.eye(3, dtype=np.float32)
    m = -(left(A) @ right(A)) * 2.0
    assert m(A).dtype == np.float32
    assert m.adjoint(A).dtype == np.float32
    assert m.to_dense((3, 3), np.float32).dtype == np.float32


def test_maps_are_differentiable_code():
    # d/dA of ⟨W, A V A⟩ = Wᵀ-contractions, here against the product rule
    rng = np.random.default_rng(3)
    A, V, W, E = (rng.standard_normal((3, 3)) for _ in range(4))

    def pushed(A):
        return np.sum(W * (left(A) @ right(A))(V))

    _, tangent = fr.jvp(pushed, (A,), (E,))
    assert tangent == pytest.approx(np.sum(W * (E @ V @ A + A @ V @ E)), rel=EXACT)
    assert np.sum(fr.grad(pushed)(A) * E) == pytest.approx(tangent, rel=EXACT)
    written = fr.jacobian(lambda A: (left(A) @ right(A)).to_dense((3, 3)))(A)
    np.testing.assert_allclose(
        np.tensordot(written, E, 2).reshape(9, 9), np.kron(E, A.T) + np.kron(A, E.T), atol=1e-13
    )


# --- as SciPy's LinearOperator --------------------------------------------------------------------

tall = np.random.default_rng(5).standard_normal((7, 4))
square = np.random.default_rng(6).standard_normal((6, 6)) + 6 * np.eye(6)


def bound(matrix):
    return left(matrix).on(np.zeros((matrix.shape[1], 1)))


def derivative(matrix):
    return fr.linearize(lambda x: matrix @ x, np.zeros(matrix.shape[1]))[1]


@pytest.mark.parametrize("make", [bound, derivative])
def test_shape_and_dtype(make):
    L = make(tall)
    assert L.shape == (7, 4)
    assert L.dtype == np.float64


@pytest.mark.parametrize("make", [bound, derivative])
def test_lsmr(make):
    b = np.arange(7.0)
    x = spla.lsmr(make(tall), b, atol=1e-14, btol=1e-14)[0]
    np.testing.assert_allclose(
        x, np.linalg.lstsq(tall, b)[0], atol=1e-9
    )  # lsmr's stopping rule times the condition


@pytest.mark.parametrize("make", [bound, derivative])
def test_lsqr_with_the_adjoint_as_operator(make):
    b = np.arange(4.0)
    x = spla.lsqr(make(tall).adjoint, b, atol=1e-14, btol=1e-14)[0]
    np.testing.assert_allclose(x, np.linalg.lstsq(tall.T, b)[0], atol=1e-9)


@pytest.mark.parametrize("make", [bound, derivative])
def test_gmres_and_bicg(make):
    b = np.arange(6.0)
    for solver in (spla.gmres, spla.bicg):  # bicg needs the adjoint too
        x, info = solver(make(square), b, rtol=1e-12, atol=0)
        assert info == 0
        np.testing.assert_allclose(x, np.linalg.solve(square, b), rtol=1e-9)


@pytest.mark.parametrize("make", [bound, derivative])
def test_svds(make):
    s = spla.svds(make(square), k=2, return_singular_vectors=False, v0=np.ones(6))
    np.testing.assert_allclose(np.sort(s), np.sort(np.linalg.svd(square, compute_uv=False))[-2:], rtol=1e-9)


@pytest.mark.parametrize("make", [bound, derivative])
def test_aslinearoperator(make):
    O = spla.aslinearoperator(make(tall))
    np.testing.assert_allclose(O @ np.eye(4), tall, rtol=EXACT)
    np.testing.assert_allclose(O.adjoint() @ np.eye(7), tall.T, rtol=EXACT)
    np.testing.assert_allclose(O.H.matmat(np.eye(7)), tall.T, rtol=EXACT)
    np.testing.assert_allclose((O.H @ O) @ np.ones(4), tall.T @ tall @ np.ones(4), rtol=EXACT)


@pytest.mark.parametrize("make", [bound, derivative])
def test_adjoint_is_an_operator_too(make):
    L = make(tall).adjoint
    assert L.shape == (4, 7)
    assert L.dtype == np.float64
    np.testing.assert_allclose(L.matvec(np.arange(7.0)), tall.T @ np.arange(7.0), rtol=EXACT)
    np.testing.assert_allclose(L.rmatvec(np.arange(4.0)), tall @ np.arange(4.0), rtol=EXACT)
    np.testing.assert_allclose(np.reshape(L.to_dense(), (4, 7)), tall.T, rtol=EXACT)
    assert L.adjoint.shape == (7, 4)


@pytest.mark.parametrize("make", [bound, derivative])
def test_normal_equations_by_composition(make):
    L = make(tall)
    normal = L.adjoint @ L
    assert normal.shape == (4, 4)
    x, info = spla.cg(normal, tall.T @ np.arange(7.0), rtol=1e-13)
    assert info == 0
    np.testing.assert_allclose(x, np.linalg.lstsq(tall, np.arange(7.0))[0], atol=1e-9)


@pytest.mark.parametrize("make", [bound, derivative])
def test_sums_and_scalings_keep_their_shape(make):
    L = 2.0 * make(square) - make(np.eye(6)) + (-make(square))
    assert L.shape == (6, 6)
    np.testing.assert_allclose(L.matvec(np.arange(6.0)), (square - np.eye(6)) @ np.arange(6.0), rtol=1e-11)


def test_bound_map_of_a_matrix_valued_argument():
    X = np.zeros((3, 2))
    L = (left(tall[:, :3]) @ right(np.eye(2))).on(X)
    assert L.shape == (14, 6)
    V = np.arange(6.0).reshape(3, 2)
    np.testing.assert_allclose(L.matvec(V.ravel()), (tall[:, :3] @ V).ravel(), rtol=EXACT)
    np.testing.assert_allclose(L.matvec(V.reshape(6, 1)), (tall[:, :3] @ V).ravel(), rtol=EXACT)
    assert L.to_dense().shape == (7, 2, 3, 2)


def test_complex_operator():
    C = square + 1j * np.eye(6)
    L = left(C).on(np.zeros((6, 1), complex))
    assert L.dtype == np.complex128
    x, info = spla.gmres(L, np.ones(6), rtol=1e-12)
    assert info == 0
    np.testing.assert_allclose(x, np.linalg.solve(C, np.ones(6)), rtol=1e-9)
    np.testing.assert_allclose(spla.aslinearoperator(L).H @ np.ones(6), C.conj().T @ np.ones(6), rtol=EXACT)


def test_wrong_length_is_refused():
    for L in (bound(tall), derivative(tall)):
        with pytest.raises(ValueError, match=r"5|shape|reshape"):
            L.matvec(np.ones(5))
        with pytest.raises(ValueError, match=r"5|shape|reshape"):
            L.rmatvec(np.ones(5))


def test_adjoint_matrix_is_a_view_of_a_real_matrix():
    A = np.ones((2, 3))
    assert np.shares_memory(adjoint_matrix(A), A)
    assert adjoint_matrix(np.ones((4, 2, 3))).shape == (4, 3, 2)
