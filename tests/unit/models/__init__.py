"""Unit tests of the package ``models``."""
