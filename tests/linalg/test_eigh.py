"""eigh and eigvalsh: standard and generalized, subsets, equal eigenvalues."""

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.errors import NotDifferentiableError
from frechet.testing import check_rule

rng = np.random.default_rng(11)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def adjoint(X):
    return np.conj(np.swapaxes(X, -1, -2))


def hermitian(X):
    return (X + adjoint(X)) / 2


def positive(X):
    return np.matmul(X, adjoint(X)) + np.eye(X.shape[-1])


def without_phase(w, v):
    """The eigenvalues, and functions of the vectors that do not change with the phase of each."""
    return w, np.abs(v) ** 2, v[..., :, None, :] * np.conj(v)[..., None, :, :]


def pairs(A, **kwargs):
    return without_phase(*fr.linalg.eigh(hermitian(A), **kwargs))


def pairs_of_triangle(A, **kwargs):
    return without_phase(*fr.linalg.eigh(A, **kwargs))


def generalized(A, B, **kwargs):
    return without_phase(*fr.linalg.eigh(hermitian(A), positive(B), **kwargs))


def values(A, **kwargs):
    return fr.linalg.eigvalsh(hermitian(A), **kwargs)


def generalized_values(A, B, **kwargs):
    return fr.linalg.eigvalsh(hermitian(A), positive(B), **kwargs)


OPTIONS = [
    {},
    {"lower": False},
    {"subset_by_index": (1, 2)},
    {"subset_by_value": (-100, 100)},
    {"driver": "evr"},
]
CASES = [
    *((pairs, (make(4, 4),), kw) for make in (real, cplx) for kw in OPTIONS),
    *((pairs_of_triangle, (make(3, 3),), kw) for make in (real, cplx) for kw in OPTIONS[:3]),
    *((values, (make(4, 4),), kw) for make in (real, cplx) for kw in OPTIONS[:4]),
    *(
        (f, (make(3, 3), make(3, 3)), {"type": k})
        for f in (generalized, generalized_values)
        for make in (real, cplx)
        for k in (1, 2, 3)
    ),
    (generalized, (real(3, 3), cplx(3, 3)), {"subset_by_index": (0, 1), "lower": False}),
    *(
        (generalized_values, (make(3, 3), make(3, 3)), {"type": k})
        for make in (real, cplx)
        for k in (1, 2, 3)
    ),
    (lambda A: tuple(fr.linalg.eigh(A)), (real(3, 3),)),
    (values, (real(1, 1),)),
]
CASES_STACKED = [
    (pairs, (cplx(2, 3, 3),)),
    (pairs, (real(2, 3, 3),), {"subset_by_index": (0, 1)}),
    (values, (real(2, 3, 3),)),
    (generalized, (real(3, 3), real(2, 3, 3))),
]


