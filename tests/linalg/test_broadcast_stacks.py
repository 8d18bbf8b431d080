"""Stacks whose leading axes broadcast: values and gradients are those of one problem after the other."""

from __future__ import annotations

import numpy as np
import pytest

import frechet as fr

rng = np.random.default_rng(7)


def continuous(a, q, e):
    return fr.linalg.solve_continuous_lyapunov(a, q, e)


def discrete(a, q, e):
    return fr.linalg.solve_discrete_lyapunov(a, q, e=e)


def care(a, b, q):
    return fr.linalg.solve_continuous_are(a, b, q @ q.swapaxes(-1, -2), np.eye(2))


def positive(a, b):
    return fr.linalg.solve(a @ a.swapaxes(-1, -2), b, assume_a="pos")


# The function, and for each argument rows, columns and what is added to its diagonal.
FUNCTIONS = {
    "solve": (fr.linalg.solve, [("n", "n", 6), ("n", 2, 0)]),
    "solve, positive definite": (positive, [("n", "n", 6), ("n", 2, 0)]),
    "solve_triangular": (fr.linalg.solve_triangular, [("n", "n", 6), ("n", 2, 0)]),
    "lstsq": (lambda a, b: fr.linalg.lstsq(a, b)[0], [("n", 2, 0), ("n", 3, 0)]),
    "solve_sylvester": (fr.linalg.solve_sylvester, [("n", "n", 6), (2, 2, 6), ("n", 2, 0)]),
    "solve_generalized_sylvester": (
        fr.linalg.solve_generalized_sylvester,
        [("n", "n", 6), (2, 2, 4), ("n", "n", 6), (2, 2, 4), ("n", 2, 0)],
    ),
    "solve_continuous_lyapunov": (fr.linalg.solve_continuous_lyapunov, [("n", "n", 6), ("n", "n", 0)]),
    "solve_discrete_lyapunov": (fr.linalg.solve_discrete_lyapunov, [("n", "n", 6), ("n", "n", 0)]),
    "solve_continuous_lyapunov with e": (continuous, [("n", "n", 6), ("n", "n", 0), ("n", "n", 5)]),
    "solve_discrete_lyapunov with e": (discrete, [("n", "n", 9), ("n", "n", 0), ("n", "n", 3)]),
    "solve_continuous_lyapunov_factor": (
        fr.linalg.solve_continuous_lyapunov_factor,
        [("n", "n", -6), ("n", "n", 1)],
    ),
    "solve_continuous_are": (care, [("n", "n", -1), ("n", 2, 0), ("n", "n", 2)]),
}
STACKS = [
    ((2, 1), (), (3,)),
    ((2, 1), (2, 1), (3,)),
    ((1,), (), (4,)),
    ((), (3,), (2, 1)),
    ((0, 1), (1,), (3,)),
]


@pytest.mark.parametrize("stacks", STACKS)
@pytest.mark.parametrize("n", [3, 9, 18])  # each size goes another way
@pytest.mark.parametrize("name", FUNCTIONS)
def test_stacks_that_broadcast_are_one_problem_after_the_other(name, n, stacks):
    function, arguments = FUNCTIONS[name]
    sizes = [tuple(n if k == "n" else k for k in argument[:2]) for argument in arguments]
    # all but the last argument have the first two stacks in turn, the right side the third
    own = [stacks[k % 2] for k in range(len(arguments) - 1)] + [stacks[2]]
    args = [
        rng.standard_normal((*stack, *size)) / n + shift * np.eye(*size)
        for stack, size, (*_, shift) in zip(own, sizes, arguments, strict=True)
    ]
    stack = np.broadcast_shapes(*own)
    value, pullback = fr.vjp(function, *args)
    w = rng.standard_normal(value.shape)
    gradients = pullback(w)
    wide = [np.broadcast_to(x, stack + size) for x, size in zip(args, sizes, strict=True)]
    sums = [np.zeros(x.shape) for x in args]
    for at in np.ndindex(stack):
        one, its_pullback = fr.vjp(function, *(x[at] for x in wide))
        # Both are right to a multiple of the rounding error; condition numbers are below 100.
        np.testing.assert_allclose(value[at], one, rtol=1e-10, atol=1e-12)
        for total, part in zip(sums, its_pullback(w[at]), strict=True):
            there = [0 if k == 1 else i for k, i in zip(total.shape[-3::-1], at[::-1], strict=False)][::-1]
            total[tuple(there)] += part
    assert value.shape[: len(stack)] == stack
    for gradient, total in zip(gradients, sums, strict=True):
        np.testing.assert_allclose(gradient, total, rtol=1e-10, atol=1e-10)


def symmetric_solve(a):
    return fr.linalg.solve(a, np.ones((a.shape[-1], 1)), assume_a="sym")


READERS = {
    "solve": symmetric_solve,
    "inv": lambda a: fr.linalg.inv(a, assume_a="pos"),
    "logdet": lambda a: fr.linalg.logdet(a, assume_a="pos"),
    "cholesky": fr.linalg.cholesky,
    "pinvh": lambda a: fr.linalg.pinvh(a, lower=False),
    "np.linalg.eigvalsh": lambda a: np.linalg.eigvalsh(a, UPLO="U"),
}


@pytest.mark.parametrize("n", [3, 20])
@pytest.mark.parametrize("name", READERS)
def test_each_matrix_of_a_stack_is_taken_for_symmetric_or_not_on_its_own(name, n):
    function = READERS[name]
    one = rng.standard_normal((n, n)) + 6 * n * np.eye(n)
    symmetric, triangle = one + one.T, one + one.T
    triangle[np.tril_indices(n, -1)] = 7  # is not read
    stack = np.stack([symmetric, triangle, symmetric])
    value, pullback = fr.vjp(function, stack)
    w = rng.standard_normal(value.shape)
    gradient = pullback(w)[0]
    for k in range(3):
        expected = fr.vjp(function, stack[k])[1](w[k])[0]
        # condition numbers are below ten
        np.testing.assert_allclose(gradient[k], expected, rtol=1e-11, atol=1e-14)
    np.testing.assert_array_equal(gradient[1], np.triu(gradient[1]))
    np.testing.assert_allclose(gradient[0], gradient[0].T, rtol=1e-12)
