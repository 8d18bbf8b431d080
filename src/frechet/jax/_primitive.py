"""The primitive: what JAX's transformations do with an operator.

There is one primitive for all operators; which it is, is a parameter.  With f′ the derivative of f at x,

    jvp         f(x), and the tangent by Pushforward(f)(x, v) = f′(x) v, which is linear in v
    transpose   of Pushforward(f) is Pullback(f), (x, w) ↦ f′(x)ᴴ w, and the other way round
    batching    Batched(f)

The adjoint ᴴ is for the inner product Re Σ conj(a) b.  JAX's cotangents are for Re Σ a b, the conjugates of
ours: it is given conj(f′(x)ᴴ conj(w)).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from operator import add
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad as jax_ad
from jax.interpreters import batching, mlir
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from ..errors import NotDifferentiableError
from ..operators import Operator, Pushforward, Remembering, batched
from ._arrays import canonical, device_of, to_jax, to_numpy
from ._lowering import fitted, lowered

primitive: Any = Primitive("frechet")  # Any: JAX has not typed its methods, nor ad's functions
primitive.multiple_results = True
ad: Any = jax_ad


def bind(operator: Operator, arrays: Sequence[Any]) -> list[Any]:
    """The results of an operator, in whatever JAX is doing."""
    found: list[Any] = primitive.bind(*arrays, operator=operator)
    return found


def _evaluate(*arrays: Any, operator: Operator) -> list[Any]:
    plain = [to_numpy(a) for a in arrays]
    results = operator(*plain)
    declared = [(a.shape, canonical(a.dtype)) for a in results]
    return to_jax(fitted(operator, results, declared), device_of(arrays))


def _abstract(*avals: Any, operator: Operator) -> list[Any]:
    outlines = operator.outlines([(a.shape, a.dtype) for a in avals])
    found = [(shape, canonical(dtype)) for shape, dtype in outlines]
    most = max(avals, key=_varying, default=None)
    if most is None or not _varying(most):
        return [jax.core.ShapedArray(*o) for o in found]
    # Inside of jax.shard_map, results differ between devices where arguments do.
    mesh = most.sharding.mesh
    unsplit: Any = P
    return [
        most.update(
            shape=s, dtype=d, weak_type=False, sharding=NamedSharding(mesh, unsplit(*[None] * len(s)))
        )
        for s, d in found
    ]


def _varying(aval: Any) -> int:
    """Over how many axes of a mesh an array differs between devices, as JAX's versions call it."""
    axes = aval.vma if hasattr(aval, "vma") else aval.manual_axis_type.varying
    return len(axes)


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, operator: Operator) -> Any:
    base = operator.base if isinstance(operator, Remembering) else operator
    n = len(primals) if base.linear is None else base.linear
    varied = tuple(k for k, t in enumerate(tangents[:n]) if type(t) is not ad.Zero)
    values = bind(Remembering(base, varied) if varied else operator, primals)
    results = tuple(j for j, v in enumerate(values) if np.issubdtype(v.dtype, np.inexact))
    parts = []
    if varied and results:
        push = Pushforward(base, len(primals), varied, results)
        parts.append(bind(push, [*primals, *[tangents[k] for k in varied]]))
    if any(type(t) is not ad.Zero for t in tangents[n:]):
        pairs = zip(primals[n:], tangents[n:], strict=True)
        linear = [jnp.zeros_like(x) if type(t) is ad.Zero else t for x, t in pairs]
        everything = bind(base, [*primals[:n], *linear])
        parts.append([everything[j] for j in results])
    sums = (functools.reduce(add, terms) for terms in zip(*parts, strict=True))
    found = dict(zip(results, sums, strict=bool(parts)))
    return values, [found[j] if j in found else _zero(v) for j, v in enumerate(values)]


def _zero(value: Any) -> Any:
    """The tangent of a result that does not vary; integers have one of a type of their own."""
    return ad.Zero(jax.typeof(value).to_tangent_aval())


def _transpose(cotangents: Sequence[Any], *arguments: Any, operator: Operator) -> list[Any]:
    undefined = tuple(k for k, a in enumerate(arguments) if ad.is_undefined_primal(a))
    n = operator.linear
    if n is None or undefined[0] < n:
        raise NotDifferentiableError(
            f"{operator.name} cannot be transposed, as it is not known to be linear"
            + ("" if n is None else f" in argument {undefined[0]}")
            + ". Say so where it is: wrap(f, linear=True)"
        )
    due: list[Any] = [None] * len(arguments)
    for k in undefined:
        due[k] = ad.Zero(arguments[k].aval)
    results = tuple(j for j, ct in enumerate(cotangents) if type(ct) is not ad.Zero)
    if not results:
        return due
    avals = [a.aval if k in undefined else jax.typeof(a) for k, a in enumerate(arguments)]
    adjoint = operator.transposed(undefined, results, [(a.shape, a.dtype) for a in avals])
    found = bind(adjoint, [*arguments[:n], *[_conjugate(cotangents[j]) for j in results]])
    for k, ct in zip(undefined, found, strict=True):
        axes = operator.summed(k)
        due[k] = _conjugate(ct.sum(axes) if axes else ct)
    return due


def _conjugate(x: Any) -> Any:
    return jnp.conj(x) if np.issubdtype(x.dtype, np.complexfloating) else x


def _batch(arrays: Sequence[Any], axes: Sequence[Any], *, operator: Operator) -> Any:
    marked = tuple(type(axis) is int for axis in axes)
    size = next(a.shape[axis] for a, axis in zip(arrays, axes, strict=True) if type(axis) is int)
    along, due = batched(operator, marked)
    fronted = []
    for a, axis, is_marked, must in zip(arrays, axes, marked, due, strict=True):
        if is_marked:
            fronted.append(jnp.moveaxis(a, axis, 0) if axis else a)
        else:
            fronted.append(jnp.broadcast_to(a, (size, *np.shape(a))) if must else a)
    results = bind(along, fronted)
    return results, [0] * len(results)


primitive.def_impl(_evaluate)
primitive.def_abstract_eval(_abstract)
ad.primitive_jvps[primitive] = _jvp
ad.primitive_transposes[primitive] = _transpose
batching.primitive_batchers[primitive] = _batch
mlir.register_lowering(primitive, lowered)
