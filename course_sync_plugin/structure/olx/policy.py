"""Reads ``policies/<run>/policy.json`` of an export: settings of blocks that are not written in their XML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from course_sync_plugin.sanitize.text import short_repr

Policy = Mapping[str, Mapping[str, Any]]


def read_policy(files: Mapping[str, bytes], run: str, warnings: list[str]) -> Policy:
    """Return the settings by ``type/url_name``; empty if the run has no policy.

    A policy that is not JSON is ignored with a warning, as in the platform (``load_policy`` in
    ``xmodule/modulestore/xml.py``). An entry that is not a JSON object is ignored in the same way.
    """
    for path in (f"policies/{run}/policy.json", f"policies/{run}.json"):
        if path in files:
            policy = _parsed(files[path], path, warnings)
            if policy:
                return policy
    return {}


def _parsed(data: bytes, path: str, warnings: list[str]) -> Policy:
    try:
        policy = json.loads(data)
    except (ValueError, RecursionError) as error:
        warnings.append(f"{path} is ignored: it is not JSON ({error})")
        return {}
    if not isinstance(policy, dict):
        warnings.append(f"{path} is ignored: it is not a JSON object")
        return {}
    for key, settings in policy.items():
        if not isinstance(settings, dict):
            warnings.append(f"{path}: {short_repr(key)} is ignored: {short_repr(settings)} is not a JSON object")
    return {key: settings for key, settings in policy.items() if isinstance(settings, dict)}
