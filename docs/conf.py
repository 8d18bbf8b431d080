"""Sphinx's configuration: Markdown pages, API reference from the docstrings, the generated coverage table."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "Frechet"
author = "The Frechet developers"
copyright = "2026, The Frechet developers"
version = release = installed_version("frechet")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "coverage_table"]
exclude_patterns = ["_build"]
nitpicky = False
html_theme = "furo"
html_title = f"Frechet {release}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

napoleon_google_docstring = False
napoleon_use_rtype = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say it in words
