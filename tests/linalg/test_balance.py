"""matrix_balance and clarkson_woodruff_transform."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(8)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def badly_scaled(make, *shape):
    A = make(*shape) * 10.0 ** rng.integers(-6, 6, shape)
    return A * (rng.random(shape) < 0.6)


def balanced(A):
    """The balanced matrix at a point away from changes of the scaling."""
    return fr.linalg.matrix_balance(A)[0]


def sketch(A):
    return fr.linalg.clarkson_woodruff_transform(A, 3, rng=1)


# Large, so that the differences of check_rule stay between changes of the scaling
SCALED = np.array([[1e5, 3e9, 2e7], [2e1, 1.5e5, 3e3], [3e3, 1e7, 0.7e5]])
CASES = [
    (balanced, (SCALED,)),
    (balanced, (SCALED * (1 + 1j),)),
    (balanced, (SCALED.astype("f"),)),
    (sketch, (real(6, 2),)),
    (sketch, (cplx(6, 2),)),
    (sketch, (real(6, 2).astype("f"),)),
]
CASES_STACKED = [
    (balanced, (np.stack([SCALED, SCALED.T]),)),
    (balanced, (np.stack([SCALED, SCALED.T])[:, None] * 1j,)),
    (sketch, (real(2, 6, 2),)),
    (sketch, (cplx(2, 2, 6, 2),)),
]


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


@pytest.mark.parametrize("make", [real, cplx])
def test_balancing_is_scipys(make):
    for _ in range(20):
        A = badly_scaled(make, 4, 4)
        for permute in (False, True):
            for scale in (False, True):
                for ours, theirs in zip(
                    fr.linalg.matrix_balance(A, permute, scale),
                    scipy.linalg.matrix_balance(A, permute, scale),
                    strict=True,
                ):
                    np.testing.assert_array_equal(ours, theirs)
        B, (scale, perm) = fr.linalg.matrix_balance(A, separate=True)
        _, (their_scale, their_perm) = scipy.linalg.matrix_balance(A, separate=True)
        np.testing.assert_array_equal(scale, their_scale)
        np.testing.assert_array_equal(perm, their_perm)
        np.testing.assert_array_equal(B, A[perm][:, perm] * (scale / scale[:, None]))
    stack = badly_scaled(make, 2, 3, 4, 4)
    for ours, theirs in zip(fr.linalg.matrix_balance(stack), scipy.linalg.matrix_balance(stack), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kind", "fdFD")
def test_empty_and_types(kind):
    B, T = fr.linalg.matrix_balance(np.ones((0, 0), kind))
    assert (B.shape, T.shape, B.dtype.char, T.dtype.char) == ((0, 0), (0, 0), kind, kind.lower())
    assert [x.size for x in fr.linalg.matrix_balance(np.ones((0, 0)), separate=True)[1]] == [0, 0]
    assert fr.linalg.matrix_balance(SCALED.astype(kind))[0].dtype.char == kind
    assert fr.linalg.clarkson_woodruff_transform(np.ones((4, 2), kind), 2).dtype.char == kind


@pytest.mark.parametrize("make", [real, cplx])
def test_sketches_are_scipys(make):
    for shape in ((6, 2), (2, 6, 2)):
        A = make(*shape)
        np.testing.assert_allclose(
            fr.linalg.clarkson_woodruff_transform(A, 3, seed=5),
            scipy.linalg.clarkson_woodruff_transform(A, 3, seed=5),
            rtol=1e-14,
        )
    sparse = scipy.sparse.csc_array(make(6, 2))
    ours = fr.linalg.clarkson_woodruff_transform(sparse, 3, rng=5)
    theirs = scipy.linalg.clarkson_woodruff_transform(sparse, 3, rng=5)
    assert scipy.sparse.issparse(ours)
    np.testing.assert_array_equal(ours.toarray(), theirs.toarray())


def test_bad_input():
    with pytest.raises(ValueError, match="square"):
        fr.linalg.matrix_balance(np.ones((2, 3)))
    with pytest.raises(ValueError, match="infs or NaNs"):
        fr.linalg.matrix_balance(np.full((2, 2), np.nan))
    with pytest.raises(ValueError, match="infs or NaNs"):
        sketch(np.full((4, 2), np.inf))
    with pytest.raises(ValueError, match="matrix"):
        sketch(np.ones(4))
