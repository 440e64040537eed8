"""Integration tests of the management commands."""
