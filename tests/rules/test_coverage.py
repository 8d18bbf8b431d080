"""Every function that NumPy hands over is in the table, and every rule in the table is checked by a case.

Each module tests/rules/test_*.py declares what it checks in lists whose names start with CASES: entries
(function, args) or (function, args, kwargs), which its own tests hand to check_rule.  Here every case is run
once more, to see which entries of the table it really uses.
"""

import functools
import importlib.util
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import recfunctions

import frechet as fr
from frechet.rule import Composed, Rule, function_name, table
from frechet.rules.coverage import MISSING, Row, classification, coverage, overridable
from frechet.tree import flatten

OWN_KEYWORDS = {"order", "seed", "tolerance"}  # of check_rule


def declared_cases():
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path.name == Path(__file__).name:
            continue
        spec = importlib.util.spec_from_file_location(f"cases_of_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, cases in vars(module).items():
            if name.startswith("CASES"):
                yield from cases


def is_inexact(a):
    if isinstance(a, np.ndarray):
        return a.dtype.kind in "fc"
    return isinstance(a, (float, complex, np.inexact))


def rules_used(function, args, kwargs=None):
    """The rules on the tape of one case; compositions report themselves."""
    kwargs = {k: v for k, v in (kwargs or {}).items() if k not in OWN_KEYWORDS}
    leaves, treedef = flatten(args)
    varied = [k for k, a in enumerate(leaves) if is_inexact(a)]

    def call(*xs):
        filled = list(leaves)
        for k, x in zip(varied, xs, strict=True):
            filled[k] = x
        y = function(*treedef.unflatten(filled), **kwargs)
        return [a for a in flatten(y)[0] if np.ndim(a) or np.isscalar(a) or hasattr(a, "dtype")]

    _, derivative = fr.linearize(call, *(leaves[k] for k in varied))
    return [rule for _, _, rule in derivative._lin.nodes]


def test_every_function_that_numpy_hands_over_is_in_the_table():
    missing = sorted(function_name(f) for f in overridable() if f not in table)
    assert not missing, f"NumPy hands these over, but no chapter of frechet.rules holds them: {missing}"


IN_ORDER = """
import scipy.special
from frechet.rule import function_name, table
from frechet.rules import BASE, load

before = {}
for chapter in (*BASE, "special"):
    load(chapter)
    again = [function_name(key) for key, entry in before.items() if table[key] is not entry]
    assert not again, f"{chapter} enters functions that an earlier chapter holds: {again}"
    before = dict(table)
print(len(before))
"""


def test_no_function_is_entered_by_two_chapters():
    """Else the order in which chapters are loaded would decide which entry holds."""
    found = subprocess.run([sys.executable, "-c", IN_ORDER], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert int(found.stdout) > 1000


def test_every_rule_is_checked_by_a_case(monkeypatch):
    import scipy.special  # noqa: F401  # its chapter is loaded where it has been imported

    fr.linearize(np.sin, 1.0)
    used = set()
    for entry in set(table.values()):
        if isinstance(entry, Composed):
            monkeypatch.setattr(entry, "function", reporting(entry, used))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # each module's own tests are strict about warnings
        for case in declared_cases():
            used.update(id(rule) for rule in rules_used(*case))
    # Methods of ufuncs without a form of their own follow from the ufunc's rule, by one composition for all,
    # which the tests of its chapter cover.
    entries = {
        key: e
        for key, e in table.items()
        if isinstance(e, Rule) or (isinstance(e, Composed) and callable(key))
    }
    unchecked = sorted(function_name(key) for key, e in entries.items() if id(e) not in used)
    assert not unchecked, (
        f"no case in tests/rules checks {len(unchecked)} of {len(entries)} rules: {unchecked}"
    )


def reporting(entry, used):
    function = entry.function

    @functools.wraps(function)
    def report(*args, **kwargs):
        used.add(id(entry))
        return function(*args, **kwargs)

    return report


def test_the_table_as_rows():
    rows = coverage()
    assert rows == sorted(rows)
    assert len({row.function for row in rows}) == len(rows)
    assert Row("np.concatenate", "rule", "") in rows
    assert {row.kind for row in rows} == {"rule", "composed", "no derivative", "refused"}
    for row in rows:
        assert row.kind != "refused" or len(row.remark) > 20, row


def test_a_function_that_the_table_does_not_hold_shows():
    assert classification(None)[0] == MISSING


@pytest.mark.parametrize("function", [np.save, recfunctions.drop_fields])
def test_refused_functions_say_the_way_out(function):
    with pytest.raises(fr.errors.NotDifferentiableError, match=r"stop_gradient|separate arrays"):
        fr.grad(lambda x: function(x, "a") if function is not np.save else function("never-written", x))(
            np.ones(2)
        )
