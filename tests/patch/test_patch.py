"""fr.patch: on and off, for names imported anywhere, for all threads; the functions stay what they were."""

from __future__ import annotations

import copy
import inspect
import math
import pickle
import subprocess
import sys
import threading
import types

import numpy as np
import pytest
import scipy.linalg
from numpy import zeros

import frechet as fr
from frechet.patching import _pairs
from frechet.tracing import Forward, Tape, Traced


class Original:  # a name of the module itself would be bound to what stands for the function
    zeros = staticmethod(np.zeros)


def by_name():
    """What this module's own import is bound to."""
    return zeros


@pytest.fixture(scope="module")
def replaced():
    with fr.patch():
        return tuple(_pairs)


def test_off_before_and_after():
    before = {name: getattr(np, name) for name in np.__all__}
    methods = {owner: dict(vars(owner)) for owner in (Traced, Tape, Forward)}
    with fr.patch():
        assert np.zeros is not Original.zeros
        assert by_name() is np.zeros
        assert scipy.linalg.inv is not scipy.linalg.inv.__wrapped__
    assert np.zeros is Original.zeros is by_name()
    assert {name: getattr(np, name) for name in np.__all__} == before
    assert {owner: dict(vars(owner)) for owner in (Traced, Tape, Forward)} == methods
    with pytest.raises(fr.CoercionError):
        fr.grad(lambda x: np.array([x])[0])(1.0)


def test_no_module_keeps_what_stood_for_a_function(replaced):
    ours = {id(ours) for _, ours in replaced}
    for module in list(sys.modules.values()):
        if isinstance(module, types.ModuleType) and not module.__name__.startswith("frechet"):
            held = [name for name, value in list(vars(module).items()) if id(value) in ours]
            assert not held, (module.__name__, held)


def test_patches_count():
    first, second = fr.patch(), fr.patch()
    first.undo()
    first.undo()  # a second time does nothing
    assert (first.active, second.active) == (False, True)
    assert np.zeros is not Original.zeros
    with second:  # which ends it
        assert fr.grad(lambda x: np.array([x, 1.0])[0])(2.0) == 1.0
    assert not second.active
    assert np.zeros is Original.zeros
    assert "ended" in repr(second)


def test_the_block_ends_the_patch_after_an_error():
    with pytest.raises(KeyError), fr.patch():
        raise KeyError
    assert np.zeros is Original.zeros


def test_modules_imported_in_between():
    module = types.ModuleType("imported_in_between")
    sys.modules[module.__name__] = module
    try:
        with fr.patch():
            exec("from numpy import zeros\ntable = {zeros: 1, 'zeros': zeros}\nnames = {zeros}", vars(module))
            assert module.zeros is np.zeros
        assert module.zeros is Original.zeros
        assert module.table == {Original.zeros: 1, "zeros": Original.zeros}
        assert module.names == {Original.zeros}
    finally:
        del sys.modules[module.__name__]


def test_tables_keyed_by_functions():
    module = types.ModuleType("with_a_table")
    module.table = {np.zeros: "zeros", scipy.linalg.inv: "inv"}
    sys.modules[module.__name__] = module
    try:
        with fr.patch():
            assert module.table[np.zeros] == "zeros"
            assert module.table[scipy.linalg.inv] == "inv"
        assert module.table == {Original.zeros: "zeros", scipy.linalg.inv: "inv"}
    finally:
        del sys.modules[module.__name__]


def test_functions_stay_what_they_were(replaced):
    with fr.patch():
        for original, ours in replaced:
            for name in ("__name__", "__qualname__", "__doc__", "__module__"):
                assert getattr(ours, name) == getattr(original, name)
            try:
                signature = inspect.signature(original)
            except ValueError:  # some of math have none
                continue
            assert str(inspect.signature(ours)) == str(signature)  # defaults that are NaN equal nothing
        for function in (np.array, np.zeros, np.eye, scipy.linalg.inv, math.sin):
            assert pickle.loads(pickle.dumps(function)) is function
            assert copy.deepcopy(function) is function
        stored = pickle.dumps(np.zeros)
    assert pickle.loads(stored) is Original.zeros


