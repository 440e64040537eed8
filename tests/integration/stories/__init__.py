"""Failures that happened to others, each repeated here (docs/concepts/testing.rst lists them all)."""
