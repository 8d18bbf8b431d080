"""fr.linalg.solve and inv: every structure, derivatives, values, errors and warnings."""

from __future__ import annotations

import warnings

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.linalg import _dense_factor
from frechet.testing import check_rule

rng = np.random.default_rng(0)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def regular(make, *shape):
    return make(*shape) + 3 * np.eye(shape[-1])


def adjoint(A):
    return np.conj(np.swapaxes(A, -1, -2))


def positive(make, *shape):
    A = make(*shape)
    return A @ adjoint(A) + 3 * np.eye(shape[-1])


def unsymmetric(A):
    """Another lower triangle, which must not be read."""
    return np.triu(A) + np.tril(real(*A.shape[-2:]), -1)


STRUCTURES = [None, "general", "banded", "diagonal", "tridiagonal", "upper triangular", "lower triangular"]
READ_FROM_ONE_TRIANGLE = ["symmetric", "hermitian", "positive definite"]
SHAPES = [((4, 4), (4,)), ((4, 4), (4, 2)), ((4, 4), (2, 4, 1))]
STACKS = [((2, 3, 3), (3,)), ((2, 3, 3), (3, 2)), ((2, 1, 3, 3), (3, 3, 1)), ((2, 17, 17), (17, 1))]


def solve(structure, lower=False, transposed=False):
    return lambda a, b: fr.linalg.solve(a, b, lower, assume_a=structure, transposed=transposed)


def inverse(structure, lower=False):
    return lambda a: fr.linalg.inv(a, assume_a=structure, lower=lower)


def cases(shapes, structures):
    for make in (real, cplx):
        for a, b in shapes:
            for s in structures:
                yield solve(s), (regular(make, *a), make(*b))
            for s in READ_FROM_ONE_TRIANGLE:
                A = unsymmetric(positive(make, *a))
                yield solve(s), (A, make(*b))
                yield solve(s, lower=True), (adjoint(A), make(*b))


def symmetrized(function):
    """Where a matrix is symmetric as given, the derivative is that along symmetric directions."""
    return lambda A, b: function(A @ adjoint(A) + 3 * np.eye(A.shape[-1]), b)


tridiagonal = np.triu(np.tril(regular(real, 5, 5), 1), -1)
CASES = [
    (fr.linalg.solve, (regular(real, 3, 3), real(3))),
    (fr.linalg.solve, (regular(cplx, 3, 3), real(3, 2))),
    (fr.linalg.solve, (regular(real, 3, 3), cplx(3))),
    *cases(SHAPES, STRUCTURES),
    *((solve(s, transposed=True), (regular(real, 3, 3), real(3))) for s in STRUCTURES),
    *(
        (solve(s, transposed=True), (unsymmetric(positive(real, 3, 3)), real(3)))
        for s in READ_FROM_ONE_TRIANGLE
    ),
    # matrices in which a structure is found: the derivative is that in all entries
    *(
        (solve(None), (A, real(A.shape[0])))
        for A in (
            tridiagonal,
            np.triu(tridiagonal),
            np.tril(tridiagonal),
            np.diag(np.diagonal(tridiagonal)),
            positive(real, 3, 3),
            positive(cplx, 3, 3),
            positive(real, 3, 3) - 9 * np.eye(3),
            regular(cplx, 3, 3) + regular(cplx, 3, 3).T,
        )
    ),
    (solve("banded"), (tridiagonal, real(5))),
    (symmetrized(solve("pos")), (real(3, 3), real(3))),
    (symmetrized(solve("her")), (cplx(3, 3), cplx(3))),
    (symmetrized(solve("sym")), (real(3, 3), real(3))),
    (fr.linalg.solve, (np.array([[2.0]]), real(3, 2))),
    (fr.linalg.solve, (np.array([[2.0]]), real(1))),
    (fr.linalg.solve, (regular(real, 3, 3).astype(np.float32), real(3).astype(np.float32))),
    (fr.linalg.solve, (np.ones((0, 0)), np.ones((0, 2)))),
    (fr.linalg.inv, (regular(real, 4, 4),)),
    (fr.linalg.inv, (regular(cplx, 4, 4),)),
    (fr.linalg.inv, (tridiagonal,)),
    (fr.linalg.inv, (np.triu(tridiagonal),)),
    (fr.linalg.inv, (positive(cplx, 3, 3),)),
    (fr.linalg.inv, (np.ones((0, 0)),)),
    *(
        (inverse(s), (regular(make, 3, 3),))
        for make in (real, cplx)
        for s in ("gen", "diagonal", "upper triangular", "lower triangular")
    ),
    *(
        (
            inverse(s, lower),
            (unsymmetric(positive(make, 3, 3)).T if lower else unsymmetric(positive(make, 3, 3)),),
        )
        for make in (real, cplx)
        for s in ("sym", "her", "pos")
        for lower in (False, True)
    ),
]
CASES_STACKED = [
    *cases(STACKS[:2], STRUCTURES),
    *cases(STACKS[2:], (None, "tridiagonal")),
    *(
        (inverse(s), (regular(make, 2, 3, 3),))
        for make in (real, cplx)
        for s in (None, "gen", "lower triangular")
    ),
    (inverse("diagonal"), (regular(real, 2, 3, 3),)),
    (inverse("pos"), (unsymmetric(positive(real, 2, 3, 3)),)),
    (fr.linalg.inv, (regular(real, 2, 17, 17),)),
    (fr.linalg.inv, (np.ones((0, 3, 3)),)),
]


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


