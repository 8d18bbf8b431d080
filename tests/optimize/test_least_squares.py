"""fr.optimize.least_squares and curve_fit against SciPy with Jacobians by hand."""

import io
import sys

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse as sp
from scipy.optimize import Bounds, OptimizeWarning
from scipy.sparse.linalg import LinearOperator

import frechet as fr

T = np.linspace(0, 1, 30)
NOISE = np.random.default_rng(1).standard_normal(30)
Y = 2 * np.exp(-3 * T) + 0.3 + 0.01 * NOISE
START = [1.0, 1.0, 0.0]
CLOSE = {"rtol": 1e-6, "atol": 1e-8}  # the iterations stop at 1e-8, relative


def model(t, a, b, c):
    return a * np.exp(-b * t) + c


def model_jacobian(t, a, b, c):
    return np.stack([np.exp(-b * t), -t * a * np.exp(-b * t), np.ones_like(t)], 1)


def residuals(p):
    return model(T, p[0], p[1], p[2]) - Y


def jacobian(p):
    return model_jacobian(T, *p)


class Counted:
    def __init__(self, f):
        self.f, self.runs = f, 0

    def __call__(self, *args, **kwargs):
        self.runs += 1
        return self.f(*args, **kwargs)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"method": "lm"},
        {"method": "dogbox"},
        {"tr_solver": "lsmr"},
        {"tr_solver": "lsmr", "method": "dogbox"},
        {"loss": "soft_l1", "f_scale": 0.1},
        {"loss": "cauchy", "tr_solver": "lsmr"},
        {"x_scale": "jac"},
        {"bounds": ([0, 0, 0], [1.5, 10, 10])},
        {"bounds": Bounds([0, 0, 0], [1.5, 10, 10]), "method": "dogbox"},
    ],
)
def test_same_result_as_with_the_jacobian_by_hand(arguments):
    fun = Counted(residuals)
    ours = fr.optimize.least_squares(fun, START, **arguments)
    theirs = scipy.optimize.least_squares(residuals, START, jac=jacobian, **arguments)
    np.testing.assert_allclose(ours.x, theirs.x, **CLOSE)
    np.testing.assert_allclose(ours.cost, theirs.cost, **CLOSE)
    np.testing.assert_allclose(ours.grad, theirs.grad, atol=1e-6)
    assert ours.status == theirs.status
    # linearised once per point: the Jacobian costs no further run
    assert ours.nfev == fun.runs
    assert ours.njev <= ours.nfev
    assert isinstance(ours.jac, LinearOperator) == ("tr_solver" in arguments)


def test_lm_takes_no_operator_whatever_tr_solver_says():
    result = fr.optimize.least_squares(residuals, START, method="lm", tr_solver="lsmr")
    np.testing.assert_allclose(result.x, scipy.optimize.least_squares(residuals, START).x, **CLOSE)


def test_arguments_in_a_list_are_separate_ones_as_for_scipy():
    for solve in (fr.optimize.least_squares, scipy.optimize.least_squares):
        result = solve(lambda x, a, b: (x - a) * b, [0.0, 0.0], args=[1.0, 2.0])
        np.testing.assert_allclose(result.x, 1)


@pytest.mark.parametrize("arguments", [{}, {"method": "lm"}, {"jac": "2-point"}, {"jac": jacobian}])
def test_progress_draws_a_bar(monkeypatch, arguments):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    fun = Counted(residuals)
    quiet = fr.optimize.least_squares(residuals, START, **arguments)
    shown = fr.optimize.least_squares(fun, START, progress=True, **arguments)
    np.testing.assert_array_equal(shown.x, quiet.x)
    text = sys.stderr.getvalue()
    assert f"least_squares ({arguments.get('method', 'trf')})" in text
    assert f"run {fun.runs} " in text
    assert "residuals" in text


