"""The capability table is true: every claim in it has a case that check_rule sees.

Each module tests/linalg/test_*.py declares what its own tests hand to check_rule in lists whose names start
with CASES: entries (function, args) or (function, args, kwargs).  Those with leading batch axes are in lists
whose names contain STACKED.  The function is one of fr.linalg, or calls them as ``fr.linalg.name(...)``.
"""

import functools
import importlib.util
import inspect
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse.linalg

import frechet as fr
from frechet.linalg._capability import table
from frechet.rule import primal
from frechet.tree import flatten

DIFFERENTIABLE = {name: row for name, row in table.items() if row.kind == "differentiable"}
# What scipy.linalg lists besides functions for people: its former modules, and the bindings of LAPACK.
MODULES = {
    *("basic", "blas", "cython_blas", "cython_lapack", "decomp", "decomp_cholesky", "decomp_lu", "decomp_qr"),
    *("decomp_schur", "decomp_svd", "lapack", "matfuncs", "misc", "special_matrices"),
}
FORMER = {"solve_lyapunov"}  # an older name of solve_continuous_lyapunov


def declared_cases():
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path.name == Path(__file__).name:
            continue
        spec = importlib.util.spec_from_file_location(f"cases_of_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, cases in vars(module).items():
            if name.startswith("CASES"):
                for case in cases:
                    yield (*case, {})[:3], "STACKED" in name


def note_calls(note, wanted=lambda stacked: True):
    """Run the declared cases that are wanted, and tell note(name, args, kwargs, stacked) of each call."""
    original = {name: getattr(fr.linalg, name) for name in DIFFERENTIABLE}
    stacked_now = False

    def recording(name):
        @functools.wraps(original[name])
        def call(*args, **kwargs):
            note(name, args, kwargs, stacked_now)
            return original[name](*args, **kwargs)

        return call

    names = {id(f): name for name, f in original.items()}
    with pytest.MonkeyPatch.context() as patch:
        for name in DIFFERENTIABLE:
            patch.setattr(fr.linalg, name, recording(name))
        for (function, args, kwargs), stacked in declared_cases():
            if not wanted(stacked):
                continue
            stacked_now = stacked
            own = {k: v for k, v in kwargs.items() if k not in ("orders", "seed", "tolerance")}
            if id(function) in names:
                note(names[id(function)], args, own, stacked)
            else:
                function(*args, **own)


@pytest.fixture(scope="module")
def seen():
    """The kinds of cases of each function: "real", "complex", "stacked"."""
    kinds = {name: set() for name in DIFFERENTIABLE}

    def note(name, args, kwargs, stacked):
        leaves = [primal(x) for x in flatten((args, kwargs))[0]]
        is_complex = any(np.iscomplexobj(x) for x in leaves if x is not None)
        kinds[name] |= {"complex" if is_complex else "real"} | ({"stacked"} if stacked else set())

    note_calls(note)
    return kinds


@pytest.mark.parametrize("name", sorted(DIFFERENTIABLE))
def test_each_claim_has_a_case(name, seen):
    row = DIFFERENTIABLE[name]
    claimed = {"real"} | ({"complex"} if row.complex else set()) | ({"stacked"} if row.stacked else set())
    assert not claimed - seen[name], f"fr.linalg.{name}: no case for {sorted(claimed - seen[name])}"


def test_public_names_are_in_the_table():
    missing = {name for name in fr.linalg.__all__ if name not in table and callable(getattr(fr.linalg, name))}
    assert not {name for name in missing if not isinstance(getattr(fr.linalg, name), type)}


def test_the_table_lists_public_names_only():
    assert not set(table) - set(fr.linalg.__all__)


def test_all_of_scipys_names_are_here():
    assert not set(scipy.linalg.__all__) - MODULES - FORMER - set(fr.linalg.__all__)


@pytest.mark.parametrize("name", sorted(table))
def test_signatures_begin_with_scipys(name):
    """SciPy's parameters come first, with its names and defaults; ours may follow."""
    theirs = getattr(scipy.linalg, name, None) or getattr(scipy.sparse.linalg, name, None)
    ours = getattr(fr.linalg, name)
    if theirs is None or ours is theirs or table[name].kind == "refused":
        return
    parameters = inspect.signature(ours).parameters
    for k, (expected, p) in enumerate(inspect.signature(theirs).parameters.items()):
        assert expected in parameters, f"{name} lacks {expected}"
        assert list(parameters)[k] == expected or p.kind is p.KEYWORD_ONLY
        if p.default is not p.empty:
            # A private object of SciPy's says that a deprecated argument was not given; ours says None.
            default = None if type(p.default) is object else p.default
            assert parameters[expected].default == default, (name, expected)


@pytest.mark.parametrize("name", sorted(row.name for row in table.values() if row.kind == "refused"))
def test_refused_functions_say_why(name):
    with pytest.raises(fr.NotDifferentiableError, match=rf"fr\.linalg\.{name}: .{{30}}"):
        fr.grad(lambda A: getattr(fr.linalg, name)(A, A))(np.eye(3))
