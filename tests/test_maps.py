"""The maps that rules are made of: adjointness, stacks and written-out forms, for shapes of every kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from frechet.linear_map import left
from frechet.maps import (
    Broadcast,
    Diagonal,
    Gather,
    Scatter,
    broadcast,
    diagonal,
    explicit_index,
    imaginary_part,
    reads_once,
    real_part,
    reshape,
    stack_first,
    stack_last,
    sum_over,
    take,
    transpose,
    unbroadcast,
    zeros_like,
)

# A product and a sum of a few hundred numbers of size one at most.
EXACT = 1e-12
STACKS = [(), (3,), (2, 1), (0,)]


def numbers(seed, shape, complex_=False):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if complex_ else 0)


def inner(a, b):
    return float(np.real(np.sum(np.conj(a) * b)))


def check(m, in_shape, out_shape, complex_in=False, complex_out=False):
    """Adjointness, stacks against a loop, columns and rows against unit vectors, nothing written to."""
    v, w = numbers(0, in_shape, complex_in), numbers(1, out_shape, complex_out)
    for a in (v, w):
        if isinstance(a, np.ndarray):
            a.flags.writeable = False
    y, x = m.push(v), m.pull(w)
    assert np.shape(y) == out_shape
    assert np.shape(x) == in_shape
    assert inner(y, w) == pytest.approx(inner(v, x), rel=EXACT, abs=EXACT)
    for stack in STACKS[1:]:
        for function, shape, image, complex_ in (
            (m.push, in_shape, out_shape, complex_in),
            (m.pull, out_shape, in_shape, complex_out),
        ):
            us = numbers(2, stack + shape, complex_)
            stacked = function(us)
            assert np.shape(stacked) == stack + image
            for at in np.ndindex(stack):
                np.testing.assert_allclose(stacked[at], function(us[at]), atol=EXACT)
    n_in = int(np.prod(in_shape))
    dtype = complex if complex_in else float
    looped = np.array([m.push(np.reshape(e, in_shape)) for e in np.eye(n_in, dtype=dtype)])
    if n_in:
        np.testing.assert_allclose(
            m.columns(in_shape, dtype), looped.reshape(in_shape + out_shape), atol=EXACT
        )
        np.testing.assert_allclose(
            np.reshape(m.to_dense(in_shape, dtype), (-1, n_in)), looped.reshape(n_in, -1).T, atol=EXACT
        )
    n_out = int(np.prod(out_shape))
    if n_out:
        dtype = complex if complex_out else float
        looped = np.array([m.pull(np.reshape(e, out_shape)) for e in np.eye(n_out, dtype=dtype)])
        np.testing.assert_allclose(m.rows(out_shape, dtype), looped.reshape(out_shape + in_shape), atol=EXACT)


@st.composite
def broadcastable(draw):
    """An input shape and an output shape to which it broadcasts."""
    out = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3))
    kept = out[draw(st.integers(0, len(out))) :]
    return tuple(1 if draw(st.booleans()) else n for n in kept), out


@settings(max_examples=60)
@given(broadcastable(), st.booleans())
def test_broadcast_and_diagonal(shapes, complex_):
    in_shape, out_shape = shapes
    check(Broadcast(in_shape, out_shape), in_shape, out_shape)
    d = numbers(5, out_shape, complex_)
    check(Diagonal(d, None, in_shape, out_shape), in_shape, out_shape, complex_, complex_)
    assert np.shape(broadcast(np.zeros((5, *in_shape)), in_shape, out_shape)) == (5, *out_shape)
    assert np.shape(unbroadcast(np.zeros((5, *out_shape)), in_shape, out_shape)) == (5, *in_shape)


def test_diagonal_computes_its_factor_once_and_only_when_needed():
    calls = []

    def factor(x):
        calls.append(1)
        return np.cos(x)

    m = Diagonal(factor, (np.arange(3.0),), (3,), (3,))
    assert not calls
    m.push(np.ones(3)), m.pull(np.ones(3)), m.to_dense((3,))
    assert len(calls) == 1
    np.testing.assert_array_equal(m.push(np.ones(3)), np.cos(np.arange(3.0)))


def test_diagonal_with_a_number_or_a_smaller_factor():
    check(Diagonal(-2.0, None, (3,), (2, 3)), (3,), (2, 3))
    check(diagonal(2.5, (2, 2)), (2, 2), (2, 2))
    check(diagonal(np.float64(2)), (), ())
    check(diagonal(np.arange(3.0), (2, 3)), (2, 3), (2, 3))
    check(diagonal(np.array([1j, 2.0])), (2,), (2,), True, True)


@settings(max_examples=40)
@given(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3), st.data())
def test_reshape_transpose_and_sum(shape, data):
    check(reshape(shape, (int(np.prod(shape)),)), shape, (int(np.prod(shape)),))
    axes = tuple(data.draw(st.permutations(range(len(shape)))))
    check(transpose(axes), shape, tuple(shape[a] for a in axes))
    some = tuple(sorted(data.draw(st.sets(st.integers(0, max(0, len(shape) - 1)), max_size=len(shape)))))
    some = some if shape else ()
    rest = tuple(n for k, n in enumerate(shape) if k not in some)
    kept = tuple(1 if k in some else n for k, n in enumerate(shape))
    check(sum_over(some, shape), shape, rest)
    check(sum_over(some, shape, keepdims=True), shape, kept)
    v = numbers(3, shape)
    np.testing.assert_array_equal(transpose(axes).push(v), np.transpose(v, axes))
    np.testing.assert_array_equal(sum_over(some, shape).push(v), np.sum(v, axis=some))


def test_transpose_takes_negative_axes():
    check(transpose((-1, 0, -2)), (2, 3, 4), (4, 2, 3))


def test_parts_of_complex_numbers():
    check(real_part, (3,), (3,), complex_in=True)
    check(imaginary_part, (3,), (3,), complex_in=True)
    # Between the factors of a product nobody projects: the parts must take complex cotangents.
    C = numbers(4, (3, 3), True)
    for part in (real_part, imaginary_part):
        check(left(C) @ part, (3, 2), (3, 2), complex_in=True, complex_out=True)


SHAPE = (4, 5, 3)
INDICES = [
    0,
    -1,
    np.int64(2),
    slice(None),
    slice(None, None, -1),
    slice(1, 4, 2),
    slice(3, None, -2),
    slice(5, 5),
    Ellipsis,
    None,
    (),
    (0,),
    (0, 1),
    (0, 1, 2),
    (slice(None), 0),
    (Ellipsis, 0),
    (0, Ellipsis),
    (Ellipsis,),
    (None, 0, Ellipsis, None),
    (slice(None, None, -1), slice(1, None, 2)),
    (slice(None), None, 2),
    np.array([0, 2]),
    np.array([0, 0, 2]),
    np.array([[0, 1], [1, 1]]),
    np.array(2),
    np.array([], int),
    np.array([-1, 3]),
    (np.array([0, 1]), np.array([2, 2])),
    (np.array([0, 0]), slice(None), np.array([1, 1])),
    (np.array([[0], [1]]), np.array([0, 3])),
    (slice(None), np.array([0, 0])),
    (Ellipsis, np.array([2, 0, 2])),
    (0, np.array([1, 1])),
    (0, slice(None), np.array([1, 1])),
    (None, np.array([1, 1]), None),
    (np.array([1, 3]), None, np.array([0, 4])),
    np.arange(60).reshape(SHAPE) % 3 == 0,
    np.zeros(SHAPE, bool),
    np.array([True, False, True, False]),
    (slice(None), np.array([True, False, True, False, True])),
    (0, np.array([True, False, True, False, True])),
    (np.array([True, False, False, True]), np.array([1, 1])),
    (slice(None), np.arange(15).reshape(5, 3) % 2 == 0),
    True,
    False,
    np.True_,
    np.array(True),
    (True, 0),
    (Ellipsis, True),
]


def describe(index):
    return str(index).replace("\n", " ")[:40]


@pytest.mark.parametrize("index", INDICES, ids=describe)
def test_gather(index):
    picked = np.zeros(SHAPE)[index]
    check(Gather(index, SHAPE, np.ndim(picked)), SHAPE, np.shape(picked))


@pytest.mark.parametrize("index", INDICES, ids=describe)
def test_gather_accumulates_into_a_buffer(index):
    picked = np.zeros(SHAPE)[index]
    m = Gather(index, SHAPE, np.ndim(picked))
    w, buffer = numbers(1, np.shape(picked)), numbers(2, SHAPE)
    expected = buffer + m.pull(w)
    m.accumulate(buffer, w)
    np.testing.assert_allclose(buffer, expected, atol=EXACT)


@pytest.mark.parametrize("index", [i for i in INDICES if reads_once(i)], ids=describe)
def test_scatter(index):
    picked = np.zeros(SHAPE)[index]
    check(Scatter(index, np.shape(picked), SHAPE), np.shape(picked), SHAPE)


@pytest.mark.parametrize("index", INDICES, ids=describe)
def test_reads_once_is_never_wrong(index):
    tags = np.arange(np.prod(SHAPE)).reshape(SHAPE)[index]
    if reads_once(index):
        assert np.unique(tags).size == np.size(tags)


@pytest.mark.parametrize("index", INDICES, ids=describe)
def test_take_and_explicit_index(index):
    v = numbers(0, (2, *SHAPE))
    np.testing.assert_array_equal(take(v, index, SHAPE), np.stack([v[0][index], v[1][index]]))
    np.testing.assert_array_equal(v[0][explicit_index(index, len(SHAPE))], v[0][index])


@settings(max_examples=100)
@given(st.data(), hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
def test_gather_with_any_index(data, shape):
    index = data.draw(
        st.one_of(
            hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True),
            hnp.integer_array_indices(
                shape, result_shape=hnp.array_shapes(min_dims=0, max_dims=2, max_side=3)
            ),
            hnp.arrays(bool, shape),
        )
    )
    picked = np.zeros(shape)[index]
    check(Gather(index, shape, np.ndim(picked)), shape, np.shape(picked))


def test_gather_adds_where_an_entry_is_read_twice():
    m = Gather(np.array([0, 0, 1]), (3,), 1)
    np.testing.assert_array_equal(m.pull(np.array([1.0, 2.0, 4.0])), [3.0, 4.0, 0.0])


def test_pull_of_scatter_is_a_copy():
    w = np.arange(3.0)
    picked = Scatter(slice(1, None), (2,), (3,)).pull(w)
    assert not np.shares_memory(picked, w)
    w = np.arange(3.0)
    picked = Scatter((Ellipsis, 0), (), (3,)).pull(w)  # a 0-d view
    assert not np.shares_memory(picked, w)


def test_stack_axes_move_last_and_back():
    v = numbers(0, (2, 3, 4, 5))
    assert stack_last(v, 2).shape == (4, 5, 2, 3)
    assert stack_last(v, 4) is v
    np.testing.assert_array_equal(stack_first(stack_last(v, 2), 2), v)


@pytest.mark.parametrize("w", [1.0, 1j, np.float32(1), np.ones(2, np.complex64), np.ones(3, np.longdouble)])
def test_zeros_like_keeps_the_dtype(w):
    z = zeros_like(w, (2, 2))
    assert z.shape == (2, 2)
    assert z.dtype == np.result_type(w)
