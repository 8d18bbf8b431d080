"""Norms and condition numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(1)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


VECTOR_ORDERS = [1, 2, 3, 0.5, 1.5, -1, -2, np.inf, -np.inf]
MATRIX_ORDERS = ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf]
CASES = [
    *((np.linalg.norm, (make(4),), {"ord": p}) for make in (real, cplx) for p in (None, *VECTOR_ORDERS)),
    *(
        (np.linalg.norm, (make(2, 3),), {"ord": p, "axis": -1})
        for make in (real, cplx)
        for p in VECTOR_ORDERS
    ),
    *((np.linalg.norm, (real(2, 3),), {"ord": p, "axis": 0, "keepdims": True}) for p in VECTOR_ORDERS),
    *((np.linalg.vector_norm, (real(2, 3),), {"ord": p}) for p in VECTOR_ORDERS),
    *((np.linalg.vector_norm, (cplx(2, 3, 2),), {"ord": p, "axis": (0, -1)}) for p in VECTOR_ORDERS),
    (np.linalg.vector_norm, (cplx(2, 3, 2),), {"ord": 3, "axis": (0, 1), "keepdims": True}),
    (np.linalg.norm, (real(2, 3, 2),)),
    (np.linalg.norm, (real(2, 3),), {"keepdims": True}),
    (np.linalg.norm, (real(3).astype(np.float32),)),
    (np.linalg.norm, (real(3).astype(np.float32),), {"ord": 3}),
    *((np.linalg.norm, (make(3, 2),), {"ord": p}) for make in (real, cplx) for p in MATRIX_ORDERS),
    *((np.linalg.norm, (cplx(3, 4, 2),), {"ord": p, "axis": (2, 0)}) for p in (None, *MATRIX_ORDERS)),
    *(
        (np.linalg.norm, (real(3, 4, 2),), {"ord": p, "axis": (0, -1), "keepdims": True})
        for p in MATRIX_ORDERS
    ),
    *((np.linalg.matrix_norm, (real(2, 3, 2),), {"ord": p}) for p in MATRIX_ORDERS),
    *((np.linalg.matrix_norm, (cplx(2, 3, 2),), {"ord": p, "keepdims": True}) for p in MATRIX_ORDERS),
    *((np.linalg.cond, (cplx(3, 3),), {"p": p}) for p in (None, *MATRIX_ORDERS)),
    *((np.linalg.cond, (real(2, 3, 3),), {"p": p}) for p in (None, *MATRIX_ORDERS)),
    (np.linalg.cond, (real(3, 2),)),
]


@pytest.mark.parametrize(("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES])
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


@pytest.mark.parametrize("p", [None, 0, 0.5, 1, 1.5, 2, 3, np.inf, -np.inf])
def test_gradient_at_zero_is_zero(p):
    np.testing.assert_array_equal(fr.grad(lambda x: np.linalg.norm(x, p))(np.zeros(3)), np.zeros(3))
    np.testing.assert_array_equal(fr.grad(lambda x: np.linalg.norm(x, p))(np.zeros(3, complex)), np.zeros(3))


@pytest.mark.parametrize("p", [None, "fro", "nuc", 1, 2, np.inf])
def test_gradient_at_the_zero_matrix_is_zero(p):
    np.testing.assert_array_equal(fr.grad(lambda x: np.linalg.norm(x, p))(np.zeros((2, 3))), np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        (0, [0, 0, 0]),
        (
            0.5,
            [0, 1 + 4**0.5 / 3**0.5, 1 + 3**0.5 / 4**0.5],
        ),  # (√3 + √4)/√x; infinite at 0, where it is set to 0
        (1, [0, 1, 1]),
        (2, [0, 0.6, 0.8]),
        (3, [0, 9 / 91 ** (2 / 3), 16 / 91 ** (2 / 3)]),
        (np.inf, [0, 0, 1]),
        (-np.inf, [0, 0, 0]),
    ],
)
def test_gradient_beside_a_zero_entry(p, expected):
    np.testing.assert_allclose(
        fr.grad(lambda x: np.linalg.norm(x, p))(np.array([0.0, 3, 4])), expected, rtol=1e-14
    )


def test_ties_share_the_gradient():
    np.testing.assert_array_equal(
        fr.grad(lambda x: np.linalg.norm(x, np.inf))(np.array([2.0, -2.0])), [0.5, -0.5]
    )
    np.testing.assert_allclose(fr.grad(lambda A: np.linalg.norm(A, 2))(np.eye(2)), np.eye(2) / 2, atol=1e-15)
    np.testing.assert_allclose(fr.grad(lambda A: np.linalg.norm(A, "nuc"))(np.eye(2)), np.eye(2), atol=1e-15)


@settings(max_examples=40)
@given(
    arrays(float, st.integers(1, 5), elements=st.floats(-1e3, 1e3, width=16)), st.sampled_from([1, 1.5, 2, 3])
)
def test_a_norm_is_homogeneous(x, p):
    # By Euler's theorem ⟨∇‖x‖, x⟩ = ‖x‖.  Entries of float16 keep the powers clear of underflow.
    norm, gradient = fr.value_and_grad(lambda x: np.linalg.norm(x, p))(x)
    assert np.dot(gradient, x) == pytest.approx(norm, rel=1e-12)
    assert np.all(np.isfinite(gradient))


def test_bad_input():
    x = np.ones((2, 2, 2))
    for call, reason in (
        (lambda x: np.linalg.norm(x, 3, (0, 1)), "Invalid norm order"),
        (lambda x: np.linalg.norm(x, "fro", 0), "Invalid norm order"),
        (lambda x: np.linalg.norm(x, 2), "Improper number of dimensions"),
        (lambda x: np.linalg.norm(x, None, (0, 0)), "uplicate"),
        (lambda x: np.linalg.norm(x, None, 5), "out of bounds"),
    ):
        with pytest.raises(ValueError, match=reason):
            fr.jvp(call, (x,), (x,))


@pytest.mark.parametrize("p", [None, 2, -2, 1, "fro"])
def test_condition_of_a_singular_matrix(p):
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        fr.grad(lambda A: np.linalg.cond(A, p))(np.ones((2, 2)))
