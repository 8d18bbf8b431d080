"""Plan: a transform whose points are sorted once, for several executions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..guests import through_doors
from ..linear_map import Array
from ._arguments import (
    as_array,
    check_out,
    checked_coordinates,
    checked_dipoles,
    checked_modes,
    finufft_options,
    integer,
    is_traced,
    sign_of,
    written,
)
from ._grid import check_tolerance
from ._place import place
from ._type3 import OnTargets


class Placed:
    """What `Plan.setpts` has made; other frameworks tell points from others by it."""

    __slots__ = ("at", "n_targets", "points")

    def __init__(self, at: Any, points: Array, n_targets: int) -> None:
        self.at = at  # a Place, or OnTargets
        self.points, self.n_targets = points, n_targets


class Plan:
    """A nonuniform Fourier transform that is executed several times, with the names of FINUFFT.

    What depends on the points alone (that they are sorted) is done once, in `setpts`; kernels and memory for
    grids are kept.  Executions may run in several threads at once.  Nothing need be destroyed.

    Parameters
    ----------
    nufft_type : {1, 2, 3}
        1: nonuniform to uniform, see `nufft1`; 2: uniform to nonuniform, see `nufft2`; 3: nonuniform to
        nonuniform, see `nufft3`.
    n_modes_or_dim : int or sequence of int
        For types 1 and 2 the number of modes along each axis, (N1,), (N1, N2) or (N1, N2, N3), of which the
        first belongs to x; for type 3 the number of dimensions.
    n_trans : int, optional
        How many transforms an execution makes: data are then stacked along their first axis.
    eps : float, optional
        The relative ℓ² error that is allowed; with ``gradient`` or traced points, of derivatives by these,
        too.
    isign : int, optional
        The sign of the exponent: + if it is not negative.  By default + for types 1 and 3, − for type 2.
    dtype : {"complex128", "complex64"}, optional
        The dtype of results, and so the precision.  Data and points may have any dtype that this one can
        hold, and points also float64 where this is complex64: their positions are then those of float64.
    gradient : bool, optional
        Whether gradients or dipoles will be wanted from `execute`: the kernel is chosen for their accuracy,
        too. For derivatives by traced points it always is.
    **options
        ``modeord``, ``upsampfac``, ``nthreads``, ``fft`` and ``period`` as for `nufft1` (type 3 has no use
        for modeord, and no period).  ``spreadinterponly=1``: type 1 spreads onto a grid of n_modes points and
        does no more, type 2 interpolates from one; the first point of the grid is at −π.  ``showwarn=0``: no
        warning where eps is out of reach.  FINUFFT's other options tune its implementation; they are
        accepted, without effect:
        ``debug``, ``spread_debug``, ``fftw``, ``spread_sort``, ``spread_kerevalmeth``, ``spread_kerpad``,
        ``spread_kerformula``, ``spread_thread``, ``maxbatchsize``, ``spread_nthr_atomic``,
        ``spread_max_sp_size``, ``chkbnds``.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If there is no such option, or something is not an integer.

    Warns
    -----
    RuntimeWarning
        If eps is out of reach.

    Notes
    -----
    Differentiable in the data, and in the points where `setpts` is called with traced ones; the plan then
    belongs to that transformation.  A plan with constant points can be used inside and outside of
    transformations.

    Examples
    --------
    >>> import numpy as np
    >>> from frechet import nufft
    >>> x, y = np.array([0.5, -1.2, 2.0]), np.array([1.0, 0.1, -3.0])
    >>> plan = nufft.Plan(1, (4, 6), eps=1e-9)
    >>> plan.setpts(x, y)
    >>> f = plan.execute(np.array([1.0, 2.0, -1.0]))
    >>> f.shape
    (4, 6)
    >>> plan.execute_adjoint(f).shape
    (3,)
    """

    __slots__ = (
        "_dim",
        "_dtype",
        "_n_modes",
        "_n_trans",
        "_options",
        "_placed",
        "_sign",
        "_slopes",
        "_type",
    )

    def __init__(
        self,
        nufft_type: int,
        n_modes_or_dim: Any,
        n_trans: int = 1,
        eps: float = 1e-6,
        isign: int | None = None,
        dtype: Any = "complex128",
        *,
        gradient: bool = False,
        **options: Any,
    ) -> None:
        if nufft_type not in (1, 2, 3):
            raise ValueError(f"Plan: nufft_type must be 1, 2 or 3, got {nufft_type!r}")
        self._type = int(nufft_type)
        self._options = finufft_options("Plan", self._type, eps, options)
        self._dtype: np.dtype[Any] = np.dtype(dtype)
        if self._dtype not in (np.complex64, np.complex128):
            raise ValueError(f"Plan: dtype must be complex64 or complex128, got {self._dtype}")
        self._n_modes: tuple[int, ...] | None = None
        if self._type == 3:
            self._dim = integer(n_modes_or_dim, "Plan", "for type 3, the number of dimensions")
        else:
            self._dim = np.size(n_modes_or_dim)
        if not 1 <= self._dim <= 3:
            what = "dimensions" if self._type == 3 else "entries of n_modes"
            raise ValueError(f"Plan: there must be 1, 2 or 3 {what}, got {n_modes_or_dim!r}")
        self._n_trans = integer(n_trans, "Plan", "n_trans")
        if self._n_trans < 1:
            raise ValueError(f"Plan: n_trans must be positive, got {n_trans}")
        default = -1 if self._type == 2 else 1
        self._sign = default if isign is None else sign_of(isign, "Plan")
        self._slopes = bool(gradient)
        self._placed: Placed | None = None
        if self._type != 3:
            self._n_modes = checked_modes(n_modes_or_dim, self._dim, "Plan")
            given = self._options
            eps = check_tolerance(
                given.eps, self._n_modes, self._single, self._slopes, "Plan", given.upsampfac, given.warn
            )
            self._options = given._replace(eps=eps)

    @property
    def type(self) -> int:
        """1, 2 or 3."""
        return self._type

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of results: complex64 or complex128."""
        return self._dtype

    @property
    def dim(self) -> int:
        """The number of dimensions."""
        return self._dim

    @property
    def n_modes(self) -> tuple[int, ...] | None:
        """The number of modes along each axis; None for type 3."""
        return self._n_modes

    @property
    def n_trans(self) -> int:
        """How many transforms an execution makes."""
        return self._n_trans

    def __repr__(self) -> str:
        what = f"dim={self._dim}" if self._type == 3 else f"n_modes={self._n_modes}"
        points = "no points yet" if self._placed is None else f"{len(self._placed.points)} points"
        return f"<nufft.Plan of type {self._type}, {what}, n_trans={self._n_trans}, {self._dtype}: {points}>"

    @property
    def _single(self) -> bool:
        return bool(self._dtype == np.complex64)

    def setpts(
        self, x: Any = None, y: Any = None, z: Any = None, s: Any = None, t: Any = None, u: Any = None
    ) -> None:
        """Set the points, and for type 3 the targets; those set before are forgotten.

        They are sorted and copied: arrays that are changed afterwards do not change the plan.

        Parameters
        ----------
        x, y, z : (M,) array_like
            Coordinates of the points, as many as the plan has dimensions; plain or traced.  In radians,
            unless there is a period.
        s, t, u : (K,) array_like
            Likewise of the targets, for type 3.

        Raises
        ------
        ValueError
            If a coordinate is missing, too many, or of another length than the first, or not finite.
        TypeError
            If a coordinate is not real.
        MemoryError
            If the grid would be larger than the machine's memory.

        Examples
        --------
        >>> import numpy as np
        >>> from frechet import nufft
        >>> plan = nufft.Plan(3, 1)
        >>> plan.setpts(x=np.array([0.5, 1.0]), s=np.array([10.0, 20.0, -3.0]))
        >>> plan.execute(np.array([1.0, 2.0])).shape
        (3,)
        """
        name = "Plan.setpts"
        points = checked_coordinates(self._named({"x": x, "y": y, "z": z}, self._dim), name)
        targets = self._named({"s": s, "t": t, "u": u}, self._dim if self._type == 3 else 0)
        if self._type == 3:
            at = checked_coordinates(targets, name)
            slopes = self._slopes or is_traced(points, at)
            on_targets = OnTargets(points, at, self._sign, self._single, slopes, self._options, name)
            self._placed = Placed(on_targets, points, len(at))
            return
        assert self._n_modes is not None
        slopes = self._slopes or is_traced(points)
        sign = self._sign if self._type == 2 else -self._sign
        placed = place(points, self._n_modes, sign, self._single, slopes, self._options, name)
        self._placed = Placed(placed, points, 0)  # one assignment: threads see all or nothing of it

    def _named(self, given: dict[str, Any], count: int) -> dict[str, Any]:
        """The coordinates that there must be, all of them and no others."""
        for k, (axis, value) in enumerate(given.items()):
            if (value is None) == (k < count):
                fault = f"{axis} is missing" if value is None else f"{axis} is not one of them"
                axes = (*"xyz"[: self._dim], *("stu"[: self._dim] if self._type == 3 else ""))
                raise ValueError(
                    f"Plan.setpts: the coordinates for type {self._type} and dimension {self._dim} are "
                    f"{', '.join(axes)}; {fault}"
                )
        return dict(list(given.items())[:count])

    def execute(self, data: Any, out: Any = None, *, dipoles: Any = None, gradient: bool = False) -> Any:
        """The transform of data.

        Parameters
        ----------
        data : array_like
            Types 1 and 3: values c at the points, (M,).  Type 2: modes f, (N1, N2, N3).  Plain or traced.  If
            n_trans > 1, they have an axis of that length in front; if it is 1, they may have.
        out : array, optional
            Where the result is written, of its shape and dtype; not while a derivative is taken.
        dipoles : (M, d) or (n_trans, M, d) array_like, optional
            Type 1: dipoles p at the points, whose term Σ_j p_j·∇ e^{±i k·x_j} is added in the same Fourier
            transform. (M,) for one transform in one dimension.
        gradient : bool, optional
            Type 2: whether the gradients by the points are wanted as well, from the same Fourier transform.

        Returns
        -------
        values : array
            Complex.  Type 1: modes f, (N1, N2, N3); type 2: values c at the points, (M,); type 3: values at
            the targets, (K,).  With an axis in front where data have one.
        gradients : (M, d) or (n_trans, M, d) array
            Only with ``gradient``.

        Raises
        ------
        RuntimeError
            If no points have been set.
        ValueError
            If shapes do not fit; if there are dipoles, or gradients are wanted, of a plan without
            ``gradient=True``, as its kernel is not chosen for them.
        TypeError
            If data have a dtype that the plan's cannot hold without loss.
        InPlaceError
            If there is ``out`` and something is traced.
        """
        return _run(self, self._placed, data, out, dipoles, gradient, "Plan.execute", False)

    def execute_adjoint(
        self, data: Any, out: Any = None, *, dipoles: Any = None, gradient: bool = False
    ) -> Any:
        """The adjoint, which has the other sign: it takes what `execute` returns to what `execute` takes.

        Parameters
        ----------
        data : array_like
            Type 1: modes.  Type 2: values at the points.  Type 3: values at the targets.
        out : array, optional
            Where the result is written.
        dipoles : array_like, optional
            As for `execute`, here for type 2.
        gradient : bool, optional
            As for `execute`, here for type 1.

        Returns
        -------
        array, or two with ``gradient``
            As for `execute`.

        Raises
        ------
        RuntimeError, ValueError, TypeError, InPlaceError
            As for `execute`.

        Examples
        --------
        >>> import numpy as np
        >>> from frechet import nufft
        >>> plan = nufft.Plan(1, 4, eps=1e-12, gradient=True)
        >>> plan.setpts(np.array([0.5, -1.2]))
        >>> values, gradients = plan.execute_adjoint(np.array([0, 0, 0, 1]), gradient=True)
        >>> bool(np.allclose(values, np.exp(-1j * np.array([0.5, -1.2]))))
        True
        >>> bool(np.allclose(gradients[:, 0], -1j * values))
        True
        """
        return _run(self, self._placed, data, out, dipoles, gradient, "Plan.execute_adjoint", True)

    def _checked(self, data: Any, shape: tuple[int, ...], what: str, name: str) -> Array:
        """Data of one transform's shape, or stacked, in the plan's dtype."""
        data = as_array(data)
        if data.shape != (self._n_trans, *shape) and (self._n_trans > 1 or data.shape != shape):
            stacked = (self._n_trans, *shape)
            expected = f"{stacked}" if self._n_trans > 1 else f"{shape} or {stacked}"
            what = "values at the targets" if what == "modes" and self._type == 3 else what
            raise ValueError(f"{name}: {what} must have shape {expected}, got {data.shape}")
        return self._cast(data, what, name)

    def _cast(self, data: Array, what: str, name: str) -> Array:
        if not np.can_cast(data.dtype, self._dtype, "safe"):
            raise TypeError(
                f"{name}: {what} must have a dtype that {self._dtype}, the plan's, can hold, got {data.dtype}"
            )
        return np.astype(data, self._dtype, copy=False)

    def _check_slopes(self, dipoles: bool, gradient: bool, from_points: bool, name: str) -> None:
        """Whether dipoles, or gradients, have a meaning here, and a kernel chosen for them."""
        if not dipoles and not gradient:
            return
        asked = "dipoles" if dipoles else "gradient=True"
        if self._type == 3:
            raise ValueError(
                f"{name}: {asked} is for types 1 and 2; differentiate type 3 by its points instead"
            )
        if dipoles and not from_points:
            raise ValueError(f"{name}: dipoles lie at points, and data are modes here")
        if gradient and from_points:
            raise ValueError(f"{name}: gradient=True is for values at points, and those are the data here")
        if not self._slopes:
            raise ValueError(
                f"{name}: {asked} needs a kernel that is accurate in its derivatives, too: "
                f"Plan({self._type}, ..., gradient=True)"
            )


