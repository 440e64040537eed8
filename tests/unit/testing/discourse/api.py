"""A small client of the fake forum for its tests: plain HTTP, so that every answer is seen as it is."""

from __future__ import annotations

from typing import Any

import requests

from course_sync_plugin.testing.discourse import DiscourseServer

#: A text that the forum accepts as a body.
BODY = "The first paragraph says what this unit is about."


class Api:
    """Sends requests as a user; redirects are not followed."""

    def __init__(self, forum: DiscourseServer, username: str | None = "system", key: str | None = None):
        self.forum = forum
        self.session = requests.Session()
        if username is not None:
            self.session.headers.update({"Api-Key": key or forum.key, "Api-Username": username})

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.forum.url + path, allow_redirects=False, timeout=10, **options)

    def get(self, path: str, **parameters: Any) -> requests.Response:
        return self("GET", path, params=parameters)

    def post(self, path: str, **fields: Any) -> requests.Response:
        return self("POST", path, json=fields)

    def put(self, path: str, **fields: Any) -> requests.Response:
        return self("PUT", path, json=fields)

    def delete(self, path: str) -> requests.Response:
        return self("DELETE", path)

    def category(self, name: str = "Demo course", **fields: Any) -> dict[str, Any]:
        return ok(self.post("/categories.json", name=name, **fields))["category"]

    def topic(self, title: str = "The first unit of the course", **fields: Any) -> dict[str, Any]:
        """Make a topic, and return its first post."""
        return ok(self.post("/posts.json", **{"title": title, "raw": BODY, **fields}))

    def reply(self, topic_id: int, raw: str = "An answer to what was said above.", **fields: Any) -> dict[str, Any]:
        return ok(self.post("/posts.json", topic_id=topic_id, raw=raw, **fields))

    def show(self, topic_id: int) -> dict[str, Any]:
        return ok(self.get(f"/t/{topic_id}.json"))


def ok(response: requests.Response) -> Any:
    assert response.status_code == 200, response.text
    return response.json()


def refused(response: requests.Response, status: int) -> list[str]:
    """Return the messages of a refusal."""
    assert response.status_code == status, response.text
    return response.json()["errors"]
