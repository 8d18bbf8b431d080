"""What programs do with functions and modules: pickling, threads, hooks, checkpoints, autocast."""

import copy
import io
import pickle
import threading

import numpy as np
import pytest
import torch
from torch.utils.checkpoint import checkpoint

import frechet as fr


def spread(x):
    return np.sin(x) * 2.0


wrapped = fr.torch.wrap(spread, signature="()->()")


@fr.torch.wrap
def decorated(A, b):
    return np.linalg.solve(A, b)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.A = torch.nn.Parameter(torch.eye(2, dtype=torch.float64) * 2)
        self.f = fr.torch.wrap(spread)
        self.g = decorated

    def forward(self, b):
        return self.f(self.g(self.A, b))


B = torch.tensor([1.0, 2.0], dtype=torch.float64)


def gradient(model):
    model.zero_grad()
    model(B).sum().backward()
    return model.A.grad.clone()


def reference(A):
    return (2 * torch.sin(torch.linalg.solve(A, B))).sum()


def test_pickling():
    again = pickle.loads(pickle.dumps(wrapped))
    assert torch.equal(again(B), wrapped(B))
    assert again.operators.signature == "()->()"
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    assert copy.deepcopy(decorated) is decorated
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(fr.torch.wrap(lambda x: x))


def test_modules_are_saved_and_copied():
    model = Model()
    expected = torch.func.grad(reference)(model.A.detach())
    torch.testing.assert_close(gradient(model), expected)
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    for other in (loaded, copy.deepcopy(model)):
        torch.testing.assert_close(gradient(other), expected)
        assert other.A is not model.A
    model.load_state_dict(loaded.state_dict())


def test_training():
    torch.manual_seed(0)
    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(300):
        optimizer.zero_grad()
        loss = ((model(B) - 0.5) ** 2).sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.01 * losses[0]


def test_a_backward_in_another_thread():
    x = B.clone().requires_grad_()
    y = wrapped(x).sum()
    thread = threading.Thread(target=y.backward)
    thread.start()
    thread.join()
    torch.testing.assert_close(x.grad, 2 * torch.cos(B))


def test_calls_in_many_threads():
    """Of one function, with results of different structure by what is constant."""
    f = fr.torch.wrap(lambda x, k: [x * k] * k)
    failures = []

    def work(k):
        for _ in range(50):
            x = B.clone().requires_grad_()
            out = f(x, k)
            (g,) = torch.autograd.grad(sum(y.sum() for y in out), x)
            if len(out) != k or g.tolist() != [k * k] * 2:
                failures.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures


def test_no_grad_and_inference_mode():
    x = B.clone().requires_grad_()
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            y = wrapped(x)
            assert not y.requires_grad
            torch.testing.assert_close(y, 2 * torch.sin(B))
    with torch.inference_mode():
        constant = B * 1.0
    (g,) = torch.autograd.grad(fr.torch.wrap(lambda x, c: x * c)(x, B).sum(), x)
    assert torch.equal(g, B)
    assert torch.equal(wrapped(constant), wrapped(B))


def test_hooks():
    seen = []
    x = B.clone().requires_grad_()
    y = wrapped(x)
    y.register_hook(lambda w: seen.append(w) or 3 * w)
    x.register_hook(seen.append)
    y.sum().backward()
    torch.testing.assert_close(x.grad, 6 * torch.cos(B))
    assert torch.equal(seen[0], torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(seen[1], x.grad)


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_checkpoints(use_reentrant):
    x = B.clone().requires_grad_()
    y = checkpoint(lambda x: wrapped(wrapped(x)), x, use_reentrant=use_reentrant)
    y.sum().backward()
    reference = torch.func.grad(lambda x: (2 * torch.sin(2 * torch.sin(x))).sum())(B)
    torch.testing.assert_close(x.grad, reference)


def test_saved_tensors_may_be_packed():
    x = B.clone().requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.clone().numpy(), torch.from_numpy):
        y = wrapped(x)
        (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    torch.testing.assert_close(h, -2 * torch.sin(B))


def test_autocast_changes_nothing():
    x = torch.ones(2, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = wrapped(x)
        assert y.dtype == torch.float32
        product = torch.eye(2) @ torch.eye(2)
        assert product.dtype == torch.bfloat16
        with pytest.raises(TypeError, match=r"bfloat16.*x\.float\(\)"):
            wrapped(product)
    y.sum().backward()
    assert x.grad.dtype == torch.float32
