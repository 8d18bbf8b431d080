"""SciPy's own functions on traced arrays: a backend for scipy.fft.

The functions of scipy.fft look for a backend that takes their arguments (the uarray protocol).  Ours takes
those calls in which something is traced, and hands them to the function of the same name in `frechet.fft`;
it declines all others, which then go where they would have gone without it.

A backend that a user prefers, by ``scipy.fft.set_backend`` or ``set_global_backend`` without ``try_last``,
is asked before this one.  If it does not know traced arrays it raises, or converts them, which raises as
well.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from ..tracing import Traced


class Backend:
    """The backend, as scipy.fft.register_backend takes it."""

    __ua_domain__ = "numpy.scipy.fft"

    @staticmethod
    def __ua_function__(method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of a call of scipy.fft, or NotImplemented where nothing in it is traced."""
        for x in args:
            if isinstance(x, Traced):
                break
        else:
            if not any(isinstance(x, Traced) for x in kwargs.values()):
                return NotImplemented
        from . import fourier, hankel, real_transforms

        for module in (fourier, real_transforms, hankel):
            rule = getattr(module, method.__name__, None)
            if rule is not None:
                return rule(*args, **kwargs)
        return NotImplemented


def register_when_imported() -> None:
    """Register the backend with scipy.fft: at once where that is loaded, else when it will be.

    scipy.fft is not imported for that, as it takes longer to load than NumPy.
    """
    if "scipy.fft" in sys.modules:
        _register()
    elif not any(isinstance(finder, _AfterImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterImport())


def _register() -> None:
    import scipy.fft  # waits where another thread is importing it

    scipy.fft.register_backend(Backend)


class _AfterImport:
    """An entry of sys.meta_path that registers the backend once scipy.fft is imported, and removes itself."""

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> Any:
        """The module's own spec, with a loader that runs one step more; None for all other modules."""
        if name != "scipy.fft" or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module: ModuleType) -> None:
                execute(module)
                _register()

            spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]  # on purpose
        return spec
