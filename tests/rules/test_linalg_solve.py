"""Inverses, linear systems, determinants, powers and chains of matrices."""

from __future__ import annotations

import itertools
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

import frechet as fr
from frechet.rules import linalg_factors
from frechet.testing import check_rule

rng = np.random.default_rng(0)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def regular(make, *shape):
    return make(*shape) + 3 * np.eye(shape[-1])


SQUARE = [(3, 3), (2, 3, 3), (1, 1)]
SYSTEMS = [
    ((3, 3), (3,)),
    ((3, 3), (3, 2)),
    ((3, 3), (4, 3, 2)),
    ((2, 3, 3), (3,)),
    ((2, 3, 3), (2, 3, 2)),
    ((2, 3, 3), (3, 2)),
    ((2, 1, 3, 3), (4, 3, 2)),
    ((2, 3, 3), (1, 3, 1)),
    ((1, 1), (1,)),
    ((3, 3), (3, 0)),
]
single = regular(real, 3, 3).astype(np.float32)


def one_plus_det(A):
    """At singular matrices the value of det is rounding, which no relative tolerance fits."""
    return 1 + np.linalg.det(A)


def multi_dot(*factors):
    return np.linalg.multi_dot(factors)


CASES_INVERSE = [
    *((np.linalg.inv, (regular(make, *s),)) for make in (real, cplx) for s in SQUARE),
    *(
        (np.linalg.solve, (regular(m, *a), k(*b)))
        for m in (real, cplx)
        for k in (real, cplx)
        for a, b in SYSTEMS
    ),
    (np.linalg.inv, (single,)),
    (np.linalg.inv, (np.ones((0, 3, 3)),)),
    (np.linalg.inv, (np.ones((0, 0)),)),
    (np.linalg.solve, (single, single[0])),
    (np.linalg.solve, (single, real(3))),
    (np.linalg.tensorinv, (cplx(2, 3, 3, 2),)),
    (np.linalg.tensorinv, (real(4, 2, 2),), {"ind": 1}),
    (np.linalg.tensorsolve, (real(2, 3, 3, 2), cplx(2, 3))),
    (np.linalg.tensorsolve, (real(2, 6, 3), real(2, 3)), {"axes": (1,)}),
]
CASES_DETERMINANT = [
    *(
        (f, (regular(make, *s),))
        for f in (np.linalg.det, np.linalg.slogdet)
        for make in (real, cplx)
        for s in SQUARE
    ),
    *((one_plus_det, (make(4, rank) @ make(rank, 4),)) for make in (real, cplx) for rank in (3, 2, 1)),
    (one_plus_det, (np.stack([np.diag([1.0, 2, 0]), real(3, 3)]),)),
    (one_plus_det, (np.stack([np.diag([1.0, 2, 1e-13]), real(3, 3), np.diag([1.0, 0, 0])]),)),
    (np.linalg.det, (single,)),
    (np.linalg.slogdet, (regular(cplx, 3, 3).astype(np.complex64),)),
    (np.linalg.det, (np.ones((0, 3, 3)),)),
    (np.linalg.det, (np.ones((0, 0)),)),
]
CASES_POWER = [
    *((np.linalg.matrix_power, (regular(real, 3, 3) / 2, n)) for n in (-3, -1, 1, 2, 5, 6)),
    (np.linalg.matrix_power, (regular(cplx, 2, 3, 3) / 2, 3)),
    (multi_dot, (real(3, 4), cplx(4, 2))),
    (multi_dot, (real(3, 4), real(4, 2), cplx(2, 3))),
    (multi_dot, (real(4), real(4, 2), cplx(2, 3), real(3))),
    (multi_dot, (real(4), real(4))),
    (multi_dot, (real(5, 4), real(4, 2), real(2, 5), cplx(5, 3), real(3))),
]


