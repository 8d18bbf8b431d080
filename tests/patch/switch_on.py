"""A plugin of pytest, `-p tests.patch.switch_on`: the tests run with the patch on."""

import frechet as fr


def pytest_configure():
    fr.patch()
