"""Elementwise functions: all are classified and checked; edges, ties, branch cuts have documented values."""

from __future__ import annotations

import hypothesis
import hypothesis.extra.numpy as hnp
import mpmath
import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.testing.overrides import get_overridable_numpy_ufuncs

import frechet as fr
from frechet.rule import load_chapters, table
from frechet.testing import check_rule

X = np.array([0.3, 1.2, 2.7])
UNIT = np.array([-0.7, 0.2, 0.5])
Z = np.array([0.4 + 0.3j, -1.5 - 0.7j])
A, B = np.array([[0.3], [2.0], [-0.7]]), np.array([1.1, -0.9])
clip = np._core.umath.clip

UNARY = [
    *((f, X) for f in (
        np.negative, np.positive, np.square, np.reciprocal, np.sqrt, np.cbrt, np.exp, np.exp2, np.expm1,
        np.log,
        np.log2, np.log10, np.log1p, np.sin, np.cos, np.tan, np.sinh, np.cosh, np.tanh, np.arctan, np.arcsinh,
        np.deg2rad, np.radians, np.rad2deg, np.degrees, np.absolute, np.fabs, np.conjugate, np.modf,
        np.frexp, np.sinc,
        np.i0,
    )),
    *((f, -X) for f in (np.square, np.reciprocal, np.cbrt, np.absolute, np.fabs, np.modf, np.frexp, np.sinc,
    np.i0)),
    *((f, UNIT) for f in (np.arcsin, np.arccos, np.arctanh, np.sinc)),
    (np.arccosh, X + 1),
    *((f, Z) for f in (
        np.negative, np.positive, np.square, np.reciprocal, np.sqrt, np.exp, np.exp2, np.expm1, np.log,
        np.log2,
        np.log10, np.log1p, np.sin, np.cos, np.tan, np.sinh, np.cosh, np.tanh, np.arctan, np.arcsinh,
        np.arcsin,
        np.arccos, np.arctanh, np.arccosh, np.absolute, np.conjugate, np.sign, np.sinc,
    )),
]  # fmt: skip
BINARY = [
    *((f, A, B) for f in (
        np.add, np.subtract, np.multiply, np.true_divide, np.hypot, np.arctan2, np.logaddexp, np.logaddexp2,
        np.maximum,
        np.minimum, np.fmax, np.fmin, np.remainder, np.fmod, np.copysign, np.divmod, np.heaviside,
        np.nextafter,
    )),
    *((f, X, A + 1) for f in (np.power, np.float_power)),
    *((f, Z, B[0] * Z[:, None]) for f in (np.add, np.subtract, np.multiply, np.true_divide, np.power,
    np.float_power)),
    (np.power, Z, 3), (np.power, X, np.array([0, 2, -1])), (np.power, -X, np.array([0, 3, -1])),
    (np.power, 2, X),
    (np.ldexp, A, np.array([3, -2])),
]  # fmt: skip
TURNS = np.array([0.0, 3.0, -3.0, 0.2])
WIDE = np.array([-2.0, 0.3, 5.0])
CASES = [
    *((f, (x,)) for f, x in UNARY),
    *((f, tuple(args)) for f, *args in BINARY),
    (np.nan_to_num, (X,)), (np.nan_to_num, (Z,)),
    (np.power, (-X, A + 1), {"dtype": complex}), (np.power, (-X, 2), {"dtype": complex}),
    (lambda x: np.sinc(x=x) + np.i0(x=x), (X,)), (np.sinc, (X.astype(np.float16),)),
    (np.sqrt, (-X,), {"dtype": complex}), (np.arcsin, (3 * X,), {"dtype": complex}),
    (np.multiply, (X, [1, 2, 3]), {"dtype": np.float32, "casting": "unsafe", "tolerance": 1e-2}),
    (np.unwrap, (TURNS,)), (np.unwrap, (TURNS[:, None] * np.ones(2),), {"period": 5, "axis": 0}),
    (clip, (WIDE, np.array([[-1.0], [0.5]]), 2.0)), (np.clip, (WIDE, -1.0, np.array([1.0, 2.0, 3.0]))),
    (np.clip, (WIDE, None, 1.0)), (np.clip, (WIDE, 0.0, None)), (np.clip, (WIDE,), {"min": 0.0, "max": 1}),
    (np.clip, (WIDE,)), (lambda x: x.clip(0.0, 1.0), (WIDE,)), (np.clip, (WIDE.astype(np.float32), 0, 1)),
]  # fmt: skip


def name(value):
    return getattr(value, "__name__", None)


def test_every_ufunc_is_classified():
    load_chapters()
    assert [f.__name__ for f in get_overridable_numpy_ufuncs() if f not in table] == []


