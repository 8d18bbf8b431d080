"""Containers in and out: dicts, lists, tuples, named tuples, dataclasses, nested, with any leaves."""

# ruff: noqa: PLW0108, PT017 - tables of small programs read best in one form; some tests allow a result or an error

from __future__ import annotations

import collections
import dataclasses
from typing import Any, NamedTuple

import numpy as np
import optree
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr

x3 = np.array([1.0, 2.0, 3.0])


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclasses.dataclass
class Layer:
    weights: np.ndarray
    bias: float = 0.0
    name: str = "layer"
    active: bool = True
    rate: Any = None

    def __call__(self, x):
        return np.tanh(self.weights @ x + self.bias)


@dataclasses.dataclass(frozen=True)
class Frozen:
    a: float
    b: np.ndarray


@dataclasses.dataclass(slots=True)
class Slotted:
    a: float


@dataclasses.dataclass
class Checked:
    a: float
    doubled: float = dataclasses.field(init=False)

    def __post_init__(self):
        if not isinstance(self.a, float):
            raise TypeError("a must be a float")
        self.doubled = 2 * self.a


@dataclasses.dataclass
class Inherited(Layer):
    scale: float = 2.0


# --- one container at a time ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda a, b: {"a": a, "b": b},
        lambda a, b: [a, b],
        lambda a, b: (a, b),
        lambda a, b: Pair(a, b),
        lambda a, b: Frozen(a, b),
        lambda a, b: collections.OrderedDict([("z", a), ("a", b)]),
        lambda a, b: collections.defaultdict(list, z=a, a=b),
        lambda a, b: {"deep": [{"er": (a, Pair(b, None))}, "text", True]},
        lambda a, b: collections.deque([a, b]),
    ],
    ids=["dict", "list", "tuple", "namedtuple", "dataclass", "OrderedDict", "defaultdict", "nested", "deque"],
)
def test_gradient_has_the_structure_of_the_argument(make):
    def numeric(p):
        leaves = optree.tree_leaves(p, namespace="frechet")
        return sorted((x for x in leaves if not isinstance(x, (str, bool))), key=np.ndim)

    def f(p):
        a, b = numeric(p)
        return a**2 * np.sum(b)

    x = make(2.0, x3)
    fr.space(x)  # registers the dataclass
    g = fr.grad(f)(x)
    assert type(g) is type(x)
    a, b = numeric(g)
    assert type(a) is float
    assert a == 24.0
    assert np.array_equal(b, 4 * np.ones(3))


def test_leaves_without_tangent_come_back_as_none():
    g = fr.grad(lambda p: p["x"] ** 2)({"x": 3.0, "n": None, "s": "text", "flag": True, "f": print})
    assert g == {"x": 6.0, "n": None, "s": None, "flag": None, "f": None}


def test_leaves_without_tangent_reach_the_function_unchanged():
    seen = {}

    def f(p):
        seen.update({k: v for k, v in p.items() if k != "x"})
        return p["x"]

    constants = {"n": None, "s": "text", "flag": True, "f": print, "m": np.array([True])}
    fr.grad(f)({"x": 1.0} | constants)
    assert seen == constants
    assert seen["m"] is constants["m"]


def test_dict_keys_of_any_kind_and_order():
    g = fr.grad(lambda p: p[2] * p["b"] + p["a"])({"b": 2.0, 2: 3.0, "a": 1.0})
    assert g == {"b": 3.0, 2: 2.0, "a": 1.0}
    assert list(g) == ["b", 2, "a"]


def test_integers_in_containers():
    assert fr.grad(lambda p: p["a"] ** 2)({"a": 3, "b": np.array([1, 2])})["a"] == 6.0
    g = fr.grad(lambda p: np.sum(p[0] * p[1]))([np.array([1, 2]), 2])
    assert np.array_equal(g[0], [2.0, 2.0])
    assert g[1] == 3.0


def test_kinds_of_leaves_are_kept():
    g = fr.grad(lambda p: np.sum(p["a"] * 2.0) + p["b"] + np.real(p["c"]))(
        {"a": np.ones(2, np.float32), "b": np.float16(1), "c": 1j}
    )
    assert g["a"].dtype == np.float32
    assert type(g["b"]) is np.float16
    assert type(g["c"]) is complex


# --- dataclasses ----------------------------------------------------------------------------------


def test_dataclass_with_methods():
    W = np.array([[1.0, 2.0], [0.5, -1.0]])
    g = fr.grad(lambda layer: np.sum(layer(np.array([0.1, 0.2]))))(Layer(W, 0.3))
    assert type(g) is Layer
    assert g.weights.shape == (2, 2)
    assert type(g.bias) is float
    slope = 1 - np.tanh(W @ np.array([0.1, 0.2]) + 0.3) ** 2
    np.testing.assert_allclose(g.weights, np.outer(slope, [0.1, 0.2]), rtol=1e-12)
    assert g.bias == pytest.approx(np.sum(slope), rel=1e-12)
    assert (g.name, g.active, g.rate) == (None, None, None)


