"""The methods of ufuncs: reduce, accumulate, reduceat, outer, at."""

from __future__ import annotations

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.testing.overrides import get_overridable_numpy_ufuncs

import frechet as fr
from frechet.rule import load_chapters, table
from frechet.rules.ufunc_methods import METHODS
from frechet.testing import check_rule

RNG = np.random.default_rng(3)
A = RNG.uniform(0.5, 2.0, (4, 3))
V = np.array([0.7, -1.2, 0.4, 2.0, -0.3])
FOLDED = [np.subtract, np.true_divide, np.copysign, np.float_power]
RUNNING = [np.maximum, np.minimum, np.fmax, np.fmin]
WEIGHTED = [np.logaddexp, np.logaddexp2, np.hypot, *RUNNING]
MASK = np.array([True, False, True])
CASES = [
    *((f.reduce, args) for f in (*FOLDED, *WEIGHTED) for args in ((A,), (A[:1],), (A, -1), (A[0], None))),
    *((f.reduce, (A,), {"axis": 1, "keepdims": True}) for f in (*FOLDED, *WEIGHTED)),
    *((f.reduce, (A,), {"initial": 1.5}) for f in (*FOLDED, *WEIGHTED)),
    *((f.reduce, (A[:3], k), {"where": MASK, "initial": 0.8}) for f in (*FOLDED, *WEIGHTED) for k in (0, 1)),
    *((f.reduce, (A[:, :2], 1), {"where": A[:, :1] > 1, "initial": 2}) for f in (*FOLDED, *WEIGHTED)),
    *((f.reduce, (A[0],), {"where": MASK, "initial": 1}) for f in (*FOLDED, *WEIGHTED)),
    *((f.reduce, (A.astype(np.float32),), {"dtype": float}) for f in (*FOLDED, *WEIGHTED)),
    *((f.reduce, (A, None)) for f in WEIGHTED),
    *((f.reduce, (A, (0, -1)), {"keepdims": True}) for f in WEIGHTED),
    *((f.reduce, (A.reshape(2, 2, 3), (2, 0))) for f in WEIGHTED),
    *((lambda a, b, f=f: f.reduce(a, initial=b), (A, 1.0)) for f in (*FOLDED, *WEIGHTED)),
    *((f.reduce, (A,), {"initial": None}) for f in (*FOLDED, *WEIGHTED, np.add, np.multiply)),
    *((f.reduce, (x, 0)) for f in (*FOLDED, *WEIGHTED) for x in (1.3, np.array(-1.3))),
    (np.hypot.reduceat, (-A, [0, 2, 1])), (np.subtract.reduceat, (A.astype(np.float32), [0, 2], 0, float)),
    (np.add.outer, (2, np.float32(0.7))), (np.multiply.outer, (A.astype(np.float32), 2.0)),
    *((f.accumulate, args)
      for f in (*FOLDED, *RUNNING, np.logaddexp, np.hypot, np.power, np.arctan2)
      for args in ((A,), (A, -1), (A[:1],), (A[:0],))),
    *((f.accumulate, (A + 1j * A[::-1],)) for f in RUNNING),
    *((f.accumulate, (V,), {"dtype": np.float32}) for f in RUNNING),
    *((f.reduceat, (A, indices, axis))
      for f in (np.add, np.multiply, np.maximum, np.logaddexp, np.subtract)
      for indices, axis in (([0, 2, 3], 0), ([1, 3], 0), ([2, 0, 1], 0), ([0, 0], 0), ([3, 2, 1, 0], 0),
                            ([0, 2], -1), ([2, 0, 1], -1), ([0, 0], 1))),
    *((f.outer, (A[:, 0], A[1:] + 0.01))
      for f in (np.add, np.multiply, np.power, np.hypot, np.arctan2, np.maximum)),
    *((f.outer, (A, 1.5)) for f in (np.add, np.multiply, np.power, np.hypot, np.arctan2, np.maximum)),
    *((f.outer, (1.5, A[0])) for f in (np.add, np.multiply, np.power, np.hypot, np.arctan2, np.maximum)),
    *((f.outer, ([1, 3], A[0])) for f in (np.add, np.multiply, np.power, np.hypot, np.arctan2)),
    (lambda a: np.divmod.outer(a, np.array([0.3, 0.4]))[1], (A,)),
]  # fmt: skip


