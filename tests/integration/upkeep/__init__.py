"""Integration tests of the package ``upkeep``."""