@through_doors
def _run(
    plan: Plan,
    placed: Placed | None,
    data: Any,
    out: Any,
    dipoles: Any,
    gradient: bool,
    name: str,
    adjoint: bool,
) -> Any:
    """What a plan's `execute` and `execute_adjoint` return, for the points that it has now."""
    if placed is None:
        raise RuntimeError(f"{name}: there are no points yet; call setpts first")
    at_points = (len(placed.points),)
    elsewhere = (placed.n_targets,) if plan._n_modes is None else plan._n_modes
    from_points = (plan._type == 2) == adjoint  # whether data are values at the points
    source, goal = (at_points, elsewhere) if from_points else (elsewhere, at_points)

    check_out(out, name, data, dipoles, placed.points)
    data = plan._checked(data, source, "values at the points" if from_points else "modes", name)
    plan._check_slopes(dipoles is not None, gradient, from_points, name)
    if plan._type == 3:
        at = placed.at
        result = at.to_targets(data) if from_points else at.to_points(data)
    elif from_points:
        if dipoles is not None:
            dipoles = plan._cast(
                checked_dipoles(dipoles, placed.points, data.shape[:-1], name), "dipoles", name
            )
        result = placed.at.to_modes(data, dipoles)
    elif gradient:
        values, gradients = placed.at.to_points(data, True)
        return written(values, out, 1, name), gradients
    else:
        result = placed.at.to_points(data)
    return written(result, out, len(goal), name)
