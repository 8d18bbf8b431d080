"""Tangent spaces: what lies in them, projection onto them, and that they keep nothing alive."""

from __future__ import annotations

import collections
import dataclasses
import gc
import logging
import weakref
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import frechet as fr
from frechet.space import ArraySpace, NoTangent, ScalarSpace, Space, TreeSpace, space

INEXACT = [np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.complex128, np.clongdouble]
INTEGERS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64]


def inner(a, b):
    return np.real(np.sum(np.conj(np.asarray(a)) * np.asarray(b)))


# --- which space ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", INEXACT)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 1)])
def test_arrays(dtype, shape):
    s = space(np.ones(shape, dtype))
    assert s == ArraySpace(shape, np.dtype(dtype))
    assert s.zeros().shape == shape
    assert s.zeros().dtype == dtype
    assert s.contains(np.ones(shape, dtype))
    assert s.contains(np.ones((4, *shape), dtype), (4,))


@pytest.mark.parametrize("dtype", INEXACT)
def test_numpy_scalars(dtype):
    s = space(dtype(1))
    assert s.shape == ()
    assert s.dtype == dtype
    assert type(s.zeros()) is dtype
    assert type(s.project(1.0)) is dtype
    assert s.zeros((2,)).dtype == dtype


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_differentiate_as_float64(dtype):
    assert space(np.ones((2, 3), dtype)) == ArraySpace((2, 3), np.dtype(float))
    assert space(dtype(1)) == space(1.0)


def test_python_numbers():
    assert space(1) == space(2.5) == ScalarSpace(float)
    assert space(1j) == ScalarSpace(complex)
    assert type(space(1).zeros()) is float
    assert type(space(1j).zeros()) is complex
    assert type(space(1j).project(1)) is complex
    assert space(2**200) == ScalarSpace(float)


@pytest.mark.parametrize(
    "x",
    [
        True,
        False,
        np.True_,
        "text",
        b"bytes",
        None,
        print,
        NotImplemented,
        np.array([True]),
        np.array(["a"]),
        int,
        Ellipsis,
        slice(1),
        np.datetime64("2020-01-01"),
        np.array(["2020-01-01"], "M8[D]"),
        np.timedelta64(1, "s"),
        np.zeros(2, [("a", float)]),
        {1.0},
    ],
    ids=repr,
)
def test_no_tangent(x):
    s = space(x)
    assert isinstance(s, NoTangent)
    assert s.zeros() is None
    assert s.project(3.0) is None
    assert s.contains(None)
    assert not s.contains(1.0)


def test_views_of_memory_have_the_space_of_their_shape():
    x = np.arange(24.0).reshape(4, 6)
    for view in (
        x.T,
        x[::2],
        x[:, ::-1],
        np.asfortranarray(x),
        np.broadcast_to(1.0, (3, 2)),
        x.astype(">f8"),
    ):
        s = space(view)
        assert s.shape == view.shape
        g = s.project(np.ones(view.shape))
        assert g.shape == view.shape
        assert g.dtype == view.dtype


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.array([1, 2], dtype=object), ["object", "fr.array"]),
        (np.array(None, dtype=object), ["object"]),
        (np.ma.array([1.0, 2.0], mask=[0, 1]), ["masked", "filled"]),
        (np.ma.array([1.0]), ["masked"]),
        (np.ones((1, 1)).view(np.matrix), ["matrix", "np.asarray"]),
        ({"a": [np.ones((1, 1)).view(np.matrix)]}, ["matrix"]),
    ],
)
def test_refused(x, words):
    with pytest.raises(fr.SpaceError) as error:
        space(x)
    for word in words:
        assert word in str(error.value)


class Point(NamedTuple):
    x: float
    y: np.ndarray


@dataclasses.dataclass
class Model:
    scale: float
    weights: np.ndarray
    name: str = "model"
    active: bool = True
    extra: object = None


