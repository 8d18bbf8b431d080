"""Derivatives of every order and mode, by PyTorch's own checks and beside PyTorch's own functions."""

import numpy as np
import pytest
import torch
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, linearize, vjp, vmap

import frechet as fr

EVERYTHING = {
    "check_forward_ad": True,
    "check_batched_grad": True,
    "check_batched_forward_grad": True,
    "check_undefined_grad": True,
}
SECOND = {"check_fwd_over_rev": True, "check_rev_over_rev": True, "check_batched_grad": True}


def sample(*shape, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=dtype, generator=generator)


def matrix(n, dtype=torch.float64, seed=0):
    return 0.3 * sample(n, n, dtype=dtype, seed=seed) + 2 * torch.eye(n, dtype=dtype)


def several(x, y):
    """Several results, one of which is an integer and one of which does not depend on y."""
    return np.sin(x) * y, np.argmax(y), x**2


def with_a_view(x):
    return x.T


FUNCTIONS = {
    "elementwise": (lambda x, y: np.exp(x) * y**2, [sample(3), sample(3, seed=1)]),
    "broadcast": (lambda x, y: x * y, [sample(3, 1), sample(2, seed=1)]),
    "solve": (np.linalg.solve, [matrix(3), sample(3)]),
    "a number": (lambda x: np.sum(x**3), [sample(4)]),
    "of a number": (lambda x, y: np.sin(x * y), [sample(), sample(seed=1)]),
    "a view": (with_a_view, [sample(2, 3)]),
    "itself": (lambda x: x, [sample(2)]),
    "twice the same": (lambda x: (x * x,) * 2, [sample(2)]),
    "independent": (lambda x, y: (2.0 * x, np.ones(2)), [sample(2), sample(2)]),
    "complex": (lambda x, y: x * np.conj(y) + np.abs(x), [sample(2, dtype=torch.complex128) for _ in "xy"]),
    "complex of real": (np.fft.fft, [sample(4)]),
    "real of complex": (lambda z: np.abs(z) ** 2, [sample(3, dtype=torch.complex128)]),
    "expm": (fr.linalg.expm, [0.3 * sample(3, 3)]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradcheck(name):
    f, arguments = FUNCTIONS[name]
    arguments = [a.clone().requires_grad_() for a in arguments]
    assert torch.autograd.gradcheck(fr.torch.wrap(f), arguments, **EVERYTHING)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradgradcheck(name):
    f, arguments = FUNCTIONS[name]
    arguments = [a.clone().requires_grad_() for a in arguments]
    assert torch.autograd.gradgradcheck(fr.torch.wrap(f), arguments, **SECOND)


def test_gradcheck_of_several_results_with_an_integer():
    x, y = (sample(3, seed=k).requires_grad_() for k in (0, 1))
    f = fr.torch.wrap(several)
    _, index, _ = f(x, y)
    assert index.dtype == torch.int64
    assert not index.requires_grad
    assert torch.autograd.gradcheck(lambda x, y: f(x, y)[::2], (x, y), **EVERYTHING)
    assert torch.autograd.gradgradcheck(lambda x, y: f(x, y)[::2], (x, y), **SECOND)
    value, tangent = jvp(lambda x: f(x, y.detach()), (x.detach(),), (torch.ones(3, dtype=torch.float64),))
    torch.testing.assert_close(tangent[0], torch.cos(x.detach()) * y.detach())
    torch.testing.assert_close(tangent[2], 2 * x.detach())
    assert value[1] == index


@pytest.mark.parametrize("linear", [False, True])
def test_a_linear_function(linear):
    """What is said to be linear keeps no tensors, and has all derivatives all the same."""
    M = np.arange(6.0).reshape(2, 3)
    f = fr.torch.wrap(lambda x, y: (M @ x + y, 2.0 * y), linear=linear)
    x, y = sample(3).requires_grad_(), sample(2).requires_grad_()
    first, second = f(x, y)
    assert bool(first.grad_fn.saved_tensors) is not linear
    assert torch.autograd.gradcheck(f, (x, y), **EVERYTHING)
    assert torch.autograd.gradgradcheck(f, (x, y), **SECOND)
    (gx,) = torch.autograd.grad(first.sum() + second.sum(), x)
    torch.testing.assert_close(gx, torch.from_numpy(M.sum(axis=0)))
    _, tangent = jvp(lambda x: f(x, y.detach())[0], (x.detach(),), (torch.ones(3, dtype=torch.float64),))
    torch.testing.assert_close(tangent, torch.from_numpy(M.sum(axis=1)))
    X = sample(4, 3)
    torch.testing.assert_close(vmap(lambda x: f(x, y.detach())[0])(X), X @ torch.from_numpy(M).T + y)
    torch.testing.assert_close(jacrev(lambda y: f(x.detach(), y)[1])(y.detach()), 2 * torch.eye(2).double())


def test_an_undefined_gradient_of_one_result():
    x, y = (sample(3, seed=k).requires_grad_() for k in (0, 1))
    product, _, square = fr.torch.wrap(several)(x, y)
    (gx,) = torch.autograd.grad(square.sum(), x, retain_graph=True)
    torch.testing.assert_close(gx, 2 * x.detach())
    gx, gy = torch.autograd.grad(product.sum(), (x, y))
    torch.testing.assert_close(gy, torch.sin(x.detach()))
    torch.testing.assert_close(gx, (torch.cos(x) * y).detach())


# --- torch.func beside PyTorch's own functions ----------------------------------------------------


def solve(A, b):
    return np.linalg.solve(A, b[..., None])[..., 0]


SOLVE = {
    "ours": fr.torch.wrap(solve),
    "ours, stacked": fr.torch.wrap(solve, signature="(n,n),(n)->(n)"),
}
B = sample(3, seed=5)
TRANSFORMATIONS = {
    "grad": grad,
    "jacrev": jacrev,
    "jacfwd": jacfwd,
    "hessian": hessian,
    "forward over forward": lambda f: jacfwd(jacfwd(f)),
    "reverse over reverse": lambda f: jacrev(jacrev(f)),
    "reverse over forward": lambda f: jacrev(jacfwd(f)),
    "third": lambda f: jacfwd(jacrev(jacrev(f))),
    "vjp": lambda f: lambda A: vjp(f, A)[1](torch.tensor(2.0).double())[0],
    "jvp": lambda f: lambda A: jvp(f, (A,), (A.flip(0),)),
    "jvp of grad": lambda f: lambda A: jvp(grad(f), (A,), (A.flip(0),)),
    "vmap of grad": lambda f: lambda A: vmap(grad(f))(torch.stack([A, A + 1, A.T])),
    "vmap of hessian": lambda f: lambda A: vmap(hessian(f))(torch.stack([A, A + 1])),
    "grad of vmap": lambda f: grad(lambda A: vmap(f)(torch.stack([A, A @ A])).sum()),
    "vmap along the last axis": lambda f: lambda A: vmap(f, in_dims=2)(torch.stack([A, 2 * A], dim=2)),
    "vmap of vmap": lambda f: (
        lambda A: vmap(vmap(f))(torch.stack([A, A + 1, A.T, 2 * A]).reshape(2, 2, 3, 3))
    ),
    "vmap of vmap of grad": lambda f: (
        lambda A: vmap(vmap(grad(f)))(torch.stack([A, A + 1, A.T, 2 * A]).reshape(2, 2, 3, 3))
    ),
}


def energy(solve):
    return lambda A: (solve(A, B) ** 2).sum()


def by_inverse(A, b):
    """The reference: of PyTorch's solve, forward over forward is wrong in 2.13."""
    return torch.linalg.inv(A) @ b


@pytest.mark.parametrize("which", SOLVE)
@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_torch_func(name, which):
    A = matrix(3)
    ours = TRANSFORMATIONS[name](energy(SOLVE[which]))(A)
    theirs = TRANSFORMATIONS[name](energy(by_inverse))(A)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("which", SOLVE)
def test_gradients_of_each_sample_with_a_common_matrix(which):
    """The matrix is common to all entries, and its gradient is wanted for each."""
    A, bs = matrix(3), sample(4, 3)
    each = vmap(grad(lambda A, b: (SOLVE[which](A, b) ** 2).sum(), argnums=(0, 1)), in_dims=(None, 0))
    reference = vmap(grad(lambda A, b: (by_inverse(A, b) ** 2).sum(), argnums=(0, 1)), in_dims=(None, 0))
    torch.testing.assert_close(each(A, bs), reference(A, bs))


def test_linearize():
    """PyTorch traces the pushforward; code that it cannot see would give uninitialised memory."""
    A, v = matrix(3), sample(3, 3, seed=3)
    f = energy(SOLVE["ours"])
    with pytest.warns(UserWarning, match="get_attr Node"):  # of PyTorch, whatever the function
        value, pushforward = linearize(f, A)
    torch.testing.assert_close(value, f(A))
    for direction in (v, v.T, 2 * v):
        torch.testing.assert_close(pushforward(direction), jvp(f, (A,), (direction,))[1])


def test_make_fx():
    from torch.fx.experimental.proxy_tensor import make_fx

    f = energy(SOLVE["ours"])
    graph = make_fx(grad(f))(matrix(3))
    torch.testing.assert_close(graph(matrix(3, seed=7)), grad(f)(matrix(3, seed=7)))


def test_structures_of_recorded_calls():
    """They are those of the shapes at hand, whatever was called last."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    f = fr.torch.wrap(lambda x: {"a": x * 2} if x.ndim == 1 else (x, x))
    with FakeTensorMode():
        for _ in range(2):
            assert f(torch.ones(2))["a"].shape == (2,)
            assert len(f(torch.ones(2, 2))) == 2


def test_functional_call():
    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.A = torch.nn.Parameter(matrix(3))

        def forward(self, b):
            return SOLVE["ours"](self.A, b)

    model = Model()
    parameters = {"A": model.A.detach()}
    gradient = grad(lambda p: functional_call(model, p, (B,)).sum())(parameters)["A"]
    model(B).sum().backward()
    torch.testing.assert_close(gradient, model.A.grad)


def test_batched_gradients():
    """torch.autograd's own batches, which torch.func's are not."""
    A = matrix(3).requires_grad_()
    x = SOLVE["ours"](A, B)
    (rows,) = torch.autograd.grad(x, A, torch.eye(3).double(), is_grads_batched=True, retain_graph=True)
    torch.testing.assert_close(rows, jacrev(lambda A: by_inverse(A, B))(A.detach()))
    from torch.autograd.functional import hessian, jacobian

    for options in ({"vectorize": True}, {"vectorize": True, "strategy": "forward-mode"}, {}):
        J = jacobian(lambda A: SOLVE["ours"](A, B), A.detach(), **options)
        torch.testing.assert_close(J, rows)
    H = hessian(energy(SOLVE["ours"]), A.detach(), vectorize=True)
    torch.testing.assert_close(H, jacrev(jacrev(energy(by_inverse)))(A.detach()))


def test_third_order_by_backward():
    x = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    y = fr.torch.wrap(lambda x: x**4)(x)
    for expected in (32.0, 48.0, 48.0, 24.0):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(expected)


# --- how often the function runs ------------------------------------------------------------------


class Counted:
    def __init__(self):
        self.runs = 0

    def __call__(self, x):
        self.runs += 1
        return np.sin(x) * x


@pytest.mark.parametrize(
    ("use", "runs"),
    [
        (lambda f, x: f(x.detach()), 1),
        (lambda f, x: f(x).sum().backward(), 1),
        (lambda f, x: grad(lambda x: f(x).sum())(x.detach()), 1),
        (lambda f, x: jvp(f, (x.detach(),), (x.detach(),)), 1),
        (lambda f, x: jacrev(f)(x.detach()), 1),
        (lambda f, x: jacfwd(f)(x.detach()), 1),
    ],
)
def test_value_and_derivative_share_a_run(use, runs):
    counted = Counted()
    f = fr.torch.wrap(counted)
    use(f, sample(3).requires_grad_())
    assert counted.runs == runs
