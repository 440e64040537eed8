#!/usr/bin/env python
"""The sandbox: a small Django host for development and the demo, without edx-platform."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sandbox.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:  # what is wrong in the environment is the user's to mend, not ours
        sys.exit(f"manage.py: {error}")
