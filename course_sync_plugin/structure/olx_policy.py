"""``policies/<run>/policy.json`` of an export: settings of blocks that are not written in their XML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from course_sync_plugin.structure.values import shown

Policy = Mapping[str, Mapping[str, Any]]


def read_policy(files: Mapping[str, bytes], run: str, warnings: list[str]) -> Policy:
    """Return the settings by ``type/url_name``; nothing where the run has no policy.

    A policy that is no JSON is passed over with a warning, as the platform does (``load_policy`` in
    ``xmodule/modulestore/xml.py``), and so is an entry that is no object.
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
        warnings.append(f"{path} is passed over: it is no JSON ({error})")
        return {}
    if not isinstance(policy, dict):
        warnings.append(f"{path} is passed over: it is no JSON object")
        return {}
    for key, settings in policy.items():
        if not isinstance(settings, dict):
            warnings.append(f"{path}: {shown(key)} is passed over: {shown(settings)} is no JSON object")
    return {key: settings for key, settings in policy.items() if isinstance(settings, dict)}
