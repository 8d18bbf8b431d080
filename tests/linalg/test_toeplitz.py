"""solve_toeplitz, matmul_toeplitz, solve_circulant: gradients in the first column and row."""

from __future__ import annotations

import tracemalloc

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.linalg._toeplitz_factor import LevinsonFactor
from frechet.testing import check_rule

rng = np.random.default_rng(3)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def first_column(make, *shape):
    """Of a well-conditioned matrix, all leading minors included."""
    c = make(*shape)
    c[..., 0] += 3 * shape[-1]
    return c


def solve_with_row(c, r, b):
    return fr.linalg.solve_toeplitz((c, r), b)


def multiply_with_row(c, r, x):
    return fr.linalg.matmul_toeplitz((c, r), x)


def circulant_along_other_axes(c, b):
    return fr.linalg.solve_circulant(c, b, caxis=0, baxis=-1, outaxis=1)


def cases(stacks):
    for make in (real, cplx):
        for stack, b in stacks:
            c, r = first_column(make, *stack, 4), make(*stack, 4)
            yield fr.linalg.solve_toeplitz, (c, make(*b))
            yield solve_with_row, (c, r, make(*b))
            yield fr.linalg.matmul_toeplitz, (c, make(*b))
            yield multiply_with_row, (make(*stack, 6), r, make(*b))
            yield multiply_with_row, (make(*stack, 2), r, make(*b))


CASES = [
    *cases([((), (4,)), ((), (4, 2)), ((), (2, 4, 1))]),
    (solve_with_row, (first_column(real, 4), cplx(4), real(4))),
    (solve_with_row, (first_column(real, 4).astype("f"), real(4).astype("f"), real(4).astype("f"))),
    (fr.linalg.matmul_toeplitz, (real(4).astype("f"), real(4).astype("f"))),
    (fr.linalg.solve_toeplitz, (np.array([2.0]), np.array([3.0]))),
    (fr.linalg.solve_toeplitz, (np.ones(0), np.ones(0))),
    *((fr.linalg.solve_circulant, (first_column(m, n), m(n))) for m in (real, cplx) for n in (1, 4, 5)),
    (fr.linalg.solve_circulant, (first_column(real, 4).astype("f"), real(4, 2).astype("f"))),
    (lambda b: fr.linalg.solve_circulant(np.array([1.0, 1, 0, 0]), b, singular="lstsq"), (real(4),)),
]
CASES_STACKED = [
    *cases([((2,), (4,)), ((2,), (2, 4, 1)), ((2, 1), (3, 4, 1))]),
    *((circulant_along_other_axes, (first_column(m, 2, 4).T, m(3, 1, 4))) for m in (real, cplx)),
]


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


@given(
    n=st.integers(1, 5),
    m=st.integers(1, 5),
    kind=st.sampled_from([np.float32, np.float64, np.complex64, np.complex128]),
    seed=st.integers(0, 999),
)
@settings(max_examples=15)
def test_sizes_and_types(n, m, kind, seed):
    generator = np.random.default_rng(seed)

    def draw(*shape):
        x = generator.standard_normal(shape) + 1j * generator.standard_normal(shape)
        return x.astype(kind) if kind in (np.complex64, np.complex128) else x.real.astype(kind)

    c, r, b = draw(n) + kind(3 * n) * np.eye(1, n, dtype=kind)[0], draw(n), draw(n, 2)
    assert fr.linalg.solve_toeplitz((c, r), b).dtype == kind
    check_rule(solve_with_row, c, r, b)
    assert fr.linalg.matmul_toeplitz((draw(m), r), b).dtype == kind
    check_rule(multiply_with_row, draw(m), r, b)


@pytest.mark.parametrize("make", [real, cplx])
@pytest.mark.parametrize(("stack", "b"), [((), (9,)), ((), (9, 2)), ((2,), (9,)), ((2, 3), (9, 2))])
def test_values_are_scipys(make, stack, b):
    c, r, B = first_column(make, *stack, 9), make(*stack, 9), make(*b)
    same = {"rtol": 1e-10, "atol": 1e-12}  # diagonally dominant: some roundings
    np.testing.assert_allclose(
        fr.linalg.solve_toeplitz((c, r), B), scipy.linalg.solve_toeplitz((c, r), B), **same
    )
    np.testing.assert_allclose(fr.linalg.solve_toeplitz(c, B), scipy.linalg.solve_toeplitz(c, B), **same)
    for m in (1, 5, 9, 12):
        c = make(*stack, m)
        np.testing.assert_allclose(
            fr.linalg.matmul_toeplitz((c, r), B, workers=1), scipy.linalg.matmul_toeplitz((c, r), B), **same
        )
    if not stack:
        c = first_column(make, 9)
        np.testing.assert_allclose(
            fr.linalg.solve_circulant(c, B), scipy.linalg.solve_circulant(c, B), **same
        )
        c, B = first_column(make, 2, 1, 9), make(3, 9)
        np.testing.assert_allclose(
            fr.linalg.solve_circulant(c, B, baxis=-1, outaxis=-1),
            scipy.linalg.solve_circulant(c, B, baxis=-1, outaxis=-1),
            **same,
        )


