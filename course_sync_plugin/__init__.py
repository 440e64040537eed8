"""Keeps other systems in step with Open edX courses: every published change, once, in order."""

__version__ = "0.1.0"
