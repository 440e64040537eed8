"""Runs the demo of ``make demo-two-way``: one course at three sites, with edits on each of them and a conflict.

Canvas and Discourse are the fakes that the package ships. The course is linked to both; a teacher, a moderator and an
author edit it. At the end the three sites are compared.
"""

from __future__ import annotations

import sys
import tempfile
from typing import Any

from course_sync_plugin.sanitize.text import cleaned
from sandbox.demo import SAMPLE, set_up

#: The user who is recorded as the author of what comes back into Studio.
WRITER = "course-sync"

_INDENT = "    "


def main() -> int:
    """Run the demo. Return 0 if the three sites are in step at the end, else 1."""
    sys.stdout.reconfigure(errors="replace")  # for titles on a terminal without Unicode
    with tempfile.TemporaryDirectory(prefix="course-sync-demo-") as folder:
        set_up(folder, COURSE_SYNC_WRITE_BACK_USER=WRITER)
        from course_sync_plugin.exceptions import CourseSyncError
        from course_sync_plugin.testing.canvas.fake import CanvasFake
        from course_sync_plugin.testing.discourse import DiscourseServer

        try:
            with CanvasFake() as canvas, DiscourseServer() as forum:
                return 0 if Story(canvas, forum).tell() else 1
        except CourseSyncError as error:
            print(f"The demo stopped: {error.message}", file=sys.stderr)
            return 1