def test_containers():
    value = {"a": 1, "b": [2.0, (np.ones(2, np.float32), None)], "c": Point(1j, np.ones((2, 2))), "d": "text"}
    s = space(value)
    assert isinstance(s, TreeSpace)
    zeros = s.zeros()
    assert zeros["a"] == 0.0
    assert type(zeros["a"]) is float
    assert zeros["b"][1][0].dtype == np.float32
    assert zeros["b"][1][1] is None
    assert type(zeros["c"]) is Point
    assert type(zeros["c"].x) is complex
    assert zeros["d"] is None
    ones = {"a": 1 + 1j, "b": [1j, (np.ones(2) + 1j, None)], "c": Point(1, np.ones((2, 2))), "d": None}
    p = s.project(ones)
    assert p["a"] == 1.0
    assert p["b"][0] == 0.0
    assert p["b"][1][0].dtype == np.float32
    assert type(p["c"].x) is complex


def test_dataclass():
    s = space(Model(2.0, np.ones(3)))
    zero = s.zeros()
    assert type(zero) is Model
    assert zero.scale == 0.0
    assert zero.name is None
    assert zero.active is None
    assert "Model" in repr(s)


def test_structure_is_checked():
    s = space({"a": 1.0, "b": 2.0})
    with pytest.raises(fr.SpaceError, match="container"):
        s.project({"a": 1.0})
    with pytest.raises(fr.SpaceError):
        s.project([1.0, 2.0])
    with pytest.raises(fr.SpaceError):
        s.contains({"a": 1.0, "c": 2.0})


@pytest.mark.parametrize("make", [dict, collections.OrderedDict, lambda d: collections.defaultdict(float, d)])
def test_kinds_of_dicts(make):
    s = space(make({"a": 1.0, "b": np.ones(2)}))
    zeros = s.zeros()
    assert type(zeros) is type(make({}))
    assert zeros["a"] == 0.0


def test_repr_is_readable():
    assert repr(space(np.ones(2, np.complex64))) == "ArraySpace(shape=(2,), dtype=complex64)"
    assert repr(space(1.0)) == "ScalarSpace(float)"
    assert repr(space(None)) == "NoTangent()"
    assert "TreeSpace" in repr(space([1.0]))


def test_equality_and_hash():
    assert space(np.ones(2)) == space(np.zeros(2))
    assert hash(space(np.ones(2))) == hash(space(np.zeros(2)))
    assert space(np.ones(2)) != space(np.ones(3))
    assert space(np.ones(2)) != space(np.ones(2, np.float32))
    assert space(1.0) != space(1j)
    assert hash(space(1.0)) == hash(space(7))
    assert len({space(1.0), space(2.0), space(1j)}) == 2


# --- projection -----------------------------------------------------------------------------------

cotangents = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.complex64, np.complex128]),
    (2, 3),
    elements=st.floats(-4, 4, width=16),  # exact in every dtype but float16's products
)


@settings(max_examples=80)
@given(st.sampled_from(INEXACT), cotangents)
def test_projection_is_idempotent_and_lands_in_the_space(dtype, g):
    s = space(np.ones((2, 3), dtype))
    p = s.project(g)
    assert s.contains(p)
    assert p.dtype == dtype
    assert np.array_equal(s.project(p), p)
    assert s.project(p) is p


@settings(max_examples=80)
@given(st.sampled_from(INEXACT), cotangents, cotangents)
def test_projection_is_self_adjoint(dtype, a, b):
    # The entries are half-precision numbers, so the conversion is exact: what is tested is the real part.
    s = space(np.ones((2, 3), dtype))
    a, b = a.astype(complex), b.astype(complex)
    left, right = inner(s.project(a).astype(complex), b), inner(a, s.project(b).astype(complex))
    assert left == pytest.approx(right, abs=1e-12)


@settings(max_examples=40)
@given(
    st.sampled_from([float, complex, np.float32, np.complex64, np.longdouble]),
    st.complex_numbers(max_magnitude=4, width=64),
)
def test_projection_onto_numbers(type_, z):
    s = space(type_(1))
    p = s.project(z)
    assert type(p) is type_
    assert s.project(p) == p
    if np.dtype(type_).kind == "f":
        assert p == type_(z.real)


@pytest.mark.parametrize("g", [1.0, 2, 1j, np.float32(1), np.array(1.0), np.array(1j)])
def test_every_kind_of_number_is_projected(g):
    assert type(space(1.0).project(g)) is float
    assert type(space(np.float32(1)).project(g)) is np.float32
    assert space(np.array(1.0)).project(g).shape == ()
    assert isinstance(space(np.array(1.0)).project(g), np.ndarray)


