"""Every function of ours, given tensors: value and gradient are those that it has for arrays."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

import frechet as fr
from frechet.rule import Rule
from frechet.sparse.linalg._capability import table as sparse_table
from frechet.tree import flatten
from tests.linalg.test_capabilities import DIFFERENTIABLE, note_calls
from tests.sparse import test_linalg_table as sparse_cases

BASES = {"invariant_subspace", "null_space", "orth"}  # of a subspace, which of them is arbitrary


def plain(x):
    return type(x) is np.ndarray and x.dtype.kind in "fc"


def samples():
    """A call of each function of fr.linalg with plain arrays, from its own tests: {name: (args, kwargs)}."""
    found = {}

    def note(name, args, kwargs, stacked):
        if name not in found and any(map(plain, flatten((args, kwargs))[0])):
            found[name] = args, kwargs

    note_calls(note)
    return list(DIFFERENTIABLE), found


NAMES, SAMPLES = samples()


def compare(function, args, kwargs, rtol=1e-12):
    """Value and gradient of a call with arrays, and with tensors in their place."""
    leaves, treedef = flatten((args, kwargs))
    places = [k for k, leaf in enumerate(leaves) if plain(leaf)]
    assert places

    def call(values):
        new = list(leaves)
        for k, v in zip(places, values, strict=True):
            new[k] = v
        new_args, new_kwargs = treedef.unflatten(new)
        return flatten((function(*new_args, **new_kwargs),))[0]

    arrays = [leaves[k] for k in places]
    value, pullback = fr.vjp(lambda *x: call(x), *arrays)
    tensors = [torch.from_numpy(a.copy()).requires_grad_() for a in arrays]
    results = call(tensors)
    assert len(results) == len(value)
    assert all(isinstance(t, torch.Tensor) for t in results)
    rng = np.random.default_rng(0)
    cotangents, varied = [], []
    for t, y in zip(results, value, strict=True):
        np.testing.assert_allclose(t.detach().numpy(), y, rtol=rtol, atol=1e-14)
        if not t.dtype.is_floating_point and not t.dtype.is_complex:
            cotangents.append(None)
            continue
        w = rng.standard_normal(np.shape(y))
        w = (w + 1j * rng.standard_normal(np.shape(y)) if t.dtype.is_complex else w).astype(
            np.asarray(y).dtype
        )
        cotangents.append(w if isinstance(y, np.ndarray) else type(y)(w[()]))
        if t.requires_grad:
            varied.append((t, torch.as_tensor(w)))
    assert varied
    zero = [np.zeros(np.shape(y)) if w is None else w for w, y in zip(cotangents, value, strict=True)]
    expected = pullback(type(value)(zero) if isinstance(value, (list, tuple)) else zero[0])
    gradients = torch.autograd.grad(
        [t for t, _ in varied], tensors, [w for _, w in varied], allow_unused=True
    )
    for g, e, a in zip(gradients, expected, arrays, strict=True):
        found = np.zeros_like(a) if g is None else g.numpy()
        assert found.dtype == a.dtype
        np.testing.assert_allclose(found, e, rtol=rtol, atol=1e-12 * max(1.0, np.max(np.abs(e), initial=0)))


def test_there_is_a_sample_of_each():
    assert set(NAMES) == set(SAMPLES)


@pytest.mark.parametrize("name", [name for name in NAMES if name in SAMPLES])
def test_linalg(name):
    function = getattr(fr.linalg, name)
    if name in BASES:  # only the projector onto their span has a derivative
        compare(
            lambda A: projector(function(A, *SAMPLES[name][0][1:], **SAMPLES[name][1])),
            SAMPLES[name][0][:1],
            {},
        )
    else:
        compare(function, *SAMPLES[name])


def projector(Q):
    return Q @ (Q.mT.conj() if isinstance(Q, torch.Tensor) else np.conj(Q.T))


@pytest.mark.parametrize("name", [name for name, row in sparse_table.items() if row.kind == "differentiable"])
@pytest.mark.filterwarnings("ignore::frechet.DensifyWarning")
def test_sparse_linalg(name):
    """As functions of the values on a pattern, and of a vector."""
    function, matrix = sparse_cases.CASES[name]
    hermitian = matrix is sparse_cases.hermitian_sparse
    A = matrix(sparse_cases.N, "d") if hermitian else matrix("d")
    A, b = sp.csr_array(A), sparse_cases.vector("d")
    indices, indptr, shape = A.indices, A.indptr, A.shape

    def of_values(values, b):
        return function(fr.sparse.csr_array((values, indices, indptr), shape=shape), b)

    f = fr.torch.wrap(of_values)
    leaves = flatten((of_values(A.data, b),))[0]
    values, vector = (torch.from_numpy(np.array(a)).requires_grad_() for a in (A.data, b))
    results = flatten((f(values, vector),))[0]
    for t, y in zip(results, leaves, strict=True):
        np.testing.assert_allclose(t.detach().numpy(), y, rtol=1e-9, atol=1e-12)

    def total(values, b):
        return sum(np.sum(np.abs(y) ** 2) for y in flatten((of_values(values, b),))[0])

    expected = fr.grad(total, argnums=(0, 1))(A.data, b)
    loss = sum((t.abs() ** 2).sum() for t in results)
    found = torch.autograd.grad(loss, (values, vector), allow_unused=True)
    for g, e in zip(found, expected, strict=True):
        gradient = np.zeros_like(e) if g is None else g.numpy()
        np.testing.assert_allclose(gradient, e, rtol=1e-8, atol=1e-9 * max(1.0, np.abs(e).max()))


def test_spsolve_of_a_constant_matrix():
    A = sparse_cases.general("d")
    b = torch.from_numpy(sparse_cases.vector("d")).requires_grad_()
    x = fr.sparse.linalg.spsolve(A, b)
    dense = torch.from_numpy(A.toarray())
    torch.testing.assert_close(x, torch.linalg.solve(dense, b))
    torch.testing.assert_close(
        torch.autograd.grad(x.sum(), b)[0], torch.linalg.solve(dense.T, torch.ones_like(b))
    )


# --- Fourier --------------------------------------------------------------------------------------

HELPERS = {"fftfreq", "rfftfreq", "next_fast_len", "prev_fast_len", "fhtoffset", "get_workers", "set_workers"}
FOURIER = [name for name in fr.fft.__all__ if name not in HELPERS]
REAL = {"rfft", "rfft2", "rfftn", "ihfft", "ihfft2", "ihfftn"}


@pytest.mark.parametrize("name", FOURIER)
def test_fft(name):
    function = getattr(fr.fft, name)
    rng = np.random.default_rng(3)
    x = rng.standard_normal((4, 6))
    if name not in REAL and not name.lstrip("i").startswith(("dct", "dst")):
        x = x + 1j * rng.standard_normal((4, 6))
    if name in ("fht", "ifht"):
        compare(function, (np.real(x), 0.1, 0.5), {})
        return
    compare(function, (x,), {})
    t = torch.from_numpy(x).requires_grad_()
    if isinstance(function, Rule):
        assert function(t).grad_fn.saved_tensors == ()  # it is linear


# --- nonuniform Fourier ---------------------------------------------------------------------------

POINTS = np.random.default_rng(0).uniform(-3, 3, (3, 7))
C = np.random.default_rng(1).standard_normal((2, 7))[0] + 1j * np.random.default_rng(2).standard_normal(7)
NUFFT = {
    "nufft1": (POINTS[:2].T, C, (4, 5)),
    "nufft2": (POINTS[:2].T, np.outer(C[:4], C[:5])),
    "nufft3": (POINTS[:2].T, C, 2 * POINTS[1:].T),
    "nufft1d1": (POINTS[0], C, 5),
    "nufft1d2": (POINTS[0], C),
    "nufft1d3": (POINTS[0], C, 2 * POINTS[1]),
    "nufft2d1": (*POINTS[:2], C, (4, 5)),
    "nufft2d2": (*POINTS[:2], np.outer(C[:4], C[:5])),
    "nufft2d3": (*POINTS[:2], C, *POINTS[1:]),
    "nufft3d1": (*POINTS, C, (4, 5, 3)),
    "nufft3d2": (*POINTS, np.einsum("i,j,k->ijk", C[:4], C[:5], C[:3])),
    "nufft3d3": (*POINTS, C, *POINTS),
    "rnufft1": (POINTS[:2].T, C.real, (4, 5)),
    "rnufft2": (POINTS[:2].T, np.outer(C[:4], C[:3]), (4, 5)),
}


def test_there_is_a_sample_of_each_transform():
    functions = {n for n in fr.nufft.__all__ if n.lstrip("r").startswith("nufft")}
    assert functions == set(NUFFT)


@pytest.mark.parametrize("name", NUFFT)
def test_nufft(name):
    compare(getattr(fr.nufft, name), NUFFT[name], {"eps": 1e-9})


def test_plan():
    plan = fr.nufft.Plan(1, (4, 5), eps=1e-9)
    plan.setpts(*POINTS[:2])
    compare(plan.execute, (C,), {})
    compare(plan.execute_adjoint, (np.outer(C[:4], C[:5]),), {})
    c = torch.from_numpy(C).requires_grad_()
    assert torch.autograd.gradcheck(plan.execute, (c,), atol=1e-4)


# --- rules ----------------------------------------------------------------------------------------


def test_rules_of_users():
    inverse = fr.rule(np.linalg.inv, frechet=lambda Y, A: lambda dA: -Y @ dA @ Y)
    A = torch.tensor([[2.0, 1.0], [0.0, 3.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(inverse, (A,))
    assert torch.autograd.gradgradcheck(inverse, (A,))
    torch.testing.assert_close(inverse(A), torch.linalg.inv(A))
    assert type(inverse(A.detach().numpy())) is np.ndarray
