"""Integration tests of the package ``models``."""
