"""fr.special: derivatives against differences, values against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(0)
x5, x34 = rng.normal(size=5), rng.normal(size=(3, 4))
special = fr.special

CASES = [
    (lambda m, a: m.logsumexp(a), (x5,)),
    (lambda m, a: m.logsumexp(a, axis=1), (x34,)),
    (lambda m, a: m.logsumexp(a, axis=(0, 1), keepdims=True), (x34,)),
    (lambda m, a, b: m.logsumexp(a, b=b, axis=0), (x34, np.abs(x34))),
    (lambda m, a, b: m.logsumexp(a, b=b, return_sign=True)[0], (x34, x34[0])),
    (lambda m, a: m.logsumexp(a, b=np.array([1.0, 0.0, 2.0, 0.0, 1.0])), (x5 * 300,)),
    (lambda m, a: m.logsumexp([a, 1.0]), (0.3,)),
    (lambda m, a: m.logsumexp(a), (x5 + 1j * x5**2,)),
    (lambda m, x: m.softmax(x), (x34,)),
    (lambda m, x: m.softmax(x, axis=0), (x34,)),
    (lambda m, x: m.log_softmax(x), (x5,)),
    (lambda m, x: m.log_softmax(x, axis=1), (x34,)),
    (lambda m, a: m.multigammaln(a, 3), (np.array([1.5, 2.7]),)),
]


@pytest.mark.parametrize(("f", "args"), CASES)
def test_derivatives_and_values(f, args):
    g = lambda *args: f(special, *args)
    large = np.max(np.abs(args[0])) > 100
    check_rule(g, *args, **({"orders": 1} if large else {}))
    np.testing.assert_allclose(fr.vjp(g, *args)[0], f(scipy.special, *args), rtol=1e-12)
    np.testing.assert_array_equal(g(*args), f(scipy.special, *args))


def test_no_overflow():
    a = np.array([1000.0, 999.0, -np.inf])
    np.testing.assert_allclose(fr.grad(special.logsumexp)(a), scipy.special.softmax(a), rtol=1e-12)
    assert fr.grad(lambda a: special.log_softmax(a)[1])(a[:2])[1] == pytest.approx(scipy.special.expit(1.0))


def test_bad_input():
    with pytest.raises(ValueError, match="positive integer"):
        fr.grad(lambda a: special.multigammaln(a, 1.5))(3.0)
    with pytest.raises(ValueError, match="not met"):
        fr.grad(lambda a: special.multigammaln(a, 3))(0.5)
