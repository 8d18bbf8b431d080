"""Full garbage collections wait while a tape is in use, and only then."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import frechet as fr
from frechet.tracing.collector import LONG, full_collections_wait


@pytest.fixture(autouse=True)
def thresholds():
    before = gc.get_threshold()
    yield before
    assert gc.get_threshold() == before


def long(x):
    """More steps than a short tape has."""
    for _ in range(LONG + 10):
        x = x * 1.0
    return x


def test_thresholds_are_put_back(thresholds):
    seen = []

    def look(x):
        seen.append(gc.get_threshold())
        return x * x

    fr.grad(look)(2.0)
    assert seen == [thresholds]  # nothing happens for a short function
    fr.grad(lambda x: long(x) * fr.grad(look)(x) + look(x))(2.0)
    fr.hessian(lambda x: look(long(x)))(2.0)
    assert len(seen) == 4
    for threshold in seen[1:]:
        assert threshold[:2] == thresholds[:2]
        assert threshold[2] > 10**6


def test_thresholds_are_put_back_after_an_error():
    def f(x):
        long(x)
        assert gc.get_threshold()[2] > 10**6
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        fr.grad(f)(1.0)
    with pytest.raises(fr.SpaceError):
        fr.vjp(long, 1.0)[1](np.ones(3))


def test_threads_that_overlap():
    inside, leave = threading.Event(), threading.Event()

    def f(x):
        x = long(x)
        inside.set()
        leave.wait(10)
        return x * 2.0

    thread = threading.Thread(target=lambda: fr.grad(f)(1.0))
    thread.start()
    assert inside.wait(10)
    fr.grad(long)(1.0)  # ends first, and must not put the thresholds back
    assert gc.get_threshold()[2] > 10**6
    leave.set()
    thread.join()


def test_thresholds_set_by_the_program_meanwhile_stay(thresholds):
    with full_collections_wait:
        gc.set_threshold(500, 5, 5)
    assert gc.get_threshold() == (500, 5, 5)
    gc.set_threshold(*thresholds)


def test_garbage_of_the_program_is_collected_meanwhile():
    class Node:
        pass

    freed = []

    def f(x):
        x = long(x)
        for _ in range(20_000):  # cycles, each garbage at once
            node = Node()
            node.self = node
        reference = weakref.ref(Node())
        first = Node()
        first.self = first
        reference = weakref.ref(first)
        del first
        for _ in range(20_000):
            node = Node()
            node.self = node
        freed.append(reference() is None)
        return x * 1.0

    fr.grad(f)(1.0)
    assert freed == [True]
