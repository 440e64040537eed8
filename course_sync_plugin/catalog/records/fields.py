"""Defines which fields of the catalog we keep, their columns in a course overview, and who owns each column.

A publish leaves ``marketing_url`` and ``eligible_for_financial_aid`` of an overview unchanged, and ``language`` too if
the catalog integration is on. It overwrites all other columns from the course (``CourseOverview._create_or_update``).
So the catalog can own only these three columns. For the others, the sync compares the catalog's values with the
overview and reports differences. The table is in docs/concepts/catalog_ownership.rst.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import attrs

from course_sync_plugin.catalog import host
from course_sync_plugin.catalog.records.values import read_flag, read_language, read_moment, read_pacing, read_url


class Owner(StrEnum):
    """Who decides the value of a column."""

    CATALOG = "catalog"
    STUDIO = "studio"
    #: The catalog if a publish leaves the column unchanged, else Studio.
    PLATFORM_DECIDES = "platform decides"


@attrs.frozen
class Field:
    """One field of a course run: its ``name`` in the catalog and its ``column`` in the overview.

    ``read`` returns a valid value, or None if the catalog gives none; it raises ValueError if the value is not valid.
    ``null_is_value``: null is a value (there is no end date), not a missing one.
    """

    name: str
    column: str
    owner: Owner
    read: Callable[[Any], Any]
    null_is_value: bool = False


FIELDS = (
    Field("marketing_url", "marketing_url", Owner.CATALOG, read_url),
    Field("eligible_for_financial_aid", "eligible_for_financial_aid", Owner.CATALOG, read_flag),
    Field("content_language", "language", Owner.PLATFORM_DECIDES, read_language),
    Field("start", "start", Owner.STUDIO, read_moment, null_is_value=True),
    Field("end", "end", Owner.STUDIO, read_moment, null_is_value=True),
    Field("enrollment_start", "enrollment_start", Owner.STUDIO, read_moment, null_is_value=True),
    Field("enrollment_end", "enrollment_end", Owner.STUDIO, read_moment, null_is_value=True),
    Field("pacing_type", "self_paced", Owner.STUDIO, read_pacing),
)
COLUMNS = tuple(field.column for field in FIELDS)


@attrs.frozen
class Ownership:
    """Who owns each column on this site now.

    ``written``: columns whose values come from the catalog. ``compared``: columns that Studio owns. ``languages``: as
    in :func:`language_here`.
    """

    written: Sequence[str]
    compared: Sequence[str]
    languages: Mapping[str, str]

    def wanted(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns that an overview should have, given the catalog's values."""
        return {column: self._here(column, values[column]) for column in self.written if column in values}

    def differing(self, values: Mapping[str, Any], overview: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Return Studio's columns on which the sides disagree, each with the catalog's and the overview's value."""
        return {
            column: (values[column], overview[column])
            for column in self.compared
            if column in values and not self._same(column, values[column], overview[column])
        }

    def _same(self, column: str, there: Any, here: Any) -> bool:
        if column == "language" and there != here:
            return not here or bool(self._here(column, there) == self._here(column, here))
        return bool(there == here)

    def _here(self, column: str, value: Any) -> Any:
        return language_here(value, self.languages) if column == "language" else value


def current_ownership(configuration: Any) -> Ownership:
    """Return who owns each column now: by the table above, the platform, and the fields that the operator enabled."""
    to_catalog = host.leaves_language_to_catalog()
    owners = {field.column: field.owner for field in FIELDS}
    owners["language"] = Owner.CATALOG if to_catalog else Owner.STUDIO
    written = [column for column, owner in owners.items() if owner is Owner.CATALOG]
    enabled = [column for column in written if getattr(configuration, f"sync_{column}")]
    compared = [column for column, owner in owners.items() if owner is Owner.STUDIO]
    return Ownership(enabled, compared, host.languages())


#: The codes of course-discovery for Chinese languages, and the codes of the platform.
_CHINESE = {"zh-cmn": "zh", "cmn": "zh", "zh-hans": "zh-cn", "zh-hant": "zh-tw"}


def language_here(code: str, languages: Mapping[str, str]) -> str:
    """Return this site's code for a language: ``en`` for ``en-us``, but ``es-419`` for ``es-419``.

    ``languages`` maps the site's codes in lower case with hyphens to the codes as the site writes them.
    """
    plain = code.lower().replace("_", "-")
    plain = plain if plain in languages else _CHINESE.get(plain, plain)
    for known in (plain, plain.split("-", maxsplit=1)[0]):
        if known in languages:
            return languages[known]
    return plain
