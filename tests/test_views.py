"""Views under differentiation: writes reach the owner, stale views raise; no silent difference from NumPy."""

# ruff: noqa: PLW0108, PT017 - tables of small programs read best in one form; some tests allow a result or an error

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.testing import numerical_pushforward
from tests.against_numpy import MASK, assert_like_numpy, program, x5

# --- views ----------------------------------------------------------------------------------------


def view_write(x, y):
    z = y[1:4]
    z[0] = x[0]
    z *= 2.0


def view_row(x, y):
    A = np.outer(y, x)
    for k, row in enumerate(A):
        row[1] = row[0] * 2
        A[k] += x[0]
    return A


def view_of_view(x, y):
    z = y[1:][1:]
    z[0] = x[0]


def view_chain(x, y):
    A = np.outer(y, x)
    A[1][2:][0] = x[4]
    A[1][2:][1] *= x[4]
    return A


def view_reversed(x, y):
    y[::-1][0] = x[0]
    z = y[::-2]
    z += x[:3]


def view_column(x, y):
    A = np.outer(y, x)
    c = A[:, 1]
    c[:] = x
    c[MASK] = 0
    return A


def view_newaxis(x, y):
    y[None, :][0, 1] = x[0]
    y[..., None][2] *= x[1]


def view_survives_owner(x, y):
    def part():
        z = x * 3
        return z[1:]

    p = part()
    p[0] = x[0]
    return p * 2


def view_then_changed_owner_then_new_view(x, y):
    z = y[:2]
    s = np.sum(z)
    y[0] = s
    return y[:2] * s


def view_reshaped_row(x, y):
    A = (y[:4] * 1.0).reshape(2, 2)
    B = A.copy()
    B[0] = x[:2]
    return A @ B


@pytest.mark.parametrize(
    "body",
    [
        view_write,
        view_row,
        view_of_view,
        view_chain,
        view_reversed,
        view_column,
        view_newaxis,
        view_survives_owner,
        view_then_changed_owner_then_new_view,
        view_reshaped_row,
    ],
    ids=lambda b: b.__name__,
)
def test_views(body):
    assert_like_numpy(program(body))


def stale_slice(y):
    z = y[1:]
    y[2] = 7.0
    return z


def stale_by_augmented(y):
    z = y[1:]
    y *= 2
    return z


def stale_view_of_view(y):
    z = y[1:][1:]
    y[3] = 7.0
    return z


def stale_row_of_reshape(y):
    z = y[:4].reshape(2, 2)[0]
    y[0] = 7.0
    return z


def stale_reshape(y):
    z = y.reshape(5, 1)
    y[0] = 7.0
    return z


def stale_transpose(y):
    A = y[:4].copy().reshape(2, 2).copy()
    z = A.T
    A[0, 1] = 7.0
    return z


def stale_ravel(y):
    z = np.ravel(y)
    y[0] = 7.0
    return z


def stale_sibling(y):
    a, b = y[:3], y[1:]
    a[1] = 7.0
    return b


def stale_parent_view(y):
    a = y[1:]
    b = a[1:]
    a[2] = 7.0
    return b


def stale_diagonal(y):
    A = y[:4].copy().reshape(2, 2).copy()
    z = np.diagonal(A)
    A[0, 0] = 7.0
    return z


def stale_broadcast(y):
    z = np.broadcast_to(y, (2, 5))
    y[0] = 7.0
    return z


def stale_expand(y):
    z = np.expand_dims(y, 0)
    y[0] = 7.0
    return z


def stale_swap(y):
    z = y[None].swapaxes(0, 1)
    y[0] = 7.0
    return z


def stale_unpacked(y):
    A = y[:4].copy().reshape(2, 2).copy()
    first, _ = A
    A[0] = 7.0
    return first


def stale_split(y):
    w = y[:4].copy()
    z = np.split(w, 2)[0]
    w[0] = 7.0
    return z


def stale_real(y):
    c = y * 1j
    z = c.imag
    c[0] = 7.0
    return z


STALE = [
    stale_slice,
    stale_by_augmented,
    stale_view_of_view,
    stale_row_of_reshape,
    stale_reshape,
    stale_transpose,
    stale_ravel,
    stale_sibling,
    stale_parent_view,
    stale_diagonal,
    stale_broadcast,
    stale_expand,
    stale_swap,
    stale_unpacked,
    stale_split,
    stale_real,
]
USES = {
    "sum": lambda z: np.sum(z),
    "add": lambda z: np.sum(z + 1.0),
    "index": lambda z: z[0].sum(),
    "right operand": lambda z: np.sum(1.0 - z),
    "traced operand": lambda z: np.sum(z * z),
    "return": lambda z: z,
    "aux": lambda z: [z],
    "write": lambda z: z.__setitem__(0, 1.0),
    "iterate": lambda z: sum(np.sum(a) for a in z),
    "float method": lambda z: z.sum(),
    "concatenate": lambda z: np.sum(np.concatenate([z, z])),
    "stop_gradient": lambda z: np.sum(fr.stop_gradient(z)) * 1.0,
    "comparison": lambda z: np.sum(np.where(z > 2.0, 1.0, 0.0)),
    "sort": lambda z: np.argmax(z) * 1.0,
}


