"""SciPy's own tests of matrix functions, matrix equations and factorizations, passed by our functions.

They come with SciPy.  Those that do not hold for us are named here, with the reason.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

DEVIATIONS = {
    "test_al_mohy_higham_2012_experiment_1_funm_log": "asserts that the result is inaccurate; ours is not",
    "test_type_conversion_mixed_sign_or_complex_spectrum": "a real result stays real",
    "test_empty_edge_cases": "the permutation of an m × 0 matrix is m × m, not 0 × 0",
}
# Module, a function that its tests must have been given, and how many of its tests there are at least.
MODULES = [
    ("test_matfuncs", "sqrtm", 140),
    ("test_solvers", "solve_discrete_are", 400),
    ("test_decomp_ldl", "ldl", 5),
    ("test_decomp_lu", "lu", 50),
    ("test_decomp_polar", "polar", 3),
]


@pytest.mark.parametrize(("module", "function", "least"), MODULES, ids=[m[0] for m in MODULES])
def test_scipys_own(module, function, least):
    name = f"scipy.linalg.tests.{module}"
    if importlib.util.find_spec("scipy.linalg.tests") is None:
        pytest.skip("this SciPy was installed without its tests")
    chosen = " and ".join(f"not {deviation}" for deviation in DEVIATIONS)
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "-p", "no:cacheprovider", "-s"]
    command += ["-p", "scipys_own", "--pyargs", name, "-k", chosen, "--rootdir", str(Path(__file__).parent)]
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    closing = done.stdout.strip().splitlines()[-1]
    assert done.returncode == 0, done.stdout[-3000:]
    swapped = next(line for line in done.stdout.splitlines() if line.startswith("swapped:"))
    assert function in swapped.split()
    assert int(closing.split(" passed")[0].split()[-1]) >= least, closing
