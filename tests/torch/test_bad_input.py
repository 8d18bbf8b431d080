"""What cannot work says why, before anything is computed."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch

import frechet as fr
from frechet.torch import _host

f = fr.torch.wrap(lambda x, *rest: x * 2.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: torch.ones(2, dtype=torch.float16), r"dtype float16.*x\.float\(\)"),
        (lambda: torch.ones(2, dtype=torch.bfloat16), r"dtype bfloat16.*x\.float\(\)"),
        (lambda: torch.ones(2, dtype=torch.float8_e5m2), r"dtype float8_e5m2.*x\.float\(\)"),
        (lambda: torch.eye(2).to_sparse(), r"layout sparse_coo.*A\.to_dense\(\)"),
        (lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8), r"dequantize\(\)"),
    ],
)
def test_tensors_that_numpy_has_not(make, message):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own about these kinds of tensors
        tensor = make()
        for use in (f, lambda x: f(torch.ones(1), x)):
            with pytest.raises(TypeError, match=message):
                use(tensor)


def test_tensors_without_values():
    with pytest.raises(NotImplementedError, match=r"meta device, which has no values.*torch\.compile"):
        f(torch.ones(2, device="meta"))


def test_tensors_on_different_devices():
    with pytest.raises(RuntimeError, match=r"different devices: cpu, meta.*x\.to\(device\)"):
        f(torch.ones(2), torch.ones(2, device="meta"))


class OnDevice:
    """A tensor as `_host` sees one on a device that has values."""

    is_cpu = False
    dtype = torch.float64
    device = torch.device("cuda", 1)

    def numpy(self, force=False):
        assert force
        return np.ones(2)


def test_tensors_of_a_device_come_through_the_host(monkeypatch):
    """There is no device here: what is done with its tensors, step by step."""
    monkeypatch.setattr(_host, "_warned", False)
    with pytest.warns(fr.torch.HostTransferWarning, match=r"double has no.*for cuda.*copied to the host"):
        arrays, device = _host.to_host([OnDevice(), OnDevice()], "double")
    assert device == torch.device("cuda", 1)
    assert all(type(a) is np.ndarray for a in arrays)
    _host.to_host([OnDevice()], "double")  # said once: a second warning would be an error
    (t,) = _host.from_host([np.ones(2)], torch.device("meta"), "double")
    assert t.device.type == "meta"  # the one other device that there is


def test_traced_values_beside_tensors():
    x = torch.ones(2)
    with pytest.raises(fr.CoercionError, match=r"beside a value traced by Frechet.*fr\.torch\.wrap"):
        fr.grad(lambda y: fr.torch.wrap(lambda x, y: x * y)(x, y))(2.0)
    with pytest.raises(fr.CoercionError, match=r"solve was called with a tensor.*beside a value traced"):
        fr.grad(lambda b: fr.linalg.solve(torch.eye(2), b))(np.ones(2))


def test_arrays_of_jax_beside_tensors():
    jax_array = type("ArrayImpl", (), {"__module__": "jaxlib._jax"})()
    with pytest.raises(TypeError, match=r"a tensor of PyTorch and an array of JAX.*torch\.from_dlpack"):
        f(torch.ones(2), jax_array)


@pytest.mark.parametrize("result", [None, "text", lambda: 0, {"a": None}])
def test_results_that_are_no_arrays(result):
    g = fr.torch.wrap(lambda x: result)
    for x in (torch.ones(2), torch.ones(2, requires_grad=True)):
        with pytest.raises(fr.NotDifferentiableError, match="other frameworks take numbers and arrays"):
            g(x)


def test_results_of_dtypes_that_pytorch_has_not():
    g = fr.torch.wrap(lambda x: np.zeros(2, "M8[s]"))
    with pytest.raises(fr.NotDifferentiableError, match=r"(?s)returned array.*take numbers and arrays"):
        g(torch.ones(2))
    with pytest.raises(TypeError, match=f"returned an array of dtype {np.dtype(np.longdouble)}"):
        fr.torch.wrap(lambda x: np.zeros(2, np.longdouble))(torch.ones(2))


def test_results_in_half_precision():
    g = fr.torch.wrap(lambda x: (x * 2).astype(np.float16))
    for x in (torch.ones(2), torch.ones(2, requires_grad=True)):
        with pytest.raises(TypeError, match=r"returned an array of dtype float16.*return float32"):
            g(x)


def test_structured_results():
    with pytest.raises(fr.NotDifferentiableError, match=r"returned a Symmetric.*Return a full array"):
        fr.torch.wrap(fr.Symmetric)(torch.eye(2))


def test_gradients_by_integers_are_pytorchs_error():
    x = torch.arange(3)
    with pytest.raises(RuntimeError, match="floating point"):
        x.requires_grad_()
    y = fr.torch.wrap(lambda i: i * 2)(x)
    with pytest.raises(RuntimeError, match="does not require grad"):
        y.sum().backward()


def test_code_that_cannot_be_differentiated_names_the_call():
    g = fr.torch.wrap(lambda x: float(x) * 2)
    assert g(torch.tensor(2.0)).item() == 4.0
    with pytest.raises(fr.CoercionError, match=r"float\(x\)"):
        g(torch.tensor(2.0, requires_grad=True))


class OwnError(Exception):
    pass


def test_errors_of_the_function_reach_the_user():
    def fail(x):
        raise OwnError("no such orbit")

    for x in (torch.ones(2), torch.ones(2, requires_grad=True)):
        with pytest.raises(OwnError, match="no such orbit"):
            fr.torch.wrap(fail)(x)
    with pytest.raises(OwnError, match="no such orbit"):
        torch.func.vmap(torch.func.grad(fr.torch.wrap(fail)))(torch.ones(2))
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        fr.torch.wrap(np.linalg.inv)(torch.zeros(2, 2, requires_grad=True))


def test_errors_of_the_derivative_reach_the_user():
    def backward(y, x):
        def pullback(w):
            raise OwnError("no way back")

        return pullback

    g = fr.torch.wrap(fr.rule(lambda x: x * 1.0, adjoint=backward))
    y = g(torch.ones(2, requires_grad=True))
    with pytest.raises(OwnError, match="no way back"):
        y.sum().backward()


def test_arguments_changed_in_place_before_backward():
    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    z = x * 1.0
    y = f(z)
    z.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_results_may_be_changed_in_place():
    """The derivative does not need them: it is made of copies."""
    x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    y = fr.torch.wrap(np.exp)(x)
    y.mul_(3.0)
    y.sum().backward()
    torch.testing.assert_close(x.grad, 3 * torch.exp(x.detach()))


def test_a_second_backward_needs_retain_graph():
    x = torch.ones(2, requires_grad=True)
    y = f(x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="a second time"):
        y.backward()


def test_a_batch_of_nothing():
    assert torch.func.vmap(f)(torch.ones(0, 2)).shape == (0, 2)


def test_wrap_itself():
    with pytest.raises(TypeError, match="takes a function"):
        fr.torch.wrap(3)
    with pytest.raises(TypeError, match="already"):
        fr.torch.wrap(f)
    with pytest.raises(ValueError, match="signature"):
        fr.torch.wrap(np.sin, signature="n->n")(torch.ones(2))


# --- imports --------------------------------------------------------------------------------------


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_importing_frechet_does_not_import_pytorch():
    done = run(
        "import sys, frechet as fr, numpy as np\n"
        "fr.linalg.expm(np.eye(2)); fr.fft.fft(np.ones(2)); fr.nufft\n"
        "print(sorted({m.partition('.')[0] for m in sys.modules} & {'torch', 'jax'}))"
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_without_pytorch_the_error_says_how_to_install_it():
    done = run(
        "import sys\nsys.modules['torch'] = None\nimport frechet as fr\n"
        "try:\n    fr.torch\nexcept ImportError as error:\n    print(error)"
    )
    assert "needs PyTorch" in done.stdout, done.stderr
    assert "pip install torch" in done.stdout


def test_a_tensor_imports_the_door():
    done = run(
        "import torch, frechet as fr\nx = torch.eye(2).double().requires_grad_()\n"
        "fr.linalg.expm(x).sum().backward()\nprint(x.grad.shape)"
    )
    assert done.stdout.strip() == "torch.Size([2, 2])", done.stderr
