"""The pages of links, of what is ours at linked systems, of conflicts and of proposals."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin.admin.shared.columns import choice, column, linked, links, list_url, titled
from course_sync_plugin.admin.shared.read_only import ReadOnlyAdmin
from course_sync_plugin.admin.shared.search import course_pk
from course_sync_plugin.models import Conflict, LedgerReplica, Link, Proposal

_STATE = titled(gettext_lazy("state"), admin.ChoicesFieldListFilter)


@admin.display(description=gettext_lazy("counterpart"))
def counterpart(link: Link) -> Any:
    """Return a link to the counterpart, in the other system. Only addresses of the web can be clicked on."""
    title = f"{link.remote_id} {link.remote_title}".rstrip()
    if not link.remote_url.startswith(("https://", "http://")):
        return title
    return format_html('<a href="{}" rel="noopener noreferrer">{}</a>', link.remote_url, title)


@admin.display(description=gettext_lazy("see"))
def see(link: Link) -> str:
    """Return links to what belongs to the link."""
    return links(
        {
            _("our objects there"): list_url(LedgerReplica, link__exact=link.pk),
            _("conflicts"): list_url(Conflict, link__exact=link.pk),
            _("proposals"): list_url(Proposal, link__exact=link.pk),
        }
    )


_LINK = (
    column("course", gettext_lazy("course")),
    linked("target", gettext_lazy("target")),
    counterpart,
    choice("seed", gettext_lazy("seed")),
    column("polled_at", gettext_lazy("last look")),
    column("poll_at", gettext_lazy("next look")),
)


@admin.register(Link)
class LinkAdmin(ReadOnlyAdmin):
    """Lists the links of courses to their counterparts. ``course_sync link`` makes them."""

    list_display = (_LINK[0], *_LINK[1:], see)
    row_display = (*_LINK, column("created_at", gettext_lazy("linked")), see)
    prefetched = ("course", "target")
    list_filter = (("target", titled(gettext_lazy("target"), admin.RelatedFieldListFilter)),)
    search_fields = ("course",)
    search_help_text = gettext_lazy("A course key.")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Return the links of the course."""
        return (queryset.filter(course=course_pk(search_term)) if search_term else queryset), False


_REPLICA = (
    column("entity_id", gettext_lazy("entity")),
    column("entity_type", gettext_lazy("type")),
    column("objects_there", gettext_lazy("objects there")),
    column("deleted_at", gettext_lazy("deleted there")),
    column("note", gettext_lazy("note")),
)


@admin.register(LedgerReplica)
class LedgerReplicaAdmin(ReadOnlyAdmin):
    """Lists what is ours at linked systems."""

    list_display = _REPLICA
    row_display = (
        linked("link", gettext_lazy("link")),
        *_REPLICA,
        column("base", gettext_lazy("as last read there")),
        column("vector", gettext_lazy("version vector")),
        column("conflicts", gettext_lazy("fields that wait for a person")),
    )
    prefetched = ("link",)
    narrowed_by = ("link",)


_CONFLICT = (
    column("entity_id", gettext_lazy("entity")),
    column("field", gettext_lazy("field")),
    column("base", gettext_lazy("base")),
    column("openedx", gettext_lazy("Open edX")),
    column("remote", gettext_lazy("there")),
    column("taken", gettext_lazy("taken")),
    choice("state", gettext_lazy("state")),
    column("since", gettext_lazy("since")),
)


@admin.register(Conflict)
class ConflictAdmin(ReadOnlyAdmin):
    """Lists the fields that two sites changed, with all three values. ``course_sync resolve`` takes one of them."""

    list_display = _CONFLICT
    row_display = (
        linked("link", gettext_lazy("link")),
        *_CONFLICT,
        column("relation", gettext_lazy("relation of the version vectors")),
        column("strategy", gettext_lazy("strategy")),
        column("reason", gettext_lazy("reason")),
        column("ended_at", gettext_lazy("ended")),
    )
    prefetched = ("link",)
    narrowed_by = ("link",)


_PROPOSAL = (
    column("entity_id", gettext_lazy("entity")),
    column("field", gettext_lazy("field")),
    column("base", gettext_lazy("Open edX")),
    column("value", gettext_lazy("proposed")),
    choice("state", gettext_lazy("state")),
    column("note", gettext_lazy("note")),
    column("since", gettext_lazy("since")),
)


@admin.register(Proposal)
class ProposalAdmin(ReadOnlyAdmin):
    """Lists the edits of linked systems that Open edX does not have yet, and what became of the earlier ones."""

    list_display = _PROPOSAL
    row_display = (linked("link", gettext_lazy("link")), *_PROPOSAL, column("ended_at", gettext_lazy("ended")))
    prefetched = ("link",)
    narrowed_by = ("link",)
    list_filter = (("state", _STATE),)
