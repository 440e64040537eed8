"""The contract suite of writers: what every ``course_sync_plugin.structure.writer.CourseWriter`` must do.

``test_host_writer.py`` runs it in edx-platform, ``tests/integration/sandbox/test_writer.py`` in the sandbox. The tests
read what is published through the source of the host.
"""

from __future__ import annotations

from typing import Any

import pytest

from course_sync_plugin.data import Structure
from course_sync_plugin.exceptions import ConfigurationError, CourseNotFound, PermanentError
from course_sync_plugin.structure.sources import get_source
from course_sync_plugin.structure.writer import CourseWriter, Draft

#: The course of the suite: each block with its parent, in document order. All of it is published.
BLOCKS = {
    ("chapter", "week"): ("course", "course"),
    ("sequential", "lesson"): ("chapter", "week"),
    ("vertical", "first"): ("sequential", "lesson"),
    ("html", "text"): ("vertical", "first"),
    ("vertical", "second"): ("sequential", "lesson"),
    ("html", "more"): ("vertical", "second"),
    ("sequential", "evening"): ("chapter", "week"),
    ("vertical", "third"): ("sequential", "evening"),
    ("chapter", "later"): ("course", "course"),
}
WEEK, LESSON, FIRST, TEXT, SECOND, MORE, EVENING, THIRD, LATER = BLOCKS

#: The title of the course, and of each block: its block id. The course begins at START, WEEK is due at DUE.
TITLE, START, DUE = "Keeping bees", "2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z"


