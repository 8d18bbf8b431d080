"""The setting of a run: thread counts, the packages compared, and what machine it is.

Thread counts of BLAS, OpenMP and XLA are read when those libraries load, so :func:`set_threads` must run
before NumPy is imported; this module therefore imports nothing heavy at its top.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGES = (  # whose versions the figures depend on, beside ours
    "numpy",
    "scipy",
    "torch",
    "jax",
    "autograd",
    "ducc0",
    "finufft",
    "pytorch-finufft",
    "jax-finufft",
)
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "DUCC0_NUM_THREADS",
    "NPROC",  # the size of XLA's thread pool
)


def set_threads(threads: int) -> None:
    """Give every library the same number of threads; must come before NumPy, PyTorch or JAX is imported."""
    loaded = {"numpy", "torch", "jax"} & sys.modules.keys()
    if loaded:
        raise RuntimeError(f"set_threads must run before {', '.join(sorted(loaded))} is imported")
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)
    os.environ["JAX_PLATFORMS"] = "cpu"


Run = Callable[[], Any]


class Context:
    """What a row needs to know to be built: the packages that are installed, the threads, quick or full.

    A package that is not installed is ``None`` here, and its contenders are reported as not installed.
    """

    def __init__(self, threads: int = 1, quick: bool = False) -> None:
        self.threads = threads
        self.quick = quick

    @cached_property
    def frechet(self) -> ModuleType | None:
        """The library under test."""
        return _import("frechet")

    @cached_property
    def torch(self) -> ModuleType | None:
        """PyTorch, on the run's number of threads."""
        torch = _import("torch")
        if torch is not None:
            torch.set_num_threads(self.threads)
        return torch

    @cached_property
    def jax(self) -> ModuleType | None:
        """JAX in double precision, which is what all contenders use."""
        jax = _import("jax")
        if jax is not None:
            jax.config.update("jax_enable_x64", True)
        return jax

    @cached_property
    def autograd(self) -> ModuleType | None:
        """HIPS autograd."""
        return _import("autograd")

    @cached_property
    def ducc0(self) -> ModuleType | None:
        """Fourier transforms and nonuniform ones, without gradients."""
        return _import("ducc0")

    @cached_property
    def finufft(self) -> ModuleType | None:
        """Nonuniform Fourier transforms."""
        return _import("finufft")

    @cached_property
    def pytorch_finufft(self) -> ModuleType | None:
        """Those of finufft with gradients in PyTorch."""
        return self.torch and _import("pytorch_finufft")

    @cached_property
    def jax_finufft(self) -> ModuleType | None:
        """Those of finufft with gradients in JAX."""
        return self.jax and _import("jax_finufft")


def _import(name: str) -> ModuleType | None:
    """The package, or None if it is not installed; a package that is there but broken raises."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            return None
        raise


def build_if(package: ModuleType | None, build: Callable[[Any], Run]) -> Run | None:
    """``build(package)``, or None where the package is not installed."""
    return None if package is None else build(package)


def describe_machine(context: Context) -> dict[str, str | int]:
    """What the figures depend on: processor, cores, how busy they are with other work, threads, versions."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "load": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown",
        "threads": context.threads,
        "python": platform.python_version(),
        **{name: _version(name) for name in ("frechet", *PACKAGES)},
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