@pytest.mark.parametrize("make", STALE, ids=lambda f: f.__name__)
@pytest.mark.parametrize("transform", ["vjp", "jvp", "hessian"])
def test_stale_view_shows_the_change_or_raises(make, transform):
    """Under NumPy the view shows the change (or is a copy); here it may do so too, else it must raise."""

    def f(x):
        return np.sum(make(x * x) ** 2)

    plain = f(x5)
    try:
        if transform == "vjp":
            value, g = fr.value_and_grad(f)(x5)
        elif transform == "jvp":
            value, g = fr.jvp(f, (x5,), (x5,))
        else:
            value, g = fr.value_and_grad(lambda x: fr.value_and_grad(f)(x)[0])(x5)
    except fr.InPlaceError as error:
        assert "view" in str(error)
        assert "copy" in str(error)
    else:
        assert value == plain
        (numerical,), _ = numerical_pushforward(lambda t: [f(x5 + t * x5)], 0.02)
        assert (g if transform == "jvp" else g @ x5) == pytest.approx(float(numerical), rel=1e-7)


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_every_use_of_a_stale_view_raises(use):
    def f(x):
        y = x * x
        z = y[1:]
        y[2] = 7.0
        return use(z)

    with pytest.raises(fr.InPlaceError, match="view"):
        fr.vjp(f, x5)
    with pytest.raises(fr.InPlaceError, match="view"):
        fr.jvp(f, (x5,), (x5,))


def test_stale_view_in_comparison():
    for compare in (
        lambda x, z: x[1:] > z,
        lambda x, z: z > x[1:],
        lambda x, z: z < 1.0,
        lambda x, z: x[1:] == z,
        lambda x, z: x[1:] // z,
    ):

        def f(x, compare=compare):
            y = x * x
            z = y[1:]
            y[2] = 7.0
            return np.sum(x[1:] * compare(x, z))

        with pytest.raises(fr.InPlaceError, match="view"):
            fr.grad(f)(x5)


