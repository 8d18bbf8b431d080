"""Cumulative sums and products."""

from __future__ import annotations

import numpy as np
import pytest

import frechet as fr
from frechet.rules.cumulative import linear_recurrence
from frechet.testing import check_rule

rng = np.random.default_rng(7)
X = rng.standard_normal((2, 3, 4))
Z = X + 1j * rng.standard_normal((2, 3, 4))
ZEROS = X.copy()
ZEROS[0, 1, 2] = ZEROS[1, 1, 1] = ZEROS[1, 1, 2] = 0
HOLES = ZEROS.copy()
HOLES[1, 0, 0] = HOLES[0, 2] = np.nan

CASES = [
    (f, (a,), {"axis": axis})
    for f in (np.cumsum, np.cumprod)
    for a in (X, Z, ZEROS, X.astype(np.float32))
    for axis in (None, 0, 1, -1)
]
CASES += [(f, (HOLES,), {"axis": axis}) for f in (np.nancumsum, np.nancumprod) for axis in (None, 0, 2)]
CASES += [
    (f, (a,), {"axis": axis, "include_initial": initial})
    for f in (getattr(np, "cumulative_sum", None), getattr(np, "cumulative_prod", None))
    if f is not None
    for a in (ZEROS, Z)
    for axis in (0, -1)
    for initial in (False, True)
]
CASES += [
    (f, (x,)) for f in (np.cumsum, np.cumprod) for x in (2.5, np.zeros(0), np.array([0.0]), np.zeros((2, 0)))
]
CASES += [
    *((f, (a,), {"axis": k}) for f in (np.cumsum, np.cumprod) for a in (2.5, np.array(2.5)) for k in (0, -1)),
    (np.add.accumulate, (X,)),
    (np.multiply.accumulate, (ZEROS,)),
    (np.multiply.accumulate, (Z,), {"axis": -1}),
    (np.cumsum, (X.astype(np.float32),), {"axis": 1, "dtype": np.float64}),
    (lambda x: x.cumsum(1) * x.cumprod(0), (X,)),
    (linear_recurrence, (rng.standard_normal((2, 6)), rng.standard_normal((2, 7)))),
    (linear_recurrence, (rng.standard_normal(5) + 1j, rng.standard_normal((2, 6)))),
    (linear_recurrence, (np.zeros(0), np.ones(1))),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: getattr(c[0], "__name__", "f"))
def test_rules(case):
    f, args, *kwargs = case
    check_rule(f, *args, **(kwargs[0] if kwargs else {}), seed=1)


@pytest.mark.parametrize("n", range(1, 12))
def test_a_linear_recurrence_is_that_of_a_loop(n):
    x, u = rng.standard_normal(n - 1), rng.standard_normal(n)
    t = [u[0]]
    for k in range(1, n):
        t.append(x[k - 1] * t[-1] + u[k])
    # the same products and sums in another order: a few roundings apart
    np.testing.assert_allclose(linear_recurrence(x, u), t, rtol=1e-13, atol=1e-13)


def test_jacobian_of_a_cumulative_product_with_two_zeros():
    x = np.array([2.0, 0.0, 3.0, 0.0, 5.0])
    # ∂y_k/∂x_i is the product of the other entries up to k
    expected = np.array(
        [[np.prod(np.delete(x[: k + 1], i)) if i <= k else 0 for i in range(5)] for k in range(5)]
    )
    assert np.array_equal(fr.jacobian(np.cumprod)(x), expected)
    second = fr.jacobian(fr.jacobian(np.cumprod))(x)
    assert second[4, 1, 3] == 2 * 3 * 5
    assert second[4, 1, 0] == 0


def test_axes_that_do_not_exist_are_refused():
    with pytest.raises(np.exceptions.AxisError):
        fr.grad(lambda x: np.sum(np.cumsum(x, axis=3)))(X)
