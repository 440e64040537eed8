"""The site settings of the fake forum that decide what it accepts, with the defaults of Discourse."""

from __future__ import annotations

import attrs


@attrs.define
class SiteSettings:
    """The settings. A test may change each of them at any time.

    Source of names and defaults: discourse, config/site_settings.yml. The defaults of categories and tags and of
    ``retry_web_hook_events`` were not read again (``docs/references/fake_discourse.rst``).
    """

    #: Titles: characters, different bytes, longest word, cleaning, capital letters.
    min_topic_title_length: int = 15
    max_topic_title_length: int = 255
    min_personal_message_title_length: int = 2
    title_min_entropy: int = 10
    title_max_word_length: int = 30
    title_prettify: bool = True
    allow_uppercase_posts: bool = False
    allow_duplicate_topic_titles: bool = False
    allow_duplicate_topic_titles_category: bool = False
    #: Bodies: characters and different bytes.
    min_first_post_length: int = 20
    min_post_length: int = 20
    min_personal_message_post_length: int = 10
    max_post_length: int = 32000
    body_min_entropy: int = 7
    #: Minutes in which a person, who is not staff, may not post the same text again.
    unique_posts_mins: int = 5
    #: Whether persons who are not staff may begin topics without a category.
    allow_uncategorized_topics: bool = False
    #: Minutes in which persons may edit their own posts: new ones, and those from trust level 2 on; 0: for ever.
    post_edit_time_limit: int = 1440
    tl2_post_edit_time_limit: int = 43200
    #: Edits by the same person in these seconds, and within these characters, make no new version.
    editing_grace_period: int = 300
    editing_grace_period_max_diff: int = 100
    editing_grace_period_max_diff_high_trust: int = 400
    #: Categories and tags.
    max_category_nesting: int = 2
    show_category_definitions_in_topic_lists: bool = False
    tagging_enabled: bool = True
    force_lowercase_tags: bool = True
    max_tag_length: int = 20
    max_tags_per_topic: int = 5
    #: The trust level from which a person who is not staff may make new tags.
    create_tag_trust_level: int = 3
    #: Whether nobody is notified when the category, or the tags, of a topic change.
    disable_category_edit_notifications: bool = False
    disable_tags_edit_notifications: bool = False
    #: Whether moderators may make and change categories.
    moderators_manage_categories: bool = False
    #: Answers 410 for deleted topics and 403 for topics of closed groups, instead of 404.
    detailed_404: bool = False
    #: Whether a webhook is sent again after an answer that is no success.
    retry_web_hook_events: bool = False