class WriterContract:
    """The suite. The methods before the tests are its hooks."""

    #: The name of a user who may edit courses.
    user = "author"

    def writer(self) -> CourseWriter:
        """Return the writer."""
        raise NotImplementedError

    def course_id(self) -> str:
        """Return the id of the course that has the :data:`BLOCKS`."""
        raise NotImplementedError

    def edit(self, entity_id: str, title: str) -> None:
        """Change a title as an author does, and do not publish it."""
        raise NotImplementedError

    def entity_id(self, block: tuple[str, str]) -> str:
        """Return the id of a block of the course."""
        return f"{self.course_id().replace('course-v1', 'block-v1')}+type@{block[0]}+block@{block[1]}"

    def entity_ids(self, *blocks: tuple[str, str]) -> tuple[str, ...]:
        """Return the ids of blocks."""
        return tuple(map(self.entity_id, blocks))

    def inside(self, parent: tuple[str, str], *children: tuple[str, str]) -> tuple[str, tuple[str, ...]]:
        """Return what a draft says of the place of a block in a parent with these children."""
        return self.entity_id(parent), self.entity_ids(*children)

    def place(self, block: tuple[str, str]) -> tuple[str | None, tuple[str, ...]]:
        """Return what the draft says of the place of a block."""
        draft = self.draft(block)
        return draft.parent_id, draft.siblings

    def published(self) -> Structure:
        """Return what learners have."""
        return get_source().read(self.course_id())

    def title(self, block: tuple[str, str]) -> Any:
        """Return the title that learners see."""
        return self.published().entities[self.entity_id(block)].fields.get("display_name")

    def children(self, block: tuple[str, str]) -> list[str]:
        """Return the block ids of what learners see in a block."""
        return [one.rpartition("@")[2] for one in self.published().children_of(self.entity_id(block))]

    def draft(self, block: tuple[str, str]) -> Draft:
        """Return the draft of a block, which must exist."""
        found = self.writer().draft(self.entity_id(block))
        assert found is not None
        return found

    def write(self, block: tuple[str, str], **fields: Any) -> dict[str, Any]:
        """Write values and return what was read back."""
        return dict(self.writer().write(self.entity_id(block), fields, self.user))

    def move(self, block: tuple[str, str], parent: tuple[str, str], after: tuple[str, str] | None) -> None:
        """Move a block behind another."""
        after_id = after and self.entity_id(after)
        self.writer().move(self.entity_id(block), self.entity_id(parent), after_id, self.user)

    # -- reading

    def test_the_draft_of_each_kind_of_block(self) -> None:
        assert self.writer().draft(self.course_id()) == Draft(
            {"display_name": TITLE, "start": START}, has_unpublished_changes=False, parent_id=None, siblings=()
        )
        dates = {"start": START, "due": DUE}
        later = Draft({"display_name": "later", "start": START}, False, self.course_id(), self.entity_ids(WEEK, LATER))
        assert self.draft(LATER) == later
        evening = Draft({"display_name": "evening", **dates}, False, *self.inside(WEEK, LESSON, EVENING))
        assert self.draft(EVENING) == evening
        assert self.draft(SECOND) == Draft({"display_name": "second"}, False, *self.inside(LESSON, FIRST, SECOND))
        assert self.draft(TEXT) == Draft({"display_name": "text"}, False, *self.inside(FIRST, TEXT))

    def test_what_does_not_exist_has_no_draft(self) -> None:
        assert self.writer().draft(self.entity_id(("vertical", "nowhere"))) is None
        assert self.writer().draft("course-v1:No+Such+Course") is None
        assert self.writer().draft("block-v1:No+Such+Course+type@vertical+block@first") is None

    @pytest.mark.parametrize(
        "entity_id",
        [
            "",
            "first",
            "library-v1:Org+Lib",
            "ccx-v1:Org+Bees+run+ccx@1",
            "course-v1:Org+Bees+run+branch@draft-branch",
            "block-v1:Org+Bees+run+branch@draft-branch+type@vertical+block@first",
            "block-v1:Org+Bees+run+type@course+block@course",
        ],
    )
    def test_what_is_no_block_of_a_course_run_is_refused(self, entity_id: str) -> None:
        with pytest.raises(PermanentError, match="is not the id of a course run"):
            self.writer().draft(entity_id)

    def test_an_author_s_edit_is_seen(self) -> None:
        self.edit(self.entity_id(TEXT), "Bees")
        assert self.draft(TEXT).fields == {"display_name": "Bees"}
        assert [self.draft(one).has_unpublished_changes for one in (TEXT, FIRST, SECOND)] == [True, True, False]
        assert [self.draft(one).has_unpublished_changes for one in (LESSON, WEEK)] == [False, False]

    def test_which_kinds_have_a_draft(self) -> None:
        has_draft = self.writer().has_draft
        assert [has_draft(self.entity_id(one)) for one in (TEXT, FIRST, LESSON, WEEK)] == [True, True, False, False]
        assert has_draft(self.course_id()) is False

    # -- writing

    @pytest.mark.parametrize("block", [FIRST, TEXT])
    def test_a_title_goes_to_the_draft_alone(self, block: tuple[str, str]) -> None:
        before = self.published()
        assert self.write(block, display_name="Bees & “wasps”") == {"display_name": "Bees & “wasps”"}
        draft = self.draft(block)
        assert (draft.fields["display_name"], draft.has_unpublished_changes) == ("Bees & “wasps”", True)
        assert self.published() == before

    @pytest.mark.parametrize("block", [FIRST, TEXT])
    def test_and_is_published_when_told(self, block: tuple[str, str]) -> None:
        self.write(block, display_name="Bees")
        self.writer().publish(self.entity_id(block), self.user)
        assert self.title(block) == "Bees"
        assert self.draft(FIRST).has_unpublished_changes is False

    def test_to_publish_a_component_leaves_the_rest_of_its_unit(self) -> None:
        self.edit(self.entity_id(FIRST), "Not yet")
        self.write(TEXT, display_name="Bees")
        self.writer().publish(self.entity_id(TEXT), self.user)
        assert (self.title(TEXT), self.title(FIRST)) == ("Bees", "first")

    @pytest.mark.parametrize("block", [WEEK, LESSON])
    def test_sections_and_subsections_are_published_at_once(self, block: tuple[str, str]) -> None:
        self.edit(self.entity_id(FIRST), "Not yet")
        assert self.write(block, display_name="Spring") == {"display_name": "Spring"}
        assert (self.title(block), self.title(FIRST)) == ("Spring", "first")
        assert self.draft(block).has_unpublished_changes is False

    def test_to_publish_a_section_publishes_no_draft_below_it(self) -> None:
        self.edit(self.entity_id(FIRST), "Not yet")
        before = self.published()
        self.writer().publish(self.entity_id(WEEK), self.user)
        assert self.published() == before

    def test_the_course_itself(self) -> None:
        fields = {"display_name": "Wasps", "start": "2026-02-01T08:30:00Z"}
        assert self.writer().write(self.course_id(), fields, self.user) == fields
        found = self.published().entities
        assert fields.items() <= found[self.course_id()].fields.items()
        assert found[self.entity_id(LESSON)].fields["start"] == fields["start"]

    def test_dates_are_utc_and_can_be_removed(self) -> None:
        assert self.write(LESSON, due="2026-04-01T02:00:00+02:00") == {"due": "2026-04-01T00:00:00Z"}
        fields = self.published().entities[self.entity_id(LESSON)].fields
        assert fields["due"] == self.draft(LESSON).fields["due"] == "2026-04-01T00:00:00Z"
        assert self.write(LESSON, due=None) == {"due": DUE}  # that of its section
        assert self.write(WEEK, due=None) == {"due": None}
        assert "due" not in self.published().entities[self.entity_id(LESSON)].fields

    def test_what_was_read_back_is_returned(self) -> None:
        """The platform removes characters that XML forbids."""
        assert self.write(FIRST, display_name="Be\x00es") == {"display_name": "Bees"}

    def test_a_value_that_is_there_is_not_written_again(self) -> None:
        before = self.published().published_version
        assert self.write(WEEK, display_name="week", due=DUE) == {"display_name": "week", "due": DUE}
        assert self.published().published_version == before

    @pytest.mark.parametrize(
        ("block", "field", "value"),
        [
            (FIRST, "due", DUE),
            (TEXT, "weight", 3),
            (TEXT, "data", "<p>Secret</p>"),
            (LESSON, "graded", True),
            (LESSON, "visible_to_staff_only", True),
            (LESSON, "children", []),
        ],
    )
    def test_other_fields_are_never_written(self, block: tuple[str, str], field: str, value: Any) -> None:
        before = self.published()
        with pytest.raises(PermanentError, match=f"'{field}' of .* may not be written"):
            self.write(block, **{"display_name": "Bees", field: value})
        assert self.published() == before
        assert self.draft(block).has_unpublished_changes is False

    @pytest.mark.parametrize(
        ("field", "value"), [("due", "when-bees-swarm"), ("due", "May 2026"), ("due", 5), ("display_name", ["a"])]
    )
    def test_a_value_that_the_field_refuses(self, field: str, value: Any) -> None:
        before = self.published()
        with pytest.raises(PermanentError, match=f"{field} of .* was refused") as error:
            self.write(LESSON, **{"start": DUE, field: value})
        assert str(value) not in error.value.message.replace(self.entity_id(LESSON), "")
        assert self.published() == before

    # -- places

    def test_a_unit_moves_among_its_siblings_at_once(self) -> None:
        self.edit(self.entity_id(SECOND), "Not yet")
        self.move(SECOND, LESSON, None)
        assert (self.children(LESSON), self.title(SECOND)) == (["second", "first"], "second")
        assert self.place(FIRST) == self.inside(LESSON, SECOND, FIRST)

    def test_a_unit_moves_to_another_subsection_and_learners_keep_it(self) -> None:
        self.move(FIRST, EVENING, THIRD)
        assert (self.children(LESSON), self.children(EVENING)) == (["second"], ["third", "first"])
        assert self.children(FIRST) == ["text"]
        assert self.place(FIRST) == self.inside(EVENING, THIRD, FIRST)
        assert self.draft(FIRST).has_unpublished_changes is False

    def test_a_unit_with_unpublished_changes_does_not_leave(self) -> None:
        self.edit(self.entity_id(TEXT), "Not yet")
        before = self.published()
        with pytest.raises(PermanentError, match="has unpublished changes"):
            self.move(FIRST, EVENING, None)
        assert self.published() == before
        assert self.draft(FIRST).parent_id == self.entity_id(LESSON)

    def test_a_component_moves_in_the_draft(self) -> None:
        before = self.published()
        self.move(TEXT, SECOND, MORE)
        assert self.place(TEXT) == self.inside(SECOND, MORE, TEXT)
        assert self.published() == before
        for unit in (SECOND, FIRST):
            self.writer().publish(self.entity_id(unit), self.user)
        assert (self.children(FIRST), self.children(SECOND)) == ([], ["more", "text"])

    def test_sections_and_subsections_move_at_once(self) -> None:
        self.edit(self.entity_id(THIRD), "Not yet")
        self.writer().move(self.entity_id(LATER), self.course_id(), None, self.user)
        self.move(EVENING, LATER, None)
        found = self.published()
        assert found.children_of(self.course_id()) == (self.entity_id(LATER), self.entity_id(WEEK))
        assert (self.children(LATER), self.children(EVENING)) == (["evening"], ["third"])
        assert self.title(THIRD) == "third"

    def test_what_is_in_its_place_stays_there(self) -> None:
        before = self.published().published_version
        self.move(SECOND, LESSON, FIRST)
        assert self.published().published_version == before

    @pytest.mark.parametrize(
        ("block", "parent"),
        [(FIRST, WEEK), (TEXT, LESSON), (LESSON, EVENING), (WEEK, LATER), (WEEK, WEEK), (FIRST, TEXT), (FIRST, SECOND)],
    )
    def test_no_parent_of_another_kind(self, block: tuple[str, str], parent: tuple[str, str]) -> None:
        with pytest.raises(PermanentError, match="cannot be put into"):
            self.move(block, parent, None)

    def test_no_parent_in_another_course(self) -> None:
        elsewhere = "block-v1:No+Such+Course+type@sequential+block@lesson"
        with pytest.raises(PermanentError, match="cannot be put into"):
            self.writer().move(self.entity_id(FIRST), elsewhere, None, self.user)

    @pytest.mark.parametrize("after", [THIRD, FIRST, ("vertical", "nowhere")])
    def test_not_behind_what_is_elsewhere(self, after: tuple[str, str]) -> None:
        with pytest.raises(PermanentError, match="which is elsewhere now"):
            self.move(FIRST, LESSON, after)

    # -- what is gone, and who writes

    def each_call(self, entity_id: str, user: str) -> list[Any]:
        """Return every call that changes something."""
        writer, parent_id = self.writer(), entity_id.replace("type@vertical", "type@sequential")
        return [
            lambda: writer.write(entity_id, {"display_name": "Bees"}, user),
            lambda: writer.publish(entity_id, user),
            lambda: writer.move(entity_id, parent_id, None, user),
        ]

    def test_a_block_that_is_gone(self) -> None:
        gone = self.entity_id(("vertical", "nowhere"))
        for call in self.each_call(gone, self.user):
            with pytest.raises(PermanentError, match=r"There is no .*nowhere"):
                call()
        with pytest.raises(PermanentError, match=r"There is no .*nowhere"):
            self.move(FIRST, ("sequential", "nowhere"), None)

    def test_a_course_that_is_gone(self) -> None:
        for call in self.each_call("block-v1:No+Such+Course+type@vertical+block@first", self.user):
            with pytest.raises(CourseNotFound):
                call()

    @pytest.mark.parametrize("user", ["", "nobody", "Author"])
    def test_a_user_who_does_not_exist(self, user: str) -> None:
        for call in self.each_call(self.entity_id(FIRST), user):
            with pytest.raises(ConfigurationError, match="COURSE_SYNC_WRITE_BACK_USER"):
                call()
        assert self.draft(FIRST).has_unpublished_changes is False