def test_value_and_derivative_to_the_last_digits():
    """Autocovariances of a nearly integrated process, condition number 4e2: against 50 digits."""
    n = 6
    c, b, d, w = 0.95 ** np.arange(n), np.arange(1.0, n + 1), real(n), real(n)
    with mpmath.workdps(50):
        M = mpmath.matrix(scipy.linalg.toeplitz(c).tolist())
        x = mpmath.lu_solve(M, mpmath.matrix(b.tolist()))
        dx = mpmath.lu_solve(M, -(mpmath.matrix(scipy.linalg.toeplitz(d).tolist()) * x))
        g = -mpmath.lu_solve(M.T, mpmath.matrix(w.tolist())) * x.T
        x, dx, g = (np.array(v.tolist(), float) for v in (x, dx, g))
    ours, derivative = fr.jvp(fr.linalg.solve_toeplitz, (c, b), (d, 0 * b))
    np.testing.assert_allclose(ours, x[:, 0], rtol=1e-11)
    np.testing.assert_allclose(derivative, dx[:, 0], rtol=1e-10)
    gradient = fr.vjp(lambda c: fr.linalg.solve_toeplitz(c, b), c)[1](w)[0]
    expected = [np.trace(g), *(np.trace(g, k) + np.trace(g, -k) for k in range(1, n))]
    np.testing.assert_allclose(gradient, expected, rtol=1e-10, atol=1e-10 * np.abs(g).max())


def test_the_first_entry_of_the_row_is_not_read():
    c, r, b = first_column(real, 4), real(4), real(4)
    g = fr.vjp(solve_with_row, c, r, b)[1](np.ones(4))[1]
    assert g[0] == 0
    assert g[1:].all()
    g = fr.vjp(multiply_with_row, c, r, b)[1](np.ones(4))[1]
    assert g[0] == 0


# --- the inverse by FFT ------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [real, cplx])
@pytest.mark.parametrize("n", [5, 40])
def test_many_directions_go_through_the_formula(make, n, monkeypatch):
    recursions = []
    by_recursion = LevinsonFactor._by_recursion
    monkeypatch.setattr(
        LevinsonFactor,
        "_by_recursion",
        lambda self, B, adjoint: (recursions.append(B.shape[1]), by_recursion(self, B, adjoint))[1],
    )
    c, r, b = first_column(make, n), make(n), make(n)
    J = fr.jacobian(lambda b: fr.linalg.solve_toeplitz((c, r), b))(b)
    T = scipy.linalg.toeplitz(c, r)
    np.testing.assert_allclose(J, np.linalg.inv(T), rtol=1e-11, atol=1e-14)
    # The value, the directions with which the engine looks whether the map is complex-linear, and two columns
    # of the inverse for all others.
    assert sum(recursions) == (3 if make is real else 5)


def test_the_formula_is_refined_or_given_up():
    """A small leading minor: the formula alone loses half of the digits, and refinement brings them back."""
    n, k = 6, 30
    c, r = real(n), real(n)
    c[0], r[1] = 1.0, (1 - 1e-8) / c[1]  # the leading minor of order two is 1e-8
    factor = LevinsonFactor(np.concatenate([r[:0:-1], c]))
    T, B = scipy.linalg.toeplitz(c, r), real(n, k)
    X = factor.solve(B, False)
    size = np.abs(T).sum(axis=1).max() * np.abs(X).max() + np.abs(B).max()
    formula = np.abs(T @ factor._formula(B, False) - B).max() / size
    assert formula > 1e-12
    assert np.abs(T @ X - B).max() / size < 1e-14


