"""Every function of fr.linalg, fr.fft, fr.nufft and fr.sparse.linalg takes JAX arrays, eager and compiled.

Values and gradients are those of the NumPy interface, the gradients conjugate: that is JAX's convention.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import frechet as fr
from frechet.jax._wrap import _wrapped
from frechet.linalg._capability import table
from frechet.linear_map import left, right
from frechet.rule import Rule
from frechet.sparse.linalg._capability import table as sparse_table
from frechet.tree import flatten
from tests.linalg.test_capabilities import note_calls
from tests.sparse.sparse_examples import of_values
from tests.sparse.test_linalg_table import CASES as SPARSE
from tests.sparse.test_linalg_table import N, eigen, hermitian_sparse, vector

DIFFERENTIABLE = sorted(name for name, row in table.items() if row.kind == "differentiable")


def is_numeric(x):
    return isinstance(x, np.ndarray) and x.dtype.kind in "fc"


@pytest.fixture(scope="module")
def calls():
    """The first call of each function with arrays, by the cases that the tests of fr.linalg declare."""
    found = {}

    def note(name, args, kwargs, stacked):
        if name not in found and any(map(is_numeric, args)):
            found[name] = args, kwargs

    note_calls(note, lambda stacked: not stacked and len(found) < len(DIFFERENTIABLE))
    return found


def varies(leaf):
    return not isinstance(leaf, (bool, int, type(None))) and leaf.dtype.kind in "fc"


def loss(out, xp, spans):
    """A real number that depends on all entries of all results; of bases, on the spaces that they span."""
    total = 0.0
    for leaf in flatten([out])[0]:
        if varies(leaf):
            y = leaf @ xp.conj(leaf.T) if spans and np.ndim(leaf) == 2 else leaf
            w = np.cos(np.arange(np.size(y))).reshape(np.shape(y)) * (1 + 0.5j)
            total = total + xp.sum(xp.real(y * w))
    return total


def assert_agrees(function, args, kwargs=None, spans=False, rtol=1e-9, known=False):
    """Value and gradient of a function of ours, given arrays of JAX, are those that it has for NumPy's.

    The operations are the same on the same numbers, so only reductions may differ, by rounding.
    """
    kwargs = kwargs or {}
    positions = [k for k, a in enumerate(args) if is_numeric(a)]
    assert positions

    def placed(*arrays):
        new = list(args)
        for k, a in zip(positions, arrays, strict=True):
            new[k] = a
        return function(*new, **kwargs)

    plain = [args[k] for k in positions]
    arrays = [jnp.asarray(a) for a in plain]
    numbers = tuple(range(len(positions)))
    value = placed(*plain)
    expected_loss = loss(value, np, spans)
    expected = fr.grad(lambda *a: loss(placed(*a), np, spans), numbers)(*plain)
    # With the first compiled, shapes are found without a call with these values; else by this call.
    _wrapped.cache_clear()
    for transform in (lambda f: f, jax.jit) if known else (jax.jit, lambda f: f):
        found = transform(placed)(*arrays)
        for a, b in zip(flatten([found])[0], flatten([value])[0], strict=True):
            assert isinstance(a, jax.Array)
            assert a.dtype == np.asarray(b).dtype
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)
        both = jax.value_and_grad(lambda *a: loss(placed(*a), jnp, spans), numbers)
        found_loss, gradients = transform(both)(*arrays)
        np.testing.assert_allclose(found_loss, expected_loss, rtol=rtol, atol=rtol)
        for g, e in zip(gradients, expected, strict=True):
            assert isinstance(g, jax.Array)
            size = max(1.0, np.abs(e).max(initial=0.0))
            np.testing.assert_allclose(g, np.conj(e), rtol=rtol, atol=rtol * size)


# Functions that return bases of spaces, any of which would do.
BASES = {"invariant_subspace", "null_space", "orth"}


# Functions with results whose shape or dtype depends on values, or that take values of a certain form only:
# in a program they need a call before, or wrap(result=).
DEPENDENT = {
    "eig": r"complex128\[4, 4\].*float64\[4, 4\]",
    "invariant_subspace": r"float64\[5, 2\].*float64\[5, 0\]",
    "lstsq": r"float64\[\].*float64\[0\]",
    "rsf2csf": "T is not quasi-triangular.*wrap",
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_linalg(name, calls):
    args, kwargs = calls[name]
    assert_agrees(getattr(fr.linalg, name), args, kwargs, name in BASES, known=name in DEPENDENT)


@pytest.mark.parametrize("name", DEPENDENT)
def test_results_of_linalg_that_depend_on_values(name, calls):
    args, kwargs = calls[name]
    rest = [a for a in args if not is_numeric(a)]
    # A function of its own, of which JAX knows nothing from other tests.
    compiled = jax.jit(fr.jax.wrap(lambda *arrays: getattr(fr.linalg, name)(*arrays, *rest, **kwargs)))
    with pytest.raises(Exception, match=DEPENDENT[name]):
        jax.block_until_ready(compiled(*[jnp.asarray(a) for a in args if is_numeric(a)]))


rng = np.random.default_rng(30)
REAL, COMPLEX = rng.standard_normal((3, 6)), rng.standard_normal((3, 6)) + 1j * rng.standard_normal((3, 6))
OF_COMPLEX = {
    "fft",
    "ifft",
    "hfft",
    "irfft",
    "fft2",
    "ifft2",
    "irfft2",
    "fftn",
    "ifftn",
    "irfftn",
    "hfft2",
    "hfftn",
}
TRANSFORMS = sorted(
    name for name in fr.fft.__all__ if isinstance(getattr(fr.fft, name), Rule) and name not in ("fht", "ifht")
)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_fft(name):
    function = getattr(fr.fft, name)
    assert_agrees(function, [COMPLEX if name in OF_COMPLEX else REAL])
    x = jnp.asarray(COMPLEX if name in OF_COMPLEX else REAL)
    y = function(x)
    if function.options.get("linear"):
        (back,) = jax.linear_transpose(function, x)(y)  # for Re Σ a b
        inner = np.sum(np.real(np.asarray(y) ** 2))
        np.testing.assert_allclose(np.sum(np.real(np.asarray(back) * np.asarray(x))), inner, rtol=1e-12)


def test_hankel_transforms():
    for function in (fr.fft.fht, fr.fft.ifht):
        assert_agrees(lambda a, function=function: function(a, 0.1, 0.5), [REAL])


def test_linear_transforms_are_known_as_such():
    linear = [name for name in TRANSFORMS if getattr(fr.fft, name).options.get("linear")]
    assert {"fft", "rfft", "irfftn", "dct", "idstn"} <= {*linear}


X, Y, Z = rng.uniform(-3, 3, (3, 5))
S, T, U = rng.uniform(-9, 9, (3, 4))
VALUES = COMPLEX.ravel()[:5]
MODES = [rng.standard_normal(n) + 1j * rng.standard_normal(n) for n in ((4,), (4, 3), (4, 3, 5))]
POINTS = np.stack([X, Y], -1)
EXACT = {"eps": 1e-12}
NONUNIFORM = {
    "nufft1": ((POINTS, VALUES, (4, 3)), EXACT),
    "nufft2": ((POINTS, MODES[1]), EXACT),
    "nufft3": ((POINTS, VALUES, np.stack([S, T], -1)), EXACT),
    "rnufft1": ((POINTS, REAL.ravel()[:5], (4, 3)), EXACT),
    "rnufft2": ((POINTS, MODES[1][:, :3], (4, 4)), EXACT),
    **{f"nufft{d}d1": ((*(X, Y, Z)[:d], VALUES, (4, 3, 5)[:d]), EXACT) for d in (1, 2, 3)},
    **{f"nufft{d}d2": ((*(X, Y, Z)[:d], MODES[d - 1]), EXACT) for d in (1, 2, 3)},
    **{f"nufft{d}d3": ((*(X, Y, Z)[:d], VALUES, *(S, T, U)[:d]), EXACT) for d in (1, 2, 3)},
}


@pytest.mark.parametrize("name", [name for name in fr.nufft.__all__ if name != "Plan"])
def test_nufft(name):
    args, kwargs = NONUNIFORM[name]
    assert_agrees(getattr(fr.nufft, name), args, kwargs)


def test_plan():
    plan = fr.nufft.Plan(2, (4, 3), eps=1e-12)
    plan.setpts(X, Y)
    assert_agrees(plan.execute, [MODES[1]])
    assert_agrees(plan.execute_adjoint, [VALUES])
    before = jax.jit(plan.execute)
    first = before(jnp.asarray(MODES[1]))
    plan.setpts(Y, X)  # other points: what is known of the first is not taken for them
    assert_agrees(plan.execute, [MODES[1]])
    np.testing.assert_array_equal(before(jnp.asarray(MODES[1])), first)


# From the same start, so that eigenvalues come in the same order.
START = {"v0": np.ones(N)}
FROM_THE_SAME_START = {
    "eigsh": lambda A, b: eigen(lambda A: fr.sparse.linalg.eigsh(A, 2, which="LA", **START))(A),
    "eigs": lambda A, b: eigen(lambda A: fr.sparse.linalg.eigs(A, 2, **START))(A),
}


@pytest.mark.parametrize(
    "name", sorted(name for name, row in sparse_table.items() if row.kind == "differentiable")
)
@pytest.mark.filterwarnings("ignore::frechet.DensifyWarning")  # of inv, which is tested for it
def test_sparse_linalg(name):
    """In the values of the matrix, and in the vector; sparse arrays themselves are no arrays of JAX."""
    function, matrix = SPARSE[name]
    A, b = hermitian_sparse(N, "d") if matrix is hermitian_sparse else matrix("d"), vector("d")
    f, p, _ = of_values(A, FROM_THE_SAME_START.get(name, function))
    value = f(p, b)  # sample values make no positive definite matrix, nor need they
    wrapped = fr.jax.wrap(f, result=lambda p, b: value)
    assert_agrees(lambda p, b: (wrapped if isinstance(p, jax.Array) else f)(p, b), [p, b])


SOLVERS = ["spsolve", "cg", "gmres", "bicgstab", "minres", "lsqr", "lsmr"]


@pytest.mark.parametrize("name", SOLVERS)
def test_solvers_with_constant_matrices(name):
    function, matrix = SPARSE[name]
    A = hermitian_sparse(N, "d") if matrix is hermitian_sparse else matrix("d")
    known = name in ("cg", "minres")  # which do not converge to such a tolerance for sample values
    assert_agrees(lambda b: function(A, b), [vector("d")[: A.shape[0]]], known=known)


def test_a_rule_of_a_user():
    @fr.rule
    def inverse(A):
        Y = np.linalg.inv(A)
        return Y, -(left(Y) @ right(Y))

    described = fr.rule(np.linalg.inv, frechet=lambda Y, A: lambda dA: -Y @ dA @ Y)
    A = REAL[:, :3] + 4 * np.eye(3)
    assert_agrees(inverse, [A])
    assert_agrees(described, [A])
    np.testing.assert_allclose(
        jax.vmap(jax.jacfwd(inverse))(A[None])[0], fr.jacobian(np.linalg.inv)(A), rtol=1e-12
    )
