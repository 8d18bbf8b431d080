"""SciPy's functions, each with the function of ours that takes its calls with traced values.

A public function of the modules below has a counterpart of ours, or runs as it is, being written in Python on
top of functions that have one, or is refused for traced values.  Classes stay classes: what they do with
traced values is changed in their methods.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from .. import interpolate
from ._bindings import Attributes
from ._wrappers import passing, refuse, refusing

Function = Callable[..., Any]

DOMAINS = ("linalg", "special", "signal", "integrate", "interpolate")

# Functions without a counterpart that go on to compiled code, which would fail in an obscure way.
REFUSED = {
    "linalg": (),
    "special": (
        "comb", "diric", "factorial", "factorial2", "factorialk", "lmbda", "perm", "spherical_in",
        "spherical_jn", "spherical_kn", "spherical_yn",
    ),
    "signal": (
        "argrelextrema", "argrelmax", "argrelmin", "bilinear", "chirp", "coherence", "csd", "cspline1d",
        "cspline2d", "dlsim", "find_peaks", "find_peaks_cwt", "istft", "lfiltic", "lombscargle", "lsim",
        "medfilt", "medfilt2d", "order_filter", "peak_prominences", "peak_widths", "periodogram",
        "qspline1d", "qspline2d", "resample_poly", "sawtooth", "sepfir2d", "spline_filter", "ss2tf",
        "symiirorder1", "symiirorder2", "upfirdn", "welch",
    ),
    "integrate": (
        "dblquad", "nquad", "nsum", "odeint", "qmc_quad", "quad", "quad_vec", "solve_bvp", "tanhsinh",
        "tplquad",
    ),
    "interpolate": (
        "bisplev", "bisplrep", "griddata", "insert", "interpn", "krogh_interpolate", "make_lsq_spline",
        "make_smoothing_spline", "make_splprep", "make_splrep", "pchip_interpolate", "spalde", "splantider",
        "splder", "splev", "splint", "splprep", "splrep", "sproot",
    ),
}  # fmt: skip
REFUSED_CLASSES = (
    "Akima1DInterpolator", "BPoly", "BSpline", "CloughTocher2DInterpolator", "CubicHermiteSpline",
    "KroghInterpolator", "LSQUnivariateSpline", "LinearNDInterpolator", "NdBSpline", "NdPPoly",
    "NearestNDInterpolator", "PPoly", "PchipInterpolator", "RBFInterpolator", "RectBivariateSpline",
    "RegularGridInterpolator", "UnivariateSpline",
)  # fmt: skip

# Functions that run as they are: SciPy's own Python code, differentiated with all that it calls.  Others may
# do so too; these are tested.
RUN = {
    "special": (
        "h1vp", "h2vp", "ivp", "jvp", "kvp", "lambertw", "polygamma", "sinc", "softplus", "yvp", "zeta",
    ),
    "signal": (
        "cont2discrete", "czt", "decimate", "envelope", "firwin", "freqs", "freqz", "freqz_sos", "freqz_zpk",
        "gausspulse", "group_delay", "hilbert2", "minimum_phase", "normalize", "place_poles", "resample",
        "spectrogram", "stft", "tf2ss", "vectorstrength", "wiener", "zoom_fft", "zpk2tf",
    ),
    "integrate": ("cubature", "fixed_quad", "solve_ivp"),
    "interpolate": ("BarycentricInterpolator", "interp1d", "lagrange"),
}  # fmt: skip


def public_functions(module: ModuleType) -> Iterator[tuple[str, Function]]:
    """The public functions of a module of SciPy, without classes and ufuncs."""
    for name in module.__all__:
        function = getattr(module, name)
        if inspect.isroutine(function):
            yield name, function


def replacements() -> dict[Function, Function]:
    """By function of SciPy, the one that takes its place."""
    found: dict[Function, Function] = {}
    for domain in DOMAINS:
        module = importlib.import_module(f"scipy.{domain}")
        ours = importlib.import_module(f"frechet.{domain}")
        for name, function in public_functions(module):
            if hasattr(ours, name):
                found[function] = passing(function, getattr(ours, name))
            elif name in REFUSED[domain]:
                found[function] = refusing(function, f"scipy.{domain}.{name}")
    return found


def replace_methods(attributes: Attributes) -> None:
    """Let splines be made of traced values, and evaluated at traced points; refuse what cannot be."""
    import scipy.interpolate as module

    for owner in (module.PPoly, module.BSpline):
        attributes.replace(owner, "__call__", passing(owner.__call__, _evaluate))
    for name in REFUSED_CLASSES:
        owner = next(k for k in getattr(module, name).__mro__ if "__init__" in vars(k))
        if not hasattr(owner.__init__, "__wrapped__"):
            attributes.replace(owner, "__init__", passing(owner.__init__, _refuse))
    attributes.replace(module.CubicSpline, "__init__", passing(module.CubicSpline.__init__, _become_spline))


def _evaluate(self: Any, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
    return interpolate.evaluate(self, x, nu, extrapolate)


def _refuse(self: Any, *args: Any, **kwargs: Any) -> None:
    refuse(f"scipy.interpolate.{type(self).__name__}")


def _become_spline(self: Any, *args: Any, **kwargs: Any) -> None:
    """CubicSpline.__init__ for traced values: the object stays a CubicSpline, with methods of ours."""
    spline = interpolate.CubicSpline(*args, **kwargs)
    kind: Any = type(self)
    self.__class__ = _spline_class(kind)
    for name, value in vars(spline).items():
        setattr(self, name, value)


@functools.cache
def _spline_class(base: type) -> type:
    own = {name: f for name, f in vars(interpolate.Spline).items() if callable(f) and name != "__init__"}
    return type(base.__name__, (base,), own)
