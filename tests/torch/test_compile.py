"""torch.compile: one graph, the same values and gradients; the registered operator passes PyTorch's check."""

import collections
import dataclasses

import numpy as np
import pytest
import torch

import frechet as fr
from frechet.operators import Function, Pullback
from frechet.torch import _registered

Pair = collections.namedtuple("Pair", "first second")


class Other:
    pass


@dataclasses.dataclass
class Model:
    weights: object
    scale: object


solve = fr.torch.wrap(np.linalg.solve)
A = torch.tensor([[2.0, 1.0, 0.0], [0.5, 3.0, 0.0], [0.0, 0.5, 2.0]], dtype=torch.float64)
B = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)


@pytest.fixture(autouse=True)
def _fresh():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def compiled(f, backend="aot_eager", **options):
    return torch.compile(f, backend=backend, fullgraph=True, **options)


def energy(A, b):
    return (solve(A, b * 2.0) ** 2).sum()


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_values_and_gradients(backend):
    f = compiled(energy, backend)
    for k in range(3):
        M, b = (A + k).requires_grad_(), (B * (k + 1)).requires_grad_()
        ours = torch.autograd.grad(f(M, b), (M, b))
        theirs = torch.autograd.grad(energy(M, b), (M, b))
        torch.testing.assert_close(f(M, b), energy(M, b))
        torch.testing.assert_close(ours, theirs)
    with torch.no_grad():
        torch.testing.assert_close(f(A, B), energy(A, B))


def test_with_inductor():
    """PyTorch's own code generator, with C++ between the calls."""
    f = torch.compile(lambda A, b: torch.sin(energy(torch.cos(A) + 2 * A, b)), fullgraph=True)
    M = A.clone().requires_grad_()
    (g,) = torch.autograd.grad(f(M, B), M)
    (r,) = torch.autograd.grad(torch.sin(energy(torch.cos(M) + 2 * M, B)), M)
    torch.testing.assert_close(g, r)


@pytest.mark.parametrize(
    "transformed",
    [
        torch.func.grad,
        torch.func.jacrev,
        torch.func.jacfwd,
        torch.func.hessian,
        lambda f: (
            lambda A, b: torch.func.vmap(torch.func.grad(f))(torch.stack([A, A.T]), torch.stack([b, b]))
        ),
        lambda f: lambda A, b: torch.func.jvp(lambda A: f(A, b), (A,), (A.T,)),
    ],
)
def test_torch_func_within(transformed):
    f = transformed(energy)
    torch.testing.assert_close(compiled(f)(A, B), f(A, B))


def test_the_function_runs_once_for_value_and_gradient():
    runs = []

    def f(x):
        runs.append(type(x))
        return np.sin(x) * x

    wrapped = fr.torch.wrap(f, result=lambda x: x)
    program = compiled(lambda x: wrapped(x * 1.0).sum())
    x = B.clone().requires_grad_()
    program(x).backward()
    runs.clear()
    x.grad = None
    program(x).backward()
    assert len(runs) == 1
    torch.testing.assert_close(x.grad, torch.sin(B) + B * torch.cos(B))


def test_containers_and_constants():
    def f(p, k=2, *, data, mode="plain"):
        return {"y": p.first**k + data["z"], "t": (p.second.weights * p.second.scale, [np.argmax(data["z"])])}

    wrapped = fr.torch.wrap(f)

    def program(x, y):
        return wrapped(Pair(x, Model(y, 2.0)), 3, data={"z": y}, mode="double")

    ours, theirs = compiled(program)(B, B + 1), program(B, B + 1)
    assert list(ours) == list(theirs)
    torch.testing.assert_close(ours, theirs)
    named = fr.torch.wrap(lambda x: Pair(x * 2, [x]))
    out = compiled(named)(B)
    assert isinstance(out, Pair)
    assert torch.equal(out.first, 2 * B)
    model = fr.torch.wrap(lambda x: Model(x * 2, x))
    assert torch.equal(compiled(lambda x: model(x).weights)(B), 2 * B)


def test_constants_are_told_apart():
    f = fr.torch.wrap(lambda x, c: x * (1.0 if c is True else 3.0) * np.copysign(1.0, c))
    program = compiled(f)
    for c in (True, 1, 1.0, -1.0, 2, 3, 2.5):
        assert torch.equal(program(B, c), f(B, c))


