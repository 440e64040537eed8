"""What the user of the API key must be allowed to do at the forum. ``test`` and ``link`` ask the same."""

from __future__ import annotations

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.targets.discourse import categories, tags
from course_sync_plugin.targets.discourse.categories import Category
from course_sync_plugin.targets.discourse.client import DiscourseClient


def check_categories(client: DiscourseClient) -> None:
    """Raise ConfigurationError if the user may not create categories."""
    if not categories.may_create(client):
        raise ConfigurationError(_no_right("create categories"))


def check_tags(client: DiscourseClient) -> None:
    """Raise ConfigurationError if the user may not create tags. The forum would leave them out, and say nothing."""
    if not tags.may_create(client):
        raise ConfigurationError(
            f"{_no_right('create tags')} The forum's settings for tags say who may, and whether there are tags at all."
        )


def check_category(category: Category, *, has_sections: bool) -> None:
    """Raise ConfigurationError if the user may do too little in a category.

    ``has_sections``: sections become sub-categories of it.
    """
    if not category.takes_topics:
        raise ConfigurationError(_no_right(f"create topics in the category '{category.name}'"))
    if has_sections and not category.can_edit:
        without = "Or take the option sections=tag, which needs no sub-categories."
        raise ConfigurationError(f"{_no_right('create sub-categories')} {without}")


def _no_right(what: str) -> str:
    return (
        f"The user of the API key may not {what}. Take a key of an administrator, or name one with the option "
        "'api_username'."
    )
