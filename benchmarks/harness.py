"""Time contenders against each other in one process, fairly.

For every repetition each contender is timed in turn, in random order, so that a slow spell of the machine
falls on all of them; what is reported is the median over the repetitions of the ratio *within* a repetition.
Before anything is timed, every contender's result is compared with ours, to the row's stated tolerance.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import Any

import numpy as np

SAMPLE_SECONDS = 5e-3  # a sample repeats its call until it lasts about this long
LONG_CALL = 0.25  # a call longer than this gets no untimed call before each sample
NOT_INSTALLED = "not installed"
FLOOR = "floor"
FASTEST = "fastest of these"


@dataclass(frozen=True)
class Measured:
    """What a contender returns that measures itself (in a subprocess): the amount, and results to compare."""

    amount: float
    results: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    ``run`` does it once and returns its results (an array or a tuple of them) or a :class:`Measured`. A
    contender that computes the value alone returns the value alone: the leading results are what is compared.
    ``run`` is None where the package that it needs is not installed.
    """

    name: str
    run: Callable[[], Any] | None


@dataclass(frozen=True)
class Target:
    """Ours must take at most ``limit`` times what the fastest of ``peers`` takes."""

    peers: tuple[str, ...]
    limit: float
    wording: str


@dataclass(frozen=True)
class Mean:
    """Over all rows of a family: the geometric mean of the ratios to ``peer`` must be at most ``limit``."""

    family: str
    peer: str
    limit: float


@dataclass(frozen=True)
class Floor:
    """What the work cannot go below, in words, and as a contender or a number where it can be had."""

    text: str
    run: Callable[[], Any] | None = None
    amount: float | None = None


@dataclass(frozen=True)
class Row:
    """A piece of work, who does it, and what ours must reach."""

    work: str
    ours: Contender
    others: Sequence[Contender]
    targets: Sequence[Target]
    floor: Floor
    tolerance: float  # relative, in the Euclidean norm of each result
    why_tolerance: str
    unit: str = "s"
    count: int = 1  # amounts are shown divided by this, e.g. per operation
    max_rounds: int = 41
    notes: Sequence[str] = ()  # what a reader must know of this row: settings that were chosen, work counted
    means: Sequence[Mean] = ()


@dataclass
class Sample:
    """What was measured of one contender: an amount per round, or why there is none."""

    amounts: list[float] = field(default_factory=list)
    cores: float | None = None  # processor time over elapsed time: the cores it kept busy
    difference: float | None = None  # of its results from the reference, relative
    problem: str | None = None

    @property
    def median(self) -> float | None:
        """The median amount over the rounds."""
        return float(np.median(self.amounts)) if self.amounts else None


