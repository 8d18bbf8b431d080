"""What fr.patch costs where nothing is differentiated: a call with the patch on, less the same without."""

from __future__ import annotations

import math
import timeit
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import scipy.linalg

from benchmarks.context import Context, Run, build_if
from benchmarks.harness import Contender, Floor, Measured, Row, Target

LIMIT, ALLOWED = 200e-9, "200 ns"
_ROW = [1.0, 2.0, 3.0]
_MATRIX = np.eye(2)

CALLS: dict[str, Callable[[], Any]] = {
    "np.asarray(a)": lambda: np.asarray(_MATRIX),
    "np.array([1.0, 2.0, 3.0])": lambda: np.array(_ROW),
    "np.array(a, dtype=float, copy=True)": lambda: np.array(_MATRIX, dtype=float, copy=True),
    "np.zeros(3)": lambda: np.zeros(3),
    "np.full(3, 1.0)": lambda: np.full(3, 1.0),
    "np.arange(3)": lambda: np.arange(3),
    "math.sin(0.5)": lambda: math.sin(0.5),
    "scipy.linalg.inv(a)": lambda: scipy.linalg.inv(_MATRIX),
}


def build(name: str, context: Context) -> Row:
    """A function that is replaced while the patch is on."""
    call = CALLS[name]

    def difference(fr: ModuleType) -> Run:
        def least() -> float:
            return min(timeit.repeat(call, number=1000, repeat=20)) / 1000

        def run() -> Measured:
            without = least()
            with fr.patch():
                return Measured(least() - without)

        return run

    return Row(
        work=f"{name} under fr.patch with nothing traced, less the same without",
        ours=Contender("frechet", build_if(context.frechet, difference)),
        others=[Contender(ALLOWED, lambda: Measured(LIMIT))],
        targets=[Target((ALLOWED,), 1.0, f"≤ {ALLOWED}")],
        floor=Floor("one more call of Python"),
        tolerance=0.0,
        why_tolerance="nothing is compared",
        max_rounds=7,
    )


ROWS: dict[str, Callable[[Context], Row]] = {
    "patch-" + name.split("(")[0].rpartition(".")[2] + ("-keywords" if "=" in name else ""): partial(
        build, name
    )
    for name in CALLS
}