@pytest.mark.parametrize("jac", ["operator", "sparse", None])
def test_the_jacobian_in_three_forms(jac):
    result = fr.optimize.least_squares(residuals, START, jac=jac)
    kind = {"operator": LinearOperator, "sparse": sp.csr_array, None: np.ndarray}[jac]
    assert isinstance(result.jac, kind)
    np.testing.assert_allclose(result.jac @ np.eye(3), jacobian(result.x), atol=1e-13)
    np.testing.assert_allclose(result.jac.T @ np.ones(30), jacobian(result.x).T @ np.ones(30), atol=1e-12)


def test_sparse_system_of_ten_thousand():
    n = 10_000

    def equations(x):  # the discrete Bratu problem in one dimension
        padded = np.concatenate([np.zeros(1), x, np.zeros(1)])
        return padded[2:] - 2 * x + padded[:-2] + np.exp(x) / (n + 1) ** 2

    def by_hand(x):
        one = np.ones(n - 1)
        return sp.diags_array([one, -2 + np.exp(x) / (n + 1) ** 2, one], offsets=[-1, 0, 1]).tocsr()

    fun = Counted(lambda x: 1e4 * equations(x) + (x - 0.1))
    result = fr.optimize.least_squares(fun, np.zeros(n), jac="sparse", max_nfev=4)
    assert sp.issparse(result.jac)
    assert result.jac.nnz == 3 * n - 2
    difference = result.jac - (1e4 * by_hand(result.x) + sp.eye_array(n))
    assert abs(difference).max() < 1e-11  # rounding of entries of 2e4
    assert result.nfev == fun.runs <= 4 + 1 + 2  # the pattern is looked for at two points
    pattern = result.jac != 0
    given = fr.optimize.least_squares(fun, np.zeros(n), jac_sparsity=pattern, max_nfev=4)
    np.testing.assert_array_equal(given.x, result.x)


def test_pattern_that_cannot_be_found_is_an_error():
    with pytest.raises(fr.NotDifferentiableError, match="sparsity="):
        fr.optimize.least_squares(lambda x: np.abs(np.fft.fft(x)) ** 2 - 1, np.ones(2000), jac="sparse")


def test_operator_of_a_large_system_writes_no_matrix():
    n = 100_000  # whose Jacobian would take 80 GB
    target = np.random.default_rng(0).standard_normal(n)
    result = fr.optimize.least_squares(
        lambda x: np.fft.irfft(np.fft.rfft(x), n) - target, np.zeros(n), jac="operator"
    )
    np.testing.assert_allclose(result.x, target, atol=1e-8)


@pytest.mark.parametrize("jac", ["2-point", "3-point", "cs"])
def test_differences_on_request_do_not_trace(jac):
    def fun(p):
        assert type(p) is np.ndarray
        return residuals(p)

    result = fr.optimize.least_squares(fun, START, jac=jac)
    theirs = scipy.optimize.least_squares(residuals, START, jac=jac)
    np.testing.assert_array_equal(result.x, theirs.x)
    assert result.njev == theirs.njev


def test_complex_step_is_for_vectors_only():
    with pytest.raises(
        ValueError, match=r"fr\.optimize\.least_squares: the complex step varies vectors only"
    ):
        fr.optimize.least_squares(lambda p: p["a"] * T - Y, {"a": 1.0}, jac="cs")
    with pytest.raises(ValueError, match=r"fr\.optimize\.minimize: the complex step varies vectors only"):
        fr.optimize.minimize(lambda p: p["a"] ** 2, {"a": 1.0}, jac="cs", method="BFGS")


def test_own_jacobian_and_further_arguments():
    jac = Counted(lambda p, scale, shift=0.0: scale * jacobian(p))
    fun = Counted(lambda p, scale, shift=0.0: scale * (residuals(p) + shift))
    result = fr.optimize.least_squares(fun, START, jac=jac, args=(2.0,), kwargs={"shift": 0.0})
    assert (result.nfev, result.njev) == (fun.runs, jac.runs)
    exact = fr.optimize.least_squares(fun, START, args=(2.0,), kwargs={"shift": 0.0})
    np.testing.assert_allclose(result.x, exact.x, rtol=1e-6)


