"""Cost, by counting: bytes allocated, calls of rules, what is kept.  Nothing here measures time."""

# ruff: noqa: PLW0108 - tables of small programs read best in one form

from __future__ import annotations

import gc
import tracemalloc
import weakref

import numpy as np
import pytest

import frechet as fr
from frechet.linear_map import Function, LinearMap
from frechet.maps import Gather, Scatter, diagonal
from frechet.rule import table

MB = 2**20


class Meter:
    """Memory allocated (peak, above what was there before) while a block runs."""

    def __enter__(self):
        gc.collect()
        tracemalloc.start()
        self.before = tracemalloc.get_traced_memory()[0]
        return self

    def __exit__(self, *exc):
        self.kept, self.peak = (n - self.before for n in tracemalloc.get_traced_memory())
        tracemalloc.stop()


def peak(function, *args):
    function(*args)  # whatever is loaded or cached on first use
    with Meter() as meter:
        function(*args)
    return meter.peak


def whole_arrays(function, n):
    """How many arrays at least half as large as a vector of length n are made while function runs.

    A loop that copies the vector in every step makes n of them, never two at once: the peak does not show it.
    """
    function()  # rules are entered into the table under NumPy's own functions, before these are replaced
    count = 0

    def counting(original):
        def wrapper(*args, **kwargs):
            nonlocal count
            out = original(*args, **kwargs)
            count += isinstance(out, np.ndarray) and out.size >= n // 2
            return out

        return wrapper

    patched = pytest.MonkeyPatch()
    try:
        for name in ("zeros", "copy", "empty", "zeros_like", "eye"):
            original = getattr(np, name)
            wrapper = counting(original)
            if original in table:  # NumPy hands over what it finds under the name
                patched.setitem(table, wrapper, table[original])
            patched.setattr(np, name, wrapper)
        function()
    finally:
        patched.undo()
    return count


def reads(x):
    total = 0.0
    for k in range(len(x)):
        total = total + x[k] * x[k - 1]
    return total


def writes(x):
    y = np.zeros_like(x)
    for k in range(len(x)):
        y[k] = x[k] * 2.0
    return np.sum(y * y)


def recurrence(x):
    y = np.zeros_like(x)
    y[0] = x[0]
    for k in range(1, len(x)):
        y[k] = y[k - 1] * 0.5 + x[k]
    return np.sum(y)


def augmented(x):
    y = x * 1.0
    for k in range(1, len(x)):
        y[k] += y[k - 1] * 0.5
    return np.sum(y)


def rows(x):
    A = x.reshape(-1, 4)
    total = 0.0
    for row in A:
        total = total + row @ row
    return total


