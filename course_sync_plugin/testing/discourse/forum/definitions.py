"""The definition topic of a category: *About the … category*. It is pinned, and holds the description.

Sources: discourse, app/models/category.rb (``create_category_definition``, ``rename_category_definition``,
``first_paragraph_description``, ``trash_category_definition``), lib/post_revisor.rb (``update_category_description``),
config/locales/server.en.yml (``category.topic_prefix``, ``category.replace_paragraph``, ``category.post_template``).
"""

from __future__ import annotations

from course_sync_plugin.testing.discourse.forum.records import Category, Topic
from course_sync_plugin.testing.discourse.forum.state import Forum
from course_sync_plugin.testing.discourse.forum.texts import cook, first_paragraph

REPLACE = (
    "(Replace this first paragraph with a brief description of your new category. This guidance will appear in the "
    "category selection area, so try to keep it below 200 characters.)"
)
TEMPLATE = (
    f"{REPLACE}\n\nUse the following paragraphs for a longer description, or to establish category guidelines or rules:"
)


def definition_title(name: str) -> str:
    """Return the title of the definition topic of a category."""
    return f"About the {name} category"


def create_definition(forum: Forum, category: Category, description: str) -> None:
    """Make the definition topic, unchecked: its title may be taken or too long. No topic event is told."""
    time, owner = forum.clock.now(), forum.users[category.user_id]
    title = definition_title(category.name)
    topic = Topic(forum.number("topic"), title, owner.id, category.id, time, time, time, pinned_at=time)
    forum.topics[topic.id] = topic
    forum.new_post(topic, owner, description or TEMPLATE, time)
    category.topic_id = topic.id
    category.description = cook(description) if description else None


def rename_definition(forum: Forum, category: Category, old_name: str) -> None:
    """Rename the definition topic with its category, unless a person has given it another title."""
    topic = forum.topics.get(category.topic_id or 0)
    if topic and topic.title == definition_title(old_name):
        topic.title = definition_title(category.name)


def describe(forum: Forum, category: Category, description: str) -> None:
    """Set the description: the first post gets the text, and the category its first paragraph."""
    topic = forum.topics.get(category.topic_id or 0)
    if topic:
        forum.first_post(topic).raw = description
        take_description(forum, category)


def take_description(forum: Forum, category: Category) -> None:
    """Read the description from the first paragraph of the definition topic."""
    topic = forum.topics[category.topic_id or 0]
    paragraph = first_paragraph(cook(forum.first_post(topic).raw))
    category.description = None if paragraph == first_paragraph(cook(REPLACE)) else paragraph


def trash_definition(forum: Forum, category: Category) -> None:
    """Delete the definition topic with its category. No topic event is told."""
    topic = forum.topics.get(category.topic_id or 0)
    if topic:
        topic.deleted_at = forum.clock.now()
