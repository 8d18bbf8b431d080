"""The compiled passes over nonuniform points, against loops in NumPy; their arguments, threads and memory."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frechet import _core
from frechet.nufft._kernel import make_kernel
from frechet.nufft._rules import components

WIDTHS = range(2, 17)
SIZES = {1: (67,), 2: (19, 70), 3: (18, 5, 21)}  # smaller and larger than a tile, and not a multiple of one
PERIODS = (2 * np.pi, 1.0, 0.37)


def random(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(dtype)


def points_in(d, count=23, seed=0):
    """Points anywhere, on grid points, at the period's ends and outside of it."""
    rng = np.random.default_rng(seed)
    x = (rng.random((count, d)) * 4 - 2) * PERIODS[:d]
    x[:4] = np.outer([-1, 0, 1, 0.5], PERIODS[:d])
    x[4:8] = np.array(PERIODS[:d]) * rng.integers(0, 5, (4, d)) / np.array(SIZES[d])
    x[8] = np.nextafter(0, -1)
    return x


def kernel_of(width, dtype):
    single = np.dtype(dtype).char in "fF"
    return make_kernel(width, 2.0, single).table


def matrix(x, sizes, periods, table, width, order):
    """What interpolation multiplies a grid with: (components, M, n1, n2, ..), in double precision."""
    d = len(sizes)
    coefficients = table[::-1, :width].astype(float)
    along = []
    for a in range(d):
        turns = x[:, a] * (1 / periods[a])
        turns -= np.trunc(turns)
        u = np.where(turns < 0, turns + 1, turns) * sizes[a]
        u = u.astype(table.dtype).astype(float)  # which window a point on a grid point has is up to rounding
        start = np.ceil(u - width / 2)
        s = 2 * (start - u + width / 2) - 1
        at = (start[:, None] + np.arange(width)).astype(int) % sizes[a]
        rows = np.zeros((3, len(x), sizes[a]))
        for n in range(3):
            c = np.polynomial.polynomial.polyder(coefficients, n) if n else coefficients
            phi = (
                np.polynomial.polynomial.polyval(s, c).reshape(width, -1) * (-2 * sizes[a] / periods[a]) ** n
            )
            for j in range(len(x)):
                np.add.at(rows[n, j], at[j], phi[:, j])
        along.append(rows)
    out = []
    for alpha in components(d, order):
        m = along[0][alpha[0]]
        for a in range(1, d):
            m = m[..., None] * along[a][alpha[a]].reshape(len(x), *(1,) * a, -1)
        out.append(m)
    return np.array(out)


def tolerance(m, dtype, counts):
    """Rounding of coordinates up to 70 grid points, of polynomials of degree 14 and their derivatives."""
    return 2000 * np.finfo(dtype).eps * np.abs(m).max(axis=tuple(range(1, m.ndim))) * counts


# --- the passes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_passes_against_a_matrix(d, dtype):
    sizes, periods = SIZES[d], PERIODS[:d]
    x = points_in(d)
    single = np.dtype(dtype).char in "fF"
    for threads in (1, 3):
        points = _core.Points(list(x.T), periods, sizes, single, threads)
        assert (points.count, points.not_finite) == (len(x), -1)
        for width, order in itertools.product(WIDTHS, range(3)):
            table = kernel_of(width, dtype)
            m = matrix(x, sizes, periods, table, width, order)
            grid, values = random(sizes, dtype), np.empty((len(x), len(m)), dtype)
            points.interpolate(grid, values, table, width, order, threads)
            expected = np.tensordot(m, grid, d).T
            # a smaller derivative may be of rounding errors of the coordinates in a larger one
            scale = tolerance(m, dtype, width ** (d / 2) * np.abs(grid).max())
            assert np.all(np.abs(values - expected) <= scale)
            strengths = random(values.shape, dtype, 1)
            start = random(sizes, dtype, 2)
            spread = start.copy()
            points.spread(strengths, spread, table, width, order, threads)
            expected = start + np.tensordot(strengths.T, m, ((0, 1), (0, 1)))
            assert np.all(np.abs(spread - expected) <= np.sum(scale))
            # adjointness: the same numbers in another order, with errors of a few roundings of the terms
            added = np.zeros_like(start)
            points.spread(strengths, added, table, width, order, threads)
            left, right = np.vdot(strengths, values), np.vdot(added, grid)
            terms = np.sum(np.abs(strengths) @ np.abs(m).reshape(len(m), -1).sum(1)) * np.abs(grid).max()
            assert abs(left - right) <= 20 * np.finfo(dtype).eps * terms


