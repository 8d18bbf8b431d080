"""Plan: the transforms of its points, as often as wanted, from any thread, and differentiable."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import frechet as fr
from frechet import nufft
from frechet.nufft import _place, _type3
from frechet.nufft._fourier import Counter
from tests.nufft.direct_sums import Direct, direct3, norm

N_MODES = (6, 7, 8)  # all different: an axis in the wrong place is an error of shape
M, K = 40, 25
EPS = 1e-11
OF_TYPE_3 = 3  # two kernels, whose errors do not average out over few values: twice the tolerance was seen


def coordinates(d, count=M, seed=0):
    return list(np.random.default_rng(seed).uniform(-4, 4, (d, count)))


def complex_normal(*shape, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def close(result, expected, eps=EPS):
    return np.shape(result) == np.shape(expected) and norm(result - expected) <= eps * norm(expected)


def same(a, b):
    """Equal but for rounding: threads add what they spread in an order of their own."""
    return close(a, np.asarray(b), 1e-13)


def plan_of(kind, d, **arguments):
    """A plan with points, those points (M, d), targets (K, d) or None, and the shape of the other side."""
    plan = nufft.Plan(kind, d if kind == 3 else N_MODES[:d], eps=EPS, **arguments)
    x, s = coordinates(d), coordinates(d, K, seed=2)
    if kind == 3:
        plan.setpts(**dict(zip("xyz", x, strict=False)), **dict(zip("stu", s, strict=False)))
        return plan, np.stack(x, -1), np.stack(s, -1), (K,)
    plan.setpts(*x)
    return plan, np.stack(x, -1), None, N_MODES[:d]


kinds = pytest.mark.parametrize("kind", [1, 2, 3])
dimensions = pytest.mark.parametrize("d", [1, 2, 3])


@kinds
@dimensions
@pytest.mark.parametrize("isign", [None, 1, -1])
@pytest.mark.parametrize("modeord", [0, 1])
def test_executions_are_the_sums(kind, d, isign, modeord):
    plan, x, s, other = plan_of(kind, d, isign=isign, modeord=modeord)
    sign = isign or (-1 if kind == 2 else 1)
    values, elsewhere = complex_normal(M), complex_normal(*other)
    if kind == 3:
        assert close(plan.execute(values), direct3(x, values, s, sign)[0], OF_TYPE_3 * EPS)
        assert close(plan.execute_adjoint(elsewhere), direct3(s, elsewhere, x, -sign)[0], OF_TYPE_3 * EPS)
        return
    to_modes, to_points = (
        (plan.execute, plan.execute_adjoint) if kind == 1 else (plan.execute_adjoint, plan.execute)
    )
    to_modes_sign = sign if kind == 1 else -sign
    assert close(to_modes(values), Direct(x, other, to_modes_sign, modeord).from_points(values))
    assert close(to_points(elsewhere), Direct(x, other, -to_modes_sign, modeord).at_points(elsewhere))


@kinds
@dimensions
def test_the_adjoint_is_the_adjoint(kind, d):
    """To rounding, not only to the tolerance: it is the transpose of the same steps."""
    plan, _, _, other = plan_of(kind, d)
    values, elsewhere = complex_normal(M), complex_normal(*other)
    a, b = (elsewhere, values) if kind == 2 else (values, elsewhere)
    assert np.isclose(np.vdot(b, plan.execute(a)), np.vdot(plan.execute_adjoint(b), a), rtol=1e-11)


@kinds
@dimensions
def test_stacked_transforms(kind, d):
    one, _, _, other = plan_of(kind, d)
    three, _, _, _ = plan_of(kind, d, n_trans=3)
    values, elsewhere = complex_normal(3, M), complex_normal(3, *other)
    a, b = (elsewhere, values) if kind == 2 else (values, elsewhere)
    assert same(three.execute(a), [one.execute(v) for v in a])
    assert same(three.execute_adjoint(b), [one.execute_adjoint(v) for v in b])
    assert one.execute(a[:1]).shape == (1, *b.shape[1:])  # an axis of length 1 may stand in front of one


@kinds
def test_out_is_written_and_returned(kind):
    plan, _, _, other = plan_of(kind, 2)
    values, elsewhere = complex_normal(M), complex_normal(*other)
    a, b = (elsewhere, values) if kind == 2 else (values, elsewhere)
    for run, data in ((plan.execute, a), (plan.execute_adjoint, b)):
        expected = run(data)
        out = np.full_like(expected, np.nan)
        assert run(data, out) is out
        assert same(out, expected)


def test_out_may_be_the_data():
    plan = nufft.Plan(1, M, eps=EPS)
    plan.setpts(*coordinates(1))
    data = complex_normal(M)
    expected = plan.execute(data)
    assert plan.execute(data, out=data) is data
    assert same(data, expected)


# --- what is kept -------------------------------------------------------------------------------------------


@kinds
def test_points_are_sorted_once(kind, monkeypatch):
    made = []

    class Counted(_place.SortedPoints):
        def __init__(self, *args):
            made.append(args)
            super().__init__(*args)

    monkeypatch.setattr(_place, "SortedPoints", Counted)
    monkeypatch.setattr(_type3, "SortedPoints", Counted)
    plan, _, _, other = plan_of(kind, 2)
    count = len(made)
    assert count == (2 if kind == 3 else 1)  # type 3 has points and targets
    data = complex_normal(*other) if kind == 2 else complex_normal(M)
    first = plan.execute(data)
    for _ in range(3):
        assert same(plan.execute(data), first)
        plan.execute_adjoint(first)
    assert len(made) == count


def test_new_points_replace_the_old_ones():
    plan = nufft.Plan(1, 9, eps=EPS)
    for count, seed in ((M, 0), (3, 1), (M, 2), (0, 3)):
        (x,), c = coordinates(1, count, seed), complex_normal(count)
        plan.setpts(x)
        assert close(plan.execute(c), Direct(x, 9, 1).from_points(c))


def test_a_refused_point_leaves_the_old_ones():
    plan = nufft.Plan(1, 9, eps=EPS)
    (x,), c = coordinates(1), complex_normal(M)
    plan.setpts(x)
    expected = plan.execute(c)
    with pytest.raises(ValueError, match="point 1 is not finite"):
        plan.setpts(np.array([0.0, np.nan]))
    assert same(plan.execute(c), expected)


def test_a_change_of_the_array_of_points_does_not_change_the_plan():
    plan = nufft.Plan(1, 9, eps=EPS)
    (x,), c = coordinates(1), complex_normal(M)
    plan.setpts(x)
    expected = plan.execute(c)
    x[:] = 0
    assert same(plan.execute(c), expected)


def test_what_a_plan_is():
    plan = nufft.Plan(2, (6, 7), n_trans=3, dtype="complex64")
    assert (plan.type, plan.dim, plan.n_modes, plan.n_trans, plan.dtype) == (2, 2, (6, 7), 3, np.complex64)
    assert "no points yet" in repr(plan)
    plan.setpts(np.zeros(5), np.zeros(5))
    assert repr(plan) == "<nufft.Plan of type 2, n_modes=(6, 7), n_trans=3, complex64: 5 points>"
    assert nufft.Plan(3, 2).n_modes is None
    assert nufft.Plan(1, 5).n_modes == (5,)


# --- dtypes -------------------------------------------------------------------------------------------------


@kinds
@pytest.mark.parametrize("of_points", ["f4", "f8"])
@pytest.mark.parametrize("of_data", ["f4", "c8"])
def test_single_precision(kind, of_points, of_data):
    """Points keep their precision: those of float64 are not rounded."""
    x, y = (a.astype(of_points) for a in coordinates(2))
    plan = nufft.Plan(kind, 2 if kind == 3 else (6, 7), eps=1e-5, dtype="complex64")
    plan.setpts(x, y, s=x, t=y) if kind == 3 else plan.setpts(x, y)
    data = complex_normal(6, 7) if kind == 2 else complex_normal(M)
    data = data.astype(of_data) if of_data == "c8" else data.real.astype(of_data)
    result = plan.execute(data)
    assert result.dtype == np.complex64
    at = np.stack([x, y], -1)
    if kind == 3:
        expected = direct3(at, data, at, 1)[0]
    else:
        direct = Direct(at, (6, 7), 1 if kind == 1 else -1)
        expected = direct.from_points(data) if kind == 1 else direct.at_points(data)
    assert close(result, expected, OF_TYPE_3 * 1e-5)


@pytest.mark.parametrize("dtype", ["i8", "i2", "?", "f2", "f4", "f8", "c8", "c16"])
def test_double_precision_takes_all_that_it_can_hold(dtype):
    plan = nufft.Plan(1, 9, eps=EPS)
    (x,), c = coordinates(1), np.arange(M).astype(dtype)
    plan.setpts(x)
    assert close(plan.execute(c), Direct(x, 9, 1).from_points(c))


@pytest.mark.parametrize("of_points", ["f4", "f8"])
def test_gradients_have_the_dtypes_of_their_arguments(of_points):
    def loss(x, c):
        plan = nufft.Plan(1, 9)
        plan.setpts(x)
        return np.sum(np.abs(plan.execute(c)) ** 2)

    (x,), c = coordinates(1), np.ones(M, "f4")
    by_points, by_data = fr.grad(loss, argnums=(0, 1))(x.astype(of_points), c)
    assert by_points.dtype == of_points
    assert by_data.dtype == np.float32


# --- derivatives --------------------------------------------------------------------------------------------


def executed(kind, adjoint, d, *arrays):
    """The execution of a new plan, in coordinates and data."""
    if kind == 3:
        *at, data = arrays
        plan = nufft.Plan(3, d, eps=1e-13)
        plan.setpts(**dict(zip("xyz", at[:d], strict=False)), **dict(zip("stu", at[d:], strict=False)))
    else:
        *at, data = arrays
        plan = nufft.Plan(kind, (4, 3)[:d], eps=1e-13)
        plan.setpts(*at)
    return plan.execute_adjoint(data) if adjoint else plan.execute(data)


@kinds
@pytest.mark.parametrize("adjoint", [False, True])
@pytest.mark.parametrize("d", [1, 2])
def test_derivatives_by_points_and_data(kind, adjoint, d):
    x, s = coordinates(d, 4), coordinates(d, 3, seed=2) if kind == 3 else []
    at_points = (kind == 2) == adjoint
    other = (3,) if kind == 3 else (4, 3)[:d]
    data = complex_normal(4) if at_points else complex_normal(*other)
    fr.testing.check_rule(lambda *arrays: executed(kind, adjoint, d, *arrays), *x, *s, data)


@kinds
def test_a_plan_with_constant_points_serves_inside_and_outside_of_transformations(kind):
    plan, _, _, other = plan_of(kind, 2)
    data = complex_normal(*other) if kind == 2 else complex_normal(M)
    before = plan.execute(data)
    for _ in range(2):
        # the gradient of ½ |T c|² is Tᴴ T c
        gradient = fr.grad(lambda c: 0.5 * np.sum(np.abs(plan.execute(c)) ** 2))(data)
        assert same(gradient, plan.execute_adjoint(before))
    Tv = fr.jvp(plan.execute, (data,), (1j * data,))[1]
    assert same(Tv, 1j * before)
    assert same(plan.execute(data), before)


def test_a_plan_with_traced_points_ends_with_its_transformation():
    (x,), c = coordinates(1), complex_normal(M)
    plan = nufft.Plan(1, 9)

    def loss(x):
        plan.setpts(x)
        return np.sum(np.abs(plan.execute(c)))

    fr.grad(loss)(x)
    with pytest.raises(fr.TraceEndedError):
        plan.execute(c)
    plan.setpts(x)
    assert close(plan.execute(c), Direct(x, 9, 1).from_points(c), 1e-6)


@dimensions
@pytest.mark.parametrize("n_trans", [1, 2])
@pytest.mark.parametrize("kind", [1, 2])
def test_gradients_and_dipoles_of_one_execution(kind, d, n_trans):
    """Type 2 with gradients, type 1 with dipoles, each as an execution and as an adjoint one."""
    plan, x, _, n = plan_of(kind, d, n_trans=n_trans, gradient=True)
    stack = (n_trans,) if n_trans > 1 else ()
    modes, values, dipoles = (
        complex_normal(*stack, *n),
        complex_normal(*stack, M),
        complex_normal(*stack, M, d),
    )
    to_modes, to_points = (
        (plan.execute, plan.execute_adjoint) if kind == 1 else (plan.execute_adjoint, plan.execute)
    )
    direct = Direct(x, n, -1)
    v, slopes = to_points(modes, gradient=True)
    assert close(
        v, direct.at_points(modes), 3 * EPS
    )  # a kernel that is chosen for values and slopes together
    assert close(slopes, direct.gradient(modes), 3 * EPS)
    direct = Direct(x, n, 1)
    f = to_modes(values, dipoles=dipoles)
    assert close(f, direct.from_points(values) + direct.dipoles(dipoles), 3 * EPS)
    if n_trans > 1:  # the same dipoles for all
        f = to_modes(values, dipoles=dipoles[0])
        assert close(f, direct.from_points(values) + direct.dipoles(dipoles[0]), 3 * EPS)


def test_gradients_leave_out_to_the_values():
    plan, x, _, n = plan_of(2, 2, gradient=True)
    modes, out = complex_normal(*n), np.zeros(M, complex)
    values, gradients = plan.execute(modes, out, gradient=True)
    assert values is out
    assert gradients.shape == (M, 2)
    assert close(out, Direct(x, n, -1).at_points(modes))


def test_dipoles_may_be_a_vector_in_one_dimension():
    plan, _, _, _ = plan_of(1, 1, gradient=True)
    values, dipoles = complex_normal(M), complex_normal(M)
    assert same(plan.execute(values, dipoles=dipoles), plan.execute(values, dipoles=dipoles[:, None]))


@pytest.mark.parametrize("kind", [1, 2])
def test_derivatives_of_gradients_and_dipoles(kind):
    def result(x, c):
        plan = nufft.Plan(kind, 5, eps=1e-13, gradient=True)
        plan.setpts(x)
        return plan.execute(c, gradient=True)[1] if kind == 2 else plan.execute(c, dipoles=1j * c)

    fr.testing.check_rule(result, coordinates(1, 4)[0], complex_normal(5 if kind == 2 else 4))


def test_traced_points_choose_a_kernel_for_their_derivatives():
    """The narrower kernel that does for the values would miss the tolerance."""
    (x,), c = coordinates(1), complex_normal(M)

    def loss(x):
        plan = nufft.Plan(1, 64, eps=1e-6)
        plan.setpts(x)
        return 0.5 * np.sum(np.abs(plan.execute(c)) ** 2)

    slopes = Direct(x, 64, -1).gradient(Direct(x, 64, 1).from_points(c))[:, 0]
    assert close(fr.grad(loss)(x), (c.conj() * slopes).real, 1e-6)


@pytest.mark.parametrize(("kind", "most"), [(1, 2), (2, 2)])
def test_gradients_in_everything_take_one_transform_more(kind, most):
    x, other = coordinates(3), N_MODES
    data = complex_normal(*other) if kind == 2 else complex_normal(M)

    def loss(x, y, z, data):
        plan = nufft.Plan(kind, N_MODES)
        plan.setpts(x, y, z)
        return np.sum(np.abs(plan.execute(data)) ** 2)

    before = Counter.grids
    fr.value_and_grad(loss, argnums=(0, 1, 2, 3))(*x, data)
    assert Counter.grids - before == most
    if kind == 2:  # by the points alone: none
        before = Counter.grids
        fr.value_and_grad(loss, argnums=(0, 1, 2))(*x, data)
        assert Counter.grids - before == 1


# --- threads ------------------------------------------------------------------------------------------------


@pytest.fixture
def _switch_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@kinds
@pytest.mark.usefixtures("_switch_often")
def test_threads_execute_one_plan_at_once(kind):
    plan, _, _, other = plan_of(kind, 2, nthreads=1)
    shape = other if kind == 2 else (M,)
    data = [complex_normal(*shape, seed=k) for k in range(16)]
    expected = [plan.execute(a) for a in data]
    adjoint = [plan.execute_adjoint(a) for a in expected]

    def work(k):
        for _ in range(20):
            result = plan.execute(data[k])
            assert np.array_equal(result, expected[k])
            assert np.array_equal(plan.execute_adjoint(result), adjoint[k])
        return fr.grad(lambda c: 0.5 * np.sum(np.abs(plan.execute(c)) ** 2))(data[k])

    with ThreadPoolExecutor(8) as pool:
        for gradient, expected_gradient in zip(pool.map(work, range(16)), adjoint, strict=True):
            assert same(gradient, expected_gradient)


@pytest.mark.usefixtures("_switch_often")
def test_an_execution_sees_old_points_or_new_ones():
    plan = nufft.Plan(1, 9, nthreads=1)
    places = [coordinates(1, M, seed)[0] for seed in (0, 1)]
    c = complex_normal(M)
    expected = []
    for x in places:
        plan.setpts(x)
        expected.append(plan.execute(c))

    def move(k):
        for _ in range(200):
            plan.setpts(places[k % 2])

    def check(_):
        for _ in range(200):
            result = plan.execute(c)
            assert any(np.array_equal(result, e) for e in expected)

    with ThreadPoolExecutor(4) as pool:
        for done in (
            pool.submit(move, 0),
            pool.submit(move, 1),
            pool.submit(check, 0),
            pool.submit(check, 1),
        ):
            done.result()