class Story:
    """Tells how a course is kept in step with Canvas and Discourse, and shows each step."""

    def __init__(self, canvas: Any, forum: Any):
        self.canvas, self.forum = canvas, forum
        self.there = canvas.add_course("Bees 101, spring")
        self.key = ""

    def tell(self) -> bool:
        """Carry out every step. Tell whether the three sites are in step at the end."""
        self._publish_and_link()
        self._a_teacher_renames_a_page()
        self._a_moderator_renames_a_topic()
        self._both_rename_a_section()
        return self._compare()

    def _publish_and_link(self) -> None:
        from django.contrib.auth.models import User

        from course_sync_plugin import api
        from course_sync_plugin.structure.olx.reader import read_olx
        from sandbox.published.publishing import publish

        User.objects.create(username=WRITER)
        self.key = read_olx(str(SAMPLE / "old")).course_id
        publish(str(SAMPLE / "old"), self.key)
        api.sync_course(self.key)
        _say(f"{self.key} is published.")
        api.add_target("canvas", backend="canvas", url=self.canvas.url, token=self.canvas.token)
        api.add_target("forum", backend="discourse", url=self.forum.url, token=self.forum.key)
        self._link("canvas", str(self.there.id))
        self._link("forum", "")
        self._deliver("Both are filled")

    def _link(self, name: str, remote: str) -> None:
        from course_sync_plugin import api

        plan = api.link_plan(self.key, name, remote)
        done = api.link_shown(self.key, name, remote, plan.seed, plan.token)
        counts = ", ".join(f"{number} × {kind}" for kind, number in plan.created.items())
        _say(f"Linked to {done.remote_id} at {name}. New there: {counts}.")

    def _a_teacher_renames_a_page(self) -> None:
        from course_sync_plugin import api

        unit = self._entity("vertical", "smoker")
        _say("A teacher renames a page in Canvas: 'Smoker, veil, gloves'.")
        self.canvas.teacher.edit_page(self.there.id, self._object("canvas", unit, "page"), title="Smoker, veil, gloves")
        self._poll()
        _show("In Studio it is a draft", [one["value"] for one in api.proposals(self.key)])
        self._publish(unit)
        self._deliver("The author publishes it")

    def _a_moderator_renames_a_topic(self) -> None:
        subsection = self._entity("sequential", "equipment")
        topic = int(self._object("forum", subsection, "topic"))
        title = self.forum.forum.topics[topic].title.replace("What you need", "Tools of the trade")
        _say(f"A moderator renames a topic at the forum: '{title}'.")
        self.forum.person("moderator").edit_topic(topic, title=title)
        self._poll()
        self._accept()
        self._deliver("Canvas gets it too")

    def _both_rename_a_section(self) -> None:
        from course_sync_plugin import api

        section = self._entity("chapter", "honey")
        _say("A teacher renames a module to 'Honey and wax', an author the same section to 'Sweet honey'.")
        self.canvas.teacher.rename_module(self.there.id, self._object("canvas", section, "module"), "Honey and wax")
        self._edit(section, "Sweet honey")
        self._deliver("The strategy decides")
        (conflict,) = api.conflicts(self.key, all_of_them=True)
        sides = [f"{side}: '{conflict[side]}'" for side in ("base", "openedx", "remote")]
        _show(f"Conflict {conflict['id']}, {conflict['strategy']} took {conflict['taken']}", sides)
        _say("The operator takes the title of the teacher after all.")
        api.resolve(api.resolution_plan(conflict["id"], "remote"))
        self._accept()
        self._deliver("All three get it")

    def _poll(self) -> None:
        from course_sync_plugin import api

        for polled in api.poll_now(course=self.key):
            if polled.edited or polled.error:
                print(cleaned(f"{_INDENT}{polled.target}: {polled.error or f'{polled.edited} edit found'}"))

    def _accept(self) -> None:
        """Accept every proposal, as an author does."""
        from course_sync_plugin import api

        for proposal in api.proposals(self.key):
            done = api.accept(api.proposal_plan(proposal["id"], "accept"))
            text = done.error or f"'{proposal['base']}' becomes '{proposal['value']}'"
            print(cleaned(f"{_INDENT}proposal {proposal['id']} is accepted: {text}"))
        api.sync_course(self.key)

    def _edit(self, entity_id: str, title: str) -> None:
        from course_sync_plugin import api
        from sandbox.published.drafts import editing

        with editing(self.key) as course:
            course.edit(entity_id, {"display_name": title})
        api.sync_course(self.key)

    def _publish(self, entity_id: str) -> None:
        from course_sync_plugin import api
        from sandbox.published.drafts import editing

        with editing(self.key) as course:
            course.publish(entity_id)
        api.sync_course(self.key)

    def _deliver(self, what: str) -> None:
        from course_sync_plugin import api

        before = self._writes()
        api.deliver_until_empty()
        made = [f"{name} {after - before[name]}" for name, after in self._writes().items()]
        _say(f"{what}. Requests that write: {', '.join(made)}.")

    def _writes(self) -> dict[str, int]:
        sites = {"Canvas": self.canvas, "Discourse": self.forum}
        return {name: sum(one.method != "GET" for one in site.requests) for name, site in sites.items()}

    def _compare(self) -> bool:
        from course_sync_plugin import api

        polled = api.poll_now(course=self.key)
        trouble = [f"{one.target}: {one.error or 'there are edits'}" for one in polled if one.error or one.edited]
        trouble += [f"open: {one['entity_id']}" for one in (*api.proposals(self.key), *api.conflicts(self.key))]
        found = self._titles_there()
        trouble += [f"{name}: '{there}' is not '{here}'" for name, here, there in found if not there.startswith(here)]
        for line in trouble:
            print(cleaned(f"  {line}"))
        if trouble:
            print("NOT in step.")
        else:
            print(f"In step at three sites: Open edX, Canvas and Discourse agree on {len(found)} titles.")
        return not trouble

    def _titles_there(self) -> list[tuple[str, str, str]]:
        """Return for each object with a title: its site, the title in Open edX, and the title there."""
        from course_sync_plugin.models import LedgerReplica
        from sandbox.published.source import PublishedSource

        entities = PublishedSource().read(self.key).entities
        found = []
        for row in LedgerReplica.objects.select_related("link__target").order_by("pk"):
            here = entities[row.entity_id].fields["display_name"]
            titles = {part: self._title(part, int(number)) for part, number in row.objects_there.items()}
            found += [(row.link.target.name, here, title) for title in titles.values() if title is not None]
        return found

    def _title(self, part: str, number: int) -> str | None:
        stores = {
            "module": lambda: self.there.modules[number].name,
            "page": lambda: self.there.pages[number].title,
            "assignment": lambda: self.there.assignments[number].name,
            "category": lambda: self.forum.forum.categories[number].name,
            "topic": lambda: self.forum.forum.topics[number].title,
        }
        if part in stores:
            return stores[part]()
        return self.there.items[number].title if number in self.there.items else None

    def _entity(self, kind: str, name: str) -> str:
        return f"block-v1:{self.key.removeprefix('course-v1:')}+type@{kind}+block@{name}"

    def _object(self, target: str, entity_id: str, part: str) -> Any:
        from course_sync_plugin.models import LedgerReplica, digest_of

        row = LedgerReplica.objects.get(link__target__name=target, id_digest=digest_of(entity_id))
        return int(row.objects_there[part])


def _say(text: str) -> None:
    print(cleaned(f"• {text}"))


def _show(head: str, values: list[Any]) -> None:
    print(cleaned(f"{_INDENT}{head}: {'; '.join(map(str, values))}"))


if __name__ == "__main__":
    sys.exit(main())
