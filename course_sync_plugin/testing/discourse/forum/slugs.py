"""How titles and names become slugs."""

from __future__ import annotations

import re
import unicodedata


def slug_for(text: str, default: str = "topic") -> str:
    """Return the slug of a title or name; ``default`` if nothing is left or only digits are.

    Source: discourse, lib/slug.rb (the way ``ascii``). The read version is old; letters of other scripts are assumed to
    be left out.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower().replace("'", "")
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:255]
    return default if not slug or slug.isdigit() else slug
