"""scipy.fft with derivatives: its names and signatures, for plain and traced arrays.

Under differentiation, calls of scipy.fft itself come here, see `frechet.fft.backend`; so these names are
needed only where one wants to say explicitly what is meant.  Loading this package does not load scipy.fft;
the first transform does.

>>> import numpy as np
>>> import frechet as fr
>>> fr.grad(lambda x: np.abs(fr.fft.fft(x)[0]))(np.array([1.0, 2.0, 3.0]))
array([1., 1., 1.])
"""

from __future__ import annotations

from typing import Any

from ..guests import through_doors as _through_doors
from ..rule import Rule
from ..rules.fft_maps import library
from .fourier import (
    fft,
    fft2,
    fftn,
    hfft,
    hfft2,
    hfftn,
    ifft,
    ifft2,
    ifftn,
    ihfft,
    ihfft2,
    ihfftn,
    irfft,
    irfft2,
    irfftn,
    rfft,
    rfft2,
    rfftn,
)
from .hankel import fht, ifht
from .real_transforms import dct, dctn, dst, dstn, idct, idctn, idst, idstn

__all__ = [
    "dct",
    "dctn",
    "dst",
    "dstn",
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "fht",
    "fhtoffset",
    "get_workers",
    "hfft",
    "hfft2",
    "hfftn",
    "idct",
    "idctn",
    "idst",
    "idstn",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ifht",
    "ihfft",
    "ihfft2",
    "ihfftn",
    "irfft",
    "irfft2",
    "irfftn",
    "next_fast_len",
    "prev_fast_len",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
    "set_workers",
]


def __getattr__(name: str) -> Any:
    """SciPy's own: helpers without a derivative, and the shifts, which call NumPy's."""
    if name in __all__:
        function = getattr(library(), name)
        return _through_doors(function) if name in ("fftshift", "ifftshift") else function
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# What other frameworks are told of them: a linear function can be transposed.
for _name in __all__:
    if isinstance(globals().get(_name), Rule):
        globals()[_name].options = {"linear": True}
