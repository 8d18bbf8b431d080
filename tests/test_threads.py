"""Derivatives in several threads at once: nothing is shared that one of them could spoil for another."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import frechet as fr


@pytest.fixture(autouse=True)
def _switch_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def run(function, count=8):
    """function(k) in count threads that start together; their results in order."""
    barrier = threading.Barrier(count)

    def work(k):
        barrier.wait()
        return function(k)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


def loss(x):
    y = np.zeros_like(x)
    y[0] = x[0]
    for k in range(1, len(x)):
        y[k] = np.tanh(y[k - 1] + x[k])
    y *= x
    return np.sum(y**2)


def test_gradients_in_threads():
    xs = [np.linspace(0.1, 1.0 + k, 20) for k in range(8)]
    expected = [fr.grad(loss)(x) for x in xs]
    for _ in range(3):
        for got, one in zip(run(lambda k: fr.grad(loss)(xs[k])), expected, strict=True):
            assert np.array_equal(got, one)


def test_every_transformation_in_threads():
    x = np.linspace(0.1, 1.0, 6)
    v = np.ones(6)
    work = [
        lambda: fr.grad(loss)(x),
        lambda: fr.jvp(loss, (x,), (v,))[1],
        lambda: fr.hessian(loss)(x),
        lambda: fr.hvp(loss, (x,), (v,))[0],
        lambda: fr.linearize(loss, x)[1](v),
        lambda: fr.jacobian(lambda x: np.outer(x, x))(x),
        lambda: fr.vjp(np.fft.fft, x)[1](v + 0j)[0],
        lambda: fr.grad(lambda p: loss(p["x"]))({"x": x})["x"],
    ]
    expected = [w() for w in work]
    for _ in range(3):
        for got, one in zip(run(lambda k: work[k]()), expected, strict=True):
            assert np.array_equal(got, one)


def test_one_pullback_used_by_several_threads():
    x = np.linspace(0.1, 1.0, 20)
    _, pullback = fr.vjp(lambda x: np.exp(x) * np.sin(x), x)
    _, L = fr.linearize(lambda x: np.exp(x) * np.sin(x), x)
    ws = [np.arange(20.0) + k for k in range(8)]
    expected = [(pullback(w)[0], L(w)) for w in ws]
    _, pullback = fr.vjp(lambda x: np.exp(x) * np.sin(x), x)  # afresh: factors are computed when first needed
    _, L = fr.linearize(lambda x: np.exp(x) * np.sin(x), x)
    for (g, t), (a, b) in zip(run(lambda k: (pullback(ws[k])[0], L(ws[k]))), expected, strict=True):
        assert np.array_equal(g, a)
        assert np.array_equal(t, b)


def test_constants_shared_by_several_threads():
    """An array that a derivative needs is held fixed while any thread needs it, and free again afterwards."""
    shared = np.linspace(1.0, 2.0, 50)
    xs = [np.linspace(0.1, 1.0 + k, 50) for k in range(8)]

    def work(k):
        for _ in range(5):
            g = fr.grad(lambda x: np.sum(x * shared * x) + x @ shared)(xs[k])
        return g

    for got, x in zip(run(work), xs, strict=True):
        np.testing.assert_allclose(got, 2 * x * shared + shared, rtol=1e-14)
    assert shared.flags.writeable


def test_threads_inside_a_differentiated_function():
    """The work of a function may be split over threads; the trace then has several writers."""

    def f(x):
        with ThreadPoolExecutor(4) as pool:
            parts = list(pool.map(lambda k: np.sum(np.sin(x * k) ** 2), range(1, 9)))
        return sum(parts)

    x = np.linspace(0.1, 1.0, 5)
    expected = fr.grad(lambda x: sum(np.sum(np.sin(x * k) ** 2) for k in range(1, 9)))(x)
    for _ in range(5):
        try:
            g = fr.grad(f)(x)
        except fr.FrechetError:
            continue  # refused loudly is fine
        np.testing.assert_allclose(g, expected, rtol=1e-13)


def test_dataclasses_first_seen_by_several_threads():
    @dataclasses.dataclass
    class Fresh:
        a: float
        b: object = None

    assert [g.a for g in run(lambda k: fr.grad(lambda p: p.a**2)(Fresh(k + 1.0)))] == [
        2.0 * (k + 1) for k in range(8)
    ]


FIRST_USE = """
import sys, threading
import numpy as np
import frechet as fr

sys.setswitchinterval(1e-6)
barrier = threading.Barrier(8)
errors, results = [], []

def work(k):
    barrier.wait()
    try:
        x = np.arange(1.0, 5.0)
        f = lambda x: np.sum(np.fft.fft(np.linalg.inv(np.diag(x)) @ x).real) + np.sum(np.concatenate([x, x]))
        results.append(fr.grad(f)(x))
    except BaseException as error:
        errors.append(f"{type(error).__name__}: {error}")

threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
for t in threads: t.start()
for t in threads: t.join()
print(errors[:1] or len({r.tobytes() for r in results}))
"""


def test_first_use_in_several_threads():
    # The rulebook is loaded when first needed: by whichever thread comes first, while the others wait.
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", FIRST_USE], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "1"