# --- values ------------------------------------------------------------------------------------------------

SCIPYS_NAMES = {"symmetric": "sym", "hermitian": "her", "positive definite": "pos"}


@pytest.mark.parametrize("structure", STRUCTURES + READ_FROM_ONE_TRIANGLE)
@pytest.mark.parametrize("make", [real, cplx])
@pytest.mark.parametrize(("a", "b"), SHAPES + STACKS)
def test_value_is_scipys(structure, make, a, b):
    A, B = regular(make, *a), make(*b)
    if structure in ("hermitian", "positive definite"):
        A = unsymmetric(positive(make, *a))
    # Well-conditioned: both are right to some hundred roundings.
    for lower in (False, True) if structure == "symmetric" else (False,):
        np.testing.assert_allclose(
            fr.linalg.solve(A, B, lower, assume_a=structure),
            scipy.linalg.solve(A, B, lower, assume_a=structure),
            rtol=1e-10,
            atol=1e-12,
        )
    if structure not in ("tridiagonal", "banded", "diagonal"):
        np.testing.assert_allclose(
            fr.linalg.inv(A, assume_a=structure),
            scipy.linalg.inv(A, assume_a=SCIPYS_NAMES.get(structure, structure)),
            rtol=1e-10,
            atol=1e-12,
        )


def test_value_and_derivative_to_the_last_digits():
    """The solution, its tangent and its gradient for an ill-conditioned matrix, against 50 digits."""
    n = 5
    A, b = scipy.linalg.hilbert(n), np.arange(1.0, n + 1)
    dA, w = real(n, n), real(n)
    dA = dA + dA.T  # so that it is a direction for symmetric matrices, too
    with mpmath.workdps(50):
        M = mpmath.matrix(A.tolist())
        x = mpmath.lu_solve(M, mpmath.matrix(b.tolist()))
        dx = mpmath.lu_solve(M, -(mpmath.matrix(dA.tolist()) * x))
        g = -mpmath.lu_solve(M.T, mpmath.matrix(w.tolist())) * x.T
        x, dx, g = (np.array(v.tolist(), float) for v in (x, dx, g))
    # The condition number is 5e5: x loses six digits, its derivative is a solution for it and loses as many.
    for structure in (None, "gen", "pos", "sym"):
        ours, derivative = fr.jvp(lambda A, s=structure: fr.linalg.solve(A, b, assume_a=s), (A,), (dA,))
        np.testing.assert_allclose(ours, x[:, 0], rtol=1e-9, err_msg=str(structure))
        np.testing.assert_allclose(derivative, dx[:, 0], rtol=1e-8, atol=1e-9 * np.abs(dx).max())
    gradient = fr.vjp(lambda A: fr.linalg.solve(A, b), A)[1](w)[0]
    np.testing.assert_allclose(gradient, g, rtol=1e-8, atol=1e-9 * np.abs(g).max())


@given(
    n=st.integers(1, 5),
    structure=st.sampled_from(STRUCTURES),
    kind=st.sampled_from([np.float32, np.float64, np.complex64, np.complex128]),
    vector=st.booleans(),
    seed=st.integers(0, 999),
)
@settings(max_examples=15)
def test_sizes_and_types(n, structure, kind, vector, seed):
    r = np.random.default_rng(seed)
    A = (r.standard_normal((n, n)) + 1j * r.standard_normal((n, n))) / n + 3 * np.eye(n)
    b = r.standard_normal((n,) if vector else (n, 2)) * (1 + 1j)
    A, b = (x.astype(kind) if kind in (np.complex64, np.complex128) else x.real.astype(kind) for x in (A, b))
    check_rule(solve(structure), A, b)


