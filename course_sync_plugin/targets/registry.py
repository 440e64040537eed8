"""The registry of installed targets: the built-in ones and those of other packages."""

from __future__ import annotations

from course_sync_plugin.registry import Registry

targets = Registry("course_sync_plugin.target")
