"""The examples that must come out exactly, and structures in the transformations."""

import dataclasses
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp

import frechet as fr
from frechet.space import EntriesSpace

RNG = np.random.default_rng(17)


def test_an_entry_of_a_symmetric_matrix_made_of_a_number():
    # the upper triangle is read: the entry is 3 x
    assert fr.grad(lambda x: fr.Symmetric([[x, 3 * x], [5 * x, 7 * x]])[0, 1])(np.pi) == 3.0


def test_the_gradient_of_an_entry_of_a_symmetric_matrix():
    G = fr.grad(lambda A: A[0, 1])(fr.Symmetric(np.ones((2, 2))))
    assert type(G) is fr.Symmetric
    np.testing.assert_array_equal(G.to_dense(), [[0, 0.5], [0.5, 0]])


def test_the_gradient_of_an_entry_through_the_constructor():
    G = fr.grad(lambda A: fr.Symmetric(A)[0, 1])(np.ones((2, 2)))
    np.testing.assert_array_equal(G, [[0, 1], [0, 0]])


def test_the_pullback_of_the_full_array():
    _, pullback = fr.vjp(fr.array, fr.Symmetric(np.ones((2, 2))))
    (G,) = pullback(np.array([[1.0, 3.0], [5.0, 7.0]]))
    assert type(G) is fr.Symmetric
    np.testing.assert_array_equal(G.to_dense(), [[1, 4], [4, 7]])


def test_a_real_and_a_complex_factor_have_real_and_complex_gradients():
    A, B = RNG.standard_normal((3, 3)), RNG.standard_normal((3, 3)) + 1j * RNG.standard_normal((3, 3))
    by_A, by_B = fr.grad(lambda A, B: np.linalg.norm(A @ B), argnums=(0, 1))(A, B)
    assert by_A.dtype == np.float64
    assert by_B.dtype == np.complex128
    for matrix in (fr.Symmetric(A), fr.Tridiagonal(A[0, :2], A[1], A[2, :2])):
        gradient = fr.grad(lambda A: np.linalg.norm(A @ B))(matrix)
        assert type(gradient) is type(matrix)
        assert gradient.dtype == np.float64


def test_the_exponential_of_a_hermitian_matrix_at_equal_eigenvalues():
    C = RNG.standard_normal((3, 3)) + 1j * RNG.standard_normal((3, 3))
    A = fr.Hermitian(2 * np.eye(3, dtype=complex))
    G = fr.grad(lambda A: np.real(np.trace(C @ fr.linalg.expm(A))))(A)
    assert type(G) is fr.Hermitian
    # at a multiple of the identity the derivative of exp is multiplication by e²
    expected = np.exp(2) * (C + C.conj().T) / 2
    np.testing.assert_allclose(G.to_dense(), expected, rtol=1e-13)


def test_the_inverse_of_a_large_diagonal_matrix_takes_no_more_than_vectors():
    n = 10**6
    D = fr.Diagonal(RNG.uniform(1, 2, n))
    fr.grad(lambda D: np.trace(np.linalg.inv(D)))(fr.Diagonal(np.ones(3)))  # loads what is loaded late
    tracemalloc.start()
    G = fr.grad(lambda D: np.trace(np.linalg.inv(D)))(D)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert type(G) is fr.Diagonal
    np.testing.assert_allclose(G.d, -1 / D.d**2)
    assert peak < 20 * 8 * n  # a few vectors, of 8 MB each


def test_a_dictionary_of_everything():
    values = {
        "symmetric": fr.Symmetric(RNG.standard_normal((3, 3))),
        "sparse": sp.csr_array(np.array([[1.0, 0, 2], [0, 0, 3]])),
        "vector": RNG.standard_normal(3).astype(np.float32),
        "number": 2,
        "text": "no tangent",
    }

    def f(v):
        return v["number"] * np.sum((v["sparse"] @ (v["symmetric"] @ v["vector"])) ** 2)

    G = fr.grad(f)(values)
    assert list(G) == list(values)
    assert type(G["symmetric"]) is fr.Symmetric
    np.testing.assert_array_equal(G["symmetric"].to_dense(), G["symmetric"].to_dense().T)
    assert type(G["sparse"]) is sp.csr_array
    np.testing.assert_array_equal(G["sparse"].indices, values["sparse"].indices)
    assert G["vector"].dtype == np.float32
    assert type(G["number"]) is float
    assert G["text"] is None


@dataclasses.dataclass
class Model:
    covariance: fr.Symmetric
    loadings: np.ndarray
    name: str


def test_a_dataclass_that_holds_structured_matrices_works_by_itself():
    model = Model(fr.Symmetric(np.diag([2.0, 3.0])), np.ones(2), "a model")
    G = fr.grad(lambda m: m.loadings @ np.linalg.solve(m.covariance, m.loadings))(model)
    assert type(G) is Model
    np.testing.assert_allclose(G.covariance.to_dense(), -np.outer([1 / 2, 1 / 3], [1 / 2, 1 / 3]))
    np.testing.assert_allclose(G.loadings, [1, 2 / 3])


# --- the transformations ------------------------------------------------------------------------------------


