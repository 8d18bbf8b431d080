"""The pattern that is found for a function has every entry of its dense Jacobian, wherever that is taken."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.linear_map import linear

RNG = np.random.default_rng(11)
MATRIX = np.where(RNG.random((6, 6)) < 0.4, RNG.standard_normal((6, 6)), 0)
TWICE = np.array([0, 3, 3, 1, 5, 0])


def assert_same(f, x, at=None):
    """The sparse Jacobian prepared at x against the dense one, at x and at another point."""
    J = fr.sparse.jacobian(f, x)
    for point in (x, x if at is None else at):
        dense = np.reshape(fr.jacobian(f)(point), J.sparsity.shape)
        # Rounding of a few steps, whose factors and sums of six terms the two go through in different orders.
        tolerance = 1e-12 if dense.dtype.char in "dD" else 1e-4
        scale = np.abs(dense).max(initial=1)
        np.testing.assert_allclose(J(point).toarray(), dense, rtol=tolerance, atol=tolerance * scale)
    return J


def written(x):
    y = np.zeros(6, x.dtype, like=x)
    for i in range(6):
        y[i] = x[i] * x[i - 2]
    return y


def overwritten(x):
    y = x * 1
    y[1:4] = x[:3] ** 2
    y[np.array([0, 5])] += x[np.array([2, 2])]
    y[y > 1e3] = 0
    return y


def added_at(x):
    y = np.zeros(6, x.dtype, like=x)
    np.add.at(y, TWICE, x * x[::-1])
    return y


def through_complex_numbers(x):
    z = x[::2] + 1j * x[1::2]
    return np.repeat(np.real(np.fft.ifft(np.fft.fft(z) * np.array([1, 2j, 1]))), 2)


STEPS = {
    "cumsum": np.cumsum,
    "cumprod": np.cumprod,
    "convolve": lambda x: np.convolve(x, [1.0, 0.0, 2.0], mode="same"),
    "convolved with itself": lambda x: np.convolve(x, x)[:6],
    "interp": lambda x: np.interp(np.linspace(0.0, 5.0, 6), np.arange(6.0), x),
    "where": lambda x: np.where(MATRIX[0] > 0, x, x[::-1] ** 2),
    "clip": lambda x: np.clip(x, -100, 100),
    "matmul": lambda x: MATRIX @ x,
    "from the left": lambda x: x @ MATRIX,
    "quadratic": lambda x: x * (x @ (MATRIX @ x)),
    "norm": lambda x: x * np.dot(x[:3], x[:3]),
    "einsum": lambda x: np.einsum("ij,j,i->i", MATRIX, x, x),
    "outer": lambda x: np.sum(np.outer(x, x) * MATRIX, axis=0),
    "fft": lambda x: np.real(np.fft.fft(x)),
    "complex": through_complex_numbers,
    "written": written,
    "overwritten": overwritten,
    "added at": added_at,
    "gathered": lambda x: x[TWICE],
    "reversed": lambda x: x[::-1] * 3,
    "rolled": lambda x: np.roll(x, 2) - x,
    "shaped": lambda x: (x.reshape(2, 3).T @ np.ones((2, 2))).reshape(-1),
    "product of matrices": lambda x: np.append(x.reshape(2, 3) @ x.reshape(3, 2), x[:2]),
    "joined": lambda x: np.concatenate([x[4:], x[:4] ** 2]),
    "stacked": lambda x: np.stack([x[:3], x[3:]], axis=1).reshape(-1),
    "repeated": lambda x: np.repeat(x[:3], 2),
    "part": lambda x: np.concatenate([x[:2], np.ones(4)]),
    "sums": lambda x: np.repeat(np.sum(x.reshape(3, 2), axis=1), 2),
    "mean": lambda x: x - np.mean(x),
    "elementwise": lambda x: np.sin(x) + x**3,
    "used twice": lambda x: x * x[::-1] + x / (2 + x**2),
    "sparse": lambda x: sp.csr_array(MATRIX) @ x,
    "sparse of its own": lambda x: fr.sparse.diags_array(x) @ x[::-1],
    "diff": lambda x: np.concatenate([np.diff(x), x[:1]]),
    "product": lambda x: x[:6] * np.prod(x[1:4]),
    "softmax": lambda x: np.exp(x / 10) / np.sum(np.exp(x / 10)),
}


@pytest.mark.parametrize("start", ["zeros", "ones", "numbers"])
@pytest.mark.parametrize("name", STEPS)
def test_each_step(name, start):
    # Zeros are where factors vanish that matter elsewhere.
    x = {"zeros": np.zeros(6), "ones": np.ones(6), "numbers": RNG.standard_normal(6)}[start]
    assert_same(STEPS[name], x, RNG.standard_normal(6))


@given(
    st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=4),
    st.sampled_from([np.float64, np.float32]),
    st.booleans(),
    st.integers(0, 10**6),
)
@settings(max_examples=80, deadline=None)
def test_steps_one_after_the_other(names, dtype, at_zero, seed):
    rng = np.random.default_rng(seed)

    def f(x):
        for name in names:
            x = np.tanh(STEPS[name](x))
        return x

    x = np.zeros(6, dtype) if at_zero else rng.standard_normal(6).astype(dtype)
    assert_same(f, x, rng.standard_normal(6).astype(dtype))


@given(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=2), st.booleans(), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_hessians(names, at_zero, seed):
    rng = np.random.default_rng(seed)

    def f(x):
        y = x
        for name in names:
            y = np.tanh(STEPS[name](y) / 3)
        return np.sum(y**2 + y)

    x = np.zeros(6) if at_zero else rng.standard_normal(6)
    H = fr.sparse.hessian(f, x)
    for point in (x, rng.standard_normal(6)):
        dense = fr.hessian(f)(point)
        # rounding in sums of some terms of the size of the largest
        np.testing.assert_allclose(
            H(point).toarray(), dense, rtol=0, atol=1e-10 * max(1, np.abs(dense).max())
        )


def test_a_hessian_that_is_found_where_it_vanishes():
    H = fr.sparse.hessian(lambda x: np.dot(x, x) ** 2, np.zeros(3))
    assert H.sparsity.nnz == 9


@pytest.mark.parametrize("n", [1000, 300_000])
def test_small_terms_of_one_step_are_noticed(n):
    # The step mixes neighbours, so that its pattern is not found; it is not that of its large terms.
    with pytest.raises(fr.NotDifferentiableError, match=r"np\.convolve may mix all entries"):
        fr.sparse.jacobian(lambda x: np.convolve(x, [1.0, 1e-12])[:-1], np.ones(n))


def test_imaginary_parts_in_one_step():
    # of which unit vectors see nothing
    M = MATRIX[:4, :4]
    imaginary = linear(lambda v: np.imag(v) @ M.T, lambda w: 1j * (np.real(w) @ M))
    function = fr.rule(lambda z: (imaginary.push(z), imaginary))
    J = assert_same(lambda x: function(1j * x), np.arange(1.0, 5))
    assert J.sparsity.nnz == np.count_nonzero(M)


def test_complex_results_of_real_arguments():
    J = assert_same(lambda X: np.sum(X * X, axis=1) * (1 + 2j), RNG.standard_normal((4, 3)))
    assert J.directions == 1


def test_what_is_not_complex_differentiable_is_refused():
    z = np.ones(3) + 1j
    J = fr.sparse.jacobian(lambda z: np.conj(z) * z, z)
    with pytest.raises(fr.NotDifferentiableError, match="not complex differentiable"):
        J(z)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (), (1,), (1, 1)])
def test_small_shapes(shape):
    x = np.full(shape, 2.0)
    J = assert_same(lambda x: x**2 + 1, x)
    assert J.sparsity.shape == (x.size, x.size)


def test_one_result_of_many_arguments_takes_one_direction():
    # whose columns would take as many directions as there are arguments
    n = 200_000
    J = fr.sparse.jacobian(lambda x: np.sum(x**2)[None], np.ones(n))
    assert J.directions == 1
    np.testing.assert_array_equal(J(np.arange(n) * 1.0).data, 2.0 * np.arange(n))


def test_a_column_that_is_full():
    n = 20_000
    J = fr.sparse.jacobian(lambda x: x * x[0], np.ones(n))
    assert J.directions == 2


@pytest.mark.parametrize("dtype", [int, np.float32])
def test_other_dtypes(dtype):
    assert_same(lambda x: x[1:] * x[:-1] + np.cumsum(x)[1:], np.arange(1, 6).astype(dtype))


@pytest.mark.parametrize("name", ["csr", "csc", "coo", "dia", "bsr"])
def test_products_with_sparse_arrays_have_their_pattern(name):
    # more columns than are tried one by one
    n = 300
    A = sp.diags_array([np.ones(n - 1), 2 * np.ones(n)], offsets=[-1, 0]).asformat(name)
    x = np.ones(n)
    for f in (lambda x: A @ x, lambda x: x @ A, lambda x: A.T @ x):
        J = assert_same(lambda x, f=f: f(x) ** 2, x, RNG.standard_normal(n))
        assert (J.sparsity.nnz, J.directions) == (2 * n - 1, 2)
    H = fr.sparse.hessian(lambda x: x @ (A @ x), x)
    assert (H.sparsity.nnz, H.directions) == (3 * n - 2, 3)
