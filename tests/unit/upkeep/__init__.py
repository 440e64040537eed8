"""Unit tests of the package ``upkeep``."""
