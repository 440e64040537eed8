"""Which of the catalog's fields we keep, which column each has in a course overview, and who owns it.

Publishing keeps ``marketing_url`` and ``eligible_for_financial_aid`` of an overview and overwrites all others from the
course, but for ``language`` where the catalog integration is on (``CourseOverview._create_or_update``). So the catalog
can own those alone; what it says of the others is compared and reported (docs/catalog.rst has the table).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import attrs

from course_sync_plugin.catalog import host
from course_sync_plugin.catalog.values import read_flag, read_language, read_moment, read_pacing, read_url


class Owner(StrEnum):
    """Who has the last word on a column."""

    CATALOG = "catalog"
    STUDIO = "studio"
    #: The catalog where the platform leaves it to it, else Studio.
    PLATFORM_DECIDES = "platform decides"


@attrs.frozen
class Field:
    """One field of a course run: its ``name`` in the catalog and its ``column`` in the overview.

    ``read`` returns a valid value, None for nothing said, or raises ValueError. ``null_is_said``: null is a value (no
    end date), not silence.
    """

    name: str
    column: str
    owner: Owner
    read: Callable[[Any], Any]
    null_is_said: bool = False


FIELDS = (
    Field("marketing_url", "marketing_url", Owner.CATALOG, read_url),
    Field("eligible_for_financial_aid", "eligible_for_financial_aid", Owner.CATALOG, read_flag),
    Field("content_language", "language", Owner.PLATFORM_DECIDES, read_language),
    Field("start", "start", Owner.STUDIO, read_moment, null_is_said=True),
    Field("end", "end", Owner.STUDIO, read_moment, null_is_said=True),
    Field("enrollment_start", "enrollment_start", Owner.STUDIO, read_moment, null_is_said=True),
    Field("enrollment_end", "enrollment_end", Owner.STUDIO, read_moment, null_is_said=True),
    Field("pacing_type", "self_paced", Owner.STUDIO, read_pacing),
)
COLUMNS = tuple(field.column for field in FIELDS)


@attrs.frozen
class Ownership:
    """Who owns what on this site now: ``written`` columns come from the catalog, ``compared`` ones are Studio's."""

    written: Sequence[str]
    compared: Sequence[str]
    languages: Mapping[str, str]

    def wanted(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns that an overview should have, out of what the catalog says."""
        return {column: self._here(column, values[column]) for column in self.written if column in values}

    def differing(self, values: Mapping[str, Any], overview: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Return the columns owned by Studio on which the sides disagree: what the catalog says and what is here."""
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
    """Return who owns what now: by the table above, the platform and the fields that the operator has enabled."""
    to_catalog = host.leaves_language_to_catalog()
    owners = {field.column: field.owner for field in FIELDS}
    owners["language"] = Owner.CATALOG if to_catalog else Owner.STUDIO
    written = [column for column, owner in owners.items() if owner is Owner.CATALOG]
    enabled = [column for column in written if getattr(configuration, f"sync_{column}")]
    compared = [column for column, owner in owners.items() if owner is Owner.STUDIO]
    return Ownership(enabled, compared, host.languages())


#: What course-discovery calls the Chinese languages by macro code, and what the platform does.
_CHINESE = {"zh-cmn": "zh", "cmn": "zh", "zh-hans": "zh-cn", "zh-hant": "zh-tw"}


def language_here(code: str, languages: Mapping[str, str]) -> str:
    """Return a language by the code that this site has for it: ``en`` for ``en-us``, but ``es-419`` for ``es-419``.

    ``languages`` maps the site's own codes, in lower case with hyphens, to how it writes them.
    """
    plain = code.lower().replace("_", "-")
    plain = plain if plain in languages else _CHINESE.get(plain, plain)
    for known in (plain, plain.split("-", maxsplit=1)[0]):
        if known in languages:
            return languages[known]
    return plain
