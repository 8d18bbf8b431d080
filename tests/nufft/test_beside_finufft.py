"""The same calls of FINUFFT and of frechet.nufft, where FINUFFT is installed; other tests do not need it."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from frechet import nufft
from frechet.nufft import _arguments

finufft = pytest.importorskip("finufft", minversion="2.5")

N_MODES = (6, 7, 8)
M, K = 40, 25
EPS = 1e-10
APART = 5 * EPS  # each is within the tolerance, for few values within twice of it
NAMES = [f"nufft{d}d{kind}" for d in (1, 2, 3) for kind in (1, 2, 3)]


def arguments(name, n_trans=None):
    """Points, data and what else the function takes, as FINUFFT wants them: contiguous, of one precision."""
    d, kind = int(name[5]), int(name[7])
    rng = np.random.default_rng(0)
    stack = () if n_trans is None else (n_trans,)
    shape = N_MODES[:d] if kind == 2 else (M,)
    data = rng.normal(size=(*stack, *shape)) + 1j * rng.normal(size=(*stack, *shape))
    points = list(rng.uniform(-3, 3, (d, M)))
    rest = {1: [N_MODES[:d]], 2: [], 3: list(rng.uniform(-9, 9, (d, K)))}[kind]
    return points, data, rest


def close(a, b, eps=APART):
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    assert np.linalg.norm(a - b) <= eps * np.linalg.norm(b)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_trans", [None, 1, 3])
def test_functions(name, n_trans):
    points, data, rest = arguments(name, n_trans)
    for options in ({}, {"isign": -1}, {"isign": 1}, {"modeord": 1}, {"upsampfac": 2.0}, {"nthreads": 1}):
        ours, theirs = (getattr(m, name)(*points, data, *rest, eps=EPS, **options) for m in (nufft, finufft))
        close(ours, theirs)


@pytest.mark.parametrize("name", NAMES)
def test_single_precision(name):
    points, data, rest = arguments(name)
    points = [x.astype("f4") for x in points]
    rest = [s.astype("f4") for s in rest] if name.endswith("3") else rest
    args = (*points, data.astype("c8"), *rest)
    close(getattr(nufft, name)(*args, eps=1e-5), getattr(finufft, name)(*args, eps=1e-5), 1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_out(name):
    points, data, rest = arguments(name)
    made = getattr(finufft, name)(*points, data, *rest, eps=EPS)
    rest = [] if name.endswith("1") else rest  # n_modes are those of out
    for module in (nufft, finufft):
        out = np.zeros_like(made)
        assert getattr(module, name)(*points, data, *rest, out=out, eps=EPS) is out
        close(out, made)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_trans", [1, 3])
@pytest.mark.parametrize("isign", [None, 1, -1])
def test_plans(name, n_trans, isign):
    d, kind = int(name[5]), int(name[7])
    points, data, rest = arguments(name, n_trans)
    results = []
    for module in (nufft, finufft):
        plan = module.Plan(kind, d if kind == 3 else N_MODES[:d], n_trans, EPS, isign)
        targets = dict(zip("stu", rest, strict=False)) if kind == 3 else {}
        plan.setpts(*points, **targets)
        result = plan.execute(data)
        results.append((plan.type, plan.dim, plan.n_trans, plan.dtype, result, plan.execute_adjoint(result)))
    ours, theirs = results
    assert ours[:4] == theirs[:4]
    close(ours[4], theirs[4])
    close(ours[5], theirs[5])


@pytest.mark.parametrize("name", NAMES)
def test_names_of_parameters(name):
    ours, theirs = (inspect.signature(getattr(m, name)).parameters.values() for m in (nufft, finufft))
    assert [(p.kind, p.default) for p in ours] == [(p.kind, p.default) for p in theirs]
    assert [p.name for p in ours][:-1] == [p.name for p in theirs][:-1]


def test_plans_take_the_same_parameters():
    for method in ("__init__", "setpts", "execute", "execute_adjoint"):
        ours, theirs = (
            [
                (p.name, p.default)
                for p in inspect.signature(getattr(m.Plan, method)).parameters.values()
                if p.kind is p.POSITIONAL_OR_KEYWORD
            ]
            for m in (nufft, finufft)
        )
        assert ours == theirs


def test_everything_that_finufft_exports_is_there():
    assert set(finufft.__all__) <= set(nufft.__all__)


def test_all_options_are_known():
    """Those of FINUFFT's structure of options, but for the locks, which it refuses in Python as well."""
    from finufft import _finufft

    known = {*_arguments.WITH_EFFECT, *_arguments.WITHOUT_EFFECT}
    for option, _ in _finufft.FinufftOpts._fields_:
        assert option in known or option.startswith("fftw_"), option


@pytest.mark.parametrize("size", [30, 31])
def test_spreading_alone_has_the_same_kernel(size):
    """Prolate spheroidal, of the same width and bandwidth; both are polynomials fitted to the tolerance."""
    x, g = np.linspace(-3, 3, 20), np.exp(1j * np.arange(size))
    for data, name, rest in ((np.exp(1j * x), "nufft1d1", (size,)), (g, "nufft1d2", ())):
        ours, theirs = (
            getattr(m, name)(x, data, *rest, spreadinterponly=1, upsampfac=2.0, eps=1e-6)
            for m in (nufft, finufft)
        )
        close(ours, theirs, 1e-8)
