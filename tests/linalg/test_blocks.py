"""kron, khatri_rao, block_diag, diagsvd."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(7)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def diagsvd(M, N):
    return lambda s: fr.linalg.diagsvd(s, M, N)


def cases(*stack):
    for make in (real, cplx):
        yield fr.linalg.kron, (make(*stack, 2, 3), make(*stack, 3, 1))
        yield fr.linalg.khatri_rao, (make(*stack, 2, 3), make(*stack, 4, 3))
        yield fr.linalg.block_diag, (make(*stack, 2, 3), make(*stack, 1, 1), make(3), 2.5)
        yield diagsvd(3, 5), (make(*stack, 3),)
        yield diagsvd(5, 3), (make(*stack, 3),)


CASES = [
    *cases(),
    (fr.linalg.kron, (real(2, 2).astype("f"), real(2, 2).astype("f"))),
    (fr.linalg.kron, (real(2, 2), cplx(3))),
]
CASES_STACKED = [*cases(2), (fr.linalg.kron, (real(2, 1, 2, 2), real(3, 1, 2)))]


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


def same(ours, theirs):
    np.testing.assert_array_equal(ours, theirs)
    assert ours.dtype == theirs.dtype


@pytest.mark.parametrize("make", [real, cplx, lambda *shape: np.arange(np.prod(shape)).reshape(shape)])
@pytest.mark.parametrize("stack", [(), (2,), (2, 3)])
def test_values(make, stack):
    a, b = make(*stack, 2, 3), make(*stack, 4, 3)
    same(fr.linalg.khatri_rao(a, b), scipy.linalg.khatri_rao(a, b))
    same(fr.linalg.block_diag(a, b, [1, 2], 3), scipy.linalg.block_diag(a, b, [1, 2], 3))
    s = make(*stack, 3)
    same(fr.linalg.diagsvd(s, 3, 5), scipy.linalg.diagsvd(s, 3, 5))
    if stack:
        each = [np.kron(x, y) for x, y in zip(a.reshape(-1, 2, 3), b.reshape(-1, 4, 3), strict=True)]
        same(fr.linalg.kron(a, b), np.reshape(each, (*stack, 8, 9)))
    else:
        same(fr.linalg.kron(a, b), np.kron(a, b))
        same(fr.linalg.diagsvd(s, 5, 3), scipy.linalg.diagsvd(s, 5, 3))


def test_edges():
    same(fr.linalg.block_diag(), scipy.linalg.block_diag())
    same(fr.linalg.block_diag([], [[1.0]]), scipy.linalg.block_diag([], [[1.0]]))
    assert fr.linalg.block_diag(np.ones((0, 2)), np.ones((1, 0))).shape == (1, 2)
    assert fr.linalg.kron(np.ones((0, 2)), np.ones((3, 3))).shape == (0, 6)
    assert fr.linalg.khatri_rao(np.ones((0, 2)), np.ones((3, 2))).shape == (0, 2)
    assert fr.linalg.diagsvd([], 0, 2).shape == (0, 2)
    same(fr.linalg.diagsvd([np.inf, 1.0], 2, 2), np.diag([np.inf, 1.0]))
    assert fr.grad(lambda x: np.sum(fr.linalg.kron([[x, 1.0]], [[x]])))(3.0) == 7.0


def test_bad_input():
    with pytest.raises(ValueError, match="matrices"):
        fr.linalg.khatri_rao(np.ones(2), np.ones((2, 2)))
    with pytest.raises(ValueError, match="number of columns"):
        fr.linalg.khatri_rao(np.ones((2, 3)), np.ones((2, 2)))
    with pytest.raises(ValueError, match="M or N"):
        fr.linalg.diagsvd([1.0, 2.0], 3, 4)
    with pytest.raises(ValueError, match="do not broadcast"):
        fr.linalg.block_diag(np.ones((2, 1, 1)), np.ones((3, 1, 1)))