def test_all_forms_of_a_call():
    with fr.patch():
        for a in (
            np.zeros(shape=2), np.zeros(dtype=float, shape=2), np.zeros(2, dtype="f8"), np.zeros(2, float, "C"),  # noqa: E501 - one table
            np.zeros(2, float, order="C"), np.full(2, 0.0), np.full(fill_value=0.0, shape=2),
            np.zeros_like(prototype := np.ones(2), dtype=float), np.zeros_like(a=prototype),
        ):  # fmt: skip
            np.testing.assert_array_equal(a, Original.zeros(2), strict=True)
        assert np.array([1], None) == 1
        for wrong in (
            np.zeros,
            lambda: np.zeros(2, float, dtype=int),
            lambda: np.zeros(2, shape=2),
        ):
            with pytest.raises(TypeError):
                wrong()


def test_classes_are_not_replaced(replaced):
    assert not [f for f, _ in replaced if isinstance(f, type)]


def test_threads():
    """Traces in some threads do not show in others, and patches may begin and end meanwhile."""
    failures: list[str] = []
    done = threading.Event()

    def differentiate(k):
        def f(x):
            y = np.zeros(3)
            y[k % 3] = x
            y += np.array([x, 1.0, 2.0])
            return np.sum(y**2)

        for i in range(100):
            x = 0.1 * i
            want = 2 * (2 * x) * 2 if k % 3 == 0 else 2 * x + 2 * (x + k % 3)
            got = fr.grad(f)(x)
            if abs(got - want) > 1e-12:
                failures.append(f"{k} {i} {got} {want}")

    def plainly():
        while not done.is_set():
            if type(np.zeros(3)) is not np.ndarray or type(np.array([1.0])) is not np.ndarray:
                failures.append("a plain thread got a traced array")

    def on_and_off():
        while not done.is_set():
            with fr.patch():
                pass

    with fr.patch():
        workers = [threading.Thread(target=differentiate, args=(k,)) for k in range(4)]
        others = [threading.Thread(target=plainly), threading.Thread(target=on_and_off)]
        for thread in (*workers, *others):
            thread.start()
        for thread in workers:
            thread.join()
        done.set()
        for thread in others:
            thread.join()
    assert not failures
    assert np.zeros is Original.zeros


def test_not_inside_a_differentiated_function():
    def f(x):
        with fr.patch():
            return np.array([x])[0]

    with pytest.raises(RuntimeError, match="around"):
        fr.grad(f)(1.0)
    assert np.zeros is Original.zeros
    with fr.patch():
        assert fr.grad(f)(1.0) == 1.0


def test_import_does_not_load_it():
    code = "import sys, frechet; print([m for m in sys.modules if m.startswith(('scipy.', 'frechet.patch'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_programs_inside_of_other_frameworks():
    import jax
    import torch

    def f(x):
        P = np.zeros((3, 3))
        for i in range(3):
            P[i, i] = math.sin(x[i])
        return np.sum(scipy.linalg.expm(P) @ np.array([x[0], 1.0, x[2]]))

    x = np.array([1.5, -0.7, 2.2])
    with fr.patch():
        want = fr.grad(f)(x)
        tensor = torch.tensor(x, requires_grad=True)
        fr.torch.wrap(f)(tensor).backward()
        np.testing.assert_allclose(tensor.grad.numpy(), want, rtol=1e-12)
        with jax.enable_x64(True):
            wrapped = fr.jax.wrap(f)
            np.testing.assert_allclose(jax.grad(wrapped)(x), want, rtol=1e-12)
            np.testing.assert_allclose(jax.jit(jax.grad(wrapped))(x), want, rtol=1e-12)


def test_sparse_jacobian():
    def f(x):
        y = np.zeros(4)
        y[1:4] = x**2
        y[0] = np.array([x[0]])[0]
        return y

    x = np.array([1.5, -0.7, 2.2])
    with fr.patch():
        np.testing.assert_allclose(fr.sparse.jacobian(f, x)(x).toarray(), fr.jacobian(f)(x))