def name(f):
    return getattr(f, "__name__", None)


def test_every_method_is_classified():
    load_chapters()
    missing = [
        (f.__name__, m) for f in get_overridable_numpy_ufuncs() for m in METHODS if (f, m) not in table
    ]
    assert missing == []


# --- reduce ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("function", "args", "kwargs"), [(*case, {})[:3] for case in CASES], ids=name)
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


def test_reduce_at_special_points():
    assert fr.grad(np.fmax.reduce)(np.array([1.0, 3.0, np.nan, 3.0])).tolist() == [0, 0.5, 0, 0.5]
    assert fr.grad(np.logaddexp.reduce)(np.array([-np.inf, 3.0])).tolist() == [0, 1]
    assert fr.grad(np.hypot.reduce)(np.zeros(2)).tolist() == [0, 0]


def test_reduce_refuses_what_numpy_refuses():
    with pytest.raises(ValueError, match="not reorderable"):
        fr.grad(lambda a: np.sum(np.subtract.reduce(a, axis=(0, 1))))(A)
    with pytest.raises(fr.errors.NotDifferentiableError, match=r"functools\.reduce"):
        fr.grad(np.power.reduce)(V)
    with pytest.raises(ValueError, match="identity"):
        fr.grad(lambda a: np.sum(np.subtract.reduce(a)))(A[:0])


# --- accumulate -----------------------------------------------------------------------------------


def test_running_extrema_are_shared_by_the_entries_that_have_attained_them():
    x = np.array([1.0, 3.0, 2.0, 3.0, 3.0, 4.0])
    expected = np.eye(6)
    expected[2, 1:3] = 1, 0
    expected[3, [1, 3]] = 1 / 2
    expected[4, [1, 3, 4]] = 1 / 3
    for f in (np.maximum, np.fmax):
        assert fr.jacobian(f.accumulate)(x).tolist() == expected.tolist()
    for f in (np.minimum, np.fmin):
        assert fr.jacobian(f.accumulate)(-x).tolist() == expected.tolist()
    y = np.array([1.0, np.nan, 2.0])
    assert fr.jacobian(np.maximum.accumulate)(y).tolist() == np.eye(3)[[0, 1, 1]].tolist()
    assert fr.jacobian(np.fmax.accumulate)(y).tolist() == np.eye(3)[[0, 0, 2]].tolist()
    assert fr.jacobian(np.fmax.accumulate)(-y[1:]).tolist() == np.eye(2).tolist()


@hypothesis.given(
    st.lists(st.integers(0, 3), min_size=1, max_size=9),
    st.sampled_from([(np.maximum, np.max), (np.fmin, np.min)]),
)
def test_running_extrema_agree_with_extrema(entries, functions):
    running, extremum = functions
    x = np.array(entries, float)
    prefixes = [np.pad(fr.grad(extremum)(x[: k + 1]), (0, x.size - k - 1)) for k in range(x.size)]
    np.testing.assert_allclose(fr.jacobian(running.accumulate)(x), prefixes, rtol=1e-15)
    both = np.stack([x, x[::-1]], axis=1)
    w = np.arange(2.0 * x.size).reshape(both.shape) + 1
    pulled = fr.vjp(running.accumulate, both)[1](w)[0]
    np.testing.assert_allclose(pulled[:, 0], w[:, 0] @ np.array(prefixes), rtol=1e-14)


def test_running_extrema_keep_infinite_tangents_apart():
    x, v = np.array([1.0, 2.0, 2.0, 3.0]), np.array([np.inf, 1.0, 3.0, -1.0])
    assert fr.jvp(np.maximum.accumulate, (x,), (v,))[1].tolist() == [np.inf, 1.0, 2.0, -1.0]


# --- reduceat -------------------------------------------------------------------------------------


def test_reduceat_out_of_bounds():
    with pytest.raises(IndexError):
        fr.grad(lambda a: np.sum(np.multiply.reduceat(a, [0, 7])))(A)
    with pytest.raises(IndexError):
        fr.grad(lambda a: np.sum(np.add.reduceat(a, [0, 7])))(A)


# --- outer ----------------------------------------------------------------------------------------


