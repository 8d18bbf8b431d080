"""Extrema, sorting, distinct values; equal entries share alike."""

from __future__ import annotations

import numpy as np
import pytest

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(5)
X = rng.standard_normal((2, 3, 4))
Z = X + 1j * rng.standard_normal((2, 3, 4))
MASK = rng.random((2, 3, 4)) > 0.2
HOLES = X.copy()
HOLES[0, 1, 2] = HOLES[1, 1, 1] = HOLES[1, 2, 1] = np.nan
V = rng.standard_normal(5)

EXTREMA = (np.max, np.min, np.amax, np.amin, np.nanmax, np.nanmin)
CASES = [
    (f, (HOLES if f in (np.nanmax, np.nanmin) else X,), {"axis": axis, "keepdims": keepdims})
    for f in (*EXTREMA, np.ptp)
    for axis, keepdims in ((None, False), (1, True), (-1, False), ((0, 2), True))
]
CASES += [(f, (Z,), {"axis": 1}) for f in (*EXTREMA, np.ptp)]
CASES += [(f, (X.astype(np.float32),), {"axis": 1}) for f in (*EXTREMA, np.ptp)]
CASES += [(f, (2.5,)) for f in EXTREMA]
CASES += [
    (lambda x, start, f=f: f(x, axis=1, where=MASK, initial=start), (X, start))
    for f in EXTREMA
    for start in (-5.0, 0.2, 5.0)
]
CASES += [(f.reduce, (X,), {"axis": axis}) for f in (np.maximum, np.minimum) for axis in (0, -1, None)]
CASES += [(lambda x, start: np.maximum.reduce(x, initial=start), (X, 0.1))]
CASES += [(np.sort, (a,), {"axis": axis}) for a in (X, Z, X.astype(np.float32)) for axis in (-1, 0, 1, None)]
CASES += [(np.partition, (X, kth), {"axis": axis}) for kth in (1, (0, 2)) for axis in (-1, 1, None)]
CASES += [(np.sort_complex, (a,)) for a in (X, Z, X.astype(np.float32))]
CASES += [(np.sort, (np.zeros((2, 0)),)), (np.unique, (np.zeros(0),)), (np.unique, (2.5,))]
CASES += [
    (np.unique, (X,)),
    (np.unique, (Z,), {"return_counts": True}),
    (np.unique, (V,), {"return_index": True, "return_inverse": True, "return_counts": True}),
    (np.unique, (X,), {"axis": 1}),
    (np.unique_values, (X,)),
    (np.unique_all, (X,)),
    (np.unique_counts, (X,)),
    (np.unique_inverse, (X,)),
    (np.union1d, (V, V[:2] + 0.3)),
    (np.setdiff1d, (V, V[:2] + 0.3)),
    (np.setxor1d, (V, V[:2] + 0.3)),
    (lambda x: np.trim_zeros(np.concatenate([np.zeros(2), x, np.zeros(1)])), (V,)),
    (lambda x: np.trim_zeros(np.concatenate([np.zeros(2), x, np.zeros(1)]), "b"), (V,)),
    (lambda x: np.trim_zeros(np.pad(x, 1)), (X[0],)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: getattr(c[0], "__name__", "f"))
def test_rules(case):
    f, args, *kwargs = case
    check_rule(f, *args, **(kwargs[0] if kwargs else {}), seed=1)


def test_equal_extrema_share_alike():
    x = np.array([1.0, 3.0, 3.0, 0.0, 3.0])
    third = np.array([0, 1, 1, 0, 1]) / 3
    for f in (
        np.max,
        np.nanmax,
        lambda x: np.sort(x)[-1],
        lambda x: np.partition(x, 4)[4],
        lambda x: np.quantile(x, 1),
    ):
        np.testing.assert_allclose(fr.grad(f)(x), third, rtol=1e-15)
    np.testing.assert_allclose(fr.jvp(np.max, (x,), (np.arange(5.0),))[1], (1 + 2 + 4) / 3, rtol=1e-15)
    assert np.array_equal(fr.grad(np.min)(x), [0, 0, 0, 1, 0])
    assert np.array_equal(
        fr.grad(lambda x: np.sum(np.max(x, axis=0)))(np.array([[1.0, 2], [1, 3]])), [[0.5, 0], [0.5, 1]]
    )
    # as np.maximum of two
    assert np.array_equal(fr.grad(np.max)(np.array([2.0, 2.0])), [0.5, 0.5])
    assert fr.grad(lambda x: np.max(np.array([1.0, 2.0]) + x, initial=2.0))(0.0) == 0.5


def test_equal_entries_share_alike_in_sorting():
    x = np.array([2.0, 1.0, 2.0, 0.0])
    J = np.array([[0, 0, 0, 1], [0, 1, 0, 0], [0.5, 0, 0.5, 0], [0.5, 0, 0.5, 0]])
    assert np.array_equal(fr.jacobian(np.sort)(x), J)
    assert np.array_equal(fr.jacobian(lambda x: np.sort(np.stack([x, -x])))(x)[0], J)
    assert np.array_equal(fr.grad(np.median)(np.array([1.0, 1.0, 1.0, 5.0])), [1 / 3, 1 / 3, 1 / 3, 0])
    assert np.array_equal(fr.jacobian(np.unique)(x), [[0, 0, 0, 1], [0, 1, 0, 0], [0.5, 0, 0.5, 0]])
    rows = np.array([[1.0, 2], [1, 2], [0, 5]])
    assert np.array_equal(fr.grad(lambda x: np.unique(x, axis=0)[1, 1])(rows), [[0, 0.5], [0, 0.5], [0, 0]])
    values, counts = fr.linearize(np.unique_counts, x)[0]
    assert np.array_equal(values, [0, 1, 2])
    assert np.array_equal(counts, [1, 1, 2])


def test_a_nan_that_is_the_result_attains_it():
    x = np.array([1.0, np.nan, 3.0])
    assert np.array_equal(fr.grad(np.max)(x), [0, 1, 0])
    assert np.array_equal(fr.grad(np.nanmax)(x), [0, 0, 1])
    assert np.array_equal(fr.grad(np.median)(x), [0, 1, 0])
    assert np.array_equal(fr.grad(np.nanmedian)(x), [0.5, 0, 0.5])
    assert np.array_equal(fr.jacobian(np.sort)(x), [[1, 0, 0], [0, 0, 1], [0, 1, 0]])


def test_orders_and_places_are_constant():
    def f(x):
        places = (
            np.argsort(x),
            np.argpartition(x, 1),
            np.argmax(x),
            np.argmin(x),
            np.nanargmax(x),
            np.searchsorted(x, x[0]),
        )
        return np.sum(x) * sum(int(np.sum(p)) for p in places)

    x = np.array([0.3, 1.0, 2.0])
    # 3 + 3 + 2 + 0 + 2 + 0
    assert np.array_equal(fr.grad(f)(x), [10, 10, 10])
    assert np.array_equal(fr.grad(lambda x: np.sum(x * np.digitize(x, [0.5])))(x), [0, 1, 1])


def test_intersections_are_refused_with_the_way_out():
    with pytest.raises(fr.errors.NotDifferentiableError, match="return_indices=True"):
        fr.grad(lambda x: np.sum(np.intersect1d(x, [1.0, 2.0])))(np.array([1.0, 3.0]))


@pytest.mark.parametrize("f", [np.max, np.min, np.ptp, np.maximum.reduce])
def test_extrema_of_nothing_raise_as_in_numpy(f):
    with pytest.raises(ValueError, match="zero-size array"):
        fr.grad(f)(np.zeros(0))


def test_integer_results_have_no_derivative():
    assert fr.grad(lambda x: x[0] * np.maximum.reduce(x, dtype=int))(np.array([1.0, 2.0]))[1] == 0
