"""The house: who imports whom, the public face, the cost of an import, messages that offer what exists."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import frechet as fr

SOURCE = Path(fr.__file__).parent
MODULES = {
    ".".join(("frechet", *p.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__"): p
    for p in sorted(SOURCE.rglob("*.py"))
}
COMPILED = {"frechet._core", "frechet._xla"}

# From the ground up.  A module may import from floors below its own, and from its own floor.
FLOORS = [
    ("ground", ["errors", "_core", "_xla", "_stacks", "_warnings", "guests"]),
    ("vocabulary", ["linear_map", "maps", "space", "rule", "tree"]),
    ("tracing", ["tracing"]),
    ("transforms", ["transforms", "derivative", "custom", "numerical", "differences", "operators", "_scipy"]),
    ("rules", ["rules"]),
    ("domains", ["linalg", "fft", "nufft", "sparse", "structured"]),
    ("more domains", ["signal", "interpolate", "integrate", "special"]),
    ("doors", ["jax", "torch", "optimize", "patching"]),
    ("testing", ["testing"]),
]
FLOOR = {package: k for k, (_, packages) in enumerate(FLOORS) for package in packages}
# The rulebook knows no engine: it is written in the vocabulary.
ENGINE = {"tracing", "transforms", "derivative", "custom"}


def package_of(module):
    """The part of a module's name that has a floor: frechet.rules.fft → rules."""
    return module.split(".")[1] if "." in module else ""


def imports(module):
    """The modules of frechet that a module imports, wherever it does so, but not for annotations only."""
    path = MODULES[module]
    tree = ast.parse(path.read_text())
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    typing_only = {
        id(node)
        for guard in ast.walk(tree)
        if isinstance(guard, ast.If) and "TYPE_CHECKING" in ast.dump(guard.test)
        for node in ast.walk(guard)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                found.add(full if full in MODULES or full in COMPILED else base)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found.update(a.value for a in node.args if isinstance(a, ast.Constant))
    return {name for name in found if name == "frechet" or name.startswith("frechet.")}


def top_level_imports(path):
    """The packages that are imported as soon as a module is."""
    tree = ast.parse(path.read_text())
    found = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module)
    return found


# --- floors ---------------------------------------------------------------------------------------


def test_every_module_has_a_floor():
    unknown = {package_of(m) for m in MODULES} - set(FLOOR) - {""}
    assert not unknown


@pytest.mark.parametrize("module", [m for m in MODULES if m != "frechet"])
def test_modules_import_from_floors_below(module):
    here = FLOOR[package_of(module)]
    for name in imports(module):
        assert name != "frechet", f"{module} imports the public face"
        there = FLOOR[package_of(name)]
        assert there <= here, (
            f"{module} ({FLOORS[here][0]}) imports {name} ({FLOORS[there][0]}), which is above it"
        )


@pytest.mark.parametrize("module", [m for m in MODULES if package_of(m) == "rules"])
def test_the_rulebook_knows_no_engine(module):
    for name in imports(module):
        assert package_of(name) not in ENGINE, f"{module} imports {name}"


@pytest.mark.parametrize("module", [m for m in MODULES if package_of(m) == "tracing"])
def test_the_engine_knows_no_mathematics(module):
    for name in imports(module):
        assert package_of(name) not in ("rules", "linalg", "fft"), f"{module} imports {name}"
    source = MODULES[module].read_text()
    assert "rule_for" not in source, "a rule in the engine"
    assert not re.search(r"(?<!apply_)elementwise\(", source)


def test_no_circles():
    graph = {m: {n for n in imports(m) if n in MODULES} for m in MODULES if m != "frechet"}
    order, state = [], {}

    def visit(m, path):
        if state.get(m) == "done":
            return
        assert state.get(m) != "open", f"modules import each other in a circle: {[*path, m]}"
        state[m] = "open"
        for n in sorted(graph.get(m, ())):
            if n != m and not (m.startswith(n + ".") or n.startswith(m + ".")):
                visit(n, [*path, m])
        state[m] = "done"
        order.append(m)

    for m in graph:
        visit(m, [])


# --- what an import loads -------------------------------------------------------------------------


def loaded(code):
    """The top-level packages in sys.modules after some code has run in a fresh interpreter."""
    code = f"import sys\n{code}\nprint(' '.join(sorted({{m.partition('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


HEAVY = {"scipy", "jax", "torch", "matplotlib", "optree", "autograd", "pandas", "hypothesis", "pytest"}


def test_import_loads_numpy_and_nothing_heavy():
    packages = loaded("import frechet as fr")
    assert "numpy" in packages
    assert not packages & HEAVY


def test_import_loads_no_rules():
    code = "import sys, frechet\nprint([m for m in sys.modules if m.startswith('frechet.rules.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_gradients_of_arrays_load_neither_optree_nor_peers():
    code = (
        "import numpy as np, frechet as fr\n"
        "fr.grad(lambda x: np.sum(np.sin(x) * x[0]))(np.ones(3))\n"
        "fr.hessian(lambda x: x * x)(2.0)"
    )
    assert not loaded(code) & (HEAVY - {"scipy"})


def test_containers_load_optree():
    assert "optree" in loaded("import frechet as fr\nfr.grad(lambda p: p['a'] ** 2)({'a': 1.0})")


