"""Products of vectors, matrices and tensors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(0)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


# Vectors, matrices, stacks that match, broadcast, or are shared; sides of length one and zero
MATMUL_SHAPES = [
    ((2, 3), (3, 4)),
    ((3,), (3, 4)),
    ((2, 3), (3,)),
    ((3,), (3,)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (4, 3, 2)),
    ((1, 2, 3), (4, 3, 2)),
    ((4, 2, 3), (1, 3, 2)),
    ((6, 4, 2, 3), (4, 3, 2)),
    ((3,), (5, 3, 2)),
    ((5, 2, 3), (3,)),
    ((2, 1, 3), (3, 1)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
]
DOT_SHAPES = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3,)),
    ((5, 2, 3), (3, 4)),
    ((5, 2, 3), (4, 3, 2)),
    ((3,), (4, 3, 2)),
    ((2, 3), (2, 4, 3, 2)),
]
single = real(2, 3).astype(np.float32)

CASES_MATMUL = [
    *((np.matmul, (real(*a), real(*b))) for a, b in MATMUL_SHAPES),
    *((np.matmul, (cplx(*a), cplx(*b))) for a, b in MATMUL_SHAPES[:12]),
    (np.matmul, (cplx(2, 3), real(3, 2))),
    (np.matmul, (real(2, 3), cplx(3))),
    (np.matmul, (real(3, 2, 5), real(3, 5, 4)), {"axes": [(1, 2), (1, 2), (2, 1)]}),
    (np.matmul, (real(3, 2, 5), cplx(5, 3, 4)), {"axes": [(1, 2), (0, 2), (0, 1)]}),
    (np.linalg.matmul, (single, real(3, 2).astype(np.float32))),
]
CASES_VECTORS = [
    *((np.dot, (real(*a), cplx(*b))) for a, b in DOT_SHAPES),
    (np.dot, (1.5, real(3))),
    (np.dot, (cplx(3), 2.0)),
    (np.dot, (2.0, 1j)),
    *((np.inner, (cplx(*a), real(*b))) for a, b in [((3,), (3,)), ((2, 3), (3,)), ((4, 2, 3), (5, 3))]),
    (np.inner, (1.5, real(3))),
    *(
        (function, (cplx(*a), cplx(*b)))
        for a, b in [((3,), (3,)), ((2, 3), (3,)), ((4, 1, 3), (2, 3)), ((4, 1, 3), (1, 3))]
        for function in (np.vecdot, np.linalg.vecdot)
    ),
    (np.vecdot, (real(3), cplx(3))),
    (np.vecdot, (cplx(3, 2), cplx(3, 2)), {"axis": 0}),
    (np.vecdot, (cplx(3, 2), cplx(2, 3)), {"axes": [0, 1]}),
    (np.linalg.vecdot, (real(3, 2), cplx(3, 2)), {"axis": 0}),
    (np.vdot, (cplx(2, 3), cplx(2, 3))),
    (np.vdot, (cplx(2, 3), real(6))),
    (np.vdot, (real(3), real(3))),
    (np.outer, (real(2, 2), cplx(3))),
    (np.outer, (real(3), cplx(2))),
    (np.outer, (cplx(3), real(0))),
    (np.outer, (1.5, real(3))),
    (np.linalg.outer, (real(3), cplx(2))),
    (np.linalg.cross, (real(2, 3), real(2, 3))),
    (np.linalg.cross, (real(3, 2), real(3, 2)), {"axis": 0}),
]
if hasattr(np, "matvec"):
    CASES_VECTORS += [
        *(
            (np.matvec, (cplx(*a), real(*b)))
            for a, b in [((2, 3), (3,)), ((4, 2, 3), (4, 3)), ((2, 3), (4, 3))]
        ),
        *(
            (np.vecmat, (cplx(*a), real(*b)))
            for a, b in [((3,), (3, 2)), ((4, 3), (4, 3, 2)), ((4, 3), (3, 2))]
        ),
        (np.matvec, (real(3, 2, 4), real(2, 4)), {"axes": [(0, 2), 1, 0]}),
        (np.vecmat, (cplx(3, 4), real(3, 2, 4)), {"axes": [0, (0, 1), 0]}),
    ]
CASES_TENSORS = [
    (np.tensordot, (real(2, 3, 4), cplx(3, 4, 2))),
    (np.tensordot, (real(2, 3), real(3, 2)), {"axes": 0}),
    (np.tensordot, (real(2, 3), real(3, 2)), {"axes": 1}),
    (np.tensordot, (real(2, 3), real(2, 4)), {"axes": (0, 0)}),
    (np.tensordot, (real(2, 3), real(2, 3)), {"axes": 2}),
    (np.tensordot, (real(2, 3, 4, 5), cplx(4, 2, 6, 3)), {"axes": ([2, 0, 1], [0, 1, 3])}),
    (np.tensordot, (cplx(2, 3, 4), real(4, 5, 2)), {"axes": ([0, -1], [-1, 0])}),
    (np.linalg.tensordot, (real(2, 3, 4), cplx(4, 2, 3, 2)), {"axes": ([2, 0], [0, 1])}),
    *(
        (np.kron, (real(*a), cplx(*b)))
        for a, b in [((2,), (3,)), ((2, 3), (2, 2)), ((2,), (3, 2)), ((2, 1, 2), (2,))]
    ),
    (np.kron, (2.0, real(3))),
    (np.trace, (real(3, 4),)),
    (np.trace, (cplx(3, 4, 2),), {"offset": -1, "axis1": 1, "axis2": 2}),
    (np.linalg.trace, (real(2, 3, 3),), {"offset": 1}),
]


@pytest.mark.parametrize(
    ("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES_MATMUL + CASES_VECTORS + CASES_TENSORS]
)
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


@settings(max_examples=30)
@given(
    st.integers(0, 3), st.integers(0, 3), st.integers(0, 3),
    st.lists(st.integers(1, 3), max_size=2), st.lists(st.booleans(), min_size=4, max_size=4),
)  # fmt: skip
def test_matmul_gradients_are_sums_over_what_broadcasts(m, k, n, batch, ones):
    a = (*(1 if one else size for size, one in zip(batch, ones[:2], strict=False)), m, k)
    b = (*(1 if one else size for size, one in zip(batch, ones[2:], strict=False)), k, n)
    x, y = np.ones(a, np.float32), np.ones(b)
    value, pullback = fr.vjp(np.matmul, x, y)
    gx, gy = pullback(np.ones(value.shape))
    assert gx.dtype == np.float32
    assert gy.dtype == np.float64
    # All entries being one, a gradient's entry counts the entries of the result that it goes into.
    copies = np.prod(value.shape[:-2], dtype=int)
    np.testing.assert_array_equal(gx, np.full(a, n * copies / np.prod(a[:-2], dtype=int)))
    np.testing.assert_array_equal(gy, np.full(b, m * copies / np.prod(b[:-2], dtype=int)))


def test_a_list_is_an_array():
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(fr.grad(lambda x: np.dot([3.0, 4.0], x))(x), [3.0, 4.0])
    np.testing.assert_array_equal(fr.grad(lambda x: np.sum(np.matmul([[1, 2], [3, 4]], x)))(x), [4.0, 6.0])
    np.testing.assert_array_equal(fr.grad(lambda x: np.sum(np.kron(x, [1, 2])))(x), [3.0, 3.0])


def test_wrong_shapes_raise_as_numpy_does():
    x = np.ones((2, 3))
    for function in (np.matmul, np.dot, np.inner, np.tensordot, np.vdot):
        with pytest.raises(ValueError, match=r"match|shape|dimension|length|size|mismatch"):
            fr.grad(lambda x, f=function: np.sum(f(x, np.ones((5, 7)))))(x)
    with pytest.raises(ValueError, match="one-dimensional"):
        fr.grad(lambda x: np.sum(np.linalg.outer(x, x)))(x)
    with pytest.raises(ValueError, match="3 components"):
        fr.grad(lambda x: np.sum(np.linalg.cross(x, x, axis=0)))(x)


def test_matmul_with_an_out_argument():
    A = real(3, 3)

    def f(x):
        y = np.zeros_like(x)
        np.matmul(x, A, out=y)
        return np.sum(y)

    np.testing.assert_allclose(fr.grad(f)(real(2, 3)), np.tile(A.sum(1), (2, 1)))
