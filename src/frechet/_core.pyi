"""frechet._core, the C++ kernels: small matrices, exponentials, spreading on grids (src/core).

Arrays are of float32, float64, complex64 or complex128, all of a call of the same type; results are
written into arguments.  All are C-contiguous stacks (..., n, n), but those that `Exponential` reads, and
those of `sylvester`, which have any layout and one stack axis at most; where several directions are allowed,
they are further axes in front.
"""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]

level: str  # the instruction set in use: v2, v3, v4 of x86-64, or baseline
kernels: object  # a capsule, for frechet._xla
largest_matrix: int  # rows that the kernels for stacks take
largest_system: int  # unknowns that `kronecker` takes

def sylvester(
    T: Array, S: Array, F: Array, adjoint_t: bool = False, adjoint_s: bool = False, minus: bool = False
) -> bool: ...
def schur(A: Array, T: Array, Z: Array) -> int: ...
def root(X: Array) -> int: ...
def product(
    A: Array, B: Array, C: Array, adjoint_a: bool = False, adjoint_b: bool = False, minus: bool = False
) -> None: ...
def sandwich(Y: Array, V: Array, W: Array, adjoint: bool = False) -> None: ...
def lu_factor(A: Array, LU: Array, pivots: Array) -> int: ...
def lu_solve(LU: Array, pivots: Array, B: Array, X: Array, adjoint: bool = False) -> None: ...
def inverse(A: Array, Y: Array) -> int: ...
def cholesky(A: Array, L: Array) -> int: ...
def cholesky_derivative(L: Array, V: Array, W: Array, adjoint: bool = False) -> None: ...
def expm(A: Array, X: Array, programs: Array) -> bool: ...
def expm_frechet(A: Array, V: Array, L: Array, programs: Array, adjoint: bool = False) -> None: ...

class Exponential:  # one matrix of any size, or a stack along one axis; a bound of a norm for each, or inf
    finite: bool  # whether all of X is
    def __init__(self, A: Array, X: Array, bounds: Array, programs: Array) -> None: ...
    def frechet(self, V: Array, L: Array) -> None: ...

def kronecker(
    terms: Sequence[tuple[Array, Array]], Q: Array, X: Array, adjoint: bool = False, judge: bool = False
) -> float: ...
def selected_inverse(
    L: Array,
    L_indices: Array,
    L_indptr: Array,
    U: Array,
    U_indices: Array,
    U_indptr: Array,
    rows: Array,
    columns: Array,
    Z: Array,
) -> None: ...  # float64 or complex128 vectors, indices of int32; L by columns, U by rows
def color_columns(
    row_indptr: Array, row_indices: Array, column_indptr: Array, column_indices: Array, colors: Array
) -> int: ...  # vectors of int32
def color_star(indptr: Array, indices: Array, colors: Array) -> int: ...

max_width: int  # of a spreading kernel, in grid points
max_order: int  # of the derivatives that a pass over the points takes
tile_edges: tuple[tuple[int, ...], ...]  # of the tiles in which points are sorted, by dimension and axis

class Points:  # nonuniform points, sorted into the tiles of a periodic grid
    count: int
    not_finite: int  # the first point that is not finite, or -1
    bytes: int
    def __init__(
        self,
        coordinates: Sequence[Array],
        periods: Sequence[float],
        sizes: Sequence[int],
        single: bool,
        threads: int = 1,
    ) -> None: ...
    def interpolate(
        self, grid: Array, values: Array, kernel: Array, width: int, order: int = 0, threads: int = 1
    ) -> None: ...
    def spread(
        self, values: Array, grid: Array, kernel: Array, width: int, order: int = 0, threads: int = 1
    ) -> None: ...

def move_modes(
    modes: Array,
    grid: Array,
    factors: Sequence[Array],
    fft_order: bool = False,
    halved: bool = False,
    to_grid: bool = True,
    threads: int = 1,
) -> None: ...

class Workspace:  # memory that is reused after its release; a buffer
    def __init__(self, bytes: int) -> None: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

def clear_workspaces() -> None: ...
def kept_in_workspaces() -> int: ...