LEVELS = """
import json
import numpy as np
from frechet import _core
from tests.core.test_nufft_core import *
results = []
cases = ((3, 0), (8, 1), (13, 2))
for d, dtype, (width, order) in itertools.product((1, 2, 3), (np.float32, np.complex128), cases):
    x = points_in(d)
    points = _core.Points(list(x.T), PERIODS[:d], SIZES[d], dtype == np.float32, 1)
    grid, values = random(SIZES[d], dtype), np.empty((len(x), len(components(d, order))), dtype)
    points.interpolate(grid, values, kernel_of(width, dtype), width, order)
    points.spread(values, grid, kernel_of(width, dtype), width, order)
    results.append([float(np.abs(grid).sum()), *map(float, np.abs(values).sum(axis=0))])
print(_core.level)
print(json.dumps(results))
"""


def test_every_instruction_set_gives_the_same():
    results = {}
    for level in ("v2", "v3", "v4"):
        environment = {**os.environ, "FRECHET_LEVEL": level}
        done = subprocess.run(
            [sys.executable, "-c", LEVELS], capture_output=True, text=True, check=True, env=environment
        )
        used, numbers = done.stdout.splitlines()
        results[used] = json.loads(numbers)
    assert _core.level in results
    for numbers in results.values():
        for k, (row, expected) in enumerate(zip(numbers, results[_core.level], strict=True)):
            single = k // 3 % 2 == 0
            # rounding differs with fused operations; second derivatives of a kernel of width 13 lose two
            # digits
            assert np.allclose(row, expected, rtol=3e-5 if single else 1e-12, atol=0)


def test_many_points_in_few_places():
    """Tiles with more points than are worked on at once, shared out among threads, and tiles without any."""
    count = 40000
    x = np.full(count, 0.25) + random(count, float) * 1e-9
    x[::1000] = np.linspace(0, 1, len(x[::1000]))
    grid, table = np.zeros(3000), kernel_of(6, float)
    values, back = random((count, 1), float), np.empty((count, 1))
    spread = {}
    for threads in (1, 4):
        points = _core.Points([x], (1.0,), (3000,), False, threads)
        spread[threads] = np.zeros_like(grid)
        points.spread(values, spread[threads], table, 6, 0, threads)
        points.interpolate(spread[1], back, table, 6, 0, threads)
    assert np.allclose(spread[1], spread[4], rtol=0, atol=1e-11)  # sums of 40000 numbers in another order
    assert abs(np.vdot(values, back) - np.vdot(spread[1], spread[1])) < 1e-11 * np.vdot(spread[1], spread[1])


# --- points ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [5, 50000])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_points_that_are_not_finite_are_named(count, bad):
    y = np.linspace(0, 1, count)
    y[[count - 2, count - 1]] = bad
    points = _core.Points([np.zeros(count), y], (1.0, 1.0), (8, 8), False, 3)
    assert points.not_finite == count - 2
    with pytest.raises(ValueError, match="a point is not finite"):
        points.interpolate(np.zeros((8, 8)), np.empty((count, 1)), kernel_of(4, float), 4)


