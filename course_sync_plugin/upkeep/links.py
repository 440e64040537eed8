"""Links courses to their counterparts at two-way targets, ends links, and lists them. Each is planned first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import attrs
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import ConfigurationError, CourseSyncError, UnknownName
from course_sync_plugin.lanes.open_target import open_target
from course_sync_plugin.models import Lane, Link, Seed, Target, digest_of
from course_sync_plugin.replication.hold import held
from course_sync_plugin.replication.links import make
from course_sync_plugin.replication.links.endings import waiting
from course_sync_plugin.replication.links.plan import LinkPlan, plan_link
from course_sync_plugin.replication.outbound.target import TwoWayTarget
from course_sync_plugin.targets.registry import targets
from course_sync_plugin.targets.two_way.remote_ids import remote_id_of
from course_sync_plugin.upkeep.audit import record
from course_sync_plugin.upkeep.courses import known_course
from course_sync_plugin.upkeep.plan_tokens import no_longer_valid, token_of
from course_sync_plugin.upkeep.status.lanes import other_site
from course_sync_plugin.upkeep.status.report import status
from course_sync_plugin.upkeep.targets.change import get_lane, get_target

_Result = TypeVar("_Result")


@attrs.frozen
class ShownLinkPlan:
    """What a link would do, as an operator is shown it.

    ``remote_id``: empty if the counterpart would be created. ``taken_over``: for each entity the objects that become
    ours. ``ambiguous``: for each entity the objects among which one must be chosen; then no link is made and ``token``
    is empty. ``created``, ``without``: the number of entities that get new objects, and that have no counterpart, by
    their type.
    """

    course_id: str
    target: str
    seed: str
    remote_id: str
    title: str
    url: str
    created: Mapping[str, int]
    without: Mapping[str, int]
    taken_over: tuple[tuple[str, str], ...]
    ambiguous: tuple[tuple[str, str], ...]
    token: str


@attrs.frozen
class UnlinkPlan:
    """What the end of a link would do. ``objects``: the number of our objects there; they are deleted or stay.

    Of those that are deleted, the ones that hold what others made are left. ``conflicts``, ``proposals``: the number of
    those that wait for a person and end.
    """

    course_id: str
    target: str
    remote_id: str
    title: str
    url: str
    objects: int
    conflicts: int
    proposals: int
    delete_remote: bool
    token: str


@attrs.frozen
class LinkChanged:
    """The result for a token. ``error``: why nothing was done. ``deleted``, ``left``: of the objects at the target."""

    token: str
    error: str = ""
    remote_id: str = ""
    deleted: int = 0
    left: tuple[str, ...] = ()


def link_plan(course: str, name: str, remote_id: str, seed: str = Seed.OPENEDX) -> ShownLinkPlan:
    """Return what a link would do. An empty ``remote_id``: the counterpart is created. It may be an address there.

    Raises UnknownName for an unknown course or target, ConfigurationError if the target needs no links or a link is
    there already, and the errors of ``Target.send``.
    """
    link = _new_link(course, name, remote_id, seed)
    return _shown(link, _with_target(link.target, lambda target: plan_link(target, link)))


def link_shown(course: str, name: str, remote_id: str, seed: str, token: str) -> LinkChanged:
    """Link a course if the plan is still as it was shown with this token. The errors are those of :func:`link_plan`."""
    link = _new_link(course, name, remote_id, seed)

    def carry_out(target: TwoWayTarget) -> LinkChanged:
        plan = plan_link(target, link)
        if not token or _shown(link, plan).token != token:
            return LinkChanged(token, error=no_longer_valid(token))
        if not link.remote_id:
            plan = make.create_counterpart(target, link, plan)
        _save(target, link, plan)
        return LinkChanged(token, remote_id=link.remote_id)

    return _with_target(link.target, carry_out)


def unlink_plan(course: str, name: str, *, delete_remote: bool = False) -> UnlinkPlan:
    """Return what the end of a link would do. Raises UnknownName if there is no such link."""
    return _unlink_plan(_get_link(course, name), delete_remote)


def unlink_shown(course: str, name: str, token: str, *, delete_remote: bool = False) -> LinkChanged:
    """End a link if it is still as it was shown with this token.

    With ``delete_remote`` our objects there are deleted first; objects that hold what others made are left. If that
    fails, the link stays. The errors are those of :func:`unlink_plan` and of ``Target.send``, and ConfigurationError
    if a worker delivers there at this moment.
    """
    link = _get_link(course, name)
    plan = _unlink_plan(link, delete_remote)
    if not token or plan.token != token:
        return LinkChanged(token, error=no_longer_valid(token))
    if not delete_remote:
        return _end(link, plan, 0, [])
    _check_site(link.target)
    with held(link, Lane.objects.all()) as target:  # else a worker could create again what is deleted
        if target is None:
            text = _("A worker delivers {course} to {name} at this moment: 'pause' it, or try again later.")
            raise ConfigurationError(text.format(course=link.course.key, name=name))
        return _end(link, plan, *make.delete_objects(target, link))


def _end(link: Link, plan: UnlinkPlan, deleted: int, left: list[str]) -> LinkChanged:
    with transaction.atomic():
        make.end_link(link)
        changed = {"objects": plan.objects, "deleted": deleted, "left": len(left)}
        changed |= {"conflicts": plan.conflicts, "proposals": plan.proposals}
        arguments = {"remote": plan.remote_id}
        record("unlink", target=plan.target, course=plan.course_id, arguments=arguments, changed=changed)
    return LinkChanged(plan.token, remote_id=plan.remote_id, deleted=deleted, left=tuple(left))


def links(name: str = "", course: str = "") -> list[dict[str, Any]]:
    """Return the links of all targets, or of one, with the state of their lanes, sorted by course and target.

    Raises UnknownName for an unknown target or course, ConfigurationError for a wrong course key.
    """
    name, course = chosen(name, course)
    rows = Link.objects.select_related("target", "course").order_by("course__key", "target__name")
    found = [link for link in rows if name in ("", link.target.name) and course in ("", link.course.key)]
    states = {one: _states(one) for one in sorted({link.target.name for link in found})}
    return [_as_dict(link, states[link.target.name]) for link in found]


def chosen(name: str, course: str) -> tuple[str, str]:
    """Return the name of a known target and the id of a known course; each may be empty.

    Raises UnknownName for an unknown one, ConfigurationError for a wrong course key.
    """
    return get_target(name).name if name else "", known_course(course) if course else ""


def _new_link(course: str, name: str, remote_id: str, seed: str) -> Link:
    target = get_target(name)
    lane = get_lane(target, course)
    remote_id = _remote_id(target, remote_id)
    if seed not in Seed.values:
        raise ConfigurationError(_("The seed is one of {names}.").format(names=", ".join(Seed.values)))
    _check_free(target, lane, remote_id)
    digest = digest_of(remote_id)
    return Link(target=target, course=lane.course, remote_id=remote_id, remote_digest=digest, seed=seed)


def _remote_id(target: Target, given: str) -> str:
    """Return the id in what a person gave. Raises ConfigurationError for an address of something else."""
    backend = targets.get(target.backend)
    return remote_id_of(given, target.url, backend.site_class) if issubclass(backend, TwoWayTarget) else given


def _check_free(target: Target, lane: Lane, remote_id: str) -> None:
    """Raise ConfigurationError if the course or the counterpart is linked already."""
    for link in target.links.select_related("course"):
        if link.course_id == lane.course_id:
            text = _("{course} is linked to {remote} at {name} already; 'unlink' ends that.")
        elif remote_id and link.remote_id == remote_id:
            text = _("{remote} at {name} is linked to {course} already; 'unlink' ends that.")
        else:
            continue
        raise ConfigurationError(text.format(course=link.course.key, remote=link.remote_id, name=target.name))


def _check_site(row: Target) -> None:
    """Raise ConfigurationError for a target of another site: a restored dump sends nothing."""
    if elsewhere := other_site(row):
        raise ConfigurationError(f"{row.name}: {elsewhere}.")


def _with_target(row: Target, act: Callable[[TwoWayTarget], _Result]) -> _Result:
    _check_site(row)
    with open_target(row) as target:
        if not isinstance(target, TwoWayTarget):
            text = _("{name} is a target of kind {backend}, which needs no links.")
            raise ConfigurationError(text.format(name=row.name, backend=row.backend))
        return act(target)


def _save(target: TwoWayTarget, link: Link, plan: LinkPlan) -> None:
    changed = {"taken_over": len(plan.taken_over), "created": dict(plan.created)}
    arguments = {"remote": link.remote_id, "seed": str(link.seed)}
    try:
        with transaction.atomic():
            make.make_link(target, link, plan)
            record("link", target=link.target.name, course=link.course.key, arguments=arguments, changed=changed)
    except IntegrityError:
        _check_free(link.target, get_lane(link.target, link.course.key), link.remote_id)  # another process was faster
        raise


def _shown(link: Link, plan: LinkPlan) -> ShownLinkPlan:
    taken_over = tuple((one.entity_id, one.there.remote_id) for one in plan.taken_over)
    ambiguous = tuple((one.entity_id, ", ".join(one.remote_ids)) for one in plan.ambiguous)
    parts = [str(link.target_id), link.course.key, link.remote_id, str(link.seed), *(str(one) for one in taken_over)]
    return ShownLinkPlan(
        course_id=link.course.key,
        target=link.target.name,
        seed=str(link.seed),
        remote_id=link.remote_id,
        title=plan.counterpart.title,
        url=plan.counterpart.url,
        created=plan.created,
        without=plan.without,
        taken_over=taken_over,
        ambiguous=ambiguous,
        token="" if ambiguous else token_of("link", *parts),
    )


def _get_link(course: str, name: str) -> Link:
    target = get_target(name)
    lane = get_lane(target, course)
    link = Link.objects.select_related("target", "course").filter(target=target, course=lane.course_id).first()
    if link is None:
        raise UnknownName(_("{course} is not linked at {name}.").format(course=lane.course.key, name=name))
    return link


def _unlink_plan(link: Link, delete_remote: bool) -> UnlinkPlan:
    objects = _object_ids(link)
    conflicts, proposals = waiting([link])
    parts = ("unlink", str(link.pk), str(delete_remote), *objects, str(conflicts), str(proposals))
    return UnlinkPlan(
        course_id=link.course.key,
        target=link.target.name,
        remote_id=link.remote_id,
        title=link.remote_title,
        url=link.remote_url,
        objects=len(objects),
        conflicts=conflicts,
        proposals=proposals,
        delete_remote=delete_remote,
        token=token_of(*parts),
    )


def _object_ids(link: Link) -> list[str]:
    """Return the objects that a linked system has for a course, each as its part and its id there, sorted."""
    there = link.replicas.values_list("objects_there", flat=True)
    marks = _marks(link.target)
    return sorted(f"{part} {one}" for objects in there for part, one in objects.items() if part not in marks)


def _marks(target: Target) -> Collection[str]:
    """Return the parts that are no objects. A target whose kind is not installed any more has none."""
    try:
        backend = targets.get(target.backend)
    except CourseSyncError:
        return ()
    return backend.site_class.marks if issubclass(backend, TwoWayTarget) else ()


def _states(name: str) -> dict[str, str]:
    """Return the state of each lane of a target, by its course."""
    courses = status(target=name)["courses"]
    return {one["course_id"]: lane["state"] for one in courses for lane in one["lanes"] if lane["target"] == name}


def _as_dict(link: Link, states: Mapping[str, str]) -> dict[str, Any]:
    return {
        "course_id": link.course.key,
        "target": link.target.name,
        "remote_id": link.remote_id,
        "title": link.remote_title,
        "url": link.remote_url,
        "seed": link.seed,
        "objects": len(_object_ids(link)),
        "deleted_there": link.replicas.exclude(deleted_at=None).count(),
        "state": states.get(link.course.key, ""),
    }
