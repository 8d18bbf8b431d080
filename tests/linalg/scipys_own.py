"""A plugin for pytest that puts our functions in the place of SciPy's in SciPy's own tests."""

import scipy.linalg

import frechet as fr


def pytest_collection_modifyitems(items):
    swapped = set()
    for module in {item.module for item in items}:
        for name in fr.linalg.__all__:
            ours, theirs = getattr(fr.linalg, name), getattr(scipy.linalg, name, None)
            if ours is not theirs and getattr(module, name, None) is theirs is not None:
                setattr(module, name, ours)
                swapped.add(name)
    print("swapped:", *sorted(swapped))
