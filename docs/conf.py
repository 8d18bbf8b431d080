"""Sphinx's configuration: Markdown pages, API reference from the docstrings, the generated coverage table."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))

project = "Frechet"
author = "The Frechet developers"
copyright = "2026, The Frechet developers"
version = release = installed_version("frechet")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "coverage_table", "structure_table"]
exclude_patterns = ["_build"]
default_role = "py:obj"  # `name` in a docstring is a link, where the name is on these pages
html_theme = "furo"
html_title = f"Frechet {release}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

napoleon_google_docstring = False
napoleon_use_rtype = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say it in words
autodoc_preserve_defaults = True


def setup(app: Sphinx) -> None:
    """Leave out the empty line with which an example in Markdown has to end for doctest."""

    def trim(app: Sphinx, page: str, text: list[str]) -> None:
        text[0] = text[0].replace("\n\n```\n", "\n```\n")

    app.connect("source-read", trim)
