"""``refusals.py SIZE``: measures the deletion of SIZE components, after the receiver has refused an update of each.

Each deletion closes a problem. It prints the seconds per deletion of the delivery that sends the deletions.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from typing import Any
from unittest import mock

import host
from courses import plain_course, structure_of


class Refuser:
    """A target that refuses updates and accepts all other operations."""

    in_transaction = False
    needs_link = False

    def send(self, message: Any) -> Any:
        """Answer a message."""
        from course_sync_plugin.data import Answer, FailedOperation

        operations = json.loads(message.body)["data"]["operations"]
        updates = [one["id"] for one in operations if one["operation"] == "update"]
        return Answer(tuple(FailedOperation(operation_id, "too long") for operation_id in updates))


@contextmanager
def opened_refuser(row: Any) -> Any:
    """Yield the target. The row of the target is ignored."""
    yield Refuser()


def measure(size: int) -> float:
    """Return the seconds per deletion."""
    from django.conf import settings

    from course_sync_plugin.models import Problem, ProblemState, Target

    settings.COURSE_SYNC_MASS_DELETE_PERCENT = 100
    Target.objects.create(name="refuser", backend="webhook")
    course = plain_course(1)
    (root,) = course["entities"]
    course["children"][root] = [f"block-v1:BenchX+B101+2026+type@html+block@{at:032x}" for at in range(size)]
    for version, title in (("1", "old"), ("2", "new"), ("3", None)):
        _set_components(course, root, title)
        host.record(structure_of(course, version))
        seconds = _deliver()
        assert Problem.objects.filter(state=ProblemState.FAILED).count() == (size if version == "2" else 0)
    return seconds / size


def _set_components(course: dict[str, Any], root: str, title: str | None) -> None:
    """Give every component below the course this title. With None, delete them all."""
    course["entities"] = {root: course["entities"][root]}
    if title is None:
        course["children"] = {}
    for entity_id in course["children"].get(root, ()):
        course["entities"][entity_id] = {
            "entity_id": entity_id,
            "entity_type": "component",
            "block_type": "html",
            "parent_id": root,
            "fields": {"display_name": title},
        }


def _deliver() -> float:
    from course_sync_plugin import api

    (lane_id,) = api.due_lane_ids()
    began = time.perf_counter()
    api.deliver_lane(lane_id, seconds=600)
    return time.perf_counter() - began


def main() -> None:
    """Print the result as JSON."""
    host.start()
    with mock.patch("course_sync_plugin.lanes.deliver.open_target", opened_refuser):
        print(json.dumps(measure(int(sys.argv[1]))))


if __name__ == "__main__":
    main()
