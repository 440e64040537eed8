"""The conflict strategies by their names, from the entry point group ``course_sync_plugin.conflict_strategy``."""

from __future__ import annotations

from course_sync_plugin.registry import Registry

conflict_strategies = Registry("course_sync_plugin.conflict_strategy")
