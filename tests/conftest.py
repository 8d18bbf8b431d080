"""What the tests share: how properties are tested, and that a test's random numbers are its own.

Nothing is timed, so no example has a limit of time.  With CI in the environment the examples are the same in
every run: a rare one that fails is found and mended here, not met there.
"""

import os
import sys

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("frechet", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("frechet")

STATES = pytest.StashKey[list[tuple[np.random.Generator, dict]]]()


def pytest_collection_finish(session):
    """Keep the states in which the generators of the test modules are before any test has run."""
    modules = [module for name, module in sys.modules.items() if name.startswith("tests.")]
    found = {id(g): g for m in modules for g in vars(m).values() if isinstance(g, np.random.Generator)}
    session.config.stash[STATES] = [(g, g.bit_generator.state) for g in found.values()]


def pytest_runtest_setup(item):
    """Give every test the same random numbers in every run, whatever ran before it and in which process."""
    for generator, state in item.config.stash[STATES]:
        generator.bit_generator.state = state
