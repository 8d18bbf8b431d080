"""Frechet timed beside its peers: ``python -m benchmarks``, or ``make bench`` (see benchmarks/README.md)."""
