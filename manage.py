#!/usr/bin/env python
"""Runs management commands in the sandbox: a small Django host for development and the demo, without edx-platform."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sandbox.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:  # the user must correct the environment, so a traceback does not help
        sys.exit(f"manage.py: {error}")
