"""fr.optimize.root and fsolve against SciPy with Jacobians by hand."""

import io
import sys

import numpy as np
import pytest
import scipy.optimize

import frechet as fr


def equations(x):
    return [x[0] * np.cos(x[1]) - 4, x[1] * x[0] - x[1] - 5]


def jacobian(x):
    return np.array([[np.cos(x[1]), -x[0] * np.sin(x[1])], [x[1], x[0] - 1]])


class Counted:
    def __init__(self, f):
        self.f, self.runs = f, 0

    def __call__(self, *args):
        self.runs += 1
        return self.f(*args)


@pytest.mark.parametrize("method", ["hybr", "lm"])
def test_same_root_as_with_the_jacobian_by_hand(method):
    fun = Counted(equations)
    ours = fr.optimize.root(fun, [1, 1], method=method)
    theirs = scipy.optimize.root(equations, [1, 1], jac=jacobian, method=method)
    np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-12)
    assert ours.success
    assert ours.nfev == fun.runs <= theirs.nfev + 1
    assert 0 < ours.njev <= ours.nfev
    if method == "hybr":  # where SciPy counts them too, without the one of its check at the start
        assert ours.njev == theirs.njev


def test_own_jacobian():
    jac = Counted(jacobian)
    ours = fr.optimize.root(lambda x: [float(v) for v in equations(x)], [1, 1], jac=jac)
    assert ours.njev == jac.runs
    both = Counted(lambda x: (equations(x), jacobian(x)))
    together = fr.optimize.root(both, [1, 1], jac=True)
    np.testing.assert_allclose(together.x, ours.x)
    assert together.nfev == together.njev == both.runs


@pytest.mark.parametrize("method", ["broyden1", "anderson", "krylov", "df-sane"])
def test_methods_with_approximations_of_their_own_run_the_plain_function(method):
    def fun(x):
        assert type(x) is np.ndarray
        return np.array([x[0] + 0.5 * (x[0] - x[1]) ** 3 - 1.0, 0.5 * (x[1] - x[0]) ** 3 + x[1]])

    points = []
    ours = fr.optimize.root(fun, [0, 0], method=method, callback=lambda x, f: points.append(x))
    theirs = scipy.optimize.root(fun, [0, 0], method=method)
    np.testing.assert_array_equal(ours.x, theirs.x)
    assert "njev" not in ours
    assert points


def test_options_tolerance_and_arguments():
    def fun(x, a):
        return x**2 - a

    result = fr.optimize.root(fun, np.ones(2), args=(4.0,), tol=1e-13, options={"factor": 10})
    np.testing.assert_allclose(result.x, 2, rtol=1e-12)
    assert fr.optimize.root(fun, np.ones(2), args=9.0).x == pytest.approx([3, 3])


def test_variables_of_any_form():
    A = np.array([[2.0, 1.0], [1.0, 3.0]])
    result = fr.optimize.root(lambda X: X @ X - A, np.eye(2))
    np.testing.assert_allclose(result.x @ result.x, A, atol=1e-9)
    symmetric = fr.optimize.root(lambda S: fr.Symmetric(S @ S - A), fr.Symmetric(np.eye(2)))
    assert isinstance(symmetric.x, fr.Symmetric)
    np.testing.assert_allclose(symmetric.x.to_dense(), result.x, atol=1e-9)
    assert fr.optimize.root(lambda z: z**2 + 1, 0.5 + 0.5j).x == pytest.approx(1j)
    tree = fr.optimize.root(
        lambda p: [p["x"] ** 2 - p["y"], p["y"] - 4], {"x": np.array([[1.0]]), "y": 1}, method="lm"
    )
    assert tree.x["x"] == pytest.approx(np.array([[2.0]]))
    assert tree.x["y"] == pytest.approx(4)


@pytest.mark.parametrize("method", ["krylov", "broyden1"])
def test_callback_in_the_form_of_x0(method):
    points = []
    fr.optimize.root(
        lambda p: {"a": p["a"] ** 3 + p["a"] - 2},
        {"a": np.zeros((1, 2))},
        method=method,
        callback=lambda x, f: points.append(x),
    )
    np.testing.assert_allclose(points[-1]["a"], [[1, 1]], atol=1e-4)