def test_types_are_kept():
    A, b = 8 * np.eye(3) + real(3, 3), real(3)  # its integer parts are a regular matrix, too
    for a_type, b_type, expected in (
        ("f", "f", "f"),
        ("f", "d", "d"),
        ("e", "e", "f"),
        ("i", "i", "d"),
        ("f", "F", "F"),
        ("d", "F", "D"),
        ("g", "g", "d"),
    ):
        for structure in (None, "gen", "sym", "tridiagonal"):
            x = fr.linalg.solve(A.astype(a_type), b.astype(b_type), assume_a=structure)
            assert x.dtype.char == expected
        assert fr.linalg.inv((10 * A).astype(a_type)).dtype.char == {"e": "f", "i": "d", "g": "d"}.get(
            a_type, a_type
        )
    assert fr.grad(lambda a: fr.linalg.solve([[a, 1.0], [0.0, 2.0]], [1.0, 2.0])[0])(4.0) == 0.0


# --- what is read ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [real, cplx])
@pytest.mark.parametrize("structure", READ_FROM_ONE_TRIANGLE)
@pytest.mark.parametrize("stack", [(), (2,)])
def test_the_other_triangle_may_hold_anything(make, structure, stack):
    A = positive(make, *stack, 3, 3)
    if structure == "symmetric":
        A = A + np.swapaxes(A, -1, -2)
    b, w = make(3), make(*stack, 3)
    other = np.where(np.tril(np.ones((3, 3)), -1) > 0, np.nan, A)
    f = lambda A: fr.linalg.solve(A, b, assume_a=structure, check_finite=False)
    np.testing.assert_allclose(f(other), f(A), rtol=1e-12)
    gradient = fr.vjp(f, other)[1](w)[0]
    assert not np.tril(gradient, -1).any()
    # For the symmetric matrix the same derivative, shared by both triangles
    turned = adjoint if structure != "symmetric" else lambda G: np.swapaxes(G, -1, -2)
    half = np.triu(gradient, 1) / 2
    whole = half + turned(half) + gradient * np.eye(3)
    np.testing.assert_allclose(fr.vjp(f, A)[1](w)[0], whole, rtol=1e-9, atol=1e-12)
    Y = fr.linalg.inv(other, assume_a=structure, check_finite=False)
    np.testing.assert_allclose(Y @ A, np.broadcast_to(np.eye(3), A.shape), atol=1e-12)


@pytest.mark.parametrize(
    ("structure", "read"),
    [
        ("diagonal", np.eye(4)),
        ("tridiagonal", np.triu(np.tril(np.ones((4, 4)), 1), -1)),
        ("upper triangular", np.triu(np.ones((4, 4)))),
        ("lower triangular", np.tril(np.ones((4, 4)))),
    ],
)
def test_gradients_are_zero_where_nothing_is_read(structure, read):
    for stack in ((), (2,)):
        gradient = fr.grad(lambda A: np.sum(fr.linalg.solve(A, np.ones(4), assume_a=structure)))(
            regular(real, *stack, 4, 4)
        )
        assert ((gradient != 0) == read).all()


# --- one factorization -------------------------------------------------------------------------------------


@pytest.mark.parametrize("structure", ["gen", "pos", "sym", "upper triangular", "tridiagonal"])
def test_one_factorization_serves_everything(structure, monkeypatch):
    from frechet.linalg import _band_factor
    from frechet.rules import linalg_factors

    made = []
    for owner, name in (
        (linalg_factors.LU, "ConditionedLU"),
        (_dense_factor.Cholesky, "Cholesky"),
        (_dense_factor.Indefinite, "Indefinite"),
        (_dense_factor.Triangular, "Triangular"),
        (_band_factor.TridiagonalLU, "TridiagonalLU"),
    ):
        original = owner.__init__

        def counted(self, *args, original=original, name=name):
            made.append(name)
            original(self, *args)

        monkeypatch.setattr(owner, "__init__", counted)
    A, b = positive(real, 4, 4), real(4)
    f = lambda A: np.sum(fr.linalg.solve(A, b, assume_a=structure) ** 2)
    for derive in (fr.value_and_grad(f), fr.hessian(f), fr.jacobian(fr.hessian(f))):
        made.clear()
        derive(A)
        assert len(made) == 1