def test_constant_arrays():
    index = np.array([2, 0])
    f = fr.torch.wrap(lambda x, i: x[i])
    assert compiled(lambda x: f(x, index))(B).tolist() == [3.0, 1.0]


def test_constant_arrays_may_be_changed_before_the_backward_pass():
    c = np.array([2.0, 3.0, 4.0])
    f = fr.torch.wrap(lambda x, c: np.sin(x) * c)
    x = B.clone().requires_grad_()
    y = compiled(lambda x: f(x, c))(x)
    c[:] = 100.0
    (g,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(g, torch.cos(B) * torch.tensor([2.0, 3.0, 4.0]))


def test_other_shapes():
    f = compiled(energy, dynamic=True)
    for n in (2, 3, 5):
        torch.testing.assert_close(f(2 * torch.eye(n), torch.ones(n)), torch.tensor(float(n)))


def test_functions_of_ours_take_tensors():
    rule = fr.rule(np.sin, frechet=lambda y, x: lambda dx: np.cos(x) * dx)

    def program(A, b):
        x = fr.linalg.expm(A) @ b + fr.linalg.solve_continuous_lyapunov(A, A @ A.T) @ b
        return rule(x).sum() + fr.fft.fft(x, norm="ortho").abs().sum() + fr.fft.fft2(A, s=A.shape).real.sum()

    M = A.clone().requires_grad_()
    f = compiled(program)
    torch.testing.assert_close(f(M, B), program(M, B))
    ours, theirs = (torch.autograd.grad(p(M, B), M)[0] for p in (f, program))
    torch.testing.assert_close(ours, theirs)


def test_without_fullgraph_the_rest_is_compiled_around_it():
    def program(x):
        y = solve(A, x)
        print(end="")  # breaks the graph
        return y * 2

    torch.testing.assert_close(torch.compile(program, backend="aot_eager")(B), program(B))


def test_shapes_that_depend_on_values():
    f = fr.torch.wrap(lambda x: x[x > 0.5])
    assert f(B).shape == (3,)  # what is seen is expected again
    with pytest.raises(fr.RuleError, match=r"shape \(1,\).*\(3,\).*depend on those of the arguments alone"):
        compiled(f)(B - 2)


def test_shapes_that_are_wrongly_said():
    f = fr.torch.wrap(lambda x: x * 2, result=lambda x: np.zeros(7))
    with pytest.raises(fr.RuleError, match=r"shape \(3,\).*\(7,\).*result="):
        compiled(f)(B)


def test_arguments_that_the_compiler_cannot_have():
    f, other = fr.torch.wrap(lambda x, g: g(x)), Other()
    with pytest.raises(Exception, match="Let the function refer to it"):
        compiled(lambda x: f(x, other))(B)


def test_a_function_that_cannot_be_sampled():
    def f(x):
        if x[0] < 10:
            raise ValueError("too small")
        return x * 2

    wrapped = fr.torch.wrap(f)
    with pytest.raises(Exception, match=r"too small.*wrap\(f, result="):
        compiled(wrapped)(B + 20)


@pytest.mark.parametrize("requires_grad", [False, True])
def test_opcheck(requires_grad):
    operator = Function(lambda A, b: (np.linalg.solve(A, b), np.argmax(b)), lambda a: (a, {}), (2,))
    number = _registered.number_of(operator)
    tensors = [A.clone().requires_grad_(requires_grad), B.clone().requires_grad_(requires_grad)]
    torch.library.opcheck(_registered.call, (number, tensors))
    pullback = _registered.number_of(Pullback(operator, 2, (0, 1), (0,)))
    torch.library.opcheck(_registered.call, (pullback, [*tensors, B]))


def test_the_registered_operator_in_batches():
    number = _registered.number_of(Function(np.linalg.solve, lambda a: (a, {}), (2,)))
    x = torch.func.vmap(lambda b: _registered.call(number, [A, b])[0])(torch.stack([B, 2 * B]))
    torch.testing.assert_close(x, torch.linalg.solve(A, torch.stack([B, 2 * B]).T).T)
