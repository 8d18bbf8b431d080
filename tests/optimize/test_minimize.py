"""fr.optimize.minimize against SciPy with derivatives by hand: results, counts, arguments, messages."""

import io
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import scipy.optimize
from scipy.optimize import SR1, Bounds, OptimizeResult, rosen_der, rosen_hess, rosen_hess_prod

import frechet as fr
from frechet.optimize._objective import Objective
from frechet.optimize._variables import Variables

X0 = np.array([1.3, 0.7, 0.8, 1.9, 1.2])
PRODUCTS = ["Newton-CG", "trust-ncg", "trust-krylov", "trust-constr"]
MATRICES = ["dogleg", "trust-exact"]
GRADIENTS = ["CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP"]
NONE = ["Nelder-Mead", "Powell", "COBYLA", "COBYQA"]
# Both run the same iteration from derivatives that differ by rounding, which it amplifies; TNC, whose own
# differences of gradients amplify it most, is the reason for the tolerance.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


class Counted:
    """A function that counts how often it is run."""

    def __init__(self, f):
        self.f, self.runs = f, 0

    def __call__(self, *args):
        self.runs += 1
        return self.f(*args)


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def bowl(x):
    return np.sum(np.cosh(x - 0.5)) + x[0] * x[1]


def by_hand(method):
    given = {} if method in NONE else {"jac": rosen_der}
    if method in PRODUCTS:
        given["hessp"] = rosen_hess_prod
    if method in MATRICES:
        given["hess"] = rosen_hess
    return given


@pytest.mark.parametrize("method", GRADIENTS + PRODUCTS + ["trust-exact"] + NONE)
def test_same_result_as_with_derivatives_by_hand(method):
    fun = Counted(rosenbrock)
    tol = 1e-6 if method in NONE else None
    start = X0[:2] if method in NONE else X0
    ours = fr.optimize.minimize(fun, start, method=method, tol=tol)
    theirs = scipy.optimize.minimize(rosenbrock, start, method=method, tol=tol, **by_hand(method))
    np.testing.assert_allclose(ours.x, theirs.x, **CLOSE)
    np.testing.assert_allclose(ours.fun, theirs.fun, **CLOSE)
    assert ours.success == theirs.success
    assert ours.nit == theirs.nit if "nit" in theirs else True
    assert ours.nfev == fun.runs
    assert isinstance(ours, OptimizeResult)


def test_dogleg_where_the_hessian_is_positive():
    ours = fr.optimize.minimize(lambda x: np.sum(np.cosh(x)), X0, method="dogleg")
    hess = Counted(lambda x: np.diag(np.cosh(x)))
    theirs = scipy.optimize.minimize(
        lambda x: np.sum(np.cosh(x)), X0, method="dogleg", jac=np.sinh, hess=hess
    )
    np.testing.assert_allclose(ours.x, theirs.x, atol=1e-12)
    assert (ours.nit, ours.nhev) == (theirs.nit, hess.runs)


@pytest.mark.parametrize(("arguments", "chosen"), [({}, "BFGS"), ({"bounds": [(0, 2)] * 5}, "L-BFGS-B")])
def test_method_by_default_is_scipys(arguments, chosen):
    default = fr.optimize.minimize(rosenbrock, X0, **arguments)
    named = fr.optimize.minimize(rosenbrock, X0, method=chosen, **arguments)
    np.testing.assert_array_equal(default.x, named.x)
    assert default.njev > 0


# --- counts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", GRADIENTS)
def test_value_and_gradient_run_the_function_once_per_point(method):
    points = []

    def fun(x):
        points.append(np.array(fr.stop_gradient(x)))
        return rosenbrock(x)

    result = fr.optimize.minimize(fun, X0, method=method)
    assert result.nfev == result.njev == len(points)
    repeated = sum(np.array_equal(a, b) for a, b in pairwise(points))
    assert repeated == 0
    assert "nhev" not in result


def test_products_share_one_linearisation_per_point():
    fun = Counted(rosenbrock)
    points = []
    result = fr.optimize.minimize(fun, X0, method="trust-ncg", callback=points.append)
    assert result.nfev == fun.runs
    assert result.nhev > result.nit == len(points)
    # one run with the gradient for each point, one for the products at each point that was accepted
    assert result.nfev <= 2 * (result.nit + 1)


