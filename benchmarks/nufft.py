"""Nonuniform Fourier transforms without derivatives, beside ducc0's and finufft's, at equal achieved error.

Types 1 and 2 over dimensions, sizes, tolerances and precisions, some of them with plans; type 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.context import Context, Run
from benchmarks.harness import Contender, Floor, Mean, Row, Target
from benchmarks.nufft_accuracy import (
    Matched,
    at_modes,
    direct1,
    direct2,
    direct3,
    error,
    match,
    sample_of_modes,
    sample_size,
)

Make = Callable[[float], Run]  # from a tolerance to what is timed

NEVER_BEHIND = 1.15  # of ducc0


def axes(total: int, d: int) -> tuple[int, ...]:
    """About ``total`` modes in d dimensions, as many along each axis.

    >>> axes(10**6, 2), axes(10**6, 3)
    ((1000, 1000), (100, 100, 100))
    """
    return (round(total ** (1 / d)),) * d


def shortly(number: float) -> str:
    """One digit and a power of ten.

    >>> shortly(10**6), shortly(1e-6)
    ('1e6', '1e-6')
    """
    digit, _, power = f"{number:.0e}".partition("e")
    return f"{digit}e{int(power)}"


@dataclass(frozen=True)
class Problem:
    """A transform of type 1 or 2 of random data at random points."""

    kind: int
    n_modes: tuple[int, ...]
    count: int  # of points
    single: bool = False
    stack: int = 0

    @property
    def sign(self) -> int:
        """Of the exponent: finufft's own choice."""
        return 1 if self.kind == 1 else -1

    @cached_property
    def points(self) -> np.ndarray:
        """(M, d), in [−π, π)."""
        x = np.random.default_rng(11).uniform(-np.pi, np.pi, (self.count, len(self.n_modes)))
        return x.astype(np.float32) if self.single else x

    @cached_property
    def columns(self) -> list[np.ndarray]:
        """The coordinates, each in an array of its own."""
        return [np.ascontiguousarray(x) for x in self.points.T]

    @cached_property
    def data(self) -> np.ndarray:
        """Strengths of the points (type 1) or modes (type 2)."""
        rng = np.random.default_rng(12)
        shape = (*((self.stack,) * bool(self.stack)), *((self.count,) if self.kind == 1 else self.n_modes))
        re, im = rng.standard_normal((2, *shape), np.float32 if self.single else np.float64)
        return re + 1j * im

    @property
    def name(self) -> str:
        """In words."""
        power = ("", "²", "³")[len(self.n_modes) - 1]
        modes = f"{self.n_modes[0]}{power}"
        return f"type {self.kind}, {modes} modes, {shortly(self.count)} points, {self.data.dtype}"

    @cached_property
    def _exact(self) -> tuple[np.ndarray, np.ndarray]:
        """Some outputs, by direct sums, and which they are."""
        rng = np.random.default_rng(13)
        number = sample_size(self.count, math.prod(self.n_modes))
        data = self.data.astype(np.complex128)
        data = data[0] if self.stack else data
        if self.kind == 1:
            which = sample_of_modes(self.n_modes, number, rng)
            return which, direct1(self.points, data, which, self.sign)
        which = rng.integers(0, self.count, number)
        return which, direct2(self.points[which], data, self.sign)[0]

    def error(self, output: np.ndarray) -> float:
        """The relative error of an output, over a sample of it."""
        which, exact = self._exact
        output = output[0] if self.stack else output
        return error([at_modes(output, which) if self.kind == 1 else output[which]], [exact])


# --- contenders: from a tolerance to what is timed ---------------------------------------------------------


def frechet(fr: ModuleType, p: Problem, threads: int, eps: float) -> Run:
    """One call."""
    if p.kind == 1:
        return lambda: fr.nufft.nufft1(p.points, p.data, p.n_modes, eps=eps, isign=p.sign, nthreads=threads)
    return lambda: fr.nufft.nufft2(p.points, p.data, eps=eps, isign=p.sign, nthreads=threads)


def ducc0(ducc: ModuleType, p: Problem, threads: int, eps: float) -> Run:
    """One call for each transform of a stack: it takes points anew for each, or several in one call."""
    common = {"coord": p.points, "forward": p.sign < 0, "epsilon": eps, "nthreads": threads}

    def type1() -> Any:
        out = np.empty(((p.stack, *p.n_modes) if p.stack else p.n_modes), p.data.dtype)
        return ducc.nufft.nu2u(points=p.data, out=out, **common)

    return type1 if p.kind == 1 else lambda: ducc.nufft.u2nu(grid=p.data, **common)


def finufft(fi: ModuleType, p: Problem, threads: int, eps: float) -> Run:
    """One call."""
    function = getattr(fi, f"nufft{len(p.n_modes)}d{p.kind}")
    options = {"eps": eps, "isign": p.sign, "nthreads": threads}
    if p.kind == 1:
        return lambda: function(*p.columns, p.data, p.n_modes, **options)
    return lambda: function(*p.columns, p.data, **options)