@pytest.mark.parametrize(("f", "args", "kwargs"), [(*case, {})[:3] for case in CASES], ids=name)
def test_rule(f, args, kwargs):
    check_rule(f, *args, **kwargs)


SHAPES = [0.7, np.float64(0.7), np.array(0.7), np.float32(0.7), np.array([[0.7]]), np.zeros((2, 0))]
FORMULAS = [np.sin, np.abs, np.tanh, lambda x: x**2.5, lambda x: np.maximum(x, -9.0), lambda x: x / 3]


@pytest.mark.parametrize("x", SHAPES)
@pytest.mark.parametrize("f", FORMULAS)
def test_scalars_and_shapes(f, x):
    check_rule(f, x)


@hypothesis.given(
    hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3, min_side=0),
    st.sampled_from([np.float32, np.float64, np.complex64, np.complex128]),
    st.sampled_from([np.float32, np.float64, np.complex64, np.complex128]),
    st.sampled_from([np.multiply, np.true_divide, np.subtract, np.power]),
)
def test_gradients_have_the_shape_and_dtype_of_their_argument(shapes, first, second, f):
    a, b = np.full(shapes.input_shapes[0], 1.5, first), np.full(shapes.input_shapes[1], 0.5, second)
    value, pullback = fr.vjp(f, a, b)
    for x, g in zip((a, b), pullback(np.ones_like(value)), strict=True):
        assert g.shape == x.shape
        assert g.dtype == x.dtype


# --- powers ---------------------------------------------------------------------------------------