WRITES = {
    "reshape": lambda y: y.reshape(5, 1).__setitem__(0, 7.0),
    "ravel": lambda y: np.ravel(y).__setitem__(0, 7.0),
    "transpose": lambda y: y[None].T.__setitem__(0, 7.0),
    "reshape row": lambda y: y[:4].reshape(2, 2)[0].__setitem__(1, 7.0),
    "augmented": lambda y: y.reshape(5, 1).__iadd__(1.0),
    "flat": lambda y: y.flat.__setitem__(0, 7.0),
    "swapaxes": lambda y: y[None].swapaxes(0, 1).__setitem__(0, 7.0),
    "slice of reshape": lambda y: y.reshape(1, 5)[:, 1:].__imul__(2.0),
    "expand_dims": lambda y: np.expand_dims(y, 0).__setitem__((0, 1), 7.0),
    "squeeze": lambda y: np.squeeze(y[None]).__setitem__(0, 7.0),
    "atleast_2d": lambda y: np.atleast_2d(y).__setitem__((0, 0), 7.0),
    "out": lambda y: np.add(y, 1.0, out=y.reshape(5)),
    "real": lambda y: y.real.__setitem__(0, 7.0),
    "conj": lambda y: y.conj().__setitem__(0, 7.0),
    "sort": lambda y: y[1:].sort(),
    "ellipsis": lambda y: y[...].__setitem__(0, 7.0),
    "full slice": lambda y: y[:].__iadd__(7.0),
    "nested slices": lambda y: y[1:][1:][1:].__setitem__(slice(None), 7.0),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_writes_through_views_reach_the_owner_or_raise(write):
    def f(x):
        y = x * x
        write(y)
        return np.sum(y * x)

    plain = f(x5)
    v = np.ones(5)
    (numerical,), _ = numerical_pushforward(lambda t: [f(x5 + t * v)], 0.02)
    try:
        value, g = fr.value_and_grad(f)(x5)
    except fr.InPlaceError as error:
        assert "copy" in str(error)
    else:
        assert value == pytest.approx(plain, rel=1e-15)
        assert np.sum(g) == pytest.approx(numerical, rel=1e-8)


def test_views_whose_owner_has_gone():
    def parts(x):
        y = x * 1.0
        return y[:3], y[1:]

    def overlapping(x):
        a, b = parts(x)
        a[1] = 7.0 * x[0]
        return np.sum(b)

    def chained(x):
        a, b = parts(x)
        a[1:][0] = 7.0 * x[0]
        return np.sum(b)

    for f in (overlapping, chained):
        plain = f(x5)
        for transform in (lambda f=f: fr.value_and_grad(f)(x5)[0], lambda f=f: fr.jvp(f, (x5,), (x5,))[0]):
            try:
                value = transform()
            except fr.InPlaceError as error:
                assert "view" in str(error)
            else:
                assert value == plain


# --- random programs with views -------------------------------------------------------------------

VIEWS = {
    "tail": lambda a: a[1:] if len(a) > 1 else a[:],
    "head": lambda a: a[: max(1, len(a) - 1)],
    "reverse": lambda a: a[::-1],
    "all": lambda a: a[...],
    "row": lambda a: a[0] if a.ndim > 1 else a[:],
    "column": lambda a: a[..., -1] if a.ndim > 1 else a[:],
    "newaxis": lambda a: a[None] if a.ndim < 3 else a[0],
    "reshape": lambda a: a.reshape(-1),
    "transpose": lambda a: a.T,
    "ravel": lambda a: np.ravel(a),
    "swapaxes": lambda a: a.swapaxes(0, -1),
    "copy": lambda a: a.copy(),
    "fancy": lambda a: a[[0]],
    "same": lambda a: a,
    "plus": lambda a: a + 0.5,
    "real": lambda a: a.real,
    "squeeze": lambda a: np.squeeze(a),
}
WRITE = {
    "first": lambda a, x: a.__setitem__(0, x[0]),
    "last": lambda a, x: a.__setitem__((Ellipsis, -1), x[1] * 2.0),
    "all": lambda a, x: a.__setitem__(Ellipsis, x[2]),
    "iadd": lambda a, x: a.__iadd__(x[0]),
    "imul": lambda a, x: a.__imul__(1.5),
    "mask": lambda a, x: a.__setitem__(a > 1.0, x[1]),
    "shift": lambda a, x: a.__setitem__(slice(1, None), a[:-1] * 0.5),
    "sort": lambda a, x: a.sort(),
}
view_statements = st.one_of(
    st.tuples(st.just("view"), st.integers(0, 9), st.sampled_from(sorted(VIEWS))),
    st.tuples(st.just("write"), st.integers(0, 9), st.sampled_from(sorted(WRITE))),
    st.tuples(st.just("read"), st.integers(0, 9), st.none()),
    st.tuples(st.just("forget"), st.integers(0, 9), st.none()),
)


def run_with_views(statements_, x):
    arrays = [x[:6].reshape(2, 3) * 1.0, x * x]
    total = 0.0
    for kind, which, what in statements_:
        k = which % len(arrays)
        if kind == "view":
            a = VIEWS[what](arrays[k])
            if np.ndim(a):
                arrays.append(a)
        elif kind == "write":
            WRITE[what](arrays[k], x)
        elif kind == "read":
            total = total + np.sum(np.sin(arrays[k]) * (k + 1))
        elif len(arrays) > 1:
            del arrays[k]
    return total + np.sum(arrays[-1])


@settings(max_examples=300)
@given(st.lists(view_statements, min_size=2, max_size=9), st.integers(0, 50))
def test_random_programs_with_views_are_right_or_loud(statements_, seed):
    rng = np.random.default_rng(seed)
    x, v = rng.uniform(0.2, 2.0, 8), rng.standard_normal(8)

    def f(x):
        return run_with_views(statements_, x)

    plain = f(x)
    derivative = None
    for transform in (
        lambda: fr.value_and_grad(f)(x),
        lambda: fr.jvp(f, (x,), (v,)),
        lambda: fr.vjp(fr.value_and_grad(f), x)[0],
    ):
        try:
            value, d = transform()
        except fr.InPlaceError:
            continue
        assert value == pytest.approx(plain, rel=1e-13)
        d = d if np.ndim(d) == 0 else d @ v
        if derivative is None:
            (numerical,), error = numerical_pushforward(lambda t: [f(x + t * v)], 1e-3)
            if error < 1e-6:  # sorting and masks have kinks; a difference over one says so
                derivative = float(numerical)
        if derivative is not None:
            assert d == pytest.approx(derivative, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    "use",
    [
        lambda v, x: v + x[:2],
        lambda v, x: x[:2] * v,
        lambda v, x: v / np.array([1.0, 2.0]),
        lambda v, x: np.array([1.0, 2.0]) - v,
        lambda v, x: v * 2.0,
        lambda v, x: 2.0 / v,
        lambda v, x: v @ v,
    ],
)
def test_operators_of_views(use):
    point = np.array([1.0, 2.0, 3.0])
    L = fr.linearize(lambda x: use(x[1:], x), point)[1]
    step = np.array([0.3, -0.2, 0.5])
    near, far = (use((point + h * step)[1:], point + h * step) for h in (-1e-5, 1e-5))
    np.testing.assert_allclose(L(step), (far - near) / 2e-5, rtol=1e-8)  # of central differences

    def stale(x):
        y = x * 1.0
        view = y[1:]
        y[1] = 0.0
        return np.sum(use(view, x))

    with pytest.raises(fr.InPlaceError, match="view"):
        fr.grad(stale)(point)
