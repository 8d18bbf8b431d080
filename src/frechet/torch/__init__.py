"""Functions of NumPy arrays as operators of PyTorch.

`wrap` turns a function that Frechet differentiates into one of tensors, with all that PyTorch does with its
own: backward passes of any order, forward mode, torch.func, torch.compile.  Functions of fr.linalg, fr.fft,
fr.nufft and fr.sparse.linalg, and rules, become such functions by themselves when they are given a tensor.
"""

from __future__ import annotations

try:
    import torch as _torch  # noqa: F401  # to say what is missing
except ImportError as error:
    raise ImportError(
        "frechet.torch needs PyTorch, which cannot be imported here: pip install torch"
    ) from error

from ._host import HostTransferWarning
from ._wrap import Wrapped, call, is_array, wrap

__all__ = ["HostTransferWarning", "Wrapped", "call", "is_array", "wrap"]