def test_later_changes_of_the_arguments_do_not_matter():
    A, b, w = regular(real, 3, 3), real(3), real(3)
    for structure in STRUCTURES:
        M = A.copy()
        _, pullback = fr.vjp(solve(structure), M, b)
        before = pullback(w)[0].copy()
        try:
            M[...] = 0
        except ValueError:  # the engine may lock it instead
            continue
        np.testing.assert_array_equal(pullback(w)[0], before)


# --- bad matrices ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("structure", STRUCTURES + READ_FROM_ONE_TRIANGLE)
def test_singular_matrices(structure):
    with pytest.raises(np.linalg.LinAlgError):
        fr.linalg.solve(np.zeros((3, 3)), np.ones(3), assume_a=structure)
    with pytest.raises(np.linalg.LinAlgError):
        fr.grad(lambda A: np.sum(fr.linalg.solve(A, np.ones(3), assume_a=structure)))(np.zeros((3, 3)))
    stack = np.stack([np.eye(3), np.zeros((3, 3)), np.eye(3)])
    with pytest.raises(np.linalg.LinAlgError, match="1"):  # the number of the slice
        fr.linalg.solve(stack, np.ones(3), assume_a=structure)
    if structure not in ("tridiagonal", "banded"):
        with pytest.raises(np.linalg.LinAlgError):
            fr.linalg.inv(np.zeros((3, 3)), assume_a=structure)
        with pytest.raises(np.linalg.LinAlgError, match="1"):
            fr.linalg.inv(stack, assume_a=structure)


@pytest.mark.parametrize("structure", STRUCTURES + READ_FROM_ONE_TRIANGLE)
def test_ill_conditioned_matrices_are_warned_of(structure):
    ill, well = np.diag([1.0, 1.0, 1e-17]), np.diag([1.0, 1.0, 1e-15])
    for A, slice_ in ((ill, 0), (np.stack([well, ill]), 1)):
        with pytest.warns(scipy.linalg.LinAlgWarning, match=f"slice {slice_} has rcond"):
            fr.linalg.solve(A, np.ones(3), assume_a=structure)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fr.linalg.solve(well, np.ones(3), assume_a=structure)
    if structure not in ("tridiagonal", "banded"):
        with pytest.warns(scipy.linalg.LinAlgWarning):
            fr.linalg.inv(ill, assume_a=structure)


@pytest.mark.parametrize("structure", STRUCTURES + READ_FROM_ONE_TRIANGLE)
@pytest.mark.parametrize("stack", [(), (2,)])
@pytest.mark.parametrize("n", [3, 20])
def test_conditions_are_judged_in_the_precision_of_the_matrix(structure, stack, n):
    d = np.ones(n, np.float32)
    d[-1] = 1e-8
    A = np.broadcast_to(np.diag(d), (*stack, n, n))
    for dtype in (np.float32, np.complex64):
        with pytest.warns(scipy.linalg.LinAlgWarning, match="rcond"):
            fr.linalg.solve(A.astype(dtype), np.ones(n, dtype), assume_a=structure)
        if structure not in ("tridiagonal", "banded"):
            with pytest.warns(scipy.linalg.LinAlgWarning, match="rcond"):
                fr.linalg.inv(A.astype(dtype), assume_a=structure)
    fr.linalg.solve(A.astype(float), np.ones(n), assume_a=structure)  # without a warning


@pytest.mark.parametrize("structure", [None, "diagonal", "tridiagonal"])
def test_warnings_are_given_at_the_line_that_calls(structure):
    ill = np.diag([1.0, 1.0, 1e-17])
    for call in (
        lambda: fr.linalg.solve(ill, np.ones(3), assume_a=structure),
        lambda: fr.grad(lambda A: fr.linalg.solve(A, np.ones(3), assume_a=structure)[0])(ill),
        lambda: fr.linalg.solve_sylvester(ill[:1, :1], np.array([[-1 + 1e-14]]), np.ones((1, 1))),
    ):
        with pytest.warns(scipy.linalg.LinAlgWarning) as found:
            call()
        assert {w.filename for w in found} == {__file__}


def test_conditions_of_matrices_of_very_different_sizes():
    A = np.stack([1e300 * np.eye(3), 1e-300 * np.eye(3)])
    np.testing.assert_allclose(fr.linalg.solve(A, np.ones(3)), [[1e-300] * 3, [1e300] * 3], rtol=1e-15)
    np.testing.assert_allclose(fr.linalg.inv(A)[:, 0, 0], [1e-300, 1e300], rtol=1e-15)