@dataclass
class Comparison:
    """Ours against a peer, or the fastest of several: the ratio's median and quartiles, or the problem."""

    peer: str
    median: float | None
    quartiles: tuple[float, float] | None
    target: Target | None
    problem: str | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target was reached; None where there is no target or no ratio."""
        if self.target is None or self.median is None:
            return None
        return self.median <= self.target.limit


@dataclass
class Outcome:
    """A measured row."""

    name: str
    row: Row
    samples: dict[str, Sample]
    comparisons: list[Comparison]
    floor_amount: float | None
    rounds: int

    @property
    def problems(self) -> list[str]:
        """Everything that went wrong; a peer that is not installed is no problem."""
        return [
            f"{who}: {sample.problem}"
            for who, sample in self.samples.items()
            if sample.problem not in (None, NOT_INSTALLED)
        ]


def measure(
    name: str,
    row: Row,
    *,
    seconds: float,
    min_rounds: int,
    rng: np.random.Generator,
    on_round: Callable[[int, int], None] = lambda done, total: None,
) -> Outcome:
    """Check the contenders' results, time them in alternation, and compare them.

    Parameters
    ----------
    name, row
        What to measure.
    seconds
        Time to spend on the timed part; `min_rounds` rounds are taken even if they last longer.
    min_rounds
        The fewest rounds.
    rng
        Decides the order of the contenders in each round.
    on_round
        Called with the rounds done and the rounds in all.
    """
    contenders = [row.ours, *row.others]
    samples = {c.name: Sample(problem=None if c.run else NOT_INSTALLED) for c in contenders}
    verify(contenders, samples, row.tolerance)
    runs = {c.name: c.run for c in contenders if c.run and samples[c.name].problem is None}
    if row.floor.run is not None:
        samples[FLOOR] = Sample()
        runs[FLOOR] = row.floor.run

    gc.collect()
    gc.freeze()  # what was loaded before is not searched again by collections during the timing
    timers = {who: _Timer(run) for who, run in runs.items()}
    one_round = sum(timer.duration for timer in timers.values())
    rounds = min(max(min_rounds, int(seconds / one_round)), row.max_rounds) if timers else 0
    for done in range(rounds):
        for who in rng.permutation(list(timers)).tolist():
            samples[who].amounts.append(timers[who].sample())
        on_round(done + 1, rounds)
    gc.unfreeze()
    for who, timer in timers.items():
        samples[who].cores = timer.cores
    floor_sample = samples.pop(FLOOR, None)
    return Outcome(
        name=name,
        row=_without_runs(row),
        samples=samples,
        comparisons=_compare(row, samples),
        floor_amount=floor_sample.median if floor_sample else row.floor.amount,
        rounds=rounds,
    )


def _without_runs(row: Row) -> Row:
    """What a report needs of a row, without the arrays that the contenders hold."""
    return replace(
        row,
        ours=replace(row.ours, run=None),
        others=[replace(other, run=None) for other in row.others],
        floor=replace(row.floor, run=None),
    )


def verify(contenders: Sequence[Contender], samples: dict[str, Sample], tolerance: float) -> None:
    """Run every contender once and compare its results with those of the first that ran."""
    reference: list[np.ndarray] | None = None
    whose = ""
    for contender in contenders:
        sample = samples[contender.name]
        if contender.run is None:
            continue
        try:
            results = as_arrays(contender.run())
        except Exception as error:  # noqa: BLE001 -- reported in the table, and the run fails because of it
            sample.problem = f"{type(error).__name__}: {error}"
            continue
        if reference is None:
            reference, whose = results, contender.name
            continue
        sample.difference = largest_difference(results, reference)
        if not sample.difference <= tolerance:  # NaN must fail
            sample.problem = f"differs from {whose} by {sample.difference:.1e} (allowed: {tolerance:.0e})"


def as_arrays(results: Any) -> list[np.ndarray]:
    """Results of any package as a flat list of NumPy arrays.

    Examples
    --------
    >>> as_arrays((1.5, [np.zeros(2)]))
    [array(1.5), array([0., 0.])]
    """
    if isinstance(results, Measured):
        results = results.results
    if isinstance(results, tuple | list):
        return [array for result in results for array in as_arrays(result)]
    if hasattr(results, "detach"):  # a tensor of PyTorch
        results = results.detach().numpy()
    return [np.asarray(results)]


def largest_difference(results: Sequence[np.ndarray], reference: Sequence[np.ndarray]) -> float:
    """The largest relative difference, in the Euclidean norm, over the leading results that both have.

    Examples
    --------
    >>> largest_difference([np.array([3.0, 4.0])], [np.array([3.0, 5.0]), np.array(7.0)])
    0.17149858514250882
    """
    largest = 0.0
    for ours, theirs in zip(results, reference, strict=False):
        if ours.shape != theirs.shape:
            return math.inf
        norm = max(float(np.linalg.norm(theirs)), np.finfo(np.float64).tiny)
        largest = max(largest, float(np.linalg.norm(ours - theirs)) / norm)
    return largest


class _Timer:
    """Times one contender: warms it up, chooses how often a sample repeats the call, takes samples."""

    def __init__(self, run: Callable[[], Any]) -> None:
        self.run = run
        run()  # compiles, and fills the caches
        start = time.perf_counter()
        self.measures_itself = isinstance(run(), Measured)
        once = time.perf_counter() - start
        self.loops = 1
        if not self.measures_itself and once < SAMPLE_SECONDS:
            start = time.perf_counter()
            guess = math.ceil(SAMPLE_SECONDS / once / 4)
            for _ in repeat(None, guess):
                run()
            once = (time.perf_counter() - start) / guess
            self.loops = math.ceil(SAMPLE_SECONDS / once)
        # An untimed call before each sample gives every contender its own data in the caches.
        self.untimed_call = not self.measures_itself and once < LONG_CALL
        self.duration = once * (self.loops + self.untimed_call)
        self.elapsed = 0.0
        self.busy = 0.0

    def sample(self) -> float:
        """The amount per call, over one sample."""
        gc.collect()
        run = self.run
        if self.untimed_call:
            run()
        processor = time.process_time()
        start = time.perf_counter()
        for _ in repeat(None, self.loops):
            result = run()
        elapsed = time.perf_counter() - start
        self.busy += time.process_time() - processor
        self.elapsed += elapsed
        return result.amount if self.measures_itself else elapsed / self.loops

    @property
    def cores(self) -> float | None:
        """Processor time over elapsed time: how many cores the samples kept busy."""
        return None if self.measures_itself else self.busy / self.elapsed


def geometric_means(outcomes: Sequence[Outcome]) -> dict[Mean, list[float]]:
    """The ratios that each geometric mean is over, of the rows that were measured."""
    ratios: dict[Mean, list[float]] = {}
    for outcome in outcomes:
        medians = {c.peer: c.median for c in outcome.comparisons}
        for mean in outcome.row.means:
            median = medians.get(mean.peer)
            if median is not None:
                ratios.setdefault(mean, []).append(median)
    return ratios


def _compare(row: Row, samples: dict[str, Sample]) -> list[Comparison]:
    """Ours against each other contender, and against the fastest of several where a target asks for that."""
    single = {target.peers[0]: target for target in row.targets if len(target.peers) == 1}
    comparisons = [
        _comparison(other.name, [other.name], row, samples, single.get(other.name)) for other in row.others
    ]
    several = [target for target in row.targets if len(target.peers) > 1]
    return comparisons + [_comparison(FASTEST, target.peers, row, samples, target) for target in several]


def _comparison(
    name: str, peers: Sequence[str], row: Row, samples: dict[str, Sample], target: Target | None
) -> Comparison:
    ours = samples[row.ours.name]
    measured = [samples[peer].amounts for peer in peers if samples[peer].amounts]
    if not measured or not ours.amounts:
        problem = ours.problem if measured else samples[peers[0]].problem
        return Comparison(name, None, None, target, problem)
    ratios = np.array(ours.amounts) / np.min(measured, axis=0)
    lower, median, upper = np.quantile(ratios, [0.25, 0.5, 0.75]).tolist()
    return Comparison(name, median, (lower, upper), target)