def symmetric(n):
    return fr.Symmetric(RNG.standard_normal((n, n)) + n * np.eye(n))


def test_pushforward_and_second_order():
    A, V = symmetric(3), symmetric(3)
    logdet = lambda A: np.linalg.slogdet(A)[1]  # short
    _, pushed = fr.jvp(logdet, (A,), (V,))
    inverse = np.linalg.inv(A.to_dense())
    assert pushed == pytest.approx(np.trace(inverse @ V.to_dense()), rel=1e-12)
    (H,) = fr.hvp(logdet, (A,), (V,))
    assert type(H) is fr.Symmetric
    np.testing.assert_allclose(H.to_dense(), -inverse @ V.to_dense() @ inverse, rtol=1e-10)


def test_linearize_both_ways():
    A = symmetric(3)
    Y, L = fr.linearize(np.linalg.inv, A)
    V = symmetric(3)
    pushed = L(V)
    assert type(Y) is type(pushed) is fr.Symmetric
    W = symmetric(3)
    pulled = L.adjoint(W)
    assert type(pulled) is fr.Symmetric
    left = np.sum(pushed.to_dense() * W.to_dense())
    assert left == pytest.approx(np.sum(V.to_dense() * pulled.to_dense()), rel=1e-12)


def test_a_jacobian_by_a_structured_matrix_is_a_stack_of_them():
    T = fr.Toeplitz([4.0, 1.0, 0.5])
    x = np.array([1.0, 2.0, 3.0])
    J = fr.jacobian(lambda T: T @ x)(T)
    assert type(J) is fr.Toeplitz
    assert J.shape == (3, 3, 3)
    for k in range(3):
        row = fr.grad(lambda T, k=k: (T @ x)[k])(T)
        np.testing.assert_allclose(J[k].to_dense(), row.to_dense())


def test_a_jacobian_of_a_structured_result_is_refused():
    with pytest.raises(fr.NotDifferentiableError, match=r"structure in the middle.*A\.to_dense\(\)"):
        fr.jacobian(fr.Diagonal)(np.ones(3))


def test_other_structures_are_no_tangents():
    with pytest.raises(fr.SpaceError, match=r"the tangent for argument 0 .* has the structure"):
        fr.jvp(np.trace, (fr.Diagonal(np.ones(2)),), (fr.Symmetric(np.eye(2)),))


def test_a_full_array_of_traced_values_is_asked_for_by_name():
    with pytest.raises(fr.CoercionError, match=r"A\.to_dense\(\), or fr\.array\(A\)"):
        fr.grad(lambda D: np.sum(np.asarray(D)))(fr.Diagonal(np.ones(2)))


def test_a_structure_of_ones_own_with_weights():
    class Constant:
        """n equal numbers."""

        def __init__(self, value, n):
            self.value, self.n = value, n

    fr.register_structure(
        Constant,
        lambda c: ((c.value,), c.n),
        lambda n, parts: Constant(parts[0], n),
        lambda c: [EntriesSpace((), np.dtype(float), weights=np.array(float(c.n)))],
    )
    G = fr.grad(lambda c: np.sum(c.value * np.arange(4.0)))(Constant(np.array(2.0), 4))
    assert (G.n, float(G.value)) == (4, 1.5)  # the mean of 0, 1, 2, 3: the nearest vector of equal numbers


# --- what is made in full ---------------------------------------------------------------------------------


def test_a_full_array_is_announced_and_can_be_an_error():
    A = fr.Tridiagonal(np.ones(2), 4 * np.ones(3), np.ones(2))
    with pytest.warns(fr.DensifyWarning, match=r"has no method for Tridiagonal.*\(3, 3\).*A\.to_dense\(\)"):
        np.exp(A)
    np.asarray(A)  # asks for it by name: no warning, which would be an error here


def test_structured_matrices_are_immutable():
    A = fr.Symmetric(np.eye(2))
    with pytest.raises(AttributeError, match="a Symmetric is immutable"):
        A.parts = ()
    with pytest.raises(ValueError, match="read-only"):
        A.to_dense()[0, 0] = 5
    with pytest.raises(fr.InPlaceError, match="immutable"):
        np.add(np.eye(2), np.eye(2), out=(A,))


@pytest.mark.parametrize("kind", [fr.Symmetric, fr.Hermitian, fr.SkewSymmetric])
def test_one_triangle_is_read_unless_both_are_checked(kind):
    A = np.array([[0.0, 2.0], [7.0, 0.0]])
    assert kind(A)[0, 1] == 2
    assert kind(A, lower=True)[1, 0] == 7
    with pytest.raises(ValueError, match=r"check=True.*upper triangle is read"):
        kind(A, check=True)
    with pytest.raises(ValueError, match="square matrices are due"):
        kind(np.ones((2, 3)))


def test_traced_vectors_beside_constant_matrices():
    S, x = symmetric(3), RNG.standard_normal(3)
    full = S.to_dense()
    for f in (lambda x: S @ x, lambda x: x @ S, lambda x: np.linalg.solve(S, x), lambda x: np.matmul(S, x)):
        np.testing.assert_allclose(
            fr.jacobian(f)(x), np.linalg.inv(full) if np.allclose(f(x), np.linalg.solve(full, x)) else full
        )
