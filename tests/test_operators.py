"""Operators: what JAX and PyTorch are given of a function, and of its derivatives."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import frechet as fr
from frechet.operators import (
    Batched,
    Function,
    Pullback,
    Pushforward,
    Remembering,
    batched,
    memory,
    outline,
)

rng = np.random.default_rng(20)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return real(*shape) + 1j * real(*shape)


def positional(f, **options):
    """An operator of a function all of whose arguments are arrays."""
    return Function(f, lambda arrays: (arrays, {}), (), **options)


def solved(A, b):
    return {"x": np.linalg.solve(A, b), "size": np.sum(np.abs(b) ** 2)}


SOLVED = positional(solved)
A, b, w = real(3, 3) + 4 * np.eye(3), real(3), real(3)


def assert_equal(found, expected):
    assert len(found) == len(expected)
    for x, y in zip(found, expected, strict=True):
        assert type(x) is np.ndarray
        assert x.dtype == np.asarray(y).dtype
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-13)  # the same operations in another order


# --- values and structure ---------------------------------------------------------------------------------


def test_results_are_flat_and_their_structure_is_kept():
    found = SOLVED(A, b)
    assert_equal(found, [b @ b, np.linalg.solve(A, b)])  # a dict's values in the order of its keys
    assert SOLVED.treedef.unflatten(["size", "x"]) == {"size": "size", "x": "x"}
    assert positional(np.sin)(b)[0] is not None
    structure = SOLVED.structure([outline(A), outline(b)])
    assert structure == SOLVED.treedef


def test_the_structure_is_that_of_the_thread():
    operator = positional(lambda x: (x, x) if x[0] > 0 else [x])
    operator(np.ones(1))
    other = threading.Thread(target=lambda: operator(-np.ones(1)))
    other.start()
    other.join()
    assert operator.treedef.type is tuple


@pytest.mark.parametrize("f", [lambda x: x, lambda x: x[::-1], lambda x: np.broadcast_to(x[0], (3,))])
def test_results_are_the_callers_own(f):
    x = real(3)
    (result,) = positional(f)(x)
    expected = f(x).copy()
    assert result.flags.writeable
    assert result.flags.c_contiguous
    result += 1
    np.testing.assert_array_equal(f(x), expected)


@pytest.mark.parametrize("value", [None, "text", object(), fr.Symmetric(np.eye(2)), {"a": None}])
def test_what_no_framework_has_a_type_for_is_refused(value):
    f = lambda x: value
    f.__qualname__ = "odd"
    with pytest.raises(fr.NotDifferentiableError, match=r"odd returned (a Symmetric|None|'text'|<object)"):
        positional(f)(real(2))


# --- derivatives ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [real, cplx])
def test_pushforward_and_pullback_are_those_of_the_function(make):
    A, b, dA, db, w, u = make(3, 3) + 4 * np.eye(3), make(3), make(3, 3), make(3), make(3), np.array(real())
    both = lambda A, b: tuple(solved(A, b)[k] for k in ("size", "x"))
    push, pull = (D(SOLVED, 2, (0, 1), (0, 1)) for D in (Pushforward, Pullback))
    assert_equal(push(A, b, dA, db), fr.jvp(both, (A, b), (dA, db))[1])
    assert_equal(pull(A, b, u, w), fr.vjp(both, A, b)[1]((u, w)))
    assert_equal(Pullback(SOLVED, 2, (1,), (1,))(A, b, w), [fr.vjp(lambda b: solved(A, b)["x"], b)[1](w)[0]])
    assert_equal(
        Pushforward(SOLVED, 2, (0,), (1,))(A, b, dA), [fr.jvp(lambda A: solved(A, b)["x"], (A,), (dA,))[1]]
    )


def test_derivatives_of_derivatives():
    pull = Pullback(SOLVED, 2, (0, 1), (1,))
    again = Pullback(pull, 3, (0, 1, 2), (0, 1))
    pulled = lambda A, b, w: fr.vjp(lambda A, b: solved(A, b)["x"], A, b)[1](w)
    dA, db = real(3, 3), real(3)
    assert_equal(again(A, b, w, dA, db), fr.vjp(pulled, A, b, w)[1]((dA, db)))
    forward = Pushforward(pull, 3, (0, 2), (0,))
    expected = fr.jvp(lambda A, w: pulled(A, b, w)[0], (A, w), (dA, db))[1]
    assert_equal(forward(A, b, w, dA, db), [expected])
    third = Pushforward(forward, 5, (0,), (0,))
    expected = fr.jvp(lambda A: fr.jvp(lambda A, w: pulled(A, b, w)[0], (A, w), (dA, db))[1], (A,), (dA,))[1]
    assert_equal(third(A, b, w, dA, db, dA), [expected])


def test_a_derivative_that_was_kept_is_that_of_the_function():
    value, derivative = SOLVED.linearize([A, b], (0, 1), (0, 1))
    assert_equal(value, SOLVED(A, b))
    dA, db = real(2, 3, 3), real(2, 3)
    push = Pushforward(SOLVED, 2, (0, 1), (0, 1))
    for k, pushed in enumerate(zip(*derivative.push([dA, db]), strict=True)):
        assert_equal([np.asarray(p) for p in pushed], push(A, b, dA[k], db[k]))
    value, derivative = SOLVED.linearize([A, b], (1,), (0,))
    assert_equal(value, SOLVED(A, b))
    assert_equal(derivative.pull([np.array(1.0)]), [2 * b])


def test_a_derivative_of_all_results_holds_those_of_some():
    f = positional(lambda x, n: (np.sin(x), n + 1, x * x, 3.0))
    x, v = real(3), real(2, 3)
    value, derivative = f.linearize([x, np.arange(3)], (0,))
    assert_equal(value, [np.sin(x), np.arange(1, 4), x * x, 3.0])
    assert derivative.results == (0, 2, 3)
    some = derivative.of((0,), (2, 0))
    assert_equal(some.push([v]), [2 * x * v, np.cos(x) * v])
    assert_equal(some.pull([v[0], v[1]]), [2 * x * v[0] + np.cos(x) * v[1]])
    assert_equal(derivative.of((0,), (2,)).pull([v]), [2 * x * v])
    assert derivative.of((0,), (1,)) is None
    assert derivative.of((1,), (0,)) is None
    assert derivative.of((0,), (0, 2, 3)) is derivative
    assert_equal(derivative.pull([v, v, np.ones(2)]), [np.cos(x) * v + 2 * x * v])


def test_transposed_derivatives_are_each_others():
    pull, push = Pullback(SOLVED, 2, (0, 1), (0, 1)), Pushforward(SOLVED, 2, (0, 1), (0, 1))
    outlines = [outline(a) for a in (A, b, np.array(1.0), w)]
    assert pull.linear == push.linear == 2
    assert pull.transposed((2, 3), (0, 1), outlines) == push
    assert push.transposed((2, 3), (0, 1), outlines) == pull
    assert pull.transposed((3,), (0,), outlines) == Pushforward(SOLVED, 2, (0,), (1,))
    assert push.transposed((3,), (0,), outlines) == Pullback(SOLVED, 2, (1,), (0,))


def test_the_adjoint_of_a_linear_function():
    f = positional(lambda x, y: (np.fft.fft(x), x[:2] + 3 * y), linear=True)
    x, y, u, v = cplx(4), cplx(2), cplx(4), cplx(2)
    outlines = [outline(x), outline(y)]
    adjoint = f.transposed((0, 1), (0, 1), outlines)
    expected = [4 * np.fft.ifft(u), 3 * v]
    expected[0][:2] += v
    assert_equal(adjoint(u, v), expected)
    assert adjoint.outlines([outline(u), outline(v)]) == outlines
    there = adjoint.transposed((0, 1), (0, 1), [outline(u), outline(v)])
    assert_equal(there(x, y), f(x, y))
    assert there.outlines(outlines) == f.outlines(outlines)
    assert there.transposed((0, 1), (0, 1), outlines) == adjoint
    assert_equal(f.transposed((1,), (1,), outlines)(v), [3 * v])
    assert positional(np.sin).linear is None


# --- batches ----------------------------------------------------------------------------------------------


def looped(operator, marked, arrays, size):
    parts = [operator(*[a[i] if m else a for a, m in zip(arrays, marked, strict=True)]) for i in range(size)]
    return [np.stack(p) for p in zip(*parts, strict=True)]


MATRICES = positional(fr.linalg.solve, signature="(n,n),(n,m)->(n,m)")
EXPM = positional(fr.linalg.expm, signature="(n,n)->(n,n)")


@given(st.lists(st.booleans(), min_size=4, max_size=4).filter(any), st.integers(1, 3), st.booleans())
def test_batches_are_loops(marked, size, stacked):
    """Of a function and of its derivatives, whichever arguments are batched, and however it is done."""
    base = MATRICES if stacked else positional(np.linalg.solve)
    arrays = [real(3, 3) + 4 * np.eye(3), real(3, 2), real(3, 3), real(3, 2)]
    push = Pushforward(base, 2, (0, 1), (0,))
    for operator in (push, *([base] if any(marked[:2]) else [])):
        n = 2 if operator is base else 4
        those = [
            np.stack([a + 0.1 * i for i in range(size)]) if m else a
            for a, m in zip(arrays[:n], marked, strict=False)
        ]
        flags = tuple(marked[:n])
        expected = looped(operator, flags, those, size)
        assert_equal(Batched(operator, flags)(*those), expected)
        assert_equal([np.asarray(t) for t in Batched(operator, flags).trace(*those)], expected)
        assert [outline(e) for e in expected] == Batched(operator, flags).outlines(
            [outline(a) for a in those]
        )


def test_what_takes_stacks_is_called_once():
    calls = []

    def counted(A):
        calls.append(np.shape(A))
        return fr.linalg.expm(A)

    operator = positional(counted, signature="(n,n)->(n,n)")
    As, Gs = real(5, 3, 3), real(5, 3, 3)
    pull = Pullback(operator, 1, (0,), (0,))
    found = Batched(pull, (True, True))(As, Gs)
    assert calls == [(5, 3, 3)]
    assert_equal(found, [np.stack([fr.vjp(fr.linalg.expm, A)[1](G)[0] for A, G in zip(As, Gs, strict=True)])])
    calls.clear()
    Batched(pull, (False, True))(As[0], Gs)  # one point, and a stack of directions
    assert calls == [(3, 3)]
    calls.clear()
    Batched(Batched(operator, (True,)), (True,))(real(2, 5, 3, 3))
    assert calls == [(5, 3, 3)] * 2


def test_stacks_broadcast_beside_what_is_not_batched():
    """An argument with loop axes of its own meets one that has none."""
    A, B = real(2, 3, 3) + 4 * np.eye(3), real(5, 3, 1)
    assert_equal(Batched(MATRICES, (False, True))(A, B), looped(MATRICES, (False, True), (A, B), 5))
    short = real(5, 3)  # less than the signature says: a loop, as NumPy would take the stack for a matrix
    assert_equal(
        Batched(MATRICES, (False, True))(A[0], short), looped(MATRICES, (False, True), (A[0], short), 5)
    )


def test_a_transposed_batch_gives_each_entry_its_cotangent():
    push = Batched(Pushforward(EXPM, 1, (0,), (0,)), (True, False))
    As, V, W = real(4, 3, 3), real(3, 3), real(4, 3, 3)
    back = push.transposed((1,), (0,), [outline(As), outline(V)])
    (each,) = back(As, W)
    inner = np.sum(W * push(As, V)[0])
    np.testing.assert_allclose(np.sum(np.sum(each, 0) * V), inner, rtol=1e-12)


def test_a_batch_of_nothing_is_empty():
    for operator in (Batched(EXPM, (True,)), Batched(positional(lambda A: A @ A), (True,))):
        (result,) = operator(np.zeros((0, 3, 3), np.float32))
        assert result.shape == (0, 3, 3)
        assert result.dtype == np.float32


@pytest.mark.parametrize("signature", ["n,n->n", "(n,n)", "(n)->(n),", "(n)=>(n)", ""])
def test_signatures_are_checked(signature):
    with pytest.raises(ValueError, match=r'is not of the form "\(n,n\),\(n\)->\(n\)"'):
        positional(np.sin, signature=signature)


# --- shapes before values ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "shapes"),
    [
        (np.linalg.inv, [(3, 3)]),
        (fr.linalg.cholesky, [(2, 4, 4)]),
        (fr.linalg.logm, [(3, 3)]),
        (fr.linalg.solve_discrete_lyapunov, [(4, 4), (4, 4)]),
        (fr.linalg.solve_continuous_are, [(4, 4), (4, 2), (4, 4), (2, 2)]),
        (np.sqrt, [(5,)]),
        (np.arccosh, [(5,)]),
        (np.linalg.eigh, [(0, 0)]),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_outlines_without_values(f, shapes, dtype):
    arguments = [(shape, np.dtype(dtype)) for shape in shapes]
    operator = positional(f)
    found = operator.outlines(arguments)
    assert all(d in (np.dtype(dtype), np.empty(0, dtype).real.dtype) for _, d in found)
    n = len(shapes)
    pull = Pullback(operator, n, (n - 1,), (0,))
    assert pull.outlines([*arguments, found[0]]) == [arguments[-1]]
    push = Pushforward(operator, n, (0,), (0,))
    assert push.outlines([*arguments, arguments[0]]) == [found[0]]


def test_outlines_that_are_declared():
    def never(x):
        raise AssertionError("it is not run")

    shape = lambda x: {"y": np.empty((*x.shape, 2), np.complex64)}
    operator = positional(never, result=shape)
    assert operator.outlines([((3,), np.dtype(float))]) == [((3, 2), np.dtype(np.complex64))]
    assert operator.structure([((3,), np.dtype(float))]).unflatten([1]) == {"y": 1}
    assert positional(never, result=lambda x: x).structure([((3,), np.dtype(float))]) is None
    with pytest.raises(fr.RuleError, match=r"result= of .* an object with shape and dtype"):
        positional(never, result=lambda x: 3).outlines([((3,), np.dtype(float))])


def test_outlines_that_cannot_be_found():
    def refusing(x):
        raise ValueError("never for these")

    with pytest.raises(fr.RuleError, match=r"ValueError: never for these. Say them: wrap\(f, result="):
        positional(refusing).outlines([((3,), np.dtype(float))])


# --- what is remembered -----------------------------------------------------------------------------------


def test_a_remembered_derivative_is_found_by_its_values():
    calls = []

    def counted(x):
        calls.append(1)
        return np.sin(x)

    memory.forget()
    operator = positional(counted)
    pull = Pullback(operator, 1, (0,), (0,))
    x = real(4)
    assert_equal(Remembering(operator, (0,), (0,))(x), [np.sin(x)])
    assert_equal(pull(x.copy(), w[:1] + np.zeros(4)), [np.cos(x) * w[0]])
    assert len(calls) == 1
    pull(x + 1e-16 * np.arange(4), np.ones(4))
    pull(x.astype(np.float32), np.ones(4, np.float32))
    assert len(calls) == 2 + (not np.array_equal(x, x + 1e-16 * np.arange(4)))
    x += 1  # the array of the caller, not that which is remembered
    assert_equal(pull(x, np.ones(4)), [np.cos(x)])
    for _ in range(memory.KEPT):
        Remembering(operator, (0,), (0,))(real(4))
    before = len(calls)
    pull(x - 1, np.ones(4))
    assert len(calls) == before + 1  # it was let go of
    memory.forget()


def test_nan_is_found_and_signed_zeros_differ():
    memory.forget()
    root = positional(lambda x: np.copysign(1.0, x) * x)
    for x in (np.array([np.nan]), np.array([0.0]), np.array([-0.0])):
        Remembering(root, (0,), (0,))(x)
    kept = [memory.find(root, [np.array([v])], (0,), (0,)) for v in (np.nan, 0.0, -0.0)]
    assert None not in kept
    assert len(set(map(id, kept))) == 3
    assert memory.find(root, [np.array([1.0])], (0,), (0,)) is None
    assert memory.find(positional(np.sin), [np.array([0.0])], (0,), (0,)) is None
    memory.forget()
    assert memory.find(root, [np.array([0.0])], (0,), (0,)) is None


def test_equal_operators_are_told_from_others():
    f = lambda x: x
    make = lambda **options: Function(f, lambda arrays: (arrays, {}), ("call",), **options)
    assert make() == make()
    assert hash(make()) == hash(make())
    assert make() != make(linear=True)
    assert make() != make(signature="(n)->(n)")
    assert make(signature="(n)->(n)").stacked([((2,), np.dtype(float))]) != make(signature="(n)->(n)")
    assert Pullback(make(), 1, (0,), (0,)) != Pushforward(make(), 1, (0,), (0,))
    assert Batched(make(), (True,)) == Batched(make(), (True,))
    assert repr(Pullback(positional(np.linalg.inv), 1, (0,), (0,))) == "the pullback of np.linalg.inv"


def test_a_part_of_a_remembered_derivative_is_found():
    """A framework that used one result of several gives a cotangent for that one only."""
    memory.forget()
    calls = []

    def counted(A, b):
        calls.append(1)
        return solved(A, b)

    operator = positional(counted)
    Remembering(operator, (0, 1))(A, b)  # of all results: {"size", "x"}
    size, x = ([w[0]], [w])
    for results, cotangents in (((0,), size), ((1,), x), ((0, 1), [w[0], w])):
        pull = Pullback(operator, 2, (0, 1), results)
        found = pull(A, b, *map(np.asarray, cotangents))
        assert_equal(found, Pullback(SOLVED, 2, (0, 1), results)(A, b, *map(np.asarray, cotangents)))
        stacks = [np.stack([c, 2 * c]) for c in map(np.asarray, cotangents)]
        marks = (False, False) + (True,) * len(results)
        assert_equal(Batched(pull, marks)(A, b, *stacks), [np.stack([g, 2 * g]) for g in found])
        pushed = Pushforward(operator, 2, (0, 1), results)(A, b, A, b)
        assert_equal(pushed, Pushforward(SOLVED, 2, (0, 1), results)(A, b, A, b))
    assert len(calls) == 1
    assert memory.find(operator, [A, b], (0,), (0,)) is None  # in one argument alone: another derivative
    memory.forget()


def test_integer_results_are_left_out_of_what_is_remembered():
    memory.forget()
    operator = positional(lambda x: (np.argmax(x), x**2, x > 0))
    assert_equal(Remembering(operator, (0,))(w), [np.argmax(w), w**2, w > 0])
    assert memory.find(operator, [w], (0,), (1,)) is not None
    assert memory.find(operator, [w], (0,), (0, 1)) is None
    memory.forget()


def test_how_many_are_kept_can_be_said():
    memory.forget()
    try:
        memory.keep(2)
        points = [real(3) for _ in range(3)]
        for x in points:
            Remembering(SQUARED, (0,))(x)
        found = [memory.find(SQUARED, [x], (0,), (0,)) for x in points]
        assert [f is None for f in found] == [True, False, False]
        memory.keep(0)
        Remembering(SQUARED, (0,))(w)
        assert memory.find(SQUARED, [w], (0,), (0,)) is None
    finally:
        memory.keep(memory.KEPT)


SQUARED = positional(lambda x: x**2)


@given(st.lists(st.booleans(), min_size=4, max_size=4).filter(any), st.sampled_from([Pullback, Pushforward]))
def test_batches_of_derivatives_are_derivatives_of_batches(marked, kind):
    arguments = [A, b, *([real(3)] if kind is Pullback else [real(3, 3), real(3)])]
    base = kind(positional(np.linalg.solve), 2, (0, 1), (0,))
    marked = tuple(marked[: len(arguments)])
    if not any(marked):
        return
    operator, due = batched(base, marked)
    assert all(d or not m for d, m in zip(due, marked, strict=True))
    those = [np.stack([a, 1.1 * a]) if m else a for a, m in zip(arguments, marked, strict=True)]
    given = [
        np.broadcast_to(a, (2, *a.shape)) if d and not m else a
        for a, d, m in zip(those, due, marked, strict=True)
    ]
    assert isinstance(operator, Batched) == (not any(marked[:2]))
    assert_equal(operator(*given), looped(base, marked, those, 2))


def test_one_derivative_is_remembered_for_a_batch():
    memory.forget()
    calls = []

    def counted(x, y):
        calls.append(1)
        return np.sin(x) * y

    base, n = positional(counted), 2 * memory.KEPT
    X, y, W = real(n, 3), real(3), real(n, 3)
    remembering, due = batched(Remembering(base, (0,)), (True, False))
    assert due == (True, False)
    assert_equal(remembering(X, y), [np.sin(X) * y])
    assert len(calls) == n
    pull, due = batched(Pullback(base, 2, (0,), (0,)), (True, False, True))
    assert due == (True, False, True)
    assert_equal(pull(X, y, W), [np.cos(X) * y * W])
    assert len(calls) == n
    memory.forget()


def test_linear_functions_take_batches_in_one_pass():
    calls = []

    def counted(x, y):
        calls.append(1)
        return np.fft.fft(x) + y

    f = positional(counted, linear=True)
    X, y = cplx(5, 4), cplx(4)
    assert_equal(Batched(f, (True, False))(X, y), [np.fft.fft(X) + y])
    outlines = [outline(X[0]), outline(y)]
    for _ in range(2):
        adjoint = f.transposed((0, 1), (0,), outlines)
        W = cplx(5, 4)
        assert_equal(Batched(adjoint, (True,))(W), [4 * np.fft.ifft(W), W])
        Z = cplx(2, 5, 4)
        nested = Batched(Batched(adjoint, (True,)), (True,))
        assert_equal(nested(Z), [4 * np.fft.ifft(Z), Z])
        assert_equal(adjoint(W[0]), [4 * np.fft.ifft(W[0]), W[0]])
    assert len(calls) == 3  # for the derivative, and for that of each adjoint


def test_batches_of_directions_are_nested():
    """Both axes count directions: the derivative is made once."""
    pull = Pullback(SOLVED, 2, (0, 1), (0, 1))
    sizes, W = real(2), real(2, 4, 3)
    inner = Batched(pull, (False, False, False, True))
    outer = Batched(inner, (False, False, True, True))
    arrays = (A, b, sizes, W)
    assert_equal(outer(*arrays), looped(inner, (False, False, True, True), (A, b, sizes, W), 2))


def test_what_a_call_returned_is_known():
    calls = []

    def counted(x):
        calls.append(1)
        return np.unique(x)  # whose shape samples could not tell

    operator = positional(counted)
    operator(np.array([1.0, 1.0, 2.0]))
    assert operator.outlines([((3,), np.dtype(float))]) == [((2,), np.dtype(float))]
    assert operator.structure([((3,), np.dtype(float))]) is None
    assert len(calls) == 1


def test_arrays_are_compared_by_their_bits():
    for make in (lambda: np.arange(7, dtype=np.uint8), lambda: np.arange(1001.0), lambda: np.zeros(0)):
        operator = positional(lambda x: x * 1.0)
        memory.forget()
        x = make().astype(np.float32) if make().dtype == np.uint8 else make()
        Remembering(operator, (0,))(x)
        assert memory.find(operator, [x.copy()], (0,), (0,)) is not None
        if x.size:
            y = x.copy()
            y[-1] = np.nextafter(y[-1], np.inf)
            assert memory.find(operator, [y], (0,), (0,)) is None
    memory.forget()
