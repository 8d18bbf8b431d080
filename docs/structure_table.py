"""The directive ``{structure-table}``: which structure the results of operations have."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from coverage_table import _grid
from sphinx.util.docutils import SphinxDirective

import frechet as fr
from frechet.structured import StructuredMatrix

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

D = np.array([4.0, 5.0, 6.0])
FULL = np.diag(D) + 0.5
MATRICES: dict[str, Callable[[], StructuredMatrix]] = {
    "Diagonal": lambda: fr.Diagonal(D),
    "Symmetric": lambda: fr.Symmetric(FULL),
    "Hermitian": lambda: fr.Hermitian(FULL + 0j),
    "SkewSymmetric": lambda: fr.SkewSymmetric(np.triu(np.ones((4, 4)), 1)),
    "UpperTriangular": lambda: fr.UpperTriangular(FULL),
    "LowerTriangular": lambda: fr.LowerTriangular(FULL),
    "UnitUpperTriangular": lambda: fr.UnitUpperTriangular(FULL),
    "UnitLowerTriangular": lambda: fr.UnitLowerTriangular(FULL),
    "Bidiagonal": lambda: fr.Bidiagonal(D, np.ones(2)),
    "Tridiagonal": lambda: fr.Tridiagonal(np.ones(2), D, np.ones(2)),
    "SymTridiagonal": lambda: fr.SymTridiagonal(D, np.ones(2)),
    "Banded": lambda: fr.Banded(np.array([[1.0], [5.0], [1.0]]) * np.ones(3), (1, 1)),
    "Toeplitz": lambda: fr.Toeplitz(np.array([4.0, 1.0, 0.5])),
    "Circulant": lambda: fr.Circulant(np.array([4.0, 1.0, 0.5])),
    "Permutation": lambda: fr.Permutation([2, 0, 1]),
    "Kronecker": lambda: fr.Kronecker(FULL, FULL),
    "LowRank": lambda: fr.LowRank(np.ones((3, 1)), np.ones((3, 1))),
    "LowRankPlusDiagonal": lambda: fr.LowRankPlusDiagonal(D, np.ones((3, 1)), np.ones((3, 1))),
    "BlockDiagonal": lambda: fr.BlockDiagonal([FULL, FULL]),
}
OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "A + A": lambda A: A + A,
    "2 * A": lambda A: 2.0 * A,
    "A @ A": lambda A: A @ A,
    "A @ Diagonal": lambda A: A @ fr.Diagonal(np.arange(1.0, A.shape[-1] + 1)),
    "A.T": lambda A: A.T,
    "inv(A)": np.linalg.inv,
    "expm(A)": fr.linalg.expm,
}


def rows() -> list[tuple[str, ...]]:
    """For each structure the name of that which each operation gives: "same", another one, or "full"."""
    table = []
    for name, make in MATRICES.items():
        row = [name]
        for operation in OPERATIONS.values():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    kind = type(operation(make()))
                except np.linalg.LinAlgError:
                    row.append("singular")
                    continue
            row.append("full" if not issubclass(kind, StructuredMatrix) else _named(kind, name))
        table.append(tuple(row))
    return table


def _named(kind: type, name: str) -> str:
    return "same" if kind.__name__ == name else kind.__name__


class StructureTable(SphinxDirective):
    """A row for each structure, a column for each operation."""

    def run(self) -> list[nodes.Node]:
        """The nodes that stand in place of the directive."""
        self.env.note_reread()  # what it shows depends on the code, not on this page
        return [_grid(("A", *OPERATIONS), (22, *(16,) * len(OPERATIONS)), rows())]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("structure-table", StructureTable)
    return {"parallel_read_safe": True}