def test_no_points():
    points = _core.Points([np.empty(0)], (1.0,), (8,), False, 2)
    assert (points.count, points.not_finite) == (0, -1)
    grid = np.arange(8.0)
    points.interpolate(grid, np.empty((0, 2)), kernel_of(4, float), 4, 1)
    points.spread(np.empty((0, 2)), grid, kernel_of(4, float), 4, 1)
    assert np.array_equal(grid, np.arange(8.0))


def test_coordinates_of_any_layout():
    table, grid = kernel_of(5, float), random((20, 30), float)
    x = random((12, 2), np.float32)
    expected = np.empty((12, 1))
    _core.Points([x[:, 0].astype(float), x[:, 1].astype(float)], (1, 1), (20, 30), False).interpolate(
        grid, expected, table, 5
    )
    backwards = x[::-1].copy()[::-1]
    backwards.flags.writeable = False
    for layout in (x, np.asfortranarray(x), backwards):
        values = np.empty((12, 1))
        _core.Points([layout[:, 0], layout[:, 1]], (1, 1), (20, 30), False).interpolate(
            grid, values, table, 5
        )
        assert np.array_equal(values, expected)


@pytest.mark.parametrize("x", [1e300, -1e300, 1e25, -5e-324, 5e-324, np.nextafter(1, 0), -1.0, 2.0**62])
def test_coordinates_far_away_and_next_to_the_end(x):
    """They are folded to some place in the period, where all is as it is elsewhere: a constant stays one."""
    table = kernel_of(7, float)
    values = np.empty((1, 1))
    _core.Points([np.array([x])], (1.0,), (20,), False).interpolate(np.ones(20), values, table, 7)
    other = np.empty((1, 1))
    _core.Points([np.array([x % 1.0])], (1.0,), (20,), False).interpolate(np.ones(20), other, table, 7)
    assert np.allclose(values, other, rtol=1e-6, atol=0)


# --- modes -------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_move_modes_against_numpy(data):
    d = data.draw(st.integers(1, 3))
    modes = tuple(data.draw(st.lists(st.integers(1, 6), min_size=d, max_size=d)))
    grid = tuple(n + data.draw(st.integers(0, 5)) for n in modes)
    fft_order, halved = data.draw(st.booleans()), data.draw(st.booleans())
    dtype = data.draw(st.sampled_from([np.complex64, np.complex128]))
    threads = data.draw(st.sampled_from([1, 3]))
    factors = [1 + random(n, float, n) ** 2 for n in modes]
    f = random(modes, dtype)
    product, places = 1.0, []
    for a, (n, size) in enumerate(zip(modes, grid, strict=True)):
        half = halved and a == d - 1
        k = np.arange(n) if half else np.arange(n) - n // 2
        order = np.argsort(np.where(k < 0, k + n, k)) if fft_order and not half else np.arange(n)
        product = product * factors[a][order].reshape(-1, *(1,) * (d - 1 - a))
        places.append(k[order] % size)
    expected = np.zeros(grid, dtype)
    expected[np.ix_(*places)] = f * product
    got = np.full(grid, np.nan, dtype)
    _core.move_modes(f, got, factors, fft_order, halved, True, threads)
    assert np.allclose(got, expected, rtol=1e-6, atol=0)
    g, back = random(grid, dtype, 1), np.full(modes, np.nan, dtype)
    _core.move_modes(back, g, factors, fft_order, halved, False, threads)
    assert np.allclose(back, g[np.ix_(*places)] * product, rtol=1e-6, atol=0)


def test_move_modes_with_threads():
    modes, grid = random((300, 500), np.complex128), (400, 640)
    factors = [np.ones(300), np.full(500, 2.0)]
    results = []
    for threads in (1, 4):
        results.append(np.empty(grid, complex))
        _core.move_modes(modes, results[-1], factors, False, False, True, threads)
    assert np.array_equal(*results)
    assert np.array_equal(results[0][:150, :250], 2 * modes[150:, 250:])
    assert np.count_nonzero(results[0]) == modes.size


# --- wrong arguments ---------------------------------------------------------------------------------------


