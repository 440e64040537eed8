"""Reads the targets of this site without their secrets, and adds or changes one so that it equals an entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.keys import parse_course_id, parse_org
from course_sync_plugin.lanes.due import nudge
from course_sync_plugin.lanes.open_target import config_of
from course_sync_plugin.models import Entity, Lane, Run, Subscription, Target, digest_of
from course_sync_plugin.targets.options import checked_options
from course_sync_plugin.targets.registry import targets
from course_sync_plugin.upkeep.exclusions import course_of, exclude, include
from course_sync_plugin.upkeep.targets.change import add_target, get_target, make_lanes_of, pause, resume
from course_sync_plugin.upkeep.targets.context import store_context


@attrs.frozen(kw_only=True)
class TargetEntry:
    """A target as the document has it. Texts are sorted, so that two documents can be compared line by line.

    ``paused_courses``: the courses whose lanes are paused. ``contexts``: the values that are set, by course.
    """

    backend: str = "webhook"
    url: str = ""
    orgs: Sequence[str] = ()
    courses: Sequence[str] = ()
    entity_types: Sequence[str] = ()
    options: Mapping[str, Any] = attrs.field(factory=dict)
    paused: bool = False
    paused_courses: Sequence[str] = ()
    contexts: Mapping[str, Mapping[str, str]] = attrs.field(factory=dict)
    excluded: Sequence[str] = ()

    @classmethod
    def of(cls, name: str, values: Mapping[str, Any]) -> TargetEntry:
        """Return the entry with these fields. Raises ConfigurationError for an unknown field or a wrong type."""
        kinds: dict[str, type] = {
            **dict.fromkeys(("backend", "url"), str),
            **dict.fromkeys(("orgs", "courses", "entity_types", "paused_courses", "excluded"), list),
            **dict.fromkeys(("options", "contexts"), dict),
            "paused": bool,
        }
        for field, value in values.items():
            kind = kinds.get(field)
            is_right = kind is not None and isinstance(value, kind)
            if is_right and kind is list:
                is_right = all(isinstance(one, str) for one in value)
            if is_right and field == "contexts":
                is_right = all(map(_is_context, value.values()))
            if not is_right:
                raise ConfigurationError(_("Target {name}: '{field}' is not valid.").format(name=name, field=field))
        return cls(**values)


def _is_context(values: Any) -> bool:
    """Tell whether a part of a document is the context of a course: texts by name."""
    return isinstance(values, dict) and all(isinstance(one, str) for one in values.values())


def read_targets() -> dict[str, dict[str, Any]]:
    """Return the targets of this site by name, without secrets, and without what belongs to this site alone."""
    rows = Target.objects.prefetch_related("subscriptions", "contexts", "exclusions").order_by("name")
    return {row.name: _entry(row) for row in rows}


def _entry(row: Target) -> dict[str, Any]:
    subscriptions = list(row.subscriptions.all())
    contexts = {one.course_key: dict(sorted(one.values.items())) for one in row.contexts.all() if one.values}
    return {
        "backend": row.backend,
        "url": row.url,
        "orgs": sorted(one.org for one in subscriptions if one.org),
        "courses": sorted(one.course_key for one in subscriptions if one.course_key),
        "entity_types": sorted(row.entity_types),
        "options": dict(sorted(row.options.items())),
        "paused": row.paused,
        "paused_courses": sorted(row.lanes.filter(paused=True).values_list("course__key", flat=True)),
        "contexts": dict(sorted(contexts.items())),
        "excluded": sorted(one.entity_id for one in row.exclusions.all()),
    }


def usable_here(name: str, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return an entry without the exclusions and paused lanes of courses that this site does not have.

    Fields that the document leaves out have their defaults. Raises ConfigurationError for a wrong entry.
    """
    entry = attrs.asdict(TargetEntry.of(name, values))
    left_out = []
    for entity_id in entry["excluded"]:
        if not Entity.objects.filter(
            course__key_digest=digest_of(course_of(entity_id)), id_digest=digest_of(entity_id)
        ):
            left_out.append(entity_id)
    recorded = [key for key in entry["paused_courses"] if not _is_recorded(key)]
    text = _("Target {name}: {what} is not recorded on this site and is left out.")
    notes = [text.format(name=name, what=what) for what in [*left_out, *recorded]]
    entry["excluded"] = sorted(set(entry["excluded"]) - set(left_out))
    entry["paused_courses"] = sorted(set(entry["paused_courses"]) - set(recorded))
    for field in ("orgs", "courses", "entity_types"):
        entry[field] = sorted(entry[field])
    return entry, notes