@pytest.mark.parametrize(
    ("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES_INVERSE + CASES_DETERMINANT + CASES_POWER]
)
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


# --- inverses and systems ----------------------------------------------------------------------------------


def test_jacobian_of_inv_is_a_kronecker_product():
    A = regular(real, 4, 4)
    Y = np.linalg.inv(A)
    jacobian = fr.jacobian(np.linalg.inv)(A).reshape(16, 16)
    np.testing.assert_allclose(jacobian, -np.kron(Y, Y.T), rtol=1e-12, atol=1e-14)


def test_one_factorization_serves_value_and_every_derivative(monkeypatch):
    made = []
    monkeypatch.setattr(linalg_factors.LU, "__init__", _counted(linalg_factors.LU.__init__, made))
    A, b = regular(real, 4, 4), real(4)
    functions = {
        "solve": lambda A: np.sum(np.linalg.solve(A, b) ** 2),
        "inv": lambda A: np.sum(np.linalg.inv(A) ** 2),
        "slogdet": lambda A: np.linalg.slogdet(A)[1],
        "det": np.linalg.det,
    }
    for name, f in functions.items():
        for derive in (fr.value_and_grad(f), fr.hessian(f), fr.jacobian(fr.hessian(f))):
            made.clear()
            derive(A)
            assert len(made) == 1, name


def _counted(function, calls):
    def counted(*args):
        calls.append(args)
        return function(*args)

    return counted


def test_scipy_is_not_imported_with_frechet():
    code = "import sys, numpy, frechet; assert 'scipy.linalg' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.parametrize(
    "f",
    [
        lambda A: np.sum(np.linalg.inv(A)),
        lambda A: np.sum(np.linalg.solve(A, np.ones(2))),
        lambda A: np.sum(np.linalg.matrix_power(A, -1)),
        lambda A: np.linalg.slogdet(A)[1],
    ],
)
@pytest.mark.parametrize(
    "A", [np.ones((2, 2)), np.zeros((2, 2)), np.ones((3, 2, 2)), np.ones((2, 2), complex)]
)
def test_singular_matrices_raise(f, A):
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        fr.vjp(lambda A: np.real(np.sum(f(A))), A)[1](1.0)


def test_wrong_shapes_raise_as_numpy_does():
    for f in (np.linalg.inv, np.linalg.det, np.linalg.slogdet, lambda A: np.linalg.matrix_power(A, 2)):
        with pytest.raises((np.linalg.LinAlgError, ValueError)):
            fr.jvp(f, (np.ones((2, 3)),), (np.ones((2, 3)),))
    with pytest.raises(ValueError, match="mismatch"):
        fr.grad(lambda A: np.sum(np.linalg.solve(A, np.ones(3))))(np.eye(2))
    with pytest.raises(np.linalg.LinAlgError):
        fr.grad(lambda A: np.sum(np.linalg.solve(A, np.ones(3))))(np.ones((3, 2)))
    with pytest.raises(ValueError, match="ind"):
        fr.grad(lambda A: np.sum(np.linalg.tensorinv(A, 0)))(np.eye(2))
    with pytest.raises(np.linalg.LinAlgError, match="requirement"):
        fr.grad(lambda A: np.sum(np.linalg.tensorsolve(A, np.ones(3))))(np.ones((3, 2)))
    with pytest.raises(ValueError, match="at least two"):
        fr.grad(lambda A: np.sum(np.linalg.multi_dot([A])))(np.eye(2))
    with pytest.raises(np.linalg.LinAlgError, match="matrices"):
        fr.grad(lambda A: np.sum(np.linalg.multi_dot([A, A[0], A])))(np.eye(2))


def test_integers_and_lists():
    np.testing.assert_allclose(fr.grad(np.linalg.det)(np.array([[1, 2], [3, 4]])), [[4, -3], [-2, 1]])
    np.testing.assert_allclose(
        fr.jacobian(lambda b: np.linalg.solve([[2, 0], [0, 4]], b))(np.ones(2)), np.diag([0.5, 0.25])
    )


# --- determinants ------------------------------------------------------------------------------------------


