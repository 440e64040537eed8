"""A course at a forum: its options, what learners must not see, what moves, and how a link begins."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.lanes.open_target import open_target
from course_sync_plugin.models import Conflict, Intent, LedgerEntity, Link, Target
from course_sync_plugin.replication.outbound.bring import bring
from course_sync_plugin.targets.registry import targets
from course_sync_plugin.testing.discourse.faults import Refuse
from course_sync_plugin.testing.discourse.requests import Answer
from course_sync_plugin.testing.discourse.scopes import SCOPES
from tests.integration.courses import COURSE, a_course, block
from tests.integration.one_lane import publish
from tests.integration.replication.forums import (
    a_category,
    a_tree,
    add_target,
    calls,
    deliver,
    dies,
    ids_of,
    link,
    publish_tree,
    run_and_die,
)

pytestmark = pytest.mark.django_db

HIDDEN = {"visible_to_staff_only": True}
TREE = {
    "Bees": {"Honey": {"Hive": {"Queen": {}}, "Comb": {"Cells": {}}}, "Wax": {"Candle": {}}},
    "Ants": {"Hill": {"Needles": {"Fir": {}}}},
}

#: The topics of the section Bees, by the option.
TOPICS = {"subsection": ["Honey", "Wax"], "unit": ["Candle", "Comb", "Hive"], "discussion": ["Cells", "Queen"]}


def moved(name: str = "Honey", to: str = "Ants") -> dict:
    """Return the tree with a subsection of the section Bees in another section."""
    bees, ants = dict(TREE["Bees"]), dict(TREE["Ants"])
    section = {"Bees": bees, "Ants": ants}
    section[to] = {**section[to], name: bees.pop(name)}
    return section


def names(seen) -> dict[str, list[str]]:
    """Return the names of the topics by the category."""
    return {section: [one.partition(" · ")[0] for one in titles] for section, titles in seen.tree().items()}


class TestTopics:
    @pytest.mark.parametrize(("option", "bees"), TOPICS.items())
    def test_which_entities_are_topics(self, begun, option, bees):
        seen = begun(f"topics={option}", structure=a_tree("1", TREE))
        deliver()
        assert names(seen)["Bees"] == bees

    @pytest.mark.parametrize(("option", "count"), [("subsection", 1), ("unit", 2), ("discussion", 2)])
    def test_what_moves_changes_its_category_with_one_request(self, begun, shelf, forum, option, count):
        seen = begun(f"topics={option}", structure=a_tree("1", TREE))
        deliver()
        before = names(seen)
        forum.requests.clear()
        publish_tree(shelf, a_tree("2", moved()))
        deliver()
        assert len(calls(forum)) == count
        assert all(call.startswith("PUT /t/-/") for call in calls(forum))
        after = names(seen)
        assert len(after["Bees"]) == len(before["Bees"]) - count
        assert sorted(after["Bees"] + after["Ants"]) == sorted(before["Bees"] + before["Ants"])
        assert option != "subsection" or seen.topic("Honey").title == "Honey · Ants · Course Run"
        forum.requests.clear()
        api.reset("crm")
        deliver()
        assert calls(forum) == []
        assert not Conflict.objects.exists()

    @pytest.mark.parametrize("option", ["subsection", "unit"])
    def test_a_title_that_is_taken_or_that_people_changed_stays(self, begun, shelf, forum, option):
        seen = begun(f"topics={option}", structure=a_tree("1", TREE))
        deliver()
        admin = forum.person("admin")
        admin.create_topic("Honey · Ants · Course Run", "This is about something else.")
        if option == "unit":
            admin.edit_topic(seen.topic("Hive").id, title="A title of a person")
        publish_tree(shelf, a_tree("2", moved()))
        deliver()
        assert (
            seen.tree()["Ants"]
            == {
                "subsection": ["Hill · Ants · Course Run", "Honey · Bees · Course Run"],
                "unit": ["A title of a person", "Comb · Honey · Course Run", "Needles · Hill · Course Run"],
            }[option]
        )

    def test_an_ancestor_that_is_missing_is_brought_first(self, begun, forum):
        seen = begun("topics=unit", structure=a_tree("1", TREE))
        with open_target(Target.objects.get()) as target:
            bring(target.carry_for(Link.objects.get()), block("vertical", "Comb"))
        assert seen.tree() == {"Bees": ["Comb · Honey · Course Run"]}

    def test_another_order_changes_nothing(self, begun, shelf, forum):
        seen = begun(structure=a_tree("1", TREE))
        deliver()
        before = seen.tree()
        forum.requests.clear()
        turned = {name: dict(reversed(list(children.items()))) for name, children in reversed(list(TREE.items()))}
        publish_tree(shelf, a_tree("2", turned))
        deliver()
        assert (calls(forum), seen.tree()) == ([], before)

    def test_a_topic_that_people_moved_is_not_moved_by_us(self, begun, shelf, forum):
        seen = begun(structure=a_tree("1", TREE))
        deliver()
        topic = seen.topic("Honey")
        forum.person("admin").edit_topic(topic.id, category_id=a_category(forum, "Elsewhere"))
        where = topic.category_id
        publish_tree(shelf, a_tree("2", moved()))
        deliver()
        assert topic.category_id == where


class TestKilled:
    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("number", range(1, 13))
    def test_while_entities_are_moved_added_and_deleted(self, begun, shelf, monkeypatch, number, after):
        seen = begun(structure=a_tree("1", {**TREE, "Wasps": {"Nest": {}}}))
        deliver()
        changed = {**moved(), "Hornets": {"Paper": {}}}
        publish_tree(shelf, a_tree("2", changed, {"Hill": {"display_name": "Mound"}}))
        with dies(monkeypatch, number, after=after) as made:
            died = run_and_die()
        assert (died, len(made)) == (True, number) if number < 10 else died == (len(made) == number)
        deliver()
        assert names(seen) == {"Bees": ["Wax"], "Ants": ["Honey", "Mound"], "Hornets": ["Paper"]}
        assert not Conflict.objects.exists()
        assert not Intent.objects.exists()


class TestTags:
    def test_sections_are_tags(self, begun, forum):
        seen = begun("sections=tag", structure=a_tree("1", TREE))
        deliver()
        assert names(seen) == {"": ["Hill", "Honey", "Wax"]}
        assert {one.title.partition(" · ")[0]: one.tags for one in seen.topics()} == {
            "Hill": ["ants"],
            "Honey": ["bees"],
            "Wax": ["bees"],
        }

    def test_below_a_category_they_are_tags_by_themselves(self, begun, forum):
        parent = int(a_category(forum, "Parent"))
        seen = begun(remote=a_category(forum, "Child", parent), structure=a_tree("1", TREE))
        deliver()
        assert names(seen) == {"": ["Hill", "Honey", "Wax"]}
        assert seen.topic("Hill").tags == ["ants"]

    def test_what_moves_changes_its_tag_and_keeps_those_of_people(self, begun, shelf, forum):
        seen = begun("sections=tag", structure=a_tree("1", TREE))
        deliver()
        forum.person("admin").edit_topic(seen.topic("Honey").id, tags=["bees", "sweet"])
        forum.requests.clear()
        publish_tree(shelf, a_tree("2", moved()))
        deliver()
        assert sorted(seen.topic("Honey").tags) == ["ants", "sweet"]
        assert len(calls(forum)) == 1

    def test_a_tag_that_people_removed_is_not_set_again(self, begun, shelf, forum):
        seen = begun("sections=tag", structure=a_tree("1", TREE))
        deliver()
        forum.person("admin").edit_topic(seen.topic("Honey").id, tags=["sweet"])
        publish_tree(shelf, a_tree("2", moved()))
        deliver()
        assert seen.topic("Honey").tags == ["sweet"]

    def test_a_forum_with_three_levels_has_sub_categories_below_a_sub_category(self, begun, shelf, forum):
        forum.forum.settings.max_category_nesting = 3
        remote = a_category(forum, "Child", int(a_category(forum, "Parent")))
        seen = begun("sections=subcategory", remote=remote)
        deliver()
        assert {name: len(titles) for name, titles in seen.tree().items()} == {"section-0": 1, "section-1": 1}
        publish(shelf, "2", titles={"section-0": "Bees"})
        deliver()
        assert sorted(seen.tree()) == ["Bees", "section-1"]

    def test_no_forum_has_four_levels(self, shelf, forum):
        publish(shelf, "1")
        forum.forum.settings.max_category_nesting = 3
        add_target(forum, "sections=subcategory")
        remote = a_category(forum, "Third", int(a_category(forum, "Second", int(a_category(forum, "First")))))
        with pytest.raises(ConfigurationError, match="sections=tag"):
            api.link_plan(COURSE, "crm", remote)

    @pytest.mark.parametrize("answer", [Answer.json({"title": "Bees"}), Answer.json({"errors": ["None."]}, 404)])
    def test_a_forum_that_does_not_tell_how_many_levels_it_has(self, shelf, forum, answer):
        publish(shelf, "1")
        add_target(forum, "sections=subcategory")
        remote = a_category(forum, "Child", int(a_category(forum, "Parent")))
        forum.faults.append(Refuse(path="/site/settings", instead=answer))
        with pytest.raises(ConfigurationError, match="sections=tag"):
            api.link_plan(COURSE, "crm", remote)

    def test_a_sub_category_cannot_have_sub_categories(self, shelf, forum):
        publish(shelf, "1")
        add_target(forum, "sections=subcategory")
        remote = a_category(forum, "Child", int(a_category(forum, "Parent")))
        with pytest.raises(ConfigurationError, match="sections=tag"):
            api.link_plan(COURSE, "crm", remote)


class TestHidden:
    @pytest.mark.parametrize("option", ["subsection", "unit", "discussion"])
    def test_what_learners_must_not_see_is_not_sent_until_they_may(self, begun, shelf, option):
        seen = begun(f"topics={option}", structure=a_tree("1", TREE, {"Ants": HIDDEN, "Wax": HIDDEN}))
        deliver()
        assert list(names(seen)) == ["Bees"]
        assert not set(names(seen)["Bees"]) & {"Wax", "Candle"}
        publish_tree(shelf, a_tree("2", TREE))
        deliver()
        expected = {
            "subsection": ["Honey", "Wax"],
            "unit": ["Candle", "Comb", "Hive"],
            "discussion": ["Cells", "Queen"],
        }
        assert names(seen)["Bees"] == expected[option]
        assert len(names(seen)["Ants"]) == 1

    @pytest.mark.parametrize("option", ["subsection", "unit", "discussion"])
    def test_what_is_hidden_later_is_unlisted_until_it_is_shown(self, begun, shelf, forum, option):
        seen = begun(f"topics={option}", structure=a_tree("1", TREE))
        deliver()
        publish_tree(shelf, a_tree("2", TREE, {"Honey": HIDDEN}))
        deliver()
        hidden = {"subsection": {"Honey"}, "unit": {"Hive", "Comb"}, "discussion": {"Queen", "Cells"}}[option]
        assert {one.title.partition(" · ")[0] for one in seen.topics() if not one.visible} == hidden
        forum.requests.clear()
        publish_tree(shelf, a_tree("3", TREE))
        deliver()
        assert all(one.visible for one in seen.topics())
        assert len(calls(forum)) == len(hidden)

    def test_what_people_unlisted_stays_unlisted(self, begun, shelf, forum):
        seen = begun(structure=a_tree("1", TREE))
        deliver()
        forum.person("admin").set_status(seen.topic("Honey").id, "visible", False)
        for version, fields in (("2", {"Honey": HIDDEN}), ("3", {})):
            publish_tree(shelf, a_tree(version, TREE, fields))
            deliver()
        assert not seen.topic("Honey").visible

    def test_what_is_hidden_and_then_deleted_is_not_listed_before(self, begun, shelf, forum):
        begun(structure=a_tree("1", TREE))
        deliver()
        publish_tree(shelf, a_tree("2", TREE, {"Wax": HIDDEN}))
        deliver()
        number = ids_of("Wax")["topic"]
        forum.requests.clear()
        publish_tree(shelf, a_tree("3", {**TREE, "Bees": {"Honey": TREE["Bees"]["Honey"]}}))
        deliver()
        assert calls(forum) == [f"DELETE /t/{number}"]

    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("number", range(1, 7))
    def test_killed_at_each_request(self, begun, shelf, monkeypatch, number, after):
        seen = begun(structure=a_tree("1", TREE))
        deliver()
        for version, fields in (("2", {"Honey": HIDDEN}), ("3", {})):
            publish_tree(shelf, a_tree(version, TREE, fields))
            with dies(monkeypatch, number, after=after) as made:
                died = run_and_die()
            assert died == (len(made) == number)
            deliver()
            assert seen.topic("Honey").visible == (not fields)
            assert not Intent.objects.exists()


class TestLinks:
    def test_a_category_is_created(self, shelf, forum):
        publish(shelf, "1", titles={"course": "The life of bees and wasps, and why there are so few of them"})
        add_target(forum)
        plan = api.link_plan(COURSE, "crm", "")
        assert (plan.remote_id, plan.title) == ("", "The life of bees and wasps, and why there are so…")
        assert api.link_shown(COURSE, "crm", "", "openedx", plan.token).error == ""
        category = forum.forum.categories[int(Link.objects.get().remote_id)]
        assert (category.name, category.slug) == ("The life of bees and wasps, and why there are so…", "org-course-run")
        assert Link.objects.get().remote_url == f"{forum.url}/c/{category.id}"

    def test_a_category_of_this_name_may_be_meant(self, shelf, forum):
        publish(shelf, "1")
        add_target(forum)
        number = a_category(forum, "Course")
        with pytest.raises(ConfigurationError, match=f"--remote {number}"):
            api.link_plan(COURSE, "crm", "")
        assert calls(forum) == []

    def test_a_category_of_this_slug_is_told_before(self, shelf, forum):
        """The forum would refuse the creation: a slug is unique among the categories at the top."""
        publish(shelf, "1", titles={"course": "Bees"})
        add_target(forum)
        number = a_category(forum, "Wasps")
        forum.person("admin").edit_category(int(number), slug="org-course-run")
        with pytest.raises(ConfigurationError, match=f"'Wasps' has the slug 'org-course-run'.*--remote {number}"):
            api.link_plan(COURSE, "crm", "")
        assert calls(forum) == []

    def test_a_sub_category_of_this_slug_does_no_harm(self, shelf, forum):
        publish(shelf, "1", titles={"course": "Bees"})
        add_target(forum)
        inner = a_category(forum, "Inner", int(a_category(forum, "Wasps")))
        forum.person("admin").edit_category(int(inner), slug="org-course-run")
        plan = api.link_plan(COURSE, "crm", "")
        assert api.link_shown(COURSE, "crm", "", "openedx", plan.token).error == ""

    def test_a_linked_category_with_this_slug_is_not_offered(self, shelf, forum):
        """Two course keys may give one slug. The category is that of another course, so it cannot be linked."""
        publish(shelf, "1", titles={"course": "Bees"})
        add_target(forum)
        number = link(a_category(forum, "Wasps")).remote_id
        forum.person("admin").edit_category(int(number), slug="org-course-other")
        other = "course-v1:Org+Course+Other"
        shelf.publish(a_course("1", course=other, titles={"course": "Hornets"}))
        api.sync_course(other)
        with pytest.raises(ConfigurationError, match="another slug") as refused:
            api.link_plan(other, "crm", "")
        assert "--remote" not in str(refused.value)

    def test_tags_that_a_new_category_cannot_have_are_told_before(self, shelf, forum):
        """The forum may have no tags at all. It would leave them out, and say nothing."""
        publish(shelf, "1")
        add_target(forum, "sections=tag")
        forum.forum.settings.tagging_enabled = False
        with pytest.raises(ConfigurationError, match="may not create tags"):
            api.link_plan(COURSE, "crm", "")

    def test_who_does_as_the_refusal_says_gets_a_new_category(self, shelf, forum):
        publish(shelf, "1", titles={"course": "Bees"})
        add_target(forum)
        plan = api.link_plan(COURSE, "crm", "")
        assert api.link_shown(COURSE, "crm", "", "openedx", plan.token).error == ""
        old = int(Link.objects.get().remote_id)
        api.unlink_shown(COURSE, "crm", api.unlink_plan(COURSE, "crm").token)
        with pytest.raises(ConfigurationError, match="give that one another name and another slug"):
            api.link_plan(COURSE, "crm", "")
        forum.person("admin").edit_category(old, name="Old bees", slug="old-bees")
        plan = api.link_plan(COURSE, "crm", "")
        assert api.link_shown(COURSE, "crm", "", "openedx", plan.token).error == ""

    def test_another_run_of_a_linked_course_gets_another_name(self, shelf, forum):
        publish(shelf, "1", titles={"course": "Bees"})
        add_target(forum)
        link(a_category(forum, "Bees"))
        other = "course-v1:Org+Course+Other"
        shelf.publish(a_course("1", course=other, titles={"course": "Bees"}))
        api.sync_course(other)
        plan = api.link_plan(other, "crm", "")
        assert api.link_shown(other, "crm", "", "openedx", plan.token).error == ""
        assert [one.name[:7] for one in forum.forum.categories.values()][-2:] == ["Bees", "Bees · "]
        deliver()

    def test_a_category_that_is_not_there(self, shelf, forum):
        publish(shelf, "1")
        add_target(forum)
        with pytest.raises(ConfigurationError, match=r"no category 99.*/c/bees/12"):
            api.link_plan(COURSE, "crm", "99")

    @pytest.mark.parametrize(
        "form", ["{url}/c/bees/{id}", "{url}/c/2024/bees/{id}/l/latest", "{url}/c/{id}/", "/c/bees/{id}"]
    )
    def test_an_address_is_understood(self, shelf, forum, form):
        publish(shelf, "1")
        add_target(forum)
        remote = a_category(forum)
        assert api.link_plan(COURSE, "crm", form.format(url=forum.url, id=remote)).remote_id == remote

    @pytest.mark.parametrize("path", ["/t/bees/12", "/c/bees", "/categories"])
    def test_an_address_of_something_else(self, shelf, forum, path):
        publish(shelf, "1")
        add_target(forum)
        with pytest.raises(ConfigurationError, match="/c/bees/12"):
            api.link_plan(COURSE, "crm", forum.url + path)

    def test_a_user_who_may_not_create_categories(self, shelf, forum):
        publish(shelf, "1")
        add_target(forum, "api_username=moderator")
        with pytest.raises(ConfigurationError, match=r"may not create categories.*api_username"):
            api.link_plan(COURSE, "crm", "")

    @pytest.mark.parametrize("rights", [{"everyone": 2}, {"everyone": 3}])
    def test_a_user_who_may_not_create_topics(self, shelf, forum, rights):
        publish(shelf, "1")
        add_target(forum, "api_username=teacher", "sections=tag")
        remote = a_category(forum)
        forum.person("admin").edit_category(int(remote), permissions=rights)
        with pytest.raises(ConfigurationError, match=r"may not create topics in the category 'Bees'.*api_username"):
            api.link_plan(COURSE, "crm", remote)

    def test_a_user_who_may_not_create_sub_categories(self, shelf, forum):
        publish(shelf, "1")
        add_target(forum, "api_username=moderator")
        with pytest.raises(ConfigurationError, match=r"may not create sub-categories.*sections=tag"):
            api.link_plan(COURSE, "crm", a_category(forum))

    def test_a_user_who_may_not_create_tags(self, shelf, forum):
        """The forum would leave out the tags of the sections, and say nothing."""
        publish(shelf, "1")
        add_target(forum, "api_username=teacher", "sections=tag")
        remote = a_category(forum)
        with pytest.raises(ConfigurationError, match=r"may not create tags.*api_username"):
            api.link_plan(COURSE, "crm", remote)
        forum.forum.settings.create_tag_trust_level = 2
        assert api.link_plan(COURSE, "crm", remote).remote_id == remote

    def test_what_is_there_is_taken_over(self, shelf, forum):
        publish(shelf, "1")
        add_target(forum)
        remote = a_category(forum)
        section = a_category(forum, "section-0", int(remote))
        admin = forum.person("admin")
        topic = admin.create_topic("Subsection-0", "What is this part about, please?", int(section))
        admin.create_topic("Subsection-1", "What is this part about, please?", int(section))
        link(remote, "match")
        deliver()
        assert (ids_of("subsection-0"), ids_of("section-0", "chapter")) == (
            {"topic": str(topic.id)},
            {"category": section},
        )
        assert topic.title == "Subsection-0"
        api.reset("crm")
        deliver()
        assert "Subsection-0" not in str(list(LedgerEntity.objects.values_list("sides", flat=True)))
        assert len(calls(forum)) == 2

    @pytest.mark.parametrize("hidden", [{}, {"Honey": HIDDEN}])
    def test_unlink_and_delete(self, begun, forum, shelf, hidden):
        seen = begun(structure=a_tree("1", TREE))
        deliver()
        publish_tree(shelf, a_tree("2", TREE, hidden))
        deliver()
        forum.requests.clear()
        plan = api.unlink_plan(COURSE, "crm", delete_remote=True)
        done = api.unlink_shown(COURSE, "crm", plan.token, delete_remote=True)
        assert (done.error, seen.tree(), len(calls(forum))) == ("", {}, 5)


def test_a_section_has_the_rights_of_the_linked_category(begun, forum):
    remote = a_category(forum)
    forum.person("admin").edit_category(int(remote), permissions={"staff": 1})
    seen = begun(remote=remote)
    deliver()
    assert seen.section("section-0").permissions == {"staff": 1}


class TestTarget:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"token": ""}, "--token-file"),
            ({"token": "two words"}, "API key"),
            ({"url": "http://forum.example.org"}, "https://"),
            ({"url": "https://user:password@forum.example.org"}, "user name or a password"),
            ({"url": "https://forum.example.org/c/bees/12"}, "--url https://forum.example.org$"),
            ({"url": "https://example.org/forum/t/bees/12"}, "--url https://example.org/forum$"),
            ({"url": "https://forum.example.org/?x=1"}, "--url https://forum.example.org$"),
            ({"options": ["sections=page"]}, "subcategory, tag"),
            ({"options": ["topics=page"]}, "subsection, unit, discussion"),
            ({"options": ["api_username=two words"]}, "the name of a user"),
        ],
    )
    def test_what_is_wrong_is_said_when_it_is_added(self, forum, changes, words):
        given = {"url": forum.url, "token": forum.key, **changes}
        with pytest.raises(ConfigurationError, match=words):
            api.add_target("crm", backend="discourse", **given)

    @pytest.mark.parametrize(
        ("options", "ok", "words"),
        [
            ([], True, "administrator 'system'"),
            (["api_username=student"], False, "acts as 'student'. The user of the API key may not create categories."),
            (["api_username=student"], False, "Take a key of an administrator"),
            (["api_username=moderator", "sections=tag"], True, "is no administrator: link a category that is there"),
            (["api_username=student", "sections=tag"], False, "may not create tags"),
            (["sections=tag"], True, "administrator 'system'"),
            (["api_username=nobody"], False, "does not accept the API key"),
        ],
    )
    def test_the_test(self, forum, options, ok, words):
        add_target(forum, *options)
        report = api.test_target("crm")
        assert (report.ok, words in report.explanation) == (ok, True)
        assert calls(forum) == []

    @pytest.mark.parametrize("sections", ["tag", "subcategory"])
    @pytest.mark.parametrize("user", ["admin", "moderator", "teacher", "student"])
    def test_the_test_says_what_link_says(self, shelf, forum, sections, user):
        publish(shelf, "1")
        add_target(forum, f"api_username={user}", f"sections={sections}")
        remote = a_category(forum)
        try:
            may_link = bool(api.link_plan(COURSE, "crm", remote))
        except ConfigurationError:
            may_link = False
        assert api.test_target("crm").ok == may_link

    def test_the_test_of_a_forum_without_tags(self, forum):
        add_target(forum, "sections=tag")
        forum.forum.settings.tagging_enabled = False
        assert not api.test_target("crm").ok

    def test_a_key_with_scopes_cannot_create_categories(self, shelf, forum):
        """The forum refuses it like a bad key, and the message names the scope."""
        publish(shelf, "1")
        key = forum.new_key(scopes=[*SCOPES])
        api.add_target("crm", backend="discourse", url=forum.url, token=key)
        plan = api.link_plan(COURSE, "crm", "")
        with pytest.raises(ConfigurationError, match="scope"):
            api.link_shown(COURSE, "crm", "", "openedx", plan.token)

    def test_the_scopes_of_the_guide_are_enough_for_tags(self, shelf, forum):
        publish_tree(shelf, a_tree("1", TREE))
        key = forum.new_key(scopes=["global:read", "topics:write", "topics:update", "topics:delete"])
        api.add_target("crm", backend="discourse", url=forum.url, token=key, options=["sections=tag"])
        assert api.test_target("crm").ok
        link(a_category(forum))
        deliver()
        publish_tree(shelf, a_tree("2", {"Bees": {"Wax": {}}, "Ants": {"Hill": {}}}, {"Hill": HIDDEN}))
        deliver()

    def test_it_is_registered(self):
        assert targets.get("discourse").needs_link
