"""Tensors as arrays and back.

On the CPU both are the same memory.  The tensors of another device are copied, to the host and back: the
functions are NumPy's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from .._warnings import warn
from ..operators import Outline

Tensor = Any

_DTYPES = {
    **{getattr(torch, name): np.dtype(name) for name in ("float64", "float32", "complex128", "complex64")},
    **{
        getattr(torch, f"{sign}int{bits}"): np.dtype(f"{sign}int{bits}")
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
    torch.bool: np.dtype(bool),
}
_INEXACT = frozenset((torch.float64, torch.float32, torch.complex128, torch.complex64))


class HostTransferWarning(UserWarning):
    """Tensors of a device are copied to the host and back; given once."""


_warned = False


def to_host(tensors: Sequence[Tensor], name: str) -> tuple[list[np.ndarray], Any]:
    """The tensors as read-only arrays, and their device; None for the CPU.

    The arrays are read-only because a function that wrote to them would change the caller's tensors.
    """
    device = None
    arrays = []
    for t in tensors:
        if not t.is_cpu and device is None:
            device = device_of(tensors, name)
        if t.dtype not in _DTYPES:
            refuse(t, name)
        try:
            a = t.numpy(force=True)
        except TypeError:
            refuse(t, name)
            raise
        a.flags.writeable = False
        arrays.append(a)
    return arrays, device


def from_host(results: Sequence[np.ndarray], device: Any, name: str) -> tuple[Tensor, ...]:
    """The results as tensors, on a device."""
    try:
        results = _apart(results)
        try:
            tensors = [torch.from_numpy(a) for a in results]
        except ValueError:  # strides that PyTorch has not, such as negative ones
            tensors = [torch.from_numpy(np.array(a, order="C")) for a in results]
    except TypeError:
        _refuse_results(results, name)
        raise
    for t in tensors:
        if t.dtype is torch.float16:
            _refuse_results(results, name)
    return tuple(tensors if device is None else [t.to(device) for t in tensors])


def is_inexact(t: Tensor) -> bool:
    """Whether a tensor is real or complex, and so has a gradient."""
    return t.dtype in _INEXACT


def outline(t: Tensor) -> Outline:
    """The shape and the dtype of a tensor, as an array's."""
    return tuple(t.shape), _DTYPES[t.dtype]


def device_of(tensors: Sequence[Tensor], name: str) -> Any:
    """The device that all tensors are on; one warning that they come through the host."""
    global _warned  # noqa: PLW0603  # it is given once
    devices = {t.device for t in tensors}
    if len(devices) > 1:
        raise RuntimeError(
            f"{name} was called with tensors on different devices: {', '.join(sorted(map(str, devices)))}. "
            "Move them to one: x.to(device)"
        )
    (device,) = devices
    if device.type == "meta":
        raise NotImplementedError(
            f"{name} was called with a tensor on the meta device, which has no values. Call it with tensors "
            "that have them; the shapes of results without values are known within torch.compile"
        )
    if not _warned:
        _warned = True
        warn(
            f"{name} has no implementation for {device.type}: tensors are copied to the host, evaluated "
            "there by NumPy, and the results are copied back. This is said once",
            HostTransferWarning,
        )
    return device


def refuse(t: Tensor, name: str) -> None:
    """Raise the error that says why a tensor cannot be an array."""
    if t.layout is not torch.strided:
        layout = str(t.layout).removeprefix("torch.")
        raise TypeError(
            f"{name} takes full tensors, not those of layout {layout}. Give it the values, A.values() (of a "
            "coalesced tensor), and build the sparse array of them inside: wrap(lambda values, b: "
            "spsolve(fr.sparse.csr_array((values, indices, indptr)), b)); or A.to_dense()"
        )
    if t.is_quantized:
        raise TypeError(f"{name} takes no quantized tensors. Give it x.dequantize()")
    dtype = str(t.dtype).removeprefix("torch.")
    wider = "x.to(torch.complex64)" if t.dtype.is_complex else "x.float()"
    raise TypeError(
        f"{name} was given a tensor of dtype {dtype}, which NumPy does not calculate with. "
        f"Give it {wider}, and convert the result back"
    )


def _refuse_results(results: Sequence[np.ndarray], name: str) -> None:
    for a in results:
        if a.dtype not in _DTYPES.values():
            raise TypeError(
                f"{name} returned an array of dtype {a.dtype}, of which no tensor is made: "
                "return float32 or float64, complex64 or complex128, integers or booleans"
            )


def _apart(results: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """The arrays, none of which shares memory with another: PyTorch may change each of them in place."""
    if len(results) < 2:
        return results
    seen: set[int] = set()
    new = []
    for a in results:
        owner = a
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        new.append(a.copy() if id(owner) in seen else a)
        seen.add(id(owner))
    return new
