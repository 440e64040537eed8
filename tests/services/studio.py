"""A process in which authors publish.

Each line of input names a course to publish. The answer is a line with the seconds that it took.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> None:
    """Publish courses until the input ends."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "sandbox.settings"
    import django

    django.setup()
    from sandbox.published.publishing import publish_structure
    from tests.integration.courses import a_course

    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        structure = a_course(asked["version"], course=asked["course"], titles=asked["titles"])
        began = time.perf_counter()
        publish_structure(structure)
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
