import numpy as np
import pytest
from numpy.lib import recfunctions

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(0)
v = rng.standard_normal(4)
x = rng.standard_normal((2, 3))
z = x + 1j * rng.standard_normal((2, 3))
positive = np.abs(x) + 0.5
single = x.astype(np.float32)


def written(target, value):
    target[:] = value
    return target


CASES = [
    (np.copy, (x,)),
    (np.copy, (z,)),
    (np.copy, (2.0,)),
    (np.copy, (x[:0],)),
    (np.astype, (x, np.float64)),
    (np.astype, (x, complex)),
    (np.astype, (single, np.float64)),
    (np.astype, (x[0], np.float64), {"copy": False}),
    (lambda a: a.astype(np.float32).astype(np.float64), (single,)),
    (lambda a: a.astype(np.complex64), (single,)),
    (np.full_like, (x, 2.0)),
    (np.full_like, (x, v[:3])),
    (np.full_like, (single, 2.0)),
    (np.full_like, (z, 2.0)),
    (lambda a, s: np.full_like(a, s, shape=(2, 2)) * np.sum(a), (x, 1.5)),
    (lambda a: np.full_like(a, 3) * a, (x,)),
    (lambda a: np.ones_like(a) * a, (x,)),
    (lambda a: written(np.empty_like(a), a), (x,)),
    (lambda a: written(np.zeros((2, 3), like=a), a * a), (z.real,)),
    (np.linspace, (1.0, 2.5, 4)),
    (np.linspace, (1.0, 2.5, 4, False)),
    (np.linspace, (1.0, 2.5, 1)),
    (np.linspace, (1.0, 2.5, 0)),
    (np.linspace, (x, v[:3], 5)),
    (np.linspace, (x, 2.0, 3), {"axis": -1}),
    (np.linspace, (x, z, 3), {"axis": 1}),
    (np.linspace, (x, 1.0, 3, True, True)),
    (np.linspace, (1.0, v, 3), {"retstep": True, "endpoint": False, "axis": 1}),
    (np.linspace, (single, single, 3)),
    (np.geomspace, (1.5, 40.0, 4)),
    (np.geomspace, (-1.5, -40.0, 4)),
    (np.geomspace, (1.5, 40.0, 4), {"endpoint": False}),
    (np.geomspace, (positive, positive[0], 3), {"axis": -1}),
    (np.geomspace, (1 + 1j, 2 - 3j, 4)),
    (np.geomspace, (1.5, 40.0, 1)),
    (np.logspace, (0.1, 1.5, 4)),
    (np.logspace, (0.1, 1.5, 4, False, 2.5)),
    (np.logspace, (x, 1.0, 3), {"axis": -1}),
    (np.logspace, (0.5, 1.5, 3, True, positive[0])),
    (np.logspace, (x.astype(np.float32), np.float32(1.5), 3)),
    (lambda a, b: np.logspace(a, a + 1, 3, base=b, axis=-1), (x, positive)),
    (np.vander, (v,)),
    (np.vander, (v, 3), {"increasing": True}),
    (np.vander, (np.append(v, 0.0), 6)),
    (np.vander, (z[0], 4)),
    (np.vander, (v, 1)),
    (np.vander, (v, 0)),
]