def test_hessians_are_counted():
    result = fr.optimize.minimize(rosenbrock, X0, method="trust-exact")
    assert 0 < result.nhev <= result.nit + 1
    assert result.nfev == result.njev


@pytest.mark.parametrize("method", NONE)
def test_methods_without_derivatives_run_the_plain_function(method):
    kinds = set()

    def fun(x):
        kinds.add(type(x))
        return float(bowl(x))

    result = fr.optimize.minimize(fun, X0[:2], method=method)
    assert kinds == {np.ndarray}
    assert result.success
    assert "njev" not in result


def test_differences_of_scipy_are_not_claimed_as_ours():
    fun = Counted(rosenbrock)
    result = fr.optimize.minimize(fun, X0, method="BFGS", jac="2-point")
    assert result.nfev == fun.runs > 5 * result.nit


# --- what the user gives ----------------------------------------------------------------------------


def test_own_gradient_is_used_and_the_function_not_traced():
    jac = Counted(rosen_der)
    result = fr.optimize.minimize(lambda x: float(rosenbrock(x)), X0, method="BFGS", jac=jac)
    assert result.njev == jac.runs > 0
    np.testing.assert_allclose(result.x, 1, atol=1e-4)


def test_gradient_returned_with_the_value():
    fun = Counted(lambda x: (float(rosenbrock(x)), rosen_der(x)))
    result = fr.optimize.minimize(fun, X0, jac=True)
    assert result.nfev == result.njev == fun.runs
    np.testing.assert_allclose(result.x, 1, atol=1e-4)


@pytest.mark.parametrize("jac", [None, rosen_der])
def test_own_hessian(jac):
    hess = Counted(rosen_hess)
    result = fr.optimize.minimize(rosenbrock, X0, method="trust-exact", jac=jac, hess=hess)
    assert result.nhev == hess.runs > 0
    np.testing.assert_allclose(result.x, 1, atol=1e-4)


def test_own_products():
    hessp = Counted(rosen_hess_prod)
    result = fr.optimize.minimize(rosenbrock, X0, method="trust-ncg", hessp=hessp)
    assert result.nhev == hessp.runs > 0
    np.testing.assert_allclose(result.x, 1, atol=1e-4)


def test_quasi_newton_strategy_of_the_user_stays():
    result = fr.optimize.minimize(rosenbrock, X0, method="trust-constr", hess=SR1())
    assert result.nhev == 0
    np.testing.assert_allclose(result.x, 1, atol=1e-5)


def test_hessian_with_a_gradient_that_comes_with_the_value():
    def fun(x):
        return np.sum(np.cosh(x)), np.sinh(x)

    result = fr.optimize.minimize(fun, X0, jac=True, method="trust-exact", tol=1e-10)
    np.testing.assert_allclose(result.x, 0, atol=1e-10)


def test_further_arguments():
    def fun(x, a, b):
        return np.sum((x - a) ** 2) + b

    result = fr.optimize.minimize(fun, np.zeros(2), args=(3.0, 1.0), method="Newton-CG")
    np.testing.assert_allclose(result.x, 3)
    single = fr.optimize.minimize(lambda x, a: np.sum((x - a) ** 2), np.zeros(2), args=2.0)
    np.testing.assert_allclose(single.x, 2, atol=1e-6)


def test_custom_method_gets_derivatives():
    def method(fun, x0, args, jac, hessp, **options):
        H = np.stack([hessp(x0, e) for e in np.eye(len(x0))])
        x = x0 - np.linalg.solve(H, jac(x0))
        return OptimizeResult(x=x, fun=fun(x), nfev=0)

    result = fr.optimize.minimize(lambda x: np.sum((x - 1) ** 2) + x[0] * x[1], np.zeros(2), method=method)
    np.testing.assert_allclose(result.x, [2 / 3, 2 / 3])
    assert result.nfev > 0


def test_options_and_tolerance_reach_scipy():
    result = fr.optimize.minimize(rosenbrock, X0, options={"maxiter": 3, "return_all": True})
    assert result.nit == 3
    assert not result.success
    assert len(result.allvecs) == 4
    tight = fr.optimize.minimize(rosenbrock, X0, tol=1e-10)
    assert np.linalg.norm(tight.jac, np.inf) < 1e-10


