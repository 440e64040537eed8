"""A process that starts workers at once: each line of input forks a child, which delivers until nothing is due.

It prints the number of the child's process, and when the child has ended, a line with its status: -9 if it was killed.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Fork workers until the input ends. The parent opens no connection, so no child inherits one."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "sandbox.settings"
    import django

    django.setup()
    from course_sync_plugin import api
    from course_sync_plugin.targets.registry import targets

    for name in targets.names():
        targets.get(name)
    print("ready", flush=True)
    for _line in sys.stdin:
        child = os.fork()
        if not child:
            api.deliver_until_empty()
            os._exit(0)
        print(child, flush=True)
        _pid, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
