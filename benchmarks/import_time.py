"""`import frechet` beside `import numpy`, each in a fresh interpreter, in alternation."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

from benchmarks.context import Context, build_if
from benchmarks.harness import Contender, Floor, Measured, Row, Target

TIMED_IMPORT = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"
# An installed package has its bytecode; a checkout gets it at the first import, if it may be written.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _statement(package: str) -> Measured:
    """Seconds that the import statement takes."""
    command = [sys.executable, "-c", TIMED_IMPORT.format(package)]
    return Measured(
        float(subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT).stdout)
    )


def _process(package: str) -> Measured:
    """Seconds from the start of an interpreter that only imports the package to its end."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {package}"], check=True, env=ENVIRONMENT)
    return Measured(time.perf_counter() - start)


def _row(work: str, time_import: Callable[[str], Measured], context: Context) -> Row:
    return Row(
        work=work,
        ours=Contender("frechet", build_if(context.frechet, lambda fr: lambda: time_import("frechet"))),
        others=[Contender("import numpy", lambda: time_import("numpy"))],
        targets=[Target(("import numpy",), 1.3, "≤ 1.3")],
        floor=Floor("import numpy"),
        tolerance=0.0,
        why_tolerance="nothing to compare",
    )


def build_statement(context: Context) -> Row:
    """The statement alone: the start of the interpreter, the same for both, would flatter the ratio."""
    return _row("import frechet, the statement", _statement, context)


def build_process(context: Context) -> Row:
    """What a user waits for."""
    return _row("import frechet, the whole process", _process, context)


ROWS = {"import-statement": build_statement, "import-process": build_process}
