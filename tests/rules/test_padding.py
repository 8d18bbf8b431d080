import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(0)
v = rng.standard_normal(4)
x = rng.standard_normal((3, 4))
z = x + 1j * rng.standard_normal((3, 4))
single = x.astype(np.float32)
wide = ((1, 9), (0, 7))


def negate_edges(vector, pad_width, axis, kwargs):
    vector[: pad_width[0]] = -vector[pad_width[0]] * kwargs.get("scale", 1.0)
    vector[len(vector) - pad_width[1] :] = vector[0]


CASES = [
    (np.pad, (x, 2)),
    (np.pad, (x, (1, 0))),
    (np.pad, (x, ((1, 2), (0, 3)))),
    (np.pad, (x, ((1,), (2,)))),
    (np.pad, (x, {0: 1, -1: (2, 0)})),
    (np.pad, (x, 0)),
    (np.pad, (single, 1)),
    (np.pad, (z, 1)),
    (np.pad, (np.zeros((0, 2)), 1)),
    (np.pad, (2.0, 1)),
    (np.pad, (x, 1), {"constant_values": ((1, 2), (3, 4))}),
    (lambda a, c: np.pad(a, 1, constant_values=c), (x, 2.5)),
    (lambda a, c: np.pad(a, ((1, 2), (0, 3)), constant_values=((c, 1.0), (c * c, -c))), (x, 2.5)),
    (lambda a, c: np.pad(a, 2, constant_values=c), (x, rng.standard_normal((2, 2)))),
    (lambda a, c: np.pad(a, 2, constant_values=(c, 1.0)), (single, np.float32(2.5))),
    (np.pad, (x, 2, "edge")),
    (np.pad, (z, wide, "edge")),
    (np.pad, (single, 2, "edge")),
    (np.pad, (x, ((2, 1), (0, 3)), "linear_ramp")),
    (np.pad, (z, 2, "linear_ramp"), {"end_values": ((1, 2), (3, 4))}),
    (lambda a, e: np.pad(a, 2, "linear_ramp", end_values=(e, 1.0)), (x, 0.5)),
    (np.pad, (x, 2, "maximum")),
    (np.pad, (x, ((2, 1), (0, 3)), "maximum"), {"stat_length": 2}),
    (np.pad, (x, 1, "minimum"), {"stat_length": ((1, 2), (2, 9))}),
    (np.pad, (x, ((2, 1), (0, 3)), "mean")),
    (np.pad, (z, 1, "mean"), {"stat_length": (2, 1)}),
    (np.pad, (single, 1, "mean")),
    (np.pad, (x, ((2, 1), (0, 3)), "median")),
    (np.pad, (x, 1, "median"), {"stat_length": 3}),
    (np.pad, (x, 2, "reflect")),
    (np.pad, (x, wide, "reflect")),
    (np.pad, (z, wide, "reflect"), {"reflect_type": "odd"}),
    (np.pad, (single, 1, "reflect"), {"reflect_type": "odd"}),
    (np.pad, (v[:1], 2, "reflect")),
    (np.pad, (x, 2, "symmetric")),
    (np.pad, (x, wide, "symmetric")),
    (np.pad, (x, wide, "symmetric"), {"reflect_type": "odd"}),
    (np.pad, (z, ((2, 1), (0, 3)), "wrap")),
    (np.pad, (x, wide, "wrap")),
    (lambda a: np.pad(a, 1, "empty")[1:-1, 1:-1], (x,)),
    (np.pad, (x, ((1, 2), (0, 1)), negate_edges), {"scale": 2.0}),
]


@pytest.mark.parametrize(("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES])
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


LINEAR = [
    ("edge", {}),
    ("wrap", {}),
    ("linear_ramp", {}),
    ("mean", {}),
    ("mean", {"stat_length": 2}),
    ("reflect", {}),
    ("reflect", {"reflect_type": "odd"}),
    ("symmetric", {}),
    ("symmetric", {"reflect_type": "odd"}),
]


@settings(max_examples=150)
@given(st.sampled_from(LINEAR), st.integers(1, 5), st.integers(0, 12), st.integers(0, 12))
def test_linear_modes_are_their_own_derivative(mode, n, before, after):
    name, options = mode

    def pad(a):
        return np.pad(a, (before, after), name, **options)

    matrix = np.stack([pad(e) for e in np.eye(n)], axis=1)  # the images of the unit vectors
    # Entries are small integers or quotients of such: 1e-12 leaves room for the quotients' rounding only.
    np.testing.assert_allclose(fr.jacobian(pad)(rng.standard_normal(n)), matrix, atol=1e-12)
    w = rng.standard_normal(before + n + after)
    np.testing.assert_allclose(fr.vjp(pad, np.ones(n))[1](w)[0], matrix.T @ w, atol=1e-11)


def test_ties_of_the_maximum_share_as_those_of_max():
    a = np.array([1.0, 3.0, 3.0])
    padded = fr.grad(lambda a: np.pad(a, (1, 0), "maximum")[0])(a)
    np.testing.assert_array_equal(padded, fr.grad(np.max)(a))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda a: np.pad(a, -1), ValueError, "negative"),
        (lambda a: np.pad(a, 1.5), TypeError, "integral"),
        (lambda a: np.pad(a, 1, "mirror"), ValueError, "not supported"),
        (lambda a: np.pad(a, 1, "edge", constant_values=1), ValueError, "unsupported keyword"),
        (lambda a: np.pad(a, ((1, 1),) * 3), ValueError, "broadcast"),
        (lambda a: np.pad(a[:0], 1, "edge"), ValueError, "empty axis"),
        (lambda a: np.pad(a, 1, "maximum", stat_length=0), ValueError, "stat_length"),
    ],
)
def test_bad_input_raises_as_in_numpy(call, error, message):
    with pytest.raises(error, match=message):
        call(x)
    with pytest.raises(error, match=message):
        fr.linearize(call, x)


def test_a_traced_constant_around_a_plain_array_raises():
    with pytest.raises(fr.errors.CoercionError, match="traced"):
        fr.grad(lambda c: np.sum(np.pad(v, 1, constant_values=c)))(1.0)
