"""Carries out requests: throttling, the token, the rights, the endpoint, and the form of the answer."""

from __future__ import annotations

import threading
from typing import Any

from course_sync_plugin.testing.canvas import paging, routes
from course_sync_plugin.testing.canvas.access import authenticate, authorize
from course_sync_plugin.testing.canvas.call import Call, Created, Listing, NoContent
from course_sync_plugin.testing.canvas.exchange import Answer, Request, with_string_ids
from course_sync_plugin.testing.canvas.lag import Replica
from course_sync_plugin.testing.canvas.objects import User
from course_sync_plugin.testing.canvas.parameters import Parameters, to_integer
from course_sync_plugin.testing.canvas.refusals import Refusal, not_found
from course_sync_plugin.testing.canvas.site import Site


class Application:
    """Carries out requests on a site, one at a time. ``replica``: GETs are answered from it.

    ``lock``: held during each request. A test that holds it reads and edits in one step.
    """

    def __init__(self, site: Site):
        self.site = site
        self.replica = Replica()
        self.lock = threading.RLock()

    def answer(self, request: Request) -> Answer:
        """Carry out a request with a token, and return the answer."""
        try:
            with self.lock:
                user = authenticate(self.site, request)
                result = self._carry_out(user, request.method, request.path, request.parameters, by_api=True)
                return self._written(result, request)
        except Refusal as refusal:
            return self._in_wanted_form(refusal.status, refusal.body, request, refusal.headers)

    def act(self, user: User, method: str, path: str, parameters: Parameters) -> Any:
        """Carry out what a person does in the web interface, and return its JSON. Raises Refusal."""
        with self.lock:
            result = self._carry_out(user, method, f"/api/v1{path}", parameters, by_api=False)
            if isinstance(result, Listing):
                return [result.show(row) for row in result.rows]
            return result.body if isinstance(result, Created) else None if isinstance(result, NoContent) else result

    def _carry_out(self, user: User, method: str, path: str, parameters: Parameters, *, by_api: bool) -> Any:
        call = Call(site=self.site, user=user, method=method, path=path, parameters=parameters, by_api=by_api)
        endpoint = routes.endpoint(method, path)
        if not endpoint.course_id:
            return routes.carry_out(call, None, endpoint)
        if endpoint.writes:
            self.replica.before_write(self.site.courses)
        courses = self.site.courses if endpoint.writes else self.replica.read(self.site.courses)
        course = courses.get(to_integer(endpoint.course_id))
        if course is None:
            raise not_found()
        authorize(self.site, user, course, endpoint)
        return routes.carry_out(call, course, endpoint)

    def _written(self, result: Any, request: Request) -> Answer:
        if isinstance(result, Listing):
            rows, headers = paging.page_of(result.rows, request, self.site.behaviour, self.site.root)
            shown = [value for value in map(result.show, rows) if value is not None]
            return self._in_wanted_form(200, shown, request, headers)
        if isinstance(result, Created):
            return self._in_wanted_form(201, result.body, request)
        if isinstance(result, NoContent):
            return Answer(204)
        return self._in_wanted_form(200, result, request)

    @staticmethod
    def _in_wanted_form(status: int, value: Any, request: Request, headers: Any = None) -> Answer:
        return Answer.of(status, with_string_ids(value) if request.wants_string_ids else value, headers)