@pytest.mark.parametrize("stack", [(2,), (2, 3), (0,)])
@pytest.mark.parametrize("x", [1.0, 1j, np.float32(1), np.ones(2), np.ones((2, 0), np.complex64)])
def test_stacks(x, stack):
    s = space(x)
    g = np.ones(stack + s.shape, complex)
    p = s.project(g, stack)
    assert p.shape == stack + s.shape
    assert p.dtype == s.dtype
    assert s.contains(p, stack)
    assert s.zeros(stack).shape == stack + s.shape
    with pytest.raises(fr.SpaceError):
        s.project(np.ones((7, *stack, *s.shape)), stack)


@pytest.mark.parametrize(
    ("x", "g"),
    [(np.ones(3), np.ones(2)), (np.ones(3), 1.0), (1.0, np.ones(1)), (np.ones((2, 1)), np.ones(2))],
)
def test_wrong_shape_is_an_error_that_gives_both_shapes(x, g):
    with pytest.raises(fr.SpaceError) as error:
        space(x).project(g)
    assert str(np.shape(g)) in str(error.value)
    assert str(np.shape(x)) in str(error.value)


def test_projection_does_not_change_its_argument():
    g = np.array([1 + 2j, 3.0])
    g.flags.writeable = False
    p = space(np.ones(2)).project(g)
    assert np.array_equal(g, [1 + 2j, 3])
    assert np.array_equal(p, [1.0, 3.0])


# --- nothing is kept alive ------------------------------------------------------------------------


def test_a_space_keeps_metadata_only():
    x = np.ones(1000)
    alive = weakref.ref(x)
    spaces = [space(x), space({"a": x, "b": [x]}), space(Model(1.0, x))]
    del x
    gc.collect()
    assert alive() is None
    assert spaces[0].shape == (1000,)


# --- further spaces -------------------------------------------------------------------------------


class Even:
    """A vector whose entries come in pairs, to have a space of its own."""

    def __init__(self, half):
        self.half = half


class EvenSpace(Space):
    def __init__(self, n):
        self.shape, self.dtype = (2 * n,), np.dtype(float)

    def contains(self, g, stack=()):
        return False

    def project(self, g, stack=()):
        pairs = np.reshape(g, (*stack, -1, 2))
        return np.repeat(np.mean(pairs, axis=-1), 2, axis=-1)

    def zeros(self, stack=()):
        return np.zeros(stack + self.shape)


def test_register_space():
    fr.register_space(Even, lambda x: EvenSpace(len(x.half)))
    s = fr.space(Even(np.ones(2)))
    assert isinstance(s, EvenSpace)
    np.testing.assert_array_equal(s.project(np.array([1.0, 3.0, 0.0, 4.0])), [2, 2, 2, 2])
    assert isinstance(fr.space([Even(np.ones(2)), 1.0]).spaces[0], EvenSpace)


# --- projections that rules made necessary are logged ---------------------------------------------


def test_projection_is_logged_with_the_name_of_the_rule(caplog):
    leaky = fr.rule(np.square, adjoint=lambda y, x: lambda w: (1 + 1j) * 2 * x * w)
    with caplog.at_level(logging.DEBUG, logger="frechet"):
        g = fr.grad(lambda x: np.sum(leaky(x)))(np.array([1.0, 2.0]))
    assert g.dtype == np.float64
    np.testing.assert_array_equal(g, [2.0, 4.0])
    assert any("np.square" in message and "complex" in message for message in caplog.messages)


def test_nothing_is_logged_where_the_rule_was_right(caplog):
    with caplog.at_level(logging.DEBUG, logger="frechet"):
        fr.grad(lambda x: np.sum(np.sin(x) * x) + x[0])(np.array([1.0, 2.0]))
    assert not caplog.messages


def test_gradients_live_in_the_space_of_their_argument():
    def f(a, z, s):
        return np.sum(np.abs(a * z + np.exp(1j * a))) * s

    for a in (np.ones(3, np.float32), np.ones(3), np.ones(3, np.float16), np.ones(3, np.longdouble)):
        for z in (np.ones(3, np.complex64), 1j * np.ones(3), np.ones(3)):
            for s in (2.0, np.float32(2), 2, np.array(2.0)):
                gradients = fr.grad(f, argnums=(0, 1, 2))(a, z, s)
                for g, x in zip(gradients, (a, z, s), strict=True):
                    assert space(x) == space(g)
