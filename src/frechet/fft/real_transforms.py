"""The discrete cosine and sine transforms of scipy.fft, types 1 to 4, on plain and traced arrays.

Without a factor, with N the length of the transform, their matrices are (SciPy's documentation)

    C1[k, n] = w_n cos(π k n/(N−1))          S1[k, n] = 2 sin(π (k+1)(n+1)/(N+1))
    C2[k, n] = 2 cos(π k (2n+1)/2N)          S2[k, n] = 2 sin(π (k+1)(2n+1)/2N)
    C3[k, n] = v_n cos(π (2k+1) n/2N)        S3[k, n] = u_n sin(π (2k+1)(n+1)/2N)
    C4[k, n] = 2 cos(π (2k+1)(2n+1)/4N)      S4[k, n] = 2 sin(π (2k+1)(2n+1)/4N)

with w = (1, 2, …, 2, 1), v = (1, 2, …, 2), u = (2, …, 2, 1),
from which the adjoints (the matrices are real, so: the transposes) can be read off:

    C1ᵀ = D C1 D⁻¹ with D = diag(½, 1, …, 1, ½), as C1 is a symmetric matrix times diag(w), and w
        is a multiple of the diagonal of 1/D;
    C2ᵀ = C3 diag(2, 1, …, 1),   C3ᵀ = diag(½, 1, …, 1) C2;
    S2ᵀ = S3 diag(1, …, 1, 2),   S3ᵀ = diag(1, …, 1, ½) S2;          C4, S1 and S4 are symmetric.

norm= multiplies by 1, 1/√M or 1/M, with one M for a type and its adjoint: 2N, for C1 2(N−1), for S1 2(N+1);
so the adjoint has the same norm.  orthogonalize=True scales what distinguishes the transposes above: the
first and last entry of C1's input by √2 and of its output by √½, the first (C) or last (S) entry of the
output of type 2 by √½ and of the input of type 3 by √2.  Then type 2 and type 3 are each other's adjoint
and the others are their own, without any weights.  The inverse of type t is type (1, 3, 2, 4)[t] with
"backward" and "forward" exchanged.

Value, pushforward and pullback cost one transform each, O(N log N) for N entries.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array, LinearMap, Shape, identity
from ..rules.fft_maps import SWAPPED, Transform, checked_norm, fit, library
from .arguments import ONE_AXIS, SEVERAL_AXES, axes_and_sizes, axis_and_size, scipy_function

# (function, type) -> (type of the adjoint, entries of its input to double, entries of its output to halve)
ADJOINT: dict[tuple[str, int], tuple[int, Shape, Shape]] = {
    ("dct", 1): (1, (0, -1), (0, -1)),
    ("dct", 2): (3, (0,), ()),
    ("dct", 3): (2, (), (0,)),
    ("dct", 4): (4, (), ()),
    ("dst", 1): (1, (), ()),
    ("dst", 2): (3, (-1,), ()),
    ("dst", 3): (2, (), (-1,)),
    ("dst", 4): (4, (), ()),
}
INVERSE = {1: 1, 2: 3, 3: 2, 4: 4}

TYPE = """type : {1, 2, 3, 4}, optional
        Which of the transforms; the formulas are those of SciPy's documentation.
    """
ORTHOGONALIZE = """
    orthogonalize : bool, optional
        Scale the first or last entry so that type 2 and 3 are each other's transpose; by default only with
        norm="ortho".  Not for complex x, where SciPy disregards it."""


def _with_type(parameters: str) -> str:
    before, raises = parameters.split("\n\n    Raises")
    where = "n : " if "    n : " in before else "s : "
    return before.replace(f"    {where}", f"    {TYPE}{where}") + ORTHOGONALIZE + "\n\n    Raises" + raises


ONE = _with_type(ONE_AXIS)
SEVERAL = _with_type(SEVERAL_AXES)


class CosineSine(Transform):
    """A discrete cosine or sine transform along axes, counted from the end: dct or dst by ``name``."""

    __slots__ = ("axes", "in_sizes", "name", "norm", "orthogonalize", "sizes", "type", "workers")

    def __init__(
        self,
        name: str,
        type: int,
        axes: Shape,
        in_sizes: Shape,
        sizes: Shape,
        norm: str,
        orthogonalize: bool,
        workers: int | None,
    ) -> None:
        self.name, self.type = name, type
        self.axes, self.in_sizes, self.sizes = axes, in_sizes, sizes
        self.norm, self.orthogonalize, self.workers = norm, orthogonalize, workers

    def forward(self, v: Array) -> Array:
        return self._run(v, self.type)

    def backward(self, w: Array) -> Array:
        type, doubled, halved = ADJOINT[self.name, self.type]
        if self.orthogonalize:
            doubled = halved = ()
        if doubled:
            w = np.array(w)
            self._scale(w, doubled, 2)
        v = self._run(w, type, owned=bool(doubled))
        self._scale(v, halved, 0.5)
        return fit(v, self.axes, self.in_sizes)

    def _run(self, x: Array, type: int, owned: bool = False) -> Array:
        lib = library()
        if len(self.axes) == 1:
            one = lib.dct if self.name == "dct" else lib.dst
            return one(
                x,
                type,
                self.sizes[0],
                self.axes[0],
                self.norm,
                owned,
                self.workers,
                orthogonalize=self.orthogonalize,
            )
        several = lib.dctn if self.name == "dct" else lib.dstn
        return several(
            x, type, self.sizes, self.axes, self.norm, owned, self.workers, orthogonalize=self.orthogonalize
        )

    def _scale(self, x: Array, entries: Shape, factor: float) -> None:
        """Multiply entries (first, last) along each axis in place."""
        for a in self.axes:
            along = np.moveaxis(x, a, 0)
            for k in entries:
                along[k] *= factor


def _transform(
    name: str,
    inverse: bool,
    x: Array,
    type: Any,
    along: tuple[list[int], list[int]],
    norm: Any,
    orthogonalize: Any,
    workers: Any,
) -> tuple[Array, LinearMap]:
    """Value and map of a transform, or of its inverse."""
    axes, sizes = along
    if not axes:
        return x, identity  # as SciPy: nothing to transform
    if type not in INVERSE:
        raise ValueError(f"invalid type {type!r} of a {name}; it is 1, 2, 3 or 4")
    norm = checked_norm(norm)
    if orthogonalize is None:
        orthogonalize = norm == "ortho"
    elif np.iscomplexobj(x) and bool(orthogonalize) != (norm == "ortho"):
        raise NotDifferentiableError(
            f"scipy.fft.{name} with orthogonalize={orthogonalize!r} and norm={norm!r}: SciPy disregards "
            "orthogonalize for complex input. Leave it out, or transform real and imaginary part one by one"
        )
    if inverse:
        type, norm = INVERSE[type], SWAPPED[norm]
    in_sizes = tuple(x.shape[a] for a in axes)
    m = CosineSine(name, type, tuple(axes), in_sizes, tuple(sizes), norm, bool(orthogonalize), workers)
    return m.push(x), m


@scipy_function(ONE)
def dct(
    x: Array,
    type: int = 2,
    n: Any = None,
    axis: int = -1,
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    orthogonalize: Any = None,
) -> Any:
    """Discrete cosine transform along one axis.

    Of the shape of x with length n along the axis; real and imaginary part of a complex x are transformed
    one by one. Adjoint: the transform of type (1, 3, 2, 4)[type], with weights at the ends.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda x: dct(x)[0])(np.ones(3))  # y_0 = 2 Σ x
    array([2., 2., 2.])
    """
    return _transform("dct", False, x, type, axis_and_size(x, n, axis), norm, orthogonalize, workers)


@scipy_function(ONE)
def idct(
    x: Array,
    type: int = 2,
    n: Any = None,
    axis: int = -1,
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    orthogonalize: Any = None,
) -> Any:
    """Inverse of `dct`: that of the same type, norm and orthogonalize.

    Of the shape of x with length n along the axis; real and imaginary part of a complex x are transformed
    one by one. Adjoint: the transform of type (1, 3, 2, 4)[type], with weights at the ends.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda y: idct(dct(y))[0])(np.ones(3)).round(12) + 0.0
    array([1., 0., 0.])
    """
    return _transform("dct", True, x, type, axis_and_size(x, n, axis), norm, orthogonalize, workers)


@scipy_function(ONE)
def dst(
    x: Array,
    type: int = 2,
    n: Any = None,
    axis: int = -1,
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    orthogonalize: Any = None,
) -> Any:
    """Discrete sine transform along one axis.

    Of the shape of x with length n along the axis; real and imaginary part of a complex x are transformed
    one by one. Adjoint: the transform of type (1, 3, 2, 4)[type], with weights at the ends.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda x: dst(x, type=1)[1])(np.ones(3)).round(12) + 0.0  # y_1 = 2 Σ x_n sin(π (n+1)/2)
    array([ 2.,  0., -2.])
    """
    return _transform("dst", False, x, type, axis_and_size(x, n, axis), norm, orthogonalize, workers)


@scipy_function(ONE)
def idst(
    x: Array,
    type: int = 2,
    n: Any = None,
    axis: int = -1,
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    orthogonalize: Any = None,
) -> Any:
    """Inverse of `dst`: that of the same type, norm and orthogonalize.

    Of the shape of x with length n along the axis; real and imaginary part of a complex x are transformed
    one by one. Adjoint: the transform of type (1, 3, 2, 4)[type], with weights at the ends.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda y: idst(dst(y))[0])(np.ones(3)).round(12) + 0.0
    array([1., 0., 0.])
    """
    return _transform("dst", True, x, type, axis_and_size(x, n, axis), norm, orthogonalize, workers)


@scipy_function(SEVERAL, may_view=True)
def dctn(
    x: Array,
    type: int = 2,
    s: Any = None,
    axes: Any = None,
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    *,
    orthogonalize: Any = None,
) -> Any:
    """Discrete cosine transform along several axes.

    Of the shape of x with the lengths s along the axes; real and imaginary part of a complex x are
    transformed one by one. Adjoint: the transform of type (1, 3, 2, 4)[type], with weights at the ends.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda x: dctn(x)[0, 0])(np.ones((2, 2)))
    array([[4., 4.],
           [4., 4.]])
    """
    return _transform("dct", False, x, type, axes_and_sizes(x, s, axes), norm, orthogonalize, workers)


@scipy_function(SEVERAL, may_view=True)
def idctn(
    x: Array,
    type: int = 2,
    s: Any = None,
    axes: Any = None,
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    orthogonalize: Any = None,
) -> Any:
    """Inverse of `dctn` along several axes: that of the same type, norm and orthogonalize.

    Of the shape of x with the lengths s along the axes; real and imaginary part of a complex x are
    transformed one by one. Adjoint: the transform of type (1, 3, 2, 4)[type], with weights at the ends.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda y: idctn(dctn(y))[0, 0])(np.ones((2, 2))).round(12) + 0.0
    array([[1., 0.],
           [0., 0.]])
    """
    return _transform("dct", True, x, type, axes_and_sizes(x, s, axes), norm, orthogonalize, workers)


@scipy_function(SEVERAL, may_view=True)
def dstn(
    x: Array,
    type: int = 2,
    s: Any = None,
    axes: Any = None,
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    orthogonalize: Any = None,
) -> Any:
    """Discrete sine transform along several axes.

    Of the shape of x with the lengths s along the axes; real and imaginary part of a complex x are
    transformed one by one. Adjoint: the transform of type (1, 3, 2, 4)[type], with weights at the ends.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda x: np.sum(dstn(x, norm="ortho") ** 2))(np.eye(2)).round(12) + 0.0  # orthogonal
    array([[2., 0.],
           [0., 2.]])
    """
    return _transform("dst", False, x, type, axes_and_sizes(x, s, axes), norm, orthogonalize, workers)


@scipy_function(SEVERAL, may_view=True)
def idstn(
    x: Array,
    type: int = 2,
    s: Any = None,
    axes: Any = None,
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    orthogonalize: Any = None,
) -> Any:
    """Inverse of `dstn` along several axes: that of the same type, norm and orthogonalize.

    Of the shape of x with the lengths s along the axes; real and imaginary part of a complex x are
    transformed one by one. Adjoint: the transform of type (1, 3, 2, 4)[type], with weights at the ends.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda y: idstn(dstn(y))[0, 0])(np.ones((2, 2))).round(12) + 0.0
    array([[1., 0.],
           [0., 0.]])
    """
    return _transform("dst", True, x, type, axes_and_sizes(x, s, axes), norm, orthogonalize, workers)
