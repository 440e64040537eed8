"""Discourse. ``site`` maps a course to a category, with ``mapping``, ``sections``, ``entity_topics``, ``titles``.

The HTTP layer below it: ``client``, ``errors``, ``fields``, and a module of calls for each kind of record.

Behaviour of Discourse and its sources: ``docs/references/fake_discourse.rst``.
"""