@pytest.mark.parametrize("stack", [(), (2,), (2, 2)])
def test_indefinite_matrices_are_not_positive(stack):
    A = np.broadcast_to(np.diag([1.0, -1.0]), (*stack, 2, 2))
    with pytest.raises(np.linalg.LinAlgError):
        fr.linalg.solve(A, np.ones(2), assume_a="pos")
    np.testing.assert_array_equal(fr.linalg.solve(A, np.ones(2)), np.broadcast_to([1.0, -1.0], (*stack, 2)))


# --- bad input ---------------------------------------------------------------------------------------------


def test_bad_input():
    A, b = np.eye(3), np.ones(3)
    with pytest.raises(ValueError, match="square"):
        fr.linalg.solve(np.ones((2, 3)), b)
    with pytest.raises(ValueError, match="incompatible shapes"):
        fr.linalg.solve(A, np.ones(2))
    with pytest.raises(ValueError, match="incompatible shapes"):
        fr.linalg.solve(A, np.ones((2, 3)))
    with pytest.raises(ValueError, match="do not broadcast"):
        fr.linalg.solve(np.stack([A, A]), np.ones((3, 3, 1)))
    with pytest.raises(ValueError, match="solve: a must not contain infs or NaNs"):
        fr.linalg.solve(A * np.nan, b)
    with pytest.raises(ValueError, match="solve: b must not contain infs or NaNs"):
        fr.linalg.solve(A, b * np.inf)
    with pytest.raises(ValueError, match="recognized matrix structure"):
        fr.linalg.solve(A, b, assume_a="nice")
    with pytest.raises(NotImplementedError, match="real"):
        fr.linalg.solve(A * 1j, b, transposed=True)
    with pytest.raises(TypeError, match="numeric"):
        fr.linalg.solve(np.array([["a"]]), b)
    with pytest.raises(ValueError, match=r"solve: a must not be a masked array: fill it in"):
        fr.linalg.solve(np.ma.masked_equal(A, 0), b)
    with pytest.raises(ValueError, match="square"):
        fr.linalg.inv(np.ones((2, 3)))
    with pytest.raises(ValueError, match="matrix"):
        fr.linalg.inv(b)
    with pytest.raises(ValueError, match="leave it out"):
        fr.linalg.inv(A, assume_a="banded")
    with pytest.raises(ValueError, match="infs or NaNs"):
        fr.linalg.inv(A * np.nan)


def test_empty_and_single_matrices():
    assert fr.linalg.solve(np.ones((0, 0)), np.ones(0)).shape == (0,)
    assert fr.linalg.solve(np.eye(2), np.ones((2, 0))).shape == (2, 0)
    assert fr.linalg.solve(np.ones((0, 2, 2)), np.ones(2)).shape == (0, 2)
    np.testing.assert_array_equal(fr.linalg.solve([[2.0]], np.ones((3, 2))), np.full((3, 2), 0.5))
    np.testing.assert_array_equal(
        fr.linalg.solve([[[2.0]]], np.ones(3)), np.full((1, 1, 3), 0.5).reshape(1, 3)
    )
    np.testing.assert_array_equal(fr.linalg.solve(2.0, 3.0), [1.5])
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        fr.linalg.solve([[0.0]], [1.0])


@pytest.mark.parametrize("structure", ["hermitian", "positive definite"])
def test_single_entries_are_read_like_the_diagonals_of_larger_matrices(structure):
    def f(a, b):
        return fr.linalg.solve(a, b, assume_a=structure)

    a, b, w = np.array([[2.0 + 1e-3j]]), np.array([[1.0 + 1.0j]]), np.array([[1.0 - 2.0j]])
    value, pullback = fr.vjp(f, a, b)
    larger, its_pullback = fr.vjp(f, np.stack([a, a]), b)
    np.testing.assert_allclose(value, larger[0], rtol=1e-15)
    np.testing.assert_allclose(value, b / 2, rtol=1e-15)
    for own, other in zip(pullback(w), its_pullback(np.stack([w, 0 * w])), strict=True):
        np.testing.assert_allclose(own, np.reshape(other, (-1, 1, 1))[0], rtol=1e-15)
    assert pullback(w)[0].imag == 0
    if structure == "positive definite":
        with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
            f(-a, b)


def test_jacobian_of_inv_is_a_kronecker_product():
    A = regular(real, 4, 4)
    Y = np.linalg.inv(A)
    jacobian = fr.jacobian(fr.linalg.inv)(A).reshape(16, 16)
    np.testing.assert_allclose(jacobian, -np.kron(Y, Y.T), rtol=1e-12, atol=1e-14)
