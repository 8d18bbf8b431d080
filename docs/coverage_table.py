"""The directives of the coverage page, made from the tables of the code.

``{coverage-table}`` shows what ``frechet.rules.coverage`` lists, a table per namespace; ``{linalg-table}``
and ``{sparse-table}`` what the functions of ``fr.linalg`` and ``fr.sparse.linalg`` can be differentiated in,
and where they have no derivative.
"""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

import frechet.linalg  # fills the table
import frechet.sparse.linalg  # noqa: F401  # likewise
from frechet.linalg._capability import table as capabilities
from frechet.rules.coverage import coverage
from frechet.sparse.linalg._capability import table as sparse_capabilities

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sphinx.application import Sphinx

HEADINGS = ("function", "kind", "remark")
WIDTHS = (32, 18, 50)
METHODS = ("reduce", "accumulate", "reduceat", "outer", "at")
FIRST = ("np", "np.linalg", "np.fft", "scipy.special")  # the other namespaces follow in alphabetical order
INTERNAL = "Internal to NumPy"


class Entry(NamedTuple):
    """A row of the page."""

    function: str
    kind: str
    remark: str
    home: str  # the namespace


def entries() -> list[Entry]:
    """The rows of the page: those of the table, with the methods of a ufunc in its own row.

    A method is left out where NumPy itself does not give it, and has a row of its own where it is refused for
    another reason.
    """
    rows = coverage()
    functions = {row.function for row in rows}
    methods: dict[str, list[str]] = {}
    page = []
    for row in rows:
        home, _, name = row.function.rpartition(".")
        if name not in METHODS or home not in functions:
            page.append(Entry(*row, _namespace(home, name)))
        elif row.kind != "refused":
            methods.setdefault(home, []).append(name)
        elif not row.remark.startswith("NumPy gives"):
            page.append(Entry(*row, _namespace(*home.rsplit(".", 1))))
    return [_with_methods(row, methods.get(row.function, ())) for row in page]


def _with_methods(row: Entry, methods: Sequence[str]) -> Entry:
    if not methods:
        return row
    named = "methods: " + ", ".join(method for method in METHODS if method in methods)
    return row._replace(remark=f"{row.remark}; {named}" if row.remark else named)


def _namespace(home: str, name: str) -> str:
    private = any(part.startswith("_") for part in (*home.split("."), name))
    return INTERNAL if private and home.startswith("np") else home


def _order(entry: Entry) -> tuple[int, str, str]:
    rank = FIRST.index(entry.home) if entry.home in FIRST else len(FIRST) + (entry.home == INTERNAL)
    return rank, entry.home, entry.function.lower()


class CoverageTable(SphinxDirective):
    """A section per namespace, preceded by how many functions are of which kind."""

    def run(self) -> list[nodes.Node]:
        """The nodes that stand in place of the directive."""
        self.env.note_reread()  # what it shows depends on the code, not on this page
        page = sorted(entries(), key=_order)
        made: list[nodes.Node] = [nodes.paragraph(text=f"All in all: {_counts(page)}.")]
        for name, group in groupby(page, key=lambda entry: entry.home):
            rows = list(group)
            section = nodes.section(ids=[nodes.make_id(f"coverage-{name}")])
            section += nodes.title(text=name)
            section += nodes.paragraph(text=f"{_counts(rows)}.")
            section += _table(rows)
            made.append(section)
        return made


class LinalgTable(SphinxDirective):
    """The functions of fr.linalg by kind: a row each, with a column for every claim that the tests check."""

    def run(self) -> list[nodes.Node]:
        """The nodes that stand in place of the directive."""
        self.env.note_reread()
        rows = sorted(capabilities.values())
        by_kind = {kind: [row for row in rows if row.kind == kind] for kind in ("differentiable", "refused")}
        constant = ", ".join(row.name for row in rows if row.kind == "constant")
        yes = {True: "yes", False: "no"}
        return [
            _grid(
                (
                    "function",
                    "forward",
                    "reverse",
                    "higher order",
                    "complex",
                    "stacked",
                    "without a derivative",
                ),
                (24, 9, 9, 9, 9, 9, 51),
                [
                    (row.name, "yes", "yes", "yes", yes[row.complex], yes[row.stacked], row.ill_posed)
                    for row in by_kind["differentiable"]
                ],
            ),
            nodes.paragraph(text=f"Without a derivative, as their results are constant: {constant}."),
            _grid(
                ("refused", "reason"),
                (24, 96),
                [(row.name, row.ill_posed) for row in by_kind["refused"]],
            ),
        ]


class SparseTable(SphinxDirective):
    """The functions of fr.sparse.linalg: a row each, with what the tests check."""

    def run(self) -> list[nodes.Node]:
        """The nodes that stand in place of the directive."""
        self.env.note_reread()
        rows = sorted(sparse_capabilities.values())
        yes = {True: "yes", False: "no"}
        return [
            _grid(
                ("function", "forward", "reverse", "higher order", "complex", "without a derivative"),
                (24, 9, 9, 9, 9, 60),
                [
                    (row.name, "yes", "yes", "yes", yes[row.complex], row.ill_posed)
                    for row in rows
                    if row.kind == "differentiable"
                ],
            ),
            _grid(
                ("refused", "reason"),
                (24, 96),
                [(row.name, row.ill_posed) for row in rows if row.kind == "refused"],
            ),
        ]


def _counts(rows: Sequence[Entry]) -> str:
    counts = Counter(row.kind for row in rows)
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    return f"{len(rows)} function{'s' if len(rows) > 1 else ''} ({kinds})"


def _table(rows: Iterable[Entry]) -> nodes.table:
    return _grid(HEADINGS, WIDTHS, [entry[: len(HEADINGS)] for entry in rows])


def _grid(headings: Sequence[str], widths: Sequence[int], rows: Iterable[Sequence[str]]) -> nodes.table:
    """A table whose first column holds names."""
    group = nodes.tgroup(cols=len(headings))
    group += [nodes.colspec(colwidth=width) for width in widths]
    group += nodes.thead("", _row([nodes.paragraph(text=heading) for heading in headings]))
    body = nodes.tbody()
    for function, *others in rows:
        name = nodes.paragraph("", "", nodes.literal(text=function))
        body += _row([name, *(nodes.paragraph(text=text) for text in others)])
    group += body
    return nodes.table("", group, classes=["colwidths-given"])


def _row(cells: Iterable[nodes.paragraph]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", cell) for cell in cells))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("coverage-table", CoverageTable)
    app.add_directive("linalg-table", LinalgTable)
    app.add_directive("sparse-table", SparseTable)
    return {"parallel_read_safe": True}