def exact_cofactors(A):
    """The cofactors in rational arithmetic: signed sums over permutations."""
    n = len(A)
    rows = [[Fraction(float(x)) for x in row] for row in A]

    def determinant(M):
        total = Fraction(0)
        for order in itertools.permutations(range(len(M))):
            sign = (-1) ** sum(p > q for p, q in itertools.combinations(order, 2))
            term = Fraction(sign)
            for i, j in enumerate(order):
                term *= M[i][j]
            total += term
        return total

    def minor(i, j):
        return [[rows[p][q] for q in range(n) if q != j] for p in range(n) if p != i]

    return np.array([[float((-1) ** (i + j) * determinant(minor(i, j))) for j in range(n)] for i in range(n)])


@pytest.mark.parametrize(
    "A",
    [
        np.outer([1.0, 2, 3, 4], [2.0, -1, 0, 1])
        + np.outer([0.0, 1, 1, 0], [1.0, 1, 0, 0])
        + np.diag([0.0, 0, 0, 1]),
        np.outer([1.0, 2, 3, 4], [2.0, -1, 0, 1]),
        np.diag([1.0, 2, 3, 0]),
        1 / (np.arange(5)[:, None] + np.arange(5) + 1),  # Hilbert's matrix, condition 5e5
        np.diag([1.0, 1e-5, 1e-9, 1e-14]) + np.triu(np.ones((4, 4)), 1) * 1e-3,
        np.vander([1.0, 1 + 1e-7, 1 - 1e-7, 2]),
    ],
    ids=["rank 3", "rank 1", "diagonal", "Hilbert", "graded", "Vandermonde"],
)
def test_gradient_of_det_at_and_near_singular_matrices(A):
    expected = exact_cofactors(A)
    # Cofactors are backward stable at best: an error of n eps in A changes them by that, relative
    # to the product of the n − 1 largest column norms.
    scale = np.prod(np.sort(np.linalg.norm(A, axis=0))[1:])
    np.testing.assert_allclose(fr.grad(np.linalg.det)(A), expected, rtol=0, atol=1e-14 * max(scale, 1e-3))


def test_all_derivatives_of_det_at_zero():
    # det(tE) = t³ det E for 3 × 3 matrices: the first two derivatives vanish, the third is 6 det E.
    E = real(3, 3)

    def along(t):
        return np.linalg.det(t * E)

    first = fr.grad(along)
    second = fr.grad(first)
    assert first(0.0) == 0
    assert second(0.0) == 0
    assert fr.grad(second)(0.0) == pytest.approx(6 * np.linalg.det(E), rel=1e-12)


def test_complex_sign_turns():
    # det = e^{iφ} for diag(e^{iφ}, 1), so d sign/dφ = i sign.
    def sign(phi):
        return np.linalg.slogdet(np.diag([1.0, 0]) * np.exp(1j * phi) + np.diag([0.0, 1]))[0]

    value, tangent = fr.jvp(sign, (0.7,), (1.0,))
    assert value == pytest.approx(np.exp(0.7j))
    assert tangent == pytest.approx(1j * np.exp(0.7j))


# --- powers and chains -------------------------------------------------------------------------------------


def test_power_zero_is_constant():
    value, tangent = fr.jvp(lambda A: np.linalg.matrix_power(A, 0), (real(2, 3, 3),), (real(2, 3, 3),))
    np.testing.assert_array_equal(value, np.broadcast_to(np.eye(3), (2, 3, 3)))
    np.testing.assert_array_equal(tangent, np.zeros((2, 3, 3)))


def test_multi_dot_multiplies_in_the_cheapest_order():
    from frechet.rules.linalg_solve import _chain_order

    lengths = [
        30,
        35,
        15,
        5,
        10,
        20,
        25,
    ]  # the example of Cormen et al.: ((A(BC))((DE)F)), 15125 multiplications
    split = _chain_order(lengths)
    assert (split[0, 5], split[0, 2], split[3, 5]) == (2, 0, 4)