X = np.linspace(0, 1, 4)
HUGE = 2**63 - 1


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([], (), (), False), ValueError, "1, 2 or 3 coordinates"),
        (([X] * 4, (1,) * 4, (8,) * 4, False), ValueError, "1, 2 or 3 coordinates"),
        (([X], (1, 1), (8,), False), ValueError, "periods and sizes must be as many"),
        (([X], (1,), (8, 8), False), ValueError, "periods and sizes must be as many"),
        (([X, X[:3]], (1, 1), (8, 8), False), ValueError, "be as long as the first"),
        (([X[:, None]], (1,), (8,), False), ValueError, "have one axis"),
        (([X + 1j], (1,), (8,), False), TypeError, "real"),
        (([X.astype(int)], (1,), (8,), False), TypeError, "must have dtype"),
        (([X], (0.0,), (8,), False), ValueError, "positive"),
        (([X], (np.nan,), (8,), False), ValueError, "positive"),
        (([X], (1,), (0,), False), ValueError, "positive"),
        (([X], (1,), (-3,), False), ValueError, "positive"),
        (([X], (1,), (HUGE,), False), ValueError, "more than 2147483647 tiles"),
        (([X, X, X], (1, 1, 1), (2**40, 2**40, 2**40), False), ValueError, "more than 2147483647 tiles"),
        (([X], (1,), (8,), False, 0), ValueError, "threads must be at least 1"),
        ((None, (1,), (8,), False), TypeError, "incompatible function arguments"),
    ],
)
def test_points_that_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        _core.Points(*arguments)


def test_unaligned_arrays_are_refused():
    space = bytearray(8 * 4 + 1)
    with pytest.raises(ValueError, match="must be aligned"):
        _core.Points([np.frombuffer(space, np.float64, 4, offset=1)], (1.0,), (8,), False)


def test_objects_whose_constructor_was_not_called():
    with pytest.warns(RuntimeWarning, match="uninitialized"), pytest.raises(TypeError):
        _core.Points.__new__(_core.Points).count  # noqa: B018
    with pytest.raises(BufferError, match="has not been initialized"):
        memoryview(_core.Workspace.__new__(_core.Workspace))


GRID, VALUES, TABLE = np.zeros((8, 9)), np.zeros((4, 3)), kernel_of(4, float)
READ_ONLY = np.zeros((4, 3))
READ_ONLY.flags.writeable = False
RIGHT = {"grid": GRID, "values": VALUES, "kernel": TABLE, "width": 4, "order": 1, "threads": 1}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"grid": np.zeros((8, 8))}, ValueError, "grid must have the size that the points were sorted for"),
        ({"grid": np.zeros(72)}, ValueError, "grid must have an axis for each coordinate"),
        ({"grid": np.zeros((9, 8)).T}, ValueError, "grid must be C-contiguous"),
        ({"grid": GRID.astype(np.float32)}, TypeError, "precision of the points"),
        ({"grid": GRID.astype(complex)}, TypeError, "values and grid must have the same dtype"),
        ({"values": np.zeros((4, 4))}, ValueError, "values must have the shape"),
        ({"values": np.zeros((5, 3))}, ValueError, "values must have the shape"),
        ({"values": np.zeros(12)}, ValueError, "values must have the shape"),
        ({"values": READ_ONLY}, ValueError, "read-only"),
        ({"values": None}, TypeError, "incompatible function arguments"),
        ({"values": 1.5}, TypeError, "bytes-like object"),
        ({"kernel": TABLE[:, :15]}, ValueError, "C-contiguous|shape"),
        ({"kernel": TABLE[:, :15].copy()}, ValueError, "have the shape"),
        ({"kernel": TABLE[:0]}, ValueError, "have the shape"),
        ({"kernel": TABLE.astype(np.float32)}, TypeError, "precision of the points"),
        ({"width": 0}, ValueError, "width must be from 1 to 16"),
        ({"width": 17}, ValueError, "width must be from 1 to 16"),
        ({"order": 3}, ValueError, "order must be 0, 1 or 2"),
        ({"order": -1}, ValueError, "order must be 0, 1 or 2"),
        ({"threads": 0}, ValueError, "threads must be at least 1"),
    ],
)
def test_passes_that_are_refused(change, error, message):
    points = _core.Points([X, X], (1, 1), (8, 9), False)
    points.interpolate(**RIGHT)
    with pytest.raises(error, match=message):
        points.interpolate(**{**RIGHT, **change})


