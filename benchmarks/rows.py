"""All rows by name, in the order in which they are printed."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import (
    autoregression,
    factorizations,
    fourier,
    import_time,
    inverse,
    jax_door,
    kalman,
    matrix_equations,
    matrix_functions,
    matrix_roots,
    memory,
    nufft,
    nufft_gradients,
    nufft_resources,
    optimize,
    patching,
    pytorch,
    riccati,
    scalar_chain,
    solves,
    sparse_matrices,
    spectral,
    stacks,
    structured,
)
from benchmarks.context import Context
from benchmarks.harness import Row

ROWS: dict[str, Callable[[Context], Row]] = {
    name: build
    for module in (
        inverse,
        scalar_chain,
        fourier,
        kalman,
        matrix_functions,
        matrix_roots,
        matrix_equations,
        riccati,
        solves,
        factorizations,
        spectral,
        stacks,
        structured,
        sparse_matrices,
        nufft,
        nufft_gradients,
        jax_door,
        pytorch,
        optimize,
        autoregression,
        patching,
        import_time,
        memory,
        nufft_resources,
    )
    for name, build in module.ROWS.items()
}
LONG = nufft.LONG | {*sparse_matrices.LONG}  # rows that --quick leaves out, unless their whole name is given
