"""Constraints: exact Jacobians for each method that takes them, and Hessians for trust-constr."""

import numpy as np
import pytest
import scipy.optimize
from scipy.optimize import SR1, LinearConstraint, NonlinearConstraint

import frechet as fr

X0 = np.array([0.5, 0.1])


def fun(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def gradient(x):
    return np.array([-2 * (1 - x[0]) - 400 * x[0] * (x[1] - x[0] ** 2), 200 * (x[1] - x[0] ** 2)])


def circle(x):
    return x[0] ** 2 + x[1] ** 2


def circle_gradient(x):
    return 2 * x


def traced_only(f):
    """f, refusing to be evaluated at plain points: those of differences."""

    def checked(x, *args):
        assert type(x) is not np.ndarray
        return f(x, *args)

    return checked


@pytest.mark.parametrize("method", ["SLSQP", "trust-constr"])
@pytest.mark.parametrize("given", [False, True])
def test_dict_constraint(method, given):
    constraint = {"type": "ineq", "fun": lambda x, r: r - circle(x), "args": (1.0,)}
    reference = {"type": "ineq", "fun": lambda x: 1 - circle(x), "jac": lambda x: -circle_gradient(x)}
    if given:
        constraint["jac"] = lambda x, r: -circle_gradient(x)
    else:
        constraint["fun"] = traced_only(constraint["fun"])
    ours = fr.optimize.minimize(fun, X0, method=method, constraints=constraint, tol=1e-9)
    theirs = scipy.optimize.minimize(fun, X0, method=method, jac=gradient, constraints=reference, tol=1e-9)
    if method == "trust-constr":
        assert (ours.constr_nhev[0] > 0) == (not given)
    np.testing.assert_allclose(ours.x, theirs.x, atol=1e-5)
    assert circle(ours.x) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("method", ["SLSQP", "trust-constr"])
def test_nonlinear_constraint(method):
    constraint = NonlinearConstraint(traced_only(lambda x: [circle(x), x[0] * x[1]]), [-np.inf, 0], [1, 2])
    reference = NonlinearConstraint(
        lambda x: np.array([circle(x), x[0] * x[1]]),
        [-np.inf, 0],
        [1, 2],
        jac=lambda x: np.stack([2 * x, x[::-1]]),
    )
    ours = fr.optimize.minimize(fun, X0, method=method, constraints=[constraint], tol=1e-9)
    theirs = scipy.optimize.minimize(fun, X0, method=method, jac=gradient, constraints=[reference], tol=1e-9)
    np.testing.assert_allclose(ours.x, theirs.x, atol=1e-5)


def test_hessian_of_the_lagrangian_is_exact_for_trust_constr():
    runs = []

    def constraint(x):
        runs.append(1)
        return fr.array([circle(x), np.exp(x[0]) * x[1]])

    limit = NonlinearConstraint(constraint, -np.inf, [1, 3])
    result = fr.optimize.minimize(fun, X0, method="trust-constr", constraints=limit, tol=1e-10)
    assert result.constr_nhev[0] > 0
    assert result.constr_njev[0] > 0
    assert result.constr_nfev[0] == len(runs)
    assert circle(result.x) == pytest.approx(1, abs=1e-6)
    # the gradient of the Lagrangian, from SciPy's multipliers, vanishes
    assert np.linalg.norm(result.lagrangian_grad) < 1e-6


def test_curvature_against_the_hessian_by_hand():
    from frechet.optimize._residuals import Residuals
    from frechet.optimize._variables import Variables

    r = Residuals(lambda x: [x[0] ** 2 * x[1], np.sin(x[1])], Variables(X0, "test"))
    H = r.curvature(X0, np.array([2.0, 3.0])) @ np.eye(2)
    expected = 2 * np.array([[2 * X0[1], 2 * X0[0]], [2 * X0[0], 0]]) + 3 * np.diag([0, -np.sin(X0[1])])
    np.testing.assert_allclose(H, expected, rtol=1e-14)


def test_what_the_user_gives_for_a_constraint_stays():
    jac_runs, hess_runs = [], []

    def jac(x):
        jac_runs.append(1)
        return 2 * x[None]

    def hess(x, v):
        hess_runs.append(1)
        return 2 * v[0] * np.eye(2)

    limit = NonlinearConstraint(lambda x: float(circle(x)), -np.inf, 1, jac=jac, hess=hess)
    result = fr.optimize.minimize(fun, X0, method="trust-constr", constraints=limit)
    assert circle(result.x) == pytest.approx(1, abs=1e-4)
    assert (result.constr_njev[0], result.constr_nhev[0]) == (len(jac_runs), len(hess_runs))
    kept = NonlinearConstraint(lambda x: float(circle(x)), -np.inf, 1, jac="3-point", hess=SR1())
    result = fr.optimize.minimize(fun, X0, method="trust-constr", constraints=kept)
    assert circle(result.x) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("method", ["COBYLA", "COBYQA"])
def test_methods_without_derivatives(method):
    limit = {"type": "ineq", "fun": lambda x: 1 - float(circle(x))}
    result = fr.optimize.minimize(
        lambda x: float(np.sum((x - 1) ** 2)), X0, method=method, constraints=limit, tol=1e-6
    )
    np.testing.assert_allclose(result.x, np.sqrt([0.5, 0.5]), atol=1e-3)


def test_linear_constraint_and_constraint_chooses_the_method():
    result = fr.optimize.minimize(
        lambda x: np.sum(x**2), X0, constraints=[LinearConstraint([[1, 1]], 1, 1)], tol=1e-12
    )
    np.testing.assert_allclose(result.x, [0.5, 0.5], atol=1e-6)


@pytest.mark.parametrize("method", ["SLSQP", "trust-constr"])
def test_constraints_on_containers(method):
    limit = {"type": "eq", "fun": lambda p: np.sum(p["w"]) + p["b"] - 1}
    result = fr.optimize.minimize(
        lambda p: np.sum(p["w"] ** 2) + p["b"] ** 2,
        {"w": np.ones((1, 2)), "b": 3},
        method=method,
        constraints=[limit],
    )
    np.testing.assert_allclose(result.x["w"], [[1 / 3, 1 / 3]], atol=1e-6)
    assert result.x["b"] == pytest.approx(1 / 3, abs=1e-6)


def test_a_constraint_without_a_derivative_is_an_error():
    limit = {"type": "ineq", "fun": lambda x: float(x[0])}
    with pytest.raises(fr.CoercionError, match=r"float\(x\)"):
        fr.optimize.minimize(fun, X0, constraints=limit)


@pytest.mark.parametrize(
    ("constraints", "error", "message"),
    [
        ({"fun": circle}, KeyError, "no type defined"),
        ({"type": "eq"}, ValueError, "no function"),
        ({"type": "less", "fun": circle}, ValueError, "Unknown constraint type"),
    ],
)
def test_what_is_no_constraint_is_refused_by_scipy(constraints, error, message):
    with pytest.raises(error, match=message):
        fr.optimize.minimize(fun, X0, method="SLSQP", constraints=constraints)
