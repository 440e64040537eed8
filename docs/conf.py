"""Configures Sphinx, which builds the documentation (`make docs`)."""

import os
import re
import sys
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
# Some documented modules import models.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sandbox.settings")
django.setup()

# autodoc imports modules of models, which need the settings of a site
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sandbox.settings")
django.setup()

project = "course-sync-plugin"
author = copyright = "the authors of course-sync-plugin"
INIT = (ROOT / "course_sync_plugin" / "__init__.py").read_text(encoding="utf-8")
version = release = re.search(r'^__version__ = "(.+)"', INIT, re.MULTILINE)[1]

extensions = ["sphinx.ext.viewcode", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "mfe"]  # docs/mfe may hold packages with pages of their own
default_role = "any"
autodoc_member_order = "bysource"
autodoc_typehints = "description"

html_theme = "sphinx_book_theme"
html_title = "course-sync-plugin"