# Eigenvectors vary on the scale of the gaps between eigenvalues, which leaves the differences five digits.
@pytest.mark.parametrize(("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES + CASES_STACKED])
def test_rule(function, args, kwargs):
    check_rule(function, *args, tolerance=1e-5, **kwargs)


@settings(max_examples=12)
@given(
    st.integers(1, 5),
    st.sampled_from([np.float64, np.complex128]),
    st.integers(0, 1000),
    st.sampled_from([1.0, 1e-3, 1e3]),
)
def test_rule_for_drawn_spectra(n, dtype, seed, scale):
    # Eigenvalues at distances of one: what varies fast has no differences to compare with.
    local = np.random.default_rng(seed)
    X = local.standard_normal((n, n)) + (1j * local.standard_normal((n, n)) if dtype == np.complex128 else 0)
    Q = np.linalg.qr(X)[0]
    A = (Q * (scale * np.arange(1.0, n + 1))) @ adjoint(Q)

    def scaled(A):  # to entries of one, as check_rule moves its arguments by about 0.05
        return pairs(scale * A)

    check_rule(scaled, (A / scale).astype(dtype), tolerance=1e-5, seed=seed)


# Above some size only a half of Hermitian products is computed.
@pytest.mark.parametrize("n", [1, 20, 127, 128, 150])
@pytest.mark.parametrize("dtype", "fdFD")
@pytest.mark.parametrize("reads_triangle", [False, True])
def test_pullback_is_the_formula(n, dtype, reads_triangle):
    local = np.random.default_rng(n)
    X = local.standard_normal((n, n)) + (1j * local.standard_normal((n, n)) if dtype in "FD" else 0)
    Q = np.linalg.qr(X)[0]
    A = hermitian((Q * np.arange(1.0, n + 1)) @ adjoint(Q)).astype(dtype)  # eigenvalues at distances of one
    if reads_triangle:
        A = np.tril(A)
        A[-1, 0] += n > 1  # whatever the other triangle holds is not meant
    (w, V), pullback = fr.vjp(fr.linalg.eigh, A)
    g = local.standard_normal(n).astype(w.dtype)
    W = V * local.standard_normal((n, n)).astype(w.dtype)  # independent of the phase
    G = pullback((g, W))[0]
    w, V, W = w.astype(float), V.astype(complex), W.astype(complex)
    gaps = w - w[:, None] + np.diag(np.full(n, np.inf))
    expected = hermitian(V @ (np.diag(g) + adjoint(V) @ W / gaps) @ adjoint(V))
    if reads_triangle and n > 1:
        expected = np.tril(2 * expected, -1) + np.diag(np.diagonal(expected))
    else:
        assert (adjoint(G) == G).all()
    assert G.dtype == dtype
    # Three products, each of a relative error of some n eps; the smallest gap, at the perturbed A, is 0.1.
    atol = 100 * n * np.finfo(dtype).eps * np.abs(expected).max()
    np.testing.assert_allclose(G, expected if dtype in "FD" else expected.real, atol=atol, rtol=0)


def test_pullback_of_a_traced_cotangent_of_the_values_beside_a_plain_one_of_the_vectors():
    A, W, C = hermitian(real(4, 4)), real(4, 4), real(4, 4)
    (_, V), pullback = fr.vjp(fr.linalg.eigh, A)
    gradient = fr.grad(lambda g: np.sum(pullback((g, W))[0] * C))(np.ones(4))
    np.testing.assert_allclose(gradient, np.diagonal(V.T @ C @ V), rtol=1e-12)  # a few roundings


# --- values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", "fdFD")
@pytest.mark.parametrize("lower", [True, False])
def test_values_are_scipys(dtype, lower):
    A = (cplx(6, 6) if dtype in "FD" else real(6, 6)).astype(dtype)  # only one triangle matters
    w, v = fr.linalg.eigh(A, lower=lower)
    expected = scipy.linalg.eigh(A, lower=lower)[0]
    eps = np.finfo(dtype).eps
    assert (w.dtype, v.dtype) == (expected.dtype, A.dtype)
    np.testing.assert_allclose(w, expected, atol=20 * eps * np.abs(expected).max())  # backward stable, both
    triangle = np.tril(A, -1) if lower else np.triu(A, 1)
    H = triangle + adjoint(triangle) + np.diag(np.diagonal(A).real)
    np.testing.assert_allclose(H @ v, v * w, atol=50 * eps * np.abs(expected).max())
    np.testing.assert_allclose(fr.linalg.eigvalsh(A, lower=lower), expected, atol=20 * eps * np.abs(w).max())


@pytest.mark.parametrize("kind", [1, 2, 3])
@pytest.mark.parametrize("make", [real, cplx])
def test_generalized_values_and_normalization_are_scipys(kind, make):
    A, B = hermitian(make(5, 5)), positive(make(5, 5))
    w, v = fr.linalg.eigh(A, B, type=kind)
    expected, vectors = scipy.linalg.eigh(A, B, type=kind)
    # Rounding times the condition of B, some 1e2.
    np.testing.assert_allclose(w, expected, atol=1e-13 * np.abs(expected).max())
    np.testing.assert_allclose(np.abs(v), np.abs(vectors), atol=1e-12)
    metric = np.linalg.inv(B) if kind == 3 else B
    np.testing.assert_allclose(adjoint(v) @ metric @ v, np.eye(5), atol=1e-12)


def test_subsets_are_scipys():
    A = hermitian(real(6, 6))
    for kw in ({"subset_by_index": [1, 3]}, {"subset_by_value": [-1.0, 1.5]}):
        w, v = fr.linalg.eigh(A, **kw)
        expected, vectors = scipy.linalg.eigh(A, **kw)
        np.testing.assert_allclose(w, expected, atol=1e-14)
        np.testing.assert_allclose(np.abs(v), np.abs(vectors), atol=1e-12)
        np.testing.assert_allclose(fr.linalg.eigvalsh(A, **kw), expected, atol=1e-14)


def test_integers_lists_and_empty():
    w, v = fr.linalg.eigh([[2, 1], [1, 2]])
    np.testing.assert_allclose(w, [1, 3], rtol=1e-15)
    assert v.dtype == np.float64
    gradient = fr.grad(lambda x: fr.linalg.eigvalsh([[x, 1.0], [1.0, x]])[0])(2.0)
    assert gradient == pytest.approx(1.0, rel=1e-14)
    w, v = fr.linalg.eigh(np.zeros((0, 0), np.float32))
    assert (w.shape, v.shape, w.dtype) == ((0,), (0, 0), np.float32)
    w, v = fr.linalg.eigh(np.zeros((2, 0, 3, 3)))
    assert (w.shape, v.shape) == ((2, 0, 3), (2, 0, 3, 3))


def test_arguments_are_not_overwritten():
    A = np.asfortranarray(hermitian(real(4, 4)))
    before = A.copy()
    fr.linalg.eigh(A, overwrite_a=True)
    np.testing.assert_array_equal(A, before)


# --- derivatives in high precision --------------------------------------------------------------------------


def test_derivatives_in_high_precision():
    A, E = hermitian(real(4, 4)), hermitian(real(4, 4))
    (_, v), (dw, dv) = fr.jvp(lambda A: tuple(fr.linalg.eigh(A)), (A,), (E,))
    with mpmath.workdps(50):
        h = mpmath.mpf(10) ** -20  # central differences: h² truncation, 1e-40
        ends = []
        for t in (h, -h):
            M = mpmath.matrix(A.tolist()) + t * mpmath.matrix(E.tolist())
            ends.append(mpmath.eigsy(M))
        exact_w = np.array([float((a - b) / (2 * h)) for a, b in zip(ends[0][0], ends[1][0], strict=True)])
        exact_v = np.empty((4, 4))
        for j in range(4):
            for i in range(4):
                up, down = (e[1][i, j] * mpmath.sign(mpmath.fdot(e[1][:, j], v[:, j].tolist())) for e in ends)
                exact_v[i, j] = float((up - down) / (2 * h))
    np.testing.assert_allclose(dw, exact_w, rtol=1e-13, atol=1e-14)  # rounding
    np.testing.assert_allclose(dv, exact_v, rtol=1e-11, atol=1e-12)  # rounding over the smallest gap


def test_fourth_derivative_of_simple_eigenvalues():
    A, E = np.diag([1.0, 2.0, 4.0]), hermitian(real(3, 3))

    def f(t):
        return np.sum(fr.linalg.eigvalsh(A + t * E) ** 5)

    derivative = f
    for _ in range(4):
        derivative = fr.grad(derivative)
    polynomial = fr.grad(fr.grad(fr.grad(fr.grad(lambda t: np.trace(np.linalg.matrix_power(A + t * E, 5))))))
    assert derivative(0.1) == pytest.approx(polynomial(0.1), rel=1e-9)  # rounding, four times over the gaps


# --- equal eigenvalues --------------------------------------------------------------------------------------


def degenerate(make, *eigenvalues):
    Q = np.linalg.qr(make(len(eigenvalues), len(eigenvalues)))[0]
    return hermitian((Q * np.array(eigenvalues)) @ adjoint(Q))


DEGENERATE = [np.eye(3), *(degenerate(make, 1.0, 1.0, 2.0) for make in (real, cplx))]
SYMMETRIC = [
    (lambda w: np.sum(w**3), lambda A: np.trace(A @ A @ A)),
    (lambda w: np.log(np.sum(np.exp(w))), lambda A: np.log(np.trace(fr.linalg.expm(A)))),
    (np.prod, np.linalg.det),
    (lambda w: np.sum(w[:, None] * w[None, :] ** 2), lambda A: np.trace(A) * np.trace(A @ A)),
]


@pytest.mark.parametrize("A", DEGENERATE)
@pytest.mark.parametrize(("of_values", "of_matrix"), SYMMETRIC)
@pytest.mark.parametrize(
    "eigenvalues",
    [
        fr.linalg.eigvalsh,
        lambda A: fr.linalg.eigh(A)[0],
        lambda A: np.linalg.eigh(A)[0],
        lambda A: fr.linalg.eigvalsh(A, np.eye(3)),
    ],
)
def test_symmetric_functions_of_equal_eigenvalues(A, of_values, of_matrix, eigenvalues):
    def f(A):
        return of_values(eigenvalues(A))

    def g(A):
        return np.real(of_matrix(A))

    E = hermitian(cplx(3, 3) if np.iscomplexobj(A) else real(3, 3))
    close = {"rtol": 1e-11, "atol": 1e-11}  # rounding; nothing is divided by a small gap
    np.testing.assert_allclose(fr.grad(f)(A), hermitian(fr.grad(g)(A)), **close)
    np.testing.assert_allclose(fr.jvp(f, (A,), (E,))[1], fr.jvp(g, (A,), (E,))[1], **close)
    expected = hermitian(fr.hvp(g, (A,), (E,))[0])
    np.testing.assert_allclose(fr.hvp(f, (A,), (E,))[0], expected, **close)  # forward over reverse
    twice = fr.grad(lambda A: np.sum(np.real(np.conj(E) * fr.grad(f)(A))))
    np.testing.assert_allclose(twice(A), expected, **close)  # reverse over reverse
    along = fr.grad(lambda A: fr.jvp(f, (A,), (E,))[1])
    np.testing.assert_allclose(along(A), expected, **close)  # reverse over forward
    if not np.iscomplexobj(A):
        H = fr.hessian(f)(A)
        np.testing.assert_allclose(np.einsum("ijkl,kl", H, E), expected, **close)


def test_a_factor_that_depends_on_the_matrix_otherwise():
    C = real(3, 3)

    def f(A):
        return np.sum(C * A) * np.sum(fr.linalg.eigvalsh(A) ** 3)

    def g(A):
        return np.sum(C * A) * np.trace(A @ A @ A)

    E = hermitian(real(3, 3))
    for A in DEGENERATE[:2]:
        expected = hermitian(fr.hvp(g, (A,), (E,))[0])
        np.testing.assert_allclose(hermitian(fr.hvp(f, (A,), (E,))[0]), expected, rtol=1e-11, atol=1e-11)


def test_a_stack_where_one_matrix_has_equal_eigenvalues():
    A = np.stack([np.eye(3), hermitian(real(3, 3))])
    E = hermitian(real(2, 3, 3))
    got = fr.hvp(lambda A: np.sum(fr.linalg.eigvalsh(A) ** 3), (A,), (E,))[0]
    np.testing.assert_allclose(got, 3 * (A @ E + E @ A), rtol=1e-11, atol=1e-12)  # rounding


def test_single_precision_stays_single_where_eigenvalues_are_equal():
    A, E = np.eye(3, dtype=np.float32), hermitian(real(3, 3)).astype(np.float32)
    got = fr.hvp(lambda A: np.sum(fr.linalg.eigvalsh(A) ** 3), (A,), (E,))[0]
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, 6 * E, rtol=1e-4, atol=1e-4)  # rounding in single precision


def test_several_functions_at_once():
    def f(A):
        w = fr.linalg.eigvalsh(A)
        return np.stack([np.sum(w**2), np.sum(w**3)])

    E, A = hermitian(real(3, 3)), np.eye(3)
    got = fr.jvp(fr.jacobian(f), (A,), (E,))[1]
    np.testing.assert_allclose(got, np.stack([2 * E, 6 * E]), atol=1e-13)
    H = fr.jacobian(fr.jacobian(f))(A)  # forward over reverse
    np.testing.assert_allclose(np.einsum("aijkl,kl", H, E), np.stack([2 * E, 6 * E]), atol=1e-13)
    with pytest.raises(NotDifferentiableError, match="several functions at once"):  # reverse over reverse
        fr.vjp(fr.jacobian(f), A)[1](real(2, 3, 3))


def test_what_cannot_be_had_at_equal_eigenvalues_is_refused():
    def cubes(A):
        return np.sum(fr.linalg.eigvalsh(A) ** 3)

    A, E = np.eye(3), hermitian(real(3, 3))
    with pytest.raises(NotDifferentiableError, match=r"two pushforwards.*fr\.hvp"):
        fr.jvp(lambda A: fr.jvp(cubes, (A,), (E,))[1], (A,), (E,))
    with pytest.raises(NotDifferentiableError, match=r"beyond the second.*trace"):
        fr.grad(lambda A: np.sum(E * fr.hvp(cubes, (A,), (E,))[0]))(A)
    weights = np.array([1.0, 2.0, 3.0])  # distinguishes values that are equal
    with pytest.raises(NotDifferentiableError, match=r"treats them differently.*spectral_projector"):
        fr.hvp(lambda A: np.sum(weights * (fr.linalg.eigvalsh(A) - 1) ** 2), (A,), (E,))


@pytest.mark.parametrize("b", [None, 2 * np.eye(3)])
def test_forward_mode_through_the_values_of_eigh_does_not_ask_for_the_vectors(b):
    def f(A):
        w, v = fr.linalg.eigh(A, b)
        assert v.shape == (3, 3)
        return np.sum(w**3)

    E = hermitian(real(3, 3))
    scale = 1 if b is None else 8
    assert fr.jvp(f, (np.eye(3),), (E,))[1] == pytest.approx(3 * np.trace(E) / scale, rel=1e-13)
    _, L = fr.linearize(f, np.eye(3))
    assert L(E) == pytest.approx(3 * np.trace(E) / scale, rel=1e-13)


@pytest.mark.parametrize("used", [lambda v: v, lambda v: v[0, 0], lambda v: v + 1, lambda v: v @ v.T])
def test_forward_mode_through_the_vectors_of_equal_eigenvalues_is_refused(used):
    E = hermitian(real(3, 3))
    for b in (None, np.eye(3)):
        with pytest.raises(NotDifferentiableError, match=r"equal values.*spectral_projector"):
            fr.jvp(lambda A, b=b: used(fr.linalg.eigh(A, b)[1]), (np.eye(3),), (E,))


def test_vectors_beside_equal_eigenvalues():
    A = DEGENERATE[1]

    def f(A):
        return fr.linalg.eigh(A)[1][0, 2] ** 2

    def g(A):
        return fr.linalg.spectral_projector(A, slice(2, 3), assume="hermitian")[0, 0]

    np.testing.assert_allclose(fr.grad(f)(A), fr.grad(g)(A), atol=1e-14)
    subset = fr.grad(lambda A: fr.linalg.eigh(A, subset_by_index=(2, 2))[1][0, 0] ** 2)
    np.testing.assert_allclose(subset(A), fr.grad(g)(A), atol=1e-14)
    E = hermitian(real(3, 3))  # the pushforward of a subset does not ask for the others
    forward = fr.jvp(lambda A: fr.linalg.eigh(A, subset_by_index=(2, 2))[1][0, 0] ** 2, (A,), (E,))[1]
    assert forward == pytest.approx(np.sum(E * fr.grad(g)(A)), rel=1e-12)


# --- tolerances ---------------------------------------------------------------------------------------------


def test_degeneracy_tol():
    A = np.diag([1.0, 1.0 + 1e-6, 2.0])

    def f(A, tol):
        return fr.linalg.eigh(A, degeneracy_tol=tol)[1][0, 1]

    assert np.isfinite(fr.grad(lambda A: f(A, None))(A)).all()
    with pytest.raises(NotDifferentiableError, match="equal values"):
        fr.grad(lambda A: f(A, 1e-5))(A)


def test_gauge_tol():
    A = hermitian(cplx(3, 3))

    def f(A, tol):
        v = fr.linalg.eigh(A, gauge_tol=tol)[1]
        return np.sum(np.abs(v[0]) ** 4) + 1e-3 * v[1, 1].imag

    with pytest.raises(NotDifferentiableError, match="phase"):
        fr.grad(lambda A: f(A, None))(A)
    assert np.isfinite(fr.grad(lambda A: f(A, 0.1))(A)).all()


# --- bad input ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((np.ones((2, 3)),), {}, "square"),
        ((np.ones(3),), {}, "matrix"),
        ((np.array([[np.nan]]),), {}, "infs or NaNs"),
        ((np.eye(2), np.eye(3)), {}, "wrong b dimensions"),
        ((np.eye(2), np.eye(2)), {"type": 4}, "type"),
        ((np.eye(2),), {"subset_by_index": (0, 2)}, "not valid"),
        ((np.eye(2),), {"subset_by_value": (1, 0)}, "not valid"),
        ((np.eye(2),), {"subset_by_value": (0, 1), "subset_by_index": (0, 1)}, "either"),
        ((np.eye(2),), {"driver": "none"}, "unknown"),
        ((np.eye(2),), {"driver": "gv"}, "requires input b"),
        ((np.eye(2), np.eye(2)), {"driver": "evr"}, "does not accept"),
        ((np.eye(2),), {"driver": "evd", "subset_by_index": (0, 1)}, "subsets"),
        ((np.stack([np.eye(2), 3 * np.eye(2)]),), {"subset_by_value": (0, 2)}, "select by index"),
    ],
)
def test_bad_arguments(args, kwargs, message):
    with pytest.raises(ValueError, match=message):
        fr.linalg.eigh(*args, **kwargs)


