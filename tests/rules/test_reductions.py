"""Sums, products, means, variances and their nan-variants."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.maps import SumOver
from frechet.testing import check_rule

rng = np.random.default_rng(5)
X = rng.standard_normal((2, 3, 4))
Z = X + 1j * rng.standard_normal((2, 3, 4))
MASK = rng.random((2, 3, 4)) > 0.3
MASK[:, 0] = True  # no empty slices, which NumPy warns of
HOLES = np.where(MASK, X, np.nan)
ZEROS = X.copy()
ZEROS[0, 1, 2] = ZEROS[1, 1, 1] = ZEROS[1, 1, 2] = 0  # rows with none, one and two zeros

PLAIN = (np.sum, np.mean, np.prod, np.var, np.std)
SKIPPING = (np.nansum, np.nanmean, np.nanprod, np.nanvar, np.nanstd)

CASES = [
    (f, (a,), {"axis": axis, "keepdims": keepdims})
    for f in PLAIN
    for a in (X, Z)
    for axis, keepdims in (
        (None, False),
        (None, True),
        (0, False),
        (-1, True),
        ((0, 2), False),
        ((-1, 1), True),
    )
]
CASES += [
    (f, (a,), {"axis": axis}) for f in SKIPPING for a in (HOLES, HOLES + 1j * X) for axis in (None, 1, (0, 2))
]
CASES += [(f, (HOLES,), {"axis": (0, 1), "where": MASK[:1], "keepdims": True}) for f in SKIPPING]
CASES += [(f, (a,), {"axis": 1, "where": MASK}) for f in PLAIN for a in (X, Z)]
CASES += [(f, (X,), {"axis": (0, 2), "where": MASK[0, 0] | True, "keepdims": True}) for f in PLAIN]
CASES += [(f, (X.astype(np.float32),), {"axis": 1}) for f in (*PLAIN, *SKIPPING)]
CASES += [(f, (X.astype(np.float32),), {"axis": 1, "dtype": np.float64}) for f in PLAIN]
CASES += [(lambda x, s, f=f: f(x, initial=s), (HOLES, 0.7)) for f in (np.nansum, np.nanprod)]
CASES += [(f, (X,), {"initial": 2, "axis": (0, -1), "keepdims": True}) for f in (np.nansum, np.nanprod)]
CASES += [(f, (X,), {"axis": 1, "dtype": np.float32, "tolerance": 1e-2}) for f in (np.sum, np.mean, np.prod)]
CASES += [
    (f, (x,))
    for f in (np.sum, np.mean, np.prod, np.var)
    for x in (2.5, np.float64(2.5), np.array(2.5), 1 - 2j)
]
CASES += [(f, (np.zeros((0, 3)),), {"axis": 0}) for f in (np.sum, np.prod)]
CASES += [(f, (np.zeros((2, 0)),), {"axis": 0}) for f in PLAIN]
CASES += [
    (np.prod, (ZEROS,), {"axis": -1}),
    (np.prod, (ZEROS + 0j,), {"axis": 1}),
    (np.prod, (ZEROS,), {"axis": 1, "initial": 2.0}),
    (lambda x, start: np.prod(x, axis=1, initial=start), (ZEROS, 2.0)),
    (lambda x, start: np.sum(x, axis=1, initial=start, where=MASK), (X, 2.0)),
    (np.add.reduce, (X,)),
    (np.add.reduce, (X,), {"axis": None, "initial": 3.0, "where": MASK}),
    (np.multiply.reduce, (X,)),
    (np.multiply.reduce, (Z,), {"axis": (0, 1), "keepdims": True}),
    (np.var, (X,), {"axis": 1, "ddof": 1}),
    (np.std, (Z,), {"axis": 1, "correction": 1.5}),
    (np.nanvar, (HOLES,), {"axis": (0, 1), "ddof": 1}),
    (lambda x, m: np.var(x, axis=1, mean=m), (X, X[:, :1] + 0.3)),
    (lambda x, m: np.std(x, axis=1, mean=m), (Z, Z[:, :1])),
    (lambda x: np.var(x, axis=1, mean=np.mean(x, axis=1, keepdims=True)), (X,)),
    (lambda x: x.sum(0) + x.mean(0) * x.prod(0) + x.var(0) * x.std(0), (X,)),
    (np.trace, (X,)),
    (np.trace, (X,), {"offset": 1, "axis1": 2, "axis2": 0}),
    (np.trace, (Z,), {"offset": -1, "axis1": 0, "axis2": -1}),
    (np.trace, (X[0],), {"offset": -1}),
    (np.trace, (X[0],), {"offset": 9}),
    (lambda x: x.trace(), (X[0],)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: getattr(c[0], "__name__", "f"))
def test_rules(case):
    f, args, *kwargs = case
    check_rule(f, *args, **(kwargs[0] if kwargs else {}), seed=1)


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 3), min_size=0, max_size=3).map(tuple),
    st.sampled_from(["f4", "f8", "c8", "c16"]),
    st.booleans(),
    st.data(),
)
def test_shapes_and_dtypes_of_gradients(shape, dtype, keepdims, data):
    axis = data.draw(st.one_of(st.none(), *[st.integers(-len(shape), len(shape) - 1)] * bool(shape)))
    x = np.ones(shape, dtype)[()]
    for f in (np.sum, np.prod):
        y, pullback = fr.vjp(lambda x, f=f: f(x, axis=axis, keepdims=keepdims), x)
        (g,) = pullback(y)
        assert np.shape(y) == np.shape(f(x, axis=axis, keepdims=keepdims))
        assert np.shape(g) == shape
        assert np.result_type(g) == np.dtype(dtype)
        assert np.array_equal(
            g, np.broadcast_to(f(x, axis=axis, keepdims=True), shape)
        )  # ones times the result


def test_the_pullback_of_a_sum_takes_no_memory():
    assert SumOver(0, (1000, 3)).pull(np.array([1.0, 2.0, 3.0])).strides == (0, 8)
    for w in (1.0, 1j, np.float32(1)):
        g = SumOver(None, (1000, 3)).pull(w)
        assert g.strides == (0, 0)
        assert g.dtype == np.result_type(w)
        assert not g.flags.writeable
    assert fr.grad(np.sum)(np.ones(3)).flags.owndata  # a user's gradient has its own memory


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([2.0, 3.0, 5.0], [15.0, 10.0, 6.0]),
        ([2.0, 0.0, 5.0], [0.0, 10.0, 0.0]),
        ([0.0, 3.0, 0.0], [0.0, 0.0, 0.0]),
        ([0.0], [1.0]),
        ([1e-200, 1e-200, 1e10], [1e-190, 1e-190, 0.0]),  # the product itself is lost to underflow
    ],
)
def test_gradient_of_a_product_at_zeros(x, expected):
    np.testing.assert_allclose(fr.grad(np.prod)(np.array(x)), expected, rtol=1e-15)


def test_second_and_third_derivatives_of_a_product_with_two_zeros():
    # d²/dx_i dx_j of x_0 x_1 x_2 x_3 is the product of the other two: 3·7 for the two zeros, else 0
    x = np.array([0.0, 3.0, 0.0, 7.0])
    expected = np.zeros((4, 4))
    expected[0, 2] = expected[2, 0] = 21
    assert np.array_equal(fr.hessian(np.prod)(x), expected)
    third = fr.jacobian(fr.hessian(np.prod))(x)
    assert third[0, 2, 1] == 7
    assert third[0, 2, 3] == 3
    assert third[0, 1, 3] == 0


def test_product_of_many_entries_three_of_them_zero():
    x = ZEROS.ravel()
    assert np.array_equal(fr.grad(np.prod)(x), np.zeros(24))
    y, tangent = fr.jvp(np.prod, (x,), (np.ones(24),))
    assert y == tangent == 0


def test_std_of_equal_data():
    # A kink: |v − mean(v)| / √n along v. The smallest subgradient is given, at every order.
    x = np.full(4, 2.5)
    assert np.array_equal(fr.grad(np.std)(x), np.zeros(4))
    assert np.array_equal(fr.hessian(np.std)(x), np.zeros((4, 4)))
    assert np.array_equal(fr.grad(np.nanstd)(x), np.zeros(4))
    assert np.array_equal(fr.grad(np.std)(x + 1j), np.zeros(4))
    mixed = np.stack([x, np.arange(4.0)])
    g = fr.grad(lambda x: np.sum(np.std(x, axis=1)))(mixed)
    assert np.array_equal(g[0], np.zeros(4))
    np.testing.assert_allclose(g[1], (np.arange(4) - 1.5) / (4 * np.sqrt(1.25)), rtol=1e-15)


def test_too_few_data_are_nan_as_in_numpy():
    with np.errstate(invalid="ignore"), pytest.warns(RuntimeWarning, match="Degrees of freedom"):
        value, g = fr.value_and_grad(lambda x: np.var(x, ddof=1))(np.array([2.0]))
    assert math.isnan(value)
    assert math.isnan(g[0])
    with np.errstate(invalid="ignore"), pytest.warns(RuntimeWarning, match="empty slice"):
        value, g = fr.value_and_grad(np.mean)(np.zeros(0))
    assert math.isnan(value)
    assert g.shape == (0,)


def test_nan_entries_do_not_take_part():
    x = np.array([1.0, np.nan, 3.0])
    assert np.array_equal(fr.grad(np.nansum)(x), [1, 0, 1])
    assert np.array_equal(fr.grad(np.nanmean)(x), [0.5, 0, 0.5])
    assert np.array_equal(fr.grad(np.nanprod)(x), [3, 0, 1])
    assert np.array_equal(fr.grad(np.nanvar)(x), [-1, 0, 1])
    # a slice without any entry: NaN, of which nothing is known
    with pytest.warns(RuntimeWarning, match="empty slice"):
        _, L = fr.linearize(lambda x: np.nanmean(x, axis=0), np.array([[1.0, np.nan], [2.0, np.nan]]))
    assert np.array_equal(L.pull(np.array([1.0, 0.0])), [[0.5, 0], [0.5, 0]])


def test_integer_results_have_no_derivative():
    assert fr.grad(lambda x: x[0] * np.sum(x, dtype=int))(np.array([1.0, 2.0]))[1] == 0
    assert fr.grad(lambda x: np.count_nonzero(x) * np.any(x) * np.all(x) * x[0])(np.array([1.0, 2.0]))[0] == 2


def test_gradient_of_integer_data_is_float():
    g = fr.grad(np.sum)(np.arange(3))
    assert g.dtype == float
    assert np.array_equal(g, np.ones(3))


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_a_real_dtype_drops_imaginary_parts_before_the_reduction():
    for f in (np.sum, np.prod, np.mean, np.cumprod, np.cumsum, np.nanprod, np.nancumprod):
        check_rule(lambda z, f=f: f(z, 0, float), Z)
    for f in (np.var, np.std, np.nanvar, np.nanstd):
        with pytest.raises(fr.errors.NotDifferentiableError, match="real dtype"):
            fr.grad(lambda z, f=f: f(z, dtype=float))(Z)
