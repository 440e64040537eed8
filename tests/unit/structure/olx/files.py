"""Exports for tests: files in a folder or in an archive."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

COURSE_XML = '<course url_name="R" org="O" course="C"/>'

#: A small export in Studio's layout.
STUDIO = {
    "course.xml": COURSE_XML,
    "course/R.xml": '<course display_name="Course"><chapter url_name="c"/><wiki slug="O.C.R"/></course>',
    "chapter/c.xml": '<chapter display_name="Section"><sequential url_name="s"/></chapter>',
    "sequential/s.xml": '<sequential display_name="Subsection"><vertical url_name="v"/></sequential>',
    "vertical/v.xml": '<vertical display_name="Unit"><html url_name="h"/><problem url_name="p"/></vertical>',
    "html/h.xml": '<html filename="h" display_name="Text"/>',
    "html/h.html": "<p>Hello</p>",
    "problem/p.xml": '<problem display_name="Question" weight="1.0"><p>How many?</p></problem>',
}


def folder(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write the files of an export below a folder."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def archive(path: Path, files: Mapping[str, str | bytes], top: str = "course/") -> Path:
    """Pack the files of an export as Studio does, in one top folder."""
    mode = "w:gz" if path.name.endswith("gz") else "w"
    with tarfile.open(path, mode) as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(top + name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path
