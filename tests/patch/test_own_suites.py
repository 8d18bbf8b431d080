"""NumPy's and SciPy's own tests of the replaced functions pass with the patch on.

They run in a process of their own, where the patch is on before they are collected, with their own treatment
of warnings.  A selection, to take less than a minute; without the patch it passes as well.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

NUMPY = [
    "numpy._core.tests.test_overrides",
    "numpy._core.tests.test_array_coercion",
    "numpy._core.tests.test_function_base",
    "numpy.lib.tests.test_twodim_base",
    "numpy.lib.tests.test_index_tricks",
    "numpy.lib.tests.test_type_check",
]
LINALG = [
    "scipy.linalg.tests.test_decomp_cholesky",
    "scipy.linalg.tests.test_special_matrices",
    "scipy.linalg.tests.test_solve_toeplitz",
]
SIGNAL = [
    "scipy.signal.tests.test_signaltools",
    "scipy.signal.tests.test_savitzky_golay",
    "scipy.interpolate.tests.test_interpolate",
    "scipy.integrate.tests.test_quadrature",
    "scipy.special.tests.test_logsumexp",
]
CHOSEN = "Convolve2d or Correlate2d or LinearFilter or FiltFilt or Hilbert or Detrend or SOSFilt or Interp1D"
CHOSEN += " or savgol or Simpson or trapezoid or romb or softmax or logsumexp or LogSumExp"


def run(modules, *options):
    command = [
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.patch.switch_on",
        "-c", "/dev/null", "--rootdir", str(ROOT / "tests" / "patch"), *options, "--pyargs", *modules,
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    return int(re.search(r"(\d+) passed", done.stdout)[1])


# At least so many tests must have run; NumPy 2.4 and SciPy 1.17 have some more.
@pytest.mark.parametrize(
    ("modules", "options", "least"), [(NUMPY, (), 500), (LINALG, (), 100), (SIGNAL, ("-k", CHOSEN), 300)]
)
def test_own_suites(modules, options, least):
    assert run(modules, *options) >= least
