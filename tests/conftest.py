"""What the tests share: how properties are tested.

Nothing is timed, so no example has a limit of time.  With CI in the environment the examples are the same in
every run: a rare one that fails is found and mended here, not met there.
"""

import os

from hypothesis import settings

settings.register_profile("frechet", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("frechet")