def test_spreading_onto_what_is_read_only():
    points = _core.Points([X], (1,), (8,), False)
    grid = np.zeros(8)
    grid.flags.writeable = False
    with pytest.raises((BufferError, ValueError)):
        points.spread(np.zeros((4, 1)), grid, TABLE, 4)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.zeros(3, complex), np.zeros((4, 4), complex), [np.ones(3)] * 2), ValueError, "axes of the grid"),
        (
            (np.zeros(5, complex), np.zeros(4, complex), [np.ones(5)]),
            ValueError,
            "no more than the grid has points",
        ),
        ((np.zeros(3, complex), np.zeros(4, complex), [np.ones(2)]), ValueError, "be as many as the modes"),
        ((np.zeros(3, complex), np.zeros(4, complex), []), ValueError, "as many as the axes"),
        ((np.zeros(3), np.zeros(4), [np.ones(3)]), TypeError, "must be complex"),
        ((np.zeros(3, complex), np.zeros(4, np.complex64), [np.ones(3)]), TypeError, "same dtype"),
        ((np.zeros(3, complex), np.zeros(4, complex), [np.ones(3, np.float32)]), TypeError, "float64"),
        ((np.zeros(0, complex), np.zeros(4, complex), [np.ones(0)]), ValueError, "must not be empty"),
        ((np.zeros(6, complex)[::2], np.zeros(4, complex), [np.ones(3)]), ValueError, "C-contiguous"),
        (
            (np.zeros((1,) * 4, complex), np.zeros((1,) * 4, complex), [np.ones(1)] * 4),
            ValueError,
            "1, 2 or 3 axes",
        ),
    ],
)
def test_modes_that_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        _core.move_modes(*arguments)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_drawn_arguments_do_not_crash(data):
    """Shapes, dtypes and numbers that fit by chance at most: an exception, or it works."""
    side = st.integers(0, 6)
    shape = st.lists(side, min_size=0, max_size=3).map(tuple)
    dtype = st.sampled_from([np.float32, np.float64, np.complex64, np.complex128, np.int64])
    array = lambda: np.zeros(data.draw(shape), data.draw(dtype))
    number = st.integers(-2, 20)
    try:
        d = data.draw(st.integers(1, 3))
        count = data.draw(side)
        sizes = tuple(data.draw(st.integers(0, 9)) for _ in range(d))
        points = _core.Points([np.zeros(count)] * d, (1.0,) * d, sizes, data.draw(st.booleans()), 1)
        grid = np.zeros(sizes) if data.draw(st.booleans()) else array()
        values = np.zeros((count, 1)) if data.draw(st.booleans()) else array()
        table = TABLE if data.draw(st.booleans()) else array()
        call = (
            points.interpolate if data.draw(st.booleans()) else lambda g, v, *rest: points.spread(v, g, *rest)
        )
        call(grid, values, table, data.draw(number), data.draw(number), data.draw(number))
        assert grid.shape == sizes
    except (ValueError, TypeError):
        return  # and the interpreter is alive


# --- memory ------------------------------------------------------------------------------------------------


