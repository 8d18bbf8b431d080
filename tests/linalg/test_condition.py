"""Fréchet derivatives in a direction, and condition numbers."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(12)
A = rng.standard_normal((3, 3))
Z = A + 1j * rng.standard_normal((3, 3))
E = rng.standard_normal((3, 3))
STACK = rng.standard_normal((2, 3, 3))


def of_expm(a, e):
    return fr.linalg.frechet_derivative(fr.linalg.expm, a, e)


def of_sinm(a, e):
    return fr.linalg.frechet_derivative(fr.linalg.sinm, a, e)


CASES = [(of_expm, (A, E)), (of_sinm, (A, E)), (of_expm, (Z, E + 1j * A)), (of_expm, (A, STACK))]
CASES_STACKED = [
    (of_expm, (STACK, STACK[::-1].copy())),
    (of_sinm, (STACK, rng.standard_normal((2, 2, 3, 3)))),
]


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


@pytest.mark.parametrize(("a", "e"), [(A, E), (Z, E + 1j * A), (A, E + 1j * A)])
def test_derivative_is_scipys(a, e):
    for got, expected in zip(of_expm(a, e), scipy.linalg.expm_frechet(a, e), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-13 * np.abs(expected).max())  # rounding, condition


def test_several_directions():
    directions = rng.standard_normal((4, 3, 3))
    value, slopes = of_expm(A, directions)
    assert value.shape == (3, 3)
    for e, slope in zip(directions, slopes, strict=True):
        np.testing.assert_allclose(slope, of_expm(A, e)[1], rtol=1e-12)  # the same sums in another order


def test_bad_directions():
    with pytest.raises(ValueError, match="its last axes must be A's"):
        of_expm(A, np.ones((2, 2)))
    with pytest.raises(ValueError, match="square"):
        of_expm(np.ones((2, 3)), np.ones((2, 3)))


# --- condition numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 3, 8, 9, 14])  # written out, and by iteration
@pytest.mark.parametrize("complex", [False, True])
def test_expm_cond_is_scipys(n, complex):
    draw = np.random.default_rng(n)
    x = draw.standard_normal((n, n)) + (1j * draw.standard_normal((n, n)) if complex else 0)
    # SciPy's comes from a singular value decomposition: rounding; the iteration stops at half the digits of
    # the vector, so at all of the value.
    assert fr.linalg.expm_cond(x) == pytest.approx(scipy.linalg.expm_cond(x), rel=1e-11)


def test_condition_of_the_inverse():
    x = np.diag([1.0, 0.5, 1e-3]) + np.triu(rng.standard_normal((3, 3)), 1)
    inverse = np.linalg.inv(x)
    # ‖A⁻¹ ⊗ A⁻ᵀ‖ = ‖A⁻¹‖²
    expected = np.linalg.norm(inverse, 2) ** 2 * np.linalg.norm(x) / np.linalg.norm(inverse)
    assert fr.linalg.funm_cond(np.linalg.inv, x) == pytest.approx(expected, rel=1e-12)


def test_functions_of_one_kind_agree():
    assert fr.linalg.funm_cond(lambda x: fr.linalg.funm(x, np.sin), A) == pytest.approx(
        fr.linalg.funm_cond(fr.linalg.sinm, A), rel=1e-12
    )


@given(n=st.integers(1, 5), seed=st.integers(0, 99))
@settings(max_examples=10)
def test_no_direction_does_more(n, seed):
    draw = np.random.default_rng(seed)
    x, e = draw.standard_normal((2, n, n))
    F, L = of_expm(x, e)
    ratio = np.linalg.norm(L) * np.linalg.norm(x) / (np.linalg.norm(F) * np.linalg.norm(e))
    assert ratio <= fr.linalg.expm_cond(x) * (1 + 1e-12)


def test_stacks_and_empty_matrices():
    each = [fr.linalg.expm_cond(x) for x in STACK]
    np.testing.assert_array_equal(fr.linalg.expm_cond(STACK), each)
    assert fr.linalg.expm_cond(np.zeros((0, 0))) == 0.0


def test_condition_numbers_refuse():
    with pytest.raises(
        fr.NotDifferentiableError, match=r"expm_cond is not differentiated.*fr\.stop_gradient"
    ):
        fr.grad(fr.linalg.expm_cond)(A)
    with pytest.raises(ValueError, match="square"):
        fr.linalg.expm_cond(np.ones((2, 3)))
    with pytest.raises(ValueError, match="infs or NaNs"):
        fr.linalg.expm_cond([[np.nan]])
    with pytest.raises(ValueError, match="returned shape"):
        fr.linalg.funm_cond(lambda x: x[:1], A)


@pytest.mark.parametrize("n", [8, 9])
def test_real_matrices_with_complex_functions_take_real_directions(n):
    # Written out (n = 8) and by iteration alike: the norm of the map from the real to two real matrices.
    x = np.diag(np.linspace(1, 2, n)) + 3 * np.eye(n, k=1)
    x[0, 0] = -1.0
    value, L = fr.linearize(fr.linalg.logm, x)
    columns = L.to_dense().reshape(n * n, n * n)
    expected = np.linalg.norm(np.concatenate([columns.real, columns.imag]), 2)
    expected *= np.linalg.norm(x) / np.linalg.norm(value)
    assert fr.linalg.funm_cond(fr.linalg.logm, x) == pytest.approx(expected, rel=1e-7)  # of the iteration


def test_condition_numbers_of_very_small_and_large_matrices():
    for scale in (2.0**-600, 1.0, 2.0**600):
        assert fr.linalg.funm_cond(fr.linalg.sqrtm, scale * np.diag([1.0, 0.25])) == pytest.approx(
            np.sqrt(1 + 1 / 16) / np.sqrt(1.25), rel=1e-12
        )