def test_errors():
    with pytest.raises(ValueError, match=r"fr\.optimize\.root: x0 contains NaN or infinity"):
        fr.optimize.root(equations, [1, np.nan])
    with pytest.raises(ValueError, match=r"fr\.optimize\.fsolve: x0 contains NaN or infinity"):
        fr.optimize.fsolve(equations, [1, np.inf])
    with pytest.raises(ValueError, match="Unknown solver newton"):
        fr.optimize.root(equations, [1, 1], method="newton")
    with pytest.raises(TypeError, match="mismatch between the input and output shape"):
        fr.optimize.root(lambda x: x[:1], [1, 1])
    with pytest.raises(fr.CoercionError, match=r"float\(x\)"):
        fr.optimize.root(lambda x: [float(x[0]), x[1]], [1, 1])
    with pytest.raises(fr.NotDifferentiableError, match=r"fr\.optimize\.root: x0 is traced"):
        fr.jacobian(lambda x: fr.optimize.root(equations, x).x)(np.ones(2))


COUPLED = np.array([[1.0, 2.0], [0.0, 3.0]])


def coupled(x):
    return COUPLED @ x + x**3 - 1


@pytest.mark.parametrize("method", ["hybr", "lm"])
def test_layout_of_a_jacobian_of_the_user_does_not_concern_the_exact_one(method):
    own = {"jac": lambda x: (COUPLED + np.diag(3 * x**2)).T, "options": {"col_deriv": 1}}
    plain = fr.optimize.root(coupled, [1, 1], method=method)
    for arguments in ({"options": {"col_deriv": 1}}, own):
        result = fr.optimize.root(coupled, [1, 1], method=method, **arguments)
        np.testing.assert_allclose(result.x, plain.x, rtol=1e-12)
        # SciPy asks twice at the start, which runs a function of the user's twice
        assert result.njev == plain.njev + ("jac" in arguments)


def test_jac_by_name_is_refused():
    with pytest.raises(ValueError, match=r"fr\.optimize\.root: jac is a function or True.*'2-point'"):
        fr.optimize.root(equations, [1, 1], jac="2-point")


@pytest.mark.parametrize("method", ["hybr", "lm", "krylov"])
def test_progress_draws_a_bar(monkeypatch, method):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    fun = Counted(coupled)
    result = fr.optimize.root(fun, [1, 1], method=method, progress=True)
    text = sys.stderr.getvalue()
    assert f"root ({method})" in text
    assert f"run {fun.runs} " in text
    assert "residuals" in text
    np.testing.assert_allclose(coupled(result.x), 0, atol=1e-5)


@pytest.mark.parametrize("jac", [True, None])
def test_progress_of_values_with_a_jacobian_and_of_fsolve(monkeypatch, jac):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    if jac:
        fr.optimize.root(lambda x: (coupled(x), COUPLED + np.diag(3 * x**2)), [1, 1], jac=True, progress=True)
    else:
        fr.optimize.fsolve(coupled, [1, 1], progress=True)
    assert "residuals" in sys.stderr.getvalue()


# --- fsolve -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("col_deriv", [0, 1])
def test_fsolve(col_deriv):
    fun = Counted(equations)
    x, info, status, message = fr.optimize.fsolve(fun, [1, 1], full_output=True, col_deriv=col_deriv)
    reference = scipy.optimize.fsolve(equations, [1, 1], fprime=jacobian, full_output=True)
    np.testing.assert_allclose(x, reference[0], rtol=1e-12)
    np.testing.assert_allclose(np.abs(info["r"]), np.abs(reference[1]["r"]), rtol=1e-6)
    assert (status, message) == reference[2:]
    assert info["nfev"] == fun.runs
    assert info["njev"] > 0
    np.testing.assert_array_equal(fr.optimize.fsolve(equations, [1, 1], col_deriv=col_deriv), x)


def test_fsolve_with_own_jacobian_and_arguments():
    fprime = Counted(lambda x, a: np.diag(2 * x))
    x = fr.optimize.fsolve(lambda x, a: x**2 - a, [1.0, 2.0], args=(2.0,), fprime=fprime)
    np.testing.assert_allclose(x, np.sqrt(2))
    assert fprime.runs > 0
    assert fr.optimize.fsolve(lambda p: {"a": p["a"] - 2}, {"a": 0})["a"] == pytest.approx(2)


def test_fsolve_warns_as_scipy():
    with pytest.warns(RuntimeWarning, match="not making good progress"):
        fr.optimize.fsolve(lambda x: x**2 + 1, [1.0])