def test_no_matrix_is_formed():
    n = 2000
    c, b = first_column(real, n), real(n)
    for f in (fr.linalg.solve_toeplitz, fr.linalg.matmul_toeplitz):
        gradient = fr.grad(lambda c, b: np.sum(f(c, b)), argnums=(0, 1))  # noqa: B023  # called in this turn
        gradient(c, b)
        tracemalloc.start()
        gradient(c, b)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 100 * 8 * n  # a matrix would take 8 n²


# --- singular circulant matrices ---------------------------------------------------------------------------


def test_the_shortest_solution_of_a_singular_circulant_system():
    c, b = np.array([1.0, 1.0, 0.0, 0.0]), real(4)
    x = fr.linalg.solve_circulant(c, b, singular="lstsq")
    np.testing.assert_allclose(x, scipy.linalg.solve_circulant(c, b, singular="lstsq"), rtol=1e-13)
    with pytest.raises(np.linalg.LinAlgError, match="singular='lstsq'"):
        fr.linalg.solve_circulant(c, b)
    np.testing.assert_allclose(fr.linalg.solve_circulant(c, b, "lstsq", tol=1e-3), x, rtol=1e-13)

    # Among circulant matrices with the eigenvalue zero for alternating signs: [1 + s, 1, −s, 0] are such.
    def along(s):
        return fr.linalg.solve_circulant(c + s * np.array([1.0, 0.0, -1.0, 0.0]), b, singular="lstsq")

    direction = np.array([1.0, 0.0, -1.0, 0.0])
    derivative = fr.jvp(lambda c: fr.linalg.solve_circulant(c, b, singular="lstsq"), (c,), (direction,))[1]
    h = 1e-6  # central differences: h² and 1e-16/h
    np.testing.assert_allclose(derivative, (along(h) - along(-h)) / (2 * h), atol=1e-8)


# --- bad input ---------------------------------------------------------------------------------------------


def test_bad_input():
    c, b = first_column(real, 4), np.ones(4)
    with pytest.raises(np.linalg.LinAlgError, match="leading principal minor"):
        fr.linalg.solve_toeplitz(np.ones(3), np.ones(3))
    with pytest.raises(np.linalg.LinAlgError, match="slice 1"):
        fr.linalg.solve_toeplitz(np.stack([c, 0 * c]), b)
    with pytest.raises(ValueError, match="same length"):
        fr.linalg.solve_toeplitz((c, c[:3]), np.ones(3))
    for f in (fr.linalg.solve_toeplitz, fr.linalg.matmul_toeplitz):
        with pytest.raises(ValueError, match="incompatible"):
            f(c, np.ones(3))
        with pytest.raises(ValueError, match="infs or NaNs"):
            f(c * np.nan, b, check_finite=True)
        with pytest.raises(ValueError, match="infs or NaNs"):
            f(c, b * np.nan, check_finite=True)
        with pytest.raises(ValueError, match="vector"):
            f(1.0, b)
    assert np.isnan(fr.linalg.matmul_toeplitz(c, b * np.nan)).all()
    with pytest.raises(ValueError, match="incompatible"):
        fr.linalg.solve_circulant(c, np.ones(3))
    with pytest.raises(ValueError, match="'caxis' entry is out of bounds"):
        fr.linalg.solve_circulant(c, b, caxis=2)


def test_empty():
    assert fr.linalg.solve_toeplitz(np.ones(0), np.ones((0, 2))).shape == (0, 2)
    assert fr.linalg.solve_toeplitz(np.ones(2), np.ones((2, 0))).shape == (2, 0)
    assert fr.linalg.matmul_toeplitz((np.ones(3), np.ones(2)), np.ones((2, 0))).shape == (3, 0)
    assert fr.linalg.solve_circulant(np.ones(0), np.ones(0)).shape == (0,)


def test_messages_name_the_argument():
    with pytest.raises(ValueError, match=r"^matmul_toeplitz: incompatible shapes: x must have 3 rows"):
        fr.linalg.matmul_toeplitz(([1.0, 2.0], [1.0, 2.0, 3.0]), np.ones(2))
    with pytest.raises(ValueError, match=r"^solve_toeplitz: incompatible shapes: b must have 2 rows"):
        fr.linalg.solve_toeplitz([1.0, 2.0], np.ones(3))
    with pytest.raises(ValueError, match=r"^matmul_toeplitz: x must not contain"):
        fr.linalg.matmul_toeplitz([1.0, 2.0], [np.nan, 1.0], check_finite=True)
