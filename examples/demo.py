"""The demonstration: `make demo`, or `python examples/demo.py`.

Fits two state-space models with exact derivatives, optimises the path of an MRI scan, works out the examples
that must come out exactly, and times the library beside its peers. Pictures go to `demo_output/`. The exit
status is 0 if every check passed.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where the benchmarks are

from benchmarks.context import set_threads


def main() -> int:
    """Run all parts; 0 if every check passed."""
    start = time.perf_counter()
    set_threads(1)  # for fair timings; the number is read when NumPy is first imported, which is now
    import exact_examples
    import mri
    import nile
    import sunspots
    import timings
    from pictures import folder
    from report import console

    console.print("Checks: differences are relative to the largest expected number, or to 1 if that is more.")
    console.rule("Sunspots: a continuous-time autoregression, fitted by maximum likelihood")
    checks = sunspots.run(folder)
    console.rule("The Nile: a local level seen through noise")
    checks += nile.run(folder)
    console.rule("MRI: the path of a scan, optimised for its picture")
    checks += mri.run(folder)
    console.rule("Examples that must come out exactly")
    checks += exact_examples.run()
    console.rule("Timings")
    checks += timings.run(folder)

    console.rule()
    failed = [check.claim for check in checks if not check.passed]
    verdict = f"[bold red]{len(failed)} failed: {'; '.join(failed)}" if failed else "[bold green]all passed"
    console.print(f"{len(checks)} checks: {verdict}[/]")
    drawn = ", ".join(sorted(path.name for path in folder.glob("*.png")))
    console.print(f"Pictures in {folder.name}/: {drawn}")
    console.print(f"Time: {time.perf_counter() - start:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