def test_containers_and_their_bounds():
    def fun(p):
        return {"fit": model(T, p["a"], p["b"], p["c"]) - Y, "prior": 1e-3 * p["c"]}

    points = []
    x0 = {"a": 1.0, "b": 1, "c": np.zeros(1)}
    result = fr.optimize.least_squares(lambda p: fun({**p, "c": p["c"][0]}), x0, callback=points.append)
    assert result.x["a"] == pytest.approx(2, abs=0.05)
    assert result.grad["c"].shape == (1,)
    assert points[-1].keys() == x0.keys()
    assert result.jac.shape == (31, 3)
    upper = {"a": 1.5, "b": np.inf, "c": np.ones(1)}
    for bounds in ((-np.inf, upper), {"a": (None, 1.5), "b": None, "c": (None, 1)}):
        bounded = fr.optimize.least_squares(lambda p: fun({**p, "c": p["c"][0]}), x0, bounds=bounds)
        assert bounded.x["a"] == pytest.approx(1.5, abs=1e-6)


def test_complex_variables_and_residuals():
    A = np.random.default_rng(2).standard_normal((5, 3)) + 1j * np.random.default_rng(3).standard_normal(
        (5, 3)
    )
    b = A @ np.array([1, 1j, -2]) + 0.1
    result = fr.optimize.least_squares(lambda z: A @ z - b, np.zeros(3, complex))
    np.testing.assert_allclose(result.x, np.linalg.lstsq(A, b)[0], atol=1e-8)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"x0": [1.0, np.nan, 0.0]}, ValueError, "fr.optimize.least_squares: x0 contains NaN"),
        ({"jac": "exact"}, ValueError, "jac is None, 'operator', 'sparse'"),
        ({"method": "newton"}, ValueError, "`method` must be"),
        ({"tr_solver": "qr"}, ValueError, "`tr_solver` must be"),
        ({"bounds": (2, 3)}, ValueError, "outside of provided bounds"),
        ({"fun": lambda p: np.outer(p, p)}, ValueError, "at most 1-d"),
        ({"fun": lambda p: float(p[0])}, fr.CoercionError, "float"),
        ({"fun": fr.Diagonal}, fr.NotDifferentiableError, "structured matrix"),
        ({"method": "lm", "jac": "operator"}, ValueError, "dense"),
    ],
)
def test_errors(arguments, error, message):
    arguments = {"fun": residuals, "x0": START} | arguments
    with pytest.raises(error, match=message):
        fr.optimize.least_squares(**arguments)


# --- curve_fit --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"p0": START},
        {"sigma": 1 + T},
        {"sigma": np.diag((1 + T) ** 2) + 0.1, "absolute_sigma": True},
        {"bounds": (0, 5)},
        {"bounds": ([0, 0, 0], [1.5, 5, 5]), "method": "dogbox"},
        {"method": "trf", "loss": "soft_l1"},
    ],
)
def test_curve_fit_as_with_the_jacobian_by_hand(arguments):
    f = Counted(model)

    def wrapped(t, a, b, c):  # with a signature that tells the number of parameters
        return f(t, a, b, c)

    popt, pcov, info, _, status = fr.optimize.curve_fit(wrapped, T, Y, full_output=True, **arguments)
    reference = scipy.optimize.curve_fit(model, T, Y, jac=model_jacobian, full_output=True, **arguments)
    np.testing.assert_allclose(popt, reference[0], **CLOSE)
    np.testing.assert_allclose(pcov, reference[1], rtol=1e-5)
    np.testing.assert_allclose(info["fvec"], reference[2]["fvec"], atol=1e-7)
    assert status == reference[4]
    assert info["nfev"] == f.runs


def test_curve_fit_omits_nan_and_takes_more_than_one_independent_variable():
    y = Y.copy()
    y[3] = np.nan
    popt, _ = fr.optimize.curve_fit(model, T, y, check_finite=False, nan_policy="omit")
    reference, _ = scipy.optimize.curve_fit(model, np.delete(T, 3), np.delete(Y, 3))
    np.testing.assert_allclose(popt, reference, rtol=1e-5)
    xdata = np.stack([T, T**2])
    popt, _ = fr.optimize.curve_fit(lambda x, a, b: a * x[0] + b * x[1], xdata, 2 * T - T**2)
    np.testing.assert_allclose(popt, [2, -1], atol=1e-10)