@pytest.mark.parametrize("bounds", [[(0, 0.5)] * 5, Bounds(0, 0.5)])
@pytest.mark.parametrize("method", ["L-BFGS-B", "TNC", "SLSQP", "trust-constr"])
def test_bounds(method, bounds):
    ours = fr.optimize.minimize(rosenbrock, np.full(5, 0.25), method=method, bounds=bounds)
    theirs = scipy.optimize.minimize(
        rosenbrock, np.full(5, 0.25), method=method, bounds=bounds, **by_hand(method)
    )
    np.testing.assert_allclose(ours.x, theirs.x, atol=1e-5)
    assert ours.x.max() <= 0.5


def test_one_variable_and_values_of_one_entry():
    assert fr.optimize.minimize(lambda x: (x - 1) ** 2, 3).x == pytest.approx([1])
    assert fr.optimize.minimize(lambda x: (x[0] - 1) ** 2, np.array(3.0)).x == pytest.approx([1])


def test_single_precision_stays():
    seen = set()

    def fun(x):
        seen.add(x.dtype)
        return np.sum((x - 1) ** 2)

    result = fr.optimize.minimize(fun, np.zeros(3, np.float32), method="L-BFGS-B")
    reference = scipy.optimize.minimize(
        lambda x: np.sum((x - 1) ** 2), np.zeros(3, np.float32), jac=lambda x: 2 * (x - 1), method="L-BFGS-B"
    )
    assert result.x.dtype == reference.x.dtype
    np.testing.assert_allclose(result.x, 1, rtol=1e-5)
    assert seen


# --- callbacks and the bar --------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["BFGS", "trust-constr", "TNC"])
def test_callback_gets_points(method):
    points = []

    def callback(xk, *state):
        points.append(xk)

    result = fr.optimize.minimize(rosenbrock, X0, method=method, callback=callback)
    assert len(points) >= result.nit - 1
    np.testing.assert_allclose(points[-1], result.x, atol=1e-5)


def test_callback_with_intermediate_result_stops():
    def callback(intermediate_result):
        if intermediate_result.fun < 1:
            raise StopIteration

    result = fr.optimize.minimize(rosenbrock, X0, callback=callback)
    assert (result.status, result.success) == (99, False)
    assert result.fun < 1


@pytest.mark.parametrize("method", ["BFGS", "Nelder-Mead", "trust-constr"])
def test_progress_draws_a_bar(monkeypatch, method):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    quiet = fr.optimize.minimize(rosenbrock, X0[:2], method=method)
    points = []
    shown = fr.optimize.minimize(
        rosenbrock, X0[:2], method=method, progress=True, callback=lambda xk, *state: points.append(xk)
    )
    np.testing.assert_array_equal(quiet.x, shown.x)
    assert len(points) > 1
    text = sys.stderr.getvalue()
    assert f"minimize ({method.lower()})" in text
    assert f"iteration {len(points)}" in text
    assert "value" in text
    assert ("gradient" in text) == (method != "Nelder-Mead")


