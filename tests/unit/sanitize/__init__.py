"""Unit tests of the package ``sanitize``."""
