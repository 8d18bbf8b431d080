"""Functions as other frameworks see them: arrays in, arrays out, and derivatives that are the same again.

JAX and PyTorch differentiate, batch and compile functions of arrays that are opaque to them.  An `Operator`
is a function that Frechet differentiates, in that form.  Its derivatives are operators, too:

    Pushforward(f)      (x, v) ↦ f′(x) v
    Pullback(f)         (x, w) ↦ f′(x)ᴴ w
    Batched(f)          f for each entry along the first axis of some of its arguments

and so are those of these, to any order: the pullback of a pullback is what a framework asks for in a double
backward.  The arguments of a derivative from number `linear` on enter it linearly, which allows a framework
to transpose it, and Frechet to apply it to a stack of directions in one pass.
"""

from .batched import Batched, batched
from .derivatives import Pullback, Pushforward
from .function import Function, core_dimensions
from .memory import Remembering
from .operator import Arrays, Derivative, Indices, Operator, Outline, outline

__all__ = [
    "Arrays",
    "Batched",
    "Derivative",
    "Function",
    "Indices",
    "Operator",
    "Outline",
    "Pullback",
    "Pushforward",
    "Remembering",
    "batched",
    "core_dimensions",
    "outline",
]
