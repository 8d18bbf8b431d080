"""The directive ``{coverage-table}``: what ``frechet.rules.coverage()`` returns, a table per namespace."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx

Entry = tuple[str, str, str]  # function, kind, remark
HEADINGS = ("function", "kind", "remark")
WIDTHS = (35, 20, 45)


def namespace(function: str) -> str:
    """The part of a dotted name that says where the function lives: np.linalg for np.linalg.inv.

    The methods of a ufunc, np.add.reduce, are listed with the functions of np.
    """
    parts = function.split(".")
    while len(parts) > 1 and not (len(parts) == 2 and parts[0] in ("np", "numpy")):
        parts.pop()
        if parts[-1] in ("np", "numpy", "linalg", "fft", "special"):
            break
    else:
        parts = parts[:1]
    return ".".join(parts)


class CoverageTable(SphinxDirective):
    """A section per namespace, preceded by how many functions are of which kind."""

    def run(self) -> list[nodes.Node]:
        """The nodes that stand in place of the directive."""
        import frechet.rules

        entries = sorted((tuple(map(str, row)) for row in frechet.rules.coverage()), key=_order)
        counts = Counter(kind for _, kind, _ in entries)
        summary = ", ".join(f"{kind}: {count}" for kind, count in counts.most_common())
        made: list[nodes.Node] = [nodes.paragraph(text=f"{len(entries)} functions. {summary}.")]
        for name, group in groupby(entries, key=lambda entry: namespace(entry[0])):
            section = nodes.section(ids=[nodes.make_id(f"coverage-{name}")])
            section += nodes.title(text=name)
            section += _table(list(group))
            made.append(section)
        return made


def _order(entry: tuple[str, ...]) -> tuple[str, str]:
    return namespace(entry[0]), entry[0]


def _table(entries: list[Any]) -> nodes.table:
    group = nodes.tgroup(cols=len(HEADINGS))
    group += [nodes.colspec(colwidth=width) for width in WIDTHS]
    group += nodes.thead("", _row([nodes.paragraph(text=heading) for heading in HEADINGS]))
    body = nodes.tbody()
    for function, kind, remark in entries:
        name = nodes.paragraph("", "", nodes.literal(text=function))
        body += _row([name, nodes.paragraph(text=kind), nodes.paragraph(text=remark)])
    group += body
    return nodes.table("", group)


def _row(cells: list[nodes.paragraph]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", cell) for cell in cells))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("coverage-table", CoverageTable)
    return {"parallel_read_safe": True}
