"""Integration tests of the package ``signals``."""
