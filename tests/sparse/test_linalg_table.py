"""Every function of fr.sparse.linalg's table has the derivatives that the table says it has."""

import numpy as np
import pytest

from frechet.sparse import linalg
from frechet.sparse.linalg._capability import table
from frechet.testing import check_rule
from tests.sparse.sparse_examples import hermitian_sparse, of_values, random_sparse

N = 7


def vector(dtype):
    rng = np.random.default_rng(1)
    b = rng.standard_normal(N)
    return b + 1j * rng.standard_normal(N) if dtype == "D" else b


def general(dtype):
    return random_sparse(N, dtype, shift=6.0)


def lower(dtype):
    A = general(dtype).tocoo()
    keep = A.row >= A.col
    A.data, A.coords = A.data[keep], (A.row[keep], A.col[keep])
    return A.tocsr()


def tall(dtype):
    return random_sparse(N - 2, dtype, m=N, density=0.4)


def squares(V):
    """What does not depend on the phase of a vector."""
    return np.real(np.conj(V) * V)


def eigen(f):
    def both(A):
        w, V = f(A)
        return w, squares(V)

    return both


def singular(A):
    U, s, Vh = linalg.svds(A, 2)
    return squares(U), s, squares(Vh)


# The derivative of a solution by iterations is as exact as the solution: to the last digits here.
EXACT = {"rtol": 1e-14}
LEAST = {"atol": 1e-15, "btol": 1e-15}

# (a function of a matrix and a vector, the matrix); Hermitian matrices stay so.
CASES = {
    "cg": (lambda A, b: linalg.cg(A, b, **EXACT)[0], hermitian_sparse),
    "minres": (lambda A, b: linalg.minres(A, b, **EXACT)[0], hermitian_sparse),
    "gmres": (lambda A, b: linalg.gmres(A, b, **EXACT)[0], general),
    "bicgstab": (lambda A, b: linalg.bicgstab(A, b, **EXACT)[0], general),
    "lsqr": (lambda A, b: linalg.lsqr(A, b, **LEAST)[0], tall),
    "lsmr": (lambda A, b: linalg.lsmr(A, b, **LEAST)[0], tall),
    "spsolve": (linalg.spsolve, general),
    "spsolve_triangular": (linalg.spsolve_triangular, lower),
    "splu": (lambda A, b: linalg.splu(A).solve(b, "H"), general),
    "factorized": (lambda A, b: linalg.factorized(A)(b), general),
    "eigsh": (lambda A, b: eigen(lambda A: linalg.eigsh(A, 2, which="LA"))(A), hermitian_sparse),
    "eigs": (lambda A, b: eigen(lambda A: linalg.eigs(A, 2))(A), general),
    "svds": (lambda A, b: singular(A), tall),
    "slogdet": (lambda A, b: list(linalg.slogdet(A)), general),
    "logdet": (lambda A, b: linalg.logdet(A), general),
    "inv_diagonal": (lambda A, b: linalg.inv_diagonal(A), general),
    "trace_inv": (lambda A, b: linalg.trace_inv(A), general),
    "norm": (lambda A, b: linalg.norm(A), general),
    "inv": (lambda A, b: linalg.inv(A), general),
}
OF_THE_MATRIX_ALONE = {
    "eigsh",
    "eigs",
    "svds",
    "slogdet",
    "logdet",
    "inv_diagonal",
    "trace_inv",
    "norm",
    "inv",
}


def test_there_is_a_case_of_each():
    assert set(CASES) == {name for name, row in table.items() if row.kind == "differentiable"}


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        (name, dtype)
        for name, row in table.items()
        if row.kind == "differentiable"
        for dtype in ("dD" if row.complex else "d")
    ],
)
@pytest.mark.filterwarnings("ignore::frechet.DensifyWarning")  # of inv, which is tested for it
def test_derivatives_are_as_the_table_says(name, dtype):
    function, matrix = CASES[name]
    A, b = matrix(N, dtype) if matrix is hermitian_sparse else matrix(dtype), vector(dtype)
    f, p, pattern = of_values(A, function)
    g = f
    if matrix is hermitian_sparse:
        places = pattern.transposed[1]
        g, p = (lambda q, b: f(q + np.conj(q[places]), b)), p / 2
    if name in OF_THE_MATRIX_ALONE:
        check_rule(lambda p: g(p, b), p)
    else:
        check_rule(g, p, b)


@pytest.mark.parametrize("name", [name for name, row in table.items() if not row.complex])
def test_what_takes_no_complex_matrix_says_so(name):
    function, matrix = CASES[name]
    with pytest.raises((TypeError, ValueError, NotImplementedError), match="complex"):
        function(matrix(N, "D") if matrix is hermitian_sparse else matrix("D"), vector("D"))
