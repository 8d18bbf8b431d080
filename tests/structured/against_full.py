"""Structured matrices against full arrays: values, and gradients as the restriction of the full gradient."""

from __future__ import annotations

import warnings

import numpy as np

import frechet as fr
from frechet.structured import StructuredMatrix
from frechet.structured._matrix import _arrays
from frechet.tree import flatten


def full(x):
    return x.to_dense() if isinstance(x, StructuredMatrix) else np.asarray(x)


def assert_values(f, A, *args, rtol=1e-10):
    """f of the matrix equals f of the full array; nothing is written out on the way."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", fr.DensifyWarning)
        found = f(A, *args)
    expected = np.asarray(f(A.to_dense(), *(full(x) for x in args)))
    assert found.shape == expected.shape
    np.testing.assert_allclose(
        full(found), expected, rtol=rtol, atol=rtol * max(1, abs(expected).max(initial=0))
    )
    return found


def assert_gradients(f, A, *args, rtol=1e-9, seed=0):
    """The gradients of a weighted sum of f's entries are those by full arrays.

    The gradient of the full array, restricted to the parts, and divided by the weights.
    """
    rng = np.random.default_rng(seed)
    shape = np.shape(full(f(A.to_dense(), *args)))
    W = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)

    def weighted(A, *args):
        Y = f(A, *args)
        return np.sum(np.real(np.conj(W) * (Y.to_dense() if isinstance(Y, StructuredMatrix) else Y)))

    with warnings.catch_warnings():
        warnings.simplefilter("error", fr.DensifyWarning)
        found = fr.grad(weighted, argnums=tuple(range(1 + len(args))))(A, *args)
    G, *others = fr.grad(weighted, argnums=tuple(range(1 + len(args))))(A.to_dense(), *args)
    partials = A.like(*A.restrict(G))
    leaves, treedef = flatten(partials)
    spaces = fr.space(A).spaces
    expected = treedef.unflatten([s.gradient(p) for s, p in zip(spaces, leaves, strict=True)])
    for g, e in zip([*_arrays(found[0]), *found[1:]], [*_arrays(expected), *others], strict=True):
        np.testing.assert_allclose(g, e, rtol=rtol, atol=rtol * max(1, abs(e).max(initial=0)))