def row_writes(x):
    A = np.zeros((len(x) // 4, 4), like=x)
    for k in range(len(A)):
        A[k] = x[4 * k : 4 * k + 4] * 2.0
        A[k, 0] += A[k, 1]
    return np.sum(A * A)


LOOPS = [reads, writes, recurrence, augmented, rows, row_writes]


def both_ways(L, x):
    return lambda: (L(x), L.adjoint(1.0))


SWEEPS = {
    "grad": lambda f, x: lambda: fr.grad(f)(x),
    "jvp": lambda f, x: lambda: fr.jvp(f, (x,), (x,)),
    "linearize": lambda f, x: both_ways(fr.linearize(f, x)[1], x),
    "hvp": lambda f, x: lambda: fr.hvp(f, (x,), (x,)),
    "grad of grad": lambda f, x: lambda: fr.grad(lambda x: np.sum(fr.grad(f)(x)))(x),
}


@pytest.mark.parametrize("sweep", SWEEPS.values(), ids=SWEEPS)
@pytest.mark.parametrize("f", LOOPS, ids=lambda f: f.__name__)
def test_loop_of_reads_or_writes_copies_no_array_per_step(f, sweep):
    """A loop of n indexed reads or writes costs O(n): the number of whole arrays does not grow with n."""
    counts = [whole_arrays(sweep(f, np.linspace(0.1, 1.0, n)), n) for n in (40, 160)]
    assert counts[1] <= counts[0] + 2


@pytest.mark.parametrize("f", LOOPS, ids=lambda f: f.__name__)
def test_memory_of_a_loop_grows_linearly(f):
    small, large = (peak(fr.grad(f), np.linspace(0.1, 1.0, n)) for n in (200, 1600))
    assert (
        large < 8 * 1.5 * small + 20_000
    )  # eight times the length; half as much again for lists that grow in jumps


def test_stacked_directions_through_a_loop_do_not_copy_the_stack_per_step():
    n, m = 30, 400
    x = np.linspace(0.1, 1.0, n)

    def f(x, steps):
        y = np.zeros_like(x)
        for k in range(steps):
            y[k % n] = x[k % n] * 2.0
        return y

    small, large = (peak(fr.jacobian(lambda x, s=s: f(x, s)), x) for s in (m, 2 * m))
    assert large < 3 * small  # linear in the steps, not steps × n²


# --- what reverse mode keeps ----------------------------------------------------------------------

N = 2**17  # 1 MB of doubles
x1 = np.linspace(0.1, 1.0, N)


def chain(step, count):
    def f(x):
        for _ in range(count):
            x = step(x)
        return np.sum(x)

    return f


@pytest.mark.parametrize(
    ("step", "residuals"),
    [
        (lambda x: x + 1.0, 0),
        (lambda x: x * 2.0, 0),
        (lambda x: -x, 0),
        (lambda x: x[::-1], 0),
        (lambda x: x.reshape(2, -1).T.reshape(-1), 0),
        (lambda x: np.exp(x * 0.1), 1),  # keeps its result
        (lambda x: np.tanh(x), 1),
        (lambda x: np.sqrt(x), 1),
        (lambda x: np.sin(x), 1),  # keeps its argument
    ],
    ids=["add", "scale", "negative", "reverse", "transpose", "exp", "tanh", "sqrt", "sin"],
)
def test_values_kept_per_step(step, residuals):
    """Between 4 and 12 steps the peak grows by what the rules need, one array per step or none."""
    peaks = [peak(fr.grad(chain(step, count)), x1) / MB for count in (4, 12)]
    assert peaks[1] - peaks[0] <= 8 * residuals + 0.5


def test_peak_of_a_chain_of_elementwise_operations():
    """sin → exp → tanh → square: what the rules need, and what is just being made."""

    def f(x):
        return np.sum(np.square(np.tanh(np.exp(np.sin(x)))))

    # kept: the results of exp and tanh (square needs that of tanh, sin only x itself); in flight:
    # a value being made, or a cotangent, its successor and one factor
    assert peak(fr.grad(f), x1) / MB <= 2 + 3 + 0.5


def test_residuals_are_freed_as_the_sweep_passes_them():
    refs = []

    class Watch(LinearMap):
        __slots__ = ("__weakref__", "d")

        def __init__(self, d):
            self.d = d
            refs.append(weakref.ref(self))

        def push(self, v):
            return v * self.d

        def pull(self, w):
            refs.append(sum(r() is not None for r in refs[:10] if isinstance(r, weakref.ref)))
            return w * self.d

    step = fr.rule(lambda x: (x * 2.0, Watch(np.float64(2.0))))
    fr.grad(chain(step, 10))(np.ones(3))
    alive = refs[10:]
    assert len(alive) == 10
    assert alive[-1] <= 2  # the last map pulled is (almost) the only one left
    assert alive == sorted(alive, reverse=True)


def test_forward_mode_keeps_nothing():
    peaks = [peak(lambda c=c: fr.jvp(chain(np.sin, c), (x1,), (x1,))) / MB for c in (4, 16)]
    assert peaks[1] - peaks[0] < 0.5


def test_unused_results_cost_no_pullback():
    calls = []
    f = fr.rule(lambda x: (x * 2.0, Function(lambda v: v * 2, lambda w: calls.append(1) or w * 2)))
    fr.grad(lambda x: (f(x), np.sum(x))[1])(np.ones(3))
    assert not calls


def test_constants_cost_no_derivative():
    calls = []

    @fr.rule
    def product(x, y):
        return x * y, (
            diagonal(y),
            Function(lambda v: calls.append(1) or x * v, lambda w: calls.append(1) or x * w),
        )

    fr.grad(lambda x: np.sum(product(x, np.ones(3))))(np.ones(3))
    assert not calls


def test_each_map_is_applied_once_per_sweep():
    pulls, pushes = [], []
    f = fr.rule(
        lambda x: (x * 2.0, Function(lambda v: pushes.append(1) or v * 2, lambda w: pulls.append(1) or w * 2))
    )

    def g(x):
        y = f(x)
        return np.sum(y * y + y)  # three uses of one value

    fr.grad(g)(np.ones(3))
    assert (len(pulls), len(pushes)) == (1, 0)
    fr.jvp(g, (np.ones(3),), (np.ones(3),))
    assert (len(pulls), len(pushes)) == (1, 1)


def test_jacobians_are_one_pass_over_a_stack():
    pulls, pushes, values = [], [], []

    def body(x):
        values.append(1)
        return np.sin(x), Function(
            lambda v: pushes.append(1) or v * np.cos(x), lambda w: pulls.append(1) or w * np.cos(x)
        )

    f = fr.rule(body)
    fr.jacobian(lambda x: f(x) * x)(np.ones(50))
    assert len(values) == 1
    assert len(pushes) + len(pulls) == 1
    values.clear()
    fr.hessian(lambda x: np.sum(f(x) ** 2))(np.ones(50))
    assert len(values) <= 2


def test_shared_factor_is_applied_once():
    solves = []

    def solve(v):
        solves.append(1)
        return v / 2.0

    def body(a, b):
        S = Function(solve, solve)
        return (a + b) / 2.0, (S @ diagonal(np.ones(3)), S)

    f = fr.rule(body)
    fr.grad(lambda x: np.sum(f(x, x * 2.0)))(np.ones(3))
    assert len(solves) == 1
    solves.clear()
    fr.jvp(lambda x: f(x, x * 2.0), (np.ones(3),), (np.ones(3),))
    assert len(solves) == 1


def test_factors_are_not_computed_for_the_value_alone():
    calls = []

    def factor():
        calls.append(1)
        return 2.0

    f = fr.rule(lambda x: (x * 2.0, Function(lambda v: v * factor(), lambda w: w * factor())))
    fr.vjp(f, np.ones(3))
    fr.linearize(f, np.ones(3))
    assert not calls


def test_linearize_frees_what_its_maps_do_not_keep():
    x = np.ones(N)
    with Meter() as meter:
        L = fr.linearize(lambda x: 3.0 * (x + 1.0)[::-1], x)[1]
    assert meter.kept < 0.1 * MB
    assert np.array_equal(L(x), 3.0 * x)


def test_gradient_of_a_small_part_does_not_fill_the_whole_twice():
    """x[0] of a large array: one array of zeros for the gradient, no more."""
    assert peak(fr.grad(lambda x: x[0] * x[1]), x1) / MB <= 1.2


def test_broadcasts_are_not_written_out():
    """The cotangent of a sum is a stride-0 array; so is that of an outer broadcast on the way back."""
    x = np.ones(2000)
    assert peak(fr.grad(lambda x: np.sum(np.broadcast_to(x, (2000, 2000)))), x) / MB <= 1.0


def test_gather_accumulates_without_a_dense_array():
    n = 1000
    x = np.ones(n)
    before = Gather.pull
    calls = []
    patched = pytest.MonkeyPatch()
    patched.setattr(Gather, "pull", lambda self, w: calls.append(1) or before(self, w))
    try:
        fr.grad(reads)(x)
    finally:
        patched.undo()
    assert not calls


def test_scatter_reads_a_part_only():
    pulled = Scatter(slice(0, 2), (2,), (N,)).pull(x1)
    assert pulled.nbytes == 16
