"""Exports the configuration of this site as a document, compares a document with this site, and imports it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
from django.db import transaction
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.sanitize.text import host_of
from course_sync_plugin.upkeep.audit import record
from course_sync_plugin.upkeep.plan_tokens import no_longer_valid, token_of
from course_sync_plugin.upkeep.site_copy.sections import SECTIONS, Section

#: The version of the document's format.
FORMAT_VERSION = 1


@attrs.frozen
class Difference:
    """One entry that differs. ``kind``: ``add``, ``change``, ``only here``, or ``advice`` for what is not imported.

    ``fields``: the value here and the value in the document, by field.
    """

    section: str
    name: str
    kind: str
    fields: Mapping[str, tuple[Any, Any]]

    @property
    def shown(self) -> dict[str, tuple[Any, Any]]:
        """Return the fields as operators may see them: of a URL only the host, because the rest may hold a token."""
        return {name: (_host(pair[0]), _host(pair[1])) if name == "url" else pair for name, pair in self.fields.items()}


@attrs.frozen
class ImportPlan:
    """The differences between a document and this site.

    ``notes``: sentences about parts of the document that this site cannot have. ``token`` names what an import would
    change; empty: nothing.
    """

    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    token: str


@attrs.frozen
class Imported:
    """The result for a token. ``secrets``: those made for new targets, by name. ``error``: why nothing is imported."""

    token: str
    changed: tuple[str, ...] = ()
    secrets: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    error: str = ""


def export_site() -> dict[str, Any]:
    """Return the configuration of this site without secrets, in a stable order."""
    return {"format_version": FORMAT_VERSION, **{section.name: section.read() for section in SECTIONS}}


def import_plan(document: Any) -> ImportPlan:
    """Compare a document with this site. Raises ConfigurationError if it is not a document of this format."""
    differences: list[Difference] = []
    notes: list[str] = []
    for section in SECTIONS:
        here, there = _plain(section.read()), _entries(document, section)
        usable = {name: section.usable_here(name, entry) for name, entry in there.items()}
        notes += [note for _entry, said in usable.values() for note in said]
        differences += _compare(section, here, _plain({name: entry for name, (entry, _said) in usable.items()}))
    to_do = [attrs.asdict(one) for one in differences if one.kind in ("add", "change")]
    return ImportPlan(tuple(differences), tuple(notes), token_of(json.dumps(to_do, sort_keys=True)) if to_do else "")


def import_shown(document: Any, token: str) -> Imported:
    """Import a document if its plan still has this token: all of it, or nothing.

    Raises ConfigurationError, which names the entry that is wrong; then nothing is written.
    """
    with transaction.atomic():
        plan = import_plan(document)
        if not token or plan.token != token:
            return Imported(token, error=no_longer_valid(token))
        by_name = {section.name: section for section in SECTIONS}
        to_do = [one for one in plan.differences if one.kind in ("add", "change")]
        secrets = {one.name: _apply(by_name[one.section], one, document) for one in to_do}
        changed = {name: [one.name for one in to_do if one.section == name] for name in by_name}
        record("import", changed=changed)
    made = {name: secret for name, secret in secrets.items() if secret}
    return Imported(token, tuple(one.name for one in to_do), made)


def _apply(section: Section, difference: Difference, document: Any) -> str:
    name = difference.name
    entry, _notes = section.usable_here(name, _entries(document, section)[name])
    try:
        return section.apply(name, _plain(section.read()).get(name), _plain(entry)) if section.apply else ""
    except ConfigurationError as error:
        text = _("{section} {name}: {error} Nothing was imported.")
        raise ConfigurationError(text.format(section=section.name, name=name, error=error.message)) from error


def _entries(document: Any, section: Section) -> dict[str, Any]:
    if not isinstance(document, dict) or document.get("format_version") != FORMAT_VERSION:
        raise ConfigurationError(
            _("This is not a document of 'course_sync export' of format version {n}.").format(n=FORMAT_VERSION)
        )
    entries = document.get(section.name, {})
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise ConfigurationError(_("The section '{name}' is not valid.").format(name=section.name))
    return entries


def _compare(section: Section, here: dict[str, Any], there: dict[str, Any]) -> Iterator[Difference]:
    for name in sorted(here.keys() | there.keys()):
        mine, theirs = here.get(name), there.get(name)
        if mine == theirs:
            continue
        names = sorted({**(mine or {}), **(theirs or {})})
        pairs = {field: ((mine or {}).get(field), (theirs or {}).get(field)) for field in names}
        fields = {field: pair for field, pair in pairs.items() if pair[0] != pair[1]}
        kind = "advice" if section.apply is None else "add" if mine is None else "change"
        yield Difference(section.name, name, "only here" if section.apply and theirs is None else kind, fields)


def _host(url: Any) -> Any:
    return f"{host_of(url)}/…" if url else url


def _plain(value: Any) -> Any:
    """Return a value as JSON would give it back: tuples become lists."""
    return json.loads(json.dumps(value))
