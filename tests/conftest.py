"""What the tests share: properties are tested without a limit of time for an example, as nothing is timed."""

from hypothesis import settings

settings.register_profile("frechet", deadline=None)
settings.load_profile("frechet")