def frechet_planned(fr: ModuleType, p: Problem, threads: int, eps: float) -> Run:
    """An execution, with points that have been sorted."""
    plan = fr.nufft.Plan(p.kind, p.n_modes, eps=eps, isign=p.sign, dtype=p.data.dtype.name, nthreads=threads)
    plan.setpts(*p.columns)
    return lambda: plan.execute(p.data)


def ducc0_planned(ducc: ModuleType, p: Problem, threads: int, eps: float) -> Run:
    """An execution, with points that have been sorted."""
    plan = ducc.nufft.plan(
        nu2u=p.kind == 1, coord=p.points, grid_shape=p.n_modes, epsilon=eps, nthreads=threads
    )
    if p.kind == 1:
        return lambda: plan.nu2u(forward=p.sign < 0, points=p.data)
    return lambda: plan.u2nu(forward=p.sign < 0, grid=p.data)


def finufft_planned(fi: ModuleType, p: Problem, threads: int, eps: float) -> Run:
    """An execution, with points that have been sorted."""
    plan = fi.Plan(p.kind, p.n_modes, 1, eps, p.sign, p.data.dtype.name, nthreads=threads)
    plan.setpts(*p.columns)
    return lambda: plan.execute(p.data)


def contenders(context: Context, makes: dict[str, Make | None], matched: Matched) -> list[Contender]:
    """What is timed, each at its own tolerance."""

    def run(name: str, make: Make | None) -> Run | None:
        if make is None:
            return None
        if name not in matched.tolerances:
            return partial(_refuse, matched.allowed)
        return make(matched.tolerances[name])

    return [Contender(name, run(name, make)) for name, make in makes.items()]


def _refuse(allowed: float) -> Any:
    raise RuntimeError(f"reaches no error of {allowed:.1e}")


def made(package: ModuleType | None, make: Callable[..., Run], *arguments: Any) -> Make | None:
    """``make`` with all but its tolerance; None where the package is not installed."""
    return None if package is None else partial(make, package, *arguments)


def with_plans(context: Context) -> ModuleType | None:
    """Frechet, if it has plans."""
    fr = context.frechet
    return fr if fr is not None and hasattr(fr.nufft, "Plan") else None


def width_of(
    fr: ModuleType | None, p: Problem, eps: float, slopes: bool = False
) -> tuple[int, tuple[int, ...]]:
    """Our kernel's width and fine grid; (0, ()) where frechet is not installed."""
    if fr is None:
        return 0, ()
    from frechet.nufft._grid import choose_grid

    count = 1 << max(p.count - 1, 1).bit_length()
    grid = choose_grid(p.n_modes, count, eps, p.single, slopes, 0.0, False)
    return grid.kernel.width, grid.sizes


def least_work(p: Problem, threads: int) -> Run:
    """A Fourier transform of the modes, and a copy of points and values: what no method goes without."""
    import scipy.fft

    grid = np.ones(p.n_modes, p.data.dtype)
    values = np.ones(p.count, p.data.dtype)

    def run() -> Any:
        return scipy.fft.fftn(grid, workers=threads), p.points.copy(), values.copy()

    return run


def floor_of(p: Problem, context: Context, eps: float, components: int = 1, slopes: bool = False) -> Floor:
    """The least work, and beside it the arithmetic and the traffic of our passes over the points.

    components: of the values at the points, in all passes.  slopes: whether there are derivatives among them.
    """
    w, sizes = width_of(context.frechet, p, eps, slopes)
    d = len(p.n_modes)
    moved = p.points.nbytes + (math.prod(sizes) + p.count) * p.data.itemsize
    return Floor(
        f"the FFT of the modes and a copy of points and values; ours has w = {w}, {components} × 2wᵈM = "
        f"{components * 2 * w**d * p.count:.1e} multiplications and touches {moved / 1e6:.3g} MB at least",
        least_work(p, context.threads),
    )


# --- rows --------------------------------------------------------------------------------------------------


