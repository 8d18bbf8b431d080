"""Functions that are refused under differentiation, each with the reason and the way out."""

from __future__ import annotations

import numpy as np
from numpy.lib import recfunctions

from ..rule import refuse

refuse(
    "a file holds plain numbers. Save fr.stop_gradient(x), or return x from the differentiated function "
    "(has_aux=True gives further values back) and save it there",
    np.save, np.savez, np.savez_compressed, np.savetxt,
)  # fmt: skip
refuse(
    "structured arrays have no derivative here. Keep the fields as separate arrays, in a dict for example",
    *(f for f in vars(recfunctions).values() if getattr(f, "__module__", "") == recfunctions.__name__ and
      hasattr(f, "_implementation")),
)  # fmt: skip
