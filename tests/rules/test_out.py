"""out=: by keyword and by position, into traced and plain arrays, for every function that takes it."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import frechet as fr
from frechet.rule import Composed, Rule, load_chapters, table
from frechet.testing import check_rule

X = np.array([[0.3, -1.2, 0.8], [2.1, 0.4, -0.6], [0.2, 1.5, 0.9]])
REDUCTIONS = [
    np.sum, np.prod, np.mean, np.var, np.std, np.max, np.min, np.ptp, np.median,
    np.nansum, np.nanprod, np.nanmean, np.nanvar, np.nanstd, np.nanmax, np.nanmin, np.nanmedian,
    np.cumsum, np.cumprod, np.nancumsum, np.nancumprod, np.cumulative_sum, np.cumulative_prod,
]  # fmt: skip
# A function, its arguments before out with the differentiated one as X, and keywords that must be given.
CALLS = [
    *((f, (X,), {"axis": 0}) for f in REDUCTIONS),
    *((f, (X, 0.3), {"axis": 0}) for f in (np.quantile, np.nanquantile)),
    *((f, (X, 30), {"axis": 0}) for f in (np.percentile, np.nanpercentile)),
    (np.clip, (X, 0.0, 1.0), {}), (np.take, (X, [0, 2], 1), {}),
    (np.compress, ([True, False, True], X, 0), {}), (np.choose, ([0, 1, 0], [X, 2 * X]), {}),
    (np.concatenate, ([X, X],), {}), (np.stack, ([X, X],), {}), (np.trace, (X,), {}),
    (np.outer, (X[0], X[1]), {}), (np.dot, (X, X), {}), (np.einsum, ("ij,jk", X, X), {}),
    (np.linalg.multi_dot, ([X, X, X],), {}),
    *((f, (X + 0j,), {}) for f in (np.fft.fft, np.fft.ifft, np.fft.irfft, np.fft.hfft)),
    *((f, (X + 0j,), {"axes": (0, 1)}) for f in (np.fft.fftn, np.fft.ifftn, np.fft.fft2, np.fft.ifft2)),
    *((f, (X + 0j,), {"axes": (0, 1)}) for f in (np.fft.irfftn, np.fft.irfft2)),
    *((f, (X,), {}) for f in (np.fft.rfft, np.fft.ihfft)),
    *((f, (X,), {"axes": (0, 1)}) for f in (np.fft.rfftn, np.fft.rfft2)),
]  # fmt: skip


def name(value):
    return getattr(value, "__name__", None)


def with_out_by_position(f, args, kwargs, out):
    """The arguments of f with out in its place, or None where it is taken by keyword only."""
    entry = table[f]
    try:
        parameters = inspect.signature(f).parameters
    except ValueError:  # a function of C
        parameters = inspect.signature(entry.body if isinstance(entry, Rule) else entry.function).parameters
    if parameters["out"].kind is inspect.Parameter.KEYWORD_ONLY:
        return None
    names = list(parameters)
    filled = [*args, *(kwargs.get(n, parameters[n].default) for n in names[len(args) : names.index("out")])]
    return [*filled, out]


def test_every_function_that_takes_out_is_here():
    load_chapters()
    taking = set()
    for f, entry in table.items():
        if isinstance(f, tuple) or not isinstance(entry, (Rule, Composed)):
            continue
        if "out" in inspect.signature(entry.body if isinstance(entry, Rule) else entry.function).parameters:
            taking.add(entry)
    assert taking == {table[f] for f, *_ in CALLS}


@pytest.mark.parametrize(("f", "args", "kwargs"), CALLS, ids=name)
def test_out(f, args, kwargs):
    load_chapters()
    result = np.asarray(f(*args, **kwargs))
    plain = np.zeros_like(result)
    calls = [lambda t, out: f(*swapped(args, t), **kwargs, out=out)]
    if with_out_by_position(f, args, kwargs, plain) is not None:
        calls.append(lambda t, out: f(*with_out_by_position(f, swapped(args, t), kwargs, out)))

    for call in calls:

        def refused(t, call=call):
            call(t, plain)
            return 0.0

        def written(t, call=call):
            out = np.zeros(result.shape, result.dtype, like=t)
            assert call(t, out) is out
            return out

        with pytest.raises(fr.errors.InPlaceError, match="plain array"):
            fr.grad(refused)(1.1)
        assert not plain.any()
        expected = fr.jvp(lambda t: f(*swapped(args, t), **kwargs), (1.1,), (1.0,))
        value, tangent = fr.jvp(written, (1.1,), (1.0,))
        np.testing.assert_array_equal(value, expected[0])
        np.testing.assert_array_equal(tangent, expected[1])


def swapped(args, t):
    """The arguments with t times the inexact arrays among them."""
    return [
        [t * b for b in a]
        if isinstance(a, list) and isinstance(a[0], np.ndarray)
        else t * a
        if isinstance(a, np.ndarray)
        else a
        for a in args
    ]


CONSTANT = [
    (lambda x, out: np.argmax(x, 0, out), np.argmax(X, 0)),
    (lambda x, out: np.argmax(x, axis=0, out=out), np.argmax(X, 0)),
    (lambda x, out: np.round(x, 0, out), np.round(X)),
    (lambda x, out: np.round(x, out=out), np.round(X)),
    (lambda x, out: np.all(x > 0, 1, out), np.all(X > 0, 1)),
]


@pytest.mark.parametrize(("call", "expected"), CONSTANT)
def test_constant_results_may_go_into_plain_arrays(call, expected):
    out = np.full_like(expected, 7)
    gradient = fr.grad(lambda x: np.sum(call(x, out)) * np.sum(x))(X)
    assert gradient.tolist() == np.full_like(X, expected.sum()).tolist()
    assert out.tolist() == expected.tolist()


def test_constant_results_in_place():
    def in_place(x):
        y = 2 * x
        s = np.sin(y)
        np.round(y, 1, y)
        return s + y

    check_rule(lambda x: in_place(x) - np.round(2 * x, 1), X)
    assert fr.jvp(in_place, (X,), (X,))[0].tolist() == (np.sin(2 * X) + np.round(2 * X, 1)).tolist()
    assert fr.jvp(in_place, (X,), (X,))[1].tolist() == (2 * np.cos(2 * X) * X).tolist()
