"""Sphinx builds the documentation with this; `make docs`."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

project = "course-sync-plugin"
author = copyright = "the authors of course-sync-plugin"
INIT = (ROOT / "course_sync_plugin" / "__init__.py").read_text(encoding="utf-8")
version = release = re.search(r'^__version__ = "(.+)"', INIT, re.MULTILINE)[1]

extensions = ["sphinx.ext.viewcode", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
default_role = "any"
autodoc_member_order = "bysource"
autodoc_typehints = "description"

html_theme = "sphinx_book_theme"
html_title = "course-sync-plugin"