def test_workspaces_are_reused_and_given_back():
    _core.clear_workspaces()
    assert _core.kept_in_workspaces() == 0
    space = _core.Workspace(10000)
    array = np.frombuffer(space, np.float64, 1250)
    array.flags.writeable  # noqa: B018
    array[:] = 1.5
    place = array.ctypes.data
    assert place % 4096 == 0
    del space
    assert _core.kept_in_workspaces() == 0  # the array holds it
    assert np.all(array == 1.5)
    del array
    kept = _core.kept_in_workspaces()
    assert kept >= 10000
    again = np.frombuffer(_core.Workspace(9000), np.float64)
    assert again.ctypes.data == place
    assert _core.kept_in_workspaces() == 0
    other = np.frombuffer(_core.Workspace(9000), np.float64)
    assert other.ctypes.data != place
    del again, other
    assert _core.kept_in_workspaces() > 0
    _core.clear_workspaces()
    assert _core.kept_in_workspaces() == 0


@pytest.mark.parametrize("count", [2**64 - 1, 2**63, 2**60])
def test_workspaces_that_are_too_large(count):
    with pytest.raises((MemoryError, OverflowError)):
        _core.Workspace(count)
    with pytest.raises(TypeError):
        _core.Workspace(-1)


def test_what_is_kept_has_a_limit():
    _core.clear_workspaces()
    for _ in range(2):
        spaces = [_core.Workspace(300 << 20) for _ in range(5)]  # never touched, so that nothing is used
        del spaces
        assert _core.kept_in_workspaces() <= 1 << 30
    _core.clear_workspaces()


def test_no_memory_is_lost():
    resource = pytest.importorskip("resource")
    x, table = random((20000, 2), float), kernel_of(6, float)

    def once():
        points = _core.Points(list(x.T), (1, 1), (200, 200), False, 2)
        grid = np.frombuffer(_core.Workspace(8 * 40000), np.float64).reshape(200, 200)[:]
        values = np.empty((len(x), 1))
        points.interpolate(grid, values, table, 6, 0, 2)
        with pytest.raises(ValueError, match="order"):
            points.interpolate(grid, values, table, 6, 7, 2)

    for _ in range(20):
        once()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(200):  # a loss of the points alone would come to 64 MB
        once()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * (1 if sys.platform == "darwin" else 1024) < 16 << 20


# --- threads -----------------------------------------------------------------------------------------------


def one_transform(seed, threads=2):
    x = random((3000, 2), float, seed)
    points = _core.Points(list(x.T), (1, 1), (90, 70), False, threads)
    grid = np.zeros((90, 70), complex)
    values = random((3000, 3), complex, seed)
    points.spread(values, grid, kernel_of(6, complex), 6, 1, threads)
    back = np.empty_like(values)
    points.interpolate(grid, back, kernel_of(6, complex), 6, 1, threads)
    return back


def test_several_python_threads_at_once():
    expected = [one_transform(k, 1) for k in range(4)]
    results = [None] * 12

    def work(k):
        results[k] = one_transform(k % 4)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for k, got in enumerate(results):
        assert np.allclose(got, expected[k % 4], rtol=1e-10, atol=1e-6)


def test_sorted_points_are_shared_by_threads():
    """Passes only read them."""
    x = random((5000, 1), float)
    points = _core.Points([x[:, 0]], (1,), (300,), False, 2)
    grid, table = random(300, float), kernel_of(7, float)
    expected, results = np.empty((5000, 1)), [np.empty((5000, 1)) for _ in range(6)]
    points.interpolate(grid, expected, table, 7)
    threads = [threading.Thread(target=points.interpolate, args=(grid, r, table, 7, 0, 2)) for r in results]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all(np.array_equal(r, expected) for r in results)


def _in_child(queue):
    queue.put(one_transform(3, 4))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:os.fork")  # JAX's, where other tests of the process have loaded it
def test_after_a_fork():
    expected = one_transform(3, 4)  # threads have been used before
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=_in_child, args=(queue,))
    child.start()
    got = queue.get()
    child.join(30)
    assert child.exitcode == 0
    assert np.allclose(got, expected, rtol=1e-10, atol=1e-6)