@pytest.mark.parametrize(
    ("x", "f", "expected"),
    [
        (Frozen(2.0, x3), lambda p: p.a * np.sum(p.b), 6.0),
        (Slotted(3.0), lambda p: p.a**2, 6.0),
        (Inherited(x3, scale=3.0), lambda p: p.scale * np.sum(p.weights), None),
        (Checked(3.0), lambda p: p.a * p.doubled, 6.0),
    ],
)
def test_kinds_of_dataclasses(x, f, expected):
    g = fr.grad(f)(x)
    assert type(g) is type(x)
    if expected is not None:
        assert g.a == expected
    else:
        assert np.array_equal(g.weights, [3, 3, 3])
        assert g.scale == 6.0


def test_dataclasses_in_lists_and_lists_in_dataclasses():
    layers = [Layer(np.eye(2) * 0.5, 0.1), Layer(np.eye(2) * 2.0, 0.2, rate=[1.0, {"deep": 2.0}])]

    def f(layers):
        x = np.ones(2)
        for layer in layers:
            x = layer(x)
        return np.sum(x) * layers[1].rate[1]["deep"]

    g = fr.grad(f)(layers)
    assert isinstance(g, list)
    assert type(g[1]) is Layer
    assert g[1].rate[0] == 0.0
    value = f(layers)
    assert g[1].rate[1]["deep"] == pytest.approx(value / 2, rel=1e-14)
    step = 1e-6
    layers[0].bias += step
    assert g[0].bias == pytest.approx(
        (f(layers) - value) / step, rel=1e-4
    )  # one-sided: of the order of the step


def test_dataclass_made_inside_the_function():
    def f(x):
        layer = Layer(np.outer(x, x), x[0])
        return {"layer": layer, "sum": np.sum(layer(x))}

    value, pullback = fr.vjp(f, x3)
    assert type(value["layer"]) is Layer
    assert type(value["layer"].weights) is np.ndarray
    cotangent = {"layer": Layer(np.zeros((3, 3)), 1.0, None, None), "sum": 0.0}
    assert np.array_equal(pullback(cotangent)[0], [1, 0, 0])
    _, tangent = fr.jvp(f, (x3,), (np.ones(3),))
    assert tangent["layer"].bias == 1.0
    assert tangent["layer"].name is None


# --- splatted arguments (example of the issue) ----------------------------------------------------


def test_gradient_of_a_splatted_array_or_list_has_its_shape():
    def f(*xs):
        return sum(k * x**2 for k, x in enumerate(xs))

    g = fr.grad(lambda xs: f(*xs))(x3)
    assert isinstance(g, np.ndarray)
    assert np.array_equal(g, [0, 4, 12])
    g = fr.grad(lambda xs: f(*xs))([1.0, 2.0, 3.0])
    assert g == [0.0, 4.0, 12.0]
    g = fr.grad(lambda xs: f(*xs))((1, 2, 3))
    assert g == (0.0, 4.0, 12.0)
    g = fr.grad(lambda xs: f(*(row @ row for row in xs)))(np.ones((3, 2)))
    assert g.shape == (3, 2)
    g = fr.grad(lambda x: f(*x.tolist()))(x3)
    assert np.array_equal(g, [0, 4, 12])


def test_unpacking():
    def f(x):
        a, *rest = x
        (b, c) = rest
        return a * b**2 * c**3

    assert np.array_equal(fr.grad(f)(x3), [108.0, 108.0, 108.0])


def test_loops_over_rows():
    A = np.arange(6.0).reshape(3, 2)
    g = fr.grad(lambda A: sum(k * np.prod(row) for k, row in enumerate(A)))(A)
    assert np.array_equal(g, [[0, 0], [3, 2], [10, 8]])
    g = fr.grad(lambda A: sum(a * b for a, b in A))(A)
    assert np.array_equal(g, A[:, ::-1])
    g = fr.grad(lambda A: sum(x * y for x, y in zip(A[0], reversed(A[1]), strict=True)))(A)
    assert np.array_equal(g, [[3, 2], [1, 0], [0, 0]])
    g = fr.grad(lambda A: sum(k * np.sum(row) for k, row in enumerate(reversed(A))))(A)
    assert np.array_equal(g, [[2, 2], [1, 1], [0, 0]])


def test_len_and_iteration_of_numbers():
    assert fr.grad(lambda x: x[0] * len(x))(x3)[0] == 3.0
    with pytest.raises(TypeError):
        fr.grad(lambda x: len(x) * x)(2.0)
    with pytest.raises(TypeError):
        fr.grad(lambda x: sum(x))(2.0)


# --- subclasses and registered types --------------------------------------------------------------