INF, NAN = np.inf, np.nan
POWERS = [
    (0.0, 0, 0.0), (0.0, 1, 1.0), (0.0, 2, 0.0), (0.0, 3, 0.0), (0.0, 0.0, 0.0), (0.0, 1.5, 0.0),
    (0.0, 2.0, 0.0),
    (-2.0, 0, 0.0), (-2.0, 2, -4.0), (-2.0, 3, 12.0), (-2.0, -1, -0.25), (-2.0, -2, 0.25), (-2.0, 3.0, 12.0),
    (4.0, 0.5, 0.25), (4.0, -0.5, -0.0625), (4.0, 1.5, 3.0), (3.0, np.int8(2), 6.0), (3.0, np.uint8(3), 27.0),
    (3.0, np.uint8(0), 0.0), (INF, 0, 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("x", "p", "expected"), POWERS)
def test_powers_of_numbers_and_arrays(x, p, expected):
    assert fr.grad(lambda x: x**p)(x) == expected
    assert fr.grad(lambda x: np.power(x, p))(x) == expected
    assert fr.grad(lambda x: np.sum(x**p))(np.full(2, x)).tolist() == [expected] * 2
    assert fr.grad(lambda x: np.sum(np.power(x, np.array([p, p]))))(np.full(2, x)).tolist() == [expected] * 2


def test_powers_of_any_order():
    third = fr.grad(fr.grad(fr.grad(lambda x: x**3)))
    assert third(2.0) == 6.0
    assert third(0.0) == 6.0
    assert fr.grad(third)(0.0) == 0.0
    assert fr.grad(fr.grad(lambda x: x**-2))(2.0) == pytest.approx(6 / 16)
    mixed = fr.grad(lambda x: fr.grad(lambda p: x**p)(2.0))(3.0)
    assert mixed == pytest.approx(3.0 * (1 + 2 * np.log(3.0)))  # ∂/∂x of x² log x


@pytest.mark.parametrize(("base", "p", "expected"), [
    (0.0, 1.0, 0.0), (0.0, 0.0, 0.0), (0.0, 2.5, 0.0), (2.0, 0.0, np.log(2.0)), (1.0, 5.0, 0.0),
    (2, 3.0, 8 * np.log(2.0)),
])  # fmt: skip
def test_exponents(base, p, expected):
    assert fr.grad(lambda p: base**p)(p) == pytest.approx(expected)
    assert fr.grad(lambda p: np.power(base, p))(p) == pytest.approx(expected)
    assert fr.grad(lambda p: np.sum(base**p))(np.full(2, p)) == pytest.approx(np.full(2, expected))


def test_infinite_and_undefined_derivatives_warn_as_numpy_does():
    for f in (np.sqrt, np.log, lambda x: x**0.5, np.cbrt, lambda x: np.power(x, 0.3)):
        with pytest.warns(RuntimeWarning, match="divide by zero"):
            assert fr.grad(f)(0.0) == INF
        with pytest.warns(RuntimeWarning, match="divide by zero"):
            assert fr.grad(lambda x, f=f: np.sum(f(x)))(np.zeros(1)) == INF
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert fr.grad(lambda x: 1 / x.sum())(np.zeros(1)) == -INF
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert np.isnan(fr.grad(lambda p: np.power(-2.0, p))(2.0))
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert np.isnan(fr.grad(lambda y: np.arctan2(y, 0.0))(0.0))


# --- edges ----------------------------------------------------------------------------------------

EDGES = [
    (np.abs, 0.0, 0.0), (np.fabs, 0.0, 0.0), (lambda x: np.hypot(x, 0.0), 0.0, 0.0), (np.sinc, 0.0, 0.0),
    (lambda x: np.copysign(x, -1.0), 2.0, -1.0), (lambda x: np.copysign(x, -0.0), -2.0, 1.0),
    (np.sign, 2.0, 0.0),
    (lambda x: np.logaddexp(x, 1e4), -1e4, 0.0), (lambda x: np.logaddexp(x, -np.inf), 2.0, 1.0),
    (lambda x: np.logaddexp(x, -np.inf), -np.inf, 0.5), (lambda x: np.logaddexp2(x, -np.inf), -np.inf, 0.5),
    (lambda x: np.logaddexp(x, 3.0), np.inf, 1.0), (lambda x: np.logaddexp(3.0, x), -np.inf, 0.0),
    (lambda x: np.logaddexp(np.inf, x), 3.0, 0.0), (lambda x: np.arctan2(x, 1e-200), 0.0, 1e200),
    (np.tanh, 800.0, 0.0),
    (lambda x: np.arctan2(1e200, x), 1e200, -5e-201), (lambda x: np.floor(x) + np.rint(x), 1.3, 0.0),
    (lambda x: x % 3.0, 7.5, 1.0), (lambda m: -7.5 % m, 2.0, 4.0), (lambda m: np.fmod(-7.5, m), 2.0, 3.0),
    (lambda x: divmod(x, 2.0)[1], 7.5, 1.0), (lambda x: x // 2.0, 7.5, 0.0),
    (lambda h: np.heaviside(0.0, h), 0.5, 1.0),
    (lambda h: np.heaviside(1.0, h), 0.5, 0.0), (lambda x: np.heaviside(x, 0.5), 0.0, 0.0),
    (np.spacing, 1.0, 0.0),
    (lambda x: np.round(x, 1), 0.36, 0.0), (lambda x: np.frexp(x)[0], 6.0, 0.125),
    (lambda x: np.modf(x)[1], 6.5, 0.0),
    (np.nan_to_num, np.nan, 0.0), (np.nan_to_num, 2.0, 1.0), (np.fix, 1.5, 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("f", "x", "expected"), EDGES)
def test_edges(f, x, expected):
    assert fr.grad(f)(x) == pytest.approx(expected, rel=1e-12, abs=0)
    assert fr.jvp(f, (x,), (1.0,))[1] == pytest.approx(expected, rel=1e-12, abs=0)


TIES = [
    (np.maximum, 1.0, 2.0, (0, 1)), (np.maximum, 1.0, 1.0, (0.5, 0.5)), (np.maximum, NAN, 1.0, (1, 0)),
    (np.maximum, 1.0, NAN, (0, 1)), (np.maximum, NAN, NAN, (1, 0)), (np.minimum, 1.0, 2.0, (1, 0)),
    (np.minimum, 1.0, 1.0, (0.5, 0.5)), (np.minimum, 1.0, NAN, (0, 1)), (np.fmax, 1.0, 2.0, (0, 1)),
    (np.fmax, 1.0, 1.0, (0.5, 0.5)), (np.fmax, NAN, 1.0, (0, 1)), (np.fmax, 1.0, NAN, (1, 0)),
    (np.fmax, NAN, NAN, (1, 0)),
    (np.fmin, NAN, 1.0, (0, 1)), (np.fmin, 1.0, 2.0, (1, 0)), (np.maximum, INF, INF, (0.5, 0.5)),
]  # fmt: skip


@pytest.mark.parametrize(("f", "a", "b", "expected"), TIES)
def test_ties_and_nan(f, a, b, expected):
    assert fr.grad(f, argnums=(0, 1))(a, b) == expected
    value, pullback = fr.vjp(f, np.full(2, a, np.float32), np.full(2, b, np.float32))
    assert [g.tolist() for g in pullback(np.ones_like(value))] == [[e, e] for e in expected]


CLIPS = [
    ((0.5, 0.0, 1.0), (1, 0, 0)), ((-1.0, 0.0, 1.0), (0, 1, 0)), ((2.0, 0.0, 1.0), (0, 0, 1)),
    ((0.0, 0.0, 1.0), (0.5, 0.5, 0)), ((1.0, 0.0, 1.0), (0.5, 0, 0.5)), ((0.5, 2.0, 1.0), (0, 0, 1)),
    ((1.0, 1.0, 1.0), (0.25, 0.25, 0.5)),
]  # fmt: skip


@pytest.mark.parametrize(("args", "expected"), CLIPS)
def test_clip_at_its_bounds(args, expected):
    assert fr.grad(np.clip, argnums=(0, 1, 2))(*args) == expected
    assert fr.grad(lambda a, lo, hi: np.minimum(np.maximum(a, lo), hi), argnums=(0, 1, 2))(*args) == expected


def test_clip_refuses_what_numpy_refuses():
    with pytest.raises(TypeError, match="a_max"):
        fr.grad(lambda x: np.clip(x, 0.0))(1.0)
    with pytest.raises(ValueError, match="forbidden"):
        fr.grad(lambda x: np.clip(x, 0.0, 1.0, max=2.0))(1.0)


# --- functions that are not ufuncs ----------------------------------------------------------------


def test_nan_to_num():
    x = np.array([1.0, NAN, INF, -INF])
    assert (
        fr.jacobian(lambda x: np.nan_to_num(x, nan=5.0, posinf=2.0))(x).tolist()
        == np.diag([1.0, 0, 0, 0]).tolist()
    )
    z = np.array([complex(NAN, 2.0), 1 + 1j])
    value, pullback = fr.vjp(np.nan_to_num, z)
    assert value.tolist() == [2j, 1 + 1j]
    assert pullback(np.array([1 + 1j, 1 + 1j]))[0].tolist() == [1j, 1 + 1j]
    with pytest.raises(TypeError, match="copy=False"):
        fr.grad(lambda x: np.nan_to_num(x, copy=False)[0])(x)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("x", [0.0, 1e-9, 0.4, 0.95, 1.3, 2.5, 40.2])
def test_sinc_of_any_order(x, order):
    f = np.sinc
    for _ in range(order):
        f = fr.grad(f)
    with mpmath.workdps(30):
        at_zero = (0.0, 0.0, -(np.pi**2) / 3, 0.0, np.pi**4 / 5)
        expected = float(mpmath.diff(mpmath.sincpi, mpmath.mpf(x), order)) if x else at_zero[order]
    assert f(x) == pytest.approx(expected, rel=1e-12, abs=1e-13 * np.pi**order)


# --- branch cuts: the derivative belongs to the side that NumPy takes -----------------------------

CUTS = [
    (np.sqrt, -4.0, "real"), (np.log, -4.0, "real"), (np.log1p, -4.0, "real"), (np.arcsin, 2.0, "real"),
    (np.arcsin, -2.0, "real"),
    (np.arccos, 2.0, "real"), (np.arccos, -2.0, "real"), (np.arctanh, 2.0, "real"),
    (np.arctanh, -2.0, "real"),
    (np.arccosh, -2.0, "real"), (np.arccosh, 0.5, "real"), (np.arcsinh, 2.0, "imag"),
    (np.arcsinh, -2.0, "imag"),
    (np.arctan, 2.0, "imag"), (np.arctan, -2.0, "imag"), (lambda z: z**0.3, -4.0, "real"),
]  # fmt: skip


@pytest.mark.parametrize("zero", [0.0, -0.0])
@pytest.mark.parametrize(("f", "at", "axis"), CUTS)
def test_branch_cuts(f, at, axis, zero):
    z = np.array([complex(at, zero) if axis == "real" else complex(zero, at)])
    along = np.array([1.0 + 0j if axis == "real" else 1j])
    h = 1e-5 * along
    # Differences along the cut, with NumPy's signed zero kept: both points are on the same side.
    step = np.array([complex(at + 1e-5, zero) if axis == "real" else complex(zero, at + 1e-5)])
    back = np.array([complex(at - 1e-5, zero) if axis == "real" else complex(zero, at - 1e-5)])
    expected = (f(step) - f(back)) / (2 * h) * along
    # central differences of step 1e-5: truncation 1e-10, rounding 1e-11
    np.testing.assert_allclose(fr.jvp(f, (z,), (along,))[1], expected, rtol=1e-8)


def test_inverse_functions_near_their_branch_points():
    for f, reference in ((np.arcsin, mpmath.asin), (np.arccos, mpmath.acos), (np.arctanh, mpmath.atanh)):
        x = 1 - 1e-12
        with mpmath.workdps(40):
            expected = float(mpmath.diff(reference, mpmath.mpf(x), h=mpmath.mpf("1e-18")))
        assert fr.grad(f)(x) == pytest.approx(expected, rel=1e-10)


def test_out_where_and_dtype():
    def masked(x):
        y = np.zeros(3, like=x)
        np.log(x, out=y, where=x > 1)
        return y

    check_rule(masked, np.array([0.5, 2.0, 3.0]))
    check_rule(lambda x: np.multiply(x, 2.0, dtype=np.float64), X)
    check_rule(lambda x: np.maximum(x, [1.0, 2.0, 0.5]), X)
    check_rule(lambda x: np.power([1.0, 2.0, 0.5], x), X)