@pytest.mark.parametrize("jac", [model_jacobian, "2-point"])
def test_curve_fit_with_own_jacobian_or_differences(jac):
    def plain(t, a, b, c):
        assert isinstance(a, float)
        return model(t, a, b, c)

    popt, _ = fr.optimize.curve_fit(plain, T, Y, method="trf", jac=jac)
    np.testing.assert_allclose(popt, scipy.optimize.curve_fit(model, T, Y)[0], rtol=1e-5)


def test_curve_fit_method_of_a_class():
    class Decay:
        def value(self, t, a, b):
            return a * np.exp(-b * t)

    popt, _ = fr.optimize.curve_fit(Decay().value, T, 2 * np.exp(-T))
    np.testing.assert_allclose(popt, [2, 1], atol=1e-8)


@pytest.mark.parametrize("arguments", [{}, {"method": "trf"}, {"sigma": 1 + T}])
def test_curve_fit_of_a_constant_that_broadcasts(arguments):
    popt, pcov = fr.optimize.curve_fit(lambda t, a: 2 * a, T, Y, **arguments)
    reference = scipy.optimize.curve_fit(lambda t, a: 2 * a + 0 * t, T, Y, **arguments)
    np.testing.assert_allclose(popt, reference[0], rtol=1e-6)
    np.testing.assert_allclose(pcov, reference[1], rtol=1e-6)


def test_curve_fit_of_a_constant_with_data_left_out():
    y = np.where(T > 0.9, np.nan, Y)
    popt, _ = fr.optimize.curve_fit(lambda t, a: a, T, y, nan_policy="omit")
    np.testing.assert_allclose(popt, np.nanmean(y), rtol=1e-7)


def test_curve_fit_ignores_the_layout_of_a_jacobian_of_the_user():
    def line(t, a, b):
        return a + b * t

    with pytest.warns(OptimizeWarning, match="Covariance"):  # two data for two parameters: a square Jacobian
        popt, _, info, *_ = fr.optimize.curve_fit(line, T[:2], Y[:2], col_deriv=1, full_output=True)
    np.testing.assert_allclose(line(T[:2], *popt), Y[:2], rtol=1e-12)
    assert info["njev"] <= 2  # the equations are linear


@pytest.mark.parametrize("arguments", [{}, {"method": "trf"}, {"method": "trf", "jac": "2-point"}])
def test_curve_fit_draws_a_bar(monkeypatch, arguments):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    fr.optimize.curve_fit(model, T, Y, progress=True, **arguments)
    text = sys.stderr.getvalue()
    assert "curve_fit" in text
    best = np.linalg.norm(model(T, *scipy.optimize.curve_fit(model, T, Y)[0]) - Y)
    assert f"residuals {best:.6g}" in text


def test_curve_fit_errors():
    with pytest.raises(ValueError, match=r"fr\.optimize\.curve_fit: jac is a function, .*got 'exact'"):
        fr.optimize.curve_fit(model, T, Y, jac="exact")
    with pytest.raises(ValueError, match=r"fr\.optimize\.curve_fit: p0 contains NaN"):
        fr.optimize.curve_fit(model, T, Y, p0=[1, np.nan, 1])
    with pytest.raises(ValueError, match="Unable to determine number of fit parameters"):
        fr.optimize.curve_fit(lambda t: t, T, Y)
    with pytest.raises(fr.CoercionError, match="float"):
        fr.optimize.curve_fit(lambda t, a: float(a) * t, T, Y)
    with pytest.raises(fr.NotDifferentiableError, match="data or p0 hold traced values"):
        fr.grad(lambda y: fr.optimize.curve_fit(model, T, y)[0][0])(Y)
    with pytest.raises(RuntimeError, match="Optimal parameters not found"):
        fr.optimize.curve_fit(model, T, Y, maxfev=2)
    with pytest.warns(OptimizeWarning, match="Covariance"):
        fr.optimize.curve_fit(lambda t, a, b: a + b * t, T[:2], Y[:2])
