"""Python functions that compiled code calls: arrays of all kinds, errors, what is kept, threads."""

from __future__ import annotations

import threading

import jax
import numpy as np
import pytest

from frechet.jax import _compiled

DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128"
MUST_BE = "result 0 must be float64 of shape (2, 3), got"


def like(x):
    return jax.ShapeDtypeStruct(np.shape(x), np.asarray(x).dtype)


def run(function, results, *arguments, borrow=False):
    """The results of a jit-compiled call, which are there when this returns."""
    number = _compiled.register(function, borrow)
    return jax.block_until_ready(jax.jit(lambda *a: _compiled.call(number, results, *a))(*arguments))


def failure(function, x, borrow=False):
    with pytest.raises(RuntimeError) as caught:
        run(function, like(x), x, borrow=borrow)
    return caught.value


def test_it_is_built():
    assert _compiled.available()  # without it the other tests here would have nothing to test


@pytest.mark.parametrize("borrow", [False, True])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (1, 2, 2)])
@pytest.mark.parametrize("dtype", DTYPES.split())
def test_arrays_of_all_dtypes(dtype, shape, borrow):
    x = (np.arange(np.prod(shape, dtype=int)) % 2).reshape(shape).astype(dtype)
    seen = []

    def function(a):
        seen.append((a.dtype, a.shape, a.flags.writeable))
        return a

    y = run(function, like(x), x, borrow=borrow)
    assert y.dtype == x.dtype
    assert np.array_equal(y, x)
    assert seen == [(x.dtype, x.shape, False)]


def test_empty_arguments():
    x = np.zeros((0, 3))
    assert run(lambda a: np.array(a.shape, np.int64), jax.ShapeDtypeStruct((2,), np.int64), x).tolist() == [
        0,
        3,
    ]


def test_several_arguments_and_results():
    a, b = np.arange(3.0), np.arange(2, dtype=np.int32)
    first, second = run(lambda a, b: (b, a * 2), (like(b), like(a)), a, b)
    assert np.array_equal(first, b)
    assert np.array_equal(second, 2 * a)


def test_results_of_any_layout_and_kind():
    x = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(run(lambda a: a.T, like(x.T), x), x.T)
    assert np.array_equal(run(lambda a: a[::-1].tolist(), like(x), x), x[::-1])
    assert run(lambda a: float(a.sum()), jax.ShapeDtypeStruct((), x.dtype), x) == 15.0
    assert np.array_equal(run(lambda a: a.astype(">f8").astype("f8"), like(x), x), x)


def test_arguments_may_be_kept():
    kept = []
    number = _compiled.register(lambda a: kept.append(a) or a)
    step = jax.jit(lambda a: _compiled.call(number, like(np.zeros(1000)), a * 2))
    for k in range(20):
        step(np.full(1000, float(k))).block_until_ready()
    assert [a[0] for a in kept] == [2.0 * k for k in range(20)]
    assert all(np.ptp(a) == 0 for a in kept)


@pytest.mark.parametrize("keep", [lambda a: a, lambda a: a[1:], lambda a: a.base, memoryview])
def test_borrowed_arguments_may_not_be_kept(keep):
    kept = []
    x = np.arange(3.0)
    assert "kept a reference" in str(failure(lambda a: kept.append(keep(a)) or a, x, borrow=True))
    assert len(kept) == 1


def test_borrowed_arguments_in_a_cycle():
    def function(a):
        cycle = [a]
        cycle.append(cycle)
        return a + 1

    assert np.array_equal(run(function, like(np.zeros(3)), np.zeros(3), borrow=True), np.ones(3))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda a: a[0], f"{MUST_BE} float64 of shape (3,)"),
        (lambda a: a.astype(np.float32), f"{MUST_BE} float32 of shape (2, 3)"),
        (lambda a: a.astype(">f8"), f"{MUST_BE} >f8 of shape (2, 3)"),
        (lambda a: (a, a), "the function must return 1 arrays, got 2"),
        (lambda a: a.fill(0), "ValueError: assignment destination is read-only"),
    ],
)
def test_wrong_results(function, message):
    assert message in str(failure(function, np.arange(6.0).reshape(2, 3)))


def test_an_exception_reaches_the_caller():
    def function(a):
        raise np.linalg.LinAlgError("the matrix is singular: é")

    error = failure(function, np.zeros(2))
    assert "LinAlgError: the matrix is singular: é" in str(error)
    original = _compiled.original_error(error)
    assert isinstance(original, np.linalg.LinAlgError)
    assert original.__traceback__ is not None
    assert _compiled.original_error(error) is None
    assert _compiled.original_error(ValueError("another one")) is None


def test_an_exception_of_a_function_that_borrows():
    def function(a):
        raise ValueError(f"sum {a.sum()}")

    error = failure(function, np.ones(2), borrow=True)
    assert "ValueError: sum 2.0" in str(error)
    assert _compiled.original_error(error) is None  # its traceback would keep the array


def test_a_number_without_a_function():
    number = _compiled.register(lambda a: a)
    _compiled.module().unregister_function(number)
    with pytest.raises(RuntimeError, match="no function of this number"):
        jax.jit(lambda a: _compiled.call(number, like(np.zeros(2)), a))(np.zeros(2)).block_until_ready()
    with pytest.raises(KeyError, match="no function of this number"):
        _compiled.module().unregister_function(number)


def test_a_dtype_that_numpy_does_not_have():
    x = jax.numpy.zeros(2, jax.numpy.bfloat16)
    number = _compiled.register(lambda a: a)
    with pytest.raises(RuntimeError, match="a dtype that NumPy does not have"):
        jax.jit(lambda a: _compiled.call(number, jax.ShapeDtypeStruct((2,), x.dtype), a))(
            x
        ).block_until_ready()


def test_threads():
    number = _compiled.register(np.sin)
    x = np.linspace(0, 1, 20_000).reshape(100, 200)
    f = jax.jit(lambda a: sum(_compiled.call(number, like(x), a + i) for i in range(4)))
    wrong = []

    def work(shift):
        for _ in range(20):
            y = f(x + shift)
            if not np.allclose(y, sum(np.sin(x + shift + i) for i in range(4)), rtol=1e-14, atol=1e-14):
                wrong.append(shift)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