def test_outer_of_constants():
    assert fr.grad(lambda a: np.sum(a * np.less.outer(a, a).sum(axis=1)))(V).tolist() == [1, 4, 2, 0, 3]


# --- at -------------------------------------------------------------------------------------------

INDICES = [
    2, [0, 2, 2, 1, 2], np.array([[0, -1], [3, 0]]), slice(1, 4), (slice(None, None, 2),),
    np.array([True, False, True, False, False]),
    ([0, 0, -5],), Ellipsis,
]  # fmt: skip
BINARY = [np.add, np.subtract, np.multiply, np.true_divide, np.maximum, np.hypot, np.arctan2]


@pytest.mark.parametrize("f", BINARY, ids=name)
@pytest.mark.parametrize("index", INDICES, ids=str)
def test_at(f, index):
    count = np.shape(V[index])

    def g(v, b):
        y = v * 1.0
        f.at(y, index, b)
        return y * v

    check_rule(g, V, RNG.uniform(0.5, 1.5, count))
    check_rule(lambda v: g(v, 1.7), V)
    check_rule(lambda b: g(V[0] * np.ones_like(b, shape=5), b), RNG.uniform(0.5, 1.5, count))


@pytest.mark.parametrize("index", [
    ([0, 1, 0], [2, 1, 2]), (slice(None), [0, 0, 2]), ([[0], [3]], [1, 1]), (1, [0, 0]), ([2, 2], slice(1)),
    (np.array([True, False, True, True]), [0, 1, 0]), (None, [1, 1]), [3, 3, 0],
], ids=str)  # fmt: skip
def test_at_in_several_dimensions(index):
    for f in (np.add, np.multiply, np.subtract):

        def g(a, b, f=f):
            y = a * 1.0
            f.at(y, index, b)
            return y * a

        check_rule(g, A, RNG.uniform(0.5, 1.5, np.shape(A[index])))
        check_rule(g, A, RNG.uniform(0.5, 1.5, np.shape(A[index])[-1:]))


def test_at_of_one_argument():
    def g(v):
        y = v * 1.0
        np.exp.at(y, [0, 2, 0])
        np.negative.at(y, [1, 1, 3])
        return y

    check_rule(g, V)


def test_at_refuses_what_would_lose_a_derivative():
    plain = np.zeros(3)
    with pytest.raises(fr.errors.InPlaceError, match=r"np\.zeros_like"):
        fr.grad(lambda v: np.add.at(plain, [0, 0], v))(2.0)
    with pytest.raises(fr.errors.InPlaceError, match="argument of the differentiated function"):
        fr.grad(lambda v: np.add.at(v, [0, 0], 1.0))(V)
    with pytest.raises(IndexError):
        fr.grad(lambda v: np.add.at(v * 1.0, [0, 9], 1.0))(V)


@hypothesis.given(
    st.lists(st.integers(-4, 3), min_size=1, max_size=9), st.sampled_from([np.add, np.multiply, np.subtract])
)
def test_at_gives_numpys_value(index, f):
    b = 1.0 + np.arange(len(index))

    def g(v):
        y = v * 1.0
        f.at(y, index, b)
        return y

    expected = np.ones(4)
    f.at(expected, index, b)
    value, tangent = fr.jvp(g, (np.ones(4),), (np.ones(4),))
    np.testing.assert_allclose(value, expected, rtol=1e-14)
    linear = np.ones(4)
    (np.multiply.at(linear, index, b) if f is np.multiply else None)
    np.testing.assert_allclose(tangent, linear, rtol=1e-14)


def test_nested_reads_of_repeated_entries():
    index = np.array([0, 0, 3, 1, 3])
    check_rule(lambda v: np.sum(v[index] ** 2 * v), V)
    H = fr.hessian(lambda v: np.sum(v[index] ** 3))(V)
    expected = np.diag(6 * V * np.bincount(index, minlength=5))
    np.testing.assert_allclose(H, expected, rtol=1e-14)


def test_reduceat_with_indices_by_keyword():
    x = np.arange(1.0, 6.0)
    g = fr.grad(lambda x: np.sum(np.add.reduceat(x, indices=[0, 2]) * np.array([1.0, 10.0])))(x)
    np.testing.assert_array_equal(g, [1, 1, 10, 10, 10])
