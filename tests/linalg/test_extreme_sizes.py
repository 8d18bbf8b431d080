"""Functions f with f(s A) = s^p f(A), at matrices near both ends of the range of numbers.

With a power of two for s all numbers are the same but for their exponents, so values and derivatives must be,
too, up to rounding.  Squares and norms overflow from 2^512 on, and from 2^970 on numbers count as small in
LAPACK.
"""

import numpy as np
import pytest

import frechet as fr

rng = np.random.default_rng(31)
M, E = rng.standard_normal((2, 4, 4))
POSITIVE = M @ M.T + np.eye(4) + 0.3 * M
SYMMETRIC = M + M.T
REFLECTED = np.array([[0.0, 2.0, 1.0], [-3.0, 0.0, 0.5], [0.0, 0.0, 1.0]])  # with a complex pair
linalg = fr.linalg

# The function, the matrix, p.
HOMOGENEOUS = {
    "sqrtm": (linalg.sqrtm, POSITIVE, 0.5),
    "sqrtm_complex": (linalg.sqrtm, POSITIVE + 0.1j * M, 0.5),
    "fractional_matrix_power": (lambda a: linalg.fractional_matrix_power(a, 0.5), POSITIVE, 0.5),
    "signm": (linalg.signm, M, 0),
    "signm_stack": (linalg.signm, np.stack([M, M.T]), 0),
    "polar": (lambda a: linalg.polar(a)[1], M, 1),
    "schur": (lambda a: np.abs(linalg.schur(a)[0]), M, 1),  # up to signs
    "schur_pair": (lambda a: np.abs(linalg.schur(a)[0]), REFLECTED, 1),
    "hessenberg": (linalg.hessenberg, M, 1),
    "eigvals": (lambda a: linalg.eigvals(a).real, M, 1),
    "eigvalsh": (linalg.eigvalsh, SYMMETRIC, 1),
    "svdvals": (linalg.svdvals, M, 1),
    "svd": (lambda a: linalg.svd(a)[0], M, 0),
    "spectral_projector": (lambda a: linalg.spectral_projector(a, "lhp"), M, 0),
    "spectral_projector_hermitian": (
        lambda a: linalg.spectral_projector(a, "lhp", assume="hermitian"),
        SYMMETRIC,
        0,
    ),
    "range_projector": (lambda a: linalg.range_projector(a[:, :2]), M, 0),
    "null_space_projector": (lambda a: linalg.null_space_projector(a[:2]), M, 0),
    "subspace_angles": (lambda a: linalg.subspace_angles(a[:, :2], a[:, 2:]), M, 0),
    "eigvals_banded": (lambda a: linalg.eigvals_banded(a[:2], lower=True), M, 1),
}


@pytest.mark.parametrize("exponent", [-990, -530, 530, 990])
@pytest.mark.parametrize("name", HOMOGENEOUS)
def test_homogeneous_functions(name, exponent):
    f, A, p = HOMOGENEOUS[name]
    s, direction = 2.0**exponent, E[..., : A.shape[-1], : A.shape[-1]]
    power = 2.0 ** round(p * exponent)
    value, tangent = fr.jvp(f, (A,), (direction + 0 * A,))
    scaled, tangent_scaled = fr.jvp(f, (s * A,), (s * (direction + 0 * A),))
    np.testing.assert_allclose(scaled / power, value, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(
        tangent_scaled / power, tangent, rtol=1e-11, atol=1e-12 * np.abs(tangent).max()
    )
    W = np.cos(np.arange(value.size)).reshape(value.shape)
    gradient = fr.vjp(f, A)[1](W)[0]
    gradient_scaled = fr.vjp(f, s * A)[1](W)[0] / power  # f' has the degree p − 1
    np.testing.assert_allclose(gradient_scaled * s, gradient, rtol=1e-11, atol=1e-12 * np.abs(gradient).max())
