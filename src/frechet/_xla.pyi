"""frechet._xla: functions that XLA calls (src/core/xla); absent where JAX was not there at the build.

Its own function ``frechet_call(arguments..., function=number)`` calls ``function(*arrays)``, which returns
an array, or a tuple of as many arrays as there are results, of their shapes and dtypes; what is not an
array is made one. The arrays are read-only. They are copies, and the function may keep them; with
borrow=True they are XLA's memory, and it is an error if anything refers to one when the function has
returned. Any thread may call. Numbers are drawn at random, and mean nothing to another process.

An exception of a function reaches JAX as an error whose text has its type and message. The last four
exceptions are kept, but those of functions that borrow: `take_error` gives the last one whose type and
message are in a text, and forgets it; or None.
"""

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

targets: dict[str, object]  # for `jax.ffi.register_ffi_target`, by name, for the platform "cpu"

def register_function(function: Callable[..., Any], borrow: bool = False) -> int: ...
def unregister_function(number: int) -> None: ...  # KeyError if there is none
def take_error(text: str) -> BaseException | None: ...
def column_starts(sizes: Sequence[int]) -> int: ...

largest_matrix: int  # rows that frechet_schur takes
largest_system: int  # unknowns that frechet_kronecker takes

def load_exponentials(programs: NDArray[Any]) -> None: ...  # before frechet_expm and frechet_expm_frechet
