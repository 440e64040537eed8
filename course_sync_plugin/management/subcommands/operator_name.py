"""Names the person who runs a command, for the record of what operators do."""

from __future__ import annotations

import getpass
import os
import socket


def operator_name() -> str:
    """Return ``user@host`` of the operating system. A user without a name, as in many containers, has its number."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # Python 3.13 raises OSError where older ones raise KeyError
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"
