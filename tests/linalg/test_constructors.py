"""toeplitz, circulant, hankel, companion, leslie, fiedler, fiedler_companion, convolution_matrix."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(6)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def convolution(n, mode):
    return lambda a: fr.linalg.convolution_matrix(a, n, mode)


def cases(*stack):
    for make in (real, cplx):
        for n in (1, 2, 3, 5):
            a = make(*stack, n)
            yield fr.linalg.toeplitz, (a,)
            yield fr.linalg.toeplitz, (a, make(*stack, 3))
            yield fr.linalg.hankel, (a,)
            yield fr.linalg.hankel, (a, make(*stack, 3))
            yield fr.linalg.circulant, (a,)
            yield fr.linalg.fiedler, (a,)
            for mode in ("full", "same", "valid"):
                yield convolution(3, mode), (a,)
            if n > 1:
                yield fr.linalg.companion, (a,)
                yield fr.linalg.fiedler_companion, (a,)
                yield fr.linalg.leslie, (a, make(*stack, n - 1))


CASES = [
    *cases(),
    (fr.linalg.toeplitz, (real(3).astype("f"),)),
    (fr.linalg.toeplitz, (real(3), cplx(2))),
    (fr.linalg.toeplitz, (real(3), np.arange(3))),
]
CASES_STACKED = [*cases(2), *cases(2, 1), (fr.linalg.toeplitz, (real(2, 3), real(4)))]


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


@given(
    n=st.integers(1, 5),
    m=st.integers(1, 5),
    kind=st.sampled_from([np.float32, np.float64, np.complex64, np.complex128]),
    seed=st.integers(0, 999),
)
@settings(max_examples=15)
def test_sizes_and_types(n, m, kind, seed):
    r = np.random.default_rng(seed)
    c, row = (r.standard_normal(k).astype(kind) for k in (n, m))
    for function, args in (
        (fr.linalg.toeplitz, (c, row)),
        (fr.linalg.hankel, (c, row)),
        (convolution(m, "same"), (c,)),
    ):
        assert function(*args).dtype == kind
        check_rule(function, *args)


def same(ours, theirs):
    np.testing.assert_array_equal(ours, theirs)
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape


@pytest.mark.parametrize("make", [real, cplx, lambda *shape: np.arange(1, 1 + np.prod(shape)).reshape(shape)])
@pytest.mark.parametrize("stack", [(), (2,), (2, 3)])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
def test_values_are_scipys(make, stack, n):
    a, row = make(*stack, n), make(*stack, 3)
    ours, theirs = fr.linalg, scipy.linalg
    same(ours.toeplitz(a), theirs.toeplitz(a))
    same(ours.toeplitz(a, row), theirs.toeplitz(a, row))
    same(ours.circulant(a), theirs.circulant(a))
    for mode in ("full", "same", "valid"):
        for k in (1, 2, 3, 8):
            same(ours.convolution_matrix(a, k, mode), theirs.convolution_matrix(a, k, mode))
    if n > 1:
        same(ours.fiedler(a), theirs.fiedler(a))
        same(ours.companion(a), theirs.companion(a))
        survival = make(*stack, n - 1)
        same(ours.leslie(a, survival), theirs.leslie(a, survival))
        # SciPy divides first and negates afterwards
        np.testing.assert_allclose(ours.fiedler_companion(a), theirs.fiedler_companion(a), rtol=1e-15)
    if not stack:
        same(ours.hankel(a), theirs.hankel(a))
        same(ours.hankel(a, row), theirs.hankel(a, row))
    else:  # SciPy 1.17 flattens; from 1.19 on it takes batches
        last = (-1,) * len(stack)
        same(ours.hankel(a, row)[last], theirs.hankel(a[last], row[last]))


def test_roots_are_eigenvalues():
    roots = np.array([1.0, -2.0, 3.0, 0.5])
    for make in (fr.linalg.companion, fr.linalg.fiedler_companion):
        found = np.sort(np.linalg.eigvals(make(2 * np.poly(roots))).real)
        np.testing.assert_allclose(found, np.sort(roots), rtol=1e-12)


def test_convolution():
    for mode in ("full", "same", "valid"):
        for m, n in ((3, 5), (5, 3), (1, 4), (4, 4)):
            a, v = real(m), real(n)
            np.testing.assert_allclose(
                fr.linalg.convolution_matrix(a, n, mode) @ v, np.convolve(v, a, mode), atol=1e-14
            )


def test_edges():
    same(fr.linalg.toeplitz([]), scipy.linalg.toeplitz([]))
    same(fr.linalg.toeplitz(2.0), scipy.linalg.toeplitz(2.0))
    same(fr.linalg.toeplitz([1, 2], []), scipy.linalg.toeplitz([1, 2], []))
    same(fr.linalg.circulant([]), scipy.linalg.circulant([]))
    same(fr.linalg.hankel([]), scipy.linalg.hankel([]))
    same(fr.linalg.fiedler([]), scipy.linalg.fiedler([]))
    same(fr.linalg.fiedler([3.0]), scipy.linalg.fiedler([3.0]))
    same(fr.linalg.fiedler_companion([1.0]), scipy.linalg.fiedler_companion([1.0]))
    # inf stays where it is put
    np.testing.assert_array_equal(fr.linalg.leslie([0.0, 1.0], [np.inf]), [[0, 1], [np.inf, 0]])
    # The results are arrays of their own.
    c = np.arange(3.0)
    fr.linalg.toeplitz(c)[...] = 7
    fr.linalg.hankel(c)[...] = 7
    np.testing.assert_array_equal(c, [0, 1, 2])
    # lists that hold traced values
    assert fr.grad(lambda x: np.sum(fr.linalg.toeplitz([x, 2 * x])))(1.0) == 6.0


def test_bad_input():
    with pytest.raises(ValueError, match="at least 2"):
        fr.linalg.companion([1.0])
    for f in (fr.linalg.companion, fr.linalg.fiedler_companion):
        with pytest.raises(ValueError, match="must not be zero"):
            f([[1.0, 2.0, 3.0], [0.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match="one less"):
        fr.linalg.leslie([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="at least 1"):
        fr.linalg.leslie([1.0], [])
    with pytest.raises(ValueError, match="positive integer"):
        fr.linalg.convolution_matrix([1.0], 0)
    with pytest.raises(ValueError, match="at least 1"):
        fr.linalg.convolution_matrix([], 2)
    assert fr.linalg.convolution_matrix(np.ones((0, 2)), 3).shape == (0, 4, 3)
    with pytest.raises(ValueError, match="mode"):
        fr.linalg.convolution_matrix([1.0], 2, "wrap")
    with pytest.raises(ValueError, match="do not broadcast"):
        fr.linalg.toeplitz(np.ones((2, 3)), np.ones((3, 3)))