@pytest.mark.parametrize(("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES])
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


def test_a_cast_to_lower_precision_keeps_the_space():
    value, gradient = fr.value_and_grad(lambda a: np.sum(a.astype(np.float32) ** 2))(x)
    assert value.dtype == np.float32
    assert gradient.dtype == np.float64
    np.testing.assert_array_equal(gradient, 2 * single.astype(float))  # exact: twice a float32


def test_a_cast_to_integers_is_constant():
    value, gradient = fr.value_and_grad(lambda a: np.sum(a.astype(int)) + a[0])(v)
    assert value == np.sum(v.astype(int)) + v[0]
    np.testing.assert_array_equal(gradient, [1, 0, 0, 0])


def test_a_cast_from_complex_to_real_keeps_the_real_part():
    with pytest.warns(np.exceptions.ComplexWarning):
        gradient = fr.grad(lambda a: np.sum(np.astype(a, float) ** 2))(z)
    np.testing.assert_array_equal(gradient, 2 * z.real + 0j)


def test_a_cast_to_objects_raises():
    with pytest.raises(fr.errors.NotDifferentiableError, match="object"):
        fr.grad(lambda a: a.astype(object)[0])(v)


@pytest.mark.parametrize("dtype", [int, np.int16])
def test_grids_of_integers_are_constant(dtype):
    for grid in (np.linspace, np.geomspace, np.logspace):
        gradient = fr.grad(lambda a: np.sum(grid(a, 5.0, 3, dtype=dtype)) + a)(1.0)  # noqa: B023  # called at once
        assert gradient == 1.0


def test_geomspace_with_zero_raises_as_in_numpy():
    with pytest.raises(ValueError, match="zero"):
        fr.grad(lambda a: np.sum(np.geomspace(a, 1.0, 3)))(0.0)


def test_full_like_of_plain_and_traced_values():
    assert fr.grad(lambda s: np.sum(np.full_like(s * v, s)))(2.0) == 4.0
    assert np.all(fr.grad(lambda a: np.sum(np.full_like(a, 7.0) * a))(v) == 7.0)
    # across levels: the array is the outer one's, the value the inner one's
    mixed = fr.grad(lambda a: fr.grad(lambda s: np.sum(np.full_like(a, s) * a * s))(3.0))(v)
    np.testing.assert_allclose(mixed, 6.0)  # d/da d/ds Σ s² a
    np.testing.assert_array_equal(fr.linearize(lambda a: np.full_like(a, -0.0), v)[0], np.full(4, -0.0))
    assert np.signbit(fr.linearize(lambda s: np.full_like(s * v, s), -0.0)[0]).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: np.full(3, s), r"fr.array|plain array"),
        (np.arange, r"integers|traced"),
        (lambda s: np.array([s, s]), "fr.array"),
        (lambda s: np.asarray([s, s], like=s), "fr.array"),
        (lambda s: np.save("never-written.npy", s), "stop_gradient"),
        (lambda s: np.savetxt("never-written.txt", [s] if not hasattr(s, "tape") else s), "stop_gradient"),
        (recfunctions.structured_to_unstructured, "structured"),
    ],
)
def test_what_would_lose_the_derivative_raises(call, message):
    with pytest.raises(fr.errors.FrechetError, match=message):
        fr.grad(lambda s: call(s) or s)(2.0)


def test_metadata_comparisons_and_text_are_plain():
    calls = {
        "shape": (np.shape, (2, 3)),
        "ndim": (np.ndim, 2),
        "size": (np.size, 6),
        "result_type": (lambda a: np.result_type(a, np.float32), np.dtype(float)),
        "common_type": (np.common_type, np.float64),
        "min_scalar_type": (np.min_scalar_type, np.dtype(float)),
        "can_cast": (lambda a: np.can_cast(a.dtype, "f4"), False),
        "iscomplexobj": (np.iscomplexobj, False),
        "isrealobj": (np.isrealobj, True),
        "shares_memory": (lambda a: np.shares_memory(a, x), False),
        "allclose": (lambda a: np.allclose(a, x), True),
        "isclose": (lambda a: np.isclose(a, x), np.ones((2, 3), bool)),
        "array_equal": (lambda a: np.array_equal(a, x), True),
        "array2string": (np.array2string, np.array2string(x)),
        "array_repr": (np.array_repr, np.array_repr(x)),
        "array_str": (np.array_str, np.array_str(x)),
        "nonzero": (np.nonzero, np.nonzero(x)),
        "argwhere": (lambda a: np.argwhere(a > 0), np.argwhere(x > 0)),
        "flatnonzero": (np.flatnonzero, np.arange(6)),
        "tril_indices_from": (np.tril_indices_from, np.tril_indices_from(x)),
        "isfinite": (np.isfinite, np.ones((2, 3), bool)),
        "less": (lambda a: np.less(a, 0.0), x < 0),
        "logical_and": (lambda a: np.logical_and(a > 0, a), x > 0),
        "any": (np.any, True),
        "all": (np.all, True),
        "argsort": (np.argsort, np.argsort(x)),
        "argmax": (np.argmax, np.argmax(x)),
        "isreal": (np.isreal, np.ones((2, 3), bool)),
        "iscomplex": (np.iscomplex, np.zeros((2, 3), bool)),
    }
    seen = {}

    def f(a):
        for name, (call, _) in calls.items():
            seen[name] = call(a)
        return np.sum(a)

    fr.grad(f)(x.copy())
    for name, (_, expected) in calls.items():
        if isinstance(expected, (np.ndarray, tuple)):
            np.testing.assert_array_equal(seen[name], expected, err_msg=name)
        else:
            assert seen[name] == expected, name