class MyDict(dict):
    pass


class MyList(list):
    pass


class MyTuple(tuple):
    __slots__ = ()


@pytest.mark.parametrize(("x", "pick"), [(MyDict(a=2.0), "a"), (MyList([2.0]), 0), (MyTuple([2.0]), 0)])
def test_subclasses_of_containers_work_or_say_what_to_do(x, pick):
    try:
        g = fr.grad(lambda p: p[pick] ** 2)(x)
    except fr.FrechetError as error:
        assert type(x).__name__ in str(error)  # not a RecursionError
    else:
        assert g[pick] == 4.0
        assert type(g) is type(x)


class Interval:
    def __init__(self, low, high):
        self.low, self.high = low, high


def test_types_registered_with_optree():
    optree.register_pytree_node(
        Interval, lambda i: ([i.low, i.high], None), lambda _, v: Interval(*v), namespace="frechet"
    )
    g = fr.grad(lambda i: i.high**2 - i.low)(Interval(1.0, 2.0))
    assert type(g) is Interval
    assert (g.low, g.high) == (-1.0, 4.0)


def test_objects_of_unknown_type_are_refused_by_name():
    class Unknown:
        value = 1.0

    with pytest.raises(fr.NotDifferentiableError, match="Unknown"):
        fr.grad(lambda p: p.value)(Unknown())


def test_empty_containers_have_nothing_to_differentiate():
    for empty in ([], {}, (), [[], {}], [None, "text"]):
        with pytest.raises(fr.NotDifferentiableError, match="nothing to differentiate"):
            fr.grad(lambda p: 1.0)(empty)


def test_empty_containers_beside_others():
    g = fr.grad(lambda p: p[0] ** 2)([3.0, [], {}, ()])
    assert g == [6.0, [], {}, ()]


# --- any nested container -------------------------------------------------------------------------

leaves = st.one_of(
    st.floats(-2, 2, width=16),
    st.integers(-3, 3),
    st.just(np.array([1.0, -2.0])),
    st.just(np.ones((2, 0))),
    st.just(np.float32(1.5)),
    st.none(),
    st.text(max_size=2),
    st.booleans(),
)
trees = st.recursive(
    leaves,
    lambda t: st.one_of(
        st.lists(t, max_size=3),
        st.dictionaries(st.text(max_size=2), t, max_size=3),
        st.tuples(t, t),
        st.builds(Pair, t, t),
        st.builds(Layer, t, t),
    ),
    max_leaves=8,
)


def walk(x, y, visit):
    """Visit the pairs of leaves of two containers of the same structure."""
    if isinstance(x, Layer):
        assert type(y) is Layer
        for field in dataclasses.fields(x):
            walk(getattr(x, field.name), getattr(y, field.name), visit)
    elif isinstance(x, dict):
        assert type(y) is type(x)
        assert list(y) == list(x)
        for k in x:
            walk(x[k], y[k], visit)
    elif isinstance(x, (list, tuple)):
        assert type(y) is type(x)
        assert len(y) == len(x)
        for a, b in zip(x, y, strict=True):
            walk(a, b, visit)
    else:
        visit(x, y)


@settings(max_examples=80)
@given(trees)
def test_any_nested_container(tree):
    tree = [0.5, tree]

    def f(p):
        out = []

        def visit(x, y):
            if isinstance(x, (float, int, np.ndarray, np.generic)) and not isinstance(x, bool):
                out.append(np.sum(y * y))

        walk(tree, p, visit)
        return sum(out) * 1.0

    def visit(x, g):
        if x is None or isinstance(x, (str, bool)):
            assert g is None
        else:
            np.testing.assert_allclose(g, 2.0 * np.asarray(x), rtol=1e-6)
            assert np.shape(g) == np.shape(x)
            assert fr.space(x) == fr.space(g)

    walk(tree, fr.grad(f)(tree), visit)
    value, pullback = fr.vjp(lambda p: p, tree)
    walk(
        tree, value, lambda x, y: np.testing.assert_array_equal(np.asarray(y, object), np.asarray(x, object))
    )
    ones = fr.space(tree).zeros()
    walk(
        tree,
        pullback(ones)[0],
        lambda x, g: None if g is None else np.testing.assert_array_equal(g, np.zeros(np.shape(x))),
    )


def test_a_tangent_of_another_structure_is_refused_without_making_one():
    """Also where the type of a user's own does not take just anything as its parts."""

    class Pair:
        def __init__(self, a, b):
            self.a, self.b = a + 0.0, b + 0.0

    fr.register_structure(Pair, lambda p: ((p.a, p.b), None), lambda _, parts: Pair(*parts))
    with pytest.raises(fr.SpaceError, match="has the structure"):
        fr.jvp(lambda p: p.a * p.b, (Pair(1.0, 2.0),), ({"a": 1.0, "b": 2.0},))