def test_domains_load_when_first_used():
    code = (
        "import sys, frechet as fr\n{}\n"
        "domains = ('frechet.linalg', 'frechet.fft', 'frechet.nufft', 'frechet.testing')\n"
        "print([m for m in domains if m in sys.modules])"
    )
    for use, expected in (
        ("", "[]"),
        ("fr.linalg", "['frechet.linalg']"),
        ("fr.nufft", "['frechet.nufft']"),
        ("fr.testing", "['frechet.testing']"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code.format(use)], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == expected
    assert not loaded("import frechet as fr\nfr.linalg, fr.fft, fr.nufft, fr.testing") & {
        "jax",
        "torch",
        "matplotlib",
    }


def test_no_module_imports_peers_at_its_top():
    for module, path in MODULES.items():
        if package_of(module) in ("jax", "torch"):
            continue
        assert not {name.partition(".")[0] for name in top_level_imports(path)} & {
            "jax",
            "torch",
            "matplotlib",
            "autograd",
        }, module


# --- the public face ------------------------------------------------------------------------------

PUBLIC = [
    "grad",
    "value_and_grad",
    "vjp",
    "jvp",
    "linearize",
    "jacobian",
    "hessian",
    "hvp",
    "stop_gradient",
    "array",
    "space",
    "rule",
    "register_space",
    "LinearMap",
]
ERRORS = [
    "FrechetError",
    "CoercionError",
    "NotDifferentiableError",
    "TraceEndedError",
    "InPlaceError",
    "SpaceError",
    "RuleError",
]


def test_the_names_of_the_design_are_there():
    for name in (*PUBLIC, *ERRORS, "linalg", "fft", "nufft", "testing"):
        assert hasattr(fr, name), name


def test_exported_names_are_exactly_all():
    import types

    visible = {
        n for n, v in vars(fr).items() if not n.startswith("_") and not isinstance(v, types.ModuleType)
    }
    visible -= {"annotations", "Any"}  # of the module's own making
    assert visible == {n for n in fr.__all__ if not isinstance(getattr(fr, n), types.ModuleType)}
    assert len(set(fr.__all__)) == len(fr.__all__)
    assert list(fr.__all__) == sorted(fr.__all__)
    namespace = {}
    exec("from frechet import *", namespace)
    assert set(fr.__all__) <= set(namespace)
    assert set(fr.__all__) <= set(dir(fr))


def test_unknown_names_raise_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = fr.no_such_name
    assert not hasattr(fr, "_private")


def test_version_is_that_of_the_project():
    text = (SOURCE.parents[1] / "pyproject.toml").read_text()
    assert re.search(r'^version = "(.*)"', text, re.MULTILINE).group(1) == fr.__version__


def test_the_package_is_typed():
    assert (SOURCE / "py.typed").exists()


@pytest.mark.parametrize("name", [*PUBLIC, *ERRORS])
def test_public_names_are_documented(name):
    thing = getattr(fr, name)
    doc = inspect.getdoc(thing)
    assert doc
    assert len(doc.splitlines()[0]) > 15
    if name in ERRORS:
        return
    if not inspect.isclass(thing):
        examples = doctest.DocTestFinder(recurse=False).find(thing, name)[0].examples
        assert examples, f"{name} has no example"
        signature = inspect.signature(thing)
        assert signature.return_annotation is not inspect.Signature.empty


@pytest.mark.parametrize("module", [m for m in MODULES if not m.rpartition(".")[2].startswith("_")])
def test_modules_and_public_functions_are_documented(module):
    tree = ast.parse(MODULES[module].read_text())
    if not tree.body:
        return
    assert ast.get_docstring(tree), f"{module} has no docstring"
    if package_of(module) == "rules":
        return  # a rule is documented by the function whose rule it is
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{module}.{node.name} has no docstring"


def test_files_are_short():
    long = {
        m: n
        for m, p in MODULES.items()
        if (n := len(p.read_text().splitlines())) > 500 and package_of(m) not in ("rules", "fft")
    }
    assert not long


# --- messages -------------------------------------------------------------------------------------


def strings(path):
    """The texts of a module that are no docstrings, with formatted values left out."""
    tree = ast.parse(path.read_text())
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


@pytest.mark.parametrize("module", MODULES)
def test_messages_offer_what_exists(module):
    for text in strings(MODULES[module]):
        for dotted in re.findall(r"\bfr\.([A-Za-z_]+(?:\.[A-Za-z_]+)*)", text):
            thing = fr
            for name in dotted.split("."):
                assert hasattr(thing, name), (
                    f"{module} offers fr.{dotted}, which does not exist: {text!r:.90}"
                )
                thing = getattr(thing, name)


@pytest.mark.parametrize("module", MODULES)
def test_messages_offer_what_numpy_has(module):
    np = importlib.import_module("numpy")
    for text in strings(MODULES[module]):
        for dotted in re.findall(r"\bnp\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)", text):
            thing = np
            for name in dotted.split("."):
                assert hasattr(thing, name), (
                    f"{module} offers np.{dotted}, which does not exist: {text!r:.90}"
                )
                thing = getattr(thing, name)


def test_no_prints():
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "print", module
