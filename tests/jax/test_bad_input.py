"""What cannot be is refused with a message that says the reason and the way out."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse

import frechet as fr
from tests.jax.arrays import double

X = double(np.arange(1.0, 4.0))
BOTH = pytest.mark.parametrize("transform", [lambda f: f, jax.jit])


def run(f, *args):
    return jax.block_until_ready(f(*args))


@BOTH
def test_the_message_of_an_exception_reaches_the_user(transform):
    def risky(x):
        if x[0] > 5:
            raise ValueError("x[0] is larger than 5, which is the reason")
        return x * 2

    f = fr.jax.wrap(risky)
    for g in (f, jax.grad(lambda x: jnp.sum(f(x))), jax.vmap(f, in_axes=0)):
        x = X[None] if g not in (f,) and g.__name__ == "risky" else X
        run(transform(g), x)
        with pytest.raises(Exception, match="which is the reason") as error:
            run(transform(g), x + 5)
        assert "ValueError" in repr(error.value) or isinstance(error.value, ValueError)


def test_a_message_that_is_no_utf8():
    def f(x):
        raise ValueError("a \ud800 b")

    with pytest.raises(RuntimeError, match=r"ValueError: a .*ud800 b"):
        run(jax.jit(fr.jax.wrap(f, result=lambda x: x)), jnp.ones(2))


@BOTH
def test_errors_of_ours_reach_the_user(transform):
    with pytest.raises(Exception, match=r"expm.*square"):
        run(transform(fr.linalg.expm), X)
    no_rule = fr.jax.wrap(lambda x: np.asarray(float(x[0])) * x)
    with pytest.raises(Exception, match=r"float\(x\)"):
        run(transform(jax.grad(lambda x: jnp.sum(no_rule(x)))), X)


def test_shapes_that_depend_on_values():
    f = fr.jax.wrap(np.unique)
    same, other = jnp.array([1.0, 2.0, 2.0]), jnp.array([3.0, 2.0, 1.0])
    compiled = jax.jit(f)
    with pytest.raises(Exception, match=r"np.unique returned float64\[2\].*depend on\s+values"):
        run(compiled, same)  # samples have no equal values
    assert run(compiled, other).shape == (3,)
    f = fr.jax.wrap(np.unique)
    assert f(same).shape == (2,)
    with pytest.raises(
        fr.RuleError, match=r"np.unique returned float64\[3\], but for other values .* float64\[2\]"
    ):
        f(other)


def test_results_that_were_found_to_be_empty():
    """The compiler would leave out a call whose result has no entries."""
    positive = fr.jax.wrap(lambda x: x[x < 0])
    compiled = jax.jit(positive)
    assert run(compiled, X).shape == (0,)
    with pytest.raises(Exception, match=r"float64\[1\].*float64\[0\]"):
        run(compiled, X - 1.5)
    with pytest.raises(Exception, match=r"float64\[1\].*float64\[0\]"):
        run(jax.jit(lambda x: jnp.sum(positive(x))), X - 1.5)


def test_dtypes_and_containers_that_depend_on_values():
    f = fr.jax.wrap(lambda x: np.sqrt(x + 0j) if x[0] < 0 else np.sqrt(x))
    f(X)
    with pytest.raises(fr.RuleError, match=r"complex128\[3\], but for other values .* float64\[3\]"):
        f(-X)
    with pytest.raises(Exception, match=r"complex128\[3\].*float64\[3\]"):
        run(jax.jit(f), -X)
    g = fr.jax.wrap(lambda x: {"a": x} if x[0] < 0 else {"b": x})
    assert set(jax.jit(g)(X)) == {"b"}
    with pytest.raises(Exception, match="value of structure"):
        run(jax.jit(g), -X)


def test_declared_results():
    declared = lambda shape, dtype: lambda x: jax.ShapeDtypeStruct(shape, dtype)
    short = fr.jax.wrap(np.cumsum, result=declared((2,), float))
    for transform in (lambda f: f, jax.jit):
        with pytest.raises(
            Exception, match=r"np.cumsum returned float64\[3\], but its result= says float64\[2\]"
        ):
            run(transform(short), X)
        low = transform(fr.jax.wrap(np.cumsum, result=declared((3,), np.float32)))(X)
        assert low.dtype == jnp.float32
        np.testing.assert_array_equal(low, [1.0, 3.0, 6.0])
        with pytest.raises(Exception, match=r"float64\[3\], but its result= says int32\[3\]"):
            run(transform(fr.jax.wrap(np.cumsum, result=declared((3,), np.int32))), X)
    with pytest.raises(fr.RuleError, match="must return, in place of each array"):
        jax.jit(fr.jax.wrap(np.cumsum, result=lambda x: (3,)))(X)


def test_results_that_cannot_be_found_without_values():
    def picky(x):
        if x[0] != 1.0:
            raise ValueError("not for these")
        return x

    with pytest.raises(fr.RuleError, match=r"ValueError: not for these. Say them: wrap\(f, result="):
        jax.jit(fr.jax.wrap(picky))(X)
    assert jax.jit(fr.jax.wrap(picky, result=lambda x: x))(X).shape == (3,)


@BOTH
@pytest.mark.parametrize(
    "value",
    [None, "text", object(), scipy.sparse.eye_array(2).tocsr(), fr.Symmetric(np.eye(2)), np.array(["a"])],
)
def test_results_that_are_no_arrays(transform, value):
    odd = lambda x: value
    odd.__qualname__ = "odd"
    with pytest.raises(fr.NotDifferentiableError, match="odd returned"):
        transform(fr.jax.wrap(odd))(X)


def test_mixed_frameworks():
    torch = pytest.importorskip("torch")
    for args in ((X, torch.ones(3)), ([X, torch.ones(3)],)):
        with pytest.raises(fr.CoercionError, match=r"Tensor of PyTorch .*jnp.asarray\(x.detach\(\)\)"):
            fr.jax.wrap(np.add)(*args)
        with pytest.raises(fr.CoercionError, match="Tensor of PyTorch"):
            fr.linalg.block_diag(*args)


def test_traced_values_beside_arrays_of_jax():
    A = double(np.eye(3))
    for f in (lambda b: fr.linalg.solve(A, b), lambda b: fr.jax.wrap(np.dot)(A, b)):
        with pytest.raises(fr.CoercionError, match=r"Frechet traces.*np.asarray\(x\) for a JAX array x"):
            fr.grad(lambda b, f=f: np.sum(f(b)))(np.ones(3))


def test_arrays_of_jax_as_arguments_of_our_transformations():
    for transform in (fr.grad, fr.jacobian, fr.hessian):
        with pytest.raises(fr.NotDifferentiableError, match=r"array of JAX.*jax.grad.*np.asarray\(x\)"):
            transform(lambda x: np.sum(x**2))(X)


def test_dtypes_that_numpy_does_not_compute_with():
    f = fr.jax.wrap(np.sin)
    with pytest.raises(fr.NotDifferentiableError, match=r"bfloat16.*x.astype\(jnp.float32\)"):
        f(jnp.ones(2, jnp.bfloat16))
    with pytest.raises(fr.NotDifferentiableError, match="key<"):
        f(jax.random.key(0))


def test_arguments_of_wrap():
    with pytest.raises(TypeError, match="wrap needs a function, got int"):
        fr.jax.wrap(3)
    with pytest.raises(ValueError, match=r'is not of the form "\(n,n\),\(n\)->\(n\)"'):
        fr.jax.wrap(np.sin, signature="n->n")


def test_export_is_refused():
    from jax import export

    f = fr.jax.wrap(np.sin)
    for g in (f, fr.linalg.sqrtm, jax.grad(lambda x: jnp.sum(f(x)))):
        with pytest.raises(fr.NotDifferentiableError, match="a program with callbacks cannot be exported"):
            export.export(jax.jit(g))(jnp.eye(3))
    with pytest.raises(ValueError, match="frechet_expm"):  # it is compiled, and JAX says what is not portable
        export.export(jax.jit(fr.linalg.expm))(jnp.eye(3))


def test_points_of_a_plan_are_constants():
    plan = fr.nufft.Plan(1, 4)
    plan.setpts(X)  # an array of JAX is as good as one of NumPy
    expected = fr.nufft.Plan(1, 4)
    expected.setpts(np.asarray(X))
    np.testing.assert_array_equal(plan.execute(X), expected.execute(np.asarray(X)))
    with pytest.raises(jax.errors.TracerArrayConversionError):
        jax.jit(plan.setpts)(X)


# --- imports ----------------------------------------------------------------------------------------------


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_without_jax():
    blocked = "import sys; sys.modules['jax'] = None; import frechet as fr\n"
    done = python(blocked + "import frechet.jax")
    assert done.returncode != 0
    assert "ImportError: frechet.jax needs JAX" in done.stderr
    assert "pip install 'jax>=" in done.stderr
    done = python(blocked + "fr.jax.wrap")
    assert "ImportError: frechet.jax needs JAX" in done.stderr
    done = python(
        blocked + "import numpy as np; print(fr.grad(lambda x: np.sum(fr.linalg.expm(x)))(np.eye(1)))"
    )
    assert done.stdout.strip() == "[[2.71828183]]", done.stderr


def test_importing_frechet_does_not_import_jax():
    code = (
        "import sys, numpy as np, frechet as fr, frechet.operators\n"
        "fr.grad(lambda x: np.sum(fr.linalg.expm(fr.fft.dct(x))))(np.eye(2))\n"
        "fr.nufft, fr.sparse.linalg, fr.testing\n"
        "print(sorted({m.partition('.')[0] for m in sys.modules} & {'jax', 'jaxlib', 'torch'}))"
    )
    done = python(code)
    assert done.stdout.strip() == "[]", done.stderr
