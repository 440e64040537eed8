"""Who may do what. Source: canvas-lms, lib/authentication_methods.rb and application_controller.rb."""

from __future__ import annotations

from course_sync_plugin.testing.canvas import refusals
from course_sync_plugin.testing.canvas.exchange import Request
from course_sync_plugin.testing.canvas.objects import Course, User
from course_sync_plugin.testing.canvas.routes import Endpoint
from course_sync_plugin.testing.canvas.site import Site


def authenticate(site: Site, request: Request) -> User:
    """Return the user of a request's token. Raises Refusal 401 with WWW-Authenticate."""
    if not request.token:
        raise refusals.unauthenticated()
    token = site.tokens.get(request.token)
    if token is None:
        raise refusals.bad_token("Invalid access token.")
    if token.state == "revoked":
        raise refusals.bad_token("Revoked access token.")
    if token.state == "expired":
        raise refusals.bad_token("Expired access token.", expired_at=site.clock.now().isoformat())
    return token.user


def authorize(site: Site, user: User, course: Course, endpoint: Endpoint) -> None:
    """Refuse what the user may not do in the course.

    A concluded course is read-only (remembered). The real Canvas looks for the object first: there a missing object is
    404 even without the right. Raises Refusal 403 or 401.
    """
    role = user.roles.get(course.id)
    allowed = role is not None and not (endpoint.changes_the_course and role != "teacher")
    if not allowed or (endpoint.writes and course.concluded):
        raise refusals.unauthorized(site.behaviour)