def test_indefinite_b():
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        fr.linalg.eigh(np.eye(2), -np.eye(2))


def test_messages_of_eigvalsh_name_it():
    with pytest.raises(ValueError, match=r"^eigvalsh: a must be a square matrix"):
        fr.linalg.eigvalsh(np.ones((1, 2)))
    with pytest.raises(ValueError, match=r"^eigvalsh: wrong b dimensions"):
        fr.linalg.eigvalsh(np.eye(2), np.eye(3))
    with pytest.raises(np.linalg.LinAlgError, match=r"^eigvalsh: b is not positive definite"):
        fr.linalg.eigvalsh(np.eye(2), -np.eye(2))
    with pytest.raises(ValueError, match=r'^eigvalsh: "x" is unknown'):
        fr.linalg.eigvalsh(np.eye(2), driver="x")
    with pytest.raises(ValueError, match=r"^eigvalsh: requested eigenvalue indices"):
        fr.linalg.eigvalsh(np.eye(2), subset_by_index=(0, 2))


def test_large_eigenvalues_that_count_as_equal_and_differ_by_one():
    # Their gap was filled up by one, to zero.  e₃ is the vector of the third eigenvalue, which is apart.
    A = np.diag([1e15, 1e15 + 1, 0.0])

    def third(A):
        return fr.linalg.eigh(A)[1][:, 0]

    def values(A):
        return np.sum(fr.linalg.eigvalsh(A) ** 2)

    E = np.zeros((3, 3))
    E[0, 2] = E[2, 0] = 1.0
    np.testing.assert_allclose(np.abs(fr.jvp(third, (A,), (E,))[1]), [1e-15, 0, 0], rtol=1e-12)
    np.testing.assert_allclose(fr.hvp(values, (A,), (E,))[0], 2 * E, atol=1e-14)