def _is_recorded(course: str) -> bool:
    return Entity.objects.filter(course__key_digest=digest_of(parse_course_id(course))).exists()


def apply_target(name: str, here: Mapping[str, Any] | None, values: Mapping[str, Any]) -> str:
    """Add a target, or change it, so that it equals an entry. Returns the secret that was made for a new one.

    Raises ConfigurationError, as ``add-target`` does, and if the kind or the entity types of a target differ.
    """
    entry, secret = TargetEntry.of(name, values), ""
    if here is None:
        secret = _add(name, entry)
    else:
        _change(name, TargetEntry.of(name, here), entry)
    _set_contexts(name, entry)
    _set_exclusions(name, set(entry.excluded))
    _set_paused(name, entry)
    return secret


def _add(name: str, entry: TargetEntry) -> str:
    if targets.get(entry.backend).uses_token:
        text = _(
            "Target {name} needs an access token, which an export does not have. Add it first with 'add-target {name} "
            "--backend {backend} --url … --token-file FILE', then import the rest."
        )
        raise ConfigurationError(text.format(name=name, backend=entry.backend))
    options = [f"{key}={_text(value)}" for key, value in entry.options.items()]
    added = add_target(
        name,
        backend=entry.backend,
        url=entry.url,
        orgs=entry.orgs,
        courses=entry.courses,
        entity_types=entry.entity_types,
        options=options,
    )
    return added.secret


def _change(name: str, here: TargetEntry, entry: TargetEntry) -> None:
    for field in ("backend", "entity_types"):
        if getattr(here, field) != getattr(entry, field):
            text = _("The {field} of a target cannot be changed. Use remove-target; then 'import' adds it.")
            raise ConfigurationError(text.format(field=field))
    row = get_target(name)
    lanes = Lane.objects.filter(target=row)
    if (here.url, here.options) != (entry.url, entry.options):
        nudge(lanes)  # first, as workers do
        backend = targets.get(row.backend)
        row.url, row.options = entry.url, checked_options(backend.known_options(), entry.options)
        backend.check(config_of(row))
        row.save(update_fields=["url", "options"])
    if (here.orgs, here.courses) != (entry.orgs, entry.courses):
        _set_subscriptions(row, entry)


def _set_subscriptions(row: Target, entry: TargetEntry) -> None:
    """Replace the subscriptions. Make the lanes that are wanted now, and remove those that are not wanted any more."""
    Lane.objects.filter(target=row).update(nudged=True)  # locks the lanes first, as workers do
    subscriptions = [Subscription(org=parse_org(org)) for org in entry.orgs]
    subscriptions += [Subscription(course_key=parse_course_id(course)) for course in entry.courses]
    row.subscriptions.all().delete()
    row.subscriptions.set(subscriptions, bulk=False)
    row = get_target(row.name)
    make_lanes_of(row)
    lanes = Lane.objects.filter(target=row).select_related("course")
    unwanted = [lane.pk for lane in lanes if not row.wants(lane.course)]
    Run.objects.filter(lane__in=unwanted, target_name=None).update(target_name=row.name)
    Lane.objects.filter(pk__in=unwanted).delete()


def _set_contexts(name: str, entry: TargetEntry) -> None:
    row = get_target(name)
    wanted = {parse_course_id(course): values for course, values in entry.contexts.items()}
    there = {one.course_key: one for one in row.contexts.all()}
    for course in wanted.keys() | there.keys():
        old, new = there[course].values if course in there else {}, wanted.get(course, {})
        if old != new:
            store_context(row, course, {**dict.fromkeys(old, ""), **new})


def _set_exclusions(name: str, wanted: set[str]) -> None:
    there = set(get_target(name).exclusions.values_list("entity_id", flat=True))
    for entity_id in sorted(wanted - there):
        exclude(name, entity_id)
    for entity_id in sorted(there - wanted):
        include(name, entity_id)


def _set_paused(name: str, entry: TargetEntry) -> None:
    row = get_target(name)
    if row.paused != entry.paused:
        (pause if entry.paused else resume)(name)
    there = set(row.lanes.filter(paused=True).values_list("course__key", flat=True))
    for course in sorted(set(entry.paused_courses) ^ there):
        (pause if course in entry.paused_courses else resume)(name, course)


def _text(value: Any) -> str:
    """Return the value of an option as an operator would type it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
