"""The two permissions of all pages in the admin: one to see, and one to act. Superusers have both."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from course_sync_plugin.roles.access import OPERATE, VIEW


def may_act(request: HttpRequest) -> bool:
    """Tell whether the user may carry out actions, and edit the configuration."""
    return request.user.has_perm(OPERATE)


def may_see(request: HttpRequest) -> bool:
    """Tell whether the user may open the pages."""
    return request.user.has_perm(VIEW) or may_act(request)


class TwoPermissions:
    """A base of admin classes whose rows are edited. Django's own permissions of each table have no effect.

    Put it before ``ModelAdmin`` in the list of bases.
    """

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_see(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_see(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_act(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_act(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_act(request)