def plain(
    kind: int, d: int, modes: int, count: int, single: bool, eps: float, planned: bool, context: Context
) -> Row:
    """A transform of type 1 or 2, beside ducc0 and finufft."""
    p = Problem(kind, axes(modes, d), count, single)
    kinds = {
        False: (frechet, ducc0, finufft),
        True: (frechet_planned, ducc0_planned, finufft_planned),
    }[planned]
    ours_there = with_plans(context) if planned else context.frechet
    packages = {"frechet": ours_there, "ducc0": context.ducc0, "finufft": context.finufft}
    makes = {
        name: made(package, make, p, context.threads)
        for (name, package), make in zip(packages.items(), kinds, strict=True)
    }
    matched = match(
        eps,
        {
            name: lambda e, make=make: p.error(make(e)())  # type: ignore[misc]  # a default binds it
            for name, make in makes.items()
            if make
        },
    )
    ours, *others = contenders(context, makes, matched)
    return Row(
        work=f"{p.name}, error ≤ {matched.allowed:.1e}" + ", planned" * planned,
        ours=ours,
        others=others,
        targets=[
            Target(("ducc0",), NEVER_BEHIND, f"≤ {NEVER_BEHIND}"),
            Target(("finufft",), 1.0, "ahead"),
        ],
        floor=floor_of(p, context, matched.tolerances.get("frechet", eps)),
        tolerance=3 * matched.allowed,
        why_tolerance="the error of each, measured at a sample of the outputs",
        notes=matched.notes,
        means=[Mean("plain nonuniform transforms" + ", planned" * planned, "ducc0", 1.0)],
    )


def type3(d: int, context: Context) -> Row:
    """Type 3, with as many cells as points."""
    count = 10**5 if context.quick else 10**6
    extent = axes(count, d)[0]  # modes that the targets' range stands for, along each axis
    rng = np.random.default_rng(14)
    x = rng.uniform(-np.pi, np.pi, (count, d))
    s = rng.uniform(-extent / 2, extent / 2, (count, d))
    c = rng.standard_normal(count) + 1j * rng.standard_normal(count)
    which = rng.integers(0, count, sample_size(count, count))
    exact = direct3(x, c, s[which], 1)
    eps, threads = 1e-6, context.threads
    columns = [np.ascontiguousarray(a) for a in (*x.T, *s.T)]

    def ours(fr: ModuleType, eps: float) -> Run:
        return lambda: fr.nufft.nufft3(x, c, s, eps=eps, isign=1, nthreads=threads)

    def theirs(fi: ModuleType, eps: float) -> Run:
        function = getattr(fi, f"nufft{d}d3")
        sources, targets = columns[:d], columns[d:]
        return lambda: function(*sources, c, *targets, eps=eps, isign=1, nthreads=threads)

    makes = {"frechet": made(context.frechet, ours), "finufft": made(context.finufft, theirs)}
    matched = match(
        eps,
        {
            name: lambda e, make=make: error([make(e)()[which]], exact)  # type: ignore[misc]  # a default binds it
            for name, make in makes.items()
            if make
        },
    )
    first, *others = contenders(context, makes, matched)
    inner = np.ones((extent,) * d, complex)

    def floor() -> Any:
        import scipy.fft

        return scipy.fft.fftn(inner, workers=threads), x.copy(), s.copy(), c.copy()

    return Row(
        work=f"type 3, {d}d, {shortly(count)} points and targets, {extent} cells along an axis, "
        f"error ≤ {matched.allowed:.1e}",
        ours=first,
        others=others,
        targets=[Target(("finufft",), 1.0, "ahead")],
        floor=Floor("an FFT of the cells, and a copy of points, targets and values", floor),
        tolerance=3 * matched.allowed,
        why_tolerance="the error of each, measured at a sample of the outputs",
        notes=matched.notes,
    )


def _rows() -> tuple[dict[str, Callable[[Context], Row]], set[str]]:
    rows: dict[str, Callable[[Context], Row]] = {}
    long = set()
    # Modes and points.  Single precision reaches about 1e-4 with a thousand modes along an axis, and next to
    # nothing with a million.
    sizes = [(10**4, 10**4), (10**4, 10**6), (10**6, 10**5), (10**6, 10**6), (10**4, 10**7), (10**7, 10**7)]
    levels = [("double", 1e-2), ("double", 1e-6), ("double", 1e-12), ("single", 1e-2), ("single", 1e-4)]
    for kind in (1, 2):
        for d in (1, 2, 3):
            for modes, count in sizes:
                for precision, eps in levels:
                    single = precision == "single"
                    large = max(modes, count) == 10**7
                    sparse = modes != count or large  # not every tolerance
                    if (single and d == 1 and modes > 10**4) or (sparse and eps not in (1e-6, 1e-4)):
                        continue
                    size = f"{shortly(modes)}-modes-{shortly(count)}-points"
                    name = f"nufft-{kind}-{d}d-{size}-{precision}-{shortly(eps)}"
                    rows[name] = partial(plain, kind, d, modes, count, single, eps, False)
                    if count != 10**4 and (modes, count, eps) != (10**6, 10**6, 1e-6):
                        long.add(name)
            for modes, count in ((10**4, 10**5), (10**6, 10**6)):
                name = f"nufft-planned-{kind}-{d}d-{shortly(modes)}-modes-{shortly(count)}-points"
                rows[name] = partial(plain, kind, d, modes, count, False, 1e-6, True)
                if modes > 10**4:
                    long.add(name)
    rows |= {f"nufft-3-{d}d": partial(type3, d) for d in (1, 2, 3)}
    return rows, long


ROWS, LONG = _rows()