def test_progress_without_rich(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    with pytest.raises(ImportError, match="pip install rich"):
        fr.optimize.minimize(rosenbrock, X0, progress=True)


# --- errors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fun", "message"),
    [
        (lambda x: 2 * x, "real scalar value.*shape \\(5,\\)"),
        (lambda x: x[0] * 1j, "real-valued"),
        (lambda x: np.sum(np.floor(x) // 2) + float(x[0]), "float\\(x\\)"),
    ],
)
@pytest.mark.parametrize("method", [None, "trust-exact", "Newton-CG"])
def test_message_of_grad_reaches_the_user(fun, message, method):
    with pytest.raises(fr.FrechetError, match=message):
        fr.optimize.minimize(fun, X0, method=method)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_start_must_be_finite(bad):
    with pytest.raises(ValueError, match=r"fr\.optimize\.minimize: x0 contains NaN or infinity"):
        fr.optimize.minimize(rosenbrock, [1.0, bad])
    with pytest.raises(ValueError, match="x0 contains NaN or infinity"):
        fr.optimize.minimize(lambda p: p["a"] ** 2, {"a": bad})


def test_unknown_method_is_refused_by_scipy():
    with pytest.raises(ValueError, match="Unknown solver steepest"):
        fr.optimize.minimize(rosenbrock, X0, method="steepest")


def test_bounds_of_another_length_are_refused_by_scipy():
    with pytest.raises(ValueError, match="bounds"):
        fr.optimize.minimize(rosenbrock, X0, bounds=[(0, 1)] * 4)


@pytest.mark.parametrize(
    "x0", ["text", None, True, {"a": "text"}, [], np.zeros(0), np.zeros((0, 2)), {"a": np.zeros(0)}]
)
def test_start_without_numbers(x0):
    with pytest.raises(ValueError, match=r"fr\.optimize\.minimize: x0 has no numbers that can be varied"):
        fr.optimize.minimize(rosenbrock, x0)


@pytest.mark.parametrize("solve", [fr.optimize.minimize, fr.optimize.least_squares, fr.optimize.fsolve])
def test_start_that_is_masked(solve):
    with pytest.raises(ValueError, match=r"x0 is a masked array: use x0\.filled"):
        solve(lambda x: x[0], np.ma.array([1.0, 2.0], mask=[0, 1]))


@pytest.mark.parametrize(
    "given",
    [
        {"jac": lambda x: np.zeros(3)},
        {"jac": lambda x: np.zeros(2), "hessp": lambda x, p: np.zeros(3), "method": "trust-ncg"},
        {"jac": True},
    ],
)
def test_own_derivative_of_another_length(given):
    # SciPy takes a gradient of zeros of any length for a minimum.
    if given["jac"] is True:
        fun, start = (lambda x: (0.0, np.zeros(3))), np.zeros(2)
    else:
        fun, start = bowl, np.array([1.0, 2.0])
    if "hessp" in given:
        given["jac"] = lambda x: np.sinh(x - 0.5) + x[::-1]
    with pytest.raises(ValueError, match=r"returned has the shape \(3,\) where \(2,\) is due"):
        fr.optimize.minimize(fun, start, **given)


def test_own_gradient_as_a_column():
    result = fr.optimize.minimize(rosenbrock, X0, jac=lambda x: rosen_der(x)[:, None])
    np.testing.assert_allclose(result.x, 1, atol=1e-4)


def test_a_point_with_nan_is_evaluated_once():
    fun = Counted(lambda x: np.sum(x) * np.nan)
    objective = Objective(fun, Variables(X0, "test"), (), None)
    at = np.array([np.nan, 1, 2, 3, 4])
    objective.value(at)
    objective.gradient(at)
    assert objective.counts.values == fun.runs == 1


def test_no_function():
    with pytest.raises(TypeError, match="not callable"):
        fr.optimize.minimize(3.0, X0)


def test_differentiating_through_the_iteration_is_refused():
    with pytest.raises(fr.NotDifferentiableError, match="x0 is traced"):
        fr.grad(lambda x: fr.optimize.minimize(rosenbrock, x).fun)(X0)
    with pytest.raises(fr.NotDifferentiableError, match="args hold traced values"):
        fr.grad(lambda a: fr.optimize.minimize(lambda x, a: np.sum((x - a) ** 2), X0, (a,)).fun)(1.0)


@pytest.mark.parametrize(
    "solve",
    [
        lambda a: fr.optimize.minimize(lambda x: np.sum((x - a) ** 2), X0).fun,
        lambda a: fr.optimize.root(lambda x: x - a, X0).x[0],
        lambda a: fr.optimize.least_squares(lambda x: x - a, X0).cost,
        lambda a: fr.optimize.curve_fit(lambda t, p: a * p * t, X0, X0)[0][0],
    ],
)
def test_a_function_that_closes_over_traced_values_is_refused(solve):
    with pytest.raises(fr.NotDifferentiableError, match="<lambda> closes over traced values"):
        fr.grad(solve)(1.0)


@pytest.mark.parametrize("jac", ["exact", 3.0])
def test_gradients_that_scipy_would_replace_by_differences(jac):
    with pytest.raises(ValueError, match=r"fr\.optimize\.minimize: jac is a function, True"):
        fr.optimize.minimize(rosenbrock, X0, jac=jac)


def test_loads_when_first_used_and_neither_frameworks_nor_rich():
    code = (
        "import sys, frechet as fr\n"
        "assert 'frechet.optimize' not in sys.modules\n"
        "fr.optimize.minimize(lambda x: x[0] ** 2, [1.0])\n"
        "print([m for m in ('jax', 'torch', 'autograd', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_errors_of_the_function_reach_the_user():
    def fun(x):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        fr.optimize.minimize(fun, X0)
