"""det, slogdet and logdet."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(5)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def regular(make, *shape):
    return make(*shape) + 3 * np.eye(shape[-1])


def adjoint(A):
    return np.conj(np.swapaxes(A, -1, -2))


def positive(make, *shape):
    A = make(*shape)
    return A @ adjoint(A) + 3 * np.eye(shape[-1])


def one_plus_det(A):
    """At singular matrices the value of det is rounding, which no relative tolerance fits."""
    return 1 + fr.linalg.det(A)


def logdet_of_product(A):
    return fr.linalg.logdet(A @ adjoint(A) + np.eye(A.shape[-1]), assume_a="pos")


def logdet_pos(lower):
    return lambda A: fr.linalg.logdet(A, assume_a="pos", lower=lower)


def cases(*stack):
    for make in (real, cplx):
        for n in (1, 3):
            for f in (fr.linalg.det, fr.linalg.slogdet, fr.linalg.logdet):
                yield f, (regular(make, *stack, n, n),)
        yield logdet_of_product, (make(*stack, 3, 3),)
        H = positive(make, *stack, 3, 3) + 0.3 * np.triu(np.ones((3, 3)), 1)  # read from one triangle
        yield logdet_pos(False), (H,)
        yield logdet_pos(True), (H,)


CASES = [
    *cases(),
    *((one_plus_det, (make(4, rank) @ make(rank, 4),)) for make in (real, cplx) for rank in (3, 2, 1)),
    (fr.linalg.det, (regular(real, 3, 3).astype("f"),)),
    (fr.linalg.logdet, (regular(real, 3, 3).astype("f"),)),
    (fr.linalg.det, (np.ones((0, 0)),)),
    (fr.linalg.logdet, (np.ones((0, 0)),)),
]
CASES_STACKED = [*cases(2), *cases(2, 1), (fr.linalg.det, (np.ones((0, 3, 3)),))]


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


@given(
    n=st.integers(0, 5),
    kind=st.sampled_from([np.float32, np.float64, np.complex64, np.complex128]),
    seed=st.integers(0, 999),
)
@settings(max_examples=15)
def test_sizes_and_types(n, kind, seed):
    r = np.random.default_rng(seed)
    A = (r.standard_normal((n, n)) + 1j * r.standard_normal((n, n))) / max(n, 1) + 2 * np.eye(n)
    A = A.astype(kind) if kind in (np.complex64, np.complex128) else A.real.astype(kind)
    assert np.result_type(fr.linalg.det(A)) == (float if A.dtype.kind == "f" else complex)
    assert np.result_type(fr.linalg.logdet(A)) == A.real.dtype
    check_rule(fr.linalg.det, A)
    check_rule(fr.linalg.logdet, A)


@pytest.mark.parametrize("make", [real, cplx])
@pytest.mark.parametrize("shape", [(5, 5), (1, 1), (2, 3, 3), (2, 2, 1, 1), (20, 20)])
def test_values(make, shape):
    A = make(*shape)
    np.testing.assert_allclose(fr.linalg.det(A), scipy.linalg.det(A), rtol=1e-11)
    for ours, theirs in zip(fr.linalg.slogdet(A), np.linalg.slogdet(A), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(fr.linalg.logdet(A), np.linalg.slogdet(A)[1], rtol=1e-12, atol=1e-13)
    H = positive(make, *shape)
    np.testing.assert_allclose(fr.linalg.logdet(H, assume_a="pos"), np.linalg.slogdet(H)[1], rtol=1e-12)


def test_special_values():
    assert fr.linalg.det([[1, 2], [3, 4]]) == -2.0  # the product of pivots, without rounding
    assert fr.linalg.det(np.zeros((3, 3))) == 0
    assert fr.linalg.det(np.ones((0, 0))) == 1
    assert fr.linalg.det(np.ones((0, 0), "F")).dtype == complex
    np.testing.assert_array_equal(fr.linalg.det(np.ones((2, 0, 0))), [1, 1])
    assert fr.linalg.det(np.diag(np.full(2, 1e30)).astype("f")) == pytest.approx(
        1e60, rel=1e-6
    )  # eps of float32
    assert fr.linalg.det(np.diag([1e200, 1e200, 1e-300])) == pytest.approx(1e100, rel=1e-12)
    assert fr.linalg.det(np.eye(3) * 1e-200) == 0
    # Products of complex pivots that overflow in between are not infinite but nan, in SciPy too.
    assert fr.linalg.det(np.diag([1e200 + 1e200j] * 2 + [1e-200 + 1e-200j] * 2)) == pytest.approx(
        -4, rel=1e-12
    )
    assert fr.linalg.logdet(np.zeros((2, 2))) == -np.inf
    assert fr.linalg.slogdet(np.zeros((2, 2)))[0] == 0
    assert fr.linalg.slogdet(-np.eye(3)).sign == -1


def test_gradient_to_the_last_digits():
    """The cofactors of matrices that are regular, nearly singular, singular, of rank n − 2: 50 digits."""
    n = 4
    for A in (
        real(n, n),
        np.vander(np.arange(1.0, n + 1)) + 1e-9 * real(n, n),
        scipy.linalg.hilbert(n),
        np.outer(np.arange(1.0, 5.0), np.ones(4)) + np.diag([0.0, 1e-12, 2.0, 3.0]),
        np.arange(16.0).reshape(4, 4),
    ):
        with mpmath.workdps(50):
            cofactors = np.empty((n, n))
            for i in range(n):
                for j in range(n):
                    minor = np.delete(np.delete(A, i, 0), j, 1)
                    cofactors[i, j] = (-1) ** (i + j) * mpmath.det(mpmath.matrix(minor.tolist()))
        gradient = fr.grad(fr.linalg.det)(A)
        # A cofactor is a sum of products of three entries: rounding relative to those.
        size = np.abs(A).max() ** 3
        np.testing.assert_allclose(gradient, cofactors, rtol=1e-10, atol=1e-13 * size)


def test_gradient_of_logdet_is_the_inverse():
    A = regular(cplx, 3, 3)
    np.testing.assert_allclose(fr.grad(fr.linalg.logdet)(A), adjoint(np.linalg.inv(A)), rtol=1e-12)
    H = positive(cplx, 3, 3)
    np.testing.assert_allclose(fr.grad(logdet_pos(False))(H), np.linalg.inv(H), rtol=1e-12, atol=1e-15)
    H[0, 2] += 1  # no longer Hermitian: the gradient lies in the triangle that is read
    assert not np.triu(fr.grad(logdet_pos(True))(H), 1).any()
    assert not np.tril(fr.grad(logdet_pos(False))(H), -1).any()


def test_bad_input():
    for f in (fr.linalg.det, fr.linalg.slogdet, fr.linalg.logdet):
        with pytest.raises(ValueError, match="square"):
            f(np.ones((2, 3)))
        with pytest.raises(ValueError, match="matrix"):
            f(np.ones(2))
        with pytest.raises(ValueError, match="infs or NaNs"):
            f(np.full((2, 2), np.nan))
    assert np.isnan(fr.linalg.det(np.full((2, 2), np.nan), check_finite=False))
    for stack in ((), (2,)):
        with pytest.raises(np.linalg.LinAlgError):
            fr.linalg.logdet(np.broadcast_to(-np.eye(2), (*stack, 2, 2)), assume_a="pos")
        singular = np.broadcast_to(np.ones((2, 2)), (*stack, 2, 2))
        for f in (fr.linalg.logdet, lambda A: fr.linalg.slogdet(A)[1]):
            with pytest.raises(np.linalg.LinAlgError, match=r"[Ss]ingular"):
                fr.grad(lambda A, f=f: np.sum(f(A)))(singular)
    with pytest.raises(ValueError, match="assume_a"):
        fr.linalg.logdet(np.eye(2), assume_a="sym")


@pytest.mark.parametrize("stack", [(), (2,)])
@pytest.mark.parametrize(
    "d", [[1e200, 2e200], [1e-170, 2e-170], [1e-200, 2e-200, 4.0], [1e-170 + 1e-170j] * 2]
)
def test_cofactors_in_range_of_determinants_out_of_range(d, stack):
    # The determinant is 0 or inf to double precision; its derivatives are numbers.
    d = np.array(d)
    A = np.broadcast_to(np.diag(d), (*stack, len(d), len(d)))
    one = np.ones(stack, d.dtype)
    for det in (fr.linalg.det, np.linalg.det):

        def pulled_back(a, det=det):
            return fr.vjp(det, a)[1](one)[0]

        with np.errstate(over="ignore"):
            gradient, second = fr.jvp(pulled_back, (A,), (A,))
        cofactors = np.diag([np.prod(np.delete(d, k)) for k in range(len(d))]).conj()
        # of a power, by its logarithm: 2 ε for each of its 500 e-folds
        np.testing.assert_allclose(gradient, np.broadcast_to(cofactors, A.shape), rtol=1e-12, atol=0)
        np.testing.assert_allclose(second, (len(d) - 1) * gradient, rtol=1e-12, atol=0)
